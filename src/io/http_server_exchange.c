/* SPDX-License-Identifier: Apache-2.0 */
#include "io/http_server_private.h"

#include <errno.h>
#include <sys/socket.h>
#include "base/mem.h"

/* A callback of the parser may return a status, which lies above every
 * http_outcome, to refuse the request with it. */
#define STATUS_MIN 400

#define SPARE_BUFFER_MAX 4096 /* bytes that a spare exchange may keep */

static int on_head(void *context, const struct http_message *message);
static int on_body(void *context, struct slice bytes);
static int on_complete(void *context);

static const struct http_parser_callbacks parser_callbacks = {
	.on_head = on_head,
	.on_body = on_body,
	.on_complete = on_complete,
};

/* --- lending ---------------------------------------------------------------- */

static struct exchange *exchange_new(struct http_server *server)
{
	struct exchange *exchange = mem_calloc(1, sizeof(*exchange));

	if (!exchange)
		return NULL;
	exchange->parser = http_parser_new(HTTP_PARSE_REQUEST,
	                                   &parser_callbacks, exchange);
	if (!exchange->parser) {
		mem_free(exchange);
		return NULL;
	}
	exchange->server = server;
	list_init(&exchange->node);
	list_init(&exchange->turn_node);
	buf_init(&exchange->request_body, server->options.max_body);
	buf_init(&exchange->head, HTTP_SERVER_MAX_HEADERS_BYTES);
	buf_init(&exchange->body, HTTP_SERVER_MAX_PIECE);
	return exchange;
}

struct exchange *exchange_take(struct peer *peer)
{
	struct http_server *server = peer->server;
	struct list *node = list_pop(&server->spare_exchanges);
	struct exchange *exchange;

	if (node) {
		exchange = container_of(node, struct exchange, node);
		server->n_spare--;
	} else {
		exchange = exchange_new(server);
		if (!exchange)
			return NULL;
	}
	http_parser_reset(exchange->parser, false, server->options.max_body);
	list_append(&server->exchanges, &exchange->node);
	exchange->peer = peer;
	peer->exchange = exchange;
	return exchange;
}

void exchange_free(struct exchange *exchange)
{
	list_unlink(&exchange->node);
	http_parser_free(exchange->parser);
	buf_fini(&exchange->request_body);
	buf_fini(&exchange->head);
	buf_fini(&exchange->body);
	mem_free(exchange);
}

/* What was a large one must not stay large. */
static void buf_spare(struct buf *buf)
{
	if (buf->cap > SPARE_BUFFER_MAX)
		buf_fini(buf);
	buf_reset(buf);
}

void exchange_release(struct exchange *exchange)
{
	struct http_server *server = exchange->server;

	list_unlink(&exchange->turn_node);
	if (exchange->producer)
		exchange->producer(exchange->producer_state, NULL);
	if (exchange->release)
		exchange->release(exchange->release_state);
	if (exchange->peer)
		exchange->peer->exchange = NULL;
	if (!server || server->closing ||
	    server->n_spare == HTTP_SERVER_MAX_SPARE) {
		exchange_free(exchange);
		return;
	}

	exchange->peer = NULL;
	exchange->producer = NULL;
	exchange->release = NULL;
	exchange->shared = slice_make(NULL, 0);
	exchange->shown = (struct http_exchange){ 0 };
	exchange->has_head = false;
	exchange->expects_continue = false;
	exchange->whole = false;
	exchange->live = false;
	exchange->asleep = false;
	buf_spare(&exchange->request_body);
	buf_spare(&exchange->head);
	buf_fini(&exchange->body);
	buf_init(&exchange->body, HTTP_SERVER_MAX_PIECE);
	list_unlink(&exchange->node);
	list_prepend(&server->spare_exchanges, &exchange->node);
	server->n_spare++;
}

/* --- parsing ------------------------------------------------------------------ */

/* 0, or why the request is refused before its body is looked at. */
static int check_expect(struct exchange *exchange,
                        const struct http_message *message)
{
	struct slice expect = http_message_header(message, "expect");

	if (!expect.p)
		return 0;
	if (!slice_is_nocase(expect, "100-continue"))
		return 417;
	/* an HTTP/1.0 client would not understand the answer, RFC 9110 */
	exchange->expects_continue = message->minor > 0;
	return 0;
}

