/* SPDX-License-Identifier: Apache-2.0 */
/* v2_rules: rules that hold for all, and rules that override others. */
#include "registry/http/v2.h"

#include <errno.h>

#define SITE_ID       "1" /* there is one site */
#define CLAUSE_MAX    65536
#define RULE_NAME_MAX 512
#define EXCLUDE       "<exclude>"
#define MAX_SAME_SLUG 100

/* --- the site --------------------------------------------------------------- */

void v2_site_info(struct registry_call *call)
{
	const char *site = registry_config(call->registry)->site;
	struct json_writer json;
	struct buf body;

	buf_init(&body, REGISTRY_ANSWER_MAX);
	json_write_init(&json, &body);
	json_write_object(&json);
	json_write_key(&json, "id");
	json_write_u64(&json, 1);
	json_write_key(&json, "domain");
	json_write_string(&json, site);
	json_write_key(&json, "name");
	json_write_string(&json, site);
	json_write_object_end(&json);
	call_answer(call, 200, &body);
}

bool v2_is_site(struct registry_call *call)
{
	if (strcmp(call->params[0], SITE_ID) == 0)
		return true;
	call_refuse(call, 404, "there is one site, and its id is " SITE_ID);
	return false;
}

static int apply_site_rule(struct call_edit *edit, struct model_tx *tx,
                           struct err *err)
{
	return v2_make(edit, tx, KIND_RULE, edit->body, NULL, NULL, 0,
	               &edit->edited, err);
}

void v2_site_rule(struct registry_call *call)
{
	struct call_edit edit = { .apply = apply_site_rule,
		                  .write = v2_write_edited,
		                  .exists_status = 400 };

	if (!v2_is_site(call))
		return;
	edit.body = call_body(call);
	if (edit.body)
		call_edit(call, &edit);
}

/* --- overriding -------------------------------------------------------------- */

struct override {
	const struct object *original;
	struct object *owner;
	struct buf name;
	struct buf clause;
	struct assignment more[N_RULE_FIELDS];
	size_t n;
};

/* Who has already overridden it for that owner. */
static struct object *find_override(const struct object *original,
                                    unsigned owner_field,
                                    const struct object *owner)
{
	OBJECT_FOR_EACH(rule, original, KIND_RULE, RULE_PARENT)
	{
		if (object_ref(rule, owner_field) == owner)
			return rule;
	}
	return NULL;
}

/* As Django makes a slug, with '_' for '-', for it goes into a metric's name: of
 * blanks and '-' side by side one is left, and at the ends none, nor a '_'. */
static void put_slug(struct buf *out, const char *name)
{
	size_t start = out->n;
	bool joins = false;

	for (; *name; name++) {
		char c = *name;

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '-' || c == ' ')
			joins = true;
		else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		         (c == '_' && out->n > start)) {
			if (joins && out->n > start)
				(void)buf_putc(out, '_');
			joins = false;
			(void)buf_putc(out, c);
		}
	}
	while (out->n > start && out->p[out->n - 1] == '_')
		out->p[--out->n] = '\0';
}

/* ORIGINAL_SLUG; two owners may have one slug: ORIGINAL_SLUG_2. */
static void put_name(struct buf *out, const struct model *model,
                     const struct object *original, const char *owner)
{
	unsigned nth = 1;

	do {
		buf_reset(out);
		(void)buf_printf(out, "%s_", object_text(original, RULE_NAME));
		put_slug(out, owner);
		if (nth > 1)
			(void)buf_printf(out, "_%u", nth);
	} while (!out->failed && nth++ < MAX_SAME_SLUG &&
	         model_find_name(model, KIND_RULE, buf_text(out)));
}

