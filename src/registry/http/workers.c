/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers: for those beside a Prometheus: what its server is to have, told as
 * soon as it becomes different, and what they say of themselves.
 *
 * One who watches costs a connection and what was told last; nobody is woken
 * but by news of its own shard, and by a comment now and then, all at once.
 */
#include "registry/http/workers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "proto/json.h"
#include "registry/servers.h"

#define WATCHERS_MAX 10000
#define COMMENT_MS   15000
#define POLL_MS      30000
#define TICK_MS      1000
#define EVENT_MAX    65536 /* bytes */
#define ID_MAX       64    /* "REVISION.HASH" */

struct workers {
	struct registry_http_part part;
	struct registry *registry;
	struct registry_watch watch;
	struct list watchers;
	uint32_t n_watchers;
	uv_timer_t timer;  /* comments, and the ends of polls */
	uint64_t armed_ms; /* when it ends; 0: it does not run */
	bool closing;
};

/* One who watches, or polls. */
struct watcher {
	struct list node;
	struct workers *workers; /* NULL: the registry is gone */
	struct http_exchange *exchange;
	char *authorization; /* that it came with; NULL: none */
	bool control;        /* it came over the control socket */
	uint64_t server;     /* its id */
	char told[ID_MAX];   /* of what it was told last; "": nothing */
	uint64_t comment_ms; /* of a poll: when it ends */
	bool polls;
	bool greeted;
	bool comment;   /* is due */
	bool told_gone; /* that its server is not there any more */
	bool over;      /* nothing is told any more */
};

static const char key;

/* --- what a server is to have -------------------------------------------------- */

static struct object *server_of(const struct watcher *watcher)
{
	return model_find(registry_model(watcher->workers->registry),
	                  KIND_SERVER, watcher->server);
}

static const char *shard_name(const struct object *server)
{
	return object_text(object_ref(server, SERVER_SHARD), SHARD_NAME);
}

/* Of equal ones the documents are equal, whatever happened in between. */
static uint64_t hash_of(const struct documents *documents, const char *shard)
{
	uint64_t hash = map_hash(0, shard, strlen(shard));

	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		const struct document *document =
			documents_get(documents, shard, (enum document_kind)i);

		if (document)
			hash = map_hash(hash, document->etag,
			                strlen(document->etag));
	}
	return hash;
}

static void make_id(struct registry *registry, const struct object *server,
                    char id[ID_MAX])
{
	const struct documents *documents = registry_documents(registry);

	(void)snprintf(id, ID_MAX, "%" PRIu64 ".%016" PRIx64,
	               registry_revision(registry),
	               hash_of(documents, shard_name(server)));
}

/* Is what @id told the same as what @seen, which came from outside, did? Who
 * only says a revision has what is not newer, if the server was on its shard
 * by then. */
static bool is_known(struct registry *registry, const struct object *server,
                     const char *id, const char *seen)
{
	const struct documents *documents = registry_documents(registry);
	const char *dot = strchr(seen, '.');
	uint64_t revision;

	if (dot)
		return strcmp(dot, strchr(id, '.')) == 0;
	if (number_parse_u64(slice_from(seen), &revision) < 0 ||
	    revision > registry_revision(registry) ||
	    revision < servers_placed(registry_servers(registry), server,
	                              registry_revision(registry)))
		return false;
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		const struct document *document = documents_get(
			documents, shard_name(server), (enum document_kind)i);

		if (document && document->revision > revision)
			return false;
	}
	return true;
}

static void write_document(struct json_writer *json, const char *shard,
                           const struct document *document)
{
	const char *kind = document_kind_name(document->kind);
	struct buf path;

	buf_init(&path, EVENT_MAX);
	(void)buf_puts(&path, "/sd/");
	text_escape_url(&path, slice_from(shard));
	(void)buf_printf(&path, "/%s", kind);
	json_write_key(json, kind);
	json_write_object(json);
	json_write_key(json, "etag");
	json_write_string(json, document->etag);
	json_write_key(json, "revision");
	json_write_u64(json, document->revision);
	json_write_key(json, "path");
	json_write_slice(json, buf_slice(&path));
	json_write_object_end(json);
	buf_fini(&path);
}

