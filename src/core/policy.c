/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy.h"

#include <assert.h>
#include "base/macros.h"
#include "core/policy_private.h"

/* A step that does nothing costs nothing, and must not be tried in a circle. */
#define NOTHING_WAIT_MS      1000
#define NOTHING_WAIT_ONCE_MS 60000
#define DRY_RUN_WAIT_MS      60000 /* until it is said again */

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
	/* to itself, as from COOLING: at another level */
	[POLICY_WAITING] = BIT(GOOD) | BIT(WAITING) | BIT(BOUNCING) |
	                   BIT(COOLING) | BIT(GAVE_UP) | BIT(UNKNOWN) |
	                   BIT(PAUSED),
	[POLICY_BOUNCING] = BIT(GOOD) | BIT(WAITING) | BIT(VERIFYING) |
	                    BIT(COOLING) | BIT(GAVE_UP) | BIT(PAUSED),
	[POLICY_VERIFYING] = BIT(BOUNCING) | BIT(GOOD) | BIT(WAITING) |
	                     BIT(COOLING) | BIT(GAVE_UP) | BIT(UNKNOWN) |
	                     BIT(PAUSED),
	[POLICY_COOLING] = BIT(BOUNCING) | BIT(GOOD) | BIT(WAITING) |
	                   BIT(COOLING) | BIT(GAVE_UP) | BIT(UNKNOWN) |
	                   BIT(PAUSED),
	[POLICY_GAVE_UP] =
		/* at the hard level, that has a budget of its own */
	BIT(WAITING) | BIT(COOLING) | BIT(BOUNCING) | BIT(GOOD) | BIT(UNKNOWN) |
	BIT(PAUSED),
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
	"grace",   "cooldown", "budget", "storm", "target",   "person", "pause",
	"unknown", "dry_run",  "quiet",  "hook",  "throttle", "leader",
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
		.beyond_ms = { POLICY_NEVER, POLICY_NEVER },
		.level = POLICY_LEVEL_NONE,
		.due = POLICY_LADDER_NONE,
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

/* With compat nothing but a reading decides. */
static void wake_at(struct turn *turn, uint64_t at_ms)
{
	turn->policy->deadline_ms = turn_is_compat(turn) ? POLICY_NEVER : at_ms;
}

static bool gave_up(struct turn *turn)
{
	if (!policy_budget_spent(turn))
		return false;
	turn_move(turn, POLICY_GAVE_UP, "budget of bounces is spent");
	turn_hold(turn, GUARD_BUDGET);
	return true;
}

/* Enters COOLING, or stays there: of the same ladder it was said already. */
static void rest(struct turn *turn, bool said, uint32_t held,
                 const char *reason)
{
	if (turn->policy->state == POLICY_COOLING && said)
		return;
	turn_move(turn, POLICY_COOLING, reason);
	turn_hold(turn, held);
}

/* From the top of its ladder: may a new bounce begin? */
static void want_bounce(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;
	enum policy_ladder ladder = policy_ladder_wanted(turn);
	bool said = policy->ladder == ladder;

	policy_ladder_enter(turn, ladder);
	if (policy_ladder_of(turn->rules, ladder).n == 0) {
		rest(turn, said, 0, "this level has no steps");
		policy->deadline_ms = POLICY_NEVER;
	} else if (gave_up(turn)) {
		return;
	} else if (turn->now_ms < policy_cool_until(policy)) {
		rest(turn, said, GUARD_COOLDOWN,
		     "cooldown since the last bounce");
		policy->deadline_ms = policy_cool_until(policy);
	} else {
		turn_move(turn, POLICY_WAITING, reason);
	}
}

/* The bounce is over and nothing is left to try in it. */
static void bounce_failed(struct turn *turn, bool acted, const char *reason)
{
	struct policy *policy = turn->policy;

	policy->n_failed++;
	policy_ladder_enter(turn, policy->ladder);
	policy_cool_down(turn, acted);
	if (gave_up(turn))
		return;
	turn_move(turn, POLICY_COOLING, reason);
	turn_hold(turn, GUARD_COOLDOWN);
	wake_at(turn, policy_cool_until(policy));
}

bool turn_next_step(struct turn *turn, const char *reason)
{
	if (!policy_has_next_step(turn))
		return false;
	turn->policy->step++;
	turn_move(turn, POLICY_WAITING, reason);
	return true;
}

