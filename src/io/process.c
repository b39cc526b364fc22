/* SPDX-License-Identifier: Apache-2.0 */
#include "io/process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/duration.h"
#include "base/mem.h"

#define PROCESS_NAME_MAX    64   /* of argv[0], in messages */
#define PROCESS_READ_SIZE   8192 /* bytes taken from the pipe at once */
#define PROCESS_LEFTOVER_MS 50   /* between two looks at the group */

enum process_stage {
	PROCESS_RUNNING,   /* timer: the deadline */
	PROCESS_STOPPING,  /* TERM was sent; timer: the grace */
	PROCESS_KILLED,    /* KILL was sent */
	PROCESS_LEFTOVERS, /* the child is gone, its group perhaps not */
	PROCESS_DRAINING,  /* the child is gone, the pipe is open */
	PROCESS_CLOSING,   /* the handles are being closed */
};

/* Our end of one. */
struct process_pipe {
	uv_pipe_t handle;
	struct process *process;
	struct buf *into; /* what it says; NULL: it is the input */
	bool open;
	bool ended; /* nobody can write to it any more */
};

enum { PROCESS_OUTPUT, PROCESS_ERRORS, PROCESS_INPUT, N_PROCESS_PIPES };

struct process {
	struct process_call *call;
	enum process_stage stage;
	uint64_t grace_end_ms; /* loop time; when KILL follows TERM */
	bool child_open;       /* the handles that need closing */
	bool timer_open;
	uv_process_t child;
	struct process_pipe pipes[N_PROCESS_PIPES];
	uv_write_t write;
	uv_timer_t timer;
	char name[PROCESS_NAME_MAX]; /* argv[0], cut */
	char bytes[PROCESS_READ_SIZE];
};

static void on_timer(uv_timer_t *timer);

/* --- the end ---------------------------------------------------------- */

static void process_maybe_closed(struct process *process)
{
	struct process_call *call = process->call;

	if (process->child_open || process->timer_open)
		return;
	for (int i = 0; i < N_PROCESS_PIPES; i++) {
		if (process->pipes[i].open)
			return;
	}
	call->process = NULL;
	mem_free(process);
	call->done(call);
}

static void on_child_closed(uv_handle_t *handle)
{
	struct process *process =
		container_of((uv_process_t *)handle, struct process, child);

	process->child_open = false;
	process_maybe_closed(process);
}

static void on_pipe_closed(uv_handle_t *handle)
{
	struct process_pipe *pipe =
		container_of((uv_pipe_t *)handle, struct process_pipe, handle);

	pipe->open = false;
	process_maybe_closed(pipe->process);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct process *process =
		container_of((uv_timer_t *)handle, struct process, timer);

	process->timer_open = false;
	process_maybe_closed(process);
}

static void process_close_pipe(struct process_pipe *pipe)
{
	uv_handle_t *handle = (uv_handle_t *)&pipe->handle;

	if (pipe->open && !uv_is_closing(handle))
		uv_close(handle, on_pipe_closed);
}

static void process_end(struct process *process)
{
	process->stage = PROCESS_CLOSING;
	if (process->child_open)
		uv_close((uv_handle_t *)&process->child, on_child_closed);
	for (int i = 0; i < N_PROCESS_PIPES; i++)
		process_close_pipe(&process->pipes[i]);
	uv_close((uv_handle_t *)&process->timer, on_timer_closed);
}

/* --- the way there ---------------------------------------------------- */

static void process_arm(struct process *process, uint64_t ms)
{
	/* cannot fail: the callback is given and the handle not closing */
	(void)uv_timer_start(&process->timer, on_timer, ms, 0);
}

static bool process_said_all(const struct process *process)
{
	return process->pipes[PROCESS_OUTPUT].ended &&
	       process->pipes[PROCESS_ERRORS].ended;
}

static void process_drain(struct process *process)
{
	process->stage = PROCESS_DRAINING;
	if (process_said_all(process))
		process_end(process);
	else
		process_arm(process, PROCESS_DRAIN_MS);
}

