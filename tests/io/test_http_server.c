/* SPDX-License-Identifier: Apache-2.0 */
/* What the server says to requests, good and bad, however they arrive. */
#include "support/cmocka.h"
#include "http_server_kit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HELLO "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"
#define HOLD  "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n"
#define POST  "POST /echo HTTP/1.1\r\nHost: x\r\n"

static struct kit kit;

static int set_up(void **state)
{
	(void)state;
	kit_init(&kit);
	kit_start(&kit);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kit_fini(&kit);
	return 0;
}

/* --- answers ------------------------------------------------------------------- */

static void answers_and_keeps_the_connection(void **state)
{
	struct client client;
	struct response response;
	struct tm tm = { 0 };

	(void)state;
	client_connect(&client, &kit);
	for (int i = 0; i < 3; i++) {
		client_send(&client, HELLO);
		client_response(&client, &response, false);
		assert_int_equal(response.status, 200);
		assert_true(response.keep_alive);
		assert_true(response.has_length);
		assert_string_equal(response.content_type,
		                    "text/plain; charset=utf-8");
		assert_string_equal(buf_text(&response.body), "hello\n");
		assert_non_null(strptime(response.date,
		                         "%a, %d %b %Y %H:%M:%S GMT", &tm));
		assert_true(llabs((long long)timegm(&tm) - time(NULL)) < 5);
		response_fini(&response);
	}
	assert_int_equal(http_server_n_connections(kit.server), 1);
	client_close(&client);
	kit_await_connections(&kit, 0);
}

static void the_head_is_exact(void **state)
{
	struct client client;
	char *date;

	(void)state;
	client_connect(&client, &kit);
	client_send(&client, HELLO);
	client_await(&client, 1);
	date = strstr(client.in.p, "Date: ");
	assert_non_null(date);
	memset(date + 6, '#', 29);
	assert_string_equal(client.in.p,
	                    "HTTP/1.1 200 OK\r\n"
	                    "Date: #############################\r\n"
	                    "Server: bouncer\r\n"
	                    "Content-Type: text/plain; charset=utf-8\r\n"
	                    "Content-Length: 6\r\n"
	                    "\r\n"
	                    "hello\n");
	client_close(&client);
}

static void shows_method_path_and_query(void **state)
{
	static const struct row {
		const char *line;
		const char *shown;
	} rows[] = {
		{ "GET /show", "GET /show \n" },
		{ "POST /show?", "POST /show \n" },
		{ "PUT /show?a=b?c&d=%20", "PUT /show a=b?c&d=%20\n" },
		{ "DELETE http://any.where:80/show?q", "DELETE /show q\n" },
		{ "GET HTTPS://any.where/show", "GET /show \n" },
	};
	struct client client;

	(void)state;
	client_connect(&client, &kit);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char request[200];

		(void)snprintf(request, sizeof(request),
		               "%s HTTP/1.1\r\nHost: x\r\n\r\n", rows[i].line);
		client_ask(&client, request, 200, rows[i].shown);
	}
	client_ask(&client, "GET http://any.where HTTP/1.1\r\nHost: x\r\n\r\n",
	           404, NULL);
	client_ask(&client, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404, NULL);
	client_close(&client);
}

static void takes_bodies(void **state)
{
	struct client client;
	struct response response;

	(void)state;
	client_connect(&client, &kit);
	client_ask(&client,
	           "POST /echo HTTP/1.1\r\nHost: x\r\n"
	           "Content-Length: 5\r\n\r\n12345",
	           200, "12345");
	client_ask(&client,
	           "POST /echo HTTP/1.1\r\nHost: x\r\n"
	           "Transfer-Encoding: chunked\r\n\r\n"
	           "3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n",
	           200, "abcde");
	client_ask(&client, "POST /echo HTTP/1.1\r\nHost: x\r\n\r\n", 200, "");
	client_send(&client, "GET /echo HTTP/1.1\r\nHost: x\r\n"
	                     "Content-Length: 1\r\n\r\nx");
	client_response(&client, &response, false);
	assert_string_equal(response.extra, "echo");
	response_fini(&response);
	client_close(&client);
}

