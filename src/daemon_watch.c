/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration to monitors and sources.
 *
 * A new configuration is applied in two halves: the plan makes everything that
 * can fail, beside what runs; the commit swaps, and cannot fail. Monitors that
 * did not change are taken over with their state, changed ones with their
 * past. Sources are made anew; they read at once.
 */
#include "daemon_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"

/* --- configurations ------------------------------------------------------ */

void daemon_config_ref(struct daemon_config *config)
{
	config->n_refs++;
}

void daemon_config_unref(struct daemon_config *config)
{
	while (config && --config->n_refs == 0) {
		struct daemon_config *base = config->base;

		config_free(config->config);
		mem_free(config);
		config = base;
	}
}

/* --- the plan ----------------------------------------------------------- */

struct plan {
	struct daemon *daemon;
	struct daemon_config *config;
	struct watched **watched;
	struct cover **covers;
	struct monitor **monitors;
	uint32_t monitors_cap;
	uint32_t n_watched;
	uint32_t n_covers;
	uint32_t n_new;
	struct map by_name;
	struct list feeds;
};

struct target *daemon_target_take(struct daemon *daemon, const char *runtime,
                                  const char *project, const char *name)
{
	struct target *target = NULL;
	struct buf key;

	buf_init(&key, 4096);
	if (buf_printf(&key, "%s\n%s\n%s", runtime, project ? project : "",
	               name) == 0)
		target = targets_take(&daemon->targets, buf_slice(&key));
	buf_fini(&key);
	return target;
}

static struct target *take_target(struct daemon *daemon,
                                  const struct config_monitor *config)
{
	return daemon_target_take(
		daemon, config_target_type_name(config->type), config->project,
		config->container_name ? config->container_name : config->name);
}

static struct daemon_group *group_of(struct group *group)
{
	return container_of(group, struct daemon_group, group);
}

struct group *daemon_group_take(struct daemon *daemon, const char *url)
{
	size_t n = strlen(url) + 1;
	struct daemon_group *made;
	struct group **groups;

	for (uint32_t i = 0; i < daemon->n_groups; i++) {
		if (strcmp(group_of(daemon->groups[i])->url, url) == 0)
			return daemon->groups[i];
	}
	groups = mem_realloc(daemon->groups,
	                     (daemon->n_groups + 1) * sizeof(struct group *));
	if (!groups)
		return NULL;
	daemon->groups = groups;
	made = mem_calloc(1, sizeof(*made) + n);
	if (!made)
		return NULL;
	memcpy(made->url, url, n);
	group_init(&made->group, made->url);
	made->group.own = config_is_builtin(url);
	made->group.up = made->group.own;
	groups[daemon->n_groups++] = &made->group;
	return &made->group;
}

void daemon_group_hold(struct group *group)
{
	group_of(group)->n_feeds++;
}

void daemon_group_release(struct group *group)
{
	group_of(group)->n_feeds--;
}

const char *daemon_group_url(const struct group *group)
{
	return container_of(group, struct daemon_group, group)->url;
}

static void drop_empty_groups(struct daemon *daemon)
{
	uint32_t n_kept = 0;

	for (uint32_t i = 0; i < daemon->n_groups; i++) {
		struct daemon_group *group = group_of(daemon->groups[i]);

		if (group->group.n_monitors > 0 || group->n_feeds > 0) {
			daemon->groups[n_kept++] = &group->group;
			continue;
		}
		mem_free(group->name);
		mem_free(group);
	}
	daemon->n_groups = n_kept;
}

void daemon_watched_free(struct watched *watched)
{
	if (watched->monitor.target)
		targets_release(&watched->daemon->targets,
		                watched->monitor.target);
	mem_free(watched->monitor.pause);
	if (watched->member)
		daemon_member_free(watched->member);
	facts_unref(watched->facts);
	mem_free(watched);
}

