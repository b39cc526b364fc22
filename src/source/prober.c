/* SPDX-License-Identifier: Apache-2.0 */
#include "source/prober.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rng.h"
#include "core/deadlines.h"
#include "core/probe_keys.h"
#include "source/prober_check.h"

#define AGE_UNKNOWN UINT64_MAX
#define OUTPUT_MAX  1024 /* bytes of a check's output that are kept */
#define SLACK_MS    2000 /* between two tellings of one start */

/* A container that is checked. */
struct probed {
	struct list node;
	struct list waiting; /* prober.waiting: due, and no check is free */
	struct deadline deadline;
	struct prober *prober;
	char *id;
	char *name;
	char *ip;
	const struct probe *probe; /* a rule's, or that of `keys` */
	struct probe_keys *keys;
	struct probe_state state;
	struct prober_check *check; /* under way, or NULL */
	int64_t started_wall_ms;
	uint32_t list_number; /* of the last list that had it */
	bool running;
	int64_t exit_code;       /* of the last check that failed; -1 */
	char output[OUTPUT_MAX]; /* … and what it said */
};

struct subscription {
	struct list node;
	const struct containers_query *query;
};

struct prober {
	struct prober_options options;
	char *self_id;
	struct list subscriptions;
	struct list probed;
	struct map by_id;
	struct deadlines deadlines;
	struct list waiting;
	uv_timer_t timer;
	struct rng rng;
	uint32_t list_number;
	unsigned n_checks; /* under way, also of those that are gone */
	bool timer_open;
	bool closing;
	void (*closed)(void *context);
	void *closed_context;
};

static void on_timer(uv_timer_t *timer);

static uint64_t now_of(const struct prober *prober)
{
	return uv_now(prober->options.loop);
}

static int64_t wall_ms(void)
{
	uv_timeval64_t now;

	(void)uv_gettimeofday(&now);
	return now.tv_sec * 1000 + now.tv_usec / 1000;
}

/* --- when --------------------------------------------------------------- */

