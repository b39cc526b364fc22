/* SPDX-License-Identifier: Apache-2.0 */
/* command_line: what outsiders wrote stays within its argument; signals by
 * their names. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include "base/mem.h"
#include "base/signal_name.h"
#include "core/command_line.h"

static const struct label labels[] = {
	{ { "sh", 2 }, { "$(rm -rf /); `x` | y > z", 24 } },
	{ { "quote", 5 }, { "a \"b\" 'c'\nd\te", 13 } },
	{ { "nul", 3 }, { "a\0b\x01\xff", 5 } },
	{ { "name", 4 }, { "{{ monitor }}", 13 } },
};

static const struct notice notice = {
	.monitor = "disk/web-1",
	.labels = labels,
	.n_labels = ARRAY_SIZE(labels),
	.value = "95",
};

static void test_whole_arguments(void **state)
{
	static const char *const argv[] = {
		"/bin/fix",
		"{{ labels.sh }}",
		"--to={{labels.quote}}!",
		"{{ labels.nul }}",
		"{{ labels.none }}",
		"",
		"{{ labels.name }} {{ value }}",
		NULL,
	};
	static const char *const filled[] = {
		"/bin/fix",
		"$(rm -rf /); `x` | y > z",
		"--to=a \"b\" 'c'\nd\te!",
		"a b \xef\xbf\xbd",
		"",
		"",
		/* what is filled in is not read again */
		"{{ monitor }} 95",
		NULL,
	};
	struct command_line line;

	assert_int_equal(
		command_line_fill(&line, argv, TEMPLATE_PLAIN, &notice), 0);
	for (size_t i = 0; filled[i]; i++)
		assert_string_equal(line.argv[i], filled[i]);
	assert_null(line.argv[ARRAY_SIZE(filled) - 1]);
	command_line_fini(&line);
	command_line_fini(&line);
}

static void test_bounds(void **state)
{
	const char *argv[42] = { "/bin/x" };
	char *big = mem_alloc(4097);
	const struct label one = { { "a", 1 }, { big, 4096 } };
	const struct notice of_big = { .monitor = "m",
		                       .labels = &one,
		                       .n_labels = 1 };
	struct command_line line;

	assert_non_null(big);
	memset(big, 'x', 4096);
	big[4096] = '\0';
	argv[1] = "{{ labels.a }}";
	assert_int_equal(
		command_line_fill(&line, argv, TEMPLATE_PLAIN, &of_big), 0);
	assert_string_equal(line.argv[1], big);
	command_line_fini(&line);

	for (size_t i = 1; i < ARRAY_SIZE(argv) - 1; i++)
		argv[i] = "{{ labels.a }}";
	assert_int_equal(
		command_line_fill(&line, argv, TEMPLATE_PLAIN, &of_big),
		-E2BIG);
	assert_null(line.argv);
	mem_free(big);
}

static void shows(const char *const *argv, size_t max, const char *expected)
{
	struct buf buf;

	buf_init(&buf, 1024);
	command_line_show(argv, max, &buf);
	assert_string_equal(buf_text(&buf), expected);
	buf_fini(&buf);
}

static void test_show(void **state)
{
	static const char *const argv[] = { "/bin/x", "a b",  "",
		                            "-v=1",   "c\nd", NULL };

	shows(argv, 100, "/bin/x 'a b' '' -v=1 'c d'");
	shows(argv, 7, "/bin/x 'a…' …");
	shows(argv, 6, "/bin/x …");
}

static void test_out_of_memory(void **state)
{
	static const char *const argv[] = { "a", "{{ labels.sh }}", NULL };
	struct command_line line;
	size_t n;

	faults_count();
	assert_int_equal(
		command_line_fill(&line, argv, TEMPLATE_PLAIN, &notice), 0);
	command_line_fini(&line);
	n = faults_end();
	for (size_t k = 1; k <= n; k++) {
		int r;

		faults_fail(k);
		r = command_line_fill(&line, argv, TEMPLATE_PLAIN, &notice);
		assert_int_equal(r, -ENOMEM);
		command_line_fini(&line);
		(void)faults_end();
	}
}

static void test_signals(void **state)
{
	static const struct {
		const char *name;
		int number;
	} rows[] = {
		{ "SIGTERM", SIGTERM },
		{ "SIGKILL", SIGKILL },
		{ "SIGSYS", SIGSYS },
		{ "SIGXFSZ", SIGXFSZ },
		{ "15", 15 },
		{ "64", 64 },
		{ "65", 0 },
		{ "0", 0 },
		{ "TERM", 0 },
		{ "SIGBANANA", 0 },
		{ "", 0 },
		{ "SIGRTMIN-1", 0 },
		{ "SIGRTMIN+31", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(signal_number(slice_from(rows[i].name)),
		                 rows[i].number);
	assert_int_equal(signal_number(slice_from("SIGRTMIN")), SIGRTMIN);
	assert_int_equal(signal_number(slice_from("SIGRTMIN+3")), SIGRTMIN + 3);
	assert_int_equal(signal_number(slice_from("SIGRTMAX-2")), SIGRTMAX - 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_arguments),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_show),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_signals),
	};

	faults_install_mem();
	return cmocka_run_group_tests_name("command_line", tests, NULL, NULL);
}
