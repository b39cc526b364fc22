/* SPDX-License-Identifier: Apache-2.0 */
/* The Pushgateway as a source, against a scripted server: what is published
 * for every kind of answer, when it is asked, and how it ends. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "io/http_client.h"
#include "source/pushgateway.h"
#include "support/faults.h"
#include "support/loop.h"
#include "support/peer.h"

#define UNKNOWN (-1)
#define MISSING (-2)
#define NOTHING (-3)
#define N_MAX   4

#define INTERVAL_MS 10
#define LONG_MS     3600000
#define MAX_BODY    4096

#define MAX_STEPS 16

/* The gateway believes that it is 1970. */
#define DATE     "Date: Thu, 01 Jan 1970 00:01:40 GMT\r\n" /* 100 s */
#define OK       "HTTP/1.1 200 OK\r\n"
#define CHUNKED  OK DATE "Transfer-Encoding: chunked\r\n\r\n"
#define GOOD     "push_time_seconds{instance=\"\",job=\"a\"} 30\n"
#define GOOD_AGE 70000
#define HTML     "<html><body>502 Bad Gateway</body></html>\n"

struct kit {
	struct test_loop loop;
	struct test_peer peer;
	struct http_client *client;
	struct pushgateway *gateway;
	struct log log;
	struct pushgateway_options options;
	struct peer_step steps[MAX_STEPS];
	size_t n_steps;
	char *answers[MAX_STEPS];

	/* of the last reading */
	enum reading_result result;
	char detail[ERR_MESSAGE_SIZE];
	int64_t ages[N_MAX];
	unsigned n_observed;

	unsigned n_begun;
	unsigned n_ended;
	bool published; /* one has ended since this was cleared */
	bool closed;
	unsigned n_log_lines;
	char last_log_line[512];

	/* what the listener does from inside */
	enum { LISTEN, CLOSE_IN_BEGIN, CLOSE_IN_OBSERVE, CLOSE_IN_END } act;
};

static void on_closed(void *context)
{
	((struct kit *)context)->closed = true;
}

static void kit_close_gateway(struct kit *kit)
{
	struct pushgateway *gateway = kit->gateway;

	kit->gateway = NULL;
	kit->closed = false;
	pushgateway_close(gateway, on_closed, kit);
	assert_false(kit->closed);
}

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
	struct kit *kit = context;

	assert_string_equal(source->name, kit->peer.url);
	assert_int_equal(kit->n_begun, kit->n_ended);
	kit->n_begun++;
	kit->result = reading->result;
	(void)snprintf(kit->detail, sizeof(kit->detail), "%s", reading->detail);
	kit->n_observed = 0;
	for (size_t i = 0; i < N_MAX; i++)
		kit->ages[i] = NOTHING;
	if (kit->act == CLOSE_IN_BEGIN)
		kit_close_gateway(kit);
}

static void on_observe(void *context, struct source *source,
                       uint32_t subscription,
                       const struct observation *observation)
{
	struct kit *kit = context;

	assert_non_null(kit->gateway);
	assert_int_equal(kit->n_begun, kit->n_ended + 1);
	assert_true(subscription < N_MAX);
	assert_int_equal(kit->ages[subscription], NOTHING);
	kit->n_observed++;
	kit->ages[subscription] = observation->kind == OBSERVATION_UNKNOWN
	                                  ? UNKNOWN
	                          : observation->kind == OBSERVATION_MISSING
	                                  ? MISSING
	                                  : (int64_t)observation->age_ms;
	if (kit->act == CLOSE_IN_OBSERVE)
		kit_close_gateway(kit);
}

static void on_end(void *context, struct source *source)
{
	struct kit *kit = context;

	assert_non_null(kit->gateway);
	kit->n_ended++;
	kit->published = true;
	if (kit->act == CLOSE_IN_END)
		kit_close_gateway(kit);
}

static void on_log(void *context, enum log_level level, struct slice line)
{
	struct kit *kit = context;

	kit->n_log_lines++;
	(void)snprintf(kit->last_log_line, sizeof(kit->last_log_line),
	               SLICE_FMT, SLICE_ARG(line));
}

