/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people are told: the facts of what the supervisor says, for each
 * notification of the configuration that wants to hear of it, and for the
 * commands and webhooks of steps.
 */
#include "daemon_parts.h"

#include <stdio.h>
#include <string.h>
#include "action/notifier.h"
#include "base/mem.h"
#include "base/text.h"

#define GRACE_MS 3000 /* for what is not delivered when we end */

static const char *host_of(const struct daemon *daemon)
{
	const char *host = daemon->config->config->global.host;

	return host ? host : daemon->host_name;
}

/* Which one it is of how many; those that cost nothing do not count. */
static uint32_t attempt_of(const struct monitor *monitor)
{
	const struct policy *policy = &monitor->policy;
	const struct step_report *report = monitor->report;

	if (monitor->rules->max_bounces)
		return policy->n_bounces;
	return policy->n_failed + (policy->state != POLICY_GAVE_UP &&
	                           (!report || report->result == STEP_OK));
}

/* When it is tried again, if nothing changes. */
static uint64_t next_of(const struct monitor *monitor, uint64_t now_ms)
{
	const struct policy *policy = &monitor->policy;

	if (policy->state != POLICY_COOLING ||
	    policy->deadline_ms == POLICY_NEVER)
		return 0;
	return policy->deadline_ms > now_ms ? policy->deadline_ms - now_ms : 0;
}

/* For how long it has been bad; recovered: since the bounce. */
static uint64_t age_of(const struct monitor *monitor, enum notice_event event,
                       uint64_t now_ms)
{
	const struct policy *policy = &monitor->policy;

	if (event == NOTICE_RECOVERED)
		return monitor->bounce_ms ? now_ms - monitor->bounce_ms : 0;
	if (monitor->last.kind == OBSERVATION_AGE ||
	    monitor->last.kind == OBSERVATION_FAILED)
		return monitor->last.age_ms;
	if (policy->bad_since_ms != POLICY_NEVER &&
	    now_ms > policy->bad_since_ms)
		return now_ms - policy->bad_since_ms;
	return policy_age(policy, now_ms);
}

/* What the ladder's first restart or stop grants. */
static int64_t stop_timeout_of(const struct watched *watched)
{
	const struct config_monitor *config = watched->monitor.config;
	const struct member *member = watched->member;

	if (member && member->container &&
	    member->container->stop_timeout_ms >= 0)
		return member->container->stop_timeout_ms;
	for (size_t i = 0; i < config->n_steps; i++) {
		if (config->steps[i].kind == STEP_RESTART ||
		    config->steps[i].kind == STEP_STOP)
			return config->steps[i].stop_timeout_ms;
	}
	return -1;
}

static void say_container(struct notice *notice, const struct member *member)
{
	const struct member_container *container = member->container;

	notice->id = container->text->id;
	notice->image = container->text->image;
	notice->runtime = daemon_group_url(member->origin);
	notice->output = container->output;
	notice->exit_code = container->exit_code;
}

static void say_target(struct notice *notice, const struct watched *watched)
{
	const struct monitor *monitor = &watched->monitor;

	notice->runtime = config_target_type_name(monitor->config->type);
	notice->container = watched->member ? monitor->container
	                                    : monitor->config->container_name;
	if (watched->member && watched->member->container)
		say_container(notice, watched->member);
}

static void say_alert(struct notice *notice, const struct watched *watched)
{
	const struct facts *facts = watched->facts;
	struct daemon_numbers *numbers = &watched->daemon->numbers;

	notice->annotations = watched->facts->annotations;
	notice->n_annotations = watched->facts->n_annotations;
	/* its end is a NUL in what is kept */
	if (watched->facts->value.n)
		notice->value = watched->facts->value.p;
	if (facts->generator_url.n)
		notice->generator_url = facts->generator_url.p;
	if (facts->starts_ms)
		notice->starts_at =
			timestamp_format(facts->starts_ms, numbers->starts_at);
	notice->status = watched->monitor.last.firing ? "firing" : "resolved";
}

