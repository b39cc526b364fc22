/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/lxd_work.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"

static const struct http_header json_type[] = {
	{ { "Content-Type", 12 }, { "application/json", 16 } },
};

/* --- life --------------------------------------------------------------- */

static void on_deadline(uv_timer_t *timer)
{
	struct lxd_work *work = container_of(timer, struct lxd_work, deadline);

	if (work->interrupt == RUNTIME_OK)
		work->interrupt = RUNTIME_TIMED_OUT;
	work->interrupted(work);
}

void lxd_work_split_target(struct lxd_work *work)
{
	const char *slash = work->target ? strchr(work->target, '/') : NULL;
	size_t n = slash ? (size_t)(slash - work->target) : 0;

	if (n == 0 || n >= sizeof(work->own_project))
		return;
	memcpy(work->own_project, work->target, n);
	work->own_project[n] = '\0';
	work->project = work->own_project;
	work->target = slash + 1;
}

void lxd_work_init(struct lxd_work *work, struct lxd_runtime *lxd,
                   struct runtime_call *call, uint64_t timeout_ms)
{
	work->lxd = lxd;
	work->call = call;
	work->target = call->target;
	work->project = call->project;
	lxd_work_split_target(work);
	buf_init(&work->path, LXD_TARGET_MAX);
	buf_init(&work->body, LXD_REQUEST_MAX);
	buf_init(&work->reply, LXD_MAX_REPLY);
	list_append(&lxd->works, &work->node);

	/* neither can fail for a fresh timer on a loop that lives */
	(void)uv_timer_init(lxd->loop, &work->deadline);
	(void)uv_timer_init(lxd->loop, &work->pause);
	work->n_handles = 2;
	(void)uv_timer_start(&work->deadline, on_deadline, timeout_ms, 0);
	call->work = work;
}

void lxd_work_complete(struct lxd_work *work, enum runtime_result result,
                       const char *format, ...)
{
	struct runtime_call *call = work->call;
	va_list args;

	call->result = result;
	err_clear(&call->err);
	if (result != RUNTIME_OK) {
		va_start(args, format);
		(void)err_vset(&call->err, -EIO, format, args);
		va_end(args);
		err_wrap(&call->err, "%s", work->lxd->base.ops->name);
	}
	work->call = NULL;
	call->work = NULL;
	(void)uv_timer_stop(&work->deadline);
	call->done(call);
}

static void maybe_ended(struct lxd_work *work)
{
	struct lxd_runtime *lxd = work->lxd;

	if (work->exchanging || work->n_handles > 0)
		return;
	list_unlink(&work->node);
	buf_fini(&work->path);
	buf_fini(&work->body);
	buf_fini(&work->reply);
	if (work->fini)
		work->fini(work);
	mem_free(work);
	lxd_runtime_maybe_closed(lxd);
}

static void on_deadline_closed(uv_handle_t *handle)
{
	struct lxd_work *work = container_of(handle, struct lxd_work, deadline);

	work->n_handles--;
	maybe_ended(work);
}

static void on_pause_closed(uv_handle_t *handle)
{
	struct lxd_work *work = container_of(handle, struct lxd_work, pause);

	work->n_handles--;
	maybe_ended(work);
}

void lxd_work_end(struct lxd_work *work)
{
	assert(!work->call);
	if (work->ending)
		return;
	work->ending = true;
	if (work->exchanging)
		http_call_cancel(&work->http);
	uv_close((uv_handle_t *)&work->deadline, on_deadline_closed);
	uv_close((uv_handle_t *)&work->pause, on_pause_closed);
}

void lxd_work_cancel(struct runtime_call *call)
{
	struct lxd_work *work = call->work;

	if (work->interrupt != RUNTIME_OK)
		return;
	work->interrupt = RUNTIME_CANCELLED;
	(void)uv_timer_start(&work->deadline, on_deadline, 0, 0);
}

/* --- steps -------------------------------------------------------------- */

static void on_paused(uv_timer_t *timer)
{
	struct lxd_work *work = container_of(timer, struct lxd_work, pause);

	work->pausing = false;
	work->next(work);
}

void lxd_work_pause(struct lxd_work *work, uint64_t ms, lxd_next_fn next)
{
	assert(!work->pausing && !work->exchanging);
	work->pausing = true;
	work->hurried = false;
	work->next = next;
	(void)uv_timer_start(&work->pause, on_paused, ms, 0);
}

void lxd_work_hurry(struct lxd_work *work)
{
	work->hurried = true;
	if (work->exchanging)
		http_call_cancel(&work->http);
	else if (work->pausing)
		(void)uv_timer_start(&work->pause, on_paused, 0, 0);
}

int lxd_find_socket(struct lxd_runtime *lxd, struct lxd_socket *socket,
                    struct err *err)
{
	const char *configured = lxd->endpoint ? lxd->url.host.p : NULL;
	int r;

	*socket = (struct lxd_socket){ 0 };
	if (lxd->url.scheme != URL_UNIX)
		return 0;
	r = lxd_socket_find(lxd->incus, configured, &lxd_real_world, socket,
	                    err);
	if (r == 0 && socket->fell_back && !lxd->fallback_logged)
		log_warn(lxd->log, "socket taken from another usual place",
		         LOG_STR("runtime", lxd->base.ops->name),
		         LOG_STR("configured", configured),
		         LOG_STR("socket", socket->path));
	lxd->fallback_logged = socket->fell_back;
	return r;
}

