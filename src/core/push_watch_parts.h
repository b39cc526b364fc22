/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_watch_parts: what the files of push_watch share; nobody else includes
 * this.
 *
 *   push_watch.c        subscriptions, links, what a push changes
 *   push_watch_judge.c  what the links of a subscription say of it
 */
#pragma once

#include "base/list.h"
#include "core/push_watch.h"

enum watch_kind {
	WATCH_GROUP,  /* when the group was pushed */
	WATCH_FAMILY, /* when a family of it was pushed */
	WATCH_VALUES, /* the values of a family's series are times */
};

struct watch_family {
	uint32_t scope;
	bool everywhere; /* wanted with no job named */
	uint64_t visit;  /* the last push in which it was looked at */
	size_t n_name;
	char name[];
};

struct watch_subscription {
	struct list links;
	struct watch_family *family; /* NULL: WATCH_GROUP */
	struct watch_link *current;  /* with the group that is looked at */
	struct watch_subscription *next_dirty;
	int64_t missing_mono_ms; /* since when; valid if `missing` */
	uint32_t number;
	uint32_t n_highest; /* groups or series, ever */
	uint8_t kind;
	uint8_t match; /* enum push_match */
	bool dirty;
	bool blind;   /* memory was out: there may be more than is linked */
	bool missing; /* was found so the last time */
};

struct watch_link {
	struct list in_group;
	struct list in_subscription;
	struct push_group *group;
	struct watch_subscription *subscription;
	struct push_time time; /* WATCH_FAMILY: wall_ms 0: it is not there */
	int64_t youngest_ms;   /* WATCH_VALUES: Unix times */
	int64_t oldest_ms;
	int64_t counted_ms; /* the one of them that counts, last */
	uint64_t away_ms;   /* as the group's was before later pushes */
	uint32_t n_series;  /* WATCH_VALUES */
};

/* Which of the values counts. */
static inline int64_t watch_counted_ms(const struct watch_link *link)
{
	return link->subscription->match == PUSH_MATCH_ANY ? link->youngest_ms
	                                                   : link->oldest_ms;
}

/* Remembers what was missing and since when. */
struct observation watch_judge(struct watch_subscription *subscription,
                               struct push_time now);
