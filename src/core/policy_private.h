/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy_private: what the files policy*.c share.
 *
 *     policy.c           the states, their edges, the events
 *     policy_observed.c  what an observation means
 *     policy_container.c … of a container
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

/* --- policy.c: where an observation leads --------------------------------- */

void policy_observed_bad(struct turn *turn, const char *reason);
void policy_observed_good(struct turn *turn);
/* Missing, but not for long enough to be bad: neither good nor a reason to
 * bounce. */
void policy_observed_missing(struct turn *turn);
/* Of a container there is nothing to judge, or (@starting) its check has not
 * decided yet. What was bad of a run before is over, and nobody recovered. */
void policy_observed_nothing(struct turn *turn, bool starting);

/* --- policy_observed.c ------------------------------------------------------ */

void policy_observed(struct turn *turn, const struct observation *observation);
/* Not bad: with exact rules time alone may make it so, in @left_ms. */
void policy_look_at_limit(struct turn *turn, uint64_t left_ms);

/* --- policy_container.c ----------------------------------------------------- */

void policy_observed_container(struct turn *turn,
                               const struct observation *observation);

/* --- policy_budget.c -------------------------------------------------------- */

/* Forgets the bounces that have left the window; true if it is full. */
bool policy_budget_spent(struct turn *turn);
void policy_budget_take(struct turn *turn);
/* The bounce did nothing: only the first step has paid for it. */
void policy_budget_refund(struct turn *turn);
/* From the end of the step that has just ended. */
void policy_cool_down(struct turn *turn);
