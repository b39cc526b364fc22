/* SPDX-License-Identifier: Apache-2.0 */
/* An exporter as a source: what it is asked, and what is told for every kind
 * of answer. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "io/http_client.h"
#include "source/scrape.h"
#include "support/faults.h"
#include "support/loop.h"
#include "support/peer.h"

#define N_MAX       3
#define MAX_STEPS   16
#define INTERVAL_MS 10
#define LONG_MS     3600000
#define MAX_BODY    65536

#define OK   "HTTP/1.1 200 OK\r\n"
#define TEXT OK "Content-Type: text/plain; version=0.0.4\r\n"
#define METRICS \
	OK "Content-Type: application/openmetrics-text; version=1.0.0\r\n"
#define GOOD      "up{a=\"1\"} 1\nup{a=\"2\"} 2.5\nother 3\n"
#define GOOD_TOLD "a=1:1 a=2:2.5 "
#define HTML      "<html><body>502 Bad Gateway</body></html>\n"

enum act { LISTEN, CLOSE_IN_BEGIN, CLOSE_IN_SAMPLES, CLOSE_IN_END };

struct kit {
	struct test_loop loop;
	struct test_peer peer;
	struct http_client *client;
	struct scrape *scrape;
	struct log log;
	struct scrape_options options;
	struct peer_step steps[MAX_STEPS];
	size_t n_steps;
	char *answers[MAX_STEPS];
	char url[256];
	enum act act;

	/* of the last reading */
	enum reading_result result;
	char detail[ERR_MESSAGE_SIZE];
	char told[N_MAX][256]; /* "?" for unknown */

	unsigned n_begun;
	unsigned n_ended;
	bool published;
	bool closed;
	bool peer_closed;
	char log_text[4096];
};

static void on_closed(void *context)
{
	((struct kit *)context)->closed = true;
}

static void kit_close(struct kit *kit)
{
	struct scrape *scrape = kit->scrape;

	kit->scrape = NULL;
	kit->closed = false;
	scrape_close(scrape, on_closed, kit);
	assert_false(kit->closed);
}

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
	struct kit *kit = context;

	assert_int_equal(kit->n_begun, kit->n_ended);
	assert_null(strchr(source->name, '?'));
	assert_null(strchr(source->name, '@'));
	kit->n_begun++;
	kit->result = reading->result;
	(void)snprintf(kit->detail, sizeof(kit->detail), "%s", reading->detail);
	for (size_t i = 0; i < N_MAX; i++)
		kit->told[i][0] = '\0';
	if (kit->act == CLOSE_IN_BEGIN)
		kit_close(kit);
}

static void on_samples(void *context, struct source *source,
                       uint32_t subscription, const struct sample *samples,
                       size_t n)
{
	struct kit *kit = context;
	char *out = kit->told[subscription];
	size_t size = sizeof(kit->told[0]);
	size_t at = 0;

	assert_non_null(kit->scrape);
	assert_string_equal(out, "");
	if (!samples)
		(void)snprintf(out, size, "?");
	for (size_t i = 0; samples && i < n && at < size; i++) {
		for (size_t j = 0; j < samples[i].n_labels && at < size; j++)
			at += (size_t)snprintf(
				out + at, size - at, SLICE_FMT "=" SLICE_FMT,
				SLICE_ARG(samples[i].labels[j].name),
				SLICE_ARG(samples[i].labels[j].value));
		if (at < size)
			at += (size_t)snprintf(out + at, size - at, ":%g ",
			                       samples[i].value);
	}
	if (kit->act == CLOSE_IN_SAMPLES)
		kit_close(kit);
}

static void on_end(void *context, struct source *source)
{
	struct kit *kit = context;

	assert_non_null(kit->scrape);
	kit->n_ended++;
	kit->published = true;
	if (kit->act == CLOSE_IN_END)
		kit_close(kit);
}

