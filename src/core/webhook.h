/* SPDX-License-Identifier: Apache-2.0 */
/*
 * webhook: a request to be made about a notice, as configured. Immutable; the
 * memory is the configuration's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "base/slice.h"
#include "core/notice.h"
#include "core/template.h"

#define WEBHOOK_TIMEOUT_MS  10000
#define WEBHOOK_TRIES       5
#define WEBHOOK_HEADERS     16                    /* of the configuration */
#define WEBHOOK_HEADERS_ALL (WEBHOOK_HEADERS + 4) /* with the preset's */
#define WEBHOOK_MAX_BODY    (256u << 10)          /* bytes, rendered */

/* Presets: they only fill in the body and what goes with it. */
enum webhook_preset {
	WEBHOOK_JSON,       /* every fact of the notice */
	WEBHOOK_SLACK,      /* an incoming webhook */
	WEBHOOK_MATTERMOST, /* the same, without Slack's escapes */
	WEBHOOK_DISCORD,
	WEBHOOK_NTFY,         /* to the URL of a topic */
	WEBHOOK_GOTIFY,       /* POST /message */
	WEBHOOK_APPRISE,      /* POST /notify/KEY of its API */
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
	const char *ca_file; /* of TLS; NULL: as the client has it */
	uint64_t timeout_ms; /* of one try */
	uint32_t max_tries;  /* at least 1 */
};

/* Who is told what. */
struct notification {
	const char *name;
	struct webhook webhook;
	unsigned events; /* set of 1 << enum notice_event */
};

/* "json", "slack", …: the names used in configuration. */
const char *webhook_preset_name(enum webhook_preset preset);

/* How a template of its body is checked and filled in: as JSON, unless the
 * preset or a Content-Type of the configuration says that it is plain. */
enum template_kind webhook_body_kind(const struct webhook *webhook);

/* Appends the body; a failure stays in @out->failed. */
void webhook_body(const struct webhook *webhook, const struct notice *notice,
                  struct buf *out);

/*
 * webhook_headers() - all of the request's but Authorization of the token
 *
 * Content-Type, what the preset adds (of ntfy Title, Priority, Tags), and
 * those of the configuration, whose values are templates (TEMPLATE_LINE) and
 * which replace one of the same name. Fills at most WEBHOOK_HEADERS_ALL of
 * @headers, whose values lie in @text; returns how many. A failure stays in
 * @text->failed; then nothing may be used.
 */
size_t webhook_headers(const struct webhook *webhook,
                       const struct notice *notice, struct buf *text,
                       struct webhook_header *headers);

/* Words that are none of a notice's, in the same presets. */
struct webhook_words {
	const char *title; /* one line of UTF-8 without control characters */
	struct slice text; /* lines of them; what is too long is cut */
	enum notice_event weight; /* it matters as much as that */
};

/* Not for WEBHOOK_JSON and WEBHOOK_ALERTMANAGER. Appends the body; a failure
 * stays in @out->failed. */
void webhook_words_body(enum webhook_preset preset,
                        const struct webhook_words *words, struct buf *out);
/* Fills at most WEBHOOK_WORDS_HEADERS of @headers, borrowed from @words;
 * returns how many. */
#define WEBHOOK_WORDS_HEADERS 4
size_t webhook_words_headers(enum webhook_preset preset,
                             const struct webhook_words *words,
                             struct webhook_header *headers);
