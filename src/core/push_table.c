/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_table.h"

#include <errno.h>
#include "base/mem.h"
#include "base/number.h"

#define PUSH_TIME_FAMILY    "push_time_seconds"
#define FIRST_SUBSCRIPTIONS 16
#define MAX_UNIX_SECONDS    253402300800.0 /* the year 10000 begins */
#define UNREAD              INT64_MIN /* the text of a time, not yet looked at */

struct push_family {
	uint32_t id;
	bool wanted[N_PUSH_DOCUMENTS];
	size_t n_name;
	char name[];
};

/* One for each monitor: kept small. */
struct push_subscription {
	int64_t youngest_ms; /* Unix time; valid if n_seen > 0 */
	int64_t oldest_ms;
	uint32_t n_seen;    /* groups in this reading */
	uint32_t n_highest; /* in any reading that was concluded */
	uint32_t number;
	uint8_t match;    /* enum push_match */
	uint8_t document; /* enum push_document */
};

_Static_assert(sizeof(struct push_subscription) <= 64,
               "ten thousand subscriptions must stay cheap");

void push_table_init(struct push_table *table, uint64_t seed)
{
	*table = (struct push_table){ 0 };
	map_init(&table->families, seed);
	label_index_init(&table->index, seed);
}

void push_table_fini(struct push_table *table)
{
	MAP_FOR_EACH (entry, &table->families)
		mem_free(entry->value);
	map_fini(&table->families);
	label_index_fini(&table->index);
	mem_free(table->subscriptions);
	*table = (struct push_table){ 0 };
}

/* --- subscribing --------------------------------------------------------- */

/* Each family has a scope of the index for each document. */
static uint32_t scope_of(const struct push_family *family,
                         enum push_document document)
{
	return family->id * N_PUSH_DOCUMENTS + (uint32_t)document;
}

/* Finds or makes it; NULL if out of memory. */
static struct push_family *family_named(struct push_table *table,
                                        struct slice name)
{
	struct push_family *family = map_get(&table->families, name);

	if (family)
		return family;
	family = mem_calloc(1, sizeof(*family) + name.n);
	if (!family)
		return NULL;
	memcpy(family->name, name.p, name.n);
	family->n_name = name.n;
	family->id = table->n_families;
	if (map_set(&table->families, slice_make(family->name, name.n),
	            family) < 0) {
		mem_free(family);
		return NULL;
	}
	table->n_families++;
	return family;
}

static int grow(struct push_table *table)
{
	uint32_t cap = MAX(table->cap_subscriptions * 2, FIRST_SUBSCRIPTIONS);
	void *subscriptions;

	if (table->n_subscriptions < table->cap_subscriptions)
		return 0;
	subscriptions = mem_realloc(table->subscriptions,
	                            cap * sizeof(*table->subscriptions));
	if (!subscriptions)
		return -ENOMEM;
	table->subscriptions = subscriptions;
	table->cap_subscriptions = cap;
	return 0;
}

static enum push_document document_of(const struct push_query *query)
{
	return query->metric_name && query->value == PUSH_VALUE_PUSH_TIME
	               ? PUSH_DOCUMENT_API
	               : PUSH_DOCUMENT_TEXT;
}

int push_table_add(struct push_table *table, uint32_t number,
                   const struct push_query *query)
{
	enum push_document document = document_of(query);
	struct push_family *family;
	int r;

	if (!query->metric_name && query->value == PUSH_VALUE_TIMESTAMP)
		return -EINVAL;
	r = grow(table);
	if (r < 0)
		return r;
	/* a family that is in nobody's way may stay behind after a failure */
	family = family_named(table, slice_from(query->metric_name
	                                                ? query->metric_name
	                                                : PUSH_TIME_FAMILY));
	if (!family)
		return -ENOMEM;
	r = label_index_add(&table->index, scope_of(family, document),
	                    query->labels, query->n_labels,
	                    table->n_subscriptions);
	if (r < 0)
		return r;

	family->wanted[document] = true;
	table->n_wanted[document]++;
	table->subscriptions[table->n_subscriptions++] =
		(struct push_subscription){ .number = number,
		                            .match = (uint8_t)query->match,
		                            .document = (uint8_t)document };
	return 0;
}

