/* SPDX-License-Identifier: Apache-2.0 */
/* http_client: the head of a request, checked so that nothing in it can
 * become a header, or a request, of its own. RFC 9112. */
#include <errno.h>
#include <inttypes.h>
#include "base/base64.h"
#include "io/http_connection.h"

#define USER_MAX 512 /* user:password, bytes */

static bool is_token(struct slice text)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= 'a' && c <= 'z') &&
		    (c == '\0' || !strchr(others, c)))
			return false;
	}
	return text.n > 0;
}

static bool is_printable(struct slice text, bool blanks)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c < ' ' || c == 0x7f || (!blanks && (c == ' ' || c > 0x7f)))
			return false;
	}
	return true;
}

static bool has_header(const struct http_call *call, const char *name)
{
	for (size_t i = 0; i < call->n_headers; i++)
		if (slice_is_nocase(call->headers[i].name, name))
			return true;
	return false;
}

static int check_request(const struct http_call *call, struct err *err)
{
	static const char *const ours[] = { "Host", "Content-Length",
		                            "Transfer-Encoding" };

	if (!call->method || !is_token(slice_from(call->method)))
		return err_set(err, -EINVAL, "not a method of HTTP");
	if (!slice_starts(call->target, "/") ||
	    !is_printable(call->target, false) ||
	    !is_printable(call->url.path, false))
		return err_set(err, -EINVAL,
		               "the target must start with '/' and have "
		               "everything unusual written as %%XX");
	if (call->target.n + call->url.path.n > HTTP_MAX_TARGET)
		return err_set(err, -EINVAL,
		               "the target has more than %d bytes",
		               HTTP_MAX_TARGET);
	for (size_t i = 0; i < call->n_headers; i++)
		if (!is_token(call->headers[i].name) ||
		    !is_printable(call->headers[i].value, true))
			return err_set(err, -EINVAL,
			               "header %zu holds bytes that a header "
			               "cannot hold",
			               i + 1);
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		if (has_header(call, ours[i]))
			return err_set(err, -EINVAL,
			               "%s is set by the client itself",
			               ours[i]);
	return 0;
}

/* An IPv6 zone means something on this machine only: RFC 6874, 4. */
static void write_host(struct buf *buf, const struct url *url)
{
	const char *zone = memchr(url->host.p, '%', url->host.n);
	size_t n = zone ? (size_t)(zone - url->host.p) : url->host.n;

	(void)buf_puts(buf, "Host: ");
	if (url->scheme == URL_UNIX)
		(void)buf_puts(buf, "localhost");
	else
		(void)buf_printf(buf, "%s%.*s%s", url->ipv6 ? "[" : "", (int)n,
		                 url->host.p, url->ipv6 ? "]" : "");
	if (url->scheme != URL_UNIX &&
	    url->port != (url->scheme == URL_HTTPS ? 443 : 80))
		(void)buf_printf(buf, ":%u", url->port);
	(void)buf_puts(buf, "\r\n");
}

/* RFC 7617. */
static int write_authorization(struct buf *buf, struct slice user,
                               struct err *err)
{
	struct buf plain;
	int r;

	buf_init(&plain, USER_MAX);
	r = url_decode(&plain, user);
	if (r == 0 && !memchr(plain.p, ':', plain.n))
		r = buf_putc(&plain, ':');
	if (r == 0) {
		(void)buf_puts(buf, "Authorization: Basic ");
		(void)base64_encode(buf, buf_slice(&plain));
		(void)buf_puts(buf, "\r\n");
	}
	if (plain.p)
		explicit_bzero(plain.p, plain.n);
	buf_fini(&plain);
	if (r == -EINVAL)
		return err_set(err, r,
		               "the user in the URL has a '%%' "
		               "without two hexadecimal digits");
	if (r == -E2BIG)
		return err_set(err, -EINVAL,
		               "the user in the URL is longer than %d bytes",
		               USER_MAX);
	return r;
}

static bool usually_has_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
	       strcmp(method, "PATCH") == 0;
}

int http_request_write(struct buf *buf, const struct http_call *call,
                       struct err *err)
{
	int r = check_request(call, err);

	if (r < 0)
		return r;
	(void)buf_printf(buf, "%s " SLICE_FMT SLICE_FMT " HTTP/1.1\r\n",
	                 call->method, SLICE_ARG(call->url.path),
	                 SLICE_ARG(call->target));
	write_host(buf, &call->url);
	if (!has_header(call, "User-Agent"))
		(void)buf_puts(buf,
		               "User-Agent: bouncer/" BOUNCER_VERSION "\r\n");
	if (call->url.user.n > 0 && !has_header(call, "Authorization"))
		r = write_authorization(buf, call->url.user, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < call->n_headers; i++)
		(void)buf_printf(buf, SLICE_FMT ": " SLICE_FMT "\r\n",
		                 SLICE_ARG(call->headers[i].name),
		                 SLICE_ARG(call->headers[i].value));
	if (call->body.n > 0 || usually_has_body(call->method))
		(void)buf_printf(buf, "Content-Length: %zu\r\n", call->body.n);
	r = buf_puts(buf, "\r\n");
	if (r == -E2BIG)
		return err_set(err, -EINVAL,
		               "the request's head has more than %d bytes",
		               HTTP_MAX_HEAD);
	return r;
}

bool http_request_repeatable(const struct http_call *call)
{
	static const char *const methods[] = { "GET", "HEAD", "PUT", "DELETE",
		                               "OPTIONS" };

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(call->method, methods[i]) == 0)
			return true;
	return call->repeatable;
}
