/* SPDX-License-Identifier: Apache-2.0 */
/* The program: from argv to a command. */
#include <unistd.h>
#include "command/command.h"

int main(int argc, char **argv)
{
	const struct command_io io = {
		.out = stdout,
		.err = stderr,
		.envp = (const char *const *)environ,
	};

	return command_main(&io, argc, argv);
}
