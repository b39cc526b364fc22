/* SPDX-License-Identifier: Apache-2.0 */
#include "source/builtin.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include "base/list.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/push_watch.h"

struct builtin_source {
	struct source source;
	struct builtin *builtin;
	struct source_listener listener;
	struct push_watch *watch;
	bool linked;     /* the watch knows the groups */
	bool publishing; /* the listener is being called */
	bool closing;
	struct list node; /* in builtin.closing */
	builtin_closed_cb closed;
	void *closed_context;
};

struct builtin {
	uv_loop_t *loop;
	const struct log *log;
	struct rng rng;
	struct push_store *store;
	struct builtin_source *active; /* who is told; or NULL */
	struct list ending;            /* sources that are closed */
	bool has_ttl;

	uv_timer_t turn;   /* something is to be told, from the loop */
	uv_timer_t expiry; /* the next end of a time to live */
	int64_t expiry_ms; /* when that is; INT64_MAX: not armed */

	builtin_changed_cb changed;
	void *changed_context;

	bool closing;
	unsigned n_open; /* handles */
	builtin_closed_cb closed;
	void *closed_context;
};

static void on_turn(uv_timer_t *timer);
static void on_expiry(uv_timer_t *timer);

static void arm_turn(struct builtin *builtin)
{
	/* fails only on a timer that is closing */
	if (!builtin->closing && !uv_is_active((uv_handle_t *)&builtin->turn))
		(void)uv_timer_start(&builtin->turn, on_turn, 0, 0);
}

struct push_time builtin_now(struct builtin *builtin)
{
	uv_timeval64_t now;

	(void)uv_gettimeofday(&now);
	return (struct push_time){
		.wall_ms = now.tv_sec * 1000 + now.tv_usec / 1000,
		.mono_ms = (int64_t)uv_now(builtin->loop),
	};
}

/* --- time to live ----------------------------------------------------------- */

/* Lazily: one that is armed too early finds nothing and is armed anew. */
static void arm_expiry(struct builtin *builtin)
{
	int64_t now_ms = (int64_t)uv_now(builtin->loop);
	int64_t next_ms = push_store_next_expiry(builtin->store);

	if (builtin->closing || next_ms >= builtin->expiry_ms)
		return;
	builtin->expiry_ms = next_ms;
	(void)uv_timer_start(
		&builtin->expiry, on_expiry,
		next_ms > now_ms ? (uint64_t)(next_ms - now_ms) : 0, 0);
}

static void on_expiry(uv_timer_t *timer)
{
	struct builtin *builtin = container_of(timer, struct builtin, expiry);

	builtin->expiry_ms = INT64_MAX;
	(void)push_store_expire(builtin->store, (int64_t)uv_now(builtin->loop),
	                        BUILTIN_EXPIRE_SLICE);
	arm_expiry(builtin);
}

/* --- telling ------------------------------------------------------------------ */

/* What there was no memory for is told to be unknown, and the watch makes up
 * for it later. All subscriptions are dirty then. */
static void link_groups(struct builtin_source *source)
{
	if (push_watch_link(source->watch) < 0)
		log_error(source->builtin->log,
		          "out of memory: some pushes are not looked at yet");
	source->linked = true;
}

static void on_observation(void *context, uint32_t number,
                           const struct observation *observation)
{
	struct builtin_source *source = context;

	/* the listener may have closed us */
	if (!source->closing)
		source->listener.observe(source->listener.context,
		                         &source->source, number, observation);
}

/* Groups that go from now on do not tell a source that is closed. */
static void forget_groups(struct builtin_source *source)
{
	push_watch_free(source->watch);
	source->watch = NULL;
}

static void publish(struct builtin_source *source)
{
	static const struct reading reading = { .result = READING_OK,
		                                .detail = "" };
	struct builtin *builtin = source->builtin;

	if (!source->linked)
		link_groups(source);
	if (!push_watch_is_dirty(source->watch))
		return;
	/* ages end now, not when the turn began */
	uv_update_time(builtin->loop);
	source->publishing = true;
	source->listener.begin(source->listener.context, &source->source,
	                       &reading);
	push_watch_conclude(source->watch, builtin_now(builtin), on_observation,
	                    source);
	if (!source->closing)
		source->listener.end(source->listener.context, &source->source);
	source->publishing = false;
	if (source->closing)
		forget_groups(source);
	else if (push_watch_is_dirty(source->watch))
		arm_turn(builtin); /* what was asked for meanwhile */
}

static void end_sources(struct builtin *builtin)
{
	struct list *node;

	while ((node = list_pop(&builtin->ending))) {
		struct builtin_source *source =
			container_of(node, struct builtin_source, node);
		builtin_closed_cb closed = source->closed;
		void *context = source->closed_context;

		mem_free(source);
		closed(context);
	}
}

static void on_turn(uv_timer_t *timer)
{
	struct builtin *builtin = container_of(timer, struct builtin, turn);

	if (builtin->has_ttl)
		arm_expiry(builtin);
	if (builtin->active)
		publish(builtin->active);
	end_sources(builtin);
}

/* --- what the store says -------------------------------------------------------- */

static void on_changed(struct builtin *builtin)
{
	if (builtin->changed)
		builtin->changed(builtin->changed_context);
	if (builtin->has_ttl)
		arm_turn(builtin);
}

