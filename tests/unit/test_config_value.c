/* SPDX-License-Identifier: Apache-2.0 */
/* config: the value itself: what overrides what, which monitors are equal,
 * what it costs, what happens when memory is out. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "config_kit.h"
#include "support/faults.h"

/* --- overrides ----------------------------------------------------------- */

static void test_precedence(void **state)
{
	static const struct config_override overrides[] = {
		{ .key = "push_gw", .value = "http://flag", .origin = "--f" },
		{ .key = "push_gw", .value = "http://env", .origin = "ENV" },
		{ .key = "log_level", .value = "error", .origin = "ENV" },
		{ .key = "dry_run", .value = "1", .origin = "ENV" },
		{ .key = "cooldown", .value = "7s", .origin = "ENV" },
		{ .key = "socket_docker",
		  .value = "/x",
		  .origin = "DOCKER",
		  .fallback = true },
		{ .key = "state_dir",
		  .value = "/s",
		  .origin = "STATE",
		  .fallback = true },
	};
	struct config *config = config_kit_load_with(
		"global:\n  push_gw: http://file\n"
		"  log_level: debug\n  check_interval: 5s\n"
		"  socket_docker: /file\n" REST,
		overrides, ARRAY_SIZE(overrides));

	assert_string_equal(config->global.push_gw, "http://flag");
	assert_string_equal(config->monitors[0].push_gw, "http://flag");
	assert_int_equal(config->global.log_level, LOG_LEVEL_ERROR);
	assert_int_equal(config->global.check_interval_ms, 5000);
	assert_string_equal(config->global.socket_docker, "/file");
	assert_string_equal(config->global.state_dir, "/s");
	assert_true(config->monitors[0].dry_run);
	assert_int_equal(config->monitors[0].rules.cooldown_ms, 7000);
	config_free(config);
}