const char *lxd_own_project(char out[LXD_NAME_MAX])
{
	(void)snprintf(out, LXD_NAME_MAX, "user-%u", (unsigned)getuid());
	return out;
}

/* The socket decides the project for those who may only use their own. */
static const char *aim(struct lxd_work *work)
{
	buf_reset(&work->path);
	buf_reset(&work->body);
	err_clear(&work->err);
	work->aimed = lxd_find_socket(work->lxd, &work->socket, &work->err);
	if (work->project || !work->socket.restricted)
		return work->project;
	return lxd_own_project(work->user_project);
}

void lxd_work_aim(struct lxd_work *work, const char *leaf)
{
	const char *project = aim(work);

	lxd_target_instance(&work->path, work->target, leaf, project);
}

void lxd_work_aim_wait(struct lxd_work *work, uint32_t timeout_s)
{
	const char *project = aim(work);

	lxd_target_wait(&work->path, work->operation.id, timeout_s, project);
}

void lxd_work_aim_path(struct lxd_work *work, const char *path)
{
	const char *project = aim(work);

	lxd_target_path(&work->path, path, project);
}

void lxd_work_aim_list(struct lxd_work *work, const char *project)
{
	const char *own = aim(work);

	lxd_target_list(&work->path, project ? project : own);
}

static int on_reply_body(struct http_call *http, struct slice bytes)
{
	struct lxd_work *work = container_of(http, struct lxd_work, http);

	return buf_append(&work->reply, bytes.p, bytes.n);
}

static void on_exchanged(struct http_call *http)
{
	struct lxd_work *work = container_of(http, struct lxd_work, http);

	work->exchanging = false;
	if (work->ending)
		maybe_ended(work);
	else
		work->next(work);
}

static int begin_exchange(struct lxd_work *work)
{
	if (work->aimed < 0)
		return work->aimed;
	if (work->path.failed || work->body.failed) {
		int code = work->path.failed ? work->path.failed
		                             : work->body.failed;

		return err_set_code(&work->err, code,
		                    "the request cannot be written");
	}
	work->http.url = work->lxd->url;
	if (work->http.url.scheme == URL_UNIX)
		work->http.url.host = slice_from(work->socket.path);
	work->http.target = buf_slice(&work->path);
	work->http.body = buf_slice(&work->body);
	if (work->body.n) {
		work->http.headers = json_type;
		work->http.n_headers = ARRAY_SIZE(json_type);
	}
	return http_client_call(work->lxd->client, &work->http, on_exchanged);
}

void lxd_work_send(struct lxd_work *work, const char *method,
                   uint64_t timeout_ms,
                   int (*on_body)(struct http_call *, struct slice),
                   lxd_next_fn next)
{
	int r;

	assert(!work->exchanging && !work->pausing);
	buf_reset(&work->reply);
	work->http = (struct http_call){
		.method = method,
		.timeout_ms = timeout_ms,
		/* who takes the body itself ends it where there is enough */
		.max_body = on_body ? UINT64_MAX : LXD_MAX_REPLY,
		.on_body = on_body ? on_body : on_reply_body,
		/* what changes something is not sent twice by accident, which
		 * a kept connection's closing could lead to */
		.fresh = strcmp(method, "GET") != 0,
	};
	work->next = next;
	work->hurried = false;
	work->sent_ms = uv_now(work->lxd->loop);
	r = begin_exchange(work);
	work->unsent = r < 0;
	if (r == 0) {
		work->exchanging = true;
		return;
	}
	err_clear(&work->http.err);
	(void)err_set(&work->http.err, r, "%s",
	              work->err.code ? work->err.message : err_text(r));
	lxd_work_pause(work, 0, next);
}

/* What the operator can do about a socket that cannot be connected to. */
int lxd_explain(const struct lxd_runtime *lxd, const char *path, int code,
                const char *words, struct err *err)
{
	if (path[0] && (code == -EACCES || code == -EPERM))
		return err_set(err, code,
		               "%s: permission denied: run Bouncer as root or "
		               "as a member of the group %s",
		               path, lxd->incus ? "incus-admin" : "lxd");
	if (path[0] && code == -ENOENT)
		return err_set(err, code,
		               "%s: there is no socket: is the daemon "
		               "installed and running?",
		               path);
	if (path[0] && code == -ECONNREFUSED)
		return err_set(err, code,
		               "%s: nobody answers: is the daemon running?",
		               path);
	return err_set(err, code < 0 ? code : -EPROTO, "%s", words);
}

int lxd_work_sent(const struct lxd_work *work, struct err *err)
{
	const struct err *why = &work->http.err;

	if (!why->code)
		return 0;
	return lxd_explain(work->lxd, work->aimed == 0 ? work->socket.path : "",
	                   why->code, why->message, err);
}

enum runtime_result lxd_work_blame(int code)
{
	switch (code) {
	case -ENOMEM:
	case -E2BIG:
	case -EINVAL:
		return RUNTIME_FAILED;
	default:
		return code < 0 ? RUNTIME_UNAVAILABLE : RUNTIME_FAILED;
	}
}
