/* SPDX-License-Identifier: Apache-2.0 */
/* tree: sorted whatever is put in and taken out; a heap by priority, so that
 * it is as deep as chance makes it. */
#include "support/cmocka.h"

#include <stdint.h>
#include "base/rng.h"
#include "base/tree.h"

#define N 2000

struct item {
	struct tree_node node;
	int key;
	bool in;
};

static int compare(const void *key, const struct tree_node *node)
{
	const struct item *item = container_of(node, struct item, node);

	return *(const int *)key - item->key;
}

static struct item *item_of(struct tree_node *node)
{
	return node ? container_of(node, struct item, node) : NULL;
}

static int depth(const struct tree_node *node)
{
	int left = node ? depth(node->left) : -1;
	int right = node ? depth(node->right) : -1;

	if (!node)
		return 0;
	assert_true(!node->left || node->left->parent == node);
	assert_true(!node->right || node->right->parent == node);
	return 1 + MAX(left, right);
}

static void check(const struct tree *tree, const struct item *items)
{
	struct item *at = item_of(tree_first(tree));

	for (int i = 0; i < N; i++) {
		struct item *sought = item_of(tree_seek(tree, &i, compare));

		assert_ptr_equal(sought, at);
		assert_ptr_equal(tree_find(tree, &i, compare),
		                 items[i].in ? &items[i].node : NULL);
		if (!items[i].in)
			continue;
		assert_int_equal(at->key, i);
		at = item_of(tree_next(&at->node));
	}
	assert_null(at);
}

static void test_random(void **state)
{
	static struct item items[N];
	struct tree tree = { NULL };
	struct rng rng = { 5 };

	for (int i = 0; i < N; i++)
		items[i] = (struct item){ .key = i };
	for (int i = 0; i < 20000; i++) {
		struct item *item = &items[rng_below(&rng, N)];

		if (item->in)
			tree_remove(&tree, &item->node);
		else
			tree_insert(&tree, &item->node, &item->key, compare);
		item->in = !item->in;
		if (i % 500 == 0)
			check(&tree, items);
	}
	check(&tree, items);
	for (int i = 0; i < N; i++) {
		if (items[i].in)
			tree_remove(&tree, &items[i].node);
	}
	assert_null(tree.root);
	assert_null(tree_first(&tree));
}

/* The order of insertion does not make it deep. */
static void test_depth(void **state)
{
	static struct item items[N];
	struct tree tree = { NULL };

	for (int i = 0; i < N; i++) {
		items[i] = (struct item){ .key = i, .in = true };
		tree_insert(&tree, &items[i].node, &items[i].key, compare);
	}
	check(&tree, items);
	assert_true(depth(tree.root) < 60); /* 2,000 would be a list */
}

/* Equal keys stay in the order in which they came. */
static void test_equal(void **state)
{
	static struct item items[50];
	struct tree tree = { NULL };
	struct tree_node *node;
	int key = 1;

	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		items[i] = (struct item){ .key = 1 };
		tree_insert(&tree, &items[i].node, &key, compare);
	}
	node = tree_find(&tree, &key, compare);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		assert_ptr_equal(node, &items[i].node);
		node = tree_next(node);
	}
	assert_null(node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
