/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/docker.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include "base/macros.h"
#include "base/mem.h"
#include "runtime/docker_work.h"

#define ID_LENGTH       64
#define SHORT_ID_LENGTH 12
#define DOCKER_PATH_MAX 1024 /* request target, bytes */
#define DOCKER_BODY_MAX (1u << 20)

/* Between two looks at a container that is not yet where it should be: */
#define DOCKER_RETRY_MS     250 /* … at first; doubled each time */
#define DOCKER_RETRY_MAX_MS 4000
#define DOCKER_EFFECT_MS    1000
#define DOCKER_HEAD_MS      500 /* for a stream's head to come */

static struct docker *docker_of(struct runtime *runtime)
{
	return container_of(runtime, struct docker, runtime);
}

/* --- the end of a work -------------------------------------------------- */

static void docker_free(struct docker *docker)
{
	docker_memos_free(docker);
	buf_fini(&docker->ping_reply);
	for (size_t i = 0; i < docker->n_addresses; i++)
		mem_free(docker->addresses[i].text);
	mem_free(docker->name);
	mem_free(docker);
}

void docker_maybe_closed(struct docker *docker)
{
	runtime_closed_cb closed = docker->closed;
	void *context = docker->closed_context;

	if (!docker->closing || !list_empty(&docker->works) ||
	    docker->pinging || docker->anchored)
		return;
	docker_free(docker);
	closed(context);
}

static void work_free(struct docker_work *work)
{
	buf_fini(&work->path);
	buf_fini(&work->target_text);
	buf_fini(&work->body);
	buf_fini(&work->reply);
	buf_fini(&work->query);
	buf_fini(&work->labels);
	buf_fini(&work->output);
	json_split_fini(&work->split);
	mem_free(work->target);
	mem_free(work);
}

static void work_maybe_free(struct docker_work *work)
{
	struct docker *docker = work->docker;

	if (work->n_handles || work->in_flight)
		return;
	list_unlink(&work->node);
	work_free(work);
	docker_maybe_closed(docker);
}

static void on_deadline_closed(uv_handle_t *handle)
{
	struct docker_work *work = container_of((uv_timer_t *)handle,
	                                        struct docker_work, deadline);

	work->n_handles--;
	work_maybe_free(work);
}

static void on_delay_closed(uv_handle_t *handle)
{
	struct docker_work *work =
		container_of((uv_timer_t *)handle, struct docker_work, delay);

	work->n_handles--;
	work_maybe_free(work);
}

static void work_close(struct docker_work *work)
{
	assert(!work->closing);
	work->closing = true;
	docker_exec_abandon(work);
	list_unlink(&work->waiting);
	if (work->in_flight)
		http_call_cancel(&work->http);
	uv_close((uv_handle_t *)&work->deadline, on_deadline_closed);
	uv_close((uv_handle_t *)&work->delay, on_delay_closed);
}

void docker_work_settled(struct docker_work *work)
{
	work->in_flight = false;
	if (work->closing)
		work_maybe_free(work);
}

/* --- completing calls --------------------------------------------------- */

static void settle_call(struct docker_work *work, struct runtime_call *call,
                        enum runtime_result result, const char *format,
                        va_list args) PRINTF_LIKE(4, 0);
static void settle_watch(struct docker_work *work, struct runtime_watch *watch,
                         enum runtime_result result, const char *format,
                         va_list args) PRINTF_LIKE(4, 0);
static void log_lingering(struct docker_work *work, enum runtime_result result,
                          const char *format, va_list args) PRINTF_LIKE(3, 0);
static void linger(struct docker_work *work, enum runtime_result result,
                   const char *format, ...) PRINTF_LIKE(3, 4);

static int result_code(enum runtime_result result)
{
	static const int codes[] = {
		[RUNTIME_OK] = 0,
		[RUNTIME_FAILED] = -EIO,
		[RUNTIME_TIMED_OUT] = -ETIMEDOUT,
		[RUNTIME_NO_TARGET] = -ENOENT,
		[RUNTIME_LEFT_ALONE] = -EPERM,
		[RUNTIME_BUSY] = -EBUSY,
		[RUNTIME_UNAVAILABLE] = -ENOTCONN,
		[RUNTIME_CANCELLED] = -ECANCELED,
	};

	return codes[result];
}

