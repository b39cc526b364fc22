/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lifecycle events, through a websocket. A watch begins and ends from the
 * loop; what it can be closed by is the end of the websocket, or that there
 * was none to be had.
 */
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "io/websocket.h"
#include "runtime/lxd_work.h"

#define LXD_EVENT_MAX (1024 * 1024) /* bytes of one */
#define LXD_IDLE_MS   60000         /* of a daemon on another machine */

struct lxd_watching {
	struct list node; /* lxd_runtime.watches */
	struct lxd_runtime *lxd;
	struct runtime_watch *watch;
	struct websocket websocket;
	struct lxd_socket socket;
	struct buf path;
	uv_timer_t timer; /* to begin from the loop */
	bool speaking;    /* the websocket is in use */
	bool ending;
	struct err err; /* why we end it; code 0: we do not */
};

/* --- the end ------------------------------------------------------------ */

static void on_timer_closed(uv_handle_t *handle)
{
	struct lxd_watching *watching =
		container_of((uv_timer_t *)handle, struct lxd_watching, timer);
	struct lxd_runtime *lxd = watching->lxd;
	struct runtime_watch *watch = watching->watch;

	list_unlink(&watching->node);
	buf_fini(&watching->path);
	watch->err = watching->err;
	watch->work = NULL;
	mem_free(watching);
	watch->closed(watch);
	lxd_runtime_maybe_closed(lxd);
}

static void end(struct lxd_watching *watching)
{
	if (watching->ending)
		return;
	watching->ending = true;
	err_wrap(&watching->err, "%s", watching->lxd->base.ops->name);
	uv_close((uv_handle_t *)&watching->timer, on_timer_closed);
}

/* The first reason stands. */
static void give_up(struct lxd_watching *watching, int code, const char *words)
{
	if (!watching->err.code)
		(void)err_set(&watching->err, code, "%s", words);
	if (watching->speaking)
		websocket_close(&watching->websocket);
	else
		end(watching);
}

static void on_closed(struct websocket *websocket)
{
	struct lxd_watching *watching =
		container_of(websocket, struct lxd_watching, websocket);
	const struct err *why = &websocket->err;

	watching->speaking = false;
	if (!watching->err.code)
		(void)lxd_explain(watching->lxd, watching->socket.path,
		                  why->code, why->message, &watching->err);
	/* a daemon that was replaced may know more, or less */
	watching->lxd->all_projects = LXD_UNKNOWN;
	end(watching);
}

/* --- events ------------------------------------------------------------- */

static const enum runtime_event_kind kinds[] = {
	[LXD_EVENT_CREATED] = RUNTIME_EVENT_CREATED,
	[LXD_EVENT_STARTED] = RUNTIME_EVENT_STARTED,
	[LXD_EVENT_ENDED] = RUNTIME_EVENT_ENDED,
	[LXD_EVENT_PAUSED] = RUNTIME_EVENT_PAUSED,
	[LXD_EVENT_RESUMED] = RUNTIME_EVENT_RESUMED,
	[LXD_EVENT_CHANGED] = RUNTIME_EVENT_RENAMED,
	[LXD_EVENT_RENAMED] = RUNTIME_EVENT_RENAMED,
	[LXD_EVENT_DELETED] = RUNTIME_EVENT_REMOVED,
};

static void tell(struct lxd_watching *watching, const struct lxd_event *event,
                 enum runtime_event_kind kind, const char *name)
{
	char key[LXD_KEY_MAX];
	const struct runtime_event told = {
		.kind = kind,
		.id = lxd_key(event->project, name, key),
		.name = name,
		.project = event->project,
		.health = CONTAINER_HEALTH_UNSAID,
		.exit_code = -1,
		.asked = event->asked,
		.time_ns = event->time_ns,
	};

	if (!watching->err.code)
		watching->watch->event(watching->watch, &told);
}

static void on_message(struct websocket *websocket, struct slice text)
{
	struct lxd_watching *watching =
		container_of(websocket, struct lxd_watching, websocket);
	struct lxd_event event;
	struct err err;

	/* one that cannot be read may have been one that counts */
	if (lxd_read_event(text, &event, &err) < 0) {
		err_wrap(&err, "an event that makes no sense");
		give_up(watching, err.code, err.message);
		return;
	}
	if (event.kind == LXD_EVENT_OTHER)
		return;
	/* the name is what an instance is known by: the old one is gone */
	if (event.old_name[0])
		tell(watching, &event, RUNTIME_EVENT_REMOVED, event.old_name);
	tell(watching, &event, kinds[event.kind], event.name);
}

static void on_opened(struct websocket *websocket)
{
	struct lxd_watching *watching =
		container_of(websocket, struct lxd_watching, websocket);

	watching->watch->opened(watching->watch);
}

/* --- the beginning ------------------------------------------------------ */

static void aim(struct lxd_watching *watching)
{
	char project[LXD_NAME_MAX];

	lxd_target_events(&watching->path, watching->socket.restricted
	                                           ? lxd_own_project(project)
	                                           : NULL);
	watching->websocket = (struct websocket){
		.url = watching->lxd->url,
		.target = buf_slice(&watching->path),
		.max_message = LXD_EVENT_MAX,
		.opened = on_opened,
		.message = on_message,
		.closed = on_closed,
	};
	if (watching->lxd->url.scheme == URL_UNIX)
		watching->websocket.url.host =
			slice_from(watching->socket.path);
	else
		watching->websocket.idle_ms = LXD_IDLE_MS;
}

static void begin(uv_timer_t *timer)
{
	struct lxd_watching *watching =
		container_of(timer, struct lxd_watching, timer);
	struct err err;
	int r = lxd_find_socket(watching->lxd, &watching->socket, &err);

	if (r < 0) {
		give_up(watching, r, err.message);
		return;
	}
	aim(watching);
	r = watching->path.failed;
	if (r == 0)
		r = websocket_open(&watching->websocket, timer->loop);
	if (r < 0)
		give_up(watching, r,
		        watching->websocket.err.code
		                ? watching->websocket.err.message
		                : err_text(r));
	else
		watching->speaking = true;
}

int lxd_watch(struct runtime *runtime, struct runtime_watch *watch)
{
	struct lxd_runtime *lxd =
		container_of(runtime, struct lxd_runtime, base);
	struct lxd_watching *watching =
		lxd->closing ? NULL : mem_calloc(1, sizeof(*watching));

	if (!watching)
		return -ENOMEM;
	watching->lxd = lxd;
	watching->watch = watch;
	buf_init(&watching->path, LXD_TARGET_MAX);
	list_append(&lxd->watches, &watching->node);
	/* neither can fail for a fresh timer on a loop that lives */
	(void)uv_timer_init(lxd->loop, &watching->timer);
	(void)uv_timer_start(&watching->timer, begin, 0, 0);
	watch->work = watching;
	return 0;
}

void lxd_unwatch(struct runtime_watch *watch)
{
	if (watch->work)
		give_up(watch->work, UV_ECANCELED, "cancelled");
}

void lxd_unwatch_all(struct lxd_runtime *lxd)
{
	LIST_FOR_EACH (node, &lxd->watches)
		lxd_unwatch(
			container_of(node, struct lxd_watching, node)->watch);
}
