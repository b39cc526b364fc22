/* SPDX-License-Identifier: Apache-2.0 */
#include "action/plugin_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/duration.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/plugin_parameters.h"

static void on_timer(uv_timer_t *timer);

/* Everything that ends, ends from the loop: a plugin's own call must return
 * before its state goes. */
static void run_arm(struct plugin_run *run, uint64_t ms)
{
	/* cannot fail: the callback is given and the handle not closing */
	(void)uv_timer_start(&run->timer, on_timer, ms, 0);
}

static const char *name_of(const struct plugin_run *run)
{
	return run->loaded->plugin.name;
}

static void complain(const struct plugin_run *run, const char *words)
{
	const struct plugins_options *options = &run->plugins->options;

	if (options->complain)
		options->complain(options->context, run->monitor, name_of(run),
		                  words);
	else
		log_warn(options->log, "plugin breaks its contract",
		         LOG_STR("plugin", name_of(run)),
		         LOG_STR("monitor", run->monitor),
		         LOG_STR("what", words));
}

/* --- the end ------------------------------------------------------------------ */

/* The plugin may know its address still. */
static void run_retire(struct plugin_run *run)
{
	struct plugins *plugins = run->plugins;
	struct list *oldest;

	run->stage = PLUGIN_RETIRED;
	run->action.context = NULL;
	run->action.values = NULL;
	run->action.state = NULL;
	arena_fini(&run->arena);
	list_unlink(&run->node);
	list_append(&plugins->retired, &run->node);
	if (++plugins->n_retired <= PLUGIN_MAX_RETIRED)
		return;
	plugins->n_retired--;
	oldest = list_pop(&plugins->retired);
	run = container_of(oldest, struct plugin_run, node);
	mem_free(run->monitor);
	mem_free(run);
}

static void run_tell(struct plugin_run *run)
{
	struct plugin_call *call = run->call;

	if (!call)
		return;
	run->call = NULL;
	call->work = NULL;
	call->result = run->result;
	call->err = run->err;
	call->done(call);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct plugin_run *run =
		container_of((uv_timer_t *)handle, struct plugin_run, timer);
	struct plugins *plugins = run->plugins;

	run_retire(run);
	run_tell(run);
	plugins_maybe_closed(plugins);
}

/* What it has begun ends first. */
static void run_settle(struct plugin_run *run)
{
	if (run->stage != PLUGIN_ENDED || run->timer_closing)
		return;
	if (!list_empty(&run->helpers))
		return;
	run->timer_closing = true;
	uv_close((uv_handle_t *)&run->timer, on_timer_closed);
}

void plugin_run_helper_gone(struct plugin_run *run)
{
	run_settle(run);
}

static void run_end(struct plugin_run *run)
{
	run->stage = PLUGIN_ENDED;
	plugin_helpers_end(run, true);
	run_arm(run, 0);
}

/* --- completion ----------------------------------------------------------------- */

static void keep_detail(struct plugin_run *run, const char *detail)
{
	struct buf words;

	buf_init(&words, 4 * sizeof(run->err.message));
	text_append_clean(
		&words,
		text_cut(slice_from(detail), sizeof(run->err.message) - 1),
		false);
	(void)err_set(&run->err, 0, "%s", buf_text(&words));
	buf_fini(&words);
}

void plugin_run_complete(struct plugin_run *run, int result, const char *detail)
{
	switch (run->stage) {
	case PLUGIN_RUNNING:
		run->result =
			result == BOUNCER_OK ? RUNTIME_OK : RUNTIME_FAILED;
		keep_detail(run, detail);
		run_end(run);
		break;
	case PLUGIN_CANCELLING:
		/* why it was cancelled is what counts */
		run_end(run);
		break;
	case PLUGIN_GIVEN_UP:
		complain(run, "completed after its deadline: ignored");
		run->loaded->n_given_up--;
		run_end(run);
		break;
	case PLUGIN_ENDED:
	case PLUGIN_RETIRED:
	default:
		complain(run, "completed twice: ignored");
		break;
	}
}

/* --- deadline and cancel ---------------------------------------------------------- */

static void run_give_up(struct plugin_run *run)
{
	char said[ERR_MESSAGE_SIZE];

	run->stage = PLUGIN_GIVEN_UP;
	run->loaded->n_given_up++;
	memcpy(said, run->err.message, sizeof(said));
	(void)err_set(&run->err, 0, "%s, and did not obey cancel", said);
	complain(run, "never completed");
	plugin_helpers_end(run, true);
	run_tell(run);
}

