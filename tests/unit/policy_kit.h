/* SPDX-License-Identifier: Apache-2.0 */
/* policy_kit: rules as tables of (time, event) -> (state, commands). */
#pragma once

#include "base/macros.h"
#include "core/policy.h"

/* The clock's zero lies before everything that a table speaks of. */
#define ZERO 10000000u

enum command {
	NOTHING = 0,
	RUN = 1 << 0, /* run_step */
	CANCEL = 1 << 1,
	OBSERVE = 1 << 2,
	ASK = 1 << 3, /* ask_guards */
	RECOVERED = 1 << 4,
	USELESS = 1 << 5,
};

struct row {
	uint64_t at_ms;
	struct policy_event event;
	enum policy_state state;
	unsigned commands;
	int deadline_ms; /* -1: none; 0: not looked at */
};

#define AGE(ms)                                                 \
	{                                                       \
		.kind = POLICY_EVENT_OBSERVED, .observation = { \
			.kind = OBSERVATION_AGE,                \
			.age_ms = ms                            \
		}                                               \
	}
#define VALUE(number)                                           \
	{                                                       \
		.kind = POLICY_EVENT_OBSERVED, .observation = { \
			.kind = OBSERVATION_VALUE,              \
			.value = number                         \
		}                                               \
	}
#define ALERT(fires)                                            \
	{                                                       \
		.kind = POLICY_EVENT_OBSERVED, .observation = { \
			.kind = OBSERVATION_ALERT,              \
			.firing = fires                         \
		}                                               \
	}
#define MISSING                                                 \
	{                                                       \
		.kind = POLICY_EVENT_OBSERVED, .observation = { \
			.kind = OBSERVATION_MISSING,            \
			.age_ms = OBSERVATION_NEVER             \
		}                                               \
	}
#define UNKNOWN                                                 \
	{                                                       \
		.kind = POLICY_EVENT_OBSERVED, .observation = { \
			.kind = OBSERVATION_UNKNOWN             \
		}                                               \
	}
#define DEADLINE                              \
	{                                     \
		.kind = POLICY_EVENT_DEADLINE \
	}
#define GUARDS(bits)                                      \
	{                                                 \
		.kind = POLICY_EVENT_GUARDS, .held = bits \
	}
#define ENDED(how)                                                        \
	{                                                                 \
		.kind = POLICY_EVENT_STEP_ENDED, .outcome = OUTCOME_##how \
	}
#define ORDER                              \
	{                                  \
		.kind = POLICY_EVENT_ORDER \
	}
#define PAUSE                              \
	{                                  \
		.kind = POLICY_EVENT_PAUSE \
	}
#define RESUME                              \
	{                                   \
		.kind = POLICY_EVENT_RESUME \
	}

/* Limit 60 s, no grace, one step; what a test needs it changes. */
extern const struct policy_rules base_rules;

/* Fails the test at the first row that comes out differently. */
void run_rows(struct policy *policy, const struct policy_rules *rules,
              const struct row *rows, size_t n_rows);

#define RUN_ROWS(rules, ...)                                             \
	do {                                                             \
		static const struct row the_rows[] = { __VA_ARGS__ };    \
		struct policy fresh;                                     \
		policy_init(&fresh, ZERO);                               \
		run_rows(&fresh, rules, the_rows, ARRAY_SIZE(the_rows)); \
	} while (0)

/* --- values over time ------------------------------------------------------ */

/* Seconds; a level that has no `given` is not there. */
struct trace_level {
	bool given;
	unsigned for_s;
	unsigned cooldown_s;
	bool no_steps;
};

/*
 * Readings, a second apart, and what becomes of each; nothing else happens, no
 * deadline is heeded. Steps end at once.
 *
 *   values   "90 - E Inf": numbers, no series, a query that failed; "+5" lets
 *            five seconds more pass
 *   fails    which runs fail: ".*" the second and all that follow it
 *   expect   "N N S!s S H!h*": the level (none, soft, hard), what ran, and
 *            that it failed
 *
 * With `seed`: "A" counting, "B" waiting after a run, "-" neither, "!" ran.
 */
struct trace {
	const char *name;
	struct trace_level soft;
	struct trace_level hard;
	bool below; /* soft <20, hard <10; else >80, >100 */
	enum policy_missing missing;
	const char *values;
	const char *fails;   /* NULL: none */
	unsigned held_for_s; /* another guard lets nothing pass so long */
	const char *expect;
	const char *compat; /* of the original; NULL: the same */
};

/* Fails the test at the first trace that comes out differently. */
void run_trace(const struct trace *trace, enum policy_compat compat);
