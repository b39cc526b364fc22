/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker: the documents that a Docker engine and its client exchange; also
 * Podman's, which speaks the same protocol with an accent.
 * https://docs.docker.com/reference/api/engine/version/v1.47/
 *
 * Pure: bytes in, facts out. Nothing in a document is believed: what is
 * missing or of the wrong type becomes "not known". Unknown members are
 * ignored, so that newer engines are understood.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"

#define DOCKER_DOCUMENT_MAX   (4u << 20) /* bytes of any reply but a stream */
#define DOCKER_ID_MAX         80         /* an id, with its NUL */
#define DOCKER_TIME_MAX       40         /* a time as text, with its NUL */
#define DOCKER_MESSAGE_MAX    200        /* what an engine says, with its NUL */
#define DOCKER_STOP_TIMEOUT_S 10         /* where neither we nor it say more */

/* --- versions of the protocol ------------------------------------------- */

struct docker_version {
	uint16_t major; /* 0.0: not known */
	uint16_t minor;
};

/* "1.41". 0 or -EINVAL. */
int docker_version_parse(struct slice text,
                         struct docker_version *versionp) MUST_CHECK;
/* As strcmp(). */
int docker_version_compare(struct docker_version a, struct docker_version b);
struct docker_version docker_version_min(struct docker_version a,
                                         struct docker_version b);

/* What a 400 says about the version that we used. */
enum docker_refusal {
	DOCKER_REFUSAL_OTHER,   /* it is about something else */
	DOCKER_REFUSAL_TOO_NEW, /* *boundp: the newest that it speaks */
	DOCKER_REFUSAL_TOO_OLD, /* *boundp: the oldest that it speaks */
};

/* @message: from docker_message(). *boundp is 0.0 if it is not said. */
enum docker_refusal docker_refusal(const char *message,
                                   struct docker_version *boundp);

/* --- replies ------------------------------------------------------------ */

/* The words of an error reply, in one line of printable UTF-8: `message` of
 * the JSON document or, where the engine (or a proxy) sends none, the text
 * itself. @out holds DOCKER_MESSAGE_MAX; "" if it says nothing. */
void docker_message(struct slice body, char *out);

enum docker_status {
	DOCKER_STATUS_OTHER, /* created, removing, dead, or unheard of */
	DOCKER_STATUS_RUNNING,
	DOCKER_STATUS_PAUSED,
	DOCKER_STATUS_RESTARTING, /* by the engine's own policy */
	DOCKER_STATUS_EXITED,
};

enum docker_policy { /* when the engine itself starts it again */
	             DOCKER_POLICY_NO,
	             DOCKER_POLICY_ON_FAILURE,
	             DOCKER_POLICY_UNLESS_STOPPED,
	             DOCKER_POLICY_ALWAYS,
};

struct docker_container {
	char id[DOCKER_ID_MAX];
	char started_at[DOCKER_TIME_MAX];  /* RFC 3339, only to be compared; */
	char finished_at[DOCKER_TIME_MAX]; /* year 1 if it never was */
	char error[DOCKER_MESSAGE_MAX];    /* why its last start failed */
	enum docker_status status;
	enum docker_policy policy;
	int64_t exit_code;      /* of the last run; -1 while it runs */
	int64_t stop_timeout_s; /* negative: wait for ever */
	bool has_stop_timeout;  /* it has one of its own */
	bool oom_killed;
	bool auto_remove; /* stopping it deletes it */
};

/* GET /containers/NAME/json. 0, -EINVAL (with words) or -ENOMEM. */
int docker_container_parse(struct slice body, struct docker_container *outp,
                           struct err *err) MUST_CHECK;

/* The same from a document that was parsed already. 0 or -EINVAL. */
struct json_t;
int docker_container_read(const struct json_t *root,
                          struct docker_container *outp,
                          struct err *err) MUST_CHECK;

/* `State` of a list, `State.Status` of an inspection; also of Podman. */
enum docker_status docker_status_parse(struct slice text);
enum docker_policy docker_policy_parse(struct slice text);

/* A person seems to have stopped it: it is down although the engine has been
 * told to keep it up whatever happens. */
bool docker_container_stopped_by_hand(const struct docker_container *container);

/* POST /containers/NAME/exec: the new command's id. As above. */
int docker_exec_created_parse(struct slice body, char *id, size_t id_size,
                              struct err *err) MUST_CHECK;

struct docker_exec {
	bool running;
	int64_t exit_code; /* -1: not known yet */
	int64_t pid;       /* 0: none */
};

/* GET /exec/ID/json. As above. */
int docker_exec_parse(struct slice body, struct docker_exec *outp,
                      struct err *err) MUST_CHECK;

/* The exit code by the shell's convention. Engines before 23 say 126 for a
 * command that does not exist as well; then @output, the engine's own words,
 * tells 127 apart. */
int64_t docker_exec_code(const struct docker_exec *exec, struct slice output);

/* --- requests ----------------------------------------------------------- */

/* The body of POST /containers/NAME/exec; a failure stays in @out->failed.
 * @argv and @env end with NULL, @env may be NULL. */
void docker_exec_create_write(struct buf *out, const char *const *argv,
                              const char *const *env);
/* The body of POST /exec/ID/start. */
#define DOCKER_EXEC_START "{\"Detach\":false,\"Tty\":false}"

/* A container's name or id that may stand in a path: what the engines accept
 * begins with a letter or digit, so that "..", which would lead elsewhere,
 * is none. */
bool docker_name_valid(const char *name);
