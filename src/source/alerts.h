/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alerts: the source that Alertmanager tells.
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 *
 * One object holds the alerts that fire (core/alert_table), bounded, for as
 * long as anybody asks for any; a source is the set of subscriptions of one
 * configuration and is made anew with each.
 *
 *     POST ──▶ read whole ──▶ alert_table ──news──▶ alerts_file ──▶ 200
 *                                  │ a slice per turn
 *                                  └──▶ begin, appear / observe / leave, end
 *
 * Listeners are told in slices of time, so that what they do delays no answer;
 * a begin and its end may be turns apart, with words of other sources between
 * them. What ends a reading costs what is bad, however little was told in it:
 * news that follow one another closely share one.
 *
 * What is promised. A message is acknowledged when its news are written to a
 * file of the state directory, or when all of it was known and is there. They
 * are not synced: our own end, also by SIGKILL, loses nothing that was
 * acknowledged; that of the machine may lose the last moments, and then
 * Alertmanager tells again after its repeat_interval. Where the file cannot be
 * written the alerts are acted on all the same, but not acknowledged, so that
 * they are sent until they are kept. Without a state directory they are in
 * memory only.
 *
 * An alert stays until somebody says that it is resolved; one whose sender
 * lost it (its rule was deleted while nobody looked) would stay for ever.
 * Where resolve_after_ms is given, an alert is taken for resolved when none of
 * its groups was told of for so long, or a little longer; that must be longer
 * than repeat_interval of Alertmanager. It is written down as if Alertmanager
 * had said so. After our own start all that fires counts as just told of.
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
#include "core/alert_table.h"
#include "source/alerts_file.h"
#include "source/source.h"

#define ALERTS_NAME       "alertmanager"
#define ALERTS_MAX_BODY   (4u << 20) /* bytes; alerts.max_body */
#define ALERTS_MAX_ACTIVE 10000      /* alerts.max_alerts */
#define ALERTS_MAX_QUEUE  1000       /* messages that are being written */
#define ALERTS_SLICE_US   2000       /* items are told of so long in a turn */
#define ALERTS_READING_MS 20         /* from one begin to the next, at least */
#define ALERTS_EXPIRE     256        /* alerts taken for resolved in a turn */
#define ALERTS_RETRY_S    5          /* when to come again if there are more */

struct alerts;
struct alerts_source;

struct alerts_options {
	uv_loop_t *loop;
	const struct log *log; /* borrowed until closed; may be NULL */
	const char *dir;       /* where they are kept; NULL: in memory only */
	uint64_t seed;
};

struct alerts_limits {
	uint32_t queue_size;
	uint32_t max_alerts;
	uint64_t resolve_after_ms; /* 0: never */
};

/* Reads what was kept, and blocks meanwhile. 0 or -ENOMEM. */
int alerts_new(const struct alerts_options *options,
               struct alerts **alertsp) MUST_CHECK;
/* Alerts beyond a lower limit stay until they are resolved. */
void alerts_configure(struct alerts *alerts,
                      const struct alerts_limits *limits);

/* All sources must be closed before. @closed is called once, from the loop,
 * after the completions of all that was taken; @alerts is gone then. */
typedef void (*alerts_closed_cb)(void *context);
void alerts_close(struct alerts *alerts, alerts_closed_cb closed,
                  void *context);

/* --- what comes in ----------------------------------------------------------- */

enum alerts_outcome {
	ALERTS_PENDING = 1, /* it is being written */
	ALERTS_E_FORMAT,    /* not what Alertmanager sends */
	ALERTS_E_TOO_LARGE,
	ALERTS_E_FULL, /* as many are being written as may be */
};

struct alerts_taking;
typedef void (*alerts_taken_cb)(struct alerts_taking *taking);

struct alerts_taking {
	struct err err; /* in the completion; code 0: it is kept */

	/* private below */
	struct alerts *alerts;
	struct alerts_write write;
	alerts_taken_cb taken;
};