static void write_wanted(struct registry *registry, const struct object *server,
                         const char *id, struct buf *out)
{
	const struct documents *documents = registry_documents(registry);
	const char *shard = shard_name(server);
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	json_write_key(&json, "revision");
	json_write_u64(&json, registry_revision(registry));
	json_write_key(&json, "id");
	json_write_string(&json, id);
	json_write_key(&json, "shard");
	json_write_string(&json, shard);
	json_write_key(&json, "documents");
	json_write_object(&json);
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		const struct document *document =
			documents_get(documents, shard, (enum document_kind)i);

		if (document)
			write_document(&json, shard, document);
	}
	json_write_object_end(&json);
	json_write_object_end(&json);
}

/* --- those who watch -------------------------------------------------------------- */

static void forget_authorization(struct watcher *watcher)
{
	if (watcher->authorization)
		explicit_bzero(watcher->authorization,
		               strlen(watcher->authorization));
	mem_free(watcher->authorization);
}

/* It was let in some time ago: tokens are revoked, and expire. */
static bool may_still(const struct watcher *watcher)
{
	const struct http_message message = {
		.headers[0] = { slice_from("authorization"),
		                slice_from(watcher->authorization) },
		.n_headers = 1,
	};
	const struct http_exchange exchange = { .message = &message };
	enum registry_scope reach = registry_reach(watcher->workers->registry,
	                                           &exchange, watcher->control);

	return reach == SCOPE_READ || reach == SCOPE_WRITE ||
	       reach == SCOPE_ADMIN;
}

static void end_watch(struct watcher *watcher)
{
	watcher->over = true;
	http_end(watcher->exchange);
}

static void watcher_free(struct watcher *watcher)
{
	struct workers *workers = watcher->workers;

	if (workers) {
		list_unlink(&watcher->node);
		workers->n_watchers--;
		servers_unwatched(registry_servers(workers->registry),
		                  watcher->server,
		                  registry_now_s(workers->registry));
	}
	forget_authorization(watcher);
	mem_free(watcher);
}

/* With news in @id, and something to say; @told is what it was told. */
static bool has_news(struct watcher *watcher, const struct object *server,
                     char id[ID_MAX])
{
	if (!server)
		return false;
	make_id(watcher->workers->registry, server, id);
	return !watcher->told[0] ||
	       !is_known(watcher->workers->registry, server, id, watcher->told);
}

static void write_event(struct watcher *watcher, struct buf *out)
{
	struct object *server = server_of(watcher);
	char id[ID_MAX];

	if (!server) {
		if (!watcher->told_gone)
			(void)buf_puts(out, "event: gone\ndata: {}\n\n");
		watcher->told_gone = true;
		return;
	}
	if (!has_news(watcher, server, id))
		return;
	memcpy(watcher->told, id, sizeof(id));
	(void)buf_printf(out, "event: documents\nid: %s\ndata: ", id);
	write_wanted(watcher->workers->registry, server, id, out);
	(void)buf_puts(out, "\n\n");
}

/* Something is said at once, so that the other side sees that nothing between
 * us holds it back. */
static void produce(void *state, struct buf *out)
{
	struct watcher *watcher = state;

	if (!out) {
		watcher_free(watcher);
		return;
	}
	if (!watcher->workers || watcher->workers->closing || watcher->over)
		return;
	if (!watcher->greeted)
		(void)buf_puts(out, ": watching\n\n");
	watcher->greeted = true;
	write_event(watcher, out);
	if (watcher->comment && out->n == 0)
		(void)buf_puts(out, ": still here\n\n");
	watcher->comment = false;
}

static void answer_poll(struct watcher *watcher, const struct object *server,
                        const char *id)
{
	struct http_exchange *exchange = watcher->exchange;
	struct buf body;

	buf_init(&body, EVENT_MAX);
	write_wanted(watcher->workers->registry, server, id, &body);
	(void)buf_putc(&body, '\n');
	watcher_free(watcher);
	http_respond(exchange, 200, "application/json", NULL, &body);
}

static void end_poll(struct watcher *watcher, uint16_t status)
{
	struct http_exchange *exchange = watcher->exchange;

	watcher_free(watcher);
	if (status == 204)
		http_respond(exchange, 204, NULL, NULL, NULL);
	else
		http_respond_text(exchange, status, "%s",
		                  http_status_text(status));
}

static void wake(struct watcher *watcher)
{
	if (may_still(watcher))
		http_wake(watcher->exchange);
	else
		end_watch(watcher);
}

