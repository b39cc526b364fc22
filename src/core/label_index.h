/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label_index: finds every query that a set of labels satisfies, without
 * trying each.
 *
 * A query is one to sixteen pairs, all of which must hold; as in PromQL a pair
 * with an empty value holds where the label is absent. Each query hangs in a
 * hash table under the one of its pairs under which the fewest others hang;
 * a look-up hashes each label of the sample, walks what hangs there, and
 * verifies the remaining pairs. The cost is that of the labels and the
 * matches, however many queries there are.
 *
 * Queries of different scopes (one for each metric family, say) share the
 * table and never meet. Pure; about 100 bytes a query.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "proto/label.h"

#define LABEL_INDEX_MAX_PAIRS 16           /* of one query */
#define LABEL_INDEX_MAX_TEXT  UINT16_MAX   /* bytes of one name or value */
#define LABEL_INDEX_MAX_BYTES (256u << 20) /* all names and values */

struct label_index_entry;

struct label_index {
	struct label_index_entry *entries;
	uint32_t *slots; /* hash to the first entry of its chain */
	uint32_t n_entries;
	uint32_t n_slots; /* a power of two, or 0 */
	struct buf text;  /* the pairs of all queries */
	uint64_t seed;
};

/* @number: what was given to label_index_add(). */
typedef void (*label_index_cb)(void *context, uint32_t number);

/* Cannot fail and allocates nothing. @seed as for map_init(). */
void label_index_init(struct label_index *index, uint64_t seed);
void label_index_fini(struct label_index *index);

/*
 * label_index_add() - remember a query under @number
 *
 * Copies the pairs; they must have different names. Returns 0, -EINVAL for
 * none or too many pairs, -E2BIG beyond a limit above, or -ENOMEM; after a
 * failure everything is as before.
 */
int label_index_add(struct label_index *index, uint32_t scope,
                    const struct label *pairs, size_t n_pairs,
                    uint32_t number) MUST_CHECK;

/* Calls @match once for each query of @scope that @labels satisfy, in no
 * particular order. The names in @labels must differ. */
void label_index_match(const struct label_index *index, uint32_t scope,
                       const struct label *labels, size_t n_labels,
                       label_index_cb match, void *context);
