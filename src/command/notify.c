/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bouncer notify --test: does it arrive? Sends from here, with the
 * configuration's own files, whether a daemon runs or not; once each.
 */
#include "command/command.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include "action/notifier.h"
#include "base/mem.h"
#include "base/text.h"
#include "command/options.h"
#include "config/config.h"
#include "config/environment.h"
#include "io/http_client.h"

#define PROBLEMS_MAX_BYTES (8 << 20)
#define ANSWER_MAX         NOTIFIER_WORDS_MAX

/* What one of them answered. */
struct answer {
	const struct notification *notification;
	enum notifier_result result;
	char words[ANSWER_MAX];
	bool done;
};

struct test {
	const struct command_io *io;
	const struct config *config;
	const char *const *names; /* none: all */
	size_t n_names;

	uv_loop_t loop;
	struct http_client *client;
	struct notifier *notifier;
	struct answer *answers;
	size_t n_answers;
	char host[UV_MAXHOSTNAMESIZE];
	bool closed;
};

static const char help[] =
	"Sends a test notice to all notifications of the configuration, or to "
	"those that\n"
	"are named, and prints what each answered. Each is tried once; no "
	"daemon is\n"
	"asked, or needed.\n"
	"\n"
	"  --test             has to be said\n"
	"  --config FILE      default: ./config.yml, then "
	"/etc/bouncer/config.yml\n"
	"\n"
	"Exits with 0 if all took it, 3 if one could not be reached, 4 if one "
	"refused it.\n";

/* --- sending ---------------------------------------------------------------- */

static void on_sent(void *context, enum notifier_result result,
                    const char *words)
{
	struct answer *answer = context;

	answer->done = true;
	answer->result = result;
	(void)snprintf(answer->words, sizeof(answer->words), "%s", words);
}

static void on_closed(void *context)
{
	*(bool *)context = true;
}

static void send_all(struct test *test)
{
	const char *host = test->config->global.host;
	const struct notice notice = {
		.event = NOTICE_TEST,
		.monitor = "test",
		.rule = "test",
		.container = "",
		.image = "",
		.runtime = "",
		.host = host ? host : test->host,
		.reason = "bouncer notify --test",
		.step = "",
		.result = "",
		.detail = "",
		.output = "",
		.exit_code = -1,
		.wall_ms = (int64_t)time(NULL) * 1000,
	};

	for (size_t i = 0; i < test->n_answers; i++) {
		struct answer *answer = &test->answers[i];
		const struct notification *one = answer->notification;

		if (!notifier_send(test->notifier, one->name, &one->webhook,
		                   &notice, 1, on_sent, answer))
			on_sent(answer, NOTIFIER_FAILED, "out of memory");
	}
	for (size_t i = 0; i < test->n_answers; i++)
		while (!test->answers[i].done)
			(void)uv_run(&test->loop, UV_RUN_ONCE);
}

static int open_sender(struct test *test)
{
	const struct config_global *global = &test->config->global;
	const struct tls_options tls = { .ca = global->tls_ca,
		                         .cert = global->tls_cert,
		                         .key = global->tls_key };
	size_t size = sizeof(test->host);
	int r = uv_loop_init(&test->loop);

	if (r < 0)
		return r;
	if (uv_os_gethostname(test->host, &size) < 0)
		test->host[0] = '\0';
	test->client = http_client_new(&test->loop, NULL);
	if (!test->client || http_client_set_tls(test->client, &tls) < 0)
		return UV_ENOMEM;
	test->notifier =
		notifier_new(&test->loop, test->client, NULL, uv_hrtime());
	return test->notifier ? 0 : UV_ENOMEM;
}

static void close_sender(struct test *test)
{
	if (test->notifier) {
		notifier_close(test->notifier, 0, on_closed, &test->closed);
		while (!test->closed)
			(void)uv_run(&test->loop, UV_RUN_ONCE);
	}
	test->closed = false;
	if (test->client) {
		http_client_close(test->client, on_closed, &test->closed);
		while (!test->closed)
			(void)uv_run(&test->loop, UV_RUN_ONCE);
	}
	/* a name look-up that hangs is not waited for */
	(void)uv_loop_close(&test->loop);
}

/* --- whom -------------------------------------------------------------------- */

static int unknown(const struct test *test, const char *name)
{
	const struct config *config = test->config;
	const char *names[CONFIG_MAX_NOTIFICATIONS];
	const char *nearest;
	size_t n = MIN(config->n_notifications, CONFIG_MAX_NOTIFICATIONS);

	for (size_t i = 0; i < n; i++)
		names[i] = config->notifications[i].name;
	nearest = text_nearest(slice_from(name), names, n);
	(void)fprintf(test->io->err,
	              "bouncer: there is no notification %s in %s%s%s%s\n",
	              name, config->file, nearest ? "; did you mean " : "",
	              nearest ? nearest : "", nearest ? "?" : "");
	return EXIT_USAGE;
}

