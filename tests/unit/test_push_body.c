/* SPDX-License-Identifier: Apache-2.0 */
/* push_body: what is accepted as the body of a push, and what is said of the
 * rest. */
#include "support/cmocka.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include "base/buf.h"
#include "proto/push_body.h"
#include "support/faults.h"

#define PREFIX "text format parsing error in "
#define BODY(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
#define N_SERIES 100000

/* In memory of its own size, so that reading beyond it is noticed. */
static int parse(struct push_body *body, struct slice text, char **copyp,
                 struct err *err)
{
	*copyp = malloc(text.n > 0 ? text.n : 1);
	assert_non_null(*copyp);
	memcpy(*copyp, text.p, text.n);
	return push_body_parse(body, slice_make(*copyp, text.n), err);
}

/* --- as the original ------------------------------------------------------- */

struct row {
	struct slice text;
	const char *refusal; /* NULL: accepted */
};

/* Observed of prometheus-pushgateway 1.5.1 with PUT. */
static const struct row observed[] = {
	{ BODY("a 1\n"), NULL },
	{ BODY("a 1"), "line 1: unexpected end of input stream" },
	{ BODY("a 1\r\n"), "line 1: expected float as value, got \"1\\r\"" },
	{ BODY(" \t a \t1 \t\n"),
	  "line 1: expected integer as timestamp, got \"\"" },
	{ BODY(" \t a \t1\n"), NULL },
	{ BODY("a 1 \n"), "line 1: expected integer as timestamp, got \"\"" },
	{ BODY("a 1  \n"), "line 1: expected integer as timestamp, got \"\"" },
	{ BODY("a 1 5 \n"), "line 1: spurious string after timestamp: \" \"" },
	{ BODY("a 1 5 6\n"),
	  "line 1: spurious string after timestamp: \" 6\"" },
	{ BODY("a 1 x\n"), "line 1: expected integer as timestamp, got \"x\"" },
	{ BODY("a 1 1_0\n"),
	  "line 1: expected integer as timestamp, got \"1_0\"" },
	{ BODY("a 1 9223372036854775808\n"),
	  "line 1: expected integer as timestamp, got "
	  "\"9223372036854775808\"" },
	{ BODY("a\n"), "line 1: expected float as value, got \"\"" },
	{ BODY("a \n"), "line 1: expected float as value, got \"\"" },
	{ BODY("a"), "line 1: unexpected end of input stream" },
	{ BODY("a "), "line 1: unexpected end of input stream" },
	{ BODY(" "), NULL },
	{ BODY("#"), "line 1: unexpected end of input stream" },
	{ BODY("# "), "line 1: unexpected end of input stream" },
	{ BODY("# x"), "line 1: unexpected end of input stream" },
	{ BODY("#\n"), NULL },
	{ BODY("# \n"), NULL },
	{ BODY("#x"), "line 1: unexpected end of input stream" },
	{ BODY("# x\n"), NULL },
	{ BODY("# HELP"), "line 1: unexpected end of input stream" },
	{ BODY("# HELP "), "line 1: unexpected end of input stream" },
	{ BODY("# HELP a"), "line 1: unexpected end of input stream" },
	{ BODY("# HELP a\n"), NULL },
	{ BODY("# HELP a \n"), NULL },
	{ BODY("# HELP a b"), "line 1: unexpected end of input stream" },
	{ BODY("# HELP \n"), NULL },
	{ BODY("# HELP\n"), NULL },
	{ BODY("# HELP 1a x\n"), "line 1: invalid metric name in comment" },
	{ BODY("# HELP a{ x\n"), "line 1: invalid metric name in comment" },
	{ BODY("# HELP a x\n# HELP a y\na 1\n"),
	  "line 2: second HELP line for metric name \"a\"" },
	{ BODY("# HELP a x\n# HELP a \n# HELP a y\na 1\n"),
	  "line 3: second HELP line for metric name \"a\"" },
	{ BODY("# HELP a \\x\na 1\n"),
	  "line 1: invalid escape sequence '\\x'" },
	{ BODY("# HELP a \\\\ \\n \na 1\n"), NULL },
	{ BODY("# HELP a\tx\na 1\n"), NULL },
	{ BODY("# HELPa x\na 1\n"), NULL },
	{ BODY("# help a x\n# type a foo\na 1\n"), NULL },
	{ BODY("#HELP a x\n#HELP a y\na 1\n"),
	  "line 2: second HELP line for metric name \"a\"" },
	{ BODY("# TYPE a counter\n# TYPE a counter\na 1\n"),
	  "line 2: second TYPE line for metric name \"a\", or TYPE reported "
	  "after samples" },
	{ BODY("a 1\n# TYPE a counter\n"),
	  "line 2: second TYPE line for metric name \"a\", or TYPE reported "
	  "after samples" },
	{ BODY("# TYPE a Counter\na 1\n"), NULL },
	{ BODY("# TYPE a counter \na 1\n"),
	  "line 1: unknown metric type \"counter \"" },
	{ BODY("# TYPE a foo\na 1\n"), "line 1: unknown metric type \"foo\"" },
	{ BODY("# TYPE a \na 1\n"), NULL },
	{ BODY("# TYPE a\na 1\n"), NULL },
	{ BODY("# TYPE a gauge_histogram\na 1\n"), NULL },
	{ BODY("# TYPE a unknown\na 1\n"),
	  "line 1: unknown metric type \"unknown\"" },
	{ BODY("# TYPE a untyped\na 1\n"), NULL },
	{ BODY("# TYPE a x\377\na 1\n"),
	  "line 1: unknown metric type \"x\\xff\"" },
	{ BODY("a{} 1\n"), NULL },
	{ BODY("a{ } 1\n"), NULL },
	{ BODY("a{,} 1\n"), "line 1: invalid label name for metric \"a\"" },
	{ BODY("a{b=\"c\"} 1\n"), NULL },
	{ BODY("a{b=\"c\",} 1\n"), NULL },
	{ BODY("a{b=\"c\",,} 1\n"),
	  "line 1: invalid label name for metric \"a\"" },
	{ BODY("a{b=\"c\" , } 1\n"), NULL },
	{ BODY("a{b=\"c\" d=\"e\"} 1\n"),
	  "line 1: unexpected end of label value \"c\"" },
	{ BODY("a{b=\"c\"}1\n"), NULL },
	{ BODY("a {b=\"c\"}1\n"), NULL },
	{ BODY("a {b=\"c\"} 1\n"), NULL },
	{ BODY("a{ b = \"c\" , d = \"e\" } 1\n"), NULL },
	{ BODY("a{b} 1\n"),
	  "line 1: expected '=' after label name, found '}'" },
	{ BODY("a{b=} 1\n"),
	  "line 1: expected '\"' at start of label value, found '}'" },
	{ BODY("a{b=c} 1\n"),
	  "line 1: expected '\"' at start of label value, found 'c'" },
	{ BODY("a{b='c'} 1\n"),
	  "line 1: expected '\"' at start of label value, found '\\''" },
	{ BODY("a{b=\"c\n\"} 1\n"),
	  "line 1: label value \"c\" contains unescaped new-line" },
	{ BODY("a{b=\"c\\x\"} 1\n"), "line 1: invalid escape sequence '\\x'" },
	{ BODY("a{b=\"c\\n\\\\\\\"\"} 1\n"), NULL },
	{ BODY("a{b=\"c\377\"} 1\n"),
	  "line 1: invalid label value \"c\\xff\"" },
	{ BODY("a{b=\"\355\240\200\"} 1\n"),
	  "line 1: invalid label value \"\\xed\\xa0\\x80\"" },
	{ BODY("a{b=\"\303\251\"} 1\n"), NULL },
	{ BODY("a{b=\"c\",b=\"d\"} 1\n"),
	  "line 1: duplicate label names for metric \"a\"" },
	{ BODY("a{b=\"c\",b=\"c\"} 1\n"),
	  "line 1: duplicate label names for metric \"a\"" },
	{ BODY("a{__name__=\"c\"} 1\n"),
	  "line 1: label name \"__name__\" is reserved" },
	{ BODY("a{b:c=\"c\"} 1\n"),
	  "line 1: expected '=' after label name, found ':'" },
	{ BODY("a{1b=\"c\"} 1\n"),
	  "line 1: invalid label name for metric \"a\"" },
	{ BODY("a{b-c=\"c\"} 1\n"),
	  "line 1: expected '=' after label name, found '-'" },
	{ BODY("a{b=\"c\" 1\n"),
	  "line 1: unexpected end of label value \"c\"" },
	{ BODY("a{b=\"c\"\n"), "line 1: unexpected end of label value \"c\"" },
	{ BODY("a{b=\"c"), "line 1: unexpected end of input stream" },
	{ BODY("a{b=\"c\""), "line 1: unexpected end of input stream" },
	{ BODY("a{b"), "line 1: unexpected end of input stream" },
	{ BODY("a{"), "line 1: unexpected end of input stream" },
	{ BODY("a{b="), "line 1: unexpected end of input stream" },
	{ BODY("a{b=\"c\","), "line 1: unexpected end of input stream" },
	{ BODY("a{b=\"c\"}"), "line 1: unexpected end of input stream" },
	{ BODY("a{b=\"c\"} "), "line 1: unexpected end of input stream" },
	{ BODY("a{b=\"c\"} \n"), "line 1: expected float as value, got \"\"" },
	{ BODY("a{b=\"c\"}\n"), "line 1: expected float as value, got \"\"" },
	{ BODY("a{\nb=\"c\"} 1\n"),
	  "line 1: invalid label name for metric \"a\"" },
	{ BODY("a\"b\" 1\n"),
	  "line 1: expected float as value, got \"\\\"b\\\"\"" },
	{ BODY("a+1\n"), NULL },
	{ BODY("a\0001\n"), "line 1: expected float as value, got \"\\x001\"" },
	{ BODY("1a 1\n"), "line 1: invalid metric name" },
	{ BODY(":a 1\n"), NULL },
	{ BODY("a: 1\n"), NULL },
	{ BODY("-a 1\n"), "line 1: invalid metric name" },
	{ BODY("{} 1\n"), "line 1: invalid metric name" },
	{ BODY("{\"a\"} 1\n"), "line 1: invalid metric name" },
	{ BODY("{\"a\",b=\"c\"} 1\n"), "line 1: invalid metric name" },
	{ BODY("a{\"b\"=\"c\"} 1\n"),
	  "line 1: invalid label name for metric \"a\"" },
	{ BODY("a =1\n"), "line 1: expected float as value, got \"=1\"" },
	{ BODY("a 0x10\n"), "line 1: expected float as value, got \"0x10\"" },
	{ BODY("a 0x1p3\n"), "line 1: expected float as value, got \"0x1p3\"" },
	{ BODY("a 1_000\n"), "line 1: expected float as value, got \"1_000\"" },
	{ BODY("a 1p3\n"), "line 1: expected float as value, got \"1p3\"" },
	{ BODY("a Inf\n"), NULL },
	{ BODY("a +Inf\n"), NULL },
	{ BODY("a -inf\n"), NULL },
	{ BODY("a +infinity\n"), NULL },
	{ BODY("a infi\n"), "line 1: expected float as value, got \"infi\"" },
	{ BODY("a NaN\n"), NULL },
	{ BODY("a nan\n"), NULL },
	{ BODY("a +NaN\n"), "line 1: expected float as value, got \"+NaN\"" },
	{ BODY("a -nan\n"), "line 1: expected float as value, got \"-nan\"" },
	{ BODY("a 1e5\n"), NULL },
	{ BODY("a 1E+5\n"), NULL },
	{ BODY("a 1e\n"), "line 1: expected float as value, got \"1e\"" },
	{ BODY("a 1e+\n"), "line 1: expected float as value, got \"1e+\"" },
	{ BODY("a .5\n"), NULL },
	{ BODY("a 5.\n"), NULL },
	{ BODY("a .\n"), "line 1: expected float as value, got \".\"" },
	{ BODY("a .e1\n"), "line 1: expected float as value, got \".e1\"" },
	{ BODY("a +\n"), "line 1: expected float as value, got \"+\"" },
	{ BODY("a -\n"), "line 1: expected float as value, got \"-\"" },
	{ BODY("a 1e999\n"), "line 1: expected float as value, got \"1e999\"" },
	{ BODY("a -1e999\n"),
	  "line 1: expected float as value, got \"-1e999\"" },
	{ BODY("a 1e-999\n"), NULL },
	{ BODY("a +1\n"), NULL },
	{ BODY("a --1\n"), "line 1: expected float as value, got \"--1\"" },
	{ BODY("a 1,5\n"), "line 1: expected float as value, got \"1,5\"" },
	{ BODY("a 1x\n"), "line 1: expected float as value, got \"1x\"" },
	{ BODY("a 1\000\n"),
	  "line 1: expected float as value, got \"1\\x00\"" },
	{ BODY("a \303\251\n"),
	  "line 1: expected float as value, got \"\303\251\"" },
	{ BODY("a \377\n"), "line 1: expected float as value, got \"\\xff\"" },
	{ BODY("\303\251 1\n"), "line 1: invalid metric name" },
	{ BODY("\357\273\277a 1\n"), "line 1: invalid metric name" },
	{ BODY("# TYPE a histogram\na_count 1.5\n"), NULL },
	{ BODY("# TYPE a histogram\na_count NaN\n"), NULL },
	{ BODY("# TYPE a histogram\na_bucket{le=\"x\"} 1\n"),
	  "line 2: expected float as value for 'le' label, got \"x\"" },
	{ BODY("# TYPE a histogram\na_bucket{le=\"\"} 1\n"),
	  "line 2: expected float as value for 'le' label, got \"\"" },
	{ BODY("# TYPE a histogram\na_bucket{le=\"NaN\"} 1\n"), NULL },
	{ BODY("# TYPE a histogram\na_bucket 1\n"), NULL },
	{ BODY("# TYPE a histogram\na 1\n"), NULL },
	{ BODY("# TYPE a histogram\na{le=\"1\"} 1\n"), NULL },
	{ BODY("# TYPE a histogram\na_sum{le=\"x\"} 1\n"),
	  "line 2: expected float as value for 'le' label, got \"x\"" },
	{ BODY("# TYPE a histogram\na_sum{le=\"1\"} 1\n"), NULL },
	{ BODY("# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"1\"} "
	       "2\n"),
	  NULL },
	{ BODY("# TYPE a histogram\na_bucket{le=\"1\"} 1\na_bucket{le=\"1.0\"} "
	       "2\n"),
	  NULL },
	{ BODY("# TYPE a histogram\na_count 1\na_count 2\n"), NULL },
	{ BODY("# TYPE a summary\na_count 1\na_count 2\n"), NULL },
	{ BODY("# TYPE a summary\na{quantile=\"x\"} 1\n"),
	  "line 2: expected float as value for 'quantile' label, got \"x\"" },
	{ BODY("# TYPE a summary\na{quantile=\"0.5\"} 1\na{quantile=\"0.5\"} "
	       "1\n"),
	  NULL },
	{ BODY("# TYPE a summary\na 1\n"), NULL },
	{ BODY("# TYPE a summary\na_bucket{le=\"1\"} 1\n"), NULL },
	{ BODY("# TYPE a summary\na_sum{quantile=\"x\"} 1\n"),
	  "line 2: expected float as value for 'quantile' label, got \"x\"" },
	{ BODY("# TYPE a summary\na_sum 1\n# TYPE a_sum counter\n"),
	  "line 3: second TYPE line for metric name \"a\", or TYPE reported "
	  "after samples" },
	{ BODY("# TYPE a summary\n# TYPE a_sum counter\na_sum 1\na_count 3\n"),
	  "line 2: second TYPE line for metric name \"a\", or TYPE reported "
	  "after samples" },
	{ BODY("# TYPE a summary\n# HELP a_sum x\na_sum 1\na_count 3\n"),
	  NULL },
	{ BODY("a_sum 1\na_count 2\n# TYPE a summary\n"), NULL },
	{ BODY("# TYPE a histogram\n# TYPE a_bucket gauge\na_bucket{le=\"1\"} "
	       "1\na_bucket 3\n"),
	  "line 2: second TYPE line for metric name \"a\", or TYPE reported "
	  "after samples" },
	{ BODY("# TYPE a summary\n# TYPE a_sum summary\na_sum_sum "
	       "1\na_sum_count 2\na_sum 5\n"),
	  "line 2: second TYPE line for metric name \"a\", or TYPE reported "
	  "after samples" },
	{ BODY("# TYPE a histogram\n# HELP a x\na_bucket{le=\"1\"} 1\na_sum "
	       "3\na_count 3\n# HELP a_count y\n"),
	  "line 6: second HELP line for metric name \"a\"" },
	{ BODY("_sum 1\n_count 1\n"), NULL },
	{ BODY("# TYPE a gauge_histogram\na_bucket{le=\"1\"} 1\n"), NULL },
	{ BODY("# TYPE a counter\na{quantile=\"x\",le=\"y\"} 1\n"), NULL },
	{ BODY("# TYPE a counter\na -1\n"), NULL },
	{ BODY("# TYPE a summary\n# TYPE a_sum counter\n"),
	  "line 2: second TYPE line for metric name \"a\", or TYPE reported "
	  "after samples" },
	{ BODY("# TYPE a summary\n# TYPE a_sum gauge\n# TYPE a_count "
	       "gauge\na_count 1\n"),
	  "line 2: second TYPE line for metric name \"a\", or TYPE reported "
	  "after samples" },
	{ BODY("job{job=\"y\"} 1\n"), NULL },
	{ BODY("a{job=\"y\",instance=\"z\"} 1\n"), NULL },
	{ BODY("a 1\nb 1\na{x=\"y\"} 2\n"), NULL },
	{ BODY("# HELP a x\nb 1\n"), NULL },
	{ BODY("# TYPE push_time_seconds counter\npush_time_seconds 1\n"),
	  NULL },
	{ BODY("push_time_seconds 1\n"), NULL },
	{ BODY("# TYPE push_time_seconds gauge\npush_time_seconds 1\n"), NULL },
	{ BODY("a{b=\"\"} 1\na 2\n"), NULL },
	{ BODY("a{b=\"\303\251\"} 1\r\n"),
	  "line 1: expected float as value, got \"1\\r\"" },
	{ BODY("a 1\n\r\n"), "line 2: invalid metric name" },
	{ BODY("a{b=\"\\"), "line 1: unexpected end of input stream" },
	{ BODY("a 1 5"), "line 1: unexpected end of input stream" },
	{ BODY("a 1 5 "), "line 1: unexpected end of input stream" },
	{ BODY("# TYPE a counter"), "line 1: unexpected end of input stream" },
	{ BODY("# TYPE a \\"), "line 1: unexpected end of input stream" },
	{ BODY("# HELP a \\"), "line 1: unexpected end of input stream" },
	{ BODY("# HELP a x\\"), "line 1: unexpected end of input stream" },
	{ BODY("a{b=\"\\\303\251\"} 1\n"),
	  "line 1: invalid escape sequence '\\\303\203'" },
	{ BODY("a{b=\001} 1\n"),
	  "line 1: expected '\"' at start of label value, found '\\x01'" },
	{ BODY("a{b=\303\251} 1\n"),
	  "line 1: expected '\"' at start of label value, found '\303\203'" },
	{ BODY("a{b=\377} 1\n"),
	  "line 1: expected '\"' at start of label value, found '\303\277'" },
	{ BODY("a{b\200=\"x\"} 1\n"),
	  "line 1: expected '=' after label name, found '\\u0080'" },
	{ BODY("a{b=\\} 1\n"),
	  "line 1: expected '\"' at start of label value, found '\\\\'" },
	{ BODY("a{b=\"x\"\177} 1\n"),
	  "line 1: unexpected end of label value \"x\"" },
	{ BODY("a{b=\"c\377\001\177\302\200\342\200\250\n\"} 1\n"),
	  "line 1: label value \"c\\xff\\x01\\x7f\\u0080\\u2028\" contains "
	  "unescaped new-line" },
	{ BODY("a{b="
	       "\"\302\200\342\200\250\360\237\230\200\357\277\275\302\255\314"
	       "\200\n\"} 1\n"),
	  "line 1: label value "
	  "\"\\u0080\\u2028\360\237\230\200\357\277\275\\u00ad\314\200\" "
	  "contains unescaped new-line" },
	{ BODY("a \007\010\014\r\013\\\n"),
	  "line 1: expected float as value, got \"\\a\\b\\f\\r\\v\\\\\"" },
	{ BODY("a 1\n1b 2"), "line 2: invalid metric name" },
	{ BODY("a 1\nb{c=\"d\" 2"),
	  "line 2: unexpected end of label value \"d\"" },
	{ BODY("a{b=\"\\x\" "), "line 1: invalid escape sequence '\\x'" },
	{ BODY("a 1\nb{c} 2"),
	  "line 2: expected '=' after label name, found '}'" },
	{ BODY("a 1 2\nb 1"), "line 2: unexpected end of input stream" },
	{ BODY("a 00000001e308\n"), NULL },
	{ BODY("a 1e308\n"), NULL },
	{ BODY("a 17976931348623157e292\n"), NULL },
	{ BODY("a 17976931348623159e292\n"),
	  "line 1: expected float as value, got \"17976931348623159e292\"" },
	{ BODY("a 0.00000000001e318\n"), NULL },
	{ BODY("a 1e00000000000000000000000000001\n"), NULL },
	{ BODY("a 1e99999999999999999999\n"),
	  "line 1: expected float as value, got \"1e99999999999999999999\"" },
	{ BODY("a 0e99999999999999999999\n"), NULL },
	{ BODY("a 1e-99999999999999999999\n"), NULL },
	{ BODY("# TYPE a summary\na{quantile=\"1e999\"} 1\n"),
	  "line 2: expected float as value for 'quantile' label, got "
	  "\"1e999\"" },
	{ BODY("# TYPE a summary\na{quantile=\"+Inf\"} 1\n"), NULL },
	{ BODY("# TYPE a histogram\na_bucket{le=\"+Inf\"} 1\na_sum 1\na_count "
	       "1\n"),
	  NULL },
};

