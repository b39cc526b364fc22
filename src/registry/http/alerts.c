/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts: the alerts that came, at /registry/alerts: found by their labels;
 * where each went, and why; told again. What is still to be told, and what
 * could not be, at /registry/deliveries. And whether a notifier works.
 */
#include "registry/alerts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/number.h"
#include "proto/timestamp.h"
#include "registry/http/routes_private.h"
#include "source/alerts.h"

#define FILTER_MAX 4096
#define WHERE_MAX  1024
#define LABELS_MAX 4 /* that are looked for at once */
#define FULL_MAX   (64u << 20)

/* What stands between a request and its answer. */
struct pending {
	struct list node; /* of http->pending */
	struct registry_call call;
	struct store_read read;
	struct registry_replaying replaying;
	uint64_t id;
	struct buf body; /* of the answer, as far as it is written */
};

static struct pending *pending_new(const struct registry_call *call)
{
	struct pending *pending = mem_calloc(1, sizeof(*pending));

	if (!pending)
		return NULL;
	pending->call = call_kept(call);
	buf_init(&pending->body, FULL_MAX);
	list_append(&call->http->pending, &pending->node);
	return pending;
}

static void pending_end(struct pending *pending)
{
	struct registry_http *http = pending->call.http;

	list_unlink(&pending->node);
	buf_fini(&pending->body);
	mem_free(pending);
	registry_http_maybe_closed(http);
}

static void pending_refuse(struct pending *pending, int code, const char *words)
{
	if (code == -ENOENT)
		call_refuse(&pending->call, 404, "%s", words);
	else
		call_fail(&pending->call, code, words);
	pending_end(pending);
}

/* The number in params[0]; 0: it has been answered. */
static uint64_t id_of(struct registry_call *call, const char *what)
{
	uint64_t id = 0;

	if (number_parse_u64(slice_from(call->params[0]), &id) < 0 || id == 0 ||
	    id > INT64_MAX) {
		call_refuse(call, 404, "there is no %s %s", what,
		            call->params[0]);
		return 0;
	}
	return id;
}

/* A reading whose end is @done; it has been answered if that cannot be. */
static void read_one(struct registry_call *call, const char *sql,
                     store_read_cb done)
{
	uint64_t id = id_of(call, "alert");
	const struct store_value value = STORE_INT((int64_t)id);
	struct pending *pending = id ? pending_new(call) : NULL;

	if (id == 0)
		return;
	if (!pending) {
		call_refuse(call, 500, "out of memory");
		return;
	}
	pending->id = id;
	if (store_read(registry_store(call->registry), sql, &value, 1,
	               &pending->read, done) < 0)
		pending_refuse(pending, -ENOMEM, "out of memory");
}

/* --- written --------------------------------------------------------------------- */

static void write_text(struct json_writer *json, const char *key,
                       struct slice text)
{
	json_write_key(json, key);
	json_write_slice(json, text);
}

static void write_number(struct json_writer *json, const char *key,
                         int64_t number)
{
	json_write_key(json, key);
	json_write_i64(json, number);
}

static void write_time(struct json_writer *json, const char *key,
                       struct store_value value)
{
	char text[TIMESTAMP_TEXT_MAX];

	json_write_key(json, key);
	if (value.type == STORE_NULL || value.integer == 0)
		json_write_null(json);
	else
		json_write_string(json, timestamp_format(value.integer, text));
}

/* The columns of an alert in a list, in their order. */
enum {
	ALERT_ID,
	ALERT_RECEIVED,
	ALERT_FIRING,
	ALERT_RECEIVER,
	ALERT_GROUP_KEY,
	ALERT_N,
	ALERT_TOLD,
	ALERT_WAITING,
	ALERT_SENT,
	ALERT_DEAD,
	ALERT_DROPPED,
	ALERT_LABELS,
	ALERT_BODY,
	ALERT_ROUTING
};

#define COUNT_OF(state)                                                 \
	"(SELECT count(*) FROM delivery d WHERE d.alert_id = a.id AND " \
	"d.state = " #state ")"
