/* SPDX-License-Identifier: Apache-2.0 */
/* rules: who is meant by a name, and what is known of a rule. */
#include "api/rules.h"

#include <math.h>
#include <stdio.h>
#include "api/routes.h"
#include "config/config.h"

#define N_NAMED 5 /* of many, so many are listed */

struct rule *api_find_rule(const struct api *api, struct slice name)
{
	LIST_FOR_EACH (node, &api->supervisor->rules) {
		struct rule *rule = container_of(node, struct rule, node);

		if (slice_is(name, rule->name))
			return rule;
	}
	return NULL;
}

/* --- names ------------------------------------------------------------------ */

/* "a, b, c and 12 more" */
struct listed {
	char text[API_LIST_SIZE];
	size_t n_text;
	uint32_t n;
};

static void list_one(struct listed *listed, const struct monitor *monitor)
{
	int n;

	if (listed->n++ >= N_NAMED)
		return;
	n = snprintf(listed->text + listed->n_text,
	             sizeof(listed->text) - listed->n_text, "%s%.200s",
	             listed->n > 1 ? ", " : "", monitor->name);
	listed->n_text += (size_t)MAX(n, 0);
}

static const char *list_end(struct listed *listed)
{
	if (listed->n > N_NAMED)
		(void)snprintf(listed->text + listed->n_text,
		               sizeof(listed->text) - listed->n_text,
		               " and %u more", listed->n - N_NAMED);
	return listed->text;
}

/* By the name of its container; NULL: nobody has it, or several. */
static struct monitor *find_container(const struct api *api, struct slice name,
                                      struct listed *listed)
{
	struct monitor *found = NULL;

	for (uint32_t i = 0; i < api->n_monitors; i++) {
		struct monitor *monitor = api->monitors[i];

		if (!monitor->container || !slice_is(name, monitor->container))
			continue;
		found = monitor;
		list_one(listed, monitor);
	}
	return listed->n == 1 ? found : NULL;
}

bool api_find(const struct api *api, struct http_exchange *exchange,
              struct slice name, struct api_named *named)
{
	struct listed listed = { 0 };

	*named = (struct api_named){ api_find_monitor(api, name), NULL };
	if (!named->monitor)
		named->rule = api_find_rule(api, name);
	if (!named->monitor && !named->rule)
		named->monitor = find_container(api, name, &listed);
	if (named->monitor || named->rule)
		return true;
	if (listed.n > 1)
		api_error(exchange, 409,
		          "several monitors watch a container " SLICE_FMT
		          ": %s; name one of them",
		          SLICE_ARG(name), list_end(&listed));
	else
		api_no_monitor(exchange, name);
	return false;
}

static struct monitor *only_member(struct http_exchange *exchange,
                                   const struct rule *rule)
{
	struct listed listed = { 0 };

	if (rule->n_monitors == 1)
		return container_of(rule->monitors.next, struct monitor,
		                    rule_node);
	LIST_FOR_EACH (node, &rule->monitors)
		list_one(&listed,
		         container_of(node, struct monitor, rule_node));
	if (listed.n == 0)
		api_error(exchange, 409, "%s covers no %s now", rule->name,
		          rule->noun);
	else
		api_error(exchange, 409,
		          "%s covers %u %s; name one of them: %s", rule->name,
		          rule->n_monitors, rule->noun, list_end(&listed));
	return NULL;
}

struct monitor *api_find_one(const struct api *api,
                             struct http_exchange *exchange, struct slice name)
{
	struct api_named named;

	if (!api_find(api, exchange, name, &named))
		return NULL;
	return named.monitor ? named.monitor
	                     : only_member(exchange, named.rule);
}

/* --- what is known of a rule -------------------------------------------------- */