/* What an operator ordered of it. */
static int restore_pause(struct daemon *daemon, struct monitor *monitor,
                         const struct watched *before)
{
	const struct pause *pause = before ? before->monitor.pause : NULL;
	int r = 0;

	if (pause) {
		monitor->pause = pause_new(pause->since_wall_ms,
		                           pause->until_ms, pause->reason);
		return monitor->pause ? 0 : -ENOMEM;
	}
	if (!before && daemon->saved)
		r = saved_state_pause(
			daemon->saved, monitor->name, daemon_wall_ms(),
			daemon->supervisor.wall_offset_ms, &monitor->pause);
	return r < 0 ? r : 0;
}

/* The past of a monitor: of the one that it replaces, or from the file. */
static int restore_past(struct daemon *daemon, struct watched *watched,
                        const struct watched *before)
{
	struct monitor *monitor = &watched->monitor;
	uint64_t now_ms = daemon_now(daemon);
	struct policy_saved saved;

	policy_init(&monitor->policy, now_ms);
	if (restore_pause(daemon, monitor, before) < 0)
		return -ENOMEM;
	if (before) {
		policy_save(&before->monitor.policy, &saved);
		monitor->bounce_wall_ms = before->monitor.bounce_wall_ms;
	} else if (!daemon->saved ||
	           !saved_state_monitor(daemon->saved, monitor->name,
	                                daemon_wall_ms(),
	                                daemon->supervisor.wall_offset_ms,
	                                &saved, &monitor->bounce_wall_ms)) {
		return 0;
	}
	policy_restore(&monitor->policy, &saved, now_ms);
	return 0;
}

static struct watched *watched_new(struct daemon *daemon,
                                   const struct config_monitor *config,
                                   const struct watched *before)
{
	size_t n_counters = config->n_steps * sizeof(uint32_t[N_STEP_RESULTS]);
	struct watched *watched = mem_calloc(1, sizeof(*watched) + n_counters);

	if (!watched)
		return NULL;
	watched->daemon = daemon;
	list_init(&watched->node);
	list_init(&watched->monitor.node);
	watched->monitor.name = config->name;
	watched->monitor.n_steps = watched->n_steps;
	watched->monitor.group = daemon_group_take(
		daemon, config->metric ? daemon_samples_url(config->metric)
				       : config->push_gw);
	watched->monitor.target = take_target(daemon, config);
	if (!watched->monitor.group || !watched->monitor.target ||
	    restore_past(daemon, watched, before) < 0) {
		daemon_watched_free(watched);
		return NULL;
	}
	return watched;
}

static struct feed *find_feed(struct plan *plan, const struct feed_kind *kind,
                              const char *url, uint64_t interval_ms)
{
	LIST_FOR_EACH (node, &plan->feeds) {
		struct feed *feed = container_of(node, struct feed, node);

		if (feed->kind == kind && feed->interval_ms == interval_ms &&
		    strcmp(feed->url, url) == 0)
			return feed;
	}
	return NULL;
}

static int take_feed(struct plan *plan, const struct feed_kind *kind,
                     struct group *group, uint64_t interval_ms,
                     struct runtime *runtime, struct feed **feedp,
                     struct err *err)
{
	const char *url = daemon_group_url(group);
	struct feed *feed = find_feed(plan, kind, url, interval_ms);

	*feedp = feed;
	if (feed)
		return 0;
	feed = daemon_feed_new(plan->daemon, kind, group, url, interval_ms);
	if (!feed)
		return UV_ENOMEM;
	feed->runtime = runtime;
	list_append(&plan->feeds, &feed->node);
	*feedp = feed;
	return daemon_feed_open(feed, &plan->config->config->global, err);
}

/* The source of a value; of a monitor, or of a rule of many series. */
static int sample(struct plan *plan, struct watched *watched,
                  struct cover *cover, const struct config_monitor *config,
                  struct err *err)
{
	struct daemon *daemon = plan->daemon;
	struct group *group =
		daemon_group_take(daemon, daemon_samples_url(config->metric));
	struct feed *feed;
	int r;

