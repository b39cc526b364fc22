/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/scripted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "proto/http.h"
#include "proto/websocket.h"

#define SCRIPTED_HEAD_MAX 512

/* The C library's heap throughout: allocation faults are not for us. */
struct scripted_connection {
	struct list node;
	struct scripted *daemon;
	uv_pipe_t pipe;
	struct http_parser *parser;
	const struct scripted_row *held;
	char accept[WEBSOCKET_MAX_TEXT]; /* what the request's key wants */
	bool upgraded;
	uint8_t frame[128]; /* of the client, as far as it has come */
	size_t n_frame;
	char request[1024]; /* "METHOD TARGET" */
	char body[8192];
	size_t n_body;
	char bytes[16384];
};

struct scripted_write {
	uv_write_t write;
	char *text;
};

/* An answer that goes out as it is, in pieces. */
struct scripted_bytes {
	uv_write_t write;
	struct scripted_connection *connection;
	bool close;
	char *bytes;
	size_t n;
	size_t n_sent;
};

static void on_written(uv_write_t *write, int status)
{
	struct scripted_write *own =
		container_of(write, struct scripted_write, write);

	free(own->text);
	free(own);
}

static void answer(struct scripted_connection *connection, uint16_t status,
                   const char *body)
{
	struct scripted_write *own = calloc(1, sizeof(*own));
	size_t size = SCRIPTED_HEAD_MAX + (body ? strlen(body) : 0);
	uv_buf_t buf;

	assert_non_null(own);
	own->text = malloc(size);
	assert_non_null(own->text);
	(void)snprintf(own->text, size,
	               "HTTP/1.1 %u X\r\nContent-Type: application/json\r\n"
	               "Content-Length: %zu\r\n\r\n%s",
	               (unsigned)status, body ? strlen(body) : 0,
	               body ? body : "");
	buf = uv_buf_init(own->text, (unsigned)strlen(own->text));
	if (uv_write(&own->write, (uv_stream_t *)&connection->pipe, &buf, 1,
	             on_written) < 0)
		on_written(&own->write, 0);
}

static void on_connection_closed(uv_handle_t *handle)
{
	struct scripted_connection *connection =
		container_of(handle, struct scripted_connection, pipe);

	list_unlink(&connection->node);
	http_parser_free(connection->parser);
	free(connection);
}

static void connection_close(struct scripted_connection *connection)
{
	if (!uv_is_closing((uv_handle_t *)&connection->pipe))
		uv_close((uv_handle_t *)&connection->pipe,
		         on_connection_closed);
}

static void on_piece_written(uv_write_t *write, int status);

static void send_piece(struct scripted_bytes *own)
{
	size_t piece = own->connection->daemon->piece;
	size_t n = own->n - own->n_sent;
	uv_buf_t buf;

	if (piece)
		n = MIN(n, piece);
	buf = uv_buf_init(own->bytes + own->n_sent, (unsigned)n);
	own->n_sent += n;
	if (uv_write(&own->write, (uv_stream_t *)&own->connection->pipe, &buf,
	             1, on_piece_written) < 0)
		on_piece_written(&own->write, UV_EPIPE);
}

static void on_piece_written(uv_write_t *write, int status)
{
	struct scripted_bytes *own =
		container_of(write, struct scripted_bytes, write);

	if (status == 0 && own->n_sent < own->n) {
		send_piece(own);
		return;
	}
	if (own->close)
		connection_close(own->connection);
	free(own->bytes);
	free(own);
}

static unsigned hex_digit(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'A') + 10;
}

/* @head goes before @p, as it is; or NULL. */
static void answer_bytes(struct scripted_connection *connection,
                         const char *head, const char *p, bool close)
{
	struct scripted_bytes *own = calloc(1, sizeof(*own));

	assert_non_null(own);
	own->connection = connection;
	own->close = close;
	own->bytes = malloc((head ? strlen(head) : 0) + strlen(p) + 1);
	assert_non_null(own->bytes);
	for (; head && *head; head++)
		own->bytes[own->n++] = *head;
	for (; *p; p++) {
		unsigned byte = (unsigned char)*p;

		if (*p == '%') {
			byte = hex_digit(p[1]) << 4 | hex_digit(p[2]);
			p += 2;
		}
		own->bytes[own->n++] = (char)byte;
	}
	send_piece(own);
}

static void upgrade(struct scripted_connection *connection, const char *reply)
{
	char head[256];

	connection->upgraded = true;
	if (connection->daemon->deaf)
		(void)uv_read_stop((uv_stream_t *)&connection->pipe);
	(void)snprintf(head, sizeof(head),
	               "HTTP/1.1 101 Switching Protocols\r\n"
	               "Upgrade: websocket\r\nConnection: keep-alive, "
	               "Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
	               connection->accept);
	answer_bytes(connection, head, reply, false);
}

