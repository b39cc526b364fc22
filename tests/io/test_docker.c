/* SPDX-License-Identifier: Apache-2.0 */
/* The docker runtime against an engine that follows a script, for what a real
 * one cannot be made to do: what goes wrong at which step, and versions. */
#include "io/docker_kit.h"

#include <errno.h>
#include <string.h>

static const struct story restarts[] = {
	{ "it goes well",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 204, NULL),
	    CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "it takes a while to be seen",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 204, NULL), CHECK(RUNNING),
	    CHECK(AGAIN), CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "there is none",
	  runtime_restart,
	  { HELLO,
	    { "GET /v1.41/containers/web/json", NULL, 404,
	      SAYS("No such container: web") } },
	  RUNTIME_NO_TARGET,
	  RUNTIME_STATUS_OTHER,
	  "docker: web: there is no such container" },
	{ "it goes away meanwhile",
	  runtime_restart,
	  { HELLO,
	    LOOK(RUNNING),
	    POST(C "/restart", 404, SAYS("No such container: c0ffee")),
	    { "GET " C "/json", NULL, 404, SAYS("No such container") } },
	  RUNTIME_NO_TARGET,
	  RUNTIME_STATUS_OTHER,
	  NULL },
	{ "it is there, the one whose network it shares is not",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 404, SAYS("no parent")),
	    CHECK(STOPPED), POST(C "/start", 404, SAYS("no parent")),
	    CHECK(STOPPED), POST(C "/start", 404, SAYS("no parent")),
	    CHECK(STOPPED), POST(C "/start", 404, SAYS("no parent")),
	    CHECK(STOPPED), POST(C "/start", 404, SAYS("no parent")),
	    CHECK(STOPPED) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "it is down, and the engine would not start it: HTTP 404: no "
	  "parent" },
	{ "paused by a person",
	  runtime_restart,
	  { HELLO, LOOK(PAUSED) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_PAUSED,
	  "unpause it first" },
	{ "the engine fails after the stop: started by us",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING),
	    POST(C "/restart", 500, SAYS("no network namespace")),
	    CHECK(STOPPED), POST(C "/start", 204, NULL), CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "the engine brought it back meanwhile",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 500, SAYS("context")),
	    CHECK(STOPPED), POST(C "/start", 304, NULL), CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "it starts at the third try",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 500, SAYS("x")),
	    CHECK(STOPPED), POST(C "/start", 500, SAYS("not yet")),
	    CHECK(STOPPED), POST(C "/start", 409, SAYS("not yet")),
	    CHECK(STOPPED), POST(C "/start", 204, NULL), CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "it will not start: down because of us",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 500, SAYS("x")),
	    CHECK(STOPPED), POST(C "/start", 500, SAYS("no parent")),
	    CHECK(STOPPED), POST(C "/start", 500, SAYS("no parent")),
	    CHECK(STOPPED), POST(C "/start", 500, SAYS("no parent")),
	    CHECK(STOPPED), POST(C "/start", 500, SAYS("no parent")),
	    CHECK(STOPPED) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "it is down, and the engine would not start it: HTTP 500: no "
	  "parent" },
	{ "it cannot be stopped, and runs on",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 500, SAYS("cannot kill")),
	    CHECK(RUNNING) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_RUNNING,
	  "runs as before: HTTP 500: cannot kill" },
	{ "it ends at once",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 204, NULL),
	    CHECK(CRASHED) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "it was restarted, but is stopped, with exit code 137" },
	{ "it ends again and again",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 204, NULL), CHECK(AGAIN),
	    CHECK(AGAIN), CHECK(AGAIN), CHECK(AGAIN), CHECK(AGAIN),
	    CHECK(AGAIN) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_RESTARTING,
	  "again and again" },
	{ "the engine claims what it did not do",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 204, NULL), CHECK(RUNNING),
	    CHECK(RUNNING), CHECK(RUNNING), CHECK(RUNNING), CHECK(RUNNING),
	    CHECK(RUNNING) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_RUNNING,
	  "since t1 as before" },
	{ "the connection is lost after the stop",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", SCRIPTED_CLOSE, NULL),
	    HELLO, CHECK(STOPPED), POST(C "/start", 204, NULL),
	    CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "the connection is lost, the restart was not",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", SCRIPTED_CLOSE, NULL),
	    HELLO, CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "lost while we start it",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 500, SAYS("x")),
	    CHECK(STOPPED), POST(C "/start", SCRIPTED_CLOSE, NULL), HELLO,
	    CHECK(STOPPED), POST(C "/start", 204, NULL), CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "paused in the middle",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 500, SAYS("x")),
	    CHECK(PAUSED) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_PAUSED,
	  NULL },
	{ "a stopped one is started, too",
	  runtime_restart,
	  { HELLO, LOOK(STOPPED), POST(C "/restart", 204, NULL),
	    CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "the engine talks nonsense, once",
	  runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 204, NULL),
	    CHECK("<html>"), CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
};

