/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alertmanager: the document that Alertmanager's webhook receives.
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 *
 * Read by what is there, not by `version`: that stayed "4" while fingerprints
 * (0.19), truncatedAlerts (0.21) and more came; in version "3" (before 0.6)
 * groupKey is a number, which may be beyond what a double holds. What is not
 * known is passed over. Each alert has its own status; the document's says
 * only whether any fires. That an alert is not listed means nothing: the
 * sender may have cut the list short.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "proto/label.h"

#define AM_MAX_ALERTS      10000 /* of one document */
#define AM_MAX_LABELS      128   /* of one alert or group; annotations, too */
#define AM_MAX_TEXT        65536 /* bytes of one text */
#define AM_FINGERPRINT_MAX 17    /* with its NUL, as we write it */

/* An alert that has not ended says so with the year 1. */
#define AM_NEVER INT64_MIN

/* A set of labels, sorted by name. */
struct am_labels {
	const struct label *items;
	size_t n;
};

struct am_alert {
	bool firing; /* else it is resolved */
	struct am_labels labels;
	struct am_labels annotations;
	int64_t starts_ms; /* Unix time; AM_NEVER: not said */
	int64_t ends_ms;   /* AM_NEVER: it has not ended */
	struct slice generator_url;
	struct slice fingerprint; /* never empty: … */
	bool fingerprint_made;    /* … if the document has none, by us */
};

/* Text is "" where the document says nothing. */
struct am_message {
	bool firing; /* any of them */
	struct slice receiver;
	struct slice external_url;
	struct slice group_key; /* also if it was a number */
	struct slice version;
	struct am_labels group_labels;
	struct am_labels common_labels;
	struct am_labels common_annotations;
	const struct am_alert *alerts;
	size_t n_alerts;
	uint64_t n_truncated; /* that fire or did, and are not listed */
};

enum am_outcome {
	AM_E_FORMAT = 1, /* not JSON, or not such a document */
	AM_E_TOO_LARGE,  /* beyond one of the limits above */
};

struct am_reader;

/* NULL if out of memory. */
struct am_reader *am_reader_new(void) MUST_CHECK;
void am_reader_free(struct am_reader *reader); /* NULL is fine */

/*
 * am_read() - read a whole document
 *
 * @message and all in it lie in @body and in @reader, until the next reading;
 * its memory is used again. 0, an am_outcome or -ENOMEM, with words that name
 * the place: "alerts[3].startsAt is no time".
 */
int am_read(struct am_reader *reader, struct slice body,
            struct am_message *message, struct err *err) MUST_CHECK;

/* What Alertmanager calls an alert of these labels (sorted): 16 hexadecimal
 * digits. @out holds AM_FINGERPRINT_MAX. Returns @out. */
const char *am_fingerprint(const struct am_labels *labels, char *out);

/* The value of the label of that name; "" if there is none. */
struct slice am_label(const struct am_labels *labels, const char *name);
