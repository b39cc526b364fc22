/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: a socket of either kind, TCP or unix, in one object. It only hides
 * how the two are opened and how long a path may be; reading, writing and
 * accepting are libuv's own calls on `uv.stream`.
 *
 * After a successful init the only way out is stream_close().
 */
#pragma once

#include <uv.h>
#include "base/macros.h"
#include "base/slice.h"

struct stream;
typedef void (*stream_closed_cb)(struct stream *stream);

struct stream {
	union {
		uv_handle_t handle;
		uv_stream_t stream;
		uv_tcp_t tcp;
		uv_pipe_t pipe;
	} uv;
	stream_closed_cb closed; /* private */
};

int stream_init_tcp(struct stream *stream, uv_loop_t *loop) MUST_CHECK;
int stream_init_unix(struct stream *stream, uv_loop_t *loop) MUST_CHECK;

/* Both: a negative return means that @connected is never called. The second
 * copies @path; -ENAMETOOLONG where libuv would silently cut it. */
int stream_connect_tcp(struct stream *stream, uv_connect_t *request,
                       const struct sockaddr *address,
                       uv_connect_cb connected) MUST_CHECK;
int stream_connect_unix(struct stream *stream, uv_connect_t *request,
                        struct slice path, uv_connect_cb connected) MUST_CHECK;

/* Why reading ended with @code: libuv reports a reset that comes together with
 * the last bytes as a plain UV_EOF, and half a body would pass for a whole. */
int stream_end_reason(const struct stream *stream, int code);

/* Once only. Requests under way complete with UV_ECANCELED, then @closed is
 * called from the loop, and the memory is the owner's again. */
void stream_close(struct stream *stream, stream_closed_cb closed);

/* From libuv's callbacks. */
static inline struct stream *stream_of(uv_stream_t *uv)
{
	return container_of(uv, struct stream, uv.stream);
}