/* An id as people know it: its first twelve digits. */
static int shown_length(const char *target)
{
	size_t n = strlen(target);

	return n == ID_LENGTH && strspn(target, "0123456789abcdef") == n
	               ? SHORT_ID_LENGTH
	               : (int)MIN(n, INT_MAX);
}

/* Fills in how it ended; the caller then calls back, as its last act. */
static void PRINTF_LIKE(4, 0)
	settle_call(struct docker_work *work, struct runtime_call *call,
                    enum runtime_result result, const char *format,
                    va_list args)
{
	work->call = NULL;
	call->work = NULL;
	call->result = result;
	if (result == RUNTIME_OK)
		return;
	(void)err_vset(&call->err, result_code(result), format, args);
	err_wrap(&call->err, "%s: %.*s", work->docker->name,
	         shown_length(work->target), work->target);
}

bool docker_is_denied(const struct docker_work *work)
{
	return work->status == 403 || work->status == 404 ||
	       work->status == 405 || work->status == 501;
}

static void PRINTF_LIKE(4, 0)
	settle_watch(struct docker_work *work, struct runtime_watch *watch,
                     enum runtime_result result, const char *format,
                     va_list args)
{
	int code = result == RUNTIME_FAILED && docker_is_denied(work)
	                   ? UV_ENOTSUP
	                   : result_code(result);

	work->watch = NULL;
	watch->work = NULL;
	(void)err_vset(&watch->err, code, format, args);
	err_wrap(&watch->err, "%s: %s", work->docker->name, work->target);
}

static void PRINTF_LIKE(3, 0)
	log_lingering(struct docker_work *work, enum runtime_result result,
                      const char *format, va_list args)
{
	struct err err;

	err_clear(&err);
	if (format)
		(void)err_vset(&err, result_code(result), format, args);
	log_info(work->docker->log, "work that outlived its deadline ended",
	         LOG_STR("runtime", work->docker->name),
	         LOG_STR("target", work->target),
	         LOG_STR("result", runtime_result_name(result)),
	         LOG_STR("reason", err.message));
}

void docker_finish(struct docker_work *work, enum runtime_result result,
                   const char *format, ...)
{
	struct runtime_call *call = work->call;
	struct runtime_watch *watch = work->watch;
	va_list args;

	va_start(args, format);
	if (call)
		settle_call(work, call, result, format, args);
	else if (watch)
		settle_watch(work, watch, result, format, args);
	else
		log_lingering(work, result, format, args);
	va_end(args);
	work_close(work);
	if (call)
		call->done(call);
	else if (watch)
		watch->closed(watch);
}

/* Completes the call and leaves the work to itself. */
static void linger(struct docker_work *work, enum runtime_result result,
                   const char *format, ...)
{
	struct runtime_call *call = work->call;
	va_list args;

	va_start(args, format);
	settle_call(work, call, result, format, args);
	va_end(args);
	work->cancelled = false;
	docker_allow(work, work->stop_ms + DOCKER_LINGER_MS);
	call->done(call);
}

static void on_deadline(uv_timer_t *timer)
{
	struct docker_work *work =
		container_of(timer, struct docker_work, deadline);
	bool goes_on = work->lingers && work->call && !work->docker->closing;

	if (work->cancelled && goes_on)
		linger(work, RUNTIME_CANCELLED, "cancelled while %s",
		       work->doing);
	else if (work->cancelled)
		docker_finish(work, RUNTIME_CANCELLED, "cancelled while %s",
		              work->doing);
	else if (goes_on)
		linger(work, RUNTIME_TIMED_OUT, "its time was up while %s%s%s",
		       work->doing, work->trouble[0] ? ": " : "",
		       work->trouble);
	else
		docker_finish(work, RUNTIME_TIMED_OUT,
		              "its time was up while %s%s%s", work->doing,
		              work->trouble[0] ? ": " : "", work->trouble);
}

