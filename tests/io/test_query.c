/* SPDX-License-Identifier: Apache-2.0 */
/* A query as a source: what is published for every kind of answer. */
#include "support/cmocka.h"
#include "query_kit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"

/* --- good readings ------------------------------------------------------ */

static void test_values(void **state)
{
	struct query_kit kit;

	query_kit_init(&kit);
	query_kit_say(&kit, 0, OK, GOOD);
	query_kit_say(&kit, 0, OK,
	              VECTOR(SERIES("\"b\":\"1\",\"a\":\"2\"",
	                            "NaN") "," SERIES("", "2")));
	query_kit_say(&kit, 0, OK, VECTOR(""));
	query_kit_say(&kit, 0, OK,
	              "{\"status\":\"success\",\"data\":{\"resultType\":"
	              "\"scalar\",\"result\":[1.5,\"-Inf\"]},\"warnings\":["
	              "\"w\"]}");
	query_kit_start(&kit);
	query_kit_wait(&kit);
	assert_string_equal(kit.detail, "");
	assert_int_equal(kit.n, 1);
	assert_true(kit.value == 1.5);
	assert_string_equal(kit.labels, "job=a,");
	query_kit_wait(&kit);
	assert_int_equal(kit.n, 2);
	assert_true(isnan(kit.value));
	assert_string_equal(kit.labels, "a=2,b=1,");
	query_kit_wait(&kit);
	assert_true(kit.read);
	assert_int_equal(kit.n, 0);
	query_kit_wait(&kit);
	assert_int_equal(kit.n, 1);
	assert_true(isinf(kit.value) && kit.value < 0);
	assert_string_equal(kit.labels, "");
	/* one form a reading, on one connection */
	assert_int_equal(kit.servers[0].peer.n_accepted, 1);
	assert_int_equal(
		query_kit_count(&kit, 0, "POST /api/v1/query HTTP/1.1\r\n"), 4);
	assert_int_equal(query_kit_count(&kit, 0, "\r\n\r\n" FORM), 4);
	assert_int_equal(query_kit_count(&kit, 0,
	                                 "Content-Type: application/"
	                                 "x-www-form-urlencoded\r\n"),
	                 4);
	query_kit_fini(&kit);
}

/* A kept connection that the server has closed is replaced, though it is a
 * POST. */
static void test_connection_closed(void **state)
{
	struct query_kit kit;

	query_kit_init(&kit);
	query_kit_say(&kit, 0, OK, VECTOR(""));
	query_kit_say_raw(&kit, 0, NULL, PEER_CLOSE);
	query_kit_say(&kit, 0, OK, GOOD);
	query_kit_start(&kit);
	for (int i = 0; i < 2; i++) {
		query_kit_wait(&kit);
		assert_string_equal(kit.detail, "");
	}
	assert_int_equal(kit.n, 1);
	assert_int_equal(kit.servers[0].peer.n_accepted, 2);
	query_kit_fini(&kit);
}

/* Of old servers and of proxies. It is remembered. */
static void test_get(void **state)
{
	static const char *const refusals[] = {
		"HTTP/1.1 405 Method Not Allowed\r\n",
		"HTTP/1.1 501 Not Implemented\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct query_kit kit;

		query_kit_init(&kit);
		query_kit_say(&kit, 0, refusals[i], "Method Not Allowed\n");
		query_kit_say(&kit, 0, OK, GOOD);
		query_kit_say(&kit, 0, OK, VECTOR(""));
		query_kit_say(&kit, 0, refusals[i], "no\n");
		query_kit_start(&kit);
		query_kit_wait(&kit);
		assert_string_equal(kit.detail, "");
		assert_int_equal(kit.n, 1);
		query_kit_wait(&kit);
		assert_int_equal(kit.n, 0);
		assert_int_equal(query_kit_count(&kit, 0, "POST "), 1);
		assert_int_equal(query_kit_count(&kit, 0,
		                                 "GET /api/v1/query?" FORM
		                                 " HTTP/1.1\r\n"),
		                 2);
		query_kit_wait(&kit);
		assert_int_equal(kit.result, READING_STATUS);
		assert_non_null(strstr(kit.detail, ": no (query rate("));
		query_kit_fini(&kit);
	}
}

