/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer register-server, -exporter, -host, -job: one object more, with the
 * arguments and the words of Promgen's commands.
 */
#include "base/number.h"
#include "command/registry_plan.h"

#define MAX_BODY 16384
#define PATH     "/registry/apply?partial=1"

struct registering {
	const struct command_io *io;
	struct client_options client;
	struct json_writer json;
	struct buf body;
	struct client_call call;
};

/* --- asking --------------------------------------------------------------- */

static void put(struct registering *own, const char *key, const char *text)
{
	json_write_key(&own->json, key);
	json_write_string(&own->json, text);
}

/* A list with one object in it, that is to be filled. */
static void open_list(struct registering *own, const char *key)
{
	json_write_key(&own->json, key);
	json_write_array(&own->json);
	json_write_object(&own->json);
}

static void close_list(struct registering *own)
{
	json_write_object_end(&own->json);
	json_write_array_end(&own->json);
}

/* False: said what is wrong. */
static bool put_port(struct registering *own, const char *text)
{
	uint64_t port;

	if (number_parse_u64(slice_from(text), &port) < 0 || port < 1 ||
	    port > 65535) {
		(void)fprintf(own->io->err,
		              "bouncer: %.64s is no port; use 1 to 65535\n",
		              text);
		return false;
	}
	json_write_key(&own->json, "port");
	json_write_u64(&own->json, port);
	return true;
}

static void begin(struct registering *own)
{
	buf_init(&own->body, MAX_BODY);
	json_write_init(&own->json, &own->body);
	json_write_object(&own->json);
}

/* Sends it and lets @say say what came of it. What to exit with. */
static int ask(struct registering *own, bool good, const char *const *words,
               void (*say)(const struct registering *own,
                           const char *const *words))
{
	struct client *client = NULL;
	int code = EXIT_USAGE;

	json_write_object_end(&own->json);
	if (good && own->body.failed) {
		(void)fprintf(own->io->err,
		              "bouncer: the arguments are too long\n");
		good = false;
	}
	if (good)
		code = client_open(&client, own->io, &own->client,
		                   CLIENT_CONTROL);
	if (client)
		code = plan_post(client, &own->client, PATH,
		                 buf_slice(&own->body), NULL, &own->call);
	if (client && code == EXIT_OK) {
		if (own->client.json)
			plan_print(own->io, &own->client, &own->call);
		else
			say(own, words);
		code = command_finish(own->io);
	}
	client_call_fini(&own->call);
	buf_fini(&own->body);
	return client_close(client, code);
}

#define CLIENT_ROWS(own)                                 \
	{ "json", 0, OPTION_FLAG, &(own)->client.json }, \
		CLIENT_CONTROL_ROWS(&(own)->client)

/* --- register-server ------------------------------------------------------ */

static void say_server(const struct registering *own, const char *const *words)
{
	const struct json_t *shard = plan_change(&own->call, "shard");
	const struct json_t *server = plan_change(&own->call, "server");
	const char *name = json_as_string(json_get(server, "name"));
	FILE *out = own->io->out;

	if (plan_is(shard, "+"))
		(void)fprintf(out, "Created shard %s\n", words[0]);
	if (plan_is(server, "+"))
		(void)fprintf(out, "Created %s on %s\n", name, words[0]);
	else if (plan_is(server, "~"))
		(void)fprintf(out, "Moved %s from %s to %s\n", name,
		              json_as_string(json_get(server, "in")), words[0]);
	else
		(void)fprintf(out, "Found existing %s:%s on %s\n", words[1],
		              words[2], words[0]);
}

static int run_server(const struct command_io *io, int argc, char *const *argv)
{
	struct registering own = { .io = io };
	const struct option_row rows[] = { CLIENT_ROWS(&own) };
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 3,
		                   .max_words = 3 };
	bool good;
	int code;

	if (!options_read(&options, io, &command_register_server, argc, argv,
	                  &code))
		return code;
	begin(&own);
	open_list(&own, "shards");
	put(&own, "name", options.words[0]);
	open_list(&own, "servers");
	put(&own, "host", options.words[1]);
	good = put_port(&own, options.words[2]);
	close_list(&own);
	close_list(&own);
	code = ask(&own, good, options.words, say_server);
	options_fini(&options);
	return code;
}

const struct command command_register_server = {
	.name = "register-server",
	.group = COMMAND_REGISTRY,
	.arguments = "SHARD HOST PORT",
	.summary = "a Prometheus of a shard; made if need be, or moved",
	.help = "Registers a Prometheus server with a shard, which is made if "
		"it is not there. One\nthat is known by its host and port "
		"moves to that shard.\n",
	.more = client_control_help,
	.run = run_server,
};

/* --- register-exporter ---------------------------------------------------- */

