/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_reading: private to query.c: one reading, from the first request to a
 * verdict. The servers are asked in turn, beginning with the one that answered
 * last, until one answers or refuses the query for good.
 *
 *     IDLE ──▶ ASKING ──a vector or scalar──▶ READING_OK
 *               │ ▲  └──the query is at fault─▶ why
 *               │ └──405, 501: once more with GET
 *               └─anything else: the next one; none left ─▶ why not, of all
 *
 * A query that cannot be parsed (400), whose result is no number, or too many,
 * is at fault wherever it is asked. One that cannot be executed (422) may be a
 * matter of what that server holds: the others are asked, too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "core/observation.h"
#include "core/sample.h"
#include "io/http_client.h"
#include "proto/url.h"
#include "source/credentials.h"

#define QUERY_MAX_WORDS 1024 /* bytes of why, of all servers */

struct query_server {
	char *url_text; /* what url points into */
	char *name;     /* without a password */
	struct url url;
	bool get; /* it knows no POST */
};

struct query_asking;
struct query_reading;
typedef void (*query_reading_cb)(struct query_reading *reading);

struct query_reading {
	/* set by the caller; borrowed */
	struct http_client *client;
	struct query_server *servers;
	size_t n_servers;
	struct slice target; /* "/api/v1/query?query=…" */
	struct slice form;   /* the part behind '?' */
	const struct source_credentials *credentials;
	uint64_t timeout_ms; /* of each request; 0: the client's */
	uint64_t max_body;

	/* valid in the completion, until the next start */
	enum reading_result result;
	struct buf words; /* why not, also of those that failed before one
	                     answered */
	uint64_t n_bytes; /* of all bodies */
	uint64_t duration_ms;
	struct sample_list samples; /* if READING_OK; until it is forgotten */
	size_t first;               /* the server to ask first next time */

	/* private below */
	query_reading_cb done;
	struct query_asking *asking; /* while it is under way */
	bool cancelled;
	size_t n_asked;      /* servers, in this reading */
	size_t server;       /* being asked */
	uint64_t started_ns; /* uv_hrtime() */
};

/* Cannot fail and allocates nothing; the caller's fields are left alone. */
void query_reading_init(struct query_reading *reading);
void query_reading_fini(struct query_reading *reading);

/*
 * query_reading_start() - read
 *
 * The shape of all operations: a negative return, and @done is never called,
 * though there is a result with words; 0, and it is called once, from the loop,
 * also when cancelled. May be started again from there.
 */
int query_reading_start(struct query_reading *reading,
                        query_reading_cb done) MUST_CHECK;

/* Harmless on one that is not under way. */
void query_reading_cancel(struct query_reading *reading);

static inline bool query_reading_busy(const struct query_reading *reading)
{
	return reading->asking != NULL;
}

/* What was found is not needed any more: between two readings there are only a
 * few bytes. Not while one is under way. */
void query_reading_forget(struct query_reading *reading);
