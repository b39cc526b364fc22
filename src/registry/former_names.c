/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/former_names.h"

#include <errno.h>
#include <string.h>
#include "base/map.h"
#include "base/mem.h"

/* Who bears a name, or bore it. */
struct bearer {
	uint64_t id;
	enum kind kind;
	size_t n_key;
	char key[]; /* kind as a letter, then the name (of `former`) or the id
	               (of `known`, whose name follows it) */
};

struct former_names {
	struct registry *registry;
	struct map known;  /* by kind and id: the name as it was seen last */
	struct map former; /* by kind and name */
	uint64_t changes;  /* that were looked at; UINT64_MAX: none */
};

static const enum kind kinds_named[] = { KIND_SERVICE, KIND_PROJECT };

static const char *name_of(const struct object *object)
{
	return object_text(object, object_kind(object) == KIND_SERVICE
	                                   ? (unsigned)SERVICE_NAME
	                                   : (unsigned)PROJECT_NAME);
}

static struct bearer *bearer_new(enum kind kind, uint64_t id, const void *key,
                                 size_t n_key, const char *name)
{
	size_t n_name = name ? strlen(name) + 1 : 0;
	struct bearer *bearer = mem_alloc(sizeof(*bearer) + 1 + n_key + n_name);

	if (!bearer)
		return NULL;
	bearer->id = id;
	bearer->kind = kind;
	bearer->n_key = n_key + 1;
	bearer->key[0] = (char)('a' + kind);
	memcpy(bearer->key + 1, key, n_key);
	if (name)
		memcpy(bearer->key + 1 + n_key, name, n_name);
	return bearer;
}

static struct slice key_of(const struct bearer *bearer)
{
	return slice_make(bearer->key, bearer->n_key);
}

/* Takes @bearer over, in the place of one with the same key. */
static void put(struct map *map, struct bearer *bearer)
{
	if (!bearer)
		return;
	mem_free(map_remove(map, key_of(bearer)));
	if (map_set(map, key_of(bearer), bearer) < 0)
		mem_free(bearer);
}

/* Those that are not there any more. */
static void forget_gone(struct former_names *names, struct map *map)
{
	const struct model *model = registry_model(names->registry);
	struct map old = *map;

	map_init(map, old.seed + 1); /* in another order: no long runs */
	MAP_FOR_EACH (entry, &old) {
		struct bearer *bearer = entry->value;

		if (model_find(model, bearer->kind, bearer->id))
			put(map, bearer);
		else
			mem_free(bearer);
	}
	map_fini(&old);
}

static void note_former(struct former_names *names, enum kind kind, uint64_t id,
                        struct slice name)
{
	struct bearer *bearer = bearer_new(kind, id, name.p, name.n, NULL);

	if (!bearer)
		return;
	if (names->former.n >= FORMER_NAMES_MAX &&
	    !map_get(&names->former, key_of(bearer)))
		forget_gone(names, &names->former);
	if (names->former.n < FORMER_NAMES_MAX ||
	    map_get(&names->former, key_of(bearer)))
		put(&names->former, bearer);
	else
		mem_free(bearer);
}

static void note_known(struct former_names *names, const struct object *object)
{
	uint64_t id = object_id(object);

	put(&names->known, bearer_new(object_kind(object), id, &id, sizeof(id),
	                              name_of(object)));
}

static void look_at(struct former_names *names, const struct object *object)
{
	enum kind kind = object_kind(object);
	uint64_t id = object_id(object);
	char key[1 + sizeof(id)];
	const struct bearer *known;
	const char *name;

	key[0] = (char)('a' + kind);
	memcpy(key + 1, &id, sizeof(id));
	known = map_get(&names->known, slice_make(key, sizeof(key)));
	name = known ? known->key + known->n_key : NULL;
	if (name && strcmp(name, name_of(object)) == 0)
		return;
	if (name)
		note_former(names, kind, id, slice_from(name));
	note_known(names, object);
}

void former_names_look(struct former_names *names)
{
	uint64_t changes = registry_changes(names->registry);
	const struct model *model = registry_model(names->registry);
	size_t n = 0;

	if (names->changes == changes)
		return;
	names->changes = changes;
	for (size_t i = 0; i < ARRAY_SIZE(kinds_named); i++) {
		MODEL_FOR_EACH(object, model, kinds_named[i])
		look_at(names, object);
		n += model_count(model, kinds_named[i]);
	}
	if (names->known.n / 2 > n)
		forget_gone(names, &names->known);
}

/* --- from the audit log ------------------------------------------------------------ */

static void on_row(void *context, const struct store_value *values)
{
	struct former_names *names = context;
	enum kind kind;

	if (values[2].type == STORE_TEXT && kind_find(values[0].text, &kind))
		note_former(names, kind, (uint64_t)values[1].integer,
		            values[2].text);
}

/* The oldest first: the last one counts. */
static const char renames[] =
	"SELECT kind, object_id, was FROM"
	" (SELECT id, kind, object_id, json_extract(old, '$.name') AS was"
	"  FROM audit WHERE op = 'updated' AND kind IN ('service', 'project')"
	"  AND json_extract(old, '$.name') <> json_extract(new, '$.name')"
	"  ORDER BY id DESC LIMIT 10000) ORDER BY id";

int former_names_new(struct registry *registry, uint64_t seed,
                     struct former_names **namesp)
{
	struct former_names *names = mem_calloc(1, sizeof(*names));
	int r;

	if (!names)
		return -ENOMEM;
	names->registry = registry;
	names->changes = UINT64_MAX;
	map_init(&names->known, seed);
	map_init(&names->former, seed);
	r = store_each(registry_store(registry), renames, on_row, names, NULL);
	if (r == -ENOMEM) {
		former_names_free(names);
		return r;
	}
	former_names_look(names);
	*namesp = names;
	return 0;
}

static void free_all(struct map *map)
{
	MAP_FOR_EACH (entry, map)
		mem_free(entry->value);
	map_fini(map);
}

void former_names_free(struct former_names *names)
{
	if (!names)
		return;
	free_all(&names->known);
	free_all(&names->former);
	mem_free(names);
}

/* --- asked --------------------------------------------------------------------------- */

static const struct object *former(void *context, enum kind kind,
                                   struct slice name)
{
	struct former_names *names = context;
	struct bearer *key = bearer_new(kind, 0, name.p, name.n, NULL);
	const struct bearer *bearer;

	if (!key)
		return NULL;
	bearer = map_get(&names->former, key_of(key));
	mem_free(key);
	return bearer ? model_find(registry_model(names->registry), kind,
	                           bearer->id)
	              : NULL;
}

struct routing_names former_names_routing(struct former_names *names)
{
	return (struct routing_names){ .former = former, .context = names };
}
