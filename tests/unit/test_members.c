/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor: the containers of a rule: what is ordered of all of them, what
 * people are told, what journal and explanation say.
 */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/buf.h"
#include "core/explain.h"
#include "core/supervisor.h"

#define N    6
#define ZERO 1000000u
/* Sunday 2026-11-22, 01:00:00 UTC, is the clock's ZERO. */
#define WALL INT64_C(1795309200000)

static const struct step steps[] = {
	{ .kind = STEP_RESTART },
	{ .kind = STEP_KILL },
};
static const struct step remove_steps[] = { { .kind = STEP_REMOVE } };

struct world {
	struct supervisor supervisor;
	struct supervisor_ops ops;
	struct journal journal;
	struct targets targets;
	struct group group;
	struct rule rule;
	struct policy_rules rules;
	struct monitor monitors[N];
	struct buf told; /* "bounced health/0 restart ok;" */
	uint64_t now_ms;
	bool standby;
};

static void ignore_monitor(void *context, struct monitor *monitor)
{
}

static void ignore(void *context)
{
}

static void on_notice(void *context, struct monitor *monitor,
                      enum notice_event event)
{
	static const char *const words[] = {
		[NOTICE_BOUNCED] = "bounced",
		[NOTICE_RECOVERED] = "recovered",
		[NOTICE_GAVE_UP] = "gave_up",
		[NOTICE_STORM] = "storm",
	};
	struct world *world = context;

	(void)buf_printf(&world->told, "%s %s", words[event], monitor->name);
	if (event == NOTICE_BOUNCED)
		(void)buf_printf(&world->told, " %s %s",
		                 step_kind_name(monitor->report->kind),
		                 step_result_name(monitor->report->result));
	else
		assert_null(monitor->report);
	(void)buf_puts(&world->told, ";");
}

static void add(struct world *world, unsigned i)
{
	static const char *const names[N] = { "health/0", "health/1",
		                              "health/2", "health/3",
		                              "health/4", "health/5" };
	struct monitor *monitor = &world->monitors[i];

	*monitor = (struct monitor){
		.name = names[i],
		.rules = &world->rules,
		.steps = steps,
		.group = &world->group,
		.target = targets_take(&world->targets, slice_from(names[i])),
		.rule = &world->rule,
		.container = names[i] + 7,
	};
	assert_int_equal(supervisor_add(&world->supervisor, monitor, false,
	                                world->now_ms),
	                 0);
}

static struct world *world_new(unsigned n)
{
	struct world *world = test_calloc(1, sizeof(*world));

	assert_int_equal(setenv("TZ", "UTC", 1), 0);
	tzset();
	world->now_ms = ZERO;
	world->rules = (struct policy_rules){
		.cooldown_ms = 10000,
		.verify_ms = 60000,
		.window_ms = 3600000,
		.backoff_max_ms = 3600000,
		.backoff_percent = 200,
		.max_bounces = 2,
		.n_steps = 1,
		.exact = true,
	};
	world->ops = (struct supervisor_ops){ .run_step = ignore_monitor,
		                              .cancel_step = ignore_monitor,
		                              .observe = ignore_monitor,
		                              .changed = ignore,
		                              .notice = on_notice,
		                              .context = world };
	buf_init(&world->told, 100000);
	assert_int_equal(journal_init(&world->journal, 1000), 0);
	targets_init(&world->targets, 1);
	group_init(&world->group, "docker");
	supervisor_init(&world->supervisor, &world->ops, NULL, &world->journal,
	                1);
	world->supervisor.wall_offset_ms = WALL - (int64_t)ZERO;
	world->rule.name = "health";
	supervisor_add_rule(&world->supervisor, &world->rule);
	for (unsigned i = 0; i < n; i++)
		add(world, i);
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
	supervisor_remove_rule(&world->supervisor, &world->rule);
	supervisor_fini(&world->supervisor);
	targets_fini(&world->targets);
	journal_fini(&world->journal);
	buf_fini(&world->told);
	test_free(world);
}

