/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer registry token: who may ask the registry for what. The secret of a
 * token is shown once, when it is made.
 */
#include "command/registry.h"

#include <string.h>
#include <strings.h>
#include "base/json_writer.h"
#include "base/text.h"
#include "command/table.h"
#include "command/when.h"
#include "proto/timestamp.h"

#define PATH        "/rest/v2/tokens"
#define MAX_REQUEST 65536
#define SECOND_MS   1000

struct token {
	struct client_options client;
	const char *scope;
	uint64_t expires_ms; /* 0: never */
};

/* --- create ------------------------------------------------------------------ */

static void write_request(const struct token *own, const char *name,
                          struct buf *body)
{
	struct json_writer json;

	json_write_init(&json, body);
	json_write_object(&json);
	json_write_key(&json, "name");
	json_write_string(&json, name);
	json_write_key(&json, "scope");
	json_write_string(&json, own->scope ? own->scope : "read");
	if (own->expires_ms) {
		json_write_key(&json, "expires_in");
		json_write_u64(&json,
		               (own->expires_ms + SECOND_MS - 1) / SECOND_MS);
	}
	json_write_object_end(&json);
}

/* The secret alone: it can go into a file as it is. */
static int print_secret(const struct command_io *io, const struct token *own,
                        const struct client_call *call)
{
	struct slice secret = json_as_text(json_get(call->root, "token"));

	if (own->client.json) {
		(void)fputs(buf_text(&call->reply), io->out);
		return EXIT_OK;
	}
	if (!secret.p) {
		(void)fprintf(io->err, "bouncer: the answer holds no token\n");
		return EXIT_TROUBLE;
	}
	client_print(io->out, secret);
	(void)fputc('\n', io->out);
	return EXIT_OK;
}

static int create(const struct command_io *io, const struct token *own,
                  struct client *client, const char *name)
{
	struct client_call call = { .method = "POST",
		                    .target = slice_from(PATH) };
	struct buf body;
	int code;

	buf_init(&body, MAX_REQUEST);
	write_request(own, name, &body);
	call.body = buf_slice(&body);
	code = body.failed ? command_no_memory(io)
	                   : registry_ask(client, &call);
	if (code == EXIT_OK)
		code = print_secret(io, own, &call);
	client_call_fini(&call);
	if (body.p)
		explicit_bzero(body.p, body.cap);
	buf_fini(&body);
	return code;
}

/* --- list --------------------------------------------------------------------- */

/* A moment as the API has it: text, or Unix seconds; 0 and null are none. */
static const char *moment(const struct json_t *value, const char *none,
                          char *out)
{
	int64_t wall_ms = json_as_int(value, 0) * SECOND_MS;
	struct slice text = json_as_text(value);

	if (text.p && timestamp_parse_rfc3339(text, &wall_ms) < 0)
		wall_ms = 0;
	return wall_ms > 0 ? when_full(wall_ms, out) : none;
}

static void add_row(struct table *table, const struct json_t *token)
{
	char created[WHEN_TEXT_MAX];
	char expires[WHEN_TEXT_MAX];

	table_add(table, TABLE_PLAIN, json_as_string(json_get(token, "name")));
	table_add(table, TABLE_PLAIN, json_as_string(json_get(token, "scope")));
	table_add(table, TABLE_PLAIN,
	          moment(json_get(token, "created_at"), "", created));
	table_add(table, TABLE_PLAIN,
	          moment(json_get(token, "expires_at"), "never", expires));
}

static int print_list(const struct command_io *io, const struct json_t *list)
{
	static const struct table_column columns[] = {
		{ "NAME", true },
		{ "SCOPE", false },
		{ "CREATED", false },
		{ "EXPIRES", false },
	};

	return registry_print_table(io, columns, ARRAY_SIZE(columns), list,
	                            add_row);
}

static int list(const struct command_io *io, const struct token *own,
                struct client *client)
{
	struct client_call call = { .target = slice_from(PATH
		                                         "?page_size=1000") };
	int code = registry_ask(client, &call);

