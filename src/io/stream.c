/* SPDX-License-Identifier: Apache-2.0 */
#include "io/stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "proto/url.h"

int stream_init_tcp(struct stream *stream, uv_loop_t *loop)
{
	stream->closed = NULL;
	return uv_tcp_init(loop, &stream->uv.tcp);
}

int stream_init_unix(struct stream *stream, uv_loop_t *loop)
{
	stream->closed = NULL;
	return uv_pipe_init(loop, &stream->uv.pipe, 0);
}

int stream_connect_tcp(struct stream *stream, uv_connect_t *request,
                       const struct sockaddr *address, uv_connect_cb connected)
{
	return uv_tcp_connect(request, &stream->uv.tcp, address, connected);
}

int stream_connect_unix(struct stream *stream, uv_connect_t *request,
                        struct slice path, uv_connect_cb connected)
{
	char text[URL_MAX_SOCKET_PATH + 1];

	if (path.n >= sizeof(text))
		return -ENAMETOOLONG;
	memcpy(text, path.p, path.n);
	text[path.n] = '\0';
	uv_pipe_connect(request, &stream->uv.pipe, text, connected);
	return 0;
}

int stream_end_reason(const struct stream *stream, int code)
{
	socklen_t length = sizeof(int);
	uv_os_fd_t fd;
	int error = 0;

	if (code == UV_EOF && uv_fileno(&stream->uv.handle, &fd) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error)
		return -error;
	return code;
}

static void on_closed(uv_handle_t *handle)
{
	struct stream *stream = container_of(handle, struct stream, uv.handle);

	stream->closed(stream);
}

void stream_close(struct stream *stream, stream_closed_cb closed)
{
	stream->closed = closed;
	uv_close(&stream->uv.handle, on_closed);
}
