/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines, cancelling and closing at every stage, engines that are away,
 * hundreds at once, and memory that runs out. */
#include "io/docker_kit.h"
#include "support/faults.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "runtime/docker_work.h"

#define RESTART(status) POST(C "/restart", status, NULL)
#define START(status)   POST(C "/start", status, NULL)

static void until_asked(struct fixture *fixture, size_t n_rows)
{
	for (int i = 0; i < 10000 && fixture->engine.at < n_rows; i++)
		test_loop_for(&fixture->loop, 1);
	assert_int_equal(fixture->engine.at, n_rows);
}

/* --- deadlines ---------------------------------------------------------- */

/* Engines before 25 stop and do not start when the caller hangs up: so the
 * call ends, the exchange goes on, and what it leaves stopped is started. */
static void test_a_restart_outlives_its_deadline(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(RUNNING),
		{ "POST " C "/restart", NULL, SCRIPTED_HOLD, SAYS("late") },
		LOOK(RUNNING), /* a second restart: busy */
		LOOK(RUNNING), /* a command: busy */
		CHECK(STOPPED),
		START(204),
		CHECK(RENEWED),
		LOOK(RENEWED), /* free again */
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.timeout_ms = 100;
	docker_run(&fixture, runtime_restart);
	docker_expect(&fixture, RUNTIME_TIMED_OUT,
	              "its time was up while restarting it");
	/* nobody knows */
	assert_int_equal(fixture.call.found.status, RUNTIME_STATUS_OTHER);

	docker_run(&fixture, runtime_restart);
	docker_expect(&fixture, RUNTIME_BUSY,
	              "the engine is still restarting it");
	docker_run(&fixture, runtime_exec);
	docker_expect(&fixture, RUNTIME_BUSY, NULL);

	scripted_release(&fixture.engine);
	docker_until_said(&fixture, "work that outlived its deadline ended");
	assert_non_null(strstr(buf_text(&fixture.said), "result=ok"));
	docker_run(&fixture, runtime_inspect);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

static void test_a_deadline_before_anything_was_asked_for(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		{ "GET /v1.41/containers/web/json", NULL, SCRIPTED_HANG, "" },
		LOOK(RUNNING),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.timeout_ms = 50;
	docker_run(&fixture, runtime_restart);
	docker_expect(&fixture, RUNTIME_TIMED_OUT, "while looking at it");
	/* nothing lingers */
	docker_run(&fixture, runtime_inspect);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

static void test_a_stop_outlives_its_deadline(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(RUNNING),
		{ "POST " C "/stop", NULL, SCRIPTED_HOLD, "" },
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.timeout_ms = 50;
	docker_run(&fixture, runtime_stop);
	docker_expect(&fixture, RUNTIME_TIMED_OUT, "while stopping it");
	scripted_release(&fixture.engine);
	docker_until_said(&fixture, "result=ok");
	docker_end_test(&fixture);
}

/* --- an engine that is away --------------------------------------------- */

/* dockerd is killed in the middle, and comes back with the container down. */
static void test_the_engine_is_restarted_in_the_middle(void **state)
{
	static const struct scripted_row before[] = {
		HELLO,
		LOOK(RUNNING),
		{ "POST " C "/restart", NULL, SCRIPTED_HANG, "" },
		{ 0 },
	};
	static const struct scripted_row after[] = {
		HELLO, CHECK(STOPPED), START(204), CHECK(RENEWED), { 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, before);
	docker_start(&fixture, runtime_restart);
	until_asked(&fixture, 3);
	scripted_close(&fixture.engine);
	test_loop_for(&fixture.loop, 30);
	assert_false(fixture.done);
	(void)unlink(fixture.engine.path);
	scripted_open(&fixture.engine, &fixture.loop, "docker.sock", after);
	test_loop_until(&fixture.loop, &fixture.done);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	docker_end_test(&fixture);
}

static void test_the_engine_stays_away(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(RUNNING),
		RESTART(SCRIPTED_HANG),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	fixture.call.timeout_ms = 200;
	docker_start(&fixture, runtime_restart);
	until_asked(&fixture, 3);
	scripted_close(&fixture.engine);
	test_loop_until(&fixture.loop, &fixture.done);
	docker_expect(&fixture, RUNTIME_TIMED_OUT, "its time was up");
	/* and then we go, too */
	docker_end_test(&fixture);
}

static void test_no_engine(void **state)
{
	static const struct scripted_row rows[] = { { 0 } };
	static const char *const addresses[] = {
		"/nonexistent/docker.sock",
		"unix:///nonexistent/docker.sock",
		"tcp://127.0.0.1:1",
	};

	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct fixture fixture;

		docker_begin_test(&fixture, rows);
		docker_close_all(&fixture);
		docker_open(&fixture, "docker", addresses[i]);
		docker_run(&fixture, runtime_restart);
		docker_expect(&fixture, RUNTIME_UNAVAILABLE,
		              "is the engine running, and is this its socket?");
		docker_end_test(&fixture);
	}
}

static void test_bad_addresses(void **state)
{
	static const char *const addresses[] = { "", "docker.sock", "ftp://x",
		                                 "https://h:x" };
	uv_loop_t loop;

	assert_int_equal(uv_loop_init(&loop), 0);
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		struct runtime *runtime = NULL;
		struct err err = { 0 };

		assert_int_equal(docker_runtime_new(&runtime, &loop, NULL,
		                                    "docker", addresses[i],
		                                    NULL, &err),
		                 -EINVAL);
		assert_null(runtime);
		assert_int_equal(strncmp(err.message, "docker: ", 8), 0);
	}
	assert_int_equal(uv_loop_close(&loop), 0);
}

/* A user's own Podman, where the system has none */
static void test_usual_places(void **state)
{
	static const struct scripted_row rows[] = {
		PING(PODMAN),
		LOOK(RUNNING),
		{ 0 },
	};
	struct fixture fixture;
	char path[128];

	if (access("/run/podman/podman.sock", F_OK) == 0) {
		print_message("SKIPPED: a Podman of this machine has the usual "
		              "place (systemctl stop podman.socket)\n");
		skip();
	}
	docker_begin_test(&fixture, rows);
	docker_close_all(&fixture);
	(void)snprintf(path, sizeof(path), "%s/podman", fixture.loop.dir);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/podman/podman.sock",
	               fixture.loop.dir);
	assert_int_equal(symlink(fixture.engine.path, path), 0);
	assert_int_equal(setenv("XDG_RUNTIME_DIR", fixture.loop.dir, 1), 0);
	docker_open(&fixture, "podman", NULL);
	assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
	assert_string_equal(fixture.runtime->ops->name, "podman");
	docker_run(&fixture, runtime_inspect);
	docker_expect(&fixture, RUNTIME_OK, NULL);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/podman", fixture.loop.dir);
	(void)rmdir(path);
	docker_end_test(&fixture);
}