/* Has the source spoken since the last step ended? What it said before does
 * not tell whether another one is needed. */
static bool step_is_judged(const struct turn *turn)
{
	const struct policy *policy = turn->policy;

	return turn_at_first_step(turn) || policy_is_resolving(policy) ||
	       policy->known_ms >= policy->ended_ms;
}

/* True: its time is over, and it is at the end of its ladder. */
static bool verify_is_over(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (turn->now_ms < policy->ended_ms + turn->rules->verify_ms &&
	    !turn->answered) {
		wake_at(turn, policy->ended_ms + turn->rules->verify_ms);
		return false;
	}
	if (turn_next_step(turn, "step did not help, next one"))
		return false;
	turn->commands.useless = true;
	bounce_failed(turn, true, "bounce did not help");
	return true;
}

static void verify_bad(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (verify_is_over(turn) && policy->state == POLICY_COOLING &&
	    turn->now_ms >= policy_cool_until(policy))
		want_bounce(turn, "still bad after the bounce");
}

/* What soft has spent does not leave hard without any: once for a breach. */
static bool may_renew_budget(struct turn *turn)
{
	return !turn->policy->renewed && policy_budget_spent(turn) &&
	       policy_ladder_of(turn->rules, POLICY_LADDER_HARD).n > 0;
}

/* What was begun of the other level's ladder is over: the step up says that it
 * did not help, the step down that it did, as far as it could. */
static void change_ladder(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;
	bool begun =
		policy->state == POLICY_VERIFYING ||
		(policy->state == POLICY_WAITING && !turn_at_first_step(turn));
	bool up = policy->level == POLICY_LEVEL_HARD;

	turn->commands.useless = begun && up;
	turn->commands.recovered = begun && !up;
	policy->n_failed = 0;
	if (up && may_renew_budget(turn)) {
		policy->renewed = true;
		policy->n_bounces = 0;
	}
	want_bounce(turn, reason);
}

/* Another level is active than that whose ladder is walked. */
static bool is_other_level(const struct turn *turn)
{
	return turn->rules->levels && !turn_is_compat(turn) &&
	       turn->policy->ladder != policy_ladder_wanted(turn);
}

/* Bad, in a state in which a bounce was wanted before. */
static void still_bad(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;

	/* after an order, or our own restart: `for` is not over */
	if (turn->rules->levels && !policy_level_is_due(turn))
		return;
	if (is_other_level(turn))
		change_ladder(turn, reason);
	else if (policy->state == POLICY_VERIFYING)
		verify_bad(turn);
	else if (policy->state == POLICY_COOLING)
		want_bounce(turn, "cooldown is over and still bad");
}

/* The steps for the end of a breach are walked to their own end, if one has
 * begun; else they are taken back. */
static bool walks_on_resolving(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (!policy_is_resolving(policy))
		return false;
	if (policy->state == POLICY_WAITING && turn_at_first_step(turn)) {
		policy_ladder_leave(turn);
		turn_move(turn, POLICY_GOOD, "bad again");
		return false;
	}
	if (policy->state == POLICY_WAITING)
		turn->commands.ask_guards = true;
	return policy->state == POLICY_WAITING ||
	       policy->state == POLICY_BOUNCING;
}

static void begin_breach(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;

	if (policy_level_is_due(turn)) {
		want_bounce(turn, reason);
		return;
	}
	if (policy->state != POLICY_BREACHED)
		turn_move(turn, POLICY_BREACHED, reason);
	policy->deadline_ms =
		turn->rules->levels
			? POLICY_NEVER /* policy_level.c's */
			: policy->bad_since_ms + turn->rules->for_ms;
}

void policy_observed_bad(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;

	if (policy->bad_since_ms == POLICY_NEVER)
		policy->bad_since_ms = turn->now_ms;
	if (walks_on_resolving(turn))
		return;

	switch (policy->state) {
	case POLICY_STARTING:
	case POLICY_GOOD:
	case POLICY_BREACHED:
		begin_breach(turn, reason);
		break;
	case POLICY_VERIFYING:
	case POLICY_COOLING:
	case POLICY_WAITING:
		still_bad(turn, reason);
		break;
	case POLICY_BOUNCING:
		policy->good_seen = false;
		break;
	case POLICY_GAVE_UP:
		if (is_other_level(turn) && may_renew_budget(turn) &&
		    policy->level == POLICY_LEVEL_HARD)
			change_ladder(turn, reason);
		break;
	case POLICY_UNKNOWN:
	case POLICY_PAUSED:
	case N_POLICY_STATES:
		break;
	}
	turn->commands.ask_guards |= policy->state == POLICY_WAITING;
}

