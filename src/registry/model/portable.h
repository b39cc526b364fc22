/* SPDX-License-Identifier: Apache-2.0 */
/*
 * portable: the state of a registry as one document, which people keep in git:
 * YAML, or JSON, which is YAML. Names stand for ids, what belongs to something
 * stands in it, and what has its default is left out:
 *
 *     shards:
 *       - name: tokyo
 *         servers: [prom-1:9090]
 *     services:
 *       - name: shop
 *         projects:
 *           - name: web
 *             shard: tokyo
 *             farm:
 *               name: web
 *               hosts: [web-1, web-2]
 *             exporters:
 *               - job: node
 *                 port: 9100
 *
 * Whatever changes a registry in bulk (files, imports, the commands) becomes
 * such a document first; plan.h brings a model to it. Tokens have no place in
 * it. The keys are the fields of kind.h; of rules also Prometheus' own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "registry/model/kind.h"
#include "registry/model/label_set.h"
#include "registry/model/model.h"

#define PORTABLE_MAX_BYTES 67108864 /* of a text */
#define PORTABLE_MAX_ITEMS 1000000

/* A list (or, of `single`, one) of a kind, and in what it stands. */
struct portable_section {
	enum kind owner; /* N_KINDS: the document itself */
	enum kind kind;
	const char *key;
	int field; /* of the kind: who it belongs to; -1: to nobody */
	bool single;
	bool flat; /* may be written so, never is: projects at the top */
};

extern const struct portable_section portable_sections[];
extern const size_t n_portable_sections;
/* Those of one owner: for (i = 0; (s = portable_section(owner, &i));) */
const struct portable_section *portable_section(enum kind owner, size_t *at);

struct portable_item {
	enum kind kind; /* N_KINDS: the document itself */
	struct portable_item *owner;
	const struct portable_section *section;
	struct portable_item *first, *last; /* what stands in it, in order */
	struct portable_item *next;
	uint32_t given;   /* 1 << field */
	uint32_t line;    /* 0: in no text */
	const char *file; /* NULL: in none */
	/* By field; a ref is a name, in `text`. Only of what is given. */
	union value values[];
};

struct portable {
	struct portable_item *root;
	uint32_t sections; /* 1 << kind of those at the top that are there */
	/* private */
	struct arena memory;
	struct map by_key;
	struct portable_sets *sets;
	uint32_t n_items;
};

/* 0 or -ENOMEM; portable_fini() in any case. */
int portable_init(struct portable *portable) MUST_CHECK;
void portable_fini(struct portable *portable);

/* --- making one ----------------------------------------------------------- */

/* A place for the fields of a new item, not yet in the document; NULL: memory
 * is out. */
struct portable_item *portable_item(struct portable *portable,
                                    struct portable_item *owner,
                                    enum kind kind) MUST_CHECK;
/* Copies; an address in the one way to write it; nothing at all is "".
 * -ENOMEM. */
int portable_text(struct portable *portable, struct portable_item *item,
                  unsigned field, struct slice text) MUST_CHECK;
void portable_number(struct portable_item *item, unsigned field,
                     int64_t number);
/* Copies; nothing is given if @n is 0. */
int portable_labels(struct portable *portable, struct portable_item *item,
                    unsigned field, const struct label *labels, size_t n,
                    struct err *err) MUST_CHECK;

/*
 * portable_add() - it is complete: puts it into its owner
 *
 * 0; -EEXIST: one by that name is there already, in *otherp; -E2BIG, -ENOMEM.
 * Notifiers whose value is not given are never the same.
 */
int portable_add(struct portable *portable, struct portable_item *item,
                 struct portable_item **otherp) MUST_CHECK;
/* As it would be added, or what is there already; and NULL: no memory, or too
 * much, as *rp says. */
struct portable_item *portable_join(struct portable *portable,
                                    struct portable_item *item, int *rp);

/* --- looking -------------------------------------------------------------- */

/* What is given and not empty, else the fallback of its kind, else "", 0. */
const char *portable_item_text(const struct portable_item *item,
                               unsigned field);
int64_t portable_item_number(const struct portable_item *item, unsigned field);

/* "exporter node:9100"; into @out. */
#define PORTABLE_TITLE_MAX 160
const char *portable_title(enum kind kind, const union value *values,
                           char *out);
const char *portable_item_title(const struct portable_item *item, char *out);

/* HOST:PORT, an IPv6 address in brackets. */
void portable_address(struct buf *out, const char *host, int64_t port);

/* The field that a key of an item means; -1: none. What it says beside that
 * (record: of a rule) is in *recordingp. */
int portable_field(const struct portable_section *section, struct slice key,
                   bool *recordingp);
/* May the field stand in an item of that section? */
bool portable_has_field(const struct portable_section *section, unsigned field);
/* How it is written. */
const char *portable_key(const struct portable_item *item, unsigned field);
/* The field that stands for the whole item if nothing else is given; -1. */
int portable_short(enum kind kind);

/* --- texts ---------------------------------------------------------------- */

/*
 * portable_read() - adds what a text says
 * @file: its name in messages; copied
 * @words: a line for each thing that is wrong, with file, line and path
 *
 * 0; -EINVAL with words; -ENOMEM. May be called for several texts: an object
 * that stands in two of them is an error.
 */
int portable_read(struct portable *portable, const char *file,
                  struct slice text, struct buf *words) MUST_CHECK;

/* Is it such a document, and not something else that is YAML: does a list of
 * one of its sections stand at the top? 1, 0 or -ENOMEM. */
int portable_is(struct slice text) MUST_CHECK;

/* What is in a model, in a stable order; borrows its text until it changes.
 * @secrets: also what is secret. 0 or -ENOMEM. */
int portable_take(struct portable *portable, const struct model *model,
                  bool secrets) MUST_CHECK;

/* Those objects of a model that stand in that section of @owner (NULL: of the
 * document), in that order; *objectsp is mem_free()'d. 0 or -ENOMEM. */
int portable_objects(const struct model *model,
                     const struct portable_section *section,
                     const struct object *owner, struct object ***objectsp,
                     size_t *np) MUST_CHECK;

/* As text; 0 or the buffer's failure. */
int portable_write_yaml(const struct portable *portable,
                        struct buf *out) MUST_CHECK;
int portable_write_json(const struct portable *portable,
                        struct buf *out) MUST_CHECK;
