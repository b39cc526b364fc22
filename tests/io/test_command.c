/* SPDX-License-Identifier: Apache-2.0 */
/* command: what each says, and what the program exits with. `run` only as far
 * as the daemon: what stops it before that. */
#include "support/cmocka.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "io/command_kit.h"

#define MAX_WORDS 5

static const char *const nothing[] = { NULL };

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

#define NO_FILE                                                              \
	"bouncer: there is no configuration file: neither ./config.yml nor " \
	"/etc/bouncer/config.yml; name one with --config FILE\n"

static void test_words(void **state)
{
	static const struct {
		const char *words[MAX_WORDS];
		int code;
		const char *out;
		const char *err;
	} rows[] = {
		{ { "chek" },
		  EXIT_USAGE,
		  "",
		  "bouncer: unknown command chek; did you mean check?\n" },
		{ { "frobnicate" },
		  EXIT_USAGE,
		  "",
		  "bouncer: unknown command frobnicate; see bouncer help\n" },
		{ { "check", "good.yml" },
		  EXIT_OK,
		  "good.yml: ok, 1 monitor\n",
		  "" },
		{ { "check", "bad.yml" },
		  EXIT_USAGE,
		  "",
		  "bad.yml:1: monitrs: unknown key; did you mean monitors?\n"
		  "bad.yml:1: monitors: nothing to watch; list at least one "
		  "monitor\n" },
		{ { "check", "none.yml" },
		  EXIT_USAGE,
		  "",
		  "none.yml: cannot be read: No such file or directory\n" },
		{ { "check", "good.yml", "bad.yml" },
		  EXIT_USAGE,
		  "",
		  "bouncer: check takes one file; see bouncer help check\n" },
		{ { "check", "-x" },
		  EXIT_USAGE,
		  "",
		  "bouncer: check takes one file; see bouncer help check\n" },
		{ { "version", "x" },
		  EXIT_USAGE,
		  "",
		  "bouncer: version takes no argument\n" },
		{ { "help", "rum" },
		  EXIT_USAGE,
		  "",
		  "bouncer: unknown command rum; did you mean run?\n" },
		{ { "help", "run", "check" },
		  EXIT_USAGE,
		  "",
		  "bouncer: help takes one command\n" },
		{ { "run", "--adr", ":1" },
		  EXIT_USAGE,
		  "",
		  "bouncer: unknown flag --adr; did you mean --addr?\n" },
		{ { "-adr" },
		  EXIT_USAGE,
		  "",
		  "bouncer: unknown flag --adr; did you mean --addr?\n" },
		{ { "run", "bad.yml" },
		  EXIT_USAGE,
		  "",
		  "bouncer: unexpected argument bad.yml; a configuration file "
		  "is given with --config\n" },
		{ { "--config=good.yml", "-addr", "x", "--dry-run=2" },
		  EXIT_USAGE,
		  "",
		  "--dry-run: \"2\" is neither true nor false\n"
		  "--addr: \"x\" is not an address to listen on: no port: "
		  "write x:9090\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct spoken spoken;

		speak(&spoken, rows[i].words, NULL);
		assert_string_equal(spoken.err, rows[i].err);
		assert_string_equal(spoken.out, rows[i].out);
		assert_int_equal(spoken.code, rows[i].code);
		spoken_fini(&spoken);
	}
}

/* The file: flag, environment, ./config.yml; then the machine's, which a test
 * must not depend on. */
static void test_which_file(void **state)
{
	static const char *const envp[] = { "BOUNCER_CONFIG=b.yml",
		                            "BOUNCER_LOG_LEVEL=x", NULL };
	static const char *const flag[MAX_WORDS] = { "run", "--config",
		                                     "a.yml" };
	static const char *const bare[MAX_WORDS] = { NULL };
	static const char *const check[MAX_WORDS] = { "check" };
	struct spoken spoken;

	speak(&spoken, flag, envp);
	assert_string_equal(spoken.err, "a.yml: cannot be read: No such file "
	                                "or directory\n");
	spoken_fini(&spoken);

	speak(&spoken, bare, envp);
	assert_string_equal(spoken.err, "b.yml: cannot be read: No such file "
	                                "or directory\n");
	spoken_fini(&spoken);

	if (access("/etc/bouncer/config.yml", F_OK) != 0) {
		speak(&spoken, bare, NULL);
		assert_string_equal(spoken.err, NO_FILE);
		assert_int_equal(spoken.code, EXIT_USAGE);
		spoken_fini(&spoken);
	}

	write_file("config.yml", "[]\n");
	speak(&spoken, bare, NULL);
	assert_string_equal(spoken.err,
	                    "config.yml:1: expected a section with keys such "
	                    "as global, found a list\n");
	spoken_fini(&spoken);
	speak(&spoken, check, NULL);
	assert_string_equal(spoken.err,
	                    "config.yml:1: expected a section with keys such "
	                    "as global, found a list\n");
	spoken_fini(&spoken);
	assert_int_equal(unlink("config.yml"), 0);
}

/* Everything that is said about a command begins with how to call it. */
static void test_help(void **state)
{
	static const char *const forms[][MAX_WORDS] = { { "help" },
		                                        { "--help" },
		                                        { "-h" } };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct spoken spoken;

		speak(&spoken, forms[i], NULL);
		assert_int_equal(spoken.code, EXIT_OK);
		assert_string_equal(spoken.err, "");
		for (size_t k = 0; commands[k]; k++)
			assert_non_null(
				strstr(spoken.out, commands[k]->summary));
		spoken_fini(&spoken);
	}
	for (size_t k = 0; commands[k]; k++) {
		const char *const asked[MAX_WORDS] = { "help",
			                               commands[k]->name };
		const char *const flag[MAX_WORDS] = { commands[k]->name,
			                              "--help" };
		struct spoken one;
		struct spoken other;
		char usage[64];

		(void)snprintf(usage, sizeof(usage), "usage: bouncer %s",
		               commands[k]->name);
		speak(&one, asked, NULL);
		speak(&other, flag, NULL);
		assert_memory_equal(one.out, usage, strlen(usage));
		assert_string_equal(one.out, other.out);
		assert_int_equal(one.code, EXIT_OK);
		spoken_fini(&one);
		spoken_fini(&other);
	}
}

