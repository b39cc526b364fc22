/* SPDX-License-Identifier: Apache-2.0 */
#include "core/deadlines.h"

#include <assert.h>
#include <errno.h>
#include "base/mem.h"

void deadlines_init(struct deadlines *deadlines)
{
	*deadlines = (struct deadlines){ 0 };
}

void deadlines_fini(struct deadlines *deadlines)
{
	mem_free(deadlines->heap);
	*deadlines = (struct deadlines){ 0 };
}

int deadlines_reserve(struct deadlines *deadlines, uint32_t n)
{
	struct deadline **heap;

	if (n <= deadlines->cap)
		return 0;
	/* who comes one by one must not cost a copy of all each time */
	n = MAX(n, deadlines->cap + deadlines->cap / 2);
	heap = mem_realloc(deadlines->heap, n * sizeof(struct deadline *));
	if (!heap)
		return -ENOMEM;
	deadlines->heap = heap;
	deadlines->cap = n;
	return 0;
}

static void put(struct deadlines *deadlines, uint32_t place,
                struct deadline *deadline)
{
	deadlines->heap[place] = deadline;
	deadline->place = place + 1;
}

static void sift_up(struct deadlines *deadlines, uint32_t place,
                    struct deadline *deadline)
{
	while (place > 0) {
		uint32_t parent = (place - 1) / 2;

		if (deadlines->heap[parent]->at_ms <= deadline->at_ms)
			break;
		put(deadlines, place, deadlines->heap[parent]);
		place = parent;
	}
	put(deadlines, place, deadline);
}

static void sift_down(struct deadlines *deadlines, uint32_t place,
                      struct deadline *deadline)
{
	for (;;) {
		uint32_t child = place * 2 + 1;

		if (child >= deadlines->n)
			break;
		if (child + 1 < deadlines->n &&
		    deadlines->heap[child + 1]->at_ms <
		            deadlines->heap[child]->at_ms)
			child++;
		if (deadlines->heap[child]->at_ms >= deadline->at_ms)
			break;
		put(deadlines, place, deadlines->heap[child]);
		place = child;
	}
	put(deadlines, place, deadline);
}

static void disarm(struct deadlines *deadlines, struct deadline *deadline)
{
	uint32_t place = deadline->place - 1;
	struct deadline *last = deadlines->heap[--deadlines->n];

	deadline->place = 0;
	if (last == deadline)
		return;
	if (last->at_ms < deadline->at_ms)
		sift_up(deadlines, place, last);
	else
		sift_down(deadlines, place, last);
}

void deadlines_arm(struct deadlines *deadlines, struct deadline *deadline,
                   uint64_t at_ms)
{
	if (deadline->place && deadline->at_ms == at_ms)
		return;
	if (deadline->place)
		disarm(deadlines, deadline);
	deadline->at_ms = at_ms;
	if (at_ms == DEADLINE_NEVER)
		return;
	assert(deadlines->n < deadlines->cap);
	sift_up(deadlines, deadlines->n++, deadline);
}

uint64_t deadlines_next(const struct deadlines *deadlines)
{
	return deadlines->n ? deadlines->heap[0]->at_ms : DEADLINE_NEVER;
}

struct deadline *deadlines_pop(struct deadlines *deadlines, uint64_t now_ms)
{
	struct deadline *first;

	if (deadlines_next(deadlines) > now_ms || deadlines->n == 0)
		return NULL;
	first = deadlines->heap[0];
	disarm(deadlines, first);
	return first;
}
