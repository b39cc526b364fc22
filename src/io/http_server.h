/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server: HTTP/1.1 over TCP (IPv4, IPv6) and unix sockets.
 *
 * A connection has one deadline timer and at most one exchange in work; it
 * reads nothing more while that is unanswered, so that a pipelining client
 * waits in its own socket. What only a request in work needs (its parser, its
 * body, its answer) is lent to the connection for that time, and there is one
 * read buffer for all: an idle connection costs less than a kilobyte.
 *
 * An exchange is handed to the handler when its head and body are whole; the
 * handler answers at once or later, exactly once. What is wrong with a request
 * is answered here, and the connection closed:
 *
 *   400 not HTTP, or cut short          417 an Expect that we do not know
 *   401 a body as only some may send
 *   408 head or body did not come       431 the head is too large
 *   411 an HTTP/1.0 body of no length   501 a transfer coding but chunked
 *   413 the body is too large           503 too many connections, no memory
 *   414 the target is too long          505 not HTTP/1.0 or HTTP/1.1
 *
 * HEAD is answered as GET, without the body. A client that has closed its
 * half still gets its answer. At the limit of connections a kept one that has
 * been idle longest gives way to the new one, else one that has never said a
 * word for HTTP_SERVER_SILENT_MS; if there is none, the new one gets 503. When
 * descriptors run out, accepting pauses for a while.
 *
 * The program must ignore SIGPIPE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "proto/http.h"

#define HTTP_SERVER_MAX_CONNECTIONS   512
#define HTTP_SERVER_HEAD_TIMEOUT_MS   10000
#define HTTP_SERVER_BODY_TIMEOUT_MS   30000
#define HTTP_SERVER_BODY_TOTAL_MS     300000
#define HTTP_SERVER_IDLE_TIMEOUT_MS   75000
#define HTTP_SERVER_WRITE_TIMEOUT_MS  30000
#define HTTP_SERVER_LINGER_MS         2000 /* for the peer's own close */
#define HTTP_SERVER_SILENT_MS         1000 /* before a new one gives way */
#define HTTP_SERVER_MAX_LISTENERS     8
#define HTTP_SERVER_MAX_HEADERS_BYTES 8192   /* of an answer */
#define HTTP_SERVER_MAX_PIECE         262144 /* bytes from a producer at once */

struct http_server;
struct http_exchange;

typedef void (*http_handler_cb)(void *context, struct http_exchange *exchange);
typedef void (*http_server_closed_cb)(void *context);

/*
 * Writes the next piece of a streamed body into the (empty) @out, at most
 * HTTP_SERVER_MAX_PIECE bytes; at the end leaves it empty. Called when the
 * last piece has gone out, never sooner, so that memory stays bounded. If @out
 * failed the connection is closed, so that the client sees a body cut short, and
 * the log says so.
 * With @out NULL it is called once to say that no more will be asked for (done,
 * or the peer went away): release @state.
 */
typedef void (*http_producer_cb)(void *state, struct buf *out);

/* What http_respond_shared() was lent is not needed any more. */
typedef void (*http_release_cb)(void *state);

/* How many bytes the body may have that follows this head; beyond it is
 * refused with 401 if its length is told before, else with 413. */
typedef uint64_t (*http_body_limit_cb)(void *context,
                                       const struct http_message *message);

struct http_server_options {
	uint32_t max_connections;      /* 0: HTTP_SERVER_MAX_CONNECTIONS */
	uint64_t max_body;             /* 413 beyond; 0: no body accepted */
	http_body_limit_cb body_limit; /* of strangers, say, whom max_body is
	                                  too much for; NULL: none of them */
	uint64_t head_timeout_ms;  /* first byte to end of head; 0: as above */
	uint64_t body_timeout_ms;  /* between two reads of a body */
	uint64_t body_total_ms;    /* for the whole of it, however it drips */
	uint64_t idle_timeout_ms;  /* between exchanges */
	uint64_t write_timeout_ms; /* the peer reads nothing at all */
	uint32_t unix_mode; /* of unix sockets; 0: as the umask leaves it */
	bool has_group;     /* and who they belong to: */
	uint32_t unix_group;
};

