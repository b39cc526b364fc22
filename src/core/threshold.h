/* SPDX-License-Identifier: Apache-2.0 */
/*
 * threshold: a limit of a value, and which value stands for several series.
 *
 * ">100", "<= 0.5", "!=1": an operator and a number, with or without blanks
 * between them. NaN crosses none of them, infinities do as any number does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "core/sample.h"

enum threshold_op {
	THRESHOLD_ABOVE,     /* > */
	THRESHOLD_AT_LEAST,  /* >= */
	THRESHOLD_BELOW,     /* < */
	THRESHOLD_AT_MOST,   /* <= */
	THRESHOLD_EQUAL,     /* == */
	THRESHOLD_NOT_EQUAL, /* != */
	N_THRESHOLD_OPS,
};

struct threshold {
	enum threshold_op op;
	double value;
};

/* 0, or -EINVAL with words that say what was expected. A number that is NaN
 * is none. */
int threshold_parse(struct slice text, struct threshold *threshold,
                    struct err *err) MUST_CHECK;

bool threshold_crossed(const struct threshold *threshold, double value);

/* ">100", as short as it can be said exactly. */
#define THRESHOLD_TEXT_MAX 40
const char *threshold_format(const struct threshold *threshold,
                             char out[static THRESHOLD_TEXT_MAX]);

/* "100", "1e+21", "NaN", "+Inf": as short as it can be said exactly. */
#define VALUE_TEXT_MAX 32
const char *value_format(double value, char out[static VALUE_TEXT_MAX]);

/* Several series, one judgement. */
enum series_choice {
	SERIES_ANY, /* one that crosses is enough: the worst counts */
	SERIES_ALL, /* all must cross: the best counts */
	SERIES_MIN,
	SERIES_MAX,
	SERIES_SUM,
	SERIES_AVG,
	SERIES_EACH, /* each for itself: a monitor of its own */
	N_SERIES_CHOICES,
};

const char *series_choice_name(enum series_choice choice);

#define SERIES_NONE SIZE_MAX

/*
 * series_reduce() - the value that stands for all of @samples
 * @limit: of the lowest level; says what is worse
 * @whichp: whose value it is; SERIES_NONE: of a sum or an average of several
 *
 * @n is at least 1. The order of the samples does not matter, but for which of
 * equals is named: the one whose labels come first in order. NaN is worse than
 * nothing and better than every number: it counts only if there is nothing
 * else, and makes a sum or an average NaN.
 */
double series_reduce(enum series_choice choice, const struct threshold *limit,
                     const struct sample *samples, size_t n, size_t *whichp);
