/* SPDX-License-Identifier: Apache-2.0 */
/* quiet: windows of local time, also where clocks are set. */
#include "support/cmocka.h"

#include <stdlib.h>
#include <time.h>
#include "core/quiet.h"
#include "proto/timestamp.h"

static void use_zone(const char *zone)
{
	assert_int_equal(setenv("TZ", zone, 1), 0);
	tzset();
}

static int64_t unix_s(const char *text)
{
	int64_t ms;

	if (timestamp_parse_rfc3339(slice_from(text), &ms) < 0)
		fail_msg("%s is no time", text);
	return ms / 1000;
}

static void test_text(void **state)
{
	static const struct {
		const char *text;
		const char *means; /* NULL: refused */
	} rows[] = {
		{ "Sun 02:00-04:00", "Sun 02:00-04:00" },
		{ "Mon-Fri 22:00-06:00", "Mon,Tue,Wed,Thu,Fri 22:00-06:00" },
		{ "02:00-04:00", "02:00-04:00" },
		{ "Sat,Sun 00:00-24:00", "Sun,Sat 00:00-24:00" },
		{ "sat-MON 1:00-2:00", NULL },
		{ "sat-MON 01:00-02:00", "Sun,Mon,Sat 01:00-02:00" },
		{ "Sun-Sat 01:00-02:00", "01:00-02:00" },
		{ "Mon,Wed-Thu  01:00-02:00 ", "Mon,Wed,Thu 01:00-02:00" },
		{ "22:00-00:00", "22:00-24:00" },
		{ "", NULL },
		{ "Sun", NULL },
		{ "Sunday 02:00-04:00", NULL },
		{ "Sun02:00-04:00", NULL },
		{ "Sun, 02:00-04:00", NULL },
		{ "Sun- 02:00-04:00", NULL },
		{ "Fun 02:00-04:00", NULL },
		{ "02:00", NULL },
		{ "02:00-", NULL },
		{ "02:00-04:00x", NULL },
		{ "02:60-04:00", NULL },
		{ "02:00-24:01", NULL },
		{ "25:00-26:00", NULL },
		{ "02:00-02:00", NULL },
		{ "24:00-06:00", NULL },
		{ "00:00-00:00", NULL },
		{ "-1:00-06:00", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct quiet_window window;
		struct err err = { 0 };
		char out[QUIET_TEXT_MAX];
		int r = quiet_parse(slice_from(rows[i].text), &window, &err);

		if ((r == 0) != (rows[i].means != NULL))
			fail_msg("\"%s\": %d %s", rows[i].text, r, err.message);
		if (r == 0)
			assert_string_equal(quiet_format(&window, out),
			                    rows[i].means);
		else
			assert_true(err.message[0] != '\0');
	}
}

#define MAX_TEXTS 4

struct row {
	const char *at;
	const char *until; /* NULL: not quiet */
};

static void check(const char *zone, const char *const *texts,
                  const struct row *rows, size_t n_rows)
{
	struct quiet_window windows[MAX_TEXTS];
	unsigned n = 0;

	use_zone(zone);
	while (n < MAX_TEXTS && texts[n]) {
		assert_int_equal(
			quiet_parse(slice_from(texts[n]), &windows[n], NULL),
			0);
		n++;
	}
	for (size_t i = 0; i < n_rows; i++) {
		int64_t at = unix_s(rows[i].at);
		int64_t until = rows[i].until ? unix_s(rows[i].until) : at;
		int64_t found = quiet_until(windows, n, quiet_local_libc, at);
		struct quiet_local local = quiet_local_libc(at);

		if (found != until)
			fail_msg("%s at %s: %lld s off", texts[0], rows[i].at,
			         (long long)(found - until));
		assert_true((quiet_at(windows, n, &local) != NULL) ==
		            (rows[i].until != NULL));
	}
}

/* 2026-11-22 is a Sunday. */
static void test_windows(void **state)
{
	static const char *const sunday[] = { "Sun 02:00-04:00", NULL };
	static const struct row of_sunday[] = {
		{ "2026-11-22T01:59:59Z", NULL },
		{ "2026-11-22T02:00:00Z", "2026-11-22T04:00:00Z" },
		{ "2026-11-22T03:59:59Z", "2026-11-22T04:00:00Z" },
		{ "2026-11-22T04:00:00Z", NULL },
		{ "2026-11-23T03:00:00Z", NULL },
	};
	static const char *const nights[] = { "Mon-Fri 22:00-06:00", NULL };
	static const struct row of_nights[] = {
		{ "2026-11-22T23:00:00Z", NULL }, /* Sunday evening */
		{ "2026-11-23T05:00:00Z", NULL }, /* Monday early */
		{ "2026-11-23T22:00:00Z", "2026-11-24T06:00:00Z" },
		{ "2026-11-24T00:00:00Z", "2026-11-24T06:00:00Z" },
		{ "2026-11-28T05:59:59Z", "2026-11-28T06:00:00Z" }, /* Sat */
		{ "2026-11-28T22:00:00Z", NULL },
	};
	static const char *const weekend[] = { "Sat,Sun 00:00-24:00", NULL };
	static const struct row of_weekend[] = {
		{ "2026-11-20T23:59:59Z", NULL },
		{ "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z" },
		{ "2026-11-22T12:00:00Z", "2026-11-23T00:00:00Z" },
		{ "2026-11-23T00:00:00Z", NULL },
	};
	static const char *const overlapping[] = { "02:00-04:00", "03:30-05:00",
		                                   "05:00-05:30",
		                                   "23:00-24:00" };
	static const struct row of_overlapping[] = {
		{ "2026-11-22T02:30:00Z", "2026-11-22T05:30:00Z" },
		{ "2026-11-22T23:30:00Z", "2026-11-23T00:00:00Z" },
		{ "2026-11-22T06:00:00Z", NULL },
	};

	check("UTC", sunday, of_sunday, ARRAY_SIZE(of_sunday));
	check("UTC", nights, of_nights, ARRAY_SIZE(of_nights));
	check("UTC", weekend, of_weekend, ARRAY_SIZE(of_weekend));
	check("UTC", overlapping, of_overlapping, ARRAY_SIZE(of_overlapping));
}

/* Central Europe: 02:00 becomes 03:00 on 2026-03-29, and 03:00 becomes 02:00
 * on 2026-10-25, both at 01:00 UTC. */
static void test_summer_time(void **state)
{
	static const char zone[] = "CET-1CEST,M3.5.0,M10.5.0/3";
	static const char *const early[] = { "01:00-04:00", NULL };
	static const struct row of_early[] = {
		/* an hour shorter */
		{ "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z" },
		{ "2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z" },
		/* and one longer */
		{ "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z" },
		{ "2026-10-25T02:59:59Z", "2026-10-25T03:00:00Z" },
		{ "2026-10-25T03:00:00Z", NULL },
	};
	/* begins in the hour that is skipped */
	static const char *const skipped[] = { "02:30-03:30", NULL };
	static const struct row of_skipped[] = {
		{ "2026-03-29T00:59:59Z", NULL },
		{ "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z" },
	};
	/* lies in the hour that comes twice */
	static const char *const twice[] = { "02:00-03:00", NULL };
	static const struct row of_twice[] = {
		{ "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z" },
		{ "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z" },
	};
	static const char *const half[] = { "02:00-02:30", NULL };
	static const struct row of_half[] = {
		{ "2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z" },
		{ "2026-10-25T00:40:00Z", NULL },
		{ "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z" },
	};

	check(zone, early, of_early, ARRAY_SIZE(of_early));
	check(zone, skipped, of_skipped, ARRAY_SIZE(of_skipped));
	check(zone, twice, of_twice, ARRAY_SIZE(of_twice));
	check(zone, half, of_half, ARRAY_SIZE(of_half));
}

static void test_always(void **state)
{
	struct quiet_window window;

	use_zone("UTC");
	assert_int_equal(quiet_parse(slice_from("00:00-24:00"), &window, NULL),
	                 0);
	assert_true(quiet_until(&window, 1, quiet_local_libc,
	                        unix_s("2026-11-22T12:00:00Z")) == QUIET_NEVER);
	assert_true(quiet_until(NULL, 0, quiet_local_libc, 77) == 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_summer_time),
		cmocka_unit_test(test_always),
	};

	return cmocka_run_group_tests_name("quiet", tests, NULL, NULL);
}