/* The next answer is this text as it is; NULL: none. */
static void say_raw(struct kit *kit, const char *text, enum peer_then then)
{
	assert_true(kit->n_steps < MAX_STEPS);
	kit->answers[kit->n_steps] = text ? strdup(text) : NULL;
	kit->steps[kit->n_steps] =
		(struct peer_step){ .answer = kit->answers[kit->n_steps],
		                    .then = then };
	kit->n_steps++;
	test_peer_script(&kit->peer, kit->steps, kit->n_steps);
}

/* The next answer is @body, after @head and its length. */
static void say(struct kit *kit, const char *head, const char *body)
{
	struct buf answer;

	buf_init(&answer, 1u << 20);
	(void)buf_printf(&answer, "%sContent-Length: %zu\r\n\r\n%s", head,
	                 strlen(body), body);
	say_raw(kit, buf_text(&answer), PEER_KEEP);
	buf_fini(&answer);
}

static void kit_init(struct kit *kit)
{
	*kit = (struct kit){ 0 };
	test_loop_init(&kit->loop);
	test_peer_listen(&kit->peer, &kit->loop.uv, "127.0.0.1", 0);
	kit->log = (struct log){ .emit = on_log,
		                 .context = kit,
		                 .level = LOG_LEVEL_INFO };
	kit->client = http_client_new(&kit->loop.uv, NULL);
	assert_non_null(kit->client);
	kit->options = (struct pushgateway_options){
		.loop = &kit->loop.uv,
		.client = kit->client,
		.log = &kit->log,
		.url = kit->peer.url,
		.interval_ms = INTERVAL_MS,
		.timeout_ms = 5000,
		.max_body = MAX_BODY,
		.seed = 42,
	};
}

static int kit_new_gateway(struct kit *kit)
{
	struct source_listener listener = { .begin = on_begin,
		                            .observe = on_observe,
		                            .end = on_end,
		                            .context = kit };

	return pushgateway_new(&kit->options, &listener, &kit->gateway, NULL);
}

static int subscribe(struct kit *kit, uint32_t number, const char *job,
                     const char *metric, enum push_value value)
{
	struct label pair = { slice_from("job"), slice_from(job) };
	struct push_query query = { .labels = &pair,
		                    .n_labels = 1,
		                    .metric_name = metric,
		                    .value = value };

	return pushgateway_subscribe(kit->gateway, number, &query);
}

/* One subscription, for the push time of {job="a"}. */
static void kit_start(struct kit *kit)
{
	assert_int_equal(kit_new_gateway(kit), 0);
	assert_int_equal(subscribe(kit, 0, "a", NULL, PUSH_VALUE_PUSH_TIME), 0);
	pushgateway_start(kit->gateway);
}

static void wait_reading(struct kit *kit)
{
	kit->published = false;
	test_loop_until(&kit->loop, &kit->published);
}

static void kit_fini(struct kit *kit)
{
	if (kit->gateway)
		kit_close_gateway(kit);
	if (!kit->closed)
		test_loop_until(&kit->loop, &kit->closed);
	kit->closed = false;
	if (kit->client) {
		http_client_close(kit->client, on_closed, kit);
		test_loop_until(&kit->loop, &kit->closed);
	}
	test_peer_close(&kit->peer);
	for (size_t i = 0; i < kit->n_steps; i++)
		free(kit->answers[i]);
	test_loop_fini(&kit->loop);
}

static size_t count_requests(const struct kit *kit, const char *line)
{
	size_t n = 0;

	for (const char *p = test_peer_received(&kit->peer);
	     (p = strstr(p, line)); p++)
		n++;
	return n;
}

/* --- good readings ------------------------------------------------------ */

