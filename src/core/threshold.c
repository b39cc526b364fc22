/* SPDX-License-Identifier: Apache-2.0 */
#include "core/threshold.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include "base/number.h"

_Static_assert(VALUE_TEXT_MAX >= NUMBER_TEXT_MAX, "a value is a number");

#define OPERATOR_MAX 2

/* Those of two characters first: the others begin like them. */
static const struct {
	const char *text;
	enum threshold_op op;
} operators[N_THRESHOLD_OPS] = {
	{ ">=", THRESHOLD_AT_LEAST }, { "<=", THRESHOLD_AT_MOST },
	{ "==", THRESHOLD_EQUAL },    { "!=", THRESHOLD_NOT_EQUAL },
	{ ">", THRESHOLD_ABOVE },     { "<", THRESHOLD_BELOW },
};

static const char *const choice_names[N_SERIES_CHOICES] = {
	[SERIES_ANY] = "any",   [SERIES_ALL] = "all", [SERIES_MIN] = "min",
	[SERIES_MAX] = "max",   [SERIES_SUM] = "sum", [SERIES_AVG] = "avg",
	[SERIES_EACH] = "each",
};

/* --- limits --------------------------------------------------------------- */

/* Takes the operator off the front of *@textp; false if there is none. */
static bool take_operator(struct slice *textp, enum threshold_op *opp)
{
	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		if (!slice_starts(*textp, operators[i].text))
			continue;
		*textp = slice_skip(*textp, strlen(operators[i].text));
		*opp = operators[i].op;
		return true;
	}
	return false;
}

int threshold_parse(struct slice text, struct threshold *threshold,
                    struct err *err)
{
	struct slice rest = slice_trim(text);
	enum threshold_op op;
	double value;

	if (!take_operator(&rest, &op))
		return err_set(err, -EINVAL,
		               "a threshold begins with >, >=, <, <=, == or "
		               "!=, as in \">100\"");
	rest = slice_trim(rest);
	if (rest.n == 0)
		return err_set(err, -EINVAL,
		               "the operator of a threshold is followed by a "
		               "number, as in \">100\"");
	if (number_parse_double(rest, &value) < 0)
		return err_set(err, -EINVAL,
		               "\"%.*s\" is not a number that a value can be "
		               "compared with",
		               (int)MIN(rest.n, (size_t)64), rest.p);
	if (isnan(value))
		return err_set(err, -EINVAL,
		               "nothing can be compared with NaN; a threshold "
		               "is a number");
	*threshold = (struct threshold){ op, value };
	return 0;
}

bool threshold_crossed(const struct threshold *threshold, double value)
{
	double limit = threshold->value;

	if (isnan(value))
		return false;
	switch (threshold->op) {
	case THRESHOLD_ABOVE:
		return value > limit;
	case THRESHOLD_AT_LEAST:
		return value >= limit;
	case THRESHOLD_BELOW:
		return value < limit;
	case THRESHOLD_AT_MOST:
		return value <= limit;
	case THRESHOLD_EQUAL:
		return value == limit;
	case THRESHOLD_NOT_EQUAL:
		return value != limit;
	case N_THRESHOLD_OPS:
	default:
		return false;
	}
}

const char *value_format(double value, char out[static VALUE_TEXT_MAX])
{
	(void)number_format_double(value, out);
	return out;
}

const char *threshold_format(const struct threshold *threshold,
                             char out[static THRESHOLD_TEXT_MAX])
{
	const char *op = "";
	char value[VALUE_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
		if (operators[i].op == threshold->op)
			op = operators[i].text;
	}
	(void)snprintf(out, THRESHOLD_TEXT_MAX, "%.*s%s", OPERATOR_MAX, op,
	               value_format(threshold->value, value));
	return out;
}

/* --- several series ------------------------------------------------------- */

const char *series_choice_name(enum series_choice choice)
{
	return choice_names[choice];
}

static double distance(double a, double b)
{
	return a == b ? 0 : fabs(a - b); /* also of two infinities */
}

/* The greater, the nearer to the limit, or the further beyond it. */
static double badness(const struct threshold *limit, double value)
{
	switch (limit->op) {
	case THRESHOLD_BELOW:
	case THRESHOLD_AT_MOST:
		return -value;
	case THRESHOLD_EQUAL:
		return -distance(value, limit->value);
	case THRESHOLD_NOT_EQUAL:
		return distance(value, limit->value);
	case THRESHOLD_ABOVE:
	case THRESHOLD_AT_LEAST:
	case N_THRESHOLD_OPS:
	default:
		return value;
	}
}

/* What is looked for is the greatest of these. */
static double rank(enum series_choice choice, const struct threshold *limit,
                   double value)
{
	switch (choice) {
	case SERIES_ALL:
		return -badness(limit, value);
	case SERIES_MIN:
		return -value;
	case SERIES_MAX:
		return value;
	case SERIES_ANY:
	case SERIES_EACH:
	case SERIES_SUM:
	case SERIES_AVG:
	case N_SERIES_CHOICES:
	default:
		return badness(limit, value);
	}
}

static int compare_labels(const struct sample *a, const struct sample *b)
{
	for (size_t i = 0; i < MIN(a->n_labels, b->n_labels); i++) {
		int order = slice_compare(a->labels[i].name, b->labels[i].name);

		if (order == 0)
			order = slice_compare(a->labels[i].value,
			                      b->labels[i].value);
		if (order)
			return order;
	}
	return (a->n_labels > b->n_labels) - (a->n_labels < b->n_labels);
}

static bool comes_before(enum series_choice choice,
                         const struct threshold *limit, const struct sample *a,
                         const struct sample *b)
{
	double of_a;
	double of_b;

	if (isnan(a->value) || isnan(b->value)) {
		if (!isnan(a->value) || !isnan(b->value))
			return isnan(b->value);
		return compare_labels(a, b) < 0;
	}
	of_a = rank(choice, limit, a->value);
	of_b = rank(choice, limit, b->value);
	return of_a > of_b || (of_a == of_b && compare_labels(a, b) < 0);
}

/* So wide that no sum of doubles overflows, nor depends on their order. */
static long double sum_of(const struct sample *samples, size_t n)
{
	long double sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (long double)samples[i].value;
	return sum;
}

double series_reduce(enum series_choice choice, const struct threshold *limit,
                     const struct sample *samples, size_t n, size_t *whichp)
{
	size_t which = 0;

	if (n > 1 && (choice == SERIES_SUM || choice == SERIES_AVG)) {
		long double sum = sum_of(samples, n);

		*whichp = SERIES_NONE;
		return (double)(choice == SERIES_SUM ? sum
		                                     : sum / (long double)n);
	}
	for (size_t i = 1; i < n; i++) {
		if (comes_before(choice, limit, &samples[i], &samples[which]))
			which = i;
	}
	*whichp = which;
	return samples[which].value;
}
