/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds: a source of either kind and the monitors that it serves. What it says
 * goes to the supervisor; what the supervisor wants to know is asked of it.
 */
#include "daemon_parts.h"

#include "base/mem.h"

/* --- what a source says -------------------------------------------------- */

static void on_reading_begin(void *context, struct source *source,
                             const struct reading *reading)
{
	struct feed *feed = context;

	(void)source;
	supervisor_reading_begin(&feed->daemon->supervisor, feed->group,
	                         reading, daemon_now(feed->daemon));
}

static void on_observation(void *context, struct source *source,
                           uint32_t subscription,
                           const struct observation *observation)
{
	struct feed *feed = context;

	(void)source;
	supervisor_observe(&feed->daemon->supervisor,
	                   &feed->watched[subscription]->monitor, observation,
	                   uv_now(&feed->daemon->loop));
}

static void on_reading_end(void *context, struct source *source)
{
	struct feed *feed = context;

	(void)source;
	supervisor_reading_end(&feed->daemon->supervisor, feed->group,
	                       uv_now(&feed->daemon->loop));
	daemon_arm(feed->daemon);
}

static struct source_listener listener_of(struct feed *feed)
{
	return (struct source_listener){ on_reading_begin, on_observation,
		                         on_reading_end, feed };
}

/* --- a Pushgateway ------------------------------------------------------- */

static int pushgateway_feed_open(struct feed *feed,
                                 const struct config_global *global,
                                 struct err *err)
{
	struct daemon *daemon = feed->daemon;
	struct source_listener listener = listener_of(feed);
	struct pushgateway_options options = {
		.loop = &daemon->loop,
		.client = daemon->client,
		.log = daemon->log,
		.url = feed->url,
		.interval_ms = feed->interval_ms,
		.timeout_ms = global->fetch_timeout_ms,
		.max_body = global->max_body,
		.seed = rng_next(&daemon->supervisor.rng),
	};
	int r = pushgateway_new(&options, &listener, &feed->gateway, err);

	if (r == 0)
		feed->source = pushgateway_source(feed->gateway);
	return r;
}

static int pushgateway_feed_subscribe(struct feed *feed, uint32_t subscription,
                                      const struct push_query *query)
{
	return pushgateway_subscribe(feed->gateway, subscription, query);
}

static void pushgateway_feed_start(struct feed *feed)
{
	pushgateway_start(feed->gateway);
}

/* One reading tells of all. */
static void pushgateway_feed_check(struct feed *feed, uint32_t subscription)
{
	(void)subscription;
	pushgateway_check(feed->gateway);
}

static void pushgateway_feed_close(struct feed *feed,
                                   void (*closed)(void *context))
{
	pushgateway_close(feed->gateway, closed, feed);
}

static const struct feed_kind pushgateway_kind = {
	.open = pushgateway_feed_open,
	.subscribe = pushgateway_feed_subscribe,
	.start = pushgateway_feed_start,
	.check = pushgateway_feed_check,
	.close = pushgateway_feed_close,
};

/* --- ourselves ----------------------------------------------------------- */

static int builtin_feed_open(struct feed *feed,
                             const struct config_global *global,
                             struct err *err)
{
	struct source_listener listener = listener_of(feed);
	int r;

	(void)global;
	(void)err;
	r = builtin_source_new(feed->daemon->gateway->builtin, &listener,
	                       &feed->builtin);
	if (r == 0)
		feed->source = builtin_source_base(feed->builtin);
	return r;
}

static int builtin_feed_subscribe(struct feed *feed, uint32_t subscription,
                                  const struct push_query *query)
{
	return builtin_source_subscribe(feed->builtin, subscription, query);
}

static void builtin_feed_start(struct feed *feed)
{
	builtin_source_start(feed->builtin);
}

static void builtin_feed_check(struct feed *feed, uint32_t subscription)
{
	builtin_source_check(feed->builtin, subscription);
}

static void builtin_feed_close(struct feed *feed, void (*closed)(void *context))
{
	builtin_source_close(feed->builtin, closed, feed);
}

static const struct feed_kind builtin_kind = {
	.open = builtin_feed_open,
	.subscribe = builtin_feed_subscribe,
	.start = builtin_feed_start,
	.check = builtin_feed_check,
	.close = builtin_feed_close,
};

/* --- any of them --------------------------------------------------------- */

static void feed_free(struct feed *feed)
{
	mem_free(feed->watched);
	mem_free(feed);
}

struct feed *daemon_feed_new(struct daemon *daemon, struct group *group,
                             const char *url, uint64_t interval_ms)
{
	struct feed *feed = mem_calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->daemon = daemon;
	feed->kind = config_is_builtin(url) ? &builtin_kind : &pushgateway_kind;
	feed->group = group;
	feed->url = url;
	feed->interval_ms = interval_ms;
	list_init(&feed->node);
	return feed;
}

int daemon_feed_open(struct feed *feed, const struct config_global *global,
                     struct err *err)
{
	struct daemon_group *group =
		container_of(feed->group, struct daemon_group, group);
	int r = feed->kind->open(feed, global, err);

	if (r < 0 || group->name)
		return r;
	group->name = mem_strdup(feed->source->name);
	if (!group->name)
		return UV_ENOMEM;
	group->group.name = group->name;
	return 0;
}

int daemon_feed_add(struct feed *feed, struct watched *watched,
                    const struct push_query *query)
{
	uint32_t number = feed->n_watched;

	/* in powers of two */
	if ((number & (number - 1)) == 0) {
		struct watched **grown = mem_realloc(
			feed->watched,
			(number ? number * 2 : 1) * sizeof(struct watched *));

		if (!grown)
			return UV_ENOMEM;
		feed->watched = grown;
	}
	feed->watched[feed->n_watched++] = watched;
	return feed->kind->subscribe(feed, number, query);
}

void daemon_feed_start(struct feed *feed)
{
	for (uint32_t i = 0; i < feed->n_watched; i++) {
		feed->watched[i]->feed = feed;
		feed->watched[i]->subscription = i;
	}
	feed->kind->start(feed);
}

void daemon_feed_check(const struct watched *watched)
{
	struct feed *feed = watched->feed;

	if (feed && !feed->closing)
		feed->kind->check(feed, watched->subscription);
}

static void on_feed_closed(void *context)
{
	struct feed *feed = context;
	struct daemon *daemon = feed->daemon;

	feed_free(feed);
	daemon_closed_one(daemon);
}

void daemon_feed_close(struct feed *feed)
{
	feed->closing = true;
	list_unlink(&feed->node);
	if (!feed->source) {
		feed_free(feed);
		return;
	}
	feed->daemon->n_pending++;
	feed->kind->close(feed, on_feed_closed);
}
