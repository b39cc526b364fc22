/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exposition_writer: the text exposition format 0.0.4, written.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * Appends to a buf, whose `failed` tells of trouble. Reading it is
 * proto/exposition.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"
#include "core/histogram.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition_label {
	const char *name;
	const char *value; /* escaped here */
};

/* # HELP and # TYPE; @type: "counter", "gauge", "histogram". */
void exposition_family(struct buf *out, const char *name, const char *type,
                       const char *help);

/* A sample; @suffix "" or "_total" and the like; @labels may be NULL if
 * @n_labels is 0. */
void exposition_sample(struct buf *out, const char *name, const char *suffix,
                       const struct exposition_label *labels, size_t n_labels,
                       double value);

/* The samples of a family of type histogram with one set of buckets. */
void exposition_buckets(struct buf *out, const char *name,
                        const struct histogram *histogram);
