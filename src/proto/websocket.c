/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/websocket.h"

#include <errno.h>
#include "base/base64.h"
#include "base/sha1.h"

/* RFC 6455, section 1.3. */
static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

int websocket_key(struct buf *buf, const uint8_t nonce[WEBSOCKET_NONCE])
{
	return base64_encode(buf,
	                     slice_make((const char *)nonce, WEBSOCKET_NONCE));
}

int websocket_accept(struct buf *buf, struct slice key)
{
	char text[WEBSOCKET_MAX_TEXT + sizeof(guid)];
	uint8_t digest[SHA1_SIZE];

	if (key.n > WEBSOCKET_MAX_TEXT)
		return -E2BIG;
	memcpy(text, key.p, key.n);
	memcpy(text + key.n, guid, sizeof(guid));
	sha1(slice_make(text, key.n + sizeof(guid) - 1), digest);
	return base64_encode(buf, slice_make((const char *)digest, SHA1_SIZE));
}

/* Is @word among the comma-separated ones of @list? */
static bool lists(struct slice list, const char *word)
{
	struct slice one;

	while (slice_next(&list, ',', &one)) {
		if (slice_is_nocase(slice_trim(one), word))
			return true;
	}
	return false;
}

int websocket_check(const struct http_message *message, struct slice accept,
                    struct err *err)
{
	if (message->status != 101)
		return err_set(err, -EPROTO, "no websocket here: HTTP %u %s",
		               (unsigned)message->status,
		               http_status_text(message->status));
	if (!slice_is_nocase(http_message_header(message, "upgrade"),
	                     "websocket"))
		return err_set(err, -EPROTO,
		               "the peer switched to something that is no "
		               "websocket");
	if (!lists(http_message_header(message, "connection"), "upgrade"))
		return err_set(err, -EPROTO,
		               "the answer's Connection header does not say "
		               "Upgrade");
	if (!slice_equal(http_message_header(message, "sec-websocket-accept"),
	                 accept))
		return err_set(err, -EPROTO,
		               "the answer does not belong to our question "
		               "(Sec-WebSocket-Accept): is there a cache in "
		               "between?");
	/* none was offered, so none can have been chosen */
	if (http_message_header(message, "sec-websocket-extensions").p ||
	    http_message_header(message, "sec-websocket-protocol").p)
		return err_set(err, -EPROTO,
		               "the peer chose an extension that was not "
		               "offered");
	return 0;
}
