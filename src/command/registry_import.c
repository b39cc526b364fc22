/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer import, bouncer registry import: takes over what Promgen or prommgr
 * have.
 */
#include "base/text.h"
#include "command/registry_source.h"

#define MAX_PATH 1024

struct import_options {
	struct client_options client;
	struct source_options source;
	bool dry_run;
	bool any; /* also a document of ours */
};

static int send_text(const struct command_io *io,
                     const struct import_options *own, const char *shard,
                     struct slice text)
{
	struct client_call call = { 0 };
	struct client *client;
	struct buf path;
	int code = client_open(&client, io, &own->client, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	buf_init(&path, MAX_PATH);
	(void)buf_printf(&path, "/registry/import?dry_run=%d", own->dry_run);
	if (!own->any)
		(void)buf_printf(&path, "&from=%s", own->source.from);
	if (shard) {
		(void)buf_puts(&path, "&shard=");
		text_escape_url(&path, slice_from(shard));
	}
	if (path.failed) {
		(void)fprintf(io->err, "bouncer: the shard's name is too "
		                       "long\n");
		code = EXIT_USAGE;
	} else {
		code = plan_post(client, &own->client, buf_text(&path), text,
		                 "application/octet-stream", &call);
	}
	if (code == EXIT_OK) {
		plan_print(io, &own->client, &call);
		code = command_finish(io);
	}
	client_call_fini(&call);
	buf_fini(&path);
	return client_close(client, code);
}

static int import(const struct command_io *io, const struct import_options *own,
                  const char *place, const char *shard, bool whole)
{
	struct buf text;
	int code;

	buf_init(&text, PLAN_MAX_REQUEST);
	code = source_read(io, &own->source, place, whole, &text);
	if (code == EXIT_OK && text.n == 0) {
		(void)fprintf(io->err, "bouncer: %s: there is nothing in it\n",
		              source_name(place));
		code = EXIT_TROUBLE;
	}
	if (code == EXIT_OK)
		code = send_text(io, own, shard, buf_slice(&text));
	buf_fini(&text);
	return code;
}

#define IMPORT_ROWS(own)                                         \
	{ "dry-run", 'n', OPTION_FLAG, &(own)->dry_run },        \
		{ "source-token-file", 0, OPTION_TEXT,           \
		  &(own)->source.token_file },                   \
		{ "source-user-file", 0, OPTION_TEXT,            \
		  &(own)->source.user_file },                    \
		{ "json", 0, OPTION_FLAG, &(own)->client.json }, \
		CLIENT_CONTROL_ROWS(&(own)->client)

#define IMPORT_HELP                                             \
	"  -n, --dry-run      only print what would change\n"   \
	"  --source-token-file FILE\n"                          \
	"                     a token of where it comes from\n" \
	"  --source-user-file FILE\n"                           \
	"                     user:password of there\n"         \
	"  --json             what changed, as JSON\n"

static int run_own(const struct command_io *io, int argc, char *const *argv)
{
	struct import_options own = { .source = { .from = "promgen" },
		                      .any = true };
	const struct option_row rows[] = { IMPORT_ROWS(&own) };
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 2 };
	int code;

	if (!options_read(&options, io, &command_import, argc, argv, &code))
		return code;
	own.source.timeout_ms = own.client.timeout_ms;
	code = import(io, &own, options.words[0],
	              options.n_words > 1 ? options.words[1] : NULL, false);
	options_fini(&options);
	return code;
}

const struct command command_import = {
	.name = "import",
	.alias = "import-jobs",
	.group = COMMAND_REGISTRY,
	.arguments = "[--dry-run] FILE|URL [SHARD]",
	.summary = "take over targets, URLs, rules, or an export",
	.help = "Takes over a document of Promgen's: targets or URLs as JSON, "
		"rules as YAML, or a\ndump of its API; or what bouncer export "
		"prints. All of it or nothing: it is one\ntransaction. What "
		"is there and is not in it stays. With SHARD all projects of "
		"a\ndocument of Promgen's are put there.\n"
		"\n" IMPORT_HELP,
	.more = client_control_help,
	.run = run_own,
};

static int run_part(const struct command_io *io, int argc, char *const *argv)
{
	struct import_options own = { 0 };
	const char *shard = NULL;
	const struct option_row rows[] = {
		{ "from", 0, OPTION_TEXT, &own.source.from },
		{ "shard", 0, OPTION_TEXT, &shard },
		IMPORT_ROWS(&own),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 1 };
	int code;

	if (!registry_options(&options, io, &registry_command_import, argc,
	                      argv, &code))
		return code;
	own.source.timeout_ms = own.client.timeout_ms;
	if (!own.source.from || (strcmp(own.source.from, "promgen") != 0 &&
	                         strcmp(own.source.from, "prommgr") != 0)) {
		(void)fprintf(io->err,
		              "bouncer: --from says where it comes from: "
		              "promgen or prommgr\n");
		code = EXIT_USAGE;
	} else {
		code = import(io, &own, options.words[0], shard, true);
	}
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_import = {
	.name = "import",
	.arguments = "--from promgen|prommgr [--dry-run] URL|FILE",
	.summary = "take over what Promgen or prommgr have",
	.help = "Takes over what a Promgen or a prommgr has, in one "
		"transaction. URL is where it\nanswers: of Promgen "
		"/api/v1/targets, urls and rules are read, and with a token "
		"all\nof /rest/v2, which knows what is disabled, too. FILE is "
		"what one of these answered.\n"
		"\n"
		"  --from NAME        promgen or prommgr\n"
		"  --shard NAME       where all of it is put\n" IMPORT_HELP,
	.run = run_part,
};
