/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program instead of a shared object. It reads one JSON document from its
 * stdin, says how it went with its exit code and, if it likes, one JSON object
 * on its stdout: {"result": "ok" | "failed", "detail": "…"}. What it writes to
 * stderr goes into our log. At the deadline its group gets TERM, then KILL.
 */
#include "action/plugin_private.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/duration.h"
#include "base/mem.h"
#include "base/text.h"
#include "io/process.h"
#include "proto/json.h"

#define INPUT_MAX      (1u << 20) /* bytes of the document */
#define ERRORS_MAX     16384      /* bytes of stderr */
#define LINES_LOGGED   20         /* of it */
#define LINE_MAX_BYTES 1000
#define SIGNAL_BASE    128

struct plugin_exec {
	struct list node;
	struct plugins *plugins;
	struct plugin_call *call;
	struct process_call process;
	struct buf input;
	const char *argv[2];
	char *monitor;
};

static const char *name_of(const struct plugin_exec *exec)
{
	return exec->argv[0];
}

/* --- the answer --------------------------------------------------------------- */

static void say(struct plugin_exec *exec, enum runtime_result result,
                const char *format, ...) PRINTF_LIKE(3, 4);

static void say(struct plugin_exec *exec, enum runtime_result result,
                const char *format, ...)
{
	va_list args;

	exec->call->result = result;
	va_start(args, format);
	(void)err_vset(&exec->call->err, 0, format, args);
	va_end(args);
}

static void say_detail(struct plugin_exec *exec, enum runtime_result result,
                       struct slice detail)
{
	struct buf words;

	buf_init(&words, 4096);
	text_append_clean(&words, text_cut(detail, ERR_MESSAGE_SIZE - 1),
	                  false);
	say(exec, result, "%s", buf_text(&words));
	buf_fini(&words);
}

static struct slice trimmed(struct slice text)
{
	while (text.n && strchr(" \t\r\n", text.p[0]))
		text = slice_skip(text, 1);
	while (text.n && strchr(" \t\r\n", text.p[text.n - 1]))
		text.n--;
	return text;
}

/* The last line of what was said, for want of better words. */
static struct slice last_line(const struct buf *said)
{
	struct slice text = trimmed(buf_slice(said));
	size_t begin = text.n;

	while (begin > 0 && text.p[begin - 1] != '\n')
		begin--;
	return slice_skip(text, begin);
}

/* What the object says; without one the exit code has said it all. */
static void judge_answer(struct plugin_exec *exec, struct slice answer)
{
	struct json_t *root = NULL;
	const struct json_t *result;
	struct slice detail;
	struct err err = { 0 };

	if (json_parse(answer, &root, &err) < 0) {
		say(exec, RUNTIME_FAILED, "its answer is %s", err.message);
		return;
	}
	result = json_get(root, "result");
	detail = json_as_text(json_get(root, "detail"));
	if (!detail.p)
		detail = slice_from("");
	if (json_is_missing(result) || slice_is(json_as_text(result), "ok"))
		say_detail(exec, RUNTIME_OK, detail);
	else if (slice_is(json_as_text(result), "failed"))
		say_detail(exec, RUNTIME_FAILED, detail);
	else
		say(exec, RUNTIME_FAILED,
		    "its answer has a result that is neither \"ok\" nor "
		    "\"failed\"");
	json_free(root);
}

static void judge_ended(struct plugin_exec *exec)
{
	const struct process_call *process = &exec->process;
	struct slice answer = trimmed(buf_slice(&process->output));
	struct slice words = last_line(&process->errors);
	char said[ERR_MESSAGE_SIZE];

	if (answer.n && answer.p[0] == '{')
		judge_answer(exec, answer);
	else
		say_detail(exec, RUNTIME_OK, last_line(&process->output));
	if (process->term_signal == 0 && process->exit_status == 0)
		return;
	/* the exit code has the last word, the answer only explains it */
	if (!exec->call->err.message[0])
		say_detail(exec, RUNTIME_FAILED, words);
	memcpy(said, exec->call->err.message, sizeof(said));
	if (process->term_signal)
		say(exec, RUNTIME_FAILED, "ended by signal %d%s%s",
		    process->term_signal, said[0] ? ": " : "", said);
	else
		say(exec, RUNTIME_FAILED, "exit code %" PRId64 "%s%s",
		    process->exit_status, said[0] ? ": " : "", said);
}

