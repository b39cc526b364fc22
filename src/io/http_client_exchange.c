/* SPDX-License-Identifier: Apache-2.0 */
/* http_client, second stage: one request out, one answer in. */
#include <errno.h>
#include "io/http_connection.h"

const char *http_exchange_stage(const struct http_connection *connection)
{
	if (connection->call && connection->call->status != 0)
		return "body";
	return connection->writing ? "write" : "head";
}

/* --- what the parser finds ---------------------------------------------- */

/* A callback of the caller may have cancelled the call. */
static int unless_closed(const struct http_connection *connection, int result)
{
	return connection->state == HTTP_CONNECTION_EXCHANGING ? result
	                                                       : UV_ECANCELED;
}

static int on_head(void *context, const struct http_message *message)
{
	struct http_connection *connection = context;
	struct http_call *call = connection->call;
	int r = 0;

	if (message->status < 200 && message->status != 101)
		return 0;
	call->status = message->status;
	connection->keep_alive = message->keep_alive;
	if (call->on_head && message->status != 101)
		r = call->on_head(call, message);
	return unless_closed(connection, r);
}

static int on_body(void *context, struct slice bytes)
{
	struct http_connection *connection = context;
	struct http_call *call = connection->call;
	int r = 0;

	call->n_received += bytes.n;
	if (call->on_body)
		r = call->on_body(call, bytes);
	return unless_closed(connection, r);
}

static int on_complete(void *context)
{
	struct http_connection *connection = context;

	connection->complete = true;
	return 0;
}

const struct http_parser_callbacks http_exchange_callbacks = {
	.on_head = on_head,
	.on_body = on_body,
	.on_complete = on_complete,
};

static void begin_message(struct http_connection *connection)
{
	struct http_call *call = connection->call;

	connection->complete = false;
	http_parser_reset(connection->parser, strcmp(call->method, "HEAD") == 0,
	                  call->max_body);
}

/* --- how it ends -------------------------------------------------------- */

static void fail_with(struct http_connection *connection, int code)
{
	char reason[128];

	http_connection_fail(connection, code, "%s: %s",
	                     http_exchange_stage(connection),
	                     uv_strerror_r(code, reason, sizeof(reason)));
}

/* The answer makes no sense, is too large, or the caller has had enough. */
static void refused(struct http_connection *connection, int code,
                    const struct err *err)
{
	const char *words = err->message;

	if (code == -ENOMEM)
		fail_with(connection, code);
	else
		http_connection_fail(connection, code, "%s: %s",
		                     http_exchange_stage(connection),
		                     words[0] ? words : "ended by its reader");
}

/* The connection broke before the first byte of an answer. */
static void broken(struct http_connection *connection, int code)
{
	bool other_address = connection->next < connection->list.n;

	if (connection->write_failure && code == UV_EOF)
		code = connection->write_failure;
	if (http_request_repeatable(connection->call) &&
	    (connection->kept || other_address)) {
		log_debug(connection->client->log, "trying the request again",
		          LOG_STR("peer", connection->origin),
		          LOG_STR("reason", connection->kept
		                                    ? "kept connection closed"
		                                    : "next address"));
		http_connection_reopen(connection);
		return;
	}
	if (code == UV_EOF)
		http_connection_fail(connection, code,
		                     "%s: the peer closed without an answer",
		                     http_exchange_stage(connection));
	else
		fail_with(connection, code);
}

/* @clean: nothing came after the answer. */
static void finished(struct http_connection *connection, bool clean)
{
	struct http_call *call = connection->call;

	err_clear(&call->err);
	if (call->status == 101)
		http_connection_fail(connection, HTTP_E_BAD_MESSAGE,
		                     "head: the peer switched to a protocol "
		                     "that was not asked for");
	else if (clean && connection->keep_alive && !connection->writing &&
	         !connection->write_failure &&
	         !(connection->tls && tls_is_pending(connection->tls)))
		http_client_keep(connection);
	else
		http_connection_close(connection);
}

/* --- reading ------------------------------------------------------------ */

/* A 1xx was read: the answer proper is still to come. */
static void begin_again(struct http_connection *connection)
{
	if (++connection->n_interim > HTTP_CLIENT_MAX_INTERIM)
		http_connection_fail(connection, HTTP_E_BAD_MESSAGE,
		                     "head: more than %d interim answers",
		                     HTTP_CLIENT_MAX_INTERIM);
	else
		begin_message(connection);
}

