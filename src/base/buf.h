/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buf: a growing run of bytes with a ceiling that its owner must name.
 *
 * Appending fails with -ENOMEM, or with -E2BIG at the ceiling, and the buffer
 * then remembers the failure (`failed`) and refuses everything more, so that
 * a writer may append many pieces and check once at the end.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/macros.h"
#include "base/slice.h"

struct buf {
	char *p;    /* terminated with NUL beyond `n` once anything is in it */
	size_t n;   /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* bytes it may ever hold */
	int failed; /* 0, -ENOMEM or -E2BIG */
};

/* Cannot fail and allocates nothing. */
void buf_init(struct buf *buf, size_t max);
void buf_fini(struct buf *buf); /* harmless on a zeroed one */

/* Empties it and forgets a failure; keeps the memory. */
void buf_reset(struct buf *buf);

/* Each returns 0 or `failed`; may be ignored when `failed` is looked at. */
int buf_append(struct buf *buf, const void *bytes, size_t n);
int buf_puts(struct buf *buf, const char *text);
int buf_putc(struct buf *buf, char c);
int buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
int buf_vprintf(struct buf *buf, const char *format, va_list args)
	PRINTF_LIKE(2, 0);

/* Makes room for @n more bytes at `p + n`; the caller then adds to `n`. */
int buf_reserve(struct buf *buf, size_t n) MUST_CHECK;

/* Drops @n bytes from the front. */
void buf_consume(struct buf *buf, size_t n);

/* Ownership of the terminated text moves to the caller (mem_free); NULL if
 * the buffer failed or memory is out. The buffer is empty afterwards. */
char *buf_take(struct buf *buf) MUST_CHECK;

static inline struct slice buf_slice(const struct buf *buf)
{
	return slice_make(buf->p ? buf->p : "", buf->n);
}

/* Borrowed until the next change; "" when empty. */
static inline const char *buf_text(const struct buf *buf)
{
	return buf->p ? buf->p : "";
}
