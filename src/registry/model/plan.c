/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/plan.h"

#include <errno.h>
#include <inttypes.h>
#include "base/mem.h"
#include "base/text.h"

/* What was met in the document, by its address. */
struct mark {
	const struct object *object;
};

struct plan {
	struct model_tx *tx;
	const struct model *model;
	const struct portable *portable;
	const struct plan_options *options;
	struct map marks;
	struct map gone_nodes; /* address → node that was deleted */
	struct arena memory;
	struct err *err;
};

/* One item while it is dealt with. */
struct step {
	const struct portable_item *item;
	struct object *owner;  /* NULL: none */
	struct object *object; /* NULL: it is not there yet */
	struct assignment assignments[KIND_MAX_FIELDS];
	size_t n;
};

static int plan_sections(struct plan *plan, const struct portable_item *item,
                         struct object *object);

/* --- marks ---------------------------------------------------------------- */

static bool is_marked(const struct plan *plan, const struct object *object)
{
	return map_get(&plan->marks,
	               slice_make((const char *)&object, sizeof(object)));
}

static int mark(struct plan *plan, const struct object *object)
{
	struct mark *mark = arena_alloc(&plan->memory, sizeof(*mark));

	if (!mark)
		return -ENOMEM;
	mark->object = object;
	return map_set(&plan->marks,
	               slice_make((const char *)&mark->object,
	                          sizeof(struct object *)),
	               mark);
}

/* --- errors --------------------------------------------------------------- */

/* Puts the place before the words. */
static int blame(struct plan *plan, const struct portable_item *item, int r)
{
	char title[PORTABLE_TITLE_MAX];

	if (r == -ENOMEM || !plan->err)
		return r;
	err_wrap(plan->err, "%s", portable_item_title(item, title));
	if (item->file && item->line)
		err_wrap(plan->err, "%s:%" PRIu32, item->file, item->line);
	return r;
}

/* --- finding what an item means ------------------------------------------- */

static bool given(const struct portable_item *item, unsigned field)
{
	return item->given & 1u << field;
}

static struct object *find_key(struct plan *plan, const struct step *step)
{
	const struct portable_item *item = step->item;
	const int *key = kinds[item->kind].keys[0];
	union value values[KIND_KEY_FIELDS] = { 0 };
	enum kind kind = item->kind;

	for (size_t i = 0; i < KIND_KEY_FIELDS && key[i] >= 0; i++) {
		unsigned field = (unsigned)key[i];
		const struct field *info = &kinds[kind].fields[field];

		if (item->section->field == key[i])
			values[i].object = step->owner;
		else if (info->type == FIELD_REF)
			values[i].object =
				given(item, field)
					? model_find_name(
						  plan->model, info->to,
						  item->values[field].text)
					: NULL;
		else if (info->type == FIELD_TEXT)
			values[i].text = portable_item_text(item, field);
		else
			values[i].number = portable_item_number(item, field);
		if (info->type == FIELD_REF && given(item, field) &&
		    !values[i].object)
			return NULL;
	}
	return model_find_key(plan->model, kind, 0, values);
}

/* Without its secret: the next one of that driver and alias. */
static int find_notifier(struct plan *plan, struct step *step)
{
	const struct portable_item *item = step->item;
	const char *sender = portable_item_text(item, NOTIFIER_SENDER);
	const char *alias = portable_item_text(item, NOTIFIER_ALIAS);
	struct object **objects;
	size_t n;
	int r = portable_objects(plan->model, item->section, step->owner,
	                         &objects, &n);

	for (size_t i = 0; r == 0 && i < n && !step->object; i++) {
		if (!is_marked(plan, objects[i]) &&
		    strcmp(object_text(objects[i], NOTIFIER_SENDER), sender) ==
		            0 &&
		    strcmp(object_text(objects[i], NOTIFIER_ALIAS), alias) == 0)
			step->object = objects[i];
	}
	mem_free(objects);
	return r;
}

/* What would go otherwise: one of the same job whose port, path or scheme is
 * another now stays the same object. Those that are as they were are marked
 * by now. */
static struct object *find_moved(struct plan *plan, const struct step *step)
{
	const char *job = portable_item_text(step->item, EXPORTER_JOB);

	OBJECT_FOR_EACH(exporter, step->owner, KIND_EXPORTER, EXPORTER_PROJECT)
	{
		if (strcmp(object_text(exporter, EXPORTER_JOB), job) == 0 &&
		    !is_marked(plan, exporter))
			return exporter;
	}
	return NULL;
}

static int find_object(struct plan *plan, struct step *step)
{
	const struct portable_item *item = step->item;

	if (item->kind == KIND_NOTIFIER && !given(item, NOTIFIER_VALUE))
		return find_notifier(plan, step);
	step->object = find_key(plan, step);
	if (!step->object && item->kind == KIND_NODE)
		step->object =
			map_get(&plan->gone_nodes,
		                slice_from(portable_item_text(item, NODE_IP)));
	if (!step->object && item->kind == KIND_EXPORTER &&
	    plan->options->prune)
		step->object = find_moved(plan, step);
	return 0;
}

