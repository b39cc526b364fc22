/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy of a container: health and exits, what is idle or still starting, and
 * which word answers a restart.
 */
#include "support/cmocka.h"

#include "policy_kit.h"

#define SAID(...)                                                             \
	{                                                                     \
		.kind = POLICY_EVENT_OBSERVED, .observation = { __VA_ARGS__ } \
	}
/* @run: it runs for so long; @since: it is so for so long. */
#define HEALTH_WORD(word, run, since)                             \
	SAID(.kind = OBSERVATION_HEALTH, .health = HEALTH_##word, \
	     .running_ms = run, .age_ms = since, .exit_code = -1)
#define WELL(run)  HEALTH_WORD(GOOD, run, 0)
#define BEGUN(run) HEALTH_WORD(STARTING, run, 0)
#define SICK(run)  HEALTH_WORD(BAD, run, 0)
#define IDLE       HEALTH_WORD(IDLE, 0, 0)
#define ENDED_AGO(ms) \
	SAID(.kind = OBSERVATION_EXITED, .age_ms = ms, .exit_code = 1)
#define ORDER                              \
	{                                  \
		.kind = POLICY_EVENT_ORDER \
	}

static struct policy_rules container_rules(void)
{
	struct policy_rules rules = base_rules;

	rules.exact = true;
	rules.max_age_ms = 0;
	rules.cooldown_ms = 10000;
	return rules;
}

static void test_unhealthy_is_a_breach_at_once(void **state)
{
	struct policy_rules rules = container_rules();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, WELL(5000), POLICY_GOOD, NOTHING, -1 },
		{ 1000, SICK(6000), POLICY_WAITING, ASK, -1 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	assert_string_equal(policy_breach_words(&policy),
	                    "container is unhealthy");
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         { 801, BEGUN(200), POLICY_VERIFYING, NOTHING, 60800 },
	         { 9000, WELL(8399), POLICY_GOOD, RECOVERED, -1 });
}

static void test_for_means_all_the_time(void **state)
{
	struct policy_rules rules = container_rules();

	rules.for_ms = 30000;
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_BREACHED, NOTHING, 30000 },
	         { 10000, WELL(15000), POLICY_GOOD, NOTHING, -1 },
	         { 11000, SICK(16000), POLICY_BREACHED, NOTHING, 41000 },
	         { 41000, DEADLINE, POLICY_BREACHED, OBSERVE, -1 },
	         { 41000, SICK(46000), POLICY_WAITING, ASK, -1 });
	/* started anew by somebody else, its check decides anew */
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_BREACHED, NOTHING, 30000 },
	         { 20000, BEGUN(1000), POLICY_GOOD, NOTHING, -1 },
	         { 35000, SICK(16000), POLICY_BREACHED, NOTHING, 65000 });
}

/* What a restart is for, and what was asked before its end, says nothing of
 * it; nor is good before the step's end the answer. */
static void test_old_words_do_not_answer(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 500, SICK(5500), POLICY_BOUNCING, NOTHING, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         /* on its way while the restart ended */
	         { 801, SICK(5801), POLICY_VERIFYING, NOTHING, 60800 },
	         { 802, HEALTH_WORD(GOOD, 5802, 100), POLICY_VERIFYING, NOTHING,
	           60800 },
	         { 900, BEGUN(300), POLICY_VERIFYING, NOTHING, 60800 },
	         { 9000, WELL(8400), POLICY_GOOD, RECOVERED, -1 });
}

/* A step that restarts nothing: the old run goes on and is given its time. */
static void test_step_without_a_restart(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 100, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60100 },
	         { 101, SICK(5101), POLICY_VERIFYING, NOTHING, 60100 },
	         { 30000, WELL(35000), POLICY_GOOD, RECOVERED, -1 });
	/* it was good before the step's end, and stays so */
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 100, WELL(5100), POLICY_BOUNCING, CANCEL, -1 },
	         { 200, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60200 },
	         { 201, HEALTH_WORD(GOOD, 5201, 101), POLICY_VERIFYING, NOTHING,
	           60200 },
	         { 60200, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
	         { 60200, HEALTH_WORD(GOOD, 65200, 60100), POLICY_GOOD,
	           RECOVERED, -1 });
	/* and one that did not help */
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 100, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60100 },
	         { 60100, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
	         { 60100, SICK(65100), POLICY_WAITING, USELESS | ASK, -1 });
}

