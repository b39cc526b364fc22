/* SPDX-License-Identifier: Apache-2.0 */
/* What a monitor watches, and which of its keys mean anything then. */
#include "config/resolve.h"

#include <stdio.h>

#define WATCHES_TEXT_MAX 128 /* "watch: push, watch: …" */

static const char *const watch_names[N_CONFIG_WATCHES] = {
	[CONFIG_WATCH_PUSH] = "push",     [CONFIG_WATCH_HEALTH] = "health",
	[CONFIG_WATCH_EXITED] = "exited", [CONFIG_WATCH_METRIC] = "metric",
	[CONFIG_WATCH_ALERT] = "alert",
};

const char *config_watch_name(enum config_watch watch)
{
	return watch_names[watch];
}

/* A key that only a monitor of a value has says that it is one. */
static enum config_watch watch_meant(const struct reader *reader)
{
	static const char *const keys[] = { "query", "scrape", "threshold",
		                            "soft", "hard" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		struct place place = reader_place(reader, keys[i]);

		if (place_find(&place))
			return CONFIG_WATCH_METRIC;
	}
	return CONFIG_WATCH_PUSH;
}

bool resolve_watch(const struct reader *reader, const char *text,
                   enum config_watch *watchp)
{
	unsigned watch = CONFIG_WATCH_PUSH;
	bool good = true;

	if (text)
		good = read_word(reader, "watch", text, watch_names,
		                 N_CONFIG_WATCHES, &watch);
	else
		watch = watch_meant(reader);
	*watchp = (enum config_watch)watch;
	return good;
}

/* --- rules and their members ------------------------------------------------ */

void resolve_rule_name(const struct reader *reader,
                       const struct config_monitor *monitor,
                       const char *members)
{
	if (monitor->name && strchr(monitor->name, '/'))
		reader_value(reader, "name", monitor->name,
		             "contains a /, which stands between a rule and "
		             "its %s",
		             members);
}

const char *resolve_member_word(const struct config_monitor *monitor)
{
	switch (monitor->watch) {
	case CONFIG_WATCH_HEALTH:
	case CONFIG_WATCH_EXITED:
		return "a container";
	case CONFIG_WATCH_METRIC:
		return monitor->metric && monitor->metric->series == SERIES_EACH
		               ? "a series"
		               : NULL;
	case CONFIG_WATCH_ALERT:
		return "an alert";
	case CONFIG_WATCH_PUSH:
	case N_CONFIG_WATCHES:
	default:
		return NULL;
	}
}

/* --- which keys mean anything --------------------------------------------- */

enum {
	PUSH = 1 << CONFIG_WATCH_PUSH,
	HEALTH = 1 << CONFIG_WATCH_HEALTH,
	EXITED = 1 << CONFIG_WATCH_EXITED,
	METRIC = 1 << CONFIG_WATCH_METRIC,
	ALERT = 1 << CONFIG_WATCH_ALERT,
};
#define CONTAINERS (HEALTH | EXITED)
#define TARGETS    (PUSH | METRIC | ALERT) /* one, which is named */

/* A key that is not for every watch, and what to do about it elsewhere. */
struct meaning {
	const char *key;
	unsigned watches;
	const char *containers; /* of those; NULL: remove the key */
	const char *metric;     /* NULL: what it is for */
	const char *alert;      /* likewise */
};

#define SELECT  "select says which containers are meant"
#define EVENTS  "the engine tells of each change"
#define LASTS   "for says how long it must last"
#define ALERTED "Alertmanager tells of each change"
#define FILTERS "label_filters says which series are meant"
#define MATCHES "match_labels says which alerts are meant"

