/* SPDX-License-Identifier: Apache-2.0 */
/*
 * foreground: a command in our place: our terminal, files, process group and
 * environment; what asks us to end asks it; its end is ours. Blocks.
 *
 * From foreground_begin() on the signals that are passed on are blocked, so
 * that none is lost before the command runs, and threads made meanwhile leave
 * them to us. One that a terminal sends reaches the command by itself.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include "base/err.h"

#define FOREGROUND_NOT_FOUND   127
#define FOREGROUND_NOT_STARTED 126
#define FOREGROUND_SIGNAL_BASE 128 /* and the signal's number */

struct foreground {
	/* private */
	sigset_t before;
	bool pipe_ignored; /* by who started us */
};

void foreground_begin(struct foreground *foreground);
void foreground_end(struct foreground *foreground);

/*
 * foreground_run() - start the command and wait for its end
 * @argv: NULL-terminated; argv[0] is looked up in PATH; no shell
 *
 * Returns its exit code, FOREGROUND_SIGNAL_BASE + N if signal N killed it, or
 * the codes above with @err saying why it could not be started; err->code is
 * 0 if it was.
 */
int foreground_run(const struct foreground *foreground, char *const *argv,
                   struct err *err);
