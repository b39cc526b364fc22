/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer worker: beside a Prometheus; a loop, signals and the service manager
 * around registry/worker.
 */
#include "command/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "command/options.h"
#include "io/http_client.h"
#include "io/log_sink.h"
#include "io/notify.h"

#define MAX_MODE      0777
#define MAX_SERVER    320
#define STOP_LIMIT_MS 10000
#define STATUS_MAX    160

static const char help[] =
	"Keeps one watch open to a registry and hands the Prometheus beside "
	"it\n"
	"what it is to have: files that it finds by file_sd_configs and\n"
	"rule_files. Files are replaced whole, and only if they are to become\n"
	"others; Prometheus is told to reload only when rules did. If it "
	"refuses\n"
	"them, the last good ones come back, and the registry is told why.\n"
	"SIGHUP: everything is fetched and compared again.\n"
	"\n"
	"  --server HOST:PORT   which server this is, as the registry knows "
	"it\n"
	"                       (register-server); default: the name of this\n"
	"                       machine\n"
	"  --registry URL       where the registry is\n"
	"  --token-file FILE    holds a token of the scope read\n"
	"  --ca-file FILE       authorities of an https registry\n"
	"  --targets FILE       targets, JSON for file_sd_configs\n"
	"  --urls FILE          URLs for the blackbox exporter, the same\n"
	"  --rules FILE         rules, YAML for rule_files; the last good "
	"ones\n"
	"                       are kept beside it, in FILE.good\n"
	"  --nodes DIR          nodes, a file ID.yml each, as of prommgr; no\n"
	"                       others may be in there\n"
	"  --prometheus URL     to be reloaded; default http://HOST:PORT\n"
	"  --mode MODE          permissions of files, octal; default 644\n"
	"  -Q, --queues NAME    the same as --server NAME, as Promgen's "
	"worker\n"
	"                       has it; of several the first that is not\n"
	"                       Celery's own\n"
	"  --once               hand over what is wanted now, and end\n"
	"  --check              write nothing, say what would not work\n"
	"  --log-level LEVEL    debug, info, warn or error\n"
	"  --log-format FORMAT  logfmt, json or plain\n"
	"\n"
	"Each but --once and --check is also an environment variable:\n"
	"--token-file is BOUNCER_TOKEN_FILE. At least one of --targets, "
	"--urls, --rules "
	"and\n"
	"--nodes is needed.\n";

struct run {
	struct worker_options options;
	const char *ca_file;
	const char *queues;
	const char *mode;
	const char *log_level;
	const char *log_format;
	bool check;
	char server[MAX_SERVER];

	uv_loop_t loop;
	struct log_sink sink;
	struct http_client *client;
	struct worker *worker;
	struct notify notify;
	struct notify_signal {
		struct run *run;
		uv_signal_t handle;
	} signals[3];
	size_t n_signals;
	bool ready;
	bool stopping;
	int code;
};

/* --- what is said -------------------------------------------------------------- */

static int wrong(const struct command_io *io, const char *words)
{
	(void)fprintf(io->err, "bouncer: %s; see bouncer help worker\n", words);
	return EXIT_USAGE;
}

