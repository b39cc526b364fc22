/* SPDX-License-Identifier: Apache-2.0 */
/*
 * step: one action of a bounce, as configured. Immutable; the memory is the
 * configuration's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct webhook;

/* A parameter of a plugin, as configured. */
struct step_parameter {
	const char *name;
	const char *value;
};

/* An action that others wrote: see action/plugin.h. */
struct step_plugin {
	const char *name; /* of a file in plugin_dir, without ".so"; NULL: … */
	const char *path; /* … a program: plugin: exec:/path */
	const struct step_parameter *parameters; /* sorted by name */
	uint8_t n_parameters;
};

/* What a command of the host finds in its environment. */
enum step_environment {
	STEP_ENV_BOUNCER, /* BOUNCER_… */
	STEP_ENV_AMX,     /* and prometheus-am-executor's AMX_… */
};

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
	STEP_PLUGIN,  /* an action that others wrote */
	N_STEP_KINDS,
};

#define STEP_TIMEOUT_DERIVED  0    /* from what the step does */
#define STEP_STOP_TIMEOUT_OWN (-1) /* the target's own */

struct step {
	enum step_kind kind;
	const char *const *argv; /* exec, run: NULL-terminated; else NULL; each
	                            is a plain template if `templated` */
	uint64_t timeout_ms;     /* or STEP_TIMEOUT_DERIVED */
	int64_t stop_timeout_ms; /* restart, stop; or STEP_STOP_TIMEOUT_OWN */
	const char *signal;  /* restart, stop, kill; NULL: the target's own */
	const char *message; /* log; may be NULL */
	const struct webhook *webhook; /* webhook; else NULL */
	bool volumes;                  /* remove: its anonymous volumes, too */
	bool templated; /* argv, message: has names to be filled in */
	enum step_environment environment; /* run */
	const struct step_plugin *plugin;  /* plugin; else NULL */
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
	STEP_THROTTLED,   /* the same was begun lately */
	N_STEP_RESULTS,
};

/* The names used in configuration, log, journal and metrics. */
const char *step_kind_name(enum step_kind kind);
const char *step_result_name(enum step_result result);
