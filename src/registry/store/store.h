/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store: the registry's database: SQLite, WAL, one queued writer.
 *
 * What is written is handed over as a batch of statements; the writer runs in
 * libuv's pool and takes all batches that wait into one transaction, so that a
 * thousand edits cost a few fsyncs. A batch is acknowledged when its
 * transaction is durable. Each batch has a savepoint: one that fails (it never
 * should) fails alone; a transaction that cannot be committed (disk full)
 * fails all of its batches.
 *
 * The schema has a version (user_version); an older database is copied first,
 * then brought forward one version at a time, each in a transaction.
 *
 * This directory is the only one that knows SQLite.
 */
#pragma once

#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/macros.h"
#include "registry/model/model.h"

#define STORE_MAX_QUEUED 67108864 /* bytes of batches that wait */
#define STORE_MAX_ROWS   10000    /* of one reading */

struct store;

enum store_type { STORE_NULL, STORE_INTEGER, STORE_REAL, STORE_TEXT };

struct store_value {
	enum store_type type;
	int64_t integer;
	double real;
	struct slice text; /* borrowed, unless it is said that it is copied */
};
#define STORE_INT(i) \
	((struct store_value){ .type = STORE_INTEGER, .integer = (i) })
#define STORE_STR(s) ((struct store_value){ .type = STORE_TEXT, .text = (s) })
#define STORE_NONE   ((struct store_value){ .type = STORE_NULL })

/*
 * store_open() - open or make the database, bring it forward; blocks
 *
 * 0 with *storep; or negative with words: it is another program's, of a newer
 * version, damaged (the words name the file and what to do), held by another
 * process, or cannot be written.
 */
int store_open(uv_loop_t *loop, const char *path, const struct log *log,
               struct store **storep, struct err *err) MUST_CHECK;
/* All objects into an empty model; blocks. */
int store_load(struct store *store, struct model *model,
               struct err *err) MUST_CHECK;
/* A number of the database that only grows, as it was last committed. */
uint64_t store_revision(const struct store *store);

/* --- writing -------------------------------------------------------------- */

struct store_batch;
struct store_write;

/* @write->err says whether it is durable. From the loop. */
typedef void (*store_write_cb)(struct store_write *write);

struct store_write {
	struct err err;
	uint64_t revision; /* of the database that has it */
	/* private */
	struct list node;
	struct store_batch *batch;
	store_write_cb done;
};

struct store_batch *store_batch_new(void) MUST_CHECK;
void store_batch_free(struct store_batch *batch); /* NULL is fine */
/* @sql lives for ever; values are copied. A failure stays in the batch and is
 * what store_write() returns. */
void store_batch_add(struct store_batch *batch, const char *sql,
                     const struct store_value *values, size_t n);
/* The rows of a transaction, and of each record one of the audit log; secrets
 * are masked there. @who did it. */
void store_batch_records(struct store_batch *batch,
                         const struct record *records, size_t n,
                         const char *who, int64_t now_s);

/*
 * store_write() - make it durable
 *
 * 0, takes the batch over, and @done comes later, exactly once, from the loop.
 * Negative: -ENOMEM, -ENOBUFS (STORE_MAX_QUEUED), or the batch's own failure;
 * then the batch is still the caller's and @done never comes.
 */
int store_write(struct store *store, struct store_batch *batch,
                struct store_write *write, store_write_cb done,
                struct err *err) MUST_CHECK;

/* --- reading -------------------------------------------------------------- */

struct store_read;
typedef void (*store_read_cb)(struct store_read *read);

struct store_read {
	/* valid in the completion, and freed after it */
	struct err err;
	size_t n_rows;
	size_t n_columns;
	/* private */
	struct store *store;
	void *work;
	store_read_cb done;
};

/* Runs in the pool, on a connection of its own that sees what is committed.
 * @sql lives until then. 0 and @done later, exactly once, from the loop; or
 * -ENOMEM, -ECANCELED (it is being closed). At most STORE_MAX_ROWS rows come. */
int store_read(struct store *store, const char *sql,
               const struct store_value *values, size_t n,
               struct store_read *read, store_read_cb done) MUST_CHECK;
struct store_value store_read_value(const struct store_read *read, size_t row,
                                    size_t column);

/* For the start, before the loop turns: blocks. The text is borrowed for the
 * call of @row. */
int store_each(struct store *store, const char *sql,
               void (*row)(void *context, const struct store_value *values),
               void *context, struct err *err) MUST_CHECK;

/* --- copies ----------------------------------------------------------------- */

struct store_copy;
/* @copy->err says whether it is there, on disk. From the loop. */
typedef void (*store_copy_cb)(struct store_copy *copy);

struct store_copy {
	struct err err;
	/* private */
	struct store *store;
	const char *to;
	uv_work_t work;
	store_copy_cb done;
};

/*
 * store_copy() - the whole database as it is now, in a file of its own
 * @to: replaced if it is there; borrowed until @done
 *
 * In the pool, while others read and write. 0 and @done later, exactly once,
 * from the loop; or with words -EBUSY (one is under way), -ECANCELED.
 */
int store_copy(struct store *store, const char *to, struct store_copy *copy,
               store_copy_cb done, struct err *err) MUST_CHECK;

/* Rows of the audit log that are older than this go, a few at a time, now and
 * then; 0: all stay. */
void store_keep_audit(struct store *store, int64_t keep_s);

/* --- end ------------------------------------------------------------------ */

struct store_stats {
	uint64_t n_commits, n_batches, n_failed;
	uint64_t n_queued_bytes;
	uint64_t last_commit_us;
	uint64_t size_bytes; /* of the file, at the last commit */
};
void store_stats(const struct store *store, struct store_stats *stats);

/* Writes what waits, then closes; @closed once, from the loop. */
void store_close(struct store *store, void (*closed)(void *context),
                 void *context);
