/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy with exact rules, where nothing looks but what a deadline asks for;
 * and what only such a source can say: failures, runs, its own absence.
 */
#include "support/cmocka.h"

#include "policy_kit.h"

#define SAID(...)                                                             \
	{                                                                     \
		.kind = POLICY_EVENT_OBSERVED, .observation = { __VA_ARGS__ } \
	}
#define RUNS(ms, run)                                                  \
	SAID(.kind = OBSERVATION_AGE, .age_ms = ms, .running_ms = run, \
	     .exit_code = -1)
#define FAIL(ms) SAID(.kind = OBSERVATION_FAILED, .age_ms = ms, .exit_code = 1)
#define FAIL_RUNS(ms, run)                                                \
	SAID(.kind = OBSERVATION_FAILED, .age_ms = ms, .running_ms = run, \
	     .exit_code = 1)
#define GONE(ms) SAID(.kind = OBSERVATION_MISSING, .age_ms = ms)
#define AWAY(ms, away) \
	SAID(.kind = OBSERVATION_AGE, .age_ms = ms, .away_ms = away)

#define MINUTE 60000

static struct policy_rules exact_rules(void)
{
	struct policy_rules rules = base_rules;

	rules.exact = true;
	return rules;
}

static void test_deadline_is_lazy(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         /* pushes move the limit, not the deadline */
	         { 10000, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 30000, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 60001, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 60001, AGE(30001), POLICY_GOOD, NOTHING, 90001 },
	         /* at the limit it is good, one later it is not */
	         { 90000, AGE(60000), POLICY_GOOD, NOTHING, 90001 },
	         { 90001, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 90001, AGE(60001), POLICY_WAITING, ASK, -1 },
	         { 90001, GUARDS(0), POLICY_BOUNCING, RUN, -1 });
	/* a limit that comes nearer moves it */
	RUN_ROWS(&rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 1000, AGE(31000), POLICY_GOOD, NOTHING, 30001 });
}

static void test_push_before_the_deadline_wins(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 60001, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         /* it came in the same moment */
	         { 60001, AGE(0), POLICY_GOOD, NOTHING, 120002 },
	         /* waiting, and then it pushes after all */
	         { 120002, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 120002, AGE(60001), POLICY_WAITING, ASK, -1 },
	         { 120002, GUARDS(GUARD_TARGET), POLICY_WAITING, NOTHING,
	           125002 },
	         { 120500, AGE(0), POLICY_GOOD, NOTHING, 180501 },
	         { 120500, GUARDS(0), POLICY_GOOD, NOTHING, 180501 });
}

/* Nobody says when a storm or the target's other bounce is over. */
static void test_held_looks_again(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, AGE(60001), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(GUARD_STORM), POLICY_WAITING, NOTHING, 5000 },
	         { 5000, DEADLINE, POLICY_WAITING, OBSERVE, -1 },
	         { 5000, AGE(65001), POLICY_WAITING, ASK, -1 },
	         { 5000, GUARDS(0), POLICY_BOUNCING, RUN, -1 });
}

static void test_for(void **state)
{
	struct policy_rules rules = exact_rules();

	rules.for_ms = 10000;
	RUN_ROWS(&rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 60001, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 60001, AGE(60001), POLICY_BREACHED, NOTHING, 70001 },
	         { 65000, FAIL(0), POLICY_BREACHED, NOTHING, 70001 },
	         { 66000, AGE(0), POLICY_GOOD, NOTHING, 126001 },
	         /* a failure must last as long as an age */
	         { 67000, FAIL(0), POLICY_BREACHED, NOTHING, 77000 },
	         { 77000, DEADLINE, POLICY_BREACHED, OBSERVE, -1 },
	         { 77000, FAIL(10000), POLICY_WAITING, ASK, -1 });
}

static void test_never_seen(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, MISSING, POLICY_STARTING, NOTHING, 60001 },
	         { 60001, DEADLINE, POLICY_STARTING, OBSERVE, -1 },
	         { 60001, MISSING, POLICY_WAITING, ASK, -1 });
}

/* A group that was deleted: the source knows since when it is gone. */
static void test_missing_with_an_age(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 50000, GONE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 60001, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 60001, GONE(10001), POLICY_GOOD, NOTHING, 110001 },
	         { 110001, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 110001, GONE(60001), POLICY_WAITING, ASK, -1 },
	         { 110001, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 111000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 171000 },
	         { 111001, GONE(61001), POLICY_VERIFYING, NOTHING, 171000 },
	         { 120000, AGE(0), POLICY_GOOD, RECOVERED, 180001 });
	/* gone, and not for long, while it is verified: it will be looked at */
	RUN_ROWS(&rules, { 0, AGE(60001), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 0, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60000 },
	         { 50000, GONE(0), POLICY_VERIFYING, NOTHING, 60000 },
	         { 60000, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
	         { 60000, GONE(10000), POLICY_VERIFYING, NOTHING, 110001 });
}

