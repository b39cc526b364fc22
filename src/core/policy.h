/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy: decides, for one monitor, what to do next.
 *
 * Pure: no clock, no I/O, no allocation, no libuv. The caller reports events
 * with the time at which they happened and carries out the commands it gets
 * back; the same code therefore runs live, in tests with an integer as the
 * clock, and over recorded history.
 *
 *            breach            `for` over           guards agree
 *   GOOD ────────────▶ BREACHED ─────────▶ WAITING ─────────────▶ BOUNCING
 *    ▲ ▲     good         │        good      │ ▲                     │ step ended
 *    │ └──────────────────┴──────────────────┘ │ next step, level    ▼
 *    │ good: recovered                         ├──────────────── VERIFYING
 *    ├─────────────────────────────────────────┼─────────────────────┤
 *    │ good                        wait is over│  not good in time,  ▼
 *    └───────────── GAVE_UP ◀────────────── COOLING ◀────────────────┘
 *                        budget spent               no step left
 *
 * STARTING is GOOD before anything is known. UNKNOWN (the source cannot be
 * read) and PAUSED suspend; neither ever starts a bounce, and what was being
 * measured does not run on meanwhile: an outage is not held against anyone.
 * Legal edges: `edges` in policy.c.
 *
 * A bounce is one walk down the ladder of steps. Decisions fall only on fresh
 * observations: when a deadline passes the policy asks for one (`observe`).
 * WAITING starts nothing by itself; the caller puts the question with
 * POLICY_EVENT_GUARDS when it has looked at all that went bad together.
 *
 * Bad is: a sign of life older than max_age, missing for longer than that, a
 * run that takes longer than max_runtime, a container that ended max_age ago,
 * and, at once, a job that reports a failure and a container whose check fails.
 *
 *   - A failure stays until the job reports something good; that it began
 *     again is not good yet. In VERIFYING a failure reported after the end of
 *     the step is the answer: the step did not help. The old one, which the
 *     step was for, answers nothing; if nothing better is heard within
 *     `verify`, the step did not help, as with silence after a bounce.
 *   - Of a container, what its own check has not decided (it starts, or is in
 *     grace) and what is idle is neither good nor bad. In BREACHED and WAITING
 *     the breach was of a run that is over: good, quietly; nobody recovered,
 *     and bounces that failed stay counted. VERIFYING waits: for a check to
 *     decide however long that takes, for an idle one `verify`; one that the
 *     step has stopped is ready for the next step at once. Bad in
 *     VERIFYING is the answer if it is of a run after the one that was bounced,
 *     else an old word; so is good if it was so before the step ended.
 *   - Where a source was not there to hear (away_ms), that time does not count,
 *     and the limits are longer by start_grace: who pushed in vain has that
 *     long to do it again.
 *
 * A value has one or two *levels*, soft and hard, each with a limit, a `for`, a
 * cooldown and a ladder of its own: a part of the monitor's array of steps.
 *
 *                 soft is crossed in two readings, and for `for`
 *     no level ─────────────────────────────────────────────▶ soft
 *        ▲  not crossed: good                    hard, too: ▲│
 *        └───────────────────────────────────── hard ◀──────┘▼ counted from the
 *                                      only soft is: back        first reading
 *                                                                with soft on
 *
 *   - Another level is another ladder, from its top: what waits, verifies or
 *     cools down changes over (to WAITING; to COOLING while the level's own
 *     cooldown lasts, or if it has no steps); a step that runs ends first.
 *     Never two steps at once.
 *   - A repeat comes strictly after the level's cooldown. A cooldown of 0 is
 *     one bounce as long as the breach of the level lasts; one that failed is
 *     tried again, later each time.
 *   - The budget is that of all levels, but what soft has spent does not keep
 *     hard from acting: once in a breach it is renewed on the way up.
 *   - A breach ends when the limit is not crossed any more, or, with `clear`,
 *     when that is. NaN is never a breach.
 *   - A reading without series is what `missing` says; one that failed is
 *     *unknown*, as with everything.
 *   - With `compat` the original's machine says at each reading which ladders
 *     are due (policy_compat.c); it knows no deadlines, and outages run on.
 *
 * Where there are steps for it, they are walked once when it is good again after
 * a bounce: GOOD, WAITING, BOUNCING, to the end whatever they return, and GOOD
 * again. That is no bounce: it costs nothing, waits for the target and for quiet
 * windows alone, and nothing is verified. A breach before the first of them
 * began takes them back; one after it is seen when the last has ended.
 *
 * An operator's order starts a bounce from any state but BOUNCING, whatever the
 * guards say, and costs no budget. In PAUSED only the first step is run, and it
 * stays paused.
 *
 * With `exact` rules nobody looks at intervals. The policy therefore always
 * has a deadline where time alone can change its mind: the moment at which a
 * limit passes; a later look where an outer guard holds or the source is
 * unknown. A limit's deadline is lazy: a push moves the limit but leaves the
 * earlier deadline armed, which then asks `observe` and is armed anew; a push
 * costs no timer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/rng.h"
