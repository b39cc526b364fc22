/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container: what an engine says of one container or instance, in our words,
 * whichever engine it is. A runtime fills it for the time of a callback; who
 * wants to keep anything copies it.
 *
 * What is not known is zero, NULL or -1. A list says less than an inspection
 * (`detailed`): of the health perhaps only that there is a check at all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum container_status {
	CONTAINER_OTHER, /* created, removing, dead, error, unheard of */
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,     /* frozen, too */
	CONTAINER_RESTARTING, /* the engine itself is at it */
	CONTAINER_STOPPING,   /* where the engine says so */
	CONTAINER_EXITED,     /* stopped, too */
};

enum container_health {
	CONTAINER_HEALTH_NONE,   /* it has no check */
	CONTAINER_HEALTH_UNSAID, /* it may have one: look at it */
	CONTAINER_HEALTH_STARTING,
	CONTAINER_HEALTH_HEALTHY,
	CONTAINER_HEALTH_UNHEALTHY,
};

/* When the engine itself starts it again. */
enum container_policy {
	CONTAINER_POLICY_UNSAID,
	CONTAINER_POLICY_NO,
	CONTAINER_POLICY_ON_FAILURE,
	CONTAINER_POLICY_UNLESS_STOPPED,
	CONTAINER_POLICY_ALWAYS,
};

/* Labels that compose itself sets and reads. */
#define CONTAINER_COMPOSE_PROJECT "com.docker.compose.project"
#define CONTAINER_COMPOSE_SERVICE "com.docker.compose.service"
#define CONTAINER_COMPOSE_NUMBER  "com.docker.compose.container-number"
#define CONTAINER_COMPOSE_ONEOFF  "com.docker.compose.oneoff"
#define CONTAINER_COMPOSE_DEPENDS "com.docker.compose.depends_on"

struct container_label {
	const char *name;
	const char *value;
};

/* All text is borrowed for the call. */
struct container {
	const char *id;      /* the engine's own; of LXD its project and name,
	                        "project/name" */
	const char *name;    /* without a slash; "" if it has none */
	const char *project; /* LXD, Incus; "" elsewhere */
	const char *image;
	const struct container_label *labels; /* `user.*` keys on LXD, whole */
	size_t n_labels;

	enum container_status status;
	enum container_health health;
	enum container_policy policy;
	uint32_t n_streak;       /* checks in a row that failed */
	int64_t created_wall_ms; /* each Unix ms, 0: not known or never */
	int64_t started_wall_ms;
	int64_t finished_wall_ms;
	int64_t exit_code; /* of the last run; of a check if unhealthy, see
	                      check_exit_code; -1: not known */
	int64_t check_exit_code; /* of the last check that failed; -1 */
	const char *output;      /* of that check, "" if none */

	const char *ip; /* its first address, of an inspection; "" or NULL: not
	                   known. Not kept by who remembers containers */

	/* Whose namespaces it shares, an id; NULL: nobody's. */
	const char *network_of;
	const char *pid_of;
	const char *ipc_of;

	bool detailed;
	bool oom_killed;
	bool auto_remove;      /* stopping it deletes it; ephemeral, too */
	bool own_action;       /* its engine acts on its health by itself */
	bool stopped_by_hand;  /* as runtime_target says it */
	bool has_stop_timeout; /* one of its own, and it was looked at: */
	int64_t stop_timeout_ms;
	bool opted_out; /* its label says so, to a rule: see core/selector.h */
	bool ended_by_us; /* a step of ours killed it: no engine says so, see
	                     core/container_known.h */
};

/* The value of a label, NULL if it has none of that name. */
const char *container_label(const struct container *container,
                            const char *name);

/* A number in a label, in milliseconds: @unit_ms each. False if the container
 * has no such label, or it is no number of time. */
bool container_label_time(const struct container *container, const char *name,
                          uint32_t unit_ms, uint64_t *msp);

/*
 * container_identity() - what stays the same when it is made anew
 *
 * "project/service/number" of compose where it has these labels and is no
 * "compose run", else its name, of LXD and Incus with "project/" before it
 * unless that is "default". Writes at most @size bytes with a NUL at the end;
 * returns the length, cut or not.
 */
size_t container_identity(const struct container *container, char *out,
                          size_t size);
#define CONTAINER_IDENTITY_MAX 320
