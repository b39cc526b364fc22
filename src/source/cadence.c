/* SPDX-License-Identifier: Apache-2.0 */
#include "source/cadence.h"

#include "base/macros.h"

#define NOT_ASKED   UINT64_MAX
#define MAX_DOUBLES 3 /* 2^3 is CADENCE_BACKOFF_MAX */

static void on_due(uv_timer_t *timer)
{
	struct cadence *cadence = container_of(timer, struct cadence, timer);

	cadence->began_ms = uv_now(cadence->loop);
	cadence->scheduled = cadence->began_ms >= cadence->due_ms;
	cadence->check_ms = NOT_ASKED;
	cadence->busy = true;
	cadence->due(cadence);
}

static void arm(struct cadence *cadence)
{
	uint64_t now_ms = uv_now(cadence->loop);
	uint64_t next_ms = MIN(cadence->due_ms, cadence->check_ms);

	if (cadence->closing || cadence->busy)
		return;
	/* fails only on a timer that is closing */
	(void)uv_timer_start(&cadence->timer, on_due,
	                     next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

/* One interval after the first failure, then twice that, … up to a ceiling
 * that is never below the interval. */
static uint64_t backoff_ms(const struct cadence *cadence)
{
	uint64_t ceiling_ms =
		MAX(cadence->interval_ms,
	            MIN(CADENCE_BACKOFF_MAX * cadence->interval_ms,
	                (uint64_t)CADENCE_BACKOFF_MS));
	unsigned n_doubles = MIN(cadence->n_failures - 1, MAX_DOUBLES);

	return MIN(cadence->interval_ms << n_doubles, ceiling_ms);
}

/* Good readings keep to a grid, however long each takes. */
static void schedule_after_success(struct cadence *cadence)
{
	uint64_t now_ms = uv_now(cadence->loop);
	uint64_t late_ms;

	if (cadence->n_failures > 0)
		cadence->due_ms = cadence->began_ms;
	cadence->n_failures = 0;
	if (cadence->due_ms > now_ms)
		return;
	late_ms = now_ms - cadence->due_ms;
	cadence->due_ms +=
		(late_ms / cadence->interval_ms + 1) * cadence->interval_ms;
}

/* A failure that was only asked for changes nothing about when the next try is
 * due. */
static void schedule_after_failure(struct cadence *cadence)
{
	if (!cadence->scheduled)
		return;
	cadence->n_failures++;
	cadence->due_ms = uv_now(cadence->loop) + backoff_ms(cadence);
}

int cadence_init(struct cadence *cadence)
{
	int r = uv_timer_init(cadence->loop, &cadence->timer);

	cadence->check_ms = NOT_ASKED;
	cadence->timer_open = r == 0;
	return r;
}

void cadence_start(struct cadence *cadence)
{
	uv_update_time(cadence->loop);
	cadence->started = true;
	cadence->due_ms = uv_now(cadence->loop) + cadence->jitter_ms;
	arm(cadence);
}

void cadence_check(struct cadence *cadence)
{
	if (!cadence->started || cadence->closing || cadence->busy)
		return;
	cadence->check_ms =
		cadence->began_ms + MIN(cadence->interval_ms, cadence->gap_ms);
	arm(cadence);
}

void cadence_ended(struct cadence *cadence, bool good)
{
	if (good)
		schedule_after_success(cadence);
	else
		schedule_after_failure(cadence);
}

void cadence_next(struct cadence *cadence)
{
	cadence->busy = false;
	arm(cadence);
}

static void on_closed(uv_handle_t *handle)
{
	struct cadence *cadence =
		container_of((uv_timer_t *)handle, struct cadence, timer);

	cadence->timer_open = false;
	cadence->closed(cadence);
}

void cadence_close(struct cadence *cadence, cadence_cb closed)
{
	cadence->closing = true;
	cadence->closed = closed;
	uv_close((uv_handle_t *)&cadence->timer, on_closed);
}
