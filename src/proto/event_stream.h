/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event_stream: reads server-sent events, in whatever pieces they come.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html
 *
 * Lines end with LF or CRLF. Of the fields, `retry` is not followed.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"

#define EVENT_STREAM_MAX_LINE 65536   /* bytes */
#define EVENT_STREAM_MAX_DATA 1048576 /* bytes of one event */
#define EVENT_STREAM_MAX_NAME 64      /* bytes of an event's name, or id */

/* Borrowed for the call. */
struct stream_event {
	const char *name;  /* "message" if it was not said */
	const char *id;    /* of the newest event that had one; "" */
	struct slice data; /* lines with LF between */
};

struct event_stream {
	/* Non-zero ends the reading with that. */
	int (*on_event)(struct event_stream *stream,
	                const struct stream_event *event);

	/* private below */
	struct buf line;
	struct buf data;
	char name[EVENT_STREAM_MAX_NAME + 1];
	char id[EVENT_STREAM_MAX_NAME + 1];
};

/* Cannot fail and allocates nothing. */
void event_stream_init(struct event_stream *stream,
                       int (*on_event)(struct event_stream *stream,
                                       const struct stream_event *event));
void event_stream_fini(struct event_stream *stream);

/* Returns 0, -E2BIG (a line or an event beyond the limits), -ENOMEM, or what
 * on_event returned; the stream is of no more use then. */
int event_stream_feed(struct event_stream *stream,
                      struct slice bytes) MUST_CHECK;
