/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy.h"

#include <assert.h>
#include "base/macros.h"
#include "core/policy_private.h"

/* A step that does nothing costs nothing, and must not be tried in a circle. */
#define NOTHING_WAIT_MS 1000
#define DRY_RUN_WAIT_MS 60000 /* until it is said again */

#define BIT(state) (1u << POLICY_##state)

/* From each state, the states that may follow. */
static const uint16_t edges[N_POLICY_STATES] = {
	[POLICY_STARTING] = BIT(BOUNCING) | BIT(GOOD) | BIT(BREACHED) |
	                    BIT(WAITING) | BIT(COOLING) | BIT(GAVE_UP) |
	                    BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_GOOD] = BIT(BOUNCING) | BIT(BREACHED) | BIT(WAITING) |
	                BIT(COOLING) | BIT(GAVE_UP) | BIT(UNKNOWN) |
	                BIT(PAUSED),
	[POLICY_BREACHED] = BIT(BOUNCING) | BIT(GOOD) | BIT(WAITING) |
	                    BIT(COOLING) | BIT(GAVE_UP) | BIT(UNKNOWN) |
	                    BIT(PAUSED),
	[POLICY_WAITING] =
		BIT(GOOD) | BIT(BOUNCING) | BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_BOUNCING] = BIT(GOOD) | BIT(WAITING) | BIT(VERIFYING) |
	                    BIT(COOLING) | BIT(GAVE_UP) | BIT(PAUSED),
	[POLICY_VERIFYING] = BIT(BOUNCING) | BIT(GOOD) | BIT(WAITING) |
	                     BIT(COOLING) | BIT(GAVE_UP) | BIT(UNKNOWN) |
	                     BIT(PAUSED),
	[POLICY_COOLING] = BIT(BOUNCING) | BIT(GOOD) | BIT(WAITING) |
	                   BIT(GAVE_UP) | BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_GAVE_UP] =
		BIT(BOUNCING) | BIT(GOOD) | BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_UNKNOWN] = BIT(BOUNCING) | BIT(STARTING) | BIT(GOOD) |
	                   BIT(BREACHED) | BIT(WAITING) | BIT(VERIFYING) |
	                   BIT(COOLING) | BIT(GAVE_UP) | BIT(PAUSED),
	[POLICY_PAUSED] = BIT(STARTING),
};

static const char *const state_names[N_POLICY_STATES] = {
	[POLICY_STARTING] = "starting", [POLICY_GOOD] = "good",
	[POLICY_BREACHED] = "breached", [POLICY_WAITING] = "waiting",
	[POLICY_BOUNCING] = "bouncing", [POLICY_VERIFYING] = "verifying",
	[POLICY_COOLING] = "cooling",   [POLICY_GAVE_UP] = "gave_up",
	[POLICY_UNKNOWN] = "unknown",   [POLICY_PAUSED] = "paused",
};

static const char *const guard_names[N_POLICY_GUARDS] = {
	"grace", "cooldown", "budget",  "storm", "target", "person",
	"pause", "unknown",  "dry_run", "quiet", "hook",
};

const char *policy_state_name(enum policy_state state)
{
	return state_names[state];
}

const char *policy_guard_name(uint32_t guard)
{
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		if (guard == 1u << i)
			return guard_names[i];
	}
	return "none";
}

void policy_init(struct policy *policy, uint64_t now_ms)
{
	*policy = (struct policy){
		.state = POLICY_STARTING,
		.since_ms = now_ms,
		.created_ms = now_ms,
		.deadline_ms = POLICY_NEVER,
		.bad_since_ms = POLICY_NEVER,
		.known_ms = POLICY_NEVER,
		.seen_ms = POLICY_NEVER,
		.push_ms = POLICY_NEVER,
		.ended_ms = POLICY_NEVER,
		.run_ms = POLICY_NO_RUN,
		.bounced_run_ms = POLICY_NO_RUN,
	};
}

void turn_move(struct turn *turn, enum policy_state to, const char *reason)
{
	struct policy *policy = turn->policy;
	struct policy_commands *commands = &turn->commands;

	assert(edges[policy->state] & (1u << to));
	assert(commands->n_moves < POLICY_MAX_MOVES);
	commands->moves[commands->n_moves++] =
		(struct policy_move){ policy->state, to, reason };
	policy->state = to;
	policy->since_ms = turn->now_ms;
	policy->deadline_ms = POLICY_NEVER;
	policy->held = 0;
}

void turn_look_by(struct turn *turn, uint64_t at_ms)
{
	turn->policy->deadline_ms = MIN(turn->policy->deadline_ms, at_ms);
}

