/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/worker/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "io/authorization.h"
#include "proto/json.h"

#define SHOWN_REFUSAL 160 /* bytes */

enum {
	STATUS_OK = 200,
	STATUS_BAD_REQUEST = 400,
	STATUS_UNAUTHORIZED = 401,
	STATUS_INTERNAL_ERROR = 500,
};

static void keep(char *out, size_t size, struct slice text)
{
	size_t n = text.n < size ? text.n : 0;

	memcpy(out, text.p ? text.p : "", n);
	out[n] = '\0';
}

static int on_head(struct http_call *http, const struct http_message *message)
{
	struct link_call *call = container_of(http, struct link_call, http);
	struct slice coding = http_message_header(message, "Content-Encoding");

	keep(call->type, sizeof(call->type),
	     http_message_header(message, "Content-Type"));
	keep(call->new_etag, sizeof(call->new_etag),
	     http_message_header(message, "ETag"));
	if (coding.n > 0 && !slice_is_nocase(coding, "identity")) {
		(void)err_set(&call->err, -EPROTO,
		              "%s: the answer is compressed, which nobody "
		              "asked for",
		              call->link->name);
		return UV_ECANCELED;
	}
	if (call->needs_end && message->until_eof &&
	    message->status == STATUS_OK) {
		(void)err_set(&call->err, -EPROTO,
		              "%s: the answer ends with its connection: "
		              "nobody knows whether it is whole; is there "
		              "something between us?",
		              call->link->name);
		return UV_ECANCELED;
	}
	return 0;
}

static int on_body(struct http_call *http, struct slice bytes)
{
	struct link_call *call = container_of(http, struct link_call, http);
	bool success = http->status == STATUS_OK;

	if (success && call->on_body)
		return call->on_body(call, bytes);
	if (!success)
		bytes.n = MIN(bytes.n, LINK_MAX_REFUSAL - call->answer.n);
	return buf_append(&call->answer, bytes.p, bytes.n);
}

static void on_done(struct http_call *http)
{
	struct link_call *call = container_of(http, struct link_call, http);
	struct life *life = call->link->life;

	call->running = false;
	call->status = http->status;
	if (http->err.code && !call->err.code)
		(void)err_set(&call->err,
		              http->err.code < 0 ? http->err.code : -EPROTO,
		              "%s: %s", call->link->name, http->err.message);
	authorization_wipe(&call->token);
	call->done(call);
	life_drop(life);
}

static void add_header(struct link_call *call, const char *name,
                       struct slice value)
{
	if (value.n > 0)
		call->headers[call->http.n_headers++] =
			(struct http_header){ slice_from(name), value };
}

static int add_headers(struct link_call *call)
{
	const char *token_file = call->link->token_file;

	buf_init(&call->token, AUTHORIZATION_MAX);
	if (token_file) {
		int r = authorization_read(&call->token, token_file, NULL,
		                           &call->err);

		if (r < 0 && r != -ENOMEM)
			call->err.code = -ENOKEY;
		if (r < 0)
			return r;
	}
	add_header(call, "Authorization", buf_slice(&call->token));
	add_header(call, "Accept", slice_from(call->accept));
	add_header(call, "If-None-Match", slice_from(call->etag));
	add_header(call, "Last-Event-ID", slice_from(call->last_id));
	if (call->body.n > 0)
		add_header(call, "Content-Type",
		           slice_from("application/json"));
	return 0;
}

int link_start(struct link *link, struct link_call *call,
               void (*done)(struct link_call *call))
{
	uint64_t timeout_ms =
		call->timeout_ms ? call->timeout_ms : LINK_TIMEOUT_MS;
	int r;

	call->link = link;
	call->done = done;
	call->http = (struct http_call){
		.url = link->url,
		.method = call->method ? call->method : "GET",
		.target = call->target,
		.headers = call->headers,
		.body = call->body,
		.timeout_ms = timeout_ms,
		.idle_timeout_ms = call->idle_timeout_ms,
		.max_body = MAX(call->max_body, LINK_MAX_REFUSAL),
		.on_head = on_head,
		.on_body = on_body,
	};
	buf_init(&call->answer,
	         call->on_body ? LINK_MAX_REFUSAL
	                       : MAX(call->max_body, LINK_MAX_REFUSAL));
	r = add_headers(call);
	if (r == 0) {
		r = http_client_call(link->client, &call->http, on_done);
		if (r < 0)
			call->err = call->http.err;
	}
	if (r < 0) {
		authorization_wipe(&call->token);
		return r;
	}
	call->running = true;
	life_hold(link->life);
	return 0;
}

void link_cancel(struct link_call *call)
{
	if (call->running)
		http_call_cancel(&call->http);
}

/* {"detail": "words"}, or the words as they are. */
static void append_refusal(const struct link_call *call, struct buf *words)
{
	struct slice text = buf_slice(&call->answer);
	struct slice detail = { 0 };
	struct json_t *root = NULL;

	if (json_parse(text, &root, NULL) == 0)
		detail = json_as_text(json_get(root, "detail"));
	if (detail.p)
		text = detail;
	while (text.n > 0 && strchr("\r\n ", text.p[text.n - 1]))
		text.n--;
	if (text.n > 0 && text.p[0] != '<') {
		(void)buf_puts(words, ": ");
		text_append_clean(words, text_cut(text, SHOWN_REFUSAL), false);
	}
	json_free(root);
}

void link_explain(const struct link_call *call, struct err *err)
{
	const struct link *link = call->link;
	const char *remedy = "";
	bool refused = call->status >= STATUS_BAD_REQUEST &&
	               call->status < STATUS_INTERNAL_ERROR;
	char origin[URL_ORIGIN_MAX];
	struct buf words;

	if (call->err.code) {
		*err = call->err;
		return;
	}
	if (call->status == STATUS_UNAUTHORIZED)
		remedy = link->token_file ? "; was the token revoked, or has "
		                            "it expired?"
		                          : "; is there a --token-file?";
	buf_init(&words, ERR_MESSAGE_SIZE);
	append_refusal(call, &words);
	(void)err_set(err, refused ? -EPERM : -EPROTO,
	              "%s %s: HTTP status %d %s%s%s", link->name,
	              url_origin(&link->url, origin), call->status,
	              http_status_text(call->status), buf_text(&words), remedy);
	buf_fini(&words);
}
