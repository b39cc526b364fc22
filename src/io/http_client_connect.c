/* SPDX-License-Identifier: Apache-2.0 */
/* http_client, first stage: from a URL to a connected stream. */
#include "io/http_connection.h"

#define KEEPALIVE_S 60 /* of silence, before the kernel asks */

static uint64_t time_left(const struct http_connection *connection)
{
	uint64_t now = uv_now(connection->client->loop);

	if (connection->deadline_ms == HTTP_NEVER)
		return HTTP_NEVER;
	return connection->deadline_ms > now ? connection->deadline_ms - now
	                                     : 0;
}

/* An address that swallows everything must not eat up the others' time. */
static uint64_t address_ms(const struct http_connection *connection)
{
	size_t n_left = connection->list.n - connection->next + 1;

	return MIN(time_left(connection) / n_left,
	           (uint64_t)HTTP_CLIENT_CONNECT_MS);
}

static const union address *present_address(
	const struct http_connection *connection)
{
	return &connection->list.addresses[connection->next - 1];
}

/* Of several addresses the first one's failure is told: it is the one that
 * should have worked. */
static void note_failure(struct http_connection *connection, int code)
{
	struct http_call *call = connection->call;
	char address[ADDRESS_TEXT_MAX] = "";
	char reason[128];

	if (call->err.code != 0)
		return;
	if (call->url.scheme != URL_UNIX)
		(void)address_text(present_address(connection), address);
	if (slice_is(call->url.host, address))
		address[0] = '\0';
	(void)err_set(&call->err, code, "%s: connect%s%s: %s",
	              connection->origin, address[0] ? " to " : "", address,
	              uv_strerror_r(code, reason, sizeof(reason)));
}

void http_connect_failed(struct http_connection *connection, int code)
{
	note_failure(connection, code);
	if (connection->next < connection->list.n) {
		log_debug(connection->client->log, "trying the next address",
		          LOG_STR("peer", connection->origin),
		          LOG_STR("reason", connection->call->err.message));
		http_connection_reopen(connection);
	} else {
		http_connection_close(connection);
	}
}

/* For what lasts: a peer that vanishes without a word is noticed. */
static void tune(struct http_connection *connection)
{
	uv_tcp_t *tcp = &connection->stream.uv.tcp;

	if (connection->call->url.scheme == URL_UNIX)
		return;
	(void)uv_tcp_nodelay(tcp, 1);
	(void)uv_tcp_keepalive(tcp, 1, KEEPALIVE_S);
}

static void on_connected(uv_connect_t *request, int status)
{
	struct http_connection *connection =
		container_of(request, struct http_connection, connect);

	if (connection->state != HTTP_CONNECTION_CONNECTING)
		return; /* it is being closed */
	if (status < 0) {
		http_connect_failed(connection, status);
		return;
	}
	tune(connection);
	if (connection->call->url.scheme == URL_HTTPS)
		http_tls_begin(connection);
	else
		http_exchange_begin(connection);
}

static int open_stream(struct http_connection *connection)
{
	struct http_client *client = connection->client;

	if (connection->call->url.scheme == URL_UNIX)
		return stream_init_unix(&connection->stream, client->loop);
	return stream_init_tcp(&connection->stream, client->loop);
}

static int start_connecting(struct http_connection *connection)
{
	if (connection->call->url.scheme == URL_UNIX)
		return stream_connect_unix(
			&connection->stream, &connection->connect,
			connection->call->url.host, on_connected);
	return stream_connect_tcp(&connection->stream, &connection->connect,
	                          &present_address(connection)->any,
	                          on_connected);
}

void http_connect_next(struct http_connection *connection)
{
	int r;

	connection->next++;
	r = open_stream(connection);
	if (r < 0) {
		note_failure(connection, r);
		http_connection_close(connection);
		return;
	}
	connection->stream_open = true;
	connection->state = HTTP_CONNECTION_CONNECTING;
	http_connection_arm(connection, address_ms(connection));
	r = start_connecting(connection);
	if (r < 0)
		http_connect_failed(connection, r);
}

static void resolve_failed(struct http_connection *connection, int code)
{
	char reason[128];

	http_connection_fail(connection, code, "resolve: %s",
	                     uv_strerror_r(code, reason, sizeof(reason)));
}

static void on_resolved(struct resolver_request *request)
{
	struct http_connection *connection =
		container_of(request, struct http_connection, lookup);

	if (request->status < 0) {
		resolve_failed(connection, request->status);
		return;
	}
	connection->list = request->list;
	http_connect_next(connection);
}

void http_connect_begin(struct http_connection *connection)
{
	const struct url *url = &connection->call->url;
	struct err err = { 0 };
	int r;

	connection->kept = false;
	connection->next = 0;
	connection->list.n = 1;
	connection->state = HTTP_CONNECTION_RESOLVING;
	if (url->scheme == URL_HTTPS &&
	    (r = http_tls_load(connection, &err)) < 0) {
		http_connection_fail(connection, r, "%s", err.message);
		return;
	}
	if (url->scheme == URL_UNIX ||
	    resolver_literal(url->host, url->port, &connection->list)) {
		http_connect_next(connection);
		return;
	}
	r = resolver_start(connection->client->loop, &connection->lookup,
	                   url->host, url->port, on_resolved);
	if (r < 0)
		resolve_failed(connection, r);
	else
		http_connection_arm(connection, HTTP_CLIENT_RESOLVE_MS);
}
