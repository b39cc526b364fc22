/* SPDX-License-Identifier: Apache-2.0 */
/* base: numbers, durations, buffers, maps, escapes, log lines. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include "base/buf.h"
#include "base/duration.h"
#include "base/err.h"
#include "base/json_writer.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/number.h"
#include "base/text.h"

static void test_duration_parse(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t ms;
	} rows[] = {
		{ "1h30m", 0, 5400000 },
		{ "1.5s", 0, 1500 },
		{ "250ms", 0, 250 },
		{ "0", 0, 0 },
		{ "0s", 0, 0 },
		{ "1m", 0, 60000 },
		{ "+5s", 0, 5000 },
		{ "1h1m1s1ms", 0, 3661001 },
		{ "100us", 0, 1 },
		{ "1ns", 0, 1 },
		{ "2\xc2\xb5s", 0, 1 },
		{ ".5s", 0, 500 },
		{ "5.s", 0, 5000 },
		{ "0.1s", 0, 100 },
		{ "0.3s", 0, 300 },
		{ "1.1s", 0, 1100 },
		{ "5", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "s", -EINVAL, 0 },
		{ "5 s", -EINVAL, 0 },
		{ "-5s", -EINVAL, 0 },
		{ "5d", -EINVAL, 0 },
		{ "1.2.3s", -EINVAL, 0 },
		{ "5s ", -EINVAL, 0 },
		{ ".s", -EINVAL, 0 },
		{ "1e3s", -EINVAL, 0 },
		{ "99999999999999h", -ERANGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t ms = 12345;
		int r = duration_parse(slice_from(rows[i].text), &ms);

		if (r != rows[i].result || ms != (r ? 12345 : rows[i].ms))
			fail_msg("%s: %d, %" PRIu64 " ms", rows[i].text, r, ms);
	}
}

static void test_duration_parse_days(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t ms;
	} rows[] = {
		{ "90d", 0, 7776000000 },
		{ "1d12h", 0, 129600000 },
		{ "0d", 0, 0 },
		{ "1h30m", 0, 5400000 },
		{ "104249991d", 0, 9007199222400000 },
		{ "104249991d8h59m0.992s", 0, 9007199254740992 },
		{ "104249991d8h59m0.993s", -ERANGE, 0 },
		{ "104249992d", -ERANGE, 0 },
		{ "99999999999999999999d", -ERANGE, 0 },
		{ "d", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "1.5d", -EINVAL, 0 },
		{ "-1d", -EINVAL, 0 },
		{ "1h1d", -EINVAL, 0 },
		{ "1d1d", -EINVAL, 0 },
		{ "1d0", -EINVAL, 0 },
		{ "1d+1h", -EINVAL, 0 },
		{ "1d5", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t ms = 12345;
		int r = duration_parse_days(slice_from(rows[i].text), &ms);

		if (r != rows[i].result || ms != (r ? 12345 : rows[i].ms))
			fail_msg("%s: %d, %" PRIu64 " ms", rows[i].text, r, ms);
	}
}

static void test_duration_format(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "0s" },           { 1, "1ms" },
		{ 999, "999ms" },      { 1000, "1s" },
		{ 1500, "1.5s" },      { 90000, "1m30s" },
		{ 3600000, "1h" },     { 5400000, "1h30m" },
		{ 60001, "1m0.001s" }, { 3600100, "1h0.1s" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[DURATION_TEXT_MAX];
		uint64_t back;

		assert_string_equal(duration_format(rows[i].ms, out),
		                    rows[i].text);
		assert_int_equal(duration_parse(slice_from(out), &back), 0);
		assert_int_equal(back, rows[i].ms);
	}
}

static void test_numbers(void **state)
{
	uint64_t u = 7;
	int64_t i = 7;
	double d = 7;
	bool b = false;

	assert_int_equal(
		number_parse_u64(slice_from("18446744073709551615"), &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(
		number_parse_u64(slice_from("18446744073709551616"), &u),
		-ERANGE);
	assert_int_equal(number_parse_u64(slice_from("-1"), &u), -EINVAL);
	assert_int_equal(number_parse_u64(slice_from("1 "), &u), -EINVAL);
	assert_int_equal(
		number_parse_i64(slice_from("-9223372036854775808"), &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(
		number_parse_i64(slice_from("9223372036854775808"), &i),
		-ERANGE);
	assert_int_equal(number_parse_size(slice_from("5MiB"), &u), 0);
	assert_true(u == 5 << 20);
	assert_int_equal(number_parse_size(slice_from("1 GiB"), &u), 0);
	assert_true(u == 1 << 30);
	assert_int_equal(number_parse_size(slice_from("512"), &u), 0);
	assert_true(u == 512);
	assert_int_equal(number_parse_size(slice_from("MiB"), &u), -EINVAL);
	assert_int_equal(number_parse_size(slice_from("5MB"), &u), -EINVAL);
	assert_int_equal(
		number_parse_size(slice_from("9007199254740992KiB"), &u),
		-ERANGE);
	assert_int_equal(number_parse_double(slice_from("1.79e+09"), &d), 0);
	assert_true(d == 1.79e9);
	assert_int_equal(number_parse_double(slice_from("-Inf"), &d), 0);
	assert_true(isinf(d) && d < 0);
	assert_int_equal(number_parse_double(slice_from("nan"), &d), 0);
	assert_true(isnan(d));
	assert_int_equal(number_parse_double(slice_from("0x10"), &d), -EINVAL);
	assert_int_equal(number_parse_double(slice_from("1_0"), &d), -EINVAL);
	assert_int_equal(number_parse_double(slice_from(""), &d), -EINVAL);
	assert_int_equal(number_parse_bool(slice_from("YES"), &b), 0);
	assert_true(b);
	assert_int_equal(number_parse_bool(slice_from("maybe"), &b), -EINVAL);
}

static void test_number_format(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ -3, "-3" },
		{ 0.1, "0.1" },
		{ 1.5, "1.5" },
		{ 1795177980.172, "1795177980.172" },
		{ 1e300, "1e+300" },
		{ (double)INFINITY, "+Inf" },
		{ -(double)INFINITY, "-Inf" },
		{ (double)NAN, "NaN" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char out[NUMBER_TEXT_MAX];
		size_t n = number_format_double(rows[i].value, out);

		assert_int_equal(n, strlen(rows[i].text));
		assert_string_equal(out, rows[i].text);
	}
}

static void test_number_whole(void **state)
{
	static const struct {
		double value;
		int64_t rounded;
		int64_t ceiling;
		bool whole;
	} rows[] = {
		{ 0, 0, 0, true },
		{ -0.0, 0, 0, true },
		{ 2, 2, 2, true },
		{ 2.25, 2, 3, false },
		{ 2.5, 3, 3, false },
		{ -2.25, -2, -2, false },
		{ -2.5, -3, -2, false },
		/* 0.5 more of this would be 1 */
		{ 0.49999999999999994, 0, 1, false },
		{ 0x1p52 + 1, INT64_C(1) << 52 | 1, INT64_C(1) << 52 | 1,
		  true },
		{ -0x1p63, INT64_MIN, INT64_MIN, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(number_round(rows[i].value), rows[i].rounded);
		assert_int_equal(number_ceil(rows[i].value), rows[i].ceiling);
		assert_int_equal(number_is_whole(rows[i].value), rows[i].whole);
	}
	assert_false(number_is_whole(0x1p63));
	assert_false(number_is_whole((double)NAN));
	assert_false(number_is_whole((double)INFINITY));
}

