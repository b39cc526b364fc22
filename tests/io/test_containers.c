/* SPDX-License-Identifier: Apache-2.0 */
/* containers: the source, against an engine that is made up. */
#include "containers_kit.h"

#include "base/macros.h"
#include "support/faults.h"

#define NEVER_MS 3600000

static struct kit kit;

static void test_list_and_follow(void **state)
{
	struct kit_container *web;

	kit_init(&kit, NEVER_MS, NEVER_MS);
	web = kit_add(&kit, "1", "web");
	kit_start(&kit);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	assert_int_equal(kit.reading, READING_OK);
	assert_int_equal(kit.n_readings, 1);
	assert_int_equal(kit.n_looks, 0);
	assert_true(kit.since_ns > 0);
	assert_true(containers_stats(kit.source).connected);
	assert_int_equal(containers_stats(kit.source).n_containers, 1);
	/* nothing lies between the event and the look */
	kit_health(&kit, web, CONTAINER_HEALTH_UNHEALTHY);
	assert_int_equal(kit.n_looks, 1);
	assert_int_equal(kit.n_pending, 1);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
	kit_health(&kit, web, CONTAINER_HEALTH_HEALTHY);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	web->there = false;
	kit_happens(&kit, RUNTIME_EVENT_REMOVED, web);
	assert_false(web->covered);
	assert_int_equal(kit.n_lists, 1);
	assert_int_equal(containers_stats(kit.source).n_events, 3);
	assert_int_equal(kit.n_found, 1);
	assert_int_equal(kit.n_lost, 0);
	kit_fini(&kit);
}

/* What comes to be between the stream's opening and the list is in both, or in
 * one of them, and is counted once. */
static void test_between_stream_and_list(void **state)
{
	struct kit_container *web;
	struct kit_container *db;

	kit_init(&kit, NEVER_MS, NEVER_MS);
	web = kit_add(&kit, "1", "web");
	kit_start(&kit);
	KIT_UNTIL(&kit, kit.watch != NULL);
	kit.held = true;
	if (!kit.watch_open) {
		kit.held = false;
		KIT_UNTIL(&kit, kit.watch_open);
		kit.held = true;
	}
	db = kit_add(&kit, "2", "db");
	kit_happens(&kit, RUNTIME_EVENT_CREATED, db);
	kit_happens(&kit, RUNTIME_EVENT_STARTED, db);
	web->there = false;
	kit_happens(&kit, RUNTIME_EVENT_REMOVED, web);
	kit.held = false;
	KIT_UNTIL(&kit, kit_is(db, HEALTH_GOOD));
	test_loop_for(&kit.loop, 20);
	assert_false(web->covered);
	kit_fini(&kit);
}

/* The stream ends before each of the events in turn; nothing is lost, and
 * nobody is said to be unknown. */
static void test_cut_at_every_event(void **state)
{
	for (unsigned cut = 0; cut < 6; cut++) {
		struct kit_container *web;
		struct kit_container *db;
		unsigned at = 0;

		kit_init(&kit, NEVER_MS, NEVER_MS);
		web = kit_add(&kit, "1", "web");
		db = kit_add(&kit, "2", "db");
		kit_start(&kit);
		KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
		for (; at < 6; at++) {
			if (at == cut)
				kit_cut(&kit);
			switch (at) {
			case 0:
				kit_health(&kit, web,
				           CONTAINER_HEALTH_UNHEALTHY);
				break;
			case 1:
				kit_happens(&kit, RUNTIME_EVENT_ASKED, web);
				break;
			case 2:
				web->state.status = CONTAINER_EXITED;
				kit_happens(&kit, RUNTIME_EVENT_ENDED, web);
				break;
			case 3:
				db->there = false;
				kit_happens(&kit, RUNTIME_EVENT_REMOVED, db);
				break;
			case 4:
				web->state.status = CONTAINER_RUNNING;
				web->state.health = CONTAINER_HEALTH_STARTING;
				web->state.n_streak = 0;
				kit_happens(&kit, RUNTIME_EVENT_STARTED, web);
				web->state.started_wall_ms =
					kit.now_ns / 1000000;
				break;
			default:
				kit_health(&kit, web,
				           CONTAINER_HEALTH_UNHEALTHY);
				break;
			}
		}
		KIT_UNTIL(&kit, kit.watch_open && kit_is(web, HEALTH_BAD));
		KIT_UNTIL(&kit, !db->covered);
		assert_int_equal(containers_stats(kit.source).n_connects, 2);
		assert_int_equal(kit.n_unknown, 0);
		if (cut > 0)
			assert_int_equal(kit.since_ns,
			                 kit.events[cut - 1].time_ns);
		kit_fini(&kit);
	}
}

