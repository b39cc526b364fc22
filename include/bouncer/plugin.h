/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer/plugin.h: how to write an action of your own in C or C++.
 *
 * A plugin is a shared object NAME.so in the directory `plugin_dir` that
 * exports one object, `bouncer_plugin`, and links nothing of Bouncer: what it
 * needs is handed to it. It is loaded when the first monitor names it, once,
 * and stays until the program ends.
 *
 *     static int start(struct bouncer_action *action)
 *     {
 *             action->host->log(action, BOUNCER_LOG_INFO, "here I am");
 *             action->host->complete(action, BOUNCER_OK, "logged");
 *             return 0;
 *     }
 *
 *     BOUNCER_EXPORT const struct bouncer_plugin bouncer_plugin = {
 *             .abi = BOUNCER_PLUGIN_ABI,
 *             .size = sizeof(struct bouncer_plugin),
 *             .name = "hello",
 *             .start = start,
 *     };
 *
 *     cc -shared -fPIC -Iinclude -Wl,-z,defs,-z,now -o hello.so hello.c
 *
 * From its start to its end, an action:
 *
 *     start ──▶ running ── complete() ──────────────────────────▶ over
 *                  │ deadline, or the program ends
 *                  ▼
 *               cancel() ── complete(), or a grace passes ──────▶ over
 *
 * The rules:
 *
 *   - One thread. Everything is called from the loop of the program, which
 *     watches nothing and answers nobody until the call returns: never block,
 *     never sleep; take what lasts in pieces (timer, spawn, http).
 *   - Each action that was started is completed exactly once, by complete():
 *     later, from a callback, or from within start() itself. Then `action`,
 *     its state and all that it borrows are gone. What it has begun through
 *     the helpers is ended, and its callbacks are not called any more.
 *   - An action that completes twice or after its deadline is told of in the
 *     log and the journal, and changes nothing. One that never completes has
 *     failed at its deadline; after too many of them the plugin is started no
 *     more. A plugin that crashes takes the program with it, and so does one
 *     that blocks: what you do not trust, write as a program of its own
 *     (`plugin: exec:/path`).
 *   - A helper's callback is called exactly once, from the loop, never before
 *     the helper has returned, unless the action is over before; when the
 *     helper returned a negative code (-errno) it is never called.
 *   - Text is UTF-8 that ends with NUL, and never NULL unless it is said so.
 *     What is handed over is borrowed for the call, unless it is said so.
 *
 * Growing without breaking: BOUNCER_PLUGIN_ABI changes only when something
 * here changes its meaning, and then older plugins are refused with words.
 * What is added is added at the end of a structure. Each of them begins with
 * its size, set by who fills it in: fill in what you know, and before you use
 * a field that is marked as "since" a later version, ask BOUNCER_HAS().
 *
 * This file is C11 and C++17, and needs only the C library's headers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BOUNCER_PLUGIN_ABI 1

/* Is the field @field within what @pointer's owner has filled in? */
#define BOUNCER_HAS(pointer, type, field) \
	((pointer)->size >= offsetof(type, field) + sizeof((pointer)->field))

#define BOUNCER_EXPORT __attribute__((visibility("default")))

/* --- parameters ---------------------------------------------------------- */

/* How the text of a parameter is read. */
enum bouncer_parameter_type {
	BOUNCER_STRING = 0,
	BOUNCER_INTEGER = 1,  /* 64 bits, signed */
	BOUNCER_BOOL = 2,     /* true false yes no on off 1 0: number is 1, 0 */
	BOUNCER_DURATION = 3, /* "1m30s": number is in milliseconds */
	BOUNCER_SIZE = 4, /* "5MiB", "512": number is in bytes; KiB MiB GiB */
	BOUNCER_PATH = 5, /* an absolute path */
};

enum bouncer_parameter_flag {
	BOUNCER_REQUIRED = 1 << 0, /* there is no default that would do */
};

/* What may stand under `parameters:` of a step. An array of them: each has the
 * size that bouncer_plugin.parameter_size says. */
struct bouncer_parameter {
	const char *name;
	uint32_t type;             /* enum bouncer_parameter_type */
	uint32_t flags;            /* enum bouncer_parameter_flag */
	const char *default_value; /* as it would be configured; NULL: none */
	const char *environment;   /* the variable that is asked before the
	                              default; NULL: none */
	const char *help;          /* in one line; may be NULL */
};

enum bouncer_value_flag {
	BOUNCER_UNKNOWN_YET = 1 << 0, /* has `{{ names }}` that are filled in
	                                 when an action starts */
};

/* The value of one parameter, checked; in the order of the parameters. This
 * structure does not grow. */
