/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the receivers want:
 *   Slack         https://api.slack.com/messaging/webhooks; & < > are escaped
 *                 in text, or output could call everybody
 *   Mattermost    https://developers.mattermost.com/integrate/webhooks/incoming
 *   Discord       https://discord.com/developers/docs/resources/webhook
 *                 #execute-webhook; content of at most 2000 characters
 *   ntfy          https://docs.ntfy.sh/publish/; a message of at most 4096
 *                 bytes, more becomes an attachment
 *   Gotify        https://gotify.net/api-docs#/message/createMessage
 *   Apprise       https://github.com/caronc/apprise-api, /notify/{KEY}
 *   Alertmanager  https://prometheus.io/docs/alerting/latest/alerts_api/
 */
#include "core/webhook.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include "base/duration.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "core/template.h"
#include "proto/timestamp.h"

#define MAX_FACT         1024 /* bytes of one, but of the output */
#define CHAT_MAX_OUTPUT  1200 /* bytes of a check's output in a chat */
#define NTFY_MAX_TEXT    4000 /* bytes of its message */
#define DISCORD_MAX_TEXT 1900 /* likewise */
#define TEXT_ROOM        16384
#define MAX_OWN_LABELS   64   /* of an alert that we send */
#define MAX_LABELS       8192 /* bytes of names and values */
#define TEXT_MAX_READING 1024 /* bytes of labels and value in a text, … */
#define CHAT_MAX_READING 150  /* … and in a chat */

/* Alertmanager forgets a firing alert that nobody repeats; nobody does. */
#define ALERT_BOUNCED_MS 3600000   /* beyond the next try */
#define ALERT_GAVE_UP_MS 604800000 /* a week */
#define ALERT_TEST_MS    300000
/* An end lies so far back that clocks need not agree. */
#define ALERT_SKEW_MS 60000

/* How much an event matters to whom. */
struct weight {
	const char *apprise;
	const char *severity; /* of an alert */
	const char *ntfy_tag; /* a name of an emoji */
	uint8_t ntfy;         /* 1 to 5 */
	uint8_t gotify;       /* 0 to 10 */
};

static const struct weight weights[N_NOTICE_EVENTS] = {
	[NOTICE_BOUNCED] = { "warning", "warning", "repeat", 3, 5 },
	[NOTICE_RECOVERED] = { "success", "info", "white_check_mark", 3, 4 },
	[NOTICE_GAVE_UP] = { "failure", "critical", "rotating_light", 5, 8 },
	[NOTICE_STORM] = { "warning", "critical", "zap", 4, 7 },
	[NOTICE_TEST] = { "info", "info", "bell", 3, 4 },
	[NOTICE_STEP] = { "warning", "warning", "warning", 3, 5 },
};

static const char *const preset_names[N_WEBHOOK_PRESETS] = {
	[WEBHOOK_JSON] = "json",
	[WEBHOOK_SLACK] = "slack",
	[WEBHOOK_MATTERMOST] = "mattermost",
	[WEBHOOK_DISCORD] = "discord",
	[WEBHOOK_NTFY] = "ntfy",
	[WEBHOOK_GOTIFY] = "gotify",
	[WEBHOOK_APPRISE] = "apprise",
	[WEBHOOK_ALERTMANAGER] = "alertmanager",
};

const char *webhook_preset_name(enum webhook_preset preset)
{
	return preset_names[preset];
}

/* --- JSON ------------------------------------------------------------------- */

static void write_text(struct json_writer *json, const char *key,
                       const char *text)
{
	json_write_key(json, key);
	json_write_slice(json, text_cut(slice_from(text), MAX_FACT));
}

static void write_output(struct json_writer *json, const struct notice *notice)
{
	json_write_key(json, "output");
	json_write_slice(
		json, text_cut(slice_from(notice->output), TEMPLATE_MAX_VALUE));
}

static void write_number(struct json_writer *json, const char *key,
                         uint64_t value)
{
	json_write_key(json, key);
	json_write_u64(json, value);
}

static void write_words(struct json_writer *json, const char *title_key,
                        const char *words_key, const struct notice *notice)
{
	char words[NOTICE_WORDS_MAX];
	char title[NOTICE_TITLE_MAX];

	notice_title(notice, title);
	notice_words(notice, words);
	write_text(json, title_key, title);
	write_text(json, words_key, words);
}

