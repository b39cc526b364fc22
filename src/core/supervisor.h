/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supervisor: many policies, and what they share.
 *
 * Feeds observations to the monitors' policies, puts the question of the outer
 * guards when all that went bad together is known, carries the commands to
 * whoever acts, and records every move in the journal and the log. Pure: it
 * is given the time, and acts only through `struct supervisor_ops`.
 *
 *     reading_begin, observe …, reading_end     step_ended     tick
 *                    └──────────────┬───────────────┴───────────┘
 *                              policy_step()
 *                    ┌──────────────┼──────────────┐
 *                run_step        observe        journal, counters
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/list.h"
#include "base/log.h"
#include "base/rng.h"
#include "core/deadlines.h"
#include "core/histogram.h"
#include "core/journal.h"
#include "core/notice.h"
#include "core/observation.h"
#include "core/pause.h"
#include "core/policy.h"
#include "core/quiet.h"
#include "core/step.h"
#include "core/storm.h"
#include "core/target.h"

enum check_result {
	CHECK_GOOD,
	CHECK_BREACH,
	CHECK_MISSING,
	CHECK_UNKNOWN,
	N_CHECK_RESULTS,
};

/* How a bounce ended. */
enum bounce_result {
	BOUNCE_RECOVERED,
	BOUNCE_USELESS, /* done, and not good in time */
	BOUNCE_FAILED,
	BOUNCE_UNAVAILABLE, /* the runtime cannot be reached */
	BOUNCE_LEFT_ALONE,
	BOUNCE_DRY_RUN,
	BOUNCE_CANCELLED,
	BOUNCE_VETOED,
	BOUNCE_THROTTLED,
	N_BOUNCE_RESULTS,
};

#define GROUP_NEVER_READ UINT64_MAX

/* The monitors of one source: they share its readings and its storms. */
struct group {
	const char *name; /* the gateway's URL; borrowed */
	bool own;         /* the owner's: we are the source, so it is always
	                     up, and a reading is whatever was pushed: neither
	                     counted nor timed */
	struct list monitors;
	uint32_t n_monitors;
	struct list troubled; /* those that are bad or wait */
	uint32_t n_bad;       /* the last word on them was bad */
	uint32_t n_waiting;   /* would bounce; a guard holds */
	bool storm;           /* the guard holds */
	bool storm_told;      /* and people were told of it */
	uint64_t silent_ms;   /* since when, those that fell silent in it */
	bool reading;         /* between begin and end */
	bool up;              /* it answers: see `struct reader` */
	uint32_t n_good;      /* readers whose last reading was good, … */
	uint32_t n_untried;   /* … and that have not read yet */
	uint64_t read_ms;     /* last good reading, or GROUP_NEVER_READ */
	enum reading_result result; /* of the last one */
	uint32_t n_readings[N_READING_RESULTS];
	uint64_t n_bytes;
};

/*
 * One of the sources that read a group (a server is asked different questions),
 * each in its own time. The group is up as long as one of them was answered the
 * last time it asked, and down when none was, or nobody listens. Who fails
 * while others are answered speaks only for those that it tells of, who have
 * its words. Owner's memory.
 */
#define READER_FAULT_MAX 256

struct reader {
	struct group *group;
	bool tried;
	bool good; /* its last reading */
	enum reading_result result;
	char fault[READER_FAULT_MAX]; /* "bad_query: …"; "" if it was good, or
	                                 there was none */
};

struct config_monitor;
struct facts;

/*
 * A rule that covers many (containers, series of a metric, alerts): each of
 * them is a monitor of its own,
 * called "RULE/IDENTITY". What is ordered of the rule goes for all of them,
 * and for those to come. Owner's memory.
 */
struct rule {
	const char *name; /* set by the owner, borrowed, … */
	const char *noun; /* … as is what it covers: "containers" */
	struct list node; /* of the supervisor */
	struct list monitors;
	uint32_t n_monitors;
	uint32_t n_left_out; /* selected, and beyond the limit of the rule */
	struct pause *pause; /* by an operator; NULL: not; owned */
};

struct step_report;

/* One rule at work, or one of the many under a rule. The upper fields are set by the
 * owner and borrowed. */
struct monitor {
	const char *name;
	const struct config_monitor *config; /* not looked into here */
	const struct policy_rules *rules;
	const struct step *steps;
	struct group *group;
	const struct reader *reader; /* of the group, which tells of it; NULL:
	                                the group has but one */
	struct target *target;       /* never NULL */
	struct rule *rule;           /* NULL: the monitor is the rule */
	const char *container; /* what is acted on, as it is called now; NULL
	                          without `rule`, or if it has no name */
	const char *image;     /* the same of its image */
	const char *output;    /* last words of its check that fails; NULL */
	const struct facts *facts; /* of the series that counts, or the alert;
	                              NULL: there are none */
	const struct quiet_window *quiet; /* windows, NULL if none */
	uint8_t n_quiet;
	bool dry_run;
	bool paused;         /* by the configuration */
	struct pause *pause; /* by an operator; NULL: not; owned */