static void test_buf_ceiling(void **state)
{
	struct buf buf;

	buf_init(&buf, 10);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf_puts(&buf, "0123456789"), 0);
	assert_int_equal(buf_putc(&buf, 'x'), -E2BIG);
	assert_int_equal(buf_puts(&buf, ""), -E2BIG);
	assert_string_equal(buf_text(&buf), "0123456789");
	buf_reset(&buf);
	assert_int_equal(buf_printf(&buf, "%s-%d", "ab", 42), 0);
	buf_consume(&buf, 1);
	assert_string_equal(buf_text(&buf), "b-42");
	assert_int_equal(buf_printf(&buf, "%s", "1234567"), -E2BIG);
	assert_null(buf_take(&buf));
	buf_fini(&buf);
}

static void test_map(void **state)
{
	static char keys[1000][8];
	struct map map;

	map_init(&map, 42);
	assert_null(map_get(&map, slice_from("absent")));
	assert_null(map_remove(&map, slice_from("absent")));
	for (size_t i = 0; i < 1000; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "k%zu", i);
		assert_int_equal(map_set(&map, slice_from(keys[i]), keys[i]),
		                 0);
	}
	assert_int_equal(map.n, 1000);
	for (size_t i = 0; i < 1000; i += 2)
		assert_ptr_equal(map_remove(&map, slice_from(keys[i])),
		                 keys[i]);
	for (size_t i = 0; i < 1000; i++)
		assert_ptr_equal(map_get(&map, slice_from(keys[i])),
		                 i % 2 ? keys[i] : NULL);
	size_t n = 0;
	MAP_FOR_EACH (entry, &map)
		n++;
	assert_int_equal(n, 500);
	map_fini(&map);
}

static void test_escapes(void **state)
{
	struct buf buf;

	buf_init(&buf, 1000);
	text_escape_json(&buf,
	                 slice_from("ab\"\\\n\x01\xff\xc3\xa9\x7f\xc3z~"));
	assert_string_equal(
		buf_text(&buf),
		"ab\\\"\\\\\\n\\u0001\\ufffd\xc3\xa9\\u007f\\ufffdz~");
	buf_reset(&buf);
	text_escape_label(&buf, slice_from("a\"b\\c\nd"));
	assert_string_equal(buf_text(&buf), "a\\\"b\\\\c\\nd");
	buf_reset(&buf);
	text_escape_logfmt(&buf, slice_from("plain-1.5"));
	assert_string_equal(buf_text(&buf), "plain-1.5");
	buf_reset(&buf);
	text_escape_logfmt(&buf, slice_from("two words"));
	assert_string_equal(buf_text(&buf), "\"two words\"");
	buf_reset(&buf);
	text_escape_html(&buf, slice_from("<a href='x'>&</a>"));
	assert_string_equal(buf_text(&buf),
	                    "&lt;a href=&#39;x&#39;&gt;&amp;&lt;/a&gt;");
	buf_reset(&buf);
	text_escape_plain(
		&buf, slice_from("red\x1b[31m\xf0\x9f\x98\x80\xed\xa0\x80"));
	assert_string_equal(buf_text(&buf),
	                    "red\\x1b[31m\xf0\x9f\x98\x80\\xed\\xa0\\x80");
	buf_reset(&buf);
	text_escape_url(&buf, slice_from("a-Z_0.9~ /?&=%\xc3\xa9\n"));
	assert_string_equal(buf_text(&buf),
	                    "a-Z_0.9~%20%2F%3F%26%3D%25%C3%A9%0A");
	buf_fini(&buf);
}

