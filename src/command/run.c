/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer run: command line and environment, the file, then the daemon.
 */
#include "command/run.h"

#include <errno.h>
#include "config/config.h"
#include "config/environment.h"
#include "config/flags.h"
#include "daemon.h"

#define PROBLEMS_MAX_BYTES (8 << 20)

static const char help[] =
	"Watches, and bounces what is bad, until SIGTERM or SIGINT.\n"
	"SIGHUP reads the configuration again.\n"
	"\n"
	"  --config FILE           default: ./config.yml, then\n"
	"                          /etc/bouncer/config.yml\n"
	"  --push-gw URL           the Pushgateway\n"
	"  --check-interval TIME   how often it is read, as 30s or 1m\n"
	"  --addr ADDRESS          of metrics and status, as :9090, or none\n"
	"  --socket-docker PATH    of Docker, or tcp://host:port\n"
	"  --socket-lxd PATH       of LXD\n"
	"  --log-level LEVEL       debug, info, warn or error\n"
	"  --log-format FORMAT     logfmt, json or plain\n"
	"  --state-dir DIR         what must survive a restart, or none\n"
	"  --dry-run               say what would be done, and do nothing\n"
	"\n"
	"Every other key of the section global is a flag, too. One dash or\n"
	"two, = or a space; case, - and _ make no difference: both\n"
	"-checkInterval=1m and --check-interval 1m. Each key is also an\n"
	"environment variable, push_gw is BOUNCER_PUSH_GW. Flags win over\n"
	"the environment, and that over the file. The keys are in\n"
	"bouncer.yml(5).\n";

/* Flags come before the environment: the first that names a key wins. */
static size_t join(const struct flags *flags,
                   const struct environment *environment,
                   struct config_override *overrides)
{
	size_t n = 0;

	for (size_t i = 0; i < flags->n_overrides; i++)
		overrides[n++] = flags->overrides[i];
	for (size_t i = 0; i < environment->n_overrides; i++)
		overrides[n++] = environment->overrides[i];
	return n;
}

/* NULL: there is none, which has been said if one is needed. */
static const char *choose_file(const struct command_io *io,
                               const struct flags *flags,
                               const struct environment *environment,
                               bool needed)
{
	if (flags->config)
		return flags->config;
	if (environment->config)
		return environment->config;
	return needed ? command_default_file(io) : command_find_file();
}

static int load(struct daemon_options *options, struct buf *problems)
{
	if (options->text.p)
		return config_load_text(
			options->text, options->file, options->overrides,
			options->n_overrides, &options->config, problems);
	return config_load(options->file, options->overrides,
	                   options->n_overrides, &options->config, problems);
}

static int load_and_run(const struct command_io *io,
                        const struct command *command,
                        const struct flags *flags,
                        const struct environment *environment)
{
	static const struct config_override registry = {
		.key = CONFIG_REGISTRY_ENABLED,
		.value = "true",
		.origin = "bouncer registry",
	};
	struct config_override overrides[FLAGS_MAX + ENVIRONMENT_MAX + 1];
	struct daemon_options options = { .overrides = overrides };
	bool is_registry = command != &command_run;
	struct buf problems;
	int r;

	options.file = choose_file(io, flags, environment, !is_registry);
	if (!options.file && !is_registry)
		return EXIT_USAGE;
	options.n_overrides = join(flags, environment, overrides);
	if (is_registry)
		overrides[options.n_overrides++] = registry;
	if (!options.file) {
		options.file = registry.origin;
		options.text = slice_from("{}\n");
	}

	buf_init(&problems, PROBLEMS_MAX_BYTES);
	r = load(&options, &problems);
	(void)fputs(buf_text(&problems), io->err);
	buf_fini(&problems);
	if (r == -ENOMEM)
		return command_no_memory(io);
	return r < 0 ? EXIT_USAGE : daemon_run(&options);
}

int run_daemon(const struct command_io *io, const struct command *command,
               int argc, char *const *argv)
{
	struct environment environment = { 0 };
	struct flags flags;
	struct err err;
	int code;
	int r;

	r = flags_parse(&flags, argc, argv, &err);
	if (r == 0 && !flags.help)
		r = environment_read(&environment, io->envp);

	if (r == -EINVAL) {
		(void)fprintf(io->err, "bouncer: %s\n", err.message);
		code = EXIT_USAGE;
	} else if (r < 0) {
		code = command_no_memory(io);
	} else if (flags.help) {
		command_print_help(io, command);
		code = command_finish(io);
	} else {
		code = load_and_run(io, command, &flags, &environment);
	}
	environment_fini(&environment);
	flags_fini(&flags);
	return code;
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	return run_daemon(io, &command_run, argc, argv);
}

const struct command command_run = {
	.name = "run",
	.group = COMMAND_DAEMON,
	.arguments = "[--config FILE] [--KEY VALUE ...]",
	.summary = "watch and bounce (also without any command)",
	.help = help,
	.run = run,
};
