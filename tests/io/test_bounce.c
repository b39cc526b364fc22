/* SPDX-License-Identifier: Apache-2.0 */
/* bounce and promise, over a runtime whose answers the test writes down. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <string.h>
#include "bounce_kit.h"

/* --- tests -------------------------------------------------------------- */

static void test_restart(void **state)
{
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 4);
	target = add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	run(&world, &job, &restart_step, "web");
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_int_equal(target->n_restarts, 1);
	/* promised before, forgotten after */
	assert_int_equal(world.n_saves, 2);
	assert_true(list_empty(promises_list(world.promises)));
	world_fini(&world);
}

/* Nothing is stopped before the promise to bring it back is on disk, and no
 * command runs before it is known that it was to run. */
static void test_promise_first(void **state)
{
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 4);
	world.slow_disk = true;
	target = add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	start(&world, &job, &restart_step, "web");
	test_loop_for(&world.loop, 30);
	assert_int_equal(target->n_restarts, 0);
	assert_false(list_empty(&world.waits));
	on_disk(&world.disk);
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(target->n_restarts, 1);

	start(&world, &job, &exec_step, "web");
	test_loop_for(&world.loop, 30);
	assert_int_equal(target->n_execs, 0);
	assert_false(list_empty(&world.waits));
	on_disk(&world.disk);
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(target->n_execs, 1);
	world_fini(&world);
}

static void test_left_alone(void **state)
{
	const struct {
		enum runtime_status status;
		bool by_hand;
		const struct step *step;
		enum step_result result;
	} rows[] = {
		{ RUNTIME_STATUS_PAUSED, false, &restart_step,
		  STEP_LEFT_ALONE },
		{ RUNTIME_STATUS_RESTARTING, false, &restart_step,
		  STEP_LEFT_ALONE },
		{ RUNTIME_STATUS_EXITED, true, &restart_step, STEP_LEFT_ALONE },
		{ RUNTIME_STATUS_EXITED, false, &restart_step, STEP_OK },
		{ RUNTIME_STATUS_EXITED, false,
		  &(const struct step){ .kind = STEP_EXEC }, STEP_FAILED },
		{ RUNTIME_STATUS_RUNNING, false,
		  &(const struct step){ .kind = STEP_STOP }, STEP_OK },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_target *target;
		struct world world;
		struct job job;

		world_init(&world, 4);
		target = add_target(&world, "web", rows[i].status);
		target->state.stopped_by_hand = rows[i].by_hand;
		run(&world, &job, rows[i].step, "web");
		if (job.bounce.result != rows[i].result)
			fail_msg("row %zu: %s", i,
			         step_result_name(job.bounce.result));
		assert_int_equal(target->n_execs, 0);
		world_fini(&world);
	}
}

/* A ladder of stop and start: what the first rung stopped was no person. */
static void test_start_after_our_own_stop(void **state)
{
	static const struct step start_step = { .kind = STEP_START };
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 4);
	target = add_target(&world, "web", RUNTIME_STATUS_EXITED);
	target->state.stopped_by_hand = true;
	run(&world, &job, &start_step, "web");
	assert_int_equal(job.bounce.result, STEP_LEFT_ALONE);
	start(&world, &job, &start_step, "web");
	job.bounce.stopped_before = true;
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_int_equal(target->n_starts, 1);
	world_fini(&world);
}

static void test_no_target(void **state)
{
	struct world world;
	struct job job;

	world_init(&world, 4);
	run(&world, &job, &restart_step, "nobody");
	assert_int_equal(job.bounce.result, STEP_NO_TARGET);
	assert_string_equal(job.bounce.detail, "no such container: nobody");
	world_fini(&world);
}

