/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's commands become steps of the bouncer, and their ends come
 * back as events; promises get what they need from the daemon.
 */
#include "daemon_parts.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"

static void on_step_done(struct bounce *bounce);

/* --- steps -------------------------------------------------------------- */

/* What one rung stopped, a later one may start: no person did that. */
static bool stopped_before(const struct monitor *monitor)
{
	for (uint8_t i = 0; i < monitor->policy.step; i++) {
		if (monitor->steps[i].kind == STEP_STOP ||
		    monitor->steps[i].kind == STEP_KILL)
			return true;
	}
	return false;
}

static struct daemon_step *step_new(struct watched *watched,
                                    struct runtime *runtime)
{
	struct monitor *monitor = &watched->monitor;
	const struct config_monitor *config = monitor->config;
	struct daemon_step *step = mem_calloc(1, sizeof(*step));

	if (!step)
		return NULL;
	step->watched = watched;
	step->config = watched->daemon->config;
	daemon_config_ref(step->config);
	step->bounce = (struct bounce){
		.step = &monitor->steps[monitor->policy.step],
		.runtime = runtime,
		.runtime_name = config_target_type_name(config->type),
		.target = config->container_name ? config->container_name
		                                 : monitor->name,
		.project = config->project,
		.monitor = monitor->name,
		.reason = monitor->policy.ordered
		                  ? "ordered by an operator"
		                  : policy_breach_words(&monitor->policy),
		.age_ms = policy_age(&monitor->policy,
		                     daemon_now(watched->daemon)),
		.attempt = monitor->policy.n_failed + 1,
		.dry_run = monitor->dry_run,
		.stopped_before = stopped_before(monitor),
	};
	if (monitor->last.kind == OBSERVATION_AGE ||
	    monitor->last.kind == OBSERVATION_FAILED)
		step->bounce.age_ms = monitor->last.age_ms;
	return step;
}

static void run_step(void *context, struct monitor *monitor)
{
	struct daemon *daemon = context;
	struct watched *watched =
		container_of(monitor, struct watched, monitor);
	struct runtime *runtime = daemon_runtime(daemon, monitor->config->type);

	watched->step = runtime ? step_new(watched, runtime) : NULL;
	if (watched->step) {
		bounce_start(&daemon->bouncer, &watched->step->bounce,
		             on_step_done);
		return;
	}
	/* ends as a failure, from the loop: see daemon_arm() */
	watched->starved = true;
	daemon->n_starved++;
}

static void cancel_step(void *context, struct monitor *monitor)
{
	struct watched *watched =
		container_of(monitor, struct watched, monitor);

	(void)context;
	if (watched->step)
		bounce_cancel(&watched->step->bounce);
}

static void step_ended(struct watched *watched,
                       const struct step_report *report)
{
	struct daemon *daemon = watched->daemon;

	supervisor_step_ended(&daemon->supervisor, &watched->monitor, report,
	                      daemon_now(daemon));
	if (watched->removed && !watched->monitor.acting)
		daemon_watch_drop(daemon, watched);
	daemon_state_save(daemon, NULL);
	daemon_arm(daemon);
}

static void on_step_done(struct bounce *bounce)
{
	struct daemon_step *step =
		container_of(bounce, struct daemon_step, bounce);
	struct watched *watched = step->watched;
	struct daemon_config *config = step->config;
	struct step_report report = {
		.result = bounce->result,
		.duration_ms = bounce->duration_ms,
		.detail = bounce->detail,
	};

	watched->step = NULL;
	step_ended(watched, &report);
	mem_free(step);
	daemon_config_unref(config);
}

void daemon_act_starved(struct daemon *daemon)
{
	static const struct step_report report = {
		.result = STEP_UNAVAILABLE,
		.detail = "out of memory",
	};

	for (uint32_t i = 0; i < daemon->n_watched && daemon->n_starved; i++) {
		struct watched *watched = daemon->watched[i];

		if (!watched->starved)
			continue;
		watched->starved = false;
		daemon->n_starved--;
		step_ended(watched, &report);
	}
}

/* --- the other commands -------------------------------------------------- */

static void observe(void *context, struct monitor *monitor)
{
	struct watched *watched =
		container_of(monitor, struct watched, monitor);

	(void)context;
	daemon_feed_check(watched);
}

static void changed(void *context)
{
	struct daemon *daemon = context;

	daemon_state_save(daemon, NULL);
}

/* --- promises ----------------------------------------------------------- */

static void promise_save(void *context, struct promise_wait *wait)
{
	daemon_state_save(context, wait);
}

static enum config_target_type type_of(const char *runtime_name)
{
	int type = 0;

	while (type < N_CONFIG_TARGET_TYPES &&
	       strcmp(config_target_type_name((enum config_target_type)type),
	              runtime_name) != 0)
		type++;
	return (enum config_target_type)type;
}

static struct runtime *promise_runtime(void *context, const char *name)
{
	enum config_target_type type = type_of(name);

	return type == N_CONFIG_TARGET_TYPES ? NULL
	                                     : daemon_runtime(context, type);
}

static struct target *promise_target(struct daemon *daemon,
                                     const struct promise *promise)
{
	struct target *target = NULL;
	struct buf key;

	if (daemon_target_key(&key, promise->runtime, promise->project,
	                      promise->target) == 0)
		target = targets_take(&daemon->targets, buf_slice(&key));
	buf_fini(&key);
	return target;
}

static bool promise_acquire(void *context, struct promise *promise)
{
	struct target *target = promise_target(context, promise);

	if (!target)
		return false;
	if (target->owner) {
		targets_release(&((struct daemon *)context)->targets, target);
		return false;
	}
	target_begin(target, promise);
	promise->token = target;
	return true;
}

static void promise_release(void *context, struct promise *promise)
{
	struct daemon *daemon = context;
	struct target *target = promise->token;

	promise->token = NULL;
	target_end(target, daemon_now(daemon));
	target_forget(target, promise);
	targets_release(&daemon->targets, target);
}

static void promise_report(void *context, const struct promise *promise,
                           bool kept, const char *words)
{
	struct daemon *daemon = context;

	supervisor_record(&daemon->supervisor,
	                  kept ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR,
	                  JOURNAL_TARGET, promise->target, words,
	                  promise->runtime, daemon_now(daemon));
}

void daemon_act_init(struct daemon *daemon)
{
	daemon->supervisor_ops = (struct supervisor_ops){
		.run_step = run_step,
		.cancel_step = cancel_step,
		.observe = observe,
		.changed = changed,
		.context = daemon,
	};
	daemon->promises_ops = (struct promises_ops){
		.save = promise_save,
		.runtime = promise_runtime,
		.acquire = promise_acquire,
		.release = promise_release,
		.report = promise_report,
		.context = daemon,
	};
}
