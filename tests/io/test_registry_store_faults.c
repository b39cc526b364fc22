/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's database when something is wrong: the file, the disk, the
 * memory, an edit; and closing in the middle of it. */
#include "store_kit.h"
#include "support/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "registry/store/backup.h"
#include "registry/store/schema.h"
#include "registry/store/sql.h"
#include "registry/store/store_parts.h"

static void write_bytes(const char *name, off_t at, const char *bytes, size_t n)
{
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, at), (ssize_t)n);
	assert_int_equal(close(fd), 0);
}

/* A database with @n services. */
static void make_services(int n)
{
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct written written;
	char name[64];

	for (int i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "service-with-a-name-%d", i);
		write_batch(store, new_service(model, name), &written);
		await(&written, 0);
	}
	model_free(model);
	close_store(store);
}

/* --- the file ----------------------------------------------------------------- */

static void another_programs_file_is_left_alone(void **state)
{
	(void)state;
	run_sql("CREATE TABLE theirs(a); INSERT INTO theirs VALUES(7)");
	open_fails(-EINVAL, "another program's");
	assert_int_equal(number_of("SELECT a FROM theirs"), 7);
	assert_string_equal(text_of("PRAGMA journal_mode"), "delete");
	run_sql("PRAGMA application_id = 1");
	open_fails(-EINVAL, "registry.path");
}

static void a_newer_one_is_left_alone(void **state)
{
	(void)state;
	make_services(1);
	run_sql("PRAGMA user_version = 99");
	open_fails(-ENOTSUP, "of a newer version (99");
	assert_int_equal(number_of("SELECT count(*) FROM service"), 1);
}

static void what_is_no_database(void **state)
{
	static const char words[] = "registry:\n  enabled: true\n";

	(void)state;
	write_bytes(path, 0, words, strlen(words));
	open_fails(-EBADMSG, "damaged");
}

/* Wherever the damage is: it is found when it is opened, or loaded. */
static void damage_is_found(void **state)
{
	char garbage[4096];
	struct stat st;

	(void)state;
	memset(garbage, 0x5a, sizeof(garbage));
	make_services(200);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size > 20 * 4096);
	for (off_t at = st.st_size - 8192; at >= 4096; at -= 5 * 4096)
		write_bytes(path, at, garbage, sizeof(garbage));
	open_fails(-EBADMSG, ".backup-v");
	/* its first page */
	write_bytes(path, 16, garbage, 200);
	open_fails(-EBADMSG, "damaged");
}

/* Somebody else wrote to it: the words name the row, once. */
static void a_row_that_is_none_of_ours(void **state)
{
	static const struct {
		const char *sql;
		const char *words;
	} rows[] = {
		{ "UPDATE service SET description = printf('%05000d', 7)",
		  "service 1: description: is too long" },
		{ "UPDATE service SET description = '', labels = '[]'",
		  "service 1: labels: must be an object of names and values" },
	};

	(void)state;
	make_services(1);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct model *model = model_new(1);
		struct err err = { 0 };
		struct store *store;
		const char *words;

		run_sql(rows[i].sql);
		store = open_store();
		assert_int_equal(store_load(store, model, &err), -EINVAL);
		words = strstr(err.message, "service 1");
		assert_non_null(words);
		assert_string_equal(words, rows[i].words);
		close_store(store);
		model_free(model);
	}
}

static void one_process_at_a_time(void **state)
{
	struct store *store = open_store();
	struct model *model;
	struct written written;

	(void)state;
	open_fails(-EBUSY, "another process");
	model = load_model(store);
	write_batch(store, new_service(model, "first"), &written);
	await(&written, 0);
	model_free(model);
	close_store(store);
	store = open_store();
	close_store(store);
}

static void a_place_that_is_not_there(void **state)
{
	(void)state;
	(void)test_loop_path(&loop, "no/such/registry.db", path);
	open_fails(-ENOENT, "cannot lock");
	(void)test_loop_path(&loop, "", path);
	open_fails(-EISDIR, "cannot open it");
}

