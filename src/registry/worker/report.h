/* SPDX-License-Identifier: Apache-2.0 */
/*
 * report: tells the registry how far we are: the newest of it, a moment after
 * it became different, and again until it was heard.
 */
#pragma once

#include "base/rng.h"
#include "registry/worker/link.h"

#define REPORT_DELAY_MS 20 /* so that what belongs together goes together */
#define REPORT_BASE_MS  1000
#define REPORT_MAX_MS   60000
#define REPORT_MAX      16384 /* bytes */

struct report {
	/* set by the caller; zero the rest */
	struct link *link;
	struct rng *rng;
	bool once;
	/* Writes what is to be told as a JSON object. */
	void (*write)(void *context, struct buf *out);
	/* It was heard, or (once) it was not. */
	void (*settled)(void *context);
	void *context;

	/* to be read */
	bool due; /* something was not told yet */

	/* private below */
	struct life_timer timer;
	struct link_call call;
	struct backoff backoff;
	struct buf body;
	struct buf told; /* what was told last */
};

int report_open(struct report *report, uv_loop_t *loop) MUST_CHECK;
/* Nothing is sent if it would say the same as the last one. */
void report_changed(struct report *report);
/* Whoever heard the last one may have forgotten it. */
void report_forget(struct report *report);
void report_close(struct report *report);
void report_fini(struct report *report); /* when its life has ended */