static void process_signal_group(const struct process *process, int signum)
{
	/* fails only if nobody is left, or if it became another user's */
	(void)kill(-process->child.pid, signum);
}

static bool process_group_is_empty(const struct process *process)
{
	pid_t group = process->child.pid;

	/* as process 1 we inherit orphans, and a dead one is still a member;
	 * libuv waits only for what it started itself */
	while (waitpid(-group, NULL, WNOHANG) > 0)
		continue;
	return kill(-group, 0) < 0 && errno == ESRCH;
}

/* The child obeyed; the rest of its group has until the end of the grace. */
static void process_await_leftovers(struct process *process)
{
	uint64_t now = uv_now(process->timer.loop);

	process->stage = PROCESS_LEFTOVERS;
	if (process_group_is_empty(process)) {
		process_drain(process);
	} else if (now >= process->grace_end_ms) {
		process_signal_group(process, SIGKILL);
		process_drain(process);
	} else {
		process_arm(process, MIN(PROCESS_LEFTOVER_MS,
		                         process->grace_end_ms - now));
	}
}

static void process_stop(struct process *process, int signum, uint64_t grace_ms)
{
	if (grace_ms == 0)
		grace_ms = process->call->kill_grace_ms;
	if (grace_ms == 0)
		grace_ms = PROCESS_KILL_GRACE_MS;
	process->stage = PROCESS_STOPPING;
	process->grace_end_ms = uv_now(process->timer.loop) + grace_ms;
	process_signal_group(process, signum);
	process_arm(process, grace_ms);
}

static void process_time_out(struct process *process)
{
	struct process_call *call = process->call;
	char text[DURATION_TEXT_MAX];

	(void)err_set(&call->err, UV_ETIMEDOUT, "\"%s\" did not end within %s",
	              process->name, duration_format(call->timeout_ms, text));
	process_stop(process, SIGTERM, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct process *process = container_of(timer, struct process, timer);

	switch (process->stage) {
	case PROCESS_RUNNING:
		process_time_out(process);
		break;
	case PROCESS_STOPPING:
		process->stage = PROCESS_KILLED;
		process_signal_group(process, SIGKILL);
		break;
	case PROCESS_LEFTOVERS:
		process_await_leftovers(process);
		break;
	case PROCESS_DRAINING:
		process_end(process);
		break;
	case PROCESS_KILLED:
	case PROCESS_CLOSING:
	default:
		break;
	}
}

static void on_exited(uv_process_t *child, int64_t status, int term_signal)
{
	struct process *process = container_of(child, struct process, child);

	process->call->exit_status = term_signal ? -1 : status;
	process->call->term_signal = term_signal;
	(void)uv_timer_stop(&process->timer);
	if (process->stage == PROCESS_STOPPING)
		process_await_leftovers(process);
	else
		process_drain(process);
}

/* --- what it says ----------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *bytes)
{
	struct process *process =
		container_of((uv_pipe_t *)handle, struct process_pipe, handle)
			->process;

	*bytes = uv_buf_init(process->bytes, sizeof(process->bytes));
}

static void process_keep(struct process_call *call, struct buf *into,
                         const char *p, size_t n)
{
	size_t room = into->max - into->n;

	if (n > room) {
		n = room;
		call->truncated = true;
	}
	if (buf_append(into, p, n) < 0) {
		/* out of memory is no reason to fail the command; what was
		 * kept so far stays readable */
		into->failed = 0;
		call->truncated = true;
	}
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *bytes)
{
	struct process_pipe *pipe =
		container_of((uv_pipe_t *)stream, struct process_pipe, handle);
	struct process *process = pipe->process;

	if (n > 0)
		process_keep(process->call, pipe->into, bytes->base, (size_t)n);
	if (n >= 0)
		return;
	(void)uv_read_stop(stream);
	pipe->ended = true;
	if (process->stage == PROCESS_DRAINING && process_said_all(process))
		process_end(process);
}