void turn_hold(struct turn *turn, uint32_t held)
{
	turn->commands.newly_held |= held & ~turn->policy->held;
	turn->policy->held = held;
}

/* --- where bad leads ---------------------------------------------------- */

/* From the top of the ladder: may a new bounce begin? */
static void want_bounce(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;

	policy->step = 0;
	if (policy_budget_spent(turn)) {
		turn_move(turn, POLICY_GAVE_UP, "budget of bounces is spent");
		turn_hold(turn, GUARD_BUDGET);
	} else if (turn->now_ms < policy->cool_until_ms) {
		if (policy->state != POLICY_COOLING) {
			turn_move(turn, POLICY_COOLING,
			          "cooldown since the last bounce");
			turn_hold(turn, GUARD_COOLDOWN);
		}
		policy->deadline_ms = policy->cool_until_ms;
	} else {
		turn_move(turn, POLICY_WAITING, reason);
	}
}

/* The bounce is over and nothing is left to try in it. */
static void bounce_failed(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;

	policy->n_failed++;
	policy->step = 0;
	policy_cool_down(turn);
	if (policy_budget_spent(turn)) {
		turn_move(turn, POLICY_GAVE_UP, "budget of bounces is spent");
		turn_hold(turn, GUARD_BUDGET);
		return;
	}
	turn_move(turn, POLICY_COOLING, reason);
	turn_hold(turn, GUARD_COOLDOWN);
	policy->deadline_ms = policy->cool_until_ms;
}

static bool next_step(struct turn *turn, const char *reason)
{
	if (turn->policy->step + 1 >= turn->rules->n_steps)
		return false;
	turn->policy->step++;
	turn_move(turn, POLICY_WAITING, reason);
	return true;
}

/* Has the source spoken since the last step ended? What it said before does
 * not tell whether another one is needed. */
static bool step_is_judged(const struct policy *policy)
{
	return policy->step == 0 || policy->known_ms >= policy->ended_ms;
}

static void verify_bad(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (turn->now_ms < policy->ended_ms + turn->rules->verify_ms &&
	    !turn->answered) {
		policy->deadline_ms = policy->ended_ms + turn->rules->verify_ms;
		return;
	}
	if (next_step(turn, "step did not help, next one"))
		return;
	turn->commands.useless = true;
	bounce_failed(turn, "bounce did not help");
	if (policy->state == POLICY_COOLING &&
	    turn->now_ms >= policy->cool_until_ms)
		want_bounce(turn, "still bad after the bounce");
}

void policy_observed_bad(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;

	if (policy->bad_since_ms == POLICY_NEVER)
		policy->bad_since_ms = turn->now_ms;

	switch (policy->state) {
	case POLICY_STARTING:
	case POLICY_GOOD:
	case POLICY_BREACHED:
		if (turn->now_ms < policy->bad_since_ms + turn->rules->for_ms) {
			if (policy->state != POLICY_BREACHED)
				turn_move(turn, POLICY_BREACHED, reason);
			policy->deadline_ms =
				policy->bad_since_ms + turn->rules->for_ms;
		} else {
			want_bounce(turn, reason);
		}
		break;
	case POLICY_VERIFYING:
		verify_bad(turn);
		break;
	case POLICY_COOLING:
		want_bounce(turn, "cooldown is over and still bad");
		break;
	case POLICY_BOUNCING:
		policy->good_seen = false;
		break;
	case POLICY_WAITING:
	case POLICY_GAVE_UP:
	case POLICY_UNKNOWN:
	case POLICY_PAUSED:
	case N_POLICY_STATES:
		break;
	}
	turn->commands.ask_guards |= policy->state == POLICY_WAITING;
}

/* --- where good leads --------------------------------------------------- */

void policy_observed_good(struct turn *turn)
{
	struct policy *policy = turn->policy;
	const char *reason = "good again";

	policy->bad_since_ms = POLICY_NEVER;
	policy->breach = POLICY_BREACH_NONE;
	switch (policy->state) {
	case POLICY_GOOD:
		policy->n_failed = 0; /* a bounce's end may have been quiet */
		return;
	case POLICY_PAUSED:
	case POLICY_UNKNOWN:
	case N_POLICY_STATES:
		return;
	case POLICY_BOUNCING:
		policy->good_seen = true;
		turn->commands.cancel = !policy->ordered;
		return;
	case POLICY_VERIFYING:
		turn->commands.recovered = true;
		reason = "recovered";
		break;
	case POLICY_GAVE_UP:
		policy->n_bounces = 0;
		policy->cool_until_ms = 0;
		reason = "good again, released";
		break;
	case POLICY_STARTING:
		reason = "good";
		break;
	case POLICY_WAITING: /* for the next step: the one before helped */
		turn->commands.recovered = policy->step > 0;
		break;
	case POLICY_BREACHED:
	case POLICY_COOLING:
		break;
	}
	policy->n_failed = 0;
	policy->step = 0;
	turn_move(turn, POLICY_GOOD, reason);
}

