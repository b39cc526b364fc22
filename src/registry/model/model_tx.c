/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "registry/model/model_private.h"

#define DEFAULT_SHARD "Default"

/* What an update keeps until the end; its record points into `values`. */
struct change {
	char *old_keys[KIND_MAX_KEYS];
	char *new_keys[KIND_MAX_KEYS];
	union value values[]; /* before, and after */
};

struct model_tx *model_begin(struct model *model, int64_t now_s)
{
	struct model_tx *tx = &model->tx;

	assert(!model->changing);
	model->changing = true;
	tx->model = model;
	tx->now_s = now_s;
	tx->bad_field = -1;
	return tx;
}

struct model *model_of(const struct model_tx *tx)
{
	return tx->model;
}

int model_bad_field(const struct model_tx *tx)
{
	return tx->bad_field;
}

const struct record *model_records(const struct model_tx *tx, size_t *np)
{
	*np = tx->n;
	return tx->records;
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "out of memory");
}

/* Room for one more record. */
static int tx_reserve(struct model_tx *tx)
{
	size_t cap = tx->cap ? tx->cap * 2 : 16;
	struct record *records;

	if (tx->n < tx->cap)
		return 0;
	records = mem_realloc(tx->records, cap * sizeof(*records));
	if (!records)
		return -ENOMEM;
	tx->records = records;
	tx->cap = cap;
	return 0;
}

static void tx_note(struct model_tx *tx, enum record_op op,
                    const struct object *object, const union value *old,
                    const union value *new)
{
	tx->records[tx->n++] = (struct record){ op,         object->kind,
		                                object->id, object,
		                                old,        new };
}

static size_t values_size(enum kind kind)
{
	return kinds[kind].n_fields * sizeof(union value);
}

static void hang_all(struct object *object)
{
	for (unsigned i = 0; i < shapes[object->kind].n_refs; i++)
		object_hang(object, i);
}

static void unhang_all(struct object *object)
{
	for (unsigned i = 0; i < shapes[object->kind].n_refs; i++)
		object_unhang(object, i);
}

/* Into all but the records; the values are the object's if it succeeds. */
static int enter(struct model *model, enum kind kind, uint64_t id,
                 const union value *values, struct object **objectp)
{
	struct table *table = &model->tables[kind];
	struct object *object = object_new(kind, id, values);

	if (!object)
		return -ENOMEM;
	if (pages_reserve(&table->pages, id) < 0 ||
	    keys_make(kind, values, NULL, object->keys) < 0) {
		mem_free(object);
		return -ENOMEM;
	}
	if (keys_enter(model, object, object->keys, values, NULL) < 0) {
		keys_free(kind, object->keys, NULL);
		mem_free(object);
		return -ENOMEM;
	}
	pages_set(&table->pages, id, object);
	table->n++;
	hang_all(object);
	*objectp = object;
	return 0;
}

/* The opposite, but for its memory. */
static void leave(struct model *model, struct object *object)
{
	struct table *table = &model->tables[object->kind];

	unhang_all(object);
	keys_leave(model, object->kind, object->keys, object->values, NULL);
	pages_set(&table->pages, object->id, NULL);
	table->n--;
}

/* --- creating ------------------------------------------------------------- */

static int set_all(struct model_tx *tx, struct draft *draft,
                   const struct object *object,
                   const struct assignment *assignments, size_t n,
                   struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		unsigned field = assignments[i].field;
		int rc;

		assert(field < kinds[draft->kind].n_fields);
		rc = draft_set(draft, object, field, assignments[i].value, err);
		if (rc == 0)
			continue;
		tx->bad_field = (int)field;
		return rc;
	}
	return 0;
}

/* Times that nobody gave. */
static void stamp(struct draft *draft, int64_t now_s, bool created)
{
	int created_at = draft->kind == KIND_NODE    ? NODE_CREATED_AT
	                 : draft->kind == KIND_TOKEN ? TOKEN_CREATED_AT
	                                             : -1;

	if (created && created_at >= 0 && !draft->values[created_at].number)
		draft->values[created_at].number = now_s;
	if (draft->kind == KIND_NODE &&
	    (!created || !draft->values[NODE_UPDATED_AT].number))
		draft->values[NODE_UPDATED_AT].number = now_s;
}