	const struct step_report *report; /* in NOTICE_BOUNCED: how the step
	                                     ended; else NULL */
	const char *bounce_reason; /* static words: why the present or last
	                              bounce; NULL: there was none */
	struct policy policy;
	struct observation last; /* as it came; unknown at first */
	uint64_t last_ms;        /* when, monotonic */
	uint64_t bounce_ms;      /* start of the present or last bounce */
	int64_t bounce_wall_ms;  /* the same, Unix time; 0: never */
	struct deadline deadline;
	struct list node;         /* of the group */
	struct list rule_node;    /* of the rule, if there is one */
	struct list all_node;     /* of the supervisor */
	struct list trouble_node; /* of the group's troubled */
	bool bad;                 /* counted in the group's n_bad */
	bool waiting;             /* … and n_waiting */
	bool acting;              /* a step of ours is queued or runs */
	bool told;                /* people were told of it since it was good */
	bool told_gave_up;

	uint32_t n_checks[N_CHECK_RESULTS];
	uint32_t n_bounces[N_BOUNCE_RESULTS];
	uint32_t n_held[N_POLICY_GUARDS];
	uint32_t (*n_steps)[N_STEP_RESULTS]; /* per rung; owner's memory */
};

/* What the step did; borrowed for the call. */
struct step_report {
	enum step_result result;
	enum step_kind kind; /* set by the supervisor */
	bool interrupted;    /* cancelled while it ran: it was good again */
	uint64_t duration_ms;
	const char *detail; /* words for the operator, "" if none */
};

struct supervisor_ops {
	/* Run steps[policy.step] against the target; supervisor_step_ended()
	 * follows, never from inside this call. */
	void (*run_step)(void *context, struct monitor *monitor);
	/* If that step has not begun it may end as STEP_CANCELLED. */
	void (*cancel_step)(void *context, struct monitor *monitor);
	/* A fresh observation is wanted soon. */
	void (*observe)(void *context, struct monitor *monitor);
	/* Something that must survive our restart has changed. */
	void (*changed)(void *context);
	/*
	 * People may want to be told. BOUNCED: a step was done, or failed and
	 * no other follows; monitor->report says how it ended. GAVE_UP: once,
	 * until it is good again. RECOVERED: good again, after one of these.
	 * Of a storm @monitor is the first that it
	 * holds, and n_waiting of its group says how many more. Neither that
	 * nor GAVE_UP while another of us acts; when we do, what is so still.
	 * The policy is as it is after the event. May be NULL.
	 */
	void (*notice)(void *context, struct monitor *monitor,
	               enum notice_event event);
	/* NULL: we may act; else why not at this moment, in words: another of
	 * us does. Static, or the owner's until the next call. May be NULL. */
	const char *(*standby)(void *context);
	void *context;
};

struct supervisor {
	/* set by the owner before init, borrowed */
	const struct supervisor_ops *ops;
	const struct log *log;
	struct storm_rules storm_rules;

	struct journal *journal;
	struct deadlines deadlines;
	struct rng rng;
	int64_t wall_offset_ms; /* wall minus monotonic time */
	quiet_local_cb local;   /* of quiet windows; libc's at first */
	struct list monitors;
	uint32_t n_monitors;
	struct list rules;        /* struct rule */
	uint64_t rules_resume_ms; /* the first end of a pause of one of them */
	struct pause *pause_all;  /* by an operator, also those to come */
	bool all_at_once;         /* pausing or resuming all */
	uint32_t n_acting;        /* steps queued or running */
	bool stopping;            /* the owner's: nothing more is started */
	struct histogram bounce_seconds;
	struct histogram reading_seconds;
};

/* @journal is borrowed. Cannot fail. */
void supervisor_init(struct supervisor *supervisor,
                     const struct supervisor_ops *ops, const struct log *log,
                     struct journal *journal, uint64_t seed);
void supervisor_fini(struct supervisor *supervisor); /* no monitors left */

void group_init(struct group *group, const char *name);

void reader_init(struct reader *reader, struct group *group);
/* It reads no more. */
void reader_fini(struct reader *reader);

/* Takes up a monitor whose upper fields are set; its policy is fresh, or the
 * caller has initialised and restored it when @keep_policy. It is paused if
 * configuration or operator say so. 0 or -ENOMEM. */
int supervisor_add(struct supervisor *supervisor, struct monitor *monitor,
                   bool keep_policy, uint64_t now_ms) MUST_CHECK;