/* Where newer versions, or we, are stricter or kinder than 1.5.1. */
static const struct row ours[] = {
	{ BODY("# HELP a \\\"\na 1\n"), NULL },
	{ BODY("# HELP a \\\na 1\n"),
	  "line 1: invalid escape sequence '\\\\n'" },
	{ BODY("# HELP a x\377\na 1\n"),
	  "line 1: invalid help text \"x\\xff\"" },
	{ BODY("# TYPE a cou\\nter\na 1\n"),
	  "line 1: unknown metric type \"cou\\\\nter\"" },
	{ BODY("# TYPE a GaugeHistogram\na_bucket{le=\"1\"} 1\n"), NULL },
	{ BODY("# TYPE a histogram\na_bucket{le=\"1\"} -1\n"),
	  "line 2: negative bucket population for histogram \"a\"" },
	{ BODY("# TYPE a histogram\na_bucket{le=\"1\"} -0.0e7\n"), NULL },
	{ BODY("# TYPE a gaugehistogram\na{le=\"1\"} -Inf\n"),
	  "line 2: negative bucket population for histogram \"a\"" },
	{ BODY("# TYPE a histogram\na_sum -1\na_count -0.001\n"),
	  "line 3: negative count for histogram \"a\"" },
	{ BODY("# TYPE a gaugehistogram\na_gsum -1\na_gcount -1\n"),
	  "line 3: negative count for histogram \"a\"" },
	{ BODY("# TYPE a summary\na_count -1e-9\n"),
	  "line 2: negative count for summary \"a\"" },
	{ BODY("# TYPE a histogram\na_bucket{le=\"1\",le=\"2\"} 1\n"),
	  "line 2: duplicate label names for metric \"a\"" },
	{ BODY("a{b=\"x\\\n\"} 1\n"),
	  "line 1: invalid escape sequence '\\\\n'" },
	{ BODY("a{b=\"\\\000\"} 1\n"),
	  "line 1: invalid escape sequence '\\\\x00'" },
	{ BODY("a{b=\"c\",d=\"e\\\\\"} 1\nb{e=\"f"),
	  "line 2: unexpected end of input stream" },
};

