/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tree: intrusive and ordered; what is kept sorted while it changes.
 *
 * A treap: a search tree by key that is a heap by priority. A node's priority
 * is made from its address, so that nothing is stored for it and no input
 * chooses it. Nothing is allocated and nothing can fail. O(log n) expected;
 * a step to the neighbour is O(1) amortised. The key lies in the owner, who
 * must not change it while the node is in the tree.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include "base/macros.h"

struct tree_node {
	struct tree_node *left;
	struct tree_node *right;
	struct tree_node *parent;
};

/* Less than, equal to or greater than zero, as @key is to that of @node. */
typedef int (*tree_compare_fn)(const void *key, const struct tree_node *node);

struct tree {
	struct tree_node *root;
};

/* @key is that of @node; equal keys are allowed, the new one comes last. */
void tree_insert(struct tree *tree, struct tree_node *node, const void *key,
                 tree_compare_fn compare);
void tree_remove(struct tree *tree, struct tree_node *node);

/* Each NULL if there is none. The first with this key; the first whose key is
 * not less. */
struct tree_node *tree_find(const struct tree *tree, const void *key,
                            tree_compare_fn compare);
struct tree_node *tree_seek(const struct tree *tree, const void *key,
                            tree_compare_fn compare);

struct tree_node *tree_first(const struct tree *tree);
struct tree_node *tree_next(const struct tree_node *node);
