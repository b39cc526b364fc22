/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/url.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "base/number.h"

#define SHOWN_MAX 64 /* bytes of the offending part in a message */

/* "host:port" taken apart, nothing of it judged yet. */
struct authority {
	struct slice host;
	struct slice port;
	bool bracketed;
	bool has_port;
};

/* For "%.*s": the part that is wrong, cut so that the remedy fits in. */
static int shown_length(struct slice part)
{
	return (int)MIN(part.n, (size_t)SHOWN_MAX);
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
	       (c >= 'A' && c <= 'F');
}

static bool is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_';
}

static bool only_chars(struct slice text, const char *allowed)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\0' || !strchr(allowed, text.p[i]))
			return false;
	return true;
}

static struct slice before(struct slice text, const char *stops)
{
	size_t n = 0;

	while (n < text.n && text.p[n] != '\0' && !strchr(stops, text.p[n]))
		n++;
	return slice_make(text.p, n);
}

/* Blanks, control characters and bytes beyond ASCII have no place in a URL;
 * in a request line they would be an attack. */
static int check_bytes(struct slice text, struct err *err)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c <= ' ' || c >= 0x7f)
			return err_set(err, -EINVAL,
			               "holds the byte 0x%02x: write it as "
			               "%%%02X",
			               c, c);
	}
	return 0;
}

static int parse_socket(struct slice path, struct url *url, struct err *err)
{
	while (slice_starts(path, "//")) /* else unix: would swallow them */
		path = slice_skip(path, 1);
	url->scheme = URL_UNIX;
	url->host = path;
	if (path.n == 0 || path.p[0] != '/')
		return err_set(err, -EINVAL,
		               "the path of a unix socket starts with '/': "
		               "write unix:///run/x.sock");
	if (path.n > URL_MAX_SOCKET_PATH)
		return err_set(err, -EINVAL,
		               "the path of a unix socket may have %d bytes, "
		               "this one has %zu",
		               URL_MAX_SOCKET_PATH, path.n);
	if (memchr(path.p, '\0', path.n))
		return err_set(err, -EINVAL,
		               "the path of a unix socket holds a NUL byte");
	return 0;
}

static bool is_socket(struct slice text, struct slice *pathp)
{
	*pathp = text;
	if (slice_starts(text, "/"))
		return true;
	if (text.n < 5 || strncasecmp(text.p, "unix:", 5) != 0)
		return false;
	*pathp = slice_skip(text, 5);
	if (slice_starts(*pathp, "//"))
		*pathp = slice_skip(*pathp, 2);
	return true;
}

static int split_authority(struct slice text, struct authority *parts,
                           struct err *err)
{
	const char *end;

	*parts = (struct authority){ .host = text };
	if (slice_starts(text, "[")) {
		end = memchr(text.p, ']', text.n);
		if (!end)
			return err_set(err, -EINVAL,
			               "'[' without ']': write IPv6 as [::1]");
		parts->bracketed = true;
		parts->host = slice_make(text.p + 1, end - text.p - 1);
		text = slice_skip(text, parts->host.n + 2);
		if (text.n > 0 && text.p[0] != ':')
			return err_set(err, -EINVAL,
			               "after ']' comes ':' and the port");
	} else {
		parts->host = before(text, ":");
		text = slice_skip(text, parts->host.n);
	}
	if (text.n > 0) {
		parts->has_port = true;
		parts->port = slice_skip(text, 1);
	}
	if (memchr(parts->port.p ? parts->port.p : "", ':', parts->port.n))
		return err_set(err, -EINVAL,
		               "more than one ':': write IPv6 in brackets, "
		               "as in [::1]:9090");
	return 0;
}

static int parse_port(struct slice text, uint64_t min, uint16_t *portp,
                      struct err *err)
{
	uint64_t port;

	if (number_parse_u64(text, &port) < 0 || port < min ||
	    port > UINT16_MAX)
		return err_set(err, -EINVAL,
		               "port '%.*s': a number from %" PRIu64
		               " to 65535 was expected",
		               shown_length(text), text.p ? text.p : "", min);
	*portp = (uint16_t)port;
	return 0;
}

