/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api: the HTTP routes. They read what policies and actions have recorded;
 * what they change goes through the daemon's operations.
 *
 * A route is a row of the table in routes.c, with who may ask for it. What can
 * be long (metrics, all monitors, the journal) is produced piece by piece
 * while it is sent.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "action/notifier.h"
#include "action/promise.h"
#include "api/auth.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/macros.h"
#include "core/histogram.h"
#include "core/supervisor.h"
#include "io/http_server.h"
#include "source/containers.h"

#define API_MAX_BODY    65536    /* bytes of a request that steers */
#define API_MAX_STREAMS 64       /* GET /api/v1/stream, at once */
#define API_MAX_SETTLED 67108864 /* bytes of all answers that wait settled */

/* An engine whose containers are watched, as it is now; borrowed. */
struct api_engine {
	const char *name;          /* "docker", "docker tcp://…" */
	const struct group *group; /* of its members */
	uint64_t resync_ms;        /* between two lists of all containers */
	struct containers_stats stats;
};

/* Who acts; borrowed until the loop turns. */
struct api_leader {
	bool leads; /* we do */
	const char *identity;
	const char *holder;  /* "": nobody */
	const char *trouble; /* "": none */
	uint64_t epoch;
};

/* What the daemon does when it is asked to. */
struct api_ops {
	/* @monitor NULL: all; @for_ms 0: until it is resumed. 0 or -ENOMEM. */
	int (*pause)(void *context, struct monitor *monitor, uint64_t for_ms,
	             const char *reason);
	/* False if no operator has paused it, or (NULL) all. */
	bool (*resume)(void *context, struct monitor *monitor);
	/* The same of a rule with all its containers, also those to come. */
	int (*pause_rule)(void *context, struct rule *rule, uint64_t for_ms,
	                  const char *reason);
	bool (*resume_rule)(void *context, struct rule *rule);
	/* It can be ordered: supervisor_refusal(). */
	void (*bounce)(void *context, struct monitor *monitor);
	/* 0, or a negative code with words; @problems then holds a line for
	 * each problem of the file, if that was it. */
	int (*reload)(void *context, struct buf *problems, struct err *err);
	/* wait->durable follows exactly once when what was ordered is on disk,
	 * or (wait->saved says so) could not be written. Not while the daemon
	 * stops. */
	void (*save)(void *context, struct promise_wait *wait);
	/* The engine numbered @at, from 0; false: there are no more. May be
	 * NULL: there is none. */
	bool (*engine)(void *context, uint32_t at, struct api_engine *engine);
	/* How deliveries of notices went; false: none are configured. May be
	 * NULL. */
	bool (*notices)(void *context, uint64_t n[N_NOTIFIER_RESULTS]);
	/* Which of several of us acts; false: we are the only one. May be
	 * NULL. */
	bool (*leader)(void *context, struct api_leader *leader);
	void *context;
};

struct api_streams;

/* What a request of our own routes would do. */
enum api_need {
	API_NEEDS_READ,
	API_NEEDS_PUSH,
	API_NEEDS_ALERTS,
	API_NEEDS_CONTROL
};

/* What is served beside our own routes, and then says who may ask for these,
 * too. All of its functions are set. */
struct api_extension {
	/* It is asked first. True: the path is its own, and is, or will be,
	 * answered. */
	bool (*handle)(void *context, struct http_exchange *exchange,
	               bool control);
	/* Not of what came over the control socket, nor of health. False: it
	 * has been answered. */
	bool (*admit)(void *context, struct http_exchange *exchange,
	              enum api_need need);
	/* May whoever sends this send a large body? */
	bool (*trusts)(void *context, const struct http_message *message);
	/* Keeps a message of Alertmanager, too; as alerts_take() of
	 * source/alerts.h, but that @kept has the request and how it went. NULL:
	 * nobody does. */
	int (*take_alerts)(void *context, struct slice body,
	                   void (*kept)(void *request, const struct err *err),
	                   void *request, struct err *err);
	/* False with words: it cannot work. */
	bool (*ready)(void *context, struct err *err);
	/* The samples of a family of ours that is about it. */
	void (*sample)(void *context, const char *family, struct buf *out);
	/* Its part of the status page. */
	void (*page)(void *context, struct buf *out);
	void *context;
};

/* Why a request was turned away. */
enum api_refusal {
	API_REFUSED_TOKEN,  /* wrong or missing */
	API_REFUSED_ACCESS, /* nothing that could be sent would do */
	N_API_REFUSALS,
};

