/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a registry: opened with what the database holds; a turn of the
 * loop for what is to be done (edits that have ended, a model that must be read
 * again, documents that are behind); closed when the store is.
 *
 * Rendering rests REGISTRY_RENDER_SHARE times as long as it took, so that a
 * burst of edits costs a part of the time; who asks for documents gets them as
 * they are after the last edit that was answered, unless that takes long.
 */
#include "registry/registry_private.h"

#include <errno.h>
#include "base/mem.h"
#include "base/text.h"
#include "registry/model/drop_rules.h"

#define US_PER_MS     1000
#define RENDER_NOW_US 25000 /* for who asks: if the last one was faster */
#define SECOND_MS     1000

static void on_turn(uv_timer_t *timer);

/* --- small ones ----------------------------------------------------------------- */

const struct model *registry_model(const struct registry *registry)
{
	return registry->model;
}

struct store *registry_store(const struct registry *registry)
{
	return registry->store;
}

const struct config_registry *registry_config(const struct registry *registry)
{
	return registry->config;
}

uv_loop_t *registry_loop(const struct registry *registry)
{
	return registry->loop;
}

struct http_client *registry_client(const struct registry *registry)
{
	return registry->client;
}

const struct drop_rules *registry_drops(const struct registry *registry)
{
	return registry->drops;
}

struct registry_alerts *registry_alerts(const struct registry *registry)
{
	return registry->alerts;
}

void registry_set_alerts(struct registry *registry,
                         struct registry_alerts *alerts)
{
	registry->alerts = alerts;
}

uint64_t registry_revision(const struct registry *registry)
{
	return registry->revision;
}

uint64_t registry_changes(const struct registry *registry)
{
	return registry->n_changes;
}

struct servers *registry_servers(const struct registry *registry)
{
	return registry->servers;
}

int64_t registry_now_s(const struct registry *registry)
{
	uv_timeval64_t now;

	(void)registry;
	(void)uv_gettimeofday(&now);
	return now.tv_sec;
}

bool registry_is_well(const struct registry *registry, struct err *err)
{
	if (registry->unwell && err)
		*err = registry->trouble;
	return !registry->unwell;
}

void registry_stats(const struct registry *registry,
                    struct registry_stats *stats)
{
	*stats = registry->stats;
	stats->n_watches = registry->n_watches;
	stats->n_waiting = registry->n_open;
}

/* --- rendering ------------------------------------------------------------------- */

static bool is_behind(const struct registry *registry)
{
	return registry->committed > registry->revision;
}

static void on_changed(void *context, const char *shard,
                       enum document_kind kind, const struct document *document)
{
	struct registry *registry = context;

	(void)shard;
	(void)kind;
	(void)document;
	registry->tell = true;
}

/* When the next one may be. */
static uint64_t rested_ms(const struct registry *registry)
{
	uint64_t rest_ms = REGISTRY_RENDER_SHARE *
	                   registry->stats.last_render_us / US_PER_MS;

	return MAX(registry->rendered_ms + MIN(rest_ms, REGISTRY_RENDER_REST),
	           registry->retry_ms);
}

/* One line when it begins, or becomes more. */
static void note_too_large(struct registry *registry)
{
	char title[OBJECT_TITLE_MAX];
	size_t n = documents_n_too_large(registry->documents, title);

	if (n > registry->n_too_large)
		log_error(registry->log,
		          "what would be too large is not handed out, but what "
		          "there was of it before",
		          LOG_STR("what", title), LOG_INT("of", n));
	registry->n_too_large = n;
}

