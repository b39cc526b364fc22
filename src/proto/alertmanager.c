/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/alertmanager.h"

#include <errno.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/number.h"
#include "proto/json_scan.h"
#include "proto/timestamp.h"

#define NO_DEPTH     UINT32_MAX
#define SPARE_ALERTS 1024 /* whose memory may be kept for the next reading */
#define SPARE_LABELS 16384

/* How many arrays and objects are around the members of … */
enum depth {
	DEPTH_DOCUMENT = 1,
	DEPTH_ALERTS = 2, /* the elements of `alerts` */
	DEPTH_ALERT = 3,
};

/* What a key means; where. */
enum field {
	FIELD_OTHER,
	/* of the document */
	FIELD_RECEIVER,
	FIELD_EXTERNAL_URL,
	FIELD_GROUP_KEY,
	FIELD_VERSION,
	FIELD_TRUNCATED,
	FIELD_ALERTS,
	FIELD_GROUP_LABELS,
	FIELD_COMMON_LABELS,
	FIELD_COMMON_ANNOTATIONS,
	/* of both */
	FIELD_STATUS,
	/* of an alert */
	FIELD_LABELS,
	FIELD_ANNOTATIONS,
	FIELD_STARTS_AT,
	FIELD_ENDS_AT,
	FIELD_GENERATOR_URL,
	FIELD_FINGERPRINT,
};

struct field_name {
	const char *name;
	enum field field;
};

static const struct field_name document_fields[] = {
	{ "receiver", FIELD_RECEIVER },
	{ "externalURL", FIELD_EXTERNAL_URL },
	{ "groupKey", FIELD_GROUP_KEY },
	{ "version", FIELD_VERSION },
	{ "status", FIELD_STATUS },
	{ "truncatedAlerts", FIELD_TRUNCATED },
	{ "alerts", FIELD_ALERTS },
	{ "groupLabels", FIELD_GROUP_LABELS },
	{ "commonLabels", FIELD_COMMON_LABELS },
	{ "commonAnnotations", FIELD_COMMON_ANNOTATIONS },
};

static const struct field_name alert_fields[] = {
	{ "status", FIELD_STATUS },
	{ "labels", FIELD_LABELS },
	{ "annotations", FIELD_ANNOTATIONS },
	{ "startsAt", FIELD_STARTS_AT },
	{ "endsAt", FIELD_ENDS_AT },
	{ "generatorURL", FIELD_GENERATOR_URL },
	{ "fingerprint", FIELD_FINGERPRINT },
};

enum status { STATUS_UNSAID, STATUS_FIRING, STATUS_RESOLVED };

/* A set while the array that holds it may still move. */
struct range {
	size_t first;
	size_t n;
};

/* An alert as far as it was read. */
struct draft {
	enum status status;
	struct range labels;
	struct range annotations;
	char own_fingerprint[AM_FINGERPRINT_MAX];
};

struct am_reader {
	struct json_scan scan;
	struct slice body;
	struct am_message message;
	struct err *err;
	struct err own_err; /* where nobody asks for words */

	/* where the scan is */
	enum field field;       /* of the document */
	enum field alert_field; /* of the present alert */
	uint32_t skip_depth;    /* what is inside of it is passed over */
	struct range *set;      /* NULL: in none */
	struct slice name;      /* of the next value of the set */
	enum status status;
	bool has_alerts;
	struct range group_labels;
	struct range common_labels;
	struct range common_annotations;

	struct buf text; /* of what was escaped */
	struct am_alert *alerts;
	struct draft *drafts;
	size_t n_alerts;
	size_t alerts_cap;
	struct label *labels; /* of all sets */
	size_t n_labels;
	size_t labels_cap;
};

/* --- words ---------------------------------------------------------------- */

static bool in_alert(const struct am_reader *reader)
{
	return reader->field == FIELD_ALERTS && reader->n_alerts > 0;
}

