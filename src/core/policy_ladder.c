/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the monitor's steps belongs to what. */
#include "core/policy_private.h"

#include "base/macros.h"

static enum policy_ladder ladder_of_level(const struct policy_rules *rules,
                                          enum policy_level_name level)
{
	if (!rules->levels)
		return POLICY_LADDER_SOFT;
	if (level == POLICY_LEVEL_NONE)
		level = policy_level_lowest(rules->levels);
	return level == POLICY_LEVEL_HARD ? POLICY_LADDER_HARD
	                                  : POLICY_LADDER_SOFT;
}

static struct policy_ladder_range range_of_level(
	const struct policy_level *level)
{
	return (struct policy_ladder_range){ level->first_step,
		                             level->given ? level->n_steps
		                                          : 0 };
}

struct policy_ladder_range policy_ladder_of(const struct policy_rules *rules,
                                            enum policy_ladder ladder)
{
	uint8_t n = rules->n_steps;

	if (ladder == POLICY_LADDER_RESOLVED)
		return (struct policy_ladder_range){ rules->first_resolved,
			                             rules->n_resolved };
	if (rules->levels)
		return range_of_level(
			&rules->levels->level[ladder == POLICY_LADDER_HARD
		                                      ? POLICY_LEVEL_HARD
		                                      : POLICY_LEVEL_SOFT]);
	if (rules->n_resolved)
		n = MIN(n, rules->first_resolved);
	return (struct policy_ladder_range){ 0, n };
}

uint8_t policy_n_steps(const struct policy_rules *rules)
{
	return (uint8_t)MAX(rules->n_steps,
	                    rules->n_resolved
	                            ? rules->first_resolved + rules->n_resolved
	                            : 0);
}

bool policy_at_first_step(const struct policy *policy,
                          const struct policy_rules *rules)
{
	return policy->step == policy_ladder_of(rules, policy->ladder).first;
}

bool policy_is_resolving(const struct policy *policy)
{
	return policy->ladder == POLICY_LADDER_RESOLVED;
}

enum policy_ladder policy_ladder_of_order(const struct policy *policy,
                                          const struct policy_rules *rules)
{
	enum policy_ladder ladder = ladder_of_level(rules, policy->level);

	if (policy_ladder_of(rules, ladder).n == 0)
		ladder = ladder == POLICY_LADDER_HARD ? POLICY_LADDER_SOFT
		                                      : POLICY_LADDER_HARD;
	return policy_ladder_of(rules, ladder).n ? ladder : POLICY_LADDER_NONE;
}

/* --- within a turn -------------------------------------------------------- */

void policy_ladder_enter(struct turn *turn, enum policy_ladder ladder)
{
	turn->policy->ladder = (uint8_t)ladder;
	turn->policy->step = policy_ladder_of(turn->rules, ladder).first;
}

enum policy_ladder policy_ladder_wanted(const struct turn *turn)
{
	return ladder_of_level(turn->rules, turn->policy->level);
}

void policy_ladder_leave(struct turn *turn)
{
	policy_ladder_enter(turn,
	                    ladder_of_level(turn->rules, POLICY_LEVEL_NONE));
	turn->policy->due = POLICY_LADDER_NONE;
}

bool policy_has_next_step(const struct turn *turn)
{
	struct policy_ladder_range range =
		policy_ladder_of(turn->rules, turn->policy->ladder);

	return turn->policy->step + 1 < range.first + range.n;
}

bool turn_at_first_step(const struct turn *turn)
{
	return policy_at_first_step(turn->policy, turn->rules);
}

/* --- each with its own cooldown ------------------------------------------- */

uint64_t *policy_cool_slot(struct policy *policy)
{
	return policy->ladder == POLICY_LADDER_HARD
	               ? &policy->hard_cool_until_ms
	               : &policy->cool_until_ms;
}

uint64_t policy_cool_until(const struct policy *policy)
{
	return policy->ladder == POLICY_LADDER_HARD ? policy->hard_cool_until_ms
	                                            : policy->cool_until_ms;
}

uint64_t policy_cooldown(const struct policy *policy,
                         const struct policy_rules *rules)
{
	if (!rules->levels || policy->ladder == POLICY_LADDER_RESOLVED)
		return rules->cooldown_ms;
	return rules->levels
	        ->level[policy->ladder == POLICY_LADDER_HARD
	                        ? POLICY_LEVEL_HARD
	                        : POLICY_LEVEL_SOFT]
	        .cooldown_ms;
}