/*
 * alerts_take() - a message of a webhook
 *
 * 0: it is taken; ALERTS_PENDING: @taken will be called exactly once, from the
 * loop and never before this returns, and taking->err says how it went. Else
 * another outcome or -ENOMEM, with words. @body is not needed any more when it
 * returns; @taking is the caller's memory until @taken has been entered.
 */
int alerts_take(struct alerts *alerts, struct slice body,
                struct alerts_taking *taking, alerts_taken_cb taken,
                struct err *err) MUST_CHECK;

/* For metrics and API; numbers since the start but for the first four. */
struct alerts_stats {
	uint32_t n_alerts; /* that fire */
	uint32_t n_groups;
	uint32_t n_queued;    /* messages */
	bool failing;         /* they cannot be kept */
	uint64_t n_messages;  /* that were read */
	uint64_t n_firing;    /* alerts in them, … */
	uint64_t n_resolved;  /* … likewise */
	uint64_t n_same;      /* of them: no news … */
	uint64_t n_again;     /* … since they fire as before */
	uint64_t n_dropped;   /* of them: beyond max_alerts */
	uint64_t n_expired;   /* after resolve_after */
	uint64_t n_unmatched; /* items that nobody asks for */
	uint64_t n_refused;   /* times that the listener did not want one */
	uint64_t n_failures;  /* of writing */
};
struct alerts_stats alerts_stats(const struct alerts *alerts);

/* The one of that identity as a message: see alert_item_message(); -ENOENT: it
 * does not fire. */
int alerts_message(const struct alerts *alerts, const char *identity,
                   struct arena *arena, struct am_message *message) MUST_CHECK;

/* --- the source --------------------------------------------------------------- */

/* What a rule asks for. */
struct alerts_query {
	const char *match_labels;      /* as core/matcher.h; NULL: all */
	const char *match_annotations; /* likewise */
	bool per_group; /* its common labels must match; else each alert's own.
	                   A group that has matched stays, whatever comes to
	                   it, until it is resolved */
};

/* Called from the loop. The item and all it has are borrowed for the call. */
struct alerts_listener {
	void (*begin)(void *context, struct source *source,
	              const struct reading *reading);
	/* One that was not there: the listener's mark for it, or NULL if it
	 * does not want it (too many): it is asked again when one has left. */
	void *(*appear)(void *context, struct source *source,
	                uint32_t subscription, const struct alert_item *item);
	/* @observation: OBSERVATION_ALERT. */
	void (*observe)(void *context, struct source *source, void *mark,
	                const struct observation *observation,
	                const struct alert_item *item);
	/* Resolved, as was just observed: the mark is not used any more. */
	void (*leave)(void *context, struct source *source, void *mark);
	void (*end)(void *context, struct source *source);
	/* All that fires has been told of since the start; once. */
	void (*listed)(void *context, struct source *source);
	void *context;
};

/* @listener is copied. NULL if memory is out. */
struct alerts_source *alerts_source_new(struct alerts *alerts,
                                        const struct alerts_listener *listener)
	MUST_CHECK;
/* @subscription rises from 0. 0, -EINVAL with words, or -ENOMEM. */
int alerts_source_subscribe(struct alerts_source *source, uint32_t subscription,
                            const struct alerts_query *query,
                            struct err *err) MUST_CHECK;
/* The one that is told from now on; one that was before must be closed. All
 * that fires is told of, from the loop. */
void alerts_source_start(struct alerts_source *source);
/* Tell soon of the one whose alert_item_identity() that is. */
void alerts_source_check(struct alerts_source *source, const char *identity);
struct source *alerts_source_base(struct alerts_source *source);
/* The listener is not called any more. @closed is called once, from the loop;
 * @source is gone then. May be called by the listener. Once. */
void alerts_source_close(struct alerts_source *source, alerts_closed_cb closed,
                         void *context);
