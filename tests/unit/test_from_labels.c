/* SPDX-License-Identifier: Apache-2.0 */
/* from_labels: what containers may ask for, and what they may not. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "config/from_labels.h"
#include "config_kit.h"

#define LABELS_MAX 24

static struct config *base_of(const char *global)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
	               "global: {container_labels: true%s}\n", global);
	return config_kit_load(text);
}

/* @pairs: names and values in turn, NULL at the end. */
static struct container container_of_labels(struct container_label *labels,
                                            const char *const *pairs)
{
	struct container container = {
		.id = "c0ffee",
		.name = "web",
		.project = "",
		.labels = labels,
	};

	for (; *pairs; pairs += 2)
		labels[container.n_labels++] =
			(struct container_label){ pairs[0], pairs[1] };
	return container;
}

struct asked {
	struct config *base;
	struct config *config;
	const struct config_monitor *monitor;
};

static int ask_type(struct asked *asked, enum config_target_type type,
                    enum config_asked kind, const char *global,
                    const char *const *pairs, struct err *err)
{
	struct container_label labels[LABELS_MAX];
	struct container container = container_of_labels(labels, pairs);

	*asked = (struct asked){ .base = base_of(global) };
	return from_labels(asked->base, type, kind, &container, &asked->config,
	                   &asked->monitor, err);
}

static void drop(struct asked *asked)
{
	config_free(asked->config);
	config_free(asked->base);
}

static void ask_good(struct asked *asked, enum config_asked kind,
                     const char *global, const char *const *pairs)
{
	struct err err = { 0 };

	if (ask_type(asked, CONFIG_TARGET_DOCKER, kind, global, pairs, &err) <
	    0)
		fail_msg("%s", err.message);
}

#define ASK(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* --- what may be asked for --------------------------------------------------- */

static void test_health(void **state)
{
	struct asked asked;
	const struct config_monitor *m;

	ask_good(&asked, CONFIG_ASKED_HEALTH, "",
	         ASK("bouncer.health", "restart"));
	m = asked.monitor;
	assert_int_equal(m->watch, CONFIG_WATCH_HEALTH);
	assert_int_equal(m->type, CONFIG_TARGET_DOCKER);
	assert_int_equal(m->n_steps, 1);
	assert_int_equal(m->steps[0].kind, STEP_RESTART);
	assert_int_equal(m->rules.cooldown_ms, 10000);
	assert_int_equal(m->rules.max_bounces, 5);
	assert_null(m->before);
	assert_null(m->after);
	assert_false(m->dry_run);
	drop(&asked);
}

static void test_every_label_of_health(void **state)
{
	struct asked asked;
	const struct config_monitor *m;

	ask_good(&asked, CONFIG_ASKED_HEALTH, "",
	         ASK("bouncer.health", "log, exec,stop,start,kill,restart",
	             "bouncer.command", "/bin/kill  -HUP\t1", "bouncer.for",
	             "10s", "bouncer.grace", "1m", "bouncer.cooldown", "20s",
	             "bouncer.max_bounces", "7", "bouncer.verify_within", "2m",
	             "bouncer.window", "2h", "bouncer.stop_timeout", "30s",
	             "bouncer.signal", "SIGINT", "bouncer.dry_run", "true",
	             "com.example.bouncer.health", "run", "bouncer.tier", "x",
	             "bouncer.depends_on", "db"));
	m = asked.monitor;
	assert_int_equal(m->n_steps, 6);
	assert_int_equal(m->steps[0].kind, STEP_LOG);
	assert_int_equal(m->steps[1].kind, STEP_EXEC);
	assert_string_equal(m->steps[1].argv[0], "/bin/kill");
	assert_string_equal(m->steps[1].argv[1], "-HUP");
	assert_string_equal(m->steps[1].argv[2], "1");
	assert_null(m->steps[1].argv[3]);
	assert_int_equal(m->steps[2].kind, STEP_STOP);
	assert_int_equal(m->steps[2].stop_timeout_ms, 30000);
	assert_string_equal(m->steps[2].signal, "SIGINT");
	assert_int_equal(m->steps[3].kind, STEP_START);
	assert_int_equal(m->steps[4].kind, STEP_KILL);
	assert_int_equal(m->steps[5].kind, STEP_RESTART);
	assert_int_equal(m->rules.for_ms, 10000);
	assert_int_equal(m->rules.grace_ms, 60000);
	assert_int_equal(m->rules.cooldown_ms, 20000);
	assert_int_equal(m->rules.max_bounces, 7);
	assert_int_equal(m->rules.verify_ms, 120000);
	assert_int_equal(m->rules.window_ms, 7200000);
	assert_true(m->dry_run);
	drop(&asked);
}

