/* SPDX-License-Identifier: Apache-2.0 */
#include "source/pushgateway_reading.h"

#include <errno.h>
#include "proto/timestamp.h"
#include "source/source.h"

#define HTTP_OK 200

/* What the present stage reads. */
static enum push_document document_of(const struct pushgateway_reading *reading)
{
	return reading->stage == PUSHGATEWAY_READING_API ? PUSH_DOCUMENT_API
	                                                 : PUSH_DOCUMENT_TEXT;
}

static const char *path_of(const struct pushgateway_reading *reading)
{
	return reading->stage == PUSHGATEWAY_READING_API ? "/api/v1/metrics"
	                                                 : "/metrics";
}

/* --- scanning ------------------------------------------------------------ */

static void *text_wanted(void *context, struct slice name)
{
	struct pushgateway_reading *reading = context;

	return push_table_family(reading->table, PUSH_DOCUMENT_TEXT, name);
}

static void on_sample(void *context, const struct exposition_sample *sample)
{
	struct pushgateway_reading *reading = context;

	push_table_see_seconds(reading->table, sample->family, sample->labels,
	                       sample->n_labels, sample->value);
}

static void *api_wanted(void *context, struct slice name)
{
	struct pushgateway_reading *reading = context;

	return push_table_family(reading->table, PUSH_DOCUMENT_API, name);
}

static void on_pushed(void *context, const struct label *labels,
                      size_t n_labels, void *family, int64_t unix_ms)
{
	struct pushgateway_reading *reading = context;

	push_table_see(reading->table, family, PUSH_DOCUMENT_API, labels,
	               n_labels, unix_ms);
}

static const struct exposition_callbacks text_callbacks = {
	.wanted = text_wanted,
	.sample = on_sample,
};
static const struct pushgateway_callbacks api_callbacks = { api_wanted,
	                                                    on_pushed };

void pushgateway_reading_init(struct pushgateway_reading *reading)
{
	reading->stage = PUSHGATEWAY_READING_IDLE;
	exposition_init(&reading->text, &text_callbacks, reading);
	pushgateway_document_init(&reading->api, &api_callbacks, reading);
}

void pushgateway_reading_fini(struct pushgateway_reading *reading)
{
	exposition_fini(&reading->text);
	pushgateway_document_fini(&reading->api);
}

/* --- one answer ---------------------------------------------------------- */

static int64_t wall_clock_ms(void)
{
	uv_timeval64_t now;

	if (uv_gettimeofday(&now) < 0)
		return 0;
	return now.tv_sec * 1000 + now.tv_usec / 1000;
}

static int on_head(struct http_call *call, const struct http_message *message)
{
	struct pushgateway_reading *reading =
		container_of(call, struct pushgateway_reading, call);
	int64_t *nowp = &reading->conclusion.now_ms[document_of(reading)];

	reading->until_eof = message->until_eof;
	if (timestamp_parse_http(http_message_header(message, "Date"), nowp) <
	    0)
		*nowp = wall_clock_ms();
	return 0;
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct pushgateway_reading *reading =
		container_of(call, struct pushgateway_reading, call);

	if (call->status != HTTP_OK)
		return 0;
	reading->scan_result =
		reading->stage == PUSHGATEWAY_READING_API
			? pushgateway_document_feed(&reading->api, bytes)
			: exposition_feed(&reading->text, bytes);
	return reading->scan_result ? UV_ECANCELED : 0;
}

static enum reading_result refuse(struct pushgateway_reading *reading,
                                  enum reading_result result, int code,
                                  const char *words)
{
	(void)err_set(&reading->err, code, "%s%s: %s", reading->name,
	              path_of(reading), words);
	return result;
}

static enum reading_result judge_text(struct pushgateway_reading *reading,
                                      int r)
{
	const struct exposition_counts *counts = &reading->text.counts;

	if (r == 0)
		r = exposition_finish(&reading->text);
	if (r == EXPOSITION_E_NOT_EXPOSITION)
		return refuse(reading, READING_NOT_EXPOSITION, -EPROTO,
		              "the answer is not in the text exposition "
		              "format; is this a Pushgateway?");
	if (r < 0)
		return refuse(reading, READING_ERROR, r, err_text(r));
	/* half of its last number would be believed */
	if (reading->until_eof && counts->unterminated)
		return refuse(reading, READING_TRUNCATED, -EPROTO,
		              "the answer ended in the middle of a line");
	reading->conclusion.damaged[PUSH_DOCUMENT_TEXT] =
		counts->n_bad + counts->n_oversized > 0;
	reading->n_damaged += counts->n_bad + counts->n_oversized;
	return READING_OK;
}

