/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plugin_parameters: what a plugin says of itself, and what a step gives it,
 * checked and read.
 *
 * A value is, in this order: what the step's `parameters:` say, the variable
 * of the environment that the plugin names, the plugin's default. It may have
 * `{{ names }}` (core/template.h) if the step gives it; what it is then known
 * for is known when an action starts.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "bouncer/plugin.h"
#include "core/notice.h"
#include "core/step.h"

#define PLUGIN_MAX_PARAMETERS 64
#define PLUGIN_MAX_STATE      65536 /* bytes for one action */
#define PLUGIN_MAX_VALUE      65536 /* bytes of one, with its names filled in */
#define PLUGIN_NAME_MAX       64

/* May a file, and a plugin, be called so? [A-Za-z0-9_-]+ */
bool plugin_name_is_good(const char *name);

/*
 * plugin_describe() - is what a plugin says of itself, usable here?
 * @said: the object that it exports; what it has is taken from it up to its
 *        `size`
 * @name: of its file
 * @plugin: a copy, in which what it does not say is zero
 *
 * 0, or -EINVAL with what is wrong: the version of the interface, the name, a
 * parameter.
 */
int plugin_describe(const struct bouncer_plugin *said, const char *name,
                    struct bouncer_plugin *plugin, struct err *err) MUST_CHECK;

/* Its parameter number @i, likewise. */
struct bouncer_parameter plugin_parameter(const struct bouncer_plugin *plugin,
                                          size_t i);

/*
 * plugin_values() - what a step gives, read as the plugin says
 * @environment: as getenv(); NULL: there is none
 * @notice: fills in names; NULL: they are not known yet
 *
 * 0 with one value for each parameter, which lie in @arena or are borrowed
 * from the step, the plugin and the environment; -EINVAL with words that name
 * the parameter; -ENOMEM.
 */
int plugin_values(const struct bouncer_plugin *plugin,
                  const struct step_plugin *step,
                  char *(*environment)(const char *name),
                  const struct notice *notice, struct arena *arena,
                  struct bouncer_value **valuesp, struct err *err) MUST_CHECK;
