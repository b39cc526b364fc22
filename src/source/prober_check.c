/* SPDX-License-Identifier: Apache-2.0 */
#include "source/prober_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/number.h"
#include "proto/url.h"

#define ADDRESS_MAX 2048
#define ID_MAX      512
#define OUTPUT_MAX  1023
#define MAX_BODY    (1024 * 1024) /* what is more was good enough, too */
#define UNKNOWN_IP  "its address is not known"

/* --- the end ------------------------------------------------------------ */

static void finish(struct prober_check *check, enum prober_verdict verdict)
{
	check->verdict = check->cancelled ? PROBER_UNDECIDED : verdict;
	check->done(check);
	runtime_call_fini(&check->exec);
	buf_fini(&check->text);
	buf_fini(&check->id);
	mem_free(check);
}

static void say(struct prober_check *check, const char *words)
{
	(void)snprintf(check->words, sizeof(check->words), "%s", words);
}

static void on_later_closed(uv_handle_t *handle)
{
	struct prober_check *check =
		container_of((uv_timer_t *)handle, struct prober_check, later);

	finish(check, check->verdict);
}

static void on_later(uv_timer_t *timer)
{
	uv_close((uv_handle_t *)timer, on_later_closed);
}

/* It could not even begin. */
static void finish_later(struct prober_check *check, uv_loop_t *loop,
                         enum prober_verdict verdict, const char *words)
{
	say(check, words);
	check->verdict = verdict;
	check->is_later = true;
	/* neither can fail for a fresh timer on a loop that lives */
	(void)uv_timer_init(loop, &check->later);
	(void)uv_timer_start(&check->later, on_later, 0, 0);
}

/* --- a command ---------------------------------------------------------- */

static enum prober_verdict judge(const struct runtime_call *call)
{
	switch (call->result) {
	case RUNTIME_OK:
		return PROBER_GOOD;
	case RUNTIME_TIMED_OUT:
	case RUNTIME_BUSY: /* the last one hangs yet */
		return PROBER_BAD;
	case RUNTIME_FAILED:
		/* not the check failed, but there was none to make it in */
		return call->found.status == RUNTIME_STATUS_EXITED ||
		                       call->found.status ==
		                               RUNTIME_STATUS_PAUSED
		               ? PROBER_UNDECIDED
		               : PROBER_BAD;
	case RUNTIME_NO_TARGET:
	case RUNTIME_LEFT_ALONE:
	case RUNTIME_UNAVAILABLE:
	case RUNTIME_CANCELLED:
		break;
	}
	return PROBER_UNDECIDED;
}

static void on_executed(struct runtime_call *call)
{
	struct prober_check *check =
		container_of(call, struct prober_check, exec);

	check->exit_code = call->exit_code;
	say(check,
	    call->output.n ? buf_text(&call->output) : call->err.message);
	finish(check, judge(call));
}

static int start_exec(struct prober_check *check,
                      const struct prober_subject *subject)
{
	check->exec = (struct runtime_call){
		.target = buf_text(&check->id),
		.argv = subject->probe->argv,
		.timeout_ms = subject->probe->timeout_ms,
		.max_output = OUTPUT_MAX,
		.quiet = subject->quiet,
	};
	return runtime_exec(subject->runtime, &check->exec, on_executed);
}

/* --- HTTP --------------------------------------------------------------- */

static void on_answered(struct http_call *http)
{
	struct prober_check *check =
		container_of(http, struct prober_check, http);
	bool good = http->status >= 200 && http->status < 400;

	if (http->status)
		(void)snprintf(check->words, sizeof(check->words), "HTTP %u %s",
		               (unsigned)http->status,
		               http_status_text(http->status));
	else
		say(check, http->err.message);
	finish(check, good ? PROBER_GOOD : PROBER_BAD);
}

/* An endpoint is parsed without what is asked for there. */
static int split_url(const char *text, struct url *url, struct slice *target,
                     struct err *err)
{
	const char *host = strstr(text, "://");
	size_t n = host ? (size_t)(host + 3 - text) : 0;

	n += strcspn(text + n, "/?");
	*target = slice_from(text[n] ? text + n : "/");
	return url_parse(slice_make(text, n),
	                 strncmp(text, "https:", 6) == 0 ? 443 : 80, url, err);
}

