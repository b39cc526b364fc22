/* SPDX-License-Identifier: Apache-2.0 */
/* config: monitors of alerts, and the section `alerts`. */
#include "support/cmocka.h"

#include <string.h>
#include "config_kit.h"

#define DISK  "{name: disk, watch: alert"
#define STEPS ", steps: [{type: log}]"
#define RUN   ", steps: [{type: run, command: [/bin/a]}]"

static void test_defaults(void **state)
{
	struct config *config = config_kit_load_monitor("", DISK STEPS);
	const struct config_monitor *m = config->monitors;
	const struct config_alert *alert = m->alert;

	assert_int_equal(m->watch, CONFIG_WATCH_ALERT);
	assert_int_equal(m->type, CONFIG_TARGET_HOST);
	assert_null(m->metric);
	assert_null(m->containers);
	assert_true(m->rules.exact);
	assert_int_equal(m->check_interval_ms, 0);
	assert_null(alert->match_labels);
	assert_null(alert->match_annotations);
	assert_false(alert->per_group);
	assert_int_equal(alert->max_alerts, 1000);
	assert_int_equal(alert->forget_ms, 3600000);
	assert_false(alert->interrupt);
	assert_int_equal(m->rules.cooldown_ms, 300000);
	assert_int_equal(m->rules.verify_ms, 600000);
	assert_null(m->rules.levels);

	assert_true(config->alerts.enabled);
	assert_int_equal(config->alerts.n_paths, 0);
	assert_null(config->alerts.token_file);
	assert_string_equal(config->alerts.hmac_header, "X-Hub-Signature-256");
	assert_int_equal(config->alerts.max_body, 4 << 20);
	assert_int_equal(config->alerts.queue_size, 1000);
	assert_int_equal(config->alerts.max_alerts, 10000);
	assert_false(config->alerts.amx_metrics);
	config_free(config);
}

static void test_full(void **state)
{
	struct config *config = config_kit_load_monitor(
		"alerts: {paths: [/alerts, /*], basic_auth_file: /u, "
		"hmac_file: /h, hmac_header: X-Sig, allow: [10.0.0.0/8, "
		"'::1', 1.2.3.4], max_body: 1MiB, queue_size: 5, max_alerts: "
		"6, amx_metrics: true}\n",
		DISK ", match_labels: {severity: '=~critical|page', alertname: "
		     "DiskFull, env: '!=dev', team: '!~a.*', odd: '==~x', "
		     "quoted: 'a\"b\\c'}, match_annotations: {summary: ''}, "
		     "per: group, max_alerts: 7, forget_after: 8s, "
		     "on_resolved_signal: SIGUSR1, kill_after: 9s, "
		     "max_parallel: 1, throttle: 1h, on_resolved: [{type: "
		     "log}], steps: [{type: run, command: [/bin/a], "
		     "environment: amx}]");
	const struct config_monitor *m = config->monitors;
	const struct config_alerts *alerts = &config->alerts;

	assert_string_equal(m->alert->match_labels,
	                    "alertname=\"DiskFull\",env!=\"dev\","
	                    "odd=\"=~x\",quoted=\"a\\\"b\\\\c\","
	                    "severity=~\"critical|page\",team!~\"a.*\"");
	assert_string_equal(m->alert->match_annotations, "summary=\"\"");
	assert_true(m->alert->per_group);
	assert_int_equal(m->alert->max_alerts, 7);
	assert_int_equal(m->alert->forget_ms, 8000);
	assert_true(m->alert->interrupt);
	assert_string_equal(m->alert->signal, "SIGUSR1");
	assert_int_equal(m->alert->kill_after_ms, 9000);
	assert_int_equal(m->max_parallel, 1);
	assert_int_equal(m->throttle_ms, 3600000);
	assert_int_equal(m->n_steps, 2);
	assert_int_equal(m->steps[0].environment, STEP_ENV_AMX);
	assert_int_equal(m->rules.n_steps, 1);
	assert_int_equal(m->rules.first_resolved, 1);
	assert_int_equal(m->rules.n_resolved, 1);

	assert_int_equal(alerts->n_paths, 2);
	assert_string_equal(alerts->paths[0], "/alerts");
	assert_string_equal(alerts->basic_auth_file, "/u");
	assert_string_equal(alerts->hmac_file, "/h");
	assert_string_equal(alerts->hmac_header, "X-Sig");
	assert_int_equal(alerts->n_allow, 3);
	assert_int_equal(alerts->max_body, 1 << 20);
	assert_int_equal(alerts->queue_size, 5);
	assert_int_equal(alerts->max_alerts, 6);
	assert_true(alerts->amx_metrics);
	config_free(config);
}

