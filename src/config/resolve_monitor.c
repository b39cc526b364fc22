/* SPDX-License-Identifier: Apache-2.0 */
#include "config/resolve.h"

#include "base/text.h"
#include "core/template.h"

#define NAME_MAX_BYTES  128
#define HOUR_MS         3600000
#define START_GRACE_MS  30000
#define BACKOFF_PERCENT 200
#define STEADY_PERCENT  100   /* of a value: it is known what comes back */
#define BACKOFF_MAX     10000 /* percent: a factor of 100 */
#define BOUNCES         5
#define VERIFY_CHECKS   2 /* so many checks fit in, at least */
#define HOOK_MS         60000
#define PARALLEL_MAX    10000

/* of what watches containers: an engine's word needs no patience */
#define MEMBER_COOLDOWN_MS 10000
#define MEMBER_VERIFY_MS   300000

/* of alerts: Alertmanager gathers a group for minutes before it tells */
#define ALERT_COOLDOWN_MS 300000
#define ALERT_VERIFY_MS   600000

static const char *const type_names[N_CONFIG_TARGET_TYPES] = {
	[CONFIG_TARGET_DOCKER] = "docker", [CONFIG_TARGET_PODMAN] = "podman",
	[CONFIG_TARGET_LXD] = "lxd",       [CONFIG_TARGET_INCUS] = "incus",
	[CONFIG_TARGET_HOST] = "host",
};

const char *config_target_type_name(enum config_target_type type)
{
	return type_names[type];
}

/* --- rules --------------------------------------------------------------- */

void resolve_rules(const struct reader *reader, const struct raw_rules *raw,
                   struct rules_given *rules)
{
	(void)read_duration(reader, "for", raw->for_, 0, &rules->for_ms);
	(void)read_duration(reader, "cooldown", raw->cooldown, 0,
	                    &rules->cooldown_ms);
	(void)read_duration(reader, "timeout", raw->timeout, 0,
	                    &rules->timeout_ms);
	(void)read_duration(reader, "verify_within", raw->verify_within, 1,
	                    &rules->verify_ms);
	(void)read_number(reader, "max_bounces", raw->max_bounces, 0,
	                  POLICY_MAX_BOUNCES, &rules->max_bounces);
	(void)read_duration(reader, "window", raw->window, 1,
	                    &rules->window_ms);
	(void)read_percent(reader, "backoff_factor", raw->backoff_factor,
	                   BACKOFF_MAX, &rules->backoff_percent);
	(void)read_duration(reader, "backoff_max", raw->backoff_max, 0,
	                    &rules->backoff_max_ms);
	(void)read_duration(reader, "start_grace", raw->start_grace, 0,
	                    &rules->start_grace_ms);
}

static uint64_t or_else(uint64_t given, uint64_t otherwise)
{
	return given == RULE_UNSET ? otherwise : given;
}

/* The shortest pause between two bounces that there is, of a value. */
static uint64_t least_cooldown(const struct policy_levels *levels)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < N_POLICY_LEVELS; i++) {
		const struct policy_level *level = &levels->level[i];

		if (level->given && level->cooldown_ms > 0)
			least = MIN(least, level->cooldown_ms);
	}
	return least;
}

static uint64_t default_verify(const struct config_monitor *monitor)
{
	const struct policy_rules *rules = &monitor->rules;
	uint64_t safe = monitor->check_interval_ms * VERIFY_CHECKS;

	switch (monitor->watch) {
	case CONFIG_WATCH_PUSH:
		return MAX(rules->max_age_ms, safe);
	case CONFIG_WATCH_METRIC:
		return rules->levels ? MIN(safe, least_cooldown(rules->levels))
		                     : safe;
	case CONFIG_WATCH_ALERT:
		return ALERT_VERIFY_MS;
	case CONFIG_WATCH_HEALTH:
	case CONFIG_WATCH_EXITED:
	case N_CONFIG_WATCHES:
	default:
		return MEMBER_VERIFY_MS;
	}
}