static const struct meaning meanings[] = {
	{ "max_age", PUSH | EXITED, "for says how long it must be unhealthy",
	  LASTS, LASTS },
	{ "max_runtime", PUSH, NULL, LASTS, LASTS },
	{ "container_name", TARGETS, SELECT ", by name: [NAME]", NULL, NULL },
	{ "project", TARGETS, SELECT ", by project: [NAME]", NULL, NULL },
	{ "label_name", PUSH, SELECT ", by label: [NAME=VALUE]", FILTERS,
	  MATCHES },
	{ "label_value", PUSH, SELECT ", by label: [NAME=VALUE]", FILTERS,
	  MATCHES },
	{ "labels", PUSH, SELECT ", by label: [NAME=VALUE]", FILTERS, MATCHES },
	{ "match", PUSH, NULL, "series says which of several counts", MATCHES },
	{ "metric_name", PUSH | METRIC, NULL, NULL, MATCHES },
	{ "metric_value", PUSH, NULL, "threshold says when it is bad", NULL },
	{ "push_gw", PUSH, "endpoints says which engines are asked",
	  "prometheus says which server is asked", ALERTED },
	{ "check_interval", PUSH | METRIC,
	  EVENTS "; see also global.resync_interval", NULL, ALERTED },
	{ "grace", HEALTH, "for says how long it must be bad", LASTS, LASTS },
	{ "probe", HEALTH, NULL, NULL, NULL },
	{ "exit_codes", EXITED, NULL, NULL, NULL },
	{ "exit_codes_label", EXITED, NULL, NULL, NULL },
	{ "keep_last", EXITED, NULL, NULL, NULL },
	{ "endpoints", CONTAINERS, NULL, NULL, NULL },
	{ "select", CONTAINERS, NULL, FILTERS, MATCHES },
	{ "exclude", CONTAINERS, NULL, FILTERS, MATCHES },
	{ "opt_out", CONTAINERS, NULL, NULL, NULL },
	{ "include", CONTAINERS, NULL, NULL, NULL },
	{ "max_containers", CONTAINERS, NULL, "max_series is the limit",
	  "max_alerts is the limit" },
	{ "forget_after", CONTAINERS | METRIC | ALERT, NULL, NULL, NULL },
	{ "stop_timeout_label", CONTAINERS, NULL, NULL, NULL },
	{ "stop_timeout_label_unit", CONTAINERS, NULL, NULL, NULL },
	{ "dependents", CONTAINERS, NULL, NULL, NULL },
	{ "dependents_label", CONTAINERS, NULL, NULL, NULL },

	{ "query", METRIC, NULL, NULL, NULL },
	{ "label_filters", METRIC, NULL, NULL, MATCHES },
	{ "prometheus", METRIC, NULL, NULL, ALERTED },
	{ "scrape", METRIC, NULL, NULL, NULL },
	{ "token_file", METRIC, NULL, NULL,
	  "alerts.token_file says who posts" },
	{ "basic_auth_file", METRIC, NULL, NULL,
	  "alerts.basic_auth_file says who posts" },
	{ "headers", METRIC, NULL, NULL, NULL },
	{ "series", METRIC, NULL, NULL, "per says what counts as one" },
	{ "max_series", METRIC, NULL, NULL, "max_alerts is the limit" },
	{ "missing", METRIC, NULL, NULL, NULL },
	{ "threshold", METRIC, NULL, NULL, "the rule in Prometheus has it" },
	{ "clear", METRIC, NULL, NULL, NULL },
	{ "backoff", METRIC, "cooldown is the time between two bounces", NULL,
	  "cooldown is the time between two bounces" },
	{ "soft", METRIC, NULL, NULL, "the rule in Prometheus has it" },
	{ "hard", METRIC, NULL, NULL, "the rule in Prometheus has it" },
	{ "compat", METRIC, NULL, NULL, NULL },
	{ "match_labels", ALERT, SELECT, FILTERS, NULL },
	{ "match_annotations", ALERT, SELECT, FILTERS, NULL },
	{ "per", ALERT, NULL, "series: each makes each series one", NULL },
	{ "once", ALERT, NULL, "a cooldown of 0s is one bounce", NULL },
	{ "retry", ALERT, NULL, NULL, NULL },
	{ "max_alerts", ALERT, "max_containers is the limit",
	  "max_series is the limit", NULL },
	{ "on_resolved_signal", ALERT, NULL, NULL, NULL },
	{ "kill_after", ALERT, NULL, NULL, NULL },
	{ "on_resolved", METRIC | ALERT, NULL, NULL, NULL },
	{ "plugin", METRIC | ALERT, "write it as a step of type plugin", NULL,
	  NULL },
	{ "max_parallel", CONTAINERS | METRIC | ALERT, NULL, NULL, NULL },
	{ "throttle", CONTAINERS | METRIC | ALERT, NULL, NULL, NULL },
};

/* "it is for watch: health and watch: exited" */
static const char *belongs_to(unsigned watches, char out[WATCHES_TEXT_MAX])
{
	const char *before = "it is for ";
	size_t n = 0;

	for (unsigned i = 0; i < N_CONFIG_WATCHES; i++) {
		if (!(watches & (1u << i)))
			continue;
		watches &= ~(1u << i);
		n += (size_t)snprintf(out + n, WATCHES_TEXT_MAX - n,
		                      "%swatch: %s", before, watch_names[i]);
		before = watches & (watches - 1) ? ", " : " and ";
	}
	return out;
}

static const char *remedy(const struct meaning *meaning,
                          enum config_watch watch, char out[WATCHES_TEXT_MAX])
{
	const char *words = NULL;

	if ((1u << watch) & CONTAINERS)
		return meaning->containers ? meaning->containers
		                           : "remove the key";
	if (watch == CONFIG_WATCH_METRIC)
		words = meaning->metric;
	else if (watch == CONFIG_WATCH_ALERT)
		words = meaning->alert;
	return words ? words : belongs_to(meaning->watches, out);
}

void resolve_meanings(const struct reader *reader, enum config_watch watch)
{
	const struct yaml_node *node = place_node(reader->place);
	char words[WATCHES_TEXT_MAX];

	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = yaml_target(&node->items[2 * i]);

		for (size_t k = 0; k < ARRAY_SIZE(meanings); k++) {
			const struct meaning *meaning = &meanings[k];

			if (meaning->watches & (1u << watch) ||
			    key->kind != YAML_SCALAR ||
			    !slice_is(yaml_text(key), meaning->key))
				continue;
			reader_problem(reader, meaning->key,
			               "means nothing with watch: %s; %s",
			               watch_names[watch],
			               remedy(meaning, watch, words));
		}
	}
}
