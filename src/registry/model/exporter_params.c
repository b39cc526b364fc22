/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/exporter_params.h"

#include <errno.h>
#include "base/buf.h"
#include "base/text.h"
#include "proto/url.h"
#include "registry/model/check.h"

#define PREFIX    "__param_"
#define MAX_PAIRS 128 /* of the query and of what was given */

struct pairs {
	struct arena *arena;
	struct label items[MAX_PAIRS]; /* by name; equal ones as they came */
	size_t n;
};

static void pairs_add(struct pairs *pairs, struct slice name,
                      struct slice value)
{
	size_t at = pairs->n;

	if (pairs->n == MAX_PAIRS || check_label_name(name, NULL) < 0)
		return;
	while (at && slice_compare(pairs->items[at - 1].name, name) > 0)
		at--;
	for (size_t i = at; i && slice_equal(pairs->items[i - 1].name, name);
	     i--) {
		if (slice_equal(pairs->items[i - 1].value, value))
			return;
	}
	memmove(pairs->items + at + 1, pairs->items + at,
	        (pairs->n - at) * sizeof(*pairs->items));
	pairs->items[at] = (struct label){ name, value };
	pairs->n++;
}

/* As forms write it: a plus is a blank. What is no escape stays as it is. */
static int decode(struct arena *arena, struct slice text, struct slice *out)
{
	struct buf decoded;
	char *copy = arena_copy(arena, text);
	int r = -ENOMEM;

	if (!copy)
		return -ENOMEM;
	*out = slice_make(copy, text.n);
	for (size_t i = 0; i < text.n; i++) {
		if (copy[i] == '+')
			copy[i] = ' ';
	}
	if (!memchr(text.p, '%', text.n))
		return 0;
	buf_init(&decoded, text.n);
	r = url_decode(&decoded, *out);
	if (r == 0) {
		memcpy(copy, decoded.p, decoded.n);
		out->n = decoded.n;
	}
	buf_fini(&decoded);
	return r == -ENOMEM ? r : 0;
}

static int pairs_add_query(struct pairs *pairs, struct slice query)
{
	struct slice part;

	while (slice_next(&query, '&', &part)) {
		struct slice value = part;
		struct slice name;
		int r;

		if (!slice_next(&value, '=', &name))
			continue;
		r = decode(pairs->arena, name, &name);
		if (r == 0)
			r = decode(pairs->arena, value, &value);
		if (r < 0)
			return r;
		pairs_add(pairs, name, value);
	}
	return 0;
}

static int fill_item(struct arena *arena, const struct label *pairs, size_t n,
                     struct exporter_param *item)
{
	struct slice name = pairs[0].name;
	char *label = arena_alloc(arena, strlen(PREFIX) + name.n);
	char *at;

	item->values = arena_calloc(arena, n, sizeof(*item->values));
	if (!label || !item->values)
		return -ENOMEM;
	at = label;
	(void)text_put_slice(&at, slice_from(PREFIX));
	(void)text_put_slice(&at, name);
	item->label = slice_make(label, strlen(PREFIX) + name.n);
	for (size_t i = 0; i < n; i++)
		item->values[i] = pairs[i].value;
	item->n_values = (uint32_t)n;
	return 0;
}

static int fill(struct pairs *pairs, struct exporter_params *params)
{
	params->items =
		arena_calloc(pairs->arena, pairs->n, sizeof(*params->items));
	if (!params->items)
		return -ENOMEM;
	for (size_t from = 0, to; from < pairs->n; from = to) {
		struct exporter_param *item = &params->items[params->n++];

		to = from + 1;
		while (to < pairs->n && slice_equal(pairs->items[to].name,
		                                    pairs->items[from].name))
			to++;
		if (fill_item(pairs->arena, pairs->items + from, to - from,
		              item) < 0)
			return -ENOMEM;
		params->n_combinations =
			MIN(params->n_combinations * item->n_values,
		            PARAMS_MAX_COMBINATIONS);
	}
	return 0;
}

int exporter_params(struct arena *arena, const struct object *exporter,
                    struct exporter_params *params)
{
	const struct label_set *given =
		object_labels(exporter, EXPORTER_PARAMS);
	struct slice query = slice_from(object_text(exporter, EXPORTER_PATH));
	struct pairs pairs = { .arena = arena };

	*params = (struct exporter_params){ .n_combinations = 1 };
	if (slice_next(&query, '?', &params->path) &&
	    pairs_add_query(&pairs, query) < 0)
		return -ENOMEM;
	for (uint32_t i = 0; given && i < given->n; i++)
		pairs_add(&pairs, given->items[i].name, given->items[i].value);
	return pairs.n ? fill(&pairs, params) : 0;
}

struct slice exporter_params_value(const struct exporter_params *params,
                                   uint32_t nth, uint32_t item)
{
	for (uint32_t i = params->n - 1; i > item; i--)
		nth /= params->items[i].n_values;
	return params->items[item].values[nth % params->items[item].n_values];
}
