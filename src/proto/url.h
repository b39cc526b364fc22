/* SPDX-License-Identifier: Apache-2.0 */
/*
 * url: where something is: http://host:port/path, tcp://host:port,
 * unix:///path, or a bare /path of a socket; and what a server listens on:
 * `:9090`, `127.0.0.1:9090`, `[::1]:9090`, `9090`, `unix:/path`.
 *
 * Parses what the configuration and the environment may say; pure, and keeps
 * a copy of nothing: the slices lie in the caller's text.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/slice.h"

enum url_scheme { URL_HTTP, URL_HTTPS, URL_UNIX };

struct url {
	enum url_scheme scheme;
	struct slice host; /* without the brackets of IPv6; URL_UNIX: path */
	uint16_t port;     /* 0 for URL_UNIX */
	struct slice path; /* as written, "" if none; no trailing '/' */
	struct slice user; /* user:password before '@', "" if none */
	bool ipv6;         /* the host stood in brackets */
};

/*
 * url_parse() - an endpoint to talk to
 *
 * Schemes http, https, tcp (is http), unix; a text that starts with '/' is a
 * socket's path. @default_port serves where none is written (0: one must be).
 * Query and fragment are refused. Returns 0 or -EINVAL with the reason.
 */
int url_parse(struct slice text, uint16_t default_port, struct url *url,
              struct err *err) MUST_CHECK;

/* An address to listen on; an empty host means every address. */
int url_parse_listen(struct slice text, struct url *url,
                     struct err *err) MUST_CHECK;
