/* SPDX-License-Identifier: Apache-2.0 */
/* matcher, pattern: which labels are meant. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include "base/macros.h"
#include "core/matcher.h"
#include "core/pattern.h"

static struct matchers *parse(const char *text)
{
	struct matchers *matchers = NULL;
	struct err err = { 0 };

	if (matchers_parse(slice_from(text), &matchers, &err) != 0)
		fail_msg("%s: %s", text, err.message);
	return matchers;
}

static bool matches(const char *text, const struct label *labels, size_t n)
{
	struct matchers *matchers = parse(text);
	bool found = matchers_match(matchers, labels, n);

	matchers_free(matchers);
	return found;
}

static const struct label api[] = {
	{ { "job", 3 }, { "api", 3 } },
	{ { "instance", 8 }, { "web-1:9100", 10 } },
	{ { "my.label", 8 }, { "a\"b\\c\n\xc3\xa9", 8 } },
	{ { "path", 4 }, { "/a", 2 } },
};

static void test_what_matches(void **state)
{
	static const struct {
		const char *text;
		bool matches;
	} rows[] = {
		{ "", true },
		{ " \t\n", true },
		{ "job=\"api\"", true },
		{ "job='api'", true },
		{ "job=`api`", true },
		{ "job=\"ap\"", false },
		{ "job=\"API\"", false },
		{ " job = \"api\" , instance =~ \"web-.*\" ", true },
		{ "job=\"api\",instance=~\"web-.*\",", true },
		{ "job=\"api\",instance=\"web-2\"", false },
		{ "job!=\"api\"", false },
		{ "job!=\"db\"", true },
		{ "job=~\"api|db\"", true },
		{ "job=~\"a|b\"", false },
		{ "job=~\"ap\"", false },
		{ "job=~\"pi\"", false },
		{ "job=~\"a.i\"", true },
		{ "job!~\"a.i\"", false },
		{ "job!~\"b.*\"", true },
		{ "job=~\"[[:alpha:]]{3}\"", true },
		{ "job=~\"^api$\"", true },
		{ "instance=~\"web-[0-9]+:9[0-9]{3}\"", true },
		{ "instance=~\"web-1\\\\:9100\"", true },
		{ "instance=~`web-1\\:9100`", true },
		{ "path=~\"/(a|b)?\"", true },
		/* an absent label has the empty value */
		{ "env=\"\"", true },
		{ "env!=\"\"", false },
		{ "env!=\"dev\"", true },
		{ "env=~\"\"", true },
		{ "env=~\".*\"", true },
		{ "env=~\".+\"", false },
		{ "env!~\".+\"", true },
		{ "job=\"\"", false },
		/* names in quotes, escapes */
		{ "\"my.label\"=\"a\\\"b\\\\c\\n\\u00e9\"", true },
		{ "\"my.label\"=\"a\\x22b\\134c\\n\\xc3\\xa9\"", true },
		{ "\"my.label\"='a\"b\\\\c\\n\\U000000e9'", true },
		{ "\"my.label\"=`a\"b\\c`", false },
		{ "\"my.label\"=~\"a.*\"", true },
		/* the same label may stand twice */
		{ "job=~\"a.*\",job!=\"api\"", false },
		{ "job=~\"a.*\",job!=\"app\"", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (matches(rows[i].text, api, ARRAY_SIZE(api)) !=
		    rows[i].matches)
			fail_msg("%s", rows[i].text);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text;
		const char *words;
	} rows[] = {
		{ "{job=\"api\"}", "without the braces" },
		{ "job", "label job comes =" },
		{ "job<\"1\"", "label job comes =" },
		{ "job==\"api\"", "in quotes" },
		{ "=\"api\"", "name of a label is missing" },
		{ "9job=\"api\"", "name of a label is missing" },
		{ ",", "name of a label is missing" },
		{ "job=\"a\",,env=\"b\"", "name of a label is missing" },
		{ "job=api", "in quotes" },
		{ "job=\"api", "never closed" },
		{ "job=\"api\" env=\"b\"", "comma" },
		{ "job=\"a\\q\"", "unknown escape" },
		{ "job=\"a\\", "unknown escape" },
		{ "job=\"\\x4\"", "unknown escape" },
		{ "job=\"\\400\"", "unknown escape" },
		{ "job=\"\\ud800\"", "unknown escape" },
		{ "job=\"\\U00110000\"", "unknown escape" },
		{ "__name__=\"up\"", "__name__" },
		{ "job=~\"a\\\\d\"", "label job: \\d is not known" },
		{ "job=~\"(\"", "label job: a parenthesis" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct matchers *matchers = NULL;
		struct err err = { 0 };

		assert_int_equal(matchers_parse(slice_from(rows[i].text),
		                                &matchers, &err),
		                 -EINVAL);
		assert_null(matchers);
		if (!strstr(err.message, rows[i].words))
			fail_msg("%s: %s", rows[i].text, err.message);
	}
}

