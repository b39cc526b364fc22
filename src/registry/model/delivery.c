/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/model/delivery.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "base/json_writer.h"
#include "base/sha1.h"
#include "base/text.h"
#include "proto/alertmanager_write.h"
#include "proto/url.h"
#include "registry/model/sender.h"

#define MAX_WORDS   (64u << 10)
#define TITLE_MAX   256
#define VALUE_MAX   1024
#define SUMMARY_MAX 1024 /* of PagerDuty */
#define DETAIL_MAX  8192
#define LINKS_MAX   20
#define MAX_URL     8192

/* --- a part of a message -------------------------------------------------------- */

static bool has(const uint8_t *bits, size_t at)
{
	return !bits || bits[at / 8] & (1 << at % 8);
}

static int pick_alerts(const struct am_message *message,
                       const struct delivery_part *part, struct arena *arena,
                       struct am_message *out)
{
	struct am_alert *alerts =
		arena_calloc(arena, MAX(message->n_alerts, 1), sizeof(*alerts));

	if (!alerts)
		return -ENOMEM;
	out->n_alerts = 0;
	out->alerts = alerts;
	for (size_t i = 0; i < message->n_alerts; i++) {
		if (has(part->alerts, i))
			alerts[out->n_alerts++] = message->alerts[i];
	}
	if (out->n_alerts == message->n_alerts)
		return 0;
	out->firing = false;
	for (size_t i = 0; i < out->n_alerts; i++)
		out->firing |= alerts[i].firing;
	return 0;
}

static const struct am_labels *labels_of(const struct am_alert *alert,
                                         bool annotations)
{
	return annotations ? &alert->annotations : &alert->labels;
}

static bool labels_have(const struct am_labels *labels,
                        const struct label *label)
{
	for (size_t i = 0; i < labels->n; i++) {
		if (slice_equal(labels->items[i].name, label->name))
			return slice_equal(labels->items[i].value,
			                   label->value);
	}
	return false;
}

static bool all_have(const struct am_message *message,
                     const struct label *label, bool annotations)
{
	for (size_t i = 1; i < message->n_alerts; i++) {
		if (!labels_have(labels_of(&message->alerts[i], annotations),
		                 label))
			return false;
	}
	return true;
}

/* What the alerts that are left have in common. */
static int find_common(const struct am_message *message, bool annotations,
                       struct arena *arena, struct am_labels *out)
{
	const struct am_labels *first =
		labels_of(&message->alerts[0], annotations);
	struct label *items =
		arena_calloc(arena, MAX(first->n, 1), sizeof(*items));

	if (!items)
		return -ENOMEM;
	out->items = items;
	out->n = 0;
	for (size_t i = 0; i < first->n; i++) {
		if (all_have(message, &first->items[i], annotations))
			items[out->n++] = first->items[i];
	}
	return 0;
}

/* Replaces one of that name, or adds it where it belongs. */
static int add_annotation(struct arena *arena, struct am_labels *labels,
                          const char *name, struct slice value)
{
	struct label *items =
		arena_calloc(arena, labels->n + 1, sizeof(*items));
	struct label own = { slice_from(name), value };
	size_t n = 0;
	size_t i = 0;

	if (!items)
		return -ENOMEM;
	while (i < labels->n &&
	       slice_compare(labels->items[i].name, own.name) < 0)
		items[n++] = labels->items[i++];
	items[n++] = own;
	if (i < labels->n && slice_equal(labels->items[i].name, own.name))
		i++;
	while (i < labels->n)
		items[n++] = labels->items[i++];
	labels->items = items;
	labels->n = n;
	return 0;
}

static const char *put_url(struct arena *arena, const char *base,
                           const char *path, uint64_t id)
{
	struct slice trimmed = slice_from(base);
	const char *out = NULL;
	struct buf url;

	while (trimmed.n && trimmed.p[trimmed.n - 1] == '/')
		trimmed.n--;
	buf_init(&url, MAX_URL);
	(void)buf_printf(&url, SLICE_FMT "%s%llu", SLICE_ARG(trimmed), path,
	                 (unsigned long long)id);
	if (!url.failed)
		out = arena_copy(arena, buf_slice(&url));
	buf_fini(&url);
	return out;
}

