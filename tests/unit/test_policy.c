/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: the rules as tables of (time, event) -> (state, commands). The clock
 * is an integer; nothing sleeps.
 */
#include "support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include "policy_kit.h"

static void test_late_push_recovers(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(0), POLICY_GOOD, NOTHING, -1 },
	         { 60000, AGE(60000), POLICY_GOOD, NOTHING, -1 },
	         { 61000, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 61000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 62000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 122000 },
	         { 70000, AGE(2000), POLICY_GOOD, RECOVERED, -1 });
}

static void test_for_must_last(void **state)
{
	struct policy_rules rules = base_rules;

	rules.for_ms = 30000;
	RUN_ROWS(&rules, { 0, AGE(61000), POLICY_BREACHED, NOTHING, 30000 },
	         { 20000, AGE(81000), POLICY_BREACHED, NOTHING, 30000 },
	         /* a dip starts it anew */
	         { 25000, AGE(0), POLICY_GOOD, NOTHING, -1 },
	         { 86000, AGE(61000), POLICY_BREACHED, NOTHING, 116000 },
	         { 116000, DEADLINE, POLICY_BREACHED, OBSERVE, -1 },
	         { 116000, AGE(91000), POLICY_WAITING, ASK, 0 });
}

static void test_cooldown_after_recovery(void **state)
{
	struct policy_rules rules = base_rules;

	rules.max_age_ms = 10000;
	RUN_ROWS(&rules, { 0, AGE(11000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 1000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 0 },
	         { 2000, AGE(0), POLICY_GOOD, RECOVERED, 0 },
	         /* bad again within the cooldown of 60 s */
	         { 13000, AGE(11000), POLICY_COOLING, NOTHING, 61000 },
	         { 61000, DEADLINE, POLICY_COOLING, OBSERVE, 0 },
	         { 61000, AGE(59000), POLICY_WAITING, ASK, 0 });
}

/* After each failed bounce the wait grows by the factor, plus at most a tenth
 * of jitter, and never beyond the cap. */
static void test_backoff_grows(void **state)
{
	static const uint64_t expected_ms[] = { 60000, 120000, 240000, 300000,
		                                300000 };
	struct policy_rules rules = base_rules;
	struct rng rng = { 7 };
	struct policy policy;
	uint64_t now_ms = ZERO;

	rules.max_bounces = 32;
	rules.backoff_max_ms = 300000;
	policy_init(&policy, now_ms);
	for (size_t i = 0; i < ARRAY_SIZE(expected_ms); i++) {
		struct policy_event bad = AGE(99999999);
		struct policy_event guards = GUARDS(0);
		struct policy_event ended = ENDED(FAILED);
		uint64_t wait_ms;

		(void)policy_step(&policy, &rules, &bad, now_ms, &rng);
		(void)policy_step(&policy, &rules, &guards, now_ms, &rng);
		(void)policy_step(&policy, &rules, &ended, now_ms, &rng);
		assert_int_equal(policy.state, POLICY_COOLING);
		wait_ms = policy.deadline_ms - now_ms;
		assert_in_range(wait_ms, expected_ms[i],
		                expected_ms[i] + expected_ms[i] / 10 + 1);
		now_ms = policy.deadline_ms;
	}
}

static void test_useless_bounce_is_tried_again(void **state)
{
	struct policy_rules rules = base_rules;
	struct rng rng = { 1 };
	struct policy policy;

	static const struct row rows[] = {
		{ 0, AGE(61000), POLICY_WAITING, ASK, 0 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
		{ 1000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 61000 },
		{ 30000, AGE(91000), POLICY_VERIFYING, NOTHING, 61000 },
		{ 61000, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
	};
	struct policy_event bad = AGE(122000);
	struct policy_commands commands;

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	commands = policy_step(&policy, &rules, &bad, ZERO + 61000, &rng);
	assert_true(commands.useless);
	assert_int_equal(policy.n_failed, 1);
	/* the jitter lengthens the wait; then it goes on */
	if (policy.state == POLICY_COOLING) {
		assert_true(policy.deadline_ms <= ZERO + 67001);
		(void)policy_step(&policy, &rules, &bad, ZERO + 68000, &rng);
	}
	assert_int_equal(policy.state, POLICY_WAITING);
}

static void test_ladder(void **state)
{
	struct policy_rules rules = base_rules;

	rules.n_steps = 3;
	RUN_ROWS(&rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         /* the first fails: the next, as soon as it is known to be
	          * needed */
	         { 1000, ENDED(FAILED), POLICY_WAITING, OBSERVE, 0 },
	         { 1000, GUARDS(0), POLICY_WAITING, NOTHING, 0 },
	         { 1500, AGE(62500), POLICY_WAITING, ASK, 0 },
	         { 1500, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         /* the second is done and does not help */
	         { 2000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 62000 },
	         { 62000, AGE(123000), POLICY_WAITING, ASK, 0 },
	         { 62000, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 63000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 123000 },
	         { 64000, AGE(1000), POLICY_GOOD, RECOVERED, 0 });
}

static void test_ladder_costs_one_bounce(void **state)
{
	struct policy_rules rules = base_rules;
	struct policy policy;
	static const struct row rows[] = {
		{ 0, AGE(61000), POLICY_WAITING, ASK, 0 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
		{ 1000, ENDED(FAILED), POLICY_WAITING, OBSERVE, 0 },
		{ 1000, AGE(62000), POLICY_WAITING, ASK, 0 },
		{ 1000, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	};

	rules.n_steps = 2;
	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	assert_int_equal(policy.n_bounces, 1);
	assert_int_equal(policy.step, 1);
}

/* A step that failed is followed by the next only if the monitor is still bad:
 * not if it came back meanwhile, nor if nobody can tell. */
static void test_ladder_stops_at_good(void **state)
{
	struct policy_rules rules = base_rules;

	rules.n_steps = 2;
	RUN_ROWS(&rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 500, AGE(0), POLICY_BOUNCING, CANCEL, 0 },
	         { 1000, ENDED(FAILED), POLICY_WAITING, OBSERVE, 0 },
	         { 1000, GUARDS(0), POLICY_WAITING, NOTHING, 0 },
	         { 1500, AGE(1000), POLICY_GOOD, RECOVERED, -1 });
}

static void test_ladder_stops_at_unknown(void **state)
{
	struct policy_rules rules = base_rules;

	rules.n_steps = 2;
	RUN_ROWS(&rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 500, UNKNOWN, POLICY_BOUNCING, NOTHING, 0 },
	         { 1000, ENDED(FAILED), POLICY_WAITING, OBSERVE, 0 },
	         { 1000, GUARDS(0), POLICY_WAITING, NOTHING, 0 },
	         { 1500, UNKNOWN, POLICY_UNKNOWN, NOTHING, 0 },
	         { 2000, AGE(63000), POLICY_WAITING, ASK, 0 },
	         { 2000, GUARDS(0), POLICY_BOUNCING, RUN, 0 });
}

static void test_budget_then_gave_up_then_released(void **state)
{
	struct policy_rules rules = base_rules;

	rules.max_bounces = 2;
	rules.cooldown_ms = 0;
	rules.backoff_max_ms = 0;
	RUN_ROWS(&rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 0, ENDED(FAILED), POLICY_COOLING, NOTHING, 0 },
	         { 2000, AGE(63000), POLICY_WAITING, ASK, 0 },
	         { 2000, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 2000, ENDED(FAILED), POLICY_GAVE_UP, NOTHING, -1 },
	         /* not even when the window has passed */
	         { 9000000, AGE(9060000), POLICY_GAVE_UP, NOTHING, -1 },
	         { 9001000, AGE(0), POLICY_GOOD, NOTHING, -1 },
	         { 9062001, AGE(61001), POLICY_WAITING, ASK, 0 },
	         { 9062001, GUARDS(0), POLICY_BOUNCING, RUN, 0 });
}

static void test_budget_slides(void **state)
{
	struct policy_rules rules = base_rules;

	rules.max_bounces = 1;
	rules.window_ms = 100000;
	rules.max_age_ms = 1000;
	RUN_ROWS(&rules, { 0, AGE(1001), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 0, ENDED(DONE), POLICY_VERIFYING, NOTHING, 0 },
	         { 100, AGE(0), POLICY_GOOD, RECOVERED, 0 },
	         { 101000, AGE(1001), POLICY_WAITING, ASK, 0 });
}

static void test_unknown_is_not_bad(void **state)
{
	RUN_ROWS(&base_rules, { 0, UNKNOWN, POLICY_UNKNOWN, NOTHING, -1 },
	         { 1000, AGE(0), POLICY_GOOD, NOTHING, -1 },
	         { 2000, UNKNOWN, POLICY_UNKNOWN, NOTHING, -1 },
	         { 900000, UNKNOWN, POLICY_UNKNOWN, NOTHING, -1 },
	         { 900000, GUARDS(0), POLICY_UNKNOWN, NOTHING, -1 },
	         { 900000, DEADLINE, POLICY_UNKNOWN, OBSERVE, -1 },
	         /* nobody could push while the gateway was away: from 1 s
	          * to 901 s does not count */
	         { 901000, AGE(901000), POLICY_GOOD, NOTHING, -1 },
	         { 959000, AGE(959000), POLICY_GOOD, NOTHING, -1 },
	         { 962000, AGE(962000), POLICY_WAITING, ASK, 0 });
}

static void test_new_push_ends_the_excuse(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 0 },
	         { 1000, UNKNOWN, POLICY_UNKNOWN, NOTHING, 0 },
	         { 500000, AGE(500000), POLICY_GOOD, NOTHING, 0 },
	         { 510000, AGE(0), POLICY_GOOD, NOTHING, 0 },
	         { 571000, AGE(61000), POLICY_WAITING, ASK, 0 });
}

static void test_push_during_the_outage(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 0 },
	         { 1000, UNKNOWN, POLICY_UNKNOWN, NOTHING, 0 },
	         /* pushed at 480 s, read again at 500 s: 20 s excused */
	         { 500000, AGE(20000), POLICY_GOOD, NOTHING, 0 },
	         { 559000, AGE(79000), POLICY_GOOD, NOTHING, 0 },
	         { 561000, AGE(81000), POLICY_WAITING, ASK, 0 });
}

