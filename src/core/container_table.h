/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_table: all containers of one engine, put together from lists,
 * inspections and events in whatever order they come; who of them is covered
 * by whom; whom to look at; and what to tell.
 *
 * The pure heart of the source of that name: no libuv, and the time is given
 * (the engine's, Unix ms). A container is known by its id, a member by what
 * stays when it is made anew (container_identity()): one that takes the place
 * of another takes over its members. What was replaced and is still there a
 * minute after its end is told of to those that clean up, before the other.
 *
 *   list ──▶ begin, element…, end ──┐             ┌──▶ look (next_look)
 *   events ─────────────────────────┼──▶ table ───┤       │
 *   inspections ────────────────────┘     ▲       └──▶ appear, observe, leave
 *                                         └───────────────┘
 *
 * What a list finds is told together, as one reading, when everybody that it
 * made us look at has been looked at; what an event leads to, at once. After
 * the last event about a container there is always a look that began later,
 * so that the end state does not depend on the order of anything.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "core/container.h"
#include "core/container_event.h"
#include "core/exit_codes.h"
#include "core/observation.h"
#include "core/probe.h"
#include "core/selector.h"

#define CONTAINERS_MAX 20000 /* known at one engine */

enum containers_watch {
	CONTAINERS_HEALTH,   /* its check, or a probe */
	CONTAINERS_EXITED,   /* whether it has ended */
	CONTAINERS_PRESENCE, /* whether it is there */
};

/* What one subscription is about; borrowed until the source is closed. */
struct containers_query {
	enum containers_watch watch;
	const struct selector *selector;
	/* EXITED: which ends count, … */
	const struct exit_codes *codes;
	const char *codes_label; /* … of a container that has it: that set
	                            instead, if it is one; NULL */
	bool any_end; /* … also of those that a person stopped, and of which
	                 nobody saw how they ended: for clean-up. Otherwise
	                 such an end is idle, unless `codes_given` */
	bool codes_given;
	uint32_t keep_last; /* … but not the last so many to end, of those that
	                       the subscription covers */
	const struct probe *probe; /* for those without a check; NULL: none */
	bool anew; /* who takes the place of another appears anew: the labels of
	              each count */
	const char *wanted_label; /* of a container, for who is told; or NULL */
	const char *dependents_label; /* see core/dependents.h; or NULL */
};

/* Called from within what the table is given, always between a begin and an
 * end. The callbacks may check and forget members, nothing else. */
struct container_table_listener {
	/* @reading: of a list, or NULL */
	void (*begin)(void *context, const struct reading *reading);
	/* Returns what stands for it, NULL: it is not covered. */
	void *(*appear)(void *context, uint32_t subscription,
	                const struct container *container);
	/* @container: NULL with an unknown observation */
	void (*observe)(void *context, void *member,
	                const struct observation *observation,
	                const struct container *container);
	void (*leave)(void *context, void *member);
	void (*end)(void *context);
	void *context;
};

struct container_table;

/* NULL if memory is out. @self_id is copied. */
struct container_table *container_table_new(
	const struct container_table_listener *listener, const char *self_id,
	uint64_t seed) MUST_CHECK;
/* Tells nobody. */
void container_table_free(struct container_table *table);

/* Before anything else. @query is borrowed. 0 or -ENOMEM. */
int container_table_subscribe(struct container_table *table,
                              uint32_t subscription,
                              const struct containers_query *query) MUST_CHECK;

/* --- lists ---------------------------------------------------------------- */

/* @gap: events may have been missed since the last one, so that also those
 * that seem not to have changed are looked at where that matters. */
void container_table_list_begin(struct container_table *table, bool gap);
/* 0; -ENOMEM: something of it is not taken over; -E2BIG: there are too many. */
int container_table_list_element(struct container_table *table,
                                 const struct container *container,
                                 int64_t now_ms) MUST_CHECK;
/* @whole: everything was in it: who was not, is gone. */
void container_table_list_end(struct container_table *table, bool whole);
/* The list has ended and all looks that it led to are done: publish it. */
bool container_table_ready(const struct container_table *table);
void container_table_publish(struct container_table *table,
                             const struct reading *reading, int64_t now_ms);

/* The engine cannot be read: everything that is not so already becomes
 * unknown. */
void container_table_lost(struct container_table *table,
                          const struct reading *reading, int64_t now_ms);

/* --- events --------------------------------------------------------------- */

/* As container_table_list_element(). After a failure something may be missed:
 * list again. */
int container_table_event(struct container_table *table,
                          const struct runtime_event *event,
                          int64_t now_ms) MUST_CHECK;
/* The time of the youngest event, Unix ns; 0: none yet. */
int64_t container_table_last_event(const struct container_table *table);

/* A step of ours kills it; see container_known_own_kill(). */
void container_table_own_kill(struct container_table *table, const char *id,
                              bool begins, bool ok, int64_t now_ms);

/* Before anything else: what another table of the same engine, whose place this
 * one takes, has heard of ends and requests. What memory does not suffice for
 * is as for those who begin. */
void container_table_inherit(struct container_table *table,
                             const struct container_table *from);

/* --- looking -------------------------------------------------------------- */

/* Whom to look at next, and that will be done; NULL: nobody. Valid until the
 * table changes. */
const struct container *container_table_next_look(
	struct container_table *table);

/* When container_table_wake() has something to do, Unix ms; never:
 * CONTAINER_NO_DOUBT. Changes with everything that the table is given. */
int64_t container_table_doubt(const struct container_table *table);
/* Those whose health is not decided, although no event will say more, and
 * whose time has come, are to be looked at. */
void container_table_wake(struct container_table *table, int64_t now_ms);
#define CONTAINER_NO_DOUBT INT64_MAX

enum container_look {
	CONTAINER_LOOK_FOUND,
	CONTAINER_LOOK_GONE,
	CONTAINER_LOOK_FAILED, /* nobody knows */
};

/* How a look went; once for each. @container: FOUND. 0 or -ENOMEM. */
int container_table_looked(struct container_table *table, const char *id,
                           enum container_look result,
                           const struct container *container,
                           int64_t now_ms) MUST_CHECK;

/* --- members -------------------------------------------------------------- */

/* Look at it, soon. One that is not known is none. */
void container_table_check(struct container_table *table, void *member);
/* It is not to be spoken of again. */
void container_table_forget(struct container_table *table, void *member);

/* NULL if it is not known, or only by name. */
const struct container *container_table_find(
	const struct container_table *table, const char *id);
size_t container_table_count(const struct container_table *table);
/* At most @max of them, for dependents_of(); returns how many. */
size_t container_table_all(const struct container_table *table,
                           const struct container **out, size_t max);
