/* SPDX-License-Identifier: Apache-2.0 */
/*
 * timezone: does a text name a time zone? The C library takes any text and
 * falls back to UTC without a word.
 */
#pragma once

#include <stdbool.h>
#include "base/slice.h"

#define TIMEZONE_MAX 128 /* bytes */

/* A zone of the machine's database (Europe/Berlin; TZDIR is heeded), UTC, or a
 * POSIX TZ string (CET-1CEST,M3.5.0,M10.5.0/3). Looks at the file system. */
bool timezone_exists(struct slice name);
