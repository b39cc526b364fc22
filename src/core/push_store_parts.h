/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_store_parts: what the files of the push store share; nobody else
 * includes this.
 *
 *   push_store.c         life, groups, deleting, heartbeats
 *   push_store_push.c    a push: checks, then the change; its steps are in
 *                        push_store_check.c, _samples.c and _series.c
 *   push_store_index.c   families, metrics, chunks, the table of series
 *   push_store_lines.c   how a sample is kept, and read back
 *   push_store_kept.c    what views still need of what has changed
 *   push_store_expire.c  times to live
 *   push_view.c, push_view_json.c, push_snapshot*.c  reading all of it
 *
 * A change has a number, `version`. A content (of a metric, or the state of a
 * group) is seen by the views whose version lies in [born, died).
 */
#pragma once

#include "base/rng.h"
#include "base/json_writer.h"
#include "base/map.h"
#include "base/tree.h"
#include "core/deadlines.h"
#include "core/push_store.h"

/* --- lines (push_store_lines.c) ------------------------------------------- */

/*
 * A stored line is a byte for the family's name and suffix, the labels, the
 * value, a line feed. Bytes that UTF-8 never has stand for what is said
 * elsewhere, so that labels are in order when all is put in:
 */
#define LINE_NAME  0xf5 /* + enum metric_suffix */
#define LINE_WHOLE 0xfd /* the group's labels, and no other */
#define LINE_BLANK 0xfe /* instance="" */
#define LINE_LABEL 0xff /* the next label of the group */

struct store_group;
struct store_family;

/* One line, taken apart; borrowed from the chunk. */
struct store_line {
	enum metric_suffix suffix;
	struct slice labels; /* as stored, with braces; or LINE_WHOLE */
	struct slice value;
};

/* Walks over the labels of a line, those of the group included, in order. */
struct line_labels {
	const struct store_group *group;
	struct slice rest;
	uint32_t next_piece;
	bool whole;
};

/* Takes the first line off @lines, which must not be empty. */
struct store_line line_take(struct slice *lines);
struct line_labels line_labels(const struct store_group *group,
                               const struct store_line *line);
/* name="value", escaped; false at the end. */
bool line_next_label(struct line_labels *walk, struct slice *piece);
/* The value of a piece, unescaped into @scratch if it has to be. */
struct slice piece_name(struct slice piece);
struct slice piece_value(struct slice piece, struct buf *scratch);
/* Compares labels of two lines of one group, without the label @but. */
int line_compare(const struct store_group *group, const struct store_line *a,
                 const struct store_line *b, const char *but);
/* The label that lines of one metric differ in: "le", "quantile", or NULL. */
const char *type_inner_label(enum metric_type type);
/* As it is exposed; one line with its line feed is taken off @lines. */
void line_write(struct buf *out, struct slice family,
                const struct store_group *group, struct slice *lines);
uint64_t line_hash(const struct store_family *family,
                   const struct store_group *group,
                   const struct store_line *line);
/* name="value" into a place of at least 2 * value + name + 3; its end. */
char *piece_put(char *at, const struct label *label);
uint64_t piece_hash(const char *p, size_t n);

/* --- what there is --------------------------------------------------------- */

/* The lines of one push. */
struct store_chunk {
	uint64_t version;
	struct push_time time;
	uint32_t refs; /* live metrics, kept contents, readers */
	uint32_t size;
	uint32_t dead; /* bytes that no metric refers to */
	char text[];
};

#define METRIC_MAX_ID 0x7fffffffu

struct push_metric {
	struct tree_node node; /* in its family, by group */
	struct store_family *family;
	struct store_group *group;
	struct store_chunk *chunk; /* NULL: not yet */
	uint32_t offset;
	uint32_t length;
	uint32_t n_series;
	uint32_t id : 31;
	uint32_t mark : 1; /* is in the push that is looked at */
};

struct store_family {
	struct tree_node node; /* by name */
	struct tree metrics;   /* by group */
	struct tree kept;      /* by group and version */
	uint64_t hash;
	uint32_t n_metrics;
	uint32_t refs;         /* metrics, kept contents, readers, `reserved` */
	uint8_t type;          /* means something if there are metrics */
	uint8_t next_type;     /* with `entered` */
	bool entered;          /* is in the push that is looked at */
	bool reserved;         /* a family of our own has this name, and */
	uint8_t reserved_type; /* this type */
	struct slice help;     /* allocated; p may be NULL */
	struct slice name;
	char text[];
};

/* A label of a group as text, or the instance="" that it lacks. */
struct store_piece {
	uint32_t at; /* in `whole` */
	uint32_t n;
	uint32_t n_name;
};