#include "core/observation.h"
#include "core/threshold.h"

#define POLICY_NEVER       UINT64_MAX
#define POLICY_NO_RUN      INT64_MIN
#define POLICY_MAX_BOUNCES 32 /* max_bounces may not exceed this */
#define POLICY_MAX_MOVES   3  /* changes of state in one step */

/* What a reading that finds no series means, of a monitor of a value. */
enum policy_missing {
	POLICY_MISSING_HOLD,   /* nothing: everything stays as it is */
	POLICY_MISSING_ZERO,   /* the value 0 */
	POLICY_MISSING_LAST,   /* the last value again; none: as hold */
	POLICY_MISSING_BREACH, /* the highest level is breached */
	N_POLICY_MISSING,
};

/* Whose machine, with its faults, decides when a level is reached. */
enum policy_compat {
	POLICY_COMPAT_NONE,
	POLICY_COMPAT_METRIC_READER,      /* soft and hard */
	POLICY_COMPAT_METRIC_READER_SEED, /* its first form: one threshold */
	N_POLICY_COMPATS,
};

enum policy_level_name {
	POLICY_LEVEL_SOFT, /* the only one, of a plain threshold */
	POLICY_LEVEL_HARD,
	N_POLICY_LEVELS,
	POLICY_LEVEL_NONE = N_POLICY_LEVELS,
};

/* Parts of the monitor's array of steps. */
enum policy_ladder {
	POLICY_LADDER_SOFT, /* the only one, of all but values */
	POLICY_LADDER_HARD,
	POLICY_LADDER_RESOLVED,
	N_POLICY_LADDERS,
	POLICY_LADDER_NONE = N_POLICY_LADDERS,
};

struct policy_ladder_range {
	uint8_t first;
	uint8_t n; /* 0: it has no steps */
};

/* One limit of a value, and what is done beyond it. */
struct policy_level {
	bool given;
	bool has_clear;
	uint8_t first_step; /* its ladder: a part of the monitor's steps */
	uint8_t n_steps;    /* 0: the level is only told of */
	struct threshold limit;
	struct threshold clear; /* a breach ends when this is crossed, not when
	                           the limit is not crossed any more */
	uint64_t for_ms;        /* instead of policy_rules.for_ms */
	uint64_t cooldown_ms; /* likewise; 0: one bounce as long as it lasts */
};

struct policy_levels {
	struct policy_level level[N_POLICY_LEVELS]; /* at least one is given */
	bool plain; /* one limit without a name: soft only to us */
	enum policy_missing missing;
	enum policy_compat compat;
};

