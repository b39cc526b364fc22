/* SPDX-License-Identifier: Apache-2.0 */
#include "documents_kit.h"

#include "support/cmocka.h"

void kit_change(struct model_tx *tx, struct object *object, const char *json)
{
	struct err err = { 0 };

	if (kit_update(tx, object, json, &err) < 0)
		fail_msg("%s: %s", json, err.message);
}

void kit_delete(struct model_tx *tx, struct object *object)
{
	struct err err = { 0 };

	assert_int_equal(model_delete(tx, object, &err), 0);
}

void kit_world_init(struct kit_world *world)
{
	*world = (struct kit_world){ .model = model_new(7) };
	assert_non_null(world->model);
	kit_restart(world);
}

void kit_restart(struct kit_world *world)
{
	const struct documents_options options = { "global", "" };

	documents_free(world->documents);
	world->documents = documents_new(world->model, &options);
	assert_non_null(world->documents);
}

void kit_world_fini(struct kit_world *world)
{
	documents_free(world->documents);
	model_free(world->model);
}

struct model_tx *kit_begin(struct kit_world *world)
{
	world->tx = model_begin(world->model, KIT_NOW);
	assert_non_null(world->tx);
	return world->tx;
}

void kit_end(struct kit_world *world)
{
	const struct record *records;
	struct err err = { 0 };
	size_t n;

	records = model_records(world->tx, &n);
	documents_touch(world->documents, records, n);
	model_commit(world->tx);
	assert_int_equal(documents_render(world->documents, ++world->revision,
	                                  NULL, NULL, &err),
	                 0);
}

void kit_expect(const struct kit_world *world, const char *shard,
                enum document_kind kind, const char *text)
{
	const struct document *document =
		documents_get(world->documents, shard, kind);

	assert_non_null(document);
	if (!slice_is(document->text, text))
		print_message("--- is\n" SLICE_FMT "--- expected\n%s",
		              SLICE_ARG(document->text), text);
	assert_true(slice_is(document->text, text));
}

void kit_expect_part(const struct kit_world *world, const char *shard,
                     enum document_kind kind, const char *part)
{
	const struct document *document =
		documents_get(world->documents, shard, kind);
	bool found;

	assert_non_null(document);
	found = memmem(document->text.p, document->text.n, part,
	               strlen(part)) != NULL;
	if (!found)
		print_message("--- is\n" SLICE_FMT "--- without\n%s\n",
		              SLICE_ARG(document->text), part);
	assert_true(found);
}