static void check_row(struct push_body *body, const struct row *row)
{
	struct err err;
	char *copy;
	int r = parse(body, row->text, &copy, &err);

	if (r != (row->refusal ? PUSH_BODY_E_FORMAT : 0))
		fail_msg("'" SLICE_FMT "': %d, %s", SLICE_ARG(row->text), r,
		         err.message);
	if (row->refusal &&
	    (strncmp(err.message, PREFIX, strlen(PREFIX)) != 0 ||
	     strcmp(err.message + strlen(PREFIX), row->refusal) != 0))
		fail_msg("'" SLICE_FMT "': %s", SLICE_ARG(row->text),
		         err.message);
	free(copy);
}

static void test_rules(void **state)
{
	struct push_body body;

	push_body_init(&body, 42);
	for (size_t i = 0; i < ARRAY_SIZE(observed); i++)
		check_row(&body, &observed[i]);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		check_row(&body, &ours[i]);
	push_body_fini(&body);
}

static void test_refused_as_metrics(void **state)
{
	static const struct {
		struct slice text;
		int outcome;
		const char *words;
	} rows[] = {
		{ BODY("a 1 5\n"), PUSH_BODY_E_TIMESTAMP,
		  "pushed metrics must not have timestamps" },
		{ BODY("a 1\nb 1 -9223372036854775808\nc 1\n"),
		  PUSH_BODY_E_TIMESTAMP,
		  "pushed metrics must not have timestamps" },
		{ BODY("# TYPE a summary\na 1 +5\n"), PUSH_BODY_E_TIMESTAMP,
		  "pushed metrics must not have timestamps" },
		{ BODY("a{__x=\"\"} 1\nb{__y=\"\"} 1\n"), PUSH_BODY_E_RESERVED,
		  "metric \"a\" has a label with an invalid name: __x" },
		{ BODY("a{__x=\"\"} 1 7\n"), PUSH_BODY_E_TIMESTAMP,
		  "pushed metrics must not have timestamps" },
	};
	const char *prefix = "pushed metrics are invalid or inconsistent with "
			     "existing metrics: ";
	struct push_body body;

	push_body_init(&body, 42);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err;
		char *copy;

		assert_int_equal(parse(&body, rows[i].text, &copy, &err),
		                 rows[i].outcome);
		assert_memory_equal(err.message, prefix, strlen(prefix));
		assert_string_equal(err.message + strlen(prefix),
		                    rows[i].words);
		free(copy);
	}
	/* but not if a later line is none of the format */
	check_row(&body, &(struct row){ BODY("a 1 5\nb\n"),
	                                "line 2: expected float as value, "
	                                "got \"\"" });
	push_body_fini(&body);
}

