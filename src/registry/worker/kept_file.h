/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kept_file: a file that is written only when its content is to become
 * another one; what is there at the start counts, too.
 *
 * The temporary file beside it is PATH.tmp, which is no *.json and no *.yml:
 * Prometheus does not read it.
 */
#pragma once

#include "base/sha256.h"
#include "io/atomic_file.h"
#include "registry/worker/life.h"

struct kept_file {
	/* to be read */
	char *path; /* NULL: not open */
	bool known; /* what is on disk is what the digest is of */
	bool busy;
	uint64_t n_writes;
	struct err err; /* of the last write */

	/* private below */
	struct life *life;
	struct atomic_file *file;
	struct atomic_write write;
	bool doubted; /* somebody may have changed it while we wrote */
	size_t n_bytes;
	uint8_t digest[SHA256_SIZE];
	void (*done)(struct kept_file *file);
};

/* Looks at what is there; blocks. -ENOMEM; or what could not be read, with
 * words (that there is none is fine). */
int kept_file_open(struct kept_file *file, uv_loop_t *loop, struct life *life,
                   const char *path, int mode, struct err *err) MUST_CHECK;
/* Somebody may have changed it; blocks. */
void kept_file_look(struct kept_file *file);

/*
 * kept_file_put() - this is to be its content
 *
 * 1: it is already, @content was freed, @done is not called. 0: it is being
 * written, @content was taken; @done comes once, from the loop, with file->err.
 * Negative, with file->err: it cannot be written, @content was freed. One at a
 * time.
 */
int kept_file_put(struct kept_file *file, struct buf *content,
                  void (*done)(struct kept_file *file)) MUST_CHECK;
/* What is being written will be. */
void kept_file_close(struct kept_file *file);
/* When its life has ended. */
void kept_file_fini(struct kept_file *file);
