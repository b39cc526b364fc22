/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer: what the handlers share: refusals, bodies, pages, and edits that
 * answer when they are on disk.
 */
#include "registry/http/routes_private.h"

#include <errno.h>
#include <stdarg.h>
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "proto/url.h"

#define DETAIL_MAX    65536 /* bytes; promtool may have much to say */
#define QUERY_MAX     4096
#define PAGE_SIZE     10
#define PAGE_SIZE_MAX 1000
#define LINK_MAX      10000 /* of a page's neighbours */
#define NUMBER_MAX    24    /* digits and NUL of a number in a query */

/* --- who looks ------------------------------------------------------------ */

struct registry_viewer call_viewer(const struct registry_call *call)
{
	return (struct registry_viewer){
		.registry = call->registry,
		.reach = registry_reach(call->registry, call->exchange,
		                        call->control),
	};
}

struct registry_viewer call_edit_viewer(const struct call_edit *edit)
{
	return (struct registry_viewer){ .reach = edit->reach };
}

/* --- refusals ------------------------------------------------------------- */

static void answer_detail(struct registry_call *call, uint16_t status,
                          struct slice detail)
{
	struct json_writer json;
	struct buf body;

	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "detail");
	json_write_slice(&json, detail);
	json_write_object_end(&json);
	call_answer(call, status, &body);
}

void call_refuse(struct registry_call *call, uint16_t status,
                 const char *format, ...)
{
	struct buf detail;
	va_list args;

	buf_init(&detail, DETAIL_MAX);
	va_start(args, format);
	(void)buf_vprintf(&detail, format, args);
	va_end(args);
	answer_detail(call, status, buf_slice(&detail));
	buf_fini(&detail);
}

void call_refuse_field(struct registry_call *call, uint16_t status,
                       const char *field, const char *message)
{
	struct json_writer json;
	struct buf body;

	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, field);
	json_write_array(&json);
	json_write_string(&json, message);
	json_write_array_end(&json);
	json_write_object_end(&json);
	call_answer(call, status, &body);
}

void call_fail(struct registry_call *call, int code, const char *words)
{
	call_refuse(call, code == -ENOMEM ? 500 : 503, "%s", words);
}

void call_answer(struct registry_call *call, uint16_t status, struct buf *body)
{
	if (status == 204) {
		buf_fini(body);
		http_respond(call->exchange, status, NULL, NULL, NULL);
		return;
	}
	(void)buf_putc(body, '\n');
	http_respond(call->exchange, status, "application/json", NULL, body);
}

/* --- what was sent -------------------------------------------------------- */

struct json_t *call_body(struct registry_call *call)
{
	struct slice text = slice_trim(call->exchange->body);
	struct json_t *root = NULL;
	struct err err = { 0 };
	int r = json_parse(text.n ? text : slice_from("{}"), &root, &err);

	if (r == -ENOMEM) {
		call_refuse(call, 500, "out of memory");
		return NULL;
	}
	if (r < 0) {
		call_refuse(call, 400, "the body is %s", err.message);
		return NULL;
	}
	if (!json_is_map(root)) {
		json_free(root);
		call_refuse(call, 400, "the body must be a JSON object");
		return NULL;
	}
	return root;
}

struct object *call_object(struct registry_call *call, enum kind kind,
                           unsigned nth)
{
	struct object *object = NULL;
	uint64_t id;

	if (number_parse_u64(slice_from(call->params[nth]), &id) == 0)
		object = model_find(registry_model(call->registry), kind, id);
	if (!object)
		call_refuse(call, 404, "there is no %s %s", kinds[kind].name,
		            call->params[nth]);
	return object;
}

