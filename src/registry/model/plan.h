/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan: brings a model to what a document says, in one transaction, and says
 * what that changes:
 *
 *     + host web-3 in shop/web
 *     ~ exporter node:9100 in shop/web: port 9100 → 9101
 *     - project old in shop
 *
 * The changes are the transaction's records; a plan without any has none.
 */
#pragma once

#include "base/json_writer.h"
#include "registry/model/model.h"
#include "registry/model/portable.h"

#define PLAN_MAX_CHANGES 10000 /* that are listed; the rest is only counted */

struct plan_options {
	/* What the document leaves out goes: of the sections at the top that
	 * it has, and all that stands in them. Without: it stays. */
	bool prune;
	/* The document knows only some of what it names: fields that are not
	 * given stay as they are. Without: they get their defaults, but what
	 * is secret stays. */
	bool partial;
};

/*
 * plan_apply() - change the model
 *
 * 0; else the transaction must be undone: -EINVAL, -EEXIST, -ENOENT, -E2BIG
 * with words that begin with the place in the document; -ENOMEM. The document
 * stays as it is and may be used again.
 */
int plan_apply(struct model_tx *tx, const struct portable *portable,
               const struct plan_options *options, struct err *err) MUST_CHECK;

struct plan_counts {
	size_t n_created, n_updated, n_deleted;
};
struct plan_counts plan_count(const struct record *records, size_t n);

/* Members of the object that is being written, before the transaction ends:
 * "created", "updated", "deleted" (numbers), "changes": [{"op":"+","kind":…,
 * "id":…,"name":…,"in":…,"text":…}], "more": those that are not listed. */
void plan_write_json(const struct record *records, size_t n,
                     struct json_writer *json);
