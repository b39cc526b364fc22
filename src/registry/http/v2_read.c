/* SPDX-License-Identifier: Apache-2.0 */
/*
 * v2_read: lists with their filters, and single objects.
 *
 * Each field of a kind is a filter: of free text and of what is referred to
 * (by its name) a part of it, of anything else all of it; and NAME_id is the id
 * of what is referred to. Several must all hold. Parameters that are none of
 * these are none of ours.
 */
#include "registry/http/v2.h"

#include "base/number.h"

#define FILTER_TEXT_MAX 1024
#define FILTER_NAME_MAX 64

/* Filters beside the fields. */
enum extra {
	EXTRA_CONTENT_TYPE, /* "site", "service", "project" */
	EXTRA_OBJECT_ID,    /* of the service or project */
	N_EXTRAS,
};

struct filter {
	bool given;
	bool by_id;
	int64_t number;
	char text[FILTER_TEXT_MAX];
};

struct filters {
	struct registry_viewer viewer;
	enum kind kind;
	struct filter fields[KIND_MAX_FIELDS];
	struct filter extras[N_EXTRAS];
};

/* --- which kind ------------------------------------------------------------ */

struct slice v2_part(const char *pattern, unsigned nth)
{
	struct slice rest = slice_skip(slice_from(pattern), 1);
	struct slice part;

	while (slice_next(&rest, '/', &part)) {
		if (nth-- == 0)
			return part;
	}
	return slice_make(NULL, 0);
}

enum kind v2_kind(const struct registry_call *call, unsigned nth)
{
	struct slice part = v2_part(call->route->pattern, nth);
	enum kind kind = N_KINDS;

	(void)kind_find(part, &kind);
	return kind;
}

/* --- reading filters -------------------------------------------------------- */

/* These are words, not parts of them. */
static bool is_exact(enum kind kind, unsigned field)
{
	return (kind == KIND_EXPORTER && field == EXPORTER_SCHEME) ||
	       (kind == KIND_DEFAULT_EXPORTER &&
	        field == DEFAULT_EXPORTER_SCHEME) ||
	       (kind == KIND_FARM && field == FARM_SOURCE) ||
	       (kind == KIND_NOTIFIER &&
	        (field == NOTIFIER_SENDER || field == NOTIFIER_MATCH ||
	         field == NOTIFIER_OWNER)) ||
	       (kind == KIND_FILTER && field == FILTER_OPERATOR) ||
	       (kind == KIND_TOKEN && field == TOKEN_SCOPE) ||
	       (kind == KIND_SERVICE && field == SERVICE_OWNER) ||
	       (kind == KIND_PROJECT && field == PROJECT_OWNER);
}

static bool has_content(enum kind kind)
{
	return kind == KIND_RULE || kind == KIND_NOTIFIER;
}

/* False: answered. */
static bool read_number(struct registry_call *call, const char *name,
                        struct filter *filter)
{
	if (number_parse_i64(slice_from(filter->text), &filter->number) == 0)
		return true;
	call_refuse_field(call, 400, name, "must be a number");
	return false;
}

static bool read_flag(struct registry_call *call, const char *name,
                      struct filter *filter)
{
	bool flag;

	if (number_parse_bool(slice_from(filter->text), &flag) == 0) {
		filter->number = flag;
		return true;
	}
	call_refuse_field(call, 400, name, "must be true or false");
	return false;
}

static bool read_extra(struct registry_call *call, const char *name,
                       struct filter *filter)
{
	bool bad;

	filter->given = call_query(call, name, filter->text,
	                           sizeof(filter->text), &bad);
	return !bad;
}

static bool read_ref(struct registry_call *call, const char *name,
                     struct filter *filter)
{
	char id[FILTER_NAME_MAX];

	if (filter->given)
		return true;
	(void)snprintf(id, sizeof(id), "%s_id", name);
	if (!read_extra(call, id, filter))
		return false;
	filter->by_id = filter->given;
	return !filter->given || read_number(call, id, filter);
}

static bool read_field(struct registry_call *call, const struct field *field,
                       struct filter *filter)
{
	if (field->flags & FIELD_SECRET)
		return true;
	if (!read_extra(call, field->name, filter))
		return false;
	if (field->type == FIELD_REF)
		return read_ref(call, field->name, filter);
	if (!filter->given)
		return true;
	if (field->type == FIELD_FLAG)
		return read_flag(call, field->name, filter);
	if (field->type == FIELD_NUMBER)
		return read_number(call, field->name, filter);
	if (field->type != FIELD_TEXT)
		filter->given = false;
	return true;
}

/* False: answered. */
static bool read_filters(struct registry_call *call, struct filters *filters)
{
	const struct kind_info *info = &kinds[filters->kind];

	for (unsigned i = 0; i < info->n_fields; i++) {
		filters->fields[i].given = filters->fields[i].by_id = false;
		if (!read_field(call, &info->fields[i], &filters->fields[i]))
			return false;
	}
	for (unsigned i = 0; i < N_EXTRAS; i++)
		filters->extras[i].given = false;
	if (!has_content(filters->kind))
		return true;
	return read_extra(call, "content_type",
	                  &filters->extras[EXTRA_CONTENT_TYPE]) &&
	       read_extra(call, "object_id",
	                  &filters->extras[EXTRA_OBJECT_ID]) &&
	       (!filters->extras[EXTRA_OBJECT_ID].given ||
	        read_number(call, "object_id",
	                    &filters->extras[EXTRA_OBJECT_ID]));
}

