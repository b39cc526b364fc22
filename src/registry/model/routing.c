/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/routing.h"

#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "base/text.h"
#include "core/pattern.h"

#define WORDS_MAX 1024 /* bytes of a reason, … */
#define VALUE_MAX 100  /* … and of a value in it */

struct route_alert {
	struct route_alert *next; /* of its place */
	uint32_t at;
};

struct route_filter {
	struct route_filter *next;
	struct slice name;
	struct slice value;
	bool negative;
	bool is_pattern;
	bool unreadable; /* it lets everything through */
	regex_t pattern;
};

struct work {
	struct routing *routing;
	const struct model *model;
	const struct am_message *message;
	const struct routing_names *names;
	const struct drop_rules *rules;
	struct map places;    /* by "SERVICE\0PROJECT" */
	struct map routes;    /* by the notifier's address */
	struct map receivers; /* by "SENDER\0VALUE": who is told */
};

const char *route_verdict_name(enum route_verdict verdict)
{
	static const char *const names[] = {
		[ROUTE_TOLD] = "told",
		[ROUTE_DISABLED] = "disabled",
		[ROUTE_FILTERED] = "filtered",
		[ROUTE_SAME] = "same receiver",
	};

	return names[verdict];
}

/* --- labels ------------------------------------------------------------------- */

/* Of an alert, or of what all have in common. */
static struct slice label_of(const struct work *work, uint32_t at,
                             const char *name)
{
	const struct am_message *message = work->message;
	struct slice value = slice_make("", 0);

	if (at < message->n_alerts)
		value = am_label(&message->alerts[at].labels, name);
	if (value.n == 0)
		value = am_label(&message->common_labels, name);
	if (value.n == 0)
		value = am_label(&message->group_labels, name);
	return value;
}

static struct slice arena_slice(struct arena *arena, struct slice a,
                                struct slice b)
{
	char *text = arena_alloc(arena, a.n + b.n + 2);

	if (!text)
		return slice_make(NULL, 0);
	memcpy(text, a.p, a.n);
	memcpy(text + a.n + 1, b.p, b.n);
	return slice_make(text, a.n + b.n + 1);
}

/* --- what is dropped ------------------------------------------------------------ */

static size_t put_set(struct label *out, const struct am_labels *set)
{
	size_t n = MIN(set->n, AM_MAX_LABELS);

	if (n > 0)
		memcpy(out, set->items, n * sizeof(*out));
	return n;
}

/* The rule that drops an alert, by its labels as label_of() sees them; -1. */
static int drop_of(const struct am_message *message,
                   const struct drop_rules *rules, uint32_t at)
{
	struct label labels[3 * AM_MAX_LABELS]; /* of a name the first counts */
	size_t n = 0;

	if (!rules)
		return -1;
	if (at < message->n_alerts)
		n = put_set(labels, &message->alerts[at].labels);
	n += put_set(labels + n, &message->common_labels);
	n += put_set(labels + n, &message->group_labels);
	return drop_rules_find(rules, labels, n);
}

bool routing_drops_all(const struct am_message *message,
                       const struct drop_rules *rules)
{
	for (uint32_t i = 0; i < MAX(message->n_alerts, 1); i++) {
		if (drop_of(message, rules, i) < 0)
			return false;
	}
	return true;
}

static struct route_drop *drop_at(struct work *work, unsigned rule)
{
	struct routing *routing = work->routing;
	struct route_drop *drop;
	struct buf why;

	LIST_FOR_EACH (node, &routing->drops) {
		drop = container_of(node, struct route_drop, node);
		if (drop->rule == rule)
			return drop;
	}
	buf_init(&why, WORDS_MAX + 64);
	(void)buf_printf(&why, "dropped by drop_alerts[%u]: %.*s", rule,
	                 WORDS_MAX, drop_rules_text(work->rules, rule));
	drop = arena_alloc(&routing->arena, sizeof(*drop));
	if (drop) {
		drop->rule = rule;
		drop->why = arena_copy(&routing->arena, buf_slice(&why));
		list_append(&routing->drops, &drop->node);
	}
	buf_fini(&why);
	return drop && drop->why ? drop : NULL;
}