static void test_a_command_as_json(void **state)
{
	struct asked asked;
	const char *const *argv;

	ask_good(&asked, CONFIG_ASKED_HEALTH, "",
	         ASK("bouncer.health", "exec", "bouncer.command",
	             "[\"sh\", \"-c\", \"a; b \\\"c\\\"\"]"));
	argv = asked.monitor->steps[0].argv;
	assert_string_equal(argv[0], "sh");
	assert_string_equal(argv[2], "a; b \"c\"");
	assert_null(argv[3]);
	drop(&asked);
}

static void test_exited(void **state)
{
	struct asked asked;

	ask_good(&asked, CONFIG_ASKED_EXITED, "",
	         ASK("bouncer.exited", "start,restart", "bouncer.max_age", "5m",
	             "bouncer.exit_codes", "1,137"));
	assert_int_equal(asked.monitor->watch, CONFIG_WATCH_EXITED);
	assert_int_equal(asked.monitor->rules.max_age_ms, 300000);
	assert_int_equal(asked.monitor->n_steps, 2);
	assert_false(asked.monitor->containers->any_end);
	drop(&asked);
	ask_good(&asked, CONFIG_ASKED_REMOVE, "",
	         ASK("bouncer.exited", "remove"));
	assert_int_equal(asked.monitor->steps[0].kind, STEP_REMOVE);
	assert_false(asked.monitor->steps[0].volumes);
	assert_true(asked.monitor->containers->any_end);
	drop(&asked);
}

static void test_push(void **state)
{
	struct asked asked;
	const struct config_monitor *m;

	ask_good(&asked, CONFIG_ASKED_PUSH, ", push_gw: 'http://gw:9091'",
	         ASK("bouncer.push.job", "backup", "bouncer.max_age", "1h",
	             "bouncer.push.label.instance", "db1",
	             "bouncer.push.metric_name", "last_ok"));
	m = asked.monitor;
	assert_int_equal(m->watch, CONFIG_WATCH_PUSH);
	assert_string_equal(m->push_gw, "http://gw:9091");
	assert_string_equal(m->container_name, "web");
	assert_null(m->project);
	assert_int_equal(m->n_labels, 2);
	assert_string_equal(m->labels[0].name, "instance");
	assert_string_equal(m->labels[0].value, "db1");
	assert_string_equal(m->labels[1].name, "job");
	assert_string_equal(m->labels[1].value, "backup");
	assert_string_equal(m->metric_name, "last_ok");
	assert_int_equal(m->rules.max_age_ms, 3600000);
	assert_int_equal(m->rules.start_grace_ms, 3600000);
	assert_int_equal(m->steps[0].kind, STEP_RESTART);
	assert_null(m->containers);
	drop(&asked);
	ask_good(&asked, CONFIG_ASKED_PUSH, "",
	         ASK("bouncer.push.job", "backup", "bouncer.max_age", "1h",
	             "bouncer.push", "kill,start", "bouncer.grace", "1m"));
	assert_int_equal(asked.monitor->n_steps, 2);
	assert_int_equal(asked.monitor->rules.start_grace_ms, 60000);
	drop(&asked);
}

static void test_several_at_once(void **state)
{
	static const enum config_watch watches[] = {
		[CONFIG_ASKED_HEALTH] = CONFIG_WATCH_HEALTH,
		[CONFIG_ASKED_EXITED] = CONFIG_WATCH_EXITED,
		[CONFIG_ASKED_PUSH] = CONFIG_WATCH_PUSH,
	};

	for (unsigned kind = 1; kind < ARRAY_SIZE(watches); kind++) {
		struct asked asked;

		if (kind == CONFIG_ASKED_REMOVE)
			continue;
		ask_good(&asked, (enum config_asked)kind, "",
		         ASK("bouncer.health", "restart", "bouncer.exited",
		             "start", "bouncer.push.job", "j",
		             "bouncer.max_age", "10m", "bouncer.cooldown",
		             "1m"));
		assert_int_equal(asked.config->n_monitors, 3);
		assert_int_equal(asked.monitor->watch, watches[kind]);
		assert_int_equal(asked.monitor->rules.cooldown_ms, 60000);
		drop(&asked);
	}
}

