/* SPDX-License-Identifier: Apache-2.0 */
#include "command/when.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "base/duration.h"
#include "proto/timestamp.h"

#define SECOND_MS 1000
#define MINUTE_MS 60000
#define HOUR_MS   3600000
#define DAY_MS    86400000

_Static_assert(WHEN_TEXT_MAX >= DURATION_TEXT_MAX, "a span fits");

const char *when_span(uint64_t ms, char *out)
{
	if (ms < HOUR_MS)
		return duration_format(ms - ms % SECOND_MS, out);
	if (ms < DAY_MS)
		return duration_format(ms - ms % MINUTE_MS, out);
	(void)snprintf(out, WHEN_TEXT_MAX, "%" PRIu64 "d%uh", ms / DAY_MS,
	               (unsigned)(ms % DAY_MS / HOUR_MS));
	return out;
}

static struct tm local(int64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / SECOND_MS);
	struct tm tm = { 0 };

	(void)localtime_r(&seconds, &tm);
	return tm;
}

const char *when_clock(int64_t wall_ms, int64_t now_ms, char *out)
{
	struct tm then = local(wall_ms);
	struct tm now = local(now_ms);
	struct tm next = local(now_ms + DAY_MS);

	if (then.tm_year == now.tm_year && then.tm_yday == now.tm_yday)
		(void)strftime(out, WHEN_TEXT_MAX, "%H:%M", &then);
	else if (then.tm_year == next.tm_year && then.tm_yday == next.tm_yday)
		(void)strftime(out, WHEN_TEXT_MAX, "tomorrow %H:%M", &then);
	else
		(void)strftime(out, WHEN_TEXT_MAX, "%Y-%m-%d %H:%M", &then);
	return out;
}

const char *when_full(int64_t wall_ms, char *out)
{
	struct tm tm = local(wall_ms);

	(void)strftime(out, WHEN_TEXT_MAX, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

int64_t when_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * SECOND_MS + now.tv_nsec / 1000000;
}

int when_parse(struct slice text, int64_t now_ms, int64_t *wall_msp)
{
	static const char *const forms[] = {
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d",
		"%H:%M:%S",          "%H:%M",
	};
	char copy[WHEN_TEXT_MAX];
	uint64_t span_ms;

	if (duration_parse_days(text, &span_ms) == 0) {
		*wall_msp = now_ms - (int64_t)span_ms;
		return 0;
	}
	if (timestamp_parse_rfc3339(text, wall_msp) == 0)
		return 0;
	if (text.n >= sizeof(copy))
		return -EINVAL;
	(void)snprintf(copy, sizeof(copy), SLICE_FMT, SLICE_ARG(text));
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct tm tm = local(now_ms);
		const char *end;

		tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
		tm.tm_isdst = -1;
		end = strptime(copy, forms[i], &tm);
		if (!end || *end)
			continue;
		*wall_msp = (int64_t)mktime(&tm) * SECOND_MS;
		return 0;
	}
	return -EINVAL;
}