	if (!group)
		return UV_ENOMEM;
	r = daemon_samples_take(daemon, &plan->feeds, group, config,
	                        &plan->config->config->global, &feed, err);
	return r < 0 ? r
	             : daemon_samples_add(feed, watched, cover, config->metric,
	                                  err);
}

static int subscribe(struct plan *plan, struct watched *watched,
                     const struct config_monitor *config, struct err *err)
{
	struct feed *feed;
	int r;

	if (config->metric)
		return sample(plan, watched, NULL, config, err);
	r = take_feed(plan, daemon_feed_kind_of(config->push_gw),
	              watched->monitor.group, config->check_interval_ms, NULL,
	              &feed, err);

	return r < 0 ? r : daemon_feed_add(feed, watched, config);
}

static int plan_monitor(struct plan *plan, const struct config_monitor *config,
                        struct err *err)
{
	struct daemon *daemon = plan->daemon;
	struct watched *before =
		map_get(&daemon->by_name, slice_from(config->name));
	struct watched *watched = before;

	if (!before || !config_monitor_equal(before->monitor.config, config)) {
		watched = watched_new(daemon, config, before);
		if (!watched)
			return UV_ENOMEM;
		plan->n_new++;
	}
	plan->watched[plan->n_watched++] = watched;
	if (map_set(&plan->by_name, slice_from(config->name), watched) < 0)
		return UV_ENOMEM;
	return subscribe(plan, watched, config, err);
}

/* The source of one engine, for a rule. */
static int plan_endpoint(struct plan *plan, struct cover *cover,
                         const struct config_monitor *config,
                         const char *endpoint, struct err *err)
{
	const struct config_global *global = &plan->config->config->global;
	struct daemon *daemon = plan->daemon;
	struct runtime *runtime =
		daemon_runtime(daemon, global, config->type, endpoint);
	struct group *group = NULL;
	struct feed *feed = NULL;
	struct buf name;
	int r;

	buf_init(&name, 4096);
	if (daemon_runtime_name(global, config->type, endpoint, &name) == 0)
		group = daemon_group_take(daemon, buf_text(&name));
	buf_fini(&name);
	if (!group)
		return UV_ENOMEM;
	if (!runtime)
		return err_set(err, UV_EINVAL,
		               "%s: its engine cannot be used; see the log",
		               config->name);
	r = take_feed(plan, &daemon_feed_containers, group, 0, runtime, &feed,
	              err);
	return r < 0 ? r : daemon_containers_add_rule(feed, cover, config);
}

static int plan_containers(struct plan *plan, struct cover *cover,
                           const struct config_monitor *config, struct err *err)
{
	const struct config_containers *containers = config->containers;
	int r = 0;

	if (containers->n_endpoints == 0)
		return plan_endpoint(plan, cover, config, NULL, err);
	for (size_t i = 0; i < containers->n_endpoints && r == 0; i++)
		r = plan_endpoint(plan, cover, config, containers->endpoints[i],
		                  err);
	return r;
}

static int plan_alerts(struct plan *plan, struct cover *cover,
                       const struct config_monitor *config, struct err *err)
{
	struct group *group = daemon_group_take(plan->daemon, ALERTS_NAME);
	struct feed *feed;
	int r;

	if (!group)
		return UV_ENOMEM;
	r = take_feed(plan, &daemon_feed_alerts, group, 0, NULL, &feed, err);
	return r < 0 ? r : daemon_alerts_add_rule(feed, cover, config, err);
}

static int plan_cover(struct plan *plan, const struct config_monitor *config,
                      struct err *err)
{
	struct cover *cover = daemon_cover_plan(plan->daemon, config);

	if (!cover)
		return UV_ENOMEM;
	plan->covers[plan->n_covers++] = cover;
	plan->monitors_cap += cover->n_members;
	if (config->metric)
		return sample(plan, NULL, cover, config, err);
	if (config->alert)
		return plan_alerts(plan, cover, config, err);
	return plan_containers(plan, cover, config, err);
}

