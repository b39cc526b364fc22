/* SPDX-License-Identifier: Apache-2.0 */
/* What an observation of a container means. */
#include "core/policy_private.h"

#include "base/macros.h"

/* Two words of one run differ by what reading the clocks takes; no engine
 * begins two runs of anything, or ends two, so fast. */
#define SAME_RUN_MS 100

enum verdict {
	VERDICT_GOOD,
	VERDICT_BAD,
	VERDICT_STARTING, /* not decided yet */
	VERDICT_NOTHING,  /* there is nothing to judge */
};

/* When this run of it began, or, of one that ended, its end. */
static int64_t run_of(const struct observation *observation, uint64_t now_ms)
{
	if (observation->kind == OBSERVATION_EXITED)
		return (int64_t)now_ms - (int64_t)observation->age_ms;
	if (observation->running_ms)
		return (int64_t)now_ms - (int64_t)observation->running_ms;
	return POLICY_NO_RUN;
}

static void keep_books(struct turn *turn, const struct observation *observation)
{
	struct policy *policy = turn->policy;
	int64_t run_ms = run_of(observation, turn->now_ms);

	if (run_ms != POLICY_NO_RUN) {
		policy->run_ms = run_ms;
		policy->run_ended = observation->kind == OBSERVATION_EXITED;
	}
	policy->push_ms = turn->now_ms - MIN(observation->age_ms, turn->now_ms);
	policy->seen_ms = turn->now_ms;
	policy->known_ms = turn->now_ms;
	policy->missing = false;
	policy->excused_ms = 0;
	policy->away_ms = 0;
}

/* Is it of the run that the last bounce was for? What runs is none that had
 * ended, however soon after the end it was started. */
static bool is_of_bounced_run(const struct policy *policy,
                              const struct observation *observation,
                              int64_t run_ms)
{
	bool ended = observation->kind == OBSERVATION_EXITED;

	return run_ms != POLICY_NO_RUN &&
	       policy->bounced_run_ms != POLICY_NO_RUN &&
	       ended == policy->bounced_run_ended &&
	       run_ms <= policy->bounced_run_ms + SAME_RUN_MS &&
	       run_ms >= policy->bounced_run_ms - SAME_RUN_MS;
}

/* Did it become so after the end of the last step? */
static bool became_so_since(const struct turn *turn,
                            const struct observation *observation)
{
	return (int64_t)turn->now_ms - (int64_t)observation->age_ms >
	       (int64_t)turn->policy->ended_ms;
}

/* A word of the run that the step was for, or that was on its way while the
 * step ran, does not tell whether the step helped. */
static bool answers_step(const struct turn *turn,
                         const struct observation *observation)
{
	int64_t run_ms = run_of(observation, turn->now_ms);

	if (run_ms != POLICY_NO_RUN &&
	    turn->policy->bounced_run_ms != POLICY_NO_RUN)
		return !is_of_bounced_run(turn->policy, observation, run_ms);
	return observation->age_ms > 0 && became_so_since(turn, observation);
}

/* Good since before the step ended, and it did not start anew: either the step
 * does not restart it, or this was asked before it did. Time will tell. */
static bool is_stale_good(const struct turn *turn,
                          const struct observation *observation)
{
	const struct policy *policy = turn->policy;

	return policy->state == POLICY_VERIFYING &&
	       turn->now_ms < policy->ended_ms + turn->rules->verify_ms &&
	       is_of_bounced_run(policy, observation,
	                         run_of(observation, turn->now_ms)) &&
	       !became_so_since(turn, observation);
}

/* @leftp: how long until time alone changes it; 0: never. */
static enum verdict judge(const struct turn *turn,
                          const struct observation *observation,
                          uint64_t *leftp)
{
	const struct policy_rules *rules = turn->rules;
	uint64_t run_ms = observation->running_ms;

	if (observation->kind == OBSERVATION_EXITED) {
		if (observation->age_ms >= rules->max_age_ms)
			return VERDICT_BAD;
		*leftp = rules->max_age_ms - observation->age_ms;
		return VERDICT_NOTHING;
	}
	switch (observation->health) {
	case HEALTH_GOOD:
		return VERDICT_GOOD;
	case HEALTH_BAD:
		if (run_ms == 0 || run_ms >= rules->grace_ms)
			return VERDICT_BAD;
		*leftp = rules->grace_ms - run_ms;
		return VERDICT_STARTING;
	case HEALTH_STARTING:
		return VERDICT_STARTING;
	case HEALTH_IDLE:
	default:
		return VERDICT_NOTHING;
	}
}

static void bad(struct turn *turn, const struct observation *observation)
{
	struct policy *policy = turn->policy;

	policy->breach = observation->kind == OBSERVATION_EXITED
	                         ? POLICY_BREACH_EXITED
	                         : POLICY_BREACH_UNHEALTHY;
	turn->answered = policy->ended_ms != POLICY_NEVER &&
	                 answers_step(turn, observation);
	policy_observed_bad(turn, policy_breach_words(policy));
}

void policy_observed_container(struct turn *turn,
                               const struct observation *observation)
{
	struct policy *policy = turn->policy;
	uint64_t left = 0;
	enum verdict verdict;

	keep_books(turn, observation);
	turn->stopped = observation->running_ms == 0;
	verdict = judge(turn, observation, &left);
	if (verdict == VERDICT_BAD)
		bad(turn, observation);
	else if (verdict != VERDICT_GOOD)
		policy_observed_nothing(turn, verdict == VERDICT_STARTING);
	else if (is_stale_good(turn, observation))
		turn_look_by(turn, policy->ended_ms + turn->rules->verify_ms);
	else
		policy_observed_good(turn);
	if (left)
		policy_look_at_limit(turn, left);
}