static void on_pushed(void *context, struct push_group *group)
{
	struct builtin *builtin = context;
	struct builtin_source *active = builtin->active;

	on_changed(builtin);
	if (!active || !active->linked)
		return;
	push_watch_pushed(active->watch, group);
	if (push_watch_is_dirty(active->watch))
		arm_turn(builtin);
}

static void on_removed(void *context, struct push_group *group)
{
	struct builtin *builtin = context;
	struct builtin_source *active = builtin->active;

	on_changed(builtin);
	if (!active || !active->linked)
		return;
	push_watch_removed(active->watch, group);
	if (push_watch_is_dirty(active->watch))
		arm_turn(builtin);
}

/* --- the source ------------------------------------------------------------- */

int builtin_source_new(struct builtin *builtin,
                       const struct source_listener *listener,
                       struct builtin_source **sourcep)
{
	struct builtin_source *source = mem_calloc(1, sizeof(*source));

	if (!source)
		return -ENOMEM;
	source->source.name = BUILTIN_NAME;
	source->builtin = builtin;
	source->listener = *listener;
	list_init(&source->node);
	source->watch = push_watch_new(builtin->store, rng_next(&builtin->rng));
	if (!source->watch) {
		mem_free(source);
		return -ENOMEM;
	}
	*sourcep = source;
	return 0;
}

int builtin_source_subscribe(struct builtin_source *source,
                             uint32_t subscription,
                             const struct push_query *query)
{
	return push_watch_add(source->watch, subscription, query);
}

void builtin_source_start(struct builtin_source *source)
{
	assert(!source->builtin->active);
	source->builtin->active = source;
	arm_turn(source->builtin);
}

void builtin_source_check(struct builtin_source *source, uint32_t subscription)
{
	/* all is told anyway when the groups are known */
	if (source->closing || !source->linked)
		return;
	push_watch_touch(source->watch, subscription);
	if (!source->publishing)
		arm_turn(source->builtin);
}

struct source *builtin_source_base(struct builtin_source *source)
{
	return &source->source;
}

void builtin_source_close(struct builtin_source *source,
                          builtin_closed_cb closed, void *context)
{
	struct builtin *builtin = source->builtin;

	source->closing = true;
	source->closed = closed;
	source->closed_context = context;
	if (builtin->active == source)
		builtin->active = NULL;
	list_append(&builtin->ending, &source->node);
	if (!source->publishing)
		forget_groups(source);
	arm_turn(builtin);
}

/* --- the object ----------------------------------------------------------------- */

struct builtin *builtin_new(uv_loop_t *loop, const struct log *log,
                            uint64_t seed, builtin_changed_cb changed,
                            void *context)
{
	static const struct push_store_limits none = { 0 };
	struct builtin *builtin = mem_calloc(1, sizeof(*builtin));
	struct push_store_listener listener = { on_pushed, on_removed,
		                                builtin };

	if (!builtin)
		return NULL;
	builtin->loop = loop;
	builtin->log = log;
	builtin->rng = (struct rng){ seed };
	builtin->expiry_ms = INT64_MAX;
	builtin->changed = changed;
	builtin->changed_context = context;
	list_init(&builtin->ending);
	builtin->store =
		push_store_new(rng_next(&builtin->rng), &none, &listener);
	if (!builtin->store) {
		mem_free(builtin);
		return NULL;
	}
	/* these cannot fail */
	(void)uv_timer_init(loop, &builtin->turn);
	(void)uv_timer_init(loop, &builtin->expiry);
	builtin->n_open = 2;
	return builtin;
}

int builtin_configure(struct builtin *builtin,
                      const struct push_store_limits *limits,
                      const struct push_ttl *rules, size_t n_rules)
{
	int r;

	push_store_set_limits(builtin->store, limits);
	r = push_store_set_ttl(builtin->store, rules, n_rules,
	                       (int64_t)uv_now(builtin->loop));
	if (r < 0)
		return r;
	builtin->has_ttl = n_rules > 0;
	/* what was armed belongs to other rules */
	(void)uv_timer_stop(&builtin->expiry);
	builtin->expiry_ms = INT64_MAX;
	arm_expiry(builtin);
	return 0;
}

struct push_store *builtin_store(struct builtin *builtin)
{
	return builtin->store;
}

static void handle_closed(struct builtin *builtin)
{
	builtin_closed_cb closed = builtin->closed;
	void *context = builtin->closed_context;

	if (--builtin->n_open > 0)
		return;
	end_sources(builtin);
	push_store_free(builtin->store);
	mem_free(builtin);
	closed(context);
}

static void on_turn_closed(uv_handle_t *handle)
{
	uv_timer_t *timer = (uv_timer_t *)handle;

	handle_closed(container_of(timer, struct builtin, turn));
}

static void on_expiry_closed(uv_handle_t *handle)
{
	uv_timer_t *timer = (uv_timer_t *)handle;

	handle_closed(container_of(timer, struct builtin, expiry));
}

void builtin_close(struct builtin *builtin, builtin_closed_cb closed,
                   void *context)
{
	assert(!builtin->active);
	builtin->closing = true;
	builtin->closed = closed;
	builtin->closed_context = context;
	uv_close((uv_handle_t *)&builtin->turn, on_turn_closed);
	uv_close((uv_handle_t *)&builtin->expiry, on_expiry_closed);
}
