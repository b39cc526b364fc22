/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer bounce: an order to act now.
 */
#include "command/order.h"

static void print(FILE *out, const struct json_t *answer)
{
	client_print_lines(out, json_get(answer, "lines"));
}

static int send_order(const struct command_io *io,
                      const struct client_options *options, const char *monitor,
                      bool dry_run)
{
	const char *body = dry_run ? "{\"dry_run\":true}" : "{}";
	struct buf path;
	int code;

	buf_init(&path, HTTP_MAX_TARGET);
	client_monitor_path(&path, monitor, "/bounce");
	code = order_send(io, options, buf_slice(&path), slice_from(body),
	                  monitor, print);
	buf_fini(&path);
	return code;
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct client_options own = { 0 };
	bool dry_run = false;
	const struct option_row rows[] = {
		{ "dry-run", 0, OPTION_FLAG, &dry_run },
		{ "json", 0, OPTION_FLAG, &own.json },
		CLIENT_CONTROL_ROWS(&own),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 1 };
	int code;

	if (!options_read(&options, io, &command_bounce, argc, argv, &code))
		return code;
	code = send_order(io, &own, options.words[0], dry_run);
	options_fini(&options);
	return code;
}

const struct command command_bounce = {
	.name = "bounce",
	.group = COMMAND_STEER,
	.arguments = "[--dry-run] MONITOR",
	.summary = "bounce the target of a monitor now",
	.help = "Begins a bounce as if the limit had passed. Grace, cooldown, "
		"budget, storm,\n"
		"quiet hours and pauses do not hold it back; a step at work, a "
		"target that\n"
		"somebody stopped or paused, and dry_run do. Returns when it "
		"has begun;\n"
		"bouncer journal -f MONITOR shows how it goes. MONITOR may "
		"also be the name of\n"
		"a container, or a rule that covers but one.\n"
		"\n"
		"  --dry-run          say what would be done, and do nothing\n"
		"  --json             as JSON\n",
	.more = client_control_help,
	.run = run,
};
