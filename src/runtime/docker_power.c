/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a container; stop, start, kill. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/text.h"
#include "proto/json.h"
#include "proto/timestamp.h"
#include "runtime/docker_work.h"

/* `signal` of stop and restart is ignored by engines before this. */
static const struct docker_version docker_signal_since = { 1, 42 };

/* --- the look ----------------------------------------------------------- */

static enum runtime_status status_of(enum docker_status status)
{
	static const enum runtime_status statuses[] = {
		[DOCKER_STATUS_OTHER] = RUNTIME_STATUS_OTHER,
		[DOCKER_STATUS_RUNNING] = RUNTIME_STATUS_RUNNING,
		[DOCKER_STATUS_PAUSED] = RUNTIME_STATUS_PAUSED,
		[DOCKER_STATUS_RESTARTING] = RUNTIME_STATUS_RESTARTING,
		[DOCKER_STATUS_EXITED] = RUNTIME_STATUS_EXITED,
	};

	return statuses[status];
}

static uint64_t seconds_as_ms(int64_t seconds)
{
	if (seconds < 0 || seconds > DOCKER_STOP_MAX_MS / 1000)
		return DOCKER_STOP_MAX_MS;
	return (uint64_t)seconds * 1000;
}

static void note_found(struct docker_work *work)
{
	const struct docker_container *now = &work->now;
	struct runtime_target *found;

	if (!work->call)
		return;
	found = &work->call->found;
	found->status = status_of(now->status);
	(void)snprintf(found->id, sizeof(found->id), "%s", now->id);
	found->exit_code = now->exit_code;
	found->stop_timeout_ms =
		now->has_stop_timeout
			? (int64_t)seconds_as_ms(now->stop_timeout_s)
			: -1;
	found->stopped_by_hand = docker_container_stopped_by_hand(now);
	found->ephemeral = now->auto_remove;
	found->started_wall_ms = docker_started_ms(now);
}

int64_t docker_started_ms(const struct docker_container *container)
{
	int64_t ms;

	if (timestamp_parse_rfc3339(slice_from(container->started_at), &ms) < 0)
		return 0;
	return MAX(ms, 0);
}

static bool wants_description(const struct docker_work *work)
{
	return work->looked == docker_inspect_looked && work->call &&
	       work->call->container && !work->cancelled;
}

int docker_read_look(struct docker_work *work)
{
	struct json_t *root;
	int r = json_parse(buf_slice(&work->reply), &root, &work->err);

	if (r < 0)
		return r;
	r = docker_container_read(root, &work->now, &work->err);
	if (r == 0)
		note_found(work);
	if (r == 0 && wants_description(work))
		r = docker_tell_inspected(work, root, &work->err);
	json_free(root);
	return r;
}

static void on_looked(struct docker_work *work)
{
	if (work->looked == docker_remove_looked && work->status == 404) {
		docker_finish(work, RUNTIME_OK, NULL); /* gone already */
		return;
	}
	if (work->err.code || work->status != 200) {
		docker_finish_refused(work, "describe");
		return;
	}
	if (docker_read_look(work) < 0) {
		docker_finish(work, RUNTIME_FAILED,
		              "the engine's description of it makes no sense: "
		              "%s",
		              work->err.message);
		return;
	}
	work->before = work->now;
	work->looked(work);
}

static enum docker_status status_seen(enum runtime_status status)
{
	static const enum docker_status statuses[] = {
		[RUNTIME_STATUS_OTHER] = DOCKER_STATUS_OTHER,
		[RUNTIME_STATUS_RUNNING] = DOCKER_STATUS_RUNNING,
		[RUNTIME_STATUS_PAUSED] = DOCKER_STATUS_PAUSED,
		[RUNTIME_STATUS_RESTARTING] = DOCKER_STATUS_RESTARTING,
		[RUNTIME_STATUS_EXITED] = DOCKER_STATUS_EXITED,
	};

	return statuses[status];
}

/* Enough to act on: who it is, and by what a new start is told. What engine
 * this is must be known, too. */
static bool can_skip_look(const struct docker_work *work)
{
	const struct runtime_target *seen = work->call->seen;

	return seen && docker_name_valid(seen->id) && seen->started_wall_ms &&
	       work->docker->negotiated;
}