static int annotate(const struct delivery_part *part, enum kind kind,
                    const char *name, const char *path, struct arena *arena,
                    struct am_message *message)
{
	struct slice label = am_label(&message->common_labels, name);
	const struct object *object;
	const char *text = arena_copy(arena, label);

	if (!text)
		return -ENOMEM;
	object = label.n ? model_find_name(part->model, kind, text) : NULL;
	if (!object)
		return 0;
	text = put_url(arena, part->external_url, path, object_id(object));
	return text ? add_annotation(arena, &message->common_annotations, name,
	                             slice_from(text))
	            : -ENOMEM;
}

static int add_links(const struct delivery_part *part, struct arena *arena,
                     struct am_message *message)
{
	const char *own;
	int r = annotate(part, KIND_SERVICE, "service", "/rest/v2/services/",
	                 arena, message);

	if (r == 0)
		r = annotate(part, KIND_PROJECT, "project",
		             "/rest/v2/projects/", arena, message);
	if (r < 0 || part->alert_id == 0)
		return r;
	own = put_url(arena, part->external_url, "/registry/alerts/",
	              part->alert_id);
	if (own)
		message->external_url = slice_from(own);
	return own ? 0 : -ENOMEM;
}

int delivery_message(const struct am_message *message,
                     const struct delivery_part *part, struct arena *arena,
                     struct am_message *out)
{
	int r;

	*out = *message;
	r = pick_alerts(message, part, arena, out);
	if (r == 0 && out->n_alerts < message->n_alerts && out->n_alerts > 0) {
		r = find_common(out, false, arena, &out->common_labels);
		if (r == 0)
			r = find_common(out, true, arena,
			                &out->common_annotations);
	}
	return r < 0 || !part->external_url[0] ? r
	                                       : add_links(part, arena, out);
}

/* --- words ------------------------------------------------------------------------ */

static void put_clean(struct buf *out, struct slice text, bool lines)
{
	text_append_clean(out, text_cut(text, VALUE_MAX), lines);
}

static const char *status(bool firing)
{
	return firing ? "firing" : "resolved";
}

void delivery_title(const struct am_message *message, struct buf *out)
{
	(void)buf_printf(out, "[%s]", status(message->firing));
	for (size_t i = 0; i < message->common_labels.n; i++) {
		(void)buf_putc(out, ' ');
		put_clean(out, message->common_labels.items[i].value, false);
	}
}

/* "summary" as "Summary: …". */
static void put_annotation(struct buf *out, const struct label *label)
{
	size_t at = out->n;

	put_clean(out, label->name, false);
	if (!out->failed && out->n > at)
		out->p[at] = (char)toupper((unsigned char)out->p[at]);
	(void)buf_puts(out, ": ");
	put_clean(out, label->value, true);
	(void)buf_putc(out, '\n');
}

static void put_own_labels(struct buf *out, const struct am_message *message,
                           const struct am_alert *alert)
{
	const char *before = "Labels: ";

	for (size_t i = 0; i < alert->labels.n; i++) {
		const struct label *label = &alert->labels.items[i];

		if (labels_have(&message->common_labels, label))
			continue;
		(void)buf_puts(out, before);
		put_clean(out, label->name, false);
		(void)buf_putc(out, '=');
		put_clean(out, label->value, false);
		before = ", ";
	}
	if (before[0] == ',')
		(void)buf_putc(out, '\n');
}

static void put_alert(struct buf *out, const struct am_message *message,
                      const struct am_alert *alert)
{
	(void)buf_putc(out, '\n');
	if (alert->firing != message->firing)
		(void)buf_printf(out, "[%s]\n", status(alert->firing));
	put_own_labels(out, message, alert);
	for (size_t i = 0; i < alert->annotations.n; i++) {
		const struct label *label = &alert->annotations.items[i];

		if (!labels_have(&message->common_annotations, label))
			put_annotation(out, label);
	}
	if (alert->generator_url.n == 0)
		return;
	(void)buf_puts(out, "Source: ");
	put_clean(out, alert->generator_url, false);
	(void)buf_putc(out, '\n');
}

