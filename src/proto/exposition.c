/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/exposition.h"

#include <errno.h>
#include "base/text.h"

/* What remains of a line. */
struct cursor {
	const char *p;
	const char *end;
	bool strict; /* OpenMetrics: a blank is one space, where it must be */
};

/* Results of parsing beside 0 and -ENOMEM. */
enum { LINE_BAD = 1, LINE_OVERSIZED, LINE_SAMPLE };

void exposition_init(struct exposition *scan,
                     const struct exposition_callbacks *callbacks,
                     void *context)
{
	*scan = (struct exposition){ .callbacks = callbacks,
		                     .context = context };
	buf_init(&scan->line, EXPOSITION_MAX_LINE);
	buf_init(&scan->unescaped, EXPOSITION_MAX_LINE);
}

void exposition_fini(struct exposition *scan)
{
	buf_fini(&scan->line);
	buf_fini(&scan->unescaped);
}

void exposition_reset(struct exposition *scan)
{
	scan->counts = (struct exposition_counts){ 0 };
	buf_reset(&scan->line);
	buf_reset(&scan->unescaped);
	scan->format = EXPOSITION_TEXT;
	scan->at_eof = false;
	scan->skipping = false;
	scan->n_name = 0;
	scan->family = NULL;
}

void exposition_set_format(struct exposition *scan,
                           enum exposition_format format)
{
	scan->format = format;
}

enum exposition_format exposition_format_of(struct slice content_type)
{
	struct slice type = { 0 };

	(void)slice_next(&content_type, ';', &type);
	return slice_is_nocase(slice_trim(type), "application/openmetrics-text")
	               ? EXPOSITION_OPENMETRICS
	               : EXPOSITION_TEXT;
}

/* --- characters and tokens ----------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
	return (unsigned)c - (unsigned)'0' <= 9;
}

static bool is_label_start(char c)
{
	return ((unsigned)c | 0x20u) - (unsigned)'a' < 26 || c == '_';
}

static bool is_name_start(char c)
{
	return is_label_start(c) || c == ':';
}

/* Those that are harmless; in OpenMetrics none is. */
static void skip_blanks(struct cursor *at)
{
	while (at->p < at->end && is_blank(*at->p) && !at->strict)
		at->p++;
}

static bool take_char(struct cursor *at, char c)
{
	if (at->p == at->end || *at->p != c)
		return false;
	at->p++;
	return true;
}

/* The name of a family; empty if there is none. */
static struct slice take_name(struct cursor *at)
{
	const char *start = at->p;

	while (at->p < at->end &&
	       (is_name_start(*at->p) || (at->p > start && is_digit(*at->p))))
		at->p++;
	return slice_make(start, (size_t)(at->p - start));
}

static struct slice take_label_name(struct cursor *at)
{
	const char *start = at->p;

	while (at->p < at->end &&
	       (is_label_start(*at->p) || (at->p > start && is_digit(*at->p))))
		at->p++;
	return slice_make(start, (size_t)(at->p - start));
}

/* Everything up to the next blank. */
static struct slice take_word(struct cursor *at)
{
	const char *start = at->p;

	while (at->p < at->end && !is_blank(*at->p))
		at->p++;
	return slice_make(start, (size_t)(at->p - start));
}

static size_t count_digits(struct slice text)
{
	size_t n = 0;

	while (n < text.n && is_digit(text.p[n]))
		n++;
	return n;
}

static bool take_sign(struct slice *textp)
{
	if (textp->n == 0 || (textp->p[0] != '+' && textp->p[0] != '-'))
		return false;
	*textp = slice_skip(*textp, 1);
	return true;
}

/* What number_parse_double() accepts, without the cost of the conversion. */
static bool is_number(struct slice text)
{
	bool signed_text = take_sign(&text);
	size_t n_digits = count_digits(text);

	if (n_digits == 0 && (text.n == 0 || text.p[0] != '.'))
		return slice_is_nocase(text, "inf") ||
		       slice_is_nocase(text, "infinity") ||
		       (!signed_text && slice_is_nocase(text, "nan"));
	text = slice_skip(text, n_digits);
	if (text.n && text.p[0] == '.') {
		size_t n_decimals = count_digits(slice_skip(text, 1));

		text = slice_skip(text, n_decimals + 1);
		n_digits += n_decimals;
	}
	if (text.n && (text.p[0] == 'e' || text.p[0] == 'E')) {
		text = slice_skip(text, 1);
		(void)take_sign(&text);
		if (count_digits(text) == 0)
			return false;
		text = slice_skip(text, count_digits(text));
	}
	return n_digits > 0 && text.n == 0;
}

