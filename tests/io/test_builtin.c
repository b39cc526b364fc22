/* SPDX-License-Identifier: Apache-2.0 */
/*
 * builtin: the gateway that we are, with a supervisor behind it and a real
 * loop. Limits are some hundredths of a second; the loop runs until what is
 * expected happens, and nothing sleeps.
 */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"

#include <string.h>
#include "base/buf.h"
#include "core/supervisor.h"
#include "source/builtin.h"

#define N_MAX    4
#define LIMIT_MS 60
#define LATE_MS  500 /* a machine that is busy with other tests */

struct world {
	struct test_loop loop;
	struct builtin *builtin;
	struct builtin_source *source;
	struct supervisor supervisor;
	struct supervisor_ops ops;
	struct journal journal;
	struct targets targets;
	struct group group;
	struct policy_rules rules;
	struct monitor monitors[N_MAX];
	char names[N_MAX][8];
	uint32_t n_steps[N_MAX][1][N_STEP_RESULTS];
	unsigned n;
	uv_timer_t deadline;
	struct buf said;  /* "run a " */
	bool acted;       /* something was said */
	unsigned n_told;  /* observations */
	unsigned n_turns; /* readings */
	unsigned n_changed;
	bool told;
	uint64_t told_ms; /* when the last one was */
};

static const struct step restart_step = { .kind = STEP_RESTART };

static void on_deadline(uv_timer_t *timer);

static uint64_t now_ms(struct world *world)
{
	uv_update_time(&world->loop.uv);
	return uv_now(&world->loop.uv);
}

static void arm(struct world *world)
{
	uint64_t next = supervisor_next(&world->supervisor);
	uint64_t now = uv_now(&world->loop.uv);

	if (next == DEADLINE_NEVER)
		(void)uv_timer_stop(&world->deadline);
	else
		(void)uv_timer_start(&world->deadline, on_deadline,
		                     next > now ? next - now : 0, 0);
}

static void on_deadline(uv_timer_t *timer)
{
	struct world *world = container_of(timer, struct world, deadline);

	supervisor_tick(&world->supervisor, now_ms(world));
	arm(world);
}

/* --- what the supervisor asks for ------------------------------------------- */

static void say(struct world *world, const char *word,
                const struct monitor *monitor)
{
	(void)buf_printf(&world->said, "%s %s ", word, monitor->name);
	world->acted = true;
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
	struct world *world = context;

	builtin_source_check(world->source,
	                     (uint32_t)(monitor - world->monitors));
}

static void on_policy_changed(void *context)
{
	(void)context;
}

/* --- what the source says ------------------------------------------------------ */

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
	struct world *world = context;

	assert_string_equal(source->name, "builtin");
	assert_int_equal(reading->result, READING_OK);
	world->n_turns++;
	world->told_ms = now_ms(world);
	supervisor_reading_begin(&world->supervisor, &world->group, reading,
	                         world->told_ms);
}

static void on_observation(void *context, struct source *source,
                           uint32_t subscription,
                           const struct observation *observation)
{
	struct world *world = context;

	world->n_told++;
	supervisor_observe(&world->supervisor, &world->monitors[subscription],
	                   observation, world->told_ms);
}

static void on_end(void *context, struct source *source)
{
	struct world *world = context;

	world->told = true;
	supervisor_reading_end(&world->supervisor, &world->group,
	                       world->told_ms);
	arm(world);
}

static const struct source_listener listener_calls = { on_begin, on_observation,
	                                               on_end, NULL };

static void on_store_changed(void *context)
{
	struct world *world = context;

	world->n_changed++;
}

/* --- its life -------------------------------------------------------------------- */

