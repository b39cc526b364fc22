/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life: the parts of a worker end together: each thing that is open or under
 * way holds it, and when the last one lets go after the close began, the
 * memory of all parts may go. Letting go is the last thing that a callback
 * does.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/macros.h"
#include "base/rng.h"

struct life {
	unsigned n_held;
	bool closing;
	void (*ended)(void *context);
	void *context;
};

static inline void life_hold(struct life *life)
{
	life->n_held++;
}

static inline void life_drop(struct life *life)
{
	if (--life->n_held == 0 && life->closing)
		life->ended(life->context);
}

/* A timer that holds the life while it is open. */
struct life_timer {
	uv_timer_t handle;
	struct life *life;
	void (*fired)(struct life_timer *timer);
	bool open;
};

int life_timer_open(struct life_timer *timer, uv_loop_t *loop,
                    struct life *life,
                    void (*fired)(struct life_timer *timer)) MUST_CHECK;
void life_timer_start(struct life_timer *timer, uint64_t ms);
void life_timer_stop(struct life_timer *timer);
void life_timer_close(struct life_timer *timer); /* harmless if not open */

/* How long to wait before the next try of what failed: twice as long each
 * time, and half of it by chance, so that many do not come together. */
struct backoff {
	uint64_t base_ms;
	uint64_t max_ms;
	unsigned n; /* failures in a row */
};

uint64_t backoff_next(struct backoff *backoff, struct rng *rng);
