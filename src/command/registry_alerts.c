/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer registry alerts and alerts-test: what came, where it went and why;
 * and one that is made up, to see where it would go.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <string.h>
#include "base/json_writer.h"
#include "base/text.h"
#include "command/table.h"
#include "command/when.h"
#include "proto/timestamp.h"

#define MAX_REQUEST 65536

struct alerts {
	struct client_options client;
	const char *label;
	const char *since;
	const char *status;
	uint64_t limit;
	bool unrouted;
	bool deliveries; /* what waits, or is dead */
	bool explain;
	bool replay;
	bool all;
};

static const char *text_of(const struct json_t *object, const char *name)
{
	return json_as_string(json_get(object, name));
}

static int64_t number_of(const struct json_t *object, const char *name)
{
	return json_as_int(json_get(object, name), 0);
}

static void add_number(struct table *table, const struct json_t *object,
                       const char *name)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64, number_of(object, name));
	table_add(table, TABLE_PLAIN, text);
}

static void add_time(struct table *table, const struct json_t *object,
                     const char *name)
{
	char text[WHEN_TEXT_MAX];
	int64_t at;

	if (timestamp_parse_rfc3339(json_as_text(json_get(object, name)), &at) <
	    0)
		table_add(table, TABLE_PLAIN, "");
	else
		table_add(table, TABLE_PLAIN,
		          when_clock(at, when_now_ms(), text));
}

/* --- lists --------------------------------------------------------------------- */

/* "alertname=Down service=shop": they come in no particular order. */
static void add_labels(struct table *table, const struct json_t *labels)
{
	static const char *const first[] = { "alertname", "service", "project",
		                             "instance", "severity" };
	struct buf text;

	buf_init(&text, MAX_REQUEST);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		const char *value = text_of(labels, first[i]);

		if (value[0])
			(void)buf_printf(&text, "%s%s=%s", text.n ? " " : "",
			                 first[i], value);
	}
	table_add(table, TABLE_PLAIN, buf_text(&text));
	buf_fini(&text);
}

static void alert_row(struct table *table, const struct json_t *alert)
{
	const struct json_t *counts = json_get(alert, "deliveries");
	bool firing = strcmp(text_of(alert, "status"), "firing") == 0;

	add_number(table, alert, "id");
	add_time(table, alert, "received");
	table_add(table, firing ? TABLE_BAD : TABLE_GOOD,
	          text_of(alert, "status"));
	add_number(table, alert, "alerts");
	add_number(table, alert, "told");
	add_number(table, counts, "waiting");
	add_number(table, counts, "dead");
	add_labels(table, json_get(alert, "labels"));
}

static int print_alerts(const struct command_io *io, const struct json_t *root)
{
	static const struct table_column columns[] = {
		{ "ID", false },   { "CAME", false },  { "STATUS", false },
		{ "N", false },    { "TOLD", false },  { "WAITING", false },
		{ "DEAD", false }, { "LABELS", true },
	};

	return registry_print_table(io, columns, ARRAY_SIZE(columns),
	                            json_get(root, "results"), alert_row);
}

static void delivery_row(struct table *table, const struct json_t *delivery)
{
	bool dead = strcmp(text_of(delivery, "state"), "dead") == 0;

	add_number(table, delivery, "id");
	add_number(table, delivery, "alert_id");
	add_number(table, delivery, "notifier_id");
	table_add(table, TABLE_PLAIN, text_of(delivery, "sender"));
	table_add(table, dead ? TABLE_BAD : TABLE_PLAIN,
	          text_of(delivery, "state"));
	add_number(table, delivery, "tries");
	add_time(table, delivery, "due");
	table_add(table, TABLE_PLAIN, text_of(delivery, "words"));
}

static int print_deliveries(const struct command_io *io,
                            const struct json_t *list)
{
	static const struct table_column columns[] = {
		{ "ID", false },    { "ALERT", false }, { "NOTIFIER", false },
		{ "SENDER", true }, { "STATE", false }, { "TRIES", false },
		{ "AGAIN", false }, { "WORDS", true },
	};

	return registry_print_table(io, columns, ARRAY_SIZE(columns), list,
	                            delivery_row);
}

/* --- why ------------------------------------------------------------------------- */

