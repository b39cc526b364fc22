/* SPDX-License-Identifier: Apache-2.0 */
#include "core/series_table.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "base/number.h"
#include "core/matcher.h"

#define MAX_KEY  (1u << 20) /* more than the labels of any line */
#define MAX_KEYS 8

struct series_subscription {
	uint32_t number;
	struct series_family *family;
	struct matchers *matchers; /* NULL: all */
	struct sample *samples;    /* of the present reading */
	uint32_t n;
	uint32_t cap;
	bool too_many;
	const char *trouble; /* of the last reading */
};

struct series_family {
	char *name;
	uint32_t scope;   /* in the index */
	uint32_t *others; /* subscriptions that are not in the index */
	uint32_t n_others;
	/* Names of the labels that are in the index; of the matchers. More of
	 * them than there is room for: all labels are looked up. */
	struct slice keys[MAX_KEYS];
	uint32_t n_keys;
	bool left_out;
};

void series_table_init(struct series_table *table, uint64_t seed)
{
	*table = (struct series_table){ .seed = seed };
	map_init(&table->families, seed);
	map_init(&table->stored, seed);
	label_index_init(&table->index, seed);
	arena_init(&table->arena);
	buf_init(&table->key, MAX_KEY);
}

static void family_free(struct series_family *family)
{
	mem_free(family->others);
	mem_free(family->name);
	mem_free(family);
}

void series_table_fini(struct series_table *table)
{
	for (uint32_t i = 0; i < table->n_subscriptions; i++) {
		matchers_free(table->subscriptions[i].matchers);
		mem_free(table->subscriptions[i].samples);
	}
	MAP_FOR_EACH (entry, &table->families)
		family_free(entry->value);
	mem_free(table->subscriptions);
	map_fini(&table->families);
	map_fini(&table->stored);
	label_index_fini(&table->index);
	arena_fini(&table->arena);
	buf_fini(&table->key);
}

/* --- who waits -------------------------------------------------------------- */

static struct series_family *family_make(struct series_table *table,
                                         const char *name)
{
	struct series_family *family =
		map_get(&table->families, slice_from(name));

	if (family)
		return family;
	family = mem_calloc(1, sizeof(*family));
	if (!family)
		return NULL;
	family->name = mem_strdup(name);
	family->scope = table->n_families;
	if (!family->name ||
	    map_set(&table->families, slice_from(family->name), family) < 0) {
		family_free(family);
		return NULL;
	}
	table->n_families++;
	return family;
}