static bool is_ipv6(struct slice host)
{
	struct slice address = before(host, "%");
	struct slice zone = slice_skip(host, address.n);
	char text[INET6_ADDRSTRLEN];
	struct in6_addr ignored;

	if (address.n >= sizeof(text) || zone.n > 64 || zone.n == 1)
		return false;
	for (size_t i = 1; i < zone.n; i++)
		if (!is_name_char(zone.p[i]))
			return false;
	memcpy(text, address.p, address.n);
	text[address.n] = '\0';
	return inet_pton(AF_INET6, text, &ignored) == 1;
}

/* Only digits and dots: it must be an address, no resolver will know it. */
static bool is_bad_ipv4(struct slice host)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr ignored;

	if (host.n == 0 || !only_chars(host, "0123456789."))
		return false;
	if (host.n >= sizeof(text))
		return true;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(AF_INET, text, &ignored) != 1;
}

static int check_host(struct slice host, bool bracketed, struct err *err)
{
	if (bracketed)
		return is_ipv6(host) ? 0
		                     : err_set(err, -EINVAL,
		                               "'%.*s' is not an IPv6 address",
		                               shown_length(host), host.p);
	if (host.n > URL_MAX_HOST)
		return err_set(err, -EINVAL,
		               "the host name is longer than %d bytes",
		               URL_MAX_HOST);
	for (size_t i = 0; i < host.n; i++)
		if (!is_name_char(host.p[i]))
			return err_set(err, -EINVAL,
			               "'%c' cannot stand in a host name",
			               host.p[i]);
	if (is_bad_ipv4(host))
		return err_set(err, -EINVAL, "'%.*s' is not an IPv4 address",
		               shown_length(host), host.p);
	return 0;
}

static int take_scheme(struct slice *textp, struct url *url, struct err *err)
{
	static const struct {
		const char *prefix;
		enum url_scheme scheme;
	} schemes[] = {
		{ "http://", URL_HTTP },
		{ "https://", URL_HTTPS },
		{ "tcp://", URL_HTTP },
		{ "tcps://", URL_HTTPS },
	};
	struct slice name = before(*textp, ":/?#@");

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = strlen(schemes[i].prefix);

		if (textp->n < n ||
		    strncasecmp(textp->p, schemes[i].prefix, n) != 0)
			continue;
		url->scheme = schemes[i].scheme;
		*textp = slice_skip(*textp, n);
		return 0;
	}
	if (slice_starts(slice_skip(*textp, name.n), "://"))
		return err_set(err, -EINVAL,
		               "the scheme '%.*s' is not known: write http://, "
		               "https://, tcp:// or unix://",
		               shown_length(name), name.p);
	return err_set(err, -EINVAL,
	               "no scheme: write http://host:port or unix:///path");
}

static void take_user(struct slice *authorityp, struct url *url)
{
	const char *at = memrchr(authorityp->p, '@', authorityp->n);

	if (!at)
		return;
	url->user = slice_make(authorityp->p, at - authorityp->p);
	*authorityp = slice_skip(*authorityp, url->user.n + 1);
}

static void url_init(struct url *url)
{
	*url = (struct url){ .host = slice_from(""),
		             .path = slice_from(""),
		             .user = slice_from("") };
}

static int check_length(struct slice text, const char *example, struct err *err)
{
	if (text.n == 0)
		return err_set(err, -EINVAL, "empty: write %s", example);
	if (text.n > URL_MAX_LENGTH)
		return err_set(err, -EINVAL, "longer than %d bytes",
		               URL_MAX_LENGTH);
	return 0;
}

static uint16_t usual_port(enum url_scheme scheme, uint16_t port)
{
	if (scheme == URL_HTTPS && port == 80)
		return 443;
	if (scheme == URL_HTTPS && port == 2375)
		return 2376; /* of Docker */
	return port;
}

int url_parse(struct slice text, uint16_t default_port, struct url *url,
              struct err *err)
{
	struct authority parts;
	struct slice authority;
	struct slice socket;

	url_init(url);
	if (check_length(text, "http://host:port or unix:///path", err) < 0)
		return -EINVAL;
	if (is_socket(text, &socket))
		return parse_socket(socket, url, err);
	if (check_bytes(text, err) < 0 || take_scheme(&text, url, err) < 0)
		return -EINVAL;

	authority = before(text, "/?#");
	url->path = slice_skip(text, authority.n);
	if (before(url->path, "?#").n < url->path.n)
		return err_set(err, -EINVAL,
		               "a '?' or '#' part has no place here");
	while (url->path.n > 0 && url->path.p[url->path.n - 1] == '/')
		url->path.n--;

