/* SPDX-License-Identifier: Apache-2.0 */
/* door: what users of other tools said, as a configuration of ours. */
#include "support/cmocka.h"

#include <errno.h>
#include <string.h>
#include "config/config.h"
#include "config/door.h"

#define MAX_WORDS 32

typedef int (*enter_fn)(struct door *door, int argc, char *const *argv,
                        const char *const *envp, struct err *err);

/* Words with blanks between them; those with = before the first flag are
 * variables. */
struct command_line {
	char text[512];
	const char *envp[MAX_WORDS + 1];
	char *argv[MAX_WORDS + 1];
	int argc;
};

static void split(struct command_line *line, const char *text)
{
	size_t n_env = 0;
	char *word;
	char *rest;

	*line = (struct command_line){ 0 };
	(void)snprintf(line->text, sizeof(line->text), "%s", text);
	for (rest = line->text; *rest;) {
		word = rest;
		rest += strcspn(rest, " ");
		if (*rest)
			*rest++ = '\0';
		assert_true(n_env + (size_t)line->argc < MAX_WORDS);
		if (strchr(word, '=') && word[0] != '-' && line->argc == 0)
			line->envp[n_env++] = word;
		else
			line->argv[line->argc++] = word;
	}
}

/* The text is loaded twice, and gives the same. */
static struct config *load(const struct door *door)
{
	struct config *config = NULL;
	struct config *again = NULL;
	struct buf problems;

	buf_init(&problems, 1 << 16);
	if (config_load_text(buf_slice(&door->text), "door", NULL, 0, &config,
	                     &problems) < 0)
		fail_msg("%s", buf_text(&problems));
	assert_int_equal(config_load_text(buf_slice(&door->text), "door", NULL,
	                                  0, &again, &problems),
	                 0);
	for (size_t i = 0; i < config->n_monitors; i++)
		assert_true(config_monitor_equal(&config->monitors[i],
		                                 &again->monitors[i]));
	assert_true(config_notifications_equal(config, again));
	config_free(again);
	buf_fini(&problems);
	return config;
}

