/* SPDX-License-Identifier: Apache-2.0 */
/* container_table: who is known, whom to look at, and what to tell. */
#include "container_kit.h"

#include <errno.h>
#include "base/macros.h"

#define HEALTH(kit, identity, health) \
	kit_expect(kit, 0, identity, OBSERVATION_HEALTH, HEALTH_##health)

/* --- lists ---------------------------------------------------------------------- */

static void test_healthy_needs_no_look(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");

	kit_init_health(&kit);
	container_table_list_begin(kit.table, true);
	kit_element(&kit, &web);
	container_table_list_end(kit.table, true);
	kit_expect_look(&kit, "");
	assert_true(container_table_ready(kit.table));
	kit_list(&kit, &web, 1);
	HEALTH(&kit, "web", GOOD);
	assert_true(kit.reading_given);
	assert_int_equal(kit.reading, READING_OK);
	assert_int_equal(kit.n_appeared, 1);
	/* each list is a reading of all */
	kit_list(&kit, &web, 1);
	assert_int_equal(kit_member(&kit, 0, "web")->n_observed, 2);
	/* who is not in it is gone */
	kit_list(&kit, NULL, 0);
	assert_null(kit_member(&kit, 0, "web"));
	assert_int_equal(container_table_count(kit.table), 0);
	kit_fini(&kit);
}

/* All that a list finds is told together, so that a storm can be seen. */
static void test_list_waits_for_its_looks(void **state)
{
	struct kit kit;
	struct container sick[2] = { kit_unhealthy("1", "a"),
		                     kit_unhealthy("2", "b") };
	unsigned n_begun;

	kit_init_health(&kit);
	container_table_list_begin(kit.table, true);
	kit_element(&kit, &sick[0]);
	kit_element(&kit, &sick[1]);
	assert_int_equal(kit.n_appeared, 0); /* before it is looked at */
	container_table_list_end(kit.table, true);
	kit_expect_look(&kit, "1");
	kit_expect_look(&kit, "2");
	kit_expect_look(&kit, "");
	kit_found(&kit, &sick[1]);
	assert_int_equal(kit.n_appeared, 1);
	assert_int_equal(kit.n_observed, 0);
	assert_false(container_table_ready(kit.table));
	kit_found(&kit, &sick[0]);
	assert_int_equal(kit.n_observed, 0);
	assert_true(container_table_ready(kit.table));
	n_begun = kit.n_begun;
	container_table_publish(kit.table, &(struct reading){ 0 }, kit.now_ms);
	assert_int_equal(kit.n_begun, n_begun + 1);
	HEALTH(&kit, "a", BAD);
	HEALTH(&kit, "b", BAD);
	assert_int_equal(kit_member(&kit, 0, "a")->last.n_streak, 3);
	assert_int_equal(kit_member(&kit, 0, "a")->last.exit_code, 7);
	assert_false(container_table_ready(kit.table));
	kit_fini(&kit);
}

static void test_which_elements_need_a_look(void **state)
{
	static const struct {
		enum containers_watch watch;
		enum container_status status;
		enum container_health health;
		bool look;
	} rows[] = {
		{ CONTAINERS_HEALTH, CONTAINER_RUNNING,
		  CONTAINER_HEALTH_HEALTHY, false },
		{ CONTAINERS_HEALTH, CONTAINER_RUNNING,
		  CONTAINER_HEALTH_STARTING, false },
		{ CONTAINERS_HEALTH, CONTAINER_RUNNING, CONTAINER_HEALTH_NONE,
		  false },
		{ CONTAINERS_HEALTH, CONTAINER_RUNNING, CONTAINER_HEALTH_UNSAID,
		  true },
		{ CONTAINERS_HEALTH, CONTAINER_RUNNING,
		  CONTAINER_HEALTH_UNHEALTHY, true },
		{ CONTAINERS_HEALTH, CONTAINER_PAUSED,
		  CONTAINER_HEALTH_UNHEALTHY, false },
		{ CONTAINERS_HEALTH, CONTAINER_EXITED, CONTAINER_HEALTH_UNSAID,
		  false },
		{ CONTAINERS_EXITED, CONTAINER_EXITED, CONTAINER_HEALTH_UNSAID,
		  true },
		{ CONTAINERS_EXITED, CONTAINER_RUNNING,
		  CONTAINER_HEALTH_UNHEALTHY, false },
		{ CONTAINERS_EXITED, CONTAINER_OTHER, CONTAINER_HEALTH_UNSAID,
		  false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit kit;
		struct containers_query query;
		struct container container = kit_container("1", "a");

		kit_init(&kit);
		query = kit_exited_query(&kit);
		query.watch = rows[i].watch;
		kit_subscribe(&kit, 0, &query);
		container.status = rows[i].status;
		container.health = rows[i].health;
		container_table_list_begin(kit.table, true);
		kit_element(&kit, &container);
		container_table_list_end(kit.table, true);
		kit_expect_look(&kit, rows[i].look ? "1" : "");
		kit_fini(&kit);
	}
}

/* A list that follows without a gap looks again at the sick, and not at ends
 * that it knows. */
static void test_known_ends_are_not_looked_at(void **state)
{
	struct kit kit;
	struct containers_query query;
	struct container gone;

	kit_init(&kit);
	query = kit_exited_query(&kit);
	kit_subscribe(&kit, 0, &query);
	gone = kit_exited(&kit, "1", "job", 1);
	kit_list(&kit, &gone, 1);
	gone.started_wall_ms = gone.finished_wall_ms = 0; /* as lists are */
	container_table_list_begin(kit.table, false);
	kit_element(&kit, &gone);
	container_table_list_end(kit.table, true);
	kit_expect_look(&kit, "");
	container_table_publish(kit.table, &(struct reading){ 0 }, kit.now_ms);
	container_table_list_begin(kit.table, true);
	kit_element(&kit, &gone);
	container_table_list_end(kit.table, true);
	kit_expect_look(&kit, "1");
	kit_fini(&kit);
}

static void test_list_that_fails(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");
	struct reading refused = { .result = READING_REFUSED,
		                   .detail = "nobody there" };

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	container_table_list_begin(kit.table, true);
	container_table_list_end(kit.table, false);
	assert_false(container_table_ready(kit.table));
	assert_non_null(kit_member(&kit, 0, "web"));
	container_table_lost(kit.table, &refused, kit.now_ms);
	kit_expect(&kit, 0, "web", OBSERVATION_UNKNOWN, HEALTH_GOOD);
	assert_int_equal(kit.reading, READING_REFUSED);
	assert_int_equal(kit_member(&kit, 0, "web")->n_observed, 2);
	container_table_lost(kit.table, &refused, kit.now_ms); /* once */
	assert_int_equal(kit_member(&kit, 0, "web")->n_observed, 2);
	kit_list(&kit, &web, 1);
	HEALTH(&kit, "web", GOOD);
	assert_int_equal(kit.n_appeared, 1);
	kit_fini(&kit);
}

/* An element may be older than an event that came while the list was read. */
static void test_events_during_a_list(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");
	struct container db = kit_container("2", "db");
	struct container new = kit_container("3", "new");
	struct container never = kit_container("4", "never");

	kit_init_health(&kit);
	container_table_list_begin(kit.table, true);
	kit_element(&kit, &web);
	kit_element(&kit, &db);
	container_table_list_end(kit.table, true);
	container_table_publish(kit.table, &(struct reading){ 0 }, kit.now_ms);

	container_table_list_begin(kit.table, false);
	kit_event(&kit, RUNTIME_EVENT_PAUSED, "1");
	HEALTH(&kit, "web", IDLE);
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "2");
	assert_null(kit_member(&kit, 0, "db"));
	kit_event(&kit, RUNTIME_EVENT_CREATED, "3");
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "4"); /* not even known yet */
	kit_element(&kit, &web);
	kit_element(&kit, &db); /* it is not resurrected */
	kit_element(&kit, &never);
	container_table_list_end(kit.table, true);
	assert_true(container_table_ready(kit.table));
	container_table_publish(kit.table, &(struct reading){ 0 }, kit.now_ms);
	HEALTH(&kit, "web", IDLE);
	assert_null(kit_member(&kit, 0, "db"));
	kit_expect_look(&kit, "3"); /* it was not in the list, and is there */
	kit_found(&kit, &new);
	HEALTH(&kit, "new", GOOD);
	assert_int_equal(container_table_count(kit.table), 2);
	kit_fini(&kit);
}