static const char *field_name(const struct am_reader *reader)
{
	bool alert = in_alert(reader);
	const struct field_name *names = alert ? alert_fields : document_fields;
	size_t n =
		alert ? ARRAY_SIZE(alert_fields) : ARRAY_SIZE(document_fields);
	enum field field = alert ? reader->alert_field : reader->field;

	for (size_t i = 0; i < n; i++) {
		if (names[i].field == field)
			return names[i].name;
	}
	return "";
}

/* "alerts[3].startsAt is no time" */
static int refuse(struct am_reader *reader, int outcome, const char *what)
{
	const char *name = field_name(reader);

	if (in_alert(reader))
		(void)err_set(reader->err, -EINVAL, "alerts[%zu]%s%s %s",
		              reader->n_alerts - 1, name[0] ? "." : "", name,
		              what);
	else
		(void)err_set(reader->err, -EINVAL, "%s %s",
		              name[0] ? name : "the document", what);
	return outcome;
}

/* --- memory ----------------------------------------------------------------- */

/* What was in one piece and without escapes lies in the body. The others are
 * never longer together than that, so that their memory does not move. */
static int keep_text(struct am_reader *reader, struct slice text,
                     struct slice *keptp)
{
	uintptr_t at = (uintptr_t)text.p;
	uintptr_t body = (uintptr_t)reader->body.p;

	if (text.n == 0 || (at >= body && at < body + reader->body.n)) {
		*keptp = text;
		return 0;
	}
	if (!reader->text.p && buf_reserve(&reader->text, reader->body.n) < 0)
		return -ENOMEM;
	*keptp = slice_make(reader->text.p + reader->text.n, text.n);
	return buf_append(&reader->text, text.p, text.n);
}

static int grow_labels(struct am_reader *reader)
{
	size_t cap = reader->labels_cap ? 2 * reader->labels_cap : 64;
	struct label *labels =
		mem_realloc(reader->labels, cap * sizeof(*labels));

	if (!labels)
		return -ENOMEM;
	reader->labels = labels;
	reader->labels_cap = cap;
	return 0;
}

static int grow_alerts(struct am_reader *reader)
{
	size_t cap = reader->alerts_cap ? 2 * reader->alerts_cap : 16;
	struct am_alert *alerts =
		mem_realloc(reader->alerts, cap * sizeof(*alerts));
	struct draft *drafts;

	if (!alerts)
		return -ENOMEM;
	reader->alerts = alerts;
	drafts = mem_realloc(reader->drafts, cap * sizeof(*drafts));
	if (!drafts)
		return -ENOMEM;
	reader->drafts = drafts;
	reader->alerts_cap = cap;
	return 0;
}

/* --- sets of labels ----------------------------------------------------------- */

static struct range *set_of(struct am_reader *reader)
{
	struct draft *draft;

	switch ((int)reader->field) {
	case FIELD_GROUP_LABELS:
		return &reader->group_labels;
	case FIELD_COMMON_LABELS:
		return &reader->common_labels;
	case FIELD_COMMON_ANNOTATIONS:
		return &reader->common_annotations;
	case FIELD_ALERTS:
		if (reader->n_alerts == 0)
			return NULL;
		draft = &reader->drafts[reader->n_alerts - 1];
		if (reader->alert_field == FIELD_LABELS)
			return &draft->labels;
		return reader->alert_field == FIELD_ANNOTATIONS
		               ? &draft->annotations
		               : NULL;
	default:
		return NULL;
	}
}

static int begin_set(struct am_reader *reader, struct range *set)
{
	if (set->n > 0)
		return refuse(reader, AM_E_FORMAT, "stands there twice");
	set->first = reader->n_labels;
	reader->set = set;
	return 0;
}

static int compare_labels(const void *a, const void *b)
{
	const struct label *left = a;
	const struct label *right = b;

	return slice_compare(left->name, right->name);
}

