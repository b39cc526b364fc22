/* SPDX-License-Identifier: Apache-2.0 */
/* exposition: what is found in a body, however it was cut into pieces. */
#include "support/cmocka.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "proto/exposition.h"

/* Families of this name, or whose name begins with it, are wanted. */
#define WANTED "want"

struct recorder {
	struct exposition scan;
	struct buf told; /* one line for each sample */
	int outcome;
	bool tells_left_out;
	enum exposition_format format;
};

static void *wanted(void *context, struct slice name)
{
	return slice_starts(name, WANTED) ? context : NULL;
}

/* want{a=1,b=x y}=2@3 */
static void on_sample(void *context, const struct exposition_sample *sample)
{
	struct recorder *recorder = context;

	assert_ptr_equal(sample->family, recorder);
	(void)buf_printf(&recorder->told, SLICE_FMT "{",
	                 SLICE_ARG(sample->name));
	for (size_t i = 0; i < sample->n_labels; i++) {
		(void)buf_printf(&recorder->told, "%s" SLICE_FMT "=",
		                 i ? "," : "",
		                 SLICE_ARG(sample->labels[i].name));
		text_escape_plain(&recorder->told, sample->labels[i].value);
	}
	(void)buf_printf(&recorder->told, "}=" SLICE_FMT,
	                 SLICE_ARG(sample->value));
	if (sample->timestamp.n)
		(void)buf_printf(&recorder->told, "@" SLICE_FMT,
		                 SLICE_ARG(sample->timestamp));
	(void)buf_putc(&recorder->told, '\n');
}

/* !want, or !? where the line does not say. */
static void on_left_out(void *context, void *family)
{
	struct recorder *recorder = context;

	if (recorder->tells_left_out)
		(void)buf_puts(&recorder->told, family ? "!want\n" : "!?\n");
}

static const struct exposition_callbacks callbacks = {
	.wanted = wanted,
	.sample = on_sample,
	.left_out = on_left_out,
};

static void recorder_init(struct recorder *recorder)
{
	*recorder = (struct recorder){ 0 };
	exposition_init(&recorder->scan, &callbacks, recorder);
	buf_init(&recorder->told, 1u << 20);
}

static void recorder_fini(struct recorder *recorder)
{
	exposition_fini(&recorder->scan);
	buf_fini(&recorder->told);
}

/* From a copy of exactly its size, so that reading beyond it is noticed. */
static void feed(struct recorder *recorder, const char *p, size_t n)
{
	char *copy = malloc(n + !n);

	assert_non_null(copy);
	memcpy(copy, p, n);
	assert_int_equal(exposition_feed(&recorder->scan, slice_make(copy, n)),
	                 0);
	free(copy);
}

/* @text in pieces that end at @a and @b. */
static void record(struct recorder *recorder, struct slice text, size_t a,
                   size_t b)
{
	exposition_reset(&recorder->scan);
	exposition_set_format(&recorder->scan, recorder->format);
	buf_reset(&recorder->told);
	feed(recorder, text.p, a);
	feed(recorder, text.p + a, b - a);
	feed(recorder, text.p + b, text.n - b);
	recorder->outcome = exposition_finish(&recorder->scan);
	(void)buf_printf(&recorder->told,
	                 "%d samples %d comments %d bad %d oversized%s%s",
	                 (int)recorder->scan.counts.n_samples,
	                 (int)recorder->scan.counts.n_comments,
	                 (int)recorder->scan.counts.n_bad,
	                 (int)recorder->scan.counts.n_oversized,
	                 recorder->scan.counts.unterminated ? " open" : "",
	                 recorder->outcome == EXPOSITION_E_NOT_EXPOSITION
	                         ? " not exposition"
	                 : recorder->outcome == EXPOSITION_E_TRUNCATED
	                         ? " truncated"
	                         : "");
}

struct document {
	const char *text;
	const char *told;
};

