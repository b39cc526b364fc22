/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker: containers of a Docker engine, or of Podman, which speaks the same
 * protocol. Which of the two answers is seen from its headers, not from @name.
 *
 * Every operation but a kill of what is not there begins with a look at the
 * container, and from then on means that container by its id: one that was
 * replaced meanwhile is left in peace. A paused one is always left alone.
 *
 * A deadline completes the call at once. A restart, stop, start or kill that
 * the engine has been asked for goes on in the background (engines before 25
 * give up half-way when the caller hangs up), and a restart is brought to its
 * end there; until then other operations on that container are RUNTIME_BUSY.
 * A command that outlives its deadline cannot be stopped; no other is started
 * in its container while it runs.
 */
#pragma once

#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "io/http_client.h"
#include "runtime/runtime.h"

/* How long an operation may take when the caller does not say: */
#define DOCKER_ANSWER_MS      30000 /* … an answer that needs no waiting */
#define DOCKER_KILL_SLACK_MS  10000 /* … after the stop timeout, to kill it */
#define DOCKER_START_SLACK_MS 30000 /* … to start it */
#define DOCKER_EXEC_MS        60000 /* … a command */
/* Instead of "wait for ever", which a container's stop timeout may say. */
#define DOCKER_STOP_MAX_MS 3600000
/* Work that outlived its deadline goes on for so long, plus the stop. */
#define DOCKER_LINGER_MS 600000
/* Commands that outlived their deadlines; of more the oldest is forgotten. */
#define DOCKER_EXECS_MAX 1024

/*
 * docker_runtime_new() - containers of one engine
 * @client: borrowed until the runtime is closed
 * @name: for messages, "docker" or "podman"; and says where to look
 * @endpoint: /path, unix:///path, tcp://host:port (2375), https://host:port
 *            (2376; the client knows whose certificates count), or NULL: the
 *            first that exists of the usual places, looked for at each
 *            connection
 *
 * Nothing is sent before the first operation. Returns 0 with *runtimep set
 * (runtime_close()), -EINVAL with words, or -ENOMEM.
 */
int docker_runtime_new(struct runtime **runtimep, uv_loop_t *loop,
                       struct http_client *client, const char *name,
                       const char *endpoint, const struct log *log,
                       struct err *err) MUST_CHECK;
