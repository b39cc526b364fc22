/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quiet: recurring windows of local time in which nothing is bounced.
 *
 *     Sun 02:00-04:00        Mon-Fri 22:00-06:00      (over midnight)
 *     02:00-04:00  (daily)   Sat,Sun 00:00-24:00
 *
 * The days are those on which a window begins. Both ends are local times as a
 * clock on the wall shows them: where an hour is skipped or comes twice, a
 * window is shorter or longer. The end itself is not in the window.
 *
 * Pure: the time is given, and so is what makes local time of it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define QUIET_NEVER       INT64_MAX
#define QUIET_TEXT_MAX    48
#define QUIET_MAX_WINDOWS 32 /* of one monitor */

struct quiet_window {
	uint8_t days;  /* bit 0: Sunday */
	uint16_t from; /* minutes since midnight, 0 … 1439 */
	uint16_t to;   /* 1 … 1440; not after `from`: on the next day */
};

/* A moment as the clock on the wall shows it. */
struct quiet_local {
	uint8_t weekday;        /* 0: Sunday */
	uint32_t second_of_day; /* 0 … 86399 */
	int32_t offset_s;       /* east of UTC; changes with summer time */
};

typedef struct quiet_local (*quiet_local_cb)(int64_t wall_s);

/* By the C library, in the zone of the process (TZ). */
struct quiet_local quiet_local_libc(int64_t wall_s);

/* 0, or -EINVAL with what is wrong with the text (without the text). */
int quiet_parse(struct slice text, struct quiet_window *window,
                struct err *err) MUST_CHECK;

/* As it is written: "Mon,Tue 22:00-06:00". @out holds QUIET_TEXT_MAX. */
const char *quiet_format(const struct quiet_window *window, char *out);

/* The window that holds at that moment; NULL if none does. */
const struct quiet_window *quiet_at(const struct quiet_window *windows,
                                    unsigned n,
                                    const struct quiet_local *local);

/*
 * quiet_until() - when the quiet that holds at @wall_s ends
 *
 * Windows that meet or overlap are one. Unix seconds; @wall_s itself if none
 * holds; QUIET_NEVER if it does not end within a fortnight.
 */
int64_t quiet_until(const struct quiet_window *windows, unsigned n,
                    quiet_local_cb local, int64_t wall_s);
