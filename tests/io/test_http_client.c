/* SPDX-License-Identifier: Apache-2.0 */
/* http_client: what it sends, what it makes of answers, what it keeps. */
#include "support/cmocka.h"
#include "io/http_client_kit.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define OK_4    OK_HEAD "Content-Length: 4\r\n\r\nbody"
#define CHUNKED OK_HEAD "Transfer-Encoding: chunked\r\n\r\n"

/* --- the request -------------------------------------------------------- */

static void test_request(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4),
		                                  PEER_SAYS(OK_4) };
	static const struct http_header headers[] = {
		{ { "Accept", 6 }, { "a/b", 3 } },
	};
	struct kit kit;
	struct kit_call call;
	char expected[512];

	kit_init(&kit, "127.0.0.1");
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));

	kit_get(&kit, &call);
	(void)snprintf(expected, sizeof(expected),
	               "GET /x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
	               "User-Agent: bouncer/" BOUNCER_VERSION "\r\n\r\n",
	               kit.peer.port);
	assert_string_equal(test_peer_received(&kit.peer), expected);
	test_peer_forget(&kit.peer);

	kit_prepare(&kit, &call, "POST");
	call.http.url.path = slice_from("/prefix");
	call.http.url.user = slice_from("me%40x:p%3Aw");
	call.http.headers = headers;
	call.http.n_headers = 1;
	call.http.body = slice_from("hello");
	kit_run(&kit, &call);
	assert_int_equal(call.http.status, 200);
	(void)snprintf(expected, sizeof(expected),
	               "POST /prefix/x HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
	               "User-Agent: bouncer/" BOUNCER_VERSION "\r\n"
	               "Authorization: Basic bWVAeDpwOnc=\r\n"
	               "Accept: a/b\r\nContent-Length: 5\r\n\r\nhello",
	               kit.peer.port);
	assert_string_equal(test_peer_received(&kit.peer), expected);
	kit_fini(&kit);
}

static void test_hosts(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4) };
	static const char *const addresses[] = { "unix", "::1" };

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct kit kit;
		struct kit_call call;
		char expected[64] = "Host: localhost\r\n";

		kit_init(&kit, addresses[i]);
		if (kit.peer.port)
			(void)snprintf(expected, sizeof(expected),
			               "Host: [::1]:%u\r\n", kit.peer.port);
		test_peer_script(&kit.peer, steps, 1);
		kit_get(&kit, &call);
		kit_expect(&call, 200, "body");
		if (!strstr(test_peer_received(&kit.peer), expected))
			fail_msg("%s", test_peer_received(&kit.peer));
		kit_fini(&kit);
	}
}

static void test_bad_requests(void **state)
{
	static const struct http_header split = { { "A", 1 },
		                                  { "b\r\nC: d", 7 } };
	static const struct http_header ours = { { "host", 4 }, { "b", 1 } };
	static const struct http_header empty = { { "", 0 }, { "b", 1 } };
	static const struct {
		const char *method;
		const char *target;
		const struct http_header *header;
		const char *user;
		const char *message;
	} rows[] = {
		{ "GET x", "/", NULL, "", "not a method of HTTP" },
		{ "", "/", NULL, "", "not a method of HTTP" },
		{ "GET", "", NULL, "",
		  "the target must start with '/' and have everything unusual "
		  "written as %XX" },
		{ "GET", "/ HTTP/1.1\r\n", NULL, "",
		  "the target must start with '/' and have everything unusual "
		  "written as %XX" },
		{ "GET", "/", &split, "",
		  "header 1 holds bytes that a header cannot hold" },
		{ "GET", "/", &empty, "",
		  "header 1 holds bytes that a header cannot hold" },
		{ "GET", "/", &ours, "", "Host is set by the client itself" },
		{ "GET", "/", NULL, "a%",
		  "the user in the URL has a '%' without two hexadecimal "
		  "digits" },
	};
	struct kit kit;

	kit_init(&kit, "unix");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_call call;
		char expected[256];

		kit_prepare(&kit, &call, rows[i].method);
		call.http.target = slice_from(rows[i].target);
		call.http.url.user = slice_from(rows[i].user);
		call.http.headers = rows[i].header;
		call.http.n_headers = rows[i].header ? 1 : 0;
		assert_int_equal(
			http_client_call(kit.client, &call.http, kit_on_done),
			-EINVAL);
		(void)snprintf(expected, sizeof(expected), "%s: %s",
		               kit.peer.url, rows[i].message);
		assert_string_equal(call.http.err.message, expected);
		assert_int_equal(call.n_done, 0);
	}
	kit_fini(&kit);
}