static const struct document documents[] = {
	{ "", "0 samples 0 comments 0 bad 0 oversized" },
	{ "\n\n \t\n", "0 samples 0 comments 0 bad 0 oversized" },
	{ "want 1\n", "want{}=1\n1 samples 0 comments 0 bad 0 oversized" },
	{ "want 1", "want{}=1\n1 samples 0 comments 0 bad 0 oversized open" },
	{ "want 1\r\nwant 2\r\n",
	  "want{}=1\nwant{}=2\n2 samples 0 comments 0 bad 0 oversized" },
	{ "other 1\nwant 2\nother 3\n",
	  "want{}=2\n3 samples 0 comments 0 bad 0 oversized" },
	{ "# HELP want It.\n# TYPE want gauge\nwant{job=\"a\"} 1.5e+09\n",
	  "want{job=a}=1.5e+09\n1 samples 2 comments 0 bad 0 oversized" },
	{ "want{a=\"1\",b=\"x y\",} -1 123\n",
	  "want{a=1,b=x y}=-1@123\n1 samples 0 comments 0 bad 0 oversized" },
	{ "  want\t{ a = \"1\" ,\tb=\"2\" } 3   -4  \n",
	  "want{a=1,b=2}=3@-4\n1 samples 0 comments 0 bad 0 oversized" },
	{ "want{}1\nwant {}  NaN\nwant{}+Inf\n",
	  "want{}=1\nwant{}=NaN\nwant{}=+Inf\n"
	  "3 samples 0 comments 0 bad 0 oversized" },
	/* escapes: the three, unknown ones, a quote and a brace inside */
	{ "want{a=\"\\\\ \\\" \\n \\t }\",b=\"\\\\\"} 1\n",
	  "want{a=\\ \" \\x0a \\t },b=\\}=1\n"
	  "1 samples 0 comments 0 bad 0 oversized" },
	{ "want{a=\"x,y={z}#\"} 1\n",
	  "want{a=x,y={z}#}=1\n1 samples 0 comments 0 bad 0 oversized" },
	{ "want{a=\"\xc3\xa9\"} 1\n",
	  "want{a=\xc3\xa9}=1\n1 samples 0 comments 0 bad 0 oversized" },
	/* names in quotes, anywhere among the labels */
	{ "{\"want.it\",l=\"v\"} 1\n{l=\"v\",\"want.it\"} 2\n",
	  "want.it{l=v}=1\nwant.it{l=v}=2\n"
	  "2 samples 0 comments 0 bad 0 oversized" },
	{ "{\"want\"} 1\nwant{\"l.x\"=\"v\"} 2\n{\"other.x\"} 3\n",
	  "want{}=1\nwant{l.x=v}=2\n3 samples 0 comments 0 bad 0 oversized" },
	/* a name that begins like the one before it */
	{ "oth 1\nother 2\noth{} 3\nothe 4\nwan 5\nwant 6\nwanted 7\n",
	  "want{}=6\nwanted{}=7\n7 samples 0 comments 0 bad 0 oversized" },
	/* what follows the first of a run is taken for granted */
	{ "other 1\nother{ whatever\nother 3\n",
	  "3 samples 0 comments 0 bad 0 oversized" },
	/* lines that are none, among good ones */
	{ "want 1\nwant x\nwant\nwant{a=1} 1\nwant{a=\"1\" 1\nwant 2\n"
	  "want{a=\"1\"} 1 2 3\nwant{a=\"1\",a=\"2\"} 3\nwant 4\nwant 5\n"
	  "want 6\nwant{,} 7\nwant 8\nwant 9\nwant 10\n",
	  "want{}=1\nwant{}=2\nwant{}=4\nwant{}=5\nwant{}=6\nwant{}=8\n"
	  "want{}=9\nwant{}=10\n8 samples 0 comments 7 bad 0 oversized" },
	{ "want 1 1.5\nwant 0x10\nwant 1_0\nwant 1e\nwant{a=\"1\\\n"
	  "want \"1\nwant .\nwant .Inf\n",
	  "0 samples 0 comments 8 bad 0 oversized not exposition" },
	{ "{\"want\",\"want\"} 1\n{a=\"1\"} 1\n{} 1\nwant{=\"1\"} 1\n"
	  "want{\"\"=\"\"} 1\nwant{a=\"1\",,} 1\n",
	  "0 samples 0 comments 6 bad 0 oversized not exposition" },
	/* bodies of another kind */
	{ "<html>\n<body>502 Bad Gateway</body>\n</html>\n",
	  "0 samples 0 comments 3 bad 0 oversized not exposition" },
	{ "{\"status\":\"success\",\"data\":[]}",
	  "0 samples 0 comments 1 bad 0 oversized open not exposition" },
	{ "{\n  \"status\": 200\n}\n",
	  "0 samples 0 comments 3 bad 0 oversized not exposition" },
	{ "Service Unavailable\n",
	  "0 samples 0 comments 1 bad 0 oversized not exposition" },
	{ "404 page not found\n",
	  "0 samples 0 comments 1 bad 0 oversized not exposition" },
	{ "error: 1\nupstream timed out\nwhat is this\n",
	  "1 samples 0 comments 2 bad 0 oversized not exposition" },
	{ "\x1f\x8b\x08", "0 samples 0 comments 1 bad 0 oversized open "
	                  "not exposition" },
};