static struct config *enter(enter_fn door_enter, const char *text,
                            const char *warnings)
{
	struct command_line line;
	struct config *config;
	struct door door;
	struct err err;

	split(&line, text);
	if (door_enter(&door, line.argc, line.argv, line.envp, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	assert_string_equal(buf_text(&door.warnings), warnings);
	config = load(&door);
	door_fini(&door);
	return config;
}

static void check_refused(enter_fn door_enter, const char *text,
                          const char *words)
{
	struct command_line line;
	struct door door;
	struct err err;

	split(&line, text);
	assert_int_equal(
		door_enter(&door, line.argc, line.argv, line.envp, &err),
		-EINVAL);
	assert_string_equal(err.message, words);
	door_fini(&door);
}

static void check_guards_off(const struct config *config)
{
	assert_int_equal(config->global.storm_share, 0);
	for (size_t i = 0; i < config->n_monitors; i++) {
		const struct config_monitor *m = &config->monitors[i];

		assert_int_equal(m->rules.max_bounces, 0);
		assert_int_equal(m->rules.backoff_percent, 100);
		assert_int_equal(m->rules.for_ms, 0);
		assert_int_equal(m->containers->selector.include,
		                 SELECTOR_SWARM | SELECTOR_AUTO_REMOVE |
		                         SELECTOR_OWN_ACTION);
	}
}

static void check_label(const struct selector_label *label, const char *name)
{
	assert_string_equal(label->name, name);
	assert_null(label->value);
	assert_true(label->truth);
}

/* --- mon -------------------------------------------------------------------- */

static void test_mon(void **state)
{
	struct config *config = enter(door_mon, "", "");
	const struct config_monitor *m = config->monitors;

	assert_string_equal(config->global.socket_docker,
	                    "unix:///var/run/docker.sock");
	assert_null(config->global.addr);
	assert_int_equal(config->global.resync_ms, 10000);
	assert_int_equal(config->global.log_level, LOG_LEVEL_INFO);
	assert_int_equal(config->n_monitors, 2);
	assert_int_equal(config->n_notifications, 0);
	check_guards_off(config);

	assert_string_equal(m->name, "health");
	assert_int_equal(m->watch, CONFIG_WATCH_HEALTH);
	assert_int_equal(m->containers->selector.select.n_labels, 2);
	check_label(&m->containers->selector.select.labels[0], "mon.observe");
	check_label(&m->containers->selector.select.labels[1],
	            "mon.checks.health");
	assert_int_equal(m->containers->selector.select.prefixes.n, 0);
	assert_int_equal(m->rules.cooldown_ms, 10000);
	assert_int_equal(m->rules.start_grace_ms, 0);
	assert_int_equal(m->steps[0].kind, STEP_RESTART);
	assert_int_equal(m->steps[0].stop_timeout_ms, 10000);
	assert_string_equal(m->containers->stop_timeout_label,
	                    "mon.checks.health.timeout");
	assert_int_equal(m->containers->stop_timeout_unit_ms, 1);

	m++;
	assert_string_equal(m->name, "cleanup");
	assert_int_equal(m->watch, CONFIG_WATCH_EXITED);
	check_label(&m->containers->selector.select.labels[0], "mon.observe");
	check_label(&m->containers->selector.select.labels[1],
	            "mon.checks.cleanup");
	assert_int_equal(m->rules.max_age_ms, 0);
	assert_true(m->containers->any_end);
	assert_true(exit_codes_has(&m->containers->codes, 0));
	assert_false(exit_codes_has(&m->containers->codes, 1));
	assert_string_equal(m->containers->codes_label,
	                    "mon.checks.cleanup.code");
	assert_int_equal(m->steps[0].kind, STEP_REMOVE);
	assert_false(m->steps[0].volumes);
	config_free(config);
}

static void test_mon_settings(void **state)
{
	struct config *config = enter(
		door_mon,
		"-control tcp://h:1 --prefix=web -interval 250 -quiet "
		"-volumes -retries 3",
		"-retries: has no effect: what failed is tried again with "
		"each report of the engine, and every interval\n");
	const struct config_monitor *m = config->monitors;

	assert_string_equal(config->global.socket_docker, "tcp://h:1");
	assert_int_equal(config->global.log_level, LOG_LEVEL_ERROR);
	assert_int_equal(config->global.resync_ms, 1000);
	assert_int_equal(m->rules.cooldown_ms, 250);
	assert_int_equal(m->containers->selector.select.prefixes.n, 1);
	assert_string_equal(m->containers->selector.select.prefixes.patterns[0],
	                    "web");
	assert_string_equal(
		m[1].containers->selector.select.prefixes.patterns[0], "web");
	assert_true(m[1].steps[0].volumes);
	config_free(config);
}

/* The environment wins; a value that makes no sense is passed over; the slash
 * that used to be needed is taken off. */
static void test_mon_environment(void **state)
{
	struct config *config =
		enter(door_mon,
	              "MON_CONTROL=/s MON_PREFIX=/web- MON_INTERVAL=2000 "
	              "MON_QUIET=perhaps MON_VOLUMES=TRUE MON_RETRIES=1 "
	              "MON_INTERVALL=1 HOME=/x -control tcp://h:1 "
	              "-interval=1 -quiet=false",
	              "MON_INTERVALL: is not known and has no effect; did you "
	              "mean MON_INTERVAL?\n"
	              "MON_RETRIES: has no effect: what failed is tried again "
	              "with each report of the engine, and every interval\n"
	              "MON_QUIET: \"perhaps\" is neither true nor false; it is "
	              "ignored\n");

	assert_string_equal(config->global.socket_docker, "/s");
	assert_int_equal(config->monitors[0].rules.cooldown_ms, 2000);
	assert_int_equal(config->global.log_level, LOG_LEVEL_INFO);
	assert_string_equal(
		config->monitors[0]
			.containers->selector.select.prefixes.patterns[0],
		"web-");
	assert_true(config->monitors[1].steps[0].volumes);
	config_free(config);

	config = enter(door_mon, "MON_INTERVAL=x MON_PREFIX=/",
	               "MON_INTERVAL: \"x\" is not a number of milliseconds; "
	               "it is ignored\n");
	assert_int_equal(config->monitors[0].rules.cooldown_ms, 10000);
	assert_int_equal(
		config->monitors[0].containers->selector.select.prefixes.n, 0);
	config_free(config);

	config = enter(door_mon, "MON_INTERVAL=0",
	               "MON_INTERVAL: must be more than 0; it is ignored\n");
	assert_int_equal(config->monitors[0].rules.cooldown_ms, 10000);
	config_free(config);
}

static void test_mon_refuses(void **state)
{
	check_refused(door_mon, "-interval x",
	              "-interval: \"x\" is not a number of milliseconds");
	check_refused(door_mon, "-interval 0",
	              "-interval: must be more than 0");
	check_refused(door_mon, "-interval", "-interval needs a value");
	check_refused(door_mon, "-quiet=maybe",
	              "-quiet: \"maybe\" is neither true nor false");
	check_refused(door_mon, "-pefix x",
	              "unknown flag -pefix; did you mean -prefix?");
	check_refused(door_mon, "x", "unexpected argument x");
	check_refused(door_mon, "autoheal", "unexpected argument autoheal");
}

/* --- autoheal --------------------------------------------------------------- */

static void test_autoheal(void **state)
{
	struct config *config = enter(door_autoheal, "", "");
	const struct config_monitor *m = config->monitors;
	const struct config_containers *c = m->containers;

	assert_string_equal(config->global.socket_docker,
	                    "/var/run/docker.sock");
	assert_null(config->global.addr);
	assert_null(config->global.tls_ca);
	assert_int_equal(config->global.resync_ms, 5000);
	assert_int_equal(config->n_notifications, 0);
	assert_int_equal(config->n_monitors, 1);
	check_guards_off(config);
	assert_string_equal(m->name, "autoheal");
	assert_int_equal(m->watch, CONFIG_WATCH_HEALTH);
	assert_int_equal(m->rules.cooldown_ms, 5000);
	assert_int_equal(m->rules.start_grace_ms, 0);
	assert_int_equal(c->selector.select.n_labels, 0);
	assert_int_equal(c->selector.n_any_of, 3);
	check_label(&c->selector.any_of[0], "autoheal");
	check_label(&c->selector.any_of[1], "autoheal.monitor.enable");
	check_label(&c->selector.any_of[2], "deunhealth.restart.on.unhealthy");
	assert_string_equal(c->selector.opt_out,
	                    "autoheal=false, autoheal.monitor.enable=false, "
	                    "autoheal.restart.enable=false, bouncer.ignore");
	assert_string_equal(c->stop_timeout_label, "autoheal.stop.timeout");
	assert_int_equal(c->stop_timeout_unit_ms, 1000);
	assert_int_equal(m->n_steps, 1);
	assert_int_equal(m->steps[0].kind, STEP_RESTART);
	assert_int_equal(m->steps[0].stop_timeout_ms, 10000);
	assert_null(m->after);
	config_free(config);
}

static void test_autoheal_values(void **state)
{
	struct config *config =
		enter(door_autoheal,
	              "AUTOHEAL_CONTAINER_LABEL=heal AUTOHEAL_INTERVAL=0.5 "
	              "AUTOHEAL_START_PERIOD=30 "
	              "AUTOHEAL_DEFAULT_STOP_TIMEOUT=240 "
	              "AUTOHEAL_ONLY_MONITOR_RUNNING=true "
	              "DOCKER_SOCK=tcp://h:2375 CURL_TIMEOUT=30 autoheal",
	              "CURL_TIMEOUT: has no effect: a restart may take as long "
	              "as the container needs to stop\n");
	const struct config_monitor *m = config->monitors;

	assert_string_equal(config->global.socket_docker, "tcp://h:2375");
	assert_int_equal(config->global.resync_ms, 1000);
	assert_int_equal(m->rules.cooldown_ms, 500);
	assert_int_equal(m->rules.start_grace_ms, 30000);
	assert_int_equal(m->steps[0].stop_timeout_ms, 240000);
	assert_int_equal(m->containers->selector.n_any_of, 0);
	check_label(&m->containers->selector.select.labels[0], "heal");
	config_free(config);

	config = enter(door_autoheal,
	               "AUTOHEAL_CONTAINER_LABEL=all "
	               "AUTOHEAL_ONLY_MONITOR_RUNNING=false "
	               "AUTOHEAL_LABEL=x AUTOHEAL_INTERVALL=1",
	               "AUTOHEAL_LABEL: is not known and has no effect\n"
	               "AUTOHEAL_INTERVALL: is not known and has no effect; "
	               "did you mean AUTOHEAL_INTERVAL?\n"
	               "AUTOHEAL_ONLY_MONITOR_RUNNING: has no effect: what is "
	               "paused or stopped is left alone\n");
	assert_int_equal(config->monitors->containers->selector.select.n_labels,
	                 0);
	assert_int_equal(config->monitors->containers->selector.n_any_of, 0);
	config_free(config);

	config = enter(door_autoheal, "AUTOHEAL_CONTAINER_LABEL=a.b=c", "");
	assert_string_equal(
		config->monitors->containers->selector.select.labels[0].value,
		"c");
	config_free(config);
}

static void test_autoheal_notices(void **state)
{
	struct config *config =
		enter(door_autoheal,
	              "WEBHOOK_URL=https://h/x?a=b WEBHOOK_JSON_KEY=a\"b "
	              "APPRISE_URL=http://a/notify/k POST_RESTART_SCRIPT=/s.sh",
	              "");
	const struct notification *n = config->notifications;
	const char *const *after = config->monitors->after;

	assert_int_equal(config->n_notifications, 2);
	assert_string_equal(n[0].webhook.url, "https://h/x?a=b");
	assert_string_equal(n[0].webhook.body,
	                    "{\"a\\\"b\": \"{{ message }}\"}");
	assert_int_equal(n[0].events, 1 << NOTICE_BOUNCED);
	assert_string_equal(n[1].webhook.url, "http://a/notify/k");
	assert_int_equal(n[1].webhook.preset, WEBHOOK_APPRISE);
	assert_string_equal(
		n[1].webhook.body,
		"{\"title\": \"Autoheal\", \"body\": \"{{ message }}\"}");
	assert_string_equal(after[0], "/s.sh");
	assert_string_equal(after[1], "/{{ container }}");
	assert_string_equal(after[2], "{{ short_id }}");
	assert_string_equal(after[3], "running");
	assert_string_equal(after[4], "{{ stop_timeout }}");
	assert_null(after[5]);
	config_free(config);

	config = enter(door_autoheal, "WEBHOOK_URL=http://h", "");
	assert_string_equal(config->notifications->webhook.body,
	                    "{\"text\": \"{{ message }}\"}");
	config_free(config);
}

static void test_autoheal_tls(void **state)
{
	struct config *config =
		enter(door_autoheal, "DOCKER_SOCK=tcps://h:2376", "");

	assert_string_equal(config->global.socket_docker, "https://h:2376");
	assert_string_equal(config->global.tls_ca, "/certs/ca.pem");
	assert_string_equal(config->global.tls_cert, "/certs/client-cert.pem");
	assert_string_equal(config->global.tls_key, "/certs/client-key.pem");
	config_free(config);
}

static void test_deunhealth(void **state)
{
	struct config *config =
		enter(door_autoheal, "DOCKER_HOST=tcp://h:1", "");

	assert_string_equal(config->global.socket_docker, "tcp://h:1");
	config_free(config);
	config = enter(door_autoheal, "DOCKER_HOST=tcp://h:1 DOCKER_SOCK=/s",
	               "");
	assert_string_equal(config->global.socket_docker, "/s");
	config_free(config);
}

/* --- tmknight's ------------------------------------------------------------- */

static void test_tmknight(void **state)
{
	struct config *config =
		enter(door_autoheal,
	              "AUTOHEAL_CONNECTION_TYPE=http AUTOHEAL_TCP_HOST=h "
	              "AUTOHEAL_TCP_PORT=1 AUTOHEAL_TCP_TIMEOUT=3 "
	              "AUTOHEAL_STOP_TIMEOUT=7 AUTOHEAL_START_DELAY=8 "
	              "AUTOHEAL_MONITOR_ALL=TRUE AUTOHEAL_LOG_ALL=true "
	              "AUTOHEAL_POST_ACTION=/p AUTOHEAL_APPRISE_URL=http://a "
	              "AUTOHEAL_WEBHOOK_URL=http://w AUTOHEAL_WEBHOOK_KEY=k",
	              "AUTOHEAL_LOG_ALL: has no effect: bouncer journal tells "
	              "of everything\n"
	              "AUTOHEAL_TCP_TIMEOUT: has no effect: each request has a "
	              "limit that fits it\n");
	const struct config_monitor *m = config->monitors;

	assert_string_equal(config->global.socket_docker, "tcp://h:1");
	assert_int_equal(m->rules.start_grace_ms, 8000);
	assert_int_equal(m->steps[0].stop_timeout_ms, 7000);
	assert_int_equal(m->containers->selector.n_any_of, 0);
	assert_string_equal(m->after[0], "/p");
	assert_string_equal(m->after[1], "{{ container }}");
	assert_string_equal(m->after[2], "{{ short_id }}");
	assert_string_equal(m->after[3], "{{ stop_timeout }}");
	assert_null(m->after[4]);
	assert_int_equal(config->n_notifications, 2);
	assert_string_equal(config->notifications[0].webhook.body,
	                    "{\"k\": \"{{ message }}\"}");
	config_free(config);
}

/* Its flags win over its variables. */
static void test_tmknight_flags(void **state)
{
	struct config *config =
		enter(door_autoheal,
	              "AUTOHEAL_STOP_TIMEOUT=7 -c ssl -n h -k /pem "
	              "--stop-timeout 9 -i 2 -d 3 -m -L -P /p -w http://w -j k "
	              "-a http://a",
	              "-log-persist: has no effect: the log goes to standard "
	              "error; see bouncer journal\n");
	const struct config_monitor *m = config->monitors;

	assert_string_equal(config->global.socket_docker, "https://h:2376");
	assert_string_equal(config->global.tls_ca, "/pem/ca.pem");
	assert_string_equal(config->global.tls_cert, "/pem/cert.pem");
	assert_string_equal(config->global.tls_key, "/pem/key.pem");
	assert_int_equal(m->steps[0].stop_timeout_ms, 9000);
	assert_int_equal(m->rules.cooldown_ms, 2000);
	assert_int_equal(m->rules.start_grace_ms, 3000);
	assert_int_equal(m->containers->selector.n_any_of, 0);
	assert_int_equal(config->n_notifications, 2);
	config_free(config);

	config = enter(door_autoheal,
	               "AUTOHEAL_CONNECTION_TYPE=ssl AUTOHEAL_TCP_PORT=1", "");
	assert_string_equal(config->global.socket_docker,
	                    "https://localhost:1");
	assert_string_equal(config->global.tls_ca,
	                    "/opt/docker-autoheal/tls/ca.pem");
	config_free(config);

	config = enter(door_autoheal, "DOCKER_SOCK=/x -c local", "");
	assert_string_equal(config->global.socket_docker, "/x");
	config_free(config);
}

static void test_autoheal_refuses(void **state)
{
	check_refused(door_autoheal, "AUTOHEAL_INTERVAL=5s",
	              "AUTOHEAL_INTERVAL: \"5s\" is not a number of seconds");
	check_refused(door_autoheal, "AUTOHEAL_START_PERIOD=-1",
	              "AUTOHEAL_START_PERIOD: \"-1\" is not a number of "
	              "seconds");
	check_refused(door_autoheal, "AUTOHEAL_DEFAULT_STOP_TIMEOUT=nan",
	              "AUTOHEAL_DEFAULT_STOP_TIMEOUT: \"nan\" is not a number "
	              "of seconds");
	check_refused(
		door_autoheal, "AUTOHEAL_ONLY_MONITOR_RUNNING=maybe",
		"AUTOHEAL_ONLY_MONITOR_RUNNING: \"maybe\" is neither true "
		"nor false");
	check_refused(door_autoheal, "-c telnet",
	              "-connection-type: \"telnet\" is not one of local, "
	              "socket, http, ssl");
	check_refused(door_autoheal, "-x", "unknown flag -x");
	check_refused(door_autoheal, "autoheal autoheal",
	              "unexpected argument autoheal");
}

/* --- both ------------------------------------------------------------------- */

static void test_asked_for_help(void **state)
{
	static const enter_fn doors[] = { door_mon, door_autoheal };

	for (size_t i = 0; i < ARRAY_SIZE(doors); i++) {
		struct command_line line;
		struct door door;
		struct err err;

		split(&line, "-print-config");
		assert_int_equal(
			doors[i](&door, line.argc, line.argv, line.envp, &err),
			0);
		assert_true(door.print);
		assert_true(door.text.n > 0);
		door_fini(&door);
		split(&line, "--help");
		assert_int_equal(
			doors[i](&door, line.argc, line.argv, line.envp, &err),
			0);
		assert_true(door.help);
		assert_int_equal(door.text.n, 0);
		door_fini(&door);
	}
}

/* What stands in a value stays in it. */
static void test_hostile(void **state)
{
	static const char *const envp[] = { "MON_PREFIX=a\"]: [{b\\ # c",
		                            NULL };
	struct config *config;
	struct door door;
	struct err err;

	assert_int_equal(door_mon(&door, 0, NULL, envp, &err), 0);
	config = load(&door);
	assert_string_equal(config->monitors->containers->selector.select
	                            .prefixes.patterns[0],
	                    "a\"]: [{b\\ # c");
	config_free(config);
	door_fini(&door);
}

/* --- metric-reader ------------------------------------------------------------ */

#define SEED "METRIC_NAME=up THRESHOLD=>100"
#define HEAD "METRIC_NAME=up THRESHOLD_OPERATOR=greater_than SOFT_THRESHOLD=80"

static void check_text(enter_fn door_enter, const char *text,
                       const char *written)
{
	struct command_line line;
	struct door door;
	struct err err;

	split(&line, text);
	assert_int_equal(
		door_enter(&door, line.argc, line.argv, line.envp, &err), 0);
	assert_string_equal(buf_text(&door.text), written);
	door_fini(&door);
}

#define READER_GLOBAL                                          \
	"# bouncer metric-reader: one value, and its limits\n" \
	"global:\n"                                            \
	"  addr: none\n"                                       \
	"  prometheus: \"http://prometheus:9090\"\n"
#define READER_GUARDS           \
	"  storm_share: 0\n"    \
	"  max_bounces: 0\n"    \
	"  backoff_factor: 1\n" \
	"  start_grace: 0s\n"
#define READER_MONITOR              \
	"monitors:\n"               \
	"  - name: metric-reader\n" \
	"    watch: metric\n"

static void test_reader_first_form(void **state)
{
	struct config *config;

	check_text(door_metric_reader, SEED,
	           READER_GLOBAL READER_GUARDS READER_MONITOR
	           "    metric_name: \"up\"\n"
	           "    check_interval: 1s\n"
	           "    missing: hold\n"
	           "    threshold: \">100\"\n"
	           "    for: 0s\n"
	           "    backoff: 0s\n"
	           "    steps:\n"
	           "    - type: log\n"
	           "      message: \"{{ value }} is {{ threshold }}\"\n");

	config =
		enter(door_metric_reader,
	              "METRIC_NAME=a:b LABEL_FILTERS=job=\"x\" THRESHOLD=<0.5 "
	              "THRESHOLD_DURATION=30s BACKOFF_DELAY=1m "
	              "POLLING_INTERVAL=15s PROMETHEUS_ENDPOINT=http://p:1 "
	              "PLUGIN_DIR=/p ACTION_PLUGIN=file_action LOG_LEVEL=debug "
	              "LEADER_ELECTION_ENABLED=false FILE_ACTION_SIZE=5",
	              "");
	assert_string_equal(config->monitors->metric->query, "a:b{job=\"x\"}");
	assert_string_equal(config->monitors->metric->servers[0], "http://p:1");
	assert_int_equal(config->monitors->check_interval_ms, 15000);
	assert_int_equal(config->monitors->rules.levels->level[0].for_ms,
	                 30000);
	assert_int_equal(config->monitors->rules.levels->level[0].cooldown_ms,
	                 60000);
	assert_int_equal(config->monitors->rules.max_bounces, 0);
	assert_int_equal(config->global.storm_share, 0);
	assert_int_equal(config->global.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(config->monitors->steps[0].plugin->n_parameters, 2);
	assert_string_equal(
		config->monitors->steps[0].plugin->parameters[0].value,
		"/tmp/metric-files");
	assert_string_equal(
		config->monitors->steps[0].plugin->parameters[1].value, "5");
	assert_false(config->leader.enabled);
	config_free(config);
}

static void test_reader_later_form(void **state)
{
	static const char less[] =
		"MISSING_VALUE_BEHAVIOR: is not set, so that a metric that is "
		"not there counts as 0, which is below the threshold\n";
	struct config *config;

	check_text(door_metric_reader,
	           HEAD " HARD_THRESHOLD=100 HARD_PLUGIN=log_action "
	                "PLUGIN_DIR=/p HARD_DURATION=45s "
	                "MISSING_VALUE_BEHAVIOR=assume_breached "
	                "KUBERNETES_SERVICE_HOST=1 POD_NAMESPACE=ns --compat",
	           READER_GLOBAL
	           "  plugin_dir: \"/p\"\n" READER_GUARDS "leader:\n"
	           "  kubernetes_lease: \"metric-reader-leader\"\n"
	           "  namespace: \"ns\"\n"
	           "  required: false\n" READER_MONITOR
	           "    metric_name: \"up\"\n"
	           "    check_interval: 1s\n"
	           "    missing: assume_breached\n"
	           "    compat: metric-reader\n"
	           "    soft:\n"
	           "      threshold: \">80\"\n"
	           "      for: 0s\n"
	           "      backoff: 0s\n"
	           "    hard:\n"
	           "      threshold: \">100\"\n"
	           "      for: 45s\n"
	           "      backoff: 0s\n"
	           "      steps:\n"
	           "      - type: plugin\n"
	           "        plugin: \"log_action\"\n");

	config = enter(door_metric_reader,
	               "METRIC_NAME=sum(x) THRESHOLD_OPERATOR=less_than "
	               "SOFT_THRESHOLD=85.5 SOFT_DURATION=35s "
	               "SOFT_BACKOFF_DELAY=90s HARD_THRESHOLD=9.5 "
	               "HARD_DURATION=40s HARD_BACKOFF_DELAY=120s "
	               "LEADER_ELECTION_LOCK_NAME=l "
	               "LEADER_ELECTION_LOCK_NAMESPACE=n "
	               "KUBERNETES_SERVICE_HOST=1 AWS_REGION=a "
	               "EFS_FILE_SYSTEM_ID=fs-1 SOFT_PLUGIN=efs_emergency "
	               "PLUGIN_DIR=/p",
	               less);
	assert_string_equal(config->monitors->metric->query, "sum(x)");
	assert_int_equal(config->monitors->rules.levels->missing,
	                 POLICY_MISSING_ZERO);
	assert_int_equal(config->monitors->rules.levels->compat,
	                 POLICY_COMPAT_NONE);
	assert_int_equal(config->monitors->rules.levels->level[1].cooldown_ms,
	                 120000);
	assert_int_equal(config->monitors->n_steps, 1);
	assert_int_equal(config->monitors->steps[0].plugin->n_parameters, 2);
	assert_string_equal(config->leader.kubernetes_lease, "l");
	assert_string_equal(config->leader.namespace_, "n");
	assert_false(config->leader.required);
	config_free(config);

	config = enter(door_metric_reader,
	               "METRIC_NAME=up THRESHOLD_OPERATOR=greater_than "
	               "HARD_THRESHOLD=5 ACTION_PLUGIN=x FILE_ACTION_DIR=/x "
	               "LEADER_ELECTION_ENABLED=true SOFT_THRESHOLD_PLUGIN=y "
	               "--compat",
	               "SOFT_THRESHOLD_PLUGIN: is not known and has no effect\n"
	               "ACTION_PLUGIN: has no effect: it is for THRESHOLD, "
	               "which is not set; with SOFT_THRESHOLD it is "
	               "SOFT_PLUGIN\n"
	               "LEADER_ELECTION_ENABLED: has no effect: this is no pod "
	               "of Kubernetes, so we act\n"
	               "FILE_ACTION_DIR: has no effect: file_action is not the "
	               "plugin\n"
	               "HARD_THRESHOLD: is never reached without "
	               "SOFT_THRESHOLD, by the original and so by --compat\n");
	assert_int_equal(config->monitors->n_steps, 1);
	config_free(config);
}

static void test_reader_refuses(void **state)
{
	static const char *const rows[][2] = {
		{ "THRESHOLD=>1", "METRIC_NAME: is missing" },
		{ "METRIC_NAME=up",
		  "THRESHOLD: is missing; set it, or THRESHOLD_OPERATOR with "
		  "SOFT_THRESHOLD or HARD_THRESHOLD" },
		{ "METRIC_NAME=sum(x) LABEL_FILTERS=a=\"b\" THRESHOLD=>1",
		  "LABEL_FILTERS: cannot be put into the expression in "
		  "METRIC_NAME; write it into that" },
		{ "METRIC_NAME=up LABEL_FILTERS={a=\"b\"} THRESHOLD=>1",
		  "LABEL_FILTERS: has braces; write what stands between them" },
		{ "METRIC_NAME=up THRESHOLD=100",
		  "THRESHOLD: \"100\": a threshold begins with >, >=, <, <=, "
		  "== or !=, as in \">100\"" },
		{ "METRIC_NAME=up THRESHOLD=>NaN",
		  "THRESHOLD: \">NaN\": nothing can be compared with NaN; a "
		  "threshold is a number" },
		{ SEED " THRESHOLD_DURATION=15",
		  "THRESHOLD_DURATION: \"15\" is not a duration; write it like "
		  "1h30m, 90s or 250ms" },
		{ SEED " BACKOFF_DELAY=-1s",
		  "BACKOFF_DELAY: \"-1s\" is not a duration; write it like "
		  "1h30m, 90s or 250ms" },
		{ SEED " POLLING_INTERVAL=0s",
		  "POLLING_INTERVAL: must be more than 0" },
		{ SEED " PROMETHEUS_ENDPOINT=prometheus",
		  "PROMETHEUS_ENDPOINT: not an address: no scheme: write "
		  "http://host:port or unix:///path" },
		{ SEED " LOG_LEVEL=trace",
		  "LOG_LEVEL: \"trace\" is not one of debug, info, warn, "
		  "error" },
		{ SEED " ACTION_PLUGIN=file_action",
		  "ACTION_PLUGIN: \"file_action\" is looked for in PLUGIN_DIR, "
		  "which is not set" },
		{ SEED " PLUGIN_DIR=/p ACTION_PLUGIN=../a",
		  "ACTION_PLUGIN: \"../a\" is not the name of a plugin: that "
		  "of its file without .so" },
		{ SEED " PLUGIN_DIR=/p ACTION_PLUGIN=file_action "
		       "FILE_ACTION_SIZE=0",
		  "FILE_ACTION_SIZE: \"0\" is not a number of bytes, at least "
		  "1" },
		{ SEED " LEADER_ELECTION_ENABLED=maybe",
		  "LEADER_ELECTION_ENABLED: \"maybe\" is neither true nor "
		  "false" },
		{ SEED " MISSING_VALUE_BEHAVIOR=last",
		  "MISSING_VALUE_BEHAVIOR: \"last\" is not one of zero, "
		  "last_value, assume_breached" },
		{ SEED " HARD_THRESHOLD=1",
		  "HARD_THRESHOLD: is not for THRESHOLD, which is set, too; "
		  "keep one of the two forms" },
		{ "METRIC_NAME=up SOFT_THRESHOLD=1",
		  "THRESHOLD_OPERATOR: is missing; it is greater_than or "
		  "less_than" },
		{ "METRIC_NAME=up THRESHOLD_OPERATOR=>",
		  "THRESHOLD_OPERATOR: \">\" is neither greater_than nor "
		  "less_than" },
		{ "METRIC_NAME=up THRESHOLD_OPERATOR=less_than",
		  "SOFT_THRESHOLD: is missing, and so is HARD_THRESHOLD" },
		{ HEAD " HARD_PLUGIN=a",
		  "HARD_THRESHOLD: is missing, and other variables of it are "
		  "set" },
		{ HEAD " HARD_THRESHOLD=>100",
		  "HARD_THRESHOLD: \">100\" is not a number; the operator is "
		  "in THRESHOLD_OPERATOR" },
		{ HEAD " HARD_THRESHOLD=80",
		  "HARD_THRESHOLD: \"80\" is not beyond SOFT_THRESHOLD" },
		{ HEAD " SOFT_DURATION=5",
		  "SOFT_DURATION: \"5\" is not a duration; write it like "
		  "1h30m, 90s or 250ms" },
		{ SEED " --compatt",
		  "unknown flag -compatt; did you mean -compat?" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_refused(door_metric_reader, rows[i][0], rows[i][1]);
}

/* --- am-executor -------------------------------------------------------------- */

/* @file: NULL, or the text of a file named f.yml. */
static int enter_executor(struct door *door, const char *text, const char *file,
                          struct err *err)
{
	struct slice slice = slice_from(file);
	struct command_line line;

	split(&line, text);
	return door_am_executor(door, line.argc, line.argv,
	                        file ? &slice : NULL, err);
}

static void test_executor(void **state)
{
	static const char file[] =
		"listen_address: ':23222'\n"
		"verbose: true\n"
		"commands:\n"
		"  - cmd: /bin/echo\n"
		"    args: ['a b', $(x)]\n"
		"    match_labels: {env: testing, odd: '=~x'}\n"
		"    max: 2\n"
		"    notify_on_failure: false\n"
		"    resolved_signal: sigusr1\n"
		"  - {cmd: /bin/true, max: -1, ignore_resolved: true}\n";
	const struct config_monitor *m;
	struct config *config;
	struct door door;
	struct err err;

	assert_int_equal(enter_executor(&door, "-f f.yml -l :1 /bin/sleep 5",
	                                file, &err),
	                 0);
	assert_string_equal(buf_text(&door.warnings), "");
	config = load(&door);
	door_fini(&door);
	assert_string_equal(config->global.addr, ":1");
	assert_int_equal(config->global.log_level, LOG_LEVEL_DEBUG);
	assert_string_equal(config->alerts.paths[0], "/*");
	assert_true(config->alerts.amx_metrics);
	assert_int_equal(config->n_monitors, 3);

	m = &config->monitors[0];
	assert_true(m->alert->per_group);
	assert_string_equal(m->alert->match_labels,
	                    "env=\"testing\",odd=\"=~x\"");
	assert_int_equal(m->max_parallel, 2);
	assert_int_equal(m->throttle_ms, 0);
	assert_true(m->alert->interrupt);
	assert_string_equal(m->alert->signal, "SIGUSR1");
	assert_true(m->rules.once);
	assert_true(m->rules.no_retry);
	assert_string_equal(m->steps[0].argv[1], "a b");
	assert_string_equal(m->steps[0].argv[2], "$(x)");
	assert_int_equal(m->steps[0].environment, STEP_ENV_AMX);

	m = &config->monitors[1];
	assert_null(m->alert->match_labels);
	assert_int_equal(m->max_parallel, 0);
	assert_false(m->alert->interrupt);
	assert_true(m->rules.once);
	assert_false(m->rules.no_retry);

	m = &config->monitors[2];
	assert_string_equal(m->alert->signal, "SIGKILL");
	assert_string_equal(m->steps[0].argv[0], "/bin/sleep");
	assert_string_equal(m->steps[0].argv[1], "5");
	config_free(config);

	assert_int_equal(enter_executor(&door, "-v /bin/a -f b", NULL, &err),
	                 0);
	config = load(&door);
	door_fini(&door);
	assert_string_equal(config->global.addr, ":8080");
	assert_string_equal(config->monitors->steps[0].argv[1], "-f");
	config_free(config);
}

static void test_executor_refuses(void **state)
{
	static const struct {
		const char *file;
		const char *words; /* each of them has a line */
	} rows[] = {
		{ "tls_key: /a\n",
		  "f.yml:1: tls_key: TLS is not served here; put a proxy "
		  "before "
		  "the address, or let Alertmanager reach it on the same "
		  "machine\n" },
		{ "listen_address: here\n",
		  "f.yml:1: listen_address: \"here\" is not an address to "
		  "listen on: " },
		{ "comands: []\n",
		  "f.yml:1: comands: unknown key; did you mean commands?\n" },
		{ "commands: [{args: [a]}]\n",
		  "f.yml:1: commands[0].cmd: is missing\n" },
		{ "commands: [{cmd: a, max: x}]\n",
		  "f.yml:1: commands[0].max: \"x\" is not a whole number\n" },
		{ "commands: [{cmd: a, resolved_signal: banana}]\n",
		  "f.yml:1: commands[0].resolved_signal: \"BANANA\" is not a "
		  "signal; " },
		{ "commands: [{cmd: a, match_labels: [b]}]\n",
		  "f.yml:1: commands[0].match_labels: expected names and "
		  "values; " },
		{ "commands: [{cmd: a, args: ['{{ b }}']}]\n",
		  "f.yml:1: commands[0].args: \"{{ b }}\" has {{, which would "
		  "be filled in; use a script\n" },
		{ "commands: {\n", "f.yml:2: not YAML: " },
	};
	struct door door;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *words = rows[i].words;

		assert_int_equal(
			enter_executor(&door, "-f f.yml a", rows[i].file, &err),
			-EINVAL);
		assert_string_equal(err.message, "-f: f.yml cannot be used");
		if (strncmp(buf_text(&door.warnings), words, strlen(words)) !=
		    0)
			fail_msg("%s", buf_text(&door.warnings));
		door_fini(&door);
	}
	assert_int_equal(enter_executor(&door, "-v", NULL, &err), -EINVAL);
	assert_string_equal(err.message,
	                    "missing command to execute on receipt of alarm: "
	                    "give it behind the flags, or commands: in the "
	                    "file of -f");
	door_fini(&door);
	assert_int_equal(enter_executor(&door, "-f f.yml", "# none\n", &err),
	                 -EINVAL);
	door_fini(&door);
	assert_int_equal(enter_executor(&door, "-q a", NULL, &err), -EINVAL);
	assert_string_equal(err.message, "unknown flag -q; did you mean -f?");
	door_fini(&door);
}

static void test_executor_file(void **state)
{
	static const char *const rows[][2] = {
		{ "-f a.yml b", "a.yml" },
		{ "--f=a.yml", "a.yml" },
		{ "-v b -f a.yml", NULL },
		{ "", NULL },
		{ "-q", NULL },
	};
	struct command_line line;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *file;

		split(&line, rows[i][0]);
		file = door_am_executor_file(line.argc, line.argv);
		assert_int_equal(file != NULL, rows[i][1] != NULL);
		if (file)
			assert_string_equal(file, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mon),
		cmocka_unit_test(test_mon_settings),
		cmocka_unit_test(test_mon_environment),
		cmocka_unit_test(test_mon_refuses),
		cmocka_unit_test(test_autoheal),
		cmocka_unit_test(test_autoheal_values),
		cmocka_unit_test(test_autoheal_notices),
		cmocka_unit_test(test_autoheal_tls),
		cmocka_unit_test(test_deunhealth),
		cmocka_unit_test(test_tmknight),
		cmocka_unit_test(test_tmknight_flags),
		cmocka_unit_test(test_autoheal_refuses),
		cmocka_unit_test(test_asked_for_help),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_reader_first_form),
		cmocka_unit_test(test_reader_later_form),
		cmocka_unit_test(test_reader_refuses),
		cmocka_unit_test(test_executor),
		cmocka_unit_test(test_executor_refuses),
		cmocka_unit_test(test_executor_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
