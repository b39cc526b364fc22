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

static const struct exposition_callbacks callbacks = { wanted, on_sample };

static void recorder_init(struct recorder *recorder)
{
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
	                 recorder->outcome ? " not exposition" : "");
}

static const struct {
	const char *text;
	const char *told;
} documents[] = {
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

static void test_documents(void **state)
{
	struct recorder recorder;

	recorder_init(&recorder);
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct slice text = slice_from(documents[i].text);

		record(&recorder, text, 0, 0);
		if (strcmp(buf_text(&recorder.told), documents[i].told) != 0)
			fail_msg("%s\ngave\n%s", documents[i].text,
			         buf_text(&recorder.told));
	}
	recorder_fini(&recorder);
}

static void test_every_split(void **state)
{
	struct recorder recorder;

	recorder_init(&recorder);
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct slice text = slice_from(documents[i].text);

		for (size_t b = 0; b <= text.n; b++) {
			for (size_t a = 0; a <= b; a++) {
				record(&recorder, text, a, b);
				if (strcmp(buf_text(&recorder.told),
				           documents[i].told) != 0)
					fail_msg("%s\ncut at %zu and %zu "
					         "gave\n%s",
					         documents[i].text, a, b,
					         buf_text(&recorder.told));
			}
		}
	}
	recorder_fini(&recorder);
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
		cmocka_unit_test(test_documents),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_too_many_labels),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("exposition", tests, NULL, NULL);
}
