/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubernetes: a Lease and a Status of the Kubernetes API, as JSON.
 * https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/
 *
 * What is written over a Lease is the one that was read, with five fields of
 * its spec changed: whatever else stands in it, also what nobody here knows,
 * stays as it is. Times have six decimals, which the server insists on.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "proto/json.h"

#define KUBERNETES_MAX_LEASE (1u << 20) /* bytes of one */

/* Borrowed from its document. */
struct kubernetes_lease {
	struct slice holder;  /* empty: nobody */
	uint64_t duration_ms; /* 0: not said */
	uint64_t transitions;
	uint64_t hash; /* of its spec, as the server printed it */
};

/*
 * kubernetes_lease_parse() - a Lease as the server sent it
 *
 * 0 with *rootp (json_free()) and @lease set, which borrows from it; -EINVAL
 * with words; -ENOMEM.
 */
int kubernetes_lease_parse(struct slice text, struct json_t **rootp,
                           struct kubernetes_lease *lease,
                           struct err *err) MUST_CHECK;

struct kubernetes_lease_change {
	const char *name;       /* for a new one */
	const char *namespace_; /* likewise */
	const char *holder;     /* "": nobody */
	uint64_t duration_ms;
	uint64_t transitions;
	bool acquired;  /* now; else that stays as it is */
	int64_t now_us; /* Unix time */
};

/* Appends the body of the request: over @root, or, if that is NULL, a new one.
 * A failure stays in @out->failed. */
void kubernetes_lease_write(struct buf *out, const struct json_t *root,
                            const struct kubernetes_lease_change *change);

/* The words of a Status; appends nothing if it is none. */
void kubernetes_status_words(struct buf *out, struct slice text);