/* Long enough that a recovery can be seen: no check may fall into a shorter
 * time. A monitor that asks for less is told. */
static uint64_t verify_time(const struct reader *reader, const char *own,
                            const struct rules_given *given,
                            const struct config_monitor *monitor)
{
	uint64_t least = monitor->check_interval_ms;

	if (given->verify_ms == RULE_UNSET)
		return default_verify(monitor);
	if (given->verify_ms >= least)
		return given->verify_ms;
	if (own)
		reader_value(
			reader, "verify_within", own,
			"is shorter than check_interval; no recovery could "
			"be seen in time");
	return least * VERIFY_CHECKS;
}

/* Between two bounces. Of a value each level has its own; here stands that of
 * the lower one. */
static uint64_t cooldown_time(const struct rules_given *given,
                              const struct config_monitor *monitor)
{
	const struct policy_levels *levels = monitor->rules.levels;

	switch (monitor->watch) {
	case CONFIG_WATCH_PUSH:
		return or_else(given->cooldown_ms, monitor->rules.max_age_ms);
	case CONFIG_WATCH_METRIC:
		if (!levels)
			return 0;
		return levels->level[POLICY_LEVEL_SOFT].given
		               ? levels->level[POLICY_LEVEL_SOFT].cooldown_ms
		               : levels->level[POLICY_LEVEL_HARD].cooldown_ms;
	case CONFIG_WATCH_ALERT:
		return or_else(given->cooldown_ms, ALERT_COOLDOWN_MS);
	case CONFIG_WATCH_HEALTH:
	case CONFIG_WATCH_EXITED:
	case N_CONFIG_WATCHES:
	default:
		return or_else(given->cooldown_ms, MEMBER_COOLDOWN_MS);
	}
}

static uint64_t longest_cooldown(const struct policy_rules *rules)
{
	uint64_t longest = rules->cooldown_ms;

	for (size_t i = 0; rules->levels && i < N_POLICY_LEVELS; i++) {
		if (rules->levels->level[i].given)
			longest = MAX(longest,
			              rules->levels->level[i].cooldown_ms);
	}
	return longest;
}

static void fill_rules(const struct reader *reader,
                       const struct raw_monitor *raw,
                       const struct rules_given *given,
                       struct config_monitor *monitor)
{
	struct policy_rules *rules = &monitor->rules;
	bool push = monitor->watch == CONFIG_WATCH_PUSH;
	bool metric = monitor->watch == CONFIG_WATCH_METRIC;

	rules->for_ms = or_else(given->for_ms, 0);
	rules->cooldown_ms = cooldown_time(given, monitor);
	rules->verify_ms =
		verify_time(reader, raw->rules.verify_within, given, monitor);
	rules->window_ms = or_else(given->window_ms, HOUR_MS);
	rules->backoff_max_ms = MAX(or_else(given->backoff_max_ms, HOUR_MS),
	                            longest_cooldown(rules));
	rules->start_grace_ms =
		or_else(given->start_grace_ms,
	                push ? MIN(rules->max_age_ms, START_GRACE_MS) : 0);
	rules->backoff_percent = metric ? STEADY_PERCENT : BACKOFF_PERCENT;
	if (given->backoff_percent)
		rules->backoff_percent = given->backoff_percent;
	rules->max_bounces = (uint8_t)(given->max_bounces == UINT32_MAX
	                                       ? BOUNCES
	                                       : given->max_bounces);
	for (uint8_t i = 0; i < monitor->n_steps; i++) {
		if (monitor->steps[i].kind == STEP_STOP ||
		    monitor->steps[i].kind == STEP_KILL)
			rules->stopping |= (uint16_t)(1u << i);
	}
}

/* --- what is watched ----------------------------------------------------- */

