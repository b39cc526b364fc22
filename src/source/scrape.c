/* SPDX-License-Identifier: Apache-2.0 */
#include "source/scrape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/rng.h"
#include "io/authorization.h"
#include "io/http_client.h"
#include "proto/exposition.h"
#include "source/poll.h"

#define HTTP_OK       200
#define MAX_JITTER_MS 1000
#define OWN_HEADERS   2
#define MAX_LOCATION  100 /* bytes of it that are repeated */

/* What is offered, as Prometheus does; both formats, names in UTF-8. */
#define ACCEPT                                                             \
	"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;" \
	"q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,"          \
	"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"             \
	"text/plain;version=0.0.4;q=0.2,*/*;q=0.1"

struct scrape {
	struct source source;
	struct source_log log;
	struct samples_listener listener;
	char *url_text; /* what url and target point into */
	char *name;
	struct url url;
	struct slice target;
	struct http_client *client;
	uint64_t timeout_ms;
	uint64_t max_body;
	const struct source_credentials *credentials;
	struct poll poll;
	struct series_table table;
	bool told_left_out; /* the last good reading had such lines */

	/* the present reading */
	bool busy; /* the call is under way */
	struct http_call call;
	struct http_header headers[SOURCE_MAX_HEADERS + 1 + OWN_HEADERS];
	char timeout_text[32];
	struct buf authorization;
	struct exposition text;
	bool until_eof;      /* only its end tells the body's length */
	int scan_result;     /* why we gave the body up, or 0 */
	uint64_t started_ns; /* uv_hrtime() */
	char location[MAX_LOCATION + 1]; /* of an answer that leads elsewhere */
	struct err err;

	bool closing;
	bool poll_closed;
	scrape_closed_cb closed;
	void *closed_context;
};

/* --- the end of it ------------------------------------------------------- */

static void scrape_free(struct scrape *scrape)
{
	series_table_fini(&scrape->table);
	exposition_fini(&scrape->text);
	authorization_wipe(&scrape->authorization);
	mem_free(scrape->url_text);
	mem_free(scrape->name);
	mem_free(scrape);
}

static void maybe_closed(struct scrape *scrape)
{
	scrape_closed_cb closed = scrape->closed;
	void *context = scrape->closed_context;

	if (!scrape->poll_closed || scrape->busy)
		return;
	scrape_free(scrape);
	closed(context);
}

/* --- telling ------------------------------------------------------------- */

static void on_result(void *context, const struct series_result *result)
{
	struct scrape *scrape = context;

	if (result->is_new)
		log_warn(scrape->log.log, "series are unknown",
		         LOG_STR("source", scrape->name),
		         LOG_STR("metric", result->metric_name),
		         LOG_STR("reason", result->trouble));
	/* the listener may have closed us */
	if (!scrape->closing)
		scrape->listener.samples(scrape->listener.context,
		                         &scrape->source, result->number,
		                         result->samples, result->n);
}

static void log_left_out(struct scrape *scrape)
{
	const struct exposition_counts *counts = &scrape->text.counts;
	uint64_t n = counts->n_bad + counts->n_oversized;

	if (n > 0 && !scrape->told_left_out)
		log_warn(scrape->log.log, "parts of a source were left out",
		         LOG_STR("source", scrape->name), LOG_INT("parts", n));
	scrape->told_left_out = n > 0;
}

static void complete(struct scrape *scrape, enum reading_result result)
{
	bool good = result == READING_OK;
	struct reading reading = {
		.result = result,
		.detail = good ? "" : scrape->err.message,
		.n_bytes = scrape->call.n_received,
		.duration_ms = (uv_hrtime() - scrape->started_ns) / 1000000,
	};

	poll_ended(&scrape->poll, good);
	source_log_reading(&scrape->log, &scrape->source, &reading);
	if (good)
		log_left_out(scrape);
	scrape->listener.begin(scrape->listener.context, &scrape->source,
	                       &reading);
	series_table_conclude(&scrape->table, good, on_result, scrape);
	if (!scrape->closing)
		scrape->listener.end(scrape->listener.context, &scrape->source);
}

/* --- scanning ------------------------------------------------------------ */

static void *wanted(void *context, struct slice name)
{
	struct scrape *scrape = context;

	return series_table_family(&scrape->table, name);
}

static void on_sample(void *context, const struct exposition_sample *sample)
{
	struct scrape *scrape = context;

	series_table_see(&scrape->table, sample->family, sample->labels,
	                 sample->n_labels, sample->value,
	                 sample->timestamp.n > 0);
}

static void on_left_out(void *context, void *family)
{
	struct scrape *scrape = context;

	series_table_left_out(&scrape->table, family);
}

static const struct exposition_callbacks callbacks = {
	.wanted = wanted,
	.sample = on_sample,
	.left_out = on_left_out,
};

/* --- the answer ---------------------------------------------------------- */

/* Keeps the words, ends the call. */
static int give_up(struct scrape *scrape, const char *words)
{
	scrape->scan_result = EXPOSITION_E_NOT_EXPOSITION;
	(void)err_set(&scrape->err, -EPROTO, "%s: %s", scrape->name, words);
	return UV_ECANCELED;
}

