/* SPDX-License-Identifier: Apache-2.0 */
/* append_file: order, emptying, what fails, and closing at every step. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "io/append_file.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/atomic_file.h"

#define ROOM 100

struct written {
	struct append_write write;
	bool done;
	int n_done;
};

static struct test_loop loop;
static char path[108];

static int set_up(void **state)
{
	(void)state;
	test_loop_init(&loop);
	(void)test_loop_path(&loop, "begun", path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_loop_fini(&loop);
	return 0;
}

static void on_written(struct append_write *write)
{
	struct written *written = container_of(write, struct written, write);

	written->done = true;
	written->n_done++;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static struct append_file *open_file(size_t size)
{
	struct append_file *file =
		append_file_new(&loop.uv, path, size, ROOM, 0600);

	assert_non_null(file);
	return file;
}

static void close_file(struct append_file *file)
{
	bool closed = false;

	append_file_close(file, on_closed, &closed);
	assert_false(closed);
	test_loop_until(&loop, &closed);
}

static void write_text(struct append_file *file, struct written *written,
                       const char *text)
{
	*written = (struct written){ 0 };
	assert_int_equal(append_file_write(file, slice_from(text),
	                                   &written->write, on_written),
	                 0);
	assert_false(written->done);
}

static void await(struct written *written, int code)
{
	test_loop_until(&loop, &written->done);
	assert_int_equal(written->n_done, 1);
	assert_int_equal(written->write.err.code, code);
}

static void assert_content(const char *expected)
{
	struct buf content;
	struct err err;

	assert_int_equal(atomic_file_read(path, 10000, &content, &err), 0);
	assert_string_equal(buf_text(&content), expected);
	buf_fini(&content);
}

/* What comes while one is in flight is written behind it, as one. */
static void appends_in_order(void **state)
{
	struct append_file *file = open_file(0);
	struct written written[3];
	struct stat st;

	assert_int_equal(access(path, F_OK), -1);
	write_text(file, &written[0], "one\n");
	write_text(file, &written[1], "two\n");
	write_text(file, &written[2], "three\n");
	assert_int_equal(append_file_size(file), 14);
	await(&written[2], 0);
	assert_int_equal(written[0].n_done, 1);
	assert_int_equal(written[1].n_done, 1);
	assert_content("one\ntwo\nthree\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close_file(file);

	/* the next run goes on where the last one ended */
	file = open_file(14);
	write_text(file, &written[0], "four\n");
	await(&written[0], 0);
	assert_int_equal(append_file_size(file), 19);
	assert_content("one\ntwo\nthree\nfour\n");
	close_file(file);
}

static void empties(void **state)
{
	struct append_file *file = open_file(0);
	struct written written[2];

	append_file_clear(file); /* there is nothing, not even a file */
	write_text(file, &written[0], "one\n");
	append_file_clear(file); /* not under somebody's hands */
	await(&written[0], 0);
	assert_content("one\n");
	append_file_clear(file);
	write_text(file, &written[1], "two\n"); /* after it */
	await(&written[1], 0);
	assert_content("two\n");
	assert_int_equal(append_file_size(file), 4);
	close_file(file);

	/* of the last run; closing waits for it */
	file = open_file(4);
	append_file_clear(file);
	close_file(file);
	assert_content("");
}

/* A full disk, in effect. */
static void says_what_fails(void **state)
{
	struct rlimit before;
	struct rlimit limit = { .rlim_cur = 6, .rlim_max = RLIM_INFINITY };
	struct append_file *file = open_file(0);
	struct written written[2];

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit.rlim_max = before.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	write_text(file, &written[0], "one\n");
	write_text(file, &written[1], "two\n");
	await(&written[0], 0);
	await(&written[1], UV_EFBIG);
	assert_non_null(strstr(written[1].write.err.message, "cannot write "));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(append_file_size(file), 6);
	write_text(file, &written[0], "\nthree\n");
	await(&written[0], 0);
	assert_content("one\ntw\nthree\n");
	close_file(file);

	/* there is something else in its place: each try says so */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	file = open_file(1);
	for (int i = 0; i < 2; i++) {
		write_text(file, &written[0], "x");
		await(&written[0], UV_EISDIR);
		assert_non_null(
			strstr(written[0].write.err.message, "cannot open "));
	}
	append_file_clear(file);
	close_file(file);
	assert_int_equal(rmdir(path), 0);
}

static void has_no_room_for_ever(void **state)
{
	char text[ROOM + 1] = "";
	struct append_file *file = open_file(0);
	struct written first;
	struct written written[2];

	memset(text, 'x', ROOM);
	write_text(file, &first, "first\n");
	write_text(file, &written[0], text);
	assert_int_equal(append_file_write(file, slice_from("x"),
	                                   &written[1].write, on_written),
	                 UV_ENOSPC);
	await(&written[0], 0);
	write_text(file, &written[1], text);
	await(&written[1], 0);
	assert_int_equal(append_file_size(file), 6 + 2 * ROOM);
	close_file(file);
}

static void close_at_every_step(void **state)
{
	for (int turns = 0; turns < 8; turns++) {
		struct append_file *file = open_file(0);
		struct written written[2];
		bool closed = false;

		write_text(file, &written[0], "one\n");
		for (int i = 0; i < turns && !written[0].done; i++)
			(void)uv_run(&loop.uv, UV_RUN_ONCE);
		write_text(file, &written[1], "two\n");
		append_file_close(file, on_closed, &closed);
		test_loop_until(&loop, &closed);
		assert_int_equal(written[0].n_done, 1);
		assert_int_equal(written[1].n_done, 1);
		assert_content("one\ntwo\n");
		assert_int_equal(unlink(path), 0);
	}
}

static void scenario(void)
{
	struct append_file *file =
		append_file_new(&loop.uv, path, 0, ROOM, 0600);
	struct written written[2] = { 0 };

	if (!file)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
		if (append_file_write(file, slice_from("line\n"),
		                      &written[i].write, on_written) == 0)
			test_loop_until(&loop, &written[i].done);
		append_file_clear(file);
	}
	close_file(file);
}

static void survives_without_memory(void **state)
{
	size_t n;

	faults_count();
	scenario();
	n = faults_end();
	assert_true(n > 0);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		scenario();
		(void)faults_end();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(appends_in_order),    TEST(empties),
		TEST(says_what_fails),     TEST(has_no_room_for_ever),
		TEST(close_at_every_step), TEST(survives_without_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("append_file", tests, NULL, NULL);
}
