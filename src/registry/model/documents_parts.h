/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents_parts: what the files of documents share; private to
 * src/registry/model/documents*.c. By stage:
 *
 *   documents.c         life, looking, documents for one owner
 *   documents_touch.c   from records to the units that they concern
 *   documents_units.c   which units there are, in order, and of which shard
 *   documents_render.c  units to fragments, fragments to documents
 *
 *     record ──▶ unit (site, service, project, shard): what of it is stale
 *                  │ rendered
 *                  ▼
 *                fragments, one a kind ──joined, in order──▶ document of a slot
 *                                                  (a shard, or all together)
 */
#pragma once

#include "base/map.h"
#include "registry/model/documents.h"
#include "registry/model/fragment.h"

#define BIT(kind)       (1u << (kind))
#define ALL_KINDS       (BIT(N_DOCUMENT_KINDS) - 1)
#define STALE_STRUCTURE BIT(N_DOCUMENT_KINDS) /* names, order, shards */

/* In the order in which they stand in documents; services and their projects
 * stand together. */
enum unit_type { UNIT_SITE, UNIT_SERVICE, UNIT_PROJECT, UNIT_SHARD };

struct unit_key {
	uint64_t type;
	uint64_t id; /* 0: the site */
};

struct unit {
	struct unit_key key;
	unsigned stale;     /* bits: kinds to be rendered */
	unsigned changed;   /* bits: kinds whose documents do not know it yet */
	unsigned too_large; /* bits: kinds whose fragment is a former one */
	bool seen;
	const struct object *object;                  /* NULL: the site */
	struct fragment *fragments[N_DOCUMENT_KINDS]; /* NULL: nothing */
};

struct slot {
	uint64_t id; /* of the shard; 0: all together */
	char *name;  /* as it is known; NULL: not yet, or all together */
	char *next_name;
	bool seen;
	unsigned stale;     /* bits: documents that may be different */
	unsigned too_large; /* bits: documents that are former ones */
	struct unit **units;
	size_t n_units;
	struct document *documents[N_DOCUMENT_KINDS];
	struct document *next[N_DOCUMENT_KINDS];
};

struct documents {
	const struct model *model;
	struct documents_options options;
	bool stale_structure;
	struct map units;    /* by key */
	struct slot **slots; /* that of all together first */
	size_t n_slots;
	struct map names; /* of shards, to slots */
	struct buf text;  /* of the fragment that is being made */
	struct deflater *deflater;
	const struct fragment **joined; /* of the document being made */
	size_t n_joined;
};

/* Calls @mark for each unit that records concern, with the kinds as bits and
 * STALE_STRUCTURE; may be more than once. */
typedef void (*unit_mark_cb)(void *context, enum unit_type type, uint64_t id,
                             unsigned stale);
void documents_concerned(const struct model *model,
                         const struct record *records, size_t n,
                         unit_mark_cb mark, void *context);

struct unit *documents_unit(const struct documents *documents,
                            enum unit_type type, uint64_t id);
void unit_free(struct unit *unit);
void slot_free(struct slot *slot);
/* Units and slots as the model has them now; those that are gone stay until
 * documents_forget(), unseen and in no list. 0 or -ENOMEM: nothing but more
 * units and slots. */
int documents_arrange(struct documents *documents) MUST_CHECK;
void documents_forget(struct documents *documents);
