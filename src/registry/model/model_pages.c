/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "registry/model/model_private.h"

/* The first page whose number is not less. */
static size_t seek(const struct pages *pages, uint64_t number)
{
	size_t from = 0, to = pages->n;

	/* ids grow and few go: mostly each page stands at its own number */
	if (number < pages->n && pages->items[number]->number == number)
		return (size_t)number;
	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (pages->items[middle]->number < number)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct page *find(const struct pages *pages, uint64_t id)
{
	size_t at = seek(pages, id / PAGE_SLOTS);

	if (at == pages->n || pages->items[at]->number != id / PAGE_SLOTS)
		return NULL;
	return pages->items[at];
}

struct object *pages_get(const struct pages *pages, uint64_t id)
{
	struct page *page = find(pages, id);

	return page ? page->slots[id % PAGE_SLOTS] : NULL;
}

struct object *pages_next(const struct pages *pages, uint64_t after_id)
{
	uint64_t id = after_id + 1;

	for (size_t at = seek(pages, id / PAGE_SLOTS); at < pages->n; at++) {
		struct page *page = pages->items[at];
		size_t slot =
			page->number == id / PAGE_SLOTS ? id % PAGE_SLOTS : 0;

		for (; slot < PAGE_SLOTS; slot++) {
			if (page->slots[slot])
				return page->slots[slot];
		}
	}
	return NULL;
}

int pages_reserve(struct pages *pages, uint64_t id)
{
	uint64_t number = id / PAGE_SLOTS;
	size_t at = seek(pages, number);
	struct page **items = pages->items;
	struct page *page;

	if (at < pages->n && items[at]->number == number)
		return 0;
	if (pages->n == pages->cap) {
		size_t cap = pages->cap ? pages->cap * 2 : 4;

		items = mem_realloc(items, cap * sizeof(*items));
		if (!items)
			return -ENOMEM;
		pages->items = items;
		pages->cap = cap;
	}
	page = mem_calloc(1, sizeof(*page));
	if (!page)
		return -ENOMEM;
	page->number = number;
	memmove(&items[at + 1], &items[at], (pages->n - at) * sizeof(*items));
	items[at] = page;
	pages->n++;
	pages->some_empty = true;
	return 0;
}

void pages_set(struct pages *pages, uint64_t id, struct object *object)
{
	struct page *page = find(pages, id);
	struct object **slot = &page->slots[id % PAGE_SLOTS];

	if (object && !*slot)
		page->n++;
	if (!object && *slot && --page->n == 0)
		pages->some_empty = true;
	*slot = object;
}

void pages_trim(struct pages *pages)
{
	size_t n = 0;

	if (!pages->some_empty)
		return;
	for (size_t i = 0; i < pages->n; i++) {
		if (pages->items[i]->n)
			pages->items[n++] = pages->items[i];
		else
			mem_free(pages->items[i]);
	}
	pages->n = n;
	pages->some_empty = false;
}

void pages_fini(struct pages *pages)
{
	for (size_t i = 0; i < pages->n; i++)
		mem_free(pages->items[i]);
	mem_free(pages->items);
}
