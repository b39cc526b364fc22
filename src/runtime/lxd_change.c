/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inspect, restart, stop, start, kill: from the state in which an instance is
 * found to the one that is wanted.
 *
 *          ┌───────────────────────────────────────────┐
 *          ▼                                           │ ended, failed, lost
 *        LOOK ──▶ decide ──▶ one operation, waited for ┘
 *                   ├──▶ pause, when something else is at it ──▶ LOOK
 *                   └──▶ there, or no way to get there: complete
 *
 * How an operation ended is only a hint: what the next look finds decides. So
 * a restart that died after the stop, an operation whose end was lost with a
 * daemon that restarted, and one that ran out of time all lead on in the same
 * way, and nothing is left stopped that can be started.
 */
#include "runtime/lxd_work.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/duration.h"
#include "base/mem.h"

#define LXD_MAX_STARTS    2     /* of one call; then it will not stay up */
#define LXD_FORCE_RESERVE 10000 /* of a given deadline, kept for the force */
#define LXD_LAST_LOOK_MS  2000  /* after the deadline, to say how it is */
#define LXD_KILL_MS       30000 /* kill, unless set */

enum goal { GOAL_SEEN, GOAL_RENEWED, GOAL_RUNNING, GOAL_STOPPED };

enum move {
	MOVE_DONE,
	MOVE_GIVE_UP,
	MOVE_LEAVE,    /* frozen by a person */
	MOVE_REFUSE,   /* stopping it would delete it */
	MOVE_AGAIN,    /* look again later */
	MOVE_GRACEFUL, /* restart, or stop */
	MOVE_FORCE,
	MOVE_START,
};

struct change {
	struct lxd_work work;
	enum goal goal;
	const char *verb; /* "restart", for messages */
	uint64_t timeout_ms;
	uint32_t graceful_s; /* 0: by force at once */

	struct lxd_instance seen;
	char first_used[LXD_TIME_MAX]; /* before we did anything */
	bool asked;                    /* from here on it is our doing */
	bool renewed;                  /* it was started since the first look */
	bool tried_graceful;
	bool tried_force;
	uint8_t n_starts;
	enum move move;             /* the latest */
	char why[ERR_MESSAGE_SIZE]; /* the latest failure */
};

static void look(struct lxd_work *work);

static struct change *change_of(struct lxd_work *work)
{
	return container_of(work, struct change, work);
}

/* --- the end ------------------------------------------------------------ */

static void complete(struct change *change, enum runtime_result result,
                     const char *words)
{
	struct lxd_work *work = &change->work;

	lxd_work_complete(work, result, "cannot %s instance %s: %s",
	                  change->verb, work->target, words);
	lxd_work_end(work);
}

static void complete_missing(struct change *change)
{
	struct lxd_work *work = &change->work;

	lxd_work_complete(work, RUNTIME_NO_TARGET,
	                  "there is no instance %s in project %s (the daemon "
	                  "says: %s)",
	                  work->target,
	                  work->project ? work->project : "default",
	                  change->why);
	lxd_work_end(work);
}

static void complete_interrupted(struct change *change)
{
	char span[DURATION_TEXT_MAX], words[ERR_MESSAGE_SIZE];

	if (change->work.interrupt == RUNTIME_CANCELLED) {
		complete(change, RUNTIME_CANCELLED, "cancelled");
		return;
	}
	(void)snprintf(words, sizeof(words), "not done within %s%s%.180s",
	               duration_format(change->timeout_ms, span),
	               change->why[0] ? "; " : "", change->why);
	complete(change, RUNTIME_TIMED_OUT, words);
}

static void give_up(struct change *change)
{
	if (change->why[0])
		complete(change, RUNTIME_FAILED, change->why);
	else if (change->n_starts >= LXD_MAX_STARTS)
		complete(change, RUNTIME_FAILED,
		         "it stops again as soon as it was started");
	else
		complete(change, RUNTIME_FAILED,
		         "it still runs, although the daemon says that it "
		         "was stopped by force");
}

