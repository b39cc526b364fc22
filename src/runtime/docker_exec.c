/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command in a container: create, start, read its output to the end, ask
 * for its exit code, which may lag behind the end of the output.
 *
 * No engine has a way to stop a command, and hanging up does not: each one is
 * noted in a memo before it starts, and the memo stays until the command has
 * been seen to end. While one runs no other is started in its container.
 */
#include <errno.h>
#include <inttypes.h>
#include "base/mem.h"
#include "runtime/docker_work.h"

#define POLL_FIRST_MS 10 /* for the exit code; doubled each time */
#define POLL_MAX_MS   1000

static void poll_code(struct docker_work *work);

/* --- memos -------------------------------------------------------------- */

static struct docker_memo *memo_find(const struct docker *docker,
                                     const char *container)
{
	LIST_FOR_EACH (node, &docker->memos) {
		struct docker_memo *memo =
			container_of(node, struct docker_memo, node);

		if (strcmp(memo->container, container) == 0)
			return memo;
	}
	return NULL;
}

static void memo_forget(struct docker *docker, struct docker_memo *memo)
{
	list_unlink(&memo->node);
	docker->n_memos--;
	mem_free(memo);
}

static void forget_oldest(struct docker *docker)
{
	LIST_FOR_EACH (node, &docker->memos) {
		struct docker_memo *memo =
			container_of(node, struct docker_memo, node);

		if (memo->owner)
			continue;
		log_warn(docker->log,
		         "too many commands outlived their deadlines; the "
		         "oldest is forgotten",
		         LOG_STR("runtime", docker->name),
		         LOG_STR("container", memo->container));
		memo_forget(docker, memo);
		return;
	}
}

static struct docker_memo *memo_new(struct docker_work *work)
{
	struct docker *docker = work->docker;
	struct docker_memo *memo = mem_calloc(1, sizeof(*memo));

	if (!memo)
		return NULL;
	if (docker->n_memos >= DOCKER_EXECS_MAX)
		forget_oldest(docker);
	memcpy(memo->container, work->now.id, sizeof(memo->container));
	memo->owner = work;
	list_append(&docker->memos, &memo->node);
	docker->n_memos++;
	return memo;
}

void docker_memos_free(struct docker *docker)
{
	LIST_FOR_EACH_SAFE (node, &docker->memos)
		memo_forget(docker,
		            container_of(node, struct docker_memo, node));
}

void docker_exec_abandon(struct docker_work *work)
{
	struct docker_memo *memo = work->memo;

	if (!memo)
		return;
	work->memo = NULL;
	memo->owner = NULL;
	/* it has no id before it is about to be started */
	if (memo->exec[0] == '\0')
		memo_forget(work->docker, memo);
}

/* --- output ------------------------------------------------------------- */

static void keep(struct runtime_call *call, struct slice bytes)
{
	struct buf *output = &call->output;
	size_t n = MIN(bytes.n, output->max - output->n);

	if (n < bytes.n)
		call->truncated = true;
	if (n && buf_append(output, bytes.p, n) < 0)
		call->truncated = true;
}

static int on_output(struct docker_work *work, struct slice bytes)
{
	struct docker_piece piece;

	while (docker_frames_next(&work->frames, &bytes, &piece))
		keep(work->call, piece.bytes);
	return 0;
}

/* The line that says most: the engine's own words come first, a command's
 * last ones count. @out: DOCKER_MESSAGE_MAX, "" if there is none. */
static void telling_line(struct slice output, bool first, char *out)
{
	out[0] = '\0';
	while (output.n && (!first || !out[0])) {
		const char *end = memchr(output.p, '\n', output.n);
		size_t n = end ? (size_t)(end - output.p) : output.n;
		char line[DOCKER_MESSAGE_MAX];

		docker_message(slice_make(output.p, n), line);
		if (line[0])
			memcpy(out, line, sizeof(line));
		output = slice_skip(output, end ? n + 1 : n);
	}
}

/* --- the end of a command ----------------------------------------------- */

static void finish_code(struct docker_work *work,
                        const struct docker_exec *exec)
{
	struct runtime_call *call = work->call;
	struct slice output = buf_slice(&call->output);
	int64_t code = docker_exec_code(exec, output);
	char line[DOCKER_MESSAGE_MAX];
	const char *colon;

	telling_line(output, code == 126 || code == 127, line);
	colon = line[0] ? ": " : "";
	call->exit_code = code;
	memo_forget(work->docker, work->memo);
	work->memo = NULL;
	if (code == 0)
		docker_finish(work, RUNTIME_OK, NULL);
	else if (code == 127)
		docker_finish(work, RUNTIME_FAILED,
		              "there is no such command in it: exit code 127, "
		              "%s%s%s",
		              call->argv[0], colon, line);
	else if (code == 126)
		docker_finish(work, RUNTIME_FAILED,
		              "the command cannot be executed in it: exit code "
		              "126, %s%s%s",
		              call->argv[0], colon, line);
	else
		docker_finish(work, RUNTIME_FAILED,
		              "the command ended with exit code %" PRId64
		              "%s%s",
		              code, colon, line);
}

