/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client: HTTP/1.1 exchanges over TCP, TLS or a unix socket.
 *
 * The happy path of a call: take an idle connection of the endpoint from the
 * pool, or resolve and connect (each address of a name in turn until one
 * accepts), over https shake hands; write the request; feed the parser from
 * the connection's one buffer; hand the body over as it comes; give the
 * connection back or close it; complete. Failure at any stage closes the
 * connection and completes with the reason, as in
 * `http://gw:9091: connect: connection refused`.
 *
 * A request that may be repeated (GET, HEAD, PUT, DELETE, OPTIONS, and where
 * the caller says so) is, while no byte of an answer has come: once in place of
 * a kept connection that the peer had closed, and on the next address when one
 * accepts and hangs up. All others always travel on a new connection, and once.
 *
 * Numeric addresses and `localhost` are resolved without libuv's thread pool.
 * An answer may come before the request is written. 1xx are ignored. An https
 * peer's certificate is always verified (io/tls.h); an answer that ends with
 * its connection is whole only if TLS was ended too. Where TLS is not built
 * in, https completes with UV_ENOTSUP. The program must ignore SIGPIPE.
 */
#pragma once

#include <uv.h>
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/slice.h"
#include "io/tls.h"
#include "proto/http.h"
#include "proto/url.h"

#define HTTP_CLIENT_TIMEOUT_MS   10000 /* whole exchange, unless set */
#define HTTP_CLIENT_TIMEOUT_NONE UINT64_MAX
#define HTTP_CLIENT_RESOLVE_MS   10000 /* a name, within the whole */
#define HTTP_CLIENT_CONNECT_MS   5000  /* one address, within the whole */
#define HTTP_CLIENT_TLS_MS       10000 /* a handshake, within the whole */
#define HTTP_CLIENT_IDLE_MS      90000 /* a kept connection unused so long */
#define HTTP_CLIENT_MAX_IDLE     8     /* kept connections per endpoint */
#define HTTP_CLIENT_MAX_INTERIM  16    /* 1xx before the answer */
#define HTTP_CLIENT_BUFFER       16384 /* bytes, while an exchange runs */

struct http_client;
struct http_call;
struct http_connection;

typedef void (*http_done_cb)(struct http_call *call);
typedef void (*http_client_closed_cb)(void *context);

struct http_call {
	/* set by the caller; zero the rest */
	struct url url;      /* borrowed text, until completion */
	const char *method;  /* "GET" */
	struct slice target; /* "/path?query", borrowed until completion;
	                        url.path is put before it */
	const struct http_header *headers; /* beyond Host, Content-Length and
	                                      Authorization, which url.user
	                                      gives; borrowed */
	size_t n_headers;
	struct slice body;        /* borrowed until completion */
	uint64_t timeout_ms;      /* whole exchange; 0: the client's default */
	uint64_t idle_timeout_ms; /* the peer's longest silence once it is
	                             connected; 0: none of its own */
	uint64_t max_body;        /* HTTP_E_BODY_TOO_LARGE beyond; 0: none */
	bool fresh;               /* never use a kept connection */
	bool repeatable;          /* as GET is, whatever the method */
	/* Of https; NULL, and each file that is NULL: the client's. Borrowed
	 * until completion. */
	const struct tls_options *tls;
	/* Status and headers are in; may be NULL. Return non-zero to end the
	 * call with that as err.code. The message is borrowed for the call of
	 * on_head. Both may cancel the call, and start others. */
	int (*on_head)(struct http_call *call,
	               const struct http_message *message);
	/* A piece of the body; may be NULL: dropped. As on_head. */
	int (*on_body)(struct http_call *call, struct slice bytes);

	/* valid in the completion */
	uint16_t status;     /* 0: no head was received */
	uint64_t n_received; /* body bytes */
	struct err err;      /* code 0, a negative UV_E…, an http_outcome, or
	                        what on_head or on_body returned; the message
	                        names peer and stage */

	/* private below */
	http_done_cb done;
	struct http_connection *connection; /* NULL: not running */
};

/* NULL if out of memory. @log may be NULL. */
struct http_client *http_client_new(uv_loop_t *loop,
                                    const struct log *log) MUST_CHECK;

/*
 * http_client_set_tls() - the files of https, for calls that name none
 * @options: copied; each may be NULL, as is all of it at first
 *
 * For connections to come; they are read when the first one is made, and again
 * once they have changed. 0 or -ENOMEM, which leaves things as they were.
 */
int http_client_set_tls(struct http_client *client,
                        const struct tls_options *options) MUST_CHECK;

/*
 * http_client_close() - cancel what runs, close what is kept, free
 *
 * Calls still running complete with UV_ECANCELED first. @closed is called
 * once, from the loop; @client is gone when it is entered. No new call may be
 * started after this. A lookup that hangs in getaddrinfo() is not waited for:
 * it only keeps the loop alive, and frees itself.
 */
void http_client_close(struct http_client *client, http_client_closed_cb closed,
                       void *context);

/*
 * http_client_call() - start an exchange
 *
 * Returns 0 and later, from the loop and never before this returns, calls
 * @done exactly once, also when cancelled (UV_ECANCELED). On a negative return
 * @done is never called: -ENOMEM, -EINVAL (the request could not be written
 * as HTTP), UV_ECANCELED (the client is closing); call->err has the words.
 * @call is the caller's memory and free again when @done has been entered.
 */
int http_client_call(struct http_client *client, struct http_call *call,
                     http_done_cb done) MUST_CHECK;

/* Idempotent, and harmless on a call that does not run; the completion still
 * comes, from the loop, with UV_ECANCELED unless the call had ended before. */
void http_call_cancel(struct http_call *call);
