/* SPDX-License-Identifier: Apache-2.0 */
#include "source/source.h"

#include <uv.h>
#include "base/buf.h"
#include "proto/http.h"

#define MAX_NAME 4096 /* of a URL without its password */

char *source_make_name(const struct url *url)
{
	char origin[URL_ORIGIN_MAX];
	struct buf name;
	char *text;

	buf_init(&name, MAX_NAME);
	(void)buf_puts(&name, url_origin(url, origin));
	(void)buf_append(&name, url->path.p, url->path.n);
	text = buf_take(&name);
	buf_fini(&name);
	return text;
}

enum reading_result source_result_of(int code, unsigned status)
{
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
		return status ? READING_TRUNCATED : READING_ERROR;
	default:
		break;
	}
	/* getaddrinfo()'s own, in a range of libuv's */
	if (code <= UV_EAI_ADDRFAMILY && code >= UV_EAI_PROTOCOL)
		return READING_DNS;
	return READING_ERROR;
}

void source_log_reading(struct source_log *log, const struct source *source,
                        const struct reading *reading)
{
	bool changed = !log->has_read || log->last != reading->result;
	const struct log_field query =
		log->query ? LOG_STR("query", log->query) : LOG_END;

	log->has_read = true;
	log->last = reading->result;
	if (!changed)
		return;
	if (reading->result == READING_OK)
		log_info(log->log, "source can be read",
		         LOG_STR("source", source->name),
		         LOG_INT("bytes", reading->n_bytes),
		         LOG_MS("took", reading->duration_ms), query);
	else
		log_warn(
			log->log, "source cannot be read",
			LOG_STR("source", source->name),
			LOG_STR("reason", reading_result_name(reading->result)),
			LOG_STR("detail", reading->detail));
}
