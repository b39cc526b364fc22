/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bounce: carries out the steps that policies ask for.
 *
 * The happy path of one: wait in line until fewer than `max_parallel` run;
 * look at the target (it exists, it is the one that is meant, nobody paused or
 * stopped it), unless that has just been done; ask the command that may veto,
 * and then look again; write down that the bounce begins and, if the step may
 * leave the target stopped, the promise to bring it back; act; say how it
 * ended. Of a rule with a lane only so many are at it at once; an action that its
 * rule began lately is not begun again. What is written outlives us at once; before a command or a webhook,
 * which may end more than us, it is on disk.
 * Policies and journals are not known here, nor how an engine does it.
 *
 * Each kind of step is a row of the table in step_kinds.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "action/plugin.h"
#include "action/promise.h"
#include "action/throttle.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "core/command_line.h"
#include "core/histogram.h"
#include "core/notice.h"
#include "core/step.h"
#include "runtime/runtime.h"

#define BOUNCE_COMMAND_TIMEOUT_MS 60000 /* exec, run; unless set */
#define BOUNCE_DETAIL_MAX         400
#define BOUNCE_COMMAND_SHOWN      160  /* bytes of it in the detail */
#define BOUNCE_ENV_SIZE           4096 /* bytes of a variable, cut beyond */
#define BOUNCE_ENV_MAX            (512u << 10) /* bytes of all */
#define BOUNCE_SEEN_MS            50 /* what was seen so long ago, still is */

struct bounce;
struct bounce_lane;
struct notifier;
struct notifier_send;
typedef void (*bounce_done_cb)(struct bounce *bounce);
typedef void (*bouncer_closed_cb)(void *context);

enum bounce_stage {
	BOUNCE_IDLE,
	BOUNCE_QUEUED,
	BOUNCE_LOOKING,
	BOUNCE_ASKING, /* the command before it */
	BOUNCE_RECORDING,
	BOUNCE_ACTING,
};

/* What an inspection says beyond struct runtime_target. */
struct bounce_found {
	bool known;
	bool auto_remove;
	int64_t started_wall_ms;
	int64_t finished_wall_ms; /* 0: the engine does not say */
};

/* One step at work; lies in its owner. */
struct bounce {
	/* set by the caller, borrowed until completion; zero the rest */
	const struct step *step;
	struct runtime *runtime;  /* of the target */
	const char *runtime_name; /* "docker" */
	const char *target;
	const char *project; /* NULL: none */
	const char *monitor; /* for the command's environment and the log */
	const char *reason;
	uint64_t age_ms;
	uint32_t attempt; /* from 1 */
	bool dry_run;
	bool ordered;        /* by an operator: also on standby */
	bool stopped_before; /* an earlier step of this walk was to stop it */
	const char *id; /* the container that is meant: one that only has the
	                   same name is left alone; NULL: whoever has it */
	/* What an inspection has just found: there is no need to look again.
	 * seen_ms (the loop's time) 0: nothing. */
	struct runtime_target seen;
	uint64_t seen_ms;         /* the bounce's own look takes its place */
	int64_t finished_wall_ms; /* remove: it must still be this end of it;
	                             0: any */
	bool own_stop_timeout;    /* restart, stop: the next instead of the
	                               step's */
	int64_t stop_timeout_ms;
	const char *const *before;  /* may veto; see config.h; NULL: none, or it
	                              is not the first step of a walk */
	uint64_t before_timeout_ms; /* 0: BOUNCE_COMMAND_TIMEOUT_MS */
	const struct notice *notice; /* what commands and webhooks are told;
	                                NULL: only the above */
	const char *env; /* more for a command of the host: "NAME=value", each
	                    ended by a NUL, and an empty one; NULL: none */
	struct bounce_lane *lane; /* of its rule; NULL: it has no limit */
	uint64_t throttle_ms;     /* not if the same was begun so lately by its
	                         rule; 0: whenever */
	const char *interrupt_signal; /* for bounce_interrupt(): "SIGTERM";
	                                 NULL: it does nothing */
	uint64_t interrupt_grace_ms;  /* from that to SIGKILL */

