/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer reload: the configuration is read again, and here is what is wrong
 * with it.
 */
#include "command/order.h"

static void print(FILE *out, const struct json_t *answer)
{
	(void)fprintf(out, "the configuration was read again; monitors: %lld\n",
	              (long long)json_as_int(json_get(answer, "monitors"), 0));
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct client_options own = { 0 };
	const struct option_row rows[] = {
		{ "json", 0, OPTION_FLAG, &own.json },
		CLIENT_CONTROL_ROWS(&own),
	};
	struct options options = { .rows = rows, .n_rows = ARRAY_SIZE(rows) };
	int code;

	if (!options_read(&options, io, &command_reload, argc, argv, &code))
		return code;
	options_fini(&options);
	return order_send(io, &own, slice_from("/api/v1/reload"),
	                  slice_from("{}"), NULL, print);
}

const struct command command_reload = {
	.name = "reload",
	.group = COMMAND_STEER,
	.arguments = "",
	.summary = "let the daemon read its configuration again",
	.help = "Monitors that did not change keep their state. A file with "
		"problems changes\n"
		"nothing; they are printed, and the exit code is 4.\n"
		"\n"
		"  --json             as JSON\n",
	.more = client_control_help,
	.run = run,
};
