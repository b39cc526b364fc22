/* SPDX-License-Identifier: Apache-2.0 */
/* config: what comes of a file: the seed, defaults, every key. */
#include "support/cmocka.h"

#include <string.h>
#include "config_kit.h"

#define MINUTE UINT64_C(60000)
#define HOUR   UINT64_C(3600000)

static void test_seed(void **state)
{
	struct config *config = config_kit_load(config_seed);
	const struct config_monitor *m = config->monitors;

	assert_string_equal(config->file, "t.yml");
	assert_int_equal(config->global.check_interval_ms, MINUTE);
	assert_int_equal(config->global.log_level, LOG_LEVEL_INFO);
	assert_string_equal(config->global.socket_lxd,
	                    "/var/snap/lxd/common/lxd/unix.socket");
	assert_string_equal(config->global.socket_docker,
	                    "/var/run/docker.sock");
	assert_string_equal(config->global.push_gw, "http://pushgateway:9091");
	assert_string_equal(config->global.addr, ":9090");

	assert_int_equal(config->n_monitors, 2);
	assert_string_equal(m[0].name, "API Exporter");
	assert_int_equal(m[0].rules.max_age_ms, HOUR + 30 * MINUTE);
	assert_int_equal(m[0].type, CONFIG_TARGET_DOCKER);
	assert_string_equal(m[0].container_name, "prom-stack_api-exporter_1");
	assert_int_equal(m[0].n_labels, 1);
	assert_string_equal(m[0].labels[0].name, "job");
	assert_string_equal(m[0].labels[0].value, "api_exporter");
	assert_int_equal(m[0].n_steps, 1);
	assert_int_equal(m[0].steps[0].kind, STEP_RESTART);

	assert_int_equal(m[1].type, CONFIG_TARGET_LXD);
	assert_int_equal(m[1].n_steps, 1);
	assert_int_equal(m[1].steps[0].kind, STEP_EXEC);
	assert_string_equal(m[1].steps[0].argv[0], "/bin/systemctl");
	assert_string_equal(m[1].steps[0].argv[2], "weewx");
	assert_null(m[1].steps[0].argv[3]);
	assert_ptr_equal(m[0].push_gw, config->global.push_gw);
	assert_ptr_equal(m[0].labels[0].name, m[1].labels[0].name);
	config_free(config);
}

static void test_global_defaults(void **state)
{
	struct config *config = config_kit_load(REST);
	const struct config_global *g = &config->global;

	assert_int_equal(g->check_interval_ms, MINUTE);
	assert_int_equal(g->fetch_timeout_ms, 10000);
	assert_int_equal(g->max_body, 64u << 20);
	assert_int_equal(g->log_level, LOG_LEVEL_INFO);
	assert_int_equal(g->log_format, LOG_FORMAT_LOGFMT);
	assert_string_equal(g->socket_docker, "/var/run/docker.sock");
	assert_null(g->socket_podman);
	assert_null(g->socket_lxd);
	assert_null(g->socket_incus);
	assert_string_equal(g->push_gw, "http://localhost:9091");
	assert_string_equal(g->addr, ":9090");
	assert_string_equal(g->state_dir, "/var/lib/bouncer");
	assert_int_equal(g->max_parallel, 64);
	assert_int_equal(g->max_connections, 512);
	assert_int_equal(g->journal_size, 1000);
	assert_int_equal(g->storm_share, 50);
	assert_int_equal(g->storm_min, 5);
	assert_int_equal(g->storm_window_ms, 5 * MINUTE);
	assert_int_equal(g->shutdown_timeout_ms, 30000);
	config_free(config);
}