static void arm_timer(struct prober *prober)
{
	uint64_t due_ms = deadlines_next(&prober->deadlines);
	uint64_t now_ms = now_of(prober);

	if (prober->closing)
		return;
	/* these fail only on a timer that is closing */
	if (due_ms == DEADLINE_NEVER)
		(void)uv_timer_stop(&prober->timer);
	else
		(void)uv_timer_start(&prober->timer, on_timer,
		                     due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* Its next check, unless one is under way. */
static void plan(struct probed *probed)
{
	struct prober *prober = probed->prober;
	bool wanted = probed->running && !probed->check;

	list_unlink(&probed->waiting);
	deadlines_arm(&prober->deadlines, &probed->deadline,
	              wanted ? probed->state.next_ms : DEADLINE_NEVER);
	arm_timer(prober);
}

/* --- checks ------------------------------------------------------------- */

static void start_waiting(struct prober *prober);

static void take_result(struct probed *probed, const struct prober_check *check)
{
	bool ok = check->verdict == PROBER_GOOD;
	uint64_t now_ms = now_of(probed->prober);

	if (check->verdict == PROBER_UNDECIDED) {
		probe_postpone(&probed->state, probed->probe, now_ms);
		return;
	}
	if (!ok) {
		probed->exit_code = check->exit_code;
		(void)snprintf(probed->output, sizeof(probed->output), "%s",
		               check->words);
	}
	if (probe_result(&probed->state, probed->probe, ok, now_ms))
		probed->prober->options.changed(probed->prober->options.context,
		                                probed->id,
		                                probed->state.health);
}

static void prober_maybe_closed(struct prober *prober);

/* @check is freed by who calls. */
static void on_checked(struct prober_check *check)
{
	struct prober *prober = check->prober;
	struct probed *probed = check->probed;

	prober->n_checks--;
	probe_keys_free(check->keys);
	if (prober->closing) {
		prober_maybe_closed(prober);
		return;
	}
	if (probed) {
		probed->check = NULL;
		/* it may have been stopped meanwhile, for good reason */
		if (probed->running)
			take_result(probed, check);
		/* whoever was told may have closed us: then it is gone */
		if (prober->closing)
			return;
		plan(probed);
	}
	start_waiting(prober);
}

static void start_check(struct probed *probed)
{
	struct prober *prober = probed->prober;
	const struct prober_subject subject = {
		.loop = prober->options.loop,
		.runtime = prober->options.runtime,
		.client = prober->options.client,
		.id = probed->id,
		.name = probed->name,
		.ip = probed->ip ? probed->ip : "",
		.probe = probed->probe,
		.quiet = probed->keys != NULL,
	};

	probed->check = prober_check_start(&subject, on_checked);
	if (!probed->check) {
		probe_postpone(&probed->state, probed->probe, now_of(prober));
		plan(probed);
		return;
	}
	probed->check->prober = prober;
	probed->check->probed = probed;
	prober->n_checks++;
}

static void start_waiting(struct prober *prober)
{
	struct list *node;

	while (prober->n_checks < PROBER_MAX_CHECKS &&
	       (node = list_pop(&prober->waiting)))
		start_check(container_of(node, struct probed, waiting));
}

static void on_timer(uv_timer_t *timer)
{
	struct prober *prober = container_of(timer, struct prober, timer);
	struct deadline *due;

	while ((due = deadlines_pop(&prober->deadlines, now_of(prober))))
		list_append(
			&prober->waiting,
			&container_of(due, struct probed, deadline)->waiting);
	start_waiting(prober);
	arm_timer(prober);
}

/* --- who is checked ----------------------------------------------------- */

/* The check under way is cancelled, but has its command yet. */
static void disown(struct probed *probed)
{
	if (!probed->check)
		return;
	probed->check->probed = NULL;
	probed->check->keys = probed->keys;
	probed->keys = NULL;
	prober_check_cancel(probed->check);
	probed->check = NULL;
}

static void drop(struct probed *probed)
{
	struct prober *prober = probed->prober;

	deadlines_arm(&prober->deadlines, &probed->deadline, DEADLINE_NEVER);
	list_unlink(&probed->waiting);
	list_unlink(&probed->node);
	if (probed->id)
		(void)map_remove(&prober->by_id, slice_from(probed->id));
	disown(probed);
	probe_keys_free(probed->keys);
	mem_free(probed->id);
	mem_free(probed->name);
	mem_free(probed->ip);
	mem_free(probed);
}

static struct probed *find(const struct prober *prober, const char *id)
{
	return map_get(&prober->by_id, slice_from(id));
}

/* Copies what a check needs. */
static int copy_facts(struct probed *probed, const struct container *container)
{
	const char *ip = container->ip ? container->ip : "";
	char *name;

	if (!probed->name || strcmp(probed->name, container->name) != 0) {
		name = mem_strdup(container->name);
		if (!name)
			return -ENOMEM;
		mem_free(probed->name);
		probed->name = name;
	}
	/* a list does not tell */
	if (!ip[0] || (probed->ip && strcmp(probed->ip, ip) == 0))
		return 0;
	mem_free(probed->ip);
	probed->ip = mem_strdup(ip);
	return probed->ip ? 0 : -ENOMEM;
}

static struct probed *add(struct prober *prober,
                          const struct container *container)
{
	struct probed *probed = mem_calloc(1, sizeof(*probed));

	if (!probed)
		return NULL;
	probed->prober = prober;
	probed->exit_code = -1;
	list_init(&probed->waiting);
	list_append(&prober->probed, &probed->node);
	probed->id = mem_strdup(container->id);
	if (probed->id &&
	    deadlines_reserve(&prober->deadlines,
	                      (uint32_t)prober->by_id.n + 1) == 0 &&
	    map_set(&prober->by_id, slice_from(probed->id), probed) == 0 &&
	    copy_facts(probed, container) == 0)
		return probed;
	drop(probed);
	return NULL;
}

/* The probe of the first rule that covers it and has one. */
static const struct probe *probe_of_rules(const struct prober *prober,
                                          const struct container *container,
                                          bool *coveredp)
{
	const struct probe *probe = NULL;

	LIST_FOR_EACH (node, &prober->subscriptions) {
		const struct containers_query *query =
			container_of(node, struct subscription, node)->query;

		if (selector_match(query->selector, container, prober->self_id))
			continue;
		*coveredp = true;
		if (!probe)
			probe = query->probe;
	}
	return probe;
}

/* What the instance itself says comes first. *@keysp is the caller's. */
static const struct probe *choose(const struct prober *prober,
                                  const struct container *container,
                                  struct probe_keys **keysp)
{
	bool covered = false;
	const struct probe *probe = probe_of_rules(prober, container, &covered);
	struct err err;

	*keysp = NULL;
	/* the keys are of LXD and Incus, which have projects */
	if (!covered || !container->project[0])
		return probe;
	if (probe_keys_read(container, keysp, &err) < 0)
		log_debug(prober->options.log, "a check cannot be read",
		          LOG_STR("source", prober->options.name),
		          LOG_STR("container", container->id),
		          LOG_STR("detail", err.message));
	return *keysp ? &(*keysp)->probe : probe;
}

/* --- its life ----------------------------------------------------------- */

/* How long it runs already; not said, as if it had just begun but for the
 * first check. */
static uint64_t age_of(const struct container *container)
{
	int64_t age_ms = wall_ms() - container->started_wall_ms;

	if (!container->started_wall_ms)
		return AGE_UNKNOWN;
	return age_ms > 0 ? (uint64_t)age_ms : 0;
}

/* Whoever was just started is checked as its probe says, the others are spread
 * so that not all come together. */
static void begin(struct probed *probed, uint64_t age_ms)
{
	struct prober *prober = probed->prober;
	uint64_t now_ms = now_of(prober);

	/* it looked at the run before */
	if (probed->check)
		prober_check_cancel(probed->check);
	probe_begin(&probed->state, probed->probe, now_ms);
	probed->running = true;
	probed->output[0] = '\0';
	probed->exit_code = -1;
	if (age_ms >= probed->probe->interval_ms) {
		if (age_ms != AGE_UNKNOWN)
			probed->state.started_ms -=
				MIN(age_ms, probed->state.started_ms);
		probed->state.next_ms =
			now_ms +
			rng_below(&prober->rng, probed->probe->interval_ms);
	}
	plan(probed);
}

static void suspend(struct probed *probed)
{
	probed->running = false;
	if (probed->check)
		prober_check_cancel(probed->check);
	plan(probed);
}

static void resume(struct probed *probed)
{
	probed->running = true;
	probe_postpone(&probed->state, probed->probe, now_of(probed->prober));
	plan(probed);
}

static bool is_other_start(const struct probed *probed,
                           const struct container *container)
{
	return container->started_wall_ms && probed->started_wall_ms &&
	       llabs(container->started_wall_ms - probed->started_wall_ms) >
	               SLACK_MS;
}

/* Its probe has not changed, and it runs on. */
static void follow(struct probed *probed, const struct container *container)
{
	bool runs = container->status == CONTAINER_RUNNING;

	if (runs && is_other_start(probed, container))
		begin(probed, age_of(container));
	else if (runs && !probed->running)
		resume(probed);
	else if (!runs && probed->running)
		suspend(probed);
	if (container->started_wall_ms)
		probed->started_wall_ms = container->started_wall_ms;
}

static void fill_in(const struct probed *probed, struct container *container)
{
	container->health = probed->state.health;
	container->n_streak = probed->state.n_streak;
	container->output = probed->output;
	container->check_exit_code = probed->exit_code;
}

/* Takes the keys over. */
static void use_probe(struct probed *probed, const struct probe *probe,
                      struct probe_keys *keys)
{
	probe_keys_free(probed->keys);
	probed->keys = keys;
	probed->probe = probe;
}

static struct probed *begin_checking(struct prober *prober,
                                     const struct container *container,
                                     const struct probe *probe,
                                     struct probe_keys *keys)
{
	struct probed *probed = add(prober, container);

	if (!probed) {
		/* the next list brings it again */
		probe_keys_free(keys);
		return NULL;
	}
	use_probe(probed, probe, keys);
	probed->started_wall_ms = container->started_wall_ms;
	begin(probed, age_of(container));
	return probed;
}

/* A list may lack what its checks go by. */
static bool wants_look(const struct container *container,
                       const struct probe *probe)
{
	if (container->detailed)
		return false;
	return (probe->start_period_ms && !container->started_wall_ms) ||
	       (probe_wants_ip(probe) && (!container->ip || !container->ip[0]));
}

static void leave_to_look(struct container *container, struct probe_keys *keys)
{
	container->health = CONTAINER_HEALTH_UNSAID;
	probe_keys_free(keys);
}

static void change_probe(struct probed *probed, const struct probe *probe,
                         struct probe_keys *keys)
{
	disown(probed);
	use_probe(probed, probe, keys);
	begin(probed, 0);
}

void prober_see(struct prober *prober, struct container *container)
{
	struct probed *probed = find(prober, container->id);
	const struct probe *probe = NULL;
	struct probe_keys *keys = NULL;

	if (prober->closing || list_empty(&prober->subscriptions))
		return;
	/* a list may not say whether it has a check of its own */
	if (container->health == CONTAINER_HEALTH_NONE ||
	    (probed && container->health == CONTAINER_HEALTH_UNSAID))
		probe = choose(prober, container, &keys);
	if (!probe) {
		if (probed)
			drop(probed);
		return;
	}
	if (!probed) {
		if (container->status != CONTAINER_RUNNING)
			probe_keys_free(keys);
		else if (wants_look(container, probe))
			leave_to_look(container, keys);
		else if ((probed = begin_checking(prober, container, probe,
		                                  keys)))
			fill_in(probed, container);
		if (probed)
			probed->list_number = prober->list_number;
		return;
	}
	probed->list_number = prober->list_number;
	if (probe_equal(probe, probed->probe))
		probe_keys_free(keys);
	else
		change_probe(probed, probe, keys);
	(void)copy_facts(probed, container);
	follow(probed, container);
	fill_in(probed, container);
}

void prober_event(struct prober *prober, const struct runtime_event *event)
{
	struct probed *probed = find(prober, event->id);

	if (!probed || prober->closing)
		return;
	switch (event->kind) {
	case RUNTIME_EVENT_STARTED:
		probed->started_wall_ms = event->time_ns / 1000000;
		begin(probed, 0);
		break;
	case RUNTIME_EVENT_ENDED:
	case RUNTIME_EVENT_PAUSED:
		suspend(probed);
		break;
	case RUNTIME_EVENT_RESUMED:
		resume(probed);
		break;
	case RUNTIME_EVENT_REMOVED:
		drop(probed);
		break;
	case RUNTIME_EVENT_CREATED:
	case RUNTIME_EVENT_HEALTH:
	case RUNTIME_EVENT_ASKED:
	case RUNTIME_EVENT_RENAMED:
		break;
	}
}

void prober_list_begin(struct prober *prober)
{
	prober->list_number++;
}

void prober_list_end(struct prober *prober, bool whole)
{
	if (!whole)
		return;
	LIST_FOR_EACH_SAFE (node, &prober->probed) {
		struct probed *probed = container_of(node, struct probed, node);

		if (probed->list_number != prober->list_number)
			drop(probed);
	}
}

size_t prober_count(const struct prober *prober)
{
	return prober->by_id.n;
}

/* --- the object --------------------------------------------------------- */

struct prober *prober_new(const struct prober_options *options)
{
	struct prober *prober = mem_calloc(1, sizeof(*prober));

	if (!prober)
		return NULL;
	prober->options = *options;
	prober->self_id = mem_strdup(options->self_id ? options->self_id : "");
	if (!prober->self_id) {
		mem_free(prober);
		return NULL;
	}
	prober->rng = (struct rng){ options->seed };
	list_init(&prober->subscriptions);
	list_init(&prober->probed);
	list_init(&prober->waiting);
	map_init(&prober->by_id, rng_next(&prober->rng));
	deadlines_init(&prober->deadlines);
	/* cannot fail on a loop that lives */
	(void)uv_timer_init(options->loop, &prober->timer);
	prober->timer_open = true;
	return prober;
}

int prober_subscribe(struct prober *prober,
                     const struct containers_query *query)
{
	struct subscription *subscription;

	if (query->watch != CONTAINERS_HEALTH)
		return 0;
	subscription = mem_calloc(1, sizeof(*subscription));
	if (!subscription)
		return -ENOMEM;
	subscription->query = query;
	list_append(&prober->subscriptions, &subscription->node);
	return 0;
}

static void prober_maybe_closed(struct prober *prober)
{
	void (*closed)(void *context) = prober->closed;
	void *context = prober->closed_context;
	struct list *node;

	if (prober->timer_open || prober->n_checks)
		return;
	while ((node = list_pop(&prober->subscriptions)))
		mem_free(container_of(node, struct subscription, node));
	map_fini(&prober->by_id);
	deadlines_fini(&prober->deadlines);
	mem_free(prober->self_id);
	mem_free(prober);
	closed(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct prober *prober =
		container_of((uv_timer_t *)handle, struct prober, timer);

	prober->timer_open = false;
	prober_maybe_closed(prober);
}

void prober_close(struct prober *prober, void (*closed)(void *context),
                  void *context)
{
	prober->closing = true;
	prober->closed = closed;
	prober->closed_context = context;
	LIST_FOR_EACH_SAFE (node, &prober->probed)
		drop(container_of(node, struct probed, node));
	uv_close((uv_handle_t *)&prober->timer, on_timer_closed);
}
