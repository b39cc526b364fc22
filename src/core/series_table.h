/* SPDX-License-Identifier: Apache-2.0 */
/*
 * series_table: who waits for the samples of which series, and what one
 * reading of an exporter has shown of them.
 *
 *     series_table_begin()       forget what the last reading showed
 *     series_table_family()      is this metric wanted?
 *     series_table_see()         a sample: who waits for it?
 *     series_table_left_out()    a line that nobody could read
 *     series_table_conclude()    per subscription: its samples
 *
 * A sample is looked up by its metric's name, then by the labels that the
 * subscriptions of that name want to be equal (core/label_index.h); only those
 * that are left try the rest of their matchers. Pure; what a reading keeps is
 * what somebody waits for, and bounded.
 *
 * A series that comes twice counts once: the first, or, if they have times,
 * the last.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "core/label_index.h"
#include "core/sample.h"

#define SERIES_TABLE_MAX_SERIES 1000        /* of one subscription */
#define SERIES_TABLE_MAX_BYTES  (16u << 20) /* of labels, of one reading */

struct series_family;
struct series_subscription;

/* What is being looked at. */
struct series_seen {
	struct series_family *family;
	const struct label *labels;
	size_t n_labels;
	struct slice text; /* of its value */
	double value;      /* once it is stored */
	bool has_time;
	bool again;                 /* the series was there before */
	const struct label *stored; /* its copy; NULL: none yet */
};

struct series_table {
	/* private */
	struct series_subscription *subscriptions;
	uint32_t n_subscriptions;
	uint32_t cap_subscriptions;
	struct map families;
	uint32_t n_families;
	struct label_index index;
	uint64_t seed;

	/* of the present reading */
	struct arena arena;
	struct map stored; /* of each series that is kept, by its labels */
	struct buf key;
	struct series_seen seen;
	bool left_out; /* a line that does not say of which family it is */
	int failed;    /* 0, -ENOMEM, or -E2BIG */
};

/* Cannot fail and allocates nothing. @seed as for map_init(). */
void series_table_init(struct series_table *table, uint64_t seed);
void series_table_fini(struct series_table *table);

/* Remembers, under the caller's @number, that the series of @metric_name are
 * wanted whose labels @matchers (as core/matcher.h; NULL: all) matches. 0,
 * -EINVAL with words, or -ENOMEM; after a failure all is as before. Not while a
 * reading is under way. */
int series_table_add(struct series_table *table, uint32_t number,
                     const char *metric_name, const char *matchers,
                     struct err *err) MUST_CHECK;

void series_table_begin(struct series_table *table);

/* NULL: nobody wants @name. */
struct series_family *series_table_family(const struct series_table *table,
                                          struct slice name);

/* One sample; one whose value is no number that we have was left out. What
 * fails is told by series_table_failed(). */
void series_table_see(struct series_table *table, struct series_family *family,
                      const struct label *labels, size_t n_labels,
                      struct slice value, bool has_time);

/* A line that could not be read, of @family; NULL: of any. */
void series_table_left_out(struct series_table *table,
                           struct series_family *family);

/* 0; or why this reading can be concluded for nobody: -ENOMEM, or -E2BIG
 * beyond SERIES_TABLE_MAX_BYTES. */
int series_table_failed(const struct series_table *table);

struct series_result {
	uint32_t number;
	const struct sample *samples; /* NULL: unknown; borrowed for the call */
	size_t n;
	const char *metric_name;
	const char *trouble; /* why unknown though the reading was good, in
	                        words; static; NULL: it is not */
	bool is_new;         /* the trouble is not that of the last reading */
};
typedef void (*series_table_cb)(void *context,
                                const struct series_result *result);

/* Tells all, in the order in which they were added; @good false: the source
 * could not be read, all are unknown. Unknown is also who may miss a series
 * because a line was left out, and who has too many. */
void series_table_conclude(struct series_table *table, bool good,
                           series_table_cb tell, void *context);
