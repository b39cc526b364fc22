/* SPDX-License-Identifier: Apache-2.0 */
/* saved_state: there and back, and what damaged or foreign files do. */
#include "support/cmocka.h"

#include <errno.h>
#include "core/saved_state.h"

#define WALL   1700000000000
#define OFFSET 1699999000000 /* monotonic WALL is 1000000 */

static void test_there_and_back(void **state)
{
	struct policy_saved saved = {
		.bounces_ms = { 900000, 950000 },
		.n_bounces = 2,
		.n_failed = 3,
		.ended_ms = 951000,
		.cool_until_ms = 1100000,
		.gave_up = true,
	};
	struct saved_stopped stopped = { "docker", "we\"ird", "", WALL - 5 };
	struct policy_saved back;
	struct saved_writer writer;
	struct saved_state *read;
	int64_t bounce_wall_ms;
	struct buf buf;

	buf_init(&buf, 10000);
	saved_write_begin(&writer, &buf, OFFSET);
	saved_write_monitor(&writer, "API Exporter", &saved, WALL - 50000);
	saved_write_stopped(&writer, &stopped);
	saved_write_end(&writer);
	assert_int_equal(buf.failed, 0);

	assert_int_equal(saved_state_parse(buf_slice(&buf), &read, NULL), 0);
	assert_false(saved_state_monitor(read, "other", WALL, OFFSET, &back,
	                                 &bounce_wall_ms));
	assert_true(saved_state_monitor(read, "API Exporter", WALL, OFFSET,
	                                &back, &bounce_wall_ms));
	assert_memory_equal(&back, &saved, sizeof(back));
	assert_true(bounce_wall_ms == WALL - 50000);
	assert_int_equal(saved_state_n_stopped(read), 1);
	assert_string_equal(saved_state_stopped(read, 0).target, "we\"ird");
	assert_string_equal(saved_state_stopped(read, 0).runtime, "docker");
	saved_state_free(read);
	buf_fini(&buf);
}

static void test_nothing_to_save(void **state)
{
	struct saved_writer writer;
	struct saved_state *read;
	struct buf buf;

	buf_init(&buf, 10000);
	saved_write_begin(&writer, &buf, OFFSET);
	saved_write_end(&writer);
	assert_int_equal(saved_state_parse(buf_slice(&buf), &read, NULL), 0);
	assert_int_equal(saved_state_n_stopped(read), 0);
	saved_state_free(read);
	buf_fini(&buf);
}

static void test_damaged_and_foreign(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"format\":\"other\",\"version\":1}",
		"{\"format\":\"bouncer-state\",\"version\":2}",
		"{\"format\":\"bouncer-state\"}",
		"\x1f\x8b garbage",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct saved_state *read = NULL;
		struct err err;

		assert_int_equal(
			saved_state_parse(slice_from(texts[i]), &read, &err),
			-EINVAL);
		assert_true(err.message[0] != '\0');
	}
}

/* Odd values are not believed, and do no harm. */
static void test_nonsense_inside(void **state)
{
	static const char text[] =
		"{\"format\":\"bouncer-state\",\"version\":1,\"monitors\":["
		"{\"name\":\"a\",\"failed\":-5,\"gave_up\":\"yes\","
		"\"ended_ms\":1800000000000,\"cool_until_ms\":1900000000000,"
		"\"bounces_ms\":[1800000000000,\"x\",null,-1]},"
		"7,{\"name\":8}],\"stopped\":[3,{}]}";
	struct policy_saved saved;
	struct saved_state *read;
	int64_t bounce_wall_ms;

	assert_int_equal(saved_state_parse(slice_from(text), &read, NULL), 0);
	assert_true(saved_state_monitor(read, "a", WALL, OFFSET, &saved,
	                                &bounce_wall_ms));
	assert_true(policy_saved_empty(&saved));
	assert_int_equal(saved_state_n_stopped(read), 2);
	assert_string_equal(saved_state_stopped(read, 0).target, "");
	saved_state_free(read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_nothing_to_save),
		cmocka_unit_test(test_damaged_and_foreign),
		cmocka_unit_test(test_nonsense_inside),
	};

	return cmocka_run_group_tests_name("saved_state", tests, NULL, NULL);
}
