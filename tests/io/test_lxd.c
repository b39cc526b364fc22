/* SPDX-License-Identifier: Apache-2.0 */
/* The LXD runtime, restart and its relatives, against a daemon that follows a
 * script. */
#include "support/cmocka.h"
#include "support/lxd_kit.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include "runtime/lxd_socket.h"

/* --- restart and its relatives ------------------------------------------ */

struct story {
	const char *name;
	operation op;
	struct scripted_row rows[16];
	enum runtime_result result;
	enum runtime_status status;
	const char *words;
	bool by_hand;
};

static const struct story stories[] = {
	{ "gracefully",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "the init does not listen: by force",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, FAILED(STILL_RUNNING) },
	    { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", FORCED, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "it dies after the stop: started",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, FAILED("start hook failed") },
	    { "GET " C1, NULL, 200, STOPPED },
	    { "PUT " C1 "/state", START, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "it cannot be started again",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, FAILED("first") },
	    { "GET " C1, NULL, 200, STOPPED },
	    { "PUT " C1 "/state", START, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, FAILED("second") },
	    { "GET " C1, NULL, 200, STOPPED },
	    { "PUT " C1 "/state", START, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, FAILED("no space left on device") },
	    { "GET " C1, NULL, 200, STOPPED } },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "lxd: cannot restart instance c1: no space left on device",
	  false },
	{ "it stops as soon as it was started",
	  runtime_start,
	  { { "GET " C1, NULL, 200, STOPPED },
	    { "PUT " C1 "/state", START, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, STOPPED },
	    { "PUT " C1 "/state", START, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, STOPPED } },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "stops again",
	  true },
	{ "found stopped: started, and told",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, STOPPED },
	    { "PUT " C1 "/state", START, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RUNNING } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  true },
	{ "frozen",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, FROZEN } },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_PAUSED,
	  "frozen",
	  false },
	{ "nonexistent",
	  runtime_restart,
	  { { "GET " C1, NULL, 404, FAIL("404", "Instance not found") } },
	  RUNTIME_NO_TARGET,
	  RUNTIME_STATUS_OTHER,
	  "there is no instance c1 in project default",
	  false },
	{ "nonexistent, told with HTTP 200",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, FAIL("404", "Instance not found") } },
	  RUNTIME_NO_TARGET,
	  RUNTIME_STATUS_OTHER,
	  NULL,
	  false },
	{ "the operation was forgotten, and had succeeded",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 404, FAIL("404", "Operation not found") },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "the operation was forgotten, and came to nothing",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 404, FAIL("404", "Operation not found") },
	    { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "a poll that ran out of time, as an error",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200,
	      FAIL("500", "context deadline exceeded") },
	    { "GET " OP, NULL, 200, PENDING },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "a poll that ran out of time, as it is",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, PENDING },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "busy twice: refused, and as an operation",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 500,
	      FAIL("500", "Instance is busy running a stop operation") },
	    { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200,
	      FAILED("Instance is busy running a stop operation") },
	    { "GET " C1, NULL, 200, STOPPED },
	    { "PUT " C1 "/state", START, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "somebody else is at it: waited for",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, IS("107", "t1") },
	    { "GET " C1, NULL, 200, IS("106", "t1") },
	    { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "nobody knows how it ended, for long",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 503, "<html>" },
	    SILENCE,
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "an unknown state: never called running",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, IS("112", "t1") },
	    { "PUT " C1 "/state", GRACEFUL, 202, DONE },
	    { "GET " C1, NULL, 200, IS("112", "t2") },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "forbidden",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 403, FAIL("403", "not allowed") },
	    { "GET " C1, NULL, 200, RUNNING } },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_RUNNING,
	  "not allowed",
	  false },
	{ "the daemon goes away after it was asked",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, SCRIPTED_CLOSE, NULL },
	    { "GET " C1, NULL, 503, "<html>" },
	    { "GET " C1, NULL, 200, STOPPED },
	    { "PUT " C1 "/state", START, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "it vanishes",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", GRACEFUL, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, FAILED("gone") },
	    { "GET " C1, NULL, 404, FAIL("404", "Instance not found") } },
	  RUNTIME_NO_TARGET,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "not LXD at all",
	  runtime_restart,
	  { { "GET " C1, NULL, 200, "<html>hello</html>" } },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_OTHER,
	  "unexpected reply",
	  false },
	{ "start what runs",
	  runtime_start,
	  { { "GET " C1, NULL, 200, RUNNING } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "stop",
	  runtime_stop,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", "\"stop\",\"timeout\":30,\"force\":false",
	      202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, STOPPED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL,
	  false },
	{ "stop by force",
	  runtime_stop,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", "\"stop\"", 202, BEGUN },
	    { "GET " WAIT, NULL, 200, FAILED(STILL_RUNNING) },
	    { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", FORCED, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, FAILED("cannot kill it") },
	    { "GET " C1, NULL, 200, RUNNING } },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_RUNNING,
	  "cannot kill it",
	  false },
	{ "stop what is stopped",
	  runtime_stop,
	  { { "GET " C1, NULL, 200, STOPPED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL,
	  true },
	{ "stop an ephemeral one",
	  runtime_stop,
	  { { "GET " C1, NULL, 200,
	      SYNC("{\"status_code\":103,\"ephemeral\":true}") } },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_RUNNING,
	  "would delete it",
	  false },
	{ "restart an ephemeral one: by force at once",
	  runtime_restart,
	  { { "GET " C1, NULL, 200,
	      SYNC("{\"status_code\":103,\"ephemeral\":true}") },
	    { "PUT " C1 "/state", FORCED, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, RENEWED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "kill",
	  runtime_kill,
	  { { "GET " C1, NULL, 200, RUNNING },
	    { "PUT " C1 "/state", FORCED, 202, BEGUN },
	    { "GET " WAIT, NULL, 200, DONE },
	    { "GET " C1, NULL, 200, STOPPED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL,
	  false },
	{ "inspect",
	  runtime_inspect,
	  { { "GET " C1, NULL, 200, IS("113", "t1") } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL,
	  false },
	{ "inspect what is stopped",
	  runtime_inspect,
	  { { "GET " C1, NULL, 200, STOPPED } },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL,
	  true },
};

static void test_stories(void **state)
{
	struct fixture fixture;

	for (size_t i = 0; i < ARRAY_SIZE(stories); i++) {
		const struct story *story = &stories[i];

		print_message("           %s\n", story->name);
		fixture_begin(&fixture, story->rows);
		fixture_run(&fixture, story->op);
		fixture_expect(&fixture, story->result, story->words);
		assert_int_equal(fixture.call.found.status, story->status);
		assert_int_equal(fixture.call.found.stopped_by_hand,
		                 story->by_hand);
		fixture_end(&fixture);
	}
}

static void test_stop_timeouts(void **state)
{
	static const struct {
		int64_t stop_ms;
		uint64_t timeout_ms;
		const char *sent;
	} rows[] = {
		{ 1, 0, "\"timeout\":1,\"force\":false" },
		{ 1500, 0, "\"timeout\":2,\"force\":false" },
		{ 90000, 0, "\"timeout\":90,\"force\":false" },
		/* something of a given deadline is kept for the force */
		{ -1, 20000, "\"timeout\":10,\"force\":false" },
		{ 8000, 4000, "\"timeout\":2,\"force\":false" },
		{ 0, 0, "\"force\":true" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct scripted_row script[] = {
			{ "GET " C1, NULL, 200, RUNNING },
			{ "PUT " C1 "/state", rows[i].sent, 202, DONE },
			{ "GET " C1, NULL, 200, RENEWED },
			{ 0 },
		};
		struct fixture fixture;

		fixture_begin(&fixture, script);
		fixture.call.stop_timeout_ms = rows[i].stop_ms;
		fixture.call.timeout_ms = rows[i].timeout_ms;
		fixture_run(&fixture, runtime_restart);
		fixture_expect(&fixture, RUNTIME_OK, NULL);
		fixture_end(&fixture);
	}
}

static void test_deadline_in_a_restart(void **state)
{
	static const struct scripted_row script[] = {
		{ "GET " C1, NULL, 200, RUNNING },
		{ "PUT " C1 "/state", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, SCRIPTED_HANG, NULL },
		{ "GET " C1, NULL, 200, STOPPED },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture.call.timeout_ms = 100;
	fixture_run(&fixture, runtime_restart);
	fixture_expect(&fixture, RUNTIME_TIMED_OUT, "not done within 100ms");
	/* a last look tells that it is down */
	assert_int_equal(fixture.call.found.status, RUNTIME_STATUS_EXITED);
	fixture_end(&fixture);
}

static void test_daemon_that_says_nothing(void **state)
{
	static const struct scripted_row script[] = {
		{ "GET " C1, NULL, SCRIPTED_HANG, NULL },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture.call.timeout_ms = 50;
	fixture_run(&fixture, runtime_inspect);
	fixture_expect(&fixture, RUNTIME_TIMED_OUT, "not done within 50ms");
	fixture_end(&fixture);
}

static void test_cancel_a_restart(void **state)
{
	static const struct scripted_row script[] = {
		{ "GET " C1, NULL, 200, RUNNING },
		{ "PUT " C1 "/state", NULL, 202, BEGUN },
		{ "GET " WAIT, NULL, SCRIPTED_HANG, NULL },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture_start(&fixture, runtime_restart);
	test_loop_until(&fixture.loop, &fixture.daemon.all_asked);
	runtime_cancel(&fixture.call);
	runtime_cancel(&fixture.call);
	assert_false(fixture.done);
	test_loop_until(&fixture.loop, &fixture.done);
	fixture_expect(&fixture, RUNTIME_CANCELLED, NULL);
	fixture_end(&fixture);
}

static void test_names_and_projects(void **state)
{
	static const struct scripted_row script[] = {
		{ "GET /1.0/instances/a%2Fb%3F?project=p%201", NULL, 200,
		  RUNNING },
		{ 0 },
	};
	static const struct scripted_row restart[] = {
		{ "GET " C1 "?project=p1", NULL, 200, RUNNING },
		{ "PUT " C1 "/state?project=p1", GRACEFUL, 202, BEGUN },
		{ "GET " WAIT "&project=p1", NULL, 200, FAIL("500", "?") },
		{ "GET " OP "?project=p1", NULL, 200, DONE },
		{ "GET " C1 "?project=p1", NULL, 200, RENEWED },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script + 1);
	fixture.call.target = "a/b/c";
	fixture_run(&fixture, runtime_inspect);
	fixture_expect(&fixture, RUNTIME_FAILED, "no instance of that name");
	fixture.call.target = "..";
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_FAILED, "no instance");
	fixture_end(&fixture);

	fixture_begin(&fixture, restart);
	fixture.call.project = "p1";
	fixture_run(&fixture, runtime_restart);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	fixture_end(&fixture);
}

static void test_other_signals(void **state)
{
	static const struct scripted_row script[] = { { 0 } };
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture.call.signal = "SIGHUP";
	fixture_run(&fixture, runtime_kill);
	fixture_expect(&fixture, RUNTIME_FAILED, "nothing but SIGKILL");
	fixture_end(&fixture);
}

static void test_no_daemon(void **state)
{
	static const struct scripted_row script[] = { { 0 } };
	static const operation ops[] = { runtime_inspect, runtime_restart,
		                         runtime_exec };
	struct fixture fixture;

	fixture_begin(&fixture, script);
	scripted_close(&fixture.daemon);
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		fixture_run(&fixture, ops[i]);
		fixture_expect(&fixture, RUNTIME_UNAVAILABLE,
		               fixture.daemon.path);
		fixture_expect(&fixture, RUNTIME_UNAVAILABLE,
		               "is the daemon installed and running?");
	}
	fixture_end(&fixture);
}

/* A daemon that comes later is found, without a word to anyone. */
static void test_daemon_comes_later(void **state)
{
	static const struct scripted_row script[] = {
		{ "GET " C1, NULL, 200, RUNNING },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	scripted_close(&fixture.daemon);
	fixture_run(&fixture, runtime_inspect);
	fixture_expect(&fixture, RUNTIME_UNAVAILABLE, NULL);
	scripted_open(&fixture.daemon, &fixture.loop, "lxd.socket", script);
	fixture_run(&fixture, runtime_inspect);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	fixture_end(&fixture);
}

static void test_environment_names_the_socket(void **state)
{
	static const struct scripted_row script[] = {
		{ "GET " C1, NULL, 200, RUNNING },
		{ 0 },
	};
	struct fixture fixture;

	fixture_begin(&fixture, script);
	fixture_close_runtime(&fixture);
	assert_int_equal(setenv("INCUS_SOCKET", fixture.daemon.path, 1), 0);
	fixture_open_runtime(&fixture, "incus", NULL);
	fixture_run(&fixture, runtime_inspect);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	fixture_end(&fixture);
	assert_int_equal(unsetenv("INCUS_SOCKET"), 0);
}

static void test_no_socket_to_connect_to(void **state)
{
	static const struct scripted_row script[] = { { 0 } };
	char path[LXD_SOCKET_MAX + 1];
	struct fixture fixture;

	memset(path, 'x', sizeof(path));
	path[LXD_SOCKET_MAX] = '\0';
	fixture_begin(&fixture, script);
	fixture_close_runtime(&fixture);
	assert_int_equal(setenv("INCUS_SOCKET", path, 1), 0);
	fixture_open_runtime(&fixture, "incus", NULL);
	fixture_run(&fixture, runtime_restart);
	fixture_expect(&fixture, RUNTIME_UNAVAILABLE,
	               "incus: cannot restart instance c1: the socket's path "
	               "is too long");
	fixture_run(&fixture, runtime_exec);
	fixture_expect(&fixture, RUNTIME_UNAVAILABLE, "too long");
	fixture_end(&fixture);
	assert_int_equal(unsetenv("INCUS_SOCKET"), 0);
}

static void test_bad_endpoint(void **state)
{
	struct test_loop loop;
	struct runtime *runtime;
	struct err err;

	test_loop_init(&loop);
	assert_true(lxd_runtime_new(&runtime, &loop.uv, NULL, "lxd",
	                            "ftp://there", NULL, &err) < 0);
	assert_int_equal(strncmp(err.message, "lxd: ", 5), 0);
	test_loop_fini(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_stop_timeouts),
		cmocka_unit_test(test_deadline_in_a_restart),
		cmocka_unit_test(test_daemon_that_says_nothing),
		cmocka_unit_test(test_cancel_a_restart),
		cmocka_unit_test(test_names_and_projects),
		cmocka_unit_test(test_other_signals),
		cmocka_unit_test(test_no_daemon),
		cmocka_unit_test(test_daemon_comes_later),
		cmocka_unit_test(test_environment_names_the_socket),
		cmocka_unit_test(test_no_socket_to_connect_to),
		cmocka_unit_test(test_bad_endpoint),
	};

	/* as the program does: libuv writes to sockets that have closed */
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
