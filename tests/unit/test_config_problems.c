/* SPDX-License-Identifier: Apache-2.0 */
/* config: what is said about a configuration that is wrong, word for word. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "config/config.h"

/* A monitor to which nothing is lacking but what to do (lines 1 to 7), and
 * what to do (line 8). */
#define MONITOR                   \
	"monitors:\n"             \
	"  - name: a\n"           \
	"    max_age: 5m\n"       \
	"    type: docker\n"      \
	"    container_name: c\n" \
	"    label_name: job\n"   \
	"    label_value: a\n"
#define BOUNCE "    restart_type: container\n"

/* The same in two lines, for what stands in `global` or before. */
#define REST                                                                   \
	"monitors: [{name: a, max_age: 5m, type: docker, container_name: c,\n" \
	"  labels: {job: a}, restart_type: container}]\n"

struct row {
	const char *text;
	const char *problems;
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config *config = NULL;
		struct buf problems;
		int r;

		buf_init(&problems, 1 << 20);
		r = config_load_text(slice_from(rows[i].text), "t.yml", NULL, 0,
		                     &config, &problems);
		if (strcmp(buf_text(&problems), rows[i].problems) != 0)
			fail_msg("of\n%s\nwas said\n%sbut expected\n%s",
			         rows[i].text, buf_text(&problems),
			         rows[i].problems);
		assert_int_equal(r, *rows[i].problems ? -EINVAL : 0);
		assert_int_equal(config != NULL, r == 0);
		buf_fini(&problems);
		config_free(config);
	}
}

