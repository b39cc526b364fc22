/* SPDX-License-Identifier: Apache-2.0 */
/* v2_edit: making, changing and deleting objects of any kind. */
#include "registry/http/v2.h"

#include <assert.h>
#include <errno.h>
#include "base/number.h"
#include "registry/model/check.h"

#define BODY_MAX     16777216 /* bytes of a document that is written anew */
#define NAME_MAX_REF 64

/* What a route is about; in call_edit.state. */
struct v2_place {
	enum kind kind;
	enum kind owner; /* /OWNERS/{id}/KINDS; N_KINDS: /KINDS */
};

static const struct v2_place places[] = {
	{ KIND_SHARD, N_KINDS },         { KIND_SERVER, N_KINDS },
	{ KIND_SERVICE, N_KINDS },       { KIND_PROJECT, N_KINDS },
	{ KIND_FARM, N_KINDS },          { KIND_HOST, N_KINDS },
	{ KIND_EXPORTER, N_KINDS },      { KIND_DEFAULT_EXPORTER, N_KINDS },
	{ KIND_PROBE, N_KINDS },         { KIND_URL, N_KINDS },
	{ KIND_RULE, N_KINDS },          { KIND_NOTIFIER, N_KINDS },
	{ KIND_NODE, N_KINDS },          { KIND_TOKEN, N_KINDS },
	{ KIND_PROJECT, KIND_SERVICE },  { KIND_RULE, KIND_SERVICE },
	{ KIND_EXPORTER, KIND_PROJECT }, { KIND_URL, KIND_PROJECT },
	{ KIND_RULE, KIND_PROJECT },     { KIND_HOST, KIND_FARM },
	{ KIND_FILTER, KIND_NOTIFIER },
};

static void *place_of(const struct registry_call *call)
{
	enum kind first = v2_kind(call, 2);
	enum kind second = v2_kind(call, 4);

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const struct v2_place *place = &places[i];

		if (place->owner == N_KINDS
		            ? second == N_KINDS && place->kind == first
		            : place->owner == first && place->kind == second)
			return (void *)place;
	}
	assert(false); /* a route without its place */
	return NULL;
}

unsigned v2_owner_field(enum kind kind, enum kind owner)
{
	unsigned i = 0;

	while (kinds[kind].fields[i].type != FIELD_REF ||
	       kinds[kind].fields[i].to != owner) {
		i++;
		assert(i < kinds[kind].n_fields);
	}
	return i;
}

/* --- looking ---------------------------------------------------------------- */

struct object *v2_find(struct call_edit *edit, const struct model_tx *tx,
                       enum kind kind, unsigned nth, struct err *err)
{
	struct object *object = NULL;
	uint64_t id;

	if (number_parse_u64(slice_from(edit->params[nth]), &id) == 0)
		object = model_find(model_of(tx), kind, id);
	if (!object)
		(void)err_set(err, -ENOENT, "there is no %s %s",
		              kinds[kind].name, edit->params[nth]);
	return object;
}

/* What the route names; NULL: -ENOENT. */
static struct object *find_named(struct call_edit *edit,
                                 const struct model_tx *tx, struct err *err)
{
	const struct v2_place *place = edit->state;
	struct object *owner;
	struct object *object;

	if (place->owner == N_KINDS)
		return v2_find(edit, tx, place->kind, 0, err);
	owner = v2_find(edit, tx, place->owner, 0, err);
	object = owner ? v2_find(edit, tx, place->kind, 1, err) : NULL;
	if (object &&
	    object_ref(object, v2_owner_field(place->kind, place->owner)) !=
	            owner) {
		(void)err_set(err, -ENOENT, "%s %s has no %s %s",
		              kinds[place->owner].name, edit->params[0],
		              kinds[place->kind].name, edit->params[1]);
		return NULL;
	}
	return object;
}

/* --- bodies ----------------------------------------------------------------- */

/* Is it the same, whatever the order of members? */
static bool same_json(const struct json_t *a, const struct json_t *b)
{
	struct json_member member = { 0 };
	struct buf text_a;
	struct buf text_b;
	bool same;

	if (json_is_map(a) && json_is_map(b)) {
		same = json_n_members(a) == json_n_members(b);
		while (same && json_next_member(a, &member))
			same = same_json(member.value,
			                 json_get(b, member.name));
		return same;
	}
	buf_init(&text_a, BODY_MAX);
	buf_init(&text_b, BODY_MAX);
	same = a && b && json_print(a, &text_a) == 0 &&
	       json_print(b, &text_b) == 0 &&
	       slice_equal(buf_slice(&text_a), buf_slice(&text_b));
	buf_fini(&text_a);
	buf_fini(&text_b);
	return same;
}

static bool is_named(const char *const *names, const char *name)
{
	while (names && *names) {
		if (strcmp(*names++, name) == 0)
			return true;
	}
	return false;
}

/* The members that say something new: 0 with *pickedp (json_free()) or
 * -ENOMEM. */