/* Documents, or the shards of servers, are others. */
static void look(struct watcher *watcher)
{
	struct object *server = server_of(watcher);
	char id[ID_MAX] = "";
	bool news = has_news(watcher, server, id);

	if (watcher->polls && !server)
		end_poll(watcher, 404);
	else if (watcher->polls && news && !may_still(watcher))
		end_poll(watcher, 401);
	else if (watcher->polls && news)
		answer_poll(watcher, server, id);
	else if (!watcher->polls && (news || !server))
		wake(watcher);
}

static void on_changed(struct registry_watch *watch)
{
	struct workers *workers = container_of(watch, struct workers, watch);
	struct registry *registry = workers->registry;
	const struct model *model = registry_model(registry);
	struct server_status status;

	LIST_FOR_EACH_SAFE (node, &workers->watchers)
		look(container_of(node, struct watcher, node));
	servers_prune(registry_servers(registry), model);
	/* since when each is what it is now */
	MODEL_FOR_EACH(server, model, KIND_SERVER)
	servers_status(registry_servers(registry), server,
	               registry_documents(registry), registry_now_s(registry),
	               &status);
}

/* --- time -------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer);

/* Nothing needs to be exact: one turn serves all that are due about then. */
static void arm(struct workers *workers, uint64_t at_ms)
{
	uint64_t now_ms = uv_now(workers->timer.loop);

	if (workers->armed_ms && workers->armed_ms <= at_ms)
		return;
	workers->armed_ms = MAX(at_ms, now_ms + TICK_MS);
	(void)uv_timer_start(&workers->timer, on_timer,
	                     workers->armed_ms - now_ms, 0);
}

static void tick(struct watcher *watcher, uint64_t now_ms)
{
	if (watcher->comment_ms > now_ms)
		return;
	if (watcher->polls) {
		end_poll(watcher, 204);
		return;
	}
	watcher->comment_ms = now_ms + COMMENT_MS;
	watcher->comment = true;
	wake(watcher);
}

static void on_timer(uv_timer_t *timer)
{
	struct workers *workers = container_of(timer, struct workers, timer);
	uint64_t now_ms = uv_now(timer->loop);
	uint64_t next_ms = UINT64_MAX;

	LIST_FOR_EACH_SAFE (node, &workers->watchers)
		tick(container_of(node, struct watcher, node), now_ms);
	LIST_FOR_EACH (node, &workers->watchers)
		next_ms = MIN(
			next_ms,
			container_of(node, struct watcher, node)->comment_ms);
	workers->armed_ms = 0;
	if (next_ms != UINT64_MAX)
		arm(workers, next_ms);
}

/* --- the life of it -------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
	struct workers *workers = container_of((uv_timer_t *)(void *)handle,
	                                       struct workers, timer);

	registry_http_part_closed(&workers->part);
	mem_free(workers);
}

static void part_close(struct registry_http_part *part)
{
	struct workers *workers = container_of(part, struct workers, part);
	struct list *node;

	workers->closing = true;
	registry_unwatch(workers->registry, &workers->watch);
	while ((node = list_pop(&workers->watchers))) {
		struct watcher *watcher =
			container_of(node, struct watcher, node);

		watcher->workers = NULL;
		if (watcher->polls)
			end_poll(watcher, 503);
		else
			http_end(watcher->exchange);
	}
	uv_close((uv_handle_t *)&workers->timer, on_timer_closed);
}

static struct workers *workers_of(struct registry_call *call)
{
	struct registry_http_part *part =
		registry_http_part_find(call->http, &key);
	struct workers *workers;

	if (part)
		return container_of(part, struct workers, part);
	workers = mem_calloc(1, sizeof(*workers));
	if (!workers)
		return NULL;
	if (uv_timer_init(registry_loop(call->registry), &workers->timer) < 0) {
		mem_free(workers);
		return NULL;
	}
	workers->registry = call->registry;
	workers->part.key = &key;
	workers->part.close = part_close;
	workers->watch.changed = on_changed;
	list_init(&workers->watchers);
	registry_watch(call->registry, &workers->watch);
	registry_http_part_add(call->http, &workers->part);
	return workers;
}

/* --- routes ------------------------------------------------------------------------------ */

/* NULL: answered. */
static struct object *find_server(struct registry_call *call)
{
	char name[SERVER_NAME_MAX];
	struct object *server;
	struct err err;
	bool bad;

