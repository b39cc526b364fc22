/* SPDX-License-Identifier: Apache-2.0 */
/* The part of plan.h that says what changes. */
#include "registry/model/plan.h"

#include <inttypes.h>
#include "base/text.h"

#define MAX_VALUE 100 /* bytes of a value in a line */
#define MAX_LINE  8192

static const char *const ops[] = {
	[RECORD_CREATED] = "+",
	[RECORD_UPDATED] = "~",
	[RECORD_DELETED] = "-",
};

static const union value *values_of(const struct record *record)
{
	return record->old ? record->old : record->new;
}

/* --- where ---------------------------------------------------------------- */

/* The field of who owns it; -1: nobody. */
static int owner_field(enum kind kind, const union value *values)
{
	int found = -1;

	for (size_t i = 0; i < n_portable_sections; i++) {
		const struct portable_section *section = &portable_sections[i];

		if (section->kind == kind && section->field > found &&
		    values[section->field].object)
			found = section->field;
	}
	return found;
}

/* "shop/web"; of a filter with the name of its notifier. */
static void print_where(struct buf *out, enum kind kind,
                        const union value *values)
{
	int field = owner_field(kind, values);
	const struct object *owner;
	char title[PORTABLE_TITLE_MAX];
	size_t n = out->n;

	if (kind == KIND_NODE && values[NODE_SHARD].object) {
		text_escape_plain(out, slice_from(object_text(
					       values[NODE_SHARD].object, 0)));
		return;
	}
	if (field < 0)
		return;
	owner = values[field].object;
	print_where(out, object_kind(owner), object_values(owner));
	if (object_kind(owner) == KIND_FARM)
		return; /* its project says it */
	if (out->n > n)
		(void)buf_putc(out, '/');
	if (object_kind(owner) == KIND_NOTIFIER)
		text_escape_plain(out, slice_from(portable_title(
					       KIND_NOTIFIER,
					       object_values(owner), title)));
	else
		text_escape_plain(out, slice_from(object_text(owner, 0)));
}

/* --- what becomes different ----------------------------------------------- */

static void print_text(struct buf *out, struct slice text)
{
	struct slice front = text_cut(text, MAX_VALUE);
	bool quote = text.n == 0 || memchr(text.p, ' ', text.n) ||
	             memchr(text.p, ',', text.n);

	if (quote)
		(void)buf_putc(out, '"');
	text_escape_plain(out, front);
	if (front.n < text.n)
		(void)buf_puts(out, "…");
	if (quote)
		(void)buf_putc(out, '"');
}

static void print_value(struct buf *out, const struct field *field,
                        union value value)
{
	switch (field->type) {
	case FIELD_TEXT:
		print_text(out, slice_from(value.text));
		return;
	case FIELD_FLAG:
		(void)buf_puts(out, value.number ? "true" : "false");
		return;
	case FIELD_NUMBER:
	case FIELD_TIME:
		(void)buf_printf(out, "%" PRId64, value.number);
		return;
	case FIELD_REF:
		if (value.object)
			print_text(out,
			           slice_from(object_text(value.object, 0)));
		else
			(void)buf_puts(out, "none");
		return;
	case FIELD_LABELS:
	case FIELD_PARAMS:
	default:
		return;
	}
}

/* All values of a name. */
static void print_label(struct buf *out, const struct label_set *set,
                        struct slice name)
{
	bool any = false;

	for (uint32_t i = 0; set && i < set->n; i++) {
		if (!slice_equal(set->items[i].name, name))
			continue;
		if (any)
			(void)buf_putc(out, '|');
		print_text(out, set->items[i].value);
		any = true;
	}
	if (!any)
		(void)buf_puts(out, "none");
}

static size_t count_label(const struct label_set *set, struct slice name)
{
	size_t n = 0;

	for (uint32_t i = 0; set && i < set->n; i++)
		n += slice_equal(set->items[i].name, name);
	return n;
}

static bool same_label(const struct label_set *a, const struct label_set *b,
                       struct slice name)
{
	uint32_t k = 0;

	if (count_label(a, name) != count_label(b, name))
		return false;
	for (uint32_t i = 0; a && i < a->n; i++) {
		if (!slice_equal(a->items[i].name, name))
			continue;
		while (k < b->n && !slice_equal(b->items[k].name, name))
			k++;
		if (k == b->n ||
		    !slice_equal(a->items[i].value, b->items[k].value))
			return false;
		k++;
	}
	return true;
}

