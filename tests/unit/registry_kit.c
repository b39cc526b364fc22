/* SPDX-License-Identifier: Apache-2.0 */
#include "registry_kit.h"

#include <errno.h>
#include "support/cmocka.h"

static int change(struct model_tx *tx, enum kind kind, const char *json,
                  struct object **objectp, bool exists, struct err *err)
{
	struct assignments given;
	struct json_t *root = NULL;
	int rc = json_parse(slice_from(json), &root, err);

	if (rc < 0)
		return rc;
	rc = assign_json(&given, model_of(tx), kind, root, 0, exists);
	if (rc < 0)
		*err = given.err;
	else if (exists)
		rc = model_update(tx, *objectp, given.items, given.n, err);
	else
		rc = model_create(tx, kind, given.items, given.n, objectp, err);
	assignments_fini(&given);
	json_free(root);
	return rc;
}

int kit_create(struct model_tx *tx, enum kind kind, const char *json,
               struct object **objectp, struct err *err)
{
	return change(tx, kind, json, objectp, false, err);
}

int kit_update(struct model_tx *tx, struct object *object, const char *json,
               struct err *err)
{
	return change(tx, object_kind(object), json, &object, true, err);
}

struct object *kit_make(struct model_tx *tx, enum kind kind, const char *json)
{
	struct object *object = NULL;
	struct err err = { 0 };

	if (kit_create(tx, kind, json, &object, &err) < 0)
		fail_msg("%s: %s", json, err.message);
	return object;
}

void kit_refused(struct model_tx *tx, enum kind kind, const char *json,
                 int code, const char *words)
{
	struct object *object = NULL;
	struct err err = { 0 };
	size_t before, after;
	int rc;

	(void)model_records(tx, &before);
	rc = kit_create(tx, kind, json, &object, &err);
	(void)model_records(tx, &after);
	if (rc != code || !strstr(err.message, words))
		fail_msg("%s: %d %s", json, rc, err.message);
	assert_int_equal(before, after);
}

void kit_dump_values(enum kind kind, uint64_t id, const union value *values,
                     struct buf *out)
{
	struct json_writer json;

	(void)buf_printf(out, "%s %llu ", kinds[kind].name,
	                 (unsigned long long)id);
	json_write_init(&json, out);
	json_write_object(&json);
	object_write(&json, kind, values, false);
	json_write_object_end(&json);
	(void)buf_putc(out, '\n');
}

static void dump_children(const struct object *owner, struct buf *out)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
			const struct field *field = &kinds[kind].fields[i];

			if (field->type != FIELD_REF ||
			    field->to != object_kind(owner))
				continue;
			(void)buf_printf(
				out, "  %s.%s %u:", kinds[kind].name,
				field->name,
				object_n_children(owner, (enum kind)kind, i));
			OBJECT_FOR_EACH(child, owner, (enum kind)kind, i)
			(void)buf_printf(out, " %llu",
			                 (unsigned long long)object_id(child));
			(void)buf_putc(out, '\n');
		}
	}
}

void kit_dump(const struct model *model, struct buf *out)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		(void)buf_printf(out, "%s %u next %llu\n", kinds[kind].name,
		                 model_count(model, (enum kind)kind),
		                 (unsigned long long)model_next_id(
					 model, (enum kind)kind));
		MODEL_FOR_EACH(object, model, (enum kind)kind)
		{
			kit_dump_values((enum kind)kind, object_id(object),
			                object_values(object), out);
			dump_children(object, out);
		}
	}
	assert_int_equal(out->failed, 0);
}

static void check_keys(const struct model *model, const struct object *object)
{
	enum kind kind = object_kind(object);

	for (unsigned nth = 0; nth < kinds[kind].n_keys; nth++) {
		union value values[KIND_KEY_FIELDS] = { 0 };
		const int *key = kinds[kind].keys[nth];
		const struct object *found;

		for (unsigned i = 0; key[i] >= 0; i++)
			values[i] = object_values(object)[key[i]];
		found = model_find_key(model, kind, nth, values);
		if (kind == KIND_NODE && object_number(object, NODE_DELETED))
			assert_ptr_not_equal(found, object);
		else
			assert_ptr_equal(found, object);
	}
}

void kit_check(const struct model *model)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		uint64_t last = 0;
		uint32_t n = 0;

		MODEL_FOR_EACH(object, model, (enum kind)kind)
		{
			assert_int_equal(object_kind(object), kind);
			assert_true(object_id(object) > last);
			last = object_id(object);
			n++;
			assert_ptr_equal(
				model_find(model, (enum kind)kind, last),
				object);
			check_keys(model, object);
		}
		assert_int_equal(n, model_count(model, (enum kind)kind));
		assert_true(last < model_next_id(model, (enum kind)kind));
	}
}
