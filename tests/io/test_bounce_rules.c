/* SPDX-License-Identifier: Apache-2.0 */
/* bounce: what is filled in, what is not begun again so soon, how many of a
 * rule at once, and what is interrupted. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <string.h>
#include "bounce_kit.h"
#include "runtime/host.h"

static const struct label labels[] = {
	{ { "instance", 8 }, { "$(touch x) 'y'\nz", 16 } },
	{ { "a.b", 3 }, { "first", 5 } },
	{ { "a-b", 3 }, { "second", 6 } },
};

static const struct notice notice = {
	.monitor = "disk/1",
	.rule = "disk",
	.container = "web",
	.id = "",
	.image = "",
	.runtime = "host",
	.host = "",
	.reason = "alert fires",
	.step = "",
	.result = "",
	.detail = "",
	.output = "",
	.exit_code = -1,
	.labels = labels,
	.n_labels = ARRAY_SIZE(labels),
	.annotations = labels,
	.n_annotations = 1,
	.value = "95",
	.threshold = ">90",
	.level = "hard",
	.status = "firing",
};

/* A world whose host is the real one. */
struct hosted {
	struct world world;
	struct runtime *host;
	bool closed;
};

static void hosted_init(struct hosted *hosted, uint32_t max_parallel)
{
	*hosted = (struct hosted){ 0 };
	world_init(&hosted->world, max_parallel);
	assert_int_equal(
		host_runtime_new(&hosted->host, &hosted->world.loop.uv), 0);
	hosted->world.bouncer.host = hosted->host;
}

static void hosted_fini(struct hosted *hosted)
{
	bouncer_close(&hosted->world.bouncer, set_flag,
	              &hosted->world.bouncer_closed);
	test_loop_until(&hosted->world.loop, &hosted->world.bouncer_closed);
	runtime_close(hosted->host, set_flag, &hosted->closed);
	test_loop_until(&hosted->world.loop, &hosted->closed);
	world_fini(&hosted->world);
}

static void prepare(struct hosted *hosted, struct job *job,
                    const struct step *step)
{
	*job = (struct job){
		.bounce = { .step = step,
		            .runtime = hosted->host,
		            .runtime_name = "host",
		            .target = "disk/1",
		            .monitor = "disk/1",
		            .reason = "alert fires",
		            .notice = &notice,
		            .attempt = 1 },
	};
}

static void begin_job(struct hosted *hosted, struct job *job)
{
	bounce_start(&hosted->world.bouncer, &job->bounce, on_job_done);
	assert_false(job->done);
}

static void finish_job(struct hosted *hosted, struct job *job)
{
	test_loop_until(&hosted->world.loop, &job->done);
}

/* --- filling in ---------------------------------------------------------------- */

static const char *const print[] = {
	"/bin/sh",
	"-c",
	"printf '[%s]' \"$1\" \"$2\"",
	"sh",
	"{{ labels.instance }}",
	"{{ value }}",
	NULL,
};
static const struct step print_step = { .kind = STEP_RUN,
	                                .argv = print,
	                                .templated = true };

static void test_filled_in(void **state)
{
	static const struct step message = { .kind = STEP_LOG,
		                             .message = "{{ labels.instance }}"
		                                        " is {{ value }}",
		                             .templated = true };
	struct hosted hosted;
	struct job job;

	hosted_init(&hosted, 4);
	prepare(&hosted, &job, &print_step);
	begin_job(&hosted, &job);
	finish_job(&hosted, &job);
	assert_int_equal(job.bounce.result, STEP_OK);
	/* the last line of "[$(touch x) 'y'\nz][95]", as it was given */
	assert_non_null(strstr(job.bounce.detail, "; output: z][95]"));
	assert_non_null(strstr(job.bounce.detail, "'$(touch x) 'y' z' 95"));

	prepare(&hosted, &job, &print_step);
	job.bounce.dry_run = true;
	begin_job(&hosted, &job);
	finish_job(&hosted, &job);
	assert_int_equal(job.bounce.result, STEP_DRY_RUN);
	assert_non_null(strstr(job.bounce.detail, "would run /bin/sh -c"));
	assert_non_null(strstr(job.bounce.detail, "$(touch x)"));

	prepare(&hosted, &job, &message);
	begin_job(&hosted, &job);
	finish_job(&hosted, &job);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_string_equal(job.bounce.detail, "$(touch x) 'y' z is 95");
	hosted_fini(&hosted);
}

