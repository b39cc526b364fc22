/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What survives our own restart: one small file in `state_dir`, written when
 * something in it changed. Changes of one moment are one write. What an
 * operator ordered, and a step that may take the machine down, wait until it
 * is on disk; for others the record beside it is enough (daemon_begun.c). A
 * file that is missing, damaged or foreign never stops the start.
 */
#include "daemon_parts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "io/lock_file.h"

#define STATE_FILE_NAME "state.json"
#define LOCK_FILE_NAME  "lock"
#define STATE_FILE_MODE 0640
#define STATE_DIR_MODE  0750
#define STATE_DELAY_MS  100 /* changes that come together are one write */
#define STATE_DELAY_MAX 5000
#define STATE_SHARE     100 /* of the time, one part may go into documents */
#define STATE_PATH_MAX  4096

/* One write, and who waits for it. */
struct state_write {
	struct daemon *daemon;
	struct atomic_write write;
	struct list waits;
	uint64_t n_begun; /* lines of the record that it knows */
};

static void on_state_timer(uv_timer_t *timer);

static void report(struct daemon *daemon, const char *what,
                   const struct err *err)
{
	supervisor_record(&daemon->supervisor, LOG_LEVEL_WARN, JOURNAL_DAEMON,
	                  "", what, err->message, daemon_now(daemon));
}

/* --- reading ------------------------------------------------------------ */

/* False if the file is there and cannot be read: then it is better not
 * written over, either. */
static bool read_state(struct daemon *daemon, const char *path)
{
	struct buf text;
	struct err err;
	int r;

	r = atomic_file_read(path, SAVED_STATE_MAX, &text, &err);
	if (r == -ENOENT)
		log_info(daemon->log, "no saved state, starting afresh",
		         LOG_STR("file", path));
	else if (r == 0)
		r = saved_state_parse(buf_slice(&text), &daemon->saved, &err);
	if (r == 0)
		daemon->state_hash = map_hash(1, buf_text(&text), text.n);
	buf_fini(&text);
	if (r == 0 || r == -ENOENT)
		return true;

	err_wrap(&err, "%s", path);
	if (r != -EINVAL && r != -EFBIG) {
		report(daemon, "saved state cannot be read, none is kept",
		       &err);
		return false;
	}
	report(daemon, "saved state cannot be used, starting afresh", &err);
	if (atomic_file_set_aside(path, daemon_wall_ms() / 1000, &err) < 0)
		report(daemon, "damaged state file stays where it is", &err);
	return true;
}

/* A document with nothing in it need not be written if there is none. */
static uint64_t empty_hash(void)
{
	struct saved_writer writer;
	struct buf text;
	uint64_t hash;

	buf_init(&text, SAVED_STATE_MAX);
	saved_write_begin(&writer, &text, 0, 0, NULL);
	saved_write_end(&writer);
	hash = map_hash(1, buf_text(&text), text.n);
	buf_fini(&text);
	return hash;
}

int daemon_state_init(struct daemon *daemon)
{
	list_init(&daemon->state_waits);
	daemon->state_hash = empty_hash();
	return uv_timer_init(&daemon->loop, &daemon->state_timer);
}

/* Two that write one file would undo each other's promises. False if another
 * has it; where there are no locks we go without. */
static bool lock_state(struct daemon *daemon, const char *dir)
{
	char path[STATE_PATH_MAX];
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, LOCK_FILE_NAME);
	r = lock_file_take(path, &daemon->state_lock);
	if (r < 0 && r != -EWOULDBLOCK)
		log_warn(daemon->log,
		         "state_dir cannot be locked against a second "
		         "bouncer",
		         LOG_STR("file", path), LOG_STR("error", err_text(r)));
	return r != -EWOULDBLOCK;
}

/* What operators had paused as a whole; before there are monitors. */
static int restore_pause(struct daemon *daemon)
{
	int64_t wall_ms = daemon_wall_ms();
	int r = 0;

	(void)daemon_now(daemon);
	if (daemon->saved)
		r = saved_state_pause(daemon->saved, NULL, wall_ms,
		                      daemon->supervisor.wall_offset_ms,
		                      &daemon->supervisor.pause_all);
	return r < 0 ? r : 0;
}