/* On LXD a name is an id, and may be used again. */
static void test_same_id_again_during_a_list(void **state)
{
	struct kit kit;
	struct container c1 = kit_container("default/c1", "c1");

	kit_init_health(&kit);
	kit_list(&kit, &c1, 1);
	container_table_list_begin(kit.table, false);
	kit_event(&kit, RUNTIME_EVENT_REMOVED, c1.id);
	kit_event(&kit, RUNTIME_EVENT_PAUSED, c1.id); /* of nobody */
	kit_event(&kit, RUNTIME_EVENT_CREATED, c1.id);
	container_table_list_end(kit.table, true);
	container_table_publish(kit.table, &(struct reading){ 0 }, kit.now_ms);
	kit_expect_look(&kit, c1.id);
	kit_found(&kit, &c1);
	HEALTH(&kit, "c1", GOOD);
	assert_int_equal(kit.n_left, 1);
	assert_int_equal(kit.n_appeared, 2);
	kit_fini(&kit);
}

/* --- health ---------------------------------------------------------------------- */

static void test_event_is_told_at_once(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");
	struct container sick = kit_unhealthy("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	HEALTH(&kit, "web", GOOD); /* nobody has looked */
	/* Podman says it with each check */
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "1");
	kit_expect_look(&kit, "");
	sick.started_wall_ms = kit.now_ms - 60000;
	kit_found(&kit, &sick);
	HEALTH(&kit, "web", BAD);
	assert_false(kit.reading_given);
	assert_int_equal(kit_member(&kit, 0, "web")->last.running_ms, 60000);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "");
	kit_health_event(&kit, "1", CONTAINER_HEALTH_HEALTHY);
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	HEALTH(&kit, "web", GOOD);
	kit_fini(&kit);
}