/* It covers many, each of them a monitor of its own. */
static bool is_rule(const struct config_monitor *config)
{
	return config->containers || config->alert ||
	       daemon_samples_each(config);
}

static int plan_make(struct plan *plan, struct err *err)
{
	const struct config *config = plan->config->config;
	struct daemon *daemon = plan->daemon;
	size_t n = config->n_monitors + config->n_asked;
	int r = 0;

	plan->watched = mem_calloc(n + 1, sizeof(struct watched *));
	plan->covers = mem_calloc(n + 1, sizeof(struct cover *));
	plan->monitors_cap = (uint32_t)n + 1;
	if (!plan->watched || !plan->covers)
		return UV_ENOMEM;
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct config_monitor *monitor = &config->monitors[i];

		r = is_rule(monitor) ? plan_cover(plan, monitor, err)
		                     : plan_monitor(plan, monitor, err);
	}
	plan->monitors =
		mem_calloc(plan->monitors_cap, sizeof(struct monitor *));
	if (r == 0 && !plan->monitors)
		r = UV_ENOMEM;
	if (r == 0)
		r = deadlines_reserve(&daemon->supervisor.deadlines,
		                      daemon->supervisor.n_monitors +
		                              plan->n_new);
	return r;
}

/* Is it new, or one that runs already? */
static bool is_new(const struct watched *watched)
{
	return !watched->monitor.config;
}

static void close_feeds(struct list *feeds)
{
	LIST_FOR_EACH_SAFE (node, feeds)
		daemon_feed_close(container_of(node, struct feed, node));
}

static void plan_drop(struct plan *plan)
{
	close_feeds(&plan->feeds);
	for (uint32_t i = 0; i < plan->n_watched; i++) {
		if (is_new(plan->watched[i]))
			daemon_watched_free(plan->watched[i]);
	}
	for (uint32_t i = 0; i < plan->n_covers; i++)
		daemon_cover_unplan(plan->covers[i]);
	map_fini(&plan->by_name);
	mem_free(plan->watched);
	mem_free(plan->covers);
	mem_free(plan->monitors);
	drop_empty_groups(plan->daemon);
}

/* --- the commit --------------------------------------------------------- */

void daemon_watch_drop(struct daemon *daemon, struct watched *watched)
{
	list_unlink(&watched->node);
	supervisor_remove(&daemon->supervisor, &watched->monitor);
	target_forget(watched->monitor.target, &watched->monitor);
	daemon_watched_free(watched);
}

void daemon_watch_remove(struct daemon *daemon, struct watched *watched)
{
	watched->removed = true;
	if (watched->member && watched->feed)
		watched->feed->watched[watched->subscription] = NULL;
	watched->feed = NULL;
	if (!watched->monitor.acting) {
		daemon_watch_drop(daemon, watched);
		return;
	}
	supervisor_pause(&daemon->supervisor, &watched->monitor, true,
	                 daemon_now(daemon));
	watched->monitor.paused = true; /* whatever is resumed meanwhile */
	list_append(&daemon->removed, &watched->node);
}

void daemon_watch_configure(struct monitor *monitor,
                            const struct config_monitor *config)
{
	monitor->config = config;
	monitor->rules = &config->rules;
	monitor->steps = config->steps;
	monitor->dry_run = config->dry_run;
	monitor->paused = config->paused;
	monitor->quiet = config->quiet;
	monitor->n_quiet = config->n_quiet;
}

static void take_over(struct daemon *daemon, struct watched *watched,
                      const struct config_monitor *config)
{
	struct monitor *monitor = &watched->monitor;
	bool fresh = is_new(watched);

	monitor->name = config->name;
	daemon_watch_configure(monitor, config);
	/* its place in the heap is reserved: this cannot fail */
	if (fresh && supervisor_add(&daemon->supervisor, monitor, true,
	                            daemon_now(daemon)) < 0)
		return;
}

/* --- what the API sees ---------------------------------------------------- */