/* Must each object be looked at? */
static bool are_given(const struct filters *filters)
{
	bool given = filters->kind == KIND_NODE;

	for (unsigned i = 0; i < kinds[filters->kind].n_fields; i++)
		given = given || filters->fields[i].given;
	for (unsigned i = 0; i < N_EXTRAS; i++)
		given = given || filters->extras[i].given;
	return given;
}

/* --- keeping ---------------------------------------------------------------- */

/* The text by which an object is known; "" if it is known by no text. */
static const char *name_of(const struct object *object)
{
	enum kind kind = object_kind(object);

	if (kind == KIND_FARM)
		return object_text(object, FARM_NAME);
	return kinds[kind].fields[kinds[kind].keys[0][0]].type == FIELD_TEXT
	               ? object_text(object, (unsigned)kinds[kind].keys[0][0])
	               : "";
}

static bool matches_ref(const struct object *to, const struct filter *filter)
{
	if (filter->by_id)
		return to && object_id(to) == (uint64_t)filter->number;
	return to && strstr(name_of(to), filter->text);
}

static bool matches(const struct object *object, unsigned nth,
                    const struct filter *filter)
{
	enum kind kind = object_kind(object);

	switch (kinds[kind].fields[nth].type) {
	case FIELD_TEXT:
		if (is_exact(kind, nth))
			return strcmp(object_text(object, nth), filter->text) ==
			       0;
		return strstr(object_text(object, nth), filter->text);
	case FIELD_REF:
		return matches_ref(object_ref(object, nth), filter);
	case FIELD_LABELS:
	case FIELD_PARAMS:
		return true;
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
	default:
		return object_number(object, nth) == filter->number;
	}
}

static bool matches_content(const struct object *object,
                            const struct filters *filters)
{
	const struct filter *type = &filters->extras[EXTRA_CONTENT_TYPE];
	const struct filter *id = &filters->extras[EXTRA_OBJECT_ID];
	bool is_rule = filters->kind == KIND_RULE;
	const struct object *service =
		object_ref(object, is_rule ? RULE_SERVICE : NOTIFIER_SERVICE);
	const struct object *project =
		object_ref(object, is_rule ? RULE_PROJECT : NOTIFIER_PROJECT);
	const struct object *owner = project ? project : service;

	if (type->given && strcmp(type->text, project   ? "project"
	                                      : service ? "service"
	                                                : "site") != 0)
		return false;
	return !id->given ||
	       (owner ? object_id(owner) : 1) == (uint64_t)id->number;
}

static bool keep(const struct object *object, void *context)
{
	const struct filters *filters = context;

	/* what is deleted is shown only to those who ask for it */
	if (filters->kind == KIND_NODE &&
	    !filters->fields[NODE_DELETED].given &&
	    object_number(object, NODE_DELETED))
		return false;
	for (unsigned i = 0; i < kinds[filters->kind].n_fields; i++) {
		if (filters->fields[i].given &&
		    !matches(object, i, &filters->fields[i]))
			return false;
	}
	return !has_content(filters->kind) || matches_content(object, filters);
}

static void write_row(struct json_writer *json, const struct object *object,
                      void *context)
{
	const struct filters *filters = context;

	v2_write_row(json, &filters->viewer, object);
}

/* --- the routes ------------------------------------------------------------- */

static void list(struct registry_call *call, enum kind kind,
                 const struct object *owner)
{
	struct filters filters = { .kind = kind };
	struct call_list rows = { .kind = kind,
		                  .owner = owner,
		                  .write = write_row,
		                  .context = &filters };

	if (!read_filters(call, &filters))
		return;
	filters.viewer = call_viewer(call);
	if (owner)
		rows.field = v2_owner_field(kind, object_kind(owner));
	if (are_given(&filters))
		rows.keep = keep;
	call_page(call, &rows);
}

void v2_list(struct registry_call *call)
{
	list(call, v2_kind(call, 2), NULL);
}

void v2_list_under(struct registry_call *call)
{
	struct object *owner = call_object(call, v2_kind(call, 2), 0);

	if (owner)
		list(call, v2_kind(call, 4), owner);
}

static void get(struct registry_call *call, enum kind kind)
{
	struct object *object = call_object(call, kind, 0);
	struct registry_viewer viewer;
	struct json_writer json;
	struct buf body;

	if (!object)
		return;
	viewer = call_viewer(call);
	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	v2_write(&json, &viewer, object);
	call_answer(call, 200, &body);
}

void v2_get(struct registry_call *call)
{
	get(call, v2_kind(call, 2));
}

void v2_rule_link(struct registry_call *call)
{
	get(call, KIND_RULE);
}
