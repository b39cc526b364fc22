/* SPDX-License-Identifier: Apache-2.0 */
#include "config/door_options.h"

#include <errno.h>
#include <string.h>
#include "base/macros.h"
#include "base/number.h"
#include "base/sha256.h"
#include "base/text.h"
#include "config/check.h"
#include "config/problems.h"
#include "config/reader.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

#define ADDRESS            ":8080"
#define SIGNAL             "SIGKILL"
#define MAX_COMMANDS       1000
#define MAX_WORDS          256
#define MAX_PARALLEL       10000
#define PROBLEMS_MAX_BYTES 65536

enum { FILE_NAME, LISTEN, VERBOSE, N_OPTIONS };

static const struct door_option options[N_OPTIONS] = {
	[FILE_NAME] = { .flag = "f" },
	[LISTEN] = { .flag = "l" },
	[VERBOSE] = { .flag = "v", .boolean = true },
};

static const struct door_table table = { .options = options,
	                                 .n = N_OPTIONS,
	                                 .arguments = true };

/* --- its file ---------------------------------------------------------------- */

/* The keys, for whoever checks the tree; the values are read from that. */
struct raw_command {
	const char *cmd;
	const char **args;
	unsigned n_args;
	const char *notify_on_failure;
	const char *max;
	const char *ignore_resolved;
	const char *resolved_signal;
};

struct raw_file {
	const char *listen_address;
	const char *verbose;
	const char *tls_key;
	const char *tls_crt;
	struct raw_command *commands;
	unsigned n_commands;
};

#define TEXT(structure, member)                                          \
	CYAML_FIELD_STRING_PTR(#member,                                  \
	                       CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER, \
	                       struct structure, member, 0, CYAML_UNLIMITED)
#define LIST(structure, member, entry, max)                        \
	CYAML_FIELD_SEQUENCE_COUNT(                                \
		#member, CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER, \
		struct structure, member, n_##member, entry, 0, max)

static const cyaml_schema_value_t word = { CYAML_VALUE_STRING(
	CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED) };

static const cyaml_schema_field_t command_fields[] = {
	TEXT(raw_command, cmd),
	LIST(raw_command, args, &word, MAX_WORDS - 1),
	CYAML_FIELD_IGNORE("match_labels", CYAML_FLAG_OPTIONAL),
	TEXT(raw_command, notify_on_failure),
	TEXT(raw_command, max),
	TEXT(raw_command, ignore_resolved),
	TEXT(raw_command, resolved_signal),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t command_value = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_command, command_fields) };

static const cyaml_schema_field_t file_fields[] = {
	TEXT(raw_file, listen_address),
	TEXT(raw_file, verbose),
	TEXT(raw_file, tls_key),
	TEXT(raw_file, tls_crt),
	LIST(raw_file, commands, &command_value, MAX_COMMANDS),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_value = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_POINTER, struct raw_file, file_fields) };

/* --- commands ----------------------------------------------------------------- */

struct amx_command {
	const char *words[MAX_WORDS]; /* of the program, too */
	size_t n_words;
	const struct yaml_node *labels; /* a mapping; NULL: all alerts */
	bool notify;                    /* a failure is told, and tried again */
	bool ignore_resolved;
	uint32_t max; /* at once; 0: no limit */
	const char *signal;
};

struct settings {
	const char *address;
	bool verbose;
	struct amx_command *command; /* the present one; they are large */
	struct buf monitors;         /* those that are written */
	unsigned n_commands;
	uint8_t known[MAX_COMMANDS + 1][SHA256_SIZE]; /* of each */
};

/* The value of a key; NULL if it is not there, or was left out. */
static const struct yaml_node *value_of(const struct yaml_node *mapping,
                                        const char *key)
{
	const struct yaml_node *found = yaml_find(mapping, key);

	return found && !found[1].skip ? yaml_target(&found[1]) : NULL;
}

static const char *text_of(const struct yaml_node *mapping, const char *key)
{
	const struct yaml_node *value = value_of(mapping, key);

	return value ? value->text : NULL;
}

