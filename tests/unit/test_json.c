/* SPDX-License-Identifier: Apache-2.0 */
/* json: documents that lie, and readers that never believe them. */
#include "support/cmocka.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include "base/mem.h"
#include "proto/json.h"

static struct json_t *parse(const char *text)
{
	struct json_t *root = NULL;
	struct err err = { 0 };

	if (json_parse(slice_from(text), &root, &err) != 0)
		fail_msg("%s: %s", text, err.message);
	return root;
}

static void test_reads_what_is_there(void **state)
{
	struct json_t *root = parse("{\"a\":{\"n\":42,\"s\":\"x\",\"t\":true},"
	                            "\"l\":[1,2.0,\"3\"],\"z\":null}");
	const struct json_t *a = json_get(root, "a");
	const struct json_t *l = json_get(root, "l");
	char out[2];

	assert_int_equal(json_as_int(json_get(a, "n"), -1), 42);
	assert_true(slice_is(json_as_text(json_get(a, "s")), "x"));
	assert_true(json_as_bool(json_get(a, "t"), false));
	assert_int_equal(json_count(l), 3);
	assert_int_equal(json_as_int(json_item(l, 1), -1), 2);
	assert_true(json_is_missing(json_get(root, "z")));
	assert_false(json_is_missing(a));
	assert_true(json_copy_text(json_get(a, "s"), out, sizeof(out)));
	assert_string_equal(out, "x");
	json_free(root);
}

static void test_wrong_types_give_the_fallback(void **state)
{
	struct json_t *root = parse("{\"n\":\"42\",\"s\":7,\"f\":1.5,\"b\":1,"
	                            "\"long\":\"ab\",\"nul\":\"\\u0000\"}");
	char out[2] = "?";

	assert_int_equal(json_as_int(json_get(root, "n"), -1), -1);
	assert_int_equal(json_as_int(json_get(root, "f"), -1), -1);
	assert_int_equal(json_as_int(json_get(root, "absent"), -7), -7);
	assert_null(json_as_text(json_get(root, "s")).p);
	assert_false(json_as_bool(json_get(root, "b"), false));
	assert_null(json_get(json_get(root, "s"), "deeper"));
	assert_null(json_item(root, 0));
	assert_int_equal(json_count(root), 0);
	assert_false(json_copy_text(json_get(root, "long"), out, sizeof(out)));
	assert_string_equal(out, "");
	assert_int_equal(json_as_text(json_get(root, "nul")).n, 1);
	assert_false(json_copy_text(json_get(root, "nul"), out, sizeof(out)));
	json_free(root);
	json_free(NULL);
}

static void test_numbers_beyond_64_bits(void **state)
{
	struct json_t *root =
		parse("{\"limit\":18446744073709551615,\"code\":3}");

	assert_int_equal(json_as_int(json_get(root, "limit"), -1), -1);
	assert_int_equal(json_as_int(json_get(root, "code"), -1), 3);
	json_free(root);

	root = parse("[9223372036854775807,-9223372036854775808]");
	assert_true(json_as_int(json_item(root, 0), 0) == INT64_MAX);
	assert_true(json_as_int(json_item(root, 1), 0) == INT64_MIN);
	json_free(root);
}

static void test_refuses_what_is_no_json(void **state)
{
	static const char *const texts[] = {
		"",     "{",        "{\"a\":}", "<html>",
		"{} x", "\"\xff\"", "[1,]",     "{\"a\":1e999}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct json_t *root = NULL;
		struct err err = { 0 };

		assert_int_equal(json_parse(slice_from(texts[i]), &root, &err),
		                 -EINVAL);
		assert_null(root);
		assert_int_equal(strncmp(err.message, "not JSON", 8), 0);
	}
}

struct heap {
	size_t n_seen;
	size_t fail_at;
	long n_live;
};

static void *heap_realloc(void *context, void *pointer, size_t size)
{
	struct heap *heap = context;
	void *result;

	if (size == 0) {
		heap->n_live -= pointer != NULL;
		free(pointer);
		return NULL;
	}
	if (++heap->n_seen == heap->fail_at)
		return NULL;
	result = realloc(pointer, size);
	heap->n_live += result && !pointer;
	return result;
}

/* Allocations of one are none of the other's. */
static void *parse_much(void *unused)
{
	for (int i = 0; i < 20000; i++)
		json_free(parse("{\"a\":[1,\"b\",{\"c\":[null,\"d\"]}],"
		                "\"e\":\"f\"}"));
	return unused;
}

static void test_threads_do_not_meet(void **state)
{
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, parse_much, NULL), 0);
	(void)parse_much(NULL);
	assert_int_equal(pthread_join(other, NULL), 0);
}

/* jansson allocates through mem.h; none that fails leaks or crashes */
static void test_out_of_memory(void **state)
{
	/* a text that outgrows jansson's buffer several times, and once with
	 * its closing quote */
	static const char text[] =
		"{\"a\":[1,\"two\",{\"b\":3.5}],\"0123456789abcd\":"
		"\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
		"abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"}";
	struct heap heap = { 0 };
	size_t n;

	mem_set_allocator(heap_realloc, &heap);
	json_free(parse(text));
	n = heap.n_seen;
	assert_true(n > 5);
	for (size_t k = 1; k <= n; k++) {
		struct json_t *root = NULL;

		heap = (struct heap){ .fail_at = k };
		if (json_parse(slice_from(text), &root, NULL) != -ENOMEM)
			fail_msg("allocation %zu of %zu went unnoticed", k, n);
		assert_null(root);
		assert_int_equal(heap.n_live, 0);
	}
	mem_set_allocator(NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_what_is_there),
		cmocka_unit_test(test_wrong_types_give_the_fallback),
		cmocka_unit_test(test_numbers_beyond_64_bits),
		cmocka_unit_test(test_refuses_what_is_no_json),
		cmocka_unit_test(test_threads_do_not_meet),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