/* Seconds, of OpenMetrics. */
static bool is_seconds(struct slice text)
{
	size_t sign = text.n && (text.p[0] == '-' || text.p[0] == '+');

	return text.n > sign &&
	       (is_digit(text.p[sign]) || text.p[sign] == '.') &&
	       is_number(text);
}

static bool is_timestamp(struct slice text)
{
	if (text.n && text.p[0] == '-')
		text = slice_skip(text, 1);
	return text.n > 0 && count_digits(text) == text.n;
}

/* --- quoted text --------------------------------------------------------- */

/*
 * The rest of quoted text with at least one escape, from its opening quote at
 * @start on, into `unescaped`. That has room for the whole line from the first
 * escape on, so that it never moves while slices of it are lent.
 */
static int unescape(struct exposition *scan, struct cursor *at,
                    const char *start, struct slice *textp)
{
	struct buf *out = &scan->unescaped;
	char *first;
	char *to;

	if (out->cap == 0 && buf_reserve(out, EXPOSITION_MAX_LINE) < 0)
		return -ENOMEM;
	first = out->p + out->n;
	to = first;
	for (at->p = start; at->p < at->end && *at->p != '"'; at->p++) {
		char c = *at->p;

		if (c == '\\' && at->p + 1 < at->end) {
			char escaped = *++at->p;

			if (escaped != 'n' && escaped != '"' && escaped != '\\')
				*to++ = c; /* unknown: both are kept */
			c = escaped;
			if (escaped == 'n')
				c = '\n';
		}
		*to++ = c;
	}
	out->n += (size_t)(to - first);
	*textp = slice_make(first, (size_t)(to - first));
	return take_char(at, '"') ? 0 : LINE_BAD;
}

static bool is_utf8(struct slice text)
{
	size_t n_ascii = 0;

	while (n_ascii < text.n && !(text.p[n_ascii] & 0x80))
		n_ascii++;
	text = slice_skip(text, n_ascii);
	while (text.n > 0) {
		size_t n = text_utf8_length(text);

		if (n == 0)
			return false;
		text = slice_skip(text, n);
	}
	return true;
}

static int take_quoted(struct exposition *scan, struct cursor *at,
                       struct slice *textp)
{
	const char *start;
	int r = 0;

	if (!take_char(at, '"'))
		return LINE_BAD;
	start = at->p;
	while (at->p < at->end && *at->p != '"' && *at->p != '\\')
		at->p++;
	if (at->p < at->end && *at->p == '\\') {
		r = unescape(scan, at, start, textp);
	} else {
		*textp = slice_make(start, (size_t)(at->p - start));
		r = take_char(at, '"') ? 0 : LINE_BAD;
	}
	return r == 0 && at->strict && !is_utf8(*textp) ? LINE_BAD : r;
}

/* --- a line -------------------------------------------------------------- */

static int add_label(struct exposition *scan, struct exposition_sample *sample,
                     struct slice name, struct slice value)
{
	if (sample->n_labels == EXPOSITION_MAX_LABELS)
		return LINE_OVERSIZED;
	for (size_t i = 0; i < sample->n_labels; i++) {
		if (slice_equal(scan->labels[i].name, name))
			return LINE_BAD;
	}
	scan->labels[sample->n_labels++] = (struct label){ name, value };
	return 0;
}

/* name="value", or "name"="value", or the family's own "name". */
static int take_label(struct exposition *scan, struct cursor *at,
                      struct exposition_sample *sample)
{
	bool quoted = at->p < at->end && *at->p == '"';
	struct slice value;
	struct slice name;
	int r = 0;

	if (quoted)
		r = take_quoted(scan, at, &name);
	else
		name = take_label_name(at);
	if (r)
		return r;
	if (name.n == 0)
		return LINE_BAD;