static void print_reason(FILE *out, const struct json_t *route)
{
	(void)fprintf(out, "%s notifier %" PRId64 " (",
	              json_as_bool(json_get(route, "told"), false) ? "+" : "-",
	              number_of(route, "id"));
	client_print(out, json_as_text(json_get(route, "sender")));
	(void)fputs(" of ", out);
	client_print(out, json_as_text(json_get(route, "of")));
	(void)fputs("): ", out);
	client_print(out, json_as_text(json_get(route, "verdict")));
	(void)fputs("; ", out);
	client_print(out, json_as_text(json_get(route, "why")));
	(void)fputc('\n', out);
}

/* What was found for some of its alerts. */
static void print_place(FILE *out, const struct json_t *place)
{
	(void)fprintf(out, "%" PRId64 " alerts: ", number_of(place, "alerts"));
	client_print(out, json_as_text(json_get(place, "why")));
	(void)fputc('\n', out);
}

static void print_routing(FILE *out, const struct json_t *routing)
{
	const struct json_t *labels = json_get(routing, "labels");
	const struct json_t *notifiers = json_get(routing, "notifiers");
	const struct json_t *dropped = json_get(routing, "dropped");

	for (size_t i = 0; i < json_count(labels); i++)
		print_place(out, json_item(labels, i));
	for (size_t i = 0; i < json_count(dropped); i++)
		print_place(out, json_item(dropped, i));
	for (size_t i = 0; i < json_count(notifiers); i++)
		print_reason(out, json_item(notifiers, i));
	(void)fprintf(out, "told: %" PRId64 "\n", number_of(routing, "told"));
}

static int print_one(const struct command_io *io, const struct json_t *root)
{
	const struct json_t *list = json_get(root, "delivered");

	print_routing(io->out, json_get(root, "routing"));
	if (json_count(list) == 0)
		return EXIT_OK;
	(void)fputc('\n', io->out);
	return print_deliveries(io, list);
}

/* --- asking ------------------------------------------------------------------------ */

static void put_query(struct buf *target, const char *name, const char *value)
{
	if (!value)
		return;
	(void)buf_printf(target, "&%s=", name);
	text_escape_url(target, slice_from(value));
}

/* A span before now, too. */
static int put_since(const struct command_io *io, const struct alerts *own,
                     struct buf *target)
{
	int64_t at;

	if (!own->since)
		return EXIT_OK;
	if (when_parse(slice_from(own->since), when_now_ms(), &at) < 0) {
		(void)fprintf(io->err, "bouncer: --since: a span as 1h30m, or "
		                       "a time as 2026-01-02 15:04\n");
		return EXIT_USAGE;
	}
	(void)buf_printf(target, "&since=%" PRId64, at / 1000);
	return EXIT_OK;
}

static int put_target(const struct command_io *io, const struct alerts *own,
                      const char *id, struct buf *target)
{
	if (own->deliveries) {
		(void)buf_printf(target,
		                 "/registry/deliveries?page_size=%" PRIu64,
		                 own->limit);
		put_query(target, "alert", id);
		put_query(target, "state", own->status);
		return EXIT_OK;
	}
	if (id) {
		(void)buf_puts(target, "/registry/alerts/");
		text_escape_url(target, slice_from(id));
		(void)buf_puts(target, own->replay    ? "/replay?what="
		                       : own->explain ? "/explain"
		                                      : "");
		if (own->replay)
			(void)buf_puts(target, own->all ? "all" : "dead");
		return EXIT_OK;
	}
	(void)buf_printf(target, "/registry/alerts?page_size=%" PRIu64,
	                 own->limit);
	put_query(target, "label", own->label);
	put_query(target, "status", own->status);
	put_query(target, "told", own->unrouted ? "false" : NULL);
	return put_since(io, own, target);
}

static int print_answer(const struct command_io *io, const struct alerts *own,
                        const char *id, const struct client_call *call)
{
	if (own->client.json) {
		(void)fputs(buf_text(&call->reply), io->out);
		return EXIT_OK;
	}
	if (own->deliveries)
		return print_deliveries(io, json_get(call->root, "results"));
	if (!id)
		return print_alerts(io, call->root);
	if (own->replay)
		(void)fprintf(io->out, "%" PRId64 " deliveries wait again\n",
		              number_of(call->root, "deliveries"));
	else if (own->explain)
		print_routing(io->out, call->root);
	else
		return print_one(io, call->root);
	return EXIT_OK;
}