/* What became of a push or a ping. */
enum api_push_result {
	API_PUSH_OK,
	API_PUSH_REJECTED,
	API_PUSH_TOO_LARGE,    /* when decompressed, or for its group */
	API_PUSH_LIMITED,      /* there are too many groups or series */
	API_PUSH_UNAUTHORIZED, /* wrong or missing token */
	N_API_PUSH_RESULTS,
};
const char *api_push_result_name(enum api_push_result result);

/* Answers of the webhook: 200, 400, 401, 403, 413, 415, 500, 503. */
#define N_API_ALERT_CODES 8
uint16_t api_alert_code(size_t i);

struct alerts;
struct alerts_access;
struct bouncer_stats;
struct builtin;
struct config_alerts;
struct config_gateway;

/* What the routes may see; filled and kept true by the daemon, borrowed. */
struct api {
	uv_loop_t *loop;
	const struct log *log;
	const struct supervisor *supervisor;
	const struct journal *journal;
	const struct api_ops *ops;
	struct api_streams *streams;     /* NULL: there are none */
	struct monitor *const *monitors; /* in the order of the file; those of
	                                    rules in any order */
	uint32_t n_monitors;
	struct list answers; /* under way; see api_settle_answers() */
	size_t n_settled;    /* bytes that they have been written ahead */
	struct group *const *groups;
	uint32_t n_groups;
	const char *config_file; /* as given */
	uint64_t fetch_timeout_ms;
	int64_t start_wall_ms;
	uint64_t n_reloads[2]; /* failed, good */
	bool reload_ok;        /* the last one */
	uint32_t n_owed;       /* targets that are down because of us */
	bool stopping;

	const struct auth *control_auth; /* NULL: only the control socket */
	const struct auth *push_auth;    /* NULL: whoever can reach us */
	uint64_t n_refused[N_API_REFUSALS];
	uint64_t refused_log_ms; /* the last line about it */
	uint32_t n_refused_unsaid;

	const struct config_gateway *gateway; /* set while there is one */
	struct builtin *builtin;              /* NULL: there is none */
	struct api_pushes *pushes;            /* the routes' own */
	uint64_t n_pushes[N_API_PUSH_RESULTS];
	struct histogram push_seconds;
	uint64_t n_snapshot_failures;
	int64_t snapshot_wall_ms; /* the last good one; 0: none yet */

	const struct config_alerts *alerts_config; /* set while there are */
	struct alerts *alerts; /* NULL: no monitor watches any */
	const struct alerts_access *alerts_access; /* who may post them */
	uint64_t n_alert_requests[N_API_ALERT_CODES];
	const struct bouncer_stats *commands;  /* NULL: none are run here */
	const struct api_extension *extension; /* NULL: there is none */
};

/* The routes of the built-in gateway begin to work: sets `builtin`, and tells
 * its store which families are our own. 0 or -ENOMEM. */
int api_open_gateway(struct api *api, struct builtin *builtin) MUST_CHECK;
/* Before @builtin goes: clears `builtin`; answers that still read from its
 * store are cut short. Harmless if there is none. */
void api_close_gateway(struct api *api);

/*
 * api_settle_answers() - before monitors lose their places, or go
 *
 * An answer that has got half way through `monitors` is written to the end of
 * them now, as they are; the client may read it as slowly as before. What would
 * be more than API_MAX_SETTLED for all is cut short, which the log says.
 */
void api_settle_answers(struct api *api);

/* Monotonic now, and the Unix time of a monotonic one. */
uint64_t api_now_ms(const struct api *api);
int64_t api_wall_ms(const struct api *api, uint64_t at_ms);

/*
 * api_streams_new() - what GET /api/v1/stream needs
 *
 * Sets api->streams, or is -ENOMEM. api_streams_wake() is called when the
 * journal has grown. After api_streams_close(), whose @closed runs from the
 * loop, no stream begins any more; the servers end those that there are.
 */
int api_streams_new(struct api *api) MUST_CHECK;
void api_streams_wake(struct api *api);
void api_streams_close(struct api *api, void (*closed)(void *context),
                       void *context);

/* For http_server_new(); @context is the struct api. */
void api_handle(void *context, struct http_exchange *exchange);
/* The same for the control socket: who can open it may do everything. */
void api_handle_control(void *context, struct http_exchange *exchange);
