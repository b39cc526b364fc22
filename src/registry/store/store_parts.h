/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store_parts: what the files of the store share.
 *
 *   store.c  life: open, load, statistics, close
 *   open.c   the file: whose it is, its version, the copy before a change
 *   load.c   objects from rows            kind_sql.c  statements of kinds
 *   batch.c  what is to be written        audit.c     rows of the log
 *   write.c  the writer: one job in the pool at a time, and its queue
 *   read.c   the reader, likewise       backup.c    whole copies
 *
 * The writer's connection belongs to the loop while no job runs, and to the
 * job else; so does what is called `job` below.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <uv.h>
#include "base/arena.h"
#include "registry/store/store.h"

/* Bytes of one batch: as much as an import of all that there may be. */
#define STORE_MAX_BATCH 402653184
/* Rows of a reading: bytes of their text. */
#define STORE_MAX_READ 67108864
/* Statements of others that are kept prepared. */
#define STORE_STATEMENTS 32
/* Pages of the log that are brought into the database when the writer is idle,
 * and when it is not. */
#define STORE_WAL_IDLE 1000
#define STORE_WAL_MOST 8000
/* Rows of the audit log that are removed at once, and how often it is tried. */
#define STORE_PRUNE_ROWS  500
#define STORE_PRUNE_FIRST 60000   /* ms */
#define STORE_PRUNE_EVERY 3600000 /* ms */

/* --- batches ---------------------------------------------------------------- */

struct store_op {
	struct store_op *next;
	const char *sql; /* NULL: the statement of `op` and `kind` */
	enum record_op op;
	enum kind kind;
	size_t n;
	struct store_value values[];
};

struct store_batch {
	struct arena arena;
	struct store_op *first;
	struct store_op **last;
	bool records; /* rests on the edits before it */
	struct err err;
};

/* With room for @n values, which are then to be filled; NULL: the batch has
 * failed. */
struct store_op *batch_op(struct store_batch *batch, size_t n) MUST_CHECK;
/* The value with a copy of its text. */
void batch_put(struct store_batch *batch, struct store_value *to,
               const struct store_value *value);
int batch_fail(struct store_batch *batch, int code);

/* The row of the log that tells of @record. */
void batch_audit(struct store_batch *batch, const struct record *record,
                 const char *who, int64_t now_s);

/* --- statements of kinds ----------------------------------------------------- */

/* "INSERT INTO …" and so on: the id is the first parameter, the fields follow.
 * 0 or a failure of @out. */
int kind_sql_record(struct buf *out, enum kind kind, enum record_op op);
/* All of a kind, those that are referred to first. */
int kind_sql_load(struct buf *out, enum kind kind);
/* The name of a field's column. @out: KIND_COLUMN_MAX bytes. */
#define KIND_COLUMN_MAX 64
const char *kind_column(const struct field *field, char *out);

/* --- the store --------------------------------------------------------------- */

enum store_job { JOB_NONE, JOB_WRITE, JOB_CHECKPOINT, JOB_PRUNE, JOB_CLOSE };

struct statement {
	const char *sql; /* NULL: unused */
	sqlite3_stmt *prepared;
};

struct store {
	uv_loop_t *loop;
	const struct log *log;
	char *path;
	int lock_fd;

	/* the writer */
	sqlite3 *db;
	uv_work_t work;
	enum store_job job;    /* in the pool now */
	struct list writing;   /* of the job */
	struct list waiting;   /* not begun */
	struct list finished;  /* to be completed */
	struct err job_err;    /* of the job as a whole */
	uint64_t job_us;       /* how long its commit took */
	uint64_t job_revision; /* that it made */
	uint64_t job_size;     /* of the files, in bytes */
	int job_wal_pages;     /* in the log */
	int64_t job_n_pruned;
	int64_t prune_before_s; /* for the job */
	struct statement others[STORE_STATEMENTS];
	unsigned next_other; /* to be replaced */
	sqlite3_stmt *records[N_KINDS][3];
	int wal_pages;

	/* the reader */
	sqlite3 *read_db;
	uv_work_t read_work;
	struct store_read *reading; /* in the pool now */
	struct list reads;          /* struct read_work, not begun */

	struct store_copy *copying; /* in the pool now */

	uint64_t revision;
	struct store_stats stats;

	/* pruning */
	uv_timer_t timer;
	int64_t keep_s;
	bool prune_due;

	bool closing;
	bool ended; /* the last job is done, the timer closes */
	void (*closed)(void *context);
	void *closed_context;
};

/* The file: found or made, ours, of our version; with both connections. */
int store_open_files(struct store *store, struct err *err) MUST_CHECK;
/* Statements and connections; may take long. */
void store_close_files(struct store *store);

/* Begins what is to be done next, if nothing is under way. */
void store_write_next(struct store *store);
void store_read_next(struct store *store);
/* Neither a reading nor a copy is left. */
bool store_reads_done(const struct store *store);
/* Closing: the end. */
void store_finish(struct store *store);
