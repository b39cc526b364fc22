/* SPDX-License-Identifier: Apache-2.0 */
/* event_stream: the same events however their bytes are cut. */
#include "support/cmocka.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "proto/event_stream.h"

#define SEEN_MAX 1024

struct seen {
	struct event_stream stream;
	char text[SEEN_MAX]; /* "name id data|" for each */
	int result;          /* of on_event */
};

static int on_event(struct event_stream *stream,
                    const struct stream_event *event)
{
	struct seen *seen = container_of(stream, struct seen, stream);
	size_t n = strlen(seen->text);

	(void)snprintf(seen->text + n, SEEN_MAX - n, "%s %s " SLICE_FMT "|",
	               event->name, event->id, SLICE_ARG(event->data));
	return seen->result;
}

static int feed(struct seen *seen, const char *text, size_t piece)
{
	struct slice rest = slice_from(text);
	int r = 0;

	*seen = (struct seen){ .result = seen->result };
	event_stream_init(&seen->stream, on_event);
	while (rest.n > 0 && r == 0) {
		size_t n = MIN(piece, rest.n);

		r = event_stream_feed(&seen->stream, slice_make(rest.p, n));
		rest = slice_skip(rest, n);
	}
	event_stream_fini(&seen->stream);
	return r;
}

static void test_events(void **state)
{
	static const struct {
		const char *text;
		const char *seen;
	} rows[] = {
		{ "data: a\n\n", "message  a|" },
		{ "data:a\r\n\r\n", "message  a|" },
		{ "id: 7\nevent: state\ndata: {}\n\ndata: b\n\n",
		  "state 7 {}|message 7 b|" },
		{ ": a comment\n\n: another\n\ndata: a\ndata:  b\n\n",
		  "message  a\n b|" },
		{ "event: gap\nid: 9\n\ndata\n\n", "message 9 |" },
		{ "retry: 5\nother: 6\ndata: a\n\n", "message  a|" },
		{ "data: never ended\n", "" },
		{ "event: 1234567890123456789012345678901234567890123456789012"
		  "3456789012345\ndata: a\n\n",
		  "message  a|" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t piece = 1; piece < 20; piece++) {
			struct seen seen = { .result = 0 };

			assert_int_equal(feed(&seen, rows[i].text, piece), 0);
			assert_string_equal(seen.text, rows[i].seen);
		}
	}
}

static void test_stopped(void **state)
{
	struct seen seen = { .result = -ECANCELED };

	assert_int_equal(feed(&seen, "data: a\n\ndata: b\n\n", 100),
	                 -ECANCELED);
	assert_string_equal(seen.text, "message  a|");
}

static void test_limits(void **state)
{
	size_t n = EVENT_STREAM_MAX_LINE + 10;
	char *text = malloc(n + 1);
	struct seen seen = { .result = 0 };
	struct event_stream *stream = &seen.stream;
	int r = 0;

	assert_non_null(text);
	memset(text, 'x', n);
	text[n] = '\0';
	assert_int_equal(feed(&seen, text, 1000), -E2BIG);

	memcpy(text, "data: ", 6);
	text[EVENT_STREAM_MAX_LINE - 1] = '\n';
	text[EVENT_STREAM_MAX_LINE] = '\0';
	event_stream_init(stream, on_event);
	for (size_t i = 0; i < EVENT_STREAM_MAX_DATA && r == 0; i += n)
		r = event_stream_feed(stream, slice_from(text));
	assert_int_equal(r, 0);
	for (size_t i = 0; i < 3 && r == 0; i++)
		r = event_stream_feed(stream, slice_from(text));
	assert_int_equal(r, -E2BIG);
	event_stream_fini(stream);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
