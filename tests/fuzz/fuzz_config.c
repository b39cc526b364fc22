/* SPDX-License-Identifier: Apache-2.0 */
/* config: any bytes as a configuration file: either it is refused with words,
 * or what comes of it keeps what its header promises. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "config/config.h"

#define MAX_SIZE 65536 /* longer ones only take longer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void check_step(const struct step *step,
                       const struct config_monitor *monitor)
{
	bool command = step->kind == STEP_EXEC || step->kind == STEP_RUN;

	require(command == (step->argv != NULL));
	require(!command || (step->argv[0] && step->argv[0][0]));
	require(monitor->type != CONFIG_TARGET_HOST || step->kind == STEP_RUN ||
	        step->kind == STEP_LOG || step->kind == STEP_WEBHOOK ||
	        step->kind == STEP_PLUGIN);
	require((step->kind == STEP_PLUGIN) == (step->plugin != NULL));
	require(!step->plugin || !step->plugin->name != !step->plugin->path);
	require((step->kind == STEP_WEBHOOK) == (step->webhook != NULL));
	require(!step->webhook ||
	        (step->webhook->url && step->webhook->method &&
	         step->webhook->max_tries >= 1));
}

/* One target, found by its labels. */
static void check_push(const struct config_monitor *monitor)
{
	require(monitor->push_gw && !monitor->containers);
	require((monitor->check_interval_ms == 0) ==
	        config_is_builtin(monitor->push_gw));
	require(monitor->n_labels >= 1 &&
	        monitor->n_labels <= CONFIG_MAX_LABELS);
	for (size_t i = 1; i < monitor->n_labels; i++)
		require(strcmp(monitor->labels[i - 1].name,
		               monitor->labels[i].name) < 0);
	require((monitor->type == CONFIG_TARGET_HOST) ==
	        !monitor->container_name);
	require(monitor->rules.max_age_ms > 0);
}

/* Many of them. */
static void check_containers(const struct config_monitor *monitor)
{
	const struct config_containers *containers = monitor->containers;

	require(containers && !monitor->push_gw && !monitor->container_name &&
	        monitor->type != CONFIG_TARGET_HOST && monitor->rules.exact);
	require(monitor->n_labels == 0 && !strchr(monitor->name, '/'));
	require((containers->n_endpoints == 0) == !containers->endpoints);
	require(containers->max_containers >= 1);
}

/* A value from one place, with one limit at least. */
static void check_metric(const struct config_monitor *monitor)
{
	const struct config_metric *metric = monitor->metric;
	const struct policy_levels *levels = monitor->rules.levels;
	unsigned n = 0;

	require(metric && levels && !monitor->push_gw && !monitor->containers);
	require(!metric->query != !metric->scrape);
	require((metric->n_servers == 0) == (metric->scrape != NULL));
	require(!metric->scrape || metric->metric_name);
	require(metric->credentials && metric->max_series >= 1);
	require(monitor->check_interval_ms > 0);
	require(levels->level[POLICY_LEVEL_SOFT].given ||
	        levels->level[POLICY_LEVEL_HARD].given);
	for (size_t i = 0; i < N_POLICY_LEVELS; i++) {
		require(levels->level[i].first_step == n);
		require(levels->level[i].given || !levels->level[i].n_steps);
		n += levels->level[i].n_steps;
	}
	require(n == monitor->rules.n_steps);
}

static void check_alert(const struct config_monitor *monitor)
{
	const struct config_alert *alert = monitor->alert;

	require(alert && !monitor->push_gw && monitor->rules.exact);
	require(alert->max_alerts >= 1 && !strchr(monitor->name, '/'));
	require(alert->interrupt == (alert->signal != NULL));
}

static void check_watched(const struct config_monitor *monitor)
{
	switch (monitor->watch) {
	case CONFIG_WATCH_PUSH:
		check_push(monitor);
		return;
	case CONFIG_WATCH_HEALTH:
	case CONFIG_WATCH_EXITED:
		check_containers(monitor);
		return;
	case CONFIG_WATCH_METRIC:
		check_metric(monitor);
		return;
	case CONFIG_WATCH_ALERT:
		check_alert(monitor);
		return;
	case N_CONFIG_WATCHES:
	default:
		abort();
	}
}

static void check_monitor(const struct config_monitor *monitor)
{
	const struct policy_rules *rules = &monitor->rules;

	require(monitor->name && monitor->name[0]);
	check_watched(monitor);
	require(rules->window_ms > 0);
	require(rules->verify_ms > 0 || monitor->check_interval_ms == 0);
	require(rules->verify_ms >= monitor->check_interval_ms ||
	        monitor->watch == CONFIG_WATCH_METRIC);
	require(rules->backoff_max_ms >= rules->cooldown_ms);
	require(rules->backoff_percent >= 100);
	require(rules->max_bounces <= POLICY_MAX_BOUNCES);
	require(rules->n_steps >= 1 && rules->first_resolved == rules->n_steps);
	require(monitor->n_steps == rules->n_steps + rules->n_resolved &&
	        monitor->n_steps <= CONFIG_MAX_STEPS);
	for (size_t i = 0; i < monitor->n_steps; i++)
		check_step(&monitor->steps[i], monitor);
}

static struct config *load(const uint8_t *data, size_t size)
{
	struct config *config = NULL;
	struct buf problems;
	int r;

	buf_init(&problems, 16u << 20);
	r = config_load_text(slice_make((const char *)data, size), "fuzz.yml",
	                     NULL, 0, &config, &problems);
	require(r == 0 || r == -EINVAL);
	require((r == 0) == (problems.n == 0));
	require((r == 0) == (config != NULL));
	require(!slice_starts(buf_slice(&problems), "fuzz.yml: libcyaml"));
	buf_fini(&problems);
	return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config;
	struct config *again;

	if (size > MAX_SIZE)
		return 0;
	config = load(data, size);
	if (!config)
		return 0;
	again = load(data, size);
	require(config->n_monitors >= 1 &&
	        config->n_monitors == again->n_monitors);
	for (size_t i = 0; i < config->n_monitors; i++) {
		check_monitor(&config->monitors[i]);
		require(config_monitor_equal(&config->monitors[i],
		                             &again->monitors[i]));
	}
	require(config_notifications_equal(config, again));
	config_free(config);
	config_free(again);
	return 0;
}
