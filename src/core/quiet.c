/* SPDX-License-Identifier: Apache-2.0 */
#include "core/quiet.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define DAY_MINUTES 1440
#define DAY_SECONDS 86400
#define ALL_DAYS    0x7f
#define LONGEST_S   (14 * DAY_SECONDS)
#define MAX_WALKED  (QUIET_MAX_WINDOWS * 32) /* more than a fortnight has */

static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed",
	                              "Thu", "Fri", "Sat" };

struct quiet_local quiet_local_libc(int64_t wall_s)
{
	time_t at = (time_t)wall_s;
	struct tm tm;

	if (!localtime_r(&at, &tm))
		return (struct quiet_local){ 0 };
	return (struct quiet_local){
		.weekday = (uint8_t)tm.tm_wday,
		/* a leap second belongs to the minute before it */
		.second_of_day = (uint32_t)(tm.tm_hour * 3600 + tm.tm_min * 60 +
		                            MIN(tm.tm_sec, 59)),
		.offset_s = (int32_t)tm.tm_gmtoff,
	};
}

/* --- text --------------------------------------------------------------- */

/* Takes a day's name off the front; its number, or -1. */
static int take_day(struct slice *text)
{
	for (int day = 0; day < 7; day++) {
		if (text->n < 3 || strncasecmp(text->p, day_names[day], 3) != 0)
			continue;
		*text = slice_skip(*text, 3);
		return day;
	}
	return -1;
}

static bool take_char(struct slice *text, char c)
{
	if (text->n == 0 || text->p[0] != c)
		return false;
	*text = slice_skip(*text, 1);
	return true;
}

/* "Mon-Fri", which may go over the end of the week. */
static bool take_days(struct slice *text, uint8_t *days)
{
	do {
		int first = take_day(text);
		int last = first;

		if (first >= 0 && take_char(text, '-'))
			last = take_day(text);
		if (first < 0 || last < 0)
			return false;
		for (int day = first;; day = (day + 1) % 7) {
			*days |= (uint8_t)(1u << day);
			if (day == last)
				break;
		}
	} while (take_char(text, ','));
	return true;
}

static bool take_two_digits(struct slice *text, unsigned *valuep)
{
	if (text->n < 2 || text->p[0] < '0' || text->p[0] > '9' ||
	    text->p[1] < '0' || text->p[1] > '9')
		return false;
	*valuep = (unsigned)((text->p[0] - '0') * 10 + (text->p[1] - '0'));
	*text = slice_skip(*text, 2);
	return true;
}

/* "02:00", up to 24:00. */
static bool take_time(struct slice *text, uint16_t *minutesp)
{
	unsigned hour;
	unsigned minute;

	if (!take_two_digits(text, &hour) || !take_char(text, ':') ||
	    !take_two_digits(text, &minute) || minute > 59 ||
	    hour * 60 + minute > DAY_MINUTES)
		return false;
	*minutesp = (uint16_t)(hour * 60 + minute);
	return true;
}

int quiet_parse(struct slice text, struct quiet_window *window, struct err *err)
{
	struct quiet_window made = { 0 };
	struct slice rest = slice_trim(text);

	if (rest.n == 0 || rest.p[0] < '0' || rest.p[0] > '9') {
		if (!take_days(&rest, &made.days) || rest.n == 0 ||
		    (rest.p[0] != ' ' && rest.p[0] != '\t'))
			return err_set(err, -EINVAL,
			               "does not begin with days or a time; "
			               "days are Sun Mon Tue Wed Thu Fri Sat, "
			               "as in Mon-Fri or Sat,Sun");
		rest = slice_trim(rest);
	} else {
		made.days = ALL_DAYS;
	}
	if (!take_time(&rest, &made.from) || !take_char(&rest, '-') ||
	    !take_time(&rest, &made.to) || rest.n > 0)
		return err_set(err, -EINVAL,
		               "has no such times; write them like "
		               "22:00-06:00, up to 24:00");
	if (made.from == made.to || made.from == DAY_MINUTES)
		return err_set(err, -EINVAL,
		               "has no length; for whole days write "
		               "00:00-24:00");
	if (made.to == 0)
		made.to = DAY_MINUTES;
	*window = made;
	return 0;
}

const char *quiet_format(const struct quiet_window *window, char *out)
{
	size_t n = 0;

	for (unsigned day = 0; window->days != ALL_DAYS && day < 7; day++) {
		if (window->days & (1u << day))
			n += (size_t)snprintf(out + n, QUIET_TEXT_MAX - n,
			                      "%s%s", n ? "," : "",
			                      day_names[day]);
	}
	(void)snprintf(out + n, QUIET_TEXT_MAX - n, "%s%02u:%02u-%02u:%02u",
	               n ? " " : "", window->from / 60u, window->from % 60u,
	               window->to / 60u, window->to % 60u);
	return out;
}

/* --- time --------------------------------------------------------------- */

/* Seconds of local time until the window ends; 0 if it does not hold. */
static uint32_t seconds_left(const struct quiet_window *window,
                             const struct quiet_local *local)
{
	uint32_t now = local->second_of_day;
	uint32_t from = window->from * 60u;
	uint32_t to = window->to * 60u;
	unsigned yesterday = (local->weekday + 6u) % 7;
	bool today = window->days & (1u << local->weekday);

	if (from < to)
		return today && now >= from && now < to ? to - now : 0;
	if (today && now >= from)
		return DAY_SECONDS - now + to;
	return (window->days & (1u << yesterday)) && now < to ? to - now : 0;
}

/* The one that holds longest. */
static const struct quiet_window *longest(const struct quiet_window *windows,
                                          unsigned n,
                                          const struct quiet_local *local,
                                          uint32_t *leftp)
{
	const struct quiet_window *found = NULL;

	*leftp = 0;
	for (unsigned i = 0; i < n; i++) {
		uint32_t left = seconds_left(&windows[i], local);

		if (left <= *leftp)
			continue;
		*leftp = left;
		found = &windows[i];
	}
	return found;
}

const struct quiet_window *quiet_at(const struct quiet_window *windows,
                                    unsigned n, const struct quiet_local *local)
{
	uint32_t left;

	return longest(windows, n, local, &left);
}

/* The clock on the wall is set between the two: the first second of the new
 * time. */
static int64_t find_change(quiet_local_cb local, int64_t before, int64_t after)
{
	int32_t offset_s = local(before).offset_s;

	while (after - before > 1) {
		int64_t middle = before + (after - before) / 2;

		if (local(middle).offset_s == offset_s)
			before = middle;
		else
			after = middle;
	}
	return after;
}

int64_t quiet_until(const struct quiet_window *windows, unsigned n,
                    quiet_local_cb local, int64_t wall_s)
{
	int64_t at = wall_s;

	for (unsigned i = 0; n > 0 && i < MAX_WALKED; i++) {
		struct quiet_local now = local(at);
		uint32_t left;
		int64_t end;

		if (!longest(windows, n, &now, &left))
			return at;
		end = at + left;
		if (local(end).offset_s != now.offset_s)
			end = find_change(local, at, end);
		if (end > wall_s + LONGEST_S)
			break;
		at = end;
	}
	return n > 0 ? QUIET_NEVER : wall_s;
}