/* --- deciding ----------------------------------------------------------- */

static enum move decide_running(const struct change *change)
{
	if (change->goal == GOAL_RUNNING)
		return MOVE_DONE;
	if (change->goal == GOAL_RENEWED && change->renewed)
		return MOVE_DONE;
	if (change->goal == GOAL_STOPPED && change->seen.ephemeral)
		return MOVE_REFUSE;
	/* one that shuts down just after its time ran out would be deleted:
	 * the daemon holds that back only while it restarts it */
	if (!change->tried_graceful && change->graceful_s &&
	    !change->seen.ephemeral)
		return MOVE_GRACEFUL;
	if (!change->tried_force)
		return MOVE_FORCE;
	return MOVE_GIVE_UP;
}

static enum move decide(const struct change *change)
{
	enum move move;

	if (change->goal == GOAL_SEEN)
		return MOVE_DONE;
	switch (change->seen.status) {
	case LXD_STATUS_RUNNING:
		return decide_running(change);
	case LXD_STATUS_ERROR: /* the daemon may still be able to end it */
		move = decide_running(change);
		return move == MOVE_DONE ? MOVE_AGAIN : move;
	case LXD_STATUS_STOPPED:
		if (change->goal == GOAL_STOPPED)
			return MOVE_DONE;
		return change->n_starts < LXD_MAX_STARTS ? MOVE_START
		                                         : MOVE_GIVE_UP;
	case LXD_STATUS_FROZEN:
		return MOVE_LEAVE;
	case LXD_STATUS_CHANGING:
	case LXD_STATUS_OTHER:
		break;
	}
	return MOVE_AGAIN;
}

/* --- acting ------------------------------------------------------------- */

/* It did not count: the daemon had no time for it, or forgot it. */
static void take_back(struct change *change)
{
	if (change->move == MOVE_GRACEFUL)
		change->tried_graceful = false;
	else if (change->move == MOVE_FORCE)
		change->tried_force = false;
	else
		change->n_starts--;
}

/* The daemon will not do it, whether we ask once more or not. */
static void rule_out(struct change *change)
{
	change->tried_graceful = true;
	change->tried_force = true;
	if (change->move == MOVE_START)
		change->n_starts = LXD_MAX_STARTS;
}

static bool is_busy(const struct lxd_work *work)
{
	if (work->end == LXD_REFUSED)
		return work->refusal == LXD_E_BUSY;
	return work->end == LXD_ENDED && work->operation.why == LXD_E_BUSY;
}

static void on_acted(struct lxd_work *work)
{
	struct change *change = change_of(work);
	bool succeeded = work->end == LXD_ENDED &&
	                 work->operation.progress == LXD_SUCCESS;

	if (succeeded) {
		change->renewed |= change->goal != GOAL_STOPPED;
		change->why[0] = '\0';
	} else {
		(void)snprintf(change->why, sizeof(change->why), "%s",
		               work->end == LXD_ENDED ? work->operation.error
		                                      : work->err.message);
	}
	if (work->interrupt == RUNTIME_CANCELLED) {
		complete_interrupted(change);
	} else if (is_busy(work) || work->end == LXD_LOST ||
	           work->end == LXD_UNREACHABLE) {
		take_back(change);
		lxd_work_pause(work, work->interrupt ? 0 : work->lxd->retry_ms,
		               look);
	} else {
		if (work->end == LXD_REFUSED)
			rule_out(change);
		look(work);
	}
}

static void act(struct change *change)
{
	struct lxd_work *work = &change->work;
	enum lxd_action action = LXD_RESTART;

	if (change->move == MOVE_START) {
		action = LXD_START;
		change->n_starts++;
	} else {
		if (change->goal == GOAL_STOPPED)
			action = LXD_STOP;
		if (change->move == MOVE_FORCE)
			change->tried_force = true;
		else
			change->tried_graceful = true;
	}
	change->asked = true;
	lxd_work_aim(work, "state");
	lxd_write_state(&work->body, action, change->graceful_s,
	                change->move == MOVE_FORCE);
	lxd_work_run(work, "PUT", on_acted);
}

