/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registry_kit: objects of a registry's model from one line of JSON, and the
 * whole model as text, to be compared.
 */
#pragma once

#include "base/buf.h"
#include "registry/model/assign.h"
#include "registry/model/model.h"

#define KIT_NOW 1790000000

/* Of what stands in @json; 0 or what the model, or the reading of it, said. */
int kit_create(struct model_tx *tx, enum kind kind, const char *json,
               struct object **objectp, struct err *err);
int kit_update(struct model_tx *tx, struct object *object, const char *json,
               struct err *err);
/* The same where nothing can be wrong with it. */
struct object *kit_make(struct model_tx *tx, enum kind kind, const char *json);
/* It must fail so, with those words at the end. */
void kit_refused(struct model_tx *tx, enum kind kind, const char *json,
                 int code, const char *words);

/* Everything: objects, in which order they hang where, ids. */
void kit_dump(const struct model *model, struct buf *out);
/* The values of one object, as it would be stored. */
void kit_dump_values(enum kind kind, uint64_t id, const union value *values,
                     struct buf *out);
/* Each object is found by its keys, and hangs where its refs say. */
void kit_check(const struct model *model);