/* --- the start -------------------------------------------------------- */

static bool env_has(const char *const *env, const char *pair)
{
	size_t n = strcspn(pair, "=");

	for (; *env; env++) {
		if (strncmp(*env, pair, n) == 0 && (*env)[n] == '=')
			return true;
	}
	return false;
}

/* Ours, but for what is given, then the given ones; the strings are borrowed
 * from both. NULL if out of memory. */
static char **env_merge(const char *const *env)
{
	size_t n_ours = 0;
	size_t n_given = 0;
	char **merged;
	size_t n = 0;

	while (environ && environ[n_ours])
		n_ours++;
	while (env[n_given])
		n_given++;
	merged = mem_calloc(n_ours + n_given + 1, sizeof(*merged));
	if (!merged)
		return NULL;
	for (size_t i = 0; i < n_ours; i++) {
		if (!env_has(env, environ[i]))
			merged[n++] = environ[i];
	}
	/* libuv's type lacks the const; it does not write there */
	for (size_t i = 0; i < n_given; i++)
		merged[n++] = (char *)(uintptr_t)env[i];
	return merged;
}

static int process_explain(struct process *process, const char *program,
                           int code)
{
	struct err *err = &process->call->err;

	if (code == UV_ENOENT && !strchr(program, '/'))
		return err_set(err, code,
		               "cannot run \"%s\": not found in PATH",
		               process->name);
	if (code == UV_ENOENT && access(program, F_OK) == 0)
		return err_set(err, code,
		               "cannot run \"%s\": the interpreter or loader "
		               "that it names does not exist",
		               process->name);
	if (code == UV_EACCES)
		return err_set(err, code,
		               "cannot run \"%s\": permission denied; "
		               "is it executable?",
		               process->name);
	return err_set_code(err, code, "cannot run \"%s\"", process->name);
}

/* It is told all, or does not listen any more, or is gone. */
static void on_written(uv_write_t *write, int status)
{
	struct process *process = container_of(write, struct process, write);

	(void)status;
	process_close_pipe(&process->pipes[PROCESS_INPUT]);
}

/* Before the spawn, so that nothing can fail after it. */
static int process_begin_pipe(struct process *process,
                              struct process_pipe *pipe)
{
	uv_stream_t *stream = (uv_stream_t *)&pipe->handle;
	uv_buf_t bytes;

	if (pipe->into)
		return uv_read_start(stream, on_alloc, on_read);
	/* libuv's type lacks the const; it does not write there */
	bytes = uv_buf_init((char *)(uintptr_t)process->call->input.p,
	                    (unsigned)process->call->input.n);
	return uv_write(&process->write, stream, &bytes, 1, on_written);
}

/* The pipe is ours and not libuv's (a socket pair), so that a command may open
 * /dev/stdout. On success the other end is *fdp, the caller's. */
static int process_open_pipe(struct process *process, int which, int *fdp)
{
	struct process_pipe *pipe = &process->pipes[which];
	bool reads = pipe->into != NULL;
	uv_file fds[2];
	int r;

	r = uv_pipe(fds, reads ? UV_NONBLOCK_PIPE : 0,
	            reads ? 0 : UV_NONBLOCK_PIPE);
	if (r < 0)
		return r;
	pipe->process = process;
	pipe->ended = false;
	(void)uv_pipe_init(process->timer.loop, &pipe->handle, 0);
	pipe->open = true;
	r = uv_pipe_open(&pipe->handle, fds[reads ? 0 : 1]);
	*fdp = fds[reads ? 1 : 0];
	if (r < 0)
		(void)close(fds[reads ? 0 : 1]);
	else
		r = process_begin_pipe(process, pipe);
	return r;
}

