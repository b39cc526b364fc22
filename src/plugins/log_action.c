/* SPDX-License-Identifier: Apache-2.0 */
/* log_action: a line in the log that says what was found, and nothing else. */
#include <bouncer/plugin.h>

#include <stdio.h>

#define LINE_SIZE 1000

static void append_labels(const struct bouncer_context *context, char *line,
                          size_t used)
{
	for (size_t i = 0; i < context->n_labels && used < LINE_SIZE; i++) {
		int n = snprintf(line + used, LINE_SIZE - used, " %s=%s",
		                 context->labels[i].name,
		                 context->labels[i].value);

		if (n < 0)
			return;
		used += (size_t)n;
	}
}

static int start(struct bouncer_action *action)
{
	const struct bouncer_context *context = action->context;
	char line[LINE_SIZE];
	int n = snprintf(line, sizeof(line),
	                 "threshold action executed: value=%s threshold=%s "
	                 "level=%s for_ms=%llu reason=%s",
	                 context->value, context->threshold, context->level,
	                 (unsigned long long)context->age_ms, context->reason);

	if (n > 0)
		append_labels(context, line, (size_t)n);
	action->host->log(action, BOUNCER_LOG_INFO, line);
	action->host->complete(action, BOUNCER_OK, "logged");
	return 0;
}

BOUNCER_EXPORT const struct bouncer_plugin BOUNCER_PLUGIN_OBJECT = {
	.abi = BOUNCER_PLUGIN_ABI,
	.size = sizeof(struct bouncer_plugin),
	.name = "log_action",
	.version = BOUNCER_VERSION,
	.summary = "a line in the log",
	.start = start,
};
