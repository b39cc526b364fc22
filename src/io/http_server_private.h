/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server_private: what the server's files share; private to
 * src/io/http_server*.c. By stage:
 *
 *   http_server.c             the server's life, its limits, its clock
 *   http_server_listen.c      addresses, sockets, accepting and backing off
 *   http_server_connection.c  a peer: reading, deadlines, closing
 *   http_server_exchange.c    a request on its way in
 *   http_server_respond.c     its answer on its way out
 *
 * The life of a peer, as a client's connection is called here:
 *
 *            byte           head             whole             answered
 *   IDLE ─────────▶ HEAD ─────────▶ BODY ─────────▶ HANDLING ─────────▶ WRITING
 *     ▲               │ wrong, late  │                                   │ │
 *     │               └──────────────┴──────────▶ WRITING (an error)     │ │
 *     └──────────────────────────── sent, kept ──────────────────────────┘ │
 *                LINGERING ◀─── sent, not kept, and the peer may still send ┘
 *
 * LINGERING: our half is closed and what still comes is dropped until the peer
 * closes or HTTP_SERVER_LINGER_MS are over; closing at once would make the
 * kernel reset the connection, and the answer could be lost on its way.
 */
#pragma once

#include <sys/types.h>
#include <time.h>
#include "base/list.h"
#include "io/http_server.h"

#define HTTP_SERVER_READ_SIZE   65536
#define HTTP_SERVER_MAX_AT_ONCE 2       /* pieces of a stream, before others */
#define HTTP_SERVER_TURN_NS     1000000 /* for all streams, in one turn */
#define HTTP_SERVER_DATE_SIZE   32
#define HTTP_SERVER_MAX_SPARE   64  /* exchanges kept for the next request */
#define HTTP_SERVER_MAX_EXCESS  64  /* connections being told 503 */
#define HTTP_SERVER_MAX_LOGGED  128 /* bytes of a path */

enum peer_stage {
	PEER_IDLE,      /* timer: idle, or head for the first request */
	PEER_HEAD,      /* timer: head */
	PEER_BODY,      /* timer: body, from the last read, and in total */
	PEER_HANDLING,  /* the handler has it: no timer, no reading */
	PEER_WRITING,   /* timer: write, from the last progress */
	PEER_LINGERING, /* timer: linger */
	PEER_CLOSING,
};

struct peer {
	struct http_server *server;
	enum peer_stage stage;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	uv_timer_t timer;
	bool stream_open; /* the handles that need closing */
	bool timer_open;
	bool excess;               /* beyond the limit: is told 503 */
	bool fresh;                /* no request has been answered yet */
	bool consuming;            /* inside the loop over read bytes */
	bool unread;               /* bytes follow the present request */
	bool ended;                /* the peer has closed its half */
	struct exchange *exchange; /* NULL when idle */
	struct buf pending;        /* read, but of later requests */
	size_t n_taken;            /* bytes of `pending` that are done with */
	size_t n_unsent;           /* of the answer, at the last look */
	uint64_t body_until_ms;    /* by then the body must be whole */
	struct list node;          /* server's peers */
	struct list idle_node;     /* server's idle or fresh ones */
};

/* A request in work and its answer. */
struct exchange {
	struct http_exchange shown; /* what the handler sees */
	struct http_server *server; /* NULL: gone */
	struct peer *peer;          /* NULL: gone */
	struct list node;           /* server's exchanges, or spare ones */

	struct http_parser *parser;
	struct buf request_body;
	bool has_head;
	bool expects_continue;
	bool whole; /* head and body are there */