static void obey(struct scripted_connection *connection,
                 const struct scripted_row *row)
{
	switch (row->status) {
	case SCRIPTED_HANG:
		break;
	case SCRIPTED_CLOSE:
		connection_close(connection);
		break;
	case SCRIPTED_HOLD:
		connection->held = row;
		break;
	case SCRIPTED_BYTES:
	case SCRIPTED_BYTES_CLOSE:
		answer_bytes(connection, NULL, row->reply,
		             row->status == SCRIPTED_BYTES_CLOSE);
		break;
	case SCRIPTED_WEBSOCKET:
		upgrade(connection, row->reply ? row->reply : "");
		break;
	default:
		answer(connection, row->status, row->reply);
	}
}

static void note_key(struct scripted_connection *connection, struct slice key)
{
	struct buf accept;

	buf_init(&accept, WEBSOCKET_MAX_TEXT);
	if (key.p && websocket_accept(&accept, key) == 0)
		(void)snprintf(connection->accept, sizeof(connection->accept),
		               "%s", buf_text(&accept));
	buf_fini(&accept);
}

static int on_head(void *context, const struct http_message *message)
{
	struct scripted_connection *connection = context;

	connection->n_body = 0;
	(void)snprintf(connection->request, sizeof(connection->request),
	               SLICE_FMT " " SLICE_FMT, SLICE_ARG(message->method),
	               SLICE_ARG(message->target));
	note_key(connection, http_message_header(message, "sec-websocket-key"));
	return 0;
}

static int on_body(void *context, struct slice bytes)
{
	struct scripted_connection *connection = context;
	size_t room = sizeof(connection->body) - 1 - connection->n_body;

	bytes.n = MIN(bytes.n, room);
	memcpy(connection->body + connection->n_body, bytes.p, bytes.n);
	connection->n_body += bytes.n;
	return 0;
}

static bool fits(const struct scripted_connection *connection,
                 const struct scripted_row *row)
{
	return row->request && strcmp(connection->request, row->request) == 0 &&
	       (!row->sent || strstr(connection->body, row->sent));
}

/* The row that answers this request, NULL if there is none. */
static const struct scripted_row *find_row(
	struct scripted_connection *connection)
{
	struct scripted *daemon = connection->daemon;
	const struct scripted_row *row = &daemon->rows[daemon->at];

	if (!daemon->any_order) {
		if (!fits(connection, row))
			return NULL;
		daemon->at++;
		daemon->all_asked = daemon->rows[daemon->at].request == NULL;
		return row;
	}
	for (row = daemon->rows; row->request; row++)
		if (fits(connection, row))
			return row;
	return NULL;
}

static int on_complete(void *context)
{
	struct scripted_connection *connection = context;
	struct scripted *daemon = connection->daemon;
	const struct scripted_row *row;

	connection->body[connection->n_body] = '\0';
	row = find_row(connection);
	if (row) {
		obey(connection, row);
		return 0;
	}
	row = &daemon->rows[daemon->at];
	if (!daemon->complaint[0])
		(void)snprintf(
			daemon->complaint, sizeof(daemon->complaint),
			"row %zu: asked %.400s %.200s, expected %.150s %.150s",
			daemon->at, connection->request, connection->body,
			row->request ? row->request : "nothing",
			row->request && row->sent ? row->sent : "");
	answer(connection, 599, "unexpected");
	return 0;
}

static const struct http_parser_callbacks callbacks = {
	.on_head = on_head,
	.on_body = on_body,
	.on_complete = on_complete,
};

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
	struct scripted_connection *connection =
		container_of(handle, struct scripted_connection, pipe);

	*buf = uv_buf_init(connection->bytes, sizeof(connection->bytes));
}

/* Short, masked and whole: others no client of ours sends. */
static size_t frame_length(const struct scripted_connection *connection)
{
	return connection->n_frame < 2
	               ? SIZE_MAX
	               : 6 + (size_t)(connection->frame[1] & 0x7f);
}

static void note_frame(struct scripted_connection *connection)
{
	struct scripted *daemon = connection->daemon;
	const uint8_t *frame = connection->frame;
	size_t n_payload = frame[1] & 0x7f;
	char *out = daemon->frames + strlen(daemon->frames);
	char *end = daemon->frames + sizeof(daemon->frames);

	assert_true((frame[0] & 0x80) && (frame[1] & 0x80) && n_payload < 100);
	out += snprintf(out, (size_t)(end - out), "%X:", frame[0] & 0xfu);
	for (size_t i = 0; i < n_payload && end - out > 8; i++) {
		unsigned byte = frame[6 + i] ^ frame[2 + i % 4];

		out += snprintf(out, (size_t)(end - out),
		                byte > ' ' && byte < 0x7f ? "%c" : "%%%02X",
		                byte);
	}
	if (end - out > 2)
		(void)snprintf(out, (size_t)(end - out), " ");
	connection->n_frame = 0;
	if ((frame[0] & 0xf) == 8)
		connection_close(connection);
}

