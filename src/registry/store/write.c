/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/store_parts.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include "registry/store/sql.h"

#define RECORD_SQL_MAX 8192
#define WAL_PATH_MAX   4096

static const char prune[] =
	"DELETE FROM audit WHERE id IN (SELECT id FROM audit"
	" WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";

/* --- in the pool: statements ---------------------------------------------------- */

static int other_statement(struct store *store, const char *sql,
                           sqlite3_stmt **statementp, struct err *err)
{
	struct statement *other;
	int r;

	for (int i = 0; i < STORE_STATEMENTS; i++) {
		if (store->others[i].sql == sql) {
			*statementp = store->others[i].prepared;
			return 0;
		}
	}
	other = &store->others[store->next_other++ % STORE_STATEMENTS];
	(void)sqlite3_finalize(other->prepared);
	*other = (struct statement){ 0 };
	r = sql_prepare(store->db, sql, &other->prepared, err);
	if (r < 0)
		return r;
	other->sql = sql;
	*statementp = other->prepared;
	return 0;
}

static int record_statement(struct store *store, const struct store_op *op,
                            sqlite3_stmt **statementp, struct err *err)
{
	sqlite3_stmt **prepared = &store->records[op->kind][op->op];
	struct buf text;
	int r = 0;

	if (!*prepared) {
		buf_init(&text, RECORD_SQL_MAX);
		r = kind_sql_record(&text, op->kind, op->op);
		if (r < 0)
			r = err_set_code(err, r, "a statement");
		else
			r = sql_prepare(store->db, buf_text(&text), prepared,
			                err);
		buf_fini(&text);
	}
	*statementp = *prepared;
	return r;
}

static int run_statement(sqlite3_stmt *statement,
                         const struct store_value *values, size_t n,
                         struct err *err)
{
	int r = sql_bind(statement, values, n, err);

	while (r == 0 && (r = sql_step(statement, err)) == 1)
		r = 0; /* rows are of no use here */
	(void)sqlite3_reset(statement);
	(void)sqlite3_clear_bindings(statement);
	return r;
}

static int run_other(struct store *store, const char *sql,
                     const struct store_value *values, size_t n,
                     struct err *err)
{
	sqlite3_stmt *statement;
	int r = other_statement(store, sql, &statement, err);

	return r < 0 ? r : run_statement(statement, values, n, err);
}

/* Of the three each touches one row, or database and model have parted. */
static int run_record(struct store *store, const struct store_op *op,
                      struct err *err)
{
	sqlite3_stmt *statement;
	int r = record_statement(store, op, &statement, err);

	if (r == 0)
		r = run_statement(statement, op->values, op->n, err);
	if (r == 0 && sqlite3_changes(store->db) != 1)
		r = err_set(err, -ENOENT, "it is not in the database");
	if (r < 0)
		err_wrap(err, "%s %lld", kinds[op->kind].name,
		         (long long)op->values[0].integer);
	return r;
}

/* --- in the pool: a transaction -------------------------------------------------- */

static int run_ops(struct store *store, const struct store_batch *batch,
                   struct err *err)
{
	int r = 0;

	for (const struct store_op *op = batch->first; op && r == 0;
	     op = op->next) {
		if (op->sql)
			r = run_other(store, op->sql, op->values, op->n, err);
		else
			r = run_record(store, op, err);
	}
	return r;
}

/* What cannot be undone alone is undone with all the others. */
static void undo_batch(struct store *store)
{
	if (run_other(store, "ROLLBACK TO batch", NULL, 0, NULL) < 0 ||
	    run_other(store, "RELEASE batch", NULL, 0, NULL) < 0)
		sql_undo(store->db);
}

static int run_batch(struct store *store, const struct store_batch *batch,
                     struct err *err)
{
	int r = run_other(store, "SAVEPOINT batch", NULL, 0, err);

	if (r < 0)
		return r;
	r = run_ops(store, batch, err);
	if (r == 0)
		r = run_other(store, "RELEASE batch", NULL, 0, err);
	if (r < 0)
		undo_batch(store);
	return r;
}

/*
 * Each batch of the job, and how many of them are good. Edits rest on those
 * before them: behind one that failed none is made. A full disk, or no
 * memory, may have ended the whole transaction: that is a failure of the job.
 */
