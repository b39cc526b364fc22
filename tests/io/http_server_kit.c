/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "http_server_kit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"

#define PIECE_SIZE 16384

/* --- the service ------------------------------------------------------------- */

struct stream {
	struct kit *kit;
	uint64_t n_left;
	unsigned n_pieces;
	enum { STREAM_COUNT, STREAM_BIG, STREAM_CUT, STREAM_END } kind;
};

static void on_closed(void *context)
{
	struct kit *kit = context;

	kit->closed = true;
}

static void produce_big(struct stream *stream, struct buf *out)
{
	size_t n = (size_t)MIN(stream->n_left, (uint64_t)PIECE_SIZE);

	if (buf_reserve(out, n) < 0)
		return;
	memset(out->p, 'b', n);
	out->n = n;
	stream->n_left -= n;
	stream->kit->n_produced += n;
}

static void producer(void *state, struct buf *out)
{
	struct stream *stream = state;

	if (!out) {
		stream->kit->n_producing--;
		mem_free(stream);
		return;
	}
	assert_int_equal(out->n, 0);
	if (stream->kind == STREAM_BIG) {
		produce_big(stream, out);
	} else if (stream->kind == STREAM_CUT && stream->n_pieces == 3) {
		out->failed = -E2BIG;
	} else if (stream->kind == STREAM_END && stream->n_pieces == 3) {
		http_server_close(stream->kit->server, 0, on_closed,
		                  stream->kit);
		(void)buf_puts(out, "too late");
	} else if (stream->n_pieces < 10) {
		(void)buf_printf(out, "%u\n", stream->n_pieces);
	}
	stream->n_pieces++;
}

static void respond_stream(struct kit *kit, struct http_exchange *exchange,
                           int kind)
{
	struct stream *stream = mem_calloc(1, sizeof(*stream));

	if (!stream) {
		http_respond_text(exchange, 503, "no memory");
		return;
	}
	stream->kit = kit;
	stream->n_left = kit->big;
	stream->kind = (unsigned)kind;
	kit->n_producing++;
	http_respond_stream(exchange, 200, "text/plain", NULL, producer,
	                    stream);
}

static void respond_whole(struct kit *kit, struct http_exchange *exchange)
{
	struct buf body;

	buf_init(&body, 1u << 30);
	if (buf_reserve(&body, (size_t)kit->big) == 0) {
		memset(body.p, 'w', (size_t)kit->big);
		body.n = (size_t)kit->big;
	}
	http_respond(exchange, 200, "text/plain", NULL, &body);
}

static void on_given_back(void *state)
{
	struct kit *kit = state;

	kit->n_lent--;
}

void kit_respond_shared(struct kit *kit, struct http_exchange *exchange)
{
	kit->n_lent++;
	http_respond_shared(exchange, 200, "text/plain", NULL,
	                    slice_make(kit->shared, (size_t)kit->big),
	                    on_given_back, kit);
}

static void respond_broken(struct http_exchange *exchange)
{
	struct buf body;

	buf_init(&body, 3);
	(void)buf_puts(&body, "too long");
	http_respond(exchange, 200, "text/plain", NULL, &body);
}

static void respond_echo(struct http_exchange *exchange)
{
	struct buf body;

	buf_init(&body, KIT_MAX_BODY);
	(void)buf_append(&body, exchange->body.p, exchange->body.n);
	http_respond(exchange, 200, "text/plain", "X-Extra: echo\r\n", &body);
}

static void handle(void *context, struct http_exchange *exchange)
{
	struct kit *kit = context;
	struct slice path = exchange->path;

	assert_null(exchange->user);
	kit->n_handled++;
	if (slice_is(path, "/hello")) {
		http_respond_text(exchange, 200, "hello");
	} else if (slice_is(path, "/echo")) {
		respond_echo(exchange);
	} else if (slice_is(path, "/show")) {
		http_respond_text(
			exchange, 200, SLICE_FMT " " SLICE_FMT " " SLICE_FMT,
			SLICE_ARG(exchange->message->method),
			SLICE_ARG(exchange->path), SLICE_ARG(exchange->query));
	} else if (slice_is(path, "/hold")) {
		assert_true(kit->n_held < KIT_MAX_HELD);
		exchange->user = kit;
		kit->held[kit->n_held++] = exchange;
	} else if (slice_is(path, "/stream")) {
		respond_stream(kit, exchange, STREAM_COUNT);
	} else if (slice_is(path, "/big")) {
		respond_stream(kit, exchange, STREAM_BIG);
	} else if (slice_is(path, "/cut")) {
		respond_stream(kit, exchange, STREAM_CUT);
	} else if (slice_is(path, "/end")) {
		respond_stream(kit, exchange, STREAM_END);
	} else if (slice_is(path, "/whole")) {
		respond_whole(kit, exchange);
	} else if (slice_is(path, "/shared")) {
		kit_respond_shared(kit, exchange);
	} else if (slice_is(path, "/empty")) {
		http_respond(exchange, 204, NULL, NULL, NULL);
	} else if (slice_is(path, "/same")) {
		http_respond(exchange, 304, NULL, NULL, NULL);
	} else if (slice_is(path, "/broken")) {
		respond_broken(exchange);
	} else if (slice_is(path, "/close")) {
		http_server_close(kit->server, 1000, on_closed, kit);
		http_respond_text(exchange, 200, "closing");
	} else {
		http_respond_text(exchange, 404, "no such path");
	}
}

