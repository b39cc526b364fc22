/* SPDX-License-Identifier: Apache-2.0 */
/*
 * environment: settings from environment variables.
 *
 * Every key of the section `global` is one: push_gw is BOUNCER_PUSH_GW. Only
 * `port`, the old spelling of `addr`, is not: Kubernetes sets BOUNCER_PORT by
 * itself in every pod that can see a service of our name. An empty variable
 * counts as unset. What others set serves where the file says nothing:
 * DOCKER_HOST with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, and STATE_DIRECTORY
 * of systemd.
 *
 * Pure: the environment is a parameter.
 */
#pragma once

#include <stddef.h>
#include "base/arena.h"
#include "config/config.h"

#define ENVIRONMENT_MAX 64 /* settings; more than there are keys */

struct environment {
	const char *config; /* BOUNCER_CONFIG; NULL: not given */
	struct config_override overrides[ENVIRONMENT_MAX];
	size_t n_overrides;
	struct arena memory;
};

/* @envp: "NAME=value", NULL-terminated, borrowed as long as @environment.
 * Returns 0 or -ENOMEM; environment_fini() in any case. */
int environment_read(struct environment *environment,
                     const char *const *envp) MUST_CHECK;
void environment_fini(struct environment *environment);

/* The value of a variable; NULL if it is unset or empty. */
const char *environment_find(const char *const *envp, const char *name);
