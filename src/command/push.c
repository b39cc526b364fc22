/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer push: metrics of a job, from a file or stdin, to a gateway.
 */
#include "command/client.h"

#include <errno.h>
#include "command/input.h"
#include "command/job.h"
#include "proto/push_path_write.h"

#define PUSH_MAX_BODY 67108864 /* bytes */
#define PUSH_TYPE     "text/plain; version=0.0.4; charset=utf-8"

static const char help[] =
	"Sends metrics in the text format to a push gateway, ours or the\n"
	"original, in the group of JOB and the labels. Empty input is "
	"refused,\n"
	"since it would empty the group: what should have written the metrics\n"
	"has failed; to remove a group there is --delete.\n"
	"\n"
	"  -f, --file FILE    where they are; default -, which is stdin\n"
	"  -l, --label NAME=VALUE\n"
	"                     another label of the group; may be repeated\n"
	"  --replace          the whole group is replaced (PUT); the default\n"
	"  --add              only metrics of the same names are (POST)\n"
	"  --delete           remove the group; nothing is "
	"read\n";

struct push {
	struct client_options client;
	struct option_texts labels;
	const char *file;
	bool replace;
	bool add;
	bool delete;
};

/* What to exit with. */
static int read_metrics(const struct command_io *io, const char *path,
                        struct buf *body)
{
	int code = input_read(io, path, body);

	if (code != EXIT_OK || body->n)
		return code;
	(void)fprintf(io->err,
	              "bouncer: %s: there is nothing to push; --delete removes "
	              "a group\n",
	              input_name(path));
	return EXIT_TROUBLE;
}

static int push_send(const struct command_io *io, const struct push *push,
                     struct slice path, struct slice body)
{
	struct client_call call = { .target = path,
		                    .body = body,
		                    .content_type = PUSH_TYPE };
	struct client *client;
	int code = client_open(&client, io, &push->client, CLIENT_GATE);

	if (code != EXIT_OK)
		return code;
	call.method = push->add ? "POST" : "PUT";
	if (push->delete)
		call.method = "DELETE";
	client_exchange(client, &call);
	code = client_complain(client, &call, NULL);
	client_call_fini(&call);
	return client_close(client, code);
}

static int push_group(const struct command_io *io, const struct push *push,
                      const char *name)
{
	struct job job;
	struct buf path;
	struct buf body;
	struct err err;
	int code = EXIT_OK;
	int r;

	buf_init(&path, HTTP_MAX_TARGET);
	buf_init(&body, PUSH_MAX_BODY);
	(void)buf_puts(&path, "/metrics");
	r = job_read(&job, name, &push->labels, &err);
	if (r == 0)
		r = push_path_write(&path, job.name, job.labels, job.n_labels,
		                    &err);
	if (r == -EINVAL) {
		(void)fprintf(io->err, "bouncer: %s\n", err.message);
		code = EXIT_USAGE;
	} else if (r < 0) {
		(void)fprintf(io->err, "bouncer: job and labels are too "
		                       "long\n");
		code = EXIT_USAGE;
	} else if (!push->delete) {
		code = read_metrics(io, push->file, &body);
	}
	if (code == EXIT_OK)
		code = push_send(io, push, buf_slice(&path), buf_slice(&body));
	buf_fini(&path);
	buf_fini(&body);
	return code;
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct push own = { .file = "-" };
	const struct option_row rows[] = {
		{ "file", 'f', OPTION_TEXT, &own.file },
		{ "label", 'l', OPTION_TEXTS, &own.labels },
		{ "replace", 0, OPTION_FLAG, &own.replace },
		{ "add", 0, OPTION_FLAG, &own.add },
		{ "delete", 0, OPTION_FLAG, &own.delete },
		CLIENT_GATE_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 1 };
	int code;

	if (!options_read(&options, io, &command_push, argc, argv, &code))
		return code;
	if (own.replace + own.add + own.delete > 1) {
		(void)fprintf(io->err, "bouncer: --replace, --add and --delete "
		                       "exclude each other\n");
		code = EXIT_USAGE;
	} else {
		code = push_group(io, &own, options.words[0]);
	}
	options_fini(&options);
	return code;
}

const struct command command_push = {
	.name = "push",
	.group = COMMAND_JOB,
	.arguments = "[--file FILE] [--label NAME=VALUE ...] JOB",
	.summary = "send metrics to a push gateway",
	.help = help,
	.more = client_gate_help,
	.run = run,
};
