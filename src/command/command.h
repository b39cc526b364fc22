/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command: the sub-commands of the program, one file each, and the table of
 * them. A command gets its own arguments and says what to exit with.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/macros.h"

/* What the program exits with. */
enum {
	EXIT_OK = 0,
	EXIT_TROUBLE = 1, /* no memory, cannot write, an answer that makes
	                         no sense; or what was asked for is not well */
	EXIT_USAGE = 2,   /* the command line or the configuration is wrong */
	EXIT_UNREACHABLE = 3, /* the daemon or the gateway does not answer */
	EXIT_REFUSED = 4,     /* it said no */
};

/* Where a command speaks; the process's own, or a test's. */
struct command_io {
	FILE *out;
	FILE *err;
	const char *const *envp;
};

enum command_group {
	COMMAND_DAEMON,   /* is the daemon, or concerns its configuration */
	COMMAND_LOOK,     /* asks a running daemon */
	COMMAND_STEER,    /* changes something in it */
	COMMAND_JOB,      /* is called by jobs */
	COMMAND_REGISTRY, /* what Prometheus scrapes and alerts on */
	COMMAND_ABOUT,
};

struct command {
	const char *name;
	enum command_group group;
	const char *arguments; /* "[--config FILE]" */
	const char *summary;   /* one line, for the list */
	const char *help;      /* the rest of `help NAME`; ends with newline */
	const char *more;      /* and what it shares with others; may be NULL */
	/* @argv: what stands after the name. */
	int (*run)(const struct command_io *io, int argc, char *const *argv);
	bool program;      /* a program of that name is this command */
	const char *alias; /* another name, of the tool that it stands in for */
};

extern const struct command command_am_executor;
extern const struct command command_autoheal;
extern const struct command command_bounce;
extern const struct command command_check;
extern const struct command command_explain;
extern const struct command command_healthcheck;
extern const struct command command_help;
extern const struct command command_journal;
extern const struct command command_metric_reader;
extern const struct command command_mon;
extern const struct command command_notify;
extern const struct command command_pause;
extern const struct command command_ping;
extern const struct command command_push;
#if BOUNCER_REGISTRY
extern const struct command command_export;
extern const struct command command_import;
extern const struct command command_register_exporter;
extern const struct command command_register_host;
extern const struct command command_register_job;
extern const struct command command_register_server;
extern const struct command command_registry;
extern const struct command command_rules;
extern const struct command command_targets;
extern const struct command command_urls;
#endif
extern const struct command command_reload;
extern const struct command command_resume;
extern const struct command command_run;
extern const struct command command_status;
extern const struct command command_version;
#if BOUNCER_REGISTRY
extern const struct command command_worker;
#endif

/* All of them, in the order of the help; NULL at the end. */
#define COMMANDS_MAX 64
extern const struct command *const commands[];

/* Runs what @argv (with the program's name) asks for; no command, or a flag
 * where one should be, is `run`; a program by the name of a front door is that.
 * Returns the exit code. */
int command_main(const struct command_io *io, int argc, char *const *argv);

/* NULL: there is none of that name. */
const struct command *command_find(const char *name);

/* Says that there is no such command, and which one may be meant. */
int command_unknown(const struct command_io *io, const char *name);

/* The whole help of one command. */
void command_print_help(const struct command_io *io,
                        const struct command *command);

/* The file to read when none was named: the first of ./config.yml and
 * /etc/bouncer/config.yml that is there; NULL after saying so if none is. */
const char *command_default_file(const struct command_io *io);
/* The same, and nothing is said. */
const char *command_find_file(void);

/* The value of a variable of @io's environment; NULL if unset or empty. */
const char *command_env(const struct command_io *io, const char *name);

/* Says that memory is out; EXIT_TROUBLE. */
int command_no_memory(const struct command_io *io);

/* Flushes what was written; EXIT_TROUBLE with a word if that fails. */
int command_finish(const struct command_io *io);
