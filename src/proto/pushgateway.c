/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pushgateway.h"

#include <errno.h>
#include "base/mem.h"
#include "proto/timestamp.h"

#define FIRST_TIMES 8
#define NOT_GROUPS  (-EPROTO) /* apart from what json_scan itself says */
/* of all labels of one group */
#define MAX_GROUP_TEXT \
	((size_t)2 * PUSHGATEWAY_MAX_LABELS * PUSHGATEWAY_MAX_TEXT)

/*
 * The depths of json_scan_token: arrays and objects around a token.
 *
 *     0 {  1 "data": [  2 {  3 "labels": {  4 "job": "backup"
 *                            3 "FAMILY": {  4 "time_stamp": "…"
 */
enum depth { IN_ROOT = 1, IN_DATA, IN_GROUP, IN_MEMBER };

/* What the value to come is, by the keys that led to it. */
enum key {
	KEY_OTHER,
	KEY_STATUS,
	KEY_DATA,
	KEY_LABELS,     /* of the group */
	KEY_FAMILY,     /* one that is wanted */
	KEY_TIME_STAMP, /* of that family */
};

/* --- one group ----------------------------------------------------------- */

static void begin_group(struct pushgateway_document *doc)
{
	doc->bad_group = false;
	doc->has_labels = false;
	doc->family = NULL;
	doc->n_texts = 0;
	doc->n_times = 0;
	buf_reset(&doc->text);
}

/* A label's name or its value; they take turns. */
static int add_text(struct pushgateway_document *doc,
                    const struct json_scan_token *token)
{
	if (token->cut || doc->n_texts == ARRAY_SIZE(doc->text_lengths)) {
		doc->bad_group = true;
		return 0;
	}
	doc->text_lengths[doc->n_texts++] = (uint32_t)token->text.n;
	return buf_append(&doc->text, token->text.p, token->text.n);
}

static int add_time(struct pushgateway_document *doc,
                    const struct json_scan_token *token)
{
	int64_t unix_ms;

	if (token->kind != JSON_SCAN_STRING ||
	    timestamp_parse_rfc3339(token->text, &unix_ms) < 0 ||
	    doc->n_times == PUSHGATEWAY_MAX_FAMILIES) {
		doc->bad_group = true;
		return 0;
	}
	if (doc->n_times == doc->cap_times) {
		size_t cap = MAX(doc->cap_times * 2, FIRST_TIMES);
		void *times =
			mem_realloc(doc->times, cap * sizeof(*doc->times));

		if (!times)
			return -ENOMEM;
		doc->times = times;
		doc->cap_times = cap;
	}
	doc->times[doc->n_times++] =
		(struct pushgateway_family_time){ doc->family, unix_ms };
	return 0;
}

static void end_group(struct pushgateway_document *doc)
{
	struct label labels[PUSHGATEWAY_MAX_LABELS];
	const char *p = buf_text(&doc->text);
	size_t n_labels = doc->n_texts / 2;

	doc->n_groups++;
	if (doc->bad_group || !doc->has_labels) {
		doc->n_bad++;
		return;
	}
	for (size_t i = 0; i < n_labels; i++) {
		labels[i].name = slice_make(p, doc->text_lengths[i * 2]);
		p += labels[i].name.n;
		labels[i].value = slice_make(p, doc->text_lengths[i * 2 + 1]);
		p += labels[i].value.n;
	}
	for (size_t i = 0; i < doc->n_times; i++)
		doc->callbacks->pushed(doc->context, labels, n_labels,
		                       doc->times[i].family,
		                       doc->times[i].unix_ms);
}

/* --- tokens -------------------------------------------------------------- */

static bool is_end(const struct json_scan_token *token)
{
	return token->kind == JSON_SCAN_OBJECT_END ||
	       token->kind == JSON_SCAN_ARRAY_END;
}

static int on_root_token(struct pushgateway_document *doc,
                         const struct json_scan_token *token)
{
	if (token->kind == JSON_SCAN_KEY) {
		doc->key = slice_is(token->text, "status") ? KEY_STATUS
		           : slice_is(token->text, "data") ? KEY_DATA
		                                           : KEY_OTHER;
		return 0;
	}
	if (doc->key == KEY_STATUS)
		doc->success = token->kind == JSON_SCAN_STRING &&
		               slice_is(token->text, "success");
	if (doc->key == KEY_DATA && !is_end(token)) {
		if (token->kind != JSON_SCAN_ARRAY)
			return NOT_GROUPS;
		doc->has_data = true;
		doc->in_data = true;
	}
	if (is_end(token))
		doc->in_data = false;
	return 0;
}

