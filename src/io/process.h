/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: a command of the host, in a process group of its own.
 *
 * The happy path: spawn with stdin from /dev/null (or a given text) and stdout
 * and stderr into one pipe; keep what it says up to a limit and drop the rest;
 * the child exits; the pipe ends; complete. At the deadline, or when
 * cancelled, the whole group gets SIGTERM and, a grace later, SIGKILL. A
 * grandchild that keeps the pipe open does not delay the completion by more
 * than PROCESS_DRAIN_MS after the child's exit.
 *
 * No shell: argv goes to execve as it is.
 */
#pragma once

#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

#define PROCESS_KILL_GRACE_MS 5000 /* SIGTERM to SIGKILL, unless set */
#define PROCESS_DRAIN_MS 200

struct process_call;
typedef void (*process_done_cb)(struct process_call *call);

struct process_call {
	/* set by the caller; zero the rest */
	const char *const *argv;    /* NULL-terminated; borrowed for the start */
	const char *const *env;     /* added to ours: "K=V", NULL-terminated, or NULL */
	uint64_t timeout_ms;        /* 0: none */
	uint64_t kill_grace_ms;     /* 0: PROCESS_KILL_GRACE_MS */
	size_t max_output;          /* kept; the rest is read and dropped */

	/* valid in the completion */
	struct err err;             /* 0; UV_ETIMEDOUT; UV_ECANCELED; or why it
	                               did not start, naming the program */
	int64_t exit_status;        /* when it exited by itself */
	int term_signal;            /* else the signal that ended it */
	struct buf output;          /* stdout and stderr as they came; call
	                               process_call_fini() when done with it */
	bool truncated;             /* there was more */

	/* private below */
	struct process *process;
	process_done_cb done;
};

/*
 * process_spawn() - start the command
 *
 * Returns 0 and later, from the loop and never before this returns, calls
 * @done exactly once, also when the program could not be executed. On a
 * negative return (no memory) @done is never called.
 */
int process_spawn(uv_loop_t *loop, struct process_call *call,
                  process_done_cb done) MUST_CHECK;

/* TERM now, KILL after the grace; the completion comes when it is gone.
 * Idempotent. */
void process_cancel(struct process_call *call);

void process_call_fini(struct process_call *call);