/* 1: nobody is offered it; 0, -ENOMEM. */
static int drop_alert(struct work *work, uint32_t at)
{
	struct routing *routing = work->routing;
	int rule = drop_of(work->message, work->rules, at);
	struct route_drop *drop;

	if (rule < 0)
		return 0;
	drop = drop_at(work, (unsigned)rule);
	if (!routing->dropped)
		routing->dropped = arena_alloc(
			&routing->arena, (size_t)routing->n_alerts / 8 + 1);
	if (!drop || !routing->dropped)
		return -ENOMEM;
	routing->dropped[at / 8] |= (uint8_t)(1 << at % 8);
	routing->n_dropped++;
	drop->n_alerts++;
	return 1;
}

/* --- places -------------------------------------------------------------------- */

static const struct object *find(const struct work *work, enum kind kind,
                                 const char *name, struct slice label,
                                 bool *was)
{
	const struct object *object;

	if (label.n == 0 || strlen(name) != label.n)
		return NULL;
	object = model_find_name(work->model, kind, name);
	if (object || !work->names)
		return object;
	object = work->names->former(work->names->context, kind, label);
	*was = object;
	return object;
}

/* @key: both labels, each ended by a NUL. */
static void resolve_place(const struct work *work, struct route_place *place,
                          const char *key)
{
	const struct object *service;

	place->service_object = find(work, KIND_SERVICE, key, place->service,
	                             &place->service_was);
	place->project_object =
		find(work, KIND_PROJECT, key + place->service.n + 1,
	             place->project, &place->project_was);
	if (!place->service_object || !place->project_object)
		return;
	service = object_ref(place->project_object, PROJECT_SERVICE);
	place->mismatch = service != place->service_object;
}

static struct route_place *add_place(struct work *work, struct slice service,
                                     struct slice project, struct slice key)
{
	struct routing *routing = work->routing;
	struct route_place *place =
		arena_alloc(&routing->arena, sizeof(*place));

	if (!place || map_set(&work->places, key, place) < 0)
		return NULL;
	place->service = service;
	place->project = project;
	place->last = &place->first;
	list_append(&routing->places, &place->node);
	resolve_place(work, place, key.p);
	return place;
}

static int place_alert(struct work *work, uint32_t at)
{
	struct arena *arena = &work->routing->arena;
	struct slice service = label_of(work, at, "service");
	struct slice project = label_of(work, at, "project");
	struct slice key = arena_slice(arena, service, project);
	struct route_alert *alert = arena_alloc(arena, sizeof(*alert));
	struct route_place *place;

	if (!key.p || !alert)
		return -ENOMEM;
	place = map_get(&work->places, key);
	if (!place)
		place = add_place(work, service, project, key);
	if (!place)
		return -ENOMEM;
	alert->at = at;
	*place->last = alert;
	place->last = &alert->next;
	place->n_alerts++;
	return 0;
}

/* --- filters ------------------------------------------------------------------- */

static int add_filter(struct arena *arena, struct route *route,
                      const struct object *object)
{
	struct route_filter *filter = arena_alloc(arena, sizeof(*filter));
	const char *operator= object_text(object, FILTER_OPERATOR);
	int r = 0;

	if (!filter)
		return -ENOMEM;
	filter->name = slice_from(object_text(object, FILTER_NAME));
	filter->value = slice_from(object_text(object, FILTER_VALUE));
	filter->negative = operator[0] == '!';
	filter->is_pattern = operator[0] && operator[1] == '~';
	if (filter->is_pattern)
		r = pattern_compile(filter->value, &filter->pattern, NULL);
	filter->unreadable = r < 0;
	filter->next = route->filters;
	route->filters = filter;
	return r == -ENOMEM ? r : 0;
}

