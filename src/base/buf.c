/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include "base/mem.h"

#define BUF_FIRST_CAPACITY 64

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){ .max = max };
}

void buf_fini(struct buf *buf)
{
	mem_free(buf->p);
	*buf = (struct buf){ .max = buf->max };
}

void buf_reset(struct buf *buf)
{
	buf->n = 0;
	buf->failed = 0;
	if (buf->p)
		buf->p[0] = '\0';
}

int buf_reserve(struct buf *buf, size_t n)
{
	size_t cap = buf->cap ? buf->cap : BUF_FIRST_CAPACITY;
	char *p;

	if (buf->failed)
		return buf->failed;
	if (n > buf->max - buf->n)
		return buf->failed = -E2BIG;
	if (buf->cap > buf->n + n)
		return 0;

	while (cap <= buf->n + n)
		cap += cap / 2;
	cap = MIN(cap, buf->max + 1);
	p = mem_realloc(buf->p, cap);
	if (!p)
		return buf->failed = -ENOMEM;
	buf->p = p;
	buf->cap = cap;
	buf->p[buf->n] = '\0';
	return 0;
}

int buf_append(struct buf *buf, const void *bytes, size_t n)
{
	if (n == 0)
		return buf->failed;
	if (buf_reserve(buf, n) < 0)
		return buf->failed;
	memcpy(buf->p + buf->n, bytes, n);
	buf->n += n;
	buf->p[buf->n] = '\0';
	return 0;
}

int buf_puts(struct buf *buf, const char *text)
{
	return buf_append(buf, text, strlen(text));
}

int buf_putc(struct buf *buf, char c)
{
	return buf_append(buf, &c, 1);
}

int buf_vprintf(struct buf *buf, const char *format, va_list args)
{
	va_list again;
	int n;

	if (buf->failed)
		return buf->failed;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0)
		return buf->failed = -EINVAL;
	if (buf_reserve(buf, (size_t)n) < 0)
		return buf->failed;
	if (n > 0) {
		(void)vsnprintf(buf->p + buf->n, (size_t)n + 1, format, args);
		buf->n += (size_t)n;
	}
	return 0;
}

int buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = buf_vprintf(buf, format, args);
	va_end(args);
	return r;
}

void buf_consume(struct buf *buf, size_t n)
{
	if (n == 0)
		return;
	memmove(buf->p, buf->p + n, buf->n - n + 1);
	buf->n -= n;
}

char *buf_take(struct buf *buf)
{
	char *p;

	if (buf->failed)
		return NULL;
	p = buf->p ? buf->p : mem_strdup("");
	*buf = (struct buf){ .max = buf->max };
	return p;
}
