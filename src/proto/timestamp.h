/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timestamp: moments as text, to and from Unix time in milliseconds.
 *
 * RFC 3339 (section 5.6), as Go and the engines print it, and the three forms
 * of an HTTP date (RFC 9110, section 5.6.7). Pure arithmetic on the proleptic
 * Gregorian calendar, years 0000 to 9999; no clock, locale or time zone
 * database. Finer than a millisecond is cut off towards the past.
 */
#pragma once

#include <stdint.h>
#include "base/macros.h"
#include "base/slice.h"

/* `2026-01-02T15:04:05.123456789+01:00`; any number of decimals, `T` and `Z`
 * in either case. A leap second is the first second of the next minute.
 * 0 or -EINVAL; *msp untouched on failure. */
int timestamp_parse_rfc3339(struct slice text, int64_t *msp) MUST_CHECK;

/* `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or
 * `Sun Nov  6 08:49:37 1994`. Two digits of a year mean 1970 to 2069. The day
 * of the week must be one; whether it is the right one is not looked at.
 * As above. */
int timestamp_parse_http(struct slice text, int64_t *msp) MUST_CHECK;

/* `2026-01-02T15:04:05.123Z`. A moment outside the years 0000 to 9999 gives
 * the nearest one inside. @out must hold TIMESTAMP_TEXT_MAX. Returns @out. */
#define TIMESTAMP_TEXT_MAX 32
const char *timestamp_format(int64_t ms, char *out);
