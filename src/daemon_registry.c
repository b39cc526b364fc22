/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry in the daemon: open as long as a configuration asks for it. Its
 * routes come before our own, and its tokens let people in to both.
 *
 * When the daemon ends, the registry closes before the servers do: who asks
 * meanwhile is told so, and nobody is let in to anything.
 */
#include "daemon_parts.h"

#include <string.h>
#include "base/text.h"
#include "registry/alerts.h"
#include "registry/figures.h"
#include "registry/http/routes.h"
#include "registry/registry.h"

/* --- the extension of the API ------------------------------------------------ */

static bool is_health(struct slice path)
{
	return slice_starts(path, "/-/") || slice_starts(path, "/_health");
}

static void say_stopping(struct http_exchange *exchange)
{
	struct buf body;

	buf_init(&body, 256);
	(void)buf_puts(&body, "{\"detail\":\"the registry is stopping\"}\n");
	http_respond(exchange, 503, "application/json", "Retry-After: 5\r\n",
	             &body);
}

static bool handle(void *context, struct http_exchange *exchange, bool control)
{
	struct daemon_registry *part = context;

	if (!part->closing)
		return registry_http_handle(part->http, exchange, control);
	if (control || is_health(exchange->path))
		return false;
	say_stopping(exchange);
	return true;
}

static bool admit(void *context, struct http_exchange *exchange,
                  enum api_need need)
{
	static const enum registry_scope scopes[] = {
		[API_NEEDS_READ] = SCOPE_READ,
		[API_NEEDS_PUSH] = SCOPE_WRITE,
		[API_NEEDS_ALERTS] = SCOPE_ALERTS,
		[API_NEEDS_CONTROL] = SCOPE_ADMIN,
	};
	struct daemon_registry *part = context;
	char actor[REGISTRY_ACTOR_MAX];

	/* what stands beside health checks may be asked for, too */
	if (part->closing) {
		say_stopping(exchange);
		return false;
	}
	return registry_admit(part->registry, exchange, false, scopes[need],
	                      actor);
}

static bool trusts(void *context, const struct http_message *message)
{
	struct daemon_registry *part = context;

	return !part->closing && registry_knows(part->registry, message);
}

static int take_alerts(void *context, struct slice body,
                       void (*kept)(void *request, const struct err *err),
                       void *request, struct err *err)
{
	struct daemon_registry *part = context;

	if (part->closing)
		return err_set(err, UV_ECANCELED, "the registry is stopping");
	return registry_alerts_take(registry_alerts(part->registry), body, kept,
	                            request, err);
}

static bool ready(void *context, struct err *err)
{
	struct daemon_registry *part = context;

	if (!part->closing)
		return registry_is_well(part->registry, err);
	(void)err_set(err, UV_ECANCELED, "stopping");
	return false;
}

static void sample(void *context, const char *family, struct buf *out)
{
	struct daemon_registry *part = context;

	if (!part->closing)
		registry_figures_sample(part->registry, family, out);
}

static void page(void *context, struct buf *out)
{
	struct daemon_registry *part = context;

	if (!part->closing)
		registry_figures_page(part->registry, out);
}

/* --- following the configuration ---------------------------------------------- */

static int open_alerts(struct daemon *daemon, struct err *err)
{
	struct daemon_registry *part = &daemon->registry;
	const struct registry_alerts_options options = {
		.loop = &daemon->loop,
		.log = daemon->log,
		.registry = part->registry,
		.client = daemon->client,
		.seed = rng_next(&daemon->supervisor.rng),
	};
	struct registry_alerts *alerts;
	int r = registry_alerts_open(&options, &alerts, err);

	if (r == 0)
		registry_set_alerts(part->registry, alerts);
	return r;
}

static int open_registry(struct daemon *daemon,
                         const struct config_registry *config, struct err *err)
{
	struct daemon_registry *part = &daemon->registry;
	const struct registry_options options = {
		.loop = &daemon->loop,
		.log = daemon->log,
		.config = config,
		.client = daemon->client,
		.seed = rng_next(&daemon->supervisor.rng),
	};
	int r = registry_open(&options, &part->registry, err);

	if (r < 0) {
		err_wrap(err, "registry");
	} else {
		part->http = registry_http_new(part->registry);
		r = part->http ? open_alerts(daemon, err)
		               : err_set(err, UV_ENOMEM, "out of memory");
	}
	if (r < 0)
		daemon_registry_close(daemon);
	return r;
}

int daemon_registry_plan(struct daemon *daemon,
                         const struct config_registry *config, struct err *err)
{
	struct daemon_registry *part = &daemon->registry;
	int r;

	if (!config->enabled)
		return 0;
	if (part->closing)
		return err_set(err, UV_EBUSY,
		               "the registry of before is still being closed; "
		               "reload again");
	if (!part->registry)
		return open_registry(daemon, config, err);
	r = registry_plan(part->registry, config, err);
	part->planned = r == 0;
	return r;
}

void daemon_registry_revert(struct daemon *daemon)
{
	struct daemon_registry *part = &daemon->registry;

	if (!part->registry || part->closing)
		return;
	if (part->planned)
		registry_revert(part->registry);
	part->planned = false;
	if (!part->applied)
		daemon_registry_close(daemon);
}

/* It borrows from that one now; NULL: from none any more. */
static void hold_config(struct daemon_registry *part,
                        struct daemon_config *config)
{
	if (config)
		daemon_config_ref(config);
	if (part->config)
		daemon_config_unref(part->config);
	part->config = config;
}

void daemon_registry_apply(struct daemon *daemon)
{
	const struct config_registry *config =
		&daemon->config->config->registry;
	struct daemon_registry *part = &daemon->registry;

	if (!config->enabled) {
		daemon->api.extension = NULL;
		daemon_registry_close(daemon);
		return;
	}
	if (part->planned)
		registry_follow(part->registry, config);
	part->planned = false;
	part->applied = true;
	hold_config(part, daemon->config);
	part->extension = (struct api_extension){
		.handle = handle,
		.admit = admit,
		.trusts = trusts,
		.take_alerts = take_alerts,
		.ready = ready,
		.sample = sample,
		.page = page,
		.context = part,
	};
	daemon->api.extension = &part->extension;
}

/* --- the end --------------------------------------------------------------------- */

static void on_registry_closed(void *context)
{
	struct daemon *daemon = context;

	daemon->registry.registry = NULL;
	hold_config(&daemon->registry, NULL);
	/* a daemon that ends lets nobody in any more */
	if (!daemon->stopping)
		daemon->registry.closing = false;
	daemon->registry.applied = false;
	daemon_closed_one(daemon);
}

static void on_alerts_closed(void *context)
{
	struct daemon *daemon = context;

	registry_close(daemon->registry.registry, on_registry_closed, daemon);
}

static void on_http_closed(void *context)
{
	struct daemon *daemon = context;
	struct registry *registry = daemon->registry.registry;
	struct registry_alerts *alerts = registry_alerts(registry);

	daemon->registry.http = NULL;
	registry_set_alerts(registry, NULL);
	if (alerts)
		registry_alerts_close(alerts, on_alerts_closed, daemon);
	else
		on_alerts_closed(daemon);
}

/* Also what was opened in part. */
void daemon_registry_close(struct daemon *daemon)
{
	struct daemon_registry *part = &daemon->registry;

	if (!part->registry || part->closing)
		return;
	daemon->n_pending++;
	part->closing = true;
	/* nobody who is waited for waits for promtool */
	registry_stop(part->registry);
	if (part->http)
		registry_http_close(part->http, on_http_closed, daemon);
	else
		on_http_closed(daemon);
}