static void say(struct world *world, unsigned i, struct observation said)
{
	static const struct reading reading = { .result = READING_OK,
		                                .detail = "" };

	supervisor_reading_begin(&world->supervisor, &world->group, &reading,
	                         world->now_ms);
	supervisor_observe(&world->supervisor, &world->monitors[i], &said,
	                   world->now_ms);
	supervisor_reading_end(&world->supervisor, &world->group,
	                       world->now_ms);
}

static void health(struct world *world, unsigned i, enum health word,
                   uint64_t runs_ms)
{
	say(world, i,
	    (struct observation){
		    .kind = OBSERVATION_HEALTH,
		    .health = word,
		    .running_ms = runs_ms,
		    .n_streak = word == HEALTH_BAD ? 3 : 0,
		    .exit_code = word == HEALTH_BAD ? 1 : -1,
	    });
}

static void ended(struct world *world, unsigned i, enum step_result result)
{
	struct step_report report = { .result = result,
		                      .duration_ms = 700,
		                      .detail = "" };

	world->now_ms += 700;
	supervisor_step_ended(&world->supervisor, &world->monitors[i], &report,
	                      world->now_ms);
}

static void expect_told(struct world *world, const char *words)
{
	assert_string_equal(buf_text(&world->told), words);
	buf_reset(&world->told);
}

static enum policy_state state(const struct world *world, unsigned i)
{
	return world->monitors[i].policy.state;
}

/* --- orders ----------------------------------------------------------------- */

static void test_pause_of_a_rule(void **state_)
{
	struct world *world = world_new(2);
	struct supervisor *supervisor = &world->supervisor;

	health(world, 0, HEALTH_GOOD, 5000);
	assert_int_equal(supervisor_order_pause_rule(supervisor, &world->rule,
	                                             PAUSE_FOREVER, "moving",
	                                             world->now_ms),
	                 0);
	assert_int_equal(state(world, 0), POLICY_PAUSED);
	assert_int_equal(state(world, 1), POLICY_PAUSED);
	/* also those to come */
	add(world, 2);
	assert_int_equal(state(world, 2), POLICY_PAUSED);
	assert_ptr_equal(supervisor_pause_of(supervisor, &world->monitors[2]),
	                 world->rule.pause);
	/* it is not theirs alone */
	assert_false(supervisor_order_resume(supervisor, &world->monitors[0],
	                                     world->now_ms));
	health(world, 1, HEALTH_BAD, 5000);
	assert_false(world->monitors[1].acting);

	/* one has a pause of its own, too */
	assert_int_equal(supervisor_order_pause(supervisor, &world->monitors[2],
	                                        PAUSE_FOREVER, "",
	                                        world->now_ms),
	                 0);
	assert_true(supervisor_order_resume_rule(supervisor, &world->rule,
	                                         world->now_ms));
	assert_false(supervisor_order_resume_rule(supervisor, &world->rule,
	                                          world->now_ms));
	assert_int_equal(state(world, 0), POLICY_STARTING);
	assert_int_equal(state(world, 2), POLICY_PAUSED);
	health(world, 1, HEALTH_BAD, 6000);
	assert_true(world->monitors[1].acting);
	world_free(world, 3);
}

static void test_pause_of_a_rule_ends(void **state_)
{
	struct world *world = world_new(1);
	struct supervisor *supervisor = &world->supervisor;

	assert_int_equal(supervisor_order_pause_rule(supervisor, &world->rule,
	                                             ZERO + 9000, "",
	                                             world->now_ms),
	                 0);
	assert_int_equal(supervisor_next(supervisor), ZERO + 9000);
	supervisor_tick(supervisor, ZERO + 8999);
	assert_int_equal(state(world, 0), POLICY_PAUSED);
	supervisor_tick(supervisor, ZERO + 9000);
	assert_int_equal(state(world, 0), POLICY_STARTING);
	assert_null(world->rule.pause);
	assert_int_equal(supervisor->rules_resume_ms, PAUSE_FOREVER);
	world_free(world, 1);
}

