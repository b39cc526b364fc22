/* SPDX-License-Identifier: Apache-2.0 */
/* door: what the commands in the place of other tools share. */
#pragma once

#include "command/command.h"
#include "config/door.h"

/* As config/door.h has them. */
typedef int (*door_read_fn)(struct door *door, int argc, char *const *argv,
                            const char *const *envp, struct err *err);

/* Says what is to be said of what was read (@r, and @err where it failed), and
 * prints it or runs it. The exit code. */
int door_finish(const struct command_io *io, const struct command *command,
                const struct door *door, int r, const struct err *err);

/* The end of their help. */
#define DOOR_MORE                                                            \
	"\n"                                                                 \
	"Guards that the original lacks are off; --print-config shows the\n" \
	"configuration that this is, for bouncer run, where they can be\n"   \
	"switched on. BOUNCER_* variables count here, too.\n"