static void show_monitors(struct daemon *daemon)
{
	daemon->api.monitors = daemon->monitors;
	daemon->api.n_monitors = daemon->n_monitors;
}

int daemon_monitors_add(struct daemon *daemon, struct monitor *monitor)
{
	uint32_t cap = daemon->monitors_cap * 2 + 16;
	struct monitor **grown;

	if (daemon->n_monitors == daemon->monitors_cap) {
		grown = mem_realloc(daemon->monitors,
		                    cap * sizeof(struct monitor *));
		if (!grown)
			return UV_ENOMEM;
		daemon->monitors = grown;
		daemon->monitors_cap = cap;
	}
	daemon->monitors[daemon->n_monitors++] = monitor;
	show_monitors(daemon);
	return 0;
}

void daemon_monitors_prune(struct daemon *daemon)
{
	uint32_t n_kept = 0;

	api_settle_answers(&daemon->api);
	for (uint32_t i = 0; i < daemon->n_monitors; i++) {
		struct monitor *monitor = daemon->monitors[i];

		if (!container_of(monitor, struct watched, monitor)->removed)
			daemon->monitors[n_kept++] = monitor;
	}
	daemon->n_monitors = n_kept;
	show_monitors(daemon);
}

/* In the order of the file; there is room. */
static void list_monitors(struct plan *plan)
{
	struct daemon *daemon = plan->daemon;
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan->n_watched; i++)
		plan->monitors[n++] = &plan->watched[i]->monitor;
	for (uint32_t i = 0; i < plan->n_covers; i++) {
		LIST_FOR_EACH (node, &plan->covers[i]->members)
			plan->monitors[n++] =
				&container_of(node, struct member, node)
					 ->watched->monitor;
	}
	mem_free(daemon->monitors);
	daemon->monitors = plan->monitors;
	daemon->n_monitors = n;
	daemon->monitors_cap = plan->monitors_cap;
}

static void apply_settings(struct daemon *daemon)
{
	const struct config_global *global = &daemon->config->config->global;

	daemon->sink.log.level = global->log_level;
	daemon->sink.log.format = global->log_format;
	daemon->supervisor.storm_rules = (struct storm_rules){
		.share_percent = global->storm_share,
		.min = global->storm_min,
		.window_ms = global->storm_window_ms,
	};
	daemon->bouncer.max_parallel = global->max_parallel;
	if (journal_resize(&daemon->journal, global->journal_size) < 0)
		log_warn(daemon->log, "journal keeps its size: out of memory");
}

static void commit_watched(struct plan *plan)
{
	struct daemon *daemon = plan->daemon;
	const struct config *config = plan->config->config;
	uint32_t n_taken = 0;

	for (uint32_t i = 0; i < daemon->n_watched; i++) {
		struct watched *watched = daemon->watched[i];

		if (map_get(&plan->by_name,
		            slice_from(watched->monitor.name)) != watched)
			daemon_watch_remove(daemon, watched);
	}
	for (size_t i = 0; i < config->n_monitors; i++) {
		if (!is_rule(&config->monitors[i]))
			take_over(daemon, plan->watched[n_taken++],
			          &config->monitors[i]);
	}
	map_fini(&daemon->by_name);
	mem_free(daemon->watched);
	daemon->by_name = plan->by_name;
	daemon->watched = plan->watched;
	daemon->n_watched = plan->n_watched;
}

static void commit_covers(struct plan *plan)
{
	struct daemon *daemon = plan->daemon;

	/* those that are gone first: there is nothing planned of them */
	for (uint32_t i = 0; i < daemon->n_covers; i++) {
		if (!daemon->covers[i]->planned)
			daemon_cover_commit(daemon->covers[i]);
	}
	mem_free(daemon->covers);
	daemon->covers = plan->covers;
	daemon->n_covers = plan->n_covers;
	for (uint32_t i = 0; i < daemon->n_covers; i++)
		daemon_cover_commit(daemon->covers[i]);
}

