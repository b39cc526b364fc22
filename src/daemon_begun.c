/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be known after our own death as soon as it is so, and quickly:
 * that a step begins, and the promise to bring its target back. A line of it
 * is written, not synced, before the step acts; the state file follows, and
 * when it is on disk the record is emptied. Where it cannot be used the step
 * waits for the state file.
 *
 * The end of the machine itself may take the last lines with it: then the
 * engine and its containers have ended, too.
 */
#include "daemon_parts.h"

#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "io/append_file.h"

#define BEGUN_FILE_NAME "begun"
#define BEGUN_FILE_MODE 0640
#define BEGUN_PATH_MAX  4096
#define BEGUN_LINE_MAX  65536
#define BEGUN_MAX       (256u << 10) /* from here on steps wait for the disk */

/* One line, and who waits for it. */
struct begun_line {
	struct daemon *daemon;
	struct append_write write;
	struct promise_wait *wait;
};

/* --- reading ------------------------------------------------------------ */

static void report(struct daemon *daemon, const char *what,
                   const struct err *err)
{
	supervisor_record(&daemon->supervisor, LOG_LEVEL_WARN, JOURNAL_DAEMON,
	                  "", what, err->message, daemon_now(daemon));
}

/* What it says, into what was saved. Negative: it is better left alone. */
static int read_record(struct daemon *daemon, const char *path, size_t *sizep)
{
	struct buf text;
	struct err err;
	int r = atomic_file_read(path, SAVED_BEGUN_MAX, &text, &err);

	*sizep = text.n;
	if (r == 0 && text.n) {
		r = saved_state_add_begun(&daemon->saved, buf_slice(&text));
		if (r < 0)
			(void)err_set_code(&err, r, "%s", path);
		else if (r > 0)
			log_info(daemon->log,
			         "taking up what the last run had begun",
			         LOG_STR("file", path), LOG_INT("steps", r));
	}
	buf_fini(&text);
	if (r >= 0 || r == -ENOENT)
		return 0;
	report(daemon, "record of what was begun cannot be read, none is kept",
	       &err);
	return r;
}

int daemon_begun_open(struct daemon *daemon)
{
	char path[BEGUN_PATH_MAX];
	size_t size;

	if (snprintf(path, sizeof(path), "%s/%s", daemon->state_dir,
	             BEGUN_FILE_NAME) >= (int)sizeof(path) ||
	    read_record(daemon, path, &size) < 0)
		return 0;
	if (daemon->saved)
		daemon->n_begun = saved_state_n_begun(daemon->saved);
	daemon->begun = append_file_new(&daemon->loop, path, size, BEGUN_MAX,
	                                BEGUN_FILE_MODE);
	return daemon->begun ? 0 : UV_ENOMEM;
}

bool daemon_begun_left(const struct daemon *daemon)
{
	return daemon->begun && append_file_size(daemon->begun) > 0;
}

/* --- writing ------------------------------------------------------------ */

static const struct monitor *find_monitor(const struct daemon *daemon,
                                          const char *name)
{
	const struct watched *watched =
		map_get(&daemon->by_name, slice_from(name));
	const struct member *member;

	if (watched)
		return &watched->monitor;
	member = map_get(&daemon->members, slice_from(name));
	return member ? &member->watched->monitor : NULL;
}

static void write_line(struct daemon *daemon, const struct promise_wait *wait,
                       struct buf *out)
{
	const struct monitor *monitor = find_monitor(daemon, wait->begun);
	const struct promise *promise = wait->promise;
	struct saved_writer writer;

	saved_write_begun(&writer, out, daemon->supervisor.wall_offset_ms,
	                  daemon->n_begun + 1);
	if (monitor) {
		struct policy_saved saved;

		policy_save(&monitor->policy, &saved);
		saved_write_monitor(&writer, monitor->name, &saved,
		                    monitor->bounce_wall_ms, monitor->pause);
	}
	if (promise) {
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

static void on_written(struct append_write *write)
{
	struct begun_line *line = container_of(write, struct begun_line, write);
	struct promise_wait *wait = line->wait;
	struct daemon *daemon = line->daemon;
	bool failed = write->err.code < 0;

	mem_free(line);
	if (failed) {
		/* it tells of the trouble, too, if it has the same */
		daemon_state_save(daemon, wait);
		return;
	}
	wait->saved = true;
	wait->durable(wait);
	daemon_arm(daemon);
}

/* Negative: it could not be begun. */
static int begin_line(struct daemon *daemon, struct promise_wait *wait)
{
	struct begun_line *line = mem_calloc(1, sizeof(*line));
	struct buf text;
	int r;

	if (!line)
		return UV_ENOMEM;
	*line = (struct begun_line){ .daemon = daemon, .wait = wait };
	buf_init(&text, BEGUN_LINE_MAX);
	write_line(daemon, wait, &text);
	r = text.failed ? text.failed
	                : append_file_write(daemon->begun, buf_slice(&text),
	                                    &line->write, on_written);
	buf_fini(&text);
	if (r < 0)
		mem_free(line);
	return r;
}

void daemon_begun_save(struct daemon *daemon, struct promise_wait *wait)
{
	(void)daemon_now(daemon);
	if (!daemon->begun || !daemon->state_file || daemon->state_failing ||
	    append_file_size(daemon->begun) > BEGUN_MAX ||
	    begin_line(daemon, wait) < 0) {
		daemon_state_save(daemon, wait);
		return;
	}
	daemon->n_begun++;
	daemon_state_save(daemon, NULL);
}

void daemon_begun_known(struct daemon *daemon, uint64_t n_begun)
{
	if (daemon->begun && n_begun == daemon->n_begun)
		append_file_clear(daemon->begun);
}

void daemon_begun_close(struct daemon *daemon)
{
	if (!daemon->begun)
		return;
	daemon->n_pending++;
	append_file_close(daemon->begun, daemon_closed_one, daemon);
	daemon->begun = NULL;
}