static void test_ages(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say_raw(&kit,
	        CHUNKED "47\r\n# TYPE push_time_seconds gauge\n"
	                "push_time_seconds{instance=\"\",job=\"a\"} 3\r\n"
	                "43\r\n0.5\n"
	                "push_time_seconds{instance=\"x\",job=\"a\"} 20\n"
	                "done{job=\"a\"} 99.25\n\r\n0\r\n\r\n",
	        PEER_KEEP);
	say(&kit, OK DATE, GOOD);
	assert_int_equal(kit_new_gateway(&kit), 0);
	assert_int_equal(subscribe(&kit, 0, "a", NULL, PUSH_VALUE_PUSH_TIME),
	                 0);
	assert_int_equal(subscribe(&kit, 1, "b", NULL, PUSH_VALUE_PUSH_TIME),
	                 0);
	assert_int_equal(subscribe(&kit, 2, "a", "done", PUSH_VALUE_TIMESTAMP),
	                 0);
	pushgateway_start(kit.gateway);
	wait_reading(&kit);
	assert_string_equal(kit.detail, "");
	assert_int_equal(kit.result, READING_OK);
	assert_int_equal(kit.ages[0], 69500);
	assert_int_equal(kit.ages[1], MISSING);
	assert_int_equal(kit.ages[2], 750);
	wait_reading(&kit);
	assert_int_equal(kit.ages[0], GOOD_AGE);
	assert_int_equal(kit.ages[2], MISSING);
	/* one request a reading, on one connection, and none for the API */
	assert_int_equal(kit.peer.n_accepted, 1);
	assert_int_equal(count_requests(&kit, "/api/v1/"), 0);
	kit_fini(&kit);
}

/* Without a Date our own clock must do; a push in its future is new. */
static void test_without_date(void **state)
{
	struct kit kit;
	uv_timeval64_t now;

	kit_init(&kit);
	say(&kit, OK, "push_time_seconds{job=\"a\"} 9\n");
	say(&kit, OK "Date: yesterday\r\n",
	    "push_time_seconds{job=\"a\"} 99999999999");
	kit_start(&kit);
	wait_reading(&kit);
	assert_int_equal(uv_gettimeofday(&now), 0);
	assert_in_range(kit.ages[0], (now.tv_sec - 60) * 1000,
	                (now.tv_sec + 1) * 1000);
	wait_reading(&kit);
	assert_int_equal(kit.ages[0], 0);
	kit_fini(&kit);
}

/* A line that cannot be read may be the one that is missed. */
static void test_damaged(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say(&kit, OK DATE, GOOD "push_time_seconds{job=\"b} 30\n");
	say(&kit, OK DATE, GOOD);
	kit_start(&kit);
	assert_int_equal(subscribe(&kit, 1, "b", NULL, PUSH_VALUE_PUSH_TIME),
	                 0);
	wait_reading(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_int_equal(kit.ages[0], GOOD_AGE);
	assert_int_equal(kit.ages[1], UNKNOWN);
	assert_non_null(strstr(kit.last_log_line, "parts=1"));
	wait_reading(&kit);
	assert_int_equal(kit.ages[1], MISSING);
	kit_fini(&kit);
}

#define API(labels, time)                                               \
	"{\"status\":\"success\",\"data\":[{\"labels\":{" labels "},"   \
	"\"last_push_successful\":true,\"fam\":{\"time_stamp\":\"" time \
	"\",\"type\":\"GAUGE\",\"metrics\":[]}}]}"

static void test_api(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say(&kit, OK DATE, GOOD);
	say(&kit, OK DATE,
	    API("\"job\":\"a\"", "1970-01-01T01:01:30.25+01:00"));
	say(&kit, OK DATE, GOOD);
	say(&kit, "HTTP/1.1 404 Not Found\r\n", "404 page not found\n");
	say(&kit, OK DATE, GOOD);
	say(&kit, OK DATE, HTML);
	say(&kit, OK DATE, GOOD);
	say(&kit, OK DATE, "{\"status\":\"success\",\"data\":[");
	say(&kit, OK DATE, GOOD);
	say(&kit, OK DATE, API("\"job\":\"b\"", "1970-01-01T00:01:30Z"));
	kit_start(&kit);
	assert_int_equal(subscribe(&kit, 1, "a", "fam", PUSH_VALUE_PUSH_TIME),
	                 0);
	wait_reading(&kit);
	assert_string_equal(kit.detail, "");
	assert_int_equal(kit.ages[0], GOOD_AGE);
	assert_int_equal(kit.ages[1], 9750);
	wait_reading(&kit);
	assert_int_equal(kit.result, READING_STATUS);
	assert_non_null(strstr(kit.detail, "/api/v1/metrics: HTTP status 404"));
	assert_int_equal(kit.ages[0], UNKNOWN);
	assert_int_equal(kit.ages[1], UNKNOWN);
	wait_reading(&kit);
	assert_int_equal(kit.result, READING_NOT_EXPOSITION);
	wait_reading(&kit);
	assert_int_equal(kit.result, READING_TRUNCATED);
	wait_reading(&kit);
	assert_int_equal(kit.ages[0], GOOD_AGE);
	assert_int_equal(kit.ages[1], MISSING);
	/* only the body that was given up cost a connection */
	assert_int_equal(kit.peer.n_accepted, 2);
	kit_fini(&kit);
}

/* Only what somebody needs is fetched. */
static void test_api_alone(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say(&kit, OK DATE, API("\"job\":\"a\"", "1970-01-01T00:01:30Z"));
	assert_int_equal(kit_new_gateway(&kit), 0);
	assert_int_equal(subscribe(&kit, 0, "a", "fam", PUSH_VALUE_PUSH_TIME),
	                 0);
	pushgateway_start(kit.gateway);
	wait_reading(&kit);
	assert_int_equal(kit.ages[0], 10000);
	assert_int_equal(count_requests(&kit, "GET /metrics "), 0);
	kit_fini(&kit);
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
		struct kit kit;

		kit_init(&kit);
		kit.options.timeout_ms = 200;
		say(&kit, OK DATE, GOOD);
		say_raw(&kit, bad_days[i].answer, bad_days[i].then);
		say(&kit, OK DATE, GOOD);
		kit_start(&kit);
		assert_int_equal(
			subscribe(&kit, 1, "b", NULL, PUSH_VALUE_PUSH_TIME), 0);
		wait_reading(&kit);
		assert_int_equal(kit.ages[0], GOOD_AGE);
		assert_int_equal(kit.ages[1], MISSING);
		wait_reading(&kit);
		if (kit.result != bad_days[i].result ||
		    !strstr(kit.detail, bad_days[i].detail))
			fail_msg("day %zu: %s, %s", i,
			         reading_result_name(kit.result), kit.detail);
		assert_true(kit.detail[0] != '\0');
		assert_int_equal(kit.n_observed, 2);
		assert_int_equal(kit.ages[0], UNKNOWN);
		assert_int_equal(kit.ages[1], UNKNOWN);
		wait_reading(&kit);
		assert_int_equal(kit.result, READING_OK);
		assert_int_equal(kit.ages[0], GOOD_AGE);
		kit_fini(&kit);
	}
}