	if (code == EXIT_OK && own->client.json)
		(void)fputs(buf_text(&call.reply), io->out);
	else if (code == EXIT_OK)
		code = print_list(io, json_get(call.root, "results"));
	client_call_fini(&call);
	return code;
}

/* --- revoke -------------------------------------------------------------------- */

/* The id of the token of that name; 0: there is none, which was said. */
static int64_t find_id(const struct command_io *io, struct client *client,
                       const char *name, int *codep)
{
	struct client_call call = { 0 };
	struct buf target;
	int64_t id = 0;

	buf_init(&target, MAX_REQUEST);
	(void)buf_puts(&target, PATH "?page_size=1000&name=");
	text_escape_url(&target, slice_from(name));
	call.target = buf_slice(&target);
	*codep = target.failed ? command_no_memory(io)
	                       : registry_ask(client, &call);
	for (size_t i = 0; *codep == EXIT_OK && id == 0; i++) {
		const struct json_t *token =
			json_item(json_get(call.root, "results"), i);

		if (!token)
			break;
		if (strcmp(json_as_string(json_get(token, "name")), name) == 0)
			id = json_as_int(json_get(token, "id"), 0);
	}
	if (*codep == EXIT_OK && id == 0) {
		(void)fprintf(io->err, "bouncer: there is no token %s\n", name);
		*codep = EXIT_REFUSED;
	}
	client_call_fini(&call);
	buf_fini(&target);
	return id;
}

static int drop(const struct command_io *io, struct client *client,
                const char *name)
{
	struct client_call call = { .method = "DELETE" };
	char target[64];
	int code;
	int64_t id = find_id(io, client, name, &code);

	if (code != EXIT_OK)
		return code;
	(void)snprintf(target, sizeof(target), PATH "/%lld", (long long)id);
	call.target = slice_from(target);
	code = registry_ask(client, &call);
	client_call_fini(&call);
	if (code == EXIT_OK)
		(void)fprintf(io->out, "%s is revoked\n", name);
	return code;
}

/* --- dispatch -------------------------------------------------------------------- */

enum verb { VERB_CREATE, VERB_LIST, VERB_REVOKE, VERB_NONE };

static enum verb verb_of(const struct options *options)
{
	const char *word = options->words[0];

	if (strcmp(word, "list") == 0 && options->n_words == 1)
		return VERB_LIST;
	if (strcmp(word, "create") == 0 && options->n_words == 2)
		return VERB_CREATE;
	if (strcmp(word, "revoke") == 0 && options->n_words == 2)
		return VERB_REVOKE;
	return VERB_NONE;
}

static int act(const struct command_io *io, const struct token *own,
               enum verb verb, const char *name)
{
	struct client *client;
	int code = client_open(&client, io, &own->client, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	if (verb == VERB_LIST)
		code = list(io, own, client);
	else if (verb == VERB_CREATE)
		code = create(io, own, client, name);
	else
		code = drop(io, client, name);
	if (code == EXIT_OK)
		code = command_finish(io);
	return client_close(client, code);
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct token own = { 0 };
	const struct option_row rows[] = {
		{ "scope", 0, OPTION_TEXT, &own.scope },
		{ "expires", 0, OPTION_TIME, &own.expires_ms },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 2 };
	enum verb verb;
	int code;

	if (!registry_options(&options, io, &registry_command_token, argc, argv,
	                      &code))
		return code;
	verb = verb_of(&options);
	if (verb != VERB_NONE) {
		code = act(io, &own, verb, options.words[1]);
	} else {
		(void)fprintf(io->err,
		              "bouncer registry token: create NAME, list, or "
		              "revoke NAME\n");
		code = EXIT_USAGE;
	}
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_token = {
	.name = "token",
	.arguments = "create NAME [--scope SCOPE] [--expires TIME] | list | "
		     "revoke NAME",
	.summary = "make, list or revoke tokens",
	.help = "create prints the secret of a new token, once: only its "
		"digest is kept.\n"
		"\n"
		"  --scope SCOPE      read, write, admin, or alerts (may only "
		"post them);\n"
		"                     default: read\n"
		"  --expires TIME     after which it is worth nothing, as 90d; "
		"default: never\n"
		"  --json             as JSON\n",
	.run = run,
};
