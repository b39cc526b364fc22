/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "registry/model/documents_parts.h"
#include "registry/model/rules_yaml.h"
#include "registry/model/targets_json.h"

const char *document_kind_name(enum document_kind kind)
{
	static const char *const names[] = {
		[DOCUMENT_TARGETS] = "targets",
		[DOCUMENT_URLS] = "urls",
		[DOCUMENT_RULES] = "rules",
		[DOCUMENT_NODES] = "nodes",
	};

	return names[kind];
}

struct document *document_ref(struct document *document)
{
	document->n_refs++;
	return document;
}

void document_unref(struct document *document)
{
	if (document && --document->n_refs == 0)
		mem_free(document);
}

struct documents *documents_new(const struct model *model,
                                const struct documents_options *options)
{
	struct documents *documents = mem_calloc(1, sizeof(*documents));

	if (!documents)
		return NULL;
	documents->model = model;
	documents->stale_structure = true;
	buf_init(&documents->text, FRAGMENT_MAX);
	map_init(&documents->units, 0);
	map_init(&documents->names, 0);
	documents->options.site = mem_strdup(options->site);
	documents->options.external_url = mem_strdup(options->external_url);
	if (!documents->options.site || !documents->options.external_url) {
		documents_free(documents);
		return NULL;
	}
	return documents;
}

void documents_free(struct documents *documents)
{
	if (!documents)
		return;
	for (size_t i = 0; i < documents->n_slots; i++)
		slot_free(documents->slots[i]);
	MAP_FOR_EACH (entry, &documents->units)
		unit_free(entry->value);
	map_fini(&documents->units);
	map_fini(&documents->names);
	mem_free(documents->slots);
	mem_free(documents->joined);
	deflater_free(documents->deflater);
	buf_fini(&documents->text);
	mem_free((char *)(uintptr_t)documents->options.site);
	mem_free((char *)(uintptr_t)documents->options.external_url);
	mem_free(documents);
}

size_t documents_n_too_large(const struct documents *documents, char *title)
{
	size_t n = 0;

	for (size_t i = 0; i < documents->n_slots; i++) {
		const struct slot *slot = documents->slots[i];

		if (slot->too_large && n++ == 0)
			(void)snprintf(title, OBJECT_TITLE_MAX, "%s%s",
			               slot->id ? "all of shard "
			                        : "all shards together",
			               slot->id ? slot->name : "");
	}
	MAP_FOR_EACH (entry, &documents->units) {
		const struct unit *unit = entry->value;

		if (!unit->seen || !unit->too_large)
			continue;
		if (n++ == 0 && !unit->object)
			(void)snprintf(title, OBJECT_TITLE_MAX, "global rules");
		else if (n == 1)
			(void)object_title(unit->object, title);
	}
	return n;
}

struct document *documents_get(const struct documents *documents,
                               const char *shard, enum document_kind kind)
{
	const struct slot *slot = NULL;

	if (shard)
		slot = map_get(&documents->names, slice_from(shard));
	else if (documents->n_slots)
		slot = documents->slots[0];
	return slot ? slot->documents[kind] : NULL;
}

/* --- rules as they are now ------------------------------------------------ */

struct owners {
	uint64_t *items; /* twice the id, and one more for a project */
	size_t n, cap;
	int failed;
};

static void owners_add(void *context, enum unit_type type, uint64_t id,
                       unsigned stale)
{
	struct owners *owners = context;

	if (!(stale & BIT(DOCUMENT_RULES)) || type == UNIT_SHARD)
		return;
	if (owners->n == owners->cap) {
		size_t cap = owners->cap ? 2 * owners->cap : 64;
		uint64_t *items =
			mem_realloc(owners->items, cap * sizeof(*items));

		if (!items) {
			owners->failed = -ENOMEM;
			return;
		}
		owners->items = items;
		owners->cap = cap;
	}
	owners->items[owners->n++] = 2 * id + (type == UNIT_PROJECT);
}

static void owners_add_all(struct owners *owners, const struct model *model)
{
	unsigned rules = BIT(DOCUMENT_RULES);

	owners_add(owners, UNIT_SITE, 0, rules);
	MODEL_FOR_EACH(service, model, KIND_SERVICE)
	owners_add(owners, UNIT_SERVICE, object_id(service), rules);
	MODEL_FOR_EACH(project, model, KIND_PROJECT)
	owners_add(owners, UNIT_PROJECT, object_id(project), rules);
}