/* A job that pushes every second: each push seems the same as the one before,
 * but no outage may be excused for longer than the push is old. */
static void test_no_excuse_older_than_the_push(void **state)
{
	struct policy_event good = AGE(900);
	struct policy_event unknown = UNKNOWN;
	struct policy_event dead = AGE(61000);
	struct rng rng = { 1 };
	struct policy policy;
	uint64_t now_ms = ZERO;

	policy_init(&policy, now_ms);
	for (int i = 0; i < 200; i++) {
		(void)policy_step(&policy, &base_rules, &good, now_ms, &rng);
		(void)policy_step(&policy, &base_rules, &unknown, now_ms + 500,
		                  &rng);
		now_ms += 1000;
	}
	(void)policy_step(&policy, &base_rules, &good, now_ms, &rng);
	dead.observation.age_ms = 62000;
	(void)policy_step(&policy, &base_rules, &dead, now_ms + 61100, &rng);
	assert_int_equal(policy.state, POLICY_WAITING);
}

/* Nor may the end of a step move into the future: it would not be believed
 * after our own restart. */
static void test_unknown_moves_no_step_into_the_future(void **state)
{
	struct policy policy;
	static const struct row rows[] = {
		{ 0, AGE(61000), POLICY_WAITING, ASK, 0 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
		{ 100, UNKNOWN, POLICY_BOUNCING, NOTHING, 0 },
		{ 50000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 0 },
		{ 50100, UNKNOWN, POLICY_UNKNOWN, NOTHING, 0 },
		{ 60000, AGE(121000), POLICY_VERIFYING, NOTHING, 120000 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &base_rules, rows, ARRAY_SIZE(rows));
	assert_int_equal(policy.ended_ms - ZERO, 60000);
}

static void test_unknown_suspends_verifying(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         /* while it runs the source goes away: it runs on */
	         { 500, UNKNOWN, POLICY_BOUNCING, NOTHING, 0 },
	         { 1000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 0 },
	         { 2000, UNKNOWN, POLICY_UNKNOWN, NOTHING, 0 },
	         { 300000, AGE(361000), POLICY_VERIFYING, NOTHING, 0 },
	         { 310000, AGE(1000), POLICY_GOOD, RECOVERED, 0 });
}

static void test_missing_never_seen(void **state)
{
	RUN_ROWS(&base_rules, { 0, MISSING, POLICY_STARTING, NOTHING, -1 },
	         { 60000, MISSING, POLICY_STARTING, NOTHING, -1 },
	         { 60001, MISSING, POLICY_WAITING, ASK, 0 });
}

static void test_missing_since_last_seen(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(59000), POLICY_GOOD, NOTHING, 0 },
	         /* the gateway restarted empty */
	         { 1000, MISSING, POLICY_GOOD, NOTHING, 0 },
	         { 60000, MISSING, POLICY_GOOD, NOTHING, 0 },
	         { 60001, MISSING, POLICY_WAITING, ASK, 0 },
	         { 61000, AGE(0), POLICY_GOOD, NOTHING, 0 });
}