static void test_ephemeral_is_not_stopped(void **state)
{
	static const struct step stop = { .kind = STEP_STOP };
	struct world world;
	struct job job;

	world_init(&world, 4);
	add_target(&world, "web", RUNTIME_STATUS_RUNNING)->state.ephemeral =
		true;
	run(&world, &job, &stop, "web");
	assert_int_equal(job.bounce.result, STEP_FAILED);
	assert_string_equal(job.bounce.detail,
	                    "web is ephemeral: stopping would delete it");
	world_fini(&world);
}

static void test_exec_reports_last_words(void **state)
{
	struct world world;
	struct job job;

	world_init(&world, 4);
	add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	run(&world, &job, &exec_step, "web");
	assert_int_equal(job.bounce.result, STEP_FAILED);
	assert_string_equal(job.bounce.detail,
	                    "exit code 3; output: two words");
	world_fini(&world);
}

static void test_run_is_told_why(void **state)
{
	const struct step step = { .kind = STEP_RUN, .argv = exec_step.argv };
	struct world world;
	struct job job;

	world_init(&world, 4);
	add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	run(&world, &job, &step, "web");
	assert_string_equal(world.fake.last_env,
	                    "BOUNCER_MONITOR=monitor;"
	                    "BOUNCER_REASON=last push is too old;"
	                    "BOUNCER_AGE_SECONDS=61;BOUNCER_TARGET=web;"
	                    "BOUNCER_ATTEMPT=2;"
	                    "BOUNCER_CONTAINER=web;BOUNCER_RUNTIME=fake;");
	world_fini(&world);
}

static void test_dry_run_touches_nothing(void **state)
{
	static const struct step log_step = { .kind = STEP_LOG };
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 4);
	target = add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	start(&world, &job, &restart_step, "web");
	job.bounce.dry_run = true;
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_DRY_RUN);
	assert_string_equal(job.bounce.detail, "would restart web");

	start(&world, &job, &log_step, "web");
	job.bounce.dry_run = true;
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_DRY_RUN);
	assert_int_equal(target->n_restarts, 0);
	assert_int_equal(world.n_saves, 0);
	world_fini(&world);
}

static void test_max_parallel(void **state)
{
	static const struct step kill_step = { .kind = STEP_KILL };
	struct job jobs[N_TARGETS];
	struct world world;

	world_init(&world, 8);
	for (size_t i = 0; i < N_TARGETS; i++) {
		struct fake_target *target =
			add_target(&world, "", RUNTIME_STATUS_RUNNING);

		(void)snprintf(target->name, sizeof(target->name), "t%zu", i);
		start(&world, &jobs[i], &kill_step, target->name);
	}
	for (size_t i = 0; i < N_TARGETS; i++) {
		test_loop_until(&world.loop, &jobs[i].done);
		assert_int_equal(jobs[i].bounce.result, STEP_OK);
	}
	assert_int_equal(world.fake.n_running_max, 8);
	world_fini(&world);
}

static void test_cancel_in_line(void **state)
{
	struct job first;
	struct job second;
	struct world world;

	world_init(&world, 1);
	add_target(&world, "a", RUNTIME_STATUS_RUNNING);
	add_target(&world, "b", RUNTIME_STATUS_RUNNING);
	start(&world, &first, &restart_step, "a");
	start(&world, &second, &restart_step, "b");
	bounce_cancel(&second.bounce);
	assert_false(second.done);
	test_loop_until(&world.loop, &second.done);
	assert_int_equal(second.bounce.result, STEP_CANCELLED);
	test_loop_until(&world.loop, &first.done);
	assert_int_equal(first.bounce.result, STEP_OK);
	assert_int_equal(world.fake.targets[1].n_restarts, 0);
	world_fini(&world);
}

static void test_cancel_while_promising(void **state)
{
	struct world world;
	struct job job;

	world_init(&world, 1);
	world.slow_disk = true;
	add_target(&world, "a", RUNTIME_STATUS_RUNNING);
	start(&world, &job, &restart_step, "a");
	while (list_empty(&world.waits))
		test_loop_for(&world.loop, 1);
	bounce_cancel(&job.bounce);
	on_disk(&world.disk);
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_CANCELLED);
	assert_int_equal(world.fake.targets[0].n_restarts, 0);
	assert_true(list_empty(promises_list(world.promises)));
	world_fini(&world);
}

