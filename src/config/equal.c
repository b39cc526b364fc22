/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload compares: two monitors, member by member. */
#include "base/text.h"
#include "config/config.h"

static bool webhook_equal(const struct webhook *a, const struct webhook *b)
{
	if (!a || !b)
		return a == b;
	if (!text_equal(a->url, b->url) || !text_equal(a->method, b->method) ||
	    a->preset != b->preset || !text_equal(a->body, b->body) ||
	    a->n_headers != b->n_headers ||
	    !text_equal(a->token_file, b->token_file) ||
	    !text_equal(a->ca_file, b->ca_file) ||
	    a->timeout_ms != b->timeout_ms || a->max_tries != b->max_tries)
		return false;
	for (size_t i = 0; i < a->n_headers; i++) {
		if (!text_equal(a->headers[i].name, b->headers[i].name) ||
		    !text_equal(a->headers[i].value, b->headers[i].value))
			return false;
	}
	return true;
}

bool config_notifications_equal(const struct config *a, const struct config *b)
{
	if (a->n_notifications != b->n_notifications)
		return false;
	for (size_t i = 0; i < a->n_notifications; i++) {
		const struct notification *one = &a->notifications[i];
		const struct notification *other = &b->notifications[i];

		if (!text_equal(one->name, other->name) ||
		    one->events != other->events ||
		    !webhook_equal(&one->webhook, &other->webhook))
			return false;
	}
	return true;
}

static bool labels_equal(const struct config_label *a, size_t n_a,
                         const struct config_label *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++) {
		if (!text_equal(a[i].name, b[i].name) ||
		    !text_equal(a[i].value, b[i].value))
			return false;
	}
	return true;
}

static bool plugin_equal(const struct step_plugin *a,
                         const struct step_plugin *b)
{
	if (!a || !b)
		return a == b;
	if (!text_equal(a->name, b->name) || !text_equal(a->path, b->path) ||
	    a->n_parameters != b->n_parameters)
		return false;
	for (size_t i = 0; i < a->n_parameters; i++) {
		if (!text_equal(a->parameters[i].name, b->parameters[i].name) ||
		    !text_equal(a->parameters[i].value, b->parameters[i].value))
			return false;
	}
	return true;
}

static bool step_equal(const struct step *a, const struct step *b)
{
	return a->kind == b->kind && text_list_equal(a->argv, b->argv) &&
	       a->timeout_ms == b->timeout_ms &&
	       a->stop_timeout_ms == b->stop_timeout_ms &&
	       text_equal(a->signal, b->signal) &&
	       text_equal(a->message, b->message) &&
	       webhook_equal(a->webhook, b->webhook) &&
	       a->volumes == b->volumes && a->templated == b->templated &&
	       a->environment == b->environment &&
	       plugin_equal(a->plugin, b->plugin);
}

static bool threshold_equal(const struct threshold *a,
                            const struct threshold *b)
{
	return a->op == b->op && a->value == b->value;
}

static bool level_equal(const struct policy_level *a,
                        const struct policy_level *b)
{
	if (!a->given || !b->given)
		return a->given == b->given;
	return threshold_equal(&a->limit, &b->limit) &&
	       a->has_clear == b->has_clear &&
	       threshold_equal(&a->clear, &b->clear) &&
	       a->for_ms == b->for_ms && a->cooldown_ms == b->cooldown_ms &&
	       a->first_step == b->first_step && a->n_steps == b->n_steps;
}

static bool levels_equal(const struct policy_levels *a,
                         const struct policy_levels *b)
{
	if (!a || !b)
		return a == b;
	for (size_t i = 0; i < N_POLICY_LEVELS; i++) {
		if (!level_equal(&a->level[i], &b->level[i]))
			return false;
	}
	return a->plain == b->plain && a->missing == b->missing &&
	       a->compat == b->compat;
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
	       a->grace_ms == b->grace_ms &&
	       a->backoff_percent == b->backoff_percent &&
	       a->max_bounces == b->max_bounces && a->n_steps == b->n_steps &&
	       a->first_resolved == b->first_resolved &&
	       a->n_resolved == b->n_resolved &&
	       levels_equal(a->levels, b->levels);
}

