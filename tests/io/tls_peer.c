/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "io/tls_peer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "base/macros.h"
#include "io/resolver.h"

struct connection {
	struct list node;
	struct tls_peer *peer;
	uv_tcp_t uv;
	uv_write_t write;
	struct tls_kit_session session;
	bool writing;
	bool hangs_up; /* once everything is written */
	char buffer[4096];
	char piece[65536];
};

static void on_closed(uv_handle_t *handle)
{
	struct connection *connection =
		container_of((uv_tcp_t *)handle, struct connection, uv);

	list_unlink(&connection->node);
	tls_kit_session_fini(&connection->session);
	free(connection);
}

static void hang_up(struct connection *connection)
{
	if (!uv_is_closing((uv_handle_t *)&connection->uv))
		uv_close((uv_handle_t *)&connection->uv, on_closed);
}

static void flush(struct connection *connection);

static void on_written(uv_write_t *request, int status)
{
	struct connection *connection =
		container_of(request, struct connection, write);

	connection->writing = false;
	if (status < 0)
		hang_up(connection);
	else
		flush(connection);
}

static void flush(struct connection *connection)
{
	struct peer_text *out = &connection->session.out;
	size_t n = MIN(out->n, sizeof(connection->piece));
	uv_buf_t buf;

	if (connection->writing || connection->peer->silent)
		return;
	if (n == 0 && connection->hangs_up)
		hang_up(connection);
	if (n == 0)
		return;
	if (connection->peer->piece)
		n = MIN(n, connection->peer->piece);
	memcpy(connection->piece, out->p, n);
	tls_kit_consume(out, n);
	buf = uv_buf_init(connection->piece, (unsigned)n);
	connection->writing = true;
	if (uv_write(&connection->write, (uv_stream_t *)&connection->uv, &buf,
	             1, on_written) < 0)
		hang_up(connection);
}

static size_t request_length(const struct peer_text *request)
{
	const char *text = request->p ? request->p : "";
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = strstr(text, "Content-Length: ");
	size_t n;

	if (!end)
		return 0;
	n = (size_t)(end - text) + 4;
	if (length && length < end)
		n += strtoul(length + 16, NULL, 10);
	return n <= request->n ? n : 0;
}

static void do_step(struct connection *connection)
{
	const struct tls_peer_step *step = connection->peer->steps++;

	connection->peer->n_steps--;
	if (step->answer)
		tls_kit_session_write(&connection->session, step->answer,
		                      strlen(step->answer));
	if (step->then == TLS_PEER_END || step->then == TLS_PEER_END_ONLY)
		tls_kit_session_end(&connection->session);
	connection->hangs_up =
		step->then == TLS_PEER_END || step->then == TLS_PEER_CUT;
}

static void answer(struct connection *connection)
{
	struct tls_peer *peer = connection->peer;
	struct peer_text *request = &connection->session.received;
	size_t n = request_length(request);

	if (n == 0 || peer->n_steps == 0)
		return;
	tls_kit_append(&peer->received, request->p, n);
	tls_kit_consume(request, n);
	do_step(connection);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct connection *connection =
		container_of((uv_tcp_t *)handle, struct connection, uv);

	*buf = uv_buf_init(connection->buffer, sizeof(connection->buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct connection *connection =
		container_of((uv_tcp_t *)stream, struct connection, uv);
	struct tls_kit_session *session = &connection->session;
	struct tls_peer *peer = connection->peer;
	bool shaken = session->established;

	if (n < 0 || peer->hangs_up) {
		hang_up(connection);
		return;
	}
	if (peer->silent)
		return;
	tls_kit_session_feed(session, buf->base, (size_t)n);
	peer->n_shaken += session->established && !shaken;
	peer->n_ended += session->ended;
	answer(connection);
	if (session->refusal)
		connection->hangs_up = true;
	flush(connection);
}

static void on_accept(uv_stream_t *server, int status)
{
	struct tls_peer *peer =
		container_of((uv_tcp_t *)server, struct tls_peer, listener);
	struct connection *connection = calloc(1, sizeof(*connection));

	assert_int_equal(status, 0);
	assert_non_null(connection);
	connection->peer = peer;
	assert_int_equal(uv_tcp_init(server->loop, &connection->uv), 0);
	assert_int_equal(uv_accept(server, (uv_stream_t *)&connection->uv), 0);
	assert_int_equal(uv_tcp_nodelay(&connection->uv, 1), 0);
	tls_kit_session_init(&connection->session, &peer->server);
	list_append(&peer->connections, &connection->node);
	peer->n_accepted++;
	assert_int_equal(uv_read_start((uv_stream_t *)&connection->uv, on_alloc,
	                               on_read),
	                 0);
}

void tls_peer_listen(struct tls_peer *peer, uv_loop_t *loop, const char *file,
                     const char *client_ca)
{
	union address bound;
	int length = sizeof(bound);

	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	memset(peer, 0, sizeof(*peer));
	list_init(&peer->connections);
	tls_kit_server_init(&peer->server, file, client_ca);
	assert_int_equal(uv_ip4_addr("127.0.0.1", 0, &bound.in), 0);
	assert_int_equal(uv_tcp_init(loop, &peer->listener), 0);
	assert_int_equal(uv_tcp_bind(&peer->listener, &bound.any, 0), 0);
	assert_int_equal(
		uv_tcp_getsockname(&peer->listener, &bound.any, &length), 0);
	(void)snprintf(peer->url, sizeof(peer->url), "https://127.0.0.1:%u",
	               ntohs(bound.in.sin_port));
	assert_int_equal(
		uv_listen((uv_stream_t *)&peer->listener, 64, on_accept), 0);
}

void tls_peer_end_all(struct tls_peer *peer)
{
	LIST_FOR_EACH (node, &peer->connections) {
		struct connection *connection =
			container_of(node, struct connection, node);

		tls_kit_session_end(&connection->session);
		connection->hangs_up = true;
		flush(connection);
	}
}

static void on_listener_closed(uv_handle_t *handle)
{
	container_of((uv_tcp_t *)handle, struct tls_peer, listener)->closed =
		true;
}

void tls_peer_close(struct tls_peer *peer)
{
	LIST_FOR_EACH (node, &peer->connections)
		hang_up(container_of(node, struct connection, node));
	uv_close((uv_handle_t *)&peer->listener, on_listener_closed);
	while (!peer->closed || !list_empty(&peer->connections))
		(void)uv_run(peer->listener.loop, UV_RUN_NOWAIT);
	tls_kit_server_fini(&peer->server);
	free(peer->received.p);
}
