/* SPDX-License-Identifier: Apache-2.0 */
/* The Pushgateway as a source: what is published for every kind of answer. */
#include "support/cmocka.h"
#include "pushgateway_kit.h"

#include <errno.h>
#include <string.h>
#include "base/buf.h"

/* --- good readings ------------------------------------------------------ */

static void test_ages(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	gw_kit_say_raw(&kit,
	               CHUNKED
	               "47\r\n# TYPE push_time_seconds gauge\n"
	               "push_time_seconds{instance=\"\",job=\"a\"} 3\r\n"
	               "43\r\n0.5\n"
	               "push_time_seconds{instance=\"x\",job=\"a\"} 20\n"
	               "done{job=\"a\"} 99.25\n\r\n0\r\n\r\n",
	               PEER_KEEP);
	gw_kit_say(&kit, OK DATE, GOOD);
	assert_int_equal(gw_kit_new(&kit), 0);
	assert_int_equal(
		gw_kit_subscribe(&kit, 0, "a", NULL, PUSH_VALUE_PUSH_TIME), 0);
	assert_int_equal(
		gw_kit_subscribe(&kit, 1, "b", NULL, PUSH_VALUE_PUSH_TIME), 0);
	assert_int_equal(
		gw_kit_subscribe(&kit, 2, "a", "done", PUSH_VALUE_TIMESTAMP),
		0);
	pushgateway_start(kit.gateway);
	gw_kit_wait(&kit);
	assert_string_equal(kit.detail, "");
	assert_int_equal(kit.result, READING_OK);
	assert_int_equal(kit.ages[0], 69500);
	assert_int_equal(kit.ages[1], MISSING);
	assert_int_equal(kit.ages[2], 750);
	gw_kit_wait(&kit);
	assert_int_equal(kit.ages[0], GOOD_AGE);
	assert_int_equal(kit.ages[2], MISSING);
	/* one request a reading, on one connection, and none for the API */
	assert_int_equal(kit.peer.n_accepted, 1);
	assert_int_equal(gw_kit_count(&kit, "/api/v1/"), 0);
	gw_kit_fini(&kit);
}

/* Without a Date our own clock must do; a push in its future is new. */
static void test_without_date(void **state)
{
	struct gw_kit kit;
	uv_timeval64_t now;

	gw_kit_init(&kit);
	gw_kit_say(&kit, OK, "push_time_seconds{job=\"a\"} 9\n");
	gw_kit_say(&kit, OK "Date: yesterday\r\n",
	           "push_time_seconds{job=\"a\"} 99999999999");
	gw_kit_start(&kit);
	gw_kit_wait(&kit);
	assert_int_equal(uv_gettimeofday(&now), 0);
	assert_in_range(kit.ages[0], (now.tv_sec - 60) * 1000,
	                (now.tv_sec + 1) * 1000);
	gw_kit_wait(&kit);
	assert_int_equal(kit.ages[0], 0);
	gw_kit_fini(&kit);
}

