/* SPDX-License-Identifier: Apache-2.0 */
#include "action/target_check.h"

#include <stdio.h>
#include <string.h>
#include "action/step_kinds.h"

static enum step_result refuse(struct bounce *bounce, enum step_result result,
                               const char *format, ...) PRINTF_LIKE(3, 4);

static enum step_result refuse(struct bounce *bounce, enum step_result result,
                               const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(bounce->detail, sizeof(bounce->detail), format, args);
	va_end(args);
	return result;
}

/* It has ended, and nothing has happened to it since it was judged. */
static enum step_result check_remove(struct bounce *bounce,
                                     const struct runtime_target *found)
{
	const char *target = bounce->target;

	if (found->status != RUNTIME_STATUS_EXITED)
		return refuse(bounce, STEP_LEFT_ALONE,
		              "%s has not ended, or has been started again",
		              target);
	if (found->ephemeral || bounce->found.auto_remove)
		return refuse(bounce, STEP_LEFT_ALONE,
		              "the engine itself removes %s", target);
	if (bounce->finished_wall_ms == 0)
		return STEP_OK;
	/* some engines do not say when it ended */
	if (bounce->found.known && bounce->found.finished_wall_ms == 0)
		return STEP_OK;
	if (!bounce->found.known ||
	    bounce->found.finished_wall_ms != bounce->finished_wall_ms)
		return refuse(bounce, STEP_LEFT_ALONE,
		              "%s has run again since it was judged", target);
	return STEP_OK;
}

static enum step_result check_exited(struct bounce *bounce,
                                     const struct runtime_target *found)
{
	bool by_us =
		bounce->stopped_before ||
		promises_has(bounce->bouncer->promises, bounce->runtime_name,
	                     bounce->target, bounce->project);

	if (found->stopped_by_hand && !by_us)
		return refuse(bounce, STEP_LEFT_ALONE,
		              "%s was stopped by somebody; start it by hand if "
		              "it is to run",
		              bounce->target);
	return STEP_OK;
}

enum step_result target_check(struct bounce *bounce,
                              const struct runtime_target *found)
{
	const struct step_action *action = step_action_of(bounce->step->kind);
	const char *target = bounce->target;

	if (bounce->id && found->id[0] && strcmp(bounce->id, found->id) != 0)
		return refuse(bounce, STEP_LEFT_ALONE,
		              "%s is another container now", target);
	if (found->status == RUNTIME_STATUS_PAUSED)
		return refuse(bounce, STEP_LEFT_ALONE,
		              "%s is paused; somebody did that on purpose",
		              target);
	if (found->status == RUNTIME_STATUS_RESTARTING)
		return refuse(bounce, STEP_LEFT_ALONE,
		              "the engine itself is restarting %s", target);
	if (bounce->step->kind == STEP_REMOVE)
		return check_remove(bounce, found);
	if (found->status == RUNTIME_STATUS_EXITED) {
		enum step_result result = check_exited(bounce, found);

		if (result != STEP_OK)
			return result;
	}
	if (found->status != RUNTIME_STATUS_RUNNING)
		return action->running ? refuse(bounce, STEP_FAILED,
		                                "%s is not running", target)
		                       : STEP_OK;
	if (bounce->step->kind == STEP_STOP && found->ephemeral)
		return refuse(bounce, STEP_FAILED,
		              "%s is ephemeral: stopping would delete it",
		              target);
	return STEP_OK;
}
