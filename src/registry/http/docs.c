/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs: the API's own reference, as a document and as a page. The page has all
 * that it needs in itself: no script, nothing from elsewhere; the browser's
 * own search finds what is in it.
 */
#include "registry/http/reference.h"

#include <errno.h>
#include "base/mem.h"
#include "base/text.h"
#include "proto/json.h"
#include "registry/model/fragment.h"

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<title>Bouncer's registry: API</title>\n<style>"
	":root{color-scheme:light dark;--line:#ddd;--dim:#666;--code:#f4f4f4;"
	"--get:#16722e;--post:#0b57d0;--put:#9a5b00;--delete:#b3261e}"
	"@media(prefers-color-scheme:dark){:root{--line:#333;--dim:#999;"
	"--code:#1d1d1d;--get:#6fce85;--post:#8ab4f8;--put:#f0b35a;"
	"--delete:#ff8a80}body{background:#111;color:#ddd}}"
	"body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;"
	"max-width:66em;padding:0 1em}a{color:inherit}"
	"code{background:var(--code);padding:.1em .3em;border-radius:.2em}"
	"nav a{margin-right:.9em}h2{margin-top:2.2em;border-bottom:1px solid "
	"var(--line)}h3{margin:1.6em 0 .2em;font:600 1em ui-monospace,"
	"monospace;overflow-wrap:anywhere}h3 b{display:inline-block;"
	"min-width:5em}.GET{color:var(--get)}.POST{color:var(--post)}"
	".PUT,.PATCH{color:var(--put)}.DELETE{color:var(--delete)}"
	"table{border-collapse:collapse;width:100%;margin:.4em 0}"
	"th,td{text-align:left;vertical-align:top;padding:.2em .8em .2em 0;"
	"border-bottom:1px solid var(--line)}small{color:var(--dim)}"
	"p{margin:.3em 0}</style></head>\n<body><h1>Bouncer's registry</h1>\n"
	"<p>Also as an <a href=\"/openapi.json\">OpenAPI 3.1 "
	"document</a>.</p>\n";

/* --- parts ------------------------------------------------------------------ */

static void put_text(struct buf *out, const char *text)
{
	text_escape_html(out, slice_from(text));
}

static void put_code(struct buf *out, struct slice text)
{
	(void)buf_puts(out, "<code>");
	text_escape_html(out, text);
	(void)buf_puts(out, "</code>");
}

/* "string or null", "http | https", "list of string" */
static void put_type(struct buf *out, const struct json_t *schema)
{
	const struct json_t *type = json_get(schema, "type");
	const struct json_t *words = json_get(schema, "enum");
	struct slice to = json_as_text(json_get(schema, "$ref"));
	const char *name = to.p ? strrchr(to.p, '/') : NULL;

	if (name) {
		(void)buf_printf(out, "<a href=\"#%s\">%s</a>", name + 1,
		                 name + 1);
		return;
	}
	for (size_t i = 0; i < json_count(words); i++) {
		(void)buf_puts(out, i ? " | " : "");
		put_code(out, json_as_text(json_item(words, i)));
	}
	if (json_count(words))
		return;
	for (size_t i = 0; i < json_count(type); i++) {
		(void)buf_puts(out, i ? " or " : "");
		text_escape_html(out, json_as_text(json_item(type, i)));
	}
	text_escape_html(out, slice_from(json_as_string(type)));
	if (strcmp(json_as_string(type), "array") == 0) {
		(void)buf_puts(out, " of ");
		put_type(out, json_get(schema, "items"));
	}
}

static void put_param(void *context, const struct registry_param *param)
{
	struct buf *out = context;
	struct json_t *schema = NULL;

	(void)buf_puts(out, "<tr><td>");
	put_code(out, slice_from(param->name));
	(void)buf_puts(out, "</td><td>");
	if (json_parse(slice_from(param->schema), &schema, NULL) == 0)
		put_type(out, schema);
	else
		out->failed = -ENOMEM;
	json_free(schema);
	(void)buf_puts(out, "</td><td>");
	put_text(out, param->help);
	(void)buf_puts(out, "</td></tr>\n");
}

static void put_schema_link(struct buf *out, const char *title,
                            struct slice name, const char *kind)
{
	(void)buf_printf(out,
	                 "<p>%s: %s<a href=\"#" SLICE_FMT "\">" SLICE_FMT
	                 "</a></p>\n",
	                 title, kind, SLICE_ARG(name), SLICE_ARG(name));
}

static void put_answer(struct buf *out, const struct registry_route *route)
{
	struct slice name = registry_answer_name(route);
	char last;

	if (!route->answer) {
		(void)buf_printf(out, "<p>Answer: %u, no body</p>\n",
		                 route->status);
		return;
	}
	last = route->answer[strlen(route->answer) - 1];
	(void)buf_printf(out, "<p>Answer: %u, ", route->status);
	(void)buf_puts(out, last == ']'   ? "a list of "
	                    : last == '}' ? "a page of "
	                                  : "");
	(void)buf_printf(out, "<a href=\"#" SLICE_FMT "\">" SLICE_FMT "</a>",
	                 SLICE_ARG(name), SLICE_ARG(name));
	(void)buf_puts(out, "</p>\n");
}