void delivery_words(const struct am_message *message, struct buf *out)
{
	delivery_title(message, out);
	(void)buf_putc(out, '\n');
	if (!message->firing) /* one line says it */
		return;
	if (message->common_annotations.n > 0)
		(void)buf_putc(out, '\n');
	for (size_t i = 0; i < message->common_annotations.n; i++)
		put_annotation(out, &message->common_annotations.items[i]);
	for (size_t i = 0; i < message->n_alerts && out->n < MAX_WORDS / 2; i++)
		put_alert(out, message, &message->alerts[i]);
	if (message->n_truncated > 0)
		(void)buf_printf(out, "\nand %llu more\n",
		                 (unsigned long long)message->n_truncated);
}

/* Words that are cut are better than none. */
static void bounded_words(const struct am_message *message, struct buf *out)
{
	delivery_words(message, out);
	if (out->failed == -E2BIG)
		out->failed = 0;
}

/* --- PagerDuty ---------------------------------------------------------------------- */

static void write_text(struct json_writer *json, const char *key,
                       struct slice text)
{
	json_write_key(json, key);
	json_write_slice(json, text);
}

/* Promgen's: an incident that it opened is resolved by us. */
static void write_dedup_key(struct json_writer *json,
                            const struct am_message *message, struct buf *out)
{
	uint8_t digest[SHA1_SIZE];

	buf_reset(out);
	for (size_t i = 0; i < message->group_labels.n; i++) {
		const struct label *label = &message->group_labels.items[i];

		(void)buf_append(out, label->name.p, label->name.n);
		(void)buf_append(out, label->value.p, label->value.n);
	}
	if (out->failed == -ENOMEM)
		json->buf->failed = -ENOMEM;
	sha1(buf_slice(out), digest);
	buf_reset(out);
	(void)buf_puts(out, "Promgen/");
	for (size_t i = 0; i < sizeof(digest); i++)
		(void)buf_printf(out, "%02x", digest[i]);
	write_text(json, "dedup_key", buf_slice(out));
}

static const char *severity(const struct am_message *message)
{
	static const char *const words[][2] = {
		{ "critical", "critical" }, { "error", "error" },
		{ "major", "error" },       { "warning", "warning" },
		{ "minor", "warning" },     { "info", "info" },
		{ "debug", "info" },
	};
	struct slice label = am_label(&message->common_labels, "severity");

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (slice_is_nocase(label, words[i][0]))
			return words[i][1];
	}
	return "error";
}

static struct slice source_of(const struct am_message *message)
{
	static const char *const names[] = { "instance", "project", "service",
		                             "job" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct slice value =
			am_label(&message->common_labels, names[i]);

		if (value.n > 0)
			return value;
	}
	return slice_from("prometheus");
}

static void write_links(struct json_writer *json,
                        const struct am_message *message)
{
	json_write_key(json, "links");
	json_write_array(json);
	for (size_t i = 0; i < message->n_alerts && i < LINKS_MAX; i++) {
		const struct am_alert *alert = &message->alerts[i];

		if (!slice_starts(alert->generator_url, "http"))
			continue;
		json_write_object(json);
		write_text(json, "href", alert->generator_url);
		write_text(json, "text", am_label(&alert->labels, "alertname"));
		json_write_object_end(json);
	}
	json_write_array_end(json);
}

static void write_payload(struct json_writer *json,
                          const struct am_message *message, struct buf *out)
{
	json_write_key(json, "payload");
	json_write_object(json);
	buf_reset(out);
	delivery_title(message, out);
	if (out->failed == -ENOMEM)
		json->buf->failed = -ENOMEM;
	write_text(json, "summary", text_cut(buf_slice(out), SUMMARY_MAX));
	write_text(json, "source", source_of(message));
	json_write_key(json, "severity");
	json_write_string(json, severity(message));
	json_write_key(json, "custom_details");
	json_write_object(json);
	buf_reset(out);
	bounded_words(message, out);
	write_text(json, status(message->firing),
	           text_cut(buf_slice(out), DETAIL_MAX));
	json_write_object_end(json);
	json_write_object_end(json);
}

static void write_pagerduty(const struct am_message *message, struct slice key,
                            struct buf *out)
{
	struct json_writer json;
	struct buf words;

