/* SPDX-License-Identifier: Apache-2.0 */
#include "action/bounce.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "action/step_kinds.h"
#include "base/mem.h"

#define OUTPUT_IN_DETAIL 200 /* bytes of a command's last words */

static void bouncer_maybe_closed(struct bouncer *bouncer);
static void on_turn(uv_timer_t *timer);

/* Everything starts and completes from the loop, never from a caller. */
static void want_turn(struct bouncer *bouncer)
{
	if (!bouncer->turn_closed)
		(void)uv_timer_start(&bouncer->turn, on_turn, 0, 0);
}

static void complete(struct bounce *bounce, enum step_result result)
{
	struct bouncer *bouncer = bounce->bouncer;

	list_unlink(&bounce->node);
	if (bounce->stage > BOUNCE_QUEUED)
		bouncer->n_running--;
	bounce->stage = BOUNCE_IDLE;
	bounce->result = result;
	bounce->duration_ms =
		bounce->began_ms ? uv_now(bouncer->loop) - bounce->began_ms : 0;
	runtime_call_fini(&bounce->call);
	mem_free(bounce->env);
	bounce->env = NULL;
	want_turn(bouncer); /* the next in line */
	bounce->done(bounce);
}

static void complete_with(struct bounce *bounce, enum step_result result,
                          const char *format, ...) PRINTF_LIKE(3, 4);

static void complete_with(struct bounce *bounce, enum step_result result,
                          const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(bounce->detail, sizeof(bounce->detail), format, args);
	va_end(args);
	complete(bounce, result);
}

static enum step_result step_result_of(enum runtime_result result)
{
	static const enum step_result results[] = {
		[RUNTIME_OK] = STEP_OK,
		[RUNTIME_FAILED] = STEP_FAILED,
		[RUNTIME_TIMED_OUT] = STEP_TIMED_OUT,
		[RUNTIME_NO_TARGET] = STEP_NO_TARGET,
		[RUNTIME_LEFT_ALONE] = STEP_LEFT_ALONE,
		[RUNTIME_BUSY] = STEP_BUSY,
		[RUNTIME_UNAVAILABLE] = STEP_UNAVAILABLE,
		[RUNTIME_CANCELLED] = STEP_CANCELLED,
	};

	return results[result];
}

/* The last words of a command: its last line that is not empty. */
static struct slice last_line(struct slice output)
{
	size_t begin;

	while (output.n && strchr("\r\n \t", output.p[output.n - 1]))
		output.n--;
	begin = output.n;
	while (begin > 0 && output.p[begin - 1] != '\n')
		begin--;
	output = slice_skip(output, begin);
	output.n = MIN(output.n, OUTPUT_IN_DETAIL);
	return output;
}

/* --- acting ------------------------------------------------------------- */

static void on_acted(struct runtime_call *call)
{
	struct bounce *bounce = container_of(call, struct bounce, call);
	struct promise *promise = bounce->promise;
	struct slice words = last_line(buf_slice(&call->output));

	if (promise) {
		bounce->promise = NULL;
		promise_end(promise,
		            call->result != RUNTIME_OK &&
		                    call->found.status !=
		                            RUNTIME_STATUS_RUNNING &&
		                    call->result != RUNTIME_NO_TARGET &&
		                    call->result != RUNTIME_LEFT_ALONE);
	}
	if (words.n)
		complete_with(bounce, step_result_of(call->result),
		              "%s%soutput: " SLICE_FMT, call->err.message,
		              call->err.message[0] ? "; " : "",
		              SLICE_ARG(words));
	else
		complete_with(bounce, step_result_of(call->result), "%s",
		              call->err.message);
}

static void act(struct bounce *bounce)
{
	const struct step_action *action = step_action_of(bounce->step->kind);
	struct promise *promise = bounce->promise;

	bounce->stage = BOUNCE_ACTING;
	bounce->call.timeout_ms = bounce->step->timeout_ms;
	bounce->call.stop_timeout_ms = bounce->own_stop_timeout
	                                       ? bounce->stop_timeout_ms
	                                       : bounce->step->stop_timeout_ms;
	bounce->call.signal = bounce->step->signal;
	bounce->call.argv = bounce->step->argv;
	if (action->begin(bounce, on_acted) == 0)
		return;

	bounce->promise = NULL;
	if (promise)
		promise_withdraw(promise);
	complete_with(bounce, STEP_FAILED, "%s",
	              bounce->call.err.message[0] ? bounce->call.err.message
	                                          : "out of memory");
}

