/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer registry stock-rules and alertmanager-config: what everybody wants
 * at the beginning. The second asks nobody, nor does the first with --print.
 */
#include "command/registry_plan.h"

#include "registry/model/stock_rules.h"

#define HTTP_PORT  80 /* of an address that names none */
#define MAX_TEXT   65536
#define MAX_REPEAT 32

struct stock {
	struct client_options client;
	struct stock_options rules;
	uint64_t cpu;
	bool print;
	bool dry_run;
};

/* --- stock-rules ------------------------------------------------------------- */

static int write_request(const struct stock *own, struct buf *body)
{
	struct json_writer json;
	struct buf document;

	buf_init(&document, MAX_TEXT);
	stock_write_document(&own->rules, &document);
	json_write_init(&json, body);
	json_write_object(&json);
	json_write_key(&json, "files");
	json_write_array(&json);
	json_write_object(&json);
	json_write_key(&json, "name");
	json_write_string(&json, "stock rules");
	json_write_key(&json, "text");
	json_write_slice(&json, buf_slice(&document));
	json_write_object_end(&json);
	json_write_array_end(&json);
	json_write_object_end(&json);
	if (document.failed)
		body->failed = document.failed;
	buf_fini(&document);
	return body->failed;
}

static int apply(const struct command_io *io, const struct stock *own)
{
	struct client_call call = { 0 };
	struct client *client;
	struct buf body;
	int code = client_open(&client, io, &own->client, CLIENT_CONTROL);

	if (code != EXIT_OK)
		return code;
	buf_init(&body, 2 * MAX_TEXT);
	if (write_request(own, &body) < 0)
		code = command_no_memory(io);
	else
		code = plan_post(client, &own->client,
		                 own->dry_run ? "/registry/apply?dry_run=1"
		                              : "/registry/apply",
		                 buf_slice(&body), NULL, &call);
	if (code == EXIT_OK) {
		plan_print(io, &own->client, &call);
		code = command_finish(io);
	}
	client_call_fini(&call);
	buf_fini(&body);
	return client_close(client, code);
}

static int print_text(const struct command_io *io, const struct buf *text)
{
	if (text->failed)
		return command_no_memory(io);
	(void)fputs(buf_text(text), io->out);
	return command_finish(io);
}

static int print_rules(const struct command_io *io, const struct stock *own)
{
	struct buf text;
	int code;

	buf_init(&text, MAX_TEXT);
	stock_write_rules(&own->rules, &text);
	code = print_text(io, &text);
	buf_fini(&text);
	return code;
}

static int act(const struct command_io *io, struct stock *own)
{
	struct err err = { 0 };

	own->rules.cpu = (double)own->cpu;
	if (stock_check(&own->rules, &err) < 0) {
		(void)fprintf(io->err, "bouncer: %s\n", err.message);
		return EXIT_USAGE;
	}
	return own->print ? print_rules(io, own) : apply(io, own);
}

