/* SPDX-License-Identifier: Apache-2.0 */
#include "action/bounce.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "action/step_kinds.h"
#include "action/target_check.h"
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

/* How the call went, with the last words of a command. */
static void complete_call(struct bounce *bounce, enum step_result result)
{
	const struct runtime_call *call = &bounce->call;
	struct slice words = last_line(buf_slice(&call->output));

	if (words.n)
		complete_with(bounce, result, "%s%soutput: " SLICE_FMT,
		              call->err.message,
		              call->err.message[0] ? "; " : "",
		              SLICE_ARG(words));
	else
		complete_with(bounce, result, "%s", call->err.message);
}

/* Where the container that is meant is gone, there may be another one. */
static bool is_replaced(const struct bounce *bounce)
{
	return bounce->id && bounce->call.result == RUNTIME_NO_TARGET;
}

static void complete_replaced(struct bounce *bounce)
{
	complete_with(bounce, STEP_LEFT_ALONE,
	              "%s is gone, or is another container now",
	              bounce->target);
}

static void on_acted(struct runtime_call *call)
{
	struct bounce *bounce = container_of(call, struct bounce, call);
	struct promise *promise = bounce->promise;

	if (promise) {
		bounce->promise = NULL;
		promise_end(promise,
		            call->result != RUNTIME_OK &&
		                    call->found.status !=
		                            RUNTIME_STATUS_RUNNING &&
		                    call->result != RUNTIME_NO_TARGET &&
		                    call->result != RUNTIME_LEFT_ALONE);
	}
	if (bounce->step->kind == STEP_REMOVE && call->result == RUNTIME_OK)
		complete_with(bounce, STEP_OK, "the name %s is free",
		              bounce->target);
	else if (is_replaced(bounce))
		complete_replaced(bounce);
	else
		complete_call(bounce, step_result_of(call->result));
}

/* Where recording took its time, the runtime looks again. */
static bool is_fresh(const struct bounce *bounce)
{
	return bounce->seen_ms && uv_now(bounce->bouncer->loop) <=
	                                  bounce->seen_ms + BOUNCE_SEEN_MS;
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
	bounce->call.container = NULL;
	bounce->call.seen = is_fresh(bounce) ? &bounce->seen : NULL;
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
		bounce->monitor, on_durable, bounce);
	if (!bounce->promise)
		complete_with(bounce, STEP_FAILED,
		              "cannot promise to bring the target back: out "
		              "of memory or too many open promises");
}

/* Whatever the step does, to the target or to us: that it was begun is known
 * to the next run. What only an engine does leaves the machine as it is;
 * another step may be its reboot, and is on disk. */
static void record_then_act(struct bounce *bounce)
{
	const struct step_action *action = step_action_of(bounce->step->kind);

	bounce->stage = BOUNCE_RECORDING;
	if (action->promises) {
		promise(bounce);
		return;
	}
	bounce->wait = (struct promise_wait){
		.begun = action->on_disk ? NULL : bounce->monitor,
		.durable = on_recorded,
	};
	promises_save(bounce->bouncer->promises, &bounce->wait);
}

/* --- the command before it ------------------------------------------------ */

static void look(struct bounce *bounce);

static void prepare_call(struct bounce *bounce)
{
	/* what is no id of its engine, LXD's, stands for itself */
	bool by_id = bounce->id && !strchr(bounce->id, '/');

	runtime_call_fini(&bounce->call);
	bounce->call = (struct runtime_call){
		.target = by_id ? bounce->id : bounce->target,
		.project = bounce->project,
		.stop_timeout_ms = -1,
	};
}

static void on_asked(struct runtime_call *call)
{
	struct bounce *bounce = container_of(call, struct bounce, call);
	char said[ERR_MESSAGE_SIZE];

	if (bounce->cancelled || call->result == RUNTIME_CANCELLED) {
		complete_with(bounce, STEP_CANCELLED,
		              "cancelled before it began");
	} else if (call->result != RUNTIME_OK) {
		memcpy(said, call->err.message, sizeof(said));
		(void)err_set(&call->err, call->err.code, "%s says no: %s",
		              bounce->before[0], said);
		complete_call(bounce, STEP_VETOED);
	} else {
		/* that took its time: the target is looked at again */
		bounce->asked = true;
		prepare_call(bounce);
		look(bounce);
	}
}

