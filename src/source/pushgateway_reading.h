/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pushgateway_reading: private to pushgateway.c: one reading of a Pushgateway,
 * from the first request to a verdict.
 *
 *     IDLE ──▶ TEXT ──200, whole──▶ API ──200, whole──▶ READING_OK
 *               │   (each only if somebody needs it)│
 *               └───────── anything else ───────────┴──▶ why not
 *
 * What the bodies show goes into the table as they arrive; the caller
 * concludes it, or does not.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/macros.h"
#include "core/observation.h"
#include "core/push_table.h"
#include "io/http_client.h"
#include "proto/exposition.h"
#include "proto/pushgateway.h"
#include "proto/url.h"

struct pushgateway_reading;
typedef void (*pushgateway_reading_cb)(struct pushgateway_reading *reading);

enum pushgateway_reading_stage {
	PUSHGATEWAY_READING_IDLE,
	PUSHGATEWAY_READING_TEXT,
	PUSHGATEWAY_READING_API,
};

struct pushgateway_reading {
	/* set by the caller */
	struct http_client *client;
	struct url url;      /* borrowed text */
	const char *name;    /* for messages; borrowed */
	uint64_t timeout_ms; /* of each request; 0: the client's */
	uint64_t max_body;
	struct push_table *table; /* borrowed */

	/* valid in the completion */
	enum reading_result result;
	struct err err;   /* words, unless READING_OK */
	uint64_t n_bytes; /* of both bodies */
	uint64_t duration_ms;
	uint64_t n_damaged; /* lines or groups that were left out */
	struct push_conclusion conclusion; /* if READING_OK */

	/* private below */
	pushgateway_reading_cb done;
	enum pushgateway_reading_stage stage;
	bool wants_api;
	bool until_eof;      /* only its end tells the body's length */
	int scan_result;     /* why we gave the body up, or 0 */
	uint64_t started_ns; /* uv_hrtime() */
	struct http_call call;
	struct exposition text;
	struct pushgateway_document api;
};

/* Cannot fail and allocates nothing; the caller's fields are left alone. */
void pushgateway_reading_init(struct pushgateway_reading *reading);
void pushgateway_reading_fini(struct pushgateway_reading *reading);

/*
 * pushgateway_reading_start() - read
 *
 * The shape of all operations: a negative return, and @done is never called;
 * 0, and it is called once, from the loop, also when cancelled. May be started
 * again from there.
 */
int pushgateway_reading_start(struct pushgateway_reading *reading,
                              pushgateway_reading_cb done) MUST_CHECK;

/* Harmless on one that is not under way. */
void pushgateway_reading_cancel(struct pushgateway_reading *reading);

static inline bool pushgateway_reading_busy(
	const struct pushgateway_reading *reading)
{
	return reading->stage != PUSHGATEWAY_READING_IDLE;
}
