/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/kubernetes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/map.h"
#include "base/text.h"
#include "proto/timestamp.h"

#define API_VERSION "coordination.k8s.io/v1"
#define WORDS_MAX   200   /* bytes of a message that are repeated */
#define MAX_STATUS  65536 /* bytes of one that is read at all */

/* The fields of a spec that we write; the others are kept. */
static const char *const our_fields[] = { "holderIdentity",
	                                  "leaseDurationSeconds", "acquireTime",
	                                  "renewTime", "leaseTransitions" };
#define ACQUIRE_TIME "acquireTime"

/* --- reading ---------------------------------------------------------------- */

int kubernetes_lease_parse(struct slice text, struct json_t **rootp,
                           struct kubernetes_lease *lease, struct err *err)
{
	const struct json_t *spec;
	struct json_t *root;
	struct buf printed;
	int64_t seconds;
	int r = json_parse(text, &root, err);

	if (r < 0)
		return r;
	if (!slice_is(json_as_text(json_get(root, "kind")), "Lease")) {
		json_free(root);
		return err_set(err, -EINVAL, "the answer is no Lease");
	}
	spec = json_get(root, "spec");
	buf_init(&printed, KUBERNETES_MAX_LEASE);
	r = spec ? json_print(spec, &printed) : 0;
	if (r < 0) {
		buf_fini(&printed);
		json_free(root);
		return err_set_code(err, r, "Lease");
	}
	seconds = json_as_int(json_get(spec, "leaseDurationSeconds"), 0);
	*lease = (struct kubernetes_lease){
		.holder = json_as_text(json_get(spec, "holderIdentity")),
		.duration_ms = (uint64_t)MIN(MAX(seconds, 0), INT32_MAX) * 1000,
		.transitions = (uint64_t)MAX(
			json_as_int(json_get(spec, "leaseTransitions"), 0), 0),
		.hash = map_hash(0, printed.p, printed.n),
	};
	buf_fini(&printed);
	*rootp = root;
	return 0;
}

void kubernetes_status_words(struct buf *out, struct slice text)
{
	struct json_t *root;
	struct slice words;

	if (text.n > MAX_STATUS || json_parse(text, &root, NULL) < 0)
		return;
	words = json_as_text(json_get(root, "message"));
	if (words.n > 0) {
		(void)buf_puts(out, ": ");
		text_append_clean(out, text_cut(words, WORDS_MAX), false);
	}
	json_free(root);
}

/* --- writing ---------------------------------------------------------------- */

/* "2006-01-02T15:04:05.000000Z", six decimals, neither more nor less. */
static const char *micro_time(int64_t now_us, char out[TIMESTAMP_TEXT_MAX])
{
	char text[TIMESTAMP_TEXT_MAX];
	int n;

	(void)timestamp_format(now_us / 1000, text);
	n = (int)strcspn(text, "Z");
	(void)snprintf(out, TIMESTAMP_TEXT_MAX, "%.*s%03dZ", MIN(n, 23), text,
	               (int)(now_us % 1000));
	return out;
}

static void put_key(struct buf *out, const char *name)
{
	if (out->n > 0 && out->p[out->n - 1] != '{')
		(void)buf_putc(out, ',');
	(void)buf_putc(out, '"');
	text_escape_json(out, slice_from(name));
	(void)buf_puts(out, "\":");
}

static void put_text(struct buf *out, const char *name, const char *text)
{
	put_key(out, name);
	(void)buf_putc(out, '"');
	text_escape_json(out, slice_from(text));
	(void)buf_putc(out, '"');
}

static void put_number(struct buf *out, const char *name, uint64_t number)
{
	put_key(out, name);
	(void)buf_printf(out, "%" PRIu64, number);
}

static bool is_ours(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(our_fields); i++)
		if (strcmp(name, our_fields[i]) == 0)
			return true;
	return false;
}

static void put_copy(struct buf *out, const char *name,
                     const struct json_t *value)
{
	put_key(out, name);
	if (json_print(value, out) < 0 && !out->failed)
		out->failed = -ENOMEM;
}

static void put_spec(struct buf *out, const struct json_t *spec,
                     const struct kubernetes_lease_change *change)
{
	const struct json_t *acquired = json_get(spec, ACQUIRE_TIME);
	struct json_member member = { 0 };
	char now[TIMESTAMP_TEXT_MAX];

	put_key(out, "spec");
	(void)buf_putc(out, '{');
	while (json_next_member(spec, &member))
		if (!is_ours(member.name))
			put_copy(out, member.name, member.value);
	(void)micro_time(change->now_us, now);
	put_text(out, "holderIdentity", change->holder);
	/* nothing but a number above 0 is accepted */
	put_number(out, "leaseDurationSeconds",
	           MAX(change->duration_ms / 1000, 1));
	if (!change->acquired && !json_is_missing(acquired))
		put_copy(out, ACQUIRE_TIME, acquired);
	else
		put_text(out, ACQUIRE_TIME, now);
	put_text(out, "renewTime", now);
	put_number(out, "leaseTransitions", change->transitions);
	(void)buf_putc(out, '}');
}

void kubernetes_lease_write(struct buf *out, const struct json_t *root,
                            const struct kubernetes_lease_change *change)
{
	struct json_member member = { 0 };

	(void)buf_putc(out, '{');
	while (json_next_member(root, &member))
		if (strcmp(member.name, "spec") != 0)
			put_copy(out, member.name, member.value);
	if (!root) {
		put_text(out, "apiVersion", API_VERSION);
		put_text(out, "kind", "Lease");
		put_key(out, "metadata");
		(void)buf_putc(out, '{');
		put_text(out, "name", change->name);
		put_text(out, "namespace", change->namespace_);
		(void)buf_putc(out, '}');
	}
	put_spec(out, json_get(root, "spec"), change);
	(void)buf_putc(out, '}');
}