static void on_log(void *context, enum log_level level, struct slice line)
{
	struct kit *kit = context;
	size_t n = strlen(kit->log_text);

	(void)snprintf(kit->log_text + n, sizeof(kit->log_text) - n, SLICE_FMT,
	               SLICE_ARG(line));
}

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
	(void)snprintf(kit->url, sizeof(kit->url), "%s", kit->peer.url);
	kit->options = (struct scrape_options){
		.loop = &kit->loop.uv,
		.client = kit->client,
		.log = &kit->log,
		.url = kit->url,
		.interval_ms = INTERVAL_MS,
		.timeout_ms = 5000,
		.max_body = MAX_BODY,
		.seed = 42,
	};
}

static int kit_new(struct kit *kit, struct err *err)
{
	struct samples_listener listener = { .begin = on_begin,
		                             .samples = on_samples,
		                             .end = on_end,
		                             .context = kit };

	return scrape_new(&kit->options, &listener, &kit->scrape, err);
}

static void subscribe(struct kit *kit, uint32_t number, const char *name,
                      const char *matchers)
{
	struct scrape_query query = { name, matchers };

	assert_int_equal(scrape_subscribe(kit->scrape, number, &query, NULL),
	                 0);
}

/* 0: up; 1: up{a="2"}; 2: none. */
static void start(struct kit *kit)
{
	struct err err = { 0 };

	if (kit_new(kit, &err) < 0)
		fail_msg("%s", err.message);
	subscribe(kit, 0, "up", NULL);
	subscribe(kit, 1, "up", "a=\"2\"");
	subscribe(kit, 2, "none", NULL);
	scrape_start(kit->scrape);
}

static void wait_for(struct kit *kit)
{
	kit->published = false;
	test_loop_until(&kit->loop, &kit->published);
}

static void client_closed(void *context)
{
	*(bool *)context = true;
}

static void close_client(struct kit *kit)
{
	bool closed = false;

	http_client_close(kit->client, client_closed, &closed);
	test_loop_until(&kit->loop, &closed);
	kit->client = NULL;
}

static void kit_fini(struct kit *kit)
{
	if (kit->scrape) {
		kit_close(kit);
		test_loop_until(&kit->loop, &kit->closed);
	}
	if (kit->client)
		close_client(kit);
	if (!kit->peer_closed)
		test_peer_close(&kit->peer);
	for (size_t i = 0; i < kit->n_steps; i++)
		free(kit->answers[i]);
	test_loop_fini(&kit->loop);
}

/* --- good readings ---------------------------------------------------------- */

static void test_text(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say_raw(&kit,
	        TEXT "Transfer-Encoding: chunked\r\n\r\n"
	             "11\r\n# TYPE up gauge\nu\r\n19\r\np{a=\"1\"} "
	             "1\nup{a=\"2\"} 2.5\n\r\n"
	             "0\r\n\r\n",
	        PEER_KEEP);
	say(&kit, TEXT, "up 7\nnone{x=\"y\"} 8");
	start(&kit);
	wait_for(&kit);
	assert_string_equal(kit.detail, "");
	assert_int_equal(kit.result, READING_OK);
	assert_string_equal(kit.told[0], GOOD_TOLD);
	assert_string_equal(kit.told[1], "a=2:2.5 ");
	assert_string_equal(kit.told[2], "");
	wait_for(&kit);
	assert_string_equal(kit.told[0], ":7 ");
	assert_string_equal(kit.told[1], "");
	assert_string_equal(kit.told[2], "x=y:8 ");
	/* one connection; what is offered; the usual path */
	assert_int_equal(kit.peer.n_accepted, 1);
	assert_non_null(strstr(test_peer_received(&kit.peer),
	                       "GET /metrics HTTP/1.1\r\n"));
	assert_non_null(strstr(test_peer_received(&kit.peer),
	                       "Accept: application/openmetrics-text;"
	                       "version=1.0.0;"));
	assert_non_null(strstr(test_peer_received(&kit.peer),
	                       "X-Prometheus-Scrape-Timeout-Seconds: 5\r\n"));
	kit_fini(&kit);
}

