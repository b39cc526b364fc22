/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_store_parts.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/number.h"
#include "proto/timestamp.h"

/* --- the metrics of a group ---------------------------------------------------- */

static int compare_items(const void *a, const void *b)
{
	return slice_compare(((const struct view_item *)a)->family->name,
	                     ((const struct view_item *)b)->family->name);
}

static int add_item(struct push_view *view, struct view_item item)
{
	if (view->n_items == view->cap_items) {
		uint32_t cap = view->cap_items ? view->cap_items * 2 : 16;
		void *items =
			mem_realloc(view->items, cap * sizeof(*view->items));

		if (!items)
			return -ENOMEM;
		view->items = items;
		view->cap_items = cap;
	}
	item.chunk->refs++;
	item.family->refs++;
	view->items[view->n_items++] = item;
	return 0;
}

static void drop_items(struct push_view *view)
{
	for (uint32_t i = 0; i < view->n_items; i++) {
		chunk_unref(view->items[i].chunk);
		family_unref(view->store, view->items[i].family);
	}
	view->n_items = 0;
	view->item = 0;
}

/* All at once, with references, so that it may be written in slices. */
static int take_items(struct push_view *view, const struct store_group *group)
{
	const struct push_store *store = view->store;
	int r = 0;

	for (uint32_t i = 0; i < group->n_slots && r == 0; i++) {
		const struct push_metric *metric =
			metric_by_id(store, group->slots[i]);

		if (metric->chunk->version <= view->version)
			r = add_item(view,
			             (struct view_item){
					     metric->family, metric->group,
					     metric->chunk, metric->offset,
					     metric->length,
					     (enum metric_type)
						     metric->family->type });
	}
	LIST_FOR_EACH (node, &group->kept) {
		const struct store_kept *kept =
			container_of(node, struct store_kept, in_group);

		if (kept->born <= view->version && view->version < kept->died &&
		    r == 0)
			r = add_item(
				view,
				(struct view_item){
					kept->family, kept->group,
					kept->lines.chunk, kept->lines.offset,
					kept->lines.length,
					(enum metric_type)kept->lines.type });
	}
	if (view->n_items > 1)
		qsort(view->items, view->n_items, sizeof(*view->items),
		      compare_items);
	return r;
}

/* --- a family of a group ----------------------------------------------------------- */

static void begin_family(struct push_view *view, struct slice name,
                         int64_t wall_ms, enum metric_type type,
                         struct slice help)
{
	struct json_writer *json = &view->json;
	char stamp[TIMESTAMP_TEXT_MAX];
	char upper[32];
	const char *text = metric_type_name(type);
	size_t n = 0;

	for (; text[n] && n < sizeof(upper) - 1; n++)
		upper[n] = (char)toupper((unsigned char)text[n]);
	upper[n] = '\0';
	json_key_slice(json, name);
	json_write_object(json);
	json_write_key(json, "time_stamp");
	json_write_string(json, timestamp_format(wall_ms, stamp));
	json_write_key(json, "type");
	json_write_string(json, type == METRIC_GAUGE_HISTOGRAM
	                                ? "GAUGE_HISTOGRAM"
	                                : upper);
	if (help.n > 0) {
		json_write_key(json, "help");
		json_write_slice(json, help);
	}
	json_write_key(json, "metrics");
	json_write_array(json);
}

/* What there was no memory for must not be taken for empty. */
static void fail_with(struct push_view *view, const struct buf *scratch)
{
	if (scratch->failed)
		view->json.buf->failed = scratch->failed;
}

static void write_labels(struct push_view *view,
                         const struct store_group *group,
                         const struct store_line *line, const char *but)
{
	struct line_labels walk = line_labels(group, line);
	struct slice piece;

	json_write_key(&view->json, "labels");
	json_write_object(&view->json);
	while (line_next_label(&walk, &piece)) {
		struct slice name = piece_name(piece);

		if (but && slice_is(name, but))
			continue;
		buf_reset(&view->scratch);
		json_key_slice(&view->json, name);
		json_write_slice(&view->json,
		                 piece_value(piece, &view->scratch));
		fail_with(view, &view->scratch);
	}
	json_write_object_end(&view->json);
}

static void write_value(struct push_view *view, const char *name,
                        struct slice value)
{
	json_write_key(&view->json, name);
	json_write_slice(&view->json, value);
}

/* The value of the label @inner; p == NULL: it has none. */
static struct slice inner_value(struct push_view *view,
                                const struct store_group *group,
                                const struct store_line *line,
                                const char *inner)
{
	struct line_labels walk = line_labels(group, line);
	struct slice piece;

	while (line_next_label(&walk, &piece)) {
		if (slice_is(piece_name(piece), inner)) {
			struct slice value;

			buf_reset(&view->scratch);
			value = piece_value(piece, &view->scratch);
			fail_with(view, &view->scratch);
			return value;
		}
	}
	return slice_make(NULL, 0);
}

/* Takes off @lines those that make up one histogram or summary. */
static void write_compound(struct push_view *view, const struct view_item *item,
                           struct slice *lines)
{
	const bool summary = item->type == METRIC_SUMMARY;
	const char *inner = type_inner_label(item->type);
	struct json_writer *json = &view->json;
	struct slice rest = *lines;
	struct store_line first = line_take(&rest);
	struct slice count = { NULL, 0 };
	struct slice sum = { NULL, 0 };

