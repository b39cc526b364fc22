/* SPDX-License-Identifier: Apache-2.0 */
/*
 * delivery: the request by which a notifier is told of (a part of) a message.
 *
 *   webhook, json  Alertmanager's own document, version 4; with where we are
 *                  known: commonAnnotations.service and .project are the URLs
 *                  of those objects, and externalURL that of the alert here
 *   alertmanager   an array for its API; /api/v2/alerts is put behind a URL
 *                  that has no path
 *   pagerduty      https://developer.pagerduty.com/docs/events-api-v2/
 *   others         words for people:
 *
 *       [firing] DiskFull web-1:9100 node web shop
 *
 *       Summary: the disk is full
 *
 *       Labels: device=sda1
 *       Source: http://prometheus:9090/graph?…
 *
 * Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "core/webhook.h"
#include "proto/alertmanager.h"
#include "registry/model/model.h"

#define DELIVERY_MAX_BODY (8u << 20)

struct delivery_part {
	const uint8_t *alerts;    /* a bit for each that is told; NULL: all */
	const char *external_url; /* "": not known */
	uint64_t alert_id; /* what the message is kept as; 0: it is not */
	const struct model *model;
};

/* The part of @message that is told, with what stands above. All but what was
 * made lies where it lay. 0 or -ENOMEM. */
int delivery_message(const struct am_message *message,
                     const struct delivery_part *part, struct arena *arena,
                     struct am_message *out) MUST_CHECK;

struct delivery_request {
	struct buf url;
	struct buf body;
	struct webhook_header headers[WEBHOOK_WORDS_HEADERS];
	size_t n_headers;
	/* private */
	struct buf title;
};

/* 0; -EINVAL with words (the sender is none, or its value cannot be used),
 * -E2BIG, -ENOMEM. delivery_request_fini() in any case. */
int delivery_request_make(struct delivery_request *request, const char *sender,
                          const char *value, const struct am_message *message,
                          struct err *err) MUST_CHECK;
void delivery_request_fini(struct delivery_request *request);

/* "[firing] DiskFull web-1:9100 …" and all lines of the words for people. */
void delivery_title(const struct am_message *message, struct buf *out);
void delivery_words(const struct am_message *message, struct buf *out);
