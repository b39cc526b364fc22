/* SPDX-License-Identifier: Apache-2.0 */
/* config: the keys of control: socket, tokens, time zone, quiet windows. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include "config/timezone.h"
#include "config_kit.h"

static void test_socket(void **state)
{
	static const struct config_override runtime = {
		.key = "control_socket",
		.value = "/r/control.sock",
		.origin = "RUNTIME_DIRECTORY",
		.fallback = true,
	};
	static const struct {
		const char *text;
		size_t n_overrides;
		const char *path; /* NULL: none */
		bool is_default;
	} rows[] = {
		{ REST, 0, "/run/bouncer/control.sock", true },
		{ REST, 1, "/r/control.sock", true },
		{ "global: {control_socket: /a}\n" REST, 1, "/a", false },
		{ "global: {control_socket: none}\n" REST, 1, NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct config *config = config_kit_load_with(
			rows[i].text, &runtime, rows[i].n_overrides);

		if (rows[i].path)
			assert_string_equal(config->global.control_socket,
			                    rows[i].path);
		else
			assert_null(config->global.control_socket);
		assert_true(config->global.control_is_default ==
		            rows[i].is_default);
		assert_null(config->global.control_group);
		assert_null(config->global.timezone);
		assert_null(config->token_file);
		assert_int_equal(config->monitors[0].n_quiet, 0);
		config_free(config);
	}
}

#define TWO                                                                  \
	"monitors:\n"                                                        \
	"- {name: a, max_age: 5m, type: docker, container_name: c, "         \
	"labels: {job: a}, restart_type: container}\n"                       \
	"- {name: b, max_age: 5m, type: docker, container_name: c, "         \
	"labels: {job: a}, restart_type: container, quiet: ['02:00-03:00']}" \
	"\n"                                                                 \
	"- {name: c, max_age: 5m, type: docker, container_name: c, "         \
	"labels: {job: a}, restart_type: container, quiet: []}\n"

static void test_values(void **state)
{
	struct config *config = config_kit_load(
		"global:\n"
		"  control_group: adm\n"
		"  timezone: CET-1CEST,M3.5.0,M10.5.0/3\n"
		"  quiet: [Sun 02:00-04:00, 'Mon-Fri 22:00-06:00']\n"
		"auth: {token_file: /t}\n" TWO);
	const struct config_monitor *m = config->monitors;
	char text[QUIET_TEXT_MAX];

	assert_string_equal(config->global.control_group, "adm");
	assert_string_equal(config->global.timezone,
	                    "CET-1CEST,M3.5.0,M10.5.0/3");
	assert_string_equal(config->token_file, "/t");
	assert_int_equal(m[0].n_quiet, 2);
	assert_string_equal(quiet_format(&m[0].quiet[0], text),
	                    "Sun 02:00-04:00");
	assert_int_equal(m[1].n_quiet, 1);
	assert_string_equal(quiet_format(&m[1].quiet[0], text), "02:00-03:00");
	assert_int_equal(m[2].n_quiet, 0);
	config_free(config);
}

static void test_problems(void **state)
{
	static const struct {
		const char *text;
		const char *problem;
	} rows[] = {
		{ "global: {control_socket: control.sock}\n" REST,
		  "t.yml:1: global.control_socket: \"control.sock\" is not a "
		  "path" },
		{ "global: {control_socket: ''}\n" REST, "is not a path" },
		{ "global: {control_socket: /0123456789012345678901234567890123"
		  "456789012345678901234567890123456789012345678901234567890123"
		  "45678901234567890123456789}\n" REST,
		  "is too long for a socket" },
		{ "global: {control_socket: none, control_group: g}\n" REST,
		  "is for control_socket, which is none" },
		{ "global: {control_group: 'a:b'}\n" REST,
		  "is not the name of a group" },
		{ "global: {timezone: Europe/Atlantis}\n" REST,
		  "t.yml:1: global.timezone: \"Europe/Atlantis\" is not a time "
		  "zone here" },
		{ "global: {quiet: [Sun 02:00-04:00, Fun 02:00-04:00]}\n" REST,
		  "t.yml:1: global.quiet[1]: \"Fun 02:00-04:00\" does not "
		  "begin with days" },
		{ "global: {quiet: Sun 02:00-04:00}\n" REST,
		  "t.yml:1: global.quiet: expected a list, found a single "
		  "value; write it as [\"Sun 02:00-04:00\"]" },
		{ "auth: {token_file: ''}\n" REST,
		  "t.yml:1: auth.token_file: is empty" },
		{ "auth: {tokenfile: a}\n" REST, "did you mean token_file?" },
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

static void test_zones(void **state)
{
	static const struct {
		const char *name;
		bool there;
	} rows[] = {
		{ "UTC", true },
		{ "UTC0", true },
		{ "EST5EDT", true },
		{ "CET-1CEST", true },
		{ "CET-1CEST,M3.5.0,M10.5.0/3", true },
		{ "<+0330>-3:30", true },
		{ "AAA+10:30:15BBB-9,J60/2,300/2:30:00", true },
		{ "", false },
		{ "/etc/passwd", false },
		{ "../../../etc/passwd", false },
		{ "Europe", false },
		{ "Europe/Atlantis", false },
		{ "CE-1", false },
		{ "CET", false },
		{ "CET-25", false },
		{ "CET-1CEST,M13.5.0,M10.5.0", false },
		{ "CET-1CEST,M3.5.0", false },
		{ "CET-1CEST,M3.5.0,M10.5.0/3x", false },
		{ "<+0330-3:30", false },
	};

	assert_int_equal(setenv("TZDIR", "/nonexistent", 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (timezone_exists(slice_from(rows[i].name)) != rows[i].there)
			fail_msg("\"%s\"", rows[i].name);
	}
	/* whatever the machine has: its own directory as a database */
	assert_int_equal(setenv("TZDIR", "/proc/self", 1), 0);
	assert_true(timezone_exists(slice_from("status")));
	assert_true(timezone_exists(slice_from("net/dev")));
	assert_false(timezone_exists(slice_from("net")));
	assert_int_equal(unsetenv("TZDIR"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_zones),
	};

	return cmocka_run_group_tests_name("config_control", tests, NULL, NULL);
}
