/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "io/atomic_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <unistd.h>

#define MAX_CONTENT (8u << 20)

struct written {
	struct atomic_write write;
	bool done;
	int n_done;
};

static struct test_loop loop;
static char path[108];

static int set_up(void **state)
{
	(void)state;
	test_loop_init(&loop);
	(void)test_loop_path(&loop, "state.json", path);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_loop_fini(&loop);
	return 0;
}

static void on_written(struct atomic_write *write)
{
	struct written *written = container_of(write, struct written, write);

	written->done = true;
	written->n_done++;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static int try_write(struct atomic_file *file, struct written *written,
                     const char *text)
{
	struct buf content;
	int r;

	buf_init(&content, MAX_CONTENT);
	(void)buf_puts(&content, text);
	r = atomic_file_write(file, &content, &written->write, on_written);
	assert_false(written->done);
	if (r == 0)
		assert_null(content.p);
	buf_fini(&content);
	return r;
}

static void write_text(struct atomic_file *file, struct written *written,
                       const char *text)
{
	assert_int_equal(try_write(file, written, text), 0);
}

static void await(struct written *written)
{
	test_loop_until(&loop, &written->done);
	assert_int_equal(written->n_done, 1);
}

static void close_file(struct atomic_file *file)
{
	bool closed = false;

	atomic_file_close(file, on_closed, &closed);
	assert_false(closed);
	test_loop_until(&loop, &closed);
}

static struct atomic_file *open_file(void)
{
	struct atomic_file *file = atomic_file_new(&loop.uv, path, 0600);

	assert_non_null(file);
	return file;
}

static void assert_content(const char *expected)
{
	struct buf content;
	struct err err;

	assert_int_equal(atomic_file_read(path, MAX_CONTENT, &content, &err),
	                 0);
	assert_string_equal(buf_text(&content), expected);
	buf_fini(&content);
}

static size_t count_files(void)
{
	DIR *dir = opendir(loop.dir);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	(void)closedir(dir);
	return n;
}

static void put_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	assert_non_null(file);
	(void)fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* --- writing --------------------------------------------------------------- */

static void writes_and_replaces(void **state)
{
	static const char *const texts[] = { "first", "second, longer", "",
		                             "4" };
	struct atomic_file *file = open_file();
	struct stat st;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct written written = { 0 };

		write_text(file, &written, texts[i]);
		await(&written);
		assert_int_equal(written.write.err.code, 0);
		assert_content(texts[i]);
		assert_int_equal(count_files(), 1);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close_file(file);
}

static void writes_a_large_one(void **state)
{
	struct atomic_file *file = open_file();
	struct written written = { 0 };
	char *text = malloc(3000001);

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 3000000);
	text[3000000] = '\0';
	write_text(file, &written, text);
	await(&written);
	assert_int_equal(written.write.err.code, 0);
	assert_content(text);
	free(text);
	close_file(file);
}

static void only_the_newest_waits(void **state)
{
	struct atomic_file *file = open_file();
	struct written written[5] = { 0 };

	(void)state;
	write_text(file, &written[0], "0");
	write_text(file, &written[1], "1");
	write_text(file, &written[2], "2");
	write_text(file, &written[3], "3");
	await(&written[0]);
	assert_content("0");
	assert_false(written[1].done || written[2].done || written[3].done);
	write_text(file, &written[4], "4");

	/* 3 is in flight, and 1 and 2 have ridden with it */
	await(&written[3]);
	assert_content("3");
	assert_int_equal(written[1].n_done, 1);
	assert_int_equal(written[2].n_done, 1);
	assert_false(written[4].done);
	await(&written[4]);
	assert_content("4");
	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		assert_int_equal(written[i].write.err.code, 0);
	close_file(file);
}

static void replaces_what_a_crash_left(void **state)
{
	struct atomic_file *file = open_file();
	struct written written = { 0 };
	char temp[108];

	(void)state;
	put_file(test_loop_path(&loop, "state.json.tmp", temp), "half");
	write_text(file, &written, "whole");
	await(&written);
	assert_int_equal(written.write.err.code, 0);
	assert_content("whole");
	assert_int_equal(count_files(), 1);
	close_file(file);
}

static void does_not_follow_a_planted_link(void **state)
{
	struct atomic_file *file = open_file();
	struct written written = { 0 };
	char temp[108];
	char victim[108];
	struct buf content;

	(void)state;
	put_file(test_loop_path(&loop, "victim", victim), "precious");
	assert_int_equal(
		symlink(victim, test_loop_path(&loop, "state.json.tmp", temp)),
		0);
	write_text(file, &written, "ours");
	await(&written);
	assert_int_equal(written.write.err.code, 0);
	assert_content("ours");
	assert_int_equal(atomic_file_read(victim, 100, &content, NULL), 0);
	assert_string_equal(buf_text(&content), "precious");
	buf_fini(&content);
	close_file(file);
}

