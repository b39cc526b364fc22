/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storm: when a large share of the monitors of one source go bad together,
 * the fault is more likely in what they share (the network to the gateway, a
 * host, a database) than in each of them, and restarting all would harm.
 *
 * It begins when at least `min` monitors, and at least `share_percent` of
 * those of the source, went bad within `window_ms`; it lasts until the bad
 * ones are fewer than either. It never ends by waiting: a person, or recovery,
 * ends it.
 *
 * Limits pass one after the other, also where the fault is one. Therefore those
 * count with the bad ones that fell silent together with them (within
 * `window_ms`) and are overdue by what is usual for them: the first whose limit
 * passes is held already.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct storm_rules {
	uint32_t share_percent; /* 0: the guard is off */
	uint32_t min;           /* monitors */
	uint64_t window_ms;
};

/* Over all monitors of one source. */
struct storm_count {
	uint32_t n_monitors;
	uint32_t n_bad;     /* now */
	uint32_t n_recent;  /* of them, bad for less than the window */
	uint32_t n_overdue; /* not bad yet, silent since the same time */
};

/* Whether it holds after @count, given whether it did before. */
static inline bool storm_judge(const struct storm_rules *rules,
                               const struct storm_count *count, bool before)
{
	uint32_t n =
		(before ? count->n_bad : count->n_recent) + count->n_overdue;

	return rules->share_percent > 0 && n >= rules->min && n > 0 &&
	       (uint64_t)n * 100 >=
	               (uint64_t)count->n_monitors * rules->share_percent;
}
