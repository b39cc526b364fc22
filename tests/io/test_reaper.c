/* SPDX-License-Identifier: Apache-2.0 */
/* reaper: orphans are taken away, and libuv's own children are left to it.
 * This process asks for orphans as process 1 gets them. */
#include "support/cmocka.h"
#include "support/loop.h"
#include "io/process.h"
#include "io/reaper.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/macros.h"

#define MANY 500 /* more than a batch */

/* The reaper stands before the loop: libuv calls those who wait for a signal
 * in the order of their addresses, and so the reaper looks before libuv has
 * taken its own children away. */
static struct {
	struct reaper reaper;
	struct test_loop loop;
} world;
static bool closed;

static int set_up(void **state)
{
	(void)state;
	test_loop_init(&world.loop);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	closed = false;
	return 0;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static int tear_down(void **state)
{
	(void)state;
	reaper_close(&world.reaper, on_closed, &closed);
	assert_false(closed);
	test_loop_until(&world.loop, &closed);
	test_loop_fini(&world.loop);
	/* nobody is left over, dead or alive */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	return 0;
}

/* Makes @n children of a child that ends at once, so that they are ours. They
 * live until the pipe's other end is closed. Returns that end. */
static int inherit(size_t n)
{
	int ends[2];
	pid_t parent;

	assert_int_equal(pipe(ends), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (parent == 0) {
		for (size_t i = 0; i < n; i++) {
			char byte;

			if (fork() == 0) {
				(void)close(ends[1]);
				(void)!read(ends[0], &byte, 1);
				_exit(0);
			}
		}
		_exit(0);
	}
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	assert_int_equal(close(ends[0]), 0);
	return ends[1];
}

static void await_reaped(uint64_t n)
{
	uint64_t end = uv_hrtime() + LOOP_WAIT_MS * UINT64_C(1000000);

	while (world.reaper.n_reaped < n) {
		if (uv_hrtime() > end)
			fail_msg("%u of %u reaped",
			         (unsigned)world.reaper.n_reaped, (unsigned)n);
		test_loop_for(&world.loop, 5);
	}
	assert_int_equal(world.reaper.n_reaped, n);
}

/* Until @n children are dead and not taken away: peeks, one by one. */
static void await_dead(const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		siginfo_t dead;

		assert_int_equal(
			waitid(P_PID, (id_t)pids[i], &dead, WEXITED | WNOWAIT),
			0);
	}
}

static void test_is_needed_by_who_gets_orphans(void **state)
{
	assert_true(reaper_is_needed());
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0), 0);
	assert_false(reaper_is_needed());
	assert_int_equal(reaper_open(&world.reaper, &world.loop.uv), 0);
}

static void test_reaps_one(void **state)
{
	int fd;

	assert_int_equal(reaper_open(&world.reaper, &world.loop.uv), 0);
	fd = inherit(1);
	test_loop_for(&world.loop, 20);
	assert_int_equal(world.reaper.n_reaped, 0);
	assert_int_equal(close(fd), 0);
	await_reaped(1);
}

static void test_reaps_many_at_once(void **state)
{
	int fd;

	assert_int_equal(reaper_open(&world.reaper, &world.loop.uv), 0);
	fd = inherit(MANY);
	assert_int_equal(close(fd), 0);
	await_reaped(MANY);
}

/* Dead before anybody listened: their signal is long gone. */
static void test_reaps_who_died_before(void **state)
{
	pid_t pids[3];

	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(1);
	}
	await_dead(pids, ARRAY_SIZE(pids));
	assert_int_equal(reaper_open(&world.reaper, &world.loop.uv), 0);
	assert_int_equal(world.reaper.n_reaped, ARRAY_SIZE(pids));
}

/* --- beside children of libuv ------------------------------------------- */

struct own {
	uv_process_t process;
	int64_t status;
	bool exited;
	bool closed;
};

static void on_own_closed(uv_handle_t *handle)
{
	container_of((uv_process_t *)handle, struct own, process)->closed =
		true;
}