static int pick(const struct json_t *body, const struct json_t *current,
                const char *const *but, struct json_t **pickedp,
                struct err *err)
{
	struct json_member member = { 0 };
	struct json_writer json;
	struct buf text;
	int r;

	buf_init(&text, BODY_MAX);
	json_write_init(&json, &text);
	json_write_object(&json);
	while (json_next_member(body, &member)) {
		const struct json_t *now = json_get(current, member.name);
		struct buf value;

		if (is_named(but, member.name) ||
		    (now && same_json(now, member.value)))
			continue;
		buf_init(&value, BODY_MAX);
		r = json_print(member.value, &value);
		json_write_key(&json, member.name);
		json_write_raw(&json, buf_slice(&value));
		if (r < 0)
			text.failed = r;
		buf_fini(&value);
	}
	json_write_object_end(&json);
	r = text.failed ? err_set(err, -ENOMEM, "out of memory")
	                : json_parse(buf_slice(&text), pickedp, err);
	buf_fini(&text);
	return r;
}

/* --- assignments ------------------------------------------------------------ */

/* A field that somebody may set; @exists: in what is there. */
static bool may_set(const struct field *field, bool exists)
{
	return !(field->flags & FIELD_READ_ONLY) &&
	       !(exists && (field->flags & FIELD_FIXED));
}

/* The failure of a body: what it refers to and is not there is its fault. */
static int wrong_body(struct call_edit *edit, enum kind kind, int bad_field,
                      struct err *err)
{
	if (bad_field >= 0)
		edit->field = kinds[kind].fields[bad_field].name;
	if (err->code == -ENOENT)
		err->code = -EINVAL;
	return err->code;
}

static int read_body(struct call_edit *edit, struct assignments *assignments,
                     const struct model_tx *tx, enum kind kind,
                     const struct json_t *body, struct err *err)
{
	uint64_t only = 0;

	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		if (may_set(&kinds[kind].fields[i], false))
			only |= 1ull << i;
	}
	if (assign_json(assignments, model_of(tx), kind, body, only, true) == 0)
		return 0;
	*err = assignments->err;
	return wrong_body(edit, kind, assignments->bad_field, err);
}

static int wrong_value(struct call_edit *edit, const struct model_tx *tx,
                       enum kind kind, int r)
{
	int bad_field = model_bad_field(tx);

	if (r < 0 && bad_field >= 0)
		edit->field = kinds[kind].fields[bad_field].name;
	return r;
}

static bool is_assigned(const struct assignments *assignments, unsigned field)
{
	for (size_t i = 0; i < assignments->n; i++) {
		if (assignments->items[i].field == field)
			return true;
	}
	return false;
}

/* All that a new one needs. */
static bool is_whole(const struct kind_info *info,
                     const struct assignments *assignments)
{
	for (unsigned i = 0; i < info->n_fields; i++) {
		if ((info->fields[i].flags & FIELD_REQUIRED) &&
		    !info->fields[i].fallback && !is_assigned(assignments, i))
			return false;
	}
	return true;
}

/* The object of that key if it has all these values; else NULL. */
static struct object *find_same(const struct model *model, enum kind kind,
                                const struct assignments *assignments)
{
	const struct kind_info *info = &kinds[kind];
	union value key[KIND_KEY_FIELDS] = { 0 };
	struct object *object;

	if (!is_whole(info, assignments))
		return NULL;
	for (unsigned k = 0; info->keys[0][k] >= 0; k++) {
		unsigned field = (unsigned)info->keys[0][k];

		key[k] = field_fallback(&info->fields[field]);
		for (size_t i = 0; i < assignments->n; i++) {
			if (assignments->items[i].field == field)
				key[k] = assignments->items[i].value;
		}
	}
	object = model_find_key(model, kind, 0, key);
	for (size_t i = 0; object && i < assignments->n; i++) {
		if (!object_has(object, assignments->items[i].field,
		                assignments->items[i].value))
			object = NULL;
	}
	return object;
}

/* --- making ----------------------------------------------------------------- */

int v2_make(struct call_edit *edit, struct model_tx *tx, enum kind kind,
            const struct json_t *body, const char *const *but,
            const struct assignment *more, size_t n_more,
            struct object **objectp, struct err *err)
{
	struct assignments assignments = { 0 };
	struct json_t *picked = NULL;
	int r = pick(body, NULL, but, &picked, err);

	if (r == 0)
		r = read_body(edit, &assignments, tx, kind, picked, err);
	for (size_t i = 0; r == 0 && i < n_more; i++)
		assign(&assignments, more[i].field, more[i].value);
	*objectp = r == 0 ? find_same(model_of(tx), kind, &assignments) : NULL;
	if (r == 0 && !*objectp)
		r = wrong_value(edit, tx, kind,
		                model_create(tx, kind, assignments.items,
		                             assignments.n, objectp, err));
	assignments_fini(&assignments);
	json_free(picked);
	return r;
}

