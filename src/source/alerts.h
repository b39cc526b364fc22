/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts: the source that Alertmanager tells.
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 *
 * One object holds the alerts that fire, bounded, for as long as anybody asks
 * for any; the route hands it the bodies of webhooks. Each alert counts by its
 * own status; the same told again (group, fingerprint, start, status) is no
 * news. What was accepted survives our own restart: it is in a file before the
 * answer is sent.
 *
 *     POST ──▶ parsed whole ──▶ new? ──▶ written ──▶ 200, and from the loop:
 *                                                    listener
 *
 * An object of the outside that a rule is told about is an *item*: one alert,
 * or one group of them. The listener's own mark stands for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "base/err.h"
#include "base/log.h"
#include "base/slice.h"
#include "source/source.h"

#define ALERTS_NAME       "alertmanager"
#define ALERTS_MAX_BODY   (4u << 20) /* bytes; alerts.max_body */
#define ALERTS_MAX_ACTIVE 10000      /* alerts.max_alerts */
#define ALERTS_MAX_QUEUE  1000       /* bodies; alerts.queue_size */

struct alerts;

/* What a rule asks for. */
struct alerts_query {
	const char *match_labels;      /* as core/matcher.h; NULL: all */
	const char *match_annotations; /* likewise */
	bool per_group; /* its common labels must match; else each alert's own */
};

/* What is known of an item; borrowed for the call. */
struct alert_facts {
	struct slice identity; /* for the monitor's name: "DiskFull/3f2a…" */
	const struct label *labels; /* of a group: the common ones */
	size_t n_labels;
	const struct label *annotations;
	size_t n_annotations;
	struct slice value; /* the annotation of that name; or empty */
	struct slice generator_url;
	struct slice external_url;
	struct slice receiver;
	int64_t starts_ms;    /* Unix time */
	struct slice message; /* the webhook's whole document, for
	                               commands that want it; empty after our
	                               own restart */
};

struct alerts_listener {
	void (*begin)(void *context, struct source *source,
	              const struct reading *reading);
	/* One that was not there: the listener's mark for it, or NULL if it
	 * does not want it (too many). */
	void *(*appear)(void *context, struct source *source,
	                uint32_t subscription, const struct alert_facts *facts);
	/* @observation: OBSERVATION_ALERT. */
	void (*observe)(void *context, struct source *source, void *item,
	                const struct observation *observation,
	                const struct alert_facts *facts);
	/* Resolved for good: the mark is not used any more. */
	void (*leave)(void *context, struct source *source, void *item);
	void (*end)(void *context, struct source *source);
	void *context;
};
