/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer mon, bouncer autoheal: in the place of another tool, told the same
 * things in the same way. A program of that name is that command.
 */
#include "command/door.h"

#include <errno.h>
#include "config/config.h"
#include "config/environment.h"
#include "daemon.h"

#define PROBLEMS_MAX_BYTES (8 << 20)

static void print_warnings(const struct command_io *io, const char *name,
                           const struct door *door)
{
	const char *line = buf_text(&door->warnings);

	while (*line) {
		int n = (int)strcspn(line, "\n");

		(void)fprintf(io->err, "bouncer %s: %.*s\n", name, n, line);
		line += n + (line[n] == '\n');
	}
}

/* What is wrong with it is said with the names of our keys: they stand in what
 * --print-config shows. */
static int load(const struct command_io *io, struct daemon_options *options)
{
	struct buf problems;
	int r;

	buf_init(&problems, PROBLEMS_MAX_BYTES);
	r = config_load_text(options->text, options->file, options->overrides,
	                     options->n_overrides, &options->config, &problems);
	(void)fputs(buf_text(&problems), io->err);
	buf_fini(&problems);
	return r;
}

static int run_or_print(const struct command_io *io, const char *name,
                        const struct door *door)
{
	struct daemon_options options = { .text = buf_slice(&door->text) };
	struct environment environment;
	int r = environment_read(&environment, io->envp);
	int code;

	options.file = name;
	options.overrides = environment.overrides;
	options.n_overrides = environment.n_overrides;
	if (door->print)
		(void)fputs(buf_text(&door->text), io->out);
	if (r == 0)
		r = load(io, &options);
	if (r == -ENOMEM)
		code = command_no_memory(io);
	else if (r < 0)
		code = EXIT_USAGE;
	else if (!door->print)
		code = daemon_run(&options);
	else
		code = command_finish(io);
	if (door->print)
		config_free(options.config);
	environment_fini(&environment);
	return code;
}

int door_finish(const struct command_io *io, const struct command *command,
                const struct door *door, int r, const struct err *err)
{
	print_warnings(io, command->name, door);
	if (r == -ENOMEM)
		return command_no_memory(io);
	if (r < 0) {
		(void)fprintf(io->err, "bouncer %s: %s\n", command->name,
		              err->message);
		return EXIT_USAGE;
	}
	if (door->help) {
		command_print_help(io, command);
		return command_finish(io);
	}
	return run_or_print(io, command->name, door);
}

static int enter(const struct command_io *io, const struct command *command,
                 door_read_fn read, int argc, char *const *argv)
{
	struct door door;
	struct err err;
	int r = read(&door, argc, argv, io->envp, &err);
	int code = door_finish(io, command, &door, r, &err);

	door_fini(&door);
	return code;
}

static int run_mon(const struct command_io *io, int argc, char *const *argv)
{
	return enter(io, &command_mon, door_mon, argc, argv);
}

static int run_autoheal(const struct command_io *io, int argc,
                        char *const *argv)
{
	return enter(io, &command_autoheal, door_autoheal, argc, argv);
}

const struct command command_mon = {
	.name = "mon",
	.group = COMMAND_DAEMON,
	.arguments = "[-control ADDRESS] [-prefix TEXT] [-interval MS] "
		     "[-quiet] [-volumes]",
	.summary = "restart and clean up by the labels of docker-mon",
	.help = "Restarts unhealthy containers with the labels mon.observe=1 "
		"and\nmon.checks.health=1, removes ended ones with "
		"mon.checks.cleanup=1.\n"
		"\n"
		"  -control ADDRESS   of Docker: unix:///path, "
		"tcp://host:port\n"
		"  -prefix TEXT       of their names, without a slash\n"
		"  -interval MS       between two restarts, and two full "
		"looks\n"
		"  -quiet             only errors\n"
		"  -volumes           remove anonymous volumes, too\n"
		"\n"
		"Each is also a variable, MON_CONTROL and so on, which wins.\n",
	.more = DOOR_MORE,
	.run = run_mon,
	.program = true,
};

const struct command command_autoheal = {
	.name = "autoheal",
	.group = COMMAND_DAEMON,
	.arguments = "[--print-config]",
	.summary = "restart by the labels and variables of docker-autoheal",
	.help = "Restarts unhealthy containers with the label autoheal=true.\n"
		"\n"
		"  AUTOHEAL_CONTAINER_LABEL        another label, or all\n"
		"  AUTOHEAL_INTERVAL               seconds between two "
		"restarts, "
		"and two\n"
		"                                  full looks; 5\n"
		"  AUTOHEAL_START_PERIOD           seconds before the first\n"
		"  AUTOHEAL_DEFAULT_STOP_TIMEOUT   seconds; 10\n"
		"  DOCKER_SOCK                     path, tcp://, or tcps:// "
		"with "
		"/certs\n"
		"  WEBHOOK_URL, WEBHOOK_JSON_KEY, APPRISE_URL\n"
		"  POST_RESTART_SCRIPT\n"
		"\n"
		"The variables and flags of tmknight/docker-autoheal, and the "
		"labels of\nthat and of deunhealth, are understood, too.\n",
	.more = DOOR_MORE,
	.run = run_autoheal,
	.program = true,
};
