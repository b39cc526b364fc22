/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_kit: a docker runtime that talks to a scripted engine, and what such
 * an engine says. The container is called web, its id is c0ffee.
 */
#pragma once

#include "support/cmocka.h"
#include "support/loop.h"
#include "support/scripted.h"

#include "base/buf.h"
#include "base/log.h"
#include "io/http_client.h"
#include "runtime/runtime.h"

/* --- what the engine says ----------------------------------------------- */

#define STATE(status, started, more)                          \
	"{\"Id\":\"c0ffee\",\"State\":{\"Status\":\"" status  \
	"\",\"StartedAt\":\"" started "\",\"ExitCode\":137}," \
	"\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"always\"}}" more "}"
#define RUNNING STATE("running", "t1", "")
#define RENEWED STATE("running", "t2", "")
#define STOPPED STATE("exited", "t1", "")
#define CRASHED STATE("exited", "t2", "")
#define PAUSED  STATE("paused", "t1", "")
#define AGAIN   STATE("restarting", "t2", "")
#define AUTO_REMOVE                                              \
	"{\"Id\":\"c0ffee\",\"State\":{\"Status\":\"running\"}," \
	"\"HostConfig\":{\"AutoRemove\":true}}"
#define PATIENT     STATE("running", "t1", ",\"Config\":{\"StopTimeout\":7}")
#define SAYS(words) "{\"message\":\"" words "\"}"

#define ENGINE(api) "Api-Version: " api "\r\nServer: Docker/20.10\r\n"
#define PODMAN                                               \
	"Api-Version: 1.41\r\nLibpod-API-Version: 4.3.1\r\n" \
	"Server: Libpod/4.3.1 (linux)\r\n"
#define PING(headers)                                 \
	{                                             \
		"GET /_ping", NULL, SCRIPTED_BYTES,   \
			"HTTP/1.1 200 OK\r\n" headers \
			"Content-Length: 2\r\n\r\nOK" \
	}
#define HELLO PING(ENGINE("1.41"))

#define C "/v1.41/containers/c0ffee"
#define LOOK(reply)                                                \
	{                                                          \
		"GET /v1.41/containers/web/json", NULL, 200, reply \
	}
#define CHECK(reply)                               \
	{                                          \
		"GET " C "/json", NULL, 200, reply \
	}
#define POST(path, status, reply)                 \
	{                                         \
		"POST " path, NULL, status, reply \
	}

/* --- the fixture -------------------------------------------------------- */

struct fixture {
	struct test_loop loop;
	struct scripted engine;
	struct http_client *client;
	struct runtime *runtime;
	struct log log;
	struct buf said; /* what was logged */
	struct runtime_call call;
	bool done;
	int n_done;
	bool closed;
};

typedef int (*operation)(struct runtime *, struct runtime_call *,
                         runtime_done_cb);

/* A loop, an engine with that script, a runtime with less patience than a
 * real one has, and a call for "web". */
void docker_begin_test(struct fixture *fixture,
                       const struct scripted_row *rows);
/* At another address, or NULL for the usual places. */
void docker_open(struct fixture *fixture, const char *name,
                 const char *endpoint);
void docker_close_all(struct fixture *fixture);
/* Closes; the second fails the test unless the whole script was asked. */
void docker_end_early(struct fixture *fixture);
void docker_end_test(struct fixture *fixture);

/* Less patience than a real one has. */
void docker_hurry(struct runtime *runtime);
/* Sets the bool that @context is. */
void docker_closed(void *context);

/* The fixture's call: begins; begins and waits for the end. */
void docker_call_done(struct runtime_call *call);
void docker_start(struct fixture *fixture, operation op);
void docker_run(struct fixture *fixture, operation op);

/* @words: NULL, or part of the message. */
void docker_expect(const struct fixture *fixture, enum runtime_result result,
                   const char *words);
/* Waits for words in the log. */
void docker_until_said(struct fixture *fixture, const char *words);

/* One operation, a script, an end. */
struct story {
	const char *name;
	operation op;
	struct scripted_row rows[16];
	enum runtime_result result;
	enum runtime_status status;
	const char *words;
};

void docker_tell(const struct story *stories, size_t n);
