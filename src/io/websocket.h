/* SPDX-License-Identifier: Apache-2.0 */
/*
 * websocket: a client of RFC 6455 over TCP or a unix socket, which listens:
 * it has messages to receive and none to send.
 *
 *   RESOLVING ──▶ CONNECTING ──▶ ASKING ──▶ OPEN ──▶ CLOSING ──▶ ENDING
 *                  │   ▲          request,    │     close frames,   handles
 *                  ▼   │          answer      │     bounded         closed
 *                next address     └───────────┴── any failure ────────▲
 *
 * The framing is wslay's; where the program was built without that library,
 * websocket_open() returns UV_ENOTSUP. Pings are answered, fragments put
 * together, what breaks the protocol or is too long ends the connection with
 * the close frame that says so. A peer that is silent for `idle_ms` is pinged,
 * and given up after as long again.
 */
#pragma once

#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "io/resolver.h"
#include "io/stream.h"
#include "proto/url.h"
#include "proto/websocket.h"

#define WEBSOCKET_OPEN_MS     10000   /* from name to answer, unless set */
#define WEBSOCKET_CONNECT_MS  5000    /* one address, within that */
#define WEBSOCKET_CLOSE_MS    1000    /* given to the peer to say goodbye */
#define WEBSOCKET_MAX_MESSAGE 1048576 /* bytes, unless set */
#define WEBSOCKET_MAX_REPLIES 256     /* pongs that the peer does not read */
#define WEBSOCKET_BUFFER      4096

enum websocket_stage {
	WEBSOCKET_RESOLVING,
	WEBSOCKET_CONNECTING,
	WEBSOCKET_REOPENING, /* between two addresses */
	WEBSOCKET_ASKING,
	WEBSOCKET_OPEN,
	WEBSOCKET_CLOSING,
	WEBSOCKET_ENDING,
};

/* Lies in its owner. */
struct websocket {
	/* set by the owner; zero the rest */
	struct url url;      /* borrowed until `closed`; its path and user are
	                        used as http_call's are */
	struct slice target; /* "/path?query"; borrowed while it opens */
	size_t max_message;  /* bytes of one, all its fragments; 0: the limit */
	uint64_t open_ms;    /* 0: WEBSOCKET_OPEN_MS */
	uint64_t idle_ms;    /* 0: silence may last */
	/* The handshake is done; may be NULL. */
	void (*opened)(struct websocket *websocket);
	/* A whole message, borrowed for the call. Both may call
	 * websocket_close(), after which no more of them comes. */
	void (*message)(struct websocket *websocket, struct slice text);
	/* It has ended, as `err` says, never 0: UV_ECANCELED after
	 * websocket_close(), UV_EOF if the peer closed, -EPROTO, -E2BIG … The
	 * message names the peer. The memory is the owner's again. */
	void (*closed)(struct websocket *websocket);

	/* valid in `closed` */
	struct err err;
	uint16_t status; /* HTTP's, of the answer; 0: none came */

	/* private below */
	enum websocket_stage stage;
	bool stream_open;
	bool timer_open;
	bool writing;
	bool feeding; /* bytes to `frames`: callbacks may run */
	struct stream stream;
	uv_timer_t timer;
	uint64_t deadline_ms; /* of opening it */
	uint64_t heard_ms;    /* the last byte */
	bool pinged;          /* since then */
	struct resolver_request lookup;
	struct address_list list;
	size_t next; /* the address to try next */
	uv_connect_t connect;
	uv_write_t write;
	struct buf out;    /* being written */
	struct buf accept; /* what must be answered */
	struct http_parser *parser;
	struct wslay_event_context *frames;
	struct slice in; /* read, and not yet taken by `frames` */
	char *buffer;
};

/*
 * websocket_open() - connect, and ask for a websocket
 *
 * Returns 0 and later, from the loop and never before this returns, calls
 * `closed` exactly once, whether it had opened or not. On a negative return no
 * callback is ever called: -ENOMEM, -EINVAL (the request cannot be written as
 * HTTP) or UV_ENOTSUP; `err` has the words.
 */
int websocket_open(struct websocket *websocket, uv_loop_t *loop) MUST_CHECK;

/* Says goodbye, waits for the answer for WEBSOCKET_CLOSE_MS at most, and ends;
 * at once where it is not open yet. Idempotent; `closed` follows from the
 * loop. */
void websocket_close(struct websocket *websocket);