#define ALERT_COLUMNS                                                         \
	"a.id, a.received_ms, a.firing, a.receiver, a.group_key,"             \
	" a.n_alerts, a.told, " COUNT_OF(0) ", " COUNT_OF(1) ", " COUNT_OF(   \
		2) ", " COUNT_OF(3) ", CASE WHEN json_valid(a.body) THEN "    \
				    "json_extract(a.body, '$.commonLabels') " \
				    "END"

#define CELL(column) store_read_value(read, row, column)

static void write_raw(struct json_writer *json, const char *key,
                      struct store_value value)
{
	json_write_key(json, key);
	if (value.type == STORE_TEXT && value.text.n > 0)
		json_write_raw(json, value.text);
	else
		json_write_null(json);
}

/* The members of the object that is being written. */
static void write_members(struct json_writer *json,
                          const struct store_read *read, size_t row)
{
	static const char *const counts[] = { "waiting", "sent", "dead",
		                              "dropped" };

	write_number(json, "id", CELL(ALERT_ID).integer);
	write_time(json, "received", CELL(ALERT_RECEIVED));
	write_text(
		json, "status",
		slice_from(CELL(ALERT_FIRING).integer ? "firing" : "resolved"));
	write_text(json, "receiver", CELL(ALERT_RECEIVER).text);
	write_text(json, "group_key", CELL(ALERT_GROUP_KEY).text);
	write_number(json, "alerts", CELL(ALERT_N).integer);
	write_number(json, "told", CELL(ALERT_TOLD).integer);
	json_write_key(json, "deliveries");
	json_write_object(json);
	for (unsigned i = 0; i < ARRAY_SIZE(counts); i++)
		write_number(json, counts[i], CELL(ALERT_WAITING + i).integer);
	json_write_object_end(json);
	write_raw(json, "labels", CELL(ALERT_LABELS));
}

static void write_alert(struct json_writer *json, const struct store_read *read,
                        size_t row)
{
	json_write_object(json);
	write_members(json, read, row);
	json_write_object_end(json);
}

/* The columns of a delivery. */
enum {
	DELIVERY_ID,
	DELIVERY_ALERT,
	DELIVERY_NOTIFIER,
	DELIVERY_SENDER,
	DELIVERY_STATE,
	DELIVERY_N_TRIES,
	DELIVERY_DUE,
	DELIVERY_CREATED,
	DELIVERY_ENDED,
	DELIVERY_WORDS
};

#define DELIVERY_COLUMNS                                           \
	"id, alert_id, notifier_id, sender, state, tries, due_ms," \
	" created_ms, ended_ms, words"

static void write_delivery(struct json_writer *json,
                           const struct store_read *read, size_t row)
{
	json_write_object(json);
	write_number(json, "id", CELL(DELIVERY_ID).integer);
	write_number(json, "alert_id", CELL(DELIVERY_ALERT).integer);
	write_number(json, "notifier_id", CELL(DELIVERY_NOTIFIER).integer);
	write_text(json, "sender", CELL(DELIVERY_SENDER).text);
	write_text(json, "state",
	           slice_from(delivery_state_name(
			   (enum delivery_state)CELL(DELIVERY_STATE).integer)));
	write_number(json, "tries", CELL(DELIVERY_N_TRIES).integer);
	write_time(json, "due", CELL(DELIVERY_DUE));
	write_time(json, "created", CELL(DELIVERY_CREATED));
	write_time(json, "ended", CELL(DELIVERY_ENDED));
	write_text(json, "words", CELL(DELIVERY_WORDS).text);
	json_write_object_end(json);
}

/* --- lists ------------------------------------------------------------------------- */

struct filter {
	struct registry_call *call;
	bool answered;
	char where[WHERE_MAX];
	int n_where;
	struct store_value values[CALL_ROWS_VALUES_MAX];
	size_t n;
	char text[FILTER_MAX]; /* of labels, which values point into */
};

/* @format has "?%zu" for each of the last @n values. */
static void add_condition(struct filter *filter, const char *text)
{
	filter->n_where +=
		snprintf(filter->where + filter->n_where,
	                 WHERE_MAX - (size_t)filter->n_where, "%s%s",
	                 filter->n_where ? " AND " : " WHERE ", text);
}