static void test_global_holds(void **state)
{
	struct asked asked;

	ask_good(&asked, CONFIG_ASKED_HEALTH,
	         ", dry_run: true, paused: true, cooldown: 1s, "
	         "max_bounces: 2, quiet: ['Sat 01:00-02:00']",
	         ASK("bouncer.health", "restart", "bouncer.dry_run", "false"));
	assert_true(asked.monitor->dry_run);
	assert_true(asked.monitor->paused);
	assert_int_equal(asked.monitor->rules.cooldown_ms, 1000);
	assert_int_equal(asked.monitor->rules.max_bounces, 2);
	assert_int_equal(asked.monitor->n_quiet, 1);
	drop(&asked);
}

static void test_keys_of_lxd(void **state)
{
	struct err err = { 0 };
	struct asked asked;

	assert_int_equal(ask_type(&asked, CONFIG_TARGET_LXD,
	                          CONFIG_ASKED_HEALTH, "",
	                          ASK("user.bouncer.health", "restart",
	                              "bouncer.cooldown", "no"),
	                          &err),
	                 0);
	assert_int_equal(asked.monitor->type, CONFIG_TARGET_LXD);
	drop(&asked);
	assert_int_equal(ask_type(&asked, CONFIG_TARGET_INCUS,
	                          CONFIG_ASKED_HEALTH, "",
	                          ASK("user.bouncer.health", "reboot"), &err),
	                 -EINVAL);
	assert_memory_equal(err.message, "user.bouncer.health: \"reboot\"", 29);
	drop(&asked);
}

/* --- what may not ------------------------------------------------------------- */

