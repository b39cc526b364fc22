/* SPDX-License-Identifier: Apache-2.0 */
#include "source/containers.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "source/prober.h"

#define ID_MAX       320  /* of a container, with a NUL */
#define LIVED_MS     1000 /* a stream that lived so long was a good one */
#define HURRY_MS     1000 /* to the list that repairs a failed look */
#define MAX_DOUBLES  7    /* 2^7 * CONTAINERS_BACKOFF_MS is above its maximum */
#define REOPEN_POLLS 30   /* lists between two tries at a stream */
#define NOT_DUE      UINT64_MAX
#define NS_PER_MS    1000000

enum stream_state { STREAM_CLOSED, STREAM_OPENING, STREAM_OPEN };

/* One inspection. */
struct look {
	struct runtime_call call;
	struct containers *owner;
	char id[ID_MAX];
	bool busy;
	bool told; /* the table knows what was found */
};

struct containers {
	struct source source;
	uv_loop_t *loop;
	struct runtime *runtime;
	const struct log *log;
	struct containers_listener listener;
	struct container_table *table;
	struct prober *prober; /* NULL: closed */
	char *name;
	uint64_t every_resync_ms;
	uint64_t every_poll_ms;
	struct rng rng;

	struct runtime_watch watch;
	enum stream_state stream;
	int64_t began_ns;   /* before the first stream was opened, Unix */
	uint64_t opened_ms; /* the present stream */
	bool heard;         /* … and it said something */
	unsigned n_stream_failures; /* in a row */

	struct runtime_call list;
	bool listing;
	bool list_again; /* what has begun is not enough */
	bool gap;        /* something may have been missed */
	bool missed;     /* memory was out */
	uint64_t list_began_ms;
	uint64_t list_took_ms;
	unsigned n_list_failures; /* in a row */

	struct look looks[N_CONTAINERS_LOOKS];
	unsigned n_busy;

	uv_timer_t timer;
	bool timer_open;
	uint64_t open_due_ms;
	uint64_t list_due_ms;
	uint64_t look_due_ms;   /* … at those who are in doubt, at: */
	int64_t doubt_wall_ms;  /* as the table says */
	uint64_t next_hurry_ms; /* not before may a list be brought forward */

	unsigned depth; /* the table is at work, and may call out */
	bool unknown;   /* everything was said to be */
	bool said;      /* that it can, or cannot, be read */
	bool said_full;
	struct containers_stats stats;

	bool closing;
	void (*closed)(void *context);
	void *closed_context;
};

static void open_stream(struct containers *containers);
static void list_now(struct containers *containers);
static void look_on(struct containers *containers);
static void look_when_due(struct containers *containers);
static void arm(struct containers *containers);

static int64_t wall_ms(void)
{
	uv_timeval64_t now;

	(void)uv_gettimeofday(&now);
	return now.tv_sec * 1000 + now.tv_usec / 1000;
}

/* --- when ------------------------------------------------------------------- */

static void on_due(uv_timer_t *timer)
{
	struct containers *containers =
		container_of(timer, struct containers, timer);
	uint64_t now_ms = uv_now(containers->loop);

	if (containers->open_due_ms <= now_ms) {
		containers->open_due_ms = NOT_DUE;
		open_stream(containers);
	}
	if (containers->list_due_ms <= now_ms) {
		containers->list_due_ms = NOT_DUE;
		list_now(containers);
	}
	if (containers->look_due_ms <= now_ms)
		look_when_due(containers);
	arm(containers);
}

