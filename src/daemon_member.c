/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member of a rule, and the containers that have its identity: what is
 * known of each, and which of them it is about.
 */
#include "daemon_parts.h"

#include <string.h>
#include "base/mem.h"
#include "base/text.h"

#define OUTPUT_MAX 1024 /* bytes kept of a failing check's last words */

/* --- containers ----------------------------------------------------------- */

/* Copies @text to *@at, which moves on. */
static const char *put_text(char **at, const char *text)
{
	size_t n = strlen(text) + 1;
	char *begin = *at;

	memcpy(begin, text, n);
	*at += n;
	return begin;
}

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

/* As in configurations, where the default project is none. */
static const char *project_of(const struct container *container)
{
	const char *project = text_or_empty(container->project);

	return strcmp(project, "default") == 0 ? "" : project;
}

struct body *daemon_body_new(struct member *member, struct feed *feed,
                             const struct container *container)
{
	const char *id = text_or_empty(container->id);
	const char *project = project_of(container);
	const char *image = text_or_empty(container->image);
	struct body *body =
		mem_calloc(1, sizeof(*body) + strlen(id) + strlen(project) +
	                              strlen(image) + 3);
	char *at = body ? body->text : NULL;

	if (!body)
		return NULL;
	body->name = mem_strdup(text_or_empty(container->name));
	if (!body->name) {
		mem_free(body);
		return NULL;
	}
	body->id = put_text(&at, id);
	body->project = put_text(&at, project);
	body->image = put_text(&at, image);
	body->created_wall_ms = container->created_wall_ms;
	body->member = member;
	body->feed = feed;
	list_append(&member->bodies, &body->node);
	list_append(&feed->bodies, &body->feed_node);
	daemon_body_note(body, container, 0);
	return body;
}

