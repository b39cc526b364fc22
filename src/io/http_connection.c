/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http_connection.h"

#include "base/duration.h"
#include "base/mem.h"

static void maybe_closed(struct http_connection *connection)
{
	struct http_client *client = connection->client;
	struct http_call *call = connection->call;

	if (connection->stream_open || connection->timer_open)
		return;
	list_unlink(&connection->node);
	tls_context_unref(connection->tls_context);
	http_parser_free(connection->parser);
	buf_fini(&connection->request);
	mem_free(connection->buffer);
	mem_free(connection->origin);
	mem_free(connection);
	if (call) {
		call->connection = NULL;
		call->done(call);
	}
	http_client_maybe_closed(client);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct http_connection *connection = container_of(
		(uv_timer_t *)handle, struct http_connection, timer);

	connection->timer_open = false;
	maybe_closed(connection);
}

static void on_stream_closed(struct stream *stream)
{
	struct http_connection *connection =
		container_of(stream, struct http_connection, stream);

	connection->stream_open = false;
	http_tls_free(connection);
	if (connection->state == HTTP_CONNECTION_CLOSING)
		maybe_closed(connection);
	else if (connection->kept)
		http_connect_begin(connection);
	else
		http_connect_next(connection);
}

void http_connection_reopen(struct http_connection *connection)
{
	connection->state = HTTP_CONNECTION_REOPENING;
	stream_close(&connection->stream, on_stream_closed);
}

void http_connection_close(struct http_connection *connection)
{
	bool stream_closes = connection->state == HTTP_CONNECTION_REOPENING;

	if (connection->state == HTTP_CONNECTION_CLOSING)
		return;
	connection->state = HTTP_CONNECTION_CLOSING;
	resolver_cancel(&connection->lookup);
	if (connection->stream_open && !stream_closes) {
		http_tls_shut_down(connection);
		stream_close(&connection->stream, on_stream_closed);
	}
	uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

void http_connection_fail(struct http_connection *connection, int code,
                          const char *format, ...)
{
	struct http_call *call = connection->call;
	va_list args;

	if (connection->state == HTTP_CONNECTION_CLOSING)
		return;
	if (call) {
		va_start(args, format);
		(void)err_vset(&call->err, code, format, args);
		va_end(args);
		err_wrap(&call->err, "%s", connection->origin);
	}
	http_connection_close(connection);
}

/* --- deadlines ---------------------------------------------------------- */

static const char *stage_name(const struct http_connection *connection)
{
	switch (connection->state) {
	case HTTP_CONNECTION_RESOLVING:
		return "resolve";
	case HTTP_CONNECTION_CONNECTING:
	case HTTP_CONNECTION_REOPENING:
		return "connect";
	case HTTP_CONNECTION_SHAKING:
		return "TLS handshake";
	case HTTP_CONNECTION_EXCHANGING:
	case HTTP_CONNECTION_IDLE:
	case HTTP_CONNECTION_CLOSING:
		break;
	}
	return http_exchange_stage(connection);
}

static void timed_out(struct http_connection *connection, const char *what,
                      uint64_t ms)
{
	char text[DURATION_TEXT_MAX];

	http_connection_fail(connection, UV_ETIMEDOUT, "%s: %s %s",
	                     stage_name(connection), what,
	                     duration_format(ms, text));
}

static void on_timer(uv_timer_t *timer);

/* A read only moves the stage's deadline and leaves the timer alone: it may
 * fire early, finds nothing due, and is started anew. */
static void start_timer(struct http_connection *connection)
{
	uint64_t now = uv_now(connection->client->loop);
	uint64_t due =
		MIN(connection->deadline_ms, connection->stage_deadline_ms);

	if (due == HTTP_NEVER)
		(void)uv_timer_stop(&connection->timer);
	else
		(void)uv_timer_start(&connection->timer, on_timer,
		                     due > now ? due - now : 0, 0);
}

static void stage_timed_out(struct http_connection *connection)
{
	switch (connection->state) {
	case HTTP_CONNECTION_RESOLVING:
		timed_out(connection, "timed out after",
		          HTTP_CLIENT_RESOLVE_MS);
		break;
	case HTTP_CONNECTION_CONNECTING:
		http_connect_failed(connection, UV_ETIMEDOUT);
		break;
	case HTTP_CONNECTION_SHAKING:
		http_tls_timed_out(connection);
		break;
	case HTTP_CONNECTION_EXCHANGING:
		timed_out(connection, "nothing came for",
		          connection->call->idle_timeout_ms);
		break;
	case HTTP_CONNECTION_IDLE:
		http_connection_close(connection);
		break;
	case HTTP_CONNECTION_REOPENING:
	case HTTP_CONNECTION_CLOSING:
		break;
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct http_connection *connection =
		container_of(timer, struct http_connection, timer);
	uint64_t now = uv_now(connection->client->loop);

	if (now >= connection->deadline_ms)
		timed_out(connection, "timed out after",
		          connection->timeout_ms);
	else if (now >= connection->stage_deadline_ms)
		stage_timed_out(connection);
	else
		start_timer(connection);
}

void http_connection_arm(struct http_connection *connection, uint64_t ms)
{
	uint64_t now = uv_now(connection->client->loop);

	connection->stage_deadline_ms =
		ms < HTTP_NEVER - now ? now + ms : HTTP_NEVER;
	start_timer(connection);
}

/* --- birth -------------------------------------------------------------- */

struct http_connection *http_connection_new(struct http_client *client,
                                            const char *origin)
{
	struct http_connection *connection = mem_calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->origin = mem_strdup(origin);
	connection->parser = http_parser_new(
		HTTP_PARSE_RESPONSE, &http_exchange_callbacks, connection);
	if (!connection->origin || !connection->parser ||
	    uv_timer_init(client->loop, &connection->timer) < 0) {
		http_parser_free(connection->parser);
		mem_free(connection->origin);
		mem_free(connection);
		return NULL;
	}
	connection->timer_open = true;
	connection->client = client;
	connection->state = HTTP_CONNECTION_RESOLVING;
	connection->deadline_ms = HTTP_NEVER;
	connection->stage_deadline_ms = HTTP_NEVER;
	buf_init(&connection->request, HTTP_MAX_HEAD);
	list_prepend(&client->connections, &connection->node);
	return connection;
}