static void test_lost_and_found(void **state)
{
	struct kit_container *web;

	kit_init(&kit, NEVER_MS, NEVER_MS);
	web = kit_add(&kit, "1", "web");
	kit.down = true;
	kit_start(&kit);
	KIT_UNTIL(&kit, kit.n_readings == 1);
	assert_int_equal(kit.reading, READING_REFUSED);
	kit.down = false;
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	kit.down = true;
	kit_cut(&kit);
	assert_int_equal(kit.n_unknown, 0); /* not yet */
	KIT_UNTIL(&kit, kit.n_unknown == 1);
	assert_false(containers_stats(kit.source).connected);
	test_loop_for(&kit.loop, 300);
	assert_int_equal(kit.n_unknown, 1); /* once */
	kit.down = false;
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	assert_int_equal(kit.n_lost, 2);
	assert_int_equal(kit.n_found, 2);
	kit_fini(&kit);
}

/* The stream stands, and the list cannot be had. */
static void test_list_fails(void **state)
{
	struct kit_container *web;

	kit_init(&kit, 20, NEVER_MS);
	web = kit_add(&kit, "1", "web");
	kit_start(&kit);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	kit.down = true;
	KIT_UNTIL(&kit, kit.n_unknown == 1);
	assert_true(containers_stats(kit.source).connected);
	test_loop_for(&kit.loop, 200);
	assert_int_equal(kit.n_unknown, 1);
	kit.down = false;
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	kit.refuse_calls = true;
	KIT_UNTIL(&kit, kit.n_unknown == 2);
	kit.refuse_calls = false;
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	assert_int_equal(kit.n_lost, 2);
	kit_fini(&kit);
}

static void test_looks_that_fail(void **state)
{
	struct kit_container *web;
	struct kit_container *db;

	kit_init(&kit, NEVER_MS, NEVER_MS);
	web = kit_add(&kit, "1", "web");
	db = kit_add(&kit, "2", "db");
	kit_start(&kit);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	kit.fail_looks = true;
	kit_health(&kit, web, CONTAINER_HEALTH_UNHEALTHY);
	KIT_UNTIL(&kit, kit.n_unknown == 1);
	kit.fail_looks = false;
	KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD)); /* by a list */
	assert_int_equal(kit.n_lists, 2);
	/* it went, and the event is still to come */
	db->there = false;
	containers_check(kit.source, db);
	KIT_UNTIL(&kit, !db->covered);
	kit.refuse_calls = true;
	containers_check(kit.source, web);
	assert_int_equal(kit.n_unknown, 2);
	kit.refuse_calls = false;
	kit_fini(&kit);
}

/* Many at once: so many looks beside each other, one for each, none lost. */
static void test_burst(void **state)
{
	struct kit_container *all[100];
	char name[16];

	kit_init(&kit, NEVER_MS, NEVER_MS);
	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "c%d", i);
		all[i] = kit_add(&kit, name, name);
	}
	kit_start(&kit);
	KIT_UNTIL(&kit, kit_is(all[99], HEALTH_GOOD));
	kit.held = true;
	for (int i = 0; i < 50; i++)
		kit_happens(&kit, RUNTIME_EVENT_STARTED, all[i]);
	for (int i = 50; i < 100; i++) {
		kit_health(&kit, all[i], CONTAINER_HEALTH_UNHEALTHY);
		kit_health(&kit, all[i], CONTAINER_HEALTH_UNHEALTHY);
	}
	assert_int_equal(kit.n_looking, N_CONTAINERS_LOOKS);
	kit.held = false;
	for (int i = 50; i < 100; i++)
		KIT_UNTIL(&kit, kit_is(all[i], HEALTH_BAD));
	KIT_UNTIL(&kit, kit.n_pending == 0);
	assert_int_equal(kit.max_looking, N_CONTAINERS_LOOKS);
	assert_int_equal(kit.n_looks, 100);
	assert_int_equal(kit.n_lists, 1);
	kit_fini(&kit);
}

