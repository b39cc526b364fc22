/* SPDX-License-Identifier: Apache-2.0 */
/* config: monitors that watch containers. */
#include "support/cmocka.h"

#include <errno.h>
#include <string.h>
#include "config_kit.h"

#define HEALTH "{name: h, watch: health, type: docker"
#define EXITED "{name: e, watch: exited, type: docker"

static struct config *load(const char *monitor)
{
	return config_kit_load_monitor("", monitor);
}

/* --- what a few words make ------------------------------------------------- */

static void test_health_defaults(void **state)
{
	struct config *config = load(HEALTH);
	const struct config_monitor *m = config->monitors;
	const struct config_containers *c = m->containers;

	assert_int_equal(m->watch, CONFIG_WATCH_HEALTH);
	assert_string_equal(config_watch_name(m->watch), "health");
	assert_null(m->push_gw);
	assert_null(m->container_name);
	assert_int_equal(m->n_labels, 0);
	assert_int_equal(m->n_steps, 1);
	assert_int_equal(m->steps[0].kind, STEP_RESTART);
	assert_int_equal(m->steps[0].stop_timeout_ms, STEP_STOP_TIMEOUT_OWN);
	assert_null(m->before);
	assert_null(m->after);
	assert_true(m->rules.exact);
	assert_int_equal(m->rules.max_age_ms, 0);
	assert_int_equal(m->rules.for_ms, 0);
	assert_int_equal(m->rules.cooldown_ms, 10000);
	assert_int_equal(m->rules.verify_ms, 300000);
	assert_int_equal(m->rules.grace_ms, 0);
	assert_int_equal(m->rules.start_grace_ms, 0);
	assert_int_equal(m->rules.max_bounces, 5);
	assert_int_equal(m->rules.backoff_percent, 200);
	assert_int_equal(m->rules.n_steps, 1);

	assert_non_null(c);
	assert_int_equal(c->n_endpoints, 0);
	assert_int_equal(c->selector.select.n_labels, 0);
	assert_int_equal(c->selector.n_any_of, 0);
	assert_string_equal(c->selector.opt_out, "bouncer.ignore");
	assert_int_equal(c->selector.include, 0);
	assert_int_equal(c->max_containers, 1000);
	assert_int_equal(c->forget_ms, 3600000);
	assert_null(c->probe);
	assert_false(c->dependents);
	assert_null(c->dependents_label);
	assert_null(c->stop_timeout_label);
	config_free(config);
}

static void test_exited_defaults(void **state)
{
	struct config *config = load(EXITED);
	const struct config_monitor *m = config->monitors;

	assert_int_equal(m->watch, CONFIG_WATCH_EXITED);
	assert_int_equal(m->n_steps, 1);
	assert_int_equal(m->steps[0].kind, STEP_START);
	assert_int_equal(m->rules.max_age_ms, 0);
	assert_int_equal(m->rules.cooldown_ms, 10000);
	assert_false(exit_codes_has(&m->containers->codes, 0));
	assert_true(exit_codes_has(&m->containers->codes, 137));
	assert_false(m->containers->codes_given);
	assert_false(m->containers->any_end);
	assert_int_equal(m->containers->keep_last, 0);
	config_free(config);
}

/* LXD tells no codes. */
static void test_exited_of_lxd(void **state)
{
	struct config *config = load("{name: e, type: lxd, watch: exited");
	const struct config_monitor *m = config->monitors;

	assert_true(exit_codes_has(&m->containers->codes, -1));
	assert_false(m->containers->codes_given);
	config_free(config);
	config = load("{name: e, type: lxd, watch: exited, "
	              "select: {any_label: [user.a, user.b=1]}, "
	              "steps: [{type: remove}]");
	m = config->monitors;
	assert_false(exit_codes_has(&m->containers->codes, -1));
	config_free(config);
}