/* The bounce of it: asked, ended, started, healthy. */
static void test_a_restart(void **state)
{
	struct kit kit;
	struct container web = kit_unhealthy("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	HEALTH(&kit, "web", BAD);
	kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
	HEALTH(&kit, "web", IDLE);
	kit_ended(&kit, "1", 143, false);
	assert_int_equal(kit_member(&kit, 0, "web")->n_observed, 2);
	kit_expect_look(&kit, "");
	kit_event(&kit, RUNTIME_EVENT_STARTED, "1");
	kit_expect_look(&kit, "1");
	web.started_wall_ms = kit.now_ms;
	web.health = CONTAINER_HEALTH_STARTING;
	web.n_streak = 0;
	kit_found(&kit, &web);
	HEALTH(&kit, "web", STARTING);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_HEALTHY);
	kit_expect_look(&kit, "1");
	web.health = CONTAINER_HEALTH_HEALTHY;
	kit_found(&kit, &web);
	HEALTH(&kit, "web", GOOD);
	/* and sick again: that is news */
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "1");
	kit_fini(&kit);
}

static void test_what_is_bad(void **state)
{
	static const struct {
		enum container_status status;
		enum container_health health;
		uint32_t n_streak;
		enum health said;
	} rows[] = {
		{ CONTAINER_RUNNING, CONTAINER_HEALTH_UNHEALTHY, 1,
		  HEALTH_BAD },
		{ CONTAINER_RUNNING, CONTAINER_HEALTH_UNHEALTHY, 0,
		  HEALTH_STARTING },
		{ CONTAINER_PAUSED, CONTAINER_HEALTH_UNHEALTHY, 3,
		  HEALTH_IDLE },
		{ CONTAINER_STOPPING, CONTAINER_HEALTH_UNHEALTHY, 3,
		  HEALTH_IDLE },
		{ CONTAINER_RESTARTING, CONTAINER_HEALTH_UNHEALTHY, 3,
		  HEALTH_IDLE },
		{ CONTAINER_EXITED, CONTAINER_HEALTH_UNHEALTHY, 3,
		  HEALTH_IDLE },
		{ CONTAINER_OTHER, CONTAINER_HEALTH_NONE, 0, HEALTH_IDLE },
		{ CONTAINER_RUNNING, CONTAINER_HEALTH_NONE, 0, HEALTH_IDLE },
		{ CONTAINER_RUNNING, CONTAINER_HEALTH_UNSAID, 0, HEALTH_IDLE },
		{ CONTAINER_RUNNING, CONTAINER_HEALTH_STARTING, 2,
		  HEALTH_STARTING },
		{ CONTAINER_RUNNING, CONTAINER_HEALTH_HEALTHY, 0, HEALTH_GOOD },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit kit;
		struct containers_query query;
		struct container container = kit_container("1", "web");

		kit_init(&kit);
		query = kit_health_query(&kit);
		kit_subscribe(&kit, 0, &query);
		container.status = rows[i].status;
		container.health = rows[i].health;
		container.n_streak = rows[i].n_streak;
		kit_list(&kit, &container, 1);
		kit_expect(&kit, 0, "web", OBSERVATION_HEALTH, rows[i].said);
		kit_fini(&kit);
	}
}