/* --- cancel and close at every stage ------------------------------------ */

#define STAGES_MAX 8

struct sequence {
	operation op;
	struct scripted_row rows[STAGES_MAX];
};

static const struct sequence sequences[] = {
	{ runtime_restart,
	  { HELLO, LOOK(RUNNING), POST(C "/restart", 500, SAYS("x")),
	    CHECK(STOPPED), START(204), CHECK(RENEWED) } },
	{ runtime_exec,
	  { HELLO,
	    LOOK(RUNNING),
	    { "POST " C "/exec", NULL, 201, "{\"Id\":\"e1\"}" },
	    { "POST /v1.41/exec/e1/start", NULL, SCRIPTED_BYTES_CLOSE,
	      "HTTP/1.1 200 OK\r\n\r\n" },
	    { "GET /v1.41/exec/e1/json", NULL, 200,
	      "{\"Running\":false,\"ExitCode\":0}" } } },
	{ runtime_stop, { HELLO, LOOK(RUNNING), POST(C "/stop", 204, NULL) } },
};

/* The script as it is, but at @stage the engine falls silent. */
static size_t silence(const struct sequence *sequence, size_t stage,
                      struct scripted_row rows[STAGES_MAX])
{
	size_t n = 0;

	memcpy(rows, sequence->rows, sizeof(sequence->rows));
	while (n < STAGES_MAX && rows[n].request)
		n++;
	rows[stage].status = SCRIPTED_HANG;
	rows[stage + 1].request = NULL;
	return n;
}