/* In a query, unlike in a path, a plus is a space. 0 or -EINVAL. */
static int decode_value(struct slice text, char *out, size_t size)
{
	struct buf decoded;
	int r;

	buf_init(&decoded, QUERY_MAX);
	r = url_decode(&decoded, text) < 0 || decoded.n >= size ||
	                    (decoded.n && memchr(decoded.p, '\0', decoded.n))
	            ? -EINVAL
	            : 0;
	if (r == 0)
		memcpy(out, buf_text(&decoded), decoded.n + 1);
	buf_fini(&decoded);
	return r;
}

static int decode_query(struct slice text, char *out, size_t size)
{
	char plain[QUERY_MAX];

	if (text.n > sizeof(plain))
		return -EINVAL;
	for (size_t i = 0; i < text.n; i++)
		plain[i] = (char)(text.p[i] == '+' ? ' ' : text.p[i]);
	return decode_value(slice_make(plain, text.n), out, size);
}

/* The next pair as it was sent; false at the end. */
static bool next_pair(struct slice *query, struct slice *pair,
                      struct slice *name, struct slice *value)
{
	struct slice rest;

	if (!slice_next(query, '&', pair))
		return false;
	rest = *pair;
	*name = slice_from("");
	(void)slice_next(&rest, '=', name);
	*value = rest;
	return true;
}

bool call_query(struct registry_call *call, const char *name, char *out,
                size_t size, bool *badp)
{
	struct slice query = call->exchange->query;
	struct slice pair;
	struct slice key;
	struct slice value;

	*badp = false;
	while (next_pair(&query, &pair, &key, &value)) {
		if (!slice_is(key, name))
			continue;
		if (decode_query(value, out, size) == 0)
			return true;
		*badp = true;
		call_refuse_field(call, 400, name,
		                  "it is malformed or too long");
		return false;
	}
	return false;
}

bool call_flag(struct registry_call *call, const char *name, bool *flagp)
{
	char text[NUMBER_MAX];
	bool bad;

	if (!call_query(call, name, text, sizeof(text), &bad))
		return !bad;
	if (number_parse_bool(slice_from(text), flagp) == 0)
		return true;
	call_refuse_field(call, 400, name, "must be true or false");
	return false;
}

struct registry_call call_kept(const struct registry_call *call)
{
	return (struct registry_call){
		.http = call->http,
		.registry = call->registry,
		.exchange = call->exchange,
		.route = call->route,
		.control = call->control,
	};
}

/* --- edits ---------------------------------------------------------------- */

struct pending {
	struct registry_edit edit;
	struct call_edit call;
	struct registry_call kept; /* what is answered */
	struct list node;
	struct buf body;
	char actor[REGISTRY_ACTOR_MAX];
	char text[]; /* of the params */
};

static void write_values(struct json_writer *json, const char *key,
                         enum kind kind, const union value *values)
{
	json_write_key(json, key);
	if (!values) {
		json_write_null(json);
		return;
	}
	json_write_object(json);
	object_write(json, kind, values, true);
	json_write_object_end(json);
}

static void write_change(struct json_writer *json, const struct record *record)
{
	static const char *const ops[] = {
		[RECORD_CREATED] = "created",
		[RECORD_UPDATED] = "updated",
		[RECORD_DELETED] = "deleted",
	};
	char title[OBJECT_TITLE_MAX];

	json_write_object(json);
	json_write_key(json, "op");
	json_write_string(json, ops[record->op]);
	json_write_key(json, "kind");
	json_write_string(json, kinds[record->kind].name);
	json_write_key(json, "id");
	json_write_u64(json, record->id);
	json_write_key(json, "title");
	json_write_string(json, object_title(record->object, title));
	write_values(json, "old", record->kind, record->old);
	write_values(json, "new", record->kind, record->new);
	json_write_object_end(json);
}

static void write_changes(struct json_writer *json, const struct model_tx *tx)
{
	size_t n;
	const struct record *records = model_records(tx, &n);

	json_write_object(json);
	json_write_key(json, "dry_run");
	json_write_bool(json, true);
	json_write_key(json, "changes");
	json_write_array(json);
	for (size_t i = 0; i < n; i++)
		write_change(json, &records[i]);
	json_write_array_end(json);
	json_write_object_end(json);
}

