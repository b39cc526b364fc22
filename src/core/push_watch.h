/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_watch: which subscriptions a push concerns, and what they may be told.
 *
 * The counterpart of core/push_table for a gateway that is ourselves: instead
 * of whole readings there are single pushes, and each costs what it concerns,
 * not the number of subscriptions or groups. Between a group and a
 * subscription that it satisfies there is a link, made when the group (or, for
 * a subscription of values, a series of it) first appears; a push walks the
 * links of its group.
 *
 *     push ──▶ push_watch_pushed() ──▶ links ──▶ `dirty` subscriptions
 *                                                    │ once per turn of the loop
 *                                          push_watch_conclude(): observation
 *
 * What a subscription is told, of the groups (or series) that satisfy it:
 *
 *   any          the youngest; whether that one failed, or runs
 *   all, oldest  the oldest; one that failed is a failure, the longest run
 *                counts; for `all`, fewer than ever before: missing
 *
 * Ages are of the monotonic clock, but for values that are Unix times; time in
 * which nobody was there to hear counts neither for old nor for young. A job
 * that was never heard of but for a start is as old as that.
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/observation.h"
#include "core/push_store.h"
#include "core/push_table.h" /* struct push_query */

struct push_watch;

/* NULL if out of memory; @store is borrowed. */
struct push_watch *push_watch_new(const struct push_store *store,
                                  uint64_t seed) MUST_CHECK;
/* Takes its links out of all groups; NULL is fine. */
void push_watch_free(struct push_watch *watch);

/* As push_table_add(), but @number must be the next from 0 on (-EINVAL). */
int push_watch_add(struct push_watch *watch, uint32_t number,
                   const struct push_query *query) MUST_CHECK;

/* To be called once, after the last of them and before the first push: looks
 * through the groups that are there already; all subscriptions are dirty
 * then. 0 or -ENOMEM. */
int push_watch_link(struct push_watch *watch) MUST_CHECK;

/*
 * For the store's listener. If memory is out, the subscriptions concerned
 * are told that they are unknown, and the next conclusion tries to make up
 * for it.
 */
void push_watch_pushed(struct push_watch *watch, struct push_group *group);
void push_watch_removed(struct push_watch *watch, struct push_group *group);

/* Marks one by hand: somebody wants to hear of it. */
void push_watch_touch(struct push_watch *watch, uint32_t number);

bool push_watch_is_dirty(const struct push_watch *watch);

/* Tells all that are dirty, and cleans them. What becomes dirty from inside
 * of @observe waits for the next time. */
void push_watch_conclude(struct push_watch *watch, struct push_time now,
                         push_observe_cb observe, void *context);