static void test_refusals(void **state)
{
	static const struct {
		const char *label;
		const char *value;
		const char *words; /* with which it is refused */
	} cases[] = {
		{ "health", "run", "health: \"run\" is not one of the steps" },
		{ "health", "webhook", "health: \"webhook\" is not one of" },
		{ "health", "remove", "health: \"remove\" is not one of" },
		{ "health", "", "health: \"\" is not one of" },
		{ "health", "restart,", "health: \"\" is not one of" },
		{ "health", "log,log,log,log,log,log,log,log,log",
		  "health: has too many steps" },
		{ "health", "exec", "command: is missing" },
		{ "exited", "stop", "exited: \"stop\" is not one of" },
		{ "exited", "start,remove", "\"remove\" is not one of" },
		{ "push", "run", "push: is for bouncer.push.job" },
		{ "command", "/bin/true", "command: is what the step exec" },
		{ "cooldown", "9s", "cooldown: \"9s\" is not between 10s and" },
		{ "cooldown", "soon", "cooldown: \"soon\" is not a duration" },
		{ "max_bounces", "0", "\"0\" is not a number from 1 to" },
		{ "max_bounces", "many", "\"many\" is not a number" },
		{ "verify_within", "1ms", "\"1ms\" is not between 1s and" },
		{ "window", "1s", "window: \"1s\" is not between 1m and" },
		{ "stop_timeout", "1h", "\"1h\" is not between 0s and 10m" },
		{ "for", "10000h", "for: \"10000h\" is not between" },
		{ "grace", "10000h", "grace: \"10000h\" is not between" },
		{ "max_age", "1h", "max_age: is for bouncer.exited and" },
		{ "exit_codes", "0", "exit_codes: is for bouncer.exited" },
		{ "signal", "SIGNOTHING", "signal: \"SIGNOTHING\" is not a" },
		{ "signal", "9\"\n    before: [reboot]", "signal: \"9" },
		{ "dry_run", "perhaps", "dry_run: \"perhaps\" is neither" },
		{ "cooldwon", "1m", "did you mean bouncer.cooldown" },
		{ "push.job", "j", "push.job: needs bouncer.max_age" },
		{ "push.metric_name", "x", "is for bouncer.push.job" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool own = strcmp(cases[i].label, "health") == 0;
		struct err err = { 0 };
		struct asked asked;
		char label[64];

		(void)snprintf(label, sizeof(label), "bouncer.%s",
		               cases[i].label);
		assert_int_equal(ask_type(&asked, CONFIG_TARGET_DOCKER,
		                          CONFIG_ASKED_HEALTH, "",
		                          ASK(label, cases[i].value,
		                              own ? "other" : "bouncer.health",
		                              "restart"),
		                          &err),
		                 -EINVAL);
		assert_memory_equal(err.message, "bouncer.", 8);
		if (!strstr(err.message, cases[i].words))
			fail_msg("%s=%s: %s", label, cases[i].value,
			         err.message);
		drop(&asked);
	}
}

static void test_refusals_of_push(void **state)
{
	static const char *const cases[][3] = {
		{ "bouncer.push", "run", "push: \"run\" is not one of" },
		{ "bouncer.push.label.a-b", "x", "push.label.a-b: \"a-b\"" },
		{ "bouncer.push.label.job", "x", "here a second time" },
		{ "bouncer.push.metric_name", "a b",
		  "push.metric_name: \"a b" },
		{ "bouncer.command", "[1]", "command: is to be an array" },
		{ "bouncer.command", "[\"a\"", "command: is no array of JSON" },
		{ "bouncer.command", " ", "command: is empty" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool ladder = strcmp(cases[i][0], "bouncer.push") == 0;
		struct err err = { 0 };
		struct asked asked;

		assert_int_equal(
			ask_type(&asked, CONFIG_TARGET_DOCKER,
		                 CONFIG_ASKED_PUSH, "",
		                 ASK("bouncer.push.job", "j", "bouncer.max_age",
		                     "1h", cases[i][0], cases[i][1],
		                     ladder ? "other" : "bouncer.push",
		                     i < 4 ? "restart" : "exec"),
		                 &err),
			-EINVAL);
		if (!strstr(err.message, cases[i][2]))
			fail_msg("%s=%s: %s", cases[i][0], cases[i][1],
			         err.message);
		drop(&asked);
	}
}

static void test_too_long(void **state)
{
	char value[FROM_LABELS_VALUE_MAX + 2];
	struct err err = { 0 };
	struct asked asked;

	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(ask_type(&asked, CONFIG_TARGET_DOCKER,
	                          CONFIG_ASKED_HEALTH, "",
	                          ASK("bouncer.health", "exec",
	                              "bouncer.command", value),
	                          &err),
	                 -EINVAL);
	assert_string_equal(err.message, "bouncer.command: is too long");
	drop(&asked);
}

/* --- the rules that cover them -------------------------------------------------- */

static void test_rules(void **state)
{
	struct config *config = base_of(", socket_lxd: /run/lxd.socket");
	const struct config_monitor *m = config->monitors;

	assert_int_equal(config->n_monitors, 0);
	assert_int_equal(config->n_asked, 8);
	assert_string_equal(m[0].name, "label:health");
	assert_string_equal(m[1].name, "label:exited");
	assert_string_equal(m[2].name, "label:remove");
	assert_string_equal(m[3].name, "label:push");
	assert_string_equal(m[4].name, "label:lxd:health");
	assert_string_equal(m[4].containers->selector.select.labels[0].name,
	                    "user.bouncer.health");
	assert_string_equal(m[0].containers->selector.opt_out,
	                    "bouncer.ignore");
	assert_int_equal(m[0].containers->selector.include, 0);
	assert_int_equal(m[0].containers->max_containers,
	                 CONFIG_MAX_CONTAINERS);
	assert_true(m[2].containers->any_end);
	config_free(config);
	config = config_kit_load("global: {}\n" REST);
	assert_int_equal(config->n_asked, 0);
	config_free(config);
}

static void test_names_are_taken(void **state)
{
	static const char text[] =
		"global: {container_labels: true}\n"
		"monitors: [{name: 'label:health', watch: health, "
		"type: docker}]\n";
	struct config *config = NULL;
	struct buf problems;

	buf_init(&problems, 4096);
	assert_int_equal(config_load_text(slice_from(text), "c.yml", NULL, 0,
	                                  &config, &problems),
	                 -EINVAL);
	assert_non_null(strstr(buf_text(&problems),
	                       "monitors[0].name: \"label:health\" is the rule "
	                       "of containers that ask for it"));
	buf_fini(&problems);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_every_label_of_health),
		cmocka_unit_test(test_a_command_as_json),
		cmocka_unit_test(test_exited),
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_several_at_once),
		cmocka_unit_test(test_global_holds),
		cmocka_unit_test(test_keys_of_lxd),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_refusals_of_push),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_names_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
