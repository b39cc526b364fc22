/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include "base/mem.h"
#include "registry/model/documents_parts.h"
#include "registry/model/rules_yaml.h"
#include "registry/model/targets_json.h"

#define JSON_JOINTS                                         \
	{                                                   \
		{ "[\n", 2 }, { ",\n", 2 }, { "\n]\n", 3 }, \
		{                                           \
			"[]\n", 3                           \
		}                                           \
	}

static const struct joints joints_of[N_DOCUMENT_KINDS] = {
	[DOCUMENT_TARGETS] = JSON_JOINTS,
	[DOCUMENT_URLS] = JSON_JOINTS,
	[DOCUMENT_RULES] = { { "groups:\n", 8 },
	                     { "", 0 },
	                     { "", 0 },
	                     { "groups: []\n", 11 } },
	[DOCUMENT_NODES] = JSON_JOINTS,
};

/* --- fragments -------------------------------------------------------------- */

static int write_fragment(struct documents *documents, const struct unit *unit,
                          enum document_kind kind, uint32_t *np)
{
	const struct object *object = unit->object;
	struct buf *out = &documents->text;

	switch ((enum unit_type)unit->key.type) {
	case UNIT_PROJECT:
		if (kind == DOCUMENT_TARGETS)
			return targets_write_project(object, out, np);
		if (kind == DOCUMENT_URLS)
			return targets_write_urls(object, out, np);
		break;
	case UNIT_SHARD:
		if (kind == DOCUMENT_TARGETS)
			return targets_write_nodes(object, out, np);
		if (kind == DOCUMENT_NODES)
			return targets_write_node_rows(object, out, np);
		return 0;
	case UNIT_SITE:
	case UNIT_SERVICE:
		break;
	}
	if (kind != DOCUMENT_RULES)
		return 0;
	return rules_write(documents->model, object, &documents->options, false,
	                   out, np);
}

static bool is_same(const struct fragment *a, const struct fragment *b)
{
	if (!a || !b)
		return a == b;
	return memcmp(a->hash, b->hash, FRAGMENT_HASH_SIZE) == 0;
}

/* The others are not to wait for it. */
static int leave_former(struct documents *documents, struct unit *unit,
                        enum document_kind kind)
{
	buf_fini(&documents->text);
	buf_init(&documents->text, FRAGMENT_MAX);
	unit->stale &= ~BIT(kind);
	unit->too_large |= BIT(kind);
	return 0;
}

static int render_fragment(struct documents *documents, struct unit *unit,
                           enum document_kind kind)
{
	struct fragment *fragment = NULL;
	uint32_t n_items = 0;
	int r;

	buf_reset(&documents->text);
	r = write_fragment(documents, unit, kind, &n_items);
	if (r == -E2BIG)
		return leave_former(documents, unit, kind);
	if (r < 0)
		return r;
	if (documents->text.n) {
		fragment = fragment_new(documents->deflater,
		                        buf_slice(&documents->text), n_items);
		if (!fragment)
			return -ENOMEM;
	}
	unit->stale &= ~BIT(kind);
	unit->too_large &= ~BIT(kind);
	if (is_same(fragment, unit->fragments[kind])) {
		mem_free(fragment);
		return 0;
	}
	mem_free(unit->fragments[kind]);
	unit->fragments[kind] = fragment;
	unit->changed |= BIT(kind);
	return 0;
}

static int render_units(struct documents *documents)
{
	int r = 0;

	MAP_FOR_EACH (entry, &documents->units) {
		struct unit *unit = entry->value;

		for (unsigned kind = 0;
		     r == 0 && unit->seen && kind < N_DOCUMENT_KINDS; kind++) {
			if (unit->stale & BIT(kind))
				r = render_fragment(documents, unit,
				                    (enum document_kind)kind);
		}
	}
	return r;
}

/* --- documents --------------------------------------------------------------- */

static void note_changed(struct documents *documents)
{
	for (size_t i = 0; i < documents->n_slots; i++) {
		struct slot *slot = documents->slots[i];

		for (size_t at = 0; slot->seen && at < slot->n_units; at++)
			slot->stale |= slot->units[at]->changed;
	}
	MAP_FOR_EACH (entry, &documents->units)
		((struct unit *)entry->value)->changed = 0;
}

static void gather(struct documents *documents, const struct slot *slot,
                   enum document_kind kind)
{
	documents->n_joined = 0;
	for (size_t i = 0; i < slot->n_units; i++) {
		const struct fragment *fragment =
			slot->units[i]->fragments[kind];

		if (fragment)
			documents->joined[documents->n_joined++] = fragment;
	}
}

static int make_document(struct documents *documents, struct slot *slot,
                         enum document_kind kind, uint64_t revision)
{
	const struct document *old = slot->documents[kind];
	char etag[DOCUMENT_ETAG_MAX];
	struct document *document;
	int r;

	gather(documents, slot, kind);
	r = fragments_etag(documents->joined, documents->n_joined, etag);
	if (r < 0)
		return r;
	slot->too_large &= ~BIT(kind);
	if (old && strcmp(old->etag, etag) == 0)
		return 0;
	r = fragments_join(documents->joined, documents->n_joined,
	                   &joints_of[kind], &document);
	if (r == -E2BIG)
		slot->too_large |= BIT(kind);
	if (r < 0)
		return r == -E2BIG ? 0 : r;
	document->kind = kind;
	document->revision = revision;
	memcpy(document->etag, etag, sizeof(etag));
	slot->next[kind] = document;
	return 0;
}