/* --- what was read --------------------------------------------------------- */

/* Writes the result down: TYPE name "help"; then each sample. */
static void describe(const struct push_body *body, struct buf *out)
{
	buf_reset(out);
	for (uint32_t i = 0; i < body->n_families; i++) {
		const struct push_body_family *family = &body->families[i];

		(void)buf_printf(out, "%s " SLICE_FMT " %u",
		                 metric_type_name(family->type),
		                 SLICE_ARG(family->name), family->n_samples);
		if (family->help.p)
			(void)buf_printf(out, " [" SLICE_FMT "]",
			                 SLICE_ARG(family->help));
		(void)buf_puts(out, "; ");
	}
	for (uint32_t i = 0; i < body->n_samples; i++) {
		const struct push_body_sample *sample = &body->samples[i];

		(void)buf_printf(out, SLICE_FMT "|%s",
		                 SLICE_ARG(body->families[sample->family].name),
		                 metric_suffix_text(sample->suffix));
		for (uint32_t k = 0; k < sample->n_labels; k++) {
			const struct label *label =
				&body->labels[sample->first_label + k];

			(void)buf_printf(out, " " SLICE_FMT "=" SLICE_FMT,
			                 SLICE_ARG(label->name),
			                 SLICE_ARG(label->value));
		}
		(void)buf_printf(out, " " SLICE_FMT "; ",
		                 SLICE_ARG(sample->value));
	}
}

