/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of a body. Each ends with a line feed, so nothing here asks where
 * the body ends: every loop stops at a line feed. If the last line has none it
 * is read from a copy that has one, to find what else is wrong with it first.
 */
#include <errno.h>
#include "base/text.h"
#include "proto/push_body.h"
#include "proto/push_body_private.h"
#include "proto/push_number.h"
#include "proto/quote.h"

#define REFUSED_METRICS                                             \
	"pushed metrics are invalid or inconsistent with existing " \
	"metrics: "

/* What a byte may be part of. */
enum {
	NAME_START = 1,
	LABEL_START = 2,
	DIGIT = 4,
	BLANK = 8,
	ENDS_WORD = 16,  /* blank or line feed */
	ENDS_PLAIN = 32, /* quote, backslash, line feed */
};

#define LETTER   (NAME_START | LABEL_START)
#define IN_NAME  (NAME_START | DIGIT)
#define IN_LABEL (LABEL_START | DIGIT)

static const unsigned char classes[256] = {
	['a'] = LETTER,
	['b'] = LETTER,
	['c'] = LETTER,
	['d'] = LETTER,
	['e'] = LETTER,
	['f'] = LETTER,
	['g'] = LETTER,
	['h'] = LETTER,
	['i'] = LETTER,
	['j'] = LETTER,
	['k'] = LETTER,
	['l'] = LETTER,
	['m'] = LETTER,
	['n'] = LETTER,
	['o'] = LETTER,
	['p'] = LETTER,
	['q'] = LETTER,
	['r'] = LETTER,
	['s'] = LETTER,
	['t'] = LETTER,
	['u'] = LETTER,
	['v'] = LETTER,
	['w'] = LETTER,
	['x'] = LETTER,
	['y'] = LETTER,
	['z'] = LETTER,
	['A'] = LETTER,
	['B'] = LETTER,
	['C'] = LETTER,
	['D'] = LETTER,
	['E'] = LETTER,
	['F'] = LETTER,
	['G'] = LETTER,
	['H'] = LETTER,
	['I'] = LETTER,
	['J'] = LETTER,
	['K'] = LETTER,
	['L'] = LETTER,
	['M'] = LETTER,
	['N'] = LETTER,
	['O'] = LETTER,
	['P'] = LETTER,
	['Q'] = LETTER,
	['R'] = LETTER,
	['S'] = LETTER,
	['T'] = LETTER,
	['U'] = LETTER,
	['V'] = LETTER,
	['W'] = LETTER,
	['X'] = LETTER,
	['Y'] = LETTER,
	['Z'] = LETTER,
	['_'] = LETTER,
	[':'] = NAME_START,
	['0'] = DIGIT,
	['1'] = DIGIT,
	['2'] = DIGIT,
	['3'] = DIGIT,
	['4'] = DIGIT,
	['5'] = DIGIT,
	['6'] = DIGIT,
	['7'] = DIGIT,
	['8'] = DIGIT,
	['9'] = DIGIT,
	[' '] = BLANK | ENDS_WORD,
	['\t'] = BLANK | ENDS_WORD,
	['\n'] = ENDS_WORD | ENDS_PLAIN,
	['"'] = ENDS_PLAIN,
	['\\'] = ENDS_PLAIN,
};

struct reader {
	struct push_body *body;
	struct err *err;
	const char *p;   /* the byte that is looked at */
	const char *end; /* beyond the last line feed */
	const char *cut; /* where the body ends without one; else NULL */
	uint32_t line;
	struct slice name; /* of the last line with one, and whose it was */
	uint32_t family;
	enum metric_suffix suffix;
	bool timestamps;
	struct slice reserved; /* the first label that is, and its metric */
	struct slice reserved_in;
};

/* The sample that is being read. */
struct draft {
	enum metric_type type;
	enum metric_suffix suffix;
	uint32_t first_label;
	bool bounded; /* it has a quantile or a bound */
};

static bool is(char c, unsigned class)
{
	return (classes[(unsigned char)c] & class) != 0;
}

