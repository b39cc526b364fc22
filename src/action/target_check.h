/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target_check: may a step act on the target as it was found? It is the one
 * that is meant, nobody paused or stopped it, and the step is of use on it.
 * Private to src/action.
 */
#pragma once

#include "action/bounce.h"

/* STEP_OK: it may; else how the step ends, with the words in
 * bounce->detail. */
enum step_result target_check(struct bounce *bounce,
                              const struct runtime_target *found);
