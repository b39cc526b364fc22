/* SPDX-License-Identifier: Apache-2.0 */
/* bouncer registry servers: how far each Prometheus server is. */
#include "command/registry.h"

#include <inttypes.h>
#include <string.h>
#include "base/duration.h"
#include "command/table.h"

#define SECOND_MS   1000
#define NUMBER_MAX  24
#define MISSING_MAX 64

static const char *const kind_names[] = { "targets", "urls", "rules", "nodes" };

static enum table_style style_of(const char *sync)
{
	if (strcmp(sync, "in_sync") == 0)
		return TABLE_GOOD;
	if (strcmp(sync, "failed") == 0 || strcmp(sync, "lost") == 0)
		return TABLE_BAD;
	return strcmp(sync, "behind") == 0 ? TABLE_WARN : TABLE_DIM;
}

static void add_age(struct table *table, const struct json_t *server)
{
	int64_t age_s = json_as_int(json_get(server, "age_seconds"), -1);
	char text[DURATION_TEXT_MAX];

	table_add(table, TABLE_PLAIN,
	          age_s < 0
	                  ? ""
	                  : duration_format((uint64_t)age_s * SECOND_MS, text));
}

/* Of what its worker wants, is all written? */
static void add_written(struct table *table, const struct json_t *server)
{
	const struct json_t *written = json_get(server, "written");
	bool reported = !json_is_missing(json_get(server, "reported_at"));
	struct buf missing;

	buf_init(&missing, MISSING_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(kind_names); i++) {
		const struct json_t *kind = json_get(written, kind_names[i]);

		if (!json_is_missing(kind) && !json_as_bool(kind, false))
			(void)buf_printf(&missing, "%s%s",
			                 missing.n ? ", " : "not ",
			                 kind_names[i]);
	}
	table_add(table, missing.n ? TABLE_WARN : TABLE_PLAIN,
	          missing.n  ? buf_text(&missing)
	          : reported ? "all"
	                     : "");
	buf_fini(&missing);
}

static void add_row(struct table *table, const struct json_t *server)
{
	const char *sync = json_as_string(json_get(server, "sync"));
	bool connected = json_as_bool(json_get(server, "connected"), false);
	const struct json_t *loaded = json_get(server, "loaded");
	char wanted[NUMBER_MAX];

	table_add(table, TABLE_PLAIN,
	          json_as_string(json_get(server, "server")));
	table_add(table, TABLE_PLAIN,
	          json_as_string(json_get(server, "shard")));
	table_add(table, style_of(sync), sync);
	table_add(table, TABLE_PLAIN, connected ? "yes" : "no");
	(void)snprintf(wanted, sizeof(wanted), "%" PRId64,
	               json_as_int(json_get(server, "wanted_revision"), 0));
	table_add(table, TABLE_PLAIN, wanted);
	add_written(table, server);
	table_add(table, TABLE_PLAIN,
	          json_is_missing(loaded)       ? ""
	          : json_as_bool(loaded, false) ? "yes"
	                                        : "no");
	add_age(table, server);
	table_add(table, TABLE_PLAIN,
	          json_as_string(json_get(server, "explanation")));
}

static int print_table(const struct command_io *io, const struct json_t *list)
{
	static const struct table_column columns[] = {
		{ "SERVER", true },      { "SHARD", true },
		{ "STATE", false },      { "CONNECTED", false },
		{ "WANTED", false },     { "WRITTEN", false },
		{ "LOADED", false },     { "REPORTED", false },
		{ "EXPLANATION", true },
	};

	return registry_print_table(io, columns, ARRAY_SIZE(columns), list,
	                            add_row);
}

/* Is there one that is in trouble? */
static bool any_bad(const struct json_t *list)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *sync =
			json_as_string(json_get(json_item(list, i), "sync"));

		if (style_of(sync) == TABLE_BAD)
			return true;
	}
	return false;
}

static int ask(const struct command_io *io,
               const struct client_options *options)
{
	struct client_call call = { .target = slice_from("/worker/servers") };
	const struct json_t *list;
	struct client *client;
	int code = client_open(&client, io, options, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	code = registry_ask(client, &call);
	list = json_get(call.root, "servers");
	if (code == EXIT_OK && options->json)
		(void)fputs(buf_text(&call.reply), io->out);
	else if (code == EXIT_OK)
		code = print_table(io, list);
	if (code == EXIT_OK)
		code = command_finish(io);
	if (code == EXIT_OK && any_bad(list))
		code = EXIT_TROUBLE;
	client_call_fini(&call);
	return client_close(client, code);
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

	if (!registry_options(&options, io, &registry_command_servers, argc,
	                      argv, &code))
		return code;
	code = ask(io, &own);
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_servers = {
	.name = "servers",
	.arguments = "[--json]",
	.summary = "how far each Prometheus server is",
	.help = "Of each Prometheus server: the revision that it is to have, "
		"what of it is written,\n"
		"and loaded; is its worker connected, and when did it last "
		"tell something; what\n"
		"went wrong. Exits with 1 if one has failed or is lost.\n"
		"\n"
		"  --json             the answer as it is\n",
	.run = run,
};
