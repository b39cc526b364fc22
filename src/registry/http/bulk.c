/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk: all at once: a document applied, exported, or made of what others
 * export. Large texts are read in libuv's pool; then it is one edit.
 */
#include "registry/http/routes.h"

#include <errno.h>
#include "base/mem.h"
#include "registry/model/import_promgen.h"
#include "registry/model/import_prommgr.h"
#include "registry/model/plan.h"

#define EXPORT_MAX 268435456 /* bytes */
#define WORDS_MAX  65536     /* of what is wrong, or left out */
#define SHARD_MAX  256
#define WORD_MAX   16

enum bulk_form {
	BULK_DOCUMENT,
	BULK_ANY, /* what Promgen exports, or we */
	BULK_PROMGEN,
	BULK_PROMMGR,
};

struct bulk {
	struct registry_http_part part;
	struct registry_call call;
	char actor[REGISTRY_ACTOR_MAX];
	uv_work_t work;
	bool closing;
	enum bulk_form form;
	bool is_json;          /* what was sent says so */
	const char *text;      /* the answer of success; NULL: the plan */
	char shard[SHARD_MAX]; /* "": none */
	struct plan_options options;

	/* what the pool makes */
	struct portable portable;
	struct buf words; /* what is wrong; or was left out */
	struct err err;
	int r;
};

static const char part_key;

static void bulk_free(struct bulk *bulk)
{
	portable_fini(&bulk->portable);
	buf_fini(&bulk->words);
	mem_free(bulk);
}

/* --- reading, in the pool ------------------------------------------------- */

/* {"files": [{"name": "shop.yml", "text": "…"}]}: a directory. */
static int read_files(struct bulk *bulk, const struct json_t *files)
{
	int result = 0;

	for (size_t i = 0; i < json_count(files); i++) {
		const struct json_t *file = json_item(files, i);
		const char *name = json_as_string(json_get(file, "name"));
		struct slice text = json_as_text(json_get(file, "text"));
		int r = portable_read(&bulk->portable, name[0] ? name : "body",
		                      text, &bulk->words);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			result = r;
	}
	return result;
}

static int read_document(struct bulk *bulk, struct slice body)
{
	struct json_t *root = NULL;
	struct err err;
	int r = 0;

	if (bulk->is_json)
		r = json_parse(body, &root, &err);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		(void)buf_printf(&bulk->words, "the body is not JSON: %s\n",
		                 err.message);
		return r;
	}
	if (json_count(json_get(root, "files")) > 0)
		r = read_files(bulk, json_get(root, "files"));
	else
		r = portable_read(&bulk->portable, "body", body, &bulk->words);
	json_free(root);
	return r;
}

/* A document of ours says of an object all of it; what others export does
 * not. */
static int read_any(struct bulk *bulk, struct slice body, const char *shard)
{
	int is = portable_is(body);

	if (is < 0)
		return is;
	if (!is)
		return import_promgen(&bulk->portable, body, shard,
		                      &bulk->words, &bulk->err);
	if (shard)
		return err_set(&bulk->err, -EINVAL,
		               "this says itself on which shard each project "
		               "is; leave shard out");
	bulk->options.partial = false;
	return portable_read(&bulk->portable, "body", body, &bulk->words);
}

static void on_work(uv_work_t *work)
{
	struct bulk *bulk = container_of(work, struct bulk, work);
	struct slice body = bulk->call.exchange->body;
	const char *shard = bulk->shard[0] ? bulk->shard : NULL;

	bulk->r = portable_init(&bulk->portable);
	if (bulk->r < 0)
		return;
	switch (bulk->form) {
	case BULK_ANY:
		bulk->r = read_any(bulk, body, shard);
		return;
	case BULK_PROMGEN:
		bulk->r = import_promgen(&bulk->portable, body, shard,
		                         &bulk->words, &bulk->err);
		return;
	case BULK_PROMMGR:
		bulk->r = import_prommgr(&bulk->portable, body, shard,
		                         &bulk->err);
		return;
	case BULK_DOCUMENT:
	default:
		bulk->r = read_document(bulk, body);
	}
}

/* --- the edit ------------------------------------------------------------- */

static int on_apply(struct call_edit *edit, struct model_tx *tx,
                    struct err *err)
{
	struct bulk *bulk = edit->state;

	return plan_apply(tx, &bulk->portable, &bulk->options, err);
}

