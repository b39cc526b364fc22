/* SPDX-License-Identifier: Apache-2.0 */
/* openapi: the document about all routes. */
#include "registry/http/reference.h"

#include "base/text.h"

#define OPERATION_ID_MAX 256

static const char description[] =
	"What Prometheus servers scrape and alert on, kept in one place. Paths "
	"and members under `/rest`, `/api` and `/service` are those of Promgen "
	"and prommgr. Every path but the health checks needs a token: "
	"`Authorization: Bearer TOKEN` (or `Token TOKEN`, or Basic with the "
	"token as the password). A scope includes those before it: read, "
	"write, admin.";

/* What may come beside success. */
static const struct {
	const char *name;
	const char *words;
} problems[] = {
	{ "BadRequest", "The request is not as it must be." },
	{ "Unauthorized", "No token, or none that is known or still holds." },
	{ "Forbidden", "The token's scope does not reach so far." },
	{ "NotFound", "What the path names is not there." },
	{ "BadRules", "promtool does not take the rules; nothing is kept." },
	{ "Unavailable", "It could not be kept; nothing has changed." },
};

static const struct {
	const char *name;
	const char *words;
} tags[] = {
	{ "Shards", "Groups of Prometheus servers that scrape the same." },
	{ "Servers", "Prometheus servers, each on a shard." },
	{ "Services", "What people are responsible for; each has projects." },
	{ "Projects", "Parts of a service: hosts, exporters, URLs, rules." },
	{ "Farms", "The hosts of a project." },
	{ "Hosts", "What exporters run on." },
	{ "Exporters", "Ports and paths of each host of a project." },
	{ "Probes", "Modules of the blackbox exporter." },
	{ "URLs", "What the blackbox exporter probes." },
	{ "Nodes", "Single addresses to scrape, as prommgr has them." },
	{ "Rules", "Alerting and recording rules." },
	{ "Notifiers", "Who is told of which alerts." },
	{ "Tokens", "Who may ask for what." },
	{ "Logs", "Who changed what, and when." },
	{ "Targets", "What Prometheus servers are handed." },
	{ "Alerts", "What came back from Alertmanager." },
	{ "Workers", "For those that write files beside a Prometheus." },
	{ "All at once", "Documents that say how everything is to be." },
	{ "Registry", "The registry as a whole: its database." },
	{ "Reference", "What you are reading." },
};

/* --- rows ------------------------------------------------------------------- */

const struct registry_route *registry_route_at(size_t nth)
{
	for (size_t t = 0; registry_tables[t]; t++) {
		if (nth < registry_tables[t]->n)
			return &registry_tables[t]->rows[nth];
		nth -= registry_tables[t]->n;
	}
	return NULL;
}

struct slice registry_answer_name(const struct registry_route *route)
{
	struct slice name = slice_from(route->answer);

	if (name.n > 2 &&
	    (name.p[name.n - 1] == ']' || name.p[name.n - 1] == '}'))
		name.n -= 2;
	return name;
}

/* Is it the same place, whatever its parameters are called, and with or
 * without a '/' at the end? */
static bool same_path(const char *a, const char *b)
{
	struct slice rest_a = slice_from(a);
	struct slice rest_b = slice_from(b);
	struct slice part_a;
	struct slice part_b;

	for (;;) {
		bool more = slice_next(&rest_a, '/', &part_a);
		bool any;

		if (more != slice_next(&rest_b, '/', &part_b))
			return false;
		if (!more)
			return true;
		any = part_a.n && part_b.n && part_a.p[0] == '{' &&
		      part_b.p[0] == '{';
		if (!any && !slice_equal(part_a, part_b))
			return false;
	}
}

static bool is_first(size_t nth)
{
	const char *pattern = registry_route_at(nth)->pattern;

	for (size_t i = 0; i < nth; i++) {
		if (same_path(registry_route_at(i)->pattern, pattern))
			return false;
	}
	return true;
}

/* --- pieces ----------------------------------------------------------------- */

static void write_text(struct json_writer *json, const char *key,
                       const char *text)
{
	json_write_key(json, key);
	json_write_string(json, text);
}

static void write_raw(struct json_writer *json, const char *key,
                      const char *text)
{
	json_write_key(json, key);
	json_write_raw(json, slice_from(text));
}

static void write_reference(struct json_writer *json, const char *where,
                            struct slice name)
{
	struct buf path;