/* As Prometheus reads it: https://github.com/prometheus/OpenMetrics, and what
 * its parser refuses. */
static const struct document openmetrics[] = {
	{ "# EOF", "0 samples 1 comments 0 bad 0 oversized open" },
	{ "# EOF\n", "0 samples 1 comments 0 bad 0 oversized" },
	{ "want 1\n# EOF\n",
	  "want{}=1\n1 samples 1 comments 0 bad 0 oversized" },
	{ "# HELP want_seconds It \\\" \\n.\n# TYPE want_seconds gauge\n"
	  "# UNIT want_seconds seconds\nwant_seconds{a=\"b\",c=\"\"} 1.5 "
	  "1520879607.789\n# EOF\n",
	  "want_seconds{a=b,c=}=1.5@1520879607.789\n"
	  "1 samples 4 comments 0 bad 0 oversized" },
	/* each of the types */
	{ "# TYPE a counter\n# TYPE a gauge\n# TYPE a histogram\n# TYPE a "
	  "gaugehistogram\n# TYPE a summary\n# TYPE a info\n# TYPE a "
	  "stateset\n# TYPE a unknown\n# EOF\n",
	  "0 samples 9 comments 0 bad 0 oversized" },
	/* a counter, with when it began and an exemplar */
	{ "want_total{a=\"1\"} 17.0 # {trace=\"x y\",id=\"\\\"2\"} 0.5 1.25\n"
	  "want_created{a=\"1\"} 1520872607.123\n# EOF\n",
	  "want_total{a=1}=17.0\nwant_created{a=1}=1520872607.123\n"
	  "2 samples 1 comments 0 bad 0 oversized" },
	{ "want 1 -2.5 # {} 4\nwant 2 # {a=\"b\",} 4\nwant 3 .5e3\n# EOF\n",
	  "want{}=1@-2.5\nwant{}=2\nwant{}=3@.5e3\n"
	  "3 samples 1 comments 0 bad 0 oversized" },
	{ "want_bucket{le=\"+Inf\"} 17 # {\"id.thing\"=\"x\"} 9 1\n# EOF\n",
	  "want_bucket{le=+Inf}=17\n1 samples 1 comments 0 bad 0 oversized" },
	/* names in quotes */
	{ "# HELP \"want.it\" x\n# TYPE \"want.it\" gauge\n"
	  "# UNIT \"want.it_s\" s\n"
	  "{\"want.it\",l=\"v\"} 1\n{l=\"v\",\"want.it\"} 2\n# EOF\n",
	  "want.it{l=v}=1\nwant.it{l=v}=2\n"
	  "2 samples 4 comments 0 bad 0 oversized" },
	{ "{\"want \xe2\x82\xac \\\"a\\\"\",\"l.x\"=\"6\"} 1\n# EOF\n",
	  "want \xe2\x82\xac \"a\"{l.x=6}=1\n"
	  "1 samples 1 comments 0 bad 0 oversized" },
	/* text that only there means an end, a comment or a blank */
	{ "want{a=\"# EOF\",b=\" , } \"} NaN\n# HELP a # EOF\n# EOF\n",
	  "want{a=# EOF,b= , } }=NaN\n"
	  "1 samples 2 comments 0 bad 0 oversized" },
	/* cut off */
	{ "", "0 samples 0 comments 0 bad 0 oversized truncated" },
	{ "want 1", "want{}=1\n1 samples 0 comments 0 bad 0 oversized open "
	            "truncated" },
	{ "want 1\n",
	  "want{}=1\n1 samples 0 comments 0 bad 0 oversized truncated" },
	{ "want 1\n# EO", "want{}=1\n!?\n1 samples 0 comments 1 bad 0 "
	                  "oversized open truncated" },
	{ "other 1\nother 2\nother 3",
	  "3 samples 0 comments 0 bad 0 oversized open truncated" },
	/* something behind the end */
	{ "want 1\nwant 2\n# EOF\n\n",
	  "want{}=1\nwant{}=2\n!?\n2 samples 1 comments 1 bad 0 oversized" },
	{ "other 1\nother 2\n# EOF\nother 3\n",
	  "!?\n2 samples 1 comments 1 bad 0 oversized" },
	{ "other 1\nother 2\n# EOF\nother 3",
	  "!?\n2 samples 1 comments 1 bad 0 oversized open" },
};

