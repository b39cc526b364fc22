/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "registry/model/model_private.h"

/* Appends to @out, or only counts if it is NULL. */
static size_t put(char *out, size_t at, const void *bytes, size_t n)
{
	if (out)
		memcpy(out + at, bytes, n);
	return at + n;
}

/* Text with its NUL, numbers and ids as they lie in memory: what differs in a
 * field differs in the bytes. */
static size_t compose(char *out, enum kind kind, unsigned nth,
                      const union value *values)
{
	const int *key = kinds[kind].keys[nth];
	size_t at = 0;

	for (; *key >= 0; key++) {
		const struct field *field = &kinds[kind].fields[*key];
		union value value = values[*key];
		uint64_t id;

		if (field->type == FIELD_TEXT) {
			at = put(out, at, value.text, strlen(value.text) + 1);
			continue;
		}
		id = field_is_ref(field) && value.object ? value.object->id : 0;
		if (field_is_number(field))
			id = (uint64_t)value.number;
		at = put(out, at, &id, sizeof(id));
	}
	return at;
}

bool key_counts(enum kind kind, const union value *values)
{
	return kind != KIND_NODE || !values[NODE_DELETED].number;
}

struct object *key_find(const struct model *model, enum kind kind, unsigned nth,
                        const union value *values)
{
	char bytes[KEY_MAX];
	size_t n = compose(NULL, kind, nth, values);

	if (n > sizeof(bytes))
		return NULL;
	compose(bytes, kind, nth, values);
	return map_get(&model->tables[kind].keys[nth], slice_make(bytes, n));
}

static struct slice key_slice(enum kind kind, unsigned nth, const char *bytes,
                              const union value *values)
{
	return slice_make(bytes, compose(NULL, kind, nth, values));
}

void keys_free(enum kind kind, char **keys, char *const *but)
{
	for (unsigned i = 0; i < kinds[kind].n_keys; i++) {
		if (!but || keys[i] != but[i])
			mem_free(keys[i]);
	}
}

int keys_make(enum kind kind, const union value *values,
              const struct object *object, char **keys)
{
	for (unsigned i = 0; i < KIND_MAX_KEYS; i++)
		keys[i] = NULL;
	if (!key_counts(kind, values))
		return 0;
	for (unsigned i = 0; i < kinds[kind].n_keys; i++) {
		size_t n = compose(NULL, kind, i, values);
		char *bytes = mem_alloc(n);

		if (!bytes) {
			keys_free(kind, keys, object ? object->keys : NULL);
			return -ENOMEM;
		}
		compose(bytes, kind, i, values);
		keys[i] = bytes;
		if (!object || !object->keys[i] ||
		    !slice_equal(slice_make(bytes, n),
		                 key_slice(kind, i, object->keys[i],
		                           object->values)))
			continue;
		mem_free(bytes);
		keys[i] = object->keys[i];
	}
	return 0;
}

int keys_enter(struct model *model, struct object *object, char *const *keys,
               const union value *values, char *const *but)
{
	enum kind kind = object->kind;

	for (unsigned i = 0; i < kinds[kind].n_keys; i++) {
		struct map *map = &model->tables[kind].keys[i];

		if (!keys[i] || (but && keys[i] == but[i]) ||
		    map_set(map, key_slice(kind, i, keys[i], values), object) ==
		            0)
			continue;
		while (i-- > 0) {
			if (keys[i] && !(but && keys[i] == but[i]))
				map_remove(&model->tables[kind].keys[i],
				           key_slice(kind, i, keys[i], values));
		}
		return -ENOMEM;
	}
	return 0;
}

void keys_leave(struct model *model, enum kind kind, char *const *keys,
                const union value *values, char *const *but)
{
	for (unsigned i = 0; i < kinds[kind].n_keys; i++) {
		if (keys[i] && !(but && keys[i] == but[i]))
			map_remove(&model->tables[kind].keys[i],
			           key_slice(kind, i, keys[i], values));
	}
}
