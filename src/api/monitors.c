/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitors: GET /api/v1/monitors, and /api/v1/monitors/NAME with all that is
 * known of one.
 */
#include "api/routes.h"

#include <stdio.h>
#include "config/config.h"
#include "proto/timestamp.h"

void api_write_time(struct json_writer *json, int64_t wall_ms)
{
	char text[TIMESTAMP_TEXT_MAX];

	json_write_string(json, timestamp_format(wall_ms, text));
}

void api_write_when(const struct api *api, struct json_writer *json,
                    uint64_t at_ms)
{
	if (at_ms == POLICY_NEVER)
		json_write_null(json);
	else
		api_write_time(json, api_wall_ms(api, at_ms));
}

void api_write_pause(const struct api *api, struct json_writer *json,
                     const struct monitor *monitor)
{
	const struct supervisor *supervisor = api->supervisor;
	const struct pause *pause =
		monitor ? supervisor_pause_of(supervisor, monitor)
			: supervisor->pause_all;
	bool configured = monitor && monitor->paused;

	if (!configured && !pause) {
		json_write_null(json);
		return;
	}
	json_write_object(json);
	json_write_key(json, "since");
	api_write_time(json,
	               configured ? api_wall_ms(api, monitor->policy.since_ms)
	                          : pause->since_wall_ms);
	json_write_key(json, "until");
	api_write_when(api, json, configured ? POLICY_NEVER : pause->until_ms);
	json_write_key(json, "reason");
	json_write_string(json, configured ? "" : pause->reason);
	json_write_key(json, "by");
	json_write_string(json, configured ? "configuration" : "operator");
	json_write_object_end(json);
}

struct monitor *api_find_monitor(const struct api *api, struct slice name)
{
	for (uint32_t i = 0; i < api->n_monitors; i++) {
		if (slice_is(name, api->monitors[i]->name))
			return api->monitors[i];
	}
	return NULL;
}

struct monitor *api_find_under(const struct api *api, struct slice rest,
                               const char *suffix)
{
	size_t n = strlen(suffix);

	if (rest.n <= n || !slice_is(slice_skip(rest, rest.n - n), suffix))
		return NULL;
	return api_find_monitor(api, slice_make(rest.p, rest.n - n));
}

void api_no_monitor(struct http_exchange *exchange, struct slice name)
{
	api_error(exchange, 404, "no monitor is called " SLICE_FMT,
	          SLICE_ARG(name));
}

const char *api_target(const struct monitor *monitor, char *out)
{
	const struct config_monitor *config = monitor->config;

	(void)snprintf(out, API_TARGET_SIZE, "%s %s",
	               config_target_type_name(config->type),
	               config->container_name ? config->container_name
	                                      : monitor->name);
	return out;
}

static void write_guards(struct json_writer *json, uint32_t held)
{
	json_write_array(json);
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		if (held & (1u << i))
			json_write_string(json, policy_guard_name(1u << i));
	}
	json_write_array_end(json);
}

static void write_state(const struct api *api, struct json_writer *json,
                        const struct monitor *monitor)
{
	const struct policy *policy = &monitor->policy;
	uint64_t now_ms = api_now_ms(api);
	uint64_t quiet_ms =
		supervisor_quiet_until(api->supervisor, monitor, now_ms);

	json_write_key(json, "name");
	json_write_string(json, monitor->name);
	json_write_key(json, "state");
	json_write_string(json, policy_state_name(policy->state));
	json_write_key(json, "since");
	api_write_time(json, api_wall_ms(api, policy->since_ms));
	json_write_key(json, "observation");
	json_write_string(json, observation_kind_name(monitor->last.kind));
	json_write_key(json, "age_seconds");
	if (monitor->last.kind == OBSERVATION_AGE ||
	    monitor->last.kind == OBSERVATION_FAILED)
		json_write_seconds(json, monitor->last.age_ms +
		                                 (now_ms - monitor->last_ms));
	else
		json_write_null(json);
	json_write_key(json, "limit_seconds");
	json_write_seconds(json, monitor->rules->max_age_ms);
	json_write_key(json, "held_by");
	write_guards(json, policy->held);
	json_write_key(json, "next_seconds");
	if (policy->deadline_ms == POLICY_NEVER)
		json_write_null(json);
	else
		json_write_seconds(json, policy->deadline_ms > now_ms
		                                 ? policy->deadline_ms - now_ms
		                                 : 0);
	json_write_key(json, "next");
	api_write_when(api, json, policy->deadline_ms);
	json_write_key(json, "pause");
	api_write_pause(api, json, monitor);
	json_write_key(json, "quiet_until");
	if (quiet_ms)
		api_write_when(api, json, quiet_ms);
	else
		json_write_null(json);
	json_write_key(json, "last_bounce");
	if (monitor->bounce_wall_ms)
		api_write_time(json, monitor->bounce_wall_ms);
	else
		json_write_null(json);
	json_write_key(json, "bounces_in_window");
	json_write_u64(json, policy->n_bounces);
	json_write_key(json, "max_bounces");
	json_write_u64(json, monitor->rules->max_bounces);
	json_write_key(json, "failed_in_a_row");
	json_write_u64(json, policy->n_failed);
}

