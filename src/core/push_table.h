/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_table: who waits for a sign of life of what, and what one reading of a
 * Pushgateway has shown of it.
 *
 *     push_table_begin()         forget what the last reading showed
 *     push_table_family()        is this family wanted, and from here?
 *     push_table_see()           a sample, or a group: who waits for it?
 *     push_table_conclude()      per subscription: its observation
 *
 * The first three only gather, in a few words per subscription; a reading that
 * breaks off is dropped by beginning another one, and nothing has been said.
 * Pure. What a reading costs does not depend on the number of subscriptions
 * that a sample does not concern (core/label_index.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/map.h"
#include "core/label_index.h"
#include "core/observation.h"
#include "proto/label.h"

/* Of the groups that match, which one counts. */
enum push_match {
	PUSH_MATCH_ANY,    /* the youngest */
	PUSH_MATCH_ALL,    /* the oldest; fewer than ever before: missing */
	PUSH_MATCH_OLDEST, /* the oldest of those present */
};

/* Which time of a family counts. */
enum push_value {
	PUSH_VALUE_PUSH_TIME, /* when it was pushed */
	PUSH_VALUE_TIMESTAMP, /* its value is a Unix time in seconds */
};

struct push_query {
	const struct label *labels; /* all must match; names differ */
	size_t n_labels;            /* 1 … LABEL_INDEX_MAX_PAIRS */
	const char *metric_name;    /* NULL: push_time_seconds, of the group */
	enum push_value value;
	enum push_match match;
};

/* The two documents that a Pushgateway has. */
enum push_document {
	PUSH_DOCUMENT_TEXT, /* GET /metrics: values */
	PUSH_DOCUMENT_API,  /* GET /api/v1/metrics: push times of families */
	N_PUSH_DOCUMENTS,
};

struct push_family;
struct push_subscription;

struct push_table {
	uint32_t n_wanted[N_PUSH_DOCUMENTS]; /* subscriptions that need it */

	/* private below */
	struct push_subscription *subscriptions;
	uint32_t n_subscriptions;
	uint32_t cap_subscriptions;
	uint32_t n_in_reading; /* those that were there when it began */
	struct map families;
	uint32_t n_families;
	struct label_index index;
	int64_t seen_ms; /* what is being matched */
	struct slice seen_text;
};

/* Cannot fail and allocates nothing. @seed as for map_init(). */
void push_table_init(struct push_table *table, uint64_t seed);
void push_table_fini(struct push_table *table);

/* Remembers @query (copied) under the caller's @number; counts from the next
 * reading on. 0, or as label_index_add(), and -EINVAL for a timestamp without
 * metric_name; after a failure everything is as before. */
int push_table_add(struct push_table *table, uint32_t number,
                   const struct push_query *query) MUST_CHECK;

void push_table_begin(struct push_table *table);

/* NULL: nobody wants @name from @document. Else a mark for push_table_see();
 * stays valid. */
struct push_family *push_table_family(const struct push_table *table,
                                      enum push_document document,
                                      struct slice name);

/* The series or group with @labels showed a sign of life at @unix_ms, by the
 * clock of whoever wrote it. Times before 1970 are none: a Pushgateway that
 * never accepted a push of a group shows 0 for it. */
void push_table_see(struct push_table *table, struct push_family *family,
                    enum push_document document, const struct label *labels,
                    size_t n_labels, int64_t unix_ms);

/* The same with the text of a value in seconds, read only if somebody waits
 * for it; what is no number, NaN, infinite, and beyond the year 9999
 * (milliseconds by mistake) are no sign of life either. */
void push_table_see_seconds(struct push_table *table,
                            struct push_family *family,
                            const struct label *labels, size_t n_labels,
                            struct slice unix_seconds);

/* How to end a reading. */
struct push_conclusion {
	int64_t now_ms[N_PUSH_DOCUMENTS]; /* Unix time of each, by its Date */
	bool damaged[N_PUSH_DOCUMENTS];   /* parts of it could not be read: what
	                                     is not in it may be there */
};

typedef void (*push_observe_cb)(void *context, uint32_t number,
                                const struct observation *observation);

/* Tells all subscriptions that were there when the reading began, in the
 * order in which they were added. */
void push_table_conclude(struct push_table *table,
                         const struct push_conclusion *conclusion,
                         push_observe_cb observe, void *context);

/* The same where the source could not be read: all are unknown. */
void push_table_conclude_unknown(struct push_table *table,
                                 push_observe_cb observe, void *context);
