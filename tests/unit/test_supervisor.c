/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor: many monitors on one integer clock. What it asks to be done is
 * collected in a list of words.
 */
#include "support/cmocka.h"

#include <string.h>
#include "base/buf.h"
#include "core/supervisor.h"

#define N_MAX 40
#define ZERO  1000000u

struct world {
	struct supervisor supervisor;
	struct journal journal;
	struct targets targets;
	struct group group;
	struct monitor monitors[N_MAX];
	char names[N_MAX][16];
	uint32_t n_steps[N_MAX][1][N_STEP_RESULTS];
	struct policy_rules rules;
	struct supervisor_ops ops;
	struct buf said; /* "run m0 run m1 " */
	unsigned n_changed;
};

static const struct step restart_step = { .kind = STEP_RESTART };

static void say(struct world *world, const char *word,
                const struct monitor *monitor)
{
	(void)buf_printf(&world->said, "%s %s ", word, monitor->name);
}

static void on_run(void *context, struct monitor *monitor)
{
	say(context, "run", monitor);
}

static void on_cancel(void *context, struct monitor *monitor)
{
	say(context, "cancel", monitor);
}

static void on_observe(void *context, struct monitor *monitor)
{
	say(context, "observe", monitor);
}

static void on_changed(void *context)
{
	struct world *world = context;

	world->n_changed++;
}

/* @same_target: all monitors act on one container. */
static struct world *world_new(unsigned n, bool same_target)
{
	struct world *world = test_calloc(1, sizeof(*world));

	world->rules = (struct policy_rules){
		.max_age_ms = 60000,
		.cooldown_ms = 60000,
		.verify_ms = 60000,
		.window_ms = 3600000,
		.backoff_max_ms = 3600000,
		.backoff_percent = 200,
		.max_bounces = 5,
		.n_steps = 1,
	};
	world->ops = (struct supervisor_ops){ .run_step = on_run,
		                              .cancel_step = on_cancel,
		                              .observe = on_observe,
		                              .changed = on_changed,
		                              .context = world };
	buf_init(&world->said, 100000);
	assert_int_equal(journal_init(&world->journal, 1000), 0);
	targets_init(&world->targets, 1);
	group_init(&world->group, "http://gateway:9091");
	supervisor_init(&world->supervisor, &world->ops, NULL, &world->journal,
	                1);
	world->supervisor.storm_rules = (struct storm_rules){ 50, 5, 300000 };

	for (unsigned i = 0; i < n; i++) {
		struct monitor *monitor = &world->monitors[i];

		(void)snprintf(world->names[i], sizeof(world->names[i]), "m%u",
		               i);
		*monitor = (struct monitor){
			.name = world->names[i],
			.rules = &world->rules,
			.steps = &restart_step,
			.group = &world->group,
			.target = targets_take(
				&world->targets,
				slice_from(same_target ? "one"
			                               : world->names[i])),
			.n_steps = world->n_steps[i],
		};
		assert_int_equal(supervisor_add(&world->supervisor, monitor,
		                                false, ZERO),
		                 0);
	}
	return world;
}

static void world_free(struct world *world, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		world->monitors[i].acting = false;
		world->monitors[i].target->owner = NULL;
		supervisor_remove(&world->supervisor, &world->monitors[i]);
		targets_release(&world->targets, world->monitors[i].target);
	}
	supervisor_fini(&world->supervisor);
	targets_fini(&world->targets);
	journal_fini(&world->journal);
	buf_fini(&world->said);
	test_free(world);
}

static void reading_begin(struct world *world, enum reading_result result,
                          uint64_t at_ms)
{
	struct reading reading = { .result = result,
		                   .detail = "",
		                   .duration_ms = 1 };

	supervisor_reading_begin(&world->supervisor, &world->group, &reading,
	                         ZERO + at_ms);
}

/* One reading: the first @n_bad monitors are old, the rest fresh. */
static void reading(struct world *world, unsigned n, unsigned n_bad,
                    uint64_t at_ms)
{
	reading_begin(world, READING_OK, at_ms);
	for (unsigned i = 0; i < n; i++) {
		struct observation observation = {
			.kind = OBSERVATION_AGE,
			.age_ms = i < n_bad ? 61000 + at_ms : 0,
		};

		supervisor_observe(&world->supervisor, &world->monitors[i],
		                   &observation, ZERO + at_ms);
	}
	supervisor_reading_end(&world->supervisor, &world->group, ZERO + at_ms);
}

