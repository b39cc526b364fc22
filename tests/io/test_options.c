/* SPDX-License-Identifier: Apache-2.0 */
/* options, table, when: what the sub-commands read and print with. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "command/options.h"
#include "command/table.h"
#include "command/when.h"
#include "support/faults.h"

#define MAX_WORDS 8
#define SHOWN_MAX 512

struct values {
	bool flag;
	const char *text;
	struct option_texts texts;
	uint64_t number;
	uint64_t time;
	uint64_t every;
};

/* Parses and shows all that came of it, or the error. */
static int parse(const char *const *words, bool apart, char *shown)
{
	struct values values = { .text = "-" };
	const struct option_row rows[] = {
		{ "flag", 'f', OPTION_FLAG, &values.flag },
		{ "text", 't', OPTION_TEXT, &values.text },
		{ "texts", 'x', OPTION_TEXTS, &values.texts },
		{ "number", 'n', OPTION_NUMBER, &values.number },
		{ "for", 0, OPTION_TIME, &values.time },
		{ "watch", 'w', OPTION_EVERY, &values.every },
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .max_words = 2,
		                   .apart = apart };
	char *argv[MAX_WORDS + 1] = { NULL };
	struct err err;
	size_t n;
	int argc = 0;
	int r;

	for (; argc < MAX_WORDS && words[argc]; argc++)
		argv[argc] = (char *)(uintptr_t)words[argc];
	r = options_parse(&options, argc, argv, &err);
	if (r < 0) {
		(void)snprintf(shown, SHOWN_MAX, "%s", err.message);
		options_fini(&options);
		return r;
	}
	n = (size_t)snprintf(
		shown, SHOWN_MAX, "%s%s %" PRIu64 " %" PRIu64 " %" PRIu64 "%s:",
		values.flag ? "flag " : "", values.text, values.number,
		values.time, values.every, options.help ? " help" : "");
	for (size_t i = 0; i < values.texts.n; i++)
		n += (size_t)snprintf(shown + n, SHOWN_MAX - n, " x=%s",
		                      values.texts.texts[i]);
	for (size_t i = 0; i < options.n_words; i++)
		n += (size_t)snprintf(shown + n, SHOWN_MAX - n, " %s",
		                      options.words[i]);
	if (options.after)
		(void)snprintf(shown + n, SHOWN_MAX - n, " -- %s",
		               options.after[0] ? options.after[0] : "");
	options_fini(&options);
	return 0;
}

