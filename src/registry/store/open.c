/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io/lock_file.h"
#include "registry/store/backup.h"
#include "registry/store/schema.h"
#include "registry/store/sql.h"

#define STORE_FILE_MODE 0600     /* addresses of notifiers are secrets */
#define STORE_CHECK_MAX 33554432 /* bytes: a larger file is not read whole */
#define STORE_PATH_MAX  4096

/* --- one program, one file ----------------------------------------------------- */

static int take_lock(struct store *store, struct err *err)
{
	char path[STORE_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s.lock", store->path);
	int r;

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set_code(err, -ENAMETOOLONG, "its name");
	r = lock_file_take(path, &store->lock_fd);
	if (r == -EWOULDBLOCK)
		return err_set(err, -EBUSY,
		               "another process has it open: is a registry "
		               "running already?");
	return r < 0 ? err_set_code(err, r, "cannot lock \"%s\"", path) : 0;
}

/* SQLite would make it readable for all. */
static int make_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, STORE_FILE_MODE);

	if (fd < 0)
		return err_set_code(err, -errno, "cannot open it");
	(void)close(fd);
	return 0;
}

/* --- is it ours? ----------------------------------------------------------------- */

/* Words about what is wrong, or "ok"; of no memory it speaks as of damage. */
static int judge_check(struct slice answer, struct err *err)
{
	static const char no_memory[] = "error code=7";
	size_t n = strlen(no_memory);

	if (slice_is(answer, "ok"))
		return 0;
	if (answer.n > n &&
	    slice_is(slice_skip(answer, answer.n - n), no_memory))
		return err_set_code(err, -ENOMEM, "SQLite");
	return err_set(err, -EBADMSG,
	               "it is damaged (" SLICE_FMT "): put a copy of it back "
	               "(a .backup-v* beside it), or save what is left with "
	               "sqlite3's .recover",
	               MIN(80, (int)answer.n), answer.p);
}

static int check_whole(sqlite3 *db, struct err *err)
{
	sqlite3_stmt *statement;
	int r = sql_prepare(db, "PRAGMA quick_check(1)", &statement, err);

	if (r < 0)
		return r;
	r = sql_step(statement, err);
	if (r == 1)
		r = judge_check(sql_value(statement, 0).text, err);
	(void)sqlite3_finalize(statement);
	return r;
}

static int check_small(struct store *store, struct err *err)
{
	struct stat st;

	if (stat(store->path, &st) < 0 || st.st_size > STORE_CHECK_MAX)
		return 0;
	return check_whole(store->db, err);
}

static int check_version(int64_t version, struct err *err)
{
	if (version <= schema_version)
		return 0;
	return err_set(err, -ENOTSUP,
	               "it is of a newer version (%lld, and this program "
	               "knows %u): run that one, or put back the copy "
	               ".backup-v%u beside it",
	               (long long)version, schema_version, schema_version);
}

/* With its version; 0: it is empty. */
static int check_ours(sqlite3 *db, int64_t *versionp, struct err *err)
{
	int64_t application = 0;
	int64_t n_tables = 0;
	int r = sql_number(db, "PRAGMA application_id", &application, err);

	if (r == 0)
		r = sql_number(db, "PRAGMA user_version", versionp, err);
	if (r == 0)
		r = sql_number(db, "SELECT count(*) FROM sqlite_master",
		               &n_tables, err);
	if (r < 0)
		return r;
	if (application == SCHEMA_APPLICATION_ID)
		return check_version(*versionp, err);
	if (application == 0 && *versionp == 0 && n_tables == 0)
		return 0;
	return err_set(err, -EINVAL,
	               "it is another program's: name a file of its own in "
	               "registry.path");
}

/* --- to our version ----------------------------------------------------------------- */

static int bring_forward(struct store *store, unsigned version, struct err *err)
{
	int r = version && version < schema_version
	                ? backup_make(store->db, store->path, version, err)
	                : 0;

	if (r == 0 && version && version < schema_version)
		log_info(store->log, "registry database is brought forward",
		         LOG_STR("path", store->path), LOG_INT("from", version),
		         LOG_INT("to", schema_version));
	for (; r == 0 && version < schema_version; version++)
		r = schema_step(store->db, version, err);
	return r;
}

static int read_revision(struct store *store, struct err *err)
{
	int64_t revision;
	int r = sql_number(store->db, "SELECT revision FROM meta", &revision,
	                   err);

	if (r == 0)
		store->revision = (uint64_t)revision;
	return r;
}

static int open_writer(struct store *store, struct err *err)
{
	int64_t version = 0;
	int r = sql_open(store->path, false, &store->db, err);

	if (r == 0)
		r = check_ours(store->db, &version, err);
	if (r == 0 && version)
		r = check_small(store, err);
	if (r == 0)
		r = sql_make_writer(store->db, err);
	if (r == 0)
		r = bring_forward(store, (unsigned)version, err);
	if (r == 0)
		r = read_revision(store, err);
	return r;
}

int store_open_files(struct store *store, struct err *err)
{
	int r = sql_init(err);

	if (r == 0)
		r = take_lock(store, err);
	if (r == 0)
		r = make_file(store->path, err);
	if (r == 0)
		r = open_writer(store, err);
	if (r == 0)
		r = sql_open(store->path, true, &store->read_db, err);
	if (r < 0)
		err_wrap(err, "database \"%s\"", store->path);
	return r;
}

void store_close_files(struct store *store)
{
	for (int i = 0; i < STORE_STATEMENTS; i++)
		(void)sqlite3_finalize(store->others[i].prepared);
	for (int kind = 0; kind < N_KINDS; kind++) {
		for (int op = 0; op < 3; op++)
			(void)sqlite3_finalize(store->records[kind][op]);
	}
	/* the last connection brings the log into the database */
	sql_close(store->read_db);
	sql_close(store->db);
	store->read_db = NULL;
	store->db = NULL;
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
	store->lock_fd = -1;
}