struct bouncer_value {
	const char *text; /* NULL: not given, and no default; or unknown yet */
	int64_t number;   /* of what is no string or path; else 0 */
	uint64_t flags;   /* enum bouncer_value_flag */
};

/* --- why an action is started -------------------------------------------- */

struct bouncer_label {
	const char *name;
	const char *value;
};

/* Borrowed until the action is over. What there is none of is "" (or 0). */
struct bouncer_context {
	size_t size;
	const char *monitor; /* the whole name: "cpu/{instance="a"}" */
	const char *rule;    /* "cpu"; the same as monitor without one */
	const char *reason;  /* why, in words */
	const char *target; /* container or process that the monitor is about */
	const char *target_id; /* of the container */
	const char *runtime;   /* "docker", "host", … */
	const char *host;      /* of the machine */
	const char *value;     /* of a metric: "104.5" */
	double number;         /* the same; NaN: there is none */
	const char *threshold; /* ">100", of the level */
	const char *level;     /* "soft", "hard" */
	const char *status;    /* "firing", "resolved", of an alert */
	const struct bouncer_label *labels; /* of the series or the alert */
	size_t n_labels;
	const struct bouncer_label *annotations; /* of the alert */
	size_t n_annotations;
	uint64_t age_ms;      /* for how long it has been bad */
	uint32_t attempt;     /* from 1 */
	uint32_t reserved;    /* 0 */
	uint64_t deadline_ms; /* as now_ms() counts: then the action has failed
	                         and is cancelled */
	uint64_t epoch;       /* of the leadership, which only grows; 0: nobody
	                         is elected here */
};

/* The value of the label of that name; NULL: there is none. */
static inline const char *bouncer_find_label(
	const struct bouncer_context *context, const char *name)
{
	size_t i;
	size_t k;

	for (i = 0; i < context->n_labels; i++) {
		const char *known = context->labels[i].name;

		for (k = 0; known[k] != '\0' && known[k] == name[k]; k++)
			continue;
		if (known[k] == name[k])
			return context->labels[i].value;
	}
	return NULL;
}

/* --- what an action may do ------------------------------------------------ */

struct bouncer_host;

/* One action. Its memory is the program's. */
struct bouncer_action {
	size_t size;
	const struct bouncer_host *host;
	const struct bouncer_context *context;
	const struct bouncer_value *values; /* one for each parameter */
	void *state; /* state_size bytes, all zero at the start; NULL: 0 */
};

enum bouncer_result {
	BOUNCER_OK = 0,
	BOUNCER_FAILED = 1,
};

enum bouncer_log_level {
	BOUNCER_LOG_ERROR = 0,
	BOUNCER_LOG_WARN = 1,
	BOUNCER_LOG_INFO = 2,
	BOUNCER_LOG_DEBUG = 3,
};

/* How a command ended; borrowed for the callback. */
struct bouncer_command_end {
	size_t size;
	int error;          /* 0: it ran and ended by itself; -ETIMEDOUT,
	                      -ECANCELED, or why it did not start */
	int exit_code;      /* 128 + N: signal N ended it; -1: it did not run */
	const char *words;  /* what went wrong; "" if nothing did */
	const char *output; /* of stdout; NUL follows its n_output bytes */
	size_t n_output;
	const char *errors; /* of stderr, likewise */
	size_t n_errors;
	int truncated; /* not 0: there was more of one of them */
};

/* A command of the machine, without a shell, in a process group of its own:
 * at its deadline, or when the action is over, the group gets TERM and, five
 * seconds later, KILL. */
struct bouncer_command {
	size_t size;
	const char *const *argv; /* ended by NULL; argv[0] is found in PATH */
	const char *const *env;  /* "K=V", ended by NULL, added to ours; NULL */
	const char *input;       /* for its stdin; NULL: /dev/null */
	size_t n_input;
	size_t max_output;   /* kept of each; 0: 16 KiB; 1 MiB at most */
	uint64_t timeout_ms; /* 0: until the action's deadline */
	void (*done)(struct bouncer_action *action,
	             const struct bouncer_command_end *end, void *data);
	void *data; /* handed to `done` */
};

/* What came of a request; borrowed for the callback. */
struct bouncer_http_answer {
	size_t size;
	int error;  /* 0: there is an answer, whatever its status; -errno:
	                      there is none, or not the whole of it */
	int status; /* 200; 0: there is none */
	const char *words; /* what went wrong, with peer and stage; "" */
	const char *body;  /* NUL follows its n_body bytes */
	size_t n_body;
	const struct bouncer_label *headers; /* as they came */
	size_t n_headers;
};

