/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who depends on a container that was restarted, is restarted after it.
 *
 *     step of the parent ended well
 *          │
 *          ▼   ready, or no dry run     all of this depth have ended
 *     wait for the parent ──▶ restart those of depth 1 ──▶ wait for these ──┐
 *          │ not in time              ▲                          │          │
 *          ▼                          └──────────────────────────┘          │
 *     say so, and end ◀─────────────────────── no depth is left ◀───────────┘
 *
 * Ready is: it runs, and its check, if it has one, calls it healthy. That is
 * asked for every now and then, for as long as `verify_within`: the containers
 * that are waited for need not be watched by any rule.
 */
#include "daemon_parts.h"

#include <stdio.h>
#include <string.h>
#include "base/duration.h"
#include "base/mem.h"
#include "base/text.h"
#include "core/dependents.h"

#define LOOK_MS     500
#define REASON_SIZE 160

struct chain;

/* One of those that depend on the parent. */
struct link {
	struct chain *chain;
	struct bounce bounce;
	struct target *target; /* while it is at work */
	enum dependents_reason reason;
	uint32_t depth;
	bool running;
	bool wait; /* it was restarted, and is to become ready */
	char why[REASON_SIZE];
	char *name; /* this and the next three are one block */
	char *id;
	char *project;
	char *remedy; /* of one that must be made anew */
};

/* What follows one restart. */
struct chain {
	struct list node;
	struct daemon *daemon;
	struct daemon_config *config; /* held */
	const struct config_monitor *rule;
	char *monitor; /* the parent's; this and the next three are one block */
	char *name;
	char *id;
	char *url; /* of its group */
	bool dry_run;
	bool ended; /* nothing more is begun */
	uint32_t depth;
	uint64_t until_ms; /* to be ready */
	struct link *links;
	size_t n_links;
	uint32_t n_running;
	size_t at; /* who is looked at; 0: the parent, else links[at - 1] */
	struct runtime_call look;
	bool looking;
	bool ready;
	uint64_t look_ms; /* the next one; 0: none is due */
};

static const struct step restart = {
	.kind = STEP_RESTART,
	.stop_timeout_ms = STEP_STOP_TIMEOUT_OWN,
};

static const char *const reason_words[] = {
	[DEPENDENTS_NAMESPACE] = "shares a namespace of it",
	[DEPENDENTS_COMPOSE] = "compose says so",
	[DEPENDENTS_LABEL] = "its label says so",
	[DEPENDENTS_RECREATE] = "holds a namespace that is gone",
};

static void look_next(struct chain *chain);

/* --- life ----------------------------------------------------------------- */

static void chain_free(struct chain *chain)
{
	list_unlink(&chain->node);
	for (size_t i = 0; i < chain->n_links; i++)
		mem_free(chain->links[i].name);
	mem_free(chain->links);
	mem_free(chain->monitor);
	daemon_config_unref(chain->config);
	mem_free(chain);
}

/* Frees it as soon as nothing of it runs. */
static void chain_end(struct chain *chain)
{
	chain->ended = true;
	chain->look_ms = 0;
	if (!chain->looking && chain->n_running == 0)
		chain_free(chain);
}

static void record_of(struct daemon *daemon, const char *monitor,
                      enum log_level level, const char *container,
                      const char *reason, const char *detail)
{
	const struct journal_entry entry = {
		.wall_ms = (int64_t)daemon_now(daemon) +
		           daemon->supervisor.wall_offset_ms,
		.event = JOURNAL_TARGET,
		.subject = monitor,
		.container = container,
		.reason = reason,
		.detail = detail,
	};

	journal_put(&daemon->journal, &entry);
	LOG_AT(daemon->log, level, reason, LOG_STR("monitor", monitor),
	       LOG_STR("container", container), LOG_STR("detail", detail));
}

static void record(struct chain *chain, enum log_level level,
                   const char *container, const char *reason,
                   const char *detail)
{
	record_of(chain->daemon, chain->monitor, level, container, reason,
	          detail);
}