/* What an earlier restart left stopped is owed, whatever becomes of the next
 * one before it begins. */
static void test_cancelled_over_an_owed_promise(void **state)
{
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 1);
	target = add_target(&world, "a", RUNTIME_STATUS_RUNNING);
	target->restart_result = RUNTIME_FAILED;
	target->after_restart = RUNTIME_STATUS_EXITED;
	run(&world, &job, &restart_step, "a");
	assert_int_equal(promises_n_owed(world.promises), 1);

	world.slow_disk = true;
	start(&world, &job, &restart_step, "a");
	while (list_empty(&world.waits))
		test_loop_for(&world.loop, 1);
	bounce_cancel(&job.bounce);
	on_disk(&world.disk);
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_CANCELLED);
	assert_int_equal(promises_n_owed(world.promises), 1);
	test_loop_until(&world.loop, &world.reported);
	assert_int_equal(target->n_starts, 1);
	world_fini(&world);
}

/* --- one of several acts ---------------------------------------------------- */

static const char *standby(void *context)
{
	return *(const bool *)context ? "other_1 leads" : NULL;
}

/* Lost as soon as that one acts. */
static const char *standby_from(void *context)
{
	const struct job *first = context;

	return first->done || first->bounce.stage == BOUNCE_ACTING
	               ? "other_1 leads"
	               : NULL;
}

/* Who loses the lease while a bounce waits does not begin it; what acts by then
 * goes on, and so does what a person ordered. */
static void test_standby_in_line(void **state)
{
	struct job first;
	struct job second;
	struct job ordered;
	struct world world;

	world_init(&world, 1);
	world.bouncer.standby = standby_from;
	world.bouncer.standby_context = &first;
	add_target(&world, "a", RUNTIME_STATUS_RUNNING);
	add_target(&world, "b", RUNTIME_STATUS_RUNNING);
	add_target(&world, "c", RUNTIME_STATUS_RUNNING);
	start(&world, &first, &restart_step, "a");
	start(&world, &second, &restart_step, "b");
	start(&world, &ordered, &restart_step, "c");
	ordered.bounce.ordered = true;
	test_loop_until(&world.loop, &ordered.done);
	assert_int_equal(first.bounce.result, STEP_OK);
	assert_true(second.done);
	assert_int_equal(second.bounce.result, STEP_CANCELLED);
	assert_string_equal(second.bounce.detail,
	                    "not begun: we are on standby, other_1 leads");
	assert_int_equal(world.fake.targets[1].n_inspects, 0);
	assert_int_equal(world.fake.targets[1].n_restarts, 0);
	assert_int_equal(ordered.bounce.result, STEP_OK);
	world_fini(&world);
}

/* The same at its last moment: all is looked at, and promised. */
static void test_standby_while_promising(void **state)
{
	struct world world;
	struct job job;
	bool lost = false;

	world_init(&world, 1);
	world.bouncer.standby = standby;
	world.bouncer.standby_context = &lost;
	world.slow_disk = true;
	add_target(&world, "a", RUNTIME_STATUS_RUNNING);
	start(&world, &job, &restart_step, "a");
	while (list_empty(&world.waits))
		test_loop_for(&world.loop, 1);
	lost = true;
	on_disk(&world.disk);
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_CANCELLED);
	assert_int_equal(world.fake.targets[0].n_restarts, 0);
	assert_true(list_empty(promises_list(world.promises)));
	world_fini(&world);
}

static void test_close_while_acting(void **state)
{
	struct world world;
	struct job job;

	world_init(&world, 1);
	world.fake.hang = true;
	add_target(&world, "a", RUNTIME_STATUS_RUNNING);
	start(&world, &job, &restart_step, "a");
	while (job.bounce.stage != BOUNCE_ACTING)
		test_loop_for(&world.loop, 1);
	bouncer_close(&world.bouncer, set_flag, &world.bouncer_closed);
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_CANCELLED);
	world_fini(&world);
}

