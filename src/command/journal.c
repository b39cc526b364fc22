/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer journal: what was decided, why, and how it ended.
 */
#include "command/journal.h"

#include <inttypes.h>
#include "base/text.h"
#include "command/when.h"
#include "proto/timestamp.h"

#define JOURNAL_NEWEST        100     /* without -n */
#define JOURNAL_NEWEST_FOLLOW 10      /* … and with -f */
#define JOURNAL_ALL           1000000 /* more than any daemon remembers */
#define JOURNAL_MAX_LINE      65536

static const char help[] =
	"Prints what was decided, why, and how it ended, the oldest first.\n"
	"Times are local.\n"
	"\n"
	"  -f, --follow       go on with each new entry, also across a "
	"restart\n"
	"                     of the daemon, until Ctrl-C\n"
	"  -n, --lines N      the newest N; default 100, and 10 with -f\n"
	"  --since TIME       those since then: 1h30m (ago), 14:05,\n"
	"                     2026-11-21, 2026-11-21T14:05:00Z\n"
	"  --json             an entry a line, as JSON\n";

/* --- an entry ------------------------------------------------------------- */

static void put(struct buf *line, const char *before,
                const struct json_t *entry, const char *name, const char *after)
{
	struct slice text = json_as_text(json_get(entry, name));

	if (text.n == 0)
		return;
	(void)buf_puts(line, before);
	text_escape_plain(line, text);
	(void)buf_puts(line, after);
}

static void print_words(struct buf *line, const struct json_t *entry,
                        int64_t wall_ms)
{
	char text[WHEN_TEXT_MAX];

	(void)buf_puts(line, when_full(wall_ms, text));
	put(line, "  ", entry, "monitor", ":");
	put(line, "  ", entry, "subject", ":");
	put(line, " ", entry, "from", " ->");
	put(line, " ", entry, "to", "");
	put(line, " step ", entry, "step", "");
	put(line, " held by ", entry, "guard", "");
	put(line, " ", entry, "result", "");
	if (json_is_missing(json_get(entry, "monitor")) &&
	    json_is_missing(json_get(entry, "subject")))
		put(line, "  ", entry, "event", ":");
	put(line, line->n && line->p[line->n - 1] == ':' ? " " : ", ", entry,
	    "reason", "");
	put(line, " (", entry, "detail", ")");
}

void journal_print(const struct journal_options *options, FILE *out,
                   const struct json_t *entry)
{
	struct slice time = json_as_text(json_get(entry, "time"));
	int64_t wall_ms = 0;
	struct buf line;

	if (!time.p || timestamp_parse_rfc3339(time, &wall_ms) < 0)
		wall_ms = 0;
	if (options->since && wall_ms < options->since_ms)
		return;
	buf_init(&line, JOURNAL_MAX_LINE);
	if (!options->client.json)
		print_words(&line, entry, wall_ms);
	else if (json_print(entry, &line) < 0)
		buf_reset(&line);
	(void)fprintf(out, "%s\n", buf_text(&line));
	buf_fini(&line);
}

/* --- asking --------------------------------------------------------------- */

/* No entry at all: is there such a monitor? */
static int ask_monitor(struct client *client, const char *monitor)
{
	struct client_call call = { 0 };
	struct buf path;
	int code;

	buf_init(&path, HTTP_MAX_TARGET);
	client_monitor_path(&path, monitor, "");
	call.target = buf_slice(&path);
	code = client_ask(client, &call, monitor);
	client_call_fini(&call);
	buf_fini(&path);
	return code;
}

int journal_ask(struct client *client, struct client_call *call,
                const struct journal_options *options, uint64_t limit)
{
	struct buf path;
	int code;

	buf_init(&path, HTTP_MAX_TARGET);
	(void)buf_printf(&path, "/api/v1/journal?limit=%" PRIu64, limit);
	if (options->monitor) {
		(void)buf_puts(&path, "&monitor=");
		text_escape_url(&path, slice_from(options->monitor));
	}
	call->target = buf_slice(&path);
	code = client_ask(client, call, NULL);
	buf_fini(&path);
	if (code == EXIT_OK && options->monitor && limit > 0 &&
	    json_count(json_get(call->root, "entries")) == 0)
		code = ask_monitor(client, options->monitor);
	return code;
}

static int print_newest(struct client *client,
                        const struct journal_options *options, uint64_t limit)
{
	struct client_call call = { 0 };
	const struct json_t *entries;
	int code = journal_ask(client, &call, options, limit);

	entries = json_get(call.root, "entries");
	for (size_t i = 0; i < json_count(entries); i++)
		journal_print(options, client->io->out, json_item(entries, i));
	client_call_fini(&call);
	return code == EXIT_OK ? command_finish(client->io) : code;
}

static uint64_t choose_limit(const struct journal_options *options)
{
	if (options->n_entries != UINT64_MAX)
		return MIN(options->n_entries, (uint64_t)JOURNAL_ALL);
	if (options->since)
		return JOURNAL_ALL;
	return options->follow ? JOURNAL_NEWEST_FOLLOW : JOURNAL_NEWEST;
}

static int show(const struct command_io *io, struct journal_options *options)
{
	uint64_t limit = choose_limit(options);
	struct client *client;
	int code;

	if (options->since && when_parse(slice_from(options->since),
	                                 when_now_ms(), &options->since_ms)) {
		(void)fprintf(io->err,
		              "bouncer: --since: %.64s is no time; write it as "
		              "1h30m, 14:05, 2026-11-21 or "
		              "2026-11-21T14:05:00Z\n",
		              options->since);
		return EXIT_USAGE;
	}
	code = client_open(&client, io, &options->client, CLIENT_CONTROL);
	if (code != EXIT_OK)
		return code;
	code = options->follow ? journal_follow(client, options, limit)
	                       : print_newest(client, options, limit);
	return client_close(client, code);
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct journal_options own = { .n_entries = UINT64_MAX };
	const struct option_row rows[] = {
		{ "follow", 'f', OPTION_FLAG, &own.follow },
		{ "lines", 'n', OPTION_NUMBER, &own.n_entries },
		{ "since", 0, OPTION_TEXT, &own.since },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .max_words = 1 };
	int code;

	if (!options_read(&options, io, &command_journal, argc, argv, &code))
		return code;
	own.monitor = options.words[0];
	options_fini(&options);
	return show(io, &own);
}

const struct command command_journal = {
	.name = "journal",
	.group = COMMAND_LOOK,
	.arguments = "[-f] [-n N] [--since TIME] [MONITOR]",
	.summary = "print what was decided and why",
	.help = help,
	.more = client_control_help,
	.run = run,
};