static void test_version(void **state)
{
	static const char *const forms[][MAX_WORDS] = { { "version" },
		                                        { "--version" } };

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct spoken spoken;

		speak(&spoken, forms[i], NULL);
		assert_int_equal(spoken.code, EXIT_OK);
		assert_memory_equal(spoken.out, "bouncer " BOUNCER_VERSION " ",
		                    strlen("bouncer " BOUNCER_VERSION " "));
		spoken_fini(&spoken);
	}
}

/* A full disk is not an answer of ok. */
static void test_cannot_write(void **state)
{
	struct spoken spoken;
	struct command_io io = { .out = fopen("/dev/full", "w"),
		                 .envp = nothing };
	char *argv[] = { (char *)(uintptr_t) "bouncer",
		         (char *)(uintptr_t) "version", NULL };

	assert_non_null(io.out);
	io.err = open_memstream(&spoken.err, &spoken.n_err);
	assert_int_equal(command_main(&io, 2, argv), EXIT_TROUBLE);
	assert_int_equal(fclose(io.err), 0);
	(void)fclose(io.out);
	assert_string_equal(spoken.err, "bouncer: cannot write: No space left "
	                                "on device\n");
	free(spoken.err);
}

/* Who reads no more knows it. */
static void test_nobody_reads(void **state)
{
	struct spoken spoken;
	struct command_io io = { .envp = nothing };
	char *argv[] = { (char *)(uintptr_t) "bouncer",
		         (char *)(uintptr_t) "version", NULL };
	int ends[2];

	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(close(ends[0]), 0);
	io.out = fdopen(ends[1], "w");
	io.err = open_memstream(&spoken.err, &spoken.n_err);
	assert_int_equal(command_main(&io, 2, argv), EXIT_TROUBLE);
	(void)fclose(io.out);
	assert_int_equal(fclose(io.err), 0);
	assert_string_equal(spoken.err, "");
	free(spoken.err);
}

static char directory[] = "/tmp/bouncer-test-XXXXXX";

static int setup(void **state)
{
	if (!mkdtemp(directory) || chdir(directory) != 0)
		return -1;
	write_file("good.yml",
	           "monitors: [{name: a, max_age: 5m, type: docker,\n"
	           "  container_name: c, labels: {job: a},\n"
	           "  restart_type: container}]\n");
	write_file("bad.yml", "monitrs: []\n");
	return 0;
}

static int teardown(void **state)
{
	(void)unlink("good.yml");
	(void)unlink("bad.yml");
	return chdir("/") == 0 ? rmdir(directory) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_which_file),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_cannot_write),
		cmocka_unit_test(test_nobody_reads),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
