/* SPDX-License-Identifier: Apache-2.0 */
#include "core/saved_state.h"

#include <errno.h>
#include "base/map.h"
#include "base/mem.h"
#include "proto/json.h"

#define FORMAT_NAME    "bouncer-state"
#define FORMAT_VERSION 1

struct saved_state {
	struct json_t *root;
	struct map monitors; /* name -> object in `root` */
};

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
                       int64_t wall_offset_ms, const struct pause *all)
{
	*writer = (struct saved_writer){ .wall_offset_ms = wall_offset_ms };
	json_write_init(&writer->json, buf);
	json_write_object(&writer->json);
	json_write_key(&writer->json, "format");
	json_write_string(&writer->json, FORMAT_NAME);
	json_write_key(&writer->json, "version");
	json_write_i64(&writer->json, FORMAT_VERSION);
	write_pause(writer, all);
	json_write_key(&writer->json, "monitors");
	json_write_array(&writer->json);
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
	if (saved->cool_until_ms != INT64_MIN) {
		json_write_key(json, "cool_until_ms");
		json_write_i64(json, saved->cool_until_ms + offset_ms);
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

static int index_monitors(struct saved_state *state)
{
	const struct json_t *monitors = json_get(state->root, "monitors");

	for (size_t i = 0; i < json_count(monitors); i++) {
		const struct json_t *monitor = json_item(monitors, i);
		struct slice name = json_as_text(json_get(monitor, "name"));

		if (name.n > 0 &&
		    map_set(&state->monitors, name, (void *)monitor) < 0)
			return -ENOMEM;
	}
	return 0;
}

int saved_state_parse(struct slice text, struct saved_state **statep,
                      struct err *err)
{
	struct saved_state *state = mem_calloc(1, sizeof(*state));
	int r;

	if (!state)
		return err_set_code(err, -ENOMEM, "saved state");
	map_init(&state->monitors, 1);

	r = json_parse(text, &state->root, err);
	if (r < 0)
		goto err_free;
	if (!slice_is(json_as_text(json_get(state->root, "format")),
	              FORMAT_NAME)) {
		r = err_set(err, -EINVAL, "it is not a state file of ours");
		goto err_free;
	}
	if (json_as_int(json_get(state->root, "version"), 0) !=
	    FORMAT_VERSION) {
		r = err_set(err, -EINVAL,
		            "its version is not %d, which this program reads",
		            FORMAT_VERSION);
		goto err_free;
	}
	r = index_monitors(state);
	if (r < 0) {
		(void)err_set_code(err, r, "saved state");
		goto err_free;
	}
	*statep = state;
	return 0;

err_free:
	saved_state_free(state);
	return r;
}

void saved_state_free(struct saved_state *state)
{
	if (!state)
		return;
	map_fini(&state->monitors);
	json_free(state->root);
	mem_free(state);
}

bool saved_state_monitor(const struct saved_state *state, const char *name,
                         int64_t now_wall_ms, int64_t wall_offset_ms,
                         struct policy_saved *saved, int64_t *bounce_wall_msp)
{
	const struct json_t *monitor =
		map_get(&state->monitors, slice_from(name));
	const struct json_t *bounces = json_get(monitor, "bounces_ms");
	int64_t ended_ms = json_as_int(json_get(monitor, "ended_ms"), 0);
	int64_t cool_ms = json_as_int(json_get(monitor, "cool_until_ms"), 0);
	int64_t n_failed = json_as_int(json_get(monitor, "failed"), 0);

	if (!monitor)
		return false;
	*saved = (struct policy_saved){
		.n_failed = (uint32_t)MIN(MAX(n_failed, 0), 1000),
		.ended_ms = INT64_MIN,
		.cool_until_ms = INT64_MIN,
		.gave_up = json_as_bool(json_get(monitor, "gave_up"), false),
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
		if (cool_ms > 0)
			saved->cool_until_ms = cool_ms - wall_offset_ms;
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
	return json_count(json_get(state->root, "monitors"));
}

const char *saved_state_name(const struct saved_state *state, size_t at)
{
	return text_of(json_item(json_get(state->root, "monitors"), at),
	               "name");
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
	return MIN(json_count(json_get(state->root, "stopped")),
	           SAVED_STOPPED_MAX);
}

struct saved_stopped saved_state_stopped(const struct saved_state *state,
                                         size_t at)
{
	const struct json_t *item =
		json_item(json_get(state->root, "stopped"), at);

	return (struct saved_stopped){
		.runtime = text_of(item, "runtime"),
		.target = text_of(item, "target"),
		.project = text_of(item, "project"),
		.since_wall_ms = json_as_int(json_get(item, "since_ms"), 0),
	};
}