static void test_missing_with_outage(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(0), POLICY_GOOD, NOTHING, 0 },
	         { 10000, UNKNOWN, POLICY_UNKNOWN, NOTHING, 0 },
	         { 500000, MISSING, POLICY_GOOD, NOTHING, 0 },
	         { 560000, MISSING, POLICY_GOOD, NOTHING, 0 },
	         { 560001, MISSING, POLICY_WAITING, ASK, 0 });
}

static void test_breach_then_empty_gateway(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(GUARD_STORM), POLICY_WAITING, NOTHING, 0 },
	         /* what was bad is now merely missing: nothing to act on */
	         { 1000, MISSING, POLICY_GOOD, NOTHING, 0 });
}

static void test_guards_hold(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(GUARD_STORM), POLICY_WAITING, NOTHING, 0 },
	         { 1000, AGE(62000), POLICY_WAITING, ASK, 0 },
	         { 1000, GUARDS(GUARD_TARGET), POLICY_WAITING, NOTHING, 0 },
	         { 2000, AGE(0), POLICY_GOOD, NOTHING, 0 },
	         { 2000, GUARDS(0), POLICY_GOOD, NOTHING, 0 });
}

static void test_newly_held_counts_once(void **state)
{
	struct policy_event bad = AGE(61000);
	struct policy_event storm = GUARDS(GUARD_STORM);
	struct policy_event both = GUARDS(GUARD_STORM | GUARD_TARGET);
	struct rng rng = { 1 };
	struct policy policy;
	struct policy_commands commands;

	policy_init(&policy, ZERO);
	(void)policy_step(&policy, &base_rules, &bad, ZERO, &rng);
	commands = policy_step(&policy, &base_rules, &storm, ZERO, &rng);
	assert_int_equal(commands.newly_held, GUARD_STORM);
	commands = policy_step(&policy, &base_rules, &storm, ZERO + 1, &rng);
	assert_int_equal(commands.newly_held, 0);
	commands = policy_step(&policy, &base_rules, &both, ZERO + 2, &rng);
	assert_int_equal(commands.newly_held, GUARD_TARGET);
	assert_int_equal(policy.held, GUARD_STORM | GUARD_TARGET);
}

