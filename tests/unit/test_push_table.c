/* SPDX-License-Identifier: Apache-2.0 */
/* push_table: what a reading of a Pushgateway says about each subscription. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include "base/number.h"
#include "core/push_table.h"

#define NOW     1000000 /* ms, by the gateway */
#define UNKNOWN (-1)
#define MISSING (-2)
#define N_MAX   8

struct told {
	int64_t ages[N_MAX]; /* by number; UNKNOWN, MISSING */
	uint32_t n;
};

static void see_seconds(struct push_table *table, struct push_family *family,
                        const struct label *labels, size_t n_labels,
                        double seconds)
{
	char text[NUMBER_TEXT_MAX];
	size_t n = number_format_double(seconds, text);

	push_table_see_seconds(table, family, labels, n_labels,
	                       slice_make(text, n));
}

static void on_observation(void *context, uint32_t number,
                           const struct observation *observation)
{
	struct told *told = context;

	assert_true(number < N_MAX);
	told->n++;
	told->ages[number] = observation->kind == OBSERVATION_UNKNOWN ? UNKNOWN
	                     : observation->kind == OBSERVATION_MISSING
	                             ? MISSING
	                             : (int64_t)observation->age_ms;
}

static struct told conclude(struct push_table *table, bool damaged)
{
	struct push_conclusion conclusion = {
		.now_ms = { NOW, NOW + 500 },
		.damaged = { damaged, damaged },
	};
	struct told told = { 0 };

	push_table_conclude(table, &conclusion, on_observation, &told);
	return told;
}

static const struct label job_a = { { "job", 3 }, { "a", 1 } };

static void add(struct push_table *table, uint32_t number, const char *metric,
                enum push_value value, enum push_match match)
{
	struct push_query query = { .labels = &job_a,
		                    .n_labels = 1,
		                    .metric_name = metric,
		                    .value = value,
		                    .match = match };

	assert_int_equal(push_table_add(table, number, &query), 0);
}

/* A group {job="a",instance=…} was last pushed so long ago. */
static void see(struct push_table *table, const char *instance, int64_t age_ms)
{
	struct label labels[] = {
		job_a, { slice_from("instance"), slice_from(instance) }
	};
	struct push_family *family = push_table_family(
		table, PUSH_DOCUMENT_TEXT, slice_from("push_time_seconds"));

	assert_non_null(family);
	see_seconds(table, family, labels, ARRAY_SIZE(labels),
	            (double)(NOW - age_ms) / 1000);
}