static int on_head(struct http_call *call, const struct http_message *message)
{
	struct scrape *scrape = container_of(call, struct scrape, call);
	struct slice type = http_message_header(message, "Content-Type");
	struct slice coding = http_message_header(message, "Content-Encoding");
	struct slice location = http_message_header(message, "Location");

	scrape->until_eof = message->until_eof;
	(void)snprintf(scrape->location, sizeof(scrape->location), SLICE_FMT,
	               (int)MIN(location.n, MAX_LOCATION),
	               location.p ? location.p : "");
	if (message->status != HTTP_OK)
		return 0;
	if (coding.n > 0 && !slice_is_nocase(coding, "identity"))
		return give_up(scrape, "the answer is compressed, which "
		                       "nobody asked for");
	if (slice_starts(type, "application/vnd.google.protobuf"))
		return give_up(scrape, "the answer is in protobuf, which "
		                       "nobody asked for; is there no text?");
	exposition_set_format(&scrape->text, exposition_format_of(type));
	return 0;
}

static int on_body(struct http_call *call, struct slice bytes)
{
	struct scrape *scrape = container_of(call, struct scrape, call);

	if (call->status != HTTP_OK)
		return 0;
	scrape->scan_result = exposition_feed(&scrape->text, bytes);
	if (scrape->scan_result == 0)
		scrape->scan_result = series_table_failed(&scrape->table);
	return scrape->scan_result ? UV_ECANCELED : 0;
}

static enum reading_result refuse(struct scrape *scrape,
                                  enum reading_result result, int code,
                                  const char *words)
{
	(void)err_set(&scrape->err, code, "%s: %s", scrape->name, words);
	return result;
}

static enum reading_result judge_body(struct scrape *scrape)
{
	int r = scrape->scan_result;

	if (r == 0)
		r = exposition_finish(&scrape->text);
	if (r == 0)
		r = series_table_failed(&scrape->table);
	if (r == -E2BIG) {
		(void)err_set(&scrape->err, r,
		              "%s: the series that are asked for have more "
		              "than %u MiB of labels; ask for fewer",
		              scrape->name, SAMPLE_MAX_TEXT >> 20);
		return READING_TOO_LARGE;
	}
	if (r < 0)
		return refuse(scrape, READING_ERROR, r, err_text(r));
	if (r == EXPOSITION_E_NOT_EXPOSITION && scrape->err.code)
		return READING_NOT_EXPOSITION;
	if (r == EXPOSITION_E_NOT_EXPOSITION)
		return refuse(scrape, READING_NOT_EXPOSITION, -EPROTO,
		              "the answer is in no text format of metrics; is "
		              "this where an exporter has its metrics?");
	if (r == EXPOSITION_E_TRUNCATED)
		return refuse(scrape, READING_TRUNCATED, -EPROTO,
		              "the answer does not end with # EOF: it was cut "
		              "off, or is not the OpenMetrics that its "
		              "Content-Type says");
	/* half of its last number would be believed */
	if (scrape->until_eof && scrape->text.counts.unterminated &&
	    !scrape->text.at_eof)
		return refuse(scrape, READING_TRUNCATED, -EPROTO,
		              "the answer ended in the middle of a line");
	return READING_OK;
}

/* What to do about it. */
static const char *remedy(uint16_t status)
{
	switch (status) {
	case 401:
	case 403:
		return "; who we are is said by token_file or basic_auth_file";
	case 404:
		return "; is its path right?";
	case 406:
		return "; it offers no text format";
	default:
		return "";
	}
}

static enum reading_result judge_status(struct scrape *scrape)
{
	uint16_t status = scrape->call.status;

	(void)err_set(&scrape->err, -EPROTO, "%s: HTTP status %d %s%s%s%s",
	              scrape->name, status, http_status_text(status),
	              scrape->location[0] ? "; it leads to " : "",
	              scrape->location, remedy(status));
	return READING_STATUS;
}

static void on_answered(struct http_call *call)
{
	struct scrape *scrape = container_of(call, struct scrape, call);
	enum reading_result result = READING_OK;

	scrape->busy = false;
	authorization_wipe(&scrape->authorization);
	if (scrape->closing) {
		maybe_closed(scrape);
		return;
	}
	if (call->status != 0 && call->status != HTTP_OK) {
		result = judge_status(scrape);
	} else if (call->err.code != 0 && scrape->scan_result == 0) {
		scrape->err = call->err;
		result = source_result_of(call->err.code, call->status);
	} else {
		result = judge_body(scrape);
	}
	complete(scrape, result);
}

/* --- the question -------------------------------------------------------- */

static bool has_accept(const struct scrape *scrape, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_is_nocase(scrape->headers[i].name, "Accept"))
			return true;
	return false;
}

