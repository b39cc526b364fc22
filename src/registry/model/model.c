/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/model.h"

#include <assert.h>
#include <string.h>
#include "base/mem.h"
#include "registry/model/check.h"
#include "registry/model/model_private.h"

struct shape shapes[N_KINDS];

bool field_is_ref(const struct field *field)
{
	return field->type == FIELD_REF;
}

bool field_is_number(const struct field *field)
{
	return field->type == FIELD_NUMBER || field->type == FIELD_FLAG ||
	       field->type == FIELD_TIME;
}

void shapes_init(void)
{
	memset(shapes, 0, sizeof(shapes));
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		struct shape *shape = &shapes[kind];

		for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
			const struct field *field = &kinds[kind].fields[i];

			if (!field_is_ref(field))
				continue;
			assert(shape->n_refs < MODEL_MAX_REFS);
			shape->refs[shape->n_refs].field = i;
			shape->refs[shape->n_refs++].head =
				shapes[field->to].n_heads++;
		}
	}
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		struct shape *shape = &shapes[kind];

		shape->links = sizeof(struct object) +
		               kinds[kind].n_fields * sizeof(union value);
		shape->heads =
			shape->links + shape->n_refs * sizeof(struct list);
		shape->size =
			shape->heads + shape->n_heads * sizeof(struct children);
	}
}

struct model *model_new(uint64_t seed)
{
	struct model *model = mem_calloc(1, sizeof(*model));

	if (!model)
		return NULL;
	shapes_init();
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		struct table *table = &model->tables[kind];

		table->next_id = 1;
		for (unsigned i = 0; i < KIND_MAX_KEYS; i++)
			map_init(&table->keys[i], seed + kind);
	}
	return model;
}

void model_free(struct model *model)
{
	if (!model)
		return;
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		struct table *table = &model->tables[kind];
		struct object *object, *next;

		for (object = pages_next(&table->pages, 0); object;
		     object = next) {
			next = pages_next(&table->pages, object->id);
			object_free(object);
		}
		for (unsigned i = 0; i < KIND_MAX_KEYS; i++)
			map_fini(&table->keys[i]);
		pages_fini(&table->pages);
	}
	mem_free(model->tx.records);
	mem_free(model);
}

/* --- objects -------------------------------------------------------------- */

struct list *object_link(const struct object *object, unsigned nth)
{
	char *links = (char *)object + shapes[object->kind].links;

	return (struct list *)(void *)links + nth;
}

struct children *object_head(const struct object *object, unsigned nth)
{
	char *heads = (char *)object + shapes[object->kind].heads;

	return (struct children *)(void *)heads + nth;
}

struct object *object_new(enum kind kind, uint64_t id,
                          const union value *values)
{
	const struct shape *shape = &shapes[kind];
	struct object *object = mem_calloc(1, shape->size);

	if (!object)
		return NULL;
	object->id = id;
	object->kind = kind;
	memcpy(object->values, values, kinds[kind].n_fields * sizeof(*values));
	for (unsigned i = 0; i < shape->n_refs; i++)
		list_init(object_link(object, i));
	for (unsigned i = 0; i < shape->n_heads; i++)
		list_init(&object_head(object, i)->list);
	return object;
}

void object_free(struct object *object)
{
	const struct kind_info *info = &kinds[object->kind];

	for (unsigned i = 0; i < info->n_fields; i++)
		value_free(&info->fields[i], object->values[i]);
	keys_free(object->kind, object->keys, NULL);
	mem_free(object);
}

/* Whose nth link that is. */
static struct object *object_of_link(const struct list *link, enum kind kind,
                                     unsigned nth)
{
	char *links = (char *)(link - nth);

	return (struct object *)(void *)(links - shapes[kind].links);
}

/* Children are sorted by id; who is new is the last, and who comes back when
 * much is undone, the first. */
void object_hang(struct object *object, unsigned nth_ref)
{
	const struct shape *shape = &shapes[object->kind];
	struct object *owner =
		object->values[shape->refs[nth_ref].field].object;
	struct list *link = object_link(object, nth_ref);
	struct children *children;
	struct list *at;

	if (!owner)
		return;
	children = object_head(owner, shape->refs[nth_ref].head);
	at = &children->list;
	children->n++;
	if (!list_empty(at) &&
	    object_of_link(at->next, object->kind, nth_ref)->id > object->id) {
		list_prepend(at, link);
		return;
	}
	while (at->prev != &children->list &&
	       object_of_link(at->prev, object->kind, nth_ref)->id > object->id)
		at = at->prev;
	list_append(at, link);
}