/* In the order in which they were made. */
static int add_filters(struct arena *arena, struct route *route)
{
	struct route_filter *reversed = NULL;
	int r = 0;

	OBJECT_FOR_EACH(filter, route->notifier, KIND_FILTER, FILTER_NOTIFIER)
	{
		r = add_filter(arena, route, filter);
		if (r < 0)
			return r;
	}
	while (route->filters) {
		struct route_filter *filter = route->filters;

		route->filters = filter->next;
		filter->next = reversed;
		reversed = filter;
	}
	route->filters = reversed;
	return 0;
}

/* 1, 0, -ENOMEM. */
static int filter_passes(const struct work *work,
                         const struct route_filter *filter, uint32_t at)
{
	struct slice value = label_of(work, at, filter->name.p);
	int r;

	if (filter->unreadable)
		return 1;
	if (!filter->is_pattern)
		return slice_equal(value, filter->value) != filter->negative;
	r = pattern_match(&filter->pattern, value);
	return r < 0 ? r : (r == 1) != filter->negative;
}

static bool wants_all(const struct route *route)
{
	return text_equal(object_text(route->notifier, NOTIFIER_MATCH), "all");
}

/* Any of them, or all. */
static int passes(const struct work *work, const struct route *route,
                  uint32_t at)
{
	bool all = wants_all(route);
	int r = 1;

	for (struct route_filter *filter = route->filters; filter;
	     filter = filter->next) {
		r = filter_passes(work, filter, at);
		if (r < 0 || (r == 1) != all)
			return r;
	}
	return r;
}

/* --- words --------------------------------------------------------------------- */

static void put_value(struct buf *out, struct slice value)
{
	(void)buf_putc(out, '"');
	text_escape_json(out, text_cut(value, VALUE_MAX));
	(void)buf_putc(out, '"');
}

static void put_filters(struct buf *out, const struct route *route)
{
	for (struct route_filter *filter = route->filters; filter;
	     filter = filter->next) {
		(void)buf_printf(
			out, "%s" SLICE_FMT "%s%s",
			filter == route->filters ? "" : ", ",
			SLICE_ARG(filter->name), filter->negative ? "!" : "",
			filter->is_pattern ? filter->negative ? "~" : "=~"
					   : "=");
		put_value(out, filter->value);
		if (filter->unreadable)
			(void)buf_puts(out, " (cannot be read: taken for one "
			                    "that matches)");
	}
}

/* What an alert has that was not let through. */
static void put_labels(struct buf *out, const struct work *work,
                       const struct route *route, uint32_t at)
{
	for (struct route_filter *filter = route->filters; filter;
	     filter = filter->next) {
		struct slice value = label_of(work, at, filter->name.p);

		(void)buf_puts(out, filter == route->filters ? "" : ", ");
		if (value.n == 0) {
			(void)buf_printf(out, "no " SLICE_FMT,
			                 SLICE_ARG(filter->name));
			continue;
		}
		(void)buf_printf(out, SLICE_FMT "=", SLICE_ARG(filter->name));
		put_value(out, value);
	}
}

static void filtered_words(struct buf *out, const struct work *work,
                           const struct route *route, uint32_t at)
{
	(void)buf_printf(out, "%s: ",
	                 !route->filters->next ? "its filter does not match"
	                 : wants_all(route)    ? "not all of its filters match"
	                                       : "none of its filters matches");
	put_filters(out, route);
	(void)buf_printf(out, "; %s has ",
	                 route->n_offered == 1 ? "the alert"
	                                       : "the first alert");
	put_labels(out, work, route, at);
}

static void told_words(struct buf *out, const struct route *route)
{
	if (!route->filters) {
		(void)buf_puts(out, "it has no filters");
		return;
	}
	if (route->n_alerts < route->n_offered)
		(void)buf_printf(out, "%u of %u alerts match ", route->n_alerts,
		                 route->n_offered);
	(void)buf_printf(out, "%s%s: ",
	                 !route->filters->next ? "its filter"
	                 : wants_all(route)    ? "all of its filters"
	                                       : "any of its filters",
	                 route->n_alerts < route->n_offered ? ""
	                 : wants_all(route) && route->filters->next
	                         ? " match"
	                         : " matches");
	put_filters(out, route);
}

