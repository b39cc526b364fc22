/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_kit: a query as a source, up to three scripted servers that it asks,
 * and a listener that remembers what was published and asserts that it came in
 * order; every wait is bounded.
 */
#pragma once

#include "io/http_client.h"
#include "source/query.h"
#include "support/loop.h"
#include "support/peer.h"

#define N_SERVERS   3
#define INTERVAL_MS 10
#define LONG_MS     3600000
#define MAX_BODY    4096
#define MAX_STEPS   12
#define QUERY       "rate(x{job=\"a b\"}[5m]) > 0"
#define FORM        "query=rate%28x%7Bjob%3D%22a%20b%22%7D%5B5m%5D%29%20%3E%200"

#define OK "HTTP/1.1 200 OK\r\n"
#define VECTOR(result)                                                 \
	"{\"status\":\"success\",\"data\":{\"resultType\":\"vector\"," \
	"\"result\":[" result "]}}"
#define SERIES(labels, value) \
	"{\"metric\":{" labels "},\"value\":[1795255110.289,\"" value "\"]}"
#define GOOD VECTOR(SERIES("\"__name__\":\"x\",\"job\":\"a\"", "1.5"))
#define REFUSED_BODY(type, words)                           \
	"{\"status\":\"error\",\"errorType\":\"" type "\"," \
	"\"error\":\"" words "\"}"
#define HTML "<html><body>502 Bad Gateway</body></html>\n"

struct query_kit_server {
	struct test_peer peer;
	struct peer_step steps[MAX_STEPS];
	size_t n_steps;
	char *answers[MAX_STEPS];
};

struct query_kit {
	struct test_loop loop;
	struct query_kit_server servers[N_SERVERS];
	const char *urls[N_SERVERS];
	struct http_client *client;
	struct query *query;
	struct log log;
	struct query_options options;

	/* of the last reading */
	enum reading_result result;
	char detail[2048];
	bool read; /* there were samples, maybe none */
	size_t n;
	double value; /* of the first */
	char labels[256];
	unsigned n_samples_calls;

	unsigned n_begun;
	unsigned n_ended;
	bool published; /* one has ended since this was cleared */
	bool closed;
	unsigned n_log_lines;
	char last_log_line[2048];

	/* what the listener does from inside */
	enum { LISTEN, CLOSE_IN_BEGIN, CLOSE_IN_SAMPLES, CLOSE_IN_END } act;
};

/* Servers and a client; one server is asked unless options.n_urls says more.
 * The options may be changed before query_kit_new(). */
void query_kit_init(struct query_kit *kit);
/* Closes what is still open; fails on live handles. */
void query_kit_fini(struct query_kit *kit);

/* The next answer of that server is @body, after @head and its length. */
void query_kit_say(struct query_kit *kit, unsigned server, const char *head,
                   const char *body);
/* … is this text as it is; NULL: none. */
void query_kit_say_raw(struct query_kit *kit, unsigned server, const char *text,
                       enum peer_then then);

int query_kit_new(struct query_kit *kit);
void query_kit_start(struct query_kit *kit); /* new, and started */
/* Until the next reading has been published. */
void query_kit_wait(struct query_kit *kit);
/* Not waited for: `closed` tells. */
void query_kit_close(struct query_kit *kit);
void query_kit_on_closed(void *context); /* sets `closed` */

/* How often that server received @text. */
size_t query_kit_count(const struct query_kit *kit, unsigned server,
                       const char *text);
