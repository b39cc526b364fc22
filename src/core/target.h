/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: what is acted on, shared by all monitors that name it, so that at
 * most one of them acts on it at any time.
 *
 * A table from key (runtime, project, name) to a counted target. After one
 * monitor acted, another waits until it could have seen the effect.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/map.h"
#include "base/slice.h"

#define TARGET_NEVER UINT64_MAX

struct target {
	const void *owner;      /* who acts on it now, NULL: nobody */
	const void *last_owner; /* who acted last; only compared */
	uint64_t ended_ms;      /* end of the last action, or TARGET_NEVER */
	uint32_t n_refs;
	uint32_t n_key;
	char key[];
};

struct targets {
	struct map map;
};

void targets_init(struct targets *targets, uint64_t seed);
void targets_fini(struct targets *targets); /* all must have been released */

/* Finds or makes; one reference for the caller. NULL if out of memory. */
struct target *targets_take(struct targets *targets,
                            struct slice key) MUST_CHECK;
void targets_release(struct targets *targets, struct target *target);

/* May @who act now? Not while anyone acts, nor sooner than @settle_ms after
 * another did. */
bool target_free(const struct target *target, const void *who,
                 uint64_t settle_ms, uint64_t now_ms);

void target_begin(struct target *target, const void *who);
void target_end(struct target *target, uint64_t now_ms);

/* @who is gone; who comes to lie at the same address is not taken for it. */
void target_forget(struct target *target, const void *who);