static void test_where_runs_are_not_known(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, SICK(0), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         { 801, HEALTH_WORD(BAD, 0, 801), POLICY_VERIFYING, NOTHING,
	           60800 },
	         { 802, HEALTH_WORD(BAD, 0, 0), POLICY_VERIFYING, NOTHING,
	           60800 },
	         { 5000, HEALTH_WORD(BAD, 0, 10), POLICY_COOLING, USELESS, 0 });
}

/* Bad again is the answer at once; what failed stays counted while it starts,
 * and the waits grow. */
static void test_failures_count_through_starting(void **state)
{
	struct policy_rules rules = container_rules();
	struct policy policy;
	static const struct row first[] = {
		{ 0, SICK(5000), POLICY_WAITING, ASK, -1 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 400, IDLE, POLICY_BOUNCING, CANCEL, -1 },
		{ 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
		{ 801, BEGUN(200), POLICY_VERIFYING, NOTHING, 60800 },
		{ 3800, SICK(3199), POLICY_COOLING, USELESS, 0 },
		/* somebody restarts it by hand: that heals nothing yet */
		{ 5000, IDLE, POLICY_COOLING, NOTHING, 0 },
		{ 5500, BEGUN(100), POLICY_COOLING, NOTHING, 0 },
	};
	static const struct row second[] = {
		{ 14000, DEADLINE, POLICY_COOLING, OBSERVE, -1 },
		{ 14000, BEGUN(8600), POLICY_COOLING, NOTHING, -1 },
		{ 16000, SICK(10600), POLICY_WAITING, ASK, -1 },
		{ 16000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 17000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 77000 },
		{ 17001, BEGUN(200), POLICY_VERIFYING, NOTHING, 77000 },
		{ 20000, SICK(3199), POLICY_COOLING, USELESS, 0 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, first, ARRAY_SIZE(first));
	assert_int_equal(policy.n_failed, 1);
	assert_in_range(policy.deadline_ms - ZERO, 10800, 11800);
	run_rows(&policy, &rules, second, ARRAY_SIZE(second));
	assert_int_equal(policy.n_failed, 2);
	/* twice as long after the second */
	assert_in_range(policy.deadline_ms - ZERO, 37000, 39000);
}

static void test_budget_ends_in_giving_up(void **state)
{
	struct policy_rules rules = container_rules();

	rules.max_bounces = 1;
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         { 3800, SICK(3200), POLICY_GAVE_UP, USELESS, -1 },
	         { 4000, IDLE, POLICY_GAVE_UP, NOTHING, -1 },
	         { 5000, BEGUN(10), POLICY_GAVE_UP, NOTHING, -1 },
	         { 7000, SICK(2010), POLICY_GAVE_UP, NOTHING, -1 },
	         { 9000, WELL(4010), POLICY_GOOD, NOTHING, -1 });
}

/* A check that takes longer than `verify` is waited for. */
static void test_verify_waits_for_the_check(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         { 801, BEGUN(200), POLICY_VERIFYING, NOTHING, 60800 },
	         { 60800, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
	         { 60800, BEGUN(60199), POLICY_VERIFYING, NOTHING, -1 },
	         { 90000, WELL(89399), POLICY_GOOD, RECOVERED, -1 });
}

/* Stopped, paused or gone after the restart: for `verify` it may come back. */
static void test_verify_of_an_idle_one(void **state)
{
	struct policy_rules rules = container_rules();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, SICK(5000), POLICY_WAITING, ASK, -1 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
		{ 3800, SICK(3200), POLICY_COOLING, USELESS, 0 },
		{ 15000, SICK(14400), POLICY_WAITING, ASK, -1 },
		{ 15000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 16000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 76000 },
		{ 20000, IDLE, POLICY_VERIFYING, NOTHING, 76000 },
		{ 76000, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
		{ 76000, IDLE, POLICY_GOOD, USELESS, -1 },
	};
	static const struct row good[] = {
		{ 80000, BEGUN(10), POLICY_GOOD, NOTHING, -1 },
		{ 90000, WELL(10010), POLICY_GOOD, NOTHING, -1 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	/* until it is good the failed ones count */
	assert_int_equal(policy.n_failed, 1);
	assert_false(policy_is_bad(&policy));
	run_rows(&policy, &rules, good, ARRAY_SIZE(good));
	assert_int_equal(policy.n_failed, 0);
}

/* Whom a step has stopped, the next one is for: it will not say any more that
 * it is bad. */
static void test_stopped_by_its_ladder(void **state)
{
	struct policy_rules rules = container_rules();

	rules.n_steps = 2;
	rules.stopping = 1 << 0;
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 500, IDLE, POLICY_BOUNCING, CANCEL, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         /* it is being stopped */
	         { 801, HEALTH_WORD(IDLE, 5801, 0), POLICY_VERIFYING, NOTHING,
	           60800 },
	         { 900, IDLE, POLICY_WAITING, ASK, -1 },
	         { 900, GUARDS(GUARD_TARGET), POLICY_WAITING, NOTHING, 5900 },
	         { 5900, DEADLINE, POLICY_WAITING, OBSERVE, -1 },
	         { 5901, IDLE, POLICY_WAITING, ASK, -1 },
	         { 5901, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 5902, IDLE, POLICY_BOUNCING, NOTHING, -1 },
	         { 6000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 66000 },
	         { 6001, BEGUN(50), POLICY_VERIFYING, NOTHING, 66000 },
	         { 9000, WELL(3049), POLICY_GOOD, RECOVERED, -1 });
	/* somebody was faster */
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         { 900, IDLE, POLICY_WAITING, ASK, -1 },
	         { 900, GUARDS(GUARD_TARGET), POLICY_WAITING, NOTHING, 5900 },
	         { 950, BEGUN(10), POLICY_GOOD, USELESS, -1 });
	/* what does not end in time is not waited for for ever */
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         { 60800, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
	         { 60800, HEALTH_WORD(IDLE, 65800, 0), POLICY_WAITING, ASK,
	           -1 });
	/* to stop it was all that was wanted */
	rules.stopping = 1 << 1;
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(FAILED), POLICY_WAITING, OBSERVE, 0 },
	         { 801, SICK(5801), POLICY_WAITING, ASK, -1 },
	         { 801, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 900, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60900 },
	         { 901, IDLE, POLICY_VERIFYING, NOTHING, 60900 },
	         { 60900, IDLE, POLICY_GOOD, USELESS, -1 });
}