/* Each <exclude> is preceded by what the override is for. */
static void put_clause(struct buf *out, const char *clause, const char *label,
                       const char *name)
{
	const char *at;

	while ((at = strstr(clause, EXCLUDE))) {
		(void)buf_append(out, clause, (size_t)(at - clause));
		(void)buf_printf(out, "%s=\"%s\"," EXCLUDE, label, name);
		clause = at + strlen(EXCLUDE);
	}
	(void)buf_puts(out, clause);
}

static void set(struct override *own, unsigned field, union value value)
{
	own->more[own->n++] = (struct assignment){ field, value };
}

/* What the original has, where the request has nothing of its own. */
static void copy_fields(struct override *own, const struct json_t *overrides)
{
	const union value *values = object_values(own->original);

	for (unsigned i = 0; i < N_RULE_FIELDS; i++) {
		const char *name = kinds[KIND_RULE].fields[i].name;

		if (json_get(overrides, name))
			continue;
		switch (i) {
		case RULE_SERVICE:
		case RULE_PROJECT:
		case RULE_PARENT:
		case RULE_ENABLED:
			break;
		case RULE_NAME:
			set(own, i, (union value){ .text = own->name.p });
			break;
		case RULE_CLAUSE:
			set(own, i, (union value){ .text = own->clause.p });
			break;
		default:
			set(own, i, values[i]);
		}
	}
}

static int make_override(struct call_edit *edit, struct model_tx *tx,
                         struct override *own, enum kind owner_kind,
                         struct err *err)
{
	static const char *const fixed[] = { "service", "project", "parent",
		                             NULL };
	const struct json_t *overrides = json_get(edit->body, "overrides");
	bool of_service = owner_kind == KIND_SERVICE;
	const char *name = object_text(own->owner, of_service ? SERVICE_NAME
	                                                      : PROJECT_NAME);

	put_name(&own->name, model_of(tx), own->original, name);
	put_clause(&own->clause, object_text(own->original, RULE_CLAUSE),
	           kinds[owner_kind].name, name);
	if (own->name.failed || own->clause.failed)
		return err_set(err, -EINVAL,
		               "its name or its clause would be too long");
	copy_fields(own, overrides);
	set(own, of_service ? RULE_SERVICE : RULE_PROJECT,
	    (union value){ .object = own->owner });
	set(own, RULE_PARENT,
	    (union value){ .object = (struct object *)own->original });
	return v2_make(edit, tx, KIND_RULE, overrides, fixed, own->more, own->n,
	               &edit->edited, err);
}

static int apply_override(struct call_edit *edit, struct model_tx *tx,
                          struct err *err)
{
	enum kind owner_kind = *(const enum kind *)edit->state;
	int64_t id = json_as_int(json_get(edit->body, "original_rule_id"), 0);
	struct override own = { 0 };
	int r;

	own.owner = v2_find(edit, tx, owner_kind, 0, err);
	if (!own.owner)
		return -ENOENT;
	own.original =
		id > 0 ? model_find(model_of(tx), KIND_RULE, (uint64_t)id)
		       : NULL;
	edit->field = "original_rule_id";
	if (!own.original)
		return err_set(err, -EINVAL, "must be the id of a rule");
	edit->edited = find_override(
		own.original, v2_owner_field(KIND_RULE, owner_kind), own.owner);
	if (edit->edited)
		return 0;
	edit->field = NULL;
	buf_init(&own.name, RULE_NAME_MAX);
	buf_init(&own.clause, CLAUSE_MAX);
	r = make_override(edit, tx, &own, owner_kind, err);
	buf_fini(&own.name);
	buf_fini(&own.clause);
	return r;
}

void v2_rule_override(struct registry_call *call)
{
	static const enum kind owners[] = { KIND_SERVICE, KIND_PROJECT };
	struct call_edit edit = { .apply = apply_override,
		                  .write = v2_write_edited,
		                  .exists_status = 400 };

	edit.state = (void *)&owners[v2_kind(call, 2) == KIND_PROJECT];
	edit.body = call_body(call);
	if (edit.body)
		call_edit(call, &edit);
}
