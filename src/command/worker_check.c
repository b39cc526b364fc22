/* SPDX-License-Identifier: Apache-2.0 */
#include "command/worker.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/text.h"
#include "command/client.h"
#include "registry/worker/wanted.h"

#define MAX_PATH_BYTES 4096

struct check {
	const struct command_io *io;
	const struct worker_options *options;
	const char *ca_file;
	int code; /* the first that is not EXIT_OK */
};

static void good(const struct check *check, const char *what,
                 const char *detail)
{
	(void)fprintf(check->io->out, "ok    %s%s%s\n", what,
	              *detail ? ": " : "", detail);
}

static void bad(struct check *check, int code, const char *what,
                const char *why)
{
	(void)fprintf(check->io->out, "wrong %s: %s\n", what, why);
	if (check->code == EXIT_OK)
		check->code = code;
}

/* Without user and password. */
static const char *shown(const char *url)
{
	const char *at = strrchr(url, '@');

	return at ? at + 1 : url;
}

/* --- files ------------------------------------------------------------------- */

static void check_directory(struct check *check, const char *path,
                            const char *what)
{
	if (access(path, W_OK | X_OK) == 0)
		good(check, what, path);
	else
		bad(check, EXIT_TROUBLE, path, err_text(-errno));
}

static void check_file(struct check *check, const char *path, const char *what)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	char directory[MAX_PATH_BYTES] = ".";
	size_t n;

	if (!path)
		return;
	n = slash == path ? 1 : (size_t)(slash ? slash - path : 0);
	if (n >= sizeof(directory)) {
		bad(check, EXIT_USAGE, what, "its path is too long");
		return;
	}
	if (n > 0) {
		memcpy(directory, path, n);
		directory[n] = '\0';
	}
	check_directory(check, directory, what);
}

/* --- the registry --------------------------------------------------------------- */

static void judge_registry(struct check *check, const struct client_call *call)
{
	struct wanted wanted;
	struct err err;

	if (wanted_parse(buf_slice(&call->reply), &wanted, &err) < 0)
		bad(check, EXIT_TROUBLE, shown(check->options->registry),
		    err.message);
	else
		good(check, "the registry knows this server, of shard",
		     wanted.shard);
}

static void check_registry(struct check *check)
{
	const struct client_options options = {
		.url = check->options->registry,
		.token_file = check->options->token_file,
		.ca_file = check->ca_file,
	};
	struct client_call call = { 0 };
	struct client *client;
	struct buf path;
	int code = client_open(&client, check->io, &options, CLIENT_CONTROL);

	if (code != EXIT_OK) {
		bad(check, code, shown(check->options->registry),
		    "cannot be asked");
		return;
	}
	buf_init(&path, HTTP_MAX_TARGET);
	(void)buf_puts(&path, "/worker/poll?server=");
	text_escape_url(&path, slice_from(check->options->server));
	call.target = buf_slice(&path);
	client_exchange(client, &call);
	code = client_complain(client, &call, NULL);
	if (code == EXIT_OK)
		judge_registry(check, &call);
	else
		bad(check, code, shown(check->options->registry),
		    "does not hand this server anything");
	client_call_fini(&call);
	buf_fini(&path);
	(void)client_close(client, code);
}

/* --- Prometheus -------------------------------------------------------------------- */

static void judge_prometheus(struct check *check, const char *url,
                             const struct json_t *root)
{
	const struct json_t *flags = json_get(root, "data");
	const char *value =
		json_as_string(json_get(flags, "web.enable-lifecycle"));

	if (strcmp(value, "true") == 0)
		good(check, "Prometheus lets itself be reloaded", shown(url));
	else
		bad(check, EXIT_TROUBLE, shown(url),
		    "cannot be reloaded: start it with "
		    "--web.enable-lifecycle");
}

/* Only rules need it. */
static void check_prometheus(struct check *check)
{
	const char *url = check->options->prometheus;
	/* the token of the environment is the registry's */
	struct client_options options = {
		.ca_file = check->ca_file,
		.foreign = true,
	};
	struct client_call call = { 0 };
	struct client *client;
	struct buf text;
	int code;

	if (!check->options->rules)
		return;
	buf_init(&text, URL_MAX_LENGTH);
	(void)buf_printf(&text, "http://%s", check->options->server);
	options.url = url ? url : buf_text(&text);
	code = client_open(&client, check->io, &options, CLIENT_GATE);
	if (code == EXIT_OK) {
		call.target = slice_from("/api/v1/status/flags");
		code = client_ask(client, &call, NULL);
		if (code == EXIT_OK)
			judge_prometheus(check, options.url, call.root);
		client_call_fini(&call);
		(void)client_close(client, code);
	}
	if (code != EXIT_OK)
		bad(check, code, shown(options.url), "cannot be asked");
	buf_fini(&text);
}

int worker_check(const struct command_io *io,
                 const struct worker_options *options, const char *ca_file)
{
	struct check check = {
		.io = io,
		.options = options,
		.ca_file = ca_file,
	};
	int code;

	check_file(&check, options->targets, "targets");
	check_file(&check, options->urls, "URLs");
	check_file(&check, options->rules, "rules");
	if (options->nodes)
		check_directory(&check, options->nodes, "nodes");
	check_registry(&check);
	check_prometheus(&check);
	code = command_finish(io);
	return check.code != EXIT_OK ? check.code : code;
}
