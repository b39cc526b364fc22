/* SPDX-License-Identifier: Apache-2.0 */
/* websocket, first part: from a URL to an answer that opens it. */
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "io/http_connection.h"
#include "io/websocket_parts.h"

/* --- what is asked ------------------------------------------------------ */

static int write_request(struct websocket *websocket, struct slice key)
{
	struct http_header headers[] = {
		{ { "Connection", 10 }, { "Upgrade", 7 } },
		{ { "Upgrade", 7 }, { "websocket", 9 } },
		{ { "Sec-WebSocket-Version", 21 }, { "13", 2 } },
		{ { "Sec-WebSocket-Key", 17 }, key },
	};
	struct http_call request = {
		.url = websocket->url,
		.method = "GET",
		.target = websocket->target,
		.headers = headers,
		.n_headers = ARRAY_SIZE(headers),
	};

	return http_request_write(&websocket->out, &request, &websocket->err);
}

static int ask(struct websocket *websocket)
{
	uint8_t nonce[WEBSOCKET_NONCE];
	struct buf key;
	int r = uv_random(NULL, NULL, nonce, sizeof(nonce), 0, NULL);

	buf_init(&key, WEBSOCKET_MAX_TEXT);
	if (r == 0)
		r = websocket_key(&key, nonce);
	if (r == 0)
		r = websocket_accept(&websocket->accept, buf_slice(&key));
	if (r == 0)
		r = write_request(websocket, buf_slice(&key));
	buf_fini(&key);
	return r;
}

/* --- what is answered --------------------------------------------------- */

static int on_head(void *context, const struct http_message *message)
{
	struct websocket *websocket = context;
	struct err err;
	int r;

	websocket->status = message->status;
	r = websocket_check(message, buf_slice(&websocket->accept), &err);
	if (r < 0)
		websocket_note(websocket, r, "%s", err.message);
	return r;
}

static int on_body(void *context, struct slice bytes)
{
	return -EPROTO;
}

static int on_complete(void *context)
{
	struct websocket *websocket = context;

	websocket->stage = WEBSOCKET_OPEN;
	return 0;
}

static const struct http_parser_callbacks callbacks = {
	.on_head = on_head,
	.on_body = on_body,
	.on_complete = on_complete,
};

static void opened(struct websocket *websocket)
{
	http_parser_free(websocket->parser);
	websocket->parser = NULL;
	if (websocket->idle_ms)
		websocket_arm(websocket, websocket->idle_ms);
	else
		(void)uv_timer_stop(&websocket->timer);
	websocket->feeding = true;
	if (websocket->opened)
		websocket->opened(websocket);
	websocket->feeding = false;
}

static void answered(struct websocket *websocket, struct slice bytes)
{
	struct err err;
	size_t used;
	int r = http_parser_feed(websocket->parser, bytes, &used, &err);

	if (r == -ENOMEM) {
		websocket_fail(websocket, r, "head");
	} else if (r != 0) {
		/* on_head has noted it if it is about what was said */
		websocket_note(websocket, -EPROTO, "head: %s", err.message);
		websocket_end(websocket);
	} else if (websocket->stage == WEBSOCKET_OPEN) {
		opened(websocket);
		websocket_frames_feed(websocket, slice_skip(bytes, used));
	}
}

int websocket_prepare(struct websocket *websocket)
{
	int r;

	buf_init(&websocket->out, HTTP_MAX_HEAD);
	buf_init(&websocket->accept, WEBSOCKET_MAX_TEXT);
	websocket->frames = NULL;
	websocket->next = 0;
	websocket->list.n = 1; /* what a unix socket counts as */
	websocket->stream_open = false;
	websocket->writing = false;
	websocket->feeding = false;
	websocket->pinged = false;
	websocket->lookup = (struct resolver_request){ 0 };
	websocket->buffer = mem_alloc(WEBSOCKET_BUFFER);
	websocket->parser =
		http_parser_new(HTTP_PARSE_RESPONSE, &callbacks, websocket);
	if (!websocket->buffer || !websocket->parser)
		return -ENOMEM;
	http_parser_reset(websocket->parser, false, 0);
	r = websocket_frames_new(websocket);
	return r == 0 ? ask(websocket) : r;
}

/* --- reading and writing ------------------------------------------------ */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct websocket *websocket = container_of(
		stream_of((uv_stream_t *)handle), struct websocket, stream);

	*buf = uv_buf_init(websocket->buffer, WEBSOCKET_BUFFER);
}

static void ended(struct websocket *websocket, int code)
{
	code = stream_end_reason(&websocket->stream, code);
	if (websocket->stage != WEBSOCKET_ASKING)
		websocket_fail(websocket, code, "connection lost");
	else if (code == UV_EOF)
		websocket_fail(websocket, code, "closed without an answer");
	else
		websocket_fail(websocket, code, "head");
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct websocket *websocket =
		container_of(stream_of(stream), struct websocket, stream);

	if (websocket->stage == WEBSOCKET_ENDING || n == 0)
		return;
	websocket->heard_ms = uv_now(stream->loop);
	websocket->pinged = false;
	if (n < 0)
		ended(websocket, (int)n);
	else if (websocket->stage == WEBSOCKET_ASKING)
		answered(websocket, slice_make(buf->base, (size_t)n));
	else
		websocket_frames_feed(websocket,
		                      slice_make(buf->base, (size_t)n));
}

