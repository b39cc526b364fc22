/* SPDX-License-Identifier: Apache-2.0 */
#include "source/query.h"

#include <errno.h>
#include <stdbool.h>
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "source/poll.h"
#include "source/query_reading.h"

#define PROMETHEUS_PORT 80 /* where the URL has none, as in any URL */
#define PATH            "/api/v1/query"
#define FIELD           "query="
#define SPREAD_MS       1000 /* the first readings of all queries */
#define MAX_SAID_QUERY  160  /* bytes of it in messages */
#define MAX_REQUEST     (4u << 20)

struct query {
	struct source source;
	struct samples_listener listener;
	struct query_server *servers;
	size_t n_servers;
	struct buf request; /* PATH?FIELD… */
	char *said_query;   /* it in messages */
	struct query_reading reading;

	struct poll poll;
	bool polls; /* it was made, and is not closed yet */
	struct source_log said;
	size_t server; /* that was last said to answer */

	bool closing;
	query_closed_cb closed;
	void *closed_context;
};

/* --- saying what was read -------------------------------------------------- */

/* Another replica than before is asked from now on. */
static void log_server(struct query *query)
{
	const struct query_reading *reading = &query->reading;

	if (reading->result != READING_OK || query->server == reading->first)
		return;
	query->server = reading->first;
	log_warn(query->said.log, "another server answers",
	         LOG_STR("source", query->source.name),
	         LOG_STR("server", query->servers[reading->first].name),
	         LOG_STR("query", query->said_query),
	         LOG_STR("detail", buf_text(&reading->words)));
}

static void publish(struct query *query)
{
	static const struct sample none;
	struct query_reading *reading = &query->reading;
	struct samples_listener *listener = &query->listener;
	struct reading summary = {
		.result = reading->result,
		.detail = "",
		.n_bytes = reading->n_bytes,
		.duration_ms = reading->duration_ms,
	};
	const struct sample *samples = NULL;

	if (reading->result == READING_OK)
		samples = reading->samples.n ? reading->samples.samples : &none;
	else
		summary.detail = reading->words.n ? buf_text(&reading->words)
		                                  : "out of memory";
	source_log_reading(&query->said, &query->source, &summary);
	log_server(query);
	listener->begin(listener->context, &query->source, &summary);
	/* the listener may close us */
	if (!query->closing)
		listener->samples(listener->context, &query->source, 0, samples,
		                  samples ? reading->samples.n : 0);
	if (!query->closing)
		listener->end(listener->context, &query->source);
}

/* --- reading --------------------------------------------------------------- */

static void query_maybe_closed(struct query *query);

static void on_read(struct query_reading *reading)
{
	struct query *query = container_of(reading, struct query, reading);

	if (query->closing) {
		query_maybe_closed(query);
		return;
	}
	if (reading->result != READING_OK)
		(void)buf_printf(&reading->words, " (query %s)",
		                 query->said_query);
	poll_ended(&query->poll, reading->result == READING_OK);
	publish(query);
	query_reading_forget(reading);
}

static void on_due(struct poll *poll)
{
	struct query *query = container_of(poll, struct query, poll);

	if (query_reading_start(&query->reading, on_read) < 0)
		on_read(&query->reading);
}

void query_start(struct query *query)
{
	poll_start(&query->poll);
}

void query_check(struct query *query)
{
	poll_check(&query->poll);
}

/* --- the object ------------------------------------------------------------ */

static void query_free(struct query *query)
{
	query_reading_fini(&query->reading);
	buf_fini(&query->request);
	for (size_t i = 0; i < query->n_servers; i++) {
		mem_free(query->servers[i].url_text);
		mem_free(query->servers[i].name);
	}
	mem_free(query->servers);
	mem_free(query->said_query);
	mem_free(query);
}

