/* SPDX-License-Identifier: Apache-2.0 */
#include "source/query_reading.h"

#include <errno.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "io/authorization.h"
#include "proto/prometheus.h"
#include "source/source.h"

#define HTTP_OK              200
#define HTTP_BAD_REQUEST     400
#define HTTP_UNAUTHORIZED    401
#define HTTP_FORBIDDEN       403
#define HTTP_NOT_FOUND       404
#define HTTP_NOT_ALLOWED     405
#define HTTP_UNPROCESSABLE   422
#define HTTP_NOT_IMPLEMENTED 501

#define MAX_SAID 128 /* bytes of a body that are repeated */

/* What is needed only while servers are asked. */
struct query_asking {
	struct query_reading *reading;
	int scan_result; /* why the body is not read on, or 0 */
	struct http_call call;
	struct http_header headers[SOURCE_MAX_HEADERS + 3];
	struct buf authorization;
	struct prometheus_answer answer;
	char said[MAX_SAID]; /* the front of a body with a bad status */
	size_t n_said;
};

/* What becomes of an answer. */
enum verdict {
	ANSWERED,
	AT_FAULT, /* the query is: no other server is asked */
	NO_ANSWER,
	NO_POST,
};

static const struct query_server *server_of(const struct query_reading *reading)
{
	return &reading->servers[reading->server];
}

/* --- words ----------------------------------------------------------------- */

/* The result of the first server that was asked stands for all, unless another
 * one has something to say about the query. */
static void note(struct query_reading *reading, enum reading_result result)
{
	if (reading->words.n > 0)
		(void)buf_puts(&reading->words, "; ");
	if (reading->result == READING_OK || result == READING_BAD_QUERY ||
	    result == READING_WRONG_TYPE)
		reading->result = result;
}

static void add_clean(struct query_reading *reading, struct slice text)
{
	text_append_clean(&reading->words, text, false);
}

/* What failed before there was anything to judge; the client's words name the
 * server. */
static void note_failure(struct query_reading *reading,
                         enum reading_result result, const char *message)
{
	note(reading, result);
	add_clean(reading, slice_from(message));
}

static void note_words(struct query_reading *reading,
                       enum reading_result result, const char *words)
{
	note(reading, result);
	(void)buf_printf(&reading->words, "%s: %s", server_of(reading)->name,
	                 words);
}

/* "bad_data: invalid parameter …" */
static void add_error(struct query_reading *reading)
{
	const struct prometheus_answer *answer = &reading->asking->answer;

	if (answer->error_type[0]) {
		(void)buf_puts(&reading->words, ": ");
		add_clean(reading, slice_from(answer->error_type));
	}
	if (answer->error[0]) {
		(void)buf_puts(&reading->words, ": ");
		add_clean(reading, slice_from(answer->error));
	}
}

/* What is worth repeating of a body that is no document: its first line, unless
 * it is a page. */
static struct slice said_line(const struct query_reading *reading)
{
	struct slice rest = slice_trim(
		slice_make(reading->asking->said, reading->asking->n_said));
	struct slice line = slice_make("", 0);

	if (slice_starts(rest, "<") || slice_starts(rest, "{"))
		return line;
	(void)slice_next(&rest, '\n', &line);
	return text_cut(slice_trim(line), line.n);
}

static const char *hint_of(uint16_t status)
{
	if (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN)
		return "; see token_file, basic_auth_file and headers";
	if (status == HTTP_NOT_FOUND)
		return "; is this the URL of a Prometheus server?";
	if (status >= 300 && status < 400)
		return "; redirects are not followed";
	return "";
}

static void note_status(struct query_reading *reading)
{
	uint16_t status = reading->asking->call.status;
	struct slice line = said_line(reading);

	note(reading, READING_STATUS);
	(void)buf_printf(&reading->words, "%s: HTTP status %u %s",
	                 server_of(reading)->name, status,
	                 http_status_text(status));
	add_error(reading);
	if (line.n > 0 && !reading->asking->answer.error[0]) {
		(void)buf_puts(&reading->words, ": ");
		add_clean(reading, line);
	}
	(void)buf_puts(&reading->words, hint_of(status));
}

/* --- the verdict ----------------------------------------------------------- */

static enum verdict at_fault(struct query_reading *reading,
                             enum reading_result result, const char *words)
{
	note_words(reading, result, words);
	reading->result = result;
	return AT_FAULT;
}

/* The type is a word of the server's: shown clean, and not for long. */
static enum verdict wrong_type(struct query_reading *reading)
{
	note_words(reading, READING_WRONG_TYPE, "the result is a ");
	add_clean(reading, slice_from(reading->asking->answer.type));
	(void)buf_puts(&reading->words,
	               "; a threshold needs an instant vector or a scalar");
	return AT_FAULT;
}