static void test_too_long(void **state)
{
	static const char *const argv[] = { "/bin/true",
		                            "{{ labels.a }}{{ labels.a }}"
		                            "{{ labels.a }}{{ labels.a }}",
		                            NULL };
	static char value[40000];
	const struct label one = { { "a", 1 }, { value, sizeof(value) } };
	const char *many[12] = { "/bin/true" };
	struct step step = { .kind = STEP_RUN,
		             .argv = many,
		             .templated = true };
	struct notice big = notice;
	struct hosted hosted;
	struct job job;

	memset(value, 'x', sizeof(value));
	for (size_t i = 1; i < ARRAY_SIZE(many) - 1; i++)
		many[i] = argv[1];
	big.labels = &one;
	big.n_labels = 1;
	hosted_init(&hosted, 4);
	prepare(&hosted, &job, &step);
	job.bounce.notice = &big;
	begin_job(&hosted, &job);
	finish_job(&hosted, &job);
	assert_int_equal(job.bounce.result, STEP_FAILED);
	assert_string_equal(job.bounce.detail,
	                    "the arguments of /bin/true are longer than 128 "
	                    "KiB with their values");
	hosted_fini(&hosted);
}

/* --- the environment -------------------------------------------------------------- */

static void test_environment(void **state)
{
	static const char *const argv[] = {
		"/bin/sh", "-c",
		"printf '%s|' \"$BOUNCER_VALUE\" \"$BOUNCER_THRESHOLD\" "
		"\"$BOUNCER_LEVEL\" \"$BOUNCER_STATUS\" \"$BOUNCER_LABEL_a_b\" "
		"\"$BOUNCER_ANNOTATION_instance\" \"$AMX_STATUS\" | tr '\\n' _",
		NULL
	};
	static const struct step step = { .kind = STEP_RUN, .argv = argv };
	struct hosted hosted;
	struct job job;

	hosted_init(&hosted, 4);
	prepare(&hosted, &job, &step);
	job.bounce.env = "AMX_STATUS=firing\0AMX_ALERT_LEN=1\0";
	begin_job(&hosted, &job);
	finish_job(&hosted, &job);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_string_equal(job.bounce.detail,
	                    "output: 95|>90|hard|firing|first|"
	                    "$(touch x) 'y'_z|firing|");
	hosted_fini(&hosted);
}

/* --- throttling -------------------------------------------------------------------- */

static enum step_result throttled(struct world *world, const char *target,
                                  const struct step *step,
                                  const struct notice *told)
{
	struct job job = { .bounce = { .step = step,
		                       .runtime = &world->fake.runtime,
		                       .runtime_name = "fake",
		                       .target = target,
		                       .monitor = "disk/1",
		                       .reason = "alert fires",
		                       .notice = told,
		                       .throttle_ms = 60000 } };

	bounce_start(&world->bouncer, &job.bounce, on_job_done);
	test_loop_until(&world->loop, &job.done);
	return job.bounce.result;
}

static void test_throttle(void **state)
{
	static const char *const argv[] = { "/bin/fix", "{{ labels.a }}",
		                            NULL };
	static const struct step fix = { .kind = STEP_EXEC,
		                         .argv = argv,
		                         .templated = true };
	const struct label one = { { "a", 1 }, { "1", 1 } };
	const struct label two = { { "a", 1 }, { "2", 1 } };
	struct notice first = notice;
	struct notice second = notice;
	struct world world;

	first.labels = &one;
	second.labels = &two;
	first.n_labels = second.n_labels = 1;
	world_init(&world, 4);
	world.fake.exec_ok = true;
	add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	add_target(&world, "db", RUNTIME_STATUS_RUNNING);
	assert_int_equal(throttled(&world, "web", &fix, &first), STEP_OK);
	assert_int_equal(throttled(&world, "web", &fix, &first),
	                 STEP_THROTTLED);
	/* other values, another target, another rule */
	assert_int_equal(throttled(&world, "web", &fix, &second), STEP_OK);
	assert_int_equal(throttled(&world, "db", &fix, &first), STEP_OK);
	first.rule = "other";
	assert_int_equal(throttled(&world, "web", &fix, &first), STEP_OK);
	assert_int_equal(throttled(&world, "web", &fix, &first),
	                 STEP_THROTTLED);
	assert_int_equal(world.bouncer.stats.n_throttled, 2);

	/* what found no target, was not begun; what failed, was */
	assert_int_equal(throttled(&world, "x", &fix, &first), STEP_NO_TARGET);
	add_target(&world, "x", RUNTIME_STATUS_RUNNING);
	world.fake.exec_ok = false;
	assert_int_equal(throttled(&world, "x", &fix, &first), STEP_FAILED);
	assert_int_equal(throttled(&world, "x", &fix, &first), STEP_THROTTLED);
	world_fini(&world);
}

