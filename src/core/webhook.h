/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook: a request to be made about a notice, as configured. Immutable; the
 * memory is the configuration's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "core/notice.h"

#define WEBHOOK_TIMEOUT_MS 10000
#define WEBHOOK_TRIES      5
#define WEBHOOK_HEADERS    16

/* Presets: they only fill in the body and what goes with it. */
enum webhook_preset {
	WEBHOOK_JSON,  /* every member of the notice */
	WEBHOOK_SLACK, /* Mattermost, too */
	WEBHOOK_DISCORD,
	WEBHOOK_NTFY,
	WEBHOOK_GOTIFY,
	WEBHOOK_APPRISE,
	WEBHOOK_ALERTMANAGER, /* POST /api/v2/alerts */
	N_WEBHOOK_PRESETS,
};

struct webhook_header {
	const char *name;
	const char *value;
};

struct webhook {
	const char *url;    /* a template; checked */
	const char *method; /* "POST" */
	enum webhook_preset preset;
	const char
		*body; /* a template instead of the preset's; NULL: its own */
	const struct webhook_header *headers; /* beyond the preset's */
	size_t n_headers;
	const char
		*token_file; /* Authorization: Bearer …; read each time; NULL */
	const char *ca_file; /* of TLS; NULL: the system's */
	uint64_t timeout_ms; /* of one try */
	uint32_t max_tries;  /* at least 1 */
};

/* Who is told what. */
struct notification {
	const char *name;
	struct webhook webhook;
	unsigned events; /* set of 1 << enum notice_event */
};

const char *webhook_preset_name(enum webhook_preset preset);

/* Appends the body; a failure stays in @out->failed. */
void webhook_body(const struct webhook *webhook, const struct notice *notice,
                  struct buf *out);

/* "application/json", or what the preset says; of ntfy also its headers
 * (Title, Priority, Tags) come from webhook_headers(): fills up to
 * WEBHOOK_HEADERS of @headers, their text into @text. Returns how many. */
size_t webhook_headers(const struct webhook *webhook,
                       const struct notice *notice, struct buf *text,
                       struct webhook_header *headers);
