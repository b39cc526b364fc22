/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_peer: a scripted server of HTTP over TLS on the test's own loop. A
 * request counts as whole with the empty line, or with as much body as its
 * Content-Length says.
 */
#pragma once

#include "base/list.h"
#include "io/tls_kit.h"

enum tls_peer_then {
	TLS_PEER_KEEP,
	TLS_PEER_END,      /* close_notify, then the end of the connection */
	TLS_PEER_CUT,      /* only the latter */
	TLS_PEER_END_ONLY, /* only the former */
};

struct tls_peer_step {
	const char *answer; /* NULL: none */
	enum tls_peer_then then;
};

struct tls_peer {
	/* set by the test, any time */
	const struct tls_peer_step *steps; /* one for each request */
	size_t n_steps;
	size_t piece;  /* bytes for each write; 0: all at once */
	bool silent;   /* reads, and never answers, not even the hello */
	bool hangs_up; /* as soon as something has come */

	struct tls_kit_server server;
	uv_tcp_t listener;
	struct list connections;
	struct peer_text received; /* in plain text, of all connections */
	char url[64];
	unsigned n_accepted;
	unsigned n_shaken; /* handshakes that came to their end */
	unsigned n_ended;  /* clients that have said that they end */
	bool closed;
};

void tls_peer_listen(struct tls_peer *peer, uv_loop_t *loop, const char *file,
                     const char *client_ca);

/* Says to all that it ends, and ends. */
void tls_peer_end_all(struct tls_peer *peer);

/* Runs the loop until everything is closed. */
void tls_peer_close(struct tls_peer *peer);