static void end_at_stage(const struct sequence *sequence, size_t stage,
                         bool cancel)
{
	struct scripted_row rows[STAGES_MAX];
	struct fixture fixture;

	(void)silence(sequence, stage, rows);
	docker_begin_test(&fixture, rows);
	docker_start(&fixture, sequence->op);
	until_asked(&fixture, stage + 1);
	if (cancel) {
		runtime_cancel(&fixture.call);
		runtime_cancel(&fixture.call);
		assert_false(fixture.done);
		test_loop_until(&fixture.loop, &fixture.done);
	}
	docker_end_test(&fixture);
	docker_expect(&fixture, RUNTIME_CANCELLED, "cancelled while");
	assert_int_equal(fixture.n_done, 1);
}

static void test_cancel_and_close_at_every_stage(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(sequences); i++) {
		struct scripted_row rows[STAGES_MAX];
		size_t n = silence(&sequences[i], 0, rows);

		for (size_t stage = 0; stage < n; stage++) {
			end_at_stage(&sequences[i], stage, true);
			end_at_stage(&sequences[i], stage, false);
		}
	}
}

static void test_cancel_and_close_at_once(void **state)
{
	static const struct scripted_row rows[] = { { 0 } };
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	docker_start(&fixture, runtime_restart);
	runtime_cancel(&fixture.call);
	docker_end_test(&fixture);
	docker_expect(&fixture, RUNTIME_CANCELLED, NULL);
	assert_int_equal(fixture.n_done, 1);
}

/* A completion may do anything, closing included. */
static void on_done_close(struct runtime_call *call)
{
	struct fixture *fixture = container_of(call, struct fixture, call);

	fixture->n_done++;
	runtime_close(fixture->runtime, docker_closed, &fixture->done);
}

static void test_close_in_a_completion(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,
		LOOK(RUNNING),
		{ 0 },
	};
	struct fixture fixture;

	docker_begin_test(&fixture, rows);
	assert_int_equal(
		runtime_inspect(fixture.runtime, &fixture.call, on_done_close),
		0);
	test_loop_until(&fixture.loop, &fixture.done);
	assert_int_equal(fixture.n_done, 1);
	fixture.closed = false;
	http_client_close(fixture.client, docker_closed, &fixture.closed);
	test_loop_until(&fixture.loop, &fixture.closed);
	docker_open(&fixture, "docker", fixture.engine.path);
	docker_end_test(&fixture);
}

/* --- many --------------------------------------------------------------- */

#define MANY 200

struct one {
	struct runtime_call call;
	struct many *many;
};

struct many {
	struct fixture fixture;
	struct one ones[MANY];
	size_t n_done;
};

static void on_one_done(struct runtime_call *call)
{
	struct one *one = container_of(call, struct one, call);

	if (call->result != RUNTIME_OK)
		fail_msg("%s: %s", call->err.message,
		         one->many->fixture.engine.complaint);
	if (++one->many->n_done == MANY)
		one->many->fixture.done = true;
}

/* One ping serves them all, and nothing is in line behind anything. */
static void test_many_at_once(void **state)
{
	static const struct scripted_row rows[] = {
		HELLO,          LOOK(RUNNING), POST(C "/restart", 204, NULL),
		CHECK(RENEWED), { 0 },
	};
	struct many *many = calloc(1, sizeof(*many));

	assert_non_null(many);
	docker_begin_test(&many->fixture, rows);
	many->fixture.engine.any_order = true;
	for (size_t i = 0; i < MANY; i++) {
		struct one *one = &many->ones[i];

		one->many = many;
		one->call.target = "web";
		one->call.stop_timeout_ms = -1;
		assert_int_equal(runtime_restart(many->fixture.runtime,
		                                 &one->call, on_one_done),
		                 0);
	}
	test_loop_until(&many->fixture.loop, &many->fixture.done);
	docker_end_early(&many->fixture);
	assert_string_equal(many->fixture.engine.complaint, "");
	free(many);
}

