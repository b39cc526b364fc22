/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: a command in an instance.
 *
 *   ask ──▶ wait for the operation ──▶ fetch what was recorded ──▶ delete it
 *
 * The daemon cannot cancel a command. When the deadline comes first, or the
 * caller cancels, the call is completed and let go; the work goes on without
 * it, with nothing to fetch, so that the recorded output is deleted when it
 * appears, and so that we know when another command may be started.
 *
 * An operation whose end was lost has perhaps left its output behind; the
 * servers name it after the operation, so it is deleted by that name.
 */
#include "runtime/lxd_work.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/duration.h"
#include "base/mem.h"

#define LXD_TIDY_MS 5000 /* one fetch or deletion of recorded output */
#define N_GUESSES   4    /* names under which output may be recorded */

struct command {
	struct lxd_work work;
	char *target; /* copies: they outlive the call */
	char *project;
	uint64_t timeout_ms;
	bool quiet;   /* a check: nobody reads its output */
	bool running; /* as far as we know */
	bool tidying; /* what is to be fetched has been */
	bool told;    /* result and words below are known */
	enum runtime_result result;
	char words[ERR_MESSAGE_SIZE];
	char paths[N_GUESSES][LXD_PATH_MAX]; /* recorded output */
	uint8_t n_paths;
	uint8_t at; /* the one being fetched, deleted */
};

static void ask(struct lxd_work *work);
static void fetch(struct command *command);
static void delete_next(struct lxd_work *work);

static struct command *command_of(struct lxd_work *work)
{
	return container_of(work, struct command, work);
}

static void command_fini(struct lxd_work *work)
{
	struct command *command = command_of(work);

	mem_free(command->target);
	mem_free(command->project);
}

/* --- telling ------------------------------------------------------------ */

static void tell(struct command *command, enum runtime_result result,
                 const char *format, ...) PRINTF_LIKE(3, 4);

/* How it ended is known now; the call may have to wait for its output. */
static void tell(struct command *command, enum runtime_result result,
                 const char *format, ...)
{
	va_list args;

	command->told = true;
	command->result = result;
	va_start(args, format);
	(void)vsnprintf(command->words, sizeof(command->words), format, args);
	va_end(args);
}

static void release(struct command *command)
{
	if (command->work.call)
		lxd_work_complete(&command->work, command->result, "%s",
		                  command->words);
}

static void finish(struct command *command)
{
	release(command);
	lxd_work_end(&command->work);
}

/* The deadline, or the caller, will not wait any longer. */
static void on_interrupted(struct lxd_work *work)
{
	struct command *command = command_of(work);
	char span[DURATION_TEXT_MAX];

	if (command->told) {
		/* only its output may not all be there */
		work->call->truncated |= !command->tidying;
	} else if (work->interrupt == RUNTIME_CANCELLED) {
		tell(command, RUNTIME_CANCELLED, "cancelled%s",
		     command->running ? "; the command may still run" : "");
	} else if (!command->running) {
		tell(command, RUNTIME_TIMED_OUT,
		     "no command in %s could be started within %s: %.128s",
		     work->target, duration_format(command->timeout_ms, span),
		     work->err.message);
	} else {
		tell(command, RUNTIME_TIMED_OUT,
		     "the command in %s did not end within %s; it cannot be "
		     "stopped from here, and no other is started before it "
		     "ends",
		     work->target, duration_format(command->timeout_ms, span));
	}
	release(command);
	if (work->lxd->closing)
		lxd_work_end(work);
}

/* --- recorded output ---------------------------------------------------- */

static void on_deleted(struct lxd_work *work)
{
	struct command *command = command_of(work);
	struct err err;
	int r = lxd_work_sent(work, &err);

	if (r == 0)
		r = lxd_read_empty(buf_slice(&work->reply), work->http.status,
		                   &err);
	if (r != 0 && r != LXD_E_NOT_FOUND)
		log_debug(work->lxd->log, "recorded output not deleted",
		          LOG_STR("runtime", work->lxd->base.ops->name),
		          LOG_STR("path", command->paths[command->at]),
		          LOG_STR("error", err.message));
	command->at++;
	delete_next(work);
}

static void delete_next(struct lxd_work *work)
{
	struct command *command = command_of(work);

	if (command->at == command->n_paths) {
		finish(command);
		return;
	}
	lxd_work_aim_path(work, command->paths[command->at]);
	lxd_work_send(work, "DELETE", LXD_TIDY_MS, NULL, on_deleted);
}