static void arm(struct containers *containers)
{
	uint64_t now_ms = uv_now(containers->loop);
	uint64_t due_ms =
		MIN(MIN(containers->open_due_ms, containers->list_due_ms),
	            containers->look_due_ms);

	if (containers->closing)
		return;
	/* these fail only on a timer that is closing */
	if (due_ms == NOT_DUE)
		(void)uv_timer_stop(&containers->timer);
	else
		(void)uv_timer_start(&containers->timer, on_due,
		                     due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

/* Twice as long each time, of which up to half is chance: many of us shall
 * not come back together. */
static uint64_t pause_ms(struct containers *containers, unsigned n_failures)
{
	uint64_t ms = (uint64_t)CONTAINERS_BACKOFF_MS
	              << MIN(n_failures, MAX_DOUBLES);

	ms = MIN(ms, (uint64_t)CONTAINERS_BACKOFF_MAX_MS);
	return ms - rng_below(&containers->rng, ms / 2);
}

static void list_in(struct containers *containers, uint64_t ms)
{
	containers->list_due_ms =
		MIN(containers->list_due_ms, uv_now(containers->loop) + ms);
	arm(containers);
}

/* --- what the table says ------------------------------------------------------ */

static void on_begin(void *context, const struct reading *reading)
{
	struct containers *containers = context;

	if (!containers->closing)
		containers->listener.begin(containers->listener.context,
		                           &containers->source, reading);
}

static void *on_appear(void *context, uint32_t subscription,
                       const struct container *container)
{
	struct containers *containers = context;

	if (containers->closing)
		return NULL;
	return containers->listener.appear(containers->listener.context,
	                                   &containers->source, subscription,
	                                   container);
}

static void on_observe(void *context, void *member,
                       const struct observation *observation,
                       const struct container *container)
{
	struct containers *containers = context;

	if (!containers->closing)
		containers->listener.observe(containers->listener.context,
		                             &containers->source, member,
		                             observation, container);
}

static void on_leave(void *context, void *member)
{
	struct containers *containers = context;

	if (!containers->closing)
		containers->listener.leave(containers->listener.context,
		                           &containers->source, member);
}

static void on_end(void *context)
{
	struct containers *containers = context;

	if (!containers->closing)
		containers->listener.end(containers->listener.context,
		                         &containers->source);
}

/* --- lost and found ------------------------------------------------------------- */

static enum reading_result result_of(int code)
{
	switch (code) {
	case UV_ENOENT:
	case UV_ECONNREFUSED:
	case UV_EHOSTUNREACH:
	case UV_ENETUNREACH:
	case UV_ENOTCONN:
		return READING_REFUSED;
	case UV_ETIMEDOUT:
		return READING_TIMEOUT;
	default:
		return code <= UV_EAI_ADDRFAMILY && code >= UV_EAI_PROTOCOL
		               ? READING_DNS
		               : READING_ERROR;
	}
}

static void lost(struct containers *containers, const struct err *err)
{
	struct reading reading = {
		.result = result_of(err->code),
		.detail = err->message,
	};

	if (containers->unknown)
		return;
	containers->unknown = true;
	containers->said = true;
	log_warn(containers->log, "containers cannot be watched",
	         LOG_STR("source", containers->name),
	         LOG_STR("reason", reading_result_name(reading.result)),
	         LOG_STR("detail", err->message));
	containers->depth++;
	container_table_lost(containers->table, &reading, wall_ms());
	containers->depth--;
}

static void found(struct containers *containers)
{
	if (!containers->said || containers->unknown)
		log_info(containers->log, "containers are watched",
		         LOG_STR("source", containers->name),
		         LOG_INT("containers",
		                 container_table_count(containers->table)));
	containers->said = true;
	containers->unknown = false;
}

static void publish_if_ready(struct containers *containers)
{
	struct reading reading = {
		.result = READING_OK,
		.detail = "",
		.duration_ms = containers->list_took_ms,
	};

	if (containers->closing || !container_table_ready(containers->table))
		return;
	found(containers);
	containers->depth++;
	container_table_publish(containers->table, &reading, wall_ms());
	containers->depth--;
}

/* What could not be taken over is found by another list. */
static void not_taken(struct containers *containers, int code)
{
	if (code == -ENOMEM) {
		containers->missed = true;
		list_in(containers, HURRY_MS);
	} else if (code == -E2BIG && !containers->said_full) {
		containers->said_full = true;
		log_warn(containers->log,
		         "the engine has more containers than can be watched, "
		         "some are left out",
		         LOG_STR("source", containers->name),
		         LOG_INT("max", CONTAINERS_MAX));
	}
}

/* Nearly always nobody is in doubt. */
static void arm_doubt(struct containers *containers)
{
	int64_t at_ms = container_table_doubt(containers->table);
	int64_t left_ms;

	if (at_ms == containers->doubt_wall_ms)
		return;
	containers->doubt_wall_ms = at_ms;
	left_ms = at_ms == CONTAINER_NO_DOUBT ? 0 : at_ms - wall_ms();
	containers->look_due_ms =
		at_ms == CONTAINER_NO_DOUBT
			? NOT_DUE
			: uv_now(containers->loop) + (uint64_t)MAX(left_ms, 1);
	arm(containers);
}

/* After each turn of the table. */
static void go_on(struct containers *containers)
{
	look_on(containers);
	publish_if_ready(containers);
	/* whoever was told may have asked for more */
	look_on(containers);
	arm_doubt(containers);
}

static void look_when_due(struct containers *containers)
{
	containers->look_due_ms = NOT_DUE;
	containers->doubt_wall_ms = CONTAINER_NO_DOUBT;
	container_table_wake(containers->table, wall_ms());
	go_on(containers);
}

static void containers_maybe_closed(struct containers *containers);

/* --- looking --------------------------------------------------------------------- */

static void table_looked(struct look *look, enum container_look result,
                         const struct container *container)
{
	struct containers *containers = look->owner;
	int r;

	look->told = true;
	if (containers->closing)
		return;
	containers->depth++;
	r = container_table_looked(containers->table, look->id, result,
	                           container, wall_ms());
	containers->depth--;
	if (r < 0)
		not_taken(containers, r);
}

static void on_inspected(struct runtime_call *call,
                         const struct container *container)
{
	struct look *look = container_of(call, struct look, call);
	struct container seen = *container;

	if (look->told || look->owner->closing)
		return;
	prober_see(look->owner->prober, &seen);
	table_looked(look, CONTAINER_LOOK_FOUND, &seen);
}

/* Only so often: one that always fails must not make us list all the time. */
static void hurry(struct containers *containers)
{
	uint64_t now_ms = uv_now(containers->loop);

	if (now_ms < containers->next_hurry_ms)
		return;
	containers->next_hurry_ms = now_ms + containers->every_resync_ms;
	list_in(containers, HURRY_MS);
}

static void look_failed(struct look *look, const char *detail)
{
	log_debug(look->owner->log, "a container cannot be looked at",
	          LOG_STR("source", look->owner->name), LOG_STR("id", look->id),
	          LOG_STR("detail", detail));
	table_looked(look, CONTAINER_LOOK_FAILED, NULL);
	hurry(look->owner);
}

static void on_looked(struct runtime_call *call)
{
	struct look *look = container_of(call, struct look, call);
	struct containers *containers = look->owner;

	look->busy = false;
	containers->n_busy--;
	if (!containers->closing && !look->told) {
		if (call->result == RUNTIME_NO_TARGET)
			table_looked(look, CONTAINER_LOOK_GONE, NULL);
		else
			look_failed(look, call->err.message);
	}
	runtime_call_fini(call);
	if (containers->closing)
		containers_maybe_closed(containers);
	else
		go_on(containers);
}

static struct look *free_look(struct containers *containers)
{
	for (size_t i = 0; i < N_CONTAINERS_LOOKS; i++)
		if (!containers->looks[i].busy)
			return &containers->looks[i];
	return NULL;
}

static int aim(struct look *look, const struct container *container)
{
	size_t n = strlen(container->id) + 1;

	look->call = (struct runtime_call){ .target = look->id,
		                            .container = on_inspected };
	look->told = false;
	if (n > sizeof(look->id)) {
		memcpy(look->id, container->id, sizeof(look->id) - 1);
		look->id[sizeof(look->id) - 1] = '\0';
		return -ENAMETOOLONG;
	}
	memcpy(look->id, container->id, n);
	return 0;
}

static void start_look(struct containers *containers,
                       const struct container *container)
{
	struct look *look = free_look(containers);
	int r = aim(look, container);

	containers->stats.n_looks++;
	if (r == 0)
		r = runtime_inspect(containers->runtime, &look->call,
		                    on_looked);
	if (r < 0) {
		runtime_call_fini(&look->call);
		look_failed(look, uv_strerror(r));
		return;
	}
	look->busy = true;
	containers->n_busy++;
}

static void look_on(struct containers *containers)
{
	const struct container *next;

	while (!containers->closing && !containers->depth &&
	       containers->n_busy < N_CONTAINERS_LOOKS &&
	       (next = container_table_next_look(containers->table)))
		start_look(containers, next);
}

/* --- listing --------------------------------------------------------------------- */

static void on_listed(struct runtime_call *call,
                      const struct container *container)
{
	struct containers *containers =
		container_of(call, struct containers, list);
	struct container seen = *container;
	int r;

	if (containers->closing)
		return;
	prober_see(containers->prober, &seen);
	containers->depth++;
	r = container_table_list_element(containers->table, &seen, wall_ms());
	containers->depth--;
	if (r < 0)
		not_taken(containers, r);
	look_on(containers);
}

static void list_failed(struct containers *containers, const struct err *err)
{
	containers->gap = true;
	list_in(containers,
	        pause_ms(containers, containers->n_list_failures++));
	lost(containers, err);
}

static void list_was_whole(struct containers *containers)
{
	uint64_t now_ms = uv_now(containers->loop);

	containers->n_list_failures = 0;
	containers->stats.n_lists++;
	containers->stats.resync_ms = now_ms;
	containers->list_took_ms = now_ms - containers->list_began_ms;
	if (containers->missed)
		containers->gap = true;
	list_in(containers, containers->missed ? HURRY_MS
	                    : containers->stats.polled
	                            ? containers->every_poll_ms
	                            : containers->every_resync_ms);
	containers->missed = false;
}

static void on_list_done(struct runtime_call *call)
{
	struct containers *containers =
		container_of(call, struct containers, list);
	bool whole = call->result == RUNTIME_OK;

	containers->listing = false;
	if (!containers->closing) {
		containers->depth++;
		container_table_list_end(containers->table, whole);
		prober_list_end(containers->prober, whole);
		containers->depth--;
	}
	if (!containers->closing && whole)
		list_was_whole(containers);
	else if (!containers->closing)
		list_failed(containers, &call->err);
	runtime_call_fini(call);
	if (containers->closing) {
		containers_maybe_closed(containers);
		return;
	}
	go_on(containers);
	if (containers->list_again && !containers->closing)
		list_now(containers);
}

static void list_now(struct containers *containers)
{
	struct err err = { 0 };
	int r;

	containers->list_again = containers->listing;
	if (containers->listing || containers->closing)
		return;
	containers->listing = true;
	containers->list_due_ms = NOT_DUE;
	containers->list_began_ms = uv_now(containers->loop);
	container_table_list_begin(containers->table, containers->gap);
	prober_list_begin(containers->prober);
	containers->gap = false;
	containers->list = (struct runtime_call){ .container = on_listed };
	r = runtime_list(containers->runtime, &containers->list, on_list_done);
	if (r == 0) {
		arm(containers);
		return;
	}
	containers->listing = false;
	runtime_call_fini(&containers->list);
	(void)err_set_code(&err, r, "containers cannot be listed");
	container_table_list_end(containers->table, false);
	list_failed(containers, &err);
}

/* --- the stream of events -------------------------------------------------------- */

static void list_after_gap(struct containers *containers)
{
	containers->gap = true;
	list_now(containers);
}

static void on_opened(struct runtime_watch *watch)
{
	struct containers *containers =
		container_of(watch, struct containers, watch);

	containers->stream = STREAM_OPEN;
	containers->opened_ms = uv_now(containers->loop);
	containers->heard = false;
	containers->stats.connected = true;
	containers->stats.polled = false;
	containers->stats.n_connects++;
	if (!containers->closing)
		list_after_gap(containers);
}

static void take_event(struct containers *containers,
                       const struct runtime_event *event)
{
	int r;

	containers->depth++;
	r = container_table_event(containers->table, event, wall_ms());
	containers->depth--;
	if (r < 0)
		not_taken(containers, r);
	go_on(containers);
}

static void on_event(struct runtime_watch *watch,
                     const struct runtime_event *event)
{
	struct containers *containers =
		container_of(watch, struct containers, watch);

	if (containers->closing)
		return;
	containers->heard = true;
	containers->stats.n_events++;
	prober_event(containers->prober, event);
	take_event(containers, event);
}

/* As if the engine had said so: looking at it fills in what we know. */
static void on_probed(void *context, const char *id,
                      enum container_health health)
{
	const struct runtime_event event = {
		.kind = RUNTIME_EVENT_HEALTH,
		.id = id,
		.name = "",
		.project = "",
		.health = health,
		.exit_code = -1,
	};
	struct containers *containers = context;

	if (!containers->closing)
		take_event(containers, &event);
}

static void stream_failed(struct containers *containers, const struct err *err,
                          bool was_open)
{
	uint64_t now_ms = uv_now(containers->loop);

	if (was_open &&
	    (containers->heard || now_ms - containers->opened_ms >= LIVED_MS))
		containers->n_stream_failures = 0;
	containers->open_due_ms =
		now_ms + pause_ms(containers, containers->n_stream_failures++);
	arm(containers);
	/* one that can be opened again at once has not been missed */
	if (!was_open)
		lost(containers, err);
	else
		log_debug(containers->log, "stream of events ended",
		          LOG_STR("source", containers->name),
		          LOG_STR("detail", err->message));
}

/* Who lets nobody hear of events may change his mind. */
static void poll_instead(struct containers *containers, const char *detail)
{
	containers->n_stream_failures = 0;
	containers->open_due_ms = uv_now(containers->loop) +
	                          REOPEN_POLLS * containers->every_poll_ms;
	arm(containers);
	if (containers->stats.polled)
		return;
	containers->stats.polled = true;
	log_warn(containers->log,
	         "no events can be had, containers are listed instead",
	         LOG_STR("source", containers->name),
	         LOG_INT("every_ms", containers->every_poll_ms),
	         LOG_STR("detail", detail));
	list_after_gap(containers);
}

static void on_stream_closed(struct runtime_watch *watch)
{
	struct containers *containers =
		container_of(watch, struct containers, watch);
	bool was_open = containers->stream == STREAM_OPEN;

	containers->stream = STREAM_CLOSED;
	containers->stats.connected = false;
	if (containers->closing)
		containers_maybe_closed(containers);
	else if (watch->err.code == UV_ENOTSUP)
		poll_instead(containers, watch->err.message);
	else
		stream_failed(containers, &watch->err, was_open);
}

static void open_stream(struct containers *containers)
{
	struct err err = { 0 };
	int64_t last_ns = container_table_last_event(containers->table);
	int r;

	if (containers->closing || containers->stream != STREAM_CLOSED)
		return;
	containers->watch = (struct runtime_watch){
		.since_ns = last_ns ? last_ns : containers->began_ns,
		.opened = on_opened,
		.event = on_event,
		.closed = on_stream_closed,
	};
	containers->stream = STREAM_OPENING;
	r = runtime_watch(containers->runtime, &containers->watch);
	if (r == 0)
		return;
	containers->stream = STREAM_CLOSED;
	if (r == -ENOTSUP) {
		poll_instead(containers, "this engine has none");
		return;
	}
	(void)err_set_code(&err, r, "events cannot be watched");
	stream_failed(containers, &err, false);
}

/* --- members ----------------------------------------------------------------------- */

void containers_check(struct containers *containers, void *member)
{
	if (containers->closing)
		return;
	container_table_check(containers->table, member);
	/* from within what the table says, it goes on by itself */
	look_on(containers);
}

void containers_forget(struct containers *containers, void *member)
{
	container_table_forget(containers->table, member);
}

void containers_own_kill(struct containers *containers, const char *id,
                         bool begins, bool ok)
{
	if (containers->closing)
		return;
	container_table_own_kill(containers->table, id, begins, ok, wall_ms());
	look_on(containers);
}

void containers_inherit(struct containers *containers,
                        const struct containers *from)
{
	container_table_inherit(containers->table, from->table);
	containers->began_ns = from->began_ns;
}

/* --- the object ---------------------------------------------------------------------- */

static void containers_free(struct containers *containers)
{
	container_table_free(containers->table);
	mem_free(containers->name);
	mem_free(containers);
}

static struct prober *new_prober(struct containers *containers,
                                 const struct containers_options *options)
{
	const struct prober_options prober = {
		.loop = options->loop,
		.runtime = options->runtime,
		.client = options->client,
		.log = options->log,
		.name = containers->name,
		.self_id = options->self_id,
		.seed = rng_next(&containers->rng),
		.changed = on_probed,
		.context = containers,
	};

	return prober_new(&prober);
}

int containers_new(const struct containers_options *options,
                   const struct containers_listener *listener,
                   struct containers **sourcep)
{
	struct containers *containers = mem_calloc(1, sizeof(*containers));
	struct container_table_listener table_listener = {
		on_begin, on_appear, on_observe, on_leave, on_end, containers,
	};

	if (!containers)
		return -ENOMEM;
	containers->loop = options->loop;
	containers->runtime = options->runtime;
	containers->log = options->log;
	containers->listener = *listener;
	containers->rng = (struct rng){ options->seed };
	containers->every_resync_ms =
		options->resync_ms ? options->resync_ms : CONTAINERS_RESYNC_MS;
	containers->every_poll_ms =
		options->poll_ms ? options->poll_ms : CONTAINERS_POLL_MS;
	containers->open_due_ms = containers->list_due_ms = NOT_DUE;
	containers->look_due_ms = NOT_DUE;
	containers->doubt_wall_ms = CONTAINER_NO_DOUBT;
	containers->stats.resync_ms = OBSERVATION_NEVER;
	for (size_t i = 0; i < N_CONTAINERS_LOOKS; i++)
		containers->looks[i].owner = containers;
	containers->name = mem_strdup(options->name);
	containers->table = container_table_new(
		&table_listener, options->self_id, rng_next(&containers->rng));
	/* the last: it has a handle, which is closed by the loop */
	if (containers->name && containers->table)
		containers->prober = new_prober(containers, options);
	if (!containers->prober) {
		containers_free(containers);
		return -ENOMEM;
	}
	containers->source.name = containers->name;
	/* cannot fail; nothing may after it */
	(void)uv_timer_init(containers->loop, &containers->timer);
	containers->timer_open = true;
	*sourcep = containers;
	return 0;
}

struct source *containers_source(struct containers *containers)
{
	return &containers->source;
}

int containers_subscribe(struct containers *containers, uint32_t subscription,
                         const struct containers_query *query)
{
	int r = prober_subscribe(containers->prober, query);

	if (r < 0)
		return r;
	return container_table_subscribe(containers->table, subscription,
	                                 query);
}

void containers_start(struct containers *containers)
{
	uv_update_time(containers->loop);
	if (!containers->began_ns)
		containers->began_ns = wall_ms() * NS_PER_MS;
	containers->open_due_ms = uv_now(containers->loop);
	arm(containers);
}

struct containers_stats containers_stats(const struct containers *containers)
{
	struct containers_stats stats = containers->stats;

	stats.n_probed = (uint32_t)prober_count(containers->prober);
	stats.n_containers = (uint32_t)container_table_count(containers->table);
	return stats;
}

size_t containers_all(const struct containers *containers,
                      const struct container **out, size_t max)
{
	return container_table_all(containers->table, out, max);
}

/* The timer is closed by the loop: never from within containers_close(). */
static void containers_maybe_closed(struct containers *containers)
{
	void (*closed)(void *context) = containers->closed;
	void *context = containers->closed_context;

	if (containers->timer_open || containers->stream != STREAM_CLOSED ||
	    containers->listing || containers->n_busy || containers->prober)
		return;
	containers_free(containers);
	closed(context);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct containers *containers =
		container_of((uv_timer_t *)handle, struct containers, timer);

	containers->timer_open = false;
	containers_maybe_closed(containers);
}

static void on_prober_closed(void *context)
{
	struct containers *containers = context;

	containers->prober = NULL;
	containers_maybe_closed(containers);
}

void containers_close(struct containers *containers,
                      void (*closed)(void *context), void *context)
{
	containers->closing = true;
	containers->closed = closed;
	containers->closed_context = context;
	if (containers->stream != STREAM_CLOSED)
		runtime_unwatch(&containers->watch);
	if (containers->listing)
		runtime_cancel(&containers->list);
	for (size_t i = 0; i < N_CONTAINERS_LOOKS; i++)
		if (containers->looks[i].busy)
			runtime_cancel(&containers->looks[i].call);
	prober_close(containers->prober, on_prober_closed, containers);
	uv_close((uv_handle_t *)&containers->timer, on_timer_closed);
}
