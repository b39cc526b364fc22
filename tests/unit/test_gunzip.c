/* SPDX-License-Identifier: Apache-2.0 */
/* gunzip: what a client compresses, what was damaged, what grows too large. */
#include "support/cmocka.h"
#include "support/faults.h"

#include <errno.h>
#include <zlib.h>
#include "base/mem.h"
#include "proto/gunzip.h"

#define MAX_BODY 200000

static struct gunzip *gunzip_state;
static struct buf packed;
static struct buf out;

static int set_up(void **state)
{
	buf_init(&packed, MAX_BODY * 2);
	buf_init(&out, MAX_BODY);
	gunzip_state = NULL;
	return 0;
}

static int tear_down(void **state)
{
	gunzip_free(gunzip_state);
	buf_fini(&packed);
	buf_fini(&out);
	return 0;
}

/* Appends a member with @n bytes of @c to `packed`. */
static void pack(char c, size_t n, int window_bits)
{
	char *plain = mem_alloc(n + 1);
	z_stream zlib = { 0 };

	assert_non_null(plain);
	memset(plain, c, n);
	assert_int_equal(deflateInit2(&zlib, 6, Z_DEFLATED, window_bits, 8,
	                              Z_DEFAULT_STRATEGY),
	                 Z_OK);
	assert_int_equal(buf_reserve(&packed, deflateBound(&zlib, n)), 0);
	zlib.next_in = (unsigned char *)plain;
	zlib.avail_in = (unsigned)n;
	zlib.next_out = (unsigned char *)packed.p + packed.n;
	zlib.avail_out = (unsigned)deflateBound(&zlib, n);
	assert_int_equal(deflate(&zlib, Z_FINISH), Z_STREAM_END);
	packed.n += zlib.total_out;
	(void)deflateEnd(&zlib);
	mem_free(plain);
}

static void check(struct slice bytes, int result, const char *words)
{
	struct err err = { 0 };

	buf_reset(&out);
	assert_int_equal(gunzip(&gunzip_state, bytes, &out, &err), result);
	assert_string_equal(err.message, words);
}

/* Sizes around those of the pieces, the same state for all of them. */
static void bodies_come_out_whole(void **state)
{
	static const size_t sizes[] = { 0,     1,      1000,    65535,
		                        65536, 131072, MAX_BODY };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		buf_reset(&packed);
		pack('a', sizes[i], MAX_WBITS + 16);
		check(buf_slice(&packed), 0, "");
		assert_int_equal(out.n, sizes[i]);
		for (size_t j = 0; j < out.n; j++)
			assert_int_equal(out.p[j], 'a');
	}
}

static void members_follow_one_another(void **state)
{
	pack('a', 2, MAX_WBITS + 16);
	pack('b', 1, MAX_WBITS + 16);
	check(buf_slice(&packed), 0, "");
	assert_string_equal(buf_text(&out), "aab");
}

static void a_bomb_is_stopped(void **state)
{
	pack('a', MAX_BODY + 1, MAX_WBITS + 16);
	assert_true(packed.n < 2000);
	check(buf_slice(&packed), GUNZIP_E_TOO_LARGE,
	      "the body has more than 200000 bytes when decompressed; "
	      "see gateway.max_body");
	assert_true(out.n <= MAX_BODY);
}

/* A body cut short after any byte, and then the whole one again. */
static void what_is_cut_short_is_refused(void **state)
{
	pack('a', 1000, MAX_WBITS + 16);
	for (size_t n = 0; n < packed.n; n++)
		check(slice_make(packed.p, n), GUNZIP_E_FORMAT,
		      "gzip: unexpected EOF");
	check(buf_slice(&packed), 0, "");
	assert_int_equal(out.n, 1000);
}

static void what_is_not_gzip_is_refused(void **state)
{
	check(slice_from("up 1\n"), GUNZIP_E_FORMAT,
	      "gzip: incorrect header check");
	pack('a', 10, MAX_WBITS); /* zlib's own header */
	check(buf_slice(&packed), GUNZIP_E_FORMAT,
	      "gzip: incorrect header check");
	buf_reset(&packed);
	pack('a', 10, MAX_WBITS + 16);
	(void)buf_puts(&packed, "trailing");
	check(buf_slice(&packed), GUNZIP_E_FORMAT,
	      "gzip: incorrect header check");
	packed.n -= strlen("trailing");
	packed.p[packed.n - 5] ^= 1; /* of the checksum */
	check(buf_slice(&packed), GUNZIP_E_FORMAT,
	      "gzip: incorrect data check");
}

static void unpack_anew(void)
{
	struct gunzip *anew = NULL;
	struct buf plain;
	struct err err;
	int r;

	buf_init(&plain, MAX_BODY);
	r = gunzip(&anew, buf_slice(&packed), &plain, &err);
	assert_true(r == -ENOMEM || (r == 0 && plain.n == MAX_BODY));
	gunzip_free(anew);
	buf_fini(&plain);
}

static void memory_may_be_out(void **state)
{
	size_t n;

	pack('a', MAX_BODY, MAX_WBITS + 16);
	faults_count();
	unpack_anew();
	n = faults_end();
	assert_true(n >= 3);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		unpack_anew();
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bodies_come_out_whole, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(members_follow_one_another,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bomb_is_stopped, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(what_is_cut_short_is_refused,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_gzip_is_refused,
		                                set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_may_be_out, set_up,
		                                tear_down),
	};

	faults_install_mem();
	return cmocka_run_group_tests_name("gunzip", tests, NULL, NULL);
}
