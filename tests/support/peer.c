/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/peer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/resolver.h"

struct peer_connection {
	struct list node;
	struct test_peer *peer;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct peer_text request;
	const struct peer_step *step; /* being done */
	size_t n_written;
	char buffer[65536];
};

static void do_next_step(struct peer_connection *connection);

static void text_append(struct peer_text *text, const char *p, size_t n)
{
	text->p = realloc(text->p, text->n + n + 1);
	assert_non_null(text->p);
	memcpy(text->p + text->n, p, n);
	text->n += n;
	text->p[text->n] = '\0';
}

static void text_consume(struct peer_text *text, size_t n)
{
	memmove(text->p, text->p + n, text->n - n + 1);
	text->n -= n;
}

static struct peer_connection *connection_of(uv_stream_t *stream)
{
	return container_of(stream, struct peer_connection, uv.stream);
}

static void on_closed(uv_handle_t *handle)
{
	struct peer_connection *connection =
		container_of(handle, struct peer_connection, uv.handle);

	connection->peer->n_open--;
	list_unlink(&connection->node);
	free(connection->request.p);
	free(connection);
}

static void hang_up(struct peer_connection *connection, bool reset)
{
	if (uv_is_closing(&connection->uv.handle))
		return;
	if (reset)
		assert_int_equal(
			uv_tcp_close_reset(&connection->uv.tcp, on_closed), 0);
	else
		uv_close(&connection->uv.handle, on_closed);
}

static void step_done(struct peer_connection *connection)
{
	enum peer_then then = connection->step->then;

	connection->step = NULL;
	connection->peer->n_steps_done++;
	if (then == PEER_HALF_CLOSE)
		assert_int_equal(uv_shutdown(&connection->shutdown,
		                             &connection->uv.stream, NULL),
		                 0);
	else if (then != PEER_KEEP)
		hang_up(connection, then == PEER_RESET);
	else
		do_next_step(connection);
}

static void write_piece(struct peer_connection *connection);

static void on_written(uv_write_t *request, int status)
{
	struct peer_connection *connection =
		container_of(request, struct peer_connection, write);

	if (status == 0)
		write_piece(connection);
	else
		hang_up(connection, false);
}

static void write_piece(struct peer_connection *connection)
{
	const struct peer_step *step = connection->step;
	const char *rest = step->answer ? step->answer : "";
	size_t n;
	uv_buf_t buf;

	rest += connection->n_written;
	n = strlen(rest);
	if (n == 0) {
		step_done(connection);
		return;
	}
	if (step->piece)
		n = MIN(n, step->piece);
	buf = uv_buf_init((char *)rest, (unsigned)n);
	connection->n_written += n;
	if (uv_write(&connection->write, &connection->uv.stream, &buf, 1,
	             on_written) < 0)
		hang_up(connection, false);
}

/* Bytes of the first whole request, 0 if there is none yet. */
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