static void say_value(struct notice *notice, const struct watched *watched)
{
	const struct monitor *monitor = &watched->monitor;
	const struct policy *policy = &monitor->policy;
	struct daemon_numbers *numbers = &watched->daemon->numbers;

	if (policy->has_value)
		notice->value = value_format(policy->value, numbers->value);
	notice->threshold = threshold_format(
		&policy_level_now(policy, monitor->rules)->limit,
		numbers->threshold);
	notice->level = policy_level_said(policy, monitor->rules);
}

/* What a series or an alert says. */
static void say_facts(struct notice *notice, const struct watched *watched)
{
	const struct facts *facts = watched->facts;

	if (facts) {
		notice->labels = facts->labels;
		notice->n_labels = facts->n_labels;
	}
	if (watched->monitor.rules->levels)
		say_value(notice, watched);
	if (facts && watched->monitor.config->alert)
		say_alert(notice, watched);
}

/* Why the step was made: by now it may be another run, or another series. */
static void say_told(struct notice *notice, const struct notice *told)
{
	notice->output = told->output;
	notice->exit_code = told->exit_code;
	notice->labels = told->labels;
	notice->n_labels = told->n_labels;
	notice->annotations = told->annotations;
	notice->n_annotations = told->n_annotations;
	notice->value = told->value;
	notice->threshold = told->threshold;
	notice->level = told->level;
	notice->status = told->status;
	notice->starts_at = told->starts_at;
	notice->generator_url = told->generator_url;
}

static void say_nothing_as_text(struct notice *notice)
{
	const char **texts[] = { &notice->container, &notice->image,
		                 &notice->runtime,   &notice->host,
		                 &notice->reason,    &notice->step,
		                 &notice->result,    &notice->detail,
		                 &notice->output,    &notice->id };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i] = text_or_empty(*texts[i]);
}

void daemon_notice_name(struct notice *notice, const struct watched *watched)
{
	const struct monitor *monitor = &watched->monitor;

	*notice = (struct notice){
		.event = NOTICE_STEP,
		.monitor = monitor->name,
		.rule = monitor->rule ? monitor->rule->name : monitor->name,
		.host = host_of(watched->daemon),
		.exit_code = -1,
		.stop_timeout_ms = -1,
		.wall_ms = daemon_wall_ms(),
	};
	say_facts(notice, watched);
	say_nothing_as_text(notice);
}

void daemon_notice_of(struct notice *notice, const struct watched *watched,
                      enum notice_event event)
{
	const struct monitor *monitor = &watched->monitor;
	const struct step_report *report = monitor->report;
	uint64_t now_ms = uv_now(&watched->daemon->loop);

	*notice = (struct notice){
		.event = event,
		.monitor = monitor->name,
		.rule = monitor->rule ? monitor->rule->name : monitor->name,
		.host = host_of(watched->daemon),
		.reason = event == NOTICE_GAVE_UP || event == NOTICE_STORM
		                  ? policy_breach_words(&monitor->policy)
		                  : monitor->bounce_reason,
		.exit_code = monitor->last.kind == OBSERVATION_FAILED
		                     ? monitor->last.exit_code
		                     : -1,
		.age_ms = age_of(monitor, event, now_ms),
		.stop_timeout_ms = stop_timeout_of(watched),
		.attempt = attempt_of(monitor),
		.max_attempts = monitor->rules->max_bounces,
		.next_ms = next_of(monitor, now_ms),
		.n_held = event == NOTICE_STORM ? monitor->group->n_waiting : 0,
		.wall_ms = daemon_wall_ms(),
		.epoch = daemon_leader_epoch(watched->daemon),
	};
	if (report) {
		notice->step = step_kind_name(report->kind);
		notice->result = step_result_name(report->result);
		notice->detail = report->detail;
	}
	say_target(notice, watched);
	say_facts(notice, watched);
	/* a check that failed before is no news of one that is good */
	if (event == NOTICE_RECOVERED) {
		notice->output = "";
		notice->exit_code = -1;
	} else if (watched->told) {
		say_told(notice, watched->told);
	}
	say_nothing_as_text(notice);
}

void daemon_notice(void *context, struct monitor *monitor,
                   enum notice_event event)
{
	struct daemon *daemon = context;
	const struct watched *watched =
		container_of(monitor, struct watched, monitor);
	const struct config_monitor *rule = monitor->config;
	bool after = event == NOTICE_BOUNCED && rule->after;
	const struct config *config;
	struct notice notice;

