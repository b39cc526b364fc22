/* SPDX-License-Identifier: Apache-2.0 */
/*
 * answer: long bodies, which are made while they are sent.
 *
 * They count by places in the list of monitors, and places change with a
 * reload, or when a container goes. Before that all that stand amid the list
 * are settled: what is left of it is written down as it is, so that the answer
 * shows every monitor once and is whole.
 */
#include "api/routes.h"

#include "base/mem.h"

/* True if there was nothing, or all of it is out. */
static bool take_rest(struct api_stream *stream, struct buf *out)
{
	struct slice rest =
		slice_skip(buf_slice(&stream->rest), stream->n_taken);
	size_t n = MIN(rest.n, (size_t)API_PIECE_SIZE);

	if (stream->rest.failed) {
		out->failed = stream->rest.failed;
		return false;
	}
	(void)buf_append(out, rest.p, n);
	stream->n_taken += n;
	if (n < rest.n)
		return false;
	stream->api->n_settled -= stream->n_held;
	stream->n_held = 0;
	stream->n_taken = 0;
	buf_fini(&stream->rest);
	return true;
}

/* What has been settled before is out: it ended where the list did. */
static void settle(struct api_stream *stream)
{
	struct api *api = stream->api;
	int failed;

	if (stream->next == 0 || stream->ended || stream->rest.failed)
		return;
	buf_init(&stream->rest,
	         MIN((size_t)API_BODY_MAX, API_MAX_SETTLED - api->n_settled));
	while (stream->next > 0 && !stream->ended && !stream->rest.failed)
		stream->write(stream, &stream->rest);
	failed = stream->rest.failed;
	if (failed)
		buf_fini(&stream->rest);
	stream->rest.failed = failed;
	stream->n_held = stream->rest.n;
	api->n_settled += stream->n_held;
}

void api_settle_answers(struct api *api)
{
	LIST_FOR_EACH (node, &api->answers)
		settle(container_of(node, struct api_stream, node));
}

void api_stream_init(struct api_stream *stream, struct api *api,
                     void (*write)(struct api_stream *stream, struct buf *out))
{
	stream->api = api;
	stream->write = write;
	list_append(&api->answers, &stream->node);
}

void api_stream_take(struct api_stream *stream, struct buf *out)
{
	if (!take_rest(stream, out))
		return;
	while (!stream->ended && out->n < API_PIECE_SIZE && !out->failed)
		stream->write(stream, out);
}

void api_stream_fini(struct api_stream *stream)
{
	list_unlink(&stream->node);
	stream->api->n_settled -= stream->n_held;
	buf_fini(&stream->rest);
	mem_free(stream->filter);
}

static void stream_produce(void *state, struct buf *out)
{
	struct api_stream *stream = state;

	if (out) {
		api_stream_take(stream, out);
		return;
	}
	api_stream_fini(stream);
	mem_free(stream);
}

struct api_stream *api_stream_new(
	struct api *api, struct http_exchange *exchange, const char *filter,
	void (*write)(struct api_stream *stream, struct buf *out))
{
	struct api_stream *stream = mem_calloc(1, sizeof(*stream));

	if (stream && filter)
		stream->filter = mem_strdup(filter);
	if (!stream || (filter && !stream->filter)) {
		mem_free(stream);
		api_error(exchange, 500, "out of memory");
		return NULL;
	}
	api_stream_init(stream, api, write);
	return stream;
}

void api_stream_send(struct api_stream *stream, struct http_exchange *exchange,
                     const char *content_type)
{
	http_respond_stream(exchange, 200, content_type, NULL, stream_produce,
	                    stream);
}

void api_stream_respond(struct api *api, struct http_exchange *exchange,
                        const char *content_type,
                        void (*write)(struct api_stream *stream,
                                      struct buf *out))
{
	struct api_stream *stream = api_stream_new(api, exchange, NULL, write);

	if (stream)
		api_stream_send(stream, exchange, content_type);
}
