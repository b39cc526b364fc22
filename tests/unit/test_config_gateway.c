/* SPDX-License-Identifier: Apache-2.0 */
/* config: the keys of the built-in push gateway. */
#include "support/cmocka.h"

#include <string.h>
#include "config_kit.h"

#define BUILTIN "global: {push_gw: builtin}\n"
#define MONITOR(more)                                                         \
	"monitors: [{name: a, max_age: 5m, type: docker, container_name: c, " \
	"labels: {job: a}, restart_type: container" more "}]\n"

static void test_defaults(void **state)
{
	struct config *config = config_kit_load(BUILTIN REST);
	const struct config_gateway *gateway = &config->gateway;
	const struct config_monitor *m = config->monitors;

	assert_true(gateway->enabled);
	assert_int_equal(gateway->snapshot_interval_ms, 60000);
	assert_int_equal(gateway->max_body, 16 << 20);
	assert_int_equal(gateway->max_group_size, 0);
	assert_int_equal(gateway->max_series, 0);
	assert_int_equal(gateway->max_groups, 0);
	assert_false(gateway->admin_api);
	assert_null(gateway->token_file);
	assert_null(gateway->basic_auth_file);
	assert_int_equal(gateway->n_ttl, 0);

	assert_string_equal(m->push_gw, CONFIG_BUILTIN);
	assert_int_equal(m->check_interval_ms, 0);
	assert_true(m->rules.exact);
	assert_int_equal(m->rules.max_runtime_ms, 0);
	/* no check must fit in */
	assert_int_equal(m->rules.verify_ms, 300000);
	config_free(config);
}

static void test_full(void **state)
{
	struct config *config = config_kit_load(
		BUILTIN "gateway:\n"
			"  snapshot_interval: 0s\n"
			"  max_body: 1MiB\n"
			"  max_group_size: 64KiB\n"
			"  max_series: 100000\n"
			"  max_groups: 7\n"
			"  admin_api: true\n"
			"  token_file: /t\n"
			"  basic_auth_file: /b\n"
			"  ttl:\n"
			"  - {labels: {job: 'ci-*', branch: x}, ttl: 24h}\n"
			"  - labels: {job: keep}\n"
			"    ttl: 0s\n"
			"  - ttl: 720h\n" MONITOR(
				", max_runtime: 90s, verify_within: 1s"));
	const struct config_gateway *gateway = &config->gateway;
	const struct config_monitor *m = config->monitors;

	assert_int_equal(gateway->snapshot_interval_ms, 0);
	assert_int_equal(gateway->max_body, 1 << 20);
	assert_int_equal(gateway->max_group_size, 65536);
	assert_int_equal(gateway->max_series, 100000);
	assert_int_equal(gateway->max_groups, 7);
	assert_true(gateway->admin_api);
	assert_string_equal(gateway->token_file, "/t");
	assert_string_equal(gateway->basic_auth_file, "/b");
	assert_int_equal(gateway->n_ttl, 3);
	assert_int_equal(gateway->ttl[0].n_labels, 2);
	assert_string_equal(gateway->ttl[0].labels[0].name, "branch");
	assert_string_equal(gateway->ttl[0].labels[1].value, "ci-*");
	assert_int_equal(gateway->ttl[0].ttl_ms, 86400000);
	assert_int_equal(gateway->ttl[1].ttl_ms, 0);
	assert_int_equal(gateway->ttl[2].n_labels, 0);
	assert_int_equal(m->rules.max_runtime_ms, 90000);
	assert_int_equal(m->rules.verify_ms, 1000);
	config_free(config);
}

/* One monitor may push to us while the others are read elsewhere. */
static void test_one_monitor(void **state)
{
	struct config *config =
		config_kit_load("gateway: {max_groups: 1}\n" MONITOR(
			"}, {name: b, max_age: 5m, type: docker, "
			"container_name: c, labels: {job: a}, "
			"restart_type: container, push_gw: builtin"));

	assert_true(config->gateway.enabled);
	assert_false(config->monitors[0].rules.exact);
	assert_int_equal(config->monitors[0].check_interval_ms, 60000);
	assert_true(config->monitors[1].rules.exact);
	config_free(config);

	config = config_kit_load(REST);
	assert_false(config->gateway.enabled);
	config_free(config);

	/* pushes are taken, whoever watches them */
	config = config_kit_load(
		"global: {push_gw: builtin, verify_within: 1s}\n" MONITOR(
			", push_gw: 'http://gw:9091'"));
	assert_true(config->gateway.enabled);
	assert_false(config->monitors[0].rules.exact);
	config_free(config);
}

