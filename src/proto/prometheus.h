/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prometheus: what a server answers to an instant query, as it streams in.
 * https://prometheus.io/docs/prometheus/latest/querying/api/
 *
 *     {"status": "success", "data": {"resultType": "vector", "result": [
 *       {"metric": {"__name__": "up", "job": "a"}, "value": [1795177980.1, "1"]},
 *       …]}}
 *     {"status": "success", "data": {"resultType": "scalar",
 *                                    "result": [1795177980.1, "NaN"]}}
 *     {"status": "error", "errorType": "bad_data", "error": "1:6: parse error"}
 *
 * In memory for one series, whose parts may come in any order. Unknown keys are
 * skipped (`stats`, `warnings`, `infos`, and those of servers that speak the
 * same: Thanos, Mimir, VictoriaMetrics).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"
#include "proto/json_scan.h"
#include "proto/label.h"

#define PROMETHEUS_MAX_LABELS 129   /* of a series, with its __name__ */
#define PROMETHEUS_MAX_TEXT   16384 /* bytes of a name or label value */
#define PROMETHEUS_MAX_WORDS  256   /* bytes of an error that are kept */

/* One series; all of it is borrowed for the call. A scalar has no labels.
 * Returns 0, or anything else to stop: feed then returns it. */
typedef int (*prometheus_sample_cb)(void *context, const struct label *labels,
                                    size_t n_labels, double value);

enum prometheus_outcome {
	PROMETHEUS_E_NOT_JSON = 101, /* apart from what the callback returns */
	PROMETHEUS_E_NOT_ANSWER,     /* JSON, but not what is shown above */
	PROMETHEUS_E_TRUNCATED,
	PROMETHEUS_E_ERROR, /* status: error; the words are kept */
	PROMETHEUS_E_TYPE,  /* neither vector nor scalar; the name is kept */
	PROMETHEUS_E_HISTOGRAM, /* a native histogram is no number */
	PROMETHEUS_E_TOO_LARGE, /* labels beyond the limits */
};

struct prometheus_answer {
	/* as far as they have been seen; cut at the limit, never within a
	 * character, and without a NUL in them */
	char type[16]; /* resultType */
	char error_type[32];
	char error[PROMETHEUS_MAX_WORDS];

	/* private below */
	prometheus_sample_cb sample;
	void *context;
	struct json_scan json;
	int status;      /* "status" */
	int key;         /* the last one of the root, */
	int data_key;    /* of `data`, */
	int series_key;  /* and of the present series */
	bool has_result; /* an array was there, */
	bool in_series;  /* its elements are objects, */
	bool is_pair;    /* or time and value */
	bool has_metric; /* of the present series */
	bool has_value;
	unsigned n_pair; /* elements of [time, value] seen */
	int failed;      /* why the result is of no use, or 0 */
	int stopped;     /* what the callback said */
	double value;
	struct buf text;                             /* of its labels */
	uint32_t lengths[PROMETHEUS_MAX_LABELS * 2]; /* name, value, … */
	size_t n_lengths;
};

/* Cannot fail and allocates nothing. */
void prometheus_answer_init(struct prometheus_answer *answer,
                            prometheus_sample_cb sample, void *context);
void prometheus_answer_fini(struct prometheus_answer *answer);

/* Ready for another one; keeps the memory. */
void prometheus_answer_reset(struct prometheus_answer *answer);

/* 0, a prometheus_outcome, -ENOMEM, or what the callback returned. Samples
 * that were handed over count only once finish has returned 0. After anything
 * but 0 only …_reset() and …_fini() make sense. */
int prometheus_answer_feed(struct prometheus_answer *answer,
                           struct slice bytes) MUST_CHECK;
int prometheus_answer_finish(struct prometheus_answer *answer) MUST_CHECK;