/* Who only removes wants what is done, also if a person stopped it. */
static void test_removal(void **state)
{
	struct config *config =
		load(EXITED ", max_age: 1h, keep_last: 3, "
	                    "steps: [{type: remove, volumes: true}]");
	const struct config_monitor *m = config->monitors;

	assert_int_equal(m->steps[0].kind, STEP_REMOVE);
	assert_true(m->steps[0].volumes);
	assert_int_equal(m->rules.max_age_ms, 3600000);
	assert_int_equal(m->rules.start_grace_ms, 0);
	assert_true(exit_codes_has(&m->containers->codes, 0));
	assert_false(exit_codes_has(&m->containers->codes, 1));
	assert_true(m->containers->any_end);
	assert_int_equal(m->containers->keep_last, 3);
	config_free(config);

	config = load(EXITED ", exit_codes: '0,143', exit_codes_label: a.code, "
	                     "steps: [{type: start}, {type: remove}]");
	m = config->monitors;
	assert_true(exit_codes_has(&m->containers->codes, 143));
	assert_true(m->containers->codes_given);
	assert_false(m->containers->any_end);
	assert_string_equal(m->containers->codes_label, "a.code");
	config_free(config);
}

/* --- every key ------------------------------------------------------------- */

static const char full[] =
	"global: {resync_interval: 30s, container_labels: true, host: box,\n"
	"  tls_ca: /ca, tls_cert: /cert, tls_key: /key, max_bounces: 0}\n"
	"monitors:\n"
	"- name: all\n"
	"  watch: health\n"
	"  type: podman\n"
	"  endpoints: ['unix:///a', tcp://b:1]\n"
	"  select:\n"
	"    label: [a=b*, c, d?, e=]\n"
	"    any_label: [f, g=1]\n"
	"    name: ['web-*']\n"
	"    prefix: [p, q]\n"
	"    image: ['nginx:*']\n"
	"    project: [shop]\n"
	"    service: [web]\n"
	"  exclude: {label: [x], name: [y], prefix: [z], image: [i],\n"
	"    project: [j], service: [k]}\n"
	"  opt_out: autoheal=false\n"
	"  include: [swarm, own_action]\n"
	"  max_containers: 7\n"
	"  forget_after: 0s\n"
	"  for: 1s\n"
	"  cooldown: 2s\n"
	"  grace: 3s\n"
	"  verify_within: 1s\n"
	"  start_grace: 4s\n"
	"  stop_timeout_label: s.t\n"
	"  stop_timeout_label_unit: ms\n"
	"  probe: {type: http, url: 'http://{{ ip }}:8080/{{container}}?a=b',\n"
	"    interval: 1s, timeout: 2s, retries: 4, start_period: 5s,\n"
	"    start_interval: 6s}\n"
	"  dependents: true\n"
	"  dependents_label: d.o\n"
	"  before: [/b, '1']\n"
	"  before_timeout: 9s\n"
	"  after: [/a, '/{{ container }}']\n"
	"  after_timeout: 8s\n"
	"  restart_type: container\n"
	"  stop_timeout: 0s\n";

static void check_select(const struct selector *s)
{
	assert_int_equal(s->select.n_labels, 4);
	assert_string_equal(s->select.labels[0].name, "a");
	assert_string_equal(s->select.labels[0].value, "b*");
	assert_string_equal(s->select.labels[1].name, "c");
	assert_null(s->select.labels[1].value);
	assert_false(s->select.labels[1].truth);
	assert_string_equal(s->select.labels[2].name, "d");
	assert_true(s->select.labels[2].truth);
	assert_string_equal(s->select.labels[3].value, "");
	assert_int_equal(s->n_any_of, 2);
	assert_string_equal(s->any_of[1].name, "g");
	assert_string_equal(s->any_of[1].value, "1");
	assert_int_equal(s->select.names.n, 1);
	assert_string_equal(s->select.names.patterns[0], "web-*");
	assert_int_equal(s->select.prefixes.n, 2);
	assert_string_equal(s->select.prefixes.patterns[1], "q");
	assert_string_equal(s->select.images.patterns[0], "nginx:*");
	assert_string_equal(s->select.projects.patterns[0], "shop");
	assert_string_equal(s->select.services.patterns[0], "web");
	assert_string_equal(s->exclude.labels[0].name, "x");
	assert_string_equal(s->exclude.names.patterns[0], "y");
	assert_string_equal(s->exclude.prefixes.patterns[0], "z");
	assert_string_equal(s->exclude.images.patterns[0], "i");
	assert_string_equal(s->exclude.projects.patterns[0], "j");
	assert_string_equal(s->exclude.services.patterns[0], "k");
	assert_string_equal(s->opt_out, "autoheal=false");
	assert_int_equal(s->include, SELECTOR_SWARM | SELECTOR_OWN_ACTION);
}