static void on_write(struct call_edit *edit, struct model_tx *tx,
                     struct json_writer *json)
{
	struct bulk *bulk = edit->state;
	struct slice notes = buf_slice(&bulk->words);
	struct slice note;
	size_t n;
	const struct record *records = model_records(tx, &n);

	json_write_object(json);
	json_write_key(json, "dry_run");
	json_write_bool(json, edit->dry_run);
	plan_write_json(records, n, json);
	json_write_key(json, "notes");
	json_write_array(json);
	while (slice_next(&notes, '\n', &note))
		json_write_slice(json, note);
	json_write_array_end(json);
	json_write_object_end(json);
}

static void on_release(struct call_edit *edit)
{
	bulk_free(edit->state);
}

/* It ends; nobody waits for the edit of it. */
static void on_close(struct registry_http_part *part)
{
	struct bulk *bulk = container_of(part, struct bulk, part);

	bulk->closing = true;
	(void)uv_cancel((uv_req_t *)&bulk->work);
}

/* True: there is a document. False: it has been answered. */
static bool bulk_is_read(struct bulk *bulk)
{
	struct registry_call *call = &bulk->call;
	struct slice words = buf_slice(&bulk->words);

	if (words.n)
		words.n--; /* the end of the last line */
	if (bulk->closing)
		call_refuse(call, 503, "the registry is closing");
	else if (bulk->r == -ENOMEM)
		call_refuse(call, 500, "out of memory");
	else if (bulk->r < 0 && bulk->err.message[0])
		call_refuse(call, 400, "%s", bulk->err.message);
	else if (bulk->r < 0)
		call_refuse(call, 400, SLICE_FMT, SLICE_ARG(words));
	else
		return true;
	return false;
}

static void on_worked(uv_work_t *work, int status)
{
	struct bulk *bulk = container_of(work, struct bulk, work);
	struct call_edit edit = { .apply = on_apply,
		                  .write = on_write,
		                  .release = on_release,
		                  .state = bulk,
		                  .plans = true,
		                  .text = bulk->text };

	bulk->closing = bulk->closing || status < 0;
	if (!bulk_is_read(bulk)) {
		registry_http_part_closed(&bulk->part);
		bulk_free(bulk);
		return;
	}
	/* nothing is closing; from here on the edit is what is waited for */
	registry_http_part_closed(&bulk->part);
	call_edit(&bulk->call, &edit);
}

/* --- the beginning -------------------------------------------------------- */

static bool says_json(const struct registry_call *call)
{
	struct slice type =
		http_message_header(call->exchange->message, "content-type");

	return slice_starts(type, "application/json");
}

/* NULL: it has been answered. */
static struct bulk *bulk_new(struct registry_call *call, enum bulk_form form)
{
	struct bulk *bulk = mem_calloc(1, sizeof(*bulk));
	bool bad = false;

	if (!bulk) {
		call_refuse(call, 500, "out of memory");
		return NULL;
	}
	buf_init(&bulk->words, WORDS_MAX);
	bulk->form = form;
	bulk->call = call_kept(call);
	bulk->is_json = says_json(call);
	bulk->options.partial = form != BULK_DOCUMENT;
	(void)snprintf(bulk->actor, sizeof(bulk->actor), "%s", call->actor);
	bulk->call.actor = bulk->actor;
	(void)call_query(call, "shard", bulk->shard, sizeof(bulk->shard), &bad);
	if (!bad)
		return bulk;
	bulk_free(bulk);
	return NULL;
}

static void bulk_start(struct bulk *bulk)
{
	struct registry_call *call = &bulk->call;

	bulk->part.key = &part_key;
	bulk->part.close = on_close;
	if (call->exchange->body.n > PORTABLE_MAX_BYTES) {
		call_refuse(call, 413, "more than %d MiB",
		            PORTABLE_MAX_BYTES >> 20);
		bulk_free(bulk);
		return;
	}
	if (uv_queue_work(registry_loop(call->registry), &bulk->work, on_work,
	                  on_worked) < 0) {
		call_refuse(call, 500, "out of memory");
		bulk_free(bulk);
		return;
	}
	registry_http_part_add(call->http, &bulk->part);
}

static void apply(struct registry_call *call)
{
	struct plan_options options = { 0 };
	struct bulk *bulk;

	if (!call_flag(call, "prune", &options.prune) ||
	    !call_flag(call, "partial", &options.partial))
		return;
	if (options.prune && options.partial) {
		call_refuse_field(call, 400, "prune",
		                  "a partial document says nothing of what it "
		                  "leaves out");
		return;
	}
	bulk = bulk_new(call, BULK_DOCUMENT);
	if (!bulk)
		return;
	bulk->options = options;
	bulk_start(bulk);
}

