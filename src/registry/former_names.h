/* SPDX-License-Identifier: Apache-2.0 */
/*
 * former_names: how services and projects were called before. An alert that
 * began under the old name ends under it: who was told that it fires is to be
 * told that it is over.
 *
 * Known from the audit log at the start, and since then from looking at the
 * model after each change. The latest bearer of a name counts; one that is
 * gone has none.
 */
#pragma once

#include "base/err.h"
#include "registry/model/routing.h"
#include "registry/registry.h"

#define FORMER_NAMES_MAX 10000 /* of who is there; the rest is not known */

struct former_names;

/* Blocks. 0, or -ENOMEM; a log that cannot be read is none. */
int former_names_new(struct registry *registry, uint64_t seed,
                     struct former_names **namesp) MUST_CHECK;
void former_names_free(struct former_names *names); /* NULL is fine */

/* The model may have changed. What there is no memory for is not known. */
void former_names_look(struct former_names *names);

/* For routing_make(). */
struct routing_names former_names_routing(struct former_names *names);