static void test_monitor_defaults(void **state)
{
	static const struct {
		const char *text; /* of `global` and of the monitor */
		uint64_t cooldown_ms;
		uint64_t verify_ms;
		uint64_t backoff_max_ms;
		uint64_t start_grace_ms;
	} rows[] = {
		{ "max_age: 5m", 5 * MINUTE, 5 * MINUTE, HOUR, 30000 },
		/* a grace no longer than the limit; time for two checks */
		{ "max_age: 10s", 10000, 2 * MINUTE, HOUR, 10000 },
		{ "max_age: 10s, check_interval: 2s", 10000, 10000, HOUR,
		  10000 },
		/* waiting never gets shorter than the cooldown */
		{ "max_age: 3h", 3 * HOUR, 3 * HOUR, 3 * HOUR, 30000 },
		{ "max_age: 3h, cooldown: 0s, backoff_max: 1s", 0, 3 * HOUR,
		  1000, 30000 },
		{ "max_age: 5m, backoff_max: 1s", 5 * MINUTE, 5 * MINUTE,
		  5 * MINUTE, 30000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct policy_rules *rules;
		struct config *config;
		char text[512];

		(void)snprintf(text, sizeof(text),
		               "monitors: [{name: a, type: host, labels: "
		               "{job: a}, restart_type: command, "
		               "restart_command: [a], %s}]",
		               rows[i].text);
		config = config_kit_load(text);
		rules = &config->monitors[0].rules;
		assert_int_equal(rules->for_ms, 0);
		assert_int_equal(rules->cooldown_ms, rows[i].cooldown_ms);
		assert_int_equal(rules->verify_ms, rows[i].verify_ms);
		assert_int_equal(rules->window_ms, HOUR);
		assert_int_equal(rules->backoff_max_ms, rows[i].backoff_max_ms);
		assert_int_equal(rules->start_grace_ms, rows[i].start_grace_ms);
		assert_int_equal(rules->backoff_percent, 200);
		assert_int_equal(rules->max_bounces, 5);
		assert_int_equal(rules->n_steps, 1);
		assert_null(config->monitors[0].metric_name);
		assert_null(config->monitors[0].container_name);
		assert_int_equal(config->monitors[0].steps[0].kind, STEP_RUN);
		assert_int_equal(config->monitors[0].steps[0].timeout_ms,
		                 STEP_TIMEOUT_DERIVED);
		assert_false(config->monitors[0].dry_run);
		assert_false(config->monitors[0].paused);
		config_free(config);
	}
}

static void test_full_global(void **state)
{
	struct config *config = config_kit_load(config_full);
	const struct config_global *g = &config->global;

	assert_int_equal(g->check_interval_ms, 10000);
	assert_int_equal(g->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(g->log_format, LOG_FORMAT_JSON);
	assert_string_equal(g->socket_docker, "tcp://docker:2375");
	assert_string_equal(g->socket_podman, "/run/podman.sock");
	assert_string_equal(g->socket_incus, "unix:///run/incus.sock");
	assert_string_equal(g->addr, "9099");
	assert_string_equal(g->state_dir, "/tmp/state");
	assert_int_equal(g->fetch_timeout_ms, 3000);
	assert_int_equal(g->max_body, 1 << 20);
	assert_int_equal(g->max_parallel, 3);
	assert_int_equal(g->max_connections, 4);
	assert_int_equal(g->journal_size, 5);
	assert_int_equal(g->storm_share, 0);
	assert_int_equal(g->storm_min, 7);
	assert_int_equal(g->storm_window_ms, 8000);
	assert_int_equal(g->shutdown_timeout_ms, 0);
	config_free(config);
}

/* The defaults for all monitors, of `global`. */
static void test_full_plain(void **state)
{
	struct config *config = config_kit_load(config_full);
	const struct config_monitor *m = &config->monitors[0];

	assert_int_equal(m->rules.for_ms, 1000);
	assert_int_equal(m->rules.cooldown_ms, 2000);
	assert_int_equal(m->rules.verify_ms, 40000);
	assert_int_equal(m->rules.max_bounces, 5);
	assert_int_equal(m->rules.window_ms, 6 * MINUTE);
	assert_int_equal(m->rules.backoff_percent, 150);
	assert_int_equal(m->rules.backoff_max_ms, 7 * MINUTE);
	assert_int_equal(m->rules.start_grace_ms, 8000);
	assert_string_equal(m->labels[0].value, "");
	assert_int_equal(m->steps[0].timeout_ms, 3000);
	assert_int_equal(m->steps[0].stop_timeout_ms, 20000);
	assert_string_equal(m->steps[0].signal, "SIGINT");
	config_free(config);
}

static void test_full_own(void **state)
{
	struct config *config = config_kit_load(config_full);
	const struct config_monitor *m = &config->monitors[1];

	assert_int_equal(m->type, CONFIG_TARGET_INCUS);
	assert_string_equal(m->project, "web");
	assert_int_equal(m->n_labels, 2);
	assert_string_equal(m->labels[0].name, "instance");
	assert_string_equal(m->labels[0].value, "x y");
	assert_string_equal(m->labels[1].name, "job");
	assert_string_equal(m->push_gw, "http://other:1");
	assert_int_equal(m->check_interval_ms, 5000);
	assert_string_equal(m->metric_name, "last_success");
	assert_int_equal(m->metric_value, CONFIG_METRIC_TIMESTAMP);
	assert_int_equal(m->match, CONFIG_MATCH_ALL);
	assert_int_equal(m->rules.for_ms, 11000);
	assert_int_equal(m->rules.cooldown_ms, 12000);
	assert_int_equal(m->rules.verify_ms, 14000);
	assert_int_equal(m->rules.max_bounces, 32);
	assert_int_equal(m->rules.window_ms, 16 * MINUTE);
	assert_int_equal(m->rules.backoff_percent, 300);
	assert_int_equal(m->rules.backoff_max_ms, 12000);
	assert_int_equal(m->rules.start_grace_ms, 0);
	assert_int_equal(m->rules.n_steps, 8);
	assert_true(m->dry_run);
	assert_true(m->paused);
	assert_int_equal(config->monitors[2].match, CONFIG_MATCH_OLDEST);
	config_free(config);
}

static void test_full_steps(void **state)
{
	static const struct step expected[] = {
		{ .kind = STEP_LOG,
		  .timeout_ms = 13000,
		  .stop_timeout_ms = -1,
		  .message = "hello" },
		{ .kind = STEP_EXEC,
		  .timeout_ms = 1000,
		  .stop_timeout_ms = -1 },
		{ .kind = STEP_STOP,
		  .timeout_ms = 13000,
		  .stop_timeout_ms = 2000,
		  .signal = "SIGRTMIN+3" },
		{ .kind = STEP_START,
		  .timeout_ms = 13000,
		  .stop_timeout_ms = -1 },
		{ .kind = STEP_KILL,
		  .timeout_ms = 13000,
		  .stop_timeout_ms = -1,
		  .signal = "SIGRTMIN+3" },
		{ .kind = STEP_KILL,
		  .timeout_ms = 13000,
		  .stop_timeout_ms = -1,
		  .signal = "9" },
		{ .kind = STEP_RUN,
		  .timeout_ms = 13000,
		  .stop_timeout_ms = -1 },
		{ .kind = STEP_RESTART,
		  .timeout_ms = 13000,
		  .stop_timeout_ms = 0,
		  .signal = "SIGRTMIN+3" },
	};
	struct config *config = config_kit_load(config_full);
	const struct step *steps = config->monitors[1].steps;

	assert_int_equal(config->monitors[1].n_steps, ARRAY_SIZE(expected));
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(steps[i].kind, expected[i].kind);
		assert_int_equal(steps[i].timeout_ms, expected[i].timeout_ms);
		assert_int_equal(steps[i].stop_timeout_ms,
		                 expected[i].stop_timeout_ms);
		assert_int_equal(!steps[i].signal, !expected[i].signal);
		if (steps[i].signal)
			assert_string_equal(steps[i].signal,
			                    expected[i].signal);
		assert_int_equal(!steps[i].message, !expected[i].message);
	}
	assert_string_equal(steps[0].message, "hello");
	assert_string_equal(steps[1].argv[0], "/bin/a");
	assert_string_equal(steps[1].argv[2], "");
	assert_null(steps[1].argv[3]);
	assert_string_equal(steps[6].argv[0], "/bin/c");
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seed),
		cmocka_unit_test(test_global_defaults),
		cmocka_unit_test(test_monitor_defaults),
		cmocka_unit_test(test_full_global),
		cmocka_unit_test(test_full_plain),
		cmocka_unit_test(test_full_own),
		cmocka_unit_test(test_full_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
