/* SPDX-License-Identifier: Apache-2.0 */
/* The part of import_promgen.h that reads rules as Prometheus has them.
 * https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
 */
#include "registry/model/import_private.h"

#include <errno.h>
#include "config/problems.h"
#include "config/yaml_tree.h"

#define MAX_LABELS 64
#define MAX_WORDS  8192

/* A rule's labels, without those that say whose it is. */
struct rule_labels {
	struct label items[MAX_LABELS];
	size_t n;
	struct slice service;
	struct slice project;
};

static struct slice text_of(const struct yaml_node *mapping, const char *key)
{
	const struct yaml_node *node = yaml_find(mapping, key);

	if (!node)
		return (struct slice){ 0 };
	node = yaml_target(node + 1);
	return node->kind == YAML_SCALAR && !node->null ? yaml_text(node)
	                                                : (struct slice){ 0 };
}

static const struct yaml_node *value_of(const struct yaml_node *mapping,
                                        const char *key)
{
	const struct yaml_node *node = yaml_find(mapping, key);

	return node ? yaml_target(node + 1) : NULL;
}

/* Is every key one of those? */
static int check_keys(struct import *import, const struct yaml_node *mapping,
                      const char *const *keys)
{
	if (mapping->kind != YAML_MAPPING)
		return err_set(import->err, -EINVAL,
		               "line %u: this must be a mapping",
		               mapping->line);
	for (uint32_t i = 0; i < mapping->n; i++) {
		const struct yaml_node *key =
			yaml_target(&mapping->items[2 * i]);
		size_t k = 0;

		while (keys[k] && !(key->kind == YAML_SCALAR &&
		                    slice_is(yaml_text(key), keys[k])))
			k++;
		if (!keys[k])
			return err_set(import->err, -EINVAL,
			               "line %u: the registry has no %.64s",
			               mapping->items[2 * i].line,
			               key->kind == YAML_SCALAR ? key->text
			                                        : "such key");
	}
	return 0;
}

/* Promgen puts a link to itself into the annotations. */
static int read_labels(struct import *import, const struct yaml_node *node,
                       struct rule_labels *labels, bool annotations)
{
	*labels = (struct rule_labels){ 0 };
	for (uint32_t i = 0; node && node->kind == YAML_MAPPING && i < node->n;
	     i++) {
		const struct yaml_node *name = yaml_target(&node->items[2 * i]);
		const struct yaml_node *value =
			yaml_target(&node->items[2 * i + 1]);

		if (name->kind != YAML_SCALAR || value->kind != YAML_SCALAR)
			return err_set(import->err, -EINVAL,
			               "line %u: a label must be a text",
			               name->line);
		if (annotations
		            ? slice_is(yaml_text(name), "rule")
		            : slice_is(yaml_text(name), "service") ||
		                      slice_is(yaml_text(name), "project")) {
			if (!annotations && name->text[0] == 's')
				labels->service = yaml_text(value);
			else if (!annotations)
				labels->project = yaml_text(value);
			continue;
		}
		if (labels->n == MAX_LABELS)
			return err_set(import->err, -EINVAL,
			               "line %u: more than %d labels",
			               name->line, MAX_LABELS);
		labels->items[labels->n++] =
			(struct label){ yaml_text(name), yaml_text(value) };
	}
	return 0;
}

/* Who a rule is of: the project that its labels name, else the service, else
 * nobody. */
static int find_owner(struct import *import, const struct rule_labels *labels,
                      struct portable_item **ownerp)
{
	struct portable *portable = import->portable;

	*ownerp = portable->root;
	if (labels->project.n)
		return import_project(import, labels->service, labels->project,
		                      (struct slice){ 0 }, ownerp);
	if (labels->service.n)
		return import_named(portable, portable->root, KIND_SERVICE,
		                    labels->service, ownerp);
	return 0;
}

static int set_texts(struct import *import, struct portable_item *item,
                     const struct yaml_node *rule, struct slice interval)
{
	static const struct {
		const char *key;
		unsigned field;
	} texts[] = {
		{ "alert", RULE_NAME },
		{ "record", RULE_NAME },
		{ "expr", RULE_CLAUSE },
		{ "for", RULE_DURATION },
		{ "keep_firing_for", RULE_KEEP_FIRING_FOR },
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++) {
		struct slice text = text_of(rule, texts[i].key);

		if (text.n)
			r = portable_text(import->portable, item,
			                  texts[i].field, text);
	}
	if (r == 0 && interval.n)
		r = portable_text(import->portable, item, RULE_INTERVAL,
		                  interval);
	return r;
}

