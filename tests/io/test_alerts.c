/* SPDX-License-Identifier: Apache-2.0 */
/* alerts: what is taken, told and kept, also where memory or disk is out. */
#include "support/cmocka.h"
#include "support/faults.h"
#include "support/loop.h"
#include "source/alerts.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRING                                                               \
	"{\"groupKey\":\"g\",\"alerts\":[{\"status\":\"firing\",\"labels\":" \
	"{\"alertname\":\"A\"},\"startsAt\":\"2026-11-21T10:00:00Z\"}]}"

struct world {
	struct test_loop loop;
	struct alerts *alerts;
	struct alerts_source *source;
	int mark;
	unsigned n_seen; /* words that it fires */
	bool seen;
	bool told; /* a reading ended */
};

struct taking {
	struct alerts_taking taking;
	bool done;
};

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
}

static void *on_appear(void *context, struct source *source,
                       uint32_t subscription, const struct alert_item *item)
{
	return &((struct world *)context)->mark;
}

static void on_observe(void *context, struct source *source, void *mark,
                       const struct observation *observation,
                       const struct alert_item *item)
{
	struct world *world = context;

	assert_ptr_equal(mark, &world->mark);
	world->n_seen += observation->firing;
	world->seen |= observation->firing;
}

static void on_leave(void *context, struct source *source, void *mark)
{
}

static void on_end(void *context, struct source *source)
{
	((struct world *)context)->told = true;
}

static void on_listed(void *context, struct source *source)
{
}

