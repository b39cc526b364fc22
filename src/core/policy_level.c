/* SPDX-License-Identifier: Apache-2.0 */
/* What the observation of a value, or of an alert, means. */
#include "core/policy_private.h"

#include <math.h>
#include "base/macros.h"

#define SOFT POLICY_LEVEL_SOFT
#define HARD POLICY_LEVEL_HARD
#define NONE POLICY_LEVEL_NONE

/* On which side of its limit a value is. */
enum side {
	SIDE_ABOVE,
	SIDE_BELOW,
	SIDE_EQUAL,
	SIDE_UNEQUAL,
	SIDE_NOWHERE, /* there is no value */
	N_SIDES,
};

/* Of which limit it is said. */
enum limit_name {
	LIMIT_ONLY,
	LIMIT_SOFT,
	LIMIT_HARD,
	N_LIMIT_NAMES,
};

_Static_assert(POLICY_BREACH_VALUE_LAST ==
                       POLICY_BREACH_VALUE + N_SIDES * N_LIMIT_NAMES - 1,
               "a breach for each side of each limit");

static const char *const value_words[N_SIDES][N_LIMIT_NAMES] = {
	[SIDE_ABOVE] = { "above the threshold", "above the soft threshold",
	                 "above the hard threshold" },
	[SIDE_BELOW] = { "below the threshold", "below the soft threshold",
	                 "below the hard threshold" },
	[SIDE_EQUAL] = { "equal to the threshold",
	                 "equal to the soft threshold",
	                 "equal to the hard threshold" },
	[SIDE_UNEQUAL] = { "not equal to the threshold",
	                   "not equal to the soft threshold",
	                   "not equal to the hard threshold" },
	[SIDE_NOWHERE] = { "no series, which counts as a breach",
	                   "no series, which counts as a breach (soft)",
	                   "no series, which counts as a breach (hard)" },
};

static const enum side side_of_op[N_THRESHOLD_OPS] = {
	[THRESHOLD_ABOVE] = SIDE_ABOVE, [THRESHOLD_AT_LEAST] = SIDE_ABOVE,
	[THRESHOLD_BELOW] = SIDE_BELOW, [THRESHOLD_AT_MOST] = SIDE_BELOW,
	[THRESHOLD_EQUAL] = SIDE_EQUAL, [THRESHOLD_NOT_EQUAL] = SIDE_UNEQUAL,
};

const char *policy_value_words(enum policy_breach breach)
{
	unsigned at = (unsigned)breach - POLICY_BREACH_VALUE;

	return value_words[at / N_LIMIT_NAMES][at % N_LIMIT_NAMES];
}

const char *policy_level_word(enum policy_level_name level)
{
	static const char *const words[] = { "soft", "hard", NULL };

	return words[MIN(level, NONE)];
}

const char *policy_level_said(const struct policy *policy,
                              const struct policy_rules *rules)
{
	if (!rules->levels || rules->levels->plain)
		return NULL;
	return policy_level_word((enum policy_level_name)policy->level);
}

const char *policy_missing_name(enum policy_missing missing)
{
	static const char *const names[N_POLICY_MISSING] = {
		[POLICY_MISSING_HOLD] = "hold",
		[POLICY_MISSING_ZERO] = "zero",
		[POLICY_MISSING_LAST] = "last_value",
		[POLICY_MISSING_BREACH] = "breach",
	};

	return names[missing];
}

enum policy_level_name policy_level_lowest(const struct policy_levels *levels)
{
	return levels->level[SOFT].given ? SOFT : HARD;
}

static enum policy_level_name level_now(const struct policy *policy,
                                        const struct policy_rules *rules)
{
	return policy->level < NONE ? (enum policy_level_name)policy->level
	                            : policy_level_lowest(rules->levels);
}

const struct policy_level *policy_level_now(const struct policy *policy,
                                            const struct policy_rules *rules)
{
	return &rules->levels->level[level_now(policy, rules)];
}