/* An HTTP/1.1 request. An https peer's certificate is always verified, with
 * the program's own tls_ca, tls_cert and tls_key. Redirections are answers. */
struct bouncer_http_request {
	size_t size;
	const char *method; /* "PUT"; NULL: GET */
	const char *url;    /* http://host:port/path?query, or https */
	const struct bouncer_label *headers; /* beyond Host, Content-Length */
	size_t n_headers;
	const char *body; /* may be NULL */
	size_t n_body;
	size_t max_body;     /* of the answer; 0: 64 KiB; 1 MiB at most */
	uint64_t timeout_ms; /* 0: 10 s; never beyond the action's deadline */
	void (*done)(struct bouncer_action *action,
	             const struct bouncer_http_answer *answer, void *data);
	void *data; /* handed to `done` */
};

/*
 * The helpers. All that is handed to them is copied: it may lie on the stack.
 * At most 16 timers, commands and requests of one action run at once: -EAGAIN
 * beyond. -ECANCELED: the action is over, or was cancelled. -EINVAL: a field
 * makes no sense. -ENOMEM.
 */
struct bouncer_host {
	uint32_t abi;        /* BOUNCER_PLUGIN_ABI of the program */
	uint32_t reserved;   /* 0 */
	size_t size;         /* of this table, as the program knows it */
	const char *version; /* of the program: "0.1.0" */

	/*
	 * complete() - the action is over
	 * @result: enum bouncer_result; anything but BOUNCER_OK has failed
	 * @detail: for the journal, one line, cut at 255 bytes; may be NULL
	 */
	void (*complete)(struct bouncer_action *action, int result,
	                 const char *detail);

	/* A line in the log, at a level of enum bouncer_log_level; cut at 1000
	 * bytes. */
	void (*log)(struct bouncer_action *action, int level, const char *text);

	/* Calls @done once, @ms from now; 0: when the loop has looked at
	 * everything else. */
	int (*timer)(struct bouncer_action *action, uint64_t ms,
	             void (*done)(struct bouncer_action *action, void *data),
	             void *data);

	int (*spawn)(struct bouncer_action *action,
	             const struct bouncer_command *command);

	int (*http)(struct bouncer_action *action,
	            const struct bouncer_http_request *request);

	uint64_t (*now_ms)(void); /* a clock that never jumps */
	int64_t (*wall_ms)(void); /* Unix time */
};

/* --- what a plugin is ----------------------------------------------------- */

/* The one object that a plugin exports, as `bouncer_plugin`. Constant. */
struct bouncer_plugin {
	uint32_t abi;        /* BOUNCER_PLUGIN_ABI */
	uint32_t reserved;   /* 0 */
	size_t size;         /* sizeof(struct bouncer_plugin) */
	const char *name;    /* the file's, without ".so": [A-Za-z0-9_-]+ */
	const char *version; /* its own, for the log; may be NULL */
	const char *summary; /* what it does, in one line; may be NULL */

	const struct bouncer_parameter *parameters; /* NULL: it takes none */
	size_t n_parameters;                        /* 64 at most */
	size_t parameter_size; /* sizeof(struct bouncer_parameter) */
	size_t state_size;     /* bytes for each action; 64 KiB at most */

	/*
	 * validate() - can it work with these values?
	 * @why: on refusal, what is wrong and what would be right; @n_why bytes
	 *
	 * Asked at the start of the program, by `bouncer check` and before a
	 * new configuration is followed, once for each step that names the
	 * plugin; each value has been read as its type says. Must change
	 * nothing. 0: yes; anything else: no. May be NULL: always.
	 */
	int (*validate)(const struct bouncer_value *values, char *why,
	                size_t n_why);

	/*
	 * start() - begin an action
	 *
	 * 0: it runs, and complete() follows or has been called. Anything else
	 * (-errno): it has failed already, and complete() must not be called.
	 */
	int (*start)(struct bouncer_action *action);

	/*
	 * cancel() - the action's time is over: complete it soon
	 *
	 * Called once at most, never from within another call of the plugin's.
	 * What the helpers run for it is cancelled as well, and ends with
	 * -ECANCELED; timers just end. May be NULL.
	 */
	void (*cancel)(struct bouncer_action *action);
};

/* What is looked for in the shared object. (In C++ the type is called `struct
 * bouncer_plugin`, because the object has the same name.) Only where plugins
 * are linked into the program itself, each has another name. */
#ifndef BOUNCER_PLUGIN_OBJECT
#define BOUNCER_PLUGIN_OBJECT bouncer_plugin
#endif
extern BOUNCER_EXPORT const struct bouncer_plugin BOUNCER_PLUGIN_OBJECT;

#ifdef __cplusplus
}
#endif