void object_unhang(struct object *object, unsigned nth_ref)
{
	const struct shape *shape = &shapes[object->kind];
	struct object *owner =
		object->values[shape->refs[nth_ref].field].object;

	if (!owner)
		return;
	object_head(owner, shape->refs[nth_ref].head)->n--;
	list_unlink(object_link(object, nth_ref));
}

/* --- looking -------------------------------------------------------------- */

enum kind object_kind(const struct object *object)
{
	return object->kind;
}

uint64_t object_id(const struct object *object)
{
	return object->id;
}

const char *object_text(const struct object *object, unsigned field)
{
	assert(kinds[object->kind].fields[field].type == FIELD_TEXT);
	return object->values[field].text;
}

int64_t object_number(const struct object *object, unsigned field)
{
	assert(field_is_number(&kinds[object->kind].fields[field]));
	return object->values[field].number;
}

struct object *object_ref(const struct object *object, unsigned field)
{
	assert(field_is_ref(&kinds[object->kind].fields[field]));
	return object->values[field].object;
}

const struct label_set *object_labels(const struct object *object,
                                      unsigned field)
{
	assert(kinds[object->kind].fields[field].type >= FIELD_LABELS);
	return object->values[field].labels;
}

bool object_has(const struct object *object, unsigned nth, union value value)
{
	const struct field *field = &kinds[object->kind].fields[nth];
	char host[CHECK_HOST_MAX + 1];

	return value_equal(field->type, value_settled(field, value, host),
	                   object->values[nth]);
}

const union value *object_values(const struct object *object)
{
	return object->values;
}

struct object *model_find(const struct model *model, enum kind kind,
                          uint64_t id)
{
	return pages_get(&model->tables[kind].pages, id);
}

struct object *model_find_key(const struct model *model, enum kind kind,
                              unsigned nth, const union value *values)
{
	const int *key = kinds[kind].keys[nth];
	union value all[KIND_MAX_FIELDS] = { 0 };
	char host[CHECK_HOST_MAX + 1];

	for (unsigned i = 0; key[i] >= 0; i++) {
		const struct field *field = &kinds[kind].fields[key[i]];

		/* an address is found however it is written */
		all[key[i]] = value_settled(field, values[i], host);
	}
	return key_find(model, kind, nth, all);
}

struct object *model_find_name(const struct model *model, enum kind kind,
                               const char *name)
{
	const int *key = kinds[kind].keys[0];

	if (key[1] >= 0 || kinds[kind].fields[key[0]].type != FIELD_TEXT)
		return NULL;
	return model_find_key(model, kind, 0, &(union value){ .text = name });
}

uint32_t model_count(const struct model *model, enum kind kind)
{
	return model->tables[kind].n;
}

struct object *model_next(const struct model *model, enum kind kind,
                          const struct object *after)
{
	return pages_next(&model->tables[kind].pages, after ? after->id : 0);
}

static int ref_of(enum kind kind, unsigned field)
{
	for (unsigned i = 0; i < shapes[kind].n_refs; i++) {
		if (shapes[kind].refs[i].field == field)
			return (int)i;
	}
	return -1;
}

struct object *object_child(const struct object *owner, enum kind kind,
                            unsigned field, const struct object *after)
{
	int nth = ref_of(kind, field);
	struct children *children;
	struct list *link;

	assert(nth >= 0 && kinds[kind].fields[field].to == owner->kind);
	children = object_head(owner, shapes[kind].refs[nth].head);
	link = after ? object_link(after, (unsigned)nth) : &children->list;
	return link->next == &children->list
	               ? NULL
	               : object_of_link(link->next, kind, (unsigned)nth);
}

uint32_t object_n_children(const struct object *owner, enum kind kind,
                           unsigned field)
{
	int nth = ref_of(kind, field);

	assert(nth >= 0 && kinds[kind].fields[field].to == owner->kind);
	return object_head(owner, shapes[kind].refs[nth].head)->n;
}

uint64_t model_next_id(const struct model *model, enum kind kind)
{
	return model->tables[kind].next_id;
}

void model_load_next_id(struct model *model, enum kind kind, uint64_t id)
{
	struct table *table = &model->tables[kind];

	table->next_id = MAX(table->next_id, id);
}