	skip_blanks(at);
	if (!take_char(at, '=')) {
		if (!quoted || sample->name.n > 0)
			return LINE_BAD;
		sample->name = name;
		return 0;
	}
	skip_blanks(at);
	r = take_quoted(scan, at, &value);
	return r ? r : add_label(scan, sample, name, value);
}

/* What stands between braces, the first of which has been taken. */
static int take_labels(struct exposition *scan, struct cursor *at,
                       struct exposition_sample *sample)
{
	for (;;) {
		int r;

		skip_blanks(at);
		if (take_char(at, '}'))
			return 0;
		r = take_label(scan, at, sample);
		if (r)
			return r;
		skip_blanks(at);
		if (take_char(at, '}'))
			return 0;
		if (!take_char(at, ','))
			return LINE_BAD;
	}
}

/* The labels of an exemplar, the opening brace of which has been taken; they
 * are nobody's business. */
static int skip_exemplar_labels(struct exposition *scan, struct cursor *at)
{
	while (!take_char(at, '}')) {
		struct slice text = { 0 };
		int r = 0;

		if (at->p < at->end && *at->p == '"')
			r = take_quoted(scan, at, &text);
		else
			text = take_label_name(at);
		if (r || text.n == 0 || !take_char(at, '='))
			return r ? r : LINE_BAD;
		r = take_quoted(scan, at, &text);
		if (r)
			return r;
		if (!take_char(at, ',') && (at->p == at->end || *at->p != '}'))
			return LINE_BAD;
	}
	return 0;
}

/* A value and, in *timep, maybe a time; stops in front of an exemplar. */
static int take_point(struct cursor *at, struct slice *valuep,
                      struct slice *timep)
{
	if (!take_char(at, ' '))
		return LINE_BAD;
	*valuep = take_word(at);
	if (!is_number(*valuep))
		return LINE_BAD;
	if (at->end - at->p >= 2 && at->p[1] == '#')
		return 0;
	if (!take_char(at, ' '))
		return at->p == at->end ? 0 : LINE_BAD;
	*timep = take_word(at);
	return is_seconds(*timep) ? 0 : LINE_BAD;
}

/* What follows the labels in OpenMetrics: VALUE [TIME] [# {LABELS} VALUE
 * [TIME]]. */
static int take_rest_strict(struct exposition *scan, struct cursor *at,
                            struct exposition_sample *sample)
{
	struct slice ignored = { 0 };
	int r = take_point(at, &sample->value, &sample->timestamp);

	if (r || at->p == at->end)
		return r;
	if (!take_char(at, ' ') || !take_char(at, '#') || !take_char(at, ' ') ||
	    !take_char(at, '{'))
		return LINE_BAD;
	r = skip_exemplar_labels(scan, at);
	if (r == 0)
		r = take_point(at, &ignored, &ignored);
	return r == 0 && at->p < at->end ? LINE_BAD : r;
}

static int take_rest(struct cursor *at, struct exposition_sample *sample)
{
	sample->value = take_word(at);
	if (!is_number(sample->value))
		return LINE_BAD;
	skip_blanks(at);
	if (at->p < at->end) {
		sample->timestamp = take_word(at);
		skip_blanks(at);
		if (!is_timestamp(sample->timestamp) || at->p < at->end)
			return LINE_BAD;
	}
	return 0;
}

static int take_sample(struct exposition *scan, struct cursor *at,
                       struct exposition_sample *sample)
{
	sample->name = take_name(at);
	skip_blanks(at);
	if (take_char(at, '{')) {
		int r = take_labels(scan, at, sample);

		if (r)
			return r;
		skip_blanks(at);
	} else if (sample->name.n && at->p < at->end &&
	           !is_blank(at->strict ? *at->p : at->p[-1])) {
		return LINE_BAD;
	}
	if (sample->name.n == 0)
		return LINE_BAD;
	return at->strict ? take_rest_strict(scan, at, sample)
	                  : take_rest(at, sample);
}

/* --- the comments of OpenMetrics ------------------------------------------ */

