/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: bytes as text and back. RFC 4648, sections 4 and 5.
 *
 * Decoding takes the standard and the URL-safe alphabet (also mixed), with
 * its padding or without; anything else is refused: blanks, padding that is
 * too short or too long, bits that no encoder would have left behind.
 */
#pragma once

#include "base/buf.h"
#include "base/slice.h"

/* Appends; standard alphabet, padded. 0 or the buffer's failure. */
int base64_encode(struct buf *buf, struct slice bytes);

/* Appends the bytes. 0, -EINVAL, or the buffer's failure; after -EINVAL some
 * of them may have been appended. */
int base64_decode(struct buf *buf, struct slice text) MUST_CHECK;
