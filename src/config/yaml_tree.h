/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_tree: a YAML document as a tree that knows its lines.
 *
 * libcyaml fills structs but forgets where each value stood, and stops at the
 * first thing that it does not like. This tree is what problems are found in
 * and located with. Every scalar is text; what it means is for others to say.
 *
 * Bounded: nesting, number of values (also with aliases written out, so that
 * a small file cannot grow into a large one), anchors.
 * https://yaml.org/spec/1.1/, as libyaml reads it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/macros.h"
#include "base/slice.h"

#define YAML_MAX_DEPTH   32
#define YAML_MAX_NODES   (8u << 20)
#define YAML_MAX_ANCHORS 10000

struct problems;

enum yaml_kind {
	YAML_SCALAR,
	YAML_SEQUENCE,
	YAML_MAPPING,
	YAML_ALIAS, /* stands for another node; yaml_target() */
};

struct yaml_node {
	enum yaml_kind kind;
	bool null;     /* a plain scalar that says nothing: empty, ~, null */
	bool skip;     /* for whoever walks the tree: leave this one out */
	uint32_t line; /* from 1 */
	uint32_t n;    /* scalar: bytes; sequence: items; mapping: pairs */
	union {
		const char *text;        /* scalar; terminated */
		struct yaml_node *items; /* mapping: key, value, key, … */
		const struct yaml_node *alias; /* what it stands for */
	};
};

struct yaml_tree {
	struct yaml_node *root; /* NULL: there is nothing in the text */
	struct arena memory;    /* everything of it */
};

/*
 * yaml_tree_parse() - read a text
 *
 * What is not YAML, or beyond the limits, is one problem and ends the reading.
 * Returns 0, -EINVAL (reported) or -ENOMEM; yaml_tree_fini() in any case.
 */
int yaml_tree_parse(struct yaml_tree *tree, struct slice text,
                    struct problems *problems) MUST_CHECK;
void yaml_tree_fini(struct yaml_tree *tree);

/* The node itself, or what the alias stands for. Recursion is not possible:
 * an alias inside of what it names is refused. */
static inline const struct yaml_node *yaml_target(const struct yaml_node *node)
{
	return node->kind == YAML_ALIAS ? node->alias : node;
}

/* The first key node of that name in a mapping, its value follows it; NULL
 * if there is none, or @mapping is none. */
const struct yaml_node *yaml_find(const struct yaml_node *mapping,
                                  const char *key);

static inline struct slice yaml_text(const struct yaml_node *scalar)
{
	return slice_make(scalar->text, scalar->n);
}
