/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member of a rule: what is known of the container that it is about.
 */
#include "daemon_parts.h"

#include <string.h>
#include "base/mem.h"
#include "base/text.h"

#define OUTPUT_MAX 1024 /* bytes kept of a failing check's last words */

/* --- its container --------------------------------------------------------- */

const char *daemon_project_of(const struct container *container)
{
	const char *project = text_or_empty(container->project);

	return strcmp(project, "default") == 0 ? "" : project;
}

static struct member_text *text_new(const struct container *container)
{
	const char *id = text_or_empty(container->id);
	const char *called = text_or_empty(container->name);
	const char *name = called[0] ? called : id; /* dead ones have none */
	const char *project = daemon_project_of(container);
	const char *image = text_or_empty(container->image);
	size_t n =
		strlen(id) + strlen(name) + strlen(project) + strlen(image) + 4;
	struct member_text *text = mem_alloc(sizeof(*text) + n);
	char *at = text ? text->text : NULL;

	if (!text)
		return NULL;
	text->id = text_put(&at, id);
	text->container = text_put(&at, name);
	text->project = text_put(&at, project);
	text->image = text_put(&at, image);
	return text;
}

static bool text_is_of(const struct member_text *text,
                       const struct container *container)
{
	const char *name = text_or_empty(container->name);

	return strcmp(text->id, text_or_empty(container->id)) == 0 &&
	       (!name[0] || strcmp(text->container, name) == 0);
}

static void note_text(struct member *member, const struct container *container)
{
	struct member_text *text;

	if (member->text && text_is_of(member->text, container))
		return;
	text = text_new(container);
	if (!text)
		return;
	mem_free(member->text);
	member->text = text;
}

static enum runtime_status status_of(const struct container *container)
{
	switch (container->status) {
	case CONTAINER_RUNNING:
	case CONTAINER_STOPPING:
		return RUNTIME_STATUS_RUNNING;
	case CONTAINER_PAUSED:
		return RUNTIME_STATUS_PAUSED;
	case CONTAINER_RESTARTING:
		return RUNTIME_STATUS_RESTARTING;
	case CONTAINER_EXITED:
		return RUNTIME_STATUS_EXITED;
	case CONTAINER_OTHER:
	default:
		return RUNTIME_STATUS_OTHER;
	}
}

/* Only while it is of use: of a thousand containers few fail. */
static void note_output(struct member *member,
                        const struct container *container, bool unhealthy)
{
	struct slice output = slice_from(container->output);

	mem_free(member->output);
	member->output = NULL;
	if (output.n && unhealthy)
		member->output =
			mem_strndup(output.p, MIN(output.n, OUTPUT_MAX));
	member->watched->monitor.output = member->output;
}

static void note_seen(struct member *member, const struct container *container,
                      uint64_t now_ms)
{
	size_t n = MIN(strlen(member->text->id), sizeof(member->seen.id) - 1);

	member->seen = (struct runtime_target){
		.status = status_of(container),
		.exit_code = container->exit_code,
		.stop_timeout_ms = container->has_stop_timeout
		                           ? container->stop_timeout_ms
		                           : -1,
		.started_wall_ms = container->started_wall_ms,
		.stopped_by_hand = container->stopped_by_hand,
		.ephemeral = container->auto_remove,
	};
	memcpy(member->seen.id, member->text->id, n);
	member->seen_ms = container->detailed ? now_ms : 0;
}

static void note_stop_timeout(struct member *member,
                              const struct container *container)
{
	const struct config_containers *rule = member->config->containers;
	uint64_t ms;

	member->stop_timeout_ms = -1;
	if (rule && rule->stop_timeout_label &&
	    container_label_time(container, rule->stop_timeout_label,
	                         rule->stop_timeout_unit_ms, &ms))
		member->stop_timeout_ms = (int64_t)ms;
}

void daemon_member_note(struct member *member,
                        const struct container *container, uint64_t now_ms)
{
	bool unhealthy = container->status == CONTAINER_RUNNING &&
	                 container->health == CONTAINER_HEALTH_UNHEALTHY;

	note_text(member, container);
	if (!member->text)
		return;
	note_output(member, container, unhealthy);
	note_seen(member, container, now_ms);
	note_stop_timeout(member, container);
	member->finished_wall_ms = container->finished_wall_ms;
	member->ended_by_us = container->ended_by_us;
	member->exit_code =
		unhealthy ? container->check_exit_code : container->exit_code;
	daemon_member_sync(member);
}

void daemon_member_sync(struct member *member)
{
	struct monitor *monitor = &member->watched->monitor;
	struct daemon *daemon = member->watched->daemon;
	const struct member_text *text = member->text;
	struct target *target;

	monitor->container = text->container;
	monitor->image = text->image;
	if (monitor->acting)
		return;
	target = daemon_target_take(daemon, daemon_group_url(member->engine),
	                            text->project, text->container);
	if (!target)
		return; /* the old one, until next time */
	if (monitor->target == target) {
		targets_release(&daemon->targets, target);
		return;
	}
	if (monitor->target) {
		target_forget(monitor->target, monitor);
		targets_release(&daemon->targets, monitor->target);
	}
	monitor->target = target;
}

