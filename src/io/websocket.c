/* SPDX-License-Identifier: Apache-2.0 */
#include "io/websocket.h"

#include <errno.h>
#include <string.h>
#include "base/duration.h"
#include "base/mem.h"
#include "io/websocket_parts.h"

/* --- the end ------------------------------------------------------------ */

void websocket_note(struct websocket *websocket, int code, const char *format,
                    ...)
{
	char origin[URL_ORIGIN_MAX];
	va_list args;

	if (websocket->err.code)
		return;
	va_start(args, format);
	(void)err_vset(&websocket->err, code, format, args);
	va_end(args);
	err_wrap(&websocket->err, "%s", url_origin(&websocket->url, origin));
}

static void free_parts(struct websocket *websocket)
{
	http_parser_free(websocket->parser);
	websocket_frames_free(websocket);
	buf_fini(&websocket->out);
	buf_fini(&websocket->accept);
	mem_free(websocket->buffer);
	websocket->parser = NULL;
	websocket->buffer = NULL;
}

static void maybe_closed(struct websocket *websocket)
{
	if (websocket->stream_open || websocket->timer_open)
		return;
	free_parts(websocket);
	websocket->closed(websocket);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct websocket *websocket =
		container_of((uv_timer_t *)handle, struct websocket, timer);

	websocket->timer_open = false;
	maybe_closed(websocket);
}

void websocket_on_stream_closed(struct stream *stream)
{
	struct websocket *websocket =
		container_of(stream, struct websocket, stream);

	websocket->stream_open = false;
	if (websocket->stage == WEBSOCKET_ENDING)
		maybe_closed(websocket);
	else
		websocket_connect_next(websocket);
}

void websocket_end(struct websocket *websocket)
{
	bool stream_closes = websocket->stage == WEBSOCKET_REOPENING;

	if (websocket->stage == WEBSOCKET_ENDING)
		return;
	websocket->stage = WEBSOCKET_ENDING;
	resolver_cancel(&websocket->lookup);
	if (websocket->stream_open && !stream_closes)
		stream_close(&websocket->stream, websocket_on_stream_closed);
	uv_close((uv_handle_t *)&websocket->timer, on_timer_closed);
}

void websocket_fail(struct websocket *websocket, int code, const char *what)
{
	char reason[128];

	websocket_note(websocket, code, "%s: %s", what,
	               uv_strerror_r(code, reason, sizeof(reason)));
	websocket_end(websocket);
}

/* --- deadlines ---------------------------------------------------------- */

static void still_silent(struct websocket *websocket)
{
	uint64_t silent_ms =
		uv_now(websocket->timer.loop) - websocket->heard_ms;
	char span[DURATION_TEXT_MAX];

	if (silent_ms < websocket->idle_ms) {
		websocket_arm(websocket, websocket->idle_ms - silent_ms);
	} else if (!websocket->pinged) {
		websocket->pinged = true;
		websocket_arm(websocket, websocket->idle_ms);
		websocket_frames_ping(websocket);
	} else {
		websocket_note(websocket, UV_ETIMEDOUT,
		               "nothing was heard for %s, nor an answer to a "
		               "ping",
		               duration_format(silent_ms, span));
		websocket_end(websocket);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct websocket *websocket =
		container_of(timer, struct websocket, timer);

	switch (websocket->stage) {
	case WEBSOCKET_RESOLVING:
		websocket_fail(websocket, UV_ETIMEDOUT, "resolve");
		break;
	case WEBSOCKET_CONNECTING:
		websocket_connect_failed(websocket, UV_ETIMEDOUT);
		break;
	case WEBSOCKET_REOPENING:
		break;
	case WEBSOCKET_ASKING:
		websocket_fail(websocket, UV_ETIMEDOUT, "head");
		break;
	case WEBSOCKET_OPEN:
		still_silent(websocket);
		break;
	case WEBSOCKET_CLOSING:
		websocket_fail(websocket, UV_ETIMEDOUT, "goodbye");
		break;
	case WEBSOCKET_ENDING:
		break;
	}
}

void websocket_arm(struct websocket *websocket, uint64_t ms)
{
	(void)uv_timer_start(&websocket->timer, on_timer, ms, 0);
}

/* --- for the owner ------------------------------------------------------ */

int websocket_open(struct websocket *websocket, uv_loop_t *loop)
{
	uint64_t open_ms =
		websocket->open_ms ? websocket->open_ms : WEBSOCKET_OPEN_MS;
	int r;

	err_clear(&websocket->err);
	if (!websocket->max_message)
		websocket->max_message = WEBSOCKET_MAX_MESSAGE;
	websocket->status = 0;
	websocket->stage = WEBSOCKET_RESOLVING;
	r = websocket_prepare(websocket);
	if (r < 0) {
		free_parts(websocket);
		return websocket->err.code
		               ? r
		               : err_set_code(&websocket->err, r, "websocket");
	}
	/* cannot fail on a loop that lives */
	(void)uv_timer_init(loop, &websocket->timer);
	websocket->timer_open = true;
	websocket->deadline_ms = uv_now(loop) + open_ms;
	websocket_arm(websocket, open_ms);
	websocket_resolve(websocket);
	return 0;
}

void websocket_close(struct websocket *websocket)
{
	if (websocket->stage >= WEBSOCKET_CLOSING)
		return;
	websocket_note(websocket, UV_ECANCELED, "closed");
	if (websocket->stage != WEBSOCKET_OPEN) {
		websocket_end(websocket);
		return;
	}
	websocket->stage = WEBSOCKET_CLOSING;
	websocket_arm(websocket, WEBSOCKET_CLOSE_MS);
	websocket_frames_goodbye(websocket);
}
