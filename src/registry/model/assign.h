/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assign: from JSON (of requests, files, imports) to assignments, by the table
 * of kinds. A ref is an id, or the name (first key) of what is meant.
 */
#pragma once

#include "proto/json.h"
#include "registry/model/model.h"

struct assignments {
	struct assignment items[KIND_MAX_FIELDS];
	size_t n;
	struct err err;
	int bad_field; /* -1: none in particular */
	/* private */
	struct label_set *sets[KIND_MAX_FIELDS];
	size_t n_sets;
};

/*
 * assign_json() - the members of @object that are fields of @kind
 * @only: a set of 1 << field that may be given; 0: all that are neither
 *        read-only nor (@exists) fixed
 * @exists: it is an update: what is required may be absent
 *
 * Text is borrowed from @object. 0; -EINVAL with words (a wrong type, an
 * unknown member, something read-only); -ENOENT (a ref to what is not there);
 * -ENOMEM. assignments_fini() in any case.
 */
int assign_json(struct assignments *out, const struct model *model,
                enum kind kind, const struct json_t *object, uint64_t only,
                bool exists) MUST_CHECK;
/* One field of @kind, for those who choose the members themselves: after
 * assignments_init(). The same codes, words that name the field. */
int assign_member(struct assignments *out, const struct model *model,
                  enum kind kind, unsigned field,
                  const struct json_t *value) MUST_CHECK;
void assignments_init(struct assignments *assignments);
void assignments_fini(struct assignments *assignments);
/* Adds one; there is always room for one of each field. The last counts. */
void assign(struct assignments *assignments, unsigned field, union value value);
#define assign_text(a, f, t)   assign(a, f, (union value){ .text = (t) })
#define assign_number(a, f, n) assign(a, f, (union value){ .number = (n) })
#define assign_ref(a, f, o)    assign(a, f, (union value){ .object = (o) })
