/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rules_yaml: the rule groups of one service or project, or those of all, as
 * Prometheus reads rule files.
 * https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
 *
 * Every text is double-quoted (YAML 1.2, 7.3.1), so that nothing in it can be
 * taken for anything else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"
#include "registry/model/documents.h"

/*
 * rules_write() - the groups of @owner: one, and one for each interval
 * @owner: a service or a project; NULL: the rules for all
 * @all: also those that are disabled
 *
 * Labels `service` and `project` are forced to those of the owner, and
 * <exclude> becomes matchers that leave out those who override a rule. Writes
 * nothing if there is nothing; returns the failure of @out, or -ENOMEM.
 */
int rules_write(const struct model *model, const struct object *owner,
                const struct documents_options *options, bool all,
                struct buf *out, uint32_t *np) MUST_CHECK;

/* @text between double quotes. What is not UTF-8 becomes U+FFFD. */
void yaml_write_text(struct buf *out, struct slice text);
