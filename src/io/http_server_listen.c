/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening is done with a poll handle and accept4() instead of uv_listen(),
 * which accepts and drops connections when descriptors run out, or keeps
 * reporting the same one: neither can be told to wait for a while.
 */
#include "io/http_server_private.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/mem.h"
#include "proto/url.h"

#define LISTEN_BACKLOG     1024
#define ACCEPTS_PER_TURN   64 /* then other events have their turn */
#define BACKOFF_FIRST_MS   50
#define BACKOFF_LONGEST_MS 1000
#define HOST_SIZE          64 /* a numeric address with its scope */

static void on_readable(uv_poll_t *poll, int status, int events);

/* --- accepting, and backing off ------------------------------------------- */

static void on_backed_off(uv_timer_t *timer)
{
	struct http_server *server =
		container_of(timer, struct http_server, timer);

	for (size_t i = 0; i < server->n_listeners; i++)
		(void)uv_poll_start(&server->listeners[i].poll, UV_READABLE,
		                    on_readable);
}

/* What stands in the way may pass: descriptors, memory. Says so once. */
static void server_back_off(struct http_server *server, int code)
{
	if (server->backoff_ms == 0)
		log_warn(server->log, "cannot accept connections; waiting",
		         LOG_STR("error", err_text(code)),
		         LOG_INT("connections", server->n_peers));
	server->backoff_ms = MIN(server->backoff_ms * 2, BACKOFF_LONGEST_MS);
	server->backoff_ms = MAX(server->backoff_ms, BACKOFF_FIRST_MS);

	(void)server_make_room(server);
	for (size_t i = 0; i < server->n_listeners; i++)
		(void)uv_poll_stop(&server->listeners[i].poll);
	(void)uv_timer_start(&server->timer, on_backed_off, server->backoff_ms,
	                     0);
}

static void server_accepted(struct http_server *server)
{
	if (server->backoff_ms == 0)
		return;
	server->backoff_ms = 0;
	log_info(server->log, "accepting connections again");
}

/* Errors of the one connection, accept(2); all others are ours. */
static bool is_passing(int code)
{
	return code == EINTR || code == ECONNABORTED || code == EPROTO ||
	       code == EPERM || code == ENETDOWN || code == ENOPROTOOPT ||
	       code == EHOSTDOWN || code == ENONET || code == EHOSTUNREACH ||
	       code == EOPNOTSUPP || code == ENETUNREACH;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = container_of(poll, struct listener, poll);
	struct http_server *server = listener->server;
	int code = status;

	for (int i = 0; code == 0 && i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(listener->fd, NULL, NULL,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0)
			code = peer_accept(server, fd, listener->path != NULL);
		else if (errno == EAGAIN)
			return;
		else if (!is_passing(errno))
			code = -errno;
		if (fd >= 0 && code == 0)
			server_accepted(server);
	}
	if (code < 0)
		server_back_off(server, code);
}

/* The largest first, so that all of it is initialised. */
union address {
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;
	struct sockaddr any;
};

/* --- sockets --------------------------------------------------------------- */

/* A descriptor, or a negative code. */
static int open_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

static int bind_and_listen(int fd, const struct sockaddr *address, size_t size)
{
	if (bind(fd, address, (socklen_t)size) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0)
		return -errno;
	return 0;
}

/* A descriptor, or a negative code. */
static int open_tcp(const union address *address)
{
	bool v6 = address->any.sa_family == AF_INET6;
	int on = 1;
	int off = 0;
	int r = 0;
	int fd;

	fd = open_socket(address->any.sa_family);
	if (fd < 0)
		return fd;
	/* accepted sockets inherit TCP_NODELAY; we write in whole pieces */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    (v6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0))
		r = -errno;
	if (r == 0)
		r = bind_and_listen(fd, &address->any,
		                    v6 ? sizeof(address->v6)
		                       : sizeof(address->v4));
	if (r < 0) {
		(void)close(fd);
		return r;
	}
	return fd;
}

static uint16_t bound_port(int fd)
{
	union address address = { 0 };
	socklen_t size = sizeof(address);

	if (getsockname(fd, &address.any, &size) < 0)
		return 0;
	return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port
	                                               : address.v4.sin_port);
}

static int parse_host(const struct url *url, union address *address,
                      struct err *err)
{
	char host[HOST_SIZE];
	int r;

	(void)snprintf(host, sizeof(host), SLICE_FMT, SLICE_ARG(url->host));
	if (url->ipv6)
		r = uv_ip6_addr(host, url->port, &address->v6);
	else
		r = uv_ip4_addr(host, url->port, &address->v4);
	if (r < 0)
		return err_set(err, r,
		               "\"%s\" is not a numeric address; "
		               "use one such as 127.0.0.1 or [::1], "
		               "or none for all of them",
		               host);
	return 0;
}

static int open_tcp_everywhere(uint16_t port)
{
	union address address = { 0 };
	int r;

	(void)uv_ip6_addr("::", port, &address.v6);
	r = open_tcp(&address);
	if (r != UV_EAFNOSUPPORT && r != UV_EADDRNOTAVAIL)
		return r;
	/* a machine without IPv6 */
	(void)uv_ip4_addr("0.0.0.0", port, &address.v4);
	return open_tcp(&address);
}

static int listen_tcp(struct listener *listener, const struct url *url,
                      struct err *err)
{
	union address address = { 0 };
	int r;

