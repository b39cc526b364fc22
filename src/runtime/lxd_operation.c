/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An operation of the daemon: asked for, then waited for in long polls until
 * it has ended.
 *
 * Not every answer to a poll is one. Some servers answer a poll that ran out
 * of time with the operation as it is, others with an error; a finished
 * operation is forgotten after five seconds; and a daemon may be restarted
 * while we wait. So: an error is followed by a plain look at the operation,
 * "not found" means that how it ended is lost, and so does silence that lasts,
 * unless the work is patient: then we ask less and less often, for ever.
 */
#include "runtime/lxd_work.h"

#include <errno.h>
#include <stdio.h>

static void wait_for_it(struct lxd_work *work);
static void look_at_it(struct lxd_work *work);

static void finish(struct lxd_work *work, enum lxd_end end)
{
	work->end = end;
	work->ended(work);
}

static void unanswered(struct lxd_work *work)
{
	uint64_t pause_ms = work->lxd->retry_ms;

	if (work->n_unanswered < LXD_WAIT_TRIES) {
		work->n_unanswered++;
	} else if (!work->patient) {
		finish(work, LXD_LOST);
		return;
	}
	if (work->patient)
		pause_ms *= work->n_unanswered;
	lxd_work_pause(work, pause_ms, look_at_it);
}

/* Leaves what was known of the operation if there is no good answer. */
static int read_operation(struct lxd_work *work)
{
	struct lxd_operation operation;
	int r = lxd_work_sent(work, &work->err);

	if (r == 0)
		r = lxd_read_operation(buf_slice(&work->reply),
		                       work->http.status, &operation,
		                       &work->err);
	if (r == 0)
		work->operation = operation;
	return r;
}

static void on_answer(struct lxd_work *work)
{
	uint64_t took_ms = uv_now(work->lxd->loop) - work->sent_ms;
	int r;

	if (work->hurried) {
		finish(work, LXD_LOST);
		return;
	}
	r = read_operation(work);
	if (r == LXD_E_NOT_FOUND) {
		finish(work, LXD_LOST);
	} else if (r != 0) {
		unanswered(work);
	} else if (work->operation.progress != LXD_PENDING) {
		finish(work, LXD_ENDED);
	} else {
		work->n_unanswered = 0;
		/* a server that does not let us wait is asked at our pace */
		if (took_ms < work->lxd->retry_ms)
			lxd_work_pause(work, work->lxd->retry_ms, wait_for_it);
		else
			wait_for_it(work);
	}
}

static void wait_for_it(struct lxd_work *work)
{
	if (work->hurried) {
		finish(work, LXD_LOST);
		return;
	}
	lxd_work_aim_wait(work, LXD_WAIT_S);
	lxd_work_send(work, "GET", LXD_WAIT_S * 1000 + LXD_WAIT_SLACK_MS, NULL,
	              on_answer);
}

static void look_at_it(struct lxd_work *work)
{
	char path[LXD_ID_MAX + 32];

	if (work->hurried) {
		finish(work, LXD_LOST);
		return;
	}
	(void)snprintf(path, sizeof(path), "/1.0/operations/%s",
	               work->operation.id);
	lxd_work_aim_path(work, path);
	lxd_work_send(work, "GET", LXD_EXCHANGE_MS, NULL, on_answer);
}

/* Could the daemon have read the request? */
static bool was_sent(const struct lxd_work *work)
{
	switch (work->http.err.code) {
	case -ENOENT:
	case -EACCES:
	case -EPERM:
	case -ECONNREFUSED:
		return false;
	default:
		return !work->unsent;
	}
}

static void on_asked(struct lxd_work *work)
{
	int r;

	if (work->hurried) {
		finish(work, LXD_LOST);
		return;
	}
	r = read_operation(work);
	if (r < 0) {
		finish(work, was_sent(work) ? LXD_LOST : LXD_UNREACHABLE);
	} else if (r > 0) {
		work->refusal = (enum lxd_outcome)r;
		finish(work, LXD_REFUSED);
	} else if (work->operation.progress != LXD_PENDING) {
		finish(work, LXD_ENDED);
	} else {
		wait_for_it(work);
	}
}

void lxd_work_run(struct lxd_work *work, const char *method, lxd_next_fn ended)
{
	work->ended = ended;
	work->n_unanswered = 0;
	work->operation = (struct lxd_operation){ .exit_code = -1 };
	lxd_work_send(work, method, LXD_ASK_MS, NULL, on_asked);
}
