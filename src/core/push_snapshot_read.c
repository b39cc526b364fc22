/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a snapshot: one pass notes which lines are whose, then what a group
 * got in one push is put together again and pushed, so that the store comes to
 * be as it was made.
 */
#include "core/push_snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/number.h"
#include "core/push_snapshot_format.h"
#include "core/push_store_parts.h"

/* The lines of a family in a group. */
struct block {
	uint32_t group;      /* place in `groups` */
	uint32_t order;      /* in the text */
	int64_t time;        /* wall */
	struct slice header; /* HELP and TYPE of the family */
	struct slice lines;
};

struct saved_group {
	struct slice number;
	struct slice labels; /* inside the braces */
	struct push_group state;
};

struct reader {
	struct push_store *store;
	struct slice rest; /* of the text */
	uint64_t n_line;
	struct push_time now;
	int64_t written; /* wall */
	struct err *err;
	struct saved_group *groups;
	uint32_t n_groups;
	uint32_t cap_groups;
	struct block *blocks;
	uint32_t n_blocks;
	uint32_t cap_blocks;
	struct map by_number; /* to place + 1 */
	struct push_key key;
	struct push_body body;
	struct buf text;
};

static int damaged(const struct reader *reader, const char *what)
{
	return err_set(reader->err, -EINVAL, "line %" PRIu64 ": %s",
	               reader->n_line, what);
}

/* --- words and lines --------------------------------------------------------------- */

/* A line without its line feed; the text ends in one. */
static struct slice take_line(struct reader *reader)
{
	const char *end = memchr(reader->rest.p, '\n', reader->rest.n);
	struct slice line =
		slice_make(reader->rest.p, (size_t)(end - reader->rest.p));

	reader->rest = slice_skip(reader->rest, line.n + 1);
	reader->n_line++;
	return line;
}

static struct slice take_word(struct slice *line)
{
	struct slice word = { line->p, 0 };

	while (word.n < line->n && line->p[word.n] != ' ')
		word.n++;
	*line = slice_skip(*line, word.n < line->n ? word.n + 1 : word.n);
	return word;
}

/* --- groups ---------------------------------------------------------------------------- */

/* A moment that was, as both clocks have it; never after now. */
static struct push_time time_of(const struct reader *reader, int64_t wall_ms)
{
	struct push_time time = { 0, 0 };

	if (wall_ms <= 0)
		return time;
	time.wall_ms = MIN(wall_ms, reader->now.wall_ms);
	time.mono_ms =
		reader->now.mono_ms - (reader->now.wall_ms - time.wall_ms);
	return time;
}

static bool set_field(struct reader *reader, struct push_group *state,
                      struct slice name, int64_t value)
{
	struct push_beat *beat = &state->beat;

	if (slice_is(name, "pushed"))
		state->pushed = time_of(reader, value);
	else if (slice_is(name, "failed"))
		state->failed_wall_ms = MIN(value, reader->now.wall_ms);
	else if (slice_is(name, "away"))
		state->away_ms = (uint64_t)value;
	else if (slice_is(name, "ok"))
		state->last_ok = value != 0;
	else if (slice_is(name, "beats"))
		beat->n_beats = (uint32_t)MIN(value, (int64_t)UINT32_MAX);
	else if (slice_is(name, "start"))
		beat->start = time_of(reader, value);
	else if (slice_is(name, "end"))
		beat->end = time_of(reader, value);
	else if (slice_is(name, "duration"))
		beat->duration_ms = (uint64_t)value;
	else if (slice_is(name, "exit"))
		beat->exit_code = (int16_t)MIN(value, 255);
	else if (slice_is(name, "running"))
		beat->running = value != 0;
	else if (slice_is(name, "broken"))
		beat->failed = value != 0;
	else
		return false;
	return true;
}

static int read_fields(struct reader *reader, struct slice *line,
                       struct push_group *state)
{
	while (line->n > 0 && line->p[0] != '{') {
		struct slice word = take_word(line);
		const char *equals = memchr(word.p, '=', word.n);
		struct slice name;
		int64_t value;

		if (!equals)
			return damaged(reader, "a group's field has no value");
		name = slice_make(word.p, (size_t)(equals - word.p));
		if (number_parse_i64(slice_skip(word, name.n + 1), &value) <
		            0 ||
		    value < (slice_is(name, "exit") ? -1 : 0) ||
		    !set_field(reader, state, name, value))
			return damaged(reader, "a group's field is not known");
	}
	return 0;
}