/* The words begin with the field's name. */
static void explain(struct model_tx *tx, enum kind kind, struct err *err)
{
	if (tx->bad_field >= 0)
		err_wrap(err, "%s", kinds[kind].fields[tx->bad_field].name);
}

/* The draft is right: it becomes an object. */
static int create_of(struct model_tx *tx, struct draft *draft,
                     struct object **objectp, struct err *err)
{
	struct table *table = &tx->model->tables[draft->kind];
	union value *values = mem_alloc(values_size(draft->kind));

	if (!values || tx_reserve(tx) < 0 ||
	    enter(tx->model, draft->kind, table->next_id, draft->values,
	          objectp) < 0) {
		mem_free(values);
		return no_memory(err);
	}
	table->next_id++;
	draft->owned = 0;
	memcpy(values, draft->values, values_size(draft->kind));
	tx_note(tx, RECORD_CREATED, *objectp, NULL, values);
	return 0;
}

int model_create(struct model_tx *tx, enum kind kind,
                 const struct assignment *assignments, size_t n,
                 struct object **objectp, struct err *err)
{
	struct draft draft;
	int rc;

	tx->bad_field = -1;
	if (tx->model->tables[kind].n >= kinds[kind].max)
		return err_set(err, -E2BIG, "there are already %u %s",
		               kinds[kind].max, kinds[kind].plural);
	draft_new(&draft, kind);
	rc = set_all(tx, &draft, NULL, assignments, n, err);
	if (rc == 0)
		rc = draft_check(&draft, tx->model, NULL, &tx->bad_field, err);
	if (rc == 0) {
		stamp(&draft, tx->now_s, true);
		rc = create_of(tx, &draft, objectp, err);
	}
	if (rc < 0)
		explain(tx, kind, err);
	draft_drop(&draft);
	return rc;
}

int model_default_shard(struct model_tx *tx, struct object **shardp,
                        struct err *err)
{
	const struct assignment name = { SHARD_NAME,
		                         { .text = DEFAULT_SHARD } };

	*shardp = model_find_name(tx->model, KIND_SHARD, DEFAULT_SHARD);
	return *shardp ? 0
	               : model_create(tx, KIND_SHARD, &name, 1, shardp, err);
}

/* --- updating ------------------------------------------------------------- */

static struct change *change_of(const struct record *record)
{
	return container_of(record->old, struct change, values);
}

/* From one set of values, and keys, to another; both have been made. */
static void turn(struct model *model, struct object *object,
                 const union value *values, char *const *keys)
{
	const struct shape *shape = &shapes[object->kind];
	union value before[KIND_MAX_FIELDS];
	bool moved[MODEL_MAX_REFS] = { false };

	memcpy(before, object->values, values_size(object->kind));
	for (unsigned i = 0; i < shape->n_refs; i++) {
		unsigned field = shape->refs[i].field;

		moved[i] = before[field].object != values[field].object;
		if (moved[i])
			object_unhang(object, i);
	}
	memcpy(object->values, values, values_size(object->kind));
	for (unsigned i = 0; i < shape->n_refs; i++) {
		if (moved[i])
			object_hang(object, i);
	}
	keys_leave(model, object->kind, object->keys, before, keys);
	memcpy(object->keys, keys, sizeof(object->keys));
}

static int update_of(struct model_tx *tx, struct object *object,
                     struct draft *draft, struct err *err)
{
	size_t size = values_size(object->kind);
	struct change *change = mem_calloc(1, sizeof(*change) + 2 * size);
	union value *after;

	if (!change || tx_reserve(tx) < 0 ||
	    keys_make(object->kind, draft->values, object, change->new_keys)) {
		mem_free(change);
		return no_memory(err);
	}
	if (keys_enter(tx->model, object, change->new_keys, draft->values,
	               object->keys) < 0) {
		keys_free(object->kind, change->new_keys, object->keys);
		mem_free(change);
		return no_memory(err);
	}
	after = change->values + kinds[object->kind].n_fields;
	memcpy(change->values, object->values, size);
	memcpy(after, draft->values, size);
	memcpy(change->old_keys, object->keys, sizeof(object->keys));
	turn(tx->model, object, after, change->new_keys);
	draft->owned = 0;
	tx_note(tx, RECORD_UPDATED, object, change->values, after);
	return 0;
}

