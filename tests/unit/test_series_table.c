/* SPDX-License-Identifier: Apache-2.0 */
/* series_table: which samples of an exporter whom concern. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include "core/series_table.h"
#include "support/faults.h"

#define N_MAX 8

/* What each subscription was told: "a=1,b=2:5 " for each series, "?" for
 * unknown, "?!WORDS" where the words are new. */
struct told {
	char text[N_MAX][256];
	uint32_t n;
};

static void on_told(void *context, const struct series_result *result)
{
	struct told *told = context;
	char *out = told->text[result->number];
	size_t size = sizeof(told->text[0]);
	size_t n = 0;

	assert_int_equal(result->number, told->n++);
	assert_true(result->samples || result->n == 0);
	out[0] = '\0';
	if (!result->samples)
		(void)snprintf(out, size, "?%s%s", result->is_new ? "!" : "",
		               result->is_new ? result->trouble : "");
	for (size_t i = 0; i < result->n && n < size; i++) {
		const struct sample *sample = &result->samples[i];

		for (size_t j = 0; j < sample->n_labels && n < size; j++)
			n += (size_t)snprintf(
				out + n, size - n, "%s" SLICE_FMT "=" SLICE_FMT,
				j ? "," : "", SLICE_ARG(sample->labels[j].name),
				SLICE_ARG(sample->labels[j].value));
		n += (size_t)snprintf(out + n, size - n, ":%g ", sample->value);
	}
}

static void conclude(struct series_table *table, bool good, struct told *told)
{
	told->n = 0;
	series_table_conclude(table, good, on_told, told);
}

static void see_at(struct series_table *table, const char *name, const char *a,
                   const char *b, const char *value, bool has_time)
{
	struct series_family *family =
		series_table_family(table, slice_from(name));
	struct label labels[2];
	size_t n = 0;

	if (a)
		labels[n++] = (struct label){ slice_from("a"), slice_from(a) };
	if (b)
		labels[n++] = (struct label){ slice_from("b"), slice_from(b) };
	if (family)
		series_table_see(table, family, labels, n, slice_from(value),
		                 has_time);
}

static void see(struct series_table *table, const char *name, const char *a,
                const char *b, const char *value)
{
	see_at(table, name, a, b, value, false);
}

static void test_who_is_meant(void **state)
{
	static const struct {
		const char *name;
		const char *matchers;
		const char *told;
	} rows[N_MAX] = {
		{ "up", NULL, "a=1,b=x:1 a=2,b=x:2 a=2:3 :4 " },
		{ "up", "", "a=1,b=x:1 a=2,b=x:2 a=2:3 :4 " },
		{ "up", "a=\"2\"", "a=2,b=x:2 a=2:3 " },
		{ "up", "a=\"2\",b=\"\"", "a=2:3 " },
		{ "up", "a=~\"[0-9]\",b!=\"\"", "a=1,b=x:1 a=2,b=x:2 " },
		{ "up", "a=\"2\",a=~\"1\"", "" },
		{ "up.x", NULL, "a=1:NaN " },
		{ "absent", "a=\"1\"", "" },
	};
	struct series_table table;
	struct told told;

	series_table_init(&table, 42);
	for (uint32_t i = 0; i < N_MAX; i++)
		assert_int_equal(series_table_add(&table, i, rows[i].name,
		                                  rows[i].matchers, NULL),
		                 0);
	assert_null(series_table_family(&table, slice_from("u")));
	assert_null(series_table_family(&table, slice_from("down")));
	for (int reading = 0; reading < 2; reading++) {
		series_table_begin(&table);
		see(&table, "up", "1", "x", "1");
		see(&table, "down", "1", "x", "9");
		see(&table, "up", "2", "x", "2");
		see(&table, "up.x", "1", NULL, "NaN");
		see(&table, "up", "2", NULL, "3");
		see(&table, "up", NULL, NULL, "4");
		assert_int_equal(series_table_failed(&table), 0);
		conclude(&table, true, &told);
		for (uint32_t i = 0; i < N_MAX; i++)
			assert_string_equal(told.text[i],
			                    strstr(rows[i].told, "NaN")
			                            ? "a=1:nan "
			                            : rows[i].told);
	}
	conclude(&table, false, &told);
	for (uint32_t i = 0; i < N_MAX; i++)
		assert_string_equal(told.text[i], "?");
	series_table_fini(&table);
}

static void test_the_same_twice(void **state)
{
	struct series_table table;
	struct told told;

	series_table_init(&table, 42);
	assert_int_equal(series_table_add(&table, 0, "up", NULL, NULL), 0);
	assert_int_equal(series_table_add(&table, 1, "up", "a=\"1\"", NULL), 0);
	series_table_begin(&table);
	see(&table, "up", "1", NULL, "1");
	see(&table, "up", "2", NULL, "5");
	see(&table, "up", "1", NULL, "2");
	see_at(&table, "up", "2", NULL, "6", true);
	conclude(&table, true, &told);
	assert_string_equal(told.text[0], "a=1:1 a=2:6 ");
	assert_string_equal(told.text[1], "a=1:1 ");
	series_table_fini(&table);
}

