/* SPDX-License-Identifier: Apache-2.0 */
/* routes: what the files of this directory share. Private to src/api. */
#pragma once

#include "api/api.h"
#include "base/buf.h"
#include "base/json_writer.h"
#include "base/slice.h"

#define API_PIECE_SIZE 32768    /* a streamed body is made in such pieces */
#define API_BODY_MAX   16777216 /* bytes of a piece or a whole body, at most */

/* The routes; @rest is what follows the prefix of the path, decoded. */
void api_metrics(struct api *api, struct http_exchange *exchange,
                 struct slice rest);
void api_healthy(struct api *api, struct http_exchange *exchange,
                 struct slice rest);
void api_ready(struct api *api, struct http_exchange *exchange,
               struct slice rest);
void api_monitors(struct api *api, struct http_exchange *exchange,
                  struct slice rest);
void api_monitor(struct api *api, struct http_exchange *exchange,
                 struct slice rest);
void api_journal(struct api *api, struct http_exchange *exchange,
                 struct slice rest);
void api_page(struct api *api, struct http_exchange *exchange,
              struct slice rest);
void api_daemon(struct api *api, struct http_exchange *exchange,
                struct slice rest);
void api_health(struct api *api, struct http_exchange *exchange,
                struct slice rest);
void api_events(struct api *api, struct http_exchange *exchange,
                struct slice rest);
void api_monitor_order(struct api *api, struct http_exchange *exchange,
                       struct slice rest);
void api_pause(struct api *api, struct http_exchange *exchange,
               struct slice rest);
void api_resume(struct api *api, struct http_exchange *exchange,
                struct slice rest);
void api_reload(struct api *api, struct http_exchange *exchange,
                struct slice rest);

/* GET /api/v1/monitors/NAME/explain */
void api_explain(struct api *api, struct http_exchange *exchange,
                 const struct monitor *monitor);

/* The monitor of that name; NULL if there is none. */
struct monitor *api_find_monitor(const struct api *api, struct slice name);
/* 404, and that there is none. */
void api_no_monitor(struct http_exchange *exchange, struct slice name);
/* Cuts @suffix ("/bounce") off @rest; false if it does not end so. */
bool api_cut(struct slice *rest, const char *suffix);
/* What it acts on, for a person: "docker api". @out holds API_TARGET_SIZE. */
#define API_TARGET_SIZE 320
const char *api_target(const struct monitor *monitor, char *out);

/* Those of the built-in gateway. Where a row says so @rest is empty, and the
 * path is read as it was sent. */
void api_push(struct api *api, struct http_exchange *exchange,
              struct slice rest);
void api_push_delete(struct api *api, struct http_exchange *exchange,
                     struct slice rest);
void api_ping(struct api *api, struct http_exchange *exchange,
              struct slice rest);
void api_groups(struct api *api, struct http_exchange *exchange,
                struct slice rest);
void api_status(struct api *api, struct http_exchange *exchange,
                struct slice rest);
void api_wipe(struct api *api, struct http_exchange *exchange,
              struct slice rest);
void api_delete_groups(struct api *api, struct http_exchange *exchange,
                       struct slice rest);
void api_quit(struct api *api, struct http_exchange *exchange,
              struct slice rest);

/* Alertmanager's webhook. */
void api_alerts(struct api *api, struct http_exchange *exchange,
                struct slice rest);
/* The path is one of alerts.paths. */
bool api_alerts_has_path(const struct api *api, struct slice path);
/* It stands in for prometheus-am-executor. */
bool api_alerts_is_amx(const struct api *api);
void api_amx_health(struct api *api, struct http_exchange *exchange,
                    struct slice rest);
enum api_admission {
	API_ADMITTED,
	API_REFUSED_BY_ADDRESS,
	API_REFUSED_BY_SECRET, /* see api_alerts_auth() */
	API_REFUSED_BY_SIGNATURE,
};
enum api_admission api_alerts_admit(const struct api *api,
                                    const struct http_exchange *exchange);
