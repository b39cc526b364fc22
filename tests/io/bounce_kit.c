/* SPDX-License-Identifier: Apache-2.0 */
#include "bounce_kit.h"

#include <stdio.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "support/cmocka.h"

/* One operation under way. */
struct fake_work {
	uv_timer_t timer;
	struct runtime_call *call;
	struct fake *fake;
	enum fake_op { INSPECT, RESTART, STOP, START, KILL, EXEC, REMOVE } op;
};

static struct fake_target *find(struct fake *fake, const char *name)
{
	for (size_t i = 0; i < fake->n_targets; i++) {
		if (strcmp(fake->targets[i].name, name) == 0 ||
		    strcmp(fake->targets[i].state.id, name) == 0)
			return &fake->targets[i];
	}
	return NULL;
}

static void show(struct runtime_call *call, const struct fake_target *target)
{
	const struct container container = {
		.id = target->state.id,
		.name = target->name,
		.finished_wall_ms = target->finished_wall_ms,
		.auto_remove = target->auto_remove,
	};

	if (call->container)
		call->container(call, &container);
}

static void perform(struct fake_work *work, struct runtime_call *call)
{
	struct fake_target *target = find(work->fake, call->target);

	if (!target) {
		call->result = RUNTIME_NO_TARGET;
		(void)err_set(&call->err, -1, "no such container: %s",
		              call->target);
		return;
	}
	call->found = target->state;
	switch (work->op) {
	case INSPECT:
		target->n_inspects++;
		show(call, target);
		break;
	case REMOVE:
		target->n_removes++;
		work->fake->volumes = call->volumes;
		break;
	case RESTART:
		target->n_restarts++;
		call->result = target->restart_result;
		target->state.status = target->after_restart;
		call->found = target->state;
		break;
	case START:
		target->n_starts++;
		target->state.status = RUNTIME_STATUS_RUNNING;
		call->found = target->state;
		break;
	case STOP:
	case KILL:
		target->state.status = RUNTIME_STATUS_EXITED;
		break;
	case EXEC:
		target->n_execs++;
		if (work->fake->gone)
			target->state.id[0] = 'x';
		if (work->fake->exec_ok)
			break;
		(void)buf_puts(&call->output, "one\ntwo words\n\n");
		call->exit_code = 3;
		call->result = RUNTIME_FAILED;
		(void)err_set(&call->err, -1, "exit code 3");
		break;
	}
}

static void on_work_closed(uv_handle_t *handle)
{
	uv_timer_t *timer = (uv_timer_t *)handle;
	struct fake_work *work = container_of(timer, struct fake_work, timer);
	struct runtime_call *call = work->call;

	work->fake->n_running--;
	call->work = NULL;
	mem_free(work);
	call->done(call);
}

static void on_work(uv_timer_t *timer)
{
	struct fake_work *work = container_of(timer, struct fake_work, timer);

	perform(work, work->call);
	uv_close((uv_handle_t *)timer, on_work_closed);
}

static int begin(struct runtime *runtime, struct runtime_call *call,
                 enum fake_op op)
{
	struct fake *fake = container_of(runtime, struct fake, runtime);
	struct fake_work *work = mem_calloc(1, sizeof(*work));

	if (!work)
		return UV_ENOMEM;
	work->call = call;
	work->fake = fake;
	work->op = op;
	call->work = work;
	fake->n_running++;
	fake->n_running_max = MAX(fake->n_running_max, fake->n_running);
	assert_int_equal(uv_timer_init(fake->loop, &work->timer), 0);
	if (!fake->hang || op == INSPECT)
		(void)uv_timer_start(&work->timer, on_work, 1, 0);
	if (call->env)
		for (size_t i = 0; call->env[i]; i++)
			(void)snprintf(fake->last_env + strlen(fake->last_env),
			               sizeof(fake->last_env) -
			                       strlen(fake->last_env),
			               "%s;", call->env[i]);
	return 0;
}

#define FAKE_OP(name, op)                                 \
	static int fake_##name(struct runtime *runtime,   \
	                       struct runtime_call *call) \
	{                                                 \
		return begin(runtime, call, op);          \
	}
FAKE_OP(inspect, INSPECT)
FAKE_OP(restart, RESTART)
FAKE_OP(stop, STOP)
FAKE_OP(start, START)
FAKE_OP(kill, KILL)
FAKE_OP(exec, EXEC)
FAKE_OP(remove, REMOVE)

static void fake_cancel(struct runtime_call *call)
{
	struct fake_work *work = call->work;

	call->result = RUNTIME_CANCELLED;
	if (!uv_is_closing((uv_handle_t *)&work->timer))
		uv_close((uv_handle_t *)&work->timer, on_work_closed);
}

static const struct runtime_ops fake_ops = {
	.name = "fake",
	.inspect = fake_inspect,
	.restart = fake_restart,
	.stop = fake_stop,
	.start = fake_start,
	.kill = fake_kill,
	.exec = fake_exec,
	.remove = fake_remove,
	.cancel = fake_cancel,
};

