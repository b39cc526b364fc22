/* SPDX-License-Identifier: Apache-2.0 */
/*
 * monitors: GET /api/v1/monitors, and /api/v1/monitors/NAME with all that is
 * known of one.
 */
#include "api/routes.h"
#include "api/rules.h"

#include <stdio.h>
#include "config/config.h"
#include "core/facts.h"
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

static void write_pause(const struct api *api, struct json_writer *json,
                        int64_t since_wall_ms, uint64_t until_ms,
                        const char *reason, const char *by)
{
	json_write_object(json);
	json_write_key(json, "since");
	api_write_time(json, since_wall_ms);
	json_write_key(json, "until");
	api_write_when(api, json, until_ms);
	json_write_key(json, "reason");
	json_write_string(json, reason);
	json_write_key(json, "by");
	json_write_string(json, by);
	json_write_object_end(json);
}

void api_write_order(const struct api *api, struct json_writer *json,
                     const struct pause *pause)
{
	if (pause)
		write_pause(api, json, pause->since_wall_ms, pause->until_ms,
		            pause->reason, "operator");
	else
		json_write_null(json);
}

void api_write_pause(const struct api *api, struct json_writer *json,
                     const struct monitor *monitor)
{
	const struct supervisor *supervisor = api->supervisor;
	const struct pause *pause =
		monitor ? supervisor_pause_of(supervisor, monitor)
			: supervisor->pause_all;
	bool configured = monitor && monitor->paused;

	if (configured)
		write_pause(api, json,
		            api_wall_ms(api, monitor->policy.since_ms),
		            POLICY_NEVER, "", "configuration");
	else
		api_write_order(api, json, pause);
}

struct monitor *api_find_monitor(const struct api *api, struct slice name)
{
	for (uint32_t i = 0; i < api->n_monitors; i++) {
		if (slice_is(name, api->monitors[i]->name))
			return api->monitors[i];
	}
	return NULL;
}

bool api_cut(struct slice *rest, const char *suffix)
{
	size_t n = strlen(suffix);

	if (rest->n <= n || !slice_is(slice_skip(*rest, rest->n - n), suffix))
		return false;
	rest->n -= n;
	return true;
}

void api_no_monitor(struct http_exchange *exchange, struct slice name)
{
	api_error(exchange, 404, "no monitor is called " SLICE_FMT,
	          SLICE_ARG(name));
}

const char *api_target(const struct monitor *monitor, char *out)
{
	const struct config_monitor *config = monitor->config;
	const char *name = api_target_name(monitor);

	(void)snprintf(out, API_TARGET_SIZE, "%s %s",
	               config_target_type_name(config->type),
	               name ? name : monitor->name);
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
	    monitor->last.kind == OBSERVATION_FAILED ||
	    monitor->last.kind == OBSERVATION_EXITED)
		json_write_seconds(json, monitor->last.age_ms +
		                                 (now_ms - monitor->last_ms));
	else
		json_write_null(json);
	json_write_key(json, "limit_seconds");
	json_write_seconds(json, monitor->rules->max_age_ms);
	api_write_value(json, monitor);
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

/* As configured, of a push; of a series or an alert what it says. */
static void write_labels(struct json_writer *json,
                         const struct monitor *monitor)
{
	const struct config_monitor *config = monitor->config;
	const struct facts *facts = monitor->facts;

	json_write_key(json, "labels");
	json_write_object(json);
	for (uint8_t i = 0; i < config->n_labels; i++) {
		json_write_key(json, config->labels[i].name);
		json_write_string(json, config->labels[i].value);
	}
	for (size_t i = 0; facts && i < facts->n_labels; i++) {
		json_key_slice(json, facts->labels[i].name);
		json_write_slice(json, facts->labels[i].value);
	}
	json_write_object_end(json);
}

static void write_target(struct json_writer *json,
                         const struct monitor *monitor)
{
	const struct config_monitor *config = monitor->config;

	json_write_key(json, "type");
	json_write_string(json, config_target_type_name(config->type));
	json_write_key(json, "target");
	json_write_string(json, api_target_name(monitor));
	json_write_key(json, "source");
	json_write_string(json, monitor->group->name);
	write_labels(json, monitor);
	json_write_key(json, "dry_run");
	json_write_bool(json, monitor->dry_run);
}

static void write_duration(struct json_writer *json, const char *name,
                           uint64_t ms)
{
	json_write_key(json, name);
	json_write_seconds(json, ms);
}

static void write_threshold(struct json_writer *json, const char *name,
                            const struct threshold *threshold)
{
	char text[THRESHOLD_TEXT_MAX];

	json_write_key(json, name);
	json_write_string(json,
	                  threshold ? threshold_format(threshold, text) : NULL);
}