	json_write_object(json);
	write_labels(view, item->group, &first, inner);
	json_write_key(json, summary ? "quantiles" : "buckets");
	json_write_object(json);
	while (lines->n > 0) {
		struct slice name;
		struct store_line line;

		rest = *lines;
		line = line_take(&rest);
		if (line_compare(item->group, &first, &line, inner) != 0)
			break;
		*lines = rest;
		if (line.suffix == METRIC_COUNT ||
		    line.suffix == METRIC_GCOUNT) {
			count = line.value;
			continue;
		}
		if (line.suffix == METRIC_SUM || line.suffix == METRIC_GSUM) {
			sum = line.value;
			continue;
		}
		name = inner_value(view, item->group, &line, inner);
		if (!name.p)
			continue;
		json_key_slice(json, name);
		json_write_slice(json, line.value);
	}
	json_write_object_end(json);
	write_value(view, "count", count.p ? count : slice_make("0", 1));
	write_value(view, "sum", sum.p ? sum : slice_make("0", 1));
	json_write_object_end(json);
}

static void write_metric(struct push_view *view, const struct view_item *item,
                         struct slice *lines)
{
	struct store_line line;

	if (type_inner_label(item->type)) {
		write_compound(view, item, lines);
		return;
	}
	line = line_take(lines);
	json_write_object(&view->json);
	write_labels(view, item->group, &line, NULL);
	write_value(view, "value", line.value);
	json_write_object_end(&view->json);
}

/* False: the budget is used up. */
static bool write_item(struct push_view *view, struct buf *out, size_t budget)
{
	const struct view_item *item = &view->items[view->item];
	struct slice lines =
		slice_make(item->chunk->text + item->offset, item->length);

	if (!view->in_item) {
		begin_family(view, item->family->name,
		             item->chunk->time.wall_ms, item->type,
		             item->family->help);
		view->in_item = true;
		view->offset = 0;
	}
	for (lines = slice_skip(lines, view->offset); lines.n > 0;) {
		if (out->n >= budget || out->failed)
			return false;
		write_metric(view, item, &lines);
		view->offset = item->length - (uint32_t)lines.n;
	}
	json_write_array_end(&view->json);
	json_write_object_end(&view->json);
	view->in_item = false;
	view->item++;
	return true;
}

/* --- groups -------------------------------------------------------------------------- */

static void write_own_family(struct push_view *view, unsigned own)
{
	static const char whole[] = { (char)LINE_WHOLE };
	const struct push_group *state = &view->state;
	const struct store_line line = { .labels = { whole, 1 } };
	struct buf text;

	buf_init(&text, NUMBER_TEXT_MAX);
	if (own_families[own].value(state, &text) && !text.failed) {
		begin_family(view, slice_from(own_families[own].name),
		             MAX(state->pushed.wall_ms, state->failed_wall_ms),
		             METRIC_GAUGE, slice_from(own_families[own].help));
		json_write_object(&view->json);
		write_labels(view, view->group, &line, NULL);
		write_value(view, "value", buf_slice(&text));
		json_write_object_end(&view->json);
		json_write_array_end(&view->json);
		json_write_object_end(&view->json);
	}
	fail_with(view, &text);
	buf_fini(&text);
}

static int begin_group(struct push_view *view, struct store_group *group,
                       const struct push_group *state)
{
	struct json_writer *json = &view->json;

	view_set_group(view, group, 0);
	view->state = *state;
	view->own = 0;
	view->in_item = false;
	view->in_group = true;
	json_write_object(json);
	json_write_key(json, "labels");
	json_write_object(json);
	for (size_t i = 0; i < state->n_labels; i++) {
		json_key_slice(json, state->labels[i].name);
		json_write_slice(json, state->labels[i].value);
	}
	json_write_object_end(json);
	json_write_key(json, "last_push_successful");
	json_write_bool(json, state->last_ok);
	return take_items(view, group);
}

/* False: the budget is used up. */
static bool write_group(struct push_view *view, struct buf *out, size_t budget)
{
	while (view->item < view->n_items) {
		if (!write_item(view, out, budget))
			return false;
	}
	while (view->own < N_OWN_FAMILIES)
		write_own_family(view, view->own++);
	json_write_object_end(&view->json);
	drop_items(view);
	view->in_group = false;
	return true;
}

/* False: the budget is used up, or @out has failed. */
static bool write_groups(struct push_view *view, struct buf *out, size_t budget)
{
	struct view_walk walk;
	struct store_group *group;
	const struct push_group *state;

	if (view->in_group && !write_group(view, out, budget))
		return false;
	walk = view_walk_groups(view, view->group);
	while (view_walk_next_group(&walk, &group, &state)) {
		if (view->group && compare_keys(group, view->group) == 0)
			continue; /* was the last one */
		if (out->n >= budget || out->failed)
			return false;
		if (begin_group(view, group, state) < 0 && !out->failed)
			out->failed = -ENOMEM;
		if (!write_group(view, out, budget))
			return false;
	}
	return true;
}

bool push_view_write_json(struct push_view *view, struct buf *out,
                          size_t budget)
{
	if (!view->begun) {
		json_write_init(&view->json, out);
		json_write_object(&view->json);
		json_write_key(&view->json, "status");
		json_write_string(&view->json, "success");
		json_write_key(&view->json, "data");
		json_write_array(&view->json);
		view->begun = true;
	}
	view->json.buf = out;
	if (!write_groups(view, out, budget))
		return out->failed;
	json_write_array_end(&view->json);
	json_write_object_end(&view->json);
	return true;
}