uint64_t policy_level_due(const struct policy *policy,
                          const struct policy_rules *rules)
{
	const struct policy_levels *levels = rules->levels;
	enum policy_level_name next =
		policy->level == NONE ? policy_level_lowest(levels) : HARD;

	if (levels->compat || policy->level == HARD ||
	    policy->beyond_ms[next] == POLICY_NEVER)
		return POLICY_NEVER;
	return policy->beyond_ms[next] + levels->level[next].for_ms;
}

bool policy_level_is_due(const struct turn *turn)
{
	const struct policy *policy = turn->policy;

	if (turn->rules->levels)
		return policy->level != NONE;
	return turn->now_ms >= policy->bad_since_ms + turn->rules->for_ms;
}

void policy_level_reset(struct policy *policy)
{
	policy->level = NONE;
	policy->beyond_ms[SOFT] = POLICY_NEVER;
	policy->beyond_ms[HARD] = POLICY_NEVER;
}

void policy_level_release(struct policy *policy, enum policy_level_name level)
{
	uint64_t *untilp = level == HARD ? &policy->hard_cool_until_ms
	                                 : &policy->cool_until_ms;

	if (*untilp == POLICY_NEVER)
		*untilp = 0;
}

void policy_level_excuse(struct turn *turn, uint64_t gap_ms)
{
	if (turn_is_compat(turn))
		return;
	for (unsigned i = 0; i < N_POLICY_LEVELS; i++) {
		uint64_t *sincep = &turn->policy->beyond_ms[i];

		if (*sincep != POLICY_NEVER)
			*sincep += gap_ms;
	}
}

/* --- one reading ----------------------------------------------------------- */

static bool is_beyond(const struct turn *turn, enum policy_level_name name,
                      double value)
{
	const struct policy_level *level = &turn->rules->levels->level[name];

	if (!level->given || isnan(value))
		return false;
	if (level->has_clear && !turn_is_compat(turn) &&
	    turn->policy->beyond_ms[name] != POLICY_NEVER)
		return !threshold_crossed(&level->clear, value);
	return threshold_crossed(&level->limit, value);
}

static void cross(const struct turn *turn, double value,
                  struct policy_crossing *crossing)
{
	for (unsigned i = 0; i < N_POLICY_LEVELS; i++)
		crossing->beyond[i] =
			is_beyond(turn, (enum policy_level_name)i, value);
}

/* False: it says nothing, and everything stays as it is. */
static bool cross_without_series(const struct turn *turn,
                                 struct policy_crossing *crossing)
{
	const struct policy *policy = turn->policy;

	switch (turn->rules->levels->missing) {
	case POLICY_MISSING_ZERO:
		cross(turn, 0, crossing);
		return true;
	case POLICY_MISSING_LAST:
		if (!policy->has_value)
			return false;
		cross(turn, policy->value, crossing);
		return true;
	case POLICY_MISSING_BREACH:
		crossing->assumed = true;
		for (unsigned i = 0; i < N_POLICY_LEVELS; i++)
			crossing->beyond[i] =
				turn->rules->levels->level[i].given;
		return true;
	case POLICY_MISSING_HOLD:
	case N_POLICY_MISSING:
	default:
		return false;
	}
}

static enum policy_breach breach_of(const struct turn *turn, bool assumed)
{
	const struct policy_levels *levels = turn->rules->levels;
	enum policy_level_name name = level_now(turn->policy, turn->rules);
	enum side side = assumed ? SIDE_NOWHERE
	                         : side_of_op[levels->level[name].limit.op];
	enum limit_name limit = LIMIT_ONLY;

	if (levels->level[HARD].given)
		limit = name == HARD ? LIMIT_HARD : LIMIT_SOFT;
	return (enum policy_breach)(POLICY_BREACH_VALUE +
	                            (unsigned)side * N_LIMIT_NAMES +
	                            (unsigned)limit);
}

static void keep_books(struct turn *turn, const struct observation *observation)
{
	struct policy *policy = turn->policy;

	policy->known_ms = turn->now_ms;
	policy->excused_ms = 0;
	policy->away_ms = 0;
	policy->missing = observation->kind == OBSERVATION_MISSING;
	if (policy->missing)
		return;
	policy->seen_ms = turn->now_ms;
	policy->push_ms = turn->now_ms;
}

/* --- levels ----------------------------------------------------------------- */