static int apply_create(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	const struct v2_place *place = edit->state;
	struct assignment owner;
	bool has_owner = place->owner != N_KINDS;

	if (has_owner) {
		owner.field = v2_owner_field(place->kind, place->owner);
		owner.value.object = v2_find(edit, tx, place->owner, 0, err);
		if (!owner.value.object)
			return -ENOENT;
	}
	return v2_make(edit, tx, place->kind, edit->body, NULL, &owner,
	               has_owner, &edit->edited, err);
}

void v2_write_edited(struct call_edit *edit, struct model_tx *tx,
                     struct json_writer *json)
{
	struct registry_viewer viewer = call_edit_viewer(edit);

	(void)tx;
	v2_write(json, &viewer, edit->edited);
}

/* --- changing --------------------------------------------------------------- */

/* The object as GET answers it to those who may only read: 0 with *currentp or
 * -ENOMEM. */
static int show(const struct object *object, struct json_t **currentp,
                struct err *err)
{
	const struct registry_viewer reader = { .reach = SCOPE_READ };
	struct json_writer json;
	struct buf text;
	int r;

	buf_init(&text, BODY_MAX);
	json_write_init(&json, &text);
	v2_write(&json, &reader, object);
	r = text.failed ? err_set(err, -ENOMEM, "out of memory")
	                : json_parse(buf_slice(&text), currentp, err);
	buf_fini(&text);
	return r;
}

static bool is_given(const struct json_t *body, const char *name)
{
	char id[NAME_MAX_REF];

	(void)snprintf(id, sizeof(id), "%s_id", name);
	return json_get(body, name) || json_get(body, id);
}

/* What a PUT leaves out. */
static int fill(struct call_edit *edit, enum kind kind,
                const struct json_t *body, struct assignments *assignments,
                struct err *err)
{
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		const struct field *field = &kinds[kind].fields[i];

		if (!may_set(field, true) || is_given(body, field->name))
			continue;
		if (field->flags & FIELD_REQUIRED) {
			edit->field = field->name;
			return err_set(err, -EINVAL, "is required");
		}
		assign(assignments, i, field_fallback(field));
	}
	return 0;
}

/* Promgen lets only this be changed of some, and takes it alone for a PUT. */
static bool is_switch(enum kind kind, const struct json_t *body)
{
	return (kind == KIND_EXPORTER || kind == KIND_NOTIFIER) &&
	       json_n_members(body) == 1 && json_get(body, "enabled");
}

int v2_change(struct call_edit *edit, struct model_tx *tx,
              struct object *object, bool whole, struct err *err)
{
	enum kind kind = object_kind(object);
	struct assignments assignments = { 0 };
	struct json_t *current = NULL;
	struct json_t *picked = NULL;
	int r = show(object, &current, err);

	if (r == 0)
		r = pick(edit->body, current, v2_told_members(kind), &picked,
		         err);
	if (r == 0)
		r = read_body(edit, &assignments, tx, kind, picked, err);
	if (r == 0 && whole && !is_switch(kind, edit->body))
		r = fill(edit, kind, edit->body, &assignments, err);
	if (r == 0)
		r = wrong_value(edit, tx, kind,
		                model_update(tx, object, assignments.items,
		                             assignments.n, err));
	edit->edited = object;
	assignments_fini(&assignments);
	json_free(picked);
	json_free(current);
	return r;
}

static int apply_change(struct call_edit *edit, struct model_tx *tx, bool whole,
                        struct err *err)
{
	struct object *object = find_named(edit, tx, err);

	return object ? v2_change(edit, tx, object, whole, err) : -ENOENT;
}

static int apply_put(struct call_edit *edit, struct model_tx *tx,
                     struct err *err)
{
	return apply_change(edit, tx, true, err);
}

static int apply_patch(struct call_edit *edit, struct model_tx *tx,
                       struct err *err)
{
	return apply_change(edit, tx, false, err);
}

static int apply_delete(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	struct object *object = find_named(edit, tx, err);

	return object ? model_delete(tx, object, err) : -ENOENT;
}

/* --- the routes ------------------------------------------------------------- */

static void edit_body(struct registry_call *call,
                      int (*apply)(struct call_edit *edit, struct model_tx *tx,
                                   struct err *err))
{
	struct call_edit edit = {
		.apply = apply,
		.write = v2_write_edited,
		.state = place_of(call),
		.exists_status = 400,
	};

	edit.body = call_body(call);
	if (edit.body)
		call_edit(call, &edit);
}

void v2_create(struct registry_call *call)
{
	edit_body(call, apply_create);
}

void v2_put(struct registry_call *call)
{
	edit_body(call, apply_put);
}

void v2_patch(struct registry_call *call)
{
	edit_body(call, apply_patch);
}

void v2_delete(struct registry_call *call)
{
	call_edit(call, &(struct call_edit){ .apply = apply_delete,
	                                     .state = place_of(call) });
}
