/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer explain: why a monitor did or did not act, in the daemon's words.
 */
#include "command/client.h"

static int ask(const struct command_io *io,
               const struct client_options *options, const char *monitor)
{
	struct client_call call = { 0 };
	struct client *client;
	struct buf path;
	int code = client_open(&client, io, options, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	buf_init(&path, HTTP_MAX_TARGET);
	client_monitor_path(&path, monitor, "/explain");
	call.target = buf_slice(&path);
	code = client_ask(client, &call, monitor);
	if (code == EXIT_OK && options->json)
		(void)fputs(buf_text(&call.reply), io->out);
	else if (code == EXIT_OK)
		client_print_lines(io->out, json_get(call.root, "lines"));
	client_call_fini(&call);
	buf_fini(&path);
	if (code == EXIT_OK)
		code = command_finish(io);
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

	if (!options_read(&options, io, &command_explain, argc, argv, &code))
		return code;
	code = ask(io, &own, options.words[0]);
	options_fini(&options);
	return code;
}

const struct command command_explain = {
	.name = "explain",
	.group = COMMAND_LOOK,
	.arguments = "MONITOR",
	.summary = "say why a monitor did or did not act",
	.help = "Says what was seen last, what each guard has to say, and what "
		"would happen\n"
		"next, and when. Times are those of the daemon's time zone. "
		"MONITOR may also\n"
		"be the name of a container, or a rule that covers but one.\n"
		"\n"
		"  --json             as JSON\n",
	.more = client_control_help,
	.run = run,
};
