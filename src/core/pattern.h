/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pattern: the regular expressions of matchers: what POSIX extended ones
 * (regcomp) and RE2 both know and read alike.
 *
 * Refused, with words, is what they read differently (\d, (?i), lazy
 * repetition, a backslash inside brackets), back references, and repetition
 * that would make a small text a large machine.
 */
#pragma once

#include <regex.h>
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define PATTERN_MAX_DEPTH 16   /* of parentheses */
#define PATTERN_MAX_PARTS 8192 /* characters once repetitions are written out */
#define PATTERN_MAX_SUBJECT \
	4096 /* bytes that are matched; what is longer, or holds a NUL,
	        matches nothing */

/* Of at most 4 KiB; it must match the whole subject. 0 with *regex to be
 * freed (regfree()), -EINVAL with words, or -ENOMEM. */
int pattern_compile(struct slice text, regex_t *regex,
                    struct err *err) MUST_CHECK;

/* 1: it matches; 0: it does not; -ENOMEM: nobody knows. */
int pattern_match(const regex_t *regex, struct slice subject);
