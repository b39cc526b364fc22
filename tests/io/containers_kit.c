/* SPDX-License-Identifier: Apache-2.0 */
#include "containers_kit.h"

#include <errno.h>
#include "base/mem.h"

#define START_NS INT64_C(1700000000000000000)
#define STEP_NS  1000000000

enum pending_kind { PENDING_LIST, PENDING_LOOK };

struct pending {
	struct list node;
	struct runtime_call *call;
	enum pending_kind kind;
	bool cancelled;
};

static struct kit *kit_of(struct runtime *runtime)
{
	return container_of(runtime, struct kit, runtime);
}

/* --- the engine ---------------------------------------------------------------- */

static struct kit_container *find(struct kit *kit, const char *id)
{
	for (size_t i = 0; i < kit->n_containers; i++)
		if (kit->containers[i].there &&
		    strcmp(kit->containers[i].id, id) == 0)
			return &kit->containers[i];
	return NULL;
}

static struct container state_of(struct kit_container *container)
{
	struct container state = container->state;

	state.id = container->id;
	state.name = container->name;
	state.project = "";
	state.image = "image";
	state.output = "";
	return state;
}

static void answer_list(struct kit *kit, struct pending *pending)
{
	struct runtime_call *call = pending->call;

	for (size_t i = 0; i < kit->n_containers && !pending->cancelled; i++) {
		struct container state = state_of(&kit->containers[i]);

		/* as lists do */
		state.n_streak = 0;
		state.started_wall_ms = state.finished_wall_ms = 0;
		if (kit->containers[i].there)
			call->container(call, &state);
	}
	kit->n_lists++;
}

static void answer_look(struct kit *kit, struct runtime_call *call)
{
	struct kit_container *container = find(kit, call->target);
	struct container state;

	kit->n_looking--;
	if (!container) {
		call->result = RUNTIME_NO_TARGET;
		(void)err_set(&call->err, UV_ENOENT, "no such container");
		return;
	}
	if (kit->fail_looks) {
		call->result = RUNTIME_FAILED;
		(void)err_set(&call->err, UV_EIO, "the disk is full");
		return;
	}
	state = state_of(container);
	state.detailed = true;
	call->container(call, &state);
}

static void complete(struct kit *kit, struct pending *pending)
{
	struct runtime_call *call = pending->call;

	list_unlink(&pending->node);
	kit->n_pending--;
	if (pending->cancelled || kit->down) {
		call->result = pending->cancelled ? RUNTIME_CANCELLED
		                                  : RUNTIME_UNAVAILABLE;
		(void)err_set(&call->err, UV_ECONNREFUSED, "nobody is there");
		kit->n_looking -= pending->kind == PENDING_LOOK;
	} else if (pending->kind == PENDING_LIST) {
		answer_list(kit, pending);
	} else {
		answer_look(kit, call);
	}
	/* it may have been cancelled from within its callback */
	if (pending->cancelled)
		call->result = RUNTIME_CANCELLED;
	call->work = NULL;
	mem_free(pending);
	call->done(call);
}

static void end_watch(struct kit *kit, int code, const char *words)
{
	struct runtime_watch *watch = kit->watch;

	kit->watch = NULL;
	kit->watch_open = false;
	watch->work = NULL;
	(void)err_set(&watch->err, code, "%s", words);
	watch->closed(watch);
}

static void tell(struct kit *kit, const struct runtime_event *event)
{
	if (kit->watch && kit->watch_open)
		kit->watch->event(kit->watch, event);
}

static void open_watch(struct kit *kit)
{
	int64_t since_ns = kit->watch->since_ns;
	size_t n = kit->n_events;

	kit->watch_open = true;
	kit->watch->opened(kit->watch);
	for (size_t i = 0; i < n; i++)
		if (kit->events[i].time_ns >= since_ns)
			tell(kit, &kit->events[i]);
}

static void on_turn(uv_timer_t *timer)
{
	struct kit *kit = container_of(timer, struct kit, turn);
	struct list now;
	struct list *node;

	if (kit->watch && kit->watch_unwatched)
		end_watch(kit, UV_ECANCELED, "cancelled");
	else if (kit->watch && !kit->watch_open && !kit->held) {
		if (kit->no_events)
			end_watch(kit, UV_ENOTSUP, "built without");
		else if (kit->down)
			end_watch(kit, UV_ECONNREFUSED, "nobody is there");
		else
			open_watch(kit);
	}
	list_init(&now);
	LIST_FOR_EACH_SAFE (each, &kit->pending) {
		struct pending *pending =
			container_of(each, struct pending, node);

		if (kit->held && !pending->cancelled)
			continue;
		list_unlink(each);
		list_append(&now, each);
	}
	while ((node = list_pop(&now)))
		complete(kit, container_of(node, struct pending, node));
}

