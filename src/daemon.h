/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon: owns the loop and everything on it, from start to exit.
 */
#pragma once

#include <stddef.h>
#include "base/slice.h"
#include "config/config.h"

struct daemon_options {
	const char *file;  /* to read again on SIGHUP */
	struct slice text; /* instead of a file, whose name stands in messages;
	                      .p NULL: there is a file */
	/* In falling precedence; as they were given to config_load(). */
	const struct config_override *overrides;
	size_t n_overrides;
	struct config *config; /* what came of it; the daemon's from now on */
};

/*
 * daemon_run() - until a signal ends it
 * @options: borrowed until it returns, but for `config`, which it frees
 *
 * Returns what the process shall exit with: 0 after an orderly end.
 */
int daemon_run(const struct daemon_options *options) MUST_CHECK;
