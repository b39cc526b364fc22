/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_watch.h"

#include <errno.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/number.h"
#include "core/label_index.h"
#include "core/push_watch_parts.h"

#define FIRST_SUBSCRIPTIONS 16
#define MAX_UNIX_SECONDS    253402300800.0 /* the year 10000 begins */
#define UNREAD              INT64_MIN      /* a value not yet looked at */

/* Scopes of the index; that of a family's series is its number beyond. */
enum {
	SCOPE_GROUPS, /* by the key of the group */
	SCOPE_JOBS,   /* subscriptions of values, by their job alone */
	SCOPE_SERIES,
};

struct push_watch {
	const struct push_store *store;
	struct label_index index;
	struct map families; /* name to watch_family */
	struct watch_family **everywhere;
	uint32_t n_everywhere;
	struct watch_subscription **subscriptions;
	uint32_t n_subscriptions;
	uint32_t cap_subscriptions;
	struct watch_subscription *first_dirty;
	struct watch_subscription *last_dirty;
	bool blind; /* some subscription is */
	uint64_t visit;

	/* what is being looked at */
	struct push_group *group;
	struct slice value;
	int64_t value_ms;
};

/* --- life ------------------------------------------------------------------ */

struct push_watch *push_watch_new(const struct push_store *store, uint64_t seed)
{
	struct push_watch *watch = mem_calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->store = store;
	label_index_init(&watch->index, seed);
	map_init(&watch->families, seed);
	return watch;
}

static void link_free(struct watch_link *link)
{
	list_unlink(&link->in_group);
	list_unlink(&link->in_subscription);
	mem_free(link);
}

void push_watch_free(struct push_watch *watch)
{
	if (!watch)
		return;
	for (uint32_t i = 0; i < watch->n_subscriptions; i++) {
		LIST_FOR_EACH_SAFE (node, &watch->subscriptions[i]->links)
			link_free(container_of(node, struct watch_link,
			                       in_subscription));
		mem_free(watch->subscriptions[i]);
	}
	MAP_FOR_EACH (entry, &watch->families)
		mem_free(entry->value);
	map_fini(&watch->families);
	label_index_fini(&watch->index);
	mem_free(watch->everywhere);
	mem_free(watch->subscriptions);
	mem_free(watch);
}

/* --- subscribing ----------------------------------------------------------- */

static struct watch_family *family_named(struct push_watch *watch,
                                         struct slice name)
{
	struct watch_family *family = map_get(&watch->families, name);

	if (family)
		return family;
	family = mem_calloc(1, sizeof(*family) + name.n);
	if (!family)
		return NULL;
	memcpy(family->name, name.p, name.n);
	family->n_name = name.n;
	family->scope = SCOPE_SERIES + (uint32_t)watch->families.n;
	if (map_set(&watch->families, slice_make(family->name, name.n),
	            family) < 0) {
		mem_free(family);
		return NULL;
	}
	return family;
}

static int grow(struct push_watch *watch)
{
	uint32_t cap = MAX(watch->cap_subscriptions * 2, FIRST_SUBSCRIPTIONS);
	void *array;

	if (watch->n_subscriptions < watch->cap_subscriptions)
		return 0;
	array = mem_realloc(watch->subscriptions,
	                    cap * sizeof(struct watch_subscription *));
	if (!array)
		return -ENOMEM;
	watch->subscriptions = array;
	/* at most as many families as subscriptions */
	array = mem_realloc(watch->everywhere,
	                    cap * sizeof(struct watch_family *));
	if (!array)
		return -ENOMEM;
	watch->everywhere = array;
	watch->cap_subscriptions = cap;
	return 0;
}

/* Where a push finds out that the family of @query may concern it: under its
 * job, which no series can have otherwise than its group. */
static int index_values(struct push_watch *watch, struct watch_family *family,
                        const struct push_query *query, uint32_t number)
{
	const struct label *job = NULL;
	int r;

	for (size_t i = 0; i < query->n_labels; i++) {
		if (slice_is(query->labels[i].name, "job"))
			job = &query->labels[i];
	}
	r = job ? label_index_add(&watch->index, SCOPE_JOBS, job, 1, number)
	        : 0;
	if (r == 0)
		r = label_index_add(&watch->index, family->scope, query->labels,
		                    query->n_labels, number);
	if (r < 0 || job || family->everywhere)
		return r;
	family->everywhere = true;
	watch->everywhere[watch->n_everywhere++] = family;
	return 0;
}

static enum watch_kind kind_of(const struct push_query *query)
{
	if (!query->metric_name)
		return WATCH_GROUP;
	return query->value == PUSH_VALUE_TIMESTAMP ? WATCH_VALUES
	                                            : WATCH_FAMILY;
}

