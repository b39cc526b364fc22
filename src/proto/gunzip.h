/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gunzip: bodies with Content-Encoding gzip, RFC 1952, through zlib.
 *
 * One whole body at a time, of one or several members. What comes out is
 * bounded by the ceiling of the buffer that it goes to, so that a small body
 * that grows without end is stopped there. The window is allocated with the
 * first body and used again for the next.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

struct gunzip; /* zlib's state */

enum gunzip_outcome {
	GUNZIP_E_FORMAT = 1, /* not gzip, damaged, or cut short */
	GUNZIP_E_TOO_LARGE,  /* @out would grow beyond its ceiling */
};

/*
 * gunzip() - decompress @bytes to the end of @out
 * @gunzipp: the state; NULL at first, made here
 *
 * Returns 0, an outcome with words in @err, or -ENOMEM; what is in @out then
 * is of no use.
 */
int gunzip(struct gunzip **gunzipp, struct slice bytes, struct buf *out,
           struct err *err) MUST_CHECK;

void gunzip_free(struct gunzip *gunzip); /* NULL is fine */
