/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http_server.h"
#include "io/http_server_private.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"

static uint64_t or_default(uint64_t value, uint64_t by_default)
{
	return value ? value : by_default;
}

static void fill_options(struct http_server_options *options)
{
	if (options->max_connections == 0)
		options->max_connections = HTTP_SERVER_MAX_CONNECTIONS;
	options->head_timeout_ms = or_default(options->head_timeout_ms,
	                                      HTTP_SERVER_HEAD_TIMEOUT_MS);
	options->body_timeout_ms = or_default(options->body_timeout_ms,
	                                      HTTP_SERVER_BODY_TIMEOUT_MS);
	options->body_total_ms =
		or_default(options->body_total_ms, HTTP_SERVER_BODY_TOTAL_MS);
	options->idle_timeout_ms = or_default(options->idle_timeout_ms,
	                                      HTTP_SERVER_IDLE_TIMEOUT_MS);
	options->write_timeout_ms = or_default(options->write_timeout_ms,
	                                       HTTP_SERVER_WRITE_TIMEOUT_MS);
}

struct http_server *http_server_new(uv_loop_t *loop, const struct log *log,
                                    const struct http_server_options *options,
                                    http_handler_cb handler, void *context)
{
	struct http_server *server = mem_alloc(sizeof(*server));

	if (!server)
		return NULL;
	/* what peers read into takes its pages when they are needed */
	memset(server, 0, offsetof(struct http_server, bytes));
	server->loop = loop;
	server->log = log;
	server->options = *options;
	fill_options(&server->options);
	server->handler = handler;
	server->context = context;
	list_init(&server->peers);
	list_init(&server->idle_peers);
	list_init(&server->fresh_peers);
	list_init(&server->exchanges);
	list_init(&server->spare_exchanges);
	list_init(&server->streams);
	(void)uv_timer_init(loop, &server->timer);
	(void)uv_idle_init(loop, &server->turn);
	server->timer_open = true;
	return server;
}

size_t http_server_n_connections(const struct http_server *server)
{
	return server->n_peers + server->n_excess;
}

/* By hand, for strftime() would follow the locale. RFC 9110, 5.6.7. */
const char *server_date(struct http_server *server)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed",
		                        "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr",
		                          "May", "Jun", "Jul", "Aug",
		                          "Sep", "Oct", "Nov", "Dec" };
	time_t now = time(NULL);
	struct tm tm;

	if (now == server->date_at || !gmtime_r(&now, &tm))
		return server->date;
	server->date_at = now;
	(void)snprintf(server->date, sizeof(server->date),
	               "%s, %02u %s %04u %02u:%02u:%02u GMT",
	               days[tm.tm_wday % 7], (unsigned)tm.tm_mday % 100,
	               months[tm.tm_mon % 12],
	               (unsigned)(tm.tm_year + 1900) % 10000,
	               (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
	               (unsigned)tm.tm_sec % 100);
	return server->date;
}

/* --- the end ------------------------------------------------------------- */

static void server_free(struct http_server *server)
{
	struct list *node;

	while ((node = list_pop(&server->spare_exchanges)))
		exchange_free(container_of(node, struct exchange, node));
	/* the handler still has these, and gives them back by answering */
	while ((node = list_pop(&server->exchanges)))
		container_of(node, struct exchange, node)->server = NULL;
	mem_free(server);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct http_server *server =
		container_of((uv_timer_t *)handle, struct http_server, timer);
	http_server_closed_cb closed = server->closed;
	void *context = server->closed_context;

	server_free(server);
	closed(context);
}

static void on_turn_closed(uv_handle_t *handle)
{
	struct http_server *server =
		container_of((uv_idle_t *)handle, struct http_server, turn);

	/* the last handle; its callback is what frees the server */
	uv_close((uv_handle_t *)&server->timer, on_timer_closed);
}

void server_maybe_closed(struct http_server *server)
{
	if (!server->closing || !list_empty(&server->peers))
		return;
	for (size_t i = 0; i < server->n_listeners; i++) {
		if (server->listeners[i].open)
			return;
	}
	if (!uv_is_closing((uv_handle_t *)&server->turn))
		uv_close((uv_handle_t *)&server->turn, on_turn_closed);
}

static void on_lingered(uv_timer_t *timer)
{
	struct http_server *server =
		container_of(timer, struct http_server, timer);

	LIST_FOR_EACH (node, &server->peers)
		peer_cut(container_of(node, struct peer, node), LOG_LEVEL_INFO,
		         "the server closes");
}

void http_server_set_max_body(struct http_server *server, uint64_t max_body)
{
	server->options.max_body = max_body;
}

void http_server_close(struct http_server *server, uint64_t linger_ms,
                       http_server_closed_cb closed, void *context)
{
	server->closing = true;
	server->closed = closed;
	server->closed_context = context;

	for (size_t i = 0; i < server->n_listeners; i++)
		listener_close(&server->listeners[i]);
	LIST_FOR_EACH (node, &server->peers) {
		struct peer *peer = container_of(node, struct peer, node);

		if (linger_ms == 0 || (peer->stage != PEER_HANDLING &&
		                       peer->stage != PEER_WRITING &&
		                       peer->stage != PEER_LINGERING))
			peer_close(peer);
		else if (peer->exchange && peer->exchange->asleep)
			http_wake(&peer->exchange->shown); /* its end */
	}
	(void)uv_timer_start(&server->timer, on_lingered, linger_ms, 0);
	server_maybe_closed(server);
}