void daemon_body_free(struct body *body)
{
	list_unlink(&body->node);
	list_unlink(&body->feed_node);
	mem_free(body->name);
	mem_free(body->output);
	mem_free(body);
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

static void note_name(struct body *body, const struct container *container)
{
	const char *name = text_or_empty(container->name);
	char *copy;

	if (!name[0] || strcmp(body->name, name) == 0)
		return;
	copy = mem_strdup(name);
	if (!copy)
		return;
	mem_free(body->name);
	body->name = copy;
}

/* Only while it is of use: of a thousand containers few fail. */
static void note_output(struct body *body, const struct container *container)
{
	struct slice output = slice_from(container->output);

	mem_free(body->output);
	body->output = NULL;
	if (output.n && container->health == CONTAINER_HEALTH_UNHEALTHY)
		body->output = mem_strndup(output.p, MIN(output.n, OUTPUT_MAX));
}

static void note_stop_timeout(struct body *body,
                              const struct container *container)
{
	const struct config_containers *rule =
		body->member->watched->monitor.config->containers;
	uint64_t ms;

	body->stop_timeout_ms = -1;
	if (rule->stop_timeout_label &&
	    container_label_time(container, rule->stop_timeout_label,
	                         rule->stop_timeout_unit_ms, &ms))
		body->stop_timeout_ms = (int64_t)ms;
}

void daemon_body_note(struct body *body, const struct container *container,
                      uint64_t now_ms)
{
	bool unhealthy = container->status == CONTAINER_RUNNING &&
	                 container->health == CONTAINER_HEALTH_UNHEALTHY;
	size_t n = MIN(strlen(body->id), sizeof(body->seen.id) - 1);

	note_name(body, container);
	note_output(body, container);
	body->seen = (struct runtime_target){
		.status = status_of(container),
		.exit_code = container->exit_code,
		.stop_timeout_ms = -1,
		.stopped_by_hand = container->stopped_by_hand,
		.ephemeral = container->auto_remove,
	};
	memcpy(body->seen.id, body->id, n);
	body->seen_ms = container->detailed ? now_ms : 0;
	note_stop_timeout(body, container);
	body->finished_wall_ms = container->finished_wall_ms;
	body->exit_code =
		unhealthy ? container->check_exit_code : container->exit_code;
}

/* --- which of them -------------------------------------------------------- */

static bool is_better(const struct body *a, const struct body *b)
{
	bool a_runs = a->seen.status != RUNTIME_STATUS_EXITED &&
	              a->seen.status != RUNTIME_STATUS_OTHER;
	bool b_runs = b->seen.status != RUNTIME_STATUS_EXITED &&
	              b->seen.status != RUNTIME_STATUS_OTHER;

	if (a_runs != b_runs)
		return a_runs;
	return a->created_wall_ms >= b->created_wall_ms;
}

struct body *daemon_member_best(const struct member *member)
{
	struct body *best = NULL;

	LIST_FOR_EACH (node, &member->bodies) {
		struct body *body = container_of(node, struct body, node);

		if (!best || is_better(body, best))
			best = body;
	}
	return best;
}

void daemon_member_use(struct member *member, struct body *body)
{
	struct body *before = member->body;

	member->body = body;
	member->cover->n_gone -= member->gone_ms > 0;
	member->gone_ms = 0;
	member->detached = false;
	daemon_member_sync(member);
	if (before && before != body && !before->feed)
		daemon_body_free(before);
}

void daemon_member_sync(struct member *member)
{
	struct monitor *monitor = &member->watched->monitor;
	struct daemon *daemon = member->watched->daemon;
	const struct body *body = member->body;
	struct target *target;

	monitor->container = body->name;
	monitor->image = body->image;
	if (monitor->acting)
		return;
	target = daemon_target_take(daemon, daemon_group_url(monitor->group),
	                            body->project, body->name);
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

void daemon_member_detach(struct member *member)
{
	LIST_FOR_EACH_SAFE (node, &member->bodies) {
		struct body *body = container_of(node, struct body, node);

		list_unlink(&body->node);
		list_unlink(&body->feed_node);
		body->feed = NULL;
		if (body != member->body)
			daemon_body_free(body);
	}
	member->detached = true;
}

/* --- the member itself ----------------------------------------------------- */

void daemon_member_free(struct member *member)
{
	daemon_member_detach(member);
	if (member->body)
		daemon_body_free(member->body);
	list_unlink(&member->node);
	daemon_cover_unref(member->cover);
	mem_free(member);
}

static struct member *member_alloc(struct cover *cover, const char *name)
{
	size_t n = strlen(name) + 1;
	struct member *member = mem_calloc(1, sizeof(*member) + n);

	if (!member)
		return NULL;
	memcpy(member->name, name, n);
	list_init(&member->node);
	list_init(&member->bodies);
	member->cover = cover;
	cover->n_refs++;
	return member;
}

static struct watched *watched_alloc(struct cover *cover, struct feed *feed)
{
	const struct config_monitor *config = cover->config;
	size_t n_counters = config->n_steps * sizeof(uint32_t[N_STEP_RESULTS]);
	struct watched *watched = mem_calloc(1, sizeof(*watched) + n_counters);

	if (!watched)
		return NULL;
	watched->daemon = cover->daemon;
	list_init(&watched->node);
	list_init(&watched->monitor.node);
	list_init(&watched->monitor.rule_node);
	watched->monitor.n_steps = watched->n_steps;
	watched->monitor.group = feed->group;
	watched->monitor.rule = &cover->rule;
	daemon_watch_configure(&watched->monitor, config);
	return watched;
}

/* What is known of it from before. */
static void claim_past(struct daemon *daemon, struct monitor *monitor,
                       const char *name, uint64_t now_ms)
{
	struct past *past = map_remove(&daemon->pasts, slice_from(name));

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
                                  const struct container *container)
{
	struct member *member = member_alloc(cover, name);

	if (!member)
		return NULL;
	member->watched = watched_alloc(cover, feed);
	if (!member->watched) {
		daemon_member_free(member);
		return NULL;
	}
	member->watched->member = member;
	member->watched->monitor.name = member->name;
	member->body = daemon_body_new(member, feed, container);
	if (member->body)
		daemon_member_sync(member);
	if (member->body && member->watched->monitor.target)
		return member;
	daemon_watched_free(member->watched);
	return NULL;
}

struct member *daemon_member_new(struct cover *cover, struct feed *feed,
                                 const char *name,
                                 const struct container *container)
{
	struct daemon *daemon = cover->daemon;
	struct member *member = member_make(cover, feed, name, container);
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
	return member;

err_remove:
	supervisor_remove(&daemon->supervisor, monitor);
err_unmap:
	(void)map_remove(&daemon->members, slice_from(member->name));
err_free:
	daemon_watched_free(member->watched);
	return NULL;
}
