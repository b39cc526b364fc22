/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: bytes from outside, made safe for where they go. Each function
 * appends to a buf; a failure stays in `buf->failed`.
 */
#pragma once

#include <stdbool.h>
#include "base/buf.h"
#include "base/slice.h"

/* The inside of a JSON string (RFC 8259), without the quotes. Bytes that are
 * not UTF-8 become U+FFFD. */
void text_escape_json(struct buf *buf, struct slice text);

/* The inside of a label value of the text exposition format: \\ \" \n. */
void text_escape_label(struct buf *buf, struct slice text);

/* A value for logfmt: bare if it is plain, else quoted as JSON is. */
void text_escape_logfmt(struct buf *buf, struct slice text);

/* For HTML text and attribute values. */
void text_escape_html(struct buf *buf, struct slice text);

/* One segment of a URL's path, or one value of its query (RFC 3986): all but
 * the unreserved characters as %NN. */
void text_escape_url(struct buf *buf, struct slice text);

/* Control characters and bytes that are not UTF-8 as \xNN; for terminals. */
void text_escape_plain(struct buf *buf, struct slice text);

/* Well-formed UTF-8 without control characters (C0, DEL, C1). */
bool text_is_printable(struct slice text);

/* Length in bytes of the well-formed UTF-8 sequence at the front, or 0. */
size_t text_utf8_length(struct slice text);

/* Edits (insert, delete, replace, swap neighbours) between two words, for
 * "did you mean"; stops counting above @limit and returns @limit + 1. */
unsigned text_distance(struct slice a, struct slice b, unsigned limit);

/* The known word nearest to @word, for "did you mean"; NULL: none is near. */
const char *text_nearest(struct slice word, const char *const *words,
                         size_t n_words);

/* As it is, but always UTF-8 and without control characters: each byte that is
 * not well-formed becomes U+FFFD, each control character a space, unless
 * @lines, which keeps \n and \t. */
void text_append_clean(struct buf *buf, struct slice text, bool lines);

/* The longest front of at most @max bytes that does not cut a character. */
struct slice text_cut(struct slice text, size_t max);

static inline const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

/* Copies @text with its NUL to *@at, which moves on: several texts in one block
 * of memory. Returns the copy. */
char *text_put(char **at, const char *text);
/* The same of text that has no NUL, and gets none. */
struct slice text_put_slice(char **at, struct slice text);

/* Either may be NULL, which equals only itself. */
bool text_equal(const char *a, const char *b);
/* The same for lists that end with NULL. */
bool text_list_equal(const char *const *a, const char *const *b);

/* 0 to 15; -1: it is none. */
int text_hex_digit(char c);
