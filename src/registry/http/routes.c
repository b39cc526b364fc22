/* SPDX-License-Identifier: Apache-2.0 */
/*
 * routes: finds the row of a request. The patterns of all tables are put into
 * a tree, a level for each part of a path, when the registry opens; a request
 * walks down it once.
 */
#include "registry/http/routes_private.h"

#include <errno.h>
#include "base/mem.h"
#include "proto/url.h"

#define PATH_MAX_PARTS   12
#define PATH_MAX_DECODED 2048
#define MAX_PARAMS       3
#define HEADER_MAX       256

const struct registry_routes *const registry_tables[] = {
	/* discovery */
	&registry_routes_sd,
	/* Promgen's first API, and its older paths */
	&registry_routes_v1,
	/* Promgen's second, and what that lacks */
	&registry_routes_v2,
	/* prommgr's */
	&registry_routes_prommgr,
	/* for those beside a Prometheus */
	&registry_routes_workers,
	/* all at once */
	&registry_routes_bulk,
	/* what came back */
	&registry_routes_alerts,
	/* who changed what */
	&registry_routes_logs,
	/* all of it */
	&registry_routes_backup,
	/* about all these */
	&registry_routes_docs,
	NULL,
};

/* First parts of paths under which not all is the registry's. */
static const char *const shared_areas[] = { "api", "-", "metrics" };

struct offer {
	const struct registry_route *route;
	struct offer *next;
};

/* What may stand at one part of a path, and what a path may be asked for that
 * ends here. */
struct place {
	struct slice part; /* as written in the pattern */
	struct place *next;
	struct place *named; /* those below: by what they are */
	struct place *any;   /* … or whatever it is: a {parameter} */
	struct offer *offers;
};

struct split_path {
	struct slice parts[PATH_MAX_PARTS]; /* decoded, terminated with NUL */
	size_t n;
	struct buf text; /* of all parts */
};

/* --- the tree ------------------------------------------------------------- */

static bool is_parameter(struct slice part)
{
	return part.n > 0 && part.p[0] == '{';
}

static struct place *find_named(const struct place *place, struct slice part)
{
	struct place *below = place->named;

	while (below && !slice_equal(below->part, part))
		below = below->next;
	return below;
}

/* The place below for that part of a pattern, made if need be. */
static struct place *grow(struct arena *arena, struct place *place,
                          struct slice part)
{
	bool any = is_parameter(part);
	struct place *below = any ? place->any : find_named(place, part);

	if (below)
		return below;
	below = arena_calloc(arena, 1, sizeof(*below));
	if (!below)
		return NULL;
	below->part = part;
	if (any) {
		place->any = below;
	} else {
		below->next = place->named;
		place->named = below;
	}
	return below;
}

static int plant(struct arena *arena, struct place *root,
                 const struct registry_route *route)
{
	struct slice rest = slice_skip(slice_from(route->pattern), 1);
	struct place *place = root;
	struct offer *offer;
	struct offer **end;
	struct slice part;

	while (place && slice_next(&rest, '/', &part))
		place = grow(arena, place, part);
	offer = place ? arena_calloc(arena, 1, sizeof(*offer)) : NULL;
	if (!offer)
		return -ENOMEM;
	offer->route = route;
	end = &place->offers;
	while (*end)
		end = &(*end)->next;
	*end = offer;
	return 0;
}