/* --- failing ------------------------------------------------------------------ */

static void a_missing_directory_is_said(void **state)
{
	struct atomic_file *file =
		atomic_file_new(&loop.uv, "/no/such/dir/state", 0600);
	struct written written = { 0 };

	(void)state;
	write_text(file, &written, "text");
	await(&written);
	assert_int_equal(written.write.err.code, UV_ENOENT);
	assert_string_equal(written.write.err.message,
	                    "cannot create \"/no/such/dir/state.tmp\": "
	                    "No such file or directory");
	close_file(file);
}

/* A limit on the size of files is the full disk of the poor. */
static void limit_file_size(struct rlimit *beforep)
{
	struct rlimit small;

	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, beforep), 0);
	small = *beforep;
	small.rlim_cur = 1000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
}

/* More than that. */
static const char *too_much(char text[static 2001])
{
	memset(text, 'x', 2000);
	text[2000] = '\0';
	return text;
}

static void a_full_disk_leaves_the_old_content(void **state)
{
	struct atomic_file *file = open_file();
	struct written old = { 0 };
	struct written written = { 0 };
	struct written again = { 0 };
	struct rlimit before;
	char text[2001];

	(void)state;
	write_text(file, &old, "old");
	await(&old);

	limit_file_size(&before);
	write_text(file, &written, too_much(text));
	await(&written);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(written.write.err.code, UV_EFBIG);
	assert_non_null(strstr(written.write.err.message, "cannot write \"/"));
	assert_content("old");
	assert_int_equal(count_files(), 1);

	write_text(file, &again, "new");
	await(&again);
	assert_content("new");
	close_file(file);
}

static void cannot_replace_a_directory(void **state)
{
	struct atomic_file *file = open_file();
	struct written written = { 0 };

	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	write_text(file, &written, "text");
	await(&written);
	assert_int_equal(written.write.err.code, UV_EISDIR);
	assert_non_null(
		strstr(written.write.err.message, "cannot replace \"/"));
	assert_int_equal(count_files(), 1); /* no .tmp */
	assert_int_equal(rmdir(path), 0);
	close_file(file);
}

static void a_failure_is_forgiven_if_a_newer_one_succeeds(void **state)
{
	struct atomic_file *file = open_file();
	struct written first = { 0 };
	struct written second = { 0 };
	struct rlimit before;
	char text[2001];

	(void)state;
	limit_file_size(&before);
	write_text(file, &first, too_much(text));
	write_text(file, &second, "second");
	await(&second);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(first.n_done, 1);
	assert_int_equal(first.write.err.code, 0);
	assert_int_equal(second.write.err.code, 0);
	assert_content("second");
	close_file(file);
}

static void a_failed_buffer_is_refused(void **state)
{
	struct atomic_file *file = open_file();
	struct written written = { 0 };
	struct buf content;

	(void)state;
	buf_init(&content, 2);
	(void)buf_puts(&content, "too long");
	assert_int_equal(
		atomic_file_write(file, &content, &written.write, on_written),
		-E2BIG);
	buf_fini(&content);
	close_file(file);
	assert_int_equal(written.n_done, 0);
}

/* --- closing ------------------------------------------------------------------ */

static void close_at_every_step(void **state)
{
	(void)state;
	for (int turns = 0; turns < 12; turns++) {
		struct atomic_file *file = open_file();
		struct written written[2] = { 0 };
		bool closed = false;

		write_text(file, &written[0], "first");
		for (int i = 0; i < turns; i++)
			(void)uv_run(&loop.uv, UV_RUN_ONCE);
		if (!written[0].done)
			write_text(file, &written[1], "second");
		atomic_file_close(file, on_closed, &closed);
		test_loop_until(&loop, &closed);
		assert_int_equal(written[0].n_done, 1);
		assert_content(written[1].n_done ? "second" : "first");
		assert_int_equal(unlink(path), 0);
	}
}

/* --- reading, setting aside ---------------------------------------------------- */

static void reads_within_its_limit(void **state)
{
	struct buf content;
	struct err err;

	(void)state;
	assert_int_equal(atomic_file_read(path, 10, &content, &err), -ENOENT);
	assert_non_null(strstr(err.message, "cannot open \"/"));
	buf_fini(&content);

	put_file(path, "0123456789");
	assert_int_equal(atomic_file_read(path, 10, &content, &err), 0);
	assert_string_equal(buf_text(&content), "0123456789");
	buf_fini(&content);

	assert_int_equal(atomic_file_read(path, 9, &content, &err), -EFBIG);
	assert_non_null(strstr(err.message, "is larger than 9 bytes"));
	buf_fini(&content);

	assert_int_equal(atomic_file_read("/dev/zero", 9, &content, &err),
	                 -EINVAL);
	assert_non_null(strstr(err.message, "is not a regular file"));
	buf_fini(&content);

	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(atomic_file_read(path, 9, &content, &err), -EINVAL);
	buf_fini(&content);

	/* says nothing of its size, and is larger than it says */
	assert_int_equal(
		atomic_file_read("/proc/self/status", 20, &content, &err),
		-EFBIG);
	buf_fini(&content);
}

