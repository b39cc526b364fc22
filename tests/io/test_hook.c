/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that are told what happened: real ones, of the host. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"

#include <string.h>
#include "action/hook.h"
#include "runtime/host.h"

#define FILE_MAX_BYTES 512

struct fixture {
	struct test_loop loop;
	struct runtime *host;
	struct hooks hooks;
	struct log log;
	char file[108]; /* what the commands write */
	char said[4096];
	bool heard; /* a line was logged */
	bool hooks_closed;
	bool host_closed;
};

static const struct notice notice = {
	.event = NOTICE_BOUNCED,
	.monitor = "health/web",
	.rule = "health",
	.container = "we b; $(exit 1)\n\"",
	.id = "0123456789abcdef",
	.image = "",
	.runtime = "docker",
	.host = "box",
	.reason = "container is unhealthy",
	.step = "restart",
	.result = "ok",
	.detail = "",
	.output = "",
	.stop_timeout_ms = 3500,
};

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void on_line(void *context, enum log_level level, struct slice line)
{
	struct fixture *fixture = context;
	size_t n = strlen(fixture->said);

	(void)snprintf(fixture->said + n, sizeof(fixture->said) - n, SLICE_FMT,
	               SLICE_ARG(line));
	fixture->heard = true;
	assert_int_equal(level, LOG_LEVEL_WARN);
}

static void begin(struct fixture *fixture)
{
	*fixture = (struct fixture){ 0 };
	test_loop_init(&fixture->loop);
	(void)test_loop_path(&fixture->loop, "told", fixture->file);
	fixture->log.emit = on_line;
	fixture->log.context = fixture;
	fixture->log.level = LOG_LEVEL_WARN;
	assert_int_equal(host_runtime_new(&fixture->host, &fixture->loop.uv),
	                 0);
	fixture->hooks.log = &fixture->log;
	fixture->hooks.host = fixture->host;
	hooks_init(&fixture->hooks);
}

static void end(struct fixture *fixture)
{
	hooks_close(&fixture->hooks, on_closed, &fixture->hooks_closed);
	test_loop_until(&fixture->loop, &fixture->hooks_closed);
	runtime_close(fixture->host, on_closed, &fixture->host_closed);
	test_loop_until(&fixture->loop, &fixture->host_closed);
	test_loop_fini(&fixture->loop);
}

/* Until none runs. */
static void drain(struct fixture *fixture)
{
	for (int i = 0; i < LOOP_WAIT_MS / LOOP_TICK_MS; i++) {
		if (fixture->hooks.n_running == 0)
			return;
		test_loop_for(&fixture->loop, LOOP_TICK_MS);
	}
	fail_msg("a command does not end");
}

static void check_file(const struct fixture *fixture, const char *text)
{
	char read[FILE_MAX_BYTES + 1] = "";
	FILE *file = fopen(fixture->file, "r");

	assert_non_null(file);
	read[fread(read, 1, FILE_MAX_BYTES, file)] = '\0';
	(void)fclose(file);
	assert_string_equal(read, text);
}

/* A value stays one argument, whatever is in it. */
static void test_arguments(void **state)
{
	struct fixture fixture;
	const char *argv[] = { "/bin/sh",
		               "-c",
		               "for a; do echo \"<$a>\"; done >$0",
		               NULL,
		               "/{{ container }}",
		               "{{ short_id }}",
		               "running",
		               "{{stop_timeout}}",
		               "",
		               NULL };

	begin(&fixture);
	argv[3] = fixture.file;
	hooks_run(&fixture.hooks, argv, 5000, &notice);
	assert_int_equal(fixture.hooks.n_running, 1);
	drain(&fixture);
	check_file(&fixture, "</we b; $(exit 1) \">\n<0123456789ab>\n"
	                     "<running>\n<3>\n<>\n");
	assert_string_equal(fixture.said, "");
	end(&fixture);
}

static void test_failures(void **state)
{
	static const char *const failing[] = { "/bin/sh", "-c", "exit 3",
		                               NULL };
	static const char *const missing[] = { "/nonexistent/x", NULL };
	static const char *const hanging[] = { "/bin/sleep", "60", NULL };
	struct fixture fixture;

	begin(&fixture);
	hooks_run(&fixture.hooks, failing, 5000, &notice);
	drain(&fixture);
	assert_non_null(strstr(fixture.said, "exit code 3"));
	hooks_run(&fixture.hooks, missing, 5000, &notice);
	drain(&fixture);
	assert_non_null(strstr(fixture.said, "/nonexistent/x"));
	fixture.said[0] = '\0';
	hooks_run(&fixture.hooks, hanging, 50, &notice);
	drain(&fixture);
	assert_non_null(strstr(fixture.said, "the command after a bounce "
	                                     "failed"));
	end(&fixture);
}

/* Not more than so many at once, and none is left at the end. */
static void test_crowd(void **state)
{
	static const char *const hanging[] = { "/bin/sleep", "60", NULL };
	struct fixture fixture;

	begin(&fixture);
	for (int i = 0; i < HOOKS_MAX; i++)
		hooks_run(&fixture.hooks, hanging, 60000, &notice);
	assert_int_equal(fixture.hooks.n_running, HOOKS_MAX);
	assert_string_equal(fixture.said, "");
	hooks_run(&fixture.hooks, hanging, 60000, &notice);
	assert_int_equal(fixture.hooks.n_running, HOOKS_MAX);
	assert_non_null(strstr(fixture.said, "too many run already"));
	end(&fixture);
	assert_int_equal(fixture.hooks.n_running, 0);
}

/* What is run late is not run. */
static void test_closed(void **state)
{
	static const char *const argv[] = { "/bin/true", NULL };
	struct fixture fixture;

	begin(&fixture);
	hooks_close(&fixture.hooks, on_closed, &fixture.hooks_closed);
	assert_true(fixture.hooks_closed);
	hooks_run(&fixture.hooks, argv, 1000, &notice);
	assert_int_equal(fixture.hooks.n_running, 0);
	runtime_close(fixture.host, on_closed, &fixture.host_closed);
	test_loop_until(&fixture.loop, &fixture.host_closed);
	test_loop_fini(&fixture.loop);
}

/* @kth: the allocation that fails; 0: none. Returns how many there were. */
static size_t scenario(size_t kth)
{
	static const char *const argv[] = { "/bin/true", "{{ container }}",
		                            NULL };
	struct fixture fixture;
	size_t n;

	begin(&fixture);
	if (kth)
		faults_fail(kth);
	else
		faults_count();
	hooks_run(&fixture.hooks, argv, 5000, &notice);
	assert_true(fixture.hooks.n_running == 1 || fixture.heard);
	drain(&fixture);
	n = faults_end();
	end(&fixture);
	return n;
}

static void test_memory(void **state)
{
	size_t n = scenario(0);

	assert_true(n > 2);
	for (size_t k = 1; k <= n; k++)
		(void)scenario(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_crowd),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_memory),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
