/* SPDX-License-Identifier: Apache-2.0 */
/* What an observation means: the age that counts, and is that bad? */
#include "core/policy_private.h"

#include "base/macros.h"

/* A gateway's clock is read in whole seconds: a push time that moves by less
 * is the same push. */
#define SAME_PUSH_MS 1500

static const char *const breach_words[POLICY_BREACH_VALUE] = {
	[POLICY_BREACH_NONE] = "good",
	[POLICY_BREACH_AGE] = "last push is too old",
	[POLICY_BREACH_MISSING] = "missing for too long",
	[POLICY_BREACH_FAILED] = "job reports a failure",
	[POLICY_BREACH_RUNTIME] = "job runs for too long",
	[POLICY_BREACH_UNHEALTHY] = "container is unhealthy",
	[POLICY_BREACH_EXITED] = "container has exited",
	[POLICY_BREACH_ALERT] = "alert fires",
};

const char *policy_breach_words(const struct policy *policy)
{
	return policy->breach >= POLICY_BREACH_VALUE
	               ? policy_value_words((enum policy_breach)policy->breach)
	               : breach_words[policy->breach];
}

/* The source can be read again after @gap_ms: what was being measured has not
 * run on. */
static void resume_from_unknown(struct turn *turn, uint64_t gap_ms)
{
	struct policy *policy = turn->policy;
	enum policy_state resume = policy->resume;

	if (policy->bad_since_ms != POLICY_NEVER)
		policy->bad_since_ms += gap_ms;
	policy_level_excuse(turn, gap_ms);
	if (resume == POLICY_VERIFYING)
		policy->ended_ms = MIN(policy->ended_ms + gap_ms, turn->now_ms);
	turn_move(turn, resume, "source can be read again");
	if (resume == POLICY_GAVE_UP)
		policy->held = GUARD_BUDGET;
}

/* An age or failure: when was the last sign of life? */
/* The longest of late: it grows at once and shrinks slowly. What was pushed
 * while nobody could hear it says nothing of the gap. */
static void learn_gap(struct policy *policy, uint64_t gap_ms)
{
	if (policy->excused_ms == 0 && policy->away_ms == 0)
		policy->gap_ms =
			MAX(gap_ms, policy->gap_ms - policy->gap_ms / 8);
}

static void note_push(struct turn *turn, const struct observation *observation)
{
	struct policy *policy = turn->policy;
	uint64_t push_ms =
		turn->now_ms - MIN(observation->age_ms, turn->now_ms);
	uint64_t same_ms = turn->rules->exact ? 0 : SAME_PUSH_MS;

	if (policy->push_ms == POLICY_NEVER || policy->missing) {
		policy->excused_ms = 0;
	} else if (push_ms > policy->push_ms + same_ms) {
		learn_gap(policy, push_ms - policy->push_ms);
		policy->excused_ms = 0;
	}
	policy->push_ms = push_ms;
	policy->seen_ms = turn->now_ms;
	policy->missing = false;
}

/* Measured since it was last seen: by the source, by us, or from now on. */
static void note_missing(struct turn *turn,
                         const struct observation *observation)
{
	struct policy *policy = turn->policy;

	if (!policy->missing)
		policy->excused_ms = 0;
	policy->missing = true;
	if (observation->age_ms != OBSERVATION_NEVER)
		policy->seen_ms =
			turn->now_ms - MIN(observation->age_ms, turn->now_ms);
	else if (policy->seen_ms == POLICY_NEVER)
		policy->seen_ms = turn->now_ms;
}

/* Keeps the books of last signs of life and of outages since. */
static void keep_books(struct turn *turn, const struct observation *observation)
{
	struct policy *policy = turn->policy;
	uint64_t now_ms = turn->now_ms;
	bool was_unknown = policy->state == POLICY_UNKNOWN;
	uint64_t known_ms = policy->known_ms;
	bool missing = observation->kind == OBSERVATION_MISSING;

	if (missing)
		note_missing(turn, observation);
	else
		note_push(turn, observation);
	/* the outage, as far as it lies after the sign of life */
	if (was_unknown && known_ms != POLICY_NEVER)
		policy->excused_ms +=
			now_ms -
			MIN(now_ms, MAX(known_ms, missing ? policy->seen_ms
		                                          : policy->push_ms));
	/* pushes so frequent that each seems the same: the excuse of an older
	 * one is not theirs */
	if (!missing)
		policy->excused_ms =
			MIN(policy->excused_ms, observation->age_ms);
	policy->away_ms = observation->away_ms;
	policy->known_ms = now_ms;
}

uint64_t policy_age(const struct policy *policy, uint64_t now_ms)
{
	uint64_t from = policy->missing ? policy->seen_ms : policy->push_ms;
	uint64_t excuse = policy->excused_ms + policy->away_ms;

	if (from == POLICY_NEVER || from + excuse > now_ms)
		return 0;
	return now_ms - from - excuse;
}

bool policy_is_overdue(const struct policy *policy, uint64_t now_ms)
{
	return policy->gap_ms > 0 && !policy->missing &&
	       policy->bad_since_ms == POLICY_NEVER &&
	       policy_age(policy, now_ms) > 2 * policy->gap_ms;
}