static void say_exporter(const struct registering *own,
                         const char *const *words)
{
	bool made = plan_is(plan_change(&own->call, "default_exporter"), "+");

	(void)fprintf(own->io->out, "%s %s:%s%s\n",
	              made ? "Created" : "Already exists", words[0], words[1],
	              words[2] ? words[2] : "");
}

static int run_exporter(const struct command_io *io, int argc,
                        char *const *argv)
{
	struct registering own = { .io = io };
	const struct option_row rows[] = { CLIENT_ROWS(&own) };
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 2,
		                   .max_words = 3 };
	bool good;
	int code;

	if (!options_read(&options, io, &command_register_exporter, argc, argv,
	                  &code))
		return code;
	begin(&own);
	open_list(&own, "default_exporters");
	put(&own, "job", options.words[0]);
	good = put_port(&own, options.words[1]);
	if (options.words[2])
		put(&own, "path", options.words[2]);
	close_list(&own);
	code = ask(&own, good, options.words, say_exporter);
	options_fini(&options);
	return code;
}

const struct command command_register_exporter = {
	.name = "register-exporter",
	.group = COMMAND_REGISTRY,
	.arguments = "JOB PORT [PATH]",
	.summary = "a template of exporters",
	.help = "Registers a default exporter, a template that projects are "
		"offered.\n",
	.more = client_control_help,
	.run = run_exporter,
};

/* --- register-host -------------------------------------------------------- */

static void say_host(const struct registering *own, const char *const *words)
{
	bool made = plan_is(plan_change(&own->call, "host"), "+");

	(void)words;
	(void)fprintf(own->io->out, "%s host\n",
	              made ? "Registered" : "Found existing");
}

static int run_host(const struct command_io *io, int argc, char *const *argv)
{
	struct registering own = { .io = io };
	const struct option_row rows[] = { CLIENT_ROWS(&own) };
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 2,
		                   .max_words = 2 };
	int code;

	if (!options_read(&options, io, &command_register_host, argc, argv,
	                  &code))
		return code;
	begin(&own);
	open_list(&own, "projects");
	put(&own, "name", options.words[0]);
	json_write_key(&own.json, "farm");
	json_write_object(&own.json);
	open_list(&own, "hosts");
	put(&own, "name", options.words[1]);
	close_list(&own);
	json_write_object_end(&own.json);
	close_list(&own);
	code = ask(&own, true, options.words, say_host);
	options_fini(&options);
	return code;
}

const struct command command_register_host = {
	.name = "register-host",
	.group = COMMAND_REGISTRY,
	.arguments = "PROJECT HOST",
	.summary = "a host of a project",
	.help = "Registers a host with the farm of a project. A project that "
		"has no farm gets one\nof its own name.\n",
	.more = client_control_help,
	.run = run_host,
};

/* --- register-job --------------------------------------------------------- */

static void say_job(const struct registering *own, const char *const *words)
{
	const struct json_t *exporter = plan_change(&own->call, "exporter");
	const char *said = "Found existing";

	(void)words;
	if (plan_is(exporter, "+"))
		said = "Registered";
	else if (exporter)
		said = "Changed";
	(void)fprintf(own->io->out, "%s job\n", said);
}

static int run_job(const struct command_io *io, int argc, char *const *argv)
{
	struct registering own = { .io = io };
	bool enabled = false;
	bool disabled = false;
	const struct option_row rows[] = {
		{ "enabled", 0, OPTION_FLAG, &enabled },
		{ "disabled", 0, OPTION_FLAG, &disabled },
		CLIENT_ROWS(&own),
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .min_words = 3,
		                   .max_words = 4 };
	bool good;
	int code;

	if (!options_read(&options, io, &command_register_job, argc, argv,
	                  &code))
		return code;
	begin(&own);
	open_list(&own, "projects");
	put(&own, "name", options.words[0]);
	open_list(&own, "exporters");
	put(&own, "job", options.words[1]);
	good = put_port(&own, options.words[2]);
	if (options.words[3])
		put(&own, "path", options.words[3]);
	if (enabled || disabled) {
		json_write_key(&own.json, "enabled");
		json_write_bool(&own.json, enabled);
	}
	close_list(&own);
	close_list(&own);
	if (good && enabled && disabled) {
		(void)fprintf(io->err, "bouncer: --enabled and --disabled "
		                       "exclude each other\n");
		good = false;
	}
	code = ask(&own, good, options.words, say_job);
	options_fini(&options);
	return code;
}

const struct command command_register_job = {
	.name = "register-job",
	.group = COMMAND_REGISTRY,
	.arguments = "[--enabled | --disabled] PROJECT JOB PORT [PATH]",
	.summary = "an exporter of a project",
	.help = "Registers an exporter on all hosts of a project. It is "
		"scraped from then on, where\nPromgen's command leaves it "
		"switched off unless --enabled.\n"
		"\n"
		"  --enabled          switch on one that is there, too\n"
		"  --disabled         do not scrape it\n",
	.more = client_control_help,
	.run = run_job,
};
