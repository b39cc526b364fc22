/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadlines: which of many things is due first; a binary heap of nodes that
 * lie in their owners. The memory for all of them is reserved beforehand, so
 * that arming cannot fail. O(log n) to arm and disarm, O(1) to look.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"

#define DEADLINE_NEVER UINT64_MAX

struct deadline {
	uint64_t at_ms;
	uint32_t place; /* in the heap + 1; 0: not armed */
};

struct deadlines {
	struct deadline **heap;
	uint32_t n;
	uint32_t cap;
};

void deadlines_init(struct deadlines *deadlines);
void deadlines_fini(struct deadlines *deadlines);

/* Room for @n armed nodes in all. 0 or -ENOMEM. */
int deadlines_reserve(struct deadlines *deadlines, uint32_t n) MUST_CHECK;

/* (Re)arms; DEADLINE_NEVER disarms. */
void deadlines_arm(struct deadlines *deadlines, struct deadline *deadline,
                   uint64_t at_ms);

/* When the first is due; DEADLINE_NEVER if none is armed. */
uint64_t deadlines_next(const struct deadlines *deadlines);

/* Disarms and returns one that is due at @now_ms, NULL if none is. */
struct deadline *deadlines_pop(struct deadlines *deadlines, uint64_t now_ms);
