/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http_server_private.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"

static void peer_arm(struct peer *peer, uint64_t ms);
static void peer_resume(struct peer *peer);
static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes);

static struct peer *peer_of(uv_stream_t *stream)
{
	return container_of(stream, struct peer, uv.stream);
}

static void peer_enter(struct peer *peer, enum peer_stage stage)
{
	peer->stage = stage;
	list_unlink(&peer->idle_node);
}

/* --- the end ----------------------------------------------------------------- */

static void peer_maybe_closed(struct peer *peer)
{
	struct http_server *server = peer->server;

	if (peer->stream_open || peer->timer_open)
		return;
	/* its write, if there was one, has ended by now */
	if (peer->exchange)
		exchange_release(peer->exchange);
	buf_fini(&peer->pending);
	list_unlink(&peer->node);
	mem_free(peer);
	server_maybe_closed(server);
}

static void on_stream_closed(uv_handle_t *handle)
{
	struct peer *peer = container_of(handle, struct peer, uv.handle);

	peer->stream_open = false;
	peer_maybe_closed(peer);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct peer *peer =
		container_of((uv_timer_t *)handle, struct peer, timer);

	peer->timer_open = false;
	peer_maybe_closed(peer);
}

void peer_close(struct peer *peer)
{
	if (peer->stage == PEER_CLOSING)
		return;
	if (peer->stage == PEER_HANDLING && peer->exchange) {
		/* the handler's until it answers, which nobody will hear */
		peer->exchange->peer = NULL;
		peer->exchange = NULL;
	}
	if (peer->exchange)
		list_unlink(&peer->exchange->turn_node);
	peer_enter(peer, PEER_CLOSING);
	if (peer->excess)
		peer->server->n_excess--;
	else
		peer->server->n_peers--;
	uv_close(&peer->uv.handle, on_stream_closed);
	uv_close((uv_handle_t *)&peer->timer, on_timer_closed);
}

void peer_cut(struct peer *peer, enum log_level level, const char *why)
{
	/* none if it was never handed to the handler */
	struct slice path = peer->exchange ? peer->exchange->shown.path
	                                   : slice_make(NULL, 0);

	path.n = MIN(path.n, HTTP_SERVER_MAX_LOGGED);
	if (peer->stage == PEER_WRITING && path.n > 0)
		LOG_AT(peer->server->log, level, "an answer was cut short",
		       LOG_SLICE("path", path), LOG_STR("reason", why));
	peer_close(peer);
}

/* --- deadlines ------------------------------------------------------------------ */

static void peer_refuse(struct peer *peer, uint16_t status, const char *words)
{
	log_debug(peer->server->log, "request refused",
	          LOG_INT("status", status), LOG_STR("reason", words));
	(void)uv_read_stop(&peer->uv.stream);
	peer->unread = true;
	exchange_refuse(peer->exchange, status, words);
}

/* Bytes that the peer's kernel has not taken, in libuv's queue and ours. */
static size_t peer_n_unsent(const struct peer *peer)
{
	uv_os_fd_t fd;
	int n = 0;

	/* TIOCOUTQ is SIOCOUTQ by another name, tcp(7) */
	if (uv_fileno(&peer->uv.handle, &fd) < 0 || ioctl(fd, TIOCOUTQ, &n) < 0)
		n = 0;
	return uv_stream_get_write_queue_size(&peer->uv.stream) + (size_t)n;
}

void peer_waits(struct peer *peer)
{
	peer->n_unsent = peer_n_unsent(peer);
	peer_arm(peer, peer->server->options.write_timeout_ms);
}

void peer_rests(struct peer *peer)
{
	(void)uv_timer_stop(&peer->timer);
}

/* Slow is well; not at all is not. */
static void peer_check_progress(struct peer *peer)
{
	if (peer_n_unsent(peer) < peer->n_unsent)
		peer_waits(peer);
	else
		peer_cut(peer, LOG_LEVEL_INFO, "the client takes nothing");
}

static void on_timer(uv_timer_t *timer)
{
	struct peer *peer = container_of(timer, struct peer, timer);

	switch (peer->stage) {
	case PEER_HEAD:
		peer_refuse(peer, 408, "the head of the request is late");
		break;
	case PEER_BODY:
		peer_refuse(peer, 408, "the body of the request is late");
		break;
	case PEER_WRITING:
		peer_check_progress(peer);
		break;
	case PEER_IDLE:
	case PEER_LINGERING:
		peer_close(peer);
		break;
	case PEER_HANDLING:
	case PEER_CLOSING:
	default:
		break;
	}
}

static void peer_arm(struct peer *peer, uint64_t ms)
{
	/* cannot fail: the callback is given and the handle not closing */
	(void)uv_timer_start(&peer->timer, on_timer, ms, 0);
}

/* --- from the bytes to the handler ------------------------------------------------ */

