/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer export, bouncer registry export: the whole state as a document.
 */
#include "command/registry_plan.h"

static const char help[] =
	"Prints all that the registry keeps, but tokens, as a document that\n"
	"bouncer registry apply brings back: in a stable order, without ids,\n"
	"and without what has its default, to be kept in git. Secrets (where\n"
	"notifiers tell, how shards are asked) are left out, and stay as they\n"
	"are when it is applied.\n"
	"\n"
	"  --yaml             as YAML, which is the default\n"
	"  --json             as JSON\n"
	"  --secrets          with secrets; needs a token of scope admin, or\n"
	"                     the control socket\n";

struct export_options {
	struct client_options client;
	bool yaml;
	bool secrets;
};

static int ask(const struct command_io *io, const struct export_options *own)
{
	struct client_call call = { 0 };
	struct client *client;
	char path[64];
	int code = client_open(&client, io, &own->client, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	(void)snprintf(path, sizeof(path),
	               "/registry/export?format=%s&secrets=%d",
	               own->client.json ? "json" : "yaml", own->secrets);
	call.target = slice_from(path);
	call.timeout_ms = own->client.timeout_ms ? 0 : PLAN_TIMEOUT_MS;
	code = registry_fetch(client, &call);
	if (code == EXIT_OK) {
		(void)fwrite(call.reply.p, 1, call.reply.n, io->out);
		code = command_finish(io);
	}
	client_call_fini(&call);
	return client_close(client, code);
}

static int run_with(const struct command_io *io, int argc, char *const *argv,
                    bool (*read)(struct options *options,
                                 const struct command_io *io, int argc,
                                 char *const *argv, int *codep))
{
	struct export_options own = { 0 };
	const struct option_row rows[] = {
		{ "yaml", 0, OPTION_FLAG, &own.yaml },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		{ "secrets", 0, OPTION_FLAG, &own.secrets },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows, .n_rows = ARRAY_SIZE(rows) };
	int code;

	if (!read(&options, io, argc, argv, &code))
		return code;
	options_fini(&options);
	if (own.yaml && own.client.json) {
		(void)fprintf(io->err, "bouncer: --yaml and --json exclude "
		                       "each other\n");
		return EXIT_USAGE;
	}
	return ask(io, &own);
}

static bool read_own(struct options *options, const struct command_io *io,
                     int argc, char *const *argv, int *codep)
{
	return options_read(options, io, &command_export, argc, argv, codep);
}

static int run_own(const struct command_io *io, int argc, char *const *argv)
{
	return run_with(io, argc, argv, read_own);
}

static bool read_part(struct options *options, const struct command_io *io,
                      int argc, char *const *argv, int *codep)
{
	return registry_options(options, io, &registry_command_export, argc,
	                        argv, codep);
}

static int run_part(const struct command_io *io, int argc, char *const *argv)
{
	return run_with(io, argc, argv, read_part);
}

const struct command command_export = {
	.name = "export",
	.group = COMMAND_REGISTRY,
	.arguments = "[--yaml | --json] [--secrets]",
	.summary = "print all that the registry keeps",
	.help = help,
	.more = client_control_help,
	.run = run_own,
};

const struct registry_command registry_command_export = {
	.name = "export",
	.arguments = "[--yaml | --json] [--secrets]",
	.summary = "print all that it keeps, as a file to apply",
	.help = help,
	.run = run_part,
};
