/* SPDX-License-Identifier: Apache-2.0 */
/* notify: what a service manager's socket receives, and what it does not. */
#include "support/cmocka.h"
#include "support/loop.h"
#include "io/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/number.h"

struct manager {
	int fd;
	char name[108]; /* as in NOTIFY_SOCKET */
};

static struct test_loop loop;
static struct notify notify;
static struct err err;
static bool closed;

static int set_up(void **state)
{
	(void)state;
	test_loop_init(&loop);
	(void)unsetenv("NOTIFY_SOCKET");
	(void)unsetenv("WATCHDOG_USEC");
	(void)unsetenv("WATCHDOG_PID");
	closed = false;
	err_clear(&err);
	return 0;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static int tear_down(void **state)
{
	(void)state;
	notify_close(&notify, on_closed, &closed);
	assert_false(closed);
	test_loop_until(&loop, &closed);
	test_loop_fini(&loop);
	return 0;
}

static void manager_bind(struct manager *manager)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t n = strlen(manager->name);

	memcpy(address.sun_path, manager->name, n);
	if (manager->name[0] == '@')
		address.sun_path[0] = '\0';
	else
		n++;
	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(manager->fd >= 0);
	assert_int_equal(
		bind(manager->fd, (struct sockaddr *)&address,
	             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
		0);
	assert_int_equal(setenv("NOTIFY_SOCKET", manager->name, 1), 0);
}

/* A manager that listens, and who speaks to it. */
static void begin(struct manager *manager)
{
	(void)test_loop_path(&loop, "notify", manager->name);
	manager_bind(manager);
	assert_int_equal(notify_open(&notify, &loop.uv, &err), 0);
	assert_true(notify_is_on(&notify));
}

static void end(struct manager *manager)
{
	assert_int_equal(close(manager->fd), 0);
}

/* The next datagram; "" if there is none. */
static const char *received(const struct manager *manager)
{
	static char text[512];
	ssize_t n = recv(manager->fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void test_says_nothing_unasked(void **state)
{
	assert_int_equal(setenv("WATCHDOG_USEC", "2000", 1), 0);
	assert_int_equal(notify_open(&notify, &loop.uv, &err), 0);
	assert_false(notify_is_on(&notify));
	assert_int_equal(notify_watchdog_ms(&notify), 0);
	assert_int_equal(notify_ready(&notify), 0);
	assert_int_equal(notify_reloading(&notify), 0);
	assert_int_equal(notify_status(&notify, "well"), 0);
	assert_int_equal(notify_stopping(&notify), 0);
}

static void test_tells_each_change(void **state)
{
	struct manager manager;
	struct timespec now;
	uint64_t usec;
	const char *text;

	begin(&manager);
	assert_int_equal(notify_ready(&notify), 0);
	assert_string_equal(received(&manager), "READY=1");
	assert_int_equal(notify_reloading(&notify), 0);
	text = received(&manager);
	assert_memory_equal(text, "RELOADING=1\nMONOTONIC_USEC=", 27);
	assert_int_equal(number_parse_u64(slice_from(text + 27), &usec), 0);
	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	assert_in_range(usec, (uint64_t)(now.tv_sec - 60) * 1000000,
	                (uint64_t)(now.tv_sec + 1) * 1000000);
	assert_int_equal(notify_stopping(&notify), 0);
	assert_string_equal(received(&manager), "STOPPING=1");
	assert_string_equal(received(&manager), "");
	end(&manager);
}

static void test_status_only_on_change(void **state)
{
	struct manager manager;
	char longest[2 * NOTIFY_STATUS_MAX];
	const char *text;

	begin(&manager);
	assert_int_equal(notify_status(&notify, "1 bad"), 0);
	assert_string_equal(received(&manager), "STATUS=1 bad");
	assert_int_equal(notify_status(&notify, "1 bad"), 0);
	assert_string_equal(received(&manager), "");
	assert_int_equal(notify_status(&notify, "1 bad, source down"), 0);
	assert_string_equal(received(&manager), "STATUS=1 bad, source down");

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(notify_status(&notify, longest), 0);
	text = received(&manager);
	assert_int_equal(strlen(text),
	                 strlen("STATUS=") + NOTIFY_STATUS_MAX - 1);
	assert_int_equal(notify_status(&notify, longest), 0);
	assert_string_equal(received(&manager), "");
	end(&manager);
}

static void test_abstract_name(void **state)
{
	struct manager manager;

	(void)snprintf(manager.name, sizeof(manager.name),
	               "@bouncer-test-notify-%d", (int)getpid());
	manager_bind(&manager);
	assert_int_equal(notify_open(&notify, &loop.uv, &err), 0);
	assert_int_equal(notify_ready(&notify), 0);
	assert_string_equal(received(&manager), "READY=1");
	end(&manager);
}

/* Nothing of it may reach the commands that we start. */
static void test_the_environment_is_emptied(void **state)
{
	struct manager manager;

	assert_int_equal(setenv("WATCHDOG_USEC", "60000000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	begin(&manager);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	end(&manager);
}

static void test_watchdog_at_half_the_time(void **state)
{
	struct manager manager;
	char pid[24];
	uint64_t begun_ms;
	int n = 0;

	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_int_equal(setenv("WATCHDOG_USEC", "40000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
	begun_ms = uv_hrtime() / 1000000; /* not later than the timer */
	begin(&manager);
	assert_int_equal(notify_watchdog_ms(&notify), 20);
	while (n < 3) {
		test_loop_for(&loop, 5);
		n += strcmp(received(&manager), "WATCHDOG=1") == 0;
		if (uv_hrtime() / 1000000 > begun_ms + LOOP_WAIT_MS)
			fail_msg("%d signs of life only", n);
	}
	/* three of them take three periods at least, but for rounding */
	assert_true(uv_hrtime() / 1000000 >= begun_ms + 58);
	end(&manager);
}

static void test_watchdog_of_another_process(void **state)
{
	struct manager manager;

	assert_int_equal(setenv("WATCHDOG_USEC", "2000", 1), 0);
	assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
	begin(&manager);
	assert_int_equal(notify_watchdog_ms(&notify), 0);
	end(&manager);
}

static void test_what_cannot_be_used_is_said(void **state)
{
	static const struct {
		const char *variable;
		const char *value;
		const char *words;
	} rows[] = {
		{ "NOTIFY_SOCKET", "vsock:2:1234", "neither a path nor" },
		{ "NOTIFY_SOCKET", "", "neither a path nor" },
		{ "NOTIFY_SOCKET", "@", "neither a path nor" },
		{ "NOTIFY_SOCKET",
		  "/1234567890/1234567890/1234567890/1234567890/1234567890/"
		  "1234567890/1234567890/1234567890/1234567890/1234567890",
		  "longer than 107 bytes" },
		{ "WATCHDOG_USEC", "soon", "WATCHDOG_USEC=soon" },
		{ "WATCHDOG_USEC", "0", "WATCHDOG_USEC=0" },
		{ "WATCHDOG_PID", "me", "WATCHDOG_PID=me" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(setenv("NOTIFY_SOCKET", "/none", 1), 0);
		assert_int_equal(setenv("WATCHDOG_USEC", "2000", 1), 0);
		assert_int_equal(setenv(rows[i].variable, rows[i].value, 1), 0);
		assert_true(notify_open(&notify, &loop.uv, &err) < 0);
		assert_non_null(strstr(err.message, rows[i].words));
		assert_false(notify_is_on(&notify));
		assert_int_equal(notify_ready(&notify), 0);
		closed = false;
		notify_close(&notify, on_closed, &closed);
		test_loop_until(&loop, &closed);
	}
	closed = false;
	assert_int_equal(notify_open(&notify, &loop.uv, &err), 0);
}

/* Whoever is gone, or does not read, is no reason to stop. */
static void test_a_manager_that_is_gone(void **state)
{
	struct manager manager;

	begin(&manager);
	assert_int_equal(unlink(manager.name), 0);
	assert_int_equal(notify_ready(&notify), -ENOENT);
	assert_int_equal(notify_status(&notify, "alone"), -ENOENT);
	end(&manager);
}

static void test_a_manager_that_does_not_read(void **state)
{
	struct manager manager;
	uint64_t begun_ms;
	char text[24];
	int n = 0;

	begin(&manager);
	do {
		(void)snprintf(text, sizeof(text), "%d", n);
	} while (++n < 100000 && notify_status(&notify, text) == 0);
	assert_int_equal(notify_status(&notify, "full"), -EAGAIN);
	begun_ms = uv_hrtime() / 1000000;
	assert_int_equal(notify_ready(&notify), -EAGAIN);
	assert_in_range(uv_hrtime() / 1000000 - begun_ms, NOTIFY_WAIT_MS - 50,
	                10 * NOTIFY_WAIT_MS);

	/* what was not taken is said when it reads again */
	while (received(&manager)[0])
		continue;
	assert_int_equal(notify_status(&notify, "full"), 0);
	assert_string_equal(received(&manager), "STATUS=full");
	end(&manager);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_nothing_unasked),
		TEST(tells_each_change),
		TEST(status_only_on_change),
		TEST(abstract_name),
		TEST(the_environment_is_emptied),
		TEST(watchdog_at_half_the_time),
		TEST(watchdog_of_another_process),
		TEST(what_cannot_be_used_is_said),
		TEST(a_manager_that_is_gone),
		TEST(a_manager_that_does_not_read),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
