/* SPDX-License-Identifier: Apache-2.0 */
/* The part of portable.h that reads a text. */
#include "registry/model/portable.h"

#include <errno.h>
#include <inttypes.h>
#include "base/mem.h"
#include "base/number.h"
#include "base/text.h"
#include "config/problems.h"
#include "config/yaml_tree.h"

#define MAX_LABELS 256  /* before they are made a set, which has its own */
#define MAX_WORDS  512  /* bytes of a list of keys */
#define MAX_KEYS   32   /* that an item may have */
#define MAX_PAIRS  1000 /* of any mapping */

struct reading {
	struct portable *portable;
	struct problems problems;
	const char *file;
	int failed; /* -ENOMEM, -E2BIG */
};

/* One item while it is read. */
struct reading_item {
	struct portable_item *item;
	const struct portable_section *section;
	const struct place *place;
};

static void fail(struct reading *reading, int r)
{
	if (r < 0 && !reading->failed)
		reading->failed = r;
}

/* --- keys ----------------------------------------------------------------- */

/* What may stand in an item, or (@section NULL) at the top. */
static size_t known_keys(const struct portable_section *section,
                         const char **keys)
{
	enum kind kind = section ? section->kind : N_KINDS;
	const struct portable_section *inner;
	size_t n = 0;
	size_t at = 0;

	for (unsigned i = 0; section && i < kinds[kind].n_fields; i++) {
		if (portable_has_field(section, i) && n < MAX_KEYS)
			keys[n++] = kinds[kind].fields[i].name;
	}
	while (n < MAX_KEYS && (inner = portable_section(kind, &at)))
		keys[n++] = inner->key;
	if (kind == KIND_RULE && n + 4 <= MAX_KEYS) {
		keys[n++] = "alert";
		keys[n++] = "record";
		keys[n++] = "expr";
		keys[n++] = "for";
	}
	return n;
}

static void unknown_key(struct reading *reading,
                        const struct portable_section *section,
                        const struct place *place)
{
	const char *keys[MAX_KEYS];
	size_t n = known_keys(section, keys);
	const char *nearest = text_nearest(slice_from(place->key), keys, n);
	struct buf all;

	buf_init(&all, MAX_WORDS);
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(&all, "%s%s", i ? ", " : "", keys[i]);
	if (nearest)
		problem_at(&reading->problems, place,
		           "is no key here; did you mean %s?", nearest);
	else
		problem_at(&reading->problems, place,
		           "is no key here; there are %s", buf_text(&all));
	buf_fini(&all);
}

/* The key of a pair, which must be a text, and stand there once. */
static const char *pair_key(struct reading *reading, const struct place *place,
                            const struct yaml_node *mapping, size_t nth)
{
	const struct yaml_node *node = &mapping->items[2 * nth];
	const struct yaml_node *key = yaml_target(node);

	if (key->kind != YAML_SCALAR || nth >= MAX_PAIRS) {
		struct place here = *place;

		here.line = node->line;
		if (nth <= MAX_PAIRS)
			problem_at(&reading->problems, &here,
			           nth < MAX_PAIRS ? "a key must be a text"
			                           : "has too many keys");
		return NULL;
	}
	if (yaml_find(mapping, key->text) != node) {
		struct place here = { .up = place,
			              .key = key->text,
			              .line = node->line };

		problem_at(&reading->problems, &here,
		           "stands there twice; leave one out");
		return NULL;
	}
	return key->text;
}

/* --- values --------------------------------------------------------------- */

static void read_text(struct reading *reading, struct portable_item *item,
                      unsigned field, const struct place *place,
                      struct slice text)
{
	const struct field *info = &kinds[item->kind].fields[field];
	struct err err = { 0 };

	if (text.n > FIELD_MAX_TEXT)
		problem_at(&reading->problems, place, "is longer than %d bytes",
		           FIELD_MAX_TEXT);
	else if (text.n && info->check && info->type == FIELD_TEXT &&
	         info->check(text, &err) < 0)
		problem_value(&reading->problems, place, text, "%s",
		              err.message);
	else
		fail(reading,
		     portable_text(reading->portable, item, field, text));
}

static void read_number(struct reading *reading, struct portable_item *item,
                        unsigned field, const struct place *place,
                        struct slice text)
{
	const struct field *info = &kinds[item->kind].fields[field];
	int64_t number = 0;
	int r = number_parse_i64(text, &number);