static bool exists(const char *name)
{
	return access(name, F_OK) == 0;
}

static void copies_before_a_change(void **state)
{
	char copy[128];
	struct store *store;
	struct stat st;
	struct err err = { 0 };

	(void)state;
	make_services(3);
	store = open_store();
	for (unsigned version = 1; version <= 5; version++)
		assert_int_equal(backup_make(store->db, path, version, &err),
		                 0);
	close_store(store);
	for (unsigned version = 1; version <= 5; version++) {
		(void)snprintf(copy, sizeof(copy), "%s.backup-v%u", path,
		               version);
		assert_int_equal(exists(copy), version >= 3);
	}
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* a copy is a whole database */
	assert_int_equal(rename(copy, path), 0);
	assert_int_equal(number_of("SELECT count(*) FROM service"), 3);
	store = open_store();
	/* … and a place where none can be made is told */
	assert_int_equal(backup_write(store->db, "/proc/copy", &err), -ENOENT);
	assert_non_null(strstr(err.message, "/proc/copy"));
	close_store(store);
}

/* Of each version that there ever was: copied, then brought to ours. */
static void older_ones_are_brought_forward(void **state)
{
	char copy[128];
	struct store *store;
	struct model *model;
	sqlite3 *db;

	(void)state;
	for (unsigned version = 1; version <= schema_version; version++) {
		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		for (unsigned step = 0; step < version; step++)
			assert_int_equal(schema_step(db, step, NULL), 0);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		store = open_store();
		model = load_model(store);
		assert_int_equal(model_count(model, KIND_PROBE), 1);
		assert_int_equal(number_of("PRAGMA user_version"),
		                 schema_version);
		(void)snprintf(copy, sizeof(copy), "%s.backup-v%u", path,
		               version);
		assert_int_equal(exists(copy), version < schema_version);
		(void)unlink(copy);
		model_free(model);
		close_store(store);
		assert_int_equal(unlink(path), 0);
	}
}

/* A step that fails leaves what was before it. */
static void a_step_is_done_or_not(void **state)
{
	struct store *store = open_store();
	struct err err = { 0 };

	(void)state;
	/* the tables are there already */
	assert_int_equal(schema_step(store->db, 0, &err), -EINVAL);
	assert_non_null(strstr(err.message, "version 1 of the tables"));
	assert_int_equal(sqlite3_get_autocommit(store->db), 1);
	assert_int_equal(number_of("SELECT count(*) FROM probe"), 1);
	assert_int_equal(number_of("PRAGMA user_version"), schema_version);
	close_store(store);
}

/* --- the disk ------------------------------------------------------------------- */

/* Writes until it fails with @code; returns how many were acknowledged. */
static int64_t write_until(struct store *store, struct model *model, int code)
{
	struct written written = { 0 };
	int64_t n = 0;
	char name[64];

	for (;; n++) {
		assert_true(n < 100000);
		(void)snprintf(name, sizeof(name), "service-%lld",
		               (long long)number_of("SELECT count(*) FROM"
		                                    " service"));
		write_batch(store, new_service(model, name), &written);
		test_loop_until(&loop, &written.done);
		if (written.write.err.code < 0)
			break;
	}
	if (written.write.err.code != code)
		fail_msg("%d: %s", written.write.err.code,
		         written.write.err.message);
	assert_non_null(strstr(written.write.err.message, path));
	return n;
}

/* The model had more than the disk: it is read again, and it goes on. */
static void goes_on(struct store *store, int64_t n)
{
	struct model *model = load_model(store);
	struct written written;

	assert_int_equal(model_count(model, KIND_SERVICE), n);
	write_batch(store, new_service(model, "afterwards"), &written);
	await(&written, 0);
	assert_int_equal(number_of("SELECT count(*) FROM service"), n + 1);
	assert_string_equal(text_of("PRAGMA integrity_check"), "ok");
	model_free(model);
}