static void test_full(void **state)
{
	struct config *config = config_kit_load(full);
	const struct config_monitor *m = config->monitors;
	const struct config_containers *c = m->containers;

	assert_int_equal(config->global.resync_ms, 30000);
	assert_true(config->global.container_labels);
	assert_string_equal(config->global.host, "box");
	assert_string_equal(config->global.tls_ca, "/ca");
	assert_string_equal(config->global.tls_cert, "/cert");
	assert_string_equal(config->global.tls_key, "/key");
	check_select(&c->selector);
	assert_int_equal(c->n_endpoints, 2);
	assert_string_equal(c->endpoints[1], "tcp://b:1");
	assert_int_equal(c->max_containers, 7);
	assert_int_equal(c->forget_ms, 0);
	assert_int_equal(m->rules.for_ms, 1000);
	assert_int_equal(m->rules.cooldown_ms, 2000);
	assert_int_equal(m->rules.grace_ms, 3000);
	assert_int_equal(m->rules.verify_ms, 1000);
	assert_int_equal(m->rules.start_grace_ms, 4000);
	assert_int_equal(m->rules.max_bounces, 0);
	assert_string_equal(c->stop_timeout_label, "s.t");
	assert_int_equal(c->stop_timeout_unit_ms, 1);
	assert_true(c->dependents);
	assert_string_equal(c->dependents_label, "d.o");
	assert_string_equal(m->before[1], "1");
	assert_null(m->before[2]);
	assert_int_equal(m->before_timeout_ms, 9000);
	assert_string_equal(m->after[1], "/{{ container }}");
	assert_int_equal(m->after_timeout_ms, 8000);
	assert_int_equal(m->steps[0].stop_timeout_ms, 0);
	config_free(config);
}

static void test_probes(void **state)
{
	struct config *config = config_kit_load(full);
	const struct probe *p = config->monitors->containers->probe;

	assert_int_equal(p->type, PROBE_HTTP);
	assert_string_equal(p->url, "http://{{ ip }}:8080/{{container}}?a=b");
	assert_int_equal(p->interval_ms, 1000);
	assert_int_equal(p->timeout_ms, 2000);
	assert_int_equal(p->retries, 4);
	assert_int_equal(p->start_period_ms, 5000);
	assert_int_equal(p->start_interval_ms, 6000);
	config_free(config);

	config = load(HEALTH ", probe: {type: tcp, address: '{{ ip }}:80'}");
	p = config->monitors->containers->probe;
	assert_int_equal(p->type, PROBE_TCP);
	assert_string_equal(p->address, "{{ ip }}:80");
	assert_int_equal(p->interval_ms, PROBE_INTERVAL_MS);
	assert_int_equal(p->timeout_ms, PROBE_TIMEOUT_MS);
	assert_int_equal(p->retries, PROBE_RETRIES);
	assert_int_equal(p->start_interval_ms, PROBE_START_INTERVAL_MS);
	config_free(config);

	config = load(HEALTH ", probe: {type: exec, command: [/t, a]}");
	p = config->monitors->containers->probe;
	assert_int_equal(p->type, PROBE_EXEC);
	assert_string_equal(p->argv[1], "a");
	config_free(config);
}

static void test_switched_off(void **state)
{
	struct config *config = load(HEALTH ", opt_out: '', dependents: true, "
	                                    "dependents_label: ''");

	assert_null(config->monitors->containers->selector.opt_out);
	assert_null(config->monitors->containers->dependents_label);
	config_free(config);
}

/* --- what a reload compares ------------------------------------------------ */

