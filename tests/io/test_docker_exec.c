/* SPDX-License-Identifier: Apache-2.0 */
/* Commands in containers: streams in every piece, codes that lag, commands
 * that never end. */
#include "io/docker_kit.h"

#include <stdlib.h>
#include <string.h>

#define OUTPUT "%01%00%00%00%00%00%00%04out\n%02%00%00%00%00%00%00%04err\n"
#define HEAD                  \
	"HTTP/1.1 200 OK\r\n" \
	"Content-Type: application/vnd.docker.raw-stream\r\n\r\n"
#define E "/v1.41/exec/e1"
#define CREATE                                                            \
	{                                                                 \
		"POST " C "/exec", "\"Cmd\":[\"/bin/echo\",\"hi\"]", 201, \
			"{\"Id\":\"e1\"}"                                 \
	}
#define START(status, bytes)                                            \
	{                                                               \
		"POST " E "/start", "{\"Detach\":false,\"Tty\":false}", \
			status, HEAD bytes                              \
	}
#define STREAM(bytes)  START(SCRIPTED_BYTES_CLOSE, bytes)
#define ENDLESS(bytes) START(SCRIPTED_BYTES, bytes)
#define ASKED(reply)                               \
	{                                          \
		"GET " E "/json", NULL, 200, reply \
	}
#define GONE                                    \
	{                                       \
		"GET " E "/json", NULL, 404, "" \
	}
#define RUNS       "{\"Running\":true,\"ExitCode\":null,\"Pid\":7}"
#define LAGS       "{\"Running\":false,\"ExitCode\":null,\"Pid\":7}"
#define CODE(code) "{\"Running\":false,\"ExitCode\":" code ",\"Pid\":0}"
#define NO_SUCH                                                            \
	"OCI runtime exec failed: exec failed: unable to start container " \
	"process: exec: \"/bin/echo\": executable file not found in $PATH"

struct ending {
	const char *name;
	struct scripted_row rows[12];
	enum runtime_result result;
	int64_t exit_code;
	const char *output;
	const char *words;
};

static const struct ending endings[] = {
	{ "it goes well",
	  { HELLO, LOOK(RUNNING), CREATE, STREAM(OUTPUT), ASKED(CODE("0")) },
	  RUNTIME_OK,
	  0,
	  "out\nerr\n",
	  NULL },
	{ "the exit code lags",
	  { HELLO, LOOK(RUNNING), CREATE, STREAM(OUTPUT), ASKED(RUNS),
	    ASKED(RUNS), ASKED(LAGS), ASKED(CODE("0")) },
	  RUNTIME_OK,
	  0,
	  "out\nerr\n",
	  NULL },
	{ "it fails, and its last line says why",
	  { HELLO, LOOK(RUNNING), CREATE, STREAM(OUTPUT), ASKED(CODE("3")) },
	  RUNTIME_FAILED,
	  3,
	  "out\nerr\n",
	  "docker: web: the command ended with exit code 3: err" },
	{ "it fails without a word",
	  { HELLO, LOOK(RUNNING), CREATE, STREAM(""), ASKED(CODE("1")) },
	  RUNTIME_FAILED,
	  1,
	  "",
	  "ended with exit code 1" },
	{ "no such command, in an engine that says 126, unframed",
	  { HELLO, LOOK(RUNNING), CREATE, STREAM(NO_SUCH "\r\n"),
	    ASKED(CODE("126")) },
	  RUNTIME_FAILED,
	  127,
	  NO_SUCH "\r\n",
	  "there is no such command in it: exit code 127, /bin/echo: OCI" },
	{ "not executable",
	  { HELLO, LOOK(RUNNING), CREATE,
	    STREAM("%03%00%00%00%00%00%00%06denied"), ASKED(CODE("126")) },
	  RUNTIME_FAILED,
	  126,
	  "denied",
	  "cannot be executed in it" },
	{ "paused: left alone",
	  { HELLO, LOOK(PAUSED) },
	  RUNTIME_LEFT_ALONE,
	  -1,
	  "",
	  "unpause it first" },
	{ "not running",
	  { HELLO, LOOK(STOPPED) },
	  RUNTIME_FAILED,
	  -1,
	  "",
	  "no command can run in it: it is stopped, with exit code 137" },
	{ "no such container",
	  { HELLO,
	    { "GET /v1.41/containers/web/json", NULL, 404, SAYS("none") } },
	  RUNTIME_NO_TARGET,
	  -1,
	  "",
	  "there is no such container" },
	{ "it stops before the command is there",
	  { HELLO, LOOK(RUNNING),
	    POST(C "/exec", 409, SAYS("Container c0ffee is not running")) },
	  RUNTIME_FAILED,
	  -1,
	  "",
	  "HTTP 409: Container c0ffee is not" },
	{ "it goes before the command is there",
	  { HELLO, LOOK(RUNNING), POST(C "/exec", 404, SAYS("none")) },
	  RUNTIME_NO_TARGET,
	  -1,
	  "",
	  NULL },
	{ "the command has no id",
	  { HELLO, LOOK(RUNNING), POST(C "/exec", 201, "{}") },
	  RUNTIME_FAILED,
	  -1,
	  "",
	  "makes no sense" },
	{ "it will not start",
	  { HELLO, LOOK(RUNNING), CREATE,
	    POST(E "/start", 409, SAYS("Container c0ffee is paused")) },
	  RUNTIME_FAILED,
	  -1,
	  "",
	  "HTTP 409: Container c0ffee is paused" },
	{ "the stream is lost before its head, the command is not",
	  { HELLO, LOOK(RUNNING), CREATE,
	    POST(E "/start", SCRIPTED_CLOSE, NULL), HELLO, ASKED(RUNS),
	    ASKED(CODE("0")) },
	  RUNTIME_OK,
	  0,
	  "",
	  NULL },
	{ "the engine forgets it",
	  { HELLO, LOOK(RUNNING), CREATE, STREAM(""), GONE },
	  RUNTIME_FAILED,
	  -1,
	  "",
	  "has forgotten the command" },
	{ "the engine's answer about it is nonsense",
	  { HELLO, LOOK(RUNNING), CREATE, STREAM(""), ASKED("[1]") },
	  RUNTIME_UNAVAILABLE,
	  -1,
	  "",
	  NULL },
};