static int run_batches(struct store *store, size_t *n_goodp)
{
	bool broken = false;

	LIST_FOR_EACH (node, &store->writing) {
		struct store_write *write =
			container_of(node, struct store_write, node);

		if (broken && write->batch->records) {
			(void)err_set(&write->err, -ECANCELED,
			              "an edit before it was not written");
			continue;
		}
		if (run_batch(store, write->batch, &write->err) == 0) {
			(*n_goodp)++;
			continue;
		}
		broken = broken || write->batch->records;
		if (sqlite3_get_autocommit(store->db)) {
			store->job_err = write->err;
			return store->job_err.code;
		}
	}
	return 0;
}

static int commit(struct store *store)
{
	struct store_value revision = STORE_INT((int64_t)store->revision + 1);
	int r = run_other(store, "UPDATE meta SET revision = ?1", &revision, 1,
	                  &store->job_err);

	if (r == 0)
		r = run_other(store, "COMMIT", NULL, 0, &store->job_err);
	if (r == 0)
		store->job_revision = store->revision + 1;
	return r;
}

static void note_size(struct store *store)
{
	char wal[WAL_PATH_MAX];
	struct stat st;

	store->job_size = 0;
	(void)snprintf(wal, sizeof(wal), "%s-wal", store->path);
	if (stat(store->path, &st) == 0)
		store->job_size += (uint64_t)st.st_size;
	if (stat(wal, &st) == 0)
		store->job_size += (uint64_t)st.st_size;
}

static void job_write(struct store *store)
{
	uint64_t begun_ns = uv_hrtime();
	size_t n_good = 0;
	int r = run_other(store, "BEGIN IMMEDIATE", NULL, 0, &store->job_err);

	if (r == 0)
		r = run_batches(store, &n_good);
	if (r == 0 && n_good)
		r = commit(store);
	sql_undo(store->db); /* if it is not committed */
	if (r < 0)
		err_wrap(&store->job_err, "database \"%s\"", store->path);
	store->job_us = (uv_hrtime() - begun_ns) / 1000;
	note_size(store);
}

/* --- in the pool: upkeep ------------------------------------------------------------ */

static void job_checkpoint(struct store *store)
{
	if (sqlite3_wal_checkpoint_v2(store->db, NULL,
	                              SQLITE_CHECKPOINT_PASSIVE, NULL,
	                              NULL) != SQLITE_OK)
		(void)sql_failed(store->db, &store->job_err);
	store->job_wal_pages = 0; /* until the next commit says more */
}

static void job_prune(struct store *store)
{
	struct store_value values[] = { STORE_INT(store->prune_before_s),
		                        STORE_INT(STORE_PRUNE_ROWS) };

	if (run_other(store, prune, values, 2, &store->job_err) == 0)
		store->job_n_pruned = sqlite3_changes(store->db);
	if (store->job_n_pruned == 0 && store->job_err.code == 0)
		(void)sqlite3_exec(store->db,
		                   "PRAGMA analysis_limit = 400;"
		                   "PRAGMA optimize",
		                   NULL, NULL, NULL);
}

static void on_work(uv_work_t *work)
{
	struct store *store = container_of(work, struct store, work);

	switch (store->job) {
	case JOB_WRITE:
		job_write(store);
		break;
	case JOB_CHECKPOINT:
		job_checkpoint(store);
		break;
	case JOB_PRUNE:
		job_prune(store);
		break;
	case JOB_CLOSE:
		store_close_files(store);
		break;
	case JOB_NONE:
		break;
	}
}

/* --- in the loop: after a job --------------------------------------------------------- */

static void finish(struct store *store, struct store_write *write,
                   const struct err *err)
{
	if (err && err->code < 0)
		write->err = *err;
	write->revision = store->revision;
	store->stats.n_batches++;
	store->stats.n_failed += write->err.code < 0;
	store->stats.n_queued_bytes -= write->batch->arena.n_bytes;
	store_batch_free(write->batch);
	write->batch = NULL;
	list_unlink(&write->node);
	list_append(&store->finished, &write->node);
}

/* Edits that wait rest on those that failed. */
static void fail_waiting(struct store *store)
{
	struct err err;

	(void)err_set(&err, -ECANCELED, "an edit before it was not written");
	LIST_FOR_EACH_SAFE (node, &store->waiting) {
		struct store_write *write =
			container_of(node, struct store_write, node);

		if (write->batch->records)
			finish(store, write, &err);
	}
}