static void test_results(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} rows[] = {
		{ "", "" },
		{ " ", "" },
		{ "\n \n# c\n", "" },
		{ "a 1\n", "untyped a 1; a| 1; " },
		{ "# HELP a \n# TYPE a\n", "untyped a 0; " },
		{ "# HELP a x \\\\ \\n y \n# TYPE a COUNTER\n \ta\t+Inf\n",
		  "counter a 1 [x \\ \n y ]; a| +Inf; " },
		{ "a{x=\"\",y=\"\\\\\\n\\\"z\",k=\"v\"} 1\nb 2\na 3\n",
		  "untyped a 2; untyped b 1; a| x= y=\\\n\"z k=v 1; b| 2; "
		  "a| 3; " },
		{ "# TYPE s summary\ns{quantile=\"0.5\",a=\"b\"} 1\n"
		  "s_sum{a=\"b\"} 2\ns_count 3\ns_bucket{le=\"x\"} 4\n",
		  "summary s 3; untyped s_bucket 1; s| quantile=0.5 a=b 1; "
		  "s|_sum a=b 2; s|_count 3; s_bucket| le=x 4; " },
		{ "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 2\n"
		  "h_count 3\nh_gcount 4\n",
		  "histogram h 3; untyped h_gcount 1; h|_bucket le=+Inf 1; "
		  "h|_sum 2; h|_count 3; h_gcount| 4; " },
		{ "# TYPE g gauge_histogram\ng_bucket{le=\"1\"} 1\n"
		  "g_gsum -2\ng_gcount 3\ng_sum 4\n",
		  "gaugehistogram g 3; untyped g_sum 1; g|_bucket le=1 1; "
		  "g|_gsum -2; g|_gcount 3; g_sum| 4; " },
		/* the bound says that it is a bucket; elsewhere it is noise */
		{ "# TYPE h histogram\nh{le=\"1\"} 1\nh_sum{le=\"2\"} 2\n"
		  "# TYPE s summary\ns_count{quantile=\"1\",a=\"b\"} 3\n",
		  "histogram h 2; summary s 1; h|_bucket le=1 1; h|_sum 2; "
		  "s|_count a=b 3; " },
		/* nothing that a histogram or summary could be */
		{ "# TYPE h histogram\nh 1\nh_bucket 2\n"
		  "h_bucket{le=\"nan\",a=\"b\"} 3\n"
		  "# TYPE s summary\ns{a=\"b\"} 4\n",
		  "histogram h 0; summary s 0; " },
		/* TYPE came too late, or not at all */
		{ "s_sum 1\n# TYPE s summary\ns_sum 2\ns_count 3\n",
		  "untyped s_sum 2; summary s 1; s_sum| 1; s_sum| 2; "
		  "s|_count 3; " },
		{ "# HELP s_sum own\n# TYPE s summary\ns_sum 2\n",
		  "untyped s_sum 1 [own]; summary s 0; s_sum| 2; " },
		{ "# TYPE s summary\n# HELP s_sum not its own\n",
		  "summary s 0 [not its own]; " },
		{ "_sum 1\n_count 2\n",
		  "untyped _sum 1; untyped _count 1; _sum| 1; _count| 2; " },
	};
	struct push_body body;
	struct buf out;

	buf_init(&out, 4096);
	push_body_init(&body, 42);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err;
		char *copy;

		assert_int_equal(
			parse(&body, slice_from(rows[i].text), &copy, &err), 0);
		describe(&body, &out);
		assert_string_equal(buf_text(&out), rows[i].expected);
		free(copy);
	}
	push_body_fini(&body);
	buf_fini(&out);
}