static void judge(struct plugin_exec *exec)
{
	const struct process_call *process = &exec->process;
	char span[DURATION_TEXT_MAX];

	if (process->err.code == UV_ETIMEDOUT)
		say(exec, RUNTIME_TIMED_OUT,
		    "%s did not end within %s and was killed", name_of(exec),
		    duration_format(process->timeout_ms, span));
	else if (process->err.code == UV_ECANCELED)
		say(exec, RUNTIME_CANCELLED, "%s was cancelled", name_of(exec));
	else if (process->err.code != 0)
		say(exec, RUNTIME_FAILED, "%s", process->err.message);
	else if (process->output.n >= PLUGIN_MAX_ANSWER)
		say(exec, RUNTIME_FAILED, "%s answers with more than %d bytes",
		    name_of(exec), PLUGIN_MAX_ANSWER);
	else
		judge_ended(exec);
}

static void log_errors(const struct plugin_exec *exec)
{
	struct slice rest = buf_slice(&exec->process.errors);
	struct slice line;

	for (int i = 0; i < LINES_LOGGED && slice_next(&rest, '\n', &line);
	     i++) {
		line = text_cut(trimmed(line), LINE_MAX_BYTES);
		if (line.n)
			log_info(exec->plugins->options.log, "plugin says",
			         LOG_STR("plugin", name_of(exec)),
			         LOG_STR("monitor", exec->monitor),
			         LOG_SLICE("what", line));
	}
}

/* --- from its start to its end ---------------------------------------------------- */

static void exec_free(struct plugin_exec *exec)
{
	buf_fini(&exec->input);
	process_call_fini(&exec->process);
	mem_free(exec->monitor);
	mem_free(exec);
}

static void on_ended(struct process_call *process)
{
	struct plugin_exec *exec =
		container_of(process, struct plugin_exec, process);
	struct plugins *plugins = exec->plugins;
	struct plugin_call *call = exec->call;

	log_errors(exec);
	judge(exec);
	list_unlink(&exec->node);
	exec_free(exec);
	call->work = NULL;
	call->done(call);
	plugins_maybe_closed(plugins);
}

static int exec_spawn(struct plugin_exec *exec)
{
	plugin_context_json(&exec->input, exec->call);
	if (exec->input.failed)
		return exec->input.failed;
	exec->process = (struct process_call){
		.argv = exec->argv,
		.timeout_ms = exec->call->timeout_ms,
		.cancel_signal = exec->call->cancel_signal,
		.cancel_grace_ms = exec->call->cancel_grace_ms,
		.max_output = PLUGIN_MAX_ANSWER,
		.max_errors = ERRORS_MAX,
		.input = buf_slice(&exec->input),
	};
	return process_spawn(exec->plugins->options.loop, &exec->process,
	                     on_ended);
}

int plugin_exec_start(struct plugins *plugins, struct plugin_call *call)
{
	struct plugin_exec *exec = mem_calloc(1, sizeof(*exec));
	int r = -ENOMEM;

	if (!exec)
		return r;
	exec->plugins = plugins;
	exec->call = call;
	exec->argv[0] = call->step->path;
	exec->monitor = mem_strdup(call->notice->monitor);
	buf_init(&exec->input, INPUT_MAX);
	if (exec->monitor)
		r = exec_spawn(exec);
	if (r < 0) {
		exec_free(exec);
		return err_set(&call->err, r,
		               r == -E2BIG ? "more than a MiB to tell it"
		                           : "out of memory");
	}
	list_append(&plugins->execs, &exec->node);
	call->work = exec;
	return 0;
}

void plugin_exec_cancel(struct plugin_exec *exec)
{
	process_cancel(&exec->process);
}