	buf_init(&path, OPERATION_ID_MAX);
	(void)buf_printf(&path, "#/components/%s/" SLICE_FMT, where,
	                 SLICE_ARG(name));
	json_write_object(json);
	json_write_key(json, "$ref");
	json_write_slice(json, buf_slice(&path));
	json_write_object_end(json);
	if (path.failed)
		json->buf->failed = path.failed;
	buf_fini(&path);
}

/* --- parameters ------------------------------------------------------------- */

struct param_writer {
	struct json_writer *json;
	const char *in;
};

static void write_param(void *context, const struct registry_param *param)
{
	struct param_writer *writer = context;
	struct json_writer *json = writer->json;
	bool in_path = strcmp(writer->in, "path") == 0;

	json_write_object(json);
	write_text(json, "name", param->name);
	write_text(json, "in", writer->in);
	if (in_path) {
		json_write_key(json, "required");
		json_write_bool(json, true);
	}
	if (param->help[0])
		write_text(json, "description", param->help);
	write_raw(json, "schema", param->schema);
	json_write_object_end(json);
}

static void write_params(struct json_writer *json,
                         const struct registry_route *route)
{
	struct param_writer writer = { json, "path" };

	if (!route->query && !strchr(route->pattern, '{'))
		return;
	json_write_key(json, "parameters");
	json_write_array(json);
	registry_path_each(route, write_param, &writer);
	writer.in = "query";
	registry_query_each(route, write_param, &writer);
	json_write_array_end(json);
}

/* --- bodies ----------------------------------------------------------------- */

static const char *media_of(struct slice name)
{
	const struct registry_schema *schema = registry_schema_find(name);

	return schema && schema->media ? schema->media : "application/json";
}

typedef void (*schema_writer)(struct json_writer *json,
                              const struct registry_route *route);

/* The member "content":{MEDIA:{"schema":…}}, of each media type that @name
 * comes as. */
static void write_content(struct json_writer *json,
                          const struct registry_route *route, struct slice name,
                          schema_writer write)
{
	struct slice all = slice_from(media_of(name));
	struct slice media;

	json_write_key(json, "content");
	json_write_object(json);
	while (slice_next(&all, ',', &media)) {
		json_key_slice(json, media);
		json_write_object(json);
		json_write_key(json, "schema");
		write(json, route);
		json_write_object_end(json);
	}
	json_write_object_end(json);
}

static void write_list(struct json_writer *json, struct slice name)
{
	json_write_object(json);
	write_text(json, "type", "array");
	json_write_key(json, "items");
	write_reference(json, "schemas", name);
	json_write_object_end(json);
}

static void write_page(struct json_writer *json, struct slice name)
{
	json_write_object(json);
	write_text(json, "type", "object");
	write_raw(json, "required",
	          "[\"count\",\"next\",\"previous\",\"results\"]");
	json_write_key(json, "properties");
	json_write_object(json);
	write_raw(json, "count", "{\"type\":\"integer\"}");
	write_raw(json, "next", "{\"type\":[\"string\",\"null\"]}");
	write_raw(json, "previous", "{\"type\":[\"string\",\"null\"]}");
	json_write_key(json, "results");
	write_list(json, name);
	json_write_object_end(json);
	json_write_object_end(json);
}

static void write_answer_schema(struct json_writer *json,
                                const struct registry_route *route)
{
	struct slice name = registry_answer_name(route);
	char last = route->answer[strlen(route->answer) - 1];

	if (last == ']')
		write_list(json, name);
	else if (last == '}')
		write_page(json, name);
	else
		write_reference(json, "schemas", name);
}

static void write_body_schema(struct json_writer *json,
                              const struct registry_route *route)
{
	write_reference(json, "schemas", slice_from(route->body));
}

static void write_body(struct json_writer *json,
                       const struct registry_route *route)
{
	if (!route->body)
		return;
	json_write_key(json, "requestBody");
	json_write_object(json);
	json_write_key(json, "required");
	json_write_bool(json, true);
	write_content(json, route, slice_from(route->body), write_body_schema);
	json_write_object_end(json);
}

/* --- answers ---------------------------------------------------------------- */

static void write_problem(struct json_writer *json, const char *status,
                          const char *name)
{
	json_write_key(json, status);
	write_reference(json, "responses", slice_from(name));
}

static void write_dry_run(struct json_writer *json,
                          const struct registry_route *route)
{
	(void)route;
	write_reference(json, "schemas", slice_from("DryRun"));
}