/* --- answers ------------------------------------------------------------ */

struct row {
	struct peer_step step;
	const char *method; /* NULL: GET */
	const char *body;
	unsigned status;
	int code;
	const char *message; /* after "URL: " */
	bool kept;
};

static void check_row(const char *address, const struct row *row, size_t piece)
{
	struct peer_step step = row->step;
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, address);
	step.piece = piece;
	test_peer_script(&kit.peer, &step, 1);
	kit_prepare(&kit, &call, row->method ? row->method : "GET");
	kit_run(&kit, &call);

	if (call.http.err.code != row->code || call.http.status != row->status)
		fail_msg("%s\n%u: %d (%s)", row->step.answer, call.http.status,
		         call.http.err.code, call.http.err.message);
	assert_string_equal(call.body.p, row->body);
	assert_int_equal(call.http.n_received, strlen(row->body));
	if (row->message) {
		char expected[ERR_MESSAGE_SIZE];

		(void)snprintf(expected, sizeof(expected), "%s: %s",
		               kit.peer.url, row->message);
		assert_string_equal(call.http.err.message, expected);
	} else {
		assert_string_equal(call.http.err.message, "");
	}
	kit_until_idle(&kit, row->kept);
	kit_fini(&kit);
}

static void test_answers(void **state)
{
	static const struct row rows[] = {
		{ PEER_SAYS(OK_4), NULL, "body", 200, 0, NULL, true },
		{ PEER_SAYS_THEN(OK_4, PEER_CLOSE), NULL, "body", 200, 0, NULL,
		  false },
		{ PEER_SAYS_THEN(OK_4, PEER_HALF_CLOSE), NULL, "body", 200, 0,
		  NULL, false },
		{ PEER_SAYS(OK_HEAD
		            "Connection: close\r\nContent-Length: 1\r\n\r\nx"),
		  NULL, "x", 200, 0, NULL, false },
		{ PEER_SAYS_THEN(OK_HEAD "\r\nto the end", PEER_CLOSE), NULL,
		  "to the end", 200, 0, NULL, false },
		{ PEER_SAYS_THEN(OK_HEAD "\r\nto the end", PEER_HALF_CLOSE),
		  NULL, "to the end", 200, 0, NULL, false },
		{ PEER_SAYS(CHUNKED
		            "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u\r\n\r\n"),
		  NULL, "abc", 200, 0, NULL, true },
		{ PEER_SAYS("HTTP/1.1 204 No\r\n\r\n"), NULL, "", 204, 0, NULL,
		  true },
		{ PEER_SAYS("HTTP/1.1 304 No\r\nContent-Length: 7\r\n\r\n"),
		  NULL, "", 304, 0, NULL, true },
		{ PEER_SAYS(OK_HEAD "Content-Length: 7\r\n\r\n"), "HEAD", "",
		  200, 0, NULL, true },
		{ PEER_SAYS("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"),
		  NULL, "no", 500, 0, NULL, true },
		/* interim answers */
		{ PEER_SAYS("HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 x\r\nA: "
		            "b\r\n\r\n" OK_4),
		  NULL, "body", 200, 0, NULL, true },
		{ PEER_SAYS("HTTP/1.1 100 Go\r\nContent-Length: "
		            "2\r\n\r\nxx" OK_4),
		  NULL, "", 0, HTTP_E_BAD_MESSAGE,
		  "head: not valid HTTP: Expected HTTP/", false },
		{ PEER_SAYS_THEN("HTTP/1.1 100 Go\r\n\r\n", PEER_CLOSE), NULL,
		  "", 0, UV_EOF, "head: the peer closed without an answer",
		  false },
		{ PEER_SAYS("HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: "
		            "x\r\n\r\n"
		            "x"),
		  NULL, "", 101, HTTP_E_BAD_MESSAGE,
		  "head: the peer switched to a protocol that was not asked "
		  "for",
		  false },
		/* cut off */
		{ PEER_SAYS_THEN(NULL, PEER_CLOSE), NULL, "", 0, UV_EOF,
		  "head: the peer closed without an answer", false },
		{ PEER_SAYS_THEN(NULL, PEER_HALF_CLOSE), NULL, "", 0, UV_EOF,
		  "head: the peer closed without an answer", false },
		{ PEER_SAYS_THEN("HTTP/1.1 200", PEER_CLOSE), NULL, "", 0,
		  HTTP_E_TRUNCATED,
		  "head: the peer closed in the middle of the head", false },
		{ PEER_SAYS_THEN(OK_HEAD "Content-Length: 4\r\n\r\nbo",
		                 PEER_CLOSE),
		  NULL, "bo", 200, HTTP_E_TRUNCATED,
		  "body: the peer closed in the middle of the body", false },
		{ PEER_SAYS_THEN(CHUNKED "2\r\nab\r\n", PEER_CLOSE), NULL, "ab",
		  200, HTTP_E_TRUNCATED,
		  "body: the peer closed in the middle of the body", false },
		/* not what it should be */
		{ PEER_SAYS(CHUNKED "2\r\nab\r\nx"), NULL, "ab", 200,
		  HTTP_E_BAD_MESSAGE,
		  "body: not valid HTTP: Invalid character in chunk size",
		  false },
		{ PEER_SAYS("<html>"), NULL, "", 0, HTTP_E_BAD_MESSAGE,
		  "head: not valid HTTP: Expected HTTP/", false },
		{ PEER_SAYS(OK_HEAD "Content-Length: 101\r\n\r\n"), NULL, "",
		  200, HTTP_E_BODY_TOO_LARGE,
		  "body: the body is too large (limit 100)", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_row("unix", &rows[i], 0);
		check_row("unix", &rows[i], 1);
		check_row("127.0.0.1", &rows[i], 0);
	}
}

static void test_more_than_the_answer(void **state)
{
	static const struct row row = {
		PEER_SAYS(OK_4 "more"), NULL, "body", 200, 0, NULL, false
	};

	check_row("unix", &row, 0);
}

/* The reset comes with the last bytes, or alone. */
static void test_reset_in_the_body(void **state)
{
	static const struct row row = { PEER_SAYS_THEN(OK_HEAD "\r\nhalf of it",
		                                       PEER_RESET),
		                        NULL,
		                        "half of it",
		                        200,
		                        UV_ECONNRESET,
		                        "body: connection reset by peer",
		                        false };
	struct peer_step step = row.step;
	struct kit_call call;
	struct kit kit;

	check_row("127.0.0.1", &row, 0);

	step.then = PEER_KEEP;
	kit_init(&kit, "127.0.0.1");
	test_peer_script(&kit.peer, &step, 1);
	kit_prepare(&kit, &call, "GET");
	kit_start(&kit, &call);
	kit_until_received(&kit, &call, strlen(row.body));
	test_peer_reset(&kit.peer);
	kit_wait(&kit, &call);
	assert_int_equal(call.http.err.code, UV_ECONNRESET);
	kit_fini(&kit);
}

static void test_too_many_interim_answers(void **state)
{
	struct peer_step step = { 0 };
	struct kit_call call;
	struct kit kit;
	struct buf text;

	buf_init(&text, 4096);
	for (int i = 0; i <= HTTP_CLIENT_MAX_INTERIM; i++)
		(void)buf_puts(&text, "HTTP/1.1 102 Wait\r\n\r\n");
	(void)buf_puts(&text, OK_4);
	kit_init(&kit, "unix");
	step.answer = buf_text(&text);
	test_peer_script(&kit.peer, &step, 1);
	kit_get(&kit, &call);
	assert_int_equal(call.http.err.code, HTTP_E_BAD_MESSAGE);
	assert_non_null(strstr(call.http.err.message,
	                       "head: more than 16 interim answers"));
	kit_fini(&kit);
	buf_fini(&text);
}

/* The peer refuses while it does not even read what it is sent. */
static void test_answer_before_the_request_is_written(void **state)
{
	static const struct peer_step steps[] = {
		{ .answer = "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno",
		  .at_accept = true,
		  .deaf = true },
	};
	static char big[4 << 20];
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "127.0.0.1");
	test_peer_script(&kit.peer, steps, 1);
	kit_prepare(&kit, &call, "PUT");
	call.http.body = slice_make(big, sizeof(big));
	kit_run(&kit, &call);
	kit_expect(&call, 413, "no");
	assert_int_equal(kit_n_idle(&kit), 0);
	kit_fini(&kit);
}

