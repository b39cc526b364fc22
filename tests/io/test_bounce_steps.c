/* SPDX-License-Identifier: Apache-2.0 */
/* bounce: which container is meant, what was seen, who may veto; removing,
 * and telling somebody. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <stdio.h>
#include <string.h>
#include "action/notifier.h"
#include "bounce_kit.h"
#include "io/http_client.h"
#include "support/peer.h"

static struct fake_target *add_with_id(struct world *world,
                                       enum runtime_status status)
{
	struct fake_target *target = add_target(world, "web", status);

	(void)snprintf(target->state.id, sizeof(target->state.id), "id-1");
	return target;
}

/* What was seen just now is not looked at again; what was seen before is. */
static void test_seen(void **state)
{
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 4);
	target = add_with_id(&world, RUNTIME_STATUS_RUNNING);
	job = (struct job){ .bounce = { .step = &restart_step,
		                        .id = "id-1",
		                        .seen = target->state,
		                        .seen_ms = uv_now(&world.loop.uv) } };
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_int_equal(target->n_inspects, 0);

	job.bounce.seen.status = RUNTIME_STATUS_PAUSED;
	job.bounce.seen_ms = uv_now(&world.loop.uv);
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_LEFT_ALONE);
	assert_int_equal(target->n_inspects, 0);

	uv_update_time(&world.loop.uv);
	test_loop_for(&world.loop, 2 * BOUNCE_SEEN_MS);
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_int_equal(target->n_inspects, 1);
	world_fini(&world);
}

/* Who only has the same name is left alone. */
static void test_replaced(void **state)
{
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 4);
	target = add_with_id(&world, RUNTIME_STATUS_RUNNING);
	job = (struct job){ .bounce = { .step = &restart_step, .id = "id-0" } };
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_LEFT_ALONE);
	assert_string_equal(job.bounce.detail,
	                    "web is gone, or is another container now");

	/* LXD: names are its ids */
	job.bounce.id = "default/web";
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_LEFT_ALONE);
	assert_string_equal(job.bounce.detail, "web is another container now");

	/* it went between the look and the step */
	job.bounce.id = "id-2";
	job.bounce.seen = target->state;
	(void)snprintf(job.bounce.seen.id, sizeof(job.bounce.seen.id), "id-2");
	job.bounce.seen_ms = uv_now(&world.loop.uv);
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_LEFT_ALONE);
	assert_int_equal(target->n_restarts, 0);
	assert_true(list_empty(promises_list(world.promises)));
	world_fini(&world);
}

static void test_remove(void **state)
{
	static const struct step remove_step = { .kind = STEP_REMOVE,
		                                 .volumes = true };
	static const struct {
		enum runtime_status status;
		int64_t finished_ms; /* now; it was judged by 1000 */
		bool auto_remove;
		bool dry_run;
		enum step_result result;
		const char *detail;
	} rows[] = {
		{ RUNTIME_STATUS_EXITED, 1000, false, false, STEP_OK,
		  "the name web is free" },
		{ RUNTIME_STATUS_EXITED, 1000, false, true, STEP_DRY_RUN,
		  "would remove web and its anonymous volumes" },
		{ RUNTIME_STATUS_EXITED, 1001, false, false, STEP_LEFT_ALONE,
		  "web has run again since it was judged" },
		{ RUNTIME_STATUS_EXITED, 1000, true, false, STEP_LEFT_ALONE,
		  "the engine itself removes web" },
		{ RUNTIME_STATUS_RUNNING, 1000, false, false, STEP_LEFT_ALONE,
		  "web has not ended, or has been started again" },
		{ RUNTIME_STATUS_OTHER, 0, false, false, STEP_LEFT_ALONE,
		  "web has not ended, or has been started again" },
		{ RUNTIME_STATUS_PAUSED, 1000, false, false, STEP_LEFT_ALONE,
		  "web is paused; somebody did that on purpose" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake_target *target;
		struct world world;
		struct job job;

		world_init(&world, 4);
		target = add_with_id(&world, rows[i].status);
		target->finished_wall_ms = rows[i].finished_ms;
		target->auto_remove = rows[i].auto_remove;
		target->state.stopped_by_hand = true;
		/* that it was seen just now is not enough */
		job = (struct job){
			.bounce = { .step = &remove_step,
			            .id = "id-1",
			            .dry_run = rows[i].dry_run,
			            .finished_wall_ms = 1000,
			            .seen = { .status = RUNTIME_STATUS_EXITED },
			            .seen_ms = uv_now(&world.loop.uv) },
		};
		run_prepared(&world, &job);
		assert_string_equal(job.bounce.detail, rows[i].detail);
		assert_int_equal(job.bounce.result, rows[i].result);
		assert_int_equal(target->n_inspects, 1);
		assert_int_equal(target->n_removes, rows[i].result == STEP_OK);
		assert_int_equal(world.fake.volumes, rows[i].result == STEP_OK);
		world_fini(&world);
	}
}

static void test_veto(void **state)
{
	static const char *const before[] = { "/bin/may-i", NULL };
	static const struct notice notice = { .output = "curl: refused",
		                              .exit_code = 7 };
	struct fake_target *target;
	struct world world;
	struct job job;

	world_init(&world, 4);
	target = add_with_id(&world, RUNTIME_STATUS_RUNNING);
	job = (struct job){ .bounce = { .step = &restart_step,
		                        .id = "id-1",
		                        .before = before,
		                        .notice = &notice,
		                        .seen = target->state,
		                        .seen_ms = uv_now(&world.loop.uv) } };
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_VETOED);
	assert_string_equal(job.bounce.detail,
	                    "/bin/may-i says no: exit code 3; output: two "
	                    "words");
	assert_int_equal(target->n_restarts, 0);
	/* known before it runs, and no promise was made */
	assert_int_equal(world.n_saves, 1);
	assert_non_null(strstr(world.fake.last_env,
	                       "BOUNCER_CONTAINER=web;"
	                       "BOUNCER_CONTAINER_ID=id-1;"
	                       "BOUNCER_RUNTIME=fake;"
	                       "BOUNCER_OUTPUT=curl: refused;"
	                       "BOUNCER_EXIT_CODE=7;"));

	/* it agrees, and the target is looked at again */
	world.fake.exec_ok = true;
	job.bounce.seen_ms = uv_now(&world.loop.uv);
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_int_equal(target->n_restarts, 1);
	assert_int_equal(target->n_inspects, 1);

	/* which may not be there any more */
	world.fake.gone = true;
	job.bounce.seen_ms = uv_now(&world.loop.uv);
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_LEFT_ALONE);
	assert_int_equal(target->n_restarts, 1);

	/* a dry run asks nobody */
	target->n_execs = 0;
	target->state.id[0] = 'i';
	job.bounce.dry_run = true;
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_DRY_RUN);
	assert_int_equal(target->n_execs, 0);
	world_fini(&world);
}

