/* SPDX-License-Identifier: Apache-2.0 */
/*
 * promise: what we stop, we bring back.
 *
 * Before a step that may leave a target stopped, a promise is made and
 * written, so that our own death cannot undo it. When the target runs again
 * the promise is kept and forgotten. When the step died half-way, or we did,
 * it is owed: the target is looked at and started, again and again with
 * growing pauses, until it runs, is gone, or somebody else has taken the
 * matter into their hands (it runs, or was paused).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/list.h"
#include "base/log.h"
#include "base/macros.h"
#include "base/rng.h"
#include "runtime/runtime.h"

#define PROMISE_MAX          10000  /* open promises */
#define PROMISE_RETRY_MS     2000   /* first pause; doubles */
#define PROMISE_RETRY_MAX_MS 300000 /* longest pause */

struct promises;
struct promise;

typedef void (*promise_durable_cb)(void *context);
typedef void (*promises_closed_cb)(void *context);

/* Somebody waits until the state is kept. */
struct promise_wait {
	struct list node; /* the saver's */
	/* Set by who waits. NULL: until it is on disk, whatever becomes of the
	 * machine. Else a step of this monitor begins, and it is enough that
	 * this, and the promise made for it (NULL: none), is written where the
	 * end of this program does not undo it. */
	const char *begun;
	const struct promise *promise;
	bool saved; /* set before: it is kept */
	void (*durable)(struct promise_wait *wait);
};

struct promises_ops {
	/* Write the state, as @wait wants it; wait->durable follows exactly
	 * once, from the loop and never before this returns, also when it
	 * could not be written (which is reported elsewhere). @wait NULL:
	 * nobody waits. */
	void (*save)(void *context, struct promise_wait *wait);
	/* The runtime called @name, NULL if there is none now. */
	struct runtime *(*runtime)(void *context, const char *name);
	/* May the target be acted on by us now? If so it is ours until
	 * release. */
	bool (*acquire)(void *context, struct promise *promise);
	void (*release)(void *context, struct promise *promise);
	/* @words: how it went, for the journal. @kept: it runs again. */
	void (*report)(void *context, const struct promise *promise, bool kept,
	               const char *words);
	void *context;
};

struct promise {
	struct list node;
	struct promises *promises;
	char *runtime; /* "docker" */
	char *target;
	char *project; /* "" if none */
	int64_t since_wall_ms;
	bool owed; /* it is down because of us */
	bool used; /* a step is at work under it */
	bool acquired;
	bool starting; /* our own call is under way */
	void *token;   /* the owner's, between acquire and release */
	uint32_t n_tries;
	uint64_t next_ms; /* of the next try */
	struct runtime_call call;
	struct promise_wait wait;
	promise_durable_cb durable;
	void *durable_context;
};

/* NULL if out of memory. @ops is borrowed for good. */
struct promises *promises_new(uv_loop_t *loop, const struct log *log,
                              const struct promises_ops *ops,
                              uint64_t seed) MUST_CHECK;

/* Stops trying and frees; promises stay in the file. @closed is called once,
 * from the loop. No step may be at work under a promise any more. */
void promises_close(struct promises *promises, promises_closed_cb closed,
                    void *context);

/*
 * promise_make() - before a step that may leave the target stopped
 *
 * Finds the open one of the same target or makes one. @durable is called once
 * from the loop when it is written. @monitor: whose step it is, borrowed until
 * then. NULL if out of memory or of room; then @durable is not called.
 */
struct promise *promise_make(struct promises *promises, const char *runtime,
                             const char *target, const char *project,
                             int64_t wall_ms, const char *monitor,
                             promise_durable_cb durable,
                             void *context) MUST_CHECK;

/* Only has the state written, for a step that promises nothing: that it was
 * begun must be known to the next run, whatever the step does to us, or
 * (wait->begun NULL) to the machine. */
void promises_save(struct promises *promises, struct promise_wait *wait);

/* The step never began: what was owed before it, still is. The promise may be
 * gone afterwards. */
void promise_withdraw(struct promise *promise);

/* The step is over: the target runs or may stay as it is (@owed false), or is
 * down because of us. The promise may be gone afterwards. */
void promise_end(struct promise *promise, bool owed);

/* From the state file, at start: look and bring back. 0, -ENOMEM, -ENOSPC. */
int promises_restore(struct promises *promises, const char *runtime,
                     const char *target, const char *project,
                     int64_t since_wall_ms) MUST_CHECK;

/* An open promise for that target? Then it is stopped by us, by nobody else. */
bool promises_has(const struct promises *promises, const char *runtime,
                  const char *target, const char *project);

/* All open ones, for the state file. */
const struct list *promises_list(const struct promises *promises);
uint32_t promises_n_owed(const struct promises *promises);