static int start_http(struct prober_check *check,
                      const struct prober_subject *subject, struct err *err)
{
	struct http_call *http = &check->http;
	int r;

	if (!subject->client)
		return err_set(err, UV_ENOTSUP, "no checks by HTTP here");
	*http = (struct http_call){
		.method = "GET",
		.timeout_ms = subject->probe->timeout_ms,
		.max_body = MAX_BODY,
	};
	r = split_url(buf_text(&check->text), &http->url, &http->target, err);
	if (r == 0) {
		r = http_client_call(subject->client, http, on_answered);
		if (r < 0)
			*err = http->err;
	}
	return r;
}

/* --- TCP ---------------------------------------------------------------- */

static void on_knocked(struct knock *knock)
{
	struct prober_check *check =
		container_of(knock, struct prober_check, knock);

	say(check, knock->err.message);
	finish(check, knock->err.code ? PROBER_BAD : PROBER_GOOD);
}

static int start_tcp(struct prober_check *check,
                     const struct prober_subject *subject, struct err *err)
{
	struct url url = { 0 };
	struct buf text;
	int r;

	/* host:port is an endpoint without a scheme */
	buf_init(&text, ADDRESS_MAX);
	(void)buf_puts(&text, "tcp://");
	(void)buf_append(&text, check->text.p, check->text.n);
	r = text.failed ? err_set_code(err, text.failed, "its address")
	                : url_parse(buf_slice(&text), 0, &url, err);
	if (r == 0) {
		r = knock_start(&check->knock, subject->loop, url.host,
		                url.port, subject->probe->timeout_ms,
		                on_knocked);
		if (r < 0)
			(void)err_set_code(err, r, "connect");
	}
	buf_fini(&text);
	return r;
}

/* --- any of them -------------------------------------------------------- */

static int render(struct prober_check *check,
                  const struct prober_subject *subject, struct err *err)
{
	const struct probe *probe = subject->probe;

	if (probe_wants_ip(probe) && !subject->ip[0])
		return err_set(err, -EADDRNOTAVAIL, UNKNOWN_IP);
	probe_render(probe->type == PROBE_HTTP ? probe->url : probe->address,
	             subject->name, subject->ip, &check->text);
	return check->text.failed
	               ? err_set_code(err, check->text.failed, "its address")
	               : 0;
}

static int begin(struct prober_check *check,
                 const struct prober_subject *subject, struct err *err)
{
	int r;

	if (subject->probe->type == PROBE_EXEC) {
		r = start_exec(check, subject);
		if (r < 0)
			*err = check->exec.err;
		return r;
	}
	r = render(check, subject, err);
	if (r < 0)
		return r;
	return subject->probe->type == PROBE_HTTP
	               ? start_http(check, subject, err)
	               : start_tcp(check, subject, err);
}

struct prober_check *prober_check_start(const struct prober_subject *subject,
                                        prober_checked_cb done)
{
	struct prober_check *check = mem_calloc(1, sizeof(*check));
	struct err err;
	int r;

	if (!check)
		return NULL;
	check->done = done;
	check->exit_code = -1;
	check->type = subject->probe->type;
	buf_init(&check->text, ADDRESS_MAX);
	buf_init(&check->id, ID_MAX);
	if (buf_puts(&check->id, subject->id) < 0) {
		buf_fini(&check->id);
		mem_free(check);
		return NULL;
	}
	r = begin(check, subject, &err);
	if (r < 0)
		finish_later(check, subject->loop,
		             r == -EINVAL ? PROBER_BAD : PROBER_UNDECIDED,
		             err.message);
	return check;
}

void prober_check_cancel(struct prober_check *check)
{
	if (check->cancelled)
		return;
	check->cancelled = true;
	if (check->is_later)
		return;
	switch (check->type) {
	case PROBE_EXEC:
		runtime_cancel(&check->exec);
		break;
	case PROBE_HTTP:
		http_call_cancel(&check->http);
		break;
	case PROBE_TCP:
		knock_cancel(&check->knock);
		break;
	case N_PROBE_TYPES:
		break;
	}
}