static void expect_said(struct world *world, const char *words)
{
	assert_string_equal(buf_text(&world->said), words);
	buf_reset(&world->said);
}

static void step_ended(struct world *world, unsigned i, enum step_result result,
                       uint64_t at_ms)
{
	struct step_report report = { .result = result,
		                      .duration_ms = 100,
		                      .detail = "" };

	supervisor_step_ended(&world->supervisor, &world->monitors[i], &report,
	                      ZERO + at_ms);
}

static void test_bounce_and_recover(void **state)
{
	struct world *world = world_new(3, false);
	struct monitor *monitor = &world->monitors[0];

	reading(world, 3, 1, 0);
	expect_said(world, "run m0 ");
	assert_true(monitor->acting);
	step_ended(world, 0, STEP_OK, 1000);
	reading(world, 3, 0, 2000);
	expect_said(world, "");
	assert_int_equal(monitor->policy.state, POLICY_GOOD);
	assert_int_equal(monitor->n_bounces[BOUNCE_RECOVERED], 1);
	assert_int_equal(monitor->n_steps[0][STEP_OK], 1);
	assert_int_equal(monitor->n_checks[CHECK_BREACH], 1);
	assert_int_equal(monitor->n_checks[CHECK_GOOD], 1);
	assert_int_equal(world->supervisor.bounce_seconds.counts[3], 1);
	assert_true(world->n_changed > 0);
	world_free(world, 3);
}

static void test_one_bounce_per_target(void **state)
{
	struct world *world = world_new(2, true);

	reading(world, 2, 2, 0);
	expect_said(world, "run m0 ");
	assert_int_equal(world->monitors[1].policy.held, GUARD_TARGET);
	assert_int_equal(world->monitors[1].n_held[4], 1);

	/* m0's restart is done; m1 waits until it could have helped */
	step_ended(world, 0, STEP_OK, 1000);
	reading(world, 2, 2, 2000);
	expect_said(world, "");
	reading(world, 2, 2, 60999);
	expect_said(world, "");
	reading_begin(world, READING_OK, 61000);
	supervisor_observe(&world->supervisor, &world->monitors[1],
	                   &(struct observation){ .kind = OBSERVATION_AGE,
	                                          .age_ms = 999999 },
	                   ZERO + 61000);
	supervisor_reading_end(&world->supervisor, &world->group, ZERO + 61000);
	expect_said(world, "run m1 ");
	world_free(world, 2);
}

/* Who acted last is gone: another one waits, though it lies in its place. */
static void test_last_owner_is_forgotten(void **state)
{
	struct targets targets;
	struct target *target;
	int who;

	targets_init(&targets, 1);
	target = targets_take(&targets, slice_from("one"));
	assert_non_null(target);
	target_begin(target, &who);
	target_end(target, 1000);
	assert_true(target_free(target, &who, 500, 1000));
	target_forget(target, &who);
	assert_false(target_free(target, &who, 500, 1499));
	assert_true(target_free(target, &who, 500, 1500));
	targets_release(&targets, target);
	targets_fini(&targets);
}

static void test_storm_holds_and_passes(void **state)
{
	struct world *world = world_new(20, false);

	reading(world, 20, 0, 0);
	reading(world, 20, 10, 1000);
	expect_said(world, "");
	assert_true(world->group.storm);
	assert_int_equal(world->monitors[0].policy.held, GUARD_STORM);

	/* it does not wear off by waiting */
	reading(world, 20, 10, 900000);
	expect_said(world, "");
	assert_true(world->group.storm);

	/* only a few are left: they are bounced */
	reading(world, 20, 2, 901000);
	assert_false(world->group.storm);
	expect_said(world, "run m0 run m1 ");
	world_free(world, 20);
}