static int set_why(struct work *work, struct route *route, uint32_t first)
{
	struct buf out;
	struct slice cut;

	buf_init(&out, (size_t)4 * WORDS_MAX + 65536);
	switch (route->verdict) {
	case ROUTE_TOLD:
		told_words(&out, route);
		break;
	case ROUTE_DISABLED:
		(void)buf_puts(&out, "it is disabled");
		break;
	case ROUTE_FILTERED:
		filtered_words(&out, work, route, first);
		break;
	case ROUTE_SAME:
		(void)buf_printf(
			&out, "notifier %llu has the same receiver",
			(unsigned long long)object_id(route->same->notifier));
		break;
	}
	cut = text_cut(buf_slice(&out), WORDS_MAX);
	route->why = arena_copy(&work->routing->arena, cut);
	buf_fini(&out);
	return route->why ? 0 : -ENOMEM;
}

/* --- routes -------------------------------------------------------------------- */

static struct route *add_route(struct work *work, const struct object *notifier)
{
	struct arena *arena = &work->routing->arena;
	struct route *route = arena_alloc(arena, sizeof(*route));

	if (!route)
		return NULL;
	route->notifier = notifier;
	route->verdict = object_number(notifier, NOTIFIER_ENABLED)
	                         ? ROUTE_FILTERED
	                         : ROUTE_DISABLED;
	route->alerts =
		arena_alloc(arena, (size_t)work->routing->n_alerts / 8 + 1);
	list_append(&work->routing->routes, &route->node);
	if (!route->alerts || add_filters(arena, route) < 0 ||
	    map_set(&work->routes,
	            slice_make((const char *)&route->notifier,
	                       sizeof(route->notifier)),
	            route) < 0)
		return NULL;
	return route;
}

static int offer_alert(struct work *work, struct route *route, uint32_t at)
{
	int r;

	route->n_offered++;
	if (route->verdict == ROUTE_DISABLED)
		return 0;
	r = passes(work, route, at);
	if (r == 1) {
		route->alerts[at / 8] |= (uint8_t)(1 << at % 8);
		route->n_alerts++;
		route->verdict = ROUTE_TOLD;
	}
	return r < 0 ? r : 0;
}

static int offer(struct work *work, const struct object *notifier,
                 const struct route_place *place)
{
	struct route *route =
		map_get(&work->routes,
	                slice_make((const char *)&notifier, sizeof(notifier)));
	int r = 0;

	if (!route)
		route = add_route(work, notifier);
	if (!route)
		return -ENOMEM;
	for (struct route_alert *alert = place->first; alert && r == 0;
	     alert = alert->next)
		r = offer_alert(work, route, alert->at);
	if (r < 0 || route->verdict == ROUTE_TOLD || route->why ||
	    !place->first)
		return r;
	return set_why(work, route, place->first->at);
}

static int offer_of(struct work *work, const struct object *owner,
                    unsigned field, const struct route_place *place)
{
	int r = 0;

	if (!owner || place->mismatch)
		return 0;
	OBJECT_FOR_EACH(notifier, owner, KIND_NOTIFIER, field)
	{
		r = offer(work, notifier, place);
		if (r < 0)
			break;
	}
	return r;
}

static int offer_to_all(struct work *work, const struct object *notifier)
{
	int r = 0;

	LIST_FOR_EACH (node, &work->routing->places) {
		r = offer(work, notifier,
		          container_of(node, struct route_place, node));
		if (r < 0)
			break;
	}
	return r;
}

static int offer_places(struct work *work)
{
	int r = 0;

	LIST_FOR_EACH (node, &work->routing->places) {
		const struct route_place *place =
			container_of(node, struct route_place, node);

		r = offer_of(work, place->service_object, NOTIFIER_SERVICE,
		             place);
		if (r == 0)
			r = offer_of(work, place->project_object,
			             NOTIFIER_PROJECT, place);
		if (r < 0)
			return r;
	}
	MODEL_FOR_EACH(notifier, work->model, KIND_NOTIFIER)
	{
		if (!object_ref(notifier, NOTIFIER_SERVICE) &&
		    !object_ref(notifier, NOTIFIER_PROJECT))
			r = offer_to_all(work, notifier);
		if (r < 0)
			return r;
	}
	return r;
}