	bool keep;     /* the connection, after the answer */
	bool bodiless; /* HEAD, 204, 304 */
	bool chunked;
	bool last;                 /* nothing follows what is being sent */
	bool live;                 /* an empty piece is not the end */
	bool asleep;               /* it was empty */
	unsigned n_at_once;        /* pieces since it had to queue */
	struct list turn_node;     /* server's streams, until its turn comes */
	struct buf head;           /* the answer's; later the chunk's size */
	struct buf body;           /* whole, or the present piece */
	http_producer_cb producer; /* NULL: the body is whole */
	void *producer_state;
	struct slice shared;     /* in place of `body`, if there is: */
	http_release_cb release; /* who lent it; else NULL */
	void *release_state;
	uv_write_t write; /* of what did not go out at once */
};

struct listener {
	struct http_server *server;
	bool open;
	int fd;
	uv_poll_t poll;
	uint16_t port;
	char *path; /* unix: to be unlinked; else NULL */
	dev_t dev;  /* what was bound there */
	ino_t ino;
};

struct http_server {
	uv_loop_t *loop;
	const struct log *log;
	struct http_server_options options; /* without zeros */
	http_handler_cb handler;
	void *context;

	struct listener listeners[HTTP_SERVER_MAX_LISTENERS];
	size_t n_listeners;
	uint64_t backoff_ms; /* 0: accepting */

	uv_timer_t timer; /* the back-off's; after the close, the linger's */
	bool timer_open;

	struct list peers;
	size_t n_peers;          /* without those that are closing */
	size_t n_excess;         /* beyond the limit; not in n_peers */
	struct list idle_peers;  /* kept ones, longest idle first */
	struct list fresh_peers; /* that have said nothing yet, oldest first */
	struct list exchanges;   /* lent out, or in the handler's hands */
	struct list spare_exchanges;
	size_t n_spare;

	struct list streams; /* whose peers would take more; first come … */
	uv_idle_t turn;      /* running while there are any */

	time_t date_at; /* when `date` was true */
	char date[HTTP_SERVER_DATE_SIZE];

	bool closing;
	http_server_closed_cb closed;
	void *closed_context;

	char bytes[HTTP_SERVER_READ_SIZE]; /* every peer reads into this */
};

/* --- http_server.c --- */

/* For the Date header. */
const char *server_date(struct http_server *server);
void server_maybe_closed(struct http_server *server);

/* --- http_server_listen.c --- */

void listener_close(struct listener *listener);

/* --- http_server_connection.c --- */

/* Takes @fd over, whatever happens. 0 or a negative code. */
int peer_accept(struct http_server *server, int fd, bool local);
void peer_close(struct peer *peer); /* idempotent */
/* The same, and if it is amid an answer the log says so. */
void peer_cut(struct peer *peer, enum log_level level, const char *why);
/* Closes the connection that can best be spared. False if there is none. */
bool server_make_room(struct http_server *server);
/* The answer begins to go out; it must wait for the peer to read; it has gone
 * out, and it is the next request's turn, or the end. */
void peer_answering(struct peer *peer);
void peer_waits(struct peer *peer);
void peer_rests(struct peer *peer); /* it waits for us, not we for it */
void peer_answered(struct peer *peer);
/* There is nothing to send for now; but does the peer close? */
void peer_sleeps(struct peer *peer);

/* --- http_server_exchange.c --- */

/* Lends one to @peer; NULL if out of memory. */
struct exchange *exchange_take(struct peer *peer);
/* The peer and the handler are done with it: back to the spare ones. */
void exchange_release(struct exchange *exchange);
void exchange_free(struct exchange *exchange);
/*
 * Feeds the request; *usedp as http_parser_feed(). 0, or the status that it
 * must be refused with, and why in @err.
 */
uint16_t exchange_feed(struct exchange *exchange, struct slice bytes,
                       size_t *usedp, struct err *err);
/* Fills in what the handler sees. */
void exchange_show(struct exchange *exchange);

/* --- http_server_respond.c --- */

/* An error of the request: @words and a newline, and the connection closes. */
void exchange_refuse(struct exchange *exchange, uint16_t status,
                     const char *words);
/* Lets streams go on, a little each, for a short time; then requests have
 * theirs. For server->turn. */
void server_on_turn(uv_idle_t *turn);
