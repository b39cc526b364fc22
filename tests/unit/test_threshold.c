/* SPDX-License-Identifier: Apache-2.0 */
/* threshold: limits as text, what crosses them, and which of several counts. */
#include "support/cmocka.h"

#include <errno.h>
#include <math.h>
#include "core/threshold.h"

static void test_text(void **state)
{
	static const struct {
		const char *text;
		const char *means; /* NULL: refused */
	} rows[] = {
		{ ">100", ">100" },
		{ ">=100", ">=100" },
		{ "<0.5", "<0.5" },
		{ "<= 0.5", "<=0.5" },
		{ " == 1 ", "==1" },
		{ "!=\t0", "!=0" },
		{ "> -5", ">-5" },
		{ ">1e3", ">1000" },
		{ ">0.1", ">0.1" },
		{ ">1e21", ">1e+21" },
		{ ">-1.7976931348623157e308", ">-1.7976931348623157e+308" },
		{ ">Inf", ">+Inf" },
		{ "<-inf", "<-Inf" },
		{ "", NULL },
		{ "100", NULL },
		{ ">", NULL },
		{ "> ", NULL },
		{ "=5", NULL },
		{ "=>5", NULL },
		{ "!5", NULL },
		{ "> = 5", NULL },
		{ ">>5", NULL },
		{ ">NaN", NULL },
		{ ">1e999", NULL },
		{ ">5%", NULL },
		{ ">5 6", NULL },
		{ ">0x10", NULL },
		{ "greater_than 5", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct threshold threshold;
		char text[THRESHOLD_TEXT_MAX];
		struct err err = { 0 };
		int r = threshold_parse(slice_from(rows[i].text), &threshold,
		                        &err);

		if ((r == 0) != (rows[i].means != NULL))
			fail_msg("\"%s\": %d %s", rows[i].text, r, err.message);
		if (r == 0) {
			assert_string_equal(threshold_format(&threshold, text),
			                    rows[i].means);
		} else {
			assert_int_equal(r, -EINVAL);
			assert_true(err.message[0] != '\0');
		}
	}
}

static void test_crossed(void **state)
{
	static const double values[] = {
		-(double)INFINITY, 99, 100, 101, (double)INFINITY, (double)NAN
	};
	static const struct {
		enum threshold_op op;
		const char *crossed; /* of each value, in order */
	} rows[] = {
		{ THRESHOLD_ABOVE, "...xx." },
		{ THRESHOLD_AT_LEAST, "..xxx." },
		{ THRESHOLD_BELOW, "xx...." },
		{ THRESHOLD_AT_MOST, "xxx..." },
		{ THRESHOLD_EQUAL, "..x..." },
		{ THRESHOLD_NOT_EQUAL, "xx.xx." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct threshold threshold = { rows[i].op, 100 };

		for (size_t j = 0; j < ARRAY_SIZE(values); j++)
			assert_int_equal(
				threshold_crossed(&threshold, values[j]),
				rows[i].crossed[j] == 'x');
	}
}

static void test_values(void **state)
{
	char text[VALUE_TEXT_MAX];

	assert_string_equal(value_format(104.5, text), "104.5");
	assert_string_equal(value_format(100, text), "100");
	assert_string_equal(value_format(1e21, text), "1e+21");
	assert_string_equal(value_format((double)NAN, text), "NaN");
	assert_string_equal(value_format((double)INFINITY, text), "+Inf");
}

#define LABEL(value)                     \
	(const struct label[])           \
	{                                \
		{                        \
			{ "a", 1 },      \
			{                \
				value, 1 \
			}                \
		}                        \
	}
#define SAMPLE(label, value)           \
	{                              \
		LABEL(label), 1, value \
	}
#define NONE SERIES_NONE

/* The samples of a row in both orders: the outcome is the same. */
static void test_reduce(void **state)
{
	static const double inf = (double)INFINITY;
	static const double nan = (double)NAN;
	const struct {
		enum series_choice choice;
		enum threshold_op op; /* of the limit 100 */
		double values[3];
		double value;
		size_t which;
	} rows[] = {
		{ SERIES_ANY, THRESHOLD_ABOVE, { 1, 300, 2 }, 300, 1 },
		{ SERIES_ANY, THRESHOLD_BELOW, { 1, 300, 2 }, 1, 0 },
		{ SERIES_ANY, THRESHOLD_AT_LEAST, { 1, inf, 2 }, inf, 1 },
		{ SERIES_ANY, THRESHOLD_AT_MOST, { 1, 300, -inf }, -inf, 2 },
		{ SERIES_ANY, THRESHOLD_EQUAL, { 99, 100, 102 }, 100, 1 },
		{ SERIES_ANY, THRESHOLD_NOT_EQUAL, { 100, 100, 99 }, 99, 2 },
		{ SERIES_ANY, THRESHOLD_NOT_EQUAL, { 101, -inf, 9 }, -inf, 1 },
		{ SERIES_ALL, THRESHOLD_ABOVE, { 1, 300, 2 }, 1, 0 },
		{ SERIES_ALL, THRESHOLD_BELOW, { 1, 300, 2 }, 300, 1 },
		{ SERIES_ALL, THRESHOLD_EQUAL, { 100, 100, 102 }, 102, 2 },
		{ SERIES_ALL, THRESHOLD_NOT_EQUAL, { 1, 100, 2 }, 100, 1 },
		{ SERIES_MIN, THRESHOLD_ABOVE, { 4, 300, 2 }, 2, 2 },
		{ SERIES_MAX, THRESHOLD_BELOW, { 4, 300, 2 }, 300, 1 },
		{ SERIES_SUM, THRESHOLD_ABOVE, { 4, 300, 2 }, 306, NONE },
		{ SERIES_AVG, THRESHOLD_ABOVE, { 4, 300, 2 }, 102, NONE },
		{ SERIES_AVG,
		  THRESHOLD_ABOVE,
		  { 1.5e308, 1.5e308, 1.5e308 },
		  1.5e308,
		  NONE },
		/* of equals the first by its labels */
		{ SERIES_ANY, THRESHOLD_ABOVE, { 7, 7, 7 }, 7, 0 },
		{ SERIES_MAX, THRESHOLD_ABOVE, { 1, 7, 7 }, 7, 1 },
		/* NaN only if there is nothing else */
		{ SERIES_ANY, THRESHOLD_ABOVE, { nan, 7, nan }, 7, 1 },
		{ SERIES_ALL, THRESHOLD_ABOVE, { nan, 7, nan }, 7, 1 },
		{ SERIES_MIN, THRESHOLD_ABOVE, { nan, nan, 7 }, 7, 2 },
		{ SERIES_ANY, THRESHOLD_ABOVE, { nan, nan, nan }, nan, 0 },
		{ SERIES_SUM, THRESHOLD_ABOVE, { 1, nan, 2 }, nan, NONE },
		{ SERIES_AVG, THRESHOLD_ABOVE, { inf, 1, -inf }, nan, NONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct threshold limit = { rows[i].op, 100 };
		const double *v = rows[i].values;
		const struct sample there[] = { SAMPLE("1", v[0]),
			                        SAMPLE("2", v[1]),
			                        SAMPLE("3", v[2]) };
		const struct sample back[] = { SAMPLE("3", v[2]),
			                       SAMPLE("2", v[1]),
			                       SAMPLE("1", v[0]) };
		size_t which[2];
		double value[2];

		value[0] = series_reduce(rows[i].choice, &limit, there, 3,
		                         &which[0]);
		value[1] = series_reduce(rows[i].choice, &limit, back, 3,
		                         &which[1]);
		if (which[1] != SERIES_NONE)
			which[1] = 2 - which[1];
		for (int j = 0; j < 2; j++) {
			bool same = isnan(rows[i].value)
			                    ? isnan(value[j]) != 0
			                    : value[j] == rows[i].value;

			if (!same || which[j] != rows[i].which)
				fail_msg("row %zu.%d: %g of %zu", i, j,
				         value[j], which[j]);
		}
	}
}

static void test_one(void **state)
{
	const struct threshold limit = { THRESHOLD_ABOVE, 100 };
	const struct sample one = { NULL, 0, 5 };

	for (int i = 0; i < N_SERIES_CHOICES; i++) {
		size_t which = 9;

		assert_true(series_reduce((enum series_choice)i, &limit, &one,
		                          1, &which) == 5);
		assert_int_equal(which, 0);
	}
	assert_string_equal(series_choice_name(SERIES_EACH), "each");
	assert_string_equal(series_choice_name(SERIES_ANY), "any");
}

static void test_same_labels(void **state)
{
	const struct threshold limit = { THRESHOLD_ABOVE, 100 };
	const struct label two[] = { { { "a", 1 }, { "1", 1 } },
		                     { { "b", 1 }, { "1", 1 } } };
	const struct label other[] = { { { "c", 1 }, { "0", 1 } } };
	const struct sample samples[] = { { two, 2, 5 },
		                          { other, 1, 5 },
		                          { two, 1, 5 } };
	size_t which;

	(void)series_reduce(SERIES_ANY, &limit, samples, 3, &which);
	assert_int_equal(which, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_crossed),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_reduce),
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_same_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