static void test_unknown_is_asked_again(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 1000, UNKNOWN, POLICY_UNKNOWN, NOTHING, 6000 },
	         { 6000, DEADLINE, POLICY_UNKNOWN, OBSERVE, -1 },
	         { 6000, UNKNOWN, POLICY_UNKNOWN, NOTHING, 11000 },
	         { 11000, DEADLINE, POLICY_UNKNOWN, OBSERVE, -1 },
	         /* what was unknown is not held against it */
	         { 11000, AGE(11000), POLICY_GOOD, NOTHING, 71001 });
}

static void test_pause(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 60001 },
	         { 1000, PAUSE, POLICY_PAUSED, NOTHING, -1 },
	         { 2000, AGE(0), POLICY_PAUSED, NOTHING, -1 },
	         { 3000, FAIL(0), POLICY_PAUSED, NOTHING, -1 },
	         /* what was heard meanwhile is asked for */
	         { 9000, RESUME, POLICY_STARTING, OBSERVE, -1 },
	         { 9000, FAIL(6000), POLICY_WAITING, ASK, -1 });
}

static void test_failure_is_a_breach_at_once(void **state)
{
	struct policy_rules rules = exact_rules();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, AGE(0), POLICY_GOOD, NOTHING, 60001 },
		{ 1000, FAIL(0), POLICY_WAITING, ASK, -1 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	assert_string_equal(policy_breach_words(&policy),
	                    "job reports a failure");
	/* good again before anything began */
	RUN_ROWS(&rules, { 0, FAIL(0), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(GUARD_STORM), POLICY_WAITING, NOTHING, 5000 },
	         { 1000, AGE(0), POLICY_GOOD, NOTHING, 61001 });
}

/* The failure that the step was for says nothing about the step; nor does
 * what the dying run says before its end, nor that a new run began. */
static void test_old_failure_does_not_judge_the_step(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, FAIL(0), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 900, FAIL(0), POLICY_BOUNCING, NOTHING, -1 },
	         { 1000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 61000 },
	         { 1000, FAIL(100), POLICY_VERIFYING, NOTHING, 61000 },
	         { 2000, FAIL_RUNS(0, 1), POLICY_VERIFYING, NOTHING, 61000 },
	         { 30000, AGE(0), POLICY_GOOD, RECOVERED, 90001 });
}

static void test_new_failure_judges_the_step(void **state)
{
	struct policy_rules rules = exact_rules();

	rules.n_steps = 2;
	RUN_ROWS(&rules, { 0, FAIL(0), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 1000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 61000 },
	         { 1000, FAIL(1000), POLICY_VERIFYING, NOTHING, 61000 },
	         /* it ran again, and failed again: not a minute more */
	         { 3000, FAIL(0), POLICY_WAITING, ASK, -1 },
	         { 3000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 4000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 64000 },
	         { 4000, FAIL(1000), POLICY_VERIFYING, NOTHING, 64000 },
	         { 9000, FAIL(0), POLICY_COOLING, USELESS, 0 });
}

static void test_silence_after_a_failure_is_no_help(void **state)
{
	struct policy_rules rules = exact_rules();

	rules.cooldown_ms = 60 * MINUTE;
	RUN_ROWS(&rules, { 0, FAIL(0), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 1000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 61000 },
	         { 61000, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
	         { 61000, FAIL(61000), POLICY_COOLING, USELESS, 0 });
}

/* Good while the step ran, and nothing since: it is asked, not awaited. */
static void test_good_while_the_step_ran(void **state)
{
	struct policy_rules rules = exact_rules();

	RUN_ROWS(&rules, { 0, FAIL(0), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 500, AGE(0), POLICY_BOUNCING, CANCEL, -1 },
	         { 1000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 61000 },
	         { 1000, AGE(500), POLICY_GOOD, RECOVERED, 60501 });
}

static void test_run_without_an_end(void **state)
{
	struct policy_rules rules = exact_rules();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, RUNS(0, 1), POLICY_GOOD, NOTHING, 5000 },
		/* it still pushes: that is no end */
		{ 4000, RUNS(0, 4001), POLICY_GOOD, NOTHING, 5000 },
		{ 5000, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
		{ 5000, RUNS(1000, 5001), POLICY_WAITING, ASK, -1 },
	};

	rules.max_runtime_ms = 5000;
	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	assert_string_equal(policy_breach_words(&policy),
	                    "job runs for too long");
	/* it ended in time: the deadline finds nothing */
	RUN_ROWS(&rules, { 0, RUNS(0, 1), POLICY_GOOD, NOTHING, 5000 },
	         { 3000, AGE(0), POLICY_GOOD, NOTHING, 5000 },
	         { 5000, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 5000, AGE(2000), POLICY_GOOD, NOTHING, 63001 },
	         /* a new run, nearer than what is armed */
	         { 6000, RUNS(0, 1), POLICY_GOOD, NOTHING, 11000 });
	/* no limit of runs: only of ages */
	rules.max_runtime_ms = 0;
	RUN_ROWS(&rules, { 0, RUNS(0, 99999999), POLICY_GOOD, NOTHING, 60001 });
}