static void test_limits(void **state)
{
	char text[MATCHER_MAX_TEXT + 2];
	struct matchers *matchers = NULL;
	struct err err = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < MATCHERS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "l%zu=\"\",",
		                      i);
	matchers = parse(text);
	assert_true(matchers_match(matchers, NULL, 0));
	matchers_free(matchers);
	(void)snprintf(text + n, sizeof(text) - n, "m=\"\"");
	assert_int_equal(matchers_parse(slice_from(text), &matchers, &err),
	                 -EINVAL);
	assert_non_null(strstr(err.message, "at most 32"));

	memset(text, 'a', sizeof(text));
	assert_int_equal(matchers_parse(slice_make(text, sizeof(text) - 1),
	                                &matchers, &err),
	                 -EINVAL);
	assert_non_null(strstr(err.message, "4096 bytes"));
	matchers_free(NULL);
}

/* What no expression matches: neither it nor its contrary says yes for
 * nothing. */
static void test_subjects(void **state)
{
	static char large[PATTERN_MAX_SUBJECT + 1];
	struct label label = { slice_from("l"), { large, sizeof(large) } };

	memset(large, 'a', sizeof(large));
	assert_false(matches("l=~\"a*\"", &label, 1));
	label.value.n--;
	assert_true(matches("l=~\"a*\"", &label, 1));
	large[1] = '\0';
	assert_false(matches("l=~\".*\"", &label, 1));
	assert_true(matches("l!~\".*\"", &label, 1));
	large[1] = '\n';
	assert_true(matches("l=~\"a.a*\"", &label, 1));
}

static void test_patterns(void **state)
{
	static const struct {
		const char *text;
		const char *words; /* NULL: it is one */
	} rows[] = {
		{ "", NULL },
		{ "a|", NULL },
		{ "(a|b)+c{2,}d{0,3}[]x-]", NULL },
		{ "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", NULL },
		{ "\\.\\(\\{\\\\", NULL },
		{ "[^[:space:][:digit:]_]", NULL },
		{ "(a)\\1", "\\1 is not known" },
		{ "\\w", "\\w is not known" },
		{ "\\bx", "\\b is not known" },
		{ "\\<x", "\\< is not known" },
		{ "x\\", "ends with a backslash" },
		{ "(?i)x", "groups with (?" },
		{ "(?:x)", "groups with (?" },
		{ "a*?", "one after the other" },
		{ "a+?", "one after the other" },
		{ "a**", "one after the other" },
		{ "a{2}{3}", "one after the other" },
		{ "*a", "nothing to repeat" },
		{ "a|*", "nothing to repeat" },
		{ "(*a)", "nothing to repeat" },
		{ "^*", "nothing to repeat" },
		{ "{2}", "nothing to repeat" },
		{ "a{,3}", "a repetition is" },
		{ "a{3,2}", "a repetition is" },
		{ "a{x}", "a repetition is" },
		{ "a{2", "a repetition is" },
		{ "a{99999999999999999999}", "a repetition is" },
		{ "[a\\]]", "a backslash inside brackets" },
		{ "[[.a.]]", "[. and [=" },
		{ "[[=a=]]", "[. and [=" },
		{ "[a", "never closed" },
		{ "[]", "never closed" },
		{ "[[:nothing:]]", "is not one: " },
		{ "[z-a]", "is not one: " },
		{ "a)", "never opened" },
		{ "(a", "never closed" },
		{ "((((((((((((((((a))))))))))))))))", NULL },
		{ "(((((((((((((((((a)))))))))))))))))", "too deeply" },
		{ "(((a{100}){10}){8}){2}", "repeats too much" },
		{ "((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)",
		  "repeats too much" },
		{ "a{8192}", NULL },
		{ "aa{8192}", "repeats too much" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = { 0 };
		regex_t regex;
		int r = pattern_compile(slice_from(rows[i].text), &regex, &err);

		if (r == 0)
			regfree(&regex);
		if (!rows[i].words ? r != 0
		                   : r != -EINVAL || !strstr(err.message,
		                                             rows[i].words))
			fail_msg("%s: %d %s", rows[i].text, r, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_matches),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
