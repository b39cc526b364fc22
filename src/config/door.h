/* SPDX-License-Identifier: Apache-2.0 */
/*
 * door: the front doors for users of other tools. What those were told by
 * flags and by the environment becomes the text of a configuration of ours,
 * which is then loaded like any file: what --print-config shows is what runs.
 *
 *   mon       github.com/bengreenier/docker-mon: flags, MON_*, labels mon.*;
 *             the environment wins over flags, as there. Where its README and
 *             its code differ, this is its README.
 *   autoheal  github.com/willfarrell/docker-autoheal: AUTOHEAL_* and others;
 *             also what tmknight/docker-autoheal calls differently, and its
 *             flags, which win over the environment; also the labels of that
 *             and of qdm12/deunhealth.
 *
 *   metric-reader  github.com/macmiranda/metric-reader: the environment of its
 *             first form (THRESHOLD) and of its later one (SOFT_…, HARD_…); its
 *             file is not read. Nonsense is an error that names the variable.
 *   am-executor    github.com/imgix/prometheus-am-executor: its flags, its
 *             file, which is given as text, and a command behind the flags.
 *
 * Guards that they lack (storm, budget, growing pauses) are off. What has no
 * meaning any more is warned of. Pure: nothing is printed or opened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define DOOR_EXEC "exec:" /* before the path of a program: a plugin, too */

struct door {
	struct buf text;     /* the configuration, YAML */
	struct buf warnings; /* lines */
	bool print;          /* --print-config */
	bool help;           /* --help; then there is no text */
	int n_flags;         /* arguments that were flags */
	/* metric-reader: plugins that must be there, and who names them: files
	 * of plugin_dir, or programs behind DOOR_EXEC */
	struct door_plugin {
		const char *variable;
		const char *name;
	} plugins[2];
	const char *plugin_dir; /* of those; NULL */
};

/*
 * door_mon(), door_autoheal() - from settings to the text
 * @argv: what stands behind the name of the tool
 * @envp: "NAME=value", NULL-terminated
 *
 * Return 0, -ENOMEM, or -EINVAL with words; door_fini() in any case.
 */
int door_mon(struct door *door, int argc, char *const *argv,
             const char *const *envp, struct err *err) MUST_CHECK;
int door_autoheal(struct door *door, int argc, char *const *argv,
                  const char *const *envp, struct err *err) MUST_CHECK;

int door_metric_reader(struct door *door, int argc, char *const *argv,
                       const char *const *envp, struct err *err) MUST_CHECK;

/*
 * door_am_executor() - the same, and from a file
 * @file: NULL, or the text of the file that door_am_executor_file() names
 *
 * What is wrong with the file is in door->warnings, a line each.
 */
int door_am_executor(struct door *door, int argc, char *const *argv,
                     const struct slice *file, struct err *err) MUST_CHECK;

/* The value of -f; NULL: none is given. */
const char *door_am_executor_file(int argc, char *const *argv);

void door_fini(struct door *door);
