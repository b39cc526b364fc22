/* SPDX-License-Identifier: Apache-2.0 */
/*
 * atomic_file: a small file that is always whole: after a crash it holds the
 * old content or the new one, never a part of either.
 *
 * The happy path of a write, each step in libuv's pool so that a slow disk
 * does not hold the loop up: create PATH.tmp beside the file, write, fsync,
 * close, rename over the file, fsync the directory. One write is in flight; a
 * content handed over meanwhile waits, and a still newer one takes its place,
 * so that any number of changes costs at most two writes. When a step fails
 * the temporary file is removed and the file is what it was.
 *
 * What is too large to be held whole is written piece by piece: the next one
 * is asked for when the one before is in the file.
 *
 * Reading, and setting a damaged file aside, are for the start of the program
 * and block.
 */
#pragma once

#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/macros.h"

#define ATOMIC_FILE_MAX_DAMAGED 3 /* files set aside; older ones are removed */

struct atomic_file;
struct atomic_write;

typedef void (*atomic_write_cb)(struct atomic_write *write);

/* Appends the next piece to @piece, which is empty: 1 if more will follow (and
 * there is something in it), 0 if it was the last, which may be empty, or a
 * negative code to give it up: the file stays what it was. From the loop. */
typedef int (*atomic_piece_cb)(struct atomic_write *write, struct buf *piece);
typedef void (*atomic_file_closed_cb)(void *context);

struct atomic_write {
	/* valid in the completion */
	struct err err; /* code 0: durable; else names the file and the step */

	/* private below */
	struct list node;
	atomic_piece_cb next;
	atomic_write_cb done;
};

/* @path is copied; its directory must exist when writing. @mode: permission
 * bits of what is written, less the umask. NULL if out of memory. */
struct atomic_file *atomic_file_new(uv_loop_t *loop, const char *path,
                                    int mode) MUST_CHECK;

/*
 * atomic_file_write() - make @content the file's
 *
 * Returns 0, takes the memory of @content over (leaving it empty), and later,
 * from the loop and never before this returns, calls @done exactly once: when
 * this content or a newer one is durable, or when the last of them could not
 * be written. On a negative return (no memory, a failed @content) @done is
 * never called and @content is still the caller's. @write is the caller's
 * memory and free again when @done has been entered.
 */
int atomic_file_write(struct atomic_file *file, struct buf *content,
                      struct atomic_write *write,
                      atomic_write_cb done) MUST_CHECK;

/*
 * atomic_file_write_pieces() - as above, of a content that @next gives
 * @max_piece: bytes that a piece may have
 *
 * -EBUSY: another write is in flight; @next and @done are never called then.
 * @next is not called any more when @done has been.
 */
int atomic_file_write_pieces(struct atomic_file *file, size_t max_piece,
                             struct atomic_write *write, atomic_piece_cb next,
                             atomic_write_cb done) MUST_CHECK;

/*
 * atomic_file_close() - write what was asked for, then free
 *
 * @closed is called once, from the loop, after the completions of all writes;
 * @file is gone when it returns. No write may be asked for after this. May be
 * called from inside a completion.
 */
void atomic_file_close(struct atomic_file *file, atomic_file_closed_cb closed,
                       void *context);

/*
 * atomic_file_read() - the whole of a regular file; blocks
 *
 * Initialises @content with the ceiling @max; the caller finishes it, also on
 * failure. -ENOENT: there is none. -EFBIG: larger than @max. -EINVAL: not a
 * regular file. Others as open(2), read(2) and the heap give them.
 */
int atomic_file_read(const char *path, size_t max, struct buf *content,
                     struct err *err) MUST_CHECK;

/*
 * atomic_file_set_aside() - keep a damaged file for somebody to look at; blocks
 *
 * Renames it to PATH.damaged-@unix_time and removes the oldest of those beyond
 * ATOMIC_FILE_MAX_DAMAGED. Returns 0 or a negative code with words.
 */
int atomic_file_set_aside(const char *path, int64_t unix_time,
                          struct err *err) MUST_CHECK;