/* Starts the count at the first reading; over from the second on. */
static bool is_long_enough(struct turn *turn, enum policy_level_name level)
{
	uint64_t *sincep = &turn->policy->beyond_ms[level];

	if (*sincep == POLICY_NEVER) {
		*sincep = turn->now_ms;
		return false;
	}
	return turn->now_ms >=
	       *sincep + turn->rules->levels->level[level].for_ms;
}

/* Which level is active after this reading. */
static void count(struct turn *turn, const struct policy_crossing *crossing)
{
	struct policy *policy = turn->policy;
	const struct policy_levels *levels = turn->rules->levels;
	enum policy_level_name base = policy_level_lowest(levels);

	if (!crossing->beyond[base]) {
		policy_level_reset(policy);
		policy_level_release(policy, SOFT);
		policy_level_release(policy, HARD);
	} else if (policy->level == NONE) {
		/* the hard one counts from the next reading on */
		if (is_long_enough(turn, base))
			policy->level = (uint8_t)base;
	} else if (base == SOFT && !crossing->beyond[HARD]) {
		policy->level = SOFT;
		policy->beyond_ms[HARD] = POLICY_NEVER;
		policy_level_release(policy, HARD);
	} else if (base == SOFT && is_long_enough(turn, HARD)) {
		policy->level = HARD;
	}
}

/* Time alone may have a level reached: a reading then says so. */
static void look_at_level(struct turn *turn)
{
	enum policy_state state = turn->policy->state;
	uint64_t due_ms = policy_level_due(turn->policy, turn->rules);

	if (due_ms > turn->now_ms && state != POLICY_BOUNCING &&
	    state != POLICY_GAVE_UP && state != POLICY_PAUSED)
		turn_look_by(turn, due_ms);
}

static void observed_levels(struct turn *turn,
                            const struct policy_crossing *crossing)
{
	struct policy *policy = turn->policy;

	count(turn, crossing);
	if (!crossing->beyond[policy_level_lowest(turn->rules->levels)]) {
		policy_observed_good(turn);
		return;
	}
	policy->breach = (uint8_t)breach_of(turn, crossing->assumed);
	policy_observed_bad(turn, policy_breach_words(policy));
	look_at_level(turn);
}

/* The original does not look while it acts, or is stopped. */
static void observed_compat(struct turn *turn,
                            const struct policy_crossing *crossing)
{
	struct policy *policy = turn->policy;
	struct policy_due due;

	if (policy->state == POLICY_BOUNCING || policy->state == POLICY_PAUSED)
		return;
	due = policy_compat_read(turn, crossing);
	if (!due.bad) {
		policy->due = POLICY_LADDER_NONE;
		policy_observed_good(turn);
		return;
	}
	policy->breach = (uint8_t)breach_of(turn, crossing->assumed);
	if (due.n == N_POLICY_LEVELS)
		policy->due = (uint8_t)due.ladders[1];
	if (due.n)
		policy_observed_due(turn, due.ladders[0],
		                    policy_breach_words(policy));
	else
		policy_observed_not_due(turn, policy_breach_words(policy));
}

void policy_observed_value(struct turn *turn,
                           const struct observation *observation)
{
	struct policy *policy = turn->policy;
	struct policy_crossing crossing = { 0 };

	keep_books(turn, observation);
	policy->alert = false;
	if (observation->kind == OBSERVATION_VALUE) {
		cross(turn, observation->value, &crossing);
		policy->value = observation->value;
		policy->has_value = true;
	} else if (!cross_without_series(turn, &crossing)) {
		return;
	}
	if (turn_is_compat(turn))
		observed_compat(turn, &crossing);
	else
		observed_levels(turn, &crossing);
}

/* --- alerts ----------------------------------------------------------------- */

void policy_observed_alert(struct turn *turn,
                           const struct observation *observation)
{
	struct policy *policy = turn->policy;

	keep_books(turn, observation);
	policy->alert = true;
	if (!observation->firing) {
		policy_observed_good(turn);
		return;
	}
	policy->breach = POLICY_BREACH_ALERT;
	policy_observed_bad(turn, policy_breach_words(policy));
}