static const char *const variants[] = {
	HEALTH,
	HEALTH ", endpoints: [/a]",
	HEALTH ", endpoints: [/a, /b]",
	HEALTH ", select: {label: [a]}",
	HEALTH ", select: {any_label: [a]}",
	HEALTH ", exclude: {label: [a]}",
	HEALTH ", opt_out: ''",
	HEALTH ", include: [self]",
	HEALTH ", max_containers: 3",
	HEALTH ", forget_after: 2h",
	HEALTH ", grace: 1s",
	HEALTH ", max_bounces: 0",
	HEALTH ", stop_timeout_label: a",
	HEALTH ", stop_timeout_label: a, stop_timeout_label_unit: ms",
	HEALTH ", dependents: true",
	HEALTH ", dependents: true, dependents_label: a",
	HEALTH ", before: [a]",
	HEALTH ", before: [a], before_timeout: 1s",
	HEALTH ", after: [a]",
	HEALTH ", after: [a], after_timeout: 1s",
	HEALTH ", probe: {type: tcp, address: 'a:1'}",
	HEALTH ", probe: {type: tcp, address: 'a:2'}",
	HEALTH ", probe: {type: exec, command: [a]}",
	HEALTH ", probe: {type: exec, command: [a], interval: 1s}",
	HEALTH ", probe: {type: exec, command: [a], timeout: 1s}",
	HEALTH ", probe: {type: exec, command: [a], retries: 1}",
	HEALTH ", probe: {type: exec, command: [a], start_period: 1s}",
	HEALTH ", probe: {type: exec, command: [a], start_interval: 1s}",
	HEALTH ", probe: {type: http, url: 'http://a'}",
	HEALTH ", steps: [{type: webhook, url: 'http://a'}]",
	HEALTH ", steps: [{type: webhook, url: 'http://b'}]",
	HEALTH ", steps: [{type: webhook, url: 'http://a', preset: ntfy}]",
	HEALTH ", steps: [{type: webhook, url: 'http://a', body: '{}'}]",
	HEALTH ", steps: [{type: webhook, url: 'http://a', method: PUT}]",
	HEALTH ", steps: [{type: webhook, url: 'http://a', headers: {a: b}}]",
	HEALTH ", steps: [{type: webhook, url: 'http://a', headers: {a: c}}]",
	HEALTH ", steps: [{type: webhook, url: 'http://a', token_file: /t}]",
	HEALTH ", steps: [{type: webhook, url: 'http://a', timeout: 1s}]",
	HEALTH ", steps: [{type: webhook, url: 'http://a', max_tries: 2}]",
	"{name: h, watch: exited, type: docker",
	"{name: h, watch: exited, type: docker, exit_codes: nonzero",
	"{name: h, watch: exited, type: docker, exit_codes: '1'",
	"{name: h, watch: exited, type: docker, exit_codes_label: a",
	"{name: h, watch: exited, type: docker, keep_last: 1",
	"{name: h, watch: exited, type: docker, steps: [{type: remove}]",
	("{name: h, watch: exited, type: docker, "
	 "steps: [{type: remove, volumes: true}]"),
};

static void test_equality(void **state)
{
	config_kit_all_differ("", variants, ARRAY_SIZE(variants));
}

/* --- what is wrong ---------------------------------------------------------- */

