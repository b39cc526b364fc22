/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_snapshot.h"

#include <inttypes.h>
#include "base/mem.h"
#include "core/push_snapshot_format.h"
#include "core/push_store_parts.h"

enum stage { STAGE_HEAD, STAGE_GROUPS, STAGE_FAMILY, STAGE_LINES, STAGE_END };

struct push_snapshot_writer {
	struct push_view *view;
	int64_t now_wall_ms;
	uint64_t sum;
	enum stage stage;
};

struct push_snapshot_writer *push_snapshot_writer_new(struct push_store *store,
                                                      int64_t now_wall_ms)
{
	struct push_snapshot_writer *writer = mem_alloc(sizeof(*writer));

	if (!writer)
		return NULL;
	*writer = (struct push_snapshot_writer){
		.view = view_new(store),
		.now_wall_ms = now_wall_ms,
		.sum = SNAPSHOT_SUM_START,
	};
	if (!writer->view) {
		mem_free(writer);
		return NULL;
	}
	return writer;
}

void push_snapshot_writer_free(struct push_snapshot_writer *writer)
{
	if (!writer)
		return;
	push_view_free(writer->view);
	mem_free(writer);
}

static void write_group(struct buf *out, const struct store_group *group,
                        const struct push_group *state)
{
	const struct push_beat *beat = &state->beat;

	(void)buf_printf(out,
	                 SNAPSHOT_GROUP "%" PRIu64 " pushed=%" PRId64
	                                " failed=%" PRId64 " away=%" PRIu64
	                                " ok=%d",
	                 group->number, state->pushed.wall_ms,
	                 state->failed_wall_ms, state->away_ms, state->last_ok);
	if (beat->n_beats > 0)
		(void)buf_printf(out,
		                 " beats=%" PRIu32 " start=%" PRId64
		                 " end=%" PRId64 " duration=%" PRIu64
		                 " exit=%d running=%d broken=%d",
		                 beat->n_beats, beat->start.wall_ms,
		                 beat->end.wall_ms, beat->duration_ms,
		                 beat->exit_code, beat->running, beat->failed);
	(void)buf_putc(out, ' ');
	/* without the blank at its end */
	(void)buf_append(out, group->whole.p, group->whole.n - 1);
	(void)buf_putc(out, '\n');
}

/* False: the budget is used up. */
static bool write_groups(struct push_snapshot_writer *writer, struct buf *out,
                         size_t budget)
{
	struct push_view *view = writer->view;
	struct view_walk walk = view_walk_groups(view, view->group);
	struct store_group *group;
	const struct push_group *state;

	while (view_walk_next_group(&walk, &group, &state)) {
		if (out->n >= budget && !out->failed) {
			view_set_group(view, group, 0);
			return false;
		}
		write_group(out, group, state);
	}
	return true;
}

static void write_help(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\n' || c == '\\')
			(void)buf_putc(out, '\\');
		(void)buf_putc(out, c == '\n' ? 'n' : c);
	}
}

/* False: there are no more. */
static bool begin_family(struct push_snapshot_writer *writer, struct buf *out)
{
	struct push_view_family family;

	do {
		if (!push_view_next(writer->view, &family))
			return false;
	} while (writer->view->at_own);
	if (family.help.n > 0) {
		(void)buf_puts(out, SNAPSHOT_HELP);
		(void)buf_append(out, family.name.p, family.name.n);
		(void)buf_putc(out, ' ');
		write_help(out, family.help);
		(void)buf_putc(out, '\n');
	}
	(void)buf_puts(out, SNAPSHOT_FAMILY);
	(void)buf_append(out, family.name.p, family.name.n);
	(void)buf_putc(out, ' ');
	(void)buf_puts(out, metric_type_name(family.type));
	(void)buf_putc(out, '\n');
	return true;
}

/* False: the budget is used up. A slice may begin in the middle of a group. */
static bool write_lines(struct push_snapshot_writer *writer, struct buf *out,
                        size_t budget)
{
	struct push_view *view = writer->view;
	struct view_walk walk =
		view_walk_family(view, view->family, view->group);
	uint32_t offset = view->offset;
	struct view_item item;

	while (view_walk_next(&walk, &item)) {
		struct slice lines =
			slice_make(item.chunk->text + item.offset, item.length);

		if (offset == 0)
			(void)buf_printf(
				out, SNAPSHOT_OF "%" PRIu64 " %" PRId64 "\n",
				item.group->number, item.chunk->time.wall_ms);
		for (lines = slice_skip(lines, offset); lines.n > 0;) {
			if (out->failed)
				return true;
			line_write(out, view->family->name, item.group, &lines);
			if (out->n >= budget && lines.n > 0) {
				view_set_group(view, item.group,
				               item.length - (uint32_t)lines.n);
				return false;
			}
		}
		offset = 0;
	}
	return true;
}

/* One step; false: the budget is used up. */
static bool write_stage(struct push_snapshot_writer *writer, struct buf *out,
                        size_t budget)
{
	switch (writer->stage) {
	case STAGE_HEAD:
		(void)buf_printf(out, SNAPSHOT_HEAD "%" PRId64 "\n",
		                 writer->now_wall_ms);
		writer->stage = STAGE_GROUPS;
		return true;
	case STAGE_GROUPS:
		if (!write_groups(writer, out, budget))
			return false;
		writer->stage = STAGE_FAMILY;
		return true;
	case STAGE_FAMILY:
		writer->stage =
			begin_family(writer, out) ? STAGE_LINES : STAGE_END;
		return true;
	case STAGE_LINES:
		if (!write_lines(writer, out, budget))
			return false;
		writer->stage = STAGE_FAMILY;
		return true;
	case STAGE_END:
		break;
	}
	return true;
}

bool push_snapshot_write(struct push_snapshot_writer *writer, struct buf *out,
                         size_t budget)
{
	size_t start = out->n;

	while (writer->stage != STAGE_END && !out->failed && out->n < budget) {
		if (!write_stage(writer, out, budget))
			break;
	}
	if (out->failed)
		return true;
	writer->sum = snapshot_sum(
		writer->sum, slice_make(buf_text(out) + start, out->n - start));
	if (writer->stage != STAGE_END)
		return false;
	(void)buf_printf(out, SNAPSHOT_END "%016" PRIx64 "\n", writer->sum);
	return true;
}
