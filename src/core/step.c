/* SPDX-License-Identifier: Apache-2.0 */
#include "core/step.h"

static const char *const kind_names[N_STEP_KINDS] = {
	[STEP_RESTART] = "restart", [STEP_STOP] = "stop",
	[STEP_START] = "start",     [STEP_KILL] = "kill",
	[STEP_EXEC] = "exec",       [STEP_RUN] = "run",
	[STEP_LOG] = "log",         [STEP_REMOVE] = "remove",
	[STEP_WEBHOOK] = "webhook", [STEP_PLUGIN] = "plugin",
};

static const char *const result_names[N_STEP_RESULTS] = {
	[STEP_OK] = "ok",
	[STEP_FAILED] = "failed",
	[STEP_TIMED_OUT] = "timed_out",
	[STEP_NO_TARGET] = "no_target",
	[STEP_LEFT_ALONE] = "left_alone",
	[STEP_BUSY] = "busy",
	[STEP_UNAVAILABLE] = "unavailable",
	[STEP_CANCELLED] = "cancelled",
	[STEP_DRY_RUN] = "dry_run",
	[STEP_VETOED] = "vetoed",
	[STEP_THROTTLED] = "throttled",
};

const char *step_kind_name(enum step_kind kind)
{
	return kind_names[kind];
}

const char *step_result_name(enum step_result result)
{
	return result_names[result];
}