struct store_group {
	struct push_group shown;
	struct tree_node node;    /* by key */
	struct deadline deadline; /* of its time to live */
	uint64_t version;         /* of `shown` */
	uint64_t number;      /* its name in a snapshot; never given twice */
	uint64_t hash_sum;    /* of its labels */
	int64_t seen_mono_ms; /* a push or a beat; or its beginning */
	uint64_t ttl_ms;
	uint64_t n_bytes;
	uint32_t n_series;
	uint32_t refs;   /* the store's, kept contents, readers */
	uint32_t *slots; /* ids of its metrics, in the order of the push */
	uint32_t n_slots;
	struct list kept;   /* contents of its metrics */
	bool gone;          /* not in the store any more */
	struct slice key;   /* of the map */
	struct slice whole; /* {instance="",job="x"} and a blank */
	struct store_piece *pieces;
	uint32_t n_pieces;
	uint32_t blank; /* which piece is instance=""; UINT32_MAX: none */
};

/* A content that has been replaced, for the views that began before. */
struct store_kept {
	struct tree_node node; /* in the family, or the store's states */
	struct list in_group;  /* unless it is a state */
	struct list in_view;   /* the newest that needs it; or the orphans */
	struct store_group *group;
	struct store_family *family; /* NULL: state of a group */
	uint64_t born;
	uint64_t died;
	union {
		struct {
			struct store_chunk *chunk;
			uint32_t offset;
			uint32_t length;
			uint8_t type;
		} lines;
		struct push_group state;
	};
};

/* --- the table of series (push_store_index.c) ------------------------------ */

struct series_entry {
	uint32_t hash;
	uint32_t id; /* of the metric + 1; 0: free; SERIES_MARK may be set */
};
#define SERIES_MARK 0x80000000u

struct series_table {
	struct series_entry *entries;
	uint64_t n;
	uint64_t cap; /* a power of two */
};

int series_reserve(struct series_table *table, uint64_t n_more) MUST_CHECK;
/* Takes one such entry out; harmless if there is none. */
void series_remove(struct series_table *table, uint32_t hash, uint32_t id);

/* --- a push that is looked at (push_store_push.c) --------------------------- */

/* A family of the body. */
struct work_entry {
	struct store_family *family;
	struct push_metric *metric;
	char *help;     /* new one, allocated */
	uint32_t place; /* in the body */
	uint32_t first; /* of work.series */
	uint32_t n;
	uint32_t offset; /* of work.lines */
	uint32_t length;
	uint32_t n_matched;
	bool is_new; /* metric */
};

struct work_series {
	uint64_t hash;
	uint32_t sample;   /* in the body */
	uint32_t at;       /* in work.lines */
	uint32_t n;        /* of the line */
	uint32_t n_labels; /* of what comes before the value */
	uint64_t slot;     /* in the table */
	bool inserted;
};

struct work_doomed {
	uint64_t slot;
	uint32_t hash;
	uint32_t id;
};

struct push_work {
	struct work_entry *entries;
	uint32_t n_entries;
	uint32_t cap_entries;
	uint32_t *places; /* body family to entry + 1 */
	uint32_t cap_places;
	struct work_series *series;
	uint32_t n_series;
	uint32_t cap_series;
	uint32_t n_claimed;
	uint32_t *seen; /* set of places in `series`, + 1 */
	uint32_t cap_seen;
	struct work_doomed *doomed;
	uint32_t n_doomed;
	uint32_t cap_doomed;
	struct buf lines;
	struct buf sorted;
	struct buf text[2]; /* scratch */
};

void work_init(struct push_work *work);
void work_fini(struct push_work *work);

/* --- the store -------------------------------------------------------------- */

#define METRICS_PER_PAGE 256
#define OWN_FAMILY_PUSH  4

struct push_store {
	uint64_t seed;
	struct push_store_limits limits;
	struct push_store_listener listener;
	uint64_t version;
	uint64_t n_series;
	uint64_t n_bytes;
	uint32_t n_own[OWN_FAMILY_PUSH]; /* live groups that have a sample */
	uint64_t last_number;

	struct map group_by_key;
	struct tree groups;
	struct map family_by_name;
	struct tree families;
	uint32_t n_live_families; /* with metrics */

	struct push_metric **pages;
	uint32_t n_pages;
	uint32_t cap_pages;
	struct push_metric *free_metrics; /* by node.left */
	uint32_t n_metrics;
	struct series_table series;

	struct list views; /* oldest first */
	uint32_t n_views;
	struct tree states;  /* kept states, by group and version */
	struct list orphans; /* kept contents whose view has ended */
	struct list spare;   /* kept contents that are ready for use */
	uint32_t n_spare;

	struct deadlines deadlines;
	struct push_ttl *ttl;
	size_t n_ttl;

	struct buf key; /* scratch */
	struct push_work work;
};

static inline struct store_group *group_of(struct push_group *group)
{
	return container_of(group, struct store_group, shown);
}

int compare_group_key(const void *key, const struct tree_node *node);
int compare_keys(const struct store_group *a, const struct store_group *b);

/* groups (push_store.c) */
struct store_group *store_find_group(const struct push_store *store,
                                     const struct push_key *key);
/* Finds it or makes it; 0, PUSH_E_TOO_MANY, -ENOMEM. */
int store_obtain_group(struct push_store *store, const struct push_key *key,
                       struct push_time now, struct store_group **groupp,
                       bool *createdp, struct err *err) MUST_CHECK;
