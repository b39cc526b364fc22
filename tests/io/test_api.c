/* SPDX-License-Identifier: Apache-2.0 */
/* api: what its streams do over a real connection. */
#include "support/cmocka.h"
#include "http_server_kit.h"

#include <arpa/inet.h>
#include <string.h>
#include "api/routes.h"

/* A first piece, and then the monitors are others. */
static void write_until_reload(struct api_stream *stream, struct buf *out)
{
	static const char line[] = "metric 1\n";

	while (out->n < API_PIECE_SIZE)
		(void)buf_append(out, line, sizeof(line) - 1);
	stream->api->generation++;
}

static void handle(void *context, struct http_exchange *exchange)
{
	api_stream_respond(context, exchange, "text/plain", write_until_reload);
}

static void set_flag(void *context)
{
	*(bool *)context = true;
}

/* A reload in the middle of a long answer: nobody must take what was sent for
 * the whole. */
static void test_reload_cuts_a_stream_short(void **state)
{
	static const struct http_server_options options = { 0 };
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct http_server *server;
	struct client client;
	struct api api = { 0 };
	struct kit kit;
	struct err err;
	bool closed = false;

	kit_init(&kit);
	server = http_server_new(&kit.loop.uv, NULL, &options, handle, &api);
	assert_non_null(server);
	assert_int_equal(
		http_server_listen(server, slice_from("127.0.0.1:0"), &err), 0);
	address.sin_port = htons(http_server_port(server, 0));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(client_connect_to(&client, &kit,
	                                   (struct sockaddr *)&address,
	                                   sizeof(address)),
	                 0);

	client_send(&client, "GET / HTTP/1.1\r\nHost: x\r\n"
	                     "Connection: close\r\n\r\n");
	client_await_end(&client);
	assert_null(strstr(buf_text(&client.in), "\r\n0\r\n\r\n"));

	client_close(&client);
	http_server_close(server, 0, set_flag, &closed);
	test_loop_until(&kit.loop, &closed);
	kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reload_cuts_a_stream_short),
	};

	return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