struct http_exchange {
	/* valid until it is answered */
	const struct http_message *message;
	struct slice path;  /* the target without its query, as sent; of an
	                       absolute one what follows the authority */
	struct slice query; /* after the '?', "" if none */
	struct slice body;
	void *user; /* the handler's; NULL at first */
};

/* @log and @context are borrowed for the server's life. NULL if out of memory.
 * @handler runs from the loop. */
struct http_server *http_server_new(uv_loop_t *loop, const struct log *log,
                                    const struct http_server_options *options,
                                    http_handler_cb handler,
                                    void *context) MUST_CHECK;

/* Of requests that begin from now on. */
void http_server_set_max_body(struct http_server *server, uint64_t max_body);

/*
 * http_server_listen() - accept on @address (see url_parse_listen)
 *
 * May be called several times. A host name is not resolved here: numeric
 * addresses, an empty host (dual stack, else IPv4), or unix:/path. A stale
 * unix socket (nobody listens) is replaced; a live one is -EADDRINUSE. With
 * unix_mode there is no moment at which the socket is open to anybody else.
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
 * most @linger_ms, close everything, free
 *
 * @closed is called once, from the loop; unix sockets are unlinked at once.
 * Exchanges in the handler's hands may still be answered, also after the
 * close; what comes too late is dropped.
 */
void http_server_close(struct http_server *server, uint64_t linger_ms,
                       http_server_closed_cb closed, void *context);

/* Who asks: a struct sockaddr in @address. 0, or a negative code if it has
 * gone away. */
struct sockaddr_storage;
int http_exchange_peer(const struct http_exchange *exchange,
                       struct sockaddr_storage *address) MUST_CHECK;

/*
 * http_respond() - answer with a whole body
 *
 * Takes over the memory of @body (NULL: empty) whatever happens; a @body that
 * failed is answered with 500. @content_type NULL: none. @headers: extra ones
 * as whole lines "A: b\r\n", or NULL; not Content-Length, Connection, Date.
 * Cannot fail for the caller: out of memory closes the connection.
 */
void http_respond(struct http_exchange *exchange, uint16_t status,
                  const char *content_type, const char *headers,
                  struct buf *body);

/*
 * http_respond_shared() - answer with a body that others may be sent, too
 *
 * As http_respond(), but @body is borrowed until @release, which is called
 * exactly once: when it has gone out, or when it never will; perhaps before
 * this returns. Of HEAD, 204 and 304 the length of @body is all that is told.
 */
void http_respond_shared(struct http_exchange *exchange, uint16_t status,
                         const char *content_type, const char *headers,
                         struct slice body, http_release_cb release,
                         void *state);

/* A short text/plain answer, formatted; a newline is added. */
void http_respond_text(struct http_exchange *exchange, uint16_t status,
                       const char *format, ...) PRINTF_LIKE(3, 4);

/* Answer with a body that is produced piece by piece: chunked, and for
 * HTTP/1.0 until the connection closes. @producer may run before this
 * returns. */
void http_respond_stream(struct http_exchange *exchange, uint16_t status,
                         const char *content_type, const char *headers,
                         http_producer_cb producer, void *state);

/*
 * http_respond_live() - answer with what is yet to happen
 *
 * As http_respond_stream(), but an empty piece means that there is nothing for
 * now: the producer is asked again after http_wake(). The answer ends when the
 * client closes, or with the first empty piece after the server began to
 * close, or after http_end(). The connection is not kept.
 */
void http_respond_live(struct http_exchange *exchange, uint16_t status,
                       const char *content_type, const char *headers,
                       http_producer_cb producer, void *state);

/* There is something again. Only between http_respond_live() and the
 * producer's last call, and not from inside the producer; the producer may run
 * before this returns. Harmless while the last piece is still on its way. */
void http_wake(struct http_exchange *exchange);

/* There will be nothing more: the next empty piece is the last. As
 * http_wake(). */
void http_end(struct http_exchange *exchange);
