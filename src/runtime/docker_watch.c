/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream of events: GET /events on a connection of its own, which ends
 * when the engine does, or when the caller has enough.
 *
 *   wait for the version ──▶ ask ──head is in──▶ opened ──▶ events … ──▶ closed
 *                             │    (or, of Podman, no refusal for a while:
 *                             │    some send their head with the first event)
 *                             └──refused, unreachable──────────────────▶ closed
 *
 * The engine subscribes us only after it has sent its head, so that an event
 * could fall between head and subscription: `since` closes that gap. Without
 * one of the caller's it is our own clock when we ask, where the engine has
 * the same.
 */
#include <errno.h>
#include "proto/docker_event.h"
#include "runtime/docker_work.h"

#define DOCKER_EVENT_MAX (1u << 20) /* bytes; larger ones are skipped */

static void open_watch(struct docker_work *work)
{
	if (work->opened || work->cancelled || work->closing)
		return;
	work->opened = true;
	work->doing = "following its events";
	(void)uv_timer_stop(&work->deadline);
	(void)uv_timer_stop(&work->delay);
	work->watch->opened(work->watch);
}

/* --- events ------------------------------------------------------------- */

static const enum runtime_event_kind kinds[] = {
	[DOCKER_EVENT_CREATED] = RUNTIME_EVENT_CREATED,
	[DOCKER_EVENT_STARTED] = RUNTIME_EVENT_STARTED,
	[DOCKER_EVENT_HEALTH] = RUNTIME_EVENT_HEALTH,
	[DOCKER_EVENT_ASKED] = RUNTIME_EVENT_ASKED,
	[DOCKER_EVENT_ENDED] = RUNTIME_EVENT_ENDED,
	[DOCKER_EVENT_PAUSED] = RUNTIME_EVENT_PAUSED,
	[DOCKER_EVENT_RESUMED] = RUNTIME_EVENT_RESUMED,
	[DOCKER_EVENT_CHANGED] = RUNTIME_EVENT_RENAMED,
	[DOCKER_EVENT_REMOVED] = RUNTIME_EVENT_REMOVED,
};

/* Some Podmans say what was before the check of which they tell. */
static enum container_health health_of(const struct docker_work *work,
                                       enum docker_health health)
{
	if (work->docker->podman && health != DOCKER_HEALTH_UNHEALTHY)
		return CONTAINER_HEALTH_UNSAID;
	return docker_health_of(health);
}

static void tell(struct docker_work *work, const struct docker_event *event)
{
	const struct runtime_event told = {
		.kind = kinds[event->kind],
		.id = event->id,
		.name = event->name,
		.project = "",
		.health = event->kind == DOCKER_EVENT_HEALTH
		                  ? health_of(work, event->health)
		                  : CONTAINER_HEALTH_UNSAID,
		.exit_code = event->exit_code,
		.time_ns = event->time_ns,
	};

	work->watch->event(work->watch, &told);
}

static int on_event(void *context, struct slice text)
{
	struct docker_work *work = context;
	struct docker_event event;
	int r;

	if (work->cancelled || work->closing)
		return -ECANCELED;
	r = docker_event_parse(text, &event);
	if (r < 0)
		return r;
	if (event.kind != DOCKER_EVENT_OTHER)
		tell(work, &event);
	return 0;
}

static const struct err docker_no_sequence = { -EINVAL, "they are no JSON" };

static int on_stream_bytes(struct docker_work *work, struct slice bytes)
{
	uint64_t n_dropped = work->split.n_dropped;
	int r;

	open_watch(work);
	r = json_split_feed(&work->split, bytes);
	if (r == -EINVAL && !work->trouble[0])
		docker_note(work, &docker_no_sequence);
	if (work->split.n_dropped != n_dropped)
		log_warn(work->docker->log,
		         "an event was too large and is skipped",
		         LOG_STR("runtime", work->docker->name));
	return r;
}

/* --- its life ----------------------------------------------------------- */

static void on_stream_ended(struct docker_work *work)
{
	/* whoever answers next may be another engine */
	docker_forget_version(work->docker);
	if (work->cancelled)
		docker_finish(work, RUNTIME_CANCELLED, "cancelled while %s",
		              work->doing);
	else if (work->trouble[0])
		docker_finish(work, RUNTIME_FAILED,
		              "the engine's events make no sense: %s",
		              work->trouble);
	else if (work->err.code && !work->opened)
		docker_finish_unreachable(work, "tell of its events");
	else if (work->err.code)
		docker_finish(work, RUNTIME_UNAVAILABLE, "the stream ended: %s",
		              work->err.message);
	else if (work->status != 200)
		docker_finish(work, RUNTIME_FAILED,
		              "the engine would not tell of its events: HTTP "
		              "%u: %s%s",
		              work->status, work->message,
		              docker_is_denied(work)
		                      ? "; a proxy must let /events pass"
		                      : "");
	else
		docker_finish(work, RUNTIME_UNAVAILABLE,
		              "the engine ended the stream");
}

/* The same machine, the same clock. */
static int64_t since_now(const struct docker_work *work)
{
	uv_timeval64_t now;

	if (work->docker->address->url.scheme != URL_UNIX ||
	    uv_gettimeofday(&now) < 0)
		return 0;
	return now.tv_sec * 1000000000 + (int64_t)now.tv_usec * 1000;
}

static void put_events_path(struct docker_work *work)
{
	int64_t since_ns = work->watch->since_ns;

	/* the engine counts the moment itself in */
	docker_events_path(&work->target_text,
	                   since_ns ? since_ns + 1 : since_now(work),
	                   work->docker->podman);
	if (work->docker->podman)
		docker_later(work, work->docker->head_ms, open_watch);
}

static void begin_watch(struct docker_work *work)
{
	work->doing = "asking for its events";
	json_split_init(&work->split, JSON_SPLIT_SEQUENCE, DOCKER_EVENT_MAX,
	                on_event, work);
	work->endless = true;
	work->headed = open_watch;
	work->streamed = on_stream_bytes;
	work->put_path = put_events_path;
	docker_send(work, "GET", on_stream_ended);
}

int docker_watch(struct runtime *runtime, struct runtime_watch *watch)
{
	struct docker *docker = container_of(runtime, struct docker, runtime);
	struct docker_work *work;

	work = docker->closing ? NULL
	                       : docker_work_new(docker, "events", begin_watch);
	if (!work)
		return -ENOMEM;
	work->watch = watch;
	watch->work = work;
	return 0;
}

void docker_unwatch(struct runtime_watch *watch)
{
	docker_work_cancel(watch->work);
}
