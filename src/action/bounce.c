/* SPDX-License-Identifier: Apache-2.0 */
#include "action/bounce.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "action/step_kinds.h"
#include "action/step_text.h"
#include "action/target_check.h"
#include "base/duration.h"
#include "base/mem.h"
#include "base/signal_name.h"

#define OUTPUT_IN_DETAIL 200 /* bytes of a command's last words */

#define TURN_US 2000 /* steps are begun so long in a turn */

static void bouncer_maybe_closed(struct bouncer *bouncer);
static void on_turn(uv_timer_t *timer);

/* Everything starts and completes from the loop, never from a caller. */
static void want_turn(struct bouncer *bouncer)
{
	if (!bouncer->turn_closed)
		(void)uv_timer_start(&bouncer->turn, on_turn, 0, 0);
}

/* Where the lane has room, those who wait for that go back to their place in
 * line: only others who came back stand before it. */
static void lane_release(struct bouncer *bouncer, struct bounce_lane *lane)
{
	uint32_t room = lane->max_parallel
	                        ? lane->max_parallel - MIN(lane->n_running,
	                                                   lane->max_parallel)
	                        : UINT32_MAX;
	struct list *at = bouncer->queue.next;

	while (room-- > 0 && !list_empty(&lane->waiting)) {
		struct bounce *bounce = container_of(list_pop(&lane->waiting),
		                                     struct bounce, lane_node);

		list_unlink(&bounce->node);
		while (at != &bouncer->queue &&
		       container_of(at, struct bounce, node)->arrival <
		               bounce->arrival)
			at = at->next;
		list_append(at, &bounce->node);
	}
}

/* It holds nobody up. */
static void leave_line(struct bounce *bounce)
{
	struct bouncer *bouncer = bounce->bouncer;

	list_unlink(&bounce->node);
	list_unlink(&bounce->lane_node);
	if (bounce->stage <= BOUNCE_QUEUED)
		return;
	bouncer->n_running--;
	if (!bounce->lane)
		return;
	bounce->lane->n_running--;
	lane_release(bouncer, bounce->lane);
}

/* What was not begun after all may be begun by others. */
static bool has_acted(const struct bounce *bounce, enum step_result result)
{
	return result == STEP_OK || result == STEP_FAILED ||
	       result == STEP_TIMED_OUT || bounce->interrupted;
}