/* --- bad readings, and the next one ------------------------------------- */

#define JSON_400 "HTTP/1.1 400 Bad Request\r\n"

static const struct {
	const char *head; /* NULL: the body is the whole answer */
	const char *body; /* NULL: none at all */
	enum peer_then then;
	enum reading_result result;
	bool others; /* are asked, too */
	const char *detail;
} bad_days[] = {
	{ JSON_400, REFUSED_BODY("bad_data", "1:6: parse error: unclosed"),
	  PEER_KEEP, READING_BAD_QUERY, false,
	  ": the query is refused: bad_data: 1:6: parse error: unclosed "
	  "(query rate(x{job=\"a b\"}[5m]) > 0)" },
	{ "HTTP/1.1 422 Unprocessable Entity\r\n",
	  REFUSED_BODY("execution", "many-to-many"), PEER_KEEP,
	  READING_BAD_QUERY, true, "refused: execution: many-to-many" },
	{ JSON_400, "no org id\n", PEER_KEEP, READING_STATUS, true,
	  ": HTTP status 400 Bad Request: no org id (query" },
	{ "HTTP/1.1 503 Service Unavailable\r\n",
	  REFUSED_BODY("timeout", "query timed out"), PEER_KEEP, READING_STATUS,
	  true, "503 Service Unavailable: timeout: query timed out" },
	{ "HTTP/1.1 401 Unauthorized\r\n", "", PEER_KEEP, READING_STATUS, true,
	  "401 Unauthorized; see token_file" },
	{ "HTTP/1.1 404 Not Found\r\n", "404 page not found\n", PEER_KEEP,
	  READING_STATUS, true, "404 Not Found: 404 page not found; is this" },
	{ "HTTP/1.1 502 Bad Gateway\r\n", HTML, PEER_KEEP, READING_STATUS, true,
	  "502 Bad Gateway (query" },
	{ "HTTP/1.1 302 Found\r\nLocation: /x\r\n", "", PEER_KEEP,
	  READING_STATUS, true, "redirects are not followed" },
	{ OK, REFUSED_BODY("internal", "oops"), PEER_KEEP, READING_ERROR, true,
	  ": an error: internal: oops" },
	{ OK, HTML, PEER_KEEP, READING_NOT_EXPOSITION, true,
	  "not that of a Prometheus server" },
	{ OK, "{\"groups\":[]}", PEER_KEEP, READING_NOT_EXPOSITION, true,
	  "is this its URL?" },
	{ OK, "{\"status\":\"success\",\"data\":{", PEER_KEEP,
	  READING_TRUNCATED, true, "the answer is not complete" },
	{ OK,
	  "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\","
	  "\"result\":[]}}",
	  PEER_KEEP, READING_WRONG_TYPE, false,
	  "the result is a matrix; a threshold needs" },
	{ OK,
	  "{\"status\":\"success\",\"data\":{\"resultType\":\"string\","
	  "\"result\":[1,\"x\"]}}",
	  PEER_KEEP, READING_WRONG_TYPE, false, "the result is a string" },
	{ OK, VECTOR("{\"metric\":{},\"histogram\":[1,{}]}"), PEER_KEEP,
	  READING_WRONG_TYPE, false, "native histograms" },
	{ NULL, OK "Content-Length: 1000\r\n\r\n{\"status\":\"success\"",
	  PEER_CLOSE, READING_TRUNCATED, true, "" },
	{ NULL, OK "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"sta", PEER_RESET,
	  READING_TRUNCATED, true, "" },
	{ NULL, OK "Content-Length: 5000\r\n\r\n{\"status\":", PEER_KEEP,
	  READING_TOO_LARGE, true, "" },
	{ NULL, "SSH-2.0-OpenSSH_9.2\r\n", PEER_KEEP, READING_ERROR, true, "" },
	{ NULL, NULL, PEER_KEEP, READING_TIMEOUT, true, "timed out" },
	{ NULL, OK "Content-Length: 1000\r\n\r\n{\"status\":", PEER_KEEP,
	  READING_TIMEOUT, true, "" },
	{ NULL, NULL, PEER_CLOSE, READING_ERROR, true, "" },
};