static void put_route(struct buf *out, const struct registry_route *route)
{
	(void)buf_printf(out, "<h3 id=\"%s %s\"><b class=\"%s\">%s</b>",
	                 route->method, route->pattern, route->method,
	                 route->method);
	put_text(out, route->pattern);
	(void)buf_puts(out, "</h3>\n<p>");
	put_text(out, route->summary);
	(void)buf_printf(out, " <small>scope %s</small></p>\n",
	                 registry_scope_name(route->scope));
	if (route->query || strchr(route->pattern, '{')) {
		(void)buf_puts(out, "<table>\n");
		registry_path_each(route, put_param, out);
		registry_query_each(route, put_param, out);
		(void)buf_puts(out, "</table>\n");
	}
	if (route->body)
		put_schema_link(out, "Body", slice_from(route->body), "");
	put_answer(out, route);
}

/* --- sections --------------------------------------------------------------- */

/* The first row of a tag that was not there before; NULL at the end. */
static const char *next_tag(size_t *nextp)
{
	const struct registry_route *route;

	while ((route = registry_route_at((*nextp)++))) {
		bool seen = false;

		for (size_t i = 0; i + 1 < *nextp && !seen; i++)
			seen = strcmp(registry_route_at(i)->tag, route->tag) ==
			       0;
		if (!seen)
			return route->tag;
	}
	return NULL;
}

static void put_contents(struct buf *out)
{
	size_t next = 0;
	const char *tag;

	(void)buf_puts(out, "<nav>");
	while ((tag = next_tag(&next))) {
		(void)buf_puts(out, "<a href=\"#tag ");
		put_text(out, tag);
		(void)buf_puts(out, "\">");
		put_text(out, tag);
		(void)buf_puts(out, "</a> ");
	}
	(void)buf_puts(out, "<a href=\"#schemas\">Schemas</a></nav>\n");
}

static void put_tag(struct buf *out, const char *tag)
{
	const struct registry_route *route;

	(void)buf_puts(out, "<h2 id=\"tag ");
	put_text(out, tag);
	(void)buf_puts(out, "\">");
	put_text(out, tag);
	(void)buf_puts(out, "</h2>\n");
	for (size_t i = 0; (route = registry_route_at(i)); i++) {
		if (strcmp(route->tag, tag) == 0)
			put_route(out, route);
	}
}

static bool is_required(const struct json_t *schema, const char *name)
{
	const struct json_t *required = json_get(schema, "required");

	for (size_t i = 0; i < json_count(required); i++) {
		if (strcmp(json_as_string(json_item(required, i)), name) == 0)
			return true;
	}
	return false;
}

static void put_property(struct buf *out, const struct json_t *schema,
                         const struct json_member *member)
{
	const struct json_t *fallback = json_get(member->value, "default");

	(void)buf_puts(out, "<tr><td>");
	put_code(out, slice_from(member->name));
	(void)buf_puts(out, is_required(schema, member->name) ? " *" : "");
	(void)buf_puts(out, "</td><td>");
	put_type(out, member->value);
	(void)buf_puts(out, "</td><td>");
	put_text(out, json_as_string(json_get(member->value, "description")));
	if (fallback) {
		struct buf text;

		buf_init(&text, REGISTRY_ANSWER_MAX);
		(void)buf_puts(out, " <small>default ");
		if (json_print(fallback, &text) == 0)
			text_escape_html(out, buf_slice(&text));
		else
			out->failed = -ENOMEM;
		(void)buf_puts(out, "</small>");
		buf_fini(&text);
	}
	(void)buf_puts(out, "</td></tr>\n");
}

static void put_schema(struct buf *out, const struct json_member *schema)
{
	const struct json_t *properties = json_get(schema->value, "properties");
	struct json_member member = { 0 };

	(void)buf_printf(out, "<h3 id=\"%s\">%s</h3>\n<p>", schema->name,
	                 schema->name);
	put_text(out, json_as_string(json_get(schema->value, "description")));
	if (!properties)
		put_type(out, schema->value);
	(void)buf_puts(out, "</p>\n<table>\n");
	while (json_next_member(properties, &member))
		put_property(out, schema->value, &member);
	(void)buf_puts(out, "</table>\n");
}

static void put_schemas(struct buf *out)
{
	struct json_member member = { 0 };
	struct json_t *root = NULL;
	struct json_writer json;
	struct buf text;

	buf_init(&text, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &text);
	json_write_object(&json);
	registry_schemas_write(&json);
	json_write_object_end(&json);
	(void)buf_puts(out, "<h2 id=\"schemas\">Schemas</h2>\n"
	                    "<p>What is marked * must be given, or is always "
	                    "there.</p>\n");
	if (json_parse(buf_slice(&text), &root, NULL) < 0)
		out->failed = -ENOMEM;
	while (json_next_member(root, &member))
		put_schema(out, &member);
	json_free(root);
	buf_fini(&text);
}

