/* SPDX-License-Identifier: Apache-2.0 */
/* policy: of a value with levels, and of alerts. */
#include "support/cmocka.h"

#include <math.h>
#include "policy_traces.h"

static void test_levels(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_traces); i++)
		run_trace(&level_traces[i], POLICY_COMPAT_NONE);
}

static void test_one_level(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(seed_traces); i++)
		run_trace(&seed_traces[i], POLICY_COMPAT_NONE);
}

/* --- single rules ---------------------------------------------------------- */

static struct policy_levels levels;

/* Soft >80 for 30 s, hard >100 for 10 s, each with a minute's cooldown; one
 * step each, and one for the end. */
static struct policy_rules leveled(void)
{
	struct policy_rules rules = base_rules;

	levels = (struct policy_levels){
		.level = { { .given = true,
		             .limit = { THRESHOLD_ABOVE, 80 },
		             .for_ms = 30000,
		             .cooldown_ms = 60000,
		             .n_steps = 1 },
		           { .given = true,
		             .limit = { THRESHOLD_ABOVE, 100 },
		             .for_ms = 10000,
		             .cooldown_ms = 60000,
		             .first_step = 1,
		             .n_steps = 1 } },
	};
	rules.levels = &levels;
	rules.backoff_percent = 100;
	rules.verify_ms = 20000;
	rules.n_steps = 2;
	rules.first_resolved = 2;
	return rules;
}

static void test_deadlines_ask(void **state)
{
	struct policy_rules rules = leveled();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, VALUE(70), POLICY_GOOD, NOTHING, -1 },
		{ 15000, VALUE(90), POLICY_BREACHED, NOTHING, 45000 },
		{ 30000, VALUE(90), POLICY_BREACHED, NOTHING, 45000 },
		{ 45000, DEADLINE, POLICY_BREACHED, OBSERVE, -1 },
		{ 45000, VALUE(90), POLICY_WAITING, ASK, -1 },
		{ 45000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 46000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 66000 },
		/* the hard level's `for` comes first */
		{ 50000, VALUE(110), POLICY_VERIFYING, NOTHING, 60000 },
		{ 55000, VALUE(90), POLICY_VERIFYING, NOTHING, 66000 },
		{ 66000, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
		{ 66000, VALUE(90), POLICY_COOLING, USELESS, 0 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	/* strictly after the cooldown, and the jitter */
	assert_in_range(policy.deadline_ms - ZERO, 106001, 112002);
}

/* The step of the one level ends before the other's begins. */
static void test_up_while_bouncing(void **state)
{
	struct policy_rules rules = leveled();

	levels.level[POLICY_LEVEL_SOFT].for_ms = 0;
	RUN_ROWS(&rules, { 0, VALUE(110), POLICY_BREACHED, NOTHING, -1 },
	         { 1000, VALUE(110), POLICY_WAITING, ASK, -1 },
	         { 1000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 2000, VALUE(110), POLICY_BOUNCING, NOTHING, -1 },
	         { 13000, VALUE(110), POLICY_BOUNCING, NOTHING, -1 },
	         { 14000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 34000 },
	         { 14000, VALUE(110), POLICY_WAITING, ASK | USELESS, -1 },
	         { 14000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 15000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 35000 },
	         /* down again: the soft one is cooling */
	         { 16000, VALUE(90), POLICY_COOLING, RECOVERED, 0 },
	         { 17000, VALUE(70), POLICY_GOOD, NOTHING, -1 });
}

static void test_up_while_waiting(void **state)
{
	struct policy_rules rules = leveled();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, VALUE(110), POLICY_BREACHED, NOTHING, -1 },
		{ 1000, VALUE(110), POLICY_WAITING, ASK, -1 },
		{ 1000, GUARDS(GUARD_STORM), POLICY_WAITING, NOTHING, -1 },
		{ 2000, VALUE(110), POLICY_WAITING, ASK, 12000 },
		{ 12000, VALUE(110), POLICY_WAITING, ASK, -1 },
		{ 12000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	};

	levels.level[POLICY_LEVEL_SOFT].for_ms = 0;
	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	assert_int_equal(policy.step, 1);
	assert_int_equal(policy.n_bounces, 1);
	assert_string_equal(policy_breach_words(&policy),
	                    "above the hard threshold");
}

