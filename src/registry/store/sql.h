/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sql: SQLite's connections, statements and failures in our words.
 *
 * A connection is used by one thread at a time; SQLite's own locks are off.
 * SQLite's memory comes through base/mem.h and is limited as a whole.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "registry/store/store.h"

#define SQL_HEAP_MAX   134217728 /* bytes that SQLite may have, all in all */
#define SQL_CACHE_KIB  2048      /* pages of a connection that are kept */
#define SQL_BUSY_MS    5000      /* somebody else, as sqlite3(1), writes */
#define SQL_WAL_LIMIT  16777216  /* bytes of the log that are kept on disk */
#define SQL_MAX_LENGTH 67108864  /* bytes of a value, or a row */

/* Once per process, before anything else; again is harmless. */
int sql_init(struct err *err) MUST_CHECK;

/* A file that is there; foreign keys hold. Nothing of it is changed. */
int sql_open(const char *path, bool read_only, sqlite3 **dbp,
             struct err *err) MUST_CHECK;
/* WAL, and commits that survive a power cut. */
int sql_make_writer(sqlite3 *db, struct err *err) MUST_CHECK;
void sql_close(sqlite3 *db); /* NULL is fine */

/* All statements of @text; rows are dropped. */
int sql_run(sqlite3 *db, const char *text, struct err *err) MUST_CHECK;
/* Ends a transaction, if there is one, without keeping it. */
void sql_undo(sqlite3 *db);
/* The first column of the first row of a query; 0 if there is none. */
int sql_number(sqlite3 *db, const char *text, int64_t *numberp,
               struct err *err) MUST_CHECK;

int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **statementp,
                struct err *err) MUST_CHECK;
/* Binds from the first parameter on; texts must live until the next. */
int sql_bind(sqlite3_stmt *statement, const struct store_value *values,
             size_t n, struct err *err) MUST_CHECK;
/* 1: there is a row; 0: the end; negative. */
int sql_step(sqlite3_stmt *statement, struct err *err) MUST_CHECK;
/* Borrowed until the next step. */
struct store_value sql_value(sqlite3_stmt *statement, int column);

/* The present failure of @db, with what to do about it. */
int sql_failed(sqlite3 *db, struct err *err);
/* Negative errno of a result of SQLite. */
int sql_code(int result);
