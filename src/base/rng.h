/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rng: small seeded generator for jitter, handed to whatever needs chance so
 * that tests can know the outcome. Not for secrets.
 * splitmix64: https://prng.di.unimi.it/splitmix64.c (the algorithm).
 */
#pragma once

#include <stdint.h>

struct rng {
	uint64_t state;
};

/* Spreads all bits of @z over all of the result; also of use as a hash. */
static inline uint64_t rng_mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline uint64_t rng_next(struct rng *rng)
{
	return rng_mix(rng->state += 0x9e3779b97f4a7c15u);
}

/* Evenly in 0 … @limit - 1; 0 if @limit is 0. The bias is below 2^-32 for
 * the spans of time it is used on. */
static inline uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return limit ? rng_next(rng) % limit : 0;
}
