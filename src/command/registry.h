/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: what stands behind `bouncer registry`: nothing, or flags: it is
 * run; else one of these, which ask one that runs.
 */
#pragma once

#include "command/client.h"
#include "command/command.h"
#include "command/options.h"
#include "command/table.h"

struct registry_command {
	const char *name;
	const char *arguments;
	const char *summary; /* one line */
	const char *help;    /* ends with newline */
	bool local;          /* it asks nobody: has no options for that */
	int (*run)(const struct command_io *io, int argc, char *const *argv);
};

/* options_read() for one of them: "usage: bouncer registry NAME …". */
bool registry_options(struct options *options, const struct command_io *io,
                      const struct registry_command *command, int argc,
                      char *const *argv, int *codep) MUST_CHECK;

/*
 * registry_ask() - one exchange with the registry; the answer in call->root
 *
 * As client_ask(), but words of a refusal are looked for as the registry's
 * routes have them: {"detail":"…"}, {"FIELD":["…"]}. An empty answer is fine.
 */
int registry_ask(struct client *client, struct client_call *call);

/* The same for what is no JSON: the text in call->reply. */
int registry_fetch(struct client *client, struct client_call *call);

/* A row for each item of @list, by @add, as wide as the terminal likes it; the
 * exit code. */
int registry_print_table(const struct command_io *io,
                         const struct table_column *columns, size_t n,
                         const struct json_t *list,
                         void (*add)(struct table *table,
                                     const struct json_t *item)) MUST_CHECK;

extern const struct registry_command registry_command_token; /* tokens */
extern const struct registry_command registry_command_apply;
extern const struct registry_command registry_command_export;
extern const struct registry_command registry_command_import;
extern const struct registry_command registry_command_backup;
extern const struct registry_command registry_command_explain;
extern const struct registry_command registry_command_servers; /* in sync? */
extern const struct registry_command registry_command_alerts;
extern const struct registry_command registry_command_alerts_test;
extern const struct registry_command registry_command_stock_rules;
extern const struct registry_command registry_command_alertmanager_config;
