/* SPDX-License-Identifier: Apache-2.0 */
/* What checks make of a health, by Docker's rules and with an integer for a
 * clock; and the checks that instances carry in their keys. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "core/probe.h"
#include "core/probe_keys.h"

#define STARTING  CONTAINER_HEALTH_STARTING
#define HEALTHY   CONTAINER_HEALTH_HEALTHY
#define UNHEALTHY CONTAINER_HEALTH_UNHEALTHY

struct row {
	uint64_t now_ms;
	bool ok;
	enum container_health health;
	uint32_t n_streak;
	bool changed;
	uint64_t next_ms;
};

static void run(const struct probe *probe, const struct row *rows)
{
	struct probe_state state;

	probe_begin(&state, probe, 1000);
	assert_int_equal(state.health, STARTING);
	for (; rows->now_ms; rows++) {
		bool changed =
			probe_result(&state, probe, rows->ok, rows->now_ms);

		if (changed != rows->changed || state.health != rows->health ||
		    state.n_streak != rows->n_streak ||
		    state.next_ms != rows->next_ms)
			fail_msg("at %u: %d %d streak %u next %u",
			         (unsigned)rows->now_ms, changed, state.health,
			         state.n_streak, (unsigned)state.next_ms);
	}
}

static void test_without_start_period(void **state)
{
	static const struct probe probe = { .interval_ms = 100,
		                            .start_interval_ms = 5,
		                            .retries = 3 };
	static const struct row rows[] = {
		{ 1100, false, STARTING, 1, false, 1200 },
		{ 1200, false, STARTING, 2, false, 1300 },
		{ 1300, false, UNHEALTHY, 3, true, 1400 },
		{ 1400, false, UNHEALTHY, 4, false, 1500 },
		{ 1500, true, HEALTHY, 0, true, 1600 },
		{ 1600, true, HEALTHY, 0, false, 1700 },
		{ 1700, false, HEALTHY, 1, false, 1800 },
		{ 1800, true, HEALTHY, 0, false, 1900 },
		{ 1900, false, HEALTHY, 1, false, 2000 },
		{ 2000, false, HEALTHY, 2, false, 2100 },
		{ 2100, false, UNHEALTHY, 3, true, 2200 },
		{ 0 },
	};

	run(&probe, rows);
}

/* Failures in it do not count, and checks come more often; the first that is
 * good ends it. */
static void test_start_period(void **state)
{
	static const struct probe probe = { .interval_ms = 100,
		                            .start_period_ms = 50,
		                            .start_interval_ms = 20,
		                            .retries = 2 };
	static const struct row slow[] = {
		{ 1020, false, STARTING, 0, false, 1040 },
		{ 1049, false, STARTING, 0, false, 1069 },
		{ 1069, false, STARTING, 1, false, 1169 },
		{ 1169, false, UNHEALTHY, 2, true, 1269 },
		{ 0 },
	};
	static const struct row quick[] = {
		{ 1020, true, HEALTHY, 0, true, 1120 },
		{ 1030, false, HEALTHY, 1, false, 1130 },
		{ 1040, false, UNHEALTHY, 2, true, 1140 },
		{ 0 },
	};
	struct probe_state first;

	run(&probe, slow);
	run(&probe, quick);
	probe_begin(&first, &probe, 1000);
	assert_int_equal(first.next_ms, 1020);
	probe_postpone(&first, &probe, 1060);
	assert_int_equal(first.next_ms, 1160);
}

static void test_render(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} rows[] = {
		{ "http://{{ ip }}:80/{{container}}", "http://::1:80/web" },
		{ "{{ ip }}", "::1" },
		{ "{{ host }}{{", "{{ host }}{{" },
		{ "a}}b", "a}}b" },
		{ "", "" },
	};
	static const struct probe with = { .type = PROBE_TCP,
		                           .address =
		                                   "{{ container }} {{ip}}" };
	static const struct probe without = { .type = PROBE_HTTP,
		                              .url = "http://ip/" };
	static const struct probe command = { .type = PROBE_EXEC };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct buf buf;

		buf_init(&buf, 100);
		probe_render(rows[i].text, "web", "::1", &buf);
		assert_string_equal(buf_text(&buf), rows[i].expected);
		buf_fini(&buf);
	}
	assert_true(probe_wants_ip(&with));
	assert_false(probe_wants_ip(&without));
	assert_false(probe_wants_ip(&command));
}

/* --- keys --------------------------------------------------------------- */

#define K "user.healthcheck."

static int read_keys(const struct container_label *labels,
                     struct probe_keys **keysp, struct err *err)
{
	struct container container = { .labels = labels };

	while (labels[container.n_labels].name)
		container.n_labels++;
	err_clear(err);
	return probe_keys_read(&container, keysp, err);
}