static void arm(struct kit *kit)
{
	assert_int_equal(uv_timer_start(&kit->turn, on_turn, 0, 1), 0);
}

static int begin(struct runtime *runtime, struct runtime_call *call,
                 enum pending_kind kind)
{
	struct kit *kit = kit_of(runtime);
	struct pending *pending;

	if (kit->refuse_calls)
		return -ENOMEM;
	pending = mem_calloc(1, sizeof(*pending));
	if (!pending)
		return -ENOMEM;
	pending->call = call;
	pending->kind = kind;
	list_append(&kit->pending, &pending->node);
	kit->n_pending++;
	call->work = pending;
	return 0;
}

static int engine_list(struct runtime *runtime, struct runtime_call *call)
{
	return begin(runtime, call, PENDING_LIST);
}

static int engine_inspect(struct runtime *runtime, struct runtime_call *call)
{
	struct kit *kit = kit_of(runtime);
	int r = begin(runtime, call, PENDING_LOOK);

	if (r < 0)
		return r;
	kit->n_looks++;
	if (find(kit, call->target))
		find(kit, call->target)->nth_look = kit->n_looks;
	kit->n_looking++;
	kit->max_looking = MAX(kit->max_looking, kit->n_looking);
	return 0;
}

static int engine_watch(struct runtime *runtime, struct runtime_watch *watch)
{
	struct kit *kit = kit_of(runtime);

	if (kit->never_events)
		return -ENOTSUP;
	if (kit->refuse_calls)
		return -ENOMEM;
	assert_null(kit->watch);
	kit->watch = watch;
	kit->watch_unwatched = false;
	kit->n_watches++;
	kit->since_ns = watch->since_ns;
	watch->work = kit;
	return 0;
}

static void engine_unwatch(struct runtime_watch *watch)
{
	kit_of(watch->runtime)->watch_unwatched = true;
}

static void engine_cancel(struct runtime_call *call)
{
	((struct pending *)call->work)->cancelled = true;
}

static const struct runtime_ops engine_ops = {
	.name = "made up",
	.inspect = engine_inspect,
	.list = engine_list,
	.watch = engine_watch,
	.unwatch = engine_unwatch,
	.cancel = engine_cancel,
};

struct kit_container *kit_add(struct kit *kit, const char *id, const char *name)
{
	struct kit_container *container = &kit->containers[kit->n_containers++];

	assert_true(kit->n_containers <= KIT_CONTAINERS);
	*container = (struct kit_container){ .there = true };
	(void)snprintf(container->id, sizeof(container->id), "%s", id);
	(void)snprintf(container->name, sizeof(container->name), "%s", name);
	container->state = (struct container){
		.status = CONTAINER_RUNNING,
		.health = CONTAINER_HEALTH_HEALTHY,
		.created_wall_ms = START_NS / 1000000,
		.started_wall_ms = START_NS / 1000000,
		.exit_code = -1,
		.check_exit_code = -1,
	};
	return container;
}

void kit_happens(struct kit *kit, enum runtime_event_kind kind,
                 const struct kit_container *container)
{
	struct runtime_event *event = &kit->events[kit->n_events++];

	assert_true(kit->n_events <= KIT_EVENTS);
	kit->now_ns += STEP_NS;
	*event = (struct runtime_event){
		.kind = kind,
		.id = container->id,
		.name = container->name,
		.project = "",
		.health = container->state.health,
		.exit_code = container->state.exit_code,
		.time_ns = kit->now_ns,
	};
	tell(kit, event);
}

void kit_health(struct kit *kit, struct kit_container *container,
                enum container_health health)
{
	container->state.health = health;
	container->state.n_streak =
		health == CONTAINER_HEALTH_UNHEALTHY ? 3 : 0;
	kit_happens(kit, RUNTIME_EVENT_HEALTH, container);
}

void kit_cut(struct kit *kit)
{
	assert_true(kit->watch_open);
	end_watch(kit, UV_EOF, "the stream ended");
}

/* --- who listens --------------------------------------------------------------- */

static void on_closed(void *context)
{
	struct kit *kit = context;

	assert_false(kit->closed);
	kit->closed = true;
	kit->source = NULL;
}

static bool may_close(struct kit *kit)
{
	assert_int_not_equal(kit->close_at, -2); /* nothing after closing */
	if (kit->close_at < 0 || kit->close_at-- > 0)
		return false;
	kit->close_at = -2;
	containers_close(kit->source, on_closed, kit);
	return true;
}