static void test_close_while_asking(void **state)
{
	static const char *const before[] = { "/bin/may-i", NULL };
	struct world world;
	struct job job;

	world_init(&world, 4);
	world.fake.hang = true;
	add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	job = (struct job){ .bounce = { .step = &restart_step,
		                        .before = before,
		                        .runtime = &world.fake.runtime,
		                        .runtime_name = "fake",
		                        .target = "web",
		                        .monitor = "monitor",
		                        .reason = "" } };
	bounce_start(&world.bouncer, &job.bounce, on_job_done);
	while (job.bounce.stage != BOUNCE_ASKING)
		(void)uv_run(&world.loop.uv, UV_RUN_ONCE);
	bouncer_close(&world.bouncer, set_flag, &world.bouncer_closed);
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_CANCELLED);
	world_fini(&world);
}

/* A log line is no command, but what vetoes a walk vetoes it, too. */
static void test_log_and_webhook(void **state)
{
	static const char *const before[] = { "/bin/may-i", NULL };
	static const struct webhook webhook = { .url = "http://a/" };
	const struct step log_step = { .kind = STEP_LOG, .message = "hey" };
	const struct step webhook_step = { .kind = STEP_WEBHOOK,
		                           .webhook = &webhook };
	struct world world;
	struct job job;

	world_init(&world, 4);
	add_target(&world, "web", RUNTIME_STATUS_RUNNING);
	job = (struct job){ .bounce = { .step = &log_step, .before = before } };
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_VETOED);
	job.bounce.before = NULL;
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_string_equal(job.bounce.detail, "hey");

	job.bounce.step = &webhook_step;
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_FAILED);
	assert_string_equal(job.bounce.detail, "nobody sends webhooks here");
	job.bounce.dry_run = true;
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_DRY_RUN);
	world_fini(&world);
}

struct hooked {
	struct http_client *client;
	struct notifier *notifier;
	bool client_closed;
	bool notifier_closed;
};

/* A step that tells somebody ends with what that one said. */
static void test_webhook(void **state)
{
	static const struct peer_step steps[] = {
		PEER_SAYS("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
		PEER_SAYS("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"),
		{ .then = PEER_KEEP },
	};
	struct webhook webhook = { .max_tries = 1, .timeout_ms = 60000 };
	const struct step step = { .kind = STEP_WEBHOOK, .webhook = &webhook };
	struct hooked hooked = { 0 };
	struct test_peer peer;
	struct world world;
	struct job job = { .bounce = { .step = &step } };

	world_init(&world, 4);
	test_peer_listen(&peer, &world.loop.uv, "127.0.0.1", 0);
	test_peer_script(&peer, steps, 3);
	webhook.url = peer.url;
	hooked.client = http_client_new(&world.loop.uv, NULL);
	hooked.notifier = notifier_new(&world.loop.uv, hooked.client, NULL, 1);
	assert_non_null(hooked.notifier);
	world.bouncer.notifier = hooked.notifier;

	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_OK);
	assert_string_equal(job.bounce.detail, "HTTP 200: ok");
	assert_non_null(
		strstr(test_peer_received(&peer), "\"container\":\"web\""));
	run_prepared(&world, &job);
	assert_int_equal(job.bounce.result, STEP_FAILED);
	assert_string_equal(job.bounce.detail, "HTTP 404");

	job.done = false;
	bounce_start(&world.bouncer, &job.bounce, on_job_done);
	while (peer.n_accepted < 3)
		(void)uv_run(&world.loop.uv, UV_RUN_ONCE);
	bouncer_close(&world.bouncer, set_flag, &world.bouncer_closed);
	test_loop_until(&world.loop, &job.done);
	assert_int_equal(job.bounce.result, STEP_CANCELLED);

	notifier_close(hooked.notifier, 0, set_flag, &hooked.notifier_closed);
	test_loop_until(&world.loop, &hooked.notifier_closed);
	http_client_close(hooked.client, set_flag, &hooked.client_closed);
	test_loop_until(&world.loop, &hooked.client_closed);
	test_peer_close(&peer);
	world_fini(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_veto),
		cmocka_unit_test(test_close_while_asking),
		cmocka_unit_test(test_log_and_webhook),
		cmocka_unit_test(test_webhook),
	};

	faults_install();
	return cmocka_run_group_tests_name("bounce steps", tests, NULL, NULL);
}
