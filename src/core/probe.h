/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: a health check that we make ourselves, from outside or by a command
 * in the container, for containers that have none; and how its results become
 * a health, by the rules that Docker has for its own
 * (https://docs.docker.com/reference/dockerfile/#healthcheck).
 *
 *              ok                        `retries` failures in a row
 *   STARTING ──────▶ HEALTHY ───────────────────────────▶ UNHEALTHY
 *       │               ▲                                     │
 *       │               └──────────────── ok ─────────────────┘
 *       └─── `retries` failures after start_period ───▶ UNHEALTHY
 *
 * Pure: the caller makes the checks and says how they went.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "core/container.h"

enum probe_type {
	PROBE_HTTP, /* GET url: 2xx and 3xx are good */
	PROBE_TCP,  /* somebody accepts at host:port */
	PROBE_EXEC, /* a command in the container ends with 0 */
	N_PROBE_TYPES,
};

#define PROBE_INTERVAL_MS       30000
#define PROBE_TIMEOUT_MS        30000
#define PROBE_RETRIES           3
#define PROBE_START_INTERVAL_MS 5000

/* Immutable; the memory is the configuration's, or of who read it from an
 * instance's keys. */
struct probe {
	enum probe_type type;
	const char *url; /* HTTP; `{{ container }}` is its name, `{{ ip }}` its
	                    first address */
	const char *address;     /* TCP: "host:port", likewise */
	const char *const *argv; /* EXEC: NULL-terminated */
	uint64_t interval_ms;
	uint64_t
		timeout_ms; /* of one check; a check that takes longer failed */
	uint64_t start_period_ms;   /* failures do not count while STARTING */
	uint64_t start_interval_ms; /* … and checks come so often */
	uint32_t retries;
};

struct probe_state {
	enum container_health health; /* STARTING, HEALTHY or UNHEALTHY */
	uint32_t n_streak;
	uint64_t started_ms; /* the container, monotonic */
	uint64_t next_ms;    /* of the next check */
};

/* The container has (re)started at @now_ms. */
void probe_begin(struct probe_state *state, const struct probe *probe,
                 uint64_t now_ms);

/* A check could not be made: the next one comes as after one that was. */
void probe_postpone(struct probe_state *state, const struct probe *probe,
                    uint64_t now_ms);

/* A check has ended; true if that changed the health. */
bool probe_result(struct probe_state *state, const struct probe *probe, bool ok,
                  uint64_t now_ms);

/* Appends url or address with `{{ container }}` and `{{ ip }}` filled in;
 * other names stay as they are. A failure stays in @out->failed. */
void probe_render(const char *text, const char *container, const char *ip,
                  struct buf *out);
bool probe_wants_ip(const struct probe *probe);

bool probe_equal(const struct probe *a, const struct probe *b);
