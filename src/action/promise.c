/* SPDX-License-Identifier: Apache-2.0 */
#include "action/promise.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/mem.h"

#define PROMISE_START_TIMEOUT_MS 60000

struct promises {
	uv_loop_t *loop;
	const struct log *log;
	const struct promises_ops *ops;
	struct list list;
	uint32_t n;
	uv_timer_t timer; /* armed for the next try */
	struct rng rng;
	bool closing;
	bool timer_closed;
	promises_closed_cb closed;
	void *closed_context;
};

static void promises_arm(struct promises *promises);
static void promises_maybe_closed(struct promises *promises);

struct promises *promises_new(uv_loop_t *loop, const struct log *log,
                              const struct promises_ops *ops, uint64_t seed)
{
	struct promises *promises = mem_calloc(1, sizeof(*promises));

	if (!promises)
		return NULL;
	promises->loop = loop;
	promises->log = log;
	promises->ops = ops;
	promises->rng.state = seed;
	list_init(&promises->list);
	if (uv_timer_init(loop, &promises->timer) < 0) {
		mem_free(promises);
		return NULL;
	}
	return promises;
}

static void promise_free(struct promise *promise)
{
	list_unlink(&promise->node);
	promise->promises->n--;
	mem_free(promise->runtime);
	mem_free(promise->target);
	mem_free(promise->project);
	mem_free(promise);
}

static struct promise *promise_new(struct promises *promises,
                                   const char *runtime, const char *target,
                                   const char *project, int64_t wall_ms)
{
	struct promise *promise;

	if (promises->n >= PROMISE_MAX)
		return NULL;
	promise = mem_calloc(1, sizeof(*promise));
	if (!promise)
		return NULL;
	promise->promises = promises;
	promise->since_wall_ms = wall_ms;
	promise->runtime = mem_strdup(runtime);
	promise->target = mem_strdup(target);
	promise->project = mem_strdup(project ? project : "");
	list_append(&promises->list, &promise->node);
	promises->n++;
	if (!promise->runtime || !promise->target || !promise->project) {
		promise_free(promise);
		return NULL;
	}
	return promise;
}

static struct promise *promise_find(const struct promises *promises,
                                    const char *runtime, const char *target,
                                    const char *project)
{
	LIST_FOR_EACH (node, &promises->list) {
		struct promise *promise =
			container_of(node, struct promise, node);

		if (strcmp(promise->target, target) == 0 &&
		    strcmp(promise->runtime, runtime) == 0 &&
		    strcmp(promise->project, project ? project : "") == 0)
			return promise;
	}
	return NULL;
}

bool promises_has(const struct promises *promises, const char *runtime,
                  const char *target, const char *project)
{
	return promise_find(promises, runtime, target, project) != NULL;
}

const struct list *promises_list(const struct promises *promises)
{
	return &promises->list;
}

uint32_t promises_n_owed(const struct promises *promises)
{
	uint32_t n = 0;

	LIST_FOR_EACH (node, &promises->list)
		n += container_of(node, struct promise, node)->owed;
	return n;
}

void promises_save(struct promises *promises, struct promise_wait *wait)
{
	promises->ops->save(promises->ops->context, wait);
}

static void on_durable(struct promise_wait *wait)
{
	struct promise *promise = container_of(wait, struct promise, wait);

	promise->durable(promise->durable_context);
}

struct promise *promise_make(struct promises *promises, const char *runtime,
                             const char *target, const char *project,
                             int64_t wall_ms, const char *monitor,
                             promise_durable_cb durable, void *context)
{
	struct promise *promise =
		promise_find(promises, runtime, target, project);

	if (!promise)
		promise = promise_new(promises, runtime, target, project,
		                      wall_ms);
	if (!promise)
		return NULL;
	promise->used = true;
	promise->durable = durable;
	promise->durable_context = context;
	promise->wait = (struct promise_wait){
		.begun = monitor,
		.promise = promise,
		.durable = on_durable,
	};
	promises_save(promises, &promise->wait);
	return promise;
}

void promise_withdraw(struct promise *promise)
{
	promise_end(promise, promise->owed);
}

void promise_end(struct promise *promise, bool owed)
{
	struct promises *promises = promise->promises;

	promise->used = false;
	if (owed) {
		promise->owed = true;
		promise->n_tries = 0;
		promise->next_ms = uv_now(promises->loop) + PROMISE_RETRY_MS;
		promises_arm(promises);
	} else {
		promise_free(promise);
	}
	promises_save(promises, NULL);
}

int promises_restore(struct promises *promises, const char *runtime,
                     const char *target, const char *project,
                     int64_t since_wall_ms)
{
	struct promise *promise;

	if (target[0] == '\0' ||
	    promise_find(promises, runtime, target, project))
		return 0;
	if (promises->n >= PROMISE_MAX)
		return -ENOSPC;
	promise =
		promise_new(promises, runtime, target, project, since_wall_ms);
	if (!promise)
		return -ENOMEM;
	promise->owed = true;
	promise->next_ms = uv_now(promises->loop);
	promises_arm(promises);
	return 0;
}

/* --- bringing back ------------------------------------------------------ */

static void give_target_back(struct promise *promise)
{
	promise->starting = false;
	if (promise->acquired)
		promise->promises->ops->release(promise->promises->ops->context,
		                                promise);
	promise->acquired = false;
	runtime_call_fini(&promise->call);
}

