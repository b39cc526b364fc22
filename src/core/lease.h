/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lease: which of several of us acts: the one that holds a record which all of
 * them can write, and none without having read it. Its algorithm is client-go's:
 * https://pkg.go.dev/k8s.io/client-go/tools/leaderelection
 *
 *               due                   held by another, and it lives
 *     WAITING ───────▶ GET ─────────────────────────────────────▶ WAITING
 *        ▲              │ none: CREATE; free, ours or dead: WRITE
 *        │   conflict   ▼                        written
 *        │◀──────── CREATE, WRITE ─────────────────────────────▶ leading
 *        │ `renew` after the last write that was sent, whatever happens  │
 *        └───────────────────────────────────────────────────────────────┘
 *
 * Pure; the clock is the caller's, monotonic, and counts the sleep of the
 * machine. The record's times are never compared with it: that another lives is
 * seen by the record's changing. What we hold is counted from before the write
 * was sent, never from its answer, so that we stop before another may begin.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/macros.h"
#include "base/rng.h"
#include "base/slice.h"

#define LEASE_NEVER UINT64_MAX

/* renew < ttl; 1.2 × retry < renew. */
struct lease_rules {
	const char *identity; /* no other's, not even of our last run */
	uint64_t ttl_ms;      /* others take it then */
	uint64_t renew_ms;    /* … and we let go of it then */
	uint64_t retry_ms;
};

/* The record, as somebody wrote it last. */
struct lease_record {
	struct slice holder;  /* empty: nobody */
	uint64_t duration_ms; /* 0: not said */
	uint64_t transitions;
	uint64_t hash; /* of all of it: it changes when the record does */
};

/* What is to be asked of the server now; one thing at a time. */
enum lease_ask {
	LEASE_WAIT,    /* nothing until lease_next() */
	LEASE_GET,     /* answer: lease_got() */
	LEASE_CREATE,  /* the rest: lease_written() */
	LEASE_WRITE,   /* over what was read, or written, last */
	LEASE_RELEASE, /* the same, with an empty holder */
};

struct lease {
	bool leading; /* as far as was known at the last call; see leads() */
	bool taking;  /* the present write makes us the holder: the time of
	                 acquisition is now, the count of changes … */
	uint64_t transitions; /* … is this; our epoch is one more, and grows
	                         also where somebody deletes the record */

	/* private below */
	const struct lease_rules *rules;
	struct rng rng;
	bool busy;   /* asked, not yet answered */
	bool cached; /* the server has what we wrote last, as far as known */
	bool releasing;
	uint64_t sent_ms;
	uint64_t valid_until_ms;
	uint64_t try_ms;
	bool seen; /* the record, at least once */
	uint64_t seen_hash;
	uint64_t seen_transitions;
	uint64_t seen_ms; /* when it had changed */
};

/* @rules are borrowed. The first try is due at once. */
void lease_init(struct lease *lease, const struct lease_rules *rules,
                uint64_t seed);

/* May we act at this moment? Also between two calls of the others. */
bool lease_leads(const struct lease *lease, uint64_t now_ms);

/* When lease_due() wants to be called. */
uint64_t lease_next(const struct lease *lease);

/* The time has come, or not: what to ask now. `leading` ends here where it has
 * run out. */
enum lease_ask lease_due(struct lease *lease, uint64_t now_ms) MUST_CHECK;

/* The answer to LEASE_GET; @record NULL: there is none. */
enum lease_ask lease_got(struct lease *lease, const struct lease_record *record,
                         uint64_t now_ms) MUST_CHECK;

/* What was to be written is; @hash as of the record that it is now. */
void lease_written(struct lease *lease, uint64_t hash, uint64_t now_ms);

/* Somebody wrote it meanwhile: who leads looks again at once. */
enum lease_ask lease_conflict(struct lease *lease, uint64_t now_ms) MUST_CHECK;

/* No answer, or one that says nothing; @after_ms: not before (Retry-After). */
void lease_failed(struct lease *lease, uint64_t after_ms, uint64_t now_ms);

/* An orderly end: nobody acts any more, the record is to be made free.
 * LEASE_WAIT if it is not ours. From now on lease_conflict() asks for a look,
 * and lease_got() for one more write if it is still ours. */
enum lease_ask lease_release(struct lease *lease, uint64_t now_ms) MUST_CHECK;
