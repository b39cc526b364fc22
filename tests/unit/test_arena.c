/* SPDX-License-Identifier: Apache-2.0 */
/* base: arenas, and which texts are printable. */
#include "support/cmocka.h"

#include <string.h>
#include "base/arena.h"
#include "base/text.h"
#include "support/faults.h"

static void test_arena(void **state)
{
	struct arena arena = { 0 };
	char *texts[2000];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char text[16];
		uint64_t *number;
		int n = snprintf(text, sizeof(text), "%zu", i);

		texts[i] = arena_copy(&arena, slice_make(text, (size_t)n));
		number = arena_alloc(&arena, sizeof(*number));
		assert_non_null(texts[i]);
		assert_non_null(number);
		assert_int_equal((uintptr_t)number % _Alignof(max_align_t), 0);
		assert_int_equal(*number, 0);
		*number = UINT64_MAX;
	}
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char text[16];

		(void)snprintf(text, sizeof(text), "%zu", i);
		assert_string_equal(texts[i], text);
	}
	arena_fini(&arena);
	arena_fini(&arena);
}

static void test_arena_large(void **state)
{
	struct arena arena = { 0 };
	char *large = arena_calloc(&arena, 3, ARENA_CHUNK_MAX);
	char *small = arena_alloc(&arena, 1);

	assert_non_null(large);
	assert_non_null(small);
	for (size_t i = 0; i < (size_t)3 * ARENA_CHUNK_MAX; i++)
		assert_int_equal(large[i], 0);
	assert_int_equal(arena.n_bytes, (size_t)3 * ARENA_CHUNK_MAX + 1);
	assert_null(arena_calloc(&arena, SIZE_MAX / 2, 3));
	assert_null(arena_alloc(&arena, SIZE_MAX));
	assert_string_equal(arena_copy(&arena, slice_from(NULL)), "");
	arena_fini(&arena);
}

static void test_arena_faults(void **state)
{
	struct arena arena = { 0 };

	faults_install_mem();
	faults_fail(1);
	assert_null(arena_alloc(&arena, 1));
	assert_non_null(arena_alloc(&arena, 1));
	arena_fini(&arena);
	(void)faults_end();
}

static void test_printable(void **state)
{
	static const struct {
		const char *text;
		bool printable;
	} rows[] = {
		{ "", true },         { "API Exporter", true },
		{ "\xc3\xa9", true }, { "\xe2\x82\xac", true },
		{ "a\nb", false },    { "\x1b[2J", false },
		{ "\x7f", false },    { "\xc2\x9b", false },
		{ "\xc2\xa0", true }, { "\xff", false },
		{ "\xc3", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(text_is_printable(slice_from(rows[i].text)),
		                 rows[i].printable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_arena_large),
		cmocka_unit_test(test_arena_faults),
		cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