static int add_server(struct query *query, const char *url, struct err *err)
{
	struct query_server *server = &query->servers[query->n_servers++];
	int r;

	server->url_text = mem_strdup(url);
	if (!server->url_text)
		return -ENOMEM;
	r = url_parse(slice_from(server->url_text), PROMETHEUS_PORT,
	              &server->url, err);
	if (r < 0)
		return r;
	server->name = source_make_name(&server->url);
	return server->name ? 0 : -ENOMEM;
}

/* On one line, and not all of a long one. */
static char *make_said(const char *text)
{
	struct slice whole = slice_from(text);
	struct slice shown = text_cut(whole, MAX_SAID_QUERY);
	struct buf said;
	char *taken;

	buf_init(&said, 4 * MAX_SAID_QUERY);
	text_append_clean(&said, shown, false);
	if (shown.n < whole.n)
		(void)buf_puts(&said, "…");
	taken = buf_take(&said);
	buf_fini(&said);
	return taken;
}

static int make_request(struct query *query, const char *text)
{
	buf_init(&query->request, MAX_REQUEST);
	(void)buf_puts(&query->request, PATH "?" FIELD);
	text_escape_url(&query->request, slice_from(text));
	query->said_query = make_said(text);
	query->said.query = query->said_query;
	if (query->request.failed || !query->said_query)
		return query->request.failed ? query->request.failed : -ENOMEM;
	query->reading.target = buf_slice(&query->request);
	query->reading.form =
		slice_skip(query->reading.target, sizeof(PATH "?") - 1);
	return 0;
}

static int set_up(struct query *query, const struct query_options *options,
                  struct err *err)
{
	int r = make_request(query, options->query);

	if (r == -E2BIG)
		return err_set(err, -EINVAL, "query: it is too long");
	if (options->n_urls == 0 || options->n_urls > QUERY_MAX_SERVERS)
		return err_set(err, -EINVAL,
		               "query: it needs one server, and at most %d",
		               QUERY_MAX_SERVERS);
	query->servers = mem_calloc(options->n_urls, sizeof(*query->servers));
	if (!query->servers)
		r = -ENOMEM;
	query->reading.servers = query->servers;
	for (size_t i = 0; i < options->n_urls && r == 0; i++)
		r = add_server(query, options->urls[i], err);
	if (r == -ENOMEM)
		return err_set_code(err, r, "query");
	if (r < 0)
		err_wrap(err, "query");
	return r;
}

int query_new(const struct query_options *options,
              const struct samples_listener *listener, struct query **queryp,
              struct err *err)
{
	struct query *query = mem_calloc(1, sizeof(*query));
	struct rng rng = { options->seed };
	int r;

	if (!query)
		return err_set_code(err, -ENOMEM, "query");
	query->listener = *listener;
	query->said.log = options->log;
	query->reading = (struct query_reading){
		.client = options->client,
		.n_servers = options->n_urls,
		.credentials = options->credentials,
		.timeout_ms = options->timeout_ms,
		.max_body = options->max_body,
	};
	query_reading_init(&query->reading);
	r = set_up(query, options, err);
	if (r < 0) {
		query_free(query);
		return r;
	}
	query->source.name = query->servers[0].name;
	poll_init(&query->poll, options->loop, options->interval_ms,
	          rng_below(&rng, MIN(MAX(options->interval_ms, 1), SPREAD_MS)),
	          on_due);
	query->polls = true;
	*queryp = query;
	return 0;
}

struct source *query_source(struct query *query)
{
	return &query->source;
}

static void query_maybe_closed(struct query *query)
{
	query_closed_cb closed = query->closed;
	void *context = query->closed_context;

	if (query->polls || query_reading_busy(&query->reading))
		return;
	query_free(query);
	closed(context);
}

static void on_poll_closed(struct poll *poll)
{
	struct query *query = container_of(poll, struct query, poll);

	query->polls = false;
	query_maybe_closed(query);
}

void query_close(struct query *query, query_closed_cb closed, void *context)
{
	query->closing = true;
	query->closed = closed;
	query->closed_context = context;
	query_reading_cancel(&query->reading);
	poll_close(&query->poll, on_poll_closed);
}