static int make_room(struct series_table *table)
{
	uint32_t cap =
		table->cap_subscriptions ? 2 * table->cap_subscriptions : 8;
	struct series_subscription *grown;

	if (table->n_subscriptions < table->cap_subscriptions)
		return 0;
	grown = mem_realloc(table->subscriptions, cap * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	table->subscriptions = grown;
	table->cap_subscriptions = cap;
	return 0;
}

static int add_other(struct series_family *family, uint32_t at)
{
	uint32_t *grown = mem_realloc(family->others,
	                              (family->n_others + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	family->others = grown;
	family->others[family->n_others++] = at;
	return 0;
}

static bool has_key(const struct series_family *family, struct slice name)
{
	uint32_t n = MIN(family->n_keys, (uint32_t)MAX_KEYS);

	for (uint32_t i = 0; i < n; i++)
		if (slice_equal(family->keys[i], name))
			return true;
	return family->n_keys > MAX_KEYS;
}

static void add_key(struct series_family *family, struct slice name)
{
	if (has_key(family, name))
		return;
	if (family->n_keys < MAX_KEYS)
		family->keys[family->n_keys] = name;
	family->n_keys++;
}

/* Into the index by what must be equal, or to those that try everything. */
static int enter(struct series_table *table, struct series_family *family,
                 const struct matchers *matchers, uint32_t at)
{
	struct label pairs[LABEL_INDEX_MAX_PAIRS];
	size_t n = matchers ? matchers_equal(matchers, pairs,
	                                     LABEL_INDEX_MAX_PAIRS)
	                    : 0;

	int r;

	if (n == 0)
		return add_other(family, at);
	r = label_index_add(&table->index, family->scope, pairs, n, at);
	for (size_t i = 0; i < n && r == 0; i++)
		add_key(family, pairs[i].name);
	return r;
}

int series_table_add(struct series_table *table, uint32_t number,
                     const char *metric_name, const char *text, struct err *err)
{
	struct matchers *matchers = NULL;
	struct series_family *family;
	int r = 0;

	if (text && *text)
		r = matchers_parse(slice_from(text), &matchers, err);
	if (r < 0)
		return r;
	family = family_make(table, metric_name);
	r = family ? make_room(table) : -ENOMEM;
	if (r == 0)
		r = enter(table, family, matchers, table->n_subscriptions);
	if (r < 0) {
		matchers_free(matchers);
		return err_set_code(err, r, "%s", metric_name);
	}
	table->subscriptions[table->n_subscriptions++] =
		(struct series_subscription){ .number = number,
		                              .family = family,
		                              .matchers = matchers };
	return 0;
}

/* --- a reading -------------------------------------------------------------- */

void series_table_begin(struct series_table *table)
{
	for (uint32_t i = 0; i < table->n_subscriptions; i++) {
		table->subscriptions[i].n = 0;
		table->subscriptions[i].too_many = false;
	}
	MAP_FOR_EACH (entry, &table->families)
		((struct series_family *)entry->value)->left_out = false;
	map_fini(&table->stored);
	map_init(&table->stored, table->seed);
	arena_fini(&table->arena);
	arena_init(&table->arena);
	table->left_out = false;
	table->failed = 0;
}

struct series_family *series_table_family(const struct series_table *table,
                                          struct slice name)
{
	return map_get(&table->families, name);
}

static void put_key_part(struct buf *key, struct slice text)
{
	uint32_t n = (uint32_t)text.n;

	(void)buf_append(key, &n, sizeof(n));
	(void)buf_append(key, text.p, text.n);
}

/* The labels as bytes: what tells one series from another. */
static struct slice make_key(struct series_table *table)
{
	const struct series_seen *seen = &table->seen;

	buf_reset(&table->key);
	(void)buf_append(&table->key, &seen->family->scope,
	                 sizeof(seen->family->scope));
	for (size_t i = 0; i < seen->n_labels; i++) {
		put_key_part(&table->key, seen->labels[i].name);
		put_key_part(&table->key, seen->labels[i].value);
	}
	return buf_slice(&table->key);
}

static struct slice part_of_key(const char **at)
{
	uint32_t n;
	const char *p;

	memcpy(&n, *at, sizeof(n));
	p = *at + sizeof(n);
	*at = p + n;
	return slice_make(p, n);
}

static const struct label *store(struct series_table *table, struct slice key)
{
	size_t n_labels = table->seen.n_labels;
	/* one more, so that a series without labels has an address, too */
	struct label *labels =
		arena_calloc(&table->arena, n_labels + 1, sizeof(*labels));
	char *copy = arena_copy(&table->arena, key);
	const char *at;

	if (!labels || !copy)
		return NULL;
	at = copy + sizeof(table->seen.family->scope);
	for (size_t i = 0; i < n_labels; i++) {
		labels[i].name = part_of_key(&at);
		labels[i].value = part_of_key(&at);
	}
	if (map_set(&table->stored, slice_make(copy, key.n), labels) < 0)
		return NULL;
	return labels;
}

/* The copy of the labels of what is seen; NULL if it has failed. */
static const struct label *stored_labels(struct series_table *table)
{
	struct series_seen *seen = &table->seen;
	struct slice key;

	if (seen->stored)
		return seen->stored;
	if (number_parse_double(seen->text, &seen->value) < 0) {
		series_table_left_out(table, seen->family);
		return NULL;
	}
	key = make_key(table);
	if (table->key.failed) {
		table->failed = table->key.failed;
		return NULL;
	}
	seen->stored = map_get(&table->stored, key);
	seen->again = seen->stored != NULL;
	if (seen->again)
		return seen->stored;
	seen->stored = store(table, key);
	if (!seen->stored)
		table->failed = -ENOMEM;
	else if (table->arena.n_bytes > SERIES_TABLE_MAX_BYTES)
		table->failed = -E2BIG;
	return seen->stored;
}

/* The series was there before: of two times the later one counts. */
static void see_again(struct series_subscription *subscription,
                      const struct series_seen *seen)
{
	for (uint32_t i = 0; i < subscription->n && seen->has_time; i++)
		if (subscription->samples[i].labels == seen->stored)
			subscription->samples[i].value = seen->value;
}

static int make_room_for_sample(struct series_subscription *subscription)
{
	uint32_t cap = subscription->cap ? 4 * subscription->cap : 1;
	struct sample *grown;

	if (subscription->n < subscription->cap)
		return 0;
	grown = mem_realloc(subscription->samples, cap * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	subscription->samples = grown;
	subscription->cap = cap;
	return 0;
}

static void keep(struct series_table *table,
                 struct series_subscription *subscription)
{
	const struct series_seen *seen = &table->seen;
	const struct label *labels = stored_labels(table);

	if (!labels)
		return;
	if (seen->again) {
		see_again(subscription, seen);
		return;
	}
	if (subscription->n == SERIES_TABLE_MAX_SERIES) {
		subscription->too_many = true;
		return;
	}
	if (make_room_for_sample(subscription) < 0) {
		table->failed = -ENOMEM;
		return;
	}
	subscription->samples[subscription->n++] =
		(struct sample){ .labels = labels,
		                 .n_labels = seen->n_labels,
		                 .value = seen->value };
}

static void on_match(void *context, uint32_t at)
{
	struct series_table *table = context;
	struct series_subscription *subscription = &table->subscriptions[at];
	const struct series_seen *seen = &table->seen;

	if (table->failed)
		return;
	if (!subscription->matchers ||
	    matchers_match(subscription->matchers, seen->labels,
	                   seen->n_labels))
		keep(table, subscription);
}

/* Only by the labels that somebody wants to be equal. */
static void look_up(struct series_table *table,
                    const struct series_family *family)
{
	const struct series_seen *seen = &table->seen;
	struct label keys[MAX_KEYS];
	size_t n = 0;

	if (family->n_keys > MAX_KEYS) {
		label_index_match(&table->index, family->scope, seen->labels,
		                  seen->n_labels, on_match, table);
		return;
	}
	for (size_t i = 0; i < seen->n_labels && n < family->n_keys; i++)
		if (has_key(family, seen->labels[i].name))
			keys[n++] = seen->labels[i];
	label_index_match(&table->index, family->scope, keys, n, on_match,
	                  table);
}

void series_table_see(struct series_table *table, struct series_family *family,
                      const struct label *labels, size_t n_labels,
                      struct slice value, bool has_time)
{
	table->seen = (struct series_seen){ .family = family,
		                            .labels = labels,
		                            .n_labels = n_labels,
		                            .text = value,
		                            .has_time = has_time };
	if (family->n_keys > 0)
		look_up(table, family);
	for (uint32_t i = 0; i < family->n_others; i++)
		on_match(table, family->others[i]);
}

void series_table_left_out(struct series_table *table,
                           struct series_family *family)
{
	if (family)
		family->left_out = true;
	else
		table->left_out = true;
}

int series_table_failed(const struct series_table *table)
{
	return table->failed;
}

/* --- the end of it ---------------------------------------------------------- */

static const char *trouble_of(const struct series_table *table,
                              const struct series_subscription *subscription)
{
	if (subscription->too_many)
		return "more than 1000 series match; ask for fewer";
	if (subscription->family->left_out)
		return "a line of this metric cannot be read";
	if (table->left_out && subscription->n == 0)
		return "it is not there, but a line cannot be read";
	return NULL;
}

void series_table_conclude(struct series_table *table, bool good,
                           series_table_cb tell, void *context)
{
	static const struct sample none;

	for (uint32_t i = 0; i < table->n_subscriptions; i++) {
		struct series_subscription *subscription =
			&table->subscriptions[i];
		const char *trouble =
			good ? trouble_of(table, subscription) : NULL;
		struct series_result result = {
			.number = subscription->number,
			.metric_name = subscription->family->name,
			.trouble = trouble,
			.is_new = trouble && trouble != subscription->trouble,
		};

		if (good && !trouble) {
			result.samples =
				subscription->n ? subscription->samples : &none;
			result.n = subscription->n;
		}
		if (good)
			subscription->trouble = trouble;
		tell(context, &result);
	}
}