static void test_no_storm_below_its_share(void **state)
{
	struct world *world = world_new(20, false);

	reading(world, 20, 9, 0);
	assert_false(world->group.storm);
	expect_said(world, "run m0 run m1 run m2 run m3 run m4 run m5 run m6 "
	                   "run m7 run m8 ");
	world_free(world, 20);
}

static void test_no_storm_of_few(void **state)
{
	struct world *world = world_new(4, false);

	reading(world, 4, 4, 0);
	assert_false(world->group.storm);
	expect_said(world, "run m0 run m1 run m2 run m3 ");
	world_free(world, 4);
}

static void test_storm_guard_off(void **state)
{
	struct world *world = world_new(6, false);

	world->supervisor.storm_rules.share_percent = 0;
	reading(world, 6, 6, 0);
	expect_said(world, "run m0 run m1 run m2 run m3 run m4 run m5 ");
	world_free(world, 6);
}

static void test_source_unknown_holds_all(void **state)
{
	struct world *world = world_new(2, false);

	reading(world, 2, 0, 0);
	reading_begin(world, READING_TIMEOUT, 500000);
	for (unsigned i = 0; i < 2; i++)
		supervisor_observe(
			&world->supervisor, &world->monitors[i],
			&(struct observation){ .kind = OBSERVATION_UNKNOWN },
			ZERO + 500000);
	supervisor_reading_end(&world->supervisor, &world->group,
	                       ZERO + 500000);
	expect_said(world, "");
	assert_int_equal(world->monitors[0].policy.state, POLICY_UNKNOWN);
	assert_int_equal(world->monitors[0].n_checks[CHECK_UNKNOWN], 1);
	world_free(world, 2);
}

static void test_deadline_asks_for_observation(void **state)
{
	struct world *world = world_new(1, false);

	world->rules.for_ms = 5000;
	reading(world, 1, 1, 0);
	assert_int_equal(supervisor_next(&world->supervisor), ZERO + 5000);
	supervisor_tick(&world->supervisor, ZERO + 4999);
	expect_said(world, "");
	supervisor_tick(&world->supervisor, ZERO + 5000);
	expect_said(world, "observe m0 ");
	assert_true(supervisor_next(&world->supervisor) == DEADLINE_NEVER);
	reading(world, 1, 1, 5000);
	expect_said(world, "run m0 ");
	world_free(world, 1);
}

static void test_good_while_queued_cancels(void **state)
{
	struct world *world = world_new(1, false);

	reading(world, 1, 1, 0);
	expect_said(world, "run m0 ");
	reading(world, 1, 0, 1000);
	expect_said(world, "cancel m0 ");
	step_ended(world, 0, STEP_CANCELLED, 1000);
	assert_int_equal(world->monitors[0].policy.state, POLICY_GOOD);
	assert_int_equal(world->monitors[0].n_bounces[BOUNCE_CANCELLED], 1);
	world_free(world, 1);
}

/* --- a source that tells of every push ------------------------------------ */

static struct world *exact_world(unsigned n)
{
	struct world *world = world_new(n, false);

	world->group.own = true;
	world->rules.exact = true;
	return world;
}

/* A reading that concerns one monitor. */
static void push(struct world *world, unsigned i,
                 struct observation observation, uint64_t at_ms)
{
	reading_begin(world, READING_OK, at_ms);
	supervisor_observe(&world->supervisor, &world->monitors[i],
	                   &observation, ZERO + at_ms);
	supervisor_reading_end(&world->supervisor, &world->group, ZERO + at_ms);
}

static const struct observation fresh = { .kind = OBSERVATION_AGE,
	                                  .exit_code = -1 };
static const struct observation failed = { .kind = OBSERVATION_FAILED,
	                                   .exit_code = 3 };

static void test_own_readings_are_pushes(void **state)
{
	struct world *world = exact_world(2);

	push(world, 0, fresh, 5);
	assert_true(world->group.up);
	assert_int_equal(world->group.read_ms, ZERO + 5);
	assert_int_equal(world->group.n_readings[READING_OK], 0);
	assert_true(world->supervisor.reading_seconds.sum == 0);
	assert_int_equal(world->monitors[0].n_checks[CHECK_GOOD], 1);
	assert_int_equal(world->monitors[1].n_checks[CHECK_GOOD], 0);
	/* of the source nothing was written, only that the monitor is good */
	assert_int_equal(world->journal.next_seq,
	                 journal_first(&world->journal) + 1);
	world_free(world, 2);
}

