/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml_tree.h"

#include <errno.h>
#include <yaml.h>
#include "base/map.h"
#include "base/mem.h"
#include "config/problems.h"

#define NODES_FIRST_CAPACITY 64

/* A list or mapping that has begun and not ended. */
struct frame {
	size_t first;    /* of its children among the pending nodes */
	uint32_t weight; /* nodes below it, aliases written out */
	struct yaml_node node;
	struct anchor *anchor; /* NULL: it has no name */
};

struct anchor {
	struct yaml_node *node; /* NULL: it has not ended yet */
	uint32_t weight;
	uint32_t line;
};

struct builder {
	yaml_parser_t parser;
	struct yaml_tree *tree;
	struct problems *problems;
	struct frame frames[YAML_MAX_DEPTH];
	size_t depth;
	struct yaml_node *pending; /* finished, their parent is not */
	size_t n_pending;
	size_t cap;
	uint32_t weight;    /* of the whole document so far */
	struct map anchors; /* name → struct anchor */
};

static uint32_t mark_line(const yaml_mark_t *mark)
{
	return (uint32_t)MIN(mark->line + 1, UINT32_MAX);
}

/* --- values -------------------------------------------------------------- */

static bool is_null(const yaml_event_t *event)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
	struct slice text = slice_make((const char *)event->data.scalar.value,
	                               event->data.scalar.length);

	if (event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(nulls); i++) {
		if (slice_is(text, nulls[i]))
			return true;
	}
	return false;
}

/* One more child of the present frame, or the root. */
static int builder_add(struct builder *builder, struct yaml_node node,
                       uint32_t weight)
{
	size_t cap = builder->cap ? builder->cap * 2 : NODES_FIRST_CAPACITY;

	if (builder->n_pending == builder->cap) {
		struct yaml_node *pending =
			mem_realloc(builder->pending, cap * sizeof(*pending));

		if (!pending)
			return -ENOMEM;
		builder->pending = pending;
		builder->cap = cap;
	}
	builder->pending[builder->n_pending++] = node;
	if (builder->depth)
		builder->frames[builder->depth - 1].weight += weight;
	return 0;
}

/* Counts every value, also those that an alias stands for. */
static int builder_count(struct builder *builder, uint32_t weight,
                         uint32_t line)
{
	if (weight <= YAML_MAX_NODES - builder->weight) {
		builder->weight += weight;
		return 0;
	}
	problem_file(builder->problems, line,
	             "more than %u values, counting what aliases stand for; "
	             "that is too large",
	             YAML_MAX_NODES);
	return -EINVAL;
}

/* --- anchors and aliases ------------------------------------------------- */

static int anchor_new(struct builder *builder, const char *name, uint32_t line,
                      struct anchor **anchorp)
{
	struct anchor *anchor = map_get(&builder->anchors, slice_from(name));
	char *copy;

	*anchorp = NULL;
	if (anchor) {
		problem_file(builder->problems, line,
		             "the anchor &%s was given on line %u already; "
		             "use another name",
		             name, anchor->line);
		return -EINVAL;
	}
	if (builder->anchors.n >= YAML_MAX_ANCHORS) {
		problem_file(builder->problems, line,
		             "more than %d anchors; that is too many",
		             YAML_MAX_ANCHORS);
		return -EINVAL;
	}
	anchor = arena_alloc(&builder->tree->memory, sizeof(*anchor));
	copy = arena_copy(&builder->tree->memory, slice_from(name));
	if (!anchor || !copy)
		return -ENOMEM;
	anchor->line = line;
	*anchorp = anchor;
	return map_set(&builder->anchors, slice_from(copy), anchor);
}

/* The value moves to a place of its own; an alias stands in for it, here as
 * everywhere else. */
static int anchor_set(struct builder *builder, struct anchor *anchor,
                      struct yaml_node *node, uint32_t weight)
{
	struct yaml_node *own =
		arena_alloc(&builder->tree->memory, sizeof(*own));