static void test_throttle_table(void **state)
{
	uint8_t action[SHA256_SIZE] = { 0 };
	struct throttle throttle;

	throttle_init(&throttle);
	for (uint32_t i = 0; i <= THROTTLE_MAX; i++) {
		memcpy(action, &i, sizeof(i));
		assert_int_equal(throttle_wait(&throttle, action, 10, i), 0);
		assert_int_equal(throttle_note(&throttle, action, i), 0);
	}
	assert_int_equal(throttle.n, THROTTLE_MAX);
	assert_int_equal(throttle_wait(&throttle, action, 10, THROTTLE_MAX + 4),
	                 6);
	assert_int_equal(
		throttle_wait(&throttle, action, 10, THROTTLE_MAX + 10), 0);
	throttle_forget(&throttle, action);
	assert_int_equal(throttle_wait(&throttle, action, 10, THROTTLE_MAX + 4),
	                 0);
	/* the oldest was forgotten for it */
	memset(action, 0, sizeof(action));
	assert_int_equal(throttle_wait(&throttle, action, 1 << 30, 1), 0);
	throttle_fini(&throttle);
}

/* --- lanes -------------------------------------------------------------------------- */

/* Two of a rule at most; the others wait, and nobody behind them does. */
static void test_lane(void **state)
{
	struct bounce_lane lane;
	struct job jobs[6];
	struct job other;
	struct world world;

	bounce_lane_init(&lane);
	lane.max_parallel = 2;
	world_init(&world, 4);
	world.fake.hang = true;
	add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		start(&world, &jobs[i], &exec_step, "web");
		jobs[i].bounce.lane = &lane;
	}
	start(&world, &other, &exec_step, "web");
	test_loop_for(&world.loop, 30);
	assert_int_equal(world.bouncer.n_running, 3);
	assert_int_equal(jobs[1].bounce.stage, BOUNCE_ACTING);
	assert_int_equal(jobs[2].bounce.stage, BOUNCE_QUEUED);
	assert_int_equal(other.bounce.stage, BOUNCE_ACTING);

	/* one that waits may go; then it is the next one's turn */
	bounce_cancel(&jobs[2].bounce);
	test_loop_until(&world.loop, &jobs[2].done);
	assert_int_equal(jobs[2].bounce.result, STEP_CANCELLED);
	runtime_cancel(&jobs[0].bounce.call);
	test_loop_until(&world.loop, &jobs[0].done);
	test_loop_for(&world.loop, 30);
	assert_int_equal(jobs[3].bounce.stage, BOUNCE_ACTING);
	assert_int_equal(jobs[4].bounce.stage, BOUNCE_QUEUED);

	/* the limit is raised: all may go when the next one ends */
	lane.max_parallel = 0;
	runtime_cancel(&jobs[1].bounce.call);
	test_loop_until(&world.loop, &jobs[1].done);
	test_loop_for(&world.loop, 30);
	assert_int_equal(jobs[4].bounce.stage, BOUNCE_ACTING);
	assert_int_equal(jobs[5].bounce.stage, BOUNCE_ACTING);
	bouncer_close(&world.bouncer, set_flag, &world.bouncer_closed);
	test_loop_until(&world.loop, &world.bouncer_closed);
	assert_int_equal(lane.n_running, 0);
	world_fini(&world);
}

/* All come to an end in the order in which they came. */
static void test_lane_is_fair(void **state)
{
	struct bounce_lane lane;
	struct job jobs[8];
	struct world world;

	bounce_lane_init(&lane);
	lane.max_parallel = 1;
	world_init(&world, 1);
	add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		start(&world, &jobs[i], &restart_step, "web");
		jobs[i].bounce.lane = i % 2 ? &lane : NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		test_loop_until(&world.loop, &jobs[i].done);
		for (size_t j = i + 1; j < ARRAY_SIZE(jobs); j++)
			assert_false(jobs[j].done);
	}
	assert_int_equal(world.fake.n_running_max, 1);
	world_fini(&world);
}

/* --- interrupting -------------------------------------------------------------------- */

static void wait_running(struct hosted *hosted, struct job *job)
{
	for (int i = 0; i < 200 && !hosted->world.bouncer.stats.n_running; i++)
		test_loop_for(&hosted->world.loop, 10);
	assert_int_equal(hosted->world.bouncer.stats.n_running, 1);
	assert_int_equal(job->bounce.stage, BOUNCE_ACTING);
}

