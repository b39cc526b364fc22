/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdint.h>

#define TEXT_DISTANCE_MAX_WORD 63

size_t text_utf8_length(struct slice text)
{
	const unsigned char *p = (const unsigned char *)text.p;
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t n;

	if (text.n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || text.n < n)
		return 0;
	code = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3f);
	}
	if (code < smallest[n] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return n;
}

bool text_is_printable(struct slice text)
{
	while (text.n) {
		const unsigned char *p = (const unsigned char *)text.p;
		size_t n = text_utf8_length(text);

		if (n == 0 || p[0] < 0x20 || p[0] == 0x7f ||
		    (p[0] == 0xc2 && p[1] < 0xa0))
			return false;
		text = slice_skip(text, n);
	}
	return true;
}

/* The short escape of JSON for a control character, or 0. */
static char json_short(unsigned char c)
{
	switch (c) {
	case '"':
	case '\\':
		return (char)c;
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	default:
		return 0;
	}
}

/* Writes the character at the front; the text behind it. */
static struct slice escape_one(struct buf *buf, struct slice text)
{
	unsigned char c = (unsigned char)text.p[0];
	size_t n = text_utf8_length(text);
	char escape = json_short(c);

	if (escape) {
		(void)buf_putc(buf, '\\');
		(void)buf_putc(buf, escape);
	} else if (n == 0) {
		(void)buf_puts(buf, "\\ufffd");
		n = 1;
	} else if (c < 0x20 || c == 0x7f) {
		(void)buf_printf(buf, "\\u%04x", c);
	} else {
		(void)buf_append(buf, text.p, n);
	}
	return slice_skip(text, n);
}

/* How many bytes at the front stand for themselves in JSON. */
static size_t json_plain_length(struct slice text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] >= 0x20 && text.p[n] < 0x7f &&
	       text.p[n] != '"' && text.p[n] != '\\')
		n++;
	return n;
}

void text_escape_json(struct buf *buf, struct slice text)
{
	for (;;) {
		size_t n_plain = json_plain_length(text);

		(void)buf_append(buf, text.p, n_plain);
		text = slice_skip(text, n_plain);
		if (text.n == 0)
			return;
		text = escape_one(buf, text);
	}
}

void text_escape_label(struct buf *buf, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\n')
			(void)buf_puts(buf, "\\n");
		else if (c == '"' || c == '\\')
			(void)buf_append(buf, (char[]){ '\\', c }, 2);
		else
			(void)buf_putc(buf, c);
	}
}

void text_escape_logfmt(struct buf *buf, struct slice text)
{
	bool bare = text.n > 0;

	for (size_t i = 0; i < text.n && bare; i++) {
		char c = text.p[i];

		bare = c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\';
	}
	if (bare) {
		(void)buf_append(buf, text.p, text.n);
		return;
	}
	(void)buf_putc(buf, '"');
	text_escape_json(buf, text);
	(void)buf_putc(buf, '"');
}

void text_escape_html(struct buf *buf, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		switch (text.p[i]) {
		case '&':
			(void)buf_puts(buf, "&amp;");
			break;
		case '<':
			(void)buf_puts(buf, "&lt;");
			break;
		case '>':
			(void)buf_puts(buf, "&gt;");
			break;
		case '"':
			(void)buf_puts(buf, "&quot;");
			break;
		case '\'':
			(void)buf_puts(buf, "&#39;");
			break;
		default:
			(void)buf_putc(buf, text.p[i]);
		}
	}
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~';
}

void text_escape_url(struct buf *buf, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (is_unreserved(text.p[i]))
			(void)buf_putc(buf, text.p[i]);
		else
			(void)buf_printf(buf, "%%%02X",
			                 (unsigned char)text.p[i]);
	}
}

void text_escape_plain(struct buf *buf, struct slice text)
{
	while (text.n) {
		unsigned char c = (unsigned char)text.p[0];
		size_t n = text_utf8_length(text);

		if (n == 0 || c < 0x20 || c == 0x7f) {
			(void)buf_printf(buf, "\\x%02x", c);
			n = 1;
		} else {
			(void)buf_append(buf, text.p, n);
		}
		text = slice_skip(text, n);
	}
}

unsigned text_distance(struct slice a, struct slice b, unsigned limit)
{
	unsigned rows[3][TEXT_DISTANCE_MAX_WORD + 1];

	if (a.n > TEXT_DISTANCE_MAX_WORD || b.n > TEXT_DISTANCE_MAX_WORD)
		return limit + 1;
	for (unsigned j = 0; j <= b.n; j++)
		rows[0][j] = j;

	for (unsigned i = 1; i <= a.n; i++) {
		unsigned *row = rows[i % 3];
		const unsigned *above = rows[(i + 2) % 3];

		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned same = a.p[i - 1] == b.p[j - 1] ? 0 : 1;

			row[j] = MIN(above[j - 1] + same,
			             MIN(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] &&
			    a.p[i - 2] == b.p[j - 1])
				row[j] = MIN(row[j],
				             rows[(i + 1) % 3][j - 2] + 1);
		}
	}
	return MIN(rows[a.n % 3][b.n], limit + 1);
}

const char *text_nearest(struct slice word, const char *const *words,
                         size_t n_words)
{
	/* a third of the letters may be wrong, and no more than three */
	unsigned best = (unsigned)MIN(3, word.n / 3 + 1);
	const char *nearest = NULL;

	for (size_t i = 0; i < n_words; i++) {
		unsigned distance =
			text_distance(word, slice_from(words[i]), best);

		if (distance > best)
			continue;
		if (nearest && distance == best)
			continue;
		best = distance;
		nearest = words[i];
	}
	return nearest;
}

static bool is_control(struct slice text)
{
	const unsigned char *p = (const unsigned char *)text.p;

	return p[0] < 0x20 || p[0] == 0x7f ||
	       (text.n > 1 && p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);
}

void text_append_clean(struct buf *buf, struct slice text, bool lines)
{
	while (text.n && !buf->failed) {
		size_t n = text_utf8_length(text);
		bool kept = lines && (*text.p == '\n' || *text.p == '\t');

		if (n == 0)
			(void)buf_puts(buf, "\xef\xbf\xbd");
		else if (!kept && is_control(text))
			(void)buf_putc(buf, ' ');
		else
			(void)buf_append(buf, text.p, n);
		text = slice_skip(text, MAX(n, 1));
	}
}

struct slice text_cut(struct slice text, size_t max)
{
	size_t n = MIN(text.n, max);

	/* a character has at most three bytes behind its first */
	if (n < text.n)
		for (size_t i = 0; i < 3 && n > 0 &&
		                   ((unsigned char)text.p[n] & 0xc0) == 0x80;
		     i++)
			n--;
	text.n = n;
	return text;
}

char *text_put(char **at, const char *text)
{
	size_t n = strlen(text) + 1;
	char *copy = *at;

	memcpy(copy, text, n);
	*at += n;
	return copy;
}

bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_list_equal(const char *const *a, const char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && text_equal(*a, *b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

struct slice text_put_slice(char **at, struct slice text)
{
	struct slice copy = slice_make(*at, text.n);

	if (text.n)
		memcpy(*at, text.p, text.n);
	*at += text.n;
	return copy;
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}