static void on_taken(struct alerts_taking *taking)
{
	container_of(taking, struct taking, taking)->done = true;
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

/* Negative: out of memory. */
static int world_open(struct world *world, const char *dir)
{
	const struct alerts_listener listener = {
		on_begin, on_appear, on_observe, on_leave,
		on_end,   on_listed, world,
	};
	const struct alerts_options options = {
		.loop = &world->loop.uv,
		.dir = dir,
		.seed = 1,
	};
	const struct alerts_limits limits = { .queue_size = 2,
		                              .max_alerts = 10 };
	const struct alerts_query query = { .match_labels = "alertname=\"A\"" };
	struct err err;
	int r = alerts_new(&options, &world->alerts);

	if (r < 0)
		return r;
	alerts_configure(world->alerts, &limits);
	world->source = alerts_source_new(world->alerts, &listener);
	if (!world->source)
		return -1;
	r = alerts_source_subscribe(world->source, 0, &query, &err);
	if (r == 0)
		alerts_source_start(world->source);
	return r;
}

static void world_close(struct world *world)
{
	bool closed = false;

	if (world->source) {
		alerts_source_close(world->source, on_closed, &closed);
		test_loop_until(&world->loop, &closed);
	}
	closed = false;
	if (world->alerts) {
		alerts_close(world->alerts, on_closed, &closed);
		test_loop_until(&world->loop, &closed);
	}
	world->alerts = NULL;
	world->source = NULL;
}

static int take(struct world *world, struct taking *taking)
{
	struct err err = { 0 };

	*taking = (struct taking){ 0 };
	return alerts_take(world->alerts, slice_from(FIRING), &taking->taking,
	                   on_taken, &err);
}

/* As many as the queue has are written; the next comes again, and is taken. */
static void full_queue(void **state)
{
	struct world world = { 0 };
	struct taking takings[3];

	(void)state;
	test_loop_init(&world.loop);
	assert_int_equal(world_open(&world, world.loop.dir), 0);
	assert_int_equal(take(&world, &takings[0]), ALERTS_PENDING);
	assert_int_equal(take(&world, &takings[1]), ALERTS_PENDING);
	assert_int_equal(take(&world, &takings[2]), ALERTS_E_FULL);
	assert_int_equal(alerts_stats(world.alerts).n_queued, 2);
	test_loop_until(&world.loop, &takings[1].done);
	test_loop_until(&world.loop, &takings[0].done);
	assert_int_equal(takings[0].taking.err.code, 0);
	assert_int_equal(takings[1].taking.err.code, 0);
	assert_int_equal(take(&world, &takings[2]), 0);
	test_loop_until(&world.loop, &world.seen);
	assert_int_equal(world.n_seen, 1);
	world_close(&world);
	test_loop_fini(&world.loop);
}

/* Acted on, not acknowledged; kept as soon as that can be. */
static void unwritable(void **state)
{
	static const char *const names[] = { "alerts.0", "alerts.1",
		                             "alerts.tmp" };
	struct world world = { 0 };
	struct taking taking;
	char path[108];

	(void)state;
	test_loop_init(&world.loop);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(
			mkdir(test_loop_path(&world.loop, names[i], path),
		              0700),
			0);
	assert_int_equal(world_open(&world, world.loop.dir), 0);
	assert_int_equal(take(&world, &taking), ALERTS_PENDING);
	test_loop_until(&world.loop, &taking.done);
	assert_true(taking.taking.err.code < 0);
	test_loop_until(&world.loop, &world.seen);
	assert_true(alerts_stats(world.alerts).failing);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(
			rmdir(test_loop_path(&world.loop, names[i], path)), 0);
	assert_int_equal(take(&world, &taking), ALERTS_PENDING);
	test_loop_until(&world.loop, &taking.done);
	assert_int_equal(taking.taking.err.code, 0);
	assert_int_equal(world.n_seen, 1);
	world_close(&world);

	/* and is there for the next run */
	world.seen = false;
	assert_int_equal(world_open(&world, world.loop.dir), 0);
	test_loop_until(&world.loop, &world.seen);
	world_close(&world);
	test_loop_fini(&world.loop);
}

/* Set aside; what is whole of it is read. */
static void damaged(void **state)
{
	struct world world = { 0 };
	char path[108];
	FILE *file;

	(void)state;
	test_loop_init(&world.loop);
	file = fopen(test_loop_path(&world.loop, "alerts", path), "w");
	assert_non_null(file);
	assert_true(fprintf(file, "1 %zu\n%s\n1 77\n{", strlen(FIRING),
	                    FIRING) > 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(world_open(&world, world.loop.dir), 0);
	assert_int_equal(access(path, F_OK), -1);
	test_loop_until(&world.loop, &world.seen);
	world_close(&world);
	test_loop_fini(&world.loop);
}

/* Whatever fails: a completion, or none was promised; nothing is lost. */
static void scenario(struct world *world)
{
	struct taking taking;

	world->told = false;
	if (world_open(world, world->loop.dir) == 0) {
		if (take(world, &taking) == ALERTS_PENDING)
			test_loop_until(&world->loop, &taking.done);
		test_loop_until(&world->loop, &world->told);
	}
	world_close(world);
	/* what was made and not opened frees itself in the loop */
	(void)uv_run(&world->loop.uv, UV_RUN_DEFAULT);
}

static void forget_files(const struct world *world)
{
	static const char *const names[] = { "alerts", "alerts.0", "alerts.1",
		                             "alerts.tmp" };
	char path[108];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)unlink(test_loop_path(&world->loop, names[i], path));
}

static void no_memory(void **state)
{
	struct world world = { 0 };
	size_t n;

	(void)state;
	test_loop_init(&world.loop);
	scenario(&world); /* the loop has its own memory after that */
	forget_files(&world);
	faults_count();
	scenario(&world);
	n = faults_end();
	assert_true(n > 10);
	for (size_t k = 1; k <= n; k++) {
		forget_files(&world);
		faults_fail(k);
		scenario(&world);
		(void)faults_end();
	}
	test_loop_fini(&world.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_queue),
		cmocka_unit_test(unwritable),
		cmocka_unit_test(damaged),
		cmocka_unit_test(no_memory),
	};

	faults_install();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
