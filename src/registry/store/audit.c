/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/store/store_parts.h"

#define AUDIT_VALUES_MAX 2097152 /* bytes of an object as JSON */

static const char insert[] =
	"INSERT INTO audit(created_at, actor, op, kind, object_id, title,"
	" parent_kind, parent_id, service_id, project_id, old, new)"
	" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

enum {
	AUDIT_CREATED_AT,
	AUDIT_ACTOR,
	AUDIT_OP,
	AUDIT_KIND,
	AUDIT_OBJECT_ID,
	AUDIT_TITLE,
	AUDIT_PARENT_KIND,
	AUDIT_PARENT_ID,
	AUDIT_SERVICE_ID,
	AUDIT_PROJECT_ID,
	AUDIT_OLD,
	AUDIT_NEW,
	N_AUDIT
};

static const char *const ops[] = {
	[RECORD_CREATED] = "created",
	[RECORD_UPDATED] = "updated",
	[RECORD_DELETED] = "deleted",
};

/* --- to whom it belongs ------------------------------------------------------- */

/* The object it hangs on: of a rule its project, or its service. */
static const struct object *parent_of(enum kind kind, const union value *values)
{
	const struct object *parent = NULL;

	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		const struct field *field = &kinds[kind].fields[i];
		const struct object *object = values[i].object;

		if (field->type != FIELD_REF || field->to == kind || !object)
			continue;
		if (field->to == KIND_PROBE ||
		    (kind == KIND_PROJECT && field->to == KIND_SHARD))
			continue;
		parent = object; /* the last is the closest */
	}
	return parent;
}

static void note(struct store_value *values, const struct object *object)
{
	struct store_value id = STORE_INT((int64_t)object_id(object));

	if (object_kind(object) == KIND_SERVICE)
		values[AUDIT_SERVICE_ID] = id;
	else if (object_kind(object) == KIND_PROJECT)
		values[AUDIT_PROJECT_ID] = id;
}

static void put_owners(struct store_value *values, const struct record *record)
{
	const struct object *parent = parent_of(
		record->kind, record->new ? record->new : record->old);

	note(values, record->object);
	if (parent) {
		values[AUDIT_PARENT_KIND] =
			STORE_STR(slice_from(kinds[object_kind(parent)].name));
		values[AUDIT_PARENT_ID] = STORE_INT((int64_t)object_id(parent));
	}
	for (; parent;
	     parent = parent_of(object_kind(parent), object_values(parent)))
		note(values, parent);
}

/* --- what it was and is --------------------------------------------------------- */

static void put_values(struct store_batch *batch, struct store_value *to,
                       enum kind kind, const union value *values)
{
	struct json_writer json;
	struct buf text;

	if (!values) {
		*to = STORE_NONE;
		return;
	}
	buf_init(&text, AUDIT_VALUES_MAX);
	json_write_init(&json, &text);
	json_write_object(&json);
	object_write(&json, kind, values, true);
	json_write_object_end(&json);
	if (text.failed)
		(void)batch_fail(batch, text.failed);
	else
		batch_put(batch, to, &STORE_STR(buf_slice(&text)));
	buf_fini(&text);
}

void batch_audit(struct store_batch *batch, const struct record *record,
                 const char *who, int64_t now_s)
{
	struct store_op *op = batch_op(batch, N_AUDIT);
	char title[OBJECT_TITLE_MAX];
	struct store_value *values;

	if (!op)
		return;
	op->sql = insert;
	values = op->values;
	values[AUDIT_CREATED_AT] = STORE_INT(now_s);
	batch_put(batch, &values[AUDIT_ACTOR], &STORE_STR(slice_from(who)));
	values[AUDIT_OP] = STORE_STR(slice_from(ops[record->op]));
	values[AUDIT_KIND] = STORE_STR(slice_from(kinds[record->kind].name));
	values[AUDIT_OBJECT_ID] = STORE_INT((int64_t)record->id);
	batch_put(batch, &values[AUDIT_TITLE],
	          &STORE_STR(slice_from(object_title(record->object, title))));
	put_owners(values, record);
	put_values(batch, &values[AUDIT_OLD], record->kind, record->old);
	put_values(batch, &values[AUDIT_NEW], record->kind, record->new);
}