static void import(struct registry_call *call)
{
	enum bulk_form form = BULK_ANY;
	char from[WORD_MAX] = "";
	struct bulk *bulk;
	bool bad;

	(void)call_query(call, "from", from, sizeof(from), &bad);
	if (bad)
		return;
	if (strcmp(from, "prommgr") == 0) {
		form = BULK_PROMMGR;
	} else if (strcmp(from, "promgen") == 0) {
		form = BULK_PROMGEN;
	} else if (from[0]) {
		call_refuse_field(call, 400, "from",
		                  "must be promgen or prommgr");
		return;
	}
	bulk = bulk_new(call, form);
	if (bulk)
		bulk_start(bulk);
}

/* As Promgen answers. */
static void import_targets(struct registry_call *call)
{
	struct bulk *bulk = bulk_new(call, BULK_PROMGEN);

	if (!bulk)
		return;
	bulk->text = "Success";
	bulk_start(bulk);
}

/* --- export --------------------------------------------------------------- */

static void answer_export(struct registry_call *call, bool json, bool secrets)
{
	struct portable portable;
	struct buf out;
	int r = portable_init(&portable);

	buf_init(&out, EXPORT_MAX);
	if (r == 0)
		r = portable_take(&portable, registry_model(call->registry),
		                  secrets);
	if (r == 0)
		r = json ? portable_write_json(&portable, &out)
		         : portable_write_yaml(&portable, &out);
	portable_fini(&portable);
	if (r == 0) {
		http_respond(call->exchange, 200,
		             json ? "application/json" : "application/yaml",
		             "Cache-Control: no-store\r\n", &out);
		return;
	}
	buf_fini(&out);
	call_refuse(call, 500, "%s", err_text(r));
}

static void export(struct registry_call *call)
{
	char format[WORD_MAX] = "yaml";
	char actor[REGISTRY_ACTOR_MAX];
	bool secrets = false;
	bool bad;

	(void)call_query(call, "format", format, sizeof(format), &bad);
	if (bad || !call_flag(call, "secrets", &secrets))
		return;
	if (strcmp(format, "yaml") != 0 && strcmp(format, "json") != 0) {
		call_refuse_field(call, 400, "format", "must be yaml or json");
		return;
	}
	/* who may read is not told what notifiers are reached with */
	if (secrets && !registry_admit(call->registry, call->exchange,
	                               call->control, SCOPE_ADMIN, actor))
		return;
	answer_export(call, strcmp(format, "json") == 0, secrets);
}

/* --- the table ------------------------------------------------------------ */

static const struct registry_route rows[] = {
	{ .method = "POST",
	  .pattern = "/registry/apply",
	  .scope = SCOPE_WRITE,
	  .handle = apply,
	  .tag = "All at once",
	  .summary = "Bring the registry to what a document says, in one "
	             "transaction; the answer is the plan",
	  .query = "dry_run,prune,partial",
	  .body = "Document",
	  .answer = "Plan",
	  .status = 200 },
	{ .method = "GET",
	  .pattern = "/registry/export",
	  .scope = SCOPE_READ,
	  .handle = export,
	  .tag = "All at once",
	  .summary = "The whole state as a document; with secrets only for "
	             "those who may do all",
	  .query = "format,secrets",
	  .answer = "Document",
	  .status = 200 },
	{ .method = "POST",
	  .pattern = "/registry/import",
	  .scope = SCOPE_WRITE,
	  .handle = import,
	  .tag = "All at once",
	  .summary = "Take over what Promgen or prommgr export, or "
	             "(without from) /registry/export",
	  .query = "from,shard,dry_run",
	  .body = "Import",
	  .answer = "Plan",
	  .status = 200 },
	{ .method = "POST",
	  .pattern = "/api/v1/targets",
	  .scope = SCOPE_WRITE,
	  .handle = import_targets,
	  .tag = "All at once",
	  .summary = "Take over a targets document, as Promgen does",
	  .query = "shard,dry_run",
	  .body = "Import",
	  .status = 202 },
	{ .method = "POST",
	  .pattern = "/api/v1/config",
	  .scope = SCOPE_WRITE,
	  .handle = import_targets,
	  .tag = "All at once",
	  .summary = "The same by its older name",
	  .query = "shard,dry_run",
	  .body = "Import",
	  .status = 202 },
};

const struct registry_routes registry_routes_bulk = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
