/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer is at most three pieces of memory (its head or a chunk's size, the
 * body, a chunk's end), written at once, without waiting for the loop; only
 * what the socket does not take becomes a write request.
 */
#include "io/http_server_private.h"

#include <assert.h>
#include <errno.h>
#include "base/mem.h"

#define TEXT_MAX  1024 /* bytes of a short answer */
#define MAX_BYTES 3    /* pieces of memory of one write */

static struct exchange *exchange_of(struct http_exchange *shown)
{
	return container_of(shown, struct exchange, shown);
}

/* --- the head ---------------------------------------------------------------- */

static bool is_head_request(const struct exchange *exchange)
{
	return exchange->has_head &&
	       slice_is(exchange->shown.message->method, "HEAD");
}

/* A request whose head we could not read is taken for HTTP/1.1. */
static bool is_http_1_0(const struct exchange *exchange)
{
	return exchange->has_head && exchange->shown.message->minor == 0;
}

static struct slice whole_body(const struct exchange *exchange)
{
	return exchange->release ? exchange->shared
	                         : buf_slice(&exchange->body);
}

static void write_framing(struct exchange *exchange, uint16_t status)
{
	struct buf *head = &exchange->head;

	if (exchange->chunked)
		(void)buf_puts(head, "Transfer-Encoding: chunked\r\n");
	else if (!exchange->producer && status != 204 && status != 304)
		(void)buf_printf(head, "Content-Length: %zu\r\n",
		                 whole_body(exchange).n);
	if (!exchange->keep)
		(void)buf_puts(head, "Connection: close\r\n");
	else if (is_http_1_0(exchange))
		(void)buf_puts(head, "Connection: keep-alive\r\n");
	(void)buf_puts(head, "\r\n");
}

/* Settles how the answer is framed, and writes its head. */
static void exchange_answer(struct exchange *exchange, uint16_t status,
                            const char *content_type, const char *headers)
{
	struct http_server *server = exchange->server;
	struct buf *head = &exchange->head;

	peer_answering(exchange->peer);
	exchange->chunked = exchange->producer && !is_http_1_0(exchange);
	if (server->closing || exchange->live ||
	    (exchange->producer && !exchange->chunked))
		exchange->keep = false;
	exchange->bodiless =
		is_head_request(exchange) || status == 204 || status == 304;
	exchange->last = exchange->bodiless || !exchange->producer;
	exchange->n_at_once = 0;

	buf_reset(head);
	(void)buf_printf(head,
	                 "HTTP/1.1 %u %s\r\nDate: %s\r\nServer: bouncer\r\n",
	                 status, http_status_text(status), server_date(server));
	if (content_type)
		(void)buf_printf(head, "Content-Type: %s\r\n", content_type);
	if (headers)
		(void)buf_puts(head, headers);
	write_framing(exchange, status);
}

/* --- sending ------------------------------------------------------------------- */

static void exchange_queue(struct exchange *exchange);
static void exchange_go_on(struct exchange *exchange);

static void on_written(uv_write_t *write, int status)
{
	struct exchange *exchange = container_of(write, struct exchange, write);

	if (exchange->peer->stage == PEER_CLOSING)
		return;
	if (status < 0) {
		peer_close(exchange->peer);
		return;
	}
	exchange_queue(exchange);
}

/* What there is to send, without the first @n_sent bytes. */
static unsigned exchange_bytes(struct exchange *exchange, size_t n_sent,
                               uv_buf_t bytes[static MAX_BYTES])
{
	static char chunk_end[] = "\r\n";
	bool has_chunk =
		exchange->chunked && !exchange->bodiless && !exchange->asleep;
	struct slice body = whole_body(exchange);
	const struct slice pieces[MAX_BYTES] = {
		buf_slice(&exchange->head),
		slice_make(body.p, exchange->bodiless ? 0 : body.n),
		slice_make(chunk_end, has_chunk ? 2 : 0),
	};
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		size_t n_skipped = MIN(n_sent, pieces[i].n);

		n_sent -= n_skipped;
		if (n_skipped == pieces[i].n)
			continue;
		bytes[n++] = (uv_buf_t){
			.base = (char *)(uintptr_t)pieces[i].p + n_skipped,
			.len = pieces[i].n - n_skipped,
		};
	}
	return n;
}

