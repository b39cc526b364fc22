/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload compares: two monitors, member by member. */
#include "base/text.h"
#include "config/config.h"

static bool argv_equal(const char *const *a, const char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && text_equal(*a, *b)) {
		a++;
		b++;
	}
	return !*a && !*b;
}

static bool step_equal(const struct step *a, const struct step *b)
{
	return a->kind == b->kind && argv_equal(a->argv, b->argv) &&
	       a->timeout_ms == b->timeout_ms &&
	       a->stop_timeout_ms == b->stop_timeout_ms &&
	       text_equal(a->signal, b->signal) &&
	       text_equal(a->message, b->message);
}

static bool rules_equal(const struct policy_rules *a,
                        const struct policy_rules *b)
{
	return a->max_age_ms == b->max_age_ms && a->for_ms == b->for_ms &&
	       a->max_runtime_ms == b->max_runtime_ms && a->exact == b->exact &&
	       a->cooldown_ms == b->cooldown_ms &&
	       a->verify_ms == b->verify_ms && a->window_ms == b->window_ms &&
	       a->backoff_max_ms == b->backoff_max_ms &&
	       a->start_grace_ms == b->start_grace_ms &&
	       a->backoff_percent == b->backoff_percent &&
	       a->max_bounces == b->max_bounces && a->n_steps == b->n_steps;
}

static bool watch_equal(const struct config_monitor *a,
                        const struct config_monitor *b)
{
	if (!text_equal(a->push_gw, b->push_gw) ||
	    !text_equal(a->metric_name, b->metric_name) ||
	    a->metric_value != b->metric_value || a->match != b->match ||
	    a->check_interval_ms != b->check_interval_ms ||
	    a->n_labels != b->n_labels)
		return false;
	for (size_t i = 0; i < a->n_labels; i++) {
		if (!text_equal(a->labels[i].name, b->labels[i].name) ||
		    !text_equal(a->labels[i].value, b->labels[i].value))
			return false;
	}
	return true;
}

static bool action_equal(const struct config_monitor *a,
                         const struct config_monitor *b)
{
	if (a->type != b->type || a->n_steps != b->n_steps ||
	    !text_equal(a->container_name, b->container_name) ||
	    !text_equal(a->project, b->project))
		return false;
	for (size_t i = 0; i < a->n_steps; i++) {
		if (!step_equal(&a->steps[i], &b->steps[i]))
			return false;
	}
	return true;
}

static bool quiet_equal(const struct config_monitor *a,
                        const struct config_monitor *b)
{
	if (a->n_quiet != b->n_quiet)
		return false;
	for (size_t i = 0; i < a->n_quiet; i++) {
		if (a->quiet[i].days != b->quiet[i].days ||
		    a->quiet[i].from != b->quiet[i].from ||
		    a->quiet[i].to != b->quiet[i].to)
			return false;
	}
	return true;
}

bool config_monitor_equal(const struct config_monitor *a,
                          const struct config_monitor *b)
{
	return text_equal(a->name, b->name) && watch_equal(a, b) &&
	       action_equal(a, b) && rules_equal(&a->rules, &b->rules) &&
	       quiet_equal(a, b) && a->dry_run == b->dry_run &&
	       a->paused == b->paused;
}
