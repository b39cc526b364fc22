/* SPDX-License-Identifier: Apache-2.0 */
#include "core/matcher.h"

#include <errno.h>
#include <regex.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/pattern.h"

struct matcher {
	enum matcher_op op;
	struct slice name;
	struct slice value; /* of the regular expressions: as written */
	regex_t regex;      /* compiled, of the two regular expressions */
	bool compiled;
};

struct matchers {
	struct buf text; /* names and values; has room for all of them */
	size_t n;
	size_t max;
	struct matcher list[];
};

/* What remains to be read. */
struct reader {
	struct slice rest;
	struct buf *out;
	struct err *err;
};

/* --- reading ---------------------------------------------------------------- */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_spaces(struct reader *reader)
{
	while (reader->rest.n && is_space(reader->rest.p[0]))
		reader->rest = slice_skip(reader->rest, 1);
}

static bool take(struct reader *reader, const char *token)
{
	if (!slice_starts(reader->rest, token))
		return false;
	reader->rest = slice_skip(reader->rest, strlen(token));
	return true;
}

/* @n digits in base 8 or 16 from @at on; -1 if they are not there. */
static int64_t digits(struct slice at, size_t n, int base)
{
	int64_t value = 0;

	if (at.n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		int digit = text_hex_digit(at.p[i]);

		if (digit < 0 || digit >= base)
			return -1;
		value = value * base + digit;
	}
	return value;
}

/* A code point as UTF-8; false for what is none. */
static bool put_utf8(struct buf *out, int64_t c)
{
	if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return false;
	if (c < 0x80)
		return buf_putc(out, (char)c) == 0;
	if (c >= 0x10000) {
		(void)buf_putc(out, (char)(0xf0 | (c >> 18)));
		(void)buf_putc(out, (char)(0x80 | ((c >> 12) & 0x3f)));
	} else if (c >= 0x800) {
		(void)buf_putc(out, (char)(0xe0 | (c >> 12)));
	} else {
		(void)buf_putc(out, (char)(0xc0 | (c >> 6)));
	}
	if (c >= 0x800)
		(void)buf_putc(out, (char)(0x80 | ((c >> 6) & 0x3f)));
	return buf_putc(out, (char)(0x80 | (c & 0x3f))) == 0;
}

/* \xHH, \ooo, \uHHHH, \UHHHHHHHH, as in Go; the backslash has been taken. */
static bool take_coded(struct reader *reader)
{
	static const struct {
		char kind;
		uint8_t n_digits;
	} kinds[] = { { 'x', 2 }, { 'u', 4 }, { 'U', 8 } };
	char kind = reader->rest.p[0];
	int64_t c = digits(reader->rest, 3, 8);

	if (c >= 0) {
		reader->rest = slice_skip(reader->rest, 3);
		return c <= 0xff && buf_putc(reader->out, (char)c) == 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].kind != kind)
			continue;
		c = digits(slice_skip(reader->rest, 1), kinds[i].n_digits, 16);
		if (c < 0)
			return false;
		reader->rest = slice_skip(reader->rest, kinds[i].n_digits + 1u);
		return kind == 'x' ? buf_putc(reader->out, (char)c) == 0
		                   : put_utf8(reader->out, c);
	}
	return false;
}

/* The backslash has been taken. */
static bool take_escape(struct reader *reader, char quote)
{
	static const char letters[] = "abfnrtv\\";
	static const char meanings[] = "\a\b\f\n\r\t\v\\";
	const char *letter;
	char c;

	if (reader->rest.n == 0)
		return false;
	c = reader->rest.p[0];
	letter = c ? strchr(letters, c) : NULL;
	if (!letter && c != quote)
		return take_coded(reader);
	reader->rest = slice_skip(reader->rest, 1);
	return buf_putc(reader->out, letter ? meanings[letter - letters] : c) ==
	       0;
}