/* --- recording ---------------------------------------------------------- */

static void on_durable(void *context)
{
	struct bounce *bounce = context;

	if (!bounce->cancelled) {
		act(bounce);
		return;
	}
	if (bounce->promise)
		promise_withdraw(bounce->promise);
	bounce->promise = NULL;
	complete_with(bounce, STEP_CANCELLED, "cancelled before it began");
}

static void on_recorded(struct promise_wait *wait)
{
	on_durable(container_of(wait, struct bounce, wait));
}

static void promise(struct bounce *bounce)
{
	uv_timeval64_t now;

	(void)uv_gettimeofday(&now);
	bounce->promise = promise_make(
		bounce->bouncer->promises, bounce->runtime_name, bounce->target,
		bounce->project, now.tv_sec * 1000 + now.tv_usec / 1000,
		on_durable, bounce);
	if (!bounce->promise)
		complete_with(bounce, STEP_FAILED,
		              "cannot promise to bring the target back: out "
		              "of memory or too many open promises");
}

/* Whatever the step does, to the target or to us: that it was begun is known
 * to the next run. */
static void record_then_act(struct bounce *bounce)
{
	bounce->stage = BOUNCE_RECORDING;
	if (step_action_of(bounce->step->kind)->promises) {
		promise(bounce);
		return;
	}
	bounce->wait.durable = on_recorded;
	promises_save(bounce->bouncer->promises, &bounce->wait);
}

/* --- looking ------------------------------------------------------------ */

/* May the step go ahead on what was found? Else it is completed. */
static bool look(struct bounce *bounce, const struct runtime_target *found)
{
	const struct step_action *action = step_action_of(bounce->step->kind);
	bool by_us =
		bounce->stopped_before ||
		promises_has(bounce->bouncer->promises, bounce->runtime_name,
	                     bounce->target, bounce->project);

	switch (found->status) {
	case RUNTIME_STATUS_PAUSED:
		complete_with(bounce, STEP_LEFT_ALONE,
		              "%s is paused; somebody did that on purpose",
		              bounce->target);
		return false;
	case RUNTIME_STATUS_RESTARTING:
		complete_with(bounce, STEP_LEFT_ALONE,
		              "the engine itself is restarting %s",
		              bounce->target);
		return false;
	case RUNTIME_STATUS_EXITED:
		if (found->stopped_by_hand && !by_us) {
			complete_with(bounce, STEP_LEFT_ALONE,
			              "%s was stopped by somebody; start it "
			              "by hand if it is to run",
			              bounce->target);
			return false;
		}
		break;
	case RUNTIME_STATUS_RUNNING:
		if (bounce->step->kind == STEP_STOP && found->ephemeral) {
			complete_with(bounce, STEP_FAILED,
			              "%s is ephemeral: stopping would delete "
			              "it",
			              bounce->target);
			return false;
		}
		return true;
	case RUNTIME_STATUS_OTHER:
		break;
	}
	if (action->running) {
		complete_with(bounce, STEP_FAILED, "%s is not running",
		              bounce->target);
		return false;
	}
	return true;
}

static void on_looked(struct runtime_call *call)
{
	struct bounce *bounce = container_of(call, struct bounce, call);

	if (bounce->cancelled || call->result == RUNTIME_CANCELLED)
		complete_with(bounce, STEP_CANCELLED,
		              "cancelled before it began");
	else if (call->result != RUNTIME_OK)
		complete_with(bounce, step_result_of(call->result), "%s",
		              call->err.message);
	else if (!look(bounce, &call->found))
		return;
	else if (bounce->dry_run)
		complete_with(bounce, STEP_DRY_RUN, "would %s %s",
		              step_kind_name(bounce->step->kind),
		              bounce->target);
	else
		record_then_act(bounce);
}

