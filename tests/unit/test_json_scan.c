/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan: tokens, however the document was cut; and what pushgateway makes
 * of them. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "base/text.h"
#include "proto/json_scan.h"
#include "proto/pushgateway.h"

#define MAX_TEXT 16 /* bytes of a string before it is cut */

/* [ "a" ] is told as: [ 'a ] */
static int tell(void *context, const struct json_scan_token *token)
{
	static const char signs[] = "{}[]:'#tfn";
	struct buf *told = context;

	if (told->n)
		(void)buf_putc(told, ' ');
	(void)buf_putc(told, signs[token->kind]);
	text_escape_plain(told, token->text);
	if (token->cut)
		(void)buf_puts(told, "...");
	return 0;
}

/* From a copy of exactly its size, so that reading beyond it is noticed. */
static int feed(struct json_scan *scan, const char *p, size_t n)
{
	char *copy = malloc(n + !n);
	int r;

	assert_non_null(copy);
	memcpy(copy, p, n);
	r = json_scan_feed(scan, slice_make(copy, n));
	free(copy);
	return r;
}

static int scan_in_pieces(struct json_scan *scan, struct slice text, size_t a,
                          size_t b)
{
	int r;

	json_scan_reset(scan);
	buf_reset(scan->context);
	r = feed(scan, text.p, a);
	if (r == 0)
		r = feed(scan, text.p + a, b - a);
	if (r == 0)
		r = feed(scan, text.p + b, text.n - b);
	return r ? r : json_scan_finish(scan);
}

static const struct {
	const char *text;
	const char *told; /* NULL: JSON_SCAN_E_SYNTAX */
} documents[] = {
	{ "{}", "{ }" },
	{ " [ ] \r\n\t", "[ ]" },
	{ "null", "n" },
	{ "[true,false,null]", "[ t f n ]" },
	{ "{\"a\":[1,{\"b\":\"c\"}],\"d\":{}}",
	  "{ :a [ #1 { :b 'c } ] :d { } }" },
	{ "0", "#0" },
	{ "-0.5e+10 ", "#-0.5e+10" },
	{ "[0,-1,12,1.25,1e5,1E-5]", "[ #0 #-1 #12 #1.25 #1e5 #1E-5 ]" },
	{ "\"\"", "'" },
	{ "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
	  "[ '\"\\/\\x08\\x0c\\x0a\\x0d\\x09 ]" },
	{ "[\"a\\u0041\\u00e9\\u20ac\\ud83d\\ude00z\"]",
	  "[ 'aA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z ]" },
	{ "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]",
	  "[ '\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ]" },
	{ "[\"0123456789abcdef\",\"0123456789abcdefg\"]",
	  "[ '0123456789abcdef '0123456789abcdef... ]" },
	{ "[\"\\u0000\",12345678901234567890]",
	  "[ '\\x00 #1234567890123456... ]" },
	{ "{\"a\":1,\"a\":2}", "{ :a #1 :a #2 }" },

	{ "[1,]", NULL },
	{ "{\"a\":1,}", NULL },
	{ "{a:1}", NULL },
	{ "{\"a\" 1}", NULL },
	{ "{\"a\"}", NULL },
	{ "{1:2}", NULL },
	{ "[1 2]", NULL },
	{ "[1}", NULL },
	{ "{]", NULL },
	{ "]", NULL },
	{ "[] []", NULL },
	{ "1 2", NULL },
	{ "nul ", NULL },
	{ "trUe", NULL },
	{ "nulll", NULL },
	{ "[01]", NULL },
	{ "[-]", NULL },
	{ "[1.]", NULL },
	{ "[.5]", NULL },
	{ "[1e]", NULL },
	{ "[1e+]", NULL },
	{ "[+1]", NULL },
	{ "[NaN]", NULL },
	{ "[\"\n\"]", NULL },
	{ "[\"\\x\"]", NULL },
	{ "[\"\\u12g4\"]", NULL },
	{ "[\"\\ud83d\"]", NULL },
	{ "[\"\\ud83dx\"]", NULL },
	{ "[\"\\ud83d\\n\"]", NULL },
	{ "[\"\\ud83d\\u0041\"]", NULL },
	{ "[\"\\ude00\"]", NULL },
	{ "[\"\xff\"]", NULL },
	{ "[\"\xc0\x80\"]", NULL },
	{ "[\"\xc3\"]", NULL },
	{ "[\"\xed\xa0\x80\"]", NULL },
	{ "[\"\xf4\x90\x80\x80\"]", NULL },
	{ "[\"\xe0\x80\x80\"]", NULL },
	{ "\xef\xbb\xbf[]", NULL },
	{ "<html>", NULL },
	{ "/* */ []", NULL },
};

