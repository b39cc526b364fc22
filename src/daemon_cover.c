/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that cover many, and their members: containers, series, alerts.
 *
 * A source says who appears, what is seen of it, and who leaves; a member is
 * looked up by its identity, so that who comes back, and a container that was
 * made anew, goes on where the one before it was. Who left stays, idle, for
 * `forget_after`, if there is anything to be remembered of it; then it goes.
 */
#include "daemon_parts.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"

/* Of whom nothing is to be remembered: so long for it to come back. */
#define FORGET_SOON_MS  60000
#define FORGET_GRAIN_MS 1000 /* it is a walk over all: not more often */
#define FORGET_SHARE    64   /* where there is no room: one in so many */
#define PASTS_MAX       CONFIG_MAX_CONTAINERS
#define NAME_SIZE       2048 /* of a rule and an identity; cut */

static void on_forget(uv_timer_t *timer);

static struct daemon *daemon_of(const struct member *member)
{
	return member->cover->daemon;
}

/* --- what a rule says of all its members -------------------------------------- */

/* By what it covers: its words and its limits. */
struct bounds {
	const char *noun;    /* of many */
	const char *max_key; /* in the configuration */
	uint32_t max;
	uint64_t forget_ms;
	bool never_back; /* who is gone does not come back */
};

static struct bounds bounds_of(const struct config_monitor *config)
{
	if (config->metric)
		return (struct bounds){ "series", "max_series",
			                config->metric->max_series,
			                config->metric->forget_ms, false };
	if (config->alert)
		return (struct bounds){ "alerts", "max_alerts",
			                config->alert->max_alerts,
			                config->alert->forget_ms, false };
	return (struct bounds){ "containers", "max_containers",
		                config->containers->max_containers,
		                config->containers->forget_ms,
		                config->containers->any_end };
}

uint64_t daemon_cover_forget_ms(const struct config_monitor *config)
{
	return bounds_of(config).forget_ms;
}

/* --- forgetting ------------------------------------------------------------ */

static bool has_past(const struct member *member)
{
	const struct monitor *monitor = &member->watched->monitor;
	struct policy_saved saved;

	policy_save(&monitor->policy, &saved);
	return monitor->pause || !policy_saved_empty(&saved);
}

/* Who is bad, though it is gone, is still waited for. */
static uint64_t forget_at(const struct member *member)
{
	const struct bounds bounds = bounds_of(member->cover->config);
	bool soon = bounds.never_back ||
	            (!has_past(member) &&
	             !policy_is_bad(&member->watched->monitor.policy));

	return member->gone_ms + (soon ? MIN(bounds.forget_ms, FORGET_SOON_MS)
	                               : bounds.forget_ms);
}

