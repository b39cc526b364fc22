/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model_private: what the files of the model share.
 *
 * An object is one block: itself, its values, a link for each field that is a
 * ref (it hangs in the list of whom it refers to), a list for each field of
 * other kinds that may refer to it, and the bytes of its composed keys. Text
 * and sets of labels are blocks of their own; text that equals the field's
 * fallback, or is empty, is not copied.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "registry/model/model.h"

#define MODEL_MAX_REFS 4
#define PAGE_SLOTS     256
#define KEY_MAX        (3 * FIELD_MAX_TEXT) /* no key is longer */

struct object {
	uint64_t id;
	enum kind kind;
	bool gone;                 /* deleted in the transaction that is open */
	char *keys[KIND_MAX_KEYS]; /* bytes in the maps; NULL: in none */
	union value values[];
	/* struct list links[n_refs]; struct children heads[n_heads]; */
};

struct children {
	struct list list;
	uint32_t n;
};

/* Where in an object what is; of each kind, made once from the table. */
struct shape {
	unsigned n_refs, n_heads;
	size_t links, heads, size; /* offsets, and bytes in all */
	struct {
		unsigned field;
		unsigned head; /* in whom it refers to */
	} refs[MODEL_MAX_REFS];
};
extern struct shape shapes[N_KINDS];
void shapes_init(void); /* idempotent */

/* Objects of a kind by id, in pages of PAGE_SLOTS neighbours. */
struct page {
	uint64_t number; /* id / PAGE_SLOTS */
	uint32_t n;
	struct object *slots[PAGE_SLOTS];
};

struct pages {
	struct page **items; /* by number; those that are empty go at the end of
	                        the transaction */
	size_t n, cap;
	bool some_empty;
};

struct table {
	struct pages pages;
	struct map keys[KIND_MAX_KEYS];
	uint32_t n;
	uint64_t next_id;
};

struct model_tx {
	struct model *model;
	int64_t now_s;
	struct record *records;
	size_t n, cap;
	int bad_field;
};

struct model {
	struct table tables[N_KINDS];
	struct model_tx tx;
	bool changing;
};

/* --- names ---------------------------------------------------------------- */

/* An object that was updated: its rules follow its name. Codes as of
 * model_update(); what was done before a failure stays. */
int names_follow(struct model_tx *tx, const struct object *object,
                 const union value *old, struct err *err) MUST_CHECK;

/* --- pages ---------------------------------------------------------------- */

struct object *pages_get(const struct pages *pages, uint64_t id);
struct object *pages_next(const struct pages *pages, uint64_t after_id);
/* There is a slot for @id. 0 or -ENOMEM. */
int pages_reserve(struct pages *pages, uint64_t id) MUST_CHECK;
/* @object NULL: empties it. The slot is reserved. */
void pages_set(struct pages *pages, uint64_t id, struct object *object);
void pages_trim(struct pages *pages); /* frees those that are empty */
void pages_fini(struct pages *pages);

/* --- keys ----------------------------------------------------------------- */

/* Is the object one of those that have keys? A deleted node has none. */
bool key_counts(enum kind kind, const union value *values);
/* Whoever has the nth key of an object with those values; NULL: nobody. */
struct object *key_find(const struct model *model, enum kind kind, unsigned nth,
                        const union value *values);
/* The keys of values, into @keys; those that are @object's (may be NULL) are
 * its own bytes. 0 or -ENOMEM. */
int keys_make(enum kind kind, const union value *values,
              const struct object *object, char **keys) MUST_CHECK;
/* Each leaves out those that are also in @but (may be NULL). */
void keys_free(enum kind kind, char **keys, char *const *but);
/* Into the maps, all or none: 0 or -ENOMEM. Cannot fail where as many were in
 * them before. */
int keys_enter(struct model *model, struct object *object, char *const *keys,
               const union value *values, char *const *but) MUST_CHECK;
void keys_leave(struct model *model, enum kind kind, char *const *keys,
                const union value *values, char *const *but);

/* --- drafts: values that are to be those of an object --------------------- */

struct draft {
	enum kind kind;
	union value values[KIND_MAX_FIELDS];
	uint32_t owned; /* copies of ours; others are borrowed */
};

void draft_new(struct draft *draft, enum kind kind); /* fallbacks */
void draft_of(struct draft *draft, const struct object *object);
/* Checks and copies. 0, -EINVAL, -ENOMEM; words without the field's name. */
int draft_set(struct draft *draft, const struct object *object, unsigned field,
              union value value, struct err *err) MUST_CHECK;
/* Do the values go together, and nobody else has them? @object: whose they
 * are to be, NULL: of a new one. *fieldp: what is wrong. */
int draft_check(const struct draft *draft, const struct model *model,
                const struct object *object, int *fieldp,
                struct err *err) MUST_CHECK;
/* The last part of it: 0, -EEXIST, -ENOMEM. */
int draft_unique(const struct draft *draft, const struct model *model,
                 const struct object *object, int *fieldp,
                 struct err *err) MUST_CHECK;
void draft_drop(struct draft *draft); /* frees the copies */

/* --- values --------------------------------------------------------------- */

bool value_equal(enum field_type type, union value a, union value b);
/* As objects keep it: of empty text the fallback, of a host the one way to
 * write it, in @host (CHECK_HOST_MAX + 1) or borrowed. */
union value value_settled(const struct field *field, union value value,
                          char *host);
/* A copy as objects keep them. 0 or -ENOMEM. */
int value_copy(const struct field *field, union value *value) MUST_CHECK;
void value_free(const struct field *field, union value value);
bool field_is_ref(const struct field *field);
bool field_is_number(const struct field *field);

/* --- objects -------------------------------------------------------------- */

/* Takes the values over if it succeeds. */
struct object *object_new(enum kind kind, uint64_t id,
                          const union value *values) MUST_CHECK;
void object_free(struct object *object); /* with its values */
struct list *object_link(const struct object *object, unsigned nth);
struct children *object_head(const struct object *object, unsigned nth);
/* Into, and out of, the lists of whom the field refers to, by id. */
void object_hang(struct object *object, unsigned nth_ref);
void object_unhang(struct object *object, unsigned nth_ref);
