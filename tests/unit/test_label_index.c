/* SPDX-License-Identifier: Apache-2.0 */
/* label_index: the queries that a set of labels satisfies. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/rng.h"
#include "core/label_index.h"

#define MAX_PAIRS 4

/* "a=1 b=2" as labels; borrowed from @text. */
static size_t labels_from(const char *text, struct label *labels)
{
	size_t n = 0;

	while (*text) {
		size_t length = strcspn(text, " ");
		const char *equals = memchr(text, '=', length);

		assert_non_null(equals);
		labels[n].name = slice_make(text, (size_t)(equals - text));
		labels[n].value = slice_make(
			equals + 1, length - (size_t)(equals - text) - 1);
		n++;
		text += length + strspn(text + length, " ");
	}
	return n;
}

static void add(struct label_index *index, uint32_t scope, const char *query,
                uint32_t number)
{
	struct label pairs[MAX_PAIRS];
	size_t n = labels_from(query, pairs);

	assert_int_equal(label_index_add(index, scope, pairs, n, number), 0);
}

/* The numbers found, as a set of bits. */
static void on_match(void *context, uint32_t number)
{
	uint32_t *found = context;

	assert_false(*found >> number & 1); /* each once */
	*found |= 1u << number;
}

static uint32_t match(const struct label_index *index, uint32_t scope,
                      const char *sample)
{
	struct label labels[MAX_PAIRS];
	size_t n = labels_from(sample, labels);
	uint32_t found = 0;

	label_index_match(index, scope, labels, n, on_match, &found);
	return found;
}

static void test_match(void **state)
{
	static const char *const queries[] = {
		"job=a",          "job=a instance=1",
		"instance=1",     "job=a instance=",
		"instance=",      "job=b env=prod",
		"env=prod job=c", "job=a",
	};
	static const struct {
		const char *sample;
		uint32_t found; /* bit n: query n */
	} rows[] = {
		{ "", 1u << 4 },
		{ "job=a", 1u << 0 | 1u << 3 | 1u << 4 | 1u << 7 },
		{ "job=a instance=", 1u << 0 | 1u << 3 | 1u << 4 | 1u << 7 },
		{ "job=a instance=1", 1u << 0 | 1u << 1 | 1u << 2 | 1u << 7 },
		{ "instance=1 job=a", 1u << 0 | 1u << 1 | 1u << 2 | 1u << 7 },
		{ "instance=1 x=y", 1u << 2 },
		{ "env=prod job=b instance=2", 1u << 5 },
		{ "env=prod job=c instance=2", 1u << 6 },
		{ "env=prod job=d instance=2", 0 },
		{ "jo=ba instance=2", 0 },
		{ "joba= instance=2", 0 },
	};
	struct label_index index;

	label_index_init(&index, 42);
	assert_int_equal(match(&index, 1, "job=a"), 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(queries); i++)
		add(&index, 1, queries[i], i);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint32_t found = match(&index, 1, rows[i].sample);

		if (found != rows[i].found)
			fail_msg("%s: found %x", rows[i].sample, found);
	}
	label_index_fini(&index);
}

static void test_scopes_never_meet(void **state)
{
	struct label_index index;

	label_index_init(&index, 42);
	add(&index, 1, "job=a", 0);
	add(&index, 2, "job=a", 1);
	add(&index, 3, "job=", 2);
	assert_int_equal(match(&index, 0, "job=a"), 0);
	assert_int_equal(match(&index, 1, "job=a"), 1u << 0);
	assert_int_equal(match(&index, 2, "job=a"), 1u << 1);
	assert_int_equal(match(&index, 3, "env=a"), 1u << 2);
	assert_int_equal(match(&index, 1, "env=a"), 0);
	label_index_fini(&index);
}

/* Random small queries and samples: the same as trying each. */
static bool satisfied(const struct label *pairs, size_t n_pairs,
                      const struct label *labels, size_t n_labels)
{
	for (size_t i = 0; i < n_pairs; i++) {
		struct slice value = slice_make("", 0);

		for (size_t j = 0; j < n_labels; j++) {
			if (slice_equal(labels[j].name, pairs[i].name))
				value = labels[j].value;
		}
		if (!slice_equal(value, pairs[i].value))
			return false;
	}
	return true;
}

static size_t random_labels(struct rng *rng, struct label *labels)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	static const char *const values[] = { "", "1", "2", "3" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (rng_below(rng, 2) == 0)
			continue;
		labels[n].name = slice_from(names[i]);
		labels[n++].value = slice_from(values[rng_below(rng, 4)]);
	}
	return n;
}