static void sets_aside_and_keeps_a_few(void **state)
{
	char name[108];
	struct err err;

	(void)state;
	put_file(test_loop_path(&loop, "state.json.damaged-x", name), "");
	for (int i = 0; i < 8; i++) {
		put_file(path, "rubbish");
		assert_int_equal(atomic_file_set_aside(path, 98 + i, &err), 0);
		assert_int_equal(access(path, F_OK), -1);
	}
	/* the newest, and what is not ours */
	assert_int_equal(count_files(), ATOMIC_FILE_MAX_DAMAGED + 1);
	for (int i = 103; i <= 105; i++) {
		char file[32];

		(void)snprintf(file, sizeof(file), "state.json.damaged-%d", i);
		(void)test_loop_path(&loop, file, name);
		assert_int_equal(access(name, F_OK), 0);
	}

	assert_int_equal(atomic_file_set_aside(path, 200, &err), -ENOENT);
	assert_non_null(strstr(err.message, "cannot rename \"/"));
}

/* --- piece by piece --------------------------------------------------------------- */

#define PIECE_SIZE 30000

/* A content of @n_pieces, each all of one letter. */
struct pieces {
	struct written written;
	int n_pieces;
	int n_given;
	int fails_at; /* 0: never */
};

static int next_piece(struct atomic_write *write, struct buf *piece)
{
	struct pieces *pieces =
		container_of(write, struct pieces, written.write);
	char letters[PIECE_SIZE];

	assert_int_equal(piece->n, 0);
	assert_false(pieces->written.done);
	if (++pieces->n_given == pieces->fails_at)
		return UV_ECANCELED;
	memset(letters, 'a' + pieces->n_given % 26, sizeof(letters));
	(void)buf_append(piece, letters, sizeof(letters));
	return pieces->n_given < pieces->n_pieces;
}

static void write_pieces(struct atomic_file *file, struct pieces *pieces)
{
	assert_int_equal(atomic_file_write_pieces(file, PIECE_SIZE,
	                                          &pieces->written.write,
	                                          next_piece, on_written),
	                 0);
	assert_false(pieces->written.done);
}

static void writes_pieces(void **state)
{
	struct atomic_file *file = open_file();
	struct pieces pieces = { .n_pieces = 40 };
	struct pieces refused = { .n_pieces = 1 };
	struct buf content;
	struct err err;

	(void)state;
	write_pieces(file, &pieces);
	assert_int_equal(atomic_file_write_pieces(file, PIECE_SIZE,
	                                          &refused.written.write,
	                                          next_piece, on_written),
	                 UV_EBUSY);
	await(&pieces.written);
	assert_int_equal(pieces.written.write.err.code, 0);
	assert_int_equal(refused.n_given, 0);
	assert_int_equal(atomic_file_read(path, MAX_CONTENT, &content, &err),
	                 0);
	assert_int_equal(content.n, 40 * PIECE_SIZE);
	for (size_t i = 0; i < content.n; i++)
		assert_int_equal(content.p[i],
		                 'a' + (int)(i / PIECE_SIZE + 1) % 26);
	buf_fini(&content);
	assert_int_equal(count_files(), 1);
	close_file(file);
}

static void given_up_pieces_change_nothing(void **state)
{
	struct atomic_file *file = open_file();
	struct pieces pieces = { .n_pieces = 9, .fails_at = 4 };
	struct pieces large = { .n_pieces = 1 };
	struct written before = { 0 };

	(void)state;
	write_text(file, &before, "before");
	await(&before);
	write_pieces(file, &pieces);
	await(&pieces.written);
	assert_int_equal(pieces.written.write.err.code, UV_ECANCELED);
	assert_int_equal(pieces.n_given, 4);
	assert_content("before");
	assert_int_equal(count_files(), 1);

	/* a piece that is larger than was said */
	assert_int_equal(atomic_file_write_pieces(file, 100,
	                                          &large.written.write,
	                                          next_piece, on_written),
	                 0);
	await(&large.written);
	assert_int_equal(large.written.write.err.code, -E2BIG);
	assert_content("before");
	close_file(file);
}