/* It is settled, one way or the other. */
static void settle(struct promise *promise, bool kept, const char *words)
{
	struct promises *promises = promise->promises;

	give_target_back(promise);
	promises->ops->report(promises->ops->context, promise, kept, words);
	promise_free(promise);
	promises_save(promises, NULL);
	promises_arm(promises);
	promises_maybe_closed(promises);
}

static void try_later(struct promise *promise)
{
	struct promises *promises = promise->promises;
	uint64_t wait_ms = PROMISE_RETRY_MS;

	give_target_back(promise);
	for (uint32_t i = 0; i < promise->n_tries; i++)
		wait_ms = MIN(wait_ms * 2, PROMISE_RETRY_MAX_MS);
	promise->n_tries++;
	promise->next_ms = uv_now(promises->loop) + wait_ms +
	                   rng_below(&promises->rng, wait_ms / 10 + 1);
	promises_arm(promises);
	promises_maybe_closed(promises);
}

static void on_started(struct runtime_call *call)
{
	struct promise *promise = container_of(call, struct promise, call);

	if (call->result == RUNTIME_OK) {
		settle(promise, true, "was down because of us, runs again");
		return;
	}
	if (call->result == RUNTIME_NO_TARGET) {
		settle(promise, false, "was down because of us and is gone");
		return;
	}
	log_warn(promise->promises->log, "target could not be brought back yet",
	         LOG_STR("target", promise->target),
	         LOG_STR("runtime", promise->runtime),
	         LOG_INT("tries", promise->n_tries + 1),
	         LOG_STR("error", call->err.message));
	try_later(promise);
}

static void on_inspected(struct runtime_call *call)
{
	struct promise *promise = container_of(call, struct promise, call);
	struct promises *promises = promise->promises;

	if (call->result == RUNTIME_NO_TARGET) {
		settle(promise, false, "was down because of us and is gone");
		return;
	}
	if (call->result != RUNTIME_OK || promises->closing) {
		try_later(promise);
		return;
	}
	if (call->found.status == RUNTIME_STATUS_RUNNING) {
		settle(promise, true, "runs; nothing left to bring back");
		return;
	}
	if (call->found.status == RUNTIME_STATUS_PAUSED) {
		settle(promise, true, "is paused; somebody took it over");
		return;
	}
	if (call->found.status == RUNTIME_STATUS_RESTARTING) {
		try_later(promise);
		return;
	}
	call->timeout_ms = PROMISE_START_TIMEOUT_MS;
	if (runtime_start(call->runtime, call, on_started) < 0)
		try_later(promise);
}

static void bring_back(struct promise *promise)
{
	struct promises *promises = promise->promises;
	const struct promises_ops *ops = promises->ops;
	struct runtime *runtime = ops->runtime(ops->context, promise->runtime);

	promise->acquired = runtime && ops->acquire(ops->context, promise);
	if (!promise->acquired) {
		try_later(promise);
		return;
	}
	promise->call = (struct runtime_call){
		.target = promise->target,
		.project = promise->project[0] ? promise->project : NULL,
		.stop_timeout_ms = -1,
	};
	promise->starting = true;
	if (runtime_inspect(runtime, &promise->call, on_inspected) < 0)
		try_later(promise);
}

static void on_timer(uv_timer_t *timer)
{
	struct promises *promises = container_of(timer, struct promises, timer);
	uint64_t now_ms = uv_now(promises->loop);

	LIST_FOR_EACH_SAFE (node, &promises->list) {
		struct promise *promise =
			container_of(node, struct promise, node);

		if (promise->owed && !promise->used && !promise->starting &&
		    promise->next_ms <= now_ms)
			bring_back(promise);
	}
	promises_arm(promises);
}

static void promises_arm(struct promises *promises)
{
	uint64_t now_ms = uv_now(promises->loop);
	uint64_t next_ms = UINT64_MAX;

	if (promises->closing)
		return;
	LIST_FOR_EACH (node, &promises->list) {
		const struct promise *promise =
			container_of(node, struct promise, node);

		if (promise->owed && !promise->used && !promise->starting)
			next_ms = MIN(next_ms, promise->next_ms);
	}
	if (next_ms == UINT64_MAX)
		(void)uv_timer_stop(&promises->timer);
	else
		(void)uv_timer_start(&promises->timer, on_timer,
		                     next_ms > now_ms ? next_ms - now_ms : 0,
		                     0);
}

/* --- closing ------------------------------------------------------------ */

static void on_timer_closed(uv_handle_t *handle)
{
	struct promises *promises =
		container_of(handle, struct promises, timer);
	promises_closed_cb closed = promises->closed;
	void *context = promises->closed_context;

	LIST_FOR_EACH_SAFE (node, &promises->list)
		promise_free(container_of(node, struct promise, node));
	mem_free(promises);
	closed(context);
}

static void promises_maybe_closed(struct promises *promises)
{
	if (!promises->closing || promises->timer_closed)
		return;
	LIST_FOR_EACH (node, &promises->list) {
		if (container_of(node, struct promise, node)->starting)
			return;
	}
	promises->timer_closed = true;
	uv_close((uv_handle_t *)&promises->timer, on_timer_closed);
}

void promises_close(struct promises *promises, promises_closed_cb closed,
                    void *context)
{
	promises->closing = true;
	promises->closed = closed;
	promises->closed_context = context;
	LIST_FOR_EACH (node, &promises->list) {
		struct promise *promise =
			container_of(node, struct promise, node);

		assert(!promise->used);
		if (promise->starting)
			runtime_cancel(&promise->call);
	}
	promises_maybe_closed(promises);
}