/* Immutable, owned by the configuration. All times in milliseconds. */
struct policy_rules {
	uint64_t max_age_ms;     /* older is a breach */
	uint64_t max_runtime_ms; /* a run that lasts longer, too; 0: none */
	uint64_t for_ms;         /* a breach must last so long first */
	uint64_t cooldown_ms;    /* between two bounces, at least */
	uint64_t verify_ms;      /* good again within this: recovered */
	uint64_t window_ms;      /* of the budget */
	uint64_t backoff_max_ms; /* longest wait after failed bounces */
	uint64_t start_grace_ms; /* after our own start nothing is bounced */
	uint64_t grace_ms; /* after the container's start its bad health is
	                      not held against it; 0: none */
	uint32_t backoff_percent; /* growth per failed bounce: 200 doubles */
	uint8_t max_bounces;      /* per window, then gave up; 0: no limit */
	uint8_t n_steps; /* of all ladders but that for the end, at least one unless levels
	                             are only told of */
	uint8_t first_resolved; /* steps that are walked when it is good
	                             again after a bounce: a part of the
	                             monitor's, behind all ladders */
	uint8_t n_resolved;     /* 0: none */
	const struct policy_levels *levels; /* of a value; NULL: of anything
	                                       else, with one ladder */
	uint16_t stopping; /* steps, a bit each, that leave the container
	                             stopped for the next one */
	bool exact;        /* the source tells of every push, and when
	                             it is asked; nothing else looks */
};

enum policy_state {
	POLICY_STARTING,
	POLICY_GOOD,
	POLICY_BREACHED,  /* bad, but not for long enough */
	POLICY_WAITING,   /* would bounce; a guard holds */
	POLICY_BOUNCING,  /* a step is queued or runs */
	POLICY_VERIFYING, /* the step was done; does it help? */
	POLICY_COOLING,   /* bad; waits before the next bounce */
	POLICY_GAVE_UP,   /* budget spent; until it is good again */
	POLICY_UNKNOWN,   /* the source cannot be read */
	POLICY_PAUSED,
	N_POLICY_STATES,
};

/* What may hold a bounce back; a set of bits. */
enum policy_guard {
	GUARD_GRACE = 1 << 0,    /* we have only just started */
	GUARD_COOLDOWN = 1 << 1, /* too soon after the last bounce */
	GUARD_BUDGET = 1 << 2,   /* too many bounces in the window */
	GUARD_STORM = 1 << 3,    /* too many go bad together */
	GUARD_TARGET = 1 << 4,   /* another bounce has or just had the target */
	GUARD_PERSON = 1 << 5,   /* paused or stopped by a person */
	GUARD_PAUSE = 1 << 6,
	GUARD_UNKNOWN = 1 << 7, /* source unknown */
	GUARD_DRY_RUN = 1 << 8,
	GUARD_QUIET = 1 << 9,     /* a window in which nothing is bounced */
	GUARD_HOOK = 1 << 10,     /* the command before the bounce said no */
	GUARD_THROTTLE = 1 << 11, /* the same was begun lately */
	GUARD_LEADER = 1 << 12,   /* another of us acts */
};
#define N_POLICY_GUARDS 13

/* Why the last word was bad. */
enum policy_breach {
	POLICY_BREACH_NONE,
	POLICY_BREACH_AGE,
	POLICY_BREACH_MISSING,
	POLICY_BREACH_FAILED,    /* the job says so */
	POLICY_BREACH_RUNTIME,   /* it began and does not end */
	POLICY_BREACH_UNHEALTHY, /* its check fails */
	POLICY_BREACH_EXITED,    /* it ended, max_age_ms ago or more */
	POLICY_BREACH_ALERT,     /* an alert of others fires */
	POLICY_BREACH_VALUE,     /* the first of those of values: by side and
	                            level, see policy_level.c */
	POLICY_BREACH_VALUE_LAST = POLICY_BREACH_VALUE + 14,
	N_POLICY_BREACHES,
};

enum policy_event_kind {
	POLICY_EVENT_OBSERVED,   /* .observation */
	POLICY_EVENT_DEADLINE,   /* `deadline_ms` has come */
	POLICY_EVENT_GUARDS,     /* .held: the outer guards that hold now,
	                            .quiet_until_ms */
	POLICY_EVENT_STEP_ENDED, /* .outcome */
	POLICY_EVENT_PAUSE,
	POLICY_EVENT_RESUME,
	POLICY_EVENT_ORDER, /* an operator wants a bounce now */
};

