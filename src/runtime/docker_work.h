/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_work: what the parts of the docker runtime share.
 *
 *     docker.c           the runtime; a work's life, deadlines, closing
 *     docker_exchange.c  one question and its answer; the version
 *     docker_power.c     inspect, stop, start, kill
 *     docker_restart.c   restart, and bringing back what it left stopped
 *     docker_exec.c      commands
 *     docker_containers.c  what the engine says of a container; list, remove
 *     docker_watch.c     the stream of events
 *
 * A work is one operation. It begins on the loop's next turn, so that
 * everything after that, completion included, runs from the loop; it has one
 * exchange with the engine at a time, and may outlive its call. A watch is a
 * work whose exchange ends with the stream.
 *
 *   docker_begin ──▶ look ──▶ steps of the operation ──▶ docker_finish
 *                              │ deadline, cancel           │
 *                              ├──▶ call completed, work    │
 *                              │    goes on (`lingers`) ────┤
 *                              └──▶ docker_finish ──────────┴──▶ freed
 */
#pragma once

#include <uv.h>
#include "base/buf.h"
#include "base/list.h"
#include "io/http_client.h"
#include "proto/docker.h"
#include "proto/docker_describe.h"
#include "proto/docker_frames.h"
#include "proto/json_split.h"
#include "runtime/docker.h"
#include "runtime/runtime.h"

#define DOCKER_ADDRESSES_MAX 3
#define DOCKER_OUTPUT_MAX    4096 /* of a health check, bytes */

struct docker_address {
	char *text;
	struct url url; /* lies in the text */
};

struct docker_work;
typedef void (*docker_step_cb)(struct docker_work *work);

struct docker {
	struct runtime runtime;
	uv_loop_t *loop;
	struct http_client *client;
	const struct log *log;
	char *name;
	/* where it may be: what was given, or the usual places */
	struct docker_address addresses[DOCKER_ADDRESSES_MAX];
	size_t n_addresses;
	const struct docker_address *address; /* the one in use */

	/* what negotiation found out */
	bool negotiated;
	bool podman;
	struct docker_version version; /* that we use */

	bool pinging;
	struct http_call ping;
	struct buf ping_reply;
	struct docker_version ping_version;
	bool ping_podman;
	struct list waiting; /* works (`waiting`) that need the version */

	struct list works; /* all (`node`) */
	struct list memos; /* commands that run, or may; oldest first */
	size_t n_memos;

	/* patience, in milliseconds; tests have less */
	uint32_t retry_ms; /* the first wait between two checks */
	uint32_t retry_max_ms;
	uint32_t head_ms;   /* of Podman: no refusal of a stream will come */
	uint32_t effect_ms; /* beyond the stop, for a lost restart to show */

	bool closing;
	uv_timer_t anchor; /* keeps closing asynchronous; never started */
	bool anchored;
	runtime_closed_cb closed;
	void *closed_context;
};

/* A command that was started in a container and not seen to end. */
struct docker_memo {
	struct list node;
	char container[DOCKER_ID_MAX];
	char exec[DOCKER_ID_MAX];
	struct docker_work *owner; /* NULL: its deadline has passed */
};

struct docker_work {
	struct docker *docker;
	struct runtime_call *call;   /* NULL once it was completed */
	struct runtime_watch *watch; /* instead of a call; NULL once closed */
	struct list node;
	docker_step_cb looked; /* what to do with the container */
	char *target;
	bool cancelled;
	bool lingers; /* must not be given up half-way */
	bool closing;
	const char *doing; /* for a deadline: "waiting for …" */
	uv_timer_t deadline;
	uv_timer_t delay;
	docker_step_cb delayed;
	uint8_t n_handles; /* timers not yet closed */

	/* the exchange; see docker_exchange.c */
	struct http_call http;
	bool in_flight;
	struct list waiting;
	const char *method;
	struct buf path;         /* without the version */
	docker_step_cb put_path; /* appends it to target_text; NULL: as it is */
	struct buf target_text;  /* path, as sent */
	struct buf body;
	struct buf reply;
	struct docker_version used;
	uint8_t n_refused; /* times the version was */
	uint8_t n_crowded; /* times the engine's backlog was full */
	docker_step_cb answered;
	docker_step_cb headed; /* the answer is 200; may be NULL */
	int (*streamed)(struct docker_work *work, struct slice bytes);
	bool endless; /* the answer has no deadline, nor the connection others */
	uint16_t status; /* 0: no answer, see err */
	struct err err;
	char message[DOCKER_MESSAGE_MAX]; /* what a refusal says */

	/* what the operation knows */
	struct docker_container before; /* when it began */
	int64_t before_ms; /* its start, if that was seen by the caller */
	struct docker_container now; /* at the last look */
	struct buf query;            /* of stop and restart */
	uint64_t stop_ms;            /* how long stopping may take */
	uint64_t asked_ms;           /* when the engine was asked to restart */
	uint32_t wait_ms;            /* before the next try */
	uint8_t n_asked;             /* restarts asked for */
	uint8_t n_starts;            /* starts of our own */
	uint8_t n_looks;             /* since the engine said it was done */
	bool claimed;                /* the engine says that it is done */
	bool refused;                /* the engine says that it cannot */
	char trouble[DOCKER_MESSAGE_MAX]; /* the last one, for the words */
	struct docker_memo *memo;         /* exec */
	struct docker_frames frames;      /* exec */
	struct json_split split;          /* list, watch */
	struct buf labels;                /* list, inspect: of one container */
	struct buf output;                /* inspect: of its check */
	bool opened;                      /* watch */
};