static const struct {
	const char *monitor;
	const char *problem; /* behind "t.yml:1: monitors[0]" */
} wrong[] = {
	{ "{name: a, watch: helth, type: docker",
	  ".watch: \"helth\" is not one of push, health, exited, metric, "
	  "alert; did you mean health?" },
	{ "{name: a, watch: health, type: host",
	  ".type: \"host\" has no containers to watch; use docker, podman, lxd "
	  "or incus" },
	{ "{name: a/b, watch: health, type: docker",
	  ".name: \"a/b\" contains a /, which stands between a rule and its "
	  "containers" },
	{ HEALTH ", max_age: 1m",
	  ".max_age: means nothing with watch: health; for says how long it "
	  "must be unhealthy" },
	{ HEALTH ", container_name: c",
	  ".container_name: means nothing with watch: health; select says "
	  "which containers are meant, by name: [NAME]" },
	{ HEALTH ", check_interval: 1m",
	  ".check_interval: means nothing with watch: health; the engine tells "
	  "of each change; see also global.resync_interval" },
	{ HEALTH ", max_runtime: 1m",
	  ".max_runtime: means nothing with watch: health; remove the key" },
	{ HEALTH ", exit_codes: any",
	  ".exit_codes: means nothing with watch: health; remove the key" },
	{ EXITED ", probe: {type: tcp, address: 'a:1'}",
	  ".probe: means nothing with watch: exited; remove the key" },
	{ "{name: a, max_age: 1m, type: host, labels: {job: a}, "
	  "restart_type: command, restart_command: [a], select: {name: [a]}",
	  ".select: means nothing with watch: push; it is for watch: health "
	  "and watch: exited" },
	{ "{name: a, max_age: 1m, type: host, labels: {job: a}, "
	  "restart_type: command, restart_command: [a], keep_last: 1",
	  ".keep_last: means nothing with watch: push; it is for watch: "
	  "exited" },
	{ "{name: a, max_age: 1m, type: host, labels: {job: a}, "
	  "restart_type: command, restart_command: [a], grace: 1s",
	  ".grace: means nothing with watch: push; it is for watch: health" },
	{ HEALTH ", select: {label: x}",
	  ".select.label: expected a list, found a single value; write it as "
	  "[name, name=value]" },
	{ HEALTH ", select: {labels: [x]}",
	  ".select.labels: unknown key; did you mean label?" },
	{ HEALTH ", exclude: {any_label: [x]}",
	  ".exclude.any_label: unknown key" },
	{ HEALTH ", select: {label: ['=x']}",
	  ".select.label[0]: \"=x\" is not a label; write NAME, NAME=VALUE, or "
	  "NAME? for any true value" },
	{ HEALTH ", select: {label: ['?']}",
	  ".select.label[0]: \"?\" is not a label; write NAME, NAME=VALUE, or "
	  "NAME? for any true value" },
	{ HEALTH ", select: {name: [a, '']}",
	  ".select.name[1]: is empty and matches nothing; remove it, or write "
	  "\"*\" for everything" },
	{ HEALTH ", opt_out: a=b",
	  ".opt_out: \"a=b\" is not a label; write LABEL, whose true value "
	  "leaves a container out, or LABEL=false; several with commas between "
	  "them" },
	{ HEALTH ", include: [selv]",
	  ".include[0]: \"selv\" is not one of self, swarm, auto_remove, "
	  "own_action; did you mean self?" },
	{ HEALTH ", max_containers: 0",
	  ".max_containers: \"0\" is out of range; use 1 to 20000" },
	{ HEALTH ", endpoints: [/a, /a]",
	  ".endpoints[1]: \"/a\" is here a second time; keep one" },
	{ HEALTH ", endpoints: ['ftp://a']",
	  ".endpoints[0]: not an address: the scheme 'ftp' is not known" },
	{ "{name: h, watch: health, type: lxd, endpoints: ['tcp://a:1']",
	  ".endpoints[0]: this engine is reached through a socket; write its "
	  "path" },
	{ HEALTH ", stop_timeout_label_unit: s",
	  ".stop_timeout_label_unit: is of stop_timeout_label, which is not "
	  "given" },
	{ HEALTH ", stop_timeout_label: a=b",
	  ".stop_timeout_label: \"a=b\" is not the name of a label" },
	{ HEALTH ", dependents_label: a",
	  ".dependents_label: needs dependents: true" },
	{ HEALTH ", before_timeout: 1s",
	  ".before_timeout: is of before, which is not given" },
	{ HEALTH ", after_timeout: 1s",
	  ".after_timeout: is of after, which is not given" },
	{ HEALTH ", before: []", ".before: is empty; name a program" },
	{ HEALTH ", after: [a, '{{ contaner }}']",
	  ".after[1]: \"{{ contaner }}\" {{ contaner }} at character 1 is not "
	  "known; did you mean {{ container }}?" },
	{ "{name: x, watch: exited, type: lxd, steps: [{type: remove}]",
	  ".select: must name a label: instances are removed only where they "
	  "say so; for instance {label: [\"user.cleanup?\"]}, with "
	  "user.cleanup=true on the instance" },
	{ "{name: x, watch: exited, type: incus, select: {name: [job-*]}, "
	  "steps: [{type: log, message: x}, {type: remove}]",
	  ".select: must name a label: instances are removed only where they "
	  "say so; for instance {label: [\"user.cleanup?\"]}, with "
	  "user.cleanup=true on the instance" },
	{ HEALTH ", steps: [{type: remove}]",
	  ".steps[0].type: remove is for containers that have ended: with "
	  "watch: exited, or behind a stop step" },
	{ HEALTH ", steps: [{type: restart, volumes: true}]",
	  ".steps[0].volumes: a restart step has none; remove the key" },
	{ HEALTH ", steps: [{type: restart, url: 'http://a'}]",
	  ".steps[0].url: a restart step has none; remove the key" },
	{ HEALTH ", steps: [{type: webhook}]", ".steps[0].url: is missing" },
	{ EXITED ", steps: [{type: exec, command: [a]}]",
	  ".steps[0].type: exec needs a container that runs, and watch: exited "
	  "finds those that do not; use start, remove or run" },
	{ EXITED ", restart_type: container",
	  ".restart_type: is not for watch: exited, which starts without it; "
	  "give steps for something else" },
	{ EXITED ", exit_codes: '256'", ".exit_codes: \"256\" " },
	{ HEALTH ", probe: {type: htp, url: 'http://a'}",
	  ".probe.type: \"htp\" is not one of http, tcp, exec; did you mean "
	  "http?" },
	{ HEALTH ", probe: {url: 'http://a'}", ".probe.type: is missing" },
	{ HEALTH ", probe: {type: http}", ".probe.url: is missing" },
	{ HEALTH ", probe: {type: http, url: 'http://{{ pi }}/'}",
	  ".probe.url: \"http://{{ pi }}/\" has an unknown name in {{ }}; use "
	  "container or ip" },
	{ HEALTH ", probe: {type: http, url: 'http://{{ ip /'}",
	  ".probe.url: \"http://{{ ip /\" has {{ without }}" },
	{ HEALTH ", probe: {type: http, url: /a}",
	  ".probe.url: \"/a\" is not an address of a container" },
	{ HEALTH ", probe: {type: tcp, address: '{{ ip }}'}",
	  ".probe.address: \"{{ ip }}\" is not an address: no port: write "
	  "192.0.2.1:PORT" },
	{ HEALTH ", probe: {type: tcp, address: 'a:1', command: [a]}",
	  ".probe.command: a probe of type tcp has none; remove the key" },
	{ HEALTH ", probe: {type: exec}", ".probe.command: is missing" },
	{ HEALTH ", probe: {type: exec, command: [a], retries: 0}",
	  ".probe.retries: \"0\" is out of range; use 1 to 1000" },
	{ HEALTH "}, {name: h/web, max_age: 1m, type: host, labels: {job: a}, "
	         "restart_type: command, restart_command: [a]",
	  "[1].name: \"h/web\" could be a container of the monitor h; give it "
	  "another name" },
};

