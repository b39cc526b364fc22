/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members that are containers, and the feeds that tell of them: what is known
 * of each, how it is called under its rule, and what it means that it left.
 */
#include "daemon_parts.h"

#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"

#define OUTPUT_MAX    1024 /* bytes kept of a failing check's last words */
#define IDENTITY_SIZE (CONTAINER_IDENTITY_MAX + 512) /* an endpoint before it */

/* --- what is known of one ---------------------------------------------------- */

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

static void note_text(struct member_container *member,
                      const struct container *container)
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
static void note_output(struct member_container *member,
                        const struct container *container, bool unhealthy)
{
	struct slice output = slice_from(container->output);

	mem_free(member->output);
	member->output = NULL;
	if (output.n && unhealthy)
		member->output =
			mem_strndup(output.p, MIN(output.n, OUTPUT_MAX));
}

static void note_seen(struct member_container *member,
                      const struct container *container, uint64_t now_ms)
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

/* What the container's own label says. */
static int64_t stop_timeout_of(const struct config_containers *rule,
                               const struct container *container)
{
	uint64_t ms;

	if (rule && rule->stop_timeout_label &&
	    container_label_time(container, rule->stop_timeout_label,
	                         rule->stop_timeout_unit_ms, &ms))
		return (int64_t)ms;
	return -1;
}

void daemon_containers_note(struct member *member,
                            const struct container *container, uint64_t now_ms)
{
	bool unhealthy = container->status == CONTAINER_RUNNING &&
	                 container->health == CONTAINER_HEALTH_UNHEALTHY;
	struct member_container *noted = member->container;

	if (!noted)
		noted = member->container = mem_calloc(1, sizeof(*noted));
	if (!noted)
		return;
	note_text(noted, container);
	if (!noted->text)
		return;
	note_output(noted, container, unhealthy);
	member->watched->monitor.output = noted->output;
	note_seen(noted, container, now_ms);
	noted->stop_timeout_ms =
		stop_timeout_of(member->config->containers, container);
	noted->finished_wall_ms = container->finished_wall_ms;
	noted->ended_by_us = container->ended_by_us;
	noted->exit_code =
		unhealthy ? container->check_exit_code : container->exit_code;
}

void daemon_containers_free(struct member_container *container)
{
	if (!container)
		return;
	mem_free(container->text);
	mem_free(container->output);
	mem_free(container);
}

/* --- who comes and goes ------------------------------------------------------ */

/* Its identity, with the engine before it where there are several. */
static void identity_of(const struct feed *feed, const struct cover *cover,
                        const struct container *container,
                        char out[static IDENTITY_SIZE])
{
	const char *space = strchr(feed->url, ' ');
	int n = 0;

	if (cover->config->containers->n_endpoints > 1)
		n = snprintf(out, IDENTITY_SIZE - CONTAINER_IDENTITY_MAX, "%s/",
		             space ? space + 1 : feed->url);
	n = MIN(MAX(n, 0), IDENTITY_SIZE - CONTAINER_IDENTITY_MAX - 1);
	(void)container_identity(container, out + n, CONTAINER_IDENTITY_MAX);
}

static struct member *appear(struct feed *feed, struct cover *cover,
                             const struct container *container)
{
	const struct daemon_said said = { .container = container };
	struct daemon_asked asked = { 0 };
	char identity[IDENTITY_SIZE];
	struct member *member;

	if (!daemon_labels_read(feed, cover, container, &asked))
		return NULL;
	identity_of(feed, cover, container, identity);
	member = daemon_cover_appear(feed, cover, identity, &said, &asked);
	daemon_asked_drop(&asked);
	if (member && member->config->watch == CONFIG_WATCH_PUSH)
		daemon_labels_changed(cover->daemon);
	return member;
}

static void observe(struct member *member,
                    const struct observation *observation,
                    const struct container *container)
{
	const struct daemon_said said = { .container = container };

	/* of those that ask about pushes it is only known that they are there */
	if (member->config->watch == CONFIG_WATCH_PUSH)
		observation = NULL;
	daemon_cover_observe(member, observation, container ? &said : NULL);
}

static void leave(struct member *member)
{
	static const struct observation unknown = {
		.kind = OBSERVATION_UNKNOWN,
		.exit_code = -1,
	};
	static const struct observation idle = {
		.kind = OBSERVATION_HEALTH,
		.health = HEALTH_IDLE,
		.idle = IDLE_GONE,
		.exit_code = -1,
	};
	bool pushes = member->config->watch == CONFIG_WATCH_PUSH;

	daemon_cover_leave(member, pushes ? &unknown : &idle);
	if (pushes)
		daemon_labels_changed(member->cover->daemon);
}

/* A list that is whole, or that could not be made: what that says of those of
 * whom the source has not heard yet. */
static void listed(struct feed *feed, bool whole)
{
	static const struct observation unknown = {
		.kind = OBSERVATION_UNKNOWN,
	};

	for (uint32_t i = 0; i < feed->n_rules; i++) {
		LIST_FOR_EACH (node, &feed->rules[i]->cover->members) {
			struct member *member =
				container_of(node, struct member, node);
			const struct monitor *monitor =
				&member->watched->monitor;

			if (!member->detached || member->origin != feed->group)
				continue;
			if (whole)
				leave(member);
			else if (monitor->last.kind != OBSERVATION_UNKNOWN)
				daemon_cover_observe(member, &unknown, NULL);
		}
	}
}