static void a_file_that_may_not_grow(void **state)
{
	struct rlimit none, before;
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct store_stats stats;
	int64_t n;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	none = before;
	none.rlim_cur = 600000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	n = write_until(store, model, -EIO);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_true(n > 2);
	store_stats(store, &stats);
	assert_int_equal(stats.n_failed, 1);
	model_free(model);
	goes_on(store, n);
	close_store(store);
}

#define SMALL_DISK "size=900k"

static void a_full_disk(void **state)
{
	struct store *store;
	struct model *model;
	char disk[108], filler[108];
	static const char zeroes[400000];
	int64_t n;

	(void)state;
	(void)test_loop_path(&loop, "disk", disk);
	assert_int_equal(mkdir(disk, 0700), 0);
	if (mount("none", disk, "tmpfs", 0, SMALL_DISK) < 0) {
		assert_int_equal(rmdir(disk), 0);
		print_message(
			"SKIPPED: no file system may be mounted here (run "
			"the tests as root, outside of a container or in a "
			"privileged one)\n");
		skip();
	}
	(void)test_loop_path(&loop, "disk/filler", filler);
	(void)test_loop_path(&loop, "disk/registry.db", path);
	write_bytes(filler, 0, zeroes, sizeof(zeroes));
	store = open_store();
	model = load_model(store);
	n = write_until(store, model, -ENOSPC);
	assert_true(n > 2);
	assert_int_equal(unlink(filler), 0);
	model_free(model);
	goes_on(store, n);
	close_store(store);

	/* and one that cannot be written at all */
	assert_int_equal(mount("none", disk, "tmpfs", MS_REMOUNT | MS_RDONLY,
	                       SMALL_DISK),
	                 0);
	open_fails(-EROFS, "cannot lock");
	assert_int_equal(umount(disk), 0);
	assert_int_equal(rmdir(disk), 0);
}

/* --- an edit ---------------------------------------------------------------------- */

static struct store_batch *other_batch(const char *sql)
{
	struct store_batch *batch = store_batch_new();

	assert_non_null(batch);
	store_batch_add(batch, sql, NULL, 0);
	return batch;
}

/* One that the database refuses fails alone, unless others rest on it. */
static void a_bad_batch_fails_alone(void **state)
{
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct written written[4];

	(void)state;
	write_batch(store, new_service(model, "first"), &written[0]);
	write_batch(store, other_batch("INSERT INTO missing VALUES(1)"),
	            &written[1]);
	write_batch(store, other_batch("INSERT INTO meta VALUES(2, 0)"),
	            &written[2]);
	write_batch(store, new_service(model, "second"), &written[3]);
	await(&written[3], 0);
	await(&written[0], 0);
	await(&written[1], -EINVAL);
	assert_non_null(strstr(written[1].write.err.message, "no such table"));
	await(&written[2], -EINVAL);
	assert_int_equal(number_of("SELECT count(*) FROM service"), 2);
	assert_int_equal(number_of("SELECT count(*) FROM meta"), 1);
	model_free(model);
	close_store(store);
}

static struct store_batch *rename_service(struct model *model, const char *from,
                                          const char *to)
{
	struct model_tx *tx = model_begin(model, NOW_S);
	struct assignment set = { SERVICE_NAME, { .text = to } };

	assert_int_equal(
		model_update(tx, model_find_name(model, KIND_SERVICE, from),
	                     &set, 1, NULL),
		0);
	return batch_of(tx);
}

