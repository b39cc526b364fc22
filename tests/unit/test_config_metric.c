/* SPDX-License-Identifier: Apache-2.0 */
/* config: monitors of a value. */
#include "support/cmocka.h"

#include <string.h>
#include "config_kit.h"

#define SERVER "global: {prometheus: 'http://a:9090, https://b/prom'}\n"
#define PLUGINS                                                        \
	"global: {prometheus: 'http://a:9090', plugin_dir: /plugins, " \
	"addr: none}\n"
#define CPU   "{name: cpu, query: up"
#define STEPS ", steps: [{type: log}]"

/* --- what a few words make ------------------------------------------------- */

static void test_defaults(void **state)
{
	struct config *config = config_kit_load_monitor(
		SERVER, CPU ", threshold: '> 80'" STEPS);
	const struct config_monitor *m = config->monitors;
	const struct config_metric *metric = m->metric;
	const struct policy_levels *levels = m->rules.levels;
	const struct policy_level *soft = &levels->level[POLICY_LEVEL_SOFT];

	assert_int_equal(m->watch, CONFIG_WATCH_METRIC);
	assert_string_equal(config_watch_name(m->watch), "metric");
	assert_int_equal(m->type, CONFIG_TARGET_HOST);
	assert_null(m->push_gw);
	assert_null(m->containers);
	assert_null(m->alert);
	assert_false(m->rules.exact);
	assert_int_equal(m->check_interval_ms, 60000);

	assert_string_equal(metric->query, "up");
	assert_int_equal(metric->n_servers, 2);
	assert_string_equal(metric->servers[0], "http://a:9090");
	assert_string_equal(metric->servers[1], "https://b/prom");
	assert_null(metric->servers[2]);
	assert_null(metric->scrape);
	assert_non_null(metric->credentials);
	assert_null(metric->credentials->token_file);
	assert_int_equal(metric->series, SERIES_ANY);
	assert_int_equal(metric->max_series, 1000);
	assert_int_equal(metric->forget_ms, 3600000);

	assert_true(soft->given);
	assert_false(levels->level[POLICY_LEVEL_HARD].given);
	assert_int_equal(soft->limit.op, THRESHOLD_ABOVE);
	assert_true(soft->limit.value == 80);
	assert_false(soft->has_clear);
	assert_int_equal(soft->for_ms, 0);
	assert_int_equal(soft->cooldown_ms, 300000);
	assert_int_equal(soft->first_step, 0);
	assert_int_equal(soft->n_steps, 1);
	assert_int_equal(levels->missing, POLICY_MISSING_HOLD);
	assert_int_equal(levels->compat, POLICY_COMPAT_NONE);

	assert_int_equal(m->rules.cooldown_ms, 300000);
	assert_int_equal(m->rules.backoff_percent, 100);
	assert_int_equal(m->rules.verify_ms, 120000);
	assert_int_equal(m->rules.start_grace_ms, 0);
	assert_int_equal(m->rules.max_bounces, 5);
	assert_int_equal(m->rules.n_steps, 1);
	assert_int_equal(m->rules.n_resolved, 0);
	assert_int_equal(m->max_parallel, 0);
	assert_int_equal(m->throttle_ms, 0);
	config_free(config);
}

/* A pause that is shorter than two looks is waited out, not outlasted. */
static void test_verify(void **state)
{
	static const struct {
		const char *keys;
		uint64_t verify_ms;
	} rows[] = {
		{ ", threshold: '>1', check_interval: 5s", 10000 },
		{ ", threshold: '>1', check_interval: 5s, backoff: 6s", 6000 },
		{ ", threshold: '>1', check_interval: 5s, backoff: 0s", 10000 },
		{ ", soft: {threshold: '>1', steps: [{type: log}], "
		  "backoff: 7s}, hard: {threshold: '>2', backoff: 3s}, "
		  "check_interval: 5s",
		  3000 },
		{ ", threshold: '>1', check_interval: 5s, verify_within: 1m",
		  60000 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];
		struct config *config;

		(void)snprintf(text, sizeof(text), CPU "%s%s", rows[i].keys,
		               strstr(rows[i].keys, "soft") ? "" : STEPS);
		config = config_kit_load_monitor(SERVER, text);
		assert_int_equal(config->monitors->rules.verify_ms,
		                 rows[i].verify_ms);
		config_free(config);
	}
}