/* What is said while somebody looks may be younger than what is seen. */
static void test_same_health_during_a_look(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");
	struct container resumed = kit_container("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	kit_event(&kit, RUNTIME_EVENT_PAUSED, "1");
	kit_event(&kit, RUNTIME_EVENT_RESUMED, "1");
	kit_expect_look(&kit, "1");
	kit_health_event(&kit, "1", CONTAINER_HEALTH_HEALTHY); /* as before */
	resumed.health = CONTAINER_HEALTH_UNHEALTHY;
	kit_found(&kit, &resumed);
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	HEALTH(&kit, "web", GOOD);
	kit_fini(&kit);
}

/* Paused for a backup while healthy: Docker calls it unhealthy. */
static void test_paused(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	kit_event(&kit, RUNTIME_EVENT_PAUSED, "1");
	HEALTH(&kit, "web", IDLE);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "1");
	web.status = CONTAINER_PAUSED;
	web.health = CONTAINER_HEALTH_UNHEALTHY;
	kit_found(&kit, &web);
	HEALTH(&kit, "web", IDLE);
	kit_event(&kit, RUNTIME_EVENT_RESUMED, "1");
	kit_expect_look(&kit, "1");
	web.status = CONTAINER_RUNNING;
	kit_found(&kit, &web);
	HEALTH(&kit, "web", STARTING); /* its first check is still to come */
	kit_health_event(&kit, "1", CONTAINER_HEALTH_HEALTHY);
	kit_expect_look(&kit, "1");
	kit_fini(&kit);
}