	/* valid in the completion */
	enum step_result result;
	uint64_t duration_ms; /* from its turn to its end */
	char detail[BOUNCE_DETAIL_MAX];

	/* private below */
	struct bouncer *bouncer;
	struct list node;
	struct list lane_node;
	uint64_t arrival; /* its place in line */
	enum bounce_stage stage;
	bool cancelled;
	bool interrupted; /* while it acted; also valid in the completion */
	bool noted;       /* with the throttle, as `action` */
	uint8_t action[SHA256_SIZE];
	bool asked; /* the command before it has agreed */
	uint64_t began_ms;
	struct runtime_call call;
	struct bounce_found found;
	struct notifier_send *send; /* of a webhook step */
	struct plugin_call plugin;  /* of a plugin step */
	runtime_done_cb sent;       /* of either */
	runtime_done_cb ran;        /* of a command of the host */
	uint64_t run_ms;            /* when it was started */
	struct promise *promise;
	struct promise_wait wait;
	struct command_line line; /* of a step with templates; argv NULL */
	char *message;            /* likewise */
	void *env_memory;
	bounce_done_cb done;
};

/* Bounces of one rule: so many of them at once, in the order in which they
 * came. Lies in its owner, as long as any of its bounces. */
struct bounce_lane {
	uint32_t max_parallel; /* 0: no limit but the bouncer's */

	/* private below; bounce_lane_init() */
	uint32_t n_running;
	struct list waiting;
};

/* What commands of the host did; never reset. */
struct bouncer_stats {
	struct histogram seconds; /* of each */
	uint32_t n_running;
	uint64_t n_failed;      /* to start, or to end well */
	uint64_t n_interrupted; /* were sent a signal … */
	uint64_t n_not_reached; /* … or could not be */
	uint64_t n_throttled;   /* actions of any kind, not begun */
};

struct bouncer {
	/* set by the owner before init */
	uv_loop_t *loop;
	const struct log *log;
	struct runtime *host;      /* runs `run` steps; borrowed */
	struct promises *promises; /* borrowed */
	struct notifier *notifier; /* sends `webhook` steps; borrowed; NULL:
	                              they fail */
	struct plugins *plugins;   /* do `plugin` steps; borrowed; NULL: they
	                              fail */
	/* NULL: we may act; else why not at this moment; asked last just before
	 * a step acts. May be NULL. */
	const char *(*standby)(void *context);
	void *standby_context;
	uint32_t max_parallel;

	/* private below */
	uv_timer_t turn;       /* things happen from the loop only */
	struct list queue;     /* in order of arrival */
	struct list held;      /* whose lane is full */
	struct list cancelled; /* in line, and not to begin */
	struct throttle throttle;
	uint64_t n_arrived;
	struct bouncer_stats stats; /* may be read */
	struct list running;
	uint32_t n_running;
	bool closing;
	bool turn_closed;
	bouncer_closed_cb closed;
	void *closed_context;
};

/* 0 or a negative code. After success the only way out is bouncer_close(). */
int bouncer_init(struct bouncer *bouncer) MUST_CHECK;

/* Cancels what waits and what runs; each completes first. @closed is called
 * once, from the loop. */
void bouncer_close(struct bouncer *bouncer, bouncer_closed_cb closed,
                   void *context);

/* Cannot fail: what goes wrong is its result. @done is called exactly once,
 * from the loop, never before this returned. */
void bounce_start(struct bouncer *bouncer, struct bounce *bounce,
                  bounce_done_cb done);

/* Ends as STEP_CANCELLED if it has not begun to act; else nothing. */
void bounce_cancel(struct bounce *bounce);

/* What it is for is over: as bounce_cancel(), and a command of the host that
 * runs gets interrupt_signal, and KILL later, if it has one. It then ends as
 * STEP_CANCELLED, too, with `interrupted`; a command in a container runs on. */
void bounce_interrupt(struct bounce *bounce);

void bounce_lane_init(struct bounce_lane *lane);