/* All of its numbers: a name in any case, or digits. */
static const char *read_signal_text(const struct reader *reader,
                                    const char *text, char upper[32])
{
	size_t n = 0;

	if (!text || !*text)
		return SIGNAL;
	for (; text[n] && n < 31; n++)
		upper[n] = text[n] >= 'a' && text[n] <= 'z'
		                   ? (char)(text[n] & ~0x20)
		                   : text[n];
	upper[n] = '\0';
	return read_signal(reader, "resolved_signal", upper) ? upper : SIGNAL;
}

static void check_labels(const struct reader *reader,
                         const struct yaml_node *labels)
{
	if (labels->kind != YAML_MAPPING) {
		reader_problem(reader, "match_labels",
		               "expected names and values; write it as "
		               "{alertname: DiskFull}");
		return;
	}
	for (size_t i = 0; i < 2 * (size_t)labels->n; i++) {
		if (yaml_target(&labels->items[i])->kind != YAML_SCALAR)
			reader_problem(reader, "match_labels",
			               "expected single values");
	}
}

static void read_max(const struct reader *reader, const char *text,
                     uint32_t *maxp)
{
	int64_t max;

	/* 0 and less: no limit */
	if (text && number_parse_i64(slice_from(text), &max) == 0 && max <= 0)
		return;
	(void)read_number(reader, "max", text, 0, MAX_PARALLEL, maxp);
}

static void read_words(const struct reader *reader,
                       const struct yaml_node *node,
                       struct amx_command *command)
{
	const struct yaml_node *args = value_of(node, "args");
	const char *program = text_of(node, "cmd");

	if (!read_required(reader, "cmd", program))
		return;
	if (!*program)
		reader_problem(reader, "cmd", "is empty; name a program");
	command->words[command->n_words++] = program;
	for (size_t i = 0; args && i < args->n; i++)
		command->words[command->n_words++] =
			yaml_target(&args->items[i])->text;
}

/* --- the text ------------------------------------------------------------------- */

static void quote(struct buf *out, const char *text)
{
	(void)buf_putc(out, '"');
	text_escape_json(out, slice_from(text));
	(void)buf_putc(out, '"');
}

/* A value that begins like one of our operators is none. */
static void write_labels(struct buf *out, const struct yaml_node *labels)
{
	for (size_t i = 0; i < labels->n; i++) {
		const struct yaml_node *name =
			yaml_target(&labels->items[2 * i]);
		const char *value =
			yaml_target(&labels->items[2 * i + 1])->text;
		bool exact = value[0] == '=' || value[0] == '!';

		(void)buf_puts(out, i ? ", " : "    match_labels: {");
		quote(out, name->text);
		(void)buf_puts(out, exact ? ": \"=" : ": \"");
		text_escape_json(out, slice_from(value));
		(void)buf_puts(out, "\"");
	}
	if (labels->n > 0)
		(void)buf_puts(out, "}\n");
}

/* How two commands are told apart: what is run, and for which alerts. */
static void write_identity(struct buf *out, const struct amx_command *command)
{
	size_t n = command->labels ? command->labels->n : 0;

	for (size_t i = 0; i < command->n_words; i++)
		(void)buf_append(out, command->words[i],
		                 strlen(command->words[i]) + 1);
	(void)buf_putc(out, '\0');
	for (size_t i = 0; i < 2 * n; i++) {
		const char *text =
			yaml_target(&command->labels->items[i])->text;

		(void)buf_append(out, text, strlen(text) + 1);
	}
}

/* One that stands there before is run once, whatever else is said of it. */
static bool is_known(struct settings *settings,
                     const struct amx_command *command)
{
	uint8_t digest[SHA256_SIZE];
	struct buf text;

	buf_init(&text, DOOR_TEXT_MAX);
	write_identity(&text, command);
	if (text.failed)
		settings->monitors.failed = text.failed;
	sha256(buf_slice(&text), digest);
	buf_fini(&text);
	for (unsigned i = 0; i < settings->n_commands; i++) {
		if (memcmp(settings->known[i], digest, sizeof(digest)) == 0)
			return true;
	}
	if (settings->n_commands <= MAX_COMMANDS)
		memcpy(settings->known[settings->n_commands], digest,
		       sizeof(digest));
	return false;
}

/* Once for each time that it, or more of it, fires: what was done is not
 * verified, and what failed is tried again if the failure was to be told. */