/* A stop that was asked for but does not come is not waited for for ever. */
static void test_asked_is_not_for_ever(void **state)
{
	struct kit kit;
	struct container web = kit_unhealthy("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
	kit_list(&kit, &web, 1);
	HEALTH(&kit, "web", IDLE);
	kit.now_ms += 61000;
	kit_list(&kit, &web, 1);
	HEALTH(&kit, "web", BAD);
	kit_fini(&kit);
}

/* --- looks ------------------------------------------------------------------------- */

static void test_urgent_first(void **state)
{
	struct kit kit;
	struct container all[3] = { kit_container("1", "a"),
		                    kit_container("2", "b"),
		                    kit_container("3", "c") };

	kit_init_health(&kit);
	kit_list(&kit, all, 3);
	kit_event(&kit, RUNTIME_EVENT_STARTED, "1");
	kit_event(&kit, RUNTIME_EVENT_STARTED, "2");
	kit_health_event(&kit, "3", CONTAINER_HEALTH_UNHEALTHY);
	kit_health_event(&kit, "2", CONTAINER_HEALTH_UNHEALTHY);
	container_table_check(kit.table, kit_member(&kit, 0, "c"));
	kit_expect_look(&kit, "3");
	kit_expect_look(&kit, "2");
	kit_expect_look(&kit, "1");
	kit_expect_look(&kit, "");
	kit_fini(&kit);
}

/* What a look found before something else happened is not told, once. */
static void test_look_that_is_too_old(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");
	struct container sick = kit_unhealthy("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "1");
	kit_health_event(&kit, "1", CONTAINER_HEALTH_HEALTHY);
	kit_found(&kit, &sick);
	HEALTH(&kit, "web", GOOD);
	kit_expect_look(&kit, "1");
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_found(&kit, &web); /* not put off for ever */
	assert_int_equal(kit_member(&kit, 0, "web")->n_observed, 2);
	kit_expect_look(&kit, "1");
	kit_found(&kit, &sick);
	HEALTH(&kit, "web", BAD);
	kit_fini(&kit);
}

static void test_looks_that_fail(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	container_table_check(kit.table, kit_member(&kit, 0, "web"));
	kit_expect_look(&kit, "1");
	kit_look_failed(&kit, "1", CONTAINER_LOOK_FAILED);
	kit_expect(&kit, 0, "web", OBSERVATION_UNKNOWN, HEALTH_GOOD);
	/* the next list has it looked at, although it seems fine */
	container_table_list_begin(kit.table, false);
	kit_element(&kit, &web);
	container_table_list_end(kit.table, true);
	kit_expect_look(&kit, "1");
	kit_look_failed(&kit, "1", CONTAINER_LOOK_FAILED);
	container_table_publish(kit.table, &(struct reading){ 0 }, kit.now_ms);
	assert_int_equal(kit_member(&kit, 0, "web")->n_observed, 2); /* once */
	kit_list(&kit, &web, 1);
	HEALTH(&kit, "web", GOOD);

	container_table_check(kit.table, kit_member(&kit, 0, "web"));
	kit_expect_look(&kit, "1");
	kit_look_failed(&kit, "1", CONTAINER_LOOK_GONE);
	assert_null(kit_member(&kit, 0, "web"));
	assert_int_equal(container_table_count(kit.table), 0);
	kit_found(&kit, &web); /* an answer that nobody waits for */
	assert_int_equal(container_table_count(kit.table), 0);
	kit_fini(&kit);
}

static void test_unknown_ids(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, NULL, 0);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_HEALTHY);
	assert_null(container_table_find(kit.table, "1"));
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	HEALTH(&kit, "web", GOOD);
	assert_non_null(container_table_find(kit.table, "1"));
	kit_event(&kit, RUNTIME_EVENT_STARTED, "2");
	kit_expect_look(&kit, "2");
	kit_look_failed(&kit, "2", CONTAINER_LOOK_GONE);
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "3");
	kit_expect_look(&kit, "");
	assert_int_equal(container_table_count(kit.table), 1);
	kit_fini(&kit);
}

