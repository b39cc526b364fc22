/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wanted: what the registry wants a server to have, as /worker/watch and
 * /worker/poll tell it:
 *
 *     {"revision": 12, "id": "12.9f…", "shard": "tokyo", "documents": {
 *       "targets": {"etag": "\"…\"", "revision": 9, "path": "/sd/tokyo/targets"},
 *       "urls": …, "rules": …, "nodes": …}}
 */
#pragma once

#include <stdint.h>
#include "base/err.h"
#include "base/slice.h"
#include "registry/model/documents.h"
#include "registry/worker/link.h"

#define WANTED_PATH_MAX  1024 /* bytes, with NUL */
#define WANTED_SHARD_MAX 256
#define WANTED_ID_MAX    64

struct wanted_document {
	char etag[LINK_ETAG_MAX];
	char path[WANTED_PATH_MAX];
};

struct wanted {
	uint64_t revision;
	char id[WANTED_ID_MAX]; /* of this answer, to go on from */
	char shard[WANTED_SHARD_MAX];
	struct wanted_document documents[N_DOCUMENT_KINDS];
};

/* The word of a kind in this protocol. */
const char *wanted_name(enum document_kind kind);

/* 0, or -EINVAL with words, -ENOMEM; a document that is not told of has no
 * path. */
int wanted_parse(struct slice text, struct wanted *wanted,
                 struct err *err) MUST_CHECK;
