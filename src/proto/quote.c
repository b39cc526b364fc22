/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/quote.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/macros.h"
#include "base/text.h"

#define LONGEST_PIECE 10 /* \U0010ffff */
#define ENDING        "...\""

static char short_escape(uint32_t code)
{
	static const char letters[] = "abtnvfr"; /* from 7 on */

	return code >= 7 && code <= 13 ? letters[code - 7] : '\0';
}

/* The ranges that matter: controls, blanks other than ' ', formats, private
 * use. */
static bool has_glyph(uint32_t code)
{
	static const struct {
		uint32_t from;
		uint32_t to;
	} without[] = {
		{ 0x00, 0x1f },          { 0x7f, 0xa0 },
		{ 0xad, 0xad },          { 0x1680, 0x1680 },
		{ 0x180e, 0x180e },      { 0x2000, 0x200f },
		{ 0x2028, 0x202f },      { 0x205f, 0x206f },
		{ 0x3000, 0x3000 },      { 0xd800, 0xf8ff },
		{ 0xfeff, 0xfeff },      { 0xfff0, 0xfffb },
		{ 0xfffe, 0xffff },      { 0xe0000, 0xe00ff },
		{ 0xe01f0, UINT32_MAX },
	};

	for (size_t i = 0; i < ARRAY_SIZE(without); i++) {
		if (code >= without[i].from && code <= without[i].to)
			return false;
	}
	return true;
}

static uint32_t decode(const unsigned char *p, size_t n)
{
	uint32_t code = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));

	for (size_t i = 1; i < n; i++)
		code = code << 6 | (p[i] & 0x3f);
	return code;
}

/* The character of @n bytes (0: a byte that is none) at @p, as it stands
 * between quotes; at most LONGEST_PIECE bytes. Returns how many. */
static size_t put_piece(char *out, const char *p, size_t n, char quote)
{
	uint32_t code = decode((const unsigned char *)p, n ? n : 1);
	int length;

	if (n == 0)
		length = snprintf(out, LONGEST_PIECE + 1, "\\x%02x", code);
	else if (*p == quote || *p == '\\')
		length = snprintf(out, LONGEST_PIECE + 1, "\\%c", *p);
	else if (short_escape(code))
		length = snprintf(out, LONGEST_PIECE + 1, "\\%c",
		                  short_escape(code));
	else if (has_glyph(code))
		length = snprintf(out, LONGEST_PIECE + 1, "%.*s", (int)n, p);
	else if (code < 0x80)
		length = snprintf(out, LONGEST_PIECE + 1, "\\x%02x", code);
	else if (code < 0x10000)
		length = snprintf(out, LONGEST_PIECE + 1, "\\u%04x", code);
	else
		length = snprintf(out, LONGEST_PIECE + 1, "\\U%08x", code);
	return (size_t)length;
}

const char *quote_text(struct slice text, char out[QUOTE_TEXT_SIZE])
{
	const size_t room = QUOTE_TEXT_SIZE - sizeof(ENDING) - LONGEST_PIECE;
	size_t at = 0;

	out[at++] = '"';
	while (text.n > 0 && at <= room) {
		size_t n = text_utf8_length(text);

		at += put_piece(out + at, text.p, n, '"');
		text = slice_skip(text, n ? n : 1);
	}
	(void)snprintf(out + at, QUOTE_TEXT_SIZE - at, "%s",
	               text.n > 0 ? ENDING : "\"");
	return out;
}

const char *quote_byte(char byte, char out[QUOTE_BYTE_SIZE])
{
	unsigned char code = (unsigned char)byte;
	char utf8[2] = { byte };
	size_t at = 0;
	size_t n = 1;

	if (code >= 0x80) {
		utf8[0] = (char)(0xc0 | code >> 6);
		utf8[1] = (char)(0x80 | (code & 0x3f));
		n = 2;
	}
	out[at++] = '\'';
	at += put_piece(out + at, utf8, n, '\'');
	(void)snprintf(out + at, QUOTE_BYTE_SIZE - at, "'");
	return out;
}