	if (!call_query(call, "server", name, sizeof(name), &bad)) {
		if (!bad)
			call_refuse_field(call, 400, "server",
			                  "which server? server=HOST:PORT");
		return NULL;
	}
	server = servers_find(registry_model(call->registry), name, &err);
	if (!server)
		call_refuse(call, err.code == -EINVAL ? 400 : 404, "%s",
		            err.message);
	return server;
}

/* NULL: no memory. */
static struct watcher *watcher_alloc(const struct registry_call *call)
{
	struct slice authorization =
		http_message_header(call->exchange->message, "authorization");
	struct watcher *watcher = mem_calloc(1, sizeof(*watcher));

	if (!watcher)
		return NULL;
	watcher->exchange = call->exchange;
	watcher->control = call->control;
	if (!authorization.p)
		return watcher;
	watcher->authorization = mem_strndup(authorization.p, authorization.n);
	if (watcher->authorization)
		return watcher;
	mem_free(watcher);
	return NULL;
}

/* NULL: answered. */
static struct watcher *watcher_new(struct registry_call *call,
                                   const struct object *server)
{
	struct workers *workers = workers_of(call);
	struct watcher *watcher = NULL;

	if (workers && workers->n_watchers >= WATCHERS_MAX) {
		call_refuse(call, 503, "too many are watching");
		return NULL;
	}
	if (workers)
		watcher = watcher_alloc(call);
	if (!watcher || servers_watched(registry_servers(call->registry),
	                                object_id(server)) < 0) {
		if (watcher)
			forget_authorization(watcher);
		mem_free(watcher);
		call_refuse(call, 500, "out of memory");
		return NULL;
	}
	watcher->workers = workers;
	watcher->server = object_id(server);
	watcher->comment_ms = uv_now(workers->timer.loop) + COMMENT_MS;
	list_append(&workers->watchers, &watcher->node);
	workers->n_watchers++;
	return watcher;
}

static void watch(struct registry_call *call)
{
	struct slice seen =
		http_message_header(call->exchange->message, "Last-Event-ID");
	struct object *server = find_server(call);
	struct watcher *watcher = server ? watcher_new(call, server) : NULL;

	if (!watcher)
		return;
	if (seen.n > 0 && seen.n < sizeof(watcher->told))
		memcpy(watcher->told, seen.p, seen.n);
	arm(watcher->workers, watcher->comment_ms);
	http_respond_live(call->exchange, 200, "text/event-stream",
	                  "Cache-Control: no-store\r\n"
	                  "X-Accel-Buffering: no\r\n",
	                  produce, watcher);
}

static void poll(struct registry_call *call)
{
	struct object *server = find_server(call);
	struct watcher *watcher;
	char seen[ID_MAX] = "";
	char id[ID_MAX];
	bool bad;

	if (!server)
		return;
	(void)call_query(call, "revision", seen, sizeof(seen), &bad);
	if (bad)
		return;
	watcher = watcher_new(call, server);
	if (!watcher)
		return;
	watcher->polls = true;
	watcher->comment_ms += POLL_MS - COMMENT_MS;
	memcpy(watcher->told, seen, sizeof(seen));
	if (has_news(watcher, server, id))
		answer_poll(watcher, server, id);
	else
		arm(watcher->workers, watcher->comment_ms);
}

static enum server_loaded read_loaded(const struct json_t *value)
{
	if (json_is_missing(value))
		return SERVER_LOADED_UNKNOWN;
	return json_as_bool(value, false) ? SERVER_LOADED : SERVER_NOT_LOADED;
}

static void take_report(struct registry_call *call, const struct json_t *body)
{
	const struct json_t *written = json_get(body, "written");
	struct server_report report = {
		.loaded = read_loaded(json_get(body, "loaded")),
		.error = json_as_text(json_get(body, "error")),
		.version = json_as_text(json_get(body, "version")),
		.revision = (uint64_t)MAX(
			json_as_int(json_get(body, "revision"), 0), 0),
	};
	struct registry *registry = call->registry;
	struct server_status status;
	struct object *server;
	struct err err;

	server = servers_find(registry_model(registry),
	                      json_as_string(json_get(body, "server")), &err);
	if (!server) {
		call_refuse(call, err.code == -EINVAL ? 400 : 404, "%s",
		            err.message);
		return;
	}
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++)
		report.written[i] = json_as_text(json_get(
			written, document_kind_name((enum document_kind)i)));
	if (servers_report(registry_servers(registry), server, &report,
	                   registry_now_s(registry)) < 0) {
		call_refuse(call, 500, "out of memory");
		return;
	}
	servers_status(registry_servers(registry), server,
	               registry_documents(registry), registry_now_s(registry),
	               &status);
	http_respond(call->exchange, 204, NULL, NULL, NULL);
}

