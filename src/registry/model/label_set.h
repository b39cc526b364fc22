/* SPDX-License-Identifier: Apache-2.0 */
/*
 * label_set: names and values in one block of memory that never changes,
 * sorted by name, and values of one name in the order in which they came.
 */
#pragma once

#include "base/json_writer.h"
#include "proto/json.h"
#include "proto/label.h"

#define LABEL_SET_MAX   64
#define LABEL_SET_BYTES 65536

struct label_set {
	uint32_t n;
	struct label items[];
};

/* Copies and sorts. @several: a name may stand there more than once; else the
 * last counts. 0 with *setp (mem_free; NULL if @n is 0), -ENOMEM, -E2BIG. */
int label_set_new(const struct label *labels, size_t n, bool several,
                  struct label_set **setp, struct err *err) MUST_CHECK;
/* From {"a": "b"}, where @several also {"a": ["b", "c"]}; numbers and truth
 * values become text. -EINVAL with words for anything else. */
int label_set_read(const struct json_t *object, bool several,
                   struct label_set **setp, struct err *err) MUST_CHECK;
/* The opposite; NULL: {}. */
void label_set_write(struct json_writer *json, const struct label_set *set,
                     bool several);
bool label_set_equal(const struct label_set *a, const struct label_set *b);
struct label_set *label_set_copy(const struct label_set *set) MUST_CHECK;
