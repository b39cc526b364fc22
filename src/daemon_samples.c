/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitors of values: which source reads which of them, and what the series of
 * a reading mean for each.
 *
 * Who asks the same servers the same thing as often, in the same name, shares
 * one source. A monitor takes of all series the value that counts; with `series:
 * each` it is a rule, and each set of labels a member of it:
 *
 *     {a="1"} 7 ──▶ any, min, sum … ──▶ one value ──▶ the monitor
 *     {a="2"} 9 ──▶ each ──▶ RULE/{a="1"} 7, RULE/{a="2"} 9
 *
 * A series that is gone is missing, in each reading, until it is forgotten.
 */
#include "daemon_parts.h"

#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "core/threshold.h"

#define IDENTITY_SIZE 512     /* of a series */
#define KEY_MAX       1048576 /* bytes of what tells two sources apart */

/* --- what a reading means ---------------------------------------------------- */

static const struct observation unknown = {
	.kind = OBSERVATION_UNKNOWN,
	.exit_code = -1,
};

static const struct observation missing = {
	.kind = OBSERVATION_MISSING,
	.age_ms = OBSERVATION_NEVER,
	.exit_code = -1,
};

static struct observation value_of(double value)
{
	return (struct observation){
		.kind = OBSERVATION_VALUE,
		.value = value,
		.exit_code = -1,
	};
}

/* Of the lowest level: it says which of several values is worse. */
static const struct threshold *lowest_limit(const struct policy_rules *rules)
{
	const struct policy_levels *levels = rules->levels;

	return &levels->level[policy_level_lowest(levels)].limit;
}

/* Whose value it is. While one is being dealt with, those that are good are no
 * news: people are told of the one that was bad until the end. */
static void note_series(struct watched *watched, const struct sample *sample,
                        double value)
{
	const struct policy *policy = &watched->monitor.policy;
	struct facts facts = { 0 };

	if (policy->state != POLICY_STARTING && policy->state != POLICY_GOOD &&
	    !threshold_crossed(lowest_limit(watched->monitor.rules), value))
		return;
	if (sample) {
		facts.labels = sample->labels;
		facts.n_labels = sample->n_labels;
	}
	(void)daemon_watched_note(watched, &facts);
}

static void tell(struct watched *watched, const struct observation *observation)
{
	struct daemon *daemon = watched->daemon;

	supervisor_observe(&daemon->supervisor, &watched->monitor, observation,
	                   uv_now(&daemon->loop));
}

static void tell_value(struct watched *watched, const struct sample *samples,
                       size_t n)
{
	const struct monitor *monitor = &watched->monitor;
	struct observation observation;
	size_t which = SERIES_NONE;

	observation = value_of(series_reduce(monitor->config->metric->series,
	                                     lowest_limit(monitor->rules),
	                                     samples, n, &which));
	note_series(watched, which == SERIES_NONE ? NULL : &samples[which],
	            observation.value);
	tell(watched, &observation);
}

static void tell_watched(struct watched *watched, const struct sample *samples,
                         size_t n)
{
	if (!samples)
		tell(watched, &unknown);
	else if (n == 0)
		tell(watched, &missing);
	else
		tell_value(watched, samples, n);
}

/* --- each series for itself --------------------------------------------------- */

static struct member *member_of(struct feed *feed, struct cover *cover,
                                const struct sample *sample)
{
	const struct facts facts = { .labels = sample->labels,
		                     .n_labels = sample->n_labels };
	const struct daemon_said said = { .facts = &facts };
	char identity[IDENTITY_SIZE];
	struct member *member;

	facts_identity(sample->labels, sample->n_labels, identity,
	               sizeof(identity));
	member = daemon_cover_find(cover, identity);
	if (member && member->feed == feed)
		return member;
	return daemon_cover_appear(feed, cover, identity, &said, NULL);
}