/* --- the world ---------------------------------------------------------- */

void on_disk(uv_timer_t *timer)
{
	struct world *world = container_of(timer, struct world, disk);
	struct list *node;

	while ((node = list_pop(&world->waits))) {
		struct promise_wait *wait =
			container_of(node, struct promise_wait, node);

		wait->durable(wait);
	}
}

static void save(void *context, struct promise_wait *wait)
{
	struct world *world = context;

	world->n_saves++;
	if (!wait)
		return;
	list_append(&world->waits, &wait->node);
	if (!world->slow_disk)
		(void)uv_timer_start(&world->disk, on_disk, 0, 0);
}

static struct runtime *runtime_of(void *context, const char *name)
{
	struct world *world = context;

	return strcmp(name, "fake") == 0 ? &world->fake.runtime : NULL;
}

static bool acquire(void *context, struct promise *promise)
{
	return context && promise;
}

static void release(void *context, struct promise *promise)
{
	assert_true(context && promise);
}

static void reported(void *context, const struct promise *promise, bool kept,
                     const char *words)
{
	struct world *world = context;

	assert_true(promise && words[0]);
	world->reported = true;
	world->reported_kept = kept;
}

void world_init(struct world *world, uint32_t max_parallel)
{
	*world = (struct world){ 0 };
	test_loop_init(&world->loop);
	list_init(&world->waits);
	world->fake.runtime.ops = &fake_ops;
	world->fake.loop = &world->loop.uv;
	world->ops = (struct promises_ops){ save,    runtime_of, acquire,
		                            release, reported,   world };
	assert_int_equal(uv_timer_init(&world->loop.uv, &world->disk), 0);
	world->promises = promises_new(&world->loop.uv, NULL, &world->ops, 1);
	assert_non_null(world->promises);
	world->bouncer = (struct bouncer){
		.loop = &world->loop.uv,
		.host = &world->fake.runtime,
		.promises = world->promises,
		.max_parallel = max_parallel,
	};
	assert_int_equal(bouncer_init(&world->bouncer), 0);
}

void set_flag(void *context)
{
	*(bool *)context = true;
}

static void on_disk_closed(uv_handle_t *handle)
{
	uv_timer_t *timer = (uv_timer_t *)handle;

	container_of(timer, struct world, disk)->disk_closed = true;
}

void world_fini(struct world *world)
{
	if (!world->bouncer.closing)
		bouncer_close(&world->bouncer, set_flag,
		              &world->bouncer_closed);
	test_loop_until(&world->loop, &world->bouncer_closed);
	promises_close(world->promises, set_flag, &world->promises_closed);
	test_loop_until(&world->loop, &world->promises_closed);
	uv_close((uv_handle_t *)&world->disk, on_disk_closed);
	test_loop_until(&world->loop, &world->disk_closed);
	test_loop_fini(&world->loop);
}

struct fake_target *add_target(struct world *world, const char *name,
                               enum runtime_status status)
{
	struct fake_target *target =
		&world->fake.targets[world->fake.n_targets++];

	(void)snprintf(target->name, sizeof(target->name), "%s", name);
	target->state.status = status;
	target->after_restart = RUNTIME_STATUS_RUNNING;
	return target;
}

void on_job_done(struct bounce *bounce)
{
	struct job *job = container_of(bounce, struct job, bounce);

	assert_false(job->done);
	job->done = true;
}

const struct step restart_step = { .kind = STEP_RESTART,
	                           .stop_timeout_ms = -1 };

static const char *const command[] = { "/bin/x", NULL };
const struct step exec_step = { .kind = STEP_EXEC, .argv = command };

void start(struct world *world, struct job *job, const struct step *step,
           const char *target)
{
	*job = (struct job){
		.bounce = { .step = step,
		            .runtime = &world->fake.runtime,
		            .runtime_name = "fake",
		            .target = target,
		            .monitor = "monitor",
		            .reason = "last push is too old",
		            .age_ms = 61500,
		            .attempt = 2 },
	};
	bounce_start(&world->bouncer, &job->bounce, on_job_done);
	assert_false(job->done);
}

void run(struct world *world, struct job *job, const struct step *step,
         const char *target)
{
	start(world, job, step, target);
	test_loop_until(&world->loop, &job->done);
}

/* As run(), of a job that the test has prepared. */
void run_prepared(struct world *world, struct job *job)
{
	job->bounce.runtime = &world->fake.runtime;
	job->bounce.runtime_name = "fake";
	job->bounce.target = "web";
	job->bounce.monitor = "monitor";
	job->bounce.reason = "container is unhealthy";
	job->done = false;
	bounce_start(&world->bouncer, &job->bounce, on_job_done);
	assert_false(job->done);
	test_loop_until(&world->loop, &job->done);
}
