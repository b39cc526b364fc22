/* SPDX-License-Identifier: Apache-2.0 */
/* api_kit: the routes over real connections, with a supervisor of two
 * monitors, `a` and `b/c`, and operations that note what was asked for. */
#pragma once

#include "api/api.h"
#include "config/config.h"
#include "http_server_kit.h"

#define API_KIT_N       2
#define API_KIT_MEMBERS 3

struct api_kit {
	struct kit kit;
	struct http_server *addr;    /* for everybody */
	struct http_server *control; /* everything is allowed */
	struct api api;
	struct api_ops ops;
	bool has_engine; /* "docker", of the group, with these: */
	struct containers_stats stats;
	uint64_t resync_ms;
	struct supervisor supervisor;
	struct supervisor_ops supervisor_ops;
	struct journal journal;
	struct targets targets;
	struct group group;
	struct policy_rules rules;
	struct config_monitor configs[API_KIT_N];
	struct monitor monitors[API_KIT_N];
	struct rule rule; /* by api_kit_add_rule() */
	struct monitor members[API_KIT_MEMBERS];
	struct monitor *all[API_KIT_N + API_KIT_MEMBERS];
	uint64_t notices[N_NOTIFIER_RESULTS];
	bool has_notices;
	uint32_t n_steps[API_KIT_N][1][N_STEP_RESULTS];
	struct buf said;   /* "pause a 5000 why;" */
	struct list waits; /* promise_wait, while the disk is slow */
	bool slow_disk;
	bool full_disk;
	const char *problems; /* reload fails with these; NULL: it is good */
	unsigned n_closed;
};

void api_kit_init(struct api_kit *kit);
void api_kit_fini(struct api_kit *kit);
void api_kit_said(struct api_kit *kit, const char *words);

/* A rule `health` with `health/shop/web/1` (container shop-web-1, healthy),
 * `health/db` (db, unhealthy) and `health/other/db` (db of another engine,
 * say; it starts). */
void api_kit_add_rule(struct api_kit *kit);

/* Both servers begin to close. */
void api_kit_begin_close(struct api_kit *kit);

void api_kit_connect(struct api_kit *kit, struct http_server *server,
                     struct client *client);
/* One request on a connection of its own: @head is its first line and
 * headers. Checks the status, and that the body has @part (NULL: any). */
void api_kit_ask(struct api_kit *kit, struct http_server *server,
                 const char *head, const char *body, uint16_t status,
                 const char *part);