static void test_left_out(void **state)
{
	struct series_table table;
	struct told told;

	series_table_init(&table, 42);
	assert_int_equal(series_table_add(&table, 0, "up", NULL, NULL), 0);
	assert_int_equal(series_table_add(&table, 1, "down", NULL, NULL), 0);
	assert_int_equal(series_table_add(&table, 2, "absent", NULL, NULL), 0);

	/* of one family */
	series_table_begin(&table);
	see(&table, "up", "1", NULL, "1");
	see(&table, "up", "2", NULL, "1e999");
	see(&table, "down", "1", NULL, "1");
	conclude(&table, true, &told);
	assert_string_equal(told.text[0],
	                    "?!a line of this metric cannot be read");
	assert_string_equal(told.text[1], "a=1:1 ");
	assert_string_equal(told.text[2], "");

	/* said once; of any family: only what is not there */
	series_table_begin(&table);
	see(&table, "down", "1", NULL, "1");
	series_table_left_out(&table,
	                      series_table_family(&table, slice_from("up")));
	series_table_left_out(&table, NULL);
	conclude(&table, true, &told);
	assert_string_equal(told.text[0], "?");
	assert_string_equal(told.text[1], "a=1:1 ");
	assert_string_equal(told.text[2],
	                    "?!it is not there, but a line cannot be read");

	/* a failure between changes nothing; then all is well, then again */
	conclude(&table, false, &told);
	assert_string_equal(told.text[0], "?");
	series_table_begin(&table);
	conclude(&table, true, &told);
	assert_string_equal(told.text[0], "");
	series_table_begin(&table);
	series_table_left_out(&table,
	                      series_table_family(&table, slice_from("up")));
	conclude(&table, true, &told);
	assert_string_equal(told.text[0],
	                    "?!a line of this metric cannot be read");
	series_table_fini(&table);
}

static void test_too_many(void **state)
{
	struct series_table table;
	struct told told;

	series_table_init(&table, 42);
	assert_int_equal(series_table_add(&table, 0, "up", NULL, NULL), 0);
	assert_int_equal(series_table_add(&table, 1, "up", "a=\"7\"", NULL), 0);
	for (int excess = 0; excess < 2; excess++) {
		series_table_begin(&table);
		for (int i = 0; i < SERIES_TABLE_MAX_SERIES + excess; i++) {
			char a[16];

			(void)snprintf(a, sizeof(a), "%d", i);
			see(&table, "up", a, NULL, "1");
		}
		conclude(&table, true, &told);
		assert_string_equal(told.text[1], "a=7:1 ");
		assert_true((told.text[0][0] == '?') == (excess > 0));
	}
	assert_string_equal(told.text[0],
	                    "?!more than 1000 series match; ask for fewer");
	series_table_fini(&table);
}

static void test_too_much(void **state)
{
	static char large[65536];
	struct series_table table;

	memset(large, 'x', sizeof(large) - 1);
	series_table_init(&table, 42);
	assert_int_equal(series_table_add(&table, 0, "up", NULL, NULL), 0);
	series_table_begin(&table);
	for (int i = 0; i < 400; i++) {
		large[0] = (char)('a' + i % 26);
		large[1] = (char)('a' + i / 26);
		see(&table, "up", large, NULL, "1");
	}
	assert_int_equal(series_table_failed(&table), -E2BIG);
	series_table_begin(&table);
	assert_int_equal(series_table_failed(&table), 0);
	series_table_fini(&table);
}

/* More names of labels than are remembered: all are looked at. */
static void test_many_keys(void **state)
{
	struct series_table table;
	struct told told;

	series_table_init(&table, 42);
	for (uint32_t i = 0; i < 12; i++) {
		char matchers[32];

		(void)snprintf(matchers, sizeof(matchers), "l%u=\"\",a=\"%u\"",
		               i, i);
		assert_int_equal(series_table_add(&table, i % N_MAX, "up",
		                                  matchers, NULL),
		                 0);
		if (i != 0 && i != N_MAX - 1)
			continue;
		series_table_begin(&table);
		see(&table, "up", "0", "x", "1");
		see(&table, "up", "9", "x", "1");
		conclude(&table, true, &told);
		assert_string_equal(told.text[0], "a=0,b=x:1 ");
	}
	assert_int_equal(told.n, N_MAX);
	series_table_fini(&table);
}

static void test_refused(void **state)
{
	struct series_table table;
	struct err err = { 0 };
	struct told told = { .n = 0 };

	series_table_init(&table, 42);
	assert_int_equal(series_table_add(&table, 0, "up", "a=1", &err),
	                 -EINVAL);
	assert_non_null(strstr(err.message, "label a: a value stands in"));
	series_table_begin(&table);
	conclude(&table, true, &told);
	assert_int_equal(told.n, 0);
	series_table_fini(&table);
}

/* A failure adds nothing, and is told of a reading. */
static void scenario(bool *failedp)
{
	struct series_table table;
	struct told told = { .n = 0 };
	int r;

	series_table_init(&table, 42);
	r = series_table_add(&table, 0, "up", "a=\"1\"", NULL);
	if (r == 0)
		r = series_table_add(&table, 1, "up", "b=~\".*\"", NULL);
	series_table_begin(&table);
	see(&table, "up", "1", "x", "1");
	see(&table, "up", "1", "y", "1");
	*failedp = r < 0 || series_table_failed(&table) < 0;
	conclude(&table, series_table_failed(&table) == 0, &told);
	series_table_fini(&table);
}

static void test_no_memory(void **state)
{
	bool failed;
	size_t n;

	faults_count();
	scenario(&failed);
	n = faults_end();
	assert_false(failed);
	assert_true(n > 8);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		scenario(&failed);
		(void)faults_end();
		assert_true(failed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_is_meant),
		cmocka_unit_test(test_the_same_twice),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_many_keys),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests_name("series_table", tests, NULL, NULL);
}
