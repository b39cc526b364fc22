/* SPDX-License-Identifier: Apache-2.0 */
#include "action/notifier.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/list.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/rng.h"
#include "base/text.h"
#include "io/authorization.h"
#include "io/http_client.h"
#include "proto/timestamp.h"
#include "proto/url.h"

#define MAX_TEXT    65536      /* bytes of a URL, and of headers' values */
#define MAX_ANSWER  (1u << 20) /* bytes of a body that are read at all */
#define SAID_MAX    128        /* bytes of it that are repeated */
#define MAX_HEADERS (WEBHOOK_HEADERS_ALL + 1)

struct lane {
	struct list node; /* of the notifier, in the order of turns */
	struct list sends;
	uint32_t n;
	bool running; /* the first one is on its way */
	char *name;
	char *url; /* as configured */
};

/* One delivery. */
struct notifier_send {
	struct list node; /* of its lane, or of the notifier's `ended` */
	struct notifier *notifier;
	struct lane *lane; /* NULL: it has ended */
	notifier_done_cb done;
	void *context;

	/* the request, rendered */
	char *name;
	char *method;
	char *token_file;
	char *ca_file;
	struct buf url;
	struct buf body;
	struct buf names;  /* of headers */
	struct buf values; /* of headers */
	struct webhook_header headers[WEBHOOK_HEADERS_ALL];
	size_t n_headers;
	uint64_t timeout_ms;
	uint32_t max_tries;

	/* the present try */
	struct http_call call;
	struct http_header http[MAX_HEADERS];
	struct tls_options tls;
	struct buf token;
	uint64_t after_ms; /* Retry-After of the answer; 0: none */
	char said[SAID_MAX];
	size_t n_said;
	bool cancelled;

	uint32_t n_tries;
	uint64_t due_ms; /* of the next one */
	enum notifier_result result;
	char words[NOTIFIER_WORDS_MAX];
};

struct notifier {
	uv_loop_t *loop;
	struct http_client *client;
	const struct log *log;
	struct rng rng;
	uv_timer_t timer; /* the next thing to do */
	struct list lanes;
	struct list ended; /* with a result that is not told yet */
	uint32_t n_queued;
	uint32_t n_running;
	uint64_t n_results[N_NOTIFIER_RESULTS];
	bool closing;
	bool dropping; /* the grace is over */
	bool timer_closed;
	uint64_t grace_end_ms;
	void (*closed)(void *context);
	void *closed_context;
};

static void on_timer(uv_timer_t *timer);

static void want_turn(struct notifier *notifier)
{
	if (!notifier->timer_closed)
		(void)uv_timer_start(&notifier->timer, on_timer, 0, 0);
}

static void send_free(struct notifier_send *send)
{
	authorization_wipe(&send->token);
	buf_fini(&send->url);
	buf_fini(&send->body);
	buf_fini(&send->names);
	buf_fini(&send->values);
	mem_free(send->name);
	mem_free(send->method);
	mem_free(send->token_file);
	mem_free(send->ca_file);
	mem_free(send);
}

/* --- lanes ------------------------------------------------------------------ */

static void lane_free(struct lane *lane)
{
	mem_free(lane->name);
	mem_free(lane->url);
	mem_free(lane);
}

static struct lane *lane_new(struct notifier *notifier, const char *name,
                             const char *url)
{
	struct lane *lane = mem_calloc(1, sizeof(*lane));

	if (!lane)
		return NULL;
	list_init(&lane->sends);
	lane->name = mem_strdup(name);
	lane->url = mem_strdup(url);
	if (!lane->name || !lane->url) {
		lane_free(lane);
		return NULL;
	}
	list_append(&notifier->lanes, &lane->node);
	return lane;
}

static struct lane *lane_of(struct notifier *notifier, const char *name,
                            const char *url)
{
	LIST_FOR_EACH (node, &notifier->lanes) {
		struct lane *lane = container_of(node, struct lane, node);

		if (strcmp(lane->name, name) == 0 &&
		    strcmp(lane->url, url) == 0)
			return lane;
	}
	return lane_new(notifier, name, url);
}