/* Made anew under the same identity: gone, then starting. */
static void test_recreation(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(GUARD_STORM), POLICY_WAITING, NOTHING, 5000 },
	         { 1000, IDLE, POLICY_GOOD, NOTHING, -1 },
	         { 1100, GUARDS(0), POLICY_GOOD, NOTHING, -1 },
	         { 2000, BEGUN(10), POLICY_GOOD, NOTHING, -1 },
	         { 9000, WELL(7010), POLICY_GOOD, NOTHING, -1 });
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         { 900, BEGUN(300), POLICY_VERIFYING, NOTHING, 60800 },
	         { 2000, IDLE, POLICY_VERIFYING, NOTHING, 60800 },
	         { 3000, BEGUN(10), POLICY_VERIFYING, NOTHING, 60800 },
	         { 9000, SICK(6010), POLICY_COOLING, USELESS, 0 },
	         { 10000, IDLE, POLICY_COOLING, NOTHING, 0 },
	         { 12000, BEGUN(10), POLICY_COOLING, NOTHING, 0 },
	         { 19000, WELL(7010), POLICY_GOOD, NOTHING, -1 });
}

/* Nothing is bounced while its check has not decided. */
static void test_starting_is_not_bounced(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, BEGUN(10), POLICY_STARTING, NOTHING, -1 },
	         { 5000, SICK(5010), POLICY_WAITING, ASK, -1 },
	         { 5000, GUARDS(GUARD_QUIET), POLICY_WAITING, NOTHING, 0 },
	         { 8000, BEGUN(10), POLICY_GOOD, NOTHING, -1 },
	         { 9000, GUARDS(0), POLICY_GOOD, NOTHING, -1 });
	/* waiting for its turn, and somebody was faster */
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 1000, BEGUN(10), POLICY_BOUNCING, CANCEL, -1 },
	         { 1000, ENDED(CANCELLED), POLICY_GOOD, OBSERVE, -1 },
	         { 1000, BEGUN(10), POLICY_GOOD, NOTHING, -1 });
}

static void test_grace(void **state)
{
	struct policy_rules rules = container_rules();

	rules.grace_ms = 30000;
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_STARTING, NOTHING, 25000 },
	         { 20000, SICK(25000), POLICY_STARTING, NOTHING, 25000 },
	         { 25000, DEADLINE, POLICY_STARTING, OBSERVE, -1 },
	         { 25000, SICK(30000), POLICY_WAITING, ASK, -1 },
	         { 25000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 26000, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 86000 },
	         { 30000, SICK(4500), POLICY_VERIFYING, NOTHING, 55500 },
	         { 55500, DEADLINE, POLICY_VERIFYING, OBSERVE, -1 },
	         { 55500, SICK(30000), POLICY_WAITING, USELESS | ASK, -1 });
	/* good in time */
	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_STARTING, NOTHING, 25000 },
	         { 9000, WELL(14000), POLICY_GOOD, NOTHING, 0 });
	/* an old container has none left */
	RUN_ROWS(&rules, { 0, SICK(30000), POLICY_WAITING, ASK, -1 });
}