int push_watch_add(struct push_watch *watch, uint32_t number,
                   const struct push_query *query)
{
	enum watch_kind kind = kind_of(query);
	struct watch_subscription *subscription;
	struct watch_family *family = NULL;
	int r;

	if (number != watch->n_subscriptions ||
	    (!query->metric_name && query->value == PUSH_VALUE_TIMESTAMP))
		return -EINVAL;
	r = grow(watch);
	if (r < 0)
		return r;
	/* a family that is in nobody's way may stay behind after a failure */
	if (query->metric_name) {
		family = family_named(watch, slice_from(query->metric_name));
		if (!family)
			return -ENOMEM;
	}
	subscription = mem_calloc(1, sizeof(*subscription));
	if (!subscription)
		return -ENOMEM;
	list_init(&subscription->links);
	subscription->family = family;
	subscription->number = number;
	subscription->kind = (uint8_t)kind;
	subscription->match = (uint8_t)query->match;
	r = kind == WATCH_VALUES
	            ? index_values(watch, family, query, number)
	            : label_index_add(&watch->index, SCOPE_GROUPS,
	                              query->labels, query->n_labels, number);
	if (r < 0) {
		mem_free(subscription);
		return r;
	}
	watch->subscriptions[watch->n_subscriptions++] = subscription;
	return 0;
}

/* --- dirt ------------------------------------------------------------------ */

static void soil(struct push_watch *watch,
                 struct watch_subscription *subscription)
{
	if (subscription->dirty)
		return;
	subscription->dirty = true;
	subscription->next_dirty = NULL;
	if (watch->last_dirty)
		watch->last_dirty->next_dirty = subscription;
	else
		watch->first_dirty = subscription;
	watch->last_dirty = subscription;
}

/* Memory was out when something of it was to be noted. */
static void blind(struct push_watch *watch,
                  struct watch_subscription *subscription)
{
	subscription->blind = true;
	watch->blind = true;
	soil(watch, subscription);
}

static void blind_family(struct push_watch *watch,
                         const struct watch_family *family)
{
	for (uint32_t i = 0; i < watch->n_subscriptions; i++) {
		if (watch->subscriptions[i]->family == family &&
		    watch->subscriptions[i]->kind == WATCH_VALUES)
			blind(watch, watch->subscriptions[i]);
	}
}

void push_watch_touch(struct push_watch *watch, uint32_t number)
{
	if (number < watch->n_subscriptions)
		soil(watch, watch->subscriptions[number]);
}

bool push_watch_is_dirty(const struct push_watch *watch)
{
	return watch->first_dirty != NULL;
}

/* --- links ----------------------------------------------------------------- */

static struct watch_link *link_of(struct list *node)
{
	return container_of(node, struct watch_link, in_group);
}

/* Between the group that is looked at and @subscription: finds or makes it;
 * NULL if out of memory. Those of series come last. */
static struct watch_link *obtain_link(struct push_watch *watch,
                                      struct watch_subscription *subscription)
{
	struct watch_link *link = subscription->current;

	if (link)
		return link;
	link = mem_calloc(1, sizeof(*link));
	if (!link) {
		blind(watch, subscription);
		return NULL;
	}
	link->group = watch->group;
	link->subscription = subscription;
	link->away_ms = watch->group->away_ms;
	if (subscription->kind == WATCH_VALUES)
		list_append(&watch->group->links, &link->in_group);
	else
		list_prepend(&watch->group->links, &link->in_group);
	list_append(&subscription->links, &link->in_subscription);
	subscription->current = link;
	return link;
}

static void on_group_match(void *context, uint32_t number)
{
	struct push_watch *watch = context;

	(void)obtain_link(watch, watch->subscriptions[number]);
}

/* The number is read when the first who waits for it is found. */
static int64_t value_ms(struct push_watch *watch)
{
	double seconds;

	if (watch->value_ms != UNREAD)
		return watch->value_ms;
	watch->value_ms = 0;
	/* NaN is on neither side */
	if (number_parse_double(watch->value, &seconds) == 0 && seconds > 0 &&
	    seconds < MAX_UNIX_SECONDS)
		watch->value_ms = (int64_t)(seconds * 1000);
	return watch->value_ms;
}

static void on_series_match(void *context, uint32_t number)
{
	struct push_watch *watch = context;
	int64_t ms = value_ms(watch);
	struct watch_link *link;

	if (ms <= 0)
		return;
	link = obtain_link(watch, watch->subscriptions[number]);
	if (!link)
		return;
	if (link->n_series == 0) {
		link->youngest_ms = ms;
		link->oldest_ms = ms;
	}
	link->n_series++;
	link->youngest_ms = MAX(link->youngest_ms, ms);
	link->oldest_ms = MIN(link->oldest_ms, ms);
}

struct series_context {
	struct push_watch *watch;
	uint32_t scope;
};