static int compare_owners(const void *a_at, const void *b_at)
{
	uint64_t a = *(const uint64_t *)a_at;
	uint64_t b = *(const uint64_t *)b_at;

	return (a > b) - (a < b);
}

static int write_owners(const struct documents *documents,
                        struct owners *owners, struct buf *out)
{
	uint32_t n_rules = 0;
	size_t before;
	int r = buf_puts(out, "groups:\n");

	before = out->n;
	if (owners->n)
		qsort(owners->items, owners->n, sizeof(*owners->items),
		      compare_owners);
	for (size_t i = 0; i < owners->n && r == 0; i++) {
		uint64_t item = owners->items[i];
		const struct object *owner = model_find(
			documents->model,
			item & 1 ? KIND_PROJECT : KIND_SERVICE, item / 2);

		if ((i && item == owners->items[i - 1]) || (item && !owner))
			continue;
		r = rules_write(documents->model, owner, &documents->options,
		                false, out, &n_rules);
	}
	if (r == 0 && out->n == before) {
		out->n = before - strlen("groups:\n");
		r = buf_puts(out, "groups: []\n");
	}
	return r;
}

int documents_rules_text(const struct documents *documents,
                         const struct record *records, size_t n,
                         struct buf *out)
{
	struct owners owners = { 0 };
	int r;

	if (records)
		documents_concerned(documents->model, records, n, owners_add,
		                    &owners);
	else
		owners_add_all(&owners, documents->model);
	r = owners.failed ? owners.failed
	                  : write_owners(documents, &owners, out);
	mem_free(owners.items);
	return r;
}

/* --- documents of one owner ------------------------------------------------ */

static int compare_projects(const void *a_at, const void *b_at)
{
	const struct object *a = *(const struct object *const *)a_at;
	const struct object *b = *(const struct object *const *)b_at;

	return strcmp(object_text(a, PROJECT_NAME),
	              object_text(b, PROJECT_NAME));
}

static int write_project(const struct object *project, enum document_kind kind,
                         struct buf *out)
{
	uint32_t n = 0;

	return kind == DOCUMENT_URLS ? targets_write_urls(project, out, &n)
	                             : targets_write_project(project, out, &n);
}

static int write_projects(const struct object *service, enum document_kind kind,
                          struct buf *out)
{
	uint32_t n = object_n_children(service, KIND_PROJECT, PROJECT_SERVICE);
	const struct object **projects;
	size_t at = 0;
	int r = 0;

	if (n == 0)
		return 0;
	projects = mem_calloc(n, sizeof(struct object *));
	if (!projects)
		return -ENOMEM;
	OBJECT_FOR_EACH(project, service, KIND_PROJECT, PROJECT_SERVICE)
	projects[at++] = project;
	qsort(projects, at, sizeof(struct object *), compare_projects);
	for (size_t i = 0; i < at && r == 0; i++)
		r = write_project(projects[i], kind, out);
	mem_free(projects);
	return r;
}

static int write_groups(const struct object *owner, enum document_kind kind,
                        struct buf *out)
{
	struct buf groups;
	int r;

	buf_init(&groups, out->max);
	r = object_kind(owner) == KIND_PROJECT
	            ? write_project(owner, kind, &groups)
	            : write_projects(owner, kind, &groups);
	if (r == 0 && groups.n == 0)
		(void)buf_puts(out, "[]\n");
	if (r == 0 && groups.n)
		(void)buf_puts(out, "[\n");
	if (r == 0 && groups.n && buf_append(out, groups.p, groups.n) == 0)
		(void)buf_puts(out, "\n]\n");
	buf_fini(&groups);
	return r < 0 ? r : out->failed;
}

int documents_of(const struct documents *documents, const struct object *owner,
                 enum document_kind kind, bool all, struct buf *out)
{
	uint32_t n = 0;
	struct buf groups;
	int r;

	if (kind != DOCUMENT_RULES)
		return write_groups(owner, kind, out);
	buf_init(&groups, out->max);
	r = rules_write(documents->model, owner, &documents->options, all,
	                &groups, &n);
	if (r == 0) {
		(void)buf_puts(out, groups.n ? "groups:\n" : "groups: []\n");
		r = buf_append(out, groups.p, groups.n);
	}
	buf_fini(&groups);
	return r;
}
