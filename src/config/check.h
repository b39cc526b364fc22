/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check: the shape of a document against the tables of libcyaml: unknown and
 * repeated keys, lists where a text should be, values that are missing. All
 * of it at once, where libcyaml would stop at the first.
 *
 * What is wrong is marked in the tree (`skip`). The rest can be written out
 * again, for libcyaml to load and for the values in it to be looked at in the
 * same run.
 */
#pragma once

#include "base/buf.h"
#include "config/problems.h"
#include "config/schema.h"
#include "config/yaml_tree.h"

/* Returns whether libcyaml can load the text as it is. Where it cannot,
 * problems need not have been reported: an empty section is harmless. */
bool check_tree(struct yaml_tree *tree, const cyaml_schema_value_t *schema,
                struct problems *problems) MUST_CHECK;

/* What is sound of a tree that was checked, as JSON, which is YAML. Aliases
 * are written out. A failure stays in `out->failed`. */
void check_write(const struct yaml_tree *tree,
                 const cyaml_schema_value_t *schema, struct buf *out);
