/* SPDX-License-Identifier: Apache-2.0 */
/* How often, and how soon after one another, bounces may be. */
#include "core/policy_private.h"

#include <string.h>
#include "base/macros.h"

/* Waits after failures are lengthened by up to this share, so that monitors
 * that failed together do not come back together. */
#define JITTER_PERCENT 10
/* How the wait grows after failures where there is no cooldown. */
#define ONCE_PERCENT 200

static int32_t bounce_stamp(const struct policy *policy, uint64_t now_ms)
{
	return (int32_t)(((int64_t)now_ms - (int64_t)policy->created_ms) /
	                 1000);
}

bool policy_budget_spent(struct turn *turn)
{
	struct policy *policy = turn->policy;
	int64_t oldest = bounce_stamp(policy, turn->now_ms) -
	                 (int64_t)(turn->rules->window_ms / 1000);
	uint8_t n_kept = 0;

	for (uint8_t i = 0; i < policy->n_bounces; i++) {
		if (policy->bounces[i] > oldest)
			policy->bounces[n_kept++] = policy->bounces[i];
	}
	policy->n_bounces = n_kept;
	return turn->rules->max_bounces && n_kept >= turn->rules->max_bounces;
}

void policy_budget_take(struct turn *turn)
{
	struct policy *policy = turn->policy;

	/* without a limit the oldest are not missed */
	if (policy->n_bounces == POLICY_MAX_BOUNCES)
		memmove(policy->bounces, policy->bounces + 1,
		        --policy->n_bounces * sizeof(policy->bounces[0]));
	policy->bounces[policy->n_bounces++] =
		bounce_stamp(policy, turn->now_ms);
}

void policy_budget_refund(struct turn *turn)
{
	/* an order has paid nothing */
	if (turn_at_first_step(turn) && turn->policy->n_bounces > 0 &&
	    !turn->policy->ordered && !policy_is_resolving(turn->policy))
		turn->policy->n_bounces--;
}

/* How long to stay away after the step that has just ended. */
static uint64_t wait_after_bounce(struct turn *turn)
{
	const struct policy_rules *rules = turn->rules;
	uint64_t wait = policy_cooldown(turn->policy, rules);
	uint64_t longest = MAX(rules->backoff_max_ms, wait);
	uint32_t percent = rules->backoff_percent;

	if (turn->policy->n_failed == 0)
		return wait;
	/* one bounce for one breach: only a failure is tried again, and there
	 * is no wait that the growth could be left out of */
	if (rules->levels && wait == 0)
		percent = MAX(percent, ONCE_PERCENT);
	wait = MAX(wait, 1000); /* never at once after a failure */
	for (uint32_t i = 1; i < turn->policy->n_failed && wait < longest; i++)
		wait = wait / 100 * percent + wait % 100 * percent / 100;
	wait = MIN(wait, MAX(longest, 1000));
	return wait + rng_below(turn->rng, wait / 100 * JITTER_PERCENT + 1);
}

void policy_cool_down(struct turn *turn, bool acted)
{
	struct policy *policy = turn->policy;
	bool leveled = turn->rules->levels != NULL;

	if (policy_is_resolving(policy))
		return;
	if (turn_is_compat(turn))
		policy_compat_cool_down(turn, acted);
	else if (leveled && acted && policy_cooldown(policy, turn->rules) == 0)
		*policy_cool_slot(policy) = POLICY_NEVER;
	else /* of a level the repeat comes strictly after it */
		*policy_cool_slot(policy) =
			policy->ended_ms + wait_after_bounce(turn) + leveled;
}
