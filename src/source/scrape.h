/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scrape: the source that reads an exporter directly, as Prometheus would.
 * https://prometheus.io/docs/instrumenting/exposition_formats/ (text 0.0.4)
 * https://github.com/prometheus/OpenMetrics (1.0)
 *
 * One object per URL and interval serves any number of subscriptions with one
 * GET per interval. The body is scanned as it streams in, in memory that does
 * not depend on its size; a reading that breaks off is unknown for all.
 */
#pragma once

#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "core/series_table.h"
#include "source/credentials.h"
#include "source/source.h"

/* Kept, of one subscription and reading; more make it unknown, with words. */
#define SCRAPE_MAX_SERIES SERIES_TABLE_MAX_SERIES

struct scrape;

struct scrape_options {
	uv_loop_t *loop;
	struct http_client *client; /* borrowed until closed */
	const struct log *log;      /* borrowed until closed; may be NULL */
	const char *url;            /* with its path and query; copied */
	const struct source_credentials *credentials; /* NULL: none */
	uint64_t interval_ms;
	uint64_t timeout_ms; /* of each request; 0: the client's */
	uint64_t max_body;   /* bytes of each body */
	uint64_t seed;
};

/* Which series: of this name, whose labels match. */
struct scrape_query {
	const char *metric_name;
	const char *matchers; /* as core/matcher.h; NULL: all */
};

/* As query_new(). */
int scrape_new(const struct scrape_options *options,
               const struct samples_listener *listener, struct scrape **scrapep,
               struct err *err) MUST_CHECK;

/* @subscription rises from 0. @query is copied. 0, -EINVAL with words, or
 * -ENOMEM. Before scrape_start(). */
int scrape_subscribe(struct scrape *scrape, uint32_t subscription,
                     const struct scrape_query *query,
                     struct err *err) MUST_CHECK;

/* The rest as in source/query.h. */
void scrape_start(struct scrape *scrape);
void scrape_check(struct scrape *scrape);
struct source *scrape_source(struct scrape *scrape);
typedef void (*scrape_closed_cb)(void *context);
void scrape_close(struct scrape *scrape, scrape_closed_cb closed,
                  void *context);