static void write_facts(struct json_writer *json, const struct notice *notice)
{
	write_text(json, "monitor", notice->monitor);
	write_text(json, "rule", notice->rule);
	write_text(json, "container", notice->container);
	write_text(json, "image", notice->image);
	write_text(json, "runtime", notice->runtime);
	write_text(json, "host", notice->host);
	write_text(json, "reason", notice->reason);
	write_text(json, "step", notice->step);
	write_text(json, "result", notice->result);
	write_text(json, "detail", notice->detail);
	write_output(json, notice);
}

/* --- of a series, or an alert -------------------------------------------------- */

/* Where it says so. */
static void write_given(struct json_writer *json, const char *key,
                        const char *text)
{
	if (text && text[0])
		write_text(json, key, text);
}

static void write_reading(struct json_writer *json, const struct notice *notice)
{
	write_given(json, "value", notice->value);
	write_given(json, "threshold", notice->threshold);
	write_given(json, "level", notice->level);
	write_given(json, "status", notice->status);
	write_given(json, "starts_at", notice->starts_at);
	write_given(json, "generator_url", notice->generator_url);
}

static void write_label(struct json_writer *json, const struct label *label)
{
	json_key_slice(json, label->name);
	json_write_slice(json, text_cut(label->value, MAX_FACT));
}

/* As many as there is room for; a label that is left out is no error. */
static void write_label_set(struct json_writer *json, const char *key,
                            const struct label *labels, size_t n)
{
	size_t room = MAX_LABELS;

	if (n == 0)
		return;
	json_write_key(json, key);
	json_write_object(json);
	for (size_t i = 0; i < n; i++) {
		size_t size =
			labels[i].name.n + MIN(labels[i].value.n, MAX_FACT);

		if (size > room)
			continue;
		room -= size;
		write_label(json, &labels[i]);
	}
	json_write_object_end(json);
}

static bool has_reading(const struct notice *notice)
{
	return notice->n_labels > 0 || (notice->value && notice->value[0]) ||
	       (notice->threshold && notice->threshold[0]);
}

/* In words: "value 104.5, limit >100, hard; instance=web-1 job=node". */
static void reading_words(const struct notice *notice, size_t max,
                          struct buf *out)
{
	struct buf words;
	struct slice cut;

	buf_init(&words, 2 * MAX_LABELS);
	if (notice->value && notice->value[0])
		(void)buf_printf(&words, "value %s", notice->value);
	if (notice->threshold && notice->threshold[0])
		(void)buf_printf(&words, "%slimit %s", words.n ? ", " : "",
		                 notice->threshold);
	if (notice->level && notice->level[0])
		(void)buf_printf(&words, "%s%s", words.n ? ", " : "",
		                 notice->level);
	for (size_t i = 0; i < notice->n_labels && words.n < max; i++)
		(void)buf_printf(
			&words, "%s" SLICE_FMT "=" SLICE_FMT,
			i         ? " "
			: words.n ? "; "
				  : "",
			SLICE_ARG(notice->labels[i].name),
			SLICE_ARG(text_cut(notice->labels[i].value, max)));
	cut = text_cut(buf_slice(&words), max);
	text_append_clean(out, cut, false);
	if (words.failed == -ENOMEM)
		out->failed = -ENOMEM;
	buf_fini(&words);
}

static void body_json(const struct notice *notice, struct buf *out)
{
	char time[TIMESTAMP_TEXT_MAX];
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	write_text(&json, "event", notice_event_name(notice->event));
	write_words(&json, "title", "message", notice);
	write_facts(&json, notice);
	json_write_key(&json, "exit_code");
	if (notice->exit_code < 0)
		json_write_null(&json);
	else
		json_write_i64(&json, notice->exit_code);
	json_write_key(&json, "age_seconds");
	json_write_seconds(&json, notice->age_ms);
	write_number(&json, "attempt", notice->attempt);
	write_number(&json, "max_attempts", notice->max_attempts);
	json_write_key(&json, "next_seconds");
	if (notice->next_ms == 0)
		json_write_null(&json);
	else
		json_write_seconds(&json, notice->next_ms);
	write_number(&json, "held", notice->n_held);
	write_reading(&json, notice);
	write_label_set(&json, "labels", notice->labels, notice->n_labels);
	write_label_set(&json, "annotations", notice->annotations,
	                notice->n_annotations);
	write_text(&json, "time", timestamp_format(notice->wall_ms, time));
	json_write_object_end(&json);
}