static int refuse_head(struct http_call *call,
                       const struct http_message *message)
{
	return message->status == 200 ? -EPERM : 0;
}

static int refuse_body(struct http_call *call, struct slice bytes)
{
	return 77;
}

static void test_ended_by_its_reader(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4),
		                                  PEER_SAYS(OK_4) };
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));
	kit_prepare(&kit, &call, "GET");
	call.http.on_head = refuse_head;
	kit_run(&kit, &call);
	assert_int_equal(call.http.err.code, -EPERM);
	assert_non_null(
		strstr(call.http.err.message, ": body: ended by its reader"));
	assert_int_equal(call.body.n, 0);

	kit_prepare(&kit, &call, "GET");
	call.http.on_body = refuse_body;
	kit_run(&kit, &call);
	assert_int_equal(call.http.err.code, 77);
	assert_int_equal(kit_n_idle(&kit), 0);
	kit_fini(&kit);
}

/* --- what is kept ------------------------------------------------------- */

static void test_reuse(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS(OK_4), PEER_SAYS(OK_4), PEER_SAYS(OK_4),
		PEER_SAYS(OK_4), PEER_SAYS(OK_4)
	};
	static const struct {
		const char *method;
		bool fresh;
		unsigned n_accepted; /* afterwards */
		size_t n_idle;
	} rows[] = {
		{ "GET", false, 1, 1 },  { "PUT", false, 1, 1 },
		{ "POST", false, 2, 2 }, /* never on a kept one */
		{ "GET", false, 2, 2 },  { "GET", true, 3, 3 },
	};
	struct kit kit;

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_call call;

		kit_prepare(&kit, &call, rows[i].method);
		call.http.fresh = rows[i].fresh;
		kit_run(&kit, &call);
		kit_expect(&call, 200, "body");
		assert_int_equal(kit.peer.n_accepted, rows[i].n_accepted);
		assert_int_equal(kit_n_idle(&kit), rows[i].n_idle);
	}
	kit_fini(&kit);
}

