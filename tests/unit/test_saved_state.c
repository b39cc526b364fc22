/* SPDX-License-Identifier: Apache-2.0 */
/* saved_state: there and back, and what damaged or foreign files do. */
#include "support/cmocka.h"

#include <errno.h>
#include "base/mem.h"
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
		.hard_cool_until_ms = INT64_MAX,
		.bounced = true,
		.gave_up = true,
	};
	struct saved_stopped stopped = { "docker", "we\"ird", "", WALL - 5 };
	struct policy_saved back;
	struct saved_writer writer;
	struct saved_state *read;
	int64_t bounce_wall_ms;
	struct buf buf;

	buf_init(&buf, 10000);
	saved_write_begin(&writer, &buf, OFFSET, 0, NULL);
	saved_write_monitor(&writer, "API Exporter", &saved, WALL - 50000,
	                    NULL);
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
	assert_int_equal(saved_state_n_monitors(read), 1);
	assert_string_equal(saved_state_name(read, 0), "API Exporter");
	assert_string_equal(saved_state_name(read, 1), "");
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
	saved_write_begin(&writer, &buf, OFFSET, 0, NULL);
	saved_write_end(&writer);
	assert_int_equal(saved_state_parse(buf_slice(&buf), &read, NULL), 0);
	assert_int_equal(saved_state_n_stopped(read), 0);
	assert_int_equal(saved_state_n_monitors(read), 0);
	saved_state_free(read);
	buf_fini(&buf);
}

/* The name of a monitor (NULL: of all), what its pause is to be. */
static void check_pause(const struct saved_state *state, const char *name,
                        uint64_t until_ms, const char *reason)
{
	struct pause *pause = NULL;

	assert_int_equal(saved_state_pause(state, name, WALL, OFFSET, &pause),
	                 reason != NULL);
	if (!reason)
		return;
	assert_true(pause->until_ms == until_ms);
	assert_string_equal(pause->reason, reason);
	mem_free(pause);
}

static void test_pauses(void **state)
{
	struct policy_saved nothing = { .ended_ms = INT64_MIN,
		                        .cool_until_ms = INT64_MIN };
	struct pause *all = pause_new(WALL - 9, PAUSE_FOREVER, "mo\"ve");
	struct pause *timed = pause_new(WALL - 8, 1000001, "");
	struct pause *over = pause_new(WALL - 7, 1000000, "x");
	struct saved_writer writer;
	struct saved_state *read;
	struct pause *back;
	struct buf buf;

	buf_init(&buf, 10000);
	saved_write_begin(&writer, &buf, OFFSET, 0, all);
	saved_write_monitor(&writer, "timed", &nothing, 0, timed);
	saved_write_monitor(&writer, "over", &nothing, 0, over);
	saved_write_monitor(&writer, "none", &nothing, 0, NULL);
	saved_write_end(&writer);
	assert_int_equal(saved_state_parse(buf_slice(&buf), &read, NULL), 0);

	check_pause(read, NULL, PAUSE_FOREVER, "mo\"ve");
	check_pause(read, "timed", 1000001, "");
	check_pause(read, "over", 0, NULL);
	check_pause(read, "none", 0, NULL);
	check_pause(read, "other", 0, NULL);
	assert_int_equal(saved_state_pause(read, NULL, WALL, OFFSET, &back), 1);
	assert_true(back->since_wall_ms == WALL - 9);
	mem_free(back);
	saved_state_free(read);
	buf_fini(&buf);
	mem_free(all);
	mem_free(timed);
	mem_free(over);
}

/* What a program wrote that knew no pauses; and pauses that make no sense. */
static void test_odd_pauses(void **state)
{
	static const char text[] =
		"{\"format\":\"bouncer-state\",\"version\":1,\"pause\":3,"
		"\"monitors\":[{\"name\":\"a\",\"failed\":1},"
		"{\"name\":\"b\",\"pause\":{\"until_ms\":\"soon\"}},"
		"{\"name\":\"c\",\"pause\":{\"since_ms\":9e18}}]}";
	struct saved_state *read;

	assert_int_equal(saved_state_parse(slice_from(text), &read, NULL), 0);
	check_pause(read, NULL, PAUSE_FOREVER, "");
	check_pause(read, "a", 0, NULL);
	check_pause(read, "b", 0, NULL);
	check_pause(read, "c", PAUSE_FOREVER, "");
	saved_state_free(read);
}

