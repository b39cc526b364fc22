/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The supervisor's commands become steps of the bouncer, and their ends come
 * back as events; promises get what they need from the daemon.
 */
#include "daemon_parts.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"

static void on_step_done(struct bounce *bounce);

/* --- steps -------------------------------------------------------------- */

/* What one rung stopped, a later one may start: no person did that. */
static bool stopped_before(const struct monitor *monitor)
{
	uint8_t first =
		policy_ladder_of(monitor->rules, monitor->policy.ladder).first;

	for (uint8_t i = first; i < monitor->policy.step; i++) {
		if (monitor->steps[i].kind == STEP_STOP ||
		    monitor->steps[i].kind == STEP_KILL)
			return true;
	}
	return false;
}

static const char *reason_of(const struct policy *policy)
{
	if (policy->ordered)
		return "ordered by an operator";
	return policy_is_resolving(policy) ? "good again"
	                                   : policy_breach_words(policy);
}

/* What follows on the end of a breach is no bounce. */
static bool begins_bounce(const struct monitor *monitor)
{
	return policy_at_first_step(&monitor->policy, monitor->rules) &&
	       !policy_is_resolving(&monitor->policy);
}

/* What a step acts on, of what is no container that we watch. */
static const char *target_name(const struct watched *watched)
{
	const struct monitor *monitor = &watched->monitor;
	const char *name = watched->member ? monitor->container
	                                   : monitor->config->container_name;

	return name ? name : monitor->name;
}

/* What a step needs of the container that a member is about; the member may
 * move on to another one while it runs. */
static void aim_at_container(struct daemon_step *step,
                             const struct member *member, char *at)
{
	const struct member_container *container = member->container;
	const struct member_text *text = container->text;
	struct bounce *bounce = &step->bounce;

	bounce->runtime_name = daemon_group_url(member->origin);
	bounce->id = text_put(&at, text->id);
	bounce->project =
		text->project[0] ? text_put(&at, text->project) : NULL;
	/* the bounce judges whether that is fresh enough */
	if (member->feed) {
		bounce->seen = container->seen;
		bounce->seen_ms = container->seen_ms;
	}
	bounce->own_stop_timeout = container->stop_timeout_ms >= 0;
	bounce->stop_timeout_ms = container->stop_timeout_ms;
	bounce->stopped_before |= container->ended_by_us;
	if (bounce->step->kind == STEP_REMOVE)
		bounce->finished_wall_ms = container->finished_wall_ms;
}

static void aim(struct daemon_step *step, const struct watched *watched)
{
	char *at = step->text;

	step->bounce.target = text_put(&at, target_name(watched));
	if (watched->member && watched->member->container)
		aim_at_container(step, watched->member, at);
}

static size_t text_size(const struct watched *watched)
{
	const struct member *member = watched->member;
	size_t n = strlen(target_name(watched)) + 1;

	if (member && member->container)
		n += strlen(member->container->text->id) +
		     strlen(member->container->text->project) + 2;
	return n;
}

/* Why, as it is now: commands and webhooks are told, and those who hear of the
 * bounce when the container has long been started again. */
static int brief(struct daemon_step *step)
{
	struct bounce *bounce = &step->bounce;
	int r;

	if (bounce->step->kind != STEP_RUN &&
	    bounce->step->kind != STEP_WEBHOOK &&
	    bounce->step->kind != STEP_PLUGIN && !bounce->step->templated &&
	    !bounce->throttle_ms && !bounce->before &&
	    step->watched->daemon->config->config->n_notifications == 0)
		return 0;
	daemon_notice_of(&step->told.notice, step->watched, NOTICE_STEP);
	r = daemon_notice_keep(&step->told);
	if (r == 0 && bounce->step->environment == STEP_ENV_AMX)
		r = daemon_alerts_env(step->watched, &step->told.notice,
		                      &step->env);
	bounce->env = step->env;
	if (r == 0)
		bounce->notice = &step->told.notice;
	return r;
}

/* What else the rule says of how its steps are made. */
static void restrain(struct daemon_step *step)
{
	const struct config_monitor *config = step->watched->monitor.config;
	const struct config_alert *alert = config->alert;
	struct bounce *bounce = &step->bounce;

	bounce->throttle_ms = config->throttle_ms;
	if (step->watched->member) {
		bounce->lane = &step->watched->member->cover->lane;
		bounce->lane->max_parallel = config->max_parallel;
	}
	if (alert && alert->interrupt) {
		bounce->interrupt_signal = alert->signal;
		bounce->interrupt_grace_ms = alert->kill_after_ms;
	}
}

static void step_free(struct daemon_step *step)
{
	struct daemon_config *config = step->config;

	mem_free(step->told.text);
	mem_free(step->env);
	mem_free(step);
	daemon_config_unref(config);
}

static struct daemon_step *step_new(struct watched *watched,
                                    struct runtime *runtime)
{
	struct monitor *monitor = &watched->monitor;
	const struct config_monitor *config = monitor->config;
	struct daemon_step *step =
		mem_calloc(1, sizeof(*step) + text_size(watched));

