/* SPDX-License-Identifier: Apache-2.0 */
/*
 * logs: who changed what, at /rest/v2/logs: Promgen's shape and words, with
 * the values before and after as objects.
 */
#include "registry/http/routes.h"

#include <stdio.h>
#include "base/number.h"
#include "base/text.h"
#include "proto/timestamp.h"

#define FILTER_MAX 512
#define WHERE_MAX  1024
#define MS_PER_S   1000

/* What the page is of. */
struct filter {
	char where[WHERE_MAX];
	int n_where;
	struct store_value values[CALL_ROWS_VALUES_MAX];
	size_t n;
	char texts[6][FILTER_MAX]; /* of the values */
	char titles[2][FILTER_MAX + 16];
};

/* The columns, in their order. */
enum {
	LOG_ID,
	LOG_ACTOR,
	LOG_KIND,
	LOG_OBJECT_ID,
	LOG_OP,
	LOG_TITLE,
	LOG_CREATED_AT,
	LOG_NEW,
	LOG_OLD,
	LOG_PARENT_KIND,
	LOG_PARENT_ID
};

static const char columns[] =
	"SELECT id, actor, kind, object_id, op, title, created_at, new, old,"
	" parent_kind, parent_id FROM audit";

/* --- filters -------------------------------------------------------------------- */

static void add_condition(struct filter *filter, const char *text)
{
	filter->n_where +=
		snprintf(filter->where + filter->n_where,
	                 WHERE_MAX - (size_t)filter->n_where, "%s%s",
	                 filter->n_where ? " AND " : " WHERE ", text);
}

static void add_equal(struct filter *filter, const char *column,
                      const char *operator, struct store_value value)
{
	char condition[128];

	filter->values[filter->n++] = value;
	(void)snprintf(condition, sizeof(condition), "%s %s ?%zu",
	               column, operator, filter->n);
	add_condition(filter, condition);
}

/* False: it is not asked for, or (with *badp) answered. */
static bool take(struct registry_call *call, struct filter *filter,
                 const char *name, unsigned nth, bool *badp)
{
	return !*badp &&
	       call_query(call, name, filter->texts[nth], FILTER_MAX, badp);
}

/* Whole, as a row has it; or the name of a token alone, as it says of itself at
 * /rest/v2/users/me. */
static void filter_user(struct registry_call *call, struct filter *filter,
                        bool *badp)
{
	char condition[128];

	if (!take(call, filter, "user", 0, badp))
		return;
	filter->values[filter->n++] = STORE_STR(slice_from(filter->texts[0]));
	(void)snprintf(condition, sizeof(condition),
	               "actor IN (?%zu, 'token ' || ?%zu)", filter->n,
	               filter->n);
	add_condition(filter, condition);
}

static void filter_kind(struct registry_call *call, struct filter *filter,
                        bool *badp)
{
	enum kind kind;

	if (!take(call, filter, "content_type", 1, badp))
		return;
	if (kind_find(slice_from(filter->texts[1]), &kind)) {
		add_equal(filter, "kind", "=",
		          STORE_STR(slice_from(kinds[kind].name)));
		return;
	}
	*badp = true;
	call_refuse_field(call, 400, "content_type",
	                  "there is no such kind of objects; one is "
	                  "\"exporter\"");
}

static void filter_id(struct registry_call *call, struct filter *filter,
                      bool *badp)
{
	int64_t id;

	if (!take(call, filter, "object_id", 2, badp))
		return;
	if (number_parse_i64(slice_from(filter->texts[2]), &id) == 0) {
		add_equal(filter, "object_id", "=", STORE_INT(id));
		return;
	}
	*badp = true;
	call_refuse_field(call, 400, "object_id", "must be a number");
}

/*
 * By id, or by name: of one that is there, or of any that had it once. With
 * what hangs on it, for each row has the owners of its object.
 */
static void filter_owner(struct registry_call *call, struct filter *filter,
                         enum kind kind, unsigned nth, bool *badp)
{
	const char *name = kinds[kind].name;
	char *title = filter->titles[kind == KIND_PROJECT];
	char condition[256];
	struct object *object;
	char *at;
	int64_t id;

	if (!take(call, filter, name, nth, badp))
		return;
	if (number_parse_i64(slice_from(filter->texts[nth]), &id) == 0) {
		(void)snprintf(condition, sizeof(condition), "%s_id", name);
		add_equal(filter, condition, "=", STORE_INT(id));
		return;
	}
	object = model_find_name(registry_model(call->registry), kind,
	                         filter->texts[nth]);
	at = title;
	(void)text_put(&at, name);
	at[-1] = ' '; /* in place of its end */
	(void)text_put(&at, filter->texts[nth]);
	filter->values[filter->n++] =
		STORE_INT(object ? (int64_t)object_id(object) : 0);
	filter->values[filter->n++] = STORE_STR(slice_from(title));
	(void)snprintf(condition, sizeof(condition),
	               "%s_id IN (SELECT ?%zu UNION SELECT object_id FROM audit"
	               " WHERE kind = '%s' AND title = ?%zu)",
	               name, filter->n - 1, name, filter->n);
	add_condition(filter, condition);
}

