/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer ping: a job says that it is alive, or a command is run and its
 * start and end are said. The command comes first: whatever is wrong with the
 * gateway, it runs, and its exit code is ours.
 */
#include "command/client.h"

#include <errno.h>
#include "base/number.h"
#include "command/foreground.h"
#include "command/job.h"
#include "proto/push_path_write.h"

#define PING_TIMEOUT_MS 3000 /* a try */
#define PING_TRIES      3
#define PING_PAUSE_MS   500 /* after the first; doubles */
#define PING_MAX_CODE   255

static const char help[] =
	"Says that JOB is alive. With a command: says that it starts, runs it\n"
	"in the foreground, says how it ended, and exits as it did (128 + N "
	"if\n"
	"signal N killed it). It runs, and its exit code is passed on, "
	"whatever\n"
	"happens to the messages; a warning says so. Each is tried up to\n"
	"three times; here --timeout is 3s, of each try.\n"
	"\n"
	"  -l, --label NAME=VALUE\n"
	"                     another label of the job; may be repeated\n"
	"  --start            it begins\n"
	"  --fail             it failed\n"
	"  --code N           it ended with this exit code\n"
	"  -q, --quiet        no warnings\n";

struct ping {
	struct client_options client;
	struct option_texts labels;
	bool start;
	bool fail;
	uint64_t code; /* UINT64_MAX: not given */
	bool quiet;
	struct job job;
};

/* Returns what a ping alone would exit with. @client NULL: there is no way to
 * the gateway, which was said; a command runs all the same. */
static int tell(struct client *client, const struct ping *ping, const char *end,
                unsigned n_tries)
{
	struct client_call call = { .method = "POST" };
	struct buf path;
	struct err err;
	int code = EXIT_TROUBLE;

	if (!client)
		return code;
	buf_init(&path, HTTP_MAX_TARGET);
	(void)buf_puts(&path, "/ping");
	if (ping_path_write(&path, ping->job.name, ping->job.labels,
	                    ping->job.n_labels, end, &err) < 0) {
		/* it was tried at the beginning: memory is out */
		buf_fini(&path);
		return code;
	}
	call.target = buf_slice(&path);
	for (unsigned i = 1; i <= n_tries; i++) {
		client_exchange(client, &call);
		if (i == n_tries || (call.err.code == 0 && call.status < 500))
			break;
		client_call_fini(&call);
		client_wait(client, (uint64_t)PING_PAUSE_MS << (i - 1));
	}
	if (!ping->quiet)
		code = client_complain(client, &call, NULL);
	else if (call.err.code != 0)
		code = EXIT_UNREACHABLE;
	else if (call.status / 100 != 2)
		code = call.status / 100 == 4 ? EXIT_REFUSED : EXIT_TROUBLE;
	else
		code = EXIT_OK;
	client_call_fini(&call);
	buf_fini(&path);
	return code;
}

static int ping_alone(struct client *client, const struct ping *ping)
{
	char code[NUMBER_TEXT_MAX];
	const char *end = NULL;

	if (ping->start)
		end = "start";
	else if (ping->fail)
		end = "fail";
	else if (ping->code != UINT64_MAX)
		end = code;
	(void)snprintf(code, sizeof(code), "%u", (unsigned)ping->code);
	return tell(client, ping, end, PING_TRIES);
}

static int ping_around(const struct command_io *io, struct client *client,
                       const struct ping *ping,
                       const struct foreground *foreground,
                       char *const *command)
{
	char end[NUMBER_TEXT_MAX];
	struct err err;
	int code;

	(void)tell(client, ping, "start", 1);
	code = foreground_run(foreground, command, &err);
	if (err.code != 0)
		(void)fprintf(io->err, "bouncer: %s\n", err.message);
	(void)snprintf(end, sizeof(end), "%d", code);
	(void)tell(client, ping, end, PING_TRIES);
	return code;
}

/* What is wrong with the command line; EXIT_OK if nothing is. */
static int check(const struct command_io *io, struct ping *ping,
                 const struct options *options)
{
	int n_said = ping->start + ping->fail + (ping->code != UINT64_MAX);
	struct buf path;
	struct err err;
	int r;

	err_clear(&err);
	buf_init(&path, HTTP_MAX_TARGET);
	r = job_read(&ping->job, options->words[0], &ping->labels, &err);
	if (r == 0)
		r = ping_path_write(&path, ping->job.name, ping->job.labels,
		                    ping->job.n_labels, "start", &err);
	buf_fini(&path);
	if (r < 0 && r != -EINVAL)
		(void)err_set(&err, -EINVAL, "job and labels are too long");
	else if (r == 0 && n_said + (options->after != NULL) > 1)
		(void)err_set(&err, -EINVAL,
		              "--start, --fail, --code and a command exclude "
		              "each other");
	else if (r == 0 && options->after && !options->after[0])
		(void)err_set(&err, -EINVAL, "there is no command after --");
	else if (r == 0 && ping->code != UINT64_MAX &&
	         ping->code > PING_MAX_CODE)
		(void)err_set(&err, -EINVAL, "--code: 0 to %d", PING_MAX_CODE);
	if (err.code == 0)
		return EXIT_OK;
	(void)fprintf(io->err, "bouncer: %s; see bouncer help ping\n",
	              err.message);
	return EXIT_USAGE;
}

static int ping_job(const struct command_io *io, const struct ping *ping,
                    const struct options *options)
{
	struct foreground foreground;
	struct client *client;
	int code;

	if (options->after)
		foreground_begin(&foreground);
	code = client_open(&client, io, &ping->client, CLIENT_GATE);
	if (code != EXIT_OK)
		client = NULL; /* it has said why */
	if (options->after)
		code = ping_around(io, client, ping, &foreground,
		                   options->after);
	else if (client)
		code = ping_alone(client, ping);
	code = client_close(client, code);
	if (options->after)
		foreground_end(&foreground);
	return code;
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct ping own = { .client.timeout_ms = PING_TIMEOUT_MS,
		            .code = UINT64_MAX };
	const struct option_row rows[] = {
		{ "label", 'l', OPTION_TEXTS, &own.labels },
		{ "start", 0, OPTION_FLAG, &own.start },
		{ "fail", 0, OPTION_FLAG, &own.fail },
		{ "code", 0, OPTION_NUMBER, &own.code },
		{ "quiet", 'q', OPTION_FLAG, &own.quiet },
		CLIENT_GATE_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 1,
		                   .max_words = 1,
		                   .apart = true };
	int code;

	if (!options_read(&options, io, &command_ping, argc, argv, &code))
		return code;
	code = check(io, &own, &options);
	if (code == EXIT_OK)
		code = ping_job(io, &own, &options);
	options_fini(&options);
	return code;
}

const struct command command_ping = {
	.name = "ping",
	.group = COMMAND_JOB,
	.arguments = "[--label NAME=VALUE ...] JOB [-- COMMAND ...]",
	.summary = "say that a job is alive, or run it and say how it ended",
	.help = help,
	.more = client_gate_help,
	.run = run,
};