static void keep_line(void *context, enum log_level level, struct slice line)
{
	struct kit *kit = context;

	(void)level;
	(void)buf_append(&kit->log_text, line.p, line.n);
}

void kit_init(struct kit *kit)
{
	*kit = (struct kit){ .options.max_body = KIT_MAX_BODY };
	test_loop_init(&kit->loop);
	buf_init(&kit->log_text, 1u << 20);
	kit->log = (struct log){ .emit = keep_line,
		                 .context = kit,
		                 .level = LOG_LEVEL_INFO };
}

struct http_server *kit_new_server(struct kit *kit)
{
	kit->closed = false;
	return http_server_new(&kit->loop.uv, &kit->log, &kit->options, handle,
	                       kit);
}

void kit_start(struct kit *kit)
{
	struct err err = { 0 };

	kit->server = kit_new_server(kit);
	assert_non_null(kit->server);
	if (http_server_listen(kit->server, slice_from("127.0.0.1:0"), &err) <
	    0)
		fail_msg("%s", err.message);
	assert_int_not_equal(http_server_port(kit->server, 0), 0);
}

void kit_begin_close(struct kit *kit, uint64_t linger_ms)
{
	http_server_close(kit->server, linger_ms, on_closed, kit);
	assert_false(kit->closed);
}

void kit_await_closed(struct kit *kit)
{
	test_loop_until(&kit->loop, &kit->closed);
	kit->server = NULL;
}

void kit_close(struct kit *kit, uint64_t linger_ms)
{
	kit_begin_close(kit, linger_ms);
	kit_await_closed(kit);
}

void kit_fini(struct kit *kit)
{
	if (kit->server)
		kit_close(kit, 0);
	while (kit->n_held)
		kit_release(kit);
	assert_int_equal(kit->n_producing, 0);
	buf_fini(&kit->log_text);
	test_loop_fini(&kit->loop);
}

static uint64_t deadline(void)
{
	return uv_hrtime() + LOOP_WAIT_MS * UINT64_C(1000000);
}

static void turn(struct kit *kit)
{
	(void)uv_run(&kit->loop.uv, UV_RUN_NOWAIT);
	(void)poll(NULL, 0, 1);
}

void kit_await_count(struct kit *kit, const size_t *n, size_t wanted)
{
	uint64_t end = deadline();

	while (*n != wanted) {
		if (uv_hrtime() > end)
			fail_msg("%zu instead of %zu", *n, wanted);
		turn(kit);
	}
}

void kit_await_connections(struct kit *kit, size_t wanted)
{
	uint64_t end = deadline();

	while (http_server_n_connections(kit->server) != wanted) {
		if (uv_hrtime() > end)
			fail_msg("%zu connections instead of %zu",
			         http_server_n_connections(kit->server),
			         wanted);
		turn(kit);
	}
}

void kit_release(struct kit *kit)
{
	struct http_exchange *exchange = kit->held[0];

	assert_true(kit->n_held > 0);
	assert_ptr_equal(exchange->user, kit);
	kit->n_held--;
	for (size_t i = 0; i < kit->n_held; i++)
		kit->held[i] = kit->held[i + 1];
	http_respond_text(exchange, 200, "released");
}

/* --- a client ------------------------------------------------------------------ */

int client_connect_to(struct client *client, struct kit *kit,
                      const struct sockaddr *address, size_t size)
{
	*client = (struct client){ .kit = kit };
	buf_init(&client->in, 1u << 26);
	client->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(client->fd >= 0);
	/* the kernel accepts; the server does when the loop runs */
	if (connect(client->fd, address, (socklen_t)size) < 0) {
		int code = errno;

		(void)close(client->fd);
		errno = code;
		return -1;
	}
	assert_int_equal(fcntl(client->fd, F_SETFL, O_NONBLOCK), 0);
	return 0;
}

void client_connect(struct client *client, struct kit *kit)
{
	struct sockaddr_in address;

	assert_int_equal(uv_ip4_addr("127.0.0.1",
	                             http_server_port(kit->server, 0),
	                             &address),
	                 0);
	assert_int_equal(client_connect_to(client, kit,
	                                   (struct sockaddr *)&address,
	                                   sizeof(address)),
	                 0);
}

void client_close(struct client *client)
{
	(void)close(client->fd);
	buf_fini(&client->in);
}