static void write_command(struct buf *out, const struct amx_command *command,
                          unsigned n)
{
	(void)buf_printf(out,
	                 "  - name: command-%u\n"
	                 "    watch: alert\n"
	                 "    per: group\n"
	                 "    once: true\n",
	                 n);
	if (command->labels)
		write_labels(out, command->labels);
	if (command->max)
		(void)buf_printf(out, "    max_parallel: %u\n", command->max);
	if (!command->notify)
		(void)buf_puts(out, "    retry: false\n");
	if (!command->ignore_resolved) {
		(void)buf_puts(out, "    on_resolved_signal: ");
		quote(out, command->signal);
		(void)buf_putc(out, '\n');
	}
	(void)buf_puts(out, "    steps:\n"
	                    "      - type: run\n"
	                    "        command: [");
	for (size_t i = 0; i < command->n_words; i++) {
		(void)buf_puts(out, i ? ", " : "");
		quote(out, command->words[i]);
	}
	(void)buf_puts(out, "]\n"
	                    "        environment: amx\n"
	                    "        timeout: 168h\n");
}

static void add_command(struct settings *settings)
{
	if (!is_known(settings, settings->command))
		write_command(&settings->monitors, settings->command,
		              ++settings->n_commands);
}

static void write_global(struct door *door, const struct settings *settings)
{
	struct buf *out = &door->text;

	(void)buf_puts(out,
	               "# bouncer am-executor: a command for each group of "
	               "alerts that fires\n"
	               "global:\n");
	door_put_text(door, "  addr", settings->address);
	if (settings->verbose)
		(void)buf_puts(out, "  log_level: debug\n");
	(void)buf_puts(out, "  storm_share: 0\n"
	                    "  max_bounces: 0\n"
	                    "  start_grace: 0s\n"
	                    "  max_parallel: 10000\n"
	                    "  cooldown: 1s\n"
	                    "  backoff_max: 5m\n"
	                    "alerts:\n"
	                    "  paths: [/*]\n"
	                    "  amx_metrics: true\n"
	                    "monitors:\n");
	(void)buf_append(out, settings->monitors.p, settings->monitors.n);
}

/* --- reading ------------------------------------------------------------------- */

static void init_command(struct amx_command *command)
{
	*command = (struct amx_command){ .notify = true, .signal = SIGNAL };
}

/* Braces in an argument would be filled in by us; there they are text. */
static void check_braces(const struct reader *reader,
                         const struct amx_command *command)
{
	for (size_t i = 0; i < command->n_words; i++) {
		if (strstr(command->words[i], "{{"))
			reader_value(reader, i ? "args" : "cmd",
			             command->words[i],
			             "has {{, which would be filled in; use a "
			             "script");
	}
}

static void read_command(struct settings *settings, struct problems *problems,
                         const struct place *place,
                         const struct yaml_node *node)
{
	struct reader reader = { .problems = problems, .place = place };
	struct amx_command *command = settings->command;
	char upper[32];

	init_command(command);
	read_words(&reader, node, command);
	check_braces(&reader, command);
	command->labels = value_of(node, "match_labels");
	if (command->labels)
		check_labels(&reader, command->labels);
	(void)read_bool(&reader, "notify_on_failure",
	                text_of(node, "notify_on_failure"), &command->notify);
	(void)read_bool(&reader, "ignore_resolved",
	                text_of(node, "ignore_resolved"),
	                &command->ignore_resolved);
	read_max(&reader, text_of(node, "max"), &command->max);
	command->signal = read_signal_text(
		&reader, text_of(node, "resolved_signal"), upper);
	if (!problems_any(problems))
		add_command(settings);
}

static void read_root(struct settings *settings, const struct yaml_tree *tree,
                      struct problems *problems)
{
	struct place root = { .node = tree->root, .line = tree->root->line };
	struct place list = { .up = &root, .key = "commands" };
	struct reader reader = { .problems = problems, .place = &root };
	const struct yaml_node *commands = value_of(tree->root, "commands");
	const char *address = text_of(tree->root, "listen_address");

