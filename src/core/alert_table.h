/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alert_table: which alerts of an Alertmanager fire now, and in which of its
 * groups; what each message that comes changes.
 *
 * An alert is known by its fingerprint, whichever group tells of it; a group
 * by its key. Both are *items*: they appear when they fire, change, and go
 * when they are resolved.
 *
 *   - Each alert counts by its own status. What a message does not list has
 *     not changed: the list may have been cut short.
 *   - The same again (alert, group, start, status) is no news. What was
 *     resolved and fires again is, also with the same start: a Prometheus
 *     that was away says it so.
 *   - A later start is a new incident: the old one is resolved, though nobody
 *     said so. An earlier one is the same, seen by another Prometheus, too.
 *   - Resolved with a start before the one that is known is an old word.
 *   - A group fires as long as any of its alerts does.
 *
 * Pure: the caller gives the time, and takes what has changed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/macros.h"
#include "base/map.h"
#include "core/facts.h"
#include "proto/alertmanager.h"

#define ALERT_IDENTITY_MAX 192

/* An alert, or a group of them. */
struct alert_item {
	struct list node; /* of all alerts, or all groups; private */
	bool is_group;
	bool firing;        /* else it is resolved, and goes */
	uint32_t n_members; /* of a group: its alerts that fire; of an alert:
	                       the groups that tell of it */
	int64_t starts_ms;  /* Unix time; of a group its first alert's */
	struct slice key;   /* fingerprint, or key of the group */
	struct slice generator_url;
	struct slice external_url;
	struct slice receiver;
	struct facts facts; /* of a group what its alerts have in common */
	struct am_labels group_labels; /* of a group: those that it is by */

	bool fingerprint_made; /* of an alert: Alertmanager gave it none */
	uint64_t incident; /* stands for all that fires of it, and since when */
	bool anew;         /* of it something began to fire; the caller clears
	                       it when that was told */

	/* the caller's */
	void *user;

	/* private below */
	struct list changed;
	struct list members;
	uint64_t heard_ms; /* a group: when it was last told of */
	void *text;
	uint64_t words; /* hash of the annotations */
};

struct alert_table {
	uint32_t max_alerts;
	uint32_t n_alerts;
	uint32_t n_groups;

	/* private below */
	struct map alerts;
	struct map groups;
	struct list alert_list;
	struct list group_list;
	struct list changed;
	struct alert_item *cursor; /* of a walk over all alerts; NULL */
};

/* What a message did. */
struct alert_news {
	uint32_t n_firing;   /* told as firing, … */
	uint32_t n_resolved; /* … and as resolved */
	uint32_t n_same;     /* of them: no news */
	uint32_t n_again;    /* of them: fire as before */
	uint32_t n_dropped;  /* of them: there was no room */
	bool any;            /* something that should outlive us */
};

void alert_table_init(struct alert_table *table, uint64_t seed,
                      uint32_t max_alerts);
void alert_table_fini(struct alert_table *table);

/* 0, or -ENOMEM: then a part of it may be known. */
int alert_table_apply(struct alert_table *table,
                      const struct am_message *message, uint64_t now_ms,
                      struct alert_news *news) MUST_CHECK;

/*
 * alert_table_expire() - resolve alerts of which no group was told of lately
 * @before_ms: all were told of before that
 * @max: not more of them at once
 * @record: NULL, or where a document is appended that says so, as a webhook
 *          might have brought it; nothing if there are none
 *
 * How many there were.
 */
uint32_t alert_table_expire(struct alert_table *table, uint64_t before_ms,
                            uint32_t max, struct buf *record);
/* When the group that was not told of for longest was; UINT64_MAX: none. */
uint64_t alert_table_oldest(const struct alert_table *table);

/* The next item that has changed since it was taken, oldest change first;
 * NULL: none. One that is resolved is the caller's, who frees it. */
struct alert_item *alert_table_take(struct alert_table *table);
void alert_item_free(struct alert_item *item);
bool alert_table_has_changes(const struct alert_table *table);

/* Tell of it (again). */
void alert_table_touch(struct alert_table *table, struct alert_item *item);
/* … of all. */
void alert_table_touch_all(struct alert_table *table);
/* … of the one of that identity, if it is there. */
void alert_table_touch_named(struct alert_table *table, const char *identity);

/* "DiskFull/87a43567449d259e". @out holds ALERT_IDENTITY_MAX. */
void alert_item_identity(const struct alert_item *item, char *out);

/*
 * A walk over all alerts that may go on after the table has changed: those
 * that were there at the beginning and still are, are met. One at a time.
 */
void alert_table_rewind(struct alert_table *table);
/* Appends the next of them as a document that a webhook might have brought,
 * for each of its groups one, in a line each; false: there was none left. */
bool alert_table_write_next(struct alert_table *table, struct buf *out);

/* The one whose alert_item_identity() that is; NULL: none fires. */
const struct alert_item *alert_table_find(const struct alert_table *table,
                                          const char *identity);

/*
 * alert_item_message() - its group (of an alert the first that tells of it) as
 * a webhook would: with the alerts of it that fire
 *
 * Text is borrowed from the table, the list of alerts lies in @arena. 0 or
 * -ENOMEM.
 */
int alert_item_message(const struct alert_item *item, struct arena *arena,
                       struct am_message *message) MUST_CHECK;