/* How the step that was asked for ended. */
enum policy_outcome {
	OUTCOME_DONE,
	OUTCOME_SETTLED,     /* done, and nothing is left to verify */
	OUTCOME_FAILED,      /* it ran and failed, or there is no target */
	OUTCOME_UNAVAILABLE, /* the runtime cannot be reached: costs no budget */
	OUTCOME_LEFT_ALONE,  /* a person paused or stopped the target */
	OUTCOME_DRY_RUN,     /* it was only said */
	OUTCOME_VETOED,      /* the command before the bounce said no: it costs
	                        no budget, and is asked again after the cooldown */
	OUTCOME_THROTTLED,   /* the same was begun lately: as a veto */
	OUTCOME_CANCELLED,   /* before it began */
};

struct policy_event {
	enum policy_event_kind kind;
	struct observation observation;
	uint32_t held;
	uint64_t quiet_until_ms; /* with GUARD_QUIET; or POLICY_NEVER */
	enum policy_outcome outcome;
};

/* Owned by the caller, by value; times are monotonic milliseconds. */
struct policy {
	enum policy_state state;
	enum policy_state resume; /* where UNKNOWN returns to */
	uint32_t held;            /* guards that hold in the present state */
	uint32_t n_failed;        /* bounces in a row that did not help */
	uint64_t since_ms;        /* when `state` was entered */
	uint64_t deadline_ms;     /* next POLICY_EVENT_DEADLINE, or NEVER */
	uint64_t created_ms;
	uint64_t bad_since_ms;  /* NEVER: the last word was good */
	uint64_t known_ms;      /* last readable observation, or NEVER */
	uint64_t seen_ms;       /* when the thing was last listed, or NEVER */
	uint64_t push_ms;       /* its last sign of life, or NEVER */
	uint64_t gap_ms;        /* usual time between two of them; 0: unknown */
	uint64_t excused_ms;    /* outage since then */
	uint64_t away_ms;       /* the same, as the source counts it */
	uint64_t ended_ms;      /* end of the last step, or NEVER */
	int64_t run_ms;         /* start, or end, of the container's last run
	                           that was seen; POLICY_NO_RUN: not known */
	int64_t bounced_run_ms; /* the same, when the last step was asked for */
	uint64_t
		cool_until_ms; /* 0: no cooldown; NEVER: as long as it is bad */
	uint64_t hard_cool_until_ms;         /* of the hard level */
	uint64_t beyond_ms[N_POLICY_LEVELS]; /* since when the value counts as
	                                        beyond the limit, or NEVER */
	double value;                        /* the last one */
	bool has_value;                      /* there was one */
	uint8_t level;          /* enum policy_level_name: what is active */
	uint8_t ladder;         /* enum policy_ladder: what is, or would be,
	                           walked */
	uint8_t due;            /* enum policy_ladder: walked after this one */
	uint8_t step;           /* present place in the array of steps, in
	                           `ladder` while one is walked */
	uint8_t n_bounces;      /* entries of `bounces`, the newest */
	uint8_t breach;         /* enum policy_breach, of the last word */
	bool run_ended;         /* run_ms is an end */
	bool bounced_run_ended; /* bounced_run_ms is one */
	bool missing;           /* the last word was *missing* */
	bool good_seen;         /* good, or not bad, while bouncing */
	bool ordered;           /* the step is an operator's order */
	bool run_was_bad;       /* when the last step began */
	bool bounced;           /* in this breach; steps for its end are due */
	bool alert;             /* the last word was of an alert */
	bool renewed;           /* the budget, in this breach, for hard */
	int32_t bounces[POLICY_MAX_BOUNCES]; /* starts; s after created_ms */
};

struct policy_move {
	enum policy_state from;
	enum policy_state to;
	const char *reason; /* static text */
};

/* What the caller must do; by value. */
struct policy_commands {
	bool run_step;       /* run the step policy->step of the ladder */
	bool cancel;         /* if that step has not begun, it need not */
	bool observe;        /* a fresh observation is wanted */
	bool ask_guards;     /* put POLICY_EVENT_GUARDS when all is known */
	bool recovered;      /* the last bounce helped */
	bool useless;        /* the last bounce did not help */
	uint32_t newly_held; /* guards that hold now and did not before */
	uint8_t n_moves;
	struct policy_move moves[POLICY_MAX_MOVES];
};

/* What must survive our own restart; times are monotonic, negative if they
 * lie before the clock's zero. */
