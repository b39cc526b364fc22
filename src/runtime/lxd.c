/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/lxd.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "runtime/lxd_work.h"

static void lxd_close(struct runtime *runtime, runtime_closed_cb closed,
                      void *context);

#define LXD_OPS(engine)                                                       \
	{                                                                     \
		.name = engine, .inspect = lxd_inspect,                       \
		.restart = lxd_restart, .stop = lxd_stop, .start = lxd_start, \
		.kill = lxd_kill, .exec = lxd_exec, .list = lxd_list,         \
		.remove = lxd_remove, .watch = lxd_watch,                     \
		.unwatch = lxd_unwatch, .cancel = lxd_work_cancel,            \
		.close = lxd_close,                                           \
	}

static const struct runtime_ops lxd_ops = LXD_OPS("lxd");
static const struct runtime_ops incus_ops = LXD_OPS("incus");

static int set_endpoint(struct lxd_runtime *lxd, const char *endpoint,
                        struct err *err)
{
	int r;

	if (!endpoint || !endpoint[0]) {
		lxd->url.scheme = URL_UNIX;
		return 0;
	}
	lxd->endpoint = mem_strdup(endpoint);
	if (!lxd->endpoint)
		return err_set_code(err, -ENOMEM, "%s", endpoint);
	r = url_parse(slice_from(lxd->endpoint), 0, &lxd->url, err);
	/* the slice lies in our own copy, and becomes a text there */
	if (r == 0 && lxd->url.scheme == URL_UNIX)
		lxd->endpoint[lxd->url.host.p + lxd->url.host.n -
		              lxd->endpoint] = '\0';
	return r;
}

int lxd_runtime_new(struct runtime **runtimep, uv_loop_t *loop,
                    struct http_client *client, const char *name,
                    const char *endpoint, const struct log *log,
                    struct err *err)
{
	struct lxd_runtime *lxd = mem_calloc(1, sizeof(*lxd));
	int r;

	if (!lxd)
		return err_set_code(err, -ENOMEM, "%s", name);
	lxd->loop = loop;
	lxd->client = client;
	lxd->log = log;
	lxd->retry_ms = LXD_RETRY_MS;
	lxd->incus = strcmp(name, "incus") == 0;
	lxd->base.ops = lxd->incus ? &incus_ops : &lxd_ops;
	list_init(&lxd->works);
	list_init(&lxd->watches);

	r = set_endpoint(lxd, endpoint, err);
	if (r < 0) {
		mem_free(lxd->endpoint);
		mem_free(lxd);
		err_wrap(err, "%s", name);
		return r;
	}
	*runtimep = &lxd->base;
	return 0;
}

/* --- closing ------------------------------------------------------------ */

static void on_closed(uv_handle_t *handle)
{
	struct lxd_runtime *lxd =
		container_of(handle, struct lxd_runtime, idle);
	runtime_closed_cb closed = lxd->closed;
	void *context = lxd->closed_context;

	mem_free(lxd->endpoint);
	mem_free(lxd);
	closed(context);
}

void lxd_runtime_maybe_closed(struct lxd_runtime *lxd)
{
	if (!lxd->closing || !list_empty(&lxd->works) ||
	    !list_empty(&lxd->watches))
		return;
	uv_close((uv_handle_t *)&lxd->idle, on_closed);
}

static void lxd_close(struct runtime *runtime, runtime_closed_cb closed,
                      void *context)
{
	struct lxd_runtime *lxd =
		container_of(runtime, struct lxd_runtime, base);

	/* never started: its closing is what we want of it */
	(void)uv_idle_init(lxd->loop, &lxd->idle);
	lxd->closing = true;
	lxd->closed = closed;
	lxd->closed_context = context;
	lxd_unwatch_all(lxd);
	LIST_FOR_EACH_SAFE (node, &lxd->works) {
		struct lxd_work *work =
			container_of(node, struct lxd_work, node);

		if (work->call)
			lxd_work_cancel(work->call);
		else
			lxd_work_end(work);
	}
	lxd_runtime_maybe_closed(lxd);
}
