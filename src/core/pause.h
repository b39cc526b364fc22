/* SPDX-License-Identifier: Apache-2.0 */
/* pause: what an operator has paused: since when, how long, and why. */
#pragma once

#include <stdint.h>
#include "base/macros.h"

#define PAUSE_FOREVER    UINT64_MAX
#define PAUSE_REASON_MAX 256 /* bytes kept */

struct pause {
	int64_t since_wall_ms;
	uint64_t until_ms; /* monotonic; PAUSE_FOREVER: until it is resumed */
	char reason[];     /* "" if none was given */
};

/* @reason is copied, cut where it is long. NULL if out of memory; mem_free().
 */
struct pause *pause_new(int64_t since_wall_ms, uint64_t until_ms,
                        const char *reason) MUST_CHECK;
