/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pushgateway: when each family of each group was last pushed, out of a
 * Pushgateway's `GET /api/v1/metrics`, as it streams in.
 * https://github.com/prometheus/pushgateway#query-api
 *
 *     {"status": "success", "data": [
 *       {"labels": {"job": "backup"},
 *        "last_push_successful": true,
 *        "FAMILY": {"time_stamp": "2026-01-02T15:04:05.1Z", "metrics": […]}}]}
 *
 * Documents of tens of megabytes are read in constant memory: of one group at
 * a time its labels and the times of the wanted families are kept, because
 * they may come in any order. A group that breaks the shape (a family called
 * `labels` does) is counted and left out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/macros.h"
#include "base/slice.h"
#include "proto/json_scan.h"
#include "proto/label.h"

#define PUSHGATEWAY_MAX_LABELS   64    /* of a group */
#define PUSHGATEWAY_MAX_FAMILIES 1024  /* wanted ones, of a group */
#define PUSHGATEWAY_MAX_TEXT     16384 /* bytes of a name or label value */

struct pushgateway_callbacks {
	/* The caller's mark for a family that it wants, or NULL. */
	void *(*wanted)(void *context, struct slice family);
	/* The group with @labels had @family pushed at @unix_ms. All of it is
	 * borrowed for the call. */
	void (*pushed)(void *context, const struct label *labels,
	               size_t n_labels, void *family, int64_t unix_ms);
};

struct pushgateway_family_time {
	void *family;
	int64_t unix_ms;
};

struct pushgateway_document {
	uint64_t n_groups;
	uint64_t n_bad; /* groups left out: shape or limits */

	/* private below */
	const struct pushgateway_callbacks *callbacks;
	void *context;
	struct json_scan json;
	int key;      /* what the last key of each depth meant */
	bool success; /* "status" was */
	bool has_data;
	bool in_data;
	bool bad_group;
	bool has_labels;
	void *family;    /* mark of the family that we are in, or NULL */
	struct buf text; /* of the group's labels */
	uint32_t text_lengths[PUSHGATEWAY_MAX_LABELS * 2]; /* name, value, … */
	size_t n_texts;
	struct pushgateway_family_time *times; /* of the group */
	size_t n_times;
	size_t cap_times;
};

/* Cannot fail and allocates nothing. @callbacks and @context are borrowed
 * until pushgateway_document_fini(). */
void pushgateway_document_init(struct pushgateway_document *document,
                               const struct pushgateway_callbacks *callbacks,
                               void *context);
void pushgateway_document_fini(struct pushgateway_document *document);

/* Ready for another one; keeps the memory. */
void pushgateway_document_reset(struct pushgateway_document *document);

enum pushgateway_outcome {
	PUSHGATEWAY_E_NOT_JSON = 1,
	PUSHGATEWAY_E_NOT_GROUPS, /* JSON, but not what is shown above */
	PUSHGATEWAY_E_TRUNCATED,
};

/* 0, a pushgateway_outcome, or -ENOMEM. After anything but 0 only
 * pushgateway_document_reset() and …_fini() make sense. */
int pushgateway_document_feed(struct pushgateway_document *document,
                              struct slice bytes) MUST_CHECK;
int pushgateway_document_finish(struct pushgateway_document *document)
	MUST_CHECK;
