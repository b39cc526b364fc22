/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/store_parts.h"

#include <errno.h>
#include "base/mem.h"
#include "registry/store/sql.h"

struct read_work {
	struct list node;
	struct store_read *read;
	const char *sql;
	struct store_value *values; /* in `arena` */
	size_t n;
	struct arena arena; /* of what is asked, and of what is answered */

	struct store_value *cells; /* row by row */
	size_t n_cells, cap;
	size_t n_rows, n_columns;
	struct err err;
};

/* --- in the pool --------------------------------------------------------------- */

static int no_memory(struct read_work *work)
{
	return err_set_code(&work->err, -ENOMEM, "what is read");
}

static int grow(struct read_work *work)
{
	size_t cap = work->cap ? 2 * work->cap : 8 * work->n_columns;
	struct store_value *cells;

	if (work->n_cells + work->n_columns <= work->cap)
		return 0;
	cells = mem_realloc(work->cells, cap * sizeof(*cells));
	if (!cells)
		return no_memory(work);
	work->cells = cells;
	work->cap = cap;
	return 0;
}

static int take_row(struct read_work *work, sqlite3_stmt *statement)
{
	int r = grow(work);

	for (size_t i = 0; r == 0 && i < work->n_columns; i++) {
		struct store_value value = sql_value(statement, (int)i);

		if (value.type == STORE_TEXT) {
			value.text.p = arena_copy(&work->arena, value.text);
			if (!value.text.p)
				return no_memory(work);
		}
		work->cells[work->n_cells++] = value;
	}
	if (r == 0)
		work->n_rows++;
	if (r == 0 && work->arena.n_bytes > STORE_MAX_READ)
		r = err_set_code(&work->err, -E2BIG, "what is read");
	return r;
}

static int take_rows(struct read_work *work, sqlite3_stmt *statement)
{
	int r = sql_bind(statement, work->values, work->n, &work->err);

	work->n_columns = (size_t)sqlite3_column_count(statement);
	while (r == 0 && work->n_rows < STORE_MAX_ROWS) {
		r = sql_step(statement, &work->err);
		if (r != 1)
			break;
		r = take_row(work, statement);
	}
	return r;
}

static void on_work(uv_work_t *request)
{
	struct store *store = container_of(request, struct store, read_work);
	struct read_work *work = store->reading->work;
	sqlite3_stmt *statement;

	if (sql_prepare(store->read_db, work->sql, &statement, &work->err) ==
	    0) {
		(void)take_rows(work, statement);
		(void)sqlite3_finalize(statement);
	}
	if (work->err.code < 0)
		err_wrap(&work->err, "database \"%s\"", store->path);
}

/* --- in the loop ------------------------------------------------------------------ */

static void work_free(struct read_work *work)
{
	arena_fini(&work->arena);
	mem_free(work->cells);
	mem_free(work);
}

static void on_worked(uv_work_t *request, int status)
{
	struct store *store = container_of(request, struct store, read_work);
	struct store_read *read = store->reading;
	struct read_work *work = read->work;

	(void)status; /* nobody cancels it */
	store->reading = NULL;
	read->err = work->err;
	read->n_rows = work->err.code < 0 ? 0 : work->n_rows;
	read->n_columns = work->n_columns;
	store_read_next(store);
	read->done(read);
	work_free(work);
	store_write_next(store); /* it may wait to close */
}

void store_read_next(struct store *store)
{
	struct list *node = store->reading ? NULL : list_pop(&store->reads);

	if (!node)
		return;
	store->reading = container_of(node, struct read_work, node)->read;
	(void)uv_queue_work(store->loop, &store->read_work, on_work, on_worked);
}

bool store_reads_done(const struct store *store)
{
	return !store->reading && list_empty(&store->reads) && !store->copying;
}

static struct read_work *work_new(const char *sql,
                                  const struct store_value *values, size_t n)
{
	struct read_work *work = mem_calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	work->sql = sql;
	work->n = n;
	work->values =
		arena_calloc(&work->arena, n + 1, sizeof(work->values[0]));
	if (!work->values)
		goto failed;
	for (size_t i = 0; i < n; i++) {
		work->values[i] = values[i];
		if (values[i].type != STORE_TEXT)
			continue;
		work->values[i].text.p =
			arena_copy(&work->arena, values[i].text);
		if (!work->values[i].text.p)
			goto failed;
	}
	return work;
failed:
	work_free(work);
	return NULL;
}

int store_read(struct store *store, const char *sql,
               const struct store_value *values, size_t n,
               struct store_read *read, store_read_cb done)
{
	struct read_work *work;

	if (store->closing)
		return -ECANCELED;
	work = work_new(sql, values, n);
	if (!work)
		return -ENOMEM;
	*read = (struct store_read){ .store = store,
		                     .work = work,
		                     .done = done };
	work->read = read;
	list_append(&store->reads, &work->node);
	store_read_next(store);
	return 0;
}

struct store_value store_read_value(const struct store_read *read, size_t row,
                                    size_t column)
{
	const struct read_work *work = read->work;

	if (row >= read->n_rows || column >= read->n_columns)
		return STORE_NONE;
	return work->cells[row * read->n_columns + column];
}
