/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_event: one event of GET /events, of Docker or Podman.
 * https://docs.docker.com/reference/api/engine/version/v1.52/#tag/System/operation/SystemEvents
 *
 * Read is what all versions have: Type, Action, Actor, time, timeNano; the
 * older `status` and `id` only where those are missing. Docker says
 * "health_status: unhealthy" in one text; Podman says "health_status", with
 * the value beside it, and "died", "remove".
 *
 * Also what to ask for, so that an engine keeps the noise to itself: each
 * check of a container's health is three events about an exec.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "proto/docker_describe.h"

enum docker_event_kind {
	DOCKER_EVENT_OTHER, /* of no interest, or not of a container */
	DOCKER_EVENT_CREATED,
	DOCKER_EVENT_STARTED,
	DOCKER_EVENT_HEALTH, /* `health` */
	DOCKER_EVENT_ASKED,  /* to stop, or by a signal that may end it */
	DOCKER_EVENT_ENDED,  /* `exit_code` */
	DOCKER_EVENT_PAUSED,
	DOCKER_EVENT_RESUMED,
	DOCKER_EVENT_CHANGED, /* renamed, or its settings */
	DOCKER_EVENT_REMOVED,
};

#define DOCKER_EVENT_TEXT_MAX 264 /* of a name and the like, with its NUL */

struct docker_event {
	enum docker_event_kind kind;
	char id[DOCKER_ID_MAX];           /* not "", unless OTHER */
	char name[DOCKER_EVENT_TEXT_MAX]; /* "" if it is not said */
	enum docker_health health;
	int64_t exit_code; /* -1: not said */
	int64_t time_ns;   /* Unix; 0: not said */
};

/* One event, whole. Allocates nothing, unless a text has escapes: there may be
 * a thousand of no interest in a second. 0 (what makes no sense is OTHER),
 * -EINVAL (no JSON), -ENOMEM. */
int docker_event_parse(struct slice text, struct docker_event *out) MUST_CHECK;

/*
 * docker_events_path() - "/events?since=…&filters=…"
 * @since_ns: Unix; 0: from now on
 *
 * The filters differ: Docker takes each action for a prefix as soon as
 * "health_status" is among them, so that none may be one of what is not
 * wanted; Podman matches whole texts, has other names for two, and fails on
 * a key that it does not know. A failure stays in @out->failed.
 */
void docker_events_path(struct buf *out, int64_t since_ns, bool podman);
