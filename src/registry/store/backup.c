/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "registry/store/sql.h"
#include "registry/store/store_parts.h"

#define BACKUP_MODE     0600
#define BACKUP_PATH_MAX 4096

static int sync_path(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		(void)close(fd);
	return r;
}

static int sync_directory_of(const char *path)
{
	char directory[BACKUP_PATH_MAX];
	const char *slash = NULL;

	for (const char *p = path; *p; p++)
		slash = *p == '/' ? p : slash;
	(void)snprintf(directory, sizeof(directory), "%.*s",
	               slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
	return sync_path(directory, O_RDONLY | O_DIRECTORY);
}

/* SQLite wants none, or an empty one, which then has our mode. */
static int make_empty(const char *path)
{
	int fd;

	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, BACKUP_MODE);
	if (fd < 0)
		return -errno;
	(void)close(fd);
	return 0;
}

static int vacuum_into(sqlite3 *db, const char *path, struct err *err)
{
	sqlite3_stmt *statement;
	int r = sql_prepare(db, "VACUUM INTO ?1", &statement, err);

	if (r < 0)
		return r;
	r = sql_bind(statement, &STORE_STR(slice_from(path)), 1, err);
	if (r == 0)
		r = sql_step(statement, err);
	(void)sqlite3_finalize(statement);
	return r;
}

int backup_write(sqlite3 *db, const char *to, struct err *err)
{
	char temporary[BACKUP_PATH_MAX];
	int n = snprintf(temporary, sizeof(temporary), "%s.tmp", to);
	int r;

	if (n < 0 || (size_t)n >= sizeof(temporary))
		return err_set_code(err, -ENAMETOOLONG, "\"%s\"", to);
	r = make_empty(temporary);
	if (r < 0)
		return err_set_code(err, r, "cannot make \"%s\"", temporary);
	r = vacuum_into(db, temporary, err);
	if (r == 0) {
		r = sync_path(temporary, O_RDONLY);
		if (r == 0 && rename(temporary, to) < 0)
			r = -errno;
		if (r == 0)
			r = sync_directory_of(to);
		if (r < 0)
			r = err_set_code(err, r, "cannot keep it");
	}
	if (r < 0)
		(void)unlink(temporary);
	if (r < 0)
		err_wrap(err, "copy to \"%s\"", to);
	return r;
}

static int backup_path(char *out, const char *path, unsigned version)
{
	int n = snprintf(out, BACKUP_PATH_MAX, "%s.backup-v%u", path, version);

	return n < 0 || n >= BACKUP_PATH_MAX ? -ENAMETOOLONG : 0;
}

int backup_make(sqlite3 *db, const char *path, unsigned version,
                struct err *err)
{
	char name[BACKUP_PATH_MAX];
	int r = backup_path(name, path, version);

	if (r < 0)
		return err_set_code(err, r, "the name of a copy");
	r = backup_write(db, name, err);
	/* versions are few and follow one another */
	for (unsigned old = 1; r == 0 && old + BACKUP_KEPT <= version; old++) {
		if (backup_path(name, path, old) == 0)
			(void)unlink(name);
	}
	return r;
}

/* --- while it is in use ------------------------------------------------------- */

static void on_copy(uv_work_t *work)
{
	struct store_copy *copy = container_of(work, struct store_copy, work);
	sqlite3 *db;

	/* a connection of its own: the others go on */
	if (sql_open(copy->store->path, false, &db, &copy->err) < 0)
		return;
	(void)(backup_write(db, copy->to, &copy->err) < 0);
	sql_close(db);
}

static void on_copied(uv_work_t *work, int status)
{
	struct store_copy *copy = container_of(work, struct store_copy, work);
	struct store *store = copy->store;

	(void)status; /* nobody cancels it */
	store->copying = NULL;
	copy->done(copy);
	store_write_next(store); /* it may wait to close */
}

int store_copy(struct store *store, const char *to, struct store_copy *copy,
               store_copy_cb done, struct err *err)
{
	if (store->closing)
		return err_set(err, -ECANCELED, "the database is being closed");
	if (store->copying)
		return err_set(err, -EBUSY,
		               "another copy is being made: try again");
	*copy = (struct store_copy){ .store = store, .to = to, .done = done };
	store->copying = copy;
	(void)uv_queue_work(store->loop, &copy->work, on_copy, on_copied);
	return 0;
}