/* Whatever is called from here may end the exchange; then it is over. */
static void feed(struct http_connection *connection, struct slice bytes)
{
	struct err err = { 0 };
	size_t used;
	int r;

	while (bytes.n > 0 && connection->state == HTTP_CONNECTION_EXCHANGING) {
		r = http_parser_feed(connection->parser, bytes, &used, &err);
		if (connection->state != HTTP_CONNECTION_EXCHANGING)
			return; /* cancelled by its reader */
		if (r) {
			refused(connection, r, &err);
			return;
		}
		bytes = slice_skip(bytes, used);
		if (connection->complete && connection->call->status != 0) {
			finished(connection, bytes.n == 0);
			return;
		}
		if (connection->complete)
			begin_again(connection);
	}
}

static void on_eof(struct http_connection *connection)
{
	struct err err = { 0 };
	int r = http_parser_finish(connection->parser, &err);

	if (connection->state != HTTP_CONNECTION_EXCHANGING)
		return;
	if (r)
		refused(connection, r, &err);
	else if (connection->complete)
		finished(connection, false);
	else
		http_connection_fail(connection, UV_EOF,
		                     "head: the peer closed without an answer");
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct stream *stream = stream_of((uv_stream_t *)handle);
	struct http_connection *connection =
		container_of(stream, struct http_connection, stream);

	if (connection->buffer)
		*buf = uv_buf_init(connection->buffer, HTTP_CLIENT_BUFFER);
	else
		*buf = uv_buf_init(&connection->probe, 1);
}

void http_exchange_bytes(struct http_connection *connection, struct slice bytes)
{
	uint64_t silence = connection->call->idle_timeout_ms;

	connection->answered = true;
	if (silence)
		connection->stage_deadline_ms =
			uv_now(connection->client->loop) + silence;
	feed(connection, bytes);
}

void http_exchange_end(struct http_connection *connection, int code)
{
	if (!connection->answered)
		broken(connection, code);
	else if (code == UV_EOF)
		on_eof(connection);
	else
		fail_with(connection, code);
}

static void ended(struct http_connection *connection, int code)
{
	if (connection->tls)
		http_tls_ended(connection, code);
	else
		http_exchange_end(connection, code);
}

static void on_read(uv_stream_t *uv, ssize_t n, const uv_buf_t *buf)
{
	struct http_connection *connection =
		container_of(stream_of(uv), struct http_connection, stream);

	if (n == 0)
		return;
	if (connection->state == HTTP_CONNECTION_IDLE)
		http_connection_close(connection);
	else if (n > 0 && connection->tls)
		http_tls_received(connection, slice_make(buf->base, (size_t)n));
	else if (n > 0)
		http_exchange_bytes(connection,
		                    slice_make(buf->base, (size_t)n));
	else
		ended(connection,
		      stream_end_reason(&connection->stream, (int)n));
}

int http_exchange_listen(struct http_connection *connection)
{
	return uv_read_start(&connection->stream.uv.stream, on_alloc, on_read);
}

/* --- writing ------------------------------------------------------------ */

/* A failure is only noted: the answer may be on its way, and tell more. */
static void on_written(uv_write_t *request, int status)
{
	struct http_connection *connection =
		container_of(request, struct http_connection, write);

	connection->writing = false;
	if (connection->state == HTTP_CONNECTION_EXCHANGING && status < 0)
		connection->write_failure = status;
}

static int start_writing(struct http_connection *connection)
{
	struct buf *head = &connection->request;
	struct slice body = connection->call->body;
	uv_buf_t bufs[] = {
		{ .base = head->p, .len = head->n },
		{ .base = (char *)body.p, .len = body.n },
	};

	return uv_write(&connection->write, &connection->stream.uv.stream, bufs,
	                body.n > 0 ? 2 : 1, on_written);
}

void http_exchange_begin(struct http_connection *connection)
{
	const struct http_call *call = connection->call;
	bool reading = connection->kept || connection->tls;
	int r = 0;

	connection->state = HTTP_CONNECTION_EXCHANGING;
	connection->answered = false;
	connection->n_interim = 0;
	connection->write_failure = 0;
	begin_message(connection);
	http_connection_arm(connection, call->idle_timeout_ms
	                                        ? call->idle_timeout_ms
	                                        : HTTP_NEVER);
	if (!reading)
		r = http_exchange_listen(connection);
	connection->writing = true;
	if (r == 0)
		r = connection->tls ? http_tls_write(connection)
		                    : start_writing(connection);
	if (r < 0)
		broken(connection, r);
}