	buf_init(&words, MAX_WORDS);
	json_write_init(&json, out);
	json_write_object(&json);
	write_text(&json, "routing_key", key);
	write_text(&json, "client", slice_from("Bouncer"));
	if (slice_starts(message->external_url, "http"))
		write_text(&json, "client_url", message->external_url);
	write_text(&json, "event_action",
	           slice_from(message->firing ? "trigger" : "resolve"));
	write_dedup_key(&json, message, &words);
	write_links(&json, message);
	write_payload(&json, message, &words);
	json_write_object_end(&json);
	if (words.failed == -ENOMEM)
		out->failed = -ENOMEM;
	buf_fini(&words);
}

/* --- requests ------------------------------------------------------------------------- */

static void use_json(struct delivery_request *request)
{
	request->headers[0] =
		(struct webhook_header){ "Content-Type", "application/json" };
	request->n_headers = 1;
}

static void make_words(struct delivery_request *request,
                       enum webhook_preset preset,
                       const struct am_message *message)
{
	struct webhook_words words = {
		.weight = message->firing ? NOTICE_GAVE_UP : NOTICE_RECOVERED,
	};
	struct buf text;

	buf_init(&text, MAX_WORDS);
	bounded_words(message, &text);
	delivery_title(message, &request->title);
	if (request->title.failed == -E2BIG)
		request->title.failed = 0;
	else if (request->title.failed)
		request->body.failed = request->title.failed;
	words.title = buf_text(&request->title);
	words.text = buf_slice(&text);
	webhook_words_body(preset, &words, &request->body);
	request->n_headers =
		webhook_words_headers(preset, &words, request->headers);
	if (text.failed)
		request->body.failed = text.failed;
	buf_fini(&text);
}

/* A place without a path is meant as Alertmanager itself. */
static void put_alertmanager_url(struct buf *out, struct slice value)
{
	struct slice target = slice_from("/");
	struct url url;

	(void)buf_append(out, value.p, value.n);
	if (url_parse_target(value, &url, &target, NULL) < 0 ||
	    !slice_is(target, "/"))
		return;
	if (value.p[value.n - 1] != '/')
		(void)buf_putc(out, '/');
	(void)buf_puts(out, "api/v2/alerts");
}

static int make_pagerduty(struct delivery_request *request, struct slice value,
                          const struct am_message *message, struct err *err)
{
	struct slice url;
	struct slice key;
	int r = sender_pagerduty(value, &url, &key, err);

	if (r < 0)
		return r;
	(void)buf_append(&request->url, url.p, url.n);
	write_pagerduty(message, key, &request->body);
	return 0;
}

static int make(struct delivery_request *request, enum sender sender,
                enum webhook_preset preset, struct slice value,
                const struct am_message *message, struct err *err)
{
	use_json(request);
	if (sender == SENDER_PAGERDUTY)
		return make_pagerduty(request, value, message, err);
	if (sender == SENDER_ALERTMANAGER) {
		put_alertmanager_url(&request->url, value);
		am_write_alerts(message, &request->body);
		return 0;
	}
	(void)buf_append(&request->url, value.p, value.n);
	if (sender == SENDER_WEBHOOK)
		am_write_webhook(message, &request->body);
	else
		make_words(request, preset, message);
	return 0;
}

int delivery_request_make(struct delivery_request *request, const char *sender,
                          const char *value, const struct am_message *message,
                          struct err *err)
{
	enum webhook_preset preset;
	enum sender driver;
	int r;

	*request = (struct delivery_request){ 0 };
	buf_init(&request->url, MAX_URL);
	buf_init(&request->body, DELIVERY_MAX_BODY);
	buf_init(&request->title, TITLE_MAX);
	r = sender_check(sender, value, err);
	if (r == 0)
		r = sender_find(slice_from(sender), &driver, &preset, err);
	if (r == 0)
		r = make(request, driver, preset, slice_from(value), message,
		         err);
	if (r == 0 && (request->url.failed || request->body.failed))
		r = err_set(err,
		            request->url.failed ? request->url.failed
		                                : request->body.failed,
		            "the message is too long, or memory is out");
	return r;
}

void delivery_request_fini(struct delivery_request *request)
{
	buf_fini(&request->url);
	buf_fini(&request->body);
	buf_fini(&request->title);
}
