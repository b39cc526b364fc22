/* SPDX-License-Identifier: Apache-2.0 */
/* v2_notifiers: notifiers with their filters. */
#include "registry/http/v2.h"

#include <errno.h>
#include "base/macros.h"

static const char *const but_filters[] = { "filters", NULL };

static int add_filter(struct call_edit *edit, struct model_tx *tx,
                      struct object *notifier, const struct json_t *filter,
                      struct err *err)
{
	struct assignment more = { FILTER_NOTIFIER, { .object = notifier } };
	struct object *made;

	return v2_make(edit, tx, KIND_FILTER, filter, NULL, &more, 1, &made,
	               err);
}

/* Whose it is: a service's, a project's, or (neither) everybody's. */
static int find_owner(struct call_edit *edit, const struct model_tx *tx,
                      struct assignment *owner, size_t *np, struct err *err)
{
	const enum kind *kind = edit->state;

	*np = 0;
	if (!kind)
		return 0;
	owner->field = v2_owner_field(KIND_NOTIFIER, *kind);
	owner->value.object = v2_find(edit, tx, *kind, 0, err);
	*np = 1;
	return owner->value.object ? 0 : -ENOENT;
}

static int apply_create(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	const struct json_t *filters = json_get(edit->body, "filters");
	struct assignment owner;
	size_t n;
	int r = find_owner(edit, tx, &owner, &n, err);

	if (r == 0)
		r = v2_make(edit, tx, KIND_NOTIFIER, edit->body, but_filters,
		            &owner, n, &edit->edited, err);
	for (size_t i = 0; r == 0 && i < json_count(filters); i++) {
		r = add_filter(edit, tx, edit->edited, json_item(filters, i),
		               err);
		if (r < 0)
			edit->field = "filters";
	}
	return r;
}

void v2_notifier_create(struct registry_call *call)
{
	static const enum kind owners[] = { KIND_SERVICE, KIND_PROJECT };
	struct call_edit edit = { .apply = apply_create,
		                  .write = v2_write_edited,
		                  .exists_status = 400 };

	for (size_t i = 0; i < ARRAY_SIZE(owners); i++) {
		if (v2_kind(call, 2) == owners[i])
			edit.state = (void *)&owners[i];
	}
	edit.body = call_body(call);
	if (edit.body)
		call_edit(call, &edit);
}

void v2_site_notifier(struct registry_call *call)
{
	if (v2_is_site(call))
		v2_notifier_create(call);
}

static int apply_filter(struct call_edit *edit, struct model_tx *tx,
                        struct err *err)
{
	edit->edited = v2_find(edit, tx, KIND_NOTIFIER, 0, err);
	return edit->edited
	               ? add_filter(edit, tx, edit->edited, edit->body, err)
	               : -ENOENT;
}

/* Answers the notifier with all its filters. */
void v2_filter_create(struct registry_call *call)
{
	struct call_edit edit = { .apply = apply_filter,
		                  .write = v2_write_edited,
		                  .exists_status = 400 };

	edit.body = call_body(call);
	if (edit.body)
		call_edit(call, &edit);
}