	if (r == -EINVAL)
		problem_value(&reading->problems, place, text,
		              "is not a whole number");
	else if (r < 0 || ((info->min || info->max) &&
	                   (number < info->min || number > info->max)))
		problem_value(&reading->problems, place, text,
		              "is out of range; use %" PRId64 " to %" PRId64,
		              info->min, info->max);
	else
		portable_number(item, field, number);
}

static void read_flag(struct reading *reading, struct portable_item *item,
                      unsigned field, const struct place *place,
                      struct slice text)
{
	bool flag = false;

	if (number_parse_bool(text, &flag) < 0)
		problem_value(&reading->problems, place, text,
		              "is neither true nor false");
	else
		portable_number(item, field, flag);
}

/* One value of a label; or several of a parameter. */
static bool read_label_values(struct reading *reading,
                              const struct place *place, const char *name,
                              bool several, struct label *labels, size_t *np)
{
	const struct yaml_node *node = place_node(place);
	bool list = several && node->kind == YAML_SEQUENCE;
	size_t n = list ? node->n : 1;

	for (size_t i = 0; i < n; i++) {
		const struct yaml_node *value =
			list ? yaml_target(&node->items[i]) : node;

		if (value->kind != YAML_SCALAR) {
			problem_at(&reading->problems, place,
			           several ? "must be a text, or a list of "
			                     "texts"
			                   : "must be a text");
			return false;
		}
		if (*np == MAX_LABELS) {
			problem_at(&reading->problems, place,
			           "is one too many; %d are the most",
			           MAX_LABELS);
			return false;
		}
		labels[(*np)++] =
			(struct label){ slice_from(name), yaml_text(value) };
	}
	return true;
}

static void read_labels(struct reading *reading, struct portable_item *item,
                        unsigned field, const struct place *place)
{
	const struct yaml_node *node = place_node(place);
	bool several = kinds[item->kind].fields[field].type == FIELD_PARAMS;
	struct label labels[MAX_LABELS];
	struct err err = { 0 };
	size_t n = 0;
	int r;

	if (node->kind != YAML_MAPPING) {
		problem_at(&reading->problems, place,
		           "must be a mapping of names to values");
		return;
	}
	for (size_t i = 0; i < node->n; i++) {
		struct place inner = { .up = place,
			               .node = &node->items[2 * i + 1],
			               .line = node->items[2 * i].line };

		inner.key = pair_key(reading, place, node, i);
		if (!inner.key || !read_label_values(reading, &inner, inner.key,
		                                     several, labels, &n))
			return;
	}
	r = portable_labels(reading->portable, item, field, labels, n, &err);
	if (r == -ENOMEM)
		fail(reading, r);
	else if (r < 0)
		problem_at(&reading->problems, place, "%s", err.message);
}

static void read_field(struct reading *reading, struct portable_item *item,
                       unsigned field, const struct place *place)
{
	const struct yaml_node *node = place_node(place);
	enum field_type type = kinds[item->kind].fields[field].type;

	if (node->kind == YAML_SCALAR && node->null)
		return; /* as if it were not there */
	if (type == FIELD_LABELS || type == FIELD_PARAMS) {
		read_labels(reading, item, field, place);
		return;
	}
	if (node->kind != YAML_SCALAR) {
		problem_at(&reading->problems, place, "must be one value");
		return;
	}
	if (type == FIELD_FLAG)
		read_flag(reading, item, field, place, yaml_text(node));
	else if (type == FIELD_TEXT || type == FIELD_REF)
		read_text(reading, item, field, place, yaml_text(node));
	else
		read_number(reading, item, field, place, yaml_text(node));
}

/* --- items ---------------------------------------------------------------- */

static void read_sections(struct reading *reading,
                          const struct portable_section *section,
                          const struct place *place,
                          struct portable_item *item);