/* --- those that no restart helps -------------------------------------------- */

/* How it is made anew, by whoever made it. */
static void write_remedy(const struct container *container, char *out,
                         size_t size)
{
	const char *service =
		container_label(container, CONTAINER_COMPOSE_SERVICE);

	if (service)
		(void)snprintf(out, size,
		               "make it anew: docker compose up -d "
		               "--force-recreate %.100s",
		               service);
	else
		(void)snprintf(out, size,
		               "make it anew: remove it, and run it again with "
		               "the container of now");
}

/* @gone: as the container refers to the one that is no more. */
static void tell_orphan(struct daemon *daemon, const char *monitor,
                        const struct container *container, const char *gone)
{
	char remedy[REASON_SIZE];
	char detail[REASON_SIZE * 2];

	write_remedy(container, remedy, sizeof(remedy));
	(void)snprintf(detail, sizeof(detail),
	               "it holds a namespace of %.12s, which is gone; %s", gone,
	               remedy);
	record_of(daemon, monitor, LOG_LEVEL_ERROR, container->name,
	          "container cannot be healed by a restart", detail);
}

/* --- looking --------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
	struct daemon *daemon =
		container_of(timer, struct daemon, dependents_timer);
	uint64_t now_ms = uv_now(&daemon->loop);
	bool more = false;

	LIST_FOR_EACH_SAFE (node, &daemon->dependents) {
		struct chain *chain = container_of(node, struct chain, node);

		if (chain->look_ms > now_ms) {
			more = true;
		} else if (chain->look_ms) {
			more = true;
			chain->look_ms = 0;
			look_next(chain);
		}
	}
	if (!more)
		(void)uv_timer_stop(timer);
}

static void look_later(struct chain *chain)
{
	uv_timer_t *timer = &chain->daemon->dependents_timer;

	chain->look_ms = uv_now(&chain->daemon->loop) + LOOK_MS;
	if (!uv_is_active((uv_handle_t *)timer))
		(void)uv_timer_start(timer, on_timer, LOOK_MS, LOOK_MS);
}

static void on_container(struct runtime_call *call,
                         const struct container *container)
{
	struct chain *chain = container_of(call, struct chain, look);

	chain->ready = container->status == CONTAINER_RUNNING &&
	               container->health != CONTAINER_HEALTH_STARTING &&
	               container->health != CONTAINER_HEALTH_UNHEALTHY;
}

static void not_ready(struct chain *chain)
{
	const struct link *link =
		chain->at ? &chain->links[chain->at - 1] : NULL;
	char detail[REASON_SIZE];

	(void)snprintf(detail, sizeof(detail),
	               "%.80s did not become healthy in time",
	               link ? link->name : chain->name);
	record(chain, LOG_LEVEL_ERROR, link ? link->name : chain->name,
	       "dependents are not restarted", detail);
	chain_end(chain);
}

static void on_looked(struct runtime_call *call)
{
	struct chain *chain = container_of(call, struct chain, look);
	bool ready = chain->ready && call->result == RUNTIME_OK;

	chain->looking = false;
	runtime_call_fini(call);
	if (chain->ended) {
		chain_end(chain);
	} else if (ready) {
		chain->at++;
		look_next(chain);
	} else if (uv_now(&chain->daemon->loop) >= chain->until_ms) {
		not_ready(chain);
	} else {
		look_later(chain);
	}
}

static void look_at(struct chain *chain, const char *id)
{
	struct runtime *runtime =
		daemon_runtime_called(chain->daemon, chain->url);

	chain->ready = false;
	chain->look = (struct runtime_call){
		.target = id,
		.stop_timeout_ms = -1,
		.container = on_container,
	};
	chain->looking = runtime &&
	                 runtime_inspect(runtime, &chain->look, on_looked) == 0;
	if (!chain->looking)
		not_ready(chain);
}

/* --- restarting ------------------------------------------------------------ */

