/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linked: the shipped plugins as part of the program, where it is linked
 * statically and can load none. They are the same sources as the shared
 * objects, and know nothing of the difference.
 */
#pragma once

#include "bouncer/plugin.h"

#define PLUGINS_LINKED "efs_emergency, file_action and log_action"

/* NULL: it is no plugin of ours, or this program loads it from plugin_dir. */
const struct bouncer_plugin *plugin_linked(const char *name);
