/* SPDX-License-Identifier: Apache-2.0 */
#include "core/saved_state.h"

#include <errno.h>
#include <string.h>
#include "base/map.h"
#include "base/mem.h"
#include "proto/json.h"

#define FORMAT_NAME    "bouncer-state"
#define FORMAT_VERSION 1

struct saved_state {
	struct json_t *root; /* NULL: there is only a record */
	struct buf lines;    /* of the record, struct json_t * each */
	struct map monitors; /* name -> the last object that has it */
	struct buf names;    /* const char * each, in order */
	struct buf stopped;  /* const struct json_t * each */
	uint64_t n_begun;
};

/* Pointers, in the sizes that documents may have. */
#define POINTERS_MAX ((size_t)SAVED_STATE_MAX)

/* --- writing ------------------------------------------------------------ */

static void write_pause(struct saved_writer *writer, const struct pause *pause)
{
	struct json_writer *json = &writer->json;

	if (!pause)
		return;
	json_write_key(json, "pause");
	json_write_object(json);
	json_write_key(json, "since_ms");
	json_write_i64(json, pause->since_wall_ms);
	if (pause->until_ms != PAUSE_FOREVER) {
		json_write_key(json, "until_ms");
		json_write_i64(json, (int64_t)pause->until_ms +
		                             writer->wall_offset_ms);
	}
	json_write_key(json, "reason");
	json_write_string(json, pause->reason);
	json_write_object_end(json);
}

void saved_write_begin(struct saved_writer *writer, struct buf *buf,
                       int64_t wall_offset_ms, uint64_t n_begun,
                       const struct pause *all)
{
	*writer = (struct saved_writer){ .wall_offset_ms = wall_offset_ms };
	json_write_init(&writer->json, buf);
	json_write_object(&writer->json);
	json_write_key(&writer->json, "format");
	json_write_string(&writer->json, FORMAT_NAME);
	json_write_key(&writer->json, "version");
	json_write_i64(&writer->json, FORMAT_VERSION);
	if (n_begun) {
		json_write_key(&writer->json, "begun");
		json_write_i64(&writer->json, (int64_t)n_begun);
	}
	write_pause(writer, all);
	json_write_key(&writer->json, "monitors");
	json_write_array(&writer->json);
}

/* A line begins with its end, too: what was cut short before it, by a full
 * disk or the end of the machine, does not spoil it. */
void saved_write_begun(struct saved_writer *writer, struct buf *buf,
                       int64_t wall_offset_ms, uint64_t n_begun)
{
	*writer = (struct saved_writer){ .wall_offset_ms = wall_offset_ms };
	(void)buf_putc(buf, '\n');
	json_write_init(&writer->json, buf);
	json_write_object(&writer->json);
	json_write_key(&writer->json, "begun");
	json_write_i64(&writer->json, (int64_t)n_begun);
	json_write_key(&writer->json, "monitors");
	json_write_array(&writer->json);
}

/* What lasts as long as the breach has no time. */
static void write_wait(struct saved_writer *writer, const char *until_name,
                       const char *once_name, int64_t until_ms)
{
	struct json_writer *json = &writer->json;

	if (until_ms == INT64_MIN || until_ms == 0)
		return;
	json_write_key(json, until_ms == INT64_MAX ? once_name : until_name);
	if (until_ms == INT64_MAX)
		json_write_bool(json, true);
	else
		json_write_i64(json, until_ms + writer->wall_offset_ms);
}

void saved_write_monitor(struct saved_writer *writer, const char *name,
                         const struct policy_saved *saved,
                         int64_t bounce_wall_ms, const struct pause *pause)
{
	struct json_writer *json = &writer->json;
	int64_t offset_ms = writer->wall_offset_ms;

	json_write_object(json);
	json_write_key(json, "name");
	json_write_string(json, name);
	json_write_key(json, "failed");
	json_write_i64(json, saved->n_failed);
	json_write_key(json, "gave_up");
	json_write_bool(json, saved->gave_up);
	if (bounce_wall_ms) {
		json_write_key(json, "bounce_ms");
		json_write_i64(json, bounce_wall_ms);
	}
	if (saved->ended_ms != INT64_MIN) {
		json_write_key(json, "ended_ms");
		json_write_i64(json, saved->ended_ms + offset_ms);
	}
	write_wait(writer, "cool_until_ms", "once", saved->cool_until_ms);
	write_wait(writer, "hard_cool_until_ms", "hard_once",
	           saved->hard_cool_until_ms);
	if (saved->bounced) {
		json_write_key(json, "bounced");
		json_write_bool(json, true);
	}
	if (saved->acted_on) {
		json_write_key(json, "acted_on");
		json_write_i64(json, (int64_t)saved->acted_on);
	}
	json_write_key(json, "bounces_ms");
	json_write_array(json);
	for (uint8_t i = 0; i < saved->n_bounces; i++)
		json_write_i64(json, saved->bounces_ms[i] + offset_ms);
	json_write_array_end(json);
	write_pause(writer, pause);
	json_write_object_end(json);
}