/* What soft has spent does not keep hard from acting, but only once. */
static void test_up_after_giving_up(void **state)
{
	struct policy_rules rules = leveled();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, VALUE(90), POLICY_BREACHED, NOTHING, -1 },
		{ 1000, VALUE(90), POLICY_WAITING, ASK, -1 },
		{ 1000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 1000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 0 },
		{ 60000, VALUE(90), POLICY_GAVE_UP, USELESS, -1 },
		{ 61000, VALUE(110), POLICY_GAVE_UP, NOTHING, 0 },
		{ 90000, VALUE(110), POLICY_WAITING, ASK, -1 },
		{ 90000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 90000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 0 },
		{ 91000, VALUE(90), POLICY_GAVE_UP, RECOVERED, -1 },
		{ 92000, VALUE(110), POLICY_GAVE_UP, NOTHING, 0 },
		{ 190000, VALUE(110), POLICY_GAVE_UP, NOTHING, 0 },
		{ 191000, VALUE(10), POLICY_GOOD, NOTHING, -1 },
	};

	rules.max_bounces = 1;
	levels.level[POLICY_LEVEL_SOFT].for_ms = 0;
	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	assert_false(policy.renewed);
}

static void test_clear(void **state)
{
	struct policy_rules rules = leveled();

	levels.level[POLICY_LEVEL_SOFT].for_ms = 5000;
	levels.level[POLICY_LEVEL_SOFT].has_clear = true;
	levels.level[POLICY_LEVEL_SOFT].clear =
		(struct threshold){ THRESHOLD_BELOW, 70 };
	RUN_ROWS(&rules, { 0, VALUE(75), POLICY_GOOD, NOTHING, -1 },
	         { 1000, VALUE(85), POLICY_BREACHED, NOTHING, 6000 },
	         { 2000, VALUE(75), POLICY_BREACHED, NOTHING, 6000 },
	         { 6000, VALUE(70), POLICY_WAITING, ASK, -1 },
	         { 7000, VALUE(69), POLICY_GOOD, NOTHING, -1 },
	         { 8000, VALUE(75), POLICY_GOOD, NOTHING, -1 },
	         { 9000, VALUE(85), POLICY_BREACHED, NOTHING, 0 },
	         { 10000, VALUE((double)NAN), POLICY_GOOD, NOTHING, -1 });
}

/* An outage is not held against anyone, whatever is being measured. */
static void test_unknown_suspends(void **state)
{
	struct policy_rules rules = leveled();

	RUN_ROWS(&rules, { 0, VALUE(110), POLICY_BREACHED, NOTHING, 30000 },
	         { 10000, UNKNOWN, POLICY_UNKNOWN, NOTHING, -1 },
	         { 50000, VALUE(110), POLICY_BREACHED, NOTHING, 80000 },
	         { 80000, VALUE(110), POLICY_WAITING, ASK, -1 },
	         { 81000, VALUE(110), POLICY_WAITING, ASK, 91000 },
	         { 85000, UNKNOWN, POLICY_UNKNOWN, NOTHING, -1 },
	         { 95000, VALUE(110), POLICY_WAITING, ASK, 105000 },
	         { 96000, UNKNOWN, POLICY_UNKNOWN, NOTHING, -1 },
	         { 97000, MISSING, POLICY_WAITING, NOTHING, -1 });
}

