/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lxd: the instances of LXD and of Incus, over the daemon's unix socket.
 *
 * Both speak the same API; they differ in where their socket is and in the
 * group that may use it. The socket is looked for at every request, so that
 * a daemon that is installed, moved or started later is found.
 *
 * restart, stop, start and kill: look at the instance, do what leads from
 * there to the goal, look again, until it is there (lxd_change.c). What must
 * be known of the API:
 *
 *   - a graceful restart that runs out of time fails and leaves the instance
 *     running; the forced one is ours to ask for;
 *   - a restart that dies after the stop leaves it stopped; so is the start;
 *   - stopping deletes an ephemeral instance: refused here; a restart is safe
 *     as long as it lasts, so it is by force, which cannot run out of time;
 *   - there is no choosing of the stop signal; a `signal` is not sent.
 *
 * exec: the command runs as an operation of the daemon, which cannot be
 * cancelled. At the deadline the call completes, but the work goes on: the
 * operation is watched until it ends and its recorded output is deleted, and
 * until then another command in the same instance is refused with
 * RUNTIME_BUSY (lxd_exec.c).
 *
 * A target is a name, with its project beside it, or an id as list and events
 * have it: "project/name".
 *
 * list: all projects at once, or one after the other where the server cannot
 * (lxd_containers.c). watch: the lifecycle events, through a websocket
 * (lxd_watch.c); the servers keep none, `since_ns` has no meaning.
 *
 * `found.stopped_by_hand`: an instance that was found stopped was stopped by
 * a person or from inside; also set by restart and start, which start it.
 */
#pragma once

#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "base/macros.h"
#include "io/http_client.h"
#include "runtime/runtime.h"

#define LXD_STOP_MS    30000 /* given to a graceful stop, unless set */
#define LXD_FINISH_MS  60000 /* beyond it: by force, start, looking */
#define LXD_START_MS   60000 /* start, unless set */
#define LXD_INSPECT_MS 10000 /* inspect, unless set */
#define LXD_EXEC_MS    60000 /* a command, unless set */

/*
 * lxd_runtime_new() - talk to a daemon
 * @name: "lxd" or "incus"
 * @endpoint: a socket's path, unix:PATH, or an http:// URL; copied. NULL: the
 *            usual places of snap, deb and Incus, with LXD_SOCKET, LXD_DIR,
 *            INCUS_SOCKET, INCUS_DIR before them. A usual place at which
 *            there is nothing gives way to another one, with a line in @log.
 * @client: borrowed; must be closed after the runtime is
 *
 * Nothing is connected yet: a daemon that is not there shows in the result of
 * each operation (RUNTIME_UNAVAILABLE). 0, -EINVAL or -ENOMEM with @err.
 */
int lxd_runtime_new(struct runtime **runtimep, uv_loop_t *loop,
                    struct http_client *client, const char *name,
                    const char *endpoint, const struct log *log,
                    struct err *err) MUST_CHECK;
