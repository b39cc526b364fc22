/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_store: what has been pushed to the built-in gateway.
 *
 * A group is what one grouping key holds; it has metrics, each the samples of
 * one family that were pushed together. Samples of all groups are one
 * exposition, so they must agree: a family has one type everywhere, and no
 * series comes twice. That is checked with every push, in O(its own body):
 * families and series are found by hash, whatever else is stored.
 *
 *     key ──▶ group ──▶ metric ◀── family (sorted by name)
 *                         │           its metrics, sorted by group
 *                         ▼
 *                       chunk: the lines of one push, compact
 *
 * Lines are kept without what the key says already; the labels of the group
 * are put in when they are written out. A chunk is freed, or copied smaller,
 * when most of its lines have been replaced.
 *
 * Whoever reads all of it does so in slices, and sees what was stored when it
 * began: what is replaced or deleted meanwhile is kept aside for it (a
 * `push_view`), at most once for each view and metric.
 *
 * Pure: time is given. Wall times are Unix milliseconds, monotonic ones may be
 * negative: before the clock's zero.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/macros.h"
#include "proto/label.h"
#include "proto/push_body.h"
#include "proto/push_path.h"

#define PUSH_STORE_MAX_VIEWS 16 /* at once */

struct push_store;
struct push_metric;

struct push_time {
	int64_t wall_ms;
	int64_t mono_ms;
};

/* What heartbeats have said of a job; all zero if there was none. */
struct push_beat {
	struct push_time start; /* of the run that goes on, or of the last */
	struct push_time
		end; /* of the last one that came, with a start or not */
	uint64_t duration_ms; /* of the last run that began with a start */
	uint32_t n_beats;     /* 0: never any */
	int16_t exit_code;    /* of the last end; -1: none was given */
	bool running;         /* a start without an end */
	bool failed;          /* the last end was a failure, and no push of
	                           metrics has come since */
};

/* Read-only for all but the store, `links` and `ttl_ms` excepted. */
struct push_group {
	const struct label *labels; /* sorted by name, none empty */
	size_t n_labels;
	struct push_time pushed; /* last good one; wall_ms 0: never */
	int64_t failed_wall_ms;  /* last refused one; 0: never */
	uint64_t away_ms;        /* since `pushed`: nobody was there to hear */
	bool last_ok;            /* the last push was good */
	struct push_beat beat;
	struct list links; /* for core/push_watch */
};

/* Each 0: no limit. */
struct push_store_limits {
	uint64_t max_group_bytes; /* of the lines of one group, as stored */
	uint64_t max_series;      /* of all groups */
	uint64_t max_groups;
};

/* Called from inside the functions that change something. */
struct push_store_listener {
	/* A good push or beat of @group, which may be new; its metrics stand
	 * as they are now. */
	void (*pushed)(void *context, struct push_group *group);
	/* @group is about to go: deleted, wiped, or its time to live is over. */
	void (*removed)(void *context, struct push_group *group);
	void *context;
};

struct push_store_counts {
	uint32_t n_groups;
	uint64_t n_series;
	uint32_t n_families;
	uint64_t n_bytes;   /* of lines as stored */
	uint64_t n_changes; /* ever; the same: nothing has changed */
};

/* NULL if out of memory. @seed as for map_init(). @listener is copied, its
 * members may be NULL. */
struct push_store *push_store_new(
	uint64_t seed, const struct push_store_limits *limits,
	const struct push_store_listener *listener) MUST_CHECK;
/* Tells nobody. Its views must be gone. */
void push_store_free(struct push_store *store);

void push_store_set_limits(struct push_store *store,
                           const struct push_store_limits *limits);
struct push_store_counts push_store_counts(const struct push_store *store);

/* A family of our own, which a push may add to but not contradict: its type
 * must be the same. @name is borrowed for good. 0 or -ENOMEM. */
int push_store_reserve(struct push_store *store, const char *name,
                       enum metric_type type) MUST_CHECK;

/* --- changing -------------------------------------------------------------- */

/* Not those of push_body_parse(), which comes before. */
enum push_outcome {
	PUSH_E_INCONSISTENT = 201, /* 400; the group is marked as failed */
	PUSH_E_GROUP_TOO_LARGE,    /* 413; as above, if there is the group */
	PUSH_E_TOO_MANY,           /* 429; series or groups; as above */
};

/*
 * push_store_push() - PUT (@replace) or POST
 *
 * PUT replaces all metrics of the group, POST those of the body's families;
 * an empty body with PUT removes all metrics, with POST none. Labels of the
 * body that the key has, too, are overwritten by the key's; `instance=""` is
 * added where there is no instance. Families with the names of push_time_seconds
 * and push_failure_time_seconds are overwritten by the gateway's, as in the
 * original; those of the heartbeats' are refused. Returns 0, an outcome with the words of
 * the answer in @err (nothing but the failure's time has changed, and for
 * PUSH_E_INCONSISTENT a group that was not there exists now), or -ENOMEM.
 */