static void test_types(void **state)
{
	enum metric_type type;

	for (int i = 0; i < N_METRIC_TYPES; i++) {
		const char *name = metric_type_name((enum metric_type)i);

		assert_int_equal(metric_type_parse(slice_from(name), &type), 0);
		assert_int_equal(type, i);
	}
	assert_int_equal(metric_type_parse(slice_from("info"), &type), -EINVAL);
	assert_string_equal(metric_suffix_text(METRIC_PLAIN), "");
}

/* --- limits ------------------------------------------------------------------ */

static void repeat(struct buf *text, const char *word, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)buf_puts(text, word);
}

/* @before, @n times @word, @after: accepted, but not with one more. */
static void check_limit(const char *before, const char *word, size_t n,
                        const char *after, const char *refusal)
{
	struct push_body body;
	struct buf text;

	push_body_init(&body, 42);
	buf_init(&text, 1u << 20);
	for (size_t more = 0; more < 2; more++) {
		buf_reset(&text);
		(void)buf_puts(&text, before);
		repeat(&text, word, n + more);
		(void)buf_puts(&text, after);
		check_row(&body, &(struct row){ buf_slice(&text),
		                                more ? refusal : NULL });
	}
	push_body_fini(&body);
	buf_fini(&text);
}

static void test_limits(void **state)
{
	check_limit("", "a", PUSH_BODY_MAX_NAME, " 1\n",
	            "line 1: metric name of more than 1024 bytes");
	check_limit("a{", "a", PUSH_BODY_MAX_NAME, "=\"\"} 1\n",
	            "line 1: label name of more than 1024 bytes");
	check_limit("\na{a=\"", "v", PUSH_BODY_MAX_VALUE, "\"} 1\n",
	            "line 2: label value of more than 65536 bytes");
	check_limit("a{a=\"", "\\n", PUSH_BODY_MAX_VALUE, "\"} 1\n",
	            "line 1: label value of more than 65536 bytes");
	check_limit("#", "x", PUSH_BODY_MAX_LINE - 1, "\n",
	            "line 1: more than 262144 bytes");
}