static void go_on(struct change *change)
{
	change->move = decide(change);
	switch (change->move) {
	case MOVE_DONE:
		lxd_work_complete(&change->work, RUNTIME_OK, "%s", "");
		lxd_work_end(&change->work);
		break;
	case MOVE_GIVE_UP:
		give_up(change);
		break;
	case MOVE_LEAVE:
		complete(change, RUNTIME_LEFT_ALONE,
		         "it is frozen; left alone until it is unfrozen");
		break;
	case MOVE_REFUSE:
		complete(change, RUNTIME_FAILED,
		         "it is ephemeral, and stopping would delete it; "
		         "restart it instead");
		break;
	case MOVE_AGAIN:
		lxd_work_pause(&change->work, change->work.lxd->retry_ms, look);
		break;
	case MOVE_GRACEFUL:
	case MOVE_FORCE:
	case MOVE_START:
		act(change);
		break;
	}
}

/* --- looking ------------------------------------------------------------ */

static enum runtime_status status_of(enum lxd_status status)
{
	switch (status) {
	case LXD_STATUS_RUNNING:
		return RUNTIME_STATUS_RUNNING;
	case LXD_STATUS_STOPPED:
		return RUNTIME_STATUS_EXITED;
	case LXD_STATUS_FROZEN:
		return RUNTIME_STATUS_PAUSED;
	case LXD_STATUS_CHANGING:
		return RUNTIME_STATUS_RESTARTING;
	case LXD_STATUS_ERROR:
	case LXD_STATUS_OTHER:
		break;
	}
	return RUNTIME_STATUS_OTHER;
}

static void note(struct change *change, const struct lxd_instance *seen)
{
	struct runtime_target *found = &change->work.call->found;

	change->seen = *seen;
	found->status = status_of(seen->status);
	found->ephemeral = seen->ephemeral;
	if (!change->asked) {
		found->stopped_by_hand = seen->status == LXD_STATUS_STOPPED;
		memcpy(change->first_used, seen->last_used,
		       sizeof(change->first_used));
	} else if (strcmp(change->first_used, seen->last_used) != 0) {
		change->renewed = true;
	}
}

/* Nothing was begun: say so at once. Else it is on us to see it through. */
static void not_seen(struct change *change, int r)
{
	if (r == LXD_E_NOT_FOUND)
		complete_missing(change);
	else if (change->asked)
		lxd_work_pause(&change->work, change->work.lxd->retry_ms, look);
	else
		complete(change, lxd_work_blame(r), change->why);
}

static int read_instance(struct lxd_work *work, struct lxd_instance *instance)
{
	int r = lxd_work_sent(work, &work->err);

	if (r == 0)
		r = lxd_read_instance(buf_slice(&work->reply),
		                      work->http.status, instance, &work->err);
	return r;
}

static void on_looked(struct lxd_work *work)
{
	struct change *change = change_of(work);
	struct lxd_instance seen;
	int r = read_instance(work, &seen);

	if (r == 0)
		note(change, &seen);
	if (r == 0 && change->goal == GOAL_SEEN && work->call->container)
		r = lxd_tell_reply(work, &work->err);
	if (work->interrupt != RUNTIME_OK &&
	    (r != 0 || decide(change) != MOVE_DONE)) {
		complete_interrupted(change);
	} else if (r != 0) {
		(void)snprintf(change->why, sizeof(change->why), "%s",
		               work->err.message);
		not_seen(change, r);
	} else {
		go_on(change);
	}
}

static void look(struct lxd_work *work)
{
	if (work->interrupt == RUNTIME_CANCELLED) {
		complete_interrupted(change_of(work));
		return;
	}
	lxd_work_aim(work, NULL);
	lxd_work_send(work, "GET",
	              work->interrupt ? LXD_LAST_LOOK_MS : LXD_EXCHANGE_MS,
	              NULL, on_looked);
}

/* --- beginning ---------------------------------------------------------- */