void docker_allow(struct docker_work *work, uint64_t ms)
{
	if (work->cancelled || (work->call && work->call->timeout_ms))
		return;
	(void)uv_timer_start(&work->deadline, on_deadline, ms, 0);
}

static void on_delay(uv_timer_t *timer)
{
	struct docker_work *work =
		container_of(timer, struct docker_work, delay);

	work->delayed(work);
}

void docker_later(struct docker_work *work, uint64_t ms, docker_step_cb step)
{
	work->delayed = step;
	(void)uv_timer_start(&work->delay, on_delay, ms, 0);
}

void docker_work_cancel(struct docker_work *work)
{
	if (work->closing)
		return;
	work->cancelled = true;
	if (!work->lingers)
		(void)uv_timer_stop(&work->delay);
	(void)uv_timer_start(&work->deadline, on_deadline, 0, 0);
}

/* --- the runtime's operations ------------------------------------------- */

static void init_bufs(struct docker_work *work)
{
	buf_init(&work->path, DOCKER_PATH_MAX);
	buf_init(&work->target_text, DOCKER_PATH_MAX);
	buf_init(&work->body, DOCKER_BODY_MAX);
	buf_init(&work->reply, DOCKER_DOCUMENT_MAX);
	buf_init(&work->query, DOCKER_PATH_MAX);
	buf_init(&work->labels, DOCKER_DOCUMENT_MAX);
	buf_init(&work->output, DOCKER_OUTPUT_MAX + 1);
}

struct docker_work *docker_work_new(struct docker *docker, const char *target,
                                    docker_step_cb begin)
{
	struct docker_work *work = mem_calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	work->target = mem_strdup(target);
	if (!work->target) {
		mem_free(work);
		return NULL;
	}
	work->docker = docker;
	work->doing = "waiting for the engine";
	list_init(&work->node);
	list_init(&work->waiting);
	init_bufs(work);
	(void)uv_timer_init(docker->loop, &work->deadline);
	(void)uv_timer_init(docker->loop, &work->delay);
	work->n_handles = 2;
	list_append(&docker->works, &work->node);
	(void)uv_timer_start(&work->deadline, on_deadline, DOCKER_ANSWER_MS, 0);
	docker_later(work, 0, begin);
	return work;
}

static int begin_call(struct runtime *runtime, struct runtime_call *call,
                      const char *target, docker_step_cb begin,
                      docker_step_cb looked)
{
	struct docker *docker = docker_of(runtime);
	struct docker_work *work;

	if (docker->closing)
		return err_set(&call->err, -ECANCELED, "%s: closing",
		               docker->name);
	work = docker_work_new(docker, target, begin);
	if (!work)
		return err_set(&call->err, -ENOMEM, "%s: out of memory",
		               docker->name);
	work->call = call;
	work->looked = looked;
	call->work = work;
	if (call->timeout_ms)
		(void)uv_timer_start(&work->deadline, on_deadline,
		                     call->timeout_ms, 0);
	return 0;
}

static int begin_on_target(struct runtime *runtime, struct runtime_call *call,
                           docker_step_cb begin, docker_step_cb looked)
{
	if (!call->target || !docker_name_valid(call->target))
		return err_set(&call->err, -EINVAL,
		               "%s: \"%s\" cannot be a container's name: it "
		               "must begin with a letter or a digit",
		               docker_of(runtime)->name,
		               call->target ? call->target : "");
	return begin_call(runtime, call, call->target, begin, looked);
}

static int docker_begin(struct runtime *runtime, struct runtime_call *call,
                        docker_step_cb looked)
{
	return begin_on_target(runtime, call, docker_look_unless_seen, looked);
}

static int docker_inspect(struct runtime *runtime, struct runtime_call *call)
{
	return begin_on_target(runtime, call, docker_inspect_begin,
	                       docker_inspect_looked);
}

static int docker_restart(struct runtime *runtime, struct runtime_call *call)
{
	return docker_begin(runtime, call, docker_restart_looked);
}

static int docker_stop(struct runtime *runtime, struct runtime_call *call)
{
	return docker_begin(runtime, call, docker_stop_looked);
}

