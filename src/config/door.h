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
 * Guards that they lack (storm, budget, growing pauses) are off. What has no
 * meaning any more is warned of. Pure: nothing is printed or opened.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"

struct door {
	struct buf text;     /* the configuration, YAML */
	struct buf warnings; /* lines */
	bool print;          /* --print-config */
	bool help;           /* --help; then there is no text */
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

void door_fini(struct door *door);
