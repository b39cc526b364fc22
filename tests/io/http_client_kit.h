/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_client_kit: a client, a scripted peer and a loop for the tests of the
 * HTTP client; every wait is bounded.
 */
#pragma once

#include <errno.h>
#include <string.h>
#include "base/buf.h"
#include "io/http_client.h"
#include "support/loop.h"
#include "support/peer.h"

#define KIT_MAX_BODY 100

struct kit {
	struct test_loop loop;
	struct test_peer peer;
	struct http_client *client; /* NULL: closed */
	bool closing;
	bool closed;
};

struct kit_call {
	struct http_call http;
	struct kit *kit;
	char body_bytes[4 * KIT_MAX_BODY];
	struct {
		char *p;
		size_t n;
	} body; /* terminated */
	unsigned n_done;
	bool done;
};

/* @address: "unix", or as for test_peer_listen(). */
void kit_init(struct kit *kit, const char *address);
/* Closes what is still open; fails on live handles. */
void kit_fini(struct kit *kit);

/* A call of "/x" at the peer, not started; the body is collected. */
void kit_prepare(struct kit *kit, struct kit_call *call, const char *method);
void kit_start(struct kit *kit, struct kit_call *call);
void kit_wait(struct kit *kit, struct kit_call *call);
void kit_run(struct kit *kit, struct kit_call *call); /* start and wait */
void kit_get(struct kit *kit, struct kit_call *call); /* prepare and run */
/* Until so many bytes of body have come. */
void kit_until_received(struct kit *kit, const struct kit_call *call,
                        uint64_t n);
void kit_on_done(struct http_call *call);

/* It went well, with this status and body. */
void kit_expect(const struct kit_call *call, unsigned status, const char *body);

/* Connections that the client keeps for later. */
size_t kit_n_idle(const struct kit *kit);
void kit_until_idle(struct kit *kit, size_t n);
/* As if the idle time of all kept connections were over. */
void kit_expire(struct kit *kit);

void kit_close_client(struct kit *kit);
void kit_wait_closed(struct kit *kit);
