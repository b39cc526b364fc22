/* SPDX-License-Identifier: Apache-2.0 */
/* A query as a source: when it is asked, and how it ends. */
#include "support/cmocka.h"
#include "query_kit.h"

#include <errno.h>
#include <string.h>
#include "source/poll.h"
#include "support/faults.h"

/* --- when --------------------------------------------------------------- */

/* However slow the answer: one request, whatever the interval and whoever
 * asks. */
static void test_single_flight(void **state)
{
	struct query_kit kit;

	query_kit_init(&kit);
	query_kit_say_raw(&kit, 0, NULL, PEER_KEEP);
	query_kit_start(&kit);
	for (int i = 0; i < 10; i++) {
		test_loop_for(&kit.loop, INTERVAL_MS);
		query_check(kit.query);
	}
	assert_int_equal(query_kit_count(&kit, 0, "POST "), 1);
	assert_int_equal(kit.n_begun, 0);
	query_kit_fini(&kit);
}

/* Asked for: soon, once for all who ask, and not more often than agreed. */
static void test_check(void **state)
{
	struct query_kit kit;
	uint64_t before_ms;

	query_kit_init(&kit);
	kit.options.interval_ms = LONG_MS;
	query_kit_say(&kit, 0, OK, GOOD);
	query_kit_say(&kit, 0, OK, GOOD);
	assert_int_equal(query_kit_new(&kit), 0);
	query_check(kit.query); /* not yet started: nothing */
	before_ms = uv_now(&kit.loop.uv);
	query_start(kit.query);
	query_kit_wait(&kit);
	/* the first is not an interval away */
	assert_in_range(uv_now(&kit.loop.uv) - before_ms, 0, LOOP_WAIT_MS);
	before_ms = uv_now(&kit.loop.uv);
	query_check(kit.query);
	query_check(kit.query);
	query_kit_wait(&kit);
	assert_in_range(uv_now(&kit.loop.uv) - before_ms, POLL_GAP_MS / 2,
	                LOOP_WAIT_MS);
	test_loop_for(&kit.loop, 50);
	assert_int_equal(query_kit_count(&kit, 0, "POST "), 2);
	query_kit_fini(&kit);
}

/* Failures space out the tries: never more of them than this. */
static void test_backoff(void **state)
{
	struct query_kit kit;

	query_kit_init(&kit);
	kit.options.interval_ms = 20;
	for (int i = 0; i < 8; i++)
		query_kit_say(&kit, 0, "HTTP/1.1 500 x\r\n", "");
	query_kit_say(&kit, 0, OK, GOOD);
	query_kit_say(&kit, 0, OK, GOOD);
	query_kit_start(&kit);
	query_kit_wait(&kit);
	/* the next are 20, 40, 80 and 160 ms after one another */
	test_loop_for(&kit.loop, 250);
	assert_in_range(kit.n_begun, 2, 4);
	while (kit.result != READING_OK)
		query_kit_wait(&kit);
	assert_int_equal(kit.n_begun, 9);
	query_kit_wait(&kit);
	assert_int_equal(kit.n_begun, 10);
	query_kit_fini(&kit);
}

/* Many of them do not begin at once. */
static void test_spread(void **state)
{
	struct query_kit kit;
	uint64_t first_ms;
	uint64_t other_ms;

	query_kit_init(&kit);
	kit.options.interval_ms = LONG_MS;
	kit.options.seed = 1;
	query_kit_start(&kit);
	uv_update_time(&kit.loop.uv);
	first_ms = (uint64_t)uv_backend_timeout(&kit.loop.uv);
	query_kit_close(&kit);
	test_loop_until(&kit.loop, &kit.closed);
	kit.options.seed = 2;
	query_kit_start(&kit);
	uv_update_time(&kit.loop.uv);
	other_ms = (uint64_t)uv_backend_timeout(&kit.loop.uv);
	assert_in_range(first_ms, 0, 1000);
	assert_in_range(other_ms, 0, 1000);
	assert_int_not_equal(first_ms, other_ms);
	query_kit_fini(&kit);
}

/* --- ends --------------------------------------------------------------- */

