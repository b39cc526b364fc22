/* SPDX-License-Identifier: Apache-2.0 */
/* The LXD runtime, closed at every turn of the loop, and without memory at every
 * allocation. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/lxd_kit.h"

#include <signal.h>
#include "runtime/lxd_work.h"

static const struct scripted_row restart_rows[] = {
	{ "GET " C1, NULL, 200, RUNNING },
	{ "PUT " C1 "/state", "\"force\":false", 202, BEGUN },
	{ "PUT " C1 "/state", FORCED, 202, BEGUN },
	{ "GET " WAIT, NULL, 200, DONE },
	{ "GET " OP, NULL, 200, DONE },
	{ 0 },
};

static const struct scripted_row exec_rows[] = {
	{ "POST " C1 "/exec", NULL, 202, BEGUN },
	{ "GET " WAIT, NULL, 200, EXITED("0") },
	{ "GET " OP, NULL, 200, EXITED("0") },
	{ "GET " OUT, NULL, 200, "out" },
	{ "GET " ERR, NULL, 200, "err" },
	TIDY,
	{ "DELETE " C1 "/logs/exec-output/exec_ab-1.stdout", NULL, 404, "" },
	{ "DELETE " C1 "/logs/exec-output/exec_ab-1.stderr", NULL, 404, "" },
	{ 0 },
};

static void test_close_at_every_turn(void **state)
{
	static const struct {
		operation op;
		const struct scripted_row *rows;
	} cases[] = { { runtime_restart, restart_rows },
		      { runtime_exec, exec_rows } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool finished = false;

		for (int turns = 0; !finished; turns++) {
			struct fixture fixture;

			fixture_begin(&fixture, cases[i].rows);
			fixture.daemon.any_order = true;
			fixture_start(&fixture, cases[i].op);
			for (int t = 0; t < turns && !fixture.done; t++)
				(void)uv_run(&fixture.loop.uv, UV_RUN_ONCE);
			finished = fixture.done;
			fixture.daemon.all_asked = true;
			fixture_end(&fixture);
			assert_int_equal(fixture.n_done, 1);
			assert_true(turns < 1000);
		}
	}
}

/*
 * One run of a case on the open fixture; the runtime is made and closed in
 * it. What fails must fail in words, and once. What the daemon was asked is
 * not looked at: jansson loses a byte of a text that it cannot grow, and a
 * path may be odd then.
 */
static void faulty_run(struct fixture *fixture, operation op)
{
	fixture->done = false;
	fixture->closed = false;
	fixture->n_done = 0;
	fixture->client = http_client_new(&fixture->loop.uv, NULL);
	if (!fixture->client)
		return;
	if (lxd_runtime_new(&fixture->runtime, &fixture->loop.uv,
	                    fixture->client, "lxd", fixture->daemon.path, NULL,
	                    NULL) == 0) {
		container_of(fixture->runtime, struct lxd_runtime, base)
			->retry_ms = 1;
		if (op(fixture->runtime, &fixture->call, fixture_on_done) ==
		    0) {
			test_loop_until(&fixture->loop, &fixture->done);
			assert_int_equal(fixture->n_done, 1);
			if (fixture->call.result != RUNTIME_OK)
				assert_string_not_equal(
					fixture->call.err.message, "");
		}
		runtime_close(fixture->runtime, fixture_on_closed,
		              &fixture->closed);
		test_loop_until(&fixture->loop, &fixture->closed);
	}
	fixture->closed = false;
	http_client_close(fixture->client, fixture_on_closed, &fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
	while (!list_empty(&fixture->daemon.connections))
		(void)uv_run(&fixture->loop.uv, UV_RUN_ONCE);
	runtime_call_fini(&fixture->call);
}

static void test_no_memory(void **state)
{
	static const struct {
		operation op;
		const struct scripted_row *rows;
	} cases[] = { { runtime_restart, restart_rows },
		      { runtime_exec, exec_rows } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture fixture;
		size_t n;

		fixture_begin(&fixture, cases[i].rows);
		fixture_close_runtime(&fixture);
		fixture.daemon.any_order = true;
		fixture.call.timeout_ms = 2000;
		faulty_run(&fixture, cases[i].op);

		faults_count();
		faulty_run(&fixture, cases[i].op);
		assert_int_equal(fixture.call.result, RUNTIME_OK);
		n = faults_end();
		assert_true(n > 10);
		for (size_t k = 1; k <= n; k++) {
			faults_fail(k);
			faulty_run(&fixture, cases[i].op);
			(void)faults_end();
		}
		scripted_close(&fixture.daemon);
		test_loop_fini(&fixture.loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_at_every_turn),
		cmocka_unit_test(test_no_memory),
	};

	/* as the program does: libuv writes to sockets that have closed */
	(void)signal(SIGPIPE, SIG_IGN);
	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