static void on_begin(void *context, struct source *source,
                     const struct reading *reading)
{
	struct kit *kit = context;

	assert_string_equal(source->name, "engine");
	assert_false(kit->begun);
	kit->begun = true;
	kit->n_begun++;
	if (reading) {
		kit->n_readings++;
		kit->reading = reading->result;
	}
	(void)may_close(kit);
}

static void *on_appear(void *context, struct source *source,
                       uint32_t subscription, const struct container *container)
{
	struct kit *kit = context;
	struct kit_container *it = find(kit, container->id);

	assert_true(kit->begun);
	assert_int_equal(subscription, 5);
	/* one that is gone already will be told to leave */
	for (size_t i = 0; !it && i < kit->n_containers; i++)
		if (strcmp(kit->containers[i].id, container->id) == 0)
			it = &kit->containers[i];
	if (!it) {
		fail_msg("%s was never seen", container->id);
		return NULL;
	}
	assert_false(it->covered);
	it->covered = true;
	(void)may_close(kit);
	return it;
}

static void on_observe(void *context, struct source *source, void *member,
                       const struct observation *observation,
                       const struct container *container)
{
	struct kit *kit = context;
	struct kit_container *it = member;
	bool first = it->n_told++ == 0;

	assert_true(kit->begun);
	assert_true(it->covered);
	it->last = *observation;
	kit->n_unknown += observation->kind == OBSERVATION_UNKNOWN;
	if (may_close(kit))
		return;
	if (kit->check_at_once && first)
		containers_check(kit->source, it);
}

static void on_leave(void *context, struct source *source, void *member)
{
	struct kit *kit = context;
	struct kit_container *it = member;

	assert_true(kit->begun);
	assert_true(it->covered);
	it->covered = false;
	(void)may_close(kit);
}

static void on_end(void *context, struct source *source)
{
	struct kit *kit = context;

	assert_true(kit->begun);
	kit->begun = false;
	(void)may_close(kit);
}

bool kit_is(const struct kit_container *container, enum health health)
{
	return container->covered && container->n_told &&
	       container->last.kind == OBSERVATION_HEALTH &&
	       container->last.health == health;
}

/* --- life ----------------------------------------------------------------------- */

static void on_line(void *context, enum log_level level, struct slice line)
{
	struct kit *kit = context;

	if (memmem(line.p, line.n, "cannot be watched", 17))
		kit->n_lost++;
	if (memmem(line.p, line.n, "no events can be had", 20))
		kit->n_denied++;
	if (memmem(line.p, line.n, "are watched", 11))
		kit->n_found++;
}

static void set_up_log(struct kit *kit)
{
	kit->log = (struct log){ .emit = on_line,
		                 .context = kit,
		                 .level = LOG_LEVEL_DEBUG };
}

void kit_init(struct kit *kit, uint64_t resync_ms, uint64_t poll_ms)
{
	static const struct containers_listener events = {
		on_begin, on_appear, on_observe, on_leave, on_end, NULL
	};
	struct containers_listener listener = events;
	struct containers_options options = {
		.runtime = &kit->runtime,
		.name = "engine",
		.self_id = "",
		.resync_ms = resync_ms,
		.poll_ms = poll_ms,
		.seed = 11,
	};

	memset(kit, 0, sizeof(*kit));
	test_loop_init(&kit->loop);
	set_up_log(kit);
	kit->runtime.ops = &engine_ops;
	kit->now_ns = START_NS;
	kit->close_at = -1;
	list_init(&kit->pending);
	assert_int_equal(uv_timer_init(&kit->loop.uv, &kit->turn), 0);
	arm(kit);
	listener.context = kit;
	options.loop = &kit->loop.uv;
	options.log = &kit->log;
	kit->query = (struct containers_query){ .watch = CONTAINERS_HEALTH,
		                                .selector = &kit->selector,
		                                .codes = &kit->codes };
	if (containers_new(&options, &listener, &kit->source) < 0) {
		kit->source = NULL;
		return;
	}
	if (containers_subscribe(kit->source, 5, &kit->query) < 0) {
		containers_close(kit->source, on_closed, kit);
		kit->close_at = -2;
	}
}

void kit_start(struct kit *kit)
{
	containers_start(kit->source);
}

void kit_fini(struct kit *kit)
{
	if (kit->source) {
		if (kit->close_at != -2)
			containers_close(kit->source, on_closed, kit);
		kit->close_at = -2;
		KIT_UNTIL(kit, kit->closed);
	}
	assert_int_equal(kit->n_pending, 0);
	assert_null(kit->watch);
	uv_close((uv_handle_t *)&kit->turn, NULL);
	test_loop_fini(&kit->loop);
}