static void test_options(void **state)
{
	static const struct {
		const char *words[MAX_WORDS];
		bool apart;
		const char *shown;
	} rows[] = {
		{ { NULL }, false, "- 0 0 0:" },
		{ { "a", "--flag", "b" }, false, "flag - 0 0 0: a b" },
		{ { "--text", "x", "--number=7" }, false, "x 7 0 0:" },
		{ { "--text=" }, false, " 0 0 0:" },
		{ { "--text", "--flag" }, false, "--flag 0 0 0:" },
		{ { "-t", "x", "-n7", "-f" }, false, "flag x 7 0 0:" },
		{ { "-fn", "7", "-" }, false, "flag - 7 0 0: -" },
		{ { "--texts", "a=b", "-xc" }, false, "- 0 0 0: x=a=b x=c" },
		{ { "--for", "1h" }, false, "- 0 3600000 0:" },
		{ { "--for=90" }, false, "- 0 90000 0:" },
		{ { "--for", "500ms" }, false, "- 0 500 0:" },
		{ { "--watch" }, false, "- 0 0 2000:" },
		{ { "--watch", "5" }, false, "- 0 0 5000:" },
		{ { "--watch", "5s", "a" }, false, "- 0 0 5000: a" },
		{ { "--watch", "api" }, false, "- 0 0 2000: api" },
		{ { "--watch=1m" }, false, "- 0 0 60000:" },
		{ { "--flag", "--", "-a", "--b" },
		  false,
		  "flag - 0 0 0: -a --b" },
		{ { "a", "--", "sh", "-c" }, true, "- 0 0 0: a -- sh" },
		{ { "a", "--" }, true, "- 0 0 0: a -- " },
		{ { "--number", "1", "--number", "2" }, false, "- 2 0 0:" },
		{ { "a", "b", "c", "--help" }, false, "- 0 0 0 help: a b c" },
		{ { "-h", "--nonsense" }, false, "- 0 0 0 help:" },

		{ { "--flga" },
		  false,
		  "unknown option --flga; did you mean --flag?" },
		{ { "--helo" },
		  false,
		  "unknown option --helo; did you mean --help?" },
		{ { "--nonsense=1" }, false, "unknown option --nonsense" },
		{ { "-fz" }, false, "unknown option -z" },
		{ { "--text" }, false, "--text needs a value" },
		{ { "-n" }, false, "--number needs a value" },
		{ { "--flag=yes" }, false, "--flag takes no value" },
		{ { "-n", "x" }, false, "--number: x is not a number" },
		{ { "--for", "x" },
		  false,
		  "--for: x is not a span of time; write it as 90s or 1h30m" },
		{ { "--for", "0" },
		  false,
		  "--for: 0 is not a span of time; write it as 90s or 1h30m" },
		{ { "--watch=x" },
		  false,
		  "--watch: x is not a span of time; write it as 90s or "
		  "1h30m" },
		{ { "a", "b", "c" }, false, "unexpected argument c" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char shown[SHOWN_MAX];

		(void)parse(rows[i].words, rows[i].apart, shown);
		assert_string_equal(shown, rows[i].shown);
	}
}

static void test_too_many_texts(void **state)
{
	struct option_texts texts = { .n = 0 };
	const struct option_row rows[] = { { "label", 'l', OPTION_TEXTS,
		                             &texts } };
	struct options options = { .rows = rows, .n_rows = 1 };
	char *argv[OPTION_TEXTS_MAX + 1];
	struct err err;

	for (size_t i = 0; i <= OPTION_TEXTS_MAX; i++)
		argv[i] = (char *)(uintptr_t) "-la=b";
	assert_int_equal(
		options_parse(&options, OPTION_TEXTS_MAX + 1, argv, &err),
		-EINVAL);
	assert_string_equal(err.message, "--label is given more than 64 times");
	options_fini(&options);
}

static void test_options_memory(void **state)
{
	static const char *const words[MAX_WORDS] = { "a" };
	char shown[SHOWN_MAX];

	faults_fail(1);
	assert_int_equal(parse(words, false, shown), -ENOMEM);
	(void)faults_end();
}

/* --- table ---------------------------------------------------------------- */

static void test_width(void **state)
{
	static const struct {
		const char *text;
		size_t width;
	} rows[] = {
		{ "", 0 },
		{ "abc", 3 },
		{ "b\xc3\xa4r", 3 },
		{ "a\xcc\x88", 1 },                /* a and a diaeresis */
		{ "\xe6\x97\xa5\xe6\x9c\xac", 4 }, /* two Han characters */
		{ "\xed\x95\x9c", 2 },             /* Hangul */
		{ "\xf0\x9f\x9a\x80", 2 },         /* a rocket */
		{ "\xef\xbd\xb1", 1 },             /* halfwidth katakana */
		{ "\xe2\x80\xa6", 1 },             /* an ellipsis */
		{ "\xff", 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(text_width(slice_from(rows[i].text)),
		                 rows[i].width);
}

static const struct table_column columns[] = { { "NAME", true },
	                                       { "N", false },
	                                       { "WHY", true } };

static void fill(struct table *table)
{
	table_init(table, columns, ARRAY_SIZE(columns));
	table_add(table, TABLE_PLAIN, "a");
	table_add(table, TABLE_GOOD, "1");
	table_add(table, TABLE_PLAIN, "x\033[2J");
	table_add(table, TABLE_PLAIN, "\xe6\x97\xa5\xe6\x9c\xac-1234567890");
	table_add(table, TABLE_BAD, "22");
	table_add(table, TABLE_PLAIN, "");
}

static void test_table(void **state)
{
	static const struct {
		struct screen screen;
		size_t max_rows;
		const char *text;
	} rows[] = {
		{ { .width = 0 },
		  0,
		  "NAME             N   WHY\n"
		  "a                1   x\\x1b[2J\n"
		  "\xe6\x97\xa5\xe6\x9c\xac-1234567890  22  \n" },
		{ { .width = 26 },
		  1,
		  "NAME          N   WHY\n"
		  "a             1   x\\x1b[2J\n"
		  "\xe2\x80\xa6 and 1 more\n" },
		{ { .width = 22 },
		  0,
		  "NAME      N   WHY\n"
		  "a         1   x\\x1b[2J\n"
		  "\xe6\x97\xa5\xe6\x9c\xac-12\xe2\x80\xa6  22  \n" },
		{ { .colour = true },
		  1,
		  "\033[1mNAME\033[0m             \033[1mN\033[0m   "
		  "\033[1mWHY\033[0m\n"
		  "a                \033[32m1\033[0m   x\\x1b[2J\n"
		  "\xe2\x80\xa6 and 1 more\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct table table;
		struct buf out;

		buf_init(&out, 4096);
		fill(&table);
		assert_int_equal(table_write(&table, &rows[i].screen,
		                             rows[i].max_rows, &out),
		                 0);
		assert_string_equal(buf_text(&out), rows[i].text);
		table_fini(&table);
		buf_fini(&out);
	}
}

/* A wide character that does not fit leaves no half of it. */
static void test_wide_cut(void **state)
{
	static const struct table_column one[] = { { "N", true } };
	struct screen screen = { .width = 8 };
	struct table table;
	struct buf out;

	buf_init(&out, 4096);
	table_init(&table, one, 1);
	table_add(
		&table, TABLE_PLAIN,
		"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5");
	assert_int_equal(table_write(&table, &screen, 0, &out), 0);
	assert_string_equal(buf_text(&out),
	                    "N\n\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
	                    "\xe2\x80\xa6\n");
	table_fini(&table);
	buf_fini(&out);
}

static void test_no_terminal(void **state)
{
	FILE *file = tmpfile();
	struct screen screen;

	assert_non_null(file);
	screen_look(&screen, file, NULL, "xterm");
	assert_false(screen.terminal || screen.colour || screen.width);
	assert_int_equal(fclose(file), 0);
}

/* --- when ----------------------------------------------------------------- */

#define NOW 1767323045000 /* 2026-01-02T03:04:05Z */

static void test_when(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} spans[] = {
		{ 0, "0s" },           { 999, "0s" },         { 12999, "12s" },
		{ 200000, "3m20s" },   { 18725000, "5h12m" }, { 7200000, "2h" },
		{ 356400000, "4d3h" }, { 86400000, "1d0h" },
	};
	static const struct {
		int64_t ms;
		const char *text;
	} clocks[] = {
		{ NOW + 60000, "03:05" },
		{ NOW - 60000, "03:03" },
		{ NOW + 86400000, "tomorrow 03:04" },
		{ NOW + 2 * 86400000ll, "2026-01-04 03:04" },
		{ NOW - 86400000, "2026-01-01 03:04" },
	};
	static const struct {
		const char *text;
		int64_t ms; /* -1: refused */
	} times[] = {
		{ "1h", NOW - 3600000 },
		{ "2026-01-02T03:04:05Z", NOW },
		{ "2026-01-02", NOW - 11045000 },
		{ "2026-01-02 03:04", NOW - 5000 },
		{ "2026-01-02 03:04:05", NOW },
		{ "02:04", NOW - 3605000 },
		{ "02:04:05", NOW - 3600000 },
		{ "yesterday", -1 },
		{ "2026-01-02 03:04:05 and then some more text at its end",
		  -1 },
		{ "25:00", -1 },
		{ "", -1 },
	};
	char out[WHEN_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
		assert_string_equal(when_span(spans[i].ms, out), spans[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(clocks); i++)
		assert_string_equal(when_clock(clocks[i].ms, NOW, out),
		                    clocks[i].text);
	assert_string_equal(when_full(NOW, out), "2026-01-02 03:04:05");
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		int64_t ms = -1;
		int r = when_parse(slice_from(times[i].text), NOW, &ms);

		assert_int_equal(r, times[i].ms == -1 ? -EINVAL : 0);
		assert_true(ms == times[i].ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_too_many_texts),
		cmocka_unit_test(test_options_memory),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_wide_cut),
		cmocka_unit_test(test_no_terminal),
		cmocka_unit_test(test_when),
	};

	faults_install();
	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
