/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/store_parts.h"

#include <errno.h>
#include <time.h>
#include "base/mem.h"

static void store_free(struct store *store)
{
	mem_free(store->path);
	mem_free(store);
}

static int on_wal(void *context, sqlite3 *db, const char *name, int n_pages)
{
	struct store *store = context;

	(void)db;
	(void)name;
	store->job_wal_pages = n_pages;
	return SQLITE_OK;
}

int store_open(uv_loop_t *loop, const char *path, const struct log *log,
               struct store **storep, struct err *err)
{
	struct store *store = mem_calloc(1, sizeof(*store));
	int r;

	if (!store)
		return err_set_code(err, -ENOMEM, "database");
	store->loop = loop;
	store->log = log;
	store->lock_fd = -1;
	list_init(&store->writing);
	list_init(&store->waiting);
	list_init(&store->finished);
	list_init(&store->reads);
	store->path = mem_strdup(path);
	r = store->path ? store_open_files(store, err)
	                : err_set_code(err, -ENOMEM, "database");
	if (r < 0) {
		store_close_files(store);
		store_free(store);
		return r;
	}
	(void)sqlite3_wal_hook(store->db, on_wal, store);
	(void)uv_timer_init(loop, &store->timer); /* cannot fail */
	*storep = store;
	return 0;
}

uint64_t store_revision(const struct store *store)
{
	return store->revision;
}

void store_stats(const struct store *store, struct store_stats *stats)
{
	*stats = store->stats;
}

/* --- pruning -------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
	struct store *store = container_of(timer, struct store, timer);

	if (store->job == JOB_PRUNE)
		return; /* it goes on by itself */
	store->prune_before_s = (int64_t)time(NULL) - store->keep_s;
	store->prune_due = true;
	store_write_next(store);
}

void store_keep_audit(struct store *store, int64_t keep_s)
{
	store->keep_s = keep_s;
	if (keep_s > 0)
		(void)uv_timer_start(&store->timer, on_timer, STORE_PRUNE_FIRST,
		                     STORE_PRUNE_EVERY);
	else
		(void)uv_timer_stop(&store->timer);
}

/* --- the end ---------------------------------------------------------------------- */

static void on_timer_closed(uv_handle_t *handle)
{
	struct store *store =
		container_of((uv_timer_t *)handle, struct store, timer);
	void (*closed)(void *context) = store->closed;
	void *context = store->closed_context;

	store_free(store);
	closed(context);
}

void store_finish(struct store *store)
{
	uv_close((uv_handle_t *)&store->timer, on_timer_closed);
}

void store_close(struct store *store, void (*closed)(void *context),
                 void *context)
{
	store->closing = true;
	store->closed = closed;
	store->closed_context = context;
	store_write_next(store);
}
