/* SPDX-License-Identifier: Apache-2.0 */
/* explain: GET /api/v1/monitors/NAME/explain, core/explain as JSON. */
#include "core/explain.h"

#include "api/routes.h"
#include "api/rules.h"

static void write_observation(struct api *api, struct json_writer *json,
                              const struct monitor *monitor)
{
	const struct observation *last = &monitor->last;
	bool aged = last->kind == OBSERVATION_AGE ||
	            last->kind == OBSERVATION_FAILED ||
	            last->kind == OBSERVATION_EXITED;

	json_write_key(json, "observation");
	json_write_object(json);
	json_write_key(json, "kind");
	json_write_string(json, observation_kind_name(last->kind));
	json_write_key(json, "at");
	api_write_when(api, json,
	               monitor->last_ms ? monitor->last_ms : POLICY_NEVER);
	json_write_key(json, "age_seconds");
	if (aged)
		json_write_seconds(json, last->age_ms + api_now_ms(api) -
		                                 monitor->last_ms);
	else
		json_write_null(json);
	json_write_key(json, "limit_seconds");
	json_write_seconds(json, monitor->rules->max_age_ms);
	api_write_value(json, monitor);
	api_write_container(json, monitor);
	json_write_key(json, "bad");
	json_write_bool(json, policy_is_bad(&monitor->policy));
	json_write_object_end(json);
}

static void write_guards(struct api *api, struct json_writer *json,
                         const struct explain *told)
{
	json_write_key(json, "guards");
	json_write_array(json);
	for (unsigned i = 0; i < N_POLICY_GUARDS; i++) {
		const struct explain_guard *guard = &told->guards[i];

		json_write_object(json);
		json_write_key(json, "guard");
		json_write_string(json, policy_guard_name(guard->guard));
		json_write_key(json, "holds");
		json_write_bool(json, guard->holds);
		json_write_key(json, "until");
		api_write_when(api, json, guard->until_ms);
		json_write_key(json, "why");
		json_write_string(json, guard->why);
		json_write_object_end(json);
	}
	json_write_array_end(json);
}

static void write_steps(struct json_writer *json, const struct monitor *monitor,
                        const char *target)
{
	char step[EXPLAIN_LINE_SIZE];

	json_write_key(json, "steps");
	json_write_array(json);
	for (uint8_t i = 0; i < policy_n_steps(monitor->rules); i++)
		json_write_string(
			json, explain_step(&monitor->steps[i], target, step));
	json_write_array_end(json);
}

void api_explain(struct api *api, struct http_exchange *exchange,
                 const struct monitor *monitor)
{
	char target[API_TARGET_SIZE];
	struct json_writer json;
	struct explain told;
	struct buf body;

	explain(api->supervisor, monitor, api_target(monitor, target),
	        api_now_ms(api), &told);
	buf_init(&body, API_BODY_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "monitor");
	json_write_string(&json, monitor->name);
	json_write_key(&json, "state");
	json_write_string(&json, policy_state_name(monitor->policy.state));
	json_write_key(&json, "since");
	api_write_when(api, &json, monitor->policy.since_ms);
	json_write_key(&json, "lines");
	json_write_array(&json);
	for (unsigned i = 0; i < told.n_lines; i++)
		json_write_string(&json, told.lines[i]);
	json_write_array_end(&json);
	write_observation(api, &json, monitor);
	write_guards(api, &json, &told);
	json_write_key(&json, "next");
	json_write_object(&json);
	json_write_key(&json, "what");
	json_write_string(&json, told.next);
	json_write_key(&json, "when");
	api_write_when(api, &json, told.next_ms);
	json_write_object_end(&json);
	write_steps(&json, monitor, target);
	json_write_object_end(&json);
	(void)buf_putc(&body, '\n');
	http_respond(exchange, 200, "application/json", NULL, &body);
}
