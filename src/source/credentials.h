/* SPDX-License-Identifier: Apache-2.0 */
/*
 * credentials: how servers and exporters are asked: who we are, out of files
 * that are read for each request, and headers as configured.
 */
#pragma once

#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "proto/http.h"

#define SOURCE_MAX_HEADERS 32 /* configured ones that are sent */

struct source_header {
	const char *name;
	const char *value;
};

/* Borrowed, also what it points to, until whoever was given it is closed. */
struct source_credentials {
	const char *token_file;      /* Authorization: Bearer …; NULL */
	const char *basic_auth_file; /* user:password; NULL */
	const struct source_header *headers;
	size_t n_headers;
};

/*
 * credentials_headers() - the headers of one request
 * @credentials: NULL for none
 * @authorization: as authorization_read() wants it; wiped first. Whoever gave
 *                 it wipes it again, once the request was written
 * @headers: room for SOURCE_MAX_HEADERS + 1; borrows from both
 *
 * Returns how many there are, or a negative code with words: a file cannot be
 * read, or holds no secret. Blocks as long as a small file is read.
 */
int credentials_headers(const struct source_credentials *credentials,
                        struct buf *authorization, struct http_header *headers,
                        struct err *err) MUST_CHECK;
