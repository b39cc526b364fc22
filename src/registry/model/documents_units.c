/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "registry/model/documents_parts.h"

void unit_free(struct unit *unit)
{
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++)
		mem_free(unit->fragments[i]);
	mem_free(unit);
}

void slot_free(struct slot *slot)
{
	for (size_t i = 0; i < N_DOCUMENT_KINDS; i++) {
		document_unref(slot->documents[i]);
		document_unref(slot->next[i]);
	}
	mem_free(slot->name);
	mem_free(slot->next_name);
	mem_free(slot->units);
	mem_free(slot);
}

static struct slice key_slice(const struct unit_key *key)
{
	return slice_make((const char *)key, sizeof(*key));
}

struct unit *documents_unit(const struct documents *documents,
                            enum unit_type type, uint64_t id)
{
	const struct unit_key key = { type, id };

	return map_get(&documents->units, key_slice(&key));
}

/* --- what there is --------------------------------------------------------- */

static int see_unit(struct documents *documents, enum unit_type type,
                    const struct object *object)
{
	uint64_t id = object ? object_id(object) : 0;
	struct unit *unit = documents_unit(documents, type, id);

	if (!unit) {
		unit = mem_calloc(1, sizeof(*unit));
		if (!unit)
			return -ENOMEM;
		unit->key = (struct unit_key){ type, id };
		unit->stale = ALL_KINDS;
		if (map_set(&documents->units, key_slice(&unit->key), unit) <
		    0) {
			mem_free(unit);
			return -ENOMEM;
		}
	}
	unit->object = object;
	unit->seen = true;
	return 0;
}

static struct slot *find_slot(const struct documents *documents, uint64_t id)
{
	for (size_t i = 0; i < documents->n_slots; i++) {
		if (documents->slots[i]->id == id)
			return documents->slots[i];
	}
	return NULL;
}

static struct slot *add_slot(struct documents *documents, uint64_t id)
{
	size_t n = documents->n_slots;
	struct slot **slots;
	struct slot *slot;

	slots = mem_realloc(documents->slots, (n + 1) * sizeof(struct slot *));
	if (!slots)
		return NULL;
	documents->slots = slots;
	slot = mem_calloc(1, sizeof(*slot));
	if (!slot)
		return NULL;
	slot->id = id;
	slots[documents->n_slots++] = slot;
	return slot;
}

static int see_slot(struct documents *documents, const struct object *shard)
{
	uint64_t id = shard ? object_id(shard) : 0;
	struct slot *slot = find_slot(documents, id);

	if (!slot)
		slot = add_slot(documents, id);
	if (!slot)
		return -ENOMEM;
	slot->seen = true;
	if (!shard)
		return 0;
	mem_free(slot->next_name);
	slot->next_name = mem_strdup(object_text(shard, SHARD_NAME));
	return slot->next_name ? 0 : -ENOMEM;
}

static int see_all(struct documents *documents)
{
	const struct model *model = documents->model;
	int r = see_slot(documents, NULL);

	if (r == 0)
		r = see_unit(documents, UNIT_SITE, NULL);
	MODEL_FOR_EACH(service, model, KIND_SERVICE)
	r = r ? r : see_unit(documents, UNIT_SERVICE, service);
	MODEL_FOR_EACH(project, model, KIND_PROJECT)
	r = r ? r : see_unit(documents, UNIT_PROJECT, project);
	MODEL_FOR_EACH(shard, model, KIND_SHARD)
	{
		r = r ? r : see_unit(documents, UNIT_SHARD, shard);
		r = r ? r : see_slot(documents, shard);
	}
	return r;
}

static void unsee_all(struct documents *documents)
{
	MAP_FOR_EACH (entry, &documents->units)
		((struct unit *)entry->value)->seen = false;
	for (size_t i = 0; i < documents->n_slots; i++)
		documents->slots[i]->seen = false;
}

/* --- in order --------------------------------------------------------------- */

struct place {
	unsigned section; /* site; services and projects; shards */
	const char *name; /* of the service, or the shard */
	const char *project;
	uint64_t shard; /* that the project is on; of the shard itself */
	struct unit *unit;
};