static void write_either(struct json_writer *json,
                         const struct registry_route *route)
{
	json_write_object(json);
	json_write_key(json, "anyOf");
	json_write_array(json);
	write_answer_schema(json, route);
	write_dry_run(json, route);
	json_write_array_end(json);
	json_write_object_end(json);
}

/* Success; of 200 the same status also tells of a dry run. */
static void write_success(struct json_writer *json,
                          const struct registry_route *route, bool dry_run)
{
	char status[OPERATION_ID_MAX];
	bool both = dry_run && route->status == 200;

	(void)snprintf(status, sizeof(status), "%u", route->status);
	json_write_key(json, status);
	json_write_object(json);
	write_text(json, "description", "Done.");
	if (route->answer)
		write_content(json, route, registry_answer_name(route),
		              both ? write_either : write_answer_schema);
	json_write_object_end(json);
	if (!dry_run || both)
		return;
	json_write_key(json, "200");
	json_write_object(json);
	write_text(json, "description", "Of a dry run.");
	write_content(json, route, slice_from("DryRun"), write_dry_run);
	json_write_object_end(json);
}

/* What the path or the query names need not be there, nor a page behind the
 * last; where a shard is one filter of many, none is no failure. */
static bool may_lack(const struct registry_route *route)
{
	return strchr(route->pattern, '{') ||
	       registry_has_query(route, "page_number") ||
	       registry_has_query(route, "server") ||
	       (route->query && strcmp(route->query, "shard") == 0);
}

static void write_answers(struct json_writer *json,
                          const struct registry_route *route)
{
	bool edits = strcmp(route->method, "GET") != 0;

	json_write_key(json, "responses");
	json_write_object(json);
	write_success(json, route, registry_has_query(route, "dry_run"));
	if (edits || route->query)
		write_problem(json, "400", "BadRequest");
	if (route->scope != SCOPE_NONE) {
		write_problem(json, "401", "Unauthorized");
		write_problem(json, "403", "Forbidden");
	}
	if (may_lack(route))
		write_problem(json, "404", "NotFound");
	if (edits) {
		write_problem(json, "422", "BadRules");
		write_problem(json, "503", "Unavailable");
	}
	json_write_object_end(json);
}

/* --- operations ------------------------------------------------------------- */

/* "get_rest_v2_farms_id_hosts" */
static void write_operation_id(struct json_writer *json,
                               const struct registry_route *route)
{
	struct buf id;

	buf_init(&id, OPERATION_ID_MAX);
	for (const char *c = route->method; *c; c++)
		(void)buf_putc(&id, (char)(*c - 'A' + 'a'));
	for (const char *c = route->pattern; *c; c++) {
		if (*c == '/' && c[1])
			(void)buf_putc(&id, '_');
		else if (*c != '{' && *c != '}' && *c != '/')
			(void)buf_putc(
				&id, (char)(*c == '-' || *c == '.' ? '_' : *c));
	}
	json_write_key(json, "operationId");
	json_write_slice(json, buf_slice(&id));
	if (id.failed)
		json->buf->failed = id.failed;
	buf_fini(&id);
}

static void write_scope(struct json_writer *json,
                        const struct registry_route *route)
{
	struct buf words;

	buf_init(&words, OPERATION_ID_MAX);
	if (route->scope == SCOPE_NONE)
		(void)buf_puts(&words, "Anybody may ask.");
	else if (route->scope == SCOPE_FIND)
		(void)buf_puts(&words, "Needs the scope read, or nothing where "
		                       "open_discovery is set.");
	else
		(void)buf_printf(&words, "Needs the scope %s.",
		                 registry_scope_name(route->scope));
	json_write_key(json, "description");
	json_write_slice(json, buf_slice(&words));
	if (words.failed)
		json->buf->failed = words.failed;
	buf_fini(&words);
	write_text(json, "x-scope", registry_scope_name(route->scope));
	if (route->scope == SCOPE_NONE)
		write_raw(json, "security", "[]");
	if (route->scope == SCOPE_FIND)
		write_raw(json, "security",
		          "[{\"bearer\":[]},{\"token\":[]},{\"basic\":[]},{}]");
}