static void begin_stopped(struct saved_writer *writer)
{
	if (writer->in_stopped)
		return;
	writer->in_stopped = true;
	json_write_array_end(&writer->json);
	json_write_key(&writer->json, "stopped");
	json_write_array(&writer->json);
}

void saved_write_stopped(struct saved_writer *writer,
                         const struct saved_stopped *stopped)
{
	struct json_writer *json = &writer->json;

	begin_stopped(writer);
	json_write_object(json);
	json_write_key(json, "runtime");
	json_write_string(json, stopped->runtime);
	json_write_key(json, "target");
	json_write_string(json, stopped->target);
	json_write_key(json, "project");
	json_write_string(json, stopped->project);
	json_write_key(json, "since_ms");
	json_write_i64(json, stopped->since_wall_ms);
	json_write_object_end(json);
}

void saved_write_end(struct saved_writer *writer)
{
	begin_stopped(writer);
	json_write_array_end(&writer->json);
	json_write_object_end(&writer->json);
	(void)buf_putc(writer->json.buf, '\n');
}

/* --- reading ------------------------------------------------------------ */

static int push_pointer(struct buf *buf, const void *pointer)
{
	return buf_append(buf, &pointer, sizeof(pointer));
}

static size_t n_pointers(const struct buf *buf)
{
	return buf->n / sizeof(void *);
}

static const void *pointer_at(const struct buf *buf, size_t at)
{
	const void *pointer;

	if (at >= n_pointers(buf))
		return NULL;
	memcpy(&pointer, buf->p + at * sizeof(pointer), sizeof(pointer));
	return pointer;
}

static int add_monitor(struct saved_state *state, const struct json_t *monitor)
{
	struct slice name = json_as_text(json_get(monitor, "name"));
	int r = 0;

	if (name.n == 0)
		return 0;
	if (!map_get(&state->monitors, name))
		r = push_pointer(&state->names, name.p);
	if (r == 0)
		r = map_set(&state->monitors, name, (void *)monitor);
	return r;
}

static int add_document(struct saved_state *state, const struct json_t *root)
{
	const struct json_t *monitors = json_get(root, "monitors");
	const struct json_t *stopped = json_get(root, "stopped");
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_count(monitors); i++)
		r = add_monitor(state, json_item(monitors, i));
	for (size_t i = 0; r == 0 && i < json_count(stopped); i++)
		r = push_pointer(&state->stopped, json_item(stopped, i));
	return r < 0 ? -ENOMEM : 0;
}

static uint64_t begun_of(const struct json_t *root)
{
	return (uint64_t)MAX(json_as_int(json_get(root, "begun"), 0), 0);
}

static struct saved_state *state_new(void)
{
	struct saved_state *state = mem_calloc(1, sizeof(*state));

	if (!state)
		return NULL;
	map_init(&state->monitors, 1);
	buf_init(&state->lines, POINTERS_MAX);
	buf_init(&state->names, POINTERS_MAX);
	buf_init(&state->stopped, POINTERS_MAX);
	return state;
}

static int parse_document(struct saved_state *state, struct slice text,
                          struct err *err)
{
	int r = json_parse(text, &state->root, err);

	if (r < 0)
		return r;
	if (!slice_is(json_as_text(json_get(state->root, "format")),
	              FORMAT_NAME))
		return err_set(err, -EINVAL, "it is not a state file of ours");
	if (json_as_int(json_get(state->root, "version"), 0) != FORMAT_VERSION)
		return err_set(err, -EINVAL,
		               "its version is not %d, which this program "
		               "reads",
		               FORMAT_VERSION);
	state->n_begun = begun_of(state->root);
	r = add_document(state, state->root);
	return r < 0 ? err_set_code(err, r, "saved state") : 0;
}

int saved_state_parse(struct slice text, struct saved_state **statep,
                      struct err *err)
{
	struct saved_state *state = state_new();
	int r;

	if (!state)
		return err_set_code(err, -ENOMEM, "saved state");
	r = parse_document(state, text, err);
	if (r < 0)
		saved_state_free(state);
	else
		*statep = state;
	return r;
}

void saved_state_free(struct saved_state *state)
{
	if (!state)
		return;
	for (size_t i = 0; i < n_pointers(&state->lines); i++)
		json_free((struct json_t *)pointer_at(&state->lines, i));
	map_fini(&state->monitors);
	buf_fini(&state->lines);
	buf_fini(&state->names);
	buf_fini(&state->stopped);
	json_free(state->root);
	mem_free(state);
}

/* --- the record ----------------------------------------------------------- */