static void add_number(struct filter *filter, const char *column,
                       const char *operator_, int64_t number)
{
	char condition[128];

	filter->values[filter->n++] = STORE_INT(number);
	(void)snprintf(condition, sizeof(condition), "%s %s ?%zu", column,
	               operator_, filter->n);
	add_condition(filter, condition);
}

static void add_label(struct filter *filter, struct slice name,
                      struct slice value)
{
	char condition[192];

	filter->values[filter->n++] = STORE_STR(name);
	filter->values[filter->n++] = STORE_STR(value);
	(void)snprintf(condition, sizeof(condition),
	               "a.id IN (SELECT alert_id FROM alert_label"
	               " WHERE name = ?%zu AND value = ?%zu)",
	               filter->n - 1, filter->n);
	add_condition(filter, condition);
}

static bool refuse_filter(struct filter *filter, const char *field,
                          const char *words)
{
	filter->answered = true;
	call_refuse_field(filter->call, 400, field, words);
	return false;
}

static bool query(struct filter *filter, const char *name, char *out,
                  size_t size)
{
	return !filter->answered &&
	       call_query(filter->call, name, out, size, &filter->answered);
}

/* Behind a value in double quotes, which ends with one that a comma or nothing
 * follows; 0: it is in none. */
static size_t quoted_length(struct slice text)
{
	if (text.n == 0 || text.p[0] != '"')
		return 0;
	for (size_t i = 1; i < text.n; i++) {
		if (text.p[i] == '"' &&
		    (i + 1 == text.n || text.p[i + 1] == ','))
			return i + 1;
	}
	return 0;
}

/* False: it is not NAME=VALUE. */
static bool next_label(struct slice *rest, struct slice *name,
                       struct slice *value)
{
	struct slice from = *rest;
	size_t quoted;

	if (!slice_next(rest, '=', name) || name->n == 0 || name->n == from.n ||
	    memchr(name->p, ',', name->n))
		return false;
	quoted = quoted_length(*rest);
	*value = slice_make(rest->p, 0);
	if (quoted) {
		*value = slice_make(rest->p + 1, quoted - 2);
		*rest = slice_skip(*rest, quoted + (quoted < rest->n));
	} else {
		(void)slice_next(rest, ',', value);
	}
	return true;
}

/* "service=shop,severity=critical"; a value may stand in double quotes, as one
 * with a comma must. */
static void filter_labels(struct filter *filter)
{
	struct slice rest;
	struct slice name;
	struct slice value;

	if (!query(filter, "label", filter->text, sizeof(filter->text)))
		return;
	rest = slice_from(filter->text);
	for (size_t n = 0; rest.n; n++) {
		if (n == LABELS_MAX || !next_label(&rest, &name, &value)) {
			(void)refuse_filter(filter, "label",
			                    "must be NAME=VALUE, or up to "
			                    "four of them with commas");
			return;
		}
		add_label(filter, name, value);
	}
}

static void filter_time(struct filter *filter, const char *name,
                        const char *column, const char *operator_)
{
	char text[64];
	int64_t at;

	if (!query(filter, name, text, sizeof(text)))
		return;
	if (number_parse_i64(slice_from(text), &at) == 0 &&
	    at < INT64_MAX / 1000 && at > 0)
		add_number(filter, column, operator_, at * 1000);
	else if (timestamp_parse_rfc3339(slice_from(text), &at) == 0)
		add_number(filter, column, operator_, at);
	else
		(void)refuse_filter(filter, name,
		                    "must be a time as "
		                    "2026-01-02T15:04:05Z, or Unix seconds");
}

static void filter_status(struct filter *filter)
{
	char text[32];

	if (!query(filter, "status", text, sizeof(text)))
		return;
	if (strcmp(text, "firing") == 0 || strcmp(text, "resolved") == 0)
		add_number(filter, "a.firing", "=", text[0] == 'f');
	else
		(void)refuse_filter(filter, "status",
		                    "must be firing or resolved");
}

