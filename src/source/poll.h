/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll: when a source that has to ask does so.
 *
 * Good readings keep to a grid of intervals, however long each takes. After one
 * that failed the next tries are spaced out, one interval, two, four, … and the
 * first that succeeds ends that. Somebody may ask for one sooner; then it comes
 * soon, but not more often than a gap allows. Readings never overlap: one that
 * is slow delays the next.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define POLL_GAP_MS \
	1000                   /* between two readings asked for, or the
                                  interval if that is shorter */
#define POLL_BACKOFF_MAX 8     /* intervals between two tries */
#define POLL_BACKOFF_MS  60000 /* … unless the interval is longer */

struct poll;
typedef void (*poll_cb)(struct poll *poll);

struct poll {
	uint64_t interval_ms;
	uint64_t began_ms; /* the last reading; as uv_now() */

	/* private below */
	uv_loop_t *loop;
	uv_timer_t timer;
	poll_cb due;
	poll_cb closed;
	uint64_t jitter_ms; /* before the first */
	uint64_t due_ms;    /* by the interval, or by the backoff */
	uint64_t check_ms;  /* when somebody asked for it, or never */
	bool started;
	bool reading;   /* poll_ended() is still to come */
	bool scheduled; /* that one was due, not only asked for */
	bool closing;
	unsigned n_failures; /* scheduled ones, in a row */
};

/*
 * poll_init() - nothing happens yet
 * @jitter_ms: the first reading begins so long after poll_start()
 * @due: read now. From the loop, and not again before poll_ended()
 *
 * Cannot fail. The only end of it is poll_close().
 */
void poll_init(struct poll *poll, uv_loop_t *loop, uint64_t interval_ms,
               uint64_t jitter_ms, poll_cb due);

void poll_start(struct poll *poll);

/* Read soon, not only when the interval is over: at once, or when the last
 * reading began a gap ago. One that is under way will do. */
void poll_check(struct poll *poll);

/* The reading has ended, well or not. May be called by @due. */
void poll_ended(struct poll *poll, bool good);

/* @due is not called any more. @closed is, once, from the loop; @poll is the
 * caller's memory again. */
void poll_close(struct poll *poll, poll_cb closed);