/* --- gathering ----------------------------------------------------------- */

void push_table_begin(struct push_table *table)
{
	table->n_in_reading = table->n_subscriptions;
	for (uint32_t i = 0; i < table->n_subscriptions; i++)
		table->subscriptions[i].n_seen = 0;
}

struct push_family *push_table_family(const struct push_table *table,
                                      enum push_document document,
                                      struct slice name)
{
	struct push_family *family = map_get(&table->families, name);

	return family && family->wanted[document] ? family : NULL;
}

/* The number is read when the first who waits for it is found: most samples
 * of a large gateway concern nobody. */
static int64_t seen_ms(struct push_table *table)
{
	double seconds;

	if (table->seen_ms != UNREAD)
		return table->seen_ms;
	table->seen_ms = 0;
	/* NaN is on neither side */
	if (number_parse_double(table->seen_text, &seconds) == 0 &&
	    seconds > 0 && seconds < MAX_UNIX_SECONDS)
		table->seen_ms = (int64_t)(seconds * 1000);
	return table->seen_ms;
}

static void on_match(void *context, uint32_t at)
{
	struct push_table *table = context;
	struct push_subscription *subscription = &table->subscriptions[at];
	int64_t ms = seen_ms(table);

	if (ms <= 0)
		return;
	if (subscription->n_seen == 0) {
		subscription->youngest_ms = ms;
		subscription->oldest_ms = ms;
	}
	subscription->n_seen++;
	subscription->youngest_ms = MAX(subscription->youngest_ms, ms);
	subscription->oldest_ms = MIN(subscription->oldest_ms, ms);
}

void push_table_see(struct push_table *table, struct push_family *family,
                    enum push_document document, const struct label *labels,
                    size_t n_labels, int64_t unix_ms)
{
	if (unix_ms <= 0)
		return;
	table->seen_ms = unix_ms;
	label_index_match(&table->index, scope_of(family, document), labels,
	                  n_labels, on_match, table);
}

void push_table_see_seconds(struct push_table *table,
                            struct push_family *family,
                            const struct label *labels, size_t n_labels,
                            struct slice unix_seconds)
{
	table->seen_ms = UNREAD;
	table->seen_text = unix_seconds;
	label_index_match(&table->index, scope_of(family, PUSH_DOCUMENT_TEXT),
	                  labels, n_labels, on_match, table);
}

/* --- concluding ---------------------------------------------------------- */

static struct observation judge(struct push_subscription *subscription,
                                const struct push_conclusion *conclusion)
{
	int64_t now_ms = conclusion->now_ms[subscription->document];
	bool damaged = conclusion->damaged[subscription->document];
	bool missing = subscription->n_seen == 0;
	int64_t then_ms;

	if (subscription->match == PUSH_MATCH_ALL &&
	    subscription->n_seen < subscription->n_highest)
		missing = true;
	if (subscription->n_seen > subscription->n_highest)
		subscription->n_highest = subscription->n_seen;
	if (missing)
		return (struct observation){
			.kind = damaged ? OBSERVATION_UNKNOWN
			                : OBSERVATION_MISSING,
			.age_ms = OBSERVATION_NEVER,
			.exit_code = -1,
		};

	then_ms = subscription->match == PUSH_MATCH_ANY
	                  ? subscription->youngest_ms
	                  : subscription->oldest_ms;
	return (struct observation){
		.kind = OBSERVATION_AGE,
		.age_ms = now_ms > then_ms ? (uint64_t)(now_ms - then_ms) : 0,
		.exit_code = -1,
	};
}

void push_table_conclude(struct push_table *table,
                         const struct push_conclusion *conclusion,
                         push_observe_cb observe, void *context)
{
	for (uint32_t i = 0; i < table->n_in_reading; i++) {
		struct push_subscription *subscription =
			&table->subscriptions[i];
		struct observation observation =
			judge(subscription, conclusion);

		observe(context, subscription->number, &observation);
	}
}

void push_table_conclude_unknown(struct push_table *table,
                                 push_observe_cb observe, void *context)
{
	static const struct observation unknown = {
		.kind = OBSERVATION_UNKNOWN
	};

	for (uint32_t i = 0; i < table->n_in_reading; i++)
		observe(context, table->subscriptions[i].number, &unknown);
}
