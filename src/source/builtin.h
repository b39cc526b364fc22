/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builtin: the push gateway that we are, and the source that reads it.
 *
 * One object holds what was pushed (core/push_store) for as long as the
 * gateway is on; a source is the set of subscriptions of one configuration
 * and is made anew with each.
 *
 *     routes ──▶ push_store ──▶ push_watch of the source ──▶ dirty
 *                                                              │ once per
 *                          listener ◀── one reading of these ──┘ turn
 *
 * Nothing is looked at in intervals: a push makes the subscriptions that it
 * concerns dirty, and so does whoever wants to hear of one (a deadline). Its
 * timers run only when something is dirty or a group's time to live ends.
 */
#pragma once

#include <stdint.h>
#include <uv.h>
#include "base/log.h"
#include "core/push_store.h"
#include "core/push_table.h" /* struct push_query */
#include "source/source.h"

#define BUILTIN_NAME         "builtin"
#define BUILTIN_EXPIRE_SLICE 256 /* groups removed at once */

struct builtin;
struct builtin_source;

/* Called from inside whatever changed the store; may do nothing to it. */
typedef void (*builtin_changed_cb)(void *context);

/* @log is borrowed, may be NULL. @changed may be NULL. NULL if memory is out. */
struct builtin *builtin_new(uv_loop_t *loop, const struct log *log,
                            uint64_t seed, builtin_changed_cb changed,
                            void *context) MUST_CHECK;

/* Both hold from now on, also for what is stored; @rules are copied. 0 or
 * -ENOMEM: then the limits hold, and the rules are those before. */
int builtin_configure(struct builtin *builtin,
                      const struct push_store_limits *limits,
                      const struct push_ttl *rules, size_t n_rules) MUST_CHECK;

struct push_store *builtin_store(struct builtin *builtin);

/* The time of what comes in now; monotonic as uv_now(). */
struct push_time builtin_now(struct builtin *builtin);

/*
 * builtin_close() - free the store and all in it
 *
 * All sources must be closed before, though their ends may be outstanding.
 * @closed is called once, from the loop; @builtin is gone then.
 */
typedef void (*builtin_closed_cb)(void *context);
void builtin_close(struct builtin *builtin, builtin_closed_cb closed,
                   void *context);

/* --- the source ------------------------------------------------------------- */

/* @listener is copied. 0 or -ENOMEM. */
int builtin_source_new(struct builtin *builtin,
                       const struct source_listener *listener,
                       struct builtin_source **sourcep) MUST_CHECK;

/* As push_watch_add(): @subscription rises from 0. */
int builtin_source_subscribe(struct builtin_source *source,
                             uint32_t subscription,
                             const struct push_query *query) MUST_CHECK;

/* The one that is told from now on; one that was before must be closed. All
 * subscriptions are told of once, from the loop. */
void builtin_source_start(struct builtin_source *source);

/* Tell of this subscription soon, whether or not there was a push. */
void builtin_source_check(struct builtin_source *source, uint32_t subscription);

struct source *builtin_source_base(struct builtin_source *source);

/* The listener is not called any more. @closed is called once, from the loop;
 * @source is gone then. May be called by the listener. Once. */
void builtin_source_close(struct builtin_source *source,
                          builtin_closed_cb closed, void *context);