/* --- what is to stand in it ----------------------------------------------- */

static void add(struct step *step, unsigned field, union value value)
{
	step->assignments[step->n++] =
		(struct assignment){ .field = field, .value = value };
}

static int resolve(struct plan *plan, const struct portable_item *item,
                   unsigned field, union value *value)
{
	const struct field *info = &kinds[item->kind].fields[field];
	const char *name = item->values[field].text;

	*value = (union value){ .object = NULL };
	if (!name[0])
		return 0;
	value->object = model_find_name(plan->model, info->to, name);
	if (value->object)
		return 0;
	return err_set(plan->err, -ENOENT, "there is no %s %.64s",
	               kinds[info->to].name, name);
}

/* Is the field for who owns items of that kind, here or elsewhere? */
static bool is_owner_field(enum kind kind, unsigned field)
{
	for (size_t i = 0; i < n_portable_sections; i++) {
		if (portable_sections[i].kind == kind &&
		    portable_sections[i].field == (int)field)
			return true;
	}
	return false;
}

/* What is not given and yet not left alone. */
static int assign_absent(struct plan *plan, struct step *step, unsigned field)
{
	const struct field *info = &kinds[step->item->kind].fields[field];
	enum kind kind = step->item->kind;
	union value value = field_fallback(info);

	if (info->flags & FIELD_READ_ONLY)
		return 0;
	if (step->object) {
		if (!plan->options->partial &&
		    !(info->flags & (FIELD_REQUIRED | FIELD_SECRET)))
			add(step, field, value);
		return 0;
	}
	if ((kind == KIND_PROJECT && field == PROJECT_SHARD) ||
	    (kind == KIND_NODE && field == NODE_SHARD)) {
		int r = model_default_shard(plan->tx, &value.object, plan->err);

		if (r == 0)
			add(step, field, value);
		return r;
	}
	if (kind == KIND_FARM && field == FARM_NAME) {
		value.text = object_text(step->owner, PROJECT_NAME);
		add(step, field, value);
	}
	return 0;
}

static int assign_all(struct plan *plan, struct step *step)
{
	const struct portable_item *item = step->item;
	union value value;
	int r = 0;

	step->n = 0;
	for (unsigned i = 0; r == 0 && i < kinds[item->kind].n_fields; i++) {
		bool ref = kinds[item->kind].fields[i].type == FIELD_REF;

		if (item->section->field == (int)i) {
			value.object = step->owner;
			add(step, i, value);
		} else if (given(item, i) && ref) {
			r = resolve(plan, item, i, &value);
			add(step, i, value);
		} else if (given(item, i)) {
			add(step, i, item->values[i]);
		} else if (ref && is_owner_field(item->kind, i) &&
		           !item->section->flat) {
			value.object = NULL;
			add(step, i, value);
		} else {
			r = assign_absent(plan, step, i);
		}
	}
	if (item->kind == KIND_NODE && step->object) {
		value.number = 0;
		add(step, NODE_DELETED, value);
	}
	return r;
}

/* Something in it cannot be changed, but is another: it is made anew. */
static bool is_another(const struct step *step)
{
	for (size_t i = 0; i < step->n; i++) {
		const struct assignment *new = &step->assignments[i];
		const struct field *info =
			&kinds[step->item->kind].fields[new->field];
		union value old = object_values(step->object)[new->field];

		if (!(info->flags & FIELD_FIXED))
			continue;
		if (info->type == FIELD_REF ? old.object != new->value.object
		                            : old.number != new->value.number)
			return true;
	}
	return false;
}

/* --- items ---------------------------------------------------------------- */

static bool lacks_secret(const struct portable_item *item)
{
	for (unsigned i = 0; i < kinds[item->kind].n_fields; i++) {
		unsigned flags = kinds[item->kind].fields[i].flags;

		if (flags & FIELD_SECRET && flags & FIELD_REQUIRED &&
		    !given(item, i))
			return true;
	}
	return false;
}

static int step_create(struct plan *plan, struct step *step)
{
	if (step->item->kind == KIND_PROJECT && step->item->section->flat &&
	    !given(step->item, PROJECT_SERVICE))
		return err_set(plan->err, -ENOENT,
		               "is not there; look at its name, or make it by "
		               "a document to apply that has it below its "
		               "service or names its `service`");
	if (lacks_secret(step->item))
		return err_set(plan->err, -EINVAL,
		               "is not there yet, and a new one needs its "
		               "secret `value`; an export has it only if asked "
		               "for secrets");
	return model_create(plan->tx, step->item->kind, step->assignments,
	                    step->n, &step->object, plan->err);
}

static int step_write(struct plan *plan, struct step *step)
{
	int r = assign_all(plan, step);

	if (r == 0 && step->object && is_another(step)) {
		r = model_delete(plan->tx, step->object, plan->err);
		step->object = NULL;
		if (r == 0)
			r = assign_all(plan, step);
	}
	if (r < 0)
		return r;
	if (!step->object)
		return step_create(plan, step);
	return model_update(plan->tx, step->object, step->assignments, step->n,
	                    plan->err);
}