static void on_link_done(struct bounce *bounce)
{
	struct link *link = container_of(bounce, struct link, bounce);
	struct chain *chain = link->chain;
	struct daemon *daemon = chain->daemon;
	bool ok = bounce->result == STEP_OK;
	char took[DURATION_TEXT_MAX];
	char detail[BOUNCE_DETAIL_MAX + REASON_SIZE + 64];

	link->running = false;
	link->wait = ok;
	chain->n_running--;
	daemon->supervisor.n_acting--;
	target_end(link->target, daemon_now(daemon));
	target_forget(link->target, link);
	targets_release(&daemon->targets, link->target);
	link->target = NULL;
	(void)snprintf(detail, sizeof(detail), "%s: %s in %s%s%s", link->why,
	               step_result_name(bounce->result),
	               duration_format(bounce->duration_ms, took),
	               bounce->detail[0] ? ": " : "", bounce->detail);
	record(chain,
	       ok || bounce->result == STEP_DRY_RUN ? LOG_LEVEL_INFO
	                                            : LOG_LEVEL_ERROR,
	       link->name, "dependent restarted after its parent", detail);
	if (chain->n_running == 0 && chain->ended)
		chain_end(chain);
	else if (chain->n_running == 0)
		look_next(chain);
	daemon_state_save(daemon, NULL);
	daemon_arm(daemon);
	daemon_drained(daemon);
}

static bool take_target(struct link *link)
{
	struct chain *chain = link->chain;
	struct daemon *daemon = chain->daemon;

	link->target = daemon_target_take(daemon, chain->url, link->project,
	                                  link->name);
	if (link->target && !link->target->owner)
		return true;
	if (link->target)
		targets_release(&daemon->targets, link->target);
	link->target = NULL;
	return false;
}

static void restart_link(struct link *link)
{
	struct chain *chain = link->chain;
	struct daemon *daemon = chain->daemon;
	struct runtime *runtime = daemon_runtime_called(daemon, chain->url);

	if (!runtime || !take_target(link)) {
		record(chain, LOG_LEVEL_WARN, link->name,
		       "dependent is left to another bounce",
		       runtime ? "one is at work on it"
		               : "the runtime cannot be used");
		return;
	}
	link->bounce = (struct bounce){
		.step = &restart,
		.runtime = runtime,
		.runtime_name = chain->url,
		.target = link->name,
		.project = link->project[0] ? link->project : NULL,
		.monitor = chain->monitor,
		.reason = link->why,
		.attempt = 1,
		.dry_run = chain->dry_run,
		.id = link->id,
	};
	target_begin(link->target, link);
	link->running = true;
	chain->n_running++;
	daemon->supervisor.n_acting++;
	bounce_start(&daemon->bouncer, &link->bounce, on_link_done);
}

static void tell_recreate(struct chain *chain, const struct link *link)
{
	char detail[REASON_SIZE * 2];

	(void)snprintf(detail, sizeof(detail), "%s; %s", link->why,
	               link->remedy);
	record(chain, LOG_LEVEL_ERROR, link->name,
	       "dependent cannot be healed by a restart", detail);
}

static void restart_depth(struct chain *chain)
{
	bool more = false;

	chain->depth++;
	chain->at = 1;
	chain->until_ms =
		uv_now(&chain->daemon->loop) + chain->rule->rules.verify_ms;
	for (size_t i = 0; i < chain->n_links; i++) {
		struct link *link = &chain->links[i];

		more |= link->depth >= chain->depth;
		if (link->depth != chain->depth)
			continue;
		if (link->reason == DEPENDENTS_RECREATE)
			tell_recreate(chain, link);
		else
			restart_link(link);
	}
	if (!more)
		chain_end(chain);
	else if (chain->n_running == 0)
		restart_depth(chain);
}

/* --- who ------------------------------------------------------------------- */

