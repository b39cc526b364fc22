/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lxd_kit: an LXD runtime, its client and a daemon that follows a script, on
 * one private loop; and the documents that such a daemon sends.
 */
#pragma once

#include "io/http_client.h"
#include "runtime/lxd.h"
#include "support/loop.h"
#include "support/scripted.h"

#define C1   "/1.0/instances/c1"
#define OP   "/1.0/operations/ab-1"
#define WAIT OP "/wait?timeout=30"
#define OUT  C1 "/logs/exec_ab-1.stdout"
#define ERR  C1 "/logs/exec_ab-1.stderr"

#define GRACEFUL "\"restart\",\"timeout\":30,\"force\":false"
#define FORCED   "\"force\":true"
#define START    "\"action\":\"start\""

#define FAIL(code, words) \
	"{\"type\":\"error\",\"error_code\":" code ",\"error\":\"" words "\"}"
#define SYNC(metadata) "{\"type\":\"sync\",\"metadata\":" metadata "}"
#define IS(code, used)                                        \
	SYNC("{\"status_code\":" code ",\"ephemeral\":false," \
	     "\"last_used_at\":\"" used "\"}")
#define RUNNING IS("103", "t1")
#define RENEWED IS("103", "t2")
#define STOPPED IS("102", "t1")
#define FROZEN  IS("110", "t1")
#define OPERATION(code, own, words)                                   \
	"{\"id\":\"ab-1\",\"status_code\":" code ",\"metadata\":" own \
	",\"err\":\"" words "\"}"
#define BEGUN \
	"{\"type\":\"async\",\"metadata\":" OPERATION("103", "null", "") "}"
#define PENDING       SYNC(OPERATION("103", "null", ""))
#define DONE          SYNC(OPERATION("200", "null", ""))
#define FAILED(words) SYNC(OPERATION("400", "null", words))
#define EXITED(code)                                                   \
	SYNC(OPERATION("200",                                          \
	               "{\"return\":" code ",\"output\":{\"1\":\"" OUT \
	               "\",\"2\":\"" ERR "\"}}",                       \
	               ""))
/* Ten looks at the operation that nobody answers as they should. */
#define SILENCE_OF_ONE                         \
	{                                      \
		"GET " OP, NULL, 503, "<html>" \
	}
#define SILENCE                                                         \
	SILENCE_OF_ONE, SILENCE_OF_ONE, SILENCE_OF_ONE, SILENCE_OF_ONE, \
		SILENCE_OF_ONE, SILENCE_OF_ONE, SILENCE_OF_ONE,         \
		SILENCE_OF_ONE, SILENCE_OF_ONE, SILENCE_OF_ONE
#define STILL_RUNNING "Failed shutting down instance, status is Running"
#define TIDY                                         \
	{ "DELETE " OUT, NULL, 200, SYNC("{}") },    \
	{                                            \
		"DELETE " ERR, NULL, 200, SYNC("{}") \
	}

struct fixture {
	struct test_loop loop;
	struct scripted daemon;
	struct http_client *client;
	struct runtime *runtime;
	struct runtime_call call;
	bool done;
	int n_done;
	bool closed;
};

typedef int (*operation)(struct runtime *, struct runtime_call *,
                         runtime_done_cb);

/* A runtime for the instance c1 and the command `/bin/echo hi`; its waits
 * between two tries are short. */
void fixture_begin(struct fixture *fixture, const struct scripted_row *rows);

/* Fails the test if the script was not followed to its end. */
void fixture_end(struct fixture *fixture);

void fixture_open_runtime(struct fixture *fixture, const char *name,
                          const char *endpoint);
void fixture_close_runtime(struct fixture *fixture);

void fixture_start(struct fixture *fixture, operation op);
void fixture_run(struct fixture *fixture, operation op); /* to its end */

/* @words: must be in the message; or NULL. */
void fixture_expect(const struct fixture *fixture, enum runtime_result result,
                    const char *words);

/* Completions, for tests that begin by hand. */
void fixture_on_done(struct runtime_call *call);
void fixture_on_closed(void *flag);
