/* SPDX-License-Identifier: Apache-2.0 */
/* json_split: every stream in every split gives the same values. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include "proto/json_split.h"

#define MAX_VALUE 40

/* Values, each with a line's end behind it. */
static int collect(void *context, struct slice text)
{
	struct buf *out = context;

	(void)buf_append(out, text.p, text.n);
	return buf_putc(out, '\n');
}

/* In pieces of @piece bytes; each on the heap, so that nothing beyond is
 * read. */
static int split_all(enum json_split_kind kind, const char *text, size_t n,
                     size_t piece, struct buf *out, uint64_t *n_droppedp)
{
	struct json_split split;
	int r = 0;

	buf_reset(out);
	json_split_init(&split, kind, MAX_VALUE, collect, out);
	for (size_t at = 0; at < n && r == 0; at += piece) {
		size_t size = MIN(piece, n - at);
		char *copy = test_malloc(size);

		memcpy(copy, text + at, size);
		r = json_split_feed(&split, slice_make(copy, size));
		test_free(copy);
	}
	if (r == 0)
		r = json_split_finish(&split);
	*n_droppedp = split.n_dropped;
	json_split_fini(&split);
	return r;
}

static const struct {
	enum json_split_kind kind;
	const char *text;
	int result;
	const char *values;
	uint64_t n_dropped;
} rows[] = {
	{ JSON_SPLIT_ARRAY, "[]", 0, "", 0 },
	{ JSON_SPLIT_ARRAY, " [ ] \n", 0, "", 0 },
	{ JSON_SPLIT_ARRAY, "[{\"a\":1},{\"b\":[2,3]}]", 0,
	  "{\"a\":1}\n{\"b\":[2,3]}\n", 0 },
	{ JSON_SPLIT_ARRAY, "[1, \"x\" ,null,[]\t,{}\n]", 0,
	  "1\n\"x\"\nnull\n[]\n{}\n", 0 },
	{ JSON_SPLIT_ARRAY, "[\"]\",\"\\\"]\",\"\\\\\"]", 0,
	  "\"]\"\n\"\\\"]\"\n\"\\\\\"\n", 0 },
	{ JSON_SPLIT_ARRAY, "[{\"a\":\"}{\\\"\"}]", 0, "{\"a\":\"}{\\\"\"}\n",
	  0 },
	/* too large ones are left out, their neighbours are not */
	{ JSON_SPLIT_ARRAY,
	  "[1,\"0123456789012345678901234567890123456789\",2]", 0, "1\n2\n",
	  1 },
	{ JSON_SPLIT_ARRAY, "[\"01234567890123456789012345678901234567\"]", 0,
	  "\"01234567890123456789012345678901234567\"\n", 0 },
	{ JSON_SPLIT_ARRAY, "", -EINVAL, "", 0 },
	{ JSON_SPLIT_ARRAY, "[", -EINVAL, "", 0 },
	{ JSON_SPLIT_ARRAY, "[1,2", -EINVAL, "1\n", 0 },
	{ JSON_SPLIT_ARRAY, "[{\"a\":1}", -EINVAL, "{\"a\":1}\n", 0 },
	{ JSON_SPLIT_ARRAY, "[{\"a\":[1}", -EINVAL, "", 0 },
	{ JSON_SPLIT_ARRAY, "[] []", -EINVAL, "", 0 },
	{ JSON_SPLIT_ARRAY, "[1]2", -EINVAL, "1\n", 0 },
	{ JSON_SPLIT_ARRAY, "{\"message\":\"no\"}", -EINVAL, "", 0 },
	{ JSON_SPLIT_ARRAY, "page not found", -EINVAL, "", 0 },
	{ JSON_SPLIT_ARRAY, "[,1]", -EINVAL, "", 0 },
	{ JSON_SPLIT_ARRAY, "[1 2]", -EINVAL, "1\n", 0 },
	{ JSON_SPLIT_ARRAY, "[}]", -EINVAL, "", 0 },

	{ JSON_SPLIT_SEQUENCE, "", 0, "", 0 },
	{ JSON_SPLIT_SEQUENCE, "\n \r\n", 0, "", 0 },
	{ JSON_SPLIT_SEQUENCE, "{\"a\":1}\n{\"b\":2}\n", 0,
	  "{\"a\":1}\n{\"b\":2}\n", 0 },
	{ JSON_SPLIT_SEQUENCE, "{\"a\":1}{\"b\":2}", 0,
	  "{\"a\":1}\n{\"b\":2}\n", 0 },
	{ JSON_SPLIT_SEQUENCE, "\x1e{\"a\":1}\n\x1e{\"b\":2}\n", 0,
	  "{\"a\":1}\n{\"b\":2}\n", 0 },
	{ JSON_SPLIT_SEQUENCE, "1 true\"x\"[2]null", 0,
	  "1\ntrue\n\"x\"\n[2]\nnull\n", 0 },
	{ JSON_SPLIT_SEQUENCE,
	  "{\"a\":\"0123456789012345678901234567890123456789\"}\n{}", 0, "{}\n",
	  1 },
	{ JSON_SPLIT_SEQUENCE, "{\"a\":1}\n{\"b\"", -EINVAL, "{\"a\":1}\n", 0 },
	{ JSON_SPLIT_SEQUENCE, "\"x", -EINVAL, "", 0 },
	{ JSON_SPLIT_SEQUENCE, "{}]", -EINVAL, "{}\n", 0 },
	{ JSON_SPLIT_SEQUENCE, "{},{}", -EINVAL, "{}\n", 0 },
};

static void test_every_split(void **state)
{
	struct buf out;

	buf_init(&out, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].text);

		for (size_t piece = 1; piece <= n + 1; piece++) {
			uint64_t n_dropped;
			int r = split_all(rows[i].kind, rows[i].text, n, piece,
			                  &out, &n_dropped);

			if (r != rows[i].result ||
			    !slice_is(buf_slice(&out), rows[i].values) ||
			    n_dropped != rows[i].n_dropped)
				fail_msg("%s in pieces of %zu: %d, %s",
				         rows[i].text, piece, r,
				         buf_text(&out));
		}
	}
	buf_fini(&out);
}

static int stop_at_two(void *context, struct slice text)
{
	int *n = context;

	return ++*n == 2 ? -ECANCELED : 0;
}

static void test_its_reader_may_end_it(void **state)
{
	struct json_split split;
	int n = 0;

	json_split_init(&split, JSON_SPLIT_SEQUENCE, MAX_VALUE, stop_at_two,
	                &n);
	assert_int_equal(json_split_feed(&split, slice_from("1 2 3 4 ")),
	                 -ECANCELED);
	assert_int_equal(n, 2);
	json_split_fini(&split);
}

static void test_without_memory(void **state)
{
	struct json_split split;
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(buf_puts(&out, "x"), 0);
	json_split_init(&split, JSON_SPLIT_SEQUENCE, MAX_VALUE, collect, &out);
	faults_fail(1);
	/* what comes in one piece needs none */
	assert_int_equal(json_split_feed(&split, slice_from("[1,2]")), 0);
	assert_int_equal(json_split_feed(&split, slice_from("[1,")), -ENOMEM);
	assert_int_equal(faults_end(), 1);
	json_split_fini(&split);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_its_reader_may_end_it),
		cmocka_unit_test(test_without_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
