/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that tell somebody something: of notifications and of steps. */
#include "config/resolve.h"

#include <errno.h>
#include "base/text.h"
#include "core/template.h"

#define TRIES_MAX 100

static const char *const methods[] = { "POST", "PUT", "PATCH", "GET" };

static bool check_template(const struct reader *reader, const char *key,
                           const char *text, enum template_kind kind,
                           unsigned facts)
{
	struct err err = { 0 };
	int r = template_check_for(slice_from(text), kind, facts, &err);

	if (r == -ENOMEM)
		reader->problems->failed = -ENOMEM;
	else if (r < 0)
		reader_problem(reader, key, "%s", err.message);
	return r == 0;
}

/* An address may hold a password or a token: it is not repeated. */
static void read_url(struct resolve *resolve, const struct reader *reader,
                     const char *text, unsigned facts, struct webhook *webhook)
{
	if (!read_required(reader, "url", text))
		return;
	webhook->url = resolve_text(resolve, text);
	if (check_template(reader, "url", text, TEMPLATE_URL, facts))
		(void)read_tls(reader, "url", text);
}

static void read_preset(const struct reader *reader, const char *text,
                        struct webhook *webhook)
{
	const char *names[N_WEBHOOK_PRESETS];
	unsigned preset = WEBHOOK_JSON;

	for (unsigned i = 0; i < N_WEBHOOK_PRESETS; i++)
		names[i] = webhook_preset_name((enum webhook_preset)i);
	(void)read_word(reader, "preset", text, names, ARRAY_SIZE(names),
	                &preset);
	webhook->preset = (enum webhook_preset)preset;
}

/* RFC 9110, 5.6.2 */
bool resolve_is_header(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++) {
		if (!((*text >= 'a' && *text <= 'z') ||
		      (*text >= 'A' && *text <= 'Z') ||
		      (*text >= '0' && *text <= '9') ||
		      strchr("!#$%&'*+-.^_`|~", *text)))
			return false;
	}
	return true;
}

bool resolve_header_name(const struct reader *reader, const char *name)
{
	if (resolve_is_header(name))
		return true;
	reader_problem(reader, name, "is not the name of a header");
	return false;
}

static bool check_header(const struct reader *reader, const char *name,
                         const char *value)
{
	(void)value;
	return resolve_header_name(reader, name);
}

static void check_values(const struct reader *reader,
                         const struct config_label *pairs, size_t n,
                         unsigned facts)
{
	for (size_t i = 0; i < n; i++) {
		if (!text_is_printable(slice_from(pairs[i].value)))
			reader_problem(reader, pairs[i].name,
			               "contains control characters");
		else
			(void)check_template(reader, pairs[i].name,
			                     pairs[i].value, TEMPLATE_LINE,
			                     facts);
	}
}

static void read_headers(struct resolve *resolve, const struct reader *reader,
                         unsigned facts, struct webhook *webhook)
{
	struct place place = reader_place(reader, "headers");
	struct reader section = { .problems = reader->problems,
		                  .place = &place };
	struct config_label pairs[CONFIG_MAX_LABELS];
	struct webhook_header *headers;
	uint8_t n = 0;

	_Static_assert(CONFIG_MAX_LABELS <= WEBHOOK_HEADERS, "pairs are kept");
	if (!place_find(&place))
		return;
	resolve_pairs(resolve, &place, "{X-Title: Bouncer}", check_header,
	              pairs, &n);
	if (n == 0 || resolve->failed)
		return;
	check_values(&section, pairs, n, facts);
	headers = arena_calloc(resolve->memory, n, sizeof(*headers));
	if (!headers) {
		resolve->failed = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < n; i++)
		headers[i] = (struct webhook_header){ pairs[i].name,
			                              pairs[i].value };
	webhook->headers = headers;
	webhook->n_headers = n;
}

void resolve_webhook(struct resolve *resolve, const struct reader *reader,
                     const struct raw_webhook *raw, unsigned facts,
                     struct webhook *webhook)
{
	unsigned method = 0;

	read_url(resolve, reader, raw->url, facts, webhook);
	read_preset(reader, raw->preset, webhook);
	(void)read_word(reader, "method", raw->method, methods,
	                ARRAY_SIZE(methods), &method);
	webhook->method = methods[method];
	read_headers(resolve, reader, facts, webhook);
	if (raw->body)
		(void)check_template(reader, "body", raw->body,
		                     webhook_body_kind(webhook), facts);
	webhook->body = resolve_text(resolve, raw->body);
	webhook->token_file =
		resolve_file(resolve, reader, "token_file", raw->token_file);
	webhook->ca_file = raw->ca_file ? resolve_file(resolve, reader,
	                                               "ca_file", raw->ca_file)
	                                : resolve->global.tls_ca;
	(void)read_duration(reader, "timeout", raw->timeout, 1,
	                    &webhook->timeout_ms);
	(void)read_number(reader, "max_tries", raw->max_tries, 1, TRIES_MAX,
	                  &webhook->max_tries);
}