static void write_level(struct json_writer *json, enum policy_level_name name,
                        const struct policy_level *level)
{
	json_write_object(json);
	json_write_key(json, "level");
	json_write_string(json, policy_level_word(name));
	write_threshold(json, "threshold", &level->limit);
	write_threshold(json, "clear", level->has_clear ? &level->clear : NULL);
	write_duration(json, "for_seconds", level->for_ms);
	write_duration(json, "cooldown_seconds", level->cooldown_ms);
	json_write_key(json, "steps");
	json_write_u64(json, level->n_steps);
	json_write_object_end(json);
}

static void write_levels(struct json_writer *json,
                         const struct policy_levels *levels)
{
	json_write_key(json, "levels");
	json_write_array(json);
	for (unsigned i = 0; levels && i < N_POLICY_LEVELS; i++) {
		if (levels->level[i].given)
			write_level(json, (enum policy_level_name)i,
			            &levels->level[i]);
	}
	json_write_array_end(json);
	json_write_key(json, "missing");
	json_write_string(json,
	                  levels ? policy_missing_name(levels->missing) : NULL);
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
	write_duration(json, "grace_seconds", rules->grace_ms);
	json_write_key(json, "max_bounces");
	json_write_u64(json, rules->max_bounces);
	write_levels(json, rules->levels);
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
	for (uint8_t i = 0; i < policy_n_steps(monitor->rules); i++) {
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
	api_write_container(json, monitor);
	if (full) {
		write_rules(json, monitor->rules);
		write_counters(json, monitor);
	}
	json_write_object_end(json);
}

/* All rules, or the one that is asked for. */
static void write_rules_of(struct api_stream *stream, struct buf *out)
{
	const struct api *api = stream->api;
	const char *separator = "";

	(void)buf_puts(out, "],\"rules\":[");
	LIST_FOR_EACH (node, &api->supervisor->rules) {
		const struct rule *rule = container_of(node, struct rule, node);
		struct json_writer json;

		if (stream->filter && strcmp(stream->filter, rule->name) != 0)
			continue;
		(void)buf_puts(out, separator);
		json_write_init(&json, out);
		api_write_rule(api, &json, rule);
		separator = ",\n";
	}
	(void)buf_puts(out, "]}\n");
}

static bool is_wanted(const struct api_stream *stream,
                      const struct monitor *monitor)
{
	return !stream->filter ||
	       (monitor->rule &&
	        strcmp(monitor->rule->name, stream->filter) == 0);
}

static void write_monitors(struct api_stream *stream, struct buf *out)
{
	const struct api *api = stream->api;
	struct json_writer json;

	if (stream->part == 0)
		(void)buf_puts(out, "{\"monitors\":[");
	stream->part = MAX(stream->part, 1);
	while (stream->next < api->n_monitors) {
		const struct monitor *monitor = api->monitors[stream->next++];

		if (!is_wanted(stream, monitor))
			continue;
		if (stream->part == 2)
			(void)buf_puts(out, ",\n");
		stream->part = 2;
		json_write_init(&json, out);
		api_write_monitor(api, &json, monitor, false);
		return;
	}
	write_rules_of(stream, out);
	stream->ended = true;
}

static void respond_monitors(struct api *api, struct http_exchange *exchange,
                             const char *rule)
{
	struct api_stream *stream =
		api_stream_new(api, exchange, rule, write_monitors);

	if (stream)
		api_stream_send(stream, exchange, "application/json");
}

void api_monitors(struct api *api, struct http_exchange *exchange,
                  struct slice rest)
{
	char rule[512];
	int r = api_query(exchange->query, "rule", rule, sizeof(rule));

	(void)rest;
	if (r < 0)
		api_error(exchange, 400, "rule is malformed or too long");
	else if (r == 1 && !api_find_rule(api, slice_from(rule)))
		api_error(exchange, 404, "no rule is called %s", rule);
	else
		respond_monitors(api, exchange, r == 1 ? rule : NULL);
}

static void respond_monitor(struct api *api, struct http_exchange *exchange,
                            const struct monitor *monitor)
{
	struct json_writer json;
	struct buf body;

	buf_init(&body, API_BODY_MAX);
	json_write_init(&json, &body);
	api_write_monitor(api, &json, monitor, true);
	(void)buf_putc(&body, '\n');
	http_respond(exchange, 200, "application/json", NULL, &body);
}

void api_monitor(struct api *api, struct http_exchange *exchange,
                 struct slice rest)
{
	struct slice name = rest;
	const struct monitor *monitor;
	struct api_named named;

	if (!api_find_monitor(api, rest) && api_cut(&name, "/explain")) {
		monitor = api_find_one(api, exchange, name);
		if (monitor)
			api_explain(api, exchange, monitor);
	} else if (api_find(api, exchange, rest, &named)) {
		if (named.rule)
			respond_monitors(api, exchange, named.rule->name);
		else
			respond_monitor(api, exchange, named.monitor);
	}
}