static void read_metric(struct resolve *resolve, const struct reader *reader,
                        const struct raw_monitor *raw,
                        struct config_monitor *monitor)
{
	static const char *const values[] = {
		[CONFIG_METRIC_PUSH_TIME] = "push_time",
		[CONFIG_METRIC_TIMESTAMP] = "timestamp",
	};
	static const char *const matches[] = {
		[CONFIG_MATCH_ANY] = "any",
		[CONFIG_MATCH_ALL] = "all",
		[CONFIG_MATCH_OLDEST] = "oldest",
	};
	unsigned value = CONFIG_METRIC_PUSH_TIME;
	unsigned match = CONFIG_MATCH_ANY;

	if (read_identifier(reader, "metric_name", raw->metric_name, true))
		monitor->metric_name = resolve_text(resolve, raw->metric_name);
	if (read_word(reader, "metric_value", raw->metric_value, values,
	              ARRAY_SIZE(values), &value) &&
	    value == CONFIG_METRIC_TIMESTAMP && !raw->metric_name)
		reader_problem(reader, "metric_value",
		               "timestamp needs metric_name: the metric whose "
		               "value is the time");
	(void)read_word(reader, "match", raw->match, matches,
	                ARRAY_SIZE(matches), &match);
	monitor->metric_value = (enum config_metric_value)value;
	monitor->match = (enum config_match)match;
}

/* The gateway that we are: it tells of every push, nobody needs to ask. */
static void read_builtin(struct resolve *resolve, const struct reader *reader,
                         const struct raw_monitor *raw,
                         struct config_monitor *monitor)
{
	resolve->gateway.enabled = true;
	monitor->rules.exact = true;
	monitor->check_interval_ms = 0;
	if (raw->check_interval)
		reader_problem(reader, "check_interval",
		               "has no effect with push_gw: builtin, which "
		               "knows of a push at once; remove the key");
	if (raw->push_gw && !resolve->global.addr)
		reader_problem(reader, "push_gw",
		               "builtin is pushed to on global.addr, which is "
		               "none; give it an address");
}

static void read_source(struct resolve *resolve, const struct reader *reader,
                        const struct raw_monitor *raw,
                        struct config_monitor *monitor)
{
	monitor->push_gw = resolve->global.push_gw;
	if (read_gateway(reader, "push_gw", raw->push_gw))
		monitor->push_gw = resolve_text(resolve, raw->push_gw);
	monitor->check_interval_ms = resolve->global.check_interval_ms;
	(void)read_duration(reader, "check_interval", raw->check_interval, 1,
	                    &monitor->check_interval_ms);
	(void)read_duration(reader, "max_runtime", raw->max_runtime, 1,
	                    &monitor->rules.max_runtime_ms);
	if (monitor->push_gw && config_is_builtin(monitor->push_gw))
		read_builtin(resolve, reader, raw, monitor);
	else if (raw->max_runtime)
		reader_problem(reader, "max_runtime",
		               "needs push_gw: builtin; other gateways are not "
		               "told when a run starts");
	read_metric(resolve, reader, raw, monitor);
	resolve_labels(resolve, raw, reader, monitor);
}

/* --- what is acted on ---------------------------------------------------- */

static bool has_projects(enum config_target_type type)
{
	return type == CONFIG_TARGET_LXD || type == CONFIG_TARGET_INCUS;
}

/* What a target of this type has, and what it has not. */
static void check_target(const struct reader *reader,
                         const struct raw_monitor *raw,
                         const struct config_monitor *monitor)
{
	enum config_target_type type = monitor->type;

	if (monitor->watch == CONFIG_WATCH_HEALTH ||
	    monitor->watch == CONFIG_WATCH_EXITED) {
		if (type == CONFIG_TARGET_HOST)
			reader_value(reader, "type", raw->type,
			             "has no containers to watch; use docker, "
			             "podman, lxd or incus");
		return;
	}
	if (type == CONFIG_TARGET_HOST && raw->container_name)
		reader_problem(reader, "container_name",
		               raw->type ? "type host has no container; remove "
		                           "the key"
		                         : "needs type: where the container "
		                           "runs");
	if (type != CONFIG_TARGET_HOST)
		(void)read_required(reader, "container_name",
		                    raw->container_name);
	if (raw->project && !has_projects(type))
		reader_problem(reader, "project",
		               "only lxd and incus have projects; remove the "
		               "key");
}