static void test_no_memory_for_a_pause(void **state_)
{
	struct world *world = world_new(1);

	faults_install_mem();
	faults_fail(1);
	assert_int_equal(
		supervisor_order_pause_rule(&world->supervisor, &world->rule,
	                                    PAUSE_FOREVER, "", world->now_ms),
		-ENOMEM);
	(void)faults_end();
	assert_null(world->rule.pause);
	assert_int_equal(state(world, 0), POLICY_STARTING);
	world_free(world, 1);
}

/* --- notices ---------------------------------------------------------------- */

static void test_bounced_and_recovered(void **state_)
{
	struct world *world = world_new(1);

	health(world, 0, HEALTH_GOOD, 5000);
	expect_told(world, "");
	health(world, 0, HEALTH_BAD, 6000);
	assert_string_equal(world->monitors[0].bounce_reason,
	                    "container is unhealthy");
	health(world, 0, HEALTH_IDLE, 0);
	ended(world, 0, STEP_OK);
	expect_told(world, "bounced health/0 restart ok;");
	health(world, 0, HEALTH_STARTING, 300);
	expect_told(world, "");
	health(world, 0, HEALTH_GOOD, 400);
	health(world, 0, HEALTH_GOOD, 500);
	expect_told(world, "recovered health/0;");
	world_free(world, 1);
}

static void test_only_the_end_of_a_walk_is_told(void **state_)
{
	struct world *world = world_new(1);

	world->rules.n_steps = 2;
	health(world, 0, HEALTH_BAD, 6000);
	ended(world, 0, STEP_FAILED);
	expect_told(world, "");
	health(world, 0, HEALTH_BAD, 6701);
	ended(world, 0, STEP_FAILED);
	expect_told(world, "bounced health/0 kill failed;");
	/* it becomes good by itself: who was told is told so */
	health(world, 0, HEALTH_GOOD, 7000);
	expect_told(world, "recovered health/0;");
	world_free(world, 1);
}

static void test_what_did_nothing_is_not_told(void **state_)
{
	static const enum step_result results[] = { STEP_DRY_RUN,
		                                    STEP_LEFT_ALONE,
		                                    STEP_CANCELLED };

	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		struct world *world = world_new(1);

		health(world, 0, HEALTH_BAD, 6000);
		ended(world, 0, results[i]);
		health(world, 0, HEALTH_GOOD, 7000);
		expect_told(world, "");
		world_free(world, 1);
	}
}

static void test_gave_up_is_told_once(void **state_)
{
	struct world *world = world_new(1);
	struct supervisor *supervisor = &world->supervisor;

	world->rules.max_bounces = 1;
	health(world, 0, HEALTH_BAD, 6000);
	ended(world, 0, STEP_OK);
	health(world, 0, HEALTH_BAD, 300);
	assert_int_equal(state(world, 0), POLICY_GAVE_UP);
	expect_told(world, "bounced health/0 restart ok;gave_up health/0;");
	/* neither a source that is lost for a while nor a pause tells again */
	say(world, 0, (struct observation){ .kind = OBSERVATION_UNKNOWN });
	health(world, 0, HEALTH_BAD, 400);
	supervisor_pause(supervisor, &world->monitors[0], true, world->now_ms);
	supervisor_pause(supervisor, &world->monitors[0], false, world->now_ms);
	health(world, 0, HEALTH_BAD, 500);
	assert_int_equal(state(world, 0), POLICY_GAVE_UP);
	expect_told(world, "");
	health(world, 0, HEALTH_IDLE, 0);
	health(world, 0, HEALTH_GOOD, 300);
	expect_told(world, "recovered health/0;");
	world_free(world, 1);
}

