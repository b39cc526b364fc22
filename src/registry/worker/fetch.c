/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/fetch.h"

#include <errno.h>
#include <string.h>
#include "proto/json_scan.h"

#define MAX_JSON_TEXT 65536
#define RULES_KEY     "groups:"

enum { STATUS_OK = 200, STATUS_NOT_MODIFIED = 304 };

static void ask(struct fetch *fetch);

/* --- is it what it should be? ------------------------------------------------ */

/* Something between us may answer with a page of its own and a status of
 * success: that must not become a file. JSON is looked at while it comes: a
 * document may be large. */
static int ignore_token(void *context, const struct json_scan_token *token)
{
	(void)context;
	(void)token;
	return 0;
}

static int refuse(const struct fetch *fetch, struct err *err)
{
	return err_set(err, -EPROTO,
	               "what the registry sends as %s is none: is there "
	               "something between us?",
	               wanted_name(fetch->kind));
}

static int on_piece(struct link_call *call, struct slice bytes)
{
	struct fetch *fetch = container_of(call, struct fetch, call);
	int r = 0;

	if (fetch->kind == DOCUMENT_RULES)
		return buf_append(&fetch->body, bytes.p, bytes.n);
	if (fetch->body.n == 0 && !slice_starts(bytes, "["))
		r = JSON_SCAN_E_SYNTAX;
	if (r == 0)
		r = json_scan_feed(&fetch->scan, bytes);
	if (r > 0) {
		(void)refuse(fetch, &call->err);
		return UV_ECANCELED;
	}
	return r < 0 ? r : buf_append(&fetch->body, bytes.p, bytes.n);
}

/* A line begins with the key of groups. */
static bool is_rules(struct slice text)
{
	struct slice line;

	while (slice_next(&text, '\n', &line)) {
		if (slice_starts(line, RULES_KEY))
			return true;
	}
	return false;
}

/* Now that it has ended. */
static bool is_fit(struct fetch *fetch, struct slice text)
{
	return fetch->kind == DOCUMENT_RULES
	               ? is_rules(text)
	               : json_scan_finish(&fetch->scan) == 0;
}

/* --- the end of one try ------------------------------------------------------ */

static void settle(struct fetch *fetch)
{
	fetch->busy = false;
	fetch->settled(fetch->context, fetch);
}

static void retry_later(struct fetch *fetch)
{
	if (!fetch->once) {
		fetch->waiting = true;
		life_timer_start(&fetch->timer,
		                 backoff_next(&fetch->backoff, fetch->rng));
	}
	settle(fetch);
}

/* It is what was wanted when we asked; something else may be by now. */
static void have(struct fetch *fetch, const char *etag)
{
	bool newer = fetch->newer && strcmp(fetch->wants, etag) != 0;

	err_clear(&fetch->err);
	fetch->backoff.n = 0;
	fetch->busy = false;
	if (!fetch->forgotten)
		memmove(fetch->have, etag, strlen(etag) + 1);
	if (newer || fetch->forgotten)
		ask(fetch);
	else
		settle(fetch);
}

void fetch_done(struct fetch *fetch, const struct err *err)
{
	char etag[LINK_ETAG_MAX];

	if (err->code) {
		fetch->err = *err;
		retry_later(fetch);
		return;
	}
	memcpy(etag, fetch->got, sizeof(etag));
	have(fetch, etag);
}

static void hand_over(struct fetch *fetch, struct buf *body, bool fit)
{
	const char *etag = fetch->call.new_etag;

	if (!fit) {
		(void)refuse(fetch, &fetch->err);
		retry_later(fetch);
		return;
	}
	memmove(fetch->got, etag[0] ? etag : fetch->wants, sizeof(fetch->got));
	fetch->fetched(fetch->context, body);
}

static void on_done(struct link_call *call)
{
	struct fetch *fetch = container_of(call, struct fetch, call);
	struct buf refusal = call->answer;
	struct buf body = fetch->body;
	bool fit = !call->err.code && is_fit(fetch, buf_slice(&body));

	/* the next one may begin in here */
	json_scan_fini(&fetch->scan);
	fetch->body = (struct buf){ 0 };
	if (call->link->life->closing) {
		fetch->busy = false;
	} else if (!call->err.code && call->status == STATUS_OK) {
		hand_over(fetch, &body, fit);
	} else if (!call->err.code && call->status == STATUS_NOT_MODIFIED) {
		memcpy(fetch->got, fetch->have, sizeof(fetch->got));
		have(fetch, fetch->got);
	} else {
		link_explain(call, &fetch->err);
		retry_later(fetch);
	}
	buf_fini(&body);
	buf_fini(&refusal);
}

/* --- asking ------------------------------------------------------------------- */

static void ask(struct fetch *fetch)
{
	struct link_call *call = &fetch->call;

	fetch->busy = true;
	fetch->waiting = false;
	fetch->newer = false;
	fetch->forgotten = false;
	life_timer_stop(&fetch->timer);
	memcpy(fetch->asked_path, fetch->path, sizeof(fetch->path));
	*call = (struct link_call){
		.target = slice_from(fetch->asked_path),
		.etag = fetch->have,
		.timeout_ms = FETCH_TIMEOUT_MS,
		.max_body = FETCH_MAX_DOCUMENT,
		/* JSON tells its end itself */
		.needs_end = fetch->kind == DOCUMENT_RULES,
		.on_body = on_piece,
	};
	buf_init(&fetch->body, FETCH_MAX_DOCUMENT);
	json_scan_init(&fetch->scan, MAX_JSON_TEXT, ignore_token, NULL);
	if (link_start(fetch->link, call, on_done) < 0) {
		fetch->err = call->err;
		buf_fini(&call->answer);
		retry_later(fetch);
	}
}

static void on_timer(struct life_timer *timer)
{
	struct fetch *fetch = container_of(timer, struct fetch, timer);

	if (!fetch->busy)
		ask(fetch);
}

void fetch_want(struct fetch *fetch, const struct wanted_document *document)
{
	bool same = strcmp(document->etag, fetch->have) == 0;

	if (!document->path[0])
		return;
	memcpy(fetch->wants, document->etag, sizeof(fetch->wants));
	memcpy(fetch->path, document->path, sizeof(fetch->path));
	if (fetch->busy) {
		fetch->newer = true;
		return;
	}
	if (same && !fetch->waiting)
		return;
	fetch->backoff.n = 0;
	ask(fetch);
}

void fetch_forget(struct fetch *fetch)
{
	fetch->have[0] = '\0';
	fetch->forgotten = fetch->busy;
}

void fetch_again(struct fetch *fetch)
{
	fetch_forget(fetch);
	if (!fetch->busy && fetch->path[0])
		ask(fetch);
}

bool fetch_is_idle(const struct fetch *fetch)
{
	return !fetch->busy && !fetch->waiting;
}

int fetch_open(struct fetch *fetch, uv_loop_t *loop)
{
	fetch->backoff = (struct backoff){ .base_ms = FETCH_BASE_MS,
		                           .max_ms = FETCH_MAX_MS };
	return life_timer_open(&fetch->timer, loop, fetch->link->life,
	                       on_timer);
}

void fetch_close(struct fetch *fetch)
{
	link_cancel(&fetch->call);
	life_timer_close(&fetch->timer);
}