static void take_seen(struct docker_work *work)
{
	const struct runtime_target *seen = work->call->seen;
	struct docker_container *now = &work->now;

	*now = (struct docker_container){
		.status = status_seen(seen->status),
		.exit_code = seen->exit_code,
		.has_stop_timeout = seen->stop_timeout_ms >= 0,
		.stop_timeout_s = DOCKER_STOP_TIMEOUT_S,
		.auto_remove = seen->ephemeral,
	};
	if (now->has_stop_timeout)
		now->stop_timeout_s = seen->stop_timeout_ms / 1000;
	(void)snprintf(now->id, sizeof(now->id), "%s", seen->id);
	work->call->found = *seen;
	work->before = work->now;
	work->before_ms = seen->started_wall_ms;
}

void docker_look_unless_seen(struct docker_work *work)
{
	if (!can_skip_look(work)) {
		docker_look(work);
		return;
	}
	take_seen(work);
	work->looked(work);
}

void docker_look(struct docker_work *work)
{
	work->doing = "looking at it";
	docker_path(work, "containers", work->target, "/json");
	docker_send(work, "GET", on_looked);
}

void docker_look_again(struct docker_work *work, docker_step_cb answered)
{
	docker_path(work, "containers", work->before.id, "/json");
	docker_send(work, "GET", answered);
}

const char *docker_describe(const struct docker_container *container, char *out)
{
	static const char *const names[] = {
		[DOCKER_STATUS_OTHER] = "neither running nor exited",
		[DOCKER_STATUS_RUNNING] = "running",
		[DOCKER_STATUS_PAUSED] = "paused",
		[DOCKER_STATUS_RESTARTING] = "being restarted by the engine",
		[DOCKER_STATUS_EXITED] = "stopped",
	};

	if (container->status != DOCKER_STATUS_EXITED)
		return names[container->status];
	(void)snprintf(out, DOCKER_STATE_MAX,
	               "stopped, with exit code %" PRId64 "%s%s%s",
	               container->exit_code,
	               container->oom_killed ? ", out of memory" : "",
	               container->error[0] ? ": " : "", container->error);
	return out;
}

/* The work that outlived its deadline on the same container, if any. */
static const struct docker_work *find_lingering(const struct docker_work *work)
{
	LIST_FOR_EACH (node, &work->docker->works) {
		const struct docker_work *other =
			container_of(node, struct docker_work, node);

		if (!other->call && !other->closing && other->lingers &&
		    strcmp(other->before.id, work->before.id) == 0)
			return other;
	}
	return NULL;
}

bool docker_hands_off(struct docker_work *work)
{
	const struct docker_work *other = find_lingering(work);

	if (other)
		docker_finish(work, RUNTIME_BUSY,
		              "an earlier operation on it has not ended: the "
		              "engine is still %s",
		              other->doing);
	else if (work->now.status == DOCKER_STATUS_PAUSED)
		docker_finish(work, RUNTIME_LEFT_ALONE,
		              "it is paused and left alone; unpause it first");
	else
		return false;
	return true;
}

/* --- stop, start, kill -------------------------------------------------- */

/* The stop timeout in seconds to send; negative: send none. */
static int64_t stop_seconds(const struct docker_work *work)
{
	int64_t asked_ms = work->call->stop_timeout_ms;

	if (asked_ms >= 0)
		return asked_ms / 1000 + (asked_ms % 1000 != 0);
	/* Podman takes a missing `t` for 0, and kills at once */
	if (work->docker->podman)
		return work->now.stop_timeout_s < 0 ? DOCKER_STOP_MAX_MS / 1000
		                                    : work->now.stop_timeout_s;
	return -1;
}