/* It leaves its lane; an empty one goes. */
static void leave_lane(struct notifier_send *send)
{
	struct lane *lane = send->lane;

	list_unlink(&send->node);
	send->lane = NULL;
	send->notifier->n_queued--;
	if (--lane->n > 0)
		return;
	list_unlink(&lane->node);
	lane_free(lane);
}

/* --- the end of a delivery ---------------------------------------------------- */

static void set_words(struct notifier_send *send, const char *format, ...)
	PRINTF_LIKE(2, 3);

static void set_words(struct notifier_send *send, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(send->words, sizeof(send->words), format, args);
	va_end(args);
}

static void count(struct notifier *notifier, const char *name,
                  enum notifier_result result, const char *words)
{
	notifier->n_results[result]++;
	if (result == NOTIFIER_SENT)
		log_debug(notifier->log, "notification delivered",
		          LOG_STR("notification", name),
		          LOG_STR("answer", words));
	else
		log_warn(notifier->log, "notification not delivered",
		         LOG_STR("notification", name),
		         LOG_STR("reason", words));
}

/* From the loop; it is in no list any more. */
static void tell(struct notifier_send *send)
{
	count(send->notifier, send->name, send->result, send->words);
	if (send->done)
		send->done(send->context, send->result, send->words);
	send_free(send);
}

/* Is told soon; its words are set. */
static void end_soon(struct notifier_send *send, enum notifier_result result)
{
	struct notifier *notifier = send->notifier;

	if (send->lane)
		leave_lane(send);
	send->result = result;
	list_append(&notifier->ended, &send->node);
	want_turn(notifier);
}

/* --- one try ------------------------------------------------------------------ */

/* Half of it is sure, the other half is chance. */
static uint64_t pause_ms(struct notifier_send *send)
{
	uint64_t ms = NOTIFIER_BACKOFF_MS;

	for (uint32_t i = 1; i < send->n_tries && ms < NOTIFIER_BACKOFF_MAX;
	     i++)
		ms *= 2;
	ms = MIN(ms, NOTIFIER_BACKOFF_MAX);
	ms = ms / 2 + rng_below(&send->notifier->rng, ms / 2 + 1);
	return MAX(ms, MIN(send->after_ms, NOTIFIER_AFTER_MAX));
}

/* The words are set: once more, or that was it. */
static void try_failed(struct notifier_send *send)
{
	size_t n = strlen(send->words);

	if (send->n_tries < send->max_tries && !send->notifier->dropping) {
		send->due_ms = uv_now(send->notifier->loop) + pause_ms(send);
		want_turn(send->notifier);
		return;
	}
	if (send->n_tries > 1)
		(void)snprintf(send->words + n, sizeof(send->words) - n,
		               " (%u tries)", send->n_tries);
	end_soon(send, NOTIFIER_FAILED);
}

/* Retry-After: seconds or a date. RFC 9110, section 10.2.3. */
static uint64_t retry_after_ms(struct slice value)
{
	uv_timeval64_t now;
	uint64_t seconds;
	int64_t at_ms;

	if (!value.p)
		return 0;
	if (number_parse_u64(value, &seconds) == 0)
		return MIN(seconds, NOTIFIER_AFTER_MAX) * 1000;
	if (timestamp_parse_http(value, &at_ms) < 0 || uv_gettimeofday(&now))
		return 0;
	at_ms -= now.tv_sec * 1000 + now.tv_usec / 1000;
	return at_ms > 0 ? (uint64_t)at_ms : 0;
}

static int on_head(struct http_call *call, const struct http_message *message)
{
	struct notifier_send *send =
		container_of(call, struct notifier_send, call);

	send->after_ms =
		retry_after_ms(http_message_header(message, "Retry-After"));
	return 0;
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct notifier_send *send =
		container_of(call, struct notifier_send, call);
	size_t n = MIN(bytes.n, sizeof(send->said) - send->n_said);

	memcpy(send->said + send->n_said, bytes.p, n);
	send->n_said += n;
	return 0;
}

