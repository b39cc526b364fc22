/* SPDX-License-Identifier: Apache-2.0 */
/* plugin_parameters: what a plugin says, and what a step gives it. */
#include "support/cmocka.h"

#include <errno.h>
#include <string.h>
#include "core/plugin_parameters.h"

#define FORM(version, bytes, each, begin)                            \
	.abi = (version), .size = (bytes), .parameter_size = (each), \
	.start = (begin)
#define SIZE  sizeof(struct bouncer_plugin)
#define EACH  sizeof(struct bouncer_parameter)
#define SIZED FORM(BOUNCER_PLUGIN_ABI, SIZE, EACH, start)

static int start(struct bouncer_action *action)
{
	(void)action;
	return 0;
}

static const struct bouncer_parameter parameters[] = {
	{ "text", BOUNCER_STRING, 0, "a", NULL, NULL },
	{ "number", BOUNCER_INTEGER, 0, "-3", "THE_NUMBER", NULL },
	{ "really", BOUNCER_BOOL, 0, NULL, NULL, NULL },
	{ "wait", BOUNCER_DURATION, 0, "1m30s", NULL, NULL },
	{ "size", BOUNCER_SIZE, 0, "5MiB", "THE_SIZE", NULL },
	{ "dir", BOUNCER_PATH, BOUNCER_REQUIRED, NULL, NULL, "where it goes" },
};

static const struct bouncer_plugin good = {
	SIZED,
	.name = "good",
	.parameters = parameters,
	.n_parameters = sizeof(parameters) / sizeof(parameters[0]),
};

static char *environment(const char *name)
{
	static char seven[] = "7";

	return strcmp(name, "THE_NUMBER") == 0 ? seven : NULL;
}

/* --- what a plugin says of itself ----------------------------------------- */

static void describes_itself(void **state)
{
	struct bouncer_plugin plugin;
	struct err err = { 0 };

	assert_int_equal(plugin_describe(&good, "good", &plugin, &err), 0);
	assert_ptr_equal(plugin.start, start);
	assert_string_equal(plugin_parameter(&plugin, 5).help, "where it goes");
}

static void wrong_descriptions_are_refused(void **state)
{
	static const struct bouncer_parameter nameless[] = { { 0 } };
	static const struct bouncer_parameter odd[] = { { "odd", 77, 0, NULL,
		                                          NULL, NULL } };
	static const struct bouncer_parameter twice[] = {
		{ "a", BOUNCER_STRING, 0, NULL, NULL, NULL },
		{ "a", BOUNCER_STRING, 0, NULL, NULL, NULL },
	};
	static const struct bouncer_parameter bad_default[] = {
		{ "wait", BOUNCER_DURATION, 0, "soon", NULL, NULL }
	};
	static const struct {
		struct bouncer_plugin plugin;
		const char *words;
	} rows[] = {
		{ { FORM(2, SIZE, EACH, start), .name = "x" },
		  "it is made for version 2 of the interface" },
		{ { FORM(1, 16, EACH, start), .name = "x" }, "set .size" },
		{ { SIZED, .name = "y" }, "it calls itself \"y\"" },
		{ { SIZED, .name = NULL }, "it calls itself \"\"" },
		{ { FORM(1, SIZE, EACH, NULL), .name = "x" },
		  "it has no start()" },
		{ { SIZED, .name = "x", .state_size = PLUGIN_MAX_STATE + 1 },
		  "it wants 65537 bytes" },
		{ { SIZED, .name = "x", .n_parameters = 1 },
		  "its list of parameters is not usable" },
		{ { FORM(1, SIZE, 8, start), .name = "x", .n_parameters = 1,
		    .parameters = nameless },
		  "its list of parameters is not usable" },
		{ { SIZED, .name = "x",
		    .n_parameters = PLUGIN_MAX_PARAMETERS + 1,
		    .parameters = nameless },
		  "its list of parameters is not usable" },
		{ { SIZED, .name = "x", .n_parameters = 1,
		    .parameters = nameless },
		  "the name of its parameter 1" },
		{ { SIZED, .name = "x", .n_parameters = 1, .parameters = odd },
		  "its parameter odd is of type 77" },
		{ { SIZED, .name = "x", .n_parameters = 2,
		    .parameters = twice },
		  "it has two parameters a" },
		{ { SIZED, .name = "x", .n_parameters = 1,
		    .parameters = bad_default },
		  "its own default: wait: \"soon\" is not a span" },
	};
	struct bouncer_plugin plugin;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			plugin_describe(&rows[i].plugin, "x", &plugin, &err),
			-EINVAL);
		if (!strstr(err.message, rows[i].words))
			fail_msg("row %zu says: %s", i, err.message);
	}
}

/* One that was built later says more than is known here. */
static void a_later_one_is_understood(void **state)
{
	struct {
		struct bouncer_plugin known;
		void *more[4];
	} later = { .known = good };
	struct bouncer_plugin plugin;
	struct err err = { 0 };

	later.known.size = sizeof(later);
	assert_int_equal(plugin_describe(&later.known, "good", &plugin, &err),
	                 0);
	assert_string_equal(plugin.name, "good");
}

