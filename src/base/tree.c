/* SPDX-License-Identifier: Apache-2.0 */
#include "base/tree.h"

#include <stdint.h>
#include "base/rng.h"

static uint64_t priority(const struct tree_node *node)
{
	return rng_mix((uint64_t)(uintptr_t)node);
}

/* Where the tree points to @node. */
static struct tree_node **place_of(struct tree *tree, struct tree_node *node)
{
	struct tree_node *parent = node->parent;

	if (!parent)
		return &tree->root;
	return parent->left == node ? &parent->left : &parent->right;
}

/* @node and its parent change places; the order stays. */
static void rotate_up(struct tree *tree, struct tree_node *node)
{
	struct tree_node *parent = node->parent;
	struct tree_node *moved;

	*place_of(tree, parent) = node;
	node->parent = parent->parent;
	parent->parent = node;
	if (parent->left == node) {
		moved = node->right;
		node->right = parent;
		parent->left = moved;
	} else {
		moved = node->left;
		node->left = parent;
		parent->right = moved;
	}
	if (moved)
		moved->parent = parent;
}

void tree_insert(struct tree *tree, struct tree_node *node, const void *key,
                 tree_compare_fn compare)
{
	struct tree_node **place = &tree->root;
	struct tree_node *parent = NULL;

	while (*place) {
		parent = *place;
		place = compare(key, parent) < 0 ? &parent->left
		                                 : &parent->right;
	}
	*place = node;
	*node = (struct tree_node){ NULL, NULL, parent };
	while (node->parent && priority(node) > priority(node->parent))
		rotate_up(tree, node);
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
	struct tree_node *left;
	struct tree_node *right;
	struct tree_node *child;

	while ((left = node->left) && (right = node->right))
		rotate_up(tree,
		          priority(left) > priority(right) ? left : right);
	child = node->left ? node->left : node->right;
	*place_of(tree, node) = child;
	if (child)
		child->parent = node->parent;
	*node = (struct tree_node){ NULL, NULL, NULL };
}

struct tree_node *tree_seek(const struct tree *tree, const void *key,
                            tree_compare_fn compare)
{
	struct tree_node *found = NULL;

	for (struct tree_node *node = tree->root; node;) {
		if (compare(key, node) <= 0) {
			found = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return found;
}

struct tree_node *tree_find(const struct tree *tree, const void *key,
                            tree_compare_fn compare)
{
	struct tree_node *node = tree_seek(tree, key, compare);

	return node && compare(key, node) == 0 ? node : NULL;
}

struct tree_node *tree_first(const struct tree *tree)
{
	struct tree_node *node = tree->root;

	while (node && node->left)
		node = node->left;
	return node;
}

struct tree_node *tree_next(const struct tree_node *node)
{
	struct tree_node *next = node->right;

	if (next) {
		while (next->left)
			next = next->left;
		return next;
	}
	while (node->parent && node->parent->right == node)
		node = node->parent;
	return node->parent;
}
