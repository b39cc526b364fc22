/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer targets, rules, urls: what a Prometheus is to read, to stdout or into
 * a file, for those who let cron fetch it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "base/text.h"
#include "command/registry_plan.h"
#include "io/atomic_file.h"

#define PROMETHEUS "http://localhost:9090"
#define MODE       0644
#define MAX_PATH   1024

static const char help[] =
	"Without FILE it goes to stdout. A file is written at once or not at\n"
	"all (a temporary file beside it, then renamed), and left alone if it\n"
	"is as it should be.\n"
	"\n"
	"  --shard NAME       only what is of that shard; default: all, told\n"
	"                     apart by the label __shard\n"
	"  --mode MODE        permissions of the file, octal; default 644\n"
	"  --reload [URL]     then let Prometheus reload its configuration\n"
	"                     (POST /-/reload), also if the file was as it\n"
	"                     should be; default " PROMETHEUS ".\n"
	"                     Only rules need that\n"
	"  --reload-token-file FILE\n"
	"                     a bearer token for that\n";

struct document_options {
	struct client_options client;
	const char *shard;
	const char *mode;
	const char *reload; /* NULL: no; "": the default */
	const char *reload_token_file;
	const char *file;
	const char *kind; /* "targets" */
};

/* --- the file ------------------------------------------------------------- */

struct writing {
	struct atomic_write write;
	bool done;
	bool closed;
};

static void on_written(struct atomic_write *write)
{
	struct writing *writing = container_of(write, struct writing, write);

	writing->done = true;
}

static void on_closed(void *context)
{
	struct writing *writing = context;

	writing->closed = true;
}

/* Is it there, with that text and mode? */
static bool is_same(const char *path, int mode, struct slice text)
{
	struct stat status;
	struct buf old;
	bool same;

	if (stat(path, &status) < 0 ||
	    (status.st_mode & 07777) != (unsigned)mode)
		return false;
	same = atomic_file_read(path, CLIENT_MAX_BODY, &old, NULL) == 0 &&
	       slice_equal(buf_slice(&old), text);
	buf_fini(&old);
	return same;
}

static int write_file(struct client *client, const char *path, int mode,
                      struct buf *text)
{
	struct writing writing = { .done = false };
	struct atomic_file *file;

	if (is_same(path, mode, buf_slice(text)))
		return EXIT_OK;
	(void)umask(0); /* the mode is that which was asked for */
	file = atomic_file_new(&client->loop, path, mode);
	if (!file)
		return command_no_memory(client->io);
	if (atomic_file_write(file, text, &writing.write, on_written) < 0)
		err_set(&writing.write.err, -ENOMEM, "out of memory");
	atomic_file_close(file, on_closed, &writing);
	while (!writing.closed)
		(void)uv_run(&client->loop, UV_RUN_ONCE);
	if (writing.write.err.code == 0)
		return EXIT_OK;
	(void)fprintf(client->io->err, "bouncer: %s\n",
	              writing.write.err.message);
	return EXIT_TROUBLE;
}

/* --- asking --------------------------------------------------------------- */

static int reload(const struct command_io *io,
                  const struct document_options *own)
{
	const struct client_options options = {
		.url = own->reload[0] ? own->reload : PROMETHEUS,
		.token_file = own->reload_token_file,
		.timeout_ms = own->client.timeout_ms,
		.foreign = true,
		.token_option = "--reload-token-file",
	};
	struct client_call call = { .method = "POST",
		                    .target = slice_from("/-/reload") };
	struct client *client;
	int code = client_open(&client, io, &options, CLIENT_GATE);

	if (code != EXIT_OK)
		return code;
	client_exchange(client, &call);
	code = client_complain(client, &call, NULL);
	client_call_fini(&call);
	return client_close(client, code);
}