static void what_rests_on_it_fails_too(void **state)
{
	static const char other[] = "UPDATE probe SET description = 'new'";
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct written written[6];

	(void)state;
	write_batch(store, new_service(model, "gone"), &written[0]);
	await(&written[0], 0);
	run_sql("DELETE FROM service"); /* behind our back */

	write_batch(store, other_batch(other), &written[0]);
	/* these wait while that one is written … */
	write_batch(store, new_service(model, "good"), &written[1]);
	write_batch(store, rename_service(model, "gone", "renamed"),
	            &written[2]);
	write_batch(store, new_service(model, "behind"), &written[3]);
	write_batch(store, other_batch(other), &written[4]);
	test_loop_until(&loop, &written[0].done);
	/* … and this one while those are */
	write_batch(store, new_service(model, "later"), &written[5]);
	await(&written[5], -ECANCELED);
	await(&written[1], 0);
	await(&written[2], -ENOENT);
	await(&written[3], -ECANCELED);
	await(&written[4], 0);
	assert_string_equal(text_of("SELECT group_concat(name) FROM service"),
	                    "good");
	assert_int_equal(number_of("SELECT count(*) FROM audit WHERE"
	                           " title LIKE '%behind%'"),
	                 0);
	model_free(model);
	close_store(store);
}

static void too_much_waits(void **state)
{
	struct store *store = open_store();
	struct store_batch *batches[3];
	struct written written[3];
	struct err err = { 0 };
	char *text = calloc(1, STORE_MAX_QUEUED / 2);

	(void)state;
	memset(text, 'x', STORE_MAX_QUEUED / 2 - 1);
	for (int i = 0; i < 3; i++) {
		struct store_value value = STORE_STR(slice_from(text));

		batches[i] = store_batch_new();
		store_batch_add(batches[i],
		                "UPDATE probe SET description ="
		                " length(?1)",
		                &value, 1);
	}
	write_batch(store, batches[0], &written[0]);
	assert_int_equal(
		store_write(store, batches[1], &written[1].write, NULL, &err),
		-ENOBUFS);
	assert_non_null(strstr(err.message, "try again"));
	await(&written[0], 0);
	/* it is ours still, and passes now */
	write_batch(store, batches[1], &written[1]);
	await(&written[1], 0);
	store_batch_free(batches[2]);
	close_store(store);
	free(text);
}

/* --- the end ------------------------------------------------------------------------- */

struct counted {
	struct store_write writes[50];
	struct store_read reads[3];
	int n_written, n_read, n_closed;
	bool closed;
};

static struct counted counted;

static void count_written(struct store_write *write)
{
	assert_int_equal(write->err.code, 0);
	counted.n_written++;
}

static void count_read(struct store_read *read)
{
	assert_int_equal(read->err.code, 0);
	counted.n_read++;
}

static void count_closed(void *context)
{
	counted.n_closed++;
	counted.closed = true;
}

static void closing_writes_what_waits(void **state)
{
	static const char reading[] = "SELECT * FROM default_exporter";
	struct store *store = open_store();
	struct model *model = load_model(store);
	struct store_batch *batch = store_batch_new();
	struct store_write late;
	struct store_read late_read;
	char name[32];

	(void)state;
	counted = (struct counted){ 0 };
	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "service-%d", i);
		assert_int_equal(store_write(store, new_service(model, name),
		                             &counted.writes[i], count_written,
		                             NULL),
		                 0);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(store_read(store, reading, NULL, 0,
		                            &counted.reads[i], count_read),
		                 0);
	store_close(store, count_closed, NULL);
	assert_int_equal(store_write(store, batch, &late, count_written, NULL),
	                 -ECANCELED);
	assert_int_equal(
		store_read(store, reading, NULL, 0, &late_read, count_read),
		-ECANCELED);
	store_batch_free(batch);
	test_loop_until(&loop, &counted.closed);
	assert_int_equal(counted.n_closed, 1);
	assert_int_equal(counted.n_written, 50);
	assert_int_equal(counted.n_read, 3);
	assert_int_equal(number_of("SELECT count(*) FROM service"), 50);
	model_free(model);
}

static void on_closer(struct store_write *write)
{
	store_close(counted.reads[0].store, count_closed, NULL);
}