static void filter_told(struct filter *filter)
{
	char text[32];
	bool told;

	if (!query(filter, "told", text, sizeof(text)))
		return;
	if (number_parse_bool(slice_from(text), &told) == 0)
		add_number(filter, "a.told", told ? ">" : "=", 0);
	else
		(void)refuse_filter(filter, "told", "must be true or false");
}

static void answer_rows(struct filter *filter, const char *what,
                        const char *from, const char *order,
                        void (*write)(struct json_writer *json,
                                      const struct store_read *read,
                                      size_t row))
{
	char count[CALL_ROWS_SQL_MAX];
	char rows[CALL_ROWS_SQL_MAX];

	(void)snprintf(count, sizeof(count), "SELECT count(*) FROM %s%s", from,
	               filter->where);
	(void)snprintf(rows, sizeof(rows),
	               "SELECT %s FROM %s%s ORDER BY %s DESC LIMIT ?%zu "
	               "OFFSET ?%zu",
	               what, from, filter->where, order, filter->n + 1,
	               filter->n + 2);
	call_rows(filter->call, count, rows, filter->values, filter->n, write);
}

static void list_alerts(struct registry_call *call)
{
	struct filter filter = { .call = call };

	filter_labels(&filter);
	filter_time(&filter, "since", "a.received_ms", ">=");
	filter_time(&filter, "until", "a.received_ms", "<");
	filter_status(&filter);
	filter_told(&filter);
	if (!filter.answered)
		answer_rows(&filter, ALERT_COLUMNS, "alert a", "a.id",
		            write_alert);
}

static void filter_state(struct filter *filter)
{
	enum delivery_state state;
	char text[32];

	if (!query(filter, "state", text, sizeof(text)))
		return;
	if (delivery_state_find(slice_from(text), &state))
		add_number(filter, "state", "=", state);
	else
		(void)refuse_filter(filter, "state",
		                    "must be waiting, sent, dead or dropped");
}

static void filter_id(struct filter *filter, const char *name,
                      const char *column)
{
	char text[32];
	int64_t id;

	if (!query(filter, name, text, sizeof(text)))
		return;
	if (number_parse_i64(slice_from(text), &id) == 0)
		add_number(filter, column, "=", id);
	else
		(void)refuse_filter(filter, name, "must be a number");
}

static void list_deliveries(struct registry_call *call)
{
	struct filter filter = { .call = call };

	filter_state(&filter);
	filter_id(&filter, "alert", "alert_id");
	filter_id(&filter, "notifier", "notifier_id");
	if (!filter.answered)
		answer_rows(&filter, DELIVERY_COLUMNS, "delivery", "id",
		            write_delivery);
}

/* --- one ------------------------------------------------------------------------------ */

static void on_deliveries(struct store_read *read)
{
	struct pending *pending = container_of(read, struct pending, read);
	struct json_writer json;
	struct buf list;

	if (read->err.code < 0) {
		pending_refuse(pending, read->err.code, read->err.message);
		return;
	}
	buf_init(&list, FULL_MAX);
	json_write_init(&json, &list);
	json_write_array(&json);
	for (size_t row = 0; row < read->n_rows; row++)
		write_delivery(&json, read, row);
	json_write_array_end(&json);
	(void)buf_append(&pending->body, list.p, list.n);
	(void)buf_putc(&pending->body, '}');
	if (list.failed)
		pending->body.failed = list.failed;
	buf_fini(&list);
	call_answer(&pending->call, 200, &pending->body);
	pending_end(pending);
}

static void on_alert(struct store_read *read)
{
	struct pending *pending = container_of(read, struct pending, read);
	const struct store_value id = STORE_INT((int64_t)pending->id);
	struct json_writer json;

	if (read->err.code < 0 || read->n_rows == 0) {
		pending_refuse(pending,
		               read->err.code < 0 ? read->err.code : -ENOENT,
		               read->err.code < 0 ? read->err.message
		                                  : "there is no such alert");
		return;
	}
	json_write_init(&json, &pending->body);
	json_write_object(&json);
	write_members(&json, read, 0);
	write_raw(&json, "routing", store_read_value(read, 0, ALERT_ROUTING));
	write_raw(&json, "message", store_read_value(read, 0, ALERT_BODY));
	/* what follows is the last member */
	(void)buf_puts(&pending->body, ",\"delivered\":");
	if (store_read(registry_store(pending->call.registry),
	               "SELECT " DELIVERY_COLUMNS
	               " FROM delivery WHERE alert_id = ?1 ORDER BY id",
	               &id, 1, read, on_deliveries) < 0)
		pending_refuse(pending, -ENOMEM, "out of memory");
}

