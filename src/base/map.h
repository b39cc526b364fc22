/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map: bytes to pointer, open addressing with linear probing.
 *
 * Keys are borrowed: they usually lie in the value itself and must stay where
 * they are while the entry is in the map. Hashing is seeded per map, so that
 * input from outside cannot aim at one bucket.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/slice.h"

struct map_entry {
	struct slice key; /* borrowed; p is NULL in a free slot */
	void *value;
	uint32_t hash;
};

struct map {
	struct map_entry *entries; /* NULL until the first insertion */
	size_t n;
	size_t cap; /* a power of two */
	uint64_t seed;
};

/* Cannot fail and allocates nothing. */
void map_init(struct map *map, uint64_t seed);
void map_fini(struct map *map); /* the values are their owner's */

/* Inserts or replaces. 0 or -ENOMEM. */
int map_set(struct map *map, struct slice key, void *value) MUST_CHECK;
void *map_get(const struct map *map, struct slice key); /* NULL: absent */
/* Takes the entry out; its value, or NULL if it was absent. */
void *map_remove(struct map *map, struct slice key);

/* The next used slot from @at on, NULL at the end; for MAP_FOR_EACH. The map
 * must not change in the body. */
struct map_entry *map_next(const struct map *map, size_t at);

#define MAP_FOR_EACH(entry, map)                                \
	for (struct map_entry *entry = map_next(map, 0); entry; \
	     entry = map_next(map, (size_t)(entry - (map)->entries) + 1))

/* The hash itself (64-bit FNV-1a, mixed); also for callers with tables of
 * their own. */
uint64_t map_hash(uint64_t seed, const void *bytes, size_t n);