static void test_push_moves_no_deadline(void **state)
{
	struct world *world = exact_world(1);

	for (unsigned i = 0; i < 60; i++) {
		push(world, 0, fresh, i * 1000);
		assert_int_equal(supervisor_next(&world->supervisor),
		                 ZERO + 60001);
	}
	supervisor_tick(&world->supervisor, ZERO + 60000);
	expect_said(world, "");
	supervisor_tick(&world->supervisor, ZERO + 60001);
	expect_said(world, "observe m0 ");
	push(world, 0,
	     (struct observation){ .kind = OBSERVATION_AGE, .age_ms = 1001 },
	     60001);
	assert_int_equal(supervisor_next(&world->supervisor), ZERO + 119001);
	world_free(world, 1);
}

static void test_failure_bounces_at_once(void **state)
{
	struct world *world = exact_world(3);

	push(world, 1, fresh, 0);
	push(world, 2, failed, 1000);
	expect_said(world, "run m2 ");
	assert_int_equal(world->monitors[2].n_checks[CHECK_BREACH], 1);
	assert_int_equal(world->group.n_bad, 1);
	assert_int_equal(world->group.n_waiting, 0);
	step_ended(world, 2, STEP_OK, 2000);
	expect_said(world, "observe m2 ");
	push(world, 2, fresh, 3000);
	assert_int_equal(world->group.n_bad, 0);
	assert_int_equal(world->monitors[2].n_bounces[BOUNCE_RECOVERED], 1);
	world_free(world, 3);
}

/* One goes bad after the other, each with a reading of its own. */
static void test_storm_of_pushes(void **state)
{
	struct world *world = exact_world(10);

	world->rules.for_ms = 10000;
	for (unsigned i = 0; i < 10; i++)
		push(world, i, fresh, 0);
	for (unsigned i = 0; i < 4; i++)
		push(world, i, failed, 100 + i);
	assert_false(world->group.storm);
	push(world, 4, failed, 104);
	assert_true(world->group.storm);
	assert_int_equal(world->group.n_bad, 5);
	supervisor_tick(&world->supervisor, ZERO + 10104);
	expect_said(world, "observe m0 observe m1 observe m2 observe m3 "
	                   "observe m4 ");
	for (unsigned i = 0; i < 5; i++)
		push(world, i, failed, 10104);
	expect_said(world, "");
	assert_int_equal(world->group.n_waiting, 5);
	assert_int_equal(world->monitors[4].policy.held, GUARD_STORM);
	/* one recovers: fewer than half, and a push of one lets the others go
	 * on */
	push(world, 0, fresh, 11000);
	assert_false(world->group.storm);
	expect_said(world, "run m1 run m2 run m3 run m4 ");
	assert_int_equal(world->group.n_waiting, 0);
	assert_int_equal(world->group.n_bad, 4);
	world_free(world, 10);
}

/* Ten that push every ten seconds, each in a second of its own, up to @last
 * (and a little more). */
static void push_in_turns(struct world *world, uint64_t last_ms)
{
	for (uint64_t at_ms = 0; at_ms <= last_ms; at_ms += 10000) {
		for (unsigned i = 0; i < 10; i++)
			push(world, i, fresh, at_ms + i * 1000);
	}
}

/* The network is gone: the limit of one passes first, and those that fell
 * silent with it are seen to be overdue. */
static void test_storm_is_seen_at_the_first_limit(void **state)
{
	static const struct observation late = { .kind = OBSERVATION_AGE,
		                                 .age_ms = 60001 };
	struct world *world = exact_world(10);

	push_in_turns(world, 20000);
	push(world, 0, late, 80001);
	assert_true(world->group.storm);
	expect_said(world, "");
	assert_int_equal(world->monitors[0].policy.held, GUARD_STORM);
	assert_int_equal(world->group.n_bad, 1);
	/* the next limit changes nothing */
	push(world, 1, late, 81001);
	assert_true(world->group.storm);

	/* it is back: six push again, three are overdue still, one is bad */
	for (unsigned i = 1; i < 7; i++)
		push(world, i, fresh, 82000 + i);
	assert_false(world->group.storm);
	expect_said(world, "run m0 ");
	world_free(world, 10);
}