static bool watch_equal(const struct config_monitor *a,
                        const struct config_monitor *b)
{
	return text_equal(a->push_gw, b->push_gw) &&
	       text_equal(a->metric_name, b->metric_name) &&
	       a->metric_value == b->metric_value && a->match == b->match &&
	       a->check_interval_ms == b->check_interval_ms &&
	       labels_equal(a->labels, a->n_labels, b->labels, b->n_labels);
}

static bool credentials_equal(const struct config_credentials *a,
                              const struct config_credentials *b)
{
	return text_equal(a->token_file, b->token_file) &&
	       text_equal(a->basic_auth_file, b->basic_auth_file) &&
	       labels_equal(a->headers, a->n_headers, b->headers, b->n_headers);
}

static bool metric_equal(const struct config_metric *a,
                         const struct config_metric *b)
{
	if (!a || !b)
		return a == b;
	return text_equal(a->query, b->query) &&
	       text_list_equal(a->servers, b->servers) &&
	       text_equal(a->scrape, b->scrape) &&
	       text_equal(a->metric_name, b->metric_name) &&
	       text_equal(a->filters, b->filters) &&
	       credentials_equal(a->credentials, b->credentials) &&
	       a->series == b->series && a->max_series == b->max_series &&
	       a->forget_ms == b->forget_ms;
}

static bool alert_equal(const struct config_alert *a,
                        const struct config_alert *b)
{
	if (!a || !b)
		return a == b;
	return text_equal(a->match_labels, b->match_labels) &&
	       text_equal(a->match_annotations, b->match_annotations) &&
	       a->per_group == b->per_group && a->max_alerts == b->max_alerts &&
	       a->forget_ms == b->forget_ms && a->interrupt == b->interrupt &&
	       text_equal(a->signal, b->signal) &&
	       a->kill_after_ms == b->kill_after_ms;
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
	return text_list_equal(a->before, b->before) &&
	       a->before_timeout_ms == b->before_timeout_ms &&
	       text_list_equal(a->after, b->after) &&
	       a->after_timeout_ms == b->after_timeout_ms &&
	       a->max_parallel == b->max_parallel &&
	       a->throttle_ms == b->throttle_ms;
}

static bool codes_equal(const struct config_containers *a,
                        const struct config_containers *b)
{
	return memcmp(&a->codes, &b->codes, sizeof(a->codes)) == 0 &&
	       a->codes_given == b->codes_given && a->any_end == b->any_end &&
	       text_equal(a->codes_label, b->codes_label) &&
	       a->keep_last == b->keep_last;
}

static bool containers_equal(const struct config_containers *a,
                             const struct config_containers *b)
{
	if (!a || !b)
		return a == b;
	return a->asked == b->asked &&
	       text_list_equal(a->endpoints, b->endpoints) &&
	       selector_equal(&a->selector, &b->selector) &&
	       a->max_containers == b->max_containers &&
	       a->forget_ms == b->forget_ms && codes_equal(a, b) &&
	       text_equal(a->stop_timeout_label, b->stop_timeout_label) &&
	       a->stop_timeout_unit_ms == b->stop_timeout_unit_ms &&
	       probe_equal(a->probe, b->probe) &&
	       a->dependents == b->dependents &&
	       text_equal(a->dependents_label, b->dependents_label);
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
	return text_equal(a->name, b->name) && a->watch == b->watch &&
	       watch_equal(a, b) &&
	       containers_equal(a->containers, b->containers) &&
	       metric_equal(a->metric, b->metric) &&
	       alert_equal(a->alert, b->alert) && action_equal(a, b) &&
	       rules_equal(&a->rules, &b->rules) && quiet_equal(a, b) &&
	       a->dry_run == b->dry_run && a->paused == b->paused;
}
