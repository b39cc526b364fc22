/* SPDX-License-Identifier: Apache-2.0 */
#include "source/poll.h"

#include "base/macros.h"

#define NOT_ASKED   UINT64_MAX
#define MAX_DOUBLES 3 /* 2^3 is POLL_BACKOFF_MAX */

static void on_timer(uv_timer_t *timer)
{
	struct poll *poll = container_of(timer, struct poll, timer);

	poll->began_ms = uv_now(poll->loop);
	poll->scheduled = poll->began_ms >= poll->due_ms;
	poll->check_ms = NOT_ASKED;
	poll->reading = true;
	poll->due(poll);
}

static void arm(struct poll *poll)
{
	uint64_t now_ms = uv_now(poll->loop);
	uint64_t next_ms = MIN(poll->due_ms, poll->check_ms);

	if (poll->closing || poll->reading)
		return;
	/* fails only on a timer that is closing */
	(void)uv_timer_start(&poll->timer, on_timer,
	                     next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

/* One interval after the first failure, then twice that, … up to a ceiling
 * that is never below the interval. */
static uint64_t backoff_ms(const struct poll *poll)
{
	uint64_t ceiling_ms =
		MAX(poll->interval_ms, MIN(POLL_BACKOFF_MAX * poll->interval_ms,
	                                   (uint64_t)POLL_BACKOFF_MS));
	unsigned n_doubles = MIN(poll->n_failures - 1, MAX_DOUBLES);

	return MIN(poll->interval_ms << n_doubles, ceiling_ms);
}

static void schedule_after_success(struct poll *poll)
{
	uint64_t now_ms = uv_now(poll->loop);

	if (poll->n_failures > 0)
		poll->due_ms = poll->began_ms;
	poll->n_failures = 0;
	if (poll->due_ms <= now_ms)
		poll->due_ms +=
			((now_ms - poll->due_ms) / poll->interval_ms + 1) *
			poll->interval_ms;
}

/* A failure that was only asked for changes nothing about when the next try is
 * due. */
static void schedule_after_failure(struct poll *poll)
{
	if (!poll->scheduled)
		return;
	poll->n_failures++;
	poll->due_ms = uv_now(poll->loop) + backoff_ms(poll);
}

void poll_ended(struct poll *poll, bool good)
{
	if (good)
		schedule_after_success(poll);
	else
		schedule_after_failure(poll);
	poll->reading = false;
	arm(poll);
}

void poll_init(struct poll *poll, uv_loop_t *loop, uint64_t interval_ms,
               uint64_t jitter_ms, poll_cb due)
{
	*poll = (struct poll){ .loop = loop,
		               .interval_ms = MAX(interval_ms, 1),
		               .jitter_ms = jitter_ms,
		               .check_ms = NOT_ASKED,
		               .due = due };
	/* cannot fail */
	(void)uv_timer_init(loop, &poll->timer);
}

void poll_start(struct poll *poll)
{
	uv_update_time(poll->loop);
	poll->started = true;
	poll->due_ms = uv_now(poll->loop) + poll->jitter_ms;
	arm(poll);
}

void poll_check(struct poll *poll)
{
	uint64_t gap_ms = MIN(poll->interval_ms, (uint64_t)POLL_GAP_MS);

	if (!poll->started || poll->closing || poll->reading)
		return;
	poll->check_ms = poll->began_ms + gap_ms;
	arm(poll);
}

static void on_closed(uv_handle_t *handle)
{
	struct poll *poll =
		container_of((uv_timer_t *)handle, struct poll, timer);

	poll->closed(poll);
}

void poll_close(struct poll *poll, poll_cb closed)
{
	poll->closing = true;
	poll->closed = closed;
	uv_close((uv_handle_t *)&poll->timer, on_closed);
}