/* --- docker.c ----------------------------------------------------------- */

/* Ends the work and, if it still has one, its call: "name: target: words".
 * NULL words for RUNTIME_OK. The work must not be touched afterwards. */
void docker_finish(struct docker_work *work, enum runtime_result result,
                   const char *format, ...) PRINTF_LIKE(3, 4);

/* The deadline is now so far away, unless the caller has set one. */
void docker_allow(struct docker_work *work, uint64_t ms);

/* A work that is in the docker's list and calls @begin from the loop; NULL:
 * out of memory. @target: for words, and to look at. */
struct docker_work *docker_work_new(struct docker *docker, const char *target,
                                    docker_step_cb begin) MUST_CHECK;

/* From the loop, soon; a completed call's work is left to its own end. */
void docker_work_cancel(struct docker_work *work);

/* Calls @step from the loop after @ms. */
void docker_later(struct docker_work *work, uint64_t ms, docker_step_cb step);

/* Frees and calls back, if nothing is outstanding any more. */
void docker_maybe_closed(struct docker *docker);

/* Its exchange is over; frees the work if that is all it waited for. */
void docker_work_settled(struct docker_work *work);

/* --- docker_exchange.c -------------------------------------------------- */

/* Sets the addresses; @endpoint NULL: the usual places. 0, -EINVAL with
 * words, or -ENOMEM. */
int docker_set_addresses(struct docker *docker, const char *endpoint,
                         struct err *err) MUST_CHECK;

/* Empties path and body, and begins the path: @kind is "containers" or
 * "exec". More may be appended to work->path. */
void docker_path(struct docker_work *work, const char *kind, const char *id,
                 const char *rest);

/* Sends what is in path and body, and calls @answered with status or err set;
 * possibly before this returns. A `streamed` set by the caller gets the body
 * of a success instead of `reply`, and may end it with a negative code. */
void docker_send(struct docker_work *work, const char *method,
                 docker_step_cb answered);

/* The version and what the engine is are asked for again. */
void docker_forget_version(struct docker *docker);
void docker_ping_cancel(struct docker *docker);

/* Keeps the words for the end of the work. */
void docker_note(struct docker_work *work, const struct err *err);
/* … the answer that has just come. */
void docker_note_trouble(struct docker_work *work);

/* Ends the work: there was no answer. @what: "list its containers". */
void docker_finish_unreachable(struct docker_work *work, const char *what);

/* By what stands before an engine and lets only some of it be asked. */
bool docker_is_denied(const struct docker_work *work);

/* Ends the work on an answer that is no success: cannot be reached, no such
 * container, or refused, with the engine's words. @what: "stop". */
void docker_finish_refused(struct docker_work *work, const char *what);

/* --- docker_power.c ----------------------------------------------------- */

/* Looks at the container by name and continues with work->looked, or ends. */
void docker_look(struct docker_work *work);

/* The same, unless its caller has just looked, and told us. */
void docker_look_unless_seen(struct docker_work *work);

/* Its last start in Unix ms, 0: not known, or never. */
int64_t docker_started_ms(const struct docker_container *container);

/* Asks about the container by its id. */
void docker_look_again(struct docker_work *work, docker_step_cb answered);

/* Reads the answer into `now` and the call's found. 0 or -EINVAL, with words
 * in work->err. */
int docker_read_look(struct docker_work *work) MUST_CHECK;

/* Paused, or in the hands of a work that lingers: ends this one. */
bool docker_hands_off(struct docker_work *work);

/* "stopped, with exit code 3", "paused", … for words. @out: DOCKER_STATE_MAX. */
#define DOCKER_STATE_MAX (DOCKER_MESSAGE_MAX + 80)
const char *docker_describe(const struct docker_container *container,
                            char *out);

/* Sets stop_ms, and in `query` t and signal as this engine wants them. */
void docker_set_stop_query(struct docker_work *work);

/* 204, or 304 for "is so already". */
bool docker_was_done(const struct docker_work *work);

void docker_stop_looked(struct docker_work *work);
void docker_start_looked(struct docker_work *work);
void docker_kill_looked(struct docker_work *work);
void docker_inspect_looked(struct docker_work *work);

/* --- docker_containers.c ------------------------------------------------ */

struct json_t;

/* Begins to look, with the fuller kind of description. */
void docker_inspect_begin(struct docker_work *work);
/* Hands the container over, as the call wants it. -EINVAL, -ENOMEM. */
int docker_tell_inspected(struct docker_work *work, const struct json_t *root,
                          struct err *err) MUST_CHECK;
void docker_list_begin(struct docker_work *work);
void docker_remove_looked(struct docker_work *work);

enum container_health docker_health_of(enum docker_health health);

/* --- docker_watch.c ----------------------------------------------------- */

int docker_watch(struct runtime *runtime,
                 struct runtime_watch *watch) MUST_CHECK;
void docker_unwatch(struct runtime_watch *watch);

/* --- docker_restart.c, docker_exec.c ------------------------------------ */

void docker_restart_looked(struct docker_work *work);
void docker_exec_looked(struct docker_work *work);

/* The work ends: its command, if it was started, is remembered. */
void docker_exec_abandon(struct docker_work *work);
void docker_memos_free(struct docker *docker);
