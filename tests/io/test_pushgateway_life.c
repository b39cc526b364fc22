/* SPDX-License-Identifier: Apache-2.0 */
/* The Pushgateway as a source: when it is read, and how it ends. */
#include "support/cmocka.h"
#include "pushgateway_kit.h"

#include <errno.h>
#include <string.h>
#include "source/poll.h"
#include "support/faults.h"

/* --- when --------------------------------------------------------------- */

/* However slow the answer: one request, whatever the interval and whoever
 * asks. */
static void test_single_flight(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	gw_kit_say_raw(&kit, NULL, PEER_KEEP);
	gw_kit_start(&kit);
	for (int i = 0; i < 10; i++) {
		test_loop_for(&kit.loop, INTERVAL_MS);
		pushgateway_check(kit.gateway);
	}
	assert_int_equal(gw_kit_count(&kit, "GET "), 1);
	assert_int_equal(kit.n_begun, 0);
	gw_kit_fini(&kit);
}

/* Asked for: soon, once for all who ask, and not more often than agreed. */
static void test_check(void **state)
{
	struct gw_kit kit;
	uint64_t before_ms;

	gw_kit_init(&kit);
	kit.options.interval_ms = LONG_MS;
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_say(&kit, OK DATE, GOOD);
	assert_int_equal(gw_kit_new(&kit), 0);
	pushgateway_check(kit.gateway); /* not yet started: nothing */
	assert_int_equal(
		gw_kit_subscribe(&kit, 0, "a", NULL, PUSH_VALUE_PUSH_TIME), 0);
	pushgateway_start(kit.gateway);
	gw_kit_wait(&kit);
	before_ms = uv_now(&kit.loop.uv);
	pushgateway_check(kit.gateway);
	pushgateway_check(kit.gateway);
	gw_kit_wait(&kit);
	assert_in_range(uv_now(&kit.loop.uv) - before_ms, POLL_GAP_MS / 2,
	                LOOP_WAIT_MS);
	test_loop_for(&kit.loop, 50);
	assert_int_equal(gw_kit_count(&kit, "GET "), 2);
	gw_kit_fini(&kit);
}

/* Failures space out the tries: never more of them than this. */
static void test_backoff(void **state)
{
	struct gw_kit kit;

	gw_kit_init(&kit);
	kit.options.interval_ms = 20;
	for (int i = 0; i < 8; i++)
		gw_kit_say(&kit, "HTTP/1.1 500 x\r\n", "");
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_say(&kit, OK DATE, GOOD);
	gw_kit_start(&kit);
	gw_kit_wait(&kit);
	/* the next are 20, 40, 80 and 160 ms after one another */
	test_loop_for(&kit.loop, 250);
	assert_in_range(kit.n_begun, 2, 4);
	while (kit.result != READING_OK)
		gw_kit_wait(&kit);
	assert_int_equal(kit.n_begun, 9);
	/* and goes on */
	gw_kit_wait(&kit);
	gw_kit_wait(&kit);
	assert_int_equal(kit.n_begun, 11);
	gw_kit_fini(&kit);
}

/* --- ends --------------------------------------------------------------- */

static void test_close_at_every_stage(void **state)
{
	/* requests seen when it is closed; 0: before the first */
	for (size_t n = 0; n <= 3; n++) {
		struct gw_kit kit;

		gw_kit_init(&kit);
		gw_kit_say(&kit, OK DATE, GOOD);
		gw_kit_say_raw(&kit,
		               n < 3 ? NULL
		                     : OK DATE "Content-Length: 9\r\n\r\n{",
		               PEER_KEEP);
		gw_kit_start(&kit);
		assert_int_equal(gw_kit_subscribe(&kit, 1, "a", "fam",
		                                  PUSH_VALUE_PUSH_TIME),
		                 0);
		while (gw_kit_count(&kit, "GET ") < MIN(n, 2))
			(void)uv_run(&kit.loop.uv, UV_RUN_ONCE);
		if (n == 3)
			test_loop_for(&kit.loop, 10);
		gw_kit_close(&kit);
		test_loop_until(&kit.loop, &kit.closed);
		assert_int_equal(kit.n_begun, 0);
		gw_kit_fini(&kit);
	}
}

static void test_close_by_the_listener(void **state)
{
	for (int act = CLOSE_IN_BEGIN; act <= CLOSE_IN_END; act++) {
		struct gw_kit kit;

		gw_kit_init(&kit);
		kit.act = act;
		gw_kit_say(&kit, OK DATE, GOOD);
		gw_kit_start(&kit);
		assert_int_equal(gw_kit_subscribe(&kit, 1, "b", NULL,
		                                  PUSH_VALUE_PUSH_TIME),
		                 0);
		test_loop_until(&kit.loop, &kit.closed);
		assert_int_equal(kit.n_begun, 1);
		assert_int_equal(kit.n_observed, act == CLOSE_IN_BEGIN     ? 0
		                                 : act == CLOSE_IN_OBSERVE ? 1
		                                                           : 2);
		gw_kit_fini(&kit);
	}
}

/* Two subscriptions, one reading; or an error where one can be returned, or a
 * reading that is none. */
static void try_reading(struct gw_kit *kit)
{
	int r;

	kit->client = http_client_new(&kit->loop.uv, NULL);
	if (!kit->client)
		return;
	kit->options.client = kit->client;
	test_peer_script(&kit->peer, kit->steps, kit->n_steps);
	r = gw_kit_new(kit);
	if (r == 0) {
		r = gw_kit_subscribe(kit, 0, "a", NULL, PUSH_VALUE_PUSH_TIME);
		if (r == 0)
			r = gw_kit_subscribe(kit, 1, "aA", "fam",
			                     PUSH_VALUE_PUSH_TIME);
		if (r == 0) {
			bool good;

			pushgateway_start(kit->gateway);
			gw_kit_wait(kit);
			good = kit->result == READING_OK;
			assert_int_equal(kit->n_observed, 2);
			assert_int_equal(kit->ages[0],
			                 good ? GOOD_AGE : UNKNOWN);
			assert_int_equal(kit->ages[1], good ? 10000 : UNKNOWN);
		}
		gw_kit_close(kit);
		test_loop_until(&kit->loop, &kit->closed);
	}
	assert_true(r == 0 || r == -ENOMEM);
	kit->closed = false;
	http_client_close(kit->client, gw_kit_on_closed, kit);
	test_loop_until(&kit->loop, &kit->closed);
}

static void test_out_of_memory(void **state)
{
	struct gw_kit kit;
	size_t n;

	gw_kit_init(&kit);
	kit.options.interval_ms = LONG_MS;
	kit.log.emit = NULL;
	gw_kit_say(&kit, OK DATE, GOOD "push_time_seconds{job=\"\\\"\"} 1\n");
	gw_kit_say(&kit, OK DATE,
	           API("\"job\":\"a\\u0041\"", "1970-01-01T00:01:30Z"));
	http_client_close(kit.client, gw_kit_on_closed, &kit);
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
	gw_kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_flight),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_backoff),
		cmocka_unit_test(test_close_at_every_stage),
		cmocka_unit_test(test_close_by_the_listener),
		cmocka_unit_test(test_out_of_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("pushgateway, life", tests, NULL,
	                                   NULL);
}
