/* SPDX-License-Identifier: Apache-2.0 */
/* websocket, second part: frames, by wslay. It asks for bytes and hands bytes
 * over through callbacks, and keeps what it cannot hand over yet. */
#include <errno.h>
#include <string.h>
#include <wslay/wslay.h>
#include "io/websocket_parts.h"

static const char no_frame[] = "what came is not a websocket's frame";

static ssize_t fail(wslay_event_context_ptr frames, int code)
{
	wslay_event_set_error(frames, code);
	return -1;
}

static ssize_t give(wslay_event_context_ptr frames, uint8_t *out, size_t n,
                    int flags, void *context)
{
	struct websocket *websocket = context;

	n = MIN(n, websocket->in.n);
	if (n == 0)
		return fail(frames, WSLAY_ERR_WOULDBLOCK);
	memcpy(out, websocket->in.p, n);
	websocket->in = slice_skip(websocket->in, n);
	return (ssize_t)n;
}

static ssize_t take(wslay_event_context_ptr frames, const uint8_t *bytes,
                    size_t n, int flags, void *context)
{
	struct websocket *websocket = context;
	struct buf *out = &websocket->out;

	n = MIN(n, out->max - out->n);
	if (websocket->writing || n == 0)
		return fail(frames, WSLAY_ERR_WOULDBLOCK);
	if (buf_append(out, bytes, n) < 0)
		return fail(frames, WSLAY_ERR_CALLBACK_FAILURE);
	return (ssize_t)n;
}

static int make_mask(wslay_event_context_ptr frames, uint8_t *out, size_t n,
                     void *context)
{
	if (uv_random(NULL, NULL, out, n, 0, NULL) < 0)
		return (int)fail(frames, WSLAY_ERR_CALLBACK_FAILURE);
	return 0;
}

static void on_message(wslay_event_context_ptr frames,
                       const struct wslay_event_on_msg_recv_arg *got,
                       void *context)
{
	struct websocket *websocket = context;

	if (wslay_is_ctrl_frame(got->opcode) ||
	    websocket->stage != WEBSOCKET_OPEN)
		return;
	websocket->message(websocket,
	                   slice_make((const char *)got->msg, got->msg_length));
}

int websocket_frames_new(struct websocket *websocket)
{
	static const struct wslay_event_callbacks callbacks = {
		.recv_callback = give,
		.send_callback = take,
		.genmask_callback = make_mask,
		.on_msg_recv_callback = on_message,
	};

	if (wslay_event_context_client_init(&websocket->frames, &callbacks,
	                                    websocket) != 0) {
		websocket->frames = NULL;
		return -ENOMEM;
	}
	wslay_event_config_set_max_recv_msg_length(websocket->frames,
	                                           websocket->max_message);
	return 0;
}

void websocket_frames_free(struct websocket *websocket)
{
	if (websocket->frames)
		wslay_event_context_free(websocket->frames);
	websocket->frames = NULL;
}

/* --- ending ------------------------------------------------------------- */

/* Goodbye has been said, by us and perhaps by the peer: why? */
static void note_why(struct websocket *websocket)
{
	wslay_event_context_ptr frames = websocket->frames;

	if (wslay_event_get_close_received(frames)) {
		websocket_note(websocket, UV_EOF,
		               "closed by the peer (code %u)",
		               wslay_event_get_status_code_received(frames));
		return;
	}
	switch (wslay_event_get_status_code_sent(frames)) {
	case WSLAY_CODE_MESSAGE_TOO_BIG:
		websocket_note(websocket, -E2BIG,
		               "a message of more than %zu bytes",
		               websocket->max_message);
		break;
	case WSLAY_CODE_INVALID_FRAME_PAYLOAD_DATA:
		websocket_note(websocket, -EPROTO, "a text that is not UTF-8");
		break;
	default:
		websocket_note(websocket, -EPROTO, "%s", no_frame);
		break;
	}
}

/* What waits to be sent goes out, unless something is on its way already. */
static int flush(struct websocket *websocket)
{
	if (websocket->writing)
		return 0;
	buf_reset(&websocket->out);
	if (wslay_event_send(websocket->frames) < 0)
		return websocket->out.failed ? websocket->out.failed : -ENOMEM;
	return websocket->out.n ? websocket_write(websocket) : 0;
}

void websocket_frames_settle(struct websocket *websocket)
{
	wslay_event_context_ptr frames = websocket->frames;
	int r = flush(websocket);

	if (r < 0) {
		websocket_fail(websocket, r, "write");
		return;
	}
	if (wslay_event_get_queued_msg_count(frames) > WEBSOCKET_MAX_REPLIES) {
		websocket_note(websocket, -EPROTO,
		               "the peer pings and does not read the answers");
		websocket_end(websocket);
		return;
	}
	if (wslay_event_get_read_enabled(frames))
		return;
	if (websocket->stage == WEBSOCKET_OPEN) {
		websocket->stage = WEBSOCKET_CLOSING;
		websocket_arm(websocket, WEBSOCKET_CLOSE_MS);
	}
	if (websocket->writing || wslay_event_want_write(frames))
		return;
	note_why(websocket);
	websocket_end(websocket);
}

/* --- the conversation --------------------------------------------------- */

void websocket_frames_feed(struct websocket *websocket, struct slice bytes)
{
	int r;

	websocket->in = bytes;
	websocket->feeding = true;
	r = wslay_event_recv(websocket->frames);
	websocket->feeding = false;
	if (r == WSLAY_ERR_NOMEM) {
		websocket_fail(websocket, -ENOMEM, "read");
	} else if (r < 0) {
		websocket_note(websocket, -EPROTO, "%s", no_frame);
		websocket_end(websocket);
	} else {
		websocket_frames_settle(websocket);
	}
}

/* If there is no memory for one, the deadline comes all the same. */
void websocket_frames_ping(struct websocket *websocket)
{
	static const struct wslay_event_msg ping = { .opcode = WSLAY_PING };

	(void)wslay_event_queue_msg(websocket->frames, &ping);
	websocket_frames_settle(websocket);
}

void websocket_frames_goodbye(struct websocket *websocket)
{
	(void)wslay_event_queue_close(websocket->frames,
	                              WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
	/* a callback of ours calls: what called it goes on afterwards */
	if (!websocket->feeding)
		websocket_frames_settle(websocket);
}