static void want_forget(struct daemon *daemon, uint64_t at_ms)
{
	uint64_t now_ms = uv_now(&daemon->loop);

	if (daemon->forgot_ms)
		at_ms = MAX(at_ms, daemon->forgot_ms + FORGET_GRAIN_MS);
	if (at_ms >= daemon->forget_ms || daemon->stopping)
		return;
	daemon->forget_ms = at_ms;
	(void)uv_timer_start(&daemon->forget_timer, on_forget,
	                     at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

/* Out of the rule, and of what the API sees after a daemon_monitors_prune(). */
static void member_unlist(struct member *member)
{
	(void)map_remove(&daemon_of(member)->members, slice_from(member->name));
	list_unlink(&member->node);
	member->cover->n_members--;
	member->cover->n_gone -= member->gone_ms > 0;
	member->watched->removed = true;
}

/* Moves those that may go now to @gone. */
static void forget_members(struct cover *cover, uint64_t now_ms,
                           struct list *gone)
{
	LIST_FOR_EACH_SAFE (node, &cover->members) {
		struct member *member = container_of(node, struct member, node);
		uint64_t at_ms;

		if (!member->gone_ms)
			continue;
		at_ms = forget_at(member);
		if (member->watched->monitor.acting)
			at_ms = MAX(at_ms, now_ms + FORGET_SOON_MS);
		if (at_ms > now_ms) {
			want_forget(cover->daemon, at_ms);
			continue;
		}
		member_unlist(member);
		list_append(gone, &member->node);
	}
}

/* After daemon_monitors_prune(). */
static void remove_members(struct daemon *daemon, struct list *gone)
{
	struct list *node;

	while ((node = list_pop(gone)))
		daemon_watch_remove(
			daemon,
			container_of(node, struct member, node)->watched);
}

struct past *daemon_cover_take_past(struct daemon *daemon, const char *name)
{
	struct past *past = map_remove(&daemon->pasts, slice_from(name));

	if (past)
		list_unlink(&past->node);
	return past;
}

static void past_free(struct past *past)
{
	mem_free(past->pause);
	mem_free(past);
}

static void forget_pasts(struct daemon *daemon, uint64_t now_ms)
{
	LIST_FOR_EACH_SAFE (node, &daemon->past_list) {
		struct past *past = container_of(node, struct past, node);

		if (past->until_ms > now_ms)
			want_forget(daemon, past->until_ms);
		else
			past_free(daemon_cover_take_past(daemon, past->name));
	}
}

static void on_forget(uv_timer_t *timer)
{
	struct daemon *daemon =
		container_of(timer, struct daemon, forget_timer);
	struct list gone = LIST_INIT(gone);
	uint64_t now_ms = daemon_now(daemon);

	daemon->forget_ms = DEADLINE_NEVER;
	daemon->forgot_ms = now_ms;
	if (daemon->stopping)
		return;
	for (uint32_t i = 0; i < daemon->n_covers; i++)
		forget_members(daemon->covers[i], now_ms, &gone);
	forget_pasts(daemon, now_ms);
	if (!list_empty(&gone))
		daemon_monitors_prune(daemon);
	remove_members(daemon, &gone);
	daemon_state_save(daemon, NULL);
	daemon_arm(daemon);
}

/* --- pasts ------------------------------------------------------------------ */

static struct past *past_new(struct daemon *daemon, const char *name,
                             uint64_t until_ms)
{
	size_t n = strlen(name) + 1;
	struct past *past;

	if (daemon->pasts.n >= PASTS_MAX ||
	    map_get(&daemon->pasts, slice_from(name)))
		return NULL;
	past = mem_calloc(1, sizeof(*past) + n);
	if (!past)
		return NULL;
	memcpy(past->name, name, n);
	past->until_ms = until_ms;
	if (map_set(&daemon->pasts, slice_from(past->name), past) < 0) {
		mem_free(past);
		return NULL;
	}
	list_append(&daemon->past_list, &past->node);
	return past;
}

/* Its rule has changed, and it will be made anew. */
static void keep_past(struct member *member, uint64_t forget_ms)
{
	struct monitor *monitor = &member->watched->monitor;
	struct daemon *daemon = daemon_of(member);
	uint64_t until_ms =
		member->gone_ms ? member->gone_ms : daemon_now(daemon);
	struct past *past;

	if (!has_past(member))
		return;
	until_ms += forget_ms;
	past = past_new(daemon, member->name, until_ms);
	if (!past) {
		log_warn(daemon->log, "the past of a member is lost",
		         LOG_STR("monitor", member->name));
		return;
	}
	policy_save(&monitor->policy, &past->saved);
	past->bounce_wall_ms = monitor->bounce_wall_ms;
	past->pause = monitor->pause;
	monitor->pause = NULL;
	want_forget(daemon, until_ms);
}

static const struct cover *cover_of_name(const struct daemon *daemon,
                                         const char *name)
{
	for (uint32_t i = 0; i < daemon->n_covers; i++) {
		const struct cover *cover = daemon->covers[i];
		size_t n = strlen(cover->name);

		if (strncmp(name, cover->name, n) == 0 && name[n] == '/')
			return cover;
	}
	return NULL;
}

static void restore_past(struct daemon *daemon, const char *name)
{
	const struct cover *cover = cover_of_name(daemon, name);
	int64_t offset_ms = daemon->supervisor.wall_offset_ms;
	int64_t wall_ms = daemon_wall_ms();
	struct past *past;

	if (!cover)
		return;
	past = past_new(daemon, name,
	                uv_now(&daemon->loop) +
	                        daemon_cover_forget_ms(cover->config));
	if (!past)
		return;
	(void)saved_state_monitor(daemon->saved, name, wall_ms, offset_ms,
	                          &past->saved, &past->bounce_wall_ms);
	if (saved_state_pause(daemon->saved, name, wall_ms, offset_ms,
	                      &past->pause) < 0)
		log_warn(daemon->log, "the pause of a member is lost",
		         LOG_STR("monitor", name));
	want_forget(daemon, past->until_ms);
}

void daemon_cover_restore(struct daemon *daemon)
{
	size_t n = daemon->saved ? saved_state_n_monitors(daemon->saved) : 0;

	for (size_t i = 0; i < n && daemon->n_covers; i++)
		restore_past(daemon, saved_state_name(daemon->saved, i));
}

/* --- what a source says ------------------------------------------------------ */

static void name_of(const struct cover *cover, const char *identity,
                    char out[static NAME_SIZE])
{
	(void)snprintf(out, NAME_SIZE, "%s/%s", cover->name, identity);
}

struct member *daemon_cover_find(const struct cover *cover,
                                 const char *identity)
{
	struct member *member;
	char name[NAME_SIZE];

	name_of(cover, identity, name);
	member = map_get(&cover->daemon->members, slice_from(name));
	return member && member->cover == cover ? member : NULL;
}

/* Makes room by forgetting some that are not there; false if all are. Each
 * time is a walk over all of them, which many that come must not each cost. */
static bool forget_some(struct cover *cover)
{
	uint32_t n_left = MAX(cover->n_members / FORGET_SHARE, 1);
	struct list gone = LIST_INIT(gone);

	if (cover->n_gone == 0)
		return false;
	LIST_FOR_EACH_SAFE (node, &cover->members) {
		struct member *member = container_of(node, struct member, node);

		if (!member->gone_ms || member->watched->monitor.acting)
			continue;
		member_unlist(member);
		list_append(&gone, &member->node);
		if (--n_left == 0)
			break;
	}
	if (list_empty(&gone))
		return false;
	daemon_monitors_prune(cover->daemon);
	remove_members(cover->daemon, &gone);
	return true;
}

static bool has_room(struct cover *cover)
{
	const struct bounds bounds = bounds_of(cover->config);

	if (cover->n_members < bounds.max || forget_some(cover))
		return true;
	cover->rule.n_left_out++;
	if (!cover->said_full)
		log_warn(cover->daemon->log,
		         "rule covers as many as it may, others are left out",
		         LOG_STR("monitor", cover->name),
		         LOG_INT(bounds.max_key, bounds.max));
	cover->said_full = true;
	return false;
}

/* It asks for something else than the one before it. */
static void replace_member(struct member *member)
{
	struct daemon *daemon = daemon_of(member);
	struct list gone = LIST_INIT(gone);

	keep_past(member, daemon_cover_forget_ms(member->cover->config));
	member_unlist(member);
	list_append(&gone, &member->node);
	daemon_monitors_prune(daemon);
	remove_members(daemon, &gone);
}

struct member *daemon_cover_appear(struct feed *feed, struct cover *cover,
                                   const char *identity,
                                   const struct daemon_said *said,
                                   const struct daemon_asked *asked)
{
	struct daemon *daemon = cover->daemon;
	char name[NAME_SIZE];
	struct member *member;

	name_of(cover, identity, name);
	member = map_get(&daemon->members, slice_from(name));
	/* "b/c" under the rule "a" is not "c" under the rule "a/b" */
	if (member && (member->cover != cover || member->feed))
		return NULL;
	if (member && asked && asked->monitor &&
	    !config_monitor_equal(member->config, asked->monitor)) {
		replace_member(member);
		member = NULL;
	}
	if (!member)
		return has_room(cover) ? daemon_member_new(cover, feed, name,
		                                           said, asked)
		                       : NULL;
	daemon_member_attach(member, feed);
	daemon_member_note(member, said, 0);
	return member;
}

void daemon_cover_observe(struct member *member,
                          const struct observation *observation,
                          const struct daemon_said *said)
{
	struct daemon *daemon = daemon_of(member);
	uint64_t now_ms = uv_now(&daemon->loop);

	if (said)
		daemon_member_note(member, said, now_ms);
	if (observation)
		supervisor_observe(&daemon->supervisor,
		                   &member->watched->monitor, observation,
		                   now_ms);
}

void daemon_cover_leave(struct member *member, const struct observation *last)
{
	if (member->feed)
		daemon_member_detach(member);
	/* there is room: those that were left out are asked about again */
	member->cover->rule.n_left_out = 0;
	member->detached = false;
	member->cover->n_gone += member->gone_ms == 0;
	member->gone_ms = MAX(uv_now(&daemon_of(member)->loop), 1);
	daemon_cover_observe(member, last, NULL);
	want_forget(daemon_of(member), forget_at(member));
}

/* --- from one configuration to the next --------------------------------------- */

static struct cover *find_cover(const struct daemon *daemon, const char *name)
{
	for (uint32_t i = 0; i < daemon->n_covers; i++) {
		if (strcmp(daemon->covers[i]->name, name) == 0)
			return daemon->covers[i];
	}
	return NULL;
}

/* What an operator ordered of all of it. */
static int restore_pause(struct cover *cover)
{
	struct daemon *daemon = cover->daemon;

	if (!daemon->saved)
		return 0;
	return saved_state_pause(daemon->saved, cover->name, daemon_wall_ms(),
	                         daemon->supervisor.wall_offset_ms,
	                         &cover->rule.pause);
}

static struct cover *cover_new(struct daemon *daemon, const char *name)
{
	size_t n = strlen(name) + 1;
	struct cover *cover = mem_calloc(1, sizeof(*cover) + n);

	if (!cover)
		return NULL;
	memcpy(cover->name, name, n);
	cover->daemon = daemon;
	cover->rule.name = cover->name;
	cover->n_refs = 1;
	list_init(&cover->members);
	list_init(&cover->rule.node);
	list_init(&cover->rule.monitors);
	bounce_lane_init(&cover->lane);
	if (restore_pause(cover) >= 0)
		return cover;
	mem_free(cover);
	return NULL;
}

struct cover *daemon_cover_plan(struct daemon *daemon,
                                const struct config_monitor *config)
{
	struct cover *cover = find_cover(daemon, config->name);

	if (!cover)
		cover = cover_new(daemon, config->name);
	if (cover)
		cover->planned = config;
	return cover;
}

void daemon_cover_unplan(struct cover *cover)
{
	cover->planned = NULL;
	if (cover->config)
		return;
	mem_free(cover->rule.pause);
	mem_free(cover);
}

/* The array that the API sees is made anew by the caller. */
static void remove_all(struct cover *cover)
{
	struct daemon *daemon = cover->daemon;
	struct list gone = LIST_INIT(gone);

	LIST_FOR_EACH_SAFE (node, &cover->members) {
		struct member *member = container_of(node, struct member, node);

		if (cover->planned)
			keep_past(member,
			          daemon_cover_forget_ms(cover->planned));
		member_unlist(member);
		list_append(&gone, &member->node);
	}
	remove_members(daemon, &gone);
}

void daemon_cover_commit(struct cover *cover)
{
	const struct config_monitor *planned = cover->planned;
	bool fresh = !cover->config;

	cover->rule.n_left_out = 0;
	cover->said_full = false;
	if (!fresh &&
	    (!planned || !config_monitor_equal(cover->config, planned)))
		remove_all(cover);
	if (!planned) {
		daemon_cover_unref(cover);
		return;
	}
	cover->config = planned;
	cover->planned = NULL;
	cover->rule.noun = bounds_of(planned).noun;
	if (fresh)
		supervisor_add_rule(&cover->daemon->supervisor, &cover->rule);
	LIST_FOR_EACH (node, &cover->members) {
		struct member *member = container_of(node, struct member, node);

		if (member->own)
			continue; /* until it is heard of again */
		member->config = planned;
		daemon_watch_configure(&member->watched->monitor, planned);
	}
}

void daemon_cover_unref(struct cover *cover)
{
	if (--cover->n_refs > 0)
		return;
	supervisor_remove_rule(&cover->daemon->supervisor, &cover->rule);
	mem_free(cover);
}

void daemon_cover_free_all(struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->n_covers; i++) {
		daemon->covers[i]->planned = NULL;
		remove_all(daemon->covers[i]);
		daemon_cover_unref(daemon->covers[i]);
	}
	mem_free(daemon->covers);
	daemon->covers = NULL;
	daemon->n_covers = 0;
	LIST_FOR_EACH_SAFE (node, &daemon->past_list) {
		struct past *past = container_of(node, struct past, node);

		past_free(daemon_cover_take_past(daemon, past->name));
	}
	map_fini(&daemon->pasts);
	map_fini(&daemon->members);
}
