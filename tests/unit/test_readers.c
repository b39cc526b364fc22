/* SPDX-License-Identifier: Apache-2.0 */
/* supervisor: several sources of one group, and which of them speak for it. */
#include "support/cmocka.h"

#include <string.h>
#include "core/supervisor.h"

struct world {
	struct supervisor supervisor;
	struct journal journal;
	struct group group;
	struct reader readers[3];
};

static int setup(void **state)
{
	struct world *world = test_calloc(1, sizeof(*world));

	assert_int_equal(journal_init(&world->journal, 100), 0);
	supervisor_init(&world->supervisor, NULL, NULL, &world->journal, 1);
	group_init(&world->group, "http://prometheus:9090");
	for (size_t i = 0; i < ARRAY_SIZE(world->readers); i++)
		reader_init(&world->readers[i], &world->group);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	supervisor_fini(&world->supervisor);
	journal_fini(&world->journal);
	test_free(world);
	return 0;
}

static void read_as(struct world *world, unsigned i, enum reading_result result,
                    uint64_t at_ms)
{
	const struct reading reading = {
		.result = result,
		.detail = result == READING_OK ? "" : "its words",
	};

	supervisor_reader_begin(&world->supervisor, &world->readers[i],
	                        &reading, at_ms);
	supervisor_reading_end(&world->supervisor, &world->group, at_ms);
}

static uint64_t n_entries(const struct world *world)
{
	return world->journal.next_seq - journal_first(&world->journal);
}

static void assert_group(const struct world *world, bool up,
                         enum reading_result result)
{
	assert_int_equal(world->group.up, up);
	assert_int_equal(world->group.result, result);
}

static void assert_fault(struct world *world, unsigned i, const char *expected)
{
	const struct monitor monitor = { .group = &world->group,
		                         .reader = &world->readers[i] };
	char fault[READER_FAULT_MAX] = "";

	assert_int_equal(supervisor_fault(&monitor, fault), expected != NULL);
	if (expected)
		assert_string_equal(fault, expected);
}

/* A query that is no good: the server is as well as before. */
static void test_one_fails(void **state)
{
	struct world *world = *state;

	read_as(world, 0, READING_OK, 1000);
	read_as(world, 1, READING_BAD_QUERY, 1100);
	assert_group(world, true, READING_OK);
	assert_fault(world, 0, NULL);
	assert_fault(world, 1, "bad_query: its words");
	assert_fault(world, 2, NULL);
	for (unsigned i = 0; i < 5; i++) {
		read_as(world, 0, READING_OK, 2000 + i * 1000);
		read_as(world, 1, READING_TIMEOUT, 2100 + i * 1000);
	}
	assert_group(world, true, READING_OK);
	assert_fault(world, 1, "timeout: its words");
	/* one line about the source: that it can be read */
	assert_int_equal(n_entries(world), 1);
	assert_int_equal(world->group.n_readings[READING_TIMEOUT], 5);
	assert_int_equal(world->group.read_ms, 6000);
	read_as(world, 1, READING_OK, 7000);
	assert_fault(world, 1, NULL);
}

/* Before others have asked at all, it cannot be the group's either. */
static void test_first_fails(void **state)
{
	struct world *world = *state;

	read_as(world, 1, READING_BAD_QUERY, 100);
	assert_group(world, false, READING_OK);
	assert_int_equal(n_entries(world), 0);
	assert_fault(world, 1, "bad_query: its words");
	read_as(world, 0, READING_OK, 200);
	assert_group(world, true, READING_OK);
	assert_int_equal(n_entries(world), 1);
}

static void test_all_fail(void **state)
{
	struct world *world = *state;

	for (unsigned i = 0; i < 3; i++)
		read_as(world, i, READING_OK, 100);
	read_as(world, 0, READING_TIMEOUT, 200);
	read_as(world, 1, READING_TIMEOUT, 300);
	assert_group(world, true, READING_OK);
	read_as(world, 2, READING_TIMEOUT, 400);
	assert_group(world, false, READING_TIMEOUT);
	assert_int_equal(n_entries(world), 2);
	read_as(world, 1, READING_OK, 500);
	assert_group(world, true, READING_OK);
	assert_int_equal(n_entries(world), 3);
}

/* Nobody listens: that is so for all of them. */
static void test_refused(void **state)
{
	struct world *world = *state;

	for (unsigned i = 0; i < 3; i++)
		read_as(world, i, READING_OK, 100);
	read_as(world, 0, READING_REFUSED, 200);
	assert_group(world, false, READING_REFUSED);
	/* an answer that takes too long is no sign of life either */
	read_as(world, 1, READING_TIMEOUT, 300);
	assert_group(world, false, READING_REFUSED);
	read_as(world, 2, READING_OK, 400);
	assert_group(world, true, READING_OK);
}

/* Sources that are closed had their say. */
static void test_closed(void **state)
{
	struct world *world = *state;

	read_as(world, 0, READING_OK, 100);
	read_as(world, 1, READING_OK, 100);
	reader_fini(&world->readers[0]);
	reader_fini(&world->readers[2]);
	reader_fini(&world->readers[2]);
	assert_int_equal(world->group.n_good, 1);
	assert_int_equal(world->group.n_untried, 0);
	read_as(world, 1, READING_TIMEOUT, 200);
	assert_group(world, false, READING_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_fails, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_first_fails, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(test_all_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_closed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
