/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members that are as the labels of their container say.
 *
 * Containers that ask for something are covered by rules of ours, and each is
 * a member with a small configuration of its own. A member that asks about
 * pushes has two sources: the engine says that its container is there, the
 * gateway of `global` says how old the last push is. Subscriptions of that are
 * made for a whole source at once, so it is made anew when somebody comes or
 * goes.
 */
#include "daemon_parts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "config/from_labels.h"

#define COMPLAINTS_MAX 1000 /* remembered */
#define CHANGED_MS     50   /* those that come together are one change */
#define AGAIN_MS       1000 /* after one that failed */
#define KEY_SIZE       1024

static void on_changed(uv_timer_t *timer);

/* --- what it asks for -------------------------------------------------------- */

void daemon_labels_forget(struct daemon *daemon)
{
	MAP_FOR_EACH (slot, &daemon->complaints)
		mem_free(slot->value);
	map_fini(&daemon->complaints);
	map_init(&daemon->complaints, rng_next(&daemon->supervisor.rng));
}

/* False: it was said before. */
static bool is_news(struct daemon *daemon, const char *text)
{
	char *kept;

	if (map_get(&daemon->complaints, slice_from(text)))
		return false;
	if (daemon->complaints.n >= COMPLAINTS_MAX)
		daemon_labels_forget(daemon);
	kept = mem_strdup(text);
	if (kept && map_set(&daemon->complaints, slice_from(kept), kept) < 0)
		mem_free(kept);
	return true;
}

/* Each rule that it asks for finds the same: that is said once. */
static void complain(const struct feed *feed, const struct container *container,
                     const struct err *err)
{
	struct daemon *daemon = feed->daemon;
	char key[KEY_SIZE];
	char detail[KEY_SIZE];

	(void)snprintf(key, sizeof(key), "%s %s %s", feed->url, container->id,
	               err->message);
	if (!is_news(daemon, key))
		return;
	(void)snprintf(detail, sizeof(detail), "%s: %s",
	               container->name && container->name[0] ? container->name
	                                                     : container->id,
	               err->message);
	supervisor_record(&daemon->supervisor, LOG_LEVEL_WARN, JOURNAL_DAEMON,
	                  "", "labels of a container are not followed", detail,
	                  uv_now(&daemon->loop));
}

bool daemon_labels_read(const struct feed *feed, const struct cover *cover,
                        const struct container *container,
                        struct daemon_asked *asked)
{
	const struct config_monitor *rule = cover->config;
	struct daemon_config *config;
	struct err err = { 0 };
	int r;

	*asked = (struct daemon_asked){ 0 };
	if (rule->containers->asked == CONFIG_ASKED_NOT)
		return true;
	config = mem_calloc(1, sizeof(*config));
	if (!config)
		return false; /* with the next list */
	r = from_labels(feed->config->config, rule->type,
	                rule->containers->asked, container, &config->config,
	                &asked->monitor, &err);
	if (r < 0) {
		mem_free(config);
		if (r == -EINVAL)
			complain(feed, container, &err);
		return false;
	}
	config->n_refs = 1;
	config->base = feed->config;
	daemon_config_ref(config->base);
	asked->config = config;
	return true;
}

void daemon_asked_drop(struct daemon_asked *asked)
{
	daemon_config_unref(asked->config);
}

/* --- pushes ------------------------------------------------------------------ */

static struct feed *find_feed(struct daemon *daemon, const char *url,
                              uint64_t interval_ms)
{
	LIST_FOR_EACH (node, &daemon->feeds) {
		struct feed *feed = container_of(node, struct feed, node);

		if (feed->kind == daemon_feed_kind_of(url) &&
		    feed->interval_ms == interval_ms &&
		    strcmp(feed->url, url) == 0)
			return feed;
	}
	return NULL;
}

