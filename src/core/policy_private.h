/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_private: what the files policy*.c share.
 *
 *     policy.c           the states, their edges, the events, where bad leads
 *     policy_good.c      where good leads
 *     policy_observed.c  what an observation means
 *     policy_container.c … of a container
 *     policy_level.c     … of a value, and of an alert
 *     policy_compat.c    when metric-reader would have acted
 *     policy_ladder.c    which steps belong to what
 *     policy_budget.c    how many bounces, and how soon
 *     policy_saved.c     what survives our own restart
 */
#pragma once

#include "core/policy.h"

/* All that one call works with. */
struct turn {
	struct policy *policy;
	const struct policy_rules *rules;
	uint64_t now_ms;
	struct rng *rng;
	struct policy_commands commands;
	bool stopped;  /* idle, and it does not run */
	bool answered; /* bad in answer to the last step: it failed anew */
};

/* With exact rules: when to look again at what only an outer guard holds, or
 * at a source that is unknown. */
#define POLICY_LOOK_AGAIN_MS 5000

/* Arms the deadline, unless an earlier one is armed. */
void turn_look_by(struct turn *turn, uint64_t at_ms);

/* Enters a state; what held and was awaited in the one before is over. */
void turn_move(struct turn *turn, enum policy_state to, const char *reason);
void turn_hold(struct turn *turn, uint32_t held);

/* The next rung of the ladder, if there is one: WAITING. */
bool turn_next_step(struct turn *turn, const char *reason);

/* --- policy.c, policy_good.c: where an observation leads ------------------- */

void policy_observed_bad(struct turn *turn, const char *reason);
void policy_observed_good(struct turn *turn);
/* Missing, but not for long enough to be bad: neither good nor a reason to
 * bounce. */
void policy_observed_missing(struct turn *turn);
/* Of a container there is nothing to judge, or (@starting) its check has not
 * decided yet. What was bad of a run before is over, and nobody recovered. */
void policy_observed_nothing(struct turn *turn, bool starting);

/* GOOD, and nobody recovered. */
void turn_end_quietly(struct turn *turn, const char *reason);

/* Other ladders than before are due: @first, then @policy->due. */
void policy_observed_due(struct turn *turn, enum policy_ladder first,
                         const char *reason);

/* Bad, but none of them is due now. */
void policy_observed_not_due(struct turn *turn, const char *reason);

/* --- policy_observed.c ------------------------------------------------------ */

void policy_observed(struct turn *turn, const struct observation *observation);
/* Not bad: with exact rules time alone may make it so, in @left_ms. */
void policy_look_at_limit(struct turn *turn, uint64_t left_ms);

/* --- policy_container.c ----------------------------------------------------- */

void policy_observed_container(struct turn *turn,
                               const struct observation *observation);

/* --- policy_level.c --------------------------------------------------------- */

void policy_observed_value(struct turn *turn,
                           const struct observation *observation);
void policy_observed_alert(struct turn *turn,
                           const struct observation *observation);

/* Of a breach from POLICY_BREACH_VALUE on. */
const char *policy_value_words(enum policy_breach breach);

/* It has been bad for long enough. */
bool policy_level_is_due(const struct turn *turn);
/* No level, no timer. */
void policy_level_reset(struct policy *policy);
/* What waited for the end of a level's breach waits no more. */
void policy_level_release(struct policy *policy, enum policy_level_name level);
/* The source can be read again: what is counted is shorter by @gap_ms. */
void policy_level_excuse(struct turn *turn, uint64_t gap_ms);

static inline bool turn_is_compat(const struct turn *turn)
{
	return turn->rules->levels && turn->rules->levels->compat;
}

/* --- policy_compat.c -------------------------------------------------------- */

/* What one reading says of a value. */
struct policy_crossing {
	bool beyond[N_POLICY_LEVELS];
	bool assumed; /* there is none, which counts as beyond all */
};

/* What the original would do now: at most two runs, one after the other. */
struct policy_due {
	bool bad; /* it is beyond its only, or its soft, limit */
	uint8_t n;
	enum policy_ladder ladders[N_POLICY_LEVELS];
};

struct policy_due policy_compat_read(struct turn *turn,
                                     const struct policy_crossing *crossing);
/* A run has ended. */
void policy_compat_cool_down(struct turn *turn, bool acted);

/* --- policy_ladder.c -------------------------------------------------------- */

/* Puts the policy at the first step of a ladder. */
void policy_ladder_enter(struct turn *turn, enum policy_ladder ladder);
/* That of the active level. */
enum policy_ladder policy_ladder_wanted(const struct turn *turn);
/* Where no ladder is walked: the lowest, its first step. */
void policy_ladder_leave(struct turn *turn);
bool policy_has_next_step(const struct turn *turn);
bool turn_at_first_step(const struct turn *turn);
uint64_t *policy_cool_slot(struct policy *policy);

/* --- policy_budget.c -------------------------------------------------------- */

/* Forgets the bounces that have left the window; true if it is full. */
bool policy_budget_spent(struct turn *turn);
void policy_budget_take(struct turn *turn);
/* The bounce did nothing: only the first step has paid for it. */
void policy_budget_refund(struct turn *turn);
/* From the end of the step that has just ended; @acted: it did what it should,
 * whatever comes of it. */
void policy_cool_down(struct turn *turn, bool acted);
