/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz documents: whatever stands in labels, paths, clauses and annotations,
 * targets are JSON and rules are YAML that say just that.
 *
 * The input is pieces with 0x1f between; the first byte says what each is: l a label, p a
 * param, q the path of an exporter, c a clause, a an annotation.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>
#include "base/mem.h"
#include "proto/gunzip.h"
#include "proto/json.h"
#include "registry/model/documents.h"

#define MAX_LINES 16

struct world {
	struct model *model;
	struct model_tx *tx;
	struct object *project, *exporter, *rule;
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static struct object *make(struct model_tx *tx, enum kind kind,
                           const struct assignment *assignments, size_t n)
{
	struct object *object = NULL;
	struct err err;

	require(model_create(tx, kind, assignments, n, &object, &err) == 0);
	return object;
}

#define TEXT(f, t)                  \
	{                           \
		(f),                \
		{                   \
			.text = (t) \
		}                   \
	}
#define NUMBER(f, n)                  \
	{                             \
		(f),                  \
		{                     \
			.number = (n) \
		}                     \
	}
#define REF(f, o)                     \
	{                             \
		(f),                  \
		{                     \
			.object = (o) \
		}                     \
	}
#define MAKE(tx, kind, ...)                                        \
	make(tx, kind, (const struct assignment[]){ __VA_ARGS__ }, \
	     sizeof((const struct assignment[]){ __VA_ARGS__ }) /  \
	             sizeof(struct assignment))

static void begin(struct world *world)
{
	struct object *shard, *service, *farm;

	world->model = model_new(1);
	require(world->model != NULL);
	world->tx = model_begin(world->model, 1);
	shard = MAKE(world->tx, KIND_SHARD, TEXT(SHARD_NAME, "shard"));
	service = MAKE(world->tx, KIND_SERVICE, TEXT(SERVICE_NAME, "service"));
	world->project =
		MAKE(world->tx, KIND_PROJECT, TEXT(PROJECT_NAME, "project"),
	             REF(PROJECT_SERVICE, service), REF(PROJECT_SHARD, shard));
	farm = MAKE(world->tx, KIND_FARM, TEXT(FARM_NAME, "farm"),
	            REF(FARM_PROJECT, world->project));
	(void)MAKE(world->tx, KIND_HOST, TEXT(HOST_NAME, "host"),
	           REF(HOST_FARM, farm));
	world->exporter =
		MAKE(world->tx, KIND_EXPORTER, TEXT(EXPORTER_JOB, "job"),
	             NUMBER(EXPORTER_PORT, 1),
	             REF(EXPORTER_PROJECT, world->project));
	world->rule = MAKE(world->tx, KIND_RULE, TEXT(RULE_NAME, "rule"),
	                   TEXT(RULE_CLAUSE, "up"),
	                   REF(RULE_PROJECT, world->project));
}

/* What the model refuses is as good as anything. */
static void set_labels(struct world *world, struct object *object,
                       unsigned field, struct slice value)
{
	const struct label label = { slice_from("name"), value };
	struct assignment assignment = { .field = field };
	struct label_set *set = NULL;
	struct err err;

	if (label_set_new(&label, 1, false, &set, &err) < 0)
		return;
	assignment.value.labels = set;
	if (model_update(world->tx, object, &assignment, 1, &err) == 0)
		require(label_set_equal(object_labels(object, field), set));
	mem_free(set);
}

static void set_text(struct world *world, struct object *object, unsigned field,
                     struct slice value)
{
	struct assignment assignment = { .field = field };
	char *text = mem_strndup(value.p, value.n);
	struct err err;
	int r;