static void test_storm_is_told_once(void **state_)
{
	struct world *world = world_new(N);
	static const struct reading reading = { .result = READING_OK,
		                                .detail = "" };
	static const struct observation bad = { .kind = OBSERVATION_HEALTH,
		                                .health = HEALTH_BAD,
		                                .running_ms = 9000 };

	world->supervisor.storm_rules = (struct storm_rules){ 50, 3, 300000 };
	supervisor_reading_begin(&world->supervisor, &world->group, &reading,
	                         world->now_ms);
	for (unsigned i = 0; i < N; i++)
		supervisor_observe(&world->supervisor, &world->monitors[i],
		                   &bad, world->now_ms);
	supervisor_reading_end(&world->supervisor, &world->group,
	                       world->now_ms);
	assert_int_equal(world->group.n_waiting, N);
	expect_told(world, "storm health/0;");
	for (unsigned i = 0; i < N; i++)
		health(world, i, HEALTH_GOOD, 9500);
	assert_false(world->group.storm);
	expect_told(world, "");
	world_free(world, N);
}

static const char *standby(void *context)
{
	return ((struct world *)context)->standby ? "another leads" : NULL;
}

/* Who only watches leaves that to the one who acts, and tells when it is the
 * one, if it is so still. */
static void test_standby_tells_nothing(void **state_)
{
	static const struct observation bad = { .kind = OBSERVATION_HEALTH,
		                                .health = HEALTH_BAD,
		                                .running_ms = 9000 };
	static const struct reading reading = { .result = READING_OK,
		                                .detail = "" };
	struct world *world = world_new(N);

	world->ops.standby = standby;
	world->standby = true;
	world->supervisor.storm_rules = (struct storm_rules){ 50, 3, 300000 };
	for (unsigned round = 0; round < 2; round++) {
		supervisor_reading_begin(&world->supervisor, &world->group,
		                         &reading, world->now_ms);
		for (unsigned i = 0; i < N; i++)
			supervisor_observe(&world->supervisor,
			                   &world->monitors[i], &bad,
			                   world->now_ms);
		supervisor_reading_end(&world->supervisor, &world->group,
		                       world->now_ms);
		assert_true(world->group.storm);
		expect_told(world, "");
		if (round == 0)
			for (unsigned i = 0; i < N; i++)
				health(world, i, HEALTH_GOOD, 9500);
		expect_told(world, "");
	}
	world->standby = false;
	supervisor_may_act(&world->supervisor, world->now_ms);
	expect_told(world, "storm health/0;");
	supervisor_may_act(&world->supervisor, world->now_ms);
	expect_told(world, "");
	world_free(world, N);
}

static void test_gives_up_on_standby(void **state_)
{
	struct world *world = world_new(1);

	world->ops.standby = standby;
	world->rules.max_bounces = 1;
	health(world, 0, HEALTH_BAD, 6000);
	ended(world, 0, STEP_OK);
	expect_told(world, "bounced health/0 restart ok;");
	world->standby = true;
	health(world, 0, HEALTH_BAD, 300);
	assert_int_equal(state(world, 0), POLICY_GAVE_UP);
	expect_told(world, "");
	world->standby = false;
	supervisor_may_act(&world->supervisor, world->now_ms);
	expect_told(world, "gave_up health/0;");
	world_free(world, 1);
}

/* What was removed is healed, and is not said to be good again. */
static void test_removed(void **state_)
{
	struct world *world = world_new(1);
	struct monitor *monitor = &world->monitors[0];

	monitor->steps = remove_steps;
	say(world, 0,
	    (struct observation){ .kind = OBSERVATION_EXITED,
	                          .age_ms = 5000,
	                          .exit_code = 0 });
	assert_string_equal(monitor->bounce_reason, "container has exited");
	ended(world, 0, STEP_OK);
	assert_int_equal(state(world, 0), POLICY_GOOD);
	assert_int_equal(monitor->n_bounces[BOUNCE_RECOVERED], 1);
	health(world, 0, HEALTH_GOOD, 0);
	expect_told(world, "bounced health/0 remove ok;");
	world_free(world, 1);
}