/* A completion may close it. */
static void closed_from_a_completion(void **state)
{
	struct store *store = open_store();
	struct store_write write;

	(void)state;
	counted = (struct counted){ 0 };
	counted.reads[0].store = store;
	assert_int_equal(store_write(store,
	                             other_batch("UPDATE probe SET"
	                                         " description = ''"),
	                             &write, on_closer, NULL),
	                 0);
	test_loop_until(&loop, &counted.closed);
	assert_int_equal(counted.n_closed, 1);
}

/* --- memory ---------------------------------------------------------------------------- */

static void on_read(struct store_read *read)
{
	counted.n_read++;
}

static void on_write(struct store_write *write)
{
	counted.n_written++;
}

static void use_store(struct store *store)
{
	static const char sql[] = "SELECT job FROM default_exporter WHERE"
				  " job <> ?1";
	struct store_batch *batch = store_batch_new();
	struct store_value text = STORE_STR(slice_from("some words"));
	struct model *model = model_new(1);
	int n_written = 0, n_read = 0;

	if (model)
		(void)(store_load(store, model, NULL) < 0);
	if (batch) {
		store_batch_add(batch, "UPDATE probe SET description = ?1",
		                &text, 1);
		if (store_write(store, batch, &counted.writes[0], on_write,
		                NULL) == 0)
			n_written = 1;
		else
			store_batch_free(batch);
	}
	if (store_read(store, sql, &text, 1, &counted.reads[0], on_read) == 0)
		n_read = 1;
	store_close(store, count_closed, NULL);
	test_loop_until(&loop, &counted.closed);
	assert_int_equal(counted.n_written, n_written);
	assert_int_equal(counted.n_read, n_read);
	if (model)
		model_free(model);
}

static void scenario(void)
{
	struct store *store;
	struct err err = { 0 };
	int r;

	counted = (struct counted){ 0 };
	r = store_open(&loop.uv, path, NULL, &store, &err);
	if (r == 0) {
		use_store(store);
		return;
	}
	assert_int_equal(err.code, r);
	if (r != -ENOMEM)
		fail_msg("%d: %s", r, err.message);
}

static void each_allocation_may_fail(void **state)
{
	size_t n;

	(void)state;
	make_services(2);
	scenario(); /* the pool has its threads */
	faults_count();
	scenario();
	n = faults_end();
	assert_in_range(n, 100, 20000);
	/* most are SQLite's own: of those some will do */
	for (size_t k = 1; k <= n; k += k < 300 ? 1 : 11) {
		faults_fail(k);
		scenario();
		(void)faults_end();
	}
	assert_string_equal(text_of("PRAGMA integrity_check"), "ok");
}

/* Also when the tables are made: all of them, or none. */
static void each_allocation_of_a_new_one_may_fail(void **state)
{
	(void)state;
	for (size_t k = 1; k < 4000; k += 29) {
		faults_fail(k);
		scenario();
		(void)faults_end();
		scenario(); /* it can be opened then */
		assert_int_equal(number_of("SELECT count(*) FROM probe"), 1);
		assert_int_equal(unlink(path), 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(another_programs_file_is_left_alone),
		TEST(a_newer_one_is_left_alone),
		TEST(what_is_no_database),
		TEST(damage_is_found),
		TEST(a_row_that_is_none_of_ours),
		TEST(one_process_at_a_time),
		TEST(a_place_that_is_not_there),
		TEST(copies_before_a_change),
		TEST(older_ones_are_brought_forward),
		TEST(a_step_is_done_or_not),
		TEST(a_file_that_may_not_grow),
		TEST(a_full_disk),
		TEST(a_bad_batch_fails_alone),
		TEST(what_rests_on_it_fails_too),
		TEST(too_much_waits),
		TEST(closing_writes_what_waits),
		TEST(closed_from_a_completion),
		TEST(each_allocation_may_fail),
		TEST(each_allocation_of_a_new_one_may_fail),
	};

	faults_install();
	assert_int_equal(sql_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
