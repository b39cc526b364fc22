/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From records to what is to be rendered. A record speaks for the links that
 * it changes, before and after; objects that are gone are not asked for what
 * they had, for each of those has a record of its own.
 */
#include "registry/model/documents_parts.h"

#define TARGETS BIT(DOCUMENT_TARGETS)
#define URLS    BIT(DOCUMENT_URLS)
#define RULES   BIT(DOCUMENT_RULES)
#define NODES   BIT(DOCUMENT_NODES)

#define MAX_DEPTH 16 /* of overrides of overrides */

struct touch {
	const struct model *model;
	unit_mark_cb mark;
	void *context;
};

/* NULL if it is gone. */
static const struct object *alive(const struct touch *touch,
                                  const struct object *object)
{
	if (!object || model_find(touch->model, object_kind(object),
	                          object_id(object)) != object)
		return NULL;
	return object;
}

static void mark(const struct touch *touch, enum unit_type type,
                 const struct object *object, unsigned stale)
{
	if (object)
		touch->mark(touch->context, type, object_id(object), stale);
}

static void mark_structure(const struct touch *touch)
{
	touch->mark(touch->context, UNIT_SITE, 0, STALE_STRUCTURE);
}

static bool text_differs(const struct record *record, unsigned field)
{
	return strcmp(record->old[field].text, record->new[field].text) != 0;
}

static bool ref_differs(const struct record *record, unsigned field)
{
	return record->old[field].object != record->new[field].object;
}

static const struct object *before(const struct record *record, unsigned field)
{
	return record->old ? record->old[field].object : NULL;
}

static const struct object *after(const struct record *record, unsigned field)
{
	return record->new ? record->new[field].object : NULL;
}

/* --- rules ---------------------------------------------------------------- */

static void touch_owner(const struct touch *touch, const struct object *project,
                        const struct object *service)
{
	if (project)
		mark(touch, UNIT_PROJECT, project, RULES);
	else if (service)
		mark(touch, UNIT_SERVICE, service, RULES);
	else
		touch->mark(touch->context, UNIT_SITE, 0, RULES);
}

/* Those whom @rule overrides, and whom they do: it may stand in <exclude> of
 * each. */
static void touch_overridden(const struct touch *touch,
                             const struct object *rule)
{
	for (unsigned i = 0; i < MAX_DEPTH && alive(touch, rule); i++) {
		touch_owner(touch, object_ref(rule, RULE_PROJECT),
		            object_ref(rule, RULE_SERVICE));
		rule = object_ref(rule, RULE_PARENT);
	}
}

static void touch_rule_values(const struct touch *touch,
                              const union value *values)
{
	if (!values)
		return;
	touch_owner(touch, values[RULE_PROJECT].object,
	            values[RULE_SERVICE].object);
	touch_overridden(touch, values[RULE_PARENT].object);
}

/* The name of an owner stands in its own rules and in those that they
 * override. */
static void touch_rules_of(const struct touch *touch,
                           const struct object *owner, unsigned field)
{
	OBJECT_FOR_EACH(rule, owner, KIND_RULE, field)
	touch_overridden(touch, rule);
}

/* --- kinds ----------------------------------------------------------------- */

static void touch_shard(const struct touch *touch, const struct record *record)
{
	if (record->op != RECORD_UPDATED) {
		mark_structure(touch);
		return;
	}
	if (!text_differs(record, SHARD_NAME))
		return;
	mark_structure(touch);
	mark(touch, UNIT_SHARD, record->object, TARGETS);
	if (!alive(touch, record->object))
		return;
	OBJECT_FOR_EACH(project, record->object, KIND_PROJECT, PROJECT_SHARD)
	mark(touch, UNIT_PROJECT, project, TARGETS | URLS);
}

static void touch_service(const struct touch *touch,
                          const struct record *record)
{
	unsigned stale = TARGETS | URLS;

	if (record->op != RECORD_UPDATED) {
		mark_structure(touch);
		return;
	}
	if (!alive(touch, record->object))
		return;
	if (text_differs(record, SERVICE_NAME)) {
		stale |= RULES;
		mark_structure(touch);
		mark(touch, UNIT_SERVICE, record->object, RULES);
		touch_rules_of(touch, record->object, RULE_SERVICE);
	} else if (label_set_equal(record->old[SERVICE_LABELS].labels,
	                           record->new[SERVICE_LABELS].labels)) {
		return;
	}
	OBJECT_FOR_EACH(project, record->object, KIND_PROJECT, PROJECT_SERVICE)
	mark(touch, UNIT_PROJECT, project, stale);
}

