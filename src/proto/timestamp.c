/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/timestamp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#define MS_PER_DAY INT64_C(86400000)
#define MS_FIRST   INT64_C(-62167219200000) /* 0000-01-01T00:00:00Z */
#define MS_LAST    INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* Years of two digits: below this is 20xx, from it on 19xx. */
#define CENTURY_PIVOT 70

struct moment {
	int year;
	int month; /* 1 … 12 */
	int day;   /* 1 … 31 */
	int hour;
	int minute;
	int second; /* 60 in a leap second */
	int ms;
	int offset; /* minutes east of Greenwich */
};

static const char month_names[][4] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};
static const char day_names[][10] = { "Monday",   "Tuesday", "Wednesday",
	                              "Thursday", "Friday",  "Saturday",
	                              "Sunday" };

/* --- the calendar -------------------------------------------------------- */

/*
 * Both count in years that begin on the first of March, so that the leap day
 * is the last of its year, and in eras of 400 years, which are all alike.
 */
#define DAYS_PER_ERA  146097
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01 to 1970-01-01 */

static int64_t days_from_date(int year, int month, int day)
{
	int y = month <= 2 ? year - 1 : year;
	int era = (y >= 0 ? y : y - 399) / 400;
	int year_of_era = y - era * 400;
	int month_from_march = (month + 9) % 12;
	int day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
	int day_of_era = year_of_era * 365 + year_of_era / 4 -
	                 year_of_era / 100 + day_of_year;

	return (int64_t)era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

static void date_from_days(int64_t days, struct moment *moment)
{
	int64_t shifted = days + DAYS_TO_EPOCH;
	int era = (int)((shifted >= 0 ? shifted : shifted - DAYS_PER_ERA + 1) /
	                DAYS_PER_ERA);
	int day_of_era = (int)(shifted - (int64_t)era * DAYS_PER_ERA);
	int year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
	                   day_of_era / 146096) /
	                  365;
	int day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 -
	                                year_of_era / 100);
	int month_from_march = (5 * day_of_year + 2) / 153;

	moment->day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
	moment->month = (month_from_march + 2) % 12 + 1;
	moment->year = year_of_era + era * 400 + (moment->month <= 2);
}

static int days_in_month(int year, int month)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30,
		                     31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

static int moment_to_ms(const struct moment *m, int64_t *msp)
{
	int64_t seconds;

	if (m->month < 1 || m->month > 12 || m->day < 1 ||
	    m->day > days_in_month(m->year, m->month) || m->hour > 23 ||
	    m->minute > 59 || m->second > 60)
		return -EINVAL;
	seconds = (m->hour * 60 + m->minute - m->offset) * 60 + m->second;
	*msp = days_from_date(m->year, m->month, m->day) * MS_PER_DAY +
	       seconds * 1000 + m->ms;
	return 0;
}

/* --- taking text apart: each takes what it names, or says no ------------- */

static bool take_char(struct slice *textp, char c)
{
	if (textp->n == 0 || textp->p[0] != c)
		return false;
	*textp = slice_skip(*textp, 1);
	return true;
}

static bool take_text(struct slice *textp, const char *text)
{
	if (!slice_starts(*textp, text))
		return false;
	*textp = slice_skip(*textp, strlen(text));
	return true;
}