static struct place place_of(struct unit *unit)
{
	struct place place = { .unit = unit, .name = "", .project = "" };
	const struct object *object = unit->object;

	switch ((enum unit_type)unit->key.type) {
	case UNIT_SITE:
		break;
	case UNIT_SERVICE:
		place.section = 1;
		place.name = object_text(object, SERVICE_NAME);
		break;
	case UNIT_PROJECT:
		place.section = 1;
		place.name = object_text(object_ref(object, PROJECT_SERVICE),
		                         SERVICE_NAME);
		place.project = object_text(object, PROJECT_NAME);
		place.shard = object_id(object_ref(object, PROJECT_SHARD));
		break;
	case UNIT_SHARD:
		place.section = 2;
		place.name = object_text(object, SHARD_NAME);
		place.shard = unit->key.id;
		break;
	}
	return place;
}

static int compare_places(const void *a_at, const void *b_at)
{
	const struct place *a = a_at;
	const struct place *b = b_at;
	int order = (a->section > b->section) - (a->section < b->section);

	if (order == 0)
		order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->project, b->project);
}

static struct place *sorted_places(const struct documents *documents,
                                   size_t *np)
{
	struct place *places = mem_calloc(documents->units.n, sizeof(*places));
	size_t n = 0;

	if (!places)
		return NULL;
	MAP_FOR_EACH (entry, &documents->units) {
		struct unit *unit = entry->value;

		if (unit->seen)
			places[n++] = place_of(unit);
	}
	qsort(places, n, sizeof(*places), compare_places);
	*np = n;
	return places;
}

/* Of the units of a slot, in order: a service stands there if a project of it
 * does. @out NULL: only their number. */
static size_t pick(const struct slot *slot, const struct place *places,
                   size_t n, struct unit **out)
{
	struct unit *service = NULL;
	size_t n_picked = 0;

	for (size_t i = 0; i < n; i++) {
		struct unit *unit = places[i].unit;
		enum unit_type type = (enum unit_type)unit->key.type;

		if (slot->id && type == UNIT_SERVICE) {
			service = unit;
			continue;
		}
		if (slot->id && type != UNIT_SITE &&
		    places[i].shard != slot->id)
			continue;
		if (type == UNIT_PROJECT && service) {
			if (out)
				out[n_picked] = service;
			n_picked++;
			service = NULL;
		}
		if (out)
			out[n_picked] = unit;
		n_picked++;
	}
	return n_picked;
}

static int fill_slot(struct slot *slot, const struct place *places, size_t n)
{
	size_t n_units = pick(slot, places, n, NULL);
	struct unit **units =
		mem_realloc(slot->units, n_units * sizeof(*units) + 1);

	if (!units)
		return -ENOMEM;
	slot->units = units;
	slot->n_units = pick(slot, places, n, units);
	slot->stale = ALL_KINDS;
	return 0;
}

static int arrange(struct documents *documents)
{
	size_t n_places = 0;
	struct place *places = sorted_places(documents, &n_places);
	int r = 0;

	if (!places)
		return -ENOMEM;
	for (size_t i = 0; i < documents->n_slots && r == 0; i++) {
		if (documents->slots[i]->seen)
			r = fill_slot(documents->slots[i], places, n_places);
	}
	mem_free(places);
	return r;
}

int documents_arrange(struct documents *documents)
{
	int r;

	unsee_all(documents);
	r = see_all(documents);
	return r < 0 ? r : arrange(documents);
}

void documents_forget(struct documents *documents)
{
	size_t n = 0;

	for (size_t i = 0; i < documents->n_slots; i++) {
		struct slot *slot = documents->slots[i];

		if (slot->seen)
			documents->slots[n++] = slot;
		else
			slot_free(slot);
	}
	documents->n_slots = n;
	for (size_t i = 0; i < documents->units.cap;) {
		struct map_entry *entry = map_next(&documents->units, i);
		struct unit *unit;

		if (!entry)
			break;
		unit = entry->value;
		if (unit->seen) {
			i = (size_t)(entry - documents->units.entries) + 1;
			continue;
		}
		(void)map_remove(&documents->units, key_slice(&unit->key));
		unit_free(unit);
		/* another may have taken its place */
		i = (size_t)(entry - documents->units.entries);
	}
}