static void test_interrupt(void **state)
{
	/* says by which signal it ends; its child is of its group */
	static const char *const nice[] = {
		"/bin/sh", "-c",
		"trap 'echo got USR1; exit 0' USR1; echo on; sleep 30 & wait",
		NULL
	};
	static const char *const deaf[] = {
		"/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.05; done",
		NULL
	};
	static const struct {
		const char *const *argv;
		const char *signal;
		uint64_t grace_ms;
		const char *words;
	} rows[] = {
		{ nice, "SIGUSR1", 300, "interrupted by SIGUSR1" },
		{ deaf, "SIGTERM", 100, "interrupted by SIGTERM" },
		{ deaf, "SIGKILL", 5000, "interrupted by SIGKILL" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct step step = { .kind = STEP_RUN, .argv = rows[i].argv };
		struct hosted hosted;
		struct job job;

		hosted_init(&hosted, 4);
		prepare(&hosted, &job, &step);
		job.bounce.interrupt_signal = rows[i].signal;
		job.bounce.interrupt_grace_ms = rows[i].grace_ms;
		begin_job(&hosted, &job);
		wait_running(&hosted, &job);
		test_loop_for(&hosted.world.loop, 100); /* its trap is set */
		bounce_interrupt(&job.bounce);
		bounce_interrupt(&job.bounce);
		finish_job(&hosted, &job);
		assert_int_equal(job.bounce.result, STEP_CANCELLED);
		assert_true(job.bounce.interrupted);
		assert_non_null(strstr(job.bounce.detail, rows[i].words));
		assert_int_equal(hosted.world.bouncer.stats.n_interrupted, 1);
		assert_int_equal(hosted.world.bouncer.stats.n_running, 0);
		hosted_fini(&hosted);
	}
}

/* Without a signal it runs to its end; what has not begun, does not. */
static void test_not_interrupted(void **state)
{
	static const char *const argv[] = { "/bin/sh", "-c",
		                            "sleep 0.2; exit 3", NULL };
	static const struct step step = { .kind = STEP_RUN, .argv = argv };
	struct hosted hosted;
	struct job waits;
	struct job job;

	hosted_init(&hosted, 1);
	prepare(&hosted, &job, &step);
	prepare(&hosted, &waits, &step);
	waits.bounce.interrupt_signal = "SIGTERM";
	begin_job(&hosted, &job);
	begin_job(&hosted, &waits);
	wait_running(&hosted, &job);
	bounce_interrupt(&job.bounce);
	bounce_interrupt(&waits.bounce);
	finish_job(&hosted, &waits);
	assert_int_equal(waits.bounce.result, STEP_CANCELLED);
	assert_false(waits.bounce.interrupted);
	finish_job(&hosted, &job);
	assert_int_equal(job.bounce.result, STEP_FAILED);
	assert_int_equal(hosted.world.bouncer.stats.n_failed, 1);
	assert_int_equal(hosted.world.bouncer.stats.seconds.counts[0], 1);
	hosted_fini(&hosted);
}

/* --- out of memory ---------------------------------------------------------------------- */

static void scenario(void)
{
	struct hosted hosted;
	struct job job;

	hosted_init(&hosted, 4);
	prepare(&hosted, &job, &print_step);
	job.bounce.throttle_ms = 1000;
	begin_job(&hosted, &job);
	finish_job(&hosted, &job);
	assert_true(job.bounce.result == STEP_OK ||
	            job.bounce.result == STEP_FAILED);
	hosted_fini(&hosted);
}

static void test_out_of_memory(void **state)
{
	size_t n_setup;
	size_t n;
	struct hosted hosted;

	faults_count();
	hosted_init(&hosted, 4);
	hosted_fini(&hosted);
	n_setup = faults_end();
	faults_count();
	scenario();
	n = faults_end();
	assert_true(n > n_setup);
	for (size_t k = n_setup + 1; k <= n; k++) {
		faults_fail(k);
		scenario();
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filled_in),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_throttle),
		cmocka_unit_test(test_throttle_table),
		cmocka_unit_test(test_lane),
		cmocka_unit_test(test_lane_is_fair),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_not_interrupted),
		cmocka_unit_test(test_out_of_memory),
	};

	faults_install();
	return cmocka_run_group_tests_name("bounce rules", tests, NULL, NULL);
}
