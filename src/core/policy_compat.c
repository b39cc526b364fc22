/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When metric-reader would have acted: its two machines, faults included.
 * https://github.com/macmiranda/metric-reader, state_machine.go (the present
 * form) and main.go of June 2025 (the first form).
 *
 * Both look at readings only. Here `beyond_ms` are its timers: they may stand
 * for a breach that is over, and need not run in one that lasts. A cooldown of
 * 0 was never set.
 */
#include "core/policy_private.h"

#define SOFT POLICY_LEVEL_SOFT
#define HARD POLICY_LEVEL_HARD

static void add_due(struct policy_due *due, enum policy_ladder ladder)
{
	due->ladders[due->n++] = ladder;
}

/* Starts the timer, or says that it has run for long enough: never both in
 * one reading, so that two are needed. */
static bool timer_is_over(struct turn *turn, enum policy_level_name level)
{
	uint64_t *sincep = &turn->policy->beyond_ms[level];

	if (*sincep == POLICY_NEVER) {
		*sincep = turn->now_ms;
		return false;
	}
	return turn->now_ms - *sincep >=
	       turn->rules->levels->level[level].for_ms;
}

static bool is_set_and_past(const struct turn *turn, uint64_t until_ms)
{
	return until_ms != 0 && turn->now_ms > until_ms;
}

/* --- the present form ------------------------------------------------------ */

static void in_none(struct turn *turn, const struct policy_crossing *crossing,
                    struct policy_due *due)
{
	struct policy *policy = turn->policy;

	if (!crossing->beyond[SOFT]) {
		policy->beyond_ms[SOFT] = POLICY_NEVER;
		return;
	}
	if (turn->now_ms < policy->cool_until_ms)
		return;
	if (timer_is_over(turn, SOFT) || crossing->assumed) {
		policy->level = SOFT;
		add_due(due, POLICY_LADDER_SOFT);
	}
}

static void in_soft(struct turn *turn, const struct policy_crossing *crossing,
                    struct policy_due *due)
{
	struct policy *policy = turn->policy;

	if (!crossing->beyond[SOFT]) {
		/* the hard one's timer stays as it is */
		policy->level = POLICY_LEVEL_NONE;
		policy->beyond_ms[SOFT] = POLICY_NEVER;
		return;
	}
	if (!crossing->beyond[HARD]) {
		policy->beyond_ms[HARD] = POLICY_NEVER;
	} else if (turn->now_ms < policy->hard_cool_until_ms) {
		return; /* and the soft one is not run again either */
	} else if (timer_is_over(turn, HARD) || crossing->assumed) {
		policy->level = HARD;
		add_due(due, POLICY_LADDER_HARD);
	}
	/* also if it is at the hard level by now */
	if (is_set_and_past(turn, policy->cool_until_ms) && !crossing->assumed)
		add_due(due, POLICY_LADDER_SOFT);
}

static void in_hard(struct turn *turn, const struct policy_crossing *crossing,
                    struct policy_due *due)
{
	struct policy *policy = turn->policy;

	if (!crossing->beyond[SOFT]) {
		policy->level = POLICY_LEVEL_NONE;
		policy->beyond_ms[SOFT] = POLICY_NEVER;
		policy->beyond_ms[HARD] = POLICY_NEVER;
		return;
	}
	/* below the hard limit alone it stays where it is */
	if (crossing->beyond[HARD] && !crossing->assumed &&
	    is_set_and_past(turn, policy->hard_cool_until_ms))
		add_due(due, POLICY_LADDER_HARD);
}

static void read_levels(struct turn *turn,
                        const struct policy_crossing *crossing,
                        struct policy_due *due)
{
	/* the soft limit alone decides; without one nothing is ever reached */
	due->bad = crossing->beyond[SOFT];
	if (turn->policy->level == HARD) {
		in_hard(turn, crossing, due);
	} else if (turn->policy->level == SOFT) {
		in_soft(turn, crossing, due);
	} else {
		in_none(turn, crossing, due);
		/* of a reading that is assumed the hard one follows at once */
		if (crossing->assumed && turn->policy->level == SOFT)
			in_soft(turn, crossing, due);
	}
}

/* --- the first form -------------------------------------------------------- */

static void read_one(struct turn *turn, const struct policy_crossing *crossing,
                     struct policy_due *due)
{
	struct policy *policy = turn->policy;

	due->bad = crossing->beyond[SOFT];
	if (turn->now_ms < policy->cool_until_ms)
		return;
	if (!crossing->beyond[SOFT]) {
		policy->level = POLICY_LEVEL_NONE;
		policy->beyond_ms[SOFT] = POLICY_NEVER;
		return;
	}
	if (timer_is_over(turn, SOFT)) {
		policy->level = SOFT;
		add_due(due, POLICY_LADDER_SOFT);
	}
}

/* --------------------------------------------------------------------------- */

struct policy_due policy_compat_read(struct turn *turn,
                                     const struct policy_crossing *crossing)
{
	struct policy_due due = { 0 };

	if (turn->rules->levels->compat == POLICY_COMPAT_METRIC_READER_SEED)
		read_one(turn, crossing, &due);
	else
		read_levels(turn, crossing, &due);
	return due;
}

/* What failed, or has no cooldown, leaves everything as it was: how it is
 * tried again hangs on what was before. */
void policy_compat_cool_down(struct turn *turn, bool acted)
{
	struct policy *policy = turn->policy;
	uint64_t cooldown_ms = policy_cooldown(policy, turn->rules);

	if (!acted || cooldown_ms == 0)
		return;
	*policy_cool_slot(policy) = policy->ended_ms + cooldown_ms;
	if (turn->rules->levels->compat == POLICY_COMPAT_METRIC_READER_SEED) {
		policy->beyond_ms[SOFT] = POLICY_NEVER;
		policy->level = POLICY_LEVEL_NONE;
	}
}
