/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/store_parts.h"

#include <errno.h>
#include "base/mem.h"
#include "registry/store/sql.h"

#define LOAD_SQL_MAX 8192

/* A row that is being made to an object. */
struct row {
	struct model *model;
	const struct kind_info *info;
	enum kind kind;
	union value values[KIND_MAX_FIELDS];
	struct label_set *sets[KIND_MAX_FIELDS]; /* to be freed */
	struct err *err;
};

static int row_labels(struct row *row, unsigned at, struct slice text)
{
	bool several = row->info->fields[at].type == FIELD_PARAMS;
	struct json_t *root;
	int r;

	if (slice_is(text, "{}"))
		return 0;
	r = json_parse(text, &root, row->err);
	if (r < 0)
		return r;
	r = label_set_read(root, several, &row->sets[at], row->err);
	json_free(root);
	row->values[at].labels = row->sets[at];
	return r;
}

static int row_ref(struct row *row, unsigned at, const struct store_value *id)
{
	enum kind to = row->info->fields[at].to;

	if (id->type == STORE_NULL)
		return 0;
	row->values[at].object =
		model_find(row->model, to, (uint64_t)id->integer);
	if (row->values[at].object)
		return 0;
	return err_set(row->err, -EBADMSG, "there is no %s %lld",
	               kinds[to].name, (long long)id->integer);
}

/* Texts of SQLite are terminated. */
static int row_field(struct row *row, unsigned at, sqlite3_stmt *statement)
{
	struct store_value value = sql_value(statement, (int)at + 1);

	switch (row->info->fields[at].type) {
	case FIELD_TEXT:
		row->values[at].text =
			value.type == STORE_TEXT ? value.text.p : "";
		return 0;
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
		row->values[at].number = value.integer;
		return 0;
	case FIELD_REF:
		return row_ref(row, at, &value);
	case FIELD_LABELS:
	case FIELD_PARAMS:
		return row_labels(row, at, value.text);
	}
	return 0;
}

static int load_row(struct row *row, sqlite3_stmt *statement)
{
	uint64_t id = (uint64_t)sqlite3_column_int64(statement, 0);
	int r = 0;

	for (unsigned i = 0; i < row->info->n_fields; i++) {
		row->values[i] = (union value){ 0 };
		row->sets[i] = NULL;
	}
	for (unsigned i = 0; r == 0 && i < row->info->n_fields; i++) {
		r = row_field(row, i, statement);
		if (r < 0)
			err_wrap(row->err, "%s %llu: %s", row->info->name,
			         (unsigned long long)id,
			         row->info->fields[i].name);
	}
	if (r == 0)
		r = model_load(row->model, row->kind, id, row->values,
		               row->err);
	for (unsigned i = 0; i < row->info->n_fields; i++)
		mem_free(row->sets[i]);
	return r;
}

static int load_kind(sqlite3 *db, struct model *model, enum kind kind,
                     struct err *err)
{
	struct row row = {
		.model = model, .info = &kinds[kind], .kind = kind, .err = err
	};
	sqlite3_stmt *statement = NULL;
	struct buf text;
	int r;

	buf_init(&text, LOAD_SQL_MAX);
	r = kind_sql_load(&text, kind);
	if (r == 0)
		r = sql_prepare(db, buf_text(&text), &statement, err);
	else
		r = err_set_code(err, r, "%s", kinds[kind].name);
	buf_fini(&text);
	if (r < 0)
		return r;
	while ((r = sql_step(statement, err)) == 1) {
		r = load_row(&row, statement);
		if (r < 0)
			break;
	}
	(void)sqlite3_finalize(statement);
	return r;
}

/* The highest that were ever given: also of objects that are gone. */
static int load_ids(sqlite3 *db, struct model *model, struct err *err)
{
	sqlite3_stmt *statement;
	int r = sql_prepare(db, "SELECT name, seq FROM sqlite_sequence",
	                    &statement, err);

	if (r < 0)
		return r;
	while ((r = sql_step(statement, err)) == 1) {
		struct store_value name = sql_value(statement, 0);
		struct store_value last = sql_value(statement, 1);
		enum kind kind;

		if (kind_find(name.text, &kind))
			model_load_next_id(model, kind,
			                   (uint64_t)last.integer + 1);
	}
	(void)sqlite3_finalize(statement);
	return r;
}

/* On a connection of its own: the others may be in the pool. */
int store_load(struct store *store, struct model *model, struct err *err)
{
	sqlite3 *db = NULL;
	int r = sql_open(store->path, true, &db, err);

	if (r == 0)
		r = sql_run(db, "BEGIN", err);
	for (int kind = 0; r == 0 && kind < N_KINDS; kind++)
		r = load_kind(db, model, (enum kind)kind, err);
	if (r == 0)
		r = load_ids(db, model, err);
	if (r < 0)
		err_wrap(err, "database \"%s\"", store->path);
	if (db)
		sql_undo(db);
	sql_close(db);
	return r;
}

int store_each(struct store *store, const char *sql,
               void (*row)(void *context, const struct store_value *values),
               void *context, struct err *err)
{
	struct store_value values[KIND_MAX_FIELDS];
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;
	int r = sql_open(store->path, true, &db, err);
	int n;

	if (r == 0)
		r = sql_prepare(db, sql, &statement, err);
	n = r == 0 ? MIN(sqlite3_column_count(statement), KIND_MAX_FIELDS) : 0;
	while (r == 0 && (r = sql_step(statement, err)) == 1) {
		for (int i = 0; i < n; i++)
			values[i] = sql_value(statement, i);
		row(context, values);
		r = 0;
	}
	(void)sqlite3_finalize(statement);
	sql_close(db);
	if (r < 0)
		err_wrap(err, "database \"%s\"", store->path);
	return r;
}