/* Alertmanager sorts them; others may not. */
static int end_set(struct am_reader *reader)
{
	struct range *set = reader->set;
	struct label *labels = reader->labels + set->first;
	bool sorted = true;

	reader->set = NULL;
	for (size_t i = 1; i < set->n && sorted; i++)
		sorted = compare_labels(&labels[i - 1], &labels[i]) < 0;
	if (sorted)
		return 0;
	qsort(labels, set->n, sizeof(*labels), compare_labels);
	for (size_t i = 1; i < set->n; i++) {
		if (slice_equal(labels[i - 1].name, labels[i].name))
			return refuse(reader, AM_E_FORMAT, "has a name twice");
	}
	return 0;
}

static int add_label(struct am_reader *reader, struct slice value)
{
	struct label *label;

	if (reader->set->n == AM_MAX_LABELS)
		return refuse(reader, AM_E_TOO_LARGE,
		              "has more than 128 names");
	if (reader->n_labels == reader->labels_cap && grow_labels(reader) < 0)
		return -ENOMEM;
	label = &reader->labels[reader->n_labels++];
	reader->set->n++;
	label->name = reader->name;
	return keep_text(reader, value, &label->value);
}

static int take_set(struct am_reader *reader,
                    const struct json_scan_token *token)
{
	switch ((int)token->kind) {
	case JSON_SCAN_KEY:
		return keep_text(reader, token->text, &reader->name);
	case JSON_SCAN_STRING:
		return add_label(reader, token->text);
	case JSON_SCAN_OBJECT_END:
		return end_set(reader);
	default:
		return refuse(reader, AM_E_FORMAT,
		              "has a value that is no text");
	}
}

/* --- values ------------------------------------------------------------------- */

static int take_status(struct am_reader *reader, struct slice text,
                       enum status *statusp)
{
	if (slice_is(text, "firing"))
		*statusp = STATUS_FIRING;
	else if (slice_is(text, "resolved"))
		*statusp = STATUS_RESOLVED;
	else
		return refuse(reader, AM_E_FORMAT,
		              "is neither \"firing\" nor \"resolved\"");
	return 0;
}

/* Go's zero time is none. */
static int take_time(struct am_reader *reader, struct slice text, int64_t *msp)
{
	if (slice_starts(text, "0001-01-01T00:00:00"))
		*msp = AM_NEVER;
	else if (timestamp_parse_rfc3339(text, msp) < 0)
		return refuse(reader, AM_E_FORMAT, "is no time (RFC 3339)");
	return 0;
}

/* What is none is made by us. */
static bool is_fingerprint(struct slice text)
{
	if (text.n == 0 || text.n >= AM_FINGERPRINT_MAX)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z'))
			return false;
	}
	return true;
}

static int take_alert_text(struct am_reader *reader, struct slice text)
{
	struct draft *draft = &reader->drafts[reader->n_alerts - 1];
	struct am_alert *alert = &reader->alerts[reader->n_alerts - 1];

	switch ((int)reader->alert_field) {
	case FIELD_STATUS:
		return take_status(reader, text, &draft->status);
	case FIELD_STARTS_AT:
		return take_time(reader, text, &alert->starts_ms);
	case FIELD_ENDS_AT:
		return take_time(reader, text, &alert->ends_ms);
	case FIELD_GENERATOR_URL:
		return keep_text(reader, text, &alert->generator_url);
	case FIELD_FINGERPRINT:
		return is_fingerprint(text)
		               ? keep_text(reader, text, &alert->fingerprint)
		               : 0;
	default:
		return 0;
	}
}

static int take_document_text(struct am_reader *reader, struct slice text)
{
	struct am_message *message = &reader->message;

	switch ((int)reader->field) {
	case FIELD_RECEIVER:
		return keep_text(reader, text, &message->receiver);
	case FIELD_EXTERNAL_URL:
		return keep_text(reader, text, &message->external_url);
	case FIELD_GROUP_KEY:
		return keep_text(reader, text, &message->group_key);
	case FIELD_VERSION:
		return keep_text(reader, text, &message->version);
	case FIELD_STATUS:
		return take_status(reader, text, &reader->status);
	default:
		return 0;
	}
}

