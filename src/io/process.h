/* SPDX-License-Identifier: Apache-2.0 */
/*
 * process: a command of the host, in a session and process group of its own.
 *
 * The happy path: spawn with stdin from /dev/null, or from what is given, and
 * stdout and stderr into one pipe, or one each; keep what it says up to a
 * limit, read and drop the rest; the child exits; the pipes end; complete. At the deadline, or when cancelled, the
 * whole group gets SIGTERM and, a grace later, what is left of it SIGKILL. A
 * grandchild that keeps the pipe open does not delay the completion by more
 * than PROCESS_DRAIN_MS after the child's exit.
 *
 *            exit                   pipe ends, or PROCESS_DRAIN_MS
 *   RUNNING ──────────────────────▶ DRAINING ─────────────▶ CLOSING ▶ done
 *      │ deadline, cancel: TERM        ▲  ▲
 *      ▼          exit                 │  │
 *   STOPPING ───────────▶ LEFTOVERS ───┘  │
 *      │ grace: KILL       group empty,   │
 *      ▼          exit     or grace: KILL │
 *   KILLED ───────────────────────────────┘
 *
 * What a command leaves running after it ended by itself is its own business
 * (it may have started a service); only a deadline or a cancel kills the group.
 *
 * No shell: argv goes to execvp() as it is. (glibc's execvp() hands a script
 * without a "#!" line to /bin/sh, musl's refuses it.)
 */
#pragma once

#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define PROCESS_KILL_GRACE_MS 5000 /* SIGTERM to SIGKILL, unless set */
#define PROCESS_DRAIN_MS      200  /* child's exit to completion, at most */

struct process;
struct process_call;
typedef void (*process_done_cb)(struct process_call *call);

struct process_call {
	/* set by the caller; zero the rest */
	const char *const *argv;  /* NULL-terminated; borrowed for the start;
	                            argv[0] is looked up in PATH */
	const char *const *env;   /* "K=V", NULL-terminated, or NULL; added to
	                            our environment, whose values give way */
	uint64_t timeout_ms;      /* 0: none */
	uint64_t kill_grace_ms;   /* 0: PROCESS_KILL_GRACE_MS */
	int cancel_signal;        /* process_cancel() sends this; 0: SIGTERM */
	uint64_t cancel_grace_ms; /* and KILL so much later; 0: as above */
	size_t max_output;        /* kept; the rest is read and dropped */
	size_t max_errors;        /* the same of stderr alone; 0: it goes with
	                            stdout */
	struct slice input;       /* its stdin, borrowed until completion; who
	                            does not read it, is not waited for. .n 0:
	                            /dev/null. The program must ignore SIGPIPE */

	/* valid in the completion */
	struct err err;      /* 0: it ran and ended by itself; UV_ETIMEDOUT;
	                        UV_ECANCELED; or why it did not start, naming
	                        the program (UV_ENOENT, UV_EACCES, …) */
	int64_t exit_status; /* when it exited; -1: it did not */
	int term_signal;     /* the signal that ended it, 0 if none did */
	struct buf output;   /* stdout and stderr as they came; call
	                        process_call_fini() when done with it */
	struct buf errors;   /* stderr, likewise, where max_errors says so */
	bool truncated;      /* there was more, or no memory to keep it */

	/* private below */
	struct process *process;
	process_done_cb done;
};

/*
 * process_spawn() - start the command
 *
 * Returns 0 and later, from the loop and never before this returns, calls
 * @done exactly once, also when the program could not be executed: then
 * err.code is set and exit_status is -1, which tells "not found" from a command
 * that itself exited with 127. On a negative return (no memory) @done is never
 * called. @call is the caller's memory and free again when @done has been
 * entered.
 */
int process_spawn(uv_loop_t *loop, struct process_call *call,
                  process_done_cb done) MUST_CHECK;

/* TERM, or cancel_signal, now, KILL after the grace; the completion comes, from the loop, when
 * the child is gone. A child that has already ended is not called cancelled.
 * Idempotent. */
void process_cancel(struct process_call *call);

/* Frees the output; harmless on a zeroed call. */
void process_call_fini(struct process_call *call);