/* --- text ------------------------------------------------------------------- */

static struct slice trimmed_output(const struct notice *notice)
{
	struct slice output = slice_from(notice->output);

	while (output.n && strchr("\r\n \t", output.p[output.n - 1]))
		output.n--;
	return output;
}

/* The words, the output below them, and what it ended with. */
static void plain_text(const struct notice *notice, struct buf *out)
{
	struct slice output = trimmed_output(notice);
	char words[NOTICE_WORDS_MAX];

	notice_words(notice, words);
	(void)buf_puts(out, words);
	if (notice->exit_code >= 0)
		(void)buf_printf(out, "\nexit code %" PRId64,
		                 notice->exit_code);
	if (has_reading(notice)) {
		(void)buf_putc(out, '\n');
		reading_words(notice, TEXT_MAX_READING, out);
	}
	if (output.n == 0)
		return;
	(void)buf_putc(out, '\n');
	text_append_clean(out, text_cut(output, TEMPLATE_MAX_VALUE), true);
}

/* Inside of a block of code, which it cannot end. */
static void append_code(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.n;) {
		size_t n = 0;

		while (i + n < text.n && text.p[i + n] != '`')
			n++;
		text_append_clean(out, slice_make(text.p + i, n), true);
		i += n;
		if (i < text.n) {
			(void)buf_putc(out, '\'');
			i++;
		}
	}
}

static void chat_reading(const struct notice *notice, struct buf *out)
{
	struct buf words;

	buf_init(&words, 4 * CHAT_MAX_READING);
	reading_words(notice, CHAT_MAX_READING, &words);
	append_code(buf_slice(&words), out);
	if (words.failed == -ENOMEM)
		out->failed = -ENOMEM;
	buf_fini(&words);
}

/* As Slack, Mattermost and Discord show it: a title in bold, and the output as
 * code, which cannot end it. */
static void chat_text(const struct notice *notice, const char *bold,
                      struct buf *out)
{
	struct slice output = text_cut(trimmed_output(notice), CHAT_MAX_OUTPUT);
	char words[NOTICE_WORDS_MAX];

	notice_words(notice, words);
	if (notice->host[0]) {
		(void)buf_puts(out, bold);
		text_append_clean(out, text_cut(slice_from(notice->host), 64),
		                  false);
		(void)buf_printf(out, "%s ", bold);
	}
	(void)buf_puts(out, words);
	if (notice->exit_code >= 0)
		(void)buf_printf(out, " (exit code %" PRId64 ")",
		                 notice->exit_code);
	if (output.n == 0 && !has_reading(notice))
		return;
	(void)buf_puts(out, "\n```\n");
	if (has_reading(notice))
		chat_reading(notice, out);
	if (output.n && has_reading(notice))
		(void)buf_putc(out, '\n');
	append_code(output, out);
	(void)buf_puts(out, "\n```");
}

/* The three characters that mean something to Slack. */
static void slack_escape(struct buf *out, struct slice text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '&')
			(void)buf_puts(out, "&amp;");
		else if (c == '<')
			(void)buf_puts(out, "&lt;");
		else if (c == '>')
			(void)buf_puts(out, "&gt;");
		else
			(void)buf_putc(out, c);
	}
}

static void say_slack(struct slice text, struct buf *out)
{
	struct json_writer json;
	struct buf escaped;

	buf_init(&escaped, 5 * TEXT_ROOM);
	slack_escape(&escaped, text);
	json_write_init(&json, out);
	json_write_object(&json);
	json_write_key(&json, "text");
	json_write_slice(&json, buf_slice(&escaped));
	json_write_object_end(&json);
	if (escaped.failed)
		out->failed = -ENOMEM;
	buf_fini(&escaped);
}

static void body_slack(const struct notice *notice, struct buf *out)
{
	struct buf text;

	buf_init(&text, TEXT_ROOM);
	chat_text(notice, "*", &text);
	say_slack(buf_slice(&text), out);
	if (text.failed)
		out->failed = -ENOMEM;
	buf_fini(&text);
}