static void test_gave_up_before_our_restart(void **state_)
{
	struct world *world = world_new(1);
	struct policy_saved saved = { .gave_up = true, .n_failed = 2 };

	supervisor_remove(&world->supervisor, &world->monitors[0]);
	policy_init(&world->monitors[0].policy, world->now_ms);
	policy_restore(&world->monitors[0].policy, &saved, world->now_ms);
	assert_int_equal(supervisor_add(&world->supervisor, &world->monitors[0],
	                                true, world->now_ms),
	                 0);
	health(world, 0, HEALTH_BAD, 5000);
	expect_told(world, "");
	health(world, 0, HEALTH_GOOD, 5100);
	expect_told(world, "recovered health/0;");
	world_free(world, 1);
}

/* --- what is written --------------------------------------------------------- */

static const struct journal_entry *last_entry(const struct world *world)
{
	return journal_get(&world->journal, world->journal.next_seq - 1);
}

static void test_journal_names_the_container(void **state_)
{
	struct world *world = world_new(1);

	health(world, 0, HEALTH_BAD, 6000);
	assert_string_equal(last_entry(world)->subject, "health/0");
	assert_string_equal(last_entry(world)->container, "0");
	assert_string_equal(last_entry(world)->detail,
	                    "health=bad streak=3 runs=6s exit_code=1 "
	                    "bounces=1/2 failed=0");
	ended(world, 0, STEP_OK);
	assert_string_equal(last_entry(world)->container, "0");
	say(world, 0,
	    (struct observation){ .kind = OBSERVATION_EXITED,
	                          .age_ms = 100,
	                          .exit_code = 137 });
	/* the move, and then that the cooldown holds */
	assert_string_equal(last_entry(world)->container, "0");
	assert_string_equal(
		journal_get(&world->journal, world->journal.next_seq - 2)
			->detail,
		"exited_for=100ms limit=0s exit_code=137 "
		"bounces=1/2 failed=1");
	supervisor_record(&world->supervisor, LOG_LEVEL_INFO, JOURNAL_DAEMON,
	                  "", "start", "", world->now_ms);
	assert_string_equal(last_entry(world)->container, "");
	world_free(world, 1);
}

static struct explain told;

static const struct explain *ask(struct world *world)
{
	explain(&world->supervisor, &world->monitors[0], "docker 0",
	        world->now_ms, &told);
	return &told;
}

static void test_explain_health(void **state_)
{
	struct world *world = world_new(1);

	world->rules.grace_ms = 10000;
	health(world, 0, HEALTH_STARTING, 2000);
	assert_string_equal(ask(world)->lines[1],
	                    "Container 0 of rule health is starting, it runs "
	                    "for 2s; its check has not decided yet.");
	assert_string_equal(told.next, "what its check decides");
	health(world, 0, HEALTH_BAD, 3000);
	assert_string_equal(ask(world)->lines[1],
	                    "Container 0 of rule health is unhealthy: 3 checks "
	                    "in a row failed, exit code 1.");
	assert_string_equal(told.lines[2], "It runs for 3s only, grace is 10s: "
	                                   "that does not count yet.");
	assert_string_equal(told.next,
	                    "breach at 01:00:07 if it stays unhealthy");
	assert_int_equal(told.next_ms, ZERO + 7000);
	health(world, 0, HEALTH_GOOD, 4000);
	assert_string_equal(
		ask(world)->lines[1],
		"Container 0 of rule health is well, it runs for 4s.");
	assert_string_equal(told.next, "nothing as long as it stays so");
	health(world, 0, HEALTH_IDLE, 0);
	assert_string_equal(ask(world)->lines[1],
	                    "Container 0 of rule health is idle: there is "
	                    "nothing to judge.");
	assert_string_equal(told.next, "nothing until it runs again");
	/* long after a bounce its check still has to decide */
	health(world, 0, HEALTH_BAD, 20000);
	ended(world, 0, STEP_OK);
	world->now_ms += 60000;
	health(world, 0, HEALTH_STARTING, 60000);
	assert_int_equal(state(world, 0), POLICY_VERIFYING);
	assert_string_equal(ask(world)->next, "what its check decides");
	world_free(world, 1);
}

