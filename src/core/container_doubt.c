/* SPDX-License-Identifier: Apache-2.0 */
#include "core/container_table_private.h"

#include <string.h>

static void arm(struct container_table *table, struct entry *entry,
                int64_t at_ms)
{
	deadlines_arm(&table->doubts, &entry->doubt, (uint64_t)at_ms);
}

void doubt_end(struct container_table *table, struct entry *entry)
{
	entry->hinted = false;
	entry->n_doubts = 0;
	deadlines_arm(&table->doubts, &entry->doubt, DEADLINE_NEVER);
}

void doubt_event(struct container_table *table, struct entry *entry,
                 enum runtime_event_kind kind, int64_t now_ms)
{
	int64_t ms;

	doubt_end(table, entry);
	if (!(cover_of(entry) & WATCH_BIT(CONTAINERS_HEALTH)))
		return;
	entry->hinted = kind == RUNTIME_EVENT_HEALTH;
	/* what was asked to end, and does not, is watched again */
	ms = kind == RUNTIME_EVENT_ASKED
	             ? container_known_doubt_ms(&entry->known, 0, now_ms)
	             : 0;
	if (ms)
		arm(table, entry, now_ms + ms);
}

void doubt_looked(struct container_table *table, struct entry *entry, bool same,
                  int64_t now_ms)
{
	bool hinted = entry->hinted;
	int64_t ms;

	if (entry->wanted) /* the next look knows more */
		return;
	ms = cover_of(entry) & WATCH_BIT(CONTAINERS_HEALTH)
	             ? container_known_doubt_ms(&entry->known, entry->n_doubts,
	                                        now_ms)
	             : 0;
	if (ms && entry->doubt.place)
		return;
	if (ms) {
		if (entry->n_doubts < UINT8_MAX)
			entry->n_doubts++;
		entry->hinted = false;
		arm(table, entry, now_ms + ms);
		return;
	}
	doubt_end(table, entry);
	if (hinted && same)
		arm(table, entry, now_ms + CONTAINER_DOUBT_MS);
}

int64_t container_table_doubt(const struct container_table *table)
{
	uint64_t at_ms = deadlines_next(&table->doubts);

	return at_ms == DEADLINE_NEVER ? CONTAINER_NO_DOUBT : (int64_t)at_ms;
}

void container_table_wake(struct container_table *table, int64_t now_ms)
{
	struct deadline *due;

	while ((due = deadlines_pop(&table->doubts, (uint64_t)now_ms))) {
		struct entry *entry = container_of(due, struct entry, doubt);

		if (cover_of(entry) & WATCH_BIT(CONTAINERS_HEALTH))
			table_want(table, entry, false);
	}
}
