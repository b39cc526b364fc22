/* SPDX-License-Identifier: Apache-2.0 */
/* routes_kit: a registry with its routes behind a server of ours, and a client
 * that may do all; whatever of it cannot be had, for want of memory, is NULL. */
#pragma once

#include "hub_kit.h"

#include "io/http_client.h"
#include "io/http_server.h"
#include "registry/http/routes.h"

struct routes {
	struct registry *registry;
	struct registry_http *http;
	struct http_server *server;
	struct http_client *client;
	struct log log;
	char url[64];
	bool handed; /* a request has come to the routes */
};

struct request {
	const char *method, *target, *body;
	unsigned status; /* when nothing is missing */
};

/* False: something is missing; close it all the same. */
bool routes_open(struct routes *routes);
void routes_close(struct routes *routes);

/* The status; 0: there was no answer. @text (NULL: dropped): the beginning of
 * the body. A stream is ended by us when its first bytes are there. */
unsigned routes_ask(struct routes *routes, const struct request *request,
                    char *text, size_t size);