static int open_source(struct world *world)
{
	struct source_listener listener = listener_calls;
	int r;

	listener.context = world;
	r = builtin_source_new(world->builtin, &listener, &world->source);
	for (unsigned i = 0; i < world->n && r == 0; i++) {
		struct label label = { slice_from("job"),
			               slice_from(world->names[i]) };
		struct push_query query = { .labels = &label, .n_labels = 1 };

		r = builtin_source_subscribe(world->source, i, &query);
	}
	return r;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void close_source(struct world *world)
{
	bool closed = false;

	builtin_source_close(world->source, on_closed, &closed);
	assert_false(closed);
	test_loop_until(&world->loop, &closed);
	world->source = NULL;
}

/* Jobs a, b, …; @exact limits of LIMIT_MS. */
static struct world *world_new(unsigned n)
{
	struct world *world = test_calloc(1, sizeof(*world));

	test_loop_init(&world->loop);
	world->n = n;
	world->rules = (struct policy_rules){
		.max_age_ms = LIMIT_MS,
		.cooldown_ms = 60000,
		.verify_ms = 60000,
		.window_ms = 3600000,
		.backoff_max_ms = 3600000,
		.backoff_percent = 200,
		.max_bounces = 5,
		.n_steps = 1,
		.exact = true,
	};
	world->ops = (struct supervisor_ops){ .run_step = on_run,
		                              .cancel_step = on_cancel,
		                              .observe = on_observe,
		                              .changed = on_policy_changed,
		                              .notice = NULL,
		                              .context = world };
	buf_init(&world->said, 10000);
	assert_int_equal(journal_init(&world->journal, 100), 0);
	targets_init(&world->targets, 1);
	group_init(&world->group, "builtin");
	world->group.own = true;
	supervisor_init(&world->supervisor, &world->ops, NULL, &world->journal,
	                1);
	assert_int_equal(uv_timer_init(&world->loop.uv, &world->deadline), 0);
	for (unsigned i = 0; i < n; i++) {
		struct monitor *monitor = &world->monitors[i];

		(void)snprintf(world->names[i], sizeof(world->names[i]), "%c",
		               'a' + (int)i);
		*monitor = (struct monitor){
			.name = world->names[i],
			.rules = &world->rules,
			.steps = &restart_step,
			.group = &world->group,
			.target = targets_take(&world->targets,
			                       slice_from(world->names[i])),
			.n_steps = world->n_steps[i],
		};
		assert_int_equal(supervisor_add(&world->supervisor, monitor,
		                                false, now_ms(world)),
		                 0);
	}
	world->builtin =
		builtin_new(&world->loop.uv, NULL, 1, on_store_changed, world);
	assert_non_null(world->builtin);
	assert_int_equal(open_source(world), 0);
	return world;
}

static void world_free(struct world *world)
{
	bool closed = false;

	if (world->source) {
		bool source_closed = false;

		/* both at once, as at the end of the daemon */
		builtin_source_close(world->source, on_closed, &source_closed);
		builtin_close(world->builtin, on_closed, &closed);
		test_loop_until(&world->loop, &closed);
		assert_true(source_closed);
	} else {
		builtin_close(world->builtin, on_closed, &closed);
		test_loop_until(&world->loop, &closed);
	}
	for (unsigned i = 0; i < world->n; i++) {
		world->monitors[i].acting = false;
		world->monitors[i].target->owner = NULL;
		supervisor_remove(&world->supervisor, &world->monitors[i]);
		targets_release(&world->targets, world->monitors[i].target);
	}
	supervisor_fini(&world->supervisor);
	targets_fini(&world->targets);
	journal_fini(&world->journal);
	buf_fini(&world->said);
	uv_close((uv_handle_t *)&world->deadline, NULL);
	test_loop_fini(&world->loop);
	test_free(world);
}

static void start(struct world *world)
{
	builtin_source_start(world->source);
	assert_int_equal(world->n_told, 0);
	test_loop_until(&world->loop, &world->told);
	assert_int_equal(world->n_told, world->n);
	assert_int_equal(world->n_turns, 1);
	world->told = false;
}

/* --- pushes ------------------------------------------------------------------------ */

static void push(struct world *world, const char *path)
{
	struct push_key key;
	struct push_body body;
	struct err err = { 0 };

	push_key_init(&key);
	push_body_init(&body, 1);
	assert_int_equal(push_path_parse(slice_from(path), &key, &err), 0);
	assert_int_equal(push_body_parse(&body, slice_from("m 1\n"), &err), 0);
	(void)now_ms(world);
	assert_int_equal(push_store_push(builtin_store(world->builtin), &key,
	                                 &body, true,
	                                 builtin_now(world->builtin), &err),
	                 0);
	push_body_fini(&body);
	push_key_fini(&key);
}

static void ping(struct world *world, const char *path)
{
	struct push_key key;
	struct ping what;
	struct err err = { 0 };

	push_key_init(&key);
	assert_int_equal(ping_path_parse(slice_from(path), &key, &what, &err),
	                 0);
	(void)now_ms(world);
	assert_int_equal(push_store_beat(builtin_store(world->builtin), &key,
	                                 &what, builtin_now(world->builtin),
	                                 &err),
	                 0);
	push_key_fini(&key);
}

static void await_told(struct world *world)
{
	world->told = false;
	test_loop_until(&world->loop, &world->told);
}

static void await_said(struct world *world, const char *words)
{
	test_loop_until(&world->loop, &world->acted);
	assert_string_equal(buf_text(&world->said), words);
	buf_reset(&world->said);
	world->acted = false;
}

static enum policy_state state_of(const struct world *world, unsigned i)
{
	return world->monitors[i].policy.state;
}

/* --- the tests ------------------------------------------------------------------------ */

static void fires_when_the_limit_passes(void **state)
{
	struct world *world = world_new(2);
	uint64_t began_ms;

	start(world);
	world->monitors[1].policy.deadline_ms = POLICY_NEVER;
	began_ms = now_ms(world);
	push(world, "/job/a");
	await_told(world);
	assert_int_equal(state_of(world, 0), POLICY_GOOD);
	await_said(world, "run a ");
	assert_in_range(now_ms(world), began_ms + LIMIT_MS,
	                began_ms + LIMIT_MS + LATE_MS);
	world_free(world);
}

/* Each push moves the limit. Of the timer there is one deadline in all that
 * time, and it finds nothing to do. */
static void pushes_move_the_limit(void **state)
{
	struct world *world = world_new(1);
	unsigned n_pushes = 0;
	uint64_t began_ms;
	uint64_t last_ms;

	world->rules.max_age_ms = 4 * LIMIT_MS;
	start(world);
	began_ms = now_ms(world);
	do {
		push(world, "/job/a");
		last_ms = now_ms(world);
		n_pushes++;
		await_told(world);
		assert_int_equal(state_of(world, 0), POLICY_GOOD);
	} while (last_ms < began_ms + 6 * LIMIT_MS && !world->acted);
	await_said(world, "run a ");
	assert_in_range(now_ms(world), last_ms + 4 * LIMIT_MS,
	                last_ms + 4 * LIMIT_MS + LATE_MS);
	assert_true(n_pushes > 2);
	world_free(world);
}

/* What comes in one turn is one reading, of those that it concerns. */
static void one_reading_a_turn(void **state)
{
	struct world *world = world_new(4);

	world->rules.max_age_ms = 60000;
	start(world);
	push(world, "/job/b");
	push(world, "/job/b");
	push(world, "/job/c/instance/x");
	push(world, "/job/nobody");
	assert_int_equal(world->n_told, 4);
	await_told(world);
	assert_int_equal(world->n_turns, 2);
	assert_int_equal(world->n_told, 6);
	assert_int_equal(state_of(world, 0), POLICY_STARTING);
	assert_int_equal(state_of(world, 1), POLICY_GOOD);
	assert_int_equal(state_of(world, 2), POLICY_GOOD);
	assert_int_equal(world->n_changed, 4);
	assert_int_equal(world->group.n_readings[READING_OK], 0);
	world_free(world);
}

static void never_pushed_is_missing(void **state)
{
	struct world *world = world_new(1);

	start(world);
	assert_int_equal(state_of(world, 0), POLICY_STARTING);
	await_said(world, "run a ");
	assert_int_equal(world->monitors[0].last.kind, OBSERVATION_MISSING);
	world_free(world);
}

static void failure_is_told_at_once(void **state)
{
	struct world *world = world_new(1);

	world->rules.max_age_ms = 60000;
	start(world);
	ping(world, "/a/3");
	await_said(world, "run a ");
	assert_int_equal(world->monitors[0].last.kind, OBSERVATION_FAILED);
	assert_int_equal(world->monitors[0].last.exit_code, 3);
	world_free(world);
}

/* The whole story: the old failure does not judge the step, a success does. */
static void recovers_after_a_failure(void **state)
{
	struct world *world = world_new(1);
	struct step_report report = { .result = STEP_OK,
		                      .duration_ms = 1,
		                      .detail = "" };

	world->rules.max_age_ms = 60000;
	start(world);
	ping(world, "/a/fail");
	await_said(world, "run a ");
	world->told = false;
	supervisor_step_ended(&world->supervisor, &world->monitors[0], &report,
	                      now_ms(world));
	test_loop_until(&world->loop, &world->told);
	assert_int_equal(state_of(world, 0), POLICY_VERIFYING);
	ping(world, "/a/start");
	await_told(world);
	assert_int_equal(state_of(world, 0), POLICY_VERIFYING);
	ping(world, "/a");
	await_told(world);
	assert_int_equal(state_of(world, 0), POLICY_GOOD);
	assert_int_equal(world->monitors[0].n_bounces[BOUNCE_RECOVERED], 1);
	world_free(world);
}

static void start_without_an_end(void **state)
{
	struct world *world = world_new(1);
	uint64_t began_ms;

	world->rules.max_age_ms = 60000;
	world->rules.max_runtime_ms = LIMIT_MS;
	start(world);
	ping(world, "/a/start");
	await_told(world);
	ping(world, "/a");
	await_told(world);
	began_ms = now_ms(world);
	ping(world, "/a/start");
	await_said(world, "run a ");
	assert_in_range(now_ms(world), began_ms + LIMIT_MS,
	                began_ms + LIMIT_MS + LATE_MS);
	assert_string_equal(policy_breach_words(&world->monitors[0].policy),
	                    "job runs for too long");
	world_free(world);
}

static void deleted_group_is_missing(void **state)
{
	struct world *world = world_new(1);

	world->rules.max_age_ms = LIMIT_MS;
	start(world);
	push(world, "/job/a");
	await_told(world);
	push_store_wipe(builtin_store(world->builtin));
	await_told(world);
	assert_int_equal(world->monitors[0].last.kind, OBSERVATION_MISSING);
	assert_int_equal(state_of(world, 0), POLICY_GOOD);
	await_said(world, "run a ");
	world_free(world);
}

/* A group whose time to live is over goes by itself. */
static void time_to_live(void **state)
{
	static const struct label a = { { "job", 3 }, { "a", 1 } };
	struct push_ttl rules[] = { { &a, 1, LIMIT_MS } };
	struct push_store_limits limits = { 0 };
	struct world *world = world_new(2);
	struct push_store *store = builtin_store(world->builtin);

	world->rules.max_age_ms = 60000;
	assert_int_equal(builtin_configure(world->builtin, &limits, rules, 1),
	                 0);
	start(world);
	push(world, "/job/a");
	push(world, "/job/b");
	await_told(world);
	assert_int_equal(push_store_counts(store).n_groups, 2);
	await_told(world);
	assert_int_equal(world->monitors[0].last.kind, OBSERVATION_MISSING);
	assert_int_equal(world->monitors[1].last.kind, OBSERVATION_AGE);
	assert_int_equal(push_store_counts(store).n_groups, 1);
	/* without rules nothing is armed for it */
	assert_int_equal(builtin_configure(world->builtin, &limits, NULL, 0),
	                 0);
	push(world, "/job/a");
	await_told(world);
	assert_int_equal(push_store_counts(store).n_groups, 2);
	world_free(world);
}

/* A reload: the groups stay, the subscriptions are new, and told of. */
static void store_survives_its_source(void **state)
{
	struct world *world = world_new(2);
	struct builtin_source *old = world->source;
	bool closed = false;

	world->rules.max_age_ms = 60000;
	start(world);
	push(world, "/job/a");
	await_told(world);
	assert_int_equal(open_source(world), 0);
	builtin_source_close(old, on_closed, &closed);
	builtin_source_start(world->source);
	push(world, "/job/b");
	world->n_told = 0;
	await_told(world);
	assert_true(closed);
	assert_int_equal(world->n_told, 2);
	assert_int_equal(world->monitors[0].last.kind, OBSERVATION_AGE);
	assert_int_equal(state_of(world, 1), POLICY_GOOD);

	/* one that was never started: a reload that failed */
	old = world->source;
	assert_int_equal(open_source(world), 0);
	close_source(world);
	world->source = old;
	push(world, "/job/b");
	await_told(world);
	assert_int_equal(world->n_told, 3);
	world_free(world);
}

/* Between the close of a source and its end: groups go, nobody looks at what
 * it knew of them. */
static void groups_go_while_it_closes(void **state)
{
	struct world *world = world_new(1);
	struct builtin_source *old = world->source;
	bool closed = false;

	world->rules.max_age_ms = 60000;
	start(world);
	push(world, "/job/a");
	await_told(world);
	assert_int_equal(open_source(world), 0);
	builtin_source_close(old, on_closed, &closed);
	builtin_source_start(world->source);
	push_store_wipe(builtin_store(world->builtin));
	await_told(world);
	assert_true(closed);
	assert_int_equal(world->monitors[0].last.kind, OBSERVATION_MISSING);
	world_free(world);
}

/* Nothing is pushed, nothing is due: nothing wakes the loop. */
static void idle_has_no_timer(void **state)
{
	struct world *world = world_new(1);

	world->rules.max_age_ms = 3600000;
	start(world);
	push(world, "/job/a");
	await_told(world);
	/* all that is left is the deadline */
	assert_int_equal(uv_backend_timeout(&world->loop.uv) > 3000000, 1);
	world_free(world);
}

static void closed_by_its_listener_end(void *context, struct source *source)
{
	struct world *world = context;

	builtin_source_close(world->source, on_closed, &world->told);
	world->source = NULL;
}

static void closed_by_its_listener(void **state)
{
	struct world *world = world_new(1);
	struct source_listener listener = { on_begin, on_observation,
		                            closed_by_its_listener_end, world };

	close_source(world);
	assert_int_equal(
		builtin_source_new(world->builtin, &listener, &world->source),
		0);
	builtin_source_start(world->source);
	/* no subscription: nothing is ever told */
	push(world, "/job/a");
	close_source(world);

	assert_int_equal(
		builtin_source_new(world->builtin, &listener, &world->source),
		0);
	{
		struct label label = { slice_from("job"), slice_from("a") };
		struct push_query query = { .labels = &label, .n_labels = 1 };

		assert_int_equal(
			builtin_source_subscribe(world->source, 0, &query), 0);
	}
	builtin_source_start(world->source);
	test_loop_until(&world->loop, &world->told);
	assert_null(world->source);
	push(world, "/job/a");
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fires_when_the_limit_passes),
		cmocka_unit_test(pushes_move_the_limit),
		cmocka_unit_test(one_reading_a_turn),
		cmocka_unit_test(never_pushed_is_missing),
		cmocka_unit_test(failure_is_told_at_once),
		cmocka_unit_test(recovers_after_a_failure),
		cmocka_unit_test(start_without_an_end),
		cmocka_unit_test(deleted_group_is_missing),
		cmocka_unit_test(time_to_live),
		cmocka_unit_test(store_survives_its_source),
		cmocka_unit_test(groups_go_while_it_closes),
		cmocka_unit_test(idle_has_no_timer),
		cmocka_unit_test(closed_by_its_listener),
	};

	faults_install();
	return cmocka_run_group_tests_name("builtin", tests, NULL, NULL);
}
