/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: many small things with one life. Memory is handed out from growing
 * chunks by moving a mark; nothing is freed but everything at once. Nothing is
 * rounded up but alignment, so that ten thousand strings cost their bytes.
 */
#pragma once

#include <stddef.h>
#include "base/macros.h"
#include "base/slice.h"

#define ARENA_CHUNK_FIRST 1024   /* bytes; each further chunk doubles */
#define ARENA_CHUNK_MAX   262144 /* up to this, unless one thing is more */

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* the present one first; NULL: none yet */
	size_t n_bytes;             /* handed out, for statistics */
};

/* Cannot fail and allocates nothing; a zeroed arena is as good. */
void arena_init(struct arena *arena);
void arena_fini(struct arena *arena);

/* Zeroed and aligned for anything; NULL if memory is out. */
void *arena_alloc(struct arena *arena, size_t size) MUST_CHECK;
void *arena_calloc(struct arena *arena, size_t count, size_t size) MUST_CHECK;

/* A terminated copy; NULL if memory is out. */
char *arena_copy(struct arena *arena, struct slice text) MUST_CHECK;