static int grow(void **array, uint32_t *cap, uint32_t n, size_t size)
{
	uint32_t more = *cap ? *cap * 2 : 64;
	void *bigger;

	if (n < *cap)
		return 0;
	bigger = mem_realloc(*array, more * size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*cap = more;
	return 0;
}

static int read_group(struct reader *reader, struct slice line)
{
	struct saved_group group = { .state.beat.exit_code = -1 };
	int r;

	group.number = take_word(&line);
	r = read_fields(reader, &line, &group.state);
	if (r < 0)
		return r;
	if (line.n < 2 || line.p[line.n - 1] != '}' || group.number.n == 0)
		return damaged(reader, "a group has no labels");
	if (map_get(&reader->by_number, group.number))
		return damaged(reader, "a group comes twice");
	group.labels = slice_make(line.p + 1, line.n - 2);
	if (reader->written < reader->now.wall_ms)
		group.state.away_ms +=
			(uint64_t)(reader->now.wall_ms - reader->written);
	if (grow((void **)&reader->groups, &reader->cap_groups,
	         reader->n_groups, sizeof(group)) < 0)
		return -ENOMEM;
	reader->groups[reader->n_groups++] = group;
	return map_set(&reader->by_number, group.number,
	               (void *)(uintptr_t)reader->n_groups);
}

/* name="value",… with the escapes of the exposition format. */
static int read_labels(struct reader *reader, struct slice text)
{
	struct label labels[PUSH_PATH_MAX_LABELS + 1];
	struct buf *scratch = &reader->text;
	struct err err;
	size_t n = 0;
	int r;

	buf_reset(scratch);
	if (buf_reserve(scratch, text.n + 1) < 0) /* so that it stays there */
		return -ENOMEM;
	while (text.n > 0) {
		const char *equals = memchr(text.p, '=', text.n);
		size_t start = scratch->n;
		size_t at;

		if (!equals || n == ARRAY_SIZE(labels))
			return damaged(reader, "a group's labels are bad");
		labels[n].name = slice_make(text.p, (size_t)(equals - text.p));
		for (at = labels[n].name.n + 2;
		     at < text.n && text.p[at] != '"'; at++) {
			char c = text.p[at];

			if (c == '\\' && at + 1 < text.n)
				c = text.p[++at] == 'n' ? '\n' : text.p[at];
			(void)buf_putc(scratch, c);
		}
		if (at >= text.n || text.p[labels[n].name.n + 1] != '"')
			return damaged(reader, "a group's labels are bad");
		labels[n++].value =
			slice_make(scratch->p + start, scratch->n - start);
		text = slice_skip(text, MIN(at + 2, text.n));
	}
	err_clear(&err);
	r = push_key_set(&reader->key, labels, n, &err);
	return r == -EINVAL ? damaged(reader, err.message) : r;
}

/* --- blocks ------------------------------------------------------------------------------ */

static int read_of(struct reader *reader, struct slice line,
                   struct slice header)
{
	struct block block = { .order = reader->n_blocks, .header = header };
	uintptr_t place =
		(uintptr_t)map_get(&reader->by_number, take_word(&line));

	if (place == 0 || header.n == 0 ||
	    number_parse_i64(line, &block.time) < 0)
		return damaged(reader, "lines of no known group and family");
	block.group = (uint32_t)(place - 1);
	block.lines = slice_make(reader->rest.p, 0);
	if (grow((void **)&reader->blocks, &reader->cap_blocks,
	         reader->n_blocks, sizeof(block)) < 0)
		return -ENOMEM;
	reader->blocks[reader->n_blocks++] = block;
	return 0;
}

static int read_lines(struct reader *reader)
{
	struct slice header = { NULL, 0 };
	bool in_header = false;
	int r = 0;

	while (reader->rest.n > 0 && r == 0) {
		struct slice line = take_line(reader);
		bool of_header = slice_starts(line, SNAPSHOT_HELP) ||
		                 slice_starts(line, SNAPSHOT_FAMILY);

		if (of_header) {
			if (!in_header)
				header = slice_make(line.p, 0);
			header.n = (size_t)(reader->rest.p - header.p);
		} else if (slice_starts(line, SNAPSHOT_GROUP)) {
			r = read_group(
				reader,
				slice_skip(line, strlen(SNAPSHOT_GROUP)));
		} else if (slice_starts(line, SNAPSHOT_OF)) {
			r = read_of(reader,
			            slice_skip(line, strlen(SNAPSHOT_OF)),
			            header);
		} else if (line.n == 0 || line.p[0] == '#' ||
		           reader->n_blocks == 0 || in_header) {
			r = damaged(reader, "this line is of no group");
		} else {
			reader->blocks[reader->n_blocks - 1].lines.n +=
				line.n + 1;
		}
		in_header = of_header;
	}
	return r;
}

/* Group by group, what came together together. */
static int compare_blocks(const void *a, const void *b)
{
	const struct block *x = a;
	const struct block *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* --- into the store ------------------------------------------------------------------- */

static int restore_push(struct reader *reader, const struct block *blocks,
                        uint32_t n)
{
	struct push_time time = time_of(reader, blocks[0].time);
	struct err err;
	int r;

	buf_reset(&reader->text);
	for (uint32_t i = 0; i < n; i++) {
		(void)buf_append(&reader->text, blocks[i].header.p,
		                 blocks[i].header.n);
		(void)buf_append(&reader->text, blocks[i].lines.p,
		                 blocks[i].lines.n);
	}
	if (reader->text.failed)
		return -ENOMEM;
	err_clear(&err);
	r = push_body_parse(&reader->body, buf_slice(&reader->text), &err);
	if (r == 0)
		r = push_store_push(reader->store, &reader->key, &reader->body,
		                    false, time, &err);
	return r > 0 ? damaged(reader, err.message) : r;
}

static int restore_state(struct reader *reader, const struct saved_group *saved)
{
	struct push_store *store = reader->store;
	struct store_group *group;
	struct push_group *shown;
	bool created;
	int r = store_obtain_group(store, &reader->key, reader->now, &group,
	                           &created, reader->err);

	if (r != 0)
		return r;
	shown = &group->shown;
	shown->pushed = saved->state.pushed;
	shown->failed_wall_ms = saved->state.failed_wall_ms;
	shown->away_ms = saved->state.away_ms;
	shown->last_ok = saved->state.last_ok;
	shown->beat = saved->state.beat;
	own_families_count(store, group, 1);
	if (shown->pushed.wall_ms > 0)
		group->seen_mono_ms = shown->pushed.mono_ms;
	if (shown->beat.start.wall_ms > 0)
		group->seen_mono_ms =
			MAX(group->seen_mono_ms, shown->beat.start.mono_ms);
	if (shown->beat.end.wall_ms > 0)
		group->seen_mono_ms =
			MAX(group->seen_mono_ms, shown->beat.end.mono_ms);
	group->version = ++store->version;
	expire_choose(store, group);
	return 0;
}

static int restore(struct reader *reader)
{
	const struct block *block = reader->blocks;
	const struct block *end = block + reader->n_blocks;
	int r = 0;

	if (reader->n_blocks > 1)
		qsort(reader->blocks, reader->n_blocks, sizeof(*reader->blocks),
		      compare_blocks);
	for (uint32_t i = 0; i < reader->n_groups && r == 0; i++) {
		r = read_labels(reader, reader->groups[i].labels);
		while (r == 0 && block < end && block->group == i) {
			uint32_t n = 1;

			while (block + n < end && block[n].group == i &&
			       block[n].time == block->time)
				n++;
			r = restore_push(reader, block, n);
			block += n;
		}
		if (r == 0)
			r = restore_state(reader, &reader->groups[i]);
	}
	return r;
}

/* The last line has the sum of all before it. */
static int check_end(struct reader *reader)
{
	size_t n_end = strlen(SNAPSHOT_END) + 16 + 1;
	struct slice text = reader->rest;
	char wanted[sizeof(SNAPSHOT_END) + 17];

	if (text.n < n_end || !slice_starts(text, SNAPSHOT_HEAD))
		return err_set(reader->err, -EINVAL,
		               "this is no snapshot of the gateway");
	reader->rest.n -= n_end;
	(void)snprintf(wanted, sizeof(wanted), SNAPSHOT_END "%016" PRIx64 "\n",
	               snapshot_sum(SNAPSHOT_SUM_START, reader->rest));
	if (memcmp(text.p + reader->rest.n, wanted, n_end) != 0 ||
	    reader->rest.p[reader->rest.n - 1] != '\n')
		return err_set(reader->err, -EINVAL,
		               "the snapshot was cut short or changed: its "
		               "checksum is wrong");
	return 0;
}

static int read_all(struct reader *reader)
{
	struct slice head;
	int r = check_end(reader);

	if (r < 0)
		return r;
	head = slice_skip(take_line(reader), strlen(SNAPSHOT_HEAD));
	if (number_parse_i64(head, &reader->written) < 0)
		return damaged(reader, "the snapshot has no time");
	r = read_lines(reader);
	return r == 0 ? restore(reader) : r;
}

int push_snapshot_read(struct push_store *store, struct slice text,
                       struct push_time now, struct err *err)
{
	const struct push_store_limits limits = store->limits;
	const struct push_store_listener listener = store->listener;
	struct reader reader = {
		.store = store, .rest = text, .now = now, .err = err
	};
	int r;

	err_clear(err);
	map_init(&reader.by_number, store->seed);
	push_key_init(&reader.key);
	push_body_init(&reader.body, store->seed);
	buf_init(&reader.text, SIZE_MAX / 2);
	store->limits = (struct push_store_limits){ 0 };
	store->listener = (struct push_store_listener){ 0 };

	r = read_all(&reader);
	if (r != 0)
		store_remove_all(store, false);

	store->limits = limits;
	store->listener = listener;
	buf_fini(&reader.text);
	push_body_fini(&reader.body);
	push_key_fini(&reader.key);
	map_fini(&reader.by_number);
	mem_free(reader.blocks);
	mem_free(reader.groups);
	return r;
}