void policy_observed_missing(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (policy->state != POLICY_BREACHED && policy->state != POLICY_WAITING)
		return;
	policy->bad_since_ms = POLICY_NEVER;
	policy->step = 0;
	turn_move(turn, POLICY_GOOD, "missing, but not for long yet");
}

static void not_bad(struct turn *turn)
{
	turn->policy->bad_since_ms = POLICY_NEVER;
	turn->policy->breach = POLICY_BREACH_NONE;
}

static void quiet_end(struct turn *turn, const char *reason)
{
	not_bad(turn);
	turn->policy->step = 0;
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
	return turn->policy->step > 0 && stops(turn, turn->policy->step - 1u);
}

/* What a step has stopped says nothing any more: the next one is for it. */
static bool next_of_stopped(struct turn *turn, bool is_over)
{
	if (!stops(turn, turn->policy->step) || !(turn->stopped || is_over) ||
	    !next_step(turn, "stopped by the step, next one"))
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
		quiet_end(turn, "nothing to judge after the bounce");
	}
}

void policy_observed_nothing(struct turn *turn, bool starting)
{
	struct policy *policy = turn->policy;

	switch (policy->state) {
	case POLICY_STARTING:
		if (!starting)
			quiet_end(turn, "nothing to judge");
		break;
	case POLICY_WAITING:
	case POLICY_BREACHED:
		if (!starting && is_for_stopped(turn)) {
			turn->commands.ask_guards = true;
			break;
		}
		turn->commands.useless = policy->step > 0;
		quiet_end(turn, starting ? "started anew, not bad yet"
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

/* --- the other events --------------------------------------------------- */

static void run_step(struct turn *turn)
{
	/* should we not live to see its end */
	turn->policy->cool_until_ms = turn->now_ms + turn->rules->cooldown_ms;
	turn->policy->bounced_run_ms = turn->policy->run_ms;
	turn->policy->bounced_run_ended = turn->policy->run_ended;
	turn->commands.run_step = true;
}

static void guards(struct turn *turn, const struct policy_event *event)
{
	struct policy *policy = turn->policy;
	uint32_t held = event->held;
	uint64_t grace_end_ms =
		policy->created_ms + turn->rules->start_grace_ms;

	if (policy->state != POLICY_WAITING || !step_is_judged(policy))
		return;
	if (turn->now_ms < grace_end_ms) {
		held |= GUARD_GRACE;
		policy->deadline_ms = grace_end_ms;
	}
	/* a step that was paused over may have ended since it waits */
	if (policy->step == 0 && turn->now_ms < policy->cool_until_ms) {
		held |= GUARD_COOLDOWN;
		policy->deadline_ms = MAX(grace_end_ms, policy->cool_until_ms);
	}
	if (event->held & GUARD_QUIET)
		policy->deadline_ms = held & (GUARD_GRACE | GUARD_COOLDOWN)
		                              ? MAX(policy->deadline_ms,
		                                    event->quiet_until_ms)
		                              : event->quiet_until_ms;
	turn_hold(turn, held);
	/* nobody says when those outside let go */
	if (turn->rules->exact &&
	    (held & ~(GUARD_GRACE | GUARD_COOLDOWN | GUARD_QUIET)))
		turn_look_by(turn, turn->now_ms + POLICY_LOOK_AGAIN_MS);
	if (held)
		return;

	if (policy->step == 0)
		policy_budget_take(turn);
	policy->good_seen = false;
	run_step(turn);
	turn_move(turn, POLICY_BOUNCING,
	          policy->step == 0 ? "bounce" : "next step of the bounce");
}

static void order(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (policy->state == POLICY_BOUNCING)
		return;
	policy->step = 0;
	policy->ordered = true;
	policy->good_seen = !policy_is_bad(policy);
	run_step(turn);
	if (policy->state != POLICY_PAUSED)
		turn_move(turn, POLICY_BOUNCING,
		          "bounce ordered by an operator");
}

/* The step did nothing to the target. */
static void step_was_nothing(struct turn *turn, const char *reason,
                             uint32_t guard)
{
	struct policy *policy = turn->policy;

	policy_budget_refund(turn);
	policy->step = 0;
	policy_cool_down(turn);
	policy->cool_until_ms =
		MAX(policy->cool_until_ms, turn->now_ms + NOTHING_WAIT_MS);
	turn_move(turn, POLICY_COOLING, reason);
	turn_hold(turn, guard);
	policy->deadline_ms = policy->cool_until_ms;
	/* what would be done has been said */
	if (guard == GUARD_DRY_RUN)
		policy->deadline_ms = MAX(policy->deadline_ms,
		                          turn->now_ms + DRY_RUN_WAIT_MS);
}

/* Unless a step before this one did. */
static void bounce_never_began(struct turn *turn)
{
	if (turn->policy->step == 0)
		turn->policy->cool_until_ms = 0;
	policy_budget_refund(turn);
}

static void step_ended(struct turn *turn, enum policy_outcome outcome)
{
	struct policy *policy = turn->policy;

	policy->ended_ms = turn->now_ms;
	switch (outcome) {
	case OUTCOME_DONE:
		policy_cool_down(turn);
		turn_move(turn, POLICY_VERIFYING, "step done, does it help?");
		policy->deadline_ms = turn->now_ms + turn->rules->verify_ms;
		break;
	case OUTCOME_SETTLED:
		policy_cool_down(turn);
		turn->commands.recovered = true;
		policy->n_failed = 0;
		quiet_end(turn, "nothing is left to heal");
		break;
	case OUTCOME_FAILED:
		if (next_step(turn, "step failed, next one"))
			turn->commands.observe = true;
		else
			bounce_failed(turn, "bounce failed");
		break;
	case OUTCOME_UNAVAILABLE:
		policy_budget_refund(turn);
		bounce_failed(turn, "runtime cannot be reached");
		break;
	case OUTCOME_LEFT_ALONE:
		step_was_nothing(turn,
		                 "target was paused or stopped by a person",
		                 GUARD_PERSON);
		break;
	case OUTCOME_DRY_RUN:
		step_was_nothing(turn, "dry run", GUARD_DRY_RUN);
		break;
	case OUTCOME_VETOED:
		step_was_nothing(turn, "the command before it said no",
		                 GUARD_HOOK);
		break;
	case OUTCOME_CANCELLED:
		bounce_never_began(turn);
		if (policy->good_seen) {
			quiet_end(turn, policy_is_bad(policy)
			                        ? "bounce was cancelled"
			                        : "good again");
		} else {
			want_bounce(turn, "bounce was cancelled");
			turn->commands.ask_guards =
				policy->state == POLICY_WAITING;
		}
		break;
	}
}

/* Paused while it ran: whether it helped is not asked, but it counts. */
static void step_ended_unheeded(struct turn *turn, enum policy_outcome outcome)
{
	turn->policy->ended_ms = turn->now_ms;
	if (outcome == OUTCOME_CANCELLED)
		bounce_never_began(turn);
	else
		policy_cool_down(turn);
}

static void pause_or_resume(struct turn *turn, bool pause)
{
	struct policy *policy = turn->policy;

	if (pause && policy->state != POLICY_PAUSED) {
		turn_move(turn, POLICY_PAUSED, "paused");
		turn_hold(turn, GUARD_PAUSE);
	} else if (!pause && policy->state == POLICY_PAUSED) {
		policy->bad_since_ms = POLICY_NEVER;
		policy->step = 0;
		turn_move(turn, POLICY_STARTING, "resumed");
		turn->commands.observe = turn->rules->exact;
	}
}

struct policy_commands policy_step(struct policy *policy,
                                   const struct policy_rules *rules,
                                   const struct policy_event *event,
                                   uint64_t now_ms, struct rng *rng)
{
	struct turn turn = {
		.policy = policy,
		.rules = rules,
		.now_ms = now_ms,
		.rng = rng,
	};

	switch (event->kind) {
	case POLICY_EVENT_OBSERVED:
		policy_observed(&turn, &event->observation);
		break;
	case POLICY_EVENT_DEADLINE:
		policy->deadline_ms = POLICY_NEVER;
		turn.commands.observe = policy->state != POLICY_PAUSED;
		break;
	case POLICY_EVENT_GUARDS:
		guards(&turn, event);
		break;
	case POLICY_EVENT_STEP_ENDED:
		if (policy->state == POLICY_BOUNCING)
			step_ended(&turn, event->outcome);
		else
			step_ended_unheeded(&turn, event->outcome);
		policy->ordered = false;
		/* what was said meanwhile is not said again */
		turn.commands.observe |=
			rules->exact && policy->state != POLICY_PAUSED;
		break;
	case POLICY_EVENT_PAUSE:
	case POLICY_EVENT_RESUME:
		pause_or_resume(&turn, event->kind == POLICY_EVENT_PAUSE);
		break;
	case POLICY_EVENT_ORDER:
		order(&turn);
		break;
	}
	return turn.commands;
}