static void say_bad_day(struct query_kit *kit, size_t i)
{
	if (bad_days[i].head)
		query_kit_say(kit, 0, bad_days[i].head, bad_days[i].body);
	else
		query_kit_say_raw(kit, 0, bad_days[i].body, bad_days[i].then);
}

/* Each is unknown, with words, and the next good answer ends that. */
static void test_bad_days(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_days); i++) {
		struct query_kit kit;

		query_kit_init(&kit);
		kit.options.timeout_ms = 200;
		query_kit_say_raw(&kit, 0, OK "Connection: close\r\n\r\n" GOOD,
		                  PEER_CLOSE);
		say_bad_day(&kit, i);
		query_kit_say(&kit, 0, OK, GOOD);
		query_kit_start(&kit);
		query_kit_wait(&kit);
		assert_int_equal(kit.result, READING_OK);
		query_kit_wait(&kit);
		if (kit.result != bad_days[i].result ||
		    !strstr(kit.detail, bad_days[i].detail) ||
		    !strstr(kit.detail, kit.urls[0]))
			fail_msg("day %zu: %s: %s", i,
			         reading_result_name(kit.result), kit.detail);
		assert_false(kit.read);
		query_kit_wait(&kit);
		assert_int_equal(kit.result, READING_OK);
		assert_int_equal(kit.n, 1);
		query_kit_fini(&kit);
	}
}

/* --- replicas ------------------------------------------------------------ */

/* What one server cannot say the next one does, but for a query that is at
 * fault. */
static void test_next_server(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_days); i++) {
		struct query_kit kit;

		query_kit_init(&kit);
		kit.options.timeout_ms = 200;
		kit.options.n_urls = 2;
		say_bad_day(&kit, i);
		query_kit_say(&kit, 1, OK, GOOD);
		query_kit_start(&kit);
		query_kit_wait(&kit);
		if (kit.result !=
		    (bad_days[i].others ? READING_OK : bad_days[i].result))
			fail_msg("day %zu: %s: %s", i,
			         reading_result_name(kit.result), kit.detail);
		assert_int_equal(kit.servers[1].peer.n_accepted,
		                 bad_days[i].others);
		query_kit_fini(&kit);
	}
}