static void write_operation(struct json_writer *json,
                            const struct registry_route *route)
{
	char method[OPERATION_ID_MAX];
	size_t n = 0;

	for (const char *c = route->method; *c; c++)
		method[n++] = (char)(*c - 'A' + 'a');
	method[n] = '\0';
	json_write_key(json, method);
	json_write_object(json);
	write_operation_id(json, route);
	json_write_key(json, "tags");
	json_write_array(json);
	json_write_string(json, route->tag);
	json_write_array_end(json);
	write_text(json, "summary", route->summary);
	write_scope(json, route);
	write_params(json, route);
	write_body(json, route);
	write_answers(json, route);
	json_write_object_end(json);
}

static void write_path(struct json_writer *json, size_t nth)
{
	const struct registry_route *first = registry_route_at(nth);
	const struct registry_route *route;

	json_write_key(json, first->pattern);
	json_write_object(json);
	for (size_t i = nth; (route = registry_route_at(i)); i++) {
		struct registry_route same = *route;

		if (!same_path(route->pattern, first->pattern))
			continue;
		/* one path has one set of names */
		same.pattern = first->pattern;
		write_operation(json, &same);
	}
	json_write_object_end(json);
}

/* --- the rest --------------------------------------------------------------- */

static void write_info(struct json_writer *json, const char *external_url)
{
	write_text(json, "openapi", "3.1.0");
	json_write_key(json, "info");
	json_write_object(json);
	write_text(json, "title", "Bouncer's registry");
	write_text(json, "version", BOUNCER_VERSION);
	write_text(json, "description", description);
	write_raw(json, "license",
	          "{\"name\":\"Apache-2.0\",\"identifier\":\"Apache-2.0\"}");
	json_write_object_end(json);
	json_write_key(json, "servers");
	json_write_array(json);
	json_write_object(json);
	write_text(json, "url",
	           external_url && external_url[0] ? external_url : "/");
	json_write_object_end(json);
	json_write_array_end(json);
	write_raw(json, "security",
	          "[{\"bearer\":[]},{\"token\":[]},{\"basic\":[]}]");
}

static bool is_first_of_tag(size_t nth)
{
	const char *tag = registry_route_at(nth)->tag;

	for (size_t i = 0; i < nth; i++) {
		if (strcmp(registry_route_at(i)->tag, tag) == 0)
			return false;
	}
	return true;
}

static const char *words_of_tag(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++) {
		if (strcmp(tags[i].name, name) == 0)
			return tags[i].words;
	}
	return NULL;
}

static void write_tag(struct json_writer *json, const char *name)
{
	const char *words = words_of_tag(name);

	json_write_object(json);
	write_text(json, "name", name);
	if (words)
		write_text(json, "description", words);
	json_write_object_end(json);
}

static void write_tags(struct json_writer *json)
{
	json_write_key(json, "tags");
	json_write_array(json);
	for (size_t i = 0; registry_route_at(i); i++) {
		if (is_first_of_tag(i))
			write_tag(json, registry_route_at(i)->tag);
	}
	json_write_array_end(json);
}

static void write_problem_schema(struct json_writer *json,
                                 const struct registry_route *route)
{
	(void)route; /* it is of all */
	write_reference(json, "schemas", slice_from("Problem"));
}

static void write_problems(struct json_writer *json)
{
	json_write_key(json, "responses");
	json_write_object(json);
	for (size_t i = 0; i < ARRAY_SIZE(problems); i++) {
		json_write_key(json, problems[i].name);
		json_write_object(json);
		write_text(json, "description", problems[i].words);
		write_content(json, NULL, slice_from("Problem"),
		              write_problem_schema);
		json_write_object_end(json);
	}
	json_write_object_end(json);
}

static void write_components(struct json_writer *json)
{
	json_write_key(json, "components");
	json_write_object(json);
	json_write_key(json, "schemas");
	json_write_object(json);
	registry_schemas_write(json);
	json_write_object_end(json);
	write_problems(json);
	write_raw(json, "securitySchemes",
	          "{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\"},"
	          "\"basic\":{\"type\":\"http\",\"scheme\":\"basic\"},"
	          "\"token\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":"
	          "\"Authorization\",\"description\":\"Token TOKEN\"}}");
	json_write_object_end(json);
}

void registry_openapi_write(const char *external_url, struct buf *out)
{
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	write_info(&json, external_url);
	write_tags(&json);
	json_write_key(&json, "paths");
	json_write_object(&json);
	for (size_t i = 0; registry_route_at(i); i++) {
		if (is_first(i))
			write_path(&json, i);
	}
	json_write_object_end(&json);
	write_components(&json);
	json_write_object_end(&json);
}