static int open_file(struct daemon *daemon, const char *dir, const char *path)
{
	int r;

	daemon->state_dir = mem_strdup(dir);
	if (!daemon->state_dir)
		return UV_ENOMEM;
	if (!read_state(daemon, path))
		return 0;
	daemon->state_file =
		atomic_file_new(&daemon->loop, path, STATE_FILE_MODE);
	if (!daemon->state_file)
		return UV_ENOMEM;
	r = daemon_begun_open(daemon);
	return r < 0 ? r : restore_pause(daemon);
}

int daemon_state_open(struct daemon *daemon, struct err *err)
{
	const char *dir = daemon->options->config->global.state_dir;
	char path[STATE_PATH_MAX];
	struct err why;

	if (!dir)
		return 0;
	if (snprintf(path, sizeof(path), "%s/%s", dir, STATE_FILE_NAME) >=
	    (int)sizeof(path)) {
		(void)err_set(&why, -ENAMETOOLONG, "state_dir: path too long");
		report(daemon, "state is not kept", &why);
		return 0;
	}
	if (mkdir(dir, STATE_DIR_MODE) < 0 && errno != EEXIST) {
		(void)err_set_code(&why, -errno,
		                   "%s cannot be created; set state_dir", dir);
		report(daemon, "state is not kept", &why);
		return 0;
	}
	if (!lock_state(daemon, dir))
		return err_set(err, -EWOULDBLOCK,
		               "state_dir %s is in use by another bouncer; "
		               "give this one its own, or none",
		               dir);
	return open_file(daemon, dir, path) < 0
	               ? err_set(err, UV_ENOMEM, "out of memory")
	               : 0;
}

void daemon_state_restore_promises(struct daemon *daemon)
{
	for (size_t i = 0;
	     daemon->saved && i < saved_state_n_stopped(daemon->saved); i++) {
		struct saved_stopped stopped =
			saved_state_stopped(daemon->saved, i);

		if (promises_restore(daemon->promises, stopped.runtime,
		                     stopped.target, stopped.project,
		                     stopped.since_wall_ms) < 0)
			log_error(daemon->log,
			          "cannot take up what was left stopped: out "
			          "of memory",
			          LOG_STR("target", stopped.target));
	}
	/* monitors took theirs when they were set up, those under rules will */
	daemon_cover_restore(daemon);
	saved_state_free(daemon->saved);
	daemon->saved = NULL;
	if (daemon_begun_left(daemon))
		daemon_state_save(daemon, NULL);
}

/* --- writing ------------------------------------------------------------ */

/* Rules have nothing but what was ordered of them. */
static void write_rules(const struct daemon *daemon,
                        struct saved_writer *writer)
{
	static const struct policy_saved nothing = {
		.ended_ms = INT64_MIN,
		.cool_until_ms = INT64_MIN,
	};

	for (uint32_t i = 0; i < daemon->n_covers; i++) {
		const struct rule *rule = &daemon->covers[i]->rule;

		if (rule->pause)
			saved_write_monitor(writer, rule->name, &nothing, 0,
			                    rule->pause);
	}
}

static void write_document(struct daemon *daemon, struct buf *out)
{
	struct saved_writer writer;

	saved_write_begin(&writer, out, daemon->supervisor.wall_offset_ms,
	                  daemon->n_begun, daemon->supervisor.pause_all);
	for (uint32_t i = 0; i < daemon->n_monitors; i++) {
		const struct monitor *monitor = daemon->monitors[i];
		struct policy_saved saved;

		policy_save(&monitor->policy, &saved);
		if (!policy_saved_empty(&saved) || monitor->pause)
			saved_write_monitor(&writer, monitor->name, &saved,
			                    monitor->bounce_wall_ms,
			                    monitor->pause);
	}
	write_rules(daemon, &writer);
	/* who has not come yet is not forgotten for that */
	LIST_FOR_EACH (node, &daemon->past_list) {
		const struct past *past = container_of(node, struct past, node);

		saved_write_monitor(&writer, past->name, &past->saved,
		                    past->bounce_wall_ms, past->pause);
	}
	LIST_FOR_EACH (node, promises_list(daemon->promises)) {
		const struct promise *promise =
			container_of(node, struct promise, node);
		struct saved_stopped stopped = {
			.runtime = promise->runtime,
			.target = promise->target,
			.project = promise->project,
			.since_wall_ms = promise->since_wall_ms,
		};

		saved_write_stopped(&writer, &stopped);
	}
	saved_write_end(&writer);
}