/* A line that OpenMetrics does not know, between two good ones. */
static const struct {
	const char *line;
	bool named; /* it says that it is of a wanted family */
} bad_lines[] = {
	{ "", false },
	{ " ", false },
	{ " other 1", false },
	{ "9", false },
	{ "#", false },
	{ "# H", false },
	{ "#EOF", false },
	{ " # EOF", false },
	{ "# EOF ", false },
	{ "# EOFa 1", false },
	{ "# a comment", false },
	{ "#\tTYPE c counter", false },
	{ "#  TYPE c counter", false },
	{ "# TYPE c  counter", false },
	{ "# TYPE c counter ", false },
	{ "# TYPE c untyped", false },
	{ "# TYPE c Counter", false },
	{ "# TYPE ", false },
	{ "# TYPE c", false },
	{ "# UNIT c_s ms", false },
	{ "# UNIT metric suffix", false },
	{ "# UNIT metricsuffix suffix", false },
	{ "# UNIT m suffix", false },
	{ "# UNIT suffix suffix", false },
	{ "# UNIT ", false },
	{ "# UNIT c", false },
	{ "# HELP ", false },
	{ "# HELP c", false },
	{ "# help c x", false },
	{ "want", true },
	{ "want 1\r", true },
	{ "want 1 ", true },
	{ "want\t1", true },
	{ "want  1", true },
	{ "want 1\t2", true },
	{ "want 1  2", true },
	{ "want 1 2 ", true },
	{ "want 1 2 #", true },
	{ "want 1 1z", true },
	{ "want 1 1 1", true },
	{ "want 1 NaN", true },
	{ "want 1 -Inf", true },
	{ "want 1 Inf", true },
	{ "want true", true },
	{ "want 1_2", true },
	{ "want 0x1p-3", true },
	{ "want 0 1_2", true },
	{ "want{} 1 2 3", true },
	{ "want {} 1", true },
	{ "want{}1", true },
	{ "want{}  1", true },
	{ "want{ a=\"b\"} 1", true },
	{ "want{a=\"b\" } 1", true },
	{ "want{a=\"b\", c=\"d\"} 1", true },
	{ "want{a =\"b\"} 1", true },
	{ "want{a= \"b\"} 1", true },
	{ "want{a='b'} 1", true },
	{ "want{,a=\"b\"} 1", true },
	{ "want{a=\"b\"c=\"d\"} 1", true },
	{ "want{a=\"b\",,c=\"d\"} 1", true },
	{ "want{a=\"b\",a=\"c\"} 1", true },
	{ "want{a=", true },
	{ "want{a=\"", true },
	{ "want{=\"\"} 1", true },
	{ "want{\xff=\"a\"} 1", true },
	{ "want{a=\"\xff\"} 1", true },
	{ "{\"want\",\"b = \"c\"} 1", true },
	{ "{\"want\",b", true },
	{ "{a=\"b\",} 1", false },
	{ "{} 1", false },
	{ "{\"oth\xff\"} 1", false },
	{ "want 1 #{} 4", true },
	{ "want 1 # {} ", true },
	{ "want 1 # {}4", true },
	{ "want 1 #  {} 4", true },
	{ "want 1 # {a=b} 4", true },
	{ "want 1 # {a=\"b\"}", true },
	{ "want 1 # {a}", true },
	{ "want 1 # {a, b=\"c\"} 1", true },
	{ "want 1 # {a=\"b\",,c=\"d\"} 1", true },
	{ "want 1 # {a=\"b\",c=}", true },
	{ "want 1 # {a=\"b\"} 1_2", true },
	{ "want 1 # {a=\"b\"} 0x1p-3", true },
	{ "want 1 # {a=\"b\"} true", true },
	{ "want 1 # {a=\"\xff\"} 9", true },
	{ "want 1 # {a=\"b\"} 4 NaN", true },
	{ "want 1 # {a=\"b\"} 4 -Inf", true },
	{ "want 1 # {a=\"b\"} 4 5 6", true },
	{ "want 1 # {a=\"b\"} 4 # {} 5", true },
};

