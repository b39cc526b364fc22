/* SPDX-License-Identifier: Apache-2.0 */
/*
 * facts: what is known of a series or an alert beside its value: the words
 * that a step, a notice or a template may want.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/slice.h"
#include "proto/label.h"

/* What is kept; labels and annotations beyond are left out, values are cut. */
#define FACTS_MAX_LABELS 64 /* and as many annotations */
#define FACTS_MAX_VALUE  4096
#define FACTS_MAX_TEXT   (32u << 10) /* bytes of all of it */

/* Text that a source has is borrowed; that of a copy lies behind it. */
struct facts {
	const struct label *labels;
	size_t n_labels;
	const struct label *annotations; /* of an alert */
	size_t n_annotations;
	struct slice value; /* of an alert, in words; empty: it has none */
	struct slice generator_url; /* of an alert: what says more of it */
	int64_t starts_ms;          /* of an alert, Unix time; 0: not known */
	uint32_t n_refs;            /* of a copy; private */
};

/* One block of memory, in which `value` and `generator_url` end with a NUL, with one reference.
 * NULL: out of memory. */
struct facts *facts_copy(const struct facts *facts) MUST_CHECK;

/* Of a copy: those who know the same share it. */
struct facts *facts_ref(struct facts *facts);
void facts_unref(struct facts *facts); /* NULL is fine */

/* Would a copy of one be as good as one of the other? */
bool facts_equal(const struct facts *a, const struct facts *b);

/*
 * facts_identity() - a name for a set of labels: {a="b",c="d"}
 *
 * Sorted by name, values escaped as in an exposition, so that different sets
 * have different names. What is longer than @size - 1 bytes ends with a hash
 * of the whole instead. @size is at least FACTS_IDENTITY_MIN. The text ends
 * with a NUL.
 */
#define FACTS_IDENTITY_MIN 64
void facts_identity(const struct label *labels, size_t n_labels, char *out,
                    size_t size);
