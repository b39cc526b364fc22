/* SPDX-License-Identifier: Apache-2.0 */
#include "source/exchange.h"

#include <errno.h>
#include <string.h>
#include "base/base64.h"
#include "io/secret_file.h"

#define MAX_NAME 4096 /* of a URL without its password */
#define BEARER   "Bearer "
#define BASIC    "Basic "

void source_headers_init(struct source_headers *headers)
{
	headers->n = 0;
	/* base64 makes it a third longer */
	buf_init(&headers->secret, 2 * SOURCE_MAX_SECRET);
}

void source_headers_fini(struct source_headers *headers)
{
	secret_wipe(&headers->secret);
}

static void add_header(struct source_headers *headers, const char *name,
                       struct slice value)
{
	headers->list[headers->n++] =
		(struct http_header){ slice_from(name), value };
}

static int fill_basic(struct buf *out, const char *path, struct err *err)
{
	struct buf user;
	int r;

	buf_init(&user, SOURCE_MAX_SECRET);
	r = secret_file_read(path, &user, err);
	if (r == 0 && !memchr(user.p, ':', user.n))
		r = err_set(err, -EINVAL, "%s: is not user:password", path);
	if (r == 0) {
		(void)buf_puts(out, BASIC);
		r = base64_encode(out, buf_slice(&user));
	}
	secret_wipe(&user);
	return r;
}

int source_headers_fill(struct source_headers *headers,
                        const struct source_credentials *credentials,
                        struct err *err)
{
	int r = 0;

	headers->n = 0;
	buf_reset(&headers->secret);
	if (!credentials)
		return 0;
	for (size_t i = 0; i < credentials->n_headers && i < SOURCE_MAX_HEADERS;
	     i++)
		add_header(headers, credentials->headers[i].name,
		           slice_from(credentials->headers[i].value));
	if (credentials->token_file) {
		(void)buf_puts(&headers->secret, BEARER);
		r = secret_file_read(credentials->token_file, &headers->secret,
		                     err);
	} else if (credentials->basic_auth_file) {
		r = fill_basic(&headers->secret, credentials->basic_auth_file,
		               err);
	}
	if (r == 0)
		r = headers->secret.failed;
	if (r < 0)
		return err && err->code ? r : err_set_code(err, r, "secret");
	if (headers->secret.n > 0)
		add_header(headers, "Authorization",
		           buf_slice(&headers->secret));
	return 0;
}

enum reading_result source_failure(const struct http_call *call)
{
	int code = call->err.code;

	switch (code) {
	case UV_ETIMEDOUT:
		return READING_TIMEOUT;
	case UV_ECONNREFUSED:
	case UV_EHOSTUNREACH:
	case UV_ENETUNREACH:
	case UV_ENETDOWN:
	case UV_EADDRNOTAVAIL:
	case UV_ENOENT: /* no such socket */
		return READING_REFUSED;
	case HTTP_E_BODY_TOO_LARGE:
	case HTTP_E_HEAD_TOO_LARGE:
		return READING_TOO_LARGE;
	case HTTP_E_TRUNCATED:
		return READING_TRUNCATED;
	case UV_ECONNRESET:
	case UV_EPIPE:
		return call->status ? READING_TRUNCATED : READING_ERROR;
	default:
		break;
	}
	/* getaddrinfo()'s own, in a range of libuv's */
	if (code <= UV_EAI_ADDRFAMILY && code >= UV_EAI_PROTOCOL)
		return READING_DNS;
	return READING_ERROR;
}

char *source_name(const struct url *url, struct slice path)
{
	char origin[URL_ORIGIN_MAX];
	struct buf name;
	char *text;

	buf_init(&name, MAX_NAME);
	(void)buf_puts(&name, url_origin(url, origin));
	(void)buf_append(&name, path.p, path.n);
	text = buf_take(&name);
	buf_fini(&name);
	return text;
}

void source_tell(struct source_told *told, const struct log *log,
                 const char *name, const struct reading *reading,
                 uint64_t n_damaged)
{
	bool changed = !told->has_read || told->last != reading->result;

	if (changed && reading->result != READING_OK)
		log_warn(
			log, "source cannot be read", LOG_STR("source", name),
			LOG_STR("reason", reading_result_name(reading->result)),
			LOG_STR("detail", reading->detail));
	if (changed && reading->result == READING_OK)
		log_info(log, "source can be read", LOG_STR("source", name),
		         LOG_INT("bytes", reading->n_bytes),
		         LOG_MS("took", reading->duration_ms));
	told->has_read = true;
	told->last = reading->result;
	if (reading->result != READING_OK)
		return;
	if (n_damaged > 0 && !told->damaged)
		log_warn(log, "parts of a source were left out",
		         LOG_STR("source", name), LOG_INT("parts", n_damaged));
	told->damaged = n_damaged > 0;
}
