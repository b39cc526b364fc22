/* SPDX-License-Identifier: Apache-2.0 */
#include "base/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int number_parse_u64(struct slice text, uint64_t *valuep)
{
	uint64_t value = 0;

	if (text.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < text.n; i++) {
		unsigned digit = (unsigned char)text.p[i] - (unsigned)'0';

		if (digit > 9)
			return -EINVAL;
		if (value > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*valuep = value;
	return 0;
}

int number_parse_i64(struct slice text, int64_t *valuep)
{
	bool negative = text.n > 0 && text.p[0] == '-';
	uint64_t magnitude;
	int r;

	r = number_parse_u64(negative ? slice_skip(text, 1) : text, &magnitude);
	if (r < 0)
		return r;
	if (magnitude > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*valuep = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	return 0;
}

static int parse_special(struct slice text, double *valuep)
{
	double sign = 1;

	if (slice_is_nocase(text, "nan")) {
		*valuep = (double)NAN;
		return 0;
	}
	if (text.n && (text.p[0] == '+' || text.p[0] == '-')) {
		sign = text.p[0] == '-' ? -1 : 1;
		text = slice_skip(text, 1);
	}
	if (!slice_is_nocase(text, "inf") && !slice_is_nocase(text, "infinity"))
		return -EINVAL;
	*valuep = sign * (double)INFINITY;
	return 0;
}

static bool is_decimal(char c)
{
	return (c >= '0' && c <= '9') || c == '.' || c == '+' || c == '-' ||
	       c == 'e' || c == 'E';
}

int number_parse_double(struct slice text, double *valuep)
{
	char copy[512]; /* no sane decimal is longer */
	char *end;
	double value;

	if (text.n == 0 || text.n >= sizeof(copy))
		return -EINVAL;
	for (size_t i = 0; i < text.n; i++) {
		if (!is_decimal(text.p[i]))
			return parse_special(text, valuep);
	}
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	errno = 0;
	value = strtod(copy, &end);
	if (end != copy + text.n)
		return -EINVAL;
	if (errno == ERANGE && !isfinite(value))
		return -ERANGE;
	*valuep = value;
	return 0;
}

int64_t number_round(double value)
{
	int64_t whole = (int64_t)value;
	double rest = value - (double)whole;

	return whole + (rest >= 0.5) - (rest <= -0.5);
}

int64_t number_ceil(double value)
{
	int64_t whole = (int64_t)value;

	return whole + (value > (double)whole);
}

bool number_is_whole(double value)
{
	/* 2^63 itself is a double, INT64_MAX is none */
	return value >= -0x1p63 && value < 0x1p63 &&
	       value == (double)(int64_t)value;
}

size_t number_format_double(double value, char *out)
{
	int n = 0;

	if (isnan(value))
		n = snprintf(out, NUMBER_TEXT_MAX, "NaN");
	else if (isinf(value))
		n = snprintf(out, NUMBER_TEXT_MAX, value > 0 ? "+Inf" : "-Inf");
	else if (fabs(value) < 1e15 && number_is_whole(value))
		n = snprintf(out, NUMBER_TEXT_MAX, "%.0f", value);
	else {
		for (int precision = 15; precision <= 17; precision++) {
			n = snprintf(out, NUMBER_TEXT_MAX, "%.*g", precision,
			             value);
			if (strtod(out, NULL) == value)
				break;
		}
	}
	return (size_t)n;
}

int number_parse_bool(struct slice text, bool *valuep)
{
	static const char *const yes[] = { "1", "true", "yes", "on" };
	static const char *const no[] = { "0", "false", "no", "off" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (slice_is_nocase(text, yes[i]))
			*valuep = true;
		else if (slice_is_nocase(text, no[i]))
			*valuep = false;
		else
			continue;
		return 0;
	}
	return -EINVAL;
}

/* Takes KiB, MiB or GiB off the end. */
static unsigned take_unit(struct slice *text)
{
	static const struct {
		const char *name;
		unsigned shift;
	} units[] = { { "KiB", 10 }, { "MiB", 20 }, { "GiB", 30 } };

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		size_t n = strlen(units[i].name);

		if (text->n <= n ||
		    !slice_is(slice_skip(*text, text->n - n), units[i].name))
			continue;
		text->n -= n;
		*text = slice_trim(*text);
		return units[i].shift;
	}
	return 0;
}

int number_parse_size(struct slice text, uint64_t *bytesp)
{
	unsigned shift = take_unit(&text);
	uint64_t value;
	int r;

	r = number_parse_u64(text, &value);
	if (r < 0)
		return r;
	if (value > (uint64_t)INT64_MAX >> shift)
		return -ERANGE;
	*bytesp = value << shift;
	return 0;
}
