/* SPDX-License-Identifier: Apache-2.0 */
/* flag: creates a file, as a load balancer's check of health may look for. */
#include <bouncer/plugin.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int start(struct bouncer_action *action)
{
	const char *path = action->values[0].text;
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	char words[200];

	if (fd < 0)
		return -errno;
	(void)dprintf(fd, "%s %s\n", action->context->monitor,
	              action->context->value);
	(void)close(fd);
	(void)snprintf(words, sizeof(words), "%.150s is there", path);
	action->host->complete(action, BOUNCER_OK, words);
	return 0;
}

static const struct bouncer_parameter parameters[] = {
	{ .name = "path",
	  .type = BOUNCER_PATH,
	  .flags = BOUNCER_REQUIRED,
	  .help = "the file" },
};

BOUNCER_EXPORT const struct bouncer_plugin bouncer_plugin = {
	.abi = BOUNCER_PLUGIN_ABI,
	.size = sizeof(struct bouncer_plugin),
	.name = "flag",
	.parameters = parameters,
	.n_parameters = sizeof(parameters) / sizeof(parameters[0]),
	.parameter_size = sizeof(struct bouncer_parameter),
	.start = start,
};
