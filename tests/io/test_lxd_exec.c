/* SPDX-License-Identifier: Apache-2.0 */
/* The LXD runtime, commands in instances: every way for them to end, or not to. */
#include "support/cmocka.h"
#include "support/lxd_kit.h"

#include <signal.h>
#include <string.h>
#include "proto/lxd.h"

static void test_exec(void **state)
{
	static const char *const env[] = { "A=b", NULL };
	static const struct scripted_row script[] = {
		{ "POST " C1 "/exec",
		  "{\"command\":[\"/bin/echo\",\"hi\"],\"environment\":{"
		  "\"A\":\"b\"},\"interactive\":false,\"wait-for-websocket\":"
		  "false,\"record-output\":true}",
		  202, BEGUN },
		{ "GET " WAIT, NULL, 200, EXITED("0") },
		{ "GET " OUT, NULL, 200, "out\n" },
		{ "GET " ERR, NULL, 200, "err\n" },
		TIDY,
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture.call.env = env;
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	assert_int_equal(fixture.call.exit_code, 0);
	assert_string_equal(buf_text(&fixture.call.output), "out\nerr\n");
	assert_false(fixture.call.truncated);
	fixture_end(&fixture);
}

static void test_exit_codes(void **state)
{
	static const struct {
		const char *ended;
		int64_t code;
		const char *words;
	} rows[] = {
		{ EXITED("3"), 3, "/bin/echo ended with exit code 3 in c1" },
		{ EXITED("126"), 126, "cannot be executed in c1" },
		{ EXITED("127"), 127, "/bin/echo was not found in c1" },
		{ EXITED("137"), 137, "exit code 137" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct scripted_row script[] = {
			{ "POST " C1 "/exec", NULL, 202, BEGUN },
			{ "GET " WAIT, NULL, 200, rows[i].ended },
			{ "GET " OUT, NULL, 404, FAIL("404", "no file") },
			{ "GET " ERR, NULL, 200, "" },
			TIDY,
			{ 0 },
		};
		struct fixture fixture;

		fixture_begin(&fixture, script);
		fixture_run(&fixture, runtime_exec);
		fixture_expect(&fixture, RUNTIME_FAILED, rows[i].words);
		assert_int_equal(fixture.call.exit_code, rows[i].code);
		assert_string_equal(buf_text(&fixture.call.output), "");
		fixture_end(&fixture);
	}
}

static void test_exec_refused(void **state)
{
	static const struct {
		uint16_t status;
		const char *reply;
		enum runtime_result result;
		enum runtime_status found;
		const char *words;
	} rows[] = {
		{ 404, FAIL("404", "Instance not found"), RUNTIME_NO_TARGET,
		  RUNTIME_STATUS_OTHER, "there is no instance c1" },
		{ 400, FAIL("400", "Instance is frozen"), RUNTIME_LEFT_ALONE,
		  RUNTIME_STATUS_PAUSED, "unfrozen" },
		{ 400, FAIL("400", "Instance is not running"), RUNTIME_FAILED,
		  RUNTIME_STATUS_EXITED, "not running" },
		{ 200, FAIL("403", "no"), RUNTIME_FAILED, RUNTIME_STATUS_OTHER,
		  "no command in c1: no" },
		{ 202, FAILED("cannot find the PID"), RUNTIME_FAILED,
		  RUNTIME_STATUS_OTHER,
		  "did not run in c1: cannot find the PID" },
		{ 500, "oops", RUNTIME_FAILED, RUNTIME_STATUS_OTHER,
		  "HTTP 500" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct scripted_row script[] = {
			{ "POST " C1 "/exec", NULL, rows[i].status,
			  rows[i].reply },
			{ 0 },
		};
		struct fixture fixture;

		fixture_begin(&fixture, script);
		fixture_run(&fixture, runtime_exec);
		fixture_expect(&fixture, rows[i].result, rows[i].words);
		assert_int_equal(fixture.call.found.status, rows[i].found);
		assert_int_equal(fixture.call.exit_code, -1);
		fixture_end(&fixture);
	}
}

static void test_output_is_capped(void **state)
{
	static const struct scripted_row script[] = {
		{ "POST " C1 "/exec", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, 200, EXITED("0") },
		{ "GET " OUT, NULL, 200, "0123456789" },
		{ "GET " ERR, NULL, 200, "x" },
		TIDY,
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture.call.max_output = 4;
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	assert_string_equal(buf_text(&fixture.call.output), "0123");
	assert_true(fixture.call.truncated);
	fixture_end(&fixture);
}

static void test_exec_while_busy(void **state)
{
	static const struct scripted_row script[] = {
		{ "POST " C1 "/exec", NULL, 500,
		  FAIL("500", "Instance is busy running a restart operation") },
		{ "POST " C1 "/exec", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, 200, EXITED("0") },
		{ "GET " OUT, NULL, 200, "" },
		{ "GET " ERR, NULL, 200, "" },
		TIDY,
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	fixture_end(&fixture);
}

/* How it ended is lost; its output is deleted by the names it must have. */
static void test_exec_is_forgotten(void **state)
{
	static const struct scripted_row script[] = {
		{ "POST " C1 "/exec", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, 404, FAIL("404", "Operation not found") },
		TIDY,
		{ "DELETE " C1 "/logs/exec-output/exec_ab-1.stdout", NULL, 404,
		  FAIL("404", "no") },
		{ "DELETE " C1 "/logs/exec-output/exec_ab-1.stderr", NULL, 404,
		  FAIL("404", "no") },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_FAILED, "is not known");
	fixture_end(&fixture);
}

/* A command is never taken for ended because the daemon is silent. */
static void test_exec_outlasts_silence(void **state)
{
	static const struct scripted_row script[] = {
		{ "POST " C1 "/exec", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, 503, "<html>" },
		SILENCE,
		SILENCE_OF_ONE,
		{ "GET " OP, NULL, 200, EXITED("0") },
		{ "GET " OUT, NULL, 200, "" },
		{ "GET " ERR, NULL, 200, "" },
		TIDY,
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	fixture_end(&fixture);
}

static void test_exec_with_too_many_words(void **state)
{
	static const struct scripted_row script[] = { { 0 } };
	static char word[LXD_REQUEST_MAX];
	const char *argv[] = { word, NULL };
	struct fixture fixture;

	memset(word, 'x', sizeof(word) - 1);
	fixture_begin(&fixture, script);
	fixture.call.argv = argv;
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_FAILED, "cannot be written");
	fixture_end(&fixture);
}

/*
 * A command that hangs: the call ends at its deadline, another command is
 * refused, and when it ends after all, its output is deleted and the next
 * command may go.
 */
static void test_exec_hangs(void **state)
{
	static const struct scripted_row script[] = {
		{ "POST " C1 "/exec", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, SCRIPTED_HOLD, EXITED("0") },
		TIDY,
		{ 0 },
	};
	static const struct scripted_row second[] = {
		{ "POST " C1 "/exec", NULL, 202, EXITED("0") },
		{ "GET " OUT, NULL, 200, "again" },
		{ "GET " ERR, NULL, 200, "" },
		TIDY,
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture.call.timeout_ms = 100;
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_TIMED_OUT, "did not end within 100ms");

	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_BUSY,
	               "an earlier command in c1 still runs");

	scripted_release(&fixture.daemon);
	test_loop_until(&fixture.loop, &fixture.daemon.all_asked);
	assert_int_equal(fixture.n_done, 2);
	scripted_done(&fixture.daemon);

	fixture.daemon.rows = second;
	fixture.daemon.at = 0;
	fixture.daemon.all_asked = false;
	fixture.call.timeout_ms = 0;
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	assert_string_equal(buf_text(&fixture.call.output), "again");
	fixture_end(&fixture);
}

/* Another instance is not held up, and closing does not wait for anything. */
static void test_close_while_a_command_hangs(void **state)
{
	static const struct scripted_row script[] = {
		{ "POST " C1 "/exec", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, SCRIPTED_HANG, NULL },
		{ "POST /1.0/instances/c2/exec", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, SCRIPTED_HANG, NULL },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture.call.timeout_ms = 50;
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_TIMED_OUT, NULL);
	fixture.call.target = "c2";
	fixture.call.timeout_ms = 0;
	fixture_start(&fixture, runtime_exec);
	test_loop_until(&fixture.loop, &fixture.daemon.all_asked);
	fixture_end(&fixture);
	assert_true(fixture.done);
	assert_int_equal(fixture.call.result, RUNTIME_CANCELLED);
}

static void test_cancel_a_command(void **state)
{
	static const struct scripted_row script[] = {
		{ "POST " C1 "/exec", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, SCRIPTED_HOLD, EXITED("1") },
		TIDY,
		{ 0 },
	};
	struct fixture fixture;

	/* before it begins: nothing is asked */
	fixture_begin(&fixture, script + 4);
	fixture_start(&fixture, runtime_exec);
	runtime_cancel(&fixture.call);
	test_loop_until(&fixture.loop, &fixture.done);
	fixture_expect(&fixture, RUNTIME_CANCELLED, NULL);
	fixture_end(&fixture);

	fixture_begin(&fixture, script);
	fixture_start(&fixture, runtime_exec);
	while (fixture.daemon.at < 2)
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	runtime_cancel(&fixture.call);
	assert_false(fixture.done);
	test_loop_until(&fixture.loop, &fixture.done);
	fixture_expect(&fixture, RUNTIME_CANCELLED, "may still run");
	scripted_release(&fixture.daemon);
	test_loop_until(&fixture.loop, &fixture.daemon.all_asked);
	fixture_end(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_exec_refused),
		cmocka_unit_test(test_output_is_capped),
		cmocka_unit_test(test_exec_while_busy),
		cmocka_unit_test(test_exec_is_forgotten),
		cmocka_unit_test(test_exec_outlasts_silence),
		cmocka_unit_test(test_exec_with_too_many_words),
		cmocka_unit_test(test_exec_hangs),
		cmocka_unit_test(test_close_while_a_command_hangs),
		cmocka_unit_test(test_cancel_a_command),
	};

	/* as the program does: libuv writes to sockets that have closed */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
