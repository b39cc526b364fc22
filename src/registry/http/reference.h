/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reference: what the API says of itself. One document, made from the tables
 * of routes, of kinds and of schemas; the page at /docs is made from the same.
 * https://spec.openapis.org/oas/v3.1.1.html
 */
#pragma once

#include "base/json_writer.h"
#include "registry/http/routes.h"

/* --- schemas (schemas.c) --------------------------------------------------- */

/*
 * What a route's `body` and `answer` name, besides what is made of the kinds:
 * of each "Kind" as it is answered, "KindNew" of a POST, "KindPut" and
 * "KindChange" of a PATCH.
 */
struct registry_schema {
	const char *name;
	const char *media; /* several with commas; NULL: application/json */
	const char *text;  /* JSON Schema, 2020-12, as of OpenAPI 3.1 */
};
/* What stands in the document for a name that is not among them. */
#define REGISTRY_NOT_DESCRIBED "{\"description\":\"Not described.\"}"
extern const struct registry_schema registry_schemas[]; /* the last: no name */

/* NULL: it is of a kind, or nobody knows it. */
const struct registry_schema *registry_schema_find(struct slice name);
/* All of them, as members of the object that is being written. */
void registry_schemas_write(struct json_writer *json);

/* --- parameters (parameters.c) --------------------------------------------- */

struct registry_param {
	const char *name;
	const char *schema; /* as text */
	const char *help;
};

/* Of a query, or between the braces of a path. @found is called for each; of
 * "filters" for each filter of the kind that is listed. */
typedef void (*registry_param_cb)(void *context,
                                  const struct registry_param *param);
void registry_query_each(const struct registry_route *route,
                         registry_param_cb found, void *context);
void registry_path_each(const struct registry_route *route,
                        registry_param_cb found, void *context);
bool registry_has_query(const struct registry_route *route, const char *name);

const char *registry_scope_name(enum registry_scope scope);

/* --- the document (openapi.c) ---------------------------------------------- */

/* The nth row of all tables; NULL behind the last. */
const struct registry_route *registry_route_at(size_t nth);
/* The answer's name without the "[]" or "{}" of a list or a page. */
struct slice registry_answer_name(const struct registry_route *route);
/* @external_url: where we are reached; "": at the root of who answers. */
void registry_openapi_write(const char *external_url, struct buf *out);