static void test_openmetrics(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say(&kit, METRICS,
	    "# TYPE up gauge\nup{a=\"1\"} 1 1520879607.789\nup{a=\"2\"} 2.5 # "
	    "{id=\"x\"} 1\n{\"none\",x=\"y\"} 8\n# EOF\n");
	/* the same body, cut off where a line ends */
	say(&kit, METRICS, "# TYPE up gauge\nup{a=\"1\"} 1\n");
	/* the end is one, also without a line feed and a length */
	say_raw(&kit, METRICS "\r\nup{a=\"2\"} 1\n# EOF", PEER_CLOSE);
	/* whoever says text is read as text */
	say(&kit, TEXT, "up{a=\"2\"} 1 12\n\n# a comment\n");
	/* an exporter that says OpenMetrics, and is not */
	say(&kit, METRICS, "# a comment\n\n\nup 1\n");
	start(&kit);
	wait_for(&kit);
	assert_string_equal(kit.detail, "");
	assert_string_equal(kit.told[0], GOOD_TOLD);
	assert_string_equal(kit.told[2], "x=y:8 ");
	wait_for(&kit);
	assert_int_equal(kit.result, READING_TRUNCATED);
	assert_non_null(strstr(kit.detail, "does not end with # EOF"));
	assert_string_equal(kit.told[0], "?");
	assert_string_equal(kit.told[2], "?");
	wait_for(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_string_equal(kit.told[0], "a=2:1 ");
	wait_for(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_string_equal(kit.told[0], "a=2:1 ");
	wait_for(&kit);
	assert_int_equal(kit.result, READING_NOT_EXPOSITION);
	kit_fini(&kit);
}

/* What is left out makes unknown whom it may concern, and is logged once. */
static void test_left_out(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say(&kit, TEXT, "up{a=\"2\"} 1\nup{a=\"1} 1\nnone 1\n");
	say(&kit, TEXT, "up{a=\"2\"} 1\nup{a=\"1} 1\n<garbage>\n");
	say(&kit, TEXT, GOOD);
	start(&kit);
	wait_for(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_string_equal(kit.told[0], "?");
	assert_string_equal(kit.told[1], "?");
	assert_string_equal(kit.told[2], ":1 ");
	assert_non_null(strstr(kit.log_text, "a line of this metric cannot"));
	assert_non_null(strstr(kit.log_text, "metric=up"));
	assert_non_null(strstr(kit.log_text, "parts of a source were left"));
	kit.log_text[0] = '\0';
	wait_for(&kit);
	assert_int_equal(kit.result, READING_NOT_EXPOSITION);
	wait_for(&kit);
	assert_string_equal(kit.told[0], GOOD_TOLD);
	assert_string_equal(kit.told[2], "");
	assert_null(strstr(kit.log_text, "left out"));
	kit_fini(&kit);
}

/* --- bad ones ---------------------------------------------------------------- */

static void test_failures(void **state)
{
	static const struct {
		const char *head;
		const char *body;
		enum reading_result result;
		const char *words;
	} rows[] = {
		{ "HTTP/1.1 401 Unauthorized\r\n", "", READING_STATUS,
		  "HTTP status 401 Unauthorized; who we are is said by "
		  "token_file" },
		{ "HTTP/1.1 404 Not Found\r\n", GOOD, READING_STATUS,
		  "HTTP status 404 Not Found; is its path right?" },
		{ "HTTP/1.1 302 Found\r\nLocation: /login\r\n", "",
		  READING_STATUS, "HTTP status 302 Found; it leads to /login" },
		{ "HTTP/1.1 500 Internal Server Error\r\n", GOOD,
		  READING_STATUS, "HTTP status 500" },
		{ TEXT, HTML, READING_NOT_EXPOSITION, "in no text format" },
		{ OK "Content-Type: application/vnd.google.protobuf; "
		     "encoding=delimited\r\n",
		  GOOD, READING_NOT_EXPOSITION, "in protobuf" },
		{ TEXT "Content-Encoding: gzip\r\n", GOOD,
		  READING_NOT_EXPOSITION, "compressed" },
		{ "nonsense\r\n", "", READING_ERROR, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit kit;

		kit_init(&kit);
		say(&kit, rows[i].head, rows[i].body);
		start(&kit);
		wait_for(&kit);
		if (kit.result != rows[i].result ||
		    !strstr(kit.detail, rows[i].words))
			fail_msg("row %zu: %s: %s", i,
			         reading_result_name(kit.result), kit.detail);
		assert_string_equal(kit.told[0], "?");
		assert_string_equal(kit.told[2], "?");
		assert_non_null(strstr(kit.log_text, "cannot be read"));
		kit_fini(&kit);
	}
}

static void test_transport(void **state)
{
	struct kit kit;

	kit_init(&kit);
	kit.options.timeout_ms = 100;
	kit.options.max_body = 16;
	say_raw(&kit, NULL, PEER_KEEP);
	say_raw(&kit, TEXT "\r\nup{a=\"1\"} 1", PEER_CLOSE);
	say_raw(&kit, TEXT "Content-Length: 14\r\n\r\nup 1\n", PEER_CLOSE);
	say_raw(&kit, TEXT "\r\n" GOOD GOOD, PEER_CLOSE);
	start(&kit);
	wait_for(&kit);
	assert_int_equal(kit.result, READING_TIMEOUT);
	wait_for(&kit);
	assert_int_equal(kit.result, READING_TRUNCATED);
	assert_non_null(strstr(kit.detail, "middle of a line"));
	wait_for(&kit);
	assert_int_equal(kit.result, READING_TRUNCATED);
	wait_for(&kit);
	assert_int_equal(kit.result, READING_TOO_LARGE);
	assert_string_equal(kit.told[0], "?");
	test_peer_close(&kit.peer);
	kit.peer_closed = true;
	wait_for(&kit);
	assert_int_equal(kit.result, READING_REFUSED);
	kit_fini(&kit);
}

/* --- how it is asked --------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_credentials(void **state)
{
	static const struct source_header headers[] = {
		{ "X-Scope-OrgID", "team" },
		{ "accept", "text/plain" },
	};
	struct source_credentials credentials = { .headers = headers,
		                                  .n_headers = 2 };
	char path[108];
	struct kit kit;

	kit_init(&kit);
	(void)test_loop_path(&kit.loop, "token", path);
	credentials.token_file = path;
	kit.options.credentials = &credentials;
	(void)snprintf(kit.url, sizeof(kit.url), "%s/probe?target=x&m=y",
	               kit.peer.url);
	say(&kit, TEXT, GOOD);
	say(&kit, TEXT, GOOD);
	start(&kit);
	wait_for(&kit);
	assert_int_equal(kit.result, READING_ERROR);
	assert_non_null(strstr(kit.detail, "token"));
	assert_int_equal(kit.peer.n_accepted, 0);
	write_file(path, "abc\n");
	wait_for(&kit);
	assert_int_equal(kit.result, READING_OK);
	/* read again each time */
	write_file(path, "def\n");
	wait_for(&kit);
	assert_int_equal(kit.result, READING_OK);
	assert_non_null(strstr(test_peer_received(&kit.peer),
	                       "GET /probe?target=x&m=y HTTP/1.1\r\n"));
	assert_non_null(strstr(test_peer_received(&kit.peer),
	                       "Authorization: Bearer abc\r\n"));
	assert_non_null(strstr(test_peer_received(&kit.peer),
	                       "Authorization: Bearer def\r\n"));
	assert_non_null(strstr(test_peer_received(&kit.peer),
	                       "X-Scope-OrgID: team\r\n"));
	assert_non_null(strstr(test_peer_received(&kit.peer),
	                       "accept: text/plain\r\n"));
	assert_null(strstr(test_peer_received(&kit.peer), "openmetrics"));
	kit_fini(&kit);
}

static void test_urls(void **state)
{
	static const struct {
		const char *url;
		const char *words;
	} rows[] = {
		{ "localhost:9100", "begins with http://" },
		{ "http://", "" },
		{ "http://h/a#b", "no #" },
		{ "http://h?a=b", "/ is missing" },
		{ "http://h/a b", "printable" },
	};
	struct kit kit;

	kit_init(&kit);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };

		kit.options.url = rows[i].url;
		assert_int_equal(kit_new(&kit, &err), -EINVAL);
		if (err.message[0] == '\0' ||
		    !strstr(err.message, rows[i].words))
			fail_msg("%s: %s", rows[i].url, err.message);
	}
	kit_fini(&kit);
}

/* --- life -------------------------------------------------------------------- */

static void test_check(void **state)
{
	struct kit kit;

	kit_init(&kit);
	kit.options.interval_ms = LONG_MS;
	say(&kit, TEXT, GOOD);
	say(&kit, TEXT, "up 2\n");
	start(&kit);
	wait_for(&kit);
	scrape_check(kit.scrape);
	wait_for(&kit);
	assert_string_equal(kit.told[0], ":2 ");
	kit_fini(&kit);
}

static void test_closed_by_the_listener(void **state)
{
	for (enum act act = CLOSE_IN_BEGIN; act <= CLOSE_IN_END; act++) {
		struct kit kit;

		kit_init(&kit);
		kit.act = act;
		say(&kit, TEXT, GOOD);
		start(&kit);
		test_loop_until(&kit.loop, &kit.closed);
		assert_int_equal(kit.n_begun, 1);
		assert_int_equal(kit.n_ended, act == CLOSE_IN_END);
		kit_fini(&kit);
	}
}

static void test_closed_while_it_reads(void **state)
{
	struct kit kit;

	kit_init(&kit);
	say_raw(&kit, TEXT "Content-Length: 100\r\n\r\nup 1\n", PEER_KEEP);
	start(&kit);
	while (kit.peer.n_steps_done == 0)
		test_loop_for(&kit.loop, LOOP_TICK_MS);
	kit_close(&kit);
	test_loop_until(&kit.loop, &kit.closed);
	assert_int_equal(kit.n_begun, 0);
	kit_fini(&kit);
}

/* One allocation after the other fails: each reading ends, and once. */
static void try_reading(struct kit *kit)
{
	struct scrape_query query = { "up", "a=~\"[0-9]\"" };

	test_peer_script(&kit->peer, kit->steps, kit->n_steps);
	kit->result = READING_ERROR;
	kit->client = http_client_new(&kit->loop.uv, NULL);
	if (!kit->client)
		return;
	kit->options.client = kit->client;
	if (kit_new(kit, NULL) == 0) {
		if (scrape_subscribe(kit->scrape, 0, &query, NULL) == 0) {
			bool good;

			scrape_start(kit->scrape);
			wait_for(kit);
			good = kit->result == READING_OK;
			assert_string_equal(kit->told[0],
			                    good ? GOOD_TOLD : "?");
		}
		kit_close(kit);
		test_loop_until(&kit->loop, &kit->closed);
	}
	close_client(kit);
}

static void test_no_memory(void **state)
{
	struct kit kit;
	size_t n;

	kit_init(&kit);
	kit.options.interval_ms = LONG_MS;
	kit.log.emit = NULL;
	say(&kit, TEXT, "# HELP up \\\\\n" GOOD);
	close_client(&kit);
	try_reading(&kit); /* libuv's own tables grow once and stay */
	assert_int_equal(kit.result, READING_OK);
	faults_count();
	try_reading(&kit);
	n = faults_end();
	assert_int_equal(kit.result, READING_OK);
	assert_true(n > 10);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		try_reading(&kit);
		assert_true(faults_end() > 0);
	}
	kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_openmetrics),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_transport),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_closed_by_the_listener),
		cmocka_unit_test(test_closed_while_it_reads),
		cmocka_unit_test(test_no_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("scrape", tests, NULL, NULL);
}