void api_write_rule(const struct api *api, struct json_writer *json,
                    const struct rule *rule)
{
	uint32_t n_states[N_POLICY_STATES] = { 0 };

	LIST_FOR_EACH (node, &rule->monitors)
		n_states[container_of(node, struct monitor, rule_node)
		                 ->policy.state]++;
	json_write_object(json);
	json_write_key(json, "name");
	json_write_string(json, rule->name);
	json_write_key(json, "covers");
	json_write_string(json, rule->noun);
	json_write_key(json, rule->noun);
	json_write_u64(json, rule->n_monitors);
	json_write_key(json, "left_out");
	json_write_u64(json, rule->n_left_out);
	json_write_key(json, "states");
	json_write_object(json);
	for (unsigned i = 0; i < N_POLICY_STATES; i++) {
		if (!n_states[i])
			continue;
		json_write_key(json, policy_state_name((enum policy_state)i));
		json_write_u64(json, n_states[i]);
	}
	json_write_object_end(json);
	json_write_key(json, "pause");
	api_write_order(api, json, rule->pause);
	json_write_object_end(json);
}

static const char *health_name(enum health health)
{
	static const char *const names[] = {
		[HEALTH_GOOD] = "healthy",
		[HEALTH_STARTING] = "starting",
		[HEALTH_BAD] = "unhealthy",
		[HEALTH_IDLE] = "idle",
	};

	return names[health];
}

const char *api_seen_words(const struct monitor *monitor)
{
	const struct observation *last = &monitor->last;

	if (last->kind == OBSERVATION_ALERT)
		return last->firing ? "firing" : "resolved";
	if (last->kind != OBSERVATION_HEALTH)
		return observation_kind_name(last->kind);
	if (last->health == HEALTH_IDLE)
		return observation_idle_word(last->idle);
	if (last->health == HEALTH_GOOD && last->unchecked)
		return "running";
	return health_name(last->health);
}

const char *api_target_name(const struct monitor *monitor)
{
	return monitor->rule ? monitor->container
	                     : monitor->config->container_name;
}

/* JSON has no words for what is not finite. */
static void write_number(struct json_writer *json, double value)
{
	char text[VALUE_TEXT_MAX];

	if (isfinite(value))
		json_write_double(json, value);
	else
		json_write_string(json, value_format(value, text));
}

void api_write_value(struct json_writer *json, const struct monitor *monitor)
{
	const struct policy_rules *rules = monitor->rules;
	const struct policy *policy = &monitor->policy;
	char text[THRESHOLD_TEXT_MAX];

	json_write_key(json, "value");
	if (rules->levels && monitor->last.kind == OBSERVATION_VALUE)
		write_number(json, monitor->last.value);
	else
		json_write_null(json);
	json_write_key(json, "threshold");
	json_write_string(
		json,
		rules->levels
			? threshold_format(
				  &policy_level_now(policy, rules)->limit, text)
			: NULL);
	json_write_key(json, "level");
	json_write_string(
		json, policy_level_word((enum policy_level_name)policy->level));
}

void api_write_container(struct json_writer *json,
                         const struct monitor *monitor)
{
	const struct observation *last = &monitor->last;
	bool coded = last->kind == OBSERVATION_HEALTH ||
	             last->kind == OBSERVATION_EXITED ||
	             last->kind == OBSERVATION_FAILED;

	json_write_key(json, "rule");
	json_write_string(json, monitor->rule ? monitor->rule->name : NULL);
	json_write_key(json, "container");
	json_write_string(json, monitor->container);
	json_write_key(json, "image");
	json_write_string(json, monitor->image);
	json_write_key(json, "health");
	json_write_string(json, last->kind == OBSERVATION_HEALTH
	                                ? health_name(last->health)
	                                : NULL);
	json_write_key(json, "streak");
	json_write_u64(json, last->n_streak);
	json_write_key(json, "exit_code");
	if (coded && last->exit_code >= 0)
		json_write_i64(json, last->exit_code);
	else
		json_write_null(json);
	json_write_key(json, "output");
	json_write_string(json, monitor->output);
	json_write_key(json, "seen");
	json_write_string(json, last->kind == OBSERVATION_HEALTH
	                                ? api_seen_words(monitor)
	                                : NULL);
}