static int docker_start(struct runtime *runtime, struct runtime_call *call)
{
	return docker_begin(runtime, call, docker_start_looked);
}

static int docker_kill(struct runtime *runtime, struct runtime_call *call)
{
	return docker_begin(runtime, call, docker_kill_looked);
}

static int docker_exec(struct runtime *runtime, struct runtime_call *call)
{
	if (!call->argv || !call->argv[0])
		return err_set(&call->err, -EINVAL, "%s: no command was given",
		               docker_of(runtime)->name);
	return docker_begin(runtime, call, docker_exec_looked);
}

static int docker_list(struct runtime *runtime, struct runtime_call *call)
{
	return begin_call(runtime, call, "containers", docker_list_begin, NULL);
}

static int docker_remove(struct runtime *runtime, struct runtime_call *call)
{
	/* what cannot be taken back is looked at */
	return begin_on_target(runtime, call, docker_look,
	                       docker_remove_looked);
}

static void docker_cancel(struct runtime_call *call)
{
	docker_work_cancel(call->work);
}

static void on_anchor_closed(uv_handle_t *handle)
{
	struct docker *docker =
		container_of((uv_timer_t *)handle, struct docker, anchor);

	docker->anchored = false;
	docker_maybe_closed(docker);
}

static void docker_close(struct runtime *runtime, runtime_closed_cb closed,
                         void *context)
{
	struct docker *docker = docker_of(runtime);

	assert(!docker->closing);
	docker->closing = true;
	docker->closed = closed;
	docker->closed_context = context;
	LIST_FOR_EACH (node, &docker->works)
		docker_work_cancel(
			container_of(node, struct docker_work, node));
	docker_ping_cancel(docker);
	uv_close((uv_handle_t *)&docker->anchor, on_anchor_closed);
}

static const struct runtime_ops docker_ops = {
	.name = "docker",
	.inspect = docker_inspect,
	.restart = docker_restart,
	.stop = docker_stop,
	.start = docker_start,
	.kill = docker_kill,
	.exec = docker_exec,
	.list = docker_list,
	.remove = docker_remove,
	.watch = docker_watch,
	.unwatch = docker_unwatch,
	.cancel = docker_cancel,
	.close = docker_close,
};

static const struct runtime_ops podman_ops = {
	.name = "podman",
	.inspect = docker_inspect,
	.restart = docker_restart,
	.stop = docker_stop,
	.start = docker_start,
	.kill = docker_kill,
	.exec = docker_exec,
	.list = docker_list,
	.remove = docker_remove,
	.watch = docker_watch,
	.unwatch = docker_unwatch,
	.cancel = docker_cancel,
	.close = docker_close,
};

int docker_runtime_new(struct runtime **runtimep, uv_loop_t *loop,
                       struct http_client *client, const char *name,
                       const char *endpoint, const struct log *log,
                       struct err *err)
{
	struct docker *docker = mem_calloc(1, sizeof(*docker));
	int r;

	if (!docker)
		return err_set(err, -ENOMEM, "%s: out of memory", name);
	docker->runtime.ops =
		strcmp(name, "podman") == 0 ? &podman_ops : &docker_ops;
	docker->loop = loop;
	docker->client = client;
	docker->log = log;
	docker->retry_ms = DOCKER_RETRY_MS;
	docker->retry_max_ms = DOCKER_RETRY_MAX_MS;
	docker->effect_ms = DOCKER_EFFECT_MS;
	docker->head_ms = DOCKER_HEAD_MS;
	list_init(&docker->works);
	list_init(&docker->waiting);
	list_init(&docker->memos);
	buf_init(&docker->ping_reply, DOCKER_MESSAGE_MAX);

	docker->name = mem_strdup(name);
	r = docker->name ? docker_set_addresses(docker, endpoint, err)
	                 : err_set(err, -ENOMEM, "out of memory");
	if (r < 0) {
		docker_free(docker);
		err_wrap(err, "%s", name);
		return r;
	}
	(void)uv_timer_init(loop, &docker->anchor);
	docker->anchored = true;
	*runtimep = &docker->runtime;
	return 0;
}