/* Mattermost's "text", or Discord's "content", in which nobody is called. */
static void say_markdown(struct slice text, bool discord, struct buf *out)
{
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	json_write_key(&json, discord ? "content" : "text");
	json_write_slice(&json, text);
	if (discord) {
		json_write_key(&json, "allowed_mentions");
		json_write_object(&json);
		json_write_key(&json, "parse");
		json_write_array(&json);
		json_write_array_end(&json);
		json_write_object_end(&json);
	}
	json_write_object_end(&json);
}

static void body_markdown(const struct notice *notice, bool discord,
                          struct buf *out)
{
	struct buf text;

	buf_init(&text, TEXT_ROOM);
	chat_text(notice, "**", &text);
	say_markdown(buf_slice(&text), discord, out);
	if (text.failed)
		out->failed = text.failed;
	buf_fini(&text);
}

static void body_ntfy(const struct notice *notice, struct buf *out)
{
	struct slice cut;
	struct buf text;

	buf_init(&text, TEXT_ROOM);
	plain_text(notice, &text);
	cut = text_cut(buf_slice(&text), NTFY_MAX_TEXT);
	(void)buf_append(out, cut.p, cut.n);
	if (text.failed)
		out->failed = text.failed;
	buf_fini(&text);
}

/* Gotify and Apprise: a title, a text, and how much it matters. */
static void say_titled(const struct webhook_words *words, bool gotify,
                       struct buf *out)
{
	const struct weight *weight = &weights[words->weight];
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	write_text(&json, "title", words->title);
	json_write_key(&json, gotify ? "message" : "body");
	json_write_slice(&json, words->text);
	if (gotify) {
		write_number(&json, "priority", weight->gotify);
	} else {
		write_text(&json, "type", weight->apprise);
		write_text(&json, "format", "text");
	}
	json_write_object_end(&json);
}

static void body_titled(const struct notice *notice, bool gotify,
                        struct buf *out)
{
	char title[NOTICE_TITLE_MAX];
	struct webhook_words words = { .title = title,
		                       .weight = notice->event };
	struct buf text;

	buf_init(&text, TEXT_ROOM);
	plain_text(notice, &text);
	notice_title(notice, title);
	words.text = buf_slice(&text);
	say_titled(&words, gotify, out);
	if (text.failed)
		out->failed = text.failed;
	buf_fini(&text);
}

/* --- Alertmanager ------------------------------------------------------------ */

static void write_said(struct json_writer *json, const char *key,
                       const char *text)
{
	if (text[0])
		write_text(json, key, text);
}

/* One that Alertmanager takes, and that is none of ours. */
static bool is_free_name(struct slice name)
{
	static const char *const ours[] = { "alertname", "severity",
		                            "instance",  "monitor",
		                            "rule",      "container",
		                            "runtime" };

	for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
		if (slice_is(name, ours[i]))
			return false;
	}
	for (size_t i = 0; i < name.n; i++) {
		if (!isalpha((unsigned char)name.p[i]) && name.p[i] != '_' &&
		    (i == 0 || !isdigit((unsigned char)name.p[i])))
			return false;
	}
	return name.n > 0 && name.n < MAX_FACT;
}

/* Those of a series or an alert that is a member of its rule: they are what it
 * is. Of a monitor of any series they may be others the next time. */
static void write_own_labels(struct json_writer *json,
                             const struct notice *notice)
{
	for (size_t i = 0; i < notice->n_labels && i < MAX_OWN_LABELS; i++) {
		if (is_free_name(notice->labels[i].name))
			write_label(json, &notice->labels[i]);
	}
}

/* What makes it the same alert next time: nothing that may change. */
static void write_labels(struct json_writer *json, const char *name,
                         const char *severity, const struct notice *notice)
{
	json_write_key(json, "labels");
	json_write_object(json);
	write_text(json, "alertname", name);
	write_text(json, "severity", severity);
	write_said(json, "instance", notice->host);
	if (notice->event != NOTICE_STORM) {
		write_said(json, "monitor", notice->monitor);
		write_said(json, "rule", notice->rule);
		write_said(json, "container", notice->container);
	}
	write_said(json, "runtime", notice->runtime);
	if (notice->event != NOTICE_STORM &&
	    strcmp(notice->monitor, notice->rule) != 0)
		write_own_labels(json, notice);
	json_write_object_end(json);
}

