/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry tells its worker: as one answer, and as a stream of events in
 * pieces of any size. What is taken fits, and can stand in a request. */
#undef NDEBUG
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include "base/macros.h"
#include "proto/event_stream.h"
#include "registry/worker/wanted.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
	struct event_stream events;
	unsigned n, n_good;
};

static void check_text(const char *text, size_t max)
{
	size_t n = strnlen(text, max);

	assert(n < max);
	for (size_t i = 0; i < n; i++)
		assert(text[i] > ' ' && text[i] <= '~');
}

static int check(struct slice text)
{
	struct wanted wanted;
	struct err err = { 0 };
	int r = wanted_parse(text, &wanted, &err);

	assert(r == 0 || (r < 0 && err.message[0]));
	if (r < 0)
		return r;
	check_text(wanted.id, sizeof(wanted.id));
	assert(wanted.id[0]);
	assert(memchr(wanted.shard, '\0', sizeof(wanted.shard)));
	for (unsigned i = 0; i < N_DOCUMENT_KINDS; i++) {
		const struct wanted_document *document = &wanted.documents[i];

		check_text(document->path, sizeof(document->path));
		check_text(document->etag, sizeof(document->etag));
		assert(document->path[0] == '/' || !document->path[0]);
	}
	return 0;
}

static int on_event(struct event_stream *events,
                    const struct stream_event *event)
{
	struct told *told = container_of(events, struct told, events);

	told->n++;
	if (strcmp(event->name, "documents") == 0 && check(event->data) == 0)
		told->n_good++;
	return 0;
}

static void feed(struct told *told, struct slice text, size_t piece)
{
	*told = (struct told){ 0 };
	event_stream_init(&told->events, on_event);
	while (text.n) {
		size_t n = MIN(piece, text.n);

		if (event_stream_feed(&told->events, slice_make(text.p, n)) < 0)
			break;
		text = slice_skip(text, n);
	}
	event_stream_fini(&told->events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = slice_make((const char *)data, size);
	struct told whole, pieces;

	(void)check(text);
	feed(&whole, text, SIZE_MAX);
	feed(&pieces, text, 1 + size % 7);
	assert(whole.n == pieces.n && whole.n_good == pieces.n_good);
	return 0;
}