static int ask(const struct command_io *io, const struct alerts *own,
               const char *id, struct slice target)
{
	struct client_call call = { .target = target,
		                    .method = own->replay ? "POST" : NULL };
	struct client *client;
	int code = client_open(&client, io, &own->client, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	code = registry_ask(client, &call);
	if (code == EXIT_OK)
		code = print_answer(io, own, id, &call);
	if (code == EXIT_OK)
		code = command_finish(io);
	client_call_fini(&call);
	return client_close(client, code);
}

static int run_alerts(const struct command_io *io, int argc, char *const *argv)
{
	struct alerts own = { .limit = 50 };
	const struct option_row rows[] = {
		{ "label", 'l', OPTION_TEXT, &own.label },
		{ "since", 0, OPTION_TEXT, &own.since },
		{ "status", 0, OPTION_TEXT, &own.status },
		{ "limit", 0, OPTION_NUMBER, &own.limit },
		{ "unrouted", 0, OPTION_FLAG, &own.unrouted },
		{ "deliveries", 0, OPTION_FLAG, &own.deliveries },
		{ "explain", 0, OPTION_FLAG, &own.explain },
		{ "replay", 0, OPTION_FLAG, &own.replay },
		{ "all", 0, OPTION_FLAG, &own.all },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .max_words = 1 };
	struct buf target;
	const char *id;
	int code;

	if (!registry_options(&options, io, &registry_command_alerts, argc,
	                      argv, &code))
		return code;
	id = options.n_words ? options.words[0] : NULL;
	buf_init(&target, MAX_REQUEST);
	code = EXIT_USAGE;
	if ((own.explain || own.replay) && (!id || own.deliveries)) {
		(void)fprintf(io->err, "bouncer: --explain and --replay are "
		                       "about one alert: give its ID\n");
	} else if (own.explain && own.replay) {
		(void)fprintf(io->err, "bouncer: --explain and --replay "
		                       "exclude each other\n");
	} else if (own.all && !own.replay) {
		(void)fprintf(io->err, "bouncer: --all is for --replay\n");
	} else {
		code = put_target(io, &own, id, &target);
	}
	if (code == EXIT_OK)
		code = target.failed ? command_no_memory(io)
		                     : ask(io, &own, id, buf_slice(&target));
	buf_fini(&target);
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_alerts = {
	.name = "alerts",
	.arguments = "[ID [--explain|--replay]] [--label NAME=VALUE,...]",
	.summary = "the alerts that came, where they went, and why",
	.help = "Lists the messages of Alertmanager that were kept, the latest "
		"first; or shows\n"
		"of one who was told, who was not and why, and what became of "
		"each delivery.\n"
		"\n"
		"  -l, --label LIST   those with a label, as service=shop; up "
		"to four, with\n"
		"                     commas between them\n"
		"  --since TIME       2h, or 2026-01-02 15:04\n"
		"  --status STATUS    firing or resolved\n"
		"  --unrouted         those of which nobody is told\n"
		"  --limit N          default: 50\n"
		"  --deliveries       what was told, and is to be told; with "
		"--status waiting,\n"
		"                     sent, dead or dropped\n"
		"  --explain          of ID: who would be told as things are "
		"now\n"
		"  --replay           of ID: what could not be delivered is "
		"tried again; with\n"
		"                     --all it is routed anew, and all are "
		"told\n"
		"  --json             as JSON\n",
	.run = run_alerts,
};

/* --- a made up one ------------------------------------------------------------------ */

struct sample {
	struct client_options client;
	const char *service;
	const char *project;
	struct option_texts labels;
	bool resolved;
	bool dry_run;
};

static void write_label(struct json_writer *json, const char *name,
                        const char *value)
{
	if (!value)
		return;
	json_write_key(json, name);
	json_write_string(json, value);
}

static void write_labels(struct json_writer *json, const struct sample *own)
{
	json_write_object(json);
	write_label(json, "alertname", "BouncerTest");
	write_label(json, "service", own->service);
	write_label(json, "project", own->project);
	for (size_t i = 0; i < own->labels.n; i++) {
		const char *text = own->labels.texts[i];
		size_t n = strcspn(text, "=");

		json_key_slice(json, slice_make(text, n));
		json_write_string(json, text[n] ? text + n + 1 : "");
	}
	json_write_object_end(json);
}

static void write_sample(struct json_writer *json, const struct sample *own)
{
	const char *status = own->resolved ? "resolved" : "firing";
	char now[TIMESTAMP_TEXT_MAX];

	json_write_object(json);
	write_label(json, "version", "4");
	write_label(json, "receiver", "bouncer");
	write_label(json, "groupKey", "bouncer registry alerts-test");
	write_label(json, "status", status);
	json_write_key(json, "commonLabels");
	write_labels(json, own);
	json_write_key(json, "alerts");
	json_write_array(json);
	json_write_object(json);
	write_label(json, "status", status);
	json_write_key(json, "labels");
	write_labels(json, own);
	json_write_key(json, "annotations");
	json_write_object(json);
	write_label(json, "summary", "This is a test; nothing is wrong.");
	json_write_object_end(json);
	write_label(json, "startsAt", timestamp_format(when_now_ms(), now));
	json_write_object_end(json);
	json_write_array_end(json);
	json_write_object_end(json);
}

static int explain_sample(const struct command_io *io, struct client *client,
                          const struct sample *own, struct slice body)
{
	struct client_call call = {
		.method = "POST",
		.target = slice_from("/registry/alerts/explain"),
		.body = body,
	};
	int code = registry_ask(client, &call);

	if (code == EXIT_OK && own->client.json)
		(void)fputs(buf_text(&call.reply), io->out);
	else if (code == EXIT_OK)
		print_routing(io->out, call.root);
	client_call_fini(&call);
	return code;
}

static int post_sample(struct client *client, struct slice body)
{
	struct client_call call = { .method = "POST",
		                    .target = slice_from("/api/v1/alerts"),
		                    .body = body };
	int code = registry_ask(client, &call);

	client_call_fini(&call);
	return code;
}

static int send_sample(const struct command_io *io, const struct sample *own)
{
	struct client *client;
	struct json_writer json;
	struct buf body;
	int code = client_open(&client, io, &own->client, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	buf_init(&body, MAX_REQUEST);
	json_write_init(&json, &body);
	write_sample(&json, own);
	code = body.failed ? command_no_memory(io)
	                   : explain_sample(io, client, own, buf_slice(&body));
	if (code == EXIT_OK && !own->dry_run)
		code = post_sample(client, buf_slice(&body));
	buf_fini(&body);
	if (code == EXIT_OK)
		code = command_finish(io);
	return client_close(client, code);
}

static int run_test(const struct command_io *io, int argc, char *const *argv)
{
	struct sample own = { 0 };
	const struct option_row rows[] = {
		{ "service", 0, OPTION_TEXT, &own.service },
		{ "project", 0, OPTION_TEXT, &own.project },
		{ "label", 'l', OPTION_TEXTS, &own.labels },
		{ "resolved", 0, OPTION_FLAG, &own.resolved },
		{ "dry-run", 'n', OPTION_FLAG, &own.dry_run },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows, .n_rows = ARRAY_SIZE(rows) };
	int code;

	if (!registry_options(&options, io, &registry_command_alerts_test, argc,
	                      argv, &code))
		return code;
	code = send_sample(io, &own);
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_alerts_test = {
	.name = "alerts-test",
	.arguments =
		"[--service NAME] [--project NAME] [--label NAME=VALUE]...",
	.summary = "make an alert up, and say who is told",
	.help = "Posts an alert with those labels, as Alertmanager would, and "
		"prints who is told\n"
		"of it, and why.\n"
		"\n"
		"  --service NAME     its label service\n"
		"  --project NAME     its label project\n"
		"  -l, --label TEXT   NAME=VALUE; may be given several times\n"
		"  --resolved         it is over\n"
		"  -n, --dry-run      nothing is posted, and nobody told\n"
		"  --json             as JSON\n",
	.run = run_test,
};
