/* SPDX-License-Identifier: Apache-2.0 */
#include "command/command.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/err.h"
#include "base/slice.h"
#include "base/text.h"

const struct command *const commands[] = {
	&command_run,
	&command_check,
	&command_notify,
	&command_mon,
	&command_autoheal,
	&command_metric_reader,
	&command_am_executor,
	&command_status,
	&command_explain,
	&command_journal,
	&command_healthcheck,
	&command_bounce,
	&command_pause,
	&command_resume,
	&command_reload,
	&command_push,
	&command_ping,
#if BOUNCER_REGISTRY
	&command_registry,
	&command_register_server,
	&command_register_exporter,
	&command_register_host,
	&command_register_job,
	&command_targets,
	&command_rules,
	&command_urls,
	&command_import,
	&command_export,
	&command_worker,
#endif
	&command_version,
	&command_help,
	NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(name, commands[i]->name) == 0 ||
		    (commands[i]->alias &&
		     strcmp(name, commands[i]->alias) == 0))
			return commands[i];
	}
	return NULL;
}

int command_unknown(const struct command_io *io, const char *name)
{
	const char *names[COMMANDS_MAX];
	const char *nearest;
	size_t n = 0;

	for (; commands[n] && n < COMMANDS_MAX; n++)
		names[n] = commands[n]->name;
	nearest = text_nearest(slice_from(name), names, n);
	if (nearest)
		(void)fprintf(io->err,
		              "bouncer: unknown command %s; did you mean %s?\n",
		              name, nearest);
	else
		(void)fprintf(io->err,
		              "bouncer: unknown command %s; see bouncer help\n",
		              name);
	return EXIT_USAGE;
}

void command_print_help(const struct command_io *io,
                        const struct command *command)
{
	(void)fprintf(io->out, "usage: bouncer %s%s%s\n\n%s%s", command->name,
	              *command->arguments ? " " : "", command->arguments,
	              command->help, command->more ? command->more : "");
}

const char *command_find_file(void)
{
	static const char *const files[] = { "config.yml",
		                             "/etc/bouncer/config.yml" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (access(files[i], F_OK) == 0)
			return files[i];
	}
	return NULL;
}

const char *command_default_file(const struct command_io *io)
{
	const char *file = command_find_file();

	if (file)
		return file;
	(void)fprintf(io->err,
	              "bouncer: there is no configuration file: neither "
	              "./config.yml nor /etc/bouncer/config.yml; name one "
	              "with --config FILE\n");
	return NULL;
}

const char *command_env(const struct command_io *io, const char *name)
{
	size_t n = strlen(name);

	for (const char *const *pair = io->envp; *pair; pair++) {
		if (strncmp(*pair, name, n) == 0 && (*pair)[n] == '=')
			return (*pair)[n + 1] ? *pair + n + 1 : NULL;
	}
	return NULL;
}

int command_no_memory(const struct command_io *io)
{
	(void)fprintf(io->err, "bouncer: out of memory\n");
	return EXIT_TROUBLE;
}

int command_finish(const struct command_io *io)
{
	if (fflush(io->out) == 0 && !ferror(io->out))
		return EXIT_OK;
	/* head(1) and the like have seen enough */
	if (errno != EPIPE)
		(void)fprintf(io->err, "bouncer: cannot write: %s\n",
		              err_text(-errno));
	return EXIT_TROUBLE;
}

/* --help and --version are what people try first. */
static const struct command *command_of_flag(const char *flag)
{
	if (strcmp(flag, "--help") == 0 || strcmp(flag, "-h") == 0)
		return &command_help;
	if (strcmp(flag, "--version") == 0 || strcmp(flag, "-v") == 0)
		return &command_version;
	return NULL;
}

/* Called by the name of another tool we are that; NULL: we are ourselves. */
static const struct command *command_of_program(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	const char *name = slash ? slash + 1 : path;
	const struct command *command = name ? command_find(name) : NULL;

	return command && command->program ? command : NULL;
}

int command_main(const struct command_io *io, int argc, char *const *argv)
{
	const struct command *command =
		command_of_program(argc > 0 ? argv[0] : NULL);

	if (command)
		return command->run(io, argc - 1, argv + 1);

	if (argc < 2)
		return command_run.run(io, 0, argv);
	if (argv[1][0] == '-') {
		command = command_of_flag(argv[1]);
		return command ? command->run(io, 0, argv)
		               : command_run.run(io, argc - 1, argv + 1);
	}
	command = command_find(argv[1]);
	if (!command)
		return command_unknown(io, argv[1]);
	if (argc > 2 && command_of_flag(argv[2]) == &command_help) {
		command_print_help(io, command);
		return command_finish(io);
	}
	return command->run(io, argc - 2, argv + 2);
}