/* They are overdue since long before: one that dies later is not of them. */
static void test_silence_of_another_time_is_no_storm(void **state)
{
	static const struct observation late = { .kind = OBSERVATION_AGE,
		                                 .age_ms = 60001 };
	struct world *world = exact_world(10);
	struct policy_rules patient = world->rules;

	patient.max_age_ms = 36000000;
	for (unsigned i = 1; i < 10; i++)
		world->monitors[i].rules = &patient;
	push_in_turns(world, 20000);
	for (uint64_t at_ms = 30000; at_ms <= 600000; at_ms += 10000)
		push(world, 0, fresh, at_ms);
	for (unsigned i = 1; i < 10; i++)
		assert_true(policy_is_overdue(&world->monitors[i].policy,
		                              ZERO + 600000));
	push(world, 0, late, 660001);
	assert_false(world->group.storm);
	expect_said(world, "run m0 ");
	world_free(world, 10);
}

static void test_held_by_target_is_let_go(void **state)
{
	struct world *world = world_new(2, true);

	world->group.own = true;
	world->rules.exact = true;
	push(world, 0, failed, 0);
	push(world, 1, failed, 0);
	expect_said(world, "run m0 ");
	step_ended(world, 0, STEP_OK, 1000);
	push(world, 0, fresh, 1001);
	buf_reset(&world->said);
	/* nothing but its own deadline looks at m1 */
	for (uint64_t at_ms = 5000; at_ms <= 65000; at_ms += 5000) {
		supervisor_tick(&world->supervisor, ZERO + at_ms);
		push(world, 1, failed, at_ms);
	}
	assert_non_null(strstr(buf_text(&world->said), "observe m1 run m1 "));
	world_free(world, 2);
}

/* The counts are what a walk over all would find, whatever happens. */
static void test_counts_stay_true(void **state)
{
	struct world *world = exact_world(20);
	struct rng rng = { 5 };
	uint64_t now_ms = 0;

	world->rules.for_ms = 2000;
	for (int turn = 0; turn < 5000; turn++) {
		unsigned i = (unsigned)rng_below(&rng, 20);
		uint32_t n_bad = 0;
		uint32_t n_waiting = 0;

		now_ms += rng_below(&rng, 3000);
		switch (rng_below(&rng, 8)) {
		case 0:
			push(world, i, failed, now_ms);
			break;
		case 1:
			push(world, i,
			     (struct observation){
				     .kind = OBSERVATION_UNKNOWN },
			     now_ms);
			break;
		case 2:
			if (world->monitors[i].acting)
				step_ended(world, i, STEP_FAILED, now_ms);
			break;
		case 3:
			supervisor_pause(
				&world->supervisor, &world->monitors[i],
				rng_below(&rng, 3) == 0, ZERO + now_ms);
			break;
		case 4:
			if (world->monitors[i].acting)
				break;
			supervisor_remove(&world->supervisor,
			                  &world->monitors[i]);
			assert_int_equal(supervisor_add(&world->supervisor,
			                                &world->monitors[i],
			                                rng_below(&rng, 2),
			                                ZERO + now_ms),
			                 0);
			break;
		default:
			push(world, i, fresh, now_ms);
			break;
		}
		buf_reset(&world->said);
		for (i = 0; i < 20; i++) {
			const struct monitor *monitor = &world->monitors[i];

			n_bad += policy_is_bad(&monitor->policy);
			n_waiting += monitor->policy.state == POLICY_WAITING;
			assert_int_equal(list_unlinked(&monitor->trouble_node),
			                 !monitor->bad && !monitor->waiting);
		}
		assert_int_equal(world->group.n_bad, n_bad);
		assert_int_equal(world->group.n_waiting, n_waiting);
	}
	world_free(world, 20);
}