/* A line that cannot be read may be the one that is missed. */
static void test_damaged(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	gw_kit_say(&kit, OK DATE, GOOD "push_time_seconds{job=\"b} 30\n");
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_start(&kit);
	assert_int_equal(
		gw_kit_subscribe(&kit, 1, "b", NULL, PUSH_VALUE_PUSH_TIME), 0);
	gw_kit_wait(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_int_equal(kit.ages[0], GOOD_AGE);
	assert_int_equal(kit.ages[1], UNKNOWN);
	assert_non_null(strstr(kit.last_log_line, "parts=1"));
	gw_kit_wait(&kit);
	assert_int_equal(kit.ages[1], MISSING);
	gw_kit_fini(&kit);
}

static void test_api(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_say(&kit, OK DATE,
	           API("\"job\":\"a\"", "1970-01-01T01:01:30.25+01:00"));
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_say(&kit, "HTTP/1.1 404 Not Found\r\n", "404 page not found\n");
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_say(&kit, OK DATE, HTML);
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_say(&kit, OK DATE, "{\"status\":\"success\",\"data\":[");
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_say(&kit, OK DATE, API("\"job\":\"b\"", "1970-01-01T00:01:30Z"));
	gw_kit_start(&kit);
	assert_int_equal(
		gw_kit_subscribe(&kit, 1, "a", "fam", PUSH_VALUE_PUSH_TIME), 0);
	gw_kit_wait(&kit);
	assert_string_equal(kit.detail, "");
	assert_int_equal(kit.ages[0], GOOD_AGE);
	assert_int_equal(kit.ages[1], 9750);
	gw_kit_wait(&kit);
	assert_int_equal(kit.result, READING_STATUS);
	assert_non_null(strstr(kit.detail, "/api/v1/metrics: HTTP status 404"));
	assert_int_equal(kit.ages[0], UNKNOWN);
	assert_int_equal(kit.ages[1], UNKNOWN);
	gw_kit_wait(&kit);
	assert_int_equal(kit.result, READING_NOT_EXPOSITION);
	gw_kit_wait(&kit);
	assert_int_equal(kit.result, READING_TRUNCATED);
	gw_kit_wait(&kit);
	assert_int_equal(kit.ages[0], GOOD_AGE);
	assert_int_equal(kit.ages[1], MISSING);
	/* only the body that was given up cost a connection */
	assert_int_equal(kit.peer.n_accepted, 2);
	gw_kit_fini(&kit);
}

/* Only what somebody needs is fetched. */
static void test_api_alone(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	gw_kit_say(&kit, OK DATE, API("\"job\":\"a\"", "1970-01-01T00:01:30Z"));
	assert_int_equal(gw_kit_new(&kit), 0);
	assert_int_equal(
		gw_kit_subscribe(&kit, 0, "a", "fam", PUSH_VALUE_PUSH_TIME), 0);
	pushgateway_start(kit.gateway);
	gw_kit_wait(&kit);
	assert_int_equal(kit.ages[0], 10000);
	assert_int_equal(gw_kit_count(&kit, "GET /metrics "), 0);
	gw_kit_fini(&kit);
}

/* --- bad readings, and the next one ------------------------------------- */

static const struct {
	const char *answer; /* as it is; NULL: none at all */
	enum peer_then then;
	enum reading_result result;
	const char *detail; /* is part of it */
} bad_days[] = {
	{ "HTTP/1.1 500 Internal Server Error\r\nContent-Length: "
	  "40\r\n\r\n" GOOD,
	  PEER_KEEP, READING_STATUS,
	  "/metrics: HTTP status 500 Internal Server Error" },
	{ "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
	  PEER_KEEP, READING_STATUS, "HTTP status 302 Found" },
	{ "HTTP/1.1 204 No Content\r\n\r\n", PEER_KEEP, READING_STATUS,
	  "HTTP status 204" },
	{ OK DATE "Content-Length: 42\r\n\r\n" HTML, PEER_KEEP,
	  READING_NOT_EXPOSITION, "is this a Pushgateway?" },
	{ OK DATE "Content-Length: 13\r\n\r\n{\"error\": \"\"}", PEER_KEEP,
	  READING_NOT_EXPOSITION, "text exposition" },
	/* half a body, in the three ways of ending one */
	{ OK DATE "Content-Length: 100\r\n\r\n" GOOD, PEER_CLOSE,
	  READING_TRUNCATED, "" },
	{ CHUNKED "2c\r\n" GOOD, PEER_CLOSE, READING_TRUNCATED, "" },
	{ OK DATE "Connection: close\r\n\r\n"
	          "push_time_seconds{job=\"a\"} 3",
	  PEER_CLOSE, READING_TRUNCATED, "in the middle of a line" },
	{ CHUNKED "xyz\r\n" GOOD, PEER_KEEP, READING_ERROR, "" },
	{ "SSH-2.0-OpenSSH_9.2\r\n", PEER_KEEP, READING_ERROR, "" },
	{ OK DATE "Content-Length: 100000\r\n\r\n" GOOD, PEER_KEEP,
	  READING_TOO_LARGE, "" },
	{ NULL, PEER_KEEP, READING_TIMEOUT, "" },
	{ OK DATE "Content-Length: 100\r\n\r\n" GOOD, PEER_KEEP,
	  READING_TIMEOUT, "" },
};

/* Each makes everything unknown, once; the next good answer ends that. */
static void test_bad_days(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_days); i++) {
		struct gw_kit kit;

		gw_kit_init(&kit);
		kit.options.timeout_ms = 200;
		gw_kit_say(&kit, OK DATE, GOOD);
		gw_kit_say_raw(&kit, bad_days[i].answer, bad_days[i].then);
		gw_kit_say(&kit, OK DATE, GOOD);
		gw_kit_start(&kit);
		assert_int_equal(gw_kit_subscribe(&kit, 1, "b", NULL,
		                                  PUSH_VALUE_PUSH_TIME),
		                 0);
		gw_kit_wait(&kit);
		assert_int_equal(kit.ages[0], GOOD_AGE);
		assert_int_equal(kit.ages[1], MISSING);
		gw_kit_wait(&kit);
		if (kit.result != bad_days[i].result ||
		    !strstr(kit.detail, bad_days[i].detail))
			fail_msg("day %zu: %s, %s", i,
			         reading_result_name(kit.result), kit.detail);
		assert_true(kit.detail[0] != '\0');
		assert_int_equal(kit.n_observed, 2);
		assert_int_equal(kit.ages[0], UNKNOWN);
		assert_int_equal(kit.ages[1], UNKNOWN);
		gw_kit_wait(&kit);
		assert_int_equal(kit.result, READING_OK);
		assert_int_equal(kit.ages[0], GOOD_AGE);
		gw_kit_fini(&kit);
	}
}