static void test_close_at_every_stage(void **state)
{
	/* requests seen by both servers when it is closed; 0: before the
	 * first */
	for (size_t n = 0; n <= 3; n++) {
		struct query_kit kit;

		query_kit_init(&kit);
		kit.options.n_urls = 2;
		query_kit_say(&kit, 0, "HTTP/1.1 500 x\r\n", "");
		query_kit_say_raw(
			&kit, 1, n < 3 ? NULL : OK "Content-Length: 9\r\n\r\n{",
			PEER_KEEP);
		query_kit_start(&kit);
		while (query_kit_count(&kit, 0, "POST ") +
		               query_kit_count(&kit, 1, "POST ") <
		       MIN(n, 2))
			(void)uv_run(&kit.loop.uv, UV_RUN_ONCE);
		if (n == 3)
			test_loop_for(&kit.loop, 10);
		query_kit_close(&kit);
		test_loop_until(&kit.loop, &kit.closed);
		assert_int_equal(kit.n_begun, 0);
		query_kit_fini(&kit);
	}
}

static void test_close_by_the_listener(void **state)
{
	for (int act = CLOSE_IN_BEGIN; act <= CLOSE_IN_END; act++) {
		for (int good = 0; good <= 1; good++) {
			struct query_kit kit;

			query_kit_init(&kit);
			kit.act = act;
			query_kit_say(&kit, 0, good ? OK : "HTTP/1.1 500 x\r\n",
			              GOOD);
			query_kit_start(&kit);
			test_loop_until(&kit.loop, &kit.closed);
			assert_int_equal(kit.n_begun, 1);
			assert_int_equal(kit.n_samples_calls,
			                 act != CLOSE_IN_BEGIN);
			query_kit_fini(&kit);
		}
	}
}

/* One reading of two servers; or an error where one can be returned, or a
 * reading that is none. */
static void try_reading(struct query_kit *kit)
{
	int r;

	kit->client = http_client_new(&kit->loop.uv, NULL);
	if (!kit->client)
		return;
	kit->options.client = kit->client;
	for (size_t i = 0; i < 2; i++)
		test_peer_script(&kit->servers[i].peer, kit->servers[i].steps,
		                 kit->servers[i].n_steps);
	r = query_kit_new(kit);
	if (r == 0) {
		query_start(kit->query);
		query_kit_wait(kit);
		if (kit->result == READING_OK) {
			assert_int_equal(kit->n, 2);
			assert_string_equal(kit->labels, "a=b\"c,job=a,");
			assert_true(kit->value == 1.5);
		} else {
			assert_false(kit->read);
		}
		query_kit_close(kit);
		test_loop_until(&kit->loop, &kit->closed);
	}
	assert_true(r == 0 || r == -ENOMEM);
	kit->closed = false;
	http_client_close(kit->client, query_kit_on_closed, kit);
	test_loop_until(&kit->loop, &kit->closed);
}

static void test_out_of_memory(void **state)
{
	static const struct source_header header = { "X-Scope-OrgID", "team" };
	struct source_credentials credentials = { .headers = &header,
		                                  .n_headers = 1 };
	struct query_kit kit;
	char path[108];
	size_t n_good = 0;
	FILE *file;
	size_t n;

	query_kit_init(&kit);
	credentials.basic_auth_file = test_loop_path(&kit.loop, "secret", path);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs("me:pass\n", file) >= 0);
	assert_int_equal(fclose(file), 0);
	kit.options.credentials = &credentials;
	kit.options.interval_ms = LONG_MS;
	kit.options.n_urls = 2;
	kit.log.emit = NULL;
	query_kit_say(&kit, 0, "HTTP/1.1 503 x\r\n", "warming up");
	query_kit_say(&kit, 1, OK,
	              VECTOR(SERIES("\"job\":\"a\",\"a\":\"b\\\"c\"",
	                            "1.5") "," SERIES("", "2")));
	http_client_close(kit.client, query_kit_on_closed, &kit);
	test_loop_until(&kit.loop, &kit.closed);
	try_reading(&kit); /* libuv's own tables grow once and stay */
	assert_int_equal(kit.result, READING_OK);
	faults_count();
	try_reading(&kit);
	n = faults_end();
	assert_true(n > 10);
	for (size_t k = 1; k <= n; k++) {
		kit.result = READING_ERROR;
		faults_fail(k);
		try_reading(&kit);
		assert_true(faults_end() > 0);
		n_good += kit.result == READING_OK;
	}
	/* of the words of the first, and no more, one can do without */
	assert_true(n_good < n / 2);
	kit.client = NULL;
	kit.closed = true;
	query_kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_close_at_every_stage),
		cmocka_unit_test(test_close_by_the_listener),
		cmocka_unit_test(test_out_of_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("query, life", tests, NULL, NULL);
}