/* --- … when the original decides ---------------------------------------- */

static void begin_due(struct turn *turn, enum policy_ladder ladder,
                      const char *reason)
{
	policy_ladder_enter(turn, ladder);
	if (policy_ladder_of(turn->rules, ladder).n == 0)
		rest(turn, false, 0, "this level has no steps");
	else if (!gave_up(turn))
		turn_move(turn, POLICY_WAITING, reason);
	turn->commands.ask_guards = turn->policy->state == POLICY_WAITING;
}

static void note_bad(struct turn *turn)
{
	if (turn->policy->bad_since_ms == POLICY_NEVER)
		turn->policy->bad_since_ms = turn->now_ms;
}

void policy_observed_due(struct turn *turn, enum policy_ladder first,
                         const char *reason)
{
	struct policy *policy = turn->policy;

	note_bad(turn);
	if (walks_on_resolving(turn) || policy->state == POLICY_GAVE_UP)
		return;
	if (policy->state == POLICY_WAITING) {
		if (policy->ladder != first)
			policy->due = (uint8_t)first;
		turn->commands.ask_guards = true;
		return;
	}
	if (policy->state == POLICY_VERIFYING) {
		turn->commands.useless = true;
		policy->n_failed++;
	}
	begin_due(turn, first, reason);
}

void policy_observed_not_due(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;

	note_bad(turn);
	if (walks_on_resolving(turn))
		return;
	if (policy->state == POLICY_WAITING)
		turn->commands.ask_guards = true;
	else if (policy->state == POLICY_VERIFYING)
		(void)verify_is_over(turn);
	else if (policy->state != POLICY_STARTING &&
	         policy->state != POLICY_GOOD)
		return;
	else if (turn->now_ms < policy_cool_until(policy))
		rest(turn, false, GUARD_COOLDOWN,
		     "cooldown since the last bounce");
	else
		turn_move(turn, POLICY_BREACHED, reason);
}

/* What is due behind the ladder that has just ended, if that is over. */
static void follow_due(struct turn *turn)
{
	struct policy *policy = turn->policy;
	enum policy_ladder due = (enum policy_ladder)policy->due;

	if (due == POLICY_LADDER_NONE || (policy->state != POLICY_VERIFYING &&
	                                  policy->state != POLICY_COOLING))
		return;
	policy->due = POLICY_LADDER_NONE;
	turn->commands.useless |= policy->state == POLICY_VERIFYING;
	begin_due(turn, due, "the other level is due, too");
}

/* --- the other events --------------------------------------------------- */

/* Should we not live to see its end, it counts from now. */
static void cool_from_now(struct turn *turn)
{
	struct policy *policy = turn->policy;
	uint64_t cooldown_ms = policy_cooldown(policy, turn->rules);

	if (turn_is_compat(turn) || policy_is_resolving(policy))
		return;
	*policy_cool_slot(policy) = turn->rules->levels && cooldown_ms == 0
	                                    ? POLICY_NEVER
	                                    : turn->now_ms + cooldown_ms;
}

static void run_step(struct turn *turn)
{
	struct policy *policy = turn->policy;

	cool_from_now(turn);
	policy->run_was_bad = policy_is_bad(policy);
	policy->bounced_run_ms = policy->run_ms;
	policy->bounced_run_ended = policy->run_ended;
	turn->commands.run_step = true;
}

/* The outer guards that hold what has to be done when it is good again: it is
 * no bounce, so nothing but the target, people and a leader
 * are in its way. */
#define RESOLVED_GUARDS \
	(GUARD_TARGET | GUARD_QUIET | GUARD_PERSON | GUARD_LEADER)

