/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "base/text.h"
#include "proto/push_body_reader.h"

#define L LETTER
#define N NAME_START
#define D DIGIT
#define B (BLANK | ENDS_WORD)
#define E (ENDS_WORD | ENDS_PLAIN)
#define Q ENDS_PLAIN

/* clang-format off */
const unsigned char reader_classes[256] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, B, E, 0, 0, 0, 0, 0, /* 0x00 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x10 */
	B, 0, Q, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 0x20 */
	D, D, D, D, D, D, D, D, D, D, N, 0, 0, 0, 0, 0, /* 0x30 */
	0, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* 0x40 */
	L, L, L, L, L, L, L, L, L, L, L, 0, Q, 0, 0, L, /* 0x50 */
	0, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* 0x60 */
	L, L, L, L, L, L, L, L, L, L, L, 0, 0, 0, 0, 0 /* 0x70 */
};
/* clang-format on */

#undef L
#undef N
#undef D
#undef B
#undef E
#undef Q

int reader_refuse(struct reader *at, const char *format, ...)
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
	err_wrap(at->err, "text format parsing error in line %u", at->line);
	return PUSH_BODY_E_FORMAT;
}

/* The words of a byte between the quotes that others put around it. */
static int refuse_escape(struct reader *at)
{
	char quoted[QUOTE_BYTE_SIZE];
	size_t n = strlen(quote_byte(*at->p, quoted));

	return reader_refuse(at, "invalid escape sequence '\\%.*s'",
	                     (int)(n - 2), quoted + 1);
}

/* Nearly all of it is ASCII: eight bytes at a time. */
bool reader_is_utf8(struct slice text)
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

int reader_take_escaped(struct reader *at, const char *start, char stop,
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

int reader_take_value(struct reader *at, struct slice *valuep)
{
	const char *start = ++at->p;
	unsigned char seen = 0;

	for (; !reader_is(*at->p, ENDS_PLAIN); at->p++)
		seen |= (unsigned char)*at->p;
	*valuep = slice_make(start, (size_t)(at->p - start));
	if (*at->p == '\\') {
		int r = reader_take_escaped(at, start, '"', valuep);

		if (r)
			return r;
		seen = 0x80;
	}
	if (*at->p == '\n')
		return REFUSE_QUOTED(
			at, "label value %s contains unescaped new-line",
			*valuep);
	if (seen >= 0x80 && !reader_is_utf8(*valuep))
		return REFUSE_QUOTED(at, "invalid label value %s", *valuep);
	if (valuep->n > PUSH_BODY_MAX_VALUE)
		return reader_refuse(at, "label value of more than %d bytes",
		                     PUSH_BODY_MAX_VALUE);
	return 0;
}
