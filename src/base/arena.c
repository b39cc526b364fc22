/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdint.h>
#include "base/mem.h"

struct arena_chunk {
	struct arena_chunk *next; /* the one before it in time */
	size_t used;
	size_t size;
	_Alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *arena)
{
	*arena = (struct arena){ 0 };
}

void arena_fini(struct arena *arena)
{
	struct arena_chunk *chunk = arena->chunks;

	while (chunk) {
		struct arena_chunk *next = chunk->next;

		mem_free(chunk);
		chunk = next;
	}
	arena_init(arena);
}

/* A chunk with room for @size bytes becomes the present one. */
static struct arena_chunk *arena_grow(struct arena *arena, size_t size)
{
	size_t room = ARENA_CHUNK_FIRST;
	struct arena_chunk *chunk;

	if (arena->chunks)
		room = MIN(arena->chunks->size * 2, ARENA_CHUNK_MAX);
	room = MAX(room, size);
	if (room > SIZE_MAX - sizeof(*chunk))
		return NULL;

	chunk = mem_alloc(sizeof(*chunk) + room);
	if (!chunk)
		return NULL;
	*chunk = (struct arena_chunk){ .next = arena->chunks, .size = room };
	arena->chunks = chunk;
	return chunk;
}

/* @size bytes at a multiple of @align, not zeroed. */
static void *arena_take(struct arena *arena, size_t size, size_t align)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t at = chunk ? (chunk->used + align - 1) & ~(align - 1) : 0;

	if (!chunk || at > chunk->size || size > chunk->size - at) {
		chunk = arena_grow(arena, size);
		at = 0;
	}
	if (!chunk)
		return NULL;
	chunk->used = at + size;
	arena->n_bytes += size;
	return chunk->bytes + at;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *p = arena_take(arena, size, _Alignof(max_align_t));

	return p ? memset(p, 0, size) : NULL;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	if (size && count > SIZE_MAX / size)
		return NULL;
	return arena_alloc(arena, count * size);
}

char *arena_copy(struct arena *arena, struct slice text)
{
	char *copy = arena_take(arena, text.n + 1, 1);

	if (!copy)
		return NULL;
	if (text.n)
		memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return copy;
}