static void names(void **state)
{
	char longest[PLUGIN_NAME_MAX + 2];

	memset(longest, 'a', sizeof(longest));
	longest[PLUGIN_NAME_MAX + 1] = '\0';
	assert_true(plugin_name_is_good("file_action"));
	assert_true(plugin_name_is_good(longest + 1));
	assert_false(plugin_name_is_good(longest));
	assert_false(plugin_name_is_good(""));
	assert_false(plugin_name_is_good("../x"));
	assert_false(plugin_name_is_good("x.so"));
}

/* --- what a step gives ------------------------------------------------------ */

static int values_of(const struct step_parameter *given, size_t n,
                     const struct notice *notice, struct arena *arena,
                     struct bouncer_value **valuesp, struct err *err)
{
	const struct step_plugin step = { .name = "good",
		                          .parameters = given,
		                          .n_parameters = (uint8_t)n };

	*err = (struct err){ 0 };
	return plugin_values(&good, &step, environment, notice, arena, valuesp,
	                     err);
}

static void values_are_read(void **state)
{
	static const struct step_parameter given[] = { { "dir", "/tmp/x" },
		                                       { "really", "yes" },
		                                       { "size", "1KiB" } };
	struct arena arena = { 0 };
	struct bouncer_value *values;
	struct err err;

	assert_int_equal(values_of(given, 3, NULL, &arena, &values, &err), 0);
	assert_string_equal(values[0].text, "a");
	assert_int_equal(values[1].number, 7); /* of the environment */
	assert_int_equal(values[2].number, 1);
	assert_int_equal(values[3].number, 90000);
	assert_int_equal(values[4].number, 1024);
	assert_string_equal(values[5].text, "/tmp/x");
	arena_fini(&arena);

	assert_int_equal(values_of(given, 1, NULL, &arena, &values, &err), 0);
	assert_null(values[2].text);
	assert_int_equal(values[2].number, 0);
	assert_int_equal(values[4].number, 5 << 20);
	arena_fini(&arena);
}

static void names_are_filled_in(void **state)
{
	static const struct step_parameter given[] = {
		{ "dir", "/tmp/{{ monitor }}" },
		{ "number", "{{ attempt }}" },
		{ "wait", "{{ monitor }}" },
	};
	const struct notice notice = { .monitor = "cpu",
		                       .rule = "cpu",
		                       .container = "",
		                       .id = "",
		                       .image = "",
		                       .runtime = "",
		                       .host = "",
		                       .reason = "",
		                       .step = "",
		                       .result = "",
		                       .detail = "",
		                       .output = "",
		                       .attempt = 4 };
	struct arena arena = { 0 };
	struct bouncer_value *values;
	struct err err;

	assert_int_equal(values_of(given, 3, NULL, &arena, &values, &err), 0);
	assert_int_equal(values[5].flags, BOUNCER_UNKNOWN_YET);
	assert_null(values[5].text);
	assert_int_equal(values_of(given, 2, &notice, &arena, &values, &err),
	                 0);
	assert_string_equal(values[5].text, "/tmp/cpu");
	assert_int_equal(values[1].number, 4);
	assert_int_equal(values[5].flags, 0);
	assert_int_equal(values_of(given, 3, &notice, &arena, &values, &err),
	                 -EINVAL);
	assert_string_equal(
		err.message,
		"wait: \"cpu\" is not a span of time, as 30s or 1m30s");
	arena_fini(&arena);
}

static void wrong_values_are_refused(void **state)
{
	static const struct {
		struct step_parameter given[2];
		const char *words;
	} rows[] = {
		{ { { "dir", "/x" }, { "number", "1.5" } },
		  "number: \"1.5\" is not an integer" },
		{ { { "dir", "/x" }, { "really", "maybe" } },
		  "really: \"maybe\" is not true or false" },
		{ { { "dir", "/x" }, { "size", "5MB" } },
		  "size: \"5MB\" is not a size" },
		{ { { "dir", "x" }, { "size", "5" } },
		  "dir: \"x\" is not an absolute path" },
		{ { { "dir", "/x" }, { "sise", "5" } },
		  "sise: there is no such parameter; did you mean size?" },
		{ { { "text", "/x" }, { "size", "5" } },
		  "dir: is missing; it is where it goes" },
	};
	struct arena arena = { 0 };
	struct bouncer_value *values;
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(values_of(rows[i].given, 2, NULL, &arena,
		                           &values, &err),
		                 -EINVAL);
		if (!strstr(err.message, rows[i].words))
			fail_msg("row %zu says: %s", i, err.message);
	}
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_itself),
		cmocka_unit_test(wrong_descriptions_are_refused),
		cmocka_unit_test(a_later_one_is_understood),
		cmocka_unit_test(names),
		cmocka_unit_test(values_are_read),
		cmocka_unit_test(names_are_filled_in),
		cmocka_unit_test(wrong_values_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
