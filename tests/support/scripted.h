/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon: an HTTP server on a unix socket of the test's own loop, which knows
 * beforehand what it will be asked, in which order, and what it answers.
 *
 * A request that is not the next of the script is answered with 599 and
 * remembered; scripted_done() fails the test with it, and also when a row was
 * never asked for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "support/loop.h"

#define SCRIPTED_HANG  1 /* as status: no answer ever */
#define SCRIPTED_CLOSE 2 /* as status: the connection is closed instead */
#define SCRIPTED_HOLD  3 /* as status: 200, when scripted_release() is called */
/* as status: the reply is the whole answer, head and all, in which %00 stands
 * for the byte 0 (and so on); afterwards the connection stays, or is closed */
#define SCRIPTED_BYTES       4
#define SCRIPTED_BYTES_CLOSE 5
/* as status: the request becomes a websocket, and the reply is what follows
 * the answer's head, written as above. The frames of the client are kept; its
 * goodbye is answered by closing. */
#define SCRIPTED_WEBSOCKET 6

struct scripted_row {
	const char *request; /* "GET /1.0/instances/c1" */
	const char *sent;    /* must occur in its body; NULL: anything */
	uint16_t status;
	const char *reply; /* body; NULL: "" */
};

struct scripted {
	struct test_loop *loop;
	uv_pipe_t listener;
	struct list connections;
	const struct scripted_row *rows; /* the last one has no request */
	size_t at;
	bool all_asked; /* the whole script was */
	size_t piece;   /* set by the test: SCRIPTED_BYTES so many at a time */
	bool any_order; /* set by the test: rows serve again and again */
	bool deaf;      /* set by the test: a websocket is not read from */
	bool open;
	char path[108];
	char complaint[1024]; /* the first surprise, "" for none */
	char frames[512];     /* of the clients' frames: "A:hi 8:%03%E8 " */
};

/* Listens at `NAME` in the loop's directory; @rows are borrowed. */
void scripted_open(struct scripted *daemon, struct test_loop *loop,
                   const char *name, const struct scripted_row *rows);

/* The answer that was held back goes out. */
void scripted_release(struct scripted *daemon);

/* All websockets say @bytes, written as in a script; or hang up. */
void scripted_say(struct scripted *daemon, const char *bytes);
void scripted_hang_up(struct scripted *daemon);

/* Closes; runs the loop until it is. */
void scripted_close(struct scripted *daemon);

/* Fails the test unless everything was asked, and nothing else. */
void scripted_done(const struct scripted *daemon);
