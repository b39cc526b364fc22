/* SPDX-License-Identifier: Apache-2.0 */
/*
 * explain_target: why an address is scraped, or is not: which hosts, URLs and
 * nodes have it, and for each what stands between it and a Prometheus: a farm
 * of no project, no exporter of that port, one that is disabled, a shard
 * without a server, a server that is not in sync.
 *
 * Pure: who asks says of each server how it is.
 */
#pragma once

#include "base/err.h"
#include "base/json_writer.h"
#include "registry/model/model.h"

#define EXPLAIN_TARGET_MAX  64 /* things of that name that are told of */
#define EXPLAIN_ADDRESS_MAX 2048

struct explain_target {
	const struct model *model;
	/* What is the matter with that server; "" if it is in sync, NULL if
	 * nothing is known of it. */
	const char *(*server_words)(void *context, const struct object *server);
	void *context;
};

/*
 * explain_target() - writes the answer as a JSON object
 * @address: HOST:PORT, HOST, [IPV6]:PORT, or the URL that is probed
 *
 *     {"address": "web1:9100", "verdict": "scraped", "summary": "…",
 *      "found": [{"kind": "exporter", "id": 7, "title": "…", "shard": "tokyo",
 *                 "job": "node", "scraped": true, "problems": [],
 *                 "notes": ["…"]}],
 *      "near": ["web2"]}
 *
 * The verdict is "scraped", "doubtful" (it is handed out, but a server may not
 * have it yet), "not_scraped" or "not_found". -EINVAL with words: it is no
 * address. 0 otherwise; what the buffer failed of is its own.
 */
int explain_target(const struct explain_target *explain, const char *address,
                   struct json_writer *json, struct err *err) MUST_CHECK;