static void poll_later(struct docker_work *work)
{
	uint32_t ms = work->wait_ms ? work->wait_ms : POLL_FIRST_MS;

	work->wait_ms = MIN(ms * 2, (uint32_t)POLL_MAX_MS);
	docker_later(work, ms, poll_code);
}

static void on_polled(struct docker_work *work)
{
	struct docker_exec exec;

	if (!work->err.code && work->status == 404) {
		/* the container is gone, or was restarted by someone */
		memo_forget(work->docker, work->memo);
		work->memo = NULL;
		docker_finish(work, RUNTIME_FAILED,
		              "the engine has forgotten the command; how it "
		              "ended is not known");
	} else if (work->err.code || work->status != 200 ||
	           docker_exec_parse(buf_slice(&work->reply), &exec,
	                             &work->err) < 0) {
		docker_finish_refused(work, "tell the exit code of");
	} else if (exec.running || exec.exit_code < 0) {
		poll_later(work);
	} else {
		finish_code(work, &exec);
	}
}

static void poll_code(struct docker_work *work)
{
	docker_path(work, "exec", work->memo->exec, "/json");
	docker_send(work, "GET", on_polled);
}

/* --- create and start --------------------------------------------------- */

static void on_ended(struct docker_work *work)
{
	work->streamed = NULL;
	if (work->err.code == 0 && work->status != 200) {
		/* refused: it does not run */
		memo_forget(work->docker, work->memo);
		work->memo = NULL;
		docker_finish_refused(work, "start the command in");
		return;
	}
	if (work->frames.unframed)
		log_debug(work->docker->log,
		          "output of a command came in no frames",
		          LOG_STR("runtime", work->docker->name),
		          LOG_STR("target", work->target));
	/* a lost stream says nothing about the command: ask */
	poll_code(work);
}

static void on_created(struct docker_work *work)
{
	if (work->err.code || work->status / 100 != 2) {
		docker_finish_refused(work, "prepare a command in");
		return;
	}
	if (docker_exec_created_parse(buf_slice(&work->reply), work->memo->exec,
	                              sizeof(work->memo->exec),
	                              &work->err) < 0) {
		work->memo->exec[0] = '\0';
		docker_finish(work, RUNTIME_FAILED,
		              "the engine's answer makes no sense: %s",
		              work->err.message);
		return;
	}
	work->doing = "the command still ran (and cannot be stopped from "
		      "here; no other is started until it ends)";
	work->streamed = on_output;
	docker_path(work, "exec", work->memo->exec, "/start");
	(void)buf_puts(&work->body, DOCKER_EXEC_START);
	docker_send(work, "POST", on_ended);
}

static void create(struct docker_work *work)
{
	work->memo = memo_new(work);
	if (!work->memo) {
		docker_finish(work, RUNTIME_FAILED, "out of memory");
		return;
	}
	work->doing = "preparing the command";
	docker_path(work, "containers", work->now.id, "/exec");
	docker_exec_create_write(&work->body, work->call->argv,
	                         work->call->env);
	docker_send(work, "POST", on_created);
}

/* --- the one before ----------------------------------------------------- */

static void finish_busy(struct docker_work *work)
{
	docker_finish(work, RUNTIME_BUSY,
	              "an earlier command still runs in it; end it there "
	              "(the engine cannot), or restart the container");
}

static void on_earlier(struct docker_work *work)
{
	struct docker_memo *memo = memo_find(work->docker, work->now.id);
	struct docker_exec exec = { 0 };

	if (work->err.code || (work->status != 200 && work->status != 404)) {
		docker_finish_refused(work, "tell of an earlier command in");
		return;
	}
	if (work->status == 200 &&
	    docker_exec_parse(buf_slice(&work->reply), &exec, &work->err) < 0)
		exec.running = true;
	/* another work may have come first, and begun one */
	if (exec.running || (memo && memo->owner)) {
		finish_busy(work);
		return;
	}
	if (memo)
		memo_forget(work->docker, memo);
	create(work);
}

void docker_exec_looked(struct docker_work *work)
{
	struct docker_memo *memo = memo_find(work->docker, work->now.id);
	char state[DOCKER_STATE_MAX];

	if (docker_hands_off(work))
		return;
	if (work->now.status != DOCKER_STATUS_RUNNING) {
		docker_finish(work, RUNTIME_FAILED,
		              "no command can run in it: it is %s",
		              docker_describe(&work->now, state));
		return;
	}
	docker_allow(work, DOCKER_EXEC_MS);
	if (!memo) {
		create(work);
	} else if (memo->owner) {
		finish_busy(work);
	} else {
		work->doing = "asking about an earlier command";
		docker_path(work, "exec", memo->exec, "/json");
		docker_send(work, "GET", on_earlier);
	}
}