/* "…", '…' or `…` (in which a backslash is one). */
static int take_quoted(struct reader *reader, struct slice *textp)
{
	char quote = reader->rest.n ? reader->rest.p[0] : '\0';
	size_t start = reader->out->n;

	if (quote != '"' && quote != '\'' && quote != '`')
		return err_set(reader->err, -EINVAL,
		               "a value stands in quotes, as in job=\"api\"");
	reader->rest = slice_skip(reader->rest, 1);
	while (reader->rest.n && reader->rest.p[0] != quote) {
		char c = reader->rest.p[0];

		reader->rest = slice_skip(reader->rest, 1);
		if (c != '\\' || quote == '`')
			(void)buf_putc(reader->out, c);
		else if (!take_escape(reader, quote))
			return err_set(reader->err, -EINVAL,
			               "there is an unknown escape after a "
			               "backslash; write two of them for one");
	}
	if (reader->rest.n == 0)
		return err_set(reader->err, -EINVAL,
		               "the quote %c is never closed", quote);
	reader->rest = slice_skip(reader->rest, 1);
	*textp = slice_make(reader->out->p + start, reader->out->n - start);
	return 0;
}

static bool is_name_char(char c, bool first)
{
	return ((unsigned)c | 0x20u) - (unsigned)'a' < 26 || c == '_' ||
	       (!first && (unsigned)c - (unsigned)'0' < 10);
}

static int take_name(struct reader *reader, struct slice *namep)
{
	size_t n = 0;

	if (reader->rest.n &&
	    (reader->rest.p[0] == '"' || reader->rest.p[0] == '\''))
		return take_quoted(reader, namep);
	if (reader->rest.n && reader->rest.p[0] == '{')
		return err_set(
			reader->err, -EINVAL,
			"write it without the braces, as in job=\"api\"");
	while (n < reader->rest.n && is_name_char(reader->rest.p[n], n == 0))
		n++;
	*namep = slice_make(reader->out->p + reader->out->n, n);
	(void)buf_append(reader->out, reader->rest.p, n);
	reader->rest = slice_skip(reader->rest, n);
	return 0;
}

static int take_op(struct reader *reader, struct slice name,
                   enum matcher_op *opp)
{
	if (take(reader, "!="))
		*opp = MATCHER_NOT_EQUAL;
	else if (take(reader, "!~"))
		*opp = MATCHER_NOT_REGEX;
	else if (take(reader, "=~"))
		*opp = MATCHER_REGEX;
	else if (take(reader, "="))
		*opp = MATCHER_EQUAL;
	else
		return err_set(reader->err, -EINVAL,
		               "after the label %.*s comes =, !=, =~ or !~",
		               (int)MIN(name.n, 100u), name.p);
	return 0;
}

static bool is_regex(const struct matcher *matcher)
{
	return matcher->op == MATCHER_REGEX || matcher->op == MATCHER_NOT_REGEX;
}

static int take_matcher(struct reader *reader, struct matcher *matcher)
{
	int r;

	skip_spaces(reader);
	r = take_name(reader, &matcher->name);
	if (r < 0)
		return r;
	if (matcher->name.n == 0)
		return err_set(reader->err, -EINVAL,
		               "the name of a label is missing, as in "
		               "job=\"api\"");
	if (slice_is(matcher->name, "__name__"))
		return err_set(reader->err, -EINVAL,
		               "the metric's name does not stand among its "
		               "labels (__name__)");
	skip_spaces(reader);
	r = take_op(reader, matcher->name, &matcher->op);
	if (r < 0)
		return r;
	skip_spaces(reader);
	r = take_quoted(reader, &matcher->value);
	if (r == 0 && is_regex(matcher)) {
		r = pattern_compile(matcher->value, &matcher->regex,
		                    reader->err);
		matcher->compiled = r == 0;
	}
	if (r < 0)
		err_wrap(reader->err, "the label %.*s",
		         (int)MIN(matcher->name.n, 100u), matcher->name.p);
	return r;
}