const struct auth *api_alerts_auth(const struct api *api);
/* Is there anything that a request must bring? */
bool api_alerts_has_auth(const struct api *api);
void api_count_alerts(struct api *api, uint16_t status);

/* An answer of the form {"error":"…"}. */
void api_error(struct http_exchange *exchange, uint16_t status,
               const char *format, ...) PRINTF_LIKE(3, 4);

/* A body that is written monitor by monitor. */
struct api_stream {
	struct api *api;
	struct list node; /* api's answers */
	struct buf rest;  /* written ahead of the client */
	size_t n_taken;   /* bytes of `rest` that have gone out */
	size_t n_held;    /* of api's n_settled */
	uint32_t next;    /* monitor; 0: it may become another list */
	uint32_t part;    /* the stream's own */
	uint64_t seq;     /* journal streams */
	uint64_t left;
	char *filter;
	bool ended;
	/* Writes some more, at most one monitor; sets `ended` with the last
	 * of it. */
	void (*write)(struct api_stream *stream, struct buf *out);
};

/*
 * In two steps, since the first piece is asked for while the answer begins:
 * make (@filter is copied, may be NULL) and set up, then send. If memory is
 * out the first answers 500 and returns NULL.
 */
struct api_stream *api_stream_new(
	struct api *api, struct http_exchange *exchange, const char *filter,
	void (*write)(struct api_stream *stream, struct buf *out));
void api_stream_send(struct api_stream *stream, struct http_exchange *exchange,
                     const char *content_type);

/* For one that is a part of something larger: its beginning, the next piece,
 * its end. */
void api_stream_init(struct api_stream *stream, struct api *api,
                     void (*write)(struct api_stream *stream, struct buf *out));
void api_stream_take(struct api_stream *stream, struct buf *out);
void api_stream_fini(struct api_stream *stream);

/* Both at once, for a stream that begins at its beginning. */
void api_stream_respond(struct api *api, struct http_exchange *exchange,
                        const char *content_type,
                        void (*write)(struct api_stream *stream,
                                      struct buf *out));

/* The value of a query parameter, decoded into @out (NUL-terminated);
 * 1 if it is there, 0 if not, -EINVAL if it is malformed or too long. */
int api_query(struct slice query, const char *name, char *out, size_t size);

/* The next pair of @query, not decoded; false at its end. */
bool api_query_next(struct slice *query, struct slice *name,
                    struct slice *value);
int api_query_decode(struct slice text, char *out, size_t size);

/* Decodes %XX; 0, or -EINVAL if malformed, too long, or with a NUL. */
int api_decode(struct slice text, char *out, size_t size);

/* One monitor as a JSON object; @full with counters and rules. */
void api_write_monitor(const struct api *api, struct json_writer *json,
                       const struct monitor *monitor, bool full);

/* Unix milliseconds as RFC 3339; and a monotonic time, null for
 * POLICY_NEVER. */
void api_write_time(struct json_writer *json, int64_t wall_ms);
void api_write_when(const struct api *api, struct json_writer *json,
                    uint64_t at_ms);

/* What pauses it, or null; @monitor NULL: what pauses all. */
void api_write_pause(const struct api *api, struct json_writer *json,
                     const struct monitor *monitor);
/* An operator's order, or (NULL) null. */
void api_write_order(const struct api *api, struct json_writer *json,
                     const struct pause *pause);

/* An entry of the journal, and does it concern @monitor (NULL: any)? That may
 * also be a rule, or the name of a container. */
void api_write_entry(struct json_writer *json,
                     const struct journal_entry *entry);
bool api_entry_matches(const struct journal_entry *entry, const char *monitor);
/* 1, 0 if it is not there, or -EINVAL, which has been answered. */
int api_number_query(struct http_exchange *exchange, const char *name,
                     uint64_t *valuep);

/* Which of several of us acts; false: we are the only one. */
bool api_leader_of(const struct api *api, struct api_leader *leader);
