/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fragment: a piece of a document, as text and compressed, so that a document
 * and its gzip are joined from pieces by copying them.
 *
 * The compressed form looks back at nothing before it, and ends amid the
 * header of a stored block (RFC 1951, 3.2.4), whose length and bytes are
 * what stands between this piece and the next. The CRCs are combined.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"
#include "registry/model/documents.h"

#define FRAGMENT_HASH_SIZE 16
#define FRAGMENT_MAX       67108864  /* bytes of text */
#define DOCUMENT_MAX       268435456 /* bytes of text */

struct fragment {
	uint32_t n_items; /* targets, rules, nodes */
	uint32_t crc;     /* of the text */
	uint8_t hash[FRAGMENT_HASH_SIZE];
	struct slice text;
	struct slice deflated;
	char bytes[];
};

struct deflater; /* zlib's state; 270 kB */

struct deflater *deflater_new(void) MUST_CHECK;
void deflater_free(struct deflater *deflater); /* NULL is fine */

/* Copies @text, which is not empty. NULL if out of memory; mem_free(). */
struct fragment *fragment_new(struct deflater *deflater, struct slice text,
                              uint32_t n_items) MUST_CHECK;

/* What stands before the first piece, between two, and after the last; or in
 * place of them if there is none. */
struct joints {
	struct slice head, between, tail, none;
};

/* The hash of what the pieces become when they are joined, as an ETag. */
int fragments_etag(const struct fragment *const *fragments, size_t n,
                   char etag[static DOCUMENT_ETAG_MAX]) MUST_CHECK;

/* A document of one reference, without kind, revision and etag. 0, -ENOMEM, or
 * -E2BIG beyond DOCUMENT_MAX. */
int fragments_join(const struct fragment *const *fragments, size_t n,
                   const struct joints *joints,
                   struct document **documentp) MUST_CHECK;