/* The sick ones do not wait behind those that were only started. */
static void test_urgent_looks_first(void **state)
{
	struct kit_container *all[40];
	char name[16];

	kit_init(&kit, NEVER_MS, NEVER_MS);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "c%d", i);
		all[i] = kit_add(&kit, name, name);
	}
	kit_start(&kit);
	KIT_UNTIL(&kit, kit_is(all[39], HEALTH_GOOD));
	kit.held = true;
	for (int i = 0; i < 39; i++)
		kit_happens(&kit, RUNTIME_EVENT_STARTED, all[i]);
	kit_health(&kit, all[39], CONTAINER_HEALTH_UNHEALTHY);
	kit.held = false;
	KIT_UNTIL(&kit, kit_is(all[39], HEALTH_BAD));
	assert_int_equal(all[39]->nth_look, N_CONTAINERS_LOOKS + 1);
	kit_fini(&kit);
}

static void test_without_events(void **state)
{
	for (int at_once = 0; at_once < 2; at_once++) {
		struct kit_container *web;

		kit_init(&kit, NEVER_MS, 10);
		kit.no_events = !at_once;
		kit.never_events = at_once;
		web = kit_add(&kit, "1", "web");
		kit_start(&kit);
		KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
		assert_true(containers_stats(kit.source).polled);
		web->state.health = CONTAINER_HEALTH_UNHEALTHY;
		web->state.n_streak = 1;
		KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
		kit.down = true;
		KIT_UNTIL(&kit, kit.n_unknown == 1);
		kit.down = false;
		KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
		assert_int_equal(kit.n_lost, 1);
		kit_fini(&kit);
	}
}

/* A proxy denies the stream, and once lets it pass. */
static void test_events_come_to_be_allowed(void **state)
{
	struct kit_container *web;

	kit_init(&kit, NEVER_MS, 5);
	kit.no_events = true;
	web = kit_add(&kit, "1", "web");
	kit_start(&kit);
	KIT_UNTIL(&kit, kit.n_watches == 3);
	assert_true(containers_stats(kit.source).polled);
	assert_int_equal(kit.n_denied, 1);
	assert_int_equal(kit.n_unknown, 0);
	kit.no_events = false;
	KIT_UNTIL(&kit, containers_stats(kit.source).connected);
	assert_false(containers_stats(kit.source).polled);
	KIT_UNTIL(&kit, kit.n_pending == 0);
	kit_health(&kit, web, CONTAINER_HEALTH_UNHEALTHY);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
	kit_fini(&kit);
}

/* --- who is in doubt ------------------------------------------------------------- */

/* Its check fails for good only after the engine has long called it so. */
static void test_undecided_is_looked_at_again(void **state)
{
	struct kit_container *web;
	struct kit_container *db;

	kit_init(&kit, NEVER_MS, NEVER_MS);
	web = kit_add(&kit, "1", "web");
	db = kit_add(&kit, "2", "db");
	kit_start(&kit);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	web->state.status = CONTAINER_PAUSED;
	web->state.health = CONTAINER_HEALTH_UNHEALTHY;
	kit_happens(&kit, RUNTIME_EVENT_PAUSED, web);
	web->state.status = CONTAINER_RUNNING;
	kit_happens(&kit, RUNTIME_EVENT_RESUMED, web);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_STARTING));
	assert_int_equal(kit.n_looks, 1);
	web->state.n_streak = 1;
	KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
	assert_int_equal(kit.n_looks, 2);
	assert_int_equal(kit.n_lists, 1);
	assert_int_equal(db->nth_look, 0);
	kit_fini(&kit);
}

/* The event comes before what it speaks of can be seen. */
static void test_event_before_its_result(void **state)
{
	struct kit_container *web;

	kit_init(&kit, NEVER_MS, NEVER_MS);
	web = kit_add(&kit, "1", "web");
	kit_start(&kit);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	web->state.health = CONTAINER_HEALTH_UNSAID;
	kit_happens(&kit, RUNTIME_EVENT_HEALTH, web);
	web->state.health = CONTAINER_HEALTH_HEALTHY;
	KIT_UNTIL(&kit, web->n_told == 2);
	assert_true(kit_is(web, HEALTH_GOOD));
	web->state.health = CONTAINER_HEALTH_UNHEALTHY;
	web->state.n_streak = 2;
	KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
	assert_int_equal(kit.n_looks, 2);
	kit_fini(&kit);
}

/* A listener that asks at once for more, and one that wants no more of it. */
static void test_check_and_forget(void **state)
{
	struct kit_container *web;

	kit_init(&kit, NEVER_MS, NEVER_MS);
	kit.check_at_once = true;
	web = kit_add(&kit, "1", "web");
	kit_start(&kit);
	KIT_UNTIL(&kit, web->n_told == 2);
	assert_int_equal(kit.n_looks, 1);
	containers_forget(kit.source, web);
	kit_health(&kit, web, CONTAINER_HEALTH_UNHEALTHY);
	containers_check(kit.source, web);
	assert_int_equal(kit.n_looks, 1);
	kit_fini(&kit);
}