static void skip_blanks(struct reader *at)
{
	while (is(*at->p, BLANK))
		at->p++;
}

/* --- what is wrong --------------------------------------------------------- */

static int PRINTF_LIKE(2, 3) refuse(struct reader *at, const char *format, ...)
{
	va_list args;

	if (at->cut && at->p >= at->cut) {
		(void)err_set(at->err, -EINVAL,
		              "unexpected end of input stream");
	} else {
		va_start(args, format);
		(void)err_vset(at->err, -EINVAL, format, args);
		va_end(args);
	}
	(void)err_wrap(at->err, "text format parsing error in line %u",
	               at->line);
	return PUSH_BODY_E_FORMAT;
}

/* @format has one %s: the text, quoted. */
#define REFUSE_QUOTED(at, format, text) \
	refuse(at, format, quote_text(text, (char[QUOTE_TEXT_SIZE]){ 0 }))
#define REFUSE_BYTE(at, format, byte) \
	refuse(at, format, quote_byte(byte, (char[QUOTE_BYTE_SIZE]){ 0 }))

static struct slice family_name(const struct reader *at)
{
	return at->body->families[at->family].name;
}

/* The words of a byte between the quotes that others put around it. */
static int refuse_escape(struct reader *at)
{
	char quoted[QUOTE_BYTE_SIZE];
	size_t n = strlen(quote_byte(*at->p, quoted));

	return refuse(at, "invalid escape sequence '\\%.*s'", (int)(n - 2),
	              quoted + 1);
}

/* --- words ----------------------------------------------------------------- */

static struct slice take_while(struct reader *at, unsigned first,
                               unsigned class)
{
	const char *start = at->p;

	if (is(*at->p, first)) {
		do
			at->p++;
		while (is(*at->p, class));
	}
	return slice_make(start, (size_t)(at->p - start));
}

static struct slice take_word(struct reader *at)
{
	const char *start = at->p;

	while (!is(*at->p, ENDS_WORD))
		at->p++;
	return slice_make(start, (size_t)(at->p - start));
}

/* Nearly all of it is ASCII: eight bytes at a time. */
static bool is_utf8(struct slice text)
{
	while (text.n > 0) {
		uint64_t word;
		size_t n;

		if (text.n >= sizeof(word)) {
			memcpy(&word, text.p, sizeof(word));
			if ((word & 0x8080808080808080u) == 0) {
				text = slice_skip(text, sizeof(word));
				continue;
			}
		}
		n = text_utf8_length(text);

		if (n == 0)
			return false;
		text = slice_skip(text, n);
	}
	return true;
}

/*
 * The rest of a text that ends with @stop, from its @start on, as there is a
 * backslash at `p`; leaves `p` at its end. The buffer gets room for all that
 * may come in this body, so that it never moves while slices of it are lent.
 */
static int take_escaped(struct reader *at, const char *start, char stop,
                        struct slice *textp)
{
	struct buf *out = &at->body->text;
	char *first;
	char *to;

	if (buf_reserve(out, (size_t)(at->end - start)) < 0)
		return -ENOMEM;
	first = out->p + out->n;
	to = first + (at->p - start);
	memcpy(first, start, (size_t)(at->p - start));
	for (; *at->p != stop && *at->p != '\n'; at->p++) {
		if (*at->p == '\\') {
			at->p++;
			if (*at->p != 'n' && *at->p != '"' && *at->p != '\\')
				return refuse_escape(at);
			*to++ = *at->p == 'n' ? '\n' : *at->p;
		} else {
			*to++ = *at->p;
		}
	}
	*textp = slice_make(first, (size_t)(to - first));
	out->n += textp->n;
	return 0;
}