	if (read_listen(&reader, "listen_address", address))
		settings->address = address;
	(void)read_bool(&reader, "verbose", text_of(tree->root, "verbose"),
	                &settings->verbose);
	for (size_t i = 0; i < 2; i++) {
		const char *key = i ? "tls_crt" : "tls_key";

		if (text_of(tree->root, key) && *text_of(tree->root, key))
			reader_problem(
				&reader, key,
				"TLS is not served here; put a proxy "
				"before the address, or let Alertmanager "
				"reach it on the same machine");
	}
	for (size_t i = 0; commands && i < commands->n; i++) {
		struct place place = { .up = &list, .index = i };
		const struct yaml_node *item = &commands->items[i];

		if (!item->skip)
			read_command(settings, problems, &place,
			             yaml_target(item));
	}
}

/* What is wrong is said line by line; @tree must outlive the settings. */
static int read_file(struct door *door, const char *name, struct slice text,
                     struct yaml_tree *tree, struct settings *settings,
                     struct err *err)
{
	struct problems problems;
	int r;

	problems_init(&problems, name);
	r = yaml_tree_parse(tree, text, &problems);
	if (r == 0 && tree->root && !tree->root->null) {
		if (check_tree(tree, &file_value, &problems) ||
		    !tree->root->skip)
			read_root(settings, tree, &problems);
	}
	if (r != -ENOMEM && problems_any(&problems)) {
		r = problems_print(&problems, &door->warnings);
		if (r == 0)
			r = err_set(err, -EINVAL, "-f: %.128s cannot be used",
			            name);
	}
	problems_fini(&problems);
	return r;
}

/* Behind the flags: one more command, with nothing said about it. */
static int read_arguments(int argc, char *const *argv,
                          struct settings *settings, struct err *err)
{
	struct amx_command *command = settings->command;

	if (argc == 0)
		return 0;
	if (argc > MAX_WORDS)
		return err_set(err, -EINVAL, "more than %d arguments",
		               MAX_WORDS);
	init_command(command);
	for (int i = 0; i < argc; i++) {
		if (strstr(argv[i], "{{"))
			return err_set(err, -EINVAL,
			               "\"%.64s\" has {{, which would be "
			               "filled in; use a script",
			               argv[i]);
		command->words[command->n_words++] = argv[i];
	}
	add_command(settings);
	return 0;
}

static int read_settings(struct door *door, const struct door_value *values,
                         int argc, char *const *argv, const struct slice *file,
                         struct settings *settings, struct err *err)
{
	struct yaml_tree tree = { 0 };
	int r = 0;

	if (file)
		r = read_file(door, values[FILE_NAME].text, *file, &tree,
		              settings, err);
	if (r == 0 && values[LISTEN].text)
		settings->address = values[LISTEN].text;
	if (r == 0)
		r = door_bool(&values[VERBOSE], &settings->verbose, err);
	if (r == 0)
		r = read_arguments(argc - door->n_flags, argv + door->n_flags,
		                   settings, err);
	if (r == 0 && settings->n_commands == 0)
		r = err_set(err, -EINVAL,
		            "missing command to execute on receipt of alarm: "
		            "give it behind the flags, or commands: in the "
		            "file of -f");
	if (r == 0)
		write_global(door, settings);
	yaml_tree_fini(&tree);
	return r;
}

const char *door_am_executor_file(int argc, char *const *argv)
{
	struct door_value values[N_OPTIONS] = { 0 };
	static const char *const nothing[] = { NULL };
	struct door door;
	struct err err;

	if (door_begin(&door, &table, argc, argv, nothing, values, &err) < 0)
		values[FILE_NAME].text = NULL;
	door_fini(&door);
	return values[FILE_NAME].text;
}

int door_am_executor(struct door *door, int argc, char *const *argv,
                     const struct slice *file, struct err *err)
{
	static const char *const nothing[] = { NULL };
	struct door_value values[N_OPTIONS] = { 0 };
	struct settings settings = { .address = ADDRESS };
	struct amx_command command;
	int r = door_begin(door, &table, argc, argv, nothing, values, err);

	if (r < 0 || door->help)
		return r;
	settings.command = &command;
	buf_init(&settings.monitors, DOOR_TEXT_MAX);
	r = read_settings(door, values, argc, argv, file, &settings, err);
	if (settings.monitors.failed == -ENOMEM)
		r = -ENOMEM;
	else if (r == 0 && settings.monitors.failed)
		r = err_set(err, -EINVAL, "the commands are too long");
	buf_fini(&settings.monitors);
	return door_end(door, r, err);
}
