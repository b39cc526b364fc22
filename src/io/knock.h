/* SPDX-License-Identifier: Apache-2.0 */
/*
 * knock: does anybody accept a connection at host:port? It is opened, and
 * closed without a word. Each address of a name is tried in turn, all within
 * one deadline.
 */
#pragma once

#include <uv.h>
#include "base/err.h"
#include "base/macros.h"
#include "io/resolver.h"
#include "io/stream.h"

struct knock;
typedef void (*knock_done_cb)(struct knock *knock);

struct knock {
	/* valid in the completion */
	struct err err; /* code 0: somebody did; else why not, in words */

	/* private below */
	knock_done_cb done;
	uv_timer_t timer;
	struct stream stream;
	uv_connect_t connect;
	struct resolver_request lookup;
	struct address_list list;
	size_t next;
	bool stream_open;
	bool stream_closing;
	bool timer_open;
	bool ending;
};

/*
 * knock_start() - begin
 * @host: without brackets; copied as far as it is needed
 *
 * Returns 0, and calls @done exactly once, from the loop, never before this
 * returns. @knock is the caller's memory and free again when @done is entered.
 */
int knock_start(struct knock *knock, uv_loop_t *loop, struct slice host,
                uint16_t port, uint64_t timeout_ms,
                knock_done_cb done) MUST_CHECK;

/* Idempotent; the completion follows, with UV_ECANCELED. */
void knock_cancel(struct knock *knock);