/* Each alert may be of another container. */
static void test_container(void **state)
{
	struct config *config = config_kit_load_monitor(
		"",
		DISK ", type: docker, container_name: 'x-{{ labels.name }}', "
		     "restart_type: container");

	assert_string_equal(config->monitors->container_name,
	                    "x-{{ labels.name }}");
	assert_int_equal(config->monitors->steps[0].kind, STEP_RESTART);
	config_free(config);
}

/* --- what a reload must notice ------------------------------------------------ */

static const char *const variants[] = {
	DISK RUN,
	DISK ", match_labels: {a: b}" RUN,
	DISK ", match_labels: {a: '=~b'}" RUN,
	DISK ", match_annotations: {a: b}" RUN,
	DISK ", per: group" RUN,
	DISK ", max_alerts: 1" RUN,
	DISK ", forget_after: 1s" RUN,
	DISK ", on_resolved_signal: SIGINT" RUN,
	DISK ", on_resolved_signal: SIGTERM" RUN,
	DISK ", on_resolved_signal: SIGTERM, kill_after: 1s" RUN,
	DISK ", on_resolved: [{type: log}]" RUN,
	DISK ", steps: [{type: run, command: [/bin/a], environment: amx}]",
};

static void test_equality(void **state)
{
	config_kit_all_differ("", variants, ARRAY_SIZE(variants));
}

/* --- what is wrong ------------------------------------------------------------ */

static const struct {
	const char *monitor;
	const char *problem;
} wrong[] = {
	{ DISK, ": needs plugin or steps: what to do about it" },
	{ "{name: a/b, watch: alert" STEPS,
	  ".name: \"a/b\" contains a /, which stands between a rule and its "
	  "alerts" },
	{ DISK ", match_labels: {}" STEPS,
	  ".match_labels: has 0 match_labels; 1 to 16 may be given" },
	{ DISK ", match_labels: [a]" STEPS,
	  ".match_labels: expected names and values; write it as {alertname: "
	  "DiskFull, severity: \"=~critical|page\"}" },
	{ DISK ", match_labels: {a-b: c}" STEPS,
	  ".match_labels.a-b: \"a-b\" is not the name of a label; " },
	{ DISK ", match_labels: {a: '=~('}" STEPS,
	  ".match_labels.a: \"=~(\" " },
	{ DISK ", per: rule" STEPS,
	  ".per: \"rule\" is not one of alert, group" },
	{ DISK ", max_alerts: 0" STEPS,
	  ".max_alerts: \"0\" is out of range; use 1 to 100000" },
	{ DISK ", kill_after: 1s" RUN,
	  ".kill_after: is of on_resolved_signal, which is not given" },
	{ DISK ", on_resolved_signal: SIGTRM" RUN,
	  ".on_resolved_signal: \"SIGTRM\" is not a signal; " },
	{ DISK ", on_resolved_signal: SIGTERM" STEPS,
	  ".on_resolved_signal: is for commands that still run, and there is "
	  "no run step" },
	{ DISK ", threshold: '>1'" STEPS,
	  ".threshold: means nothing with watch: alert; the rule in "
	  "Prometheus has it" },
	{ DISK ", check_interval: 1s" STEPS,
	  ".check_interval: means nothing with watch: alert; Alertmanager "
	  "tells of each change" },
	{ DISK ", labels: {a: b}" STEPS,
	  ".labels: means nothing with watch: alert; match_labels says which "
	  "alerts are meant" },
	{ DISK ", backoff: 1s" STEPS,
	  ".backoff: means nothing with watch: alert; cooldown is the time "
	  "between two bounces" },
	{ DISK ", probe: {type: tcp, address: 'a:1'}" STEPS,
	  ".probe: means nothing with watch: alert; it is for watch: health" },
	{ DISK ", container_name: c" STEPS,
	  ".container_name: needs type: where the container runs" },
	{ DISK ", type: docker, container_name: '{{ contaner }}'" STEPS,
	  ".container_name: \"{{ contaner }}\" {{ contaner }} at character 1 "
	  "is "
	  "not known" },
	{ DISK ", steps: [{type: run, command: [a, '{{ level }}']}]",
	  ".steps[0].command[1]: \"{{ level }}\" " },
	{ DISK ", steps: [{type: webhook, url: 'http://a', headers: {A: '{{ "
	       "level }}'}}]",
	  ".steps[0].headers.A: {{ level }} " },
	{ DISK ", max_parallel: 0" STEPS,
	  ".max_parallel: \"0\" is out of range; use 1 to 10000" },
	{ DISK ", on_resolved: [{type: restart}]" STEPS,
	  ".on_resolved[0].type: \"restart\" needs a container, and the type "
	  "is host" },
	{ DISK ", steps: [{type: log}]}, {name: disk/a, query: up, "
	       "prometheus: 'http://a', threshold: '>1'" STEPS,
	  "[1].name: \"disk/a\" could be an alert of the monitor disk; give "
	  "it another name" },
};

