/* SPDX-License-Identifier: Apache-2.0 */
/* worker: what the command line and the environment say about a worker. */
#pragma once

#include "command/command.h"
#include "registry/worker/worker.h"

/* `bouncer worker --check`: can it do what it is told to? Says so line by line;
 * returns what to exit with. @ca_file: of https, may be NULL. */
int worker_check(const struct command_io *io,
                 const struct worker_options *options, const char *ca_file);
