/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pushgateway_kit: a Pushgateway as a source, the scripted server that it
 * reads, and a listener that remembers what was published and asserts that it
 * came in order; every wait is bounded.
 */
#pragma once

#include "io/http_client.h"
#include "source/pushgateway.h"
#include "support/loop.h"
#include "support/peer.h"

#define UNKNOWN (-1)
#define MISSING (-2)
#define NOTHING (-3)
#define N_MAX   4

#define INTERVAL_MS 10
#define LONG_MS     3600000
#define MAX_BODY    4096

#define MAX_STEPS 16

/* The gateway believes that it is 1970. */
#define DATE     "Date: Thu, 01 Jan 1970 00:01:40 GMT\r\n" /* 100 s */
#define OK       "HTTP/1.1 200 OK\r\n"
#define CHUNKED  OK DATE "Transfer-Encoding: chunked\r\n\r\n"
#define GOOD     "push_time_seconds{instance=\"\",job=\"a\"} 30\n"
#define GOOD_AGE 70000
#define HTML     "<html><body>502 Bad Gateway</body></html>\n"

struct gw_kit {
	struct test_loop loop;
	struct test_peer peer;
	struct http_client *client;
	struct pushgateway *gateway;
	struct log log;
	struct pushgateway_options options;
	struct peer_step steps[MAX_STEPS];
	size_t n_steps;
	char *answers[MAX_STEPS];

	/* of the last reading */
	enum reading_result result;
	char detail[ERR_MESSAGE_SIZE];
	int64_t ages[N_MAX];
	unsigned n_observed;

	unsigned n_begun;
	unsigned n_ended;
	bool published; /* one has ended since this was cleared */
	bool closed;
	unsigned n_log_lines;
	char last_log_line[512];

	/* what the listener does from inside */
	enum { LISTEN, CLOSE_IN_BEGIN, CLOSE_IN_OBSERVE, CLOSE_IN_END } act;
};

#define API(labels, time)                                               \
	"{\"status\":\"success\",\"data\":[{\"labels\":{" labels "},"   \
	"\"last_push_successful\":true,\"fam\":{\"time_stamp\":\"" time \
	"\",\"type\":\"GAUGE\",\"metrics\":[]}}]}"

/* A server and a client; the options may be changed before gw_kit_new(). */
void gw_kit_init(struct gw_kit *kit);
/* Closes what is still open; fails on live handles. */
void gw_kit_fini(struct gw_kit *kit);

/* The next answer is @body, after @head and its length. */
void gw_kit_say(struct gw_kit *kit, const char *head, const char *body);
/* The next answer is this text as it is; NULL: none. */
void gw_kit_say_raw(struct gw_kit *kit, const char *text, enum peer_then then);

int gw_kit_new(struct gw_kit *kit);
/* For {job="@job"}; as push_query says. */
int gw_kit_subscribe(struct gw_kit *kit, uint32_t number, const char *job,
                     const char *metric, enum push_value value);
/* New, with subscription 0 for the push time of {job="a"}, and started. */
void gw_kit_start(struct gw_kit *kit);
/* Until the next reading has been published. */
void gw_kit_wait(struct gw_kit *kit);
/* Not waited for: `closed` tells. */
void gw_kit_close(struct gw_kit *kit);
void gw_kit_on_closed(void *context); /* sets `closed` */

/* How often @line was received. */
size_t gw_kit_count(const struct gw_kit *kit, const char *line);
