/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A member of a rule, whatever it is about: its monitor, its target, its place
 * at the source. What is known of a container is in daemon_containers.c.
 */
#include "daemon_parts.h"

#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "core/template.h"

#define TARGET_MAX 1024 /* bytes of the name of what is acted on */

/* --- what is known of it ----------------------------------------------------- */

/* Of the monitors of one query most take the same series. */
static struct facts *take_facts(struct feed *feed, const struct facts *facts)
{
	struct facts *copy;

	if (feed && feed->facts && facts_equal(feed->facts, facts))
		return facts_ref(feed->facts);
	copy = facts_copy(facts);
	if (copy && feed) {
		facts_unref(feed->facts);
		feed->facts = facts_ref(copy);
	}
	return copy;
}

bool daemon_watched_note(struct watched *watched, const struct facts *facts)
{
	struct facts *taken;

	if (watched->facts && facts_equal(watched->facts, facts))
		return false;
	taken = take_facts(watched->feed, facts);
	if (!taken)
		return false;
	facts_unref(watched->facts);
	watched->facts = taken;
	watched->monitor.facts = taken;
	return true;
}

/* What its rule acts on is called after what the member is about. */
static void name_target(struct member *member)
{
	const char *text = member->config->container_name;
	struct notice notice;
	struct buf name;

	if (!text)
		return;
	daemon_notice_name(&notice, member->watched);
	buf_init(&name, TARGET_MAX);
	template_render(slice_from(text), TEMPLATE_LINE, &notice, &name);
	if (!name.failed) {
		mem_free(member->target);
		/* nothing: by the monitor's name, which no container has */
		member->target = name.n ? buf_take(&name) : NULL;
	}
	buf_fini(&name);
}

void daemon_member_note(struct member *member, const struct daemon_said *said,
                        uint64_t now_ms)
{
	if (said->container)
		daemon_containers_note(member, said->container, now_ms);
	else if (said->facts &&
	         daemon_watched_note(member->watched, said->facts))
		name_target(member);
	else if (member->watched->monitor.target)
		return; /* nothing that its target hangs on is new */
	daemon_member_sync(member);
}

static struct target *target_of(struct member *member)
{
	struct daemon *daemon = member->watched->daemon;
	const struct config_monitor *config = member->config;

	if (member->container)
		return daemon_target_take(daemon,
		                          daemon_group_url(member->origin),
		                          member->container->text->project,
		                          member->container->text->container);
	return daemon_target_take(
		daemon, config_target_type_name(config->type), config->project,
		member->target ? member->target : member->name);
}

void daemon_member_sync(struct member *member)
{
	struct monitor *monitor = &member->watched->monitor;
	struct daemon *daemon = member->watched->daemon;
	struct target *target;

	if (member->container && !member->container->text)
		return; /* out of memory: it does not come to life */
	monitor->container = member->container
	                             ? member->container->text->container
	                             : member->target;
	monitor->image =
		member->container ? member->container->text->image : NULL;
	if (monitor->acting)
		return;
	target = target_of(member);
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
	if (member->watched->monitor.group == feed->group)
		member->watched->monitor.reader = &feed->reader;
	list_unlink(&member->feed_node);
	list_append(&feed->members, &member->feed_node);
}

void daemon_member_detach(struct member *member)
{
	if (member->watched->monitor.reader == &member->feed->reader)
		member->watched->monitor.reader = NULL;
	list_unlink(&member->feed_node);
	member->feed = NULL;
	member->detached = !member->gone_ms;
}

/* --- the member itself ----------------------------------------------------- */

void daemon_member_free(struct member *member)
{
	list_unlink(&member->feed_node);
	list_unlink(&member->node);
	daemon_cover_unref(member->cover);
	daemon_group_release(member->origin);
	daemon_config_unref(member->own);
	daemon_containers_free(member->container);
	mem_free(member->target);
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
	member->config = cover->config;
	if (asked && asked->monitor) {
		member->config = asked->monitor;
		member->own = asked->config;
		daemon_config_ref(member->own);
	}
	member->origin = feed->group;
	daemon_group_hold(member->origin);
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
                                  const struct daemon_said *said,
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
	daemon_member_note(member, said, 0);
	if (member->watched->monitor.target)
		return member;
	daemon_watched_free(member->watched);
	return NULL;
}

struct member *daemon_member_new(struct cover *cover, struct feed *feed,
                                 const char *name,
                                 const struct daemon_said *said,
                                 const struct daemon_asked *asked)
{
	struct daemon *daemon = cover->daemon;
	struct member *member = member_make(cover, feed, name, said, asked);
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