/* A shard that is not enabled keeps what it has; documents for all at once say
 * how everything is to be, and may. */
static int check_shards(struct call_edit *edit, const struct model_tx *tx,
                        struct err *err)
{
	size_t n;
	const struct record *records = model_records(tx, &n);

	for (size_t i = 0; i < n && !edit->plans; i++) {
		const struct record *record = &records[i];
		const struct object *shard;

		if (record->kind != KIND_PROJECT || !record->new)
			continue;
		shard = record->new[PROJECT_SHARD].object;
		if (object_number(shard, SHARD_ENABLED) ||
		    (record->old && record->old[PROJECT_SHARD].object == shard))
			continue;
		edit->field = "shard";
		return err_set(err, -EINVAL,
		               "%s is not enabled: no projects are put there",
		               object_text(shard, SHARD_NAME));
	}
	return 0;
}

static int on_apply(struct registry_edit *edit, struct model_tx *tx,
                    struct err *err)
{
	struct pending *pending = container_of(edit, struct pending, edit);
	struct json_writer json;
	int r;

	pending->call.edited = NULL;
	pending->call.field = NULL;
	r = pending->call.apply(&pending->call, tx, err);
	if (r == 0)
		r = check_shards(&pending->call, tx, err);
	if (r < 0)
		return r;
	buf_reset(&pending->body);
	json_write_init(&json, &pending->body);
	if (edit->dry_run && !pending->call.plans)
		write_changes(&json, tx);
	else if (pending->call.write)
		pending->call.write(&pending->call, tx, &json);
	if (pending->body.failed)
		return err_set(err, pending->body.failed,
		               "the answer would be too large");
	return 0;
}

static void answer_done(struct registry_call *call, struct pending *pending)
{
	uint16_t status = pending->call.status ? pending->call.status
	                                       : call->route->status;

	if (pending->edit.dry_run)
		status = 200;
	else if (pending->call.text) {
		http_respond_text(call->exchange, status, "%s",
		                  pending->call.text);
		return;
	}
	call_answer(call, status, &pending->body);
}

static void answer_wrong(struct registry_call *call, struct pending *pending,
                         uint16_t status)
{
	const struct registry_edit *edit = &pending->edit;
	const char *field =
		pending->call.field ? pending->call.field : edit->field;

	const char *words = edit->err.message;
	size_t n = field ? strlen(field) : 0;

	/* the model's words begin with the field's name, which we say anyway */
	if (n && strncmp(words, field, n) == 0 &&
	    slice_starts(slice_from(words + n), ": "))
		words += n + 2;
	if (field)
		call_refuse_field(call, status, field, words);
	else
		call_refuse(call, status, "%s", edit->err.message);
}

static void answer_exists(struct registry_call *call,
                          const struct pending *pending)
{
	struct buf body;

	buf_init(&body, REGISTRY_ANSWER_MAX);
	(void)buf_puts(&body, pending->call.exists_body);
	call_answer(call, pending->call.exists_status, &body);
}

static void answer_rules(struct registry_call *call,
                         const struct pending *pending)
{
	struct json_writer json;
	struct buf body;

	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "detail");
	json_write_string(&json, pending->edit.err.message);
	json_write_key(&json, "promtool");
	json_write_string(&json, text_or_empty(pending->edit.words));
	json_write_object_end(&json);
	call_answer(call, 422, &body);
}