/* Of a rule each member may have its own. */
static void read_container(struct resolve *resolve, const struct reader *reader,
                           const char *text, struct config_monitor *monitor)
{
	struct place at = reader_place(reader, "container_name");
	bool templated = text && strstr(text, "{{");
	bool good;

	if (templated && resolve_member_word(monitor)) {
		good = resolve_template(resolve, monitor, &at, text);
	} else if (templated && monitor->watch == CONFIG_WATCH_METRIC) {
		reader_value(reader, "container_name", text,
		             "is of one series, and the monitor judges all "
		             "together; with series: each it has a container "
		             "for each");
		good = false;
	} else {
		good = read_target(reader, "container_name", text);
	}
	if (good)
		monitor->container_name = resolve_text(resolve, text);
}

/* Without a type only what fits the most lenient one is known. */
static void read_type(const struct reader *reader,
                      const struct raw_monitor *raw,
                      struct config_monitor *monitor)
{
	bool optional = monitor->watch == CONFIG_WATCH_METRIC ||
	                monitor->watch == CONFIG_WATCH_ALERT;
	unsigned type = optional ? CONFIG_TARGET_HOST : CONFIG_TARGET_DOCKER;
	bool good = optional && !raw->type;

	if (!good)
		good = read_required(reader, "type", raw->type) &&
		       read_word(reader, "type", raw->type, type_names,
		                 N_CONFIG_TARGET_TYPES, &type);
	monitor->type = (enum config_target_type)type;
	if (good)
		check_target(reader, raw, monitor);
	else
		monitor->type = CONFIG_TARGET_DOCKER;
}

static void read_what_to_do(struct resolve *resolve,
                            const struct reader *reader,
                            const struct raw_monitor *raw, uint64_t timeout_ms,
                            struct policy_levels *levels,
                            struct config_monitor *monitor)
{
	read_container(resolve, reader, raw->container_name, monitor);
	if (read_target(reader, "project", raw->project))
		monitor->project = resolve_text(resolve, raw->project);
	read_type(reader, raw, monitor);
	resolve_steps(resolve, raw, reader, timeout_ms, levels, monitor);
	(void)read_number(reader, "max_parallel", raw->max_parallel, 1,
	                  PARALLEL_MAX, &monitor->max_parallel);
	(void)read_duration(reader, "throttle", raw->throttle, 0,
	                    &monitor->throttle_ms);
}

/* --- the whole ----------------------------------------------------------- */

static void read_name(struct resolve *resolve, const struct reader *reader,
                      const char *text, struct config_monitor *monitor)
{
	struct slice name = slice_from(text);

	if (!read_required(reader, "name", text))
		return;
	if (name.n == 0)
		reader_problem(reader, "name", "is empty");
	else if (name.n > NAME_MAX_BYTES)
		reader_value(reader, "name", text, "is longer than %d bytes",
		             NAME_MAX_BYTES);
	else if (!text_is_printable(name))
		reader_value(reader, "name", text,
		             "contains control characters");
	else
		monitor->name = resolve_text(resolve, text);
}

/* Each is rendered by itself, so that no value can become two. */
static void check_arguments(struct resolve *resolve,
                            const struct config_monitor *monitor,
                            const struct place *list, const char *const *texts,
                            unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct place at = { .up = list, .index = i };

		if (!place_left_out(&at))
			(void)resolve_template(resolve, monitor, &at, texts[i]);
	}
}

/* Commands of the host around a bounce. */
static void read_hooks(struct resolve *resolve, const struct reader *reader,
                       const struct raw_monitor *raw,
                       struct config_monitor *monitor)
{
	struct place before = reader_place(reader, "before");
	struct place after = reader_place(reader, "after");

