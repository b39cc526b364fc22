/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle: which actions were begun lately, so that the same is not begun
 * again, whoever asks.
 *
 * An action is known by a digest of its rule and of what it is. Bounded: beyond
 * THROTTLE_MAX the one that was begun first is forgotten. It does not outlive
 * us.
 */
#pragma once

#include <stdint.h>
#include "base/list.h"
#include "base/macros.h"
#include "base/map.h"
#include "base/sha256.h"

#define THROTTLE_MAX 10000 /* actions, of all rules */

struct throttle {
	/* private */
	struct map entries;
	struct list order; /* as they were begun */
	uint32_t n;
};

void throttle_init(struct throttle *throttle);
void throttle_fini(struct throttle *throttle);

/* For how many ms it must not be begun yet, @throttle_ms after it was begun
 * last; 0: it may. */
uint64_t throttle_wait(const struct throttle *throttle,
                       const uint8_t action[SHA256_SIZE], uint64_t throttle_ms,
                       uint64_t now_ms);

/* It begins. 0, or -ENOMEM: it is not known then. */
int throttle_note(struct throttle *throttle, const uint8_t action[SHA256_SIZE],
                  uint64_t now_ms) MUST_CHECK;

/* It did not begin after all. */
void throttle_forget(struct throttle *throttle,
                     const uint8_t action[SHA256_SIZE]);
