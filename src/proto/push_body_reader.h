/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_body_reader: what the files that read a body share; nobody else
 * includes this.
 *
 *   push_body_parse.c   lines: comments, samples
 *   push_body_labels.c  what stands between braces
 *   push_body_words.c   texts with escapes, refusals
 *
 * Each line ends with a line feed, so nothing here asks where the body ends:
 * every loop stops at a line feed.
 */
#pragma once

#include "base/err.h"
#include "proto/push_body_private.h"
#include "proto/quote.h"

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

extern const unsigned char reader_classes[256];

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

static inline bool reader_is(char c, unsigned class)
{
	return (reader_classes[(unsigned char)c] & class) != 0;
}

static inline void reader_skip_blanks(struct reader *at)
{
	while (reader_is(*at->p, BLANK))
		at->p++;
}

static inline struct slice reader_take_while(struct reader *at, unsigned first,
                                             unsigned class)
{
	const char *start = at->p;

	if (reader_is(*at->p, first)) {
		do
			at->p++;
		while (reader_is(*at->p, class));
	}
	return slice_make(start, (size_t)(at->p - start));
}

static inline struct slice reader_take_word(struct reader *at)
{
	const char *start = at->p;

	while (!reader_is(*at->p, ENDS_WORD))
		at->p++;
	return slice_make(start, (size_t)(at->p - start));
}

static inline struct slice reader_family(const struct reader *at)
{
	return at->body->families[at->family].name;
}

/* Says what is wrong with the present line, or that the body ends too early.
 * Returns PUSH_BODY_E_FORMAT. */
int reader_refuse(struct reader *at, const char *format, ...) PRINTF_LIKE(2, 3);

/* @format has one %s: the text, quoted. */
#define REFUSE_QUOTED(at, format, text) \
	reader_refuse(at, format,       \
	              quote_text(text, (char[QUOTE_TEXT_SIZE]){ 0 }))
#define REFUSE_BYTE(at, format, byte) \
	reader_refuse(at, format,     \
	              quote_byte(byte, (char[QUOTE_BYTE_SIZE]){ 0 }))

/* The label that is not one of a child's own: what it is measured at. */
static inline const char *reader_bound_label(enum metric_type type)
{
	if (type == METRIC_SUMMARY)
		return "quantile";
	return type == METRIC_HISTOGRAM || type == METRIC_GAUGE_HISTOGRAM
	               ? "le"
	               : NULL;
}

bool reader_is_utf8(struct slice text);

/*
 * The rest of a text that ends with @stop, from its @start on, as there is a
 * backslash at `p`; leaves `p` at its end. The buffer gets room for all that
 * may come in this body, so that it never moves while slices of it are lent.
 * Like the following 0, PUSH_BODY_E_FORMAT or -ENOMEM.
 */
int reader_take_escaped(struct reader *at, const char *start, char stop,
                        struct slice *textp) MUST_CHECK;

/* The inside of a label's value; leaves `p` at the quote that ends it. */
int reader_take_value(struct reader *at, struct slice *valuep) MUST_CHECK;

/* What stands between braces; `p` is at the first of them, and then beyond
 * the last. */
int reader_take_labels(struct reader *at, struct draft *draft) MUST_CHECK;