	require(text != NULL);
	assignment.value.text = text;
	r = model_update(world->tx, object, &assignment, 1, &err);
	require(r == 0 || err.message[0]);
	mem_free(text);
}

static void set_line(struct world *world, struct slice line)
{
	struct slice value = slice_skip(line, 1);

	switch (line.p[0]) {
	case 'l':
		set_labels(world, world->project, PROJECT_LABELS, value);
		break;
	case 'p':
		set_labels(world, world->exporter, EXPORTER_PARAMS, value);
		break;
	case 'q':
		set_text(world, world->exporter, EXPORTER_PATH, value);
		break;
	case 'c':
		set_text(world, world->rule, RULE_CLAUSE, value);
		break;
	case 'a':
		set_labels(world, world->rule, RULE_ANNOTATIONS, value);
		break;
	default:
		break;
	}
}

/* --- looking ----------------------------------------------------------------- */

static void check_targets(const struct world *world,
                          const struct document *document)
{
	const struct label_set *labels =
		object_labels(world->project, PROJECT_LABELS);
	struct json_t *root = NULL;
	struct err err;

	require(json_parse(document->text, &root, &err) == 0);
	require(json_count(root) >= 1 && json_count(root) <= 64);
	for (size_t i = 0; i < json_count(root); i++) {
		const struct json_t *group = json_item(root, i);
		const struct json_t *own = json_get(group, "labels");

		require(json_n_members(group) == 2);
		require(json_count(json_get(group, "targets")) == 1);
		if (labels)
			require(slice_equal(json_as_text(json_get(own, "name")),
			                    labels->items[0].value));
	}
	json_free(root);
}

static bool has_scalar(yaml_document_t *yaml, struct slice text)
{
	for (int i = 1;; i++) {
		const yaml_node_t *node = yaml_document_get_node(yaml, i);

		if (!node)
			return false;
		if (node->type == YAML_SCALAR_NODE &&
		    slice_equal(
			    slice_make((const char *)node->data.scalar.value,
		                       node->data.scalar.length),
			    text))
			return true;
	}
}

static void check_rules(const struct world *world,
                        const struct document *document)
{
	const struct label_set *annotations =
		object_labels(world->rule, RULE_ANNOTATIONS);
	struct slice clause = slice_from(object_text(world->rule, RULE_CLAUSE));
	yaml_parser_t parser;
	yaml_document_t yaml;

	require(yaml_parser_initialize(&parser));
	yaml_parser_set_input_string(&parser,
	                             (const unsigned char *)document->text.p,
	                             document->text.n);
	require(yaml_parser_load(&parser, &yaml));
	if (annotations)
		require(has_scalar(&yaml, annotations->items[0].value));
	if (!strstr(clause.p, "<exclude>"))
		require(has_scalar(&yaml, clause));
	yaml_document_delete(&yaml);
	yaml_parser_delete(&parser);
}

static void check_gzip(const struct document *document)
{
	struct gunzip *state = NULL;
	struct err err;
	struct buf out;

	buf_init(&out, document->text.n);
	require(gunzip(&state, document->gzip, &out, &err) == 0);
	require(slice_equal(buf_slice(&out), document->text));
	gunzip_free(state);
	buf_fini(&out);
}

static void check(const struct world *world)
{
	const struct documents_options options = { "site", "http://x" };
	struct documents *documents = documents_new(world->model, &options);
	struct err err;

	require(documents != NULL);
	require(documents_render(documents, 1, NULL, NULL, &err) == 0);
	for (unsigned kind = 0; kind < N_DOCUMENT_KINDS; kind++)
		check_gzip(documents_get(documents, "shard",
		                         (enum document_kind)kind));
	check_targets(world,
	              documents_get(documents, "shard", DOCUMENT_TARGETS));
	check_rules(world, documents_get(documents, "shard", DOCUMENT_RULES));
	documents_free(documents);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = slice_make((const char *)data, size);
	struct world world;
	struct slice line;

	begin(&world);

	for (unsigned i = 0; i < MAX_LINES && slice_next(&rest, 0x1f, &line);
	     i++) {
		if (line.n)
			set_line(&world, line);
	}
	model_commit(world.tx);
	check(&world);
	model_free(world.model);
	return 0;
}
