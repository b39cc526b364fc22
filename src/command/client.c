/* SPDX-License-Identifier: Apache-2.0 */
#include "command/client.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/base64.h"
#include "base/mem.h"
#include "base/text.h"

#define CLIENT_PORT        9090
#define CLIENT_MAX_NAMES   10000 /* among which a nearest one is looked for */
#define CLIENT_PRINT_MAX   (1 << 20)
#define CLIENT_SHOWN_REPLY 200 /* bytes of an answer that makes no sense */

const char client_control_help[] =
	"  --socket PATH      the control socket; default $BOUNCER_CONTROL,\n"
	"                     $RUNTIME_DIRECTORY/control.sock, then\n"
	"                     " CLIENT_SOCKET "\n"
	"  --url URL          instead: its addr; also $BOUNCER_URL\n"
	"  --token-file FILE  for --url; also $BOUNCER_TOKEN_FILE\n"
	"  --timeout TIME     for an answer; default 10s\n";

const char client_gate_help[] =
	"  --url URL          the gateway; default $BOUNCER_URL, then\n"
	"                     " CLIENT_GATEWAY "\n"
	"  --token-file FILE  holds a token; also $BOUNCER_TOKEN_FILE\n"
	"  --user-file FILE   holds user:password\n"
	"  --timeout TIME     for an answer; default 10s\n";

/* --- opening -------------------------------------------------------------- */

static int usage(const struct command_io *io, const struct err *err)
{
	(void)fprintf(io->err, "bouncer: %s\n", err->message);
	return EXIT_USAGE;
}

/* The first line of a file. */
static int read_secret(const char *path, struct buf *secret, struct err *err)
{
	char line[CLIENT_MAX_SECRET + 2];
	FILE *file = fopen(path, "re");
	size_t n;

	if (!file)
		return err_set_code(err, -errno, "%s", path);
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	(void)fclose(file);
	n = strcspn(line, "\r\n");
	if (n == 0)
		return err_set(err, -EINVAL, "%s: its first line is empty",
		               path);
	if (n > CLIENT_MAX_SECRET)
		return err_set(err, -EINVAL, "%s: its first line is too long",
		               path);
	return buf_append(secret, line, n);
}

static int read_authorization(struct client *client,
                              const struct client_options *options,
                              struct err *err)
{
	struct buf *value = &client->authorization;
	const char *token = options->token_file;
	struct buf user;
	int r;

	if (!token && !options->user_file && !options->foreign)
		token = command_env(client->io, "BOUNCER_TOKEN_FILE");
	if (!token && !options->user_file)
		return 0;
	if (token && options->user_file)
		return err_set(err, -EINVAL,
		               "--token-file and --user-file exclude each "
		               "other");
	if (token) {
		(void)buf_printf(value, "%s ",
		                 options->scheme ? options->scheme : "Bearer");
		return read_secret(token, value, err);
	}
	buf_init(&user, CLIENT_MAX_SECRET);
	(void)buf_puts(value, "Basic ");
	r = read_secret(options->user_file, &user, err);
	if (r == 0)
		r = base64_encode(value, buf_slice(&user));
	buf_fini(&user);
	return r;
}

/* $RUNTIME_DIRECTORY may hold several, with colons between. */
static const char *default_socket(struct client *client)
{
	const char *directory = command_env(client->io, "RUNTIME_DIRECTORY");

	if (!directory)
		return CLIENT_SOCKET;
	(void)buf_printf(&client->address, "%.*s/control.sock",
	                 (int)strcspn(directory, ":"), directory);
	return buf_text(&client->address);
}

/* A path as it is typed may be relative; an address may not. */
static const char *named_socket(struct client *client, const char *socket)
{
	char directory[PATH_MAX];
	size_t size = sizeof(directory);

	if (!socket || socket[0] == '/' || strchr(socket, ':') ||
	    uv_cwd(directory, &size) < 0)
		return socket;
	(void)buf_printf(&client->address, "%s/%s", directory, socket);
	return buf_text(&client->address);
}