static void write_target(struct json_writer *json,
                         const struct monitor *monitor)
{
	const struct config_monitor *config = monitor->config;

	json_write_key(json, "type");
	json_write_string(json, config_target_type_name(config->type));
	json_write_key(json, "target");
	json_write_string(json, config->container_name);
	json_write_key(json, "source");
	json_write_string(json, monitor->group->name);
	json_write_key(json, "labels");
	json_write_object(json);
	for (uint8_t i = 0; i < config->n_labels; i++) {
		json_write_key(json, config->labels[i].name);
		json_write_string(json, config->labels[i].value);
	}
	json_write_object_end(json);
	json_write_key(json, "dry_run");
	json_write_bool(json, monitor->dry_run);
}

static void write_duration(struct json_writer *json, const char *name,
                           uint64_t ms)
{
	json_write_key(json, name);
	json_write_seconds(json, ms);
}

static void write_rules(struct json_writer *json,
                        const struct policy_rules *rules)
{
	json_write_key(json, "rules");
	json_write_object(json);
	write_duration(json, "max_age_seconds", rules->max_age_ms);
	write_duration(json, "for_seconds", rules->for_ms);
	write_duration(json, "cooldown_seconds", rules->cooldown_ms);
	write_duration(json, "verify_within_seconds", rules->verify_ms);
	write_duration(json, "window_seconds", rules->window_ms);
	write_duration(json, "backoff_max_seconds", rules->backoff_max_ms);
	write_duration(json, "start_grace_seconds", rules->start_grace_ms);
	json_write_key(json, "max_bounces");
	json_write_u64(json, rules->max_bounces);
	json_write_object_end(json);
}

static void write_counters(struct json_writer *json,
                           const struct monitor *monitor)
{
	json_write_key(json, "checks");
	json_write_object(json);
	for (unsigned i = 0; i < N_CHECK_RESULTS; i++) {
		json_write_key(json, check_result_name((enum check_result)i));
		json_write_u64(json, monitor->n_checks[i]);
	}
	json_write_object_end(json);
	json_write_key(json, "bounces");
	json_write_object(json);
	for (unsigned i = 0; i < N_BOUNCE_RESULTS; i++) {
		json_write_key(json, bounce_result_name((enum bounce_result)i));
		json_write_u64(json, monitor->n_bounces[i]);
	}
	json_write_object_end(json);
	json_write_key(json, "steps");
	json_write_array(json);
	for (uint8_t i = 0; i < monitor->rules->n_steps; i++) {
		json_write_object(json);
		json_write_key(json, "type");
		json_write_string(json, step_kind_name(monitor->steps[i].kind));
		for (unsigned j = 0; j < N_STEP_RESULTS; j++) {
			json_write_key(json,
			               step_result_name((enum step_result)j));
			json_write_u64(json, monitor->n_steps[i][j]);
		}
		json_write_object_end(json);
	}
	json_write_array_end(json);
}

void api_write_monitor(const struct api *api, struct json_writer *json,
                       const struct monitor *monitor, bool full)
{
	json_write_object(json);
	write_state(api, json, monitor);
	write_target(json, monitor);
	if (full) {
		write_rules(json, monitor->rules);
		write_counters(json, monitor);
	}
	json_write_object_end(json);
}

static void write_monitors(struct api_stream *stream, struct buf *out)
{
	const struct api *api = stream->api;
	struct json_writer json;

	if (stream->next == 0)
		(void)buf_puts(out, "{\"monitors\":[");
	if (stream->next < api->n_monitors) {
		if (stream->next > 0)
			(void)buf_puts(out, ",\n");
		json_write_init(&json, out);
		api_write_monitor(api, &json, api->monitors[stream->next],
		                  false);
		stream->next++;
	}
	if (stream->next < api->n_monitors)
		return;
	(void)buf_puts(out, "]}\n");
	stream->ended = true;
}

void api_monitors(struct api *api, struct http_exchange *exchange,
                  struct slice rest)
{
	(void)rest;
	api_stream_respond(api, exchange, "application/json", write_monitors);
}

void api_monitor(struct api *api, struct http_exchange *exchange,
                 struct slice rest)
{
	const struct monitor *monitor = api_find_monitor(api, rest);
	struct json_writer json;
	struct buf body;

	if (!monitor) {
		monitor = api_find_under(api, rest, "/explain");
		if (monitor)
			api_explain(api, exchange, monitor);
		else
			api_no_monitor(exchange, rest);
		return;
	}
	buf_init(&body, API_BODY_MAX);
	json_write_init(&json, &body);
	api_write_monitor(api, &json, monitor, true);
	(void)buf_putc(&body, '\n');
	http_respond(exchange, 200, "application/json", NULL, &body);
}
