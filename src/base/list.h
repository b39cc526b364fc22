/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list: intrusive, doubly linked, circular. Nothing is allocated; a node that
 * is not in a list points to itself, so that unlinking twice is harmless.
 */
#pragma once

#include <stdbool.h>
#include "base/macros.h"

struct list {
	struct list *next;
	struct list *prev;
};

#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void list_init(struct list *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

/* Also: is this node in no list? */
static inline bool list_unlinked(const struct list *node)
{
	return node->next == node;
}

static inline void list_append(struct list *list, struct list *node)
{
	node->prev = list->prev;
	node->next = list;
	list->prev->next = node;
	list->prev = node;
}

static inline void list_prepend(struct list *list, struct list *node)
{
	list_append(list->next, node);
}

static inline void list_unlink(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Takes the first node out; NULL if there is none. */
static inline struct list *list_pop(struct list *list)
{
	struct list *node = list->next;

	if (node == list)
		return NULL;
	list_unlink(node);
	return node;
}

#define LIST_FOR_EACH(node, head)                              \
	for (struct list *node = (head)->next; node != (head); \
	     node = node->next)

/* The present node may be unlinked in the body. */
#define LIST_FOR_EACH_SAFE(node, head)                                    \
	for (struct list *node = (head)->next, *node##_next = node->next; \
	     node != (head); node = node##_next, node##_next = node->next)