/* --- closing --------------------------------------------------------------------- */

/* So far, then it is closed with whatever is under way. */
static void live(int how_far)
{
	struct kit_container *web;

	kit_init(&kit, NEVER_MS, NEVER_MS);
	web = kit_add(&kit, "1", "web");
	web->state.health = CONTAINER_HEALTH_UNHEALTHY;
	web->state.n_streak = 1;
	kit.held = how_far < 3;
	kit.down = how_far == 6;
	if (how_far > 0)
		kit_start(&kit);
	if (how_far > 1 && how_far != 6) /* it is being opened */
		KIT_UNTIL(&kit, kit.watch != NULL);
	if (how_far > 2 && how_far != 6)
		KIT_UNTIL(&kit, kit.watch_open);
	kit.held = how_far == 4;
	if (how_far == 5)
		KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
	if (how_far == 5) {
		kit.held = true; /* a look is under way */
		containers_check(kit.source, web);
	}
	if (how_far == 6) /* between two tries */
		KIT_UNTIL(&kit, kit.n_readings == 1);
	if (how_far == 7) {
		KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
		kit_cut(&kit);
	}
	kit_fini(&kit);
}

static void test_closing(void **state)
{
	for (int how_far = 0; how_far <= 7; how_far++)
		live(how_far);
}

/* Within each of the calls to the listener. */
static void test_closing_from_within(void **state)
{
	for (int at = 0;; at++) {
		struct kit_container *web;
		struct kit_container *db;
		bool done;

		kit_init(&kit, NEVER_MS, NEVER_MS);
		web = kit_add(&kit, "1", "web");
		web->state.health = CONTAINER_HEALTH_UNHEALTHY;
		web->state.n_streak = 1;
		db = kit_add(&kit, "2", "db");
		kit.close_at = at;
		kit_start(&kit);
		KIT_UNTIL(&kit, kit.closed || (kit_is(web, HEALTH_BAD) &&
		                               kit_is(db, HEALTH_GOOD)));
		if (!kit.closed && kit.close_at != -2) {
			kit_health(&kit, db, CONTAINER_HEALTH_UNHEALTHY);
			KIT_UNTIL(&kit, kit.closed || kit_is(db, HEALTH_BAD));
		}
		if (!kit.closed && kit.close_at != -2)
			kit_happens(&kit, RUNTIME_EVENT_REMOVED, db);
		done = kit.close_at >= 0;
		if (done)
			kit.close_at = -1;
		kit_fini(&kit);
		if (done) {
			assert_true(at > 10);
			return;
		}
	}
}

/* --- memory ------------------------------------------------------------------------ */

/* Whatever fails, in the end it is known how they are. */
static void some_life(void)
{
	struct kit_container *web;
	struct kit_container *db;

	kit_init(&kit, 5, 5);
	if (!kit.source || kit.close_at == -2) {
		kit_fini(&kit);
		return;
	}
	web = kit_add(&kit, "1", "web");
	web->state.health = CONTAINER_HEALTH_UNHEALTHY;
	web->state.n_streak = 1;
	kit_start(&kit);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_BAD));
	db = kit_add(&kit, "2", "db");
	kit_happens(&kit, RUNTIME_EVENT_CREATED, db);
	KIT_UNTIL(&kit, kit_is(db, HEALTH_GOOD));
	kit_health(&kit, web, CONTAINER_HEALTH_HEALTHY);
	KIT_UNTIL(&kit, kit_is(web, HEALTH_GOOD));
	kit_fini(&kit);
}

static void test_memory(void **state)
{
	size_t n;

	faults_count();
	some_life();
	n = faults_end();
	assert_true(n > 10);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		some_life();
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_and_follow),
		cmocka_unit_test(test_between_stream_and_list),
		cmocka_unit_test(test_cut_at_every_event),
		cmocka_unit_test(test_lost_and_found),
		cmocka_unit_test(test_list_fails),
		cmocka_unit_test(test_looks_that_fail),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_urgent_looks_first),
		cmocka_unit_test(test_without_events),
		cmocka_unit_test(test_events_come_to_be_allowed),
		cmocka_unit_test(test_undecided_is_looked_at_again),
		cmocka_unit_test(test_event_before_its_result),
		cmocka_unit_test(test_check_and_forget),
		cmocka_unit_test(test_closing),
		cmocka_unit_test(test_closing_from_within),
		cmocka_unit_test(test_memory),
	};

	faults_install_mem(); /* of libuv it has only a timer */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