static int choose_address(struct client *client,
                          const struct client_options *options,
                          enum client_kind kind, struct err *err)
{
	const char *address = options->url
	                              ? options->url
	                              : named_socket(client, options->socket);
	int r;

	if (options->url && options->socket)
		return err_set(err, -EINVAL,
		               "--url and --socket exclude each other");
	if (!address && kind == CLIENT_CONTROL)
		address = command_env(client->io, "BOUNCER_CONTROL");
	if (!address)
		address = command_env(client->io, "BOUNCER_URL");
	if (!address)
		address = kind == CLIENT_CONTROL ? default_socket(client)
		                                 : CLIENT_GATEWAY;
	if (client->address.failed)
		return client->address.failed;
	r = url_parse(slice_from(address), CLIENT_PORT, &client->url, err);
	if (r < 0) /* a password may be in it */
		err_wrap(err, "%.128s",
		         strchr(address, '@') ? "the address" : address);
	return r;
}

static int client_begin(struct client *client)
{
	int r = uv_loop_init(&client->loop);

	if (r < 0)
		return r;
	client->http = http_client_new(&client->loop, NULL);
	if (!client->http) {
		(void)uv_loop_close(&client->loop);
		return -ENOMEM;
	}
	return 0;
}

static void client_free(struct client *client)
{
	buf_fini(&client->address);
	buf_fini(&client->authorization);
	mem_free(client);
}

int client_open(struct client **clientp, const struct command_io *io,
                const struct client_options *options, enum client_kind kind)
{
	const struct tls_options tls = { .ca = options->ca_file };
	struct client *client = mem_calloc(1, sizeof(*client));
	struct err err;
	int r;

	if (!client)
		return command_no_memory(io);
	/* a peer that hangs up is an error of a write, not the end of us */
	(void)signal(SIGPIPE, SIG_IGN);
	client->io = io;
	client->token_option =
		options->token_option ? options->token_option : "--token-file";
	client->timeout_ms =
		options->timeout_ms ? options->timeout_ms : CLIENT_TIMEOUT_MS;
	buf_init(&client->address, URL_MAX_LENGTH);
	buf_init(&client->authorization, 2 * CLIENT_MAX_SECRET);

	err_clear(&err);
	r = choose_address(client, options, kind, &err);
	if (r == 0)
		r = read_authorization(client, options, &err);
	if (r == 0)
		r = client_begin(client);
	if (r == 0 && http_client_set_tls(client->http, &tls) < 0)
		return client_close(client, command_no_memory(io));
	if (r == 0) {
		*clientp = client;
		return 0;
	}
	client_free(client);
	return r == -ENOMEM || !err.message[0] ? command_no_memory(io)
	                                       : usage(io, &err);
}

static void on_closed(void *context)
{
	struct client *client = context;

	client->closed = true;
}

int client_close(struct client *client, int code)
{
	if (!client)
		return code;
	http_client_close(client->http, on_closed, client);
	while (!client->closed)
		(void)uv_run(&client->loop, UV_RUN_ONCE);
	if (uv_loop_close(&client->loop) < 0) {
		/* exit() would wait for the thread that looks a name up */
		(void)fflush(client->io->out);
		(void)fflush(client->io->err);
		_Exit(code);
	}
	client_free(client);
	return code;
}

/* --- an exchange ---------------------------------------------------------- */

static int on_body(struct http_call *http, struct slice bytes)
{
	struct client_call *call = container_of(http, struct client_call, http);

	if (call->on_body && http->status == 200)
		return call->on_body(call, bytes);
	return buf_append(&call->reply, bytes.p, bytes.n);
}

static void on_done(struct http_call *http)
{
	struct client_call *call = container_of(http, struct client_call, http);

	call->done = true;
}

