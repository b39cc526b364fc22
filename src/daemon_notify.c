/* SPDX-License-Identifier: Apache-2.0 */
/* What we owe whoever runs us: signs of life to a service manager, and, as
 * process 1, a grave to orphans. */
#include "daemon_parts.h"

#include <stdio.h>
#include "base/buf.h"

#define STATUS_DELAY_MS 1000 /* one line for all that changes meanwhile */

/* --- the status line ---------------------------------------------------- */

static bool is_bad(enum policy_state state)
{
	return state >= POLICY_BREACHED && state <= POLICY_GAVE_UP;
}

static void status_sources(const struct daemon *daemon, struct buf *text)
{
	uint32_t n_down = 0;

	for (uint32_t i = 0; i < daemon->n_groups; i++) {
		const struct group *group = daemon->groups[i];
		bool tried = false;

		for (int result = 0; result < N_READING_RESULTS; result++)
			tried = tried || group->n_readings[result];
		n_down += tried && !group->up;
	}
	if (n_down == 0)
		return;
	if (daemon->n_groups == 1)
		(void)buf_printf(text, ", source down");
	else
		(void)buf_printf(text, ", %u of %u sources down", n_down,
		                 daemon->n_groups);
}

/* "12 monitors, 1 bad, source down" */
static void status_write(const struct daemon *daemon, struct buf *text)
{
	uint32_t n_bad = 0;
	uint32_t n_gave_up = 0;
	uint32_t n_paused = 0;

	for (uint32_t i = 0; i < daemon->n_watched; i++) {
		enum policy_state state =
			daemon->watched[i]->monitor.policy.state;

		n_bad += is_bad(state);
		n_gave_up += state == POLICY_GAVE_UP;
		n_paused += state == POLICY_PAUSED;
	}
	(void)buf_printf(text, "%u monitor%s, %u bad", daemon->n_watched,
	                 daemon->n_watched == 1 ? "" : "s", n_bad);
	if (n_gave_up)
		(void)buf_printf(text, " (%u given up)", n_gave_up);
	if (n_paused)
		(void)buf_printf(text, ", %u paused", n_paused);
	status_sources(daemon, text);
	if (supervisor_standby(&daemon->supervisor))
		(void)buf_puts(text, ", standby");
}

static void status_send(struct daemon *daemon)
{
	struct buf text;

	if (!notify_is_on(&daemon->notify))
		return;
	buf_init(&text, NOTIFY_STATUS_MAX);
	status_write(daemon, &text);
	/* a line that is lost is sent with the next change */
	if (!text.failed)
		(void)notify_status(&daemon->notify, buf_text(&text));
	buf_fini(&text);
}

static void on_status_timer(uv_timer_t *timer)
{
	status_send(container_of(timer, struct daemon, status_timer));
}

void daemon_notify_changed(struct daemon *daemon)
{
	if (notify_is_on(&daemon->notify) && daemon->started &&
	    !uv_is_active((uv_handle_t *)&daemon->status_timer))
		(void)uv_timer_start(&daemon->status_timer, on_status_timer,
		                     STATUS_DELAY_MS, 0);
}

/* --- changes of life ---------------------------------------------------- */

static void warn(struct daemon *daemon, int r)
{
	if (r < 0)
		log_warn(daemon->log, "the service manager cannot be told",
		         LOG_STR("error", err_text(r)));
}

void daemon_notify_ready(struct daemon *daemon)
{
	status_send(daemon);
	warn(daemon, notify_ready(&daemon->notify));
}

void daemon_notify_reloading(struct daemon *daemon)
{
	warn(daemon, notify_reloading(&daemon->notify));
}

void daemon_notify_stopping(struct daemon *daemon)
{
	warn(daemon, notify_stopping(&daemon->notify));
}

/* --- open and close ----------------------------------------------------- */

int daemon_notify_open(struct daemon *daemon)
{
	struct err err = { 0 };

	if (notify_open(&daemon->notify, &daemon->loop, &err) < 0)
		log_warn(daemon->log, "the service manager cannot be told",
		         LOG_STR("error", err.message));
	(void)uv_timer_init(&daemon->loop, &daemon->status_timer);
	daemon->reaping = reaper_is_needed();
	if (!daemon->reaping)
		return 0;
	return reaper_open(&daemon->reaper, &daemon->loop);
}

static void on_status_timer_closed(uv_handle_t *handle)
{
	uv_timer_t *timer = (uv_timer_t *)handle;

	daemon_closed_one(container_of(timer, struct daemon, status_timer));
}

void daemon_notify_close(struct daemon *daemon)
{
	daemon->n_pending += 2;
	notify_close(&daemon->notify, daemon_closed_one, daemon);
	uv_close((uv_handle_t *)&daemon->status_timer, on_status_timer_closed);
	if (daemon->reaping) {
		daemon->n_pending++;
		reaper_close(&daemon->reaper, daemon_closed_one, daemon);
	}
}
