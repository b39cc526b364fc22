/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reload: makes a Prometheus read its configuration again, and looks what it
 * says of the last time that it did.
 * https://prometheus.io/docs/prometheus/latest/management_api/
 *
 *     POST /-/reload   200: done   500: the configuration is refused, the old
 *                      one stays in use   403: it runs without
 *                      --web.enable-lifecycle
 *     GET /metrics     prometheus_config_last_reload_successful
 *                      prometheus_config_last_reload_success_timestamp_seconds
 */
#pragma once

#include "proto/exposition.h"
#include "registry/worker/link.h"

#define RELOAD_TIMEOUT_MS  120000 /* it answers when all is read */
#define RELOAD_LOOK_MS     10000
#define RELOAD_MAX_METRICS (64u << 20) /* bytes */

enum reload_result {
	RELOAD_DONE,
	RELOAD_REJECTED, /* what we, or others, wrote is at fault */
	RELOAD_FAILED,   /* it was not asked, or did not say */
};

enum reload_loaded { LOADED_UNKNOWN, LOADED_NO, LOADED_YES };

struct reload {
	/* set by the caller; zero the rest */
	struct link *link;

	/* valid in the completion */
	enum reload_result result; /* of a look: is there an answer? */
	struct err err;
	enum reload_loaded loaded; /* did the last reload succeed? */
	double success_s; /* Unix time of the last that did; 0: not known */

	/* private below */
	struct link_call call;
	struct exposition text;
	double successful; /* negative: it is not said */
	bool busy;
	bool looking_only;
	void (*done)(struct reload *reload);
};

bool reload_is_busy(const struct reload *reload);
/* Each: @done comes once, from the loop; or negative with reload->err. Not
 * while it is busy. */
int reload_start(struct reload *reload,
                 void (*done)(struct reload *reload)) MUST_CHECK;
int reload_look(struct reload *reload,
                void (*done)(struct reload *reload)) MUST_CHECK;
/* It completes all the same, as failed. */
void reload_cancel(struct reload *reload);
void reload_close(struct reload *reload); /* done() does not come any more */
