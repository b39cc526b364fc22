/* SPDX-License-Identifier: Apache-2.0 */
#include "io/reaper.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

bool reaper_is_needed(void)
{
	int subreaper = 0;

	return getpid() == 1 ||
	       (prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper);
}

/* --- whose child it is -------------------------------------------------- */

struct search {
	pid_t pid;
	bool found;
};

static void look_at(uv_handle_t *handle, void *context)
{
	struct search *search = context;

	/* a handle is active until libuv has taken its process away; after
	 * that the number may be another's */
	if (uv_handle_get_type(handle) == UV_PROCESS && uv_is_active(handle) &&
	    uv_process_get_pid((uv_process_t *)handle) == search->pid)
		search->found = true;
}

static bool is_awaited(uv_loop_t *loop, pid_t pid)
{
	struct search search = { .pid = pid };

	uv_walk(loop, look_at, &search);
	return search.found;
}

/* --- looking ------------------------------------------------------------ */

static void on_again(uv_timer_t *timer);

static void reap(struct reaper *reaper)
{
	for (int i = 0; i < REAPER_BATCH; i++) {
		siginfo_t dead = { 0 };

		if (waitid(P_ALL, 0, &dead, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    dead.si_pid == 0)
			return;
		if (is_awaited(reaper->again.loop, dead.si_pid))
			break;
		if (waitpid(dead.si_pid, NULL, WNOHANG) == dead.si_pid)
			reaper->n_reaped++;
	}
	/* cannot fail: the callback is given and the handle not closing */
	(void)uv_timer_start(&reaper->again, on_again, 0, 0);
}

static void on_again(uv_timer_t *timer)
{
	reap(container_of(timer, struct reaper, again));
}

static void on_child(uv_signal_t *handle, int signum)
{
	reap(container_of(handle, struct reaper, on_child));
}

int reaper_open(struct reaper *reaper, uv_loop_t *loop)
{
	int r;

	*reaper = (struct reaper){ 0 };
	/* never fails */
	(void)uv_timer_init(loop, &reaper->again);
	reaper->n_open = 1;
	r = uv_signal_init(loop, &reaper->on_child);
	if (r < 0)
		return r;
	reaper->n_open = 2;
	r = uv_signal_start(&reaper->on_child, on_child, SIGCHLD);
	if (r == 0)
		reap(reaper);
	return r;
}

/* --- the end ------------------------------------------------------------ */

static void reaper_closed_one(struct reaper *reaper)
{
	if (--reaper->n_open == 0)
		reaper->closed(reaper->context);
}

static void on_timer_closed(uv_handle_t *handle)
{
	reaper_closed_one(
		container_of((uv_timer_t *)handle, struct reaper, again));
}

static void on_signal_closed(uv_handle_t *handle)
{
	reaper_closed_one(
		container_of((uv_signal_t *)handle, struct reaper, on_child));
}

void reaper_close(struct reaper *reaper, reaper_closed_cb closed, void *context)
{
	bool listens = reaper->n_open > 1;

	reaper->closed = closed;
	reaper->context = context;
	uv_close((uv_handle_t *)&reaper->again, on_timer_closed);
	if (listens)
		uv_close((uv_handle_t *)&reaper->on_child, on_signal_closed);
}
