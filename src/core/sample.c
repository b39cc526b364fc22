/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sample.h"

#include <errno.h>
#include "base/mem.h"

#define FIRST_SAMPLES 4
#define FIRST_LABELS  16
#define KEPT_TEXT     4096 /* bytes that a reset does not give back */

void sample_list_init(struct sample_list *list, size_t max)
{
	*list = (struct sample_list){ .max = max };
	buf_init(&list->text, SAMPLE_MAX_TEXT);
}

void sample_list_fini(struct sample_list *list)
{
	buf_fini(&list->text);
	mem_free(list->samples);
	mem_free(list->labels);
	*list = (struct sample_list){ .max = list->max };
}

void sample_list_reset(struct sample_list *list)
{
	if (list->text.cap > KEPT_TEXT) {
		sample_list_fini(list);
		buf_init(&list->text, SAMPLE_MAX_TEXT);
	}
	buf_reset(&list->text);
	list->n = 0;
	list->n_labels = 0;
}

/* @items, maybe moved, with room for @n more of @size bytes each and at least
 * for one; *capp counts them. NULL if out of memory. */
static void *make_room(void *items, size_t n_used, size_t *capp, size_t n,
                       size_t first, size_t size)
{
	size_t wanted = n_used + MAX(n, 1);
	size_t cap = MAX(*capp, first);
	void *moved;

	if (wanted <= *capp)
		return items;
	while (cap < wanted)
		cap *= 2;
	moved = mem_realloc(items, cap * size);
	if (moved)
		*capp = cap;
	return moved;
}

static int make_rooms(struct sample_list *list, size_t n_labels, size_t n_text)
{
	void *samples = make_room(list->samples, list->n, &list->cap, 1,
	                          FIRST_SAMPLES, sizeof(*list->samples));
	void *labels;

	if (!samples)
		return -ENOMEM;
	list->samples = samples;
	labels = make_room(list->labels, list->n_labels, &list->cap_labels,
	                   n_labels, FIRST_LABELS, sizeof(*list->labels));
	if (!labels)
		return -ENOMEM;
	list->labels = labels;
	return buf_reserve(&list->text, n_text);
}

/* All but the name of the metric, by their names; most come so. */
static size_t sort_labels(const struct label *labels, size_t n_labels,
                          struct label *sorted)
{
	size_t n = 0;

	for (size_t i = 0; i < n_labels; i++) {
		size_t at = n;

		if (slice_is(labels[i].name, "__name__"))
			continue;
		for (; at > 0 &&
		       slice_compare(sorted[at - 1].name, labels[i].name) > 0;
		     at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = labels[i];
		n++;
	}
	return n;
}

static size_t length_of(const struct label *labels, size_t n)
{
	size_t length = 0;

	for (size_t i = 0; i < n; i++)
		length += labels[i].name.n + labels[i].value.n;
	return length;
}

/* Only how long each is: the text may still move. */
static void keep_label(struct sample_list *list, const struct label *label)
{
	(void)buf_append(&list->text, label->name.p, label->name.n);
	(void)buf_append(&list->text, label->value.p, label->value.n);
	list->labels[list->n_labels++] = (struct label){
		slice_make(NULL, label->name.n),
		slice_make(NULL, label->value.n),
	};
}

int sample_list_add(struct sample_list *list, const struct label *labels,
                    size_t n_labels, double value)
{
	struct label sorted[SAMPLE_MAX_LABELS + 1];
	size_t n;
	int r;

	if (list->n == list->max)
		return SAMPLE_E_TOO_MANY;
	if (n_labels > ARRAY_SIZE(sorted))
		return SAMPLE_E_TOO_LARGE;
	n = sort_labels(labels, n_labels, sorted);
	if (n > SAMPLE_MAX_LABELS ||
	    length_of(sorted, n) > SAMPLE_MAX_TEXT - list->text.n)
		return SAMPLE_E_TOO_LARGE;
	r = make_rooms(list, n, length_of(sorted, n));
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		keep_label(list, &sorted[i]);
	list->samples[list->n++] = (struct sample){ NULL, n, value };
	return 0;
}

void sample_list_end(struct sample_list *list)
{
	const char *text = buf_text(&list->text);
	struct label *label = list->labels;

	for (size_t i = 0; i < list->n; i++) {
		struct sample *sample = &list->samples[i];

		sample->labels = label;
		for (size_t k = 0; k < sample->n_labels; k++, label++) {
			label->name.p = text;
			label->value.p = text + label->name.n;
			text = label->value.p + label->value.n;
		}
	}
}
