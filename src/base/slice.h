/* SPDX-License-Identifier: Apache-2.0 */
/*
 * slice: a borrowed run of bytes, not terminated. Who lends it, and for how
 * long, is said where it is handed over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct slice {
	const char *p;
	size_t n;
};

/* For "%.*s". */
#define SLICE_FMT        "%.*s"
#define SLICE_ARG(slice) (int)(slice).n, (slice).p

static inline struct slice slice_make(const char *p, size_t n)
{
	return (struct slice){ p, n };
}

/* NULL gives the empty slice. */
static inline struct slice slice_from(const char *text)
{
	return (struct slice){ text ? text : "", text ? strlen(text) : 0 };
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* As strcmp(): by bytes; of two that begin alike the shorter comes first. */
static inline int slice_compare(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n ? memcmp(a.p, b.p, n) : 0;

	return order ? order : (a.n > b.n) - (a.n < b.n);
}

static inline bool slice_is(struct slice a, const char *text)
{
	return slice_equal(a, slice_from(text));
}

/* ASCII only, as header names and schemes need it. */
static inline bool slice_is_nocase(struct slice a, const char *text)
{
	return a.n == strlen(text) && strncasecmp(a.p, text, a.n) == 0;
}

static inline bool slice_starts(struct slice a, const char *prefix)
{
	size_t n = strlen(prefix);

	return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

/* Drops @n bytes from the front; @n must not exceed the length. */
static inline struct slice slice_skip(struct slice a, size_t n)
{
	return (struct slice){ a.p + n, a.n - n };
}

static inline struct slice slice_trim(struct slice a)
{
	while (a.n && (a.p[0] == ' ' || a.p[0] == '\t'))
		a = slice_skip(a, 1);
	while (a.n && (a.p[a.n - 1] == ' ' || a.p[a.n - 1] == '\t'))
		a.n--;
	return a;
}

/* What stands in front of the next @separator, or all, in *@partp; *@rest goes
 * on behind it. False at the end. */
static inline bool slice_next(struct slice *rest, char separator,
                              struct slice *partp)
{
	const char *end = rest->n ? memchr(rest->p, separator, rest->n) : NULL;

	if (rest->n == 0)
		return false;
	*partp = slice_make(rest->p, end ? (size_t)(end - rest->p) : rest->n);
	*rest = slice_skip(*rest, partp->n + (end ? 1 : 0));
	return true;
}