static void test_openmetrics_bad_lines(void **state)
{
	struct recorder recorder;

	recorder_init(&recorder);
	recorder.format = EXPOSITION_OPENMETRICS;
	recorder.tells_left_out = true;
	for (size_t i = 0; i < ARRAY_SIZE(bad_lines); i++) {
		char body[256];
		char told[256];
		struct slice text;

		(void)snprintf(body, sizeof(body),
		               "want 1\n%s\nwant 2\n# EOF\n",
		               bad_lines[i].line);
		(void)snprintf(told, sizeof(told),
		               "want{}=1\n!%s\nwant{}=2\n"
		               "2 samples 1 comments 1 bad 0 oversized",
		               bad_lines[i].named ? "want" : "?");
		text = slice_from(body);
		for (size_t cut = 0; cut <= text.n; cut++) {
			record(&recorder, text, cut, cut);
			if (strcmp(buf_text(&recorder.told), told) != 0)
				fail_msg("%s cut at %zu gave\n%s",
				         bad_lines[i].line, cut,
				         buf_text(&recorder.told));
		}
	}
	recorder_fini(&recorder);
}

static void check_documents(const struct document *list, size_t n,
                            struct recorder *recorder)
{
	for (size_t i = 0; i < n; i++) {
		struct slice text = slice_from(list[i].text);

		for (size_t b = 0; b <= text.n; b++) {
			for (size_t a = 0; a <= b; a++) {
				record(recorder, text, a, b);
				if (strcmp(buf_text(&recorder->told),
				           list[i].told) != 0)
					fail_msg("%s\ncut at %zu and %zu "
					         "gave\n%s",
					         list[i].text, a, b,
					         buf_text(&recorder->told));
			}
		}
	}
}

static void test_every_split(void **state)
{
	struct recorder recorder;

	recorder_init(&recorder);
	check_documents(documents, ARRAY_SIZE(documents), &recorder);
	recorder.format = EXPOSITION_OPENMETRICS;
	recorder.tells_left_out = true;
	check_documents(openmetrics, ARRAY_SIZE(openmetrics), &recorder);
	recorder_fini(&recorder);
}