/* --- their source ------------------------------------------------------------- */

static void on_containers_begin(void *context, struct source *source,
                                const struct reading *reading)
{
	struct feed *feed = context;

	(void)source;
	daemon_feed_begin(feed, reading);
	feed->whole = reading && reading->result == READING_OK;
	if (reading && !feed->whole)
		listed(feed, false);
}

static void *on_appear(void *context, struct source *source,
                       uint32_t subscription, const struct container *container)
{
	struct feed *feed = context;

	(void)source;
	return appear(feed, feed->rules[subscription]->cover, container);
}

static void on_observe(void *context, struct source *source, void *member,
                       const struct observation *observation,
                       const struct container *container)
{
	(void)context;
	(void)source;
	observe(member, observation, container);
}

static void on_leave(void *context, struct source *source, void *member)
{
	(void)context;
	(void)source;
	leave(member);
}

static void on_containers_end(void *context, struct source *source)
{
	struct feed *feed = context;

	(void)source;
	if (feed->whole && !feed->listed) {
		feed->listed = true;
		listed(feed, true);
	}
	daemon_feed_end(feed);
}

static int containers_feed_open(struct feed *feed,
                                const struct config_global *global,
                                struct err *err)
{
	static const struct containers_listener events = {
		.begin = on_containers_begin,
		.appear = on_appear,
		.observe = on_observe,
		.leave = on_leave,
		.end = on_containers_end,
	};
	struct daemon *daemon = feed->daemon;
	struct containers_listener listener = events;
	struct containers_options options = {
		.loop = &daemon->loop,
		.runtime = feed->runtime,
		.client = daemon->client,
		.log = daemon->log,
		.name = feed->url,
		.self_id = daemon->own_id,
		.resync_ms = global->resync_ms,
		.seed = rng_next(&daemon->supervisor.rng),
	};
	int r;

	(void)err;
	listener.context = feed;
	r = containers_new(&options, &listener, &feed->containers);
	if (r == 0)
		feed->source = containers_source(feed->containers);
	return r;
}

static void containers_feed_start(struct feed *feed)
{
	feed->config = feed->daemon->config;
	daemon_config_ref(feed->config);
	containers_start(feed->containers);
}

static void containers_feed_check(struct feed *feed,
                                  const struct watched *watched)
{
	containers_check(feed->containers, watched->member);
}

static void containers_feed_close(struct feed *feed,
                                  void (*closed)(void *context))
{
	containers_close(feed->containers, closed, feed);
}

const struct feed_kind daemon_feed_containers = {
	.open = containers_feed_open,
	.start = containers_feed_start,
	.check = containers_feed_check,
	.close = containers_feed_close,
};

static enum containers_watch watch_of(const struct config_monitor *config)
{
	switch (config->watch) {
	case CONFIG_WATCH_HEALTH:
		return CONTAINERS_HEALTH;
	case CONFIG_WATCH_EXITED:
		return CONTAINERS_EXITED;
	case CONFIG_WATCH_PUSH:
	case CONFIG_WATCH_METRIC:
	case CONFIG_WATCH_ALERT:
	case N_CONFIG_WATCHES:
	default:
		return CONTAINERS_PRESENCE;
	}
}

int daemon_containers_add_rule(struct feed *feed, struct cover *cover,
                               const struct config_monitor *config)
{
	const struct config_containers *containers = config->containers;
	struct feed_rule **grown;
	struct feed_rule *rule;

	/* an endpoint that stands there twice */
	if (feed->n_rules && feed->rules[feed->n_rules - 1]->cover == cover)
		return 0;
	grown = mem_realloc(feed->rules,
	                    (feed->n_rules + 1) * sizeof(struct feed_rule *));
	if (!grown)
		return UV_ENOMEM;
	feed->rules = grown;
	rule = mem_calloc(1, sizeof(*rule));
	if (!rule)
		return UV_ENOMEM;
	rule->cover = cover;
	rule->query = (struct containers_query){
		.watch = watch_of(config),
		.anew = containers->asked != CONFIG_ASKED_NOT,
		.selector = &containers->selector,
		.codes = &containers->codes,
		.codes_label = containers->codes_label,
		.wanted_label = containers->stop_timeout_label,
		.any_end = containers->any_end,
		.codes_given = containers->codes_given,
		.keep_last = containers->keep_last,
		.probe = containers->probe,
		.dependents_label = containers->dependents_label,
	};
	feed->rules[feed->n_rules++] = rule;
	return containers_subscribe(feed->containers, feed->n_rules - 1,
	                            &rule->query);
}

struct containers *daemon_containers_of(const struct list *feeds,
                                        const char *url)
{
	LIST_FOR_EACH (node, feeds) {
		const struct feed *feed = container_of(node, struct feed, node);

		if (feed->containers && strcmp(feed->url, url) == 0)
			return feed->containers;
	}
	return NULL;
}
