/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_private: what the files explain*.c share.
 *
 *     explain.c         the sentences
 *     explain_guards.c  what each guard would say to a bounce now
 */
#pragma once

#include "base/duration.h"
#include "core/explain.h"

/* What one explanation works with. */
struct telling {
	const struct supervisor *supervisor;
	const struct monitor *monitor;
	const struct policy *policy;
	const struct policy_rules *rules;
	uint64_t now_ms;
	struct explain *out;
};

/* Whole seconds: nobody waits for less. */
const char *explain_span(uint64_t ms, char out[static DURATION_TEXT_MAX]);

/* --- explain_guards.c ------------------------------------------------------- */

/* Fills the guards of what is told. */
void explain_judge(struct telling *telling);

/* @bit: one of enum policy_guard. */
struct explain_guard *explain_guard_of(struct telling *telling, uint32_t bit);

/* Its place on its ladder, from 1, and how many there are. */
unsigned explain_rung(const struct telling *telling);
unsigned explain_n_rungs(const struct telling *telling);
