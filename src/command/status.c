/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer status: what every monitor is doing.
 */
#include "command/status.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static const char help[] =
	"Shows each monitor: its state, the age of the last push against the\n"
	"limit, the last bounce, what comes next and when, and what holds it\n"
	"back. Exits with 0 if it could be shown, however bad it is. Colours\n"
	"are for terminals, and not if NO_COLOR is set. Not well is what is\n"
	"neither good, nor paused, nor starting. Without MONITOR: all; "
	"MONITOR\n"
	"may also be a rule that covers many containers, or a container.\n"
	"\n"
	"  --check            exit with 1 if any of them is not well\n"
	"  --bad              only those that are not well\n"
	"  --watch [TIME]     show it again every 2s, or TIME, until Ctrl-C\n"
	"  --json             as JSON: {\"daemon\":…,\"monitors\":[…]}\n"
	"  --names            only the names, a line each\n";

struct status_options {
	struct client_options client;
	uint64_t watch_ms; /* 0: once */
	bool check;
	bool bad;
	bool names;
};

bool status_is_bad(const struct json_t *monitor)
{
	struct slice state = json_as_text(json_get(monitor, "state"));

	return !slice_is(state, "good") && !slice_is(state, "paused") &&
	       !slice_is(state, "starting");
}

/* --- asking --------------------------------------------------------------- */

static int ask_monitor(struct status *status, const char *name)
{
	struct client_call *call = &status->calls[status->n_calls];
	struct buf path;
	int code;

	buf_init(&path, HTTP_MAX_TARGET);
	if (name)
		client_monitor_path(&path, name, "");
	else
		(void)buf_puts(&path, "/api/v1/monitors");
	call->target = buf_slice(&path);
	code = client_ask(status->client, call, name);
	status->n_calls++;
	buf_fini(&path);
	return code;
}

/* An answer is one monitor, or all of them, or those of a rule. */
static size_t count_of(const struct json_t *root)
{
	const struct json_t *list = json_get(root, "monitors");

	return json_is_missing(list) ? 1 : json_count(list);
}

static const struct json_t *monitor_of(const struct json_t *root, size_t at)
{
	const struct json_t *list = json_get(root, "monitors");

	return json_is_missing(list) ? root : json_item(list, at);
}

static int compare_texts(struct slice a, struct slice b)
{
	return strcmp(a.p ? a.p : "", b.p ? b.p : "");
}

/* By rule, then by name. */
static int compare(const void *a, const void *b)
{
	const struct json_t *x = *(const struct json_t *const *)a;
	const struct json_t *y = *(const struct json_t *const *)b;
	int order = compare_texts(json_as_text(json_get(x, "rule")),
	                          json_as_text(json_get(y, "rule")));

	return order ? order
	             : compare_texts(json_as_text(json_get(x, "name")),
	                             json_as_text(json_get(y, "name")));
}

/* Those of rules, or those of none, in the order of the answers. */
static void add_monitors(struct status *status, bool of_rules)
{
	for (size_t i = 0; i < status->n_calls; i++) {
		const struct json_t *root = status->calls[i].root;

		for (size_t j = 0; j < count_of(root); j++) {
			const struct json_t *monitor = monitor_of(root, j);
			bool bad = status_is_bad(monitor);

			if (json_is_missing(json_get(monitor, "rule")) ==
			    of_rules)
				continue;
			status->n_bad += bad;
			if (bad || !status->bad_only)
				status->monitors[status->n_monitors++] =
					monitor;
		}
	}
}

static int collect(struct status *status)
{
	size_t n = 0;
	size_t n_single;

	for (size_t i = 0; i < status->n_calls; i++)
		n += count_of(status->calls[i].root);
	status->monitors = mem_calloc(n + 1, sizeof(*status->monitors));
	if (!status->monitors)
		return command_no_memory(status->client->io);
	add_monitors(status, false);
	n_single = status->n_monitors;
	add_monitors(status, true);
	qsort(status->monitors + n_single, status->n_monitors - n_single,
	      sizeof(*status->monitors), compare);
	return EXIT_OK;
}

const struct json_t *status_rule(const struct status *status, struct slice name)
{
	for (size_t i = 0; i < status->n_calls; i++) {
		const struct json_t *rules =
			json_get(status->calls[i].root, "rules");

		for (size_t j = 0; j < json_count(rules); j++) {
			const struct json_t *rule = json_item(rules, j);

			if (slice_equal(json_as_text(json_get(rule, "name")),
			                name))
				return rule;
		}
	}
	return NULL;
}

int status_read(struct status *status)
{
	size_t n = MAX(status->n_names, (size_t)1);
	int code;

	status->daemon.target = slice_from("/api/v1/daemon");
	code = client_ask(status->client, &status->daemon, NULL);
	if (code != EXIT_OK)
		return code;
	status->calls = mem_calloc(n, sizeof(*status->calls));
	if (!status->calls)
		return command_no_memory(status->client->io);
	for (size_t i = 0; i < n && code == EXIT_OK; i++)
		code = ask_monitor(status,
		                   status->n_names ? status->names[i] : NULL);
	return code == EXIT_OK ? collect(status) : code;
}