static void run_cancel_now(struct plugin_run *run)
{
	const struct bouncer_plugin *plugin = &run->loaded->plugin;
	char text[DURATION_TEXT_MAX];

	run->stage = PLUGIN_CANCELLING;
	run->result = run->cancelled ? RUNTIME_CANCELLED : RUNTIME_TIMED_OUT;
	if (run->cancelled)
		(void)err_set(&run->err, 0, "plugin %s was cancelled",
		              plugin->name);
	else
		(void)err_set(
			&run->err, 0, "plugin %s did not complete within %s",
			plugin->name, duration_format(run->timeout_ms, text));
	run_arm(run, run->plugins->options.grace_ms);
	plugin_helpers_end(run, false);
	if (plugin->cancel)
		plugin->cancel(&run->action);
	/* nothing could still move it */
	if (!plugin->cancel && list_empty(&run->helpers) &&
	    run->stage == PLUGIN_CANCELLING)
		run_arm(run, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct plugin_run *run = container_of(timer, struct plugin_run, timer);

	switch (run->stage) {
	case PLUGIN_RUNNING:
		run_cancel_now(run);
		break;
	case PLUGIN_CANCELLING:
		run_give_up(run);
		break;
	case PLUGIN_ENDED:
		run_settle(run);
		break;
	case PLUGIN_GIVEN_UP:
	case PLUGIN_RETIRED:
	default:
		break;
	}
}

void plugin_run_cancel(struct plugin_run *run)
{
	if (run->stage != PLUGIN_RUNNING || run->cancelled)
		return;
	run->cancelled = true;
	run_arm(run, 0);
}

void plugin_run_abandon(struct plugin_run *run)
{
	if (run->stage != PLUGIN_ENDED)
		run_end(run);
}

/* --- the start ------------------------------------------------------------------ */

/* What it borrows from the step, the step's owner may free when it is told of
 * the end; an action that was given up lives longer. */
static int keep_values(struct plugin_run *run, struct bouncer_value *values)
{
	for (size_t i = 0; i < run->loaded->plugin.n_parameters; i++) {
		if (!values[i].text)
			continue;
		values[i].text =
			arena_copy(&run->arena, slice_from(values[i].text));
		if (!values[i].text)
			return -ENOMEM;
	}
	run->action.values = values;
	return 0;
}

static int fill_action(struct plugin_run *run)
{
	const struct plugin_call *call = run->call;
	const struct bouncer_plugin *plugin = &run->loaded->plugin;
	struct bouncer_context *context;
	struct bouncer_value *values;
	int r;

	context = arena_alloc(&run->arena, sizeof(*context));
	if (plugin->state_size)
		run->action.state =
			arena_alloc(&run->arena, plugin->state_size);
	if (!context || (plugin->state_size && !run->action.state))
		return -ENOMEM;
	r = plugin_context_fill(context, &run->arena, call->notice,
	                        plugin_now_ms() + call->timeout_ms);
	if (r == 0)
		r = plugin_values(plugin, call->step, getenv, call->notice,
		                  &run->arena, &values, &run->err);
	if (r == 0)
		r = keep_values(run, values);
	run->action.size = sizeof(run->action);
	run->action.host = &plugin_host;
	run->action.context = context;
	return r;
}

static int find_plugin(struct plugin_run *run)
{
	const char *name = run->call->step->name;

	run->loaded = plugins_find(run->plugins, name);
	if (!run->loaded)
		return err_set(&run->err, -ENOENT, "plugin %s is not loaded",
		               name);
	if (run->loaded->n_given_up >= PLUGIN_MAX_GIVEN_UP)
		return err_set(&run->err, -EBUSY,
		               "plugin %s: %d actions of it never completed; "
		               "it is started no more until a restart",
		               name, PLUGIN_MAX_GIVEN_UP);
	return 0;
}

static void say_not_started(struct plugin_run *run, int code)
{
	if (code < 0 && code > -4096)
		(void)err_set_code(&run->err, code, "plugin %s did not start",
		                   name_of(run));
	else
		(void)err_set(&run->err, -EIO,
		              "plugin %s did not start: it returned %d",
		              name_of(run), code);
}

static int run_begin(struct plugin_run *run)
{
	int r = find_plugin(run);

	if (r == 0)
		r = fill_action(run);
	if (r == -ENOMEM)
		return err_set(&run->err, r, "out of memory");
	if (r < 0)
		return r;
	run_arm(run, run->timeout_ms);
	r = run->loaded->plugin.start(&run->action);
	if (r == 0)
		return 0;
	if (run->stage == PLUGIN_RUNNING)
		say_not_started(run, r);
	else
		complain(run, "completed, and then returned a failure to "
		              "start");
	return r;
}

int plugin_run_start(struct plugins *plugins, struct plugin_call *call)
{
	struct plugin_run *run = mem_calloc(1, sizeof(*run));

	if (!run)
		return -ENOMEM;
	run->monitor = mem_strdup(call->notice->monitor);
	if (!run->monitor ||
	    uv_timer_init(plugins->options.loop, &run->timer) < 0) {
		mem_free(run->monitor);
		mem_free(run);
		return -ENOMEM;
	}
	run->plugins = plugins;
	run->call = call;
	run->timeout_ms = call->timeout_ms;
	list_init(&run->helpers);
	list_append(&plugins->runs, &run->node);
	call->work = run;
	/* what goes wrong is told from the loop, like everything */
	if (run_begin(run) != 0 && run->stage == PLUGIN_RUNNING) {
		run->result = RUNTIME_FAILED;
		run_end(run);
	}
	return 0;
}