/* "prom-1:9090", "[::1]:9090" */
static void read_server(struct reading *reading, struct portable_item *item,
                        const struct place *place, struct slice text)
{
	const char *colon = text.n ? memrchr(text.p, ':', text.n) : NULL;
	struct slice host = text;

	if (!colon) {
		problem_value(&reading->problems, place, text,
		              "is not a server; write it as HOST:PORT");
		return;
	}
	host.n = (size_t)(colon - text.p);
	if (host.n >= 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = slice_make(host.p + 1, host.n - 2);
	read_text(reading, item, SERVER_HOST, place, host);
	read_number(
		reading, item, SERVER_PORT, place,
		slice_make(colon + 1, text.n - (size_t)(colon + 1 - text.p)));
}

static void read_scalar(struct reading *reading, struct portable_item *item,
                        const struct place *place)
{
	const struct yaml_node *node = place_node(place);
	int field = portable_short(item->kind);
	const char *keys[MAX_KEYS];
	size_t n;
	struct buf all;

	if (item->kind == KIND_SERVER && !node->null) {
		read_server(reading, item, place, yaml_text(node));
		return;
	}
	if (field >= 0 && !node->null) {
		read_field(reading, item, (unsigned)field, place);
		return;
	}
	n = known_keys(item->section, keys);
	buf_init(&all, MAX_WORDS);
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(&all, "%s%s", i ? ", " : "", keys[i]);
	problem_at(&reading->problems, place, "must be a mapping of %s",
	           buf_text(&all));
	buf_fini(&all);
}

static void read_pair(struct reading *reading,
                      const struct portable_section *section,
                      struct portable_item *item, const struct place *place)
{
	const struct portable_section *inner;
	bool recording = false;
	int field = portable_field(section, slice_from(place->key), &recording);
	size_t at = 0;

	if (field >= 0 && item->given & 1u << field) {
		problem_at(&reading->problems, place,
		           "says the same as another key; leave one out");
		return;
	}
	if (field >= 0) {
		read_field(reading, item, (unsigned)field, place);
		if (recording)
			portable_number(item, RULE_RECORDING, 1);
		return;
	}
	while ((inner = portable_section(section->kind, &at))) {
		if (strcmp(inner->key, place->key) == 0)
			return;
	}
	unknown_key(reading, section, place);
}

/* What it cannot be told from others without. */
static bool has_key(struct reading *reading, const struct portable_item *item,
                    const struct place *place)
{
	const struct kind_info *info = &kinds[item->kind];
	bool whole = true;

	if (item->kind == KIND_FARM)
		return true;
	for (size_t i = 0; i < KIND_KEY_FIELDS && info->keys[0][i] >= 0; i++) {
		unsigned field = (unsigned)info->keys[0][i];

		if (!(info->fields[field].flags & FIELD_REQUIRED) ||
		    item->given & 1u << field ||
		    !portable_has_field(item->section, field) ||
		    info->fields[field].flags & FIELD_SECRET)
			continue;
		problem_at(&reading->problems, place, "has no %s",
		           info->fields[field].name);
		whole = false;
	}
	return whole;
}

static void add_item(struct reading *reading, struct portable_item *item,
                     const struct place *place)
{
	char title[PORTABLE_TITLE_MAX];
	struct portable_item *other;
	int r = portable_add(reading->portable, item, &other);

	if (r == -EEXIST)
		problem_at(&reading->problems, place,
		           "%s stands at %s:%" PRIu32 " already",
		           portable_item_title(item, title), other->file,
		           other->line);
	else
		fail(reading, r);
}

static void read_item(struct reading *reading,
                      const struct portable_section *section,
                      const struct place *place, struct portable_item *owner)
{
	const struct yaml_node *node = place_node(place);
	struct portable_item *item =
		portable_item(reading->portable, owner, section->kind);
	size_t n = reading->problems.n;

	if (!item) {
		fail(reading, -ENOMEM);
		return;
	}
	item->line = place_find(place)->line;
	item->file = reading->file;
	item->section = section;
	if (node->kind == YAML_SEQUENCE) {
		problem_at(&reading->problems, place,
		           "must be one %s, not a list",
		           kinds[section->kind].name);
		return;
	}
	if (node->kind == YAML_SCALAR)
		read_scalar(reading, item, place);
	for (size_t i = 0; node->kind == YAML_MAPPING && i < node->n; i++) {
		struct place inner = { .up = place,
			               .node = &node->items[2 * i + 1],
			               .line = node->items[2 * i].line };

		inner.key = pair_key(reading, place, node, i);
		if (inner.key)
			read_pair(reading, section, item, &inner);
	}
	if (reading->problems.n == n && has_key(reading, item, place))
		add_item(reading, item, place);
	if (!reading->failed)
		read_sections(reading, section, place, item);
}

static void read_list(struct reading *reading,
                      const struct portable_section *section,
                      const struct place *place, struct portable_item *owner)
{
	const struct yaml_node *node = place_node(place);

	if (node->kind == YAML_SCALAR && node->null)
		return;
	if (node->kind != YAML_SEQUENCE) {
		problem_at(&reading->problems, place, "must be a list");
		return;
	}
	for (size_t i = 0; i < node->n && !reading->failed; i++) {
		struct place inner = { .up = place,
			               .index = i,
			               .node = &node->items[i],
			               .line = node->items[i].line };

		read_item(reading, section, &inner, owner);
	}
}

/* The lists that stand in an item, in the order of the table: what is referred
 * to comes first, wherever it stands in the file. */
static void read_sections(struct reading *reading,
                          const struct portable_section *section,
                          const struct place *place, struct portable_item *item)
{
	const struct portable_section *inner;
	size_t at = 0;

	while ((inner = portable_section(section ? section->kind : N_KINDS,
	                                 &at))) {
		struct place here = { .up = place, .key = inner->key };

		here.node = place_find(&here);
		if (!here.node)
			continue;
		if (!section)
			reading->portable->sections |= 1u << inner->kind;
		if (!inner->single)
			read_list(reading, inner, &here, item);
		else if (!place_node(&here)->null)
			read_item(reading, inner, &here, item);
	}
}

/* --- the whole text ------------------------------------------------------- */

static void check_top(struct reading *reading, const struct place *root)
{
	const struct yaml_node *node = place_node(root);

	for (size_t i = 0; i < node->n; i++) {
		struct place inner = { .up = root,
			               .node = &node->items[2 * i + 1],
			               .line = node->items[2 * i].line };
		bool known = false;

		inner.key = pair_key(reading, root, node, i);
		if (!inner.key)
			continue;
		for (size_t k = 0; k < n_portable_sections; k++)
			known = known ||
			        (portable_sections[k].owner == N_KINDS &&
			         strcmp(portable_sections[k].key, inner.key) ==
			                 0);
		if (!known)
			unknown_key(reading, NULL, &inner);
	}
}

static void read_tree(struct reading *reading, const struct yaml_tree *tree)
{
	struct place root = { .node = tree->root };

	if (!tree->root ||
	    (tree->root->kind == YAML_SCALAR && tree->root->null))
		return; /* an empty file says nothing */
	if (place_node(&root)->kind != YAML_MAPPING) {
		problem_file(&reading->problems, tree->root->line,
		             "is no description of a registry: it must be a "
		             "mapping of shards, services and so on");
		return;
	}
	check_top(reading, &root);
	read_sections(reading, NULL, &root, reading->portable->root);
}

int portable_read(struct portable *portable, const char *file,
                  struct slice text, struct buf *words)
{
	struct reading reading = { .portable = portable };
	struct yaml_tree tree = { 0 };
	int r;

	reading.file = arena_copy(&portable->memory, slice_from(file));
	if (!reading.file)
		return -ENOMEM;
	problems_init(&reading.problems, reading.file);
	r = yaml_tree_parse(&tree, text, &reading.problems);
	if (r == 0)
		read_tree(&reading, &tree);
	yaml_tree_fini(&tree);
	if (reading.failed == -E2BIG)
		problem_file(&reading.problems, 0,
		             "describes more than %d objects; that is too many",
		             PORTABLE_MAX_ITEMS);
	if (r == 0 && reading.failed == -ENOMEM)
		r = -ENOMEM;
	else if (r == 0 && reading.problems.failed < 0)
		r = reading.problems.failed;
	else if (r == 0 && problems_any(&reading.problems))
		r = -EINVAL;
	if (r == -EINVAL && problems_print(&reading.problems, words) == -ENOMEM)
		r = -ENOMEM;
	problems_fini(&reading.problems);
	return r;
}

static bool has_section(const struct yaml_node *root)
{
	const struct portable_section *section;
	size_t at = 0;

	while ((section = portable_section(N_KINDS, &at))) {
		const struct yaml_node *key = yaml_find(root, section->key);

		if (key && yaml_target(key + 1)->kind == YAML_SEQUENCE)
			return true;
	}
	return false;
}

int portable_is(struct slice text)
{
	struct yaml_tree tree = { 0 };
	struct problems problems;
	int r;

	problems_init(&problems, "");
	r = yaml_tree_parse(&tree, text, &problems);
	if (r == 0)
		r = tree.root && tree.root->kind == YAML_MAPPING &&
		    has_section(tree.root);
	yaml_tree_fini(&tree);
	problems_fini(&problems);
	return r == -ENOMEM ? r : r == 1;
}