void docker_set_stop_query(struct docker_work *work)
{
	const struct docker *docker = work->docker;
	int64_t seconds = stop_seconds(work);
	const char *signal = work->call->signal;
	char separator = '?';

	work->stop_ms = seconds_as_ms(seconds >= 0 ? seconds
	                                           : work->now.stop_timeout_s);
	if (seconds >= 0) {
		(void)buf_printf(&work->query, "?t=%" PRId64, seconds);
		separator = '&';
	}
	if (!signal)
		return;
	if (docker->podman ||
	    docker_version_compare(docker->version, docker_signal_since) < 0) {
		log_debug(docker->log,
		          "signal is not sent: this engine does not know it",
		          LOG_STR("runtime", docker->name),
		          LOG_STR("target", work->target),
		          LOG_STR("signal", signal));
		return;
	}
	(void)buf_printf(&work->query, "%csignal=", separator);
	text_escape_url(&work->query, slice_from(signal));
}

bool docker_was_done(const struct docker_work *work)
{
	return !work->err.code &&
	       (work->status / 100 == 2 || work->status == 304);
}

static void on_stopped(struct docker_work *work)
{
	/* --rm may have deleted it before we were told */
	if (!docker_was_done(work) &&
	    !(work->status == 404 && work->before.auto_remove)) {
		docker_finish_refused(work, "stop");
		return;
	}
	if (work->call)
		work->call->found.status = RUNTIME_STATUS_EXITED;
	docker_finish(work, RUNTIME_OK, NULL);
}

void docker_stop_looked(struct docker_work *work)
{
	if (docker_hands_off(work))
		return;
	work->doing = "stopping it";
	work->lingers = true;
	docker_set_stop_query(work);
	docker_allow(work, work->stop_ms + DOCKER_KILL_SLACK_MS);
	docker_path(work, "containers", work->now.id, "/stop");
	(void)buf_puts(&work->path, buf_text(&work->query));
	docker_send(work, "POST", on_stopped);
}

static void on_start_seen(struct docker_work *work)
{
	char state[DOCKER_STATE_MAX];

	if (work->err.code || work->status != 200 ||
	    docker_read_look(work) < 0) {
		docker_finish_refused(work, "describe");
		return;
	}
	if (work->now.status == DOCKER_STATUS_RUNNING)
		docker_finish(work, RUNTIME_OK, NULL);
	else
		docker_finish(work, RUNTIME_FAILED, "it was started, but is %s",
		              docker_describe(&work->now, state));
}

/* 404: it is gone, or the one whose network it shares. */
static void on_start_missed(struct docker_work *work)
{
	if (work->err.code || work->status != 200 || docker_read_look(work) < 0)
		docker_finish_refused(work, "start");
	else
		docker_finish(work, RUNTIME_FAILED,
		              "the engine would not start it: %s",
		              work->trouble);
}

static void on_started(struct docker_work *work)
{
	if (docker_was_done(work)) {
		docker_look_again(work, on_start_seen);
	} else if (!work->err.code && work->status == 404) {
		docker_note_trouble(work);
		docker_look_again(work, on_start_missed);
	} else {
		docker_finish_refused(work, "start");
	}
}

void docker_start_looked(struct docker_work *work)
{
	if (docker_hands_off(work))
		return;
	work->doing = "starting it";
	work->lingers = true;
	docker_allow(work, DOCKER_START_SLACK_MS);
	docker_path(work, "containers", work->now.id, "/start");
	docker_send(work, "POST", on_started);
}

static void on_killed(struct docker_work *work)
{
	if (docker_was_done(work))
		docker_finish(work, RUNTIME_OK, NULL);
	else
		docker_finish_refused(work, "kill");
}

void docker_kill_looked(struct docker_work *work)
{
	char state[DOCKER_STATE_MAX];

	if (docker_hands_off(work))
		return;
	if (work->now.status != DOCKER_STATUS_RUNNING) {
		docker_finish(work, RUNTIME_FAILED,
		              "it is not running, so it cannot be killed: it "
		              "is %s",
		              docker_describe(&work->now, state));
		return;
	}
	work->doing = "killing it";
	work->lingers = true;
	docker_path(work, "containers", work->now.id, "/kill");
	if (work->call->signal) {
		(void)buf_puts(&work->path, "?signal=");
		text_escape_url(&work->path, slice_from(work->call->signal));
	}
	docker_send(work, "POST", on_killed);
}

void docker_inspect_looked(struct docker_work *work)
{
	docker_finish(work, RUNTIME_OK, NULL);
}
