/* SPDX-License-Identifier: Apache-2.0 */
/* prober_check: one check of one container; private to prober*.c. */
#pragma once

#include <uv.h>
#include "base/buf.h"
#include "core/probe.h"
#include "io/http_client.h"
#include "io/knock.h"
#include "runtime/runtime.h"

enum prober_verdict {
	PROBER_GOOD,
	PROBER_BAD,
	PROBER_UNDECIDED, /* it could not be made, which is not its fault */
};

/* Borrowed for the call of prober_check_start(). */
struct prober_subject {
	uv_loop_t *loop;
	struct runtime *runtime;
	struct http_client *client; /* NULL: none by HTTP */
	const char *id;
	const char *name;
	const char *ip;            /* "" if not known */
	const struct probe *probe; /* its command: until the check has ended */
	bool quiet;                /* what a command says is not wanted */
};

struct prober_check;
typedef void (*prober_checked_cb)(struct prober_check *check);

struct prober_check {
	/* the owner's */
	struct prober *prober;
	struct probed *probed;   /* NULL: it is gone */
	struct probe_keys *keys; /* … and has left us its command; or NULL */

	/* valid in the completion */
	enum prober_verdict verdict;
	int64_t exit_code; /* of a command, -1 */
	char words[1024];  /* of a failure: what it said, or why */

	/* private below */
	prober_checked_cb done;
	enum probe_type type;
	struct runtime_call exec;
	struct http_call http;
	struct knock knock;
	struct buf text; /* the address, rendered */
	struct buf id;
	uv_timer_t later; /* to fail from the loop */
	bool cancelled;
	bool is_later;
};

/* NULL if memory is out. @done is called exactly once, from the loop, never
 * before this returned; the check is freed behind it. */
struct prober_check *prober_check_start(const struct prober_subject *subject,
                                        prober_checked_cb done) MUST_CHECK;
/* The completion follows. Idempotent. */
void prober_check_cancel(struct prober_check *check);
