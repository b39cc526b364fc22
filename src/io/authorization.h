/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorization: what a client says about itself, out of a file of one secret:
 * a bearer token (RFC 6750), or a user with a password (RFC 7617).
 *
 * The first line counts, without the blanks around it; the rest of the file
 * does not. Who asks reads it for each request, so that a secret may be changed
 * while we run. It is small, and read at once: this blocks.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

#define AUTHORIZATION_MAX_FILE 4096 /* bytes */
/* Of the value: a scheme, and base64 of the above at most. */
#define AUTHORIZATION_MAX (16 + (AUTHORIZATION_MAX_FILE + 2) / 3 * 4)

/*
 * authorization_read() - the value of a header `Authorization`
 * @token_file, @user_file: one of them; the other is NULL
 *
 * Appends "Bearer …" or "Basic …" to @value, which has room for
 * AUTHORIZATION_MAX and is wiped by authorization_wipe(). 0, or a negative code
 * with words that name the file.
 */
int authorization_read(struct buf *value, const char *token_file,
                       const char *user_file, struct err *err) MUST_CHECK;

/* Nothing of a secret stays in memory; the buffer is as new. Harmless on a
 * zeroed one. */
void authorization_wipe(struct buf *value);
