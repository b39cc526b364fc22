/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer pause and bouncer resume: hold a monitor, or all of them, back.
 */
#include "command/order.h"

#include "base/json_writer.h"
#include "command/when.h"
#include "proto/timestamp.h"

#define PAUSE_MAX_BODY   65536
#define PAUSE_LONGEST_MS (10 * 366 * 86400000ULL) /* as the daemon allows */
#define PAUSE_SECOND_MS  1000

struct pause {
	struct client_options client;
	const char *monitor; /* NULL: all */
	const char *reason;
	uint64_t for_ms; /* 0: until it is resumed */
};

static void print_subject(FILE *out, const struct json_t *answer)
{
	struct slice monitor = json_as_text(json_get(answer, "monitor"));
	struct slice rule = json_as_text(json_get(answer, "rule"));
	struct client_covered covered = client_covered(answer);

	if (rule.p) {
		(void)fputs("rule ", out);
		client_print(out, rule);
		(void)fprintf(out, " with its %s (%lld now)", covered.noun,
		              (long long)covered.n);
		return;
	}
	client_print(out, monitor.p ? monitor : slice_from("everything"));
}

/* Only that it is not: a daemon that does not say, is an older one. */
static void print_unsaved(FILE *out, const struct json_t *answer)
{
	if (!json_as_bool(json_get(answer, "saved"), true))
		(void)fputs("; a restart forgets it: state_dir cannot be "
		            "written",
		            out);
	(void)fputc('\n', out);
}

static void print_paused(FILE *out, const struct json_t *answer)
{
	struct slice until = json_as_text(json_get(answer, "until"));
	char clock[WHEN_TEXT_MAX];
	int64_t until_ms;

	print_subject(out, answer);
	if (until.p && timestamp_parse_rfc3339(until, &until_ms) == 0)
		(void)fprintf(out, " is paused until %s",
		              when_clock(until_ms, when_now_ms(), clock));
	else
		(void)fputs(" is paused until it is resumed", out);
	print_unsaved(out, answer);
}

static void print_resumed(FILE *out, const struct json_t *answer)
{
	print_subject(out, answer);
	(void)fputs(" is resumed", out);
	print_unsaved(out, answer);
}

static int send_order(const struct command_io *io, const struct pause *pause,
                      const char *path,
                      void (*print)(FILE *out, const struct json_t *answer))
{
	struct json_writer json;
	struct buf body;
	int code;

	buf_init(&body, PAUSE_MAX_BODY);
	json_write_init(&json, &body);
	json_write_object(&json);
	if (pause->monitor) {
		json_write_key(&json, "monitor");
		json_write_string(&json, pause->monitor);
	}
	if (pause->for_ms) {
		json_write_key(&json, "for_seconds");
		json_write_u64(&json, (pause->for_ms + PAUSE_SECOND_MS - 1) /
		                              PAUSE_SECOND_MS);
	}
	if (pause->reason) {
		json_write_key(&json, "reason");
		json_write_string(&json, pause->reason);
	}
	json_write_object_end(&json);
	if (body.failed)
		code = command_no_memory(io);
	else
		code = order_send(io, &pause->client, slice_from(path),
		                  buf_slice(&body), pause->monitor, print);
	buf_fini(&body);
	return code;
}

static bool for_is_good(const struct command_io *io, const struct pause *pause)
{
	if (pause->for_ms <= PAUSE_LONGEST_MS)
		return true;
	(void)fprintf(io->err,
	              "bouncer: --for: at most ten years; without it: until it "
	              "is resumed\n");
	return false;
}

static int run_pause(const struct command_io *io, int argc, char *const *argv)
{
	struct pause own = { 0 };
	const struct option_row rows[] = {
		{ "for", 0, OPTION_TIME, &own.for_ms },
		{ "reason", 0, OPTION_TEXT, &own.reason },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .max_words = 1 };
	int code;

	if (!options_read(&options, io, &command_pause, argc, argv, &code))
		return code;
	own.monitor = options.words[0];
	code = for_is_good(io, &own)
	               ? send_order(io, &own, "/api/v1/pause", print_paused)
	               : EXIT_USAGE;
	options_fini(&options);
	return code;
}

static int run_resume(const struct command_io *io, int argc, char *const *argv)
{
	struct pause own = { 0 };
	const struct option_row rows[] = {
		{ "json", 0, OPTION_FLAG, &own.client.json },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .max_words = 1 };
	int code;

	if (!options_read(&options, io, &command_resume, argc, argv, &code))
		return code;
	own.monitor = options.words[0];
	code = send_order(io, &own, "/api/v1/resume", print_resumed);
	options_fini(&options);
	return code;
}

const struct command command_pause = {
	.name = "pause",
	.group = COMMAND_STEER,
	.arguments = "[--for TIME] [--reason TEXT] [MONITOR]",
	.summary = "hold a monitor, or all of them, back",
	.help = "What is paused is watched, but not bounced; also after a "
		"restart of the\n"
		"daemon. Without MONITOR: all of them. MONITOR may also be a "
		"rule: all its\n"
		"containers, also those to come; or the name of a container.\n"
		"\n"
		"  --for TIME         as 1h30m; default: until it is resumed\n"
		"  --reason TEXT      is shown wherever the pause is\n"
		"  --json             as JSON\n",
	.more = client_control_help,
	.run = run_pause,
};

const struct command command_resume = {
	.name = "resume",
	.group = COMMAND_STEER,
	.arguments = "[MONITOR]",
	.summary = "end a pause",
	.help = "Ends a pause of one monitor, or without MONITOR the one of "
		"all. What the\n"
		"configuration pauses stays paused. MONITOR may also be a "
		"rule, "
		"or the name of\n"
		"a container.\n"
		"\n"
		"  --json             as JSON\n",
	.more = client_control_help,
	.run = run_resume,
};