/* The inside of a label's value; leaves `p` at the quote that ends it. */
static int take_value(struct reader *at, struct slice *valuep)
{
	const char *start = ++at->p;
	unsigned char seen = 0;

	for (; !is(*at->p, ENDS_PLAIN); at->p++)
		seen |= (unsigned char)*at->p;
	*valuep = slice_make(start, (size_t)(at->p - start));
	if (*at->p == '\\') {
		int r = take_escaped(at, start, '"', valuep);

		if (r)
			return r;
		seen = 0x80;
	}
	if (*at->p == '\n')
		return REFUSE_QUOTED(
			at, "label value %s contains unescaped new-line",
			*valuep);
	if (seen >= 0x80 && !is_utf8(*valuep))
		return REFUSE_QUOTED(at, "invalid label value %s", *valuep);
	if (valuep->n > PUSH_BODY_MAX_VALUE)
		return refuse(at, "label value of more than %d bytes",
		              PUSH_BODY_MAX_VALUE);
	return 0;
}

/* --- comments -------------------------------------------------------------- */

/* Finds or makes the family of a line. */
static int enter_family(struct reader *at, struct slice name)
{
	int r;

	if (name.n == at->name.n && memcmp(name.p, at->name.p, name.n) == 0)
		return 0;
	if (name.n > PUSH_BODY_MAX_NAME)
		return refuse(at, "metric name of more than %d bytes",
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
		r = take_escaped(at, start, '\n', &help);
	}
	if (r)
		return r;
	if (!is_utf8(help))
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
	skip_blanks(at);
	word = take_word(at);
	help = slice_is(word, "HELP");
	if (!help && !slice_is(word, "TYPE")) {
		at->p = memchr(at->p, '\n', (size_t)(at->end - at->p));
		return 0;
	}
	skip_blanks(at);
	name = take_while(at, NAME_START, IN_NAME);
	if (*at->p == '\n')
		return 0;
	if (!is(*at->p, BLANK))
		return refuse(at, "invalid metric name in comment");
	r = enter_family(at, name);
	if (r)
		return r;
	skip_blanks(at);
	if (*at->p == '\n')
		return 0;
	return help ? read_help(at) : read_type(at);
}

/* --- labels ------------------------------------------------------------------ */

/* The label that is not one of a child's own: what it is measured at. */
static const char *bound_label(enum metric_type type)
{
	if (type == METRIC_SUMMARY)
		return "quantile";
	return type == METRIC_HISTOGRAM || type == METRIC_GAUGE_HISTOGRAM
	               ? "le"
	               : NULL;
}

static int check_label_name(struct reader *at, const struct draft *draft,
                            struct slice name)
{
	const struct push_body *body = at->body;

	if (name.n == 0)
		return REFUSE_QUOTED(at, "invalid label name for metric %s",
		                     family_name(at));
	if (name.n > 2 && name.p[0] == '_' && name.p[1] == '_') {
		if (slice_is(name, "__name__"))
			return refuse(at, "label name \"__name__\" is "
			                  "reserved");
		if (!at->reserved.p) {
			at->reserved = name;
			at->reserved_in = family_name(at);
		}
	}
	if (name.n > PUSH_BODY_MAX_NAME)
		return refuse(at, "label name of more than %d bytes",
		              PUSH_BODY_MAX_NAME);
	for (uint32_t i = draft->first_label; i < body->n_labels; i++) {
		if (slice_equal(body->labels[i].name, name))
			return REFUSE_QUOTED(
				at, "duplicate label names for metric %s",
				family_name(at));
	}
	if (body->n_labels - draft->first_label == PUSH_BODY_MAX_LABELS)
		return refuse(at, "more than %d labels", PUSH_BODY_MAX_LABELS);
	return 0;
}

/* "le" or "quantile" of a family that has them; sets *keepp to whether it
 * stays a label. */
static int read_bound(struct reader *at, struct draft *draft, struct slice name,
                      struct slice value, bool *keepp)
{
	if (!push_number_is_float(value))
		return refuse(at,
		              "expected float as value for '" SLICE_FMT
		              "' label, got %s",
		              SLICE_ARG(name),
		              quote_text(value, (char[QUOTE_TEXT_SIZE]){ 0 }));
	draft->bounded = !push_number_is_nan(value);
	*keepp =
		draft->suffix == METRIC_PLAIN || draft->suffix == METRIC_BUCKET;
	return 0;
}