/* "HTTP 404: no_team" */
static void set_answer(struct notifier_send *send)
{
	struct buf clean;
	struct slice said = slice_make(send->said, send->n_said);

	said = text_cut(said, sizeof(send->said) - 4);
	while (said.n && strchr("\r\n \t", said.p[said.n - 1]))
		said.n--;
	buf_init(&clean, (size_t)SAID_MAX * 3);
	text_append_clean(&clean, said, false);
	set_words(send, "HTTP %u%s%s%s", send->call.status,
	          send->call.status / 100 == 3
	                  ? ", a redirect, which is not followed"
	                  : "",
	          clean.n ? ": " : "", buf_text(&clean));
	buf_fini(&clean);
}

/* It may go better another time. */
static bool is_passing(uint16_t status)
{
	return status >= 500 || status == 408 || status == 429;
}

static void on_called(struct http_call *call)
{
	struct notifier_send *send =
		container_of(call, struct notifier_send, call);
	struct notifier *notifier = send->notifier;
	uint16_t status = call->status;

	notifier->n_running--;
	send->lane->running = false;
	want_turn(notifier);
	/* what was taken is taken, however the answer ends */
	if (status >= 200 && status < 300) {
		set_answer(send);
		end_soon(send, NOTIFIER_SENT);
	} else if (send->cancelled) {
		set_words(send, "given up before it was answered");
		end_soon(send, NOTIFIER_DROPPED);
	} else if (status == 0 || (call->err.code && is_passing(status))) {
		set_words(send, "%s", call->err.message);
		try_failed(send);
	} else if (is_passing(status)) {
		set_answer(send);
		try_failed(send);
	} else {
		set_answer(send);
		end_soon(send, NOTIFIER_REFUSED);
	}
}

static size_t fill_headers(struct notifier_send *send)
{
	size_t n = 0;

	for (; n < send->n_headers; n++)
		send->http[n] = (struct http_header){
			slice_from(send->headers[n].name),
			slice_from(send->headers[n].value),
		};
	if (send->token_file)
		send->http[n++] = (struct http_header){
			slice_from("Authorization"),
			buf_slice(&send->token),
		};
	return n;
}

static int call_begin(struct notifier_send *send, struct err *err)
{
	struct slice target;
	struct url url;
	int r;

	if (send->token_file) {
		authorization_wipe(&send->token);
		r = authorization_read(&send->token, send->token_file, NULL,
		                       err);
		if (r < 0)
			return r;
	}
	r = url_parse_target(buf_slice(&send->url), &url, &target, err);
	if (r < 0)
		return r;
	send->n_said = 0;
	send->after_ms = 0;
	send->tls.ca = send->ca_file; /* NULL: the client's */
	send->call = (struct http_call){
		.url = url,
		.method = send->method,
		.target = target,
		.headers = send->http,
		.n_headers = fill_headers(send),
		.body = buf_slice(&send->body),
		.timeout_ms = send->timeout_ms,
		.max_body = MAX_ANSWER,
		.tls = &send->tls,
		.on_head = on_head,
		.on_body = on_body,
	};
	r = http_client_call(send->notifier->client, &send->call, on_called);
	if (r < 0)
		*err = send->call.err;
	return r;
}

static void try_once(struct notifier_send *send)
{
	struct err err = { 0 };

	send->n_tries++;
	if (call_begin(send, &err) < 0) {
		set_words(send, "%s", err.message);
		try_failed(send);
		return;
	}
	send->lane->running = true;
	send->notifier->n_running++;
}

/* --- taking turns --------------------------------------------------------------- */

static struct notifier_send *first_of(const struct lane *lane)
{
	return container_of(lane->sends.next, struct notifier_send, node);
}

