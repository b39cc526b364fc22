/* SPDX-License-Identifier: Apache-2.0 */
/* rows: pages of what is in the database alone: counted, then read. */
#include "registry/http/routes_private.h"

#include <errno.h>
#include "base/mem.h"

struct rows {
	struct store_read read;
	struct list node; /* of http->pending */
	struct registry_call call;
	struct page page;
	struct buf values_text;
	struct store_value values[CALL_ROWS_VALUES_MAX + 2];
	size_t n;
	void (*write)(struct json_writer *json, const struct store_read *read,
	              size_t row);
	char count[CALL_ROWS_SQL_MAX];
	char sql[CALL_ROWS_SQL_MAX];
};

static void rows_end(struct rows *rows)
{
	struct registry_http *http = rows->call.http;

	list_unlink(&rows->node);
	buf_fini(&rows->values_text);
	mem_free(rows);
	registry_http_maybe_closed(http);
}

static void refuse(struct rows *rows, int code, const char *words)
{
	call_fail(&rows->call, code, words);
	rows_end(rows);
}

static void on_rows(struct store_read *read)
{
	struct rows *rows = container_of(read, struct rows, read);
	struct json_writer json;
	struct buf results;

	if (read->err.code < 0) {
		refuse(rows, read->err.code, read->err.message);
		return;
	}
	buf_init(&results, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &results);
	json_write_array(&json);
	for (size_t row = 0; row < read->n_rows; row++)
		rows->write(&json, read, row);
	json_write_array_end(&json);
	page_answer(&rows->call, &rows->page, &results);
	buf_fini(&results);
	rows_end(rows);
}

static void on_count(struct store_read *read)
{
	struct rows *rows = container_of(read, struct rows, read);
	uint64_t passed = (rows->page.number - 1) * rows->page.size;
	int r;

	if (read->err.code < 0) {
		refuse(rows, read->err.code, read->err.message);
		return;
	}
	rows->page.count = (uint64_t)store_read_value(read, 0, 0).integer;
	rows->values[rows->n] = STORE_INT((int64_t)rows->page.size);
	rows->values[rows->n + 1] = STORE_INT((int64_t)passed);
	r = store_read(registry_store(rows->call.registry), rows->sql,
	               rows->values, rows->n + 2, read, on_rows);
	if (r < 0)
		refuse(rows, r, err_text(r));
}

/* What the call borrowed is gone when the rows come. */
static struct rows *rows_new(const struct registry_call *call,
                             const char *count, const char *sql)
{
	struct rows *rows = mem_calloc(1, sizeof(*rows));
	size_t n_count = strlen(count) + 1;
	size_t n_sql = strlen(sql) + 1;

	if (!rows)
		return NULL;
	if (n_count > sizeof(rows->count) || n_sql > sizeof(rows->sql)) {
		mem_free(rows);
		return NULL;
	}
	memcpy(rows->count, count, n_count);
	memcpy(rows->sql, sql, n_sql);
	rows->call = call_kept(call);
	list_append(&call->http->pending, &rows->node);
	return rows;
}

/* Their text in one piece, that does not move any more when it is whole. */
static int copy_values(struct rows *rows, const struct store_value *values,
                       size_t n)
{
	struct buf *text = &rows->values_text;
	size_t at = 0;
	size_t size = 0;

	if (n > CALL_ROWS_VALUES_MAX)
		return -E2BIG;
	for (size_t i = 0; i < n; i++)
		size += values[i].type == STORE_TEXT ? values[i].text.n : 0;
	buf_init(text, size + 1);
	if (buf_reserve(text, size + 1) < 0)
		return text->failed;
	rows->n = n;
	for (size_t i = 0; i < n; i++) {
		rows->values[i] = values[i];
		if (values[i].type != STORE_TEXT)
			continue;
		(void)buf_append(text, values[i].text.p, values[i].text.n);
		rows->values[i].text.p = text->p + at;
		at += values[i].text.n;
	}
	return text->failed;
}

void call_rows(struct registry_call *call, const char *count, const char *sql,
               const struct store_value *values, size_t n,
               void (*write)(struct json_writer *json,
                             const struct store_read *read, size_t row))
{
	struct page page;
	struct rows *rows;
	int r;

	if (!page_read(call, &page))
		return;
	rows = rows_new(call, count, sql);
	if (!rows) {
		call_refuse(call, 500, "out of memory");
		return;
	}
	rows->page = page;
	rows->write = write;
	r = copy_values(rows, values, n);
	if (r == 0)
		r = store_read(registry_store(call->registry), rows->count,
		               rows->values, rows->n, &rows->read, on_count);
	if (r < 0)
		refuse(rows, r, err_text(r));
}
