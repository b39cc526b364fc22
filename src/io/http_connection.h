/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_connection: private to http_client*.c: one connection of the client
 * and the call that it serves.
 *
 *   RESOLVING ──▶ CONNECTING ──▶ EXCHANGING ──▶ IDLE ──▶ EXCHANGING …
 *        │         ▲   │ failed     │ closed before the first byte
 *        │         │   ▼            ▼
 *        │       REOPENING ◀────────┘      to RESOLVING if it had been kept,
 *        │                                 else to the next address
 *        └── any ──▶ CLOSING ──all handles gone──▶ complete the call, free
 *
 * Over https SHAKING stands between CONNECTING and EXCHANGING, and fails as
 * CONNECTING does.
 *
 * One stream, opened anew for each attempt; one timer, which serves whatever
 * deadline is next. The call is completed when it cannot be touched any more:
 * from the read that ended it when the connection is kept, else when
 * everything is closed. The 16 KiB buffer is there only while a call is.
 */
#pragma once

#include "base/buf.h"
#include "io/http_client.h"
#include "io/resolver.h"
#include "io/stream.h"

#define HTTP_NEVER        UINT64_MAX /* no such deadline */
#define HTTP_TLS_CONTEXTS 8          /* sets of files that are kept read */

struct http_client {
	uv_loop_t *loop;
	const struct log *log;
	struct list connections; /* those used last come first */
	struct {
		char *ca;
		char *cert;
		char *key;
	} tls; /* files for calls that name none */
	struct tls_context *contexts[HTTP_TLS_CONTEXTS]; /* the newest first */
	bool closing;
	uv_timer_t closer; /* never started: to be closed from the loop */
	bool closer_open;
	http_client_closed_cb closed;
	void *context;
};

enum http_connection_state {
	HTTP_CONNECTION_RESOLVING,
	HTTP_CONNECTION_CONNECTING,
	HTTP_CONNECTION_SHAKING,
	HTTP_CONNECTION_REOPENING,
	HTTP_CONNECTION_EXCHANGING,
	HTTP_CONNECTION_IDLE,
	HTTP_CONNECTION_CLOSING,
};

struct http_connection {
	struct list node; /* client->connections */
	struct http_client *client;
	struct http_call *call; /* NULL: idle, or nobody waits any more */
	char *origin;           /* the endpoint, as a key and for messages */
	enum http_connection_state state;

	bool stream_open; /* initialised and not yet closed */
	bool timer_open;
	struct stream stream;
	uv_timer_t timer;
	uint64_t timeout_ms;        /* of the whole call */
	uint64_t deadline_ms;       /* when that will have passed */
	uint64_t stage_deadline_ms; /* of what goes on now */

	struct resolver_request lookup;
	struct address_list list; /* a unix socket counts as one address */
	size_t next;              /* the address to try next */
	uv_connect_t connect;

	struct buf request;
	uv_write_t write;
	struct http_parser *parser;
	char *buffer; /* HTTP_CLIENT_BUFFER bytes, NULL while idle */
	int write_failure;

	struct tls_context *tls_context; /* NULL: none was needed yet */
	struct tls *tls;                 /* NULL: it is plain */
	size_t n_encrypted;              /* bytes of the request */
	bool sending;                    /* `write` carries TLS's output */

	unsigned n_interim;
	bool kept; /* the stream was taken from the pool */
	bool writing;
	bool answered;   /* a byte has come */
	bool complete;   /* the answer is whole */
	bool keep_alive; /* and another one may follow */
	char probe;      /* where an idle connection would be read into */
};

/* --- http_connection.c: its life and its deadlines ---------------------- */

/* NULL if out of memory. */
struct http_connection *http_connection_new(struct http_client *client,
                                            const char *origin) MUST_CHECK;

/* Closes it; then its call, if it has one, completes as call->err says.
 * Idempotent. */
void http_connection_close(struct http_connection *connection);

/* Ends the call with @code and "ORIGIN: words"; the first reason stands. */
void http_connection_fail(struct http_connection *connection, int code,
                          const char *format, ...) PRINTF_LIKE(3, 4);

/* Closes only the stream; then goes on with the next address, or from the
 * beginning if the connection was a kept one. */
void http_connection_reopen(struct http_connection *connection);

/* The present stage ends @ms from now; HTTP_NEVER: it has no own limit. */
void http_connection_arm(struct http_connection *connection, uint64_t ms);

/* --- http_client_connect.c ---------------------------------------------- */

void http_connect_begin(struct http_connection *connection);
void http_connect_next(struct http_connection *connection);

/* The present address did not work: the next one, or failure. */
void http_connect_failed(struct http_connection *connection, int code);

/* --- http_client_request.c ---------------------------------------------- */

/* Appends the head of call's request. 0, -ENOMEM, or -EINVAL with words. */
int http_request_write(struct buf *buf, const struct http_call *call,
                       struct err *err) MUST_CHECK;

/* Doing it twice is the same as doing it once, RFC 9110, 9.2.2. */
bool http_request_repeatable(const struct http_call *call);

/* --- http_client_exchange.c --------------------------------------------- */

/* The stream is connected: writes the request and reads the answer. */
void http_exchange_begin(struct http_connection *connection);

/* Reading, which http_exchange_begin() does unless it goes on already. */
int http_exchange_listen(struct http_connection *connection) MUST_CHECK;

/* Of the peer, in plain text; and that it has ended with @code, UV_EOF or
 * worse. Either may end the exchange. */
void http_exchange_bytes(struct http_connection *connection,
                         struct slice bytes);
void http_exchange_end(struct http_connection *connection, int code);

/* What the connection's parser calls. */
extern const struct http_parser_callbacks http_exchange_callbacks;

/* "write", "head" or "body": how far it came. */
const char *http_exchange_stage(const struct http_connection *connection);

/* --- http_client_tls.c -------------------------------------------------- */

/* The context of a call's files if it is at hand and still up to date, without
 * a reference; else NULL. */
struct tls_context *http_tls_find(const struct http_client *client,
                                  const struct http_call *call);

/* Reads the files if need be; 0, or negative with words. */
int http_tls_load(struct http_connection *connection,
                  struct err *err) MUST_CHECK;

/* The stream is connected: shakes hands, then begins the exchange. */
void http_tls_begin(struct http_connection *connection);

/* What the stream read, or how it ended. */
void http_tls_received(struct http_connection *connection, struct slice bytes);
void http_tls_ended(struct http_connection *connection, int code);
void http_tls_timed_out(struct http_connection *connection);

/* Writes the call's request. 0 or negative. */
int http_tls_write(struct http_connection *connection) MUST_CHECK;

/* The stream is about to be closed: says so to the peer, if it can be said
 * without waiting. */
void http_tls_shut_down(struct http_connection *connection);
/* The stream is closed. */
void http_tls_free(struct http_connection *connection);

/* --- http_client.c ------------------------------------------------------ */

/* The call is done and the connection may serve another: back to the pool. */
void http_client_keep(struct http_connection *connection);
void http_client_maybe_closed(struct http_client *client);