/* Exactly @n digits. */
static bool take_digits(struct slice *textp, size_t n, int *valuep)
{
	int value = 0;

	if (textp->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = textp->p[i];

		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	*textp = slice_skip(*textp, n);
	*valuep = value;
	return true;
}

static bool take_clock(struct slice *textp, struct moment *m)
{
	return take_digits(textp, 2, &m->hour) && take_char(textp, ':') &&
	       take_digits(textp, 2, &m->minute) && take_char(textp, ':') &&
	       take_digits(textp, 2, &m->second);
}

/* After the point: at least one digit, of which three count. */
static bool take_fraction(struct slice *textp, int *msp)
{
	int scale = 100;
	int digit;

	if (!take_digits(textp, 1, &digit))
		return false;
	*msp = digit * scale;
	while (take_digits(textp, 1, &digit)) {
		scale /= 10;
		*msp += digit * scale;
	}
	return true;
}

static bool take_offset(struct slice *textp, int *offsetp)
{
	int hours;
	int minutes;
	int sign;

	if (take_char(textp, 'Z') || take_char(textp, 'z'))
		return true;
	if (take_char(textp, '+'))
		sign = 1;
	else if (take_char(textp, '-'))
		sign = -1;
	else
		return false;
	if (!take_digits(textp, 2, &hours) || !take_char(textp, ':') ||
	    !take_digits(textp, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*offsetp = sign * (hours * 60 + minutes);
	return true;
}

static bool take_month(struct slice *textp, int *monthp)
{
	for (size_t i = 0; i < ARRAY_SIZE(month_names); i++) {
		if (take_text(textp, month_names[i])) {
			*monthp = (int)i + 1;
			return true;
		}
	}
	return false;
}

/* --- the forms ----------------------------------------------------------- */

int timestamp_parse_rfc3339(struct slice text, int64_t *msp)
{
	struct moment m = { 0 };

	if (!take_digits(&text, 4, &m.year) || !take_char(&text, '-') ||
	    !take_digits(&text, 2, &m.month) || !take_char(&text, '-') ||
	    !take_digits(&text, 2, &m.day) ||
	    (!take_char(&text, 'T') && !take_char(&text, 't')) ||
	    !take_clock(&text, &m))
		return -EINVAL;
	if (take_char(&text, '.') && !take_fraction(&text, &m.ms))
		return -EINVAL;
	if (!take_offset(&text, &m.offset) || text.n > 0)
		return -EINVAL;
	return moment_to_ms(&m, msp);
}

/* What follows "Sun, ": 06 Nov 1994 08:49:37 GMT */
static bool take_imf_fixdate(struct slice *textp, struct moment *m)
{
	return take_digits(textp, 2, &m->day) && take_char(textp, ' ') &&
	       take_month(textp, &m->month) && take_char(textp, ' ') &&
	       take_digits(textp, 4, &m->year) && take_char(textp, ' ') &&
	       take_clock(textp, m) && take_text(textp, " GMT");
}

/* What follows "Sunday, ": 06-Nov-94 08:49:37 GMT */
static bool take_rfc850_date(struct slice *textp, struct moment *m)
{
	if (!take_digits(textp, 2, &m->day) || !take_char(textp, '-') ||
	    !take_month(textp, &m->month) || !take_char(textp, '-') ||
	    !take_digits(textp, 2, &m->year))
		return false;
	m->year += m->year < CENTURY_PIVOT ? 2000 : 1900;
	return take_char(textp, ' ') && take_clock(textp, m) &&
	       take_text(textp, " GMT");
}

/* What follows "Sun ": Nov  6 08:49:37 1994 */
static bool take_asctime_date(struct slice *textp, struct moment *m)
{
	if (!take_month(textp, &m->month) || !take_char(textp, ' '))
		return false;
	if (take_char(textp, ' ') ? !take_digits(textp, 1, &m->day)
	                          : !take_digits(textp, 2, &m->day))
		return false;
	return take_char(textp, ' ') && take_clock(textp, m) &&
	       take_char(textp, ' ') && take_digits(textp, 4, &m->year);
}

int timestamp_parse_http(struct slice text, int64_t *msp)
{
	struct moment m = { 0 };
	bool ok = false;

	for (size_t i = 0; i < ARRAY_SIZE(day_names) && !ok; i++) {
		char abbreviation[4];
		struct slice rest = text;

		(void)snprintf(abbreviation, sizeof(abbreviation), "%.3s",
		               day_names[i]);
		if (take_text(&rest, day_names[i]))
			ok = take_text(&rest, ", ") &&
			     take_rfc850_date(&rest, &m);
		else if (!take_text(&rest, abbreviation))
			continue;
		else if (take_text(&rest, ", "))
			ok = take_imf_fixdate(&rest, &m);
		else
			ok = take_char(&rest, ' ') &&
			     take_asctime_date(&rest, &m);
		if (rest.n > 0)
			ok = false;
		break;
	}
	return ok ? moment_to_ms(&m, msp) : -EINVAL;
}

const char *timestamp_format(int64_t ms, char *out)
{
	struct moment m;
	int64_t days;
	unsigned rest;

	ms = MIN(MAX(ms, MS_FIRST), MS_LAST);
	days = (ms >= 0 ? ms : ms - MS_PER_DAY + 1) / MS_PER_DAY;
	rest = (unsigned)(ms - days * MS_PER_DAY);
	date_from_days(days, &m);
	(void)snprintf(out, TIMESTAMP_TEXT_MAX,
	               "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
	               (unsigned)m.year % 10000u, (unsigned)m.month % 100u,
	               (unsigned)m.day % 100u, rest / 3600000 % 24,
	               rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
	return out;
}