static void test_text(void **state)
{
	static const struct row rows[] = {
		{ "", "t.yml:1: is empty; it needs a list of monitors\n" },
		{ "# nothing\n",
		  "t.yml:1: is empty; it needs a list of monitors\n" },
		{ "---\n...\n",
		  "t.yml:1: is empty; it needs a list of monitors\n" },
		{ "hello\n", "t.yml:1: expected a section with keys such as "
		             "global, found a single value\n" },
		{ "\n- a\n", "t.yml:2: expected a section with keys such as "
		             "global, found a list\n" },
		{ "global:\n\taddr: none\n",
		  "t.yml:2: not YAML: found character that cannot start any "
		  "token (column 1)\n" },
		{ "global: {a: b\n",
		  "t.yml:2: not YAML: did not find expected ',' or '}' "
		  "(column 1)\n" },
		{ "global:\n  addr: \"none\n",
		  "t.yml:3: not YAML: found unexpected end of stream "
		  "(column 1)\n" },
		{ REST "---\nglobal: {addr: foo}\n",
		  "t.yml:3: a second document begins here; one file holds one "
		  "configuration\n" },
		{ "a: \xff\n", "t.yml:1: not a text in UTF-8: invalid leading "
		               "UTF-8 octet\n" },
		{ "a: b\nb: \x01\n",
		  "t.yml:2: not a text in UTF-8: control characters are not "
		  "allowed\n" },
		{ "[1]: 2\n? {a: b}\n: c\n" REST,
		  "t.yml:1: a key must be a single value\n"
		  "t.yml:2: a key must be a single value\n" },
		{ "\xef\xbb\xbf" REST, "" },
		{ "%YAML 1.1\n---\n" REST, "" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_shape(void **state)
{
	static const struct row rows[] = {
		{ "global:\n  adr: none\n" REST,
		  "t.yml:2: global.adr: unknown key; did you mean addr?\n" },
		{ "gobal: {}\nzebra: 1\n" REST,
		  "t.yml:1: gobal: unknown key; did you mean global?\n"
		  "t.yml:2: zebra: unknown key\n" },
		{ MONITOR BOUNCE "    max_aeg: 5m\n",
		  "t.yml:9: monitors[0].max_aeg: unknown key; did you mean "
		  "max_age?\n" },
		{ MONITOR BOUNCE "    <<: {dry_run: true}\n",
		  "t.yml:9: monitors[0].<<: merged sections are not supported; "
		  "write the keys out, or share single values with & and *\n" },
		{ MONITOR BOUNCE "    max_age: 6m\n",
		  "t.yml:9: monitors[0].max_age: stands on line 3 already; "
		  "keep "
		  "one\n" },
		{ "global: [a]\n" REST,
		  "t.yml:1: global: expected a section with keys such as "
		  "check_interval, found a list\n" },
		{ "global:\n  addr: {}\n" REST,
		  "t.yml:2: global.addr: expected a single value, found a "
		  "section\n" },
		{ "global:\n  addr:\n" REST,
		  "t.yml:2: global.addr: has no value; give it one or remove "
		  "the key\n" },
		{ "global:\n  addr: \"a\\0b\"\n" REST,
		  "t.yml:2: global.addr: contains a NUL byte\n" },
		{ "global:\n  #addr: none\n" REST, "" },
		{ "global: {}\n" REST, "" },
		{ "global: {}\n",
		  "t.yml:1: monitors: nothing to watch; list at least one "
		  "monitor\n" },
		{ "global: {}\nmonitors: []\n",
		  "t.yml:2: monitors: nothing to watch; list at least one "
		  "monitor\n" },
		{ "global: {}\nmonitors:\n",
		  "t.yml:2: monitors: nothing to watch; list at least one "
		  "monitor\n" },
		{ "monitors: {name: a}\n",
		  "t.yml:1: monitors: expected a list, found a section; begin "
		  "each item with - name:\n" },
		{ "monitors:\n  - a\n  -\n",
		  "t.yml:2: monitors[0]: expected a section with keys such as "
		  "name, found a single value\n"
		  "t.yml:3: monitors[1]: expected a section with keys such as "
		  "name, found a single value\n" },
		{ MONITOR "    restart_type: command\n"
		          "    restart_command: /bin/true\n",
		  "t.yml:9: monitors[0].restart_command: expected a list, "
		  "found "
		  "a single value; write it as [program, argument]\n" },
		{ MONITOR "    restart_type: command\n"
		          "    restart_command: [a, [b],,c: d]\n",
		  "t.yml:9: not YAML: did not find expected node content "
		  "(column 30)\n" },
		{ MONITOR "    restart_type: command\n"
		          "    restart_command: [[a], b, ~]\n",
		  "t.yml:9: monitors[0].restart_command[0]: expected a single "
		  "value, found a list\n"
		  "t.yml:9: monitors[0].restart_command[2]: has no value; "
		  "write "
		  "\"\" if it shall be empty\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_global(void **state)
{
	static const struct row rows[] = {
		{ "global:\n"
		  "  check_interval: 60\n"
		  "  log_level: verbose\n"
		  "  log_format: xml\n"
		  "  fetch_timeout: 0s\n"
		  "  storm_window: 1h30\n"
		  "  shutdown_timeout: 99999999999999h\n"
		  "  max_body: 1kb\n"
		  "  max_parallel: 0\n"
		  "  max_connections: many\n"
		  "  journal_size: -1\n"
		  "  storm_share: 101\n"
		  "  dry_run: maybe\n" REST,
		  "t.yml:2: global.check_interval: \"60\" is not a duration; "
		  "write it like 1h30m, 90s or 250ms\n"
		  "t.yml:3: global.log_level: \"verbose\" is not a log level; "
		  "use debug, info, warn or error\n"
		  "t.yml:4: global.log_format: \"xml\" is not a log format; "
		  "use "
		  "logfmt, json or plain\n"
		  "t.yml:5: global.fetch_timeout: \"0s\" must be more than 0\n"
		  "t.yml:6: global.storm_window: \"1h30\" is not a duration; "
		  "write it like 1h30m, 90s or 250ms\n"
		  "t.yml:7: global.shutdown_timeout: \"99999999999999h\" is "
		  "longer than can be counted\n"
		  "t.yml:8: global.max_body: \"1kb\" is not a size; write it "
		  "in "
		  "bytes or like 64MiB\n"
		  "t.yml:9: global.max_parallel: \"0\" is out of range; use 1 "
		  "to 10000\n"
		  "t.yml:10: global.max_connections: \"many\" is not a whole "
		  "number\n"
		  "t.yml:11: global.journal_size: \"-1\" is not a whole "
		  "number\n"
		  "t.yml:12: global.storm_share: \"101\" is out of range; use "
		  "0 "
		  "to 100\n"
		  "t.yml:13: global.dry_run: \"maybe\" is neither true nor "
		  "false\n" },
		{ "global:\n"
		  "  socket_docker: docker.sock\n"
		  "  socket_podman: ftp://podman\n"
		  "  socket_lxd: tcp://lxd:8443\n"
		  "  push_gw: pushgateway\n"
		  "  addr: :x\n"
		  "  state_dir: ''\n" REST,
		  "t.yml:2: global.socket_docker: not an address: no scheme: "
		  "write http://host:port or unix:///path\n"
		  "t.yml:3: global.socket_podman: not an address: the scheme "
		  "'ftp' is not known: write http://, https://, tcp:// or "
		  "unix://\n"
		  "t.yml:4: global.socket_lxd: this engine is reached through "
		  "a "
		  "socket; write its path\n"
		  "t.yml:5: global.push_gw: not an address: no scheme: write "
		  "http://host:port or unix:///path\n"
		  "t.yml:6: global.addr: \":x\" is not an address to listen "
		  "on: "
		  "port 'x': a number from 0 to 65535 was expected\n"
		  "t.yml:7: global.state_dir: is empty; give a directory or "
		  "none\n" },
#if !BOUNCER_TLS
		{ "global:\n  push_gw: https://h\n" REST,
		  "t.yml:2: global.push_gw: https needs TLS, which is not "
		  "built in; use http://, tcp:// or the path of a socket\n" },
		{ "global:\n  socket_docker: https://h\n" REST,
		  "t.yml:2: global.socket_docker: https needs TLS, which is "
		  "not built in; use http://, tcp:// or the path of a "
		  "socket\n" },
#endif
		{ "global:\n  addr: :1\n  port: 2\n" REST,
		  "t.yml:3: global.port: is the old spelling of addr, which is "
		  "given too; keep addr\n" },
		{ "global:\n  port: x\n" REST,
		  "t.yml:2: global.port: \"x\" is not an address to listen on: "
		  "no port: write x:9090\n" },
		{ "global:\n  verify_within: 30s\n  max_bounces: 33\n"
		  "  backoff_factor: 0.5\n" REST,
		  "t.yml:2: global.verify_within: \"30s\" is shorter than "
		  "check_interval; no recovery could be seen in time\n"
		  "t.yml:3: global.max_bounces: \"33\" is out of range; use 0 "
		  "to 32\n"
		  "t.yml:4: global.backoff_factor: \"0.5\" is not a factor; "
		  "use "
		  "a number from 1 to 100\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_monitor(void **state)
{
	static const struct row rows[] = {
		{ MONITOR BOUNCE, "" },
		{ "monitors:\n  - {}\n",
		  "t.yml:2: monitors[0].name: is missing\n"
		  "t.yml:2: monitors[0].max_age: is missing\n"
		  "t.yml:2: monitors[0]: needs label_name and label_value, or "
		  "labels\n"
		  "t.yml:2: monitors[0].type: is missing\n"
		  "t.yml:2: monitors[0]: needs restart_type or steps: what to "
		  "do about it\n" },
		{ MONITOR BOUNCE
		  "  - name: a\n    max_age: 5 minutes\n    type: dokcer\n"
		  "    container_name: a/b\n    label_name: job\n"
		  "    restart_type: contaner\n",
		  "t.yml:9: monitors[1].label_value: is missing\n"
		  "t.yml:9: monitors[1].name: \"a\" is the name of monitors[0] "
		  "already\n"
		  "t.yml:10: monitors[1].max_age: \"5 minutes\" is not a "
		  "duration; write it like 1h30m, 90s or 250ms\n"
		  "t.yml:11: monitors[1].type: \"dokcer\" is not one of "
		  "docker, "
		  "podman, lxd, incus, host; did you mean docker?\n"
		  "t.yml:12: monitors[1].container_name: \"a/b\" is not a "
		  "name; "
		  "it must be without / and control characters\n"
		  "t.yml:14: monitors[1].restart_type: \"contaner\" is not one "
		  "of container, command; did you mean container?\n" },
		{ MONITOR BOUNCE
		  "    project: p\n    labels: {job: b}\n"
		  "    metric_name: 1up\n    metric_value: tmestamp\n"
		  "    match: some\n    signal: SIGTREM\n"
		  "    stop_timeout: 10\n    push_gw: http://h:0\n",
		  "t.yml:9: monitors[0].project: only lxd and incus have "
		  "projects; remove the key\n"
		  "t.yml:10: monitors[0].labels: give either labels, or "
		  "label_name and label_value\n"
		  "t.yml:11: monitors[0].metric_name: \"1up\" is not the name "
		  "of a metric; it is made of letters, digits, : and _, and "
		  "begins with no digit\n"
		  "t.yml:12: monitors[0].metric_value: \"tmestamp\" is not one "
		  "of push_time, timestamp; did you mean timestamp?\n"
		  "t.yml:13: monitors[0].match: \"some\" is not one of any, "
		  "all, oldest\n"
		  "t.yml:14: monitors[0].signal: \"SIGTREM\" is not a signal; "
		  "use a name like SIGTERM or a number from 1 to 64; did you "
		  "mean SIGTERM?\n"
		  "t.yml:15: monitors[0].stop_timeout: \"10\" is not a "
		  "duration; write it like 1h30m, 90s or 250ms\n"
		  "t.yml:16: monitors[0].push_gw: not an address: port '0': a "
		  "number from 1 to 65535 was expected\n" },
		{ MONITOR BOUNCE "    metric_value: timestamp\n"
		                 "    check_interval: 10m\n"
		                 "    verify_within: 5m\n",
		  "t.yml:9: monitors[0].metric_value: timestamp needs "
		  "metric_name: the metric whose value is the time\n"
		  "t.yml:11: monitors[0].verify_within: \"5m\" is shorter than "
		  "check_interval; no recovery could be seen in time\n" },
		{ "monitors:\n"
		  "  - {name: \"\", max_age: 1m, type: docker, "
		  "container_name: \"\",\n"
		  "     labels: {}, restart_type: container}\n"
		  "  - {name: \"a\\eb\", max_age: 1m, type: docker, "
		  "container_name: ..,\n"
		  "     labels: [a], restart_type: container}\n"
		  "  - {name: b, max_age: 1m, type: lxd, "
		  "container_name: c,\n"
		  "     labels: {a-b: c, d: [e], f: ~, g: h, g: i},\n"
		  "     restart_type: container}\n",
		  "t.yml:2: monitors[0].name: is empty\n"
		  "t.yml:2: monitors[0].container_name: is empty\n"
		  "t.yml:3: monitors[0].labels: has 0 labels; 1 to 16 may be "
		  "given\n"
		  "t.yml:4: monitors[1].name: \"a\\x1bb\" contains control "
		  "characters\n"
		  "t.yml:4: monitors[1].container_name: \"..\" is not a name; "
		  "it must be without / and control characters\n"
		  "t.yml:5: monitors[1].labels: expected names and values; "
		  "write it as {job: backup, instance: db1}\n"
		  "t.yml:7: monitors[2].labels.a-b: \"a-b\" is not the name of "
		  "a label; it is made of letters, digits and _, and begins "
		  "with no digit\n"
		  "t.yml:7: monitors[2].labels.d: expected a single value\n"
		  "t.yml:7: monitors[2].labels.f: has no value; write \"\" if "
		  "it shall be empty\n"
		  "t.yml:7: monitors[2].labels.g: is here a second time; keep "
		  "one\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_steps(void **state)
{
	static const struct row rows[] = {
		{ MONITOR, "t.yml:2: monitors[0]: needs restart_type or steps: "
		           "what to do about it\n" },
		{ MONITOR "    restart_type: command\n",
		  "t.yml:2: monitors[0].restart_command: is missing; "
		  "restart_type: command needs it\n" },
		{ MONITOR "    restart_type: command\n"
		          "    restart_command: []\n",
		  "t.yml:9: monitors[0].restart_command: is empty; name a "
		  "program\n" },
		{ MONITOR "    restart_type: command\n"
		          "    restart_command:\n",
		  "t.yml:9: monitors[0].restart_command: is empty; name a "
		  "program\n" },
		{ MONITOR "    restart_type: command\n"
		          "    restart_command: ['', a]\n",
		  "t.yml:9: monitors[0].restart_command[0]: is empty; name a "
		  "program\n" },
		{ MONITOR BOUNCE "    restart_command: [a]\n",
		  "t.yml:9: monitors[0].restart_command: is for restart_type: "
		  "command; remove one\n" },
		{ MONITOR BOUNCE "    steps: [{type: restart}]\n",
		  "t.yml:9: monitors[0].steps: give either restart_type or "
		  "steps\n" },
		{ MONITOR "    restart_command: [a]\n"
		          "    steps: [{type: restart}]\n",
		  "t.yml:8: monitors[0].restart_command: belongs to "
		  "restart_type; with steps write it as command of a step\n" },
		{ MONITOR "    steps: restart\n",
		  "t.yml:8: monitors[0].steps: expected a list, found a single "
		  "value; begin each item with - type:\n" },
		{ MONITOR "    steps:\n",
		  "t.yml:2: monitors[0]: needs restart_type or steps: what to "
		  "do about it\n" },
		{ MONITOR
		  "    steps:\n"
		  "      - type: reboot\n"
		  "      - command: [a]\n"
		  "      - type: exec\n"
		  "      - {type: run, command: [], timeout: 1}\n"
		  "      - {type: start, command: [a], signal: SIGINT,\n"
		  "         stop_timeout: 1s, message: m}\n"
		  "      - {type: kill, signal: 65}\n"
		  "      - restart\n"
		  "      - {type: log, mesage: m}\n",
		  "t.yml:9: monitors[0].steps[0].type: \"reboot\" is not one "
		  "of "
		  "restart, stop, start, kill, exec, run, log, remove, "
		  "webhook, plugin; did you mean remove?\n"
		  "t.yml:10: monitors[0].steps[1].type: is missing\n"
		  "t.yml:11: monitors[0].steps[2].command: is missing\n"
		  "t.yml:12: monitors[0].steps[3].timeout: \"1\" is not a "
		  "duration; write it like 1h30m, 90s or 250ms\n"
		  "t.yml:12: monitors[0].steps[3].command: is empty; name a "
		  "program\n"
		  "t.yml:13: monitors[0].steps[4].command: a start step has "
		  "none; remove the key\n"
		  "t.yml:13: monitors[0].steps[4].signal: a start step has "
		  "none; remove the key\n"
		  "t.yml:14: monitors[0].steps[4].stop_timeout: a start step "
		  "has none; remove the key\n"
		  "t.yml:14: monitors[0].steps[4].message: a start step has "
		  "none; remove the key\n"
		  "t.yml:15: monitors[0].steps[5].signal: \"65\" is not a "
		  "signal; use a name like SIGTERM or a number from 1 to 64\n"
		  "t.yml:16: monitors[0].steps[6]: expected a section with "
		  "keys "
		  "such as type, found a single value\n"
		  "t.yml:17: monitors[0].steps[7].mesage: unknown key; did you "
		  "mean message?\n" },
		{ "monitors:\n"
		  "  - {name: a, max_age: 1m, type: host, labels: {job: a},\n"
		  "     container_name: c, restart_type: container}\n"
		  "  - {name: b, max_age: 1m, type: host, labels: {job: a},\n"
		  "     steps: [{type: log}, {type: exec, command: [a]}]}\n",
		  "t.yml:3: monitors[0].container_name: type host has no "
		  "container; remove the key\n"
		  "t.yml:3: monitors[0].restart_type: \"container\" needs a "
		  "container, and the type is host; use command\n"
		  "t.yml:5: monitors[1].steps[1].type: \"exec\" needs a "
		  "container, and the type is host; use run, webhook, plugin "
		  "or "
		  "log\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_aliases(void **state)
{
	static const struct row rows[] = {
		{ "monitors:\n  - &a {name: a, max_age: &d 5m, type: docker,\n"
		  "      container_name: c, labels: &l {job: a},\n"
		  "      restart_type: command, restart_command: &c [x, y]}\n"
		  "  - {name: b, max_age: *d, type: docker, container_name: "
		  "d,\n"
		  "     labels: *l, steps: [{type: exec, command: *c}]}\n",
		  "" },
		{ "monitors:\n  - &a {name: a, max_age: 5, type: docker,\n"
		  "      container_name: c, labels: {job: a},\n"
		  "      restart_type: container}\n"
		  "  - *a\n",
		  "t.yml:2: monitors[0].max_age: \"5\" is not a duration; "
		  "write "
		  "it like 1h30m, 90s or 250ms\n"
		  "t.yml:2: monitors[1].max_age: \"5\" is not a duration; "
		  "write "
		  "it like 1h30m, 90s or 250ms\n"
		  "t.yml:2: monitors[1].name: \"a\" is the name of monitors[0] "
		  "already\n" },
		{ "monitors: *a\n", "t.yml:1: the alias *a names nothing; an "
		                    "anchor &a must stand before it\n" },
		{ "monitors: &a [*a]\n",
		  "t.yml:1: the alias *a stands inside of what it names\n" },
		{ "global: &a {addr: none}\nmonitors: &a []\n",
		  "t.yml:2: the anchor &a was given on line 1 already; use "
		  "another name\n" },
		{ "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
		  "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
		  "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
		  "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
		  "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
		  "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
		  "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"
		  "h: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
		  "t.yml:7: more than 8388608 values, counting what aliases "
		  "stand for; that is too large\n" },
		{ "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
		  "t.yml:1: nested deeper than 32 levels\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

/* A thousand are printed, the others counted. */
static void test_many(void **state)
{
	struct config *config = NULL;
	struct buf problems;
	struct buf text;
	const char *end;

	buf_init(&text, 1 << 20);
	buf_init(&problems, 1 << 20);
	for (int i = 0; i < 1234; i++)
		(void)buf_printf(&text, "zebra_%d: x\n", i);
	(void)buf_puts(&text, REST);
	assert_int_equal(config_load_text(buf_slice(&text), "t.yml", NULL, 0,
	                                  &config, &problems),
	                 -EINVAL);
	end = buf_text(&problems) + problems.n -
	      strlen("t.yml: and 234 more problems\n");
	assert_string_equal(end, "t.yml: and 234 more problems\n");
	buf_fini(&text);
	buf_fini(&problems);
}

/* A value is shown as far as it helps, and cannot write to the terminal. */
static void test_values_shown(void **state)
{
	static const struct row rows[] = {
		{ "global:\n  log_level: \"\\e[2J\"\n" REST,
		  "t.yml:2: global.log_level: \"\\x1b[2J\" is not a log level; "
		  "use debug, info, warn or error\n" },
		{ "global:\n  dry_run: "
		  "01234567890123456789012345678901234567890"
		  "1234567890123456789012é\n" REST,
		  "t.yml:2: global.dry_run: "
		  "\"0123456789012345678901234567890123"
		  "4567890123456789012345678901"
		  "2…\" is neither true nor false\n" },
		{ "global:\n  \"a\\eb\": 1\n" REST,
		  "t.yml:2: global.a\\x1bb: unknown key\n" },
	};

	check_rows(rows, ARRAY_SIZE(rows));
}

static void test_nul(void **state)
{
	static const char text[] = "global: {}\nmonitors:\0 []\n";
	struct config *config = NULL;
	struct buf problems;

	buf_init(&problems, 1 << 16);
	assert_int_equal(config_load_text(slice_make(text, sizeof(text) - 1),
	                                  "t.yml", NULL, 0, &config, &problems),
	                 -EINVAL);
	assert_string_equal(buf_text(&problems),
	                    "t.yml:2: a NUL byte; this is not a text in "
	                    "UTF-8\n");
	buf_fini(&problems);
}

static void test_file(void **state)
{
	struct config *config = NULL;
	struct buf problems;

	buf_init(&problems, 1 << 16);
	assert_int_equal(
		config_load("/nowhere/config.yml", NULL, 0, &config, &problems),
		-ENOENT);
	assert_int_equal(config_load("/", NULL, 0, &config, &problems),
	                 -EISDIR);
	assert_string_equal(buf_text(&problems),
	                    "/nowhere/config.yml: cannot be read: No such "
	                    "file or directory\n"
	                    "/: cannot be read: Is a directory\n");
	assert_null(config);
	buf_fini(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_global),
		cmocka_unit_test(test_monitor),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_values_shown),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