	if (!step)
		return NULL;
	step->watched = watched;
	step->config = watched->member && watched->member->own
	                       ? watched->member->own
	                       : watched->daemon->config;
	daemon_config_ref(step->config);
	step->bounce = (struct bounce){
		.step = &monitor->steps[monitor->policy.step],
		.runtime = runtime,
		.runtime_name = config_target_type_name(config->type),
		.project = config->project,
		.monitor = monitor->name,
		.reason = reason_of(&monitor->policy),
		.age_ms = policy_age(&monitor->policy,
		                     daemon_now(watched->daemon)),
		.attempt = monitor->policy.n_failed + 1,
		.dry_run = monitor->dry_run,
		.ordered = monitor->policy.ordered,
		.stopped_before = stopped_before(monitor),
		.before = begins_bounce(monitor) ? config->before : NULL,
		.before_timeout_ms = config->before_timeout_ms,
	};
	if (monitor->last.kind == OBSERVATION_AGE ||
	    monitor->last.kind == OBSERVATION_FAILED)
		step->bounce.age_ms = monitor->last.age_ms;
	aim(step, watched);
	restrain(step);
	if (brief(step) == 0)
		return step;
	step_free(step);
	return NULL;
}

/* Whom we kill, no person has stopped: `exited` rules start it again. Whom we
 * stop is to stay so. */
static void tell_own_kill(struct daemon *daemon, const struct bounce *bounce,
                          bool begins, bool ok)
{
	struct containers *source;

	if (bounce->step->kind != STEP_KILL || !bounce->id)
		return;
	source = daemon_containers_of(&daemon->feeds, bounce->runtime_name);
	if (source)
		containers_own_kill(source, bounce->id, begins, ok);
}

static struct runtime *runtime_of(const struct watched *watched)
{
	struct daemon *daemon = watched->daemon;

	if (watched->member && watched->member->container)
		return daemon_runtime_called(
			daemon, daemon_group_url(watched->member->origin));
	return daemon_runtime(daemon, &daemon->config->config->global,
	                      watched->monitor.config->type, NULL);
}

static void run_step(void *context, struct monitor *monitor)
{
	struct daemon *daemon = context;
	struct watched *watched =
		container_of(monitor, struct watched, monitor);
	struct runtime *runtime = runtime_of(watched);

	watched->step = runtime ? step_new(watched, runtime) : NULL;
	if (watched->step) {
		tell_own_kill(daemon, &watched->step->bounce, true, false);
		bounce_start(&daemon->bouncer, &watched->step->bounce,
		             on_step_done);
		return;
	}
	/* ends as a failure, from the loop: see daemon_arm() */
	watched->starved = true;
	daemon->n_starved++;
}

/* The alert is over, for which the step is made; else somebody only paused. */
static bool is_resolved(const struct monitor *monitor)
{
	return monitor->last.kind == OBSERVATION_ALERT && !monitor->last.firing;
}

static void cancel_step(void *context, struct monitor *monitor)
{
	struct watched *watched =
		container_of(monitor, struct watched, monitor);

	(void)context;
	if (!watched->step)
		return;
	if (is_resolved(monitor))
		bounce_interrupt(&watched->step->bounce);
	else
		bounce_cancel(&watched->step->bounce);
}

static void step_ended(struct watched *watched,
                       const struct step_report *report)
{
	struct daemon *daemon = watched->daemon;

	supervisor_step_ended(&daemon->supervisor, &watched->monitor, report,
	                      daemon_now(daemon));
	watched->told = NULL;
	if (watched->member)
		daemon_member_sync(watched->member);
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
	struct step_report report = {
		.result = bounce->result,
		.duration_ms = bounce->duration_ms,
		.detail = bounce->detail,
		.interrupted = bounce->interrupted,
	};

	watched->step = NULL;
	tell_own_kill(watched->daemon, bounce, false,
	              bounce->result == STEP_OK);
	/* before the step's end is told: it may be the end of the monitor */
	daemon_dependents_begin(watched, bounce);
	watched->told = bounce->notice;
	step_ended(watched, &report);
	step_free(step);
}

/* The one whose place among all monitors of the supervisor @node is. */
static struct watched *watched_of(struct list *node)
{
	return container_of(container_of(node, struct monitor, all_node),
	                    struct watched, monitor);
}

void daemon_act_starved(struct daemon *daemon)
{
	static const struct step_report report = {
		.result = STEP_UNAVAILABLE,
		.detail = "out of memory",
	};

	LIST_FOR_EACH_SAFE (node, &daemon->supervisor.monitors) {
		struct watched *watched = watched_of(node);

		if (daemon->n_starved == 0)
			return;
		if (!watched->starved)
			continue;
		watched->starved = false;
		daemon->n_starved--;
		step_ended(watched, &report);
	}
}

void daemon_act_cancel(struct daemon *daemon, bool ordered)
{
	LIST_FOR_EACH (node, &daemon->supervisor.monitors) {
		struct watched *watched = watched_of(node);

		if (watched->step &&
		    (ordered || !watched->step->bounce.ordered))
			bounce_cancel(&watched->step->bounce);
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
	if (wait && wait->begun)
		daemon_begun_save(context, wait);
	else
		daemon_state_save(context, wait);
}

static struct runtime *promise_runtime(void *context, const char *name)
{
	return daemon_runtime_called(context, name);
}

static struct target *promise_target(struct daemon *daemon,
                                     const struct promise *promise)
{
	return daemon_target_take(daemon, promise->runtime, promise->project,
	                          promise->target);
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
		.notice = daemon_notice,
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
