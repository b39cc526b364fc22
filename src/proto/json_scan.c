/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/json_scan.h"

#include <errno.h>

/* What may come next. */
enum state {
	STATE_VALUE,        /* a value */
	STATE_VALUE_OR_END, /* after `[` */
	STATE_KEY,          /* after `,` in an object */
	STATE_KEY_OR_END,   /* after `{` */
	STATE_COLON,
	STATE_COMMA_OR_END, /* after a value in an array or object */
	STATE_DONE,         /* after the one value: nothing but blanks */
	STATE_STRING,
	STATE_ESCAPE, /* after `\` */
	STATE_HEX,    /* after `\u` */
	STATE_PAIR,   /* after the first half of a pair: `\` */
	STATE_PAIR_U, /* … and `u` */
	STATE_LITERAL,
	STATE_NUMBER,
};

/* The part of a number that was seen last. */
enum number {
	NUMBER_MINUS,
	NUMBER_ZERO, /* a leading zero stands alone */
	NUMBER_WHOLE,
	NUMBER_POINT,
	NUMBER_DECIMALS,
	NUMBER_E,
	NUMBER_E_SIGN,
	NUMBER_EXPONENT,
};

#define NUMBER_ENDS_HERE                                                  \
	(1u << NUMBER_ZERO | 1u << NUMBER_WHOLE | 1u << NUMBER_DECIMALS | \
	 1u << NUMBER_EXPONENT)

void json_scan_init(struct json_scan *scan, size_t max_text, json_scan_cb token,
                    void *context)
{
	*scan = (struct json_scan){ .token = token, .context = context };
	buf_init(&scan->text, max_text);
	json_scan_reset(scan);
}

void json_scan_fini(struct json_scan *scan)
{
	buf_fini(&scan->text);
}

void json_scan_reset(struct json_scan *scan)
{
	buf_reset(&scan->text);
	scan->state = STATE_VALUE;
	scan->cut = false;
	scan->depth = 0;
	scan->utf8_left = 0;
	scan->high = 0;
}

/* --- text that is not in one piece --------------------------------------- */

static int keep_text(struct json_scan *scan, const char *p, size_t n)
{
	if (n > scan->text.max - scan->text.n) {
		n = scan->text.max - scan->text.n;
		scan->cut = true;
	}
	return buf_append(&scan->text, p, n);
}

/* The whole text, whose end lies in the present piece. */
static int end_text(struct json_scan *scan, const char *p, size_t n,
                    struct slice *textp)
{
	if (scan->text.n > 0 || n > scan->text.max) {
		int r = keep_text(scan, p, n);

		*textp = buf_slice(&scan->text);
		return r;
	}
	*textp = slice_make(p, n);
	return 0;
}

