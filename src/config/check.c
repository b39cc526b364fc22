/* SPDX-License-Identifier: Apache-2.0 */
#include "config/check.h"

#include <assert.h>
#include "base/json_writer.h"
#include "base/text.h"

struct check {
	struct problems *problems;
	bool sound; /* libcyaml can load it */
};

static const char *kind_name(const struct yaml_node *node)
{
	switch (node->kind) {
	case YAML_SEQUENCE:
		return "a list";
	case YAML_MAPPING:
		return "a section";
	case YAML_SCALAR:
	case YAML_ALIAS:
	default:
		return "a single value";
	}
}

static size_t n_fields(const cyaml_schema_field_t *fields)
{
	size_t n = 0;

	while (fields[n].key)
		n++;
	return n;
}

/* --- one value ----------------------------------------------------------- */

static bool check_value(struct check *check, const struct place *place,
                        struct yaml_node *node,
                        const cyaml_schema_value_t *schema);

static bool check_text(struct check *check, const struct place *place,
                       const struct yaml_node *node)
{
	if (node->kind != YAML_SCALAR)
		problem_at(check->problems, place,
		           "expected a single value, found %s",
		           kind_name(node));
	else if (node->null && place->key)
		problem_at(check->problems, place,
		           "has no value; give it one or remove the key");
	else if (node->null)
		problem_at(check->problems, place,
		           "has no value; write \"\" if it shall be empty");
	else if (memchr(node->text, '\0', node->n))
		problem_at(check->problems, place, "contains a NUL byte");
	else
		return true;
	return false;
}

static const char *list_sample(const char *key)
{
	static const char *const samples[][2] = {
		{ "quiet", "[\"Sun 02:00-04:00\"]" },
		{ "endpoints", "[/var/run/docker.sock, tcp://host:2375]" },
		{ "label", "[name, name=value]" },
		{ "any_label", "[name, name=value]" },
		{ "name", "[web, \"db-*\"]" },
		{ "prefix", "[web-, db-]" },
		{ "image", "[\"nginx:*\"]" },
		{ "project", "[shop]" },
		{ "service", "[web]" },
		{ "include", "[swarm, auto_remove]" },
		{ "events", "[gave_up, storm]" },
	};

	for (size_t i = 0; key && i < ARRAY_SIZE(samples); i++) {
		if (slice_is(slice_from(key), samples[i][0]))
			return samples[i][1];
	}
	return "[program, argument]";
}

static bool check_list(struct check *check, const struct place *place,
                       const struct yaml_node *node,
                       const cyaml_schema_value_t *schema)
{
	if (node->kind != YAML_SEQUENCE) {
		const cyaml_schema_value_t *entry = schema->sequence.entry;

		if (entry->type == CYAML_MAPPING)
			problem_at(check->problems, place,
			           "expected a list, found %s; begin each item "
			           "with - %s:",
			           kind_name(node),
			           entry->mapping.fields[0].key);
		else
			problem_at(check->problems, place,
			           "expected a list, found %s; write it as %s",
			           kind_name(node), list_sample(place->key));
		return false;
	}
	if (node->n > schema->sequence.max) {
		problem_at(check->problems, place,
		           "has %u items; %u is the most", node->n,
		           schema->sequence.max);
		return false;
	}
	for (size_t i = 0; i < node->n; i++) {
		struct yaml_node *item = &node->items[i];
		struct place at = { .up = place,
			            .index = i,
			            .node = item,
			            .line = item->line };

		if (!check_value(check, &at, item, schema->sequence.entry))
			item->skip = true;
	}
	return true;
}

/* --- the keys of a section ----------------------------------------------- */

static void unknown_key(struct check *check, const struct place *place,
                        const cyaml_schema_field_t *fields)
{
	const char *words[SCHEMA_MAX_KEYS];
	size_t n = MIN(n_fields(fields), SCHEMA_MAX_KEYS);
	const char *nearest;

	for (size_t i = 0; i < n; i++)
		words[i] = fields[i].key;
	nearest = text_nearest(slice_from(place->key), words, n);

	if (nearest)
		problem_at(check->problems, place,
		           "unknown key; did you mean %s?", nearest);
	else if (slice_is(slice_from(place->key), "<<"))
		problem_at(check->problems, place,
		           "merged sections are not supported; write the keys "
		           "out, or share single values with & and *");
	else
		problem_at(check->problems, place, "unknown key");
}

/* The field of that name; NULL when there is none, or it was seen before. */
static const cyaml_schema_field_t *find_field(
	struct check *check, const struct place *place,
	const cyaml_schema_field_t *fields, uint32_t *seen)
{
	for (size_t i = 0; fields[i].key; i++) {
		if (!slice_is(slice_from(place->key), fields[i].key))
			continue;
		assert(i < SCHEMA_MAX_KEYS);
		if (seen[i]) {
			problem_at(check->problems, place,
			           "stands on line %u already; keep one",
			           seen[i]);
			return NULL;
		}
		seen[i] = place->line;
		return &fields[i];
	}
	unknown_key(check, place, fields);
	return NULL;
}