/* What the sources that go have heard, those that come are not told again. */
static void inherit(struct plan *plan)
{
	LIST_FOR_EACH (node, &plan->feeds) {
		struct feed *feed = container_of(node, struct feed, node);
		const struct containers *before =
			daemon_containers_of(&plan->daemon->feeds, feed->url);

		if (feed->containers && before)
			containers_inherit(feed->containers, before);
	}
}

static void commit(struct plan *plan)
{
	struct daemon *daemon = plan->daemon;
	struct daemon_config *old_config = daemon->config;

	api_settle_answers(&daemon->api);
	inherit(plan);
	close_feeds(&daemon->feeds);
	daemon->config = plan->config;
	commit_watched(plan);
	commit_covers(plan);
	list_monitors(plan);
	drop_empty_groups(daemon);
	apply_settings(daemon);

	LIST_FOR_EACH_SAFE (node, &plan->feeds) {
		struct feed *feed = container_of(node, struct feed, node);

		list_unlink(node);
		list_append(&daemon->feeds, node);
		daemon_feed_start(feed);
	}
	daemon_gateway_apply(daemon);
	daemon_alerts_apply(daemon);
	daemon_registry_apply(daemon);
	daemon_labels_forget(daemon);
	daemon_config_unref(old_config);
}

/* The API looks at what is there now. */
static void refresh_api(struct daemon *daemon)
{
	show_monitors(daemon);
	daemon->api.groups = daemon->groups;
	daemon->api.n_groups = daemon->n_groups;
	daemon->api.fetch_timeout_ms =
		daemon->config ? daemon->config->config->global.fetch_timeout_ms
			       : 0;
}

int daemon_watch_apply(struct daemon *daemon, struct config *config,
                       struct err *err)
{
	struct plan plan = { .daemon = daemon };
	int r = UV_ENOMEM;

	/* they borrow from the configuration, and nothing else holds it */
	daemon_act_starved(daemon);
	list_init(&plan.feeds);
	map_init(&plan.by_name, rng_next(&daemon->supervisor.rng));
	plan.config = mem_calloc(1, sizeof(*plan.config));
	if (plan.config) {
		plan.config->config = config;
		plan.config->n_refs = 1;
		r = daemon_gateway_plan(daemon, &config->gateway, err);
	}
	if (r == 0)
		r = daemon_alerts_plan(daemon, &config->alerts, err);
	if (r == 0)
		r = daemon_registry_plan(daemon, &config->registry, err);
	if (r == 0)
		r = plan_make(&plan, err);
	if (r == 0) {
		commit(&plan);
	} else {
		plan_drop(&plan);
		daemon_gateway_revert(daemon);
		daemon_alerts_revert(daemon);
		daemon_registry_revert(daemon);
		mem_free(plan.config);
		if (r == UV_ENOMEM)
			(void)err_set(err, r, "out of memory");
	}
	refresh_api(daemon);
	/* what the plan took, and on a reload all that was before */
	mem_trim();
	return r;
}

/* --- the end ------------------------------------------------------------ */

void daemon_watch_close_sources(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->n_watched; i++)
		daemon->watched[i]->feed = NULL;
	close_feeds(&daemon->feeds);
}

void daemon_watch_free(struct daemon *daemon)
{
	LIST_FOR_EACH_SAFE (node, &daemon->removed)
		daemon_watch_drop(daemon,
		                  container_of(node, struct watched, node));
	for (uint32_t i = 0; i < daemon->n_watched; i++)
		daemon_watch_drop(daemon, daemon->watched[i]);
	daemon->n_watched = 0;
	daemon_cover_free_all(daemon);
	drop_empty_groups(daemon);
	daemon->api.n_monitors = 0;
	daemon->api.n_groups = 0;
	daemon_labels_forget(daemon);
	map_fini(&daemon->complaints);
	map_fini(&daemon->by_name);
	mem_free(daemon->watched);
	mem_free(daemon->monitors);
	mem_free(daemon->groups);
	daemon_config_unref(daemon->config);
	daemon->config = NULL;
}