static void test_problems(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		config_kit_refuses("", wrong[i].monitor, wrong[i].problem);
}

static void test_global_problems(void **state)
{
	static const char *const texts[][2] = {
		{ "{resync_interval: 1ms}",
		  "resync_interval: \"1ms\" is too short; 1s is the least" },
		{ "{container_labels: maybe}",
		  "container_labels: \"maybe\" is neither true nor false" },
		{ "{host: ''}", "host: \"\" is not a name of 1 to 255 bytes" },
		{ "{tls_ca: ''}", "tls_ca: is empty; name a file" },
		{ "{tls_cert: /a}",
		  "tls_cert: needs tls_key: the key of the certificate" },
		{ "{tls_key: /a}",
		  "tls_key: needs tls_cert: the certificate of the key" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct config *config = NULL;
		struct buf problems;
		char text[1024];
		char line[512];

		(void)snprintf(text, sizeof(text), "global: %s\n" REST,
		               texts[i][0]);
		(void)snprintf(line, sizeof(line), "t.yml:1: global.%s\n",
		               texts[i][1]);
		buf_init(&problems, 1 << 16);
		assert_int_equal(config_load_text(slice_from(text), "t.yml",
		                                  NULL, 0, &config, &problems),
		                 -EINVAL);
		assert_string_equal(buf_text(&problems), line);
		buf_fini(&problems);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health_defaults),
		cmocka_unit_test(test_exited_defaults),
		cmocka_unit_test(test_exited_of_lxd),
		cmocka_unit_test(test_removal),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_switched_off),
		cmocka_unit_test(test_equality),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_global_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
