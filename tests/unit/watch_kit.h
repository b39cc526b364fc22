/* SPDX-License-Identifier: Apache-2.0 */
/* watch_kit: a supervisor with two monitors, `a` and `b`, on an integer clock;
 * each has a target of its own and a ladder of two steps. */
#pragma once

#include "base/buf.h"
#include "core/supervisor.h"

#define KIT_ZERO 1000000u
/* Sunday 2026-11-22, 01:00:00 UTC, is the clock's KIT_ZERO. */
#define KIT_WALL INT64_C(1795309200000)
#define KIT_N    2

struct watch_kit {
	struct supervisor supervisor;
	struct journal journal;
	struct targets targets;
	struct group group;
	struct monitor monitors[KIT_N + 1]; /* the last is not added */
	uint32_t n_steps[KIT_N + 1][2][N_STEP_RESULTS];
	struct policy_rules rules;
	struct supervisor_ops ops;
	struct buf said; /* "run a cancel b " */
	unsigned n_changed;
};

struct watch_kit *watch_kit_new(void);
void watch_kit_free(struct watch_kit *kit);
/* The i-th, also the last, which is then to be freed, too. */
void watch_kit_add(struct watch_kit *kit, unsigned i);
void watch_kit_remove(struct watch_kit *kit, unsigned i);

/* Times are after KIT_ZERO. `a` is so old; `b` is fresh. */
void watch_kit_read(struct watch_kit *kit, uint64_t age_ms, uint64_t at_ms);
/* The same with a word about `a` alone. */
void watch_kit_observe(struct watch_kit *kit,
                       const struct observation *observation, uint64_t at_ms);
void watch_kit_unknown(struct watch_kit *kit, uint64_t at_ms);
void watch_kit_step_ended(struct watch_kit *kit, unsigned i,
                          enum step_result result, uint64_t at_ms);
void watch_kit_said(struct watch_kit *kit, const char *words);
/* The numbers in the last entry about it with that reason; NULL: none. */
const char *watch_kit_detail(const struct watch_kit *kit, const char *subject,
                             const char *reason);
/* Does the journal hold such a reason? */
bool watch_kit_recorded(const struct watch_kit *kit, const char *subject,
                        const char *reason);
