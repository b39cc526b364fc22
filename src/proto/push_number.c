/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/push_number.h"

#include <stdint.h>
#include <stdio.h>
#include "base/number.h"

#define SAFE_DIGITS  300 /* a number with so many is in range */
#define KEPT_DIGITS  400 /* what may decide whether it is */
#define MAX_EXPONENT 100000

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Neither the exponent nor the digits say at once that it is in range: of
 * what may be very long, what decides. */
static bool is_in_range(const char *p, const char *end)
{
	char text[KEPT_DIGITS + 16];
	int64_t exponent = 0;
	int64_t n_shift = 0;
	double value;
	size_t n = 0;
	bool point = false;
	int written;

	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		bool leading = n == 0 && *p == '0';
		bool kept = !leading && n < KEPT_DIGITS;

		if (*p == '.') {
			point = true;
			continue;
		}
		if (kept)
			text[n++] = *p;
		if (point && (kept || leading))
			n_shift--;
		if (!point && !kept && !leading)
			n_shift++;
	}
	if (n == 0)
		return true;
	if (p < end) {
		bool negative = *++p == '-';

		if (*p == '-' || *p == '+')
			p++;
		for (; p < end; p++)
			exponent = MIN(exponent * 10 + (*p - '0'),
			               (int64_t)INT32_MAX);
		exponent = negative ? -exponent : exponent;
	}
	exponent += n_shift;
	exponent = MAX(MIN(exponent, MAX_EXPONENT), -MAX_EXPONENT);
	written = snprintf(text + n, sizeof(text) - n, "e%d", (int)exponent);
	return number_parse_double(slice_make(text, n + (size_t)written),
	                           &value) == 0;
}

static bool is_special(struct slice text, bool signed_text)
{
	return slice_is_nocase(text, "inf") ||
	       slice_is_nocase(text, "infinity") ||
	       (!signed_text && slice_is_nocase(text, "nan"));
}

bool push_number_is_float(struct slice text)
{
	const char *end = text.p + text.n;
	const char *start = text.p;
	const char *p;
	size_t n_digits;

	if (start < end && (*start == '-' || *start == '+'))
		start++;
	p = skip_digits(start, end);
	n_digits = (size_t)(p - start);
	if (p < end && *p == '.') {
		const char *decimals = ++p;

		p = skip_digits(p, end);
		n_digits += (size_t)(p - decimals);
	}
	if (n_digits == 0)
		return p == start &&
		       is_special(slice_make(start, (size_t)(end - start)),
		                  start > text.p);
	if (p == end && n_digits < SAFE_DIGITS)
		return true;
	if (p < end) {
		if (*p != 'e' && *p != 'E')
			return false;
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		if (p == end || skip_digits(p, end) != end)
			return false;
	}
	return is_in_range(start, end);
}

bool push_number_is_nan(struct slice text)
{
	return slice_is_nocase(text, "nan");
}

bool push_number_is_negative(struct slice text)
{
	if (text.n == 0 || text.p[0] != '-')
		return false;
	for (size_t i = 1; i < text.n; i++) {
		if (text.p[i] == 'e' || text.p[i] == 'E')
			return false;
		if (text.p[i] != '0' && text.p[i] != '.')
			return true;
	}
	return false;
}

bool push_number_is_timestamp(struct slice text)
{
	int64_t value;

	if (text.n > 1 && text.p[0] == '+' && text.p[1] != '-')
		text = slice_skip(text, 1);
	return number_parse_i64(text, &value) == 0;
}