static void put_page(struct buf *out)
{
	size_t next = 0;
	const char *tag;

	(void)buf_puts(out, head);
	put_contents(out);
	while ((tag = next_tag(&next)))
		put_tag(out, tag);
	put_schemas(out);
	(void)buf_puts(out, "</body></html>\n");
}

/* --- kept --------------------------------------------------------------------- */

/* Both are made when they are first asked for, and lent from then on. */
struct reference {
	struct registry_http_part part;
	struct document *page;
	struct document *openapi;
	char *external_url; /* that stands in it */
};

static const char reference_key;

static void on_close(struct registry_http_part *part)
{
	struct reference *reference =
		container_of(part, struct reference, part);

	registry_http_part_closed(part);
	document_unref(reference->page);
	document_unref(reference->openapi);
	mem_free(reference->external_url);
	mem_free(reference);
}

/* NULL: no memory. */
static struct reference *find_reference(struct registry_http *http)
{
	struct registry_http_part *part =
		registry_http_part_find(http, &reference_key);
	struct reference *reference;

	if (part)
		return container_of(part, struct reference, part);
	reference = mem_calloc(1, sizeof(*reference));
	if (!reference)
		return NULL;
	reference->part.key = &reference_key;
	reference->part.close = on_close;
	registry_http_part_add(http, &reference->part);
	return reference;
}

/* In one piece; takes @text over. NULL: no memory. */
static struct document *make_document(struct buf *text)
{
	const struct slice nothing = slice_from("");
	const struct joints joints = { nothing, nothing, nothing, nothing };
	struct deflater *deflater = deflater_new();
	struct document *document = NULL;
	struct fragment *piece = NULL;
	const struct fragment *pieces[1];

	if (deflater && !text->failed)
		piece = fragment_new(deflater, buf_slice(text), 0);
	pieces[0] = piece;
	if (piece && fragments_join(pieces, 1, &joints, &document) == 0 &&
	    fragments_etag(pieces, 1, document->etag) < 0) {
		document_unref(document);
		document = NULL;
	}
	mem_free(piece);
	deflater_free(deflater);
	buf_fini(text);
	return document;
}

static struct document *find_page(struct reference *reference)
{
	struct buf text;

	if (reference->page)
		return reference->page;
	buf_init(&text, FRAGMENT_MAX);
	put_page(&text);
	reference->page = make_document(&text);
	return reference->page;
}

static struct document *find_openapi(struct reference *reference,
                                     const struct registry *registry)
{
	const char *url = registry_config(registry)->external_url;
	struct buf text;

	if (reference->openapi && text_equal(reference->external_url, url))
		return reference->openapi;
	document_unref(reference->openapi);
	reference->openapi = NULL;
	mem_free(reference->external_url);
	reference->external_url = mem_strdup(url);
	if (!reference->external_url)
		return NULL;
	buf_init(&text, FRAGMENT_MAX);
	registry_openapi_write(url, &text);
	(void)buf_putc(&text, '\n');
	reference->openapi = make_document(&text);
	return reference->openapi;
}

/* --- the routes ------------------------------------------------------------- */

static void answer(struct registry_call *call, struct document *document,
                   const char *content_type, const char *headers)
{
	if (document)
		call_document(call, document, content_type, headers);
	else
		call_refuse(call, 500, "out of memory");
}

static void answer_page(struct registry_call *call)
{
	struct reference *reference = find_reference(call->http);

	answer(call, reference ? find_page(reference) : NULL,
	       "text/html; charset=utf-8",
	       "Content-Security-Policy: default-src 'none'; style-src "
	       "'unsafe-inline'\r\n");
}

static void answer_openapi(struct registry_call *call)
{
	struct reference *reference = find_reference(call->http);

	answer(call, reference ? find_openapi(reference, call->registry) : NULL,
	       "application/json", "");
}

#define PAGE(path)                                                       \
	{                                                                \
		.method = "GET", .pattern = (path), .scope = SCOPE_READ, \
		.handle = answer_page, .tag = "Reference",               \
		.summary = "This reference as a page", .answer = "Page", \
		.status = 200                                            \
	}
#define DOCUMENT(path)                                                   \
	{                                                                \
		.method = "GET", .pattern = (path), .scope = SCOPE_READ, \
		.handle = answer_openapi, .tag = "Reference",            \
		.summary = "This reference as an OpenAPI document",      \
		.answer = "OpenApi", .status = 200                       \
	}

static const struct registry_route rows[] = {
	PAGE("/docs"),
	PAGE("/rest/v2/docs"),
	DOCUMENT("/openapi.json"),
	DOCUMENT("/rest/v2/schema"),
};

const struct registry_routes registry_routes_docs = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