static void tell_series(struct feed *feed, struct cover *cover,
                        const struct sample *sample)
{
	struct observation observation = value_of(sample->value);
	struct member *member = member_of(feed, cover, sample);

	/* an exporter may say the same twice: the first counts */
	if (!member || member->told_in == feed->daemon->n_readings)
		return;
	member->told_in = feed->daemon->n_readings;
	daemon_cover_observe(member, &observation, NULL);
}

static void tell_others(struct feed *feed, struct cover *cover,
                        const struct observation *observation)
{
	LIST_FOR_EACH (node, &cover->members) {
		struct member *member = container_of(node, struct member, node);

		if (member->told_in == feed->daemon->n_readings)
			continue;
		if (observation == &missing && !member->gone_ms)
			daemon_cover_leave(member, NULL);
		daemon_cover_observe(member, observation, NULL);
	}
}

static void tell_cover(struct feed *feed, struct cover *cover,
                       const struct sample *samples, size_t n)
{
	feed->daemon->n_readings++;
	if (!samples) {
		tell_others(feed, cover, &unknown);
		return;
	}
	cover->rule.n_left_out = 0; /* they are counted in each reading */
	for (size_t i = 0; i < n; i++)
		tell_series(feed, cover, &samples[i]);
	tell_others(feed, cover, &missing);
}

/* --- the listener -------------------------------------------------------------- */

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
	(void)source;
	daemon_feed_begin(context, reading);
}

static void tell_sampled(struct feed *feed, const struct sampled *sampled,
                         const struct sample *samples, size_t n)
{
	if (sampled->cover)
		tell_cover(feed, sampled->cover, samples, n);
	else
		tell_watched(sampled->watched, samples, n);
}

/* A query is one subscription for all that share it. */
static void on_query_samples(void *context, struct source *source,
                             uint32_t subscription,
                             const struct sample *samples, size_t n)
{
	struct feed *feed = context;

	(void)source;
	(void)subscription;
	for (uint32_t i = 0; i < feed->n_sampled; i++)
		tell_sampled(feed, &feed->sampled[i], samples, n);
}

static void on_scrape_samples(void *context, struct source *source,
                              uint32_t subscription,
                              const struct sample *samples, size_t n)
{
	struct feed *feed = context;

	(void)source;
	tell_sampled(feed, &feed->sampled[subscription], samples, n);
}

static void on_end(void *context, struct source *source)
{
	(void)source;
	daemon_feed_end(context);
}

/* --- the sources ---------------------------------------------------------------- */

static int query_feed_open(struct feed *feed,
                           const struct config_global *global, struct err *err)
{
	const struct samples_listener listener = {
		.begin = on_begin,
		.samples = on_query_samples,
		.end = on_end,
		.context = feed,
	};
	struct daemon *daemon = feed->daemon;
	const struct query_options options = {
		.loop = &daemon->loop,
		.client = daemon->client,
		.log = daemon->log,
		.urls = feed->metric->servers,
		.n_urls = feed->metric->n_servers,
		.query = feed->metric->query,
		.credentials = feed->credentials,
		.interval_ms = feed->interval_ms,
		.timeout_ms = global->fetch_timeout_ms,
		.max_body = global->max_body,
		.seed = rng_next(&daemon->supervisor.rng),
	};
	int r = query_new(&options, &listener, &feed->query, err);

	if (r == 0)
		feed->source = query_source(feed->query);
	return r;
}

static int scrape_feed_open(struct feed *feed,
                            const struct config_global *global, struct err *err)
{
	const struct samples_listener listener = {
		.begin = on_begin,
		.samples = on_scrape_samples,
		.end = on_end,
		.context = feed,
	};
	struct daemon *daemon = feed->daemon;
	const struct scrape_options options = {
		.loop = &daemon->loop,
		.client = daemon->client,
		.log = daemon->log,
		.url = feed->metric->scrape,
		.credentials = feed->credentials,
		.interval_ms = feed->interval_ms,
		.timeout_ms = global->fetch_timeout_ms,
		.max_body = global->max_body,
		.seed = rng_next(&daemon->supervisor.rng),
	};
	int r = scrape_new(&options, &listener, &feed->scrape, err);

	if (r == 0)
		feed->source = scrape_source(feed->scrape);
	return r;
}

