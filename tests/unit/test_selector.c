/* SPDX-License-Identifier: Apache-2.0 */
/* selector, container, exit_codes: who is covered, and what they are called. */
#include "support/cmocka.h"

#include <errno.h>
#include <time.h>
#include "base/macros.h"
#include "core/exit_codes.h"
#include "core/selector.h"

#define LONG_ID \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define SHORT_ID "0123456789ab"

static void test_glob(void **state)
{
	static const struct {
		const char *pattern;
		const char *text;
		bool matches;
	} rows[] = {
		{ "", "", true },
		{ "", "a", false },
		{ "*", "", true },
		{ "*", "anything", true },
		{ "web-*", "web-1", true },
		{ "web-*", "web-", true },
		{ "web-*", "web", false },
		{ "*-1", "web-1-1", true },
		{ "*-1", "web-12", false },
		{ "a*b*c", "aXbYbc", true },
		{ "a*b*c", "aXbYbcd", false },
		{ "?", "", false },
		{ "?", "a", true },
		{ "?", "ab", false },
		{ "w?b", "wéb", true },
		{ "w??b", "wéb", false },
		{ "*??", "é", false },
		{ "*?\?", "éé", true },
		{ "?", "\xff", true },
		{ "**a**", "bab", true },
		{ "nginx:*", "nginx:1.25", true },
		{ "nginx:*", "my/nginx:1.25", false },
		{ "*a", "*a", true },
		{ "A", "a", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (selector_glob(rows[i].pattern, rows[i].text) !=
		    rows[i].matches)
			fail_msg("%s on %s", rows[i].pattern, rows[i].text);
}

/* What backtracking over each star would never end. */
static void test_glob_is_quick(void **state)
{
	char pattern[2 * 64 + 2];
	char text[4096];
	size_t n = 0;
	clock_t began = clock();

	for (size_t i = 0; i < 64; i++) {
		pattern[n++] = 'a';
		pattern[n++] = '*';
	}
	pattern[n++] = 'b';
	pattern[n] = '\0';
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_false(selector_glob(pattern, text));
	/* a hundred times what it takes under sanitizers */
	assert_true(clock() - began < 5 * CLOCKS_PER_SEC);
}

static void test_bool(void **state)
{
	static const char *const truths[] = { "1",  "true", "TRUE", "True",
		                              "on", "Yes",  " y ",  "T" };
	static const char *const lies[] = { "0",   "false", "FALSE",
		                            "Off", "no",    "n " };
	static const char *const neither[] = { "", "2", "truth", "yes no" };

	for (size_t i = 0; i < ARRAY_SIZE(truths); i++)
		assert_int_equal(selector_bool(truths[i]), 1);
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		assert_int_equal(selector_bool(lies[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(neither); i++)
		assert_int_equal(selector_bool(neither[i]), -1);
}

/* --- selection ---------------------------------------------------------------- */

static const struct container_label web_labels[] = {
	{ "autoheal", "TRUE" },
	{ "com.docker.compose.project", "shop" },
	{ "com.docker.compose.service", "web" },
	{ "com.docker.compose.container-number", "2" },
	{ "tier", "front-a" },
};

static const struct container web = {
	.id = LONG_ID,
	.name = "shop-web-2",
	.project = "",
	.image = "nginx:1.25",
	.labels = web_labels,
	.n_labels = ARRAY_SIZE(web_labels),
};

#define PATTERNS(...)                                                      \
	{                                                                  \
		(const char *const[]){ __VA_ARGS__ },                      \
			ARRAY_SIZE(((const char *const[]){ __VA_ARGS__ })) \
	}
#define LABELS(...)                                               \
	.labels = (const struct selector_label[]){ __VA_ARGS__ }, \
	.n_labels =                                               \
		ARRAY_SIZE(((const struct selector_label[]){ __VA_ARGS__ }))

static void expect(const struct selector *selector,
                   const struct container *container, const char *self_id,
                   const char *why)
{
	const char *said = selector_match(selector, container, self_id);

	if (!why)
		assert_null(said);
	else if (!said || !strstr(said, why))
		fail_msg("\"%s\", not \"%s\"", said ? said : "covered", why);
}

static void test_conditions(void **state)
{
	struct selector_label tier = { "tier", "front-*", false };
	struct selector_label no_tier = { "tier", "back-*", false };
	struct selector_label here = { "tier", NULL, false };
	struct selector_label absent = { "x", NULL, false };
	struct selector_label healed = { "autoheal", NULL, true };
	struct selector_label untrue = { "tier", NULL, true };
	const struct {
		struct selector_conditions select;
		const char *why;
	} rows[] = {
		{ { 0 }, NULL },
		{ { LABELS(tier) }, NULL },
		{ { LABELS(here, healed) }, NULL },
		{ { LABELS(here, absent) }, "labels" },
		{ { LABELS(no_tier) }, "labels" },
		{ { LABELS(untrue) }, "labels" },
		{ { .names = PATTERNS("db-*", "*-web-*") }, NULL },
		{ { .names = PATTERNS("web-*") }, "name is none" },
		{ { .prefixes = PATTERNS("db", "shop") }, NULL },
		{ { .prefixes = PATTERNS("shop-*") }, "begins otherwise" },
		{ { .images = PATTERNS("nginx:*") }, NULL },
		{ { .images = PATTERNS("nginx") }, "image" },
		{ { .projects = PATTERNS("shop") }, NULL },
		{ { .projects = PATTERNS("sho") }, "project" },
		{ { .services = PATTERNS("w*") }, NULL },
		{ { .services = PATTERNS("db") }, "service" },
		{ { .names = PATTERNS("*"), .services = PATTERNS("db") },
		  "service" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct selector selector = { .select = rows[i].select };

		expect(&selector, &web, "", rows[i].why);
	}
}

static void test_any_of_and_exclude(void **state)
{
	static const struct selector_label any[] = {
		{ "a", "1", false },
		{ "tier", "front-a", false },
	};
	struct selector selector = { .any_of = any, .n_any_of = 2 };

	expect(&selector, &web, "", NULL);
	selector.n_any_of = 1;
	expect(&selector, &web, "", "none of the labels");

	selector = (struct selector){ 0 };
	selector.exclude =
		(struct selector_conditions){ .names = PATTERNS("shop-*"),
		                              .services = PATTERNS("db") };
	expect(&selector, &web, "", NULL); /* only one of both holds */
	selector.exclude =
		(struct selector_conditions){ .names = PATTERNS("shop-*"),
		                              .services = PATTERNS("web") };
	expect(&selector, &web, "", "excluded");
}

/* What has no project of compose has perhaps one of its engine. */
static void test_lxd_project(void **state)
{
	struct container instance = { .id = "blue/c1",
		                      .name = "c1",
		                      .project = "blue" };
	struct selector selector = { .select = { .projects =
		                                         PATTERNS("blue") } };

	expect(&selector, &instance, "", NULL);
	instance.project = "";
	expect(&selector, &instance, "", "project");
	selector.select =
		(struct selector_conditions){ .images = PATTERNS("*") };
	expect(&selector, &instance, "", "image"); /* it has none */
}

static void test_label_time(void **state)
{
	static const struct {
		const char *text;
		uint32_t unit_ms;
		bool good;
		uint64_t ms;
	} rows[] = {
		{ "30", 1000, true, 30000 }, { " 2.5 ", 1000, true, 2500 },
		{ "10", 1, true, 10 },       { "0", 1000, true, 0 },
		{ "-1", 1000, false, 0 },    { "ten", 1000, false, 0 },
		{ "", 1000, false, 0 },      { "NaN", 1, false, 0 },
		{ "1e300", 1, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct container_label label = { "t", rows[i].text };
		struct container container = { .labels = &label,
			                       .n_labels = 1 };
		uint64_t ms = 0;

		assert_int_equal(container_label_time(&container, "t",
		                                      rows[i].unit_ms, &ms),
		                 rows[i].good);
		assert_int_equal(ms, rows[i].ms);
		assert_false(container_label_time(&container, "u", 1, &ms));
	}
}

static void test_opt_out(void **state)
{
	const struct {
		const char *opt_out;
		const char *label;
		const char *value;
		bool out;
	} rows[] = {
		{ NULL, "bouncer.ignore", "true", false },
		{ "", "", "true", false },
		{ "bouncer.ignore", "bouncer.ignore", "true", true },
		{ "bouncer.ignore", "bouncer.ignore", "YES", true },
		{ "bouncer.ignore", "bouncer.ignore", "false", false },
		{ "bouncer.ignore", "bouncer.ignore", "perhaps", false },
		{ "bouncer.ignore", "other", "true", false },
		{ "autoheal=false", "autoheal", "False", true },
		{ "autoheal=false", "autoheal", "0", true },
		{ "autoheal=false", "autoheal", "true", false },
		{ "autoheal=false", "autoheal", "x", false },
		{ "autoheal=false", "autoheal=false", "true", false },
		{ "=false", "", "false", false },
		{ "a, b=false", "a", "1", true },
		{ "a, b=false", "b", "no", true },
		{ "a, b=false", "b", "1", false },
		{ "a,,b", "b", "1", true },
		{ "a, b", "a, b", "1", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct container_label label = { rows[i].label, rows[i].value };
		struct container container = {
			.id = "x", .name = "x", .labels = &label, .n_labels = 1
		};
		struct selector selector = { .opt_out = rows[i].opt_out };

		expect(&selector, &container, "",
		       rows[i].out ? "opts out" : NULL);
	}
}

static void test_left_alone(void **state)
{
	static const struct container_label task[] = {
		{ "com.docker.swarm.task.id", "t1" }
	};
	struct container container = web;
	struct selector selector = { 0 };

	expect(&selector, &web, LONG_ID, "bouncer's own");
	expect(&selector, &web, SHORT_ID, "bouncer's own");
	expect(&selector, &web, "0123456789a", NULL); /* too short */
	expect(&selector, &web, "0123456789ac", NULL);
	selector.include = SELECTOR_SELF;
	expect(&selector, &web, LONG_ID, NULL);
	container.id = SHORT_ID;
	selector.include = 0;
	expect(&selector, &container, LONG_ID, "bouncer's own");
	container.id = NULL;
	expect(&selector, &container, LONG_ID, NULL);

	container = web;
	container.labels = task;
	container.n_labels = 1;
	expect(&selector, &container, "", "swarm");
	selector.include = SELECTOR_SWARM;
	expect(&selector, &container, "", NULL);

	container.auto_remove = true;
	expect(&selector, &container, "", "removed when it stops");
	selector.include |= SELECTOR_AUTO_REMOVE;
	container.own_action = true;
	expect(&selector, &container, "", "by itself");
	selector.include |= SELECTOR_OWN_ACTION;
	expect(&selector, &container, "", NULL);
}

static void test_equal(void **state)
{
	struct selector_label labels[] = { { "a", "1", false } };
	struct selector_label other[] = { { "a", NULL, false } };
	struct selector a = { .select = { .labels = labels, .n_labels = 1 },
		              .opt_out = "x" };
	struct selector b = a;

	assert_true(selector_equal(&a, &b));
	b.select.labels = other;
	assert_false(selector_equal(&a, &b));
	b = a;
	b.opt_out = NULL;
	assert_false(selector_equal(&a, &b));
	b = a;
	b.include = SELECTOR_SELF;
	assert_false(selector_equal(&a, &b));
	b = a;
	b.exclude.names = (struct selector_patterns)PATTERNS("x");
	assert_false(selector_equal(&a, &b));
	a.exclude.names = (struct selector_patterns)PATTERNS("x");
	assert_true(selector_equal(&a, &b));
	b.exclude.names = (struct selector_patterns)PATTERNS("y");
	assert_false(selector_equal(&a, &b));
	b = a;
	b.any_of = labels;
	b.n_any_of = 1;
	assert_false(selector_equal(&a, &b));
}

/* --- identity ----------------------------------------------------------------- */

static void expect_identity(const struct container *container,
                            const char *expected)
{
	char text[CONTAINER_IDENTITY_MAX];

	assert_int_equal(container_identity(container, text, sizeof(text)),
	                 strlen(expected));
	assert_string_equal(text, expected);
}

static void test_identity(void **state)
{
	struct container_label labels[ARRAY_SIZE(web_labels) + 1];
	struct container container = web;
	char small[6];

	expect_identity(&web, "shop/web/2");
	assert_int_equal(container_identity(&web, small, sizeof(small)), 10);
	assert_string_equal(small, "shop/");

	/* "compose run" is another container of that number */
	memcpy(labels, web_labels, sizeof(web_labels));
	labels[ARRAY_SIZE(web_labels)] =
		(struct container_label){ "com.docker.compose.oneoff", "True" };
	container.labels = labels;
	container.n_labels = ARRAY_SIZE(labels);
	expect_identity(&container, "shop-web-2");
	labels[ARRAY_SIZE(web_labels)].value = "False";
	expect_identity(&container, "shop/web/2");

	container.n_labels = 3; /* no number */
	expect_identity(&container, "shop-web-2");
	container.n_labels = 0;
	container.project = "blue";
	expect_identity(&container, "blue/shop-web-2");
	container.project = "default";
	expect_identity(&container, "shop-web-2");
	container.project = NULL;
	container.name = "";
	expect_identity(&container, LONG_ID);
	container.id = container.name = NULL;
	expect_identity(&container, "");
}

/* --- exit codes ----------------------------------------------------------------- */

static void test_exit_codes(void **state)
{
	static const struct {
		const char *text;
		int64_t in[4];
		int64_t out[4];
	} rows[] = {
		{ "0", { 0, 0, 0, 0 }, { 1, 255, -1, 256 } },
		{ "0,143", { 0, 143, 0, 0 }, { 1, 142, 144, -1 } },
		{ " 0 , 1\t137", { 0, 1, 137, 0 }, { 2, 136, -1, 138 } },
		{ "1-125", { 1, 64, 125, 2 }, { 0, 126, -1, 255 } },
		{ "any", { 0, 1, -1, 255 }, { 256, 257, 512, INT64_MAX } },
		{ "NonZero", { 1, 137, 255, 31 }, { 0, -1, 256, INT64_MIN } },
		{ "0,nonzero", { 0, 255, -1, 63 }, { 257, 256, 300, 256 } },
		{ "255-255", { 255, 255, 255, 255 }, { 254, 0, -1, 256 } },
	};
	static const char *const bad[] = { "",      ",",     "256", "-1",
		                           "x",     "5-2",   "1-",  "-",
		                           "1-2-3", "1-256", "0 y", "0x1" };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct exit_codes codes;

		assert_int_equal(exit_codes_parse(slice_from(rows[i].text),
		                                  &codes, NULL),
		                 0);
		for (size_t j = 0; j < 4; j++) {
			assert_true(exit_codes_has(&codes, rows[i].in[j]));
			assert_false(exit_codes_has(&codes, rows[i].out[j]));
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct exit_codes codes = { { 7 } };
		struct err err = { 0 };

		assert_int_equal(
			exit_codes_parse(slice_from(bad[i]), &codes, &err),
			-EINVAL);
		assert_string_not_equal(err.message, "");
		assert_int_equal(codes.bits[0], 7);
	}
}

static void test_same_id(void **state)
{
	static const char full[] = "0123456789abcdef0123456789abcdef";

	assert_true(selector_same_id(full, full));
	assert_true(selector_same_id(full, "0123456789ab"));
	assert_true(selector_same_id("0123456789ab", full));
	assert_false(selector_same_id(full, "0123456789a"));
	assert_false(selector_same_id(full, "0123456789ac"));
	assert_false(selector_same_id(full, ""));
	assert_false(selector_same_id("", ""));
	assert_false(selector_same_id(NULL, full));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_glob),
		cmocka_unit_test(test_glob_is_quick),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_any_of_and_exclude),
		cmocka_unit_test(test_lxd_project),
		cmocka_unit_test(test_label_time),
		cmocka_unit_test(test_opt_out),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_same_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