static int take_number(struct am_reader *reader,
                       const struct json_scan_token *token)
{
	struct am_message *message = &reader->message;

	if (token->depth != DEPTH_DOCUMENT)
		return 0;
	if (reader->field == FIELD_GROUP_KEY)
		return keep_text(reader, token->text, &message->group_key);
	if (reader->field == FIELD_VERSION)
		return keep_text(reader, token->text, &message->version);
	if (reader->field == FIELD_TRUNCATED &&
	    number_parse_u64(token->text, &message->n_truncated) < 0)
		return refuse(reader, AM_E_FORMAT, "is no count");
	return 0;
}

static bool wants_text(enum field field)
{
	return field == FIELD_RECEIVER || field == FIELD_EXTERNAL_URL ||
	       field == FIELD_STATUS || field == FIELD_STARTS_AT ||
	       field == FIELD_ENDS_AT || field == FIELD_GENERATOR_URL ||
	       field == FIELD_FINGERPRINT;
}

static int take_simple(struct am_reader *reader,
                       const struct json_scan_token *token)
{
	bool alert = token->depth == DEPTH_ALERT;
	enum field field = alert ? reader->alert_field : reader->field;

	switch ((int)token->kind) {
	case JSON_SCAN_STRING:
		return alert ? take_alert_text(reader, token->text)
		             : take_document_text(reader, token->text);
	case JSON_SCAN_NULL:
		reader->has_alerts |= field == FIELD_ALERTS;
		return 0;
	case JSON_SCAN_NUMBER:
		if (!wants_text(field))
			return take_number(reader, token);
		return refuse(reader, AM_E_FORMAT, "is no text");
	default:
		return wants_text(field)
		               ? refuse(reader, AM_E_FORMAT, "is no text")
		               : 0;
	}
}

/* --- structure ------------------------------------------------------------------ */

static enum field find_field(const struct field_name *names, size_t n,
                             struct slice key)
{
	for (size_t i = 0; i < n; i++) {
		if (slice_is(key, names[i].name))
			return names[i].field;
	}
	return FIELD_OTHER;
}

static int begin_alert(struct am_reader *reader)
{
	if (reader->n_alerts == AM_MAX_ALERTS) {
		(void)err_set(reader->err, -E2BIG,
		              "alerts has more than %d elements; see "
		              "max_alerts of Alertmanager's webhook_config",
		              AM_MAX_ALERTS);
		return AM_E_TOO_LARGE;
	}
	if (reader->n_alerts == reader->alerts_cap && grow_alerts(reader) < 0)
		return -ENOMEM;
	reader->alerts[reader->n_alerts] = (struct am_alert){
		.starts_ms = AM_NEVER,
		.ends_ms = AM_NEVER,
	};
	reader->drafts[reader->n_alerts] = (struct draft){ 0 };
	reader->n_alerts++;
	reader->alert_field = FIELD_OTHER;
	return 0;
}

/* An object or array that is a value of the document, or of an alert. */
static int open_value(struct am_reader *reader,
                      const struct json_scan_token *token)
{
	bool object = token->kind == JSON_SCAN_OBJECT;
	bool alert = token->depth == DEPTH_ALERT;
	enum field field = alert ? reader->alert_field : reader->field;
	struct range *set = set_of(reader);

	if (!alert && field == FIELD_ALERTS) {
		if (reader->n_alerts > 0)
			return refuse(reader, AM_E_FORMAT,
			              "is in a second \"alerts\"");
		reader->has_alerts = true;
		return object ? refuse(reader, AM_E_FORMAT, "is no array") : 0;
	}
	if (set)
		return object ? begin_set(reader, set)
		              : refuse(reader, AM_E_FORMAT, "is no object");
	if (field != FIELD_OTHER)
		return refuse(reader, AM_E_FORMAT, "is no single value");
	reader->skip_depth = token->depth;
	return 0;
}

