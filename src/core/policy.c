/* SPDX-License-Identifier: Apache-2.0 */
#include "core/policy.h"

#include <assert.h>
#include <stddef.h>
#include "base/macros.h"

/* A gateway's clock is read in whole seconds: a push time that moves by less
 * is the same push. */
#define SAME_PUSH_MS 1500

/* Waits after failures are lengthened by up to this share, so that monitors
 * that failed together do not come back together. */
#define JITTER_PERCENT 10

#define BIT(state) (1u << POLICY_##state)

/* From each state, the states that may follow. */
static const uint16_t edges[N_POLICY_STATES] = {
	[POLICY_STARTING] = BIT(GOOD) | BIT(BREACHED) | BIT(WAITING) |
	                    BIT(COOLING) | BIT(GAVE_UP) | BIT(UNKNOWN) |
	                    BIT(PAUSED),
	[POLICY_GOOD] = BIT(BREACHED) | BIT(WAITING) | BIT(COOLING) |
	                BIT(GAVE_UP) | BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_BREACHED] = BIT(GOOD) | BIT(WAITING) | BIT(COOLING) |
	                    BIT(GAVE_UP) | BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_WAITING] =
		BIT(GOOD) | BIT(BOUNCING) | BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_BOUNCING] = BIT(GOOD) | BIT(WAITING) | BIT(VERIFYING) |
	                    BIT(COOLING) | BIT(GAVE_UP) | BIT(PAUSED),
	[POLICY_VERIFYING] = BIT(GOOD) | BIT(WAITING) | BIT(COOLING) |
	                     BIT(GAVE_UP) | BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_COOLING] = BIT(GOOD) | BIT(WAITING) | BIT(GAVE_UP) |
	                   BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_GAVE_UP] = BIT(GOOD) | BIT(UNKNOWN) | BIT(PAUSED),
	[POLICY_UNKNOWN] = BIT(STARTING) | BIT(GOOD) | BIT(BREACHED) |
	                   BIT(WAITING) | BIT(VERIFYING) | BIT(COOLING) |
	                   BIT(GAVE_UP) | BIT(PAUSED),
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
	"grace",  "cooldown", "budget",  "storm",   "target",
	"person", "pause",    "unknown", "dry_run",
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
	};
}

/* All that one call works with. */
struct turn {
	struct policy *policy;
	const struct policy_rules *rules;
	uint64_t now_ms;
	struct rng *rng;
	struct policy_commands commands;
};

static void turn_move(struct turn *turn, enum policy_state to,
                      const char *reason)
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

static void turn_hold(struct turn *turn, uint32_t held)
{
	turn->commands.newly_held |= held & ~turn->policy->held;
	turn->policy->held = held;
}

/* --- budget and backoff ------------------------------------------------- */

static int32_t bounce_stamp(const struct policy *policy, uint64_t now_ms)
{
	return (int32_t)(((int64_t)now_ms - (int64_t)policy->created_ms) /
	                 1000);
}

/* Forgets the bounces that have left the window; true if it is full. */
static bool budget_spent(struct turn *turn)
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
	return n_kept >= turn->rules->max_bounces;
}

static void budget_take(struct turn *turn)
{
	struct policy *policy = turn->policy;

	assert(policy->n_bounces < POLICY_MAX_BOUNCES);
	policy->bounces[policy->n_bounces++] =
		bounce_stamp(policy, turn->now_ms);
}

/* The bounce did nothing: only the first step has paid for it. */
static void budget_refund(struct turn *turn)
{
	if (turn->policy->step == 0 && turn->policy->n_bounces > 0)
		turn->policy->n_bounces--;
}

/* Unless a step before this one did. */
static void bounce_never_began(struct turn *turn)
{
	if (turn->policy->step == 0)
		turn->policy->cool_until_ms = 0;
	budget_refund(turn);
}

/* How long to stay away after the step that has just ended. */
static uint64_t wait_after_bounce(struct turn *turn)
{
	const struct policy_rules *rules = turn->rules;
	uint64_t longest = MAX(rules->backoff_max_ms, rules->cooldown_ms);
	uint64_t wait = rules->cooldown_ms;

	if (turn->policy->n_failed == 0)
		return wait;
	wait = MAX(wait, 1000); /* never at once after a failure */
	for (uint32_t i = 1; i < turn->policy->n_failed && wait < longest; i++)
		wait = wait / 100 * rules->backoff_percent +
		       wait % 100 * rules->backoff_percent / 100;
	wait = MIN(wait, MAX(longest, 1000));
	return wait + rng_below(turn->rng, wait / 100 * JITTER_PERCENT + 1);
}

static void cool_down(struct turn *turn)
{
	struct policy *policy = turn->policy;

	policy->cool_until_ms = policy->ended_ms + wait_after_bounce(turn);
}

/* --- where bad leads ---------------------------------------------------- */

