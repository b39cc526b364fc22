/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http/v1.h"

#include <errno.h>
#include "base/number.h"

#define FILTER_MAX 256 /* bytes of one */
#define ORIGIN_MAX 512

/* --- one object, and what hangs on it ------------------------------------- */

/* A list, or one object, as it is written. */
struct answer {
	struct registry_call *call;
	struct registry_viewer viewer;
	struct buf body;
	struct json_writer json;
	struct buf origin;
};

static void answer_begin(struct answer *answer, struct registry_call *call)
{
	answer->call = call;
	answer->viewer = call_viewer(call);
	buf_init(&answer->body, REGISTRY_ANSWER_MAX);
	json_write_init(&answer->json, &answer->body);
	buf_init(&answer->origin, ORIGIN_MAX);
	call_origin(call, &answer->origin);
}

static void answer_write(struct answer *answer, const struct object *object,
                         bool hosts)
{
	v1_write(&answer->json, &answer->viewer, object,
	         buf_text(&answer->origin), hosts);
}

static void answer_end(struct answer *answer)
{
	buf_fini(&answer->origin);
	call_answer(answer->call, 200, &answer->body);
}

/* NULL: answered 404. */
static struct object *named(struct registry_call *call)
{
	enum kind kind = v1_kind(call->route);
	struct object *object =
		v1_find(registry_model(call->registry), kind, call->params[0]);

	if (!object)
		call_refuse(call, 404, "there is no %s %s", kinds[kind].name,
		            call->params[0]);
	return object;
}

/* By its id or its name, as the oldest paths have it: of a name that is a
 * number the id counts. */
static struct object *numbered(struct registry_call *call)
{
	enum kind kind = v1_kind(call->route);
	const struct model *model = registry_model(call->registry);
	struct object *object = NULL;
	uint64_t id;

	if (number_parse_u64(slice_from(call->params[0]), &id) == 0)
		object = model_find(model, kind, id);
	return object ? object : named(call);
}

static void get(struct registry_call *call)
{
	struct object *object = named(call);
	struct answer answer;

	if (!object)
		return;
	answer_begin(&answer, call);
	answer_write(&answer, object, true);
	answer_end(&answer);
}

static void list_children(struct registry_call *call, enum kind kind,
                          unsigned field)
{
	struct object *owner = named(call);
	struct answer answer;

	if (!owner)
		return;
	answer_begin(&answer, call);
	json_write_array(&answer.json);
	OBJECT_FOR_EACH(child, owner, kind, field)
	answer_write(&answer, child, false);
	json_write_array_end(&answer.json);
	answer_end(&answer);
}

static void shard_projects(struct registry_call *call)
{
	list_children(call, KIND_PROJECT, PROJECT_SHARD);
}

static void service_projects(struct registry_call *call)
{
	list_children(call, KIND_PROJECT, PROJECT_SERVICE);
}

static void notifiers(struct registry_call *call)
{
	list_children(call, KIND_NOTIFIER,
	              v1_kind(call->route) == KIND_SERVICE ? NOTIFIER_SERVICE
	                                                   : NOTIFIER_PROJECT);
}

/* --- lists ---------------------------------------------------------------- */

struct filters {
	char name[FILTER_MAX], service[FILTER_MAX], shard[FILTER_MAX],
		source[FILTER_MAX], service_id[FILTER_MAX],
		shard_id[FILTER_MAX];
};

/* False: answered. What is absent is "", which all have in them. */
static bool read_filters(struct registry_call *call, struct filters *filters)
{
	const struct {
		const char *name;
		char *out;
	} rows[] = {
		{ "name", filters->name },
		{ "service", filters->service },
		{ "shard", filters->shard },
		{ "source", filters->source },
		{ "service_id", filters->service_id },
		{ "shard_id", filters->shard_id },
	};
	bool bad;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		rows[i].out[0] = '\0';
		if (!call_query(call, rows[i].name, rows[i].out, FILTER_MAX,
		                &bad) &&
		    bad)
			return false;
	}
	return true;
}

static bool has_name(const struct object *object, const char *part)
{
	return strstr(object_text(object,
	                          kinds[object_kind(object)].keys[0][0]),
	              part) != NULL;
}