/* Without a cooldown: once if it was done, else until it is. */
static void test_once(void **state)
{
	struct policy_rules rules = leveled();
	struct policy_saved saved;
	struct policy policy;
	struct policy again;
	static const struct row failed[] = {
		{ 0, VALUE(90), POLICY_BREACHED, NOTHING, -1 },
		{ 1000, VALUE(90), POLICY_WAITING, ASK, -1 },
		{ 1000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 2000, ENDED(FAILED), POLICY_COOLING, NOTHING, 0 },
		{ 4000, VALUE(90), POLICY_WAITING, ASK, -1 },
		{ 4000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 5000, ENDED(FAILED), POLICY_COOLING, NOTHING, 0 },
		/* the second wait is longer */
		{ 6500, VALUE(90), POLICY_COOLING, NOTHING, 0 },
		{ 7500, VALUE(90), POLICY_WAITING, ASK, -1 },
		{ 7500, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 8000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 28000 },
		{ 28000, VALUE(90), POLICY_COOLING, USELESS, -1 },
		{ 9000000, VALUE(90), POLICY_COOLING, NOTHING, -1 },
	};
	static const struct row after[] = {
		{ 9000000, VALUE(90), POLICY_BREACHED, NOTHING, -1 },
		{ 9001000, VALUE(90), POLICY_COOLING, NOTHING, -1 },
		{ 9002000, VALUE(70), POLICY_GOOD, NOTHING, -1 },
		{ 9003000, VALUE(90), POLICY_BREACHED, NOTHING, -1 },
		{ 9004000, VALUE(90), POLICY_WAITING, ASK, -1 },
	};

	levels.level[POLICY_LEVEL_SOFT].for_ms = 0;
	levels.level[POLICY_LEVEL_SOFT].cooldown_ms = 0;
	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, failed, ARRAY_SIZE(failed));
	/* our own restart does not make it another breach */
	policy_save(&policy, &saved);
	policy_init(&again, ZERO + 9000000);
	policy_restore(&again, &saved, ZERO + 9000000);
	run_rows(&again, &rules, after, ARRAY_SIZE(after));
}

static void test_cooldowns_survive(void **state)
{
	struct policy_rules rules = leveled();
	struct policy_saved saved;
	struct policy policy;
	static const struct row rows[] = {
		{ 0, VALUE(110), POLICY_BREACHED, NOTHING, -1 },
		{ 1000, VALUE(110), POLICY_WAITING, ASK, -1 },
		{ 1500, VALUE(110), POLICY_WAITING, ASK, 0 },
		{ 11500, VALUE(110), POLICY_WAITING, ASK, -1 },
		{ 11500, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 12000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 32000 },
	};
	static const struct row after[] = {
		{ 13000, VALUE(90), POLICY_BREACHED, NOTHING, -1 },
		/* soft has not been bounced */
		{ 14000, VALUE(110), POLICY_WAITING, ASK, -1 },
		{ 14100, VALUE(110), POLICY_WAITING, ASK, 24100 },
		/* hard has */
		{ 24100, VALUE(110), POLICY_COOLING, NOTHING, 72001 },
	};

	levels.level[POLICY_LEVEL_SOFT].for_ms = 0;
	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	policy_save(&policy, &saved);
	policy_init(&policy, ZERO + 13000);
	policy_restore(&policy, &saved, ZERO + 13000);
	run_rows(&policy, &rules, after, ARRAY_SIZE(after));
}

