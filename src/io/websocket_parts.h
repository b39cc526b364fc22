/* SPDX-License-Identifier: Apache-2.0 */
/* websocket_parts: private to websocket*.c. */
#pragma once

#include "io/websocket.h"

/* --- websocket.c: its life and its deadlines ---------------------------- */

/* Notes why it ends, as "ORIGIN: words"; the first reason stands. */
void websocket_note(struct websocket *websocket, int code, const char *format,
                    ...) PRINTF_LIKE(3, 4);
/* Closes the handles; then `closed`. Idempotent. */
void websocket_end(struct websocket *websocket);
/* Both, with the system's text for @code after @what. */
void websocket_fail(struct websocket *websocket, int code, const char *what);
void websocket_arm(struct websocket *websocket, uint64_t ms);
/* For stream_close(): the next address, or the end. */
void websocket_on_stream_closed(struct stream *stream);

/* --- websocket_open.c: from a name to an open websocket ----------------- */

/* 0, -EINVAL or -ENOMEM, with words; nothing to undo but what is in @websocket. */
int websocket_prepare(struct websocket *websocket) MUST_CHECK;
void websocket_resolve(struct websocket *websocket);
void websocket_connect_next(struct websocket *websocket);
void websocket_connect_failed(struct websocket *websocket, int code);
/* Sends `out`; 0 or a negative failure. */
int websocket_write(struct websocket *websocket) MUST_CHECK;

/* --- websocket_frames.c: what follows ----------------------------------- */

/* 0 or -ENOMEM. */
int websocket_frames_new(struct websocket *websocket) MUST_CHECK;
void websocket_frames_free(struct websocket *websocket);
/* Takes what was read; may run callbacks and end the websocket. */
void websocket_frames_feed(struct websocket *websocket, struct slice bytes);
void websocket_frames_ping(struct websocket *websocket);
void websocket_frames_goodbye(struct websocket *websocket);
/* Sends what waits to be sent, and ends what has been said to the end. */
void websocket_frames_settle(struct websocket *websocket);
