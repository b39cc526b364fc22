/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model: all objects of a registry in memory, and the one way to change them.
 *
 * Changes are made in a transaction. Each is checked, done at once, and noted
 * as a record with the values before and after; what hangs on an object that
 * goes, goes before it, with records of its own. In the end all are kept or
 * all undone; the records are what the store writes, what the audit log says,
 * and what is rendered anew. There is one transaction at a time, and between
 * its begin and end the loop does not turn.
 *
 * Pure: no clock, no libuv. Objects stay where they are as long as they are.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/json_writer.h"
#include "base/macros.h"
#include "registry/model/kind.h"
#include "registry/model/label_set.h"

struct model;
struct model_tx;
struct object;

union value {
	const char *text;
	int64_t number; /* FIELD_NUMBER, FIELD_FLAG, FIELD_TIME */
	struct object *object;
	const struct label_set *labels;
};

/* What a field is that nobody sets; text is never NULL. */
union value field_fallback(const struct field *field);

/* --- looking -------------------------------------------------------------- */

struct model *model_new(uint64_t seed) MUST_CHECK;
void model_free(struct model *model);

enum kind object_kind(const struct object *object);
uint64_t object_id(const struct object *object); /* never used again */
const char *object_text(const struct object *object, unsigned field);
int64_t object_number(const struct object *object, unsigned field);
struct object *object_ref(const struct object *object, unsigned field);
const struct label_set *object_labels(const struct object *object,
                                      unsigned field);
/* Does the value stand in that field, however it is written? */
bool object_has(const struct object *object, unsigned field, union value value);
/* All values, as many as its kind has fields; borrowed. */
const union value *object_values(const struct object *object);

struct object *model_find(const struct model *model, enum kind kind,
                          uint64_t id);
/* By its nth key: values of the key's fields in the key's order. */
struct object *model_find_key(const struct model *model, enum kind kind,
                              unsigned nth, const union value *values);
/* The same, of a kind whose first key is one text: "Default" of shards. Of
 * those whose key has more fields, the first found with that text in its first
 * field and those refs NULL is not looked for: NULL. */
struct object *model_find_name(const struct model *model, enum kind kind,
                               const char *name);

uint32_t model_count(const struct model *model, enum kind kind);
/* All of a kind by growing id; NULL at the end. @after NULL: the first. */
struct object *model_next(const struct model *model, enum kind kind,
                          const struct object *after);
#define MODEL_FOR_EACH(each, model, kind)                               \
	for (struct object *each = model_next(model, kind, NULL); each; \
	     each = model_next(model, kind, each))

/* Who refers to @owner by that field: OBJECT_FOR_EACH(host, farm, KIND_HOST,
 * HOST_FARM). By growing age. */
struct object *object_child(const struct object *owner, enum kind kind,
                            unsigned field, const struct object *after);
uint32_t object_n_children(const struct object *owner, enum kind kind,
                           unsigned field);
#define OBJECT_FOR_EACH(child, owner, kind, field)                          \
	for (struct object *child = object_child(owner, kind, field, NULL); \
	     child; child = object_child(owner, kind, field, child))

/* How people call it: "exporter node:9100 of project web". Into @out. */
#define OBJECT_TITLE_MAX 256
const char *object_title(const struct object *object, char *out);

/* The fields as members of the object that is being written: refs as "NAME"
 * and "NAME_id", secrets as "******" if @masked, absent refs null. */
void object_write(struct json_writer *json, enum kind kind,
                  const union value *values, bool masked);

/* --- changing ------------------------------------------------------------- */

/* A field and what is to stand in it; text and labels are copied. */
struct assignment {
	unsigned field;
	union value value;
};

enum record_op { RECORD_CREATED, RECORD_UPDATED, RECORD_DELETED };

struct record {
	enum record_op op;
	enum kind kind;
	uint64_t id;
	const struct object *object; /* also of one that is gone: its memory
	                                stays until the transaction ends */
	const union value *old;      /* all fields; NULL of RECORD_CREATED */
	const union value *new;      /* all fields; NULL of RECORD_DELETED */
};

/* @now_s: Unix time, for what is created and changed. NULL: out of memory. */
struct model_tx *model_begin(struct model *model, int64_t now_s) MUST_CHECK;
struct model *model_of(const struct model_tx *tx);

/*
 * model_create() - a new object, of what is assigned and of fallbacks
 *
 * 0 with *objectp; else nothing has changed, the words name the field, and
 * the code is
 *   -EINVAL  a value, or two that do not go together    -EEXIST  not unique
 *   -E2BIG   there are as many as there may be           -ENOMEM
 */
int model_create(struct model_tx *tx, enum kind kind,
                 const struct assignment *assignments, size_t n,
                 struct object **objectp, struct err *err) MUST_CHECK;
/* The shard of who names none, as in the reference: made if it is not there.
 * Codes as above. */
int model_default_shard(struct model_tx *tx, struct object **shardp,
                        struct err *err) MUST_CHECK;
/* Codes as above; no record if nothing becomes different. Rules that override
 * others for a service or a project follow its name (rule_macro_rename()), with
 * records of their own. */
int model_update(struct model_tx *tx, struct object *object,
                 const struct assignment *assignments, size_t n,
                 struct err *err) MUST_CHECK;
/* With all that hangs on it. 0, or -ENOMEM: then the whole transaction must be
 * undone. */
int model_delete(struct model_tx *tx, struct object *object,
                 struct err *err) MUST_CHECK;
/* The field that the last failure was about; -1: none in particular. */
int model_bad_field(const struct model_tx *tx);

/* In the order in which they happened; borrowed until the end. */
const struct record *model_records(const struct model_tx *tx, size_t *np);

/* Each ends and frees the transaction; neither can fail. */
void model_commit(struct model_tx *tx);
void model_rollback(struct model_tx *tx);

/* --- loading -------------------------------------------------------------- */

/* An object as it was stored, with its id: the kinds in their order. Checks
 * only what the model cannot do without (refs, keys). */
int model_load(struct model *model, enum kind kind, uint64_t id,
               const union value *values, struct err *err) MUST_CHECK;
/* The least id that the next one of the kind may have. */
void model_load_next_id(struct model *model, enum kind kind, uint64_t id);
uint64_t model_next_id(const struct model *model, enum kind kind);