static void delete_all(struct command *command)
{
	command->at = 0;
	command->tidying = true;
	delete_next(&command->work);
}

static int on_output(struct http_call *http, struct slice bytes)
{
	struct lxd_work *work = container_of(http, struct lxd_work, http);
	struct runtime_call *call = work->call;
	size_t room;

	if (!call)
		return -ECANCELED;
	/* that it is not there is not what the command said */
	if (http->status != 200)
		return 0;
	room = call->output.max - call->output.n;
	if (bytes.n > room)
		call->truncated = true;
	if (buf_append(&call->output, bytes.p, MIN(bytes.n, room)) < 0) {
		call->truncated = true;
		return call->output.failed;
	}
	return bytes.n > room ? -E2BIG : 0;
}

static void on_fetched(struct lxd_work *work)
{
	struct command *command = command_of(work);

	/* a failure shows as output that is short */
	if (work->call && work->http.err.code)
		work->call->truncated = true;
	command->at++;
	fetch(command);
}

static void fetch(struct command *command)
{
	struct lxd_work *work = &command->work;

	if (!work->call || command->at == command->n_paths) {
		delete_all(command);
		return;
	}
	lxd_work_aim_path(work, command->paths[command->at]);
	lxd_work_send(work, "GET", LXD_TIDY_MS, on_output, on_fetched);
}

static void add_path(struct command *command, const char *format, ...)
	PRINTF_LIKE(2, 3);

static void add_path(struct command *command, const char *format, ...)
{
	char *path = command->paths[command->n_paths];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(path, LXD_PATH_MAX, format, args);
	va_end(args);
	if (n > 0 && n < LXD_PATH_MAX)
		command->n_paths++;
}

static void guess_paths(struct command *command)
{
	static const char *const dirs[] = { "logs", "logs/exec-output" };
	const char *id = command->work.operation.id;

	if (!id[0] || command->quiet)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		add_path(command, "/1.0/instances/%s/%s/exec_%s.stdout",
		         command->work.target, dirs[i], id);
		add_path(command, "/1.0/instances/%s/%s/exec_%s.stderr",
		         command->work.target, dirs[i], id);
	}
}

/* --- the command -------------------------------------------------------- */

static void tell_ended(struct command *command)
{
	const struct lxd_operation *operation = &command->work.operation;
	struct runtime_call *call = command->work.call;
	const char *name = call ? call->argv[0] : "the command";
	const char *target = command->work.target;
	int64_t code = operation->exit_code;

	if (call)
		call->exit_code = code;
	if (code == 0 && operation->progress == LXD_SUCCESS)
		tell(command, RUNTIME_OK, "%s", "");
	else if (code == 127)
		tell(command, RUNTIME_FAILED,
		     "%s was not found in %s (exit code 127)", name, target);
	else if (code == 126)
		tell(command, RUNTIME_FAILED,
		     "%s cannot be executed in %s (exit code 126)", name,
		     target);
	else if (code > 0)
		tell(command, RUNTIME_FAILED,
		     "%s ended with exit code %" PRId64 " in %s", name, code,
		     target);
	else
		tell(command, RUNTIME_FAILED, "%s did not run in %s: %s", name,
		     target,
		     operation->error[0] ? operation->error
		                         : "the daemon tells no exit code");
}

static void tell_refused(struct command *command)
{
	const struct lxd_work *work = &command->work;
	struct runtime_call *call = work->call;
	const char *words = work->err.message;

	switch (work->refusal) {
	case LXD_E_NOT_FOUND:
		tell(command, RUNTIME_NO_TARGET,
		     "there is no instance %s in project %s (the daemon says: "
		     "%s)",
		     work->target, work->project ? work->project : "default",
		     words);
		break;
	case LXD_E_FROZEN:
		tell(command, RUNTIME_LEFT_ALONE,
		     "instance %s is frozen; left alone until it is unfrozen",
		     work->target);
		if (call)
			call->found.status = RUNTIME_STATUS_PAUSED;
		break;
	case LXD_E_NOT_RUNNING:
		tell(command, RUNTIME_FAILED,
		     "instance %s is not running; start or restart it",
		     work->target);
		if (call)
			call->found.status = RUNTIME_STATUS_EXITED;
		break;
	case LXD_E_MALFORMED:
	case LXD_E_BUSY:
	case LXD_E_FORBIDDEN:
	case LXD_E_REFUSED:
		tell(command, RUNTIME_FAILED, "no command in %s: %s",
		     work->target, words);
		break;
	}
}