/* The name of a metric, maybe in quotes, with the blank behind it. */
static int take_metric(struct exposition *scan, struct cursor *at,
                       struct slice *namep)
{
	int r = 0;

	if (at->p < at->end && *at->p == '"')
		r = take_quoted(scan, at, namep);
	else
		*namep = take_name(at);
	if (r)
		return r;
	return namep->n > 0 && take_char(at, ' ') ? 0 : LINE_BAD;
}

static bool is_type(struct slice text)
{
	static const char *const types[] = {
		"counter", "gauge", "histogram", "gaugehistogram",
		"summary", "info",  "stateset",  "unknown",
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (slice_is(text, types[i]))
			return true;
	return false;
}

/* A unit is the end of the name, behind an underscore. */
static bool is_unit_of(struct slice unit, struct slice name)
{
	return unit.n == 0 ||
	       (name.n > unit.n && name.p[name.n - unit.n - 1] == '_' &&
	        slice_equal(slice_skip(name, name.n - unit.n), unit));
}

/* "# HELP NAME …", "# TYPE NAME …", "# UNIT NAME …", "# EOF". */
static int take_comment_strict(struct exposition *scan, struct cursor *at)
{
	struct slice line = slice_make(at->p, (size_t)(at->end - at->p));
	struct slice rest;
	struct slice name;
	int r;

	if (slice_is(line, "# EOF")) {
		scan->at_eof = true;
		return 0;
	}
	if (!slice_starts(line, "# HELP ") && !slice_starts(line, "# TYPE ") &&
	    !slice_starts(line, "# UNIT "))
		return LINE_BAD;
	at->p += strlen("# HELP ");
	r = take_metric(scan, at, &name);
	if (r)
		return r;
	rest = slice_make(at->p, (size_t)(at->end - at->p));
	if (line.p[2] == 'T')
		return is_type(rest) ? 0 : LINE_BAD;
	if (line.p[2] == 'U')
		return is_unit_of(rest, name) ? 0 : LINE_BAD;
	return 0;
}

/* --- a line, judged ------------------------------------------------------- */

/* The mark of the family @name; asks for it when a run begins. */
static void *family_of(struct exposition *scan, struct slice name)
{
	if (scan->n_name &&
	    slice_equal(name, slice_make(scan->name, scan->n_name)))
		return scan->family;

	scan->family = scan->callbacks->wanted(scan->context, name);
	scan->n_name = name.n <= EXPOSITION_MAX_NAME ? name.n : 0;
	memcpy(scan->name, name.p, scan->n_name);
	return scan->family;
}

/* The line continues a run of samples that nobody wants. */
static bool is_unwanted(const struct exposition *scan, struct slice line)
{
	return !scan->family && scan->n_name && line.n > scan->n_name &&
	       memcmp(line.p, scan->name, scan->n_name) == 0 &&
	       (line.p[scan->n_name] == '{' || is_blank(line.p[scan->n_name]));
}

/* Nothing but its length is wrong with the line that was cut off at @at. */
static bool is_good_so_far(const struct cursor *at,
                           const struct exposition_sample *sample)
{
	return at->p == at->end && sample->value.n == 0 && sample->name.n > 0 &&
	       sample->name.n <= EXPOSITION_MAX_NAME;
}

static void leave_out(struct exposition *scan, struct slice name)
{
	void *family = NULL;

	if (!scan->callbacks->left_out)
		return;
	if (name.n > 0)
		family = scan->callbacks->wanted(scan->context, name);
	if (family || name.n == 0)
		scan->callbacks->left_out(scan->context, family);
}

static int bad_line(struct exposition *scan, struct slice name)
{
	scan->counts.n_bad++;
	leave_out(scan, name);
	return 0;
}

/* LINE_SAMPLE where it is one; else the line has been dealt with. */
static int scan_other(struct exposition *scan, struct cursor *at, bool cut)
{
	struct slice none = { 0 };
	int r = 0;

	if (at->strict && scan->at_eof)
		return bad_line(scan, none);
	if (at->p == at->end)
		return cut || at->strict ? bad_line(scan, none) : 0;
	if (*at->p != '#')
		return LINE_SAMPLE;
	if (at->strict && !cut) {
		scan->unescaped.n = 0;
		r = take_comment_strict(scan, at);
	}
	if (r == LINE_BAD)
		return bad_line(scan, none);
	scan->counts.n_comments++;
	return r;
}

static int scan_sample(struct exposition *scan, struct cursor *at, bool cut)
{
	struct exposition_sample sample = { .labels = scan->labels };
	int r;

	scan->unescaped.n = 0;
	r = take_sample(scan, at, &sample);
	if (r < 0)
		return r;
	if (cut && (r == 0 || is_good_so_far(at, &sample)))
		r = LINE_OVERSIZED;
	if (r == LINE_BAD)
		return bad_line(scan, sample.name);

	scan->counts.n_samples++;
	sample.family = sample.name.n ? family_of(scan, sample.name) : NULL;
	if (!sample.family)
		return 0;
	if (r == LINE_OVERSIZED) {
		scan->counts.n_oversized++;
		leave_out(scan, sample.name);
		return 0;
	}
	scan->counts.n_wanted++;
	scan->callbacks->sample(scan->context, &sample);
	return 0;
}

/* @cut: only the first EXPOSITION_MAX_LINE bytes of it. */
static int scan_line(struct exposition *scan, struct slice line, bool cut)
{
	struct cursor at = { line.p, line.p + line.n,
		             scan->format == EXPOSITION_OPENMETRICS };
	int r;

	if (is_unwanted(scan, line) && !scan->at_eof) {
		scan->counts.n_samples++;
		return 0;
	}
	while (!cut && !at.strict && at.end > at.p &&
	       (is_blank(at.end[-1]) || at.end[-1] == '\r'))
		at.end--;
	skip_blanks(&at);
	r = scan_other(scan, &at, cut);
	return r == LINE_SAMPLE ? scan_sample(scan, &at, cut) : r;
}

/* --- lines out of pieces ------------------------------------------------- */

/* A whole line in the caller's memory, of any length. */
static int scan_whole_line(struct exposition *scan, struct slice line)
{
	bool cut = line.n > EXPOSITION_MAX_LINE;

	if (cut)
		line.n = EXPOSITION_MAX_LINE;
	return scan_line(scan, line, cut);
}

/* More of a line that began in an earlier piece; @whole: its end. */
static int scan_held_line(struct exposition *scan, struct slice bytes,
                          bool whole)
{
	bool cut = bytes.n > EXPOSITION_MAX_LINE - scan->line.n;
	int r;

	if (cut)
		bytes.n = EXPOSITION_MAX_LINE - scan->line.n;
	if (buf_append(&scan->line, bytes.p, bytes.n) < 0)
		return scan->line.failed;
	if (!cut && !whole) {
		scan->skipping = !scan->at_eof &&
		                 is_unwanted(scan, buf_slice(&scan->line));
		if (!scan->skipping)
			return 0;
	}
	r = scan_line(scan, buf_slice(&scan->line), cut);
	buf_reset(&scan->line);
	scan->skipping = !whole;
	return r;
}

int exposition_feed(struct exposition *scan, struct slice bytes)
{
	int r = 0;

	while (bytes.n > 0 && r == 0) {
		const char *end = memchr(bytes.p, '\n', bytes.n);
		size_t n = end ? (size_t)(end - bytes.p) : bytes.n;
		struct slice line = slice_make(bytes.p, n);

		if (scan->skipping)
			scan->skipping = !end;
		else if (scan->line.n > 0 || !end)
			r = scan_held_line(scan, line, end != NULL);
		else
			r = scan_whole_line(scan, line);
		bytes = slice_skip(bytes, n + (end != NULL));
	}
	return r;
}

int exposition_finish(struct exposition *scan)
{
	int r = 0;

	scan->counts.unterminated = scan->skipping || scan->line.n > 0;
	if (scan->line.n > 0)
		r = scan_held_line(scan, slice_make("", 0), true);
	scan->skipping = false;
	if (r < 0)
		return r;
	if (scan->counts.n_bad > scan->counts.n_samples)
		return EXPOSITION_E_NOT_EXPOSITION;
	return scan->format == EXPOSITION_OPENMETRICS && !scan->at_eof
	               ? EXPOSITION_E_TRUNCATED
	               : 0;
}
