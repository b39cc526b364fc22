/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notifier: sends notices to webhooks. A queue per notifier, bounded; each
 * delivery is tried until it is taken (2xx), is refused for good (4xx but 408
 * and 429), or the tries are used up; pauses grow, with jitter, and a
 * Retry-After is heeded. What is lost is counted and logged.
 *
 * What goes to one webhook under one name forms a lane: its deliveries are made
 * in order, one after the other, so that nobody hears of the end before the
 * beginning. Lanes take turns, and one may fill only as much of the queue as
 * it leaves free for others: a receiver that hangs keeps nobody else from
 * being told.
 */
#pragma once

#include <uv.h>
#include "base/log.h"
#include "base/macros.h"
#include "core/notice.h"
#include "core/webhook.h"

#define NOTIFIER_QUEUE_MAX   1000 /* deliveries that wait or run */
#define NOTIFIER_PARALLEL    8
#define NOTIFIER_BACKOFF_MS  1000
#define NOTIFIER_BACKOFF_MAX 60000
#define NOTIFIER_AFTER_MAX   300000 /* the longest Retry-After that is heeded */
#define NOTIFIER_WORDS_MAX   400

enum notifier_result {
	NOTIFIER_SENT,
	NOTIFIER_REFUSED, /* the peer said no, for good */
	NOTIFIER_FAILED,  /* it could not be delivered in all its tries */
	NOTIFIER_DROPPED, /* the queue was full, or we are closing */
	N_NOTIFIER_RESULTS,
};

/* "sent", "refused", "failed", "dropped": of metrics. */
const char *notifier_result_name(enum notifier_result result);

struct http_client;
struct notifier;
struct notifier_send;

/* @words: how it went, for people; borrowed. */
typedef void (*notifier_done_cb)(void *context, enum notifier_result result,
                                 const char *words);

/* NULL if out of memory. */
struct notifier *notifier_new(uv_loop_t *loop, struct http_client *client,
                              const struct log *log, uint64_t seed) MUST_CHECK;

/*
 * notifier_send() - make a delivery of it
 * @name: of the notification, for the log
 * @max_tries: 1 for a step of a bounce, which has its own next tries; 0: the
 *             webhook's
 * @done: may be NULL; else once, from the loop, never before this returned
 *
 * Renders at once: neither @webhook nor @notice is needed afterwards. What goes
 * wrong is the result. Returns a handle for cancelling that is valid until
 * @done is entered. NULL if @done is NULL, or if memory is out even for a
 * result: then it is not called.
 */
struct notifier_send *notifier_send(struct notifier *notifier, const char *name,
                                    const struct webhook *webhook,
                                    const struct notice *notice,
                                    uint32_t max_tries, notifier_done_cb done,
                                    void *context);
/* A request that somebody else has made. */
struct notifier_request {
	const char *name; /* as above: with the URL, the lane */
	const char *url;
	struct slice body;
	const struct webhook_header *headers; /* WEBHOOK_HEADERS_ALL at most */
	size_t n_headers;
	uint64_t timeout_ms; /* 0: WEBHOOK_TIMEOUT_MS */
	uint32_t max_tries;  /* at least 1 */
};

/* The same of that, as a POST; all is copied. @done is not NULL. */
struct notifier_send *notifier_post(struct notifier *notifier,
                                    const struct notifier_request *request,
                                    notifier_done_cb done, void *context);
/* What the last answer's Retry-After said, 0: nothing. In @done, too. */
uint64_t notifier_retry_after_ms(const struct notifier_send *send);

/* @done still comes, from the loop, with NOTIFIER_DROPPED; also while it is
 * being sent, and then it may have arrived all the same. */
void notifier_cancel(struct notifier_send *send);

/* Deliveries by result, for metrics; and how many wait or run. */
uint64_t notifier_n_results(const struct notifier *notifier,
                            enum notifier_result result);
uint32_t notifier_n_queued(const struct notifier *notifier);

/* Gives what is queued @grace_ms more, then drops the rest, and frees. @closed
 * is called once, from the loop, after everything has completed. Until then
 * what is sent is dropped. */
void notifier_close(struct notifier *notifier, uint64_t grace_ms,
                    void (*closed)(void *context), void *context);
