/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lxd_work: what the operations of the LXD runtime are made of; private to
 * src/runtime/lxd*.c.
 *
 * A work is a chain of steps, of which each begins one of three things and
 * names the function that goes on after it:
 *
 *   lxd_work_send()   one exchange with the daemon, its reply kept whole
 *   lxd_work_pause()  nothing, for a while
 *   lxd_work_run()    an operation of the daemon: started, then waited for
 *
 * At most one of them is under way. A deadline, or runtime_cancel(), sets
 * `interrupt` and calls `interrupted`; what happens then differs by work. The
 * work may outlive its call (`call` is NULL then), never its runtime.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "io/http_client.h"
#include "proto/lxd.h"
#include "proto/lxd_describe.h"
#include "runtime/lxd.h"
#include "runtime/lxd_socket.h"

#define LXD_MAX_REPLY     (1024 * 1024) /* an instance's document is the largest */
#define LXD_EXCHANGE_MS   10000         /* one exchange, unless it waits */
#define LXD_ASK_MS        60000         /* until an operation has begun */
#define LXD_WAIT_S        30            /* one long poll for an operation */
#define LXD_WAIT_SLACK_MS 10000         /* beyond it, for the reply to come */
#define LXD_RETRY_MS      1000          /* between two tries of anything */
#define LXD_WAIT_TRIES    10 /* unanswered questions for an operation */

enum lxd_knowledge { LXD_UNKNOWN, LXD_YES, LXD_NO };

struct lxd_runtime {
	struct runtime base;
	uv_loop_t *loop;
	struct http_client *client; /* borrowed */
	const struct log *log;      /* borrowed */
	uint64_t retry_ms;          /* LXD_RETRY_MS; tests have less time */
	bool incus;
	bool fallback_logged;
	char *endpoint;    /* as configured, or NULL */
	struct url url;    /* lies in it; URL_UNIX is looked for */
	struct list works; /* lxd_work.node */
	struct list watches;
	enum lxd_knowledge all_projects; /* one list for all projects */

	bool closing;
	uv_idle_t idle; /* closes from the loop, never at once */
	runtime_closed_cb closed;
	void *closed_context;
};

/* How an operation of the daemon ended, as far as we could learn. */
enum lxd_end {
	LXD_ENDED,       /* work->operation tells */
	LXD_REFUSED,     /* never began: work->refusal, work->err */
	LXD_UNREACHABLE, /* never began: work->err */
	LXD_LOST,        /* not known: work->err */
};

struct lxd_work;
typedef void (*lxd_next_fn)(struct lxd_work *work);

/* First member of what contains it, which is freed with it. */
struct lxd_work {
	struct list node;
	struct lxd_runtime *lxd;
	struct runtime_call *call; /* NULL: it was let go */
	const char *target;        /* the call's, or a copy: the name … */
	const char *project;       /* … in this project; NULL: default */
	char own_project[LXD_NAME_MAX];
	lxd_next_fn interrupted;
	lxd_next_fn fini; /* frees what the container owns; or NULL */
	enum runtime_result interrupt; /* RUNTIME_OK: go on */

	uv_timer_t deadline;
	uv_timer_t pause;
	lxd_next_fn next; /* after the exchange or the pause */
	bool pausing;
	bool exchanging;
	bool unsent;  /* the exchange could not be begun */
	bool hurried; /* what was under way was ended early */
	bool patient; /* an operation is never given up */
	bool ending;
	uint8_t n_handles; /* not yet closed */

	/* one exchange */
	struct http_call http;
	struct lxd_socket socket;
	int aimed;                       /* 0, or why there is no socket */
	char user_project[LXD_NAME_MAX]; /* where the socket decides it */
	struct buf path;
	struct buf body;
	struct buf reply;
	uint64_t sent_ms;

	/* one operation */
	lxd_next_fn ended;
	enum lxd_end end;
	enum lxd_outcome refusal;
	struct lxd_operation operation;
	uint8_t n_unanswered;
	struct err err;
};

/* Ties @work (zeroed, on the heap) to @call and arms the deadline. Cannot
 * fail. */
void lxd_work_init(struct lxd_work *work, struct lxd_runtime *lxd,
                   struct runtime_call *call, uint64_t timeout_ms);

/* Of a target that is an id, "project/name", its two parts. */
void lxd_work_split_target(struct lxd_work *work);

