/* SPDX-License-Identifier: Apache-2.0 */
#include "store_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_loop loop;
char path[108];

int set_up(void **state)
{
	(void)state;
	test_loop_init(&loop);
	(void)test_loop_path(&loop, "registry.db", path);
	return 0;
}

int tear_down(void **state)
{
	(void)state;
	test_loop_fini(&loop);
	return 0;
}

struct store *open_store(void)
{
	struct store *store;
	struct err err = { 0 };

	if (store_open(&loop.uv, path, NULL, &store, &err) < 0)
		fail_msg("%s", err.message);
	return store;
}

void open_fails(int code, const char *words)
{
	struct store *store;
	struct err err = { 0 };

	assert_int_equal(store_open(&loop.uv, path, NULL, &store, &err), code);
	assert_int_equal(err.code, code);
	if (!strstr(err.message, words))
		fail_msg("\"%s\" does not say \"%s\"", err.message, words);
	if (!strstr(err.message, path))
		fail_msg("\"%s\" does not name the file", err.message);
	/* also for those who ask for no words */
	assert_int_equal(store_open(&loop.uv, path, NULL, &store, NULL), code);
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

void close_store(struct store *store)
{
	bool closed = false;

	store_close(store, on_closed, &closed);
	assert_false(closed);
	test_loop_until(&loop, &closed);
}

struct model *load_model(struct store *store)
{
	struct model *model = model_new(1);
	struct err err = { 0 };

	assert_non_null(model);
	if (store_load(store, model, &err) < 0)
		fail_msg("%s", err.message);
	return model;
}

struct store_batch *batch_of(struct model_tx *tx)
{
	struct store_batch *batch = store_batch_new();
	const struct record *records;
	size_t n;

	assert_non_null(batch);
	records = model_records(tx, &n);
	store_batch_records(batch, records, n, "tester", NOW_S);
	model_commit(tx);
	return batch;
}

struct store_batch *new_service(struct model *model, const char *name)
{
	struct model_tx *tx = model_begin(model, NOW_S);
	struct assignment set = { SERVICE_NAME, { .text = name } };
	struct object *service;
	struct err err = { 0 };

	assert_non_null(tx);
	if (model_create(tx, KIND_SERVICE, &set, 1, &service, &err) < 0)
		fail_msg("%s", err.message);
	return batch_of(tx);
}

static void on_written(struct store_write *write)
{
	struct written *written = container_of(write, struct written, write);

	written->done = true;
	written->n_done++;
}

void write_batch(struct store *store, struct store_batch *batch,
                 struct written *written)
{
	struct err err = { 0 };

	*written = (struct written){ 0 };
	if (store_write(store, batch, &written->write, on_written, &err) < 0)
		fail_msg("%s", err.message);
	assert_false(written->done);
}

void await(struct written *written, int code)
{
	test_loop_until(&loop, &written->done);
	assert_int_equal(written->n_done, 1);
	if (written->write.err.code != code)
		fail_msg("%d: %s", written->write.err.code,
		         written->write.err.message);
}

/* --- from outside ------------------------------------------------------------ */

static sqlite3 *connect_outside(void)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

void run_sql(const char *sql)
{
	sqlite3 *db = connect_outside();

	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

const char *text_of(const char *sql)
{
	static char text[4096];
	sqlite3 *db = connect_outside();
	sqlite3_stmt *statement;
	const unsigned char *value;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = sqlite3_column_text(statement, 0);
	(void)snprintf(text, sizeof(text), "%s",
	               value ? (const char *)value : "NULL");
	assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return text;
}

int64_t number_of(const char *sql)
{
	return strtoll(text_of(sql), NULL, 10);
}
