/* SPDX-License-Identifier: Apache-2.0 */
#include "action/step_kinds.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "action/notifier.h"
#include "action/step_text.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/webhook.h"

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

static void on_run(struct runtime_call *call)
{
	struct bounce *bounce = container_of(call, struct bounce, call);
	struct bouncer_stats *stats = &bounce->bouncer->stats;
	uint64_t ms = uv_now(bounce->bouncer->loop) - bounce->run_ms;

	stats->n_running--;
	stats->n_failed += call->result == RUNTIME_FAILED ||
	                   call->result == RUNTIME_TIMED_OUT;
	histogram_observe(&stats->seconds, (double)ms / 1000);
	bounce->ran(call);
}

/* A command of the host is told why, in its environment. */
static int begin_run(struct bounce *bounce, runtime_done_cb done)
{
	int r = step_env_fill(bounce, &bounce->call.env);

	if (r < 0)
		return r;
	set_command_timeout(bounce);
	bounce->ran = done;
	bounce->run_ms = uv_now(bounce->bouncer->loop);
	r = runtime_exec(bounce->bouncer->host, &bounce->call, on_run);
	if (r < 0)
		bounce->bouncer->stats.n_failed++;
	else
		bounce->bouncer->stats.n_running++;
	return r;
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

static int begin_webhook(struct bounce *bounce, runtime_done_cb done)
{
	const struct webhook *webhook = bounce->step->webhook;
	const struct notice notice = step_notice(bounce);

	if (!bounce->bouncer->notifier)
		return err_set(&bounce->call.err, UV_ENOTSUP,
		               "nobody sends webhooks here");
	bounce->sent = done;
	bounce->send = notifier_send(bounce->bouncer->notifier, bounce->monitor,
	                             webhook, &notice, 0, on_sent, bounce);
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
	const struct notice notice = step_notice(bounce);
	int r;

	if (!bounce->bouncer->plugins)
		return err_set(&bounce->call.err, UV_ENOTSUP,
		               "there are no plugins here");
	set_command_timeout(bounce);
	bounce->sent = done;
	bounce->plugin = (struct plugin_call){
		.step = bounce->step->plugin,
		.notice = &notice,
		.timeout_ms = bounce->call.timeout_ms,
		.cancel_signal = bounce->call.cancel_signal,
		.cancel_grace_ms = bounce->call.cancel_grace_ms,
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

static void say_command(const struct bounce *bounce, struct buf *words)
{
	if (bounce->line.argv)
		step_text_show(bounce, words);
	else
		(void)buf_puts(words, bounce->step->argv[0]);
}

void step_say(struct bounce *bounce)
{
	const struct step *step = bounce->step;
	const struct step_plugin *plugin = step->plugin;
	struct buf words;

	buf_init(&words, 2 * BOUNCE_DETAIL_MAX);
	(void)buf_puts(&words, "would ");
	if (step->kind == STEP_LOG) {
		(void)buf_printf(&words, "log%s%s", bounce->message ? ": " : "",
		                 text_or_empty(bounce->message));
	} else if (step->kind == STEP_RUN) {
		(void)buf_puts(&words, "run ");
		say_command(bounce, &words);
	} else if (step->kind == STEP_WEBHOOK) {
		(void)buf_puts(&words, "call a webhook");
	} else if (plugin) {
		(void)buf_printf(&words, "run plugin %s%s",
		                 plugin->path ? "exec:" : "",
		                 plugin->path ? plugin->path : plugin->name);
	} else {
		(void)buf_printf(&words, "%s %s%s", step_kind_name(step->kind),
		                 bounce->target,
		                 step->volumes ? " and its anonymous volumes"
		                               : "");
		if (bounce->line.argv)
			(void)buf_puts(&words, ": ");
		step_text_show(bounce, &words);
	}
	(void)snprintf(bounce->detail, sizeof(bounce->detail), "%s",
	               buf_text(&words));
	buf_fini(&words);
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