static void test_start_grace(void **state)
{
	struct policy_rules rules = base_rules;

	rules.start_grace_ms = 30000;
	RUN_ROWS(&rules, { 0, AGE(999000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_WAITING, NOTHING, 30000 },
	         { 30000, DEADLINE, POLICY_WAITING, OBSERVE, -1 },
	         { 30000, AGE(1029000), POLICY_WAITING, ASK, 0 },
	         { 30000, GUARDS(0), POLICY_BOUNCING, RUN, 0 });
}

static void test_left_alone_costs_nothing(void **state)
{
	struct policy policy;
	static const struct row rows[] = {
		{ 0, AGE(61000), POLICY_WAITING, ASK, 0 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
		{ 100, ENDED(LEFT_ALONE), POLICY_COOLING, NOTHING, 60100 },
		{ 1000, AGE(62000), POLICY_COOLING, NOTHING, 60100 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &base_rules, rows, ARRAY_SIZE(rows));
	assert_int_equal(policy.n_bounces, 0);
	assert_int_equal(policy.n_failed, 0);
	assert_int_equal(policy.held, GUARD_PERSON);
}

static void test_veto_costs_nothing(void **state)
{
	struct policy_rules rules = base_rules;
	struct rng rng = { 1 };
	struct policy policy;
	uint64_t now_ms = ZERO;

	rules.max_bounces = 1;
	rules.cooldown_ms = 0;
	policy_init(&policy, now_ms);
	for (int i = 0; i < 20; i++) {
		struct policy_event bad = AGE(99999999);
		struct policy_event guards = GUARDS(0);
		struct policy_event ended = ENDED(VETOED);

		(void)policy_step(&policy, &rules, &bad, now_ms, &rng);
		(void)policy_step(&policy, &rules, &guards, now_ms, &rng);
		assert_int_equal(policy.state, POLICY_BOUNCING);
		(void)policy_step(&policy, &rules, &ended, now_ms, &rng);
		assert_int_equal(policy.state, POLICY_COOLING);
		assert_int_equal(policy.held, GUARD_HOOK);
		assert_int_equal(policy.n_bounces, 0);
		assert_int_equal(policy.n_failed, 0);
		/* asked again, but never in a circle */
		assert_true(policy.deadline_ms >= now_ms + 1000);
		now_ms = policy.deadline_ms;
	}
}

static void test_unavailable_runtime_never_gives_up(void **state)
{
	struct policy_rules rules = base_rules;
	struct rng rng = { 1 };
	struct policy policy;
	uint64_t now_ms = ZERO;

	rules.max_bounces = 1;
	policy_init(&policy, now_ms);
	for (int i = 0; i < 20; i++) {
		struct policy_event bad = AGE(99999999);
		struct policy_event guards = GUARDS(0);
		struct policy_event ended = ENDED(UNAVAILABLE);

		(void)policy_step(&policy, &rules, &bad, now_ms, &rng);
		(void)policy_step(&policy, &rules, &guards, now_ms, &rng);
		(void)policy_step(&policy, &rules, &ended, now_ms, &rng);
		assert_int_equal(policy.state, POLICY_COOLING);
		now_ms = policy.deadline_ms;
	}
	assert_int_equal(policy.n_failed, 20);
}

static void test_dry_run(void **state)
{
	struct policy policy;
	static const struct row rows[] = {
		{ 0, AGE(61000), POLICY_WAITING, ASK, 0 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
		{ 0, ENDED(DRY_RUN), POLICY_COOLING, NOTHING, 60000 },
		/* said once per cooldown, not per check */
		{ 1000, AGE(62000), POLICY_COOLING, NOTHING, 60000 },
		{ 60000, AGE(121000), POLICY_WAITING, ASK, 0 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &base_rules, rows, ARRAY_SIZE(rows));
	assert_int_equal(policy.n_bounces, 0);
}

static void test_good_while_queued(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 1000, AGE(0), POLICY_BOUNCING, CANCEL, 0 },
	         { 1000, ENDED(CANCELLED), POLICY_GOOD, NOTHING, 0 },
	         /* and nothing was spent: no cooldown */
	         { 62000, AGE(61000), POLICY_WAITING, ASK, 0 });
}

static void test_cancelled_while_bad(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 1000, ENDED(CANCELLED), POLICY_WAITING, ASK, 0 });
}

static void test_pause(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 1000, PAUSE, POLICY_PAUSED, NOTHING, -1 },
	         { 1000, GUARDS(0), POLICY_PAUSED, NOTHING, -1 },
	         { 2000, AGE(63000), POLICY_PAUSED, NOTHING, -1 },
	         { 2000, DEADLINE, POLICY_PAUSED, NOTHING, -1 },
	         { 3000, UNKNOWN, POLICY_PAUSED, NOTHING, -1 },
	         { 3000, PAUSE, POLICY_PAUSED, NOTHING, -1 },
	         { 4000, RESUME, POLICY_STARTING, NOTHING, -1 },
	         { 5000, AGE(66000), POLICY_WAITING, ASK, 0 });
}

