/* SPDX-License-Identifier: Apache-2.0 */
/* container_table: who is looked at again although nothing is told of it. */
#include "container_kit.h"

#include "base/macros.h"
#include "core/container_known.h"

#define HEALTH(kit, identity, health) \
	kit_expect(kit, 0, identity, OBSERVATION_HEALTH, HEALTH_##health)

static struct kit kit;
static struct containers_query query;

static void begin(enum containers_watch watch,
                  const struct container *container)
{
	kit_init(&kit);
	query = kit_exited_query(&kit);
	query.watch = watch;
	kit_subscribe(&kit, 0, &query);
	kit_list(&kit, container, 1);
}

static void expect_none(void)
{
	assert_true(container_table_doubt(kit.table) == CONTAINER_NO_DOUBT);
}

/* Somebody is to be looked at in so long; time passes. */
static void pass(int64_t ms)
{
	assert_int_equal(container_table_doubt(kit.table) - kit.now_ms, ms);
	container_table_wake(kit.table, kit.now_ms + ms - 1);
	kit_expect_look(&kit, "");
	kit.now_ms += ms;
	container_table_wake(kit.table, kit.now_ms);
	expect_none();
}

static void test_nobody_is_in_doubt(void **state)
{
	struct container web = kit_container("1", "web");

	begin(CONTAINERS_HEALTH, &web);
	expect_none();
	web = kit_unhealthy("1", "web");
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	HEALTH(&kit, "web", BAD);
	expect_none();
	kit_fini(&kit);
}

static void resume(struct container *web)
{
	kit_event(&kit, RUNTIME_EVENT_PAUSED, "1");
	HEALTH(&kit, "web", IDLE);
	expect_none();
	kit_event(&kit, RUNTIME_EVENT_RESUMED, "1");
	kit_expect_look(&kit, "1");
	*web = kit_unhealthy("1", "web");
	web->n_streak = 0;
	kit_found(&kit, web);
	HEALTH(&kit, "web", STARTING);
}

static void test_after_a_pause(void **state)
{
	static const int64_t pauses[] = { 1000,  2000,  4000, 8000,
		                          16000, 30000, 30000 };
	struct container web = kit_container("1", "web");

	begin(CONTAINERS_HEALTH, &web);
	resume(&web);
	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		pass(pauses[i]);
		kit_expect_look(&kit, "1");
		kit_found(&kit, &web);
		HEALTH(&kit, "web", STARTING);
	}
	/* a list between two looks changes nothing of when the next is */
	kit_list(&kit, &web, 1);
	pass(30000);
	kit_expect_look(&kit, "1");
	web.n_streak = 1;
	kit_found(&kit, &web);
	HEALTH(&kit, "web", BAD);
	expect_none();
	/* the next pause begins anew */
	resume(&web);
	pass(1000);
	kit_expect_look(&kit, "1");
	web = kit_container("1", "web");
	kit_found(&kit, &web);
	HEALTH(&kit, "web", GOOD);
	expect_none();
	kit_fini(&kit);
}

/* Events, and those who are gone, end it. */
static void test_what_ends_a_doubt(void **state)
{
	static const enum runtime_event_kind kinds[] = {
		RUNTIME_EVENT_ENDED,
		RUNTIME_EVENT_PAUSED,
		RUNTIME_EVENT_REMOVED,
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct container web = kit_container("1", "web");

		begin(CONTAINERS_HEALTH, &web);
		resume(&web);
		kit_event(&kit, kinds[i], "1");
		expect_none();
		kit_fini(&kit);
	}
}

/* A member that is forgotten is nobody's any more. */
static void test_forgotten(void **state)
{
	struct container web = kit_container("1", "web");

	begin(CONTAINERS_HEALTH, &web);
	resume(&web);
	container_table_forget(kit.table, kit_member(&kit, 0, "web"));
	pass(1000);
	kit_expect_look(&kit, "");
	kit_fini(&kit);
}

/* The rule that it watches ends cares for no health. */
static void test_only_for_health(void **state)
{
	struct container web = kit_container("1", "web");

	begin(CONTAINERS_EXITED, &web);
	kit_event(&kit, RUNTIME_EVENT_PAUSED, "1");
	kit_event(&kit, RUNTIME_EVENT_RESUMED, "1");
	kit_expect_look(&kit, "1");
	web = kit_unhealthy("1", "web");
	web.n_streak = 0;
	kit_found(&kit, &web);
	expect_none();
	kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
	expect_none();
	kit_fini(&kit);
}

/* Podman's event of a check comes before what the check found is kept. */
static void test_event_that_is_early(void **state)
{
	struct container web = kit_container("1", "web");

	begin(CONTAINERS_HEALTH, &web);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNSAID);
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	HEALTH(&kit, "web", GOOD);
	pass(1000);
	kit_expect_look(&kit, "1");
	/* once */
	kit_found(&kit, &web);
	expect_none();
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNSAID);
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	pass(1000);
	kit_expect_look(&kit, "1");
	web = kit_unhealthy("1", "web");
	kit_found(&kit, &web);
	HEALTH(&kit, "web", BAD);
	expect_none();
	kit_fini(&kit);
}

/* … also one that comes while it is being looked at. */
static void test_early_event_during_a_look(void **state)
{
	struct container web = kit_container("1", "web");

	begin(CONTAINERS_HEALTH, &web);
	kit_health_event(&kit, "1", CONTAINER_HEALTH_HEALTHY);
	container_table_check(kit.table, kit_member(&kit, 0, "web"));
	kit_expect_look(&kit, "1");
	kit_health_event(&kit, "1", CONTAINER_HEALTH_UNHEALTHY);
	kit_found(&kit, &web);
	expect_none();
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	pass(1000);
	kit_expect_look(&kit, "1");
	kit_found(&kit, &web);
	expect_none();
	kit_fini(&kit);
}

/* A signal was sent that should have ended it, and it goes on. */
static void test_asked_in_vain(void **state)
{
	struct container web = kit_container("1", "web");

	begin(CONTAINERS_HEALTH, &web);
	kit_event(&kit, RUNTIME_EVENT_ASKED, "1");
	HEALTH(&kit, "web", IDLE);
	pass(CONTAINER_STOPPING_MS);
	kit_expect_look(&kit, "1");
	web = kit_unhealthy("1", "web");
	kit_found(&kit, &web);
	HEALTH(&kit, "web", BAD);
	expect_none();
	kit_fini(&kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_is_in_doubt),
		cmocka_unit_test(test_after_a_pause),
		cmocka_unit_test(test_what_ends_a_doubt),
		cmocka_unit_test(test_forgotten),
		cmocka_unit_test(test_only_for_health),
		cmocka_unit_test(test_event_that_is_early),
		cmocka_unit_test(test_early_event_during_a_look),
		cmocka_unit_test(test_asked_in_vain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