/* name="value", `p` being at what comes before it. */
static int read_label(struct reader *at, struct draft *draft)
{
	const char *bound = bound_label(draft->type);
	struct push_body *body = at->body;
	struct slice value;
	struct slice name;
	bool keep = true;
	int r;

	name = take_while(at, LABEL_START, IN_LABEL);
	r = check_label_name(at, draft, name);
	if (r)
		return r;
	skip_blanks(at);
	if (*at->p != '=')
		return REFUSE_BYTE(
			at, "expected '=' after label name, found %s", *at->p);
	at->p++;
	skip_blanks(at);
	if (*at->p != '"')
		return REFUSE_BYTE(
			at, "expected '\"' at start of label value, found %s",
			*at->p);
	r = take_value(at, &value);
	if (r == 0 && bound && slice_is(name, bound))
		r = read_bound(at, draft, name, value, &keep);
	if (r)
		return r;
	if (keep)
		body->labels[body->n_labels++] = (struct label){ name, value };
	at->p++;
	skip_blanks(at);
	if (*at->p != ',' && *at->p != '}')
		return REFUSE_QUOTED(at, "unexpected end of label value %s",
		                     value);
	return 0;
}

/* What stands between braces; `p` is at the first of them. */
static int read_labels(struct reader *at, struct draft *draft)
{
	do {
		int r;

		at->p++;
		skip_blanks(at);
		if (*at->p == '}')
			break;
		r = read_label(at, draft);
		if (r)
			return r;
	} while (*at->p == ',');
	at->p++;
	skip_blanks(at);
	return 0;
}

/* --- samples --------------------------------------------------------------- */

static int read_timestamp(struct reader *at)
{
	struct slice text;
	const char *start;

	skip_blanks(at);
	text = take_word(at);
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
			family_name(at));
	if (draft->suffix != METRIC_COUNT && draft->suffix != METRIC_GCOUNT)
		return 0;
	return draft->type == METRIC_SUMMARY
	               ? REFUSE_QUOTED(at, "negative count for summary %s",
	                               family_name(at))
	               : REFUSE_QUOTED(at, "negative count for histogram %s",
	                               family_name(at));
}

/* Something that a summary or histogram has no place for. */
static bool is_nothing(const struct draft *draft)
{
	return bound_label(draft->type) && !draft->bounded &&
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
	struct slice name = take_while(at, NAME_START, IN_NAME);
	struct draft draft = { .first_label = at->body->n_labels };
	struct slice value;
	int r;

	if (name.n == 0)
		return refuse(at, "invalid metric name");
	r = enter_family(at, name);
	if (r == 0)
		r = push_body_reserve(at->body);
	if (r)
		return r;
	at->body->families[at->family].typed = true;
	draft.type = at->body->families[at->family].type;
	draft.suffix = at->suffix;

	skip_blanks(at);
	if (*at->p == '{')
		r = read_labels(at, &draft);
	if (r)
		return r;
	if (draft.suffix == METRIC_PLAIN && draft.bounded &&
	    draft.type != METRIC_SUMMARY)
		draft.suffix = METRIC_BUCKET;

	value = take_word(at);
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
		skip_blanks(at);
		if (*at->p == '#')
			r = read_comment(at);
		else if (*at->p != '\n')
			r = read_sample(at);
		if (r)
			return r;
		if (at->p - start > PUSH_BODY_MAX_LINE)
			return refuse(at, "more than %d bytes",
			              PUSH_BODY_MAX_LINE);
		at->p++;
	}
	return 0;
}

/* What follows the last line feed: nothing but blanks is good. */
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
	return refuse(at, "%s", "");
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
		return refuse(&at, "more than %u bytes", PUSH_BODY_MAX_BYTES);
	while (n > 0 && text.p[n - 1] != '\n')
		n--;
	at.end = text.p + n;
	r = n > 0 ? read_lines(&at) : 0;
	if (r == 0)
		r = read_rest(&at, slice_skip(text, n));
	return r ? r : refuse_metrics(&at);
}