static int keep_code(struct json_scan *scan, uint32_t code)
{
	static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	char utf8[4];

	for (size_t i = n - 1; i > 0; i--) {
		utf8[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	utf8[0] = (char)(marks[n] | code);
	return keep_text(scan, utf8, n);
}

/* --- tokens -------------------------------------------------------------- */

static int emit(struct json_scan *scan, enum json_scan_kind kind,
                struct slice text)
{
	struct json_scan_token token = { .kind = kind,
		                         .depth = scan->depth,
		                         .text = text,
		                         .cut = scan->cut };
	int r = scan->token(scan->context, &token);

	buf_reset(&scan->text);
	scan->cut = false;
	return r;
}

static bool in_object(const struct json_scan *scan)
{
	return scan->depth > 0 && (scan->objects >> (scan->depth - 1) & 1);
}

static void value_ended(struct json_scan *scan)
{
	scan->state = scan->depth > 0 ? STATE_COMMA_OR_END : STATE_DONE;
}

static int open_container(struct json_scan *scan, bool object)
{
	int r;

	if (scan->depth == JSON_SCAN_MAX_DEPTH)
		return JSON_SCAN_E_TOO_DEEP;
	r = emit(scan, object ? JSON_SCAN_OBJECT : JSON_SCAN_ARRAY,
	         slice_make("", 0));
	if (r)
		return r;
	scan->objects &= ~(UINT64_C(1) << scan->depth);
	scan->objects |= (uint64_t)object << scan->depth;
	scan->depth++;
	scan->state = object ? STATE_KEY_OR_END : STATE_VALUE_OR_END;
	return 0;
}

static int close_container(struct json_scan *scan, char c)
{
	bool object = in_object(scan);

	if (c != (object ? '}' : ']'))
		return JSON_SCAN_E_SYNTAX;
	scan->depth--;
	value_ended(scan);
	return emit(scan, object ? JSON_SCAN_OBJECT_END : JSON_SCAN_ARRAY_END,
	            slice_make("", 0));
}

static void begin_string(struct json_scan *scan, bool is_key)
{
	scan->is_key = is_key;
	scan->state = STATE_STRING;
}

static int begin_literal(struct json_scan *scan, const char *rest,
                         enum json_scan_kind kind)
{
	scan->literal = rest;
	scan->literal_kind = kind;
	scan->state = STATE_LITERAL;
	return 0;
}

static int begin_number(struct json_scan *scan, char c)
{
	scan->number = c == '-'   ? NUMBER_MINUS
	               : c == '0' ? NUMBER_ZERO
	                          : NUMBER_WHOLE;
	scan->state = STATE_NUMBER;
	return keep_text(scan, &c, 1);
}

static int begin_value(struct json_scan *scan, char c)
{
	switch (c) {
	case '{':
		return open_container(scan, true);
	case '[':
		return open_container(scan, false);
	case '"':
		begin_string(scan, false);
		return 0;
	case 't':
		return begin_literal(scan, "rue", JSON_SCAN_TRUE);
	case 'f':
		return begin_literal(scan, "alse", JSON_SCAN_FALSE);
	case 'n':
		return begin_literal(scan, "ull", JSON_SCAN_NULL);
	default:
		if (c == '-' || (c >= '0' && c <= '9'))
			return begin_number(scan, c);
		return JSON_SCAN_E_SYNTAX;
	}
}

/* One character between tokens. */
static int step_structure(struct json_scan *scan, char c)
{
	if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
		return 0;

	switch (scan->state) {
	case STATE_VALUE_OR_END:
		if (c == ']')
			return close_container(scan, c);
		return begin_value(scan, c);
	case STATE_VALUE:
		return begin_value(scan, c);
	case STATE_KEY_OR_END:
		if (c == '}')
			return close_container(scan, c);
		begin_string(scan, true);
		return c == '"' ? 0 : JSON_SCAN_E_SYNTAX;
	case STATE_KEY:
		begin_string(scan, true);
		return c == '"' ? 0 : JSON_SCAN_E_SYNTAX;
	case STATE_COLON:
		scan->state = STATE_VALUE;
		return c == ':' ? 0 : JSON_SCAN_E_SYNTAX;
	case STATE_COMMA_OR_END:
		if (c != ',')
			return close_container(scan, c);
		scan->state = in_object(scan) ? STATE_KEY : STATE_VALUE;
		return 0;
	default:
		return JSON_SCAN_E_SYNTAX;
	}
}

static int step_literal(struct json_scan *scan, char c)
{
	if (c != *scan->literal++)
		return JSON_SCAN_E_SYNTAX;
	if (*scan->literal != '\0')
		return 0;
	value_ended(scan);
	return emit(scan, scan->literal_kind, slice_make("", 0));
}

/* --- numbers ------------------------------------------------------------- */

/* Where @c leads from @number; negative: it does not belong to it. */
static int number_next(int number, char c)
{
	bool digit = c >= '0' && c <= '9';
	bool e = c == 'e' || c == 'E';

	switch ((enum number)number) {
	case NUMBER_MINUS:
		return !digit ? -1 : c == '0' ? NUMBER_ZERO : NUMBER_WHOLE;
	case NUMBER_ZERO:
	case NUMBER_WHOLE:
		if (digit && number == NUMBER_WHOLE)
			return NUMBER_WHOLE;
		return c == '.' ? NUMBER_POINT : e ? NUMBER_E : -1;
	case NUMBER_POINT:
		return digit ? NUMBER_DECIMALS : -1;
	case NUMBER_DECIMALS:
		return digit ? NUMBER_DECIMALS : e ? NUMBER_E : -1;
	case NUMBER_E:
		if (c == '+' || c == '-')
			return NUMBER_E_SIGN;
		return digit ? NUMBER_EXPONENT : -1;
	case NUMBER_E_SIGN:
	case NUMBER_EXPONENT:
		return digit ? NUMBER_EXPONENT : -1;
	default:
		return -1;
	}
}

static int end_number(struct json_scan *scan)
{
	if (!(NUMBER_ENDS_HERE >> scan->number & 1))
		return JSON_SCAN_E_SYNTAX;
	value_ended(scan);
	return emit(scan, JSON_SCAN_NUMBER, buf_slice(&scan->text));
}

/* Consumes what belongs to the number; *usedp says how much that was. */
static int scan_number(struct json_scan *scan, struct slice bytes,
                       size_t *usedp)
{
	size_t n = 0;
	int next = 0;
	int r;

	while (n < bytes.n &&
	       (next = number_next(scan->number, bytes.p[n])) >= 0) {
		scan->number = next;
		n++;
	}
	*usedp = n;
	r = keep_text(scan, bytes.p, n);
	return r < 0 || n == bytes.n ? r : end_number(scan);
}

/* --- strings ------------------------------------------------------------- */

static bool utf8_begins(struct json_scan *scan, unsigned char c)
{
	if (c < 0xc2 || c > 0xf4)
		return false;
	scan->utf8_left = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
	/* no longer form than needed, no surrogates, nothing beyond 10FFFF */
	scan->utf8_min = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	scan->utf8_max = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	return true;
}

static bool utf8_continues(struct json_scan *scan, unsigned char c)
{
	if (c < scan->utf8_min || c > scan->utf8_max)
		return false;
	scan->utf8_left--;
	scan->utf8_min = 0x80;
	scan->utf8_max = 0xbf;
	return true;
}

/* ASCII that means nothing special in a string. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The length of what may stand in a string as it is, up to the closing quote
 * or a backslash; SIZE_MAX if something else came. */
static size_t plain_length(struct json_scan *scan, struct slice bytes)
{
	size_t n;

	for (n = 0; n < bytes.n; n++) {
		unsigned char c = (unsigned char)bytes.p[n];

		if (scan->utf8_left > 0) {
			if (!utf8_continues(scan, c))
				return SIZE_MAX;
			continue;
		}
		while (is_plain(c)) {
			if (++n == bytes.n)
				return n;
			c = (unsigned char)bytes.p[n];
		}
		if (c == '"' || c == '\\')
			break;
		if (!utf8_begins(scan, c))
			return SIZE_MAX;
	}
	return n;
}

static int end_string(struct json_scan *scan, struct slice last)
{
	struct slice text;
	int r = end_text(scan, last.p, last.n, &text);

	if (r < 0)
		return r;
	if (scan->is_key) {
		scan->state = STATE_COLON;
		return emit(scan, JSON_SCAN_KEY, text);
	}
	value_ended(scan);
	return emit(scan, JSON_SCAN_STRING, text);
}

static int scan_string(struct json_scan *scan, struct slice bytes,
                       size_t *usedp)
{
	size_t n = plain_length(scan, bytes);

	if (n == SIZE_MAX)
		return JSON_SCAN_E_SYNTAX;
	*usedp = MIN(n + 1, bytes.n);
	if (n < bytes.n && bytes.p[n] == '"')
		return end_string(scan, slice_make(bytes.p, n));
	if (n < bytes.n)
		scan->state = STATE_ESCAPE;
	return keep_text(scan, bytes.p, n);
}

static int step_escape(struct json_scan *scan, char c)
{
	static const char names[] = "\"\\/bfnrt";
	static const char values[] = "\"\\/\b\f\n\r\t";
	const char *name = c ? strchr(names, c) : NULL;

	if (c == 'u') {
		scan->n_hex = 0;
		scan->code = 0;
		scan->state = STATE_HEX;
		return 0;
	}
	if (!name)
		return JSON_SCAN_E_SYNTAX;
	scan->state = STATE_STRING;
	return keep_text(scan, &values[name - names], 1);
}

/* \uXXXX is complete: a character, or one half of a pair. */
static int end_hex(struct json_scan *scan)
{
	bool is_high = scan->code >= 0xd800 && scan->code <= 0xdbff;
	bool is_low = scan->code >= 0xdc00 && scan->code <= 0xdfff;
	uint32_t high = scan->high;

	if (is_low != (high != 0))
		return JSON_SCAN_E_SYNTAX;
	scan->high = is_high ? scan->code : 0;
	scan->state = is_high ? STATE_PAIR : STATE_STRING;
	if (is_high)
		return 0;
	if (is_low)
		scan->code += 0x10000 - 0xdc00 + ((high - 0xd800) << 10);
	return keep_code(scan, scan->code);
}

static int step_hex(struct json_scan *scan, char c)
{
	uint32_t digit;

	if (c >= '0' && c <= '9')
		digit = (uint32_t)(c - '0');
	else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		digit = (uint32_t)((c | 0x20) - 'a' + 10);
	else
		return JSON_SCAN_E_SYNTAX;
	scan->code = scan->code << 4 | digit;
	return ++scan->n_hex == 4 ? end_hex(scan) : 0;
}

static int step_pair(struct json_scan *scan, char c)
{
	if (scan->state == STATE_PAIR) {
		scan->state = STATE_PAIR_U;
		return c == '\\' ? 0 : JSON_SCAN_E_SYNTAX;
	}
	return c == 'u' ? step_escape(scan, c) : JSON_SCAN_E_SYNTAX;
}

/* --- the document -------------------------------------------------------- */

/* One character, or one run of them; *usedp says how many. */
static int step(struct json_scan *scan, struct slice bytes, size_t *usedp)
{
	*usedp = 1;
	switch (scan->state) {
	case STATE_STRING:
		return scan_string(scan, bytes, usedp);
	case STATE_NUMBER:
		return scan_number(scan, bytes, usedp);
	case STATE_LITERAL:
		return step_literal(scan, bytes.p[0]);
	case STATE_ESCAPE:
		return step_escape(scan, bytes.p[0]);
	case STATE_HEX:
		return step_hex(scan, bytes.p[0]);
	case STATE_PAIR:
	case STATE_PAIR_U:
		return step_pair(scan, bytes.p[0]);
	default:
		return step_structure(scan, bytes.p[0]);
	}
}

int json_scan_feed(struct json_scan *scan, struct slice bytes)
{
	while (bytes.n > 0) {
		size_t n_used;
		int r = step(scan, bytes, &n_used);

		if (r)
			return r;
		bytes = slice_skip(bytes, n_used);
	}
	return 0;
}

int json_scan_finish(struct json_scan *scan)
{
	if (scan->state == STATE_NUMBER && scan->depth == 0) {
		int r = end_number(scan);

		if (r && r != JSON_SCAN_E_SYNTAX)
			return r;
	}
	return scan->state == STATE_DONE ? 0 : JSON_SCAN_E_TRUNCATED;
}
