/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lxd: the documents of LXD's and Incus's REST API, version 1.0, as far as
 * instances, their state, commands in them and operations go; pure.
 *
 * Every reply is an envelope: `sync` with the answer in `metadata`, `async`
 * with an operation there, or `error` with its own number. The number inside
 * the envelope counts, not HTTP's: newer servers begin long answers with 200
 * before they know how they end. Replies are read into flat structs, so that
 * nothing of the document has to be kept; requests are written as they go.
 *
 * https://documentation.ubuntu.com/lxd/en/latest/rest-api/
 * https://linuxcontainers.org/incus/docs/main/rest-api/
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define LXD_ID_MAX      64    /* an operation's id; a UUID today */
#define LXD_PATH_MAX    256   /* of a recorded output */
#define LXD_TIME_MAX    40    /* a time as the server writes it */
#define LXD_TARGET_MAX  2048  /* a request's path and query */
#define LXD_REQUEST_MAX 65536 /* a request's body: a command's arguments */

/* Named outcomes: what the server said instead of an answer. */
enum lxd_outcome {
	LXD_E_MALFORMED = 1, /* not an envelope, or not what was asked for */
	LXD_E_NOT_FOUND,     /* no such instance, project or operation */
	LXD_E_BUSY,          /* something else is being done to it */
	LXD_E_NOT_RUNNING,
	LXD_E_FROZEN,
	LXD_E_FORBIDDEN,
	LXD_E_REFUSED, /* anything else */
};

/* `status_code` of an instance; the names are the server's words. */
enum lxd_status {
	LXD_STATUS_OTHER,
	LXD_STATUS_RUNNING, /* Running, Ready */
	LXD_STATUS_STOPPED,
	LXD_STATUS_FROZEN,   /* Frozen, Freezing */
	LXD_STATUS_CHANGING, /* Starting, Stopping, Aborting, Thawed */
	LXD_STATUS_ERROR,    /* the server cannot tell its state */
};

/* Of the `status_code` of an instance. */
enum lxd_status lxd_status_of(int64_t code);

struct lxd_instance {
	enum lxd_status status;
	bool ephemeral; /* stopping it deletes it */
	char last_used
		[LXD_TIME_MAX]; /* changes at each start; "" if not told */
};

enum lxd_progress { LXD_PENDING, LXD_SUCCESS, LXD_FAILURE, LXD_CANCELLED };

struct lxd_operation {
	char id[LXD_ID_MAX];
	enum lxd_progress progress;
	enum lxd_outcome why;         /* when it failed: as for a refusal */
	char error[ERR_MESSAGE_SIZE]; /* the server's words, "" if none */
	int64_t exit_code;            /* of a command, -1 if it has none */
	char output[2][LXD_PATH_MAX]; /* recorded stdout, stderr; "" none */
};

struct json_t;

/* What is in the envelope; *metadatap lies in *rootp, which is the caller's to
 * free, also after a failure. Returns as the readers below do. */
int lxd_open_envelope(struct slice reply, uint16_t status,
                      struct json_t **rootp, const struct json_t **metadatap,
                      struct err *err) MUST_CHECK;

/*
 * Each reads one reply. Returns 0, a lxd_outcome with the server's words in
 * @err (its code is -EPROTO for LXD_E_MALFORMED, else -EREMOTEIO), or
 * -ENOMEM. @status is HTTP's, for replies that are no envelope at all.
 */
int lxd_read_instance(struct slice reply, uint16_t status,
                      struct lxd_instance *instance,
                      struct err *err) MUST_CHECK;
/* Of the `async` reply that starts one as well as of its own document. */
int lxd_read_operation(struct slice reply, uint16_t status,
                       struct lxd_operation *operation,
                       struct err *err) MUST_CHECK;
/* Any answer but a refusal will do. */
int lxd_read_empty(struct slice reply, uint16_t status,
                   struct err *err) MUST_CHECK;

enum lxd_action { LXD_START, LXD_STOP, LXD_RESTART };

/* The body of `PUT …/state`. @timeout_s counts only without @force. */
void lxd_write_state(struct buf *buf, enum lxd_action action,
                     uint32_t timeout_s, bool force);

/* The body of `POST …/exec`. @env: "K=V", NULL-terminated, or NULL; entries
 * without '=' are left out. @record: what it writes is kept, until deleted. */
void lxd_write_exec(struct buf *buf, const char *const *argv,
                    const char *const *env, bool record);

/*
 * Request targets. @project may be NULL; failures stay in `buf->failed`.
 *
 * lxd_target_instance(): /1.0/instances/NAME[/LEAF][?project=P]
 * lxd_target_wait():     /1.0/operations/ID/wait?timeout=S[&project=P]
 * lxd_target_path():     PATH[?project=P], of a recorded output, an operation
 */
void lxd_target_instance(struct buf *buf, const char *name, const char *leaf,
                         const char *project);
void lxd_target_wait(struct buf *buf, const char *id, uint32_t timeout_s,
                     const char *project);
void lxd_target_path(struct buf *buf, const char *path, const char *project);

/* A name that can stand in a path without changing its meaning. */
bool lxd_name_is_valid(const char *name);