/* An event that comes twice, as the first of a stream that is taken up. */
static void test_repeated_event(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");
	struct runtime_event event = { .kind = RUNTIME_EVENT_STARTED,
		                       .id = "1",
		                       .name = "",
		                       .project = "",
		                       .exit_code = -1 };

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	kit_event(&kit, RUNTIME_EVENT_STARTED, "1");
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	event.time_ns = container_table_last_event(kit.table);
	assert_int_equal(event.time_ns, kit.now_ms * 1000000);
	assert_int_equal(container_table_event(kit.table, &event, kit.now_ms),
	                 0);
	kit_expect_look(&kit, "");
	/* one that comes late proves nothing but is looked into */
	event.time_ns -= 1000;
	event.kind = RUNTIME_EVENT_PAUSED;
	assert_int_equal(container_table_event(kit.table, &event, kit.now_ms),
	                 0);
	HEALTH(&kit, "web", GOOD);
	kit_expect_look(&kit, "1");
	kit_fini(&kit);
}

/* --- who is covered ------------------------------------------------------------------ */

static void test_renamed(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	kit_event(&kit, RUNTIME_EVENT_RENAMED, "1");
	kit_expect_look(&kit, "1");
	web.name = "old";
	kit_found(&kit, &web);
	assert_null(kit_member(&kit, 0, "web"));
	HEALTH(&kit, "old", GOOD);
	kit_fini(&kit);
}

/* "compose up" makes the new one under another name, stops and removes the
 * old one, renames and starts the new one. */
static void test_recreated(void **state)
{
	struct kit kit;
	struct container old = kit_of_compose("1", "shop-web-1", 1000);
	struct container new = kit_of_compose("2", "1_shop-web-1", 2000);
	const struct container *known;

	kit_init_health(&kit);
	kit_list(&kit, &old, 1);
	HEALTH(&kit, "shop/web/1", GOOD);
	known = container_table_find(kit.table, "1");
	assert_string_equal(container_label(known, CONTAINER_COMPOSE_DEPENDS),
	                    "db:service_started:true");
	assert_null(container_label(known, "else")); /* nobody needs it */

	kit_event(&kit, RUNTIME_EVENT_CREATED, "2");
	kit_expect_look(&kit, "2");
	new.status = CONTAINER_OTHER;
	kit_found(&kit, &new);
	HEALTH(&kit, "shop/web/1", IDLE);
	kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
	kit_ended(&kit, "1", 0, false);
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "1");
	kit_expect_look(&kit, "");
	kit_event(&kit, RUNTIME_EVENT_RENAMED, "2");
	kit_event(&kit, RUNTIME_EVENT_STARTED, "2");
	kit_expect_look(&kit, "2");
	new.name = "shop-web-1";
	new.status = CONTAINER_RUNNING;
	kit_found(&kit, &new);
	HEALTH(&kit, "shop/web/1", GOOD);
	assert_string_equal(kit_member(&kit, 0, "shop/web/1")->id, "2");
	assert_string_equal(kit_member(&kit, 0, "shop/web/1")->name,
	                    "shop-web-1");
	assert_int_equal(kit.n_appeared, 1);
	assert_int_equal(kit.n_left, 0);
	kit_fini(&kit);
}

/* The new one has failed and is taken away: the old one stands again. */
static void test_younger_one_goes(void **state)
{
	struct kit kit;
	struct container both[2] = { kit_of_compose("2", "b", 2000),
		                     kit_of_compose("1", "a", 1000) };

	kit_init_health(&kit);
	kit_list(&kit, both, 2);
	assert_int_equal(kit.n_appeared, 1);
	assert_string_equal(kit_member(&kit, 0, "shop/web/1")->id, "2");
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "2");
	kit_expect_look(&kit, "1");
	kit_found(&kit, &both[1]);
	assert_string_equal(kit_member(&kit, 0, "shop/web/1")->id, "1");
	assert_int_equal(kit.n_left, 0);
	kit_fini(&kit);
}