void client_exchange(struct client *client, struct client_call *call)
{
	const char *type = call->content_type;
	struct http_header headers[2];
	size_t n = 0;

	if (client->authorization.n)
		headers[n++] = (struct http_header){
			slice_from("Authorization"),
			buf_slice(&client->authorization)
		};
	if (call->body.n)
		headers[n++] = (struct http_header){
			slice_from("Content-Type"),
			slice_from(type ? type : "application/json")
		};
	buf_init(&call->reply, CLIENT_MAX_BODY);
	call->done = false;
	call->http = (struct http_call){
		.url = client->url,
		.method = call->method ? call->method : "GET",
		.target = call->target,
		.headers = headers,
		.n_headers = n,
		.body = call->body,
		.timeout_ms = call->timeout_ms ? call->timeout_ms
		                               : client->timeout_ms,
		.idle_timeout_ms = call->idle_timeout_ms,
		.max_body = call->on_body ? UINT64_MAX : CLIENT_MAX_BODY,
		.on_body = on_body,
	};
	if (http_client_call(client->http, &call->http, on_done) == 0) {
		client->running = &call->http;
		while (!call->done)
			(void)uv_run(&client->loop, UV_RUN_ONCE);
		client->running = NULL;
	}
	call->status = call->http.status;
	call->err = call->http.err;
}

void client_cancel(struct client *client)
{
	if (client->running)
		http_call_cancel(client->running);
}

void client_call_fini(struct client_call *call)
{
	json_free(call->root);
	call->root = NULL;
	buf_fini(&call->reply);
}

struct wait {
	uv_timer_t timer;
	bool over;
};

static void on_wait_closed(uv_handle_t *handle)
{
	struct wait *wait =
		container_of((uv_timer_t *)handle, struct wait, timer);

	wait->over = true;
}

static void on_wait_over(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_wait_closed);
}

void client_wait(struct client *client, uint64_t ms)
{
	struct wait wait = { .over = false };

	if (uv_timer_init(&client->loop, &wait.timer) < 0)
		return;
	(void)uv_timer_start(&wait.timer, on_wait_over, ms, 0);
	while (!wait.over)
		(void)uv_run(&client->loop, UV_RUN_ONCE);
}

/* --- what came of it ------------------------------------------------------ */

void client_print(FILE *out, struct slice text)
{
	struct buf safe;

	buf_init(&safe, CLIENT_PRINT_MAX);
	text_escape_plain(&safe, text);
	(void)fputs(buf_text(&safe), out);
	buf_fini(&safe);
}

void client_print_lines(FILE *out, const struct json_t *lines)
{
	for (size_t i = 0; i < json_count(lines); i++) {
		client_print(out, json_as_text(json_item(lines, i)));
		(void)fputc('\n', out);
	}
}

static int complain_unreachable(const struct client *client,
                                const struct err *err)
{
	const char *hint = "";

	if (err->code == -ENOMEM)
		return command_no_memory(client->io);
	if (client->url.scheme == URL_UNIX && err->code == -EACCES)
		hint = "; the socket is for root and the members of its "
		       "group (control_group)";
	else if (client->url.scheme == URL_UNIX &&
	         (err->code == -ENOENT || err->code == -ECONNREFUSED))
		hint = "; is the daemon running? --socket PATH or --url URL "
		       "name another";
	(void)fputs("bouncer: ", client->io->err);
	client_print(client->io->err, slice_from(err->message));
	(void)fprintf(client->io->err, "%s\n", hint);
	return err->code == -EINVAL ? EXIT_USAGE : EXIT_UNREACHABLE;
}

/* The error of an answer in JSON, else its first line. */
static void print_reason(const struct client *client,
                         const struct client_call *call)
{
	FILE *out = client->io->err;
	struct slice text = buf_slice(&call->reply);
	struct json_t *root = NULL;
	char origin[URL_ORIGIN_MAX];
	struct slice reason;

	if (json_parse(text, &root, NULL) < 0)
		root = NULL;
	reason = json_as_text(json_get(root, "error"));
	(void)fputs("bouncer: ", out);
	if (reason.p) {
		client_print(out, reason);
	} else {
		text.n = MIN(strcspn(buf_text(&call->reply), "\r\n"),
		             (size_t)CLIENT_SHOWN_REPLY);
		(void)fprintf(out, "%s answered %u %s%s",
		              url_origin(&client->url, origin), call->status,
		              http_status_text(call->status),
		              text.n ? ": " : "");
		client_print(out, text);
	}
	if (call->status == 401)
		(void)fprintf(out, "; %s FILE names one", client->token_option);
	(void)fputc('\n', out);
	client_print_lines(out, json_get(root, "problems"));
	json_free(root);
}

