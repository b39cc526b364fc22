/* SPDX-License-Identifier: Apache-2.0 */
/* The LXD runtime's lists, descriptions, removals and events, against a daemon
 * that follows a script. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/lxd_kit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "runtime/lxd_work.h"

#define SERVER(extensions) SYNC("{\"api_extensions\":[" extensions "]}")
#define MODERN                                                             \
	{                                                                  \
		"GET /1.0", NULL, 200, SERVER("\"instance_all_projects\"") \
	}
#define ALL         "GET /1.0/instances?recursion=1&all-projects=true"
#define OF(project) "GET /1.0/instances?recursion=1&project=" project
#define INSTANCE(project, name, code)                         \
	"{\"name\":\"" name "\",\"project\":\"" project       \
	"\",\"status_code\":" code                            \
	",\"expanded_config\":{\"user.a\":\"1\",\"x\":\"2\"," \
	"\"user.b\":\"\"}}"
#define EVENTS "GET /1.0/events?type=lifecycle&all-projects=true"

/* --- lists -------------------------------------------------------------- */

static char told[1024];
static int stop_after; /* 0: never */

static void on_container(struct runtime_call *call,
                         const struct container *container)
{
	char *out = told + strlen(told);
	size_t room = sizeof(told) - strlen(told);

	assert_non_null(container->id);
	(void)snprintf(out, room, "%s:%d", container->id,
	               (int)container->status);
	for (size_t i = 0; i < container->n_labels; i++) {
		out = told + strlen(told);
		(void)snprintf(out, sizeof(told) - strlen(told), ",%s=%s",
		               container->labels[i].name,
		               container->labels[i].value);
	}
	out = told + strlen(told);
	(void)snprintf(out, sizeof(told) - strlen(told), " ");
	assert_string_equal(container->output, "");
	assert_int_equal(container->exit_code, -1);
	assert_int_equal(container->finished_wall_ms, 0);
	if (stop_after && --stop_after == 0)
		runtime_cancel(call);
}

static void begin(struct fixture *fixture, const struct scripted_row *rows)
{
	fixture_begin(fixture, rows);
	fixture->call.container = on_container;
	told[0] = '\0';
	stop_after = 0;
}

static void test_list(void **state)
{
	static const struct scripted_row rows[] = {
		MODERN,
		{ ALL, NULL, 200,
		  SYNC("[" INSTANCE("default", "c1", "103") "," INSTANCE(
			  "p1", "c2", "102") "," INSTANCE("p1", "c3",
		                                          "110") "]") },
		/* what the server can do is asked once */
		{ ALL, NULL, 200, SYNC("[]") },
		{ 0 },
	};
	struct fixture fixture;

	begin(&fixture, rows);
	fixture.call.target = NULL;
	fixture_run(&fixture, runtime_list);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	assert_non_null(strstr(told, "default/c1:1,"));
	assert_non_null(strstr(told, "p1/c2:5,"));
	assert_non_null(strstr(told, "p1/c3:2,"));
	assert_non_null(strstr(told, "user.a=1"));
	assert_non_null(strstr(told, "user.b="));
	assert_null(strstr(told, "x="));
	told[0] = '\0';
	fixture_run(&fixture, runtime_list);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	assert_string_equal(told, "");
	fixture_end(&fixture);
}

/* LXD 4.0 lists one project at a time. */
static void test_list_by_project(void **state)
{
	static const struct scripted_row rows[] = {
		{ "GET /1.0", NULL, 200, SERVER("\"projects\"") },
		{ "GET /1.0/projects?recursion=1", NULL, 200,
		  SYNC("[{\"name\":\"default\"},{\"name\":\"p&1\"}]") },
		{ OF("default"), NULL, 200,
		  SYNC("[" INSTANCE("default", "c1", "103") "]") },
		{ OF("p%261"), NULL, 200,
		  SYNC("[" INSTANCE("p&1", "c1", "103") "]") },
		{ 0 },
	};
	struct fixture fixture;

	begin(&fixture, rows);
	fixture_run(&fixture, runtime_list);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	assert_non_null(strstr(told, "default/c1:1"));
	assert_non_null(strstr(told, "p&1/c1:1"));
	fixture_end(&fixture);
}

static void test_list_of_a_project(void **state)
{
	static const struct scripted_row rows[] = {
		{ OF("p1"), NULL, 200, SYNC("[]") },
		{ 0 },
	};
	struct fixture fixture;

	begin(&fixture, rows);
	fixture.call.project = "p1";
	fixture_run(&fixture, runtime_list);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	fixture_end(&fixture);
}

