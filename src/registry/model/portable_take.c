/* SPDX-License-Identifier: Apache-2.0 */
/* The part of portable.h that reads a model. */
#include "registry/model/portable.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"

/* The objects of one list, to be sorted. */
struct objects {
	struct object **items;
	size_t n;
	size_t cap;
};

struct taking {
	struct portable *portable;
	const struct model *model;
	bool secrets;
};

/* --- order ---------------------------------------------------------------- */

static int compare_texts(const char *a, const char *b)
{
	return slice_compare(slice_from(a), slice_from(b));
}

static int compare_field(enum kind kind, unsigned field, const struct object *a,
                         const struct object *b)
{
	const struct field *info = &kinds[kind].fields[field];
	const struct object *to_a, *to_b;
	int64_t x, y;

	switch (info->type) {
	case FIELD_TEXT:
		return compare_texts(object_text(a, field),
		                     object_text(b, field));
	case FIELD_REF:
		to_a = object_ref(a, field);
		to_b = object_ref(b, field);
		if (!to_a || !to_b)
			return !to_b - !to_a;
		return compare_texts(object_text(to_a, 0),
		                     object_text(to_b, 0));
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
		x = object_number(a, field);
		y = object_number(b, field);
		return (x > y) - (x < y);
	case FIELD_LABELS:
	case FIELD_PARAMS:
	default:
		return 0;
	}
}

/* By all that they say, from the first field on; of equals the older first.
 * Of notifiers what tells them apart without their secrets comes first. */
static int compare(const void *left, const void *right)
{
	static const unsigned notifier[] = { NOTIFIER_SENDER, NOTIFIER_ALIAS,
		                             NOTIFIER_MATCH,  NOTIFIER_ENABLED,
		                             NOTIFIER_OWNER,  NOTIFIER_VALUE };
	const struct object *a = *(struct object *const *)left;
	const struct object *b = *(struct object *const *)right;
	enum kind kind = object_kind(a);
	size_t n = kind == KIND_NOTIFIER ? ARRAY_SIZE(notifier)
	                                 : kinds[kind].n_fields;
	int order = 0;

	for (size_t i = 0; i < n && order == 0; i++)
		order = compare_field(
			kind, kind == KIND_NOTIFIER ? notifier[i] : (unsigned)i,
			a, b);
	if (order == 0)
		order = object_id(a) < object_id(b) ? -1 : 1;
	return order;
}

static int objects_add(struct objects *objects, struct object *object)
{
	size_t cap = objects->cap ? objects->cap * 2 : 16;
	struct object **items;

	if (objects->n == objects->cap) {
		items = mem_realloc(objects->items,
		                    cap * sizeof(struct object *));
		if (!items)
			return -ENOMEM;
		objects->items = items;
		objects->cap = cap;
	}
	objects->items[objects->n++] = object;
	return 0;
}

/* --- objects -------------------------------------------------------------- */

/* Does it belong to nobody, and is it there for people? */
static bool stands_alone(const struct object *object)
{
	enum kind kind = object_kind(object);

	if (kind == KIND_NODE)
		return !object_number(object, NODE_DELETED);
	for (size_t i = 0; i < n_portable_sections; i++) {
		const struct portable_section *section = &portable_sections[i];

		if (section->kind == kind && section->field >= 0 &&
		    object_ref(object, (unsigned)section->field))
			return false;
	}
	return true;
}

/* Does it belong to that section's owner, and not to what is below it? */
static bool belongs(const struct object *object,
                    const struct portable_section *section)
{
	for (size_t i = 0; i < n_portable_sections; i++) {
		const struct portable_section *other = &portable_sections[i];

		if (other->kind == section->kind && other != section &&
		    other->field > section->field &&
		    object_ref(object, (unsigned)other->field))
			return false;
	}
	return true;
}

static bool labels_are_none(const struct label_set *set)
{
	return !set || set->n == 0;
}

/* Borrows; what is as it would be anyway is not given. */
static void take_field(struct taking *taking, struct portable_item *item,
                       const struct object *object, unsigned field)
{
	const struct field *info = &kinds[item->kind].fields[field];
	union value fallback = field_fallback(info);
	union value value = object_values(object)[field];
	bool key = field == 0 || info->flags & FIELD_REQUIRED;
	bool given = false;

	switch (info->type) {
	case FIELD_TEXT:
		given = value.text && strcmp(value.text, fallback.text) != 0;
		given = given || key;
		break;
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
		given = key || value.number != fallback.number;
		break;
	case FIELD_REF:
		given = value.object != NULL;
		if (given)
			value.text = object_text(value.object, 0);
		break;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		given = !labels_are_none(value.labels);
		break;
	default:
		break;
	}
	if (info->flags & FIELD_SECRET && !taking->secrets)
		given = false;
	if (!given)
		return;
	item->values[field] = value;
	item->given |= 1u << field;
}

static int take_object(struct taking *taking,
                       const struct portable_section *section,
                       struct portable_item *owner, const struct object *object,
                       struct portable_item **itemp)
{
	struct portable_item *item =
		portable_item(taking->portable, owner, section->kind);
	struct portable_item *other;

	if (!item)
		return -ENOMEM;
	for (unsigned i = 0; i < kinds[section->kind].n_fields; i++) {
		if (portable_has_field(section, i))
			take_field(taking, item, object, i);
	}
	*itemp = item;
	return portable_add(taking->portable, item, &other);
}

int portable_objects(const struct model *model,
                     const struct portable_section *section,
                     const struct object *owner, struct object ***objectsp,
                     size_t *np)
{
	struct objects objects = { 0 };
	int r = 0;

	if (owner) {
		OBJECT_FOR_EACH(object, owner, section->kind,
		                (unsigned)section->field)
		if (r == 0 && belongs(object, section))
			r = objects_add(&objects, object);
	} else {
		MODEL_FOR_EACH(object, model, section->kind)
		if (r == 0 && stands_alone(object))
			r = objects_add(&objects, object);
	}
	if (r < 0) {
		mem_free(objects.items);
		objects = (struct objects){ 0 };
	}
	if (objects.n > 1)
		qsort(objects.items, objects.n, sizeof(struct object *),
		      compare);
	*objectsp = objects.items;
	*np = objects.n;
	return r;
}

/* The depth is that of the table of sections: four. */
static int take_sections(struct taking *taking, struct portable_item *owner,
                         const struct object *object)
{
	enum kind kind = object ? object_kind(object) : N_KINDS;
	const struct portable_section *section;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (section = portable_section(kind, &at))) {
		struct object **objects;
		struct portable_item *item;
		size_t n;

		if (section->flat)
			continue;
		r = portable_objects(taking->model, section, object, &objects,
		                     &n);
		for (size_t i = 0; r == 0 && i < n; i++) {
			r = take_object(taking, section, owner, objects[i],
			                &item);
			if (r == 0)
				r = take_sections(taking, item, objects[i]);
		}
		mem_free(objects);
		if (!object)
			taking->portable->sections |= 1u << section->kind;
	}
	return r;
}

int portable_take(struct portable *portable, const struct model *model,
                  bool secrets)
{
	struct taking taking = { portable, model, secrets };

	return take_sections(&taking, portable->root, NULL);
}
