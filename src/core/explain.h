/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain: why a monitor is what it is, in sentences: what was last seen, what
 * each guard says, what happens next and when.
 *
 * Changes nothing and decides nothing; it repeats what the policy would do.
 * Times in sentences are local ones.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "core/supervisor.h"

#define EXPLAIN_MAX_LINES 8
#define EXPLAIN_LINE_SIZE 320
#define EXPLAIN_WHY_SIZE  320 /* holds the reason of a pause */

struct explain_guard {
	uint32_t guard;    /* one bit */
	bool holds;        /* it would hold a bounce back now */
	uint64_t until_ms; /* monotonic; POLICY_NEVER: nobody knows */
	char why[EXPLAIN_WHY_SIZE];
};

struct explain {
	char lines[EXPLAIN_MAX_LINES][EXPLAIN_LINE_SIZE];
	unsigned n_lines;
	struct explain_guard guards[N_POLICY_GUARDS];
	char next[EXPLAIN_LINE_SIZE]; /* "breach at … if nothing …" */
	uint64_t next_ms;             /* POLICY_NEVER: at no known time */
};

/* @target: what is acted on, for a person: "docker api". */
void explain(const struct supervisor *supervisor, const struct monitor *monitor,
             const char *target, uint64_t now_ms, struct explain *out);

/* "restart docker api"; cut where it is long. @out holds EXPLAIN_LINE_SIZE. */
const char *explain_step(const struct step *step, const char *target,
                         char *out);
