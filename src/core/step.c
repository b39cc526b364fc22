/* SPDX-License-Identifier: Apache-2.0 */
#include "core/step.h"

static const char *const names[N_STEP_KINDS] = {
	[STEP_RESTART] = "restart", [STEP_STOP] = "stop",
	[STEP_START] = "start",     [STEP_KILL] = "kill",
	[STEP_EXEC] = "exec",       [STEP_RUN] = "run",
	[STEP_LOG] = "log",
};

const char *step_kind_name(enum step_kind kind)
{
	return names[kind];
}
