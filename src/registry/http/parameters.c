/* SPDX-License-Identifier: Apache-2.0 */
/* parameters: what may stand in the braces of a path, and behind its '?'. */
#include "registry/http/reference.h"

#include <stdio.h>
#include <string.h>
#include "base/macros.h"

#define PARAM_NAME_MAX 64

#define STRING   "{\"type\":\"string\"}"
#define POSITIVE "{\"type\":\"integer\",\"minimum\":1}"
#define BOOLEAN  "{\"type\":\"boolean\"}"

static const struct registry_param params[] = {
	/* of all */
	{ "dry_run", BOOLEAN,
	  "Say what would change, and keep nothing of it." },
	{ "page_number", POSITIVE, "Which page of the list; 1 is the first." },
	{ "page_size",
	  "{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,"
	  "\"default\":10}",
	  "How many a page has." },
	{ "content_type",
	  "{\"type\":\"string\",\"enum\":[\"site\",\"service\",\"project\"]}",
	  "What it is of." },
	{ "object_id", POSITIVE, "The id of what it is of." },
	{ "name", STRING, "A part of the name." },
	{ "shard", STRING, "The name of a shard." },
	{ "source", STRING, "Where hosts come from." },
	/* of the first API */
	{ "service", STRING, "A part of the service's name." },
	{ "service_id", POSITIVE, "The id of a service." },
	{ "shard_id", POSITIVE, "The id of a shard." },
	{ "metric",
	  "{\"type\":\"string\",\"enum\":[\"samples\",\"exporters\"]}",
	  "What is counted." },
	{ "id_or_name", STRING, "Its id or its name." },
	/* of prommgr's */
	{ "ip", STRING, "An address; IPv6 with brackets or without." },
	/* of workers */
	{ "server", STRING,
	  "Which Prometheus server: HOST:PORT, or HOST if it is the only one "
	  "there." },
	{ "revision", STRING,
	  "The id, or the revision, of what was told last; nothing: all is "
	  "told at once." },
	{ "address", STRING, "HOST:PORT, HOST, or the URL that is probed." },
	/* of all at once */
	{ "prune", BOOLEAN,
	  "Delete what the document leaves out of the sections that it has." },
	{ "partial", BOOLEAN, "Fields that are not given stay as they are." },
	{ "format", "{\"type\":\"string\",\"enum\":[\"yaml\",\"json\"]}",
	  "How it is written." },
	{ "secrets", BOOLEAN, "With secrets; needs the scope admin." },
	{ "from", "{\"type\":\"string\",\"enum\":[\"promgen\",\"prommgr\"]}",
	  "Who exported it; nothing: Promgen or we, as is seen from it." },
	/* of alerts */
	{ "label", STRING,
	  "Labels that one of its alerts has: `NAME=VALUE`, several with "
	  "commas between them; a value that has one stands in double "
	  "quotes." },
	{ "since", STRING, "A time in RFC 3339, or Unix seconds: not before." },
	{ "until", STRING, "Likewise: before." },
	{ "status", "{\"type\":\"string\",\"enum\":[\"firing\",\"resolved\"]}",
	  "Whether any of its alerts fires." },
	{ "told", BOOLEAN, "Whether anybody is told of it." },
	{ "what", "{\"type\":\"string\",\"enum\":[\"dead\",\"all\"]}",
	  "What could not be delivered; or all, routed as things are now." },
	{ "delivery", POSITIVE, "Only that one." },
	{ "state",
	  "{\"type\":\"string\",\"enum\":[\"waiting\",\"sent\",\"dead\","
	  "\"dropped\"]}",
	  "What became of it." },
	{ "alert", POSITIVE, "The id of an alert." },
	/* of the log: a tag and a name, where the name is not enough */
	{ "Logs.user", STRING,
	  "Who did it: the name of a token, with or without `token ` before "
	  "it; or `control socket`." },
	{ "Logs.content_type", STRING, "A kind of objects: `exporter`." },
	{ "Logs.object_id", POSITIVE, "The id of an object of that kind." },
	{ "Logs.service", STRING,
	  "A service's id, or a name that it has or had: the service, and what "
	  "is or was of it." },
	{ "Logs.project", STRING, "The same of a project." },
	{ "notifier", POSITIVE, "The id of a notifier." },
};

/* In a path, whatever the same word means in a query. */
static const struct registry_param id_param = { "id", POSITIVE, "Its id." };
static const struct registry_param name_param = { "name", STRING, "Its name." };