bool policy_is_bad(const struct policy *policy)
{
	return policy->bad_since_ms != POLICY_NEVER;
}

/* How long until a time passes its limit; 0 if it has. */
static uint64_t left_ms(uint64_t time_ms, uint64_t excuse_ms, uint64_t limit_ms)
{
	time_ms -= MIN(excuse_ms, time_ms);
	return time_ms > limit_ms ? 0 : limit_ms - time_ms + 1;
}

/* Whether it is bad; if not, for how long not. */
static enum policy_breach judge(const struct turn *turn,
                                const struct observation *observation,
                                uint64_t *leftp)
{
	const struct policy *policy = turn->policy;
	const struct policy_rules *rules = turn->rules;
	uint64_t excuse_ms = policy->excused_ms + policy->away_ms;
	uint64_t grace_ms = policy->away_ms ? rules->start_grace_ms : 0;
	uint64_t age_ms = observation->age_ms;
	uint64_t run_ms = observation->running_ms;
	uint64_t left;

	if (observation->kind == OBSERVATION_FAILED)
		return POLICY_BREACH_FAILED;
	/* the source's own word is exact, where the clock's zero is nearer
	 * than the push */
	if (age_ms == OBSERVATION_NEVER)
		age_ms = turn->now_ms - policy->seen_ms;
	left = left_ms(age_ms, excuse_ms, rules->max_age_ms + grace_ms);
	if (left == 0)
		return policy->missing ? POLICY_BREACH_MISSING
		                       : POLICY_BREACH_AGE;
	if (run_ms && rules->max_runtime_ms) {
		uint64_t run_left = left_ms(run_ms, excuse_ms,
		                            rules->max_runtime_ms + grace_ms);

		if (run_left == 0)
			return POLICY_BREACH_RUNTIME;
		left = MIN(left, run_left);
	}
	*leftp = left;
	return POLICY_BREACH_NONE;
}

void policy_look_at_limit(struct turn *turn, uint64_t left_ms)
{
	enum policy_state state = turn->policy->state;

	if (turn->rules->exact && state != POLICY_BOUNCING &&
	    state != POLICY_GAVE_UP && state != POLICY_PAUSED)
		turn_look_by(turn, turn->now_ms + left_ms);
}

static void observed_unknown(struct turn *turn)
{
	struct policy *policy = turn->policy;

	if (policy->state == POLICY_PAUSED || policy->state == POLICY_BOUNCING)
		return;
	if (policy->state != POLICY_UNKNOWN) {
		policy->resume = policy->state;
		turn_move(turn, POLICY_UNKNOWN, "source cannot be read");
		turn_hold(turn, GUARD_UNKNOWN);
	}
	if (turn->rules->exact)
		turn_look_by(turn, turn->now_ms + POLICY_LOOK_AGAIN_MS);
}

static void observed_push(struct turn *turn,
                          const struct observation *observation)
{
	struct policy *policy = turn->policy;
	uint64_t left = 0;

	policy->breach = (uint8_t)judge(turn, observation, &left);
	/* while it runs anew, a failure is of the run before */
	turn->answered = policy->breach == POLICY_BREACH_FAILED &&
	                 observation->running_ms == 0 &&
	                 policy->ended_ms != POLICY_NEVER &&
	                 policy->push_ms > policy->ended_ms;
	if (policy->breach != POLICY_BREACH_NONE) {
		policy_observed_bad(turn, policy_breach_words(policy));
		return;
	}
	if (policy->missing)
		policy_observed_missing(turn);
	else
		policy_observed_good(turn);
	policy_look_at_limit(turn, left);
}

/* Whose books are those of pushes. */
static bool is_of_push(const struct turn *turn,
                       const struct observation *observation)
{
	switch (observation->kind) {
	case OBSERVATION_AGE:
	case OBSERVATION_FAILED:
		return true;
	case OBSERVATION_MISSING:
		return !turn->rules->levels;
	case OBSERVATION_HEALTH:
	case OBSERVATION_EXITED:
	case OBSERVATION_VALUE:
	case OBSERVATION_ALERT:
	case OBSERVATION_UNKNOWN:
	case N_OBSERVATION_KINDS:
	default:
		return false;
	}
}

void policy_observed(struct turn *turn, const struct observation *observation)
{
	struct policy *policy = turn->policy;
	bool push = is_of_push(turn, observation);
	uint64_t known_ms = policy->known_ms;

	/* a value that nobody set a limit for says nothing */
	if (observation->kind == OBSERVATION_UNKNOWN ||
	    (observation->kind == OBSERVATION_VALUE && !turn->rules->levels)) {
		observed_unknown(turn);
		return;
	}
	if (push)
		keep_books(turn, observation);
	if (policy->state == POLICY_UNKNOWN)
		resume_from_unknown(turn, known_ms == POLICY_NEVER
		                                  ? 0
		                                  : turn->now_ms - known_ms);
	if (push)
		observed_push(turn, observation);
	else if (observation->kind == OBSERVATION_ALERT)
		policy_observed_alert(turn, observation);
	else if (observation->kind == OBSERVATION_HEALTH ||
	         observation->kind == OBSERVATION_EXITED)
		policy_observed_container(turn, observation);
	else
		policy_observed_value(turn, observation);
}
