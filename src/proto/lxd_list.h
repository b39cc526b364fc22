/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lxd_list: the list of all instances as it streams by, in memory for one:
 * the elements of `metadata` are handed over as they come, everything else of
 * the envelope is kept, for it tells whether it was an answer at all.
 *
 *     {"type":"sync",…,"metadata":[{…},{…}],…}  →  {…}  {…}  then {"type":…}
 */
#pragma once

#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "proto/json_split.h"

#define LXD_LIST_REST     65536         /* of the envelope, bytes */
#define LXD_LIST_INSTANCE (1024 * 1024) /* one instance */

struct json_t;

/* Borrowed for the call. Non-zero ends the reading. */
typedef int (*lxd_instance_cb)(void *context, const struct json_t *instance);

struct lxd_list {
	/* private */
	struct json_split split;
	struct buf rest; /* the envelope, its array empty */
	unsigned depth;
	bool in_string;
	bool escaped;
	bool inside; /* the array */
	bool seen;   /* there was one */
	lxd_instance_cb instance;
	void *context;
};

/* Cannot fail and allocates nothing. */
void lxd_list_init(struct lxd_list *list, lxd_instance_cb instance,
                   void *context);
void lxd_list_fini(struct lxd_list *list); /* harmless on a zeroed one */

/* 0, -EINVAL, -E2BIG, -ENOMEM, or what the callback returned. */
int lxd_list_feed(struct lxd_list *list, struct slice bytes) MUST_CHECK;

/* Nothing more comes. @status: HTTP's. Returns as the readers of lxd.h. */
int lxd_list_finish(struct lxd_list *list, uint16_t status,
                    struct err *err) MUST_CHECK;