static void get_alert(struct registry_call *call)
{
	read_one(call,
	         "SELECT " ALERT_COLUMNS
	         ", a.body, a.routing FROM alert a WHERE a.id = ?1",
	         on_alert);
}

/* --- why ------------------------------------------------------------------------------- */

static void explain(struct registry_call *call, struct slice body)
{
	struct json_writer json;
	struct err err = { 0 };
	struct buf out;
	int r;

	buf_init(&out, FULL_MAX);
	json_write_init(&json, &out);
	json_write_object(&json);
	r = registry_alerts_explain(registry_alerts(call->registry), body,
	                            &json, &err);
	json_write_object_end(&json);
	if (r == 0)
		call_answer(call, 200, &out);
	else
		call_refuse(call,
		            r == ALERTS_E_FORMAT      ? 400
		            : r == ALERTS_E_TOO_LARGE ? 413
		                                      : 500,
		            "%s", err.message);
	buf_fini(&out);
}

static void on_explained(struct store_read *read)
{
	struct pending *pending = container_of(read, struct pending, read);

	if (read->err.code < 0) {
		pending_refuse(pending, read->err.code, read->err.message);
	} else if (read->n_rows == 0) {
		pending_refuse(pending, -ENOENT, "there is no such alert");
	} else {
		explain(&pending->call, store_read_value(read, 0, 0).text);
		pending_end(pending);
	}
}

static void explain_kept(struct registry_call *call)
{
	read_one(call, "SELECT body FROM alert WHERE id = ?1", on_explained);
}

static void explain_posted(struct registry_call *call)
{
	explain(call, call->exchange->body);
}

/* --- again ------------------------------------------------------------------------------ */

static void on_replayed(struct registry_replaying *replaying)
{
	struct pending *pending =
		container_of(replaying, struct pending, replaying);
	struct json_writer json;

	if (replaying->err.code < 0) {
		pending_refuse(pending, replaying->err.code,
		               replaying->err.message);
		return;
	}
	json_write_init(&json, &pending->body);
	json_write_object(&json);
	write_number(&json, "deliveries", replaying->n);
	json_write_object_end(&json);
	call_answer(&pending->call, 202, &pending->body);
	pending_end(pending);
}

static bool read_replay(struct registry_call *call,
                        struct registry_replaying *replaying)
{
	char text[32];
	bool bad;

	if (call_query(call, "what", text, sizeof(text), &bad)) {
		replaying->what =
			strcmp(text, "all") == 0 ? REPLAY_ALL : REPLAY_DEAD;
		if (replaying->what == REPLAY_DEAD &&
		    strcmp(text, "dead") != 0) {
			call_refuse_field(call, 400, "what",
			                  "must be dead: what could not be "
			                  "delivered; or all: it is routed "
			                  "anew");
			return false;
		}
	}
	if (bad || !call_query(call, "delivery", text, sizeof(text), &bad))
		return !bad;
	if (number_parse_u64(slice_from(text), &replaying->delivery_id) == 0)
		return true;
	call_refuse_field(call, 400, "delivery", "must be a number");
	return false;
}

static void replay(struct registry_call *call)
{
	struct registry_replaying replaying = { .done = on_replayed };
	struct pending *pending;
	struct err err = { 0 };

	replaying.alert_id = id_of(call, "alert");
	if (replaying.alert_id == 0 || !read_replay(call, &replaying))
		return;
	pending = pending_new(call);
	if (!pending) {
		call_refuse(call, 500, "out of memory");
		return;
	}
	pending->replaying = replaying;
	if (registry_alerts_replay(registry_alerts(call->registry),
	                           &pending->replaying, &err) < 0)
		pending_refuse(pending, err.code, err.message);
}