int push_store_push(struct push_store *store, const struct push_key *key,
                    const struct push_body *body, bool replace,
                    struct push_time now, struct err *err) MUST_CHECK;

/* A push that was refused before it came here (timestamps): 0 or -ENOMEM, or
 * PUSH_E_TOO_MANY. */
int push_store_note_failure(struct push_store *store,
                            const struct push_key *key, struct push_time now,
                            struct err *err) MUST_CHECK;

/* A heartbeat; PING_OK is a push without metrics. 0, PUSH_E_TOO_MANY or
 * -ENOMEM. */
int push_store_beat(struct push_store *store, const struct push_key *key,
                    const struct ping *ping, struct push_time now,
                    struct err *err) MUST_CHECK;

/* False: there is no such group. */
bool push_store_delete(struct push_store *store, const struct push_key *key);
/* All groups whose key has all of @labels; how many there were. */
uint32_t push_store_delete_matching(struct push_store *store,
                                    const struct label *labels,
                                    size_t n_labels);
void push_store_wipe(struct push_store *store);

/*
 * Time to live: a group that was not pushed for @ttl_ms goes. The rules are
 * tried in order, the first whose labels all match the key counts (a value
 * that ends in '*' matches what begins like it); copied. 0 or -ENOMEM.
 */
struct push_ttl {
	const struct label *labels;
	size_t n_labels;
	uint64_t ttl_ms; /* 0: never goes */
};
int push_store_set_ttl(struct push_store *store, const struct push_ttl *rules,
                       size_t n_rules, int64_t now_mono_ms) MUST_CHECK;
/* Removes what is over, at most @max of them; how many. */
uint32_t push_store_expire(struct push_store *store, int64_t now_mono_ms,
                           uint32_t max);
/* When to call that next; INT64_MAX: nothing has a time to live. It may be
 * early: a push does not move it. */
int64_t push_store_next_expiry(const struct push_store *store);

/* --- looking ---------------------------------------------------------------- */

struct push_group *push_store_group(const struct push_store *store,
                                    const struct push_key *key);
/* One after the other in no order, from @at == NULL; NULL at the end. Nothing
 * may change meanwhile. */
struct push_group *push_store_next_group(const struct push_store *store,
                                         const struct push_group *at);

/* When the family was last pushed to the group; wall_ms 0: it is not in it. */
struct push_time push_group_family_time(const struct push_store *store,
                                        const struct push_group *group,
                                        struct slice family);

/* Every sample of a family in a group, with all its labels (unescaped, those
 * of the group included), in no order; borrowed for the call. 0 or -ENOMEM. */
typedef void (*push_sample_cb)(void *context, const struct label *labels,
                               size_t n_labels, struct slice value);
int push_group_each_sample(const struct push_store *store,
                           const struct push_group *group, struct slice family,
                           push_sample_cb each, void *context) MUST_CHECK;

/* --- reading all of it -------------------------------------------------------- */

/*
 * A view is the store as it was when the view began, family by family, in
 * order of their names; push_time_seconds and push_failure_time_seconds, and
 * the gauges of heartbeats (ping_running, ping_start_time_seconds,
 * ping_duration_seconds, ping_exit_code; only for groups that have beats) are
 * families like others. Groups come in the order of their keys.
 *
 * HELP is the present one, whenever the view began. A deletion cannot fail: if
 * there is no memory to keep aside what it takes away, the views lose it.
 */
struct push_view;

/* NULL if there are PUSH_STORE_MAX_VIEWS, or no memory. */
struct push_view *push_view_new(struct push_store *store) MUST_CHECK;
void push_view_free(struct push_view *view);

/* The next family that has samples (one of heartbeats that came to be since
 * the view began may have none); false at the end. @family is borrowed
 * until the next call for the view. */
struct push_view_family {
	struct slice name;
	struct slice help; /* of who pushed last with one; "" if none */
	enum metric_type type;
};
bool push_view_next(struct push_view *view, struct push_view_family *family);

/* Appends lines of the present family, without HELP and TYPE, until @out has
 * about @budget bytes; true when there are no more of the family, or @out has
 * failed. */
bool push_view_write(struct push_view *view, struct buf *out, size_t budget);

/*
 * The same store as JSON, as GET /api/v1/metrics of the original gives it:
 * {"status":"success","data":[…]}, group by group. Appends until @out has about
 * @budget bytes; true with the end, or when @out has failed: not to be called
 * again then. For a view on which push_view_next() was not used.
 */
bool push_view_write_json(struct push_view *view, struct buf *out,
                          size_t budget);