static void render(struct registry *registry)
{
	uint64_t start_ns = uv_hrtime();
	uint64_t revision = registry->committed;
	struct err err = { 0 };
	int r = documents_render(registry->documents, revision, on_changed,
	                         registry, &err);

	uv_update_time(registry->loop);
	registry->rendered_ms = uv_now(registry->loop);
	if (r < 0) {
		if (registry->retry_ms == 0)
			log_error(registry->log,
			          "documents cannot be rendered, those of "
			          "before are handed out",
			          LOG_STR("error", err.message));
		registry->retry_ms = registry->rendered_ms + REGISTRY_RETRY_MS;
		return;
	}
	registry->retry_ms = 0;
	note_too_large(registry);
	registry->revision = revision;
	registry->tell = registry->tell || registry->moved;
	registry->moved = false;
	registry->stats.n_renders++;
	registry->stats.last_render_us = (uv_hrtime() - start_ns) / US_PER_MS;
	registry->stats.render_us += registry->stats.last_render_us;
}

struct documents *registry_documents(struct registry *registry)
{
	if (is_behind(registry) && !registry->damaged &&
	    registry->retry_ms == 0 &&
	    registry->stats.last_render_us <= RENDER_NOW_US) {
		render(registry);
		registry_arm(registry);
	}
	return registry->documents;
}

/* --- watchers ---------------------------------------------------------------------- */

void registry_watch(struct registry *registry, struct registry_watch *watch)
{
	list_append(&registry->watches, &watch->node);
	registry->n_watches++;
}

void registry_unwatch(struct registry *registry, struct registry_watch *watch)
{
	list_unlink(&watch->node);
	registry->n_watches--;
}

static void tell(struct registry *registry)
{
	struct list told;

	registry->tell = false;
	list_init(&told);
	for (struct list *node = list_pop(&registry->watches); node;
	     node = list_pop(&registry->watches))
		list_append(&told, node);
	for (struct list *node = list_pop(&told); node;
	     node = list_pop(&told)) {
		struct registry_watch *watch =
			container_of(node, struct registry_watch, node);

		list_append(&registry->watches, node);
		watch->changed(watch);
	}
}

/* --- reading -------------------------------------------------------------------------- */

int registry_read(struct registry *registry, struct err *err)
{
	const struct documents_options options = {
		.site = registry->config->site,
		.external_url = registry->config->external_url,
	};
	struct model *model = model_new(registry->seed);
	struct documents *documents = NULL;
	int r = model ? store_load(registry->store, model, err) : -ENOMEM;

	if (r == 0) {
		documents = documents_new(model, &options);
		r = documents ? documents_render(documents, registry->committed,
		                                 on_changed, registry, err)
		              : -ENOMEM;
	}
	if (r < 0) {
		documents_free(documents);
		model_free(model);
		return r == -ENOMEM ? err_set(err, r, "out of memory") : r;
	}
	documents_free(registry->documents);
	model_free(registry->model);
	registry->documents = documents;
	registry->model = model;
	registry->n_changes++;
	registry->revision = registry->committed;
	note_too_large(registry);
	return 0;
}

/* When the next one may be: while the disk is full, each edit that is tried
 * would cost one. */
static uint64_t reading_ms(const struct registry *registry)
{
	uint64_t rest_ms = MAX(REGISTRY_READ_SHARE * registry->read_took_ms,
	                       REGISTRY_READ_REST);

	if (registry->read_ms == 0)
		return registry->retry_ms;
	return MAX(registry->read_ms + MIN(rest_ms, REGISTRY_RETRY_MS),
	           registry->retry_ms);
}

static int read_again(struct registry *registry)
{
	uint64_t begun_ns = uv_hrtime();
	int r = registry_read(registry, &registry->trouble);

	uv_update_time(registry->loop);
	registry->read_ms = uv_now(registry->loop);
	registry->read_took_ms =
		(uv_hrtime() - begun_ns) / ((uint64_t)US_PER_MS * US_PER_MS);
	return r;
}

/* After a commit failed, when the store has answered for all that it had. */
static void recover(struct registry *registry)
{
	int r;

	/* what was handed out meanwhile may be taken back */
	registry->skipped++;
	registry->committed++;
	r = read_again(registry);
	if (r < 0) {
		if (!registry->unwell)
			log_error(registry->log,
			          "the database cannot be read again; nothing "
			          "can be changed until then",
			          LOG_STR("error", registry->trouble.message));
		registry->unwell = true;
		registry->retry_ms = uv_now(registry->loop) + REGISTRY_RETRY_MS;
		edits_fail(registry);
		return;
	}
	log_info(registry->log, "the registry has been read again");
	registry->stats.n_reloads++;
	registry->unwell = false;
	registry->damaged = false;
	registry->retry_ms = 0;
	registry->tell = true;
	err_clear(&registry->trouble);
	edits_resume(registry);
}