static int plan_item(struct plan *plan, const struct portable_item *item,
                     struct object *owner)
{
	struct step step = { .item = item, .owner = owner };
	int r = find_object(plan, &step);

	if (r == 0)
		r = step_write(plan, &step);
	if (r < 0)
		return blame(plan, item, r);
	r = mark(plan, step.object);
	return r < 0 ? r : plan_sections(plan, item, step.object);
}

/* Those exporters that are as they were; see find_moved(). */
static int mark_exporters(struct plan *plan, const struct portable_item *owner,
                          struct object *project)
{
	int r = 0;

	for (const struct portable_item *item = owner->first; item && r == 0;
	     item = item->next) {
		struct step step = { .item = item, .owner = project };

		if (item->kind != KIND_EXPORTER)
			continue;
		step.object = find_key(plan, &step);
		if (step.object)
			r = mark(plan, step.object);
	}
	return r;
}

/* The depth is that of the table of sections. */
static int plan_sections(struct plan *plan, const struct portable_item *owner,
                         struct object *object)
{
	const struct portable_section *section;
	size_t at = 0;
	int r = 0;

	if (plan->options->prune && owner->kind == KIND_PROJECT)
		r = mark_exporters(plan, owner, object);
	while (r == 0 && (section = portable_section(owner->kind, &at))) {
		for (const struct portable_item *item = owner->first;
		     item && r == 0; item = item->next) {
			if (item->section == section)
				r = plan_item(plan, item, object);
		}
	}
	return r;
}

/* --- what goes ------------------------------------------------------------ */

static bool is_managed(const struct plan *plan,
                       const struct portable_section *section)
{
	return section->owner != N_KINDS ||
	       plan->portable->sections & 1u << section->kind;
}

static int prune_sections(struct plan *plan, struct object *owner)
{
	const struct portable_section *section;
	size_t at = 0;
	int r = 0;

	while (r == 0 && (section = portable_section(
				  owner ? object_kind(owner) : N_KINDS, &at))) {
		struct object **objects;
		size_t n;

		if (section->flat || !is_managed(plan, section))
			continue;
		r = portable_objects(plan->model, section, owner, &objects, &n);
		for (size_t i = 0; r == 0 && i < n; i++)
			r = is_marked(plan, objects[i])
			            ? prune_sections(plan, objects[i])
			            : model_delete(plan->tx, objects[i],
			                           plan->err);
		mem_free(objects);
	}
	return r;
}

/* Of projects at the top all are meant, whatever their service. */
static int prune_projects(struct plan *plan)
{
	struct object *project = model_next(plan->model, KIND_PROJECT, NULL);
	int r = 0;

	if (!(plan->portable->sections & 1u << KIND_PROJECT) ||
	    plan->portable->sections & 1u << KIND_SERVICE)
		return 0;
	while (project && r == 0) {
		struct object *next =
			model_next(plan->model, KIND_PROJECT, project);

		r = is_marked(plan, project)
		            ? prune_sections(plan, project)
		            : model_delete(plan->tx, project, plan->err);
		project = next;
	}
	return r;
}

/* What went took something with it that the document has. */
static int check_taken(struct plan *plan)
{
	char title[PORTABLE_TITLE_MAX];
	size_t n;
	const struct record *records = model_records(plan->tx, &n);

	for (size_t i = 0; i < n; i++) {
		if (records[i].op != RECORD_DELETED ||
		    !is_marked(plan, records[i].object))
			continue;
		return err_set(
			plan->err, -EINVAL,
			"%s hangs on something that the document does "
			"not have and that would go; name that, too",
			portable_title(records[i].kind, records[i].old, title));
	}
	return 0;
}

/* --- the whole ------------------------------------------------------------ */

static int know_gone_nodes(struct plan *plan)
{
	int r = 0;

	MODEL_FOR_EACH(node, plan->model, KIND_NODE)
	{
		if (r == 0 && object_number(node, NODE_DELETED))
			r = map_set(&plan->gone_nodes,
			            slice_from(object_text(node, NODE_IP)),
			            node);
	}
	return r;
}

int plan_apply(struct model_tx *tx, const struct portable *portable,
               const struct plan_options *options, struct err *err)
{
	struct plan plan = { .tx = tx,
		             .model = model_of(tx),
		             .portable = portable,
		             .options = options,
		             .err = err };
	int r;

	map_init(&plan.marks, 0);
	map_init(&plan.gone_nodes, 0);
	r = know_gone_nodes(&plan);
	if (r == 0)
		r = plan_sections(&plan, portable->root, NULL);
	if (r == 0 && options->prune)
		r = prune_sections(&plan, NULL);
	if (r == 0 && options->prune)
		r = prune_projects(&plan);
	if (r == 0)
		r = check_taken(&plan);
	map_fini(&plan.marks);
	map_fini(&plan.gone_nodes);
	arena_fini(&plan.memory);
	return r == -ENOMEM ? err_set(err, r, "out of memory") : r;
}