/* A body that never ends is not received to its end. */
static void test_too_large(void **state)
{
	struct kit kit;
	struct buf body;

	kit_init(&kit);
	buf_init(&body, 1u << 20);
	(void)buf_puts(&body, CHUNKED);
	for (int i = 0; i < 2 * MAX_BODY / 40; i++)
		(void)buf_puts(&body, "2a\r\n" GOOD "\r\n");
	say_raw(&kit, buf_text(&body), PEER_KEEP);
	kit_start(&kit);
	wait_reading(&kit);
	assert_int_equal(kit.result, READING_TOO_LARGE);
	buf_fini(&body);
	kit_fini(&kit);
}

/* An empty body is a good answer in which nothing is. */
static void test_empty(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say(&kit, OK DATE, "");
	kit_start(&kit);
	wait_reading(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_int_equal(kit.ages[0], MISSING);
	kit_fini(&kit);
}

static void test_refused(void **state)
{
	struct kit kit;
	struct test_peer gone;

	kit_init(&kit);
	test_peer_listen(&gone, &kit.loop.uv, "127.0.0.1", 0);
	test_peer_close(&gone);
	kit.options.url = gone.url;
	memcpy(kit.peer.url, gone.url, sizeof(gone.url));
	kit_start(&kit);
	wait_reading(&kit);
	assert_int_equal(kit.result, READING_REFUSED);
	assert_int_equal(kit.ages[0], UNKNOWN);
	kit_fini(&kit);
}

static void test_no_such_name(void **state)
{
	struct kit kit;

	kit_init(&kit);
	kit.options.url = "http://none.test:9091";
	(void)snprintf(kit.peer.url, sizeof(kit.peer.url), "%s",
	               kit.options.url);
	kit_start(&kit);
	wait_reading(&kit);
	assert_int_equal(kit.result, READING_DNS);
	assert_non_null(strstr(kit.detail, "none.test"));
	assert_int_equal(kit.ages[0], UNKNOWN);
	kit_fini(&kit);
}

static void test_bad_url(void **state)
{
	struct kit kit;

	kit_init(&kit);
	kit.options.url = "http://";
	assert_int_equal(kit_new_gateway(&kit), -EINVAL);
	kit.closed = true; /* there is none to close */
	kit_fini(&kit);
}

/* Its path is kept and its password told to nobody. */
static void test_name(void **state)
{
	char url[200];
	struct kit kit;

	kit_init(&kit);
	(void)snprintf(url, sizeof(url), "http://me:secret@127.0.0.1:%u/gw/",
	               kit.peer.port);
	kit.options.url = url;
	(void)snprintf(kit.peer.url, sizeof(kit.peer.url),
	               "http://127.0.0.1:%u/gw", kit.peer.port);
	say(&kit, "HTTP/1.1 401 Unauthorized\r\n", "");
	kit_start(&kit);
	wait_reading(&kit);
	assert_int_equal(count_requests(&kit, "GET /gw/metrics "), 1);
	assert_null(strstr(kit.detail, "secret"));
	assert_null(strstr(kit.last_log_line, "secret"));
	kit_fini(&kit);
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
	struct kit kit;

	kit_init(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++)
		say(&kit, readings[i].head, GOOD);
	kit_start(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		wait_reading(&kit);
		if (kit.n_log_lines != readings[i].n_lines ||
		    !strstr(kit.last_log_line, readings[i].words))
			fail_msg("reading %zu: %u lines, %s", i,
			         kit.n_log_lines, kit.last_log_line);
	}
	kit_fini(&kit);
}

/* --- when --------------------------------------------------------------- */

/* However slow the answer: one request, whatever the interval and whoever
 * asks. */
static void test_single_flight(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say_raw(&kit, NULL, PEER_KEEP);
	kit_start(&kit);
	for (int i = 0; i < 10; i++) {
		test_loop_for(&kit.loop, INTERVAL_MS);
		pushgateway_check(kit.gateway);
	}
	assert_int_equal(count_requests(&kit, "GET "), 1);
	assert_int_equal(kit.n_begun, 0);
	kit_fini(&kit);
}

/* Asked for: soon, once for all who ask, and not more often than agreed. */
static void test_check(void **state)
{
	struct kit kit;
	uint64_t before_ms;

	kit_init(&kit);
	kit.options.interval_ms = LONG_MS;
	say(&kit, OK DATE, GOOD);
	say(&kit, OK DATE, GOOD);
	assert_int_equal(kit_new_gateway(&kit), 0);
	pushgateway_check(kit.gateway); /* not yet started: nothing */
	assert_int_equal(subscribe(&kit, 0, "a", NULL, PUSH_VALUE_PUSH_TIME),
	                 0);
	pushgateway_start(kit.gateway);
	wait_reading(&kit);
	before_ms = uv_now(&kit.loop.uv);
	pushgateway_check(kit.gateway);
	pushgateway_check(kit.gateway);
	wait_reading(&kit);
	assert_in_range(uv_now(&kit.loop.uv) - before_ms,
	                PUSHGATEWAY_CHECK_GAP_MS / 2, LOOP_WAIT_MS);
	test_loop_for(&kit.loop, 50);
	assert_int_equal(count_requests(&kit, "GET "), 2);
	kit_fini(&kit);
}

/* Failures space out the tries: never more of them than this. */
static void test_backoff(void **state)
{
	struct kit kit;

	kit_init(&kit);
	kit.options.interval_ms = 20;
	for (int i = 0; i < 8; i++)
		say(&kit, "HTTP/1.1 500 x\r\n", "");
	say(&kit, OK DATE, GOOD);
	say(&kit, OK DATE, GOOD);
	say(&kit, OK DATE, GOOD);
	kit_start(&kit);
	wait_reading(&kit);
	/* the next are 20, 40, 80 and 160 ms after one another */
	test_loop_for(&kit.loop, 250);
	assert_in_range(kit.n_begun, 2, 4);
	while (kit.result != READING_OK)
		wait_reading(&kit);
	assert_int_equal(kit.n_begun, 9);
	/* and goes on */
	wait_reading(&kit);
	wait_reading(&kit);
	assert_int_equal(kit.n_begun, 11);
	kit_fini(&kit);
}

/* --- ends --------------------------------------------------------------- */

static void test_close_at_every_stage(void **state)
{
	/* requests seen when it is closed; 0: before the first */
	for (size_t n = 0; n <= 3; n++) {
		struct kit kit;

		kit_init(&kit);
		say(&kit, OK DATE, GOOD);
		say_raw(&kit,
		        n < 3 ? NULL : OK DATE "Content-Length: 9\r\n\r\n{",
		        PEER_KEEP);
		kit_start(&kit);
		assert_int_equal(
			subscribe(&kit, 1, "a", "fam", PUSH_VALUE_PUSH_TIME),
			0);
		while (count_requests(&kit, "GET ") < MIN(n, 2))
			(void)uv_run(&kit.loop.uv, UV_RUN_ONCE);
		if (n == 3)
			test_loop_for(&kit.loop, 10);
		kit_close_gateway(&kit);
		test_loop_until(&kit.loop, &kit.closed);
		assert_int_equal(kit.n_begun, 0);
		kit_fini(&kit);
	}
}

static void test_close_by_the_listener(void **state)
{
	for (int act = CLOSE_IN_BEGIN; act <= CLOSE_IN_END; act++) {
		struct kit kit;

		kit_init(&kit);
		kit.act = act;
		say(&kit, OK DATE, GOOD);
		kit_start(&kit);
		assert_int_equal(
			subscribe(&kit, 1, "b", NULL, PUSH_VALUE_PUSH_TIME), 0);
		test_loop_until(&kit.loop, &kit.closed);
		assert_int_equal(kit.n_begun, 1);
		assert_int_equal(kit.n_observed, act == CLOSE_IN_BEGIN     ? 0
		                                 : act == CLOSE_IN_OBSERVE ? 1
		                                                           : 2);
		kit_fini(&kit);
	}
}

/* Two subscriptions, one reading; or an error where one can be returned, or a
 * reading that is none. */
static void try_reading(struct kit *kit)
{
	int r;

	kit->client = http_client_new(&kit->loop.uv, NULL);
	if (!kit->client)
		return;
	kit->options.client = kit->client;
	test_peer_script(&kit->peer, kit->steps, kit->n_steps);
	r = kit_new_gateway(kit);
	if (r == 0) {
		r = subscribe(kit, 0, "a", NULL, PUSH_VALUE_PUSH_TIME);
		if (r == 0)
			r = subscribe(kit, 1, "aA", "fam",
			              PUSH_VALUE_PUSH_TIME);
		if (r == 0) {
			bool good;

			pushgateway_start(kit->gateway);
			wait_reading(kit);
			good = kit->result == READING_OK;
			assert_int_equal(kit->n_observed, 2);
			assert_int_equal(kit->ages[0],
			                 good ? GOOD_AGE : UNKNOWN);
			assert_int_equal(kit->ages[1], good ? 10000 : UNKNOWN);
		}
		kit_close_gateway(kit);
		test_loop_until(&kit->loop, &kit->closed);
	}
	assert_true(r == 0 || r == -ENOMEM);
	kit->closed = false;
	http_client_close(kit->client, on_closed, kit);
	test_loop_until(&kit->loop, &kit->closed);
}

static void test_out_of_memory(void **state)
{
	struct kit kit;
	size_t n;

	kit_init(&kit);
	kit.options.interval_ms = LONG_MS;
	kit.log.emit = NULL;
	say(&kit, OK DATE, GOOD "push_time_seconds{job=\"\\\"\"} 1\n");
	say(&kit, OK DATE, API("\"job\":\"a\\u0041\"", "1970-01-01T00:01:30Z"));
	http_client_close(kit.client, on_closed, &kit);
	test_loop_until(&kit.loop, &kit.closed);
	try_reading(&kit); /* libuv's own tables grow once and stay */
	assert_int_equal(kit.result, READING_OK);
	faults_count();
	try_reading(&kit);
	n = faults_end();
	assert_true(n > 10);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		try_reading(&kit);
		assert_true(faults_end() > 0);
	}
	kit.client = NULL;
	kit.closed = true;
	kit_fini(&kit);
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
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_close_at_every_stage),
		cmocka_unit_test(test_close_by_the_listener),
		cmocka_unit_test(test_out_of_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("pushgateway", tests, NULL, NULL);
}
