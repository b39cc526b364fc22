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
#include "core/container.h"
#include "core/container_event.h"

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
	int64_t started_wall_ms; /* Unix ms; 0 if not known */
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
	bool quiet;              /* exec: only how it ends is of interest */
	int cancel_signal; /* exec, of the host: what a cancel sends; 0: TERM … */
	uint64_t cancel_grace_ms; /* … and so much later KILL; 0: a default */
	bool volumes;             /* remove: its anonymous volumes, too */
	/* restart, stop, start, kill, exec: what an inspection has just found,
	 * of the container whose id it holds. A runtime that can do without a
	 * look of its own then does; paused is left alone all the same. NULL:
	 * it looks itself. May not be `found`. */
	const struct runtime_target *seen;
	/* inspect, list: what is there; once, or once for each, before the
	 * completion; may be NULL, except for list. May cancel the call. */
	void (*container)(struct runtime_call *call,
	                  const struct container *container);

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

/* --- what happens to containers ------------------------------------------ */

/*
 * One stream of events, from its opening to its end; whose end is no surprise,
 * and who opens it again, is the caller's business. Lies in the caller.
 */
struct runtime_watch {
	/* set by the caller; zero the rest */
	int64_t since_ns; /* events after this time that the engine still has,
	                     come first; 0, or an engine that keeps none: from
	                     now on */
	/* From here on nothing is missed: list now. From the loop. */
	void (*opened)(struct runtime_watch *watch);
	/* Both may call runtime_unwatch(). Must not block: what is not read in
	 * time the engine drops. */
	void (*event)(struct runtime_watch *watch,
	              const struct runtime_event *event);
	/* Once, from the loop, never before runtime_watch() returned: the
	 * stream has ended, or could not be opened; `err` has the words. The
	 * memory is the caller's again. err.code UV_ECANCELED after
	 * runtime_unwatch(); UV_ENOTSUP: this build has no way to hear of
	 * events, or the engine, or a proxy before it, does not allow it: list
	 * from time to time instead. */
	void (*closed)(struct runtime_watch *watch);

	/* valid in `closed` */
	struct err err;

	/* private below */
	struct runtime *runtime;
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
	/* These four may be NULL: the host has no containers. */
	int (*list)(struct runtime *runtime, struct runtime_call *call);
	int (*remove)(struct runtime *runtime, struct runtime_call *call);
	int (*watch)(struct runtime *runtime, struct runtime_watch *watch);
	void (*unwatch)(struct runtime_watch *watch);
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

/*
 * list: all containers, running or not, one callback for each as they are
 * read; needs memory for one of them, however many there are. `target` is not
 * used; `project` NULL means those of all projects. An answer that breaks off
 * is RUNTIME_FAILED although callbacks came.
 */
int runtime_list(struct runtime *runtime, struct runtime_call *call,
                 runtime_done_cb done) MUST_CHECK;

/*
 * remove: deletes a container that does not run; never by force. `target`
 * should be its id. That it is gone already is RUNTIME_OK; that it runs, or is
 * paused, is RUNTIME_LEFT_ALONE.
 */
int runtime_remove(struct runtime *runtime, struct runtime_call *call,
                   runtime_done_cb done) MUST_CHECK;

/* 0, -ENOTSUP (a runtime without containers; `closed` is not called) or
 * -ENOMEM (nor then). */
int runtime_watch(struct runtime *runtime,
                  struct runtime_watch *watch) MUST_CHECK;
/* `closed` follows, once, from the loop. */
void runtime_unwatch(struct runtime_watch *watch);

/* Idempotent; the completion still comes. What an engine has begun it may
 * finish all the same. */
void runtime_cancel(struct runtime_call *call);

/* Cancels what runs and frees; @closed is called once from the loop. */
void runtime_close(struct runtime *runtime, runtime_closed_cb closed,
                   void *context);

/* Frees what the results hold; the call may then be used again. */
void runtime_call_fini(struct runtime_call *call);
