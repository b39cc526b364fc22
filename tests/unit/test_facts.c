/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a series or an alert, and how it is called. */
#include "support/cmocka.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "core/facts.h"

#define L(name, value)                           \
	{                                        \
		{ name, sizeof(name) - 1 },      \
		{                                \
			value, sizeof(value) - 1 \
		}                                \
	}

static void assert_slice(struct slice text, const char *expected)
{
	assert_int_equal(text.n, strlen(expected));
	assert_memory_equal(text.p, expected, text.n);
}

static void test_copy(void **state)
{
	char value[] = "full";
	const struct label labels[] = { L("job", "node"),
		                        { { "disk", 4 }, { value, 4 } } };
	const struct label annotations[] = { L("summary", "a \"b\"\n") };
	const struct facts facts = { .labels = labels,
		                     .n_labels = 2,
		                     .annotations = annotations,
		                     .n_annotations = 1,
		                     .value = { "9", 1 } };
	struct facts *copy = facts_copy(&facts);

	(void)state;
	assert_non_null(copy);
	assert_true(facts_equal(&facts, copy));
	value[0] = 'F';
	assert_false(facts_equal(&facts, copy));
	assert_slice(copy->labels[1].value, "full");
	assert_slice(copy->annotations[0].value, "a \"b\"\n");
	assert_slice(copy->value, "9");
	assert_ptr_equal(facts_ref(copy), copy);
	facts_unref(copy);
	assert_slice(copy->value, "9");
	facts_unref(copy);
	facts_unref(NULL);
}

static void test_copy_of_nothing(void **state)
{
	const struct facts none = { 0 };
	struct facts *copy = facts_copy(&none);

	(void)state;
	assert_non_null(copy);
	assert_int_equal(copy->n_labels, 0);
	assert_true(facts_equal(&none, copy));
	facts_unref(copy);
}

static void test_copy_is_bounded(void **state)
{
	static char big[2 * FACTS_MAX_VALUE];
	struct label labels[FACTS_MAX_LABELS + 9];
	const struct facts facts = { .labels = labels,
		                     .n_labels = ARRAY_SIZE(labels) };
	struct facts *copy;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		labels[i] = (struct label)L("n", "v");
	copy = facts_copy(&facts);
	assert_non_null(copy);
	assert_int_equal(copy->n_labels, FACTS_MAX_LABELS);
	assert_true(facts_equal(copy, &facts));
	facts_unref(copy);
	memset(big, 'x', sizeof(big));
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		labels[i].value = slice_make(big, sizeof(big));
	copy = facts_copy(&facts);
	assert_non_null(copy);
	assert_int_equal(copy->n_labels, 7); /* of 4097 bytes, in 32 KiB */
	assert_int_equal(copy->labels[6].value.n, FACTS_MAX_VALUE);
	/* else each reading would be news */
	assert_true(facts_equal(copy, &facts));
	big[FACTS_MAX_VALUE] = 'y';
	assert_true(facts_equal(copy, &facts));
	big[FACTS_MAX_VALUE - 1] = 'y';
	assert_false(facts_equal(copy, &facts));
	facts_unref(copy);
}

static void assert_identity(const struct label *labels, size_t n,
                            const char *expected)
{
	char out[128];

	facts_identity(labels, n, out, sizeof(out));
	assert_string_equal(out, expected);
}

static void test_identity(void **state)
{
	const struct label labels[] = { L("job", "node"), L("a", "x\"y\\z\n"),
		                        L("b", "") };
	const struct label sorted[] = { labels[1], labels[2], labels[0] };
	const char *expected = "{a=\"x\\\"y\\\\z\\n\",b=\"\",job=\"node\"}";

	(void)state;
	assert_identity(labels, 3, expected);
	assert_identity(sorted, 3, expected);
	assert_identity(labels, 0, "{}");
}

static void test_long_identity(void **state)
{
	static char value[300];
	const struct label labels[] = { { { "a", 1 }, { value, 299 } },
		                        L("b", "1") };
	const struct label others[] = { labels[0], L("b", "2") };
	const struct label turned[] = { labels[1], labels[0] };
	char one[FACTS_IDENTITY_MIN];
	char two[FACTS_IDENTITY_MIN];

	(void)state;
	memset(value, 'v', sizeof(value));
	facts_identity(labels, 2, one, sizeof(one));
	assert_int_equal(strlen(one), sizeof(one) - 2);
	assert_memory_equal(one, "{a=\"vvvv", 8);
	assert_int_equal(one[strlen(one) - 1], '}');
	facts_identity(others, 2, two, sizeof(two));
	assert_string_not_equal(one, two);
	facts_identity(turned, 2, two, sizeof(two));
	assert_string_equal(one, two);
}

/* More labels than are sorted: the order does not matter all the same. */
static void test_identity_of_many(void **state)
{
	struct label labels[FACTS_MAX_LABELS * 2];
	struct label turned[FACTS_MAX_LABELS * 2];
	char names[FACTS_MAX_LABELS * 2][8];
	char one[FACTS_IDENTITY_MIN];
	char two[FACTS_IDENTITY_MIN];
	size_t n = ARRAY_SIZE(labels);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "n%zu", i);
		labels[i].name = slice_from("same");
		labels[i].value = slice_from(names[i]);
		turned[n - 1 - i] = labels[i];
	}
	facts_identity(labels, n, one, sizeof(one));
	facts_identity(turned, n, two, sizeof(two));
	assert_string_equal(one + strlen(one) - 18, two + strlen(two) - 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_copy_of_nothing),
		cmocka_unit_test(test_copy_is_bounded),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_long_identity),
		cmocka_unit_test(test_identity_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