/* Takes it out, with all that it has; @tell: the listener. */
void store_remove_group(struct push_store *store, struct store_group *group,
                        bool tell);
void group_unref(struct store_group *group);
void store_remove_all(struct push_store *store, bool tell);

/* families and metrics (push_store_index.c) */
struct store_family *family_find(const struct push_store *store,
                                 struct slice name);
struct store_family *family_obtain(struct push_store *store,
                                   struct slice name) MUST_CHECK;
void family_unref(struct push_store *store, struct store_family *family);
struct push_metric *metric_by_id(const struct push_store *store, uint32_t id);
struct push_metric *metric_find(const struct store_family *family,
                                const struct store_group *group);
/* The first whose group is not before that one. */
struct push_metric *metric_seek(const struct store_family *family,
                                const struct store_group *group);
struct push_metric *metric_new(struct push_store *store) MUST_CHECK;
void metric_free(struct push_store *store, struct push_metric *metric);
void metric_free_pages(struct push_store *store);
/* Puts it in its family's tree; the reference of the family is its caller's. */
void metric_enter(struct push_store *store, struct push_metric *metric);
/* Takes it out of everything but the group's slots. */
void metric_remove(struct push_store *store, struct push_metric *metric);
struct slice metric_lines(const struct push_metric *metric);
void metric_drop_content(struct push_store *store, struct push_metric *metric);
void chunk_unref(struct store_chunk *chunk);

/* what is kept for views (push_store_kept.c) */
int kept_reserve(struct push_store *store, uint32_t n) MUST_CHECK;
/* Before a content is replaced by that of version store->version; the first
 * takes over the metric's reference of the chunk and says whether it did. */
bool kept_metric(struct push_store *store, struct push_metric *metric);
/* False: the views see what comes now. */
bool kept_state(struct push_store *store, struct store_group *group);
/* The first in the tree whose group is not before that one. */
struct tree_node *kept_seek(const struct tree *tree,
                            const struct store_group *group);
/* Looks at @n contents whose view has ended. */
void kept_reap(struct push_store *store, uint32_t n);
void kept_free_all(struct push_store *store);
bool kept_is_wanted(const struct push_store *store, uint64_t born);

/* times to live (push_store_expire.c) */
int expire_reserve(struct push_store *store) MUST_CHECK; /* for one more */
void expire_choose(struct push_store *store, struct store_group *group);
void expire_free_rules(struct push_store *store);

/* --- views -------------------------------------------------------------------- */

/* A content as a view sees it. */
struct view_item {
	struct store_family *family;
	struct store_group *group;
	struct store_chunk *chunk;
	uint32_t offset;
	uint32_t length;
	enum metric_type type;
};

/* Families that are made from the states of groups. */
struct own_family {
	const char *name;
	const char *help;
	/* Its text, or false if the group has none. */
	bool (*value)(const struct push_group *state, struct buf *out);
	/* Whether it has one; NULL: each has. */
	bool (*has)(const struct push_group *state);
};
#define N_OWN_FAMILIES 6
extern const struct own_family own_families[N_OWN_FAMILIES];
/* N_OWN_FAMILIES: it is none. The last two are those of the original. */
unsigned own_family_find(struct slice name);
/* Counts in (@by 1) or out (-1) what the group has of those before them. */
void own_families_count(struct push_store *store,
                        const struct store_group *group, int by);

struct push_view {
	struct push_store *store;
	struct list node;
	struct list kept; /* contents whose newest view this is */
	uint64_t version;

	/* text */
	struct store_family *family; /* the last stored one; a reference */
	uint32_t n_own;              /* of our own that have been */
	bool at_own; /* the present one is own_families[n_own - 1] */
	bool at_end;

	struct store_group *group; /* where to go on; a reference */
	uint32_t offset;           /* of the lines of that content */

	/* JSON */
	struct json_writer json;
	struct view_item *items; /* of the present group; references */
	uint32_t n_items;
	uint32_t cap_items;
	uint32_t item;
	uint32_t own;
	struct push_group state;
	bool begun;
	bool in_group;
	bool in_item;
	struct buf scratch;
};

/* Whatever number there is: readers do not keep a snapshot from being made. */
struct push_view *view_new(struct push_store *store) MUST_CHECK;

/* Walks over the contents of a family, from a group on. */
struct view_walk {
	const struct push_view *view;
	struct tree_node *metric;
	struct tree_node *kept;
};
struct view_walk view_walk_family(const struct push_view *view,
                                  const struct store_family *family,
                                  const struct store_group *from);
bool view_walk_next(struct view_walk *walk, struct view_item *item);
/* The same for the states of groups. */
struct view_walk view_walk_groups(const struct push_view *view,
                                  const struct store_group *from);
bool view_walk_next_group(struct view_walk *walk, struct store_group **groupp,
                          const struct push_group **statep);
void view_set_group(struct push_view *view, struct store_group *group,
                    uint32_t offset);
