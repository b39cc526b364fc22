/* SPDX-License-Identifier: Apache-2.0 */
/*
 * host: the machine that Bouncer runs on, as a runtime. It can do one thing:
 * run a command (exec), through io/process.h: no shell, a process group of its
 * own, TERM and then KILL to the whole group at the deadline.
 *
 * inspect says that the host runs; it does. restart, stop, start and kill
 * complete with RUNTIME_FAILED and say what to configure instead: which
 * process would be meant is not known here.
 *
 * exit_code is what a shell would say: 128 + N for a command that signal N
 * ended; -1 for one that could not be started.
 */
#pragma once

#include <uv.h>
#include "base/macros.h"
#include "runtime/runtime.h"

#define HOST_EXEC_MS 60000 /* a command, unless set */

/* 0 or -ENOMEM. */
int host_runtime_new(struct runtime **runtimep, uv_loop_t *loop) MUST_CHECK;
