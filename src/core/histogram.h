/* SPDX-License-Identifier: Apache-2.0 */
/*
 * histogram: counts of durations in fixed buckets, for the metrics.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_MAX_BUCKETS 12

struct histogram {
	const double *bounds; /* seconds, rising; borrowed for good */
	uint8_t n_bounds;
	uint64_t counts[HISTOGRAM_MAX_BUCKETS + 1]; /* the last: +Inf */
	double sum;
};

static inline void histogram_observe(struct histogram *histogram,
                                     double seconds)
{
	uint8_t i = 0;

	while (i < histogram->n_bounds && seconds > histogram->bounds[i])
		i++;
	histogram->counts[i]++;
	histogram->sum += seconds;
}