static const char *nearest_name(const struct json_t *monitors, const char *name)
{
	size_t n = MIN(json_count(monitors), (size_t)CLIENT_MAX_NAMES);
	const char **names = n ? mem_calloc(n, sizeof(*names)) : NULL;
	const char *nearest = NULL;

	for (size_t i = 0; names && i < n; i++) {
		struct slice text =
			json_as_text(json_get(json_item(monitors, i), "name"));

		names[i] = text.p ? text.p : "";
	}
	if (names)
		nearest = text_nearest(slice_from(name), names, n);
	mem_free(names);
	return nearest;
}

/* @refusal: the answer, which also serves if there is no list of names. */
static void print_unknown(struct client *client,
                          const struct client_call *refusal, const char *name)
{
	struct client_call call = { .target = slice_from("/api/v1/monitors") };
	FILE *out = client->io->err;
	const char *nearest;

	client_exchange(client, &call);
	if (call.status != 200 || call.err.code != 0 ||
	    json_parse(buf_slice(&call.reply), &call.root, NULL) < 0) {
		print_reason(client, refusal);
		client_call_fini(&call);
		return;
	}
	nearest = nearest_name(json_get(call.root, "monitors"), name);
	(void)fprintf(out, "bouncer: no monitor is called ");
	client_print(out, slice_from(name));
	(void)fputs(nearest ? "; did you mean " : "; see bouncer status", out);
	client_print(out, slice_from(nearest));
	(void)fputs(nearest ? "?\n" : "\n", out);
	client_call_fini(&call);
}

int client_complain(struct client *client, struct client_call *call,
                    const char *monitor)
{
	if (call->err.code != 0)
		return complain_unreachable(client, &call->err);
	if (call->status / 100 == 2)
		return EXIT_OK;
	if (call->status == 404 && monitor)
		print_unknown(client, call, monitor);
	else
		print_reason(client, call);
	return call->status / 100 == 4 ? EXIT_REFUSED : EXIT_TROUBLE;
}

static bool starts_as_object(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '{';
}

int client_ask(struct client *client, struct client_call *call,
               const char *monitor)
{
	struct err err;
	int code;
	int r;

	client_exchange(client, call);
	code = client_complain(client, call, monitor);
	if (code != EXIT_OK)
		return code;
	r = json_parse(buf_slice(&call->reply), &call->root, &err);
	if (r == 0 && starts_as_object(buf_text(&call->reply)))
		return EXIT_OK;
	if (r == -ENOMEM)
		return command_no_memory(client->io);
	(void)fprintf(client->io->err,
	              "bouncer: what answers is no daemon of ours, or a newer "
	              "one: %s\n",
	              r < 0 ? err.message : "the answer is no JSON object");
	return EXIT_TROUBLE;
}

void client_monitor_path(struct buf *path, const char *monitor,
                         const char *rest)
{
	(void)buf_puts(path, "/api/v1/monitors/");
	text_escape_url(path, slice_from(monitor));
	(void)buf_puts(path, rest);
}

struct client_covered client_covered(const struct json_t *answer)
{
	/* one that does not say what it covers has containers */
	static const char *const nouns[][2] = { { "containers", "container" },
		                                { "series", "series" },
		                                { "alerts", "alert" } };
	struct slice said = json_as_text(json_get(answer, "covers"));
	size_t which = 0;

	for (size_t i = 0; i < ARRAY_SIZE(nouns) && said.p; i++) {
		if (slice_is(said, nouns[i][0]))
			which = i;
	}
	return (struct client_covered){
		.noun = nouns[which][0],
		.one = nouns[which][1],
		.n = json_as_int(json_get(answer, nouns[which][0]), 0),
	};
}
