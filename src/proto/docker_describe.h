/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker_describe: what a Docker engine, or Podman, says of a container: one
 * element of GET /containers/json, or GET /containers/ID/json. As docker.h:
 * nothing is believed, what is missing is "not known".
 * https://docs.docker.com/reference/api/engine/version/v1.52/
 *
 * Health in a list is the words in `Status` ("Up 2 minutes (unhealthy)") and,
 * from API 1.52 on, an object; old Podmans do not say it there at all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/macros.h"
#include "proto/docker.h"

struct json_t;

enum docker_health {
	DOCKER_HEALTH_NONE,   /* it has no check */
	DOCKER_HEALTH_UNSAID, /* it may have one */
	DOCKER_HEALTH_STARTING,
	DOCKER_HEALTH_HEALTHY,
	DOCKER_HEALTH_UNHEALTHY,
};

/* "healthy" and so on; UNSAID for anything else. */
enum docker_health docker_health_parse(struct slice text);

/* Text is the document's, terminated, "" if it is not said. */
struct docker_description {
	const char *id;
	const char *name;            /* without the slash */
	const char *image;           /* as it was asked for */
	const struct json_t *labels; /* json_next_member(); texts or not */
	enum docker_status status;
	bool stopping; /* Podman; status is RUNNING then */
	enum docker_health health;
	uint32_t n_streak;
	int64_t created_ms;        /* Unix; 0: not known, or never */
	int64_t exit_code;         /* -1: it runs, or not known */
	struct slice network_mode; /* "container:ID", "bridge" … */

	/* of an inspection only */
	const char *ip; /* the first of its networks; "" */
	int64_t started_ms;
	int64_t finished_ms;
	int64_t check_exit_code; /* of the last check that failed, -1 */
	struct slice output;     /* what that check said */
	struct slice pid_mode;   /* as network_mode */
	struct slice ipc_mode;
	enum docker_policy policy;
	bool oom_killed;
	bool auto_remove;
	bool own_action;      /* Podman: it acts on its health by itself */
	bool stopped_by_hand; /* as far as the engine says so itself */
};

/* @element: of a list. @podman: it says less in a list. 0, or -EINVAL with
 * words: it has no Id. */
int docker_describe_listed(const struct json_t *element, bool podman,
                           struct docker_description *out,
                           struct err *err) MUST_CHECK;

/* @root: of an inspection, Podman's own kind (/libpod/) as well. As above. */
int docker_describe_inspected(const struct json_t *root,
                              struct docker_description *out,
                              struct err *err) MUST_CHECK;

/* The container whose namespace it shares, by a mode; p NULL: none. */
struct slice docker_mode_container(struct slice mode);
