/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url: where something is: http://host:port/path, https://host/path,
 * tcp://host:port, unix:///path, or a bare /path of a socket; and what a server listens on:
 * `:9090`, `127.0.0.1:9090`, `[::1]:9090`, `9090`, `unix:/path`.
 *
 * Parses what the configuration and the environment may say; pure, and keeps
 * a copy of nothing: the slices lie in the caller's text. RFC 3986, as much
 * of it as an endpoint needs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

#define URL_MAX_LENGTH      2048 /* bytes of the whole text */
#define URL_MAX_HOST        253  /* a name in DNS, RFC 1035 */
#define URL_MAX_SOCKET_PATH 107  /* sun_path of unix(7), without its NUL */

enum url_scheme { URL_HTTP, URL_HTTPS, URL_UNIX };

struct url {
	enum url_scheme scheme;
	struct slice host; /* without the brackets of IPv6; URL_UNIX: path */
	uint16_t port;     /* 0 for URL_UNIX */
	struct slice path; /* as written, "" if none; no trailing '/' */
	struct slice user; /* user:password before '@', as written, or "" */
	bool ipv6;         /* the host stood in brackets */
};

/*
 * url_parse() - an endpoint to talk to
 *
 * Schemes http, https, tcp (is http), tcps (is https), unix; a text that starts
 * with '/' is a socket's path. @default_port serves where none is written (0:
 * one must be); of https its neighbour does, 443 for 80 and 2376 for 2375.
 * Query and fragment are refused. Returns 0 or -EINVAL with the reason, which
 * never contains the password.
 */
int url_parse(struct slice text, uint16_t default_port, struct url *url,
              struct err *err) MUST_CHECK;

/*
 * url_parse_target() - a document, with its path and query
 *
 * As url_parse(), for http and https only, but with a query, which a target
 * has and an endpoint has not: *targetp is both, "/" if there is none, and
 * lies in the text; url->path is empty.
 */
int url_parse_target(struct slice text, struct url *url, struct slice *targetp,
                     struct err *err) MUST_CHECK;

/* An address to listen on; an empty host means every address, port 0 any. */
int url_parse_listen(struct slice text, struct url *url,
                     struct err *err) MUST_CHECK;

/* Scheme, host and port, for messages, logs and as a key; never the user or
 * the path: `http://[::1]:9091`, `unix:/run/docker.sock`. Returns @out, which
 * holds URL_ORIGIN_MAX. */
#define URL_ORIGIN_MAX 320
const char *url_origin(const struct url *url, char *out);

/* Appends @text with its %XX turned into bytes; '+' stays. 0, -EINVAL if a %
 * is not followed by two hexadecimal digits, or the buffer's failure. */
int url_decode(struct buf *buf, struct slice text) MUST_CHECK;
