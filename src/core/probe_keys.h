/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_keys: a check that an instance of LXD or Incus carries in its own
 * configuration, in the keys of incus-compose's ic-healthd
 * (https://github.com/lxc/incus-compose, docs: "Config Storage"):
 *
 *   user.healthcheck.test            ["CMD","wget","-q","http://localhost"]
 *                                    ["CMD-SHELL","pidof app"]  ["NONE"]
 *   user.healthcheck.interval        30s
 *   user.healthcheck.timeout         30s
 *   user.healthcheck.retries         3
 *   user.healthcheck.start_period    0s
 *   user.healthcheck.start_interval  5s
 *   user.healthcheck.enabled         false: not checked
 *   user.healthcheck.ignore          true: nor
 *   user.healthcheck.stopped         true: nor; it was stopped on purpose
 *   user.healthcheck.restart         no: nor; nobody would restart it
 *
 * A shell is the instance's own. Whether a failing one is restarted is our
 * rule's business; its `status` is ic-healthd's alone to write.
 */
#pragma once

#include "base/err.h"
#include "base/macros.h"
#include "core/probe.h"

#define PROBE_KEYS_MAX_ARGS 64

struct probe_keys {
	struct probe probe; /* EXEC */

	/* private */
	struct json_t *test;
	const char *argv[PROBE_KEYS_MAX_ARGS + 1];
};

/*
 * probe_keys_read() - the check in a container's labels
 *
 * 0 with *keysp set, or NULL if it has none, or wants none; -EINVAL with the
 * key and what is wrong with it; -ENOMEM. probe_keys_free().
 */
int probe_keys_read(const struct container *container,
                    struct probe_keys **keysp, struct err *err) MUST_CHECK;
void probe_keys_free(struct probe_keys *keys); /* NULL is fine */