static int open_container(struct am_reader *reader,
                          const struct json_scan_token *token)
{
	bool object = token->kind == JSON_SCAN_OBJECT;

	if (token->depth == 0)
		return object ? 0 : refuse(reader, AM_E_FORMAT, "is no object");
	if (token->depth != DEPTH_ALERTS)
		return open_value(reader, token);
	if (object)
		return begin_alert(reader);
	return refuse(reader, AM_E_FORMAT, "has an element that is no object");
}

static int take_structure(struct am_reader *reader,
                          const struct json_scan_token *token)
{
	switch ((int)token->kind) {
	case JSON_SCAN_KEY:
		if (token->depth == DEPTH_DOCUMENT)
			reader->field = find_field(document_fields,
			                           ARRAY_SIZE(document_fields),
			                           token->text);
		else
			reader->alert_field = find_field(
				alert_fields, ARRAY_SIZE(alert_fields),
				token->text);
		return 0;
	case JSON_SCAN_OBJECT:
	case JSON_SCAN_ARRAY:
		return open_container(reader, token);
	case JSON_SCAN_OBJECT_END:
	case JSON_SCAN_ARRAY_END:
		reader->alert_field = FIELD_OTHER;
		return 0;
	default:
		if (token->depth == 0)
			return refuse(reader, AM_E_FORMAT, "is no object");
		if (token->depth == DEPTH_ALERTS)
			return refuse(reader, AM_E_FORMAT,
			              "has an element that is no object");
		return take_simple(reader, token);
	}
}

static int on_token(void *context, const struct json_scan_token *token)
{
	struct am_reader *reader = context;

	if (reader->skip_depth != NO_DEPTH) {
		if (token->depth == reader->skip_depth)
			reader->skip_depth = NO_DEPTH;
		return 0;
	}
	if (token->cut)
		return refuse(reader, AM_E_TOO_LARGE,
		              "has a text of more than 65536 bytes");
	return reader->set ? take_set(reader, token)
	                   : take_structure(reader, token);
}

/* --- the whole ------------------------------------------------------------------ */

static struct am_labels labels_of(const struct am_reader *reader,
                                  const struct range *range)
{
	return (struct am_labels){
		range->n ? reader->labels + range->first : NULL,
		range->n,
	};
}

/* The arrays do not move any more. */
static void finish_alert(struct am_reader *reader, size_t i)
{
	struct am_alert *alert = &reader->alerts[i];
	struct draft *draft = &reader->drafts[i];
	enum status status = draft->status ? draft->status : reader->status;

	alert->labels = labels_of(reader, &draft->labels);
	alert->annotations = labels_of(reader, &draft->annotations);
	alert->firing = status != STATUS_RESOLVED;
	alert->fingerprint_made = alert->fingerprint.n == 0;
	if (alert->fingerprint_made)
		alert->fingerprint = slice_from(
			am_fingerprint(&alert->labels, draft->own_fingerprint));
	reader->message.firing |= alert->firing;
}

static int finish(struct am_reader *reader)
{
	struct am_message *message = &reader->message;

	if (!reader->has_alerts) {
		(void)err_set(reader->err, -EINVAL,
		              "there is no \"alerts\": not what "
		              "Alertmanager's webhook sends");
		return AM_E_FORMAT;
	}
	for (size_t i = 0; i < reader->n_alerts; i++)
		finish_alert(reader, i);
	message->alerts = reader->alerts;
	message->n_alerts = reader->n_alerts;
	message->group_labels = labels_of(reader, &reader->group_labels);
	message->common_labels = labels_of(reader, &reader->common_labels);
	message->common_annotations =
		labels_of(reader, &reader->common_annotations);
	return 0;
}

