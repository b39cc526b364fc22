/* SPDX-License-Identifier: Apache-2.0 */
/* config: the section registry, and what switches it on. */
#include "support/cmocka.h"

#include <string.h>
#include "config_kit.h"

static const struct config_override ordered = {
	.key = CONFIG_REGISTRY_ENABLED,
	.value = "true",
	.origin = "bouncer registry",
};

static void test_enabled(void **state)
{
	static const struct {
		const char *text;
		size_t n_overrides;
		bool enabled;
	} rows[] = {
		{ REST, 0, false },
		{ "{}\n", 1, true },
		{ REST, 1, true },
		{ "registry: {site: x}\n", 0, true },
		{ "registry: {}\n" REST, 0, true },
		{ "registry: {enabled: false}\n" REST, 0, false },
		{ "registry: {enabled: false}\n", 1, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = config_kit_load_with(
			rows[i].text, &ordered, rows[i].n_overrides);

		assert_int_equal(config->registry.enabled, rows[i].enabled);
		if (rows[i].enabled)
			assert_string_equal(config->registry.path,
			                    "/var/lib/bouncer/registry.db");
		config_free(config);
	}
}

static void test_values(void **state)
{
	struct config *config = config_kit_load(
		"global: {state_dir: none}\n"
		"registry:\n"
		"  path: /r.db\n"
		"  promtool: none\n"
		"  site: planet\n"
		"  external_url: https://registry.example.com/a//\n"
		"  open_discovery: true\n"
		"  keep_alerts: 60d\n"
		"  max_alerts: 5\n"
		"  keep_audit: 2h\n"
		"  drop_alerts:\n"
		"  - {severity: '=~debug|blackhole', team: '!=\"a\"'}\n"
		"  - alertname: Watchdog\n"
		"  tokens:\n"
		"  - {name: deploy, scope: write, token_file: /t}\n"
		"  - {name: am, scope: alerts, token_file: /u}\n");
	const struct config_registry *registry = &config->registry;

	assert_string_equal(registry->path, "/r.db");
	assert_string_equal(registry->promtool, "");
	assert_string_equal(registry->site, "planet");
	assert_string_equal(registry->external_url,
	                    "https://registry.example.com/a");
	assert_true(registry->open_discovery);
	assert_int_equal(registry->keep_alerts_ms, 60 * 86400000LL);
	assert_int_equal(registry->max_alerts, 5);
	assert_int_equal(registry->keep_audit_ms, 7200000);
	assert_int_equal(registry->n_drop_alerts, 2);
	assert_string_equal(registry->drop_alerts[0],
	                    "severity=~\"debug|blackhole\","
	                    "team!=\"\\\"a\\\"\"");
	assert_string_equal(registry->drop_alerts[1], "alertname=\"Watchdog\"");
	assert_int_equal(registry->n_tokens, 2);
	assert_string_equal(registry->tokens[0].name, "deploy");
	assert_string_equal(registry->tokens[1].scope, "alerts");
	assert_string_equal(registry->tokens[1].file, "/u");
	config_free(config);

	config = config_kit_load("registry: {}\n");
	assert_null(config->registry.promtool);
	assert_string_equal(config->registry.site, "global");
	assert_string_equal(config->registry.external_url, "");
	assert_false(config->registry.open_discovery);
	assert_int_equal(config->registry.n_drop_alerts, 0);
	assert_int_equal(config->registry.keep_alerts_ms, 30 * 86400000LL);
	assert_int_equal(config->registry.keep_audit_ms, 365 * 86400000LL);
	config_free(config);
}

static void test_problems(void **state)
{
	static const struct {
		const char *text;
		const char *problem;
	} rows[] = {
		{ "global: {state_dir: none}\nregistry: {}\n",
		  "t.yml:2: registry.path: is missing; state_dir is none" },
		{ "registry: {path: ''}\n", "registry.path: is empty" },
		{ "registry: {site: ''}\n", "is not a name" },
		{ "registry: {external_url: ftp://x}\n", "is not a URL" },
		{ "registry: {external_url: 'http://u:p@x'}\n",
		  "is not a URL" },
		{ "registry: {external_url: 'unix:/x'}\n", "is not a URL" },
		{ "registry: {open_discovery: maybe}\n",
		  "registry.open_discovery" },
		{ "registry: {max_alerts: 0}\n", "registry.max_alerts" },
		{ "registry: {tokens: [{scope: read, token_file: /t}]}\n",
		  "registry.tokens[0].name: is missing" },
		{ "registry: {tokens: [{name: a, scope: all, "
		  "token_file: /t}]}\n",
		  "registry.tokens[0].scope: \"all\"" },
		{ "registry: {tokens: [{name: a, scope: read}]}\n",
		  "registry.tokens[0].token_file: is missing" },
		{ "registry: {tokens: [{name: a, scope: read, token_file: /t},"
		  " {name: a, scope: read, token_file: /t}]}\n",
		  "\"a\" is the name of tokens[0] already" },
		{ "registry: {drop_alerts: {severity: debug}}\n",
		  "registry.drop_alerts: expected a list" },
		{ "registry: {drop_alerts: [severity]}\n",
		  "registry.drop_alerts[0]: expected names and values" },
		{ "registry:\n  drop_alerts:\n  - {a: b}\n  - {}\n",
		  "t.yml:4: registry.drop_alerts[1]: has 0 labels" },
		{ "registry: {drop_alerts: [{severity: '=~('}]}\n",
		  "registry.drop_alerts[0].severity: \"=~(\"" },
		{ "registry: {drop_alerts: [{a-b: c}]}\n",
		  "registry.drop_alerts[0].a-b" },
		{ "registry: {promptool: x}\n", "did you mean promtool?" },
		{ "registry: {enabled: false}\n", "nothing to watch" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = NULL;
		struct buf problems;

		buf_init(&problems, 1 << 16);
		assert_true(config_load_text(slice_from(rows[i].text), "t.yml",
		                             NULL, 0, &config, &problems) < 0);
		if (!strstr(buf_text(&problems), rows[i].problem))
			fail_msg("%s", buf_text(&problems));
		buf_fini(&problems);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enabled),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
