/* SPDX-License-Identifier: Apache-2.0 */
/* run: the daemon, by whichever command it is started. */
#pragma once

#include "command/command.h"

/*
 * run_daemon() - flags and environment, the file, then the daemon
 * @command: whose help --help prints. Of any but command_run the registry is
 *           switched on, and no file is needed
 *
 * The exit code.
 */
int run_daemon(const struct command_io *io, const struct command *command,
               int argc, char *const *argv);