/* --- where the value comes from --------------------------------------------- */

static void test_sources(void **state)
{
	static const struct {
		const char *keys;
		const char *query;
	} rows[] = {
		{ "query: 'avg(rate(x[5m]))'", "avg(rate(x[5m]))" },
		{ "metric_name: node_load1", "node_load1" },
		{ "metric_name: 'a:b', "
		  "label_filters: 'job=\"a\",instance=~\"b.*\"'",
		  "a:b{job=\"a\",instance=~\"b.*\"}" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char text[512];
		struct config *config;

		(void)snprintf(text, sizeof(text),
		               "{name: a, threshold: '<1', prometheus: "
		               "'http://c', %s" STEPS,
		               rows[i].keys);
		config = config_kit_load_monitor(SERVER, text);
		assert_string_equal(config->monitors->metric->query,
		                    rows[i].query);
		assert_int_equal(config->monitors->metric->n_servers, 1);
		assert_string_equal(config->monitors->metric->servers[0],
		                    "http://c");
		config_free(config);
	}
}

static void test_scrape(void **state)
{
	struct config *config = config_kit_load_monitor(
		"prometheus: {token_file: /t, headers: {X-Scope-OrgID: a}}\n",
		"{name: a, threshold: '<1', metric_name: up, label_filters: "
		"'job=\"a\"', scrape: 'http://h:9100/metrics?a=b', series: "
		"each, max_series: 5, forget_after: 1m, "
		"basic_auth_file: /b" STEPS);
	const struct config_metric *metric = config->monitors->metric;

	assert_null(metric->query);
	assert_int_equal(metric->n_servers, 0);
	assert_string_equal(metric->scrape, "http://h:9100/metrics?a=b");
	assert_string_equal(metric->metric_name, "up");
	assert_string_equal(metric->filters, "job=\"a\"");
	assert_int_equal(metric->series, SERIES_EACH);
	assert_int_equal(metric->max_series, 5);
	assert_int_equal(metric->forget_ms, 60000);
	/* one Authorization replaces the other; headers stay */
	assert_null(metric->credentials->token_file);
	assert_string_equal(metric->credentials->basic_auth_file, "/b");
	assert_int_equal(metric->credentials->n_headers, 1);
	assert_string_equal(metric->credentials->headers[0].value, "a");
	config_free(config);
}

/* --- levels ------------------------------------------------------------------ */

static void test_levels(void **state)
{
	struct config *config = config_kit_load_monitor(
		PLUGINS,
		"{name: cpu, query: up, cooldown: 1m, for: 2s, missing: "
		"assume_breached, compat: metric-reader, "
		"soft: {threshold: '>=80', clear: '<70', duration: 30s, "
		"backoff_delay: 1m, plugin: log_action}, "
		"hard: {threshold: '>= 100', backoff: 0s, steps: [{type: kill, "
		"timeout: 1s}, {type: plugin, plugin: 'exec:/bin/p', "
		"parameters: {size: 5MiB, dir: /x}}]}, type: docker, "
		"container_name: c, on_resolved: [{type: log, message: m}], "
		"max_parallel: 2, throttle: 1h");
	const struct config_monitor *m = config->monitors;
	const struct policy_level *soft = &m->rules.levels->level[0];
	const struct policy_level *hard = &m->rules.levels->level[1];

	assert_int_equal(soft->limit.op, THRESHOLD_AT_LEAST);
	assert_true(soft->has_clear);
	assert_int_equal(soft->clear.op, THRESHOLD_BELOW);
	assert_int_equal(soft->for_ms, 30000);
	assert_int_equal(soft->cooldown_ms, 60000);
	assert_int_equal(soft->first_step, 0);
	assert_int_equal(soft->n_steps, 1);
	assert_false(hard->has_clear);
	assert_int_equal(hard->for_ms, 2000);
	assert_int_equal(hard->cooldown_ms, 0);
	assert_int_equal(hard->first_step, 1);
	assert_int_equal(hard->n_steps, 2);
	assert_int_equal(m->rules.levels->missing, POLICY_MISSING_BREACH);
	assert_int_equal(m->rules.levels->compat, POLICY_COMPAT_METRIC_READER);

	assert_int_equal(m->n_steps, 4);
	assert_int_equal(m->rules.n_steps, 3);
	assert_int_equal(m->rules.first_resolved, 3);
	assert_int_equal(m->rules.n_resolved, 1);
	assert_int_equal(m->rules.stopping, 1 << 1);
	assert_int_equal(m->steps[0].kind, STEP_PLUGIN);
	assert_string_equal(m->steps[0].plugin->name, "log_action");
	assert_null(m->steps[0].plugin->path);
	assert_int_equal(m->steps[1].kind, STEP_KILL);
	assert_string_equal(m->steps[2].plugin->path, "/bin/p");
	assert_null(m->steps[2].plugin->name);
	assert_int_equal(m->steps[2].plugin->n_parameters, 2);
	assert_string_equal(m->steps[2].plugin->parameters[0].name, "dir");
	assert_string_equal(m->steps[2].plugin->parameters[1].value, "5MiB");
	assert_string_equal(m->steps[3].message, "m");
	assert_int_equal(m->max_parallel, 2);
	assert_int_equal(m->throttle_ms, 3600000);
	assert_string_equal(config->global.plugin_dir, "/plugins");
	config_free(config);
}

/* Each by itself: no level is made up for the other. */
static void test_hard_alone(void **state)
{
	struct config *config = config_kit_load_monitor(
		SERVER, CPU ", hard: {threshold: '<5', steps: [{type: log}]}");
	const struct policy_levels *levels = config->monitors->rules.levels;

	assert_false(levels->level[POLICY_LEVEL_SOFT].given);
	assert_true(levels->level[POLICY_LEVEL_HARD].given);
	assert_int_equal(levels->level[POLICY_LEVEL_HARD].first_step, 0);
	assert_int_equal(config->monitors->rules.cooldown_ms, 300000);
	config_free(config);

	config = config_kit_load_monitor(
		SERVER, CPU ", threshold: '<5', compat: metric-reader" STEPS);
	assert_int_equal(config->monitors->rules.levels->compat,
	                 POLICY_COMPAT_METRIC_READER_SEED);
	config_free(config);
}

/* --- what is filled in ------------------------------------------------------- */

static void test_templates(void **state)
{
	struct config *config = config_kit_load_monitor(
		SERVER, CPU ", threshold: '>1', steps: [{type: run, command: "
			    "[/bin/a, '{{ labels.a }}']}, {type: run, command: "
			    "[/bin/a]}, {type: log, message: '{{ value }}'}]");
	const struct step *steps = config->monitors->steps;

	assert_true(steps[0].templated);
	assert_false(steps[1].templated);
	assert_true(steps[2].templated);
	config_free(config);
}

/* --- what a reload must notice ------------------------------------------------ */

static const char *const variants[] = {
	CPU ", threshold: '>1'" STEPS,
	CPU ", threshold: '>=1'" STEPS,
	CPU ", threshold: '>2'" STEPS,
	CPU ", threshold: '>1', clear: '<1'" STEPS,
	CPU ", threshold: '>1', clear: '<0'" STEPS,
	CPU ", threshold: '>1', for: 1s" STEPS,
	CPU ", threshold: '>1', backoff: 1m" STEPS,
	CPU ", threshold: '>1', missing: zero" STEPS,
	CPU ", threshold: '>1', compat: metric-reader" STEPS,
	CPU ", threshold: '>1', series: all" STEPS,
	CPU ", threshold: '>1', series: each" STEPS,
	CPU ", threshold: '>1', series: each, max_series: 1" STEPS,
	CPU ", threshold: '>1', series: each, forget_after: 1s" STEPS,
	CPU ", threshold: '>1', prometheus: 'http://c'" STEPS,
	CPU ", threshold: '>1', prometheus: 'http://a:9090'" STEPS,
	CPU ", threshold: '>1', token_file: /a" STEPS,
	CPU ", threshold: '>1', basic_auth_file: /a" STEPS,
	CPU ", threshold: '>1', headers: {a: b}" STEPS,
	CPU ", threshold: '>1', headers: {a: c}" STEPS,
	CPU ", threshold: '>1', check_interval: 1s" STEPS,
	CPU ", threshold: '>1', max_parallel: 1" STEPS,
	CPU ", threshold: '>1', throttle: 1s" STEPS,
	CPU ", threshold: '>1', on_resolved: [{type: log}]" STEPS,
	CPU ", soft: {threshold: '>1', steps: [{type: log}]}, "
	    "hard: {threshold: '>2'}",
	CPU ", soft: {threshold: '>1'}, "
	    "hard: {threshold: '>2', steps: [{type: log}]}",
	CPU ", hard: {threshold: '>1', steps: [{type: log}]}",
	CPU ", threshold: '>1', steps: [{type: log, message: a}]",
	CPU ", threshold: '>1', steps: [{type: plugin, plugin: 'exec:/a'}]",
	CPU ", threshold: '>1', steps: [{type: plugin, plugin: 'exec:/b'}]",
	CPU ", threshold: '>1', steps: [{type: plugin, plugin: 'exec:/a', "
	    "parameters: {a: b}}]",
	CPU ", threshold: '>1', steps: [{type: plugin, plugin: 'exec:/a', "
	    "parameters: {a: c}}]",
	CPU "2, threshold: '>1'" STEPS,
	"{name: cpu, metric_name: up2, scrape: 'http://a/b', "
	"threshold: '>1'" STEPS,
	"{name: cpu, metric_name: up, scrape: 'http://a/b', "
	"threshold: '>1'" STEPS,
	"{name: cpu, metric_name: up, scrape: 'http://a/c', "
	"threshold: '>1'" STEPS,
	"{name: cpu, metric_name: up, scrape: 'http://a/c', label_filters: "
	"'a=\"b\"', threshold: '>1'" STEPS,
};

static void test_equality(void **state)
{
	config_kit_all_differ(SERVER, variants, ARRAY_SIZE(variants));
}

/* --- what is wrong ------------------------------------------------------------ */

#define LEVELS(soft, hard)                                            \
	CPU ", soft: {threshold: '" soft "', steps: [{type: log}]}, " \
	    "hard: {threshold: '" hard "'}"

static const struct {
	const char *monitor;
	const char *problem;
} wrong[] = {
	{ "{name: a, watch: metric, threshold: '>1'" STEPS,
	  ": needs query, or metric_name: which value is watched" },
	{ CPU ", watch: metric" STEPS,
	  ": needs threshold, or soft and hard: which value is bad" },
	{ CPU ", threshold: '>1'",
	  ": needs plugin or steps: what to do about it" },
	{ CPU ", soft: {threshold: '>1'}",
	  ": needs plugin or steps, in soft or hard: what to do about it" },
	{ CPU ", metric_name: up, threshold: '>1'" STEPS,
	  ".metric_name: is given beside query, which says all; keep one" },
	{ CPU ", label_filters: 'a=\"b\"', threshold: '>1'" STEPS,
	  ".label_filters: is of metric_name; write the filters into the "
	  "query" },
	{ "{name: a, metric_name: 'rate(x[5m])', threshold: '>1'" STEPS,
	  ".metric_name: \"rate(x[5m])\" is an expression of PromQL; write it "
	  "as query" },
	{ "{name: a, metric_name: 'rate(x[5m])', label_filters: 'a=\"b\"', "
	  "threshold: '>1'" STEPS,
	  ".label_filters: cannot be put into an expression; write them into "
	  "it, and it as query" },
	{ "{name: a, metric_name: up, label_filters: '{a=\"b\"}', "
	  "threshold: '>1'" STEPS,
	  ".label_filters: \"{a=\"b\"}\" has braces; write what stands "
	  "between them, such as job=\"api\"" },
	{ "{name: a, scrape: 'http://h/m', query: up, threshold: '>1'" STEPS,
	  ".query: needs a server, and scrape reads an exporter itself; use "
	  "metric_name and label_filters" },
	{ "{name: a, scrape: 'http://h/m', threshold: '>1'" STEPS,
	  ".metric_name: is missing" },
	{ "{name: a, scrape: 'http://h:9100', metric_name: up, "
	  "threshold: '>1'" STEPS,
	  ".scrape: has no path; exporters are read at a path such as "
	  "/metrics" },
	{ "{name: a, scrape: 'http://h/m', metric_name: up, prometheus: "
	  "'http://c', threshold: '>1'" STEPS,
	  ".prometheus: is given beside scrape; the value comes from one of "
	  "them" },
	{ "{name: a, scrape: 'http://h/m', metric_name: up, label_filters: "
	  "'a=b', threshold: '>1'" STEPS,
	  ".label_filters: " },
	{ CPU ", threshold: '>1', prometheus: 'http://a,http://a'" STEPS,
	  ".prometheus: names a server twice; keep one" },
	{ CPU ", threshold: '>1', prometheus: ','" STEPS,
	  ".prometheus: names 0 servers; 1 to 8 may be given, with commas "
	  "between them" },
	{ CPU ", threshold: '>1', prometheus: 'ftp://a'" STEPS,
	  ".prometheus: not an address: the scheme 'ftp' is not known" },
	{ CPU ", threshold: '100'" STEPS,
	  ".threshold: \"100\" is none: a threshold begins with >, >=, <, <=, "
	  "== or !=, as in \">100\"" },
	{ CPU ", threshold: '>80', clear: '<90'" STEPS,
	  ".clear: \"<90\" is on the wrong side of the threshold >80: a value "
	  "would be both bad and good" },
	{ CPU ", threshold: '<=80', clear: '>=80'" STEPS,
	  ".clear: \">=80\" is on the wrong side of the threshold <=80: a "
	  "value "
	  "would be both bad and good" },
	{ CPU ", threshold: '>80', clear: '>70'" STEPS,
	  ".clear: \">70\" looks the same way as the threshold, or no way; "
	  "with >80 it begins with <" },
	{ CPU ", threshold: '==80', clear: '<70'" STEPS,
	  ".clear: \"<70\" has no meaning with the threshold ==80, which no "
	  "value comes close to; remove the key" },
	{ LEVELS(">80", ">70"),
	  ".hard.threshold: \">70\" is not beyond soft, >80; a value would be "
	  "hard before it is soft" },
	{ LEVELS("<10", "<10"),
	  ".hard.threshold: \"<10\" is not beyond soft, <10; a value would be "
	  "hard before it is soft" },
	{ LEVELS(">80", "<10"),
	  ".hard.threshold: \"<10\" looks the other way than soft, >80; use > "
	  "or >= for both" },
	{ LEVELS("==1", "==2"),
	  ".hard.threshold: \"==2\" and soft, ==1: of == and != no one is "
	  "beyond the other; use > >= < <=, or one threshold" },
	{ CPU ", threshold: '>1', hard: {threshold: '>2', "
	      "steps: [{type: log}]}",
	  ".threshold: is of a monitor with one level; write it into soft or "
	  "hard" },
	{ CPU ", hard: {threshold: '>2', steps: [{type: log}]}" STEPS,
	  ".steps: is of a monitor with one level; write it into soft or "
	  "hard" },
	{ CPU ", hard: {steps: [{type: log}]}", ".hard.threshold: is missing" },
	{ CPU ", hard: {threshold: '>2', for: 1s, duration: 2s, "
	      "steps: [{type: log}]}",
	  ".hard.duration: is for under another name; keep one" },
	{ CPU ", hard: {threshold: '>2', backoff: 1s, backoff_delay: 2s, "
	      "steps: [{type: log}]}",
	  ".hard.backoff_delay: is backoff under another name; keep one" },
	{ CPU ", hard: {threshold: '>2', backoff: 5, steps: [{type: log}]}",
	  ".hard.backoff: \"5\" is not a duration" },
	{ CPU ", hard: {treshold: '>2', threshold: '>2', "
	      "steps: [{type: log}]}",
	  ".hard.treshold: unknown key; did you mean threshold?" },
	{ CPU ", threshold: '>1', backoff: 1s, cooldown: 1s" STEPS,
	  ".backoff: is cooldown under another name; keep one" },
	{ CPU ", threshold: '>1', missing: zeo" STEPS,
	  ".missing: \"zeo\" is not one of hold, zero, last_value, breach, "
	  "assume_breached; did you mean zero?" },
	{ CPU ", threshold: '>1', compat: x" STEPS,
	  ".compat: \"x\" is not one of metric-reader" },
	{ CPU ", threshold: '>1', series: each, max_series: 0" STEPS,
	  ".max_series: \"0\" is out of range; use 1 to 10000" },
	{ CPU ", threshold: '>1', max_series: 1" STEPS,
	  ".max_series: is of series: each; others are one" },
	{ "{name: a/b, query: up, threshold: '>1', series: each" STEPS,
	  ".name: \"a/b\" contains a /, which stands between a rule and its "
	  "series" },
	{ CPU ", threshold: '>1', verify_within: 1s" STEPS,
	  ".verify_within: \"1s\" is shorter than check_interval; no recovery "
	  "could be seen in time" },
	{ CPU ", threshold: '>1', token_file: /a, basic_auth_file: /b" STEPS,
	  ".basic_auth_file: is given beside token_file; a request has only "
	  "one Authorization, so keep one" },
	{ CPU ", threshold: '>1', headers: {'a b': c}" STEPS,
	  ".headers.a b: is not the name of a header" },
	{ CPU ", threshold: '>1', plugin: log_action",
	  ".plugin: \"log_action\" is looked for in global.plugin_dir, which "
	  "is not given" },
	{ CPU ", threshold: '>1', plugin: log_action.so",
	  ".plugin: \"log_action.so\" is not the name of a plugin; write that "
	  "of its file in plugin_dir without .so, or exec:/path" },
	{ CPU ", threshold: '>1', plugin: 'exec:a'",
	  ".plugin: \"exec:a\" is not the path of a program; write "
	  "exec:/path" },
	{ CPU ", threshold: '>1', plugin: 'exec:/a'" STEPS,
	  ".steps: give either plugin or steps" },
	{ CPU ", threshold: '>1', steps: [{type: plugin}]",
	  ".steps[0].plugin: is missing" },
	{ CPU ", threshold: '>1', steps: [{type: log, plugin: a}]",
	  ".steps[0].plugin: a log step has none; remove the key" },
	{ CPU ", threshold: '>1', steps: [{type: plugin, plugin: 'exec:/a', "
	      "parameters: {a: '{{ moniter }}'}}]",
	  ".steps[0].parameters.a: \"{{ moniter }}\" {{ moniter }} at "
	  "character 1 is not known; did you mean {{ monitor }}?" },
	{ CPU ", threshold: '>1', steps: [{type: run, command: [a, "
	      "'{{ moniter }}']}]",
	  ".steps[0].command[1]: \"{{ moniter }}\" {{ moniter }} at character "
	  "1 is not known; did you mean {{ monitor }}?" },
	{ CPU ", threshold: '>1', steps: [{type: run, command: [a], "
	      "environment: amx}]",
	  ".steps[0].environment: \"amx\" is made of the alerts of "
	  "Alertmanager; it is for watch: alert" },
	{ CPU ", threshold: '>1', steps: [{type: log, message: '{{ "
	      "annotations.a }}'}]",
	  ".steps[0].message: \"{{ annotations.a }}\" " },
	{ CPU ", threshold: '>1', steps: [{type: log, message: '{{ a'}]",
	  ".steps[0].message: \"{{ a\" " },
	{ CPU ", threshold: '>1', steps: [{type: restart}]",
	  ".steps[0].type: \"restart\" needs a container, and the type is "
	  "host; use run, webhook, plugin or log" },
	{ CPU ", threshold: '>1', container_name: c" STEPS,
	  ".container_name: needs type: where the container runs" },
	{ CPU ", threshold: '>1', type: docker" STEPS,
	  ".container_name: is missing" },
	{ CPU ", threshold: '>1', type: docker, "
	      "container_name: '{{ monitor }}'" STEPS,
	  ".container_name: \"{{ monitor }}\" is of one series, and the "
	  "monitor "
	  "judges all together; with series: each it has a container for "
	  "each" },
	{ CPU ", threshold: '>1', max_age: 1m" STEPS,
	  ".max_age: means nothing with watch: metric; for says how long it "
	  "must last" },
	{ CPU ", threshold: '>1', labels: {a: b}" STEPS,
	  ".labels: means nothing with watch: metric; label_filters says which "
	  "series are meant" },
	{ CPU ", threshold: '>1', push_gw: builtin" STEPS,
	  ".push_gw: means nothing with watch: metric; prometheus says which "
	  "server is asked" },
	{ CPU ", threshold: '>1', match_labels: {a: b}" STEPS,
	  ".match_labels: means nothing with watch: metric; label_filters says "
	  "which series are meant" },
	{ CPU ", threshold: '>1', keep_last: 1" STEPS,
	  ".keep_last: means nothing with watch: metric; it is for watch: "
	  "exited" },
	{ "{name: a, watch: health, type: docker, query: up",
	  ".query: means nothing with watch: health; remove the key" },
	{ "{name: a, watch: push, max_age: 1m, type: host, labels: {a: b}, "
	  "restart_type: command, restart_command: [a], threshold: '>1'",
	  ".threshold: means nothing with watch: push; it is for watch: "
	  "metric" },
	{ "{name: a, watch: push, max_age: 1m, type: host, labels: {a: b}, "
	  "restart_type: command, restart_command: [a], throttle: 1s",
	  ".throttle: means nothing with watch: push; it is for watch: health, "
	  "watch: exited, watch: metric and watch: alert" },
	{ "{name: a, query: up, threshold: '>1', series: each, "
	  "steps: [{type: log}]}, {name: a/b, query: up, threshold: "
	  "'>1'" STEPS,
	  "[1].name: \"a/b\" could be a series of the monitor a; give it "
	  "another name" },
};

static void test_problems(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		config_kit_refuses(SERVER, wrong[i].monitor, wrong[i].problem);
	config_kit_refuses(
		"", CPU ", threshold: '>1'" STEPS,
		": has no server to ask; give prometheus its URL, here or in "
		"global, or scrape that of an exporter");
	config_kit_refuses(
		"global: {prometheus: none}\n", CPU ", threshold: '>1'" STEPS,
		": has no server to ask; give prometheus its URL, here or in "
		"global, or scrape that of an exporter");
}

static void test_sections(void **state)
{
	static const char good[] =
		CPU ", threshold: '>1', prometheus: 'http://c'" STEPS;

	config_kit_refuses("global: {prometheus: 'a'}\n", good,
	                   "global.prometheus: not an address: ");
	config_kit_refuses("global: {plugin_dir: plugins}\n", good,
	                   "global.plugin_dir: \"plugins\" is not a directory; "
	                   "it begins with /, or is none");
	config_kit_refuses("prometheus: {token_file: ''}\n", good,
	                   "prometheus.token_file: is empty; name a file");
	config_kit_refuses("leader: {namespace: a}\n", good,
	                   "leader.kubernetes_lease: is missing");
	config_kit_refuses("leader: {kubernetes_lease: A}\n", good,
	                   "leader.kubernetes_lease: \"A\" is not a name of "
	                   "Kubernetes; it is made of a-z, 0-9, . and -, and "
	                   "has 253 characters at most");
	config_kit_refuses("leader: {kubernetes_lease: a, lease_duration: "
	                   "1500ms, renew_deadline: 1s, retry_period: 1ms}\n",
	                   good,
	                   "leader.lease_duration: is not a number of whole "
	                   "seconds, as a Lease has it");
	config_kit_refuses("leader: {kubernetes_lease: a, renew_deadline: "
	                   "15s}\n",
	                   good,
	                   "leader.renew_deadline: is not shorter than "
	                   "lease_duration; two could act at once");
	config_kit_refuses("leader: {kubernetes_lease: a, retry_period: 9s}\n",
	                   good,
	                   "leader.retry_period: is too long for "
	                   "renew_deadline, which must be more than 1.2 times "
	                   "as long");
}

static void test_leader(void **state)
{
	struct config *config = config_kit_load_monitor(
		"leader: {kubernetes_lease: a.b, namespace: n, identity: me, "
		"lease_duration: 20s, renew_deadline: 12s, retry_period: 3s, "
		"required: true}\n",
		CPU ", threshold: '>1', prometheus: 'http://c'" STEPS);
	const struct config_leader *leader = &config->leader;

	assert_true(leader->enabled);
	assert_string_equal(leader->kubernetes_lease, "a.b");
	assert_string_equal(leader->namespace_, "n");
	assert_string_equal(leader->identity, "me");
	assert_int_equal(leader->lease_ms, 20000);
	assert_int_equal(leader->renew_ms, 12000);
	assert_int_equal(leader->retry_ms, 3000);
	assert_true(leader->required);
	config_free(config);
	config = config_kit_load_monitor(SERVER, CPU ", threshold: '>1'" STEPS);
	assert_false(config->leader.enabled);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_scrape),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_hard_alone),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_leader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