static void after_write(struct store *store)
{
	bool broken = false;

	if (store->job_err.code == 0 && store->job_revision) {
		store->revision = store->job_revision;
		store->stats.n_commits++;
		store->stats.last_commit_us = store->job_us;
	}
	store->stats.size_bytes = store->job_size;
	LIST_FOR_EACH_SAFE (node, &store->writing) {
		struct store_write *write =
			container_of(node, struct store_write, node);
		bool records = write->batch->records;

		finish(store, write, &store->job_err);
		broken = broken || (records && write->err.code < 0);
	}
	if (broken)
		fail_waiting(store);
}

static void after_prune(struct store *store)
{
	if (store->job_n_pruned == 0)
		store->prune_due = false; /* until the timer says so */
	else
		log_debug(store->log, "audit log pruned",
		          LOG_INT("rows", store->job_n_pruned));
}

static void complete(struct store *store)
{
	struct list finished = LIST_INIT(finished);
	struct list *node;

	/* a completion may hand over more */
	while ((node = list_pop(&store->finished)))
		list_append(&finished, node);
	while ((node = list_pop(&finished))) {
		struct store_write *write =
			container_of(node, struct store_write, node);

		write->done(write);
	}
}

static void on_worked(uv_work_t *work, int status)
{
	struct store *store = container_of(work, struct store, work);
	enum store_job job = store->job;

	(void)status; /* nobody cancels it */
	store->job = JOB_NONE;
	if (job == JOB_CLOSE) {
		store_finish(store);
		return;
	}
	store->wal_pages = store->job_wal_pages;
	if (job == JOB_WRITE)
		after_write(store);
	else if (store->job_err.code < 0)
		log_warn(store->log, "registry database is not tidied",
		         LOG_STR("error", store->job_err.message));
	if (job == JOB_PRUNE)
		after_prune(store);
	store_write_next(store);
	complete(store);
	store_write_next(store); /* a completion may have closed it */
}

/* --- in the loop: what is next ----------------------------------------------------------- */

static enum store_job next_job(const struct store *store)
{
	bool waiting = !list_empty(&store->waiting);

	if (waiting && store->wal_pages < STORE_WAL_MOST)
		return JOB_WRITE;
	if (store->wal_pages >= STORE_WAL_IDLE)
		return JOB_CHECKPOINT;
	if (store->closing)
		return store_reads_done(store) && list_empty(&store->finished)
		               ? JOB_CLOSE
		               : JOB_NONE;
	return store->prune_due ? JOB_PRUNE : JOB_NONE;
}

static void take_waiting(struct store *store)
{
	struct list *node;

	while ((node = list_pop(&store->waiting)))
		list_append(&store->writing, node);
}

void store_write_next(struct store *store)
{
	if (store->job != JOB_NONE || store->ended)
		return;
	store->job = next_job(store);
	if (store->job == JOB_NONE)
		return;
	if (store->job == JOB_WRITE)
		take_waiting(store);
	if (store->job == JOB_CLOSE)
		store->ended = true;
	err_clear(&store->job_err);
	store->job_revision = 0;
	store->job_n_pruned = 0;
	/* it refuses only what has no function */
	(void)uv_queue_work(store->loop, &store->work, on_work, on_worked);
}

int store_write(struct store *store, struct store_batch *batch,
                struct store_write *write, store_write_cb done, struct err *err)
{
	uint64_t queued = store->stats.n_queued_bytes;
	size_t size = batch->arena.n_bytes;

	if (batch->err.code < 0) {
		if (err)
			*err = batch->err;
		return batch->err.code;
	}
	if (store->closing)
		return err_set(err, -ECANCELED, "the database is being closed");
	/* a large one passes, alone */
	if (queued && queued + size > STORE_MAX_QUEUED)
		return err_set(err, -ENOBUFS,
		               "%llu MiB wait to be written to the database: "
		               "try again",
		               (unsigned long long)(queued >> 20));
	*write = (struct store_write){ .batch = batch, .done = done };
	store->stats.n_queued_bytes += size;
	list_append(&store->waiting, &write->node);
	store_write_next(store);
	return 0;
}
