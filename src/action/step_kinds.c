/* SPDX-License-Identifier: Apache-2.0 */
#include "action/step_kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "action/notifier.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/webhook.h"

/* The environment of a command, with the text that it points to. */
struct bounce_env {
	const char *vars[BOUNCE_ENV_MAX + 1];
	size_t n;
	char text[BOUNCE_ENV_MAX][BOUNCE_ENV_SIZE];
};

static int begin_restart(struct bounce *bounce, runtime_done_cb done)
{
	return runtime_restart(bounce->runtime, &bounce->call, done);
}

static int begin_stop(struct bounce *bounce, runtime_done_cb done)
{
	return runtime_stop(bounce->runtime, &bounce->call, done);
}

static int begin_start(struct bounce *bounce, runtime_done_cb done)
{
	return runtime_start(bounce->runtime, &bounce->call, done);
}

static int begin_kill(struct bounce *bounce, runtime_done_cb done)
{
	return runtime_kill(bounce->runtime, &bounce->call, done);
}

static void set_command_timeout(struct bounce *bounce)
{
	if (bounce->call.timeout_ms == 0)
		bounce->call.timeout_ms = BOUNCE_COMMAND_TIMEOUT_MS;
}

static int begin_exec(struct bounce *bounce, runtime_done_cb done)
{
	set_command_timeout(bounce);
	return runtime_exec(bounce->runtime, &bounce->call, done);
}

static void add_env(struct bounce_env *env, const char *name, const char *value)
{
	char *text = env->text[env->n];
	size_t n = strlen(name) + 1;
	struct slice cut = text_cut(slice_from(value), BOUNCE_ENV_SIZE - n - 1);

	(void)snprintf(text, BOUNCE_ENV_SIZE, "%s=" SLICE_FMT, name,
	               SLICE_ARG(cut));
	env->vars[env->n++] = text;
}

static void add_env_number(struct bounce_env *env, const char *name,
                           int64_t value)
{
	char number[24];

	(void)snprintf(number, sizeof(number), "%" PRId64, value);
	add_env(env, name, number);
}

static void add_container(struct bounce_env *env, const struct bounce *bounce)
{
	const struct notice *notice = bounce->notice;

	if (strcmp(bounce->runtime_name, "host") == 0)
		return;
	add_env(env, "BOUNCER_CONTAINER", bounce->target);
	if (bounce->id)
		add_env(env, "BOUNCER_CONTAINER_ID", bounce->id);
	add_env(env, "BOUNCER_RUNTIME", bounce->runtime_name);
	if (notice && notice->output[0])
		add_env(env, "BOUNCER_OUTPUT", notice->output);
	if (notice && notice->exit_code >= 0)
		add_env_number(env, "BOUNCER_EXIT_CODE", notice->exit_code);
}

/* A command of the host is told why, in its environment: nothing from outside
 * becomes part of a command line. */
static int begin_run(struct bounce *bounce, runtime_done_cb done)
{
	struct bounce_env *env = mem_calloc(1, sizeof(*env));

	if (!env)
		return UV_ENOMEM;
	mem_free(bounce->env);
	bounce->env = env;
	add_env(env, "BOUNCER_MONITOR", bounce->monitor);
	add_env(env, "BOUNCER_REASON", bounce->reason);
	add_env_number(env, "BOUNCER_AGE_SECONDS",
	               (int64_t)(bounce->age_ms / 1000));
	add_env(env, "BOUNCER_TARGET", bounce->target);
	add_env_number(env, "BOUNCER_ATTEMPT", bounce->attempt);
	add_container(env, bounce);

	bounce->call.env = env->vars;
	set_command_timeout(bounce);
	return runtime_exec(bounce->bouncer->host, &bounce->call, done);
}

int step_begin_before(struct bounce *bounce, runtime_done_cb done)
{
	bounce->call.argv = bounce->before;
	bounce->call.timeout_ms = bounce->before_timeout_ms;
	return begin_run(bounce, done);
}

static int begin_remove(struct bounce *bounce, runtime_done_cb done)
{
	int r;

	bounce->call.volumes = bounce->step->volumes;
	r = runtime_remove(bounce->runtime, &bounce->call, done);
	if (r == UV_ENOTSUP)
		(void)err_set(&bounce->call.err, r, "%s has nothing to remove",
		              bounce->runtime_name);
	return r;
}

/* --- webhook ---------------------------------------------------------------- */

static void on_sent(void *context, enum notifier_result result,
                    const char *words)
{
	static const enum runtime_result results[N_NOTIFIER_RESULTS] = {
		[NOTIFIER_SENT] = RUNTIME_OK,
		[NOTIFIER_REFUSED] = RUNTIME_FAILED,
		[NOTIFIER_FAILED] = RUNTIME_FAILED,
		[NOTIFIER_DROPPED] = RUNTIME_FAILED,
	};
	struct bounce *bounce = context;

	bounce->send = NULL;
	bounce->call.result =
		bounce->cancelled ? RUNTIME_CANCELLED : results[result];
	/* as it went, also when it went well */
	(void)err_set(&bounce->call.err, 0, "%s", words);
	bounce->sent(&bounce->call);
}