static const struct notification *find(const struct config *config,
                                       const char *name)
{
	for (size_t i = 0; i < config->n_notifications; i++)
		if (strcmp(config->notifications[i].name, name) == 0)
			return &config->notifications[i];
	return NULL;
}

static int choose(struct test *test)
{
	const struct config *config = test->config;
	size_t n = test->n_names ? test->n_names : config->n_notifications;

	if (config->n_notifications == 0) {
		(void)fprintf(test->io->err,
		              "bouncer: %s has no notifications\n",
		              config->file);
		return EXIT_USAGE;
	}
	test->answers = mem_calloc(n, sizeof(*test->answers));
	if (!test->answers)
		return command_no_memory(test->io);
	for (size_t i = 0; i < n; i++) {
		const struct notification *one =
			test->n_names ? find(config, test->names[i])
				      : &config->notifications[i];

		if (!one)
			return unknown(test, test->names[i]);
		test->answers[i].notification = one;
	}
	test->n_answers = n;
	return EXIT_OK;
}

static int say(const struct test *test)
{
	int code = EXIT_OK;

	for (size_t i = 0; i < test->n_answers; i++) {
		const struct answer *answer = &test->answers[i];

		(void)fprintf(test->io->out, "%s: %s (%s)\n",
		              answer->notification->name,
		              notifier_result_name(answer->result),
		              answer->words);
		if (answer->result == NOTIFIER_REFUSED)
			code = EXIT_REFUSED;
		else if (answer->result != NOTIFIER_SENT && code == EXIT_OK)
			code = EXIT_UNREACHABLE;
	}
	if (command_finish(test->io) != EXIT_OK)
		return EXIT_TROUBLE;
	return code;
}

static int test_config(struct test *test)
{
	int code = choose(test);

	if (code == EXIT_OK) {
		(void)signal(SIGPIPE, SIG_IGN);
		if (open_sender(test) == 0)
			send_all(test);
		else
			code = command_no_memory(test->io);
		close_sender(test);
	}
	if (code == EXIT_OK)
		code = say(test);
	mem_free(test->answers);
	return code;
}

/* --- the command ---------------------------------------------------------------- */

static int load_and_test(struct test *test, const char *file,
                         const struct environment *environment)
{
	struct config *config = NULL;
	struct buf problems;
	int code;
	int r;

	if (!file)
		file = environment->config ? environment->config
		                           : command_default_file(test->io);
	if (!file)
		return EXIT_USAGE;
	buf_init(&problems, PROBLEMS_MAX_BYTES);
	r = config_load(file, environment->overrides, environment->n_overrides,
	                &config, &problems);
	(void)fputs(buf_text(&problems), test->io->err);
	buf_fini(&problems);
	if (r == -ENOMEM)
		return command_no_memory(test->io);
	if (r < 0)
		return EXIT_USAGE;
	test->config = config;
	code = test_config(test);
	config_free(config);
	return code;
}

static int run(const struct command_io *io, int argc, char *const *argv)
{
	struct environment environment = { 0 };
	struct test test = { .io = io };
	const char *file = NULL;
	bool wanted = false;
	const struct option_row rows[] = {
		{ "test", 0, OPTION_FLAG, &wanted },
		{ "config", 'c', OPTION_TEXT, &file },
	};
	struct options options = { .rows = rows,
		                   .n_rows = ARRAY_SIZE(rows),
		                   .max_words = CONFIG_MAX_NOTIFICATIONS };
	int code;

	if (!options_read(&options, io, &command_notify, argc, argv, &code))
		return code;
	test.names = options.words;
	test.n_names = options.n_words;
	if (!wanted) {
		(void)fprintf(io->err,
		              "bouncer: notify sends a test only, with --test; "
		              "see bouncer help notify\n");
		code = EXIT_USAGE;
	} else if (environment_read(&environment, io->envp) < 0) {
		code = command_no_memory(io);
	} else {
		code = load_and_test(&test, file, &environment);
	}
	environment_fini(&environment);
	options_fini(&options);
	return code;
}

const struct command command_notify = {
	.name = "notify",
	.group = COMMAND_DAEMON,
	.arguments = "--test [NAME ...]",
	.summary = "send a test to the configured notifications",
	.help = help,
	.run = run,
};
