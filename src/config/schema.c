/* SPDX-License-Identifier: Apache-2.0 */
#include "config/schema.h"

#include "config/config.h"
#include "core/notice.h"

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

#define GLOBAL(member)   TEXT(struct raw_global, #member, member)
#define MONITOR(member)  TEXT(struct raw_monitor, #member, member)
#define STEP(member)     TEXT(struct raw_step, #member, member)
#define GATEWAY(member)  TEXT(struct raw_gateway, #member, member)
#define PROBE(member)    TEXT(struct raw_probe, #member, member)
#define LEVEL(member)    TEXT(struct raw_level, #member, member)
#define ALERTS(member)   TEXT(struct raw_alerts, #member, member)
#define LEADER(member)   TEXT(struct raw_leader, #member, member)
#define REGISTRY(member) TEXT(struct raw_registry, #member, member)

/* of a monitor, in a struct within it */
#define CONTAINERS(member) TEXT(struct raw_monitor, #member, containers.member)
#define METRIC(member)     TEXT(struct raw_monitor, #member, metric.member)
#define ALERT(member)      TEXT(struct raw_monitor, #member, alert.member)
#define CONTAINERS_LIST(member, max)                                         \
	CYAML_FIELD_SEQUENCE_COUNT(#member, OPTIONAL, struct raw_monitor,    \
	                           containers.member, containers.n_##member, \
	                           &argument, 0, max)

#define WEBHOOK(structure)                                          \
	TEXT(structure, "url", webhook.url),                        \
		TEXT(structure, "preset", webhook.preset),          \
		TEXT(structure, "body", webhook.body),              \
		TEXT(structure, "method", webhook.method),          \
		CYAML_FIELD_IGNORE("headers", CYAML_FLAG_OPTIONAL), \
		TEXT(structure, "token_file", webhook.token_file),  \
		TEXT(structure, "ca_file", webhook.ca_file),        \
		TEXT(structure, "max_tries", webhook.max_tries)

#define CREDENTIALS(structure, member)                                      \
	TEXT(structure, "token_file", member token_file),                   \
		TEXT(structure, "basic_auth_file", member basic_auth_file), \
		CYAML_FIELD_IGNORE("headers", CYAML_FLAG_OPTIONAL)

#define PATTERNS(member) \
	LIST(struct raw_conditions, #member, member, &argument, SELECTOR_MAX)

static const cyaml_schema_value_t argument = { CYAML_VALUE_STRING(
	CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED) };

#define GLOBAL_TEXTS                                                          \
	GLOBAL(check_interval), GLOBAL(log_level), GLOBAL(log_format),        \
		GLOBAL(socket_docker), GLOBAL(socket_podman),                 \
		GLOBAL(socket_lxd), GLOBAL(socket_incus), GLOBAL(push_gw),    \
		GLOBAL(prometheus), GLOBAL(plugin_dir), GLOBAL(addr),         \
		GLOBAL(port), GLOBAL(state_dir), GLOBAL(fetch_timeout),       \
		GLOBAL(max_body), GLOBAL(max_parallel),                       \
		GLOBAL(max_connections), GLOBAL(journal_size),                \
		GLOBAL(storm_share), GLOBAL(storm_min), GLOBAL(storm_window), \
		GLOBAL(shutdown_timeout), GLOBAL(dry_run), GLOBAL(paused),    \
		GLOBAL(control_socket), GLOBAL(control_group),                \
		GLOBAL(timezone), GLOBAL(host), GLOBAL(resync_interval),      \
		GLOBAL(container_labels), GLOBAL(tls_ca), GLOBAL(tls_cert),   \
		GLOBAL(tls_key), RULES(struct raw_global)

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
	STEP(volumes),
	STEP(plugin),
	CYAML_FIELD_IGNORE("parameters", CYAML_FLAG_OPTIONAL),
	STEP(environment),
	WEBHOOK(struct raw_step),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t step = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_step, step_fields) };

static const cyaml_schema_field_t select_fields[] = {
	PATTERNS(label),   PATTERNS(any_label), PATTERNS(name),
	PATTERNS(prefix),  PATTERNS(image),     PATTERNS(project),
	PATTERNS(service), CYAML_FIELD_END,
};

