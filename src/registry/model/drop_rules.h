/* SPDX-License-Identifier: Apache-2.0 */
/*
 * drop_rules: alerts that nobody is to be told of, known by their labels:
 * heartbeats, severity=~"debug|blackhole". `drop_alerts` of the configuration.
 */
#pragma once

#include <stddef.h>
#include "base/err.h"
#include "base/macros.h"
#include "proto/label.h"

struct drop_rules;

/* @texts: lists as core/matcher.h has them; copied. 0 with *rulesp set (NULL:
 * there are none), -EINVAL with words, -ENOMEM. */
int drop_rules_new(const char *const *texts, size_t n,
                   struct drop_rules **rulesp, struct err *err) MUST_CHECK;
void drop_rules_free(struct drop_rules *rules); /* NULL is fine */

/* The first whose matchers all match; -1: none. @rules may be NULL. */
int drop_rules_find(const struct drop_rules *rules, const struct label *labels,
                    size_t n_labels);

/* As it was written. */
const char *drop_rules_text(const struct drop_rules *rules, size_t i);