static const struct registry_param *find_param(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(params); i++) {
		if (slice_is(name, params[i].name))
			return &params[i];
	}
	return NULL;
}

/* As a route with that tag means it. */
static const struct registry_param *find_param_of(const char *tag,
                                                  struct slice name)
{
	char text[PARAM_NAME_MAX];
	const struct registry_param *param;

	(void)snprintf(text, sizeof(text), "%s." SLICE_FMT, tag,
	               SLICE_ARG(name));
	param = find_param(slice_from(text));
	return param ? param : find_param(name);
}

static void tell(const struct registry_param *known, struct slice name,
                 registry_param_cb found, void *context)
{
	char text[PARAM_NAME_MAX];
	struct registry_param param = { text, STRING, "" };

	(void)snprintf(text, sizeof(text), SLICE_FMT, SLICE_ARG(name));
	if (known) {
		param.schema = known->schema;
		param.help = known->help;
	}
	found(context, &param);
}

/* --- filters ---------------------------------------------------------------- */

static void tell_id(const struct field *field, registry_param_cb found,
                    void *context)
{
	char text[PARAM_NAME_MAX];
	struct registry_param param = { text, POSITIVE,
		                        "The id of what it refers to." };

	(void)snprintf(text, sizeof(text), "%s_id", field->name);
	found(context, &param);
}

/* As v2_read.c reads them. */
static void tell_filters(enum kind kind, registry_param_cb found, void *context)
{
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		const struct field *field = &kinds[kind].fields[i];
		struct registry_param param = { field->name, STRING,
			                        field->help };

		if ((field->flags & FIELD_SECRET) ||
		    field->type == FIELD_TIME || field->type == FIELD_LABELS ||
		    field->type == FIELD_PARAMS)
			continue;
		if (field->type == FIELD_FLAG)
			param.schema = BOOLEAN;
		if (field->type == FIELD_NUMBER)
			param.schema = "{\"type\":\"integer\"}";
		found(context, &param);
		if (field->type == FIELD_REF)
			tell_id(field, found, context);
	}
	if (kind != KIND_RULE && kind != KIND_NOTIFIER)
		return;
	tell(find_param(slice_from("content_type")), slice_from("content_type"),
	     found, context);
	tell(find_param(slice_from("object_id")), slice_from("object_id"),
	     found, context);
}

/* The kind that "/rest/v2/KINDS" or "/rest/v2/KINDS/{id}/KINDS" lists. */
static enum kind listed_kind(const char *pattern)
{
	struct slice rest = slice_from(pattern);
	enum kind kind = N_KINDS;
	struct slice part;

	while (slice_next(&rest, '/', &part))
		(void)kind_find(part, &kind);
	return kind;
}

/* --- walks ------------------------------------------------------------------ */

void registry_query_each(const struct registry_route *route,
                         registry_param_cb found, void *context)
{
	struct slice rest = slice_from(route->query);
	enum kind kind = listed_kind(route->pattern);
	struct slice name;

	while (slice_next(&rest, ',', &name)) {
		if (!slice_is(name, "filters"))
			tell(find_param_of(route->tag, name), name, found,
			     context);
		else if (kind != N_KINDS)
			tell_filters(kind, found, context);
	}
}

bool registry_has_query(const struct registry_route *route, const char *name)
{
	struct slice rest = slice_from(route->query);
	struct slice item;

	while (slice_next(&rest, ',', &item)) {
		if (slice_is(item, name))
			return true;
	}
	return false;
}

void registry_path_each(const struct registry_route *route,
                        registry_param_cb found, void *context)
{
	struct slice rest = slice_from(route->pattern);
	struct slice part;

	while (slice_next(&rest, '/', &part)) {
		struct slice name;
		bool is_id;

		if (part.n < 3 || part.p[0] != '{')
			continue;
		name = slice_make(part.p + 1, part.n - 2);
		is_id = slice_is(name, "id") ||
		        (name.n > 3 &&
		         memcmp(name.p + name.n - 3, "_id", 3) == 0);
		tell(is_id                    ? &id_param
		     : slice_is(name, "name") ? &name_param
		                              : find_param(name),
		     name, found, context);
	}
}

const char *registry_scope_name(enum registry_scope scope)
{
	static const char *const names[] = {
		[SCOPE_NONE] = "none",   [SCOPE_FIND] = "find",
		[SCOPE_READ] = "read",   [SCOPE_ALERTS] = "alerts",
		[SCOPE_WRITE] = "write", [SCOPE_ADMIN] = "admin",
	};

	return names[scope];
}
