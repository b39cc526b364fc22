/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watch: hears from the registry what our server is to have, as soon as that
 * becomes different.
 *
 *             an event, or a comment        ends
 *   STREAM ───────────────────────▶ STREAM ──────▶ wait, then STREAM again
 *      │ nothing at all for WATCH_FIRST_MS
 *      ▼
 *   POLL ──▶ POLL … (each waits for news) ── after WATCH_POLLS ──▶ STREAM
 *
 * Something between us may hold event streams back: then we poll, and look now
 * and then whether that is still so.
 */
#pragma once

#include "base/log.h"
#include "base/rng.h"
#include "proto/event_stream.h"
#include "registry/worker/link.h"
#include "registry/worker/wanted.h"

#define WATCH_FIRST_MS   10000 /* to the first byte of a stream */
#define WATCH_SILENCE_MS 45000 /* three of its comments */
#define WATCH_POLL_MS    45000 /* a poll waits 30 s for news */
#define WATCH_POLLS      40    /* before a stream is tried again */
#define WATCH_BASE_MS    250   /* wait after the first failure */
#define WATCH_MAX_MS     15000 /* and after many */

struct watch {
	/* set by the caller; zero the rest */
	struct link *link;
	struct rng *rng;
	const char *server; /* borrowed */
	bool once;          /* ask one time what is wanted; no waiting */
	void (*wanted)(void *context, const struct wanted *wanted);
	/* It hears, or (with words) it does not any more. */
	void (*state)(void *context, bool connected, const struct err *err);
	void *context;

	/* private below */
	struct life_timer timer;
	struct link_call call;
	struct event_stream events;
	struct buf target;
	struct backoff backoff;
	struct err wrong;       /* of what it said */
	char id[WANTED_ID_MAX]; /* of what it said last; "": all is wanted */
	bool polling;
	unsigned n_polls;
	bool heard; /* a byte of the present answer has come */
	bool eaten; /* the timer gave the stream up */
	bool again; /* the present one was ended to ask for all */
	uint64_t began_ms;
};

int watch_open(struct watch *watch, uv_loop_t *loop) MUST_CHECK;
/* Asks for all, now. */
void watch_again(struct watch *watch);
void watch_close(struct watch *watch);
/* When its life has ended. */
void watch_fini(struct watch *watch);