static void report(struct registry_call *call)
{
	struct json_t *body = call_body(call);

	if (!body)
		return;
	take_report(call, body);
	json_free(body);
}

void registry_server_write(struct registry *registry, struct json_writer *json,
                           const struct object *server)
{
	int64_t now_s = registry_now_s(registry);
	struct server_status status;

	servers_status(registry_servers(registry), server,
	               registry_documents(registry), now_s, &status);
	server_status_write(json, &status, now_s);
}

static void write_server(struct registry *registry, struct json_writer *json,
                         const struct object *server)
{
	char name[SERVER_NAME_MAX];

	json_write_object(json);
	json_write_key(json, "id");
	json_write_u64(json, object_id(server));
	json_write_key(json, "server");
	json_write_string(json, server_name(server, name));
	json_write_key(json, "shard");
	json_write_string(json, shard_name(server));
	registry_server_write(registry, json, server);
	json_write_object_end(json);
}

static void one_server(struct registry_call *call)
{
	const struct object *server = call_object(call, KIND_SERVER, 0);
	struct json_writer json;
	struct buf body;

	if (!server)
		return;
	buf_init(&body, REGISTRY_WORKERS_MAX_LIST);
	json_write_init(&json, &body);
	write_server(call->registry, &json, server);
	call_answer(call, 200, &body);
}

static void list_servers(struct registry_call *call)
{
	const struct model *model = registry_model(call->registry);
	struct json_writer json;
	struct buf body;

	buf_init(&body, REGISTRY_WORKERS_MAX_LIST);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "revision");
	json_write_u64(&json, registry_revision(call->registry));
	json_write_key(&json, "servers");
	json_write_array(&json);
	MODEL_FOR_EACH(server, model, KIND_SERVER)
	write_server(call->registry, &json, server);
	json_write_array_end(&json);
	json_write_object_end(&json);
	call_answer(call, 200, &body);
}

static const struct registry_route rows[] = {
	{ .method = "GET",
	  .pattern = "/worker/watch",
	  .scope = SCOPE_READ,
	  .handle = watch,
	  .tag = "Workers",
	  .summary = "What a server is to have, as server-sent events",
	  .query = "server",
	  .answer = "WantedEvents",
	  .status = 200 },
	{ .method = "GET",
	  .pattern = "/worker/poll",
	  .scope = SCOPE_READ,
	  .handle = poll,
	  .tag = "Workers",
	  .summary = "The same, once: waits up to 30 s for something newer "
	             "than revision, and answers 204 if there is nothing",
	  .query = "server,revision",
	  .answer = "Wanted",
	  .status = 200 },
	{ .method = "POST",
	  .pattern = "/worker/report",
	  .scope = SCOPE_READ,
	  .handle = report,
	  .tag = "Workers",
	  .summary = "What the worker of a server has written and loaded",
	  .body = "WorkerReport",
	  .status = 204 },
	{ .method = "GET",
	  .pattern = "/worker/servers",
	  .scope = SCOPE_READ,
	  .handle = list_servers,
	  .tag = "Workers",
	  .summary = "All servers, and how far each is",
	  .answer = "ServerStatusList",
	  .status = 200 },
	{ .method = "GET",
	  .pattern = "/rest/v2/servers/{id}/status",
	  .scope = SCOPE_READ,
	  .handle = one_server,
	  .tag = "Servers",
	  .summary = "How far a server is: what it is to have, what is written "
	             "and loaded, what went wrong, and when that was told",
	  .answer = "ServerStatus",
	  .status = 200 },
	{ .method = "GET",
	  .pattern = "/explain/target",
	  .scope = SCOPE_READ,
	  .handle = registry_explain_target,
	  .tag = "Workers",
	  .summary = "Why an address is scraped, or is not",
	  .query = "address",
	  .answer = "TargetExplanation",
	  .status = 200 },
};

const struct registry_routes registry_routes_workers = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
