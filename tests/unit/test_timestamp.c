/* SPDX-License-Identifier: Apache-2.0 */
/* timestamp: text to moments and back. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>
#include "proto/timestamp.h"

#define INVALID INT64_MIN

struct row {
	const char *text;
	int64_t ms; /* or INVALID */
};

typedef int (*parse_fn)(struct slice text, int64_t *msp);

static void check(parse_fn parse, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int64_t ms = INVALID;
		int r = parse(slice_from(rows[i].text), &ms);

		if (ms != rows[i].ms || (r < 0) != (ms == INVALID))
			fail_msg("%s: %d, %" PRId64, rows[i].text, r, ms);
	}
}

static void test_rfc3339(void **state)
{
	static const struct row rows[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "1969-12-31T23:59:59.999Z", -1 },
		{ "2026-01-02T15:04:05Z", 1767366245000 },
		{ "2026-01-02t15:04:05z", 1767366245000 },
		{ "2026-01-02T15:04:05.1Z", 1767366245100 },
		{ "2026-01-02T15:04:05.123456789Z", 1767366245123 },
		{ "2026-01-02T15:04:05.9999999999999Z", 1767366245999 },
		{ "2026-01-02T16:04:05+01:00", 1767366245000 },
		{ "2026-01-02T09:34:05-05:30", 1767366245000 },
		{ "2026-01-02T15:04:05-00:00", 1767366245000 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
		{ "2000-02-29T00:00:00Z", 951782400000 },
		{ "2016-12-31T23:59:60Z", 1483228800000 },
		{ "0001-01-01T00:00:00Z", -62135596800000 },
		{ "0000-01-01T00:00:00Z", -62167219200000 },
		{ "9999-12-31T23:59:59.999Z", 253402300799999 },
		{ "", INVALID },
		{ "2026-01-02", INVALID },
		{ "2026-01-02T15:04:05", INVALID },
		{ "2026-01-02 15:04:05Z", INVALID },
		{ "2026-01-02T15:04:05.Z", INVALID },
		{ "2026-01-02T15:04:05,1Z", INVALID },
		{ "2026-01-02T15:04:05Zx", INVALID },
		{ "2026-01-02T15:04:05+0100", INVALID },
		{ "2026-01-02T15:04:05+24:00", INVALID },
		{ "2026-01-02T15:04:05+01:60", INVALID },
		{ "2026-13-02T15:04:05Z", INVALID },
		{ "2026-00-02T15:04:05Z", INVALID },
		{ "2026-01-32T15:04:05Z", INVALID },
		{ "2026-01-00T15:04:05Z", INVALID },
		{ "2025-02-29T00:00:00Z", INVALID },
		{ "1900-02-29T00:00:00Z", INVALID },
		{ "2026-01-02T24:00:00Z", INVALID },
		{ "2026-01-02T15:60:00Z", INVALID },
		{ "2026-01-02T15:04:61Z", INVALID },
		{ "-026-01-02T15:04:05Z", INVALID },
		{ "2026-1-2T15:04:05Z", INVALID },
	};

	check(timestamp_parse_rfc3339, rows, ARRAY_SIZE(rows));
}

static void test_http(void **state)
{
	static const struct row rows[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777000 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777000 },
		{ "Sun Nov  6 08:49:37 1994", 784111777000 },
		{ "Wed Nov 16 08:49:37 1994", 784975777000 },
		{ "Thu, 20 Nov 2025 23:12:00 GMT", 1763680320000 },
		{ "Thursday, 20-Nov-25 23:12:00 GMT", 1763680320000 },
		{ "Thursday, 01-Jan-70 00:00:00 GMT", 0 },
		{ "Tuesday, 31-Dec-69 00:00:00 GMT", 3155673600000 },
		{ "Thu, 29 Feb 2024 12:00:00 GMT", 1709208000000 },
		{ "", INVALID },
		{ "Sun", INVALID },
		{ "Sunday", INVALID },
		{ "Xyz, 06 Nov 1994 08:49:37 GMT", INVALID },
		{ "Sun, 06 Nov 1994 08:49:37", INVALID },
		{ "Sun, 06 Nov 1994 08:49:37 UTC", INVALID },
		{ "Sun, 06 Nov 1994 08:49:37 GMT ", INVALID },
		{ "Sun, 6 Nov 1994 08:49:37 GMT", INVALID },
		{ "Sun, 31 Nov 1994 08:49:37 GMT", INVALID },
		{ "Sun, 06 nov 1994 08:49:37 GMT", INVALID },
		{ "Sunday, 06 Nov 1994 08:49:37 GMT", INVALID },
		{ "Sun, 06-Nov-94 08:49:37 GMT", INVALID },
		{ "Sun Nov 6 08:49:37 1994", INVALID },
		{ "Sun Nov  6 08:49:37 1994 GMT", INVALID },
	};

	check(timestamp_parse_http, rows, ARRAY_SIZE(rows));
}

static void test_format(void **state)
{
	static const struct row rows[] = {
		{ "1970-01-01T00:00:00.000Z", 0 },
		{ "1969-12-31T23:59:59.999Z", -1 },
		{ "2026-01-02T15:04:05.123Z", 1767366245123 },
		{ "2024-02-29T23:59:59.999Z", 1709251199999 },
		{ "0000-01-01T00:00:00.000Z", INT64_MIN },
		{ "9999-12-31T23:59:59.999Z", INT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[TIMESTAMP_TEXT_MAX];

		assert_string_equal(timestamp_format(rows[i].ms, out),
		                    rows[i].text);
	}
}

/* Every day of three centuries, against the C library and back. */
static void test_every_day(void **state)
{
	for (int64_t day = -60000; day < 60000; day++) {
		time_t seconds = (time_t)(day * 86400 + 45296);
		char out[TIMESTAMP_TEXT_MAX];
		char expected[64];
		struct tm tm;
		int64_t ms;

		assert_non_null(gmtime_r(&seconds, &tm));
		(void)snprintf(expected, sizeof(expected),
		               "%04d-%02d-%02dT12:34:56.007Z",
		               tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
		assert_string_equal(
			timestamp_format((int64_t)seconds * 1000 + 7, out),
			expected);
		assert_int_equal(timestamp_parse_rfc3339(slice_from(out), &ms),
		                 0);
		assert_true(ms == (int64_t)seconds * 1000 + 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3339),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_every_day),
	};

	return cmocka_run_group_tests_name("timestamp", tests, NULL, NULL);
}