static const char *failure(int code)
{
	if (code == -ENOMEM)
		return "out of memory";
	return code == -E2BIG ? "it became too large"
	                      : "what it tells of has gone";
}

/* True if everything went out at once; otherwise on_written() comes, or the
 * peer has been closed. */
static bool exchange_send(struct exchange *exchange)
{
	struct peer *peer = exchange->peer;
	uv_buf_t bytes[MAX_BYTES];
	unsigned n = exchange_bytes(exchange, 0, bytes);
	int r;

	if (exchange->head.failed) {
		peer_cut(peer, LOG_LEVEL_WARN, failure(exchange->head.failed));
		return false;
	}
	if (n == 0)
		return true;
	r = uv_try_write(&peer->uv.stream, bytes, n);
	if (r == UV_EAGAIN)
		r = 0;
	if (r >= 0) {
		n = exchange_bytes(exchange, (size_t)r, bytes);
		if (n == 0)
			return true;
		r = uv_write(&exchange->write, &peer->uv.stream, bytes, n,
		             on_written);
	}
	if (r < 0)
		peer_close(peer);
	else
		peer_waits(peer);
	return false;
}

/* Asks for the next piece; there may be none for now. False if the peer had to
 * be closed. */
static bool exchange_produce(struct exchange *exchange)
{
	struct buf *piece = &exchange->body;

	buf_reset(piece);
	exchange->producer(exchange->producer_state, piece);
	if (exchange->peer->stage == PEER_CLOSING)
		return false; /* the producer has closed the server */
	if (piece->failed) {
		peer_cut(exchange->peer, LOG_LEVEL_WARN,
		         failure(piece->failed));
		return false;
	}
	exchange->asleep =
		exchange->live && piece->n == 0 && !exchange->server->closing;
	if (exchange->asleep)
		return true;
	exchange->last = piece->n == 0;
	if (exchange->chunked)
		(void)buf_printf(&exchange->head, "%zx\r\n", piece->n);
	return true;
}

/* A peer that reads fast must not keep us from the others. */
static void exchange_queue(struct exchange *exchange)
{
	struct http_server *server = exchange->server;

	if (exchange->last) {
		peer_answered(exchange->peer);
		return;
	}
	exchange->n_at_once = 0;
	peer_rests(exchange->peer);
	list_append(&server->streams, &exchange->turn_node);
	(void)uv_idle_start(&server->turn, server_on_turn);
}

/* What was there to send has gone out. */
static void exchange_go_on(struct exchange *exchange)
{
	while (!exchange->last) {
		if (exchange->n_at_once++ == HTTP_SERVER_MAX_AT_ONCE) {
			exchange_queue(exchange);
			return;
		}
		buf_reset(&exchange->head);
		if (!exchange_produce(exchange))
			return;
		if (exchange->asleep) {
			peer_sleeps(exchange->peer);
			return;
		}
		if (!exchange_send(exchange))
			return;
	}
	peer_answered(exchange->peer);
}

void server_on_turn(uv_idle_t *turn)
{
	struct http_server *server =
		container_of(turn, struct http_server, turn);
	uint64_t until_ns = uv_hrtime() + HTTP_SERVER_TURN_NS;

	do {
		struct list *node = list_pop(&server->streams);

		if (!node) {
			(void)uv_idle_stop(turn);
			return;
		}
		exchange_go_on(container_of(node, struct exchange, turn_node));
	} while (uv_hrtime() < until_ns);
}

/* --- answers of the handler -------------------------------------------------------- */