static void on_recorded_to_ask(struct promise_wait *wait)
{
	struct bounce *bounce = container_of(wait, struct bounce, wait);

	if (bounce->cancelled) {
		complete_with(bounce, STEP_CANCELLED,
		              "cancelled before it began");
		return;
	}
	bounce->stage = BOUNCE_ASKING;
	prepare_call(bounce);
	if (step_begin_before(bounce, on_asked) < 0)
		complete_with(bounce, STEP_FAILED, "out of memory");
}

/* --- looking ------------------------------------------------------------ */

static void write_log(struct bounce *bounce)
{
	const char *message = bounce->step->message;

	log_warn(bounce->bouncer->log, message ? message : "log step",
	         LOG_STR("monitor", bounce->monitor),
	         LOG_STR("reason", bounce->reason),
	         LOG_MS("age", bounce->age_ms));
	complete_with(bounce, STEP_OK, "%s", message ? message : "");
}

/* Nothing about the target speaks against it. */
static void proceed(struct bounce *bounce)
{
	if (bounce->dry_run) {
		step_say(bounce);
		complete(bounce, STEP_DRY_RUN);
	} else if (bounce->before && !bounce->asked) {
		bounce->stage = BOUNCE_RECORDING;
		bounce->wait = (struct promise_wait){
			.durable = on_recorded_to_ask,
		};
		promises_save(bounce->bouncer->promises, &bounce->wait);
	} else if (bounce->step->kind == STEP_LOG) {
		write_log(bounce);
	} else {
		record_then_act(bounce);
	}
}

static void judge(struct bounce *bounce, const struct runtime_target *found)
{
	enum step_result result = target_check(bounce, found);

	if (result == STEP_OK)
		proceed(bounce);
	else
		complete(bounce, result);
}

static void on_found(struct runtime_call *call,
                     const struct container *container)
{
	struct bounce *bounce = container_of(call, struct bounce, call);

	bounce->found = (struct bounce_found){
		.known = true,
		.auto_remove = container->auto_remove,
		.started_wall_ms = container->started_wall_ms,
		.finished_wall_ms = container->finished_wall_ms,
	};
}

static void judge_found(struct bounce *bounce)
{
	bounce->seen = bounce->call.found;
	bounce->seen_ms = uv_now(bounce->bouncer->loop);
	judge(bounce, &bounce->seen);
}

static void on_looked(struct runtime_call *call)
{
	struct bounce *bounce = container_of(call, struct bounce, call);

	if (bounce->cancelled || call->result == RUNTIME_CANCELLED)
		complete_with(bounce, STEP_CANCELLED,
		              "cancelled before it began");
	else if (is_replaced(bounce))
		complete_replaced(bounce);
	else if (call->result != RUNTIME_OK)
		complete_with(bounce, step_result_of(call->result), "%s",
		              call->err.message);
	else
		judge_found(bounce);
}

/* Somebody has looked just now? A removal cannot be taken back, and a command
 * in between may have taken any time. */
static bool is_seen(const struct bounce *bounce)
{
	return bounce->seen_ms && !bounce->asked &&
	       bounce->step->kind != STEP_REMOVE &&
	       bounce->began_ms <= bounce->seen_ms + BOUNCE_SEEN_MS;
}

static void look(struct bounce *bounce)
{
	bounce->stage = BOUNCE_LOOKING;
	bounce->found = (struct bounce_found){ 0 };
	if (!step_action_of(bounce->step->kind)->looks) {
		proceed(bounce);
	} else if (is_seen(bounce)) {
		judge(bounce, &bounce->seen);
	} else {
		bounce->call.container = on_found;
		if (runtime_inspect(bounce->runtime, &bounce->call, on_looked) <
		    0)
			complete_with(bounce, STEP_FAILED, "out of memory");
	}
}

/* Its turn has come. */
static void begin(struct bounce *bounce)
{
	struct bouncer *bouncer = bounce->bouncer;

	list_unlink(&bounce->node);
	list_append(&bouncer->running, &bounce->node);
	bouncer->n_running++;
	bounce->began_ms = uv_now(bouncer->loop);
	prepare_call(bounce);
	look(bounce);
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
	bounce->asked = false;
	bounce->send = NULL;
	bounce->plugin = (struct plugin_call){ 0 };
	bounce->call = (struct runtime_call){ 0 };
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
			step_cancel(bounce);
	}
	want_turn(bouncer);
}
