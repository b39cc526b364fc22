/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v1_usages: how much a shard has, as its own Prometheus counts it: the answer
 * of /api/v1/query goes back as it came. Who cannot be reached is 502, not 500
 * as in the reference.
 */
#include "registry/http/v1.h"

#include <errno.h>
#include "base/mem.h"
#include "base/text.h"
#include "io/http_client.h"

#define USAGES_MAX_BODY   1048576 /* bytes of the answer */
#define USAGES_TIMEOUT_MS 10000

struct usages {
	struct registry_http_part part;
	struct list calls;
	bool closing;
};

struct usage {
	struct list node;
	struct usages *usages;
	struct registry_call call;
	struct http_call http;
	struct http_header header;
	struct buf target;
	struct buf body;
	char *url; /* copies: the shard may go */
	char *authorization;
};

static const char usages_key;

static void maybe_closed(struct usages *usages)
{
	if (!usages->closing || !list_empty(&usages->calls))
		return;
	registry_http_part_closed(&usages->part);
	mem_free(usages);
}

static void usages_close(struct registry_http_part *part)
{
	struct usages *usages = container_of(part, struct usages, part);

	usages->closing = true;
	LIST_FOR_EACH (node, &usages->calls)
		http_call_cancel(&container_of(node, struct usage, node)->http);
	maybe_closed(usages);
}

/* NULL: no memory. */
static struct usages *usages_of(struct registry_http *http)
{
	struct registry_http_part *part =
		registry_http_part_find(http, &usages_key);
	struct usages *usages;

	if (part)
		return container_of(part, struct usages, part);
	usages = mem_calloc(1, sizeof(*usages));
	if (!usages)
		return NULL;
	usages->part.key = &usages_key;
	usages->part.close = usages_close;
	list_init(&usages->calls);
	registry_http_part_add(http, &usages->part);
	return usages;
}

static void usage_free(struct usage *usage)
{
	list_unlink(&usage->node);
	buf_fini(&usage->target);
	buf_fini(&usage->body);
	mem_free(usage->url);
	mem_free(usage->authorization);
	mem_free(usage);
}

static int on_body(struct http_call *http, struct slice bytes)
{
	struct usage *usage = container_of(http, struct usage, http);

	return buf_append(&usage->body, bytes.p, bytes.n);
}

static void on_done(struct http_call *http)
{
	struct usage *usage = container_of(http, struct usage, http);
	struct usages *usages = usage->usages;

	if (http->err.code)
		call_refuse(&usage->call, 502, "%s", http->err.message);
	else if (http->status != 200)
		call_refuse(&usage->call, 502, "%s: status %u", usage->url,
		            http->status);
	else
		http_respond(usage->call.exchange, 200, "application/json",
		             NULL, &usage->body);
	usage_free(usage);
	maybe_closed(usages);
}

/* 0, or a negative code with words. */
static int usage_start(struct usage *usage, const struct object *shard,
                       const char *query, struct err *err)
{
	const char *url = object_text(shard, SHARD_URL);
	const char *authorization = object_text(shard, SHARD_AUTHORIZATION);

	(void)buf_puts(&usage->target, "/api/v1/query?query=");
	text_escape_url(&usage->target, slice_from(query));
	usage->url = mem_strdup(url);
	usage->authorization = mem_strdup(authorization);
	if (!usage->url || !usage->authorization || usage->target.failed)
		return err_set(err, -ENOMEM, "out of memory");
	if (url_parse(slice_from(usage->url), 80, &usage->http.url, err) < 0)
		return err->code;
	usage->header.name = slice_from("Authorization");
	usage->header.value = slice_from(usage->authorization);
	usage->http.method = "GET";
	usage->http.target = buf_slice(&usage->target);
	usage->http.headers = &usage->header;
	usage->http.n_headers = authorization[0] != '\0';
	usage->http.timeout_ms = USAGES_TIMEOUT_MS;
	usage->http.max_body = USAGES_MAX_BODY;
	usage->http.on_body = on_body;
	if (http_client_call(registry_client(usage->call.registry),
	                     &usage->http, on_done) == 0)
		return 0;
	*err = usage->http.err;
	return err->code;
}

static void ask(struct registry_call *call, const struct object *shard,
                const char *query)
{
	struct usages *usages = usages_of(call->http);
	struct usage *usage = usages ? mem_calloc(1, sizeof(*usage)) : NULL;
	struct err err;

	if (!usage) {
		call_refuse(call, 500, "out of memory");
		return;
	}
	usage->usages = usages;
	usage->call = call_kept(call);
	buf_init(&usage->target, 4096);
	buf_init(&usage->body, USAGES_MAX_BODY);
	list_append(&usages->calls, &usage->node);
	if (usage_start(usage, shard, query, &err) == 0)
		return;
	call_refuse(call, err.code == -ENOMEM ? 500 : 502, "%s", err.message);
	usage_free(usage);
}

void v1_usages(struct registry_call *call)
{
	const struct object *shard = v1_find(registry_model(call->registry),
	                                     KIND_SHARD, call->params[0]);
	char metric[32];
	bool bad;

	if (!shard) {
		call_refuse(call, 404, "there is no shard %s", call->params[0]);
		return;
	}
	if (!call_query(call, "metric", metric, sizeof(metric), &bad)) {
		metric[0] = '\0';
		if (bad)
			return;
	}
	if (strcmp(metric, "samples") == 0)
		ask(call, shard, "sum(scrape_samples_scraped)");
	else if (strcmp(metric, "exporters") == 0)
		ask(call, shard, "count(up)");
	else
		call_refuse_field(call, 400, "metric",
		                  "must be `samples` or `exporters`");
}
