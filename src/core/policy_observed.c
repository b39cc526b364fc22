/* SPDX-License-Identifier: Apache-2.0 */
/* What an observation means: the age that counts, and is that bad? */
#include "core/policy_private.h"

#include "base/macros.h"

/* A gateway's clock is read in whole seconds: a push time that moves by less
 * is the same push. */
#define SAME_PUSH_MS 1500

/* The source can be read again after @gap_ms: what was being measured has not
 * run on. */
static void resume_from_unknown(struct turn *turn, uint64_t gap_ms)
{
	struct policy *policy = turn->policy;
	enum policy_state resume = policy->resume;

	if (policy->bad_since_ms != POLICY_NEVER)
		policy->bad_since_ms += gap_ms;
	if (resume == POLICY_VERIFYING)
		policy->ended_ms = MIN(policy->ended_ms + gap_ms, turn->now_ms);
	turn_move(turn, resume, "source can be read again");
	if (resume == POLICY_GAVE_UP)
		policy->held = GUARD_BUDGET;
}

/* Keeps the books of last signs of life and of outages since. */
static void keep_books(struct turn *turn, const struct observation *observation)
{
	struct policy *policy = turn->policy;
	uint64_t now_ms = turn->now_ms;
	bool was_unknown = policy->state == POLICY_UNKNOWN;
	uint64_t gap_from = policy->known_ms;

	if (observation->kind == OBSERVATION_AGE) {
		uint64_t push_ms = now_ms - MIN(observation->age_ms, now_ms);

		if (policy->push_ms == POLICY_NEVER || policy->missing ||
		    push_ms > policy->push_ms + SAME_PUSH_MS)
			policy->excused_ms = 0;
		policy->push_ms = push_ms;
		policy->seen_ms = now_ms;
		policy->missing = false;
		gap_from = MAX(gap_from, push_ms);
	} else if (!policy->missing) {
		/* measured from now on since it was last seen */
		policy->missing = true;
		policy->excused_ms = 0;
		if (policy->seen_ms == POLICY_NEVER) {
			policy->seen_ms = now_ms;
			gap_from = now_ms;
		}
	}
	if (was_unknown && policy->known_ms != POLICY_NEVER)
		policy->excused_ms += now_ms - MIN(gap_from, now_ms);
	/* pushes so frequent that each seems the same: the excuse of an older
	 * one is not theirs */
	if (observation->kind == OBSERVATION_AGE)
		policy->excused_ms =
			MIN(policy->excused_ms, observation->age_ms);
	policy->known_ms = now_ms;
}

uint64_t policy_age(const struct policy *policy, uint64_t now_ms)
{
	uint64_t from = policy->missing ? policy->seen_ms : policy->push_ms;

	if (from == POLICY_NEVER || from + policy->excused_ms > now_ms)
		return 0;
	return now_ms - from - policy->excused_ms;
}

bool policy_is_bad(const struct policy *policy)
{
	return policy->bad_since_ms != POLICY_NEVER;
}

void policy_observed(struct turn *turn, const struct observation *observation)
{
	struct policy *policy = turn->policy;
	uint64_t known_ms = policy->known_ms;
	uint64_t age_ms;

	if (observation->kind == OBSERVATION_UNKNOWN) {
		if (policy->state == POLICY_UNKNOWN ||
		    policy->state == POLICY_PAUSED ||
		    policy->state == POLICY_BOUNCING)
			return;
		policy->resume = policy->state;
		turn_move(turn, POLICY_UNKNOWN, "source cannot be read");
		turn_hold(turn, GUARD_UNKNOWN);
		return;
	}

	keep_books(turn, observation);
	if (policy->state == POLICY_UNKNOWN)
		resume_from_unknown(turn, known_ms == POLICY_NEVER
		                                  ? 0
		                                  : turn->now_ms - known_ms);

	age_ms = policy_age(policy, turn->now_ms);
	if (observation->kind == OBSERVATION_AGE)
		/* exact, where the clock's zero is nearer than the push */
		age_ms = observation->age_ms -
		         MIN(policy->excused_ms, observation->age_ms);
	if (age_ms > turn->rules->max_age_ms)
		policy_observed_bad(turn, policy->missing
		                                  ? "missing for too long"
		                                  : "last push is too old");
	else if (policy->missing)
		policy_observed_missing(turn);
	else
		policy_observed_good(turn);
}