static int make_documents(struct documents *documents, uint64_t revision)
{
	const struct fragment **joined = mem_realloc(
		documents->joined, (documents->units.n + 1) * sizeof(*joined));
	int r = 0;

	if (!joined)
		return -ENOMEM;
	documents->joined = joined;
	for (size_t i = 0; i < documents->n_slots; i++) {
		struct slot *slot = documents->slots[i];

		for (unsigned kind = 0;
		     r == 0 && slot->seen && kind < N_DOCUMENT_KINDS; kind++) {
			if (slot->stale & BIT(kind))
				r = make_document(documents, slot,
				                  (enum document_kind)kind,
				                  revision);
		}
	}
	return r;
}

static void drop_next(struct documents *documents)
{
	for (size_t i = 0; i < documents->n_slots; i++) {
		struct slot *slot = documents->slots[i];

		for (size_t kind = 0; kind < N_DOCUMENT_KINDS; kind++) {
			document_unref(slot->next[kind]);
			slot->next[kind] = NULL;
		}
	}
}

/* --- handing out --------------------------------------------------------------- */

struct handing {
	document_changed_cb changed;
	void *context;
};

static bool is_renamed(const struct slot *slot)
{
	return slot->name && slot->next_name &&
	       strcmp(slot->name, slot->next_name) != 0;
}

static void tell_gone(const struct slot *slot, const struct handing *handing)
{
	for (unsigned kind = 0;
	     handing->changed && slot->name && kind < N_DOCUMENT_KINDS; kind++)
		handing->changed(handing->context, slot->name,
		                 (enum document_kind)kind, NULL);
}

/* The new documents take their places; bits of what is to be told. */
static unsigned take_next(struct slot *slot)
{
	unsigned told = is_renamed(slot) ? ALL_KINDS : 0;

	for (unsigned kind = 0; kind < N_DOCUMENT_KINDS; kind++) {
		if (!slot->next[kind])
			continue;
		told |= BIT(kind);
		document_unref(slot->documents[kind]);
		slot->documents[kind] = slot->next[kind];
		slot->next[kind] = NULL;
	}
	if (slot->next_name) {
		mem_free(slot->name);
		slot->name = slot->next_name;
		slot->next_name = NULL;
	}
	slot->stale = 0;
	return told;
}

static void tell(const struct slot *slot, unsigned told,
                 const struct handing *handing)
{
	for (unsigned kind = 0; handing->changed && kind < N_DOCUMENT_KINDS;
	     kind++) {
		if (told & BIT(kind))
			handing->changed(handing->context, slot->name,
			                 (enum document_kind)kind,
			                 slot->documents[kind]);
	}
}

/* Names lie in the slots, where they stay until another map takes over. */
static int name_slots(const struct documents *documents, struct map *names)
{
	map_init(names, 0);
	for (size_t i = 0; i < documents->n_slots; i++) {
		struct slot *slot = documents->slots[i];
		const char *name =
			slot->next_name ? slot->next_name : slot->name;

		if (!slot->seen || !name)
			continue;
		if (map_set(names, slice_from(name), slot) < 0) {
			map_fini(names);
			return -ENOMEM;
		}
	}
	return 0;
}

static void hand_out(struct documents *documents, struct map *names,
                     const struct handing *handing)
{
	for (size_t i = 0; i < documents->n_slots; i++) {
		const struct slot *slot = documents->slots[i];

		if (!slot->seen || is_renamed(slot))
			tell_gone(slot, handing);
	}
	map_fini(&documents->names);
	documents->names = *names;
	if (documents->stale_structure)
		documents_forget(documents);
	documents->stale_structure = false;
	for (size_t i = 0; i < documents->n_slots; i++)
		documents->slots[i]->stale = take_next(documents->slots[i]);
	for (size_t i = 0; i < documents->n_slots; i++) {
		struct slot *slot = documents->slots[i];
		unsigned told = slot->stale;

		slot->stale = 0;
		tell(slot, told, handing);
	}
}

/* --- all of it ------------------------------------------------------------------- */

static int prepare(struct documents *documents, uint64_t revision,
                   struct map *names)
{
	int r = 0;

	if (!documents->deflater)
		documents->deflater = deflater_new();
	if (!documents->deflater)
		return -ENOMEM;
	if (documents->stale_structure)
		r = documents_arrange(documents);
	if (r == 0)
		r = render_units(documents);
	if (r < 0)
		return r;
	note_changed(documents);
	r = make_documents(documents, revision);
	return r < 0 ? r : name_slots(documents, names);
}

int documents_render(struct documents *documents, uint64_t revision,
                     document_changed_cb changed, void *context,
                     struct err *err)
{
	const struct handing handing = { changed, context };
	struct map names;
	int r = prepare(documents, revision, &names);

	if (r < 0) {
		drop_next(documents);
		return err_set(err, r, "out of memory");
	}
	hand_out(documents, &names, &handing);
	return 0;
}