/* That it is removed when it stops only a look can tell. */
static void test_left_out_after_a_look(void **state)
{
	struct kit kit;
	struct container web = kit_container("1", "web");

	kit_init_health(&kit);
	kit_list(&kit, &web, 1);
	HEALTH(&kit, "web", GOOD);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "1");
	web.auto_remove = true;
	kit_found(&kit, &web);
	assert_null(kit_member(&kit, 0, "web"));
	web.auto_remove = false; /* as a list says it */
	container_table_list_begin(kit.table, true);
	kit_element(&kit, &web);
	container_table_list_end(kit.table, true);
	assert_null(kit_member(&kit, 0, "web"));
	kit_fini(&kit);
}

static void test_refused_and_forgotten(void **state)
{
	struct kit kit;
	struct container all[2] = { kit_container("1", "a"),
		                    kit_container("2", "b") };

	kit_init_health(&kit);
	kit.max_members = 1;
	kit_list(&kit, all, 2);
	kit_list(&kit, all, 2);
	assert_int_equal(kit.n_refused, 1); /* asked once */
	HEALTH(&kit, "a", GOOD);
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "1");
	kit_list(&kit, &all[1], 1);
	HEALTH(&kit, "b", GOOD); /* there is room now */

	container_table_forget(kit.table, kit_member(&kit, 0, "b"));
	kit_member(&kit, 0, "b")->used = false;
	kit_list(&kit, &all[1], 1);
	kit_health_event(&kit, "2", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "");
	container_table_check(kit.table, &kit); /* nobody */
	kit_expect_look(&kit, "");
	kit_event(&kit, RUNTIME_EVENT_REMOVED, "2");
	assert_int_equal(kit.n_left, 1);
	kit_fini(&kit);
}

static void test_bounded(void **state)
{
	struct kit kit;
	struct containers_query query;
	struct selector nobody = {
		.select = { .names = { (const char *const[]){ "x" }, 1 } },
	};
	struct runtime_event event = { .kind = RUNTIME_EVENT_STARTED,
		                       .id = "one more",
		                       .name = "",
		                       .project = "" };
	char id[16];

	kit_init(&kit);
	query = kit_health_query(&kit);
	query.selector = &nobody;
	kit_subscribe(&kit, 0, &query);
	container_table_list_begin(kit.table, true);
	for (int i = 0; i < CONTAINERS_MAX; i++) {
		struct container container = kit_container(id, id);

		(void)snprintf(id, sizeof(id), "c%d", i);
		kit_element(&kit, &container);
	}
	assert_int_equal(container_table_event(kit.table, &event, kit.now_ms),
	                 -E2BIG);
	container_table_list_end(kit.table, true);
	assert_int_equal(container_table_count(kit.table), CONTAINERS_MAX);
	kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy_needs_no_look),
		cmocka_unit_test(test_list_waits_for_its_looks),
		cmocka_unit_test(test_which_elements_need_a_look),
		cmocka_unit_test(test_known_ends_are_not_looked_at),
		cmocka_unit_test(test_list_that_fails),
		cmocka_unit_test(test_events_during_a_list),
		cmocka_unit_test(test_same_id_again_during_a_list),
		cmocka_unit_test(test_event_is_told_at_once),
		cmocka_unit_test(test_a_restart),
		cmocka_unit_test(test_what_is_bad),
		cmocka_unit_test(test_same_health_during_a_look),
		cmocka_unit_test(test_paused),
		cmocka_unit_test(test_asked_is_not_for_ever),
		cmocka_unit_test(test_urgent_first),
		cmocka_unit_test(test_look_that_is_too_old),
		cmocka_unit_test(test_looks_that_fail),
		cmocka_unit_test(test_unknown_ids),
		cmocka_unit_test(test_repeated_event),
		cmocka_unit_test(test_renamed),
		cmocka_unit_test(test_recreated),
		cmocka_unit_test(test_younger_one_goes),
		cmocka_unit_test(test_left_out_after_a_look),
		cmocka_unit_test(test_refused_and_forgotten),
		cmocka_unit_test(test_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
