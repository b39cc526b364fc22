/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auth: who may do what needs more than reaching us: bearer tokens (RFC 6750)
 * and users with passwords (RFC 7617), from files of one secret a line.
 *
 * Or keys, with which what is sent is signed. Empty lines and those that begin with # count for nothing. The files are
 * read once; a reload reads them again. Knows no route and keeps no log.
 */
#pragma once

#include <stdbool.h>
#include "base/err.h"
#include "base/macros.h"
#include "proto/http.h"

#define AUTH_MAX_FILE    65536
#define AUTH_MAX_SECRETS 256 /* of both files together */
#define AUTH_MAX_SECRET  256 /* bytes of one */

struct auth;

/*
 * auth_new() - read the files; blocks
 * @token_file: tokens; @basic_file: user:password; either may be NULL
 *
 * Returns 0 with *authp set (auth_free()); or a negative code, and the words
 * name the file and what to do: it cannot be read, it can be by everybody, it
 * holds nothing, or a line that can be no secret.
 */
int auth_new(const char *token_file, const char *basic_file,
             struct auth **authp, struct err *err) MUST_CHECK;
void auth_free(struct auth *auth); /* NULL is fine */

/* Does the request carry one of them? How long that takes tells nothing about
 * how much of a secret was right. */
bool auth_admits(const struct auth *auth, const struct http_message *message);

/* Is it one of the tokens? */
bool auth_knows(const struct auth *auth, struct slice token);

/* The same with keys, one a line, that sign what is sent. */
int auth_new_keys(const char *file, struct auth **authp,
                  struct err *err) MUST_CHECK;

/* Is @signature, 64 hexadecimal digits with "sha256=" before them or not, the
 * HMAC-SHA256 of @body with one of the keys? Of time as above. */
bool auth_signs(const struct auth *auth, struct slice body,
                struct slice signature);

/* Are there users with passwords? A client then is told that it may ask. */
bool auth_has_users(const struct auth *auth);
