/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts: every message of an Alertmanager that the daemon accepts, kept and
 * routed.
 *
 *     POST ──▶ read ──▶ the same again? ──▶ routing ──▶ one transaction:
 *                          │ known                      alert, its labels,
 *                          ▼                            its deliveries
 *                         200                                │ durable
 *                                                            ▼
 *                                             200, and deliveries begin
 *
 * What is acknowledged is on disk, and will be delivered. The same message
 * again within a minute (registry/model/repeats.h) is acknowledged and not
 * kept; later it is a reminder, and is delivered.
 *
 * A message of which drop_alerts drops every alert is acknowledged, counted,
 * and not kept. Of one of which it drops some all is kept as it came; nobody is
 * told of those, and they are not found by their labels.
 *
 * The oldest go when there are more than max_alerts, or when they are older
 * than keep_alerts; not while a delivery of theirs waits.
 */
#pragma once

#include <uv.h>
#include "registry/deliveries.h"
#include "registry/registry.h"

#define REGISTRY_ALERTS_MAX_LABELS 512 /* of a message, to be found by */

struct registry_alerts;
struct json_writer;

struct registry_alerts_options {
	uv_loop_t *loop;
	const struct log *log;
	struct registry *registry;
	struct http_client *client;
	uint64_t seed;
};

/* Reads what waits; blocks. 0, or negative with words. */
int registry_alerts_open(const struct registry_alerts_options *options,
                         struct registry_alerts **alertsp,
                         struct err *err) MUST_CHECK;
/* Before the registry is. What was taken is answered; @closed once, from the
 * loop. */
void registry_alerts_close(struct registry_alerts *alerts,
                           void (*closed)(void *context), void *context);

/*
 * registry_alerts_take() - a message of a webhook
 *
 * 0: it is known, or dropped; ALERTS_PENDING (source/alerts.h): @kept comes exactly once,
 * from the loop, with err->code 0 if it is on disk. Others, as alerts_take()
 * has them, with words. @body is not needed when it returns. It is the
 * take_alerts() of struct api_extension.
 */
int registry_alerts_take(void *alerts, struct slice body,
                         void (*kept)(void *request, const struct err *err),
                         void *request, struct err *err) MUST_CHECK;

/* Where would that go? Members of the object that is being written, as
 * routing_write() has them. 0; or ALERTS_E_FORMAT, ALERTS_E_TOO_LARGE, -ENOMEM with words. */
int registry_alerts_explain(struct registry_alerts *alerts, struct slice body,
                            struct json_writer *json,
                            struct err *err) MUST_CHECK;

/* --- again ------------------------------------------------------------------- */

enum registry_replay {
	REPLAY_DEAD, /* deliveries that are dead or were dropped wait again */
	REPLAY_ALL,  /* it is routed as objects are now, and delivered */
};

struct registry_replaying;

struct registry_replaying {
	uint64_t alert_id;
	uint64_t delivery_id; /* of REPLAY_DEAD: only that one; 0: all */
	enum registry_replay what;
	/* From the loop, once; err->code: 0, -ENOENT (there is no such alert),
	 * others. */
	void (*done)(struct registry_replaying *replaying);

	/* valid in done() */
	struct err err;
	uint32_t n; /* deliveries that wait now */
	/* private */
	struct registry_alerts *alerts;
	struct store_read read;
	struct store_write write;
	struct list deliveries;
	struct list node;
};

/* 0, or negative with words: then done() never comes. -EBUSY: the same
 * deliveries are being revived already; they are made once. -ENOBUFS, also in
 * done(): DELIVERIES_MAX wait. */
int registry_alerts_replay(struct registry_alerts *alerts,
                           struct registry_replaying *replaying,
                           struct err *err) MUST_CHECK;

struct deliveries *registry_alerts_deliveries(struct registry_alerts *alerts);

struct registry_alerts_stats {
	uint64_t n_kept;        /* messages */
	uint64_t n_same;        /* that were known */
	uint64_t n_unrouted;    /* of those kept: nobody is told */
	uint64_t n_failed;      /* that could not be kept */
	uint64_t n_all_dropped; /* that were not kept, for … */
	uint64_t n_dropped; /* … alerts that are dropped; of those kept, too */
	struct deliveries_stats deliveries;
};
struct registry_alerts_stats registry_alerts_stats(
	const struct registry_alerts *alerts);
