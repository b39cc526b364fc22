/* SPDX-License-Identifier: Apache-2.0 */
#include "base/duration.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/number.h"

#define DURATION_MAX_MS 9007199254740992.0 /* 2^53 */
#define DAY_MS          86400000

static const struct unit {
	const char *name;
	double ms;
} units[] = {
	/* a unit that is the beginning of another stands after it */
	{ "ns", 1e-6 }, { "us", 1e-3 },        { "\xc2\xb5s", 1e-3 },
	{ "ms", 1 },    { "\xce\xbcs", 1e-3 }, { "s", 1000 },
	{ "m", 60000 }, { "h", 3600000 },
};

static const struct unit *take_unit(struct slice *textp)
{
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (!slice_starts(*textp, units[i].name))
			continue;
		*textp = slice_skip(*textp, strlen(units[i].name));
		return &units[i];
	}
	return NULL;
}

/* Digits with at most one point; at least one digit. */
static int take_number(struct slice *textp, double *valuep)
{
	double value = 0;
	double scale = 1;
	size_t n_digits = 0;
	bool point = false;
	size_t i;

	for (i = 0; i < textp->n; i++) {
		char c = textp->p[i];

		if (c == '.' && !point) {
			point = true;
			continue;
		}
		if (c < '0' || c > '9')
			break;
		n_digits++;
		if (point)
			value += (c - '0') * (scale /= 10);
		else
			value = value * 10 + (c - '0');
	}
	if (n_digits == 0)
		return -EINVAL;
	*textp = slice_skip(*textp, i);
	*valuep = value;
	return 0;
}

int duration_parse(struct slice text, uint64_t *msp)
{
	double total = 0;

	if (slice_is(text, "0")) {
		*msp = 0;
		return 0;
	}
	if (text.n && text.p[0] == '+')
		text = slice_skip(text, 1);
	if (text.n == 0)
		return -EINVAL;

	while (text.n) {
		const struct unit *unit;
		double value;

		if (take_number(&text, &value) < 0)
			return -EINVAL;
		unit = take_unit(&text);
		if (!unit)
			return -EINVAL;
		total += value * unit->ms;
	}
	if (total > DURATION_MAX_MS)
		return -ERANGE;
	/* forgive what binary fractions add: 0.1s is 100 ms, not 101 */
	*msp = (uint64_t)number_ceil(total - 1e-7);
	return 0;
}

int duration_parse_days(struct slice text, uint64_t *msp)
{
	const char *d = text.n ? memchr(text.p, 'd', text.n) : NULL;
	size_t n = d ? (size_t)(d - text.p) : 0;
	uint64_t days;
	uint64_t ms = 0;
	int r;

	if (!d)
		return duration_parse(text, msp);
	r = number_parse_u64((struct slice){ text.p, n }, &days);
	if (r < 0)
		return r;
	text = slice_skip(text, n + 1);
	if (text.n && (text.p[0] == '+' || slice_is(text, "0")))
		return -EINVAL;
	if (text.n)
		r = duration_parse(text, &ms);
	if (r < 0)
		return r;
	if (days > (uint64_t)((DURATION_MAX_MS - (double)ms) / DAY_MS))
		return -ERANGE;
	*msp = days * DAY_MS + ms;
	return 0;
}

const char *duration_format(uint64_t ms, char *out)
{
	uint64_t hours = ms / 3600000;
	uint64_t minutes = ms / 60000 % 60;
	uint64_t seconds = ms / 1000 % 60;
	uint64_t rest = ms % 1000;
	int n = 0;

	if (ms < 1000 && ms > 0) {
		(void)snprintf(out, DURATION_TEXT_MAX, "%" PRIu64 "ms", ms);
		return out;
	}
	if (hours)
		n += snprintf(out, DURATION_TEXT_MAX, "%" PRIu64 "h", hours);
	if (minutes)
		n += snprintf(out + n, DURATION_TEXT_MAX - (size_t)n,
		              "%" PRIu64 "m", minutes);
	if (rest) {
		n += snprintf(out + n, DURATION_TEXT_MAX - (size_t)n,
		              "%" PRIu64 ".%03" PRIu64, seconds, rest);
		while (out[n - 1] == '0')
			n--;
		(void)snprintf(out + n, DURATION_TEXT_MAX - (size_t)n, "s");
	} else if (seconds || ms == 0) {
		(void)snprintf(out + n, DURATION_TEXT_MAX - (size_t)n,
		               "%" PRIu64 "s", seconds);
	}
	return out;
}