static void test_documents(void **state)
{
	struct json_scan scan;
	struct buf told;

	buf_init(&told, 4096);
	json_scan_init(&scan, MAX_TEXT, tell, &told);
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct slice text = slice_from(documents[i].text);
		const char *expected = documents[i].told;

		for (size_t b = 0; b <= text.n; b++) {
			for (size_t a = 0; a <= b; a++) {
				int r = scan_in_pieces(&scan, text, a, b);

				if (r == (expected ? 0 : JSON_SCAN_E_SYNTAX) &&
				    (!expected ||
				     strcmp(buf_text(&told), expected) == 0))
					continue;
				fail_msg("%s cut at %zu, %zu: %d %s",
				         documents[i].text, a, b, r,
				         buf_text(&told));
			}
		}
	}
	json_scan_fini(&scan);
	buf_fini(&told);
}

/* Every proper beginning of a document is told as truncated. */
static void test_truncated(void **state)
{
	struct slice text = slice_from(
		"{\"a\\u00e9\": [1.5e3, true, {\"b\": \"\\ud83d\\ude00\"}]}");
	struct json_scan scan;
	struct buf told;

	buf_init(&told, 4096);
	json_scan_init(&scan, MAX_TEXT, tell, &told);
	for (size_t n = 0; n < text.n; n++)
		assert_int_equal(scan_in_pieces(&scan, slice_make(text.p, n),
		                                n / 2, n / 2),
		                 JSON_SCAN_E_TRUNCATED);
	assert_int_equal(scan_in_pieces(&scan, text, 0, 0), 0);
	json_scan_fini(&scan);
	buf_fini(&told);
}

static void test_depth(void **state)
{
	char text[2 * (JSON_SCAN_MAX_DEPTH + 1)];
	struct json_scan scan;
	struct buf told;

	buf_init(&told, 4096);
	json_scan_init(&scan, MAX_TEXT, tell, &told);
	for (size_t n = JSON_SCAN_MAX_DEPTH; n <= JSON_SCAN_MAX_DEPTH + 1;
	     n++) {
		memset(text, '[', n);
		memset(text + n, ']', n);
		assert_int_equal(
			scan_in_pieces(&scan, slice_make(text, 2 * n), 0, 0),
			n > JSON_SCAN_MAX_DEPTH ? JSON_SCAN_E_TOO_DEEP : 0);
	}
	json_scan_fini(&scan);
	buf_fini(&told);
}

static int stop(void *context, const struct json_scan_token *token)
{
	return token->kind == JSON_SCAN_NUMBER ? -ECANCELED : 0;
}

static void test_callback_stops(void **state)
{
	struct json_scan scan;

	json_scan_init(&scan, MAX_TEXT, stop, NULL);
	assert_int_equal(json_scan_feed(&scan, slice_from("[true, 1, 2]")),
	                 -ECANCELED);
	json_scan_fini(&scan);
}

/* --- the Pushgateway's document ------------------------------------------ */

static void *wanted(void *context, struct slice family)
{
	static char a[] = "a";
	static char b[] = "b";

	return slice_is(family, "fam_a")   ? a
	       : slice_is(family, "fam_b") ? b
	                                   : NULL;
}

static void pushed(void *context, const struct label *labels, size_t n_labels,
                   void *family, int64_t unix_ms)
{
	struct buf *told = context;

	(void)buf_printf(told, "%s", (const char *)family);
	for (size_t i = 0; i < n_labels; i++)
		(void)buf_printf(told, " " SLICE_FMT "=" SLICE_FMT,
		                 SLICE_ARG(labels[i].name),
		                 SLICE_ARG(labels[i].value));
	(void)buf_printf(told, " @%" PRId64 "; ", unix_ms);
}

static const struct pushgateway_callbacks callbacks = { wanted, pushed };

#define GROUPS(...) "{\"status\":\"success\",\"data\":[" __VA_ARGS__ "]}"
#define TIME(ts)                                                 \
	"{\"help\":\"\",\"metrics\":[{\"labels\":{\"x\":\"y\"}," \
	"\"value\":\"1\"}],\"time_stamp\":\"" ts "\"}"

