/* SPDX-License-Identifier: Apache-2.0 */
/* v1_edit: POST, PUT, PATCH and DELETE of Promgen's first API. What an object
 * has and is not for writing is passed over, so that what was read can be
 * sent back. */
#include "registry/http/v1.h"

#include <errno.h>
#include "base/mem.h"
#include "registry/model/assign.h"

#define ORIGIN_MAX 512

struct v1_edit {
	enum kind kind;
	bool exists; /* it is an update */
	bool whole;  /* … that needs all that is required */
	char origin[ORIGIN_MAX];
};

/* What may be written; ended by -1. */
static const int shard_fields[] = {
	SHARD_NAME,    SHARD_URL,     SHARD_PROXY, SHARD_ENABLED,
	SHARD_SAMPLES, SHARD_TARGETS, -1
};
static const int service_fields[] = { SERVICE_NAME, SERVICE_DESCRIPTION,
	                              SERVICE_OWNER, -1 };
static const int project_fields[] = { PROJECT_NAME,  PROJECT_SERVICE,
	                              PROJECT_SHARD, PROJECT_DESCRIPTION,
	                              PROJECT_OWNER, -1 };
static const int farm_fields[] = { FARM_NAME, FARM_PROJECT, FARM_SOURCE, -1 };

static const int *fields_of(enum kind kind)
{
	switch ((int)kind) {
	case KIND_SHARD:
		return shard_fields;
	case KIND_SERVICE:
		return service_fields;
	case KIND_PROJECT:
		return project_fields;
	default:
		return farm_fields;
	}
}

/* --- reading the body ----------------------------------------------------- */

static bool is_needed(const struct v1_edit *v1, const struct field *field)
{
	return (!v1->exists || v1->whole) && (field->flags & FIELD_REQUIRED);
}

/* The member of that name, or of a ref its NAME_id. */
static const struct json_t *member(const struct json_t *body,
                                   const struct field *field)
{
	const struct json_t *value = json_get(body, field->name);
	char id[64];

	if (value || field->type != FIELD_REF)
		return value;
	(void)snprintf(id, sizeof(id), "%s_id", field->name);
	return json_get(body, id);
}

static int read_body(const struct v1_edit *v1, const struct model *model,
                     const struct json_t *body, struct assignments *out)
{
	int rc = 0;

	assignments_init(out);
	for (const int *at = fields_of(v1->kind); rc == 0 && *at >= 0; at++) {
		const struct field *field = &kinds[v1->kind].fields[*at];
		const struct json_t *value = member(body, field);

		if (value) {
			rc = assign_member(out, model, v1->kind, (unsigned)*at,
			                   value);
		} else if (is_needed(v1, field)) {
			out->bad_field = *at;
			rc = err_set(&out->err, -EINVAL, "%s: is required",
			             field->name);
		}
	}
	/* a name in the body that nobody has is not what the path names */
	return rc == -ENOENT ? -EINVAL : rc;
}

/* --- edits ---------------------------------------------------------------- */

static int find_edited(struct call_edit *edit, const struct model_tx *tx,
                       struct err *err)
{
	const struct v1_edit *v1 = edit->state;

	edit->edited = v1_find(model_of(tx), v1->kind, edit->params[0]);
	if (edit->edited)
		return 0;
	return err_set(err, -ENOENT, "there is no %s %s", kinds[v1->kind].name,
	               edit->params[0]);
}

static int apply_change(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	const struct v1_edit *v1 = edit->state;
	struct assignments given;
	int rc = v1->exists ? find_edited(edit, tx, err) : 0;

	if (rc < 0)
		return rc;
	rc = read_body(v1, model_of(tx), edit->body, &given);
	if (rc < 0) {
		*err = given.err;
		err->code = rc;
	} else {
		rc = v1->exists ? model_update(tx, edit->edited, given.items,
		                               given.n, err)
		                : model_create(tx, v1->kind, given.items,
		                               given.n, &edit->edited, err);
		given.bad_field = rc < 0 ? model_bad_field(tx) : -1;
	}
	if (given.bad_field >= 0)
		edit->field = kinds[v1->kind].fields[given.bad_field].name;
	assignments_fini(&given);
	return rc;
}

static int apply_delete(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	int rc = find_edited(edit, tx, err);

	return rc < 0 ? rc : model_delete(tx, edit->edited, err);
}

static void write_edited(struct call_edit *edit, struct model_tx *tx,
                         struct json_writer *json)
{
	const struct v1_edit *v1 = edit->state;
	struct registry_viewer viewer = call_edit_viewer(edit);

	v1_write(json, &viewer, edit->edited, v1->origin, true);
}

static void release(struct call_edit *edit)
{
	mem_free(edit->state);
}

static void change(struct registry_call *call, bool exists, bool whole)
{
	struct call_edit edit = { .apply = apply_change,
		                  .write = write_edited,
		                  .release = release,
		                  .exists_status = 400 };
	struct v1_edit *v1;
	struct buf origin;

	edit.body = call_body(call);
	if (!edit.body)
		return;
	v1 = edit.state = mem_calloc(1, sizeof(*v1));
	if (!v1) {
		json_free(edit.body);
		call_refuse(call, 500, "out of memory");
		return;
	}
	v1->kind = v1_kind(call->route);
	v1->exists = exists;
	v1->whole = whole;
	buf_init(&origin, ORIGIN_MAX - 1);
	call_origin(call, &origin);
	memcpy(v1->origin, buf_text(&origin), origin.n);
	buf_fini(&origin);
	call_edit(call, &edit);
}

void v1_create(struct registry_call *call)
{
	change(call, false, false);
}

void v1_put(struct registry_call *call)
{
	change(call, true, true);
}

void v1_patch(struct registry_call *call)
{
	change(call, true, false);
}

void v1_delete(struct registry_call *call)
{
	struct v1_edit *v1 = mem_calloc(1, sizeof(*v1));

	if (!v1) {
		call_refuse(call, 500, "out of memory");
		return;
	}
	v1->kind = v1_kind(call->route);
	call_edit(call, &(struct call_edit){ .apply = apply_delete,
	                                     .release = release,
	                                     .state = v1 });
}