static void test_paused_by_an_operator(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, WELL(5000), POLICY_GOOD, NOTHING, -1 },
	         { 1000, PAUSE, POLICY_PAUSED, NOTHING, -1 },
	         { 2000, SICK(7000), POLICY_PAUSED, NOTHING, -1 },
	         { 2500, IDLE, POLICY_PAUSED, NOTHING, -1 },
	         { 3000, BEGUN(10), POLICY_PAUSED, NOTHING, -1 },
	         { 9000, RESUME, POLICY_STARTING, OBSERVE, -1 },
	         { 9000, SICK(6010), POLICY_WAITING, ASK, -1 });
}

static void test_unknown_suspends(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, SICK(5000), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
	         { 10800, UNKNOWN, POLICY_UNKNOWN, NOTHING, 15800 },
	         { 15800, DEADLINE, POLICY_UNKNOWN, OBSERVE, -1 },
	         { 100000, BEGUN(99400), POLICY_VERIFYING, NOTHING, 0 },
	         { 101000, WELL(100400), POLICY_GOOD, RECOVERED, -1 });
	RUN_ROWS(&rules, { 0, UNKNOWN, POLICY_UNKNOWN, NOTHING, 5000 },
	         { 5000, IDLE, POLICY_GOOD, NOTHING, -1 });
}

