/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lxd_describe: what LXD and Incus say of their instances: one element of
 * GET /1.0/instances?recursion=1, the document of one, and the events of
 * GET /1.0/events?type=lifecycle. As lxd.h: nothing is believed, what is
 * missing is "not known".
 *
 * https://documentation.ubuntu.com/lxd/en/latest/events/
 * https://linuxcontainers.org/incus/docs/main/events/
 *
 * An instance is known by its project and name, "project/name": that is its
 * address, and there is no other id in all versions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "proto/lxd.h"

struct json_t;

#define LXD_NAME_MAX 128                /* of an instance or a project */
#define LXD_KEY_MAX  (2 * LXD_NAME_MAX) /* "project/name" */

/* Text is the document's, terminated, "" if it is not said. */
struct lxd_description {
	const char *name;
	const char *project;         /* "default" where the server knows none */
	const char *image;           /* its description, else its fingerprint */
	const struct json_t *config; /* whole, profiles included; see
	                                lxd_is_label() */
	enum lxd_status status;
	int64_t created_ms;   /* Unix; 0: not known */
	int64_t last_used_ms; /* its last start; 0: not known, or never */
	bool ephemeral;
	bool autorestart; /* Incus: starts it again after an unexpected end */
};

/* @instance: an element of a list, or the metadata of a reply about one. 0, or
 * -EINVAL with words: it has no name. */
int lxd_describe(const struct json_t *instance, struct lxd_description *out,
                 struct err *err) MUST_CHECK;

/* Labels are the keys that are the user's own: "user.…", whole. */
bool lxd_is_label(const char *key);

/* "project/name", cut to "" if it does not fit. Returns @out. */
const char *lxd_key(const char *project, const char *name,
                    char out[LXD_KEY_MAX]);

enum lxd_event_kind {
	LXD_EVENT_OTHER, /* of no interest, or not of an instance */
	LXD_EVENT_CREATED,
	LXD_EVENT_STARTED, /* restarted, too */
	LXD_EVENT_ENDED,   /* stopped, shut down, or died */
	LXD_EVENT_PAUSED,
	LXD_EVENT_RESUMED,
	LXD_EVENT_CHANGED, /* its configuration */
	LXD_EVENT_RENAMED, /* `name` is the new one */
	LXD_EVENT_DELETED,
};

struct lxd_event {
	enum lxd_event_kind kind;
	char name[LXD_NAME_MAX];     /* not "", unless OTHER */
	char old_name[LXD_NAME_MAX]; /* RENAMED */
	char project[LXD_NAME_MAX];
	bool asked;      /* somebody did it; else it came by itself */
	int64_t time_ns; /* Unix; 0: not said */
};

/* One message. 0; -EINVAL (not JSON) or -ENOMEM with words. What makes no
 * sense is OTHER. */
int lxd_read_event(struct slice text, struct lxd_event *out,
                   struct err *err) MUST_CHECK;

/* Whether a server's own document, GET /1.0, has @name among the extensions of
 * its API. Returns as the readers of lxd.h. */
int lxd_read_extension(struct slice reply, uint16_t status, const char *name,
                       bool *hasp, struct err *err) MUST_CHECK;

/* Request targets, as in lxd.h. @project NULL: all of them. */
void lxd_target_list(struct buf *buf, const char *project);
void lxd_target_events(struct buf *buf, const char *project);
