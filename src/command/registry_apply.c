/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer registry apply: the registry becomes what files say.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/mem.h"
#include "command/input.h"
#include "command/registry_plan.h"

#define MAX_PATH  4096
#define MAX_FILES 1000

struct apply {
	struct client_options client;
	bool dry_run;
	bool prune;
};

/* --- the files ------------------------------------------------------------ */

static int add_file(const struct command_io *io, const char *path,
                    struct json_writer *json)
{
	struct buf text;
	int code;

	buf_init(&text, PLAN_MAX_REQUEST);
	code = input_read(io, path, &text);
	if (code == EXIT_OK) {
		json_write_object(json);
		json_write_key(json, "name");
		json_write_string(json, input_name(path));
		json_write_key(json, "text");
		json_write_slice(json, buf_slice(&text));
		json_write_object_end(json);
	}
	buf_fini(&text);
	return code;
}

static bool is_yaml(const char *name)
{
	const char *dot = strrchr(name, '.');

	return name[0] != '.' && dot &&
	       (strcmp(dot, ".yml") == 0 || strcmp(dot, ".yaml") == 0);
}

struct names {
	char *items[MAX_FILES];
	size_t n;
};

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* What to exit with. */
static int list_names(const struct command_io *io, const char *directory,
                      struct names *names)
{
	DIR *list = opendir(directory);
	const struct dirent *entry;
	int code = EXIT_OK;

	if (!list) {
		(void)fprintf(io->err, "bouncer: %s: %s\n", directory,
		              err_text(-errno));
		return EXIT_USAGE;
	}
	while (code == EXIT_OK && (entry = readdir(list))) {
		if (!is_yaml(entry->d_name))
			continue;
		if (names->n == MAX_FILES) {
			(void)fprintf(io->err,
			              "bouncer: %s: more than %d files\n",
			              directory, MAX_FILES);
			code = EXIT_USAGE;
			continue;
		}
		names->items[names->n] = mem_strdup(entry->d_name);
		if (names->items[names->n])
			names->n++;
		else
			code = command_no_memory(io);
	}
	(void)closedir(list);
	if (names->n > 1)
		qsort(names->items, names->n, sizeof(char *), by_name);
	return code;
}

/* In the order of their names. */
static int add_directory(const struct command_io *io, const char *directory,
                         struct json_writer *json)
{
	struct names names = { .n = 0 };
	int code = list_names(io, directory, &names);

	if (code == EXIT_OK && names.n == 0) {
		(void)fprintf(io->err, "bouncer: %s: there is no *.yml in it\n",
		              directory);
		code = EXIT_USAGE;
	}
	for (size_t i = 0; i < names.n; i++) {
		struct buf path;

		buf_init(&path, MAX_PATH);
		(void)buf_printf(&path, "%s/%s", directory, names.items[i]);
		if (code == EXIT_OK)
			code = add_file(io, buf_text(&path), json);
		buf_fini(&path);
		mem_free(names.items[i]);
	}
	return code;
}

static int add_files(const struct command_io *io, const char *path,
                     struct json_writer *json)
{
	struct stat status;

	if (strcmp(path, "-") != 0 && stat(path, &status) == 0 &&
	    S_ISDIR(status.st_mode))
		return add_directory(io, path, json);
	return add_file(io, path, json);
}

static int write_body(const struct command_io *io, const char *path,
                      struct buf *body)
{
	struct json_writer json;
	int code;

	json_write_init(&json, body);
	json_write_object(&json);
	json_write_key(&json, "files");
	json_write_array(&json);
	code = add_files(io, path, &json);
	json_write_array_end(&json);
	json_write_object_end(&json);
	if (code != EXIT_OK || body->failed == 0)
		return code;
	if (body->failed == -ENOMEM)
		return command_no_memory(io);
	(void)fprintf(io->err, "bouncer: %s: more than %d MiB\n", path,
	              PLAN_MAX_REQUEST >> 20);
	return EXIT_TROUBLE;
}

/* --- the command ---------------------------------------------------------- */

static int send_body(const struct command_io *io, const struct apply *own,
                     struct slice body)
{
	struct client_call call = { 0 };
	struct client *client;
	char path[64];
	int code = client_open(&client, io, &own->client, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	(void)snprintf(path, sizeof(path),
	               "/registry/apply?dry_run=%d&prune=%d", own->dry_run,
	               own->prune);
	code = plan_post(client, &own->client, path, body, NULL, &call);
	if (code == EXIT_OK) {
		plan_print(io, &own->client, &call);
		code = command_finish(io);
	}
	client_call_fini(&call);
	return client_close(client, code);
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct apply own = { 0 };
	const struct option_row rows[] = {
		{ "dry-run", 'n', OPTION_FLAG, &own.dry_run },
		{ "prune", 0, OPTION_FLAG, &own.prune },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 1 };
	struct buf body;
	int code;

	if (!registry_options(&options, io, &registry_command_apply, argc, argv,
	                      &code))
		return code;
	buf_init(&body, PLAN_MAX_REQUEST);
	code = write_body(io, options.words[0], &body);
	if (code == EXIT_OK)
		code = send_body(io, &own, buf_slice(&body));
	buf_fini(&body);
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_apply = {
	.name = "apply",
	.arguments = "[--dry-run] [--prune] FILE|DIR",
	.summary = "bring it to what files say",
	.help = "Brings the registry to what a file says, or all *.yml of a\n"
		"directory together, in one transaction, and prints what\n"
		"changed: + made, ~ changed, - deleted. What a file says of "
		"an\n"
		"object is all of it: what is left out has its default; only\n"
		"secrets stay. What no file names stays, too, unless --prune.\n"
		"FILE may be -, which is stdin. bouncer registry export gives\n"
		"such a file; bouncer-registry(5) describes it.\n"
		"\n"
		"  -n, --dry-run      only print what would change\n"
		"  --prune            delete what the files leave out: of the\n"
		"                     sections that they have (shards, "
		"services,\n"
		"                     …), and all that belongs to these\n"
		"  --json             the plan as JSON\n",
	.run = run,
};