static void write_annotations(struct json_writer *json,
                              const struct notice *notice)
{
	json_write_key(json, "annotations");
	json_write_object(json);
	write_words(json, "summary", "description", notice);
	write_said(json, "image", notice->image);
	write_said(json, "step", notice->step);
	write_said(json, "result", notice->result);
	write_said(json, "detail", notice->detail);
	if (notice->output[0])
		write_output(json, notice);
	write_reading(json, notice);
	json_write_object_end(json);
}

static void write_time(struct json_writer *json, const char *key, int64_t ms)
{
	char time[TIMESTAMP_TEXT_MAX];

	write_text(json, key, timestamp_format(ms, time));
}

static int64_t alert_lasts_ms(const struct notice *notice)
{
	if (notice->event == NOTICE_GAVE_UP)
		return ALERT_GAVE_UP_MS;
	if (notice->event == NOTICE_TEST)
		return ALERT_TEST_MS;
	return ALERT_BOUNCED_MS +
	       (int64_t)MIN(notice->next_ms, ALERT_GAVE_UP_MS);
}

/* Where it is over, the end alone is said: Alertmanager then takes the same
 * for the begin, and has no older end to prefer. */
static void write_alert(struct json_writer *json, const char *name,
                        const char *severity, bool firing,
                        const struct notice *notice)
{
	int64_t wall_ms = notice->wall_ms;

	json_write_object(json);
	write_labels(json, name, severity, notice);
	write_annotations(json, notice);
	if (firing) {
		write_time(json, "startsAt", wall_ms);
		write_time(json, "endsAt", wall_ms + alert_lasts_ms(notice));
	} else {
		write_time(json, "endsAt", wall_ms - ALERT_SKEW_MS);
	}
	json_write_object_end(json);
}

static void body_alertmanager(const struct notice *notice, struct buf *out)
{
	static const char *const names[N_NOTICE_EVENTS] = {
		[NOTICE_BOUNCED] = "BouncerBounced",
		[NOTICE_GAVE_UP] = "BouncerGaveUp",
		[NOTICE_STORM] = "BouncerStorm",
		[NOTICE_TEST] = "BouncerTest",
		[NOTICE_STEP] = "BouncerBounced",
	};
	struct json_writer json;

	json_write_init(&json, out);
	json_write_array(&json);
	if (notice->event == NOTICE_RECOVERED) {
		write_alert(&json, names[NOTICE_BOUNCED],
		            weights[NOTICE_BOUNCED].severity, false, notice);
		write_alert(&json, names[NOTICE_GAVE_UP],
		            weights[NOTICE_GAVE_UP].severity, false, notice);
	} else {
		write_alert(&json, names[notice->event],
		            weights[notice->event].severity, true, notice);
	}
	json_write_array_end(&json);
}

/* --- the whole ---------------------------------------------------------------- */

/* What the configuration says that it sends, or NULL. */
static const char *content_type(const struct webhook *webhook)
{
	for (size_t i = 0; i < webhook->n_headers; i++)
		if (strcasecmp(webhook->headers[i].name, "Content-Type") == 0)
			return webhook->headers[i].value;
	return NULL;
}

enum template_kind webhook_body_kind(const struct webhook *webhook)
{
	const char *type = content_type(webhook);
	bool text = type ? !strcasestr(type, "json")
	                 : webhook->preset == WEBHOOK_NTFY;

	return text ? TEMPLATE_PLAIN : TEMPLATE_JSON;
}

void webhook_body(const struct webhook *webhook, const struct notice *notice,
                  struct buf *out)
{
	if (webhook->body) {
		template_render(slice_from(webhook->body),
		                webhook_body_kind(webhook), notice, out);
		return;
	}
	switch (webhook->preset) {
	case WEBHOOK_JSON:
	case N_WEBHOOK_PRESETS:
		body_json(notice, out);
		return;
	case WEBHOOK_SLACK:
		body_slack(notice, out);
		return;
	case WEBHOOK_MATTERMOST:
		body_markdown(notice, false, out);
		return;
	case WEBHOOK_DISCORD:
		body_markdown(notice, true, out);
		return;
	case WEBHOOK_NTFY:
		body_ntfy(notice, out);
		return;
	case WEBHOOK_GOTIFY:
		body_titled(notice, true, out);
		return;
	case WEBHOOK_APPRISE:
		body_titled(notice, false, out);
		return;
	case WEBHOOK_ALERTMANAGER:
		body_alertmanager(notice, out);
		return;
	}
}