static enum reading_result judge_api(struct pushgateway_reading *reading, int r)
{
	if (r == 0)
		r = pushgateway_document_finish(&reading->api);
	if (r == PUSHGATEWAY_E_TRUNCATED)
		return refuse(reading, READING_TRUNCATED, -EPROTO,
		              "the document is not complete");
	if (r > 0)
		return refuse(reading, READING_NOT_EXPOSITION, -EPROTO,
		              "the answer is not a Pushgateway's list of "
		              "groups; `metric_name` needs version 1.0");
	if (r < 0)
		return refuse(reading, READING_ERROR, r, err_text(r));
	reading->conclusion.damaged[PUSH_DOCUMENT_API] = reading->api.n_bad > 0;
	reading->n_damaged += reading->api.n_bad;
	return READING_OK;
}

static enum reading_result judge_answer(struct pushgateway_reading *reading)
{
	const struct http_call *call = &reading->call;

	if (call->status != 0 && call->status != HTTP_OK) {
		(void)err_set(&reading->err, -EPROTO, "%s%s: HTTP status %d %s",
		              reading->name, path_of(reading), call->status,
		              http_status_text(call->status));
		return READING_STATUS;
	}
	if (call->err.code != 0 && reading->scan_result == 0) {
		reading->err = call->err;
		return source_result_of(call->err.code, call->status);
	}
	return reading->stage == PUSHGATEWAY_READING_API
	               ? judge_api(reading, reading->scan_result)
	               : judge_text(reading, reading->scan_result);
}

/* --- the course ---------------------------------------------------------- */

static void on_answered(struct http_call *call);

static int fetch(struct pushgateway_reading *reading,
                 enum pushgateway_reading_stage stage)
{
	int r;

	reading->stage = stage;
	reading->scan_result = 0;
	reading->until_eof = false;
	reading->call = (struct http_call){
		.url = reading->url,
		.method = "GET",
		.target = slice_from(path_of(reading)),
		.timeout_ms = reading->timeout_ms,
		.max_body = reading->max_body,
		.on_head = on_head,
		.on_body = on_body,
	};
	r = http_client_call(reading->client, &reading->call, on_answered);
	if (r < 0) {
		reading->err = reading->call.err;
		if (reading->err.code == 0)
			(void)err_set_code(&reading->err, r, "%s%s",
			                   reading->name, path_of(reading));
		reading->stage = PUSHGATEWAY_READING_IDLE;
	}
	return r;
}

static void complete(struct pushgateway_reading *reading,
                     enum reading_result result)
{
	reading->result = result;
	reading->duration_ms = (uv_hrtime() - reading->started_ns) / 1000000;
	reading->stage = PUSHGATEWAY_READING_IDLE;
	reading->done(reading);
}

static void on_answered(struct http_call *call)
{
	struct pushgateway_reading *reading =
		container_of(call, struct pushgateway_reading, call);
	enum reading_result result = judge_answer(reading);
	bool next = result == READING_OK && reading->wants_api &&
	            reading->stage == PUSHGATEWAY_READING_TEXT;

	reading->n_bytes += call->n_received;
	if (next && fetch(reading, PUSHGATEWAY_READING_API) == 0)
		return;
	complete(reading, next ? READING_ERROR : result);
}

int pushgateway_reading_start(struct pushgateway_reading *reading,
                              pushgateway_reading_cb done)
{
	const uint32_t *n_wanted = reading->table->n_wanted;
	bool wants_text = n_wanted[PUSH_DOCUMENT_TEXT] > 0 ||
	                  n_wanted[PUSH_DOCUMENT_API] == 0;

	reading->done = done;
	reading->wants_api = n_wanted[PUSH_DOCUMENT_API] > 0;
	reading->n_bytes = 0;
	reading->n_damaged = 0;
	reading->started_ns = uv_hrtime();
	err_clear(&reading->err);
	exposition_reset(&reading->text);
	pushgateway_document_reset(&reading->api);
	push_table_begin(reading->table);
	return fetch(reading, wants_text ? PUSHGATEWAY_READING_TEXT
	                                 : PUSHGATEWAY_READING_API);
}

void pushgateway_reading_cancel(struct pushgateway_reading *reading)
{
	if (pushgateway_reading_busy(reading))
		http_call_cancel(&reading->call);
}