/* Who answered last is asked first, until it does not. */
static void test_stickiness(void **state)
{
	struct query_kit kit;

	query_kit_init(&kit);
	kit.options.n_urls = 3;
	query_kit_say(&kit, 0, "HTTP/1.1 503 x\r\n", "");
	query_kit_say(&kit, 1, OK, GOOD);
	query_kit_say(&kit, 1, OK, GOOD);
	query_kit_say(&kit, 1, "HTTP/1.1 503 x\r\n", "warming up");
	query_kit_say(&kit, 0, "HTTP/1.1 500 x\r\n", "");
	query_kit_say(&kit, 2, OK, GOOD);
	query_kit_say(&kit, 2, OK, VECTOR(""));
	query_kit_start(&kit);
	query_kit_wait(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_non_null(strstr(kit.last_log_line, "another server answers"));
	assert_non_null(strstr(kit.last_log_line, kit.urls[1]));
	assert_non_null(strstr(kit.last_log_line, "HTTP status 503"));
	assert_int_equal(query_kit_count(&kit, 0, "POST "), 1);
	query_kit_wait(&kit);
	assert_int_equal(query_kit_count(&kit, 0, "POST "), 1);
	assert_int_equal(query_kit_count(&kit, 1, "POST "), 2);
	query_kit_wait(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_int_equal(query_kit_count(&kit, 1, "POST "), 3);
	assert_int_equal(query_kit_count(&kit, 0, "POST "), 2);
	assert_int_equal(query_kit_count(&kit, 2, "POST "), 1);
	assert_non_null(strstr(kit.last_log_line, kit.urls[2]));
	query_kit_wait(&kit);
	assert_int_equal(kit.n, 0);
	assert_int_equal(query_kit_count(&kit, 1, "POST "), 3);
	assert_int_equal(query_kit_count(&kit, 2, "POST "), 2);
	/* the first reading, and two changes of who answers */
	assert_int_equal(kit.n_log_lines, 3);
	query_kit_fini(&kit);
}

/* None answers: the words are those of all of them. */
static void test_all_fail(void **state)
{
	struct query_kit kit;
	struct test_peer gone;

	query_kit_init(&kit);
	test_peer_listen(&gone, &kit.loop.uv, "127.0.0.1", 0);
	test_peer_close(&gone);
	kit.options.n_urls = 3;
	kit.urls[0] = gone.url;
	query_kit_say(&kit, 1, "HTTP/1.1 500 x\r\n", "");
	query_kit_say(&kit, 2, OK, HTML);
	query_kit_say(&kit, 2, OK, GOOD);
	query_kit_start(&kit);
	query_kit_wait(&kit);
	assert_int_equal(kit.result, READING_REFUSED);
	assert_non_null(strstr(kit.detail, gone.url));
	assert_non_null(strstr(kit.detail, "connection refused; http://"));
	assert_non_null(strstr(kit.detail, "status 500"));
	assert_non_null(strstr(kit.detail, kit.urls[2]));
	test_peer_hang_up(&kit.servers[1].peer);
	query_kit_fini(&kit);
}

/* One that cannot execute it says more about it than one that is away. */
static void test_refusal_counts(void **state)
{
	struct query_kit kit;

	query_kit_init(&kit);
	kit.options.n_urls = 2;
	query_kit_say(&kit, 0, "HTTP/1.1 500 x\r\n", "");
	query_kit_say(&kit, 1, "HTTP/1.1 422 x\r\n",
	              REFUSED_BODY("execution", "too many samples"));
	query_kit_start(&kit);
	query_kit_wait(&kit);
	assert_int_equal(kit.result, READING_BAD_QUERY);
	query_kit_fini(&kit);
}

static void test_no_such_name(void **state)
{
	struct query_kit kit;

	query_kit_init(&kit);
	kit.urls[0] = "http://none.test:9090";
	query_kit_start(&kit);
	query_kit_wait(&kit);
	assert_int_equal(kit.result, READING_DNS);
	assert_non_null(strstr(kit.detail, "none.test"));
	query_kit_fini(&kit);
}

/* --- limits, and who we are ----------------------------------------------- */

static void test_too_many_series(void **state)
{
	struct query_kit kit;
	struct buf body;

	query_kit_init(&kit);
	kit.options.max_body = 1u << 20;
	kit.options.n_urls = 2;
	buf_init(&body, 1u << 20);
	(void)buf_puts(&body, "{\"status\":\"success\",\"data\":{"
	                      "\"resultType\":\"vector\",\"result\":[");
	for (int i = 0; i <= SAMPLE_MAX_SERIES; i++)
		(void)buf_printf(&body, "%s{\"metric\":{},\"value\":[1,\"1\"]}",
		                 i ? "," : "");
	(void)buf_puts(&body, "]}}");
	query_kit_say(&kit, 0, OK, buf_text(&body));
	query_kit_start(&kit);
	query_kit_wait(&kit);
	assert_int_equal(kit.result, READING_TOO_LARGE);
	assert_non_null(strstr(kit.detail, "more than 10000 series"));
	assert_int_equal(kit.servers[1].peer.n_accepted, 0);
	buf_fini(&body);
	query_kit_fini(&kit);
}

/* Its path is kept and its password told to nobody. */
static void test_name(void **state)
{
	char url[200];
	char name[200];
	struct query_kit kit;

	query_kit_init(&kit);
	(void)snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%u/prom/",
	               kit.servers[0].peer.port);
	(void)snprintf(name, sizeof(name), "http://127.0.0.1:%u/prom",
	               kit.servers[0].peer.port);
	kit.urls[0] = url;
	query_kit_say(&kit, 0, "HTTP/1.1 403 Forbidden\r\n", "");
	query_kit_start(&kit);
	assert_string_equal(query_source(kit.query)->name, name);
	query_kit_wait(&kit);
	assert_int_equal(
		query_kit_count(&kit, 0, "POST /prom/api/v1/query HTTP"), 1);
	assert_int_equal(query_kit_count(&kit, 0,
	                                 "Authorization: Basic "
	                                 "bWU6c2VjcmV0\r\n"),
	                 1);
	assert_null(strstr(kit.detail, "secret"));
	assert_null(strstr(kit.last_log_line, "secret"));
	query_kit_fini(&kit);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A secret is read anew for each request. */
static void test_credentials(void **state)
{
	static const struct source_header headers[] = {
		{ "X-Scope-OrgID", "team" }, { "X-Empty", "" }
	};
	struct source_credentials credentials = { .headers = headers,
		                                  .n_headers = 2 };
	char path[108];
	struct query_kit kit;

	query_kit_init(&kit);
	credentials.token_file = test_loop_path(&kit.loop, "token", path);
	kit.options.credentials = &credentials;
	write_file(path, " one \ntwo\n");
	for (int i = 0; i < 3; i++)
		query_kit_say(&kit, 0, OK, GOOD);
	query_kit_start(&kit);
	query_kit_wait(&kit);
	assert_string_equal(kit.detail, "");
	assert_int_equal(
		query_kit_count(&kit, 0, "Authorization: Bearer one\r\n"), 1);
	assert_int_equal(query_kit_count(&kit, 0, "X-Scope-OrgID: team\r\n"),
	                 1);
	write_file(path, "three");
	query_kit_wait(&kit);
	assert_int_equal(
		query_kit_count(&kit, 0, "Authorization: Bearer three\r\n"), 1);
	assert_int_equal(unlink(path), 0);
	query_kit_wait(&kit);
	assert_int_equal(kit.result, READING_ERROR);
	assert_non_null(strstr(kit.detail, path));
	assert_non_null(strstr(kit.detail, "o such file"));
	assert_int_equal(query_kit_count(&kit, 0, "POST "), 2);
	write_file(path, "me:pass");
	credentials.token_file = NULL;
	credentials.basic_auth_file = path;
	query_kit_wait(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_int_equal(
		query_kit_count(&kit, 0,
	                        "Authorization: Basic bWU6cGFzcw==\r\n"),
		1);
	write_file(path, "me\n");
	query_kit_wait(&kit);
	assert_non_null(strstr(kit.detail, "is not user:password"));
	write_file(path, "\nme:pass\n");
	query_kit_wait(&kit);
	assert_non_null(strstr(kit.detail, "holds no user:password"));
	query_kit_fini(&kit);
}

static void test_bad_options(void **state)
{
	static const char *const bad[] = { "http://", "ftp://a", "" };
	struct query_kit kit;

	query_kit_init(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		kit.urls[1] = bad[i];
		kit.options.n_urls = 2;
		assert_int_equal(query_kit_new(&kit), -EINVAL);
	}
	kit.options.n_urls = 0;
	assert_int_equal(query_kit_new(&kit), -EINVAL);
	kit.options.n_urls = QUERY_MAX_SERVERS + 1;
	assert_int_equal(query_kit_new(&kit), -EINVAL);
	kit.closed = true; /* there is none to close */
	query_kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_connection_closed),
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_bad_days),
		cmocka_unit_test(test_next_server),
		cmocka_unit_test(test_stickiness),
		cmocka_unit_test(test_all_fail),
		cmocka_unit_test(test_refusal_counts),
		cmocka_unit_test(test_no_such_name),
		cmocka_unit_test(test_too_many_series),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_bad_options),
	};

	return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