static const cyaml_schema_field_t exclude_fields[] = {
	PATTERNS(label),   PATTERNS(name),    PATTERNS(prefix), PATTERNS(image),
	PATTERNS(project), PATTERNS(service), CYAML_FIELD_END,
};

static const cyaml_schema_field_t probe_fields[] = {
	PROBE(type),
	PROBE(url),
	PROBE(address),
	LIST(struct raw_probe, "command", command, &argument,
	     CONFIG_MAX_ARGUMENTS),
	PROBE(interval),
	PROBE(timeout),
	PROBE(retries),
	PROBE(start_period),
	PROBE(start_interval),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t level_fields[] = {
	LEVEL(threshold),
	LEVEL(clear),
	TEXT(struct raw_level, "for", for_),
	LEVEL(duration),
	LEVEL(backoff),
	LEVEL(backoff_delay),
	LIST(struct raw_level, "steps", steps, &step, CONFIG_MAX_STEPS),
	LEVEL(plugin),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t monitor_fields[] = {
	MONITOR(name),
	MONITOR(watch),
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
	MONITOR(plugin),
	LIST(struct raw_monitor, "on_resolved", on_resolved, &step,
	     CONFIG_MAX_STEPS),
	MONITOR(max_parallel),
	MONITOR(throttle),
	LIST(struct raw_monitor, "before", before, &argument,
	     CONFIG_MAX_ARGUMENTS),
	MONITOR(before_timeout),
	LIST(struct raw_monitor, "after", after, &argument,
	     CONFIG_MAX_ARGUMENTS),
	MONITOR(after_timeout),
	MONITOR(stop_timeout),
	MONITOR(signal),
	MONITOR(dry_run),
	MONITOR(paused),
	LIST(struct raw_monitor, "quiet", quiet, &argument, QUIET_MAX_WINDOWS),
	CONTAINERS_LIST(endpoints, CONFIG_MAX_ENDPOINTS),
	CYAML_FIELD_MAPPING("select", CYAML_FLAG_OPTIONAL, struct raw_monitor,
	                    containers.select, select_fields),
	CYAML_FIELD_MAPPING("exclude", CYAML_FLAG_OPTIONAL, struct raw_monitor,
	                    containers.exclude, exclude_fields),
	CONTAINERS(opt_out),
	CONTAINERS_LIST(include, CONFIG_MAX_INCLUDE),
	CONTAINERS(max_containers),
	CONTAINERS(forget_after),
	CONTAINERS(grace),
	CONTAINERS(exit_codes),
	CONTAINERS(exit_codes_label),
	CONTAINERS(keep_last),
	CONTAINERS(stop_timeout_label),
	CONTAINERS(stop_timeout_label_unit),
	CYAML_FIELD_MAPPING("probe", CYAML_FLAG_OPTIONAL, struct raw_monitor,
	                    containers.probe, probe_fields),
	CONTAINERS(dependents),
	CONTAINERS(dependents_label),
	METRIC(query),
	METRIC(label_filters),
	METRIC(prometheus),
	METRIC(scrape),
	CREDENTIALS(struct raw_monitor, metric.credentials.),
	METRIC(series),
	METRIC(max_series),
	METRIC(missing),
	METRIC(threshold),
	METRIC(clear),
	METRIC(backoff),
	CYAML_FIELD_MAPPING("soft", CYAML_FLAG_OPTIONAL, struct raw_monitor,
	                    metric.soft, level_fields),
	CYAML_FIELD_MAPPING("hard", CYAML_FLAG_OPTIONAL, struct raw_monitor,
	                    metric.hard, level_fields),
	METRIC(compat),
	CYAML_FIELD_IGNORE("match_labels", CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_IGNORE("match_annotations", CYAML_FLAG_OPTIONAL),
	ALERT(per),
	ALERT(once),
	ALERT(retry),
	ALERT(max_alerts),
	ALERT(on_resolved_signal),
	ALERT(kill_after),
	RULES(struct raw_monitor),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t monitor = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_monitor, monitor_fields) };

static const cyaml_schema_field_t notification_fields[] = {
	TEXT(struct raw_notification, "name", name),
	LIST(struct raw_notification, "events", events, &argument,
	     N_NOTICE_EVENTS),
	WEBHOOK(struct raw_notification),
	TEXT(struct raw_notification, "timeout", webhook.timeout),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t notification = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_notification, notification_fields) };

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

static const cyaml_schema_field_t prometheus_fields[] = {
	CREDENTIALS(struct raw_credentials, ),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t alerts_fields[] = {
	LIST(struct raw_alerts, "paths", paths, &argument, CONFIG_MAX_PATHS),
	ALERTS(token_file),
	ALERTS(basic_auth_file),
	ALERTS(hmac_file),
	ALERTS(hmac_header),
	LIST(struct raw_alerts, "allow", allow, &argument, CONFIG_MAX_ALLOW),
	ALERTS(max_body),
	ALERTS(queue_size),
	ALERTS(max_alerts),
	ALERTS(resolve_after),
	ALERTS(amx_metrics),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t leader_fields[] = {
	LEADER(kubernetes_lease),
	TEXT(struct raw_leader, "namespace", namespace_),
	LEADER(identity),
	LEADER(lease_duration),
	LEADER(renew_deadline),
	LEADER(retry_period),
	LEADER(required),
	CYAML_FIELD_END,
};

#if BOUNCER_REGISTRY
static const cyaml_schema_field_t registry_token_fields[] = {
	TEXT(struct raw_registry_token, "name", name),
	TEXT(struct raw_registry_token, "scope", scope),
	TEXT(struct raw_registry_token, "token_file", token_file),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t registry_token = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_DEFAULT, struct raw_registry_token, registry_token_fields) };

static const cyaml_schema_field_t registry_fields[] = {
	REGISTRY(enabled),
	REGISTRY(path),
	REGISTRY(promtool),
	REGISTRY(site),
	REGISTRY(external_url),
	REGISTRY(open_discovery),
	REGISTRY(keep_alerts),
	REGISTRY(max_alerts),
	REGISTRY(keep_audit),
	CYAML_FIELD_IGNORE("drop_alerts", CYAML_FLAG_OPTIONAL),
	LIST(struct raw_registry, "tokens", tokens, &registry_token,
	     CONFIG_MAX_REGISTRY_TOKENS),
	CYAML_FIELD_END,
};

#define REGISTRY_SECTION                                     \
	CYAML_FIELD_MAPPING("registry", CYAML_FLAG_OPTIONAL, \
	                    struct raw_config, registry, registry_fields)
#else
/* resolve_registry() says that it is not there. */
#define REGISTRY_SECTION CYAML_FIELD_IGNORE("registry", CYAML_FLAG_OPTIONAL)
#endif

static const cyaml_schema_field_t config_fields[] = {
	CYAML_FIELD_MAPPING("global", CYAML_FLAG_OPTIONAL, struct raw_config,
	                    global, global_fields),
	CYAML_FIELD_MAPPING("auth", CYAML_FLAG_OPTIONAL, struct raw_config,
	                    auth, auth_fields),
	CYAML_FIELD_MAPPING("gateway", CYAML_FLAG_OPTIONAL, struct raw_config,
	                    gateway, gateway_fields),
	CYAML_FIELD_MAPPING("prometheus", CYAML_FLAG_OPTIONAL,
	                    struct raw_config, prometheus, prometheus_fields),
	CYAML_FIELD_MAPPING("alerts", CYAML_FLAG_OPTIONAL, struct raw_config,
	                    alerts, alerts_fields),
	CYAML_FIELD_MAPPING("leader", CYAML_FLAG_OPTIONAL, struct raw_config,
	                    leader, leader_fields),
	REGISTRY_SECTION,
	LIST(struct raw_config, "notifications", notifications, &notification,
	     CONFIG_MAX_NOTIFICATIONS),
	LIST(struct raw_config, "monitors", monitors, &monitor,
	     CONFIG_MAX_MONITORS),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t schema_config = { CYAML_VALUE_MAPPING(
	CYAML_FLAG_POINTER, struct raw_config, config_fields) };

bool schema_global_is_bool(const char *key)
{
	struct slice text = slice_from(key);

	return slice_is(text, "dry_run") || slice_is(text, "paused") ||
	       slice_is(text, "container_labels");
}