static void touch_project(const struct touch *touch,
                          const struct record *record)
{
	if (record->op != RECORD_UPDATED) {
		mark_structure(touch);
		return;
	}
	if (!text_differs(record, PROJECT_NAME) &&
	    !ref_differs(record, PROJECT_SERVICE) &&
	    !ref_differs(record, PROJECT_SHARD)) {
		mark(touch, UNIT_PROJECT, record->object, TARGETS | URLS);
		return;
	}
	mark_structure(touch);
	mark(touch, UNIT_PROJECT, record->object, TARGETS | URLS | RULES);
	if (alive(touch, record->object))
		touch_rules_of(touch, record->object, RULE_PROJECT);
}

static void touch_host(const struct touch *touch, const struct object *farm)
{
	if (alive(touch, farm))
		mark(touch, UNIT_PROJECT, object_ref(farm, FARM_PROJECT),
		     TARGETS);
}

static void touch_probe(const struct touch *touch, const struct record *record)
{
	if (record->op != RECORD_UPDATED || !alive(touch, record->object))
		return;
	OBJECT_FOR_EACH(url, record->object, KIND_URL, URL_PROBE)
	mark(touch, UNIT_PROJECT, object_ref(url, URL_PROJECT), URLS);
}

static void touch_both(const struct touch *touch, const struct record *record,
                       enum unit_type type, unsigned field, unsigned stale)
{
	mark(touch, type, before(record, field), stale);
	if (after(record, field) != before(record, field))
		mark(touch, type, after(record, field), stale);
}

static void touch_record(const struct touch *touch, const struct record *record)
{
	switch (record->kind) {
	case KIND_SHARD:
		touch_shard(touch, record);
		break;
	case KIND_SERVICE:
		touch_service(touch, record);
		break;
	case KIND_PROJECT:
		touch_project(touch, record);
		break;
	case KIND_FARM:
		touch_both(touch, record, UNIT_PROJECT, FARM_PROJECT, TARGETS);
		break;
	case KIND_HOST:
		touch_host(touch, before(record, HOST_FARM));
		touch_host(touch, after(record, HOST_FARM));
		break;
	case KIND_EXPORTER:
		touch_both(touch, record, UNIT_PROJECT, EXPORTER_PROJECT,
		           TARGETS);
		break;
	case KIND_PROBE:
		touch_probe(touch, record);
		break;
	case KIND_URL:
		touch_both(touch, record, UNIT_PROJECT, URL_PROJECT, URLS);
		break;
	case KIND_RULE:
		touch_rule_values(touch, record->old);
		touch_rule_values(touch, record->new);
		break;
	case KIND_NODE:
		touch_both(touch, record, UNIT_SHARD, NODE_SHARD,
		           TARGETS | NODES);
		break;
	case KIND_SERVER:
	case KIND_DEFAULT_EXPORTER:
	case KIND_NOTIFIER:
	case KIND_FILTER:
	case KIND_TOKEN:
	case N_KINDS:
		break; /* stand in no document */
	}
}

void documents_concerned(const struct model *model,
                         const struct record *records, size_t n,
                         unit_mark_cb mark_unit, void *context)
{
	const struct touch touch = { model, mark_unit, context };

	for (size_t i = 0; i < n; i++)
		touch_record(&touch, &records[i]);
}

static void mark_stale(void *context, enum unit_type type, uint64_t id,
                       unsigned stale)
{
	struct documents *documents = context;
	struct unit *unit;

	if (stale & STALE_STRUCTURE)
		documents->stale_structure = true;
	/* what is new is rendered when it is first seen */
	unit = documents_unit(documents, type, id);
	if (unit)
		unit->stale |= stale & ALL_KINDS;
}

void documents_touch(struct documents *documents, const struct record *records,
                     size_t n)
{
	documents_concerned(documents->model, records, n, mark_stale,
	                    documents);
}