static void complete(struct bounce *bounce, enum step_result result)
{
	struct bouncer *bouncer = bounce->bouncer;

	leave_line(bounce);
	bounce->stage = BOUNCE_IDLE;
	if (bounce->noted && !has_acted(bounce, result))
		throttle_forget(&bouncer->throttle, bounce->action);
	bouncer->stats.n_throttled += result == STEP_THROTTLED;
	bounce->result = result;
	bounce->duration_ms =
		bounce->began_ms ? uv_now(bouncer->loop) - bounce->began_ms : 0;
	runtime_call_fini(&bounce->call);
	step_text_fini(bounce);
	mem_free(bounce->env_memory);
	bounce->env_memory = NULL;
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

/* True: it has ended, before it began to act. Asked at each stage: the lease may
 * have run out, also while the whole machine slept. */
static bool is_called_off(struct bounce *bounce)
{
	const struct bouncer *bouncer = bounce->bouncer;
	struct promise *promise = bounce->promise;
	const char *standby =
		bouncer->standby && !bounce->ordered
			? bouncer->standby(bouncer->standby_context)
			: NULL;

	if (!bounce->cancelled && !standby)
		return false;
	bounce->promise = NULL;
	if (promise)
		promise_withdraw(promise);
	if (bounce->cancelled)
		complete_with(bounce, STEP_CANCELLED,
		              "cancelled before it began");
	else
		complete_with(bounce, STEP_CANCELLED,
		              "not begun: we are on standby, %s", standby);
	return true;
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

static void add_words(struct buf *out, const char *before, struct slice words)
{
	if (words.n == 0)
		return;
	(void)buf_printf(out, "%s%s" SLICE_FMT, out->n ? "; " : "", before,
	                 SLICE_ARG(words));
}

/* How the call went, with the last words of a command; of one that was filled
 * in, what it was. */
static void complete_call(struct bounce *bounce, enum step_result result)
{
	const struct runtime_call *call = &bounce->call;
	struct buf detail;

	buf_init(&detail, 2 * BOUNCE_DETAIL_MAX);
	step_text_show(bounce, &detail);
	add_words(&detail, "", slice_from(call->err.message));
	add_words(&detail, "output: ", last_line(buf_slice(&call->output)));
	complete_with(bounce, result, "%s", buf_text(&detail));
	buf_fini(&detail);
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

/* It may have ended by itself just before. */
static void note_interrupted(struct bounce *bounce)
{
	struct bouncer_stats *stats = &bounce->bouncer->stats;
	struct runtime_call *call = &bounce->call;

	if (!bounce->interrupted)
		return;
	bounce->interrupted = call->result == RUNTIME_CANCELLED;
	if (!bounce->interrupted) {
		stats->n_not_reached++;
		return;
	}
	stats->n_interrupted++;
	(void)err_set(&call->err, UV_ECANCELED,
	              "interrupted by %s: it is over, what it was for",
	              bounce->interrupt_signal);
}

static void on_acted(struct runtime_call *call)
{
	struct bounce *bounce = container_of(call, struct bounce, call);
	struct promise *promise = bounce->promise;

	note_interrupted(bounce);
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
	bounce->call.argv = step_argv(bounce);
	if (bounce->interrupt_signal)
		bounce->call.cancel_signal =
			signal_number(slice_from(bounce->interrupt_signal));
	bounce->call.cancel_grace_ms = bounce->interrupt_grace_ms;
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

	if (!is_called_off(bounce))
		act(bounce);
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

	if (is_called_off(bounce))
		return;
	if (call->result == RUNTIME_CANCELLED) {
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

	if (is_called_off(bounce))
		return;
	bounce->stage = BOUNCE_ASKING;
	prepare_call(bounce);
	if (step_begin_before(bounce, on_asked) < 0)
		complete_with(bounce, STEP_FAILED, "out of memory");
}

/* --- looking ------------------------------------------------------------ */

static void write_log(struct bounce *bounce)
{
	const char *message =
		bounce->message ? bounce->message : bounce->step->message;
	const char *value = bounce->notice ? bounce->notice->value : NULL;

	log_warn(bounce->bouncer->log, message ? message : "log step",
	         LOG_STR("monitor", bounce->monitor),
	         LOG_STR("reason", bounce->reason),
	         value ? LOG_STR("value", value)
	               : LOG_MS("age", bounce->age_ms));
	complete_with(bounce, STEP_OK, "%s", message ? message : "");
}

/* True: the bounce has ended. From here on the action counts as begun, so that
 * of two that ask a command before it only one does it. */
static bool throttle(struct bounce *bounce)
{
	struct bouncer *bouncer = bounce->bouncer;
	uint64_t now_ms = uv_now(bouncer->loop);
	char span[DURATION_TEXT_MAX];
	uint64_t wait_ms;
	int r;

	if (!bounce->throttle_ms || bounce->noted)
		return false;
	r = step_digest(bounce, bounce->action);
	wait_ms = r < 0 ? 0
	                : throttle_wait(&bouncer->throttle, bounce->action,
	                                bounce->throttle_ms, now_ms);
	if (r == 0 && wait_ms == 0)
		r = throttle_note(&bouncer->throttle, bounce->action, now_ms);
	bounce->noted = r == 0 && wait_ms == 0;
	if (bounce->noted)
		return false;
	if (r < 0)
		complete_with(bounce, STEP_FAILED, "out of memory");
	else
		complete_with(bounce, STEP_THROTTLED,
		              "the same was begun less than %s ago",
		              duration_format(bounce->throttle_ms, span));
	return true;
}

/* Nothing about the target speaks against it. */
static void proceed(struct bounce *bounce)
{
	if (bounce->dry_run) {
		step_say(bounce);
		complete(bounce, STEP_DRY_RUN);
	} else if (throttle(bounce)) {
		return;
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

	if (is_called_off(bounce))
		return;
	if (call->result == RUNTIME_CANCELLED)
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
	if (bounce->lane)
		bounce->lane->n_running++;
	bounce->stage = BOUNCE_LOOKING;
	bounce->began_ms = uv_now(bouncer->loop);
	prepare_call(bounce);
	if (is_called_off(bounce))
		return;
	if (step_text_fill(bounce, &bounce->call.err) < 0)
		complete_with(bounce, STEP_FAILED, "%s",
		              bounce->call.err.message);
	else
		look(bounce);
}

/* --- the line ----------------------------------------------------------- */

static void finish_cancelled(struct bouncer *bouncer)
{
	while (!list_empty(&bouncer->cancelled))
		complete_with(container_of(bouncer->cancelled.next,
		                           struct bounce, node),
		              STEP_CANCELLED,
		              "cancelled while it waited in line");
}

static bool lane_is_full(const struct bounce_lane *lane)
{
	return lane && lane->max_parallel &&
	       lane->n_running >= lane->max_parallel;
}

/* Until one of its lane ends; others go on meanwhile. Who comes back has its
 * old place, which is at the end for those who come for the first time. */
static void hold(struct bounce *bounce)
{
	struct list *waiting = &bounce->lane->waiting;
	struct list *at = waiting;

	while (at->prev != waiting &&
	       container_of(at->prev, struct bounce, lane_node)->arrival >
	               bounce->arrival)
		at = at->prev;
	list_append(at, &bounce->lane_node);
	list_unlink(&bounce->node);
	list_append(&bounce->bouncer->held, &bounce->node);
}

static void on_turn(uv_timer_t *timer)
{
	struct bouncer *bouncer = container_of(timer, struct bouncer, turn);
	uint64_t until_ns = uv_hrtime() + TURN_US * 1000ull;

	uv_update_time(bouncer->loop);
	finish_cancelled(bouncer);
	while (!bouncer->closing &&
	       bouncer->n_running < bouncer->max_parallel &&
	       !list_empty(&bouncer->queue)) {
		struct bounce *first =
			container_of(bouncer->queue.next, struct bounce, node);

		if (lane_is_full(first->lane))
			hold(first);
		else
			begin(first);
		/* to start a process takes a while: others are served, too */
		if (uv_hrtime() >= until_ns) {
			want_turn(bouncer);
			break;
		}
	}
	bouncer_maybe_closed(bouncer);
}

void bounce_start(struct bouncer *bouncer, struct bounce *bounce,
                  bounce_done_cb done)
{
	assert(bounce->stage == BOUNCE_IDLE && !bouncer->closing);
	bounce->bouncer = bouncer;
	bounce->done = done;
	bounce->stage = BOUNCE_QUEUED;
	bounce->arrival = ++bouncer->n_arrived;
	bounce->cancelled = false;
	bounce->interrupted = false;
	bounce->noted = false;
	bounce->asked = false;
	bounce->send = NULL;
	bounce->plugin = (struct plugin_call){ 0 };
	bounce->call = (struct runtime_call){ 0 };
	bounce->began_ms = 0;
	bounce->detail[0] = '\0';
	list_init(&bounce->lane_node);
	list_append(&bouncer->queue, &bounce->node);
	want_turn(bouncer);
}

/* Of the line, however long that is: its end is told in the next turn. */
static void take_out(struct bounce *bounce)
{
	list_unlink(&bounce->node);
	list_unlink(&bounce->lane_node);
	list_append(&bounce->bouncer->cancelled, &bounce->node);
}

void bounce_cancel(struct bounce *bounce)
{
	if (bounce->stage == BOUNCE_IDLE || bounce->stage == BOUNCE_ACTING)
		return;
	bounce->cancelled = true;
	if (bounce->stage == BOUNCE_QUEUED)
		take_out(bounce);
	want_turn(bounce->bouncer);
}

void bounce_interrupt(struct bounce *bounce)
{
	enum step_kind kind = bounce->step->kind;

	if (bounce->stage != BOUNCE_ACTING) {
		bounce_cancel(bounce);
		return;
	}
	if (bounce->interrupted || !bounce->interrupt_signal ||
	    (kind != STEP_RUN && kind != STEP_PLUGIN))
		return;
	bounce->interrupted = true;
	step_cancel(bounce);
}

/* --- life --------------------------------------------------------------- */

void bounce_lane_init(struct bounce_lane *lane)
{
	*lane = (struct bounce_lane){ 0 };
	list_init(&lane->waiting);
}

int bouncer_init(struct bouncer *bouncer)
{
	/* prometheus-am-executor's */
	static const double bounds[] = { 1, 10, 60, 600, 900, 1800 };

	bouncer->stats = (struct bouncer_stats){
		.seconds = { .bounds = bounds, .n_bounds = ARRAY_SIZE(bounds) },
	};
	throttle_init(&bouncer->throttle);
	bouncer->n_arrived = 0;
	list_init(&bouncer->queue);
	list_init(&bouncer->held);
	list_init(&bouncer->cancelled);
	list_init(&bouncer->running);
	bouncer->n_running = 0;
	bouncer->closing = false;
	bouncer->turn_closed = false;
	return uv_timer_init(bouncer->loop, &bouncer->turn);
}

static void on_turn_closed(uv_handle_t *handle)
{
	struct bouncer *bouncer = container_of(handle, struct bouncer, turn);

	throttle_fini(&bouncer->throttle);
	bouncer->closed(bouncer->closed_context);
}

static void bouncer_maybe_closed(struct bouncer *bouncer)
{
	if (!bouncer->closing || bouncer->turn_closed)
		return;
	if (!list_empty(&bouncer->queue) || !list_empty(&bouncer->held) ||
	    !list_empty(&bouncer->cancelled) || !list_empty(&bouncer->running))
		return;
	bouncer->turn_closed = true;
	uv_close((uv_handle_t *)&bouncer->turn, on_turn_closed);
}

static void cancel_all(struct list *line)
{
	LIST_FOR_EACH_SAFE (node, line)
		bounce_cancel(container_of(node, struct bounce, node));
}

void bouncer_close(struct bouncer *bouncer, bouncer_closed_cb closed,
                   void *context)
{
	bouncer->closing = true;
	bouncer->closed = closed;
	bouncer->closed_context = context;
	cancel_all(&bouncer->queue);
	cancel_all(&bouncer->held);
	LIST_FOR_EACH (node, &bouncer->running) {
		struct bounce *bounce = container_of(node, struct bounce, node);

		bounce->cancelled = true;
		if (bounce->stage != BOUNCE_RECORDING)
			step_cancel(bounce);
	}
	want_turn(bouncer);
}
