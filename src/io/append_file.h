/* SPDX-License-Identifier: Apache-2.0 */
/*
 * append_file: a small file that only grows, until it is emptied.
 *
 * What is in it has been written, not synced: it outlives the program,
 * however that ends, and not the machine. That is what makes it quick. All
 * happens in libuv's pool, one step at a time; what is handed over meanwhile
 * is one write. The file is created by the first.
 */
#pragma once

#include <stddef.h>
#include <uv.h>
#include "base/err.h"
#include "base/list.h"
#include "base/macros.h"
#include "base/slice.h"

struct append_file;
struct append_write;

typedef void (*append_write_cb)(struct append_write *write);
typedef void (*append_file_closed_cb)(void *context);

struct append_write {
	/* valid in the completion */
	struct err err; /* code 0: written; else names the file and the step,
	                   and any part of it may be in the file */

	/* private below */
	struct list node;
	append_write_cb done;
};

/* @path is copied. @size: what is in it already. @max: bytes that may wait to
 * be written. @mode: of a file that is created, less the umask. NULL if out of
 * memory. */
struct append_file *append_file_new(uv_loop_t *loop, const char *path,
                                    size_t size, size_t max,
                                    int mode) MUST_CHECK;

/* Bytes in it, and on their way. */
size_t append_file_size(const struct append_file *file);

/*
 * append_file_write() - one more @text at the end; it is copied
 *
 * Returns 0 and later, from the loop and never before this returns, calls
 * @done exactly once. On a negative return (no memory, no room) @done is never
 * called. @write is the caller's memory and free again when @done has been
 * entered.
 */
int append_file_write(struct append_file *file, struct slice text,
                      struct append_write *write,
                      append_write_cb done) MUST_CHECK;

/* Empties it, unless it is empty or something is on its way. That it fails
 * shows in its size. */
void append_file_clear(struct append_file *file);

/* Ends what was begun, then frees. @closed is called once, from the loop,
 * after the completions of all writes. No write may be asked for after this. */
void append_file_close(struct append_file *file, append_file_closed_cb closed,
                       void *context);