static void test_endings(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++) {
		struct fixture fixture;

		print_message("  %s\n", endings[i].name);
		docker_begin_test(&fixture, endings[i].rows);
		docker_run(&fixture, runtime_exec);
		docker_expect(&fixture, endings[i].result, endings[i].words);
		assert_int_equal(fixture.call.exit_code, endings[i].exit_code);
		assert_string_equal(buf_text(&fixture.call.output),
		                    endings[i].output);
		assert_false(fixture.call.truncated);
		docker_end_test(&fixture);
	}
}

static void test_the_stream_in_every_piece(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,          LOOK(RUNNING),    CREATE,
		STREAM(OUTPUT), ASKED(CODE("0")), { 0 },
	};

	for (size_t piece = 1; piece < 40; piece++) {
		struct fixture fixture;

		docker_begin_test(&fixture, rows);
		fixture.engine.piece = piece;
		docker_run(&fixture, runtime_exec);
		docker_expect(&fixture, RUNTIME_OK, NULL);
		assert_string_equal(buf_text(&fixture.call.output),
		                    "out\nerr\n");
		docker_end_test(&fixture);
	}
}

static void test_output_is_cut(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,          LOOK(RUNNING),    CREATE,
		STREAM(OUTPUT), ASKED(CODE("0")), { 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.max_output = 5;
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	assert_string_equal(buf_text(&fixture.call.output), "out\ne");
	assert_true(fixture.call.truncated);
	docker_end_test(&fixture);
}

static void test_environment_is_sent(void **state)
{
	static const char *const env[] = { "BOUNCER_MONITOR=a \"b\"", NULL };
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(RUNNING),
		{ "POST " C "/exec",
		  "\"Env\":[\"BOUNCER_MONITOR=a \\\"b\\\"\"]", 201,
		  "{\"Id\":\"e1\"}" },
		STREAM(""),
		ASKED(CODE("0")),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.env = env;
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

/* It cannot be stopped; so no other one is started until it ended. */
static void test_a_command_that_hangs(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(RUNNING),
		CREATE,
		ENDLESS("%01%00%00%00%00%00%00%04out\n"),
		/* the next one */
		LOOK(RUNNING),
		ASKED(RUNS),
		/* and the next, when it has ended */
		LOOK(RUNNING),
		ASKED(CODE("0")),
		CREATE,
		STREAM(""),
		ASKED(CODE("0")),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.timeout_ms = 100;
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_TIMED_OUT, "the command still ran");
	assert_string_equal(buf_text(&fixture.call.output), "out\n");
	assert_int_equal(fixture.call.exit_code, -1);

	fixture.call.timeout_ms = 0;
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_BUSY,
	              "an earlier command still runs in it");
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

/* The engine was replaced, or has dropped its memory of the command */
static void test_a_command_that_is_forgotten(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,       LOOK(RUNNING), CREATE,
		ENDLESS(""), LOOK(RUNNING), GONE,
		CREATE,      STREAM(""),    ASKED(CODE("0")),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.timeout_ms = 50;
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_TIMED_OUT, NULL);
	fixture.call.timeout_ms = 0;
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

static void test_two_at_once(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,         LOOK(RUNNING), CREATE,      ENDLESS(""),
		LOOK(RUNNING), LOOK(RUNNING), ASKED(RUNS), { 0 },
	};
	struct fixture fixture;
	struct fixture *second = calloc(1, sizeof(*second));

	assert_non_null(second);
	docker_begin_test(&fixture, rows);
	docker_start(&fixture, runtime_exec);
	while (fixture.engine.at < 4)
		(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
	second->call.target = "web";
	second->call.argv = fixture.call.argv;
	assert_int_equal(
		runtime_exec(fixture.runtime, &second->call, docker_call_done),
		0);
	test_loop_until(&fixture.loop, &second->done);
	assert_int_equal(second->call.result, RUNTIME_BUSY);
	assert_false(fixture.done);

	/* cancelled: it may still run */
	runtime_cancel(&fixture.call);
	runtime_cancel(&fixture.call);
	assert_false(fixture.done);
	test_loop_until(&fixture.loop, &fixture.done);
	docker_expect(&fixture, RUNTIME_CANCELLED, NULL);
	assert_int_equal(fixture.n_done, 1);
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_BUSY, NULL);
	runtime_call_fini(&second->call);
	free(second);
	docker_end_test(&fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endings),
		cmocka_unit_test(test_the_stream_in_every_piece),
		cmocka_unit_test(test_output_is_cut),
		cmocka_unit_test(test_environment_is_sent),
		cmocka_unit_test(test_a_command_that_hangs),
		cmocka_unit_test(test_a_command_that_is_forgotten),
		cmocka_unit_test(test_two_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