static bool has_id(const struct object *object, const char *text)
{
	uint64_t id;

	return text[0] == '\0' ||
	       (number_parse_u64(slice_from(text), &id) == 0 &&
	        object_id(object) == id);
}

static bool is_kept(const struct object *object, const struct filters *filters)
{
	const struct object *service, *shard;

	if (object_kind(object) == KIND_FARM)
		return strstr(object_text(object, FARM_NAME), filters->name) &&
		       (!filters->source[0] ||
		        strcmp(object_text(object, FARM_SOURCE),
		               filters->source) == 0);
	if (!has_name(object, filters->name))
		return false;
	if (object_kind(object) != KIND_PROJECT)
		return true;
	service = object_ref(object, PROJECT_SERVICE);
	shard = object_ref(object, PROJECT_SHARD);
	return has_name(service, filters->service) &&
	       has_name(shard, filters->shard) &&
	       has_id(service, filters->service_id) &&
	       has_id(shard, filters->shard_id);
}

/* A source is known if we have it, or if a farm is from there. */
static bool is_source(const struct model *model, const char *source)
{
	if (source[0] == '\0' ||
	    strcmp(source, kinds[KIND_FARM].fields[FARM_SOURCE].fallback) == 0)
		return true;
	MODEL_FOR_EACH(farm, model, KIND_FARM)
	{
		if (strcmp(object_text(farm, FARM_SOURCE), source) == 0)
			return true;
	}
	return false;
}

static void list(struct registry_call *call)
{
	const struct model *model = registry_model(call->registry);
	enum kind kind = v1_kind(call->route);
	struct filters filters;
	struct answer answer;

	if (!read_filters(call, &filters))
		return;
	if (kind == KIND_FARM && !is_source(model, filters.source)) {
		call_refuse_field(call, 400, "source",
		                  "no farm comes from there");
		return;
	}
	answer_begin(&answer, call);
	json_write_array(&answer.json);
	MODEL_FOR_EACH(object, model, kind)
	{
		if (is_kept(object, &filters))
			answer_write(&answer, object, false);
	}
	json_write_array_end(&answer.json);
	answer_end(&answer);
}

/* --- documents ------------------------------------------------------------ */

/* The last part of the route's pattern. */
static enum document_kind document_of(const struct registry_route *route)
{
	const char *part = strrchr(route->pattern, '/') + 1;
	unsigned kind = DOCUMENT_TARGETS;

	while (kind < DOCUMENT_RULES &&
	       strcmp(document_kind_name((enum document_kind)kind), part) != 0)
		kind++;
	return (enum document_kind)kind;
}

static const char *type_of(enum document_kind kind)
{
	return kind == DOCUMENT_RULES ? "application/x-yaml"
	                              : "application/json";
}

/* Rules also as far as they are disabled, as in the reference. */
static void answer_of(struct registry_call *call, const struct object *owner)
{
	enum document_kind kind = document_of(call->route);
	struct buf body;

	if (!owner)
		return;
	buf_init(&body, REGISTRY_ANSWER_MAX);
	if (documents_of(registry_documents(call->registry), owner, kind, true,
	                 &body) < 0) {
		buf_fini(&body);
		call_refuse(call, 500, "out of memory");
		return;
	}
	http_respond(call->exchange, 200, type_of(kind), NULL, &body);
}

static void document_named(struct registry_call *call)
{
	answer_of(call, named(call));
}

static void document_numbered(struct registry_call *call)
{
	answer_of(call, numbered(call));
}

static void document_all(struct registry_call *call)
{
	enum document_kind kind = document_of(call->route);

	sd_answer(call, kind, type_of(kind));
}

/* --- the table ------------------------------------------------------------ */

#define ROUTE(way, path, who, function, group, words, code, ...)          \
	{                                                                 \
		.method = (way), .pattern = (path), .scope = (who),       \
		.handle = (function), .tag = (group), .summary = (words), \
		.status = (code), __VA_ARGS__                             \
	}
