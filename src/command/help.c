/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer help: the list of commands, or one of them in full.
 */
#include "command/command.h"

static const char *const titles[] = {
	[COMMAND_DAEMON] = "The daemon",
	[COMMAND_LOOK] = "Look into a running one",
	[COMMAND_STEER] = "Steer it",
	[COMMAND_JOB] = "For jobs",
	[COMMAND_REGISTRY] = "The registry",
	[COMMAND_ABOUT] = "About the program",
};

static void print_list(const struct command_io *io)
{
	(void)fprintf(io->out,
	              "Bouncer watches the health of containers, and what jobs "
	              "push to a Prometheus\nPushgateway or to itself, and "
	              "restarts what is unhealthy or went quiet.\n\n"
	              "usage: bouncer [COMMAND] [ARGUMENTS]\n\n");
	for (size_t i = 0; commands[i]; i++) {
		if (i == 0 || commands[i]->group != commands[i - 1]->group)
			(void)fprintf(io->out, "%s%s:\n", i ? "\n" : "",
			              titles[commands[i]->group]);
		(void)fprintf(io->out, "  %-17s  %s\n", commands[i]->name,
		              commands[i]->summary);
	}
	(void)fputs(
		"\nExit codes: 0 good, 1 trouble, 2 the command line or the "
		"file, 3 nobody\nanswers, 4 it said no.\n\n"
		"bouncer help COMMAND says more. The configuration file is "
		"described in\nbouncer.yml(5).\n",
		io->out);
}

static int help(const struct command_io *io, int argc, char *const *argv)
{
	const struct command *command;

	if (argc > 1) {
		(void)fprintf(io->err, "bouncer: help takes one command\n");
		return EXIT_USAGE;
	}
	if (argc == 0) {
		print_list(io);
		return command_finish(io);
	}
	command = command_find(argv[0]);
	if (!command)
		return command_unknown(io, argv[0]);
	command_print_help(io, command);
	return command_finish(io);
}

const struct command command_help = {
	.name = "help",
	.group = COMMAND_ABOUT,
	.arguments = "[COMMAND]",
	.summary = "print this list, or all about one command",
	.help = "Prints the list of commands, or all about one of them.\n",
	.run = help,
};