/* Its turn has come. */
static void begin(struct bounce *bounce)
{
	struct bouncer *bouncer = bounce->bouncer;
	const struct step *step = bounce->step;

	list_unlink(&bounce->node);
	list_append(&bouncer->running, &bounce->node);
	bouncer->n_running++;
	bounce->stage = BOUNCE_LOOKING;
	bounce->began_ms = uv_now(bouncer->loop);
	bounce->call = (struct runtime_call){ .target = bounce->target,
		                              .project = bounce->project,
		                              .stop_timeout_ms = -1 };

	if (step->kind == STEP_LOG && bounce->dry_run) {
		complete_with(bounce, STEP_DRY_RUN, "would log");
	} else if (step->kind == STEP_LOG) {
		log_warn(bouncer->log,
		         step->message ? step->message : "log step",
		         LOG_STR("monitor", bounce->monitor),
		         LOG_STR("reason", bounce->reason),
		         LOG_MS("age", bounce->age_ms));
		complete_with(bounce, STEP_OK, "%s",
		              step->message ? step->message : "");
	} else if (step_action_of(step->kind)->looks) {
		if (runtime_inspect(bounce->runtime, &bounce->call, on_looked) <
		    0)
			complete_with(bounce, STEP_FAILED, "out of memory");
	} else if (bounce->dry_run) {
		complete_with(bounce, STEP_DRY_RUN, "would run %s",
		              step->argv[0]);
	} else {
		record_then_act(bounce);
	}
}

/* --- the line ----------------------------------------------------------- */

static void cancel_marked(struct bouncer *bouncer)
{
	LIST_FOR_EACH_SAFE (node, &bouncer->queue) {
		struct bounce *bounce = container_of(node, struct bounce, node);

		if (bounce->cancelled)
			complete_with(bounce, STEP_CANCELLED,
			              "cancelled while it waited in line");
	}
}

static void on_turn(uv_timer_t *timer)
{
	struct bouncer *bouncer = container_of(timer, struct bouncer, turn);

	uv_update_time(bouncer->loop);
	cancel_marked(bouncer);
	while (!bouncer->closing &&
	       bouncer->n_running < bouncer->max_parallel &&
	       !list_empty(&bouncer->queue))
		begin(container_of(bouncer->queue.next, struct bounce, node));
	bouncer_maybe_closed(bouncer);
}

void bounce_start(struct bouncer *bouncer, struct bounce *bounce,
                  bounce_done_cb done)
{
	assert(bounce->stage == BOUNCE_IDLE && !bouncer->closing);
	bounce->bouncer = bouncer;
	bounce->done = done;
	bounce->stage = BOUNCE_QUEUED;
	bounce->cancelled = false;
	bounce->began_ms = 0;
	bounce->detail[0] = '\0';
	list_append(&bouncer->queue, &bounce->node);
	want_turn(bouncer);
}

void bounce_cancel(struct bounce *bounce)
{
	if (bounce->stage == BOUNCE_IDLE || bounce->stage == BOUNCE_ACTING)
		return;
	bounce->cancelled = true;
	want_turn(bounce->bouncer);
}

uint32_t bouncer_n_queued(const struct bouncer *bouncer)
{
	uint32_t n = bouncer->n_running;

	LIST_FOR_EACH (node, &bouncer->queue)
		n++;
	return n;
}

/* --- life --------------------------------------------------------------- */

int bouncer_init(struct bouncer *bouncer)
{
	list_init(&bouncer->queue);
	list_init(&bouncer->running);
	bouncer->n_running = 0;
	bouncer->closing = false;
	bouncer->turn_closed = false;
	return uv_timer_init(bouncer->loop, &bouncer->turn);
}

static void on_turn_closed(uv_handle_t *handle)
{
	struct bouncer *bouncer = container_of(handle, struct bouncer, turn);

	bouncer->closed(bouncer->closed_context);
}

static void bouncer_maybe_closed(struct bouncer *bouncer)
{
	if (!bouncer->closing || bouncer->turn_closed)
		return;
	if (!list_empty(&bouncer->queue) || !list_empty(&bouncer->running))
		return;
	bouncer->turn_closed = true;
	uv_close((uv_handle_t *)&bouncer->turn, on_turn_closed);
}

void bouncer_close(struct bouncer *bouncer, bouncer_closed_cb closed,
                   void *context)
{
	bouncer->closing = true;
	bouncer->closed = closed;
	bouncer->closed_context = context;
	LIST_FOR_EACH (node, &bouncer->queue)
		container_of(node, struct bounce, node)->cancelled = true;
	LIST_FOR_EACH (node, &bouncer->running) {
		struct bounce *bounce = container_of(node, struct bounce, node);

		bounce->cancelled = true;
		if (bounce->stage != BOUNCE_RECORDING)
			runtime_cancel(&bounce->call);
	}
	want_turn(bouncer);
}
