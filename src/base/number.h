/* SPDX-License-Identifier: Apache-2.0 */
/*
 * number: text to numbers, strictly. The whole slice must be the number; no
 * leading blanks, no sign where none makes sense. Independent of the locale.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/slice.h"

/* Each returns 0, -EINVAL (not a number) or -ERANGE; *valuep is untouched on
 * failure. Decimal digits only, int64 with an optional leading '-'. */
int number_parse_u64(struct slice text, uint64_t *valuep) MUST_CHECK;
int number_parse_i64(struct slice text, int64_t *valuep) MUST_CHECK;

/* Bytes: 1048576, 512KiB, 64MiB, 1 GiB; up to INT64_MAX. */
int number_parse_size(struct slice text, uint64_t *bytesp) MUST_CHECK;

/* A value as in the text exposition format: decimal or exponent, NaN, Inf,
 * +Inf, -Inf in any case; no hexadecimal, no underscores. */
int number_parse_double(struct slice text, double *valuep) MUST_CHECK;

/* The nearest whole number, halves away from zero; the least that is not below.
 * Both of numbers that an int64_t holds. Ours and not libm's, whose pages
 * would be a tenth of our memory. */
int64_t number_round(double value);
int64_t number_ceil(double value);

/* It has no fraction, and an int64_t holds it. NaN has neither. */
bool number_is_whole(double value);

/* Shortest decimal text that reads back as the same double, in exposition
 * form (NaN, +Inf, -Inf). @out must hold NUMBER_TEXT_MAX. Returns its
 * length. */
#define NUMBER_TEXT_MAX 32
size_t number_format_double(double value, char *out);

/* 1 true TRUE yes on / 0 false no off, in any case. 0 or -EINVAL. */
int number_parse_bool(struct slice text, bool *valuep) MUST_CHECK;
