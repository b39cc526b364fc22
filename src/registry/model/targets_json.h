/* SPDX-License-Identifier: Apache-2.0 */
/*
 * targets_json: the target groups of one project, or the nodes of one shard,
 * as file_sd and http_sd read them: nothing but targets and labels, each value
 * text. https://prometheus.io/docs/prometheus/latest/http_sd/
 *
 * Groups are separated by ",\n"; what stands around them is the document's.
 * Each function appends to @out, whose failure it returns, counts targets to
 * *np, and writes nothing if there is nothing.
 */
#pragma once

#include "base/buf.h"
#include "base/macros.h"
#include "registry/model/model.h"

/*
 * A group for each enabled exporter, set of labels of hosts, and combination of
 * values of params; in the order of job, port, path. No farm: nothing; a farm
 * without hosts: groups without targets.
 */
int targets_write_project(const struct object *project, struct buf *out,
                          uint32_t *np) MUST_CHECK;
/* A group for each probe. */
int targets_write_urls(const struct object *project, struct buf *out,
                       uint32_t *np) MUST_CHECK;
/* One group of the shard's nodes that are not deleted. */
int targets_write_nodes(const struct object *shard, struct buf *out,
                        uint32_t *np) MUST_CHECK;
/* The same nodes as {"id":1,"ip":"…","port":9100}. */
int targets_write_node_rows(const struct object *shard, struct buf *out,
                            uint32_t *np) MUST_CHECK;
