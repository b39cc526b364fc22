/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway: what the routes of the built-in gateway share. Private to src/api.
 * Their errors are plain text of one line, as the original's are.
 */
#pragma once

#include "api/api.h"
#include "base/list.h"
#include "core/push_store.h"
#include "proto/gunzip.h"

/* Used again for each push, so that a steady stream of them allocates as
 * little as possible. */
struct api_pushes {
	struct push_key key;
	struct push_body body;
	struct buf plain; /* a decompressed body */
	struct gunzip *gunzip;
	struct list views; /* api_view.node */
};

/* A view that an answer reads from; gone when the gateway is. */
struct api_view {
	struct push_view *view; /* NULL: gone, or never there */
	struct list node;
};

/* False: answered with 503. */
bool api_view_open(struct api *api, struct http_exchange *exchange,
                   struct api_view *view);
void api_view_close(struct api_view *view); /* idempotent */

/* False: there is no gateway; answered with 404. */
bool api_has_gateway(struct api *api, struct http_exchange *exchange);

/* Counts a push or ping that was answered with @status. */
void api_count_push(struct api *api, uint16_t status);

/* The store's @r as a status: 0, 413, 429 … with words in @err. */
uint16_t api_store_status(int r, struct err *err);