void client_abort(struct client *client)
{
	struct linger now = { .l_onoff = 1 };

	assert_int_equal(setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &now,
	                            sizeof(now)),
	                 0);
	client_close(client);
}

void client_end(struct client *client)
{
	assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
}

bool client_send_bytes(struct client *client, const char *bytes, size_t n)
{
	uint64_t end = deadline();

	while (n > 0) {
		ssize_t r = send(client->fd, bytes, n, MSG_NOSIGNAL);

		if (r < 0 && errno != EAGAIN)
			return false;
		if (r > 0) {
			bytes += r;
			n -= (size_t)r;
		}
		if (uv_hrtime() > end)
			fail_msg("the server does not read");
		(void)uv_run(&client->kit->loop.uv, UV_RUN_NOWAIT);
	}
	return true;
}

void client_send(struct client *client, const char *text)
{
	assert_true(client_send_bytes(client, text, strlen(text)));
}

void client_pump(struct client *client, size_t max)
{
	struct pollfd readable = { .fd = client->fd, .events = POLLIN };
	ssize_t n;

	(void)uv_run(&client->kit->loop.uv, UV_RUN_NOWAIT);
	if (client->ended || client->error)
		return;
	if (poll(&readable, 1, 1) == 0)
		return;
	max = MIN(max, (size_t)65536);
	assert_int_equal(buf_reserve(&client->in, max), 0);
	n = recv(client->fd, client->in.p + client->in.n, max, 0);
	if (n > 0) {
		client->in.n += (size_t)n;
		client->in.p[client->in.n] = '\0';
	} else if (n == 0) {
		client->ended = true;
	} else if (errno != EAGAIN) {
		client->error = errno;
	}
}

void client_await(struct client *client, size_t n_bytes)
{
	uint64_t end = deadline();

	while (client->in.n < n_bytes) {
		if (client->ended || client->error || uv_hrtime() > end)
			fail_msg("only %zu of %zu bytes came (ended %d, "
			         "error %d)",
			         client->in.n, n_bytes, client->ended,
			         client->error);
		client_pump(client, SIZE_MAX);
	}
}

void client_await_end(struct client *client)
{
	uint64_t end = deadline();

	while (!client->ended && !client->error) {
		if (uv_hrtime() > end)
			fail_msg("the server does not close");
		client_pump(client, SIZE_MAX);
	}
}

static void copy_header(char out[static 64], const struct http_message *message,
                        const char *name)
{
	struct slice value = http_message_header(message, name);

	(void)snprintf(out, 64, SLICE_FMT, (int)value.n,
	               value.p ? value.p : "");
}

static int on_head(void *context, const struct http_message *message)
{
	struct response *response = context;

	response->status = message->status;
	response->keep_alive = message->keep_alive;
	response->has_length = message->has_length;
	response->content_length = message->content_length;
	copy_header(response->content_type, message, "content-type");
	copy_header(response->date, message, "date");
	copy_header(response->extra, message, "x-extra");
	return 0;
}

static int on_body(void *context, struct slice bytes)
{
	struct response *response = context;

	return buf_append(&response->body, bytes.p, bytes.n);
}

static int on_complete(void *context)
{
	struct response *response = context;

	response->whole = true;
	return 0;
}

void client_response(struct client *client, struct response *response,
                     bool to_head)
{
	static const struct http_parser_callbacks callbacks = {
		.on_head = on_head,
		.on_body = on_body,
		.on_complete = on_complete,
	};
	struct http_parser *parser;
	uint64_t end = deadline();
	struct err err = { 0 };

	*response = (struct response){ 0 };
	buf_init(&response->body, 1u << 27);
	parser = http_parser_new(HTTP_PARSE_RESPONSE, &callbacks, response);
	assert_non_null(parser);
	http_parser_reset(parser, to_head, UINT64_MAX);
	while (!response->whole) {
		size_t used = 0;
		int r = http_parser_feed(parser, buf_slice(&client->in), &used,
		                         &err);

		buf_consume(&client->in, used);
		if (r == 0 && client->ended)
			r = http_parser_finish(parser, &err);
		if (r)
			fail_msg("bad response: %s", err.message);
		if (response->whole)
			break;
		if (client->ended || client->error || uv_hrtime() > end)
			fail_msg("no whole response (ended %d, error %d)",
			         client->ended, client->error);
		client_pump(client, SIZE_MAX);
	}
	http_parser_free(parser);
}

void response_fini(struct response *response)
{
	buf_fini(&response->body);
}

void client_ask(struct client *client, const char *request, uint16_t status,
                const char *body)
{
	struct response response;

	client_send(client, request);
	client_response(client, &response, false);
	if (response.status != status)
		fail_msg("%u instead of %u: %s", response.status, status,
		         buf_text(&response.body));
	if (body)
		assert_string_equal(buf_text(&response.body), body);
	response_fini(&response);
}