/* Each lane that is due, once; who had a turn is last in the next round. */
static void start_due(struct notifier *notifier)
{
	uint64_t now_ms = uv_now(notifier->loop);
	struct list waiting;
	struct list *node;

	list_init(&waiting);
	while (notifier->n_running < NOTIFIER_PARALLEL &&
	       (node = list_pop(&notifier->lanes))) {
		struct lane *lane = container_of(node, struct lane, node);
		struct notifier_send *first = first_of(lane);

		list_append(&waiting, &lane->node);
		if (!lane->running && first->due_ms <= now_ms)
			try_once(first);
	}
	while ((node = list_pop(&waiting)))
		list_append(&notifier->lanes, node);
}

static void drop_all(struct notifier *notifier)
{
	LIST_FOR_EACH_SAFE (node, &notifier->lanes) {
		struct lane *lane = container_of(node, struct lane, node);

		/* the last one takes the lane with it */
		for (uint32_t n = lane->n; n > 0; n--) {
			struct notifier_send *send = container_of(
				lane->sends.prev, struct notifier_send, node);

			if (lane->running && n == 1) {
				send->cancelled = true;
				http_call_cancel(&send->call);
				break;
			}
			set_words(send, "not delivered before the end");
			end_soon(send, NOTIFIER_DROPPED);
		}
	}
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct notifier *notifier =
		container_of((uv_timer_t *)handle, struct notifier, timer);
	void (*closed)(void *context) = notifier->closed;
	void *context = notifier->closed_context;

	mem_free(notifier);
	closed(context);
}

static void arm(struct notifier *notifier)
{
	uint64_t now_ms = uv_now(notifier->loop);
	uint64_t next_ms = UINT64_MAX;

	if (notifier->closing && !notifier->dropping)
		next_ms = notifier->grace_end_ms;
	if (notifier->n_running < NOTIFIER_PARALLEL)
		LIST_FOR_EACH (node, &notifier->lanes) {
			struct lane *lane =
				container_of(node, struct lane, node);

			if (!lane->running)
				next_ms = MIN(next_ms, first_of(lane)->due_ms);
		}
	if (!list_empty(&notifier->ended))
		next_ms = now_ms;
	if (next_ms == UINT64_MAX)
		(void)uv_timer_stop(&notifier->timer);
	else
		(void)uv_timer_start(&notifier->timer, on_timer,
		                     next_ms > now_ms ? next_ms - now_ms : 0,
		                     0);
}

static void on_timer(uv_timer_t *timer)
{
	struct notifier *notifier = container_of(timer, struct notifier, timer);
	struct list *node;

	uv_update_time(notifier->loop);
	if (notifier->closing && !notifier->dropping &&
	    uv_now(notifier->loop) >= notifier->grace_end_ms) {
		notifier->dropping = true;
		drop_all(notifier);
	}
	while ((node = list_pop(&notifier->ended)))
		tell(container_of(node, struct notifier_send, node));
	start_due(notifier);
	if (notifier->closing && notifier->n_queued == 0 &&
	    list_empty(&notifier->ended)) {
		notifier->timer_closed = true;
		uv_close((uv_handle_t *)timer, on_timer_closed);
		return;
	}
	arm(notifier);
}

/* --- sending --------------------------------------------------------------------- */

/* The configuration may go: names are copied, too. */
static int copy_headers(struct notifier_send *send,
                        const struct webhook *webhook,
                        const struct notice *notice)
{
	size_t at = 0;

	send->n_headers =
		webhook_headers(webhook, notice, &send->values, send->headers);
	for (size_t i = 0; i < send->n_headers; i++) {
		(void)buf_puts(&send->names, send->headers[i].name);
		(void)buf_putc(&send->names, '\0');
	}
	if (send->names.failed || send->values.failed)
		return -ENOMEM;
	for (size_t i = 0; i < send->n_headers; i++) {
		send->headers[i].name = buf_text(&send->names) + at;
		at += strlen(send->headers[i].name) + 1;
	}
	return 0;
}

