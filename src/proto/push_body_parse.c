/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "proto/push_body_reader.h"
#include "proto/push_number.h"

#define REFUSED_METRICS                                             \
	"pushed metrics are invalid or inconsistent with existing " \
	"metrics: "

/* --- comments -------------------------------------------------------------- */

/* Finds or makes the family of a line. */
static int enter_family(struct reader *at, struct slice name)
{
	int r;

	if (name.n == at->name.n && memcmp(name.p, at->name.p, name.n) == 0)
		return 0;
	if (name.n > PUSH_BODY_MAX_NAME)
		return reader_refuse(at, "metric name of more than %d bytes",
		                     PUSH_BODY_MAX_NAME);
	r = push_body_family(at->body, name, &at->family, &at->suffix);
	at->name = name;
	return r;
}

static int read_help(struct reader *at)
{
	struct push_body_family *family = &at->body->families[at->family];
	const char *start = at->p;
	const char *escape;
	struct slice help;
	int r = 0;

	if (family->help.p)
		return REFUSE_QUOTED(at, "second HELP line for metric name %s",
		                     family->name);
	at->p = memchr(start, '\n', (size_t)(at->end - start));
	help = slice_make(start, (size_t)(at->p - start));
	escape = memchr(help.p, '\\', help.n);
	if (escape) {
		at->p = escape;
		r = reader_take_escaped(at, start, '\n', &help);
	}
	if (r)
		return r;
	if (!reader_is_utf8(help))
		return REFUSE_QUOTED(at, "invalid help text %s", help);
	family->help = help;
	return 0;
}

static int read_type(struct reader *at)
{
	struct push_body_family *family = &at->body->families[at->family];
	const char *start = at->p;
	struct slice text;

	if (family->typed)
		return REFUSE_QUOTED(at,
		                     "second TYPE line for metric name %s, or "
		                     "TYPE reported after samples",
		                     family->name);
	at->p = memchr(start, '\n', (size_t)(at->end - start));
	text = slice_make(start, (size_t)(at->p - start));
	if (metric_type_parse(text, &family->type) < 0)
		return REFUSE_QUOTED(at, "unknown metric type %s", text);
	family->typed = true;
	return 0;
}

/* A line that begins with '#', up to its line feed. */
static int read_comment(struct reader *at)
{
	struct slice word;
	struct slice name;
	bool help;
	int r;

	at->p++;
	reader_skip_blanks(at);
	word = reader_take_word(at);
	help = slice_is(word, "HELP");
	if (!help && !slice_is(word, "TYPE")) {
		at->p = memchr(at->p, '\n', (size_t)(at->end - at->p));
		return 0;
	}
	reader_skip_blanks(at);
	name = reader_take_while(at, NAME_START, IN_NAME);
	if (*at->p == '\n')
		return 0;
	if (!reader_is(*at->p, BLANK))
		return reader_refuse(at, "invalid metric name in comment");
	r = enter_family(at, name);
	if (r)
		return r;
	reader_skip_blanks(at);
	if (*at->p == '\n')
		return 0;
	return help ? read_help(at) : read_type(at);
}

/* --- samples --------------------------------------------------------------- */

static int read_timestamp(struct reader *at)
{
	struct slice text;
	const char *start;

	reader_skip_blanks(at);
	text = reader_take_word(at);
	if (!push_number_is_timestamp(text))
		return REFUSE_QUOTED(
			at, "expected integer as timestamp, got %s", text);
	start = at->p;
	at->p = memchr(at->p, '\n', (size_t)(at->end - at->p));
	if (at->p > start)
		return REFUSE_QUOTED(
			at, "spurious string after timestamp: %s",
			slice_make(start, (size_t)(at->p - start)));
	at->timestamps = true;
	return 0;
}

/* Counts and buckets; those of a gauge histogram may go down, not below. */
static int check_count(struct reader *at, const struct draft *draft,
                       struct slice value)
{
	if (!push_number_is_negative(value))
		return 0;
	if (draft->suffix == METRIC_BUCKET)
		return REFUSE_QUOTED(
			at, "negative bucket population for histogram %s",
			reader_family(at));
	if (draft->suffix != METRIC_COUNT && draft->suffix != METRIC_GCOUNT)
		return 0;
	return draft->type == METRIC_SUMMARY
	               ? REFUSE_QUOTED(at, "negative count for summary %s",
	                               reader_family(at))
	               : REFUSE_QUOTED(at, "negative count for histogram %s",
	                               reader_family(at));
}

/* Something that a summary or histogram has no place for. */
static bool is_nothing(const struct draft *draft)
{
	return reader_bound_label(draft->type) && !draft->bounded &&
	       (draft->suffix == METRIC_PLAIN ||
	        draft->suffix == METRIC_BUCKET);
}