static void on_own_exited(uv_process_t *process, int64_t status, int signum)
{
	struct own *own = container_of(process, struct own, process);

	own->status = signum ? -1 : status;
	own->exited = true;
	uv_close((uv_handle_t *)process, on_own_closed);
}

static void spawn(struct own *own, char *script)
{
	char sh[] = "sh";
	char flag[] = "-c";
	char *argv[] = { sh, flag, script, NULL };
	uv_process_options_t options = {
		.file = sh,
		.args = argv,
		.exit_cb = on_own_exited,
	};

	*own = (struct own){ .status = -2 };
	assert_int_equal(uv_spawn(&world.loop.uv, &own->process, &options), 0);
}

/* Ours stands first in the queue, orphans and others of ours behind it; all
 * are dead before the loop looks. */
static void test_own_children_in_between(void **state)
{
	struct own owns[3];
	pid_t pids[6];

	assert_int_equal(reaper_open(&world.reaper, &world.loop.uv), 0);
	for (size_t i = 0; i < ARRAY_SIZE(owns); i++) {
		char script[24];

		(void)snprintf(script, sizeof(script), "exit %d", (int)i + 7);
		spawn(&owns[i], script);
		pids[2 * i] = owns[i].process.pid;
		pids[2 * i + 1] = fork();
		assert_true(pids[2 * i + 1] >= 0);
		if (pids[2 * i + 1] == 0)
			_exit(0);
	}
	await_dead(pids, ARRAY_SIZE(pids));
	for (size_t i = 0; i < ARRAY_SIZE(owns); i++) {
		test_loop_until(&world.loop, &owns[i].closed);
		assert_int_equal(owns[i].status, (int)i + 7);
	}
	await_reaped(ARRAY_SIZE(owns));
}

struct command {
	struct process_call call;
	bool done;
};

static void on_command_done(struct process_call *call)
{
	container_of(call, struct command, call)->done = true;
}

/* The orphans of commands die while commands come and go; each command is
 * told how it ended. */
static void test_orphans_of_commands(void **state)
{
	/* outlives its parent, and ends when libuv has taken that away */
	static const char *const argv[] = {
		"sh", "-c",
		"(exec >&- 2>&-; while kill -0 $$; do :; done) & exit 3", NULL
	};
	struct command commands[20] = { 0 };

	assert_int_equal(reaper_open(&world.reaper, &world.loop.uv), 0);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		commands[i].call.argv = argv;
		commands[i].call.max_output = 100;
		assert_int_equal(process_spawn(&world.loop.uv,
		                               &commands[i].call,
		                               on_command_done),
		                 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		test_loop_until(&world.loop, &commands[i].done);
		assert_int_equal(commands[i].call.err.code, 0);
		assert_int_equal(commands[i].call.exit_status, 3);
		process_call_fini(&commands[i].call);
	}
	await_reaped(ARRAY_SIZE(commands));
}

/* A program that is not there: libuv takes its failed child away itself. */
static void test_a_command_that_does_not_start(void **state)
{
	static const char *const argv[] = { "/no/such/program", NULL };
	struct command command = { .call = { .argv = argv } };

	assert_int_equal(reaper_open(&world.reaper, &world.loop.uv), 0);
	assert_int_equal(
		process_spawn(&world.loop.uv, &command.call, on_command_done),
		0);
	test_loop_until(&world.loop, &command.done);
	assert_int_equal(command.call.err.code, UV_ENOENT);
	process_call_fini(&command.call);
	test_loop_for(&world.loop, 20);
	assert_int_equal(world.reaper.n_reaped, 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_needed_by_who_gets_orphans),
		TEST(reaps_one),
		TEST(reaps_many_at_once),
		TEST(reaps_who_died_before),
		TEST(own_children_in_between),
		TEST(orphans_of_commands),
		TEST(a_command_that_does_not_start),
	};

	return cmocka_run_group_tests_name("reaper", tests, NULL, NULL);
}
