/* SPDX-License-Identifier: Apache-2.0 */
/* prometheus: what a server's answer holds, however it is cut. The documents
 * marked so were captured from Prometheus 2.42. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include "base/number.h"
#include "base/text.h"
#include "proto/prometheus.h"
#include "support/faults.h"

#define SUCCESS(type, result)                                      \
	"{\"status\":\"success\",\"data\":{\"resultType\":\"" type \
	"\",\"result\":" result "}}"
#define VECTOR(result) SUCCESS("vector", result)

static const struct {
	const char *text;
	const char *told; /* name=value,…:value and so on */
	int outcome;
} rows[] = {
	/* captured */
	{ VECTOR("[{\"metric\":{\"__name__\":\"load\",\"host\":\"a\","
	         "\"instance\":\"127.0.0.1:32779\",\"job\":\"test\"},\"value\":"
	         "[1795255110.289,\"104.5\"]},{\"metric\":{\"__name__\":"
	         "\"load\",\"host\":\"b\\\"c\",\"instance\":\"127.0.0.1:"
	         "32779\","
	         "\"job\":\"test\"},\"value\":[1795255110.289,\"NaN\"]}]") "\n",
	  "__name__=load,host=a,instance=127.0.0.1:32779,job=test:104.5 "
	  "__name__=load,host=b\"c,instance=127.0.0.1:32779,job=test:NaN ",
	  0 },
	{ VECTOR("[{\"metric\":{},\"value\":[1795255110.293,\"1\"]}]"), ":1 ",
	  0 },
	{ VECTOR("[{\"metric\":{\"name\":\"\xc3\xbcn\xc3\xaf\"},\"value\":"
	         "[1795255110.302,\"-Inf\"]}]"),
	  "name=\xc3\xbcn\xc3\xaf:-Inf ", 0 },
	{ VECTOR("[]"), "", 0 },
	{ SUCCESS("scalar", "[1795255110.294,\"2\"]"), ":2 ", 0 },
	{ SUCCESS("scalar", "[1795255110.304,\"NaN\"]"), ":NaN ", 0 },
	{ SUCCESS("string", "[1795255110.295,\"text\"]"), NULL,
	  PROMETHEUS_E_TYPE },
	{ SUCCESS("matrix", "[{\"metric\":{\"__name__\":\"load\"},\"values\":"
	                    "[[1795255110.221,\"104.5\"]]}]"),
	  NULL, PROMETHEUS_E_TYPE },
	{ "{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":"
	  "\"invalid "
	  "parameter \\\"query\\\": 1:6: parse error: unexpected end of input "
	  "inside braces\"}",
	  NULL, PROMETHEUS_E_ERROR },
	/* numbers of 5.1 of the documentation */
	{ VECTOR("[{\"metric\":{},\"value\":[1,\"1.7976931348623157e+308\"]},"
	         "{\"metric\":{},\"value\":[1.5,\"5e-324\"]},"
	         "{\"metric\":{},\"value\":[1.25,\"+Inf\"]}]"),
	  ":1.7976931348623157e+308 :4.94065645841247e-324 :+Inf ", 0 },
	/* keys that are not known, and another order */
	{ "{\"warnings\":[\"w\",{\"result\":[1]}],\"infos\":[\"i\"],\"data\":"
	  "{\"stats\":{\"result\":[{\"metric\":{}}]},\"result\":[{\"x\":"
	  "[{\"metric\":{}}],\"value\":[1,\"3\"],\"group\":{\"a\":\"b\"},"
	  "\"metric\":{\"a\":\"b\"}}],\"resultType\":\"vector\"},\"isPartial\":"
	  "false,\"status\":\"success\"}",
	  "a=b:3 ", 0 },
	{ "{\"status\":\"success\",\"isPartial\":false,\"data\":{"
	  "\"resultType\":"
	  "\"vector\",\"result\":[]},\"stats\":{\"seriesFetched\": \"0\"}}",
	  "", 0 },
	{ VECTOR("[{\"metric\":{},\"histogram\":[1,{\"count\":\"2\",\"sum\":"
	         "\"3\",\"buckets\":[[0,\"1\",\"2\",\"2\"]]}]}]"),
	  NULL, PROMETHEUS_E_HISTOGRAM },
	{ VECTOR("[{\"metric\":{},\"value\":[1,\"1\"]},{\"metric\":{},"
	         "\"histogram\":[1,{}]}]"),
	  NULL, PROMETHEUS_E_HISTOGRAM },
	/* an error may carry data */
	{ "{\"status\":\"error\",\"data\":{\"resultType\":\"vector\","
	  "\"result\":[{}]},\"errorType\":\"internal\",\"error\":\"e\"}",
	  NULL, PROMETHEUS_E_ERROR },
	{ "{\"status\":\"error\"}", NULL, PROMETHEUS_E_ERROR },
	/* not what was asked for */
	{ "{}", NULL, PROMETHEUS_E_NOT_ANSWER },
	{ "[]", NULL, PROMETHEUS_E_NOT_ANSWER },
	{ "1", NULL, PROMETHEUS_E_NOT_ANSWER },
	{ "{\"status\":\"success\"}", NULL, PROMETHEUS_E_NOT_ANSWER },
	{ "{\"status\":\"success\",\"data\":null}", NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ "{\"status\":\"success\",\"data\":[{\"labels\":{}}]}", NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ "{\"status\":7,\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
	  NULL, PROMETHEUS_E_NOT_ANSWER },
	{ "{\"data\":{\"resultType\":\"vector\",\"result\":[]}}", NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ "{\"status\":\"success\",\"data\":{\"result\":[]}}", NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("{}"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("null"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[],\"result\":[]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[1,\"2\"]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[[]]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{}]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{},1]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{}}]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"value\":[1,\"1\"]}]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":[],\"value\":[1,\"1\"]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{\"a\":1},\"value\":[1,\"1\"]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{\"a\":{}},\"value\":[1,\"1\"]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{},\"metric\":{},\"value\":[1,\"1\"]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{},\"value\":1}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{},\"value\":[1]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{},\"value\":[1,1]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{},\"value\":[\"1\",\"1\"]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{},\"value\":[1,\"1\",2]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{},\"value\":[1,\"0x1\"]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ VECTOR("[{\"metric\":{},\"value\":[1,\"\"]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	{ SUCCESS("scalar", "[]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ SUCCESS("scalar", "[1]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ SUCCESS("scalar", "[1,\"1\",\"2\"]"), NULL, PROMETHEUS_E_NOT_ANSWER },
	{ SUCCESS("scalar", "[{\"metric\":{},\"value\":[1,\"1\"]}]"), NULL,
	  PROMETHEUS_E_NOT_ANSWER },
	/* not JSON, or not all of it */
	{ "<html><body>502 Bad Gateway</body></html>", NULL,
	  PROMETHEUS_E_NOT_JSON },
	{ "404 page not found\n", NULL, PROMETHEUS_E_NOT_ANSWER },
	{ "no org id\n", NULL, PROMETHEUS_E_NOT_JSON },
	{ "", NULL, PROMETHEUS_E_TRUNCATED },
	{ "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\","
	  "\"result\":[{\"metric\":{},\"value\":[1,\"1\"]}",
	  NULL, PROMETHEUS_E_TRUNCATED },
};

static int tell(void *context, const struct label *labels, size_t n_labels,
                double value)
{
	struct buf *told = context;
	char number[NUMBER_TEXT_MAX];

	for (size_t i = 0; i < n_labels; i++)
		(void)buf_printf(told, "%s" SLICE_FMT "=" SLICE_FMT,
		                 i ? "," : "", SLICE_ARG(labels[i].name),
		                 SLICE_ARG(labels[i].value));
	number[number_format_double(value, number)] = '\0';
	(void)buf_printf(told, ":%s ", number);
	return 0;
}

/* From a copy of exactly its size, so that reading beyond it is noticed. */
static int feed(struct prometheus_answer *answer, const char *p, size_t n)
{
	char *copy = malloc(n + !n);
	int r;

	assert_non_null(copy);
	memcpy(copy, p, n);
	r = prometheus_answer_feed(answer, slice_make(copy, n));
	free(copy);
	return r;
}

static int read_in_two(struct prometheus_answer *answer, struct slice text,
                       size_t cut)
{
	int r = feed(answer, text.p, cut);

	if (r == 0)
		r = feed(answer, text.p + cut, text.n - cut);
	return r ? r : prometheus_answer_finish(answer);
}

static void test_rows(void **state)
{
	struct prometheus_answer answer;
	struct buf told;

	buf_init(&told, 4096);
	prometheus_answer_init(&answer, tell, &told);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct slice text = slice_from(rows[i].text);

		for (size_t cut = 0; cut <= text.n; cut++) {
			int r;

			buf_reset(&told);
			prometheus_answer_reset(&answer);
			r = read_in_two(&answer, text, cut);
			if (r != rows[i].outcome)
				fail_msg("row %zu cut at %zu: %d: %s", i, cut,
				         r, rows[i].text);
			if (r == 0)
				assert_string_equal(buf_text(&told),
				                    rows[i].told);
		}
	}
	prometheus_answer_fini(&answer);
	buf_fini(&told);
}

static void test_words(void **state)
{
	struct prometheus_answer answer;
	struct buf text;
	struct buf told;

	buf_init(&told, 4096);
	buf_init(&text, 65536);
	prometheus_answer_init(&answer, tell, &told);
	assert_int_equal(
		read_in_two(
			&answer,
			slice_from("{\"status\":\"error\",\"errorType\":"
	                           "\"execution\",\"error\":\"a \\u00fc\"}"),
			9),
		PROMETHEUS_E_ERROR);
	assert_string_equal(answer.error_type, "execution");
	assert_string_equal(answer.error, "a \xc3\xbc");

	/* the next one has nothing of the last */
	prometheus_answer_reset(&answer);
	assert_int_equal(
		read_in_two(&answer, slice_from(SUCCESS("matrix", "[]")), 3),
		PROMETHEUS_E_TYPE);
	assert_string_equal(answer.type, "matrix");
	assert_string_equal(answer.error, "");

	/* a long one is cut, but no character is */
	prometheus_answer_reset(&answer);
	(void)buf_puts(&text, "{\"status\":\"error\",\"error\":\"x");
	for (int i = 0; i < 20000; i++)
		(void)buf_puts(&text, "\xc3\xbc");
	(void)buf_puts(&text, "\"}");
	assert_int_equal(read_in_two(&answer, buf_slice(&text), 100),
	                 PROMETHEUS_E_ERROR);
	assert_int_equal(strlen(answer.error), PROMETHEUS_MAX_WORDS - 1);
	assert_int_equal(strlen(answer.error) % 2, 1);
	prometheus_answer_fini(&answer);
	buf_fini(&text);
	buf_fini(&told);
}

static int with_labels(size_t n, size_t length)
{
	struct prometheus_answer answer;
	struct buf text;
	struct buf told;
	int r;

	buf_init(&told, 1u << 22);
	buf_init(&text, 1u << 22);
	(void)buf_puts(&text,
	               "{\"status\":\"success\",\"data\":{\"resultType\":"
	               "\"vector\",\"result\":[{\"metric\":{");
	for (size_t i = 0; i < n; i++) {
		(void)buf_printf(&text, "%s\"a%zu\":\"", i ? "," : "", i);
		for (size_t k = 0; k < length; k++)
			(void)buf_putc(&text, 'x');
		(void)buf_putc(&text, '"');
	}
	(void)buf_puts(&text, "},\"value\":[1,\"1\"]}]}}");
	assert_int_equal(text.failed, 0);
	prometheus_answer_init(&answer, tell, &told);
	r = read_in_two(&answer, buf_slice(&text), text.n / 2);
	assert_int_equal(told.n > 0, r == 0);
	prometheus_answer_fini(&answer);
	buf_fini(&text);
	buf_fini(&told);
	return r;
}

static void test_limits(void **state)
{
	assert_int_equal(with_labels(PROMETHEUS_MAX_LABELS, 1), 0);
	assert_int_equal(with_labels(PROMETHEUS_MAX_LABELS + 1, 1),
	                 PROMETHEUS_E_TOO_LARGE);
	assert_int_equal(with_labels(1, PROMETHEUS_MAX_TEXT), 0);
	assert_int_equal(with_labels(1, PROMETHEUS_MAX_TEXT + 1),
	                 PROMETHEUS_E_TOO_LARGE);
	/* each may be, but not all of them together */
	assert_int_equal(with_labels(100, PROMETHEUS_MAX_TEXT),
	                 PROMETHEUS_E_TOO_LARGE);
}

/* What the callback says is handed on, whatever the number. */
static int stop(void *context, const struct label *labels, size_t n_labels,
                double value)
{
	return *(int *)context;
}

static void test_stop(void **state)
{
	static const int codes[] = { 1, 2, 3, 7, -ENOMEM };

	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct prometheus_answer answer;
		int code = codes[i];

		prometheus_answer_init(&answer, stop, &code);
		assert_int_equal(
			read_in_two(&answer,
		                    slice_from(SUCCESS("scalar", "[1,\"1\"]")),
		                    20),
			code);
		prometheus_answer_fini(&answer);
	}
}

static int count(void *context, const struct label *labels, size_t n_labels,
                 double value)
{
	++*(unsigned *)context;
	return 0;
}

static int read_first(unsigned *n)
{
	struct prometheus_answer answer;
	int r;

	*n = 0;
	prometheus_answer_init(&answer, count, n);
	r = read_in_two(&answer, slice_from(rows[0].text), 120);
	prometheus_answer_fini(&answer);
	return r;
}

static void test_out_of_memory(void **state)
{
	unsigned n_seen;
	size_t n;

	faults_count();
	assert_int_equal(read_first(&n_seen), 0);
	assert_int_equal(n_seen, 2);
	n = faults_end();
	assert_true(n >= 2);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		assert_int_equal(read_first(&n_seen), -ENOMEM);
		(void)faults_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_out_of_memory),
	};

	faults_install_mem();
	return cmocka_run_group_tests_name("prometheus", tests, NULL, NULL);
}