/* --- memory that runs out ----------------------------------------------- */

static const struct scripted_row recovery[] = {
	HELLO,          LOOK(RUNNING), POST(C "/restart", 204, NULL),
	CHECK(RENEWED), { 0 },
};
static const struct scripted_row command[] = {
	HELLO,
	LOOK(RUNNING),
	{ "POST " C "/exec", NULL, 201, "{\"Id\":\"e1\"}" },
	{ "POST /v1.41/exec/e1/start", NULL, SCRIPTED_BYTES_CLOSE,
	  "HTTP/1.1 200 OK\r\n\r\n%01%00%00%00%00%00%00%03out" },
	{ "GET /v1.41/exec/e1/json", NULL, 200,
	  "{\"Running\":false,\"ExitCode\":0}" },
	{ 0 },
};

static void fill_call(struct fixture *fixture)
{
	fixture->done = false;
	fixture->n_done = 0;
	fixture->call.timeout_ms = 300;
}

/* From nothing to nothing, but for the engine. */
static void faulty_run(struct fixture *fixture, operation op)
{
	struct err err = { 0 };

	fill_call(fixture);
	fixture->client = http_client_new(&fixture->loop.uv, NULL);
	if (!fixture->client)
		return;
	fixture->closed = true;
	if (docker_runtime_new(&fixture->runtime, &fixture->loop.uv,
	                       fixture->client, "docker", fixture->engine.path,
	                       NULL, &err) == 0) {
		docker_hurry(fixture->runtime);
		if (op(fixture->runtime, &fixture->call, docker_call_done) ==
		    0) {
			test_loop_until(&fixture->loop, &fixture->done);
			assert_int_equal(fixture->n_done, 1);
		}
		if (fixture->call.result != RUNTIME_OK)
			assert_string_not_equal(fixture->call.err.message, "");
		fixture->closed = false;
		runtime_close(fixture->runtime, docker_closed,
		              &fixture->closed);
	} else {
		assert_int_equal(err.code, -ENOMEM);
	}
	test_loop_until(&fixture->loop, &fixture->closed);
	fixture->closed = false;
	http_client_close(fixture->client, docker_closed, &fixture->closed);
	test_loop_until(&fixture->loop, &fixture->closed);
	runtime_call_fini(&fixture->call);
	while (!list_empty(&fixture->engine.connections))
		(void)uv_run(&fixture->loop.uv, UV_RUN_ONCE);
}

static void test_out_of_memory(void **state)
{
	static const struct {
		operation op;
		const struct scripted_row *rows;
	} cases[] = {
		{ runtime_restart, recovery },
		{ runtime_exec, command },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture fixture;
		size_t n;

		docker_begin_test(&fixture, cases[i].rows);
		docker_close_all(&fixture);
		fixture.engine.any_order = true;
		faults_count();
		faulty_run(&fixture, cases[i].op);
		n = faults_end();
		assert_int_equal(fixture.call.result, RUNTIME_OK);
		assert_true(n > 20);
		for (size_t k = 1; k <= n; k++) {
			faults_fail(k);
			faulty_run(&fixture, cases[i].op);
			(void)faults_end();
		}
		docker_open(&fixture, "docker", fixture.engine.path);
		docker_end_early(&fixture);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_restart_outlives_its_deadline),
		cmocka_unit_test(test_a_deadline_before_anything_was_asked_for),
		cmocka_unit_test(test_a_stop_outlives_its_deadline),
		cmocka_unit_test(test_the_engine_is_restarted_in_the_middle),
		cmocka_unit_test(test_the_engine_stays_away),
		cmocka_unit_test(test_no_engine),
		cmocka_unit_test(test_bad_addresses),
		cmocka_unit_test(test_usual_places),
		cmocka_unit_test(test_cancel_and_close_at_every_stage),
		cmocka_unit_test(test_cancel_and_close_at_once),
		cmocka_unit_test(test_close_in_a_completion),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_out_of_memory),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
