/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flags: the command line of `bouncer run`.
 *
 * Every key of the section `global` is a flag, under any spelling: one dash or
 * two, and case, `-` and `_` make no difference, so that `-checkInterval=1m`
 * of the original tool, `--check-interval 1m` and `--check_interval=1m` are the
 * same. `--config FILE` (`-configFile FILE`) names the file, `--help` asks.
 *
 * Pure: nothing is printed, and no file is looked at.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/arena.h"
#include "base/err.h"
#include "config/config.h"

#define FLAGS_MAX 64 /* different settings; more than there are keys */

struct flags {
	const char *config; /* the file; NULL: not given; borrowed from argv */
	bool help;
	struct config_override overrides[FLAGS_MAX];
	size_t n_overrides;
	struct arena memory;
};

/*
 * flags_parse() - read what stands after `run`
 * @argv: borrowed as long as @flags
 *
 * Of a flag given twice the last counts. Returns 0, -ENOMEM, or -EINVAL with
 * words that suggest the nearest flag; flags_fini() in any case.
 */
int flags_parse(struct flags *flags, int argc, char *const *argv,
                struct err *err) MUST_CHECK;
void flags_fini(struct flags *flags);
