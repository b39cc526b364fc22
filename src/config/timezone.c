/* SPDX-License-Identifier: Apache-2.0 */
#include "config/timezone.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/number.h"

#define DATABASE      "/usr/share/zoneinfo"
#define PATH_MAX_SIZE 512

/* --- the database --------------------------------------------------------- */

static bool is_file_name(struct slice name)
{
	if (name.n == 0 || name.n > TIMEZONE_MAX || name.p[0] == '/')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || (c && strchr("_+-/", c))))
			return false;
	}
	return true;
}

static bool is_in_database(struct slice name)
{
	const char *directory = getenv("TZDIR");
	char path[PATH_MAX_SIZE];
	struct stat st;

	if (!is_file_name(name))
		return false;
	if (!directory || !*directory)
		directory = DATABASE;
	if (snprintf(path, sizeof(path), "%s/" SLICE_FMT, directory,
	             SLICE_ARG(name)) >= (int)sizeof(path))
		return false;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* --- POSIX.1, 8.3: std offset [dst [offset] [,start[/time],end[/time]]] ------ */

static bool take(struct slice *text, char c)
{
	if (text->n == 0 || text->p[0] != c)
		return false;
	*text = slice_skip(*text, 1);
	return true;
}

static bool take_number(struct slice *text, unsigned max)
{
	size_t n = 0;
	uint64_t value;

	while (n < text->n && text->p[n] >= '0' && text->p[n] <= '9')
		n++;
	if (number_parse_u64(slice_make(text->p, n), &value) < 0 || value > max)
		return false;
	*text = slice_skip(*text, n);
	return true;
}

static bool take_name(struct slice *text)
{
	bool quoted = take(text, '<');
	size_t n = 0;

	while (n < text->n) {
		char c = text->p[n];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool more = (c >= '0' && c <= '9') || c == '+' || c == '-';

		if (!letter && !(quoted && more))
			break;
		n++;
	}
	*text = slice_skip(*text, n);
	return n >= 3 && (!quoted || take(text, '>'));
}

static bool take_time(struct slice *text, unsigned max_hours)
{
	if (!take(text, '-'))
		(void)take(text, '+');
	if (!take_number(text, max_hours))
		return false;
	for (int i = 0; i < 2 && take(text, ':'); i++) {
		if (!take_number(text, 59))
			return false;
	}
	return true;
}

/* Mm.w.d, Jn or n. */
static bool take_date(struct slice *text)
{
	bool good;

	if (take(text, 'M'))
		good = take_number(text, 12) && take(text, '.') &&
		       take_number(text, 5) && take(text, '.') &&
		       take_number(text, 6);
	else if (take(text, 'J'))
		good = take_number(text, 365);
	else
		good = take_number(text, 365);
	return good && (!take(text, '/') || take_time(text, 167));
}

static bool is_posix(struct slice text)
{
	if (!take_name(&text) || !take_time(&text, 24))
		return false;
	if (text.n == 0)
		return true;
	if (!take_name(&text))
		return false;
	if (text.n > 0 && text.p[0] != ',' && !take_time(&text, 24))
		return false;
	return text.n == 0 ||
	       (take(&text, ',') && take_date(&text) && take(&text, ',') &&
	        take_date(&text) && text.n == 0);
}

bool timezone_exists(struct slice name)
{
	return slice_is(name, "UTC") || is_in_database(name) ||
	       (name.n <= TIMEZONE_MAX && is_posix(name));
}