/* What was a large one must not stay large. */
static void trim(struct am_reader *reader)
{
	buf_fini(&reader->text);
	if (reader->alerts_cap > SPARE_ALERTS) {
		mem_free(reader->alerts);
		mem_free(reader->drafts);
		reader->alerts = NULL;
		reader->drafts = NULL;
		reader->alerts_cap = 0;
	}
	if (reader->labels_cap > SPARE_LABELS) {
		mem_free(reader->labels);
		reader->labels = NULL;
		reader->labels_cap = 0;
	}
}

static void begin(struct am_reader *reader, struct slice body, struct err *err)
{
	struct slice none = slice_from("");

	trim(reader);
	json_scan_reset(&reader->scan);
	buf_init(&reader->text, body.n + 1);
	reader->body = body;
	reader->err = err ? err : &reader->own_err;
	err_clear(reader->err);
	reader->message = (struct am_message){
		.receiver = none,
		.external_url = none,
		.group_key = none,
		.version = none,
	};
	reader->field = FIELD_OTHER;
	reader->alert_field = FIELD_OTHER;
	reader->skip_depth = NO_DEPTH;
	reader->set = NULL;
	reader->status = STATUS_UNSAID;
	reader->has_alerts = false;
	reader->group_labels = (struct range){ 0 };
	reader->common_labels = (struct range){ 0 };
	reader->common_annotations = (struct range){ 0 };
	reader->n_alerts = 0;
	reader->n_labels = 0;
}

static int scan_failed(int r, struct err *err)
{
	switch (r) {
	case JSON_SCAN_E_SYNTAX:
		(void)err_set(err, -EINVAL, "not JSON");
		return AM_E_FORMAT;
	case JSON_SCAN_E_TOO_DEEP:
		(void)err_set(err, -EINVAL, "JSON that is nested too deeply");
		return AM_E_FORMAT;
	default:
		(void)err_set(err, -EINVAL, "JSON that is cut short, or empty");
		return AM_E_FORMAT;
	}
}

int am_read(struct am_reader *reader, struct slice body,
            struct am_message *message, struct err *err)
{
	int r;

	begin(reader, body, err);
	/* what the callback returns is told by its words */
	r = json_scan_feed(&reader->scan, body);
	if (r == 0)
		r = json_scan_finish(&reader->scan);
	if (r < 0)
		return err_set(err, r, "out of memory");
	if (r > 0)
		return reader->err->code ? r : scan_failed(r, err);
	r = finish(reader);
	if (r == 0)
		*message = reader->message;
	return r;
}

struct am_reader *am_reader_new(void)
{
	struct am_reader *reader = mem_calloc(1, sizeof(*reader));

	if (reader)
		json_scan_init(&reader->scan, AM_MAX_TEXT, on_token, reader);
	return reader;
}

void am_reader_free(struct am_reader *reader)
{
	if (!reader)
		return;
	json_scan_fini(&reader->scan);
	buf_fini(&reader->text);
	mem_free(reader->alerts);
	mem_free(reader->drafts);
	mem_free(reader->labels);
	mem_free(reader);
}

/* --- labels --------------------------------------------------------------------- */

static uint64_t fnv(uint64_t hash, struct slice text)
{
	for (size_t i = 0; i < text.n; i++)
		hash = (hash ^ (uint8_t)text.p[i]) * UINT64_C(1099511628211);
	/* what no text has ends it */
	return (hash ^ 0xff) * UINT64_C(1099511628211);
}

const char *am_fingerprint(const struct am_labels *labels, char *out)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < labels->n; i++) {
		hash = fnv(hash, labels->items[i].name);
		hash = fnv(hash, labels->items[i].value);
	}
	for (size_t i = 0; i < 16; i++)
		out[i] = digits[hash >> (60 - 4 * i) & 0xf];
	out[16] = '\0';
	return out;
}

struct slice am_label(const struct am_labels *labels, const char *name)
{
	for (size_t i = 0; i < labels->n; i++) {
		if (slice_is(labels->items[i].name, name))
			return labels->items[i].value;
	}
	return slice_from("");
}