static void on_ended(struct lxd_work *work)
{
	struct command *command = command_of(work);

	command->running = false;
	if (work->end == LXD_REFUSED && work->refusal == LXD_E_BUSY &&
	    work->call) {
		lxd_work_pause(work, work->lxd->retry_ms, ask);
		return;
	}
	switch (work->end) {
	case LXD_ENDED:
		tell_ended(command);
		for (size_t i = 0; i < ARRAY_SIZE(work->operation.output); i++)
			if (work->operation.output[i][0])
				add_path(command, "%s",
				         work->operation.output[i]);
		break;
	case LXD_REFUSED:
		tell_refused(command);
		break;
	case LXD_UNREACHABLE:
		tell(command, lxd_work_blame(work->err.code),
		     "no command in %s: %s", work->target, work->err.message);
		break;
	case LXD_LOST:
		tell(command, RUNTIME_FAILED,
		     "how the command in %s ended is not known: %s",
		     work->target, work->err.message);
		guess_paths(command);
		delete_all(command);
		return;
	}
	fetch(command);
}

static void ask(struct lxd_work *work)
{
	struct command *command = command_of(work);

	/* the caller went while we waited for our turn */
	if (work->call && work->interrupt != RUNTIME_OK)
		on_interrupted(work);
	if (!work->call) {
		finish(command);
		return;
	}
	command->running = true;
	lxd_work_aim(work, "exec");
	lxd_write_exec(&work->body, work->call->argv, work->call->env,
	               !command->quiet);
	lxd_work_run(work, "POST", on_ended);
}

/* --- beginning ---------------------------------------------------------- */

static const char *project_of(const struct lxd_work *work)
{
	return work->project ? work->project : "default";
}

/* Is there another command in it? Works of commands say so by `interrupted`.
 * Checks stand in the way of other checks only. */
static bool is_occupied(const struct lxd_runtime *lxd,
                        const struct command *newcomer)
{
	LIST_FOR_EACH (node, &lxd->works) {
		struct lxd_work *work =
			container_of(node, struct lxd_work, node);

		if (work->interrupted == on_interrupted &&
		    command_of(work) != newcomer && command_of(work)->running &&
		    command_of(work)->quiet == newcomer->quiet &&
		    strcmp(work->target, newcomer->target) == 0 &&
		    strcmp(project_of(work), project_of(&newcomer->work)) == 0)
			return true;
	}
	return false;
}

static void on_begin(struct lxd_work *work)
{
	struct command *command = command_of(work);

	if (!lxd_name_is_valid(work->target)) {
		tell(command, RUNTIME_FAILED, "there can be no instance \"%s\"",
		     work->target);
	} else if (is_occupied(work->lxd, command)) {
		tell(command, RUNTIME_BUSY,
		     "an earlier command in %s still runs; no other is "
		     "started before it ends",
		     work->target);
	} else {
		ask(work);
		return;
	}
	finish(command);
}

static struct command *command_new(const struct runtime_call *call)
{
	struct command *command = mem_calloc(1, sizeof(*command));

	if (!command)
		return NULL;
	command->target = mem_strdup(call->target);
	command->project = mem_strdup(call->project);
	if (command->target && (command->project || !call->project))
		return command;
	command_fini(&command->work);
	mem_free(command);
	return NULL;
}

int lxd_exec(struct runtime *runtime, struct runtime_call *call)
{
	struct lxd_runtime *lxd =
		container_of(runtime, struct lxd_runtime, base);
	struct command *command;

	assert(call->argv && call->argv[0]);
	command = command_new(call);
	if (!command)
		return err_set_code(&call->err, -ENOMEM, "no command in %s",
		                    call->target);
	command->timeout_ms = call->timeout_ms ? call->timeout_ms : LXD_EXEC_MS;
	command->quiet = call->quiet;
	command->work.patient = true;
	command->work.interrupted = on_interrupted;
	command->work.fini = command_fini;
	lxd_work_init(&command->work, lxd, call, command->timeout_ms);
	command->work.target = command->target;
	command->work.project = command->project;
	lxd_work_split_target(&command->work);
	lxd_work_pause(&command->work, 0, on_begin);
	return 0;
}