static bool is_same(const struct draft *draft, const struct object *object)
{
	return memcmp(draft->values, object->values,
	              values_size(draft->kind)) == 0;
}

static void undo(struct model *model, const struct record *record);

/* All of it or nothing. */
static int follow(struct model_tx *tx, size_t n_before, struct err *err)
{
	const struct record record = tx->records[n_before];
	int rc = names_follow(tx, record.object, record.old, err);

	if (rc == 0)
		return 0;
	while (tx->n > n_before)
		undo(tx->model, &tx->records[--tx->n]);
	tx->bad_field = -1;
	return rc;
}

int model_update(struct model_tx *tx, struct object *object,
                 const struct assignment *assignments, size_t n,
                 struct err *err)
{
	size_t n_before = tx->n;
	struct draft draft;
	int rc;

	tx->bad_field = -1;
	if (object->gone)
		return err_set(err, -EINVAL, "the %s is deleted",
		               kinds[object->kind].name);
	draft_of(&draft, object);
	rc = set_all(tx, &draft, object, assignments, n, err);
	if (rc == 0 && !is_same(&draft, object)) {
		stamp(&draft, tx->now_s, false);
		rc = draft_check(&draft, tx->model, object, &tx->bad_field,
		                 err);
		if (rc == 0)
			rc = update_of(tx, object, &draft, err);
	}
	if (rc < 0)
		explain(tx, object->kind, err);
	draft_drop(&draft);
	return rc < 0 || tx->n == n_before ? rc : follow(tx, n_before, err);
}

/* --- deleting ------------------------------------------------------------- */

static int let_go(struct model_tx *tx, struct object *child, unsigned field,
                  struct err *err)
{
	struct draft draft;

	draft_of(&draft, child);
	draft.values[field].object = NULL;
	return update_of(tx, child, &draft, err);
}

/* Those that hang on it by one field: they go with it, or let it go. */
static int delete_children(struct model_tx *tx, struct object *owner,
                           enum kind kind, unsigned field, struct err *err)
{
	struct object *child;
	int rc = 0;

	while (rc == 0 && (child = object_child(owner, kind, field, NULL)))
		rc = kinds[kind].fields[field].cascade
		             ? model_delete(tx, child, err)
		             : let_go(tx, child, field, err);
	return rc;
}

int model_delete(struct model_tx *tx, struct object *object, struct err *err)
{
	int rc = 0;

	tx->bad_field = -1;
	if (object->gone)
		return 0;
	for (unsigned kind = 0; kind < N_KINDS; kind++) {
		for (unsigned i = 0; i < shapes[kind].n_refs && rc == 0; i++) {
			unsigned field = shapes[kind].refs[i].field;

			if (kinds[kind].fields[field].to == object->kind)
				rc = delete_children(tx, object,
				                     (enum kind)kind, field,
				                     err);
		}
	}
	if (rc == 0 && tx_reserve(tx) < 0)
		rc = no_memory(err);
	if (rc < 0)
		return rc;
	leave(tx->model, object);
	object->gone = true;
	tx_note(tx, RECORD_DELETED, object, object->values, NULL);
	return 0;
}

/* --- the end -------------------------------------------------------------- */

/* Frees those of @values that the other ones do not have. */
static void free_replaced(enum kind kind, const union value *values,
                          const union value *others)
{
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		if (memcmp(&values[i], &others[i], sizeof(*values)) != 0)
			value_free(&kinds[kind].fields[i], values[i]);
	}
}

static void keep(const struct record *record)
{
	struct change *change;

	switch (record->op) {
	case RECORD_CREATED:
		mem_free((union value *)record->new);
		break;
	case RECORD_UPDATED:
		change = change_of(record);
		free_replaced(record->kind, record->old, record->new);
		keys_free(record->kind, change->old_keys, change->new_keys);
		mem_free(change);
		break;
	case RECORD_DELETED:
		break; /* when all others have been seen to */
	}
}

