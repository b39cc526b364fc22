/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <errno.h>
#include "base/mem.h"

#define MAP_FIRST_CAPACITY 8

uint64_t map_hash(uint64_t seed, const void *bytes, size_t n)
{
	const unsigned char *p = bytes;
	uint64_t hash = 0xcbf29ce484222325u ^ seed;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	hash ^= hash >> 32;
	hash *= 0x9e3779b97f4a7c15u;
	return hash ^ (hash >> 29);
}

void map_init(struct map *map, uint64_t seed)
{
	*map = (struct map){ .seed = seed };
}

void map_fini(struct map *map)
{
	mem_free(map->entries);
	*map = (struct map){ .seed = map->seed };
}

/* The slot that holds @key, or the free one where it belongs. */
static struct map_entry *map_slot(const struct map *map, struct slice key,
                                  uint32_t hash)
{
	size_t mask = map->cap - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct map_entry *entry = &map->entries[i];

		if (!entry->key.p)
			return entry;
		if (entry->hash == hash && slice_equal(entry->key, key))
			return entry;
	}
}

static int map_grow(struct map *map)
{
	size_t cap = map->cap ? map->cap * 2 : MAP_FIRST_CAPACITY;
	struct map bigger = { .cap = cap, .n = map->n, .seed = map->seed };

	bigger.entries = mem_calloc(cap, sizeof(*bigger.entries));
	if (!bigger.entries)
		return -ENOMEM;
	MAP_FOR_EACH (entry, map)
		*map_slot(&bigger, entry->key, entry->hash) = *entry;
	mem_free(map->entries);
	*map = bigger;
	return 0;
}

int map_set(struct map *map, struct slice key, void *value)
{
	uint32_t hash = (uint32_t)map_hash(map->seed, key.p, key.n);
	struct map_entry *entry;

	/* at most three quarters full, so that a probe always ends */
	if ((map->n + 1) * 4 > map->cap * 3 && map_grow(map) < 0)
		return -ENOMEM;

	entry = map_slot(map, key, hash);
	if (!entry->key.p)
		map->n++;
	*entry = (struct map_entry){ key, value, hash };
	return 0;
}

void *map_get(const struct map *map, struct slice key)
{
	if (map->n == 0)
		return NULL;
	return map_slot(map, key, (uint32_t)map_hash(map->seed, key.p, key.n))
	        ->value;
}

void *map_remove(struct map *map, struct slice key)
{
	size_t mask = map->cap - 1;
	struct map_entry *entry;
	void *value;
	size_t hole;

	if (map->n == 0)
		return NULL;
	entry = map_slot(map, key, (uint32_t)map_hash(map->seed, key.p, key.n));
	if (!entry->key.p)
		return NULL;
	value = entry->value;
	hole = (size_t)(entry - map->entries);
	map->n--;

	/* close the gap: move back what probed past it */
	for (size_t i = (hole + 1) & mask; map->entries[i].key.p;
	     i = (i + 1) & mask) {
		size_t home = map->entries[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		map->entries[hole] = map->entries[i];
		hole = i;
	}
	map->entries[hole] = (struct map_entry){ 0 };
	return value;
}

struct map_entry *map_next(const struct map *map, size_t at)
{
	for (; at < map->cap; at++) {
		if (map->entries[at].key.p)
			return &map->entries[at];
	}
	return NULL;
}