static void test_many_labels(void **state)
{
	for (int n = PUSH_BODY_MAX_LABELS; n <= PUSH_BODY_MAX_LABELS + 1; n++) {
		struct push_body body;
		struct buf text;

		push_body_init(&body, 42);
		buf_init(&text, 65536);
		for (int line = 0; line < 3; line++) {
			(void)buf_puts(&text, "a{");
			for (int i = 0; i < n; i++)
				(void)buf_printf(&text, "l%d=\"%d\",", i, line);
			(void)buf_puts(&text, "} 1\n");
		}
		check_row(&body,
		          &(struct row){ buf_slice(&text),
		                         n > PUSH_BODY_MAX_LABELS
		                                 ? "line 1: more than 64 labels"
		                                 : NULL });
		push_body_fini(&body);
		buf_fini(&text);
	}
}

/* Numbers of any length, where range is decided far away. */
static void test_long_numbers(void **state)
{
	static const struct {
		const char *before;
		size_t n_zeros;
		const char *after;
		bool good;
	} rows[] = {
		{ "0", 5000, "1", true },
		{ "1", 308, "", true },
		{ "1", 309, "", false },
		{ "0.", 5000, "1", true },
		{ "0.", 5000, "1e5309", true },
		{ "0.", 5000, "1e5310", false },
		{ "1", 5000, "e-4692", true },
		{ "1", 5000, "e-4691", false },
		{ "1", 5000, ".0e-4692", true },
		{ "1.", 5000, "1e308", true },
		{ "2.", 5000, "1e308", false },
		{ "0", 5000, "x", false },
	};
	struct push_body body;
	struct buf text;

	push_body_init(&body, 42);
	buf_init(&text, 65536);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err;

		buf_reset(&text);
		(void)buf_printf(&text, "a %s", rows[i].before);
		repeat(&text, "0", rows[i].n_zeros);
		(void)buf_printf(&text, "%s\n", rows[i].after);
		if ((push_body_parse(&body, buf_slice(&text), &err) == 0) !=
		    rows[i].good)
			fail_msg("%s … %s: %s", rows[i].before, rows[i].after,
			         err.message);
	}
	push_body_fini(&body);
	buf_fini(&text);
}