/* A new start is what ends a run that was too long. */
static void test_run_recovers_with_the_next(void **state)
{
	struct policy_rules rules = exact_rules();

	rules.max_runtime_ms = 5000;
	RUN_ROWS(&rules, { 0, RUNS(5001, 5001), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 100, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60100 },
	         { 100, RUNS(5101, 5101), POLICY_VERIFYING, NOTHING, 60100 },
	         { 200, RUNS(0, 1), POLICY_GOOD, RECOVERED, 5200 });
}

/* Three minutes, in two of which nobody was there to hear, are one. */
static void test_away_does_not_count(void **state)
{
	struct policy_rules rules = exact_rules();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, AWAY(3 * MINUTE, 2 * MINUTE), POLICY_GOOD, NOTHING, 1 },
		{ 1, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
		{ 1, AWAY(3 * MINUTE + 1, 2 * MINUTE), POLICY_WAITING, ASK,
		  -1 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	assert_int_equal(policy_age(&policy, ZERO + 1), MINUTE + 1);
	/* more than all of it is none of it */
	RUN_ROWS(&rules, { 0, AWAY(1000, 2000), POLICY_GOOD, NOTHING, 0 });
}

/* It may have pushed in vain: start_grace is on top, once; the first push that
 * was heard ends it. */
static void test_grace_after_our_absence(void **state)
{
	struct policy_rules rules = exact_rules();

	rules.start_grace_ms = 30000;
	RUN_ROWS(&rules,
	         { 0, AWAY(500000, 450000), POLICY_GOOD, NOTHING, 40001 },
	         { 40000, AWAY(540000, 450000), POLICY_GOOD, NOTHING, 40001 },
	         { 40001, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 40001, AWAY(540001, 450000), POLICY_WAITING, ASK, -1 },
	         { 40001, GUARDS(0), POLICY_BOUNCING, RUN, -1 });
	RUN_ROWS(&rules,
	         { 0, AWAY(500000, 450000), POLICY_GOOD, NOTHING, 40001 },
	         { 100, AGE(0), POLICY_GOOD, NOTHING, 40001 },
	         { 40001, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 40001, AGE(39901), POLICY_GOOD, NOTHING, 60101 });
}

/* A run whose end may have been reported to nobody. */
static void test_away_in_a_run(void **state)
{
	struct policy_rules rules = exact_rules();

	rules.max_runtime_ms = 5000;
	rules.start_grace_ms = 1000;
	RUN_ROWS(&rules, { 0,
	                   SAID(.kind = OBSERVATION_AGE, .age_ms = 100000,
	                        .away_ms = 98000, .running_ms = 100000),
	                   POLICY_GOOD, NOTHING, 4001 });
}

/* However old an age is at the start: it is the source's word, not reckoned
 * back to before the clock's zero. */
static void test_older_than_the_clock(void **state)
{
	struct policy_rules rules = exact_rules();
	struct policy_event event = AWAY(9000, 0);
	struct rng rng = { 1 };
	struct policy policy;

	rules.max_age_ms = 8000;
	policy_init(&policy, 10);
	(void)policy_step(&policy, &rules, &event, 10, &rng);
	assert_int_equal(policy.state, POLICY_WAITING);
}

/* What does nothing is not tried in a circle, whatever the cooldown. */
static void test_nothing_done_waits(void **state)
{
	struct policy_rules rules = exact_rules();

	rules.cooldown_ms = 0;
	RUN_ROWS(&rules, { 0, FAIL(0), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 0, ENDED(LEFT_ALONE), POLICY_COOLING, OBSERVE, 1000 },
	         { 0, FAIL(0), POLICY_COOLING, NOTHING, 1000 },
	         { 1000, DEADLINE, POLICY_COOLING, OBSERVE, -1 },
	         { 1000, FAIL(1000), POLICY_WAITING, ASK, -1 });
}

/* What would be done is not said again at once. */
static void test_dry_run_is_no_noise(void **state)
{
	struct policy_rules rules = exact_rules();

	rules.cooldown_ms = 0;
	RUN_ROWS(&rules, { 0, FAIL(0), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 0, ENDED(DRY_RUN), POLICY_COOLING, OBSERVE, 60000 },
	         { 60000, DEADLINE, POLICY_COOLING, OBSERVE, -1 },
	         { 60000, FAIL(60000), POLICY_WAITING, ASK, -1 });
}

/* Whatever happens, in whatever order: whoever is not bad, gave up, or acts
 * has a deadline, or nothing would ever look again. */
static void test_never_without_a_deadline(void **state)
{
	static const struct policy_event events[] = {
		AGE(0),
		AGE(59000),
		AGE(61000),
		FAIL(0),
		FAIL(500000),
		FAIL_RUNS(9, 4),
		RUNS(0, 1),
		RUNS(10, 10000),
		GONE(0),
		GONE(61000),
		MISSING,
		UNKNOWN,
		AWAY(90000, 80000),
		GUARDS(0),
		GUARDS(GUARD_STORM),
		ENDED(DONE),
		ENDED(FAILED),
		ENDED(CANCELLED),
		ENDED(DRY_RUN),
		PAUSE,
		RESUME,
	};

	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct policy_rules rules = exact_rules();
		struct rng rng = { seed };
		struct policy policy;
		uint64_t now_ms = ZERO;
		bool look = true; /* it was asked how things are */
		bool ask = false;

		rules.max_runtime_ms = 5000;
		rules.start_grace_ms = 1000;
		rules.n_steps = (uint8_t)(1 + rng_below(&rng, 3));
		rules.for_ms = rng_below(&rng, 2) * 20000;
		policy_init(&policy, now_ms);
		for (int i = 0; i < 2000; i++) {
			struct policy_event event =
				events[rng_below(&rng, ARRAY_SIZE(events))];
			struct policy_commands commands;

			now_ms += rng_below(&rng, 30000);
			if (policy.deadline_ms <= now_ms)
				event = (struct policy_event)DEADLINE;
			commands = policy_step(&policy, &rules, &event, now_ms,
			                       &rng);
			look = commands.observe ||
			       (look && event.kind != POLICY_EVENT_OBSERVED);
			ask = commands.ask_guards ||
			      (ask && event.kind != POLICY_EVENT_GUARDS);
			if (policy.state == POLICY_BOUNCING ||
			    policy.state == POLICY_GAVE_UP ||
			    policy.state == POLICY_PAUSED || look || ask)
				continue;
			if (policy.deadline_ms == POLICY_NEVER)
				fail_msg("seed %llu, event %d: %s for ever",
				         (unsigned long long)seed, i,
				         policy_state_name(policy.state));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deadline_is_lazy),
		cmocka_unit_test(test_push_before_the_deadline_wins),
		cmocka_unit_test(test_held_looks_again),
		cmocka_unit_test(test_for),
		cmocka_unit_test(test_never_seen),
		cmocka_unit_test(test_missing_with_an_age),
		cmocka_unit_test(test_unknown_is_asked_again),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_failure_is_a_breach_at_once),
		cmocka_unit_test(test_old_failure_does_not_judge_the_step),
		cmocka_unit_test(test_new_failure_judges_the_step),
		cmocka_unit_test(test_silence_after_a_failure_is_no_help),
		cmocka_unit_test(test_good_while_the_step_ran),
		cmocka_unit_test(test_run_without_an_end),
		cmocka_unit_test(test_run_recovers_with_the_next),
		cmocka_unit_test(test_away_does_not_count),
		cmocka_unit_test(test_grace_after_our_absence),
		cmocka_unit_test(test_away_in_a_run),
		cmocka_unit_test(test_older_than_the_clock),
		cmocka_unit_test(test_nothing_done_waits),
		cmocka_unit_test(test_dry_run_is_no_noise),
		cmocka_unit_test(test_never_without_a_deadline),
	};

	return cmocka_run_group_tests_name("policy_exact", tests, NULL, NULL);
}
