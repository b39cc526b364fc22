/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch: gets one document from the registry each time another one is wanted,
 * and hands it to whoever makes something of it, one at a time: what is wanted
 * meanwhile is got afterwards, the newest of it. What fails is tried again.
 *
 *   IDLE ── another etag is wanted ──▶ ASKING ── it is whole ──▶ HANDED_OVER
 *    ▲ ▲ ◀── it is what we have ──────────┤                          │
 *    │ └────────────────────────────────────── fetch_done() ─────────┤
 *    └── a while later ── WAITING ◀────────┴── it failed ────────────┘
 */
#pragma once

#include "base/rng.h"
#include "proto/json_scan.h"
#include "registry/model/documents.h"
#include "registry/worker/link.h"
#include "registry/worker/wanted.h"

#define FETCH_MAX_DOCUMENT 268435456 /* bytes */
#define FETCH_TIMEOUT_MS   120000
#define FETCH_BASE_MS      500
#define FETCH_MAX_MS       60000

struct fetch {
	/* set by the caller; zero the rest */
	enum document_kind kind;
	struct link *link;
	struct rng *rng;
	bool once; /* what fails is not tried again */
	/* May take the memory of @body; fetch_done() is called in the end, from
	 * inside or later. */
	void (*fetched)(void *context, struct buf *body);
	/* It became idle, or waits: fetch->err says why. */
	void (*settled)(void *context, struct fetch *fetch);
	void *context;

	/* to be read */
	struct err err;           /* code 0: it is as it should be */
	char have[LINK_ETAG_MAX]; /* of what was made something of; "": none */

	/* private below */
	struct life_timer timer;
	struct link_call call;
	struct backoff backoff;
	struct buf body;       /* what has come */
	struct json_scan scan; /* of it */
	char path[WANTED_PATH_MAX];
	char wants[LINK_ETAG_MAX];
	char asked_path[WANTED_PATH_MAX];
	char got[LINK_ETAG_MAX]; /* of what was handed over */
	bool busy;
	bool waiting;
	bool newer;     /* something was wanted since we asked */
	bool forgotten; /* since we asked */
};

int fetch_open(struct fetch *fetch, uv_loop_t *loop) MUST_CHECK;
/* @document: copied. Nothing happens if it is what we have, or its path is
 * empty. */
void fetch_want(struct fetch *fetch, const struct wanted_document *document);
/* What is wanted is got even if we have it: when it is wanted next, or if one
 * is under way as soon as that is done with. */
void fetch_forget(struct fetch *fetch);
/* The same, now. */
void fetch_again(struct fetch *fetch);
/* What was handed over is done with; @err code 0: well. */
void fetch_done(struct fetch *fetch, const struct err *err);
/* Neither asking, nor handed over, nor waiting to try again. */
bool fetch_is_idle(const struct fetch *fetch);
void fetch_close(struct fetch *fetch);
