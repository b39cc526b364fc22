/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal -f: each entry as it comes. When the daemon goes away it is said,
 * and it is asked again until it is back; one that was started anew begins to
 * count its entries anew.
 */
#include "command/journal.h"

#include <errno.h>
#include <inttypes.h>
#include "base/number.h"
#include "base/text.h"
#include "proto/event_stream.h"

#define FOLLOW_SILENCE_MS 45000 /* three of the comments that it sends */
#define FOLLOW_RETRY_MS   1000
#define FOLLOW_START_MAX  64 /* bytes of the daemon's start time */

struct follow {
	struct client *client;
	const struct journal_options *options;
	struct client_call call;
	struct event_stream events;
	uint64_t since; /* what was seen */
	char start[FOLLOW_START_MAX];
	int write_errno; /* why nothing can be printed any more; 0: it can */
};

static int on_event(struct event_stream *stream,
                    const struct stream_event *event)
{
	struct follow *follow = container_of(stream, struct follow, events);
	const struct command_io *io = follow->client->io;
	struct json_t *entry;

	if (number_parse_u64(slice_from(event->id), &follow->since) < 0)
		return UV_EPROTO;
	if (strcmp(event->name, "gap") == 0) {
		(void)fprintf(io->err, "bouncer: some entries are lost: they "
		                       "came faster than they were read\n");
		return 0;
	}
	if (json_parse(event->data, &entry, NULL) < 0)
		return UV_EPROTO;
	journal_print(follow->options, io->out, entry);
	json_free(entry);
	if (fflush(io->out) == 0)
		return 0;
	follow->write_errno = errno;
	return UV_EPIPE;
}

static int on_body(struct client_call *call, struct slice bytes)
{
	struct follow *follow = container_of(call, struct follow, call);

	return event_stream_feed(&follow->events, bytes);
}

/* One connection, for as long as it lasts. */
static void stream_once(struct follow *follow)
{
	const char *monitor = follow->options->monitor;
	struct buf path;

	buf_init(&path, HTTP_MAX_TARGET);
	(void)buf_printf(&path, "/api/v1/stream?since=%" PRIu64, follow->since);
	if (monitor) {
		(void)buf_puts(&path, "&monitor=");
		text_escape_url(&path, slice_from(monitor));
	}
	follow->call = (struct client_call){
		.target = buf_slice(&path),
		.timeout_ms = HTTP_CLIENT_TIMEOUT_NONE,
		.idle_timeout_ms = FOLLOW_SILENCE_MS,
		.on_body = on_body,
	};
	event_stream_init(&follow->events, on_event);
	client_exchange(follow->client, &follow->call);
	event_stream_fini(&follow->events);
	buf_fini(&path);
}

/* A daemon that was started since begins at 1 again. False: not there. */
static bool look_for_restart(struct follow *follow)
{
	struct client_call call = { .target = slice_from("/api/v1/daemon") };
	char start[FOLLOW_START_MAX];
	bool there;

	client_exchange(follow->client, &call);
	there = call.err.code == 0 && call.status == 200 &&
	        json_parse(buf_slice(&call.reply), &call.root, NULL) == 0 &&
	        json_copy_text(json_get(call.root, "start_time"), start,
	                       sizeof(start));
	client_call_fini(&call);
	if (there && strcmp(start, follow->start) != 0) {
		if (follow->start[0])
			follow->since = 0;
		memcpy(follow->start, start, sizeof(start));
	}
	return there;
}

static void wait_for_daemon(struct follow *follow)
{
	const struct command_io *io = follow->client->io;

	(void)fprintf(io->err, "bouncer: the daemon is gone; waiting for it\n");
	do {
		client_wait(follow->client, FOLLOW_RETRY_MS);
	} while (!look_for_restart(follow));
	(void)fprintf(io->err, "bouncer: the daemon is back\n");
}

/* What begins the stream: before the newest @limit entries. */
static int find_begin(struct follow *follow, uint64_t limit)
{
	struct client_call call = { 0 };
	int code = journal_ask(follow->client, &call, follow->options, limit);
	const struct json_t *entries = json_get(call.root, "entries");
	int64_t next = json_as_int(json_get(call.root, "next"), 0);
	int64_t first =
		json_as_int(json_get(json_item(entries, 0), "seq"), next + 1);

	follow->since = first > 0 ? (uint64_t)(first - 1) : 0;
	client_call_fini(&call);
	return code;
}

/* After a stream has ended: EXIT_OK if it is worth another try. */
static int judge(struct follow *follow)
{
	int reason = follow->call.err.code;

	if (follow->write_errno) {
		errno = follow->write_errno;
		return command_finish(follow->client->io);
	}
	if (reason != 0 && reason != UV_EPROTO && reason != -E2BIG &&
	    reason != -ENOMEM)
		return EXIT_OK;
	return client_complain(follow->client, &follow->call,
	                       follow->options->monitor);
}

int journal_follow(struct client *client, const struct journal_options *options,
                   uint64_t limit)
{
	struct follow follow = { .client = client, .options = options };
	int code = find_begin(&follow, limit);

	if (code == EXIT_OK)
		(void)look_for_restart(&follow);
	while (code == EXIT_OK) {
		stream_once(&follow);
		code = judge(&follow);
		client_call_fini(&follow.call);
		if (code == EXIT_OK)
			wait_for_daemon(&follow);
	}
	return code;
}
