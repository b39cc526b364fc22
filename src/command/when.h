/* SPDX-License-Identifier: Apache-2.0 */
/*
 * when: moments and spans as a person reads them.
 */
#pragma once

#include <stdint.h>
#include "base/macros.h"
#include "base/slice.h"

#define WHEN_TEXT_MAX 48

/* The two largest parts: `12s`, `3m20s`, `5h12m`, `4d3h`. Returns @out. */
const char *when_span(uint64_t ms, char *out);

/* Local time, as short as it is clear at @now_ms: `14:05` within the same day,
 * `tomorrow 14:05`, else `2026-11-21 14:05`. Unix time. Returns @out. */
const char *when_clock(int64_t wall_ms, int64_t now_ms, char *out);

/* Local time: `2026-11-21 14:05:09`. Returns @out. */
const char *when_full(int64_t wall_ms, char *out);

/* Unix time. */
int64_t when_now_ms(void);

/* A moment of the past: a span before @now_ms (`1h30m`), or RFC 3339, or
 * `2026-11-21`, `2026-11-21 14:05`, `14:05` in local time, with or without
 * seconds. 0 or -EINVAL. */
int when_parse(struct slice text, int64_t now_ms, int64_t *wall_msp) MUST_CHECK;
