/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange: what all sources that ask over HTTP have in common: what they show
 * of themselves when they ask, how an exchange that failed is told, and when
 * that is worth a line in the log.
 */
#pragma once

#include <stdbool.h>
#include "base/buf.h"
#include "base/log.h"
#include "core/observation.h"
#include "io/http_client.h"

#define SOURCE_MAX_HEADERS 32   /* of the credentials */
#define SOURCE_MAX_SECRET  8192 /* bytes of a token, or of user:password */
#define SOURCE_OWN_HEADERS 4    /* that a source adds itself */

struct source_header {
	const char *name;
	const char *value;
};

/* How its servers, or an exporter, are asked; borrowed, also what it points
 * to, until closed. Files are read for each request. */
struct source_credentials {
	const char *token_file;      /* Authorization: Bearer …; NULL */
	const char *basic_auth_file; /* user:password; NULL */
	const struct source_header *headers;
	size_t n_headers;
};

/* The headers of one request. */
struct source_headers {
	struct http_header list[SOURCE_MAX_HEADERS + SOURCE_OWN_HEADERS];
	size_t n;
	struct buf secret; /* the value of Authorization */
};

/* Cannot fail and allocates nothing. */
void source_headers_init(struct source_headers *headers);
void source_headers_fini(struct source_headers *headers);

/*
 * source_headers_fill() - those of the next request; blocks for a small file
 * @credentials: NULL for none
 *
 * Valid until the next call; the caller may add SOURCE_OWN_HEADERS more. 0 or
 * a negative code with words that name the file.
 */
int source_headers_fill(struct source_headers *headers,
                        const struct source_credentials *credentials,
                        struct err *err) MUST_CHECK;

/* How the exchange itself failed; call->err.code is not 0. */
enum reading_result source_failure(const struct http_call *call);

/* Scheme, host, port, @path: the URL without user and password, for messages.
 * NULL if out of memory; mem_free(). */
char *source_name(const struct url *url, struct slice path) MUST_CHECK;

/* What was last written to the log; zeroed at first. */
struct source_told {
	bool has_read;
	bool damaged;
	enum reading_result last;
};

/* One line when a source fails in a new way, can be read again, or has begun
 * to have parts (@n_damaged) that no reader understands. */
void source_tell(struct source_told *told, const struct log *log,
                 const char *name, const struct reading *reading,
                 uint64_t n_damaged);