/* --- size and time ------------------------------------------------------------ */

static double cpu_seconds(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void put_series(struct buf *text, uint32_t n, bool families)
{
	for (uint32_t i = 0; i < n; i++)
		(void)buf_printf(text,
		                 families ? "family_%u{l=\"\\n\"} %u\n"
		                          : "family{l=\"\\n%u\"} %u\n",
		                 i, i);
}

/* Ten times as many take about ten times as long, whether they are families
 * or series of one; wide margins, as it is a busy machine. */
static void test_large_bodies(void **state)
{
	for (int families = 0; families < 2; families++) {
		double seconds[2] = { 1e9, 1e9 };
		struct push_body body;
		struct err err;
		struct buf text;

		push_body_init(&body, 42);
		buf_init(&text, 16u << 20);
		for (int size = 0; size < 2; size++) {
			uint32_t n = size ? N_SERIES : N_SERIES / 10;

			buf_reset(&text);
			put_series(&text, n, families);
			for (int run = 0; run < 5; run++) {
				double start = cpu_seconds();

				assert_int_equal(
					push_body_parse(&body, buf_slice(&text),
				                        &err),
					0);
				seconds[size] = MIN(seconds[size],
				                    cpu_seconds() - start);
			}
			assert_int_equal(body.n_samples, n);
			assert_int_equal(body.n_families, families ? n : 1);
		}
		assert_true(seconds[1] < seconds[0] * 60 + 0.02);

		push_body_trim(&body);
		assert_int_equal(body.n_samples, 0);
		assert_true(body.cap_samples * sizeof(*body.samples) <=
		            PUSH_BODY_KEEP);
		assert_true(body.cap_slots * sizeof(*body.slots) <=
		            PUSH_BODY_KEEP);
		assert_int_equal(
			push_body_parse(&body, slice_from("a 1\n"), &err), 0);
		push_body_fini(&body);
		buf_fini(&text);
	}
}

static const char usual[] = "# HELP a What\\nit is.\n# TYPE a summary\n"
			    "a{quantile=\"0.5\",b=\"c\\\\\"} 1\na_sum 2\n"
			    "a_count 3\n# TYPE b gauge\nb 1795177980.1\n";

static void test_steady_state(void **state)
{
	struct push_body body;
	struct err err;

	push_body_init(&body, 42);
	faults_count();
	assert_int_equal(push_body_parse(&body, slice_from(usual), &err), 0);
	push_body_fini(&body);
	assert_true(faults_end() > 0);

	push_body_init(&body, 42);
	assert_int_equal(push_body_parse(&body, slice_from(usual), &err), 0);
	faults_count();
	for (int i = 0; i < 100; i++) {
		assert_int_equal(
			push_body_parse(&body, slice_from(usual), &err), 0);
		push_body_trim(&body);
	}
	assert_int_equal(faults_end(), 0);
	push_body_fini(&body);
}

/* Out of memory at each place, then again with the same object. */
static void test_faults(void **state)
{
	struct push_body body;
	struct err err;
	struct buf text;
	size_t n;

	buf_init(&text, 1u << 20);
	(void)buf_puts(&text, usual);
	put_series(&text, 100, true);
	(void)buf_puts(&text, "a{b=\"\\n\" ");
	faults_count();
	push_body_init(&body, 42);
	assert_int_equal(push_body_parse(&body, buf_slice(&text), &err),
	                 PUSH_BODY_E_FORMAT);
	push_body_fini(&body);
	n = faults_end();
	assert_true(n > 5);
	for (size_t k = 1; k <= n; k++) {
		faults_fail(k);
		push_body_init(&body, 42);
		assert_int_equal(push_body_parse(&body, buf_slice(&text), &err),
		                 -ENOMEM);
		assert_int_equal(push_body_parse(&body, buf_slice(&text), &err),
		                 PUSH_BODY_E_FORMAT);
		push_body_fini(&body);
		(void)faults_end();
	}
	buf_fini(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_refused_as_metrics),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_many_labels),
		cmocka_unit_test(test_long_numbers),
		cmocka_unit_test(test_large_bodies),
		cmocka_unit_test(test_steady_state),
		cmocka_unit_test(test_faults),
	};

	faults_install_mem();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
