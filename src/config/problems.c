/* SPDX-License-Identifier: Apache-2.0 */
#include "config/problems.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/text.h"
#include "config/yaml_tree.h"

#define PROBLEMS_FIRST_CAPACITY 8

struct problem {
	uint32_t line;
	uint32_t order; /* as they were found, among those of one line */
	const char *text;
};

void problems_init(struct problems *problems, const char *file)
{
	*problems = (struct problems){ .file = file };
}

void problems_fini(struct problems *problems)
{
	mem_free(problems->items);
	arena_fini(&problems->memory);
	problems_init(problems, NULL);
}

/* --- places -------------------------------------------------------------- */

/* The key's node in the mapping that @up stands for. */
static const struct yaml_node *place_key(const struct place *place)
{
	const struct yaml_node *up = place_node(place->up);

	return up ? yaml_find(up, place->key) : NULL;
}

const struct yaml_node *place_find(const struct place *place)
{
	const struct yaml_node *node;

	if (place->node || !place->up)
		return place->node;
	if (place->key) {
		node = place_key(place);
		return node ? node + 1 : NULL;
	}
	node = place_node(place->up);
	if (!node || node->kind != YAML_SEQUENCE || place->index >= node->n)
		return NULL;
	return &node->items[place->index];
}

const struct yaml_node *place_node(const struct place *place)
{
	const struct yaml_node *node = place_find(place);

	return node ? yaml_target(node) : NULL;
}

bool place_left_out(const struct place *place)
{
	const struct yaml_node *node = place_find(place);

	return node && node->skip;
}

bool place_reported(const struct place *place)
{
	return place_left_out(place) && !place_node(place)->null;
}

/* Of the key where there is one, else of the value, else of what is around. */
static uint32_t place_line(const struct place *place)
{
	const struct yaml_node *node;

	for (; place; place = place->up) {
		if (place->line)
			return place->line;
		node = place->up && place->key ? place_key(place)
		                               : place_node(place);
		if (node)
			return node->line;
	}
	return 1;
}

static void place_print(const struct place *place, struct buf *line)
{
	if (place->up && place->up->up)
		place_print(place->up, line);
	if (!place->key) {
		(void)buf_printf(line, "[%zu]", place->index);
		return;
	}
	if (place->up->up)
		(void)buf_putc(line, '.');
	text_escape_plain(line, slice_from(place->key));
}

/* --- collecting ---------------------------------------------------------- */

static int problems_room(struct problems *problems)
{
	size_t cap =
		problems->cap ? problems->cap * 2 : PROBLEMS_FIRST_CAPACITY;
	struct problem *items;

	if (problems->n < problems->cap)
		return 0;
	items = mem_realloc(problems->items, cap * sizeof(*items));
	if (!items)
		return -ENOMEM;
	problems->items = items;
	problems->cap = cap;
	return 0;
}

/* Takes the finished line over. */
static void problems_add(struct problems *problems, uint32_t line,
                         struct buf *text)
{
	char *copy = NULL;

	if (text->failed == 0 || text->failed == -E2BIG)
		copy = arena_copy(&problems->memory, buf_slice(text));
	buf_fini(text);
	if (!copy || problems_room(problems) < 0) {
		problems->failed = -ENOMEM;
		return;
	}
	problems->items[problems->n] = (struct problem){
		.line = line, .order = (uint32_t)problems->n, .text = copy
	};
	problems->n++;
}

/* Begins a line, unless there are enough of them. */
static bool problems_begin(struct problems *problems, struct buf *text)
{
	if (problems->n >= PROBLEMS_MAX) {
		problems->n_dropped++;
		return false;
	}
	buf_init(text, PROBLEM_MAX_TEXT);
	return true;
}

void problem_file(struct problems *problems, uint32_t line, const char *format,
                  ...)
{
	struct buf text;
	va_list args;

	if (!problems_begin(problems, &text))
		return;
	(void)buf_puts(&text, problems->file);
	if (line)
		(void)buf_printf(&text, ":%u", line);
	(void)buf_puts(&text, ": ");
	va_start(args, format);
	(void)buf_vprintf(&text, format, args);
	va_end(args);
	problems_add(problems, line, &text);
}

/* In quotes; cut between two characters where it is long. */
static void value_print(struct slice value, struct buf *line)
{
	size_t n = MIN(value.n, PROBLEM_MAX_VALUE);

	while (n < value.n && n > 0 && (value.p[n] & 0xc0) == 0x80)
		n--;
	(void)buf_putc(line, '"');
	text_escape_plain(line, slice_make(value.p, n));
	(void)buf_puts(line, n < value.n ? "…\" " : "\" ");
}

void problem_vat(struct problems *problems, const struct place *place,
                 const struct slice *value, const char *format, va_list args)
{
	uint32_t line = place->origin ? 0 : place_line(place);
	struct buf text;

	if (!problems_begin(problems, &text))
		return;
	if (place->origin)
		(void)buf_printf(&text, "%s: ", place->origin);
	else
		(void)buf_printf(&text, "%s:%u: ", problems->file, line);
	if (!place->origin && place->up) {
		place_print(place, &text);
		(void)buf_puts(&text, ": ");
	}
	if (value)
		value_print(*value, &text);
	(void)buf_vprintf(&text, format, args);
	problems_add(problems, line, &text);
}

void problem_at(struct problems *problems, const struct place *place,
                const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problem_vat(problems, place, NULL, format, args);
	va_end(args);
}

void problem_value(struct problems *problems, const struct place *place,
                   struct slice value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	problem_vat(problems, place, &value, format, args);
	va_end(args);
}

/* --- printing ------------------------------------------------------------ */

static int by_line(const void *left, const void *right)
{
	const struct problem *a = left;
	const struct problem *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

int problems_print(struct problems *problems, struct buf *out)
{
	if (problems->n)
		qsort(problems->items, problems->n, sizeof(*problems->items),
		      by_line);
	for (size_t i = 0; i < problems->n; i++)
		(void)buf_printf(out, "%s\n", problems->items[i].text);
	if (problems->n_dropped)
		(void)buf_printf(out, "%s: and %zu more problems\n",
		                 problems->file, problems->n_dropped);
	return out->failed;
}