static int print_path(const struct document_options *own, struct buf *path)
{
	(void)buf_puts(path, "/sd/");
	if (own->shard) {
		text_escape_url(path, slice_from(own->shard));
		(void)buf_putc(path, '/');
	}
	return buf_puts(path, own->kind);
}

static int fetch(const struct command_io *io,
                 const struct document_options *own, int mode)
{
	struct client_call call = { 0 };
	struct client *client;
	struct buf path;
	int code = client_open(&client, io, &own->client, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	buf_init(&path, MAX_PATH);
	if (print_path(own, &path) < 0) {
		(void)fprintf(io->err, "bouncer: the shard's name is too "
		                       "long\n");
		code = EXIT_USAGE;
	} else {
		call.target = buf_slice(&path);
		code = registry_fetch(client, &call);
	}
	if (code == EXIT_OK && own->file) {
		code = write_file(client, own->file, mode, &call.reply);
	} else if (code == EXIT_OK) {
		(void)fwrite(buf_text(&call.reply), 1, call.reply.n, io->out);
		code = command_finish(io);
	}
	client_call_fini(&call);
	buf_fini(&path);
	code = client_close(client, code);
	return code == EXIT_OK && own->reload ? reload(io, own) : code;
}

/* --- the commands --------------------------------------------------------- */

static bool read_mode(const struct command_io *io, const char *text, int *modep)
{
	char *end;
	long mode;

	if (!text)
		return true;
	mode = strtol(text, &end, 8);
	if (*text >= '0' && *text <= '7' && !*end && mode <= 0777) {
		*modep = (int)mode;
		return true;
	}
	(void)fprintf(io->err,
	              "bouncer: --mode: %.32s is no mode; write it as 644\n",
	              text);
	return false;
}

static int run(const struct command *command, const char *kind,
               const struct command_io *io, int argc, char *const *argv)
{
	struct document_options own = { .kind = kind };
	const struct option_row rows[] = {
		{ "shard", 0, OPTION_TEXT, &own.shard },
		{ "mode", 0, OPTION_TEXT, &own.mode },
		{ "reload", 0, OPTION_SERVER, &own.reload },
		{ "reload-token-file", 0, OPTION_TEXT, &own.reload_token_file },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .max_words = 1 };
	int mode = MODE;
	int code;

	if (!options_read(&options, io, command, argc, argv, &code))
		return code;
	own.file = options.words[0];
	code = read_mode(io, own.mode, &mode) ? EXIT_OK : EXIT_USAGE;
	if (code == EXIT_OK && own.reload && !own.file) {
		(void)fprintf(io->err, "bouncer: --reload needs a FILE that "
		                       "Prometheus reads\n");
		code = EXIT_USAGE;
	}
	options_fini(&options);
	return code == EXIT_OK ? fetch(io, &own, mode) : code;
}

static int run_targets(const struct command_io *io, int argc, char *const *argv)
{
	return run(&command_targets, "targets", io, argc, argv);
}

static int run_rules(const struct command_io *io, int argc, char *const *argv)
{
	return run(&command_rules, "rules", io, argc, argv);
}

static int run_urls(const struct command_io *io, int argc, char *const *argv)
{
	return run(&command_urls, "urls", io, argc, argv);
}

#define DOCUMENT_COMMAND(what, words)                                        \
	{                                                                    \
		.name = #what, .alias = "export-" #what,                     \
		.group = COMMAND_REGISTRY,                                   \
		.arguments = "[--shard NAME] [--mode MODE] "                 \
			     "[--reload [URL]] [FILE]",                      \
		.summary = words, .help = help, .more = client_control_help, \
		.run = run_##what,                                           \
	}

const struct command command_targets =
	DOCUMENT_COMMAND(targets, "the targets, as a file for file_sd");
const struct command command_rules =
	DOCUMENT_COMMAND(rules, "the rules, as a rule file");
const struct command command_urls =
	DOCUMENT_COMMAND(urls, "what the blackbox exporter probes");
