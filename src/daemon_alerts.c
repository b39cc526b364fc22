/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alertmanager's alerts in the daemon: what is taken from the webhook is there
 * as long as a configuration has a monitor of alerts, and outlives reloads; the
 * rules of such monitors have alerts, or groups of them, as their members.
 *
 * A member is attached while its alert fires. That it is resolved is the last
 * that its source says of it; with the same labels it is the same member again.
 */
#include "daemon_parts.h"

#include <errno.h>
#include <string.h>
#include "api/alerts.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/amx.h"

static const struct observation resolved = { .kind = OBSERVATION_ALERT,
	                                     .exit_code = -1 };

/* --- members ------------------------------------------------------------------ */

static struct facts facts_of(const struct alert_item *item)
{
	struct facts facts = item->facts;

	facts.generator_url = item->generator_url;
	facts.starts_ms = item->starts_ms == AM_NEVER ? 0 : item->starts_ms;
	return facts;
}

static void *on_appear(void *context, struct source *source,
                       uint32_t subscription, const struct alert_item *item)
{
	struct feed *feed = context;
	const struct facts facts = facts_of(item);
	const struct daemon_said said = { .facts = &facts };
	char identity[ALERT_IDENTITY_MAX];

	(void)source;
	alert_item_identity(item, identity);
	return daemon_cover_appear(feed, feed->rules[subscription]->cover,
	                           identity, &said, NULL);
}

static void on_observe(void *context, struct source *source, void *member,
                       const struct observation *observation,
                       const struct alert_item *item)
{
	const struct facts facts = facts_of(item);
	const struct daemon_said said = { .facts = &facts };

	(void)context;
	(void)source;
	daemon_cover_observe(member, observation, &said);
}

static void on_leave(void *context, struct source *source, void *member)
{
	(void)context;
	(void)source;
	daemon_cover_leave(member, NULL);
}

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
	(void)source;
	daemon_feed_begin(context, reading);
}

static void on_end(void *context, struct source *source)
{
	(void)source;
	daemon_feed_end(context);
}

/* Who was there under the configuration before, and fires no more. */
static void on_listed(void *context, struct source *source)
{
	struct feed *feed = context;

	(void)source;
	for (uint32_t i = 0; i < feed->n_rules; i++) {
		LIST_FOR_EACH (node, &feed->rules[i]->cover->members) {
			struct member *member =
				container_of(node, struct member, node);

			if (member->detached && member->origin == feed->group)
				daemon_cover_leave(member, &resolved);
		}
	}
}

/* --- the source ---------------------------------------------------------------- */

static int alerts_feed_open(struct feed *feed,
                            const struct config_global *global, struct err *err)
{
	const struct alerts_listener listener = {
		.begin = on_begin,
		.appear = on_appear,
		.observe = on_observe,
		.leave = on_leave,
		.end = on_end,
		.listed = on_listed,
		.context = feed,
	};

	(void)global;
	(void)err;
	feed->alerts =
		alerts_source_new(feed->daemon->alerts->alerts, &listener);
	if (!feed->alerts)
		return UV_ENOMEM;
	feed->source = alerts_source_base(feed->alerts);
	return 0;
}

static void alerts_feed_start(struct feed *feed)
{
	alerts_source_start(feed->alerts);
}

static void alerts_feed_check(struct feed *feed, const struct watched *watched)
{
	const struct member *member = watched->member;

	alerts_source_check(feed->alerts,
	                    member->name + strlen(member->cover->name) + 1);
}

static void alerts_feed_close(struct feed *feed, void (*closed)(void *context))
{
	alerts_source_close(feed->alerts, closed, feed);
}

const struct feed_kind daemon_feed_alerts = {
	.open = alerts_feed_open,
	.start = alerts_feed_start,
	.check = alerts_feed_check,
	.close = alerts_feed_close,
};

int daemon_alerts_add_rule(struct feed *feed, struct cover *cover,
                           const struct config_monitor *config, struct err *err)
{
	const struct alerts_query query = {
		.match_labels = config->alert->match_labels,
		.match_annotations = config->alert->match_annotations,
		.per_group = config->alert->per_group,
	};
	struct feed_rule **grown =
		mem_realloc(feed->rules, (feed->n_rules + 1) * sizeof(*grown));
	struct feed_rule *rule;
	int r;

	if (!grown)
		return UV_ENOMEM;
	feed->rules = grown;
	rule = mem_calloc(1, sizeof(*rule));
	if (!rule)
		return UV_ENOMEM;
	rule->cover = cover;
	feed->rules[feed->n_rules++] = rule;
	r = alerts_source_subscribe(feed->alerts, feed->n_rules - 1, &query,
	                            err);
	if (r < 0)
		err_wrap(err, "%s", config->name);
	return r;
}

/* --- what commands are told ----------------------------------------------------- */

