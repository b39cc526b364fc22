/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_kit: the routes over a real server, with a built-in gateway behind
 * them that no monitor watches.
 */
#pragma once

#include "api/api.h"
#include "config/config.h"
#include "core/push_store.h"
#include "http_server_kit.h"
#include "source/builtin.h"

#define GATEWAY_MAX_BODY 1000000

struct gateway_kit {
	struct kit kit;
	struct api api;
	struct supervisor supervisor;
	struct journal journal;
	struct config_gateway config;
	struct builtin *builtin;
	struct push_store *store; /* the builtin's */
	struct client client;
	struct response response; /* of the last request */
};

/* A server, a gateway without limits, and a client that is connected. */
void gateway_kit_init(struct gateway_kit *gateway);
void gateway_kit_fini(struct gateway_kit *gateway);

/* Sends a request; the answer is in `response` until the next. @headers:
 * whole lines, or "". */
void gateway_ask(struct gateway_kit *gateway, const char *method,
                 const char *path, const char *headers, struct slice body);
/* Checks the last one: @answer may be NULL, and end in "…" for whatever. */
void gateway_expect(struct gateway_kit *gateway, uint16_t status,
                    const char *answer);
/* PUT of a text that must be taken. */
void gateway_put(struct gateway_kit *gateway, const char *path,
                 const char *text);
/* The text of GET @path; until the next request. */
const char *gateway_get(struct gateway_kit *gateway, const char *path);
