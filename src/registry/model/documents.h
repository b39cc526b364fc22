/* SPDX-License-Identifier: Apache-2.0 */
/*
 * documents: what Prometheus servers are handed, rendered ahead and kept:
 * targets and URLs as JSON (file_sd, http_sd), rules as YAML; of each shard,
 * and of all shards together.
 * https://prometheus.io/docs/prometheus/latest/http_sd/
 * https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
 *
 * A document is put together from fragments, of each project, service or
 * shard one, and one of what holds for all, each with its own compressed form;
 * an edit renders its fragment and joins. A document never changes: another takes its place, and whoever is
 * still sending the old one holds a reference.
 */
#pragma once

#include "base/slice.h"
#include "registry/model/model.h"

enum document_kind {
	DOCUMENT_TARGETS, /* "targets", application/json */
	DOCUMENT_URLS,    /* "urls", application/json */
	DOCUMENT_RULES,   /* "rules", application/yaml */
	DOCUMENT_NODES, /* "nodes": [{"id":1,"ip":"…","port":9100}]: for those
	                     who want prommgr's ID.yml files */
	N_DOCUMENT_KINDS,
};
const char *document_kind_name(enum document_kind kind);

#define DOCUMENT_ETAG_MAX 35 /* with its quotes and NUL */

struct document {
	uint32_t n_refs;
	enum document_kind kind;
	uint64_t revision;            /* at which it last became different */
	uint32_t n_items;             /* targets, or rules */
	char etag[DOCUMENT_ETAG_MAX]; /* of the content, with quotes */
	struct slice text;
	struct slice gzip; /* the same, compressed; whole and ready */
};

struct document *document_ref(struct document *document);
void document_unref(struct document *document); /* NULL is fine */

struct documents_options {
	const char *site;         /* the name of the group of global rules */
	const char *external_url; /* for links in annotations; "": none */
};

struct documents;

/* Options are copied. Nothing is rendered yet, all is to be. */
struct documents *documents_new(const struct model *model,
                                const struct documents_options *options)
	MUST_CHECK;
void documents_free(struct documents *documents);

/* What a transaction did is to be rendered; before it ends. */
void documents_touch(struct documents *documents, const struct record *records,
                     size_t n);

/* @shard NULL: of all shards together. Called for each that became different;
 * of a shard that is gone with @document NULL. */
typedef void (*document_changed_cb)(void *context, const char *shard,
                                    enum document_kind kind,
                                    const struct document *document);

/*
 * documents_render() - all that is to be rendered
 *
 * 0; or -ENOMEM: what was rendered before stays, and it is to be tried again.
 * What would be too large is passed over; all else is rendered.
 */
int documents_render(struct documents *documents, uint64_t revision,
                     document_changed_cb changed, void *context,
                     struct err *err) MUST_CHECK;

/* What would be too large, so that what was rendered of it before is handed
 * out, if anything was: 0, or how much of that there is, and the title of one.
 * @title: OBJECT_TITLE_MAX bytes */
size_t documents_n_too_large(const struct documents *documents, char *title);

/* Borrowed until the next render. NULL: there is no such shard, or there never
 * was one of it that was not too large. */
struct document *documents_get(const struct documents *documents,
                               const char *shard, enum document_kind kind);

/*
 * documents_rules_text() - the rules as they are in the model now, in the
 * transaction that is open, too: what promtool is asked about
 * @records: only the groups that they concern; NULL: all
 */
int documents_rules_text(const struct documents *documents,
                         const struct record *records, size_t n,
                         struct buf *out) MUST_CHECK;
/* The same objects for one service or project, as /rest/service/NAME/targets/
 * and its like answer. @kind: not DOCUMENT_NODES. @all: also rules that are
 * disabled. */
int documents_of(const struct documents *documents, const struct object *owner,
                 enum document_kind kind, bool all, struct buf *out) MUST_CHECK;
