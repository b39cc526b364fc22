/* SPDX-License-Identifier: Apache-2.0 */
#include "runtime/host.h"

#include <errno.h>
#include <inttypes.h>
#include "base/duration.h"
#include "base/list.h"
#include "base/mem.h"
#include "io/process.h"

struct host_runtime {
	struct runtime base;
	uv_loop_t *loop;
	struct list works; /* host_work.node */

	bool closing;
	uv_idle_t idle; /* closes from the loop, never at once */
	runtime_closed_cb closed;
	void *closed_context;
};

/* A command, or an answer that is known and waits for the loop. */
struct host_work {
	struct list node;
	struct host_runtime *host;
	struct runtime_call *call;
	struct process_call process;
	uv_timer_t soon;
	bool is_command;
};

static struct host_runtime *host_of(struct runtime *runtime)
{
	return container_of(runtime, struct host_runtime, base);
}

static void maybe_closed(struct host_runtime *host);

/* The work goes before the caller hears of it. */
static void complete(struct host_work *work)
{
	struct runtime_call *call = work->call;
	struct host_runtime *host = work->host;

	list_unlink(&work->node);
	mem_free(work);
	call->work = NULL;
	maybe_closed(host);
	call->done(call);
}

static struct host_work *work_new(struct runtime *runtime,
                                  struct runtime_call *call)
{
	struct host_work *work = mem_calloc(1, sizeof(*work));

	if (!work)
		return NULL;
	work->host = host_of(runtime);
	work->call = call;
	return work;
}

static void work_begin(struct host_work *work)
{
	list_append(&work->host->works, &work->node);
	work->call->work = work;
}

/* --- a command ---------------------------------------------------------- */

static void say(struct runtime_call *call, enum runtime_result result,
                const char *format, ...) PRINTF_LIKE(3, 4);

static void say(struct runtime_call *call, enum runtime_result result,
                const char *format, ...)
{
	va_list args;

	call->result = result;
	va_start(args, format);
	(void)err_vset(&call->err, -EIO, format, args);
	va_end(args);
}

static void judge(const struct process_call *process, struct runtime_call *call)
{
	const char *name = call->argv[0];
	char span[DURATION_TEXT_MAX];

	if (process->err.code == UV_ETIMEDOUT) {
		say(call, RUNTIME_TIMED_OUT,
		    "%s did not end within %s and was killed", name,
		    duration_format(process->timeout_ms, span));
	} else if (process->err.code == UV_ECANCELED) {
		say(call, RUNTIME_CANCELLED, "%s was cancelled", name);
	} else if (process->err.code != 0) {
		/* names the program already */
		say(call, RUNTIME_FAILED, "%s", process->err.message);
	} else if (process->term_signal != 0) {
		call->exit_code = 128 + process->term_signal;
		say(call, RUNTIME_FAILED, "%s was ended by signal %d", name,
		    process->term_signal);
	} else {
		call->exit_code = process->exit_status;
		if (call->exit_code != 0)
			say(call, RUNTIME_FAILED,
			    "%s ended with exit code %" PRId64, name,
			    call->exit_code);
	}
}

static void on_ended(struct process_call *process)
{
	struct host_work *work =
		container_of(process, struct host_work, process);
	struct runtime_call *call = work->call;

	judge(process, call);
	buf_fini(&call->output);
	call->output = process->output;
	call->truncated = process->truncated;
	buf_init(&process->output, 0); /* it is the call's now */
	process_call_fini(process);
	complete(work);
}

static int host_exec(struct runtime *runtime, struct runtime_call *call)
{
	struct host_work *work;
	int r;

	if (!call->argv || !call->argv[0])
		return err_set(&call->err, -EINVAL,
		               "a command of the host needs words");
	work = work_new(runtime, call);
	if (!work)
		return err_set_code(&call->err, -ENOMEM, "%s", call->argv[0]);
	work->is_command = true;
	work->process = (struct process_call){
		.argv = call->argv,
		.env = call->env,
		.timeout_ms =
			call->timeout_ms ? call->timeout_ms : HOST_EXEC_MS,
		.cancel_signal = call->cancel_signal,
		.cancel_grace_ms = call->cancel_grace_ms,
		.max_output = call->max_output ? call->max_output
		                               : RUNTIME_OUTPUT_MAX,
	};
	r = process_spawn(work->host->loop, &work->process, on_ended);
	if (r < 0) {
		mem_free(work);
		return err_set_code(&call->err, r, "%s", call->argv[0]);
	}
	work_begin(work);
	return 0;
}

/* --- answers that are known --------------------------------------------- */

static void on_soon_closed(uv_handle_t *handle)
{
	complete(container_of(handle, struct host_work, soon));
}

static void on_soon(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_soon_closed);
}

static int answer_soon(struct runtime *runtime, struct runtime_call *call)
{
	struct host_work *work = work_new(runtime, call);

	if (!work)
		return err_set_code(&call->err, -ENOMEM, "host");
	work_begin(work);
	/* neither can fail for a fresh timer on a loop that lives */
	(void)uv_timer_init(work->host->loop, &work->soon);
	(void)uv_timer_start(&work->soon, on_soon, 0, 0);
	return 0;
}

static int host_inspect(struct runtime *runtime, struct runtime_call *call)
{
	call->found.status = RUNTIME_STATUS_RUNNING;
	return answer_soon(runtime, call);
}

static int host_refuse(struct runtime *runtime, struct runtime_call *call)
{
	say(call, RUNTIME_FAILED,
	    "the host itself cannot be restarted, stopped, started or killed: "
	    "give a command for it (restart_command, or a step `run`)");
	return answer_soon(runtime, call);
}

/* --- cancelling and closing --------------------------------------------- */

static void host_cancel(struct runtime_call *call)
{
	struct host_work *work = call->work;

	/* an answer that is known comes soon enough */
	if (work->is_command)
		process_cancel(&work->process);
}

static void on_closed(uv_handle_t *handle)
{
	struct host_runtime *host =
		container_of(handle, struct host_runtime, idle);
	runtime_closed_cb closed = host->closed;
	void *context = host->closed_context;

	mem_free(host);
	closed(context);
}

static void maybe_closed(struct host_runtime *host)
{
	if (host->closing && list_empty(&host->works))
		uv_close((uv_handle_t *)&host->idle, on_closed);
}

static void host_close(struct runtime *runtime, runtime_closed_cb closed,
                       void *context)
{
	struct host_runtime *host = host_of(runtime);

	/* never started: its closing is what we want of it */
	(void)uv_idle_init(host->loop, &host->idle);
	host->closing = true;
	host->closed = closed;
	host->closed_context = context;
	LIST_FOR_EACH (node, &host->works) {
		host_cancel(container_of(node, struct host_work, node)->call);
	}
	maybe_closed(host);
}

static const struct runtime_ops host_ops = {
	.name = "host",
	.inspect = host_inspect,
	.restart = host_refuse,
	.stop = host_refuse,
	.start = host_refuse,
	.kill = host_refuse,
	.exec = host_exec,
	.cancel = host_cancel,
	.close = host_close,
};

int host_runtime_new(struct runtime **runtimep, uv_loop_t *loop)
{
	struct host_runtime *host = mem_calloc(1, sizeof(*host));

	if (!host)
		return -ENOMEM;
	host->base.ops = &host_ops;
	host->loop = loop;
	list_init(&host->works);
	*runtimep = &host->base;
	return 0;
}