void status_fini(struct status *status)
{
	for (size_t i = 0; i < status->n_calls; i++)
		client_call_fini(&status->calls[i]);
	client_call_fini(&status->daemon);
	mem_free(status->calls);
	mem_free(status->monitors);
	status->calls = NULL;
	status->monitors = NULL;
	status->n_calls = status->n_monitors = status->n_bad = 0;
}

/* --- showing -------------------------------------------------------------- */

static struct slice whole_object(const struct client_call *call)
{
	struct slice text = buf_slice(&call->reply);

	while (text.n > 0 && text.p[text.n - 1] != '}')
		text.n--;
	while (text.n > 0 && text.p[0] != '{')
		text = slice_skip(text, 1);
	return text;
}

/* A monitor as it came, or those of a rule; returns how many. */
static size_t print_answer(const struct client_call *call, bool more, FILE *out)
{
	const struct json_t *list = json_get(call->root, "monitors");
	struct slice all = whole_object(call);
	struct buf text;

	if (json_is_missing(list)) {
		(void)fprintf(out, "%s" SLICE_FMT, more ? ",\n" : "",
		              SLICE_ARG(all));
		return 1;
	}
	for (size_t i = 0; i < json_count(list); i++) {
		buf_init(&text, STATUS_FRAME_MAX);
		if (json_print(json_item(list, i), &text) == 0)
			(void)fprintf(out, "%s%s", more || i > 0 ? ",\n" : "",
			              buf_text(&text));
		buf_fini(&text);
	}
	return json_count(list);
}

/* The answers as they came, put together. */
static void print_json(const struct status *status, FILE *out)
{
	struct slice all = whole_object(&status->daemon);
	size_t n = 0;

	(void)fprintf(out, "{\"daemon\":" SLICE_FMT ",", SLICE_ARG(all));
	if (status->n_names == 0) {
		all = slice_skip(whole_object(&status->calls[0]), 1);
		(void)fwrite(all.p, 1, all.n, out);
		(void)fputc('\n', out);
		return;
	}
	(void)fputs("\"monitors\":[", out);
	for (size_t i = 0; i < status->n_calls; i++)
		n += print_answer(&status->calls[i], n > 0, out);
	(void)fputs("]}\n", out);
}

static void print_names(const struct status *status, FILE *out)
{
	for (size_t i = 0; i < status->n_monitors; i++) {
		client_print(out, json_as_text(json_get(status->monitors[i],
		                                        "name")));
		(void)fputc('\n', out);
	}
}

static int print_table(const struct status *status, const struct command_io *io,
                       struct screen screen)
{
	struct buf out;
	int r;

	screen.height = 0; /* it scrolls */
	buf_init(&out, STATUS_FRAME_MAX);
	r = status_show(status, &screen, &out);
	if (r == 0)
		(void)fwrite(out.p, 1, out.n, io->out);
	buf_fini(&out);
	return r < 0 ? command_no_memory(io) : EXIT_OK;
}

static int show_once(struct status *status, const struct command_io *io,
                     const struct status_options *options,
                     const struct screen *screen)
{
	int code = client_open(&status->client, io, &options->client,
	                       CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	code = status_read(status);
	if (code == EXIT_OK && options->client.json)
		print_json(status, io->out);
	else if (code == EXIT_OK && options->names)
		print_names(status, io->out);
	else if (code == EXIT_OK)
		code = print_table(status, io, *screen);
	if (code == EXIT_OK)
		code = command_finish(io);
	if (code == EXIT_OK && options->check && status->n_bad > 0)
		code = EXIT_TROUBLE;
	status_fini(status);
	return client_close(status->client, code);
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct status_options own = { 0 };
	const struct option_row rows[] = {
		{ "check", 0, OPTION_FLAG, &own.check },
		{ "bad", 0, OPTION_FLAG, &own.bad },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		{ "names", 0, OPTION_FLAG, &own.names },
		{ "watch", 'w', OPTION_EVERY, &own.watch_ms },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .max_words = SIZE_MAX };
	struct status status = { 0 };
	struct screen screen;
	int code;

	if (!options_read(&options, io, &command_status, argc, argv, &code))
		return code;
	status.names = options.words;
	status.n_names = options.n_words;
	status.bad_only = own.bad;
	screen_look(&screen, io->out, command_env(io, "NO_COLOR"),
	            command_env(io, "TERM"));
	if (own.watch_ms)
		code = status_watch(io, &own.client, &status, &screen,
		                    own.watch_ms);
	else
		code = show_once(&status, io, &own, &screen);
	options_fini(&options);
	return code;
}

const struct command command_status = {
	.name = "status",
	.group = COMMAND_LOOK,
	.arguments = "[MONITOR ...]",
	.summary = "show what every monitor is doing",
	.help = help,
	.more = client_control_help,
	.run = run,
};
