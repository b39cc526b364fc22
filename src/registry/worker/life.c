/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/life.h"

#define MAX_DOUBLINGS 20

static void on_fired(uv_timer_t *handle)
{
	struct life_timer *timer =
		container_of(handle, struct life_timer, handle);

	if (!timer->life->closing)
		timer->fired(timer);
}

int life_timer_open(struct life_timer *timer, uv_loop_t *loop,
                    struct life *life, void (*fired)(struct life_timer *timer))
{
	int r = uv_timer_init(loop, &timer->handle);

	if (r < 0)
		return r;
	timer->life = life;
	timer->fired = fired;
	timer->open = true;
	life_hold(life);
	return 0;
}

void life_timer_start(struct life_timer *timer, uint64_t ms)
{
	/* the loop's time is that of the last turn, which may have been long */
	if (timer->open && !timer->life->closing) {
		uv_update_time(timer->handle.loop);
		(void)uv_timer_start(&timer->handle, on_fired, ms, 0);
	}
}

void life_timer_stop(struct life_timer *timer)
{
	if (timer->open)
		(void)uv_timer_stop(&timer->handle);
}

static void on_closed(uv_handle_t *handle)
{
	struct life_timer *timer = container_of((uv_timer_t *)(void *)handle,
	                                        struct life_timer, handle);

	life_drop(timer->life);
}

void life_timer_close(struct life_timer *timer)
{
	if (!timer->open)
		return;
	timer->open = false;
	uv_close((uv_handle_t *)&timer->handle, on_closed);
}

uint64_t backoff_next(struct backoff *backoff, struct rng *rng)
{
	unsigned n = MIN(backoff->n, MAX_DOUBLINGS);
	uint64_t ms = MIN(backoff->base_ms << n, backoff->max_ms);

	backoff->n++;
	return ms / 2 + rng_below(rng, ms / 2 + 1);
}
