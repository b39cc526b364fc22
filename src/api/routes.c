/* SPDX-License-Identifier: Apache-2.0 */
#include "api/routes.h"

#include <errno.h>
#include <stdarg.h>
#include "base/mem.h"

#define PATH_MAX_DECODED 1024

static const struct route {
	const char *path;
	bool prefix; /* the rest of the path goes to the handler */
	void (*handle)(struct api *api, struct http_exchange *exchange,
	               struct slice rest);
} routes[] = {
	{ "/", false, api_page },
	{ "/metrics", false, api_metrics },
	{ "/-/healthy", false, api_healthy },
	{ "/-/ready", false, api_ready },
	{ "/api/v1/monitors", false, api_monitors },
	{ "/api/v1/monitors/", true, api_monitor },
	{ "/api/v1/journal", false, api_journal },
};

static const struct route *find_route(struct slice path, struct slice *restp)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		size_t n = strlen(routes[i].path);

		*restp = slice_make("", 0);
		if (slice_is(path, routes[i].path) && !routes[i].prefix)
			return &routes[i];
		if (!routes[i].prefix || path.n <= n ||
		    !slice_starts(path, routes[i].path))
			continue;
		*restp = slice_skip(path, n);
		return &routes[i];
	}
	return NULL;
}

void api_handle(void *context, struct http_exchange *exchange)
{
	struct slice method = exchange->message->method;
	char decoded[PATH_MAX_DECODED];
	const struct route *route;
	struct slice rest;

	if (api_decode(exchange->path, decoded, sizeof(decoded)) < 0) {
		api_error(exchange, 400, "the path is malformed or too long");
		return;
	}
	route = find_route(slice_from(decoded), &rest);
	if (!route) {
		api_error(exchange, 404, "there is nothing here; see /");
		return;
	}
	if (!slice_is(method, "GET") && !slice_is(method, "HEAD")) {
		struct buf body;

		buf_init(&body, API_PIECE_SIZE);
		(void)buf_puts(&body, "{\"error\":\"only GET and HEAD\"}\n");
		http_respond(exchange, 405, "application/json",
		             "Allow: GET, HEAD\r\n", &body);
		return;
	}
	route->handle(context, exchange, rest);
}

uint64_t api_now_ms(const struct api *api)
{
	return uv_now(api->loop);
}

int64_t api_wall_ms(const struct api *api, uint64_t at_ms)
{
	return (int64_t)at_ms + api->supervisor->wall_offset_ms;
}

void api_error(struct http_exchange *exchange, uint16_t status,
               const char *format, ...)
{
	struct json_writer json;
	struct buf message;
	struct buf body;
	va_list args;

	buf_init(&message, API_PIECE_SIZE);
	va_start(args, format);
	(void)buf_vprintf(&message, format, args);
	va_end(args);

	buf_init(&body, API_BODY_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "error");
	json_write_slice(&json, buf_slice(&message));
	json_write_object_end(&json);
	(void)buf_putc(&body, '\n');
	buf_fini(&message);
	http_respond(exchange, status, "application/json", NULL, &body);
}

/* --- streams ------------------------------------------------------------ */

static void stream_free(struct api_stream *stream)
{
	mem_free(stream->filter);
	mem_free(stream);
}

static void stream_produce(void *state, struct buf *out)
{
	struct api_stream *stream = state;

	if (!out) {
		stream_free(stream);
		return;
	}
	/* after a reload the places no longer mean the same: cut it short, so
	 * that nobody takes it for the whole */
	if (!stream->ended && stream->generation != stream->api->generation)
		out->failed = -ECANCELED;
	while (!stream->ended && out->n < API_PIECE_SIZE && !out->failed)
		stream->write(stream, out);
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
	stream->api = api;
	stream->generation = api->generation;
	stream->write = write;
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

/* --- paths and queries -------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* In a query, unlike in a path, a plus is a space. */
static int decode(struct slice text, bool in_query, char *out, size_t size)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (n + 1 >= size)
			return -EINVAL;
		if (c == '%') {
			bool whole = i + 2 < text.n;
			int high = whole ? hex_digit(text.p[i + 1]) : -1;
			int low = whole ? hex_digit(text.p[i + 2]) : -1;

			if (high < 0 || low < 0)
				return -EINVAL;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (c == '+' && in_query) {
			c = ' ';
		}
		if (c == '\0')
			return -EINVAL;
		out[n++] = c;
	}
	out[n] = '\0';
	return 0;
}

int api_decode(struct slice text, char *out, size_t size)
{
	return decode(text, false, out, size);
}

int api_query(struct slice query, const char *name, char *out, size_t size)
{
	size_t n_name = strlen(name);

	while (query.n) {
		const char *end = memchr(query.p, '&', query.n);
		size_t n = end ? (size_t)(end - query.p) : query.n;
		struct slice pair = slice_make(query.p, n);

		query = slice_skip(query, end ? n + 1 : n);
		if (pair.n <= n_name || pair.p[n_name] != '=' ||
		    memcmp(pair.p, name, n_name) != 0)
			continue;
		pair = slice_skip(pair, n_name + 1);
		return decode(pair, true, out, size) < 0 ? -EINVAL : 1;
	}
	return 0;
}
