/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds: a source of any kind and the monitors that it serves. What it says
 * goes to the supervisor; what the supervisor wants to know is asked of it.
 */
#include "daemon_parts.h"

#include "base/mem.h"

/* --- what a source says -------------------------------------------------- */

void daemon_feed_begin(struct feed *feed, const struct reading *reading)
{
	supervisor_reader_begin(&feed->daemon->supervisor, &feed->reader,
	                        reading, daemon_now(feed->daemon));
}

void daemon_feed_end(struct feed *feed)
{
	supervisor_reading_end(&feed->daemon->supervisor, feed->group,
	                       uv_now(&feed->daemon->loop));
	daemon_arm(feed->daemon);
}

static void on_reading_begin(void *context, struct source *source,
                             const struct reading *reading)
{
	(void)source;
	daemon_feed_begin(context, reading);
}

static void on_observation(void *context, struct source *source,
                           uint32_t subscription,
                           const struct observation *observation)
{
	struct feed *feed = context;

	struct watched *watched = feed->watched[subscription];

	(void)source;
	if (watched)
		supervisor_observe(&feed->daemon->supervisor, &watched->monitor,
		                   observation, uv_now(&feed->daemon->loop));
}

static void on_reading_end(void *context, struct source *source)
{
	(void)source;
	daemon_feed_end(context);
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

static void pushgateway_feed_start(struct feed *feed)
{
	pushgateway_start(feed->gateway);
}

/* One reading tells of all. */
static void pushgateway_feed_check(struct feed *feed,
                                   const struct watched *watched)
{
	(void)watched;
	pushgateway_check(feed->gateway);
}

static void pushgateway_feed_close(struct feed *feed,
                                   void (*closed)(void *context))
{
	pushgateway_close(feed->gateway, closed, feed);
}

const struct feed_kind daemon_feed_pushgateway = {
	.open = pushgateway_feed_open,
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

static void builtin_feed_start(struct feed *feed)
{
	builtin_source_start(feed->builtin);
}

static void builtin_feed_check(struct feed *feed, const struct watched *watched)
{
	builtin_source_check(feed->builtin, watched->subscription);
}

static void builtin_feed_close(struct feed *feed, void (*closed)(void *context))
{
	builtin_source_close(feed->builtin, closed, feed);
}

const struct feed_kind daemon_feed_builtin = {
	.open = builtin_feed_open,
	.start = builtin_feed_start,
	.check = builtin_feed_check,
	.close = builtin_feed_close,
};

/* --- any of them --------------------------------------------------------- */

static void feed_free(struct feed *feed)
{
	for (uint32_t i = 0; i < feed->n_rules; i++)
		mem_free(feed->rules[i]);
	mem_free(feed->rules);
	daemon_config_unref(feed->config);
	mem_free(feed->watched);
	facts_unref(feed->facts);
	daemon_samples_free(feed);
	mem_free(feed);
}

const struct feed_kind *daemon_feed_kind_of(const char *url)
{
	return config_is_builtin(url) ? &daemon_feed_builtin
	                              : &daemon_feed_pushgateway;
}

struct feed *daemon_feed_new(struct daemon *daemon,
                             const struct feed_kind *kind, struct group *group,
                             const char *url, uint64_t interval_ms)
{
	struct feed *feed = mem_calloc(1, sizeof(*feed));

	if (!feed)
		return NULL;
	feed->daemon = daemon;
	feed->kind = kind;
	list_init(&feed->members);
	feed->group = group;
	reader_init(&feed->reader, group);
	daemon_group_hold(group);
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

static int push_feed_subscribe(struct feed *feed, uint32_t number,
                               const struct config_monitor *config)
{
	static const enum push_match matches[] = {
		[CONFIG_MATCH_ANY] = PUSH_MATCH_ANY,
		[CONFIG_MATCH_ALL] = PUSH_MATCH_ALL,
		[CONFIG_MATCH_OLDEST] = PUSH_MATCH_OLDEST,
	};
	struct label labels[CONFIG_MAX_LABELS];
	struct push_query query = {
		.labels = labels,
		.n_labels = config->n_labels,
		.metric_name = config->metric_name,
		.value = config->metric_value == CONFIG_METRIC_TIMESTAMP
		                 ? PUSH_VALUE_TIMESTAMP
		                 : PUSH_VALUE_PUSH_TIME,
		.match = matches[config->match],
	};

	for (uint8_t i = 0; i < config->n_labels; i++)
		labels[i] = (struct label){
			slice_from(config->labels[i].name),
			slice_from(config->labels[i].value),
		};
	if (feed->builtin)
		return builtin_source_subscribe(feed->builtin, number, &query);
	return pushgateway_subscribe(feed->gateway, number, &query);
}

int daemon_feed_add(struct feed *feed, struct watched *watched,
                    const struct config_monitor *config)
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
	return push_feed_subscribe(feed, number, config);
}

void daemon_feed_start(struct feed *feed)
{
	for (uint32_t i = 0; i < feed->n_watched; i++) {
		feed->watched[i]->feed = feed;
		feed->watched[i]->subscription = i;
		feed->watched[i]->monitor.reader = &feed->reader;
	}
	feed->kind->start(feed);
}

void daemon_feed_check(const struct watched *watched)
{
	struct feed *feed = watched->feed;

	/* one that asks about pushes has both */
	if (!feed && watched->member &&
	    watched->member->config->watch != CONFIG_WATCH_PUSH)
		feed = watched->member->feed;
	if (feed && !feed->closing)
		feed->kind->check(feed, watched);
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
	reader_fini(&feed->reader);
	daemon_group_release(feed->group);
	for (uint32_t i = 0; i < feed->n_watched; i++) {
		struct watched *watched = feed->watched[i];

		if (!watched || watched->feed != feed)
			continue;
		watched->monitor.reader = NULL;
		/* those that are not in the file outlive it */
		if (watched->member)
			watched->feed = NULL;
	}
	LIST_FOR_EACH_SAFE (node, &feed->members)
		daemon_member_detach(
			container_of(node, struct member, feed_node));
	if (!feed->source) {
		feed_free(feed);
		return;
	}
	feed->daemon->n_pending++;
	feed->kind->close(feed, on_feed_closed);
}
