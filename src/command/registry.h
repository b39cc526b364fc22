/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry: what stands behind `bouncer registry`: nothing, or flags: it is
 * run; else one of these, which ask one that runs.
 */
#pragma once

#include "command/command.h"

struct registry_command {
	const char *name;
	const char *arguments;
	const char *summary; /* one line */
	const char *help;    /* ends with newline */
	int (*run)(const struct command_io *io, int argc, char *const *argv);
};

extern const struct registry_command registry_command_token; /* tokens */
extern const struct registry_command registry_command_apply;
extern const struct registry_command registry_command_export;
extern const struct registry_command registry_command_import;
extern const struct registry_command registry_command_explain;
extern const struct registry_command registry_command_servers; /* in sync? */
extern const struct registry_command registry_command_alerts;
extern const struct registry_command registry_command_stock_rules;
extern const struct registry_command registry_command_alertmanager_config;