/* --- does it work? ------------------------------------------------------------------------ */

static void on_tested(void *context, bool sent, const char *words)
{
	struct pending *pending = context;
	struct json_writer json;

	json_write_init(&json, &pending->body);
	json_write_object(&json);
	json_write_key(&json, "sent");
	json_write_bool(&json, sent);
	write_text(&json, sent ? "answer" : "detail", slice_from(words));
	json_write_object_end(&json);
	call_answer(&pending->call, sent ? 200 : 502, &pending->body);
	pending_end(pending);
}

static void test_notifier(struct registry_call *call)
{
	const struct object *notifier = call_object(call, KIND_NOTIFIER, 0);
	struct pending *pending;
	struct err err = { 0 };

	if (!notifier)
		return;
	pending = pending_new(call);
	if (!pending)
		call_refuse(call, 500, "out of memory");
	else if (deliveries_test(registry_alerts_deliveries(
					 registry_alerts(call->registry)),
	                         notifier, on_tested, pending, &err) < 0)
		pending_refuse(pending, err.code, err.message);
}

/* --- routes --------------------------------------------------------------------------------- */

static const struct registry_route rows[] = {
	{ .method = "POST",
	  .pattern = "/api/v1/alerts",
	  .scope = SCOPE_ALERTS,
	  .tag = "Alerts",
	  .summary =
	          "Where the webhook of Alertmanager leads: alerts are kept, "
	          "notifiers are told, and monitors hear of them",
	  .body = "AlertMessage",
	  .status = 200 },
	{ .method = "PUT",
	  .pattern = "/api/v1/alerts",
	  .scope = SCOPE_ALERTS,
	  .tag = "Alerts",
	  .summary = "The same",
	  .body = "AlertMessage",
	  .status = 200 },
	{ .method = "GET",
	  .pattern = "/registry/alerts",
	  .scope = SCOPE_READ,
	  .handle = list_alerts,
	  .tag = "Alerts",
	  .summary = "The alerts that came, the latest first",
	  .query = "label,since,until,status,told,page_number,page_size",
	  .answer = "AlertKept{}",
	  .status = 200 },
	{ .method = "POST",
	  .pattern = "/registry/alerts/explain",
	  .scope = SCOPE_READ,
	  .handle = explain_posted,
	  .tag = "Alerts",
	  .summary = "Who would be told of that message, and why",
	  .body = "AlertMessage",
	  .answer = "AlertRouting",
	  .status = 200 },
	{ .method = "GET",
	  .pattern = "/registry/alerts/{id}",
	  .scope = SCOPE_READ,
	  .handle = get_alert,
	  .tag = "Alerts",
	  .summary = "One of them, where it went, and why",
	  .answer = "AlertWhole",
	  .status = 200 },
	{ .method = "GET",
	  .pattern = "/registry/alerts/{id}/explain",
	  .scope = SCOPE_READ,
	  .handle = explain_kept,
	  .tag = "Alerts",
	  .summary = "Who would be told of it as things are now, and why",
	  .answer = "AlertRouting",
	  .status = 200 },
	{ .method = "POST",
	  .pattern = "/registry/alerts/{id}/replay",
	  .scope = SCOPE_WRITE,
	  .handle = replay,
	  .tag = "Alerts",
	  .summary = "Tell of it again",
	  .query = "what,delivery",
	  .answer = "AlertReplay",
	  .status = 202 },
	{ .method = "GET",
	  .pattern = "/registry/deliveries",
	  .scope = SCOPE_READ,
	  .handle = list_deliveries,
	  .tag = "Alerts",
	  .summary = "What notifiers were told, or are to be told",
	  .query = "state,alert,notifier,page_number,page_size",
	  .answer = "Delivery{}",
	  .status = 200 },
	{ .method = "POST",
	  .pattern = "/rest/v2/notifiers/{id}/test",
	  .scope = SCOPE_WRITE,
	  .handle = test_notifier,
	  .tag = "Notifiers",
	  .summary = "Send a test alert, and say what came of it",
	  .answer = "NotifierTest",
	  .status = 200 },
};

const struct registry_routes registry_routes_alerts = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