static void test_restarts(void **state)
{
	docker_tell(restarts, ARRAY_SIZE(restarts));
}

static const struct story others[] = {
	{ "inspect",
	  runtime_inspect,
	  { HELLO, LOOK(RUNNING) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "inspect, nonsense",
	  runtime_inspect,
	  { HELLO, LOOK("[]") },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_OTHER,
	  "makes no sense" },
	{ "inspect, 500",
	  runtime_inspect,
	  { HELLO,
	    { "GET /v1.41/containers/web/json", NULL, 500, SAYS("layers") } },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_OTHER,
	  "HTTP 500: layers" },
	{ "stop",
	  runtime_stop,
	  { HELLO, LOOK(RUNNING), POST(C "/stop", 204, NULL) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "stop what is stopped",
	  runtime_stop,
	  { HELLO, LOOK(STOPPED), POST(C "/stop", 304, NULL) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "stop what deletes itself",
	  runtime_stop,
	  { HELLO, LOOK(AUTO_REMOVE), POST(C "/stop", 404, NULL) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "stop, refused",
	  runtime_stop,
	  { HELLO, LOOK(RUNNING), POST(C "/stop", 500, SAYS("stuck")) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_RUNNING,
	  "the engine would not stop it: HTTP 500: stuck" },
	{ "stop, lost",
	  runtime_stop,
	  { HELLO, LOOK(RUNNING), POST(C "/stop", SCRIPTED_CLOSE, NULL) },
	  RUNTIME_UNAVAILABLE,
	  RUNTIME_STATUS_RUNNING,
	  "stop it failed" },
	{ "stop, paused",
	  runtime_stop,
	  { HELLO, LOOK(PAUSED) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_PAUSED,
	  NULL },
	{ "start",
	  runtime_start,
	  { HELLO, LOOK(STOPPED), POST(C "/start", 204, NULL), CHECK(RENEWED) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "start what runs",
	  runtime_start,
	  { HELLO, LOOK(RUNNING), POST(C "/start", 304, NULL), CHECK(RUNNING) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "start what ends at once",
	  runtime_start,
	  { HELLO, LOOK(STOPPED), POST(C "/start", 204, NULL), CHECK(CRASHED) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "it was started, but is stopped, with exit code 137" },
	{ "start, refused",
	  runtime_start,
	  { HELLO, LOOK(STOPPED), POST(C "/start", 409, SAYS("no parent")) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "HTTP 409: no parent" },
	{ "start, and it is gone",
	  runtime_start,
	  { HELLO,
	    LOOK(STOPPED),
	    POST(C "/start", 404, SAYS("no such")),
	    { "GET " C "/json", NULL, 404, SAYS("no such") } },
	  RUNTIME_NO_TARGET,
	  RUNTIME_STATUS_EXITED,
	  NULL },
	{ "start, and the one whose network it shares is gone",
	  runtime_start,
	  { HELLO, LOOK(STOPPED), POST(C "/start", 404, SAYS("no parent")),
	    CHECK(STOPPED) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "the engine would not start it: HTTP 404: no parent" },
	{ "start, paused",
	  runtime_start,
	  { HELLO, LOOK(PAUSED) },
	  RUNTIME_LEFT_ALONE,
	  RUNTIME_STATUS_PAUSED,
	  NULL },
	{ "kill",
	  runtime_kill,
	  { HELLO, LOOK(RUNNING), POST(C "/kill", 204, NULL) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "kill what is stopped",
	  runtime_kill,
	  { HELLO, LOOK(STOPPED) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_EXITED,
	  "it is not running" },
};

static void test_other_operations(void **state)
{
	docker_tell(others, ARRAY_SIZE(others));
}

/* With a stop timeout of 0 there is nothing to wait for: the loss counts. */
static void test_a_lost_restart_is_asked_for_once_more(void **state)
{
	static const struct scripted_row saved[] = {
		HELLO,
		LOOK(RUNNING),
		POST(C "/restart?t=0", SCRIPTED_CLOSE, NULL),
		HELLO,
		CHECK(RUNNING),
		POST(C "/restart?t=0", 204, NULL),
		CHECK(RENEWED),
		{ 0 },
	};
	static const struct scripted_row lost[] = {
		HELLO,
		LOOK(RUNNING),
		POST(C "/restart?t=0", SCRIPTED_CLOSE, NULL),
		HELLO,
		CHECK(RUNNING),
		POST(C "/restart?t=0", SCRIPTED_CLOSE, NULL),
		HELLO,
		CHECK(RUNNING),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, saved);
	fixture.call.stop_timeout_ms = 0;
	docker_run(&fixture, runtime_restart);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);

	docker_begin_test(&fixture, lost);
	fixture.call.stop_timeout_ms = 0;
	docker_run(&fixture, runtime_restart);
	docker_expect(&fixture, RUNTIME_FAILED, "the restart was lost");
	assert_int_equal(fixture.call.found.status, RUNTIME_STATUS_RUNNING);
	docker_end_test(&fixture);
}

#define ONCE     STATE("running", "2026-01-02T03:04:05.678912345Z", "")
#define AGAIN_AT STATE("running", "2026-01-02T04:04:06.1+01:00", "")
#define ONCE_MS  1767323045678

/* What the caller has just seen is not looked at again. */
static void test_seen(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(ONCE),
		POST(C "/restart", 204, NULL),
		CHECK(ONCE),
		CHECK(AGAIN_AT),
		/* paused: nothing is asked; not enough is known: it looks */
		LOOK(RUNNING),
		POST(C "/kill", 204, NULL),
		/* a removal does all the same */
		LOOK(RUNNING),
		{ 0 },
	};
	struct runtime_target seen;
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	docker_run(&fixture, runtime_inspect);
	seen = fixture.call.found;
	assert_true(seen.started_wall_ms == ONCE_MS);
	fixture.call.seen = &seen;
	docker_run(&fixture, runtime_restart);
	docker_expect(&fixture, RUNTIME_OK, NULL);

	seen.status = RUNTIME_STATUS_PAUSED;
	docker_run(&fixture, runtime_restart);
	docker_expect(&fixture, RUNTIME_LEFT_ALONE, "it is paused");
	seen.started_wall_ms = 0;
	docker_run(&fixture, runtime_kill);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	seen.started_wall_ms = ONCE_MS;
	seen.status = RUNTIME_STATUS_EXITED;
	docker_run(&fixture, runtime_remove);
	docker_expect(&fixture, RUNTIME_LEFT_ALONE, NULL);
	docker_end_test(&fixture);
}

/* Its own stop timeout is Podman's to be told, also by who has seen it. */
static void test_seen_stop_timeout(void **state)
{
	static const struct scripted_row rows[] = {
		PING(PODMAN),
		LOOK(ONCE),
		POST(C "/stop?t=10", 204, NULL),
		POST(C "/stop?t=7", 204, NULL),
		{ 0 },
	};
	struct runtime_target seen;
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	docker_run(&fixture, runtime_inspect);
	seen = fixture.call.found;
	fixture.call.seen = &seen;
	fixture.call.stop_timeout_ms = -1;
	docker_run(&fixture, runtime_stop);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	seen.stop_timeout_ms = 7000;
	docker_run(&fixture, runtime_stop);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

/* --- versions, and who it is -------------------------------------------- */

#define OTHER(api, reply)                                             \
	{                                                             \
		"GET /v" api "/containers/web/json", NULL, 200, reply \
	}
#define REFUSES(api, reply)                                           \
	{                                                             \
		"GET /v" api "/containers/web/json", NULL, 400, reply \
	}
#define TOO_OLD(api, least)                                          \
	SAYS("client version " api " is too old. Minimum supported " \
	     "API version is " least ", please upgrade")

static const struct story versions[] = {
	{ "ours is the lower",
	  runtime_inspect,
	  { PING(ENGINE("1.55")), OTHER("1.47", RUNNING) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "replaced by an older engine, in plain text",
	  runtime_inspect,
	  { PING(ENGINE("1.47")),
	    REFUSES("1.47", "client version 1.47 is too new. Maximum "
	                    "supported API version is 1.41\r\n"),
	    HELLO, LOOK(RUNNING) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "replaced by a newer engine",
	  runtime_inspect,
	  { HELLO, REFUSES("1.41", TOO_OLD("1.41", "1.44")),
	    PING(ENGINE("1.52")), OTHER("1.47", RUNNING) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "newer than all we know",
	  runtime_inspect,
	  { PING(ENGINE("1.60")), REFUSES("1.47", TOO_OLD("1.47", "1.50")),
	    PING(ENGINE("1.60")), REFUSES("1.47", TOO_OLD("1.47", "1.50")),
	    OTHER("1.50", RUNNING) },
	  RUNTIME_OK,
	  RUNTIME_STATUS_RUNNING,
	  NULL },
	{ "refuses whatever we say",
	  runtime_inspect,
	  { PING(ENGINE("1.41")), REFUSES("1.41", TOO_OLD("1.41", "1.50")),
	    PING(ENGINE("1.41")), REFUSES("1.41", TOO_OLD("1.41", "1.50")),
	    REFUSES("1.50", TOO_OLD("1.50", "1.60")) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_OTHER,
	  "is too old" },
	{ "a 400 about something else",
	  runtime_inspect,
	  { HELLO, REFUSES("1.41", SAYS("bad size")) },
	  RUNTIME_FAILED,
	  RUNTIME_STATUS_OTHER,
	  "HTTP 400: bad size" },
	{ "not an engine",
	  runtime_inspect,
	  { { "GET /_ping", NULL, 200, "<html>welcome</html>" } },
	  RUNTIME_UNAVAILABLE,
	  RUNTIME_STATUS_OTHER,
	  "no Api-Version" },
	{ "an engine that is ill",
	  runtime_inspect,
	  { { "GET /_ping", NULL, 500, "starting\n" } },
	  RUNTIME_UNAVAILABLE,
	  RUNTIME_STATUS_OTHER,
	  "/_ping with HTTP 500: starting" },
};

static void test_versions(void **state)
{
	docker_tell(versions, ARRAY_SIZE(versions));
}

struct wording {
	struct scripted_row ping;
	const char *look;
	int64_t stop_timeout_ms;
	const char *signal;
	const char *request;
	bool silent; /* the signal is not sent, and that is logged */
};

/* `t` and `signal`, as each engine wants them */
static void test_stop_timeouts_and_signals(void **state)
{
	static const struct wording rows[] = {
		{ PING(ENGINE("1.41")), "1.41", -1, NULL, "/stop", false },
		{ PING(ENGINE("1.41")), "1.41", 3000, NULL, "/stop?t=3",
		  false },
		{ PING(ENGINE("1.41")), "1.41", 1, NULL, "/stop?t=1", false },
		{ PING(ENGINE("1.41")), "1.41", 0, NULL, "/stop?t=0", false },
		{ PING(ENGINE("1.41")), "1.41", -1, "INT", "/stop", true },
		{ PING(ENGINE("1.42")), "1.42", -1, "INT", "/stop?signal=INT",
		  false },
		{ PING(ENGINE("1.42")), "1.42", 2500, "SIGRTMIN+3",
		  "/stop?t=3&signal=SIGRTMIN%2B3", false },
		{ PING(PODMAN), "1.41", -1, "INT", "/stop?t=7", true },
		{ PING(PODMAN), "1.41", 2000, NULL, "/stop?t=2", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char look[100], stop[100];
		const struct scripted_row script[] = {
			rows[i].ping,
			{ look, NULL, 200, PATIENT },
			{ stop, NULL, 204, NULL },
			{ 0 },
		};
		struct fixture fixture;

		(void)snprintf(look, sizeof(look),
		               "GET /v%s/containers/web/json", rows[i].look);
		(void)snprintf(stop, sizeof(stop),
		               "POST /v%s/containers/c0ffee%s", rows[i].look,
		               rows[i].request);
		docker_begin_test(&fixture, script);
		fixture.call.stop_timeout_ms = rows[i].stop_timeout_ms;
		fixture.call.signal = rows[i].signal;
		docker_run(&fixture, runtime_stop);
		docker_expect(&fixture, RUNTIME_OK, NULL);
		assert_int_equal(fixture.call.found.stop_timeout_ms, 7000);
		assert_int_equal(strstr(buf_text(&fixture.said),
		                        "signal is not sent") != NULL,
		                 rows[i].silent);
		docker_end_test(&fixture);
	}
}

/* Podman kills at once where `t` is missing, so 10 s is said to it */
static void test_podman_without_a_stop_timeout(void **state)
{
	static const struct scripted_row rows[] = {
		PING(PODMAN),
		LOOK(RUNNING),
		POST(C "/stop?t=10", 204, NULL),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	docker_run(&fixture, runtime_stop);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", "../x", "-x", NULL };
	static const struct scripted_row rows[] = {
		HELLO,
		{ "GET /v1.41/containers/a%2F..%2Fb%3Fc%20d/json", NULL, 404,
		  "" },
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.target = "a/../b?c d";
	docker_run(&fixture, runtime_restart);
	docker_expect(&fixture, RUNTIME_NO_TARGET, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		fixture.call.target = bad[i];
		assert_int_equal(runtime_restart(fixture.runtime, &fixture.call,
		                                 docker_call_done),
		                 -EINVAL);
		assert_non_null(strstr(fixture.call.err.message,
		                       "cannot be a container's name"));
	}
	fixture.call.target = "web";
	fixture.call.argv = NULL;
	assert_int_equal(
		runtime_exec(fixture.runtime, &fixture.call, docker_call_done),
		-EINVAL);
	assert_int_equal(fixture.n_done, 1);
	docker_end_test(&fixture);
}

static void test_found(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(STOPPED),
		LOOK(AUTO_REMOVE),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	docker_run(&fixture, runtime_inspect);
	assert_string_equal(fixture.call.found.id, "c0ffee");
	assert_true(fixture.call.found.stopped_by_hand);
	assert_int_equal(fixture.call.found.exit_code, 137);
	assert_int_equal(fixture.call.found.stop_timeout_ms, -1);
	assert_false(fixture.call.found.ephemeral);
	docker_run(&fixture, runtime_inspect);
	assert_true(fixture.call.found.ephemeral);
	assert_int_equal(fixture.call.found.exit_code, -1);
	docker_end_test(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restarts),
		cmocka_unit_test(test_a_lost_restart_is_asked_for_once_more),
		cmocka_unit_test(test_other_operations),
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_seen_stop_timeout),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_stop_timeouts_and_signals),
		cmocka_unit_test(test_podman_without_a_stop_timeout),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