static void answer(struct registry_call *call, struct pending *pending)
{
	uint16_t exists = pending->call.exists_status;

	switch (pending->edit.outcome) {
	case REGISTRY_DONE:
		answer_done(call, pending);
		return;
	case REGISTRY_INVALID:
		answer_wrong(call, pending, 400);
		return;
	case REGISTRY_NOT_FOUND:
		answer_wrong(call, pending, 404);
		return;
	case REGISTRY_EXISTS:
		if (pending->call.exists_body) {
			answer_exists(call, pending);
			return;
		}
		answer_wrong(call, pending, exists ? exists : 409);
		return;
	case REGISTRY_REFUSED:
		call_refuse(call, 403, "%s", pending->edit.err.message);
		return;
	case REGISTRY_BAD_RULES:
		answer_rules(call, pending);
		return;
	case REGISTRY_FAILED:
	default:
		call_fail(call, pending->edit.err.code,
		          pending->edit.err.message);
	}
}

static void pending_free(struct pending *pending)
{
	list_unlink(&pending->node);
	buf_fini(&pending->body);
	if (pending->call.release)
		pending->call.release(&pending->call);
	json_free(pending->call.body);
	mem_free(pending);
}

static void on_done(struct registry_edit *edit)
{
	struct pending *pending = container_of(edit, struct pending, edit);
	struct registry_http *http = pending->kept.http;

	answer(&pending->kept, pending);
	pending_free(pending);
	registry_http_maybe_closed(http);
}

/* NULL: no memory. */
static struct pending *pending_new(const struct registry_call *call,
                                   const struct call_edit *edit)
{
	struct pending *pending;
	size_t n = 0;
	char *at;

	for (size_t i = 0; i < ARRAY_SIZE(call->params); i++)
		n += call->params[i] ? strlen(call->params[i]) + 1 : 0;
	pending = mem_calloc(1, sizeof(*pending) + n);
	if (!pending)
		return NULL;
	at = pending->text;
	pending->call = *edit;
	for (size_t i = 0; i < ARRAY_SIZE(call->params); i++)
		pending->call.params[i] =
			call->params[i] ? text_put(&at, call->params[i]) : NULL;
	memcpy(pending->actor, call->actor,
	       strnlen(call->actor, sizeof(pending->actor) - 1));
	pending->kept = call_kept(call);
	list_init(&pending->node);
	buf_init(&pending->body, REGISTRY_ANSWER_MAX);
	return pending;
}

static void drop(const struct call_edit *edit)
{
	struct call_edit copy = *edit;

	if (copy.release)
		copy.release(&copy);
	json_free(copy.body);
}

void call_edit(struct registry_call *call, const struct call_edit *edit)
{
	struct pending *pending;
	bool dry_run = edit->dry_run;

	if (!call_flag(call, "dry_run", &dry_run)) {
		drop(edit);
		return;
	}
	pending = pending_new(call, edit);
	if (!pending) {
		/* the call may be a part of what is dropped */
		call_refuse(call, 500, "out of memory");
		drop(edit);
		return;
	}
	pending->call.dry_run = dry_run;
	pending->call.reach = call_viewer(call).reach;
	pending->edit.apply = on_apply;
	pending->edit.done = on_done;
	pending->edit.who = pending->actor;
	pending->edit.dry_run = dry_run;
	list_append(&call->http->pending, &pending->node);
	registry_submit(call->registry, &pending->edit);
}

/* --- pages ---------------------------------------------------------------- */

/* False: answered. The text must be a number above 0. */
static bool read_number(struct registry_call *call, const char *name,
                        uint64_t *numberp)
{
	char text[NUMBER_MAX];
	uint64_t number;
	bool bad;

	if (!call_query(call, name, text, sizeof(text), &bad))
		return !bad;
	if (number_parse_u64(slice_from(text), &number) == 0 && number > 0) {
		*numberp = number;
		return true;
	}
	call_refuse_field(call, 400, name, "must be a number from 1");
	return false;
}

bool page_read(struct registry_call *call, struct page *page)
{
	*page = (struct page){ .number = 1, .size = PAGE_SIZE };
	if (!read_number(call, "page_number", &page->number) ||
	    !read_number(call, "page_size", &page->size))
		return false;
	page->size = MIN(page->size, PAGE_SIZE_MAX);
	page->number = MIN(page->number, UINT32_MAX);
	return true;
}