/* Whoever says `port` means `addr`. */
static void test_addr(void **state)
{
	static const struct {
		const char *text;
		struct config_override overrides[2];
		size_t n;
		const char *addr; /* NULL: none */
	} rows[] = {
		{ "global: {addr: none}\n" REST, { { 0 } }, 0, NULL },
		{ "global:\n  port: :9099\n" REST, { { 0 } }, 0, ":9099" },
		{ "global: {addr: '[::1]:80'}\n" REST,
		  { { 0 } },
		  0,
		  "[::1]:80" },
		{ "global: {addr: unix:/x}\n" REST, { { 0 } }, 0, "unix:/x" },
		{ "global: {port: 1}\n" REST,
		  { { "addr", ":2", "f", 0 } },
		  1,
		  ":2" },
		{ "global:\n  addr: :1\n" REST,
		  { { "port", "2", "f", 0 } },
		  1,
		  "2" },
		{ "global: {port: 1}\n" REST,
		  { { "addr", ":2", "f", true } },
		  1,
		  "1" },
		{ REST,
		  { { "addr", ":3", "f", 0 }, { "port", "2", "e", 0 } },
		  2,
		  ":3" },
		{ REST, { { "addr", "none", "f", 0 } }, 1, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = config_kit_load_with(
			rows[i].text, rows[i].overrides, rows[i].n);

		if (!rows[i].addr)
			assert_null(config->global.addr);
		else
			assert_string_equal(config->global.addr, rows[i].addr);
		config_free(config);
	}
}

/* A problem names where the text came from; what a good one replaced in the
 * file does no harm. */
static void test_origin(void **state)
{
	static const struct config_override overrides[] = {
		{ .key = "addr", .value = "x", .origin = "--addr" },
		{ .key = "push_gw", .value = "http://h", .origin = "ENV" },
		{ .key = "socket_docker",
		  .value = "nonsense",
		  .origin = "DOCKER_HOST",
		  .fallback = true },
		{ .key = "color", .value = "red", .origin = "--color" },
	};
	struct config *config = NULL;
	struct buf problems;

	buf_init(&problems, 1 << 16);
	assert_int_equal(
		config_load_text(
			slice_from("global:\n  push_gw: x\n  max_body: y\n"
	                           "  socket_docker: z\n" REST),
			"t.yml", overrides, ARRAY_SIZE(overrides), &config,
			&problems),
		-EINVAL);
	assert_string_equal(
		buf_text(&problems),
		"--color: there is no key global.color\n"
		"--addr: \"x\" is not an address to listen on: no port: write "
		"x:9090\n"
		"t.yml:3: global.max_body: \"y\" is not a size; write it in "
		"bytes or like 64MiB\n"
		"t.yml:4: global.socket_docker: not an address: no scheme: "
		"write http://host:port or unix:///path\n");
	buf_fini(&problems);
}

/* --- equality ------------------------------------------------------------ */

static void test_equal(void **state)
{
	static const char base[] =
		"name: a, max_age: 5m, type: lxd, container_name: c, "
		"project: p, labels: {job: a, x: y}, push_gw: http://h, "
		"check_interval: 1s, metric_name: m, metric_value: timestamp, "
		"match: all, steps: [{type: exec, command: [a, b]}, "
		"{type: stop, signal: SIGINT, stop_timeout: 1s}, "
		"{type: log, message: x}], dry_run: false, paused: false, "
		"quiet: ['02:00-03:00'], "
		"for: 1s, cooldown: 1s, verify_within: 5s, max_bounces: 3, "
		"window: 2s, backoff_factor: 2, backoff_max: 3s, "
		"start_grace: 1s, timeout: 1s";
	/* each replaces one thing by another of the same length or not */
	static const struct {
		const char *what;
		const char *by;
	} rows[] = {
		{ "name: a", "name: b" },
		{ "max_age: 5m", "max_age: 6m" },
		{ "type: lxd", "type: incus" },
		{ "container_name: c", "container_name: d" },
		{ "project: p, ", "" },
		{ "x: y", "x: z" },
		{ ", x: y", "" },
		{ "http://h", "http://i" },
		{ "check_interval: 1s", "check_interval: 2s" },
		{ "metric_name: m", "metric_name: n" },
		{ "timestamp", "push_time" },
		{ "match: all", "match: any" },
		{ "[a, b]", "[a, c]" },
		{ "[a, b]", "[a]" },
		{ "[a, b]", "[a, b, c]" },
		{ "SIGINT", "SIGHUP" },
		{ "stop_timeout: 1s", "stop_timeout: 2s" },
		{ "message: x", "message: y" },
		{ ", {type: log, message: x}", "" },
		{ "dry_run: false", "dry_run: true" },
		{ "paused: false", "paused: true" },
		{ "'02:00-03:00'", "" },
		{ "02:00-03:00", "02:00-04:00" },
		{ "02:00-03:00", "01:00-03:00" },
		{ "02:00-03:00", "Sun 02:00-03:00" },
		{ "for: 1s", "for: 2s" },
		{ "cooldown: 1s", "cooldown: 2s" },
		{ "verify_within: 5s", "verify_within: 6s" },
		{ "max_bounces: 3", "max_bounces: 4" },
		{ "window: 2s", "window: 3s" },
		{ "backoff_factor: 2", "backoff_factor: 3" },
		{ "backoff_max: 3s", "backoff_max: 4s" },
		{ "start_grace: 1s", "start_grace: 2s" },
		{ ", timeout: 1s", ", timeout: 2s" },
	};
	char text[2048];
	struct config *first;

	(void)snprintf(text, sizeof(text), "monitors: [{%s}]", base);
	first = config_kit_load(text);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *at = strstr(base, rows[i].what);
		struct config *other;

		assert_non_null(at);
		(void)snprintf(text, sizeof(text), "monitors: [{%.*s%s%s}]",
		               (int)(at - base), base, rows[i].by,
		               at + strlen(rows[i].what));
		other = config_kit_load(text);
		if (config_monitor_equal(first->monitors, other->monitors) ||
		    config_monitor_equal(other->monitors, first->monitors))
			fail_msg("%s makes no difference", rows[i].by);
		config_free(other);
	}
	(void)snprintf(text, sizeof(text), "# the same\nmonitors:\n  - {%s}\n",
	               base);
	for (int i = 0; i < 2; i++) {
		struct config *same = config_kit_load(text);

		assert_true(
			config_monitor_equal(first->monitors, same->monitors));
		config_free(same);
	}
	config_free(first);
}

/* --- memory -------------------------------------------------------------- */

static void load_whatever(const char *text, int expected, bool faulty)
{
	static const struct config_override override = {
		.key = "log_level", .value = "loud", .origin = "--log-level"
	};
	struct config *config = NULL;
	struct buf problems;
	int r;

	buf_init(&problems, 1 << 16);
	r = config_load_text(slice_from(text), "t.yml", &override,
	                     expected == -EINVAL, &config, &problems);
	if (r != expected && !(faulty && r == -ENOMEM))
		fail_msg("%d: %s", r, buf_text(&problems));
	assert_int_equal(config != NULL, r == 0);
	config_free(config);
	buf_fini(&problems);
}

