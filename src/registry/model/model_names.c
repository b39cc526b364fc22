/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_names: what else changes when a service or a project gets another name,
 * or a project another service: rules that override others for it name it in
 * front of <exclude>. If they did not follow, nobody would watch over it: those
 * that they override leave out its new name.
 */
#include "registry/model/model_private.h"
#include "registry/model/rule_macro.h"

struct renaming {
	const char *label;
	const char *from, *to;
};

static int follow_rule(struct model_tx *tx, struct object *rule,
                       const struct renaming *renaming, struct err *err)
{
	char title[OBJECT_TITLE_MAX];
	struct assignment clause = { .field = RULE_CLAUSE };
	struct buf text;
	int rc = 0;

	buf_init(&text, RULE_MACRO_MAX);
	if (rule_macro_rename(object_text(rule, RULE_CLAUSE), renaming->label,
	                      renaming->from, renaming->to, &text)) {
		clause.value.text = buf_text(&text);
		rc = text.failed ? err_set(err, text.failed, "out of memory")
		                 : model_update(tx, rule, &clause, 1, err);
	}
	buf_fini(&text);
	if (rc < 0)
		err_wrap(err, "%s", object_title(rule, title));
	return rc;
}

/* Those that hang on the owner by that field. */
static int follow_rules(struct model_tx *tx, const struct object *owner,
                        unsigned field, const struct renaming *renaming,
                        struct err *err)
{
	int rc = 0;

	for (struct object *rule = object_child(owner, KIND_RULE, field, NULL);
	     rule && rc == 0;
	     rule = object_child(owner, KIND_RULE, field, rule))
		rc = follow_rule(tx, rule, renaming, err);
	return rc;
}

static int follow_service(struct model_tx *tx, const struct object *service,
                          const union value *old, struct err *err)
{
	const struct renaming renaming = { "service", old[SERVICE_NAME].text,
		                           object_text(service, SERVICE_NAME) };
	int rc = follow_rules(tx, service, RULE_SERVICE, &renaming, err);

	for (struct object *project =
	             object_child(service, KIND_PROJECT, PROJECT_SERVICE, NULL);
	     project && rc == 0;
	     project = object_child(service, KIND_PROJECT, PROJECT_SERVICE,
	                            project))
		rc = follow_rules(tx, project, RULE_PROJECT, &renaming, err);
	return rc;
}

static int follow_project(struct model_tx *tx, const struct object *project,
                          const union value *old, struct err *err)
{
	const struct object *before = old[PROJECT_SERVICE].object;
	const struct object *service = object_ref(project, PROJECT_SERVICE);
	const struct renaming own = { "project", old[PROJECT_NAME].text,
		                      object_text(project, PROJECT_NAME) };
	const struct renaming above = { "service",
		                        object_text(before, SERVICE_NAME),
		                        object_text(service, SERVICE_NAME) };
	int rc = follow_rules(tx, project, RULE_PROJECT, &own, err);

	return rc < 0 ? rc
	              : follow_rules(tx, project, RULE_PROJECT, &above, err);
}

int names_follow(struct model_tx *tx, const struct object *object,
                 const union value *old, struct err *err)
{
	if (object->kind == KIND_SERVICE)
		return follow_service(tx, object, old, err);
	if (object->kind == KIND_PROJECT)
		return follow_project(tx, object, old, err);
	return 0;
}
