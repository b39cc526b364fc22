/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sd: what Prometheus servers fetch: documents as they lie in memory, lent to
 * each answer. https://prometheus.io/docs/prometheus/latest/http_sd/
 *
 * Prometheus wants 200 and application/json, and takes a 304 for a failure: it
 * goes only to those who send If-None-Match (RFC 9110, 13.1.2).
 */
#include "registry/http/routes.h"

#include <stdio.h>

#define NAME_MAX_BYTES 512 /* of a shard's name in a query */
#define HEADERS_MAX    256

struct answer {
	enum document_kind kind;
	const char *content_type;
	const char *headers; /* "" */
};

/* --- what the client can take ----------------------------------------------- */

/* The nth parameter says that the weight is zero, as `;q=0.000`. */
static bool is_refused(struct slice parameters)
{
	struct slice part;

	while (slice_next(&parameters, ';', &part)) {
		part = slice_trim(part);
		if (part.n < 3 || strncasecmp(part.p, "q=", 2) != 0)
			continue;
		part = slice_skip(part, 2);
		while (part.n && (part.p[0] == '0' || part.p[0] == '.'))
			part = slice_skip(part, 1);
		return part.n == 0;
	}
	return false;
}

/* RFC 9110, 12.5.3. */
static bool takes_gzip(const struct http_message *message)
{
	struct slice codings = http_message_header(message, "accept-encoding");
	bool any = false;
	struct slice part;

	while (slice_next(&codings, ',', &part)) {
		struct slice rest = part;
		struct slice name = { 0 };

		(void)slice_next(&rest, ';', &name);
		name = slice_trim(name);
		if (slice_is_nocase(name, "gzip") ||
		    slice_is_nocase(name, "x-gzip"))
			return !is_refused(rest);
		if (slice_is(name, "*"))
			any = !is_refused(rest);
	}
	return any;
}

/* Weakly: what is compressed is the same. */
static bool has_already(const struct http_message *message, const char *etag)
{
	struct slice list = http_message_header(message, "if-none-match");
	struct slice part;

	while (slice_next(&list, ',', &part)) {
		part = slice_trim(part);
		if (slice_starts(part, "W/"))
			part = slice_skip(part, 2);
		if (slice_is(part, etag) || slice_is(part, "*"))
			return true;
	}
	return false;
}

/* --- answers ---------------------------------------------------------------- */

static void on_sent(void *state)
{
	document_unref(state);
}

void call_document(struct registry_call *call, struct document *document,
                   const char *content_type, const char *more)
{
	const struct http_message *message = call->exchange->message;
	bool gzip = document->gzip.n < document->text.n && takes_gzip(message);
	bool known = has_already(message, document->etag);
	char headers[HEADERS_MAX];

	/* compressed it is another representation, of which no byte ranges
	 * could be told apart: its tag is a weak one. What a 304 is to say:
	 * RFC 9110, 15.4.5 */
	(void)snprintf(headers, sizeof(headers),
	               "ETag: %s%s\r\nVary: Accept-Encoding\r\n"
	               "Cache-Control: no-cache\r\n%s%s",
	               gzip ? "W/" : "", document->etag,
	               gzip && !known ? "Content-Encoding: gzip\r\n" : "",
	               known ? "" : more);
	if (known)
		http_respond(call->exchange, 304, NULL, headers, NULL);
	else
		http_respond_shared(call->exchange, 200, content_type, headers,
		                    gzip ? document->gzip : document->text,
		                    on_sent, document_ref(document));
}

/* Of the shard that the path names, or the query; else of all. */
static void answer_document(struct registry_call *call,
                            const struct answer *answer)
{
	const char *shard = call->params[0];
	char name[NAME_MAX_BYTES];
	struct document *document;
	bool bad = false;

	if (!shard && call_query(call, "shard", name, sizeof(name), &bad))
		shard = name;
	if (bad)
		return;
	document = documents_get(registry_documents(call->registry), shard,
	                         answer->kind);
	if (document)
		call_document(call, document, answer->content_type,
		              answer->headers);
	else if (shard)
		call_refuse(call, 404,
		            "there is no shard %s; /rest/v2/shards lists them",
		            shard);
	else
		call_refuse(call, 503, "nothing has been rendered yet");
}

void sd_answer(struct registry_call *call, enum document_kind kind,
               const char *content_type)
{
	answer_document(call, &(struct answer){ kind, content_type, "" });
}

static void answer_targets(struct registry_call *call)
{
	answer_document(call, &(struct answer){ DOCUMENT_TARGETS,
	                                        "application/json", "" });
}

static void answer_urls(struct registry_call *call)
{
	answer_document(call, &(struct answer){ DOCUMENT_URLS,
	                                        "application/json", "" });
}

static void answer_nodes(struct registry_call *call)
{
	answer_document(call, &(struct answer){ DOCUMENT_NODES,
	                                        "application/json", "" });
}

static void answer_rules(struct registry_call *call)
{
	answer_document(call, &(struct answer){ DOCUMENT_RULES,
	                                        "application/yaml", "" });
}

/* As Promgen hands them to browsers. */
static void answer_rules_file(struct registry_call *call)
{
	answer_document(call,
	                &(struct answer){ DOCUMENT_RULES, "application/x-yaml",
	                                  "Content-Disposition: attachment; "
	                                  "filename=promgen.rule.yml\r\n" });
}

#define ROW(at, handler, words, asked, is)                                 \
	{                                                                  \
		.method = "GET", .pattern = (at), .scope = SCOPE_FIND,     \
		.handle = (handler), .tag = "Targets", .summary = (words), \
		.query = (asked), .answer = (is), .status = 200            \
	}

static const struct registry_route rows[] = {
	ROW("/sd/{shard}/targets", answer_targets,
	    "The targets of a shard, for http_sd_configs", NULL,
	    "TargetGroup[]"),
	ROW("/sd/{shard}/urls", answer_urls,
	    "The URLs that a shard probes, for http_sd_configs", NULL,
	    "TargetGroup[]"),
	ROW("/sd/{shard}/rules", answer_rules, "The rules of a shard", NULL,
	    "RuleFile"),
	ROW("/sd/{shard}/nodes", answer_nodes, "The nodes of a shard", NULL,
	    "NodeAddress[]"),
	ROW("/sd/targets", answer_targets,
	    "The targets of all shards, or of one", "shard", "TargetGroup[]"),
	ROW("/sd/urls", answer_urls, "The URLs of all shards, or of one",
	    "shard", "TargetGroup[]"),
	ROW("/sd/rules", answer_rules, "The rules of all shards, or of one",
	    "shard", "RuleFile"),
	ROW("/sd/nodes", answer_nodes, "The nodes of all shards, or of one",
	    "shard", "NodeAddress[]"),
	ROW("/api/v1/targets", answer_targets,
	    "The targets of all shards, as Promgen has them", "shard",
	    "TargetGroup[]"),
	ROW("/api/v1/config", answer_targets,
	    "The targets of all shards, by their older path", "shard",
	    "TargetGroup[]"),
	ROW("/api/v1/urls", answer_urls,
	    "The URLs of all shards, as Promgen has them", "shard",
	    "TargetGroup[]"),
	ROW("/api/v1/rules", answer_rules_file,
	    "The rules of all shards, as a file", "shard", "RulesYaml"),
};

const struct registry_routes registry_routes_sd = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
