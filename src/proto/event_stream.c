/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/event_stream.h"

#include <stdio.h>

void event_stream_init(struct event_stream *stream,
                       int (*on_event)(struct event_stream *stream,
                                       const struct stream_event *event))
{
	*stream = (struct event_stream){ .on_event = on_event };
	buf_init(&stream->line, EVENT_STREAM_MAX_LINE);
	buf_init(&stream->data, EVENT_STREAM_MAX_DATA);
}

void event_stream_fini(struct event_stream *stream)
{
	buf_fini(&stream->line);
	buf_fini(&stream->data);
}

/* What is longer than its place is no name that we know. */
static void keep(char *place, struct slice value)
{
	if (value.n > EVENT_STREAM_MAX_NAME)
		value.n = 0;
	(void)snprintf(place, EVENT_STREAM_MAX_NAME + 1, SLICE_FMT,
	               SLICE_ARG(value));
}

/* An empty line: the event is whole. */
static int dispatch(struct event_stream *stream)
{
	struct stream_event event = {
		.name = stream->name[0] ? stream->name : "message",
		.id = stream->id,
		.data = buf_slice(&stream->data),
	};
	int r = 0;

	if (event.data.n > 0) {
		event.data.n--; /* the LF of the last line */
		r = stream->on_event(stream, &event);
	}
	buf_reset(&stream->data);
	stream->name[0] = '\0';
	return r;
}

static int read_line(struct event_stream *stream, struct slice line)
{
	const char *colon;
	struct slice name;
	struct slice value;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	if (line.n == 0)
		return dispatch(stream);
	colon = memchr(line.p, ':', line.n);
	name = slice_make(line.p, colon ? (size_t)(colon - line.p) : line.n);
	value = slice_skip(line, MIN(name.n + 1, line.n));
	if (value.n > 0 && value.p[0] == ' ')
		value = slice_skip(value, 1);

	if (slice_is(name, "data")) {
		(void)buf_append(&stream->data, value.p, value.n);
		return buf_putc(&stream->data, '\n');
	}
	if (slice_is(name, "event"))
		keep(stream->name, value);
	else if (slice_is(name, "id"))
		keep(stream->id, value);
	return 0;
}

int event_stream_feed(struct event_stream *stream, struct slice bytes)
{
	while (bytes.n > 0) {
		const char *end = memchr(bytes.p, '\n', bytes.n);
		size_t n = end ? (size_t)(end - bytes.p) : bytes.n;
		int r = buf_append(&stream->line, bytes.p, n);

		bytes = slice_skip(bytes, end ? n + 1 : n);
		if (r == 0 && end) {
			r = read_line(stream, buf_slice(&stream->line));
			buf_reset(&stream->line);
		}
		if (r != 0)
			return r;
	}
	return 0;
}