static int link_init(struct link *link, struct chain *chain,
                     const struct dependent *dependent)
{
	const struct container *container = dependent->container;
	const char *project = daemon_project_of(container);
	char remedy[REASON_SIZE] = "";
	char *at;

	if (dependent->reason == DEPENDENTS_RECREATE)
		write_remedy(container, remedy, sizeof(remedy));
	at = mem_alloc(strlen(container->name) + strlen(container->id) +
	               strlen(project) + strlen(remedy) + 4);
	if (!at)
		return -1;
	link->chain = chain;
	link->name = text_put(&at, container->name);
	link->id = text_put(&at, container->id);
	link->project = text_put(&at, project);
	link->remedy = text_put(&at, remedy);
	link->reason = dependent->reason;
	link->depth = dependent->depth;
	(void)snprintf(link->why, sizeof(link->why), "depends on %.80s: %s",
	               chain->name, reason_words[link->reason]);
	return 0;
}

static int take_links(struct chain *chain, const struct dependent *found,
                      size_t n)
{
	chain->links = mem_calloc(n + 1, sizeof(*chain->links));
	if (!chain->links)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (selector_same_id(found[i].container->id,
		                     chain->daemon->own_id))
			continue;
		if (link_init(&chain->links[chain->n_links], chain, &found[i]) <
		    0)
			return -1;
		chain->n_links++;
	}
	return 0;
}

/* All that the engine has (mem_free); NULL: out of memory, or no such engine. */
static const struct container **all_of(const struct daemon *daemon,
                                       const char *url, size_t *np)
{
	struct containers *source = daemon_containers_of(&daemon->feeds, url);
	size_t n = source ? containers_stats(source).n_containers : 0;
	const struct container **all =
		source ? mem_calloc(n + 1, sizeof(*all)) : NULL;

	*np = all ? containers_all(source, all, n) : 0;
	return all;
}

static bool is_among(const struct container *container,
                     const struct dependent *found, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (found[i].container == container)
			return true;
	}
	return false;
}

/* Those that run with a namespace of nobody, and of whom nothing says that
 * they had to do with this parent: it may be its former self. */
static void tell_orphans(struct chain *chain,
                         const struct container *const *all, size_t n,
                         const struct dependent *found, size_t n_found)
{
	for (size_t i = 0; i < n; i++) {
		const char *gone = all[i]->status == CONTAINER_RUNNING
		                           ? dependents_gone(all, n, all[i])
		                           : NULL;

		if (gone && !is_among(all[i], found, n_found))
			tell_orphan(chain->daemon, chain->monitor, all[i],
			            gone);
	}
}

/* Who depends on it now: the engine is asked only for what changes. */
static int find_links(struct chain *chain)
{
	size_t n;
	const struct container **all = all_of(chain->daemon, chain->url, &n);
	struct dependent *found = mem_calloc(DEPENDENTS_MAX, sizeof(*found));
	size_t n_found;
	int r = daemon_containers_of(&chain->daemon->feeds, chain->url) ? -1
	                                                                : 0;

	if (all && found) {
		n_found =
			dependents_of(all, n, chain->id, chain->name,
		                      chain->rule->containers->dependents_label,
		                      found, DEPENDENTS_MAX);
		r = take_links(chain, found, n_found);
		tell_orphans(chain, all, n, found, n_found);
	}
	mem_free(all);
	mem_free(found);
	return r;
}

static void begin_restarts(struct chain *chain)
{
	if (find_links(chain) < 0) {
		record(chain, LOG_LEVEL_ERROR, chain->name,
		       "dependents are not restarted", "out of memory");
		chain_end(chain);
		return;
	}
	restart_depth(chain);
}

