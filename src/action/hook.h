/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hook: commands of the host that are told what happened. Nobody waits for
 * them, and how they end changes nothing; that one failed is a line in the log.
 *
 * Each argument is a template of its own: a value cannot become a second
 * argument, and there is no shell. Bounded: beyond HOOKS_MAX at once one is
 * dropped, with a line in the log.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "base/log.h"
#include "core/notice.h"
#include "runtime/runtime.h"

#define HOOKS_MAX 64

typedef void (*hooks_closed_cb)(void *context);

struct hooks {
	/* set by the owner; zero the rest */
	const struct log *log;
	struct runtime *host; /* borrowed; it outlives this */

	/* private below */
	struct list running;
	uint32_t n_running;
	bool closing;
	hooks_closed_cb closed;
	void *closed_context;
};

void hooks_init(struct hooks *hooks);

/*
 * hooks_run() - start a command
 * @argv: templates that were checked, ended by NULL
 * @timeout_ms: then it is killed
 *
 * Cannot fail: what goes wrong is logged. Nothing of what is given is needed
 * when it returns.
 */
void hooks_run(struct hooks *hooks, const char *const *argv,
               uint64_t timeout_ms, const struct notice *notice);

/* Cancels what runs. @closed is called once, when all have ended: at once, if
 * there is none. */
void hooks_close(struct hooks *hooks, hooks_closed_cb closed, void *context);