void call_origin(const struct registry_call *call, struct buf *out)
{
	const char *external = registry_config(call->registry)->external_url;
	struct slice host =
		http_message_header(call->exchange->message, "host");
	struct slice origin = slice_from(external);

	while (origin.n && origin.p[origin.n - 1] == '/')
		origin.n--;
	if (origin.n)
		(void)buf_append(out, origin.p, origin.n);
	else if (host.n)
		(void)buf_printf(out, "http://" SLICE_FMT, SLICE_ARG(host));
}

/* The same request for another page; null if there is none. */
static void write_link(const struct registry_call *call,
                       struct json_writer *json, uint64_t number)
{
	struct slice query = call->exchange->query;
	char separator = '?';
	struct slice pair;
	struct slice name;
	struct slice value;
	struct buf url;

	if (number == 0) {
		json_write_null(json);
		return;
	}
	buf_init(&url, LINK_MAX);
	call_origin(call, &url);
	(void)buf_append(&url, call->exchange->path.p, call->exchange->path.n);
	while (next_pair(&query, &pair, &name, &value)) {
		if (pair.n == 0 || slice_is(name, "page_number"))
			continue;
		(void)buf_printf(&url, "%c" SLICE_FMT, separator,
		                 SLICE_ARG(pair));
		separator = '&';
	}
	(void)buf_printf(&url, "%cpage_number=%llu", separator,
	                 (unsigned long long)number);
	if (url.failed)
		json->buf->failed = url.failed;
	json_write_slice(json, buf_slice(&url));
	buf_fini(&url);
}

static const struct object *next_listed(const struct model *model,
                                        const struct call_list *list,
                                        const struct object *after)
{
	return list->owner ? object_child(list->owner, list->kind, list->field,
	                                  after)
	                   : model_next(model, list->kind, after);
}

/* Writes those of the page, and counts all: without a walk, if all are kept. */
static void write_results(const struct model *model, struct page *page,
                          const struct call_list *list,
                          struct json_writer *json)
{
	uint64_t first = (page->number - 1) * page->size;
	const struct object *object = next_listed(model, list, NULL);

	for (; object; object = next_listed(model, list, object)) {
		if (list->keep && !list->keep(object, list->context))
			continue;
		if (page->count >= first && page->count < first + page->size)
			list->write(json, object, list->context);
		page->count++;
		if (!list->keep && page->count >= first + page->size)
			break;
	}
	if (!list->keep)
		page->count =
			list->owner ? object_n_children(list->owner, list->kind,
		                                        list->field)
				    : model_count(model, list->kind);
}

void page_answer(struct registry_call *call, const struct page *page,
                 const struct buf *results)
{
	uint64_t n_pages = (page->count + page->size - 1) / page->size;
	struct json_writer json;
	struct buf body;

	if (page->number > MAX(n_pages, 1)) {
		call_refuse(call, 404,
		            "there is no such page: page_number is 1 to %llu",
		            (unsigned long long)MAX(n_pages, 1));
		return;
	}
	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "count");
	json_write_u64(&json, page->count);
	json_write_key(&json, "next");
	write_link(call, &json, page->number < n_pages ? page->number + 1 : 0);
	json_write_key(&json, "previous");
	write_link(call, &json, page->number - 1);
	json_write_key(&json, "results");
	json_write_raw(&json, buf_slice(results));
	json_write_object_end(&json);
	if (results->failed)
		body.failed = results->failed;
	call_answer(call, 200, &body);
}

void call_page(struct registry_call *call, const struct call_list *list)
{
	struct json_writer json;
	struct page page;
	struct buf results;

	if (!page_read(call, &page))
		return;
	buf_init(&results, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &results);
	json_write_array(&json);
	write_results(registry_model(call->registry), &page, list, &json);
	json_write_array_end(&json);
	page_answer(call, &page, &results);
	buf_fini(&results);
}
