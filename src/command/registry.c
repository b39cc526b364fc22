/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer registry: the daemon with the registry switched on; or, with the name
 * of one of the commands below, a question to one that runs.
 */
#include "command/registry.h"

#include <errno.h>
#include <string.h>
#include "base/text.h"
#include "command/run.h"

/* In the order of the help. */
static const struct registry_command *const subcommands[] = {
	/* a document of all of it */
	&registry_command_apply,
	&registry_command_export,
	&registry_command_import,
	&registry_command_backup,
	/* who may ask */
	&registry_command_token,
	&registry_command_servers,
	&registry_command_explain,
	/* what came back */
	&registry_command_alerts,
	&registry_command_alerts_test,
	&registry_command_stock_rules,
	&registry_command_alertmanager_config,
};

/* --- what they share --------------------------------------------------------- */

bool registry_options(struct options *options, const struct command_io *io,
                      const struct registry_command *command, int argc,
                      char *const *argv, int *codep)
{
	char name[64];
	const struct command shown = {
		.name = name,
		.arguments = command->arguments,
		.summary = command->summary,
		.help = command->help,
		.more = command->local ? NULL : client_control_help,
	};

	(void)snprintf(name, sizeof(name), "registry %s", command->name);
	return options_read(options, io, &shown, argc, argv, codep);
}

/* What is wrong, and with which field: the first of them, and the first that is
 * said of it. */
static struct slice find_words(const struct json_t *root, const char **fieldp)
{
	struct json_member member = { 0 };
	struct slice words = json_as_text(json_get(root, "detail"));

	*fieldp = NULL;
	if (!words.p)
		words = json_as_text(json_get(root, "error"));
	while (!words.p && json_next_member(root, &member)) {
		words = json_as_text(json_item(member.value, 0));
		*fieldp = member.name;
	}
	return words;
}

/* What we made ourselves needs no place in it: "body:1: …". */
static struct slice skip_body(struct slice words)
{
	const char *space = memchr(words.p, ' ', words.n);

	if (!slice_starts(words, "body:") || !space)
		return words;
	return slice_skip(words, (size_t)(space + 1 - words.p));
}

/* Each line by itself. */
static void print_lines(FILE *out, struct slice words)
{
	struct slice line;

	while (slice_next(&words, '\n', &line)) {
		client_print(out, line);
		(void)fputc('\n', out);
	}
}

static int complain(struct client *client, struct client_call *call)
{
	FILE *err = client->io->err;
	const char *field;
	struct slice words = find_words(call->root, &field);

	if (!words.p)
		return client_complain(client, call, NULL);
	(void)fprintf(err, "bouncer: ");
	if (field) {
		client_print(err, slice_from(field));
		(void)fprintf(err, ": ");
	}
	print_lines(err, skip_body(words));
	if (call->status == 401)
		(void)fputs("--token-file FILE names a token; bouncer registry "
		            "token create makes one\n",
		            err);
	print_lines(err, json_as_text(json_get(call->root, "promtool")));
	return call->status / 100 == 4 ? EXIT_REFUSED : EXIT_TROUBLE;
}

int registry_fetch(struct client *client, struct client_call *call)
{
	client_exchange(client, call);
	if (call->err.code == 0 && call->status / 100 == 2)
		return EXIT_OK;
	if (call->err.code == 0 &&
	    json_parse(buf_slice(&call->reply), &call->root, NULL) < 0)
		call->root = NULL;
	return complain(client, call);
}

int registry_ask(struct client *client, struct client_call *call)
{
	struct slice text;
	struct err err;
	int r = 0;

	client_exchange(client, call);
	text = buf_slice(&call->reply);
	if (call->err.code == 0 && text.n > 0)
		r = json_parse(text, &call->root, &err);
	if (r == -ENOMEM)
		return command_no_memory(client->io);
	if (call->err.code != 0 || call->status / 100 != 2)
		return complain(client, call);
	if (r == 0)
		return EXIT_OK;
	(void)fprintf(client->io->err,
	              "bouncer: what answers is no registry of ours: %s\n",
	              err.message);
	return EXIT_TROUBLE;
}

int registry_print_table(const struct command_io *io,
                         const struct table_column *columns, size_t n,
                         const struct json_t *list,
                         void (*add)(struct table *table,
                                     const struct json_t *item))
{
	struct screen screen;
	struct table table;
	struct buf text;
	int code = EXIT_OK;

	screen_look(&screen, io->out, command_env(io, "NO_COLOR"),
	            command_env(io, "TERM"));
	table_init(&table, columns, n);
	buf_init(&text, TABLE_MAX_BYTES);
	for (size_t i = 0; i < json_count(list); i++)
		add(&table, json_item(list, i));
	if (table_write(&table, &screen, 0, &text) < 0)
		code = command_no_memory(io);
	(void)fputs(buf_text(&text), io->out);
	buf_fini(&text);
	table_fini(&table);
	return code;
}

/* --- dispatch ----------------------------------------------------------------- */

static const struct registry_command *find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		if (strcmp(name, subcommands[i]->name) == 0)
			return subcommands[i];
	}
	return NULL;
}

static int unknown(const struct command_io *io, const char *name)
{
	const char *names[ARRAY_SIZE(subcommands)];
	const char *nearest;

	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		names[i] = subcommands[i]->name;
	nearest =
		text_nearest(slice_from(name), names, ARRAY_SIZE(subcommands));
	(void)fprintf(io->err, "bouncer registry: unknown command %s%s%s%s\n",
	              name, nearest ? "; did you mean " : "; see bouncer help ",
	              nearest ? nearest : "registry", nearest ? "?" : "");
	return EXIT_USAGE;
}

static void print_table(const struct command_io *io)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++)
		(void)fprintf(io->out, "  %-20s  %s\n", subcommands[i]->name,
		              subcommands[i]->summary);
}

static int help(const struct command_io *io)
{
	command_print_help(io, &command_registry);
	print_table(io);
	return command_finish(io);
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	const struct registry_command *command;

	if (argc == 0 || argv[0][0] == '-')
		return run_daemon(io, &command_registry, argc, argv);
	if (strcmp(argv[0], "help") == 0 && argc == 1)
		return help(io);
	command = find(argv[0]);
	if (!command)
		return unknown(io, argv[0]);
	return command->run(io, argc - 1, argv + 1);
}

const struct command command_registry = {
	.name = "registry",
	.group = COMMAND_REGISTRY,
	.arguments = "[--config FILE] [--KEY VALUE ...] | COMMAND ...",
	.summary = "keep what Prometheus scrapes and alerts on",
	.help = "Runs the daemon with the registry: targets and rules in one "
		"place, handed to\n"
		"each Prometheus. Flags, environment and file are those of "
		"bouncer run; no file\n"
		"is needed. Its settings are in the section registry of the "
		"file.\n"
		"\n"
		"The first token is made over the control socket:\n"
		"\n"
		"  bouncer registry token create NAME --scope admin\n"
		"\n"
		"bouncer registry help lists what a running one can be asked; "
		"bouncer registry\n"
		"COMMAND --help says more.\n",
	.run = run,
};
