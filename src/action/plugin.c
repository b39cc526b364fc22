/* SPDX-License-Identifier: Apache-2.0 */
#include "action/plugin_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "core/plugin_parameters.h"

#define WHY_MAX 200 /* bytes of a plugin's own words */

struct plugins *plugins_new(const struct plugins_options *options)
{
	struct plugins *plugins = mem_calloc(1, sizeof(*plugins));

	if (!plugins)
		return NULL;
	plugins->options = *options;
	if (plugins->options.grace_ms == 0)
		plugins->options.grace_ms = PLUGIN_GRACE_MS;
	list_init(&plugins->loaded);
	list_init(&plugins->runs);
	list_init(&plugins->retired);
	list_init(&plugins->execs);
	if (options->loop && uv_timer_init(options->loop, &plugins->soon) < 0) {
		mem_free(plugins);
		return NULL;
	}
	plugins->soon_open = options->loop != NULL;
	return plugins;
}

struct plugin_loaded *plugins_find(const struct plugins *plugins,
                                   const char *name)
{
	LIST_FOR_EACH (node, &plugins->loaded) {
		struct plugin_loaded *loaded =
			container_of(node, struct plugin_loaded, node);

		if (strcmp(loaded->plugin.name, name) == 0)
			return loaded;
	}
	return NULL;
}

/* --- checking --------------------------------------------------------------- */

/* Of what is loaded, code cannot be exchanged: that would need a restart. */
static int check_same_file(const struct plugin_loaded *loaded, const char *dir,
                           struct err *err)
{
	char *path = NULL;
	int r;

	if (!loaded->path)
		return 0;
	r = plugin_find_file(dir, loaded->plugin.name, &path, err);
	if (r == 0 && strcmp(path, loaded->path) != 0)
		r = err_set(err, -EBUSY,
		            "%s is loaded from %s already: another one needs a "
		            "restart",
		            loaded->plugin.name, loaded->path);
	mem_free(path);
	return r;
}

static int load_once(struct plugins *plugins, const char *dir, const char *name,
                     struct plugin_loaded **loadedp, struct err *err)
{
	const char *version;
	int r;

	*loadedp = plugins_find(plugins, name);
	if (*loadedp)
		return check_same_file(*loadedp, dir, err);
	r = plugin_load(dir, name, loadedp, err);
	if (r < 0)
		return r;
	list_append(&plugins->loaded, &(*loadedp)->node);
	version = (*loadedp)->plugin.version;
	log_info(plugins->options.log, "plugin loaded", LOG_STR("plugin", name),
	         LOG_STR("file", (*loadedp)->path ? (*loadedp)->path : "-"),
	         LOG_STR("version", version ? version : ""));
	return 0;
}

static int ask_plugin(const struct bouncer_plugin *plugin,
                      const struct bouncer_value *values, struct err *err)
{
	char why[WHY_MAX] = "";
	struct buf words;

	if (!plugin->validate)
		return 0;
	if (plugin->validate(values, why, sizeof(why)) == 0)
		return 0;
	why[sizeof(why) - 1] = '\0';
	buf_init(&words, WHY_MAX * 4);
	text_append_clean(&words, slice_from(why), false);
	(void)err_set(err, -EINVAL, "it refuses: %s",
	              words.n ? buf_text(&words) : "it does not say why");
	buf_fini(&words);
	return -EINVAL;
}

int plugins_check_step(struct plugins *plugins, const char *dir,
                       const struct step_plugin *step, struct err *err)
{
	struct plugin_loaded *loaded;
	struct bouncer_value *values;
	struct arena arena = { 0 };
	int r;

	if (step->path)
		return plugin_check_program(step->path, err);
	r = load_once(plugins, dir, step->name, &loaded, err);
	if (r == 0)
		r = plugin_values(&loaded->plugin, step, getenv, NULL, &arena,
		                  &values, err);
	if (r == 0)
		r = ask_plugin(&loaded->plugin, values, err);
	arena_fini(&arena);
	return r;
}

static int check_monitor(struct plugins *plugins, const char *dir,
                         const struct config_monitor *monitor,
                         struct buf *problems)
{
	int worst = 0;

	for (size_t i = 0; i < monitor->n_steps; i++) {
		const struct step_plugin *step = monitor->steps[i].plugin;
		struct err err = { 0 };
		int r;

		if (monitor->steps[i].kind != STEP_PLUGIN)
			continue;
		r = plugins_check_step(plugins, dir, step, &err);
		if (r == -ENOMEM)
			return r;
		if (r < 0)
			worst = -EINVAL;
		if (r < 0)
			(void)buf_printf(
				problems, "monitor %s: plugin %s%s: %s\n",
				monitor->name, step->path ? "exec:" : "",
				step->path ? step->path : step->name,
				err.message);
	}
	return worst;
}

int plugins_check(struct plugins *plugins, const struct config *config,
                  struct buf *problems)
{
	int worst = 0;

	for (size_t i = 0; i < config->n_monitors + config->n_asked; i++) {
		int r = check_monitor(plugins, config->global.plugin_dir,
		                      &config->monitors[i], problems);

		if (r == -ENOMEM)
			return r;
		if (r < 0)
			worst = r;
	}
	return worst;
}

/* --- calls -------------------------------------------------------------------- */

int plugin_call_start(struct plugins *plugins, struct plugin_call *call,
                      plugin_done_cb done)
{
	call->done = done;
	call->result = RUNTIME_OK;
	err_clear(&call->err);
	return call->step->path ? plugin_exec_start(plugins, call)
	                        : plugin_run_start(plugins, call);
}

void plugin_call_cancel(struct plugin_call *call)
{
	if (!call->work)
		return;
	if (call->step->path)
		plugin_exec_cancel(call->work);
	else
		plugin_run_cancel(call->work);
}

/* --- the end ------------------------------------------------------------------ */

static void free_all(struct plugins *plugins)
{
	LIST_FOR_EACH_SAFE (node, &plugins->retired) {
		struct plugin_run *run =
			container_of(node, struct plugin_run, node);

		mem_free(run->monitor);
		mem_free(run);
	}
	LIST_FOR_EACH_SAFE (node, &plugins->loaded)
		plugin_unload(container_of(node, struct plugin_loaded, node));
	mem_free(plugins);
}

static void on_soon_closed(uv_handle_t *handle)
{
	struct plugins *plugins =
		container_of((uv_timer_t *)handle, struct plugins, soon);
	plugins_closed_cb closed = plugins->closed;
	void *context = plugins->closed_context;

	free_all(plugins);
	if (closed)
		closed(context);
}

void plugins_maybe_closed(struct plugins *plugins)
{
	if (!plugins->closing || !plugins->soon_open)
		return;
	if (!list_empty(&plugins->runs) || !list_empty(&plugins->execs))
		return;
	plugins->soon_open = false;
	uv_close((uv_handle_t *)&plugins->soon, on_soon_closed);
}

void plugins_close(struct plugins *plugins, plugins_closed_cb closed,
                   void *context)
{
	if (!plugins->options.loop) {
		free_all(plugins);
		if (closed)
			closed(context);
		return;
	}
	plugins->closing = true;
	plugins->closed = closed;
	plugins->closed_context = context;
	LIST_FOR_EACH (node, &plugins->runs)
		plugin_run_abandon(container_of(node, struct plugin_run, node));
	plugins_maybe_closed(plugins);
}