/* The restart dies after the stop: it is owed, and brought back. */
static void test_owed_is_brought_back(void **state)
{
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 1);
	target = add_target(&world, "a", RUNTIME_STATUS_RUNNING);
	target->restart_result = RUNTIME_FAILED;
	target->after_restart = RUNTIME_STATUS_EXITED;
	run(&world, &job, &restart_step, "a");
	assert_int_equal(job.bounce.result, STEP_FAILED);
	assert_int_equal(promises_n_owed(world.promises), 1);
	assert_true(promises_has(world.promises, "fake", "a", NULL));
	test_loop_until(&world.loop, &world.reported);
	assert_true(world.reported_kept);
	assert_int_equal(target->n_starts, 1);
	assert_true(list_empty(promises_list(world.promises)));
	world_fini(&world);
}

static void test_restored_promises(void **state)
{
	static const struct {
		const char *target;
		enum runtime_status status;
		bool kept;
		unsigned n_starts;
	} rows[] = {
		{ "down", RUNTIME_STATUS_EXITED, true, 1 },
		{ "up", RUNTIME_STATUS_RUNNING, true, 0 },
		{ "paused", RUNTIME_STATUS_PAUSED, true, 0 },
		{ "gone", RUNTIME_STATUS_OTHER, false, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_target *target = NULL;
		struct world world;

		world_init(&world, 1);
		if (strcmp(rows[i].target, "gone") != 0)
			target = add_target(&world, rows[i].target,
			                    rows[i].status);
		assert_int_equal(promises_restore(world.promises, "fake",
		                                  rows[i].target, "", 1),
		                 0);
		test_loop_until(&world.loop, &world.reported);
		assert_int_equal(world.reported_kept, rows[i].kept);
		if (target)
			assert_int_equal(target->n_starts, rows[i].n_starts);
		world_fini(&world);
	}
}

/* The k-th allocation fails: the step still ends, once, and nothing leaks. */
static void test_allocation_faults(void **state)
{
	size_t n_allocations = 0;

	for (size_t k = 0; k <= n_allocations; k++) {
		struct world world;
		struct job job;
		size_t n;

		world_init(&world, 1);
		add_target(&world, "a", RUNTIME_STATUS_RUNNING);
		if (k == 0)
			faults_count();
		else
			faults_fail(k);
		run(&world, &job, &restart_step, "a");
		n = faults_end();
		if (k == 0) {
			n_allocations = n;
			assert_int_equal(job.bounce.result, STEP_OK);
		} else {
			assert_true(job.bounce.result == STEP_FAILED ||
			            job.bounce.result == STEP_OK);
		}
		assert_true(list_empty(promises_list(world.promises)));
		world_fini(&world);
	}
	assert_true(n_allocations >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_promise_first),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_start_after_our_own_stop),
		cmocka_unit_test(test_no_target),
		cmocka_unit_test(test_ephemeral_is_not_stopped),
		cmocka_unit_test(test_exec_reports_last_words),
		cmocka_unit_test(test_run_is_told_why),
		cmocka_unit_test(test_dry_run_touches_nothing),
		cmocka_unit_test(test_max_parallel),
		cmocka_unit_test(test_cancel_in_line),
		cmocka_unit_test(test_cancel_while_promising),
		cmocka_unit_test(test_cancelled_over_an_owed_promise),
		cmocka_unit_test(test_standby_in_line),
		cmocka_unit_test(test_standby_while_promising),
		cmocka_unit_test(test_close_while_acting),
		cmocka_unit_test(test_owed_is_brought_back),
		cmocka_unit_test(test_restored_promises),
		cmocka_unit_test(test_allocation_faults),
	};

	faults_install();
	return cmocka_run_group_tests_name("bounce", tests, NULL, NULL);
}
