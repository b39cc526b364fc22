/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step: one action of a bounce, as configured. Immutable; the memory is the
 * configuration's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct webhook;

enum step_kind {
	STEP_RESTART, /* the target, gracefully, brought back if it dies half-way */
	STEP_STOP,
	STEP_START,
	STEP_KILL,
	STEP_EXEC,    /* a command in the target */
	STEP_RUN,     /* a command of the host */
	STEP_LOG,     /* a line in the log, nothing else */
	STEP_REMOVE,  /* a container that has ended */
	STEP_WEBHOOK, /* a request to a URL */
	N_STEP_KINDS,
};

#define STEP_TIMEOUT_DERIVED  0    /* from what the step does */
#define STEP_STOP_TIMEOUT_OWN (-1) /* the target's own */

struct step {
	enum step_kind kind;
	const char *const *argv; /* exec, run: NULL-terminated; else NULL */
	uint64_t timeout_ms;     /* or STEP_TIMEOUT_DERIVED */
	int64_t stop_timeout_ms; /* restart, stop; or STEP_STOP_TIMEOUT_OWN */
	const char *signal;  /* restart, stop, kill; NULL: the target's own */
	const char *message; /* log; may be NULL */
	const struct webhook *webhook; /* webhook; else NULL */
	bool volumes;                  /* remove: its anonymous volumes, too */
};

/* How a step ended. */
enum step_result {
	STEP_OK,
	STEP_FAILED, /* the engine or the command said no */
	STEP_TIMED_OUT,
	STEP_NO_TARGET,   /* there is no such container */
	STEP_LEFT_ALONE,  /* paused or stopped by a person */
	STEP_BUSY,        /* an earlier command still runs in the target */
	STEP_UNAVAILABLE, /* the runtime cannot be reached */
	STEP_CANCELLED,   /* before it began */
	STEP_DRY_RUN,     /* only said */
	STEP_VETOED,      /* the command before the bounce said no */
	N_STEP_RESULTS,
};

/* The names used in configuration, log, journal and metrics. */
const char *step_kind_name(enum step_kind kind);
const char *step_result_name(enum step_result result);