/* --- the same receiver ----------------------------------------------------------- */

/* The first is told of what any of them would be. */
static void join(const struct work *work, struct route *into,
                 struct route *route)
{
	route->verdict = ROUTE_SAME;
	route->same = into;
	for (uint32_t i = 0; i < work->routing->n_alerts; i++) {
		if (!route_has(route, i) || route_has(into, i))
			continue;
		into->alerts[i / 8] |= (uint8_t)(1 << i % 8);
		into->n_alerts++;
	}
}

static int settle(struct work *work, struct route *route)
{
	const struct object *notifier = route->notifier;
	struct slice key =
		arena_slice(&work->routing->arena,
	                    slice_from(object_text(notifier, NOTIFIER_SENDER)),
	                    slice_from(object_text(notifier, NOTIFIER_VALUE)));
	struct route *other;

	if (!key.p)
		return -ENOMEM;
	/* before others' alerts join its own */
	if (set_why(work, route, 0) < 0)
		return -ENOMEM;
	other = map_get(&work->receivers, key);
	if (!other) {
		work->routing->n_told++;
		return map_set(&work->receivers, key, route);
	}
	join(work, other, route);
	return set_why(work, route, 0);
}

static int settle_all(struct work *work)
{
	int r = 0;

	LIST_FOR_EACH (node, &work->routing->routes) {
		struct route *route = container_of(node, struct route, node);

		if (route->verdict == ROUTE_TOLD)
			r = settle(work, route);
		if (r < 0)
			break;
	}
	return r;
}

/* --- the whole ------------------------------------------------------------------- */

static int work_through(struct work *work)
{
	int r = 0;

	for (uint32_t i = 0; i < work->routing->n_alerts && r >= 0; i++) {
		r = drop_alert(work, i);
		if (r == 0)
			r = place_alert(work, i);
	}
	if (r >= 0)
		r = offer_places(work);
	if (r == 0)
		r = settle_all(work);
	return r;
}

int routing_make(struct routing *routing, const struct model *model,
                 const struct am_message *message,
                 const struct routing_names *names,
                 const struct drop_rules *rules)
{
	struct work work = {
		.routing = routing,
		.model = model,
		.message = message,
		.names = names,
		.rules = rules,
	};
	int r;

	*routing = (struct routing){ 0 };
	arena_init(&routing->arena);
	list_init(&routing->places);
	list_init(&routing->routes);
	list_init(&routing->drops);
	routing->n_alerts = (uint32_t)MAX(message->n_alerts, 1);
	map_init(&work.places, 0);
	map_init(&work.routes, 0);
	map_init(&work.receivers, 0);
	r = work_through(&work);
	map_fini(&work.places);
	map_fini(&work.routes);
	map_fini(&work.receivers);
	return r;
}

void routing_fini(struct routing *routing)
{
	LIST_FOR_EACH (node, &routing->routes) {
		struct route *route = container_of(node, struct route, node);

		for (struct route_filter *filter = route->filters; filter;
		     filter = filter->next) {
			if (filter->is_pattern && !filter->unreadable)
				regfree(&filter->pattern);
		}
	}
	arena_fini(&routing->arena);
}

/* --- explained --------------------------------------------------------------------- */

static void put_found(struct buf *out, const char *kind, struct slice label,
                      const struct object *object, bool was)
{
	char title[OBJECT_TITLE_MAX];

	if (label.n == 0) {
		(void)buf_printf(out, "no label %s", kind);
	} else if (!object) {
		(void)buf_printf(out, "no %s is called ", kind);
		put_value(out, label);
	} else {
		(void)buf_puts(out, object_title(object, title));
		if (was)
			(void)buf_printf(out, ", which was called " SLICE_FMT,
			                 SLICE_ARG(label));
	}
}