#define READ(path, function, group, words, what, ...)               \
	ROUTE("GET", path, SCOPE_READ, function, group, words, 200, \
	      .answer = (what), __VA_ARGS__)
/* All of it that is edited: @name is {name} or {id}. */
#define EDITED(path, name, group, word, schema, filters)                      \
	READ(path, list, group,                                               \
	     "All " word "s, or those that the filters "                      \
	     "leave",                                                         \
	     schema "[]", .query = (filters)),                                \
		ROUTE("POST", path, SCOPE_WRITE, v1_create, group,            \
	              "Make a " word, 201, .query = "dry_run",                \
	              .body = schema "New", .answer = (schema)),              \
		READ(path "/" name, get, group, "One " word, schema),         \
		ROUTE("PUT", path "/" name, SCOPE_WRITE, v1_put, group,       \
	              "Write a " word " anew", 200, .query = "dry_run",       \
	              .body = schema "New", .answer = (schema)),              \
		ROUTE("PATCH", path "/" name, SCOPE_WRITE, v1_patch, group,   \
	              "Change a " word, 200, .query = "dry_run",              \
	              .body = schema "Change", .answer = (schema)),           \
		ROUTE("DELETE", path "/" name, SCOPE_WRITE, v1_delete, group, \
	              "Delete a " word " and all that hangs on it", 204,      \
	              .query = "dry_run")
#define ALL_OF(area)                                                           \
	READ(area "/all/targets", document_all, "Targets",                     \
	     "The targets of all shards", "TargetGroup[]", .query = "shard"),  \
		READ(area "/all/urls", document_all, "Targets",                \
	             "The URLs of all shards", "TargetGroup[]",                \
	             .query = "shard"),                                        \
		READ(area "/all/rules", document_all, "Rules",                 \
	             "The rules of all shards, as YAML", "RulesYaml",          \
	             .query = "shard"),                                        \
		EDITED(area "/shard", "{name}", "Shards", "shard", "V1Shard",  \
	               "name"),                                                \
		READ(area "/shard/{name}/projects", shard_projects, "Shards",  \
	             "The projects of a shard", "V1Project[]"),                \
		READ(area "/shard/{name}/usages", v1_usages, "Shards",         \
	             "What its Prometheus answers about its samples or "       \
	             "exporters",                                              \
	             "PrometheusAnswer", .query = "metric"),                   \
		EDITED(area "/service", "{name}", "Services", "service",       \
	               "V1Service", "name"),                                   \
		READ(area "/service/{name}/projects", service_projects,        \
	             "Services", "The projects of a service", "V1Project[]"),  \
		UNDER(area "/service/{name}", document_named, "Services",      \
	              "service"),                                              \
		READ(area "/service/{name}/notifiers", notifiers, "Services",  \
	             "The notifiers of a service", "V1Notifier[]"),            \
		EDITED(area "/project", "{name}", "Projects", "project",       \
	               "V1Project", "name,service,shard,service_id,shard_id"), \
		UNDER(area "/project/{name}", document_named, "Projects",      \
	              "project"),                                              \
		READ(area "/project/{name}/notifiers", notifiers, "Projects",  \
	             "The notifiers of a project", "V1Notifier[]"),            \
		EDITED(area "/farm", "{id}", "Farms", "farm", "V1Farm",        \
	               "name,source")
#define UNDER(path, function, group, word)                                 \
	READ(path "/targets", function, group, "The targets of a " word,   \
	     "TargetGroup[]"),                                             \
		READ(path "/urls", function, group, "The URLs of a " word, \
	             "TargetGroup[]"),                                     \
		READ(path "/rules", function, group,                       \
	             "The rules of a " word ", disabled ones as well, as " \
	             "YAML",                                               \
	             "RulesYaml")

static const struct registry_route rows[] = {
	ALL_OF("/rest"),
	ALL_OF("/api"),
	UNDER("/service/{id_or_name}", document_numbered, "Services",
	      "service"),
	UNDER("/project/{id_or_name}", document_numbered, "Projects",
	      "project"),
};

const struct registry_routes registry_routes_v1 = {
	.rows = rows,
	.n = ARRAY_SIZE(rows),
};
