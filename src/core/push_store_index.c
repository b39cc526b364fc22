/* SPDX-License-Identifier: Apache-2.0 */
#include "core/push_store_parts.h"

#include <errno.h>
#include "base/mem.h"

/* --- chunks ------------------------------------------------------------------ */

void chunk_unref(struct store_chunk *chunk)
{
	if (chunk && --chunk->refs == 0)
		mem_free(chunk);
}

/* --- families ---------------------------------------------------------------- */

static int compare_family(const void *key, const struct tree_node *node)
{
	const struct slice *name = key;
	const struct store_family *family =
		container_of(node, struct store_family, node);

	return slice_compare(*name, family->name);
}

struct store_family *family_find(const struct push_store *store,
                                 struct slice name)
{
	return map_get(&store->family_by_name, name);
}

/* With a reference for the caller. */
struct store_family *family_obtain(struct push_store *store, struct slice name)
{
	struct store_family *family = family_find(store, name);

	if (family) {
		family->refs++;
		return family;
	}
	family = mem_alloc(sizeof(*family) + name.n);
	if (!family)
		return NULL;
	*family = (struct store_family){ .refs = 1 };
	memcpy(family->text, name.p, name.n);
	family->name = slice_make(family->text, name.n);
	family->hash = map_hash(store->seed, name.p, name.n);
	if (map_set(&store->family_by_name, family->name, family) < 0) {
		mem_free(family);
		return NULL;
	}
	tree_insert(&store->families, &family->node, &family->name,
	            compare_family);
	return family;
}

void family_unref(struct push_store *store, struct store_family *family)
{
	if (!family || --family->refs > 0)
		return;
	(void)map_remove(&store->family_by_name, family->name);
	tree_remove(&store->families, &family->node);
	mem_free((void *)family->help.p);
	mem_free(family);
}

/* --- metrics ----------------------------------------------------------------- */

struct push_metric *metric_by_id(const struct push_store *store, uint32_t id)
{
	return &store->pages[id / METRICS_PER_PAGE][id % METRICS_PER_PAGE];
}

static int add_page(struct push_store *store)
{
	struct push_metric *page;

	if (store->n_pages >= METRIC_MAX_ID / METRICS_PER_PAGE)
		return -ENOMEM;
	if (store->n_pages == store->cap_pages) {
		uint32_t cap = store->cap_pages ? store->cap_pages * 2 : 8;
		void *pages =
			mem_realloc(store->pages, cap * sizeof(*store->pages));

		if (!pages)
			return -ENOMEM;
		store->pages = pages;
		store->cap_pages = cap;
	}
	page = mem_alloc(METRICS_PER_PAGE * sizeof(*page));
	if (!page)
		return -ENOMEM;
	store->pages[store->n_pages] = page;
	for (uint32_t i = METRICS_PER_PAGE; i-- > 0;) {
		page[i].id =
			(store->n_pages * METRICS_PER_PAGE + i) & METRIC_MAX_ID;
		page[i].node.left =
			store->free_metrics ? &store->free_metrics->node : NULL;
		store->free_metrics = &page[i];
	}
	store->n_pages++;
	return 0;
}

struct push_metric *metric_new(struct push_store *store)
{
	struct push_metric *metric;
	uint32_t id;

	if (!store->free_metrics && add_page(store) < 0)
		return NULL;
	metric = store->free_metrics;
	store->free_metrics = metric->node.left
	                              ? container_of(metric->node.left,
	                                             struct push_metric, node)
	                              : NULL;
	id = metric->id;
	*metric = (struct push_metric){ .id = id & METRIC_MAX_ID };
	store->n_metrics++;
	return metric;
}

void metric_free_pages(struct push_store *store)
{
	for (uint32_t i = 0; i < store->n_pages; i++)
		mem_free(store->pages[i]);
	mem_free(store->pages);
	store->pages = NULL;
	store->n_pages = 0;
	store->cap_pages = 0;
	store->free_metrics = NULL;
}

/* The pages stay for the next, and go with the last metric. */
void metric_free(struct push_store *store, struct push_metric *metric)
{
	metric->node.left =
		store->free_metrics ? &store->free_metrics->node : NULL;
	store->free_metrics = metric;
	if (--store->n_metrics == 0)
		metric_free_pages(store);
}