static int read_rule(struct import *import, const struct yaml_node *rule,
                     struct slice interval)
{
	static const char *const keys[] = {
		"alert",       "record",          "expr", "for", "labels",
		"annotations", "keep_firing_for", NULL
	};
	struct rule_labels labels = { .n = 0 }, annotations = { .n = 0 };
	struct portable_item *owner = NULL, *item, *other;
	bool recording = text_of(rule, "record").n > 0;
	int r = check_keys(import, rule, keys);

	if (r == 0 && recording == (text_of(rule, "alert").n > 0))
		r = err_set(import->err, -EINVAL,
		            "line %u: a rule has alert or record", rule->line);
	if (r == 0)
		r = read_labels(import, value_of(rule, "labels"), &labels,
		                false);
	if (r == 0)
		r = read_labels(import, value_of(rule, "annotations"),
		                &annotations, true);
	if (r == 0)
		r = find_owner(import, &labels, &owner);
	if (r < 0)
		return r;
	item = portable_item(import->portable, owner, KIND_RULE);
	if (!item)
		return -ENOMEM;
	item->line = rule->line;
	portable_number(item, RULE_RECORDING, recording);
	r = set_texts(import, item, rule, interval);
	if (r == 0)
		r = import_labels(import, item, RULE_LABELS, labels.items,
		                  labels.n);
	if (r == 0)
		r = import_labels(import, item, RULE_ANNOTATIONS,
		                  annotations.items, annotations.n);
	if (r == 0)
		r = portable_add(import->portable, item, &other);
	if (r == -EEXIST)
		r = err_set(import->err, -EINVAL,
		            "line %u: there is a rule %.64s already; a name "
		            "stands for one",
		            rule->line, item->values[RULE_NAME].text);
	return r;
}

static int read_group(struct import *import, const struct yaml_node *group)
{
	static const char *const keys[] = { "name", "interval", "rules", NULL };
	const struct yaml_node *rules;
	int r = check_keys(import, group, keys);

	if (r < 0)
		return r;
	rules = value_of(group, "rules");
	for (uint32_t i = 0;
	     rules && rules->kind == YAML_SEQUENCE && r == 0 && i < rules->n;
	     i++)
		r = read_rule(import, yaml_target(&rules->items[i]),
		              text_of(group, "interval"));
	return r;
}

static int read_root(struct import *import, const struct yaml_node *root)
{
	const struct yaml_node *groups = value_of(root, "groups");
	int r = 0;

	if (root->kind == YAML_MAPPING && !groups)
		return read_rule(import, root, (struct slice){ 0 });
	if (!groups || (groups->kind != YAML_SEQUENCE && !groups->null))
		return err_set(import->err, -EINVAL,
		               "these are no rules: there is no list of "
		               "groups");
	for (uint32_t i = 0;
	     groups->kind == YAML_SEQUENCE && r == 0 && i < groups->n; i++)
		r = read_group(import, yaml_target(&groups->items[i]));
	return r;
}

/* The first of what is wrong with a text that is no YAML. */
static int refuse(struct import *import, struct problems *problems)
{
	struct slice first = { 0 };
	struct slice all;
	struct buf words;
	int r;

	buf_init(&words, MAX_WORDS);
	r = problems_print(problems, &words);
	all = buf_slice(&words);
	(void)slice_next(&all, '\n', &first);
	if (r != -ENOMEM)
		r = err_set(import->err, -EINVAL, SLICE_FMT, SLICE_ARG(first));
	buf_fini(&words);
	return r;
}

int import_rules(struct import *import, struct slice yaml)
{
	struct yaml_tree tree = { 0 };
	struct problems problems;
	int r;

	problems_init(&problems, "rules");
	r = yaml_tree_parse(&tree, yaml, &problems);
	if (r == -EINVAL)
		r = refuse(import, &problems);
	else if (r == 0 && tree.root)
		r = read_root(import, yaml_target(tree.root));
	yaml_tree_fini(&tree);
	problems_fini(&problems);
	return r;
}