void http_respond(struct http_exchange *shown, uint16_t status,
                  const char *content_type, const char *headers,
                  struct buf *body)
{
	struct exchange *exchange = exchange_of(shown);
	struct buf whole = { 0 };

	if (body) {
		whole = *body;
		buf_init(body, whole.max);
	}
	if (!exchange->peer) {
		buf_fini(&whole);
		exchange_release(exchange);
		return;
	}
	assert(exchange->peer->stage == PEER_HANDLING);
	if (whole.failed) {
		buf_fini(&whole);
		http_respond_text(shown, 500, "the answer could not be made");
		return;
	}
	buf_fini(&exchange->body);
	exchange->body = whole;
	exchange_answer(exchange, status, content_type, headers);
	if (exchange_send(exchange))
		exchange_go_on(exchange);
}

void http_respond_shared(struct http_exchange *shown, uint16_t status,
                         const char *content_type, const char *headers,
                         struct slice body, http_release_cb release,
                         void *state)
{
	struct exchange *exchange = exchange_of(shown);

	exchange->shared = body;
	exchange->release = release;
	exchange->release_state = state;
	if (!exchange->peer) {
		exchange_release(exchange);
		return;
	}
	assert(exchange->peer->stage == PEER_HANDLING);
	exchange_answer(exchange, status, content_type, headers);
	if (exchange_send(exchange))
		exchange_go_on(exchange);
}

void http_respond_text(struct http_exchange *shown, uint16_t status,
                       const char *format, ...)
{
	struct buf body;
	va_list args;

	buf_init(&body, TEXT_MAX);
	va_start(args, format);
	(void)buf_vprintf(&body, format, args);
	va_end(args);
	(void)buf_putc(&body, '\n');
	if (body.failed)
		buf_fini(&body); /* the status says enough */
	http_respond(shown, status, "text/plain; charset=utf-8", NULL, &body);
}

void http_respond_stream(struct http_exchange *shown, uint16_t status,
                         const char *content_type, const char *headers,
                         http_producer_cb producer, void *state)
{
	struct exchange *exchange = exchange_of(shown);

	exchange->producer = producer;
	exchange->producer_state = state;
	if (!exchange->peer) {
		exchange_release(exchange);
		return;
	}
	assert(exchange->peer->stage == PEER_HANDLING);
	exchange_answer(exchange, status, content_type, headers);
	if (!exchange->bodiless && !exchange_produce(exchange))
		return;
	if (!exchange_send(exchange)) {
		exchange->asleep = false; /* the head is still on its way */
		return;
	}
	if (exchange->asleep)
		peer_sleeps(exchange->peer);
	else
		exchange_go_on(exchange);
}

void http_respond_live(struct http_exchange *shown, uint16_t status,
                       const char *content_type, const char *headers,
                       http_producer_cb producer, void *state)
{
	exchange_of(shown)->live = true;
	http_respond_stream(shown, status, content_type, headers, producer,
	                    state);
}

void http_wake(struct http_exchange *shown)
{
	struct exchange *exchange = exchange_of(shown);

	if (!exchange->asleep || exchange->peer->stage == PEER_CLOSING)
		return;
	exchange->asleep = false;
	exchange->n_at_once = 0;
	exchange_go_on(exchange);
}

void http_end(struct http_exchange *shown)
{
	exchange_of(shown)->live = false;
	http_wake(shown);
}

/* --- answers of our own --------------------------------------------------------------- */

void exchange_refuse(struct exchange *exchange, uint16_t status,
                     const char *words)
{
	exchange->keep = false;
	(void)buf_puts(&exchange->body, words);
	(void)buf_putc(&exchange->body, '\n');
	exchange_answer(exchange, status, "text/plain; charset=utf-8",
	                status == 503 ? "Retry-After: 1\r\n" : NULL);
	if (exchange_send(exchange))
		exchange_go_on(exchange);
}