	if (!daemon->config || !daemon->notifier)
		return;
	config = daemon->config->config;
	if (config->n_notifications == 0 && !after)
		return;
	daemon_notice_of(&notice, watched, event);
	if (after)
		hooks_run(&daemon->hooks, rule->after, rule->after_timeout_ms,
		          &notice);
	for (size_t i = 0; i < config->n_notifications; i++) {
		const struct notification *one = &config->notifications[i];

		if (one->events & (1u << event))
			(void)notifier_send(daemon->notifier, one->name,
			                    &one->webhook, &notice, 0, NULL,
			                    NULL);
	}
}

/* --- what outlives the moment -------------------------------------------- */

/* All its texts; those that have none are as they were. */
#define N_TEXTS 18
static void texts_of(struct notice *notice, const char **texts[static N_TEXTS])
{
	const char **all[N_TEXTS] = {
		&notice->monitor, &notice->rule,      &notice->container,
		&notice->image,   &notice->runtime,   &notice->host,
		&notice->reason,  &notice->step,      &notice->result,
		&notice->detail,  &notice->output,    &notice->id,
		&notice->value,   &notice->threshold, &notice->level,
		&notice->status,  &notice->starts_at, &notice->generator_url,
	};

	memcpy(texts, all, sizeof(all));
}

/* The arrays of labels stand first, then all text. */
int daemon_notice_keep(struct daemon_notice *kept)
{
	struct notice *notice = &kept->notice;
	size_t n_labels = notice->n_labels + notice->n_annotations;
	size_t size =
		n_labels * sizeof(struct label) +
		labels_text_size(notice->labels, notice->n_labels) +
		labels_text_size(notice->annotations, notice->n_annotations);
	const char **texts[N_TEXTS];
	struct label *labels;
	struct label *rest;
	char *at;

	texts_of(notice, texts);
	for (size_t i = 0; i < N_TEXTS; i++)
		size += *texts[i] ? strlen(*texts[i]) + 1 : 0;
	labels = mem_alloc(size);
	kept->text = (char *)labels;
	if (!labels)
		return UV_ENOMEM;
	at = (char *)(labels + n_labels);
	for (size_t i = 0; i < N_TEXTS; i++) {
		if (*texts[i])
			*texts[i] = text_put(&at, *texts[i]);
	}
	rest = labels_put(labels, &at, notice->labels, notice->n_labels);
	(void)labels_put(rest, &at, notice->annotations, notice->n_annotations);
	notice->labels = labels;
	notice->annotations = rest;
	return 0;
}

/* --- metrics -------------------------------------------------------------- */

static bool count(void *context, uint64_t n[N_NOTIFIER_RESULTS])
{
	const struct daemon *daemon = context;
	uint64_t total = 0;

	if (!daemon->notifier || !daemon->config)
		return false;
	for (int i = 0; i < N_NOTIFIER_RESULTS; i++) {
		n[i] = notifier_n_results(daemon->notifier,
		                          (enum notifier_result)i);
		total += n[i];
	}
	/* webhook steps are deliveries, too */
	return total > 0 || daemon->config->config->n_notifications > 0;
}

/* --- life ---------------------------------------------------------------- */

int daemon_notice_open(struct daemon *daemon, uint64_t seed)
{
	size_t size = sizeof(daemon->host_name);

	if (uv_os_gethostname(daemon->host_name, &size) < 0)
		daemon->host_name[0] = '\0';
	daemon->notifier =
		notifier_new(&daemon->loop, daemon->client, daemon->log, seed);
	if (!daemon->notifier)
		return UV_ENOMEM;
	daemon->bouncer.notifier = daemon->notifier;
	daemon->hooks.log = daemon->log;
	daemon->hooks.host = daemon->host;
	hooks_init(&daemon->hooks);
	daemon->api_ops.notices = count;
	return 0;
}

void daemon_notice_close(struct daemon *daemon)
{
	struct notifier *notifier = daemon->notifier;

	daemon->notifier = NULL;
	daemon->bouncer.notifier = NULL;
	daemon->n_pending += 2;
	hooks_close(&daemon->hooks, daemon_closed_one, daemon);
	notifier_close(notifier, GRACE_MS, daemon_closed_one, daemon);
}