static void test_words(void **state)
{
	static const struct {
		enum threshold_op op;
		double value;
		const char *words;
	} rows[] = {
		{ THRESHOLD_ABOVE, 6, "above the threshold" },
		{ THRESHOLD_AT_MOST, 5, "below the threshold" },
		{ THRESHOLD_EQUAL, 5, "equal to the threshold" },
		{ THRESHOLD_NOT_EQUAL, 6, "not equal to the threshold" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct policy_rules rules = leveled();
		struct policy_event event = VALUE(rows[i].value);
		struct rng rng = { 1 };
		struct policy policy;

		levels.level[POLICY_LEVEL_HARD].given = false;
		levels.level[POLICY_LEVEL_SOFT].limit =
			(struct threshold){ rows[i].op, 5 };
		policy_init(&policy, ZERO);
		(void)policy_step(&policy, &rules, &event, ZERO, &rng);
		assert_string_equal(policy_breach_words(&policy),
		                    rows[i].words);
	}
}

/* --- alerts, and what follows on their end --------------------------------- */

/* As the configuration makes them: two steps, and two for the end. */
static struct policy_rules alerting(void)
{
	struct policy_rules rules = base_rules;

	rules.max_age_ms = 0;
	rules.exact = true;
	rules.n_steps = 2;
	rules.first_resolved = 2;
	rules.n_resolved = 2;
	rules.max_bounces = 1;
	return rules;
}

static void test_alert(void **state)
{
	struct policy_rules rules = alerting();

	RUN_ROWS(&rules, { 0, ALERT(true), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 1000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 61000 },
	         { 1000, ALERT(true), POLICY_VERIFYING, NOTHING, 61000 },
	         { 61000, ALERT(true), POLICY_WAITING, ASK, -1 },
	         { 61000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 62000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 0 },
	         { 63000, ALERT(false), POLICY_WAITING, ASK | RECOVERED, -1 },
	         /* no bounce: the storm does not hold it */
	         { 63000, GUARDS(GUARD_STORM), POLICY_BOUNCING, RUN, -1 },
	         /* whatever comes of it, the next */
	         { 64000, ENDED(FAILED), POLICY_WAITING, ASK | OBSERVE, -1 },
	         { 64000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 65000, ENDED(UNAVAILABLE), POLICY_GOOD, OBSERVE, -1 },
	         /* walked once */
	         { 66000, ALERT(false), POLICY_GOOD, NOTHING, -1 });
}

/* The end that came while a step ran is not told again, and then it is gone. */
static void test_alert_resolved_meanwhile(void **state)
{
	struct policy_rules rules = alerting();
	static const struct policy_event gone = {
		.kind = POLICY_EVENT_OBSERVED,
		.observation = { .kind = OBSERVATION_HEALTH,
		                 .health = HEALTH_IDLE,
		                 .idle = IDLE_GONE }
	};
	struct rng rng = { 1 };
	struct policy policy;
	static const struct row rows[] = {
		{ 0, ALERT(true), POLICY_WAITING, ASK, -1 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 500, ALERT(false), POLICY_BOUNCING, CANCEL, -1 },
		{ 1000, ENDED(DONE), POLICY_WAITING, ASK | OBSERVE | RECOVERED,
		  -1 },
	};
	static const struct row after[] = {
		{ 1200, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 1300, ENDED(DONE), POLICY_WAITING, ASK | OBSERVE, -1 },
		{ 1400, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 1500, ENDED(DONE), POLICY_GOOD, OBSERVE, -1 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	(void)policy_step(&policy, &rules, &gone, ZERO + 1100, &rng);
	assert_int_equal(policy.state, POLICY_WAITING);
	run_rows(&policy, &rules, after, ARRAY_SIZE(after));
}

static void test_alert_that_was_not_bounced(void **state)
{
	struct policy_rules rules = alerting();

	rules.exact = false;
	RUN_ROWS(&rules, { 0, ALERT(true), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(GUARD_STORM), POLICY_WAITING, NOTHING, -1 },
	         { 1000, ALERT(false), POLICY_GOOD, NOTHING, -1 },
	         { 2000, ALERT(true), POLICY_WAITING, ASK, -1 },
	         { 2000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 2001, ENDED(VETOED), POLICY_COOLING, NOTHING, 0 },
	         { 3000, ALERT(false), POLICY_GOOD, NOTHING, -1 });
}

/* Fires again: before the steps for the end began they are taken back, after
 * that they go on and it is seen behind them. */
static void test_fires_again(void **state)
{
	struct policy_rules rules = alerting();

	rules.cooldown_ms = 0;
	rules.max_bounces = 0;
	rules.exact = false;
	RUN_ROWS(&rules, { 0, ALERT(true), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 1000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 61000 },
	         { 2000, ALERT(false), POLICY_WAITING, ASK | RECOVERED, -1 },
	         { 2000, GUARDS(GUARD_TARGET), POLICY_WAITING, NOTHING, -1 },
	         { 3000, ALERT(true), POLICY_WAITING, ASK, -1 },
	         { 3000, GUARDS(GUARD_TARGET), POLICY_WAITING, NOTHING, -1 },
	         { 4000, ALERT(false), POLICY_WAITING, ASK, -1 },
	         { 4000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 5000, ALERT(true), POLICY_BOUNCING, NOTHING, -1 },
	         { 6000, ENDED(DONE), POLICY_WAITING, ASK, -1 },
	         { 6000, ALERT(true), POLICY_WAITING, ASK, -1 },
	         { 6000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 7000, ENDED(DONE), POLICY_GOOD, OBSERVE, -1 },
	         { 7000, ALERT(true), POLICY_WAITING, ASK, -1 });
}

static void test_resolved_after_our_restart(void **state)
{
	struct policy_rules rules = alerting();
	struct policy_saved saved;
	struct policy policy;
	static const struct row rows[] = {
		{ 0, ALERT(true), POLICY_WAITING, ASK, -1 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 1000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 61000 },
	};
	static const struct row after[] = {
		{ 3000, ALERT(false), POLICY_WAITING, ASK, -1 },
		{ 3000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	policy_save(&policy, &saved);
	assert_true(saved.bounced);
	policy_init(&policy, ZERO + 2000);
	policy_restore(&policy, &saved, ZERO + 2000);
	run_rows(&policy, &rules, after, ARRAY_SIZE(after));
	assert_true(policy_is_resolving(&policy));
}

static void test_order(void **state)
{
	struct policy_rules rules = leveled();
	struct policy_event event = ORDER;
	struct rng rng = { 1 };
	struct policy policy;

	levels.level[POLICY_LEVEL_SOFT].n_steps = 0;
	policy_init(&policy, ZERO);
	assert_true(policy_step(&policy, &rules, &event, ZERO, &rng).run_step);
	assert_int_equal(policy.step, 1);
	/* nothing to run: it is not begun */
	levels.level[POLICY_LEVEL_HARD].n_steps = 0;
	policy_init(&policy, ZERO);
	assert_false(policy_step(&policy, &rules, &event, ZERO, &rng).run_step);
	assert_int_equal(policy.state, POLICY_STARTING);
}

/* --- whatever happens ------------------------------------------------------- */

static const struct policy_event random_events[] = {
	VALUE(70),
	VALUE(85),
	VALUE(90),
	VALUE(110),
	VALUE(110),
	VALUE((double)NAN),
	MISSING,
	UNKNOWN,
	DEADLINE,
	ALERT(true),
	ALERT(false),
	GUARDS(0),
	GUARDS(0),
	GUARDS(0),
	GUARDS(GUARD_STORM),
	ENDED(DONE),
	ENDED(DONE),
	ENDED(FAILED),
	ENDED(SETTLED),
	ENDED(DRY_RUN),
	ENDED(UNAVAILABLE),
	ENDED(LEFT_ALONE),
	ENDED(VETOED),
	ENDED(CANCELLED),
	PAUSE,
	RESUME,
	ORDER,
};

static struct policy_rules random_rules(struct rng *rng)
{
	struct policy_rules rules = leveled();

	levels.missing = (enum policy_missing)rng_below(rng, N_POLICY_MISSING);
	levels.compat = (enum policy_compat)rng_below(rng, N_POLICY_COMPATS);
	for (unsigned i = 0; i < N_POLICY_LEVELS; i++) {
		struct policy_level *level = &levels.level[i];

		level->given = i == 0 || rng_below(rng, 3) > 0;
		level->for_ms = rng_below(rng, 2) * 20000;
		level->cooldown_ms = rng_below(rng, 3) * 30000;
		level->n_steps = (uint8_t)rng_below(rng, 3);
		level->first_step = (uint8_t)(i * 2);
		level->has_clear = rng_below(rng, 2) == 0;
		level->clear =
			(struct threshold){ THRESHOLD_BELOW, i ? 95 : 75 };
	}
	/* hard alone */
	levels.level[POLICY_LEVEL_SOFT].given =
		!levels.level[POLICY_LEVEL_HARD].given || rng_below(rng, 4) > 0;
	rules.n_steps = 4;
	rules.first_resolved = 4;
	rules.n_resolved = (uint8_t)rng_below(rng, 3);
	rules.exact = rng_below(rng, 4) == 0;
	rules.max_bounces = (uint8_t)(rng_below(rng, 2) * 5);
	return rules;
}

static void check_place(const struct policy *policy,
                        const struct policy_rules *rules)
{
	struct policy_ladder_range range =
		policy_ladder_of(rules, policy->ladder);

	assert_true(policy->step < 4 + rules->n_resolved || policy->step == 0);
	if (policy->state != POLICY_WAITING &&
	    policy->state != POLICY_BOUNCING &&
	    policy->state != POLICY_VERIFYING)
		return;
	assert_in_range(policy->step, range.first, range.first + range.n - 1);
	if (policy_is_resolving(policy))
		assert_int_not_equal(policy->state, POLICY_VERIFYING);
}

/* One event, if it can happen now; keeps count of the steps at work. */
static void random_event(struct policy *policy,
                         const struct policy_rules *rules, struct rng *rng,
                         uint64_t now_ms, bool *actingp)
{
	const struct policy_event *event =
		&random_events[rng_below(rng, ARRAY_SIZE(random_events))];
	enum policy_state before = policy->state;
	struct policy_commands commands;

	/* as the supervisor: an end only of what was begun, nothing is ordered
	 * or asked while a step is at work */
	if ((event->kind == POLICY_EVENT_STEP_ENDED) != *actingp &&
	    (event->kind == POLICY_EVENT_STEP_ENDED ||
	     event->kind == POLICY_EVENT_ORDER ||
	     event->kind == POLICY_EVENT_GUARDS))
		return;
	if (event->kind == POLICY_EVENT_STEP_ENDED)
		*actingp = false;
	commands = policy_step(policy, rules, event, now_ms, rng);
	if (commands.run_step) {
		assert_false(*actingp);
		assert_true(before == POLICY_WAITING ||
		            event->kind == POLICY_EVENT_ORDER);
		assert_int_not_equal(policy_ladder_of(rules, policy->ladder).n,
		                     0);
		*actingp = true;
	}
	if (rules->max_bounces)
		assert_true(policy->n_bounces <= rules->max_bounces);
	check_place(policy, rules);
}

/* No two steps at once, none outside its ladder, no edge that the table does
 * not know (policy_step asserts it), no more than the budget. */
static void test_random_walks(void **state)
{
	for (uint64_t seed = 1; seed <= 600; seed++) {
		struct rng rng = { seed };
		struct policy_rules rules = random_rules(&rng);
		uint64_t now_ms = ZERO;
		bool acting = false;
		struct policy policy;

		policy_init(&policy, now_ms);
		for (int i = 0; i < 2000; i++) {
			now_ms += rng_below(&rng, 15000);
			random_event(&policy, &rules, &rng, now_ms, &acting);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_one_level),
		cmocka_unit_test(test_deadlines_ask),
		cmocka_unit_test(test_up_while_bouncing),
		cmocka_unit_test(test_up_while_waiting),
		cmocka_unit_test(test_up_after_giving_up),
		cmocka_unit_test(test_clear),
		cmocka_unit_test(test_unknown_suspends),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_cooldowns_survive),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_alert_resolved_meanwhile),
		cmocka_unit_test(test_alert_that_was_not_bounced),
		cmocka_unit_test(test_fires_again),
		cmocka_unit_test(test_resolved_after_our_restart),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_random_walks),
	};

	return cmocka_run_group_tests_name("policy_level", tests, NULL, NULL);
}