/* It does not fire any more, or we are about to end. */
static struct am_message last_words(const struct notice *notice,
                                    struct am_alert *alert)
{
	bool firing = text_equal(notice->status, "firing");

	*alert = (struct am_alert){
		.firing = firing,
		.labels = { notice->labels, notice->n_labels },
		.annotations = { notice->annotations, notice->n_annotations },
		.starts_ms = AM_NEVER,
		.ends_ms = firing ? AM_NEVER : notice->wall_ms,
		.fingerprint_made = true,
	};
	return (struct am_message){
		.firing = firing,
		.common_labels = alert->labels,
		.common_annotations = alert->annotations,
		.alerts = alert,
		.n_alerts = 1,
	};
}

int daemon_alerts_env(const struct watched *watched,
                      const struct notice *notice, char **textp)
{
	const struct daemon_alerts *alerts = watched->daemon->alerts;
	const struct member *member = watched->member;
	struct arena arena = { 0 };
	struct am_message message;
	struct am_alert alert;
	struct buf text;
	int r = -ENOENT;

	if (alerts && !alerts->closing && member)
		r = alerts_message(alerts->alerts,
		                   member->name + strlen(member->cover->name) +
		                           1,
		                   &arena, &message);
	if (r == -ENOENT) {
		message = last_words(notice, &alert);
		r = 0;
	}
	buf_init(&text, BOUNCE_ENV_MAX / 2);
	if (r == 0)
		(void)amx_environment(&message, &text);
	*textp = r == 0 ? buf_take(&text) : NULL;
	buf_fini(&text);
	arena_fini(&arena);
	return *textp ? 0 : -ENOMEM;
}

/* --- following the configuration ------------------------------------------------- */

static int alerts_start(struct daemon *daemon)
{
	struct alerts_options options = {
		.loop = &daemon->loop,
		.log = daemon->log,
		.dir = daemon->state_dir,
		.seed = rng_next(&daemon->supervisor.rng),
	};
	struct daemon_alerts *alerts = mem_calloc(1, sizeof(*alerts));
	int r;

	if (!alerts)
		return -ENOMEM;
	alerts->daemon = daemon;
	if (!options.dir)
		log_warn(daemon->log, "alerts that were taken do not survive a "
		                      "restart: there is no usable state_dir");
	r = alerts_new(&options, &alerts->alerts);
	if (r < 0)
		mem_free(alerts);
	else
		daemon->alerts = alerts;
	return r;
}

int daemon_alerts_plan(struct daemon *daemon,
                       const struct config_alerts *config, struct err *err)
{
	int r = 0;

	if (!config->enabled)
		return 0;
	if (daemon->alerts && daemon->alerts->closing)
		return err_set(err, UV_EBUSY,
		               "the alerts of before are still being closed; "
		               "reload again");
	if (!daemon->alerts)
		r = alerts_start(daemon);
	if (r == 0)
		r = alerts_access_new(config, &daemon->alerts->planned, err);
	return r;
}

static void drop_planned(struct daemon_alerts *alerts)
{
	alerts_access_free(alerts->planned);
	alerts->planned = NULL;
}

void daemon_alerts_revert(struct daemon *daemon)
{
	struct daemon_alerts *alerts = daemon->alerts;

	if (!alerts || alerts->closing)
		return;
	drop_planned(alerts);
	if (!alerts->applied)
		daemon_alerts_close(daemon);
}

void daemon_alerts_apply(struct daemon *daemon)
{
	const struct config_alerts *config = &daemon->config->config->alerts;
	struct daemon_alerts *alerts = daemon->alerts;
	struct alerts_limits limits = {
		.queue_size = config->queue_size,
		.max_alerts = config->max_alerts,
		.resolve_after_ms = config->resolve_after_ms,
	};

	if (!config->enabled) {
		daemon_alerts_close(daemon);
		return;
	}
	alerts_configure(alerts->alerts, &limits);
	alerts_access_free(alerts->access);
	alerts->access = alerts->planned;
	alerts->planned = NULL;
	alerts->applied = true;
	daemon->api.alerts_config = config;
	daemon->api.alerts = alerts->alerts;
	daemon->api.alerts_access = alerts->access;
}

static void on_alerts_closed(void *context)
{
	struct daemon_alerts *alerts = context;
	struct daemon *daemon = alerts->daemon;

	daemon->alerts = NULL;
	alerts_access_free(alerts->access);
	drop_planned(alerts);
	mem_free(alerts);
	daemon_closed_one(daemon);
}

void daemon_alerts_close(struct daemon *daemon)
{
	struct daemon_alerts *alerts = daemon->alerts;

	if (!alerts || alerts->closing)
		return;
	daemon->n_pending++;
	alerts->closing = true;
	daemon->api.alerts = NULL;
	daemon->api.alerts_config = NULL;
	daemon->api.alerts_access = NULL;
	alerts_close(alerts->alerts, on_alerts_closed, alerts);
}
