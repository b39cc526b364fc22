/* SPDX-License-Identifier: Apache-2.0 */
#include "plugins/linked.h"

#include <string.h>
#include "base/macros.h"

#if BOUNCER_STATIC

/* BOUNCER_PLUGIN_OBJECT of each, as meson.build says. */
extern const struct bouncer_plugin plugin_efs_emergency;
extern const struct bouncer_plugin plugin_file_action;
extern const struct bouncer_plugin plugin_log_action;

const struct bouncer_plugin *plugin_linked(const char *name)
{
	static const struct bouncer_plugin *const plugins[] = {
		&plugin_efs_emergency,
		&plugin_file_action,
		&plugin_log_action,
	};

	for (size_t i = 0; i < ARRAY_SIZE(plugins); i++) {
		if (strcmp(plugins[i]->name, name) == 0)
			return plugins[i];
	}
	return NULL;
}

#else

const struct bouncer_plugin *plugin_linked(const char *name)
{
	(void)name;
	return NULL;
}

#endif