static void test_pause_while_bouncing(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 1000, PAUSE, POLICY_PAUSED, NOTHING, 0 },
	         { 2000, ENDED(DONE), POLICY_PAUSED, NOTHING, 0 },
	         { 3000, RESUME, POLICY_STARTING, NOTHING, 0 },
	         { 3000, ENDED(DONE), POLICY_STARTING, NOTHING, 0 });
}

/* The step that ran on under the pause was a bounce like any other. */
static void test_cooldown_after_pause(void **state)
{
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 1000, PAUSE, POLICY_PAUSED, NOTHING, 0 },
	         { 70000, ENDED(DONE), POLICY_PAUSED, NOTHING, 0 },
	         { 71000, RESUME, POLICY_STARTING, NOTHING, 0 },
	         { 72000, AGE(133000), POLICY_COOLING, NOTHING, 130000 });
	/* it ends after the pause does */
	RUN_ROWS(&base_rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 1000, PAUSE, POLICY_PAUSED, NOTHING, 0 },
	         { 61000, RESUME, POLICY_STARTING, NOTHING, 0 },
	         { 62000, AGE(123000), POLICY_WAITING, ASK, 0 },
	         { 62000, GUARDS(GUARD_TARGET), POLICY_WAITING, NOTHING, 0 },
	         { 63000, ENDED(DONE), POLICY_WAITING, NOTHING, 0 },
	         { 64000, GUARDS(0), POLICY_WAITING, NOTHING, 123000 },
	         { 123000, GUARDS(0), POLICY_BOUNCING, RUN, 0 });
}

