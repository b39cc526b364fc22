/* SPDX-License-Identifier: Apache-2.0 */
/*
 * websocket: the opening handshake of RFC 6455, section 4, as a client has to
 * make and to judge it; pure. The frames that follow are io/websocket's.
 */
#pragma once

#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/macros.h"
#include "proto/http.h"

#define WEBSOCKET_NONCE    16 /* bytes of chance behind a key */
#define WEBSOCKET_MAX_TEXT 64 /* of a key, of what answers it */

/* Both append, the second what a server must answer to @key. 0 or the
 * buffer's failure. */
int websocket_key(struct buf *buf,
                  const uint8_t nonce[WEBSOCKET_NONCE]) MUST_CHECK;
int websocket_accept(struct buf *buf, struct slice key) MUST_CHECK;

/* Does this answer open a websocket? 0; or -EPROTO, with the reason. */
int websocket_check(const struct http_message *message, struct slice accept,
                    struct err *err) MUST_CHECK;