static void peer_idle(struct peer *peer)
{
	struct http_server *server = peer->server;

	peer_enter(peer, PEER_IDLE);
	if (peer->fresh) {
		list_append(&server->fresh_peers, &peer->idle_node);
		peer_arm(peer, server->options.head_timeout_ms);
	} else {
		list_append(&server->idle_peers, &peer->idle_node);
		peer_arm(peer, server->options.idle_timeout_ms);
	}
}

/* The interim answer is sent only if it fits: a peer that has not read the
 * last answer is not waiting for this one. */
static void peer_say_continue(struct peer *peer)
{
	static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	uv_buf_t bytes = uv_buf_init(text, sizeof(text) - 1);
	int r;

	peer->exchange->expects_continue = false;
	r = uv_try_write(&peer->uv.stream, &bytes, 1);
	if (r != (int)bytes.len && r != UV_EAGAIN)
		peer_close(peer);
}

/* Slowly is well, but it must end. */
static void peer_await_body(struct peer *peer)
{
	const struct http_server_options *options = &peer->server->options;
	uint64_t now_ms = uv_now(peer->server->loop);

	if (peer->stage != PEER_BODY) {
		peer_enter(peer, PEER_BODY);
		peer->body_until_ms = now_ms + options->body_total_ms;
	}
	peer_arm(peer, peer->body_until_ms > now_ms
	                       ? MIN(options->body_timeout_ms,
	                             peer->body_until_ms - now_ms)
	                       : 0);
	if (peer->exchange->expects_continue)
		peer_say_continue(peer);
}

/* More of the request must come. */
static void peer_await(struct peer *peer)
{
	const struct http_server_options *options = &peer->server->options;
	struct exchange *exchange = peer->exchange;

	if (!http_parser_busy(exchange->parser)) {
		/* but an empty line; the deadline stays what it is */
		exchange_release(exchange);
		return;
	}
	if (peer->stage == PEER_IDLE) {
		peer_enter(peer, PEER_HEAD);
		peer_arm(peer, options->head_timeout_ms);
	}
	if (exchange->has_head)
		peer_await_body(peer);
}

static void peer_dispatch(struct peer *peer)
{
	struct http_server *server = peer->server;
	struct exchange *exchange = peer->exchange;

	exchange->keep = exchange->shown.message->keep_alive;
	exchange_show(exchange);
	peer_enter(peer, PEER_HANDLING);
	server->handler(server->context, &exchange->shown);
	if (peer->stage == PEER_HANDLING)
		(void)uv_timer_stop(&peer->timer);
}

static bool peer_is_reading(const struct peer *peer)
{
	return peer->stage == PEER_IDLE || peer->stage == PEER_HEAD ||
	       peer->stage == PEER_BODY;
}

/* A loop, not a recursion: an answer that goes out at once comes back to it
 * for the next request. Returns how many of @bytes were not used. */
static size_t peer_consume(struct peer *peer, struct slice bytes)
{
	peer->consuming = true;
	while (bytes.n > 0 && peer_is_reading(peer)) {
		struct err err = { 0 };
		uint16_t status;
		size_t used;

		if (!peer->exchange && !exchange_take(peer)) {
			peer_close(peer);
			break;
		}
		status = exchange_feed(peer->exchange, bytes, &used, &err);
		bytes = slice_skip(bytes, used);
		peer->unread = bytes.n > 0;
		if (status)
			peer_refuse(peer, status, err.message);
		else if (peer->exchange->whole)
			peer_dispatch(peer);
		else
			peer_await(peer);
	}
	peer->consuming = false;
	return bytes.n;
}

/* --- reading ------------------------------------------------------------------------ */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *bytes)
{
	struct peer *peer = container_of(handle, struct peer, uv.handle);

	*bytes = uv_buf_init(peer->server->bytes, sizeof(peer->server->bytes));
}

static void peer_start_reading(struct peer *peer)
{
	int r = uv_read_start(&peer->uv.stream, on_alloc, on_read);

	if (r < 0 && r != UV_EALREADY)
		peer_close(peer);
}

/* The peer has closed its half. It may still read. */
static void peer_ended(struct peer *peer)
{
	struct err err = { 0 };

	peer->ended = true;
	if ((peer->stage == PEER_HEAD || peer->stage == PEER_BODY) &&
	    http_parser_finish(peer->exchange->parser, &err) != 0)
		peer_refuse(peer, 400, err.message);
	else
		peer_close(peer);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct peer *peer = peer_of(stream);
	struct slice rest;

	if (n == UV_EOF) {
		peer_ended(peer);
		return;
	}
	if (n < 0) {
		peer_close(peer);
		return;
	}
	if (!peer_is_reading(peer))
		return; /* lingering */

	rest.n = peer_consume(peer, slice_make(bytes->base, (size_t)n));
	rest.p = bytes->base + ((size_t)n - rest.n);
	if (peer->stage != PEER_HANDLING && peer->stage != PEER_WRITING)
		return;
	(void)uv_read_stop(stream);
	if (rest.n > 0 && buf_append(&peer->pending, rest.p, rest.n) < 0)
		peer_close(peer);
}