/* Good, and bad again before the cancelled step has come back: it is bad, and
 * the budget is asked anew. */
static void test_bad_again_before_cancelled(void **state)
{
	struct policy_rules rules = base_rules;

	rules.n_steps = 2;
	rules.max_bounces = 1;
	RUN_ROWS(&rules, { 0, AGE(61000), POLICY_WAITING, ASK, 0 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 1000, ENDED(FAILED), POLICY_WAITING, OBSERVE, 0 },
	         { 1000, AGE(62000), POLICY_WAITING, ASK, 0 },
	         { 1000, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	         { 2000, AGE(0), POLICY_BOUNCING, CANCEL, 0 },
	         { 63001, AGE(61001), POLICY_BOUNCING, NOTHING, 0 },
	         { 63001, ENDED(CANCELLED), POLICY_GAVE_UP, NOTHING, 0 });
}

/* We end while the step runs: it was a bounce, and has its cooldown. */
static void test_save_while_bouncing(void **state)
{
	struct policy_saved saved;
	struct policy_event bad = AGE(62000);
	struct rng rng = { 1 };
	struct policy policy;
	struct policy again;
	static const struct row rows[] = {
		{ 0, AGE(61000), POLICY_WAITING, ASK, 0 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &base_rules, rows, ARRAY_SIZE(rows));
	policy_save(&policy, &saved);
	assert_int_equal(saved.ended_ms, ZERO);
	policy_init(&again, ZERO + 1000);
	policy_restore(&again, &saved, ZERO + 1000);
	(void)policy_step(&again, &base_rules, &bad, ZERO + 1000, &rng);
	assert_int_equal(again.state, POLICY_COOLING);
	assert_int_equal(again.deadline_ms, ZERO + 60000);
}

static void test_save_and_restore(void **state)
{
	struct policy_rules rules = base_rules;
	struct policy_saved saved;
	struct rng rng = { 1 };
	struct policy policy;
	struct policy again;
	static const struct row before[] = {
		{ 0, AGE(61000), POLICY_WAITING, ASK, 0 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, 0 },
		{ 1000, ENDED(DONE), POLICY_VERIFYING, NOTHING, 0 },
	};
	struct policy_event bad = AGE(61000);

	rules.max_bounces = 2;
	policy_init(&policy, ZERO);
	policy_save(&policy, &saved);
	assert_true(policy_saved_empty(&saved));
	run_rows(&policy, &rules, before, ARRAY_SIZE(before));
	policy_save(&policy, &saved);
	assert_false(policy_saved_empty(&saved));

	/* a new process: its clock may have another zero; the caller converts */
	policy_init(&again, ZERO + 5000);
	policy_restore(&again, &saved, ZERO + 5000);
	(void)policy_step(&again, &rules, &bad, ZERO + 5000, &rng);
	assert_int_equal(again.state, POLICY_COOLING);
	assert_int_equal(again.deadline_ms, ZERO + 61000);
	assert_int_equal(again.n_bounces, 1);

	policy.state = POLICY_GAVE_UP;
	policy_save(&policy, &saved);
	policy_init(&again, ZERO + 5000);
	policy_restore(&again, &saved, ZERO + 5000);
	(void)policy_step(&again, &rules, &bad, ZERO + 5000, &rng);
	assert_int_equal(again.state, POLICY_GAVE_UP);
}

static void test_restore_before_the_clock_began(void **state)
{
	struct policy_saved saved = { .bounces_ms = { -5000 },
		                      .n_bounces = 1,
		                      .ended_ms = -4000,
		                      .cool_until_ms = 56000 };
	struct policy_event bad = AGE(61000);
	struct rng rng = { 1 };
	struct policy policy;

	policy_init(&policy, 100);
	policy_restore(&policy, &saved, 100);
	(void)policy_step(&policy, &base_rules, &bad, 100, &rng);
	assert_int_equal(policy.state, POLICY_COOLING);
	assert_int_equal(policy.deadline_ms, 56000);
}

/* Whatever happens, in whatever order: no edge is taken that the table does
 * not know (policy_step asserts it), the budget holds, and nothing starts
 * while unknown or paused. */
static void test_random_walks(void **state)
{
	static const struct policy_event events[] = {
		AGE(0),
		AGE(61000),
		MISSING,
		UNKNOWN,
		DEADLINE,
		GUARDS(0),
		GUARDS(GUARD_STORM),
		ENDED(DONE),
		ENDED(FAILED),
		ENDED(UNAVAILABLE),
		ENDED(LEFT_ALONE),
		ENDED(DRY_RUN),
		ENDED(CANCELLED),
		PAUSE,
		RESUME,
		AGE(61000),
		GUARDS(0),
		GUARDS(0),
	};

	for (uint64_t seed = 1; seed <= 300; seed++) {
		struct policy_rules rules = base_rules;
		struct rng rng = { seed };
		struct policy policy;
		uint64_t now_ms = ZERO;

		rules.n_steps = (uint8_t)(1 + rng_below(&rng, 3));
		rules.for_ms = rng_below(&rng, 2) * 20000;
		policy_init(&policy, now_ms);
		for (int i = 0; i < 2000; i++) {
			const struct policy_event *event =
				&events[rng_below(&rng, ARRAY_SIZE(events))];
			enum policy_state before = policy.state;
			struct policy_commands commands;

			now_ms += rng_below(&rng, 30000);
			commands = policy_step(&policy, &rules, event, now_ms,
			                       &rng);
			if (commands.run_step)
				assert_int_equal(before, POLICY_WAITING);
			assert_true(policy.n_bounces <= rules.max_bounces);
			assert_true(policy.step < rules.n_steps);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_late_push_recovers),
		cmocka_unit_test(test_for_must_last),
		cmocka_unit_test(test_cooldown_after_recovery),
		cmocka_unit_test(test_backoff_grows),
		cmocka_unit_test(test_useless_bounce_is_tried_again),
		cmocka_unit_test(test_ladder),
		cmocka_unit_test(test_ladder_costs_one_bounce),
		cmocka_unit_test(test_ladder_stops_at_good),
		cmocka_unit_test(test_ladder_stops_at_unknown),
		cmocka_unit_test(test_budget_then_gave_up_then_released),
		cmocka_unit_test(test_budget_slides),
		cmocka_unit_test(test_unknown_is_not_bad),
		cmocka_unit_test(test_new_push_ends_the_excuse),
		cmocka_unit_test(test_push_during_the_outage),
		cmocka_unit_test(test_no_excuse_older_than_the_push),
		cmocka_unit_test(test_unknown_moves_no_step_into_the_future),
		cmocka_unit_test(test_unknown_suspends_verifying),
		cmocka_unit_test(test_missing_never_seen),
		cmocka_unit_test(test_missing_since_last_seen),
		cmocka_unit_test(test_missing_with_outage),
		cmocka_unit_test(test_breach_then_empty_gateway),
		cmocka_unit_test(test_guards_hold),
		cmocka_unit_test(test_newly_held_counts_once),
		cmocka_unit_test(test_start_grace),
		cmocka_unit_test(test_left_alone_costs_nothing),
		cmocka_unit_test(test_veto_costs_nothing),
		cmocka_unit_test(test_unavailable_runtime_never_gives_up),
		cmocka_unit_test(test_dry_run),
		cmocka_unit_test(test_good_while_queued),
		cmocka_unit_test(test_cancelled_while_bad),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_pause_while_bouncing),
		cmocka_unit_test(test_cooldown_after_pause),
		cmocka_unit_test(test_bad_again_before_cancelled),
		cmocka_unit_test(test_save_while_bouncing),
		cmocka_unit_test(test_save_and_restore),
		cmocka_unit_test(test_restore_before_the_clock_began),
		cmocka_unit_test(test_random_walks),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
