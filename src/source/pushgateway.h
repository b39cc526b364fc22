/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pushgateway: the source that reads a Prometheus Pushgateway.
 * https://github.com/prometheus/pushgateway
 *
 * One object per gateway and interval serves any number of subscriptions with
 * one `GET /metrics` per interval, and one `GET /api/v1/metrics` more only if
 * somebody watches the push time of a single family.
 *
 *     IDLE ──due──▶ TEXT ──200, whole──▶ API ──200, whole──▶ publish ──▶ IDLE
 *                    │     (not needed: publish)│
 *                    └──── anything else ───────┴──▶ all unknown ──────▶ IDLE
 *
 * Bodies are scanned as they arrive; nothing is published before the last of
 * them is complete. Ages are measured by the gateway's own clock, the `Date`
 * of its answer. A reading that fails makes every subscription unknown, once;
 * the next tries are spaced out, and the first that succeeds ends that. A slow
 * reading delays the next one and never overlaps it.
 */
#pragma once

#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "core/push_table.h"
#include "source/source.h"

#define PUSHGATEWAY_JITTER_MS 50 /* before the first reading, at most */

struct http_client;
struct pushgateway;

struct pushgateway_options {
	uv_loop_t *loop;
	struct http_client *client; /* borrowed until closed */
	const struct log *log;      /* borrowed until closed; may be NULL */
	const char *url;            /* copied; see url_parse() */
	uint64_t interval_ms;       /* at least 1 */
	uint64_t timeout_ms;        /* of each request; 0: the client's */
	uint64_t max_body;          /* bytes of each body */
	uint64_t seed;              /* of jitter and hashes */
};

/*
 * pushgateway_new() - make a source that does nothing yet
 * @listener: copied
 *
 * Returns 0 with *gatewayp set, -EINVAL if the URL is none (with words in
 * @err), or -ENOMEM.
 */
int pushgateway_new(const struct pushgateway_options *options,
                    const struct source_listener *listener,
                    struct pushgateway **gatewayp, struct err *err) MUST_CHECK;

/* As push_table_add(). What is added while a reading is under way is served
 * by the next one. */
int pushgateway_subscribe(struct pushgateway *gateway, uint32_t subscription,
                          const struct push_query *query) MUST_CHECK;

/* The first reading begins within PUSHGATEWAY_JITTER_MS, from the loop. */
void pushgateway_start(struct pushgateway *gateway);

/* Read soon, not only when the interval is over, as poll_check() does. */
void pushgateway_check(struct pushgateway *gateway);

/* As the listener knows it. */
struct source *pushgateway_source(struct pushgateway *gateway);

/*
 * pushgateway_close() - stop and free
 *
 * The listener is not called any more. @closed is called once, from the loop;
 * @gateway is gone when it is entered. May be called by the listener. Once.
 */
typedef void (*pushgateway_closed_cb)(void *context);
void pushgateway_close(struct pushgateway *gateway,
                       pushgateway_closed_cb closed, void *context);