/* The requests that came together with the one that has just been answered,
 * and then those that have not come yet. */
static void peer_resume(struct peer *peer)
{
	struct slice rest =
		slice_skip(buf_slice(&peer->pending), peer->n_taken);

	rest.n = peer_consume(peer, rest);
	peer->n_taken = peer->pending.n - rest.n;
	if (rest.n == 0) {
		buf_fini(&peer->pending);
		peer->n_taken = 0;
	}
	if (peer_is_reading(peer))
		peer_start_reading(peer);
}

/* --- the answer --------------------------------------------------------------------- */

static void peer_linger(struct peer *peer)
{
	uv_os_fd_t fd;

	peer_enter(peer, PEER_LINGERING);
	if (uv_fileno(&peer->uv.handle, &fd) < 0 || shutdown(fd, SHUT_WR) < 0) {
		peer_close(peer);
		return;
	}
	peer_arm(peer, HTTP_SERVER_LINGER_MS);
	peer_start_reading(peer);
}

void peer_answering(struct peer *peer)
{
	peer_enter(peer, PEER_WRITING);
}

void peer_sleeps(struct peer *peer)
{
	(void)uv_timer_stop(&peer->timer);
	/* what it sends is dropped, as when lingering */
	peer_start_reading(peer);
}

void peer_answered(struct peer *peer)
{
	bool keep = peer->exchange->keep;

	exchange_release(peer->exchange);
	if (peer->stage == PEER_CLOSING)
		return; /* a producer has closed the server */

	peer->fresh = false;
	if (keep && !peer->server->closing) {
		peer_idle(peer);
		if (!peer->consuming)
			peer_resume(peer);
	} else if (peer->unread && !peer->ended) {
		peer_linger(peer);
	} else {
		peer_close(peer);
	}
}

/* --- the beginning -------------------------------------------------------------------- */

/* It may just not have got to its request, unless that is long ago. */
static bool peer_is_silent(const struct peer *peer)
{
	uint64_t left_ms = uv_timer_get_due_in(&peer->timer);

	return left_ms + HTTP_SERVER_SILENT_MS <=
	       peer->server->options.head_timeout_ms;
}

bool server_make_room(struct http_server *server)
{
	struct peer *peer;

	if (!list_empty(&server->idle_peers)) {
		peer_close(container_of(server->idle_peers.next, struct peer,
		                        idle_node));
		return true;
	}
	if (list_empty(&server->fresh_peers))
		return false;
	peer = container_of(server->fresh_peers.next, struct peer, idle_node);
	if (!peer_is_silent(peer))
		return false;
	peer_close(peer);
	return true;
}

/* False if the new connection is one too many. */
static bool server_admits(struct http_server *server)
{
	return server->n_peers < server->options.max_connections ||
	       server_make_room(server);
}

static struct peer *peer_new(struct http_server *server, bool local)
{
	struct peer *peer = mem_calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->server = server;
	peer->fresh = true;
	buf_init(&peer->pending, HTTP_SERVER_READ_SIZE);
	list_init(&peer->idle_node);
	list_append(&server->peers, &peer->node);

	/* these fail only for flags that are not given */
	(void)uv_timer_init(server->loop, &peer->timer);
	if (local)
		(void)uv_pipe_init(server->loop, &peer->uv.pipe, 0);
	else
		(void)uv_tcp_init(server->loop, &peer->uv.tcp);
	peer->timer_open = true;
	peer->stream_open = true;
	return peer;
}

int peer_accept(struct http_server *server, int fd, bool local)
{
	bool excess = !server_admits(server);
	struct peer *peer;
	int r;

	if (excess && server->n_excess == HTTP_SERVER_MAX_EXCESS) {
		(void)close(fd);
		return 0;
	}
	peer = peer_new(server, local);
	if (!peer) {
		(void)close(fd);
		return -ENOMEM;
	}
	peer->excess = excess;
	if (excess)
		server->n_excess++;
	else
		server->n_peers++;

	r = local ? uv_pipe_open(&peer->uv.pipe, fd)
	          : uv_tcp_open(&peer->uv.tcp, fd);
	if (r < 0) {
		(void)close(fd);
	} else if (!excess) {
		peer_idle(peer);
		peer_start_reading(peer);
		return 0;
	} else if (!exchange_take(peer)) {
		r = -ENOMEM;
	} else {
		peer_refuse(peer, 503, "too many connections");
		return 0;
	}
	peer_close(peer);
	return r;
}