static void print_labels(struct buf *out, const char *field,
                         const struct label_set *set,
                         const struct label_set *old,
                         const struct label_set *new, const char **between)
{
	for (uint32_t i = 0; set && i < set->n; i++) {
		struct slice name = set->items[i].name;

		if ((i && slice_equal(set->items[i - 1].name, name)) ||
		    same_label(old, new, name) ||
		    (set == new &&count_label(old, name)))
			continue;
		(void)buf_printf(out, "%s%s.", *between, field);
		text_escape_plain(out, name);
		(void)buf_putc(out, ' ');
		print_label(out, old, name);
		(void)buf_puts(out, " → ");
		print_label(out, new, name);
		*between = ", ";
	}
}

static bool is_same(const struct field *field, union value a, union value b)
{
	switch (field->type) {
	case FIELD_TEXT:
		return text_equal(a.text, b.text);
	case FIELD_REF:
		return a.object == b.object;
	case FIELD_LABELS:
	case FIELD_PARAMS:
		return label_set_equal(a.labels, b.labels);
	case FIELD_NUMBER:
	case FIELD_FLAG:
	case FIELD_TIME:
	default:
		return a.number == b.number;
	}
}

static void print_changes(struct buf *out, const struct record *record)
{
	const char *between = ": ";

	for (unsigned i = 0; i < kinds[record->kind].n_fields; i++) {
		const struct field *field = &kinds[record->kind].fields[i];
		union value old = record->old[i];
		union value new = record->new[i];

		if (is_same(field, old, new) ||
		    (record->kind == KIND_NODE && i == NODE_UPDATED_AT))
			continue;
		if (field->type == FIELD_LABELS ||
		    field->type == FIELD_PARAMS) {
			print_labels(out, field->name, old.labels, old.labels,
			             new.labels, &between);
			print_labels(out, field->name, new.labels, old.labels,
			             new.labels, &between);
			continue;
		}
		(void)buf_printf(out, "%s%s ", between, field->name);
		between = ", ";
		if (field->flags & FIELD_SECRET) {
			(void)buf_puts(out, "becomes another");
			continue;
		}
		print_value(out, field, old);
		(void)buf_puts(out, " → ");
		print_value(out, field, new);
	}
}

/* --- lines ---------------------------------------------------------------- */

static void print_line(struct buf *out, const struct record *record)
{
	const union value *values = values_of(record);
	char title[PORTABLE_TITLE_MAX];
	struct buf where;

	buf_init(&where, MAX_LINE);
	print_where(&where, record->kind, values);
	(void)buf_printf(out, "%s ", ops[record->op]);
	text_escape_plain(
		out, slice_from(portable_title(record->kind, values, title)));
	if (where.n)
		(void)buf_printf(out, " in %s", buf_text(&where));
	if (record->op == RECORD_UPDATED)
		print_changes(out, record);
	buf_fini(&where);
}

struct plan_counts plan_count(const struct record *records, size_t n)
{
	struct plan_counts counts = { 0 };

	for (size_t i = 0; i < n; i++) {
		counts.n_created += records[i].op == RECORD_CREATED;
		counts.n_updated += records[i].op == RECORD_UPDATED;
		counts.n_deleted += records[i].op == RECORD_DELETED;
	}
	return counts;
}

static void write_change(const struct record *record, struct json_writer *json)
{
	const union value *values = values_of(record);
	char title[PORTABLE_TITLE_MAX];
	struct buf text;

	buf_init(&text, MAX_LINE);
	json_write_object(json);
	json_write_key(json, "op");
	json_write_string(json, ops[record->op]);
	json_write_key(json, "kind");
	json_write_string(json, kinds[record->kind].name);
	json_write_key(json, "id");
	json_write_u64(json, record->id);
	json_write_key(json, "name");
	json_write_string(json, portable_title(record->kind, values, title) +
	                                strlen(kinds[record->kind].name) + 1);
	print_where(&text, record->kind, values);
	json_write_key(json, "in");
	json_write_string(json, buf_text(&text));
	buf_reset(&text);
	print_line(&text, record);
	json_write_key(json, "text");
	json_write_string(json, buf_text(&text));
	json_write_object_end(json);
	buf_fini(&text);
}

void plan_write_json(const struct record *records, size_t n,
                     struct json_writer *json)
{
	struct plan_counts counts = plan_count(records, n);

	json_write_key(json, "created");
	json_write_u64(json, counts.n_created);
	json_write_key(json, "updated");
	json_write_u64(json, counts.n_updated);
	json_write_key(json, "deleted");
	json_write_u64(json, counts.n_deleted);
	json_write_key(json, "changes");
	json_write_array(json);
	for (size_t i = 0; i < n && i < PLAN_MAX_CHANGES; i++)
		write_change(&records[i], json);
	json_write_array_end(json);
	json_write_key(json, "more");
	json_write_u64(json, n > PLAN_MAX_CHANGES ? n - PLAN_MAX_CHANGES : 0);
}