/* Records are undone from the last to the first, so that each finds the model
 * as it left it; what goes into the maps again has had room there. */
static void undo(struct model *model, const struct record *record)
{
	struct object *object = (struct object *)record->object;
	struct table *table = &model->tables[record->kind];
	struct change *change;
	int rc = 0;

	switch (record->op) {
	case RECORD_CREATED:
		leave(model, object);
		object_free(object);
		table->next_id = record->id;
		mem_free((union value *)record->new);
		break;
	case RECORD_UPDATED:
		change = change_of(record);
		turn(model, object, record->old, change->old_keys);
		rc = keys_enter(model, object, change->old_keys, record->old,
		                change->new_keys);
		free_replaced(record->kind, record->new, record->old);
		keys_free(record->kind, change->new_keys, change->old_keys);
		mem_free(change);
		break;
	case RECORD_DELETED:
		rc = keys_enter(model, object, object->keys, object->values,
		                NULL);
		pages_set(&table->pages, object->id, object);
		table->n++;
		object->gone = false;
		hang_all(object);
		break;
	}
	assert(rc == 0);
	(void)rc;
}

static void tx_end(struct model_tx *tx)
{
	struct model *model = tx->model;

	for (unsigned kind = 0; kind < N_KINDS; kind++)
		pages_trim(&model->tables[kind].pages);
	mem_free(tx->records);
	*tx = (struct model_tx){ .bad_field = -1 };
	model->changing = false;
}

void model_commit(struct model_tx *tx)
{
	for (size_t i = 0; i < tx->n; i++)
		keep(&tx->records[i]);
	for (size_t i = 0; i < tx->n; i++) {
		if (tx->records[i].op == RECORD_DELETED)
			object_free((struct object *)tx->records[i].object);
	}
	tx_end(tx);
}

void model_rollback(struct model_tx *tx)
{
	while (tx->n)
		undo(tx->model, &tx->records[--tx->n]);
	tx_end(tx);
}

/* --- loading -------------------------------------------------------------- */

static int load_check(const struct model *model, const struct draft *draft,
                      uint64_t id, struct err *err)
{
	enum kind kind = draft->kind;
	int field = -1;

	if (id == 0 || id > INT64_MAX || model_find(model, kind, id))
		return err_set(err, -EINVAL, "its id is %s",
		               id && id <= INT64_MAX ? "there already"
		                                     : "none");
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		const struct field *it = &kinds[kind].fields[i];

		if (it->type == FIELD_TEXT &&
		    strlen(draft->values[i].text) > FIELD_MAX_TEXT)
			return err_set(err, -EINVAL, "%s: is too long",
			               it->name);
		if (!field_is_ref(it))
			continue;
		if (draft->values[i].object
		            ? draft->values[i].object->kind != it->to
		            : (it->flags & FIELD_REQUIRED) != 0)
			return err_set(err, -EINVAL, "%s: is required",
			               it->name);
	}
	return draft_unique(draft, model, NULL, &field, err);
}

int model_load(struct model *model, enum kind kind, uint64_t id,
               const union value *values, struct err *err)
{
	struct draft draft = { .kind = kind };
	struct object *object;
	int rc = 0;

	for (unsigned i = 0; i < kinds[kind].n_fields && rc == 0; i++) {
		draft.values[i] = values[i];
		if (kinds[kind].fields[i].type == FIELD_TEXT && !values[i].text)
			draft.values[i].text = "";
		rc = value_copy(&kinds[kind].fields[i], &draft.values[i]);
		if (rc == 0)
			draft.owned |= 1u << i;
	}
	if (rc < 0)
		(void)no_memory(err);
	else
		rc = load_check(model, &draft, id, err);
	if (rc == 0 && enter(model, kind, id, draft.values, &object) < 0)
		rc = no_memory(err);
	if (rc == 0) {
		draft.owned = 0;
		model_load_next_id(model, kind, id + 1);
	} else {
		err_wrap(err, "%s %llu", kinds[kind].name,
		         (unsigned long long)id);
	}
	draft_drop(&draft);
	return rc;
}