static void test_broken_lists(void **state)
{
	static const struct {
		struct scripted_row row;
		enum runtime_result result;
		const char *words;
	} cases[] = {
		{ { ALL, NULL, 403, FAIL("403", "not authorized") },
		  RUNTIME_FAILED,
		  "not authorized" },
		{ { ALL, NULL, 502, "<html>" },
		  RUNTIME_FAILED,
		  "unexpected reply" },
		{ { ALL, NULL, 200, SYNC("null") },
		  RUNTIME_FAILED,
		  "without any list" },
		{ { ALL, NULL, 200, SYNC("[{}]") },
		  RUNTIME_FAILED,
		  "without a name" },
		{ { ALL, NULL, 200, SYNC("[{\"name\":") }, RUNTIME_FAILED, "" },
		{ { ALL, NULL, SCRIPTED_CLOSE, NULL },
		  RUNTIME_UNAVAILABLE,
		  "" },
		{ { ALL, NULL, SCRIPTED_BYTES_CLOSE,
		    "HTTP/1.1 200 X\r\nContent-Length: 999\r\n\r\n"
		    "{\"type\":\"sync\",\"metadata\":[" },
		  RUNTIME_FAILED,
		  "" },
		{ { ALL, NULL, SCRIPTED_HANG, NULL },
		  RUNTIME_TIMED_OUT,
		  "not done within" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct scripted_row rows[] = { MODERN,
			                             cases[i].row,
			                             { 0 } };
		struct fixture fixture;

		begin(&fixture, rows);
		fixture.call.timeout_ms =
			cases[i].row.status == SCRIPTED_HANG ? 40 : 5000;
		fixture.daemon.any_order = true;
		fixture.daemon.all_asked = true;
		fixture_run(&fixture, runtime_list);
		fixture_expect(&fixture, cases[i].result, cases[i].words);
		assert_non_null(strstr(fixture.call.err.message,
		                       "lxd: cannot list instances: "));
		fixture_end(&fixture);
	}
}

static void test_list_cancelled_by_its_reader(void **state)
{
	static const struct scripted_row rows[] = {
		MODERN,
		{ ALL, NULL, 200,
		  SYNC("[" INSTANCE("default", "c1", "103") "," INSTANCE(
			  "default", "c2", "103") "]") },
		{ 0 },
	};
	struct fixture fixture;

	begin(&fixture, rows);
	stop_after = 1;
	fixture_run(&fixture, runtime_list);
	fixture_expect(&fixture, RUNTIME_CANCELLED, "cancelled");
	assert_non_null(strstr(told, "default/c1"));
	assert_null(strstr(told, "default/c2"));
	fixture_end(&fixture);
}

static void test_inspect_describes(void **state)
{
	static const struct scripted_row rows[] = {
		{ "GET " C1 "?project=p1", NULL, 200,
		  SYNC(INSTANCE("p1", "c1", "103")) },
		{ 0 },
	};
	struct fixture fixture;

	begin(&fixture, rows);
	fixture.call.target = "p1/c1";
	fixture_run(&fixture, runtime_inspect);
	fixture_expect(&fixture, RUNTIME_OK, NULL);
	assert_non_null(strstr(told, "p1/c1:1,"));
	assert_int_equal(fixture.call.found.status, RUNTIME_STATUS_RUNNING);
	fixture_end(&fixture);
}

/* --- remove ------------------------------------------------------------- */

static void test_remove(void **state)
{
	static const struct {
		struct scripted_row rows[7];
		enum runtime_result result;
		const char *words;
	} cases[] = {
		{ { { "GET " C1, NULL, 200, STOPPED },
		    { "DELETE " C1, NULL, 202, BEGUN },
		    { "GET " WAIT, NULL, 200, DONE } },
		  RUNTIME_OK,
		  NULL },
		{ { { "GET " C1, NULL, 404, FAIL("404", "not found") } },
		  RUNTIME_OK,
		  NULL },
		{ { { "GET " C1, NULL, 200, STOPPED },
		    { "DELETE " C1, NULL, 404, FAIL("404", "not found") } },
		  RUNTIME_OK,
		  NULL },
		{ { { "GET " C1, NULL, 200, RUNNING } },
		  RUNTIME_LEFT_ALONE,
		  "it runs" },
		{ { { "GET " C1, NULL, 200, FROZEN } },
		  RUNTIME_LEFT_ALONE,
		  "it is frozen" },
		{ { { "GET " C1, NULL, 200, STOPPED },
		    { "DELETE " C1, NULL, 400,
		      FAIL("400", "Instance is running") } },
		  RUNTIME_LEFT_ALONE,
		  "it runs again" },
		{ { { "GET " C1, NULL, 200, STOPPED },
		    { "DELETE " C1, NULL, 400,
		      FAIL("400", "Instance is protected") } },
		  RUNTIME_FAILED,
		  "Instance is protected" },
		{ { { "GET " C1, NULL, 200, STOPPED },
		    { "DELETE " C1, NULL, 202, BEGUN },
		    { "GET " WAIT, NULL, 200, FAILED("disk on fire") } },
		  RUNTIME_FAILED,
		  "disk on fire" },
		/* busy, then its end is lost: looked at again each time */
		{ { { "GET " C1, NULL, 200, STOPPED },
		    { "DELETE " C1, NULL, 500,
		      FAIL("500", "Instance is busy running a start") },
		    { "GET " C1, NULL, 200, STOPPED },
		    { "DELETE " C1, NULL, 202, BEGUN },
		    { "GET " WAIT, NULL, 404, FAIL("404", "not found") },
		    { "GET " C1, NULL, 404, FAIL("404", "not found") } },
		  RUNTIME_OK,
		  NULL },
		{ { { "GET " C1, NULL, 403, FAIL("403", "no") } },
		  RUNTIME_FAILED,
		  "no" },
		{ { { "GET " C1, NULL, SCRIPTED_HANG, NULL } },
		  RUNTIME_TIMED_OUT,
		  "not done within" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fixture fixture;

		begin(&fixture, cases[i].rows);
		fixture.call.timeout_ms =
			cases[i].result == RUNTIME_TIMED_OUT ? 40 : 5000;
		fixture_run(&fixture, runtime_remove);
		fixture_expect(&fixture, cases[i].result, cases[i].words);
		fixture_end(&fixture);
	}
}

static void test_remove_a_bad_name(void **state)
{
	static const struct scripted_row rows[] = { { 0 } };
	struct fixture fixture;

	begin(&fixture, rows);
	fixture.call.target = "a/b/c";
	fixture_run(&fixture, runtime_remove);
	fixture_expect(&fixture, RUNTIME_FAILED, "no instance of that name");
	fixture_end(&fixture);
}

/* --- events ------------------------------------------------------------- */

struct watching {
	struct fixture fixture;
	struct runtime_watch watch;
	bool opened;
	bool closed;
	int n_closed;
	bool leave; /* after the first event */
	char heard[512];
};

static void on_opened(struct runtime_watch *watch)
{
	container_of(watch, struct watching, watch)->opened = true;
}

static void on_event(struct runtime_watch *watch,
                     const struct runtime_event *event)
{
	struct watching *watching = container_of(watch, struct watching, watch);
	size_t n = strlen(watching->heard);

	assert_true(watching->opened && !watching->closed);
	(void)snprintf(watching->heard + n, sizeof(watching->heard) - n,
	               "%d:%s%s ", (int)event->kind, event->id,
	               event->asked ? "!" : "");
	if (watching->leave)
		runtime_unwatch(watch);
}

static void on_watch_closed(struct runtime_watch *watch)
{
	struct watching *watching = container_of(watch, struct watching, watch);

	watching->closed = true;
	watching->n_closed++;
}

static void watch(struct watching *watching)
{
	watching->watch = (struct runtime_watch){
		.opened = on_opened,
		.event = on_event,
		.closed = on_watch_closed,
	};
	watching->opened = watching->closed = false;
	watching->n_closed = 0;
	watching->heard[0] = '\0';
}

static void start_watching(struct watching *watching)
{
	watch(watching);
	assert_int_equal(
		runtime_watch(watching->fixture.runtime, &watching->watch), 0);
	assert_false(watching->closed);
}

static void run_watch(struct watching *watching)
{
	start_watching(watching);
	test_loop_until(&watching->fixture.loop, &watching->closed);
	assert_int_equal(watching->n_closed, 1);
}

static void expect_end(const struct watching *watching, int code,
                       const char *words)
{
	const struct err *err = &watching->watch.err;

	if (err->code != code || !strstr(err->message, words) ||
	    strncmp(err->message, "lxd: ", 5) != 0)
		fail_msg("%d %s, not %d %s", err->code, err->message, code,
		         words);
}

/* Each of 126 bytes at most behind its head. */
#define DIED                                                                \
	"%81%6F{\"type\":\"lifecycle\",\"project\":\"p\",\"metadata\":{"    \
	"\"action\":\"instance-shutdown\",\"source\":\"/1.0/instances/c1\"" \
	"}}      "
#define RENAMED                                                   \
	"%81%74{\"type\":\"lifecycle\",\"metadata\":{\"action\":" \
	"\"instance-renamed\",\"source\":\"/1.0/instances/b\","   \
	"\"context\":{\"old_name\":\"a\"}}}"
#define STOPPED_BY                                                \
	"%81%68{\"type\":\"lifecycle\",\"metadata\":{\"action\":" \
	"\"instance-stopped\",\"source\":\"/1.0/instances/a\","   \
	"\"requestor\":{}}}"
#define GOODBYE "%88%02%03%E9"

static void test_watch(void **state)
{
	static const struct scripted_row rows[] = {
		{ EVENTS, NULL, SCRIPTED_WEBSOCKET,
		  "%81%02[]" DIED RENAMED STOPPED_BY GOODBYE },
		{ 0 },
	};
	struct watching watching = { 0 };

	fixture_begin(&watching.fixture, rows);
	run_watch(&watching);
	assert_true(watching.opened);
	expect_end(&watching, UV_EOF, "closed by the peer");
	/* ended, by itself; removed and renamed; ended, by somebody */
	assert_string_equal(watching.heard, "4:p/c1 8:default/a "
	                                    "7:default/b 4:default/a! ");
	fixture_end(&watching.fixture);
}

static void test_watch_ends(void **state)
{
	static const struct {
		struct scripted_row row;
		int code;
		const char *words;
	} cases[] = {
		{ { EVENTS, NULL, 403, FAIL("403", "no") },
		  -EPROTO,
		  "HTTP 403 Forbidden" },
		{ { EVENTS, NULL, SCRIPTED_CLOSE, NULL },
		  UV_EOF,
		  "without an answer" },
		{ { EVENTS, NULL, SCRIPTED_WEBSOCKET, "%81%01{" },
		  -EINVAL,
		  "makes no sense" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct scripted_row rows[] = { cases[i].row, { 0 } };
		struct watching watching = { 0 };

		fixture_begin(&watching.fixture, rows);
		run_watch(&watching);
		expect_end(&watching, cases[i].code, cases[i].words);
		fixture_end(&watching.fixture);
	}
}

static void test_watch_nobody(void **state)
{
	static const struct scripted_row rows[] = { { 0 } };
	struct watching watching = { 0 };

	fixture_begin(&watching.fixture, rows);
	fixture_close_runtime(&watching.fixture);
	fixture_open_runtime(&watching.fixture, "lxd", "/nonexistent/socket");
	run_watch(&watching);
	assert_int_equal(watching.watch.err.code, -ENOENT);
	fixture_end(&watching.fixture);
}

/* In an event, before it opened, while it is open; and with the runtime. */
static void test_unwatch(void **state)
{
	static const struct scripted_row rows[] = {
		{ EVENTS, NULL, SCRIPTED_WEBSOCKET, DIED DIED },
		{ 0 },
	};
	struct watching watching = { 0 };

	fixture_begin(&watching.fixture, rows);
	watching.fixture.daemon.any_order = true;
	watching.fixture.daemon.all_asked = true;
	watching.leave = true;
	run_watch(&watching);
	expect_end(&watching, UV_ECANCELED, "cancelled");
	assert_string_equal(watching.heard, "4:p/c1 ");

	watching.leave = false;
	start_watching(&watching);
	runtime_unwatch(&watching.watch);
	runtime_unwatch(&watching.watch);
	assert_false(watching.closed);
	test_loop_until(&watching.fixture.loop, &watching.closed);
	expect_end(&watching, UV_ECANCELED, "cancelled");
	assert_false(watching.opened);

	start_watching(&watching);
	test_loop_until(&watching.fixture.loop, &watching.opened);
	fixture_end(&watching.fixture);
	assert_int_equal(watching.n_closed, 1);
	expect_end(&watching, UV_ECANCELED, "cancelled");
}

/* --- without memory, and closed at any time ------------------------------ */

static const struct scripted_row all_rows[] = {
	MODERN,
	{ ALL, NULL, 200,
	  SYNC("[" INSTANCE("default", "c1", "103") "," INSTANCE("p1", "c2",
	                                                         "102") "]") },
	{ "GET " C1, NULL, 200, STOPPED },
	{ "DELETE " C1, NULL, 202, BEGUN },
	{ "GET " WAIT, NULL, 200, DONE },
	{ "GET " OP, NULL, 200, DONE },
	{ EVENTS, NULL, SCRIPTED_WEBSOCKET, DIED GOODBYE },
	{ 0 },
};

static void test_close_at_every_turn(void **state)
{
	static const operation ops[] = { runtime_list, runtime_remove };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		bool finished = false;

		for (int turns = 0; !finished; turns++) {
			struct fixture fixture;

			begin(&fixture, all_rows);
			fixture.daemon.any_order = true;
			fixture_start(&fixture, ops[i]);
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

static void test_unwatch_at_every_turn(void **state)
{
	bool finished = false;

	for (int turns = 0; !finished; turns++) {
		struct watching watching = { 0 };

		fixture_begin(&watching.fixture, all_rows);
		watching.fixture.daemon.any_order = true;
		watching.fixture.daemon.all_asked = true;
		start_watching(&watching);
		for (int t = 0; t < turns && !watching.closed; t++)
			(void)uv_run(&watching.fixture.loop.uv, UV_RUN_ONCE);
		finished = watching.closed;
		if (turns % 2)
			runtime_unwatch(&watching.watch);
		fixture_end(&watching.fixture);
		assert_int_equal(watching.n_closed, 1);
		assert_true(turns < 1000);
	}
}

/* One after the other on a runtime of their own; what fails, fails in words,
 * and once. */
static void faulty_run(struct watching *watching, operation op)
{
	struct fixture *fixture = &watching->fixture;

	told[0] = '\0';
	fixture->done = fixture->closed = false;
	fixture->n_done = 0;
	fixture->client = http_client_new(&fixture->loop.uv, NULL);
	if (!fixture->client)
		return;
	if (lxd_runtime_new(&fixture->runtime, &fixture->loop.uv,
	                    fixture->client, "lxd", fixture->daemon.path, NULL,
	                    NULL) == 0) {
		container_of(fixture->runtime, struct lxd_runtime, base)
			->retry_ms = 1;
		if (!op) {
			watch(watching);
			if (runtime_watch(fixture->runtime, &watching->watch) ==
			    0) {
				test_loop_until(&fixture->loop,
				                &watching->closed);
				assert_string_not_equal(
					watching->watch.err.message, "");
			}
		} else if (op(fixture->runtime, &fixture->call,
		              fixture_on_done) == 0) {
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
	static const operation ops[] = { runtime_list, runtime_remove, NULL };

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct watching watching = { 0 };
		size_t n;

		begin(&watching.fixture, all_rows);
		fixture_close_runtime(&watching.fixture);
		watching.fixture.daemon.any_order = true;
		watching.fixture.call.timeout_ms = 2000;
		faulty_run(&watching, ops[i]);

		faults_count();
		faulty_run(&watching, ops[i]);
		n = faults_end();
		assert_true(n > 10);
		if (!ops[i])
			assert_string_equal(watching.heard, "4:p/c1 ");
		else
			assert_int_equal(watching.fixture.call.result,
			                 RUNTIME_OK);
		for (size_t k = 1; k <= n; k++) {
			faults_fail(k);
			faulty_run(&watching, ops[i]);
			(void)faults_end();
		}
		scripted_close(&watching.fixture.daemon);
		test_loop_fini(&watching.fixture.loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_by_project),
		cmocka_unit_test(test_list_of_a_project),
		cmocka_unit_test(test_broken_lists),
		cmocka_unit_test(test_list_cancelled_by_its_reader),
		cmocka_unit_test(test_inspect_describes),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_remove_a_bad_name),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_watch_ends),
		cmocka_unit_test(test_watch_nobody),
		cmocka_unit_test(test_unwatch),
		cmocka_unit_test(test_close_at_every_turn),
		cmocka_unit_test(test_unwatch_at_every_turn),
		cmocka_unit_test(test_no_memory),
	};

	/* as the program does: libuv writes to sockets that have closed */
	(void)signal(SIGPIPE, SIG_IGN);
	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
