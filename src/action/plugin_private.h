/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin_private: what the files plugin*.c share; private to them.
 *
 *     plugin.c          the table of what is loaded, and what is asked of it
 *     plugin_load.c     from a directory and a name to a plugin
 *     plugin_run.c      one action, from its start to its end
 *     plugin_helpers.c  what an action may do
 *     plugin_context.c  why it is started: as a structure, and as JSON
 *     plugin_exec.c     a program instead
 *
 * One action:
 *
 *                   complete()
 *   RUNNING ──────────────────────────────────▶ ENDED ──▶ RETIRED
 *      │ deadline, cancel      complete()        ▲
 *      ▼                                         │ late, or we end
 *   CANCELLING ──────────────────────────────────┤
 *      │ grace                                   │
 *      ▼                                         │
 *   GIVEN_UP ────────────────────────────────────┘
 *
 * In ENDED the helpers' work is being ended; then the caller is told, unless
 * that was done when the action was given up. What is RETIRED has no state any
 * more; its address is not used again for a while, so that who completes it
 * once more is recognised.
 */
#pragma once

#include "action/plugin.h"
#include "base/arena.h"
#include "base/list.h"
#include "bouncer/plugin.h"

#define PLUGIN_MAX_RETIRED 64 /* remembered */

struct plugin_loaded {
	struct list node;
	struct bouncer_plugin plugin;
	uv_lib_t library;
	char *path; /* after all links; NULL: it is part of the program */
	uint32_t n_given_up;
};

struct plugins {
	struct plugins_options options;
	struct list loaded;
	struct list runs;    /* all that are not retired */
	struct list retired; /* the oldest first */
	uint32_t n_retired;
	struct list execs;
	bool closing;
	uv_timer_t soon; /* the close comes from the loop */
	bool soon_open;
	plugins_closed_cb closed;
	void *closed_context;
};

enum plugin_stage {
	PLUGIN_RUNNING,
	PLUGIN_CANCELLING,
	PLUGIN_GIVEN_UP,
	PLUGIN_ENDED,
	PLUGIN_RETIRED,
};

struct plugin_run {
	struct bouncer_action action;
	struct list node;
	struct plugins *plugins;
	struct plugin_loaded *loaded;
	struct plugin_call *call; /* NULL: it has been told */
	enum plugin_stage stage;
	bool cancelled; /* before its deadline */
	uint64_t timeout_ms;
	uv_timer_t timer; /* deadline, grace, or the next turn */
	bool timer_closing;
	struct list helpers; /* plugin_helper.node */
	uint32_t n_helpers;
	struct arena arena; /* context, values, state */
	enum runtime_result result;
	struct err err;
	char *monitor; /* outlives the arena */
};

/* --- plugin.c ------------------------------------------------------------- */

struct plugin_loaded *plugins_find(const struct plugins *plugins,
                                   const char *name);
void plugins_maybe_closed(struct plugins *plugins);

/* --- plugin_load.c -------------------------------------------------------- */

/* 0, or a negative code with the reason. Blocks. */
int plugin_load(const char *dir, const char *name,
                struct plugin_loaded **loadedp, struct err *err) MUST_CHECK;
void plugin_unload(struct plugin_loaded *loaded);

/* The file that a name means, after all links (mem_free). */
int plugin_find_file(const char *dir, const char *name, char **pathp,
                     struct err *err) MUST_CHECK;

/* A program that could be started. */
int plugin_check_program(const char *path, struct err *err) MUST_CHECK;

/* --- plugin_run.c --------------------------------------------------------- */

int plugin_run_start(struct plugins *plugins,
                     struct plugin_call *call) MUST_CHECK;
void plugin_run_cancel(struct plugin_run *run);
/* We end: it is not waited for any more. */
void plugin_run_abandon(struct plugin_run *run);
/* It is over; as the plugin says. */
void plugin_run_complete(struct plugin_run *run, int result,
                         const char *detail);
/* A helper has ended. */
void plugin_run_helper_gone(struct plugin_run *run);

/* --- plugin_helpers.c ----------------------------------------------------- */

extern const struct bouncer_host plugin_host;

uint64_t plugin_now_ms(void);
/* Ends them; @silent: the plugin is not told. */
void plugin_helpers_end(struct plugin_run *run, bool silent);

/* --- plugin_context.c ----------------------------------------------------- */

/* A copy of all that the notice says. 0 or -ENOMEM. */
int plugin_context_fill(struct bouncer_context *context, struct arena *arena,
                        const struct notice *notice,
                        uint64_t deadline_ms) MUST_CHECK;

/* The document for a program; a failure stays in @out. */
void plugin_context_json(struct buf *out, const struct plugin_call *call);

/* --- plugin_exec.c -------------------------------------------------------- */

struct plugin_exec;
int plugin_exec_start(struct plugins *plugins,
                      struct plugin_call *call) MUST_CHECK;
void plugin_exec_cancel(struct plugin_exec *exec);