static void place_words(struct buf *out, const struct route_place *place)
{
	char title[OBJECT_TITLE_MAX];
	bool found = place->service_object || place->project_object;

	put_found(out, "service", place->service, place->service_object,
	          place->service_was);
	(void)buf_puts(out, "; ");
	put_found(out, "project", place->project, place->project_object,
	          place->project_was);
	if (place->mismatch)
		(void)buf_printf(out,
		                 ", of %s: the labels contradict each other, "
		                 "so neither is told",
		                 object_title(object_ref(place->project_object,
		                                         PROJECT_SERVICE),
		                              title));
	else if (!found)
		(void)buf_puts(out, ": only notifiers that belong to neither "
		                    "a service nor a project are told");
}

static void write_object_id(struct json_writer *json, const char *key,
                            const struct object *object)
{
	json_write_key(json, key);
	if (object)
		json_write_u64(json, object_id(object));
	else
		json_write_null(json);
}

static void write_words(struct json_writer *json, const char *key,
                        const struct buf *words)
{
	json_write_key(json, key);
	json_write_slice(json, buf_slice(words));
	if (words->failed)
		json->buf->failed = words->failed;
}

static void write_place(struct json_writer *json,
                        const struct route_place *place)
{
	struct buf words;

	buf_init(&words, 65536);
	place_words(&words, place);
	json_write_object(json);
	json_write_key(json, "service");
	json_write_slice(json, place->service);
	json_write_key(json, "project");
	json_write_slice(json, place->project);
	write_object_id(json, "service_id", place->service_object);
	write_object_id(json, "project_id", place->project_object);
	json_write_key(json, "alerts");
	json_write_u64(json, place->n_alerts);
	write_words(json, "why", &words);
	json_write_object_end(json);
	buf_fini(&words);
}

static const char *belongs_to(const struct object *notifier, char *title)
{
	const struct object *owner = object_ref(notifier, NOTIFIER_PROJECT);

	if (!owner)
		owner = object_ref(notifier, NOTIFIER_SERVICE);
	return owner ? object_title(owner, title) : "all";
}

static void write_route(struct json_writer *json, const struct route *route)
{
	char title[OBJECT_TITLE_MAX];
	const char *alias = object_text(route->notifier, NOTIFIER_ALIAS);

	json_write_object(json);
	json_write_key(json, "id");
	json_write_u64(json, object_id(route->notifier));
	json_write_key(json, "sender");
	json_write_string(json, object_text(route->notifier, NOTIFIER_SENDER));
	json_write_key(json, "alias");
	json_write_string(json, alias);
	json_write_key(json, "of");
	json_write_string(json, belongs_to(route->notifier, title));
	json_write_key(json, "told");
	json_write_bool(json, route->verdict == ROUTE_TOLD);
	json_write_key(json, "verdict");
	json_write_string(json, route_verdict_name(route->verdict));
	json_write_key(json, "alerts");
	json_write_u64(json,
	               route->verdict == ROUTE_TOLD ? route->n_alerts : 0);
	json_write_key(json, "why");
	json_write_string(json, route->why);
	json_write_object_end(json);
}

static void write_drop(struct json_writer *json, const struct route_drop *drop)
{
	json_write_object(json);
	json_write_key(json, "rule");
	json_write_u64(json, drop->rule);
	json_write_key(json, "alerts");
	json_write_u64(json, drop->n_alerts);
	json_write_key(json, "why");
	json_write_string(json, drop->why);
	json_write_object_end(json);
}

void routing_write(struct json_writer *json, const struct routing *routing)
{
	json_write_key(json, "told");
	json_write_u64(json, routing->n_told);
	json_write_key(json, "labels");
	json_write_array(json);
	LIST_FOR_EACH (node, &routing->places)
		write_place(json, container_of(node, struct route_place, node));
	json_write_array_end(json);
	json_write_key(json, "notifiers");
	json_write_array(json);
	LIST_FOR_EACH (node, &routing->routes)
		write_route(json, container_of(node, struct route, node));
	json_write_array_end(json);
	json_write_key(json, "dropped");
	json_write_array(json);
	LIST_FOR_EACH (node, &routing->drops)
		write_drop(json, container_of(node, struct route_drop, node));
	json_write_array_end(json);
}
