/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/runtime.h"

#include <assert.h>
#include <errno.h>

static const char *const result_names[] = {
	[RUNTIME_OK] = "ok",
	[RUNTIME_FAILED] = "failed",
	[RUNTIME_TIMED_OUT] = "timed_out",
	[RUNTIME_NO_TARGET] = "no_target",
	[RUNTIME_LEFT_ALONE] = "left_alone",
	[RUNTIME_BUSY] = "busy",
	[RUNTIME_UNAVAILABLE] = "unavailable",
	[RUNTIME_CANCELLED] = "cancelled",
};

const char *runtime_result_name(enum runtime_result result)
{
	return result_names[result];
}

/* The results are empty and the call is tied to its runtime. */
static int begin(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done,
                 int (*op)(struct runtime *, struct runtime_call *))
{
	assert(!call->work);
	call->runtime = runtime;
	call->done = done;
	call->result = RUNTIME_OK;
	call->exit_code = -1;
	call->truncated = false;
	call->found = (struct runtime_target){ .exit_code = -1,
		                               .stop_timeout_ms = -1 };
	err_clear(&call->err);
	buf_fini(&call->output);
	buf_init(&call->output,
	         call->max_output ? call->max_output : RUNTIME_OUTPUT_MAX);
	return op(runtime, call);
}

int runtime_inspect(struct runtime *runtime, struct runtime_call *call,
                    runtime_done_cb done)
{
	return begin(runtime, call, done, runtime->ops->inspect);
}

int runtime_restart(struct runtime *runtime, struct runtime_call *call,
                    runtime_done_cb done)
{
	return begin(runtime, call, done, runtime->ops->restart);
}

int runtime_stop(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done)
{
	return begin(runtime, call, done, runtime->ops->stop);
}

int runtime_start(struct runtime *runtime, struct runtime_call *call,
                  runtime_done_cb done)
{
	return begin(runtime, call, done, runtime->ops->start);
}

int runtime_kill(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done)
{
	return begin(runtime, call, done, runtime->ops->kill);
}

int runtime_exec(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done)
{
	return begin(runtime, call, done, runtime->ops->exec);
}

int runtime_list(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done)
{
	if (!runtime->ops->list)
		return -ENOTSUP;
	return begin(runtime, call, done, runtime->ops->list);
}

int runtime_remove(struct runtime *runtime, struct runtime_call *call,
                   runtime_done_cb done)
{
	if (!runtime->ops->remove)
		return -ENOTSUP;
	return begin(runtime, call, done, runtime->ops->remove);
}

int runtime_watch(struct runtime *runtime, struct runtime_watch *watch)
{
	if (!runtime->ops->watch)
		return -ENOTSUP;
	watch->runtime = runtime;
	watch->work = NULL;
	watch->err = (struct err){ 0 };
	return runtime->ops->watch(runtime, watch);
}

void runtime_unwatch(struct runtime_watch *watch)
{
	if (watch->work)
		watch->runtime->ops->unwatch(watch);
}

void runtime_cancel(struct runtime_call *call)
{
	if (call->work)
		call->runtime->ops->cancel(call);
}

void runtime_close(struct runtime *runtime, runtime_closed_cb closed,
                   void *context)
{
	runtime->ops->close(runtime, closed, context);
}

void runtime_call_fini(struct runtime_call *call)
{
	buf_fini(&call->output);
}