static enum verdict too_many(struct query_reading *reading)
{
	note_words(reading, READING_TOO_LARGE, "the result has more than");
	(void)buf_printf(&reading->words,
	                 " %d series; aggregate them, or ask for fewer",
	                 SAMPLE_MAX_SERIES);
	reading->result = READING_TOO_LARGE;
	return AT_FAULT;
}

static enum verdict judge_body(struct query_reading *reading, int r)
{
	if (r == 0)
		r = prometheus_answer_finish(&reading->asking->answer);
	switch (r) {
	case 0:
		return ANSWERED;
	case PROMETHEUS_E_TYPE:
		return wrong_type(reading);
	case PROMETHEUS_E_HISTOGRAM:
		return at_fault(reading, READING_WRONG_TYPE,
		                "the result has native histograms, which are "
		                "no numbers; use histogram_quantile(), "
		                "histogram_sum() or the like");
	case SAMPLE_E_TOO_MANY:
		return too_many(reading);
	case SAMPLE_E_TOO_LARGE:
	case PROMETHEUS_E_TOO_LARGE:
		return at_fault(reading, READING_TOO_LARGE,
		                "a series of the result has more labels, or "
		                "longer ones, than are taken");
	case PROMETHEUS_E_ERROR:
		note_words(reading, READING_ERROR, "an error");
		add_error(reading);
		return NO_ANSWER;
	case PROMETHEUS_E_TRUNCATED:
		note_words(reading, READING_TRUNCATED,
		           "the answer is not complete");
		return NO_ANSWER;
	case PROMETHEUS_E_NOT_JSON:
	case PROMETHEUS_E_NOT_ANSWER:
		note_words(reading, READING_NOT_EXPOSITION,
		           "the answer is not that of a Prometheus server; is "
		           "this its URL?");
		return NO_ANSWER;
	default:
		note_words(reading, READING_ERROR, err_text(r));
		return NO_ANSWER;
	}
}

static enum verdict judge_status(struct query_reading *reading)
{
	uint16_t status = reading->asking->call.status;
	bool explained = reading->asking->scan_result == 0 &&
	                 prometheus_answer_finish(&reading->asking->answer) ==
	                         PROMETHEUS_E_ERROR;

	if ((status == HTTP_NOT_ALLOWED || status == HTTP_NOT_IMPLEMENTED) &&
	    !server_of(reading)->get)
		return NO_POST;
	if (!explained ||
	    (status != HTTP_BAD_REQUEST && status != HTTP_UNPROCESSABLE)) {
		note_status(reading);
		return NO_ANSWER;
	}
	note_words(reading, READING_BAD_QUERY, "the query is refused");
	add_error(reading);
	return status == HTTP_BAD_REQUEST ? AT_FAULT : NO_ANSWER;
}

static enum verdict judge(struct query_reading *reading)
{
	const struct http_call *call = &reading->asking->call;

	if (call->status != 0 && call->status != HTTP_OK)
		return judge_status(reading);
	if (call->err.code != 0 && reading->asking->scan_result == 0) {
		note_failure(reading,
		             source_result_of(call->err.code, call->status),
		             call->err.message);
		return NO_ANSWER;
	}
	return judge_body(reading, reading->asking->scan_result);
}

/* --- the course ------------------------------------------------------------ */

static int on_sample(void *context, const struct label *labels, size_t n_labels,
                     double value)
{
	struct query_reading *reading = context;

	return sample_list_add(&reading->samples, labels, n_labels, value);
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct query_asking *asking =
		container_of(call, struct query_asking, call);
	size_t n = MIN(bytes.n, sizeof(asking->said) - asking->n_said);

	if (call->status != HTTP_OK) {
		memcpy(asking->said + asking->n_said, bytes.p, n);
		asking->n_said += n;
	}
	if (asking->scan_result == 0)
		asking->scan_result =
			prometheus_answer_feed(&asking->answer, bytes);
	return asking->scan_result && call->status == HTTP_OK ? UV_ECANCELED
	                                                      : 0;
}

static void on_answered(struct http_call *call);

static int fill_headers(struct query_reading *reading, bool get,
                        struct err *err)
{
	struct http_header *headers = reading->asking->headers;
	int n = credentials_headers(reading->credentials,
	                            &reading->asking->authorization, headers,
	                            err);

	if (n < 0)
		return n;
	headers[n++] = (struct http_header){ slice_from("Accept"),
		                             slice_from("application/json") };
	if (!get)
		headers[n++] = (struct http_header){
			slice_from("Content-Type"),
			slice_from("application/x-www-form-urlencoded")
		};
	return n;
}

