/* SPDX-License-Identifier: Apache-2.0 */
#include "config/resolve.h"

#include <errno.h>

/* Keeps them sorted by name; there are few. */
static void insert_label(struct config_label *labels, uint8_t n,
                         struct config_label label)
{
	size_t i = n;

	for (; i > 0 && strcmp(labels[i - 1].name, label.name) > 0; i--)
		labels[i] = labels[i - 1];
	labels[i] = label;
}

static bool has_label(const struct config_label *labels, uint8_t n,
                      const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(labels[i].name, name) == 0)
			return true;
	}
	return false;
}

static bool check_label(const struct reader *reader, const char *name,
                        const char *value)
{
	(void)value;
	return read_identifier(reader, name, name, false);
}

/* One pair; the place of its value is @at. */
static bool read_pair(const struct reader *reader, const struct place *at,
                      const struct yaml_node *key,
                      const struct yaml_node *value, pair_check check)
{
	if (memchr(key->text, '\0', key->n)) {
		problem_at(reader->problems, at, "contains a NUL byte");
		return false;
	}
	if (value->kind != YAML_SCALAR || memchr(value->text, '\0', value->n))
		problem_at(reader->problems, at, "expected a single value");
	else if (value->null)
		problem_at(reader->problems, at,
		           "has no value; write \"\" if it shall be empty");
	else
		return check(reader, key->text, value->text);
	return false;
}

static void read_pairs(struct resolve *resolve, const struct place *place,
                       const struct yaml_node *node, pair_check check,
                       struct config_label *labels, uint8_t *np)
{
	struct reader reader = { .problems = resolve->problems,
		                 .place = place };

	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *pair = &node->items[2 * i];
		const struct yaml_node *key = yaml_target(pair);
		const struct yaml_node *value = yaml_target(pair + 1);
		struct place at = { .up = place, .line = pair->line };

		at.key = key->kind == YAML_SCALAR ? key->text : "?";
		if (key->kind != YAML_SCALAR)
			problem_at(resolve->problems, &at,
			           "a key must be a single value");
		else if (has_label(labels, *np, key->text))
			problem_at(resolve->problems, &at,
			           "is here a second time; keep one");
		else if (read_pair(&reader, &at, key, value, check))
			insert_label(
				labels, (*np)++,
				(struct config_label){
					resolve_text(resolve, key->text),
					resolve_text(resolve, value->text) });
		if (resolve->failed)
			return;
	}
}

/* The free form: any names, so it is read from the tree. */
void resolve_pairs(struct resolve *resolve, const struct place *place,
                   const char *sample, pair_check check,
                   struct config_label *pairs, uint8_t *np)
{
	const struct yaml_node *node = place_node(place);

	if (node->kind != YAML_MAPPING)
		problem_at(resolve->problems, place,
		           "expected names and values; write it as %s", sample);
	else if (node->n == 0 || node->n > CONFIG_MAX_LABELS)
		problem_at(resolve->problems, place,
		           "has %u %s; 1 to %d may be given", node->n,
		           place->key ? place->key : "labels",
		           CONFIG_MAX_LABELS);
	else
		read_pairs(resolve, place, node, check, pairs, np);
}

static void read_labels(struct resolve *resolve, const struct place *place,
                        struct config_label *labels, uint8_t *np)
{
	resolve_pairs(resolve, place, "{job: backup, instance: db1}",
	              check_label, labels, np);
}

static void keep_labels(struct resolve *resolve,
                        const struct config_label *labels, uint8_t n,
                        const struct config_label **keptp, uint8_t *np)
{
	struct config_label *kept;

	if (n == 0 || resolve->failed)
		return;
	kept = arena_calloc(resolve->memory, n, sizeof(*kept));
	if (!kept) {
		resolve->failed = -ENOMEM;
		return;
	}
	memcpy(kept, labels, n * sizeof(*kept));
	*keptp = kept;
	*np = n;
}

void resolve_label_list(struct resolve *resolve, const struct place *place,
                        const struct config_label **labelsp, uint8_t *np)
{
	struct config_label labels[CONFIG_MAX_LABELS];
	uint8_t n = 0;

	read_labels(resolve, place, labels, &n);
	keep_labels(resolve, labels, n, labelsp, np);
}

/* The form with two keys. */
static void read_one(struct resolve *resolve, const struct reader *reader,
                     const struct raw_monitor *raw, struct config_label *labels,
                     uint8_t *np)
{
	bool good = read_required(reader, "label_value", raw->label_value);

	if (!read_required(reader, "label_name", raw->label_name) ||
	    !read_identifier(reader, "label_name", raw->label_name, false) ||
	    !good)
		return;
	labels[0].name = resolve_text(resolve, raw->label_name);
	labels[0].value = resolve_text(resolve, raw->label_value);
	*np = 1;
}

void resolve_labels(struct resolve *resolve, const struct raw_monitor *raw,
                    const struct reader *reader, struct config_monitor *monitor)
{
	struct config_label labels[CONFIG_MAX_LABELS];
	struct place place = reader_place(reader, "labels");
	bool one = raw->label_name || raw->label_value;
	uint8_t n = 0;

	if (place_find(&place) && one)
		problem_at(resolve->problems, &place,
		           "give either labels, or label_name and label_value");
	else if (place_find(&place))
		read_labels(resolve, &place, labels, &n);
	else if (one)
		read_one(resolve, reader, raw, labels, &n);
	else
		problem_at(resolve->problems, reader->place,
		           "needs label_name and label_value, or labels");

	keep_labels(resolve, labels, n, &monitor->labels, &monitor->n_labels);
}