static void on_written(uv_write_t *write, int status)
{
	struct websocket *websocket =
		container_of(write, struct websocket, write);

	websocket->writing = false;
	if (websocket->stage == WEBSOCKET_ENDING)
		return;
	if (status < 0)
		websocket_fail(websocket, status, "write");
	else if (websocket->stage >= WEBSOCKET_OPEN)
		websocket_frames_settle(websocket);
}

int websocket_write(struct websocket *websocket)
{
	uv_buf_t bytes =
		uv_buf_init(websocket->out.p, (unsigned)websocket->out.n);
	int r = uv_write(&websocket->write, &websocket->stream.uv.stream,
	                 &bytes, 1, on_written);

	websocket->writing = r == 0;
	return r;
}

/* --- connecting --------------------------------------------------------- */

static uint64_t time_left(const struct websocket *websocket)
{
	uint64_t now = uv_now(websocket->timer.loop);

	return websocket->deadline_ms > now ? websocket->deadline_ms - now : 0;
}

static bool is_unix(const struct websocket *websocket)
{
	return websocket->url.scheme == URL_UNIX;
}

static void begin_asking(struct websocket *websocket)
{
	int r;

	websocket->stage = WEBSOCKET_ASKING;
	/* of the addresses that did not answer nobody needs to hear now */
	err_clear(&websocket->err);
	websocket_arm(websocket, time_left(websocket));
	r = uv_read_start(&websocket->stream.uv.stream, on_alloc, on_read);
	if (r == 0)
		r = websocket_write(websocket);
	if (r < 0)
		websocket_fail(websocket, r, "write");
}

void websocket_connect_failed(struct websocket *websocket, int code)
{
	char reason[128];

	/* of several addresses the first is the one that should have worked */
	websocket_note(websocket, code, "connect: %s",
	               uv_strerror_r(code, reason, sizeof(reason)));
	if (websocket->next < websocket->list.n) {
		websocket->stage = WEBSOCKET_REOPENING;
		stream_close(&websocket->stream, websocket_on_stream_closed);
	} else {
		websocket_end(websocket);
	}
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct websocket *websocket =
		container_of(connect, struct websocket, connect);

	if (websocket->stage != WEBSOCKET_CONNECTING)
		return; /* it is being closed */
	if (status < 0)
		websocket_connect_failed(websocket, status);
	else
		begin_asking(websocket);
}

static int open_stream(struct websocket *websocket)
{
	uv_loop_t *loop = websocket->timer.loop;

	if (is_unix(websocket))
		return stream_init_unix(&websocket->stream, loop);
	return stream_init_tcp(&websocket->stream, loop);
}

static int connect_stream(struct websocket *websocket)
{
	if (is_unix(websocket))
		return stream_connect_unix(&websocket->stream,
		                           &websocket->connect,
		                           websocket->url.host, on_connected);
	return stream_connect_tcp(
		&websocket->stream, &websocket->connect,
		&websocket->list.addresses[websocket->next - 1].any,
		on_connected);
}

void websocket_connect_next(struct websocket *websocket)
{
	uint64_t n_left = websocket->list.n - websocket->next;
	int r = open_stream(websocket);

	if (r < 0) {
		websocket_fail(websocket, r, "connect");
		return;
	}
	websocket->stream_open = true;
	websocket->next++;
	websocket->stage = WEBSOCKET_CONNECTING;
	websocket_arm(websocket, MIN(time_left(websocket) / n_left,
	                             (uint64_t)WEBSOCKET_CONNECT_MS));
	r = connect_stream(websocket);
	if (r < 0)
		websocket_connect_failed(websocket, r);
}

static void on_resolved(struct resolver_request *request)
{
	struct websocket *websocket =
		container_of(request, struct websocket, lookup);

	if (request->status < 0) {
		websocket_fail(websocket, request->status, "resolve");
		return;
	}
	websocket->list = request->list;
	websocket_connect_next(websocket);
}

void websocket_resolve(struct websocket *websocket)
{
	const struct url *url = &websocket->url;
	int r;

	if (url->scheme == URL_HTTPS) {
		websocket_fail(websocket, UV_EPROTONOSUPPORT,
		               "a websocket over TLS");
		return;
	}
	if (is_unix(websocket) ||
	    resolver_literal(url->host, url->port, &websocket->list)) {
		websocket_connect_next(websocket);
		return;
	}
	r = resolver_start(websocket->timer.loop, &websocket->lookup, url->host,
	                   url->port, on_resolved);
	if (r < 0)
		websocket_fail(websocket, r, "resolve");
}
