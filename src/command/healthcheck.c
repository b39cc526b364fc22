/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer healthcheck: for images that hold nothing but the program.
 */
#include "command/client.h"

#define HEALTH_TIMEOUT_MS 3000

/* On one line, as the engines show it. */
static void print_problems(const struct command_io *io,
                           const struct json_t *problems)
{
	(void)fputs("bouncer: ", io->err);
	for (size_t i = 0; i < json_count(problems); i++) {
		(void)fputs(i ? "; " : "", io->err);
		client_print(io->err, json_as_text(json_item(problems, i)));
	}
	(void)fputs(json_count(problems) ? "\n" : "not well\n", io->err);
}

static int ask(const struct command_io *io,
               const struct client_options *options)
{
	struct client_call call = { .target = slice_from("/api/v1/health") };
	struct client *client;
	int code = client_open(&client, io, options, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	client_exchange(client, &call);
	if (call.err.code == 0 && (call.status == 200 || call.status == 503) &&
	    json_parse(buf_slice(&call.reply), &call.root, NULL) == 0 &&
	    !json_is_missing(json_get(call.root, "ok"))) {
		bool ok = call.status == 200 &&
		          json_as_bool(json_get(call.root, "ok"), false);

		if (!ok)
			print_problems(io, json_get(call.root, "problems"));
		code = ok ? EXIT_OK : EXIT_TROUBLE;
	} else {
		code = client_complain(client, &call, NULL);
		if (code == EXIT_OK) {
			(void)fprintf(io->err, "bouncer: what answers is no "
			                       "daemon of ours\n");
			code = EXIT_TROUBLE;
		}
	}
	client_call_fini(&call);
	return client_close(client, code);
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct client_options own = { .timeout_ms = HEALTH_TIMEOUT_MS };
	const struct option_row rows[] = { CLIENT_CONTROL_ROWS(&own) };
	struct options options = { .rows = rows, .n_rows = ARRAY_SIZE(rows) };
	int code;

	if (!options_read(&options, io, &command_healthcheck, argc, argv,
	                  &code))
		return code;
	options_fini(&options);
	return ask(io, &own);
}

const struct command command_healthcheck = {
	.name = "healthcheck",
	.group = COMMAND_LOOK,
	.arguments = "",
	.summary = "exit with 0 only if the daemon is well",
	.help = "It is well if its loop turns and every source was read "
		"lately. Otherwise a\n"
		"line says why not. Here --timeout is 3s by default.\n"
		"\n",
	.more = client_control_help,
	.run = run,
};