static void on_series(void *context, const struct label *labels,
                      size_t n_labels, struct slice value)
{
	struct series_context *series = context;
	struct push_watch *watch = series->watch;

	watch->value = value;
	watch->value_ms = UNREAD;
	label_index_match(&watch->index, series->scope, labels, n_labels,
	                  on_series_match, watch);
}

static void visit_family(struct push_watch *watch, struct watch_family *family)
{
	struct series_context context = { watch, family->scope };

	if (family->visit == watch->visit)
		return;
	family->visit = watch->visit;
	if (push_group_each_sample(watch->store, watch->group,
	                           slice_make(family->name, family->n_name),
	                           on_series, &context) < 0)
		blind_family(watch, family);
}

static void on_job_match(void *context, uint32_t number)
{
	struct push_watch *watch = context;

	/* what was left behind by a failure to add may be anybody's number */
	if (number < watch->n_subscriptions &&
	    watch->subscriptions[number]->kind == WATCH_VALUES)
		visit_family(watch, watch->subscriptions[number]->family);
}

static void read_family_time(struct push_watch *watch, struct watch_link *link)
{
	const struct watch_family *family = link->subscription->family;
	struct push_time time = push_group_family_time(
		watch->store, link->group,
		slice_make(family->name, family->n_name));

	if (link->time.wall_ms && time.mono_ms != link->time.mono_ms)
		link->away_ms = 0;
	link->time = time;
}

static void note_values(struct watch_link *link)
{
	if (link->n_series == 0)
		return;
	if (link->counted_ms && watch_counted_ms(link) != link->counted_ms)
		link->away_ms = 0;
	link->counted_ms = watch_counted_ms(link);
}

/* Brings the links of @group up to date. @anew: some may be lacking. */
static void look_at(struct push_watch *watch, struct push_group *group,
                    bool anew)
{
	const struct list *links = &group->links;
	bool linked = !list_empty(links) &&
	              link_of(links->next)->subscription->kind != WATCH_VALUES;

	watch->group = group;
	watch->visit++;
	LIST_FOR_EACH (node, &group->links) {
		struct watch_link *link = link_of(node);

		link->subscription->current = link;
		link->n_series = 0;
	}
	if (!linked || anew)
		label_index_match(&watch->index, SCOPE_GROUPS, group->labels,
		                  group->n_labels, on_group_match, watch);
	label_index_match(&watch->index, SCOPE_JOBS, group->labels,
	                  group->n_labels, on_job_match, watch);
	for (uint32_t i = 0; i < watch->n_everywhere; i++)
		visit_family(watch, watch->everywhere[i]);
	LIST_FOR_EACH (node, &group->links) {
		struct watch_link *link = link_of(node);

		link->subscription->current = NULL;
		if (link->subscription->kind == WATCH_FAMILY)
			read_family_time(watch, link);
		else if (link->subscription->kind == WATCH_VALUES)
			note_values(link);
	}
}

/* Looks at every group; -ENOMEM: there was not enough memory for some. */
static int look_at_all(struct push_watch *watch)
{
	struct push_group *group = NULL;

	watch->blind = false;
	while ((group = push_store_next_group(watch->store, group)))
		look_at(watch, group, true);
	return watch->blind ? -ENOMEM : 0;
}

int push_watch_link(struct push_watch *watch)
{
	for (uint32_t i = 0; i < watch->n_subscriptions; i++)
		soil(watch, watch->subscriptions[i]);
	return look_at_all(watch);
}

void push_watch_pushed(struct push_watch *watch, struct push_group *group)
{
	look_at(watch, group, watch->blind);
	LIST_FOR_EACH (node, &group->links)
		soil(watch, link_of(node)->subscription);
}

void push_watch_removed(struct push_watch *watch, struct push_group *group)
{
	LIST_FOR_EACH_SAFE (node, &group->links) {
		struct watch_link *link = link_of(node);

		soil(watch, link->subscription);
		link_free(link);
	}
}

/* --- concluding ------------------------------------------------------------ */

/* Tries to make up for what was not noted for want of memory. */
static void try_again(struct push_watch *watch)
{
	if (!watch->blind || look_at_all(watch) < 0)
		return;
	for (uint32_t i = 0; i < watch->n_subscriptions; i++) {
		if (watch->subscriptions[i]->blind) {
			watch->subscriptions[i]->blind = false;
			soil(watch, watch->subscriptions[i]);
		}
	}
}

void push_watch_conclude(struct push_watch *watch, struct push_time now,
                         push_observe_cb observe, void *context)
{
	struct watch_subscription *next;

	try_again(watch);
	next = watch->first_dirty;
	watch->first_dirty = NULL;
	watch->last_dirty = NULL;
	while (next) {
		struct watch_subscription *subscription = next;
		struct observation observation = watch_judge(subscription, now);

		next = subscription->next_dirty;
		subscription->dirty = false;
		observe(context, subscription->number, &observation);
	}
}