static void close_fds(const int *fds)
{
	for (int i = 0; i < N_PROCESS_PIPES; i++) {
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
}

/* The child's ends, -1 where there is none. */
static int process_open_pipes(struct process *process, int *fds)
{
	struct process_call *call = process->call;
	int r;

	process->pipes[PROCESS_OUTPUT].into = &call->output;
	process->pipes[PROCESS_ERRORS].into = &call->errors;
	process->pipes[PROCESS_ERRORS].ended = true;
	r = process_open_pipe(process, PROCESS_OUTPUT, &fds[PROCESS_OUTPUT]);
	if (r == 0 && call->max_errors)
		r = process_open_pipe(process, PROCESS_ERRORS,
		                      &fds[PROCESS_ERRORS]);
	if (r == 0 && call->input.n)
		r = process_open_pipe(process, PROCESS_INPUT,
		                      &fds[PROCESS_INPUT]);
	return r;
}

static void stdio_inherit(uv_stdio_container_t *stdio, int fd)
{
	stdio->flags = UV_INHERIT_FD;
	stdio->data.fd = fd;
}

static int process_start(struct process *process, char **env)
{
	const char *const *argv = process->call->argv;
	int fds[N_PROCESS_PIPES] = { -1, -1, -1 };
	uv_process_options_t options = { 0 };
	uv_stdio_container_t stdio[3] = { 0 };
	int r;

	r = process_open_pipes(process, fds);
	if (r < 0) {
		close_fds(fds);
		return process_explain(process, argv[0], r);
	}
	stdio[0].flags = UV_IGNORE;
	if (fds[PROCESS_INPUT] >= 0)
		stdio_inherit(&stdio[0], fds[PROCESS_INPUT]);
	stdio_inherit(&stdio[1], fds[PROCESS_OUTPUT]);
	stdio_inherit(&stdio[2], fds[PROCESS_ERRORS] >= 0
	                                 ? fds[PROCESS_ERRORS]
	                                 : fds[PROCESS_OUTPUT]);
	options.exit_cb = on_exited;
	options.file = argv[0];
	options.args = (char **)(uintptr_t)argv;
	options.env = env;
	options.flags = UV_PROCESS_DETACHED;
	options.stdio = stdio;
	options.stdio_count = ARRAY_SIZE(stdio);

	r = uv_spawn(process->timer.loop, &process->child, &options);
	process->child_open = true; /* a failed one must be closed too */
	close_fds(fds);
	if (r < 0)
		return process_explain(process, argv[0], r);

	if (process->call->timeout_ms)
		process_arm(process, process->call->timeout_ms);
	return 0;
}

int process_spawn(uv_loop_t *loop, struct process_call *call,
                  process_done_cb done)
{
	struct process *process;
	char **env = NULL;
	int r;

	process = mem_calloc(1, sizeof(*process));
	if (!process)
		return UV_ENOMEM;
	if (call->env) {
		env = env_merge(call->env);
		if (!env) {
			mem_free(process);
			return UV_ENOMEM;
		}
	}

	err_clear(&call->err);
	call->exit_status = -1;
	call->term_signal = 0;
	call->truncated = false;
	call->process = process;
	call->done = done;
	buf_init(&call->output, call->max_output);
	buf_init(&call->errors, call->max_errors);
	process->call = call;
	(void)uv_timer_init(loop, &process->timer);
	process->timer_open = true;

	if (call->argv && call->argv[0]) {
		(void)snprintf(process->name, sizeof(process->name), "%s",
		               call->argv[0]);
		r = process_start(process, env);
	} else {
		r = err_set(&call->err, UV_EINVAL, "no command was given");
	}
	mem_free(env);
	if (r < 0)
		process_end(process);
	return 0;
}

void process_cancel(struct process_call *call)
{
	struct process *process = call->process;

	if (!process || process->stage != PROCESS_RUNNING)
		return;
	(void)err_set(&call->err, UV_ECANCELED, "\"%s\" was cancelled",
	              process->name);
	process_stop(process,
	             call->cancel_signal ? call->cancel_signal : SIGTERM,
	             call->cancel_grace_ms);
}

void process_call_fini(struct process_call *call)
{
	buf_fini(&call->output);
	buf_fini(&call->errors);
}
