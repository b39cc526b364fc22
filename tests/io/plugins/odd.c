/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins that behave, and some that do not; one shared object for each,
 * which PLUGIN_NAME and PLUGIN_START name.
 */
#include <bouncer/plugin.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifndef PLUGIN_ABI
#define PLUGIN_ABI BOUNCER_PLUGIN_ABI
#endif
#ifndef PLUGIN_SAYS
#define PLUGIN_SAYS PLUGIN_NAME
#endif
#ifndef PLUGIN_CANCEL
#define PLUGIN_CANCEL NULL
#endif

enum { GREETING, NUMBER, WHAT, URL };

struct state {
	char words[200];
	int n;
};

int start_good(struct bouncer_action *action);
int start_inside(struct bouncer_action *action);
int start_never(struct bouncer_action *action);
int start_twice(struct bouncer_action *action);
int start_late(struct bouncer_action *action);
int start_failing(struct bouncer_action *action);
int start_half(struct bouncer_action *action);
int start_tools(struct bouncer_action *action);
void cancel_obeys(struct bouncer_action *action);
void cancel_ignores(struct bouncer_action *action);

static struct bouncer_action *kept;

static void greet(struct bouncer_action *action, void *data)
{
	struct state *state = action->state;
	const char *label = bouncer_find_label(action->context, "instance");

	(void)snprintf(state->words, sizeof(state->words),
	               "%s %s %d %s%s after %d", (const char *)data,
	               action->context->monitor,
	               (int)action->values[NUMBER].number,
	               action->context->value, label ? label : "-", state->n);
	action->host->complete(action, BOUNCER_OK, state->words);
}

int start_good(struct bouncer_action *action)
{
	struct state *state = action->state;

	state->n++;
	action->host->log(action, BOUNCER_LOG_WARN, "here I am");
	return action->host->timer(
		action, 1, greet,
		(void *)(uintptr_t)action->values[GREETING].text);
}

int start_inside(struct bouncer_action *action)
{
	action->host->complete(action, BOUNCER_FAILED, "inside\nof start");
	return 0;
}

int start_never(struct bouncer_action *action)
{
	(void)action;
	return 0;
}

/* Once too often at once, and once more when it is long over. */
int start_twice(struct bouncer_action *action)
{
	if (kept)
		kept->host->complete(kept, BOUNCER_FAILED, "a third time");
	kept = action;
	action->host->complete(action, BOUNCER_OK, "once");
	action->host->complete(action, BOUNCER_FAILED, "twice");
	return 0;
}

/* The first one ends when the second one begins. */
int start_late(struct bouncer_action *action)
{
	if (kept) {
		kept->host->complete(kept, BOUNCER_OK, "at last");
		action->host->complete(action, BOUNCER_OK, "in time");
		return 0;
	}
	kept = action;
	return 0;
}

int start_failing(struct bouncer_action *action)
{
	(void)action;
	return -ENOENT;
}

int start_half(struct bouncer_action *action)
{
	action->host->complete(action, BOUNCER_OK, "done");
	return 7;
}

void cancel_obeys(struct bouncer_action *action)
{
	action->host->complete(action, BOUNCER_OK, "obeyed");
}

void cancel_ignores(struct bouncer_action *action)
{
	(void)action;
}

/* --- what the helpers do ---------------------------------------------------- */

static void on_command(struct bouncer_action *action,
                       const struct bouncer_command_end *end, void *data)
{
	char words[256];

	(void)data;
	(void)snprintf(words, sizeof(words), "%d %d [%s] [%s] %s%s", end->error,
	               end->exit_code, end->output, end->errors, end->words,
	               end->truncated ? " truncated" : "");
	action->host->complete(
		action, end->exit_code ? BOUNCER_FAILED : BOUNCER_OK, words);
}

static void on_answer(struct bouncer_action *action,
                      const struct bouncer_http_answer *answer, void *data)
{
	char words[256];

	(void)data;
	(void)snprintf(words, sizeof(words), "%d %d %s %s", answer->error,
	               answer->status, answer->body, answer->words);
	action->host->complete(action, BOUNCER_OK, words);
}

