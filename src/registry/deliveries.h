/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deliveries: what notifiers are still to be told, kept until they were.
 *
 * A delivery is a row of the database, made in the transaction that keeps its
 * alert. What goes to one receiver forms a lane and is made in order, one after
 * the other: nobody hears of the end before the beginning. A try that fails is
 * made again, after a pause that grows, with jitter, and is no shorter than
 * Retry-After; how often is written down, so that it goes on after our restart.
 * A receiver that refuses (4xx) or has failed DELIVERY_TRIES times makes it
 * dead: it stays in the database, and can be made again.
 *
 *     WAITING ──2xx──▶ SENT
 *        │ ▲
 *        │ └── try again ── replay ◀─┐
 *        ├── 4xx, too many tries ──▶ DEAD
 *        └── the notifier is disabled, or gone ──▶ DROPPED
 *
 * At least once: one whose end was not written down when we died is made
 * again. A delivery is made as its notifier is then: who mends a URL mends what
 * waits for it.
 */
#pragma once

#include <uv.h>
#include "base/list.h"
#include "registry/registry.h"

#define DELIVERY_TRIES      30     /* with the pauses below: two hours */
#define DELIVERY_BACKOFF_MS 1000   /* the first pause; it doubles … */
#define DELIVERY_PAUSE_MAX  300000 /* … up to this */
#define DELIVERY_RUNNING    8      /* on their way at once */
#define DELIVERY_BURST      30     /* to one receiver at once; then … */
#define DELIVERY_EACH_MS    1000   /* … one so often */
#define DELIVERIES_MAX      100000 /* that wait; what comes then is dead */
#define DELIVERY_CLOSING_MS 2000   /* what is on its way has so long */

enum delivery_state {
	DELIVERY_WAITING,
	DELIVERY_SENT,
	DELIVERY_DEAD,
	DELIVERY_DROPPED,
	N_DELIVERY_STATES,
};
const char *delivery_state_name(enum delivery_state state);
/* False: there is none of that name. */
bool delivery_state_find(struct slice name, enum delivery_state *statep);

struct deliveries;
struct http_client;
struct former_names;

struct delivery {
	uint64_t id;
	uint64_t alert_id;
	uint64_t notifier_id;
	uint32_t n_tries;
	int64_t due_wall_ms; /* not before that; 0: at once */
	/* private */
	struct list node;
	struct addressee *addressee;
	char alerts[]; /* bits of those that it tells of in hexadecimal; "":
	                  all */
};

/* NULL: out of memory. @alerts is copied. */
struct delivery *delivery_new(uint64_t alert_id, uint64_t notifier_id,
                              struct slice alerts) MUST_CHECK;

/* Reads what waits; blocks. 0, or negative with words. */
int deliveries_open(struct registry *registry, uv_loop_t *loop,
                    struct http_client *client, const struct log *log,
                    uint64_t seed, struct deliveries **deliveriesp,
                    struct err *err) MUST_CHECK;
/* What waits stays in the database. @closed once, from the loop. */
void deliveries_close(struct deliveries *deliveries,
                      void (*closed)(void *context), void *context);

/* Gives it an id and adds it to a batch that also has its alert; with how it
 * is to end at once if there are too many already (then it is freed and NULL
 * is returned). */
struct delivery *deliveries_add(struct deliveries *deliveries,
                                struct store_batch *batch,
                                struct delivery *delivery, int64_t wall_ms);
/* The batch is durable: go. Takes it over. Cannot fail: for want of memory it
 * waits for our next start. */
void deliveries_begin(struct deliveries *deliveries, struct delivery *delivery);

/* Sends a made up alert, once, whoever else waits; if it is taken, so may be
 * what waits, which is tried at once. @done once, from the loop; never if the
 * result is negative. */
int deliveries_test(struct deliveries *deliveries,
                    const struct object *notifier,
                    void (*done)(void *context, bool sent, const char *words),
                    void *context, struct err *err) MUST_CHECK;

struct deliveries_stats {
	uint32_t n_waiting;
	uint32_t n_lanes; /* receivers that something waits for */
	uint64_t n_ends[N_DELIVERY_STATES];
	uint64_t n_retries;   /* tries that failed and are made again */
	uint64_t n_unwritten; /* ends that could not be written down */
};
struct deliveries_stats deliveries_stats(const struct deliveries *deliveries);
