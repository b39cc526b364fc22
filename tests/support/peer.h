/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: a scripted server of raw bytes on the test's own loop, to show a
 * client the best and the worst of days. It knows just enough of HTTP to tell
 * when a request is whole; then it does the script's next step.
 */
#pragma once

#include <stdbool.h>
#include <uv.h>
#include "base/list.h"

enum peer_then {
	PEER_KEEP, /* wait for the next request */
	PEER_CLOSE,
	PEER_HALF_CLOSE, /* say that no more comes, go on reading */
	PEER_RESET,      /* TCP only */
};

struct peer_step {
	const char *answer; /* NULL: nothing */
	size_t piece;       /* bytes for each write; 0: all at once */
	enum peer_then then;
	bool at_accept; /* does not wait for a request */
	bool deaf;      /* with at_accept: never reads */
};

#define PEER_SAYS(text)          \
	{                        \
		.answer = (text) \
	}
#define PEER_SAYS_THEN(text, what)               \
	{                                        \
		.answer = (text), .then = (what) \
	}

/* Grows by the C library's own allocator, which no fault ever hits. */
struct peer_text {
	char *p; /* terminated; NULL while nothing is in it */
	size_t n;
};

struct test_peer {
	char url[160];             /* how to reach it */
	unsigned port;             /* 0 for a unix socket */
	struct peer_text received; /* everything, of all connections */
	unsigned n_accepted;
	unsigned n_open;
	unsigned n_steps_done;

	/* private below */
	const struct peer_step *steps;
	size_t n_steps;
	struct list connections;
	bool closed;
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} server;
};

/* @address: "127.0.0.1", "::1", or the path of a unix socket. @port 0: any. */
void test_peer_listen(struct test_peer *peer, uv_loop_t *loop,
                      const char *address, unsigned port);

/* Steps are done in order, one for each request or (at_accept) connection;
 * after the last one the peer only listens. Borrowed. */
void test_peer_script(struct test_peer *peer, const struct peer_step *steps,
                      size_t n);

/* "" if nothing was, or since it was forgotten. */
const char *test_peer_received(const struct test_peer *peer);
void test_peer_forget(struct test_peer *peer);

/* Closes every connection, as if the peer went away. */
void test_peer_hang_up(struct test_peer *peer);
void test_peer_reset(struct test_peer *peer); /* TCP only */

/* Runs the loop until everything is closed. */
void test_peer_close(struct test_peer *peer);
