/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper: as process 1, buries the orphans that we inherit.
 *
 * libuv waits for the children that it started itself and for no others, so
 * in a container of our own every orphan of a command would stay a zombie. On
 * SIGCHLD we look who is dead without taking him away, and take away only
 * whom no process handle of the loop is waiting for. When one of those stands
 * first in the kernel's queue, libuv takes it within the same turn, and we
 * look again in the next.
 */
#pragma once

#include <stdbool.h>
#include <uv.h>
#include "base/macros.h"

#define REAPER_BATCH 128 /* orphans in one turn of the loop */

typedef void (*reaper_closed_cb)(void *context);

/* Private, but for reading @n_reaped. */
struct reaper {
	uint64_t n_reaped;
	uv_signal_t on_child;
	uv_timer_t again; /* in the next turn */
	int n_open;       /* handles */
	reaper_closed_cb closed;
	void *context;
};

/* Do orphans come to us? As process 1, or as who asked for them
 * (PR_SET_CHILD_SUBREAPER). */
bool reaper_is_needed(void);

/* Reaps what is dead already, and from then on. 0, or negative when the signal
 * cannot be listened to; reaper_close() is needed in both cases. */
int reaper_open(struct reaper *reaper, uv_loop_t *loop) MUST_CHECK;

/* @closed comes from the loop, never before this returns. */
void reaper_close(struct reaper *reaper, reaper_closed_cb closed,
                  void *context);
