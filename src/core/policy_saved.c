/* SPDX-License-Identifier: Apache-2.0 */
/* What of a policy survives our own restart. */
#include "core/policy.h"

#include <assert.h>
#include "base/macros.h"

static int64_t save_wait(uint64_t until_ms)
{
	if (until_ms == 0)
		return INT64_MIN;
	return until_ms == POLICY_NEVER ? INT64_MAX : (int64_t)until_ms;
}

static uint64_t restore_wait(int64_t until_ms, uint64_t now_ms)
{
	if (until_ms == INT64_MAX)
		return POLICY_NEVER;
	return until_ms > (int64_t)now_ms ? (uint64_t)until_ms : 0;
}

void policy_save(const struct policy *policy, struct policy_saved *saved)
{
	enum policy_state state = policy->state == POLICY_UNKNOWN
	                                  ? policy->resume
	                                  : policy->state;
	/* a step that runs may be the end of us: the cooldown counts from
	 * its beginning then */
	uint64_t ended_ms =
		state == POLICY_BOUNCING ? policy->since_ms : policy->ended_ms;

	*saved = (struct policy_saved){
		.n_bounces = policy->n_bounces,
		.n_failed = policy->n_failed,
		.ended_ms = ended_ms == POLICY_NEVER ? INT64_MIN
		                                     : (int64_t)ended_ms,
		.cool_until_ms = save_wait(policy->cool_until_ms),
		.hard_cool_until_ms = save_wait(policy->hard_cool_until_ms),
		.gave_up = state == POLICY_GAVE_UP,
		.bounced = policy->bounced,
	};
	for (uint8_t i = 0; i < policy->n_bounces; i++)
		saved->bounces_ms[i] = (int64_t)policy->created_ms +
		                       (int64_t)policy->bounces[i] * 1000;
}

bool policy_saved_empty(const struct policy_saved *saved)
{
	return saved->n_bounces == 0 && saved->n_failed == 0 &&
	       saved->ended_ms == INT64_MIN && !saved->gave_up &&
	       !saved->bounced;
}

void policy_restore(struct policy *policy, const struct policy_saved *saved,
                    uint64_t now_ms)
{
	assert(policy->state == POLICY_STARTING);
	policy->n_failed = saved->n_failed;
	policy->n_bounces = MIN(saved->n_bounces, POLICY_MAX_BOUNCES);
	for (uint8_t i = 0; i < policy->n_bounces; i++)
		policy->bounces[i] = (int32_t)((saved->bounces_ms[i] -
		                                (int64_t)policy->created_ms) /
		                               1000);
	if (saved->ended_ms > 0)
		policy->ended_ms = (uint64_t)saved->ended_ms;
	policy->cool_until_ms = restore_wait(saved->cool_until_ms, now_ms);
	policy->hard_cool_until_ms =
		restore_wait(saved->hard_cool_until_ms, now_ms);
	policy->bounced = saved->bounced;
	if (saved->gave_up) {
		policy->state = POLICY_GAVE_UP;
		policy->held = GUARD_BUDGET;
		policy->renewed = true; /* maybe: nobody knows */
	}
}
