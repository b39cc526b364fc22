/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restart, and bringing back what it left stopped.
 *
 * The engine stops, then starts; either may fail, and the engine itself may
 * go away in between. So its answer only says where to look next: what counts
 * is that the container runs and has another start time than before.
 *
 *   looked ──▶ asked ──▶ checked ── runs, started anew ──▶ OK
 *                ▲          ▲ │ │
 *                │          │ │ └── down ──▶ started by us ─┐
 *                │          │ │                            │
 *                │          └─┴── cannot tell yet: later ◀─┘
 *                └── lost, and had no effect: once more
 */
#include <inttypes.h>
#include <stdio.h>
#include "runtime/docker_work.h"

#define ASKED_MAX  2 /* restarts asked for: lost, then once more */
#define STARTS_MAX 4 /* starts of our own that the engine refuses */
#define LOOKS_MAX  6 /* that show no progress */

static void check(struct docker_work *work);

static void check_later(struct docker_work *work)
{
	uint32_t ms = work->wait_ms ? work->wait_ms : work->docker->retry_ms;

	work->wait_ms = MIN(ms * 2, work->docker->retry_max_ms);
	docker_later(work, ms, check);
}

/* --- asking ------------------------------------------------------------- */

static void on_asked(struct docker_work *work)
{
	if (docker_was_done(work)) {
		work->claimed = true;
		work->wait_ms = 0;
	} else {
		/* refused, or lost: it may be down, or up, or on its way; and
		 * 404 may be about the one whose network it shares */
		work->refused = work->err.code == 0;
		docker_note_trouble(work);
	}
	check(work);
}

static void ask(struct docker_work *work)
{
	work->doing = "restarting it";
	work->n_asked++;
	work->asked_ms = uv_now(work->docker->loop);
	/* until the next look says otherwise */
	if (work->call)
		work->call->found.status = RUNTIME_STATUS_OTHER;
	docker_path(work, "containers", work->before.id, "/restart");
	(void)buf_puts(&work->path, buf_text(&work->query));
	docker_send(work, "POST", on_asked);
}

void docker_restart_looked(struct docker_work *work)
{
	if (docker_hands_off(work))
		return;
	work->lingers = true;
	docker_set_stop_query(work);
	docker_allow(work, work->stop_ms + DOCKER_KILL_SLACK_MS +
	                           DOCKER_START_SLACK_MS);
	ask(work);
}

/* --- starting it ourselves ---------------------------------------------- */

static void on_started(struct docker_work *work)
{
	if (docker_was_done(work)) {
		work->claimed = true;
		work->n_looks = 0;
		work->wait_ms = 0;
		check(work);
		return;
	}
	docker_note_trouble(work);
	/* an engine that is away is waited for; one that refuses is not
	 * asked for ever */
	if (!work->err.code)
		work->n_starts++;
	check_later(work);
}

static void start(struct docker_work *work)
{
	char state[DOCKER_STATE_MAX];

	if (work->n_starts >= STARTS_MAX) {
		docker_finish(work, RUNTIME_FAILED,
		              "it is down, and the engine would not start it: "
		              "%s",
		              work->trouble);
		return;
	}
	log_warn(work->docker->log,
	         "a restart left the container stopped; starting it",
	         LOG_STR("runtime", work->docker->name),
	         LOG_STR("target", work->target),
	         LOG_STR("state", docker_describe(&work->now, state)),
	         LOG_STR("reason", work->trouble));
	work->doing = "starting it again";
	work->refused = false;
	docker_path(work, "containers", work->before.id, "/start");
	docker_send(work, "POST", on_started);
}

/* --- what came of it ---------------------------------------------------- */

static bool started_anew(const struct docker_work *work)
{
	if (work->before_ms)
		return docker_started_ms(&work->now) != work->before_ms;
	return strcmp(work->now.started_at, work->before.started_at) != 0;
}

static void judge_running(struct docker_work *work)
{
	uint64_t effect_ms =
		work->asked_ms + work->stop_ms + work->docker->effect_ms;

	if (started_anew(work))
		docker_finish(work, RUNTIME_OK, NULL);
	else if (work->refused)
		docker_finish(work, RUNTIME_FAILED,
		              "the engine could not restart it, and it runs "
		              "as before: %s",
		              work->trouble);
	else if (work->claimed && ++work->n_looks >= LOOKS_MAX)
		docker_finish(work, RUNTIME_FAILED,
		              "the engine says that it was restarted, but it "
		              "runs since %s as before",
		              work->now.started_at);
	else if (work->claimed || uv_now(work->docker->loop) < effect_ms)
		check_later(work);
	else if (work->n_asked < ASKED_MAX)
		ask(work);
	else
		docker_finish(work, RUNTIME_FAILED,
		              "the restart was lost, and it runs as before: "
		              "%s",
		              work->trouble);
}

static void judge_down(struct docker_work *work)
{
	char state[DOCKER_STATE_MAX];

	if (work->claimed && started_anew(work))
		docker_finish(work, RUNTIME_FAILED,
		              "it was restarted, but is %s",
		              docker_describe(&work->now, state));
	else
		start(work);
}

static void judge_restarting(struct docker_work *work)
{
	if (++work->n_looks < LOOKS_MAX)
		check_later(work);
	else
		docker_finish(work, RUNTIME_FAILED,
		              "it ends again and again, and the engine "
		              "restarts it: last exit code %" PRId64,
		              work->now.exit_code);
}

static void on_checked(struct docker_work *work)
{
	if (work->status == 404) {
		docker_finish_refused(work, "restart");
		return;
	}
	if (work->err.code || work->status != 200 ||
	    docker_read_look(work) < 0) {
		docker_note_trouble(work);
		check_later(work);
		return;
	}
	switch (work->now.status) {
	case DOCKER_STATUS_RUNNING:
		judge_running(work);
		return;
	case DOCKER_STATUS_RESTARTING:
		judge_restarting(work);
		return;
	case DOCKER_STATUS_PAUSED:
		(void)docker_hands_off(work);
		return;
	case DOCKER_STATUS_EXITED:
	case DOCKER_STATUS_OTHER:
		judge_down(work);
		return;
	}
}

static void check(struct docker_work *work)
{
	docker_look_again(work, on_checked);
}