	if (place_find(&before))
		monitor->before = resolve_command(resolve, reader, "before",
		                                  raw->before, raw->n_before);
	else if (raw->before_timeout)
		reader_problem(reader, "before_timeout",
		               "is of before, which is not given");
	if (place_find(&after))
		monitor->after = resolve_command(resolve, reader, "after",
		                                 raw->after, raw->n_after);
	else if (raw->after_timeout)
		reader_problem(reader, "after_timeout",
		               "is of after, which is not given");
	check_arguments(resolve, monitor, &after, raw->after, raw->n_after);
	monitor->before_timeout_ms = HOOK_MS;
	monitor->after_timeout_ms = HOOK_MS;
	(void)read_duration(reader, "before_timeout", raw->before_timeout, 1,
	                    &monitor->before_timeout_ms);
	(void)read_duration(reader, "after_timeout", raw->after_timeout, 1,
	                    &monitor->after_timeout_ms);
}

static void read_switches(struct resolve *resolve, const struct reader *reader,
                          const struct raw_monitor *raw,
                          struct config_monitor *monitor)
{
	struct quiet_given quiet = resolve->defaults.quiet;
	bool dry_run = false;
	bool paused = false;

	(void)read_bool(reader, "dry_run", raw->dry_run, &dry_run);
	(void)read_bool(reader, "paused", raw->paused, &paused);
	monitor->dry_run = dry_run || resolve->defaults.dry_run;
	monitor->paused = paused || resolve->defaults.paused;
	resolve_quiet(resolve, reader, raw->quiet, raw->n_quiet, &quiet);
	monitor->quiet = quiet.windows;
	monitor->n_quiet = quiet.n;
}

/* What it watches, and what it does about it. */
static void read_watched(struct resolve *resolve, const struct reader *reader,
                         const struct raw_monitor *raw,
                         const struct rules_given *given,
                         struct config_monitor *monitor)
{
	struct policy_levels *levels = NULL;

	if (monitor->watch == CONFIG_WATCH_PUSH)
		read_source(resolve, reader, raw, monitor);
	if (monitor->watch == CONFIG_WATCH_METRIC) {
		resolve_metric(resolve, raw, reader, monitor);
		levels = resolve_levels(resolve, raw, reader, given);
		monitor->rules.levels = levels;
	}
	read_what_to_do(resolve, reader, raw, or_else(given->timeout_ms, 0),
	                levels, monitor);
	if (monitor->watch == CONFIG_WATCH_ALERT)
		resolve_alert(resolve, raw, reader, monitor);
	if (monitor->watch == CONFIG_WATCH_HEALTH ||
	    monitor->watch == CONFIG_WATCH_EXITED)
		resolve_containers(resolve, raw, reader, monitor);
}

void resolve_monitor(struct resolve *resolve, const struct raw_monitor *raw,
                     const struct place *place, struct config_monitor *monitor)
{
	struct reader reader = { .problems = resolve->problems,
		                 .place = place };
	struct rules_given given = resolve->defaults.rules;
	bool push;

	read_name(resolve, &reader, raw->name, monitor);
	read_switches(resolve, &reader, raw, monitor);
	resolve_rules(&reader, &raw->rules, &given);
	/* without it, it is not known what the other keys are for */
	if (!resolve_watch(&reader, raw->watch, &monitor->watch))
		return;
	read_hooks(resolve, &reader, raw, monitor);
	push = monitor->watch == CONFIG_WATCH_PUSH;
	resolve_meanings(&reader, monitor->watch);
	if (push)
		(void)read_required(&reader, "max_age", raw->max_age);
	(void)read_duration(&reader, "max_age", raw->max_age, push,
	                    &monitor->rules.max_age_ms);
	read_watched(resolve, &reader, raw, &given, monitor);
	if (resolve->failed == 0)
		fill_rules(&reader, raw, &given, monitor);
}
