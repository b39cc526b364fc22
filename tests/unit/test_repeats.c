/* SPDX-License-Identifier: Apache-2.0 */
/* repeats: a request that was made twice, or a reminder? */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <stdio.h>
#include "registry/model/repeats.h"

#define START 5000 /* ms of a clock that begins anywhere */

static struct repeats repeats;
static struct am_reader *reader;

static int setup(void **state)
{
	(void)state;
	repeats_init(&repeats, 1);
	reader = am_reader_new();
	return reader ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	repeats_fini(&repeats);
	am_reader_free(reader);
	return 0;
}

static int print_of(const char *text, struct repeats_print *print)
{
	struct am_message message;

	assert_int_equal(am_read(reader, slice_from(text), &message, NULL), 0);
	return repeats_print_make(print, &message);
}

/* As the hub does: what is new is noted, and then it is on disk. */
static enum repeats_found comes(const char *text, uint64_t at_ms)
{
	struct repeats_print print;
	enum repeats_found found;

	assert_int_equal(print_of(text, &print), 0);
	found = repeats_find(&repeats, &print, at_ms);
	if (found == REPEATS_NEW) {
		assert_int_equal(repeats_note(&repeats, &print, at_ms), 0);
		assert_int_equal(repeats_find(&repeats, &print, at_ms),
		                 REPEATS_WRITING);
		repeats_settle(&repeats, &print, true, at_ms);
	}
	repeats_print_fini(&print);
	return found;
}

#define MESSAGE(key, alerts)                                                  \
	"{\"receiver\":\"hook\",\"groupKey\":\"" key "\",\"alerts\":[" alerts \
	"]}"
#define ALERT(name, status, more)                       \
	"{\"status\":\"" status "\",\"labels\":{\"a\":" \
	"\"" name "\"}" more "}"
#define BEGAN(time) ",\"startsAt\":\"2026-01-01T00:00:" time "Z\""

static const char down[] = MESSAGE("g", ALERT("x", "firing", BEGAN("00")));
static const char up[] = MESSAGE("g", ALERT("x", "resolved", BEGAN("00")));

static void test_repeated_and_reminded(void **state)
{
	(void)state;
	assert_int_equal(comes(down, START), REPEATS_NEW);
	assert_int_equal(comes(down, START), REPEATS_KNOWN);
	/* what is known makes it no younger */
	assert_int_equal(comes(down, START + 30000), REPEATS_KNOWN);
	assert_int_equal(comes(down, START + 59999), REPEATS_KNOWN);
	assert_int_equal(comes(down, START + 60000), REPEATS_NEW);
	assert_int_equal(comes(down, START + 60001), REPEATS_KNOWN);
	assert_int_equal(comes(down, START + 3600000), REPEATS_NEW);
}

static void test_something_in_between(void **state)
{
	(void)state;
	assert_int_equal(comes(down, START), REPEATS_NEW);
	assert_int_equal(comes(up, START), REPEATS_NEW);
	assert_int_equal(comes(up, START), REPEATS_KNOWN);
	assert_int_equal(comes(down, START), REPEATS_NEW);
}

static void test_what_makes_another(void **state)
{
	static const char *const others[] = {
		MESSAGE("h", ALERT("x", "firing", BEGAN("00"))),
		MESSAGE("g", ALERT("y", "firing", BEGAN("00"))),
		MESSAGE("g", ALERT("x", "firing", BEGAN("01"))),
		MESSAGE("g", ALERT("x", "firing", BEGAN("00")) "," ALERT(
				     "y", "firing", BEGAN("00"))),
		"{\"receiver\":\"pager\",\"groupKey\":\"g\",\"alerts\":[" ALERT(
			"x", "firing", BEGAN("00")) "]}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		uint64_t at_ms = START + i * 100000;

		assert_int_equal(comes(down, at_ms), REPEATS_NEW);
		assert_int_equal(comes(others[i], at_ms), REPEATS_NEW);
	}
}

/* Senders that give no key: what they group by tells them apart. */
static void test_without_a_key(void **state)
{
	static const char one[] = "{\"commonLabels\":{\"job\":\"a\"},"
				  "\"alerts\":[" ALERT("x", "firing", "") "]}";
	static const char two[] = "{\"commonLabels\":{\"job\":\"b\"},"
				  "\"alerts\":[" ALERT("x", "firing", "") "]}";

	(void)state;
	assert_int_equal(comes(one, START), REPEATS_NEW);
	assert_int_equal(comes(two, START), REPEATS_NEW);
	assert_int_equal(comes(one, START), REPEATS_KNOWN);
	assert_int_equal(comes(two, START), REPEATS_KNOWN);
}

/* Nobody was promised anything. */
static void test_could_not_be_kept(void **state)
{
	struct repeats_print print;

	(void)state;
	assert_int_equal(print_of(down, &print), 0);
	assert_int_equal(repeats_note(&repeats, &print, START), 0);
	repeats_settle(&repeats, &print, false, START + 1);
	repeats_print_fini(&print);
	assert_int_equal(comes(down, START + 2), REPEATS_NEW);
}

static void test_bounded(void **state)
{
	char text[256];

	(void)state;
	for (unsigned i = 0; i < REPEATS_MAX + 10; i++) {
		(void)snprintf(text, sizeof(text),
		               "{\"groupKey\":\"%u\",\"alerts\":[]}", i);
		assert_int_equal(comes(text, START), REPEATS_NEW);
		assert_true(repeats.by_key.n <= REPEATS_MAX);
	}
	assert_int_equal(comes(text, START), REPEATS_KNOWN);
}

/* What is kept of a group is small, whatever it is called. */
static void test_long_key(void **state)
{
	static char text[50100];
	struct repeats_print print;

	(void)state;
	(void)snprintf(text, sizeof(text),
	               "{\"groupKey\":\"%050000d\",\"alerts\":[]}", 1);
	assert_int_equal(print_of(text, &print), 0);
	assert_int_equal(print.key.n, SHA256_SIZE);
	repeats_print_fini(&print);
	assert_int_equal(comes(text, START), REPEATS_NEW);
	assert_int_equal(comes(text, START), REPEATS_KNOWN);
}

static int note(const struct am_message *message)
{
	struct repeats_print print;
	int r;

	repeats_init(&repeats, 1);
	r = repeats_print_make(&print, message);
	if (r == 0)
		r = repeats_note(&repeats, &print, START);
	repeats_print_fini(&print);
	assert_int_equal(repeats.by_key.n, r == 0 ? 1 : 0);
	repeats_fini(&repeats);
	return r;
}

static void test_allocation_faults(void **state)
{
	struct am_message message;
	size_t n;

	(void)state;
	assert_int_equal(am_read(reader, slice_from(down), &message, NULL), 0);
	faults_count();
	assert_int_equal(note(&message), 0);
	n = faults_end();
	assert_true(n > 3);
	for (size_t k = n; k > 0; k--) {
		faults_fail(k);
		assert_int_equal(note(&message), -ENOMEM);
		(void)faults_end();
	}
	repeats_init(&repeats, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_repeated_and_reminded),
		TEST(test_something_in_between),
		TEST(test_what_makes_another),
		TEST(test_without_a_key),
		TEST(test_could_not_be_kept),
		TEST(test_bounded),
		TEST(test_long_key),
		TEST(test_allocation_faults),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