/* Holds back the start of a bounce; with the moment at which it is over. */
static uint32_t inner_guards(struct turn *turn)
{
	struct policy *policy = turn->policy;
	uint64_t grace_end_ms =
		policy->created_ms + turn->rules->start_grace_ms;
	uint32_t held = 0;

	if (turn->now_ms < grace_end_ms) {
		held |= GUARD_GRACE;
		policy->deadline_ms = grace_end_ms;
	}
	/* a step that was paused over may have ended since it waits */
	if (turn_at_first_step(turn) && !turn_is_compat(turn) &&
	    turn->now_ms < policy_cool_until(policy)) {
		held |= GUARD_COOLDOWN;
		policy->deadline_ms =
			MAX(grace_end_ms, policy_cool_until(policy));
	}
	return held;
}

static void begin_step(struct turn *turn)
{
	struct policy *policy = turn->policy;
	bool first = turn_at_first_step(turn);
	const char *reason = first ? "bounce" : "next step of the bounce";

	if (policy_is_resolving(policy)) {
		policy->bounced = false;
		reason = "a step for the end of the breach";
	} else if (first) {
		policy_budget_take(turn);
	}
	policy->good_seen = false;
	run_step(turn);
	turn_move(turn, POLICY_BOUNCING, reason);
}

static void guards(struct turn *turn, const struct policy_event *event)
{
	struct policy *policy = turn->policy;
	bool resolving = policy_is_resolving(policy);
	uint32_t held = event->held;

	if (policy->state != POLICY_WAITING || !step_is_judged(turn))
		return;
	if (resolving)
		held &= RESOLVED_GUARDS;
	else
		held |= inner_guards(turn);
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
	if (!held)
		begin_step(turn);
}

static void order(struct turn *turn)
{
	struct policy *policy = turn->policy;
	enum policy_ladder ladder = policy_ladder_of_order(policy, turn->rules);

	if (policy->state == POLICY_BOUNCING || ladder == POLICY_LADDER_NONE)
		return;
	policy_ladder_enter(turn, ladder);
	policy->due = POLICY_LADDER_NONE;
	policy->ordered = true;
	policy->good_seen = !policy_is_bad(policy);
	run_step(turn);
	if (policy->state != POLICY_PAUSED)
		turn_move(turn, POLICY_BOUNCING,
		          "bounce ordered by an operator");
}

/* Without a cooldown what did nothing is tried again so soon; where a breach
 * has one bounce, it is less urgent. */
static uint64_t nothing_wait(const struct turn *turn)
{
	return turn->rules->levels &&
	                       policy_cooldown(turn->policy, turn->rules) == 0
	               ? NOTHING_WAIT_ONCE_MS
	               : NOTHING_WAIT_MS;
}

/* The step did nothing to the target. */
static void step_was_nothing(struct turn *turn, const char *reason,
                             uint32_t guard)
{
	struct policy *policy = turn->policy;
	uint64_t *cool_untilp = policy_cool_slot(policy);

	policy_budget_refund(turn);
	policy_ladder_enter(turn, policy->ladder);
	policy_cool_down(turn, guard == GUARD_DRY_RUN);
	if (!turn_is_compat(turn))
		*cool_untilp =
			MAX(*cool_untilp, turn->now_ms + nothing_wait(turn));
	turn_move(turn, POLICY_COOLING, reason);
	turn_hold(turn, guard);
	wake_at(turn, *cool_untilp);
	/* what would be done has been said */
	if (guard == GUARD_DRY_RUN && !turn_is_compat(turn))
		policy->deadline_ms = MAX(policy->deadline_ms,
		                          turn->now_ms + DRY_RUN_WAIT_MS);
}

/* Unless a step before this one did. */
static void bounce_never_began(struct turn *turn)
{
	if (policy_is_resolving(turn->policy))
		return;
	if (turn_at_first_step(turn) && !turn_is_compat(turn))
		*policy_cool_slot(turn->policy) = 0;
	policy_budget_refund(turn);
}

/* Whatever came of it, the next one follows; then it is as good as before. */
static void resolved_step_ended(struct turn *turn, enum policy_outcome outcome)
{
	if (outcome != OUTCOME_CANCELLED &&
	    turn_next_step(turn, "next step for the end of the breach")) {
		turn->commands.ask_guards = true;
		return;
	}
	policy_ladder_leave(turn);
	turn_move(turn, POLICY_GOOD,
	          "the steps for the end of the breach "
	          "are done");
	/* what went bad meanwhile is seen now */
	turn->commands.observe = true;
}