/* --- a turn ------------------------------------------------------------------------------ */

/* When there is something to do; UINT64_MAX: nothing is. */
static uint64_t next_ms(const struct registry *registry)
{
	if (!list_empty(&registry->ended) || registry->tell)
		return 0;
	if (registry->closing)
		return UINT64_MAX;
	if (registry->damaged)
		return registry->n_writing == 0 ? reading_ms(registry)
		                                : UINT64_MAX;
	return is_behind(registry) ? rested_ms(registry) : UINT64_MAX;
}

void registry_arm(struct registry *registry)
{
	uint64_t at_ms = next_ms(registry);
	uint64_t now_ms = uv_now(registry->loop);

	if (uv_is_closing((uv_handle_t *)&registry->turn))
		return;
	if (at_ms == UINT64_MAX)
		(void)uv_timer_stop(&registry->turn);
	else
		(void)uv_timer_start(&registry->turn, on_turn,
		                     at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

static void on_turn(uv_timer_t *timer)
{
	struct registry *registry = container_of(timer, struct registry, turn);
	uint64_t now_ms = uv_now(registry->loop);

	if (registry->damaged && registry->n_writing == 0 &&
	    reading_ms(registry) <= now_ms && !registry->closing)
		recover(registry);
	edits_deliver(registry);
	if (is_behind(registry) && !registry->damaged && !registry->closing &&
	    rested_ms(registry) <= now_ms)
		render(registry);
	if (registry->tell)
		tell(registry);
	registry_arm(registry);
	registry_maybe_closed(registry);
}

/* --- following a configuration ----------------------------------------------------------- */

int registry_plan(struct registry *registry,
                  const struct config_registry *config, struct err *err)
{
	int r = access_new(config, &registry->planned, err);

	if (r == 0)
		r = promtool_find(config->promtool, &registry->planned_program,
		                  err);
	if (r == 0)
		r = drop_rules_new(config->drop_alerts, config->n_drop_alerts,
		                   &registry->planned_drops, err);
	if (r < 0)
		registry_revert(registry);
	else if (!text_equal(config->path, registry->config->path))
		log_warn(registry->log,
		         "registry.path changes with the next restart");
	return r;
}

/* Names and links stand in every document. */
static void follow_options(struct registry *registry,
                           const struct config_registry *old)
{
	const struct config_registry *config = registry->config;

	if (text_equal(old->site, config->site) &&
	    text_equal(old->external_url, config->external_url))
		return;
	/* all is read and rendered anew */
	registry->damaged = true;
}

void registry_follow(struct registry *registry,
                     const struct config_registry *config)
{
	const struct config_registry *old = registry->config;

	registry->config = config;
	access_replace(&registry->access, registry->planned);
	registry->planned = NULL;
	promtool_use(registry->promtool, registry->planned_program);
	registry->planned_program = NULL;
	drop_rules_free(registry->drops);
	registry->drops = registry->planned_drops;
	registry->planned_drops = NULL;
	store_keep_audit(registry->store,
	                 (int64_t)(config->keep_audit_ms / SECOND_MS));
	if (old != config)
		follow_options(registry, old);
	registry_arm(registry);
}

void registry_revert(struct registry *registry)
{
	access_free(registry->planned);
	registry->planned = NULL;
	mem_free(registry->planned_program);
	registry->planned_program = NULL;
	drop_rules_free(registry->planned_drops);
	registry->planned_drops = NULL;
}

/* --- open and close ------------------------------------------------------------------------ */

static void registry_free(struct registry *registry)
{
	promtool_free(registry->promtool);
	documents_free(registry->documents);
	model_free(registry->model);
	access_free(registry->access);
	drop_rules_free(registry->drops);
	servers_free(registry->servers);
	registry_revert(registry);
	mem_free(registry);
}

static void on_turn_closed(uv_handle_t *handle)
{
	struct registry *registry =
		container_of((uv_timer_t *)handle, struct registry, turn);
	void (*closed)(void *context) = registry->closed;
	void *context = registry->context;

	registry_free(registry);
	if (closed)
		closed(context);
}

void registry_maybe_closed(struct registry *registry)
{
	if (!registry->closing || !registry->store_closed ||
	    registry->n_checking > 0 || registry->n_open > 0 ||
	    uv_is_closing((uv_handle_t *)&registry->turn))
		return;
	uv_close((uv_handle_t *)&registry->turn, on_turn_closed);
}

static void on_store_closed(void *context)
{
	struct registry *registry = context;

	registry->store_closed = true;
	registry->store = NULL;
	registry_arm(registry);
	registry_maybe_closed(registry);
}

void registry_stop(struct registry *registry)
{
	registry->stopping = true;
	err_clear(&registry->trouble);
	edits_fail(registry);
	promtool_cancel(registry->promtool);
}

bool registry_is_stopping(const struct registry *registry)
{
	return registry->stopping;
}

void registry_close(struct registry *registry, void (*closed)(void *context),
                    void *context)
{
	registry->closing = true;
	registry->closed = closed;
	registry->context = context;
	registry->tell = false;
	registry_stop(registry);
	registry->store_closed = !registry->store;
	if (registry->store)
		store_close(registry->store, on_store_closed, registry);
	registry_arm(registry);
	registry_maybe_closed(registry);
}

static int open_store(struct registry *registry, struct err *err)
{
	int r = store_open(registry->loop, registry->config->path,
	                   registry->log, &registry->store, err);

	if (r < 0)
		return r;
	registry->committed = store_revision(registry->store);
	return registry_read(registry, err);
}

static void log_open(const struct registry *registry)
{
	const struct model *model = registry->model;

	log_info(registry->log, "registry opened",
	         LOG_STR("file", registry->config->path),
	         LOG_INT("revision", registry->revision),
	         LOG_INT("shards", model_count(model, KIND_SHARD)),
	         LOG_INT("projects", model_count(model, KIND_PROJECT)),
	         LOG_INT("hosts", model_count(model, KIND_HOST)),
	         LOG_INT("rules", model_count(model, KIND_RULE)));
	if (!promtool_is_on(registry->promtool) && !registry->config->promtool)
		log_info(registry->log,
		         "there is no promtool: rules are not checked by it");
}

/* The timer is open: what was made goes through a close. */
static int open_parts(struct registry *registry, struct err *err)
{
	int r = registry_plan(registry, registry->config, err);

	if (r == 0)
		r = open_store(registry, err);
	if (r == 0)
		registry_follow(registry, registry->config);
	return r;
}

int registry_open(const struct registry_options *options,
                  struct registry **registryp, struct err *err)
{
	struct registry *registry = mem_calloc(1, sizeof(*registry));
	int r;

	*registryp = NULL;
	if (!registry)
		return err_set(err, -ENOMEM, "out of memory");
	registry->loop = options->loop;
	registry->log = options->log;
	registry->config = options->config;
	registry->client = options->client;
	registry->seed = options->seed;
	list_init(&registry->watches);
	list_init(&registry->waiting);
	list_init(&registry->ended);
	registry->promtool = promtool_new(registry);
	registry->servers = servers_new(registry->seed);
	r = registry->promtool && registry->servers
	            ? uv_timer_init(registry->loop, &registry->turn)
	            : -ENOMEM;
	if (r < 0) {
		registry_free(registry);
		return err_set(err, r, "out of memory");
	}
	*registryp = registry;
	r = open_parts(registry, err);
	if (r < 0)
		return r;
	registry->tell = false;
	log_open(registry);
	return 0;
}
