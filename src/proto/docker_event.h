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

struct docker_event {
	enum docker_event_kind kind;
	const char *id;   /* not "", unless OTHER */
	const char *name; /* "" if it is not said */
	enum docker_health health;
	int64_t exit_code; /* -1: not said */
	int64_t time_ns;   /* Unix; 0: not said */
};

struct json_t;

/* Text is the document's. Cannot fail: what makes no sense is OTHER. */
void docker_event_read(const struct json_t *root, struct docker_event *out);

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
