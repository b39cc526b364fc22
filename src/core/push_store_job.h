/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_store_job: a push while it is looked at, for the files that do that.
 * Each step returns 0, PUSH_E_INCONSISTENT with words, or -ENOMEM.
 */
#pragma once

#include "core/push_store_parts.h"

struct push_job {
	struct push_store *store;
	struct push_work *work;
	struct store_group *group;
	const struct push_body *body;
	bool replace;
	struct err *err;
	struct store_chunk *chunk;
	uint32_t *slots; /* the group's next ones; NULL: as they are */
	uint32_t n_slots;
};

/* Room for @n in an array of the work; what was in it is not kept. */
int work_room(void **arrayp, uint32_t *cap, uint32_t n, size_t size) MUST_CHECK;
#define ROOM(work, array, cap, n)                           \
	work_room((void **)&(work)->array, &(work)->cap, n, \
	          sizeof(*(work)->array))

/* The words of the answer; returns PUSH_E_INCONSISTENT. */
int job_inconsistent(struct err *err, const char *format, ...)
	PRINTF_LIKE(2, 3);

/* Finds or makes the families and metrics of the body (push_store_check.c). */
int job_enter_families(struct push_job *job) MUST_CHECK;
int job_check_families(struct push_job *job) MUST_CHECK;

/* Fills work.lines and work.series (push_store_samples.c). */
int job_make_lines(struct push_job *job) MUST_CHECK;

/* push_store_series.c */
int job_check_twice(struct push_job *job,
                    const struct work_entry *entry) MUST_CHECK;
int job_claim_all(struct push_job *job) MUST_CHECK;
void job_unclaim(struct push_job *job);
/* After this the table is that of the store with the push. */
void job_settle_series(struct push_job *job);
