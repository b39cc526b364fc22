/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer check: is the file good? Nothing of the command line or the
 * environment is mixed in, so that the answer is about the file alone.
 */
#include "command/command.h"

#include <errno.h>
#include "action/plugin.h"
#include "config/config.h"

#define PROBLEMS_MAX_BYTES (8 << 20)

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void say_watched(const struct command_io *io,
                        const struct config *config)
{
	static const struct {
		unsigned watches;
		const char *what;
	} kinds[] = {
		{ 1u << CONFIG_WATCH_HEALTH | 1u << CONFIG_WATCH_EXITED,
		  "containers" },
		{ 1u << CONFIG_WATCH_METRIC, "metrics" },
		{ 1u << CONFIG_WATCH_ALERT, "alerts" },
	};

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		size_t n = 0;

		for (size_t i = 0; i < config->n_monitors; i++)
			n += kinds[k].watches >> config->monitors[i].watch & 1;
		if (n > 0)
			(void)fprintf(io->out, ", %zu watching %s", n,
			              kinds[k].what);
	}
}

static void say_good(const struct command_io *io, const char *file,
                     const struct config *config)
{
	(void)fprintf(io->out, "%s: ok, %zu monitor%s", file,
	              config->n_monitors, plural(config->n_monitors));
	say_watched(io, config);
	if (config->n_asked > 0)
		(void)fprintf(io->out, ", and what containers ask for by "
		                       "their labels");
	if (config->n_notifications > 0)
		(void)fprintf(io->out, ", %zu notification%s",
		              config->n_notifications,
		              plural(config->n_notifications));
	(void)fputc('\n', io->out);
}

/* What they say of themselves, and of their parameters: they are loaded. */
static int check_plugins(const struct command_io *io, const char *file,
                         const struct config *config)
{
	const struct plugins_options options = { 0 };
	struct plugins *plugins = plugins_new(&options);
	struct buf problems;
	struct slice rest;
	struct slice line;
	int r = -ENOMEM;

	buf_init(&problems, PLUGIN_MAX_PROBLEMS);
	if (plugins) {
		r = plugins_check(plugins, config, &problems);
		plugins_close(plugins, NULL, NULL);
	}
	rest = buf_slice(&problems);
	while (slice_next(&rest, '\n', &line))
		(void)fprintf(io->err, "%s: " SLICE_FMT "\n", file,
		              SLICE_ARG(line));
	buf_fini(&problems);
	return r;
}

static int check(const struct command_io *io, int argc, char *const *argv)
{
	const char *file = argc > 0 ? argv[0] : NULL;
	struct config *config = NULL;
	struct buf problems;
	int r;

	if (argc > 1 || (file && file[0] == '-')) {
		(void)fprintf(io->err, "bouncer: check takes one file; see "
		                       "bouncer help check\n");
		return EXIT_USAGE;
	}
	if (!file)
		file = command_default_file(io);
	if (!file)
		return EXIT_USAGE;

	buf_init(&problems, PROBLEMS_MAX_BYTES);
	r = config_load(file, NULL, 0, &config, &problems);
	(void)fputs(buf_text(&problems), io->err);
	buf_fini(&problems);
	if (r == 0) {
		r = check_plugins(io, file, config);
		if (r == 0)
			say_good(io, file, config);
		config_free(config);
	}
	if (r == -ENOMEM)
		return command_no_memory(io);
	return r < 0 ? EXIT_USAGE : command_finish(io);
}

const struct command command_check = {
	.name = "check",
	.group = COMMAND_DAEMON,
	.arguments = "[FILE]",
	.summary = "say everything that is wrong with a configuration file",
	.help = "Prints each problem as file:line: key: message and exits with "
		"2, or says\n"
		"that the file is good. Without FILE: ./config.yml, then\n"
		"/etc/bouncer/config.yml. Plugins that it names are loaded,\n"
		"and asked about their parameters.\n",
	.run = check,
};
