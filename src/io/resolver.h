/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver: a host name to the addresses to try, in their order.
 *
 * What needs nobody's help, numeric addresses and `localhost`, is answered at
 * once and without libuv's thread pool. Other names go to getaddrinfo() in
 * that pool, where nothing can interrupt them: a lookup that is cancelled is
 * only disowned, and frees itself when libuv gives it back.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <uv.h>
#include "base/macros.h"
#include "base/slice.h"

#define RESOLVER_MAX_ADDRESSES 8 /* of one name; the rest is not tried */

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct address_list {
	union address addresses[RESOLVER_MAX_ADDRESSES];
	size_t n;
};

/* True, with *list filled, if @host is an IPv4 or IPv6 address (without
 * brackets, with a zone or not) or `localhost`. */
bool resolver_literal(struct slice host, uint16_t port,
                      struct address_list *list) MUST_CHECK;

struct resolver_request;
typedef void (*resolver_done_cb)(struct resolver_request *request);

struct resolver_request {
	/* valid in the completion */
	int status; /* 0 or a negative UV_EAI_… */
	struct address_list list;

	/* private below */
	struct resolver_lookup *lookup; /* NULL: nothing is under way */
	resolver_done_cb done;
};

/*
 * resolver_start() - look @host up
 *
 * Returns 0 and later, from the loop, calls @done exactly once, unless
 * resolver_cancel() comes first. On a negative return @done is never called.
 */
int resolver_start(uv_loop_t *loop, struct resolver_request *request,
                   struct slice host, uint16_t port,
                   resolver_done_cb done) MUST_CHECK;

/* The completion will not come any more, and @request is free at once.
 * Harmless when nothing is under way. */
void resolver_cancel(struct resolver_request *request);

/* The address alone, without the port: `127.0.0.1`, `::1`. Returns @out,
 * which holds ADDRESS_TEXT_MAX. */
#define ADDRESS_TEXT_MAX 64
const char *address_text(const union address *address, char *out);