static void test_equal(void **state)
{
	struct config *a = config_kit_load(BUILTIN REST);
	struct config *b =
		config_kit_load(BUILTIN MONITOR(", max_runtime: 1s"));
	struct config *c = config_kit_load(REST);

	assert_true(config_monitor_equal(&a->monitors[0], &a->monitors[0]));
	assert_false(config_monitor_equal(&a->monitors[0], &b->monitors[0]));
	assert_false(config_monitor_equal(&a->monitors[0], &c->monitors[0]));
	config_free(a);
	config_free(b);
	config_free(c);
}

static void test_problems(void **state)
{
	static const struct {
		const char *text;
		const char *problem;
	} rows[] = {
		{ "gateway: {max_groups: 1}\n" REST,
		  "t.yml:1: gateway: has no effect unless push_gw is builtin" },
		{ "global: {push_gw: builtin, addr: none}\n" REST,
		  "t.yml:1: global.push_gw: builtin is pushed to on addr, "
		  "which is none" },
		{ "global: {addr: none}\n" MONITOR(", push_gw: builtin"),
		  "t.yml:2: monitors[0].push_gw: builtin is pushed to on "
		  "global.addr" },
		{ MONITOR(", max_runtime: 1h"),
		  "t.yml:1: monitors[0].max_runtime: needs push_gw: builtin" },
		{ BUILTIN MONITOR(", max_runtime: 0s"),
		  "monitors[0].max_runtime: \"0s\"" },
		{ BUILTIN MONITOR(", check_interval: 1m"),
		  "t.yml:2: monitors[0].check_interval: has no effect" },
		{ BUILTIN "gateway: {snapshot_interval: 60}\n" REST,
		  "t.yml:2: gateway.snapshot_interval: \"60\" is not a "
		  "duration" },
		{ BUILTIN "gateway: {max_body: 1}\n" REST,
		  "gateway.max_body: \"1\" is out of range" },
		{ BUILTIN "gateway: {max_group_size: many}\n" REST,
		  "gateway.max_group_size: \"many\" is not a size" },
		{ BUILTIN "gateway: {max_series: -1}\n" REST,
		  "gateway.max_series: \"-1\"" },
		{ BUILTIN "gateway: {max_groups: x}\n" REST,
		  "gateway.max_groups: \"x\"" },
		{ BUILTIN "gateway: {admin_api: 7}\n" REST,
		  "gateway.admin_api: \"7\"" },
		{ BUILTIN "gateway: {token_file: ''}\n" REST,
		  "gateway.token_file: is empty" },
		{ BUILTIN "gateway: {basic_auth_file: ''}\n" REST,
		  "gateway.basic_auth_file: is empty" },
		{ BUILTIN "gateway: {max_serie: 1}\n" REST,
		  "did you mean max_series?" },
		{ BUILTIN "gateway: {ttl: 24h}\n" REST,
		  "gateway.ttl: expected a list" },
		{ BUILTIN "gateway: {ttl: [{labels: {job: a}}]}\n" REST,
		  "gateway.ttl[0].ttl: " },
		{ BUILTIN "gateway: {ttl: [{labels: {}, ttl: 1h}]}\n" REST,
		  "gateway.ttl[0].labels: has 0 labels" },
		{ BUILTIN
		  "gateway: {ttl: [{labels: {a-b: c}, ttl: 1h}]}\n" REST,
		  "gateway.ttl[0].labels.a-b" },
		{ BUILTIN
		  "gateway: {ttl: [{labels: {job: a}, ttl: soon}]}\n" REST,
		  "gateway.ttl[0].ttl: \"soon\" is not a duration" },
		{ BUILTIN "gateway: {ttl: [{ttl: 1h}, {labels: {job: a}, ttl: "
		          "2h}]}\n" REST,
		  "gateway.ttl[0]: has no labels and matches every group" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = NULL;
		struct buf problems;

		buf_init(&problems, 1 << 16);
		assert_true(config_load_text(slice_from(rows[i].text), "t.yml",
		                             NULL, 0, &config, &problems) < 0);
		if (!strstr(buf_text(&problems), rows[i].problem))
			fail_msg("row %zu: %s", i, buf_text(&problems));
		buf_fini(&problems);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_one_monitor),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests_name("config_gateway", tests, NULL, NULL);
}