static void head_has_the_length_but_no_body(void **state)
{
	struct client client;
	struct response response;

	(void)state;
	client_connect(&client, &kit);
	client_send(&client, "HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	client_response(&client, &response, true);
	assert_int_equal(response.status, 200);
	assert_int_equal(response.content_length, 6);
	response_fini(&response);

	client_send(&client, "HEAD /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	client_response(&client, &response, true);
	assert_int_equal(response.status, 200);
	assert_int_equal(kit.n_producing, 0);
	response_fini(&response);

	client_ask(&client, "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n", 204, "");
	client_ask(&client, "GET /same HTTP/1.1\r\nHost: x\r\n\r\n", 304, "");
	client_ask(&client, HELLO, 200, "hello\n");
	client_close(&client);
}

static void streams_in_chunks(void **state)
{
	struct client client;
	struct response response;

	(void)state;
	client_connect(&client, &kit);
	client_send(&client, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
	client_response(&client, &response, false);
	assert_false(response.has_length);
	assert_true(response.keep_alive);
	assert_string_equal(buf_text(&response.body),
	                    "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
	response_fini(&response);
	assert_int_equal(kit.n_producing, 0);
	client_ask(&client, HELLO, 200, "hello\n");
	client_close(&client);
}

static void a_failed_answer_is_not_a_good_one(void **state)
{
	struct client client;

	(void)state;
	client_connect(&client, &kit);
	client_ask(&client, "GET /broken HTTP/1.1\r\nHost: x\r\n\r\n", 500,
	           "the answer could not be made\n");

	/* three pieces, and no end */
	client_send(&client, "GET /cut HTTP/1.1\r\nHost: x\r\n\r\n");
	client_await_end(&client);
	assert_non_null(strstr(client.in.p, "2\r\n2\n\r\n"));
	assert_null(strstr(client.in.p, "0\r\n\r\n"));
	client_close(&client);
}

/* --- HTTP/1.0, and connections that end -------------------------------------------- */

static void speaks_http_1_0(void **state)
{
	struct client client;
	struct response response;

	(void)state;
	client_connect(&client, &kit);
	client_send(&client,
	            "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_response(&client, &response, false);
	assert_string_equal(buf_text(&response.body), "hello\n");
	response_fini(&response);

	client_ask(&client, "GET /hello HTTP/1.0\r\n\r\n", 200, "hello\n");
	client_await_end(&client);
	assert_true(client.ended);
	client_close(&client);

	/* no chunks: the body lasts until the connection ends */
	client_connect(&client, &kit);
	client_send(&client,
	            "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_await_end(&client);
	client_response(&client, &response, false);
	assert_false(response.keep_alive);
	assert_string_equal(buf_text(&response.body),
	                    "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
	response_fini(&response);
	client_close(&client);
}

static void closes_when_asked_to(void **state)
{
	struct client client;
	struct response response;

	(void)state;
	client_connect(&client, &kit);
	client_send(&client, "GET /hello HTTP/1.1\r\nHost: x\r\n"
	                     "Connection: close\r\n\r\n" HELLO);
	client_response(&client, &response, false);
	assert_false(response.keep_alive);
	response_fini(&response);
	client_await_end(&client);
	assert_true(client.ended); /* and not reset by what came after */
	assert_int_equal(client.in.n, 0);
	assert_int_equal(kit.n_handled, 1);
	client_close(&client);
}

static void half_closed_clients_get_their_answer(void **state)
{
	struct client client;

	(void)state;
	client_connect(&client, &kit);
	client_send(&client, HOLD);
	client_end(&client);
	kit_await_count(&kit, &kit.n_held, 1);
	test_loop_for(&kit.loop, 20);
	kit_release(&kit);
	client_ask(&client, "", 200, "released\n");
	client_await_end(&client);
	assert_true(client.ended);
	client_close(&client);
}

/* --- however the bytes come ----------------------------------------------------------- */

static void byte_by_byte(void **state)
{
	static const char request[] = "\r\nPOST /echo HTTP/1.1\r\nHost: x\r\n"
				      "Transfer-Encoding: chunked\r\n\r\n"
				      "3\r\nabc\r\nA\r\n0123456789\r\n"
				      "0\r\n\r\n";
	struct client client;

	(void)state;
	client_connect(&client, &kit);
	for (int i = 0; i < 2; i++) {
		for (const char *p = request; *p; p++) {
			assert_true(client_send_bytes(&client, p, 1));
			assert_int_equal(client.in.n, 0);
		}
		client_ask(&client, "", 200, "abc0123456789");
	}
	client_close(&client);
}

static void pipelined_requests_wait_their_turn(void **state)
{
	struct client client;

	(void)state;
	client_connect(&client, &kit);
	client_send(&client, HELLO HOLD HELLO HOLD HELLO);
	client_ask(&client, "", 200, "hello\n");
	kit_await_count(&kit, &kit.n_held, 1);
	test_loop_for(&kit.loop, 20);
	client_pump(&client, SIZE_MAX);
	assert_int_equal(client.in.n, 0);
	assert_int_equal(kit.n_handled, 2);

	kit_release(&kit);
	client_ask(&client, "", 200, "released\n");
	client_ask(&client, "", 200, "hello\n");
	kit_await_count(&kit, &kit.n_held, 1);
	assert_int_equal(kit.n_handled, 4);

	client_send(&client, HELLO); /* waits in the socket */
	kit_release(&kit);
	client_ask(&client, "", 200, "released\n");
	client_ask(&client, "", 200, "hello\n");
	client_ask(&client, "", 200, "hello\n");
	client_close(&client);
}

static void a_thousand_pipelined(void **state)
{
	const char *const kinds[] = {
		HELLO,
		"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n",
		POST "Content-Length: 3\r\n\r\nabc",
	};
	const char *const bodies[] = { "hello\n",
		                       "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n",
		                       "abc" };
	struct client client;
	struct buf requests;

	(void)state;
	buf_init(&requests, 1u << 20);
	for (int i = 0; i < 1000; i++)
		(void)buf_puts(&requests, kinds[i % 3]);
	client_connect(&client, &kit);
	client_send(&client, buf_text(&requests));
	for (int i = 0; i < 1000; i++)
		client_ask(&client, "", 200, bodies[i % 3]);
	assert_int_equal(kit.n_handled, 1000);
	buf_fini(&requests);
	client_close(&client);
}

static void expect_continue(void **state)
{
	static const char head[] = "POST /echo HTTP/1.1\r\nHost: x\r\n"
				   "Expect: 100-continue\r\n"
				   "Content-Length: 4\r\n\r\n";
	struct client client;
	char both[200];

	(void)state;
	client_connect(&client, &kit);
	client_send(&client, head);
	client_await(&client, 25);
	assert_string_equal(client.in.p, "HTTP/1.1 100 Continue\r\n\r\n");
	buf_reset(&client.in);
	client_ask(&client, "body", 200, "body");

	/* who does not wait is not asked */
	(void)snprintf(both, sizeof(both), "%s%s", head, "body");
	client_ask(&client, both, 200, "body");
	client_close(&client);

	/* what is too large is not asked for */
	client_connect(&client, &kit);
	client_ask(&client,
	           "POST /echo HTTP/1.1\r\nHost: x\r\n"
	           "Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n",
	           413, NULL);
	client_await_end(&client);
	client_close(&client);
}

/* --- what is wrong ------------------------------------------------------------------------ */

static void bad_requests_are_told_what_is_wrong(void **state)
{
	static const struct row {
		uint16_t status;
		const char *request;
	} rows[] = {
		{ 400, "RUBBISH\r\n\r\n" },
		{ 400, "\x16\x03\x01\x02" },
		{ 400, "GET /hello HTTP/1.1\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\nHost: x\n\n" },
		{ 400, "GET /hello HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n" },
		{ 400, POST "Content-Length: -1\r\n\r\n" },
		{ 400, POST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n" },
		{ 400, POST "Content-Length: 1\r\n"
		            "Transfer-Encoding: chunked\r\n\r\n" },
		{ 400, POST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n" },
		{ 411, "POST /echo HTTP/1.0\r\n\r\n" },
		{ 413, POST "Content-Length: 100001\r\n\r\n" },
		{ 413, POST "Transfer-Encoding: chunked\r\n\r\n186a1\r\n" },
		{ 417, POST "Expect: miracles\r\nContent-Length: 1\r\n\r\n" },
		{ 501, POST "Transfer-Encoding: gzip, chunked\r\n\r\n" },
		{ 505, "GET /hello HTTP/3.0\r\nHost: x\r\n\r\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct client client;
		struct response response;

		client_connect(&client, &kit);
		client_send(&client, rows[i].request);
		client_response(&client, &response, false);
		if (response.status != rows[i].status)
			fail_msg("%u instead of %u for %s", response.status,
			         rows[i].status, rows[i].request);
		assert_false(response.keep_alive);
		assert_true(response.body.n > 1);
		response_fini(&response);
		client_await_end(&client);
		assert_true(client.ended);
		client_close(&client);
	}
	assert_int_equal(kit.n_handled, 0);
}

/* @n times @c, between two texts. */
static void send_long(struct client *client, const char *before, char c,
                      size_t n, const char *after)
{
	char *middle = malloc(n);

	assert_non_null(middle);
	memset(middle, c, n);
	/* the server may have said no in the meantime */
	if (client_send_bytes(client, before, strlen(before)) &&
	    client_send_bytes(client, middle, n))
		(void)client_send_bytes(client, after, strlen(after));
	free(middle);
}

static void too_long_is_said(void **state)
{
	static const struct row {
		uint16_t status;
		const char *before;
		size_t n;
		const char *after;
	} rows[] = {
		{ 404, "GET /", HTTP_MAX_TARGET - 1,
		  " HTTP/1.1\r\nHost: x\r\n\r\n" },
		{ 414, "GET /", HTTP_MAX_TARGET,
		  " HTTP/1.1\r\nHost: x\r\n\r\n" },
		{ 414, "GET /", 1000000, "" },
		{ 200, "GET /hello HTTP/1.1\r\nHost: x\r\nA: ",
		  HTTP_MAX_HEAD - 50, "\r\n\r\n" },
		{ 431, "GET /hello HTTP/1.1\r\nHost: x\r\nA: ", HTTP_MAX_HEAD,
		  "\r\n\r\n" },
		{ 431, "GET /hello HTTP/1.1\r\nHost: x\r\nA: ", 1000000, "" },
		{ 200,
		  "PUT /echo HTTP/1.1\r\nHost: x\r\n"
		  "Content-Length: 100000\r\n\r\n",
		  100000, "" },
		{ 413,
		  "PUT /echo HTTP/1.1\r\nHost: x\r\n"
		  "Content-Length: 1000000\r\n\r\n",
		  1000000, "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct client client;

		client_connect(&client, &kit);
		send_long(&client, rows[i].before, 'a', rows[i].n,
		          rows[i].after);
		client_ask(&client, "", rows[i].status, NULL);
		client_close(&client);
	}
}

static void too_many_headers(void **state)
{
	struct client client;
	struct buf request;

	(void)state;
	buf_init(&request, 10000);
	(void)buf_puts(&request, "GET /hello HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < HTTP_MAX_HEADERS; i++)
		(void)buf_printf(&request, "A%d: b\r\n", i);
	(void)buf_puts(&request, "\r\n");
	client_connect(&client, &kit);
	client_ask(&client, buf_text(&request), 431, NULL);
	buf_fini(&request);
	client_close(&client);
}

static void a_request_cut_short(void **state)
{
	static const char *const requests[] = {
		"GET /hello HT",
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: "
		"9\r\n\r\nhalf",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct client client;

		client_connect(&client, &kit);
		client_send(&client, requests[i]);
		client_end(&client);
		client_ask(&client, "", 400, NULL);
		client_await_end(&client);
		client_close(&client);
	}
	assert_int_equal(kit.n_handled, 0);
}

static void bytes_after_an_error_do_not_reset(void **state)
{
	struct client client;
	char rubbish[5000];

	(void)state;
	memset(rubbish, 'x', sizeof(rubbish));
	client_connect(&client, &kit);
	client_send(&client, "PUT /echo HTTP/1.1\r\nHost: x\r\n"
	                     "Content-Length: 5000000\r\n\r\n");
	for (int i = 0; i < 100; i++)
		(void)client_send_bytes(&client, rubbish, sizeof(rubbish));
	client_ask(&client, "", 413, NULL);
	client_end(&client);
	client_await_end(&client);
	assert_true(client.ended);
	kit_await_connections(&kit, 0);
	client_close(&client);
}

static void empty_lines_are_not_a_request(void **state)
{
	struct client client;

	(void)state;
	client_connect(&client, &kit);
	client_send(&client, "\r\n\r\n");
	client_ask(&client, HELLO "\r\n", 200, "hello\n");
	client_ask(&client, HELLO, 200, "hello\n");
	client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers_and_keeps_the_connection),
		TEST(the_head_is_exact),
		TEST(shows_method_path_and_query),
		TEST(takes_bodies),
		TEST(head_has_the_length_but_no_body),
		TEST(streams_in_chunks),
		TEST(a_failed_answer_is_not_a_good_one),
		TEST(speaks_http_1_0),
		TEST(closes_when_asked_to),
		TEST(half_closed_clients_get_their_answer),
		TEST(byte_by_byte),
		TEST(pipelined_requests_wait_their_turn),
		TEST(a_thousand_pipelined),
		TEST(expect_continue),
		TEST(bad_requests_are_told_what_is_wrong),
		TEST(too_long_is_said),
		TEST(too_many_headers),
		TEST(a_request_cut_short),
		TEST(bytes_after_an_error_do_not_reset),
		TEST(empty_lines_are_not_a_request),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
}