static void test_problems(void **state)
{
	static const char *const sections[][2] = {
		{ "alerts: {paths: [alerts]}\n",
		  "alerts.paths[0]: \"alerts\" is not a path; write it like "
		  "/alerts, without query and escapes; * at its end is any "
		  "rest" },
		{ "alerts: {paths: ['/a*b']}\n",
		  "alerts.paths[0]: \"/a*b\" is not a path; " },
		{ "alerts: {paths: [/metrics/x]}\n",
		  "alerts.paths[0]: \"/metrics/x\" is a path of ours; " },
		{ "alerts: {allow: [10.0.0.0/33]}\n",
		  "alerts.allow[0]: \"10.0.0.0/33\" " },
		{ "alerts: {allow: ['::1/129']}\n",
		  "alerts.allow[0]: \"::1/129\" " },
		{ "alerts: {allow: [a.example]}\n",
		  "alerts.allow[0]: \"a.example\" " },
		{ "alerts: {allow: ['10.0.0.0/']}\n",
		  "alerts.allow[0]: \"10.0.0.0/\" " },
		{ "alerts: {allow: []}\n",
		  "alerts.allow: is empty, which lets nobody in; " },
		{ "alerts: {token_file: /a, basic_auth_file: /b}\n",
		  "alerts.basic_auth_file: is given beside token_file; " },
		{ "alerts: {hmac_header: X-A}\n",
		  "alerts.hmac_header: is of hmac_file, which is not given" },
		{ "alerts: {hmac_file: /a, hmac_header: 'a b'}\n",
		  "alerts.hmac_header: \"a b\" is not the name of a header" },
		{ "alerts: {max_body: 1}\n",
		  "alerts.max_body: \"1\" is out of range" },
		{ "global: {addr: none}\n",
		  "alerts: alerts are posted to global.addr, which is none; "
		  "give it an address" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		config_kit_refuses("", wrong[i].monitor, wrong[i].problem);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		config_kit_refuses(sections[i][0], DISK STEPS, sections[i][1]);
	config_kit_refuses("alerts: {max_alerts: 1}\n",
	                   "{name: a, watch: health, type: docker",
	                   "alerts: has no effect unless a monitor has watch: "
	                   "alert");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_container),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