static void read_frames(struct scripted_connection *connection,
                        struct slice bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		assert_true(connection->n_frame < sizeof(connection->frame));
		connection->frame[connection->n_frame++] = (uint8_t)bytes.p[i];
		if (connection->n_frame == frame_length(connection))
			note_frame(connection);
	}
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct scripted_connection *connection =
		container_of(stream, struct scripted_connection, pipe);
	struct slice bytes = slice_make(buf->base, n > 0 ? (size_t)n : 0);
	struct err err;

	if (n < 0)
		connection_close(connection);
	if (connection->upgraded) {
		read_frames(connection, bytes);
		return;
	}
	while (bytes.n && !uv_is_closing((uv_handle_t *)stream)) {
		size_t used;
		int r = http_parser_feed(connection->parser, bytes, &used,
		                         &err);

		if (r != 0) {
			if (r != -ENOMEM)
				(void)snprintf(
					connection->daemon->complaint,
					sizeof(connection->daemon->complaint),
					"not HTTP: %s", err.message);
			connection_close(connection);
			return;
		}
		bytes = slice_skip(bytes, used);
		if (!http_parser_busy(connection->parser))
			http_parser_reset(connection->parser, false,
			                  sizeof(connection->body));
	}
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct scripted *daemon =
		container_of(listener, struct scripted, listener);
	struct scripted_connection *connection = calloc(1, sizeof(*connection));

	assert_non_null(connection);
	connection->daemon = daemon;
	list_append(&daemon->connections, &connection->node);
	assert_int_equal(uv_pipe_init(&daemon->loop->uv, &connection->pipe, 0),
	                 0);
	assert_int_equal(uv_accept(listener, (uv_stream_t *)&connection->pipe),
	                 0);
	/* the one allocation here that a fault may hit */
	connection->parser =
		http_parser_new(HTTP_PARSE_REQUEST, &callbacks, connection);
	if (!connection->parser) {
		connection_close(connection);
		return;
	}
	http_parser_reset(connection->parser, false, sizeof(connection->body));
	assert_int_equal(uv_read_start((uv_stream_t *)&connection->pipe,
	                               on_alloc, on_read),
	                 0);
}

void scripted_open(struct scripted *daemon, struct test_loop *loop,
                   const char *name, const struct scripted_row *rows)
{
	*daemon = (struct scripted){ .loop = loop, .rows = rows, .open = true };
	daemon->all_asked = rows[0].request == NULL;
	list_init(&daemon->connections);
	(void)test_loop_path(loop, name, daemon->path);
	assert_int_equal(uv_pipe_init(&loop->uv, &daemon->listener, 0), 0);
	assert_int_equal(uv_pipe_bind(&daemon->listener, daemon->path), 0);
	assert_int_equal(
		uv_listen((uv_stream_t *)&daemon->listener, 16, on_connection),
		0);
}

void scripted_release(struct scripted *daemon)
{
	LIST_FOR_EACH (node, &daemon->connections) {
		struct scripted_connection *connection =
			container_of(node, struct scripted_connection, node);

		if (connection->held)
			answer(connection, 200, connection->held->reply);
		connection->held = NULL;
	}
}

void scripted_say(struct scripted *daemon, const char *bytes)
{
	LIST_FOR_EACH (node, &daemon->connections) {
		struct scripted_connection *connection =
			container_of(node, struct scripted_connection, node);

		if (connection->upgraded)
			answer_bytes(connection, NULL, bytes, false);
	}
}

void scripted_hang_up(struct scripted *daemon)
{
	LIST_FOR_EACH (node, &daemon->connections)
		connection_close(
			container_of(node, struct scripted_connection, node));
}

static void on_listener_closed(uv_handle_t *handle)
{
	container_of(handle, struct scripted, listener)->open = false;
}

void scripted_close(struct scripted *daemon)
{
	if (!daemon->open)
		return;
	scripted_hang_up(daemon);
	uv_close((uv_handle_t *)&daemon->listener, on_listener_closed);
	while (daemon->open || !list_empty(&daemon->connections))
		(void)uv_run(&daemon->loop->uv, UV_RUN_ONCE);
}

void scripted_done(const struct scripted *daemon)
{
	if (daemon->complaint[0])
		fail_msg("%s", daemon->complaint);
	if (!daemon->all_asked)
		fail_msg("never asked: %s", daemon->rows[daemon->at].request);
}
