/* SPDX-License-Identifier: Apache-2.0 */
#include "io/knock.h"

static void next_address(struct knock *knock);

/* --- the end ------------------------------------------------------------ */

static void maybe_ended(struct knock *knock)
{
	if (!knock->stream_open && !knock->timer_open)
		knock->done(knock);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct knock *knock =
		container_of((uv_timer_t *)handle, struct knock, timer);

	knock->timer_open = false;
	maybe_ended(knock);
}

static void on_stream_closed(struct stream *stream)
{
	struct knock *knock = container_of(stream, struct knock, stream);

	knock->stream_open = knock->stream_closing = false;
	if (knock->ending)
		maybe_ended(knock);
	else
		next_address(knock);
}

static void close_stream(struct knock *knock)
{
	if (!knock->stream_open || knock->stream_closing)
		return;
	knock->stream_closing = true;
	stream_close(&knock->stream, on_stream_closed);
}

static void end(struct knock *knock)
{
	if (knock->ending)
		return;
	knock->ending = true;
	resolver_cancel(&knock->lookup);
	close_stream(knock);
	uv_close((uv_handle_t *)&knock->timer, on_timer_closed);
}

/* Of several failures the first is told. */
static void note(struct knock *knock, int code, const char *what)
{
	char reason[128];

	if (!knock->err.code)
		(void)err_set(&knock->err, code, "%s: %s", what,
		              uv_strerror_r(code, reason, sizeof(reason)));
}

static void on_deadline(uv_timer_t *timer)
{
	struct knock *knock = container_of(timer, struct knock, timer);

	note(knock, UV_ETIMEDOUT, "connect");
	end(knock);
}

/* --- connecting --------------------------------------------------------- */

static void on_connected(uv_connect_t *connect, int status)
{
	struct knock *knock = container_of(connect, struct knock, connect);

	if (knock->ending)
		return;
	if (status < 0) {
		note(knock, status, "connect");
		close_stream(knock);
		return;
	}
	err_clear(&knock->err);
	end(knock);
}

static void next_address(struct knock *knock)
{
	int r;

	if (knock->next == knock->list.n) {
		end(knock);
		return;
	}
	r = stream_init_tcp(&knock->stream, knock->timer.loop);
	if (r < 0) {
		note(knock, r, "connect");
		end(knock);
		return;
	}
	knock->stream_open = true;
	r = stream_connect_tcp(&knock->stream, &knock->connect,
	                       &knock->list.addresses[knock->next++].any,
	                       on_connected);
	if (r < 0) {
		note(knock, r, "connect");
		close_stream(knock);
	}
}

static void on_resolved(struct resolver_request *request)
{
	struct knock *knock = container_of(request, struct knock, lookup);

	if (request->status < 0) {
		note(knock, request->status, "resolve");
		end(knock);
		return;
	}
	knock->list = request->list;
	next_address(knock);
}

int knock_start(struct knock *knock, uv_loop_t *loop, struct slice host,
                uint16_t port, uint64_t timeout_ms, knock_done_cb done)
{
	int r = 0;

	*knock = (struct knock){ .done = done };
	if (!resolver_literal(host, port, &knock->list))
		r = resolver_start(loop, &knock->lookup, host, port,
		                   on_resolved);
	if (r < 0)
		return r;
	/* neither can fail for a fresh timer on a loop that lives */
	(void)uv_timer_init(loop, &knock->timer);
	(void)uv_timer_start(&knock->timer, on_deadline, timeout_ms, 0);
	knock->timer_open = true;
	if (knock->list.n)
		next_address(knock);
	return 0;
}

void knock_cancel(struct knock *knock)
{
	if (knock->ending)
		return;
	err_clear(&knock->err);
	note(knock, UV_ECANCELED, "connect");
	end(knock);
}