static void test_match(void **state)
{
	static const struct {
		int64_t groups[3]; /* ages; 0: the group is not there */
		bool damaged;
		int64_t any;
		int64_t all;
		int64_t oldest;
	} readings[] = {
		{ { 0 }, false, MISSING, MISSING, MISSING },
		{ { 5000 }, false, 5000, 5000, 5000 },
		{ { 7000, 2000, 9000 }, false, 2000, 9000, 9000 },
		/* one is gone */
		{ { 7000, 2000 }, false, 2000, MISSING, 7000 },
		{ { 7000, 2000 }, true, 2000, UNKNOWN, 7000 },
		{ { 1, 2, 3 }, false, 1, 3, 3 },
		/* the gateway restarted empty */
		{ { 0 }, false, MISSING, MISSING, MISSING },
		{ { 0 }, true, UNKNOWN, UNKNOWN, UNKNOWN },
		/* pushed after the gateway wrote its Date */
		{ { -400, -1, -2000 }, false, 0, 0, 0 },
	};
	struct push_table table;

	push_table_init(&table, 42);
	add(&table, 0, NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	add(&table, 1, NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ALL);
	add(&table, 2, NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_OLDEST);
	for (size_t i = 0; i < ARRAY_SIZE(readings); i++) {
		static const char *const instances[] = { "x", "y", "z" };
		struct told told;

		push_table_begin(&table);
		for (size_t g = 0; g < 3; g++) {
			if (readings[i].groups[g])
				see(&table, instances[g],
				    readings[i].groups[g]);
		}
		told = conclude(&table, readings[i].damaged);
		assert_int_equal(told.n, 3);
		if (told.ages[0] != readings[i].any ||
		    told.ages[1] != readings[i].all ||
		    told.ages[2] != readings[i].oldest)
			fail_msg("reading %zu: %" PRId64 " %" PRId64
			         " %" PRId64,
			         i, told.ages[0], told.ages[1], told.ages[2]);
	}
	push_table_fini(&table);
}

/* A reading that broke off leaves nothing behind, not even the highest
 * count. */
static void test_broken_off(void **state)
{
	struct push_table table;
	struct told told = { 0 };

	push_table_init(&table, 42);
	add(&table, 0, NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ALL);
	push_table_begin(&table);
	see(&table, "x", 1);
	see(&table, "y", 1);
	push_table_conclude_unknown(&table, on_observation, &told);
	assert_int_equal(told.ages[0], UNKNOWN);
	push_table_begin(&table);
	see(&table, "x", 3000);
	assert_int_equal(conclude(&table, false).ages[0], 3000);
	push_table_fini(&table);
}

static void test_documents(void **state)
{
	struct push_family *family;
	struct push_table table;
	struct told told;

	push_table_init(&table, 42);
	add(&table, 0, "fam", PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	assert_int_equal(table.n_wanted[PUSH_DOCUMENT_TEXT], 0);
	assert_int_equal(table.n_wanted[PUSH_DOCUMENT_API], 1);
	assert_null(push_table_family(&table, PUSH_DOCUMENT_TEXT,
	                              slice_from("fam")));
	add(&table, 1, "fam", PUSH_VALUE_TIMESTAMP, PUSH_MATCH_ANY);
	assert_int_equal(table.n_wanted[PUSH_DOCUMENT_TEXT], 1);
	assert_null(push_table_family(&table, PUSH_DOCUMENT_TEXT,
	                              slice_from("push_time_seconds")));

	push_table_begin(&table);
	family = push_table_family(&table, PUSH_DOCUMENT_TEXT,
	                           slice_from("fam"));
	see_seconds(&table, family, &job_a, 1, 999);
	family =
		push_table_family(&table, PUSH_DOCUMENT_API, slice_from("fam"));
	push_table_see(&table, family, PUSH_DOCUMENT_API, &job_a, 1, NOW - 70);
	told = conclude(&table, false);
	assert_int_equal(told.ages[0], 570); /* each by its own clock */
	assert_int_equal(told.ages[1], 1000);
	push_table_fini(&table);
}

/* Values that are no time are no sign of life. */
static void test_no_times(void **state)
{
	static const double values[] = { 0,
		                         -1,
		                         (double)NAN,
		                         (double)INFINITY,
		                         -(double)INFINITY,
		                         1795177980172.0,
		                         1e300 };
	struct push_family *family;
	struct push_table table;

	push_table_init(&table, 42);
	add(&table, 0, "t", PUSH_VALUE_TIMESTAMP, PUSH_MATCH_ANY);
	push_table_begin(&table);
	family = push_table_family(&table, PUSH_DOCUMENT_TEXT, slice_from("t"));
	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		see_seconds(&table, family, &job_a, 1, values[i]);
	assert_int_equal(conclude(&table, false).ages[0], MISSING);
	see_seconds(&table, family, &job_a, 1, 0.001);
	assert_int_equal(conclude(&table, false).ages[0], NOW - 1);
	push_table_fini(&table);
}

static void test_added_later(void **state)
{
	struct push_table table;
	struct told told;

	push_table_init(&table, 42);
	add(&table, 0, NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	push_table_begin(&table);
	see(&table, "x", 1000);
	add(&table, 1, NULL, PUSH_VALUE_PUSH_TIME, PUSH_MATCH_ANY);
	see(&table, "y", 2000);
	told = conclude(&table, false);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.ages[0], 1000);
	push_table_begin(&table);
	see(&table, "x", 1000);
	told = conclude(&table, false);
	assert_int_equal(told.n, 2);
	assert_int_equal(told.ages[1], 1000);
	push_table_fini(&table);
}

static void test_refused(void **state)
{
	struct push_query query = { .labels = &job_a,
		                    .n_labels = 1,
		                    .value = PUSH_VALUE_TIMESTAMP };
	struct push_table table;

	push_table_init(&table, 42);
	assert_int_equal(push_table_add(&table, 0, &query), -EINVAL);
	query.value = PUSH_VALUE_PUSH_TIME;
	query.n_labels = 0;
	assert_int_equal(push_table_add(&table, 0, &query), -EINVAL);
	assert_int_equal(table.n_subscriptions, 0);
	assert_null(push_table_family(&table, PUSH_DOCUMENT_TEXT,
	                              slice_from("push_time_seconds")));
	push_table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_broken_off),
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_no_times),
		cmocka_unit_test(test_added_later),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("push_table", tests, NULL, NULL);
}
