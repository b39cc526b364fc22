/* SPDX-License-Identifier: Apache-2.0 */
/* sample: the list of what one reading found. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "core/sample.h"
#include "support/faults.h"

static struct label pair(const char *name, const char *value)
{
	return (struct label){ slice_from(name), slice_from(value) };
}

static void assert_label(const struct label *label, const char *name,
                         const char *value)
{
	assert_true(slice_is(label->name, name));
	assert_true(slice_is(label->value, value));
}

/* Sorted, without the metric's name, and copied. */
static void test_list(void **state)
{
	char value[] = "one";
	struct label labels[] = { pair("job", value), pair("__name__", "up"),
		                  pair("a", ""), pair("instance", "x") };
	struct sample_list list;

	sample_list_init(&list, 3);
	for (int round = 0; round < 2; round++) {
		memcpy(value, "one", sizeof("one"));
		assert_int_equal(sample_list_add(&list, labels, 4, 1.5), 0);
		assert_int_equal(sample_list_add(&list, NULL, 0, -1), 0);
		assert_int_equal(sample_list_add(&list, labels + 1, 2, 2), 0);
		assert_int_equal(sample_list_add(&list, NULL, 0, 3),
		                 SAMPLE_E_TOO_MANY);
		memcpy(value, "two", sizeof("two"));
		sample_list_end(&list);
		assert_int_equal(list.n, 3);
		assert_int_equal(list.samples[0].n_labels, 3);
		assert_label(&list.samples[0].labels[0], "a", "");
		assert_label(&list.samples[0].labels[1], "instance", "x");
		assert_label(&list.samples[0].labels[2], "job", "one");
		assert_true(list.samples[0].value == 1.5);
		assert_int_equal(list.samples[1].n_labels, 0);
		assert_int_equal(list.samples[2].n_labels, 1);
		assert_label(&list.samples[2].labels[0], "a", "");
		sample_list_reset(&list);
		assert_int_equal(list.n, 0);
	}
	sample_list_end(&list);
	sample_list_fini(&list);
}

static void test_limits(void **state)
{
	static char text[SAMPLE_MAX_TEXT / 2];
	struct label labels[SAMPLE_MAX_LABELS + 2];
	struct label big = { slice_make(text, sizeof(text)),
		             slice_make(text, sizeof(text)) };
	struct sample_list list;

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		labels[i] = pair(i ? "x" : "__name__", "y");
	sample_list_init(&list, SAMPLE_MAX_SERIES);
	assert_int_equal(
		sample_list_add(&list, labels, SAMPLE_MAX_LABELS + 1, 1), 0);
	assert_int_equal(
		sample_list_add(&list, labels + 1, SAMPLE_MAX_LABELS + 1, 1),
		SAMPLE_E_TOO_LARGE);
	assert_int_equal(
		sample_list_add(&list, labels, SAMPLE_MAX_LABELS + 2, 1),
		SAMPLE_E_TOO_LARGE);
	assert_int_equal(sample_list_add(&list, &big, 1, 1),
	                 SAMPLE_E_TOO_LARGE);
	assert_int_equal(list.n, 1);
	sample_list_reset(&list);
	assert_int_equal(sample_list_add(&list, &big, 1, 1), 0);
	/* what was large is not kept */
	sample_list_reset(&list);
	assert_true(list.text.cap < sizeof(text));
	assert_int_equal(sample_list_add(&list, &big, 1, 1), 0);
	sample_list_fini(&list);
}

/* Many, so that everything grows and moves. */
static int fill(struct sample_list *list)
{
	for (int i = 0; i < 100; i++) {
		char text[16];
		struct label label;
		int r;

		(void)snprintf(text, sizeof(text), "v%d", i);
		label = pair("n", text);
		r = sample_list_add(list, &label, 1, i);
		if (r)
			return r;
	}
	sample_list_end(list);
	return 0;
}

static void test_out_of_memory(void **state)
{
	struct sample_list list;
	size_t n;

	sample_list_init(&list, SAMPLE_MAX_SERIES);
	faults_count();
	assert_int_equal(fill(&list), 0);
	assert_label(list.samples[99].labels, "n", "v99");
	assert_label(list.samples[0].labels, "n", "v0");
	sample_list_fini(&list);
	n = faults_end();
	for (size_t k = 1; k <= n; k++) {
		sample_list_init(&list, SAMPLE_MAX_SERIES);
		faults_fail(k);
		assert_int_equal(fill(&list), -ENOMEM);
		sample_list_fini(&list);
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_out_of_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests_name("sample", tests, NULL, NULL);
}