/* What is known without a notice. */
static struct notice plain_notice(const struct bounce *bounce)
{
	return (struct notice){
		.event = NOTICE_STEP,
		.monitor = bounce->monitor,
		.rule = bounce->monitor,
		.container = bounce->target,
		.id = "",
		.image = "",
		.runtime = bounce->runtime_name,
		.host = "",
		.reason = bounce->reason,
		.step = "",
		.result = "",
		.detail = "",
		.output = "",
		.exit_code = -1,
		.age_ms = bounce->age_ms,
		.attempt = bounce->attempt,
	};
}

static int begin_webhook(struct bounce *bounce, runtime_done_cb done)
{
	const struct webhook *webhook = bounce->step->webhook;
	const struct notice plain = plain_notice(bounce);

	if (!bounce->bouncer->notifier)
		return err_set(&bounce->call.err, UV_ENOTSUP,
		               "nobody sends webhooks here");
	bounce->sent = done;
	bounce->send = notifier_send(
		bounce->bouncer->notifier, bounce->monitor, webhook,
		bounce->notice ? bounce->notice : &plain, 0, on_sent, bounce);
	return bounce->send ? 0 : UV_ENOMEM;
}

/* --- plugin ------------------------------------------------------------------ */

static void on_plugin_done(struct plugin_call *plugin)
{
	struct bounce *bounce = container_of(plugin, struct bounce, plugin);

	bounce->call.result = plugin->result;
	(void)err_set(&bounce->call.err, 0, "%s", plugin->err.message);
	bounce->sent(&bounce->call);
}

static int begin_plugin(struct bounce *bounce, runtime_done_cb done)
{
	const struct notice plain = plain_notice(bounce);
	int r;

	if (!bounce->bouncer->plugins)
		return err_set(&bounce->call.err, UV_ENOTSUP,
		               "there are no plugins here");
	set_command_timeout(bounce);
	bounce->sent = done;
	bounce->plugin = (struct plugin_call){
		.step = bounce->step->plugin,
		.notice = bounce->notice ? bounce->notice : &plain,
		.timeout_ms = bounce->call.timeout_ms,
	};
	r = plugin_call_start(bounce->bouncer->plugins, &bounce->plugin,
	                      on_plugin_done);
	if (r < 0)
		bounce->call.err = bounce->plugin.err;
	return r;
}

void step_cancel(struct bounce *bounce)
{
	if (bounce->send)
		notifier_cancel(bounce->send);
	else if (bounce->plugin.work)
		plugin_call_cancel(&bounce->plugin);
	else
		runtime_cancel(&bounce->call);
}

/* --- the table ---------------------------------------------------------------- */

void step_say(struct bounce *bounce)
{
	const struct step *step = bounce->step;
	const char *kind = step_kind_name(step->kind);
	size_t size = sizeof(bounce->detail);

	if (step->kind == STEP_LOG)
		(void)snprintf(bounce->detail, size, "would log");
	else if (step->kind == STEP_RUN)
		(void)snprintf(bounce->detail, size, "would run %s",
		               step->argv[0]);
	else if (step->kind == STEP_WEBHOOK)
		(void)snprintf(bounce->detail, size, "would call a webhook");
	else if (step->kind == STEP_PLUGIN)
		(void)snprintf(bounce->detail, size, "would run plugin %s%s",
		               step->plugin->path ? "exec:" : "",
		               step->plugin->path ? step->plugin->path
		                                  : step->plugin->name);
	else
		(void)snprintf(bounce->detail, size, "would %s %s%s", kind,
		               bounce->target,
		               step->kind == STEP_REMOVE && step->volumes
		                       ? " and its anonymous volumes"
		                       : "");
}

/* `log` has nothing to begin: see bounce.c. */
static const struct step_action actions[N_STEP_KINDS] = {
	[STEP_RESTART] = { .looks = true,
	                   .promises = true,
	                   .begin = begin_restart },
	[STEP_STOP] = { .looks = true, .running = true, .begin = begin_stop },
	[STEP_START] = { .looks = true, .begin = begin_start },
	[STEP_KILL] = { .looks = true, .running = true, .begin = begin_kill },
	[STEP_EXEC] = { .looks = true,
	                .running = true,
	                .on_disk = true,
	                .begin = begin_exec },
	[STEP_RUN] = { .on_disk = true, .begin = begin_run },
	[STEP_LOG] = { .begin = NULL },
	[STEP_REMOVE] = { .looks = true, .begin = begin_remove },
	[STEP_WEBHOOK] = { .on_disk = true, .begin = begin_webhook },
	[STEP_PLUGIN] = { .on_disk = true, .begin = begin_plugin },
};

const struct step_action *step_action_of(enum step_kind kind)
{
	return &actions[kind];
}