static int take_matchers(struct reader *reader, struct matchers *matchers)
{
	for (;;) {
		int r;

		skip_spaces(reader);
		if (reader->rest.n == 0)
			return 0;
		if (matchers->n == matchers->max)
			return err_set(reader->err, -EINVAL,
			               "at most %d labels can be asked for",
			               MATCHERS_MAX);
		r = take_matcher(reader, &matchers->list[matchers->n++]);
		if (r < 0)
			return r;
		skip_spaces(reader);
		if (reader->rest.n && !take(reader, ","))
			return err_set(reader->err, -EINVAL,
			               "a comma stands between two labels");
	}
}

/* There is no more than one behind each comma, wherever that stands. */
static size_t most_matchers(struct slice text)
{
	size_t n = 1;

	for (size_t i = 0; i < text.n && n < MATCHERS_MAX; i++)
		n += text.p[i] == ',';
	return n;
}

int matchers_parse(struct slice text, struct matchers **matchersp,
                   struct err *err)
{
	struct matchers *matchers;
	struct reader reader = { .rest = text, .err = err };
	size_t max;
	int r;

	if (text.n > MATCHER_MAX_TEXT)
		return err_set(err, -EINVAL,
		               "the labels that are asked for have more than "
		               "%d bytes",
		               MATCHER_MAX_TEXT);
	max = most_matchers(text);
	matchers = mem_calloc(1, sizeof(*matchers) +
	                                 max * sizeof(matchers->list[0]));
	if (!matchers)
		return err_set_code(err, -ENOMEM, "labels");
	matchers->max = max;

	/* no escape is shorter than what it stands for: it never moves */
	buf_init(&matchers->text, MATCHER_MAX_TEXT + 1);
	r = buf_reserve(&matchers->text, text.n + 1);
	if (r < 0) {
		matchers_free(matchers);
		return err_set_code(err, r, "labels");
	}
	reader.out = &matchers->text;
	r = take_matchers(&reader, matchers);
	if (r < 0) {
		matchers_free(matchers);
		return r;
	}
	*matchersp = matchers;
	return 0;
}

void matchers_free(struct matchers *matchers)
{
	if (!matchers)
		return;
	for (size_t i = 0; i < matchers->n; i++)
		if (matchers->list[i].compiled)
			regfree(&matchers->list[i].regex);
	buf_fini(&matchers->text);
	mem_free(matchers);
}

/* --- matching --------------------------------------------------------------- */

static struct slice value_of(const struct label *labels, size_t n_labels,
                             struct slice name)
{
	for (size_t i = 0; i < n_labels; i++)
		if (slice_equal(labels[i].name, name))
			return labels[i].value;
	return slice_make("", 0);
}

static bool holds(const struct matcher *matcher, struct slice value)
{
	switch (matcher->op) {
	case MATCHER_EQUAL:
		return slice_equal(matcher->value, value);
	case MATCHER_NOT_EQUAL:
		return !slice_equal(matcher->value, value);
	case MATCHER_REGEX:
		return pattern_match(&matcher->regex, value) == 1;
	case MATCHER_NOT_REGEX:
		return pattern_match(&matcher->regex, value) == 0;
	}
	return false;
}

bool matchers_match(const struct matchers *matchers, const struct label *labels,
                    size_t n_labels)
{
	for (size_t i = 0; i < matchers->n; i++) {
		const struct matcher *matcher = &matchers->list[i];

		if (!holds(matcher, value_of(labels, n_labels, matcher->name)))
			return false;
	}
	return true;
}

size_t matchers_equal(const struct matchers *matchers, struct label *pairs,
                      size_t max)
{
	size_t n_pairs = 0;

	for (size_t i = 0; i < matchers->n && n_pairs < max; i++) {
		const struct matcher *matcher = &matchers->list[i];
		size_t at = 0;

		while (at < n_pairs &&
		       !slice_equal(pairs[at].name, matcher->name))
			at++;
		if (matcher->op == MATCHER_EQUAL && at == n_pairs)
			pairs[n_pairs++] =
				(struct label){ matcher->name, matcher->value };
	}
	return n_pairs;
}