static void test_like_trying_each(void **state)
{
	struct rng rng = { 7 };

	for (int round = 0; round < 200; round++) {
		struct label queries[30][MAX_PAIRS];
		size_t n_pairs[30];
		struct label_index index;

		label_index_init(&index, rng_next(&rng));
		for (uint32_t i = 0; i < 30; i++) {
			do {
				n_pairs[i] = random_labels(&rng, queries[i]);
			} while (n_pairs[i] == 0);
			assert_int_equal(label_index_add(&index, 9, queries[i],
			                                 n_pairs[i], i),
			                 0);
		}
		for (int sample = 0; sample < 50; sample++) {
			struct label labels[MAX_PAIRS];
			size_t n = random_labels(&rng, labels);
			uint32_t expected = 0;
			uint32_t found = 0;

			for (uint32_t i = 0; i < 30; i++) {
				if (satisfied(queries[i], n_pairs[i], labels,
				              n))
					expected |= 1u << i;
			}
			label_index_match(&index, 9, labels, n, on_match,
			                  &found);
			assert_int_equal(found, expected);
		}
		label_index_fini(&index);
	}
}

static void count(void *context, uint32_t number)
{
	++*(size_t *)context;
}

static long n_bytes;

static void *counting_realloc(void *context, void *pointer, size_t size)
{
	/* each block with its size before it */
	size_t *block = pointer ? (size_t *)pointer - 2 : NULL;

	if (block)
		n_bytes -= (long)*block;
	if (size == 0) {
		free(block);
		return NULL;
	}
	block = realloc(block, size + 2 * sizeof(*block));
	assert_non_null(block);
	*block = size;
	n_bytes += (long)size;
	return block + 2;
}

/* Ten thousand queries that share one pair: small, and found one by one. */
static void test_many(void **state)
{
	enum { N = 10000 };
	struct label_index index;
	struct label pairs[2] = { { slice_from("env"), slice_from("prod") } };
	size_t n_found = 0;

	mem_set_allocator(counting_realloc, NULL);
	label_index_init(&index, 42);
	for (uint32_t i = 0; i < N; i++) {
		char job[32];

		(void)snprintf(job, sizeof(job), "api_exporter_%u", i);
		pairs[1] = (struct label){ slice_from("job"), slice_from(job) };
		assert_int_equal(label_index_add(&index, 1, pairs, 2, i), 0);
	}
	print_message("%ld bytes per query\n", n_bytes / N);
	assert_true(n_bytes / N <= 150);

	for (uint32_t i = 0; i < N; i++) {
		char job[32];

		(void)snprintf(job, sizeof(job), "api_exporter_%u", i);
		pairs[1].value = slice_from(job);
		label_index_match(&index, 1, pairs, 2, count, &n_found);
	}
	assert_int_equal(n_found, N);
	label_index_fini(&index);
	assert_int_equal(n_bytes, 0);
	mem_set_allocator(NULL, NULL);
}

static void test_limits(void **state)
{
	struct label pairs[LABEL_INDEX_MAX_PAIRS + 1];
	char *text = malloc(LABEL_INDEX_MAX_TEXT + 1);
	struct label_index index;
	size_t n_found = 0;

	assert_non_null(text);
	memset(text, 'x', LABEL_INDEX_MAX_TEXT + 1);
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		pairs[i] = (struct label){ slice_make(text, i + 1),
			                   slice_from("1") };
	label_index_init(&index, 42);
	assert_int_equal(label_index_add(&index, 1, pairs, 0, 0), -EINVAL);
	assert_int_equal(
		label_index_add(&index, 1, pairs, LABEL_INDEX_MAX_PAIRS + 1, 0),
		-EINVAL);
	assert_int_equal(
		label_index_add(&index, 1, pairs, LABEL_INDEX_MAX_PAIRS, 0), 0);
	label_index_match(&index, 1, pairs, LABEL_INDEX_MAX_PAIRS, count,
	                  &n_found);
	assert_int_equal(n_found, 1);
	pairs[0].value = slice_make(text, LABEL_INDEX_MAX_TEXT + 1);
	assert_int_equal(label_index_add(&index, 1, pairs, 1, 1), -E2BIG);
	pairs[0].value.n--;
	assert_int_equal(label_index_add(&index, 1, pairs, 1, 1), 0);
	label_index_match(&index, 1, pairs, 1, count, &n_found);
	assert_int_equal(n_found, 2);
	label_index_fini(&index);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_scopes_never_meet),
		cmocka_unit_test(test_like_trying_each),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("label_index", tests, NULL, NULL);
}
