/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer version: ours, and of what it was built with and runs on.
 */
#include "command/command.h"

#include <cyaml/cyaml.h>
#include <jansson.h>
#include <llhttp.h>
#include <uv.h>

static int version(const struct command_io *io, int argc, char *const *argv)
{
	(void)argv;
	if (argc > 0) {
		(void)fprintf(io->err, "bouncer: version takes no argument\n");
		return EXIT_USAGE;
	}
	(void)fprintf(io->out,
	              "bouncer %s (libuv %s, llhttp %d.%d.%d, libcyaml %s, "
	              "jansson %s)\n",
	              BOUNCER_VERSION, uv_version_string(),
	              LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR,
	              LLHTTP_VERSION_PATCH, cyaml_version_str, JANSSON_VERSION);
	return command_finish(io);
}

const struct command command_version = {
	.name = "version",
	.group = COMMAND_ABOUT,
	.arguments = "",
	.summary = "print the version",
	.help = "Prints our version and those of the libraries.\n",
	.run = version,
};
