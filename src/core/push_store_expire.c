/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_store_parts.h"

#include <errno.h>
#include "base/mem.h"

/* Monotonic times may be negative, deadlines are not. */
#define BEFORE_ZERO ((uint64_t)1 << 62)

static uint64_t at_deadline(int64_t mono_ms)
{
	return (uint64_t)mono_ms + BEFORE_ZERO;
}

int expire_reserve(struct push_store *store)
{
	uint32_t n = (uint32_t)store->group_by_key.n + 1;

	if (n <= store->deadlines.cap)
		return 0;
	return deadlines_reserve(&store->deadlines, n + n / 2);
}

static bool value_matches(struct slice pattern, struct slice value)
{
	if (pattern.n > 0 && pattern.p[pattern.n - 1] == '*')
		return value.n >= pattern.n - 1 &&
		       memcmp(value.p, pattern.p, pattern.n - 1) == 0;
	return slice_equal(pattern, value);
}

static bool rule_matches(const struct push_ttl *rule,
                         const struct push_group *group)
{
	for (size_t i = 0; i < rule->n_labels; i++) {
		const struct label *wanted = &rule->labels[i];
		struct slice value = slice_make("", 0);

		for (size_t j = 0; j < group->n_labels; j++) {
			if (slice_equal(group->labels[j].name, wanted->name))
				value = group->labels[j].value;
		}
		if (!value_matches(wanted->value, value))
			return false;
	}
	return true;
}

/* Time in which nobody was there to hear a push does not count. */
static uint64_t end_of(const struct store_group *group)
{
	uint64_t extra = group->ttl_ms + group->shown.away_ms;
	uint64_t from = at_deadline(group->seen_mono_ms);

	if (group->ttl_ms == 0 || extra < group->ttl_ms ||
	    extra >= DEADLINE_NEVER - from)
		return DEADLINE_NEVER;
	return from + extra;
}

void expire_choose(struct push_store *store, struct store_group *group)
{
	group->ttl_ms = 0;
	for (size_t i = 0; i < store->n_ttl; i++) {
		if (rule_matches(&store->ttl[i], &group->shown)) {
			group->ttl_ms = store->ttl[i].ttl_ms;
			break;
		}
	}
	deadlines_arm(&store->deadlines, &group->deadline, end_of(group));
}

static void free_rules(struct push_ttl *rules, size_t n_rules)
{
	for (size_t i = 0; rules && i < n_rules; i++)
		mem_free((void *)rules[i].labels);
	mem_free(rules);
}

void expire_free_rules(struct push_store *store)
{
	free_rules(store->ttl, store->n_ttl);
	store->ttl = NULL;
	store->n_ttl = 0;
}

/* Labels and their texts in one piece of memory. */
static struct label *copy_labels(const struct label *labels, size_t n_labels)
{
	size_t size = n_labels * sizeof(*labels) + 1;
	struct label *copy;
	char *text;

	for (size_t i = 0; i < n_labels; i++)
		size += labels[i].name.n + labels[i].value.n;
	copy = mem_alloc(size);
	if (!copy)
		return NULL;
	text = (char *)(copy + n_labels);
	for (size_t i = 0; i < n_labels; i++) {
		memcpy(text, labels[i].name.p, labels[i].name.n);
		copy[i].name = slice_make(text, labels[i].name.n);
		text += labels[i].name.n;
		memcpy(text, labels[i].value.p, labels[i].value.n);
		copy[i].value = slice_make(text, labels[i].value.n);
		text += labels[i].value.n;
	}
	return copy;
}

int push_store_set_ttl(struct push_store *store, const struct push_ttl *rules,
                       size_t n_rules, int64_t now_mono_ms)
{
	struct push_ttl *copy = mem_calloc(n_rules + 1, sizeof(*copy));

	(void)now_mono_ms; /* what is over already goes at the next expiry */
	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n_rules; i++) {
		copy[i] = rules[i];
		copy[i].labels =
			copy_labels(rules[i].labels, rules[i].n_labels);
		if (!copy[i].labels) {
			free_rules(copy, i);
			return -ENOMEM;
		}
	}
	expire_free_rules(store);
	store->ttl = copy;
	store->n_ttl = n_rules;
	MAP_FOR_EACH (entry, &store->group_by_key)
		expire_choose(store, entry->value);
	return 0;
}

uint32_t push_store_expire(struct push_store *store, int64_t now_mono_ms,
                           uint32_t max)
{
	uint64_t now = at_deadline(now_mono_ms);
	uint32_t n = 0;

	for (uint32_t i = 0; i < max; i++) {
		struct deadline *due = deadlines_pop(&store->deadlines, now);
		struct store_group *group;

		if (!due)
			break;
		group = container_of(due, struct store_group, deadline);
		if (end_of(group) > now) { /* pushed since it was armed */
			deadlines_arm(&store->deadlines, due, end_of(group));
			continue;
		}
		store->version++;
		store_remove_group(store, group, true);
		n++;
	}
	return n;
}

int64_t push_store_next_expiry(const struct push_store *store)
{
	uint64_t next = deadlines_next(&store->deadlines);

	return next == DEADLINE_NEVER ? INT64_MAX
	                              : (int64_t)(next - BEFORE_ZERO);
}