/* Whom it tells of: monitors, and those members that are there. */
static void take_up(struct feed *feed)
{
	for (uint32_t i = 0; i < feed->n_sampled; i++) {
		struct watched *watched = feed->sampled[i].watched;
		struct cover *cover = feed->sampled[i].cover;

		if (watched) {
			watched->feed = feed;
			watched->monitor.reader = &feed->reader;
			continue;
		}
		LIST_FOR_EACH (node, &cover->members) {
			struct member *member =
				container_of(node, struct member, node);

			if (!member->gone_ms)
				daemon_member_attach(member, feed);
		}
	}
}

static void leave_alone(struct feed *feed)
{
	for (uint32_t i = 0; i < feed->n_sampled; i++) {
		struct watched *watched = feed->sampled[i].watched;

		if (watched && watched->feed == feed)
			watched->monitor.reader = NULL;
	}
}

static void query_feed_start(struct feed *feed)
{
	take_up(feed);
	query_start(feed->query);
}

static void scrape_feed_start(struct feed *feed)
{
	take_up(feed);
	scrape_start(feed->scrape);
}

/* One reading tells of all. */
static void query_feed_check(struct feed *feed, const struct watched *watched)
{
	(void)watched;
	query_check(feed->query);
}

static void scrape_feed_check(struct feed *feed, const struct watched *watched)
{
	(void)watched;
	scrape_check(feed->scrape);
}

static void query_feed_close(struct feed *feed, void (*closed)(void *context))
{
	leave_alone(feed);
	query_close(feed->query, closed, feed);
}

static void scrape_feed_close(struct feed *feed, void (*closed)(void *context))
{
	leave_alone(feed);
	scrape_close(feed->scrape, closed, feed);
}

static const struct feed_kind query_kind = {
	.open = query_feed_open,
	.start = query_feed_start,
	.check = query_feed_check,
	.close = query_feed_close,
};

static const struct feed_kind scrape_kind = {
	.open = scrape_feed_open,
	.start = scrape_feed_start,
	.check = scrape_feed_check,
	.close = scrape_feed_close,
};

/* --- which source it is ----------------------------------------------------------- */

const char *daemon_samples_url(const struct config_metric *metric)
{
	return metric->scrape ? metric->scrape : metric->servers[0];
}

bool daemon_samples_each(const struct config_monitor *config)
{
	return config->metric && config->metric->series == SERIES_EACH;
}

/* Fields do not run into each other: none holds a NUL. */
static void add_field(struct buf *key, const char *text)
{
	(void)buf_append(key, text_or_empty(text),
	                 strlen(text_or_empty(text)) + 1);
}

static void write_key(const struct config_metric *metric, struct buf *key)
{
	const struct config_credentials *credentials = metric->credentials;

	for (size_t i = 0; i < metric->n_servers; i++)
		add_field(key, metric->servers[i]);
	add_field(key, metric->scrape ? "" : metric->query);
	add_field(key, metric->scrape);
	add_field(key, credentials->token_file);
	add_field(key, credentials->basic_auth_file);
	for (uint8_t i = 0; i < credentials->n_headers; i++) {
		add_field(key, credentials->headers[i].name);
		add_field(key, credentials->headers[i].value);
	}
}