static void put_sample(struct reader *at, const struct draft *draft,
                       struct slice value)
{
	struct push_body *body = at->body;

	if (is_nothing(draft)) {
		body->n_labels = draft->first_label;
		return;
	}
	body->families[at->family].n_samples++;
	body->samples[body->n_samples++] = (struct push_body_sample){
		.family = at->family,
		.suffix = draft->suffix,
		.first_label = draft->first_label,
		.n_labels = body->n_labels - draft->first_label,
		.value = value,
	};
}

/* A line that is neither empty nor a comment, up to its line feed. */
static int read_sample(struct reader *at)
{
	struct slice name = reader_take_while(at, NAME_START, IN_NAME);
	struct draft draft = { .first_label = at->body->n_labels };
	struct slice value;
	int r;

	if (name.n == 0)
		return reader_refuse(at, "invalid metric name");
	r = enter_family(at, name);
	if (r == 0)
		r = push_body_reserve(at->body);
	if (r)
		return r;
	at->body->families[at->family].typed = true;
	draft.type = at->body->families[at->family].type;
	draft.suffix = at->suffix;

	reader_skip_blanks(at);
	if (*at->p == '{')
		r = reader_take_labels(at, &draft);
	if (r)
		return r;
	if (draft.suffix == METRIC_PLAIN && draft.bounded &&
	    draft.type != METRIC_SUMMARY)
		draft.suffix = METRIC_BUCKET;

	value = reader_take_word(at);
	if (!push_number_is_float(value))
		return REFUSE_QUOTED(at, "expected float as value, got %s",
		                     value);
	r = check_count(at, &draft, value);
	if (r == 0 && *at->p != '\n')
		r = read_timestamp(at);
	if (r == 0)
		put_sample(at, &draft, value);
	return r;
}

/* --- a body ---------------------------------------------------------------- */

static int read_lines(struct reader *at)
{
	int r = 0;

	while (at->p < at->end) {
		const char *start = at->p;

		at->line++;
		reader_skip_blanks(at);
		if (*at->p == '#')
			r = read_comment(at);
		else if (*at->p != '\n')
			r = read_sample(at);
		if (r)
			return r;
		if (at->p - start > PUSH_BODY_MAX_LINE)
			return reader_refuse(at, "more than %d bytes",
			                     PUSH_BODY_MAX_LINE);
		at->p++;
	}
	return 0;
}

/* What follows the last line feed: nothing but blanks is good. It is read from
 * a copy that has one, to find what else is wrong with it first. */
static int read_rest(struct reader *at, struct slice rest)
{
	struct buf *text = &at->body->text;
	int r;

	if (slice_trim(rest).n == 0)
		return 0;
	if (rest.n > PUSH_BODY_MAX_LINE)
		rest.n = PUSH_BODY_MAX_LINE;
	/* room for what may be unescaped from it, too */
	if (buf_reserve(text, 2 * rest.n + 2) < 0)
		return -ENOMEM;
	at->p = text->p + text->n;
	(void)buf_append(text, rest.p, rest.n);
	(void)buf_putc(text, '\n');
	at->end = text->p + text->n;
	at->cut = at->end - 1;
	r = read_lines(at);
	if (r)
		return r;
	at->p = at->cut;
	return reader_refuse(at, "%s", "");
}

static int refuse_metrics(struct reader *at)
{
	char quoted[QUOTE_TEXT_SIZE];

	if (at->timestamps) {
		(void)err_set(at->err, -EINVAL,
		              REFUSED_METRICS
		              "pushed metrics must not have timestamps");
		return PUSH_BODY_E_TIMESTAMP;
	}
	if (!at->reserved.p)
		return 0;
	(void)err_set(at->err, -EINVAL,
	              REFUSED_METRICS "metric %s has a label with an invalid "
	                              "name: " SLICE_FMT,
	              quote_text(at->reserved_in, quoted),
	              (int)MIN(at->reserved.n, (size_t)QUOTE_TEXT_SIZE),
	              at->reserved.p);
	return PUSH_BODY_E_RESERVED;
}

int push_body_parse(struct push_body *body, struct slice text, struct err *err)
{
	struct reader at = { .body = body, .err = err, .p = text.p };
	size_t n = text.n;
	int r;

	err_clear(err);
	push_body_begin(body);
	if (n > PUSH_BODY_MAX_BYTES)
		return reader_refuse(&at, "more than %u bytes",
		                     PUSH_BODY_MAX_BYTES);
	while (n > 0 && text.p[n - 1] != '\n')
		n--;
	at.end = text.p + n;
	r = n > 0 ? read_lines(&at) : 0;
	if (r == 0)
		r = read_rest(&at, slice_skip(text, n));
	return r ? r : refuse_metrics(&at);
}