static int ask(struct query_reading *reading)
{
	const struct query_server *server = server_of(reading);
	struct query_asking *asking = reading->asking;
	struct slice target = reading->target;
	struct err err = { 0 };
	int r = fill_headers(reading, server->get, &err);

	if (r < 0) {
		note_words(reading, READING_ERROR, err.message);
		return r;
	}
	if (!server->get)
		target.n -= reading->form.n + 1;
	asking->scan_result = 0;
	asking->n_said = 0;
	prometheus_answer_reset(&asking->answer);
	sample_list_reset(&reading->samples);
	asking->call = (struct http_call){
		.url = server->url,
		.method = server->get ? "GET" : "POST",
		.target = target,
		.headers = asking->headers,
		.n_headers = (size_t)r,
		.body = server->get ? slice_make("", 0) : reading->form,
		.timeout_ms = reading->timeout_ms,
		.max_body = reading->max_body,
		.repeatable = true, /* it only asks */
		.on_body = on_body,
	};
	r = http_client_call(reading->client, &asking->call, on_answered);
	/* it has been written to the request by now */
	authorization_wipe(&asking->authorization);
	if (r < 0)
		note_failure(reading, READING_ERROR, asking->call.err.message);
	return r;
}

/* The first one first, then the others in their order. 0, or how the last
 * attempt failed: there is none left. */
static int ask_next(struct query_reading *reading, int r)
{
	while (reading->n_asked < reading->n_servers) {
		size_t nth = reading->n_asked++;

		reading->server = nth == 0                ? reading->first
		                  : nth <= reading->first ? nth - 1
		                                          : nth;
		r = ask(reading);
		if (r == 0)
			return 0;
	}
	return r;
}

static void stop_asking(struct query_reading *reading)
{
	prometheus_answer_fini(&reading->asking->answer);
	authorization_wipe(&reading->asking->authorization);
	mem_free(reading->asking);
	reading->asking = NULL;
	reading->duration_ms = (uv_hrtime() - reading->started_ns) / 1000000;
}

static void complete(struct query_reading *reading)
{
	stop_asking(reading);
	reading->done(reading);
}

static void on_answered(struct http_call *call)
{
	struct query_reading *reading =
		container_of(call, struct query_asking, call)->reading;
	enum verdict verdict;

	reading->n_bytes += call->n_received;
	if (reading->cancelled) {
		reading->result = READING_ERROR;
		complete(reading);
		return;
	}
	verdict = judge(reading);
	if (verdict == NO_POST) {
		reading->servers[reading->server].get = true;
		if (ask(reading) == 0)
			return;
		verdict = NO_ANSWER;
	}
	if (verdict == NO_ANSWER && ask_next(reading, -EPROTO) == 0)
		return;
	if (verdict != NO_ANSWER)
		reading->first = reading->server;
	if (verdict == ANSWERED) {
		reading->result = READING_OK;
		sample_list_end(&reading->samples);
	}
	complete(reading);
}

static int begin_asking(struct query_reading *reading)
{
	struct query_asking *asking = mem_calloc(1, sizeof(*asking));

	reading->asking = asking;
	if (!asking) {
		note(reading, READING_ERROR);
		(void)buf_puts(&reading->words, "out of memory");
		return -ENOMEM;
	}
	asking->reading = reading;
	buf_init(&asking->authorization, AUTHORIZATION_MAX);
	prometheus_answer_init(&asking->answer, on_sample, reading);
	return 0;
}

int query_reading_start(struct query_reading *reading, query_reading_cb done)
{
	int r;

	reading->done = done;
	reading->cancelled = false;
	reading->result = READING_OK;
	reading->n_asked = 0;
	reading->n_bytes = 0;
	reading->duration_ms = 0;
	reading->started_ns = uv_hrtime();
	buf_reset(&reading->words);
	r = begin_asking(reading);
	if (r < 0)
		return r;
	r = ask_next(reading, 0);
	if (r < 0)
		stop_asking(reading);
	return r;
}

void query_reading_cancel(struct query_reading *reading)
{
	if (!reading->asking)
		return;
	reading->cancelled = true;
	http_call_cancel(&reading->asking->call);
}

void query_reading_init(struct query_reading *reading)
{
	buf_init(&reading->words, QUERY_MAX_WORDS);
	sample_list_init(&reading->samples, SAMPLE_MAX_SERIES);
}

void query_reading_forget(struct query_reading *reading)
{
	query_reading_fini(reading);
	query_reading_init(reading);
}

void query_reading_fini(struct query_reading *reading)
{
	buf_fini(&reading->words);
	sample_list_fini(&reading->samples);
}
