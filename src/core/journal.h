/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal: the ordered record of what was decided, why, and how it ended.
 *
 * A ring of the newest entries, numbered from 1 without gaps; the oldest make
 * room. Pure: the caller gives the wall time. An entry costs one allocation; if
 * memory is out the entry is lost, its number is not reused, and n_lost grows.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/slice.h"

#define JOURNAL_DETAIL_MAX 512 /* bytes kept of a detail */

enum journal_event {
	JOURNAL_STATE,  /* a monitor changed its state */
	JOURNAL_HELD,   /* a guard begins to hold a bounce back */
	JOURNAL_STEP,   /* a step ended */
	JOURNAL_SOURCE, /* a source went down or came back */
	JOURNAL_STORM,  /* the storm guard begins or ends to hold */
	JOURNAL_TARGET, /* something about a target: brought back, … */
	JOURNAL_DAEMON, /* start, reload, stop */
};

struct journal_entry {
	uint64_t seq;
	int64_t wall_ms; /* Unix time */
	enum journal_event event;
	const char *from;      /* static; NULL if it does not apply */
	const char *to;        /* static; NULL if it does not apply */
	const char *reason;    /* static, never NULL */
	const char *subject;   /* monitor, source or target; "" if none */
	const char *container; /* of a rule's, its name; "" if none */
	const char *detail;    /* numbers and words; "" if none */
	char text[];           /* where the last three lie */
};

struct journal {
	struct journal_entry **ring;
	uint32_t size;
	uint64_t next_seq; /* of the next entry */
	uint64_t n_lost;
	void (*added)(void *context); /* an entry was; NULL: nobody asks */
	void *context;
};

/* 0 or -ENOMEM; @size at least 1. */
int journal_init(struct journal *journal, uint32_t size) MUST_CHECK;
void journal_fini(struct journal *journal); /* harmless on a zeroed one */

/* Changes the size and keeps the newest. On -ENOMEM nothing has changed. */
int journal_resize(struct journal *journal, uint32_t size) MUST_CHECK;

/* Of @entry number and text are not looked at; what is not static is copied,
 * NULL is "". */
void journal_put(struct journal *journal, const struct journal_entry *entry);

/* The same, without a container. */
void journal_add(struct journal *journal, int64_t wall_ms,
                 enum journal_event event, const char *subject,
                 const char *from, const char *to, const char *reason,
                 const char *detail);

/* The entry numbered @seq, or NULL if it was never made, is gone or lost.
 * Borrowed until the next journal_add(). */
const struct journal_entry *journal_get(const struct journal *journal,
                                        uint64_t seq);

/* The number of the oldest entry that may still be there; next_seq if none. */
uint64_t journal_first(const struct journal *journal);

const char *journal_event_name(enum journal_event event);
