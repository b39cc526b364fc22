/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/sql.h"

#include <errno.h>
#include "base/mem.h"

#define MACRO_WORDS(value) #value
#define MACRO_TEXT(macro)  MACRO_WORDS(macro)

/* --- memory ---------------------------------------------------------------- */

/* SQLite wants to know how much a piece has: that stands in front of it. */
struct piece {
	uint64_t size;
	char bytes[];
};

static struct piece *piece_of(void *bytes)
{
	return container_of(bytes, struct piece, bytes);
}

static void *heap_realloc(void *bytes, int size)
{
	struct piece *piece = bytes ? piece_of(bytes) : NULL;

	piece = mem_realloc(piece, sizeof(*piece) + (size_t)size);
	if (!piece)
		return NULL;
	piece->size = (uint64_t)size;
	return piece->bytes;
}

static void *heap_malloc(int size)
{
	return heap_realloc(NULL, size);
}

static void heap_free(void *bytes)
{
	mem_free(bytes ? piece_of(bytes) : NULL);
}

static int heap_size(void *bytes)
{
	return bytes ? (int)piece_of(bytes)->size : 0;
}

static int heap_roundup(int size)
{
	return (size + 7) & ~7;
}

static int heap_init(void *context)
{
	(void)context;
	return SQLITE_OK;
}

static void heap_shutdown(void *context)
{
	(void)context;
}

static const sqlite3_mem_methods heap = {
	.xMalloc = heap_malloc,
	.xFree = heap_free,
	.xRealloc = heap_realloc,
	.xSize = heap_size,
	.xRoundup = heap_roundup,
	.xInit = heap_init,
	.xShutdown = heap_shutdown,
};

int sql_init(struct err *err)
{
	static bool configured;
	int r;

	if (!configured) {
		/* refused if somebody was here before us: then it stays */
		(void)sqlite3_config(SQLITE_CONFIG_MALLOC, &heap);
		configured = true;
	}
	r = sqlite3_initialize();
	if (r != SQLITE_OK)
		return err_set(err, sql_code(r), "SQLite does not start: %s",
		               sqlite3_errstr(r));
	(void)sqlite3_hard_heap_limit64(SQL_HEAP_MAX);
	return 0;
}

/* --- failures --------------------------------------------------------------- */

int sql_code(int result)
{
	switch (result & 0xff) {
	case SQLITE_OK:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EBADMSG;
	case SQLITE_TOOBIG:
		return -E2BIG;
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_ERROR:
		return -EINVAL;
	default:
		return result == SQLITE_IOERR_NOMEM ? -ENOMEM : -EIO;
	}
}

static const char *remedy(int code)
{
	switch (code) {
	case -ENOSPC:
		return ": make room on its disk";
	case -EROFS:
	case -EACCES:
		return ": the file and its directory must be writable for us";
	case -EBUSY:
		return ": another program writes to it";
	case -EBADMSG:
		return ": put a copy of it back (a .backup-v* beside it), or "
		       "save what is left with sqlite3's .recover";
	default:
		return "";
	}
}

int sql_failed(sqlite3 *db, struct err *err)
{
	int result = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM;
	int code = sql_code(result);

	if (code == 0) /* nobody should ask then */
		code = -EIO;
	if (code == -ENOMEM)
		return err_set_code(err, code, "SQLite");
	return err_set(err, code, "%s%s",
	               code == -EBADMSG ? "it is damaged" : sqlite3_errmsg(db),
	               remedy(code));
}

/* --- statements -------------------------------------------------------------- */

int sql_run(sqlite3 *db, const char *text, struct err *err)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK
	               ? 0
	               : sql_failed(db, err);
}

void sql_undo(sqlite3 *db)
{
	if (!sqlite3_get_autocommit(db))
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

int sql_prepare(sqlite3 *db, const char *text, sqlite3_stmt **statementp,
                struct err *err)
{
	if (sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT,
	                       statementp, NULL) == SQLITE_OK)
		return 0;
	return sql_failed(db, err);
}

static int bind_one(sqlite3_stmt *statement, int at,
                    const struct store_value *value)
{
	switch (value->type) {
	case STORE_INTEGER:
		return sqlite3_bind_int64(statement, at, value->integer);
	case STORE_REAL:
		return sqlite3_bind_double(statement, at, value->real);
	case STORE_TEXT:
		return sqlite3_bind_text64(
			statement, at, value->text.p ? value->text.p : "",
			value->text.n, SQLITE_STATIC, SQLITE_UTF8);
	case STORE_NULL:
		break;
	}
	return sqlite3_bind_null(statement, at);
}

int sql_bind(sqlite3_stmt *statement, const struct store_value *values,
             size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (bind_one(statement, (int)i + 1, &values[i]) != SQLITE_OK)
			return sql_failed(sqlite3_db_handle(statement), err);
	}
	return 0;
}

int sql_step(sqlite3_stmt *statement, struct err *err)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return sql_failed(sqlite3_db_handle(statement), err);
	}
}

struct store_value sql_value(sqlite3_stmt *statement, int column)
{
	const void *text;

	switch (sqlite3_column_type(statement, column)) {
	case SQLITE_INTEGER:
		return STORE_INT(sqlite3_column_int64(statement, column));
	case SQLITE_FLOAT:
		return (struct store_value){
			.type = STORE_REAL,
			.real = sqlite3_column_double(statement, column),
		};
	case SQLITE_NULL:
		return STORE_NONE;
	default:
		text = sqlite3_column_text(statement, column);
		return STORE_STR(slice_make(
			text ? text : "",
			text ? (size_t)sqlite3_column_bytes(statement, column)
			     : 0));
	}
}

int sql_number(sqlite3 *db, const char *text, int64_t *numberp, struct err *err)
{
	sqlite3_stmt *statement;
	int r = sql_prepare(db, text, &statement, err);

	if (r < 0)
		return r;
	r = sql_step(statement, err);
	*numberp = r == 1 ? sqlite3_column_int64(statement, 0) : 0;
	(void)sqlite3_finalize(statement);
	return r < 0 ? r : 0;
}

/* --- connections -------------------------------------------------------------- */

/* Nothing of it reads the file. */
static int configure(sqlite3 *db, struct err *err)
{
	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_busy_timeout(db, SQL_BUSY_MS);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, SQL_MAX_LENGTH);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 1); /* VACUUM INTO */
	(void)sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
	return sql_run(db,
	               "PRAGMA foreign_keys = ON;"
	               "PRAGMA temp_store = MEMORY;"
	               "PRAGMA mmap_size = 0;"
	               "PRAGMA cell_size_check = ON;"
	               "PRAGMA cache_size = -" MACRO_TEXT(SQL_CACHE_KIB),
	               err);
}

int sql_make_writer(sqlite3 *db, struct err *err)
{
	return sql_run(db,
	               "PRAGMA journal_mode = WAL;"
	               "PRAGMA synchronous = FULL;"
	               "PRAGMA wal_autocheckpoint = 0;"
	               "PRAGMA journal_size_limit = " MACRO_TEXT(SQL_WAL_LIMIT),
	               err);
}

int sql_open(const char *path, bool read_only, sqlite3 **dbp, struct err *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	sqlite3 *db = NULL;
	int r;

	flags |= read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
		r = sql_failed(db, err);
	else
		r = configure(db, err);
	if (r < 0) {
		sql_close(db);
		return r;
	}
	*dbp = db;
	return 0;
}

void sql_close(sqlite3 *db)
{
	/* its statements are gone: it cannot be refused */
	(void)sqlite3_close(db);
}