struct policy_saved {
	int64_t bounces_ms[POLICY_MAX_BOUNCES];
	uint8_t n_bounces;
	uint32_t n_failed;
	int64_t ended_ms;      /* INT64_MIN: never */
	int64_t cool_until_ms; /* INT64_MIN or 0: none; INT64_MAX: as long as the
	                          breach lasts */
	int64_t hard_cool_until_ms; /* likewise, of the hard level */
	bool gave_up;
	bool bounced; /* steps are due when it is good again */
};

void policy_init(struct policy *policy, uint64_t now_ms);

/*
 * policy_step() - feed one event
 * @now_ms: monotonic time of the event; must not run backwards
 * @rng: for jitter
 *
 * Cannot fail. Returns what to do; afterwards policy->deadline_ms says when to
 * call again with POLICY_EVENT_DEADLINE if nothing else happens before.
 */
struct policy_commands policy_step(struct policy *policy,
                                   const struct policy_rules *rules,
                                   const struct policy_event *event,
                                   uint64_t now_ms, struct rng *rng);

/* The age that counts at @now_ms: the time since the last sign of life (or,
 * when missing, since it was last listed) less the time for which the source
 * could not be read or was away; 0 if nothing is known. */
uint64_t policy_age(const struct policy *policy, uint64_t now_ms);

/* Not bad yet, but silent for more than twice as long as usual. */
bool policy_is_overdue(const struct policy *policy, uint64_t now_ms);

/* The last word on it was bad. */
bool policy_is_bad(const struct policy *policy);

/* Why, in words: "job reports a failure"; "good" if it was not. */
const char *policy_breach_words(const struct policy *policy);

/* "soft", "hard"; NULL: none is active. */
const char *policy_level_word(enum policy_level_name level);
/* The active one as people are told of it; NULL: none is, or it has no name. */
const char *policy_level_said(const struct policy *policy,
                              const struct policy_rules *rules);
/* "hold", "zero", "last_value", "breach". */
const char *policy_missing_name(enum policy_missing missing);

/* The lowest that is given. */
enum policy_level_name policy_level_lowest(const struct policy_levels *levels);

/* The limit that the value is judged by now: that of the active level, else of
 * the lowest. Only with levels. */
const struct policy_level *policy_level_now(const struct policy *policy,
                                            const struct policy_rules *rules);

/* When time alone will have a level reached, if the value stays: the end of
 * its `for`. POLICY_NEVER: at no known time. */
uint64_t policy_level_due(const struct policy *policy,
                          const struct policy_rules *rules);

/* --- ladders --------------------------------------------------------------- */

struct policy_ladder_range policy_ladder_of(const struct policy_rules *rules,
                                            enum policy_ladder ladder);

/* The steps of all ladders: as many as the monitor has. */
uint8_t policy_n_steps(const struct policy_rules *rules);

/* The step is the first of its ladder: with it a bounce begins. */
bool policy_at_first_step(const struct policy *policy,
                          const struct policy_rules *rules);

/* The steps for the end of a breach are walked, or wait for it. */
bool policy_is_resolving(const struct policy *policy);

/* The ladder that an operator's order walks; POLICY_LADDER_NONE: there are no
 * steps. */
enum policy_ladder policy_ladder_of_order(const struct policy *policy,
                                          const struct policy_rules *rules);

/* When the cooldown of the present ladder ends; POLICY_NEVER: with the breach;
 * 0: there is none. Its length, in ms. */
uint64_t policy_cool_until(const struct policy *policy);
uint64_t policy_cooldown(const struct policy *policy,
                         const struct policy_rules *rules);

/* --- what survives --------------------------------------------------------- */

void policy_save(const struct policy *policy, struct policy_saved *saved);
/* On a fresh policy only. A cooldown still runs; what gave up stays so until
 * it is good again. */
void policy_restore(struct policy *policy, const struct policy_saved *saved,
                    uint64_t now_ms);
/* Is there anything in it worth saving? */
bool policy_saved_empty(const struct policy_saved *saved);

const char *policy_state_name(enum policy_state state);
/* @guard: one bit. */
const char *policy_guard_name(uint32_t guard);