/* From the top of the ladder: may a new bounce begin? */
static void want_bounce(struct turn *turn, const char *reason)
{
	struct policy *policy = turn->policy;

	policy->step = 0;
	if (budget_spent(turn)) {
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
	cool_down(turn);
	if (budget_spent(turn)) {
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

	if (turn->now_ms < policy->ended_ms + turn->rules->verify_ms) {
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

static void observed_bad(struct turn *turn, const char *reason)
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

static void observed_good(struct turn *turn)
{
	struct policy *policy = turn->policy;
	const char *reason = "good again";

	policy->bad_since_ms = POLICY_NEVER;
	switch (policy->state) {
	case POLICY_GOOD:
	case POLICY_PAUSED:
	case POLICY_UNKNOWN:
	case N_POLICY_STATES:
		return;
	case POLICY_BOUNCING:
		policy->good_seen = true;
		turn->commands.cancel = true;
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

/* Missing, but not for long enough to be bad: neither good nor a reason to
 * bounce. */
static void observed_missing(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (policy->state != POLICY_BREACHED && policy->state != POLICY_WAITING)
		return;
	policy->bad_since_ms = POLICY_NEVER;
	policy->step = 0;
	turn_move(turn, POLICY_GOOD, "missing, but not for long yet");
}

/* --- what an observation means ------------------------------------------ */

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

static void observed(struct turn *turn, const struct observation *observation)
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
		observed_bad(turn, policy->missing ? "missing for too long"
		                                   : "last push is too old");
	else if (policy->missing)
		observed_missing(turn);
	else
		observed_good(turn);
}

/* --- the other events --------------------------------------------------- */

static void guards(struct turn *turn, uint32_t held)
{
	struct policy *policy = turn->policy;
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
	turn_hold(turn, held);
	if (held)
		return;

	if (policy->step == 0)
		budget_take(turn);
	policy->good_seen = false;
	/* should we not live to see its end */
	policy->cool_until_ms = turn->now_ms + turn->rules->cooldown_ms;
	turn_move(turn, POLICY_BOUNCING,
	          policy->step == 0 ? "bounce" : "next step of the bounce");
	turn->commands.run_step = true;
}

/* The step did nothing to the target. */
static void step_was_nothing(struct turn *turn, const char *reason,
                             uint32_t guard)
{
	struct policy *policy = turn->policy;

	budget_refund(turn);
	policy->step = 0;
	cool_down(turn);
	turn_move(turn, POLICY_COOLING, reason);
	turn_hold(turn, guard);
	policy->deadline_ms = policy->cool_until_ms;
}

static void step_ended(struct turn *turn, enum policy_outcome outcome)
{
	struct policy *policy = turn->policy;

	policy->ended_ms = turn->now_ms;
	switch (outcome) {
	case OUTCOME_DONE:
		cool_down(turn);
		turn_move(turn, POLICY_VERIFYING, "step done, does it help?");
		policy->deadline_ms = turn->now_ms + turn->rules->verify_ms;
		break;
	case OUTCOME_FAILED:
		if (next_step(turn, "step failed, next one"))
			turn->commands.observe = true;
		else
			bounce_failed(turn, "bounce failed");
		break;
	case OUTCOME_UNAVAILABLE:
		budget_refund(turn);
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
	case OUTCOME_CANCELLED:
		bounce_never_began(turn);
		if (policy->good_seen) {
			policy->step = 0;
			turn_move(turn, POLICY_GOOD, "good again");
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
		cool_down(turn);
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
	}
}

struct policy_commands policy_step(struct policy *policy,
                                   const struct policy_rules *rules,
                                   const struct policy_event *event,
                                   uint64_t now_ms, struct rng *rng)
{
	struct turn turn = { policy, rules, now_ms, rng, { 0 } };

	switch (event->kind) {
	case POLICY_EVENT_OBSERVED:
		observed(&turn, &event->observation);
		break;
	case POLICY_EVENT_DEADLINE:
		policy->deadline_ms = POLICY_NEVER;
		turn.commands.observe = policy->state != POLICY_PAUSED;
		break;
	case POLICY_EVENT_GUARDS:
		guards(&turn, event->held);
		break;
	case POLICY_EVENT_STEP_ENDED:
		if (policy->state == POLICY_BOUNCING)
			step_ended(&turn, event->outcome);
		else
			step_ended_unheeded(&turn, event->outcome);
		break;
	case POLICY_EVENT_PAUSE:
	case POLICY_EVENT_RESUME:
		pause_or_resume(&turn, event->kind == POLICY_EVENT_PAUSE);
		break;
	}
	return turn.commands;
}

/* --- across our own restart --------------------------------------------- */

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
		.cool_until_ms = policy->cool_until_ms == 0
		                         ? INT64_MIN
		                         : (int64_t)policy->cool_until_ms,
		.gave_up = state == POLICY_GAVE_UP,
	};
	for (uint8_t i = 0; i < policy->n_bounces; i++)
		saved->bounces_ms[i] = (int64_t)policy->created_ms +
		                       (int64_t)policy->bounces[i] * 1000;
}

bool policy_saved_empty(const struct policy_saved *saved)
{
	return saved->n_bounces == 0 && saved->n_failed == 0 &&
	       saved->ended_ms == INT64_MIN && !saved->gave_up;
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
	if (saved->cool_until_ms > (int64_t)now_ms)
		policy->cool_until_ms = (uint64_t)saved->cool_until_ms;
	if (saved->gave_up) {
		policy->state = POLICY_GAVE_UP;
		policy->held = GUARD_BUDGET;
	}
}