/* 1 if it says something new, 0 if it does not. */
static int add_line(struct saved_state *state, struct slice line)
{
	struct json_t *root;
	int r = json_parse(line, &root, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (begun_of(root) <= state->n_begun) {
		json_free(root);
		return 0;
	}
	if (push_pointer(&state->lines, root) < 0) {
		json_free(root);
		return -ENOMEM;
	}
	state->n_begun = begun_of(root);
	r = add_document(state, root);
	return r < 0 ? r : 1;
}

int saved_state_add_begun(struct saved_state **statep, struct slice record)
{
	const char *end;
	int n_added = 0;

	if (!*statep)
		*statep = state_new();
	if (!*statep)
		return -ENOMEM;
	/* what has no end is no line */
	while (record.n && (end = memchr(record.p, '\n', record.n))) {
		size_t n = (size_t)(end - record.p);
		int r = n ? add_line(*statep, slice_make(record.p, n)) : 0;

		if (r < 0)
			return r;
		n_added += r;
		record = slice_skip(record, n + 1);
	}
	return n_added;
}

uint64_t saved_state_n_begun(const struct saved_state *state)
{
	return state->n_begun;
}

/* --- what is known of whom ------------------------------------------------ */

static int64_t read_wait(const struct json_t *monitor, const char *until_name,
                         const char *once_name, int64_t wall_offset_ms)
{
	int64_t until_ms = json_as_int(json_get(monitor, until_name), 0);

	if (json_as_bool(json_get(monitor, once_name), false))
		return INT64_MAX;
	return until_ms > 0 ? until_ms - wall_offset_ms : INT64_MIN;
}

bool saved_state_monitor(const struct saved_state *state, const char *name,
                         int64_t now_wall_ms, int64_t wall_offset_ms,
                         struct policy_saved *saved, int64_t *bounce_wall_msp)
{
	const struct json_t *monitor =
		map_get(&state->monitors, slice_from(name));
	const struct json_t *bounces = json_get(monitor, "bounces_ms");
	int64_t ended_ms = json_as_int(json_get(monitor, "ended_ms"), 0);
	int64_t n_failed = json_as_int(json_get(monitor, "failed"), 0);

	if (!monitor)
		return false;
	*saved = (struct policy_saved){
		.n_failed = (uint32_t)MIN(MAX(n_failed, 0), 1000),
		.ended_ms = INT64_MIN,
		.cool_until_ms = INT64_MIN,
		.hard_cool_until_ms = INT64_MIN,
		.gave_up = json_as_bool(json_get(monitor, "gave_up"), false),
		.bounced = json_as_bool(json_get(monitor, "bounced"), false),
		.acted_on =
			(uint64_t)json_as_int(json_get(monitor, "acted_on"), 0),
	};
	for (size_t i = 0; i < json_count(bounces); i++) {
		int64_t at_ms = json_as_int(json_item(bounces, i), 0);

		if (at_ms <= 0 || at_ms > now_wall_ms ||
		    saved->n_bounces == POLICY_MAX_BOUNCES)
			continue;
		saved->bounces_ms[saved->n_bounces++] = at_ms - wall_offset_ms;
	}
	if (ended_ms > 0 && ended_ms <= now_wall_ms) {
		saved->ended_ms = ended_ms - wall_offset_ms;
		saved->cool_until_ms = read_wait(monitor, "cool_until_ms",
		                                 "once", wall_offset_ms);
		saved->hard_cool_until_ms =
			read_wait(monitor, "hard_cool_until_ms", "hard_once",
		                  wall_offset_ms);
	}
	*bounce_wall_msp = json_as_int(json_get(monitor, "bounce_ms"), 0);
	return true;
}

/* The text of a member, "" if it is none. */
static const char *text_of(const struct json_t *object, const char *name)
{
	struct slice text = json_as_text(json_get(object, name));

	return text.p ? text.p : "";
}

size_t saved_state_n_monitors(const struct saved_state *state)
{
	return n_pointers(&state->names);
}

const char *saved_state_name(const struct saved_state *state, size_t at)
{
	const char *name = pointer_at(&state->names, at);

	return name ? name : "";
}

int saved_state_pause(const struct saved_state *state, const char *name,
                      int64_t now_wall_ms, int64_t wall_offset_ms,
                      struct pause **pausep)
{
	const struct json_t *pause =
		json_get(name ? map_get(&state->monitors, slice_from(name))
	                      : state->root,
	                 "pause");
	const struct json_t *until = json_get(pause, "until_ms");
	int64_t since_ms = json_as_int(json_get(pause, "since_ms"), 0);
	int64_t until_ms = json_as_int(until, 0);
	uint64_t end_ms = PAUSE_FOREVER;

	if (json_is_missing(pause))
		return 0;
	if (!json_is_missing(until)) {
		if (until_ms <= now_wall_ms || until_ms <= wall_offset_ms)
			return 0;
		end_ms = (uint64_t)(until_ms - wall_offset_ms);
	}
	*pausep = pause_new(MIN(since_ms, now_wall_ms), end_ms,
	                    text_of(pause, "reason"));
	return *pausep ? 1 : -ENOMEM;
}

size_t saved_state_n_stopped(const struct saved_state *state)
{
	return MIN(n_pointers(&state->stopped), SAVED_STOPPED_MAX);
}

struct saved_stopped saved_state_stopped(const struct saved_state *state,
                                         size_t at)
{
	const struct json_t *item = pointer_at(&state->stopped, at);

	return (struct saved_stopped){
		.runtime = text_of(item, "runtime"),
		.target = text_of(item, "target"),
		.project = text_of(item, "project"),
		.since_wall_ms = json_as_int(json_get(item, "since_ms"), 0),
	};
}