/* Of text: which family a line would have been of, if it says. */
static void test_left_out(void **state)
{
	static const struct document rows[] = {
		{ "want 1\nwant x\nother x\nwant 2\n",
		  "want{}=1\n!want\nwant{}=2\n"
		  "2 samples 0 comments 2 bad 0 oversized" },
		{ "want 1\nwant{a=\"1\" 1\n{\"want.x\" 1\nwant 2\n",
		  "want{}=1\n!want\n!want\nwant{}=2\n"
		  "2 samples 0 comments 2 bad 0 oversized" },
		{ "want 1\n<html>\n",
		  "want{}=1\n!?\n"
		  "1 samples 0 comments 1 bad 0 oversized" },
		{ "other 1\nother x\n",
		  "2 samples 0 comments 0 bad 0 oversized" },
	};
	struct recorder recorder;

	recorder_init(&recorder);
	recorder.tells_left_out = true;
	check_documents(rows, ARRAY_SIZE(rows), &recorder);
	recorder_fini(&recorder);
}

static void test_format_of(void **state)
{
	static const struct {
		const char *type;
		enum exposition_format format;
	} rows[] = {
		{ "", EXPOSITION_TEXT },
		{ "text/plain; version=0.0.4; charset=utf-8", EXPOSITION_TEXT },
		{ "text/html", EXPOSITION_TEXT },
		{ "application/openmetrics-text", EXPOSITION_OPENMETRICS },
		{ "application/openmetrics-text; version=1.0.0; charset=utf-8",
		  EXPOSITION_OPENMETRICS },
		{ "Application/OpenMetrics-Text;version=0.0.1",
		  EXPOSITION_OPENMETRICS },
		{ "application/openmetrics-texts", EXPOSITION_TEXT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(exposition_format_of(slice_from(rows[i].type)),
		                 rows[i].format);
}

static void test_byte_by_byte(void **state)
{
	struct recorder recorder;

	recorder_init(&recorder);
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct slice text = slice_from(documents[i].text);
		struct exposition_counts whole;

		record(&recorder, text, 0, 0);
		whole = recorder.scan.counts;
		exposition_reset(&recorder.scan);
		for (size_t at = 0; at < text.n; at++)
			feed(&recorder, text.p + at, 1);
		assert_int_equal(exposition_finish(&recorder.scan),
		                 recorder.outcome);
		assert_memory_equal(&recorder.scan.counts, &whole,
		                    sizeof(whole));
	}
	recorder_fini(&recorder);
}

/* A line of @n bytes that begins with @head and ends with @tail. */
static void put_long_line(struct buf *body, const char *head, char filler,
                          const char *tail, size_t n)
{
	size_t n_filler = n - strlen(head) - strlen(tail);

	(void)buf_puts(body, head);
	while (n_filler-- > 0)
		(void)buf_putc(body, filler);
	(void)buf_puts(body, tail);
	(void)buf_putc(body, '\n');
}

static void test_long_lines(void **state)
{
	static const struct {
		const char *head;
		char filler;
		const char *tail;
		int excess; /* over EXPOSITION_MAX_LINE */
		int n_wanted;
		int n_samples;
		int n_bad;
		int n_oversized;
	} rows[] = {
		{ "want{a=\"", 'x', "\"} 1", 0, 1, 1, 0, 0 },
		{ "want{a=\"", 'x', "\"} 1", 1, 0, 1, 0, 1 },
		{ "want{a=\"", 'x', "\"} 1", 100000, 0, 1, 0, 1 },
		{ "want 1", ' ', "", 1, 0, 1, 0, 1 },
		{ "want 1", '1', "", 1, 0, 1, 0, 1 },
		{ "other{a=\"", 'x', "\"} 1", 100000, 0, 1, 0, 0 },
		{ "want{a=\"\\\\", 'x', "\"} 1", 0, 1, 1, 0, 0 },
		{ "# ", 'x', "", 100000, 0, 0, 0, 0 },
		{ "want{a=\"b\"} 1 x", ' ', "", 1, 0, 0, 1, 0 },
		{ "<html>", 'x', "</html>", 100000, 0, 0, 1, 0 },
		{ "{\"status\":[", '1', "]}", 100000, 0, 0, 1, 0 },
		{ "", 'x', "", 100000, 0, 0, 1, 0 },
		{ "", ' ', "", 100000, 0, 0, 1, 0 },
	};
	struct recorder recorder;
	struct buf body;

	recorder_init(&recorder);
	buf_init(&body, 1u << 20);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct exposition_counts *counts = &recorder.scan.counts;

		buf_reset(&body);
		put_long_line(&body, rows[i].head, rows[i].filler, rows[i].tail,
		              (size_t)(EXPOSITION_MAX_LINE + rows[i].excess));
		(void)buf_puts(&body, "after 1\nwant 2\n");
		/* whole, and cut around what matters */
		for (size_t cut = 0; cut < 40; cut++) {
			size_t at =
				cut < 20 ? cut : EXPOSITION_MAX_LINE + cut - 30;

			record(&recorder, buf_slice(&body), at, at);
			if ((int)counts->n_wanted != rows[i].n_wanted + 1 ||
			    (int)counts->n_samples != rows[i].n_samples + 2 ||
			    (int)counts->n_bad != rows[i].n_bad ||
			    (int)counts->n_oversized != rows[i].n_oversized)
				fail_msg("row %zu cut at %zu: %s", i, at,
				         strrchr(buf_text(&recorder.told),
				                 '\n'));
		}
		assert_true(recorder.scan.line.cap <= EXPOSITION_MAX_LINE + 1);
	}
	buf_fini(&body);
	recorder_fini(&recorder);
}