static void release_waits(struct list *waits, bool saved)
{
	struct list *node;

	while ((node = list_pop(waits))) {
		struct promise_wait *wait =
			container_of(node, struct promise_wait, node);

		wait->saved = saved;
		wait->durable(wait);
	}
}

static void note_result(struct daemon *daemon, const struct err *err)
{
	if (err->code < 0 && !daemon->state_failing)
		report(daemon, "state cannot be written, going on without",
		       err);
	else if (err->code == 0 && daemon->state_failing)
		log_info(daemon->log, "state is written again");
	daemon->state_failing = err->code < 0;
	if (err->code < 0)
		daemon->state_hash = 0; /* the next change tries again */
}

static void on_written(struct atomic_write *write)
{
	struct state_write *done =
		container_of(write, struct state_write, write);
	struct daemon *daemon = done->daemon;

	note_result(daemon, &write->err);
	if (write->err.code == 0)
		daemon_begun_known(daemon, done->n_begun);
	release_waits(&done->waits, write->err.code == 0);
	mem_free(done);
	daemon_arm(daemon);
}

static void move_waits(struct list *from, struct list *to)
{
	struct list *node;

	while ((node = list_pop(from)))
		list_append(to, node);
}

/* Negative if it could not even be begun. */
static int begin_write(struct daemon *daemon, struct buf *text)
{
	struct state_write *write = mem_calloc(1, sizeof(*write));
	int r;

	if (!write)
		return UV_ENOMEM;
	write->daemon = daemon;
	write->n_begun = daemon->n_begun;
	list_init(&write->waits);
	r = atomic_file_write(daemon->state_file, text, &write->write,
	                      on_written);
	if (r < 0)
		mem_free(write);
	else
		move_waits(&daemon->state_waits, &write->waits);
	return r;
}

/* Writes what is to be written; who waits in vain is released. */
static void write_state(struct daemon *daemon)
{
	struct list waits = LIST_INIT(waits);
	struct err err = { 0 };
	struct buf text;
	uint64_t hash;
	int r = 0;

	buf_init(&text, SAVED_STATE_MAX);
	/* a start that fails leaves the file to the next one */
	if (daemon->state_file && daemon->started) {
		write_document(daemon, &text);
		hash = map_hash(1, buf_text(&text), text.n);
		if (text.failed)
			r = text.failed;
		else if (hash != daemon->state_hash ||
		         !list_empty(&daemon->state_waits))
			r = begin_write(daemon, &text);
		daemon->state_hash = hash;
	}
	if (r < 0) {
		(void)err_set_code(&err, r, "state");
		note_result(daemon, &err);
	}
	buf_fini(&text);
	move_waits(&daemon->state_waits, &waits);
	release_waits(&waits, false);
}

static void on_state_timer(uv_timer_t *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, state_timer);
	uint64_t began_ns = uv_hrtime();

	(void)daemon_now(daemon);
	write_state(daemon);
	daemon->state_cost_ms = (uv_hrtime() - began_ns) / 1000000;
	daemon_arm(daemon);
}

/* Of thousands of monitors a document takes milliseconds, in which nobody is
 * answered. What must not be lost in between has its record, or waits. */
static uint64_t state_delay(const struct daemon *daemon)
{
	return MIN(MAX(daemon->state_cost_ms * STATE_SHARE, STATE_DELAY_MS),
	           STATE_DELAY_MAX);
}

void daemon_state_save(struct daemon *daemon, struct promise_wait *wait)
{
	if (wait)
		list_append(&daemon->state_waits, &wait->node);
	else if (uv_is_active((uv_handle_t *)&daemon->state_timer))
		return;
	(void)uv_timer_start(&daemon->state_timer, on_state_timer,
	                     wait ? 0 : state_delay(daemon), 0);
}

static void on_timer_closed(uv_handle_t *handle)
{
	daemon_closed_one(container_of(handle, struct daemon, state_timer));
}

/* Then the record has been emptied, or is about to be. */
static void on_file_closed(void *context)
{
	daemon_begun_close(context);
	daemon_closed_one(context);
}

void daemon_state_close(struct daemon *daemon)
{
	write_state(daemon);
	daemon->n_pending++;
	uv_close((uv_handle_t *)&daemon->state_timer, on_timer_closed);
	if (!daemon->state_file)
		return;
	daemon->n_pending++;
	atomic_file_close(daemon->state_file, on_file_closed, daemon);
	daemon->state_file = NULL;
}