/* With all that they point to, in one block: they outlive the plan. */
static struct source_credentials *credentials_copy(
	const struct config_credentials *from)
{
	struct source_credentials *copy;
	struct source_header *headers;
	size_t n = strlen(text_or_empty(from->token_file)) +
	           strlen(text_or_empty(from->basic_auth_file)) + 2;
	char *at;

	for (uint8_t i = 0; i < from->n_headers; i++)
		n += strlen(from->headers[i].name) +
		     strlen(from->headers[i].value) + 2;
	copy = mem_calloc(1, sizeof(*copy) +
	                             from->n_headers * sizeof(*headers) + n);
	if (!copy)
		return NULL;
	headers = (struct source_header *)(copy + 1);
	at = (char *)(headers + from->n_headers);
	if (from->token_file)
		copy->token_file = text_put(&at, from->token_file);
	if (from->basic_auth_file)
		copy->basic_auth_file = text_put(&at, from->basic_auth_file);
	for (uint8_t i = 0; i < from->n_headers; i++) {
		headers[i].name = text_put(&at, from->headers[i].name);
		headers[i].value = text_put(&at, from->headers[i].value);
	}
	copy->headers = headers;
	copy->n_headers = from->n_headers;
	return copy;
}

static struct feed *find_feed(const struct list *feeds, struct slice key,
                              uint64_t interval_ms)
{
	LIST_FOR_EACH (node, feeds) {
		struct feed *feed = container_of(node, struct feed, node);

		if (feed->key && feed->interval_ms == interval_ms &&
		    slice_equal(slice_make(feed->key, feed->n_key), key))
			return feed;
	}
	return NULL;
}

static int make_feed(struct daemon *daemon, struct group *group,
                     const struct config_monitor *config, struct buf *key,
                     struct feed **feedp)
{
	const struct config_metric *metric = config->metric;
	struct feed *feed = daemon_feed_new(
		daemon, metric->scrape ? &scrape_kind : &query_kind, group,
		daemon_group_url(group), config->check_interval_ms);

	*feedp = feed;
	if (!feed)
		return UV_ENOMEM;
	feed->metric = metric;
	feed->n_key = key->n;
	feed->key = buf_take(key);
	feed->credentials = credentials_copy(metric->credentials);
	return feed->key && feed->credentials ? 0 : UV_ENOMEM;
}

int daemon_samples_take(struct daemon *daemon, struct list *feeds,
                        struct group *group,
                        const struct config_monitor *config,
                        const struct config_global *global, struct feed **feedp,
                        struct err *err)
{
	struct feed *feed = NULL;
	struct buf key;
	int r;

	buf_init(&key, KEY_MAX);
	write_key(config->metric, &key);
	r = key.failed ? UV_ENOMEM : 0;
	if (r == 0)
		feed = find_feed(feeds, buf_slice(&key),
		                 config->check_interval_ms);
	*feedp = feed;
	if (r == 0 && !feed) {
		r = make_feed(daemon, group, config, &key, feedp);
		if (*feedp)
			list_append(feeds, &(*feedp)->node);
		if (r == 0)
			r = daemon_feed_open(*feedp, global, err);
	}
	buf_fini(&key);
	return r;
}

/* In powers of two. */
static int make_room(struct feed *feed)
{
	uint32_t n = feed->n_sampled;
	struct sampled *grown;

	if ((n & (n - 1)) != 0)
		return 0;
	grown = mem_realloc(feed->sampled, (n ? n * 2 : 1) * sizeof(*grown));
	if (!grown)
		return UV_ENOMEM;
	feed->sampled = grown;
	return 0;
}

int daemon_samples_add(struct feed *feed, struct watched *watched,
                       struct cover *cover, const struct config_metric *metric,
                       struct err *err)
{
	const struct scrape_query query = {
		.metric_name = metric->metric_name,
		.matchers = metric->filters,
	};

	if (make_room(feed) < 0)
		return UV_ENOMEM;
	feed->sampled[feed->n_sampled++] = (struct sampled){ watched, cover };
	return feed->scrape ? scrape_subscribe(feed->scrape,
	                                       feed->n_sampled - 1, &query, err)
	                    : 0;
}

void daemon_samples_free(struct feed *feed)
{
	mem_free(feed->sampled);
	mem_free(feed->credentials);
	mem_free(feed->key);
}
