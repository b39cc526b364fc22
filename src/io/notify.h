/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify: tells the service manager how we are (sd_notify(3)), without its
 * library.
 *
 * NOTIFY_SOCKET names a datagram socket, a path or "@" and an abstract name;
 * where it is not set nothing is ever sent. With WATCHDOG_USEC, and
 * WATCHDOG_PID our own or not set, WATCHDOG=1 is sent from a timer of the
 * loop at half of that time: a loop that hangs is noticed.
 *
 * A change of life (ready, reloading, stopping) waits up to NOTIFY_WAIT_MS for
 * a manager that does not take it; status and watchdog never wait.
 */
#pragma once

#include <stdbool.h>
#include <sys/un.h>
#include <uv.h>
#include "base/err.h"
#include "base/macros.h"

#define NOTIFY_WAIT_MS    1000
#define NOTIFY_STATUS_MAX 160

typedef void (*notify_closed_cb)(void *context);

/* Private, all of it. */
struct notify {
	int fd; /* -1: nobody wants to know */
	struct sockaddr_un address;
	socklen_t n_address;
	uv_timer_t watchdog;
	char status[NOTIFY_STATUS_MAX]; /* what was sent last */
	notify_closed_cb closed;
	void *context;
};

/*
 * notify_open() - take up what the environment says
 *
 * Removes those variables from it, so that our children do not speak for us.
 * Returns 0, also when nobody wants to know, or negative with the words: then
 * nothing will be sent. notify_close() is needed in every case.
 */
int notify_open(struct notify *notify, uv_loop_t *loop,
                struct err *err) MUST_CHECK;

/* Does anybody want to know? */
bool notify_is_on(const struct notify *notify);

/* Milliseconds between two signs of life; 0: none are wanted. */
uint64_t notify_watchdog_ms(const struct notify *notify);

/* Each returns 0 or what sendto() said. Nothing to do is 0. */
int notify_ready(struct notify *notify);
int notify_reloading(struct notify *notify); /* notify_ready() ends it */
int notify_stopping(struct notify *notify);
/* One line; not sent again while it stays the same. */
int notify_status(struct notify *notify, const char *text);

/* @closed comes from the loop, never before this returns. */
void notify_close(struct notify *notify, notify_closed_cb closed,
                  void *context);
