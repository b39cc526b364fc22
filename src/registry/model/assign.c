/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/assign.h"

#include <errno.h>
#include <stdio.h>
#include "base/mem.h"
#include "base/number.h"
#include "proto/timestamp.h"

#define MASK "******" /* as object_write() puts it in a secret's place */

void assign(struct assignments *assignments, unsigned field, union value value)
{
	for (size_t i = 0; i < assignments->n; i++) {
		if (assignments->items[i].field != field)
			continue;
		assignments->items[i].value = value;
		return;
	}
	assignments->items[assignments->n++] =
		(struct assignment){ field, value };
}

void assignments_init(struct assignments *assignments)
{
	*assignments = (struct assignments){ .bad_field = -1 };
}

void assignments_fini(struct assignments *assignments)
{
	for (size_t i = 0; i < assignments->n_sets; i++)
		mem_free(assignments->sets[i]);
	assignments->n_sets = 0;
	assignments->n = 0;
}

/* --- refs ----------------------------------------------------------------- */

static struct object *find_by_text(const struct model *model, enum kind kind,
                                   const char *text)
{
	struct object *project;

	if (kind != KIND_FARM)
		return model_find_name(model, kind, text);
	project = model_find_name(model, KIND_PROJECT, text);
	return project ? object_child(project, KIND_FARM, FARM_PROJECT, NULL)
	               : NULL;
}

static int read_ref(const struct model *model, const struct field *field,
                    const struct json_t *value, struct object **objectp,
                    struct err *err)
{
	struct slice text = json_as_text(value);
	int64_t id = json_as_int(value, 0);
	uint64_t number;

	*objectp = NULL;
	if (json_is_missing(value))
		return 0;
	if (text.p)
		*objectp =
			find_by_text(model, field->to, json_as_string(value));
	else if (id > 0)
		*objectp = model_find(model, field->to, (uint64_t)id);
	else
		return err_set(err, -EINVAL, "must be the id or name of a %s",
		               kinds[field->to].name);
	/* forms of older clients have ids as text */
	if (!*objectp && text.p && number_parse_u64(text, &number) == 0)
		*objectp = model_find(model, field->to, number);
	if (*objectp)
		return 0;
	if (!text.p)
		return err_set(err, -ENOENT, "there is no %s with the id %lld",
		               kinds[field->to].name, (long long)id);
	return err_set(err, -ENOENT, "there is no %s `%.*s`",
	               kinds[field->to].name, (int)MIN(text.n, 64), text.p);
}

/* --- values --------------------------------------------------------------- */

static int read_text(const struct json_t *value, union value *out,
                     struct err *err)
{
	struct slice text = json_as_text(value);

	out->text = "";
	if (json_is_missing(value))
		return 0;
	if (!text.p)
		return err_set(err, -EINVAL, "must be text");
	if (memchr(text.p, '\0', text.n))
		return err_set(err, -EINVAL,
		               "must be UTF-8 without control characters");
	out->text = text.p;
	return 0;
}

static int read_number(const struct json_t *value, int64_t *out,
                       struct err *err)
{
	struct slice text = json_as_text(value);

	*out = json_as_int(value, 0);
	if (*out != json_as_int(value, 1) &&
	    !(text.p && number_parse_i64(text, out) == 0))
		return err_set(err, -EINVAL, "must be a whole number");
	return 0;
}

static int read_flag(const struct json_t *value, int64_t *out, struct err *err)
{
	struct slice text = json_as_text(value);
	bool flag = json_as_bool(value, false);

	if (flag != json_as_bool(value, true) &&
	    !(text.p && number_parse_bool(text, &flag) == 0))
		return err_set(err, -EINVAL, "must be true or false");
	*out = flag;
	return 0;
}

static int read_time(const struct json_t *value, int64_t *out, struct err *err)
{
	struct slice text = json_as_text(value);
	int64_t ms;

	*out = 0;
	if (json_is_missing(value))
		return 0;
	if (text.p && timestamp_parse_rfc3339(text, &ms) == 0)
		return *out = ms / 1000, 0;
	if (!text.p && read_number(value, out, NULL) == 0)
		return 0;
	return err_set(err, -EINVAL, "must be a moment: 2026-01-02T15:04:05Z");
}

static int read_labels(struct assignments *out, const struct json_t *value,
                       bool several, union value *labels, struct err *err)
{
	struct label_set *set = NULL;
	int rc = 0;

	if (!json_is_missing(value))
		rc = label_set_read(value, several, &set, err);
	if (set)
		out->sets[out->n_sets++] = set;
	labels->labels = set;
	return rc;
}