static const struct {
	const char *text;
	int outcome;
	int n_bad;
	const char *told;
} replies[] = {
	{ GROUPS(""), 0, 0, "" },
	{ GROUPS("{\"fam_a\":" TIME(
		  "1970-01-01T00:00:01Z") ","
	                                  "\"fam_c\":" TIME(
						  "1970-01-01T00:00:"
						  "09Z") ","
	                                                 "\"labels\":{"
	                                                 "\"job\":"
	                                                 "\"j\\n\","
	                                                 "\"x\":\"\"},"
	                                                 "\"last_push_"
	                                                 "successful\":"
	                                                 "true,"
	                                                 "\"fam_"
	                                                 "b\":" TIME(
								 "1970-"
								 "01-"
								 "01T01"
								 ":00:"
								 "02.5+"
								 "01:"
								 "00") "},"
	                                                               "{\"labe"
	                                                               "ls\":{}"
	                                                               ",\"fam_"
	                                                               "b\""
	                                                               ":" TIME(
									       "1970-01-01T00:00:03Z") "}"),
	  0, 0, "a job=j\n x= @1000; b job=j\n x= @2500; b @3000; " },
	/* groups that break the shape are left out, the others count */
	{ GROUPS("{\"labels\":" TIME("x") ",\"fam_a\":" TIME(
		  "1970-01-01T00:00:01Z") "},"
	                                  "{\"fam_a\":" TIME(
						  "1970-01-01T00:00:"
						  "01Z") "},"
	                                                 "{\"labels\":{"
	                                                 "\"job\":"
	                                                 "\"j\"},\"fam_"
	                                                 "a\":" TIME(
								 "noon") "},"
	                                                                 "{\"la"
	                                                                 "bels"
	                                                                 "\":{"
	                                                                 "\"job"
	                                                                 "\":1}"
	                                                                 ",\"fa"
	                                                                 "m_"
	                                                                 "a\""
	                                                                 ":" TIME(
										 "1970-01-01T00:00:01Z") "},"
	                                                                                                 "{\"labels\":{\"job\":\"k\"},\"fam_a\":" TIME(
														 "1970-01-01T00:00:01Z") "}"),
	  0, 4, "a job=k @1000; " },
	{ GROUPS("{\"labels\":{\"job\":\"j\"},\"fam_a\":7,\"fam_b\":"
	         "{\"time_stamp\":{\"time_stamp\":\"x\"}}}"),
	  0, 1, "" },
	{ "{\"data\":[],\"more\":{\"deep\":[[{\"labels\":3}]]},"
	  "\"status\":\"success\"}",
	  0, 0, "" },
	{ "{\"status\":\"error\",\"data\":[]}", PUSHGATEWAY_E_NOT_GROUPS, 0,
	  "" },
	{ "{\"status\":\"success\"}", PUSHGATEWAY_E_NOT_GROUPS, 0, "" },
	{ "{\"status\":\"success\",\"data\":{}}", PUSHGATEWAY_E_NOT_GROUPS, 0,
	  "" },
	{ GROUPS("1"), PUSHGATEWAY_E_NOT_GROUPS, 0, "" },
	{ "[]", PUSHGATEWAY_E_NOT_GROUPS, 0, "" },
	{ "<html>", PUSHGATEWAY_E_NOT_JSON, 0, "" },
	{ "{\"status\":\"success\",\"data\":[", PUSHGATEWAY_E_TRUNCATED, 0,
	  "" },
	{ "", PUSHGATEWAY_E_TRUNCATED, 0, "" },
};

static void test_pushgateway(void **state)
{
	struct pushgateway_document document;
	struct buf told;

	buf_init(&told, 4096);
	pushgateway_document_init(&document, &callbacks, &told);
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++) {
		struct slice text = slice_from(replies[i].text);

		for (size_t cut = 0; cut <= text.n; cut++) {
			int r;

			pushgateway_document_reset(&document);
			buf_reset(&told);
			r = pushgateway_document_feed(&document,
			                              slice_make(text.p, cut));
			if (r == 0)
				r = pushgateway_document_feed(
					&document, slice_skip(text, cut));
			if (r == 0)
				r = pushgateway_document_finish(&document);
			if (r != replies[i].outcome ||
			    (int)document.n_bad != replies[i].n_bad ||
			    strcmp(buf_text(&told), replies[i].told) != 0)
				fail_msg("%s cut at %zu: %d, %d bad, %s",
				         replies[i].text, cut, r,
				         (int)document.n_bad, buf_text(&told));
		}
	}
	pushgateway_document_fini(&document);
	buf_fini(&told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_callback_stops),
		cmocka_unit_test(test_pushgateway),
	};

	return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
