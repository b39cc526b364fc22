/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/loop.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void test_loop_init(struct test_loop *loop)
{
	assert_int_equal(uv_loop_init(&loop->uv), 0);
	(void)snprintf(loop->dir, sizeof(loop->dir),
	               "/tmp/bouncer-test-XXXXXX");
	assert_non_null(mkdtemp(loop->dir));
}

/* Wakes the loop: what is waited for may have happened in its own timers,
 * after which it would sleep. */
static void on_tick(uv_timer_t *timer)
{
}

static void run_bounded(struct test_loop *loop, const bool *flag, uint64_t ms)
{
	uint64_t end_ms;
	uv_timer_t timer;

	uv_update_time(&loop->uv);
	end_ms = uv_now(&loop->uv) + ms;
	assert_int_equal(uv_timer_init(&loop->uv, &timer), 0);
	assert_int_equal(
		uv_timer_start(&timer, on_tick, LOOP_TICK_MS, LOOP_TICK_MS), 0);
	while (uv_now(&loop->uv) < end_ms && !(flag && *flag))
		(void)uv_run(&loop->uv, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
}

void test_loop_until(struct test_loop *loop, const bool *flag)
{
	run_bounded(loop, flag, LOOP_WAIT_MS);
	if (!*flag)
		fail_msg("nothing happened within %d ms", LOOP_WAIT_MS);
}

void test_loop_for(struct test_loop *loop, uint64_t ms)
{
	run_bounded(loop, NULL, ms);
}

static void name_handle(uv_handle_t *handle, void *context)
{
	bool *alive = context;

	if (uv_is_closing(handle))
		return;
	print_error("handle left alive: %s\n",
	            uv_handle_type_name(uv_handle_get_type(handle)));
	*alive = true;
}

static void remove_dir(const char *path)
{
	struct dirent *entry;
	DIR *dir = opendir(path);

	while (dir && (entry = readdir(dir))) {
		char child[512];

		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(child, sizeof(child), "%s/%s", path,
		               entry->d_name);
		(void)unlink(child);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

void test_loop_fini(struct test_loop *loop)
{
	bool alive = false;

	for (int i = 0; i < 20; i++)
		(void)uv_run(&loop->uv, UV_RUN_NOWAIT);
	uv_walk(&loop->uv, name_handle, &alive);
	remove_dir(loop->dir);
	if (alive)
		fail_msg("handles were left alive");
	(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop->uv), 0);
}

const char *test_loop_path(const struct test_loop *loop, const char *name,
                           char *out)
{
	(void)snprintf(out, 108, "%s/%s", loop->dir, name);
	return out;
}
