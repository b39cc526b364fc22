/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime: what owns the thing acted on, behind one small table of
 * operations. Docker and Podman, LXD and Incus, and the host implement it;
 * none of them knows monitors.
 *
 * Every operation has the one shape: a negative return means that @done will
 * never be called; 0 means that it is called exactly once, from the loop,
 * never before the call returned, also when cancelled. A deadline always
 * completes the call, even where the engine has no way to stop what runs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

#define RUNTIME_NAME_MAX   256   /* a target's name, bytes */
#define RUNTIME_OUTPUT_MAX 16384 /* captured output, unless set */

/* How an operation ended; words are in call->err. */
enum runtime_result {
	RUNTIME_OK,
	RUNTIME_FAILED,      /* the engine or the command said no */
	RUNTIME_TIMED_OUT,   /* our deadline passed */
	RUNTIME_NO_TARGET,   /* there is no such container */
	RUNTIME_LEFT_ALONE,  /* paused or frozen by a person */
	RUNTIME_BUSY,        /* an earlier command still runs in it */
	RUNTIME_UNAVAILABLE, /* the engine cannot be reached */
	RUNTIME_CANCELLED,
};

const char *runtime_result_name(enum runtime_result result);

enum runtime_status {
	RUNTIME_STATUS_OTHER, /* created, removing, dead, error, … */
	RUNTIME_STATUS_RUNNING,
	RUNTIME_STATUS_PAUSED,     /* frozen, too */
	RUNTIME_STATUS_RESTARTING, /* the engine itself is at it */
	RUNTIME_STATUS_EXITED,     /* stopped, too */
};

/* What inspect finds. */
struct runtime_target {
	enum runtime_status status;
	char id[80];             /* the engine's own, "" if it has none */
	int64_t exit_code;       /* of the last run, -1 if not known */
	int64_t stop_timeout_ms; /* the target's own, -1 if not known */
	/* A person, not a crash, seems to have stopped it: the engine has a
	 * restart policy that would have brought it back otherwise. */
	bool stopped_by_hand;
	bool ephemeral; /* stopping it deletes it */
};

struct runtime;
struct runtime_call;
typedef void (*runtime_done_cb)(struct runtime_call *call);
typedef void (*runtime_closed_cb)(void *context);

struct runtime_call {
	/* set by the caller, borrowed until completion; zero the rest */
	const char *target;      /* container or instance */
	const char *project;     /* LXD, Incus; NULL: default */
	const char *const *argv; /* exec */
	const char *const *env;  /* exec: "K=V", NULL-terminated, or NULL */
	int64_t stop_timeout_ms; /* restart, stop; -1: the target's own */
	const char *signal;      /* restart, stop, kill; NULL: its own */
	uint64_t timeout_ms;     /* 0: derived from what the operation does */
	size_t max_output;       /* exec; 0: RUNTIME_OUTPUT_MAX */

	/* valid in the completion */
	enum runtime_result result;
	struct err err;    /* message "" when the result is RUNTIME_OK */
	int64_t exit_code; /* exec, -1 if it is not known */
	struct buf output; /* exec; runtime_call_fini() frees it */
	bool truncated;    /* there was more output */
	struct runtime_target found; /* inspect; restart fills status too */

	/* private below */
	struct runtime *runtime;
	runtime_done_cb done;
	void *work;
};

struct runtime_ops {
	const char *name; /* "docker" */
	int (*inspect)(struct runtime *runtime, struct runtime_call *call);
	int (*restart)(struct runtime *runtime, struct runtime_call *call);
	int (*stop)(struct runtime *runtime, struct runtime_call *call);
	int (*start)(struct runtime *runtime, struct runtime_call *call);
	int (*kill)(struct runtime *runtime, struct runtime_call *call);
	int (*exec)(struct runtime *runtime, struct runtime_call *call);
	void (*cancel)(struct runtime_call *call);
	void (*close)(struct runtime *runtime, runtime_closed_cb closed,
	              void *context);
};

struct runtime {
	const struct runtime_ops *ops;
};

/*
 * restart: graceful, waits as long as the stop may take, and if the engine
 * fails after it stopped the target, starts it again itself. RUNTIME_OK means
 * that it was seen running. When `found.status` is RUNTIME_STATUS_EXITED
 * after a failure, the target is down because of us.
 * exec: RUNTIME_OK is exit code 0; another code is RUNTIME_FAILED with it.
 */
int runtime_inspect(struct runtime *runtime, struct runtime_call *call,
                    runtime_done_cb done) MUST_CHECK;
int runtime_restart(struct runtime *runtime, struct runtime_call *call,
                    runtime_done_cb done) MUST_CHECK;
int runtime_stop(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done) MUST_CHECK;
int runtime_start(struct runtime *runtime, struct runtime_call *call,
                  runtime_done_cb done) MUST_CHECK;
int runtime_kill(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done) MUST_CHECK;
int runtime_exec(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done) MUST_CHECK;

/* Idempotent; the completion still comes. What an engine has begun it may
 * finish all the same. */
void runtime_cancel(struct runtime_call *call);

/* Cancels what runs and frees; @closed is called once from the loop. */
void runtime_close(struct runtime *runtime, runtime_closed_cb closed,
                   void *context);

/* Frees what the results hold; the call may then be used again. */
void runtime_call_fini(struct runtime_call *call);