#define VALUES                                                            \
	"global: {prometheus: 'http://a, http://b', plugin_dir: /p}\n"    \
	"prometheus: {headers: {a: b}, token_file: /t}\n"                 \
	"alerts: {paths: [/a], allow: [10.0.0.0/8], hmac_file: /h}\n"     \
	"leader: {kubernetes_lease: a}\n"                                 \
	"monitors:\n"                                                     \
	"  - {name: v, metric_name: up, label_filters: 'a=\"b\"', soft: " \
	"{threshold: '>1', plugin: a}, hard: {threshold: '>2', steps: "   \
	"[{type: plugin, plugin: b, parameters: {c: '{{ value }}'}}]}}\n" \
	"  - {name: s, scrape: 'http://a/b', metric_name: up, "           \
	"label_filters: 'a=~\"b\"', threshold: '>1', steps: [{type: log}]}\n"
#define ALERTS                                                           \
	"  - {name: w, watch: alert, match_labels: {a: '=~b|c', d: e}, " \
	"steps: [{type: run, command: [a, '{{ labels.a }}']}], "         \
	"on_resolved_signal: SIGTERM}\n"

static void test_faults(void **state)
{
	static const struct {
		const char *text;
		int expected;
	} rows[] = {
		{ config_full, 0 },
		{ config_seed, -EINVAL },
		{ VALUES ALERTS, 0 },
		{ VALUES ALERTS, -EINVAL },
		{ "global: &a {adr: [x], log_level: x}\nmonitors:\n"
		  "  - {name: &n a, name: b, labels: {a: b, a: c},\n"
		  "     steps: [{type: foo, signal: x}, 1]}\n  - *n\n",
		  -EINVAL },
		{ "global: [\n", -EINVAL },
	};

	faults_install_mem();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n;

		faults_count();
		load_whatever(rows[i].text, rows[i].expected, false);
		n = faults_end();
		assert_true(n > 0);
		for (size_t k = 1; k <= n; k++) {
			faults_fail(k);
			load_whatever(rows[i].text, rows[i].expected, true);
			(void)faults_end();
		}
	}
	mem_set_allocator(NULL, NULL);
}

/* Bytes that are allocated, by size headers of our own. */
static size_t n_live;

static void *count_bytes(void *context, void *pointer, size_t size)
{
	size_t *block = pointer ? (size_t *)pointer - 2 : NULL;

	if (block)
		n_live -= *block;
	if (size == 0) {
		free(block);
		return NULL;
	}
	block = realloc(block, size + 2 * sizeof(size_t));
	assert_non_null(block);
	*block = size;
	n_live += size;
	return block + 2;
}

#define MANY 10000

static void test_many_monitors(void **state)
{
	struct config *config = NULL;
	struct buf problems;
	struct buf text;

	mem_set_allocator(count_bytes, NULL);
	buf_init(&problems, 1 << 16);
	buf_init(&text, 16 << 20);
	(void)buf_puts(&text, "monitors:\n");
	for (int i = 0; i < MANY; i++)
		(void)buf_printf(&text,
		                 "  - name: monitor number %d\n"
		                 "    max_age: 1h30m\n"
		                 "    type: docker\n"
		                 "    container_name: prom-stack_exporter_%d\n"
		                 "    label_name: job\n"
		                 "    label_value: exporter_%d\n"
		                 "    restart_type: container\n",
		                 i, i, i);
	assert_int_equal(text.failed, 0);
	assert_int_equal(config_load_text(buf_slice(&text), "t.yml", NULL, 0,
	                                  &config, &problems),
	                 0);
	buf_fini(&text);
	buf_fini(&problems);

	assert_int_equal(config->n_monitors, MANY);
	assert_string_equal(config->monitors[MANY - 1].container_name,
	                    "prom-stack_exporter_9999");
	print_message("%zu bytes for each of %d monitors\n", n_live / MANY,
	              MANY);
	assert_true(n_live / MANY < 700);
	config_free(config);
	assert_int_equal(n_live, 0);
	mem_set_allocator(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_precedence),
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_many_monitors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
