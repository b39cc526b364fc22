/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server: HTTP/1.1 over TCP (IPv4, IPv6) and unix sockets.
 *
 * A connection has one read buffer, one deadline timer and at most one
 * exchange in work; it reads nothing more while that is unanswered, so a
 * pipelining client waits in its own socket. An exchange is handed to the
 * handler when its head and body are whole; the handler answers at once or
 * later, exactly once. What is wrong with a request is answered here: 400,
 * 408, 411, 413, 414, 417, 431, 501, 503, 505, and the connection closed.
 *
 * HEAD is answered as GET, without the body.
 */
#pragma once

#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "proto/http.h"

struct http_server;
struct http_exchange;

typedef void (*http_handler_cb)(void *context, struct http_exchange *exchange);
typedef void (*http_server_closed_cb)(void *context);

/*
 * Writes the next piece of a streamed body into the (empty) @out; at the end
 * leaves it empty. Called when the last piece has gone out, never sooner, so
 * that memory stays bounded. With @out NULL it is called once to say that no
 * more will be asked for (done, or the peer went away): release @state.
 */
typedef void (*http_producer_cb)(void *state, struct buf *out);

struct http_server_options {
	uint32_t max_connections;    /* beyond: 503 and close; 0: 512 */
	uint64_t max_body;           /* 413 beyond; 0: no body accepted */
	uint64_t head_timeout_ms;    /* first byte to end of head; 0: 10 s */
	uint64_t body_timeout_ms;    /* between two reads of a body; 0: 30 s */
	uint64_t idle_timeout_ms;    /* between exchanges; 0: 75 s */
	uint64_t write_timeout_ms;   /* peer does not read; 0: 30 s */
};

struct http_exchange {
	/* valid until it is answered */
	const struct http_message *message;
	struct slice path;  /* the target without its query, as sent */
	struct slice query; /* after the '?', "" if none */
	struct slice body;
	void *user;         /* the handler's */
};

/* NULL if out of memory. @handler runs from the loop. */
struct http_server *http_server_new(uv_loop_t *loop, const struct log *log,
                                    const struct http_server_options *options,
                                    http_handler_cb handler,
                                    void *context) MUST_CHECK;

/*
 * http_server_listen() - accept on @address (see url_parse_listen)
 *
 * May be called several times. A host name is not resolved here: numeric
 * addresses, an empty host (dual stack, else IPv4), or unix:/path. A stale
 * unix socket (nobody listens) is replaced; a live one is -EADDRINUSE.
 * Returns 0 or a negative code with words.
 */
int http_server_listen(struct http_server *server, struct slice address,
                       struct err *err) MUST_CHECK;

/* The port really bound by the n-th listen (useful with port 0), 0 if none. */
uint16_t http_server_port(const struct http_server *server, size_t nth);

/* Connections now open. */
size_t http_server_n_connections(const struct http_server *server);

/*
 * http_server_close() - stop accepting, let answers in flight go out for at
 * most @linger_ms, close everything, free. @closed is called once from the
 * loop; unix sockets are unlinked. Exchanges in the handler's hands may still
 * be answered meanwhile; their answers are dropped after the close.
 */
void http_server_close(struct http_server *server, uint64_t linger_ms,
                       http_server_closed_cb closed, void *context);

/*
 * http_respond() - answer with a whole body
 *
 * Takes over the memory of @body (NULL: empty) whatever happens.
 * @content_type NULL: none. @headers: extra ones as whole lines "A: b\r\n", or
 * NULL. Cannot fail for the caller: out of memory closes the connection.
 */
void http_respond(struct http_exchange *exchange, uint16_t status,
                  const char *content_type, const char *headers,
                  struct buf *body);

/* A short text/plain answer, formatted; a newline is added. */
void http_respond_text(struct http_exchange *exchange, uint16_t status,
                       const char *format, ...) PRINTF_LIKE(3, 4);

/* Answer with a body that is produced piece by piece (chunked). */
void http_respond_stream(struct http_exchange *exchange, uint16_t status,
                         const char *content_type, const char *headers,
                         http_producer_cb producer, void *state);