	take_user(&authority, url);
	if (split_authority(authority, &parts, err) < 0 ||
	    check_host(parts.host, parts.bracketed, err) < 0)
		return -EINVAL;
	if (parts.host.n == 0)
		return err_set(err, -EINVAL, "no host: write http://host:port");
	url->host = parts.host;
	url->ipv6 = parts.bracketed;
	url->port = usual_port(url->scheme, default_port);
	if (parts.has_port)
		return parse_port(parts.port, 1, &url->port, err);
	if (default_port == 0)
		return err_set(err, -EINVAL, "no port: write %.*s:PORT",
		               shown_length(authority), authority.p);
	return 0;
}

int url_parse_listen(struct slice text, struct url *url, struct err *err)
{
	struct authority parts;
	struct slice socket;

	url_init(url);
	if (check_length(text, ":9090, 127.0.0.1:9090 or unix:/path", err) < 0)
		return -EINVAL;
	if (is_socket(text, &socket))
		return parse_socket(socket, url, err);
	if (only_chars(text, "0123456789"))
		return parse_port(text, 0, &url->port, err);
	if (memmem(text.p, text.n, "://", 3))
		return err_set(err, -EINVAL,
		               "an address to listen on has no scheme: write "
		               "127.0.0.1:9090");
	if (check_bytes(text, err) < 0 ||
	    split_authority(text, &parts, err) < 0 ||
	    check_host(parts.host, parts.bracketed, err) < 0)
		return -EINVAL;
	if (!parts.has_port)
		return err_set(err, -EINVAL, "no port: write %.*s:9090",
		               shown_length(text), text.p);
	url->host = parts.host;
	url->ipv6 = parts.bracketed;
	return parse_port(parts.port, 0, &url->port, err);
}

const char *url_origin(const struct url *url, char *out)
{
	if (url->scheme == URL_UNIX)
		(void)snprintf(out, URL_ORIGIN_MAX, "unix:" SLICE_FMT,
		               SLICE_ARG(url->host));
	else
		(void)snprintf(out, URL_ORIGIN_MAX, "%s://%s" SLICE_FMT "%s:%u",
		               url->scheme == URL_HTTPS ? "https" : "http",
		               url->ipv6 ? "[" : "", SLICE_ARG(url->host),
		               url->ipv6 ? "]" : "", url->port);
	return out;
}

static unsigned hex_value(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

int url_decode(struct buf *buf, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '%') {
			if (text.n - i < 3 || !is_hex(text.p[i + 1]) ||
			    !is_hex(text.p[i + 2]))
				return -EINVAL;
			c = (char)(hex_value(text.p[i + 1]) << 4 |
			           hex_value(text.p[i + 2]));
			i += 2;
		}
		(void)buf_putc(buf, c);
	}
	return buf->failed;
}

int url_parse_target(struct slice text, struct url *url, struct slice *targetp,
                     struct err *err)
{
	struct slice origin = text;
	const char *behind;
	size_t at;
	int r;

	*url = (struct url){ 0 };
	behind = text.n ? memmem(text.p, text.n, "://", 3) : NULL;
	at = behind ? (size_t)(behind - text.p) + 3 : 0;
	while (at < text.n && !strchr("/?#", text.p[at]))
		at++;
	origin.n = at;
	*targetp = slice_skip(text, at);

	for (size_t i = 0; i < targetp->n; i++)
		if (targetp->p[i] <= ' ' || targetp->p[i] >= 0x7f)
			return err_set(err, -EINVAL,
			               "the path of a URL is of printable "
			               "ASCII; write others as %%NN");
	if (!slice_starts(text, "http://") && !slice_starts(text, "https://"))
		return err_set(err, -EINVAL,
		               "the URL begins with http:// or https://");
	if (targetp->n && memchr(targetp->p, '#', targetp->n))
		return err_set(err, -EINVAL, "the URL has no #");
	r = url_parse(origin, slice_starts(text, "https") ? 443 : 80, url, err);
	if (r < 0)
		return r;
	if (targetp->n && targetp->p[0] == '?')
		return err_set(err, -EINVAL, "a / is missing before the ?");
	if (targetp->n == 0)
		*targetp = slice_from("/");
	return 0;
}