/* --- its source -------------------------------------------------------------- */

void daemon_member_attach(struct member *member, struct feed *feed)
{
	member->cover->n_gone -= member->gone_ms > 0;
	member->gone_ms = 0;
	member->detached = false;
	member->feed = feed;
	list_unlink(&member->feed_node);
	list_append(&feed->members, &member->feed_node);
}

void daemon_member_detach(struct member *member)
{
	list_unlink(&member->feed_node);
	member->feed = NULL;
	member->detached = true;
}

/* --- the member itself ----------------------------------------------------- */

void daemon_member_free(struct member *member)
{
	list_unlink(&member->feed_node);
	list_unlink(&member->node);
	daemon_cover_unref(member->cover);
	daemon_group_release(member->engine);
	daemon_config_unref(member->own);
	mem_free(member->text);
	mem_free(member->output);
	mem_free(member);
}

static struct member *member_alloc(struct cover *cover, struct feed *feed,
                                   const char *name,
                                   const struct daemon_asked *asked)
{
	size_t n = strlen(name) + 1;
	struct member *member = mem_calloc(1, sizeof(*member) + n);

	if (!member)
		return NULL;
	memcpy(member->name, name, n);
	list_init(&member->node);
	list_init(&member->feed_node);
	member->cover = cover;
	member->config = asked->monitor ? asked->monitor : cover->config;
	member->own = asked->config;
	if (member->own)
		daemon_config_ref(member->own);
	member->engine = feed->group;
	daemon_group_hold(member->engine);
	member->stop_timeout_ms = -1;
	cover->n_refs++;
	return member;
}

static struct watched *watched_alloc(struct cover *cover, struct group *group,
                                     const struct config_monitor *config)
{
	size_t n_counters = config->n_steps * sizeof(uint32_t[N_STEP_RESULTS]);
	struct watched *watched = mem_calloc(1, sizeof(*watched) + n_counters);

	if (!watched)
		return NULL;
	watched->daemon = cover->daemon;
	list_init(&watched->node);
	list_init(&watched->monitor.node);
	list_init(&watched->monitor.rule_node);
	watched->monitor.n_steps = watched->n_steps;
	watched->monitor.group = group;
	watched->monitor.rule = &cover->rule;
	daemon_watch_configure(&watched->monitor, config);
	return watched;
}

/* What is known of it from before. */
static void claim_past(struct daemon *daemon, struct monitor *monitor,
                       const char *name, uint64_t now_ms)
{
	struct past *past = daemon_cover_take_past(daemon, name);

	policy_init(&monitor->policy, now_ms);
	if (!past)
		return;
	policy_restore(&monitor->policy, &past->saved, now_ms);
	monitor->bounce_wall_ms = past->bounce_wall_ms;
	monitor->pause = past->pause;
	mem_free(past);
}

static struct member *member_make(struct cover *cover, struct feed *feed,
                                  const char *name,
                                  const struct container *container,
                                  const struct daemon_asked *asked)
{
	struct member *member = member_alloc(cover, feed, name, asked);
	struct feed *told_by = feed;

	if (!member)
		return NULL;
	if (member->config->watch == CONFIG_WATCH_PUSH)
		told_by = daemon_labels_feed(cover->daemon, member->config);
	if (told_by)
		member->watched =
			watched_alloc(cover, told_by->group, member->config);
	if (!member->watched) {
		daemon_member_free(member);
		return NULL;
	}
	member->watched->member = member;
	member->watched->monitor.name = member->name;
	daemon_member_note(member, container, 0);
	if (member->text && member->watched->monitor.target)
		return member;
	daemon_watched_free(member->watched);
	return NULL;
}

struct member *daemon_member_new(struct cover *cover, struct feed *feed,
                                 const char *name,
                                 const struct container *container,
                                 const struct daemon_asked *asked)
{
	struct daemon *daemon = cover->daemon;
	struct member *member =
		member_make(cover, feed, name, container, asked);
	uint64_t now_ms = uv_now(&daemon->loop);
	struct monitor *monitor;

	if (!member)
		return NULL;
	monitor = &member->watched->monitor;
	if (map_set(&daemon->members, slice_from(member->name), member) < 0)
		goto err_free;
	claim_past(daemon, monitor, name, now_ms);
	if (supervisor_add(&daemon->supervisor, monitor, true, now_ms) < 0)
		goto err_unmap;
	if (daemon_monitors_add(daemon, monitor) < 0)
		goto err_remove;
	list_append(&cover->members, &member->node);
	cover->n_members++;
	daemon_member_attach(member, feed);
	return member;

err_remove:
	supervisor_remove(&daemon->supervisor, monitor);
err_unmap:
	(void)map_remove(&daemon->members, slice_from(member->name));
err_free:
	daemon_watched_free(member->watched);
	return NULL;
}
