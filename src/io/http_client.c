/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http_client.h"

#include <errno.h>
#include "base/mem.h"
#include "io/http_connection.h"

/* --- the pool ----------------------------------------------------------- */

static bool is_idle(const struct http_connection *connection,
                    const char *origin)
{
	return connection->state == HTTP_CONNECTION_IDLE &&
	       strcmp(connection->origin, origin) == 0;
}

/* Of https only what was opened with the same files, as they are now. */
static bool may_serve(const struct http_connection *connection,
                      const struct http_call *call)
{
	return call->url.scheme != URL_HTTPS ||
	       connection->tls_context ==
	               http_tls_find(connection->client, call);
}

static struct http_connection *find_idle(struct http_client *client,
                                         const struct http_call *call,
                                         const char *origin)
{
	LIST_FOR_EACH (node, &client->connections) {
		struct http_connection *connection =
			container_of(node, struct http_connection, node);

		if (is_idle(connection, origin) && may_serve(connection, call))
			return connection;
	}
	return NULL;
}

static bool pool_is_full(struct http_client *client, const char *origin)
{
	size_t n_idle = 0;

	LIST_FOR_EACH (node, &client->connections)
		n_idle += is_idle(
			container_of(node, struct http_connection, node),
			origin);
	return n_idle >= HTTP_CLIENT_MAX_IDLE;
}

/* Goes on reading, so that the end of the connection is seen at once. */
void http_client_keep(struct http_connection *connection)
{
	struct http_client *client = connection->client;
	struct http_call *call = connection->call;

	if (client->closing || pool_is_full(client, connection->origin)) {
		http_connection_close(connection);
		return;
	}
	connection->state = HTTP_CONNECTION_IDLE;
	connection->call = NULL;
	connection->deadline_ms = HTTP_NEVER;
	http_connection_arm(connection, HTTP_CLIENT_IDLE_MS);
	buf_fini(&connection->request);
	mem_free(connection->buffer);
	connection->buffer = NULL;
	list_unlink(&connection->node);
	list_prepend(&client->connections, &connection->node);

	call->connection = NULL;
	call->done(call);
}

/* --- calls -------------------------------------------------------------- */

static int no_memory(struct http_call *call, const char *origin)
{
	return err_set(&call->err, -ENOMEM, "%s: out of memory", origin);
}

/* Takes a kept connection or makes one, and gives it all that the exchange
 * needs. NULL if out of memory. */
static struct http_connection *get_connection(struct http_client *client,
                                              const struct http_call *call,
                                              const char *origin)
{
	struct http_connection *connection = NULL;

	if (!call->fresh && http_request_repeatable(call))
		connection = find_idle(client, call, origin);
	if (connection)
		connection->kept = true;
	else
		connection = http_connection_new(client, origin);
	if (!connection)
		return NULL;
	connection->buffer = mem_alloc(HTTP_CLIENT_BUFFER);
	if (connection->buffer)
		return connection;
	http_connection_close(connection);
	return NULL;
}

static void attach(struct http_connection *connection, struct http_call *call)
{
	uint64_t ms =
		call->timeout_ms ? call->timeout_ms : HTTP_CLIENT_TIMEOUT_MS;
	uint64_t now;

	/* a long turn of the loop must not count as waiting */
	uv_update_time(connection->client->loop);
	now = uv_now(connection->client->loop);
	connection->timeout_ms = ms;
	connection->deadline_ms = ms < HTTP_NEVER - now ? now + ms : HTTP_NEVER;
	connection->call = call;
	call->connection = connection;
}

int http_client_call(struct http_client *client, struct http_call *call,
                     http_done_cb done)
{
	struct http_connection *connection;
	char origin[URL_ORIGIN_MAX];
	struct buf request;
	int r;

	call->done = done;
	call->connection = NULL;
	call->status = 0;
	call->n_received = 0;
	err_clear(&call->err);
	(void)url_origin(&call->url, origin);
	if (client->closing)
		return err_set(&call->err, UV_ECANCELED,
		               "%s: the HTTP client is closing", origin);

	buf_init(&request, HTTP_MAX_HEAD);
	r = http_request_write(&request, call, &call->err);
	if (r < 0) {
		buf_fini(&request);
		if (r == -ENOMEM)
			return no_memory(call, origin);
		err_wrap(&call->err, "%s", origin);
		return r;
	}
	connection = get_connection(client, call, origin);
	if (!connection) {
		buf_fini(&request);
		return no_memory(call, origin);
	}
	connection->request = request;
	attach(connection, call);
	if (connection->kept)
		http_exchange_begin(connection);
	else
		http_connect_begin(connection);
	return 0;
}

void http_call_cancel(struct http_call *call)
{
	if (call->connection)
		http_connection_fail(call->connection, UV_ECANCELED,
		                     "cancelled");
}

/* --- the client --------------------------------------------------------- */

struct http_client *http_client_new(uv_loop_t *loop, const struct log *log)
{
	struct http_client *client = mem_calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	if (uv_timer_init(loop, &client->closer) < 0) {
		mem_free(client);
		return NULL;
	}
	client->closer_open = true;
	client->loop = loop;
	client->log = log;
	list_init(&client->connections);
	return client;
}

void http_client_maybe_closed(struct http_client *client)
{
	http_client_closed_cb closed = client->closed;
	void *context = client->context;

	if (!client->closing || client->closer_open ||
	    !list_empty(&client->connections))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(client->contexts); i++)
		tls_context_unref(client->contexts[i]);
	mem_free(client->tls.ca);
	mem_free(client->tls.cert);
	mem_free(client->tls.key);
	mem_free(client);
	closed(context);
}

static void on_closer_closed(uv_handle_t *handle)
{
	struct http_client *client =
		container_of((uv_timer_t *)handle, struct http_client, closer);

	client->closer_open = false;
	http_client_maybe_closed(client);
}

void http_client_close(struct http_client *client, http_client_closed_cb closed,
                       void *context)
{
	client->closing = true;
	client->closed = closed;
	client->context = context;
	LIST_FOR_EACH (node, &client->connections)
		http_connection_fail(
			container_of(node, struct http_connection, node),
			UV_ECANCELED, "cancelled");
	uv_close((uv_handle_t *)&client->closer, on_closer_closed);
}