static int plant_all(struct registry_http *http)
{
	http->root = arena_calloc(&http->arena, 1, sizeof(*http->root));
	if (!http->root)
		return -ENOMEM;
	for (size_t t = 0; registry_tables[t]; t++) {
		const struct registry_routes *table = registry_tables[t];

		for (size_t i = 0; i < table->n; i++) {
			int r = plant(&http->arena, http->root,
			              &table->rows[i]);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* --- finding -------------------------------------------------------------- */

/* 0; -EINVAL if it cannot be one of ours: malformed, too long, of too many
 * parts; -ENOMEM. A '/' at the end counts for nothing. */
static int split(struct split_path *path, struct slice text)
{
	size_t starts[PATH_MAX_PARTS];
	struct slice rest = text;
	struct slice part;

	buf_init(&path->text, PATH_MAX_DECODED);
	path->n = 0;
	if (rest.n == 0 || rest.p[0] != '/')
		return -EINVAL;
	rest = slice_skip(rest, 1);
	while (slice_next(&rest, '/', &part)) {
		size_t start = path->text.n;

		if (path->n == PATH_MAX_PARTS ||
		    url_decode(&path->text, part) < 0 ||
		    buf_putc(&path->text, '\0') < 0)
			return path->text.failed == -ENOMEM ? -ENOMEM : -EINVAL;
		starts[path->n] = start;
		path->parts[path->n++].n = path->text.n - start - 1;
	}
	for (size_t i = 0; i < path->n; i++) {
		path->parts[i].p = path->text.p + starts[i];
		if (memchr(path->parts[i].p, '\0', path->parts[i].n))
			return -EINVAL;
	}
	return 0;
}

/* Where the path ends, if anything is offered there. What has a name goes
 * before what is a parameter. */
static const struct place *find_place(const struct place *place,
                                      const struct split_path *path, size_t at,
                                      const char **params, size_t n_params)
{
	const struct place *found = NULL;
	const struct place *named;

	if (at == path->n)
		return place->offers ? place : NULL;
	if (path->parts[at].n == 0)
		return NULL;
	named = find_named(place, path->parts[at]);
	if (named)
		found = find_place(named, path, at + 1, params, n_params);
	if (found || !place->any || n_params == MAX_PARAMS)
		return found;
	params[n_params] = path->parts[at].p;
	return find_place(place->any, path, at + 1, params, n_params + 1);
}

static const struct registry_route *find_route(const struct place *place,
                                               struct slice method)
{
	if (slice_is(method, "HEAD"))
		method = slice_from("GET");
	for (struct offer *offer = place->offers; offer; offer = offer->next) {
		if (slice_is(method, offer->route->method))
			return offer->route;
	}
	return NULL;
}

static bool is_shared_area(struct slice part)
{
	for (size_t i = 0; i < ARRAY_SIZE(shared_areas); i++) {
		if (slice_is(part, shared_areas[i]))
			return true;
	}
	return false;
}

/* The daemon serves it, too. */
static bool is_shared_path(const struct place *place)
{
	const struct offer *offer = place->offers;

	while (offer && offer->route->handle)
		offer = offer->next;
	return offer != NULL;
}

/* --- what is not there ---------------------------------------------------- */

static void refuse_method(struct registry_call *call, const struct place *place)
{
	struct buf headers;
	struct buf body;

	buf_init(&headers, HEADER_MAX);
	buf_init(&body, HEADER_MAX);
	(void)buf_puts(&headers, "Allow: ");
	for (struct offer *offer = place->offers; offer; offer = offer->next) {
		const char *method = offer->route->method;

		(void)buf_printf(&headers, "%s%s%s",
		                 offer == place->offers ? "" : ", ", method,
		                 strcmp(method, "GET") == 0 ? ", HEAD" : "");
	}
	(void)buf_puts(&headers, "\r\n");
	(void)buf_puts(&body, "{\"detail\":\"this path cannot be asked for "
	                      "that; see Allow\"}\n");
	http_respond(call->exchange, 405, "application/json",
	             buf_text(&headers), &body);
	buf_fini(&headers);
}

/* Of a path that is known, who may do the least of what is offered there. */
static enum registry_scope least_scope(const struct place *place)
{
	enum registry_scope scope = SCOPE_ADMIN;

	for (struct offer *offer = place->offers; offer; offer = offer->next)
		scope = MIN(scope, offer->route->scope);
	return scope;
}

static bool may_pass(struct registry_call *call, enum registry_scope scope,
                     char *actor)
{
	return registry_admit(call->registry, call->exchange, call->control,
	                      scope, actor);
}

static bool dispatch(struct registry_call *call, const struct place *place,
                     char *actor)
{
	call->route = find_route(place, call->exchange->message->method);
	if (call->route && call->route->handle) {
		if (may_pass(call, call->route->scope, actor))
			call->route->handle(call);
		return true;
	}
	if (is_shared_path(place))
		return false;
	if (may_pass(call, least_scope(place), actor))
		refuse_method(call, place);
	return true;
}

/* Nobody but us could know a path that begins like this. */
static bool refuse_path(struct registry_call *call,
                        const struct split_path *path, char *actor)
{
	if (path->n == 0 || is_shared_area(path->parts[0]) ||
	    !find_named(call->http->root, path->parts[0]))
		return false;
	if (may_pass(call, SCOPE_READ, actor))
		call_refuse(call, 404, "there is nothing here; see /docs");
	return true;
}

bool registry_http_handle(struct registry_http *http,
                          struct http_exchange *exchange, bool control)
{
	char actor[REGISTRY_ACTOR_MAX] = "";
	struct registry_call call = {
		.http = http,
		.registry = http->registry,
		.exchange = exchange,
		.control = control,
		.actor = actor,
	};
	const struct place *place;
	struct split_path path;
	bool ours = false;
	int r = split(&path, exchange->path);

	if (r == -ENOMEM) {
		/* whose it is cannot be told */
		call_refuse(&call, 500, "out of memory");
		ours = true;
	} else if (r == 0) {
		place = find_place(http->root, &path, 0, call.params, 0);
		if (http->closing && place)
			call_refuse(&call, 503, "the registry is closing");
		ours = http->closing ? place != NULL
		       : place       ? dispatch(&call, place, actor)
		                     : refuse_path(&call, &path, actor);
	}
	buf_fini(&path.text);
	return ours;
}

/* --- life ----------------------------------------------------------------- */

struct registry_http *registry_http_new(struct registry *registry)
{
	struct registry_http *http = mem_calloc(1, sizeof(*http));

	if (!http)
		return NULL;
	http->registry = registry;
	arena_init(&http->arena);
	list_init(&http->parts);
	list_init(&http->pending);
	if (plant_all(http) < 0) {
		arena_fini(&http->arena);
		mem_free(http);
		return NULL;
	}
	(void)uv_timer_init(registry_loop(registry), &http->end);
	return http;
}

static void on_end_closed(uv_handle_t *handle)
{
	struct registry_http *http =
		container_of(handle, struct registry_http, end);
	void (*closed)(void *context) = http->closed;
	void *context = http->context;

	arena_fini(&http->arena);
	mem_free(http);
	closed(context);
}

void registry_http_maybe_closed(struct registry_http *http)
{
	if (http->closing && list_empty(&http->parts) &&
	    list_empty(&http->pending) &&
	    !uv_is_closing((uv_handle_t *)&http->end))
		uv_close((uv_handle_t *)&http->end, on_end_closed);
}

void registry_http_close(struct registry_http *http,
                         void (*closed)(void *context), void *context)
{
	http->closing = true;
	http->closed = closed;
	http->context = context;
	LIST_FOR_EACH_SAFE (node, &http->parts) {
		struct registry_http_part *part =
			container_of(node, struct registry_http_part, node);

		part->close(part);
	}
	registry_http_maybe_closed(http);
}

void registry_http_part_add(struct registry_http *http,
                            struct registry_http_part *part)
{
	part->http = http;
	list_append(&http->parts, &part->node);
}

struct registry_http_part *registry_http_part_find(
	const struct registry_http *http, const void *key)
{
	LIST_FOR_EACH (node, &http->parts) {
		struct registry_http_part *part =
			container_of(node, struct registry_http_part, node);

		if (part->key == key)
			return part;
	}
	return NULL;
}

void registry_http_part_closed(struct registry_http_part *part)
{
	list_unlink(&part->node);
	registry_http_maybe_closed(part->http);
}
