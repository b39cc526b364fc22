/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin: actions that people write themselves, behind bouncer/plugin.h, or as
 * programs of their own.
 *
 * A shared object is loaded when a configuration that names it is checked, from
 * the directory that the configuration says and from nowhere else, if nobody
 * but root or we can write there. It is loaded once and stays; each new
 * configuration is put to it again.
 *
 * A plugin that fails, never completes, or completes twice or late, is
 * contained: by a deadline, a result, a line in the log and the journal. One
 * that crashes or blocks takes us with it; programs do not, they have a process
 * group of their own.
 */
#pragma once

#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"
#include "config/config.h"
#include "core/notice.h"
#include "core/step.h"
#include "runtime/runtime.h"

#define PLUGIN_GRACE_MS \
	6000 /* from cancel to being given up; more than
                                      a command has from TERM to KILL */
#define PLUGIN_MAX_GIVEN_UP \
	8                         /* actions of one plugin that never
                                      completed; then none is started */
#define PLUGIN_MAX_HELPERS  16    /* of one action at once */
#define PLUGIN_MAX_ANSWER   65536 /* bytes of a program's answer */
#define PLUGIN_MAX_PROBLEMS 65536 /* bytes of words about a configuration */
#define PLUGIN_JSON_VERSION 1     /* of the document that programs read */

struct http_client;
struct plugins;
struct plugin_call;
typedef void (*plugin_done_cb)(struct plugin_call *call);
typedef void (*plugins_closed_cb)(void *context);

struct plugins_options {
	uv_loop_t *loop; /* NULL: only to check; the next are not needed */
	const struct log *log;
	struct http_client *client; /* borrowed */
	/* A plugin does what it may not; for log and journal. NULL: it is
	 * only logged. */
	void (*complain)(void *context, const char *monitor, const char *plugin,
	                 const char *words);
	void *context;
	uint64_t grace_ms; /* 0: PLUGIN_GRACE_MS */
};

/* NULL if out of memory. */
struct plugins *plugins_new(const struct plugins_options *options) MUST_CHECK;

/*
 * plugins_check() - would every plugin step of @config be carried out?
 *
 * Loads what is not loaded yet, and asks each plugin about the parameters of
 * each step; blocks for as long as that takes. 0; -EINVAL with a line in
 * @problems for each step that would not, naming the monitor; -ENOMEM.
 */
int plugins_check(struct plugins *plugins, const struct config *config,
                  struct buf *problems) MUST_CHECK;

/* The same for one step; @dir may be NULL. */
int plugins_check_step(struct plugins *plugins, const char *dir,
                       const struct step_plugin *step,
                       struct err *err) MUST_CHECK;

/* Ends what still runs, and frees; no call may be at work. @closed is called
 * once, from the loop; without a loop, at once. */
void plugins_close(struct plugins *plugins, plugins_closed_cb closed,
                   void *context);

/* One action; lies in its owner. */
struct plugin_call {
	/* set by the caller; zero the rest */
	const struct step_plugin *step; /* borrowed until completion */
	const struct notice *notice;    /* borrowed for the start */
	uint64_t timeout_ms;            /* not 0 */
	int cancel_signal; /* of a program: what a cancel sends; 0: TERM … */
	uint64_t cancel_grace_ms; /* … and so much later KILL; 0: a default */

	/* valid in the completion */
	enum runtime_result result;
	struct err err; /* words, also when it went well */

	/* private below */
	void *work;
	plugin_done_cb done;
};

/*
 * plugin_call_start() - start an action
 *
 * 0, and later, from the loop and never before this returns, @done exactly
 * once; -ENOMEM or -E2BIG (a document of more than a MiB), and it is never
 * called. What goes wrong otherwise is the result.
 */
int plugin_call_start(struct plugins *plugins, struct plugin_call *call,
                      plugin_done_cb done) MUST_CHECK;

/* Idempotent; the completion comes, after a grace at the latest. */
void plugin_call_cancel(struct plugin_call *call);