static void test_exited(void **state)
{
	struct policy_rules rules = container_rules();
	struct policy policy;
	static const struct row rows[] = {
		{ 0, WELL(5000), POLICY_GOOD, NOTHING, -1 },
		{ 1000, ENDED_AGO(3), POLICY_WAITING, ASK, -1 },
		{ 1000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, rows, ARRAY_SIZE(rows));
	assert_string_equal(policy_breach_words(&policy),
	                    "container has exited");
	RUN_ROWS(&rules, { 0, ENDED_AGO(3), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 400, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60400 },
	         /* asked before it was started */
	         { 401, ENDED_AGO(404), POLICY_VERIFYING, NOTHING, 60400 },
	         { 402, WELL(100), POLICY_GOOD, RECOVERED, -1 });
	/* an engine that takes no time: what runs is another run */
	RUN_ROWS(&rules, { 0, ENDED_AGO(3), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 2, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60002 },
	         { 2, WELL(1), POLICY_GOOD, RECOVERED, -1 });
	/* started, and ended again before anybody looked */
	RUN_ROWS(&rules, { 0, ENDED_AGO(3), POLICY_WAITING, ASK, -1 },
	         { 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 400, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60400 },
	         { 401, ENDED_AGO(20), POLICY_COOLING, USELESS, 0 });
}

static void test_exited_for_long(void **state)
{
	struct policy_rules rules = container_rules();

	rules.max_age_ms = 3600000;
	RUN_ROWS(&rules,
	         { 0, ENDED_AGO(600000), POLICY_GOOD, NOTHING, 3000000 },
	         { 3000000, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
	         { 3000000, ENDED_AGO(3600000), POLICY_WAITING, ASK, -1 },
	         { 3000000, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
	         { 3000100, ENDED(SETTLED), POLICY_GOOD, RECOVERED | OBSERVE,
	           -1 },
	         { 3000101, IDLE, POLICY_GOOD, NOTHING, -1 });
	/* started and ended anew: its time begins anew, lazily */
	RUN_ROWS(
		&rules, { 0, ENDED_AGO(600000), POLICY_GOOD, NOTHING, 3000000 },
		{ 1000000, WELL(10), POLICY_GOOD, NOTHING, 3000000 },
		{ 2000000, ENDED_AGO(0), POLICY_GOOD, NOTHING, 3000000 },
		{ 3000000, DEADLINE, POLICY_GOOD, OBSERVE, -1 },
		{ 3000000, ENDED_AGO(1000000), POLICY_GOOD, NOTHING, 5600000 });
	/* older than the clock's zero */
	RUN_ROWS(&rules, { 0, ENDED_AGO(UINT64_C(90000000000)), POLICY_WAITING,
	                   ASK, -1 });
}

static void test_no_budget(void **state)
{
	struct policy_rules rules = container_rules();
	struct rng rng = { 1 };
	struct policy policy;
	const struct policy_event sick = SICK(5000);
	const struct policy_event guards = GUARDS(0);
	const struct policy_event ended = ENDED(DONE);
	const struct policy_event well = WELL(100);
	uint64_t now_ms = ZERO;

	rules.max_bounces = 0;
	policy_init(&policy, ZERO);
	for (unsigned i = 0; i < 3 * POLICY_MAX_BOUNCES; i++) {
		struct policy_commands commands;

		now_ms += 20000;
		(void)policy_step(&policy, &rules, &sick, now_ms, &rng);
		commands = policy_step(&policy, &rules, &guards, now_ms, &rng);
		assert_true(commands.run_step);
		(void)policy_step(&policy, &rules, &ended, now_ms, &rng);
		commands = policy_step(&policy, &rules, &well, now_ms + 1000,
		                       &rng);
		assert_true(commands.recovered);
	}
	assert_int_equal(policy.n_bounces, POLICY_MAX_BOUNCES);
	/* the newest are kept, in order */
	assert_int_equal(policy.bounces[POLICY_MAX_BOUNCES - 1],
	                 (now_ms - ZERO) / 1000);
	assert_int_equal(policy.bounces[0],
	                 (now_ms - ZERO) / 1000 -
	                         (POLICY_MAX_BOUNCES - 1) * 20);
}

static void test_ordered(void **state)
{
	struct policy_rules rules = container_rules();

	RUN_ROWS(&rules, { 0, WELL(5000), POLICY_GOOD, NOTHING, -1 },
	         { 1000, ORDER, POLICY_BOUNCING, RUN, -1 },
	         { 1100, IDLE, POLICY_BOUNCING, NOTHING, -1 },
	         { 1800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 61800 },
	         { 1801, BEGUN(100), POLICY_VERIFYING, NOTHING, 61800 },
	         { 9000, WELL(7300), POLICY_GOOD, RECOVERED, -1 });
}

/* Through our own restart: what failed, gave up and cools is remembered. */
static void test_saved(void **state)
{
	struct policy_rules rules = container_rules();
	struct policy policy, after;
	struct policy_saved saved;
	static const struct row before[] = {
		{ 0, SICK(5000), POLICY_WAITING, ASK, -1 },
		{ 0, GUARDS(0), POLICY_BOUNCING, RUN, -1 },
		{ 800, ENDED(DONE), POLICY_VERIFYING, OBSERVE, 60800 },
		{ 3800, SICK(3200), POLICY_COOLING, USELESS, 0 },
	};
	static const struct row rows[] = {
		{ 4000, BEGUN(10), POLICY_STARTING, NOTHING, -1 },
		{ 5000, SICK(1010), POLICY_COOLING, NOTHING, 0 },
		{ 12000, DEADLINE, POLICY_COOLING, OBSERVE, -1 },
		{ 12000, SICK(8010), POLICY_WAITING, ASK, -1 },
	};

	policy_init(&policy, ZERO);
	run_rows(&policy, &rules, before, ARRAY_SIZE(before));
	policy_save(&policy, &saved);
	assert_int_equal(saved.n_failed, 1);
	policy_init(&after, ZERO + 3900);
	policy_restore(&after, &saved, ZERO + 3900);
	run_rows(&after, &rules, rows, ARRAY_SIZE(rows));
	assert_int_equal(after.n_failed, 1);
	assert_int_equal(after.n_bounces, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unhealthy_is_a_breach_at_once),
		cmocka_unit_test(test_for_means_all_the_time),
		cmocka_unit_test(test_old_words_do_not_answer),
		cmocka_unit_test(test_step_without_a_restart),
		cmocka_unit_test(test_where_runs_are_not_known),
		cmocka_unit_test(test_failures_count_through_starting),
		cmocka_unit_test(test_budget_ends_in_giving_up),
		cmocka_unit_test(test_verify_waits_for_the_check),
		cmocka_unit_test(test_verify_of_an_idle_one),
		cmocka_unit_test(test_stopped_by_its_ladder),
		cmocka_unit_test(test_recreation),
		cmocka_unit_test(test_starting_is_not_bounced),
		cmocka_unit_test(test_grace),
		cmocka_unit_test(test_paused_by_an_operator),
		cmocka_unit_test(test_unknown_suspends),
		cmocka_unit_test(test_exited),
		cmocka_unit_test(test_exited_for_long),
		cmocka_unit_test(test_no_budget),
		cmocka_unit_test(test_ordered),
		cmocka_unit_test(test_saved),
	};

	return cmocka_run_group_tests_name("policy_container", tests, NULL,
	                                   NULL);
}