static int read_value(struct assignments *out, const struct model *model,
                      const struct field *field, const struct json_t *value,
                      union value *to, struct err *err)
{
	switch (field->type) {
	case FIELD_TEXT:
		return read_text(value, to, err);
	case FIELD_FLAG:
		return read_flag(value, &to->number, err);
	case FIELD_TIME:
		return read_time(value, &to->number, err);
	case FIELD_REF:
		return read_ref(model, field, value, &to->object, err);
	case FIELD_LABELS:
	case FIELD_PARAMS:
		return read_labels(out, value, field->type == FIELD_PARAMS, to,
		                   err);
	case FIELD_NUMBER:
		break;
	}
	return read_number(value, &to->number, err);
}

/* --- members -------------------------------------------------------------- */

/* The field that a member means: by its name, or of a ref with "_id". */
static int find_field(enum kind kind, struct slice name, bool *is_idp)
{
	int nth = kind_field(kind, name);

	*is_idp = false;
	if (nth >= 0 || name.n < 4 ||
	    !slice_is(slice_skip(name, name.n - 3), "_id"))
		return nth;
	name.n -= 3;
	nth = kind_field(kind, name);
	if (nth < 0 || kinds[kind].fields[nth].type != FIELD_REF)
		return -1;
	*is_idp = true;
	return nth;
}

static int refuse(struct assignments *out, int field, int code,
                  const char *words)
{
	out->bad_field = field;
	return err_set(&out->err, code, "%s", words);
}

struct reading {
	const struct model *model;
	enum kind kind;
	const struct json_t *object;
	uint64_t only;
	bool exists;
};

/* Of an id and a name beside it the id counts, unless it is null. */
static bool is_beside(const struct reading *reading, const struct field *field,
                      const struct json_member *member, bool is_id)
{
	char id_name[64];

	if (field->type != FIELD_REF)
		return false;
	if (is_id)
		return json_is_missing(member->value) &&
		       json_get(reading->object, field->name);
	(void)snprintf(id_name, sizeof(id_name), "%s_id", field->name);
	return !json_is_missing(json_get(reading->object, id_name));
}

static int read_member(struct assignments *out, const struct reading *reading,
                       const struct json_member *member)
{
	bool is_id;
	int nth = find_field(reading->kind, slice_from(member->name), &is_id);
	const struct field *field;
	union value value = { 0 };
	int rc;

	if (nth < 0 || (reading->only && !(reading->only & (1ull << nth))))
		return err_set(&out->err, -EINVAL,
		               "`%.64s`: no %s has such a field", member->name,
		               kinds[reading->kind].name);
	field = &kinds[reading->kind].fields[nth];
	if (!reading->only && (field->flags & FIELD_READ_ONLY))
		return refuse(out, nth, -EINVAL, "cannot be set");
	if (is_beside(reading, field, member, is_id))
		return 0;
	rc = read_value(out, reading->model, field, member->value, &value,
	                &out->err);
	if (rc < 0) {
		out->bad_field = nth;
		return rc;
	}
	if (reading->exists && (field->flags & FIELD_SECRET) &&
	    field->type == FIELD_TEXT && strcmp(value.text, MASK) == 0)
		return 0; /* what we showed comes back */
	assign(out, (unsigned)nth, value);
	return 0;
}

int assign_member(struct assignments *out, const struct model *model,
                  enum kind kind, unsigned field, const struct json_t *value)
{
	union value read = { 0 };
	int rc = read_value(out, model, &kinds[kind].fields[field], value,
	                    &read, &out->err);

	if (rc == 0) {
		assign(out, field, read);
		return 0;
	}
	out->bad_field = (int)field;
	err_wrap(&out->err, "%s", kinds[kind].fields[field].name);
	return rc;
}

/* Members come in any order: the fields' order makes the first fault of two
 * the same one each time. */
static int check_given(struct assignments *out, enum kind kind)
{
	for (unsigned i = 0; i < kinds[kind].n_fields; i++) {
		bool given = false;

		for (size_t at = 0; at < out->n; at++)
			given = given || out->items[at].field == i;
		if (!given && (kinds[kind].fields[i].flags & FIELD_REQUIRED) &&
		    !(kinds[kind].fields[i].flags & FIELD_READ_ONLY) &&
		    !kinds[kind].fields[i].fallback)
			return refuse(out, (int)i, -EINVAL, "is required");
	}
	return 0;
}

int assign_json(struct assignments *out, const struct model *model,
                enum kind kind, const struct json_t *object, uint64_t only,
                bool exists)
{
	const struct reading reading = { model, kind, object, only, exists };
	struct json_member member = { 0 };
	int rc = 0;

	assignments_init(out);
	if (!json_is_map(object))
		return err_set(&out->err, -EINVAL, "must be an object");
	while (rc == 0 && json_next_member(object, &member))
		rc = read_member(out, &reading, &member);
	if (rc == 0 && !exists && !only)
		rc = check_given(out, kind);
	if (rc < 0 && out->bad_field >= 0)
		err_wrap(&out->err, "%s",
		         kinds[kind].fields[out->bad_field].name);
	return rc;
}