static int compare_metric(const void *key, const struct tree_node *node)
{
	return compare_keys(
		key, container_of(node, struct push_metric, node)->group);
}

struct push_metric *metric_find(const struct store_family *family,
                                const struct store_group *group)
{
	struct tree_node *node =
		tree_find(&family->metrics, group, compare_metric);

	return node ? container_of(node, struct push_metric, node) : NULL;
}

struct push_metric *metric_seek(const struct store_family *family,
                                const struct store_group *group)
{
	struct tree_node *node =
		tree_seek(&family->metrics, group, compare_metric);

	return node ? container_of(node, struct push_metric, node) : NULL;
}

void metric_enter(struct push_store *store, struct push_metric *metric)
{
	struct store_family *family = metric->family;

	tree_insert(&family->metrics, &metric->node, metric->group,
	            compare_metric);
	if (family->n_metrics++ == 0)
		store->n_live_families++;
}

struct slice metric_lines(const struct push_metric *metric)
{
	return slice_make(metric->chunk->text + metric->offset, metric->length);
}

static void forget_series(struct push_store *store,
                          const struct push_metric *metric)
{
	for (struct slice lines = metric_lines(metric); lines.n > 0;) {
		struct store_line line = line_take(&lines);

		series_remove(&store->series,
		              (uint32_t)line_hash(metric->family, metric->group,
		                                  &line),
		              metric->id);
	}
}

/* Its lines are replaced, or it goes; the views may still want them. */
void metric_drop_content(struct push_store *store, struct push_metric *metric)
{
	metric->group->n_bytes -= metric->length;
	metric->group->n_series -= metric->n_series;
	store->n_bytes -= metric->length;
	store->n_series -= metric->n_series;
	metric->chunk->dead += metric->length;
	if (!kept_metric(store, metric))
		chunk_unref(metric->chunk);
	metric->chunk = NULL;
}

void metric_remove(struct push_store *store, struct push_metric *metric)
{
	struct store_family *family = metric->family;

	forget_series(store, metric);
	metric_drop_content(store, metric);
	tree_remove(&family->metrics, &metric->node);
	if (--family->n_metrics == 0)
		store->n_live_families--;
	family_unref(store, family);
	metric_free(store, metric);
}

/* --- the table of series ----------------------------------------------------- */

#define SERIES_FIRST_CAP 64

/* Linear probing, at most seven tenths full. */
int series_reserve(struct series_table *table, uint64_t n_more)
{
	struct series_table bigger = { .n = table->n };
	uint64_t cap = table->cap ? table->cap : SERIES_FIRST_CAP;

	while ((table->n + n_more) * 10 > cap * 7)
		cap *= 2;
	if (cap == table->cap)
		return 0;
	bigger.cap = cap;
	bigger.entries = mem_calloc(cap, sizeof(*bigger.entries));
	if (!bigger.entries)
		return -ENOMEM;
	for (uint64_t i = 0; i < table->cap; i++) {
		uint64_t at = table->entries[i].hash & (cap - 1);

		if (table->entries[i].id == 0)
			continue;
		while (bigger.entries[at].id != 0)
			at = (at + 1) & (cap - 1);
		bigger.entries[at] = table->entries[i];
	}
	mem_free(table->entries);
	*table = bigger;
	return 0;
}

void series_remove(struct series_table *table, uint32_t hash, uint32_t id)
{
	uint64_t mask = table->cap - 1;
	uint64_t hole;

	if (table->n == 0)
		return;
	for (hole = hash & mask;; hole = (hole + 1) & mask) {
		if (table->entries[hole].id == 0)
			return;
		if (table->entries[hole].hash == hash &&
		    table->entries[hole].id == id + 1)
			break;
	}
	table->n--;
	/* close the gap: move back what probed past it */
	for (uint64_t i = (hole + 1) & mask; table->entries[i].id != 0;
	     i = (i + 1) & mask) {
		uint64_t home = table->entries[i].hash & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		table->entries[hole] = table->entries[i];
		hole = i;
	}
	table->entries[hole] = (struct series_entry){ 0, 0 };
	if (table->n == 0) {
		mem_free(table->entries);
		*table = (struct series_table){ 0 };
	}
}
