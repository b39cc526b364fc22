/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container_table's insides: entries (one per id) in container_table.c,
 * identities and who covers them in container_cover.c, who is to be looked at
 * again in container_doubt.c.
 */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "core/container_known.h"
#include "core/container_table.h"
#include "core/deadlines.h"

/* In a set of enum containers_watch. */
#define WATCH_BIT(watch) (1u << (watch))

struct entry;

struct subscription {
	struct list node; /* in table.subscriptions */
	uint32_t number;
	const struct containers_query *query;
	struct list covers;
	uint32_t n_left; /* members that have left, ever */
	uint64_t bit;    /* in entry.cleaned_by; 0 if it does not clean up */
	bool rank;       /* which ends are kept is to be found anew */
	bool retell;     /* … was, and those concerned are to be told */
};

/* What stays when a container is made anew. */
struct identity {
	struct list entries; /* more than one while it is replaced */
	struct entry *front; /* the youngest of them */
	struct list covers;
	char text[];
};

/* One subscription about one identity. */
struct coverage {
	struct list node;            /* in identity.covers */
	struct list of_subscription; /* in subscription.covers */
	struct subscription *subscription;
	struct identity *identity;
	struct entry *subject; /* of whom was told last; NULL: nobody yet */
	void *member;          /* NULL: refused, or forgotten */
	uint32_t refused_at;   /* subscription.n_left then */
	bool forgotten;
	bool kept; /* by keep_last */
	bool told; /* anything at all, last: */
	enum observation_kind told_kind;
	enum health told_health;
};

/* One container. */
struct entry {
	struct container_known known;
	struct list node;          /* in table.entries */
	struct list twin;          /* in identity.entries */
	struct list waiting;       /* in table.urgent or table.later */
	struct identity *identity; /* NULL: not looked at yet */
	uint64_t sequence;         /* of becoming known */
	uint64_t cleaned_by;   /* subscriptions with any_end that select it */
	struct deadline doubt; /* when to look again unasked, Unix ms */
	uint8_t n_doubts;      /* … which was done so often */
	bool hinted;           /* an event spoke of its health: the look that
	                          follows should find something new */
	uint64_t listed;       /* the number of the list that had it last … */
	uint64_t touched;      /* … and during or after which an event came */
	bool wanted;           /* to be looked at */
	bool urgent;
	bool looking;
	bool of_list;   /* … for the sake of a list, which tells it */
	bool postponed; /* a look was for nothing: more happened meanwhile */
	bool unsure;    /* the last look failed */
	bool gone;      /* removed while a list is being read */
	char id[];
};

struct container_table {
	struct container_table_listener listener;
	struct map by_id;
	struct map by_identity;
	struct map by_member; /* covers */
	struct list entries;
	struct list subscriptions;
	struct container_kept kept;
	const char **kept_names;
	struct list urgent; /* to be looked at, first these */
	struct list later;
	uint64_t next_bit; /* of the next subscription that cleans up */
	struct deadlines doubts;
	uint64_t sequence;
	uint64_t list_number;
	size_t n_list_looks; /* entries with of_list */
	int64_t last_event_ns;
	bool gap;
	bool listing;
	bool holding;  /* results of the list's looks, until it is published */
	bool speaking; /* begin was called */
	char *self_id;
};

/* --- container_cover.c ------------------------------------------------------ */

/* Puts the entry under the identity that @container has. 0 or -ENOMEM. */
int cover_attach(struct container_table *table, struct entry *entry,
                 const struct container *container) MUST_CHECK;
/* Takes it out; the last one's members leave. */
void cover_detach(struct container_table *table, struct entry *entry);

/* Which subscriptions select the container in front: it may appear, or leave.
 * @container has all its labels. 0 or -ENOMEM. */
int cover_select(struct container_table *table, struct entry *entry,
                 const struct container *container) MUST_CHECK;

/* The kinds of watches (WATCH_BIT) that would cover
 * @container, and that do cover the entry, if it is in front. */
unsigned cover_wanted_by(const struct container_table *table,
                         const struct container *container);
unsigned cover_of(const struct entry *entry);

/* Tells what is known; if not @always, only where that differs from what was
 * told. @watches: as above, of these kinds only. */
void cover_tell(struct container_table *table, struct entry *entry,
                unsigned watches, bool always, int64_t now_ms);
void cover_tell_all(struct container_table *table, int64_t now_ms);
void cover_unknown(struct container_table *table, struct entry *entry);
void cover_unknown_all(struct container_table *table);
/* What has ended, or has no more: who is kept may have changed. */
void cover_ends_changed(struct entry *entry);
/* Tells those whose being kept has changed. */
void cover_settle(struct container_table *table, int64_t now_ms);

void cover_begin(struct container_table *table, const struct reading *reading);
void cover_end(struct container_table *table);

/* --- container_doubt.c ------------------------------------------------------ */

/* An event was taken over. */
void doubt_event(struct container_table *table, struct entry *entry,
                 enum runtime_event_kind kind, int64_t now_ms);
/* A look was; @same: it found what was known already. */
void doubt_looked(struct container_table *table, struct entry *entry, bool same,
                  int64_t now_ms);
void doubt_end(struct container_table *table, struct entry *entry);

/* --- container_table.c ------------------------------------------------------ */

void table_want(struct container_table *table, struct entry *entry,
                bool urgent);