static void test_journal_tells_the_story(void **state)
{
	static const char *const story[][2] = {
		{ "starting", "good" },      { "good", "waiting" },
		{ "waiting", "bouncing" },   { "restart", "ok" },
		{ "bouncing", "verifying" }, { "verifying", "good" },
	};
	struct world *world = world_new(1, false);

	reading(world, 1, 0, 0);
	reading(world, 1, 1, 1000);
	step_ended(world, 0, STEP_OK, 2000);
	reading(world, 1, 0, 3000);
	for (size_t i = 0; i < ARRAY_SIZE(story); i++) {
		const struct journal_entry *entry =
			journal_get(&world->journal, i + 2);

		assert_non_null(entry);
		assert_string_equal(entry->subject, "m0");
		assert_string_equal(entry->from, story[i][0]);
		assert_string_equal(entry->to, story[i][1]);
	}
	assert_int_equal(world->journal.next_seq, ARRAY_SIZE(story) + 2);
	assert_string_equal(journal_get(&world->journal, 3)->detail,
	                    "age=1m2s limit=1m");
	world_free(world, 1);
}

static void test_journal_ring(void **state)
{
	struct journal journal;

	assert_int_equal(journal_init(&journal, 3), 0);
	for (int i = 0; i < 5; i++)
		journal_add(&journal, i, JOURNAL_DAEMON, "", NULL, NULL,
		            "reason", "");
	assert_int_equal(journal_first(&journal), 3);
	assert_null(journal_get(&journal, 2));
	assert_int_equal(journal_get(&journal, 3)->wall_ms, 2);
	assert_null(journal_get(&journal, 6));
	assert_int_equal(journal_resize(&journal, 2), 0);
	assert_null(journal_get(&journal, 3));
	assert_int_equal(journal_get(&journal, 5)->wall_ms, 4);
	assert_int_equal(journal_resize(&journal, 10), 0);
	assert_int_equal(journal_get(&journal, 4)->wall_ms, 3);
	assert_null(journal_get(&journal, 1));
	journal_fini(&journal);
}

static void test_deadlines_order(void **state)
{
	struct deadlines deadlines;
	struct deadline nodes[200] = { 0 };
	struct rng rng = { 3 };
	uint64_t last_ms = 0;
	struct deadline *due;
	unsigned n = 0;

	deadlines_init(&deadlines);
	assert_int_equal(deadlines_reserve(&deadlines, 200), 0);
	for (int round = 0; round < 5; round++) {
		for (size_t i = 0; i < 200; i++)
			deadlines_arm(&deadlines, &nodes[i],
			              rng_below(&rng, 1000));
	}
	for (size_t i = 0; i < 200; i += 4)
		deadlines_arm(&deadlines, &nodes[i], DEADLINE_NEVER);
	while ((due = deadlines_pop(&deadlines, 2000))) {
		assert_true(due->at_ms >= last_ms);
		assert_true((due - nodes) % 4 != 0);
		last_ms = due->at_ms;
		n++;
	}
	assert_int_equal(n, 150);
	deadlines_fini(&deadlines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounce_and_recover),
		cmocka_unit_test(test_one_bounce_per_target),
		cmocka_unit_test(test_last_owner_is_forgotten),
		cmocka_unit_test(test_storm_holds_and_passes),
		cmocka_unit_test(test_no_storm_below_its_share),
		cmocka_unit_test(test_no_storm_of_few),
		cmocka_unit_test(test_storm_guard_off),
		cmocka_unit_test(test_source_unknown_holds_all),
		cmocka_unit_test(test_deadline_asks_for_observation),
		cmocka_unit_test(test_good_while_queued_cancels),
		cmocka_unit_test(test_own_readings_are_pushes),
		cmocka_unit_test(test_push_moves_no_deadline),
		cmocka_unit_test(test_failure_bounces_at_once),
		cmocka_unit_test(test_storm_of_pushes),
		cmocka_unit_test(test_storm_is_seen_at_the_first_limit),
		cmocka_unit_test(test_silence_of_another_time_is_no_storm),
		cmocka_unit_test(test_held_by_target_is_let_go),
		cmocka_unit_test(test_counts_stay_true),
		cmocka_unit_test(test_journal_tells_the_story),
		cmocka_unit_test(test_journal_ring),
		cmocka_unit_test(test_deadlines_order),
	};

	return cmocka_run_group_tests_name("supervisor", tests, NULL, NULL);
}
