/* SPDX-License-Identifier: Apache-2.0 */
/*
 * push_path_write: a grouping key as the path of a push or a ping; what
 * push_path reads. https://github.com/prometheus/pushgateway#url
 *
 * A value that a path cannot hold as it is (with a slash, empty, `.` or `..`,
 * which servers tidy away) is written as base64, all others with percent
 * escapes.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "proto/label.h"

/* Appends "/job/JOB{/LABEL/VALUE}", which follows "/metrics". Returns 0,
 * -EINVAL with the words (no job, or a bad name of a label, or one that comes
 * twice), or the buffer's failure. */
int push_path_write(struct buf *path, struct slice job,
                    const struct label *labels, size_t n_labels,
                    struct err *err) MUST_CHECK;

/* Appends "/JOB{/LABEL/VALUE}{/END}", which follows "/ping". @end: "start",
 * "fail", an exit code, or NULL. As above. */
int ping_path_write(struct buf *path, struct slice job,
                    const struct label *labels, size_t n_labels,
                    const char *end, struct err *err) MUST_CHECK;

/* `name=value` of a command line. 0, or -EINVAL with the words. */
int push_label_parse(struct slice text, struct label *label,
                     struct err *err) MUST_CHECK;
