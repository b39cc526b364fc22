/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_lines: private to http.c: the rules of a head's lines, and where the
 * head ends. They hold before llhttp looks, because versions of it differ in
 * them; and every limit is found at the same byte however the bytes were cut.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/slice.h"

struct http_lines {
	bool request;

	/* what has been seen */
	size_t n_bytes;  /* empty lines before the first one included */
	size_t n_lines;  /* whole ones */
	size_t n_line;   /* bytes of the present one */
	size_t n_spaces; /* of the first one */
	size_t n_target; /* bytes of the request's target */
	char last;       /* the byte before */

	/* what came of it */
	bool ended;      /* with the empty line */
	int outcome;     /* 0, or what is wrong with the next byte: */
	const char *why; /* in words, static */
	uint64_t limit;  /* that it would pass, 0 if it is not about one */
};

void http_lines_init(struct http_lines *lines, bool request);

/* Empty lines before a request are skipped (RFC 9112, 2.2); returns how many
 * of @bytes they are. */
size_t http_lines_skip(struct http_lines *lines, struct slice bytes);

/* Returns how many of @bytes belong to the head: all of them, or those up to
 * where it `ended`, or to where the `outcome` is that something is wrong. */
size_t http_lines_take(struct http_lines *lines, struct slice bytes);