	if (url->host.n == 0) {
		r = open_tcp_everywhere(url->port);
	} else {
		r = parse_host(url, &address, err);
		if (r < 0)
			return r;
		r = open_tcp(&address);
	}
	if (r < 0)
		return err_set_code(err, r, "port %u", url->port);
	listener->fd = r;
	listener->port = bound_port(listener->fd);
	return 0;
}

/* --- unix sockets ------------------------------------------------------------ */

/* Whether somebody listens there: 0, -EADDRINUSE, or why we cannot know. */
static int probe_unix(const struct sockaddr_un *address)
{
	int fd = open_socket(AF_UNIX);
	int r = 0;

	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) ==
	            0 ||
	    errno == EAGAIN || errno == EPROTOTYPE)
		r = -EADDRINUSE;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		r = -errno;
	(void)close(fd);
	return r;
}

/* Makes way for ours: removes the socket that a dead process left. */
static int remove_stale(const struct sockaddr_un *address, struct err *err)
{
	const char *path = address->sun_path;
	struct stat st;
	int r;

	if (lstat(path, &st) < 0)
		return errno == ENOENT
		               ? 0
		               : err_set_code(err, -errno, "\"%s\"", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, -EADDRINUSE,
		               "\"%s\" exists and is not a socket; "
		               "remove it or choose another path",
		               path);
	r = probe_unix(address);
	if (r == -EADDRINUSE)
		return err_set(err, r,
		               "another process listens on \"%s\"; "
		               "is it running already?",
		               path);
	if (r == 0 && unlink(path) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? err_set_code(err, r, "\"%s\"", path) : 0;
}

/* A socket without any right is made, which gets its rights before anybody can
 * connect: that is refused until it listens. */
static int listen_with_rights(int fd, const struct sockaddr_un *address,
                              const struct http_server_options *options)
{
	if (fchmod(fd, 0) < 0 ||
	    bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	if ((options->has_group &&
	     lchown(address->sun_path, (uid_t)-1, options->unix_group) < 0) ||
	    chmod(address->sun_path, options->unix_mode) < 0 ||
	    listen(fd, LISTEN_BACKLOG) < 0) {
		int r = -errno;

		(void)unlink(address->sun_path);
		return r;
	}
	return 0;
}

static int listen_unix(struct listener *listener, struct slice path,
                       struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st = { 0 };
	int r;

	if (path.n >= sizeof(address.sun_path))
		return err_set(err, -ENAMETOOLONG,
		               "the path of a socket has at most %zu bytes",
		               sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path.p, path.n);
	r = remove_stale(&address, err);
	if (r < 0)
		return r;

	listener->path = mem_strndup(path.p, path.n);
	if (!listener->path)
		return err_set_code(err, -ENOMEM, "\"%s\"", address.sun_path);
	listener->fd = open_socket(AF_UNIX);
	r = listener->fd;
	if (r >= 0) {
		const struct http_server_options *options =
			&listener->server->options;

		r = options->unix_mode
		            ? listen_with_rights(listener->fd, &address,
		                                 options)
		            : bind_and_listen(listener->fd,
		                              (struct sockaddr *)&address,
		                              sizeof(address));
		if (r < 0)
			(void)close(listener->fd);
	}
	if (r < 0) {
		mem_free(listener->path);
		listener->path = NULL;
		return err_set_code(err, r, "\"%s\"", address.sun_path);
	}
	if (lstat(address.sun_path, &st) == 0) {
		listener->dev = st.st_dev;
		listener->ino = st.st_ino;
	}
	return 0;
}

/* --- a listener's life --------------------------------------------------------- */

int http_server_listen(struct http_server *server, struct slice address,
                       struct err *err)
{
	struct listener *listener = &server->listeners[server->n_listeners];
	struct url url;
	int r;

	if (server->n_listeners == HTTP_SERVER_MAX_LISTENERS)
		return err_set(err, -E2BIG,
		               "cannot listen on more than %d addresses",
		               HTTP_SERVER_MAX_LISTENERS);
	r = url_parse_listen(address, &url, err);
	if (r < 0)
		return r;
	*listener = (struct listener){ .server = server };
	if (url.scheme == URL_UNIX)
		r = listen_unix(listener, url.host, err);
	else
		r = listen_tcp(listener, &url, err);
	if (r < 0) {
		err_wrap(err, "cannot listen on \"" SLICE_FMT "\"",
		         SLICE_ARG(address));
		return r;
	}

	r = uv_poll_init(server->loop, &listener->poll, listener->fd);
	if (r < 0) {
		(void)close(listener->fd);
		if (listener->path)
			(void)unlink(listener->path);
		mem_free(listener->path);
		return err_set_code(err, r,
		                    "cannot listen on \"" SLICE_FMT "\"",
		                    SLICE_ARG(address));
	}
	listener->open = true;
	server->n_listeners++;
	(void)uv_poll_start(&listener->poll, UV_READABLE, on_readable);
	return 0;
}

uint16_t http_server_port(const struct http_server *server, size_t nth)
{
	return nth < server->n_listeners ? server->listeners[nth].port : 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct listener *listener =
		container_of((uv_poll_t *)handle, struct listener, poll);

	listener->open = false;
	server_maybe_closed(listener->server);
}

void listener_close(struct listener *listener)
{
	struct stat st;

	uv_close((uv_handle_t *)&listener->poll, on_poll_closed);
	(void)close(listener->fd);
	/* somebody else's may stand there by now */
	if (listener->path && lstat(listener->path, &st) == 0 &&
	    st.st_dev == listener->dev && st.st_ino == listener->ino)
		(void)unlink(listener->path);
	mem_free(listener->path);
	listener->path = NULL;
}