static int run_stock(const struct command_io *io, int argc, char *const *argv)
{
	struct stock own = { .rules = stock_defaults,
		             .cpu = (uint64_t)stock_defaults.cpu };
	const struct option_row rows[] = {
		{ "cpu", 0, OPTION_NUMBER, &own.cpu },
		{ "cpu-minutes", 0, OPTION_NUMBER, &own.rules.cpu_minutes },
		{ "memory-mb", 0, OPTION_NUMBER, &own.rules.memory_mb },
		{ "memory-minutes", 0, OPTION_NUMBER,
		  &own.rules.memory_minutes },
		{ "down-minutes", 0, OPTION_NUMBER, &own.rules.down_minutes },
		{ "disk-minutes", 0, OPTION_NUMBER, &own.rules.disk_minutes },
		{ "job", 0, OPTION_TEXT, &own.rules.job },
		{ "exclude-fstype", 0, OPTION_TEXT, &own.rules.filesystems },
		{ "exclude-mount", 0, OPTION_TEXT, &own.rules.mounts },
		{ "print", 0, OPTION_FLAG, &own.print },
		{ "dry-run", 'n', OPTION_FLAG, &own.dry_run },
		{ "json", 0, OPTION_FLAG, &own.client.json },
		CLIENT_CONTROL_ROWS(&own.client),
	};
	struct options options = { .rows = rows, .n_rows = ARRAY_SIZE(rows) };
	int code;

	if (!registry_options(&options, io, &registry_command_stock_rules, argc,
	                      argv, &code))
		return code;
	code = act(io, &own);
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_stock_rules = {
	.name = "stock-rules",
	.arguments = "[--cpu PERCENT] [--memory-mb MB] [--job NAME] [--print]",
	.summary = "rules of machines that everybody wants",
	.help = "Makes four global rules, or brings them to what is said here; "
		"services and\n"
		"projects may override each:\n"
		"\n"
		"  service_down                 a target cannot be scraped\n"
		"  cpu_threshold_exceeded       a machine uses much CPU\n"
		"  mem_threshold_exceeded       it has little memory left\n"
		"  disk_will_fill_up_in_4hours  at the rate of the last hour\n"
		"\n"
		"The last three want node_exporter, 0.16 or newer.\n"
		"\n"
		"  --cpu PERCENT        default: 85\n"
		"  --cpu-minutes N      for so long; default: 20\n"
		"  --memory-mb MB       of 1,000,000 bytes; default: 500\n"
		"  --memory-minutes N   default: 5\n"
		"  --down-minutes N     default: 1; 0: at once\n"
		"  --disk-minutes N     default: 5\n"
		"  --job NAME           of node_exporter; default: node\n"
		"  --exclude-fstype RE  file systems that do not count; "
		"default: those in\n"
		"                       memory, images, fuse\n"
		"  --exclude-mount RE   places that do not count\n"
		"  --print              only print them, as a file of rules "
		"for "
		"Prometheus\n"
		"  -n, --dry-run        only print what would change\n"
		"  --json               the plan as JSON\n",
	.run = run_stock,
};

/* --- alertmanager-config --------------------------------------------------------- */

static int print_config(const struct command_io *io,
                        const struct alertmanager_options *config)
{
	struct buf text;
	int code;

	buf_init(&text, MAX_TEXT);
	alertmanager_write_config(config, &text);
	code = print_text(io, &text);
	buf_fini(&text);
	return code;
}

static int check_config(const struct command_io *io, const char *base,
                        uint64_t repeat_ms)
{
	struct slice text = slice_from(base);
	struct err err;
	struct url url;

	if (!base ||
	    (!slice_starts(text, "http://") &&
	     !slice_starts(text, "https://")) ||
	    url_parse(text, HTTP_PORT, &url, &err) < 0) {
		(void)fprintf(io->err,
		              "bouncer: --url is needed: where Alertmanager "
		              "reaches the registry, as "
		              "http://registry:9090\n");
		return EXIT_USAGE;
	}
	if (repeat_ms >= 60000)
		return EXIT_OK;
	(void)fprintf(io->err, "bouncer: --repeat: at least a minute\n");
	return EXIT_USAGE;
}

static int run_config(const struct command_io *io, int argc, char *const *argv)
{
	const char *base = NULL;
	uint64_t repeat_ms = 4 * 3600000ull;
	struct alertmanager_options config = { 0 };
	const struct option_row rows[] = {
		{ "url", 0, OPTION_TEXT, &base },
		{ "token-file", 0, OPTION_TEXT, &config.token_file },
		{ "repeat", 0, OPTION_TIME, &repeat_ms },
	};
	struct options options = { .rows = rows, .n_rows = ARRAY_SIZE(rows) };
	char repeat[MAX_REPEAT];
	struct buf url;
	int code;

	if (!registry_options(&options, io,
	                      &registry_command_alertmanager_config, argc, argv,
	                      &code))
		return code;
	buf_init(&url, MAX_TEXT);
	code = check_config(io, base, repeat_ms);
	if (code == EXIT_OK) {
		struct slice front = slice_from(base);

		while (front.p[front.n - 1] == '/')
			front.n--;
		(void)buf_printf(&url, SLICE_FMT "/api/v1/alerts",
		                 SLICE_ARG(front));
		(void)snprintf(repeat, sizeof(repeat), "%llus",
		               (unsigned long long)repeat_ms / 1000);
		config.url = buf_text(&url);
		config.repeat = repeat;
		code = url.failed ? command_no_memory(io)
		                  : print_config(io, &config);
	}
	buf_fini(&url);
	options_fini(&options);
	return code;
}

const struct registry_command registry_command_alertmanager_config = {
	.name = "alertmanager-config",
	.arguments = "--url URL [--token-file FILE] [--repeat TIME]",
	.local = true,
	.summary = "print an alertmanager.yml that tells the registry",
	.help = "Prints a configuration of Alertmanager whose webhook is the "
		"registry: all\n"
		"alerts come here, also when they are resolved, grouped by "
		"service and project;\n"
		"notifiers of the registry tell people.\n"
		"\n"
		"  --url URL          where Alertmanager reaches the registry\n"
		"  --token-file FILE  where it finds the token that it sends, "
		"on its own\n"
		"                     machine; of\n"
		"                     bouncer registry token create NAME "
		"--scope alerts\n"
		"  --repeat TIME      how soon it tells again of what still "
		"fires; default: 4h\n",
	.run = run_config,
};