/* The next one who has to become ready; if none is left, what follows. */
static void look_next(struct chain *chain)
{
	if (chain->at == 0) {
		look_at(chain, chain->id);
		return;
	}
	for (; chain->at <= chain->n_links; chain->at++) {
		struct link *link = &chain->links[chain->at - 1];

		if (link->depth == chain->depth && link->wait) {
			look_at(chain, link->id);
			return;
		}
	}
	if (chain->depth == 0)
		begin_restarts(chain);
	else
		restart_depth(chain);
}

/* --- the beginning and the end ---------------------------------------------- */

static struct chain *chain_new(struct watched *watched)
{
	const struct member_text *text = watched->member->container->text;
	const struct monitor *monitor = &watched->monitor;
	const char *url = daemon_group_url(watched->member->origin);
	struct chain *chain = mem_calloc(1, sizeof(*chain));
	char *at = chain ? mem_alloc(strlen(monitor->name) +
	                             strlen(text->container) +
	                             strlen(text->id) + strlen(url) + 4)
	                 : NULL;

	if (!at) {
		mem_free(chain);
		return NULL;
	}
	chain->monitor = text_put(&at, monitor->name);
	chain->name = text_put(&at, text->container);
	chain->id = text_put(&at, text->id);
	chain->url = text_put(&at, url);
	chain->daemon = watched->daemon;
	chain->config = watched->daemon->config;
	chain->rule = monitor->config;
	chain->dry_run = monitor->dry_run;
	chain->until_ms =
		uv_now(&watched->daemon->loop) + monitor->rules->verify_ms;
	daemon_config_ref(chain->config);
	list_append(&watched->daemon->dependents, &chain->node);
	return chain;
}

/* An earlier restart of the same one: what follows it, follows this one. */
static void end_earlier(struct daemon *daemon, const char *id)
{
	LIST_FOR_EACH_SAFE (node, &daemon->dependents) {
		struct chain *chain = container_of(node, struct chain, node);

		if (strcmp(chain->id, id) == 0)
			chain_end(chain);
	}
}

/* It could not be started: perhaps there is nobody whose namespace it could
 * share. */
static void tell_why_not(struct watched *watched)
{
	const struct monitor *monitor = &watched->monitor;
	const char *id = watched->member->container->text->id;
	const char *gone;
	size_t n;
	const struct container **all =
		all_of(watched->daemon, daemon_group_url(monitor->group), &n);

	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i]->id, id) != 0)
			continue;
		gone = dependents_gone(all, n, all[i]);
		if (gone)
			tell_orphan(watched->daemon, monitor->name, all[i],
			            gone);
	}
	mem_free(all);
}

void daemon_dependents_begin(struct watched *watched, const struct bounce *done)
{
	const struct config_monitor *config = watched->monitor.config;
	bool starts = done->step->kind == STEP_RESTART ||
	              done->step->kind == STEP_START;
	struct daemon *daemon = watched->daemon;
	struct chain *chain;

	if (!watched->member || !watched->member->container ||
	    watched->removed || daemon->stopping || !starts)
		return;
	if (done->result == STEP_FAILED)
		tell_why_not(watched);
	if (watched->member->own || !config->containers->dependents ||
	    (done->result != STEP_OK && done->result != STEP_DRY_RUN))
		return;
	end_earlier(daemon, watched->member->container->text->id);
	chain = chain_new(watched);
	if (!chain)
		log_error(daemon->log,
		          "dependents are not restarted: out of memory",
		          LOG_STR("monitor", watched->monitor.name));
	else if (chain->dry_run)
		begin_restarts(chain);
	else
		look_next(chain);
}

void daemon_dependents_cancel(struct daemon *daemon)
{
	LIST_FOR_EACH_SAFE (node, &daemon->dependents) {
		struct chain *chain = container_of(node, struct chain, node);

		for (size_t i = 0; i < chain->n_links; i++) {
			if (chain->links[i].running)
				bounce_cancel(&chain->links[i].bounce);
		}
		if (chain->looking)
			runtime_cancel(&chain->look);
		chain_end(chain);
	}
	(void)uv_timer_stop(&daemon->dependents_timer);
}