static void filter_since(struct registry_call *call, struct filter *filter,
                         bool *badp)
{
	int64_t s, ms;

	if (!take(call, filter, "since", 5, badp))
		return;
	if (number_parse_i64(slice_from(filter->texts[5]), &s) == 0) {
		add_equal(filter, "created_at", ">=", STORE_INT(s));
		return;
	}
	if (timestamp_parse_rfc3339(slice_from(filter->texts[5]), &ms) == 0) {
		s = ms / MS_PER_S + (ms % MS_PER_S > 0);
		add_equal(filter, "created_at", ">=", STORE_INT(s));
		return;
	}
	*badp = true;
	call_refuse_field(call, 400, "since",
	                  "must be a moment, as 2026-01-02T15:04:05Z, or "
	                  "seconds of Unix time");
}

/* --- rows -------------------------------------------------------------------------- */

static void write_text(struct json_writer *json, const char *key,
                       struct store_value value)
{
	json_write_key(json, key);
	if (value.type == STORE_TEXT)
		json_write_slice(json, value.text);
	else
		json_write_null(json);
}

static void write_number(struct json_writer *json, const char *key,
                         struct store_value value)
{
	json_write_key(json, key);
	if (value.type == STORE_INTEGER)
		json_write_i64(json, value.integer);
	else
		json_write_null(json);
}

/* JSON that we wrote. */
static void write_values(struct json_writer *json, const char *key,
                         struct store_value value)
{
	json_write_key(json, key);
	if (value.type == STORE_TEXT)
		json_write_raw(json, value.text);
	else
		json_write_null(json);
}

/* "Created exporter node:9100 of project web" */
static void write_words(struct json_writer *json, struct slice op,
                        struct slice title)
{
	char words[OBJECT_TITLE_MAX + 32];

	(void)snprintf(words, sizeof(words), SLICE_FMT " " SLICE_FMT,
	               SLICE_ARG(op), SLICE_ARG(title));
	if (words[0] >= 'a' && words[0] <= 'z')
		words[0] = (char)(words[0] - 'a' + 'A');
	json_write_key(json, "log");
	json_write_string(json, words);
}

static void write_row(struct json_writer *json, const struct store_read *read,
                      size_t row)
{
#define CELL(column) store_read_value(read, row, column)
	char created[TIMESTAMP_TEXT_MAX];

	json_write_object(json);
	write_number(json, "id", CELL(LOG_ID));
	write_text(json, "user", CELL(LOG_ACTOR));
	write_text(json, "content_type", CELL(LOG_KIND));
	write_number(json, "object_id", CELL(LOG_OBJECT_ID));
	write_words(json, CELL(LOG_OP).text, CELL(LOG_TITLE).text);
	json_write_key(json, "created");
	json_write_string(
		json, timestamp_format(CELL(LOG_CREATED_AT).integer * MS_PER_S,
	                               created));
	write_values(json, "new", CELL(LOG_NEW));
	write_values(json, "old", CELL(LOG_OLD));
	write_text(json, "parent_content_type", CELL(LOG_PARENT_KIND));
	write_number(json, "parent_object_id", CELL(LOG_PARENT_ID));
	json_write_object_end(json);
#undef CELL
}

static void list_logs(struct registry_call *call)
{
	struct filter filter = { .n = 0 };
	char count[CALL_ROWS_SQL_MAX], rows[CALL_ROWS_SQL_MAX];
	bool bad = false;

	filter_user(call, &filter, &bad);
	filter_kind(call, &filter, &bad);
	filter_id(call, &filter, &bad);
	filter_owner(call, &filter, KIND_SERVICE, 3, &bad);
	filter_owner(call, &filter, KIND_PROJECT, 4, &bad);
	filter_since(call, &filter, &bad);
	if (bad)
		return;
	(void)snprintf(count, sizeof(count), "SELECT count(*) FROM audit%s",
	               filter.where);
	(void)snprintf(rows, sizeof(rows),
	               "%s%s ORDER BY id DESC LIMIT ?%zu OFFSET ?%zu", columns,
	               filter.where, filter.n + 1, filter.n + 2);
	call_rows(call, count, rows, filter.values, filter.n, write_row);
}

static const struct registry_route rows[] = {
	{ .method = "GET",
	  .pattern = "/rest/v2/logs",
	  .scope = SCOPE_READ,
	  .handle = list_logs,
	  .tag = "Logs",
	  .summary = "Who changed what, the latest first",
	  .query = "user,content_type,object_id,service,project,since,"
	           "page_number,page_size",
	  .answer = "Log{}",
	  .status = 200 },
};

const struct registry_routes registry_routes_logs = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