static int copy_request(struct notifier_send *send,
                        const struct webhook *webhook,
                        const struct notice *notice, struct err *err)
{
	struct slice target;
	struct url url;
	int failed;

	send->method = mem_strdup(webhook->method ? webhook->method : "POST");
	send->token_file = mem_strdup(webhook->token_file);
	send->ca_file = mem_strdup(webhook->ca_file);
	template_render(slice_from(webhook->url), TEMPLATE_URL, notice,
	                &send->url);
	webhook_body(webhook, notice, &send->body);
	failed = send->url.failed ? send->url.failed : send->body.failed;
	if (failed == -E2BIG)
		return err_set(err, failed,
		               "the message is too long when it is filled in");
	if (failed || !send->method ||
	    (webhook->token_file && !send->token_file) ||
	    (webhook->ca_file && !send->ca_file) ||
	    copy_headers(send, webhook, notice) < 0)
		return err_set(err, -ENOMEM, "out of memory");
	return url_parse_target(buf_slice(&send->url), &url, &target, err);
}

/* Once no text moves any more. */
static void place_headers(struct notifier_send *send)
{
	const char *name = buf_text(&send->names);
	const char *value = buf_text(&send->values);

	for (size_t i = 0; i < send->n_headers; i++) {
		send->headers[i] = (struct webhook_header){ name, value };
		name += strlen(name) + 1;
		value += strlen(value) + 1;
	}
}

/* The same of a request that is whole. */
static int copy_whole(struct notifier_send *send,
                      const struct notifier_request *request, struct err *err)
{
	struct slice target;
	struct url url;

	send->method = mem_strdup("POST");
	send->body.max = MAX(send->body.max, request->body.n);
	(void)buf_puts(&send->url, request->url);
	(void)buf_append(&send->body, request->body.p, request->body.n);
	send->n_headers = MIN(request->n_headers, WEBHOOK_HEADERS_ALL);
	for (size_t i = 0; i < send->n_headers; i++) {
		(void)buf_puts(&send->names, request->headers[i].name);
		(void)buf_putc(&send->names, '\0');
		(void)buf_puts(&send->values, request->headers[i].value);
		(void)buf_putc(&send->values, '\0');
	}
	if (!send->method || send->url.failed || send->body.failed ||
	    send->names.failed || send->values.failed)
		return err_set(err, -ENOMEM, "out of memory");
	place_headers(send);
	return url_parse_target(buf_slice(&send->url), &url, &target, err);
}

static struct notifier_send *send_new(struct notifier *notifier,
                                      const char *name, notifier_done_cb done,
                                      void *context)
{
	/* nobody is left to tell of it when the timer is gone */
	struct notifier_send *send =
		notifier->timer_closed ? NULL : mem_calloc(1, sizeof(*send));

	if (send) {
		send->notifier = notifier;
		send->done = done;
		send->context = context;
		buf_init(&send->url, MAX_TEXT);
		buf_init(&send->names, MAX_TEXT);
		buf_init(&send->values, 2 * MAX_TEXT);
		buf_init(&send->body, WEBHOOK_MAX_BODY);
		buf_init(&send->token, AUTHORIZATION_MAX);
		send->name = mem_strdup(name);
		if (send->name)
			return send;
		send_free(send);
	}
	count(notifier, name, NOTIFIER_FAILED, "out of memory");
	return NULL;
}

/* 0 if it is in a lane, else how it ends. */
static int enqueue(struct notifier_send *send, const char *url)
{
	struct notifier *notifier = send->notifier;
	struct lane *lane;

	if (notifier->closing) {
		set_words(send, "not delivered before the end");
		return NOTIFIER_DROPPED;
	}
	lane = lane_of(notifier, send->name, url);
	if (!lane) {
		set_words(send, "out of memory");
		return NOTIFIER_FAILED;
	}
	/* never more than is left for the others; none is left empty */
	if (lane->n >= NOTIFIER_QUEUE_MAX - notifier->n_queued) {
		set_words(send, "%u wait already for the same receiver",
		          lane->n);
		if (lane->n == 0) {
			list_unlink(&lane->node);
			lane_free(lane);
		}
		return NOTIFIER_DROPPED;
	}
	send->lane = lane;
	list_append(&lane->sends, &send->node);
	lane->n++;
	notifier->n_queued++;
	send->due_ms = uv_now(notifier->loop);
	return NOTIFIER_SENT;
}