/* What is asked for meanwhile comes after the last piece. */
static void a_write_waits_for_the_pieces(void **state)
{
	struct atomic_file *file = open_file();
	struct pieces pieces = { .n_pieces = 5 };
	struct pieces broken = { .n_pieces = 5, .fails_at = 2 };
	struct written after = { 0 };
	struct written last = { 0 };

	(void)state;
	write_pieces(file, &pieces);
	write_text(file, &after, "after");
	await(&after);
	assert_int_equal(pieces.written.n_done, 1);
	assert_int_equal(pieces.n_given, 5);
	assert_content("after");

	write_pieces(file, &broken);
	write_text(file, &last, "last");
	close_file(file);
	assert_int_equal(broken.written.n_done, 1);
	assert_int_equal(broken.n_given, 2);
	assert_int_equal(last.n_done, 1);
	assert_content("last");
}

static void close_waits_for_the_pieces(void **state)
{
	struct atomic_file *file = open_file();
	struct pieces pieces = { .n_pieces = 5 };

	(void)state;
	write_pieces(file, &pieces);
	close_file(file);
	assert_int_equal(pieces.written.n_done, 1);
	assert_int_equal(pieces.written.write.err.code, 0);
	assert_int_equal(count_files(), 1);
}

static struct atomic_file *closed_in_completion;

static void on_written_close(struct atomic_write *write)
{
	struct written *written = container_of(write, struct written, write);

	written->n_done++;
	atomic_file_close(closed_in_completion, on_closed, &written->done);
	assert_false(written->done);
}

static void closed_by_its_completion(void **state)
{
	struct pieces pieces = { .n_pieces = 2 };

	(void)state;
	closed_in_completion = open_file();
	assert_int_equal(atomic_file_write_pieces(closed_in_completion,
	                                          PIECE_SIZE,
	                                          &pieces.written.write,
	                                          next_piece, on_written_close),
	                 0);
	test_loop_until(&loop, &pieces.written.done);
	assert_int_equal(pieces.written.n_done, 1);
}

static void faulty_pieces(void)
{
	struct atomic_file *file = atomic_file_new(&loop.uv, path, 0600);
	struct pieces pieces = { .n_pieces = 3 };

	if (!file)
		return;
	if (atomic_file_write_pieces(file, PIECE_SIZE, &pieces.written.write,
	                             next_piece, on_written) < 0)
		pieces.written.n_done = 1;
	close_file(file);
	assert_int_equal(pieces.written.n_done, 1);
}

static void pieces_survive_lack_of_memory(void **state)
{
	size_t n;

	(void)state;
	faulty_pieces();
	faults_count();
	faulty_pieces();
	n = faults_end();
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		faulty_pieces();
		(void)faults_end();
		assert_true(count_files() <= 1);
	}
}

/* --- out of memory --------------------------------------------------------------- */

static void faulty_life(void)
{
	struct atomic_file *file = atomic_file_new(&loop.uv, path, 0600);
	struct written written[3] = { 0 };
	struct buf content;

	if (!file)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(written); i++) {
		if (try_write(file, &written[i], "text") < 0)
			written[i].n_done = -1;
	}
	close_file(file);
	for (size_t i = 0; i < ARRAY_SIZE(written); i++)
		assert_true(written[i].n_done == 1 || written[i].n_done == -1);

	if (atomic_file_read(path, 100, &content, NULL) == 0)
		assert_string_equal(buf_text(&content), "text");
	buf_fini(&content);
	if (atomic_file_set_aside(path, 1, NULL) < 0)
		(void)unlink(path);
}

static void survives_lack_of_memory(void **state)
{
	size_t n;

	(void)state;
	faulty_life(); /* libuv's pool is there now */
	faults_count();
	faulty_life();
	n = faults_end();
	assert_true(n > 10);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		faulty_life();
		(void)faults_end();
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_and_replaces),
		TEST(writes_a_large_one),
		TEST(only_the_newest_waits),
		TEST(replaces_what_a_crash_left),
		TEST(does_not_follow_a_planted_link),
		TEST(a_missing_directory_is_said),
		TEST(a_full_disk_leaves_the_old_content),
		TEST(cannot_replace_a_directory),
		TEST(a_failure_is_forgiven_if_a_newer_one_succeeds),
		TEST(a_failed_buffer_is_refused),
		TEST(close_at_every_step),
		TEST(reads_within_its_limit),
		TEST(sets_aside_and_keeps_a_few),
		TEST(writes_pieces),
		TEST(given_up_pieces_change_nothing),
		TEST(a_write_waits_for_the_pieces),
		TEST(close_waits_for_the_pieces),
		TEST(closed_by_its_completion),
		TEST(pieces_survive_lack_of_memory),
		TEST(survives_lack_of_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("atomic_file", tests, NULL, NULL);
}
