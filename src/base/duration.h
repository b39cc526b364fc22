/* SPDX-License-Identifier: Apache-2.0 */
/*
 * duration: Go's notation for spans of time: `1h30m`, `1.5s`, `250ms`.
 * https://pkg.go.dev/time#ParseDuration
 *
 * Units: ns us µs ms s m h. A number without a unit is an error, but for a
 * plain `0`. Negative spans are refused: nothing here has a use for them.
 */
#pragma once

#include <stdint.h>
#include "base/macros.h"
#include "base/slice.h"

/* Milliseconds, rounded up so that a positive span never becomes zero.
 * Returns 0, -EINVAL or -ERANGE (over 2^53 ms); *msp untouched on failure. */
int duration_parse(struct slice text, uint64_t *msp) MUST_CHECK;

/* The same, and days of 24 hours before it, which Go has not: `90d`, `1d12h`. */
int duration_parse_days(struct slice text, uint64_t *msp) MUST_CHECK;

/* The text that Go prints, in milliseconds at the finest: `1h30m0s`, without
 * the trailing zero parts: `1h30m`, `90s` is `1m30s`, 0 is `0s`. @out holds
 * DURATION_TEXT_MAX. Returns @out. */
#define DURATION_TEXT_MAX 40
const char *duration_format(uint64_t ms, char *out);
