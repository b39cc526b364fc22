/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cadence: when a source reads: one reading per interval, on a grid; sooner
 * when somebody asks; spaced out after failures. Never two at once.
 *
 *     cadence_start()
 *        │ a little later, so that not all sources ask at once
 *        ▼
 *     due() ──the source reads──▶ cadence_ended() ──▶ publish ──▶ cadence_next()
 *        ▲                                                            │
 *        └───────────── the interval, a check, or the backoff ────────┘
 *
 * Knows no HTTP and nothing of what is read.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define CADENCE_BACKOFF_MAX 8     /* intervals between two tries */
#define CADENCE_BACKOFF_MS  60000 /* … unless the interval is longer */

struct cadence;
typedef void (*cadence_cb)(struct cadence *cadence);

struct cadence {
	/* set by the owner, zero the rest */
	uv_loop_t *loop;
	cadence_cb due;       /* begin a reading now */
	uint64_t interval_ms; /* at least 1 */
	uint64_t jitter_ms;   /* before the first */
	uint64_t gap_ms;      /* between two readings that are asked for, or the
	                         interval if that is shorter */

	/* private below */
	uv_timer_t timer;
	bool timer_open;
	bool started;
	bool busy; /* a reading is under way */
	bool closing;
	uint64_t due_ms;     /* by the interval, or by the backoff */
	uint64_t check_ms;   /* when somebody asked for it, or never */
	uint64_t began_ms;   /* the last reading */
	bool scheduled;      /* that one was due, not only asked for */
	unsigned n_failures; /* scheduled ones, in a row */
	cadence_cb closed;
};

/* Allocates nothing. 0, or what uv_timer_init() says. */
int cadence_init(struct cadence *cadence);

void cadence_start(struct cadence *cadence);

/* Read soon: at once, or when the last reading began a gap ago. Nothing if one
 * is under way, or before the start. */
void cadence_check(struct cadence *cadence);

/* The reading has ended; @good says how the next one is spaced. */
void cadence_ended(struct cadence *cadence, bool good);
/* … and has been told of. */
void cadence_next(struct cadence *cadence);

/* `due` is not called any more; @closed is, once, from the loop. */
void cadence_close(struct cadence *cadence, cadence_cb closed);