static bool check_key(struct check *check, const struct place *place,
                      const struct yaml_node *key)
{
	const struct yaml_node *text = yaml_target(key);
	struct place at = *place;

	if (text->kind == YAML_SCALAR && !memchr(text->text, '\0', text->n))
		return true;
	at.line = key->line;
	problem_at(check->problems, &at, "a key must be a single value");
	return false;
}

static bool check_section(struct check *check, const struct place *place,
                          const struct yaml_node *node,
                          const cyaml_schema_field_t *fields)
{
	uint32_t seen[SCHEMA_MAX_KEYS] = { 0 }; /* lines */

	if (node->kind != YAML_MAPPING) {
		problem_at(check->problems, place,
		           "expected a section with keys such as %s, found %s",
		           fields[0].key, kind_name(node));
		return false;
	}
	for (size_t i = 0; i < node->n; i++) {
		const struct yaml_node *key = &node->items[2 * i];
		struct yaml_node *value = &node->items[2 * i + 1];
		struct place at = { .up = place,
			            .node = value,
			            .line = key->line };
		const cyaml_schema_field_t *field = NULL;

		if (check_key(check, place, key)) {
			at.key = yaml_target(key)->text;
			field = find_field(check, &at, fields, seen);
		}
		if (!field || !check_value(check, &at, value, &field->value))
			value->skip = true;
		check->sound = check->sound && !value->skip;
	}
	return true;
}

static bool check_value(struct check *check, const struct place *place,
                        struct yaml_node *node,
                        const cyaml_schema_value_t *schema)
{
	const struct yaml_node *value = yaml_target(node);
	bool good = true;

	switch (schema->type) {
	case CYAML_STRING:
		good = check_text(check, place, value);
		break;
	case CYAML_SEQUENCE:
	case CYAML_MAPPING:
		/* a section whose every line is commented out is empty */
		if (value->kind == YAML_SCALAR && value->null && place->key) {
			good = false;
			break;
		}
		good = schema->type == CYAML_SEQUENCE
		               ? check_list(check, place, value, schema)
		               : check_section(check, place, value,
		                               schema->mapping.fields);
		break;
	case CYAML_INT:
	case CYAML_UINT:
	case CYAML_BOOL:
	case CYAML_ENUM:
	case CYAML_FLAGS:
	case CYAML_FLOAT:
	case CYAML_BITFIELD:
	case CYAML_SEQUENCE_FIXED:
	case CYAML_IGNORE:
	case CYAML__TYPE_COUNT:
	default:
		break; /* not in our tables; IGNORE: anything goes */
	}
	check->sound = check->sound && good;
	return good;
}

bool check_tree(struct yaml_tree *tree, const cyaml_schema_value_t *schema,
                struct problems *problems)
{
	struct check check = { .problems = problems, .sound = true };
	struct place root = { .node = tree->root, .line = tree->root->line };

	if (!check_value(&check, &root, tree->root, schema))
		tree->root->skip = true;
	return check.sound;
}

/* --- writing what is sound ----------------------------------------------- */

static void write_value(struct json_writer *json, const struct yaml_node *node,
                        const cyaml_schema_value_t *schema);

static void write_section(struct json_writer *json,
                          const struct yaml_node *node,
                          const cyaml_schema_field_t *fields)
{
	json_write_object(json);
	for (size_t i = 0; !node->skip && i < node->n; i++) {
		const struct yaml_node *key = yaml_target(&node->items[2 * i]);
		const struct yaml_node *value = &node->items[2 * i + 1];

		for (size_t k = 0; !value->skip && fields[k].key; k++) {
			if (!slice_is(yaml_text(key), fields[k].key) ||
			    fields[k].value.type == CYAML_IGNORE)
				continue;
			json_write_key(json, fields[k].key);
			write_value(json, value, &fields[k].value);
		}
	}
	json_write_object_end(json);
}

/* An item that is to be left out stays as an empty one: the places of those
 * after it must not change. */
static void write_value(struct json_writer *json, const struct yaml_node *node,
                        const cyaml_schema_value_t *schema)
{
	static const struct yaml_node nothing = { .kind = YAML_MAPPING };
	const struct yaml_node *value =
		node->skip ? &nothing : yaml_target(node);

	switch (schema->type) {
	case CYAML_SEQUENCE:
		json_write_array(json);
		for (size_t i = 0; i < value->n; i++)
			write_value(json, &value->items[i],
			            schema->sequence.entry);
		json_write_array_end(json);
		break;
	case CYAML_MAPPING:
		write_section(json, value, schema->mapping.fields);
		break;
	case CYAML_STRING:
		json_write_slice(json, node->skip ? slice_from("")
		                                  : yaml_text(value));
		break;
	case CYAML_INT:
	case CYAML_UINT:
	case CYAML_BOOL:
	case CYAML_ENUM:
	case CYAML_FLAGS:
	case CYAML_FLOAT:
	case CYAML_BITFIELD:
	case CYAML_SEQUENCE_FIXED:
	case CYAML_IGNORE:
	case CYAML__TYPE_COUNT:
	default:
		break;
	}
}

void check_write(const struct yaml_tree *tree,
                 const cyaml_schema_value_t *schema, struct buf *out)
{
	struct json_writer json;

	json_write_init(&json, out);
	write_value(&json, tree->root, schema);
}
