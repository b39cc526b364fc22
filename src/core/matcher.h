/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matcher: does a set of labels have what is asked for? As in a selector of
 * PromQL, without the braces: job="api",instance=~"web-.*",env!="dev".
 * https://prometheus.io/docs/prometheus/latest/querying/basics/
 *
 * A label that is absent has the empty value. Values stand in quotes of any of
 * PromQL's three kinds, with Go's escapes; so may names. Regular expressions
 * are those of core/pattern.h and must match the whole value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "proto/label.h"

#define MATCHERS_MAX     32   /* of one list */
#define MATCHER_MAX_TEXT 4096 /* bytes of a list */

enum matcher_op {
	MATCHER_EQUAL,
	MATCHER_NOT_EQUAL,
	MATCHER_REGEX,
	MATCHER_NOT_REGEX,
};

struct matchers;

/* 0 with *matchersp set (matchers_free()), -EINVAL with words, -ENOMEM. An
 * empty list matches everything. */
int matchers_parse(struct slice text, struct matchers **matchersp,
                   struct err *err) MUST_CHECK;
void matchers_free(struct matchers *matchers); /* NULL is fine */

bool matchers_match(const struct matchers *matchers, const struct label *labels,
                    size_t n_labels);

/* The pairs that must be equal, at most @max, of each name the first; for
 * core/label_index.h, which finds by them those that may match. Borrowed from
 * @matchers. */
size_t matchers_equal(const struct matchers *matchers, struct label *pairs,
                      size_t max);