/* --- words of others ------------------------------------------------------------ */

void webhook_words_body(enum webhook_preset preset,
                        const struct webhook_words *words, struct buf *out)
{
	struct webhook_words cut = *words;

	cut.text =
		text_cut(cut.text, preset == WEBHOOK_DISCORD ? DISCORD_MAX_TEXT
	                           : preset == WEBHOOK_NTFY  ? NTFY_MAX_TEXT
	                                                     : TEXT_ROOM);
	if (preset == WEBHOOK_SLACK)
		say_slack(cut.text, out);
	else if (preset == WEBHOOK_MATTERMOST || preset == WEBHOOK_DISCORD)
		say_markdown(cut.text, preset == WEBHOOK_DISCORD, out);
	else if (preset == WEBHOOK_NTFY)
		(void)buf_append(out, cut.text.p, cut.text.n);
	else
		say_titled(&cut, preset == WEBHOOK_GOTIFY, out);
}

size_t webhook_words_headers(enum webhook_preset preset,
                             const struct webhook_words *words,
                             struct webhook_header *headers)
{
	static const char *const priorities[] = {
		"0", "1", "2", "3", "4", "5"
	};
	const struct weight *weight = &weights[words->weight];
	size_t n = 0;

	headers[n++] = (struct webhook_header){
		"Content-Type",
		preset == WEBHOOK_NTFY ? "text/plain; charset=utf-8"
				       : "application/json",
	};
	if (preset != WEBHOOK_NTFY)
		return n;
	headers[n++] = (struct webhook_header){ "Title", words->title };
	headers[n++] =
		(struct webhook_header){ "Priority", priorities[weight->ntfy] };
	headers[n++] = (struct webhook_header){ "Tags", weight->ntfy_tag };
	return n;
}

/* --- headers ------------------------------------------------------------------ */

struct header_writer {
	const struct notice *notice;
	struct buf *text;
	struct webhook_header *headers;
	size_t offsets[WEBHOOK_HEADERS_ALL]; /* of values: the text may move */
	size_t n;
};

/* Replaces one of that name. */
static void put_header(struct header_writer *writer, const char *name,
                       const char *value)
{
	size_t i = 0;

	while (i < writer->n && strcasecmp(writer->headers[i].name, name) != 0)
		i++;
	if (i == WEBHOOK_HEADERS_ALL)
		return;
	writer->n = MAX(writer->n, i + 1);
	writer->headers[i].name = name;
	writer->offsets[i] = writer->text->n;
	template_render(slice_from(value), TEMPLATE_LINE, writer->notice,
	                writer->text);
	(void)buf_putc(writer->text, '\0');
}

static void put_ntfy(struct header_writer *writer)
{
	const struct weight *weight = &weights[writer->notice->event];
	char priority[2] = { (char)('0' + weight->ntfy), '\0' };

	put_header(writer, "Title", "{{ title }}");
	put_header(writer, "Priority", priority);
	put_header(writer, "Tags", weight->ntfy_tag);
}

size_t webhook_headers(const struct webhook *webhook,
                       const struct notice *notice, struct buf *text,
                       struct webhook_header *headers)
{
	struct header_writer writer = { .notice = notice,
		                        .text = text,
		                        .headers = headers };

	put_header(&writer, "Content-Type",
	           webhook_body_kind(webhook) == TEMPLATE_JSON
	                   ? "application/json"
	                   : "text/plain; charset=utf-8");
	if (webhook->preset == WEBHOOK_NTFY)
		put_ntfy(&writer);
	for (size_t i = 0; i < webhook->n_headers; i++)
		put_header(&writer, webhook->headers[i].name,
		           webhook->headers[i].value);
	for (size_t i = 0; i < writer.n; i++)
		headers[i].value = buf_text(text) + writer.offsets[i];
	return writer.n;
}
