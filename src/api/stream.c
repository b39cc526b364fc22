/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: GET /api/v1/stream?monitor=&since=SEQ, the journal as it is written,
 * as server-sent events (WHATWG HTML, "Server-sent events").
 *
 * A stream keeps the number of its next entry and nothing else: what a slow
 * reader has not taken when the journal's ring comes round is lost to it, and
 * `event: gap` says so. One timer wakes all streams: soon after the journal
 * has grown, and every now and then for a comment that shows that the
 * connection lives.
 */
#include "api/routes.h"

#include <errno.h>
#include "base/list.h"
#include "base/mem.h"
#include "base/number.h"

#define COMMENT_MS 15000

struct api_streams {
	struct api *api;
	uv_timer_t timer;
	bool woken; /* the timer is about to tell of new entries */
	bool closing;
	struct list streams;
	uint32_t n;
	void (*closed)(void *context);
	void *context;
};

struct event_stream {
	struct api_streams *streams; /* NULL: they are closed */
	const struct journal *journal;
	struct list node;
	struct http_exchange *exchange;
	uint64_t seq; /* of the next entry */
	bool comment; /* one is due */
	char *monitor;
};

/* --- what is sent --------------------------------------------------------- */

static void write_gap(struct event_stream *stream, uint64_t first,
                      struct buf *out)
{
	(void)buf_printf(out,
	                 "event: gap\nid: %llu\ndata: {\"from\":%llu,"
	                 "\"to\":%llu}\n\n",
	                 (unsigned long long)first - 1,
	                 (unsigned long long)stream->seq,
	                 (unsigned long long)first - 1);
	stream->seq = first;
}

static void write_event(const struct journal_entry *entry, struct buf *out)
{
	struct json_writer json;

	(void)buf_printf(out, "id: %llu\nevent: %s\ndata: ",
	                 (unsigned long long)entry->seq,
	                 journal_event_name(entry->event));
	json_write_init(&json, out);
	api_write_entry(&json, entry);
	(void)buf_puts(out, "\n\n");
}

static void stream_free(struct event_stream *stream)
{
	list_unlink(&stream->node);
	if (stream->streams)
		stream->streams->n--;
	mem_free(stream->monitor);
	mem_free(stream);
}

static void produce(void *state, struct buf *out)
{
	struct event_stream *stream = state;
	const struct journal *journal = stream->journal;

	if (!out) {
		stream_free(stream);
		return;
	}
	if (journal_first(journal) > stream->seq)
		write_gap(stream, journal_first(journal), out);
	while (stream->seq < journal->next_seq && out->n < API_PIECE_SIZE) {
		const struct journal_entry *entry =
			journal_get(journal, stream->seq);

		/* one for which there was no memory */
		if (!entry)
			write_gap(stream, stream->seq + 1, out);
		else if (api_entry_matches(entry, stream->monitor))
			write_event(entry, out);
		if (entry)
			stream->seq++;
	}
	if (stream->comment && out->n == 0)
		(void)buf_puts(out, ":\n\n");
	stream->comment = false;
}

/* --- waking ---------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
	struct api_streams *streams =
		container_of(timer, struct api_streams, timer);
	bool comment = !streams->woken;

	streams->woken = false;
	(void)uv_timer_start(timer, on_timer, COMMENT_MS, 0);
	LIST_FOR_EACH_SAFE (node, &streams->streams) {
		struct event_stream *stream =
			container_of(node, struct event_stream, node);

		stream->comment = comment;
		http_wake(stream->exchange);
	}
}

void api_streams_wake(struct api *api)
{
	struct api_streams *streams = api->streams;

	if (!streams || streams->closing || streams->woken || streams->n == 0)
		return;
	streams->woken = true;
	(void)uv_timer_start(&streams->timer, on_timer, 0, 0);
}

/* --- life ------------------------------------------------------------------ */

int api_streams_new(struct api *api)
{
	struct api_streams *streams = mem_calloc(1, sizeof(*streams));

	if (!streams)
		return -ENOMEM;
	streams->api = api;
	list_init(&streams->streams);
	(void)uv_timer_init(api->loop, &streams->timer);
	api->streams = streams;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct api_streams *streams =
		container_of((uv_timer_t *)handle, struct api_streams, timer);
	void (*closed)(void *context) = streams->closed;
	void *context = streams->context;
	struct list *node;

	while ((node = list_pop(&streams->streams)))
		container_of(node, struct event_stream, node)->streams = NULL;
	mem_free(streams);
	closed(context);
}

void api_streams_close(struct api *api, void (*closed)(void *context),
                       void *context)
{
	struct api_streams *streams = api->streams;

	api->streams = NULL;
	streams->closing = true;
	streams->closed = closed;
	streams->context = context;
	uv_close((uv_handle_t *)&streams->timer, on_closed);
}

/* --- the route -------------------------------------------------------------- */

/* Where it begins: after the last one that the client has, or now. */
static int first_seq(struct api *api, struct http_exchange *exchange,
                     uint64_t *seqp)
{
	struct slice last =
		http_message_header(exchange->message, "last-event-id");
	uint64_t since = api->journal->next_seq - 1;
	int r;

	if (last.p && number_parse_u64(last, &since) < 0) {
		api_error(exchange, 400, "Last-Event-ID must be a number");
		return -EINVAL;
	}
	/* what a client that comes again says is newer than its address */
	r = last.p ? 0 : api_number_query(exchange, "since", &since);
	if (r < 0)
		return r;
	/* numbers begin anew with each start */
	*seqp = since < api->journal->next_seq ? since + 1 : 1;
	return 0;
}

static struct event_stream *stream_new(struct api *api, const char *monitor)
{
	struct event_stream *stream = mem_calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->monitor = monitor ? mem_strdup(monitor) : NULL;
	if (monitor && !stream->monitor) {
		mem_free(stream);
		return NULL;
	}
	stream->streams = api->streams;
	stream->journal = api->journal;
	stream->comment = true; /* shows that it has begun */
	list_append(&api->streams->streams, &stream->node);
	api->streams->n++;
	if (api->streams->n == 1 && !api->streams->woken)
		(void)uv_timer_start(&api->streams->timer, on_timer, COMMENT_MS,
		                     0);
	return stream;
}

void api_events(struct api *api, struct http_exchange *exchange,
                struct slice rest)
{
	struct event_stream *stream;
	char monitor[512];
	uint64_t seq;
	int r;

	(void)rest;
	if (!api->streams || api->streams->n == API_MAX_STREAMS) {
		api_error(exchange, 503,
		          api->streams ? "too many streams are open"
		                       : "the daemon is stopping");
		return;
	}
	r = api_query(exchange->query, "monitor", monitor, sizeof(monitor));
	if (r < 0) {
		api_error(exchange, 400, "monitor is malformed or too long");
		return;
	}
	if (first_seq(api, exchange, &seq) < 0)
		return;
	stream = stream_new(api, r == 1 ? monitor : NULL);
	if (!stream) {
		api_error(exchange, 500, "out of memory");
		return;
	}
	stream->seq = seq;
	stream->exchange = exchange;
	http_respond_live(exchange, 200, "text/event-stream",
	                  "Cache-Control: no-store\r\n", produce, stream);
}