/* A reason that is too long is cut between two characters. */
static void test_long_reason(void **state)
{
	char reason[PAUSE_REASON_MAX + 10];
	struct pause *pause;

	memset(reason, 'a', sizeof(reason));
	memcpy(reason + PAUSE_REASON_MAX - 1, "\xc3\xa4\xc3\xa4", 5);
	pause = pause_new(0, 0, reason);
	assert_non_null(pause);
	assert_int_equal(strlen(pause->reason), PAUSE_REASON_MAX - 1);
	mem_free(pause);
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

/* --- the record beside it ------------------------------------------------- */

static const struct policy_saved nothing = { .ended_ms = INT64_MIN,
	                                     .cool_until_ms = INT64_MIN };

/* The document knows two lines; @n_bounces of "a" are in it. */
static void write_known(struct buf *buf)
{
	struct policy_saved once = nothing;
	struct saved_writer writer;

	once.bounces_ms[once.n_bounces++] = 900000;
	buf_init(buf, 10000);
	saved_write_begin(&writer, buf, OFFSET, 2, NULL);
	saved_write_monitor(&writer, "a", &once, WALL - 100000, NULL);
	saved_write_monitor(&writer, "b", &once, WALL - 100000, NULL);
	saved_write_end(&writer);
}

/* A step of @name began, its target is @target, NULL: nothing promised. */
static void add_begun(struct buf *buf, uint64_t number, const char *name,
                      uint8_t n_bounces, const char *target)
{
	struct saved_stopped stopped = { "docker", target, "", WALL };
	struct policy_saved saved = nothing;
	struct saved_writer writer;

	while (saved.n_bounces < n_bounces)
		saved.bounces_ms[saved.n_bounces++] = 900000;
	saved_write_begun(&writer, buf, OFFSET, number);
	saved_write_monitor(&writer, name, &saved, WALL, NULL);
	if (target)
		saved_write_stopped(&writer, &stopped);
	saved_write_end(&writer);
	assert_int_equal(buf->failed, 0);
}

static unsigned n_bounces(const struct saved_state *state, const char *name)
{
	struct policy_saved saved;
	int64_t bounce_wall_ms;

	assert_true(saved_state_monitor(state, name, WALL, OFFSET, &saved,
	                                &bounce_wall_ms));
	return saved.n_bounces;
}

/* Of each monitor the last word counts, and what the document knows already
 * is not said twice. */
static void test_begun(void **state)
{
	struct saved_state *read;
	struct buf buf;

	write_known(&buf);
	assert_int_equal(saved_state_parse(buf_slice(&buf), &read, NULL), 0);
	assert_true(saved_state_n_begun(read) == 2);
	buf_reset(&buf);
	add_begun(&buf, 1, "b", 7, "old");
	add_begun(&buf, 2, "b", 8, "older");
	add_begun(&buf, 3, "a", 2, "web");
	add_begun(&buf, 4, "c", 1, NULL);
	add_begun(&buf, 5, "a", 3, "db");
	assert_int_equal(saved_state_add_begun(&read, buf_slice(&buf)), 3);

	assert_true(saved_state_n_begun(read) == 5);
	assert_int_equal(n_bounces(read, "a"), 3);
	assert_int_equal(n_bounces(read, "b"), 1);
	assert_int_equal(n_bounces(read, "c"), 1);
	assert_int_equal(saved_state_n_monitors(read), 3);
	assert_string_equal(saved_state_name(read, 2), "c");
	assert_int_equal(saved_state_n_stopped(read), 2);
	assert_string_equal(saved_state_stopped(read, 0).target, "web");
	assert_string_equal(saved_state_stopped(read, 1).target, "db");
	saved_state_free(read);
	buf_fini(&buf);
}

/* Cut anywhere: what was whole counts. What follows a line that was cut short
 * by a full disk counts, too. */
static void test_torn_record(void **state)
{
	struct saved_state *read;
	struct buf buf;
	size_t first;
	size_t second;

	buf_init(&buf, 10000);
	add_begun(&buf, 1, "a", 1, "web");
	first = buf.n;
	add_begun(&buf, 2, "a", 2, NULL);
	second = buf.n;
	for (size_t n = 0; n <= second; n++) {
		read = NULL;
		assert_int_equal(
			saved_state_add_begun(&read, slice_make(buf.p, n)),
			(n >= first) + (n >= second));
		assert_int_equal(saved_state_n_stopped(read), n >= first);
		saved_state_free(read);
	}

	read = NULL;
	buf.n = first + 9;
	add_begun(&buf, 3, "b", 1, NULL);
	assert_int_equal(saved_state_add_begun(&read, buf_slice(&buf)), 2);
	assert_int_equal(n_bounces(read, "a"), 1);
	assert_int_equal(n_bounces(read, "b"), 1);
	saved_state_free(read);
	buf_fini(&buf);
}

static void test_nonsense_in_the_record(void **state)
{
	static const char text[] = "7\n[]\n{}\n\n\n{\"begun\":-3}\n"
				   "{\"begun\":\"4\"}\n\"begun\"\n"
				   "{\"begun\":9,\"monitors\":{},"
				   "\"stopped\":[4]}\n";
	struct saved_state *read = NULL;

	assert_int_equal(saved_state_add_begun(&read, slice_from(text)), 1);
	assert_int_equal(saved_state_n_monitors(read), 0);
	assert_int_equal(saved_state_n_stopped(read), 1);
	assert_string_equal(saved_state_stopped(read, 0).target, "");
	saved_state_free(read);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_nothing_to_save),
		cmocka_unit_test(test_pauses),
		cmocka_unit_test(test_odd_pauses),
		cmocka_unit_test(test_long_reason),
		cmocka_unit_test(test_damaged_and_foreign),
		cmocka_unit_test(test_nonsense_inside),
		cmocka_unit_test(test_begun),
		cmocka_unit_test(test_torn_record),
		cmocka_unit_test(test_nonsense_in_the_record),
	};

	return cmocka_run_group_tests_name("saved_state", tests, NULL, NULL);
}