/* Not among those of the daemon, and not started. */
static struct feed *make_feed(struct daemon *daemon, const char *url,
                              uint64_t interval_ms)
{
	const struct config_global *global = &daemon->config->config->global;
	struct group *group = daemon_group_take(daemon, url);
	struct feed *feed;
	struct err err = { 0 };

	daemon->api.groups = daemon->groups;
	daemon->api.n_groups = daemon->n_groups;
	if (!group)
		return NULL;
	feed = daemon_feed_new(daemon, daemon_feed_kind_of(url), group,
	                       daemon_group_url(group), interval_ms);
	if (!feed)
		return NULL;
	if (daemon_feed_open(feed, global, &err) == 0)
		return feed;
	daemon_feed_close(feed);
	return NULL;
}

struct feed *daemon_labels_feed(struct daemon *daemon,
                                const struct config_monitor *config)
{
	struct feed *feed =
		find_feed(daemon, config->push_gw, config->check_interval_ms);

	if (feed)
		return feed;
	feed = make_feed(daemon, config->push_gw, config->check_interval_ms);
	if (feed)
		list_append(&daemon->feeds, &feed->node);
	return feed;
}

/* Those of the file that the source serves now. */
static int add_configured(struct feed *feed, const struct feed *old)
{
	int r = 0;

	for (uint32_t i = 0; i < old->n_watched && r == 0; i++) {
		struct watched *watched = old->watched[i];

		if (watched && !watched->member)
			r = daemon_feed_add(feed, watched,
			                    watched->monitor.config);
	}
	return r;
}

static bool is_asked_of(const struct member *member, const struct feed *feed)
{
	return !member->gone_ms && member->feed &&
	       member->config->watch == CONFIG_WATCH_PUSH &&
	       member->config->check_interval_ms == feed->interval_ms &&
	       strcmp(member->config->push_gw, feed->url) == 0;
}

static bool asks_about_pushes(const struct cover *cover)
{
	const struct config_containers *containers = cover->config->containers;

	return containers && containers->asked == CONFIG_ASKED_PUSH;
}

static int add_asked(struct daemon *daemon, struct feed *feed)
{
	for (uint32_t i = 0; i < daemon->n_covers; i++) {
		struct cover *cover = daemon->covers[i];

		if (!asks_about_pushes(cover))
			continue;
		LIST_FOR_EACH (node, &cover->members) {
			struct member *member =
				container_of(node, struct member, node);

			if (is_asked_of(member, feed) &&
			    daemon_feed_add(feed, member->watched,
			                    member->config) < 0)
				return UV_ENOMEM;
		}
	}
	return 0;
}

static void take_place(struct daemon *daemon, struct feed *old,
                       struct feed *feed)
{
	daemon_feed_close(old);
	if (feed->n_watched == 0) {
		daemon_feed_close(feed);
		return;
	}
	list_append(&daemon->feeds, &feed->node);
	daemon_feed_start(feed);
}

static int make_anew(struct daemon *daemon, struct feed *old)
{
	struct feed *feed = make_feed(daemon, daemon_group_url(old->group),
	                              old->interval_ms);
	int r = UV_ENOMEM;

	if (feed)
		r = add_configured(feed, old);
	if (r == 0)
		r = add_asked(daemon, feed);
	if (r == 0)
		take_place(daemon, old, feed);
	else if (feed)
		daemon_feed_close(feed);
	return r;
}

/* All of them ask the gateway of `global`. */
static const struct config_monitor *push_rule(const struct daemon *daemon)
{
	for (uint32_t i = 0; i < daemon->n_covers; i++) {
		if (asks_about_pushes(daemon->covers[i]))
			return daemon->covers[i]->config;
	}
	return NULL;
}

static void on_changed(uv_timer_t *timer)
{
	struct daemon *daemon = container_of(timer, struct daemon, asked_timer);
	const struct config_monitor *rule = push_rule(daemon);
	struct feed *old;

	if (!rule || daemon->stopping)
		return;
	old = daemon_labels_feed(daemon, rule);
	if (!old || make_anew(daemon, old) < 0)
		(void)uv_timer_start(timer, on_changed, AGAIN_MS, 0);
}

void daemon_labels_changed(struct daemon *daemon)
{
	if (daemon->stopping ||
	    uv_is_active((uv_handle_t *)&daemon->asked_timer))
		return;
	(void)uv_timer_start(&daemon->asked_timer, on_changed, CHANGED_MS, 0);
}