/*
 * What the next request is about. Each forgets the former path and body, and
 * looks anew for the daemon's socket.
 *
 * lxd_work_aim():      the work's instance, or LEAF of it
 * lxd_work_aim_wait(): the work's operation, waiting for up to @timeout_s
 * lxd_work_aim_path(): a path that the daemon told, or that we made from one
 * lxd_work_aim_list(): the instances of @project; NULL: of all of them, or of
 *                      the only one that we may use
 */
void lxd_work_aim(struct lxd_work *work, const char *leaf);
void lxd_work_aim_wait(struct lxd_work *work, uint32_t timeout_s);
void lxd_work_aim_path(struct lxd_work *work, const char *path);
void lxd_work_aim_list(struct lxd_work *work, const char *project);

/*
 * lxd_work_send() - one exchange
 * @on_body: what takes the body instead of `reply`; or NULL
 *
 * @next runs from the loop, never before this returns, whatever happened;
 * lxd_work_sent() tells.
 */
void lxd_work_send(struct lxd_work *work, const char *method,
                   uint64_t timeout_ms,
                   int (*on_body)(struct http_call *, struct slice),
                   lxd_next_fn next);

/* 0 if there is a reply to read, or a negative error in words. */
int lxd_work_sent(const struct lxd_work *work, struct err *err) MUST_CHECK;

/* What an operation that could not even begin ends with: the daemon is to
 * blame for most failures of an exchange, but not for our own. */
enum runtime_result lxd_work_blame(int code);

void lxd_work_pause(struct lxd_work *work, uint64_t ms, lxd_next_fn next);

/* Ends the exchange or the pause early; its function runs all the same, from
 * the loop. */
void lxd_work_hurry(struct lxd_work *work);

/*
 * lxd_work_run() - have the daemon do what path and body ask, and wait
 *
 * @ended runs from the loop with work->end and what it says is valid. It is
 * lxd_operation.c that does it.
 */
void lxd_work_run(struct lxd_work *work, const char *method, lxd_next_fn ended);

/* The call gets its completion, with the results that are in it; the work is
 * without a call then. @format becomes its err, unless all is well. */
void lxd_work_complete(struct lxd_work *work, enum runtime_result result,
                       const char *format, ...) PRINTF_LIKE(3, 4);

/* Stops what is under way and frees the work, later. A call that is still
 * there must have been completed. Nothing of the work's runs after this. */
void lxd_work_end(struct lxd_work *work);

/* runtime_cancel(). */
void lxd_work_cancel(struct runtime_call *call);

/* Where the daemon's socket is now, if it has one. 0, or a negative failure
 * with words. */
int lxd_find_socket(struct lxd_runtime *lxd, struct lxd_socket *socket,
                    struct err *err) MUST_CHECK;
/* In words that help: why it cannot be spoken to. Returns @code, or -EPROTO. */
int lxd_explain(const struct lxd_runtime *lxd, const char *path, int code,
                const char *words, struct err *err);
/* The project of those who may only use their own. */
const char *lxd_own_project(char out[LXD_NAME_MAX]);

/* lxd_runtime_close(): the last work has gone. */
void lxd_runtime_maybe_closed(struct lxd_runtime *lxd);

/* The operations, each in its file. */
int lxd_inspect(struct runtime *runtime, struct runtime_call *call);
int lxd_restart(struct runtime *runtime, struct runtime_call *call);
int lxd_stop(struct runtime *runtime, struct runtime_call *call);
int lxd_start(struct runtime *runtime, struct runtime_call *call);
int lxd_kill(struct runtime *runtime, struct runtime_call *call);
int lxd_exec(struct runtime *runtime, struct runtime_call *call);
int lxd_list(struct runtime *runtime, struct runtime_call *call);
int lxd_remove(struct runtime *runtime, struct runtime_call *call);
int lxd_watch(struct runtime *runtime, struct runtime_watch *watch);
void lxd_unwatch(struct runtime_watch *watch);
/* lxd_runtime_close(): all of them. */
void lxd_unwatch_all(struct lxd_runtime *lxd);

/* To the call's `container`: an instance as a list or its document has it. 0,
 * -EINVAL (it is none), -ENOMEM, with words. */
int lxd_tell(struct runtime_call *call, const struct json_t *instance,
             struct err *err) MUST_CHECK;
/* The reply that the work has, which lxd_read_instance() has read. */
int lxd_tell_reply(struct lxd_work *work, struct err *err) MUST_CHECK;
