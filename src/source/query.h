/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query: the source that asks a Prometheus server.
 * https://prometheus.io/docs/prometheus/latest/querying/api/ (instant queries)
 *
 * One object per query, interval and set of servers serves any number of
 * monitors with one `POST /api/v1/query` per interval. The servers are
 * replicas: the one that answered last is asked first, then the others in
 * their order; what only all of them fail to answer is unknown. A server that
 * knows no POST (405, 501) is asked with GET from then on.
 *
 *     IDLE ──due──▶ ASKING ──200, vector or scalar──▶ publish ──▶ IDLE
 *              ▲      │ anything but a refusal of the query itself
 *              └──────┴ next replica; none left: unknown, spaced out ─▶ IDLE
 *
 * A slow reading delays the next one and never overlaps it.
 */
#pragma once

#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "source/credentials.h"
#include "source/source.h"

#define QUERY_MAX_SERVERS 8

struct http_client;
struct query;

struct query_options {
	uv_loop_t *loop;
	struct http_client *client; /* borrowed until closed */
	const struct log *log;      /* borrowed until closed; may be NULL */
	const char *const *urls;    /* copied; see url_parse() */
	size_t n_urls;              /* 1 … QUERY_MAX_SERVERS */
	const char *query;          /* PromQL; copied */
	const struct source_credentials *credentials; /* NULL: none */
	uint64_t interval_ms;                         /* at least 1 */
	uint64_t timeout_ms; /* of each request; 0: the client's */
	uint64_t max_body;   /* bytes of each body */
	uint64_t seed;       /* of jitter */
};

/* Does nothing yet. @listener is copied; its subscription is always 0. 0 with
 * *queryp set, -EINVAL if a URL is none (with words), or -ENOMEM. */
int query_new(const struct query_options *options,
              const struct samples_listener *listener, struct query **queryp,
              struct err *err) MUST_CHECK;

/* The first reading begins soon, spread over the interval, 1 s at most. */
void query_start(struct query *query);

/* Read soon, not only when the interval is over, as poll_check() does. */
void query_check(struct query *query);

/* As the listener knows it; its name is the first URL without a password. */
struct source *query_source(struct query *query);

/* The listener is not called any more. @closed is called once, from the loop;
 * @query is gone then. May be called by the listener. Once. */
typedef void (*query_closed_cb)(void *context);
void query_close(struct query *query, query_closed_cb closed, void *context);
