/* SPDX-License-Identifier: Apache-2.0 */
/* Actions that people write themselves: what a configuration wants of them is
 * checked before it is followed, and what they do wrong is written down. */
#include "daemon_parts.h"

#include <errno.h>
#include "action/plugin.h"

static void complain(void *context, const char *monitor, const char *plugin,
                     const char *words)
{
	struct daemon *daemon = context;

	supervisor_record(&daemon->supervisor, LOG_LEVEL_WARN, JOURNAL_STEP,
	                  monitor, words, plugin, daemon_now(daemon));
}

int daemon_plugins_open(struct daemon *daemon)
{
	const struct plugins_options options = {
		.loop = &daemon->loop,
		.log = daemon->log,
		.client = daemon->client,
		.complain = complain,
		.context = daemon,
	};

	daemon->plugins = plugins_new(&options);
	return daemon->plugins ? 0 : -ENOMEM;
}

int daemon_plugins_check(struct daemon *daemon, const struct config *config,
                         struct err *err)
{
	struct buf problems;
	struct slice rest;
	struct slice line;
	unsigned n = 0;
	int r;

	buf_init(&problems, PLUGIN_MAX_PROBLEMS);
	r = plugins_check(daemon->plugins, config, &problems);
	rest = buf_slice(&problems);
	for (; slice_next(&rest, '\n', &line); n++)
		log_error(daemon->log, "configuration problem",
		          LOG_SLICE("problem", line));
	buf_fini(&problems);
	if (r == -EINVAL)
		return err_set(err, r,
		               "%u step%s with plugins that cannot be used: "
		               "see above",
		               n, n == 1 ? "" : "s");
	if (r < 0)
		return err_set(err, r, "out of memory");
	return 0;
}

void daemon_plugins_close(struct daemon *daemon)
{
	struct plugins *plugins = daemon->plugins;

	if (!plugins)
		return;
	daemon->plugins = NULL;
	daemon->n_pending++;
	plugins_close(plugins, daemon_closed_one, daemon);
}
