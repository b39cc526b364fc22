/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents_kit: a registry's model with its documents in step, for tests.
 */
#pragma once

#include "registry/model/documents.h"
#include "registry_kit.h"

/* Each fails the test if the model refuses. */
void kit_change(struct model_tx *tx, struct object *object, const char *json);
void kit_delete(struct model_tx *tx, struct object *object);

/* A model and its documents, in step with one another. */
struct kit_world {
	struct model *model;
	struct documents *documents;
	struct model_tx *tx;
	uint64_t revision;
};

void kit_world_init(struct kit_world *world);
/* Of the documents there is nothing yet. */
void kit_restart(struct kit_world *world);
void kit_world_fini(struct kit_world *world);
/* A transaction; its end touches the documents and renders them. */
struct model_tx *kit_begin(struct kit_world *world);
void kit_end(struct kit_world *world);
/* Of a shard, or of all together: NULL. */
void kit_expect(const struct kit_world *world, const char *shard,
                enum document_kind kind, const char *text);
/* It has @part somewhere. */
void kit_expect_part(const struct kit_world *world, const char *shard,
                     enum document_kind kind, const char *part);