static void test_distance(void **state)
{
	static const struct {
		const char *a;
		const char *b;
		unsigned distance;
	} rows[] = {
		{ "max_age", "max_age", 0 }, { "max_aeg", "max_age", 1 },
		{ "maxage", "max_age", 1 },  { "", "abc", 3 },
		{ "kitten", "sitting", 3 },  { "abcdefgh", "zyxwvuts", 4 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(text_distance(slice_from(rows[i].a),
		                               slice_from(rows[i].b), 3),
		                 rows[i].distance);
}

static void test_json_writer(void **state)
{
	struct json_writer json;
	struct buf buf;

	buf_init(&buf, 1000);
	json_write_init(&json, &buf);
	json_write_object(&json);
	json_write_key(&json, "a");
	json_write_array(&json);
	json_write_u64(&json, 1);
	json_write_i64(&json, -2);
	json_write_double(&json, 1.5);
	json_write_array_end(&json);
	json_write_key(&json, "b\"");
	json_write_string(&json, NULL);
	json_write_key(&json, "c");
	json_write_seconds(&json, 1250);
	json_write_key(&json, "d");
	json_write_object(&json);
	json_write_object_end(&json);
	json_write_object_end(&json);
	assert_string_equal(buf_text(&buf), "{\"a\":[1,-2,1.5],\"b\\\"\":null,"
	                                    "\"c\":1.25,\"d\":{}}");
	buf_fini(&buf);
}

static void collect(void *context, enum log_level level, struct slice line)
{
	(void)buf_append(context, line.p, line.n);
}

static void test_log(void **state)
{
	struct buf buf;
	struct log log = { .emit = collect,
		           .context = &buf,
		           .level = LOG_LEVEL_INFO };

	buf_init(&buf, 100000);
	log_debug(&log, "not shown");
	log_info(&log, "monitor recovered", LOG_STR("monitor", "a b"),
	         LOG_MS("age", 1200), LOG_INT("attempt", 2));
	assert_string_equal(buf_text(&buf),
	                    "level=info msg=\"monitor recovered\" "
	                    "monitor=\"a b\" age=1.2s attempt=2\n");
	buf_reset(&buf);
	log.format = LOG_FORMAT_JSON;
	log_warn(&log, "odd", LOG_STR("peer", "x\ny"), LOG_MS("age", 1200));
	assert_string_equal(buf_text(&buf),
	                    "{\"level\":\"warn\",\"msg\":\"odd\","
	                    "\"peer\":\"x\\ny\",\"age\":1.2}\n");
	buf_reset(&buf);
	log.format = LOG_FORMAT_PLAIN;
	log_error(&log, "odd", LOG_STR("peer", "x\ny"));
	assert_string_equal(buf_text(&buf), "error odd peer=x\\x0ay\n");
	buf_reset(&buf);
	log_error(&log, "a\nb");
	assert_string_equal(buf_text(&buf), "error a\\x0ab\n");
	buf_fini(&buf);
}

static void test_err(void **state)
{
	struct err err;

	err_clear(&err);
	assert_int_equal(err_set_code(&err, -ENOENT, "open %s", "f"), -ENOENT);
	err_wrap(&err, "state");
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.message,
	                    "state: open f: No such file or directory");
	/* who asks for no words is told that it failed all the same */
	assert_int_equal(err_set(NULL, -EIO, "unseen"), -EIO);
	assert_int_equal(err_set_code(NULL, -EIO, "unseen"), -EIO);
	err_wrap(NULL, "unseen");
}

static void test_list(void **state)
{
	struct list head;
	struct list nodes[3];

	list_init(&head);
	assert_null(list_pop(&head));
	for (size_t i = 0; i < 3; i++)
		list_append(&head, &nodes[i]);
	list_unlink(&nodes[1]);
	list_unlink(&nodes[1]);
	assert_ptr_equal(list_pop(&head), &nodes[0]);
	assert_ptr_equal(list_pop(&head), &nodes[2]);
	assert_true(list_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration_parse),
		cmocka_unit_test(test_duration_parse_days),
		cmocka_unit_test(test_duration_format),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_number_whole),
		cmocka_unit_test(test_number_format),
		cmocka_unit_test(test_buf_ceiling),
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_json_writer),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_err),
		cmocka_unit_test(test_list),
	};

	return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
