/* SPDX-License-Identifier: Apache-2.0 */
/* Where an observation leads that is good, or leaves nothing to judge. */
#include "core/policy_private.h"

/* Good again after a bounce: are there steps for that? */
static void begin_resolved(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (!policy->bounced || policy->state != POLICY_GOOD)
		return;
	if (turn->rules->n_resolved == 0) { /* any more */
		policy->bounced = false;
		return;
	}
	policy_ladder_enter(turn, POLICY_LADDER_RESOLVED);
	turn_move(turn, POLICY_WAITING, "good again, there are steps for that");
	turn->commands.ask_guards = true;
}

static void not_bad(struct turn *turn)
{
	struct policy *policy = turn->policy;

	policy->bad_since_ms = POLICY_NEVER;
	policy->breach = POLICY_BREACH_NONE;
	policy->renewed = false;
	if (!turn_is_compat(turn))
		policy_level_reset(policy);
	policy_level_release(policy, POLICY_LEVEL_SOFT);
	policy_level_release(policy, POLICY_LEVEL_HARD);
}

void policy_observed_good(struct turn *turn)
{
	struct policy *policy = turn->policy;
	const char *reason = "good again";

	not_bad(turn);
	switch (policy->state) {
	case POLICY_GOOD:
		policy->n_failed = 0; /* a bounce's end may have been quiet */
		begin_resolved(turn);
		return;
	case POLICY_PAUSED:
	case POLICY_UNKNOWN:
	case N_POLICY_STATES:
		return;
	case POLICY_BOUNCING:
		policy->good_seen = true;
		turn->commands.cancel =
			!policy->ordered && !policy_is_resolving(policy);
		return;
	case POLICY_VERIFYING:
		turn->commands.recovered = true;
		reason = "recovered";
		break;
	case POLICY_GAVE_UP:
		policy->n_bounces = 0;
		policy->cool_until_ms = 0;
		policy->hard_cool_until_ms = 0;
		reason = "good again, released";
		break;
	case POLICY_STARTING:
		reason = "good";
		break;
	case POLICY_WAITING: /* for the next step: the one before helped */
		if (policy_is_resolving(policy)) {
			turn->commands.ask_guards = true;
			return;
		}
		turn->commands.recovered = !turn_at_first_step(turn);
		break;
	case POLICY_BREACHED:
	case POLICY_COOLING:
		break;
	}
	policy->n_failed = 0;
	policy_ladder_leave(turn);
	turn_move(turn, POLICY_GOOD, reason);
	begin_resolved(turn);
}

void policy_observed_missing(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (policy->state != POLICY_BREACHED && policy->state != POLICY_WAITING)
		return;
	policy->bad_since_ms = POLICY_NEVER;
	policy_ladder_leave(turn);
	turn_move(turn, POLICY_GOOD, "missing, but not for long yet");
}

void turn_end_quietly(struct turn *turn, const char *reason)
{
	not_bad(turn);
	if (turn_is_compat(turn))
		policy_level_reset(turn->policy);
	policy_ladder_leave(turn);
	turn_move(turn, POLICY_GOOD, reason);
}

/* Is step @step one after which it does not run? */
static bool stops(const struct turn *turn, unsigned step)
{
	return turn->rules->stopping & 1u << step;
}

/* Is the present step there for what the one before it has stopped? */
static bool is_for_stopped(const struct turn *turn)
{
	return !turn_at_first_step(turn) &&
	       stops(turn, turn->policy->step - 1u);
}

/* What a step has stopped says nothing any more: the next one is for it. */
static bool next_of_stopped(struct turn *turn, bool is_over)
{
	if (!stops(turn, turn->policy->step) || !(turn->stopped || is_over) ||
	    !turn_next_step(turn, "stopped by the step, next one"))
		return false;
	turn->commands.ask_guards = true;
	return true;
}

static void verify_nothing(struct turn *turn, bool starting)
{
	struct policy *policy = turn->policy;
	uint64_t until_ms = policy->ended_ms + turn->rules->verify_ms;

	if (!starting && next_of_stopped(turn, turn->now_ms >= until_ms))
		return;
	if (turn->now_ms < until_ms) {
		turn_look_by(turn, until_ms);
	} else if (!starting) { /* its check will decide, however late */
		turn->commands.useless = true;
		turn_end_quietly(turn, "nothing to judge after the bounce");
	}
}

void policy_observed_nothing(struct turn *turn, bool starting)
{
	struct policy *policy = turn->policy;

	/* who was good again, and is gone: the steps for that go on */
	if (policy_is_resolving(policy)) {
		turn->commands.ask_guards = policy->state == POLICY_WAITING;
		return;
	}
	switch (policy->state) {
	case POLICY_STARTING:
		if (!starting)
			turn_end_quietly(turn, "nothing to judge");
		break;
	case POLICY_WAITING:
	case POLICY_BREACHED:
		if (!starting && is_for_stopped(turn)) {
			turn->commands.ask_guards = true;
			break;
		}
		turn->commands.useless = !turn_at_first_step(turn);
		turn_end_quietly(turn, starting ? "started anew, not bad yet"
		                                : "nothing to judge any more");
		break;
	case POLICY_BOUNCING: /* our own step, or somebody was faster */
		if (!starting && is_for_stopped(turn))
			break;
		policy->good_seen = true;
		turn->commands.cancel = !policy->ordered;
		break;
	case POLICY_VERIFYING:
		verify_nothing(turn, starting);
		break;
	case POLICY_GOOD:
	case POLICY_COOLING:
	case POLICY_GAVE_UP:
		if (!starting)
			not_bad(turn);
		break;
	case POLICY_UNKNOWN:
	case POLICY_PAUSED:
	case N_POLICY_STATES:
		break;
	}
}