static int fill_headers(struct scrape *scrape)
{
	uint64_t timeout_ms = scrape->timeout_ms ? scrape->timeout_ms
	                                         : HTTP_CLIENT_TIMEOUT_MS;
	int n = credentials_headers(scrape->credentials, &scrape->authorization,
	                            scrape->headers, &scrape->err);

	if (n < 0)
		return n;
	if (!has_accept(scrape, (size_t)n))
		scrape->headers[n++] =
			(struct http_header){ slice_from("Accept"),
			                      slice_from(ACCEPT) };
	/* of use to exporters that look at something themselves */
	(void)snprintf(scrape->timeout_text, sizeof(scrape->timeout_text), "%g",
	               (double)timeout_ms / 1000);
	scrape->headers[n++] = (struct http_header){
		slice_from("X-Prometheus-Scrape-Timeout-Seconds"),
		slice_from(scrape->timeout_text),
	};
	return n;
}

static int ask(struct scrape *scrape)
{
	int n = fill_headers(scrape);
	int r;

	if (n < 0) {
		err_wrap(&scrape->err, "%s", scrape->name);
		return n;
	}
	scrape->call = (struct http_call){
		.url = scrape->url,
		.method = "GET",
		.target = scrape->target,
		.headers = scrape->headers,
		.n_headers = (size_t)n,
		.timeout_ms = scrape->timeout_ms,
		.max_body = scrape->max_body,
		.on_head = on_head,
		.on_body = on_body,
	};
	r = http_client_call(scrape->client, &scrape->call, on_answered);
	scrape->busy = r == 0;
	if (r < 0)
		scrape->err = scrape->call.err;
	return r;
}

static void on_due(struct poll *poll)
{
	struct scrape *scrape = container_of(poll, struct scrape, poll);

	scrape->started_ns = uv_hrtime();
	scrape->scan_result = 0;
	scrape->until_eof = false;
	scrape->call.n_received = 0;
	err_clear(&scrape->err);
	exposition_reset(&scrape->text);
	series_table_begin(&scrape->table);
	if (ask(scrape) < 0)
		complete(scrape, READING_ERROR);
}

/* --- the object ---------------------------------------------------------- */

/* Without a path it is that of most exporters, and of Prometheus' default. */
static int set_up(struct scrape *scrape, const char *url, struct err *err)
{
	struct url shown;
	int r;

	scrape->url_text = mem_strdup(url);
	if (!scrape->url_text)
		return err_set_code(err, -ENOMEM, "scrape");
	r = url_parse_target(slice_from(scrape->url_text), &scrape->url,
	                     &scrape->target, err);
	if (r < 0)
		return r;
	if (slice_is(scrape->target, "/") && url[strlen(url) - 1] != '/')
		scrape->target = slice_from("/metrics");
	/* a query may hold a secret, as a path hardly does */
	shown = scrape->url;
	shown.path = scrape->target;
	shown.path.n = MIN(shown.path.n, strcspn(shown.path.p, "?"));
	scrape->name = source_make_name(&shown);
	if (!scrape->name)
		return err_set_code(err, -ENOMEM, "scrape");
	scrape->source.name = scrape->name;
	return 0;
}

int scrape_new(const struct scrape_options *options,
               const struct samples_listener *listener, struct scrape **scrapep,
               struct err *err)
{
	struct scrape *scrape = mem_calloc(1, sizeof(*scrape));
	struct rng rng = { options->seed };
	uint64_t interval_ms = MAX(options->interval_ms, 1);
	uint64_t jitter_ms = rng_below(&rng, MIN(interval_ms, MAX_JITTER_MS));
	int r;

	if (!scrape)
		return err_set_code(err, -ENOMEM, "scrape");
	scrape->log.log = options->log;
	scrape->listener = *listener;
	scrape->client = options->client;
	scrape->timeout_ms = options->timeout_ms;
	scrape->max_body = options->max_body;
	scrape->credentials = options->credentials;
	buf_init(&scrape->authorization, AUTHORIZATION_MAX);
	series_table_init(&scrape->table, rng_next(&rng));
	exposition_init(&scrape->text, &callbacks, scrape);
	r = set_up(scrape, options->url, err);
	if (r < 0) {
		scrape_free(scrape);
		return r;
	}
	poll_init(&scrape->poll, options->loop, interval_ms, jitter_ms, on_due);
	*scrapep = scrape;
	return 0;
}

int scrape_subscribe(struct scrape *scrape, uint32_t subscription,
                     const struct scrape_query *query, struct err *err)
{
	return series_table_add(&scrape->table, subscription,
	                        query->metric_name, query->matchers, err);
}

void scrape_start(struct scrape *scrape)
{
	poll_start(&scrape->poll);
}

void scrape_check(struct scrape *scrape)
{
	poll_check(&scrape->poll);
}

struct source *scrape_source(struct scrape *scrape)
{
	return &scrape->source;
}

static void on_poll_closed(struct poll *poll)
{
	struct scrape *scrape = container_of(poll, struct scrape, poll);

	scrape->poll_closed = true;
	maybe_closed(scrape);
}

void scrape_close(struct scrape *scrape, scrape_closed_cb closed, void *context)
{
	scrape->closing = true;
	scrape->closed = closed;
	scrape->closed_context = context;
	if (scrape->busy)
		http_call_cancel(&scrape->call);
	poll_close(&scrape->poll, on_poll_closed);
}