/*
 * A restart or a stop within a given deadline keeps some of it for the force
 * that may be needed.
 */
static void plan_time(struct change *change, uint64_t timeout_ms,
                      uint64_t stop_ms, uint64_t rest_ms)
{
	if (timeout_ms)
		stop_ms = MIN(stop_ms, timeout_ms - MIN(timeout_ms / 2,
		                                        LXD_FORCE_RESERVE));
	change->timeout_ms = timeout_ms ? timeout_ms : stop_ms + rest_ms;
	change->graceful_s = (uint32_t)MIN((stop_ms + 999) / 1000, INT32_MAX);
}

static void on_refused(struct lxd_work *work)
{
	struct change *change = change_of(work);

	complete(change, RUNTIME_FAILED, change->why);
}

/* @refusal: why it cannot be done whatever the daemon says, or NULL. */
static int begin(struct runtime *runtime, struct runtime_call *call,
                 enum goal goal, const char *verb, uint64_t stop_ms,
                 uint64_t rest_ms, const char *refusal)
{
	struct change *change = mem_calloc(1, sizeof(*change));

	if (!change)
		return err_set_code(&call->err, -ENOMEM, "cannot %s %s", verb,
		                    call->target);
	change->goal = goal;
	change->verb = verb;
	change->work.interrupted = lxd_work_hurry;
	plan_time(change, call->timeout_ms, stop_ms, rest_ms);
	lxd_work_init(&change->work,
	              container_of(runtime, struct lxd_runtime, base), call,
	              change->timeout_ms);
	if (!lxd_name_is_valid(change->work.target))
		refusal = "there can be no instance of that name";
	if (refusal) {
		(void)snprintf(change->why, sizeof(change->why), "%s", refusal);
		lxd_work_pause(&change->work, 0, on_refused);
	} else {
		look(&change->work);
	}
	return 0;
}

/* The API has no way to say which signal stops an instance. */
static void warn_signal(struct runtime *runtime,
                        const struct runtime_call *call)
{
	struct lxd_runtime *lxd =
		container_of(runtime, struct lxd_runtime, base);

	if (call->signal)
		log_warn(lxd->log, "signal not sent: the engine chooses it",
		         LOG_STR("runtime", runtime->ops->name),
		         LOG_STR("target", call->target),
		         LOG_STR("signal", call->signal));
}

static uint64_t stop_ms_of(const struct runtime_call *call)
{
	return call->stop_timeout_ms < 0 ? LXD_STOP_MS
	                                 : (uint64_t)call->stop_timeout_ms;
}

int lxd_restart(struct runtime *runtime, struct runtime_call *call)
{
	warn_signal(runtime, call);
	return begin(runtime, call, GOAL_RENEWED, "restart", stop_ms_of(call),
	             LXD_FINISH_MS, NULL);
}

int lxd_stop(struct runtime *runtime, struct runtime_call *call)
{
	warn_signal(runtime, call);
	return begin(runtime, call, GOAL_STOPPED, "stop", stop_ms_of(call),
	             LXD_FINISH_MS, NULL);
}

int lxd_start(struct runtime *runtime, struct runtime_call *call)
{
	return begin(runtime, call, GOAL_RUNNING, "start", 0, LXD_START_MS,
	             NULL);
}

static bool is_kill(const char *signal)
{
	return !signal || strcasecmp(signal, "SIGKILL") == 0 ||
	       strcasecmp(signal, "KILL") == 0 || strcmp(signal, "9") == 0;
}

int lxd_kill(struct runtime *runtime, struct runtime_call *call)
{
	return begin(runtime, call, GOAL_STOPPED, "kill", 0, LXD_KILL_MS,
	             is_kill(call->signal)
	                     ? NULL
	                     : "the engine can send nothing but SIGKILL; to "
	                       "send another signal, exec kill(1) in it");
}

int lxd_inspect(struct runtime *runtime, struct runtime_call *call)
{
	return begin(runtime, call, GOAL_SEEN, "inspect", 0, LXD_INSPECT_MS,
	             NULL);
}