static void test_kept_connection_ends(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4),
		                                  PEER_SAYS(OK_4) };
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));
	kit_get(&kit, &call);
	assert_int_equal(kit_n_idle(&kit), 1);
	test_peer_hang_up(&kit.peer);
	kit_until_idle(&kit, 0); /* dropped at once, not when it is needed */
	kit_get(&kit, &call);
	kit_expect(&call, 200, "body");
	assert_int_equal(kit.peer.n_accepted, 2);
	kit_fini(&kit);
}

/* Answers, and says something more when nobody has asked. */
static void test_kept_connection_speaks(void **state)
{
	static const struct peer_step steps[] = {
		{ .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
		            "HTTP/1.1 408 Late\r\n\r\n",
		  .piece = 38 }, /* up to the end of the answer */
	};
	struct kit_call call;
	struct kit kit;

	assert_int_equal(strcspn(steps[0].answer, "\n"), 16);
	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));
	kit_get(&kit, &call);
	kit_expect(&call, 200, "");
	kit_until_idle(&kit, 0);
	kit_fini(&kit);
}

static void test_kept_connection_expires(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4) };
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));
	kit_get(&kit, &call);
	assert_int_equal(kit_n_idle(&kit), 1);
	kit_expire(&kit);
	kit_until_idle(&kit, 0);
	kit_fini(&kit);
}

/* The peer closes the kept connection just when the next request comes. */
static void test_replaced_once(void **state)
{
	static const struct peer_step good[] = {
		PEER_SAYS(OK_4), PEER_SAYS_THEN(NULL, PEER_CLOSE),
		PEER_SAYS(OK_4)
	};
	static const struct peer_step bad[] = {
		PEER_SAYS(OK_4), PEER_SAYS_THEN(NULL, PEER_CLOSE),
		PEER_SAYS_THEN(NULL, PEER_CLOSE), PEER_SAYS(OK_4)
	};
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, good, ARRAY_SIZE(good));
	kit_get(&kit, &call);
	kit_get(&kit, &call);
	kit_expect(&call, 200, "body");
	assert_int_equal(kit.peer.n_accepted, 2);
	kit_fini(&kit);

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, bad, ARRAY_SIZE(bad));
	kit_get(&kit, &call);
	kit_get(&kit, &call);
	assert_int_equal(call.http.err.code, UV_EOF);
	assert_int_equal(kit.peer.n_steps_done, 3);
	kit_fini(&kit);
}