static void do_next_step(struct peer_connection *connection)
{
	struct test_peer *peer = connection->peer;
	size_t n = request_length(&connection->request);

	if (connection->step || n == 0 || peer->n_steps == 0)
		return;
	text_consume(&connection->request, n);
	connection->step = peer->steps++;
	peer->n_steps--;
	connection->n_written = 0;
	write_piece(connection);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct peer_connection *connection =
		connection_of((uv_stream_t *)handle);

	*buf = uv_buf_init(connection->buffer, sizeof(connection->buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct peer_connection *connection = connection_of(stream);

	if (n < 0) {
		hang_up(connection, false);
		return;
	}
	text_append(&connection->peer->received, buf->base, (size_t)n);
	text_append(&connection->request, buf->base, (size_t)n);
	do_next_step(connection);
}

static void on_accept(uv_stream_t *server, int status)
{
	struct test_peer *peer =
		container_of(server, struct test_peer, server.stream);
	struct peer_connection *connection = calloc(1, sizeof(*connection));
	bool deaf = false;

	assert_int_equal(status, 0);
	assert_non_null(connection);
	connection->peer = peer;
	if (peer->port)
		assert_int_equal(uv_tcp_init(server->loop, &connection->uv.tcp),
		                 0);
	else
		assert_int_equal(
			uv_pipe_init(server->loop, &connection->uv.pipe, 0), 0);
	assert_int_equal(uv_accept(server, &connection->uv.stream), 0);
	list_append(&peer->connections, &connection->node);
	peer->n_accepted++;
	peer->n_open++;

	if (peer->n_steps > 0 && peer->steps->at_accept) {
		connection->step = peer->steps++;
		peer->n_steps--;
		deaf = connection->step->deaf;
	}
	if (!deaf)
		assert_int_equal(uv_read_start(&connection->uv.stream, on_alloc,
		                               on_read),
		                 0);
	if (connection->step)
		write_piece(connection);
}

static void listen_tcp(struct test_peer *peer, uv_loop_t *loop,
                       const char *address, unsigned port)
{
	union address bound;
	int length = sizeof(bound);
	bool ipv6 = strchr(address, ':') != NULL;

	memset(&bound, 0, sizeof(bound));
	assert_int_equal(ipv6 ? uv_ip6_addr(address, (int)port, &bound.in6)
	                      : uv_ip4_addr(address, (int)port, &bound.in),
	                 0);
	assert_int_equal(uv_tcp_init(loop, &peer->server.tcp), 0);
	assert_int_equal(uv_tcp_bind(&peer->server.tcp, &bound.any, 0), 0);
	assert_int_equal(
		uv_tcp_getsockname(&peer->server.tcp, &bound.any, &length), 0);
	peer->port = ntohs(ipv6 ? bound.in6.sin6_port : bound.in.sin_port);
	(void)snprintf(peer->url, sizeof(peer->url), "http://%s%s%s:%u",
	               ipv6 ? "[" : "", address, ipv6 ? "]" : "", peer->port);
}

void test_peer_listen(struct test_peer *peer, uv_loop_t *loop,
                      const char *address, unsigned port)
{
	/* as the program does: a write to a closed socket is an error code */
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	*peer = (struct test_peer){ 0 };
	list_init(&peer->connections);
	if (address[0] == '/') {
		assert_int_equal(uv_pipe_init(loop, &peer->server.pipe, 0), 0);
		assert_int_equal(uv_pipe_bind(&peer->server.pipe, address), 0);
		(void)snprintf(peer->url, sizeof(peer->url), "unix:%s",
		               address);
	} else {
		listen_tcp(peer, loop, address, port);
	}
	assert_int_equal(uv_listen(&peer->server.stream, 64, on_accept), 0);
}

void test_peer_script(struct test_peer *peer, const struct peer_step *steps,
                      size_t n)
{
	peer->steps = steps;
	peer->n_steps = n;
	peer->n_steps_done = 0;
}

const char *test_peer_received(const struct test_peer *peer)
{
	return peer->received.p ? peer->received.p : "";
}

void test_peer_forget(struct test_peer *peer)
{
	free(peer->received.p);
	peer->received = (struct peer_text){ 0 };
}

void test_peer_hang_up(struct test_peer *peer)
{
	LIST_FOR_EACH (node, &peer->connections)
		hang_up(container_of(node, struct peer_connection, node),
		        false);
}

void test_peer_reset(struct test_peer *peer)
{
	LIST_FOR_EACH (node, &peer->connections)
		hang_up(container_of(node, struct peer_connection, node), true);
}

static void on_server_closed(uv_handle_t *handle)
{
	container_of(handle, struct test_peer, server.handle)->closed = true;
}

void test_peer_close(struct test_peer *peer)
{
	uv_loop_t *loop = peer->server.handle.loop;

	test_peer_hang_up(peer);
	uv_close(&peer->server.handle, on_server_closed);
	while (!peer->closed || !list_empty(&peer->connections))
		(void)uv_run(loop, UV_RUN_NOWAIT);
	test_peer_forget(peer);
}