/* The monitor must not be acting. Frees its pause. */
void supervisor_remove(struct supervisor *supervisor, struct monitor *monitor);

/* One reading of (a part of) a group: between begin and end policies only
 * take note; at the end the storm is judged and bounces may start. The end
 * costs what is in trouble, not what the group has. @reading NULL: it is no
 * reading, but an event that the source heard of. */
void supervisor_reading_begin(struct supervisor *supervisor,
                              struct group *group,
                              const struct reading *reading, uint64_t now_ms);
/* The same, of a group that has several; its end is the group's. */
void supervisor_reader_begin(struct supervisor *supervisor,
                             struct reader *reader,
                             const struct reading *reading, uint64_t now_ms);
void supervisor_observe(struct supervisor *supervisor, struct monitor *monitor,
                        const struct observation *observation, uint64_t now_ms);
void supervisor_reading_end(struct supervisor *supervisor, struct group *group,
                            uint64_t now_ms);

void supervisor_step_ended(struct supervisor *supervisor,
                           struct monitor *monitor,
                           const struct step_report *report, uint64_t now_ms);

void supervisor_pause(struct supervisor *supervisor, struct monitor *monitor,
                      bool pause, uint64_t now_ms);

/* Why its source cannot be read, in words, into @out; false: nobody knows. */
bool supervisor_fault(const struct monitor *monitor,
                      char out[static READER_FAULT_MAX]);

/* When the quiet window that holds now ends, monotonic; POLICY_NEVER if it
 * does not; 0: none holds. */
uint64_t supervisor_quiet_until(const struct supervisor *supervisor,
                                const struct monitor *monitor, uint64_t now_ms);

/* How long after another bounce of its target it waits for what comes of that:
 * `verify_within`; who has ended since, and would only be started again, waits
 * for nothing. */
uint64_t supervisor_target_rest_ms(const struct monitor *monitor);

/* Why another acts, or nobody, in words; NULL: we do. */
const char *supervisor_standby(const struct supervisor *supervisor);

/* We may act from now on: asks the guards again for all that wait, and tells
 * of the troubles that there are. */
void supervisor_may_act(struct supervisor *supervisor, uint64_t now_ms);

/* --- what an operator orders ---------------------------------------------- */

/*
 * supervisor_order_pause() - bounce nothing until resumed
 * @monitor: NULL: all, also those that are added later
 * @until_ms: monotonic; PAUSE_FOREVER: until somebody resumes
 *
 * Replaces an earlier order. 0 or -ENOMEM.
 */
int supervisor_order_pause(struct supervisor *supervisor,
                           struct monitor *monitor, uint64_t until_ms,
                           const char *reason, uint64_t now_ms) MUST_CHECK;

/* A rule is there, or is no more; its monitors are added after, and removed
 * before. A pause that it has goes on; the removal frees it. */
void supervisor_add_rule(struct supervisor *supervisor, struct rule *rule);
void supervisor_remove_rule(struct supervisor *supervisor, struct rule *rule);

/* As supervisor_order_pause() and …_resume(), of all containers of the rule,
 * also those that come later. */
int supervisor_order_pause_rule(struct supervisor *supervisor,
                                struct rule *rule, uint64_t until_ms,
                                const char *reason, uint64_t now_ms) MUST_CHECK;
bool supervisor_order_resume_rule(struct supervisor *supervisor,
                                  struct rule *rule, uint64_t now_ms);

/* The order's end: of the monitor's own, or (NULL) of the one for all; false
 * if there is none. */
bool supervisor_order_resume(struct supervisor *supervisor,
                             struct monitor *monitor, uint64_t now_ms);

/* The operator's order that pauses it: its own, else its rule's, else that for
 * all, else NULL. */
const struct pause *supervisor_pause_of(const struct supervisor *supervisor,
                                        const struct monitor *monitor);

/* Why a bounce cannot be ordered now, in words; NULL: it can. */
const char *supervisor_refusal(const struct supervisor *supervisor,
                               const struct monitor *monitor, uint64_t now_ms);

/* Begins a bounce now; only if it can be ordered. */
void supervisor_order_bounce(struct supervisor *supervisor,
                             struct monitor *monitor, uint64_t now_ms);

/* Deadlines that have come; call when supervisor_next() is reached. */
void supervisor_tick(struct supervisor *supervisor, uint64_t now_ms);
uint64_t supervisor_next(const struct supervisor *supervisor);

/* Writes to journal and log what is not about one monitor. */
void supervisor_record(struct supervisor *supervisor, enum log_level level,
                       enum journal_event event, const char *subject,
                       const char *reason, const char *detail, uint64_t now_ms);

const char *check_result_name(enum check_result result);
const char *bounce_result_name(enum bounce_result result);
