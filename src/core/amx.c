/* SPDX-License-Identifier: Apache-2.0 */
#include "core/amx.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_MAX 48 /* "AMX_ALERT_10000_ANNOTATION_" */

/* A variable's text ends at a NUL; there is none in one. */
static void put_bytes(struct buf *out, struct slice bytes)
{
	size_t begin = out->n;

	if (!bytes.n || buf_append(out, bytes.p, bytes.n) < 0)
		return;
	for (size_t i = begin; i < out->n; i++) {
		if (out->p[i] == '\0')
			out->p[i] = ' ';
	}
}

static void put(struct buf *out, const char *prefix, struct slice name,
                struct slice value)
{
	(void)buf_puts(out, prefix);
	put_bytes(out, name);
	(void)buf_putc(out, '=');
	put_bytes(out, value);
	(void)buf_putc(out, '\0');
}

static void put_text(struct buf *out, const char *name, const char *value)
{
	put(out, name, slice_from(""), slice_from(value));
}

static void put_labels(struct buf *out, const char *prefix,
                       const struct am_labels *labels)
{
	for (size_t i = 0; i < labels->n; i++)
		put(out, prefix, labels->items[i].name, labels->items[i].value);
}

/* As Go's Unix() of a time, and "0" for the zero one. */
static void put_time(struct buf *out, const char *prefix, const char *name,
                     int64_t ms)
{
	int64_t s = ms / 1000 - (ms % 1000 < 0);

	(void)buf_printf(out, "%s%s=%" PRId64, prefix, name,
	                 ms == AM_NEVER ? 0 : s);
	(void)buf_putc(out, '\0');
}

static const char *status_of(bool firing)
{
	return firing ? "firing" : "resolved";
}

static void put_alert(struct buf *out, size_t number,
                      const struct am_alert *alert)
{
	char prefix[PREFIX_MAX];
	size_t n = (size_t)snprintf(prefix, sizeof(prefix), "AMX_ALERT_%zu_",
	                            number);
	char *rest = prefix + n;
	size_t size = sizeof(prefix) - n;

	put(out, prefix, slice_from("STATUS"),
	    slice_from(status_of(alert->firing)));
	put_time(out, prefix, "START", alert->starts_ms);
	put_time(out, prefix, "END", alert->ends_ms);
	put(out, prefix, slice_from("URL"), alert->generator_url);
	put(out, prefix, slice_from("FINGERPRINT"),
	    alert->fingerprint_made ? slice_from("") : alert->fingerprint);
	(void)snprintf(rest, size, "LABEL_");
	put_labels(out, prefix, &alert->labels);
	(void)snprintf(rest, size, "ANNOTATION_");
	put_labels(out, prefix, &alert->annotations);
}

/* Those before it stay whole. */
static bool put_alert_whole(struct buf *out, size_t number,
                            const struct am_alert *alert)
{
	size_t begin = out->n;

	put_alert(out, number, alert);
	if (out->failed != -E2BIG)
		return !out->failed;
	out->failed = 0;
	out->n = begin;
	return false;
}

size_t amx_environment(const struct am_message *message, struct buf *out)
{
	char length[24];
	size_t n = 0;

	(void)snprintf(length, sizeof(length), "%zu", message->n_alerts);
	put(out, "AMX_RECEIVER", slice_from(""), message->receiver);
	put_text(out, "AMX_STATUS", status_of(message->firing));
	put(out, "AMX_EXTERNAL_URL", slice_from(""), message->external_url);
	put_text(out, "AMX_ALERT_LEN", length);
	put_labels(out, "AMX_LABEL_", &message->common_labels);
	put_labels(out, "AMX_GLABEL_", &message->group_labels);
	put_labels(out, "AMX_ANNOTATION_", &message->common_annotations);
	while (!out->failed && n < message->n_alerts &&
	       put_alert_whole(out, n + 1, &message->alerts[n]))
		n++;
	return n;
}