static void step_cancelled(struct turn *turn)
{
	struct policy *policy = turn->policy;
	bool wanted = !turn->rules->levels ||
	              (!turn_is_compat(turn) && policy_level_is_due(turn));

	bounce_never_began(turn);
	if (policy->good_seen || !wanted) {
		turn_end_quietly(turn, policy_is_bad(policy)
		                               ? "bounce was cancelled"
		                               : "good again");
		return;
	}
	want_bounce(turn, "bounce was cancelled");
	turn->commands.ask_guards = policy->state == POLICY_WAITING;
}

/* It may have done something that its end has to undo. */
static void note_bounced(struct turn *turn, enum policy_outcome outcome)
{
	struct policy *policy = turn->policy;

	if (turn->rules->n_resolved && policy->run_was_bad &&
	    !policy_is_resolving(policy) &&
	    (outcome == OUTCOME_DONE || outcome == OUTCOME_SETTLED ||
	     outcome == OUTCOME_FAILED || outcome == OUTCOME_DRY_RUN))
		policy->bounced = true;
}

static void step_ended(struct turn *turn, enum policy_outcome outcome)
{
	struct policy *policy = turn->policy;

	switch (outcome) {
	case OUTCOME_DONE:
		policy_cool_down(turn, true);
		turn_move(turn, POLICY_VERIFYING, "step done, does it help?");
		wake_at(turn, turn->now_ms + turn->rules->verify_ms);
		break;
	case OUTCOME_SETTLED:
		policy_cool_down(turn, true);
		turn->commands.recovered = true;
		policy->n_failed = 0;
		turn_end_quietly(turn, "nothing is left to heal");
		break;
	case OUTCOME_FAILED:
		if (turn_next_step(turn, "step failed, next one"))
			turn->commands.observe = true;
		else
			bounce_failed(turn, false, "bounce failed");
		break;
	case OUTCOME_UNAVAILABLE:
		policy_budget_refund(turn);
		bounce_failed(turn, false, "runtime cannot be reached");
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
	case OUTCOME_THROTTLED:
		step_was_nothing(turn, "the same was begun lately",
		                 GUARD_THROTTLE);
		break;
	case OUTCOME_CANCELLED:
		step_cancelled(turn);
		break;
	}
}

/* Paused while it ran: whether it helped is not asked, but it counts. */
static void step_ended_unheeded(struct turn *turn, enum policy_outcome outcome)
{
	if (outcome == OUTCOME_CANCELLED)
		bounce_never_began(turn);
	else
		policy_cool_down(turn, outcome == OUTCOME_DONE ||
		                               outcome == OUTCOME_SETTLED);
}

static void any_step_ended(struct turn *turn, enum policy_outcome outcome)
{
	struct policy *policy = turn->policy;

	policy->ended_ms = turn->now_ms;
	note_bounced(turn, outcome);
	if (policy->state != POLICY_BOUNCING) {
		step_ended_unheeded(turn, outcome);
	} else if (policy_is_resolving(policy)) {
		resolved_step_ended(turn, outcome);
	} else {
		step_ended(turn, outcome);
		/* an alert that is resolved is not told of again */
		if (policy->alert && policy->good_seen)
			policy_observed_good(turn);
		else
			follow_due(turn);
		/* another level was reached meanwhile */
		if (policy->level != POLICY_LEVEL_NONE && is_other_level(turn))
			turn->commands.observe = true;
	}
	policy->ordered = false;
	/* what was said meanwhile is not said again */
	turn->commands.observe |=
		turn->rules->exact && policy->state != POLICY_PAUSED;
}

static void pause_or_resume(struct turn *turn, bool pause)
{
	struct policy *policy = turn->policy;

	if (pause && policy->state != POLICY_PAUSED) {
		turn_move(turn, POLICY_PAUSED, "paused");
		turn_hold(turn, GUARD_PAUSE);
	} else if (!pause && policy->state == POLICY_PAUSED) {
		policy->bad_since_ms = POLICY_NEVER;
		policy_level_reset(policy);
		policy_ladder_leave(turn);
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
		any_step_ended(&turn, event->outcome);
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
