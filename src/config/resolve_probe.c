/* SPDX-License-Identifier: Apache-2.0 */
/* A check of our own for containers that have none. */
#include "config/resolve.h"

#include <errno.h>
#include "base/buf.h"
#include "base/text.h"
#include "proto/url.h"

#define HTTP_PORT   80
#define RETRIES_MAX 1000
#define SAMPLE_MAX  (2 * URL_MAX_LENGTH)

static const char *const type_names[N_PROBE_TYPES] = {
	[PROBE_HTTP] = "http",
	[PROBE_TCP] = "tcp",
	[PROBE_EXEC] = "exec",
};

/* What may stand in `{{ }}`, and something that it may become. */
static const struct {
	const char *name;
	const char *value;
} samples[] = { { "container", "web" }, { "ip", "192.0.2.1" } };

static const char *sample(struct slice name)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		if (slice_is(name, samples[i].name))
			return samples[i].value;
	}
	return NULL;
}

/* Fills in samples; false, and reported, where that cannot be done. */
static bool fill(const struct reader *reader, const char *key, const char *text,
                 struct buf *out)
{
	const char *open;

	for (; (open = strstr(text, "{{")) != NULL;) {
		const char *close = strstr(open, "}}");
		struct slice name;

		if (!close) {
			reader_value(reader, key, text, "has {{ without }}");
			return false;
		}
		name = slice_trim(
			slice_make(open + 2, (size_t)(close - open - 2)));
		if (!sample(name)) {
			reader_value(reader, key, text,
			             "has an unknown name in {{ }}; use "
			             "container or ip");
			return false;
		}
		(void)buf_append(out, text, (size_t)(open - text));
		(void)buf_puts(out, sample(name));
		text = close + 2;
	}
	(void)buf_puts(out, text);
	return true;
}

/* @form: before what is to be an URL. */
static void check_address(const struct reader *reader, const char *key,
                          const char *text, const char *form, uint16_t port)
{
	struct err err = { 0 };
	struct url url;
	struct buf out;

	if (!read_required(reader, key, text))
		return;
	buf_init(&out, SAMPLE_MAX);
	(void)buf_puts(&out, form);
	if (fill(reader, key, text, &out)) {
		struct slice filled = buf_slice(&out);
		const char *query = memchr(filled.p, '?', filled.n);

		/* what follows is sent as it is */
		if (query && port)
			filled.n = (size_t)(query - filled.p);
		if (out.failed)
			reader_problem(reader, key, "is too long");
		else if (url_parse(filled, port, &url, &err) < 0)
			reader_value(reader, key, text, "is not an address: %s",
			             err.message);
		else if (url.scheme == URL_UNIX)
			reader_value(reader, key, text,
			             "is not an address of a container");
	}
	if (out.failed == -ENOMEM)
		reader->problems->failed = -ENOMEM;
	buf_fini(&out);
}

/* What belongs to the other types. */
static void refuse(const struct reader *reader, const char *key,
                   enum probe_type type)
{
	struct place place = reader_place(reader, key);

	if (place_find(&place))
		reader_problem(reader, key,
		               "a probe of type %s has none; remove the key",
		               type_names[type]);
}

static void read_what(struct resolve *resolve, const struct reader *reader,
                      const struct raw_probe *raw, struct probe *probe)
{
	switch (probe->type) {
	case PROBE_HTTP:
		check_address(reader, "url", raw->url, "", HTTP_PORT);
		break;
	case PROBE_TCP:
		check_address(reader, "address", raw->address, "tcp://", 0);
		break;
	case PROBE_EXEC:
		probe->argv = resolve_command(resolve, reader, "command",
		                              raw->command, raw->n_command);
		break;
	case N_PROBE_TYPES:
	default:
		return;
	}
	if (probe->type != PROBE_HTTP)
		refuse(reader, "url", probe->type);
	if (probe->type != PROBE_TCP)
		refuse(reader, "address", probe->type);
	if (probe->type != PROBE_EXEC)
		refuse(reader, "command", probe->type);
	probe->url = resolve_text(resolve, raw->url);
	probe->address = resolve_text(resolve, raw->address);
}

const struct probe *resolve_probe(struct resolve *resolve,
                                  const struct reader *outer,
                                  const struct raw_probe *raw)
{
	struct place place = reader_place(outer, "probe");
	struct reader reader = { .problems = resolve->problems,
		                 .place = &place };
	unsigned type = PROBE_HTTP;
	struct probe *probe;

	if (!place_find(&place) || place_left_out(&place))
		return NULL;
	probe = arena_calloc(resolve->memory, 1, sizeof(*probe));
	if (!probe) {
		resolve->failed = -ENOMEM;
		return NULL;
	}
	probe->interval_ms = PROBE_INTERVAL_MS;
	probe->timeout_ms = PROBE_TIMEOUT_MS;
	probe->retries = PROBE_RETRIES;
	probe->start_interval_ms = PROBE_START_INTERVAL_MS;
	(void)read_duration(&reader, "interval", raw->interval, 1,
	                    &probe->interval_ms);
	(void)read_duration(&reader, "timeout", raw->timeout, 1,
	                    &probe->timeout_ms);
	(void)read_number(&reader, "retries", raw->retries, 1, RETRIES_MAX,
	                  &probe->retries);
	(void)read_duration(&reader, "start_period", raw->start_period, 0,
	                    &probe->start_period_ms);
	(void)read_duration(&reader, "start_interval", raw->start_interval, 1,
	                    &probe->start_interval_ms);
	if (!read_required(&reader, "type", raw->type) ||
	    !read_word(&reader, "type", raw->type, type_names, N_PROBE_TYPES,
	               &type))
		return probe;
	probe->type = (enum probe_type)type;
	read_what(resolve, &reader, raw, probe);
	return probe;
}