static void test_too_many_labels(void **state)
{
	struct recorder recorder;
	struct buf body;

	recorder_init(&recorder);
	buf_init(&body, 1u << 20);
	for (int n = EXPOSITION_MAX_LABELS; n <= EXPOSITION_MAX_LABELS + 1;
	     n++) {
		(void)buf_puts(&body, "want{");
		for (int i = 0; i < n; i++)
			(void)buf_printf(&body, "l%d=\"\",", i);
		(void)buf_puts(&body, "} 1\n");
	}
	record(&recorder, buf_slice(&body), 0, 0);
	assert_int_equal(recorder.scan.counts.n_wanted, 1);
	assert_int_equal(recorder.scan.counts.n_oversized, 1);
	assert_int_equal(recorder.scan.counts.n_bad, 0);
	buf_fini(&body);
	recorder_fini(&recorder);
}

static void test_values(void **state)
{
	static const struct {
		const char *text;
		double value;
	} rows[] = {
		{ "0", 0 },
		{ "1.7951779801720002e+09", 1795177980.1720002 },
		{ ".5", .5 },
		{ "5.", 5 },
		{ "-0.25E-1", -0.025 },
		{ "+Inf", (double)INFINITY },
		{ "-inf", -(double)INFINITY },
	};
	double value;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(
			number_parse_double(slice_from(rows[i].text), &value),
			0);
		assert_true(value == rows[i].value);
	}
	assert_int_equal(number_parse_double(slice_from("1e999"), &value),
	                 -ERANGE);
}

/* Memory runs out: said once, and the scanner can still be released. */
static void *no_memory(void *context, void *pointer, size_t size)
{
	(void)context;
	if (size == 0)
		free(pointer);
	return NULL;
}

static void test_no_memory(void **state)
{
	struct recorder recorder;

	recorder_init(&recorder);
	mem_set_allocator(no_memory, NULL);
	assert_int_equal(exposition_feed(&recorder.scan, slice_from("want")),
	                 -ENOMEM);
	exposition_reset(&recorder.scan);
	assert_int_equal(exposition_feed(&recorder.scan,
	                                 slice_from("want{a=\"\\n\"} 1\n")),
	                 -ENOMEM);
	mem_set_allocator(NULL, NULL);
	exposition_reset(&recorder.scan);
	assert_int_equal(exposition_feed(&recorder.scan,
	                                 slice_from("want{a=\"\\n\"} 1\n")),
	                 0);
	assert_int_equal(recorder.scan.counts.n_wanted, 1);
	recorder_fini(&recorder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_openmetrics_bad_lines),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_format_of),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_too_many_labels),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("exposition", tests, NULL, NULL);
}
