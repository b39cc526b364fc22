/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_store_parts.h"

#include <errno.h>
#include "base/mem.h"

static struct push_view *view_of(struct list *node)
{
	return container_of(node, struct push_view, node);
}

/* Is there a view that sees what was born then? */
bool kept_is_wanted(const struct push_store *store, uint64_t born)
{
	return !list_empty(&store->views) &&
	       view_of(store->views.prev)->version >= born;
}

int kept_reserve(struct push_store *store, uint32_t n)
{
	if (list_empty(&store->views))
		return 0;
	while (store->n_spare < n) {
		struct store_kept *kept = mem_calloc(1, sizeof(*kept));

		if (!kept)
			return -ENOMEM;
		list_append(&store->spare, &kept->in_view);
		store->n_spare++;
	}
	return 0;
}

/* A deletion cannot fail: if there is no memory either, the views do without
 * what it takes away. */
static struct store_kept *take_spare(struct push_store *store)
{
	struct list *node;

	if (store->n_spare == 0 && kept_reserve(store, 1) < 0)
		return NULL;
	node = list_pop(&store->spare);
	store->n_spare--;
	return container_of(node, struct store_kept, in_view);
}

struct kept_key {
	const struct store_group *group;
	uint64_t died;
};

static int compare_kept(const void *key, const struct tree_node *node)
{
	const struct kept_key *wanted = key;
	const struct store_kept *kept =
		container_of(node, struct store_kept, node);
	int order = compare_keys(wanted->group, kept->group);

	if (order != 0)
		return order;
	return wanted->died < kept->died ? -1 : wanted->died > kept->died;
}

struct tree_node *kept_seek(const struct tree *tree,
                            const struct store_group *group)
{
	struct kept_key key = { group, 0 };

	return tree_seek(tree, &key, compare_kept);
}

static struct store_kept *keep(struct push_store *store,
                               struct store_group *group,
                               struct store_family *family, uint64_t born)
{
	struct kept_key key = { group, store->version };
	struct store_kept *kept;

	if (!kept_is_wanted(store, born))
		return NULL;
	kept = take_spare(store);
	if (!kept)
		return NULL;
	kept->group = group;
	group->refs++;
	kept->family = family;
	kept->born = born;
	kept->died = store->version;
	list_append(&view_of(store->views.prev)->kept, &kept->in_view);
	tree_insert(family ? &family->kept : &store->states, &kept->node, &key,
	            compare_kept);
	return kept;
}

bool kept_metric(struct push_store *store, struct push_metric *metric)
{
	struct store_kept *kept = keep(store, metric->group, metric->family,
	                               metric->chunk->version);

	if (!kept)
		return false;
	metric->family->refs++;
	kept->lines.chunk = metric->chunk;
	kept->lines.offset = metric->offset;
	kept->lines.length = metric->length;
	kept->lines.type = metric->family->type;
	list_append(&metric->group->kept, &kept->in_group);
	return true;
}

bool kept_state(struct push_store *store, struct store_group *group)
{
	struct store_kept *kept;

	if (!kept_is_wanted(store, group->version))
		return true;
	kept = keep(store, group, NULL, group->version);
	if (!kept)
		return false;
	kept->state = group->shown;
	list_init(&kept->in_group);
	return true;
}

static void kept_free(struct push_store *store, struct store_kept *kept)
{
	list_unlink(&kept->in_view);
	list_unlink(&kept->in_group);
	if (kept->family) {
		tree_remove(&kept->family->kept, &kept->node);
		chunk_unref(kept->lines.chunk);
		family_unref(store, kept->family);
	} else {
		tree_remove(&store->states, &kept->node);
	}
	group_unref(kept->group);
	mem_free(kept);
}

/* Gives it to the newest view that sees it, if there is one. */
static bool hand_on(struct push_store *store, struct store_kept *kept)
{
	for (struct list *node = store->views.prev; node != &store->views;
	     node = node->prev) {
		struct push_view *view = view_of(node);

		if (view->version < kept->born)
			return false;
		if (view->version >= kept->died)
			continue;
		list_unlink(&kept->in_view);
		list_append(&view->kept, &kept->in_view);
		return true;
	}
	return false;
}

static void free_spare(struct push_store *store)
{
	struct list *node;

	while ((node = list_pop(&store->spare)))
		mem_free(container_of(node, struct store_kept, in_view));
	store->n_spare = 0;
}

void kept_reap(struct push_store *store, uint32_t n)
{
	while (n-- > 0 && !list_empty(&store->orphans)) {
		struct store_kept *kept = container_of(
			store->orphans.next, struct store_kept, in_view);

		if (!hand_on(store, kept))
			kept_free(store, kept);
	}
}

void kept_free_all(struct push_store *store)
{
	kept_reap(store, UINT32_MAX);
	free_spare(store);
}

/* --- views come and go -------------------------------------------------------- */

#define REAP_AT_END 4096 /* contents that the end of a view lets go at once */

struct push_view *push_view_new(struct push_store *store)
{
	return store->n_views < PUSH_STORE_MAX_VIEWS ? view_new(store) : NULL;
}

struct push_view *view_new(struct push_store *store)
{
	struct push_view *view;

	view = mem_calloc(1, sizeof(*view));
	if (!view)
		return NULL;
	view->store = store;
	view->version = store->version;
	list_init(&view->kept);
	list_append(&store->views, &view->node);
	store->n_views++;
	buf_init(&view->scratch, SIZE_MAX / 2);
	return view;
}

void push_view_free(struct push_view *view)
{
	struct push_store *store;

	if (!view)
		return;
	store = view->store;
	list_unlink(&view->node);
	store->n_views--;
	view_set_group(view, NULL, 0);
	family_unref(store, view->family);
	for (uint32_t i = 0; i < view->n_items; i++) {
		chunk_unref(view->items[i].chunk);
		family_unref(store, view->items[i].family);
	}
	mem_free(view->items);
	buf_fini(&view->scratch);
	while (!list_empty(&view->kept)) {
		/* the whole run at once */
		struct list *first = view->kept.next;
		struct list *last = view->kept.prev;

		list_init(&view->kept);
		first->prev = store->orphans.prev;
		store->orphans.prev->next = first;
		last->next = &store->orphans;
		store->orphans.prev = last;
	}
	mem_free(view);
	if (list_empty(&store->views))
		free_spare(store);
	kept_reap(store, REAP_AT_END);
}