/* What another bounce of its target has done is waited for; one that has ended
 * since, and is to be started, is not. */
static void test_after_another_bounce(void **state_)
{
	struct world *world = world_new(2);
	int another;

	for (unsigned i = 0; i < 2; i++) {
		target_begin(world->monitors[i].target, &another);
		target_end(world->monitors[i].target, world->now_ms);
	}
	health(world, 0, HEALTH_BAD, 6000);
	assert_int_equal(state(world, 0), POLICY_WAITING);
	assert_int_equal(world->monitors[0].policy.held, GUARD_TARGET);
	say(world, 1,
	    (struct observation){ .kind = OBSERVATION_EXITED,
	                          .exit_code = 137 });
	assert_int_equal(state(world, 1), POLICY_BOUNCING);
	world_free(world, 2);
}

static void test_explain_exit(void **state_)
{
	struct world *world = world_new(1);

	world->rules.max_age_ms = 60000;
	say(world, 0,
	    (struct observation){ .kind = OBSERVATION_EXITED,
	                          .age_ms = 20000,
	                          .exit_code = 137 });
	world->now_ms += 5000;
	assert_string_equal(ask(world)->lines[1],
	                    "Container 0 of rule health has exited with exit "
	                    "code 137 25s ago, limit 1m: not bad yet.");
	assert_string_equal(told.next,
	                    "breach at 01:00:40 if it is not started before");
	world_free(world, 1);
}

static void test_explain_pause_and_budget(void **state_)
{
	struct world *world = world_new(1);

	world->rules.max_bounces = 0;
	health(world, 0, HEALTH_GOOD, 3000);
	(void)ask(world);
	assert_string_equal(told.guards[2].why, "no limit, 0 bounces in 1h");
	assert_false(told.guards[2].holds);
	assert_int_equal(supervisor_order_pause_rule(
				 &world->supervisor, &world->rule,
				 PAUSE_FOREVER, "moving", world->now_ms),
	                 0);
	(void)ask(world);
	assert_string_equal(told.lines[0],
	                    "Since 01:00:00 all of health are paused by an "
	                    "operator: moving.");
	world_free(world, 1);
}

/* The limit that passes first is the one that is told. */
static void test_explain_the_nearest_limit(void **state_)
{
	struct world *world = world_new(1);

	world->rules.max_age_ms = 60000;
	world->rules.max_runtime_ms = 30000;
	say(world, 0,
	    (struct observation){ .kind = OBSERVATION_AGE,
	                          .age_ms = 1000,
	                          .running_ms = 10000 });
	assert_int_equal(ask(world)->next_ms, ZERO + 20000);
	world->rules.max_runtime_ms = 80000;
	assert_int_equal(ask(world)->next_ms, ZERO + 59000);
	world_free(world, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pause_of_a_rule),
		cmocka_unit_test(test_pause_of_a_rule_ends),
		cmocka_unit_test(test_no_memory_for_a_pause),
		cmocka_unit_test(test_bounced_and_recovered),
		cmocka_unit_test(test_only_the_end_of_a_walk_is_told),
		cmocka_unit_test(test_what_did_nothing_is_not_told),
		cmocka_unit_test(test_gave_up_is_told_once),
		cmocka_unit_test(test_storm_is_told_once),
		cmocka_unit_test(test_standby_tells_nothing),
		cmocka_unit_test(test_gives_up_on_standby),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_gave_up_before_our_restart),
		cmocka_unit_test(test_journal_names_the_container),
		cmocka_unit_test(test_explain_health),
		cmocka_unit_test(test_after_another_bounce),
		cmocka_unit_test(test_explain_exit),
		cmocka_unit_test(test_explain_pause_and_budget),
		cmocka_unit_test(test_explain_the_nearest_limit),
	};

	return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
