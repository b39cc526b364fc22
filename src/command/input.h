/* SPDX-License-Identifier: Apache-2.0 */
/* input: a whole file, or stdin, for a command. */
#pragma once

#include "base/buf.h"
#include "command/command.h"

/* Appends all of it; "-" is stdin. What to exit with: EXIT_OK, or something
 * was said (EXIT_USAGE if it cannot be opened). The ceiling is @text's. */
int input_read(const struct command_io *io, const char *path, struct buf *text);
/* How it is called in messages. */
const char *input_name(const char *path);
