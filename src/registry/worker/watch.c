/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/watch.h"

#include <errno.h>
#include <string.h>
#include "base/text.h"

#define MAX_TARGET  1024
#define MIN_POLL_MS 1000 /* from one poll to the next that tells nothing */

enum { STATUS_OK = 200, STATUS_NO_CONTENT = 204 };

static void begin(struct watch *watch);

static struct watch *watch_of(struct link_call *call)
{
	return container_of(call, struct watch, call);
}

/* --- what it says ---------------------------------------------------------- */

static int take(struct watch *watch, struct slice text)
{
	struct wanted wanted;
	int r = wanted_parse(text, &wanted, &watch->wrong);

	if (r < 0)
		return r;
	watch->backoff.n = 0;
	memcpy(watch->id, wanted.id, sizeof(watch->id));
	watch->wanted(watch->context, &wanted);
	return 0;
}

static int on_event(struct event_stream *stream,
                    const struct stream_event *event)
{
	struct watch *watch = container_of(stream, struct watch, events);

	if (strcmp(event->name, "gone") == 0) {
		watch->id[0] = '\0';
		return err_set(&watch->wrong, UV_EPROTO,
		               "the registry does not know this server any "
		               "more");
	}
	if (strcmp(event->name, "documents") != 0)
		return 0;
	return take(watch, event->data) < 0 ? UV_EPROTO : 0;
}

static int on_stream(struct link_call *call, struct slice bytes)
{
	struct watch *watch = watch_of(call);
	bool first = !watch->heard;

	watch->heard = true;
	if (first) {
		life_timer_stop(&watch->timer);
		watch->state(watch->context, true, NULL);
	}
	return event_stream_feed(&watch->events, bytes);
}

/* --- when it has ended ------------------------------------------------------- */

static void wait_ms(struct watch *watch, uint64_t ms)
{
	life_timer_start(&watch->timer, ms);
}

static void failed(struct watch *watch, const struct err *err)
{
	watch->state(watch->context, false, err);
	/* whatever it was, the other way may work */
	if (watch->polling)
		watch->polling = false;
	wait_ms(watch, backoff_next(&watch->backoff, watch->rng));
}

static void polled(struct watch *watch, struct buf *answer)
{
	char before[WANTED_ID_MAX];
	uint64_t took_ms = uv_now(watch->timer.handle.loop) - watch->began_ms;

	memcpy(before, watch->id, sizeof(before));
	if (watch->call.status == STATUS_OK &&
	    take(watch, buf_slice(answer)) < 0) {
		failed(watch, &watch->wrong);
		return;
	}
	watch->state(watch->context, true, NULL);
	watch->backoff.n = 0;
	if (watch->once)
		return;
	if (++watch->n_polls >= WATCH_POLLS)
		watch->polling = false;
	if (strcmp(watch->id, before) == 0 && took_ms < MIN_POLL_MS)
		wait_ms(watch, MIN_POLL_MS);
	else
		wait_ms(watch, 0);
}

static void streamed(struct watch *watch)
{
	struct err err = { 0 };

	if (watch->eaten ||
	    (watch->call.status == STATUS_OK && !watch->heard)) {
		watch->polling = true;
		watch->n_polls = 0;
		wait_ms(watch, 0);
		return;
	}
	if (watch->wrong.code)
		err = watch->wrong;
	else if (watch->call.status == STATUS_OK)
		(void)err_set(&err, -ECONNRESET,
		              "the registry has ended the watch");
	else
		link_explain(&watch->call, &err);
	failed(watch, &err);
}

static void on_done(struct link_call *call)
{
	struct watch *watch = watch_of(call);
	struct buf answer = call->answer;

	life_timer_stop(&watch->timer);
	event_stream_fini(&watch->events);
	if (call->link->life->closing || watch->again) {
		watch->again = false;
		wait_ms(watch, 0);
	} else if (!watch->polling) {
		streamed(watch);
	} else if (!call->err.code && (call->status == STATUS_OK ||
	                               call->status == STATUS_NO_CONTENT)) {
		polled(watch, &answer);
	} else {
		struct err err;

		link_explain(call, &err);
		failed(watch, &err);
	}
	buf_fini(&answer);
}

/* --- asking ----------------------------------------------------------------- */

static void write_target(struct watch *watch)
{
	const char *way = watch->polling ? "poll" : "watch";

	buf_reset(&watch->target);
	(void)buf_printf(&watch->target, "/worker/%s?server=", way);
	text_escape_url(&watch->target, slice_from(watch->server));
	if (watch->polling && watch->id[0]) {
		(void)buf_puts(&watch->target, "&revision=");
		text_escape_url(&watch->target, slice_from(watch->id));
	}
}

static void begin(struct watch *watch)
{
	struct link_call *call = &watch->call;
	struct err err;

	write_target(watch);
	*call = (struct link_call){ .target = buf_slice(&watch->target) };
	watch->heard = false;
	watch->eaten = false;
	err_clear(&watch->wrong);
	watch->began_ms = uv_now(watch->timer.handle.loop);
	event_stream_init(&watch->events, on_event);
	if (watch->polling) {
		call->timeout_ms = WATCH_POLL_MS;
		call->max_body = EVENT_STREAM_MAX_DATA;
	} else {
		call->accept = "text/event-stream";
		call->last_id = watch->id;
		call->timeout_ms = HTTP_CLIENT_TIMEOUT_NONE;
		call->idle_timeout_ms = WATCH_SILENCE_MS;
		call->max_body = UINT64_MAX;
		call->on_body = on_stream;
	}
	if (watch->target.failed == 0 &&
	    link_start(watch->link, call, on_done) == 0) {
		if (!watch->polling)
			wait_ms(watch, WATCH_FIRST_MS);
		return;
	}
	err = call->err;
	buf_fini(&call->answer);
	failed(watch, &err);
}

/* Either it is time for the next one, or the present one says nothing. */
static void on_timer(struct life_timer *timer)
{
	struct watch *watch = container_of(timer, struct watch, timer);

	if (!watch->call.running) {
		begin(watch);
		return;
	}
	watch->eaten = watch->call.status == STATUS_OK || !watch->heard;
	link_cancel(&watch->call);
}

void watch_again(struct watch *watch)
{
	watch->id[0] = '\0';
	if (watch->call.running) {
		watch->again = true;
		link_cancel(&watch->call);
	} else {
		wait_ms(watch, 0);
	}
}

int watch_open(struct watch *watch, uv_loop_t *loop)
{
	int r = life_timer_open(&watch->timer, loop, watch->link->life,
	                        on_timer);

	buf_init(&watch->target, MAX_TARGET);
	watch->backoff = (struct backoff){ .base_ms = WATCH_BASE_MS,
		                           .max_ms = WATCH_MAX_MS };
	watch->polling = watch->once;
	if (r == 0)
		wait_ms(watch, 0);
	return r;
}

void watch_close(struct watch *watch)
{
	link_cancel(&watch->call);
	life_timer_close(&watch->timer);
}

void watch_fini(struct watch *watch)
{
	buf_fini(&watch->target);
}