static int spawn(struct bouncer_action *action, const char *script,
                 uint64_t timeout_ms)
{
	const char *const argv[] = { "sh", "-c", script, NULL };
	const char *const env[] = { "GIVEN=yes", NULL };
	const struct bouncer_command command = {
		.size = sizeof(command),
		.argv = argv,
		.env = env,
		.input = "told",
		.n_input = 4,
		.max_output = 16,
		.timeout_ms = timeout_ms,
		.done = on_command,
	};

	return action->host->spawn(action, &command);
}

static int ask(struct bouncer_action *action, size_t max_body)
{
	static const struct bouncer_label headers[] = { { "X-Mine", "1" } };
	const struct bouncer_http_request request = {
		.size = sizeof(request),
		.method = "PUT",
		.url = action->values[URL].text,
		.headers = headers,
		.n_headers = 1,
		.body = "{}",
		.n_body = 2,
		.max_body = max_body,
		.done = on_answer,
	};

	return action->host->http(action, &request);
}

static void never(struct bouncer_action *action, void *data)
{
	(void)data;
	action->host->complete(action, BOUNCER_FAILED, "a timer too many");
}

static int too_many(struct bouncer_action *action)
{
	int n = 0;
	int r;

	while ((r = action->host->timer(action, 60000, never, NULL)) == 0)
		n++;
	action->host->complete(action, n == 16 && r == -EAGAIN, "16");
	r = action->host->timer(action, 0, never, NULL);
	return r == -ECANCELED ? 0 : -EIO;
}

static int nonsense(struct bouncer_action *action)
{
	const struct bouncer_command command = { .size = sizeof(command) };
	const struct bouncer_command cut = { .size = 8 };
	const struct bouncer_http_request request = {
		.size = sizeof(request),
		.url = "gopher://x",
		.done = on_answer,
	};

	if (action->host->spawn(action, &command) != -EINVAL ||
	    action->host->spawn(action, &cut) != -EINVAL ||
	    action->host->http(action, &request) != -EINVAL ||
	    action->host->timer(action, 0, NULL, NULL) != -EINVAL)
		return -EIO;
	action->host->complete(action, BOUNCER_OK, "refused");
	return 0;
}

int start_tools(struct bouncer_action *action)
{
	const char *what = action->values[WHAT].text;

	if (strcmp(what, "spawn") == 0)
		return spawn(action, "cat; echo $GIVEN; echo oh >&2; exit 3",
		             0);
	if (strcmp(what, "much") == 0)
		return spawn(action, "cat >&2; echo 01234567890123456789", 0);
	if (strcmp(what, "slow") == 0)
		return spawn(action, "exec sleep 60", 20);
	if (strcmp(what, "hang") == 0)
		return spawn(action, "exec sleep 60", 0);
	if (strcmp(what, "leave") == 0) {
		action->host->complete(action, BOUNCER_OK, "left");
		return 0;
	}
	if (strcmp(what, "many") == 0)
		return too_many(action);
	if (strcmp(what, "nonsense") == 0)
		return nonsense(action);
	return ask(action, strcmp(what, "little") == 0 ? 2 : 0);
}

/* --- the description ---------------------------------------------------------- */

static int validate(const struct bouncer_value *values, char *why, size_t n_why)
{
	if (values[NUMBER].number % 2 == 0)
		return 0;
	(void)snprintf(why, n_why, "number must be even, %d is not",
	               (int)values[NUMBER].number);
	return -1;
}

static const struct bouncer_parameter parameters[] = {
	{ "greeting", BOUNCER_STRING, 0, "hello", NULL, NULL },
	{ "number", BOUNCER_INTEGER, 0, "2", "ODD_PLUGIN_NUMBER", NULL },
	{ "what", BOUNCER_STRING, 0, "spawn", NULL, NULL },
	{ "url", BOUNCER_STRING, 0, NULL, NULL, NULL },
};

BOUNCER_EXPORT const struct bouncer_plugin bouncer_plugin = {
	.abi = PLUGIN_ABI,
	.size = sizeof(struct bouncer_plugin),
	.name = PLUGIN_SAYS,
	.version = "1.0",
	.summary = "a plugin of the tests",
	.parameters = parameters,
	.n_parameters = sizeof(parameters) / sizeof(parameters[0]),
	.parameter_size = sizeof(struct bouncer_parameter),
	.state_size = sizeof(struct state),
	.validate = validate,
	.start = PLUGIN_START,
	.cancel = PLUGIN_CANCEL,
};