static void test_half_an_answer_is_not_repeated(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS(OK_4), PEER_SAYS_THEN("HTTP", PEER_CLOSE),
		PEER_SAYS(OK_4)
	};
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));
	kit_get(&kit, &call);
	kit_get(&kit, &call);
	assert_int_equal(call.http.err.code, HTTP_E_TRUNCATED);
	assert_int_equal(kit.peer.n_steps_done, 2);
	kit_fini(&kit);
}

static void test_pool_is_bounded(void **state)
{
	struct peer_step steps[HTTP_CLIENT_MAX_IDLE + 3];
	struct kit_call calls[ARRAY_SIZE(steps)];
	struct kit kit;

	kit_init(&kit, "unix");
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		steps[i] = (struct peer_step)PEER_SAYS(OK_4);
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		kit_prepare(&kit, &calls[i], "GET");
		kit_start(&kit, &calls[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		kit_wait(&kit, &calls[i]);
		kit_expect(&calls[i], 200, "body");
	}
	assert_int_equal(kit.peer.n_accepted, ARRAY_SIZE(steps));
	assert_int_equal(kit_n_idle(&kit), HTTP_CLIENT_MAX_IDLE);
	kit_fini(&kit);
}

/* --- from inside a completion ------------------------------------------- */

static void on_done_again(struct http_call *http)
{
	struct kit_call *call = container_of(http, struct kit_call, http);

	if (++call->n_done < 3)
		assert_int_equal(http_client_call(call->kit->client, http,
		                                  on_done_again),
		                 0);
}

static void test_next_call_from_the_completion(void **state)
{
	static const struct peer_step steps[] = { PEER_SAYS(OK_4),
		                                  PEER_SAYS(OK_4),
		                                  PEER_SAYS(OK_4) };
	struct kit_call call;
	struct kit kit;

	kit_init(&kit, "unix");
	test_peer_script(&kit.peer, steps, ARRAY_SIZE(steps));
	kit_prepare(&kit, &call, "GET");
	assert_int_equal(
		http_client_call(kit.client, &call.http, on_done_again), 0);
	while (call.n_done < 3)
		(void)uv_run(&kit.loop.uv, UV_RUN_ONCE);
	kit_expect(&call, 200, "bodybodybody");
	assert_int_equal(kit.peer.n_accepted, 1);
	kit_fini(&kit);
}

static void on_done_close(struct http_call *http)
{
	struct kit_call *call = container_of(http, struct kit_call, http);

	call->n_done++;
	kit_close_client(call->kit);
}

static void test_close_from_the_completion(void **state)
{
	static const struct peer_step kept[] = { PEER_SAYS(OK_4) };
	static const struct peer_step closed[] = { PEER_SAYS_THEN(NULL,
		                                                  PEER_CLOSE) };
	static const struct peer_step *const scripts[] = { kept, closed };

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct kit_call call;
		struct kit kit;

		kit_init(&kit, "unix");
		test_peer_script(&kit.peer, scripts[i], 1);
		kit_prepare(&kit, &call, "GET");
		assert_int_equal(
			http_client_call(kit.client, &call.http, on_done_close),
			0);
		kit_wait_closed(&kit);
		assert_int_equal(call.n_done, 1);
		kit_fini(&kit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_more_than_the_answer),
		cmocka_unit_test(test_reset_in_the_body),
		cmocka_unit_test(test_too_many_interim_answers),
		cmocka_unit_test(test_answer_before_the_request_is_written),
		cmocka_unit_test(test_ended_by_its_reader),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_kept_connection_ends),
		cmocka_unit_test(test_kept_connection_speaks),
		cmocka_unit_test(test_kept_connection_expires),
		cmocka_unit_test(test_replaced_once),
		cmocka_unit_test(test_half_an_answer_is_not_repeated),
		cmocka_unit_test(test_pool_is_bounded),
		cmocka_unit_test(test_next_call_from_the_completion),
		cmocka_unit_test(test_close_from_the_completion),
	};

	return cmocka_run_group_tests_name("http client", tests, NULL, NULL);
}
