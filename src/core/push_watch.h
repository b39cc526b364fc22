/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_watch: which subscriptions a push concerns, and what they may be told.
 *
 * The counterpart of core/push_table for a gateway that is ourselves: instead
 * of whole readings there are single pushes, and each costs what it concerns,
 * not the number of subscriptions or groups. Between a group and a
 * subscription that it satisfies there is a link, made when the group (or, for
 * a subscription of one family, that family in it) first appears; a push walks
 * the links of its group.
 *
 *     push ──▶ push_watch_pushed() ──▶ links ──▶ `dirty` subscriptions
 *                                                    │ once per turn of the loop
 *                                          push_watch_conclude(): observation
 *
 * Pure.
 */
#pragma once

#include "core/label_index.h"
#include "core/observation.h"
#include "core/push_store.h"
#include "core/push_table.h" /* struct push_query */

struct push_watch;

/* NULL if out of memory; @store is borrowed. */
struct push_watch *push_watch_new(const struct push_store *store,
                                  uint64_t seed) MUST_CHECK;
/* Takes its links out of all groups. */
void push_watch_free(struct push_watch *watch);

/* As push_table_add(), with @number rising from 0; groups that are there
 * already are looked through when push_watch_link() is called, after the last
 * of them. */
int push_watch_add(struct push_watch *watch, uint32_t number,
                   const struct push_query *query) MUST_CHECK;
int push_watch_link(struct push_watch *watch) MUST_CHECK;

/* For the store's listener. Out of memory makes the subscriptions concerned
 * unknown until their group is pushed again. */
void push_watch_pushed(struct push_watch *watch, struct push_group *group);
void push_watch_removed(struct push_watch *watch, struct push_group *group);

/* Marks one by hand: somebody wants to hear of it. */
void push_watch_touch(struct push_watch *watch, uint32_t number);

bool push_watch_is_dirty(const struct push_watch *watch);

/* Tells all that are dirty, and cleans them. */
void push_watch_conclude(struct push_watch *watch, struct push_time now,
                         push_observe_cb observe, void *context);
