/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include "base/text.h"
#include "config/config.h"

#define OPTIONAL (CYAML_FLAG_OPTIONAL | CYAML_FLAG_POINTER)

#define TEXT(structure, key, member)                                \
	CYAML_FIELD_STRING_PTR(key, OPTIONAL, structure, member, 0, \
	                       CYAML_UNLIMITED)
#define LIST(structure, key, member, entry, max)                     \
	CYAML_FIELD_SEQUENCE_COUNT(key, OPTIONAL, structure, member, \
	                           n_##member, entry, 0, max)

#define RULES(structure)                                                 \
	TEXT(structure, "for", rules.for_),                              \
		TEXT(structure, "cooldown", rules.cooldown),             \
		TEXT(structure, "timeout", rules.timeout),               \
		TEXT(structure, "verify_within", rules.verify_within),   \
		TEXT(structure, "max_bounces", rules.max_bounces),       \
		TEXT(structure, "window", rules.window),                 \
		TEXT(structure, "backoff_factor", rules.backoff_factor), \
		TEXT(structure, "backoff_max", rules.backoff_max),       \
		TEXT(structure, "start_grace", rules.start_grace)

#define GLOBAL(member)  TEXT(struct raw_global, #member, member)
#define MONITOR(member) TEXT(struct raw_monitor, #member, member)
#define STEP(member)    TEXT(struct raw_step, #member, member)
#define GATEWAY(member) TEXT(struct raw_gateway, #member, member)

static const cyaml_schema_value_t argument = { CYAML_VALUE_STRING(
	CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED) };

#define GLOBAL_TEXTS                                                           \
	GLOBAL(check_interval), GLOBAL(log_level), GLOBAL(log_format),         \
		GLOBAL(socket_docker), GLOBAL(socket_podman),                  \
		GLOBAL(socket_lxd), GLOBAL(socket_incus), GLOBAL(push_gw),     \
		GLOBAL(addr), GLOBAL(port), GLOBAL(state_dir),                 \
		GLOBAL(fetch_timeout), GLOBAL(max_body), GLOBAL(max_parallel), \
		GLOBAL(max_connections), GLOBAL(journal_size),                 \
		GLOBAL(storm_share), GLOBAL(storm_min), GLOBAL(storm_window),  \
		GLOBAL(shutdown_timeout), GLOBAL(dry_run), GLOBAL(paused),     \
		GLOBAL(control_socket), GLOBAL(control_group),                 \
		GLOBAL(timezone), RULES(struct raw_global)

const cyaml_schema_field_t schema_global[] = { GLOBAL_TEXTS, CYAML_FIELD_END };

static const cyaml_schema_field_t global_fields[] = {
	GLOBAL_TEXTS,
	LIST(struct raw_global, "quiet", quiet, &argument, QUIET_MAX_WINDOWS),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t step_fields[] = {
	STEP(type),
	LIST(struct raw_step, "command", command, &argument,
	     CONFIG_MAX_ARGUMENTS),
	STEP(timeout),
	STEP(stop_timeout),
	STEP(signal),
	STEP(message),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t step = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_step, step_fields) };

static const cyaml_schema_field_t monitor_fields[] = {
	MONITOR(name),
	MONITOR(max_age),
	MONITOR(max_runtime),
	MONITOR(type),
	MONITOR(container_name),
	MONITOR(project),
	MONITOR(label_name),
	MONITOR(label_value),
	CYAML_FIELD_IGNORE("labels", CYAML_FLAG_OPTIONAL),
	MONITOR(push_gw),
	MONITOR(check_interval),
	MONITOR(metric_name),
	MONITOR(metric_value),
	MONITOR(match),
	MONITOR(restart_type),
	LIST(struct raw_monitor, "restart_command", restart_command, &argument,
	     CONFIG_MAX_ARGUMENTS),
	LIST(struct raw_monitor, "steps", steps, &step, CONFIG_MAX_STEPS),
	MONITOR(stop_timeout),
	MONITOR(signal),
	MONITOR(dry_run),
	MONITOR(paused),
	LIST(struct raw_monitor, "quiet", quiet, &argument, QUIET_MAX_WINDOWS),
	RULES(struct raw_monitor),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t monitor = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_monitor, monitor_fields) };

static const cyaml_schema_field_t auth_fields[] = {
	TEXT(struct raw_auth, "token_file", token_file),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t ttl_fields[] = {
	CYAML_FIELD_IGNORE("labels", CYAML_FLAG_OPTIONAL),
	TEXT(struct raw_ttl, "ttl", ttl),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t ttl = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_ttl, ttl_fields) };

static const cyaml_schema_field_t gateway_fields[] = {
	GATEWAY(snapshot_interval),
	GATEWAY(max_body),
	GATEWAY(max_group_size),
	GATEWAY(max_series),
	GATEWAY(max_groups),
	GATEWAY(admin_api),
	GATEWAY(token_file),
	GATEWAY(basic_auth_file),
	LIST(struct raw_gateway, "ttl", ttl, &ttl, CONFIG_MAX_TTL),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t config_fields[] = {
	CYAML_FIELD_MAPPING("global", CYAML_FLAG_OPTIONAL, struct raw_config,
	                    global, global_fields),
	CYAML_FIELD_MAPPING("auth", CYAML_FLAG_OPTIONAL, struct raw_config,
	                    auth, auth_fields),
	CYAML_FIELD_MAPPING("gateway", CYAML_FLAG_OPTIONAL, struct raw_config,
	                    gateway, gateway_fields),
	LIST(struct raw_config, "monitors", monitors, &monitor,
	     CONFIG_MAX_MONITORS),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t schema_config = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_POINTER, struct raw_config, config_fields) };

bool schema_global_is_bool(const char *key)
{
	struct slice text = slice_from(key);

	return slice_is(text, "dry_run") || slice_is(text, "paused");
}

const char *schema_nearest(struct slice word, const char *const *words,
                           size_t n_words)
{
	return text_nearest(word, words, n_words);
}
