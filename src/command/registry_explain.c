/* SPDX-License-Identifier: Apache-2.0 */
/* bouncer registry explain: why an address is scraped, or is not. */
#include "command/registry.h"

#include <string.h>
#include "base/text.h"

#define MAX_TARGET 8192

static void print_lines(const struct command_io *io, const char *mark,
                        const struct json_t *lines)
{
	for (size_t i = 0; i < json_count(lines); i++) {
		(void)fprintf(io->out, "  %s ", mark);
		client_print(io->out, json_as_text(json_item(lines, i)));
		(void)fputc('\n', io->out);
	}
}

static void print_text(const struct command_io *io, const char *before,
                       const struct json_t *text)
{
	if (json_is_missing(text))
		return;
	(void)fputs(before, io->out);
	client_print(io->out, json_as_text(text));
}

static void print_thing(const struct command_io *io, const struct json_t *thing)
{
	bool scraped = json_as_bool(json_get(thing, "scraped"), false);

	(void)fputc('\n', io->out);
	print_text(io, "", json_get(thing, "title"));
	print_text(io, ", shard ", json_get(thing, "shard"));
	(void)fputs(scraped ? "\n" : ": not handed out\n", io->out);
	print_lines(io, "!", json_get(thing, "problems"));
	print_lines(io, "-", json_get(thing, "notes"));
}

static void print_near(const struct command_io *io, const struct json_t *near)
{
	for (size_t i = 0; i < json_count(near); i++) {
		(void)fputs(i ? ", " : "did you mean ", io->out);
		client_print(io->out, json_as_text(json_item(near, i)));
	}
	if (json_count(near))
		(void)fputs("?\n", io->out);
}

static void print_answer(const struct command_io *io, const struct json_t *root)
{
	const struct json_t *found = json_get(root, "found");

	print_text(io, "", json_get(root, "address"));
	print_text(io, ": ", json_get(root, "summary"));
	(void)fputc('\n', io->out);
	for (size_t i = 0; i < json_count(found); i++)
		print_thing(io, json_item(found, i));
	print_near(io, json_get(root, "near"));
}

/* Of one that is scraped EXIT_OK, else EXIT_TROUBLE: of use in scripts. */
static int print(const struct command_io *io,
                 const struct client_options *options,
                 const struct client_call *call)
{
	const char *verdict = json_as_string(json_get(call->root, "verdict"));
	int code;

	if (options->json)
		(void)fputs(buf_text(&call->reply), io->out);
	else
		print_answer(io, call->root);
	code = command_finish(io);
	if (code != EXIT_OK)
		return code;
	return strcmp(verdict, "scraped") == 0 ? EXIT_OK : EXIT_TROUBLE;
}

static int ask(const struct command_io *io,
               const struct client_options *options, const char *address)
{
	struct client_call call = { 0 };
	struct client *client;
	struct buf target;
	int code = client_open(&client, io, options, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	buf_init(&target, MAX_TARGET);
	(void)buf_puts(&target, "/explain/target?address=");
	text_escape_url(&target, slice_from(address));
	call.target = buf_slice(&target);
	code = target.failed ? command_no_memory(io)
	                     : registry_ask(client, &call);
	if (code == EXIT_OK)
		code = print(io, options, &call);
	client_call_fini(&call);
	buf_fini(&target);
	return client_close(client, code);
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct client_options own = { 0 };
	const struct option_row rows[] = {
		{ "json", 0, OPTION_FLAG, &own.json },
		CLIENT_CONTROL_ROWS(&own),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 1 };
	int code;

	if (!registry_options(&options, io, &registry_command_explain, argc,
	                      argv, &code))
		return code;
	code = ask(io, &own, options.words[0]);
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_explain = {
	.name = "explain",
	.arguments = "[--json] HOST:PORT",
	.summary = "why an address is scraped, or is not",
	.help = "Looks for hosts, nodes and URLs with that address (HOST:PORT, "
		"HOST, or the URL\n"
		"that is probed), and says what stands between each and a "
		"Prometheus. Exits with\n"
		"0 if it is handed out and its servers are in sync, else with "
		"1.\n"
		"\n"
		"  --json             the answer as it is\n",
	.run = run,
};
