/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/alertmanager_write.h"

#include "base/json_writer.h"
#include "proto/timestamp.h"

/* What Go writes for a time that is not set. */
#define NO_TIME "0001-01-01T00:00:00Z"

static void write_text(struct json_writer *json, const char *key,
                       struct slice text)
{
	json_write_key(json, key);
	json_write_slice(json, text);
}

static void write_labels(struct json_writer *json, const char *key,
                         const struct am_labels *labels)
{
	labels_write_json(json, key, labels->items, labels->n);
}

static void write_time(struct json_writer *json, const char *key, int64_t ms)
{
	char time[TIMESTAMP_TEXT_MAX];

	json_write_key(json, key);
	json_write_string(json, ms == AM_NEVER ? NO_TIME
	                                       : timestamp_format(ms, time));
}

static const char *status(bool firing)
{
	return firing ? "firing" : "resolved";
}

static void write_alert(struct json_writer *json, const struct am_alert *alert)
{
	json_write_object(json);
	write_text(json, "status", slice_from(status(alert->firing)));
	write_labels(json, "labels", &alert->labels);
	write_labels(json, "annotations", &alert->annotations);
	write_time(json, "startsAt", alert->starts_ms);
	write_time(json, "endsAt", alert->ends_ms);
	write_text(json, "generatorURL", alert->generator_url);
	if (!alert->fingerprint_made)
		write_text(json, "fingerprint", alert->fingerprint);
	json_write_object_end(json);
}

void am_write_webhook(const struct am_message *message, struct buf *out)
{
	struct json_writer json;

	json_write_init(&json, out);
	json_write_object(&json);
	write_text(&json, "receiver", message->receiver);
	write_text(&json, "status", slice_from(status(message->firing)));
	json_write_key(&json, "alerts");
	json_write_array(&json);
	for (size_t i = 0; i < message->n_alerts; i++)
		write_alert(&json, &message->alerts[i]);
	json_write_array_end(&json);
	write_labels(&json, "groupLabels", &message->group_labels);
	write_labels(&json, "commonLabels", &message->common_labels);
	write_labels(&json, "commonAnnotations", &message->common_annotations);
	write_text(&json, "externalURL", message->external_url);
	write_text(&json, "version", slice_from("4"));
	write_text(&json, "groupKey", message->group_key);
	json_write_key(&json, "truncatedAlerts");
	json_write_u64(&json, message->n_truncated);
	json_write_object_end(&json);
}

/* One that fires has no end: Alertmanager then gives it its own. */
static void write_api_alert(struct json_writer *json,
                            const struct am_alert *alert)
{
	json_write_object(json);
	if (alert->starts_ms != AM_NEVER)
		write_time(json, "startsAt", alert->starts_ms);
	if (!alert->firing && alert->ends_ms != AM_NEVER)
		write_time(json, "endsAt", alert->ends_ms);
	write_labels(json, "annotations", &alert->annotations);
	write_labels(json, "labels", &alert->labels);
	write_text(json, "generatorURL", alert->generator_url);
	json_write_object_end(json);
}

void am_write_alerts(const struct am_message *message, struct buf *out)
{
	struct json_writer json;

	json_write_init(&json, out);
	json_write_array(&json);
	for (size_t i = 0; i < message->n_alerts; i++)
		write_api_alert(&json, &message->alerts[i]);
	json_write_array_end(&json);
}