static int on_data_token(struct pushgateway_document *doc,
                         const struct json_scan_token *token)
{
	if (token->kind == JSON_SCAN_OBJECT)
		begin_group(doc);
	else if (token->kind == JSON_SCAN_OBJECT_END)
		end_group(doc);
	else
		return NOT_GROUPS;
	return 0;
}

static void on_group_token(struct pushgateway_document *doc,
                           const struct json_scan_token *token)
{
	if (token->kind == JSON_SCAN_KEY) {
		doc->family = NULL;
		doc->key = slice_is(token->text, "labels") ? KEY_LABELS
		                                           : KEY_OTHER;
		if (doc->key == KEY_OTHER && !token->cut)
			doc->family = doc->callbacks->wanted(doc->context,
			                                     token->text);
		if (doc->family)
			doc->key = KEY_FAMILY;
	} else if (!is_end(token)) {
		if (doc->key == KEY_LABELS) {
			if (token->kind != JSON_SCAN_OBJECT || doc->has_labels)
				doc->bad_group = true;
			doc->has_labels = true;
		}
		/* last_push_successful is no family, whoever wants it */
		if (token->kind != JSON_SCAN_OBJECT)
			doc->key = KEY_OTHER;
	}
}

static int on_member_token(struct pushgateway_document *doc,
                           const struct json_scan_token *token)
{
	bool is_key = token->kind == JSON_SCAN_KEY;

	if (doc->key == KEY_LABELS) {
		if (is_key || token->kind == JSON_SCAN_STRING)
			return add_text(doc, token);
		doc->bad_group = true;
		return 0;
	}
	if (doc->key == KEY_TIME_STAMP && !is_key) {
		doc->key = KEY_FAMILY;
		return add_time(doc, token);
	}
	if (doc->key == KEY_FAMILY && is_key &&
	    slice_is(token->text, "time_stamp"))
		doc->key = KEY_TIME_STAMP;
	return 0;
}

static int on_token(void *context, const struct json_scan_token *token)
{
	struct pushgateway_document *doc = context;

	if (token->depth == 0)
		return token->kind == JSON_SCAN_OBJECT ||
		                       token->kind == JSON_SCAN_OBJECT_END
		               ? 0
		               : NOT_GROUPS;
	if (token->depth == IN_ROOT)
		return on_root_token(doc, token);
	if (!doc->in_data)
		return 0;
	if (token->depth == IN_DATA)
		return on_data_token(doc, token);
	if (token->depth == IN_GROUP)
		on_group_token(doc, token);
	else if (token->depth == IN_MEMBER)
		return on_member_token(doc, token);
	return 0;
}

/* --- the document -------------------------------------------------------- */

void pushgateway_document_init(struct pushgateway_document *doc,
                               const struct pushgateway_callbacks *callbacks,
                               void *context)
{
	*doc = (struct pushgateway_document){ .callbacks = callbacks,
		                              .context = context };
	buf_init(&doc->text, MAX_GROUP_TEXT);
	json_scan_init(&doc->json, PUSHGATEWAY_MAX_TEXT, on_token, doc);
}

void pushgateway_document_fini(struct pushgateway_document *doc)
{
	json_scan_fini(&doc->json);
	buf_fini(&doc->text);
	mem_free(doc->times);
	doc->times = NULL;
	doc->cap_times = 0;
}

void pushgateway_document_reset(struct pushgateway_document *doc)
{
	json_scan_reset(&doc->json);
	doc->n_groups = 0;
	doc->n_bad = 0;
	doc->key = KEY_OTHER;
	doc->success = false;
	doc->has_data = false;
	doc->in_data = false;
}

static int outcome_of(int r)
{
	switch (r) {
	case JSON_SCAN_E_SYNTAX:
	case JSON_SCAN_E_TOO_DEEP:
		return PUSHGATEWAY_E_NOT_JSON;
	case JSON_SCAN_E_TRUNCATED:
		return PUSHGATEWAY_E_TRUNCATED;
	case NOT_GROUPS:
		return PUSHGATEWAY_E_NOT_GROUPS;
	default:
		return r;
	}
}

int pushgateway_document_feed(struct pushgateway_document *doc,
                              struct slice bytes)
{
	return outcome_of(json_scan_feed(&doc->json, bytes));
}

int pushgateway_document_finish(struct pushgateway_document *doc)
{
	int r = json_scan_finish(&doc->json);

	if (r == 0 && (!doc->success || !doc->has_data))
		r = NOT_GROUPS;
	return outcome_of(r);
}