/* It waits for its turn, or its end does. */
static void begin_send(struct notifier_send *send, const char *url, int r,
                       const struct err *err)
{
	int result = NOTIFIER_FAILED;

	if (r < 0)
		set_words(send, "%s", err->message);
	else
		result = enqueue(send, url);
	if (result != NOTIFIER_SENT)
		end_soon(send, (enum notifier_result)result);
	want_turn(send->notifier);
}

struct notifier_send *notifier_send(struct notifier *notifier, const char *name,
                                    const struct webhook *webhook,
                                    const struct notice *notice,
                                    uint32_t max_tries, notifier_done_cb done,
                                    void *context)
{
	struct notifier_send *send = send_new(notifier, name, done, context);
	struct err err = { 0 };
	int r;

	if (!send)
		return NULL;
	send->timeout_ms =
		webhook->timeout_ms ? webhook->timeout_ms : WEBHOOK_TIMEOUT_MS;
	send->max_tries = max_tries ? max_tries : webhook->max_tries;
	r = copy_request(send, webhook, notice, &err);
	begin_send(send, webhook->url, r, &err);
	return done ? send : NULL;
}

struct notifier_send *notifier_post(struct notifier *notifier,
                                    const struct notifier_request *request,
                                    notifier_done_cb done, void *context)
{
	struct notifier_send *send =
		send_new(notifier, request->name, done, context);
	struct err err = { 0 };
	int r;

	if (!send)
		return NULL;
	send->timeout_ms =
		request->timeout_ms ? request->timeout_ms : WEBHOOK_TIMEOUT_MS;
	send->max_tries = request->max_tries;
	r = copy_whole(send, request, &err);
	begin_send(send, request->url, r, &err);
	return send;
}

uint64_t notifier_retry_after_ms(const struct notifier_send *send)
{
	return MIN(send->after_ms, NOTIFIER_AFTER_MAX);
}

void notifier_cancel(struct notifier_send *send)
{
	if (!send->lane) /* its end is on its way */
		return;
	send->cancelled = true;
	if (send->lane->running && first_of(send->lane) == send) {
		http_call_cancel(&send->call);
		return;
	}
	set_words(send, "cancelled while it waited");
	end_soon(send, NOTIFIER_DROPPED);
}

/* --- life ----------------------------------------------------------------------- */

struct notifier *notifier_new(uv_loop_t *loop, struct http_client *client,
                              const struct log *log, uint64_t seed)
{
	struct notifier *notifier = mem_calloc(1, sizeof(*notifier));

	if (!notifier)
		return NULL;
	notifier->loop = loop;
	notifier->client = client;
	notifier->log = log;
	notifier->rng.state = seed;
	list_init(&notifier->lanes);
	list_init(&notifier->ended);
	if (uv_timer_init(loop, &notifier->timer) < 0) {
		mem_free(notifier);
		return NULL;
	}
	return notifier;
}

uint64_t notifier_n_results(const struct notifier *notifier,
                            enum notifier_result result)
{
	return notifier->n_results[result];
}

uint32_t notifier_n_queued(const struct notifier *notifier)
{
	return notifier->n_queued;
}

void notifier_close(struct notifier *notifier, uint64_t grace_ms,
                    void (*closed)(void *context), void *context)
{
	assert(!notifier->closing);
	notifier->closing = true;
	notifier->closed = closed;
	notifier->closed_context = context;
	notifier->grace_end_ms = uv_now(notifier->loop) + grace_ms;
	want_turn(notifier);
}

const char *notifier_result_name(enum notifier_result result)
{
	static const char *const names[N_NOTIFIER_RESULTS] = {
		[NOTIFIER_SENT] = "sent",
		[NOTIFIER_REFUSED] = "refused",
		[NOTIFIER_FAILED] = "failed",
		[NOTIFIER_DROPPED] = "dropped",
	};

	return names[result];
}
