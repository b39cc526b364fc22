/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/gunzip.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <zlib.h>
#include "base/mem.h"

#define PIECE_SIZE  65536            /* bytes that come out at once */
#define WINDOW_BITS (MAX_WBITS + 16) /* gzip and nothing else, zlib.h */

struct gunzip {
	z_stream zlib;
	unsigned char piece[PIECE_SIZE];
};

static void *zlib_alloc(void *context, unsigned count, unsigned size)
{
	return mem_calloc(count, size);
}

static void zlib_free(void *context, void *pointer)
{
	mem_free(pointer);
}

static struct gunzip *gunzip_new(void)
{
	struct gunzip *gunzip = mem_alloc(sizeof(*gunzip));

	if (!gunzip)
		return NULL;
	gunzip->zlib = (z_stream){ .zalloc = zlib_alloc, .zfree = zlib_free };
	if (inflateInit2(&gunzip->zlib, WINDOW_BITS) != Z_OK) {
		mem_free(gunzip);
		return NULL;
	}
	return gunzip;
}

void gunzip_free(struct gunzip *gunzip)
{
	if (!gunzip)
		return;
	(void)inflateEnd(&gunzip->zlib);
	mem_free(gunzip);
}

static int refuse(struct err *err, const char *words)
{
	(void)err_set(err, -EINVAL, "gzip: %s", words ? words : "damaged");
	return GUNZIP_E_FORMAT;
}

static int write_piece(struct gunzip *gunzip, struct buf *out, struct err *err)
{
	size_t n = PIECE_SIZE - gunzip->zlib.avail_out;

	if (n > out->max - out->n) {
		(void)err_set(err, -E2BIG,
		              "the body has more than %zu bytes when "
		              "decompressed; see gateway.max_body",
		              out->max);
		return GUNZIP_E_TOO_LARGE;
	}
	return buf_append(out, gunzip->piece, n);
}

/* To the end of a member. */
static int inflate_member(struct gunzip *gunzip, struct buf *out,
                          struct err *err)
{
	z_stream *zlib = &gunzip->zlib;

	for (;;) {
		int ended;
		int r;

		zlib->next_out = gunzip->piece;
		zlib->avail_out = PIECE_SIZE;
		ended = inflate(zlib, Z_NO_FLUSH);
		r = write_piece(gunzip, out, err);
		if (r || ended == Z_STREAM_END)
			return r;
		if (ended == Z_MEM_ERROR)
			return -ENOMEM;
		if (ended == Z_BUF_ERROR)
			return refuse(err, "unexpected EOF");
		if (ended != Z_OK)
			return refuse(err, zlib->msg);
	}
}

int gunzip(struct gunzip **gunzipp, struct slice bytes, struct buf *out,
           struct err *err)
{
	z_stream *zlib;
	int r;

	if (!*gunzipp)
		*gunzipp = gunzip_new();
	if (!*gunzipp)
		return -ENOMEM;
	if (bytes.n > UINT_MAX)
		return refuse(err, "the body is too large");

	zlib = &(*gunzipp)->zlib;
	zlib->next_in = (unsigned char *)(uintptr_t)bytes.p;
	zlib->avail_in = (unsigned)bytes.n;
	do {
		(void)inflateReset(zlib);
		r = inflate_member(*gunzipp, out, err);
	} while (r == 0 && zlib->avail_in > 0);
	return r;
}