static void test_keys(void **state)
{
	static const struct container_label all[] = {
		{ K "test", "[\"CMD\",\"wget\",\"-q\"]" },
		{ K "interval", "10s" },
		{ K "timeout", "1500ms" },
		{ K "retries", "5" },
		{ K "start_period", "1m" },
		{ K "start_interval", "2s" },
		{ K "enabled", "true" },
		{ K "restart", "always" },
		{ 0 },
	};
	static const struct container_label few[] = {
		{ K "test", "[\"CMD-SHELL\",\"a | b\"]" },
		{ K "retries", "0" },
		{ 0 },
	};
	static const struct container_label bare[] = {
		{ K "test", "[\"pidof\",\"app\"]" },
		{ 0 },
	};
	struct probe_keys *keys;
	struct err err;

	assert_int_equal(read_keys(all, &keys, &err), 0);
	assert_int_equal(keys->probe.type, PROBE_EXEC);
	assert_string_equal(keys->probe.argv[0], "wget");
	assert_string_equal(keys->probe.argv[1], "-q");
	assert_null(keys->probe.argv[2]);
	assert_int_equal(keys->probe.interval_ms, 10000);
	assert_int_equal(keys->probe.timeout_ms, 1500);
	assert_int_equal(keys->probe.retries, 5);
	assert_int_equal(keys->probe.start_period_ms, 60000);
	assert_int_equal(keys->probe.start_interval_ms, 2000);
	probe_keys_free(keys);

	assert_int_equal(read_keys(few, &keys, &err), 0);
	assert_string_equal(keys->probe.argv[0], "/bin/sh");
	assert_string_equal(keys->probe.argv[1], "-c");
	assert_string_equal(keys->probe.argv[2], "a | b");
	assert_null(keys->probe.argv[3]);
	assert_int_equal(keys->probe.interval_ms, 30000);
	assert_int_equal(keys->probe.timeout_ms, 30000);
	assert_int_equal(keys->probe.retries, 3);
	assert_int_equal(keys->probe.start_period_ms, 0);
	assert_int_equal(keys->probe.start_interval_ms, 5000);
	probe_keys_free(keys);

	assert_int_equal(read_keys(bare, &keys, &err), 0);
	assert_string_equal(keys->probe.argv[0], "pidof");
	probe_keys_free(keys);
}

#define GOOD                                   \
	{                                      \
		K "test", "[\"CMD\",\"true\"]" \
	}

static void test_no_keys(void **state)
{
	static const struct container_label rows[][3] = {
		{ { "user.other", "x" } },
		{ { K "test", "" } },
		{ { K "test", "[\"NONE\"]" } },
		{ GOOD, { K "enabled", "false" } },
		{ GOOD, { K "ignore", "true" } },
		{ GOOD, { K "stopped", "true" } },
		{ GOOD, { K "restart", "no" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct probe_keys *keys;
		struct err err;

		assert_int_equal(read_keys(rows[i], &keys, &err), 0);
		assert_null(keys);
	}
}

static void test_bad_keys(void **state)
{
	static const struct {
		struct container_label labels[3];
		const char *words;
	} rows[] = {
		{ { { K "test", "true" } }, "test: not a list" },
		{ { { K "test", "[" } }, "test: not a list" },
		{ { { K "test", "[]" } }, "test: not a list" },
		{ { { K "test", "{}" } }, "test: not a list" },
		{ { { K "test", "[\"CMD\"]" } }, "no command" },
		{ { { K "test", "[\"CMD\",\"\"]" } }, "no command" },
		{ { { K "test", "[\"CMD\",\"a\",7]" } }, "not all of it" },
		{ { { K "test", "[\"CMD\",\"a\\u0000b\"]" } },
		  "not all of it" },
		{ { { K "test", "[\"CMD-SHELL\"]" } }, "one text" },
		{ { { K "test", "[\"CMD-SHELL\",\"a\",\"b\"]" } }, "one text" },
		{ { GOOD, { K "interval", "0s" } }, "interval: " },
		{ { GOOD, { K "interval", "soon" } }, "interval: " },
		{ { GOOD, { K "timeout", "7" } }, "timeout: " },
		{ { GOOD, { K "start_period", "-1s" } }, "start_period: " },
		{ { GOOD, { K "start_interval", "0" } }, "start_interval: " },
		{ { GOOD, { K "retries", "few" } }, "retries: " },
		{ { GOOD, { K "retries", "4294967296" } }, "retries: " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct probe_keys *keys;
		struct err err;

		assert_int_equal(read_keys(rows[i].labels, &keys, &err),
		                 -EINVAL);
		assert_null(keys);
		if (!strstr(err.message, rows[i].words))
			fail_msg("%zu: %s", i, err.message);
	}
}

static void test_keys_without_memory(void **state)
{
	static const struct container_label labels[] = {
		{ K "test", "[\"CMD-SHELL\",\"one long command line\"]" },
		{ 0 },
	};
	struct probe_keys *keys;
	struct err err;
	size_t n;

	faults_count();
	assert_int_equal(read_keys(labels, &keys, &err), 0);
	probe_keys_free(keys);
	n = faults_end();
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		/* jansson may lose a letter instead */
		if (read_keys(labels, &keys, &err) == 0)
			probe_keys_free(keys);
		else
			assert_string_not_equal(err.message, "");
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_start_period),
		cmocka_unit_test(test_start_period),
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_no_keys),
		cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_keys_without_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
