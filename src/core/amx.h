/* SPDX-License-Identifier: Apache-2.0 */
/*
 * amx: what prometheus-am-executor gives its commands in their environment.
 * https://github.com/imgix/prometheus-am-executor
 *
 *     AMX_RECEIVER, AMX_STATUS, AMX_EXTERNAL_URL, AMX_ALERT_LEN
 *     AMX_LABEL_NAME, AMX_GLABEL_NAME, AMX_ANNOTATION_NAME
 *                                      common labels, the group's, annotations
 *     AMX_ALERT_1_STATUS, _START, _END, _URL, _FINGERPRINT, _LABEL_NAME,
 *     _ANNOTATION_NAME                 of each alert, from 1
 *
 * Times are Unix seconds, "0" for one that is not set. Names and values are as
 * they came: a name may be one that no shell can use.
 */
#pragma once

#include <stddef.h>
#include "base/buf.h"
#include "proto/alertmanager.h"

/* Appends "NAME=value", each ended by a NUL (one in a value becomes a space).
 * Alerts that do not fit into @out are left out whole, from the last; returns
 * how many were told of. Where not even the rest fits, or memory is out,
 * @out->failed. */
size_t amx_environment(const struct am_message *message, struct buf *out);