	if (!own)
		return -ENOMEM;
	*own = *node;
	anchor->node = own;
	anchor->weight = weight;
	*node = (struct yaml_node){ .kind = YAML_ALIAS,
		                    .line = node->line,
		                    .alias = own };
	return 0;
}

static int on_alias(struct builder *builder, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	uint32_t line = mark_line(&event->start_mark);
	const struct anchor *anchor =
		map_get(&builder->anchors, slice_from(name));
	int r;

	if (!anchor || !anchor->node) {
		problem_file(builder->problems, line,
		             anchor ? "the alias *%s stands inside of what it "
		                      "names"
		                    : "the alias *%s names nothing; an anchor "
		                      "&%s must stand before it",
		             name, name);
		return -EINVAL;
	}
	r = builder_count(builder, anchor->weight, line);
	if (r < 0)
		return r;
	return builder_add(builder,
	                   (struct yaml_node){ .kind = YAML_ALIAS,
	                                       .line = line,
	                                       .alias = anchor->node },
	                   anchor->weight);
}

/* --- events -------------------------------------------------------------- */

#define ENOUGH 1 /* the rest of the text does not matter */

static int on_scalar(struct builder *builder, const yaml_event_t *event)
{
	struct slice text = slice_make((const char *)event->data.scalar.value,
	                               event->data.scalar.length);
	const char *name = (const char *)event->data.scalar.anchor;
	struct yaml_node node = { .kind = YAML_SCALAR,
		                  .null = is_null(event),
		                  .line = mark_line(&event->start_mark),
		                  .n = (uint32_t)text.n };
	struct anchor *anchor = NULL;
	int r;

	r = builder_count(builder, 1, node.line);
	if (r == 0 && name)
		r = anchor_new(builder, name, node.line, &anchor);
	if (r < 0)
		return r;
	node.text = arena_copy(&builder->tree->memory, text);
	if (!node.text)
		return -ENOMEM;
	if (anchor)
		r = anchor_set(builder, anchor, &node, 1);
	return r < 0 ? r : builder_add(builder, node, 1);
}

static int on_begin(struct builder *builder, enum yaml_kind kind,
                    const char *name, uint32_t line)
{
	struct frame *frame;
	int r;

	if (builder->depth == YAML_MAX_DEPTH) {
		problem_file(builder->problems, line,
		             "nested deeper than %d levels", YAML_MAX_DEPTH);
		return -EINVAL;
	}
	r = builder_count(builder, 1, line);
	if (r < 0)
		return r;

	frame = &builder->frames[builder->depth];
	*frame = (struct frame){ .first = builder->n_pending,
		                 .weight = 1,
		                 .node = { .kind = kind, .line = line } };
	if (name)
		r = anchor_new(builder, name, line, &frame->anchor);
	builder->depth++;
	return r;
}

static int on_end(struct builder *builder)
{
	struct frame *frame = &builder->frames[builder->depth - 1];
	size_t n = builder->n_pending - frame->first;
	struct yaml_node node = frame->node;
	int r;

	if (n) {
		node.items = arena_calloc(&builder->tree->memory, n,
		                          sizeof(*node.items));
		if (!node.items)
			return -ENOMEM;
		memcpy(node.items, builder->pending + frame->first,
		       n * sizeof(*node.items));
	}
	node.n = (uint32_t)(node.kind == YAML_MAPPING ? n / 2 : n);
	if (frame->anchor) {
		r = anchor_set(builder, frame->anchor, &node, frame->weight);
		if (r < 0)
			return r;
	}
	builder->n_pending = frame->first;
	builder->depth--;
	return builder_add(builder, node, frame->weight);
}