/* A body that never ends is not received to its end. */
static void test_too_large(void **state)
{
	struct gw_kit kit;
	struct buf body;

	gw_kit_init(&kit);
	buf_init(&body, 1u << 20);
	(void)buf_puts(&body, CHUNKED);
	for (int i = 0; i < 2 * MAX_BODY / 40; i++)
		(void)buf_puts(&body, "2a\r\n" GOOD "\r\n");
	gw_kit_say_raw(&kit, buf_text(&body), PEER_KEEP);
	gw_kit_start(&kit);
	gw_kit_wait(&kit);
	assert_int_equal(kit.result, READING_TOO_LARGE);
	buf_fini(&body);
	gw_kit_fini(&kit);
}

/* An empty body is a good answer in which nothing is. */
static void test_empty(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	gw_kit_say(&kit, OK DATE, "");
	gw_kit_start(&kit);
	gw_kit_wait(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_int_equal(kit.ages[0], MISSING);
	gw_kit_fini(&kit);
}

static void test_refused(void **state)
{
	struct gw_kit kit;
	struct test_peer gone;

	gw_kit_init(&kit);
	test_peer_listen(&gone, &kit.loop.uv, "127.0.0.1", 0);
	test_peer_close(&gone);
	kit.options.url = gone.url;
	memcpy(kit.peer.url, gone.url, sizeof(gone.url));
	gw_kit_start(&kit);
	gw_kit_wait(&kit);
	assert_int_equal(kit.result, READING_REFUSED);
	assert_int_equal(kit.ages[0], UNKNOWN);
	gw_kit_fini(&kit);
}

static void test_no_such_name(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	kit.options.url = "http://none.test:9091";
	(void)snprintf(kit.peer.url, sizeof(kit.peer.url), "%s",
	               kit.options.url);
	gw_kit_start(&kit);
	gw_kit_wait(&kit);
	assert_int_equal(kit.result, READING_DNS);
	assert_non_null(strstr(kit.detail, "none.test"));
	assert_int_equal(kit.ages[0], UNKNOWN);
	gw_kit_fini(&kit);
}

static void test_bad_url(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	kit.options.url = "http://";
	assert_int_equal(gw_kit_new(&kit), -EINVAL);
	kit.closed = true; /* there is none to close */
	gw_kit_fini(&kit);
}

/* Its path is kept and its password told to nobody. */
static void test_name(void **state)
{
	char url[200];
	struct gw_kit kit;

	gw_kit_init(&kit);
	(void)snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%u/gw/",
	               kit.peer.port);
	kit.options.url = url;
	(void)snprintf(kit.peer.url, sizeof(kit.peer.url),
	               "http://127.0.0.1:%u/gw", kit.peer.port);
	gw_kit_say(&kit, "HTTP/1.1 401 Unauthorized\r\n", "");
	gw_kit_start(&kit);
	gw_kit_wait(&kit);
	assert_int_equal(gw_kit_count(&kit, "GET /gw/metrics "), 1);
	assert_null(strstr(kit.detail, "secret"));
	assert_null(strstr(kit.last_log_line, "secret"));
	gw_kit_fini(&kit);
}

/* One line for each change of state, whatever number of readings. */
static void test_log(void **state)
{
	static const struct {
		const char *head;
		unsigned n_lines; /* so far */
		const char *words;
	} readings[] = {
		{ OK DATE, 1, "source can be read" },
		{ OK DATE, 1, "source can be read" },
		{ "HTTP/1.1 500 x\r\n", 2, "reason=status" },
		{ "HTTP/1.1 503 x\r\n", 2, "status 500" },
		{ "HTTP/1.1 2xx\r\n", 3, "reason=error" },
		{ OK DATE, 4, "source can be read" },
	};
	struct gw_kit kit;

	gw_kit_init(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		gw_kit_say(&kit, readings[i].head, GOOD);
	gw_kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		gw_kit_wait(&kit);
		if (kit.n_log_lines != readings[i].n_lines ||
		    !strstr(kit.last_log_line, readings[i].words))
			fail_msg("reading %zu: %u lines, %s", i,
			         kit.n_log_lines, kit.last_log_line);
	}
	gw_kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_without_date),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_api),
		cmocka_unit_test(test_api_alone),
		cmocka_unit_test(test_bad_days),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_such_name),
		cmocka_unit_test(test_bad_url),
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests_name("pushgateway", tests, NULL, NULL);
}
