/* SPDX-License-Identifier: Apache-2.0 */
/* The host as a runtime: real commands, every way for them to end. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"

#include <string.h>
#include "runtime/host.h"

struct fixture {
	struct test_loop loop;
	struct runtime *runtime;
	struct runtime_call call;
	bool done;
	int n_done;
	bool closed;
};

static void on_done(struct runtime_call *call)
{
	struct fixture *fixture = container_of(call, struct fixture, call);

	fixture->done = true;
	fixture->n_done++;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void begin(struct fixture *fixture)
{
	*fixture = (struct fixture){ 0 };
	test_loop_init(&fixture->loop);
	assert_int_equal(host_runtime_new(&fixture->runtime, &fixture->loop.uv),
	                 0);
	fixture->call.target = "host";
}

static void end(struct fixture *fixture)
{
	runtime_close(fixture->runtime, on_closed, &fixture->closed);
	assert_false(fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
	runtime_call_fini(&fixture->call);
	test_loop_fini(&fixture->loop);
}

static void test_commands(void **state)
{
	static const struct {
		const char *argv[4];
		enum runtime_result result;
		int64_t code;
		const char *words;
		const char *output;
	} rows[] = {
		{ { "/bin/echo", "hi" }, RUNTIME_OK, 0, "", "hi\n" },
		{ { "/bin/sh", "-c", "echo \"$A\"; echo no >&2" },
		  RUNTIME_OK,
		  0,
		  "",
		  "b\nno\n" },
		{ { "/bin/sh", "-c", "exit 3" },
		  RUNTIME_FAILED,
		  3,
		  "/bin/sh ended with exit code 3",
		  "" },
		{ { "/bin/sh", "-c", "kill -9 $$" },
		  RUNTIME_FAILED,
		  137,
		  "/bin/sh was ended by signal 9",
		  "" },
		{ { "/nonexistent/x" },
		  RUNTIME_FAILED,
		  -1,
		  "/nonexistent/x",
		  "" },
		{ { "/etc/passwd" }, RUNTIME_FAILED, -1, "/etc/passwd", "" },
	};
	static const char *const env[] = { "A=b", NULL };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;

		begin(&fixture);
		fixture.call.argv = rows[i].argv;
		fixture.call.env = env;
		assert_int_equal(
			runtime_exec(fixture.runtime, &fixture.call, on_done),
			0);
		assert_false(fixture.done);
		test_loop_until(&fixture.loop, &fixture.done);
		if (fixture.call.result != rows[i].result ||
		    fixture.call.exit_code != rows[i].code ||
		    !strstr(fixture.call.err.message, rows[i].words))
			fail_msg("%s: %s", rows[i].argv[0],
			         fixture.call.err.message);
		assert_string_equal(buf_text(&fixture.call.output),
		                    rows[i].output);
		end(&fixture);
	}
}

static void test_deadline_and_cap(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		                            "echo 0123456789; exec sleep 600",
		                            NULL };
	struct fixture fixture;

	begin(&fixture);
	fixture.call.argv = argv;
	fixture.call.timeout_ms = 200;
	fixture.call.max_output = 4;
	assert_int_equal(runtime_exec(fixture.runtime, &fixture.call, on_done),
	                 0);
	test_loop_until(&fixture.loop, &fixture.done);
	assert_int_equal(fixture.call.result, RUNTIME_TIMED_OUT);
	assert_non_null(strstr(fixture.call.err.message, "200ms"));
	assert_string_equal(buf_text(&fixture.call.output), "0123");
	assert_true(fixture.call.truncated);
	end(&fixture);
}

static void test_cancel_and_close(void **state)
{
	static const char *const argv[] = { "/bin/sleep", "600", NULL };
	struct fixture fixture;

	begin(&fixture);
	fixture.call.argv = argv;
	assert_int_equal(runtime_exec(fixture.runtime, &fixture.call, on_done),
	                 0);
	runtime_cancel(&fixture.call);
	runtime_cancel(&fixture.call);
	assert_false(fixture.done);
	test_loop_until(&fixture.loop, &fixture.done);
	assert_int_equal(fixture.call.result, RUNTIME_CANCELLED);

	/* closing cancels what runs, and waits for it */
	assert_int_equal(runtime_exec(fixture.runtime, &fixture.call, on_done),
	                 0);
	end(&fixture);
	assert_int_equal(fixture.n_done, 2);
	assert_int_equal(fixture.call.result, RUNTIME_CANCELLED);
}

static void test_the_rest(void **state)
{
	static int (*const refused[])(struct runtime *, struct runtime_call *,
	                              runtime_done_cb) = {
		runtime_restart,
		runtime_stop,
		runtime_start,
		runtime_kill,
	};
	struct fixture fixture;

	begin(&fixture);
	assert_int_equal(
		runtime_inspect(fixture.runtime, &fixture.call, on_done), 0);
	assert_false(fixture.done);
	test_loop_until(&fixture.loop, &fixture.done);
	assert_int_equal(fixture.call.result, RUNTIME_OK);
	assert_int_equal(fixture.call.found.status, RUNTIME_STATUS_RUNNING);

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		fixture.done = false;
		assert_int_equal(
			refused[i](fixture.runtime, &fixture.call, on_done), 0);
		runtime_cancel(&fixture.call);
		assert_false(fixture.done);
		test_loop_until(&fixture.loop, &fixture.done);
		assert_int_equal(fixture.call.result, RUNTIME_FAILED);
		assert_non_null(
			strstr(fixture.call.err.message, "give a command"));
	}
	end(&fixture);
}

static void scenario(struct test_loop *loop)
{
	static const char *const argv[] = { "/bin/echo", "hi", NULL };
	struct fixture fixture = { .call.argv = argv };

	if (host_runtime_new(&fixture.runtime, &loop->uv) < 0)
		return;
	if (runtime_exec(fixture.runtime, &fixture.call, on_done) == 0)
		test_loop_until(loop, &fixture.done);
	if (runtime_inspect(fixture.runtime, &fixture.call, on_done) == 0) {
		fixture.done = false;
		test_loop_until(loop, &fixture.done);
	}
	runtime_close(fixture.runtime, on_closed, &fixture.closed);
	test_loop_until(loop, &fixture.closed);
	runtime_call_fini(&fixture.call);
}

static void test_no_memory(void **state)
{
	struct test_loop loop;
	size_t n;

	test_loop_init(&loop);
	scenario(&loop);
	faults_count();
	scenario(&loop);
	n = faults_end();
	assert_true(n >= 4);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		scenario(&loop);
		(void)faults_end();
	}
	test_loop_fini(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_deadline_and_cap),
		cmocka_unit_test(test_cancel_and_close),
		cmocka_unit_test(test_the_rest),
		cmocka_unit_test(test_no_memory),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