/* HTTP/1.1 says that there is no body; HTTP/1.0 leaves it open, RFC 1945. */
static bool lacks_length(const struct http_message *message)
{
	return message->minor == 0 && !message->has_length &&
	       (slice_is(message->method, "POST") ||
	        slice_is(message->method, "PUT"));
}

/* Who may send less than the most: 0, or why it is refused. */
static int limit_body(struct exchange *exchange,
                      const struct http_message *message)
{
	struct http_server *server = exchange->server;
	uint64_t max = server->options.max_body;
	uint64_t limit;

	if (!server->options.body_limit)
		return 0;
	limit = server->options.body_limit(server->context, message);
	if (limit >= max)
		return 0;
	http_parser_limit_body(exchange->parser, limit);
	return message->has_length && message->content_length > limit &&
	                       message->content_length <= max
	               ? 401
	               : 0;
}

static int on_head(void *context, const struct http_message *message)
{
	struct exchange *exchange = context;
	int status;

	exchange->has_head = true;
	exchange->shown.message = message;
	if (lacks_length(message))
		return 411;
	status = limit_body(exchange, message);
	return status ? status : check_expect(exchange, message);
}

static int on_body(void *context, struct slice bytes)
{
	struct exchange *exchange = context;

	/* who sends does not wait to be asked any more */
	exchange->expects_continue = false;
	return buf_append(&exchange->request_body, bytes.p, bytes.n);
}

static int on_complete(void *context)
{
	struct exchange *exchange = context;

	exchange->whole = true;
	return 0;
}

static uint16_t refusal(int outcome, struct err *err)
{
	switch (outcome) {
	case HTTP_E_HEAD_TOO_LARGE:
		return 431;
	case HTTP_E_TARGET_TOO_LONG:
		return 414;
	case HTTP_E_BODY_TOO_LARGE:
		return 413;
	case HTTP_E_VERSION:
		return 505;
	case HTTP_E_UNSUPPORTED:
		return 501;
	default:
		break;
	}
	if (outcome >= STATUS_MIN) {
		(void)err_set(err, outcome, "%s",
		              http_status_text((uint16_t)outcome));
		return (uint16_t)outcome;
	}
	if (outcome < 0) {
		(void)err_set(err, outcome, "out of memory");
		return 503;
	}
	return 400;
}

uint16_t exchange_feed(struct exchange *exchange, struct slice bytes,
                       size_t *usedp, struct err *err)
{
	int r = http_parser_feed(exchange->parser, bytes, usedp, err);

	return r ? refusal(r, err) : 0;
}

/* --- what the handler sees ------------------------------------------------------ */

/* RFC 9112, 3.2.2: a server must take the form that is meant for proxies. */
static struct slice without_authority(struct slice target)
{
	static const char *const schemes[] = { "http://", "https://" };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i]);
		const char *slash;

		if (target.n < n || strncasecmp(target.p, schemes[i], n) != 0)
			continue;
		slash = memchr(target.p + n, '/', target.n - n);
		return slash ? slice_skip(target, (size_t)(slash - target.p))
		             : slice_from("/");
	}
	return target;
}

void exchange_show(struct exchange *exchange)
{
	struct http_exchange *shown = &exchange->shown;
	struct slice target = without_authority(shown->message->target);
	const char *mark = memchr(target.p, '?', target.n);

	shown->path = target;
	shown->query = slice_from("");
	if (mark) {
		shown->path.n = (size_t)(mark - target.p);
		shown->query = slice_skip(target, shown->path.n + 1);
	}
	shown->body = buf_slice(&exchange->request_body);
}

int http_exchange_peer(const struct http_exchange *shown,
                       struct sockaddr_storage *address)
{
	const struct exchange *exchange =
		container_of(shown, const struct exchange, shown);
	socklen_t n = sizeof(*address);
	uv_os_fd_t fd;
	int r = UV_ENOTCONN;

	memset(address, 0, sizeof(*address));
	if (exchange->peer)
		r = uv_fileno(&exchange->peer->uv.handle, &fd);
	if (r == 0 && getpeername(fd, (struct sockaddr *)address, &n) < 0)
		r = -errno;
	return r;
}