static int on_event(struct builder *builder, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(builder, event);
	case YAML_ALIAS_EVENT:
		return on_alias(builder, event);
	case YAML_SEQUENCE_START_EVENT:
		return on_begin(builder, YAML_SEQUENCE,
		                (char *)event->data.sequence_start.anchor,
		                mark_line(&event->start_mark));
	case YAML_MAPPING_START_EVENT:
		return on_begin(builder, YAML_MAPPING,
		                (char *)event->data.mapping_start.anchor,
		                mark_line(&event->start_mark));
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(builder);
	case YAML_DOCUMENT_START_EVENT:
		if (builder->n_pending == 0)
			return 0;
		problem_file(builder->problems, mark_line(&event->start_mark),
		             "a second document begins here; one file holds "
		             "one configuration");
		return ENOUGH;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
	default:
		return 0;
	}
}

/* --- the whole text ------------------------------------------------------ */

static uint32_t line_of_byte(struct slice text, size_t at)
{
	uint32_t line = 1;

	for (size_t i = 0; i < MIN(at, text.n); i++)
		line += text.p[i] == '\n';
	return line;
}

/* libyaml's own words, with the line; its reader knows only the byte. */
static int yaml_refused(struct builder *builder, struct slice text)
{
	const yaml_parser_t *parser = &builder->parser;
	const char *why = parser->problem ? parser->problem : "no reason given";

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	if (parser->error == YAML_READER_ERROR)
		problem_file(builder->problems,
		             line_of_byte(text, parser->problem_offset),
		             "not a text in UTF-8: %s", why);
	else
		problem_file(builder->problems,
		             mark_line(&parser->problem_mark),
		             "not YAML: %s (column %zu)", why,
		             parser->problem_mark.column + 1);
	return -EINVAL;
}

static int read_events(struct builder *builder, struct slice text)
{
	bool ended = false;

	while (!ended) {
		yaml_event_t event;
		int r;

		if (!yaml_parser_parse(&builder->parser, &event))
			return yaml_refused(builder, text);
		r = on_event(builder, &event);
		ended = event.type == YAML_STREAM_END_EVENT || r == ENOUGH;
		yaml_event_delete(&event);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The one node that is left when everything has ended. */
static int take_root(struct builder *builder)
{
	struct yaml_tree *tree = builder->tree;

	if (builder->n_pending == 0)
		return 0;
	tree->root = arena_alloc(&tree->memory, sizeof(*tree->root));
	if (!tree->root)
		return -ENOMEM;
	*tree->root = builder->pending[0];
	return 0;
}

int yaml_tree_parse(struct yaml_tree *tree, struct slice text,
                    struct problems *problems)
{
	struct builder builder = { .tree = tree, .problems = problems };
	const char *nul = text.n ? memchr(text.p, '\0', text.n) : NULL;
	int r;

	*tree = (struct yaml_tree){ 0 };
	if (nul) {
		problem_file(problems,
		             line_of_byte(text, (size_t)(nul - text.p)),
		             "a NUL byte; this is not a text in UTF-8");
		return -EINVAL;
	}
	if (!yaml_parser_initialize(&builder.parser))
		return -ENOMEM;
	map_init(&builder.anchors, 0);
	yaml_parser_set_input_string(&builder.parser,
	                             (const unsigned char *)text.p, text.n);

	r = read_events(&builder, text);
	if (r == 0)
		r = take_root(&builder);

	yaml_parser_delete(&builder.parser);
	map_fini(&builder.anchors);
	mem_free(builder.pending);
	return r;
}

void yaml_tree_fini(struct yaml_tree *tree)
{
	arena_fini(&tree->memory);
	tree->root = NULL;
}

const struct yaml_node *yaml_find(const struct yaml_node *mapping,
                                  const char *key)
{
	if (mapping->kind != YAML_MAPPING)
		return NULL;
	for (size_t i = 0; i < mapping->n; i++) {
		const struct yaml_node *node = &mapping->items[2 * i];
		const struct yaml_node *name = yaml_target(node);

		if (name->kind == YAML_SCALAR && slice_is(yaml_text(name), key))
			return node;
	}
	return NULL;
}
