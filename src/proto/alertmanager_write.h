/* SPDX-License-Identifier: Apache-2.0 */
/*
 * alertmanager_write: the documents that Alertmanager's webhook sends (version
 * "4"), and that its own API takes, from messages that were read.
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 * https://prometheus.io/docs/alerting/latest/alerts_api/
 */
#pragma once

#include "base/buf.h"
#include "proto/alertmanager.h"

/* Each appends; a failure stays in @out->failed. */
void am_write_webhook(const struct am_message *message, struct buf *out);
/* For POST /api/v2/alerts. */
void am_write_alerts(const struct am_message *message, struct buf *out);