static void from_environment(const struct command_io *io, struct run *run)
{
	const struct {
		const char *name;
		const char **value;
	} rows[] = {
		{ "BOUNCER_SERVER", &run->options.server },
		{ "BOUNCER_REGISTRY", &run->options.registry },
		{ "BOUNCER_TOKEN_FILE", &run->options.token_file },
		{ "BOUNCER_CA_FILE", &run->ca_file },
		{ "BOUNCER_TARGETS", &run->options.targets },
		{ "BOUNCER_URLS", &run->options.urls },
		{ "BOUNCER_RULES", &run->options.rules },
		{ "BOUNCER_NODES", &run->options.nodes },
		{ "BOUNCER_PROMETHEUS", &run->options.prometheus },
		{ "BOUNCER_QUEUES", &run->queues },
		{ "BOUNCER_MODE", &run->mode },
		{ "BOUNCER_LOG_LEVEL", &run->log_level },
		{ "BOUNCER_LOG_FORMAT", &run->log_format },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		*rows[i].value = command_env(io, rows[i].name);
}

/* Of "prometheus001,celery": Celery's own queues are no servers. */
static struct slice server_of_queues(const char *queues)
{
	struct slice rest = slice_from(queues);
	struct slice name;

	while (slice_next(&rest, ',', &name)) {
		name = slice_trim(name);
		if (name.n > 0 && !slice_is(name, "celery") &&
		    !slice_is(name, "promgen_dlq"))
			return name;
	}
	return slice_from("");
}

static int choose_server(const struct command_io *io, struct run *run)
{
	struct slice name;

	if (run->options.server)
		return EXIT_OK;
	name = server_of_queues(run->queues);
	if (name.n >= sizeof(run->server))
		return wrong(io, "--queues is too long");
	memcpy(run->server, name.p, name.n);
	if (name.n == 0 &&
	    gethostname(run->server, sizeof(run->server) - 1) < 0)
		return wrong(io, "this machine has no name; which --server "
		                 "is it?");
	run->options.server = run->server;
	return EXIT_OK;
}

static int read_mode(const struct command_io *io, struct run *run)
{
	const char *end = run->mode;
	int mode = 0;

	run->options.mode = WORKER_MODE;
	if (!run->mode)
		return EXIT_OK;
	for (; *end >= '0' && *end <= '7' && mode <= MAX_MODE; end++)
		mode = mode * 8 + (*end - '0');
	if (*end || end == run->mode || mode > MAX_MODE)
		return wrong(io, "--mode is to be octal, as 644");
	run->options.mode = mode;
	return EXIT_OK;
}

static int read_log(const struct command_io *io, struct run *run)
{
	struct log *log = &run->sink.log;

	log_sink_init(&run->sink, STDERR_FILENO);
	if (run->log_level &&
	    log_level_parse(slice_from(run->log_level), &log->level) < 0)
		return wrong(io, "--log-level is to be debug, info, warn or "
		                 "error");
	if (run->log_format &&
	    log_format_parse(slice_from(run->log_format), &log->format) < 0)
		return wrong(io, "--log-format is to be logfmt, json or plain");
	return EXIT_OK;
}

static int complete(const struct command_io *io, struct run *run)
{
	const struct worker_options *options = &run->options;
	int code;

	if (!options->registry)
		return wrong(io, "where is the registry? --registry URL is "
		                 "missing");
	if (!options->targets && !options->urls && !options->rules &&
	    !options->nodes)
		return wrong(io, "there is nothing to write: none of "
		                 "--targets, --urls, --rules and --nodes is "
		                 "given");
	code = choose_server(io, run);
	if (code == EXIT_OK)
		code = read_mode(io, run);
	return code == EXIT_OK ? read_log(io, run) : code;
}

/* --- the life of it -------------------------------------------------------------- */

static void on_nothing(void *context)
{
	(void)context;
}

static void on_worker_closed(void *context)
{
	struct run *run = context;

	run->worker = NULL;
	http_client_close(run->client, on_nothing, NULL);
	notify_close(&run->notify, on_nothing, NULL);
	for (size_t i = 0; i < run->n_signals; i++)
		uv_close((uv_handle_t *)&run->signals[i].handle, NULL);
}

static void stop(struct run *run)
{
	if (run->stopping)
		return;
	run->stopping = true;
	(void)notify_stopping(&run->notify);
	if (run->worker)
		worker_close(run->worker, on_worker_closed, run);
	else
		on_worker_closed(run);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct run *run =
		container_of(handle, struct notify_signal, handle)->run;

	if (signum == SIGHUP) {
		if (!run->stopping)
			worker_again(run->worker);
		return;
	}
	if (run->stopping)
		_exit(EXIT_TROUBLE);
	if (run->options.once)
		run->code = EXIT_TROUBLE; /* it was not over */
	log_info(&run->sink.log, "stopping",
	         LOG_STR("reason", signum == SIGTERM ? "SIGTERM" : "SIGINT"));
	stop(run);
}

/* The first time that there is something to say about the registry we are
 * ready: whether it is there is not ours to wait for. */
static void on_changed(void *context)
{
	struct run *run = context;
	struct worker_status status;
	char text[STATUS_MAX];

	if (run->stopping)
		return;
	worker_status(run->worker, &status);
	if (!run->ready)
		(void)notify_ready(&run->notify);
	run->ready = true;
	if (status.error[0])
		(void)snprintf(text, sizeof(text), "%s", status.error);
	else
		(void)snprintf(text, sizeof(text), "shard %.80s: %s",
		               status.shard,
		               status.settled ? "in sync" : "handing over");
	(void)notify_status(&run->notify, text);
}

static void on_finished(void *context, const struct err *err)
{
	struct run *run = context;
	struct worker_status status;

	worker_status(run->worker, &status);
	if (err->code &&
	    (status.connected || err->code == -ENOKEY || err->code == -ENOMEM))
		run->code = EXIT_TROUBLE;
	else if (err->code)
		run->code =
			err->code == -EPERM ? EXIT_REFUSED : EXIT_UNREACHABLE;
	stop(run);
}

static int open_signals(struct run *run)
{
	static const int signums[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < ARRAY_SIZE(signums); i++) {
		struct notify_signal *signal = &run->signals[i];
		int r = uv_signal_init(&run->loop, &signal->handle);

		if (r < 0)
			return r;
		run->n_signals++;
		signal->run = run;
		r = uv_signal_start(&signal->handle, on_signal, signums[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_all(struct run *run, struct err *err)
{
	struct tls_options tls = { .ca = run->ca_file };
	int r;

	run->client = http_client_new(&run->loop, &run->sink.log);
	if (!run->client)
		return -ENOMEM;
	r = http_client_set_tls(run->client, &tls);
	if (r == 0)
		r = notify_open(&run->notify, &run->loop, err);
	if (r == 0)
		r = open_signals(run);
	if (r < 0)
		return r;
	run->options.loop = &run->loop;
	run->options.log = &run->sink.log;
	run->options.client = run->client;
	run->options.changed = on_changed;
	run->options.finished = on_finished;
	run->options.context = run;
	(void)uv_random(NULL, NULL, &run->options.seed,
	                sizeof(run->options.seed), 0, NULL);
	return worker_open(&run->options, &run->worker, err);
}

static int run_worker(struct run *run)
{
	struct err err = { 0 };

	(void)uv_replace_allocator(mem_alloc, mem_realloc, mem_calloc,
	                           mem_free);
	(void)signal(SIGPIPE, SIG_IGN);
	/* files have exactly the mode that was asked for */
	(void)umask(0);
	run->notify.fd = -1;
	if (uv_loop_init(&run->loop) < 0)
		return EXIT_TROUBLE;
	if (open_all(run, &err) < 0) {
		log_error(&run->sink.log, "cannot start",
		          LOG_STR("error", err.message[0] ? err.message
		                                          : "out of memory"));
		run->code = err.code == -EINVAL ? EXIT_USAGE : EXIT_TROUBLE;
		stop(run);
	}
	(void)uv_run(&run->loop, UV_RUN_DEFAULT);
	/* libuv would wait for the thread that looks a name up */
	if (uv_loop_close(&run->loop) == UV_EBUSY)
		_exit(run->code);
	return run->code;
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct run own = { 0 };
	const struct option_row rows[] = {
		{ "server", 0, OPTION_TEXT, &own.options.server },
		{ "registry", 0, OPTION_TEXT, &own.options.registry },
		{ "token-file", 0, OPTION_TEXT, &own.options.token_file },
		{ "ca-file", 0, OPTION_TEXT, &own.ca_file },
		{ "targets", 0, OPTION_TEXT, &own.options.targets },
		{ "urls", 0, OPTION_TEXT, &own.options.urls },
		{ "rules", 0, OPTION_TEXT, &own.options.rules },
		{ "nodes", 0, OPTION_TEXT, &own.options.nodes },
		{ "prometheus", 0, OPTION_TEXT, &own.options.prometheus },
		{ "mode", 0, OPTION_TEXT, &own.mode },
		{ "queues", 'Q', OPTION_TEXT, &own.queues },
		{ "once", 0, OPTION_FLAG, &own.options.once },
		{ "check", 0, OPTION_FLAG, &own.check },
		{ "log-level", 0, OPTION_TEXT, &own.log_level },
		{ "log-format", 0, OPTION_TEXT, &own.log_format },
	};
	struct options options = { .rows = rows, .n_rows = ARRAY_SIZE(rows) };
	int code;

	from_environment(io, &own);
	if (!options_read(&options, io, &command_worker, argc, argv, &code))
		return code;
	options_fini(&options);
	code = complete(io, &own);
	if (code != EXIT_OK)
		return code;
	return own.check ? worker_check(io, &own.options, own.ca_file)
	                 : run_worker(&own);
}

const struct command command_worker = {
	.name = "worker",
	.group = COMMAND_REGISTRY,
	.arguments = "--registry URL [--server HOST:PORT] [--targets FILE] ...",
	.summary = "hand a Prometheus what a registry has for it",
	.help = help,
	.run = run,
};
